//! BuildKit's progress as lines of text, as its own plain form has them. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::wire::{StatusResponse, Timestamp, Vertex, VertexLog, VertexStatus};
use crate::name::ServiceName;

/// Numbers the steps of all builds of a command.
#[derive(Clone, Debug, Default)]
pub struct Numbers(Arc<AtomicU32>);

impl Numbers {
    fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// The lines of one build.
pub(super) struct Transcript {
    service: ServiceName,
    numbers: Numbers,
    steps: BTreeMap<String, Step>,
    /// The step that the last line was of.
    current: Option<u32>,
    lines: Vec<String>,
}

/// One step, as far as it was told.
#[derive(Debug)]
struct Step {
    number: u32,
    name: String,
    started: Option<Timestamp>,
    /// Its last lines of output, for the card of a failure.
    tail: Vec<String>,
    /// A line without its end.
    partial: String,
    /// Transfers and exports that were told to their end.
    told: Vec<String>,
    ended: bool,
    /// Whether a line says its name.
    named: bool,
}

/// How many lines of a failed step are shown again.
const TAIL: usize = 20;

impl Transcript {
    pub(super) fn new(service: ServiceName, numbers: Numbers) -> Self {
        Self {
            service,
            numbers,
            steps: BTreeMap::new(),
            current: None,
            lines: Vec::new(),
        }
    }

    /// Takes what changed, and gives the lines that say so.
    pub(super) fn take(&mut self, status: StatusResponse) -> Vec<String> {
        for vertex in &status.vertexes {
            self.introduce(vertex);
        }
        for progress in &status.statuses {
            self.progress(progress);
        }
        for log in &status.logs {
            self.log(log);
        }
        for warning in &status.warnings {
            let text = String::from_utf8_lossy(&warning.short);
            self.lines.push(format!("WARNING: {text}"));
        }
        for vertex in &status.vertexes {
            self.end(vertex);
        }
        // A step that had more to say is named by that.
        for vertex in &status.vertexes {
            let silent = self.steps.get(&vertex.digest).is_some_and(|it| !it.named);
            if silent {
                self.say(&vertex.digest, &[]);
            }
        }
        std::mem::take(&mut self.lines)
    }

    /// Begins a step, once it runs or was cached.
    fn introduce(&mut self, vertex: &Vertex) {
        if let Some(step) = self.steps.get_mut(&vertex.digest) {
            step.started = step.started.or(vertex.started);
            return;
        }
        if vertex.started.is_none() && !vertex.cached {
            return;
        }
        let step = Step {
            number: self.numbers.next(),
            name: named(&self.service, &vertex.name),
            started: vertex.started,
            tail: Vec::new(),
            partial: String::new(),
            told: Vec::new(),
            ended: false,
            named: false,
        };
        self.steps.insert(vertex.digest.clone(), step);
    }

    /// Says lines of a step, under its name where the last line was another's.
    fn say(&mut self, digest: &str, lines: &[String]) {
        let Some(step) = self.steps.get_mut(digest) else {
            return;
        };
        step.named = true;
        if self.current != Some(step.number) {
            if self.current.is_some() {
                self.lines.push(String::new());
            }
            self.lines.push(format!("#{} {}", step.number, step.name));
            self.current = Some(step.number);
        }
        let number = step.number;
        let lines = lines.iter().map(|line| format!("#{number} {line}"));
        self.lines.extend(lines);
    }

    fn progress(&mut self, status: &VertexStatus) {
        let Some(step) = self.steps.get_mut(&status.vertex) else {
            return;
        };
        let Some(completed) = status.completed else {
            return;
        };
        if step.told.contains(&status.id) {
            return;
        }
        step.told.push(status.id.clone());
        let amount = match (status.current, status.total) {
            (0, 0) => String::new(),
            (current, 0) => format!(" {}", bytes(current)),
            (current, total) => format!(" {} / {}", bytes(current), bytes(total)),
        };
        let took = status
            .started
            .map_or(0.0, |started| completed.since(started));
        let took = match took >= 0.05 {
            true => format!(" {took:.1}s"),
            false => String::new(),
        };
        let line = format!("{}{amount}{took} done", status.id);
        self.say(&status.vertex, &[line]);
    }

    fn log(&mut self, log: &VertexLog) {
        let Some(step) = self.steps.get_mut(&log.vertex) else {
            return;
        };
        let seconds = match (step.started, log.timestamp) {
            (Some(started), Some(at)) => at.since(started).max(0.0),
            _ => 0.0,
        };
        step.partial.push_str(&String::from_utf8_lossy(&log.msg));
        let mut lines = Vec::new();
        while let Some(end) = step.partial.find('\n') {
            let line: String = step.partial.drain(..=end).collect();
            // A progress bar rewrites its line: the last writing counts.
            let line = line.trim_end_matches(['\n', '\r']);
            let line = line.rsplit('\r').next().unwrap_or_default();
            lines.push(format!("{} {line}", stamp(seconds)));
        }
        step.tail.extend(lines.iter().cloned());
        let surplus = step.tail.len().saturating_sub(TAIL);
        step.tail.drain(..surplus);
        self.say(&log.vertex, &lines);
    }

    fn end(&mut self, vertex: &Vertex) {
        let Some(step) = self.steps.get_mut(&vertex.digest) else {
            return;
        };
        let completed = match (vertex.completed, step.ended) {
            (Some(completed), false) => completed,
            _ => return,
        };
        step.ended = true;
        let mut lines = Vec::new();
        if !step.partial.is_empty() {
            let rest = std::mem::take(&mut step.partial);
            lines.push(rest);
        }
        let failed = !vertex.error.is_empty();
        lines.push(match (failed, vertex.cached) {
            (true, _) if vertex.error.ends_with("context canceled") => "CANCELED".to_owned(),
            (true, _) => format!("ERROR: {}", vertex.error),
            (false, true) => "CACHED".to_owned(),
            (false, false) => {
                let took = step.started.map_or(0.0, |started| completed.since(started));
                format!("DONE {took:.1}s")
            }
        });
        self.say(&vertex.digest, &lines);
    }

    /// The last words of the step that failed, between rules.
    pub(super) fn failure(&self, error_of: &str) -> Vec<String> {
        let failed = self.steps.values().find(|step| {
            step.ended
                && error_of.contains(command_of(&step.name))
                && !command_of(&step.name).is_empty()
        });
        let Some(step) = failed else {
            return Vec::new();
        };
        let rule = "------".to_owned();
        let mut card = vec![rule.clone(), format!(" > {}:", step.name)];
        card.extend(step.tail.iter().cloned());
        card.push(rule);
        card
    }
}

/// The command of a `RUN` step: `[web 3/3] RUN exit 3` → `exit 3`.
fn command_of(name: &str) -> &str {
    name.split_once("] RUN ").map_or("", |(_, command)| command)
}

/// `[internal] load` → `[web internal] load`; `exporting` → `[web] exporting`.
pub(super) fn named(service: &str, name: &str) -> String {
    match name.strip_prefix('[') {
        Some(rest) => format!("[{service} {rest}"),
        None => format!("[{service}] {name}"),
    }
}

/// Bytes in units of a thousand: `123B`, `4.50kB`.
fn bytes(count: i64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if value < 1000.0 {
            return match unit {
                "B" => format!("{count}B"),
                unit => format!("{value:.2}{unit}"),
            };
        }
        value /= 1000.0;
    }
    format!("{value:.2}PB")
}

/// Seconds in five characters: `0.135`, `12.35`.
fn stamp(seconds: f64) -> String {
    let mut text = format!("{seconds:.4}");
    text.truncate(5);
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Option<Timestamp> {
        Some(Timestamp {
            seconds: 1000 + milliseconds / 1000,
            nanos: i32::try_from(milliseconds % 1000).unwrap() * 1_000_000,
        })
    }

    fn vertex(name: &str, started: Option<Timestamp>, completed: Option<Timestamp>) -> Vertex {
        Vertex {
            digest: name.to_owned(),
            name: name.to_owned(),
            started,
            completed,
            ..Vertex::default()
        }
    }

    fn log(name: &str, after: i64, text: &str) -> VertexLog {
        VertexLog {
            vertex: name.to_owned(),
            timestamp: at(after),
            msg: text.as_bytes().to_vec(),
            ..VertexLog::default()
        }
    }

    #[test]
    fn a_build_reads_as_in_buildkits_plain_form() {
        let mut transcript = Transcript::new("web".into(), Numbers::default());
        let load = "[internal] load build definition";
        let run = "[2/2] RUN make";
        let mut lines = transcript.take(StatusResponse {
            vertexes: vec![vertex(load, at(0), None), vertex(run, None, None)],
            ..StatusResponse::default()
        });
        lines.extend(transcript.take(StatusResponse {
            vertexes: vec![vertex(load, at(0), at(40)), vertex(run, at(50), None)],
            statuses: vec![VertexStatus {
                id: "transferring dockerfile:".into(),
                vertex: load.into(),
                current: 1234,
                started: at(0),
                completed: at(30),
                ..VertexStatus::default()
            }],
            logs: vec![log(run, 185, "hel"), log(run, 186, "lo\nnext\r\n")],
            ..StatusResponse::default()
        }));
        lines.extend(transcript.take(StatusResponse {
            vertexes: vec![vertex(run, at(50), at(12_390))],
            ..StatusResponse::default()
        }));
        assert_eq!(
            lines.join("\n"),
            "\
#1 [web internal] load build definition
#1 transferring dockerfile: 1.23kB done

#2 [web 2/2] RUN make
#2 0.136 hello
#2 0.136 next

#1 [web internal] load build definition
#1 DONE 0.0s

#2 [web 2/2] RUN make
#2 DONE 12.3s"
        );
    }

    #[test]
    fn a_failed_step_is_shown_again_with_its_last_words() {
        let mut transcript = Transcript::new("web".into(), Numbers::default());
        let run = "[3/3] RUN exit 3";
        transcript.take(StatusResponse {
            vertexes: vec![vertex(run, at(0), None)],
            logs: vec![log(run, 135, "no such thing\n")],
            ..StatusResponse::default()
        });
        let error = "executor failed running [/bin/sh -c exit 3]: exit code: 3";
        let lines = transcript.take(StatusResponse {
            vertexes: vec![Vertex {
                error: error.into(),
                ..vertex(run, at(0), at(200))
            }],
            ..StatusResponse::default()
        });
        assert_eq!(lines, [format!("#1 ERROR: {error}")]);
        assert_eq!(
            transcript.failure(error).join("\n"),
            "------\n > [web 3/3] RUN exit 3:\n0.135 no such thing\n------"
        );
    }

    #[test]
    fn times_and_sizes_keep_their_width() {
        assert_eq!(stamp(0.13549), "0.135");
        assert_eq!(stamp(12.349), "12.34");
        assert_eq!(stamp(1234.5), "1234");
        assert_eq!(
            (bytes(123), bytes(4_500_000)),
            ("123B".into(), "4.50MB".into())
        );
    }
}
