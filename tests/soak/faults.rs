//! Every call of every command that changes something, disturbed in every way. Several projects
//! share the work, each of which does its points one after the other.

use std::any::Any;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::support::faults::{Stage, Verb};
use crate::support::proxy::{Calls, Fault, Nth};

/// So many projects at a time: an engine on two cores is busy with them.
const LANES: usize = 4;

/// The calls of one command that one project sees to.
#[derive(Clone, Copy, Debug)]
struct Piece {
    verb: Verb,
    fault: Fault,
    /// Counted from 1; every [`PIECES`]th call from there on.
    first: usize,
}

/// After so many failures a piece is given up.
const ENOUGH: usize = 5;

/// Into so many pieces every command's calls are cut, so that no project is left with a long one.
const PIECES: usize = 2;

/// What became of all points.
#[derive(Default)]
struct Tally {
    /// For each command and fault, how many calls were disturbed.
    points: Vec<(Verb, Fault, usize)>,
    failures: Vec<String>,
}

/// The least number of calls that each command makes of a project of so many services.
fn least(verb: Verb, services: usize) -> usize {
    match verb {
        // Create, stop, start, remove, rename.
        Verb::Recreate => 5 * services,
        // Stop, remove; and the network.
        Verb::Down => 2 * services + 1,
        // Two creations, two starts.
        Verb::Scale => 4,
        // Create, start.
        Verb::Run => 2,
    }
}

/// Disturbs every call of these commands by these faults; fails with everything that went wrong.
#[allow(clippy::print_stderr, reason = "a test's own output")]
fn every_call(subject: &str, services: usize, verbs: &[Verb], faults: &[Fault]) {
    let began = Instant::now();
    let mut pieces = Vec::new();
    for &verb in verbs {
        for &fault in faults {
            pieces.extend((1..=PIECES).map(|first| Piece { verb, fault, first }));
        }
    }
    let (pieces, tally) = (Mutex::new(pieces.into_iter()), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let subject = format!("{subject}-{lane}");
            let (pieces, tally) = (&pieces, &tally);
            scope.spawn(move || lane_of(&subject, services, pieces, tally));
        }
    });
    let tally = tally.into_inner().expect("nobody panics with it");
    let mut total = 0;
    for &verb in verbs {
        for &fault in faults {
            let of = |one: &&(Verb, Fault, usize)| (one.0, one.1) == (verb, fault);
            let points: usize = tally.points.iter().filter(of).map(|one| one.2).sum();
            assert!(
                points >= least(verb, services),
                "{verb:?}, {fault:?}: {points}"
            );
            total += points;
        }
    }
    eprintln!("{subject}: {total} points in {:.0?}", began.elapsed());
    let mut failures = String::new();
    for failure in &tally.failures {
        let _ = writeln!(failures, "{failure}\n");
    }
    let count = tally.failures.len();
    assert!(count == 0, "{count} of {total} points:\n{failures}");
}

/// Does pieces while there are some.
fn lane_of(
    subject: &str,
    services: usize,
    pieces: &Mutex<impl Iterator<Item = Piece> + Send>,
    tally: &Mutex<Tally>,
) {
    let next = || pieces.lock().expect("nobody panics with it").next();
    let mut stage = None;
    while let Some(Piece { verb, fault, first }) = next() {
        let (mut points, mut failed) = (0, 0);
        while failed < ENOUGH {
            let nth = Nth(Calls::All, first + points * PIECES);
            let point = catch_unwind(AssertUnwindSafe(|| {
                let stage = stage.get_or_insert_with(|| Stage::new(subject, services));
                stage.disturb(verb, nth, fault).struck.is_some()
            }));
            match point {
                Ok(false) => break,
                Ok(true) => {}
                // Whatever it left behind is nothing to go on with.
                Err(panic) => {
                    stage = None;
                    failed += 1;
                    let failures = &mut tally.lock().expect("nobody panics with it").failures;
                    failures.push(said(panic.as_ref()));
                }
            }
            points += 1;
        }
        let mut tally = tally.lock().expect("nobody panics with it");
        tally.points.push((verb, fault, points));
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    match panic.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => "a panic without a text".to_owned(),
    }
}

#[test]
fn killed_after_any_call_the_next_up_makes_all_good() {
    let verbs = [Verb::Recreate, Verb::Down, Verb::Scale, Verb::Run];
    every_call("soak-kill", 5, &verbs, &[Fault::Kill]);
}

#[test]
fn any_call_that_fails_hangs_or_breaks_off_is_one_error_and_mended_by_the_next_up() {
    let verbs = [Verb::Recreate, Verb::Down, Verb::Scale, Verb::Run];
    let faults = [
        Fault::Refuse(500, "no space left on device"),
        Fault::Refuse(409, "conflict"),
        Fault::Refuse(404, "no such thing"),
        Fault::Delay(Duration::from_secs(2)),
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::CutWithin,
        Fault::Die,
    ];
    every_call("soak-faults", 3, &verbs, &faults);
}

#[test]
fn interrupted_at_any_call_once_or_twice_the_next_up_makes_all_good() {
    let verbs = [Verb::Recreate, Verb::Down, Verb::Scale];
    let faults = [Fault::Interrupt(1), Fault::Interrupt(2)];
    every_call("soak-interrupt", 3, &verbs, &faults);
}
