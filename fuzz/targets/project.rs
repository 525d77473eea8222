//! YAML → project: up to three files and an `.env`, all in memory, loaded in every mode and printed.
//!
//! A line `%%% NAME` begins the file `NAME`; what stands before the first is `compose.yaml`.
#![no_main]

use std::collections::BTreeMap;
use std::path::PathBuf;

use dco::compose::{Disk, Options, Request, emit, load, load_tree};
use dco::hash::{self, HashForm};
use dco::project::{Form, Render, json};

/// A path that no disk has, so that nothing outside of the input is looked at.
const FOLDER: &str = "/nowhere/shop";

fn files(text: &str) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let (mut name, mut lines) = ("compose.yaml", String::new());
    for line in text.split_inclusive('\n') {
        let Some(next) = line.strip_prefix("%%% ") else {
            lines.push_str(line);
            continue;
        };
        files.insert(PathBuf::from(FOLDER).join(name), std::mem::take(&mut lines));
        name = next.trim();
    }
    files.insert(PathBuf::from(FOLDER).join(name), lines);
    files
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut request = Request {
        files: vec!["compose.yaml".to_owned()],
        cwd: FOLDER.into(),
        environment: BTreeMap::from([
            ("HOME".to_owned(), "/nowhere/home".to_owned()),
            ("SHELL_VALUE".to_owned(), "a $b ${c}".to_owned()),
        ]),
        disk: Disk::Memory(files(text)),
        ..Request::default()
    };
    match load(&request) {
        Ok(project) => {
            for service in project.services.values() {
                hash::service(service, HashForm::Two);
                hash::service(service, HashForm::Five);
            }
            emit::yaml(&project.render(Form::Yaml));
            json(&project.render(Form::Json));
            for warning in &project.warnings {
                let _ = warning.to_string();
            }
        }
        Err(errors) => {
            assert!(!errors.0.is_empty());
            for error in &errors.0 {
                let _ = error.to_string();
            }
        }
    }
    request.options = Options {
        interpolate: false,
        normalize: false,
        resolve_paths: false,
        consistency: false,
    };
    if let Ok(tree) = load_tree(&request) {
        emit::yaml(&tree.printable(Form::Yaml));
    }
});
