//! Well-known variables, one letter off.

use super::Finding;
use super::servers::image_name;
use crate::diagnostic::Diagnostic;
use crate::project::{Project, Service};
use crate::text::nearest::slips;
use crate::text::secret::names_secret;

/// A variable that programs or images look for by its name.
struct Known {
    name: &'static str,
    /// The images that look for it; empty where it means the same everywhere.
    images: &'static [&'static str],
    /// What people write instead, farther off than one letter.
    also: &'static [&'static str],
}

const fn everywhere(name: &'static str, also: &'static [&'static str]) -> Known {
    let images = &[];
    Known { name, images, also }
}

const fn of(
    images: &'static [&'static str],
    name: &'static str,
    also: &'static [&'static str],
) -> Known {
    Known { name, images, also }
}

const POSTGRES: &[&str] = &["postgres", "postgis", "timescaledb", "pgvector"];
const MYSQL: &[&str] = &["mysql", "percona"];
const MARIADB: &[&str] = &["mariadb"];
const MONGO: &[&str] = &["mongo"];
const RABBIT: &[&str] = &["rabbitmq"];
const MINIO: &[&str] = &["minio"];

/// The table.
static KNOWN: &[Known] = &[
    everywhere(
        "PYTHONUNBUFFERED",
        &[
            "PYTHONBUFFERED",
            "PYTHON_UNBUFFERED",
            "PYTHONUNBUFFER",
            "PYTHON_BUFFERED",
        ],
    ),
    everywhere(
        "PYTHONDONTWRITEBYTECODE",
        &[
            "PYTHON_DONT_WRITE_BYTECODE",
            "PYTHONDONTWRITEBYTECODES",
            "PYTHONDONTWRITEBITECODE",
        ],
    ),
    everywhere("PYTHONPATH", &["PYTHON_PATH"]),
    everywhere("PYTHONIOENCODING", &["PYTHON_IO_ENCODING"]),
    everywhere("PYTHONFAULTHANDLER", &["PYTHON_FAULTHANDLER"]),
    everywhere(
        "DJANGO_SETTINGS_MODULE",
        &["DJANGO_SETTING_MODULES", "DJANGO_SETTINGS_MODULES"],
    ),
    everywhere("DJANGO_SUPERUSER_PASSWORD", &[]),
    everywhere("NODE_OPTIONS", &[]),
    everywhere("NODE_EXTRA_CA_CERTS", &["NODE_EXTRA_CA_CERT"]),
    everywhere("CHOKIDAR_USEPOLLING", &["CHOKIDAR_USE_POLLING"]),
    everywhere("WATCHPACK_POLLING", &["WATCHPACK_USE_POLLING"]),
    everywhere("WATCHFILES_FORCE_POLLING", &[]),
    everywhere("RAILS_MASTER_KEY", &[]),
    everywhere("RAILS_LOG_TO_STDOUT", &[]),
    everywhere("RAILS_SERVE_STATIC_FILES", &[]),
    everywhere("SECRET_KEY_BASE", &[]),
    everywhere("JAVA_TOOL_OPTIONS", &["JAVA_TOOLS_OPTIONS"]),
    everywhere("DEBIAN_FRONTEND", &[]),
    everywhere("LD_LIBRARY_PATH", &[]),
    everywhere("COMPOSER_ALLOW_SUPERUSER", &[]),
    of(
        POSTGRES,
        "POSTGRES_PASSWORD",
        &["POSTGRES_PASS", "POSTGRESQL_PASSWORD", "PG_PASSWORD"],
    ),
    of(
        POSTGRES,
        "POSTGRES_USER",
        &["POSTGRES_USERNAME", "POSTGRESQL_USER"],
    ),
    of(
        POSTGRES,
        "POSTGRES_DB",
        &["POSTGRES_DATABASE", "POSTGRES_DB_NAME", "POSTGRES_DBNAME"],
    ),
    of(POSTGRES, "POSTGRES_INITDB_ARGS", &["POSTGRES_INIT_DB_ARGS"]),
    of(POSTGRES, "POSTGRES_HOST_AUTH_METHOD", &[]),
    of(MYSQL, "MYSQL_ROOT_PASSWORD", &["MYSQL_ROOT_PASS"]),
    of(MYSQL, "MYSQL_PASSWORD", &["MYSQL_PASS"]),
    of(MYSQL, "MYSQL_USER", &["MYSQL_USERNAME"]),
    of(MYSQL, "MYSQL_DATABASE", &["MYSQL_DB", "MYSQL_DB_NAME"]),
    of(
        MYSQL,
        "MYSQL_ALLOW_EMPTY_PASSWORD",
        &["MYSQL_ALLOW_EMPTY_PASSWORDS"],
    ),
    of(MARIADB, "MARIADB_ROOT_PASSWORD", &["MARIADB_ROOT_PASS"]),
    of(MARIADB, "MARIADB_PASSWORD", &["MARIADB_PASS"]),
    of(MARIADB, "MARIADB_USER", &["MARIADB_USERNAME"]),
    of(MARIADB, "MARIADB_DATABASE", &["MARIADB_DB"]),
    of(
        MONGO,
        "MONGO_INITDB_ROOT_USERNAME",
        &["MONGO_INITDB_ROOT_USER", "MONGO_INIT_DB_ROOT_USERNAME"],
    ),
    of(
        MONGO,
        "MONGO_INITDB_ROOT_PASSWORD",
        &["MONGO_INITDB_ROOT_PASS", "MONGO_INIT_DB_ROOT_PASSWORD"],
    ),
    of(
        MONGO,
        "MONGO_INITDB_DATABASE",
        &["MONGO_INITDB_DB", "MONGO_INIT_DB_DATABASE"],
    ),
    of(
        RABBIT,
        "RABBITMQ_DEFAULT_USER",
        &["RABBITMQ_DEFAULT_USERNAME"],
    ),
    of(
        RABBIT,
        "RABBITMQ_DEFAULT_PASS",
        &["RABBITMQ_DEFAULT_PASSWORD"],
    ),
    of(
        RABBIT,
        "RABBITMQ_DEFAULT_VHOST",
        &["RABBITMQ_DEFAULT_VIRTUAL_HOST"],
    ),
    of(MINIO, "MINIO_ROOT_USER", &["MINIO_ROOT_USERNAME"]),
    of(MINIO, "MINIO_ROOT_PASSWORD", &["MINIO_ROOT_PASS"]),
];

/// Shorter names have too many neighbours that mean something of their own.
const SHORTEST: usize = 10;

/// A warning for each variable that is one of the table but for its spelling.
pub fn misspelt(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, described) in &project.services {
        let image = image_name(described);
        for key in described.environment.keys() {
            let Some(meant) = meant(key, &image, described) else {
                continue;
            };
            let place = project.key_place(&["services", service, "environment", key]);
            let message = match (&place, names_secret(key)) {
                // The line is not shown, as it holds the value.
                (Some(place), true) => format!("`{key}` of `{service}` ({place})"),
                _ => format!("`{key}` of `{service}`"),
            };
            let warning =
                Diagnostic::warning(format!("{message} looks like a misspelt `{}`", meant.name))
                    .at(place.filter(|_| !names_secret(key)))
                    .hint(match meant.images {
                        [] => format!(
                            "write `{}`, or set that one too if this is a variable of your own",
                            meant.name
                        ),
                        _ => format!("the image `{}` reads `{}`", described.image, meant.name),
                    });
            findings.push(Finding {
                services: vec![service.clone()],
                warning,
            });
        }
    }
    findings
}

/// The variable of the table that a key is a misspelling of.
fn meant(key: &str, image: &str, service: &Service) -> Option<&'static Known> {
    if KNOWN.iter().any(|known| known.name == key) {
        return None;
    }
    let near = |known: &&Known| {
        let concerned = known.images.is_empty() || known.images.contains(&image);
        let misspelt = known.also.contains(&key)
            || known.name.len() >= SHORTEST && slips(key, known.name) == 1;
        // Who sets both has a use of its own for the other.
        concerned && misspelt && !service.environment.contains_key(known.name)
    };
    KNOWN.iter().find(near)
}
