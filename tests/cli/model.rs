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
