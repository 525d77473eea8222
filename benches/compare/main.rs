//! dco beside Docker Compose 2.40 and 1.29 and the engine's own limit, in one run, interleaved.
//!
//! `make bench` builds dco, puts the peers beside it and runs this. The environment names them:
//! `DCO_BIN`, `PEER_2` (Docker Compose 2.40), `PEER_1` (docker-compose 1.29; may be absent).
//! Arguments: texts that a scenario's name has to contain; `--runs N` for another number than 20.
//! Machines are noisy: medians are printed, and a ratio is the median of the ratios pair by pair.

#![allow(clippy::print_stdout, reason = "a table on stdout is what it is for")]

mod context;
mod daily;
mod figures;
mod floor;
mod planning;
mod project;
mod reload;
mod scenarios;
mod subject;
mod tree;

use std::path::PathBuf;

use subject::Subject;

/// What a figure counts.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Milliseconds.
    Time,
    /// MiB of memory.
    Memory,
    /// Megabytes of a file.
    Size,
}

/// The figures of one scenario.
pub struct Row {
    /// What was measured.
    pub name: String,
    /// In which unit.
    pub unit: Unit,
    /// In how many rounds.
    pub rounds: usize,
    /// Medians of dco, Compose 2.40, Compose 1.29 and the floor.
    pub medians: [Option<f64>; 4],
    /// Median of the pairwise ratios of dco to Compose 2.40 and to the floor.
    pub ratios: [Option<f64>; 2],
    /// What it is held to, and whether it holds.
    pub target: Option<(String, bool)>,
}

/// What a benchmark runs with.
pub struct Bench {
    pub dco: Subject,
    pub compose: Subject,
    pub old: Option<Subject>,
    pub runs: usize,
    pub wanted: Vec<String>,
}

fn main() {
    let mut runs = 20;
    let mut wanted = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bench" => {} // cargo's own
            "--runs" => runs = args.next().and_then(|n| n.parse().ok()).expect("--runs N"),
            _ => wanted.push(arg),
        }
    }
    let program = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    let needed = |name, variable: &str| Subject {
        name,
        program: program(variable)
            .unwrap_or_else(|| panic!("{variable} is not set: run `make bench`")),
    };
    let bench = Bench {
        dco: needed("dco", "DCO_BIN"),
        compose: needed("compose 2.40", "PEER_2"),
        old: program("PEER_1").map(|program| Subject {
            name: "compose 1.29",
            program,
        }),
        runs,
        wanted,
    };
    assert!(
        floor::has_image("busybox"),
        "the engine has no image `busybox`: run `make bench`, which makes it"
    );
    println!(
        "| whole process, median of {runs}, or of [n] | dco | Compose 2.40 | Compose 1.29 | engine's floor | dco / 2.40 | dco / floor | target |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|---|");
    let mut held = true;
    scenarios::all(&bench, &mut |row| {
        held &= row.target.as_ref().is_none_or(|(_, holds)| *holds);
        println!("{}", line(&row, runs));
    });
    if !held {
        println!("\nA target that is marked with ✘ did not hold in this run.");
    }
}

fn line(row: &Row, runs: usize) -> String {
    let figure = |value: Option<f64>| {
        value.map_or(String::new(), |value| match row.unit {
            Unit::Time if value >= 1000.0 => format!("{:.1} s", value / 1e3),
            Unit::Time if value >= 10.0 => format!("{value:.0} ms"),
            Unit::Time => format!("{value:.1} ms"),
            Unit::Memory => format!("{value:.0} MiB"),
            Unit::Size => format!("{value:.1} MB"),
        })
    };
    let ratio = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.2}"));
    let target = row.target.as_ref().map_or(String::new(), |(text, holds)| {
        format!("{text} {}", if *holds { '✔' } else { '✘' })
    });
    let rounds = match row.rounds == runs {
        true => String::new(),
        false => format!(" [{}]", row.rounds),
    };
    let [dco, compose, old, floor] = row.medians.map(figure);
    let [to_compose, to_floor] = row.ratios.map(ratio);
    format!(
        "| {}{rounds} | {dco} | {compose} | {old} | {floor} | {to_compose} | {to_floor} | {target} |",
        row.name
    )
}
