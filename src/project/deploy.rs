//! `deploy:` of which replicas, resources and the restart policy reach the engine.

use super::{DeviceCount, Duration, Mapping, UnitBytes, model};

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
    }

    /// How a swarm rolls an update out or back.
    pub struct UpdateConfig {
        parallelism: Option<u64>,
        delay: Duration,
        failure_action: String,
        monitor: Duration,
        max_failure_ratio: f32,
        order: String,
    }

    /// Limits and reservations.
    pub struct Resources {
        limits: Option<Resource>,
        reservations: Option<Resource>,
    }

    /// One set of resources; `cpus` in cores.
    pub struct Resource {
        cpus: f32,
        memory: UnitBytes,
        pids: i64,
        devices: Vec<DeviceRequest>,
        generic_resources: Vec<GenericResource>,
    }

    /// A resource that the operator defined.
    pub struct GenericResource {
        discrete_resource_spec: Option<DiscreteResource>,
    }

    /// When a container is restarted.
    pub struct RestartPolicy {
        condition: String,
        delay: Option<Duration>,
        max_attempts: Option<u64>,
        window: Option<Duration>,
    }

    /// Where a swarm puts tasks.
    pub struct Placement {
        constraints: Vec<String>,
        preferences: Vec<PlacementPreference>,
        max_replicas_per_node: u64,
    }

    /// One preference of a placement.
    pub struct PlacementPreference {
        spread: String,
    }

    /// Devices asked for by what they can do.
    pub struct DeviceRequest {
        capabilities: Vec<String>,
        driver: String,
        count: DeviceCount,
        device_ids: Vec<String>,
        options: Mapping,
    }
}

/// A resource counted in whole numbers.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DiscreteResource {
    /// Its name.
    #[serde(default)]
    pub kind: String,
    /// How many.
    #[serde(default)]
    pub value: i64,
}

/// A nested section that is a plain struct in Compose: it is printed even when empty.
macro_rules! never_blank {
    ($($name:ty),*) => {$(
        impl super::Blank for $name {
            fn is_blank(&self) -> bool {
                false
            }
        }
    )*};
}

never_blank!(Resources, Placement);
