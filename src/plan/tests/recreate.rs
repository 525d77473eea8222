//! Replacing containers: shared namespaces, restarts of dependents, and what interruptions leave.

use super::stage::{Stage, stage};
use crate::plan::observed::State;

/// `web` runs, and its file says something else by now.
fn changed() -> Stage {
    let mut stage = stage(&["web"]).running();
    stage.service("web").tty = true;
    stage
}

#[test]
fn interrupted_after_the_creation_it_begins_anew() {
    let mut stage = changed();
    let new = stage.container("web", 1, State::Created);
    new.name = "312d6265772d_app-web-1".into();
    new.id = "ffffffffffff".into();
    new.created = 9;
    assert_eq!(
        stage.up(),
        "\
#1 remove 312d6265772d_app-web-1  (left by an interrupted command)
#2 create 312d6265772d_app-web-1  (config changed, fields unknown: made by Compose 2.40.3)  after #1
#3 stop app-web-1  (replaced)  after #2
#4 start 312d6265772d_app-web-1  (replaced)  after #3
#5 remove app-web-1  (replaced)  after #4
#6 rename 312d6265772d_app-web-1 to app-web-1  (replaced)  after #5
#7 remove 312d6265772d_app-web-1  (if #3 #4 fails)
#8 start app-web-1  (if #3 #4 fails)  after #7
"
    );
}

#[test]
fn interrupted_after_the_start_the_old_one_goes_and_the_new_one_takes_its_name() {
    let mut stage = changed();
    stage.observed.containers[0].state = State::Exited;
    let new = stage.container("web", 1, State::Running);
    new.name = "312d6265772d_app-web-1".into();
    new.id = "ffffffffffff".into();
    assert_eq!(
        stage.up(),
        "\
#1 remove app-web-1  (left by an interrupted command)
#2 rename 312d6265772d_app-web-1 to app-web-1  (left by an interrupted command)  after #1
"
    );
}

#[test]
fn interrupted_after_the_removal_only_the_name_is_missing() {
    let mut stage = changed();
    stage.observed.containers.clear();
    stage.container("web", 1, State::Running).name = "312d6265772d_app-web-1".into();
    assert_eq!(
        stage.up(),
        "#1 rename 312d6265772d_app-web-1 to app-web-1  (left by an interrupted command)\n"
    );
}

#[test]
fn a_new_one_that_was_never_started_and_is_alone_is_started() {
    let mut stage = changed();
    stage.observed.containers.clear();
    stage.container("web", 1, State::Created).name = "312d6265772d_app-web-1".into();
    assert_eq!(
        stage.up(),
        "\
#1 start 312d6265772d_app-web-1  (not running)
#2 rename 312d6265772d_app-web-1 to app-web-1  (left by an interrupted command)
"
    );
}

#[test]
fn leftovers_are_no_replicas() {
    let mut stage = stage(&["web"]).with(|s| s.service("web").scale = Some(2));
    stage = stage.running();
    let new = stage.container("web", 1, State::Created);
    new.name = "312d6265772d_app-web-1".into();
    new.id = "ffffffffffff".into();
    assert_eq!(
        stage.up(),
        "#1 remove 312d6265772d_app-web-1  (left by an interrupted command)\n"
    );
}

#[test]
fn who_links_to_a_replaced_service_starts_when_that_has_its_name() {
    let mut stage = stage(&["db", "web"]).with(|s| {
        s.depends("web", "db");
        s.service("web").links = vec!["db:database".into()];
    });
    stage = stage.running();
    stage.service("db").tty = true;
    stage.service("web").tty = true;
    let text = stage.up();
    let line = |start: &str| text.lines().find(|line| line.contains(start)).unwrap();
    let named = line("to app-db-1").split(' ').next().unwrap();
    let start = line("start 312d6265772d_app-web-1");
    let stop = line("stop app-web-1");
    assert!(stop.split(' ').any(|word| word == named), "{text}");
    assert!(start.split(' ').any(|word| word == named), "{text}");
}

#[test]
fn who_shares_a_network_namespace_is_replaced_with_it() {
    let mut stage = stage(&["proxy", "web"]).with(|s| {
        s.depends("web", "proxy").restart = true;
        let web = s.service("web");
        web.networks.clear();
        web.network_mode = "service:proxy".into();
    });
    stage = stage.running();
    assert_eq!(stage.up(), "");
    stage.service("proxy").tty = true;
    let text = stage.up();
    assert!(
        text.contains("#2 create 312d6265772d_app-web-1  (proxy is replaced)  after #1\n"),
        "{text}"
    );
}

#[test]
fn a_dependent_that_asks_for_it_is_restarted_around_the_replacement() {
    let mut stage = stage(&["db", "web"]).with(|s| {
        s.depends("web", "db").restart = true;
    });
    stage = stage.running();
    stage.service("db").tty = true;
    assert_eq!(
        stage.up(),
        "\
#1 create 312d62642d70_app-db-1  (config changed, fields unknown: made by Compose 2.40.3)
#2 stop app-web-1  (requested)
#3 stop app-db-1  (replaced)  after #1 #2
#4 start 312d62642d70_app-db-1  (replaced)  after #3
#5 remove app-db-1  (replaced)  after #4
#6 rename 312d62642d70_app-db-1 to app-db-1  (replaced)  after #5
#7 remove 312d62642d70_app-db-1  (if #3 #4 fails)
#8 start app-db-1  (if #3 #4 fails)  after #7
#9 start app-web-1  (requested)  after #2 #4
"
    );
}

#[test]
fn a_dependent_that_does_not_ask_for_it_is_left_alone() {
    let mut stage = stage(&["db", "web"]).with(|s| {
        s.depends("web", "db");
    });
    stage = stage.running();
    stage.service("db").tty = true;
    assert!(!stage.up().contains("app-web-1"));
}

#[test]
fn a_dead_container_is_replaced() {
    let mut stage = stage(&["web"]).with(|s| s.resources());
    stage.container("web", 1, State::Dead);
    assert_eq!(
        stage.up(),
        "\
#1 create 312d6265772d_app-web-1  (left by an interrupted command)
#2 start 312d6265772d_app-web-1  (replaced)  after #1
#3 remove app-web-1  (replaced)  after #2
#4 rename 312d6265772d_app-web-1 to app-web-1  (replaced)  after #3
"
    );
}

#[test]
fn another_image_is_a_reason() {
    let mut stage = stage(&["web"]).running();
    stage.observed.images.get_mut("web").unwrap().id = Some("sha256:newer".into());
    assert!(
        stage
            .up()
            .starts_with("#1 create 312d6265772d_app-web-1  (image changed)\n")
    );
}

#[test]
fn a_volume_that_is_not_mounted_is_a_reason() {
    let mut stage = stage(&["web"]).with(|s| s.mounts("web", "data", "/data"));
    stage = stage.running();
    stage.observed.containers[0].mounts.clear();
    assert!(
        stage
            .up()
            .starts_with("#1 create 312d6265772d_app-web-1  (volume data not mounted)\n")
    );
}

#[test]
fn hooks_run_after_the_start_and_before_the_stop() {
    let mut stage = stage(&["web"]).with(|s| {
        s.service("web").post_start.push(Default::default());
        s.service("web").pre_stop.push(Default::default());
    });
    stage = stage.running();
    stage.service("web").tty = true;
    assert_eq!(
        stage.up(),
        "\
#1 create 312d6265772d_app-web-1  (config changed, fields unknown: made by Compose 2.40.3)
#2 run pre_stop hook 1 in app-web-1  (hook)  after #1
#3 stop app-web-1  (replaced)  after #2
#4 start 312d6265772d_app-web-1  (replaced)  after #3
#5 run post_start hook 1 in 312d6265772d_app-web-1  (hook)  after #4
#6 remove app-web-1  (replaced)  after #5
#7 rename 312d6265772d_app-web-1 to app-web-1  (replaced)  after #6
#8 remove 312d6265772d_app-web-1  (if #3 #4 #5 fails)
#9 start app-web-1  (if #3 #4 #5 fails)  after #8
"
    );
}
