//! Replacing containers: where that fails the old one runs again, and a network is made anew.

use crate::support::capability::{Capability, needs};
use crate::support::{Project, engine, free_port};

fn file(version: usize) -> String {
    format!(
        "\
services:
  db:
    image: busybox
    init: true
    command: sleep 600
    environment: [VERSION={version}]
    volumes: [/anonymous, named:/named]
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: [db]
    environment: [VERSION={version}]
volumes:
  named:
"
    )
}

/// The names of the containers, each with its state.
fn names(project: &Project) -> Vec<String> {
    let mut names: Vec<String> = project
        .containers()
        .iter()
        .map(|one| {
            format!(
                "{} {}",
                one["Names"][0].as_str().unwrap(),
                one["State"].as_str().unwrap()
            )
        })
        .collect();
    names.sort();
    names
}

#[test]
fn where_the_new_one_cannot_start_the_old_one_runs_again() {
    let project = Project::new("rollback").file("compose.yaml", &file(1));
    project.dco(&["up", "-d", "--no-settle"]).ok();
    let before = project.inspect("web")["Id"].clone();
    let (db, web) = {
        let text = file(1);
        let (db, web) = text.split_once("  web:").unwrap();
        (db.to_owned(), web.to_owned())
    };
    let broken = format!(
        "{db}  web:{}",
        web.replace("    init: true\n", "    entrypoint: [/no/such/program]\n")
    );
    project.write("compose.yaml", &broken);
    let failed = project.dco(&["up", "-d"]).exits(1);
    assert!(
        failed.stderr.contains("/no/such/program"),
        "{}",
        failed.stderr
    );
    let after = project.inspect("web");
    assert_eq!(after["Id"], before);
    assert_eq!(after["State"]["Running"], true);
    assert_eq!(names(&project).len(), 2);
}

#[test]
fn a_network_that_changed_keeps_its_containers_with_their_aliases_and_addresses() {
    let text = |name: &str, driver: &str| {
        format!(
            "\
name: {name}
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    networks:
      back:
        aliases: [site]
        ipv4_address: 10.231.77.9
networks:
  back:
    driver_opts: {{com.docker.network.bridge.enable_icc: \"{driver}\"}}
    ipam:
      config: [{{subnet: 10.231.77.0/24}}]
"
        )
    };
    let project = Project::new("network");
    project.write("compose.yaml", &text(project.name(), "true"));
    project.dco(&["up", "-d", "--no-settle"]).ok();
    let before = project.inspect("web");
    let network = format!("{}_back", project.name());
    // Podman's ids are made of the names.
    let made = || engine::get(&format!("/networks/{network}"))["Created"].clone();
    let made_before = made();
    project.write("compose.yaml", &text(project.name(), "false"));
    project.dco(&["up", "-d", "--no-settle"]).ok();
    let after = project.inspect("web");
    assert_eq!(after["Id"], before["Id"]);
    assert_ne!(made(), made_before);
    let new = &after["NetworkSettings"]["Networks"][&network];
    assert_eq!(new["IPAddress"], "10.231.77.9");
    assert!(
        new["Aliases"].as_array().unwrap().contains(&"site".into()),
        "{new}"
    );
    project.dco(&["plan"]).ok();
}

#[test]
fn a_network_with_another_name_is_joined_and_the_former_left() {
    let project = Project::new("renamed");
    let name = project.name().to_owned();
    let file = |network: &str| {
        format!(
            "services:
  web:
    image: busybox
    init: true
    command: sleep 600
    networks: {{base: {{priority: 1}}, moved: }}
  made: {{image: busybox, init: true, command: sleep 600, networks: [moved]}}
networks:
  base:
  moved: {{name: {name}_{network}}}
"
        )
    };
    project.write("compose.yaml", &file("old"));
    project.dco(&["up", "-d"]).ok();
    let web = project.inspect("web");
    project.write("compose.yaml", &file("new"));
    let up = project.dco(&["up", "-d"]).ok();
    let after = project.inspect("web");
    assert_eq!(web["Id"], after["Id"], "{}", up.stderr);
    for (service, expected) in [("web", &["base", "new"][..]), ("made", &["new"])] {
        let there = project.inspect(service);
        assert_eq!(there["State"]["Running"], true);
        let networks = there["NetworkSettings"]["Networks"].as_object();
        let mut networks: Vec<&String> = networks.expect("its networks").keys().collect();
        networks.sort();
        let expected: Vec<String> = expected.iter().map(|one| format!("{name}_{one}")).collect();
        assert!(networks.into_iter().eq(&expected), "{}", up.stderr);
    }
    let removed = format!(" Network {name}_old  Removed\n");
    // Docker 20.10 now and then forgets an endpoint.
    let in_use = format!(" Network {name}_old  Resource is still in use\n");
    assert!(
        up.stderr.contains(&removed) || up.stderr.contains(&in_use),
        "{}",
        up.stderr
    );
    project.dco(&["plan"]).ok();
    // Docker 28 starts no container again whose first network is gone.
    project.dco(&["restart"]).ok();
}

#[test]
fn what_failed_is_told_with_the_names_that_containers_keep() {
    if !needs(Capability::Endpoints) {
        return;
    }
    let (port, other) = (free_port(), free_port());
    let file = |version: usize, port: u16, check: &str| {
        format!(
            "\
x-common: &common
  image: busybox
  init: true
  stop_grace_period: 0s
  command: sleep 600
  environment: [VERSION={version}]
services:
  holder: {{image: busybox, init: true, stop_grace_period: 0s, command: sleep 600, ports: ['{other}:80']}}
  web: {{<<: *common, ports: ['{port}:80']}}
  db: {{<<: *common, healthcheck: {{test: [CMD, '{check}'], interval: 100ms, retries: 1}}}}
  app: {{<<: *common, depends_on: {{db: {{condition: service_healthy}}}}}}
"
        )
    };
    let project = Project::new("final").file("compose.yaml", &file(1, port, "true"));
    project.dco(&["up", "-d", "--no-settle"]).ok();
    project.write("compose.yaml", &file(2, other, "false"));
    let said = project.dco(&["up", "-d"]).exits(1).stderr;
    let name = project.name();
    for told in [
        format!("because of this, not done: start {name}-app-1\n"),
        format!("endpoint {name}-web-1 "),
    ] {
        assert!(said.contains(&told), "{told:?} in {said}");
    }
    for container in ["web", "db", "app"] {
        assert!(!said.contains(&format!("_{name}-{container}")), "{said}");
    }
}
