//! The port to the engine's API, against the engine.

use std::time::Instant;

use bollard::models::{ContainerCreateBody, ExecConfig};
use dco::engine::{
    ApiVersion, Channel, Console, DockerConfig, Endpoint, Engine, Error, Framing, LogRange,
    Messages, Removal, Selection, Started, Unpack, Until, Wanted, Which, labelled, observe,
    watch_project,
};
use futures_util::StreamExt;

use crate::support::capability::{Capability, needs};
use crate::support::{PATIENCE, Project};

fn engine() -> Engine {
    Engine::from_environment(&Selection::default(), &DockerConfig::default()).expect("an address")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// A container of the project, created and not started.
async fn created(
    engine: &Engine,
    project: &Project,
    name: &str,
    body: ContainerCreateBody,
) -> String {
    let labels = [
        ("com.docker.compose.project", project.name()),
        ("com.docker.compose.service", name),
        ("com.docker.compose.container-number", "1"),
    ];
    let body = ContainerCreateBody {
        image: Some("busybox".to_owned()),
        labels: Some(
            labels
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        ),
        ..body
    };
    let name = format!("{}-{name}-1", project.name());
    engine
        .create_container(&name, None, &body)
        .await
        .expect("a container")
        .id
}

fn shell(script: &str) -> ContainerCreateBody {
    ContainerCreateBody {
        cmd: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
        ..ContainerCreateBody::default()
    }
}

#[test]
fn the_version_is_agreed_on_and_sent() {
    block_on(async {
        let engine = engine();
        let ping = engine.ping().await.unwrap();
        assert!(ping.api >= ApiVersion::OLDEST && ping.api <= ApiVersion::NEWEST);
        assert!(ping.api <= ping.engine_api);
    });
}

/// So it does travel.
#[test]
fn a_version_that_the_engine_does_not_know_is_refused() {
    if !needs(Capability::ApiVersions) {
        return;
    }
    block_on(async {
        let engine = engine();
        let pinned = Engine::at(engine.endpoint().clone(), Some(ApiVersion::new(1, 999))).unwrap();
        let error = pinned.info().await.unwrap_err();
        assert_eq!(error.status(), Some(400), "{error}");
        assert!(error.to_string().contains("1.999"), "{error}");
    });
}

#[test]
fn a_socket_without_a_daemon_is_named_with_the_reason() {
    block_on(async {
        let endpoint = Endpoint::parse("unix:///nowhere/docker.sock", None).unwrap();
        let engine = Engine::at(endpoint, None).unwrap();
        let error = engine
            .list_containers(Which::All, &labelled("x"))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }));
        let text = error.diagnostic().to_string();
        assert!(
            text.starts_with("error: cannot connect to the Docker daemon at unix:///nowhere/docker.sock: no such file or directory\nhint: is the docker daemon running?"),
            "{text}"
        );
    });
}

#[test]
fn a_port_that_nobody_listens_on_is_named_with_the_reason() {
    block_on(async {
        let endpoint = Endpoint::parse("tcp://127.0.0.1:1", None).unwrap();
        let error = Engine::at(endpoint, None)
            .unwrap()
            .info()
            .await
            .unwrap_err();
        let text = error.diagnostic().to_string();
        assert!(
            text.starts_with("error: cannot connect to the Docker daemon at tcp://127.0.0.1:1: connection refused"),
            "{text}"
        );
    });
}

#[test]
fn a_second_start_is_told_from_the_first() {
    let project = Project::new("start");
    block_on(async {
        let engine = engine();
        let id = created(&engine, &project, "a", shell("sleep 60")).await;
        assert_eq!(engine.start_container(&id).await.unwrap(), Started::Now);
        assert_eq!(engine.start_container(&id).await.unwrap(), Started::Already);
        engine.kill_container(&id, "SIGKILL").await.unwrap();
        let wait = engine.wait_container(&id, Until::NotRunning).await.unwrap();
        assert_eq!(wait.exit_code().await.unwrap(), 137);
        engine
            .remove_container(&id, Removal::default())
            .await
            .unwrap();
        assert!(
            engine
                .inspect_container(&id)
                .await
                .unwrap_err()
                .is_not_found()
        );
    });
}

#[test]
fn a_log_keeps_its_channels_its_order_and_its_last_line() {
    let project = Project::new("log");
    block_on(async {
        let engine = engine();
        let id = created(
            &engine,
            &project,
            "a",
            shell("echo out; sleep 0.1; echo err >&2; sleep 0.1; printf last; exit 3"),
        )
        .await;
        let wait = engine.wait_container(&id, Until::NextExit).await.unwrap();
        engine.start_container(&id).await.unwrap();
        assert_eq!(wait.exit_code().await.unwrap(), 3);
        // Not followed: the engine's own follower loses a last line without its newline.
        let range = LogRange::default();
        let mut log = engine
            .logs(&id, Framing::Multiplexed, &range)
            .await
            .unwrap();
        let mut said = Vec::new();
        while let Some(chunk) = log.next().await {
            let chunk = chunk.unwrap();
            said.push((
                chunk.channel,
                String::from_utf8(chunk.bytes.to_vec()).unwrap(),
            ));
        }
        assert_eq!(
            said,
            [
                (Channel::Stdout, "out\n".to_owned()),
                (Channel::Stderr, "err\n".to_owned()),
                (Channel::Stdout, "last".to_owned()),
            ]
        );
    });
}

#[test]
fn a_program_reads_its_input_to_the_end_and_answers() {
    let project = Project::new("exec");
    block_on(async {
        let engine = engine();
        let id = created(&engine, &project, "a", shell("sleep 60")).await;
        engine.start_container(&id).await.unwrap();
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(["sh", "-c", "wc -c; exit 7"].map(str::to_owned).to_vec()),
            ..ExecConfig::default()
        };
        let exec = engine.create_exec(&id, &config).await.unwrap();
        let mut streams = engine.start_exec(&exec, Console::None).await.unwrap();
        streams.input.send(&[0; 100_000]).await.unwrap();
        streams.input.close().await.unwrap();
        let mut said = Vec::new();
        while let Some(chunk) = streams.output.next().await {
            said.extend(chunk.unwrap().bytes);
        }
        assert_eq!(said, b"100000\n");
        assert_eq!(engine.inspect_exec(&exec).await.unwrap().exit_code, Some(7));
    });
}

#[test]
fn a_terminal_whose_first_bytes_look_like_a_header_is_shown_at_once() {
    let project = Project::new("tty");
    block_on(async {
        let engine = engine();
        let id = created(&engine, &project, "a", shell("sleep 60")).await;
        engine.start_container(&id).await.unwrap();
        let config = ExecConfig {
            attach_stdout: Some(true),
            tty: Some(true),
            cmd: Some(
                ["sh", "-c", r"printf '\001\002\000hello'; sleep 50"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            ..ExecConfig::default()
        };
        let exec = engine.create_exec(&id, &config).await.unwrap();
        let mut streams = engine
            .start_exec(&exec, Console::Terminal(None))
            .await
            .unwrap();
        let begin = Instant::now();
        let mut said = Vec::new();
        while said.len() < 8 {
            said.extend(streams.output.next().await.unwrap().unwrap().bytes);
        }
        assert_eq!(said, b"\x01\x02\0hello");
        assert!(begin.elapsed().as_secs() < 5, "it was held back");
    });
}

#[test]
fn files_go_in_as_they_are_made_and_come_out_again() {
    let project = Project::new("archive");
    block_on(async {
        let engine = engine();
        let id = created(&engine, &project, "a", shell("true")).await;
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o640);
        header.set_cksum();
        tar.append_data(&mut header, "note", &b"hello"[..]).unwrap();
        let bytes = tar.into_inner().unwrap();
        let pieces: Vec<std::io::Result<bytes::Bytes>> = bytes
            .chunks(100)
            .map(|piece| Ok(bytes::Bytes::copy_from_slice(piece)))
            .collect();
        let stream = futures_util::stream::iter(pieces);
        engine
            .put_archive(&id, "/tmp", stream, Unpack::default())
            .await
            .unwrap();

        let stat = engine.stat(&id, "/tmp/note").await.unwrap().unwrap();
        assert_eq!(
            (stat.is_file(), stat.size, stat.permissions()),
            (true, 5, 0o640)
        );
        assert!(
            engine
                .stat(&id, "/tmp")
                .await
                .unwrap()
                .unwrap()
                .is_directory()
        );
        assert_eq!(engine.stat(&id, "/tmp/nothing").await.unwrap(), None);

        let (_, mut back) = engine.get_archive(&id, "/tmp/note").await.unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = back.next().await {
            bytes.extend(piece.unwrap());
        }
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        assert_eq!(text, "hello");
    });
}

#[test]
fn a_snapshot_shows_the_project_and_the_events_go_on_from_it() {
    let project = Project::new("observe");
    block_on(async {
        let engine = engine();
        let mut events: Messages<_> = watch_project(&engine, project.name()).await.unwrap();
        let id = created(&engine, &project, "b", shell("exit 4")).await;
        created(&engine, &project, "a", shell("true")).await;
        let wait = engine.wait_container(&id, Until::NextExit).await.unwrap();
        engine.start_container(&id).await.unwrap();
        wait.exit_code().await.unwrap();

        let wanted = Wanted {
            project: project.name().to_owned(),
            networks: ["bridge".to_owned()].into(),
            images: ["busybox".to_owned(), "not/there:ever".to_owned()].into(),
            ..Wanted::default()
        };
        // Newer engines tell the end before their list shows it.
        let deadline = std::time::Instant::now() + PATIENCE;
        let observed = loop {
            let observed = observe(&engine, &wanted).await.unwrap();
            if observed.containers[1].exit_code.is_some() || std::time::Instant::now() > deadline {
                break observed;
            }
        };
        let names: Vec<_> = observed
            .containers
            .iter()
            .map(|container| {
                (
                    container.service.as_str(),
                    container.number,
                    container.exit_code,
                )
            })
            .collect();
        assert_eq!(names, [("a", Some(1), None), ("b", Some(1), Some(4))]);
        let networks: Vec<_> = observed
            .networks
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(networks, ["bridge"]);
        assert_eq!(observed.images.keys().collect::<Vec<_>>(), ["busybox"]);
        assert_eq!(
            observed.images["busybox"].id.as_ref(),
            Some(&observed.containers[0].image)
        );

        let mut actions = Vec::new();
        while let Some(event) = events.next().await {
            let event = event.unwrap();
            // Podman tells of one step more.
            if event.action != "init" {
                actions.push((event.action.clone(), event.exit_code()));
            }
            if event.action == "die" {
                break;
            }
        }
        assert_eq!(
            actions,
            [
                ("create".to_owned(), None),
                ("create".to_owned(), None),
                ("start".to_owned(), None),
                ("die".to_owned(), Some(4)),
            ]
        );
    });
}

#[test]
fn a_pull_of_what_is_not_there_says_what_the_engine_says() {
    block_on(async {
        let engine = engine();
        // A name that no registry can hold: refused by the engine itself.
        let error = engine.pull_image("lower/UPPER", None).await.err().unwrap();
        assert!(error.status().is_some(), "{error:?}");
        assert!(error.to_string().contains("lowercase"), "{error}");
    });
}
