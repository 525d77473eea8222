//! Rules about what the host gives: ports, mounts, memory, room on the disk.

use super::super::{Facts, Fate, Finding};
use super::{has, lines};

pub(super) fn mount_is_a_folder(facts: &Facts<'_>) -> Option<Finding> {
    let wrong = lines(facts).any(|line| {
        has(line, "trying to mount a directory onto a file")
            || has(line, "not a directory") && has(line, "mount")
    });
    wrong.then(|| Finding {
        rule: "mount-is-a-folder",
        what: "a folder is mounted where the image has a file: its source was missing once, and the engine made a folder of it".to_owned(),
        place: facts.place(&["volumes"]),
        fix: "remove the empty folder, put the file there, and start again".to_owned(),
    })
}

pub(super) fn port_taken(facts: &Facts<'_>) -> Option<Finding> {
    let line = lines(facts).find(|line| {
        // A network plugin that cannot listen, as Podman's name server, wants no port of the file's.
        let of_plugin = has(line, "plugin type=");
        !of_plugin
            && (has(line, "port is already allocated") || has(line, "address already in use"))
    })?;
    // Said in its own log, it is the container that wants one port twice.
    if !facts.error.contains(line.trim()) {
        return Some(Finding {
            rule: "port-taken-inside",
            what: format!("two of its own processes want one port: {}", line.trim()),
            place: None,
            fix: "change the port of one of them".to_owned(),
        });
    }
    let Some(taken) = facts.taken_port else {
        return Some(Finding {
            rule: "port-taken",
            what: "a port that it publishes is taken".to_owned(),
            place: facts.place(&["ports"]),
            fix: "stop what holds it, or publish another one".to_owned(),
        });
    };
    let by = taken
        .by
        .as_ref()
        .map_or(String::new(), |by| format!(" by {by}"));
    let number = taken.number.to_string();
    let services = facts.project.map(|project| &project.services);
    let service = services.and_then(|services| services.get(facts.service?));
    let index = service
        .and_then(|service| service.ports.iter().position(|one| one.published == number))
        .map(|index| index.to_string());
    Some(Finding {
        rule: "port-taken",
        what: format!("port {number}, which it publishes, is taken{by}"),
        place: index
            .and_then(|index| facts.place(&["ports", &index]))
            .or_else(|| facts.place(&["ports"])),
        fix: taken.mend.clone(),
    })
}

pub(super) fn out_of_memory(facts: &Facts<'_>) -> Option<Finding> {
    let killed = matches!(
        facts.fate,
        Fate::Exited {
            out_of_memory: true,
            ..
        }
    );
    let said = lines(facts).any(|line| {
        has(line, "cannot allocate memory")
            || has(line, "heap out of memory")
            || has(line, "java.lang.outofmemoryerror")
    });
    (killed || said).then(|| Finding {
        rule: "out-of-memory",
        what: "it ran out of memory".to_owned(),
        place: facts
            .place(&["deploy", "resources", "limits", "memory"])
            .or_else(|| facts.place(&["mem_limit"])),
        fix: "raise its limit (`mem_limit`, `deploy.resources.limits.memory`), or give the engine's machine more".to_owned(),
    })
}

/// As many of the project's largest things are named.
const LARGEST: usize = 3;

pub(super) fn disk_full(facts: &Facts<'_>) -> Option<Finding> {
    let line = lines(facts)
        .find(|line| has(line, "no space left on device") || has(line, "disk quota exceeded"))?;
    let largest: Vec<String> = facts
        .room
        .iter()
        .take(LARGEST)
        .map(|(what, bytes)| format!("{what} ({})", size(*bytes)))
        .collect();
    let fix = match largest.is_empty() {
        true => "`docker system df` shows what takes the room".to_owned(),
        false => format!(
            "what of this project takes room: {}; `dco down --volumes` frees it, `docker system df` shows the rest",
            largest.join(", ")
        ),
    };
    Some(Finding {
        rule: "disk-full",
        what: format!("there is no room left: {}", line.trim()),
        place: None,
        fix,
    })
}

/// `1.2 GB`.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => {
            let tenths = bytes / (unit / 10);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}
