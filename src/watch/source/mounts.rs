//! File systems that change without an event: those that another machine writes to, and an overlay
//! whose layers can be reached from here.

use std::path::{Path, PathBuf};

/// File systems that somebody else writes to: the kernel here never hears of it.
const SHARED: &[&str] = &[
    "9p",
    "afs",
    "ceph",
    "cifs",
    "drvfs",
    "fakeowner",
    "glusterfs",
    "grpcfuse",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "osxfs",
    "prl_fs",
    "smb3",
    "smbfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
];

/// A line of `mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The folder of the file system that is mounted; ends in `//deleted` where that is gone.
    pub root: String,
    /// Where it is mounted.
    pub point: PathBuf,
    /// `ext4`, `overlay` …
    pub kind: String,
    /// The file system's own options.
    pub options: String,
}

/// Reads a `mountinfo` of proc(5).
pub fn parse(text: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, point) = (before.next()?, before.next()?);
        let mut after = after.splitn(3, ' ');
        Some(Mount {
            root: unescaped(root),
            point: unescaped(point).into(),
            kind: after.next()?.to_owned(),
            options: unescaped(after.nth(1)?),
        })
    };
    text.lines().filter_map(mount).collect()
}

/// Whether what lies at a path may change without an event.
pub fn is_silent(path: &Path) -> bool {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    of(path, &parse(&text)).is_some_and(|mount| {
        let kind = mount.kind.as_str();
        let has_reachable_layer = || layers(&mount.options).any(|layer| layer.is_dir());
        SHARED.contains(&kind)
            || kind.starts_with("fuse.")
            || (kind == "overlay" && has_reachable_layer())
    })
}

/// The mount that a path lies in: the deepest, and of several at one point the last.
fn of<'a>(path: &Path, mounts: &'a [Mount]) -> Option<&'a Mount> {
    let above = mounts.iter().filter(|mount| path.starts_with(&mount.point));
    above.max_by_key(|mount| mount.point.components().count())
}

/// The layers of an overlay.
fn layers(options: &str) -> impl Iterator<Item = &Path> {
    options.split(',').flat_map(|option| {
        let layers = match option.split_once('=') {
            Some(("lowerdir" | "lowerdir+" | "upperdir", layers)) => layers,
            _ => "",
        };
        layers
            .split(':')
            .filter(|layer| !layer.is_empty())
            .map(Path::new)
    })
}

/// `\040` and the like as they were.
fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'\\')
            .then(|| text.get(at + 1..at + 4))
            .flatten();
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime - ext4 /dev/root rw
30 22 0:5 / /srv/a\\040b rw - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/u,workdir=/w
31 30 0:6 /x//deleted /srv/a\\040b/x rw shared:1 - nfs4 host:/x rw
";

    #[test]
    fn the_deepest_mount_holds_a_path_and_a_deleted_source_shows() {
        let mounts = parse(MOUNTS);
        let kind = |path: &str| of(Path::new(path), &mounts).unwrap().kind.clone();
        assert_eq!(kind("/etc/passwd"), "ext4");
        assert_eq!(kind("/srv/a b/c"), "overlay");
        assert_eq!(kind("/srv/a b/x/y"), "nfs4");
        assert_eq!(mounts[2].root, "/x//deleted");
        let found: Vec<&Path> = layers(&mounts[1].options).collect();
        assert_eq!(found, ["/l1", "/l2", "/u"].map(Path::new));
    }
}
