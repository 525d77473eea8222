//! `dco alpha`: what Docker Compose calls experimental.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::{Context, parse, usage};
use crate::event::Event;
use crate::report::{self, explain::viz::Viz};

/// Experimental commands
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dco alpha viz --image | dot -Tsvg > graph.svg")]
pub struct Args {
    #[command(subcommand)]
    command: Option<Alpha>,
}

#[derive(Debug, clap::Subcommand)]
enum Alpha {
    /// Generate a graphviz graph from your compose file
    Viz(VizArgs),
}

#[derive(Debug, clap::Args)]
struct VizArgs {
    /// Include the services' image names
    #[arg(long)]
    image: bool,

    /// Number of tabs or spaces to use for indentation
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    indentation_size: i64,

    /// Include the networks that services are attached to
    #[arg(long)]
    networks: bool,

    /// Include the services' ports
    #[arg(long)]
    ports: bool,

    /// Indent with spaces, not tabs
    #[arg(long)]
    spaces: bool,
}

/// Prints the graph as Docker Compose does, with an empty line at the end.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let Some(Alpha::Viz(args)) = &args.command else {
        report::print(&usage::verb_help(
            parse::find("alpha").expect("it runs"),
            cx.identity,
        ))?;
        return Ok(ExitCode::SUCCESS);
    };
    let Ok(size) = usize::try_from(args.indentation_size) else {
        bail!("invalid indentation size: {}", args.indentation_size);
    };
    let note = "viz command is EXPERIMENTAL".to_owned();
    cx.events().emit(Event::Note(note));
    let viz = Viz {
        indentation: if args.spaces { " " } else { "\t" }.repeat(size),
        networks: args.networks,
        ports: args.ports,
        image: args.image,
    };
    report::print(&format!("{}\n", viz.text(&cx.load_model()?)))?;
    Ok(ExitCode::SUCCESS)
}
