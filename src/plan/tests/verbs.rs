//! `down`, `stop`, `start`, `restart`, `rm` and signals.

use std::collections::BTreeSet;
use std::time::Duration;

use super::stage::{Stage, stage};
use crate::plan::observed::State;
use crate::plan::{
    DownImages, DownPolicy, DownVolumes, Orphans, RemovePolicy, RestartPolicy, Running, Signal,
    down, remove, restart, signal, start, stop,
};

/// `web` depends on `db`, which keeps its data in a volume; both run.
fn two() -> Stage {
    let stage = stage(&["db", "web"]).with(|s| {
        s.depends("web", "db");
        s.mounts("db", "data", "/data");
    });
    stage.running()
}

#[test]
fn down_stops_who_depends_first_and_networks_go_last() {
    let stage = two();
    let plan = stage.world(|world| down(world, &DownPolicy::default()));
    assert_eq!(
        plan.to_string(),
        "\
#1 stop app-web-1  (requested)
#2 remove app-web-1  (requested)  after #1
#3 stop app-db-1  (requested)  after #1
#4 remove app-db-1  (requested)  after #3
#5 remove network app_default  (requested)  after #2 #4
"
    );
}

#[test]
fn down_with_volumes_takes_the_named_ones_too() {
    let stage = two();
    let policy = DownPolicy {
        volumes: DownVolumes::Remove,
        ..DownPolicy::default()
    };
    let plan = stage.world(|world| down(world, &policy));
    let text = plan.to_string();
    assert!(
        text.ends_with("#6 remove volume app_data  (requested)  after #4\n"),
        "{text}"
    );
}

#[test]
fn down_takes_the_images_that_are_asked_for() {
    let stage = two();
    let images = |images, orphans| {
        let policy = DownPolicy {
            images,
            orphans,
            built: [
                ("localhost/app-db:latest", "db"),
                ("own/web", "web"),
                ("app-gone:1", "gone"),
            ]
            .map(|(image, service)| (image.to_owned(), service.into()))
            .into(),
            ..DownPolicy::default()
        };
        let text = stage.world(|world| down(world, &policy)).to_string();
        let images = text.lines().filter_map(|line| line.split_once(" image "));
        let images: Vec<String> = images.map(|(_, image)| image.to_owned()).collect();
        images
    };
    assert!(images(DownImages::Keep, Orphans::Remove).is_empty());
    assert_eq!(
        images(DownImages::Local, Orphans::Keep),
        [
            "app-db:latest  (requested)  after #4",
            "own/web:latest  (requested)  after #2"
        ]
    );
    assert_eq!(
        images(DownImages::All, Orphans::Remove),
        [
            "app-db:latest  (requested)  after #4",
            "app-gone:1  (requested)",
            "db:latest  (requested)  after #4",
            "own/web:latest  (requested)  after #2",
            "web:latest  (requested)  after #2"
        ]
    );
}

#[test]
fn down_of_one_service_takes_along_what_depends_on_it() {
    let stage = two();
    let policy = DownPolicy {
        services: ["db".into()].into(),
        ..DownPolicy::default()
    };
    let text = stage.world(|world| down(world, &policy)).to_string();
    assert!(text.contains("stop app-web-1"), "{text}");
}

#[test]
fn stop_goes_against_the_order_of_starts() {
    let stage = two();
    let all = BTreeSet::new();
    let plan = stage.world(|world| stop(world, &all, Some(Duration::from_secs(3))));
    assert_eq!(
        plan.to_string(),
        "\
#1 stop app-web-1  (requested)
#2 stop app-db-1  (requested)  after #1
"
    );
}

#[test]
fn start_gates_what_it_starts() {
    let mut stage = stage(&["db", "web"]).with(|s| s.mentions("web", "db", 5432));
    stage.resources();
    stage.container("db", 1, State::Exited);
    stage.container("web", 1, State::Exited);
    let plan = stage
        .world(|world| start(world, &BTreeSet::new(), None))
        .unwrap();
    assert_eq!(
        plan.to_string(),
        "\
#1 start app-db-1  (not running)
#2 await db port 5432  (DB_HOST)  after #1
#3 start app-web-1  (not running)  after #2
"
    );
}

#[test]
fn start_needs_a_container() {
    let stage = stage(&["web"]);
    let error = stage
        .world(|world| start(world, &BTreeSet::new(), None))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "\
error: service \"web\" has no container to start
hint: `dco up -d web` creates it"
    );
}

#[test]
fn restart_takes_along_who_asks_for_it() {
    let mut stage = two();
    stage.depends("web", "db").restart = true;
    let policy = RestartPolicy {
        services: ["db".into()].into(),
        ..RestartPolicy::default()
    };
    let plan = stage.world(|world| restart(world, &policy));
    assert_eq!(
        plan.to_string(),
        "\
#1 restart app-db-1  (requested)
#2 restart app-web-1  (requested)  after #1
"
    );
}

#[test]
fn rm_leaves_what_runs_unless_it_is_to_be_stopped() {
    let stage = two();
    let mut policy = RemovePolicy::default();
    assert!(stage.world(|world| remove(world, &policy)).is_empty());
    policy.running = Running::Stop;
    let plan = stage.world(|world| remove(world, &policy));
    assert_eq!(plan.removed_containers(), ["app-web-1", "app-db-1"]);
}

#[test]
fn signals_reach_only_who_can_hear_them() {
    let mut stage = two();
    stage.observed.containers[0].state = State::Paused;
    let of = |sign: Signal| {
        stage
            .world(|world| signal(world, &BTreeSet::new(), &sign))
            .to_string()
    };
    // The engine is left to refuse what is frozen already.
    assert_eq!(
        of(Signal::Pause),
        "#1 pause app-db-1  (requested)\n#2 pause app-web-1  (requested)\n"
    );
    assert_eq!(of(Signal::Unpause), "#1 unpause app-db-1  (requested)\n");
    assert_eq!(
        of(Signal::Kill("SIGHUP".into())),
        "#1 send SIGHUP to app-db-1  (requested)\n#2 send SIGHUP to app-web-1  (requested)\n"
    );
}

#[test]
fn a_one_off_is_made_when_its_dependencies_run_and_leaves_the_services_containers_alone() {
    let mut stage = two();
    stage.policy.one_off = Some(("web".into(), "app-web-run-0123456789ab".into()));
    assert_eq!(
        stage.up(),
        "#1 create app-web-run-0123456789ab  (requested)\n"
    );
    let mut stage = stage_of_nothing();
    stage.policy.one_off = Some(("web".into(), "app-web-run-0123456789ab".into()));
    assert_eq!(
        stage.up(),
        "\
#1 create network app_default  (missing)
#2 create app-db-1  (missing)  after #1
#3 start app-db-1  (missing)  after #2
#4 create app-web-run-0123456789ab  (requested)  after #1 #3
"
    );
}

fn stage_of_nothing() -> Stage {
    stage(&["db", "web"]).with(|s| {
        s.depends("web", "db");
    })
}
