//! `dco shell-init`: the short forms for a shell's start-up file.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::argv::SHORT_FORMS;
use super::{Context, completion};
use crate::report;

/// Print what a shell's start-up file evaluates: short forms and completion
///
/// The short forms are those of oh-my-zsh's docker-compose plugin (dcb, dce, dcps, dcr, dcup,
/// dcdn, dcl, dclf …), and its alias `dco` makes way for the program.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  echo 'eval \"$(dco shell-init zsh)\"' >> ~/.zshrc\n  echo 'eval \"$(dco shell-init bash)\"' >> ~/.bashrc\n  echo 'dco shell-init fish | source' >> ~/.config/fish/config.fish"
)]
pub struct Args {
    /// The shell: zsh, bash or fish
    shell: String,
}

/// Prints the script.
pub async fn run(args: &Args, _: &Context) -> Result<ExitCode> {
    report::print(&script(&args.shell)?)?;
    Ok(ExitCode::SUCCESS)
}

fn script(shell: &str) -> Result<String> {
    let mut lines = match shell {
        "zsh" | "bash" => vec!["unalias dco 2>/dev/null || true".to_owned()],
        "fish" => vec!["functions --erase dco 2>/dev/null".to_owned()],
        other => bail!("unknown shell `{other}`: it is one of zsh, bash, fish"),
    };
    for (name, words) in SHORT_FORMS {
        lines.push(format!("alias {name}='dco {}'", words.join(" ")));
    }
    let completion = completion::script(shell)?;
    lines.push(match shell {
        // Without completion there is no `compdef`.
        "zsh" => format!("if (( $+functions[compdef] )); then\n{completion}fi"),
        _ => completion,
    });
    Ok(format!("{}\n", lines.join("\n").trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_forms_are_defined_and_the_plugins_alias_makes_way() {
        let zsh = script("zsh").unwrap();
        assert!(
            zsh.starts_with("unalias dco 2>/dev/null || true\nalias dcb='dco build'\n"),
            "{zsh}"
        );
        for form in [
            "dce='dco exec'",
            "dcps='dco ps'",
            "dcr='dco run'",
            "dcup='dco up'",
            "dcdn='dco down'",
            "dcl='dco logs'",
            "dclf='dco logs -f'",
        ] {
            assert!(zsh.contains(&format!("\nalias {form}\n")), "{form}");
            assert!(
                script("fish")
                    .unwrap()
                    .contains(&format!("\nalias {form}\n")),
                "{form}"
            );
        }
        assert!(script("tcsh").is_err());
    }
}
