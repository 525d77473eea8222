//! Where a database's image keeps its data, and what it wants before it makes any.

use std::path::Path;

use super::{Disk, Subject};
use crate::diagnostic::{Diagnostic, Place};
use crate::project::{Mount, MountType};
use crate::text::nearest::slips;

/// A database whose image does not make its data without a password.
struct Database {
    name: &'static str,
    /// A variable that its image sets.
    mark: &'static str,
    /// Its server, the image's own command.
    servers: &'static [&'static str],
    /// The variable that says where the data lie, and where they do if it is not set.
    data: (&'static str, &'static str),
    /// Any of these is enough, also with `_FILE` behind it.
    passwords: &'static [&'static str],
    /// A variable and a value that do without.
    without: (&'static str, &'static str),
}

/// From the images' own entrypoint scripts.
const DATABASES: &[Database] = &[
    Database {
        name: "PostgreSQL",
        mark: "PG_MAJOR",
        servers: &["postgres"],
        data: ("PGDATA", "/var/lib/postgresql/data"),
        passwords: &["POSTGRES_PASSWORD"],
        without: ("POSTGRES_HOST_AUTH_METHOD", "trust"),
    },
    Database {
        name: "MySQL",
        mark: "MYSQL_MAJOR",
        servers: &["mysqld"],
        data: ("", "/var/lib/mysql"),
        passwords: &[
            "MYSQL_ROOT_PASSWORD",
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "MYSQL_RANDOM_ROOT_PASSWORD",
        ],
        without: ("", ""),
    },
    Database {
        name: "MariaDB",
        mark: "MARIADB_VERSION",
        servers: &["mariadbd", "mysqld"],
        data: ("", "/var/lib/mysql"),
        passwords: &[
            "MARIADB_ROOT_PASSWORD",
            "MARIADB_ROOT_PASSWORD_HASH",
            "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD",
            "MARIADB_RANDOM_ROOT_PASSWORD",
            "MYSQL_ROOT_PASSWORD",
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "MYSQL_RANDOM_ROOT_PASSWORD",
        ],
        without: ("", ""),
    },
];

/// The script that makes the data in these images.
const ENTRYPOINT: &str = "docker-entrypoint.sh";

/// A database that would begin anew and has no password to begin with.
pub(super) fn password(subject: &Subject<'_>, disk: &dyn Disk) -> Option<Diagnostic> {
    let database = DATABASES
        .iter()
        .find(|one| subject.variable(one.mark).is_some())?;
    let given = database.passwords.iter().any(|key| {
        let file = format!("{key}_FILE");
        let set = |key: &str| subject.variable(key).is_some_and(|value| !value.is_empty());
        set(key) || set(&file)
    });
    let (key, value) = database.without;
    let without = !key.is_empty() && subject.variable(key) == Some(value);
    if given || without || !serves(subject, database) || !begins_anew(subject, database, disk) {
        return None;
    }
    let (name, key) = (subject.name, database.passwords[0]);
    let message = format!(
        "service `{name}` cannot start: {}'s first start wants a password, and `{key}` is not set [database-password]",
        database.name
    );
    let place = subject
        .place(&["environment"])
        .or_else(|| subject.place(&["image"]))
        .or_else(|| subject.place(&["build"]));
    Some(
        Diagnostic::error(message)
            .at(place)
            .hint(format!("add `{key}` to `environment:` of `{name}`")),
    )
}

/// Whether the image's own script starts the image's own server.
fn serves(subject: &Subject<'_>, database: &Database) -> bool {
    let own = subject.image.entrypoint;
    let script = own.len() == 1 && own[0].rsplit('/').next() == Some(ENTRYPOINT);
    let command = subject.service.command.words();
    let first = command
        .unwrap_or(subject.image.command)
        .first()
        .map_or("", String::as_str);
    let server = first.starts_with('-') || database.servers.contains(&first);
    script && subject.service.entrypoint.words().is_none() && server
}

/// Whether there are no data yet, as far as can be told from outside.
fn begins_anew(subject: &Subject<'_>, database: &Database, disk: &dyn Disk) -> bool {
    let (key, default) = database.data;
    let data = subject.variable(key).unwrap_or(default);
    let above = |mount: &&Mount| Path::new(data).starts_with(mount.target.trim_end_matches('/'));
    let Some(mount) = subject.service.volumes.iter().find(above) else {
        return !disk.has_volume(None);
    };
    match mount.r#type {
        MountType::Volume if mount.source.is_empty() => !disk.has_volume(None),
        MountType::Volume => {
            let volume = subject.project.volumes.get(&mount.source);
            let name = volume.map_or(&mount.source, |volume| &volume.name);
            !disk.has_volume(Some(name))
        }
        MountType::Bind => !disk.exists(Path::new(&mount.source)),
        _ => false,
    }
}

/// Where an image keeps its data, and a mount that misses it.
pub(super) fn beside(
    subject: &Subject<'_>,
    mount: &Mount,
    place: Option<Place>,
) -> Option<Diagnostic> {
    if !matches!(mount.r#type, MountType::Volume | MountType::Bind) {
        return None;
    }
    let target = mount.target.trim_end_matches('/');
    let mounted = |path: &str| {
        let same = |other: &Mount| other.target.trim_end_matches('/') == path;
        subject.service.volumes.iter().any(same)
    };
    if let Some(found) = newer_postgres(subject, target, place.clone()) {
        return Some(found);
    }
    let data = subject
        .image
        .volumes
        .iter()
        .map(|path| path.trim_end_matches('/'))
        .filter(|path| !mounted(path));
    for path in data {
        let above = path.starts_with("/var/lib/")
            && target != "/var/lib"
            && path
                .strip_prefix(target)
                .is_some_and(|rest| rest.starts_with('/'));
        let near = target != path && slips(target, path) <= 2;
        if !above && !near {
            continue;
        }
        let name = subject.name;
        let message = format!(
            "service `{name}` keeps its data in `{path}`, and nothing of yours is mounted there: `{target}` stays empty, and the data go with the container [data-beside-the-volume]"
        );
        return Some(
            Diagnostic::warning(message)
                .at(place)
                .hint(format!("mount it at `{path}`")),
        );
    }
    None
}

/// From version 18 on, PostgreSQL's image keeps its data in a folder of its version.
fn newer_postgres(subject: &Subject<'_>, target: &str, place: Option<Place>) -> Option<Diagnostic> {
    let major: u32 = subject.variable("PG_MAJOR")?.parse().ok()?;
    let moved = subject.variable("PGDATA").is_some_and(|data| {
        data == target
            || data
                .strip_prefix(target)
                .is_some_and(|rest| rest.starts_with('/'))
    });
    if major < 18 || target != "/var/lib/postgresql/data" || moved {
        return None;
    }
    let message = format!(
        "service `{}` runs PostgreSQL {major}, which keeps its data below `/var/lib/postgresql` and refuses a volume at `{target}` [postgres-18-layout]",
        subject.name
    );
    Some(
        Diagnostic::warning(message)
            .at(place)
            .hint("mount the volume at `/var/lib/postgresql`, or stay with `postgres:17`"),
    )
}
