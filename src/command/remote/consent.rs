//! What is asked before files that somebody else wrote are run: whether the variables that they
//! read may be given to them.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::super::Context;
use super::super::consent::{Unsaid, ask};
use super::named;
use crate::compose::{self, interpolate};
use crate::project::Project;
use crate::report::ProgressMode;
use crate::report::table::{Columns, rows_in};

/// Says where a fetched project lies, and asks about its variables; nothing of a project that lies
/// here.
///
/// # Errors
/// The user said no.
pub(in crate::command) fn agree(cx: &Context, project: &Project, yes: bool) -> Result<()> {
    let Some(fetched) = cx.fetched.get() else {
        return Ok(());
    };
    let first = named(cx).into_iter().next();
    let Some(first) = first.filter(|file| fetched.contains_key(file)) else {
        return Ok(());
    };
    if !matches!(
        cx.style().progress,
        ProgressMode::Quiet | ProgressMode::Json
    ) {
        let place = project.working_dir.display().to_string();
        let text = format!("Your compose stack {first:?} is stored in {place:?}\n");
        cx.reporter().write_out(text.as_bytes())?;
    }
    // Nothing is going to be run.
    if yes || cx.globals.dry_run {
        return Ok(());
    }
    let mut request = cx.load_request()?;
    request.options.interpolate = false;
    let mut variables = BTreeMap::new();
    compose::load_tree(&request)?.each_text(|text| interpolate::variables(text, &mut variables));
    if variables.is_empty() {
        return Ok(());
    }
    let rows = variables.into_iter().map(|(name, variable)| {
        let (value, source) = value(cx, project, &name, &variable.default);
        let required = if variable.required { "yes" } else { "no" };
        vec![
            name,
            value,
            source.to_owned(),
            required.to_owned(),
            variable.default,
        ]
    });
    let headers = ["VARIABLE", "VALUE", "SOURCE", "REQUIRED", "DEFAULT"];
    let table = rows_in(Columns::TIGHT, &headers, rows);
    let question = format!(
        "\nFound the following variables in configuration:\n{table}\n\
         Do you want to proceed with these variables? [Y/n]: "
    );
    match ask(cx, &question, Unsaid::Yes)? {
        true => Ok(()),
        false => bail!("operation cancelled by user"),
    }
}

/// What a variable will be, and who says so.
fn value(cx: &Context, project: &Project, name: &str, default: &str) -> (String, &'static str) {
    let here = cx.env.all().get(name);
    match (here, project.environment.get(name), default) {
        (Some(value), _, _) => (value.clone(), "environment"),
        (None, Some(value), _) => (value.clone(), "env file"),
        (None, None, "") => ("<unset>".to_owned(), "none"),
        (None, None, default) => (default.to_owned(), "compose file"),
    }
}
