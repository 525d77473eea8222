//! A service and everything below it but `build` and `deploy`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Always, Blank, Build, Deploy, DeviceRequest, Duration, FileMode, ShellCommand, UnitBytes, model,
};
use crate::name::ServiceName;

/// Keys with values; an absent value is taken from the environment or left out.
pub type Environment = BTreeMap<String, Option<String>>;
/// Keys with values.
pub type Mapping = BTreeMap<String, String>;
/// `x-*` keys, kept as they are.
pub type Extensions = BTreeMap<String, serde_json::Value>;

model! {
    /// One entry of `services:`.
    pub struct Service {
        profiles: Vec<String>,
        annotations: Mapping,
        attach: Option<bool>,
        build: Option<Build>,
        develop: Option<Develop>,
        blkio_config: Option<BlkioConfig>,
        cap_add: Vec<String>,
        cap_drop: Vec<String>,
        cgroup_parent: String,
        cgroup: String,
        cpu_count: i64,
        cpu_percent: f32,
        cpu_period: i64,
        cpu_quota: i64,
        cpu_rt_period: i64,
        cpu_rt_runtime: i64,
        cpus: f32,
        cpuset: String,
        cpu_shares: i64,
        command: ShellCommand,
        configs: Vec<FileReference>,
        container_name: String,
        credential_spec: Option<CredentialSpec>,
        depends_on: BTreeMap<ServiceName, Dependency>,
        deploy: Option<Deploy>,
        device_cgroup_rules: Vec<String>,
        devices: Vec<DeviceMapping>,
        dns: Vec<String>,
        dns_opt: Vec<String>,
        dns_search: Vec<String>,
        dockerfile: String,
        domainname: String,
        entrypoint: ShellCommand,
        provider: Option<Provider>,
        environment: Environment,
        env_file: Vec<EnvFile>,
        expose: Vec<String>,
        extends: Option<Extends>,
        external_links: Vec<String>,
        extra_hosts: ExtraHosts,
        group_add: Vec<String>,
        gpus: Vec<DeviceRequest>,
        hostname: String,
        healthcheck: Option<HealthCheck>,
        image: String,
        init: Option<bool>,
        ipc: String,
        isolation: String,
        labels: Mapping,
        label_file: Vec<String>,
        links: Vec<String>,
        logging: Option<Logging>,
        log_driver: String,
        log_opt: Mapping,
        mem_limit: UnitBytes,
        mem_reservation: UnitBytes,
        memswap_limit: UnitBytes,
        mem_swappiness: UnitBytes,
        mac_address: String,
        models: BTreeMap<String, Option<ServiceModel>>,
        net: String,
        network_mode: String,
        networks: BTreeMap<String, Option<ServiceNetwork>>,
        oom_kill_disable: bool,
        oom_score_adj: i64,
        pid: String,
        pids_limit: i64,
        platform: String,
        ports: Vec<Port>,
        privileged: bool,
        pull_policy: String,
        read_only: bool,
        restart: String,
        runtime: String,
        scale: Option<i64>,
        secrets: Vec<FileReference>,
        security_opt: Vec<String>,
        shm_size: UnitBytes,
        stdin_open: bool,
        stop_grace_period: Option<Duration>,
        stop_signal: String,
        storage_opt: Mapping,
        sysctls: Mapping,
        tmpfs: Vec<String>,
        tty: bool,
        ulimits: BTreeMap<String, Ulimit>,
        use_api_socket: bool,
        user: String,
        userns_mode: String,
        uts: String,
        volume_driver: String,
        volumes: Vec<Mount>,
        volumes_from: Vec<String>,
        working_dir: String,
        pre_start: Vec<Hook>,
        post_start: Vec<Hook>,
        pre_stop: Vec<Hook>,
        #[serde(skip_serializing)]
        extensions: Extensions,
    }

    /// `develop:` what live reload does.
    pub struct Develop {
        watch: Vec<Trigger>,
    }

    /// `blkio_config:` weights and limits of block I/O.
    pub struct BlkioConfig {
        weight: u16,
        weight_device: Vec<WeightDevice>,
        device_read_bps: Vec<ThrottleDevice>,
        device_read_iops: Vec<ThrottleDevice>,
        device_write_bps: Vec<ThrottleDevice>,
        device_write_iops: Vec<ThrottleDevice>,
    }

    /// A config or secret granted to a service.
    pub struct FileReference {
        source: String,
        target: String,
        uid: String,
        gid: String,
        mode: Option<FileMode>,
    }

    /// `credential_spec:` of a Windows service.
    pub struct CredentialSpec {
        config: String,
        file: String,
        registry: String,
    }

    /// One entry of `depends_on:`.
    pub struct Dependency {
        condition: Condition,
        restart: bool,
        required: Always,
    }

    /// One device of the host in the container.
    pub struct DeviceMapping {
        source: String,
        target: String,
        permissions: String,
    }

    /// `provider:` an external program that stands for the service.
    pub struct Provider {
        r#type: String,
        options: BTreeMap<String, Vec<String>>,
    }

    /// `extends:` before it is resolved.
    pub struct Extends {
        file: String,
        service: String,
    }

    /// `healthcheck:`.
    pub struct HealthCheck {
        test: Vec<String>,
        timeout: Option<Duration>,
        interval: Option<Duration>,
        retries: Option<u64>,
        start_period: Option<Duration>,
        start_interval: Option<Duration>,
        disable: bool,
    }

    /// `logging:`.
    pub struct Logging {
        driver: String,
        options: Mapping,
    }

    /// How a service asks for a model.
    pub struct ServiceModel {
        endpoint_var: String,
        model_var: String,
    }

    /// A service's place on one network.
    pub struct ServiceNetwork {
        aliases: Vec<String>,
        driver_opts: Mapping,
        gw_priority: i64,
        interface_name: String,
        ipv4_address: String,
        ipv6_address: String,
        link_local_ips: Vec<String>,
        mac_address: String,
        priority: i64,
    }

    /// One published port, in the long form; `published` may be a range.
    pub struct Port {
        name: String,
        mode: String,
        host_ip: String,
        target: u32,
        published: String,
        protocol: String,
        app_protocol: String,
    }

    /// One mount, in the long form.
    pub struct Mount {
        r#type: MountType,
        source: String,
        target: String,
        read_only: bool,
        consistency: String,
        bind: Option<BindOptions>,
        volume: Option<VolumeOptions>,
        tmpfs: Option<TmpfsOptions>,
        image: Option<ImageOptions>,
    }

    /// Options of a bind mount.
    pub struct BindOptions {
        selinux: String,
        propagation: String,
        create_host_path: bool,
        recursive: String,
    }

    /// Options of a volume mount.
    pub struct VolumeOptions {
        labels: Mapping,
        nocopy: bool,
        subpath: String,
    }

    /// Options of a tmpfs mount.
    pub struct TmpfsOptions {
        size: UnitBytes,
        mode: u32,
    }

    /// Options of an image mount.
    pub struct ImageOptions {
        subpath: String,
    }
}

/// What a dependent waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// The dependency's containers run.
    #[default]
    #[serde(rename = "service_started")]
    Started,
    /// Its healthcheck passes.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// It ended with 0.
    #[serde(rename = "service_completed_successfully")]
    CompletedSuccessfully,
}

impl Blank for Condition {
    fn is_blank(&self) -> bool {
        false
    }
}

/// The kind of a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountType {
    /// A path of the host.
    Bind,
    /// A volume of the engine.
    #[default]
    Volume,
    /// Memory.
    Tmpfs,
    /// A swarm cluster volume.
    Cluster,
    /// A Windows named pipe.
    Npipe,
    /// The content of an image.
    Image,
}

impl Blank for MountType {
    fn is_blank(&self) -> bool {
        false
    }
}

/// One device with its weight.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightDevice {
    /// The device's path.
    #[serde(rename = "Path", alias = "path", default)]
    pub path: String,
    /// 10 to 1000.
    #[serde(rename = "Weight", alias = "weight", default)]
    pub weight: u16,
}

/// One device with its limit: bytes or operations a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThrottleDevice {
    /// The device's path.
    #[serde(rename = "Path", alias = "path", default)]
    pub path: String,
    /// Bytes or operations a second.
    #[serde(rename = "Rate", alias = "rate", default)]
    pub rate: UnitBytes,
}

/// One rule of `develop.watch`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// What is watched: a file or folder of the host.
    pub path: String,
    /// What a change does: `sync`, `rebuild`, `restart`, `sync+restart` or `sync+exec`.
    pub action: String,
    /// Where it goes in the container.
    #[serde(default, skip_serializing_if = "Blank::is_blank")]
    pub target: String,
    /// What runs after a sync.
    #[serde(default)]
    pub exec: Hook,
    /// Only these patterns.
    #[serde(default, skip_serializing_if = "Blank::is_blank")]
    pub include: Vec<String>,
    /// Never these patterns.
    #[serde(default, skip_serializing_if = "Blank::is_blank")]
    pub ignore: Vec<String>,
    /// Whether what differs at the start is copied.
    #[serde(default, skip_serializing_if = "Blank::is_blank")]
    pub initial_sync: bool,
}

model! {
    /// A command run at a point of a container's life.
    pub struct Hook {
        command: ShellCommand,
        image: String,
        user: String,
        privileged: bool,
        working_dir: String,
        environment: Environment,
        per_replica: bool,
    }
}

/// One file of `env_file:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvFile {
    /// The file.
    pub path: String,
    /// Whether it has to be there.
    #[serde(default)]
    pub required: Always,
    /// Empty for dotenv, `raw` for Docker's own form.
    #[serde(default, skip_serializing_if = "Blank::is_blank")]
    pub format: String,
}

/// One limit: the same number for both, or a soft and a hard one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Ulimit {
    /// Both limits are this.
    Single(i64),
    /// Two limits.
    Pair {
        /// What the process starts with.
        #[serde(default, skip_serializing_if = "Blank::is_blank")]
        soft: i64,
        /// What it may raise it to.
        #[serde(default, skip_serializing_if = "Blank::is_blank")]
        hard: i64,
    },
}

/// Extra lines of `/etc/hosts`: a host and its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtraHosts(pub BTreeMap<String, Vec<String>>);

impl ExtraHosts {
    /// `host<separator>address` for each pair, sorted as Compose sorts them.
    pub fn entries(&self, separator: &str) -> Vec<String> {
        let mut entries: Vec<String> = self
            .0
            .iter()
            .flat_map(|(host, ips)| ips.iter().map(move |ip| format!("{host}{separator}{ip}")))
            .collect();
        entries.sort();
        entries
    }
}

impl Blank for ExtraHosts {
    fn is_blank(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for ExtraHosts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries("=").serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ExtraHosts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self)
    }
}
