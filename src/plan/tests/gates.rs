//! Gates in plans: shared, soft, declared, and left out where they mean nothing.

use super::stage::stage;
use crate::gate::Condition;
use crate::plan::observed::State;

#[test]
fn dependents_share_one_wait() {
    let stage = stage(&["a", "b", "db"]).with(|s| {
        s.mentions("a", "db", 5432);
        s.mentions("b", "db", 5432);
    });
    let text = stage.up();
    assert_eq!(text.matches("await").count(), 1, "{text}");
    assert!(
        text.contains("#8 start app-b-1  (missing)  after #4 #6\n"),
        "{text}"
    );
}

#[test]
fn a_declared_dependency_has_to_be_started_whatever_its_soft_gate_says() {
    let stage = stage(&["db", "web"]).with(|s| {
        s.depends("web", "db");
        s.mentions("web", "db", 5432);
    });
    let text = stage.up();
    assert!(
        text.contains("#6 start app-web-1  (missing)  after #3 #4 #5\n"),
        "{text}"
    );
}

#[test]
fn a_declared_condition_is_waited_for() {
    let stage = stage(&["db", "web"]).with(|s| {
        s.depends("web", "db");
        s.gate("web", "db", Condition::Healthy);
    });
    let text = stage.up();
    assert!(
        text.contains("#5 await db healthy  (depends_on)  after #4\n"),
        "{text}"
    );
}

#[test]
fn a_gate_stands_before_a_start_though_the_dependency_runs() {
    let mut stage = stage(&["db", "web"]).with(|s| s.mentions("web", "db", 5432));
    stage.resources();
    stage.container("db", 1, State::Running);
    assert_eq!(
        stage.up(),
        "\
#1 create app-web-1  (missing)
#2 await db port 5432  (DB_HOST)
#3 start app-web-1  (missing)  after #1 #2
"
    );
}

#[test]
fn nothing_is_waited_for_where_nothing_starts() {
    let stage = stage(&["db", "web"]).with(|s| s.mentions("web", "db", 5432));
    assert_eq!(stage.running().up(), "");
}

#[test]
fn an_optional_dependency_orders_and_stops_nobody() {
    let stage = stage(&["db", "web"]).with(|s| {
        s.depends("web", "db").required = crate::project::Always(false);
    });
    let text = stage.up();
    assert!(
        text.contains("#5 await db running  (depends_on)  after #4\n"),
        "{text}"
    );
}

#[test]
fn a_dependency_scaled_to_nothing_is_not_waited_for() {
    let stage = stage(&["db", "web"]).with(|s| {
        s.depends("web", "db");
        s.gate("web", "db", Condition::Healthy);
        s.service("db").scale = Some(0);
    });
    assert!(!stage.up().contains("await"));
}

#[test]
fn wait_ends_with_every_service_up_or_healthy() {
    let mut stage =
        stage(&["db", "web"]).with(|s| s.service("db").healthcheck = Some(Default::default()));
    stage = stage.running();
    stage.policy.wait = Some(crate::plan::Wait::default());
    assert_eq!(
        stage.up(),
        "#1 await db healthy  (--wait)\n#2 await web running or done  (--wait)\n"
    );
}

#[test]
fn a_service_that_is_not_selected_is_waited_for_where_it_runs_and_not_touched() {
    let beside = |state| {
        let mut stage = stage(&["db", "web"]).with(|s| {
            s.mentions("web", "db", 5432);
            s.resources();
            s.container("db", 1, state);
        });
        let db = stage.project.services.remove("db").unwrap();
        stage.project.disabled_services.insert("db".into(), db);
        stage.up()
    };
    assert_eq!(
        beside(State::Running),
        "\
#1 create app-web-1  (missing)
#2 await db port 5432  (DB_HOST)
#3 start app-web-1  (missing)  after #1 #2
"
    );
    assert_eq!(
        beside(State::Exited),
        "\
#1 create app-web-1  (missing)
#2 start app-web-1  (missing)  after #1
"
    );
}
