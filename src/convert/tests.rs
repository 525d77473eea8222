use super::*;

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use crate::project::{FileObject, Mapping, Network, Volume};

/// A project with two networks, a volume, and one service `web`; asked for in several ways.
struct Bench {
    project: Project,
    service: Service,
    peers: Peers,
    stamp: Stamp,
    proxy: Mapping,
    api: (u32, u32),
    container_name: &'static str,
    role: Role<'static>,
    image: Option<(ImageId, Vec<String>)>,
    replaces: Option<(ContainerId, Option<Vec<Carried>>)>,
    read: fn(&str) -> io::Result<String>,
}

fn bench(service: Value) -> Bench {
    let named = |name: &str| Network {
        name: name.into(),
        ..Network::default()
    };
    let project = Project {
        name: "app".into(),
        working_dir: "/srv/app".into(),
        compose_files: vec!["/srv/app/compose.yaml".into()],
        networks: [
            ("back".to_owned(), named("app_back")),
            ("default".to_owned(), named("app_default")),
        ]
        .into(),
        volumes: [(
            "data".to_owned(),
            Volume {
                name: "app_data".into(),
                ..Volume::default()
            },
        )]
        .into(),
        ..Project::default()
    };
    Bench {
        project,
        service: serde_json::from_value(service).unwrap(),
        peers: Peers::new(),
        stamp: Stamp {
            hash: "0a1b".into(),
            version: "2.40.3".into(),
        },
        proxy: Mapping::new(),
        api: (1, 41),
        container_name: "app-web-1",
        role: Role::Replica { number: 1 },
        image: None,
        replaces: None,
        read: |path| Err(io::Error::new(io::ErrorKind::NotFound, path.to_owned())),
    }
}

impl Bench {
    fn ask<T>(&self, ask: impl FnOnce(ContainerRequest<'_>) -> T) -> T {
        let surroundings = Surroundings {
            api: self.api,
            mounts_images: self.api >= (1, 48),
            proxy: &self.proxy,
            read: &self.read,
        };
        ask(ContainerRequest {
            project: &self.project,
            service_name: &"web".into(),
            service: &self.service,
            container_name: self.container_name,
            role: self.role,
            image: self
                .image
                .as_ref()
                .map(|(id, volumes)| Image { id, volumes }),
            image_volumes: None,
            replaces: self.replaces.as_ref().map(|(id, volumes)| Replaced {
                id,
                volumes: volumes.as_deref(),
            }),
            peers: &self.peers,
            stamp: &self.stamp,
            surroundings: &surroundings,
        })
    }

    fn container(&self) -> NewContainer {
        self.ask(|request| container(&request)).unwrap()
    }

    fn fails(&self) -> String {
        self.ask(|request| container(&request))
            .unwrap_err()
            .to_string()
    }

    /// The body as it is sent, without the labels.
    fn body(&self) -> Value {
        let mut body = serde_json::to_value(self.container().body).unwrap();
        body.as_object_mut().unwrap().remove("Labels");
        body
    }

    /// One part of the body; null where it is not sent.
    fn part(&self, pointer: &str) -> Value {
        self.body().pointer(pointer).cloned().unwrap_or_default()
    }
}

/// The part of the body that a service of these keys sends.
fn part(service: Value, pointer: &str) -> Value {
    bench(service).part(pointer)
}

#[test]
fn a_small_service_sends_exactly_this() {
    let bench = bench(json!({
        "image": "busybox",
        "command": ["sleep", "9"],
        "environment": {"B": "2", "A": null, "C": ""},
        "networks": {"default": null},
        "ports": [{"target": 80, "published": "8080", "protocol": "tcp", "mode": "ingress"}],
        "restart": "on-failure:3",
        "stop_grace_period": "1m30s"
    }));
    assert_eq!(
        bench.body(),
        json!({
            "Image": "busybox",
            "Cmd": ["sleep", "9"],
            "Env": ["A", "B=2", "C="],
            "AttachStdin": false, "AttachStdout": true, "AttachStderr": true,
            "Tty": false, "OpenStdin": false, "StdinOnce": false,
            "ExposedPorts": {"80/tcp": {}},
            "StopTimeout": 90,
            "HostConfig": {
                "NetworkMode": "app_default",
                "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
                "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
                "AutoRemove": false, "OomKillDisable": false, "Privileged": false,
                "ReadonlyRootfs": false, "ExtraHosts": []
            },
            "NetworkingConfig": {"EndpointsConfig": {
                "app_default": {"Aliases": ["app-web-1", "web"]}
            }}
        })
    );
}

#[test]
fn compose_s_labels_win_over_the_user_s() {
    let mut bench = bench(json!({
        "image": "busybox",
        "labels": {"mine": "1", "com.docker.compose.project": "other"},
        "depends_on": {
            "db": {"condition": "service_healthy", "restart": true},
            "cache": {"condition": "service_started"},
            "off": {"condition": "service_started", "required": false}
        }
    }));
    for name in ["db", "cache"] {
        let service = bench.service.clone();
        bench.project.services.insert(name.into(), service);
    }
    bench.project.env_files = vec!["a.env".into(), "b.env".into()];
    bench.image = Some(("sha256:77".into(), Vec::new()));
    bench.replaces = Some(("0123456789abcdef".into(), None));
    let made = bench.container();
    assert_eq!(made.name, "0123456789ab_app-web-1");
    let labels: BTreeMap<_, _> = made.body.config.labels.unwrap().into_iter().collect();
    let lines: Vec<_> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(
        lines.join("\n"),
        "\
com.docker.compose.config-hash=0a1b
com.docker.compose.container-number=1
com.docker.compose.depends_on=cache:service_started:false,db:service_healthy:true
com.docker.compose.image=sha256:77
com.docker.compose.oneoff=False
com.docker.compose.project=app
com.docker.compose.project.config_files=/srv/app/compose.yaml
com.docker.compose.project.environment_file=a.env,b.env
com.docker.compose.project.working_dir=/srv/app
com.docker.compose.replace=web-1
com.docker.compose.service=web
com.docker.compose.version=2.40.3
mine=1"
    );
}

#[test]
fn a_one_off_has_a_slug_no_number_no_restart_and_its_own_name_only() {
    let mut bench = bench(json!({
        "image": "busybox", "restart": "always", "stdin_open": true,
        "networks": {"default": {"aliases": ["www"]}}
    }));
    bench.container_name = "app-web-run-1f";
    bench.role = Role::OneOff {
        slug: "1f",
        afterwards: Afterwards::Remove,
        stdin: Stdin::Attached,
        aliases: Aliases::Own,
    };
    let made = bench.container();
    let labels = made.body.config.labels.as_ref().unwrap();
    assert_eq!(labels[label::SLUG], "1f");
    assert_eq!(labels[label::ONE_OFF], "True");
    assert!(!labels.contains_key(label::NUMBER));
    let body = serde_json::to_value(&made.body).unwrap();
    assert_eq!(body["StdinOnce"], true);
    assert_eq!(body["HostConfig"]["AutoRemove"], true);
    assert_eq!(body["HostConfig"]["RestartPolicy"], Value::Null);
    let endpoint = &body["NetworkingConfig"]["EndpointsConfig"]["app_default"];
    assert_eq!(endpoint["Aliases"], json!(["app-web-run-1f"]));
}

#[test]
fn proxy_variables_stand_below_the_service_s_own() {
    let mut bench = bench(json!({"image": "busybox", "environment": {"http_proxy": "mine"}}));
    for name in ["http_proxy", "HTTP_PROXY"] {
        bench.proxy.insert(name.into(), "theirs".into());
    }
    assert_eq!(
        bench.part("/Env"),
        json!(["HTTP_PROXY=theirs", "http_proxy=mine"])
    );
}

#[test]
fn what_the_old_form_can_say_is_a_bind_and_the_rest_a_mount() {
    let bind = |more: Value| {
        let mut bind = json!({"create_host_path": true});
        bind.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"type": "bind", "source": "/srv/x", "target": "/x", "bind": bind})
    };
    for (volume, binds, mounts) in [
        (bind(json!({})), json!(["/srv/x:/x:rw"]), Value::Null),
        (
            bind(json!({"selinux": "z"})),
            json!(["/srv/x:/x:rw,z"]),
            Value::Null,
        ),
        (
            bind(json!({"propagation": "rshared"})),
            Value::Null,
            json!([{"Type": "bind", "Source": "/srv/x", "Target": "/x", "ReadOnly": false,
                "BindOptions": {"Propagation": "rshared", "CreateMountpoint": true}}]),
        ),
        (
            bind(json!({"create_host_path": false})),
            Value::Null,
            json!([{"Type": "bind", "Source": "/srv/x", "Target": "/x", "ReadOnly": false,
                "BindOptions": {}}]),
        ),
        (
            json!({"type": "bind", "source": "/srv/x", "target": "/x", "read_only": true}),
            json!(["/srv/x:/x:ro"]),
            Value::Null,
        ),
        (
            json!({"type": "volume", "source": "data", "target": "/d", "volume": {}}),
            json!(["app_data:/d:rw"]),
            Value::Null,
        ),
        (
            json!({"type": "volume", "source": "data", "target": "/d", "volume": {"nocopy": true}}),
            Value::Null,
            json!([{"Type": "volume", "Source": "app_data", "Target": "/d", "ReadOnly": false,
                "VolumeOptions": {"NoCopy": true}}]),
        ),
        (
            json!({"type": "volume", "target": "/d", "volume": {}}),
            Value::Null,
            json!([{"Type": "volume", "Target": "/d", "ReadOnly": false,
                "VolumeOptions": {"NoCopy": false}}]),
        ),
        (
            json!({"type": "tmpfs", "target": "/t", "tmpfs": {"size": 64, "mode": 1023}}),
            Value::Null,
            json!([{"Type": "tmpfs", "Target": "/t", "ReadOnly": false,
                "TmpfsOptions": {"SizeBytes": 64, "Mode": 1023}}]),
        ),
    ] {
        let bench = bench(json!({"image": "busybox", "volumes": [volume.clone()]}));
        assert_eq!(bench.part("/HostConfig/Binds"), binds, "{volume}");
        assert_eq!(bench.part("/HostConfig/Mounts"), mounts, "{volume}");
    }
}

#[test]
fn anonymous_volumes_are_taken_over_where_the_image_or_the_service_has_one() {
    let mut bench = bench(json!({"image": "busybox", "volumes": [
        {"type": "volume", "target": "/own", "read_only": true, "volume": {}},
        {"type": "volume", "source": "data", "target": "/named", "volume": {}}
    ]}));
    let volume = |name: &str, destination: &str| Carried {
        volume: name.repeat(64),
        destination: destination.into(),
    };
    let mut old = ["1 /own", "2 /image", "3 /named", "4 /gone", "5 /other"]
        .map(|pair| pair.split_once(' ').unwrap())
        .map(|(name, destination)| volume(name, destination));
    old[4].volume = "app_named".into();
    bench.replaces = Some(("0123456789abcdef".into(), Some(old.into())));
    bench.image = Some((
        "sha256:77".into(),
        vec!["/image".into(), "/named".into(), "/other".into()],
    ));
    let made = bench.container();
    let host = serde_json::to_value(made.body.config.host_config).unwrap();
    assert_eq!(host["Binds"], json!(["app_data:/named:rw"]));
    assert_eq!(
        host["Mounts"],
        json!([
            {"Type": "volume", "Source": "2".repeat(64), "Target": "/image", "ReadOnly": false},
            {"Type": "volume", "Source": "1".repeat(64), "Target": "/own", "ReadOnly": true}
        ])
    );
}

#[test]
fn old_engines_take_the_further_networks_one_by_one() {
    let mut bench = bench(json!({
        "image": "busybox",
        "mac_address": "02:42:ac:11:00:01",
        "networks": {
            "back": {"aliases": ["b"], "ipv4_address": "10.0.0.5"},
            "default": {"priority": 10, "driver_opts": {"k": "v"}}
        }
    }));
    let made = bench.container();
    let back = json!({
        "Aliases": ["app-web-1", "web", "b"],
        "IPAMConfig": {"IPv4Address": "10.0.0.5"},
        "IPAddress": "10.0.0.5"
    });
    let default = json!({
        "Aliases": ["app-web-1", "web"], "IPAMConfig": {}, "DriverOpts": {"k": "v"}
    });
    assert_eq!(bench.part("/MacAddress"), "02:42:ac:11:00:01");
    assert_eq!(bench.part("/HostConfig/NetworkMode"), "app_default");
    assert_eq!(
        bench.part("/NetworkingConfig/EndpointsConfig"),
        json!({"app_default": default})
    );
    assert_eq!(made.connect.len(), 1);
    assert_eq!(made.connect[0].network, "app_back");
    assert_eq!(
        serde_json::to_value(&made.connect[0].endpoint).unwrap(),
        back
    );

    bench.api = (1, 44);
    let made = bench.container();
    assert_eq!(made.connect, []);
    assert_eq!(made.body.mac_address, None);
    let mut default = default;
    default["MacAddress"] = json!("02:42:ac:11:00:01");
    assert_eq!(
        bench.part("/NetworkingConfig/EndpointsConfig"),
        json!({"app_back": back, "app_default": default})
    );
}

#[test]
fn links_name_every_container_of_the_service() {
    let mut bench = bench(json!({
        "image": "busybox", "links": ["db:database"], "external_links": ["other_redis_1:redis"]
    }));
    bench.peers.insert(
        "db".into(),
        vec![Peer {
            id: "1".into(),
            name: "app-db-1".into(),
        }],
    );
    let links = json!([
        "app-db-1:database",
        "app-db-1:db-1",
        "app-db-1:app-db-1",
        "other_redis_1:redis"
    ]);
    assert_eq!(bench.part("/HostConfig/Links"), links);
    assert_eq!(
        bench.part("/NetworkingConfig/EndpointsConfig/app_default/Links"),
        links
    );
}

#[test]
fn a_shared_namespace_is_that_of_the_first_container_by_name() {
    let service: Service = serde_json::from_value(json!({
        "network_mode": "service:db", "ipc": "shareable", "pid": "service:db",
        "volumes_from": ["db:ro", "container:outside:rw"]
    }))
    .unwrap();
    let peer = |id: &str, name: &str| Peer {
        id: id.into(),
        name: name.into(),
    };
    let peers = [(
        ServiceName::from("db"),
        vec![peer("2", "app-db-2"), peer("1", "app-db-1")],
    )]
    .into();
    let resolved = resolve(&service, &peers).unwrap();
    assert_eq!(resolved.network_mode, "container:1");
    assert_eq!(resolved.ipc, "shareable");
    assert_eq!(resolved.pid, "container:1");
    assert_eq!(resolved.volumes_from, ["1", "outside"]);
    assert_eq!(
        resolve(&service, &Peers::new()).unwrap_err().to_string(),
        "error: cannot share volume with service db: container missing\nhint: `up db` makes one"
    );
}

#[test]
fn a_service_that_shares_a_network_sends_none_of_its_own() {
    let bench = bench(json!({"image": "busybox", "network_mode": "container:1"}));
    assert_eq!(bench.part("/HostConfig/NetworkMode"), "container:1");
    assert_eq!(bench.part("/NetworkingConfig"), Value::Null);
}

#[test]
fn deploy_says_it_last() {
    let service = json!({
        "image": "busybox", "mem_limit": "64m", "cpus": 0.5, "restart": "always",
        "deploy": {
            "resources": {
                "limits": {"memory": "128m", "pids": 20},
                "reservations": {"devices": [{"capabilities": ["gpu"], "count": 2}]}
            },
            "restart_policy": {"condition": "any", "max_attempts": 4}
        }
    });
    assert_eq!(part(service.clone(), "/HostConfig/Memory"), 128 << 20);
    assert_eq!(part(service.clone(), "/HostConfig/NanoCpus"), 500_000_000);
    assert_eq!(part(service.clone(), "/HostConfig/PidsLimit"), 20);
    assert_eq!(
        part(service.clone(), "/HostConfig/RestartPolicy"),
        json!({"Name": "always", "MaximumRetryCount": 4})
    );
    assert_eq!(
        part(service, "/HostConfig/DeviceRequests"),
        json!([{"Count": 2, "Capabilities": [["gpu"]]}])
    );
}

#[test]
fn a_seccomp_profile_travels_inside_the_body() {
    let mut bench = bench(json!({
        "image": "busybox",
        "security_opt": ["no-new-privileges:true", "systempaths=unconfined", "seccomp:s.json"]
    }));
    let fails = bench.fails();
    bench.read = |path| {
        assert_eq!(path, "/srv/app/s.json");
        Ok("{ \"defaultAction\":\n \"SCMP_ACT_ALLOW\" }".to_owned())
    };
    let host = bench.part("/HostConfig");
    assert_eq!(
        host["SecurityOpt"],
        json!([
            "no-new-privileges:true",
            "seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}"
        ])
    );
    assert_eq!(host["MaskedPaths"], json!([]));
    assert_eq!(
        fails,
        "error: cannot use the seccomp profile `s.json` of service `web`: /srv/app/s.json"
    );
}

#[test]
fn what_the_engine_is_too_old_for_is_said_before_it_is_asked() {
    for (service, message) in [
        (
            json!({"image": "x", "healthcheck": {"start_interval": "1s"}}),
            "error: service `web`: can't set healthcheck.start_interval as feature require \
             Docker Engine v25 or later",
        ),
        (
            json!({"image": "x", "networks": {"back": {"interface_name": "eth9"}}}),
            "\
error: service `web` sets `interface_name`, which this engine does not have
hint: `interface_name` needs Docker Engine 28.1 or later",
        ),
        (
            json!({"image": "x", "volumes": [{"type": "image", "source": "y", "target": "/y"}]}),
            "\
error: service `web` mounts the image `y` at `/y`, which this engine cannot do
hint: mounts of type `image` need Docker Engine 28 or later",
        ),
        (
            json!({"image": "x", "networks": {
                "back": {"mac_address": "02:42:ac:11:00:01"},
                "default": {"mac_address": "02:42:ac:11:00:02"}
            }}),
            "\
error: service `web` has hardware addresses on several networks (`back`, `default`), which this \
engine cannot give
hint: a hardware address for each network needs Docker Engine 25 or later",
        ),
        (
            json!({"image": "x", "restart": "sometimes"}),
            "\
error: service `web` has the restart policy `sometimes`, which does not exist
hint: one of `no`, `always`, `unless-stopped`, `on-failure[:attempts]`",
        ),
    ] {
        assert_eq!(bench(service).fails(), message);
    }
}

#[test]
fn a_file_is_bound_and_a_text_is_written_into_the_container() {
    let mut bench = bench(json!({
        "image": "busybox",
        "configs": [{"source": "text", "target": "etc/app.conf", "uid": "7", "mode": "0440"}],
        "secrets": [{"source": "key"}, {"source": "file", "target": "other"}]
    }));
    let object = |file: &str, environment: &str, content: &str| FileObject {
        file: file.into(),
        environment: environment.into(),
        content: content.into(),
        ..FileObject::default()
    };
    bench.project.configs = [("text".to_owned(), object("", "", "a=1"))].into();
    bench.project.secrets = [
        ("key".to_owned(), object("", "KEY", "")),
        ("file".to_owned(), object("/srv/app/file", "", "")),
    ]
    .into();
    let asked = |bench: &Bench| files(&bench.project, &"web".into(), &bench.service);
    assert_eq!(
        asked(&bench).unwrap_err().to_string(),
        "error: environment variable `KEY`, which the secret `key` is made of, is not set"
    );
    bench.project.environment.insert("KEY".into(), "k".into());
    let written = asked(&bench).unwrap();
    assert_eq!(
        format!("{written:?}"),
        "[/run/secrets/key (0:0, 0444), /etc/app.conf (7:0, 0440)]"
    );
    assert_eq!(written[1].content, "a=1");
    let tar = archive(&written, 1).unwrap();
    let names: Vec<_> = tar::Archive::new(&*tar)
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names, ["run/secrets/key", "etc/app.conf"]);
    assert_eq!(
        bench.part("/HostConfig/Mounts"),
        json!([{"Type": "bind", "Source": "/srv/app/file", "Target": "/run/secrets/other",
            "ReadOnly": true, "BindOptions": {}}])
    );
    bench.service.read_only = true;
    assert_eq!(
        asked(&bench).unwrap_err().to_string(),
        "\
error: service `web` is `read_only`, so its secret `key` cannot be written into it
hint: define the secret with `file:`, which is mounted"
    );
}

#[test]
fn a_pre_start_hook_has_the_service_s_volumes_and_networks_but_not_its_names() {
    let bench = bench(json!({
        "image": "busybox",
        "environment": {"A": "1", "B": "2"},
        "networks": {"default": {"aliases": ["www"], "ipv4_address": "10.0.0.5"}}
    }));
    let hook: crate::project::Hook = serde_json::from_value(json!({
        "command": ["migrate"], "user": "root", "environment": {"B": "3"}
    }))
    .unwrap();
    let made = bench
        .ask(|request| pre_start(&request, &hook, &"77".into()))
        .unwrap();
    assert_eq!(
        serde_json::to_value(made.body).unwrap(),
        json!({
            "Image": "busybox", "Cmd": ["migrate"], "User": "root", "Env": ["A=1", "B=3"],
            "AttachStdout": true, "AttachStderr": true,
            "Labels": {
                "com.docker.compose.project": "app",
                "com.docker.compose.service": "web",
                "com.docker.compose.version": "2.40.3"
            },
            "HostConfig": {
                "AutoRemove": true, "Privileged": false, "VolumesFrom": ["77"],
                "NetworkMode": "app_default"
            },
            "NetworkingConfig": {"EndpointsConfig": {"app_default": {}}}
        })
    );
}

#[test]
fn networks_and_volumes_carry_their_key_and_hash() {
    let bench = bench(json!({"image": "busybox"}));
    let described: Network = serde_json::from_value(json!({
        "name": "app_back", "driver": "bridge", "internal": true,
        "labels": {"mine": "1"},
        "ipam": {
            "config": [{"subnet": "10.9.0.0/24", "gateway": "10.9.0.1"}], "options": {"a": "b"}
        }
    }))
    .unwrap();
    let body = network(&bench.project, "back", &described, &bench.stamp);
    let labels = |key: &str, value: &str| {
        json!({
            key: value,
            "com.docker.compose.project": "app",
            "com.docker.compose.version": "2.40.3",
            "com.docker.compose.config-hash": "0a1b",
            "mine": "1"
        })
    };
    assert_eq!(
        serde_json::to_value(body).unwrap(),
        json!({
            "Name": "app_back", "Driver": "bridge", "Internal": true, "Attachable": false,
            "CheckDuplicate": true,
            "IPAM": {
                "Config": [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1"}], "Options": {"a": "b"}
            },
            "Labels": labels("com.docker.compose.network", "back")
        })
    );
    let described: Volume = serde_json::from_value(json!({
        "name": "app_data", "driver_opts": {"type": "tmpfs"}, "labels": {"mine": "1"}
    }))
    .unwrap();
    assert_eq!(
        serde_json::to_value(volume(&bench.project, "data", &described, &bench.stamp)).unwrap(),
        json!({
            "Name": "app_data", "DriverOpts": {"type": "tmpfs"},
            "Labels": labels("com.docker.compose.volume", "data")
        })
    );
}
