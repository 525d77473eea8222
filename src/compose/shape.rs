//! The shape of a compose file: which keys there are and what they hold.
//!
//! One table, read by the validation and by `dco schema`. It is the schema of the Compose
//! specification (compose-go's `compose-spec.json`, with what Compose 5.5 added to it).

/// Nothing.
pub const N: u8 = 1;
/// A boolean.
pub const B: u8 = 2;
/// An integer.
pub const I: u8 = 4;
/// Any number.
pub const F: u8 = 8;
/// A string.
pub const S: u8 = 16;
/// A list.
pub const L: u8 = 32;
/// A mapping.
pub const M: u8 = 64;
/// Anything.
pub const ANY: u8 = 127;

/// What a value may be.
#[derive(Debug)]
pub struct Shape {
    /// The kinds it may be of.
    pub kinds: u8,
    /// What a string has to be.
    pub text: Text,
    /// The least and the greatest integer.
    pub range: Option<(i64, i64)>,
    /// What a list holds.
    pub items: Option<&'static Shape>,
    /// Whether a list may hold a value once only.
    pub unique: bool,
    /// What a mapping holds.
    pub object: Option<&'static Object>,
}

/// What a string has to be.
#[derive(Clone, Copy, Debug)]
pub enum Text {
    /// Anything.
    Any,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A name of a container: it has to hold a letter or digit and one more of its characters.
    ContainerName,
    /// A pull policy: it has to hold one of the words.
    PullPolicy,
}

/// What a mapping holds.
#[derive(Debug)]
pub struct Object {
    /// The keys with a meaning.
    pub fields: &'static [(&'static str, &'static Shape)],
    /// The keys that have to be there.
    pub required: &'static [&'static str],
    /// What other keys there may be.
    pub others: Others,
}

/// What keys there may be beside those with a meaning.
#[derive(Clone, Copy, Debug)]
pub enum Others {
    /// None.
    No,
    /// `x-*`.
    Extensions,
    /// Any key, holding this.
    Any(&'static Shape),
    /// Names of resources (`[a-zA-Z0-9._-]+`), holding this.
    Names(&'static Shape),
    /// Names of resources, holding this; any other key is passed over.
    LooseNames(&'static Shape),
    /// Lower-case words, holding this; any other key is passed over.
    LooseWords(&'static Shape),
    /// Anything at all.
    Open,
}

const fn kinds(kinds: u8) -> Shape {
    Shape {
        kinds,
        text: Text::Any,
        range: None,
        items: None,
        unique: false,
        object: None,
    }
}

const fn one_of(words: &'static [&'static str]) -> Shape {
    Shape {
        text: Text::OneOf(words),
        ..kinds(S)
    }
}

const fn range(also: u8, least: i64, greatest: i64) -> Shape {
    Shape {
        range: Some((least, greatest)),
        ..kinds(I | also)
    }
}

const fn list(items: &'static Shape) -> Shape {
    Shape {
        items: Some(items),
        ..kinds(L)
    }
}

const fn set(items: &'static Shape) -> Shape {
    Shape {
        unique: true,
        ..list(items)
    }
}

const fn map(object: &'static Object) -> Shape {
    Shape {
        object: Some(object),
        ..kinds(M)
    }
}

const fn also(kinds: u8, shape: Shape) -> Shape {
    Shape {
        kinds: shape.kinds | kinds,
        ..shape
    }
}

const fn list_or_map(items: &'static Shape, unique: bool, object: &'static Object) -> Shape {
    Shape {
        kinds: L | M,
        text: Text::Any,
        range: None,
        items: Some(items),
        unique,
        object: Some(object),
    }
}

const fn fields(fields: &'static [(&'static str, &'static Shape)]) -> Object {
    Object {
        fields,
        required: &[],
        others: Others::Extensions,
    }
}

const fn only(shape: Others) -> Object {
    Object {
        fields: &[],
        required: &[],
        others: shape,
    }
}

static ANYTHING: Shape = kinds(ANY);
static TEXT: Shape = kinds(S);
static BOOL: Shape = kinds(B);
static BOOL_TEXT: Shape = kinds(B | S);
static INT: Shape = kinds(I);
static INT_TEXT: Shape = kinds(I | S);
static NUMBER: Shape = kinds(F);
static NUMBER_TEXT: Shape = kinds(F | S);
static NUMBER_TEXT_NULL: Shape = kinds(F | S | N);
static SCALAR: Shape = kinds(F | S | B);
static SCALAR_NULL: Shape = kinds(F | S | B | N);
static COUNT: Shape = range(S, 0, i64::MAX);

static TEXTS: Shape = list(&TEXT);
static TEXT_SET: Shape = set(&TEXT);
static TEXT_OR_SET: Shape = also(S, set(&TEXT));
static TEXT_OR_TEXTS: Shape = also(S, list(&TEXT));
static NUMBER_TEXT_SET: Shape = set(&NUMBER_TEXT);
static COMMAND: Shape = also(S | N, list(&TEXT));

static SCALARS: Object = only(Others::Any(&SCALAR_NULL));
static LIST_OR_MAP: Shape = list_or_map(&TEXT, true, &SCALARS);
static HOSTS: Object = only(Others::Any(&TEXT_OR_TEXTS));
static EXTRA_HOSTS: Shape = list_or_map(&TEXT, true, &HOSTS);
static OPTIONS: Object = only(Others::Any(&NUMBER_TEXT));
static DRIVER_OPTIONS: Shape = map(&OPTIONS);
static TEXT_MAP: Object = only(Others::Any(&TEXT));
static TEXT_OPTIONS: Shape = map(&TEXT_MAP);
static OPEN: Object = only(Others::Open);
static OPEN_MAP: Shape = map(&OPEN);

/// A whole file.
pub static FILE: Shape = map(&FILE_FIELDS);
static FILE_FIELDS: Object = fields(&[
    ("version", &TEXT),
    ("name", &TEXT),
    ("include", &INCLUDES),
    ("services", &SERVICES),
    ("models", &MODELS),
    ("networks", &NETWORKS),
    ("volumes", &VOLUMES),
    ("secrets", &SECRETS),
    ("configs", &CONFIGS),
]);

static INCLUDES: Shape = list(&INCLUDE);
static INCLUDE: Shape = also(S, map(&INCLUDE_FIELDS));
static INCLUDE_FIELDS: Object = Object {
    fields: &[
        ("path", &TEXT_OR_SET),
        ("env_file", &TEXT_OR_SET),
        ("project_directory", &TEXT),
    ],
    required: &[],
    others: Others::No,
};

static SERVICES: Shape = map(&SERVICE_NAMES);
static SERVICE_NAMES: Object = only(Others::Names(&SERVICE));
static SERVICE: Shape = map(&SERVICE_FIELDS);
static SERVICE_FIELDS: Object = fields(&[
    ("annotations", &LIST_OR_MAP),
    ("attach", &BOOL_TEXT),
    ("blkio_config", &BLKIO),
    ("build", &BUILD),
    ("cap_add", &TEXT_SET),
    ("cap_drop", &TEXT_SET),
    ("cgroup", &CGROUP),
    ("cgroup_parent", &TEXT),
    ("command", &COMMAND),
    ("configs", &FILE_GRANTS),
    ("container_name", &CONTAINER_NAME),
    ("cpu_count", &COUNT),
    ("cpu_percent", &PERCENT),
    ("cpu_period", &NUMBER_TEXT),
    ("cpu_quota", &NUMBER_TEXT),
    ("cpu_rt_period", &NUMBER_TEXT),
    ("cpu_rt_runtime", &NUMBER_TEXT),
    ("cpu_shares", &NUMBER_TEXT),
    ("cpus", &NUMBER_TEXT),
    ("cpuset", &TEXT),
    ("credential_spec", &CREDENTIAL_SPEC),
    ("depends_on", &DEPENDS_ON),
    ("deploy", &DEPLOY),
    ("develop", &DEVELOP),
    ("device_cgroup_rules", &TEXT_SET),
    ("devices", &DEVICES),
    ("dns", &TEXT_OR_SET),
    ("dns_opt", &TEXT_SET),
    ("dns_search", &TEXT_OR_SET),
    ("domainname", &TEXT),
    ("entrypoint", &COMMAND),
    ("env_file", &ENV_FILE),
    ("environment", &LIST_OR_MAP),
    ("expose", &NUMBER_TEXT_SET),
    ("extends", &EXTENDS),
    ("external_links", &TEXT_SET),
    ("extra_hosts", &EXTRA_HOSTS),
    ("gpus", &GPUS),
    ("group_add", &NUMBER_TEXT_SET),
    ("healthcheck", &HEALTHCHECK),
    ("hostname", &TEXT),
    ("image", &TEXT),
    ("init", &BOOL_TEXT),
    ("ipc", &TEXT),
    ("isolation", &TEXT),
    ("label_file", &TEXT_OR_TEXTS),
    ("labels", &LIST_OR_MAP),
    ("links", &TEXT_SET),
    ("logging", &LOGGING),
    ("mac_address", &TEXT),
    ("mem_limit", &NUMBER_TEXT),
    ("mem_reservation", &INT_TEXT),
    ("mem_swappiness", &INT_TEXT),
    ("memswap_limit", &NUMBER_TEXT),
    ("models", &SERVICE_MODELS),
    ("network_mode", &TEXT),
    ("networks", &SERVICE_NETWORKS),
    ("oom_kill_disable", &BOOL_TEXT),
    ("oom_score_adj", &OOM_SCORE),
    ("pid", &TEXT_NULL),
    ("pids_limit", &NUMBER_TEXT),
    ("platform", &TEXT),
    ("ports", &PORTS),
    ("post_start", &HOOKS),
    ("pre_start", &START_HOOKS),
    ("pre_stop", &HOOKS),
    ("privileged", &BOOL_TEXT),
    ("profiles", &TEXT_SET),
    ("provider", &PROVIDER),
    ("pull_policy", &PULL_POLICY),
    ("pull_refresh_after", &TEXT),
    ("read_only", &BOOL_TEXT),
    ("restart", &TEXT),
    ("runtime", &TEXT),
    ("scale", &INT_TEXT),
    ("secrets", &FILE_GRANTS),
    ("security_opt", &TEXT_SET),
    ("shm_size", &NUMBER_TEXT),
    ("stdin_open", &BOOL_TEXT),
    ("stop_grace_period", &TEXT),
    ("stop_signal", &TEXT),
    ("storage_opt", &OPEN_MAP),
    ("sysctls", &LIST_OR_MAP),
    ("tmpfs", &TEXT_OR_SET),
    ("tty", &BOOL_TEXT),
    ("ulimits", &ULIMITS),
    ("use_api_socket", &BOOL),
    ("user", &TEXT),
    ("userns_mode", &TEXT),
    ("uts", &TEXT),
    ("volumes", &MOUNTS),
    ("volumes_from", &TEXT_SET),
    ("working_dir", &TEXT),
]);

static CGROUP: Shape = one_of(&["host", "private"]);
static PERCENT: Shape = range(S, 0, 100);
static OOM_SCORE: Shape = range(S, -1000, 1000);
static TEXT_NULL: Shape = kinds(S | N);
static CONTAINER_NAME: Shape = Shape {
    text: Text::ContainerName,
    ..kinds(S)
};
static PULL_POLICY: Shape = Shape {
    text: Text::PullPolicy,
    ..kinds(S)
};

static BUILD: Shape = also(S, map(&BUILD_FIELDS));
static BUILD_FIELDS: Object = fields(&[
    ("additional_contexts", &LIST_OR_MAP),
    ("args", &LIST_OR_MAP),
    ("cache_from", &TEXTS),
    ("cache_to", &TEXTS),
    ("context", &TEXT),
    ("dockerfile", &TEXT),
    ("dockerfile_inline", &TEXT),
    ("entitlements", &TEXTS),
    ("extra_hosts", &EXTRA_HOSTS),
    ("isolation", &TEXT),
    ("labels", &LIST_OR_MAP),
    ("network", &TEXT),
    ("no_cache", &BOOL_TEXT),
    ("no_cache_filter", &TEXT_OR_SET),
    ("platforms", &TEXTS),
    ("privileged", &BOOL_TEXT),
    ("provenance", &BOOL_TEXT),
    ("pull", &BOOL_TEXT),
    ("sbom", &BOOL_TEXT),
    ("secrets", &FILE_GRANTS),
    ("shm_size", &INT_TEXT),
    ("ssh", &LIST_OR_MAP),
    ("tags", &TEXTS),
    ("target", &TEXT),
    ("ulimits", &ULIMITS),
]);

static BLKIO: Shape = map(&BLKIO_FIELDS);
static BLKIO_FIELDS: Object = Object {
    fields: &[
        ("device_read_bps", &BLKIO_LIMITS),
        ("device_read_iops", &BLKIO_LIMITS),
        ("device_write_bps", &BLKIO_LIMITS),
        ("device_write_iops", &BLKIO_LIMITS),
        ("weight", &INT_TEXT),
        ("weight_device", &BLKIO_WEIGHTS),
    ],
    required: &[],
    others: Others::No,
};
static BLKIO_LIMITS: Shape = list(&BLKIO_LIMIT);
static BLKIO_LIMIT: Shape = map(&BLKIO_LIMIT_FIELDS);
static BLKIO_LIMIT_FIELDS: Object = Object {
    fields: &[("path", &TEXT), ("rate", &INT_TEXT)],
    required: &[],
    others: Others::No,
};
static BLKIO_WEIGHTS: Shape = list(&BLKIO_WEIGHT);
static BLKIO_WEIGHT: Shape = map(&BLKIO_WEIGHT_FIELDS);
static BLKIO_WEIGHT_FIELDS: Object = Object {
    fields: &[("path", &TEXT), ("weight", &INT_TEXT)],
    required: &[],
    others: Others::No,
};

static FILE_GRANTS: Shape = list(&FILE_GRANT);
static FILE_GRANT: Shape = also(S, map(&FILE_GRANT_FIELDS));
static FILE_GRANT_FIELDS: Object = fields(&[
    ("gid", &TEXT),
    ("mode", &NUMBER_TEXT),
    ("source", &TEXT),
    ("target", &TEXT),
    ("uid", &TEXT),
]);

static CREDENTIAL_SPEC: Shape = map(&CREDENTIAL_SPEC_FIELDS);
static CREDENTIAL_SPEC_FIELDS: Object =
    fields(&[("config", &TEXT), ("file", &TEXT), ("registry", &TEXT)]);

static DEPENDS_ON: Shape = list_or_map(&TEXT, true, &DEPENDENCIES);
static DEPENDENCIES: Object = only(Others::Names(&DEPENDENCY));
static DEPENDENCY: Shape = map(&DEPENDENCY_FIELDS);
static DEPENDENCY_FIELDS: Object = Object {
    fields: &[
        ("condition", &CONDITION),
        ("required", &BOOL),
        ("restart", &BOOL_TEXT),
    ],
    required: &["condition"],
    others: Others::Extensions,
};
static CONDITION: Shape = one_of(&[
    "service_started",
    "service_healthy",
    "service_completed_successfully",
]);

static DEVICES: Shape = list(&DEVICE);
static DEVICE: Shape = also(S, map(&DEVICE_FIELDS));
static DEVICE_FIELDS: Object = Object {
    fields: &[("permissions", &TEXT), ("source", &TEXT), ("target", &TEXT)],
    required: &["source", "target"],
    others: Others::Extensions,
};

static ENV_FILE: Shape = also(S, list(&ENV_FILE_ITEM));
static ENV_FILE_ITEM: Shape = also(S, map(&ENV_FILE_FIELDS));
static ENV_FILE_FIELDS: Object = Object {
    fields: &[("format", &TEXT), ("path", &TEXT), ("required", &BOOL_TEXT)],
    required: &["path"],
    others: Others::No,
};

static EXTENDS: Shape = also(S, map(&EXTENDS_FIELDS));
static EXTENDS_FIELDS: Object = Object {
    fields: &[("file", &TEXT), ("service", &TEXT)],
    required: &["service"],
    others: Others::No,
};

static GPUS: Shape = Shape {
    text: Text::OneOf(&["all"]),
    ..also(S, list(&GPU))
};
static GPU: Shape = map(&GPU_FIELDS);
static GPU_FIELDS: Object = Object {
    fields: DEVICE_REQUEST,
    required: &[],
    others: Others::Open,
};
static DEVICE_REQUEST: &[(&str, &Shape)] = &[
    ("capabilities", &TEXT_SET),
    ("count", &INT_TEXT),
    ("device_ids", &TEXT_SET),
    ("driver", &TEXT),
    ("options", &LIST_OR_MAP),
];

static HEALTHCHECK: Shape = map(&HEALTHCHECK_FIELDS);
static HEALTHCHECK_FIELDS: Object = fields(&[
    ("disable", &BOOL_TEXT),
    ("interval", &TEXT),
    ("retries", &NUMBER_TEXT),
    ("start_interval", &TEXT),
    ("start_period", &TEXT),
    ("test", &TEXT_OR_TEXTS),
    ("timeout", &TEXT),
]);

static LOGGING: Shape = map(&LOGGING_FIELDS);
static LOGGING_FIELDS: Object = fields(&[("driver", &TEXT), ("options", &LOG_OPTIONS)]);
static LOG_OPTIONS: Shape = map(&LOG_OPTION);
static LOG_OPTION: Object = only(Others::Any(&NUMBER_TEXT_NULL));

static SERVICE_MODELS: Shape = list_or_map(&TEXT, true, &SERVICE_MODEL_NAMES);
static SERVICE_MODEL_NAMES: Object = only(Others::LooseNames(&SERVICE_MODEL));
static SERVICE_MODEL: Shape = also(N, map(&SERVICE_MODEL_FIELDS));
static SERVICE_MODEL_FIELDS: Object = fields(&[("endpoint_var", &TEXT), ("model_var", &TEXT)]);

static SERVICE_NETWORKS: Shape = list_or_map(&TEXT, true, &SERVICE_NETWORK_NAMES);
static SERVICE_NETWORK_NAMES: Object = only(Others::Names(&SERVICE_NETWORK));
static SERVICE_NETWORK: Shape = also(N, map(&SERVICE_NETWORK_FIELDS));
static SERVICE_NETWORK_FIELDS: Object = fields(&[
    ("aliases", &TEXT_SET),
    ("driver_opts", &DRIVER_OPTIONS),
    ("gw_priority", &NUMBER),
    ("interface_name", &TEXT),
    ("ipv4_address", &TEXT),
    ("ipv6_address", &TEXT),
    ("link_local_ips", &TEXT_SET),
    ("mac_address", &TEXT),
    ("priority", &NUMBER),
]);

static PORTS: Shape = set(&PORT);
static PORT: Shape = also(F | S, map(&PORT_FIELDS));
static PORT_FIELDS: Object = Object {
    fields: &[
        ("app_protocol", &TEXT),
        ("host_ip", &TEXT),
        ("mode", &TEXT),
        ("name", &TEXT),
        ("protocol", &TEXT),
        ("published", &INT_TEXT),
        ("target", &INT_TEXT),
    ],
    required: &["target"],
    others: Others::Extensions,
};

static HOOKS: Shape = list(&HOOK);
static HOOK: Shape = map(&HOOK_FIELDS);
static HOOK_FIELDS: Object = Object {
    fields: &[
        ("command", &COMMAND),
        ("environment", &LIST_OR_MAP),
        ("privileged", &BOOL_TEXT),
        ("user", &TEXT),
        ("working_dir", &TEXT),
    ],
    required: &["command"],
    others: Others::Extensions,
};
static START_HOOKS: Shape = list(&START_HOOK);
static START_HOOK: Shape = map(&START_HOOK_FIELDS);
static START_HOOK_FIELDS: Object = fields(&[
    ("command", &COMMAND),
    ("environment", &LIST_OR_MAP),
    ("image", &TEXT),
    ("per_replica", &BOOL_TEXT),
    ("privileged", &BOOL_TEXT),
    ("user", &TEXT),
    ("working_dir", &TEXT),
]);

static PROVIDER: Shape = map(&PROVIDER_FIELDS);
static PROVIDER_FIELDS: Object = Object {
    fields: &[("options", &PROVIDER_OPTIONS), ("type", &TEXT)],
    required: &["type"],
    others: Others::Extensions,
};
static PROVIDER_OPTIONS: Shape = map(&PROVIDER_OPTION);
static PROVIDER_OPTION: Object = only(Others::Any(&SCALAR_OR_SCALARS));
static SCALAR_OR_SCALARS: Shape = also(F | S | B, list(&SCALAR));

static ULIMITS: Shape = map(&ULIMIT_NAMES);
static ULIMIT_NAMES: Object = only(Others::LooseWords(&ULIMIT));
static ULIMIT: Shape = also(I | S, map(&ULIMIT_FIELDS));
static ULIMIT_FIELDS: Object = Object {
    fields: &[("hard", &INT_TEXT), ("soft", &INT_TEXT)],
    required: &["soft", "hard"],
    others: Others::Extensions,
};

static MOUNTS: Shape = set(&MOUNT);
static MOUNT: Shape = also(S, map(&MOUNT_FIELDS));
static MOUNT_FIELDS: Object = Object {
    fields: &[
        ("bind", &BIND),
        ("consistency", &TEXT),
        ("image", &IMAGE_MOUNT),
        ("read_only", &BOOL_TEXT),
        ("source", &TEXT),
        ("target", &TEXT),
        ("tmpfs", &TMPFS_MOUNT),
        ("type", &MOUNT_TYPE),
        ("volume", &VOLUME_MOUNT),
    ],
    required: &["type", "target"],
    others: Others::Extensions,
};
static MOUNT_TYPE: Shape = one_of(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"]);
static BIND: Shape = map(&BIND_FIELDS);
static BIND_FIELDS: Object = fields(&[
    ("create_host_path", &BOOL_TEXT),
    ("propagation", &TEXT),
    ("recursive", &RECURSIVE),
    ("selinux", &SELINUX),
]);
static RECURSIVE: Shape = one_of(&["enabled", "disabled", "writable", "readonly"]);
static SELINUX: Shape = one_of(&["z", "Z"]);
static VOLUME_MOUNT: Shape = map(&VOLUME_MOUNT_FIELDS);
static VOLUME_MOUNT_FIELDS: Object = fields(&[
    ("labels", &LIST_OR_MAP),
    ("nocopy", &BOOL_TEXT),
    ("subpath", &TEXT),
]);
static TMPFS_MOUNT: Shape = map(&TMPFS_MOUNT_FIELDS);
static TMPFS_MOUNT_FIELDS: Object = fields(&[("mode", &NUMBER_TEXT), ("size", &COUNT)]);
static IMAGE_MOUNT: Shape = map(&IMAGE_MOUNT_FIELDS);
static IMAGE_MOUNT_FIELDS: Object = fields(&[("subpath", &TEXT)]);

static DEVELOP: Shape = also(N, map(&DEVELOP_FIELDS));
static DEVELOP_FIELDS: Object = fields(&[("watch", &WATCHES)]);
static WATCHES: Shape = list(&WATCH);
static WATCH: Shape = map(&WATCH_FIELDS);
static WATCH_FIELDS: Object = Object {
    fields: &[
        ("action", &WATCH_ACTION),
        ("exec", &HOOK),
        ("ignore", &TEXT_OR_SET),
        ("include", &TEXT_OR_SET),
        ("initial_sync", &BOOL),
        ("path", &TEXT),
        ("target", &TEXT),
    ],
    required: &["path", "action"],
    others: Others::Extensions,
};
static WATCH_ACTION: Shape = one_of(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]);

static DEPLOY: Shape = also(N, map(&DEPLOY_FIELDS));
static DEPLOY_FIELDS: Object = fields(&[
    ("endpoint_mode", &TEXT),
    ("labels", &LIST_OR_MAP),
    ("mode", &TEXT),
    ("placement", &PLACEMENT),
    ("replicas", &INT_TEXT),
    ("resources", &RESOURCES),
    ("restart_policy", &RESTART_POLICY),
    ("rollback_config", &UPDATE_CONFIG),
    ("update_config", &UPDATE_CONFIG),
]);
static UPDATE_CONFIG: Shape = map(&UPDATE_CONFIG_FIELDS);
static UPDATE_CONFIG_FIELDS: Object = fields(&[
    ("delay", &TEXT),
    ("failure_action", &TEXT),
    ("max_failure_ratio", &NUMBER_TEXT),
    ("monitor", &TEXT),
    ("order", &UPDATE_ORDER),
    ("parallelism", &INT_TEXT),
]);
static UPDATE_ORDER: Shape = one_of(&["start-first", "stop-first"]);
static RESOURCES: Shape = map(&RESOURCES_FIELDS);
static RESOURCES_FIELDS: Object = fields(&[("limits", &LIMITS), ("reservations", &RESERVATIONS)]);
static LIMITS: Shape = map(&LIMITS_FIELDS);
static LIMITS_FIELDS: Object = fields(&[
    ("cpus", &NUMBER_TEXT),
    ("memory", &TEXT),
    ("pids", &INT_TEXT),
]);
static RESERVATIONS: Shape = map(&RESERVATIONS_FIELDS);
static RESERVATIONS_FIELDS: Object = fields(&[
    ("cpus", &NUMBER_TEXT),
    ("devices", &DEVICE_REQUESTS),
    ("generic_resources", &GENERIC_RESOURCES),
    ("memory", &TEXT),
]);
static DEVICE_REQUESTS: Shape = list(&RESERVED_DEVICE);
static RESERVED_DEVICE: Shape = map(&RESERVED_DEVICE_FIELDS);
static RESERVED_DEVICE_FIELDS: Object = Object {
    fields: DEVICE_REQUEST,
    required: &["capabilities"],
    others: Others::Extensions,
};
static GENERIC_RESOURCES: Shape = list(&GENERIC_RESOURCE);
static GENERIC_RESOURCE: Shape = map(&GENERIC_RESOURCE_FIELDS);
static GENERIC_RESOURCE_FIELDS: Object = fields(&[("discrete_resource_spec", &DISCRETE)]);
static DISCRETE: Shape = map(&DISCRETE_FIELDS);
static DISCRETE_FIELDS: Object = fields(&[("kind", &TEXT), ("value", &NUMBER_TEXT)]);
static RESTART_POLICY: Shape = map(&RESTART_POLICY_FIELDS);
static RESTART_POLICY_FIELDS: Object = fields(&[
    ("condition", &TEXT),
    ("delay", &TEXT),
    ("max_attempts", &INT_TEXT),
    ("window", &TEXT),
]);
static PLACEMENT: Shape = map(&PLACEMENT_FIELDS);
static PLACEMENT_FIELDS: Object = fields(&[
    ("constraints", &TEXTS),
    ("max_replicas_per_node", &INT_TEXT),
    ("preferences", &PREFERENCES),
]);
static PREFERENCES: Shape = list(&PREFERENCE);
static PREFERENCE: Shape = map(&PREFERENCE_FIELDS);
static PREFERENCE_FIELDS: Object = fields(&[("spread", &TEXT)]);

static NETWORKS: Shape = map(&NETWORK_NAMES);
static NETWORK_NAMES: Object = only(Others::LooseNames(&NETWORK));
static NETWORK: Shape = also(N, map(&NETWORK_FIELDS));
static NETWORK_FIELDS: Object = fields(&[
    ("attachable", &BOOL_TEXT),
    ("driver", &TEXT),
    ("driver_opts", &DRIVER_OPTIONS),
    ("enable_ipv4", &BOOL_TEXT),
    ("enable_ipv6", &BOOL_TEXT),
    ("external", &EXTERNAL),
    ("internal", &BOOL_TEXT),
    ("ipam", &IPAM),
    ("labels", &LIST_OR_MAP),
    ("name", &TEXT),
]);
static EXTERNAL: Shape = also(B | S, map(&EXTERNAL_FIELDS));
static EXTERNAL_FIELDS: Object = fields(&[("name", &TEXT)]);
static EXTERNAL_FILE: Shape = also(B | S, map(&EXTERNAL_FILE_FIELDS));
static EXTERNAL_FILE_FIELDS: Object = Object {
    fields: &[("name", &TEXT)],
    required: &[],
    others: Others::Open,
};
static IPAM: Shape = map(&IPAM_FIELDS);
static IPAM_FIELDS: Object = fields(&[
    ("config", &IPAM_POOLS),
    ("driver", &TEXT),
    ("options", &TEXT_OPTIONS),
]);
static IPAM_POOLS: Shape = list(&IPAM_POOL);
static IPAM_POOL: Shape = map(&IPAM_POOL_FIELDS);
static IPAM_POOL_FIELDS: Object = fields(&[
    ("aux_addresses", &TEXT_OPTIONS),
    ("gateway", &TEXT),
    ("ip_range", &TEXT),
    ("subnet", &TEXT),
]);

static VOLUMES: Shape = map(&VOLUME_NAMES);
static VOLUME_NAMES: Object = only(Others::Names(&VOLUME));
static VOLUME: Shape = also(N, map(&VOLUME_FIELDS));
static VOLUME_FIELDS: Object = fields(&[
    ("driver", &TEXT),
    ("driver_opts", &DRIVER_OPTIONS),
    ("external", &EXTERNAL),
    ("labels", &LIST_OR_MAP),
    ("name", &TEXT),
]);

static SECRETS: Shape = map(&SECRET_NAMES);
static SECRET_NAMES: Object = only(Others::Names(&SECRET));
static SECRET: Shape = map(&SECRET_FIELDS);
static SECRET_FIELDS: Object = fields(&[
    ("driver", &TEXT),
    ("driver_opts", &DRIVER_OPTIONS),
    ("environment", &TEXT),
    ("external", &EXTERNAL_FILE),
    ("file", &TEXT),
    ("labels", &LIST_OR_MAP),
    ("name", &TEXT),
    ("template_driver", &TEXT),
]);

static CONFIGS: Shape = map(&CONFIG_NAMES);
static CONFIG_NAMES: Object = only(Others::Names(&CONFIG));
static CONFIG: Shape = map(&CONFIG_FIELDS);
static CONFIG_FIELDS: Object = fields(&[
    ("content", &TEXT),
    ("environment", &TEXT),
    ("external", &EXTERNAL_FILE),
    ("file", &TEXT),
    ("labels", &LIST_OR_MAP),
    ("name", &TEXT),
    ("template_driver", &TEXT),
]);

static MODELS: Shape = map(&MODEL_NAMES);
static MODEL_NAMES: Object = only(Others::LooseNames(&MODEL));
static MODEL: Shape = map(&MODEL_FIELDS);
static MODEL_FIELDS: Object = Object {
    fields: &[
        ("context_size", &INT),
        ("model", &TEXT),
        ("name", &TEXT),
        ("runtime_flags", &TEXTS),
    ],
    required: &["model"],
    others: Others::Extensions,
};

/// What an extension holds: anything.
pub static EXTENSION: Shape = kinds(ANYTHING.kinds);
