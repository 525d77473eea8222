//! The format of Docker's `json-file` logging driver: a JSON object on each line, oldest first,
//! `{"log":"text\n","stream":"stdout","time":"2024-01-01T00:00:00.1Z"}`.
//!
//! Only bytes and places in them; which file, and whether, is decided by `log_file`.

use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use memchr::{memchr2, memrchr_iter};
use serde::Deserialize;

use super::demux::Channel;
use super::line::{Entry, LogLine};

/// As much as is read at once: enough for a few hundred entries, and read in some ten microseconds
/// where the page cache has it, as it has what was just written.
pub(super) const BLOCK: usize = 64 * 1024;

/// Decodes a line of the file, which comes without its newline; none where it is no entry.
pub(super) fn entry(written: &Bytes) -> Option<Entry> {
    plain(written).or_else(|| escaped(written))
}

/// An entry without an escape but that of its newline, as most are: nothing is copied.
fn plain(written: &Bytes) -> Option<Entry> {
    let rest = written.strip_prefix(br#"{"log":""#)?;
    let (text, rest) = rest.split_at(memchr2(b'"', b'\\', rest)?);
    let rest = rest.strip_prefix(br#"\n","stream":""#)?;
    let (stream, rest) = rest.split_at_checked("stdout".len())?;
    let time = rest
        .strip_prefix(br#"","time":""#)?
        .strip_suffix(br#""}"#)?;
    let line = LogLine {
        time: fixed(written.slice_ref(time))?,
        channel: channel(stream)?,
        text: written.slice_ref(text),
    };
    Some(Entry { line, ended: true })
}

/// Any entry.
fn escaped(written: &Bytes) -> Option<Entry> {
    #[derive(Deserialize)]
    struct Written<'a> {
        #[serde(borrow)]
        log: Cow<'a, str>,
        #[serde(borrow)]
        stream: Cow<'a, str>,
        #[serde(borrow)]
        time: Cow<'a, str>,
    }
    let found: Written<'_> = serde_json::from_slice(written).ok()?;
    let ended = found.log.ends_with('\n');
    let mut text = match found.log {
        Cow::Borrowed(text) => written.slice_ref(text.as_bytes()),
        Cow::Owned(text) => Bytes::from(text),
    };
    if ended {
        text.truncate(text.len() - 1);
    }
    let line = LogLine {
        time: fixed(Bytes::copy_from_slice(found.time.as_bytes()))?,
        channel: channel(found.stream.as_bytes())?,
        text,
    };
    Some(Entry { line, ended })
}

fn channel(stream: &[u8]) -> Option<Channel> {
    match stream {
        b"stdout" => Some(Channel::Stdout),
        b"stderr" => Some(Channel::Stderr),
        _ => None,
    }
}

/// A time as the engine's API writes it, with nine digits of a fraction: the driver leaves zeros at
/// its end out. None where it is no time in UTC.
fn fixed(time: Bytes) -> Option<Bytes> {
    if is_fixed(&time) {
        return Some(time);
    }
    const BEFORE_ZONE: usize = 29;
    let mut whole = time.strip_suffix(b"Z")?.to_vec();
    if !whole.contains(&b'.') {
        whole.push(b'.');
    }
    if whole.len() < BEFORE_ZONE {
        whole.resize(BEFORE_ZONE, b'0');
    }
    whole.push(b'Z');
    is_fixed(&whole).then(|| whole.into())
}

fn is_fixed(time: &[u8]) -> bool {
    const SIGNS: [(usize, u8); 7] = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
        (29, b'Z'),
    ];
    time.len() == 30 && SIGNS.iter().all(|(at, sign)| time[*at] == *sign)
}

/// The last entries of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// Where the first of them begins.
    pub start: u64,
    /// How many they are: fewer than were asked for where the file has no more.
    pub count: u64,
}

/// Finds the last `count` entries before `end`, one that is being written left out.
///
/// # Errors
///
/// The file cannot be read, or is shorter meanwhile.
pub(super) fn tail(file: &mut (impl Read + Seek), end: u64, count: u64) -> io::Result<Tail> {
    let mut block = vec![0; BLOCK];
    let (mut upto, mut newlines) = (end, 0);
    while upto > 0 {
        let length = upto.min(BLOCK as u64);
        let block = &mut block[..length as usize];
        upto -= length;
        file.seek(SeekFrom::Start(upto))?;
        file.read_exact(block)?;
        for at in memrchr_iter(b'\n', block) {
            // The last newline ends the last entry; so many more, and what is behind is wanted.
            if newlines == count {
                let start = upto + at as u64 + 1;
                return Ok(Tail { start, count });
            }
            newlines += 1;
        }
    }
    Ok(Tail {
        start: 0,
        count: newlines,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn decoded(written: &str) -> String {
        match entry(&Bytes::copy_from_slice(written.as_bytes())) {
            None => "none".to_owned(),
            Some(Entry { line, ended }) => format!(
                "{} {:?} {:?}{}",
                String::from_utf8_lossy(&line.time),
                line.channel,
                String::from_utf8_lossy(&line.text),
                if ended { "" } else { " goes on" }
            ),
        }
    }

    #[test]
    fn entries_are_what_the_engine_makes_of_them() {
        let written = [
            r#"{"log":"plain é\n","stream":"stdout","time":"2024-01-01T00:00:00.123456789Z"}"#,
            r#"{"log":"\n","stream":"stderr","time":"2024-01-01T00:00:00.12Z"}"#,
            r#"{"log":"a piece","stream":"stdout","time":"2024-01-01T00:00:00Z"}"#,
            r#"{"log":"\u003cb\u003e \"q\" \\ \t\u0000\u001b[1m\r\n","stream":"stdout","time":"2024-01-01T00:00:00.1Z"}"#,
            r#"{"log":"bad \ufffd\u2028\n","stream":"stdout","time":"2024-01-01T00:00:00.1Z"}"#,
            r#"{"log":"x\n","stream":"stdout","attrs":{"tag":"\"}"},"time":"2024-01-01T00:00:00.1Z"}"#,
            r#"{"log":"end \\n","stream":"stdout","time":"2024-01-01T00:00:00.1Z"}"#,
            r#"{"log":"\\n\",\"stream\":\"stdout\n","stream":"stderr","time":"2024-01-01T00:00:00.1Z"}"#,
        ];
        let expected = [
            r#"2024-01-01T00:00:00.123456789Z Stdout "plain é""#,
            r#"2024-01-01T00:00:00.120000000Z Stderr """#,
            r#"2024-01-01T00:00:00.000000000Z Stdout "a piece" goes on"#,
            r#"2024-01-01T00:00:00.100000000Z Stdout "<b> \"q\" \\ \t\0\u{1b}[1m\r""#,
            r#"2024-01-01T00:00:00.100000000Z Stdout "bad �\u{2028}""#,
            r#"2024-01-01T00:00:00.100000000Z Stdout "x""#,
            r#"2024-01-01T00:00:00.100000000Z Stdout "end \\n" goes on"#,
            r#"2024-01-01T00:00:00.100000000Z Stderr "\\n\",\"stream\":\"stdout""#,
        ];
        assert_eq!(written.map(decoded), expected);
    }

    #[test]
    fn what_is_no_entry_is_none() {
        for written in [
            "",
            "2024-01-01T00:00:00.1Z stdout F a line of Podman's",
            r#"{"log":"torn\n","stream":"std{"log":"x\n","stream":"stdout","time":"2024-01-01T00:00:00.1Z"}"#,
            r#"{"log":"x\n","stream":"stdlog","time":"2024-01-01T00:00:00.1Z"}"#,
            r#"{"log":"x\n","stream":"stdout","time":"2024-01-01T00:00:00.1+01:00"}"#,
            r#"{"log":"x\n","stream":"stdout","time":"now"}"#,
            r#"{"log":"x\n","stream":"stdout"}"#,
        ] {
            assert_eq!(decoded(written), "none", "{written}");
        }
    }

    /// The same, from the whole text at once.
    fn tail_of(text: &str, count: u64) -> Tail {
        let ended = text.rfind('\n').map_or(0, |at| at + 1);
        let lines: Vec<&str> = text[..ended].split_inclusive('\n').collect();
        let count = lines.len().min(count as usize);
        let tail: usize = lines[lines.len() - count..].iter().map(|it| it.len()).sum();
        Tail {
            start: (ended - tail) as u64,
            count: count as u64,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_tail_is_found_wherever_blocks_begin(
            // Around a block's length, so that its borders fall before, on and behind newlines.
            lengths in prop::collection::vec(
                prop_oneof![0..3usize, BLOCK / 2 - 2..BLOCK / 2 + 2, BLOCK - 3..BLOCK + 3],
                0..8,
            ),
            unfinished in prop_oneof![Just(0), 1..3usize, BLOCK - 2..BLOCK + 2],
            count in 0..9u64,
        ) {
            let lines = lengths.iter().map(|length| "x".repeat(*length) + "\n");
            let text = lines.collect::<String>() + &"y".repeat(unfinished);
            let found = tail(&mut Cursor::new(&text), text.len() as u64, count).unwrap();
            prop_assert_eq!(found, tail_of(&text, count));
        }
    }

    #[test]
    fn a_file_that_is_shorter_than_it_was_is_an_error() {
        assert!(tail(&mut Cursor::new("one\n"), 100, 1).is_err());
    }
}
