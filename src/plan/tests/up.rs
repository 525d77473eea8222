//! `up` from nothing, and on what is there already.

use super::stage::stage;
use crate::plan::observed::State;
use crate::plan::{Extent, Orphans, Recreate};

#[test]
fn first_up_gates_the_dependent_on_the_port_it_names() {
    let stage = stage(&["db", "django"]).with(|s| s.mentions("django", "db", 5432));
    assert_eq!(
        stage.up(),
        "\
#1 create network app_default  (missing)
#2 create app-db-1  (missing)  after #1
#3 create app-django-1  (missing)  after #1
#4 start app-db-1  (missing)  after #2
#5 await db port 5432  (DB_HOST)  after #4
#6 start app-django-1  (missing)  after #3 #5
"
    );
}

#[test]
fn nothing_is_planned_where_everything_runs() {
    let stage = stage(&["db", "web"]).with(|s| {
        s.depends("web", "db");
        s.mounts("db", "data", "/data");
    });
    assert_eq!(stage.running().up(), "");
}

#[test]
fn what_is_down_is_started_after_what_it_depends_on() {
    let mut stage = stage(&["db", "web"]);
    stage.depends("web", "db");
    stage.resources();
    stage.container("db", 1, State::Exited);
    stage.container("web", 1, State::Created);
    assert_eq!(
        stage.up(),
        "\
#1 start app-db-1  (not running)
#2 start app-web-1  (not running)  after #1
"
    );
}

#[test]
fn a_changed_config_is_replaced_so_that_nothing_is_lost() {
    let mut stage = stage(&["web"]).running();
    stage.service("web").tty = true;
    assert_eq!(
        stage.up(),
        "\
#1 create 312d6265772d_app-web-1  (config changed, fields unknown: made by Compose 2.40.3)
#2 stop app-web-1  (replaced)  after #1
#3 start 312d6265772d_app-web-1  (replaced)  after #2
#4 remove app-web-1  (replaced)  after #3
#5 rename 312d6265772d_app-web-1 to app-web-1  (replaced)  after #4
#6 remove 312d6265772d_app-web-1  (if #2 #3 fails)
#7 start app-web-1  (if #2 #3 fails)  after #6
"
    );
}

#[test]
fn force_replaces_what_needs_nothing() {
    let mut stage = stage(&["web"]).running();
    stage.policy.recreate = Recreate::Force;
    assert!(
        stage
            .up()
            .starts_with("#1 create 312d6265772d_app-web-1  (forced)\n")
    );
}

#[test]
fn no_recreate_leaves_what_differs() {
    let mut stage = stage(&["web"]).running();
    stage.service("web").tty = true;
    stage.policy.recreate = Recreate::Never;
    assert_eq!(stage.up(), "");
}

#[test]
fn a_target_is_forced_and_its_dependencies_are_not() {
    let mut stage = stage(&["db", "web"]).with(|s| {
        s.depends("web", "db");
    });
    stage = stage.running();
    stage.policy.recreate = Recreate::Force;
    stage.policy.targets = ["web".into()].into();
    let text = stage.up();
    assert!(
        text.contains("_app-web-1  (forced)") && !text.contains("app-db-1"),
        "{text}"
    );
    stage.policy.recreate_dependencies = Recreate::Force;
    assert!(stage.up().contains("_app-db-1  (forced)"));
}

#[test]
fn create_starts_nothing_and_replaces_all_the_same() {
    let mut stage = stage(&["db", "web"]).with(|s| s.resources());
    stage.container("web", 1, State::Running);
    stage.service("web").tty = true;
    stage.policy.extent = Extent::Create;
    assert_eq!(
        stage.up(),
        "\
#1 create app-db-1  (missing)
#2 create 312d6265772d_app-web-1  (config changed, fields unknown: made by Compose 2.40.3)
#3 stop app-web-1  (replaced)  after #2
#4 remove app-web-1  (replaced)  after #3
#5 rename 312d6265772d_app-web-1 to app-web-1  (replaced)  after #4
"
    );
}

#[test]
fn orphans_stay_unless_they_are_to_go() {
    let mut stage = stage(&["old", "web"]).running();
    let old = stage.project.services.remove("old");
    assert_eq!(stage.up(), "");
    stage.policy.orphans = Orphans::Remove;
    assert_eq!(
        stage.up(),
        "\
#1 stop app-old-1  (orphan)
#2 remove app-old-1  (orphan)  after #1
"
    );
    stage
        .project
        .disabled_services
        .insert("old".into(), old.unwrap());
    assert_eq!(stage.up(), "");
}

#[test]
fn a_paused_container_is_thawed() {
    let mut stage = stage(&["web"]).with(|s| s.resources());
    stage.container("web", 1, State::Paused);
    assert_eq!(stage.up(), "#1 unpause app-web-1  (not running)\n");
}
