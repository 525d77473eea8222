//! `dco graph`: the services and what they wait for.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use super::work::{edges_of, waits};
use crate::convert::image_name;
use crate::gate::{self, Strength};
use crate::project::{Along, Project};
use crate::report::explain::graph::{Arrow, Graph, Node, Origin};
use crate::report::{self, Paint};

/// Show the services and what they wait for
///
/// Edges are declared by the file, or inferred from what services are configured with; each is
/// shown with its gate and the place that it comes from. No engine is asked.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  dco graph\n  dco graph --format mermaid\n  dco graph --format dot | dot -Tsvg > graph.svg"
)]
pub struct Args {
    /// Services and what they depend on, all of them by default
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,

    /// Format of the output: tree, dot, mermaid or json
    #[arg(long, default_value = "tree", hide_default_value = true, value_parser = ["tree", "dot", "mermaid", "json"])]
    format: String,

    /// Leave out what is only inferred
    #[arg(long)]
    no_infer: bool,
}

/// Prints the graph.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let project = cx.load_project(&args.services, Along::Dependencies)?;
    let (_, edges) = edges_of(&project, waits(cx, args.no_infer))?;
    let graph = graph(&project, &edges);
    report::print(&match args.format.as_str() {
        "dot" => graph.dot(),
        "mermaid" => graph.mermaid(),
        "json" => format!("{}\n", serde_json::to_string_pretty(&graph)?),
        _ => graph.tree(Paint::new(cx.style().stdout_colours)),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn graph(project: &Project, edges: &gate::Edges) -> Graph {
    let services = project.services.iter().map(|(name, service)| Node {
        name: name.to_string(),
        image: image_name(project, name, service),
        depends_on: edges.of(name).map(arrow).collect(),
    });
    Graph {
        name: project.name.clone(),
        services: services.collect(),
    }
}

fn arrow(edge: &gate::Edge) -> Arrow {
    let mut waits_for: Vec<String> = edge.gates.iter().map(gate::Gate::target).collect();
    waits_for.dedup();
    Arrow {
        service: edge.dependency.to_string(),
        origin: match edge.origin {
            gate::Origin::Declared(_) => Origin::Declared,
            gate::Origin::Wished => Origin::Wished,
            gate::Origin::Inferred => Origin::Inferred,
        },
        because: edge.because.what.clone(),
        place: edge.because.place.as_ref().map(ToString::to_string),
        soft: edge
            .gates
            .iter()
            .all(|gate| gate.strength == Strength::Soft),
        waits_for,
    }
}
