//! What a project takes of the engine's disk.

use serde::Deserialize;
use serde_json::Value;

use super::Engine;
use super::error::Result;
use super::transport::Call;

/// The label that names the project of a container or volume.
const PROJECT: &str = "com.docker.compose.project";

/// What the engine says of its disk, in the form of API 1.51 and before; later ones group it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Usage {
    containers: Option<Vec<Value>>,
    volumes: Option<Vec<Value>>,
    container_usage: Group,
    volume_usage: Group,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Group {
    items: Option<Vec<Value>>,
}

impl Engine {
    /// The volumes and containers of a project that take room, and how many bytes, the largest first.
    ///
    /// # Errors
    /// The engine's; it takes as long as the engine needs to measure all that it has.
    pub async fn room(&self, project: &str) -> Result<Vec<(String, u64)>> {
        let usage = self.transport.json(Call::get("/system/df")).await?;
        Ok(taken(usage, project))
    }
}

fn taken(usage: Usage, project: &str) -> Vec<(String, u64)> {
    let of_project = |one: &&Value| one["Labels"][PROJECT] == project;
    let volumes = usage.volumes.or(usage.volume_usage.items);
    let volumes = volumes.unwrap_or_default();
    let volumes = volumes.iter().filter(of_project).map(|one| {
        let name = one["Name"].as_str().unwrap_or_default();
        (
            format!("volume `{name}`"),
            one["UsageData"]["Size"].as_u64(),
        )
    });
    let containers = usage.containers.or(usage.container_usage.items);
    let containers = containers.unwrap_or_default();
    let containers = containers.iter().filter(of_project).map(|one| {
        let name = one["Names"][0].as_str().unwrap_or_default();
        let name = name.trim_start_matches('/');
        (format!("container `{name}`"), one["SizeRw"].as_u64())
    });
    let mut all: Vec<(String, u64)> = volumes
        .chain(containers)
        .map(|(what, bytes)| (what, bytes.unwrap_or_default()))
        .filter(|(_, bytes)| *bytes > 0)
        .collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_project_takes_is_read_in_both_forms_the_largest_first() {
        let volumes = serde_json::json!([
            {"Name": "app_db", "Labels": {PROJECT: "app"}, "UsageData": {"Size": 7}},
            {"Name": "other_db", "Labels": {PROJECT: "other"}, "UsageData": {"Size": 70}},
            {"Name": "bare", "Labels": null, "UsageData": {"Size": 700}},
        ]);
        let containers = serde_json::json!([
            {"Names": ["/app-web-1"], "Labels": {PROJECT: "app"}, "SizeRw": 9},
            {"Names": ["/app-db-1"], "Labels": {PROJECT: "app"}},
        ]);
        let old = serde_json::json!({"Volumes": volumes, "Containers": containers});
        let new = serde_json::json!({
            "VolumeUsage": {"Items": volumes}, "ContainerUsage": {"Items": containers},
        });
        for usage in [old, new] {
            let usage: Usage = serde_json::from_value(usage).unwrap();
            assert_eq!(
                taken(usage, "app"),
                [
                    ("container `app-web-1`".to_owned(), 9),
                    ("volume `app_db`".to_owned(), 7)
                ]
            );
        }
    }
}
