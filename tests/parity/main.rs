//! Parity with Docker Compose: the same file and the same words through dco and through the peer,
//! in the same directory and under the same name, one after the other; what the engine then holds,
//! what was printed and how it ended are compared.
//!
//! `make parity` runs it; `cargo test` does not, because it needs the peer's binary. Arguments:
//! nothing for all suites, or a suite's name and words that a case's name has to contain:
//!
//! ```text
//! cargo test --test parity -- attributes volumes
//! ```
//!
//! `DCO_PEER` is the peer (2.40.3), `DCO_BIN` another dco (the peer itself tests this harness),
//! `PARITY_JOBS` how many cases run at a time.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own, whose result is what it prints"
)]

#[path = "../support/mod.rs"]
mod support;

mod attributes;
mod edges;
mod engine;
mod images;
mod interop;
mod invocations;
mod normal;
mod place;
mod report;
mod tool;

use std::process::ExitCode;

use report::Report;
use tool::Tools;

fn main() -> ExitCode {
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    let suite = words.next();
    let filter: Vec<String> = words.collect();
    let tools = match Tools::find() {
        Ok(tools) => tools,
        Err(missing) => {
            eprintln!("{missing}");
            return ExitCode::FAILURE;
        }
    };
    type Suite = fn(&Tools, &[String]) -> Report;
    let suites: [(&str, Suite); 5] = [
        ("attributes", attributes::run),
        ("invocations", invocations::run),
        ("interop", interop::run),
        ("images", images::run),
        ("edges", edges::run),
    ];
    let chosen: Vec<_> = suites
        .into_iter()
        .filter(|(name, _)| suite.as_deref().is_none_or(|wanted| wanted == *name))
        .collect();
    if chosen.is_empty() {
        eprintln!(
            "parity: no such suite; there are attributes, invocations, interop, images and edges"
        );
        return ExitCode::FAILURE;
    }
    let mut failed = 0;
    for (name, run) in chosen {
        let report = run(&tools, &filter);
        failed += report.finish(name);
    }
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
