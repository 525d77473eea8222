//! What the loader makes of files, where a phase of it once went another way than Docker Compose.

use crate::support::Project;

#[test]
fn labels_of_files_are_as_if_they_were_written_in_the_service() {
    let project = Project::offline("labels")
        .file("web.labels", "a=1\nown=file\n")
        .file(
            "files.yaml",
            "name: shop\nservices:\n  web:\n    image: x\n    label_file: web.labels\n    labels: {own: me}\n",
        )
        .file(
            "inline.yaml",
            "name: shop\nservices:\n  web:\n    image: x\n    labels: {a: '1', own: me}\n",
        );
    for args in [
        &["config"][..],
        &["config", "--no-env-resolution"],
        &["config", "--hash", "*"],
    ] {
        let said = |file: &str| {
            let args = [&["-f", file], args].concat();
            project.dco(&args).ok().stdout
        };
        assert_eq!(said("files.yaml"), said("inline.yaml"), "{args:?}");
    }
}

#[test]
fn paths_of_included_files_are_resolved_even_where_others_are_not() {
    let project = Project::offline("paths")
        .file("compose.yaml", "include: [inner/compose.yaml]\n")
        .file(
            "inner/compose.yaml",
            "services:\n  web:\n    build: ./app\n    env_file: web.env\n",
        )
        .file("inner/web.env", "A=1\n");
    let said = project.dco(&["config", "--no-path-resolution"]).ok().stdout;
    assert!(said.contains("context: inner/app\n"), "{said}");
    assert!(said.contains("A: \"1\"\n"), "{said}");
}

#[test]
fn drives_of_windows_become_folders_where_that_is_asked_for() {
    let project = Project::offline("drives").file(
        "compose.yaml",
        "services: {web: {image: x, volumes: ['C:\\src\\a:/a', './b:/b', 'name:/c']}}\nvolumes: {name: }\n",
    );
    let said = project.dco(&["config"]).ok().stdout;
    assert!(said.contains("source: C:\\src\\a\n"), "{said}");
    let project = project.env("COMPOSE_CONVERT_WINDOWS_PATHS", "1");
    let said = project.dco(&["config"]).ok().stdout;
    assert!(said.contains("source: /c/src/a\n"), "{said}");
    assert!(said.contains("source: name\n"), "{said}");
}

#[test]
fn an_empty_list_is_printed_as_docker_compose_does_that_has_not_interpolated_it() {
    let project = Project::offline("empty").file(
        "compose.yaml",
        "services: {a: {image: x, dns: [], cap_add: [], security_opt: [], build: {context: ., tags: [], cache_from: []}}}\n",
    );
    let done = project.dco(&["config", "--no-interpolate", "--format", "json"]);
    let said: serde_json::Value = serde_json::from_str(&done.ok().stdout).unwrap();
    let service = &said["services"]["a"];
    for held_once in [
        &service["dns"],
        &service["cap_add"],
        &service["build"]["tags"],
    ] {
        assert_eq!(held_once, &serde_json::json!([]), "{said}");
    }
    for other in [&service["security_opt"], &service["build"]["cache_from"]] {
        assert!(other.is_null(), "{said}");
    }
}

#[test]
fn a_block_that_ends_with_its_file_has_the_line_breaks_that_the_file_has() {
    let head = "services:\n  web:\n    image: x\n    environment:\n      A:";
    for (tail, wanted) in [
        (
            "|\n        one\n        two",
            "A: |-\n        one\n        two\n",
        ),
        ("|+\n        one", "A: one\n"),
        (">\n        one\n        two", "A: one two\n"),
        ("|\n        one\n", "A: |\n        one\n"),
        ("|\n        one\n        ", "A: |\n        one\n"),
        ("|\n        one\n    # no line of it", "A: |\n        one\n"),
    ] {
        let project = Project::offline("end").file("compose.yaml", &format!("{head} {tail}"));
        let said = project.dco(&["config"]).ok().stdout;
        assert!(said.contains(wanted), "{tail:?}: {said}");
    }
}
