//! `dco ps`: the containers of the project.

mod extra;

use std::process::ExitCode;

use anyhow::{Result, bail};
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State, PortSummary};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::Context;
use super::containers::{self, Facts, OneOffs, Selection, label};
use crate::diagnostic::Diagnostic;
use crate::engine::{Which, exit_code, health};
use crate::plan::observed::Health;
use crate::report::table::{List, Row};
use crate::report::{self, go, units};

/// List containers
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dco ps --all\n  dco ps --status running --format json\n  dco ps --format '{{.Name}}: {{.Ports}}'"
)]
pub struct Args {
    /// Show stopped containers too, and those that `run` made
    #[arg(short, long)]
    all: bool,

    /// Only containers that match, such as status=running
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Option<String>,

    /// Format of the output: table, json, json+ (with Ready, URL and Restarts), `table TEMPLATE` or a Go template
    #[arg(long)]
    format: Option<String>,

    /// Show everything in full
    #[arg(long)]
    no_trunc: bool,

    /// Show containers of services that the file does not name
    #[arg(
        long,
        default_value_t = true,
        hide_default_value = true,
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
    )]
    orphans: bool,

    /// Show only the ids
    #[arg(short, long)]
    quiet: bool,

    /// Show only the services
    #[arg(long)]
    services: bool,

    /// Only containers in this state: paused, restarting, removing, running, dead, created or exited
    #[arg(long, value_name = "STATUS")]
    status: Vec<String>,

    /// Only containers of these services
    #[arg(value_name = "SERVICE")]
    names: Vec<String>,
}

/// Prints the containers.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let mut statuses = args.status.clone();
    statuses.extend(status_filter(args.filter.as_deref())?);
    let (project, name) = cx.named_project()?;
    let mut services = args.names.clone();
    if let Some(project) = project {
        let declared: Vec<String> = project.services.keys().map(ToString::to_string).collect();
        check_services(&services, &declared)?;
        if services.is_empty() && !args.orphans {
            services = declared;
        }
    }
    let all = args.all || !statuses.is_empty();
    let wanted = Selection {
        project: &name,
        which: if all { Which::All } else { Which::Running },
        one_offs: if all { OneOffs::With } else { OneOffs::Without },
        services: &services,
    };
    let mut found = containers::list(&cx.engine()?, wanted).await?;
    found.retain(|container| statuses.is_empty() || statuses.contains(&container.state_word()));
    report::print(&print(&found, args, (cx, &name)).await?)?;
    Ok(ExitCode::SUCCESS)
}

fn status_filter(filter: Option<&str>) -> Result<Option<String>> {
    match filter.map(|filter| filter.split_once('=')) {
        None => Ok(None),
        Some(None) => bail!("arguments to --filter should be in form KEY=VAL"),
        Some(Some(("status", status))) => Ok(Some(status.to_owned())),
        // Docker Compose knows the name too, and refuses it as well.
        Some(Some(("source", _))) => {
            bail!("`ps` does not filter by `source`: use `--filter status=…`")
        }
        Some(Some((other, _))) => bail!("unknown filter {other}"),
    }
}

/// Fails where a service is named that the file does not know.
pub fn check_services(named: &[String], declared: &[String]) -> Result<()> {
    for service in named {
        if !declared.contains(service) {
            let known = declared.iter().map(String::as_str);
            let mut error = Diagnostic::error(format!("no such service: {service}"));
            if let Some(meant) = crate::text::nearest::nearest(service, known) {
                error = error.hint(format!("did you mean `{meant}`?"));
            }
            return Err(error.into());
        }
    }
    Ok(())
}

async fn print(
    found: &[ContainerSummary],
    args: &Args,
    (cx, project): (&Context, &str),
) -> Result<String> {
    if args.quiet {
        return Ok(found
            .iter()
            .map(|container| format!("{}\n", container.id()))
            .collect());
    }
    if args.services {
        let mut services: Vec<&str> = Vec::new();
        for container in found {
            let service = container.label(label::SERVICE);
            if !services.contains(&service) {
                services.push(service);
            }
        }
        return Ok(format!("{}\n", services.join("\n")));
    }
    let configured = || cx.docker_config().file.ps_format;
    let format = match args.format.as_deref() {
        Some("") => &configured().unwrap_or_default(),
        Some("raw") => RAW,
        Some(format) => format,
        None => "table",
    };
    let now = Timestamp::now();
    let view = View {
        trunc: !args.no_trunc,
        now,
        zone: TimeZone::system(),
    };
    let mut rows: Vec<Row> = found.iter().map(|container| view.row(container)).collect();
    if format == JSON_PLUS {
        extra::add(&mut rows, found, project, cx).await?;
        return Ok(LIST.print("json", &rows)?);
    }
    let plain = LIST.print(format, &rows)?;
    // On a terminal with room beside Compose's columns there are more.
    let Some(width) = report::terminal_width().filter(|_| args.format.is_none()) else {
        return Ok(plain);
    };
    if widest(&plain) + ROOM > width {
        return Ok(plain);
    }
    extra::add(&mut rows, found, project, cx).await?;
    let columns = format!("{}{}", LIST.columns, extra::COLUMNS);
    let headers: Vec<_> = LIST.headers.iter().copied().chain(extra::HEADERS).collect();
    let list = List {
        columns: &columns,
        headers: &headers,
        ..LIST
    };
    let full = list.print(format, &rows)?;
    Ok(match widest(&full) > width {
        true => plain,
        false => full,
    })
}

/// The format of `json` with what dco knows besides.
const JSON_PLUS: &str = "json+";

/// As many characters the further columns take at the least.
const ROOM: usize = 30;

fn widest(text: &str) -> usize {
    let lines = text.lines().map(|line| line.trim_end().chars().count());
    lines.max().unwrap_or_default()
}

const LIST: List = List {
    columns: "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}",
    headers: &[
        ("ID", "CONTAINER ID"),
        ("Name", "NAME"),
        ("Project", "PROJECT"),
        ("Service", "SERVICE"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"),
        ("Ports", "PORTS"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Size", "SIZE"),
        ("Labels", "LABELS"),
    ],
    type_name: "*formatter.ContainerContext",
};

const RAW: &str = "container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
";

/// How rows are made: whether long texts are cut, and what the time is.
struct View {
    trunc: bool,
    now: Timestamp,
    zone: TimeZone,
}

impl View {
    fn row(&self, container: &ContainerSummary) -> Row {
        let cut = |text: &str, most| {
            if self.trunc {
                ellipsis(text, most)
            } else {
                text.to_owned()
            }
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let status = text(&container.status);
        let created = container.created.unwrap_or_default();
        let ports = container.sorted_ports();
        let labels = container
            .labels
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect();
        let fields = json!({
            "Command": go::quote(&cut(&text(&container.command), 20)),
            "CreatedAt": self.created_at(created),
            "ExitCode": match container.state {
                Some(State::EXITED | State::DEAD) => exit_code(&status).unwrap_or_default(),
                _ => 0,
            },
            "Health": match (container.state, health(&status)) {
                (Some(State::RUNNING), Some(Health::Healthy)) => "healthy",
                (Some(State::RUNNING), Some(Health::Unhealthy)) => "unhealthy",
                (Some(State::RUNNING), Some(Health::Starting)) => "starting",
                _ => "",
            },
            "ID": if self.trunc { &container.id()[..container.id().len().min(12)] } else { container.id() },
            "Image": text(&container.image),
            "Labels": joined_labels(&labels),
            "LocalVolumes": local_volumes(container).to_string(),
            "Mounts": mounts(container).iter().map(|name| cut(name, 15)).collect::<Vec<_>>().join(","),
            "Name": container.canonical_name(),
            "Names": self.names(container),
            "Networks": networks(container).join(","),
            "Ports": displayable_ports(&ports),
            "Project": container.label(label::PROJECT),
            "Publishers": ports.iter().map(publisher).collect::<Vec<_>>(),
            "RunningFor": self.running_for(created),
            "Service": container.label(label::SERVICE),
            "Size": "0B",
            "State": container.state_word(),
            "Status": status,
        });
        let fields = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        Row { fields, labels }
    }

    fn created_at(&self, created: i64) -> String {
        let created = Timestamp::from_second(created).unwrap_or_default();
        created
            .to_zoned(self.zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S %z %Z")
            .to_string()
    }

    fn running_for(&self, created: i64) -> String {
        let since = self.now.as_second().saturating_sub(created);
        let since = std::time::Duration::from_secs(u64::try_from(since).unwrap_or_default());
        format!("{} ago", units::human_duration(since))
    }

    fn names(&self, container: &ContainerSummary) -> String {
        match self.trunc {
            true => container.canonical_name(),
            false => {
                let names = container.names.as_deref().unwrap_or_default();
                let names: Vec<&str> = names
                    .iter()
                    .map(|name| name.trim_start_matches('/'))
                    .collect();
                names.join(",")
            }
        }
    }
}

/// At the most that many characters, the last of them an ellipsis where some are left out.
fn ellipsis(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// `key=value,key=value`, sorted: Docker Compose prints them in any order.
pub fn joined_labels(labels: &std::collections::BTreeMap<String, String>) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    labels.join(",")
}

fn local_volumes(container: &ContainerSummary) -> usize {
    let mounts = container.mounts.as_deref().unwrap_or_default();
    mounts
        .iter()
        .filter(|mount| mount.driver.as_deref() == Some("local"))
        .count()
}

fn mounts(container: &ContainerSummary) -> Vec<String> {
    let mounts = container.mounts.as_deref().unwrap_or_default();
    let name = |mount: &bollard::models::MountPoint| {
        let name = mount.name.clone().filter(|name| !name.is_empty());
        name.or_else(|| mount.source.clone()).unwrap_or_default()
    };
    mounts.iter().map(name).collect()
}

fn networks(container: &ContainerSummary) -> Vec<String> {
    let settings = container.network_settings.as_ref();
    let networks = settings.and_then(|settings| settings.networks.as_ref());
    let mut names: Vec<String> = networks
        .map(|all| all.keys().cloned().collect())
        .unwrap_or_default();
    names.sort();
    names
}

fn protocol(port: &PortSummary) -> String {
    port.typ.map(|kind| kind.to_string()).unwrap_or_default()
}

fn publisher(port: &PortSummary) -> Value {
    json!({
        "URL": port.ip.clone().unwrap_or_default(),
        "TargetPort": port.private_port,
        "PublishedPort": port.public_port.unwrap_or_default(),
        "Protocol": protocol(port),
    })
}

/// Ports as the docker CLI shows them: neighbours as one range, mappings to other numbers last.
fn displayable_ports(ports: &[PortSummary]) -> String {
    let mut groups: Vec<(String, String, u16, u16)> = Vec::new();
    let mut done: Vec<String> = Vec::new();
    let mut mappings: Vec<String> = Vec::new();
    for port in ports {
        let (ip, kind, number) = (
            port.ip.clone().unwrap_or_default(),
            protocol(port),
            port.private_port,
        );
        let public = port.public_port.unwrap_or_default();
        if !ip.is_empty() && public != number {
            mappings.push(format!(
                "{}->{number}/{kind}",
                host_port(&ip, &public.to_string())
            ));
            continue;
        }
        match groups
            .iter_mut()
            .find(|group| group.0 == ip && group.1 == kind)
        {
            None => groups.push((ip, kind, number, number)),
            Some(group) if number == group.3.wrapping_add(1) => group.3 = number,
            Some(group) => {
                done.push(port_range(group));
                (group.2, group.3) = (number, number);
            }
        }
    }
    done.extend(groups.iter().map(port_range));
    done.extend(mappings);
    done.join(", ")
}

fn port_range((ip, kind, first, last): &(String, String, u16, u16)) -> String {
    let range = match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    match ip.is_empty() {
        true => format!("{range}/{kind}"),
        false => format!("{}->{range}/{kind}", host_port(ip, &range)),
    }
}

/// An address and a port; IPv6 in brackets.
pub fn host_port(ip: &str, port: &str) -> String {
    match ip.contains(':') {
        true => format!("[{ip}]:{port}"),
        false => format!("{ip}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::PortSummaryTypeEnum;

    fn port(ip: &str, private_port: u16, public_port: u16) -> PortSummary {
        PortSummary {
            ip: Some(ip.to_owned()).filter(|ip| !ip.is_empty()),
            private_port,
            public_port: Some(public_port).filter(|port| *port > 0),
            typ: Some(PortSummaryTypeEnum::TCP),
        }
    }

    #[test]
    fn a_filter_is_by_status_and_every_other_is_refused_by_name() {
        let said = |filter| status_filter(Some(filter)).map_err(|error| error.to_string());
        assert_eq!(status_filter(None).unwrap(), None);
        assert_eq!(said("status=running"), Ok(Some("running".to_owned())));
        for (filter, refusal) in [
            ("status", "arguments to --filter should be in form KEY=VAL"),
            (
                "source=a",
                "`ps` does not filter by `source`: use `--filter status=…`",
            ),
            ("name=a", "unknown filter name"),
        ] {
            assert_eq!(said(filter), Err(refusal.to_owned()));
        }
    }

    #[test]
    fn ports_are_shown_as_the_docker_cli_shows_them() {
        assert_eq!(displayable_ports(&[port("", 6379, 0)]), "6379/tcp");
        assert_eq!(
            displayable_ports(&[
                port("0.0.0.0", 80, 18080),
                port("::", 80, 18080),
                port("", 443, 0),
                port("0.0.0.0", 8000, 8000),
                port("0.0.0.0", 8001, 8001),
            ]),
            "443/tcp, 0.0.0.0:8000-8001->8000-8001/tcp, 0.0.0.0:18080->80/tcp, [::]:18080->80/tcp"
        );
        assert_eq!(
            displayable_ports(&[port("", 80, 0), port("", 82, 0)]),
            "80/tcp, 82/tcp"
        );
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!(
            ellipsis("docker-entrypoint.sh redis", 20),
            "docker-entrypoint.s…"
        );
        assert_eq!(ellipsis("short", 20), "short");
    }

    #[test]
    fn only_a_status_is_a_filter() {
        let answer = |filter| match status_filter(Some(filter)) {
            Ok(status) => status.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        assert_eq!(answer("status=running"), "running");
        assert_eq!(
            answer("foo"),
            "arguments to --filter should be in form KEY=VAL"
        );
        assert_eq!(answer("a=b"), "unknown filter a");
    }

    #[test]
    fn an_unknown_service_is_named_with_the_one_that_was_meant() {
        let declared = ["web".to_owned(), "db".to_owned()];
        assert!(check_services(&["db".to_owned()], &declared).is_ok());
        let error = check_services(&["wbe".to_owned()], &declared).unwrap_err();
        assert_eq!(
            error.to_string(),
            "error: no such service: wbe\nhint: did you mean `web`?"
        );
    }
}
