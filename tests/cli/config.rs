//! What `config` prints of files that use everything: the whole of it.
//!
//! A case is a folder of `tests/fixtures/config`: the files, `args` (one per line), and
//! `expected.yaml`, which is what Docker Compose 2.40 prints of them as well. `BLESS=1` writes what
//! dco prints now; read it, and compare it with `docker compose config`, before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Project;

fn copy(from: &Path, below: &str, project: &Project) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let below = format!("{below}{name}");
        match path.is_dir() {
            true => copy(&path, &format!("{below}/"), project),
            false if ["args", "expected.yaml"].contains(&name) => {}
            false => project.write(&below, &fs::read_to_string(&path).unwrap()),
        }
    }
}

/// What dco prints of a copy of the case's files, with names for the folders that it lies in.
fn prints(case: &Path) -> String {
    let project = Project::offline("config")
        .env("FOO", "foo1")
        .env("BAR", "")
        .env("SH_A", "shell-a")
        .env("COMPOSE_PROJECT_NAME", "shop");
    copy(case, "", &project);
    let args = fs::read_to_string(case.join("args")).unwrap_or_default();
    let args: Vec<&str> = args.lines().chain(["config"]).collect();
    let printed = project.dco(&args).ok().stdout;
    let dir = project.dir();
    let outer = dir.parent().unwrap().display().to_string();
    printed
        .replace(&dir.display().to_string(), "/project")
        .replace(&outer, "/outer")
}

#[test]
fn everything_is_printed_in_full() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config");
    let entries = fs::read_dir(&folder).unwrap();
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 30);
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = String::new();
    for case in &cases {
        let printed = prints(case);
        let kept = case.join("expected.yaml");
        if bless {
            fs::write(&kept, &printed).unwrap();
        }
        let expected = fs::read_to_string(&kept).unwrap_or_default();
        if printed != expected {
            let name = case.file_name().unwrap().display();
            wrong += &format!("== {name} prints\n{printed}== instead of\n{expected}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
