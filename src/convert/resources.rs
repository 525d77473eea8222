//! CPU, memory, block I/O, devices and limits: the service's own keys, then what `deploy` says.

use bollard::models::{
    DeviceMapping, DeviceRequest, HostConfig, ResourcesBlkioWeightDevice, ResourcesUlimits,
    ThrottleDevice,
};

use super::{list, map, text};
use crate::project::{self, BlkioConfig, Resource, Service, Ulimit};

/// Fills the resources of a host config in.
pub(super) fn fill(service: &Service, host: &mut HostConfig) {
    host.cgroup_parent = text(&service.cgroup_parent);
    host.memory = number(service.mem_limit.0);
    host.memory_swap = number(service.memswap_limit.0);
    host.memory_swappiness = number(service.mem_swappiness.0);
    host.memory_reservation = number(service.mem_reservation.0);
    host.oom_kill_disable = Some(service.oom_kill_disable);
    host.cpu_count = number(service.cpu_count);
    host.cpu_period = number(service.cpu_period);
    host.cpu_quota = number(service.cpu_quota);
    host.cpu_realtime_period = number(service.cpu_rt_period);
    host.cpu_realtime_runtime = number(service.cpu_rt_runtime);
    host.cpu_shares = number(service.cpu_shares);
    host.nano_cpus = number(nano(service.cpus));
    host.cpu_percent = number((service.cpu_percent * 100.0) as i64);
    host.cpuset_cpus = text(&service.cpuset);
    host.device_cgroup_rules = list(&service.device_cgroup_rules);
    host.pids_limit = number(service.pids_limit);
    if let Some(blkio) = &service.blkio_config {
        fill_blkio(blkio, host);
    }
    let mut requests = Vec::new();
    if let Some(deploy) = &service.deploy {
        if let Some(limits) = &deploy.resources.limits {
            fill_limits(limits, host);
        }
        if let Some(reservations) = &deploy.resources.reservations {
            host.memory_reservation = number(reservations.memory.0).or(host.memory_reservation);
            requests.extend(reservations.devices.iter().map(reserved));
        }
    }
    fill_devices(service, host, requests);
    host.ulimits = list(&service.ulimits.iter().map(ulimit).collect::<Vec<_>>());
}

fn number(value: i64) -> Option<i64> {
    (value != 0).then_some(value)
}

/// Billionths of a core, computed in single precision as Compose computes them.
fn nano(cores: f32) -> i64 {
    (cores * 1e9) as i64
}

fn fill_limits(limits: &Resource, host: &mut HostConfig) {
    host.memory = number(limits.memory.0).or(host.memory);
    host.nano_cpus = number(nano(limits.cpus)).or(host.nano_cpus);
    if limits.pids > 0 {
        host.pids_limit = Some(limits.pids);
    }
}

fn fill_devices(service: &Service, host: &mut HostConfig, mut requests: Vec<DeviceRequest>) {
    let (named, paths): (Vec<_>, Vec<_>) = service
        .devices
        .iter()
        .partition(|device| device.source == device.target && is_qualified(&device.source));
    let devices: Vec<_> = paths
        .iter()
        .map(|device| DeviceMapping {
            path_on_host: text(&device.source),
            path_in_container: text(&device.target),
            cgroup_permissions: text(&device.permissions),
        })
        .collect();
    host.devices = list(&devices);
    if !named.is_empty() {
        requests.push(DeviceRequest {
            driver: Some("cdi".into()),
            device_ids: Some(named.iter().map(|device| device.source.clone()).collect()),
            ..DeviceRequest::default()
        });
    }
    for gpu in &service.gpus {
        let mut request = reserved(gpu);
        if let Some(capabilities) = request.capabilities.iter_mut().flatten().next() {
            capabilities.push("gpu".into());
        }
        requests.push(request);
    }
    host.device_requests = list(&requests);
}

fn reserved(device: &project::DeviceRequest) -> DeviceRequest {
    DeviceRequest {
        driver: text(&device.driver),
        count: number(device.count.0),
        device_ids: list(&device.device_ids),
        capabilities: Some(vec![device.capabilities.clone()]),
        options: map(&device.options),
    }
}

/// Whether a device is named as the container device interface names them: `vendor.tld/class=name`.
fn is_qualified(device: &str) -> bool {
    let word = |text: &str, inner: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        ends(text.chars().next())
            && ends(text.chars().last())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || inner.contains(c))
    };
    let Some((kind, name)) = device.split_once('=') else {
        return false;
    };
    let Some((vendor, class)) = kind.split_once('/') else {
        return false;
    };
    let letter_first = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
    letter_first(vendor)
        && word(vendor, "_-.")
        && letter_first(class)
        && word(class, "_-")
        && word(name, "_-.:")
}

fn ulimit((name, limit): (&String, &Ulimit)) -> ResourcesUlimits {
    let (soft, hard) = match *limit {
        Ulimit::Single(both) => (both, both),
        Ulimit::Pair { soft, hard } => (soft, hard),
    };
    ResourcesUlimits {
        name: Some(name.clone()),
        soft: Some(soft),
        hard: Some(hard),
    }
}

fn fill_blkio(blkio: &BlkioConfig, host: &mut HostConfig) {
    let limits = |devices: &[project::ThrottleDevice]| {
        let limits: Vec<_> = devices
            .iter()
            .map(|device| ThrottleDevice {
                path: Some(device.path.clone()),
                rate: Some(device.rate.0),
            })
            .collect();
        list(&limits)
    };
    let weights: Vec<_> = blkio
        .weight_device
        .iter()
        .map(|device| ResourcesBlkioWeightDevice {
            path: Some(device.path.clone()),
            weight: Some(usize::from(device.weight)),
        })
        .collect();
    host.blkio_weight = Some(blkio.weight);
    host.blkio_weight_device = list(&weights);
    host.blkio_device_read_bps = limits(&blkio.device_read_bps);
    host.blkio_device_read_iops = limits(&blkio.device_read_iops);
    host.blkio_device_write_bps = limits(&blkio.device_write_bps);
    host.blkio_device_write_iops = limits(&blkio.device_write_iops);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_of_the_container_device_interface_is_told_from_a_path() {
        assert!(is_qualified("vendor.com/class=name"));
        assert!(is_qualified("nvidia.com/gpu=all"));
        for path in [
            "/dev/fuse",
            "/dev/a=b",
            "vendor/class=",
            "vendor=name",
            "1v/c=n",
        ] {
            assert!(!is_qualified(path), "{path}");
        }
    }

    #[test]
    fn cores_are_counted_in_single_precision() {
        assert_eq!(nano(0.1), 100_000_000);
        assert_eq!(nano(1.5), 1_500_000_000);
        assert_eq!(nano(0.7), 700_000_000);
    }
}
