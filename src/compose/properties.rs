//! What holds for every file: merging is associative, a text without `$` stays as it is, and what
//! `config` prints reads back as the same project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::context::Context;
use super::node::Node;
use super::{Disk, Request, emit, interpolate, load, load_tree, merge, parse, resolve_files};
use crate::project::{Form, Project, Render, json};

const FOLDER: &str = "/nowhere/shop";

/// A request for texts, the first of which is the compose file.
fn request(files: &[(&str, &str)]) -> Request {
    let path = |name: &str| PathBuf::from(FOLDER).join(name);
    let texts = files
        .iter()
        .map(|(name, text)| (path(name), (*text).to_owned()));
    Request {
        files: vec![files[0].0.to_owned()],
        cwd: FOLDER.into(),
        environment: BTreeMap::from([("SET".to_owned(), "a $b ${c} \"d\"".to_owned())]),
        disk: Disk::Memory(texts.collect()),
        ..Request::default()
    }
}

/// What `config` prints.
fn printed(project: &Project, form: Form) -> String {
    let tree = project.render(form);
    let text = match form {
        Form::Yaml => emit::yaml(&tree),
        Form::Json => json(&tree),
    };
    text.replace('$', "$$")
}

/// Reads what was printed as a file in the same folder.
fn again(text: &str, project: &Project) -> Project {
    let file = project.working_dir.join("again.yaml");
    let request = Request {
        files: vec!["again.yaml".to_owned()],
        profiles: project.profiles.clone(),
        cwd: project.working_dir.clone(),
        disk: Disk::Memory(BTreeMap::from([(file, text.to_owned())])),
        ..Request::default()
    };
    load(&request).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn assert_reads_back(project: &Project, form: Form) {
    let once = printed(project, form);
    let twice = printed(&again(&once, project), form);
    assert!(once == twice, "{form:?}\n{once}\nis read as\n{twice}");
}

/// One of the values that an attribute can have, as YAML in one line.
fn value(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(of).prop_map(str::to_owned)
}

/// Attributes with values in every form that they have; those of one service agree with each other,
/// and loggings have one driver, as options of two do not merge and so depend on the order.
static ATTRIBUTES: &[(&str, &[&str])] = &[
    ("annotations", &["{a: b}", "[a=c, d=]"]),
    (
        "build",
        &[
            "{context: ., args: {A: 1, SET: }}",
            "{context: ./x, args: [B=2], tags: [t]}",
            "{context: .., dockerfile_inline: \"FROM x\\nRUN $$y\"}",
        ],
    ),
    ("cap_add", &["[A]", "[B, C]"]),
    ("command", &["a 'b c' $$d", "[x, \"y z\", '']", "[]"]),
    ("configs", &["[c]", "[{source: c, target: /t, mode: 0440}]"]),
    ("cpus", &["0.5", "'1.5'"]),
    (
        "depends_on",
        &[
            "[two]",
            "{two: {condition: service_healthy}}",
            "{two: {condition: service_started, required: false}}",
        ],
    ),
    (
        "deploy",
        &[
            "{replicas: 2, resources: {reservations: {cpus: '0.5', memory: 50M}}}",
            "{labels: [a=b], restart_policy: {delay: 1m30s}}",
        ],
    ),
    (
        "develop",
        &["{watch: [{path: ./s, action: sync, target: /t, ignore: n}]}"],
    ),
    ("devices", &["['/dev/a:/dev/b:r']", "[/dev/c]"]),
    ("dns", &["1.1.1.1", "[2.2.2.2, '::1']"]),
    ("entrypoint", &["sh -c \"a b\"", "[e]", "''"]),
    (
        "environment",
        &[
            "{A: 1, B: 'x: y', C: , SET: }",
            "['A=#', B, \"N=1\\n2\", 'D=$$x']",
            "{E: \"${SET}\", F: 1.50, G: true}",
        ],
    ),
    ("expose", &["[80, '81-83']"]),
    (
        "extra_hosts",
        &["['a=1.1.1.1', 'b:::1']", "{c: [1.1.1.1, 2.2.2.2]}"],
    ),
    (
        "healthcheck",
        &[
            "{test: curl x, interval: 90s, retries: 3}",
            "{disable: true}",
            "{test: [CMD, a]}",
        ],
    ),
    ("hostname", &["h", "'123'", "'yes'"]),
    ("labels", &["{a.b: 1, t: yes, n: }", "['c=d=e', f]"]),
    (
        "logging",
        &[
            "{driver: a, options: {x: 1}}",
            "{options: {y: z}}",
            "{driver: a, options: {y: 2}}",
        ],
    ),
    ("mem_limit", &["512m", "1024", "1.5g"]),
    (
        "networks",
        &["[front]", "{front: {aliases: [x], priority: 5}, default: }"],
    ),
    (
        "ports",
        &[
            "[80, '8080:80/udp', '127.0.0.1:9000-9002:9000-9002']",
            "[{target: 1, published: '2'}]",
        ],
    ),
    ("post_start", &["[{command: a b, environment: [X=1]}]"]),
    ("privileged", &["true", "'false'"]),
    ("profiles", &["[]"]),
    ("restart", &["'no'", "always", "on-failure:3"]),
    (
        "secrets",
        &["[s]", "[{source: s, target: x, mode: '0400'}]"],
    ),
    ("shm_size", &["64m", "1gb"]),
    ("stop_grace_period", &["1m30s", "500ms", "0s"]),
    ("sysctls", &["{a: 1}", "[b=2]"]),
    ("tmpfs", &["/run", "['/tmp:mode=755']"]),
    ("ulimits", &["{nofile: 5, nproc: {soft: 1, hard: 2}}"]),
    ("user", &["'1000:1000'", "root"]),
    (
        "volumes",
        &[
            "[./a:/a, data:/d:ro, /anon, ~/h:/h]",
            "[{type: tmpfs, target: /t, tmpfs: {size: 1024}}]",
        ],
    ),
    ("x-any", &["{a: [1, {b: }], c: 1.5}"]),
];

/// A service of some attributes.
fn service() -> impl Strategy<Value = String> {
    let attribute = prop::sample::select(ATTRIBUTES)
        .prop_flat_map(|(key, values)| value(values).prop_map(move |value| (key, value)));
    prop::collection::btree_map(attribute.clone().prop_map(|(key, _)| key), Just(()), 0..9)
        .prop_flat_map(|keys| {
            let values: Vec<_> = ATTRIBUTES
                .iter()
                .filter(|(key, _)| keys.contains_key(key))
                .map(|(key, values)| {
                    value(values).prop_map(move |value| format!("    {key}: {value}\n"))
                })
                .collect();
            values
        })
        .prop_map(|lines| lines.concat())
}

/// A file with a service of these attributes, and what they may name.
fn file(attributes: &str) -> String {
    format!(
        "services:\n  one:\n    image: x\n{attributes}  two: {{image: y}}\n\
         networks: {{front: {{driver: bridge}}}}\nvolumes: {{data: }}\n\
         configs: {{c: {{content: \"a $$b\"}}}}\nsecrets: {{s: {{file: ./s}}}}\n"
    )
}

proptest! {
    // A case that fails is written down as a test, not as a seed in a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_config_prints_reads_back_as_the_same_project(attributes in service()) {
        let text = file(&attributes);
        let project = load(&request(&[("compose.yaml", &text)]));
        let project = project.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        assert_reads_back(&project, Form::Yaml);
        assert_reads_back(&project, Form::Json);
    }

    #[test]
    fn merging_is_associative(a in service(), b in service(), c in service()) {
        let texts = [file(&a), file(&b), file(&c)];
        let request = request(&[("compose.yaml", "")]);
        let mut cx = Context::new(&request);
        let [a, b, c] = texts.each_ref().map(|text| {
            let number = cx.sources.add("compose.yaml".to_owned(), text.clone());
            parse::parse(&cx.sources, number).unwrap().remove(0).root
        });
        let mut merge = |base: &Node, over: &Node| {
            merge::merge_documents(&mut cx, base.clone(), over.clone()).unwrap()
        };
        let first = merge(&a, &b);
        let left = merge(&first, &c);
        let last = merge(&b, &c);
        let right = merge(&a, &last);
        prop_assert!(left == right, "{}\n{}", left.value, right.value);
    }

    #[test]
    fn a_text_without_a_dollar_stays_as_it_is(text in "[^$]*") {
        let done = interpolate::interpolate(&text, &|_| Some("other")).unwrap();
        prop_assert_eq!(&*done.text, &text);
        prop_assert!(done.uses.is_empty());
    }

    #[test]
    fn a_file_without_a_dollar_is_the_same_interpolated_or_not(attributes in service()) {
        let text = file(&attributes).replace('$', "");
        let loaded = |interpolate: bool| {
            let mut request = request(&[("compose.yaml", &text)]);
            request.environment.clear();
            request.options.interpolate = interpolate;
            let tree = load_tree(&request).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
            tree.printable(Form::Yaml)
        };
        // Texts become numbers and truth values where those are wanted, with interpolation only.
        let (with, without) = (emit::yaml(&loaded(true)), emit::yaml(&loaded(false)));
        let plain = |text: &str| text.replace('"', "");
        prop_assert_eq!(plain(&with), plain(&without));
    }
}

/// Every compose file below a folder.
pub fn files(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().and_then(|ending| ending.to_str()) {
            _ if path.is_dir() => files(&path, found),
            Some("yaml" | "yml") => found.push(path),
            _ => {}
        }
    }
}

#[test]
fn what_config_prints_of_the_fixtures_reads_back_as_the_same_project() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["tests", "examples"] {
        files(&root.join(folder), &mut found);
    }
    let mut read = 0;
    for path in found {
        let cwd = path.parent().unwrap().to_owned();
        let request = Request {
            files: vec![path.display().to_string()],
            project_name: Some("shop".to_owned()),
            profiles: vec!["*".to_owned()],
            cwd: cwd.clone(),
            environment: BTreeMap::from([("HOME".to_owned(), "/home/me".to_owned())]),
            ..Request::default()
        };
        // What is wrong on purpose has tests of its own.
        let Ok(mut project) = load(&request) else {
            continue;
        };
        // Docker Compose prints keys of SSH as it does not read them.
        for service in project.services.values_mut() {
            if let Some(build) = &mut service.build {
                build.ssh = Default::default();
            }
        }
        if resolve_files(&mut project, &cwd).is_ok() {
            // Docker Compose's JSON has no models, and keys of Go's where those have no name.
            assert_reads_back(&project, Form::Yaml);
            read += 1;
        }
    }
    assert!(read > 150, "only {read} fixtures are projects");
}
