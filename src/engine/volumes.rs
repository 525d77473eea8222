//! Volumes: one method per call of the engine's API.

use bollard::models::{Volume, VolumeCreateRequest};
use bollard::query_parameters as query;

use super::Engine;
use super::error::Result;
use super::filters::{Filters, filters};
use super::podman;

/// Calls about volumes. Each takes a name and gives the engine's own errors.
impl Engine {
    /// Lists volumes.
    pub async fn list_volumes(&self, by: &Filters) -> Result<Vec<Volume>> {
        let options = query::ListVolumesOptionsBuilder::default().filters(&filters(by));
        let answer = self.docker.list_volumes(Some(options.build())).await?;
        Ok(answer.volumes.unwrap_or_default())
    }

    /// Everything about one volume.
    pub async fn inspect_volume(&self, name: &str) -> Result<Volume> {
        Ok(self.docker.inspect_volume(name).await?)
    }

    /// Creates a volume; one that is there with the same driver and options is left as it is.
    pub async fn create_volume(&self, mut request: VolumeCreateRequest) -> Result<Volume> {
        if self.ping().await?.podman {
            podman::volume(&mut request);
        }
        Ok(self.docker.create_volume(request).await?)
    }

    /// Removes a volume that no container mounts.
    pub async fn remove_volume(&self, name: &str) -> Result<()> {
        let options = None::<query::RemoveVolumeOptions>;
        Ok(self.docker.remove_volume(name, options).await?)
    }
}
