//! The graph as `docker compose alpha viz` writes it. Pure.

use crate::convert::image_name;
use crate::project::{Project, Service};

/// What is shown of each service, and how far lines are indented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Viz {
    /// What stands before a line within the braces.
    pub indentation: String,
    /// The networks, by priority.
    pub networks: bool,
    /// The published ports.
    pub ports: bool,
    /// The image.
    pub image: bool,
}

impl Viz {
    /// The whole text; the services are sorted, where Docker Compose leaves their order to chance.
    pub fn text(&self, project: &Project) -> String {
        let indent = &self.indentation;
        let mut out = format!("digraph \"{}\" {{\n{indent}layout=dot;\n", project.name);
        for (name, service) in &project.services {
            out.push_str(&format!(
                "{indent}\"{name}\" [style=\"filled\" label=<<font point-size=\"15\">{name}</font>"
            ));
            if self.networks && !service.networks.is_empty() {
                section(&mut out, "Networks", networks(service));
            }
            if self.ports && !service.ports.is_empty() {
                section(&mut out, "Ports", ports(service));
            }
            if self.image {
                section(&mut out, "Image", vec![image_name(project, name, service)]);
            }
            out.push_str(">];\n");
        }
        out.push('\n');
        for (name, service) in &project.services {
            for other in service.depends_on.keys() {
                // One that is not there has no name.
                let known = project.services.contains_key(other);
                let other = if known { other.as_str() } else { "" };
                out.push_str(&format!("{indent}\"{name}\" -> \"{other}\";\n"));
            }
        }
        out.push_str("}\n");
        out
    }
}

fn section(out: &mut String, title: &str, lines: Vec<String>) {
    out.push_str(&format!(
        "<font point-size=\"10\"><br/><br/><b>{title}:</b>"
    ));
    for line in lines {
        out.push_str("<br/>");
        out.push_str(&line);
    }
    out.push_str("</font>");
}

fn networks(service: &Service) -> Vec<String> {
    let mut networks: Vec<_> = service
        .networks
        .iter()
        .map(|(name, how)| {
            let priority = how.as_ref().map_or(0, |how| how.priority);
            (std::cmp::Reverse(priority), name.clone())
        })
        .collect();
    networks.sort();
    networks.into_iter().map(|(_, name)| name).collect()
}

fn ports(service: &Service) -> Vec<String> {
    let ports = service.ports.iter().map(|port| {
        let host = match port.host_ip.is_empty() {
            true => String::new(),
            false => format!("{}:", port.host_ip),
        };
        format!(
            "{host}{}:{} ({}, {})",
            port.published, port.target, port.protocol, port.mode
        )
    });
    ports.collect()
}
