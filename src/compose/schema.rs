//! The JSON schema of a compose file, for editors: the loader's own table of shapes, written down.

use serde_json::{Map, Value, json};

use super::shape::{self, Object, Others, Shape, Text};

/// The whole schema, draft 2020-12.
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Compose file",
        "description": "What dco reads: the Compose specification, and `x-dco`.",
    });
    merge(&mut schema, of(&shape::FILE));
    schema["properties"]["x-dco"] = own(&["infer"]);
    let service = schema["properties"]["services"]["patternProperties"]
        .as_object_mut()
        .and_then(|names| names.values_mut().next());
    if let Some(service) = service {
        service["properties"]["x-dco"] = own(&[
            "infer", "wait", "timeout", "reload", "on", "ignore", "debounce", "signal", "exec",
        ]);
    }
    schema
}

/// What dco adds to a project and to a service.
fn own(keys: &[&str]) -> Value {
    let texts = || json!({"type": ["string", "array"], "items": {"type": "string"}});
    let properties: Map<String, Value> = keys
        .iter()
        .map(|&key| {
            let (description, mut value) = match key {
                "infer" => (
                    "Whether dependencies are inferred from the environment.",
                    json!({"type": "boolean"}),
                ),
                "wait" => (
                    "What is waited for before the service starts: `db`, `db:5432`, `http://api:8000/health`.",
                    texts(),
                ),
                "timeout" => ("How long it is waited for.", json!({"type": "string"})),
                "reload" => (
                    "What a changed file does to the service.",
                    json!({"anyOf": [
                        {"enum": ["restart", "rebuild", "poke", "none"]},
                        own(&["on", "ignore", "debounce", "signal", "exec"]),
                    ]}),
                ),
                "on" => ("Which files reload it.", texts()),
                "ignore" => ("Which files do not.", texts()),
                "debounce" => (
                    "How long changes are gathered before it reloads.",
                    json!({"type": "string"}),
                ),
                "signal" => (
                    "The signal that makes it reload.",
                    json!({"type": "string"}),
                ),
                _ => ("The command that makes it reload.", texts()),
            };
            value["description"] = description.into();
            (key.to_owned(), value)
        })
        .collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn of(shape: &Shape) -> Value {
    let mut schema = json!({});
    let kinds = [
        (shape::N, "null"),
        (shape::B, "boolean"),
        (shape::I, "integer"),
        (shape::F, "number"),
        (shape::S, "string"),
        (shape::L, "array"),
        (shape::M, "object"),
    ];
    let kinds: Vec<&str> = kinds
        .iter()
        .filter(|(kind, _)| shape.kinds & kind != 0)
        .map(|(_, name)| *name)
        .collect();
    match kinds[..] {
        _ if shape.kinds == shape::ANY => {}
        [one] => schema["type"] = one.into(),
        _ => schema["type"] = kinds.into(),
    }
    match shape.text {
        Text::Any => {}
        Text::OneOf(words) if shape.kinds == shape::S => schema["enum"] = words.into(),
        // `enum` would rule out the other kinds as well.
        Text::OneOf(words) => schema["pattern"] = format!("^({})$", words.join("|")).into(),
        Text::ContainerName => schema["pattern"] = "[a-zA-Z0-9][a-zA-Z0-9_.-]".into(),
        Text::PullPolicy => {
            schema["pattern"] =
                "always|never|build|if_not_present|missing|refresh|daily|weekly|every_[0-9]+[wdhms]"
                    .into();
        }
    }
    if let Some((least, greatest)) = shape.range {
        schema["minimum"] = least.into();
        if greatest != i64::MAX {
            schema["maximum"] = greatest.into();
        }
    }
    if let Some(items) = shape.items {
        schema["items"] = of(items);
    }
    // Of two equal items most lists keep the later one: that a list may not have them at all is
    // for the loader to say.
    if let Some(object) = shape.object {
        merge(&mut schema, properties(object));
    }
    schema
}

fn properties(object: &Object) -> Value {
    const NAMES: &str = "^[a-zA-Z0-9._-]+$";
    let mut schema = json!({});
    if !object.fields.is_empty() {
        let fields = object.fields.iter();
        let fields: Map<String, Value> = fields
            .map(|(key, shape)| ((*key).to_owned(), of(shape)))
            .collect();
        schema["properties"] = fields.into();
    }
    if !object.required.is_empty() {
        schema["required"] = object.required.into();
    }
    let (pattern, others) = match object.others {
        Others::No => (None, Some(false.into())),
        Others::Extensions => (Some(("^x-", json!({}))), Some(false.into())),
        Others::Any(shape) => (None, Some(of(shape))),
        Others::Names(shape) => (Some((NAMES, of(shape))), Some(false.into())),
        Others::LooseNames(shape) => (Some((NAMES, of(shape))), None),
        Others::LooseWords(shape) => (Some(("^[a-z]+$", of(shape))), None),
        Others::Open => (None, None),
    };
    if let Some((pattern, shape)) = pattern {
        schema["patternProperties"] = json!({ pattern: shape });
    }
    if let Some(others) = others {
        schema["additionalProperties"] = others;
    }
    schema
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::properties::files;
    use super::super::sources::Sources;
    use super::super::uninterpolated::to_tree;
    use super::super::{Request, load, parse};
    use super::*;
    use crate::project::Form;

    /// Both texts in one, so that a change of the table is a change of the file for editors.
    #[test]
    fn the_schema_for_editors_is_the_one_that_the_loader_has() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/compose.schema.json");
        let kept = std::fs::read_to_string(path).unwrap();
        let now = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        assert!(
            kept == now,
            "`dco schema > schema/compose.schema.json` mends it"
        );
    }

    #[test]
    fn the_schema_takes_compose_files_and_refuses_slips() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        for (accepted, file) in [
            (
                true,
                "services: {web: {image: nginx, ports: [80, '1:2', {target: 3}]}}",
            ),
            (
                true,
                "services: {web: {build: ., x-any: 1, environment: {A: 1, B: }}}",
            ),
            (
                true,
                "services: {web: {image: a, x-dco: {wait: 'db:5432', reload: poke}}}",
            ),
            (
                true,
                "x-dco: {infer: false}\nservices: {a: {command: null, oom_score_adj: -5}}",
            ),
            (
                true,
                "include: [a.yaml, {path: [b.yaml]}]\nvolumes: {data: }",
            ),
            (
                true,
                "services: {a: {deploy: {resources: {limits: {cpus: '0.5'}}}}}",
            ),
            (false, "services: {web: {imgae: nginx}}"),
            (
                false,
                "services: {web: {image: a, depends_on: {db: {condition: healthy}}}}",
            ),
            (false, "services: {web: {image: a, x-dco: {wiat: db}}}"),
            (false, "services: {web: {image: a, oom_score_adj: 2000}}"),
            (false, "services: [web]"),
            (false, "service: {}"),
        ] {
            let file: Value = serde_yaml::from_str(file).unwrap();
            assert_eq!(validator.is_valid(&file), accepted, "{file}");
        }
    }

    /// Each compose file below the folders, as the loader reads it, against the schema; `DCO_CORPUS`
    /// names a further folder.
    #[test]
    fn the_schema_takes_every_file_that_the_loader_takes() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        for folder in ["tests", "examples"] {
            files(&root.join(folder), &mut found);
        }
        if let Some(corpus) = std::env::var_os("DCO_CORPUS") {
            files(Path::new(&corpus), &mut found);
        }
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let (mut taken, mut wrong) = (0, String::new());
        for path in found {
            let request = Request {
                files: vec![path.display().to_string()],
                project_name: Some("shop".to_owned()),
                cwd: path.parent().unwrap().to_owned(),
                ..Request::default()
            };
            if load(&request).is_err() {
                continue;
            }
            taken += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            let mut sources = Sources::default();
            let number = sources.add(path.display().to_string(), text);
            for document in parse::parse(&sources, number).unwrap() {
                let file = serde_json::to_value(to_tree(&document.root, Form::Yaml, None)).unwrap();
                for error in validator.iter_errors(&file) {
                    wrong += &format!("{}: {}: {error}\n", path.display(), error.instance_path());
                }
            }
        }
        assert!(taken > 150, "only {taken} files are projects");
        assert!(wrong.is_empty(), "of {taken} files:\n{wrong}");
    }
}
