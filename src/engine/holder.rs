//! Who holds a port of the host that a container was refused: a container, or a process.

use std::path::Path;

use super::{Engine, Filters, Which};
use crate::gate::card::TakenPort;

impl Engine {
    /// Reads the engine's refusal of a start; none where it is about something else than a port.
    pub async fn taken_port(&self, refusal: &str) -> Option<TakenPort> {
        let number = refused_port(refusal)?;
        if let Some(found) = self.container_with(number).await {
            return Some(found);
        }
        // A port of another machine is held by nobody here.
        let holder = self
            .endpoint()
            .is_local()
            .then(|| process_with(number, Path::new("/proc")));
        Some(holder.flatten().unwrap_or(TakenPort {
            number,
            by: None,
            mend: format!("publish another port than {number}"),
        }))
    }

    async fn container_with(&self, number: u16) -> Option<TakenPort> {
        let running = self
            .list_containers(Which::Running, &Filters::new())
            .await
            .ok()?;
        let holds = |ports: &Vec<bollard::models::PortSummary>| {
            ports.iter().any(|port| port.public_port == Some(number))
        };
        let holder = running
            .into_iter()
            .find(|one| one.ports.as_ref().is_some_and(holds))?;
        let name = holder
            .names
            .into_iter()
            .flatten()
            .next()
            .unwrap_or_default();
        let name = name.trim_start_matches('/').to_owned();
        let labels = holder.labels.unwrap_or_default();
        Some(match labels.get("com.docker.compose.project") {
            Some(project) => TakenPort {
                number,
                by: Some(format!("container `{name}` of project `{project}`")),
                mend: format!(
                    "end that project (`dco -p {project} down`), or publish another port"
                ),
            },
            None => TakenPort {
                number,
                by: Some(format!("container `{name}`")),
                mend: format!("stop it (`docker stop {name}`), or publish another port"),
            },
        })
    }
}

/// The port in `Bind for 0.0.0.0:8000 failed: port is already allocated` and its like.
fn refused_port(refusal: &str) -> Option<u16> {
    let lower = refusal.to_ascii_lowercase();
    if ![
        "port is already allocated",
        "address already in use",
        "ports are not available",
    ]
    .iter()
    .any(|words| lower.contains(words))
    {
        return None;
    }
    // The first number behind a colon that follows an address: `0.0.0.0:8000`, `[::]:8000`.
    lower.match_indices(':').find_map(|(at, _)| {
        let before = lower[..at].chars().next_back()?;
        let digits: &str = lower[at + 1..]
            .split(|c: char| !c.is_ascii_digit())
            .next()?;
        // Podman leaves out the address of all: `listen tcp4 :8000`.
        let follows_address = before.is_ascii_digit()
            || matches!(before, ']' | ':')
            || lower[..at].ends_with("tcp4 ");
        digits
            .parse()
            .ok()
            .filter(|port| follows_address && *port > 0)
    })
}

/// The process that listens on a port, as far as we may see it.
fn process_with(number: u16, proc: &Path) -> Option<TakenPort> {
    let (inode, user) = ["net/tcp", "net/tcp6", "net/udp", "net/udp6"]
        .iter()
        .find_map(|table| {
            let text = std::fs::read_to_string(proc.join(table)).ok()?;
            text.lines()
                .skip(1)
                .find_map(|line| socket_on(line, number))
        })?;
    let link = format!("socket:[{inode}]");
    let processes = std::fs::read_dir(proc).ok()?.flatten().filter(|entry| {
        entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()))
    });
    let holder = processes.into_iter().find(|process| {
        let files = std::fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        files.into_iter().any(|file| {
            std::fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == link.as_str())
        })
    });
    let Some(holder) = holder else {
        return Some(TakenPort {
            number,
            by: Some(format!("a process of user id {user}")),
            mend: format!(
                "find it with `sudo ss -ltnp 'sport = :{number}'`, or publish another port"
            ),
        });
    };
    let pid = holder.file_name().to_string_lossy().into_owned();
    let line = std::fs::read(holder.path().join("cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    Some(TakenPort {
        number,
        by: Some(format!("process {pid} (`{}`)", line.trim())),
        mend: format!("end it (`kill {pid}`), or publish another port"),
    })
}

/// Inode and owner of the socket of a line of `/proc/net/tcp`, where it listens on the port.
fn socket_on(line: &str, number: u16) -> Option<(u64, u32)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (local, state) = (words.get(1)?, words.get(3)?);
    let port = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
    // 0A listens; 07 is a bound datagram socket.
    (port == number && matches!(*state, "0A" | "07")).then_some(())?;
    Some((words.get(9)?.parse().ok()?, words.get(7)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_out_of_every_engines_words() {
        for (refusal, port) in [
            (
                "driver failed programming external connectivity on endpoint a-web-1 (f3d): Bind for 0.0.0.0:8000 failed: port is already allocated",
                Some(8000),
            ),
            (
                "Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use",
                Some(80),
            ),
            (
                "cannot listen on the TCP port: listen tcp4 :8080: bind: address already in use",
                Some(8080),
            ),
            (
                "failed to set up container networking: failed to bind host port for [::]:5432:172.18.0.2:5432/tcp: address already in use",
                Some(5432),
            ),
            (
                "failed to bind host port 127.0.0.1:6379/tcp: address already in use",
                Some(6379),
            ),
            ("no such image: web:8000", None),
        ] {
            assert_eq!(refused_port(refusal), port, "{refusal}");
        }
    }

    #[test]
    fn our_own_listener_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let number = listener.local_addr().unwrap().port();
        let found = process_with(number, Path::new("/proc")).unwrap();
        assert!(
            found
                .by
                .unwrap()
                .starts_with(&format!("process {} (", std::process::id()))
        );
    }
}
