//! Relative paths become absolute, `~` the home directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use super::node::{Node, Value};
use super::remote;
use super::rules::Rules;
use super::sources::join;

/// How the path at a place is read.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// A folder, an address, or another service's output.
    Context,
    /// A path of this machine, or of Windows.
    EitherSystem,
    /// A path.
    Plain,
    /// A path, or an address of another machine.
    Extended,
    /// A path whose symbolic links are followed.
    Followed,
    /// The source of a bind mount.
    Mount,
    /// A volume that is a bind mount in truth.
    Volume,
}

static RULES: LazyLock<Rules<Rule>> = LazyLock::new(|| {
    Rules::new(&[
        ("services.*.build.context", Rule::Context),
        ("services.*.build.additional_contexts.*", Rule::Context),
        ("services.*.build.ssh.*", Rule::EitherSystem),
        ("services.*.env_file.*.path", Rule::Plain),
        ("services.*.label_file.*", Rule::Plain),
        ("services.*.extends.file", Rule::Extended),
        ("services.*.develop.watch.*.path", Rule::Followed),
        ("services.*.volumes.*", Rule::Mount),
        ("configs.*.file", Rule::EitherSystem),
        ("secrets.*.file", Rule::EitherSystem),
        ("volumes.*", Rule::Volume),
    ])
});

/// What paths start from.
#[derive(Clone, Copy, Debug)]
pub struct Base<'b> {
    /// What is put before a relative path; may be relative itself, for an included file.
    pub dir: &'b str,
    /// Where `dir` lies, to look at the disk.
    pub root: &'b Path,
    /// The home directory.
    pub home: Option<&'b str>,
}

impl<'b> Base<'b> {
    /// Reads the home directory from the environment.
    pub fn new(dir: &'b str, root: &'b Path, environment: &'b BTreeMap<String, String>) -> Self {
        let home = environment
            .get("HOME")
            .map(String::as_str)
            .filter(|home| !home.is_empty());
        Self { dir, root, home }
    }

    /// `~` at the start of a path becomes the home directory.
    pub fn expand(&self, path: &str) -> String {
        match (path.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) => join(home, rest),
            _ => path.to_owned(),
        }
    }

    fn plain(&self, path: &str) -> String {
        let path = self.expand(path);
        match path.is_empty() || path.starts_with('/') {
            true => path,
            false => join(self.dir, &path),
        }
    }

    fn either_system(&self, path: &str) -> String {
        let path = self.expand(path);
        match path.starts_with('/') || is_windows_absolute(&path) {
            true => path,
            false => join(self.dir, &path),
        }
    }

    fn followed(&self, path: &str) -> String {
        let path = self.plain(path);
        let full = self.root.join(&path);
        let mut so_far = PathBuf::new();
        for part in full.components() {
            so_far.push(part);
            if !so_far.is_symlink() {
                continue;
            }
            return match so_far.canonicalize() {
                Ok(real) => {
                    let rest = full.strip_prefix(&so_far).unwrap_or(Path::new(""));
                    match rest.as_os_str().is_empty() {
                        true => real,
                        false => real.join(rest),
                    }
                    .to_string_lossy()
                    .into_owned()
                }
                Err(_) => path,
            };
        }
        path
    }
}

/// Makes every path of a tree absolute, or relative to where an included file's `dir` is relative
/// to.
pub fn resolve(root: &mut Node, base: &Base<'_>) {
    walk(root, &RULES, base);
}

fn walk(node: &mut Node, rules: &'static Rules<Rule>, base: &Base<'_>) {
    if let Some(rule) = rules.rule() {
        return apply(node, rule, base);
    }
    match &node.value {
        Value::Map(map) => {
            let concerned = map.iter().any(|entry| rules.step(&entry.key).is_some());
            if let (true, Some(map)) = (concerned, node.as_map_mut()) {
                for entry in map.iter_mut() {
                    if let Some(rules) = rules.step(&entry.key) {
                        walk(&mut entry.node, rules, base);
                    }
                }
            }
        }
        Value::List(_) => {
            if let (Some(rules), Some(items)) = (rules.item(), node.as_list_mut()) {
                for item in items {
                    walk(item, rules, base);
                }
            }
        }
        _ => {}
    }
}

fn apply(node: &mut Node, rule: Rule, base: &Base<'_>) {
    match rule {
        Rule::Context => set(node, |text| match is_local(text) {
            true => base.plain(text),
            false => text.to_owned(),
        }),
        Rule::EitherSystem => set(node, |text| base.either_system(text)),
        Rule::Plain => set(node, |text| base.plain(text)),
        Rule::Extended => set(node, |text| match remote::is_remote(text) {
            true => text.to_owned(),
            false => base.plain(text),
        }),
        Rule::Followed => set(node, |text| base.followed(text)),
        Rule::Mount => {
            let bind = node.get("type").and_then(Node::as_text) == Some("bind");
            if let (true, Some(mount)) = (bind, node.as_map_mut())
                && let Some(source) = mount.get_mut("source")
            {
                set(source, |text| base.either_system(text));
            }
        }
        Rule::Volume => {
            let word = |path: &[&str]| node.at_path(path).and_then(Node::as_text);
            let bind =
                word(&["driver"]) == Some("local") && word(&["driver_opts", "o"]) == Some("bind");
            if !bind {
                return;
            }
            let options = node
                .as_map_mut()
                .and_then(|volume| volume.get_mut("driver_opts"));
            let device = options
                .and_then(Node::as_map_mut)
                .and_then(|options| options.get_mut("device"));
            if let Some(device) = device {
                set(device, |text| base.either_system(text));
            }
        }
    }
}

fn set(node: &mut Node, path: impl FnOnce(&str) -> String) {
    if let Value::Text(text) = &node.value {
        let path = path(text);
        if path != **text {
            node.value = Value::Text(Arc::from(path));
        }
    }
}

/// Whether a build context is a folder of this machine.
pub fn is_local(context: &str) -> bool {
    let remote = [
        "https://",
        "http://",
        "git://",
        "ssh://",
        "github.com/",
        "git@",
    ];
    !context.contains("://")
        && !context.starts_with("service:")
        && !remote.iter().any(|prefix| context.starts_with(prefix))
}

/// `C:\…`, `C:/…`, `\\host\share\…`, `\\.\pipe\…`.
fn is_windows_absolute(path: &str) -> bool {
    let bytes = path.as_bytes();
    let slash = |at: usize| bytes.get(at).is_some_and(|c| matches!(c, b'/' | b'\\'));
    match bytes {
        [_, b':', ..] => slash(2),
        _ => slash(0) && slash(1),
    }
}
