//! Completion: the scripts in `completions/` are what dco prints, and candidates come from dco.

use crate::support::Project;

#[test]
fn the_scripts_in_the_repository_are_up_to_date() {
    let project = Project::offline("scripts");
    let files = [
        ("bash", include_str!("../../completions/dco.bash")),
        ("zsh", include_str!("../../completions/_dco")),
        ("fish", include_str!("../../completions/dco.fish")),
        ("powershell", include_str!("../../completions/dco.ps1")),
        ("elvish", include_str!("../../completions/dco.elv")),
    ];
    for (shell, file) in files {
        let printed = project.dco(&["completion", shell]).ok().stdout;
        assert!(
            printed == file,
            "run `dco completion {shell}` into its file in completions/"
        );
    }
    let unknown = project.dco(&["completion", "tcsh"]).exits(1);
    assert!(
        unknown
            .stderr
            .starts_with("error: unknown shell `tcsh`: it is one of "),
        "{}",
        unknown.stderr
    );
}

/// What bash is given for the last word of a command line.
fn candidates(project: &Project, words: &[&str]) -> Vec<String> {
    let line: Vec<&str> = ["--", "dco"].iter().chain(words).copied().collect();
    let mut command = project.command(&line);
    command
        .env("DCO_COMPLETE", "bash")
        .env("_CLAP_IFS", "\n")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9");
    let done = project.finish(command, "").ok();
    assert_eq!(done.stderr, "");
    done.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn verbs_flags_and_values_complete() {
    let project = Project::offline("candidates");
    assert_eq!(candidates(&project, &["vers"]), ["version"]);
    assert_eq!(candidates(&project, &["version", "--sh"]), ["--short"]);
    assert_eq!(candidates(&project, &["--progress", "p"]), ["plain"]);
    assert_eq!(candidates(&project, &["help", "ga"]), ["gates"]);
    project.write(
        "compose.yaml",
        "services: {web: {image: a}, worker: {image: a, profiles: [far]}}",
    );
    assert_eq!(candidates(&project, &["up", "w"]), ["web", "worker"]);
    assert_eq!(candidates(&project, &["--profile", "f"]), ["far"]);
}

#[test]
fn the_docker_cli_gets_candidates_as_from_its_other_plugins() {
    let project = Project::offline("docker-asks").file(
        "stack.yaml",
        "services: {web: {image: a}, worker: {image: a, profiles: [far]}}",
    );
    let asks = |words: &[&str]| project.dco(words).ok().stdout;
    assert_eq!(
        asks(&["__complete", "compose", "-f", "stack.yaml", "exec", ""]),
        "web\nworker\n:4\n"
    );
    assert_eq!(
        asks(&["__complete", "compose", "vers"]),
        "version\tShow the version\n:4\n"
    );
    assert_eq!(
        asks(&["__completeNoDesc", "version", "--sho"]),
        "--short\n:4\n"
    );
    assert_eq!(asks(&["__completeNoDesc", "vers"]), "version\n:4\n");
    assert_eq!(
        asks(&["__complete", "-f", "stack.yaml", "up", "wo"]),
        "worker\n:4\n"
    );
    assert_eq!(asks(&["__complete"]).lines().last(), Some(":4"));
}
