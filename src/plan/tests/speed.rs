//! Planning is quick: no list is searched once for each member of another.

use std::time::{Duration, Instant};

use super::stage::stage;

#[test]
fn a_thousand_services_against_a_thousand_containers() {
    let names: Vec<String> = (0..1000).map(|number| format!("s{number:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut stage = stage(&names);
    for pair in names.windows(2) {
        stage.depends(pair[1], pair[0]);
    }
    stage = stage.running();
    let again = (0..5).map(|_| {
        let begun = Instant::now();
        assert_eq!(stage.up(), "");
        begun.elapsed()
    });
    let best = again.min().unwrap_or_default();
    // 30 ms in a release build; an unoptimised one takes several times as long, and only growth
    // with the square of the number would show here.
    let limit = match cfg!(debug_assertions) {
        true => Duration::from_millis(600),
        false => Duration::from_millis(30),
    };
    assert!(best < limit, "{best:?}");
}
