//! The socket tables of a container on another machine, printed by a program inside it.
//!
//! One program prints them for two seconds and ends by itself: the engine does not end it when we
//! stop listening.

use bollard::models::ExecConfig;
use futures_util::StreamExt;

use super::listeners::{Listener, parse_table};
use crate::engine::{Channel, Engine, HijackedOutput};
use crate::gate::Protocol;

/// Prints the tables 20 times, 100 ms apart, with a line after each table.
const SCRIPT: &str = "\
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do \
for t in tcp tcp6 udp udp6; do cat /proc/net/$t 2>/dev/null; echo = $t; done; \
echo ==; sleep 0.1 || sleep 1; done";

/// The tables of one container, round after round.
pub(super) struct Tables {
    engine: Engine,
    container: String,
    running: Option<HijackedOutput>,
    text: String,
}

impl Tables {
    pub(super) fn new(engine: &Engine, container: &str) -> Self {
        Self {
            engine: engine.clone(),
            container: container.to_owned(),
            running: None,
            text: String::new(),
        }
    }

    /// The next round; none where the image has no shell, or the container does not run any more.
    pub(super) async fn next(&mut self) -> Option<Vec<Listener>> {
        // The second try is for a program that ended between two rounds.
        for _ in 0..2 {
            if self.running.is_none() {
                self.text.clear();
                self.running = self.start().await;
            }
            let running = self.running.as_mut()?;
            while let Some(chunk) = running.next().await {
                let Ok(chunk) = chunk else { break };
                if chunk.channel == Channel::Stdout {
                    self.text.push_str(&String::from_utf8_lossy(&chunk.bytes));
                }
                if let Some(end) = self.text.rfind("\n==\n").map(|at| at + 4) {
                    let rest = self.text.split_off(end);
                    let text = std::mem::replace(&mut self.text, rest);
                    return round(&text);
                }
            }
            self.running = None;
        }
        None
    }

    async fn start(&self) -> Option<HijackedOutput> {
        let config = ExecConfig {
            attach_stdout: Some(true),
            cmd: Some(["sh", "-c", SCRIPT].map(str::to_owned).into()),
            ..ExecConfig::default()
        };
        let exec = self.engine.create_exec(&self.container, &config).await;
        let started = self.engine.start_exec(&exec.ok()?, false).await;
        started.ok().map(|both| both.output)
    }
}

/// The last whole round of a text.
fn round(text: &str) -> Option<Vec<Listener>> {
    let text = text.strip_suffix("==\n")?;
    let last = text.rsplit("\n==\n").next()?;
    let mut found = Vec::new();
    let mut rest = last;
    for (mark, protocol) in [
        ("= tcp\n", Protocol::Tcp),
        ("= tcp6\n", Protocol::Tcp),
        ("= udp\n", Protocol::Udp),
        ("= udp6\n", Protocol::Udp),
    ] {
        let (table, after) = rest.split_once(mark)?;
        found.extend(parse_table(table, protocol));
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::PortTarget;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_last_whole_round_counts() {
        let round_of = |port: &str| {
            format!(
                " sl\n 0: 00000000:{port} 00000000:0000 0A\n= tcp\n= tcp6\n sl\n 0: 00000000:1FBD 0:0 07\n= udp\n= udp6\n==\n"
            )
        };
        let text = round_of("0050") + &round_of("0051");
        let ports: Vec<PortTarget> = round(&text).unwrap().iter().map(|one| one.port).collect();
        assert_eq!(ports, [PortTarget::tcp(81), PortTarget::udp(8125)]);
        assert_eq!(round("sh: not found\n"), None);
    }
}
