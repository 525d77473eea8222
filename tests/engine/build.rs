//! `dco build`.

use crate::support::capability::{Capability, has, needs};
use crate::support::{Project, engine};

const COMPOSE: &str = "services:
  web:
    build:
      context: .
      args: {FOO: bar}
      labels: {mine: x}
  other:
    build:
      dockerfile_inline: |
        FROM busybox
        RUN exit 3
";

fn project(subject: &str) -> Project {
    Project::new(subject).file("compose.yaml", COMPOSE).file(
        "Dockerfile",
        "FROM busybox\nARG FOO\nRUN echo hello $FOO > /greeting\n",
    )
}

#[test]
fn an_image_is_built_named_and_labelled_as_compose_does() {
    if !needs(Capability::ClassicBuilder) {
        return;
    }
    let project = project("verb");
    let finished = project
        .dco(&["build", "--build-arg", "FOO=you", "web"])
        .ok();
    assert!(
        finished
            .stdout
            .contains("[web 2/2] RUN echo hello you > /greeting\n"),
        "{}",
        finished.stdout
    );
    assert_eq!(finished.stderr, " web  Building\n web  Built\n");
    let image = engine::get(&format!("/images/{}-web/json", project.name()));
    let labels = &image["Config"]["Labels"];
    assert_eq!(labels["com.docker.compose.project"], project.name());
    assert_eq!(labels["com.docker.compose.service"], "web");
    assert_eq!(labels["mine"], "x");
}

#[test]
fn a_failed_build_says_so_once_and_exits_with_1_or_the_classic_builders_code() {
    if !needs(Capability::ClassicBuilder) {
        return;
    }
    let project = project("verb-fails");
    let finished = project.dco(&["build", "other"]).exits(1);
    assert!(
        finished.stderr.starts_with(
            " other  Building\n other Error \n\
             error: service `other` cannot be built: failed to solve: "
        ),
        "{}",
        finished.stderr
    );
    let project = project.env("DOCKER_BUILDKIT", "0");
    let finished = project.dco(&["build", "--quiet", "other"]).exits(3);
    assert_eq!(
        finished.stderr,
        "error: service `other` cannot be built: \
         The command '/bin/sh -c exit 3' returned a non-zero code: 3\n"
    );
    assert_eq!(finished.stdout, "");
}

#[test]
fn a_context_that_is_not_there_is_named() {
    let project = Project::new("verb-context")
        .file("compose.yaml", "services:\n  web:\n    build: ./nowhere\n");
    let finished = project.dco(&["build"]).exits(1);
    let expected = format!(
        "error: unable to prepare context: path `{}` not found",
        project.path("nowhere").display()
    );
    assert!(finished.stderr.contains(&expected), "{}", finished.stderr);
}

const FRESH: &str = "services:
  web:
    build: .
    command: sleep infinity
    init: true
    volumes: ['./:/app']
";

/// The ids of the service's image and container.
fn ids(project: &Project) -> (String, String) {
    let container = project.inspect("web");
    let text = |key: &str| container[key].as_str().unwrap_or_default().to_owned();
    (text("Image"), text("Id"))
}

#[test]
fn up_builds_anew_what_changed_and_names_it_and_nothing_else() {
    if !needs(Capability::ClassicBuilder) {
        return;
    }
    let project = Project::new("fresh")
        .file("compose.yaml", FRESH)
        .file(
            "Dockerfile",
            "FROM busybox\nCOPY deps.txt /deps.txt\nRUN wc -c deps.txt\nCOPY . /app\n",
        )
        .file("deps.txt", "one")
        .file("view.py", "1");
    project.dco(&["up", "-d"]).ok();
    let first = ids(&project);

    project.write("view.py", "saved under the mount");
    project.write("deps.txt", "one");
    project.dco(&["up", "-d"]).ok();
    assert_eq!(ids(&project), first, "nothing that counts changed");

    project.write("deps.txt", "two and more");
    let planned = project.dco(&["up", "-d", "--dry-run"]).ok();
    assert!(planned.stdout.contains("deps.txt"), "{}", planned.stdout);
    assert_eq!(ids(&project), first, "a dry run changes nothing");
    project.dco(&["up", "-d"]).ok();
    let second = ids(&project);
    assert!(second.0 != first.0 && second.1 != first.1, "{second:?}");

    project.write("Dockerfile", "FROM busybox\nRUN exit 4\n");
    let failed = project.dco(&["up", "-d"]).exits(1);
    assert!(failed.stderr.contains("exit code: 4"), "{}", failed.stderr);
    assert_eq!(ids(&project), second, "what runs stays");
}

#[test]
fn freshness_can_be_turned_off() {
    let file = format!("{FRESH}    x-dco: {{fresh: false}}\n");
    let project = Project::new("stale")
        .file("compose.yaml", &file)
        .file("Dockerfile", "FROM busybox\n");
    project.dco(&["up", "-d"]).ok();
    let first = ids(&project);
    project.write("Dockerfile", "FROM busybox\nRUN true\n");
    project.dco(&["up", "-d"]).ok();
    assert_eq!(ids(&project), first);
}

#[test]
fn what_a_builder_said_last_outlives_the_live_tree() {
    let project = Project::new("last-words").file(
        "compose.yaml",
        "services:\n  web:\n    build:\n      dockerfile_inline: |\n        FROM busybox\n        \
         RUN seq 1 40; echo the last of its words; exit 3\n",
    );
    let (code, screen) = project.terminal(&["up", "-d"]).end();
    assert_eq!(code, 1, "{screen}");
    let after = screen.rsplit("cannot be built").next().unwrap_or_default();
    assert!(after.contains("output:"), "{screen}");
    assert!(after.contains("the last of its words"), "{screen}");
    let piped = project.dco(&["up", "-d"]).exits(1);
    assert!(!piped.stderr.contains("output:"), "{}", piped.stderr);
}

#[test]
fn raw_progress_is_buildkits_own_on_standard_output() {
    if !needs(Capability::BuildKit) {
        return;
    }
    let project = project("raw");
    for args in [
        ["--progress", "json", "build", "web"],
        ["build", "--progress", "rawjson", "web"],
    ] {
        let done = project.dco(&args).ok();
        let lines = done.stdout.lines().map(serde_json::from_str);
        let lines: Vec<serde_json::Value> = lines.collect::<Result<_, _>>().expect("JSON");
        let steps = lines.iter().flat_map(|line| line["vertexes"].as_array());
        let names: Vec<&str> = steps
            .flatten()
            .filter_map(|step| step["name"].as_str())
            .collect();
        assert!(
            names.contains(&"[web 2/2] RUN echo hello bar > /greeting"),
            "{names:?}"
        );
        assert!(
            done.stderr.contains(r#""status":"Done","text":"Built""#),
            "{}",
            done.stderr
        );
    }
}

#[test]
fn a_builder_that_knows_no_named_contexts_says_so() {
    if !needs(Capability::BuildKit) {
        return;
    }
    let project = Project::new("contexts")
        .file(
            "compose.yaml",
            "services:\n  web:\n    build: {context: ., additional_contexts: {other: ./other}}\n",
        )
        .file(
            "Dockerfile",
            "FROM busybox\nCOPY --from=other file /\nRUN cat /file\n",
        );
    // Its own: what another run built would be taken from the cache, and say nothing.
    let there = format!("of {}", project.name());
    project.write("other/file", &there);
    let done = project.dco(&["build"]);
    if has(Capability::NamedContexts) {
        let said = done.ok().stdout;
        assert!(said.contains(&format!(" {there}\n")), "{said}");
        return;
    }
    let failed = done.exits(1);
    for said in [
        "unsupported frontend capability moby.buildkit.frontend.contexts",
        "hint: this engine's builder is older than additional contexts",
    ] {
        assert!(failed.stderr.contains(said), "{}", failed.stderr);
    }
}

#[test]
fn the_bake_file_is_printed_and_nothing_built() {
    let project = Project::new("print")
        .file(
            "compose.yaml",
            "services:\n  web: {build: {context: ., args: {A: '1'}}}\n",
        )
        .file("Dockerfile", "FROM busybox\n");
    let done = project.dco(&["build", "--print"]).ok();
    let file: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
    let web = &file["target"]["web"];
    assert_eq!(web["context"], project.dir().display().to_string());
    assert_eq!(web["args"]["A"], "1");
    assert_eq!(web["output"][0], "type=docker");
    assert_eq!(file["group"]["default"]["targets"][0], "web");
    assert!(engine::images(&project.label()).is_empty());
}

#[test]
fn what_only_buildx_does_is_given_to_it_and_without_it_an_error_names_it() {
    let project = Project::new("bake")
        .file("compose.yaml", "services:\n  web: {build: .}\n")
        .file("Dockerfile", "FROM busybox\n")
        // Looked for before any that is installed.
        .file(
            "docker/cli-plugins/docker-buildx",
            "#!/bin/sh\ncat > \"$FILE\"; echo \"$@\"; exit $CODE\n",
        );
    let program = project.path("docker/cli-plugins/docker-buildx");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("a program");
    let at = |name: &str| project.path(name).display().to_string();
    let (config, file) = (at("docker"), at("baked.json"));
    let bake = |code: &str, args: &[&str]| {
        let mut command = project.command(&["--config", &config, "build"]);
        command.args(args).env("FILE", &file).env("CODE", code);
        project.finish(command, "")
    };
    let dir = project.dir().display().to_string();
    for (args, said) in [
        (&["--check"][..], String::new()),
        (
            &["--sbom", "--provenance=mode=max"],
            " --sbom=true --provenance=mode=max".to_owned(),
        ),
        (&["--builder", "far"], " --builder far".to_owned()),
    ] {
        let done = bake("0", args).ok();
        let words = format!("bake --file - --progress plain --allow fs.read={dir}{said}\n");
        assert_eq!(done.stdout, words);
        let baked = std::fs::read_to_string(&file).expect("the bake file");
        let checks = baked.contains("\"call\": \"lint\"");
        assert_eq!(checks, args == ["--check"], "{baked}");
    }
    bake("5", &["--check"]).exits(1);

    std::fs::remove_file(&program).expect("a program");
    let installed = ["lib", "libexec"].iter().any(|lib| {
        let at = format!("/{lib}/docker/cli-plugins/docker-buildx");
        ["/usr", "/usr/local"]
            .iter()
            .any(|usr| std::path::Path::new(&format!("{usr}{at}")).exists())
    });
    if !installed {
        let done = bake("0", &["--check"]).exits(1);
        assert_eq!(
            done.stderr,
            "error: `build --check` needs docker buildx, which is not installed\n\
             hint: install `docker-buildx` (Debian) or `docker-buildx-plugin` (Docker's packages)\n"
        );
    }
}
