//! The socket tables of a container on another machine, printed by a program inside it.
//!
//! One program prints them for two seconds and ends by itself: the engine does not end it when we
//! stop listening.

use bollard::models::ExecConfig;
use futures_util::StreamExt;

use super::listeners::{Listener, parse_table};
use crate::engine::{Channel, Console, Engine, HijackedOutput};
use crate::gate::Protocol;

/// Prints the tables 40 times, 50 ms apart, with a line after each round. Two processes a round.
const SCRIPT: &str = "\
for i in 1 2 3 4; do for j in 0 1 2 3 4 5 6 7 8 9; do \
cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null; \
echo ==; sleep 0.05 || sleep 1; done; done";

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
        let started = self.engine.start_exec(&exec.ok()?, Console::None).await;
        started.ok().map(|both| both.output)
    }
}

/// The last whole round of a text; none where no table could be read.
fn round(text: &str) -> Option<Vec<Listener>> {
    let text = text.strip_suffix("==\n")?;
    let last = text.rsplit("\n==\n").next()?;
    let heads: Vec<(usize, &str)> = last
        .split_inclusive('\n')
        .scan(0, |at, line| {
            let start = std::mem::replace(at, *at + line.len());
            Some((start, line))
        })
        .filter(|(_, line)| line.contains("local_address"))
        .collect();
    let ends = heads.iter().skip(1).map(|(start, _)| *start);
    let tables = heads.iter().zip(ends.chain([last.len()]));
    let listeners = tables.flat_map(|((start, head), end)| {
        // A column that only the tables of datagrams have.
        let protocol = match head.contains("drops") {
            true => Protocol::Udp,
            false => Protocol::Tcp,
        };
        parse_table(&last[*start..end], protocol)
    });
    (!heads.is_empty()).then(|| listeners.collect())
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
                "  sl  local_address rem_address   st inode\n 0: 00000000:{port} 00000000:0000 0A\n  \
                 sl  local_address rem_address   st inode\n  \
                 sl  local_address rem_address   st inode ref pointer drops\n 0: 00000000:1FBD 0:0 07\n==\n"
            )
        };
        let text = round_of("0050") + &round_of("0051");
        let ports: Vec<PortTarget> = round(&text).unwrap().iter().map(|one| one.port).collect();
        assert_eq!(ports, [PortTarget::tcp(81), PortTarget::udp(8125)]);
        assert_eq!(round("sh: not found\n"), None);
        assert_eq!(round("==\n"), None);
    }
}
