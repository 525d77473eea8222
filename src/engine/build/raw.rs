//! BuildKit's progress as lines of JSON, as buildx's `rawjson` has them. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::transcript::named;
use super::wire::{StatusResponse, Timestamp, Vertex, VertexLog, VertexStatus, VertexWarning};

/// What changed, as one line; none where nothing did.
pub(super) fn line(service: &str, status: &StatusResponse) -> Option<String> {
    let raw = Raw {
        vertexes: status.vertexes.iter().map(|it| step(service, it)).collect(),
        statuses: status.statuses.iter().map(transfer).collect(),
        logs: status.logs.iter().map(log).collect(),
        warnings: status.warnings.iter().map(warning).collect(),
    };
    let is_empty = raw.vertexes.is_empty()
        && raw.statuses.is_empty()
        && raw.logs.is_empty()
        && raw.warnings.is_empty();
    match is_empty {
        true => None,
        false => serde_json::to_string(&raw).ok(),
    }
}

fn step<'a>(service: &str, it: &'a Vertex) -> Step<'a> {
    Step {
        digest: &it.digest,
        inputs: &it.inputs,
        name: named(service, &it.name),
        started: it.started.map(time),
        completed: it.completed.map(time),
        cached: it.cached,
        error: &it.error,
    }
}

fn transfer(it: &VertexStatus) -> Transfer<'_> {
    Transfer {
        id: &it.id,
        vertex: &it.vertex,
        name: &it.name,
        total: it.total,
        current: it.current,
        timestamp: time(it.timestamp.unwrap_or_default()),
        started: it.started.map(time),
        completed: it.completed.map(time),
    }
}

fn log(it: &VertexLog) -> Log<'_> {
    Log {
        vertex: &it.vertex,
        stream: it.stream,
        data: STANDARD.encode(&it.msg),
        timestamp: time(it.timestamp.unwrap_or_default()),
    }
}

fn warning(it: &VertexWarning) -> Warning<'_> {
    Warning {
        vertex: &it.vertex,
        level: it.level,
        short: STANDARD.encode(&it.short),
        detail: it.detail.iter().map(|line| STANDARD.encode(line)).collect(),
        url: &it.url,
    }
}

/// As Go writes a time: no zeros at its end.
fn time(at: Timestamp) -> String {
    jiff::Timestamp::new(at.seconds, at.nanos).map_or_else(|_| String::new(), |it| it.to_string())
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

#[derive(Serialize)]
struct Raw<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vertexes: Vec<Step<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    statuses: Vec<Transfer<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<Log<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning<'a>>,
}

#[derive(Serialize)]
struct Step<'a> {
    digest: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    inputs: &'a [String],
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

#[derive(Serialize)]
struct Transfer<'a> {
    id: &'a str,
    vertex: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    total: i64,
    current: i64,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
}

#[derive(Serialize)]
struct Log<'a> {
    vertex: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    stream: i64,
    data: String,
    timestamp: String,
}

#[derive(Serialize)]
struct Warning<'a> {
    vertex: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    level: i64,
    short: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detail: Vec<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    url: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_as_buildx_writes_it() {
        let at = |nanos| Some(Timestamp { seconds: 0, nanos });
        let status = StatusResponse {
            vertexes: vec![Vertex {
                digest: "sha256:a".into(),
                inputs: vec!["sha256:b".into()],
                name: "[2/2] RUN make".into(),
                started: at(500_000_000),
                ..Vertex::default()
            }],
            statuses: vec![VertexStatus {
                id: "transferring context:".into(),
                vertex: "sha256:a".into(),
                name: "transferring".into(),
                current: 2,
                timestamp: at(1),
                ..VertexStatus::default()
            }],
            logs: vec![VertexLog {
                vertex: "sha256:a".into(),
                stream: 1,
                msg: b"hello\n".to_vec(),
                timestamp: at(0),
            }],
            warnings: Vec::new(),
        };
        assert_eq!(
            line("web", &status).unwrap(),
            r#"{"vertexes":[{"digest":"sha256:a","inputs":["sha256:b"],"name":"[web 2/2] RUN make","started":"1970-01-01T00:00:00.5Z"}],"statuses":[{"id":"transferring context:","vertex":"sha256:a","name":"transferring","current":2,"timestamp":"1970-01-01T00:00:00.000000001Z"}],"logs":[{"vertex":"sha256:a","stream":1,"data":"aGVsbG8K","timestamp":"1970-01-01T00:00:00Z"}]}"#
        );
        assert_eq!(line("web", &StatusResponse::default()), None);
    }
}
