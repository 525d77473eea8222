//! A container's main process as this machine sees it: whether it is the container's at all, its
//! socket tables, its CPU time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::listeners::{Listener, parse_table};
use crate::gate::Protocol;

/// A process of this machine that is known to be a container's.
#[derive(Clone, Debug)]
pub(super) struct Process {
    /// Its number here.
    pub(super) pid: u32,
    cpu: Option<CpuFile>,
}

/// Where a control group says how much CPU it used.
#[derive(Clone, Debug, PartialEq, Eq)]
enum CpuFile {
    /// Version 1: nanoseconds, nothing else.
    Accounting(PathBuf),
    /// Version 2: lines, `usage_usec` among them.
    Stat(PathBuf),
}

/// How the processes of a container fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pulse {
    /// How long they were ready to run so far, and had no processor.
    pub(super) starved: Duration,
    /// One of them runs, would run, or waits for the disk.
    pub(super) busy: bool,
}

impl CpuFile {
    fn path(&self) -> &Path {
        let (Self::Accounting(path) | Self::Stat(path)) = self;
        path
    }
}

impl Process {
    /// The process, where its control group names the container: with an engine on another
    /// machine, the number is somebody else's.
    pub(super) fn of(pid: i64, container: &str) -> Option<Self> {
        let pid = u32::try_from(pid).ok().filter(|pid| *pid > 0)?;
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let ours = !container.is_empty() && groups.contains(container);
        ours.then(|| Self {
            pid,
            cpu: cpu_file(&groups, Path::new("/sys/fs/cgroup")),
        })
    }

    /// The CPU time that all processes of the container used so far.
    pub(super) fn cpu(&self) -> Option<Duration> {
        match self.cpu.as_ref()? {
            CpuFile::Accounting(path) => {
                let text = std::fs::read_to_string(path).ok()?;
                Some(Duration::from_nanos(text.trim().parse().ok()?))
            }
            CpuFile::Stat(path) => {
                let text = std::fs::read_to_string(path).ok()?;
                let used = text
                    .lines()
                    .find_map(|line| line.strip_prefix("usage_usec "))?;
                Some(Duration::from_micros(used.trim().parse().ok()?))
            }
        }
    }

    /// What the kernel's scheduler says of the container's processes.
    pub(super) fn pulse(&self) -> Pulse {
        /// As many processes are looked at; what has more is not starting up.
        const MOST: usize = 32;
        let group = self.cpu.as_ref().and_then(|file| file.path().parent());
        let members =
            group.and_then(|group| std::fs::read_to_string(group.join("cgroup.procs")).ok());
        let members = members.unwrap_or_else(|| self.pid.to_string());
        let mut pulse = Pulse {
            // Without a process it has just ended: the engine says so in a moment.
            busy: members.trim().is_empty(),
            ..Pulse::default()
        };
        for pid in members.lines().take(MOST) {
            let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}"));
            let waited = read("schedstat").ok();
            let waited = waited
                .as_deref()
                .and_then(|text| text.split(' ').nth(1)?.parse().ok());
            pulse.starved += Duration::from_nanos(waited.unwrap_or_default());
            // The name before the state may hold anything, brackets too.
            let state = read("stat").ok();
            let state = state.as_deref().and_then(|text| text.rsplit_once(") "));
            pulse.busy |= state.is_some_and(|(_, rest)| rest.starts_with(['R', 'D']));
        }
        pulse
    }

    /// A text that changes when sockets of the container come or go; 50 µs, readable by anyone.
    pub(super) fn socket_counts(&self) -> Option<String> {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{}/net/{name}", self.pid));
        let all = read("sockstat").ok()? + &read("sockstat6").unwrap_or_default();
        // `TCP: inuse 3`; what follows counts the whole machine.
        let own = all.lines().map(|line| {
            let mut words = line.split_ascii_whitespace();
            [words.next(), words.next(), words.next()]
                .map(Option::unwrap_or_default)
                .join(" ")
        });
        Some(own.collect::<Vec<_>>().join("\n"))
    }

    /// The listeners of a protocol, from the kernel's text tables; 4 ms each.
    pub(super) fn tables(&self, protocol: Protocol) -> Option<Vec<Listener>> {
        let (four, six) = match protocol {
            Protocol::Tcp => ("tcp", "tcp6"),
            Protocol::Udp => ("udp", "udp6"),
        };
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{}/net/{name}", self.pid));
        let mut found = parse_table(&read(four).ok()?, protocol);
        found.extend(parse_table(&read(six).unwrap_or_default(), protocol));
        Some(found)
    }
}

/// The file for the groups in a `/proc/<pid>/cgroup`, below the usual mount point.
fn cpu_file(groups: &str, mount: &Path) -> Option<CpuFile> {
    let below = |base: PathBuf, group: &str| base.join(group.trim_start_matches('/'));
    let lines = groups.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.split_once(':')
    });
    let mut unified = None;
    for (controllers, group) in lines {
        if controllers.split(',').any(|name| name == "cpuacct") {
            let path = below(mount.join("cpuacct"), group).join("cpuacct.usage");
            return Some(CpuFile::Accounting(path));
        }
        if controllers.is_empty() {
            unified = Some(CpuFile::Stat(
                below(mount.to_owned(), group).join("cpu.stat"),
            ));
        }
    }
    unified
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_control_groups_say_where_cpu_is_counted() {
        let mount = Path::new("/sys/fs/cgroup");
        let one = "12:pids:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/system.slice\n";
        assert_eq!(
            cpu_file(one, mount),
            Some(CpuFile::Accounting(
                "/sys/fs/cgroup/cpuacct/docker/abc/cpuacct.usage".into()
            ))
        );
        assert_eq!(
            cpu_file("0::/system.slice/docker-abc.scope\n", mount),
            Some(CpuFile::Stat(
                "/sys/fs/cgroup/system.slice/docker-abc.scope/cpu.stat".into()
            ))
        );
        assert_eq!(cpu_file("", mount), None);
    }

    #[test]
    fn a_process_of_another_container_is_not_taken() {
        let own = i64::from(std::process::id());
        assert!(Process::of(own, "0123456789abcdef").is_none());
        assert!(Process::of(0, "x").is_none());
    }
}
