//! What other programs give: services of providers, and models. They are asked before the plan is
//! made, since what they say becomes part of the environment that the plan compares.

mod models;
mod program;
mod providers;

use anyhow::Result;

pub(super) use program::{call, plugin};
pub(super) use providers::{Ask, end};

use super::Context;
use super::work::Quiet;
use crate::project::Project;

/// Asks for all that the project's services take from other programs. A dry run only looks: it
/// pulls no model, and asks no provider.
///
/// # Errors
/// A program that is not there, fails, or says what nobody understands.
pub(super) async fn bring_up(cx: &Context, project: &mut Project, quiet: Quiet) -> Result<()> {
    models::bring_up(cx, project, quiet).await?;
    providers::up(cx, project).await
}

/// Sets what is known of the models without changing anything, as far as it can be known.
pub(super) async fn look(cx: &Context, project: &mut Project) -> Result<()> {
    models::look(cx, project).await
}
