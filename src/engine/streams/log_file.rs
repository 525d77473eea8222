//! A container's log from the file that the engine keeps it in: the engine needs ten times as long
//! to send it, a JSON object decoded and an HTTP chunk written for each line.
//!
//! Only where that file is surely the log, and readable: the `json-file` driver of an engine behind
//! a socket of this machine, and we are root, as a rule. Not followed; and not where the engine cuts
//! the file at its beginning, or has what is asked for in an older one. Everything else is decided
//! before the first line is told, and left to the engine without a word. The file is only read:
//! never written, never locked; what is written after it was opened is not in it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bollard::models::{ContainerInspectResponse, HostConfigLogConfig};
use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;
use tokio::task::coop::consume_budget;

use super::LogRange;
use super::joiner::Joiner;
use super::json_file::{self, BLOCK};
use super::line::{Entry, LogLine};
use crate::engine::error::{Error, Result};

/// The lines of a log on this machine's disk; memory is a block and the longest entry.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    /// Bytes that are still to be read.
    left: u64,
    buffer: BytesMut,
    /// How far the buffer was searched for a newline.
    searched: usize,
    /// A line that was looked at before its turn.
    ahead: Option<Bytes>,
    /// Entries that were passed over.
    torn: u64,
    times: Times,
    joiner: Joiner,
}

impl LogFile {
    /// Opens the log of a container; none where only the engine can tell it.
    pub(super) async fn open(details: &ContainerInspectResponse, range: &LogRange) -> Option<Self> {
        if range.follow {
            return None;
        }
        let config = details.host_config.as_ref()?.log_config.as_ref()?;
        let (growth, path) = (Growth::of(config)?, path(details)?);
        let times = Times::of(range)?;
        let mut log = Self::at(path, growth, times, range.tail).ok().flatten()?;
        log.skip().await.ok()?;
        Some(log)
    }

    fn at(
        path: PathBuf,
        growth: Growth,
        times: Times,
        tail: Option<u64>,
    ) -> io::Result<Option<Self>> {
        let mut file = File::open(&path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Ok(None);
        }
        let (start, is_enough) = match tail {
            None => (0, false),
            Some(count) => {
                let tail = json_file::tail(&mut file, found.len(), count)?;
                (tail.start, tail.count == count)
            }
        };
        // Looked for when the file is open: what is renamed from now on is still what is read.
        let is_whole = is_enough || growth == Growth::Endless || is_first(&path);
        if !is_whole {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(start))?;
        let mut log = Self {
            path,
            file,
            left: found.len() - start,
            buffer: BytesMut::new(),
            searched: 0,
            ahead: None,
            torn: 0,
            times,
            joiner: Joiner::default(),
        };
        Ok(log.begins()?.then_some(log))
    }

    /// Goes on to the first entry; false where there are lines and none is one.
    fn begins(&mut self) -> io::Result<bool> {
        while let Some(line) = self.line()? {
            if json_file::entry(&line).is_some() {
                self.ahead = Some(line);
                return Ok(true);
            }
            self.torn += 1;
        }
        Ok(self.torn == 0)
    }

    /// Goes on to the first entry that is not too old. There may be millions before it: an
    /// interrupt comes through in between, which it cannot while lines are being put in order.
    async fn skip(&mut self) -> io::Result<()> {
        while let Some(line) = self.line()? {
            match json_file::entry(&line) {
                Some(entry) if self.times.is_before(&entry.line.time) => self.torn = 0,
                Some(_) => {
                    self.ahead = Some(line);
                    break;
                }
                None => self.torn += 1,
            }
            consume_budget().await;
        }
        Ok(())
    }

    /// What could not be read of what was told so far; none where that is nothing.
    pub(super) fn torn(&self) -> Option<Torn> {
        (self.torn > 0).then(|| Torn {
            count: self.torn,
            path: self.path.clone(),
        })
    }

    /// The next line of the log.
    ///
    /// It reads where it is polled, a block at a time: there is nothing else to be done meanwhile
    /// that would not wait for this line.
    pub(super) fn next(&mut self) -> Option<Result<LogLine>> {
        loop {
            if let Some(line) = self.joiner.next() {
                return Some(Ok(line));
            }
            match self.entry() {
                Ok(Some(entry)) => {
                    if let Some(line) = self.joiner.add(entry) {
                        return Some(Ok(line));
                    }
                }
                Ok(None) => return self.joiner.finish().map(Ok),
                Err(cause) => {
                    let path = self.path.display();
                    return Some(Err(Error::Failed(format!("cannot read {path}: {cause}"))));
                }
            }
        }
    }

    /// The next entry of the times that are asked for. As in the engine, the first that is too new
    /// ends the log, whatever comes after it.
    fn entry(&mut self) -> io::Result<Option<Entry>> {
        while let Some(line) = self.line()? {
            let Some(entry) = json_file::entry(&line) else {
                self.torn += 1;
                continue;
            };
            if self.times.is_before(&entry.line.time) {
                continue;
            }
            if self.times.is_after(&entry.line.time) {
                self.left = 0;
                self.buffer.clear();
                self.searched = 0;
                break;
            }
            return Ok(Some(entry));
        }
        Ok(None)
    }

    /// The next line of the file without its newline; one that has none is still being written.
    fn line(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(line) = self.ahead.take() {
            return Ok(Some(line));
        }
        loop {
            if let Some(at) = memchr(b'\n', &self.buffer[self.searched..]) {
                let line = self.buffer.split_to(self.searched + at).freeze();
                self.buffer.advance(1);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads on; how much there was.
    fn fill(&mut self) -> io::Result<usize> {
        let have = self.buffer.len();
        let most = self.left.min(BLOCK as u64) as usize;
        self.buffer.resize(have + most, 0);
        let read = self.file.read(&mut self.buffer[have..]);
        let count = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(have + count);
        self.left -= count as u64;
        read
    }
}

/// Entries that are none, as a full disk or a power cut leaves them: they keep nobody from the
/// others, where the engine ends the log with the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// How many they are.
    pub count: u64,
    /// The file that they are in.
    pub path: PathBuf,
}

/// What the driver does with a log that grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    /// Lets it.
    Endless,
    /// Gives the file another name (`.1`, `.2` and so on) and begins a new one.
    Renamed,
}

impl Growth {
    /// None for other drivers, and where the file is cut at its beginning: what is read then may be
    /// gone in between.
    fn of(config: &HostConfigLogConfig) -> Option<Self> {
        if config.typ.as_deref() != Some("json-file") {
            return None;
        }
        let options = config.config.as_ref();
        let option = |name: &str| options?.get(name).filter(|value| !value.is_empty());
        let files: Option<u32> = option("max-file").and_then(|files| files.parse().ok());
        match (option("max-size"), files) {
            (None, _) => Some(Self::Endless),
            (Some(_), Some(2..)) => Some(Self::Renamed),
            (Some(_), _) => None,
        }
    }
}

/// Where the log of a container is. The id in it makes sure that it is this engine's: that may be on
/// another machine, or see other files. Podman, which calls its driver `json-file` too, has other
/// names.
fn path(details: &ContainerInspectResponse) -> Option<PathBuf> {
    let id = details.id.as_deref()?;
    let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let path = PathBuf::from(details.log_path.as_deref()?);
    let is_its = path.is_absolute() && path.ends_with(format!("{id}/{id}-json.log"));
    (is_id && is_its).then_some(path)
}

/// Whether there is no older file. They are renamed from the oldest on, so that one which moves
/// meanwhile is met under one of the names.
fn is_first(path: &Path) -> bool {
    [".1", ".1.gz", ".2", ".2.gz"].iter().all(|suffix| {
        let mut older = path.as_os_str().to_owned();
        older.push(suffix);
        let found = Path::new(&older).symlink_metadata();
        found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    })
}

/// The times that are asked for, as entries have them: such texts sort as their times do.
#[derive(Default)]
struct Times {
    since: Option<String>,
    until: Option<String>,
}

impl Times {
    /// None where a moment cannot be understood.
    fn of(range: &LogRange) -> Option<Self> {
        let moment = |text: Option<&str>| match text {
            None => Some(None),
            Some(text) => moment(text).map(Some),
        };
        // The engine takes that for none.
        let until = range.until.as_deref().filter(|until| *until != "0");
        Some(Self {
            since: moment(range.since.as_deref())?,
            until: moment(until)?,
        })
    }

    fn is_before(&self, time: &[u8]) -> bool {
        self.since.as_ref().is_some_and(|it| time < it.as_bytes())
    }

    fn is_after(&self, time: &[u8]) -> bool {
        self.until.as_ref().is_some_and(|it| time > it.as_bytes())
    }
}

/// Seconds since 1970, fractions allowed, in the form of an entry's time.
fn moment(text: &str) -> Option<String> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanoseconds = format!("{fraction:0<9}");
    let time = jiff::Timestamp::new(seconds.parse().ok()?, nanoseconds.parse().ok()?).ok()?;
    Some(format!("{time:.9}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;

    use bollard::models::HostConfig;
    use futures_util::FutureExt;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn written(second: u32, text: &str) -> String {
        let text = serde_json::to_string(text).unwrap();
        format!(
            "{{\"log\":{text},\"stream\":\"stdout\",\"time\":\"2024-01-01T00:00:{second:02}.5Z\"}}\n"
        )
    }

    /// A folder of a container.
    struct Log {
        root: tempfile::TempDir,
        options: Vec<(&'static str, &'static str)>,
    }

    impl Log {
        fn of(text: &str) -> Self {
            let log = Self {
                root: tempfile::tempdir().unwrap(),
                options: Vec::new(),
            };
            fs::create_dir(log.root.path().join(ID)).unwrap();
            fs::write(log.path(""), text).unwrap();
            log
        }

        fn with(mut self, options: &[(&'static str, &'static str)]) -> Self {
            self.options = options.to_vec();
            self
        }

        fn path(&self, suffix: &str) -> PathBuf {
            let name = format!("{ID}/{ID}-json.log{suffix}");
            self.root.path().join(name)
        }

        fn details(&self) -> ContainerInspectResponse {
            let pair = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
            let options: HashMap<String, String> = self.options.iter().map(pair).collect();
            ContainerInspectResponse {
                id: Some(ID.to_owned()),
                log_path: Some(self.path("").display().to_string()),
                host_config: Some(HostConfig {
                    log_config: Some(HostConfigLogConfig {
                        typ: Some("json-file".to_owned()),
                        config: Some(options),
                    }),
                    ..HostConfig::default()
                }),
                ..ContainerInspectResponse::default()
            }
        }

        fn told(&self, range: &LogRange) -> String {
            told(&self.details(), range)
        }
    }

    fn told(details: &ContainerInspectResponse, range: &LogRange) -> String {
        let log = LogFile::open(details, range).now_or_never();
        let Some(mut log) = log.flatten() else {
            return "left to the engine".to_owned();
        };
        let mut told = String::new();
        while let Some(line) = log.next() {
            told += &String::from_utf8_lossy(&line.unwrap().text);
            told += "|";
        }
        if let Some(torn) = log.torn() {
            assert_eq!(torn.path, Path::new(details.log_path.as_ref().unwrap()));
            told += &format!(" {} torn", torn.count);
        }
        told
    }

    fn last(count: u64) -> LogRange {
        LogRange {
            tail: Some(count),
            ..LogRange::default()
        }
    }

    #[test]
    fn lines_come_whole_and_what_is_being_written_does_not() {
        let long = "x".repeat(BLOCK * 2);
        let mut text = written(1, "one\n");
        text += &written(2, &long);
        text += &written(2, "end\n");
        text += "{\"log\":\"torn{\"log\":\n";
        text += &written(3, "no newline");
        text += &written(4, "again\n");
        text += "{\"log\":\"unfini";
        let log = Log::of(&text);
        assert_eq!(
            log.told(&LogRange::default()),
            format!("one|{long}end|no newline|again| 1 torn")
        );
        assert_eq!(log.told(&last(4)), "end|no newline|again| 1 torn");
        assert_eq!(log.told(&last(3)), "no newline|again| 1 torn");
        assert_eq!(log.told(&last(2)), "no newline|again|");
        assert_eq!(log.told(&last(1)), "again|");
        assert_eq!(log.told(&last(0)), "");
        assert_eq!(Log::of("").told(&last(3)), "");
    }

    #[test]
    fn what_is_torn_counts_where_it_may_be_of_the_times() {
        let lines = [(1, "a\n"), (2, "b\n"), (3, "c\n"), (4, "d\n")];
        let lines = lines.map(|(second, text)| written(second, text));
        let log = Log::of(&format!("\0\0\n{}", lines.join("{\"log\n")));
        let range = |since: i64, until: i64| LogRange {
            since: Some((1_704_067_200 + since).to_string()),
            until: Some((1_704_067_200 + until).to_string()),
            ..LogRange::default()
        };
        assert_eq!(log.told(&range(1, 9)), "a|b|c|d| 4 torn");
        assert_eq!(log.told(&range(3, 9)), "c|d| 2 torn");
        assert_eq!(log.told(&range(4, 9)), "d| 1 torn");
        assert_eq!(log.told(&range(1, 3)), "a|b| 3 torn");
    }

    #[test]
    fn times_are_counted_after_the_tail_and_the_first_too_new_ends_it() {
        let lines = [(1, "a\n"), (3, "b\n"), (2, "c\n"), (4, "d\n")];
        let text: String = lines.map(|(second, text)| written(second, text)).concat();
        let log = Log::of(&text);
        let range = |since: Option<&str>, until: Option<&str>, tail| LogRange {
            since: since.map(str::to_owned),
            until: until.map(str::to_owned),
            tail,
            ..LogRange::default()
        };
        let base = 1_704_067_200;
        let at = |second: i64, fraction: &str| format!("{}{fraction}", base + second);
        let shown = |since: &str, until: &str, tail| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let (since, until) = (some(since), some(until));
            log.told(&range(since.as_deref(), until.as_deref(), tail))
        };
        assert_eq!(shown(&at(3, ""), "", None), "b|d|");
        assert_eq!(shown(&at(3, ".5"), "", None), "b|d|");
        assert_eq!(shown(&at(3, ".500000001"), "", None), "d|");
        assert_eq!(shown("", &at(3, ""), None), "a|");
        assert_eq!(shown("", &at(3, ".5"), None), "a|b|c|");
        assert_eq!(shown(&at(3, ""), "", Some(2)), "d|");
        assert_eq!(shown("0", "0", None), "a|b|c|d|");
        assert_eq!(shown("1.5.5", "", None), "left to the engine");
    }

    #[test]
    fn older_files_are_left_to_the_engine_where_they_are_needed() {
        let text = written(1, "a\n") + &written(2, "b\n");
        let renamed = [("max-size", "1m"), ("max-file", "3")];
        let log = Log::of(&text).with(&renamed);
        assert_eq!(log.told(&LogRange::default()), "a|b|");
        for suffix in [".1", ".1.gz", ".2"] {
            fs::write(log.path(suffix), "").unwrap();
            assert_eq!(log.told(&LogRange::default()), "left to the engine");
            assert_eq!(log.told(&last(3)), "left to the engine");
            assert_eq!(log.told(&last(2)), "a|b|");
            fs::remove_file(log.path(suffix)).unwrap();
        }
        for cut in [
            &[("max-size", "1m")][..],
            &[("max-size", "1m"), ("max-file", "1")],
        ] {
            let log = Log::of(&text).with(cut);
            assert_eq!(log.told(&last(1)), "left to the engine");
        }
        let log = Log::of(&text).with(&[("tag", "x")]);
        assert_eq!(log.told(&LogRange::default()), "a|b|");
    }

    #[test]
    fn only_the_engines_own_file_is_taken() {
        let log = Log::of(&written(1, "a\n"));
        let open = |change: &dyn Fn(&mut ContainerInspectResponse)| {
            let mut details = log.details();
            change(&mut details);
            told(&details, &LogRange::default())
        };
        assert_eq!(open(&|_| {}), "a|");
        let driver = |name: &str| {
            open(&|details| {
                let host = details.host_config.as_mut().unwrap();
                host.log_config.as_mut().unwrap().typ = Some(name.to_owned());
            })
        };
        let away = "left to the engine";
        assert_eq!(
            (driver("local").as_str(), driver("none").as_str()),
            (away, away)
        );
        assert_eq!(open(&|details| details.log_path = None), away);
        assert_eq!(open(&|details| details.id = Some("ab".repeat(32))), away);
        let follow = LogRange {
            follow: true,
            ..LogRange::default()
        };
        assert_eq!(log.told(&follow), away);
        fs::write(log.path(""), "2024-01-01T00:00:00Z stdout F a\n").unwrap();
        assert_eq!(log.told(&LogRange::default()), away);
        fs::write(log.path(""), "\0\0\0{}\n").unwrap();
        assert_eq!(log.told(&LogRange::default()), away);
        fs::remove_file(log.path("")).unwrap();
        assert_eq!(log.told(&LogRange::default()), away);
    }
}
