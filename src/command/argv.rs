//! Who dco was called as, and the arguments as dco would have been given them. Pure.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{ArgAction, ArgMatches, Command, Error};

use super::{Identity, Verb, parse};

/// The short names that dco answers to as a link to itself, and what they stand for.
///
/// They are those of oh-my-zsh's docker-compose plugin, but for `dco`.
pub const SHORT_FORMS: &[(&str, &[&str])] = &[
    ("dcb", &["build"]),
    ("dce", &["exec"]),
    ("dcps", &["ps"]),
    ("dcrestart", &["restart"]),
    ("dcrm", &["rm"]),
    ("dcr", &["run"]),
    ("dcstop", &["stop"]),
    ("dcup", &["up"]),
    ("dcupb", &["up", "--build"]),
    ("dcupd", &["up", "-d"]),
    ("dcupdb", &["up", "-d", "--build"]),
    ("dcdn", &["down"]),
    ("dcl", &["logs"]),
    ("dclf", &["logs", "-f"]),
    ("dcpull", &["pull"]),
    ("dcstart", &["start"]),
    ("dck", &["kill"]),
];

/// One invocation: who was called, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// As which program.
    pub identity: Identity,
    /// The arguments after the program's name.
    pub args: Vec<OsString>,
}

impl Invocation {
    /// Takes the process's arguments, the program's own name first.
    pub fn of(args: Vec<OsString>) -> Self {
        let mut args = args.into_iter();
        let program = args.next().unwrap_or_default();
        let mut args: Vec<OsString> = args.collect();
        let stem = Path::new(&program).file_stem().and_then(OsStr::to_str);
        let stem = stem.unwrap_or_default();
        if let Some((_, words)) = SHORT_FORMS.iter().find(|(name, _)| *name == stem) {
            args.splice(0..0, words.iter().map(OsString::from));
        }
        // The docker CLI calls its plugin with its own whole command line.
        if args.iter().any(|arg| arg == "compose")
            && let Some(at) = first_positional(&args, &parse::root(Identity::Dco))
            && args[at] == "compose"
        {
            args.remove(at);
        }
        let identity = match stem {
            "docker-compose" => Identity::Compose,
            _ => Identity::Dco,
        };
        Self { identity, args }
    }

    /// The verb, where the command line comes to one.
    pub fn verb(&self) -> Option<&'static Verb> {
        let at = first_positional(&self.args, &parse::root(self.identity))?;
        parse::find(self.args[at].to_str()?)
    }

    /// Parses the arguments.
    pub fn parse(&self) -> Result<ArgMatches, Error> {
        parse::root(self.identity)
            .no_binary_name(true)
            .try_get_matches_from(&self.args)
    }

    /// Whether the docker CLI asks what kind of plugin this is.
    pub fn asks_for_plugin_metadata(&self) -> bool {
        self.args
            .first()
            .is_some_and(|arg| arg == "docker-cli-plugin-metadata")
    }
}

/// Where the first argument stands that is neither a flag of `root` nor a flag's value.
fn first_positional(args: &[OsString], root: &Command) -> Option<usize> {
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let text = arg.to_str().unwrap_or_default();
        if text == "--" {
            return None;
        }
        let Some(flag) = text.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
            return Some(at);
        };
        let takes_next = match flag.strip_prefix('-') {
            Some(long) => takes_value(root, |known| known.get_long() == Some(long)),
            None => flag
                .char_indices()
                .find(|(_, short)| takes_value(root, |known| known.get_short() == Some(*short)))
                .is_some_and(|(index, short)| index + short.len_utf8() == flag.len()),
        };
        at += 1 + usize::from(takes_next);
    }
    None
}

fn takes_value(root: &Command, is_it: impl Fn(&clap::Arg) -> bool) -> bool {
    root.get_arguments()
        .find(|known| is_it(known))
        .is_some_and(|known| {
            matches!(known.get_action(), ArgAction::Set | ArgAction::Append)
                && !known.is_require_equals_set()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str) -> (Identity, Vec<String>) {
        let invocation = Invocation::of(words.split_whitespace().map(OsString::from).collect());
        let args = invocation
            .args
            .iter()
            .map(|arg| arg.to_string_lossy().into_owned());
        (invocation.identity, args.collect())
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_link_named_like_a_short_form_is_that_verb() {
        assert_eq!(
            of("/usr/bin/dclf web"),
            (Identity::Dco, words("logs -f web"))
        );
        assert_eq!(of("dco up"), (Identity::Dco, words("up")));
    }

    #[test]
    fn the_docker_clis_own_command_line_is_understood() {
        assert_eq!(
            of("/x/docker-compose --context far -H tcp://h:1 compose -f a.yaml run compose"),
            (
                Identity::Compose,
                words("--context far -H tcp://h:1 -f a.yaml run compose")
            ),
        );
        assert_eq!(
            of("docker-compose -f compose up"),
            (Identity::Compose, words("-f compose up"))
        );
        assert_eq!(of("dco run compose"), (Identity::Dco, words("run compose")));
        assert_eq!(
            of("dco -Df compose compose ps"),
            (Identity::Dco, words("-Df compose ps"))
        );
    }
}
