//! What `up` warns of before it begins.

use crate::support::Project;

#[test]
fn up_says_what_a_file_hardly_means_unless_it_has_to_be_as_compose() {
    let project = Project::new("warnings").file(
        "compose.yaml",
        "services:
  web:
    image: busybox
    command: [sleep, '60']
    init: true
    environment: [PYTHONBUFFERED=1]
",
    );
    let said = "`PYTHONBUFFERED` of `web` looks like a misspelt `PYTHONUNBUFFERED`";
    let done = project.dco(&["up", "-d"]).ok();
    assert!(done.stderr.contains(said), "{}", done.stderr);
    let strict = project.env("DCO_STRICT", "compose");
    let done = strict.dco(&["up", "-d"]).ok();
    assert!(!done.stderr.contains(said), "{}", done.stderr);
}
