//! Questions before data is lost or given away: asked where somebody can answer, else answered
//! with no.

use std::collections::BTreeSet;
use std::io::{BufRead, Write};

use anyhow::Result;

use super::Context;
use super::work::Work;
use crate::diagnostic::Diagnostic;
use crate::plan;

/// The volumes, by key, that may be removed and made anew because the file asks for others.
pub(super) fn volumes_to_rebuild(
    cx: &Context,
    work: &Work<'_>,
    yes: bool,
) -> Result<BTreeSet<String>> {
    let mut rebuild = BTreeSet::new();
    for (key, name) in work.plan(plan::diverged_volumes) {
        let what = format!("volume `{name}` is there, but not as the file asks for");
        let agreed = match (yes, cx.terminal.stdin && !cx.globals.dry_run) {
            (true, _) => true,
            (false, true) => {
                let question = format!("{what}. Recreate it (its data will be lost)? (y/N) ");
                ask(cx, &question, Unsaid::No)?
            }
            (false, false) => {
                let place = work.project.place(&["volumes", &key]);
                let warning = Diagnostic::warning(format!("{what}: it stays as it is"));
                let hint = "`--yes` removes it with its data, and makes it anew";
                cx.reporter().show(&warning.at(place).hint(hint));
                false
            }
        };
        if agreed {
            rebuild.insert(key);
        }
    }
    Ok(rebuild)
}

/// What an empty answer at a terminal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsaid {
    Yes,
    No,
}

/// Asks a question; a pipe may answer it, too, and one that says nothing says no.
pub(super) fn ask(cx: &Context, question: &str, unsaid: Unsaid) -> Result<bool> {
    cx.reporter().settle()?;
    cx.reporter().write_out(question.as_bytes())?;
    std::io::stdout().flush()?;
    let mut answer = String::new();
    let length = std::io::stdin().lock().read_line(&mut answer)?;
    Ok(match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => true,
        "" => unsaid == Unsaid::Yes && length > 0 && cx.terminal.stdin,
        _ => false,
    })
}
