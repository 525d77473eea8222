//! The stages of a Dockerfile, as far as it takes files: `FROM`, `COPY`, `ADD`, `RUN`, and what
//! decides about their paths. Pure; what is no Dockerfile is for the builder to refuse.

use std::collections::{BTreeMap, BTreeSet};

use crate::project::Mapping;
use crate::text::path::clean;

/// One stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stage {
    /// `AS name`; empty without.
    pub(super) name: String,
    /// What it stands on: an image, or a stage before it.
    pub(super) base: String,
    /// What it does with files.
    pub(super) steps: Vec<Instruction>,
}

impl Stage {
    /// Whether it is what this name means.
    pub(super) fn answers_to(&self, name: &str) -> bool {
        !self.name.is_empty() && self.name.eq_ignore_ascii_case(name)
    }
}

/// A step that takes files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// `COPY` and `ADD`.
    Copy {
        /// `--from`.
        from: Option<String>,
        /// Paths and patterns; URLs and inline files left out.
        sources: Vec<String>,
        /// The path in the image, a slash at its end where one was written; none where it depends
        /// on what is not known here.
        destination: Option<String>,
    },
    /// `RUN`.
    Run {
        /// The command's text.
        command: String,
        /// `--mount=type=bind`: `from` and source.
        binds: Vec<(Option<String>, String)>,
    },
}

impl Instruction {
    /// The stages that it names.
    pub(super) fn stages(&self) -> impl Iterator<Item = &str> {
        let (one, many): (_, &[_]) = match self {
            Self::Copy { from, .. } => (from.as_deref(), &[]),
            Self::Run { binds, .. } => (None, binds),
        };
        let many = many.iter().filter_map(|(from, _)| from.as_deref());
        one.into_iter().chain(many)
    }
}

/// Reads the stages; `args` are the build's arguments.
pub(super) fn stages(text: &str, args: &Mapping) -> Vec<Stage> {
    let mut reader = Reader {
        args,
        global: BTreeMap::new(),
        known: BTreeMap::new(),
        folder: Some("/".to_owned()),
        stages: Vec::new(),
    };
    for (word, rest) in instructions(text) {
        reader.take(&word, &rest);
    }
    reader.stages
}

/// The stages that a target stands on, itself included and last; the last of all without a target.
pub(super) fn stood_on(stages: &[Stage], target: &str) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut due: Vec<usize> = wanted(stages, target).into_iter().collect();
    while let Some(index) = due.pop() {
        if !seen.insert(index) {
            continue;
        }
        let from = stages[index].steps.iter().flat_map(Instruction::stages);
        for name in from.chain([stages[index].base.as_str()]) {
            let before = &stages[..index];
            due.extend(before.iter().position(|stage| stage.answers_to(name)));
            due.extend(name.parse::<usize>().ok().filter(|number| *number < index));
        }
    }
    seen
}

/// The stage that is built.
fn wanted(stages: &[Stage], target: &str) -> Option<usize> {
    match target {
        "" => stages.len().checked_sub(1),
        target => stages
            .iter()
            .position(|stage| stage.answers_to(target))
            .or_else(|| target.parse().ok().filter(|index| *index < stages.len())),
    }
}

struct Reader<'a> {
    args: &'a Mapping,
    /// `ARG` before the first `FROM`.
    global: BTreeMap<String, String>,
    /// `ARG` and `ENV` of the stage.
    known: BTreeMap<String, String>,
    /// `WORKDIR`; none where it is not known: a base image may set one.
    folder: Option<String>,
    stages: Vec<Stage>,
}

impl Reader<'_> {
    fn take(&mut self, word: &str, rest: &str) {
        match word {
            "FROM" => self.from(rest),
            "ARG" => self.arg(rest),
            "ENV" => self.env(rest),
            "WORKDIR" => self.folder = self.expand(rest.trim()).and_then(|path| self.below(&path)),
            "COPY" | "ADD" => {
                if let Some(copy) = self.copy(rest) {
                    self.push(copy);
                }
            }
            "RUN" => {
                let run = self.run(rest);
                self.push(run);
            }
            _ => {}
        }
    }

    fn push(&mut self, step: Instruction) {
        if let Some(stage) = self.stages.last_mut() {
            stage.steps.push(step);
        }
    }

    fn from(&mut self, rest: &str) {
        let words = rest
            .split_whitespace()
            .filter(|word| !word.starts_with("--"));
        let words: Vec<&str> = words.collect();
        self.known = self.global.clone();
        let base = words.first().copied().unwrap_or_default();
        let name = match words.as_slice() {
            [_, as_, name, ..] if as_.eq_ignore_ascii_case("as") => *name,
            _ => "",
        };
        let base = self.expand(base).unwrap_or_else(|| base.to_owned());
        // `scratch` begins at the root; whatever else may have a folder of its own.
        self.folder = (base == "scratch").then(|| "/".to_owned());
        self.known = BTreeMap::new();
        self.stages.push(Stage {
            name: name.to_owned(),
            base,
            steps: Vec::new(),
        });
    }

    fn arg(&mut self, rest: &str) {
        for (name, default) in pairs(rest) {
            let given = self.args.get(&name).cloned();
            let default = default.and_then(|text| self.expand(&text));
            let inherited = self.global.get(&name).cloned();
            if let Some(value) = given.or(default).or(inherited) {
                match self.stages.is_empty() {
                    true => self.global.insert(name, value),
                    false => self.known.insert(name, value),
                };
            }
        }
    }

    fn env(&mut self, rest: &str) {
        let pairs = match rest.split_once(char::is_whitespace) {
            // The old form: one name, and all the rest is its value.
            Some((name, value)) if !name.contains('=') => {
                vec![(name.to_owned(), Some(value.trim().to_owned()))]
            }
            _ => pairs(rest),
        };
        for (name, value) in pairs {
            match value.and_then(|text| self.expand(&text)) {
                Some(value) => self.known.insert(name, value),
                None => self.known.remove(&name),
            };
        }
    }

    fn copy(&self, rest: &str) -> Option<Instruction> {
        let (flags, rest) = flags(rest);
        let from = flags.iter().find_map(|flag| flag.strip_prefix("--from="));
        let from = from.map(|from| self.expand(from).unwrap_or_else(|| from.to_owned()));
        let mut words = arguments(rest);
        let destination = words.pop()?;
        let remote = |word: &String| {
            word.contains("://") || word.starts_with("<<") || word.starts_with("git@")
        };
        let sources = words.into_iter().filter(|word| !remote(word));
        // A source that is not known may be anything.
        let sources = sources.map(|word| self.expand(&word).unwrap_or_else(|| ".".to_owned()));
        let sources: Vec<String> = sources.collect();
        if sources.is_empty() {
            return None;
        }
        let destination = self.expand(&destination).and_then(|path| {
            let slash = path.ends_with('/') || path == "." || path.ends_with("/.");
            let below = self.below(&path)?;
            Some(match slash && below != "/" {
                true => format!("{below}/"),
                false => below,
            })
        });
        Some(Instruction::Copy {
            from,
            sources,
            destination,
        })
    }

    fn run(&self, rest: &str) -> Instruction {
        let (flags, command) = flags(rest);
        let mounts = flags
            .iter()
            .filter_map(|flag| flag.strip_prefix("--mount="));
        let binds = mounts.filter_map(|mount| self.bind(mount)).collect();
        Instruction::Run {
            command: command.to_owned(),
            binds,
        }
    }

    /// A mount of files; `bind` is what a mount is that does not say.
    fn bind(&self, mount: &str) -> Option<(Option<String>, String)> {
        let value = |names: &[&str]| {
            let mut pairs = mount.split(',').filter_map(|pair| pair.split_once('='));
            let found = pairs.find(|(name, _)| names.contains(name))?.1;
            Some(self.expand(found).unwrap_or_else(|| ".".to_owned()))
        };
        let is_bind = value(&["type"]).is_none_or(|kind| kind == "bind");
        let source = value(&["source", "src"]).unwrap_or_else(|| ".".to_owned());
        is_bind.then(|| (value(&["from"]), source))
    }

    /// An absolute path; none where the working directory decides and is not known.
    fn below(&self, path: &str) -> Option<String> {
        match path.starts_with('/') {
            true => Some(clean(path)),
            false => Some(clean(&format!("{}/{path}", self.folder.as_deref()?))),
        }
    }

    /// Replaces `$name`, `${name}` and `${name:-default}`; none where a value is not known.
    fn expand(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let (name, default, after) = match rest.strip_prefix('{') {
                Some(inner) => {
                    let (inner, after) = inner.split_once('}')?;
                    match inner.split_once(":-") {
                        Some((name, default)) => (name, Some(default), after),
                        None => (inner, None, after),
                    }
                }
                None => {
                    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                    let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
                    (name, None, after)
                }
            };
            out.push_str(self.known.get(name).map(String::as_str).or(default)?);
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }
}

/// The instructions: the word in capitals, and the rest with its lines joined.
fn instructions(text: &str) -> Vec<(String, String)> {
    let escape = escape_character(text);
    let mut found: Vec<(String, String)> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut whole = String::new();
        let mut line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        while let Some(head) = line.strip_suffix(escape) {
            whole.push_str(head);
            whole.push(' ');
            // Comments and empty lines within an instruction are no part of it.
            let next = lines.find(|next| !next.trim().is_empty() && !next.trim().starts_with('#'));
            line = next.map_or("", str::trim);
        }
        whole.push_str(line);
        for end in heredocs(&whole) {
            for line in lines.by_ref() {
                if line.trim_start_matches('\t') == end {
                    break;
                }
                whole.push('\n');
                whole.push_str(line);
            }
        }
        let (word, rest) = whole
            .split_once(char::is_whitespace)
            .unwrap_or((&whole, ""));
        found.push((word.to_ascii_uppercase(), rest.trim().to_owned()));
    }
    found
}

/// `# escape=` among the directives at the top.
fn escape_character(text: &str) -> char {
    let directives = text.lines().map_while(|line| line.trim().strip_prefix('#'));
    let escape = directives
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("escape"));
    match escape.map(|(_, value)| value.trim()) {
        Some("`") => '`',
        _ => '\\',
    }
}

/// The words that end the inline files of an instruction.
fn heredocs(instruction: &str) -> Vec<String> {
    let word = instruction.split_whitespace().next().unwrap_or_default();
    if !["RUN", "COPY", "ADD"]
        .iter()
        .any(|it| word.eq_ignore_ascii_case(it))
    {
        return Vec::new();
    }
    let marks = instruction
        .match_indices("<<")
        .map(|(at, _)| &instruction[at + 2..]);
    marks
        .filter_map(|rest| {
            let rest = rest.strip_prefix('-').unwrap_or(rest);
            let rest = rest.trim_start_matches(['"', '\'']);
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            begins_well.then(|| name.to_owned())
        })
        .collect()
}

/// The flags of an instruction, and what follows them.
fn flags(rest: &str) -> (Vec<&str>, &str) {
    let mut found = Vec::new();
    let mut rest = rest.trim_start();
    while rest.starts_with("--") {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (flag, after) = rest.split_at(end);
        found.push(flag);
        rest = after.trim_start();
    }
    (found, rest)
}

/// The words of `COPY`, in either form.
fn arguments(rest: &str) -> Vec<String> {
    // An inline file's lines are no words.
    let rest = rest.lines().next().unwrap_or_default();
    match serde_json::from_str(rest) {
        Ok(list) => list,
        Err(_) => rest
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '\'']).to_owned())
            .collect(),
    }
}

/// `name=value name="a b" name`.
fn pairs(rest: &str) -> Vec<(String, Option<String>)> {
    let words = crate::text::shellwords::split(rest).map(|found| found.words);
    let pairs = words
        .unwrap_or_default()
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let args = [("GIVEN".to_owned(), "given".to_owned())].into();
        let mut out = String::new();
        for stage in stages(text, &args) {
            let name = if stage.name.is_empty() {
                "-"
            } else {
                &stage.name
            };
            out.push_str(&format!("{name} from {}\n", stage.base));
            for step in stage.steps {
                out.push_str(&match step {
                    Instruction::Copy {
                        from,
                        sources,
                        destination,
                    } => format!(
                        "  copy {} to {} from {}\n",
                        sources.join(" "),
                        destination.as_deref().unwrap_or("?"),
                        from.as_deref().unwrap_or("-")
                    ),
                    Instruction::Run { command, binds } => format!("  run {command} {binds:?}\n"),
                });
            }
        }
        out
    }

    #[test]
    fn continuations_comments_json_and_flags_are_read() {
        let text = "# syntax=docker/dockerfile:1\n\
                    from busybox as Base\n\
                    workdir /srv\n\
                    copy --chown=1:1 --from=other a \\\n  # a comment\n\n  b/ ./\n\
                    WORKDIR app\n\
                    ADD [\"with blank\", \"/x y/\"]\n\
                    ADD https://example.com/x /x\n\
                    RUN echo a && \\\n    echo b\n";
        assert_eq!(
            shown(text),
            "\
Base from busybox
  copy a b/ to /srv/ from other
  copy with blank to /x y/ from -
  run echo a &&  echo b []
"
        );
    }

    #[test]
    fn variables_are_those_of_the_build_and_of_the_stage() {
        let text = "ARG TAG=3\nFROM python:${TAG}\nARG GIVEN=default\nARG DIR=/d\nENV SUB=\"$DIR/sub\" OLD=1\n\
                    COPY $GIVEN ${SUB}\nCOPY x $UNKNOWN\nCOPY $UNKNOWN /y\nCOPY x ${UNKNOWN:-/z}\nCOPY x y\n";
        assert_eq!(
            shown(text),
            "\
- from python:3
  copy given to /d/sub from -
  copy x to ? from -
  copy . to /y from -
  copy x to /z from -
  copy x to ? from -
"
        );
    }

    #[test]
    fn inline_files_are_no_instructions() {
        let text = "FROM a\nRUN <<EOF\nCOPY not this\nEOF\nCOPY <<-\"END\" /etc/x\n\tFROM nothing\n\tEND\nCOPY last /\n";
        assert_eq!(
            shown(text),
            "- from a\n  run <<EOF\nCOPY not this []\n  copy last to / from -\n"
        );
    }

    #[test]
    fn another_escape_character_leaves_the_usual_one_alone() {
        let text = "# escape=`\nFROM a\nCOPY x `\n  C:\\\nRUN y\n";
        assert_eq!(shown(text), "- from a\n  copy x to ? from -\n  run y []\n");
    }
}
