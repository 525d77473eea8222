//! What dco's `ps` knows beyond Compose's: how a container got ready, its address, its restarts.

use std::collections::BTreeMap;

use anyhow::Result;
use bollard::models::{ContainerSummary, PortSummary, PortSummaryTypeEnum};
use futures_util::future::join_all;
use serde_json::Value;

use super::super::Context;
use super::super::containers::Facts;
use super::super::readiness::Readiness;
use crate::engine::{Endpoint, Engine};
use crate::report::table::Row;

/// The columns that are shown beside Compose's.
pub(super) const COLUMNS: &str = "\t{{.Ready}}\t{{.URL}}\t{{.Restarts}}";

/// Their headers.
pub(super) const HEADERS: [(&str, &str); 3] =
    [("Ready", "READY"), ("URL", "URL"), ("Restarts", "RESTARTS")];

/// Ports that browsers are of no use for: an address is shown for them.
const NO_HTTP: &[u16] = &[
    21, 22, 25, 53, 389, 465, 587, 636, 1025, 1433, 1521, 1883, 2181, 2379, 3306, 4222, 5432, 5671,
    5672, 6379, 6650, 7687, 9042, 9092, 11211, 26257, 27017,
];

/// Ports that speak TLS by custom.
const TLS: &[u16] = &[443, 8443, 9443];

/// Adds the fields to every row.
pub(super) async fn add(
    rows: &mut [Row],
    found: &[ContainerSummary],
    project: &str,
    cx: &Context,
) -> Result<()> {
    let engine = cx.engine()?;
    let names: Vec<String> = found.iter().map(Facts::canonical_name).collect();
    let known = Readiness::of(cx, project).recall(
        names
            .iter()
            .map(String::as_str)
            .zip(found.iter().map(Facts::id)),
    );
    let restarts = restarts(&engine, found).await;
    let host = host(engine.endpoint());
    for (row, container) in rows.iter_mut().zip(found) {
        let ready = known.get(container.id()).map(ToString::to_string);
        let mut add = |key: &str, value: Value| row.fields.insert(key.to_owned(), value);
        add("Ready", ready.unwrap_or_default().into());
        add("URL", url(&container.sorted_ports(), &host).into());
        add(
            "Restarts",
            restarts
                .get(container.id())
                .copied()
                .unwrap_or_default()
                .into(),
        );
    }
    Ok(())
}

/// How often each container was restarted: only an inspection says it.
async fn restarts(engine: &Engine, found: &[ContainerSummary]) -> BTreeMap<String, i64> {
    let inspect = found.iter().map(|container| async {
        let inspected = engine.inspect_container(container.id()).await.ok()?;
        Some((container.id().to_owned(), inspected.restart_count?))
    });
    join_all(inspect).await.into_iter().flatten().collect()
}

/// The machine that publishes the ports.
fn host(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp { host, .. } | Endpoint::Ssh { host, .. } => host.clone(),
        Endpoint::Unix(_) => "localhost".to_owned(),
    }
}

/// Where the first of the ports is reached that somebody would open.
fn url(ports: &[PortSummary], host: &str) -> String {
    let open = |port: &&PortSummary| {
        port.typ == Some(PortSummaryTypeEnum::TCP) && port.public_port.is_some()
    };
    let mut open: Vec<&PortSummary> = ports.iter().filter(open).collect();
    open.sort_by_key(|port| (NO_HTTP.contains(&port.private_port), port.public_port));
    let Some(port) = open.first() else {
        return String::new();
    };
    let public = port.public_port.unwrap_or_default();
    let host = match port.ip.as_deref() {
        None | Some("" | "0.0.0.0" | "::" | "127.0.0.1" | "::1") => host.to_owned(),
        Some(ip) if ip.contains(':') => format!("[{ip}]"),
        Some(ip) => ip.to_owned(),
    };
    match port.private_port {
        inside if NO_HTTP.contains(&inside) => format!("{host}:{public}"),
        inside if TLS.contains(&inside) => format!("https://{host}:{public}"),
        _ => format!("http://{host}:{public}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_that_a_browser_opens_is_the_address() {
        let port = |ip: &str, inside: u16, outside: Option<u16>| PortSummary {
            ip: Some(ip.to_owned()),
            private_port: inside,
            public_port: outside,
            typ: Some(PortSummaryTypeEnum::TCP),
        };
        let web = port("0.0.0.0", 8000, Some(18000));
        let db = port("0.0.0.0", 5432, Some(5432));
        let shown = |ports: &[PortSummary]| url(ports, "localhost");
        assert_eq!(shown(&[db.clone(), web]), "http://localhost:18000");
        assert_eq!(shown(&[db]), "localhost:5432");
        assert_eq!(
            shown(&[port("10.0.0.5", 443, Some(443))]),
            "https://10.0.0.5:443"
        );
        assert_eq!(shown(&[port("", 80, None)]), "");
    }
}
