//! How dco is to speak, as the flags before the verb, the variables and the terminal say.

use anyhow::{Result, bail};

use super::Globals;
use super::process::{Environment, Terminal};
use crate::report::{Ansi, ProgressMode, Status, Style};

/// Decides by the flags, then `COMPOSE_ANSI`, `COMPOSE_PROGRESS` and `NO_COLOR`, then the terminal.
pub fn decide(globals: &Globals, env: &Environment, terminal: Terminal) -> Result<Style> {
    let mut warnings = Vec::new();
    let said = globals.ansi.as_deref();
    if globals.no_ansi {
        if said.is_some_and(|said| said != "auto") {
            bail!(
                "cannot specify DEPRECATED \"--no-ansi\" and \"--ansi\". Please use only \"--ansi\""
            );
        }
        warnings.push("option '--no-ansi' is DEPRECATED ! Please use '--ansi' instead.".to_owned());
    }
    let ansi = match said.or_else(|| env.get("COMPOSE_ANSI")) {
        _ if globals.no_ansi => Ansi::Never,
        Some("never") => Ansi::Never,
        Some("always") => Ansi::Always,
        _ => Ansi::Auto,
    };
    let colours = |is_terminal: bool| match ansi {
        _ if env.get("NO_COLOR").is_some() => false,
        Ansi::Never => false,
        Ansi::Always => true,
        Ansi::Auto => is_terminal,
    };
    let progress = globals.progress.as_deref();
    let (status, shows_status) = match env.is_on("COMPOSE_STATUS_STDOUT") {
        // A live tree is drawn beside what is said on standard error.
        true => (Status::Stdout, terminal.stdout && terminal.stderr),
        false => (Status::Stderr, terminal.stderr),
    };
    Ok(Style {
        ansi,
        stdout_colours: colours(terminal.stdout),
        stderr_colours: colours(terminal.stderr),
        progress: progress_mode(
            progress.or_else(|| env.get("COMPOSE_PROGRESS")),
            ansi,
            shows_status,
        )?,
        status,
        dry_run: globals.dry_run,
        warnings,
    })
}

fn progress_mode(asked: Option<&str>, ansi: Ansi, is_terminal: bool) -> Result<ProgressMode> {
    Ok(match (asked.unwrap_or("auto"), ansi) {
        ("auto", Ansi::Never) => ProgressMode::Plain,
        ("auto", Ansi::Always) => ProgressMode::Tty,
        ("auto", Ansi::Auto) if is_terminal => ProgressMode::Tty,
        ("auto", Ansi::Auto) => ProgressMode::Plain,
        ("tty", Ansi::Never) => bail!("can't use --progress tty while ANSI support is disabled"),
        ("tty", _) => ProgressMode::Tty,
        ("plain", Ansi::Always) => bail!("can't use --progress plain while ANSI support is forced"),
        ("plain", _) => ProgressMode::Plain,
        // As buildx calls it.
        ("json" | "rawjson", _) => ProgressMode::Json,
        ("quiet" | "none", _) => ProgressMode::Quiet,
        (other, _) => bail!("unsupported --progress value {other:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(asked: &str, ansi: Ansi, is_terminal: bool) -> String {
        match progress_mode(Some(asked), ansi, is_terminal) {
            Ok(mode) => format!("{mode:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn progress_follows_the_flag_then_ansi_then_the_terminal() {
        assert_eq!(mode("auto", Ansi::Auto, true), "Tty");
        assert_eq!(mode("auto", Ansi::Auto, false), "Plain");
        assert_eq!(mode("auto", Ansi::Never, true), "Plain");
        assert_eq!(mode("auto", Ansi::Always, false), "Tty");
        assert_eq!(mode("none", Ansi::Auto, true), "Quiet");
        assert_eq!(
            mode("tty", Ansi::Never, true),
            "can't use --progress tty while ANSI support is disabled"
        );
        assert_eq!(
            mode("fancy", Ansi::Auto, true),
            "unsupported --progress value \"fancy\""
        );
    }

    #[test]
    fn no_color_beats_ansi_always() {
        let globals = Globals {
            ansi: Some("always".into()),
            ..Globals::default()
        };
        let env = Environment::from_iter([("NO_COLOR".to_owned(), "1".to_owned())]);
        let style = decide(&globals, &env, Terminal::default()).unwrap();
        assert!(!style.stdout_colours && !style.stderr_colours);
        assert_eq!(style.progress, ProgressMode::Tty);
    }
}
