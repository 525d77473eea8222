//! `volumes` of a service in the short form: `[source:]target[:option,…]`, Windows paths included.

use std::fmt;

use crate::project::{BindOptions, Mount, MountType, OptOut, VolumeOptions};
use crate::text::path;

/// A mount in the short form, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Short {
    /// The long form.
    pub mount: Mount,
    /// Options that mean nothing and that Compose passes over in silence.
    pub unknown: Vec<String>,
}

/// Why a mount cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text is empty.
    Empty,
    /// Nothing stands between two colons, before the first or after the last.
    EmptySection,
    /// More than source, target and options.
    TooManyColons,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a volume cannot be empty",
            Self::EmptySection => "nothing stands before, between or after the colons of a volume",
            Self::TooManyColons => "a volume has at most a source, a target and options",
        })
    }
}

/// Reads one mount; its target is cleaned as a path.
///
/// # Errors
/// An empty text or section, or too many sections.
pub fn parse(text: &str) -> Result<Short, Error> {
    match text.chars().count() {
        0 => return Err(Error::Empty),
        // Compose takes such a text as it is, with no options object.
        _ if text.len() <= 2 => {
            return Ok(Short {
                mount: Mount {
                    r#type: MountType::Volume,
                    target: path::clean(text),
                    ..Mount::default()
                },
                unknown: Vec::new(),
            });
        }
        _ => {}
    }
    let sections = sections(text);
    if sections.iter().any(|section| section.is_empty()) {
        return Err(Error::EmptySection);
    }
    let (source, target, options) = match sections[..] {
        [target] => ("", target, ""),
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        _ => return Err(Error::TooManyColons),
    };
    let mut short = Short {
        mount: Mount {
            source: source.to_owned(),
            target: path::clean(target),
            ..Mount::default()
        },
        unknown: Vec::new(),
    };
    for option in options.split(',') {
        apply(option, &mut short);
    }
    let mount = &mut short.mount;
    if is_path(source) {
        mount.r#type = MountType::Bind;
        mount.bind.get_or_insert_default().create_host_path = OptOut(Some(true));
    } else {
        mount.r#type = MountType::Volume;
        mount.volume.get_or_insert_default();
    }
    Ok(short)
}

fn apply(option: &str, short: &mut Short) {
    let mount = &mut short.mount;
    match option {
        "ro" => mount.read_only = true,
        "rw" => mount.read_only = false,
        "nocopy" => {
            mount.volume = Some(VolumeOptions {
                nocopy: true,
                ..VolumeOptions::default()
            });
        }
        "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
            let bind: &mut BindOptions = mount.bind.get_or_insert_default();
            bind.propagation = option.to_owned();
        }
        "z" | "Z" => {
            let bind: &mut BindOptions = mount.bind.get_or_insert_default();
            bind.selinux = option.to_owned();
        }
        // Docker Desktop's consistency words have no effect any more.
        "" | "consistent" | "cached" | "delegated" => {}
        unknown => short.unknown.push(unknown.to_owned()),
    }
}

/// Splits at colons, but not after a drive letter nor inside `${…}`.
fn sections(text: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let mut start = 0;
    let mut variables = 0_usize;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '$' if matches!(chars.peek(), Some((_, '{'))) => variables += 1,
            '}' => variables = variables.saturating_sub(1),
            ':' if variables == 0 && !is_drive(&text[start..at]) => {
                sections.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    sections.push(&text[start..]);
    sections
}

/// A path of Windows as its Linux machines see it: `C:\src` is `/c/src`; none where it is no such path.
pub fn from_windows(path: &str) -> Option<String> {
    let (drive, rest) = path.split_once(':')?;
    is_drive(drive).then(|| format!("/{}{}", drive.to_lowercase(), rest.replace('\\', "/")))
}

/// Whether a colon after this text makes it a Windows drive.
fn is_drive(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

/// Whether a source is a path of the host rather than the name of a volume.
pub fn is_path(source: &str) -> bool {
    let drive = || {
        source
            .split_once(':')
            .is_some_and(|(letter, _)| is_drive(letter))
    };
    source.starts_with(['.', '/', '~']) || source.starts_with("\\\\") || drive()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The right side is what Docker Compose 2.40.3 made of the volume.
    #[test]
    fn every_volume_is_read_as_compose_reads_it() {
        for (text, expected) in [
            (
                r#"/path"#,
                r#"{"type":"volume","target":"/path","volume":{}}"#,
            ),
            (
                r#"/path/foo"#,
                r#"{"type":"volume","target":"/path/foo","volume":{}}"#,
            ),
            (
                r#"C:\path"#,
                r#"{"type":"volume","target":"C:\\path","volume":{}}"#,
            ),
            (r#"."#, r#"{"type":"volume","target":"."}"#),
            (r#"/a"#, r#"{"type":"volume","target":"/a"}"#),
            (r#"d:"#, r#"{"type":"volume","target":"d:"}"#),
            (
                r#"./foo:/target"#,
                r#"{"type":"bind","source":"./foo","target":"/target","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"~/thing:/target"#,
                r#"{"type":"bind","source":"~/thing","target":"/target","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"../other:/target"#,
                r#"{"type":"bind","source":"../other","target":"/target","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"/foo:/target/"#,
                r#"{"type":"bind","source":"/foo","target":"/target","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"D:\path:d:\target"#,
                r#"{"type":"bind","source":"D:\\path","target":"d:\\target","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"/source:/target:slave"#,
                r#"{"type":"bind","source":"/source","target":"/target","bind":{"propagation":"slave","create_host_path":true}}"#,
            ),
            (
                r#"/source:/target:ro,z"#,
                r#"{"type":"bind","source":"/source","target":"/target","read_only":true,"bind":{"selinux":"z","create_host_path":true}}"#,
            ),
            (
                r#"/source:/target:Z,rw"#,
                r#"{"type":"bind","source":"/source","target":"/target","bind":{"selinux":"Z","create_host_path":true}}"#,
            ),
            (
                r#"C:\source\foo:D:\target:ro,rprivate"#,
                r#"{"type":"bind","source":"C:\\source\\foo","target":"D:\\target","read_only":true,"bind":{"propagation":"rprivate","create_host_path":true}}"#,
            ),
            (
                r#"name:/target:bogus"#,
                r#"{"type":"volume","source":"name","target":"/target","volume":{}}"#,
            ),
            (
                r#"name:/target:nocopy"#,
                r#"{"type":"volume","source":"name","target":"/target","volume":{"nocopy":true}}"#,
            ),
            (
                r#"name:/target:nocopy,ro"#,
                r#"{"type":"volume","source":"name","target":"/target","read_only":true,"volume":{"nocopy":true}}"#,
            ),
            (
                r#"name:/target:z"#,
                r#"{"type":"volume","source":"name","target":"/target","bind":{"selinux":"z"},"volume":{}}"#,
            ),
            (
                r#"name:/a/../b//c/"#,
                r#"{"type":"volume","source":"name","target":"/b/c","volume":{}}"#,
            ),
            (
                r#"./foo:/t:rw"#,
                r#"{"type":"bind","source":"./foo","target":"/t","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"\\.\pipe\docker_engine:\\.\pipe\inside"#,
                r#"{"type":"bind","source":"\\\\.\\pipe\\docker_engine","target":"\\\\.\\pipe\\inside","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"name:D:"#,
                r#"{"type":"volume","source":"name","target":"D:","volume":{}}"#,
            ),
            (
                r#"name:D::rw"#,
                r#"{"type":"volume","source":"name","target":"D:","volume":{}}"#,
            ),
            (
                r#"c:/:d:/forward"#,
                r#"{"type":"bind","source":"c:/","target":"d:/forward","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"x:/t"#,
                r#"{"type":"volume","target":"x:/t","volume":{}}"#,
            ),
            (
                r#"ab:/t"#,
                r#"{"type":"volume","source":"ab","target":"/t","volume":{}}"#,
            ),
            (
                r#"/var/run/docker.sock:/var/run/docker.sock"#,
                r#"{"type":"bind","source":"/var/run/docker.sock","target":"/var/run/docker.sock","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"/a:/b:ro,consistent"#,
                r#"{"type":"bind","source":"/a","target":"/b","read_only":true,"bind":{"create_host_path":true}}"#,
            ),
            (
                r#"/a:/b:rshared,ro"#,
                r#"{"type":"bind","source":"/a","target":"/b","read_only":true,"bind":{"propagation":"rshared","create_host_path":true}}"#,
            ),
            (
                r#"/a:/b:delegated"#,
                r#"{"type":"bind","source":"/a","target":"/b","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"é:/t"#,
                r#"{"type":"volume","target":"é:/t","volume":{}}"#,
            ),
            (
                r#"名前:/t"#,
                r#"{"type":"volume","source":"名前","target":"/t","volume":{}}"#,
            ),
            (
                r#"a b:/c d"#,
                r#"{"type":"volume","source":"a b","target":"/c d","volume":{}}"#,
            ),
            (
                r#"/a:."#,
                r#"{"type":"bind","source":"/a","target":".","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"name:rel"#,
                r#"{"type":"volume","source":"name","target":"rel","volume":{}}"#,
            ),
            (
                r#"./a:rel/"#,
                r#"{"type":"bind","source":"./a","target":"rel","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"~:/t"#,
                r#"{"type":"bind","source":"~","target":"/t","bind":{"create_host_path":true}}"#,
            ),
            (
                r#".:/t"#,
                r#"{"type":"bind","source":".","target":"/t","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"..:/t"#,
                r#"{"type":"bind","source":"..","target":"/t","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"${X}:/t"#,
                r#"{"type":"volume","source":"${X}","target":"/t","volume":{}}"#,
            ),
            (
                r#"vol:/x${y:-z}"#,
                r#"{"type":"volume","source":"vol","target":"/x${y:-z}","volume":{}}"#,
            ),
            (
                r#"/a:/b:ro,,z"#,
                r#"{"type":"bind","source":"/a","target":"/b","read_only":true,"bind":{"selinux":"z","create_host_path":true}}"#,
            ),
            (r#"foo"#, r#"{"type":"volume","target":"foo","volume":{}}"#),
            (
                r#"/tmp:/tmp/${V:-12:30}/path"#,
                r#"{"type":"bind","source":"/tmp","target":"/tmp/${V:-12:30}/path","bind":{"create_host_path":true}}"#,
            ),
            (
                r#"/:/host"#,
                r#"{"type":"bind","source":"/","target":"/host","bind":{"create_host_path":true}}"#,
            ),
            (r#"a:b"#, r#"{"type":"volume","target":"a:b","volume":{}}"#),
            (
                r#"name:/target:ro,rw"#,
                r#"{"type":"volume","source":"name","target":"/target","volume":{}}"#,
            ),
            (
                r#"a:b:c:d:e"#,
                r#"{"type":"bind","source":"a:b","target":"c:d","bind":{"create_host_path":true}}"#,
            ),
            (r#":"#, r#"{"type":"volume","target":":"}"#),
        ] {
            let mount = parse(text).unwrap().mount;
            assert_eq!(serde_json::to_string(&mount).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn sections_must_be_filled_and_three_at_most() {
        for (text, error) in [
            ("", Error::Empty),
            ("/foo:/foo:ro:foo", Error::TooManyColons),
            (":foo", Error::EmptySection),
            ("/foo::ro", Error::EmptySection),
            ("/foo:", Error::EmptySection),
            ("name:D:::rW", Error::EmptySection),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn options_that_compose_overlooks_are_reported() {
        let short = parse("data:/data:readonly,ro,cached,nosuid").unwrap();
        assert_eq!(short.unknown, ["readonly", "nosuid"]);
        assert!(short.mount.read_only);
    }
}
