//! Networks and volumes: missing, external, changed.

use super::stage::{Stage, stage};
use crate::plan::observed::State;

#[test]
fn a_volume_is_created_once_and_before_who_mounts_it() {
    let mut stage = stage(&["a", "b"]).with(|s| {
        s.mounts("a", "data", "/data");
        s.mounts("b", "data", "/data");
    });
    stage.project.networks.clear();
    assert_eq!(
        stage.up(),
        "\
#1 create volume app_data  (missing)
#2 create app-a-1  (missing)  after #1
#3 create app-b-1  (missing)  after #1
#4 start app-a-1  (missing)  after #2
#5 start app-b-1  (missing)  after #3
"
    );
}

#[test]
fn what_is_external_has_to_be_there() {
    let mut stage = stage(&["web"]);
    stage.project.networks.get_mut("default").unwrap().external = true;
    assert_eq!(
        stage.up(),
        "\
error: network app_default declared as external, but could not be found
hint: create it with `docker network create app_default`, or remove `external: true`"
    );
    stage.resources();
    assert!(stage.up().starts_with("#1 create app-web-1  (missing)\n"));
}

#[test]
fn a_network_that_changed_is_rebuilt_around_who_is_on_it() {
    let mut stage = stage(&["web"]).running();
    stage.project.networks.get_mut("default").unwrap().internal = true;
    assert_eq!(
        stage.up(),
        "\
#1 stop app-web-1  (network default is rebuilt)
#2 disconnect app-web-1 from app_default  (network default is rebuilt)  after #1
#3 remove network app_default  (config changed)  after #2
#4 create network app_default  (config changed)  after #3
#5 connect app-web-1 to default  (network default is rebuilt)  after #2 #4
#6 start app-web-1  (network is rebuilt)  after #2 #5
"
    );
}

fn made_with_another_network(stage: &mut Stage) {
    for container in &mut stage.observed.containers {
        container.network_mode = "app_back".into();
    }
}

#[test]
fn what_was_made_with_a_network_that_has_another_name_now_is_made_anew() {
    let mut stage = stage(&["web"]).running();
    stage.project.networks.get_mut("default").unwrap().name = "app_new".into();
    assert_eq!(
        stage.up(),
        "\
#1 create network app_new  (missing)
#2 create 312d6265772d_app-web-1  (network default has another name)  after #1
#3 stop app-web-1  (replaced)  after #2
#4 start 312d6265772d_app-web-1  (replaced)  after #3
#5 remove app-web-1  (replaced)  after #4
#6 rename 312d6265772d_app-web-1 to app-web-1  (replaced)  after #5
#7 remove 312d6265772d_app-web-1  (if #3 #4 fails)
#8 start app-web-1  (if #3 #4 fails)  after #7
#9 remove network app_default  (network default has another name)  after #5
"
    );
}

#[test]
fn a_network_that_has_another_name_now_is_left_and_removed() {
    let mut stage = stage(&["db", "web"]).running();
    made_with_another_network(&mut stage);
    stage.project.networks.get_mut("default").unwrap().name = "app_new".into();
    stage.service("web").tty = true;
    assert_eq!(
        stage.up(),
        "\
#1 create network app_new  (missing)
#2 create 312d6265772d_app-web-1  (config changed, fields unknown: made by Compose 2.40.3)  after #1
#3 connect app-db-1 to default  (not on network default)  after #1
#4 stop app-web-1  (replaced)  after #2
#5 start 312d6265772d_app-web-1  (replaced)  after #4
#6 remove app-web-1  (replaced)  after #5
#7 rename 312d6265772d_app-web-1 to app-web-1  (replaced)  after #6
#8 remove 312d6265772d_app-web-1  (if #4 #5 fails)
#9 start app-web-1  (if #4 #5 fails)  after #8
#10 disconnect app-db-1 from app_default  (network default has another name)  after #3
#11 remove network app_default  (network default has another name)  after #6 #10
"
    );
}

#[test]
fn a_network_of_another_name_stays_while_somebody_else_is_on_it() {
    let mut stage = stage(&["db", "web"]).running();
    made_with_another_network(&mut stage);
    stage.project.networks.get_mut("default").unwrap().name = "app_new".into();
    stage.project.services.remove("web");
    assert_eq!(
        stage.up(),
        "\
#1 create network app_new  (missing)
#2 connect app-db-1 to default  (not on network default)  after #1
#3 disconnect app-db-1 from app_default  (network default has another name)  after #2
"
    );
}

#[test]
fn a_container_that_lost_its_network_gets_it_back() {
    let mut stage = stage(&["web"]).with(|s| s.resources());
    stage.container("web", 1, State::Exited).networks.clear();
    assert_eq!(
        stage.up(),
        "\
#1 connect app-web-1 to default  (not on network default)
#2 start app-web-1  (not running)  after #1
"
    );
}

#[test]
fn a_volume_that_changed_keeps_its_data_unless_that_is_agreed_to() {
    let mut stage = stage(&["db"]).with(|s| s.mounts("db", "data", "/data"));
    stage = stage.running();
    stage.project.volumes.get_mut("data").unwrap().driver = "other".into();
    assert_eq!(stage.up(), "");
    stage.policy.rebuild_volumes = ["data".to_owned()].into();
    assert_eq!(
        stage.up(),
        "\
#1 stop app-db-1  (volume data is rebuilt)
#2 remove app-db-1  (volume data is rebuilt)  after #1
#3 remove volume app_data  (config changed)  after #2
#4 create volume app_data  (config changed)  after #3
#5 create 312d62642d70_app-db-1  (volume data is rebuilt)  after #4
#6 start 312d62642d70_app-db-1  (replaced)  after #5
#7 rename 312d62642d70_app-db-1 to app-db-1  (replaced)  after #2 #6
"
    );
}
