//! BuildKit takes files of this machine one by one: it gets a list, asks for what it does not have
//! yet, and gets that. The protocol is fsutil's.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use hyper::HeaderMap;
use tokio::io::AsyncReadExt;

use super::context::{Found, Selection, follow, list};
use super::grpc::{Receiver, Sender, Status, unescape};
use super::wire::{Packet, PacketKind, Stat};
use crate::text::dockerignore::Patterns;

/// A folder that the builder may take files from.
#[derive(Clone, Debug)]
pub(super) enum Folder {
    /// One of this machine.
    Disk(PathBuf),
    /// One with a single file that is nowhere else.
    Single {
        /// The file's name.
        name: String,
        /// What it holds.
        text: String,
    },
}

/// Go's `os.FileMode`, above the permissions.
mod go {
    pub(super) const FOLDER: u32 = 1 << 31;
    pub(super) const LINK: u32 = 1 << 27;
    pub(super) const DEVICE: u32 = 1 << 26;
    pub(super) const PIPE: u32 = 1 << 25;
    pub(super) const SETUID: u32 = 1 << 23;
    pub(super) const SETGID: u32 = 1 << 22;
    pub(super) const CHARACTER: u32 = 1 << 21;
    pub(super) const STICKY: u32 = 1 << 20;
}

/// As much of a file as one packet takes.
const PIECE: usize = 32 * 1024;

/// Answers one request for files.
pub(super) async fn serve(
    folder: &Folder,
    headers: &HeaderMap,
    mut from: Receiver,
    to: &mut Sender,
) -> io::Result<Status> {
    let files = match folder {
        Folder::Disk(root) => {
            let (root, asked) = (root.clone(), Asked::read(headers));
            let listing = tokio::task::spawn_blocking(move || listing(&root, &asked));
            match listing.await.map_err(io::Error::other)? {
                Ok(files) => files,
                Err(error) => return refuse(to, &error).await,
            }
        }
        Folder::Single { name, text } => vec![single(name, text)],
    };
    for file in &files {
        to.send(&stat_packet(Some(file.stat.clone()))).await?;
    }
    to.send(&stat_packet(None)).await?;
    while let Some(packet) = from.next::<Packet>().await? {
        match PacketKind::try_from(packet.kind) {
            Ok(PacketKind::Request) => {
                let file = files.get(packet.id as usize);
                let Some(file) = file else {
                    return Ok(Status::new(Status::NOT_FOUND, "no such file was listed"));
                };
                if let Err(error) = content(packet.id, &file.content, to).await {
                    return refuse(to, &error).await;
                }
            }
            Ok(PacketKind::Finish) => {
                to.send(&of_kind(PacketKind::Finish)).await?;
                return Ok(Status::ok());
            }
            Ok(PacketKind::Error) => {
                let text = String::from_utf8_lossy(&packet.data).into_owned();
                return Ok(Status::new(Status::UNKNOWN, text));
            }
            Ok(PacketKind::Stat | PacketKind::Data) | Err(_) => {}
        }
    }
    Ok(Status::ok())
}

/// What the builder asks for, from the headers of its call.
struct Asked {
    excludes: Vec<String>,
    includes: Vec<String>,
    follow: Vec<String>,
}

impl Asked {
    fn read(headers: &HeaderMap) -> Self {
        let list = |name: &str| {
            let encoded = headers.contains_key(format!("{name}-encoded"));
            let values = headers.get_all(name).into_iter();
            let values = values.filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
            values
                .map(|value| match encoded {
                    true => unescape(&value.replace('+', " ")),
                    false => value.to_owned(),
                })
                .collect()
        };
        Self {
            excludes: list("exclude-patterns"),
            includes: list("include-patterns"),
            follow: list("followpaths"),
        }
    }
}

/// One file as the builder is told of it, and where its content is.
struct Offered {
    stat: Stat,
    content: Content,
}

enum Content {
    File(PathBuf),
    Text(Bytes),
}

fn listing(root: &Path, asked: &Asked) -> io::Result<Vec<Offered>> {
    let patterns = |list: &[String]| Patterns::new(list.iter().map(String::as_str));
    let includes = match (asked.follow.is_empty(), asked.includes.is_empty()) {
        (false, _) => follow(root, &asked.follow)?,
        (true, false) => Some(patterns(&asked.includes).map_err(io::Error::other)?),
        (true, true) => None,
    };
    let selection = Selection {
        excludes: patterns(&asked.excludes).map_err(io::Error::other)?,
        includes,
    };
    let found = list(root, &selection)?.into_iter();
    // A socket is no content; the builder would refuse it.
    let found = found.filter(|found| !is_socket(&found.metadata));
    found.map(offered).collect()
}

fn is_socket(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_socket()
}

fn offered(found: Found) -> io::Result<Offered> {
    let metadata = &found.metadata;
    let link = match metadata.is_symlink() {
        true => std::fs::read_link(&found.on_disk)?
            .to_string_lossy()
            .into_owned(),
        false => String::new(),
    };
    let size = match metadata.is_dir() {
        true => 0,
        false => i64::try_from(metadata.len()).map_err(io::Error::other)?,
    };
    Ok(Offered {
        stat: Stat {
            path: found.path,
            mode: go_mode(metadata.mode()),
            size,
            modified: metadata
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(metadata.mtime_nsec()),
            link,
        },
        content: Content::File(found.on_disk),
    })
}

/// The time of an inline file is fixed, so that nothing depends on when it is sent.
fn single(name: &str, text: &str) -> Offered {
    Offered {
        stat: Stat {
            path: name.to_owned(),
            mode: 0o600,
            size: i64::try_from(text.len()).unwrap_or(i64::MAX),
            modified: 0,
            link: String::new(),
        },
        content: Content::Text(Bytes::copy_from_slice(text.as_bytes())),
    }
}

/// Turns the mode bits of this system into Go's.
fn go_mode(mode: u32) -> u32 {
    let kind = match mode & 0o170_000 {
        0o040_000 => go::FOLDER,
        0o120_000 => go::LINK,
        0o060_000 => go::DEVICE,
        0o020_000 => go::DEVICE | go::CHARACTER,
        0o010_000 => go::PIPE,
        _ => 0,
    };
    let special = [
        (0o4000, go::SETUID),
        (0o2000, go::SETGID),
        (0o1000, go::STICKY),
    ];
    let special = special
        .iter()
        .filter(|(bit, _)| mode & bit != 0)
        .fold(0, |all, (_, bit)| all | bit);
    (mode & 0o777) | kind | special
}

/// Sends a file's content in pieces, then an empty one.
async fn content(id: u32, content: &Content, to: &mut Sender) -> io::Result<()> {
    match content {
        Content::Text(text) => to.send(&data(id, text.clone())).await?,
        Content::File(path) => {
            let mut file = tokio::fs::File::open(path).await.map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
            loop {
                let mut piece = BytesMut::with_capacity(PIECE);
                if file.read_buf(&mut piece).await? == 0 {
                    break;
                }
                to.send(&data(id, piece.freeze())).await?;
            }
        }
    }
    to.send(&data(id, Bytes::new())).await
}

/// Tells the builder why there will be no files.
async fn refuse(to: &mut Sender, error: &io::Error) -> io::Result<Status> {
    let packet = Packet {
        data: Bytes::from(error.to_string()),
        ..of_kind(PacketKind::Error)
    };
    to.send(&packet).await?;
    Ok(Status::new(Status::UNKNOWN, error.to_string()))
}

fn of_kind(kind: PacketKind) -> Packet {
    Packet {
        kind: kind.into(),
        ..Packet::default()
    }
}

fn stat_packet(stat: Option<Stat>) -> Packet {
    Packet {
        stat,
        ..of_kind(PacketKind::Stat)
    }
}

fn data(id: u32, data: Bytes) -> Packet {
    Packet {
        id,
        data,
        ..of_kind(PacketKind::Data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_told_as_go_has_them() {
        assert_eq!(go_mode(0o100_644), 0o644);
        assert_eq!(go_mode(0o104_755), 0o755 | go::SETUID);
        assert_eq!(go_mode(0o041_777), 0o777 | go::FOLDER | go::STICKY);
        assert_eq!(go_mode(0o120_777), 0o777 | go::LINK);
        assert_eq!(go_mode(0o020_600), 0o600 | go::DEVICE | go::CHARACTER);
    }

    #[test]
    fn headers_say_what_is_asked_for() {
        let mut headers = HeaderMap::new();
        headers.append("followpaths", "a b".parse().unwrap());
        headers.append("followpaths", "c".parse().unwrap());
        headers.append("exclude-patterns", "%C3%A4+x".parse().unwrap());
        headers.append("exclude-patterns-encoded", "1".parse().unwrap());
        let asked = Asked::read(&headers);
        assert_eq!(asked.follow, ["a b", "c"]);
        assert_eq!(asked.excludes, ["ä x"]);
        assert!(asked.includes.is_empty());
    }
}
