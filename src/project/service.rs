//! A service and everything below it but `build` and `deploy`.

use std::collections::BTreeMap;

use std::borrow::Cow;
use std::ops::Deref;

use serde::Deserialize;

use super::{
    Always, Build, Deploy, DeviceRequest, Duration, FileMode, Form, OptOut, Render, ShellCommand,
    Tree, UnitBytes, model, serialize_as_json,
};
use crate::name::ServiceName;

/// Keys with values; an absent value is taken from the environment or left out.
pub type Environment = BTreeMap<String, Option<String>>;
/// Keys with values.
pub type Mapping = BTreeMap<String, String>;

/// `x-*` keys, kept as they are; shown in YAML among the fields of what they extend.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Extensions(pub BTreeMap<String, serde_json::Value>);

impl Deref for Extensions {
    type Target = BTreeMap<String, serde_json::Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Render for Extensions {
    fn hidden(&self, _form: Form) -> bool {
        self.0.is_empty()
    }

    fn render(&self, form: Form) -> Tree {
        self.0.render(form)
    }

    fn put(&self, _key: &'static str, form: Form, fields: &mut Vec<(Cow<'static, str>, Tree)>) {
        if form == Form::Yaml {
            for (key, value) in &self.0 {
                fields.push((Cow::Owned(key.clone()), value.render(form)));
            }
        }
    }
}

model! {
    /// One entry of `services:`.
    pub struct Service {
        profiles: Vec<String>,
        annotations: Mapping,
        attach: Option<bool>,
        build: Option<Box<Build>>,
        develop: Option<Box<Develop>>,
        blkio_config: Option<Box<BlkioConfig>>,
        cap_add: Vec<String>,
        cap_drop: Vec<String>,
        cgroup_parent: String,
        cgroup: String,
        cpu_count: i64,
        cpu_percent: f32,
        cpu_period: i64,
        cpu_quota: i64,
        cpu_rt_period: i64,
        cpu_rt_runtime: i64,
        cpus: f32,
        cpuset: String,
        cpu_shares: i64,
        command: ShellCommand,
        configs: Vec<FileReference>,
        container_name: String,
        credential_spec: Option<Box<CredentialSpec>>,
        depends_on: BTreeMap<ServiceName, Dependency>,
        deploy: Option<Box<Deploy>>,
        device_cgroup_rules: Vec<String>,
        devices: Vec<DeviceMapping>,
        dns: Vec<String>,
        dns_opt: Vec<String>,
        dns_search: Vec<String>,
        dockerfile: String,
        domainname: String,
        entrypoint: ShellCommand,
        provider: Option<Box<Provider>>,
        environment: Environment,
        env_file: Vec<EnvFile>,
        expose: Vec<String>,
        extends: Option<Box<Extends>>,
        external_links: Vec<String>,
        extra_hosts: ExtraHosts,
        group_add: Vec<String>,
        gpus: Vec<DeviceRequest>,
        hostname: String,
        healthcheck: Option<Box<HealthCheck>>,
        image: String,
        init: Option<bool>,
        ipc: String,
        isolation: String,
        labels: Mapping,
        label_file: Vec<String>,
        links: Vec<String>,
        logging: Option<Box<Logging>>,
        log_driver: String,
        log_opt: Mapping,
        mem_limit: UnitBytes,
        mem_reservation: UnitBytes,
        memswap_limit: UnitBytes,
        mem_swappiness: UnitBytes,
        mac_address: String,
        models: BTreeMap<String, Option<ServiceModel>>,
        net: String,
        network_mode: String,
        networks: BTreeMap<String, Option<ServiceNetwork>>,
        oom_kill_disable: bool,
        oom_score_adj: i64,
        pid: String,
        pids_limit: i64,
        platform: String,
        ports: Vec<Port>,
        privileged: bool,
        pull_policy: String,
        read_only: bool,
        restart: String,
        runtime: String,
        scale: Option<i64>,
        secrets: Vec<FileReference>,
        security_opt: Vec<String>,
        shm_size: UnitBytes,
        stdin_open: bool,
        stop_grace_period: Option<Duration>,
        stop_signal: String,
        storage_opt: Mapping,
        sysctls: Mapping,
        tmpfs: Vec<String>,
        tty: bool,
        ulimits: BTreeMap<String, Ulimit>,
        use_api_socket: bool,
        user: String,
        userns_mode: String,
        uts: String,
        volume_driver: String,
        volumes: Vec<Mount>,
        volumes_from: Vec<String>,
        working_dir: String,
        pre_start: Vec<Hook>,
        post_start: Vec<Hook>,
        pre_stop: Vec<Hook>,
        extensions: Extensions,
    }

    /// `develop:` what live reload does.
    pub struct Develop {
        watch: Vec<Trigger>,
        extensions: Extensions,
    }

    /// `blkio_config:` weights and limits of block I/O.
    pub struct BlkioConfig {
        weight: u16,
        weight_device: Vec<WeightDevice>,
        device_read_bps: Vec<ThrottleDevice>,
        device_read_iops: Vec<ThrottleDevice>,
        device_write_bps: Vec<ThrottleDevice>,
        device_write_iops: Vec<ThrottleDevice>,
        extensions: Extensions,
    }

    /// A config or secret granted to a service.
    pub struct FileReference {
        source: String,
        target: String,
        uid: String,
        gid: String,
        mode: Option<FileMode>,
        extensions: Extensions,
    }

    /// `credential_spec:` of a Windows service.
    pub struct CredentialSpec {
        config: String,
        file: String,
        registry: String,
        extensions: Extensions,
    }

    /// One entry of `depends_on:`.
    pub struct Dependency {
        condition: Condition,
        restart: bool,
        required: Always,
        extensions: Extensions,
    }

    /// One device of the host in the container.
    pub struct DeviceMapping {
        source: String,
        target: String,
        permissions: String,
        extensions: Extensions,
    }

    /// `provider:` an external program that stands for the service.
    pub struct Provider {
        r#type: String,
        options: BTreeMap<String, Vec<String>>,
        extensions: Extensions,
    }

    /// `extends:` before it is resolved.
    pub struct Extends {
        file: String,
        service: String,
    }

    /// `healthcheck:`.
    pub struct HealthCheck {
        #[serde(deserialize_with = "health_test")]
        test: Vec<String>,
        timeout: Option<Duration>,
        interval: Option<Duration>,
        retries: Option<u64>,
        start_period: Option<Duration>,
        start_interval: Option<Duration>,
        disable: bool,
        extensions: Extensions,
    }

    /// `logging:`.
    pub struct Logging {
        driver: String,
        options: Mapping,
        extensions: Extensions,
    }

    /// How a service asks for a model.
    pub struct ServiceModel {
        endpoint_var: String,
        model_var: String,
        extensions: Extensions,
    }

    /// A service's place on one network.
    pub struct ServiceNetwork {
        aliases: Vec<String>,
        driver_opts: Mapping,
        gw_priority: i64,
        interface_name: String,
        ipv4_address: String,
        ipv6_address: String,
        link_local_ips: Vec<String>,
        mac_address: String,
        priority: i64,
        extensions: Extensions,
    }

    /// One published port, in the long form; `published` may be a range.
    pub struct Port {
        name: String,
        mode: String,
        host_ip: String,
        target: u32,
        published: String,
        protocol: String,
        app_protocol: String,
        extensions: Extensions,
    }

    /// One mount, in the long form.
    pub struct Mount {
        r#type: MountType,
        source: String,
        target: String,
        read_only: bool,
        consistency: String,
        bind: Option<BindOptions>,
        volume: Option<VolumeOptions>,
        tmpfs: Option<TmpfsOptions>,
        image: Option<ImageOptions>,
        extensions: Extensions,
    }

    /// Options of a bind mount.
    pub struct BindOptions {
        selinux: String,
        propagation: String,
        create_host_path: OptOut,
        recursive: String,
        extensions: Extensions,
    }

    /// Options of a volume mount.
    pub struct VolumeOptions {
        labels: Mapping,
        nocopy: bool,
        subpath: String,
        extensions: Extensions,
    }

    /// Options of a tmpfs mount.
    pub struct TmpfsOptions {
        size: UnitBytes,
        mode: u32,
        extensions: Extensions,
    }

    /// Options of an image mount.
    pub struct ImageOptions {
        subpath: String,
        extensions: Extensions,
    }
}

impl Service {
    /// How many containers it shall have.
    pub fn replicas(&self) -> i64 {
        self.scale
            .or_else(|| self.deploy.as_ref()?.replicas)
            .unwrap_or(1)
    }
}

/// What a dependent waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Condition {
    /// The dependency's containers run.
    #[default]
    #[serde(rename = "service_started")]
    Started,
    /// Its healthcheck passes.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// It ended with 0.
    #[serde(rename = "service_completed_successfully")]
    CompletedSuccessfully,
}

impl Condition {
    /// Its word in a compose file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Healthy => "service_healthy",
            Self::CompletedSuccessfully => "service_completed_successfully",
        }
    }
}

impl Render for Condition {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Text(self.as_str().to_owned())
    }
}

/// The kind of a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountType {
    /// A path of the host.
    Bind,
    /// A volume of the engine.
    #[default]
    Volume,
    /// Memory.
    Tmpfs,
    /// A swarm cluster volume.
    Cluster,
    /// A Windows named pipe.
    Npipe,
    /// The content of an image.
    Image,
}

impl MountType {
    /// Its word in a compose file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Volume => "volume",
            Self::Tmpfs => "tmpfs",
            Self::Cluster => "cluster",
            Self::Npipe => "npipe",
            Self::Image => "image",
        }
    }
}

impl Render for MountType {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Text(self.as_str().to_owned())
    }
}

/// One device with its weight.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct WeightDevice {
    /// The device's path.
    pub path: String,
    /// 10 to 1000.
    pub weight: u16,
}

impl Render for WeightDevice {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    fn render(&self, form: Form) -> Tree {
        untagged(
            form,
            [
                ("Path", "path", self.path.render(form)),
                ("Weight", "weight", self.weight.render(form)),
            ],
        )
    }
}

/// One device with its limit: bytes or operations a second.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ThrottleDevice {
    /// The device's path.
    pub path: String,
    /// Bytes or operations a second.
    pub rate: UnitBytes,
}

impl Render for ThrottleDevice {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    fn render(&self, form: Form) -> Tree {
        untagged(
            form,
            [
                ("Path", "path", self.path.render(form)),
                ("Rate", "rate", self.rate.render(form)),
            ],
        )
    }
}

/// Fields that have no name of their own in Go: JSON shows Go's, YAML the lower case of it.
fn untagged<const N: usize>(form: Form, fields: [(&'static str, &'static str, Tree); N]) -> Tree {
    let name = |json, yaml| match form {
        Form::Json => Cow::Borrowed(json),
        Form::Yaml => Cow::Borrowed(yaml),
    };
    Tree::Fields(
        fields
            .into_iter()
            .map(|(json, yaml, value)| (name(json, yaml), value))
            .collect(),
    )
}

/// One rule of `develop.watch`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Trigger {
    /// What is watched: a file or folder of the host.
    pub path: String,
    /// What a change does: `sync`, `rebuild`, `restart`, `sync+restart` or `sync+exec`.
    pub action: String,
    /// Where it goes in the container.
    pub target: String,
    /// What runs after a sync.
    pub exec: Hook,
    /// Only these patterns.
    pub include: Vec<String>,
    /// Never these patterns.
    pub ignore: Vec<String>,
    /// Whether what differs at the start is copied.
    pub initial_sync: bool,
    /// `x-*` keys.
    pub extensions: Extensions,
}

impl Render for Trigger {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    fn render(&self, form: Form) -> Tree {
        let mut fields = vec![
            ("path".into(), self.path.render(form)),
            ("action".into(), self.action.render(form)),
        ];
        self.target.put("target", form, &mut fields);
        self.exec.put("exec", form, &mut fields);
        self.include.put("include", form, &mut fields);
        self.ignore.put("ignore", form, &mut fields);
        self.initial_sync.put("initial_sync", form, &mut fields);
        self.extensions.put("extensions", form, &mut fields);
        Tree::Fields(fields)
    }
}

model! {
    /// A command run at a point of a container's life.
    pub struct Hook {
        command: ShellCommand,
        image: String,
        user: String,
        privileged: bool,
        working_dir: String,
        environment: Environment,
        per_replica: bool,
    }
}

/// One file of `env_file:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EnvFile {
    /// The file.
    pub path: String,
    /// Whether it has to be there.
    pub required: Always,
    /// Empty for dotenv, `raw` for Docker's own form.
    pub format: String,
}

impl Render for EnvFile {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    /// Only the path of a file that has to be there, whatever its format.
    fn render(&self, form: Form) -> Tree {
        if self.required.0 {
            return self.path.render(form);
        }
        let mut fields = Vec::new();
        self.path.put("path", form, &mut fields);
        self.required.put("required", form, &mut fields);
        if form == Form::Json {
            self.format.put("format", form, &mut fields);
        }
        Tree::Fields(fields)
    }
}

/// One limit: the same number for both, or a soft and a hard one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Ulimit {
    /// Both limits are this.
    Single(i64),
    /// Two limits.
    Pair {
        /// What the process starts with.
        #[serde(default)]
        soft: i64,
        /// What it may raise it to.
        #[serde(default)]
        hard: i64,
    },
}

impl Render for Ulimit {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    fn render(&self, form: Form) -> Tree {
        let (soft, hard) = match *self {
            Self::Single(limit) if limit != 0 => return Tree::Int(limit),
            Self::Single(_) => (0, 0),
            Self::Pair { soft, hard } => (soft, hard),
        };
        let mut fields = vec![
            ("soft".into(), Tree::Int(soft)),
            ("hard".into(), Tree::Int(hard)),
        ];
        if form == Form::Json {
            fields.retain(|(_, limit)| *limit != Tree::Int(0));
        }
        Tree::Fields(fields)
    }
}

/// Extra lines of `/etc/hosts`: a host and its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ExtraHosts(pub BTreeMap<String, Vec<String>>);

impl ExtraHosts {
    /// `host<separator>address` for each pair, sorted as Compose sorts them.
    pub fn entries(&self, separator: &str) -> Vec<String> {
        let mut entries: Vec<String> = self
            .0
            .iter()
            .flat_map(|(host, ips)| ips.iter().map(move |ip| format!("{host}{separator}{ip}")))
            .collect();
        entries.sort();
        entries
    }
}

impl Render for ExtraHosts {
    fn hidden(&self, _form: Form) -> bool {
        self.0.is_empty()
    }

    fn render(&self, form: Form) -> Tree {
        self.entries("=").render(form)
    }
}

serialize_as_json!(
    Condition,
    MountType,
    WeightDevice,
    ThrottleDevice,
    Trigger,
    EnvFile,
    Ulimit,
    ExtraHosts
);

/// For serde: a text is a command line for the container's shell.
fn health_test<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Words;
    impl<'de> serde::de::Visitor<'de> for Words {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a text or a list of texts")
        }
        fn visit_str<E>(self, line: &str) -> Result<Self::Value, E> {
            Ok(vec!["CMD-SHELL".to_owned(), line.to_owned()])
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut list: A,
        ) -> Result<Self::Value, A::Error> {
            let mut words = Vec::new();
            while let Some(word) = list.next_element()? {
                words.push(word);
            }
            Ok(words)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }
    }
    deserializer.deserialize_any(Words)
}
