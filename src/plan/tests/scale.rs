//! How many containers a service has: which are made, and which go.

use super::stage::stage;
use crate::plan::observed::State;

#[test]
fn scaling_up_fills_gaps_and_scaling_down_takes_the_highest() {
    let mut stage = stage(&["web"]).with(|s| s.resources());
    stage.container("web", 1, State::Running);
    stage.container("web", 3, State::Running);
    stage.service("web").scale = Some(3);
    assert_eq!(
        stage.up(),
        "\
#1 create app-web-2  (missing)
#2 start app-web-2  (missing)  after #1
"
    );
    stage.service("web").scale = Some(1);
    assert_eq!(
        stage.up(),
        "\
#1 stop app-web-3  (scaled down)
#2 remove app-web-3  (scaled down)  after #1
"
    );
    stage.service("web").scale = Some(0);
    assert_eq!(
        stage.up(),
        "\
#1 stop app-web-1  (scaled down)
#2 remove app-web-1  (scaled down)  after #1
#3 stop app-web-3  (scaled down)
#4 remove app-web-3  (scaled down)  after #3
"
    );
}

#[test]
fn scaling_down_takes_what_would_be_replaced_first() {
    let mut stage = stage(&["web"]).with(|s| s.resources());
    stage.container("web", 1, State::Running).labels.clear();
    stage.container("web", 2, State::Running);
    stage.observed.containers[0]
        .labels
        .insert("com.docker.compose.config-hash".into(), "old".into());
    assert_eq!(
        stage.up(),
        "\
#1 stop app-web-1  (scaled down)
#2 remove app-web-1  (scaled down)  after #1
"
    );
}

#[test]
fn two_replicas_cannot_share_a_container_name() {
    let mut stage = stage(&["web"]);
    stage.service("web").container_name = "site".into();
    stage.service("web").scale = Some(2);
    assert_eq!(
        stage.up(),
        "\
error: service `web` has the container name `site` and cannot have 2 replicas
hint: remove `container_name`, or scale it to 1"
    );
}
