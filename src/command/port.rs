//! `dco port`: where a container's port is published.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::Context;
use super::containers::{self, Facts};
use super::ps::host_port;
use super::target::Wanted;
use crate::engine::Which;
use crate::report;

/// Print the public port for a port binding
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dco port web 8000")]
pub struct Args {
    /// Number of the container, where the service has several
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// Protocol: tcp or udp
    #[arg(long, default_value = "tcp")]
    protocol: String,

    /// The service
    service: String,

    /// The port in the container
    #[arg(value_name = "PRIVATE_PORT")]
    port: String,
}

/// Prints the address and the port.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let Ok(port) = args.port.parse::<u16>() else {
        bail!("strconv.ParseUint: parsing {:?}: invalid syntax", args.port);
    };
    let wanted = args.protocol.to_lowercase();
    let project = cx.project_name()?;
    let meant = Wanted {
        project: &project,
        service: &args.service,
        index: args.index,
        which: Which::Running,
    };
    let container = containers::one(&cx.engine()?, &meant, cx).await?;
    let ports = container.sorted_ports();
    let protocol = |port: &bollard::models::PortSummary| {
        port.typ.map(|kind| kind.to_string()).unwrap_or_default()
    };
    let found = ports
        .iter()
        .find(|known| known.private_port == port && protocol(known) == wanted);
    let Some(found) = found else {
        let public = |port| format!("{}/{}", port_number(port), protocol(port));
        let known: Vec<String> = ports.iter().map(public).collect();
        bail!(
            "no port {port}/{wanted} for container {}: {}",
            container.canonical_name(),
            known.join(", ")
        );
    };
    let ip = found.ip.clone().unwrap_or_default();
    // Docker Compose writes an IPv6 address without brackets; nothing can be made of that.
    report::print(&format!(
        "{}\n",
        host_port(&ip, &port_number(found).to_string())
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn port_number(port: &bollard::models::PortSummary) -> u16 {
    port.public_port.unwrap_or_default()
}
