//! Calls that fail, hang or break off, and commands that are killed: the next `up` makes it good.
//! Samples only; every call in turn is tried by `make soak`.

use std::time::Duration;

use crate::support::faults::{Stage, Verb};
use crate::support::proxy::{Calls, Fault, Nth};

#[test]
fn killed_after_any_change_the_next_up_finishes_it() {
    let mut stage = Stage::new("killed", 2);
    let changes = stage.sweep(Verb::Recreate, Calls::Changes, (1, 1), Fault::Kill);
    assert!(
        changes >= 10,
        "two replacements are ten calls; {changes} were seen"
    );
}

#[test]
fn killed_while_it_takes_down_or_scales_the_next_up_finishes_it() {
    let mut stage = Stage::new("killed-down", 2);
    let changes = stage.sweep(Verb::Down, Calls::Changes, (1, 2), Fault::Kill);
    assert!(changes >= 2, "two services are five calls");
    let changes = stage.sweep(Verb::Scale, Calls::Changes, (1, 2), Fault::Kill);
    assert!(changes >= 2, "two replicas are four calls");
}

#[test]
fn a_change_that_fails_or_breaks_off_is_one_error_and_mended_by_the_next_up() {
    let mut stage = Stage::new("faults", 1);
    let full = Fault::Refuse(500, "no space left on device");
    for fault in [full, Fault::CutAfter, Fault::CutBefore] {
        let changes = stage.sweep(Verb::Recreate, Calls::Changes, (1, 1), fault);
        assert!(changes >= 5, "{fault:?}: a replacement is five calls");
    }
}

#[test]
fn a_look_that_fails_changes_nothing() {
    let mut stage = Stage::new("looks", 1);
    // The first is the ping, which only says what the engine is.
    for nth in 2..=6 {
        let end = stage.disturb(
            Verb::Recreate,
            Nth(Calls::All, nth),
            Fault::Refuse(500, "boom"),
        );
        assert_eq!(end.finished.code, 1, "{end:?}");
        assert!(end.finished.stderr.contains("boom"), "{end:?}");
    }
}

#[test]
fn an_engine_that_dies_on_the_way_is_said_once() {
    let mut stage = Stage::new("dies", 2);
    for nth in [3, 9, 12] {
        let end = stage.disturb(Verb::Recreate, Nth(Calls::All, nth), Fault::Die);
        assert_eq!(end.finished.code, 1, "{end:?}");
    }
}

#[test]
fn an_engine_that_is_slow_is_waited_for() {
    let mut stage = Stage::new("slow", 1);
    let late = Fault::Delay(Duration::from_secs(2));
    for nth in [1, 3, 8] {
        let end = stage.disturb(Verb::Recreate, Nth(Calls::All, nth), late);
        assert_eq!(end.finished.code, 0, "{end:?}");
    }
}

#[test]
fn an_interrupt_lets_calls_in_flight_end_and_the_next_up_goes_on() {
    let mut stage = Stage::new("interrupt", 2);
    for (nth, times) in [(1, 1), (2, 1), (4, 2), (5, 1)] {
        let nth = Nth(Calls::Changes, nth);
        let end = stage.disturb(Verb::Recreate, nth, Fault::Interrupt(times));
        assert_eq!(end.finished.code, 130, "{end:?}");
    }
}
