//! Trees of files, on the host and in a container, and storms of changes over them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Project, engine};

/// Path → what is there: mode and content, or where it points.
pub type Tree = BTreeMap<String, String>;

/// The tree at a folder in a service's container; an empty one where there is none yet.
pub fn inside(project: &Project, service: &str, folder: &str) -> Tree {
    let id = project.inspect(service)["Id"].clone();
    let id = id.as_str().unwrap_or_default();
    let bytes = engine::bytes(&format!("/containers/{id}/archive?path={folder}"));
    let top = Path::new(folder).file_name().expect("a folder's name");
    let mut tree = Tree::new();
    for entry in tar::Archive::new(&bytes[..]).entries().expect("an archive") {
        // An answer that is no archive: there is no such folder yet.
        let Ok(mut entry) = entry else {
            return Tree::new();
        };
        let path = entry.path().expect("a path").into_owned();
        let path = path.strip_prefix(top).expect("below the folder");
        if path.as_os_str().is_empty() {
            continue;
        }
        let mode = entry.header().mode().expect("a mode") & 0o7777;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("its content");
        let kind = match entry.header().entry_type() {
            tar::EntryType::Directory => format!("d {mode:o}"),
            tar::EntryType::Symlink => {
                let to = entry.link_name().expect("a name").expect("a link");
                format!("l {}", to.display())
            }
            _ => format!("f {mode:o} {}", String::from_utf8_lossy(&content)),
        };
        let path = path.display().to_string();
        tree.insert(path.trim_end_matches('/').to_owned(), kind);
    }
    tree
}

/// The tree below a folder of the host, but for `.git`.
pub fn outside(top: &Path) -> Tree {
    let mut tree = Tree::new();
    walk(top, top, &mut tree);
    tree
}

fn walk(top: &Path, folder: &Path, tree: &mut Tree) {
    // What goes while it is looked at is looked at again.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(found) = path.symlink_metadata() else {
            continue;
        };
        let name = path.strip_prefix(top).expect("below the folder");
        if name.as_os_str() == ".git" {
            continue;
        }
        let mode = found.permissions().mode() & 0o7777;
        let kind = if found.is_symlink() {
            let to = fs::read_link(&path).unwrap_or_default();
            format!("l {}", to.display())
        } else if found.is_dir() {
            walk(top, &path, tree);
            format!("d {mode:o}")
        } else {
            let content = fs::read(&path).unwrap_or_default();
            format!("f {mode:o} {}", String::from_utf8_lossy(&content))
        };
        tree.insert(name.display().to_string(), kind);
    }
}

/// Waits until a container's folder holds what the host's does.
///
/// # Panics
///
/// When it does not in time: with some of what differs, and `context`.
#[track_caller]
pub fn become_equal(
    (project, service, folder): (&Project, &str, &str),
    top: &Path,
    limit: Duration,
    context: impl Fn() -> String,
) {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        let (inside, outside) = (inside(project, service, folder), outside(top));
        if inside == outside {
            return;
        }
        if begun.elapsed() > limit {
            let differing = |(path, kind): &(&String, &String)| outside.get(*path) != Some(*kind);
            let extra: Vec<_> = inside.iter().filter(differing).take(5).collect();
            let missing = |(path, kind): &(&String, &String)| inside.get(*path) != Some(*kind);
            let missing: Vec<_> = outside.iter().filter(missing).take(5).collect();
            panic!("{}: inside {extra:?}, outside {missing:?}", context());
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// A reproducible sequence of numbers.
pub struct Numbers(pub u64);

impl Numbers {
    /// The next one.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A storm of changes over some files.
pub struct Storm<'a> {
    /// The folder that it rages in.
    pub root: &'a Path,
    /// Over how many files.
    pub files: u64,
    /// What it does next.
    pub numbers: Numbers,
    /// How many changes there were.
    pub steps: u64,
}

impl Storm<'_> {
    /// One change; whether it can be made or not depends on those before it.
    pub fn change(&mut self) {
        let (root, files) = (self.root, self.files);
        let path = |numbers: &mut Numbers| {
            let file = numbers.below(files);
            root.join(format!("d{}/e{}/f{file}", file % 10, file % 70))
        };
        let numbers = &mut self.numbers;
        let (one, other) = (path(numbers), path(numbers));
        let (folder, other_folder) = (one.parent().expect("one"), other.parent().expect("one"));
        drop(fs::create_dir_all(folder));
        drop(fs::create_dir_all(other_folder));
        match numbers.below(100) {
            0..50 => drop(fs::write(&one, format!("{}", self.steps))),
            50..65 => drop(fs::remove_file(&one)),
            65..80 => drop(fs::rename(&one, &other)),
            80..90 => {
                let mode = 0o600 + u32::try_from(numbers.below(0o100)).expect("a mode");
                drop(fs::set_permissions(&one, fs::Permissions::from_mode(mode)));
            }
            90..94 => {
                drop(fs::remove_file(&one));
                drop(std::os::unix::fs::symlink(&other, &one));
            }
            94..97 => drop(fs::rename(folder, other_folder)),
            97..98 => drop(fs::remove_dir_all(folder)),
            98..99 => {
                drop(fs::remove_dir_all(folder));
                drop(fs::write(folder, "a file now"));
            }
            _ => {
                // What is a file where a folder was makes room for one again.
                if folder.is_file() {
                    drop(fs::remove_file(folder));
                }
            }
        }
        self.steps += 1;
    }
}
