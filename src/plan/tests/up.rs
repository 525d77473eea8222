//! `up` from nothing, and on what is there already.

use super::stage::stage;
use crate::plan::observed::State;

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
