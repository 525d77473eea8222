//! `ps`, `ls`, `images`, `port`, `top`, `volumes`, `events` and `wait`: what they print, to the byte.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::capability::{Capability, needs};
use crate::support::{PATIENCE, Project, engine, until};

/// A container with Compose's labels, created and not started.
fn create(project: &Project, service: &str, mut body: Value) -> String {
    body["Labels"] = json!({
        "com.docker.compose.project": project.name(),
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.config-hash": "x",
        "com.docker.compose.project.config_files": "/somewhere/compose.yaml",
    });
    let path = format!("/containers/create?name={}-{service}-1", project.name());
    let answer = engine::send("POST", &path, &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["Id"].as_str().expect("its id").to_owned()
}

fn start(id: &str) {
    let answer = engine::call("POST", &format!("/containers/{id}/start"));
    assert_eq!(answer.status, 204, "{}", answer.body);
}

/// `web`, which runs and publishes a port, and `job`, which ended with 3.
fn stack(subject: &str) -> (Project, String, String) {
    let project = Project::new(subject).file(
        "compose.yaml",
        "services:\n  web: {image: busybox}\n  db: {image: busybox}\n  job: {image: busybox}\n",
    );
    let web = create(
        &project,
        "web",
        json!({
            "Image": "busybox",
            "Cmd": ["sleep", "600"],
            "ExposedPorts": {"80/tcp": {}},
            "HostConfig": {"Init": true, "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1"}]}},
        }),
    );
    start(&web);
    let job = create(
        &project,
        "job",
        json!({"Image": "busybox", "Cmd": ["sh", "-c", "exit 3"]}),
    );
    start(&job);
    until(PATIENCE, "the job's end", || {
        let job = engine::get(&format!("/containers/{job}/json"));
        (job["State"]["Status"] == "exited").then_some(())
    });
    (project, web, job)
}

#[test]
fn ps_lists_what_runs_and_with_all_what_ended() {
    let (project, web, job) = stack("ps");
    let name = project.name();
    let names = |args: &[&str]| project.dco(args).ok().stdout;
    assert_eq!(
        names(&["ps", "--format", "{{.Name}} {{.State}}"]),
        format!("{name}-web-1 running\n")
    );
    assert_eq!(
        names(&[
            "ps",
            "-a",
            "--format",
            "{{.Service}} {{.State}} {{.ExitCode}}"
        ]),
        "job exited 3\nweb running 0\n"
    );
    assert_eq!(names(&["ps", "-q"]), format!("{web}\n"));
    assert_eq!(
        names(&["ps", "--status", "exited", "--quiet"]),
        format!("{job}\n")
    );
    assert_eq!(names(&["ps", "-a", "--services"]), "job\nweb\n");
    assert_eq!(
        names(&["ps", "job"]),
        "NAME      IMAGE     COMMAND   SERVICE   CREATED   STATUS    PORTS\n"
    );
    let line = names(&["ps", "--format", "json"]);
    let object: Value = serde_json::from_str(&line).expect("one object on one line");
    assert_eq!(object["Project"], name);
    assert_eq!(object["Command"], "\"sleep 600\"");
    assert_eq!(object["ID"], web[..12]);
    assert_eq!(object["Publishers"][0]["URL"], "127.0.0.1");
    assert_eq!(object["Publishers"][0]["TargetPort"], 80);
    let port = object["Publishers"][0]["PublishedPort"].clone();
    assert_eq!(object["Ports"], format!("127.0.0.1:{port}->80/tcp"));
    assert_eq!(names(&["port", "web", "80"]), format!("127.0.0.1:{port}\n"));
    let none = project.dco(&["port", "web", "81"]).exits(1);
    assert_eq!(
        none.stderr,
        format!("error: no port 81/tcp for container {name}-web-1: {port}/tcp\n")
    );
}

#[test]
fn ls_names_the_project_with_its_states_and_files() {
    let (project, ..) = stack("ls");
    let filter = format!("name=^{}$", project.name());
    let list = |args: &[&str]| {
        let args: Vec<&str> = ["ls", "--filter", &filter]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        project.dco(&args).ok().stdout
    };
    let expected = |status| {
        format!(
            "[{{\"Name\":\"{}\",\"Status\":\"{status}\",\"ConfigFiles\":\"/somewhere/compose.yaml\"}}]\n",
            project.name()
        )
    };
    assert_eq!(list(&["--format", "json"]), expected("running(1)"));
    assert_eq!(
        list(&["-a", "--format", "json"]),
        expected("exited(1), running(1)")
    );
    assert_eq!(list(&["-q"]), format!("{}\n", project.name()));
    let table = list(&[]);
    assert!(
        table.starts_with("NAME  ") && table.ends_with("/somewhere/compose.yaml\n"),
        "{table}"
    );
}

#[test]
fn images_top_and_volumes_show_what_containers_use() {
    if !needs(Capability::ShortNames) {
        return;
    }
    let project = Project::new("uses").file(
        "compose.yaml",
        "services:\n  web: {image: busybox}\n  db: {image: busybox}\n  job: {image: busybox}\n",
    );
    let volume = format!("{}_data", project.name());
    let labels = json!({"com.docker.compose.project": project.name()});
    let body = json!({"Name": volume, "Labels": labels}).to_string();
    assert_eq!(engine::send("POST", "/volumes/create", &body).status, 201);
    let id = create(
        &project,
        "web",
        json!({
            "Image": "busybox",
            "Cmd": ["sleep", "600"],
            "HostConfig": {"Init": true, "Binds": [format!("{volume}:/data")]},
        }),
    );
    start(&id);
    assert_eq!(
        project.dco(&["volumes"]).ok().stdout,
        format!("DRIVER    VOLUME NAME\nlocal     {volume}\n")
    );
    assert_eq!(
        project.dco(&["volumes", "-q", "web"]).ok().stdout,
        format!("{volume}\n")
    );
    assert_eq!(project.dco(&["volumes", "-q", "db"]).ok().stdout, "");
    let images = project.dco(&["images", "--format", "json"]).ok().stdout;
    let images: Value = serde_json::from_str(&images).expect("a JSON list");
    assert_eq!(images[0]["Repository"], "busybox");
    assert_eq!(
        images[0]["ContainerName"],
        format!("{}-web-1", project.name())
    );
    let top = project.dco(&["top"]).ok().stdout;
    assert!(top.starts_with("SERVICE  #   UID"), "{top}");
    assert!(top.contains("sleep 600"), "{top}");
}

#[test]
fn wait_ends_as_the_container_does_and_events_tell_of_it() {
    if !needs(Capability::PastEvents) {
        return;
    }
    let (project, web, _) = stack("wait");
    let mut waiting = project
        .command(&["wait", "web"])
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .expect("dco");
    let answer = engine::call("POST", &format!("/containers/{web}/kill?signal=TERM"));
    assert_eq!(answer.status, 204, "{}", answer.body);
    let code = waiting.wait().expect("its end").code();
    let mut out = String::new();
    std::io::Read::read_to_string(&mut waiting.stdout.take().expect("its output"), &mut out)
        .expect("text");
    if out.is_empty() {
        // The kill came first: there was nothing left to wait for.
        assert_eq!(code, Some(1));
    } else {
        assert_eq!(code, Some(143));
        assert_eq!(
            out,
            format!("container \"{web}\" exited with status code 143\n")
        );
    }
    // Newer engines answer who waits before they tell of the end.
    let actions = until(PATIENCE, "the container's end among the events", || {
        let actions = told(&project);
        actions.contains(&"die".to_owned()).then_some(actions)
    });
    assert!(
        actions.starts_with(&["create".into(), "start".into()]),
        "{actions:?}"
    );
}

/// What `events` tells of the service `web`.
#[track_caller]
fn told(project: &Project) -> Vec<String> {
    let events = project
        .dco(&["events", "--json", "--since", "10m", "--until", "0s", "web"])
        .exits(1);
    assert_eq!(events.stderr, "error: EOF\n");
    let lines = events.stdout.lines();
    let events = lines.map(|line| serde_json::from_str::<Value>(line).expect("an object"));
    let actions = events.map(|event| event["action"].as_str().expect("a text").to_owned());
    actions.collect()
}
