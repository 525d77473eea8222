//! What runs in a container: by the kernel's own tables where they are ours to see, else by the
//! engine's list.

use std::path::Path;

use anyhow::{Result, bail};

use super::act::Member;
use super::program::Process;
use crate::engine::Engine;

/// More processes than any main process has descendants that matter.
const MOST: usize = 1000;

/// The processes of a container whose main process is `pid` here; none for one that is not ours to see.
///
/// # Errors
/// The engine lists them in a form that is not known.
pub async fn of(engine: &Engine, member: &Member, pid: Option<i64>) -> Result<Vec<Process>> {
    match pid.and_then(descendants) {
        Some(found) => Ok(found),
        None => listed(engine, member).await,
    }
}

/// A process and its descendants; none where the kernel does not tell.
fn descendants(main: i64) -> Option<Vec<Process>> {
    let mut found = vec![Process {
        pid: main,
        parent: 0,
        argv: argv(main)?,
    }];
    let mut at = 0;
    while at < found.len() && found.len() < MOST {
        let parent = found[at].pid;
        let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).ok();
        for task in tasks.into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).ok()?;
            let children = children
                .split_whitespace()
                .filter_map(|pid| pid.parse().ok());
            found.extend(children.filter_map(|pid| {
                Some(Process {
                    pid,
                    parent,
                    argv: argv(pid)?,
                })
            }));
        }
        at += 1;
    }
    Some(found)
}

/// A process and its descendants, by their pids.
pub fn all_below(main: i64) -> Vec<i64> {
    let found = descendants(main).unwrap_or_default();
    found.into_iter().map(|process| process.pid).collect()
}

/// The command line of a process, as it was given to it.
fn argv(pid: i64) -> Option<Vec<String>> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = bytes.split(|byte| *byte == 0);
    let mut words: Vec<String> = words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .filter(|word| !word.is_empty())
        .collect();
    // One that writes its own title (`nginx: master process nginx -g …`) leaves one long word.
    if let [title] = words.as_slice()
        && title.contains(": ")
    {
        words = title.split(' ').map(str::to_owned).collect();
    }
    Some(words)
}

/// The engine's list: words are split at blanks.
async fn listed(engine: &Engine, member: &Member) -> Result<Vec<Process>> {
    let top = engine.top(&member.id).await?;
    let titles = top.titles.unwrap_or_default();
    let column = |name: &str| titles.iter().position(|title| title == name);
    let (Some(pid), Some(parent), Some(command)) = (column("PID"), column("PPID"), column("CMD"))
    else {
        bail!("the engine lists processes without PID, PPID and CMD");
    };
    let process = |row: Vec<String>| {
        Some(Process {
            pid: row.get(pid)?.parse().ok()?,
            parent: row.get(parent)?.parse().ok()?,
            argv: row.get(command)?.split(' ').map(str::to_owned).collect(),
        })
    };
    let rows = top.processes.unwrap_or_default();
    Ok(rows.into_iter().filter_map(process).collect())
}

/// Whether a process of this machine has a file open for writing, by its device and inode.
pub fn writes(pid: i64, file: (u64, u64)) -> bool {
    use std::os::unix::fs::MetadataExt;
    let folder = format!("/proc/{pid}/fd");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let is_it =
            std::fs::metadata(entry.path()).is_ok_and(|found| (found.dev(), found.ino()) == file);
        is_it
            && is_for_writing(
                &Path::new("/proc").join(pid.to_string()),
                &entry.file_name(),
            )
    })
}

/// O_WRONLY or O_RDWR among the flags of a descriptor.
fn is_for_writing(process: &Path, descriptor: &std::ffi::OsStr) -> bool {
    let info = std::fs::read_to_string(process.join("fdinfo").join(descriptor)).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags
        .and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| flags & 0o3 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_process_its_children_and_what_it_writes_are_seen() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "sleep 60 & wait"])
            .spawn()
            .unwrap();
        let own = i64::from(std::process::id());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let grandchild = loop {
            let found = descendants(i64::from(child.id())).unwrap();
            if let Some(sleep) = found.iter().find(|one| one.argv == ["sleep", "60"]) {
                assert_eq!(sleep.parent, i64::from(child.id()));
                break sleep.pid;
            }
            assert!(std::time::Instant::now() < deadline, "{found:?}");
        };
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(i32::try_from(grandchild).unwrap()).unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
        child.wait().unwrap();

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let file = std::fs::File::create(&path).unwrap();
        let found = file.metadata().unwrap();
        assert!(writes(own, (found.dev(), found.ino())));
        drop(file);
        let reading = std::fs::File::open(&path).unwrap();
        assert!(!writes(own, (found.dev(), found.ino())));
        drop(reading);
    }
}
