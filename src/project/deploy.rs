//! `deploy:` of which replicas, resources and the restart policy reach the engine.

use super::{
    DeviceCount, Duration, Extensions, Form, Mapping, Render, Tree, UnitBytes, model,
    serialize_as_json,
};

model! {
    /// One `deploy:` section.
    pub struct Deploy {
        mode: String,
        replicas: Option<i64>,
        labels: Mapping,
        update_config: Option<UpdateConfig>,
        rollback_config: Option<UpdateConfig>,
        resources: Resources,
        restart_policy: Option<RestartPolicy>,
        placement: Placement,
        endpoint_mode: String,
        extensions: Extensions,
    }

    /// How a swarm rolls an update out or back.
    pub struct UpdateConfig {
        parallelism: Option<u64>,
        delay: Duration,
        failure_action: String,
        monitor: Duration,
        max_failure_ratio: f32,
        order: String,
        extensions: Extensions,
    }

    /// Limits and reservations.
    pub struct Resources {
        limits: Option<Resource>,
        reservations: Option<Resource>,
        extensions: Extensions,
    }

    /// One set of resources; `cpus` in cores.
    pub struct Resource {
        cpus: f32,
        memory: UnitBytes,
        pids: i64,
        devices: Vec<DeviceRequest>,
        generic_resources: Vec<GenericResource>,
        extensions: Extensions,
    }

    /// A resource that the operator defined.
    pub struct GenericResource {
        discrete_resource_spec: Option<DiscreteResource>,
        extensions: Extensions,
    }

    /// When a container is restarted.
    pub struct RestartPolicy {
        condition: String,
        delay: Option<Duration>,
        max_attempts: Option<u64>,
        window: Option<Duration>,
        extensions: Extensions,
    }

    /// Where a swarm puts tasks.
    pub struct Placement {
        constraints: Vec<String>,
        preferences: Vec<PlacementPreference>,
        max_replicas_per_node: u64,
        extensions: Extensions,
    }

    /// One preference of a placement.
    pub struct PlacementPreference {
        spread: String,
        extensions: Extensions,
    }

    /// Devices asked for by what they can do.
    pub struct DeviceRequest {
        capabilities: Vec<String>,
        driver: String,
        count: DeviceCount,
        device_ids: Vec<String>,
        options: Mapping,
        extensions: Extensions,
    }
}

/// A resource counted in whole numbers.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default)]
pub struct DiscreteResource {
    /// Its name.
    pub kind: String,
    /// How many.
    pub value: i64,
}

impl Render for DiscreteResource {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    fn render(&self, form: Form) -> Tree {
        Tree::Fields(vec![
            ("kind".into(), self.kind.render(form)),
            ("value".into(), self.value.render(form)),
        ])
    }
}

serialize_as_json!(DiscreteResource);
