//! What runs before a service's containers, on a real engine: `pre_start` hooks.

use crate::support::Project;

fn hooked(subject: &str, first: &str) -> Project {
    Project::new(subject).file(
        "compose.yaml",
        &format!(
            "\
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    environment: {{FROM: service}}
    volumes: [data:/data]
    pre_start:
      - command: [sh, -c, '{first}']
      - command: [sh, -c, 'cat /data/seen; echo twice; echo twice']
volumes:
  data:
"
        ),
    )
}

#[test]
fn pre_start_hooks_run_in_order_with_the_services_volumes_and_say_so() {
    let project = hooked("prestart", "echo $$FROM > /data/seen");
    let up = project.dco(&["up", "-d"]).ok();
    let said: Vec<&str> = up.stderr.lines().filter(|it| it.contains("->")).collect();
    let expected = [
        "web pre_start[1] -> service",
        "web pre_start[1] -> twice",
        "web pre_start[1] -> twice",
    ];
    assert_eq!(said, expected, "{}", up.stderr);
    // The hooks' containers are gone; a service that runs has none run for it.
    assert_eq!(project.containers().len(), 1);
    let again = project.dco(&["up", "-d"]).ok();
    assert!(!again.stderr.contains("->"), "{}", again.stderr);
}

#[test]
fn a_pre_start_hook_that_fails_keeps_its_service_from_starting() {
    let project = hooked("prestartfails", "echo no way; exit 3");
    let up = project.dco(&["up", "-d"]).exits(1);
    assert!(
        up.stderr.contains("web pre_start[0] -> no way\n"),
        "{}",
        up.stderr
    );
    let said = "error: web pre_start[0] exited with status 3\n --> compose.yaml:9:9\n";
    assert!(up.stderr.contains(said), "{}", up.stderr);
    assert!(!up.stderr.contains("twice"), "{}", up.stderr);
    assert_eq!(project.inspect("web")["State"]["Status"], "created");
}
