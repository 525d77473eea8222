//! What a container uses, from the engine's own numbers, in the words of `docker stats`. Pure.

use serde_json::{Map, Value, json};

use crate::report::table::{List, Row};
use crate::report::units::{bytes_size, human_size_with};

/// The columns of `docker stats`.
pub const LIST: List<'static> = List {
    columns: "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
    headers: &[
        ("Container", "CONTAINER"),
        ("Name", "NAME"),
        ("ID", "CONTAINER ID"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ],
    type_name: "*container.statsContext",
};

/// What a container uses at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Of one processor, in percent.
    cpu: f64,
    /// Bytes, without what the kernel could drop at once.
    memory: f64,
    /// Bytes that it may have.
    limit: f64,
    /// Bytes received and sent.
    network: (f64, f64),
    /// Bytes read and written.
    disk: (f64, f64),
    /// Processes and threads.
    pids: u64,
}

impl Usage {
    /// Reads an answer of the engine.
    pub fn read(stats: &Value) -> Self {
        let network = stats["networks"].as_object();
        let network = network.into_iter().flat_map(|all| all.values());
        Self {
            cpu: cpu(stats),
            memory: memory(&stats["memory_stats"]),
            limit: number(&stats["memory_stats"]["limit"]),
            network: network.fold((0.0, 0.0), |(received, sent), one| {
                (
                    received + number(&one["rx_bytes"]),
                    sent + number(&one["tx_bytes"]),
                )
            }),
            disk: disk(&stats["blkio_stats"]["io_service_bytes_recursive"]),
            pids: stats["pids_stats"]["current"].as_u64().unwrap_or_default(),
        }
    }

    fn memory_percent(&self) -> f64 {
        match self.limit > 0.0 {
            true => self.memory / self.limit * 100.0,
            false => 0.0,
        }
    }
}

/// A container's row; without numbers where the engine gave none.
pub fn row((id, name): (&str, &str), usage: Option<&Usage>, whole_id: bool) -> Row {
    let short = match whole_id {
        true => id,
        false => id.get(..12).unwrap_or(id),
    };
    let shown = |text: &dyn Fn(&Usage) -> String| usage.map_or("--".to_owned(), text);
    let both = |(one, other): (f64, f64)| {
        format!(
            "{} / {}",
            human_size_with(one, 3),
            human_size_with(other, 3)
        )
    };
    let fields = json!({
        "BlockIO": shown(&|it| both(it.disk)),
        "CPUPerc": shown(&|it| format!("{:.2}%", it.cpu)),
        "Container": id,
        "ID": short,
        "MemPerc": shown(&|it| format!("{:.2}%", it.memory_percent())),
        "MemUsage": match usage {
            Some(it) => format!("{} / {}", bytes_size(it.memory), bytes_size(it.limit)),
            None => "-- / --".to_owned(),
        },
        "Name": name,
        "NetIO": shown(&|it| both(it.network)),
        "PIDs": shown(&|it| it.pids.to_string()),
    });
    Row {
        fields: match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        },
        ..Row::default()
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

/// The share of a processor since the answer before.
fn cpu(stats: &Value) -> f64 {
    let (now, before) = (&stats["cpu_stats"], &stats["precpu_stats"]);
    let used = |at: &Value| number(&at["cpu_usage"]["total_usage"]);
    let all = |at: &Value| number(&at["system_cpu_usage"]);
    let processors = match number(&now["online_cpus"]) {
        0.0 => now["cpu_usage"]["percpu_usage"]
            .as_array()
            .map_or(0, Vec::len) as f64,
        online => online,
    };
    let (own, whole) = (used(now) - used(before), all(now) - all(before));
    match own > 0.0 && whole > 0.0 {
        true => own / whole * processors * 100.0,
        false => 0.0,
    }
}

/// Without the page cache that nobody has used for long: cgroup v1 and v2 name it each its own way.
fn memory(memory: &Value) -> f64 {
    let usage = number(&memory["usage"]);
    let idle = ["total_inactive_file", "inactive_file"];
    let idle = idle
        .iter()
        .find(|key| !memory["stats"][**key].is_null())
        .map_or(0.0, |key| number(&memory["stats"][*key]));
    match idle < usage {
        true => usage - idle,
        false => usage,
    }
}

fn disk(entries: &Value) -> (f64, f64) {
    let entries = entries.as_array().into_iter().flatten();
    entries.fold((0.0, 0.0), |(read, written), entry| {
        let bytes = number(&entry["value"]);
        match entry["op"].as_str().and_then(|op| op.chars().next()) {
            Some('r' | 'R') => (read + bytes, written),
            Some('w' | 'W') => (read, written + bytes),
            _ => (read, written),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_docker_stats_own() {
        let stats = json!({
            "cpu_stats": {"cpu_usage": {"total_usage": 300}, "system_cpu_usage": 2000, "online_cpus": 2},
            "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1000},
            "memory_stats": {"usage": 3 << 20, "limit": 1 << 30, "stats": {"inactive_file": 1 << 20}},
            "networks": {"eth0": {"rx_bytes": 1500, "tx_bytes": 10}, "eth1": {"rx_bytes": 70, "tx_bytes": 0}},
            "blkio_stats": {"io_service_bytes_recursive": [
                {"op": "Read", "value": 4096}, {"op": "write", "value": 12}, {"op": "Total", "value": 9}]},
            "pids_stats": {"current": 3},
        });
        let id = "0123456789abcdef";
        let rows = [
            row((id, "app-web-1"), Some(&Usage::read(&stats)), false),
            row((id, "app-db-1"), Some(&Usage::default()), true),
            row((id, "gone"), None, false),
        ];
        assert_eq!(
            LIST.print("", &rows).unwrap(),
            "\
CONTAINER ID       NAME        CPU %     MEM USAGE / LIMIT   MEM %     NET I/O        BLOCK I/O     PIDS
0123456789ab       app-web-1   40.00%    2MiB / 1GiB         0.20%     1.57kB / 10B   4.1kB / 12B   3
0123456789abcdef   app-db-1    0.00%     0B / 0B             0.00%     0B / 0B        0B / 0B       0
0123456789ab       gone        --        -- / --             --        --             --            --
"
        );
    }
}
