//! Patterns of `.dockerignore`: which files of a build context stay behind. Pure.
//!
//! The rules are those of moby's `patternmatcher`, not those of `.gitignore`: a pattern stands for
//! a path from the context's root, a file goes where one of its folders goes, the last pattern
//! that matches decides.

use std::fmt;

use regex::Regex;

use super::path::clean;

/// A list of patterns, the later ones stronger.
#[derive(Clone, Debug, Default)]
pub struct Patterns(Vec<Pattern>);

#[derive(Clone, Debug)]
struct Pattern {
    /// `!`: takes back what an earlier one matched.
    takes_back: bool,
    whole: Shape,
    /// The same, folder by folder; one that holds `**` stands for any number of them.
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    One(Shape),
    Any,
}

/// What a text has to look like. Most patterns stand for one text: comparing it costs a hundredth
/// of what an expression does, and a context may hold many files.
#[derive(Clone, Debug)]
enum Shape {
    Text(String),
    Expression(Regex),
}

impl Shape {
    /// None where it is no pattern.
    fn read(pattern: &str) -> Option<Self> {
        match pattern.contains(['*', '?', '[', ']', '\\']) {
            true => expression(pattern).map(Self::Expression),
            false => Some(Self::Text(pattern.to_owned())),
        }
    }

    fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Text(own) => own == text,
            Self::Expression(expression) => expression.is_match(text),
        }
    }
}

/// A pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern(pub String);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no pattern", self.0)
    }
}

impl std::error::Error for BadPattern {}

impl Patterns {
    /// Reads the text of a `.dockerignore`: one pattern a line, `#` begins a comment.
    ///
    /// # Errors
    /// A pattern with an open `[`, a lone `!`, or a `\` at its end.
    pub fn read(text: &str) -> Result<Self, BadPattern> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self::new(lines)
    }

    /// Takes patterns as they are.
    ///
    /// # Errors
    /// As [`Patterns::read`].
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, BadPattern> {
        let patterns = patterns.into_iter().map(str::trim);
        let patterns = patterns.filter(|pattern| !pattern.is_empty());
        patterns
            .map(Pattern::read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the path, or a folder that it is in, is matched. `path` is relative to the context,
    /// its parts separated by `/`.
    ///
    /// It is asked folder by folder, as a build walks its context: what matched a folder holds for
    /// everything below, and only what could change the verdict is looked at.
    pub fn matches(&self, path: &str) -> bool {
        let mut held = vec![false; self.0.len()];
        let mut matched = false;
        let ends = path.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            matched = false;
            for (pattern, held) in self.0.iter().zip(&mut held) {
                *held |= pattern.takes_back == matched && pattern.whole.is_match(&path[..end]);
                if *held {
                    matched = !pattern.takes_back;
                }
            }
        }
        matched
    }

    /// Whether anything in a folder that is matched could be taken back; else the walk may pass
    /// the folder by.
    pub fn may_take_back_below(&self, folder: &str) -> bool {
        let mut taking_back = self.0.iter().filter(|pattern| pattern.takes_back);
        taking_back.any(|pattern| pattern.may_match_below(folder))
    }

    /// Whether anything in a folder could be matched that the folder itself is not.
    pub fn may_match_below(&self, folder: &str) -> bool {
        let mut matching = self.0.iter().filter(|pattern| !pattern.takes_back);
        matching.any(|pattern| pattern.may_match_below(folder))
    }
}

impl Pattern {
    fn read(text: &str) -> Result<Self, BadPattern> {
        let bad = || BadPattern(text.to_owned());
        let (takes_back, path) = match text.strip_prefix('!') {
            Some("") => return Err(bad()),
            Some(rest) => (true, rest.trim()),
            None => (false, text),
        };
        let path = clean(path);
        let path = path.strip_prefix('/').unwrap_or(&path);
        let whole = Shape::read(path).ok_or_else(bad)?;
        let parts = path.split('/').map(|part| match part.contains("**") {
            true => Some(Part::Any),
            false => Shape::read(part).map(Part::One),
        });
        Ok(Self {
            takes_back,
            whole,
            parts: parts.collect::<Option<_>>().ok_or_else(bad)?,
        })
    }

    fn may_match_below(&self, folder: &str) -> bool {
        let mut parts = self.parts.iter();
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            match parts.next() {
                Some(Part::Any) => return true,
                Some(Part::One(part)) if part.is_match(name) => {}
                Some(Part::One(_)) | None => return false,
            }
        }
        parts.next().is_some()
    }
}

/// The regular expression of a pattern; none where it is no pattern.
fn expression(pattern: &str) -> Option<Regex> {
    let mut out = String::from("^(?s:");
    // A text behind `**` ends the path, wherever in a name it begins.
    if let Some(end) = pattern.strip_prefix("**")
        && !end.is_empty()
        && !end.contains(['*', '?', '[', ']', '\\', '/'])
    {
        return Regex::new(&format!("(?s){}$", regex::escape(end))).ok();
    }
    let mut rest = pattern.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                out.push_str(match rest.peek() {
                    Some(_) => "(.*/)?",
                    None => ".*",
                });
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' => class(&mut rest, &mut out)?,
            '\\' => out.push_str(&regex::escape(rest.next()?.encode_utf8(&mut [0; 4]))),
            char => out.push_str(&regex::escape(char.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push_str(")$");
    Regex::new(&out).ok()
}

/// Copies `[a-z]`; none where it does not end.
fn class(rest: &mut impl Iterator<Item = char>, out: &mut String) -> Option<()> {
    out.push('[');
    loop {
        match rest.next()? {
            ']' => break,
            // Plain within Docker's classes, operators within the crate's.
            char @ ('[' | '&' | '~') => out.extend(['\\', char]),
            '\\' => out.extend(['\\', rest.next()?]),
            char => out.push(char),
        }
    }
    out.push(']');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(patterns: &str, path: &str) -> bool {
        Patterns::read(patterns).unwrap().matches(path)
    }

    #[test]
    fn a_pattern_stands_for_a_path_from_the_root() {
        assert!(ignored("foo", "foo"));
        assert!(ignored("foo", "foo/bar"));
        assert!(!ignored("foo", "a/foo"));
        assert!(ignored("*.txt", "a.txt"));
        assert!(!ignored("*.txt", "sub/a.txt"));
        assert!(ignored("**/*.txt", "sub/deep/a.txt"));
        assert!(ignored("**/*.txt", "a.txt"));
        assert!(ignored("/foo", "foo"));
        assert!(ignored("foo/", "foo"));
        assert!(ignored("a/b/..", "a/c"));
        assert!(ignored("  foo  ", "foo"));
        assert!(!ignored("# foo\n\n", "# foo"));
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let patterns = "build\n!build/keep\nbuild/keep/not";
        assert!(ignored(patterns, "build/x"));
        assert!(!ignored(patterns, "build/keep"));
        assert!(!ignored(patterns, "build/keep/x"));
        assert!(ignored(patterns, "build/keep/not"));
        assert!(ignored("!a\na", "a"));
        assert!(!ignored("*\n!Dockerfile", "Dockerfile"));
    }

    #[test]
    fn the_table_of_mobys_own_tests_holds() {
        let table = [
            ("**", "file", true),
            ("**", "file/", true),
            ("**/", "file", true),
            ("**", "dir/file", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/file", true),
            ("dir/**", "dir/dir2/file", true),
            ("**/dir", "dir", true),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/*", "dir/dir2/dir2/file", true),
            ("**file", "file", true),
            ("**file", "dir/file", true),
            ("**/file*txt", "dir/dir/file.txt", true),
            ("a**/*.txt", "abc/file.txt", true),
            ("a/*.txt", "a/b/c.txt", false),
            ("a[b-d]e", "ace", true),
            ("a[b-d]e", "aae", false),
            ("a[^b]c", "adc", true),
            ("[a-z].go", "x.go", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("file?", "file1", true),
            ("a.b", "axb", false),
            ("a(b)+$", "a(b)+$", true),
            ("**/foo/bar", "foo/bar", true),
            ("**/foo/bar", "dir/foo/bar", true),
            ("abc/**", "abc", false),
            ("abc.def", "abcdef", false),
            ("**/.foo", "bar.foo", false),
        ];
        for (pattern, path, expected) in table {
            let path = path.trim_end_matches('/');
            assert_eq!(ignored(pattern, path), expected, "{pattern} and {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["[", "a[", "!", "a\\"] {
            let error = Patterns::read(pattern).unwrap_err();
            assert_eq!(error.to_string(), format!("`{pattern}` is no pattern"));
        }
    }

    #[test]
    fn a_folder_is_passed_by_where_nothing_below_is_taken_back() {
        let patterns = |text| Patterns::read(text).unwrap();
        assert!(!patterns("node_modules\n!*.md").may_take_back_below("node_modules"));
        assert!(patterns("a\n!a/b/*.c").may_take_back_below("a"));
        assert!(patterns("a\n!a/b/*.c").may_take_back_below("a/b"));
        assert!(!patterns("a\n!a/b/*.c").may_take_back_below("a/x"));
        assert!(patterns("a\n!**/keep").may_take_back_below("a/x/y"));
        assert!(patterns("src/*/x").may_match_below("src/lib"));
        assert!(!patterns("src/*/x").may_match_below("src/lib/x"));
    }

    const TREE: [&str; 31] = [
        "foo",
        "bar",
        "a/foo",
        "a/bar",
        "a/b/foo",
        "a/b/c/foo",
        "build/keep",
        "build/x",
        "build/sub/keep",
        "x.txt",
        "a/x.txt",
        "a/b/y.txt",
        "README.md",
        "README-secret.md",
        "docs/README.md",
        ".git/config",
        ".env",
        "node_modules/m/index.js",
        "a/node_modules/m/i.js",
        "src/main.rs",
        "src/main.rs.bak",
        "a b",
        "a/c d",
        "foo1",
        "foo12",
        "Xfoo",
        "#hash",
        "!bang",
        "lib/lib/lib",
        "é/ü",
        "deep/1/2/3/4/f",
    ];

    /// What a build sends of [`TREE`], passing by the folders that it may.
    fn sent(patterns: &str) -> Vec<&'static str> {
        let patterns = Patterns::read(patterns).unwrap();
        let passed_by =
            |folder: &str| patterns.matches(folder) && !patterns.may_take_back_below(folder);
        let goes = |path: &&'static str| {
            let mut folders = path.match_indices('/').map(|(at, _)| &path[..at]);
            !folders.any(passed_by) && !patterns.matches(path)
        };
        TREE.into_iter().filter(goes).collect()
    }

    enum Fact {
        Sent(&'static [&'static str]),
        Left(&'static [&'static str]),
    }
    use Fact::{Left, Sent};

    /// The facts are what `COPY . /` copied in builds of Docker Compose 2.40.3.
    #[test]
    fn a_build_sends_what_compose_sends() {
        for (patterns, fact) in [
            ("foo", Left(&["foo"])),
            ("/foo", Left(&["foo"])),
            ("foo/", Left(&["foo"])),
            ("./foo", Left(&["foo"])),
            ("*.txt", Left(&["x.txt"])),
            ("**/*.txt", Left(&["x.txt", "a/x.txt", "a/b/y.txt"])),
            ("*/*.txt", Left(&["a/x.txt"])),
            ("build\n!build/keep", Left(&["build/x", "build/sub/keep"])),
            ("build/*\n!build/keep", Left(&["build/x", "build/sub/keep"])),
            ("build\n!build/sub", Left(&["build/keep", "build/x"])),
            ("*\n!src", Sent(&["src/main.rs", "src/main.rs.bak"])),
            ("*\n!src/main.rs", Sent(&["src/main.rs"])),
            ("**\n!a/b", Sent(&["a/b/foo", "a/b/c/foo", "a/b/y.txt"])),
            ("**/foo", Left(&["foo", "a/foo", "a/b/foo", "a/b/c/foo"])),
            ("a/**/foo", Left(&["a/foo", "a/b/foo", "a/b/c/foo"])),
            (
                "a/**",
                Left(&[
                    "a/foo",
                    "a/bar",
                    "a/b/foo",
                    "a/b/c/foo",
                    "a/x.txt",
                    "a/b/y.txt",
                    "a/node_modules/m/i.js",
                    "a/c d",
                ]),
            ),
            (
                "a/**\n!a/b/foo",
                Left(&[
                    "a/foo",
                    "a/bar",
                    "a/b/c/foo",
                    "a/x.txt",
                    "a/b/y.txt",
                    "a/node_modules/m/i.js",
                    "a/c d",
                ]),
            ),
            (
                "**/node_modules",
                Left(&["node_modules/m/index.js", "a/node_modules/m/i.js"]),
            ),
            ("node_modules", Left(&["node_modules/m/index.js"])),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                Left(&["README-secret.md"]),
            ),
            ("*.md\nREADME-secret.md\n!README*.md", Left(&[])),
            (" foo ", Left(&["foo"])),
            ("# c\nfoo", Left(&["foo"])),
            ("#hash", Left(&[])),
            ("\\#hash", Left(&["#hash"])),
            ("!foo", Left(&[])),
            ("foo\n!foo", Left(&[])),
            (
                "a/b/..",
                Left(&[
                    "a/foo",
                    "a/bar",
                    "a/b/foo",
                    "a/b/c/foo",
                    "a/x.txt",
                    "a/b/y.txt",
                    "a/node_modules/m/i.js",
                    "a/c d",
                ]),
            ),
            ("../foo", Left(&[])),
            ("a//b", Left(&["a/b/foo", "a/b/c/foo", "a/b/y.txt"])),
            ("fo?", Left(&["foo"])),
            ("foo?", Left(&["foo1"])),
            ("foo[0-9]", Left(&["foo1"])),
            ("foo[0-9]*", Left(&["foo1", "foo12"])),
            (
                "[^a]*",
                Sent(&[
                    "a/foo",
                    "a/bar",
                    "a/b/foo",
                    "a/b/c/foo",
                    "a/x.txt",
                    "a/b/y.txt",
                    "a/node_modules/m/i.js",
                    "a b",
                    "a/c d",
                ]),
            ),
            (
                "**foo",
                Left(&["foo", "a/foo", "a/b/foo", "a/b/c/foo", "Xfoo"]),
            ),
            ("*foo", Left(&["foo", "Xfoo"])),
            (
                "a/b/c/foo\na",
                Left(&[
                    "a/foo",
                    "a/bar",
                    "a/b/foo",
                    "a/b/c/foo",
                    "a/x.txt",
                    "a/b/y.txt",
                    "a/node_modules/m/i.js",
                    "a/c d",
                ]),
            ),
            ("*\n!a/x.txt\na", Sent(&["a/x.txt"])),
            ("\\!bang", Left(&["!bang"])),
            ("é", Left(&["é/ü"])),
            ("a b", Left(&["a b"])),
            ("deep/*/2", Left(&["deep/1/2/3/4/f"])),
            ("deep/**/4", Left(&["deep/1/2/3/4/f"])),
            ("deep/**/4/**", Left(&["deep/1/2/3/4/f"])),
            ("lib/lib", Left(&["lib/lib/lib"])),
            ("**/lib", Left(&["lib/lib/lib"])),
            ("**/*.rs*\n!**/main.rs", Left(&["src/main.rs.bak"])),
            (".*", Left(&[".git/config", ".env"])),
            (".git\n.env*", Left(&[".git/config", ".env"])),
            (
                "a\n!a/b\na/b/c",
                Left(&[
                    "a/foo",
                    "a/bar",
                    "a/b/c/foo",
                    "a/x.txt",
                    "a/node_modules/m/i.js",
                    "a/c d",
                ]),
            ),
            ("\n  \nfoo", Left(&["foo"])),
            (
                "a/*",
                Left(&[
                    "a/foo",
                    "a/bar",
                    "a/b/foo",
                    "a/b/c/foo",
                    "a/x.txt",
                    "a/b/y.txt",
                    "a/node_modules/m/i.js",
                    "a/c d",
                ]),
            ),
            ("a/*/foo", Left(&["a/b/foo"])),
            ("*/foo", Left(&["a/foo"])),
            ("**/", Sent(&[])),
            ("/", Left(&[])),
            (".", Left(&[])),
            ("**/b/**", Left(&["a/b/foo", "a/b/c/foo", "a/b/y.txt"])),
            ("*/**/foo", Left(&["a/foo", "a/b/foo", "a/b/c/foo"])),
            ("src/**/*.rs", Left(&["src/main.rs"])),
            ("f{oo,x}", Left(&[])),
            ("Foo", Left(&[])),
            ("a/./b", Left(&["a/b/foo", "a/b/c/foo", "a/b/y.txt"])),
            ("! foo\n*", Sent(&[])),
            ("*\n! foo", Sent(&["foo"])),
            ("**/c*\n!a/c d", Left(&["a/b/c/foo", ".git/config"])),
            ("a/b/\n!a/b/foo", Left(&["a/b/c/foo", "a/b/y.txt"])),
            ("**/.env", Left(&[".env"])),
            ("**/**/foo", Left(&["foo", "a/foo", "a/b/foo", "a/b/c/foo"])),
            ("a/**/**/foo", Left(&["a/foo", "a/b/foo", "a/b/c/foo"])),
            ("de*/1/**", Left(&["deep/1/2/3/4/f"])),
            (
                "*.*",
                Left(&[
                    "x.txt",
                    "README.md",
                    "README-secret.md",
                    ".git/config",
                    ".env",
                ]),
            ),
            ("!*.txt\n*", Sent(&[])),
            ("*\n!*.txt", Sent(&["x.txt"])),
            (
                "*\n!a/**",
                Sent(&[
                    "a/foo",
                    "a/bar",
                    "a/b/foo",
                    "a/b/c/foo",
                    "a/x.txt",
                    "a/b/y.txt",
                    "a/node_modules/m/i.js",
                    "a/c d",
                ]),
            ),
            (
                "*\n!a/*",
                Sent(&[
                    "a/foo",
                    "a/bar",
                    "a/b/foo",
                    "a/b/c/foo",
                    "a/x.txt",
                    "a/b/y.txt",
                    "a/node_modules/m/i.js",
                    "a/c d",
                ]),
            ),
            ("*\n!a/b/**", Sent(&["a/b/foo", "a/b/c/foo", "a/b/y.txt"])),
        ] {
            let expected: Vec<&str> = match fact {
                Sent(paths) => paths.to_vec(),
                Left(paths) => TREE
                    .into_iter()
                    .filter(|path| !paths.contains(path))
                    .collect(),
            };
            assert_eq!(sent(patterns), expected, "{patterns:?}");
        }
    }

    /// BuildKit walks into folders for them; the classic builder of Compose 2 did not.
    #[test]
    fn what_is_taken_back_behind_a_wildcard_is_found() {
        assert_eq!(sent("*\n!**/keep"), ["build/keep", "build/sub/keep"]);
        assert_eq!(sent("*\n!build/*/keep"), ["build/sub/keep"]);
    }
}
