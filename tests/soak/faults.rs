//! Every call of every command that changes something, disturbed in every way, one after the other.

use std::time::Duration;

use crate::support::faults::{Stage, Verb};
use crate::support::proxy::{Calls, Fault};

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

#[test]
fn killed_after_any_call_of_five_replacements_the_next_up_finishes_them() {
    let mut stage = Stage::new("soak-kill", 5);
    let calls = stage.sweep(Verb::Recreate, Calls::All, (1, 1), Fault::Kill);
    assert!(calls >= least(Verb::Recreate, 5), "{calls}");
}

#[test]
fn killed_after_any_call_of_down_scale_and_run_the_next_up_makes_all_good() {
    let mut stage = Stage::new("soak-killed", 5);
    for verb in [Verb::Down, Verb::Scale, Verb::Run] {
        let calls = stage.sweep(verb, Calls::All, (1, 1), Fault::Kill);
        assert!(calls >= least(verb, 5), "{verb:?}: {calls}");
    }
}

#[test]
fn any_call_that_fails_hangs_or_breaks_off_is_one_error_and_mended_by_the_next_up() {
    let mut stage = Stage::new("soak-faults", 3);
    for verb in [Verb::Recreate, Verb::Down, Verb::Scale, Verb::Run] {
        for fault in [
            Fault::Refuse(500, "no space left on device"),
            Fault::Refuse(409, "conflict"),
            Fault::Refuse(404, "no such thing"),
            Fault::Delay(Duration::from_secs(2)),
            Fault::CutBefore,
            Fault::CutAfter,
            Fault::CutWithin,
            Fault::Die,
        ] {
            let calls = stage.sweep(verb, Calls::All, (1, 1), fault);
            assert!(calls >= least(verb, 3), "{verb:?}, {fault:?}: {calls}");
        }
    }
}

#[test]
fn interrupted_at_any_call_once_or_twice_the_next_up_makes_all_good() {
    let mut stage = Stage::new("soak-interrupt", 3);
    for verb in [Verb::Recreate, Verb::Down, Verb::Scale] {
        for times in [1, 2] {
            stage.sweep(verb, Calls::All, (1, 1), Fault::Interrupt(times));
        }
    }
}
