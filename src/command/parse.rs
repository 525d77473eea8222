//! clap's commands, and what Docker Compose's parser takes beyond clap's.

use clap::builder::TypedValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args as _, Command, Error};

use super::{Globals, Group, Identity, VERBS, Verb};

/// The root command with every verb; a verb's flags are added when it is asked for.
pub fn root(identity: Identity) -> Command {
    let mut root = lenient(plain_root(identity)).infer_long_args(true);
    for verb in VERBS {
        let command = Command::new(verb.name)
            .about(verb.about)
            .hide(verb.group == Group::Hidden)
            .defer(ARGUMENTS);
        root = root.subcommand(command);
    }
    root
}

/// The root command without its verbs, as the help shows it.
pub fn plain_root(identity: Identity) -> Command {
    Globals::augment_args(Command::new(identity.program()))
        .about("Compose environments that come up ready and reload on save")
        .disable_help_subcommand(true)
        .disable_version_flag(true)
}

/// Adds a verb's flags when clap comes to it; clap hands over nothing but the command's name.
const ARGUMENTS: fn(Command) -> Command = |command| match find(command.get_name()) {
    Some(verb) => lenient((verb.arguments)(command).about(verb.about)),
    None => command,
};

/// The verb of that name.
pub fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}

/// Lets every switch take a value as Go's flags do: `--rm=true`, `--rm=false`, `-T=0`.
pub fn lenient(command: Command) -> Command {
    command
        .mut_subcommands(lenient)
        .mut_args(|arg| match arg.get_action() {
            ArgAction::SetTrue => arg
                .action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_value("false")
                .default_missing_value("true")
                .value_parser(GoBool)
                .overrides_itself(),
            ArgAction::Set
                if arg
                    .get_num_args()
                    .is_none_or(|count| count.max_values() == 1) =>
            {
                arg.overrides_itself()
            }
            _ => arg,
        })
}

/// `SERVICE [COMMAND…]`, where flags end at the service: what follows belongs to the command.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Words {
    /// The service, then the command with its arguments
    #[arg(trailing_var_arg = true, num_args = 1.., required = true, value_names = ["SERVICE", "COMMAND"])]
    words: Vec<String>,
}

impl Words {
    /// The service.
    pub fn service(&self) -> &str {
        &self.words[0]
    }

    /// The command and its arguments; empty where none was given.
    pub fn command(&self) -> &[String] {
        &self.words[1..]
    }
}

trait OverridesItself {
    fn overrides_itself(self) -> Self;
}

impl OverridesItself for Arg {
    /// Of several, the last one counts.
    fn overrides_itself(self) -> Self {
        let id = self.get_id().clone();
        self.overrides_with(id)
    }
}

/// The words that Go's `strconv.ParseBool` takes.
#[derive(Clone)]
struct GoBool;

impl TypedValueParser for GoBool {
    type Value = bool;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<bool, Error> {
        match value.to_str() {
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            _ => {
                let mut error = Error::new(ErrorKind::InvalidValue).with_cmd(command);
                let name = arg.map(ToString::to_string).unwrap_or_default();
                error.insert(ContextKind::InvalidArg, ContextValue::String(name));
                let value = value.to_string_lossy().into_owned();
                error.insert(ContextKind::InvalidValue, ContextValue::String(value));
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{FromArgMatches, Parser};

    #[derive(Debug, PartialEq, Parser)]
    struct Exec {
        #[arg(short, long)]
        detach: bool,
        #[arg(short = 'T', long)]
        no_tty: bool,
        #[arg(short, long)]
        user: Option<String>,
        #[command(flatten)]
        words: Words,
    }

    fn exec(words: &str) -> Exec {
        let command = lenient(Exec::augment_args(Command::new("exec"))).infer_long_args(true);
        let words = words.split_whitespace();
        let matches = command
            .no_binary_name(true)
            .try_get_matches_from(words)
            .unwrap();
        Exec::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn switches_take_gos_words_and_cluster() {
        let both = exec("-dTu me web ls");
        assert!(both.detach && both.no_tty);
        assert_eq!(both.user.as_deref(), Some("me"));
        assert!(!exec("--detach=false web").detach);
        assert!(!exec("-T=0 web").no_tty);
        assert!(exec("--det web").detach);
        assert_eq!(exec("-u a --user b web").user.as_deref(), Some("b"));
        assert!(!exec("-d --detach=f web").detach);
    }

    #[test]
    fn flags_after_the_service_belong_to_the_command() {
        let run = exec("web -T --user x ls -d -- -u");
        assert!(!run.detach && !run.no_tty);
        assert_eq!(run.words.service(), "web");
        assert_eq!(run.words.command().join(" "), "-T --user x ls -d -- -u");
        assert!(exec("-T web").words.command().is_empty());
    }
}
