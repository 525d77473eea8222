//! Compose files of git repositories: what they come to is what Docker Compose 2.40 prints, byte by
//! byte (`DCO_BIN` runs these tests with it); and what happens where it leaves something half done.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::git::Repository;
use crate::support::{PATIENCE, Project, until};

const APP: &str = "https://git.example/team/app.git";

const WEB: &str = "\
services:
  web:
    image: busybox
    env_file: web.env
    environment: {FROM: '${FROM:-nobody}'}
    volumes: ['./data:/data']
";
const INNER: &str = "\
include: [more/compose.yaml]
services:
  inner:
    image: busybox
    environment: {FROM: '${FROM:-nobody}'}
    volumes: ['./x:/x']
";
const MORE: &str = "services: {more: {image: busybox, volumes: ['./z:/z']}}\n";
const BASE: &str = "\
services:
  base:
    extends: {file: sub/root.yaml, service: root}
    build: ./ctx
    volumes: ['./y:/y']
  next: {extends: {service: base}}
";
const ROOT: &str = "services: {root: {image: busybox}}\n";

fn repository() -> Repository {
    let repository = Repository::new()
        .file("compose.yaml", WEB)
        .file("web.env", "A=1\n")
        .file(".env", "FROM=root\n")
        .file("sub/docker-compose.yml", INNER)
        .file("sub/.env", "FROM=sub\n")
        .file("sub/more/compose.yaml", MORE)
        .file("sub/base.yaml", BASE)
        .file("sub/root.yaml", ROOT);
    repository.commit();
    repository.git(&["tag", "v1"]);
    repository
}

/// A project that reaches the repository, with a compose file of its own.
fn project(repository: &Repository, file: &str) -> Project {
    let project = Project::offline("remote").file("compose.yaml", file);
    repository.reached_by(project)
}

/// What `config` prints, with the places of the project and of the checkout by other names.
#[track_caller]
fn config(repository: &Repository, project: &Project, args: &[&str]) -> String {
    let mut all = args.to_vec();
    all.push("config");
    let done = project.dco(&all).ok();
    assert_eq!(done.stderr, "");
    told(repository, project, &done.stdout)
}

fn told(repository: &Repository, project: &Project, text: &str) -> String {
    let head = repository.git(&["rev-parse", "v1"]);
    let cache = project.path("cache/docker-compose");
    text.replace(&format!("{}/{head}", cache.display()), "CHECKOUT")
        .replace(&project.dir().display().to_string(), "PROJECT")
        .replace(project.name(), "NAME")
}

/// What dco says where it refuses.
#[track_caller]
fn refusal(repository: &Repository, file: &str, args: &[&str]) -> String {
    let project = project(repository, file);
    let mut all = args.to_vec();
    all.extend(["config", "-q"]);
    let done = project.dco(&all).exits(1);
    assert_eq!(done.stdout, "");
    told(repository, &project, &done.stderr)
}

/// A service with one bind mount, as `config` prints it.
fn service(name: &str, variables: &str, source: &str, target: &str) -> String {
    format!(
        "  {name}:\n{variables}    image: busybox\n    networks:\n      default: null\n    \
         volumes:\n      - type: bind\n        source: {source}\n        target: {target}\n        \
         bind:\n          create_host_path: true\n"
    )
}

fn whole(services: &str) -> String {
    format!("name: NAME\nservices:\n{services}networks:\n  default:\n    name: NAME_default\n")
}

#[test]
fn a_file_of_a_repository_is_the_project_whose_folder_is_the_checkout() {
    let repository = repository();
    let project = project(&repository, "");
    let web = "    environment:\n      A: \"1\"\n      FROM: nobody\n";
    let web = whole(&service("web", web, "CHECKOUT/data", "/data"));
    assert_eq!(config(&repository, &project, &["-f", APP]), web);
    let variable = project.env("COMPOSE_FILE", APP);
    if std::env::var_os("DCO_BIN").is_none() {
        assert_eq!(config(&repository, &variable, &[]), web);
    }
}

#[test]
fn variables_and_the_name_come_from_here_and_paths_from_there() {
    let repository = repository();
    let project = project(
        &repository,
        "services: {own: {image: busybox, volumes: ['./q:/q']}}\n",
    )
    .file(".env", "FROM=here\n")
    .file("other/.env", "FROM=other\n");
    let address = format!("{APP}#v1:sub");
    let from = |who: &str| format!("    environment:\n      FROM: {who}\n");
    let services = |who: &str, own: &str| {
        service("inner", &from(who), "CHECKOUT/sub/x", "/x")
            + &service("more", "", "CHECKOUT/sub/more/z", "/z")
            + own
    };
    let own = service("own", "", "CHECKOUT/sub/q", "/q");
    for files in [
        ["-f", &address, "-f", "compose.yaml"],
        ["-f", "compose.yaml", "-f", &address],
    ] {
        let printed = config(&repository, &project, &files);
        assert_eq!(printed, whole(&services("here", &own)), "{files:?}");
    }
    let elsewhere = config(
        &repository,
        &project,
        &["-f", &address, "--project-directory", "other"],
    );
    let expected = whole(&services("other", "")).replace("NAME", "other");
    assert_eq!(elsewhere, expected);
}

#[test]
fn every_form_of_an_address_leads_there() {
    let repository = repository();
    let commit = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["tag", "--annotate", "--message", "x", "noted"]);
    let project = project(&repository, "");
    let forms = [
        format!("{APP}#:sub"),
        format!("{APP}#main:sub/docker-compose.yml"),
        format!("{APP}#refs/tags/v1:./sub/"),
        format!("{APP}#noted:sub"),
        format!("{APP}#{commit}:sub"),
        format!("{APP}?subdir=sub"),
        format!("{APP}?branch=main&subdir=sub"),
        format!("{APP}?tag=v1&subdir=sub"),
        format!("{APP}?ref=v1#:sub"),
        format!("{APP}?commit={commit}&subdir=sub"),
        "git@git.example:team/app.git#v1:sub".to_owned(),
        "ssh://git@git.example/team/app.git#v1:sub".to_owned(),
        "git://git.example/team/app.git#v1:sub".to_owned(),
    ];
    for form in &forms {
        let done = project.dco(&["-f", form, "config", "--services"]).ok();
        let mut services: Vec<&str> = done.stdout.lines().collect();
        services.sort_unstable();
        assert_eq!(services, ["inner", "more"], "{form}");
    }
    let daemon = repository.serve();
    let address = format!("{}#v1:sub", daemon.address());
    let printed = config(&repository, &project, &["-f", &address]);
    assert!(printed.contains("source: CHECKOUT/sub/x\n"), "{printed}");
}

#[test]
fn an_address_without_a_scheme_is_one_of_github() {
    let repository = repository();
    let project = project(&repository, "");
    let address = "github.com/team/app.git#v1:sub/root.yaml";
    let done = project.dco(&["-f", address, "config", "--services"]).ok();
    assert_eq!(done.stdout, "root\n");
}

#[test]
fn a_repository_may_have_longer_names_for_its_commits() {
    let repository = Repository::hashed_by("sha256").file("compose.yaml", ROOT);
    let commit = repository.commit();
    assert_eq!(commit.len(), 64);
    let project = project(&repository, "");
    for address in [APP.to_owned(), format!("{APP}#{commit}")] {
        let done = project.dco(&["-f", &address, "config", "--services"]);
        assert_eq!(done.ok().stdout, "root\n");
    }
}

#[test]
fn a_branch_means_itself_and_not_another_that_ends_like_it() {
    let repository = repository();
    repository.git(&["checkout", "--quiet", "-b", "a/main"]);
    let repository = repository.file("compose.yaml", ROOT);
    repository.commit();
    let project = project(&repository, "");
    for (reference, service) in [("main", "web\n"), ("a/main", "root\n")] {
        let address = format!("{APP}#{reference}");
        let done = project.dco(&["-f", &address, "config", "--services"]).ok();
        assert_eq!(done.stdout, service);
    }
}

#[test]
fn an_included_file_has_its_paths_there_and_its_variables_from_both() {
    let repository = repository();
    let more = service("more", "", "CHECKOUT/sub/more/z", "/z");
    let inner = |from: &str, source: &str| {
        let variables = format!("    environment:\n      FROM: {from}\n");
        service("inner", &variables, source, "/x")
    };
    let of = |include: &str| {
        let project = project(&repository, &format!("include: [{include}]\n"))
            .file("here.env", "FROM=here\n")
            .file(
                "over.yaml",
                "services: {inner: {image: alpine, volumes: ['./o:/o']}}\n",
            );
        config(&repository, &project, &[])
    };
    let there = whole(&(inner("sub", "CHECKOUT/sub/x") + &more));
    assert_eq!(of(&format!("'{APP}#v1:sub'")), there);
    assert_eq!(
        of(&format!("{{path: '{APP}#v1:sub', env_file: here.env}}")),
        there.replace("FROM: sub", "FROM: here")
    );
    let include = format!("{{path: '{APP}#v1:sub/root.yaml', project_directory: dir}}");
    let root = "  root:\n    image: busybox\n    networks:\n      default: null\n";
    assert_eq!(of(&include), whole(root));
    let with_override = of(&format!("{{path: ['{APP}#v1:sub', ./over.yaml]}}"));
    let over = inner("sub", "CHECKOUT/sub/x").replace("busybox", "alpine")
        + "      - type: bind\n        source: CHECKOUT/sub/o\n        target: /o\n        \
           bind:\n          create_host_path: true\n";
    assert_eq!(with_override, whole(&(over + &more)));
}

#[test]
fn a_project_directory_of_an_include_lies_here() {
    let repository = repository();
    for (dir, place) in [("dir", "PROJECT/dir"), ("/srv", "/srv")] {
        let file = format!("include: [{{path: '{APP}#v1:sub/more', project_directory: {dir}}}]\n");
        let project = project(&repository, &file);
        let expected = whole(&service("more", "", &format!("{place}/z"), "/z"));
        assert_eq!(config(&repository, &project, &[]), expected);
    }
}

#[test]
fn an_extended_service_has_its_paths_from_the_root_of_the_repository() {
    let repository = repository();
    let file = format!(
        "services: {{own: {{extends: {{file: '{APP}#v1:sub/base.yaml', service: next}}}}}}\n"
    );
    let project = project(&repository, &file);
    let expected =
        "  own:\n    build:\n      context: CHECKOUT/ctx\n      dockerfile: Dockerfile\n";
    let rest = service("own", "", "CHECKOUT/y", "/y").replacen("  own:\n", "", 1);
    assert_eq!(
        config(&repository, &project, &[]),
        whole(&format!("{expected}{rest}"))
    );
}

#[test]
fn what_cannot_be_fetched_is_told_with_its_place_and_its_mend() {
    let repository = repository();
    std::os::unix::fs::symlink("/etc", repository.folder().join("out")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", repository.folder().join("out.yaml")).unwrap();
    repository.commit();
    let include = |address: &str| {
        let said = refusal(&repository, &format!("include:\n  - {address}\n"), &[]);
        let (error, hint) = (said.lines().next(), said.lines().last());
        assert!(said.contains("\n --> compose.yaml:2:5\n"), "{said}");
        format!(
            "{}\n{}",
            error.unwrap_or_default(),
            hint.unwrap_or_default()
        )
    };
    for (address, said) in [
        (
            "https://git.example/team/app.git#nope",
            "error: repository does not contain ref `nope`: `https://git.example/team/app.git#nope`\n\
             hint: `git ls-remote https://git.example/team/app.git` lists those that it has",
        ),
        (
            "https://git.example/team/app.git#v1:nosuch",
            "error: there is no `nosuch` in `https://git.example/team/app.git`\n\
             hint: beside it there are: `.env`, `compose.yaml`, `sub`, `web.env`",
        ),
        (
            "https://me:hunter22@git.example/team/app.git#v1:nosuch",
            "error: failed to access repository at `https://me:********@git.example/team/app.git`: ",
        ),
        (
            "https://git.example/team/app.git#main:out",
            "error: there is no compose file in `out` of `https://git.example/team/app.git`\n\
             hint: looked for `compose.yaml`, `compose.yml`, `docker-compose.yml`, \
             `docker-compose.yaml`; another name is named itself: `#REF:DIR/FILE`",
        ),
        (
            "https://git.example/team/app.git#main:out.yaml",
            "error: `out.yaml` leads out of `https://git.example/team/app.git`\n\
             hint: it is a symbolic link: name a file itself",
        ),
        (
            "https://git.example/team/app.git?ref=main&commit=c0ffee",
            "error: `https://git.example/team/app.git#main` is commit ",
        ),
    ] {
        let told = include(address);
        assert!(told.starts_with(said), "{told}");
    }
}

#[test]
fn a_commit_that_is_here_needs_no_git_and_another_says_what_is_missing() {
    let repository = repository();
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let project = project(&repository, "");
    let pinned = format!("{APP}#{commit}:sub/root.yaml");
    let services = ["-f", &pinned, "config", "--services"];
    project.dco(&services).ok();
    let project = project.env("PATH", "/nowhere");
    assert_eq!(project.dco(&services).ok().stdout, "root\n");
    let done = project
        .dco(&["-f", &format!("{APP}#v1"), "config"])
        .exits(1);
    assert_eq!(
        done.stderr,
        "error: `git` is not installed; it fetches `https://git.example/team/app.git#v1`\n\
         hint: install it, or name a local copy\n"
    );
}

#[test]
fn what_a_cut_fetch_has_left_is_not_taken_for_the_whole() {
    let repository = repository();
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let project = project(&repository, "");
    let checkout = project.path("cache/docker-compose").join(&commit);
    // As far as Docker Compose gets before it checks out.
    fs::create_dir_all(checkout.join(".git")).unwrap();
    fs::write(checkout.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    let done = project.dco(&["-f", APP, "config", "--services"]).ok();
    assert_eq!(done.stdout, "web\n");
    let kept: Vec<_> = fs::read_dir(project.path("cache/docker-compose"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(kept, [commit]);
}

#[test]
fn runs_at_the_same_time_do_not_harm_each_other() {
    let repository = repository();
    let project = project(
        &repository,
        &format!("include: ['{APP}#v1:sub', '{APP}#main']\n"),
    );
    let runs: Vec<_> = (0..6)
        .map(|_| {
            let mut command = project.command(&["config", "--services"]);
            let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for run in runs {
        let done = run.wait_with_output().unwrap();
        assert!(done.status.success(), "{done:?}");
        let mut services: Vec<_> = done.stdout.split(|byte| *byte == b'\n').collect();
        services.sort_unstable();
        assert_eq!(services, [&b""[..], b"inner", b"more", b"web"]);
    }
    let kept = fs::read_dir(project.path("cache/docker-compose")).unwrap();
    assert_eq!(kept.count(), 1);
}

#[test]
fn the_repository_of_a_hook_that_runs_it_is_left_alone() {
    let repository = repository();
    let own = Repository::new();
    let commit = own.commit();
    let git = own.folder().join(".git").display().to_string();
    let project = project(&repository, "")
        .env("GIT_DIR", &git)
        .env("GIT_INDEX_FILE", &format!("{git}/index"));
    project.dco(&["-f", APP, "config", "--services"]).ok();
    assert_eq!(own.git(&["rev-parse", "HEAD"]), commit);
    assert_eq!(own.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_host_that_says_nothing_can_be_left() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let address = format!("git://{}/app.git", silent.local_addr().unwrap());
    let repository = Repository::new();
    let project = project(&repository, "");
    // One that would wind down has begun nothing yet: the signal itself ends it.
    for (verb, code, by) in [("config", Some(130), None), ("up", None, Some(2))] {
        let mut command = project.command(&["-f", &address, verb]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let _connection = until(PATIENCE, "a connection", || silent.accept().ok());
        let pid = rustix::process::Pid::from_child(&child);
        let begun = Instant::now();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let status = until(PATIENCE, "its end", || child.try_wait().unwrap());
        assert_eq!((status.code(), status.signal()), (code, by), "{verb}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
