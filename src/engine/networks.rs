//! Networks: one method per call of the engine's API.

use bollard::models::{
    EndpointSettings, Network, NetworkConnectRequest, NetworkCreateResponse,
    NetworkDisconnectRequest, NetworkInspect,
};
use bollard::query_parameters as query;

use super::Engine;
use super::error::Result;
use super::filters::{Filters, filters};
use super::podman;
use super::transport::Call;
use crate::convert::NetworkBody;

/// Calls about networks. Each takes an id or a name and gives the engine's own errors.
impl Engine {
    /// Lists networks.
    pub async fn list_networks(&self, by: &Filters) -> Result<Vec<Network>> {
        let options = query::ListNetworksOptionsBuilder::default().filters(&filters(by));
        let options = options.build();
        podman::again(async || Ok(self.docker.list_networks(Some(options.clone())).await?)).await
    }

    /// Everything about one network, with the containers on it.
    pub async fn inspect_network(&self, id: &str) -> Result<NetworkInspect> {
        let options = None::<query::InspectNetworkOptions>;
        Ok(self.docker.inspect_network(id, options).await?)
    }

    /// Creates a network and returns its id.
    pub async fn create_network(&self, body: &NetworkBody) -> Result<String> {
        let response: NetworkCreateResponse = podman::again(async || {
            let call = Call::post("/networks/create").document(body)?;
            self.transport.json(call).await
        })
        .await?;
        Ok(response.id)
    }

    /// What makes Podman's networks: `cni` or `netavark`.
    pub async fn network_backend(&self) -> Result<String> {
        let info: serde_json::Value = self.transport.json(Call::get("/libpod/info")).await?;
        let backend = info["host"]["networkBackend"].as_str();
        Ok(backend.unwrap_or_default().to_owned())
    }

    /// Removes a network.
    pub async fn remove_network(&self, id: &str) -> Result<()> {
        Ok(self.docker.remove_network(id).await?)
    }

    /// Puts a container on a network.
    pub async fn connect_network(
        &self,
        id: &str,
        container: &str,
        endpoint: Option<EndpointSettings>,
    ) -> Result<()> {
        let request = NetworkConnectRequest {
            container: container.to_owned(),
            endpoint_config: endpoint,
        };
        podman::again(async || Ok(self.docker.connect_network(id, request.clone()).await?)).await
    }

    /// Takes a container off a network, even if it does not answer.
    pub async fn disconnect_network(&self, id: &str, container: &str) -> Result<()> {
        let request = NetworkDisconnectRequest {
            container: container.to_owned(),
            force: Some(true),
        };
        Ok(self.docker.disconnect_network(id, request).await?)
    }
}
