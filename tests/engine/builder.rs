//! Both builders against a real engine, below the command line.

use std::path::Path;
use std::sync::Mutex;

use dco::convert::{BuildOptions, BuildSurroundings, Builder, Stamp, image_build};
use dco::engine::{
    BuildFailure, BuildForm, BuildJob, BuildNumbers, DockerConfig, Engine, Selection,
};
use dco::name::ImageId;
use dco::project::{Build, FileObject, FileReference, Mapping, Project as Model, Service};
use serde_json::Value;

use crate::support::capability::{Capability, needs};
use crate::support::secrets::{KEY, TOKEN, none_in};
use crate::support::{Project, engine};

/// The service `web` of a project, with this build.
fn model(project: &Project, build: Build) -> Model {
    let service = Service {
        build: Some(Box::new(build)),
        ..Service::default()
    };
    Model {
        name: project.name().to_owned(),
        working_dir: project.dir(),
        services: [("web".into(), service)].into(),
        ..Model::default()
    }
}

fn context(project: &Project) -> Build {
    Build {
        context: project.dir().display().to_string(),
        labels: [(
            "com.docker.compose.project".to_owned(),
            project.name().to_owned(),
        )]
        .into(),
        ..Build::default()
    }
}

/// Builds `web`, and gives the output along with the result.
fn build(model: &Model, by: Builder) -> (Result<ImageId, BuildFailure>, String) {
    let options = BuildOptions::default();
    let around = BuildSurroundings {
        options: &options,
        builder: by,
        proxy: &Mapping::new(),
        stamp: &Stamp {
            version: "2.40.3".into(),
            ..Stamp::default()
        },
    };
    let build = image_build(model, &"web".into(), &around)
        .expect("a sound build")
        .expect("a build");
    let said = Mutex::new(String::new());
    let say = |line: String| {
        let mut said = said.lock().expect("its lock");
        said.push_str(&line);
        said.push('\n');
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let result = runtime.block_on(async {
        let config = DockerConfig::load(&|_| None);
        let engine = Engine::from_environment(&Selection::default(), &config).expect("an engine");
        let job = BuildJob {
            build: &build,
            numbers: &BuildNumbers::default(),
            form: BuildForm::Plain,
            say: &say,
        };
        engine.build_image(&job, by).await
    });
    runtime.shutdown_background();
    let said = said.into_inner().expect("its lock");
    none_in("build", &said);
    (result, said)
}

fn image(id: &ImageId) -> Value {
    engine::get(&format!("/images/{id}/json"))
}

/// What `cat` says in a container of the image.
fn run(id: &ImageId, script: &str) -> String {
    let mut command = engine::docker(&[
        "run",
        "--rm",
        "--network=none",
        "--entrypoint=sh",
        id.as_str(),
        "-c",
        script,
    ]);
    let output = command.output().expect("docker");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const BOTH: [Builder; 2] = [Builder::BuildKit, Builder::Classic];

#[test]
fn an_image_is_built_from_the_files_that_dockerignore_leaves() {
    if !needs(Capability::BuildKit) {
        return;
    }
    for by in BOTH {
        let project = Project::new("build")
            .file(
                "Dockerfile",
                "FROM busybox\nARG WHO=nobody\nCOPY . /app\nRUN echo hello $WHO > /who\n",
            )
            .file(
                ".dockerignore",
                "*.log\nsecret\n!keep.log\nDockerfile\n.dockerignore\n",
            )
            .file("a.txt", "a")
            .file("b.log", "b")
            .file("keep.log", "k")
            .file("secret/key", "s")
            .file("sub/deep/c", "c");
        let mut asked = context(&project);
        asked.args = [("WHO".to_owned(), Some("world".to_owned()))].into();
        asked.tags = vec![format!("{}-extra:1", project.name())];
        let (id, said) = build(&model(&project, asked), by);
        let id = id.unwrap_or_else(|error| panic!("{by:?}: {}\n{said}", error.diagnostic()));
        let files = run(&id, "cd /app; find . -type f | sort; cat /who");
        assert_eq!(
            files, "./a.txt\n./keep.log\n./sub/deep/c\nhello world\n",
            "{by:?}"
        );
        let image = image(&id);
        let mut tags: Vec<_> = image["RepoTags"].as_array().expect("tags").clone();
        tags.sort_by_key(ToString::to_string);
        let name = project.name();
        assert_eq!(
            tags,
            [format!("{name}-extra:1"), format!("{name}-web:latest")],
            "{by:?}"
        );
    }
}

#[test]
fn a_dockerfile_may_be_outside_the_context_or_inline() {
    if !needs(Capability::BuildKit) {
        return;
    }
    for by in BOTH {
        let project = Project::new("dockerfile")
            .file("ctx/f", "content")
            .file("docker/Build.file", "FROM busybox\nCOPY . /ctx\n");
        let mut outside = context(&project);
        outside.context = project.path("ctx").display().to_string();
        outside.dockerfile = "../docker/Build.file".to_owned();
        let (id, said) = build(&model(&project, outside.clone()), by);
        let id = id.unwrap_or_else(|error| panic!("{by:?}: {}\n{said}", error.diagnostic()));
        let shown = run(&id, "ls /ctx; cat /ctx/f");
        assert!(shown.ends_with("content"), "{by:?}: {shown}");

        let mut inline = outside;
        inline.dockerfile = String::new();
        inline.dockerfile_inline = "FROM busybox\nCOPY f /g\n".to_owned();
        let (id, said) = build(&model(&project, inline), by);
        let id = id.unwrap_or_else(|error| panic!("{by:?}: {}\n{said}", error.diagnostic()));
        assert_eq!(run(&id, "cat /g"), "content", "{by:?}");
    }
}

#[test]
fn modes_links_and_large_files_arrive_as_they_are() {
    if !needs(Capability::BuildKit) {
        return;
    }
    let big: String = "0123456789abcdef".repeat(40_000);
    for by in BOTH {
        let project = Project::new("files")
            .file("Dockerfile", "FROM busybox\nCOPY . /app\n")
            .file("run.sh", "#!/bin/sh\necho ran\n")
            .file("big", &big);
        let script = project.path("run.sh");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, mode).expect("its mode");
        std::os::unix::fs::symlink("run.sh", project.path("link")).expect("a link");
        let (id, said) = build(&model(&project, context(&project)), by);
        let id = id.unwrap_or_else(|error| panic!("{by:?}: {}\n{said}", error.diagnostic()));
        let shown = run(
            &id,
            "cd /app; ./link; readlink link; wc -c < big; tail -c 4 big; stat -c %u:%g run.sh",
        );
        assert_eq!(shown, "ran\nrun.sh\n640000\ncdef0:0\n", "{by:?}");
    }
}

#[test]
fn a_failed_step_ends_the_build_and_says_why() {
    if !needs(Capability::BuildKit) {
        return;
    }
    let project = Project::new("failing").file(
        "Dockerfile",
        "FROM busybox\nRUN echo last words && exit 3\n",
    );
    let model = model(&project, context(&project));

    let (result, said) = build(&model, Builder::BuildKit);
    let failure = result.expect_err("a failure");
    assert_eq!(failure.exit_code(), 1);
    let text = failure.diagnostic().to_string();
    assert!(
        text.contains("failed to solve") && text.contains("exit code: 3"),
        "{text}"
    );
    assert!(
        said.contains("\n > [web 2/2] RUN echo last words && exit 3:\n"),
        "{said}"
    );

    let (result, said) = build(&model, Builder::Classic);
    let failure = result.expect_err("a failure");
    assert_eq!(failure.exit_code(), 3);
    let text = failure.diagnostic().to_string();
    assert!(text.contains("returned a non-zero code: 3"), "{text}");
    assert!(said.contains("last words\n"), "{said}");
}

#[test]
fn the_output_is_buildkits_plain_form_and_steps_are_cached() {
    if !needs(Capability::BuildKit) {
        return;
    }
    let project = Project::new("plain").file(
        "Dockerfile",
        "FROM busybox\nARG A\nRUN echo out $A; echo err >&2\n",
    );
    let mut asked = context(&project);
    asked.args = [("A".to_owned(), Some(project.name().to_owned()))].into();
    let model = model(&project, asked);
    let (result, said) = build(&model, Builder::BuildKit);
    result.unwrap_or_else(|error| panic!("{}\n{said}", error.diagnostic()));
    assert!(
        said.contains("[web internal] load build definition from Dockerfile\n"),
        "{said}"
    );
    assert!(
        said.contains(&format!(" out {}\n", project.name())),
        "{said}"
    );
    assert!(said.contains(" err\n") && said.contains(" DONE "), "{said}");
    let (_, said) = build(&model, Builder::BuildKit);
    assert!(said.contains(" CACHED\n"), "{said}");
}

#[test]
fn secrets_reach_the_step_that_mounts_them_and_no_layer() {
    if !needs(Capability::BuildKit) {
        return;
    }
    let project = Project::new("secret").file("key.txt", KEY);
    // Of what the steps read only the length may show; each run is one of its own.
    let dockerfile = format!(
        "FROM busybox\nENV RUN={}\n\
         RUN --mount=type=secret,id=token wc -c < /run/secrets/token\n\
         RUN --mount=type=secret,id=key wc -c < /run/secrets/key\n",
        project.name()
    );
    project.write("Dockerfile", &dockerfile);
    let mut asked = context(&project);
    asked.secrets = ["token", "key"]
        .map(|source| FileReference {
            source: source.to_owned(),
            ..FileReference::default()
        })
        .into();
    let mut model = model(&project, asked);
    model.environment = [("TOKEN".to_owned(), TOKEN.to_owned())].into();
    model.secrets = [
        (
            "token".to_owned(),
            FileObject {
                environment: "TOKEN".to_owned(),
                ..FileObject::default()
            },
        ),
        (
            "key".to_owned(),
            FileObject {
                file: "key.txt".to_owned(),
                ..FileObject::default()
            },
        ),
    ]
    .into();
    let (result, said) = build(&model, Builder::BuildKit);
    result.unwrap_or_else(|error| panic!("{}\n{said}", error.diagnostic()));
    for secret in [TOKEN, KEY] {
        assert!(said.contains(&format!(" {}\n", secret.len())), "{said}");
    }
}

#[test]
fn what_is_missing_is_named_before_the_engine_is_asked() {
    if !needs(Capability::BuildKit) {
        return;
    }
    let project = Project::new("missing");
    let failed = |build_: Build| {
        let (result, _) = build(&model(&project, build_), Builder::BuildKit);
        result.expect_err("a failure").diagnostic().to_string()
    };
    let path = |path: &str| Path::new(&project.dir()).join(path).display().to_string();
    let mut asked = context(&project);
    assert_eq!(
        failed(asked.clone()),
        format!(
            "error: failed to read dockerfile: `{}` does not exist\n\
             hint: `build.dockerfile` is relative to the build's context",
            path("Dockerfile")
        )
    );
    asked.context = path("nowhere");
    assert_eq!(
        failed(asked),
        format!(
            "error: unable to prepare context: path `{}` not found\n\
             hint: `build.context` is relative to the compose file's folder",
            path("nowhere")
        )
    );
}
