//! What is asked before files that somebody else wrote are run: whether the variables that they
//! read may be given to them, and whether those whom they include are to be trusted, too.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::super::Context;
use super::super::consent::{Unsaid, ask};
use super::named;
use crate::compose::{self, interpolate};
use crate::project::Project;
use crate::report::ProgressMode;
use crate::report::table::{Columns, rows_in};
use crate::text::secret::without_credentials;

/// Says where a fetched project lies, and asks about its variables; nothing of a project that lies
/// here.
///
/// # Errors
/// The user said no.
pub(in crate::command) fn agree(cx: &Context, project: &Project, yes: bool) -> Result<()> {
    let files = named(cx);
    let Some(first) = files.first().filter(|file| compose::is_remote(file)) else {
        return Ok(());
    };
    // Nothing is going to be run.
    let ask = !yes && !cx.globals.dry_run;
    if ask && !project.remote_includes.is_empty() {
        confirm_includes(cx, &files, &project.remote_includes)?;
    }
    if !matches!(
        cx.style().progress,
        ProgressMode::Quiet | ProgressMode::Json
    ) {
        let place = project.working_dir.display().to_string();
        let first = without_credentials(first);
        let text = format!("Your compose stack {first:?} is stored in {place:?}\n");
        cx.reporter().write_out(text.as_bytes())?;
    }
    match ask {
        true => confirm_variables(cx, project),
        false => Ok(()),
    }
}

/// Asks about files that a fetched project takes from further places.
fn confirm_includes(cx: &Context, files: &[String], includes: &[String]) -> Result<()> {
    let fetched = files.iter().filter(|file| compose::is_remote(file));
    let mut all: Vec<&String> = Vec::new();
    for address in fetched.chain(includes) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    let list = all
        .iter()
        .map(|address| format!("  - {}\n", without_credentials(address)));
    let question = format!(
        "\nWarning: This Compose project includes files from remote sources:\n{}\n\
         Remote includes could potentially be malicious. Make sure you trust the source.\n\
         Do you want to continue? [y/N]: ",
        list.collect::<String>()
    );
    proceed(ask(cx, &question, Unsaid::No)?)
}

/// Asks about the variables that the project's files read.
fn confirm_variables(cx: &Context, project: &Project) -> Result<()> {
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
    proceed(ask(cx, &question, Unsaid::Yes)?)
}

fn proceed(agreed: bool) -> Result<()> {
    match agreed {
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
