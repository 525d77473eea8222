//! Rules about what is executed: the command, its file, its interpreter, its machine.

use super::super::{Facts, Fate, Finding};
use super::{failed_to_run, has, lines};
use crate::diagnostic::Place;
use crate::gate::checks::one_word_line;

/// Where the file says what is executed.
fn command(facts: &Facts<'_>) -> Option<Place> {
    facts
        .place(&["entrypoint"])
        .or_else(|| facts.place(&["command"]))
        .or_else(|| facts.place(&["image"]))
}

pub(super) fn one_string_command(facts: &Facts<'_>) -> Option<Finding> {
    let line = one_word_line(facts.argv)?;
    failed_to_run(facts).find(|said| {
        has(said, "executable file not found") || has(said, "no such file or directory")
    })?;
    let place = facts
        .place(&["command", "0"])
        .or_else(|| facts.place(&["entrypoint", "0"]));
    Some(Finding {
        rule: "one-string-command",
        what: format!("the command is one word with blanks, `{line}`"),
        place,
        fix: format!("write `command: {}`", facts.argv.join(" ")),
    })
}

/// A script's first line as it is read, and the failure of executing it.
fn script<'f>(facts: &'f Facts<'_>) -> Option<&'f str> {
    failed_to_run(facts).find(|said| {
        has(said, "no such file or directory") || has(said, "not found") || has(said, "exec format")
    })?;
    facts.first_line
}

pub(super) fn windows_line_ends(facts: &Facts<'_>) -> Option<Finding> {
    let first = script(facts).filter(|line| line.starts_with("#!") && line.ends_with('\r'));
    let said = lines(facts).find(|line| {
        let broken = has(line, "no such file or directory")
            || has(line, "bad interpreter")
            || has(line, "not found");
        broken && (line.contains('\r') || line.contains("\\r") || line.contains("^M"))
    });
    let what = match (first, said) {
        (Some(line), _) => format!(
            "`{}` has Windows line ends: its first line, `{}\\r`, names a program that ends in `\\r`",
            facts.argv.first()?,
            line.trim()
        ),
        (None, Some(line)) => format!(
            "a script has Windows line ends: {}",
            line.trim().replace('\r', "\\r")
        ),
        (None, None) => return None,
    };
    Some(Finding {
        rule: "windows-line-ends",
        what,
        place: command(facts),
        fix: "convert it with `sed -i 's/\\r$//'`, and keep it so with `*.sh text eol=lf` in .gitattributes".to_owned(),
    })
}

/// The file is there, and what its first line names is not.
pub(super) fn interpreter_missing(facts: &Facts<'_>) -> Option<Finding> {
    let interpreter = script(facts)?.strip_prefix("#!")?.trim();
    let program = facts.argv.first()?;
    Some(Finding {
        rule: "interpreter-missing",
        what: format!("`{program}` wants `{interpreter}`, which is not in the image"),
        place: command(facts),
        fix: format!(
            "install it in the image, or begin `{program}` with a program that is there: `#!/bin/sh`"
        ),
    })
}

/// A text file without `#!`: the kernel cannot run it, and only a shell would.
pub(super) fn first_line_missing(facts: &Facts<'_>) -> Option<Finding> {
    let line = facts.first_line.filter(|line| !line.starts_with("#!"))?;
    let is_text = !line.chars().any(|letter| letter.is_control());
    let refused = lines(facts).any(|line| has(line, "exec format error"));
    let program = facts.argv.first()?;
    (is_text && refused).then(|| Finding {
        rule: "first-line-missing",
        what: format!("`{program}` is a script and does not say which program runs it"),
        place: command(facts),
        fix: format!("begin `{program}` with `#!/bin/sh`, as its very first line"),
    })
}

pub(super) fn architecture(facts: &Facts<'_>) -> Option<Finding> {
    let line = lines(facts).find(|line| {
        has(line, "exec format error")
            || has(line, "no matching manifest for")
            || has(line, "does not match the detected host platform")
            || has(line, "does not match the specified platform")
    })?;
    Some(Finding {
        rule: "architecture",
        what: format!(
            "the image, or the program, is for another kind of machine: {}",
            line.trim()
        ),
        place: facts
            .place(&["platform"])
            .or_else(|| facts.place(&["image"])),
        fix: "set `platform:` to what the image has, or build it here".to_owned(),
    })
}

pub(super) fn not_executable(facts: &Facts<'_>) -> Option<Finding> {
    // Podman ends every refusal of the kernel with these words, of a limit or a mount too.
    let of_program = |line: &str| has(line, "exec") || !has(line, "oci permission denied");
    let refused =
        failed_to_run(facts).any(|line| has(line, "permission denied") && of_program(line));
    let program = facts.argv.first()?;
    refused.then(|| Finding {
        rule: "not-executable",
        what: format!("`{program}` is not executable"),
        place: command(facts),
        fix: format!("`chmod +x` it on your side, or in the Dockerfile: `RUN chmod +x {program}`"),
    })
}

/// The program that a healthcheck calls is not there: the service itself may be well.
pub(super) fn healthcheck_not_found(facts: &Facts<'_>) -> Option<Finding> {
    if facts.fate != Fate::Unhealthy {
        return None;
    }
    let line = facts.health.lines().find(|line| {
        has(line, ": not found")
            || has(line, "command not found")
            || has(line, "executable file not found")
    })?;
    Some(Finding {
        rule: "healthcheck-not-found",
        what: format!("the healthcheck calls what is not in the image: {}", line.trim()),
        place: facts
            .place(&["healthcheck", "test"])
            .or_else(|| facts.place(&["image"])),
        fix: "check with a program that the image has, or drop the healthcheck: dco waits for the port by itself".to_owned(),
    })
}

pub(super) fn command_not_found(facts: &Facts<'_>) -> Option<Finding> {
    let said = failed_to_run(facts).any(|line| {
        has(line, "executable file not found")
            || has(line, "no such file or directory") && !has(line, "mount")
            || has(line, "not found")
    });
    let program = facts.argv.first()?;
    if !said || facts.error.to_ascii_lowercase().contains("image") {
        return None;
    }
    // A shell was found, and says itself what was not.
    let called = match facts.fate {
        Fate::Exited { .. } => failed_to_run(facts).find_map(not_found),
        _ => None,
    };
    let what = called.unwrap_or(program);
    Some(Finding {
        rule: "command-not-found",
        what: format!("`{what}` is not in the image"),
        place: facts
            .place(&["command"])
            .or_else(|| facts.place(&["entrypoint"]))
            .or_else(|| facts.place(&["image"])),
        fix: format!(
            "mend the command, or install it; `dco run --entrypoint sh {}` looks inside",
            facts.name()
        ),
    })
}

/// `gunicorn` of `sh: 1: gunicorn: not found`, `bash: line 1: gunicorn: command not found`.
fn not_found(line: &str) -> Option<&str> {
    let before = line
        .strip_suffix(": not found")
        .or_else(|| line.strip_suffix(": command not found"))?;
    before.rsplit(": ").next().filter(|name| !name.is_empty())
}
