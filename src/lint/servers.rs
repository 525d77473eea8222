//! Servers by the variables that their images make an account and a database from.

use crate::project::Service;
use crate::text::reference::Reference;

/// A kind of server.
#[derive(Debug)]
pub struct Server {
    /// What the last part of its image's name begins with.
    images: &'static [&'static str],
    /// What its clients' variables are called after.
    pub words: &'static [&'static str],
    user: &'static str,
    /// The user where no variable names one.
    default: Option<&'static str>,
    password: &'static str,
    database: Option<&'static str>,
    /// Who administers the server beside that user, and the variable of the password.
    root: Option<(&'static str, &'static str)>,
}

/// An account of a server: values, each with the variable that makes it.
#[derive(Debug)]
pub struct Account {
    /// The user.
    pub user: (&'static str, String),
    /// The password, where a variable holds it.
    pub password: Option<(&'static str, String)>,
}

/// The table, from the images' documentation.
pub static SERVERS: &[Server] = &[
    Server {
        images: &["postgres", "postgis", "timescale", "pgvector"],
        words: &["POSTGRES", "POSTGRESQL", "PG", "PSQL"],
        user: "POSTGRES_USER",
        default: Some("postgres"),
        password: "POSTGRES_PASSWORD",
        database: Some("POSTGRES_DB"),
        root: None,
    },
    Server {
        images: &["postgresql"],
        words: &["POSTGRES", "POSTGRESQL", "PG", "PSQL"],
        user: "POSTGRESQL_USERNAME",
        default: Some("postgres"),
        password: "POSTGRESQL_PASSWORD",
        database: Some("POSTGRESQL_DATABASE"),
        root: Some(("postgres", "POSTGRESQL_POSTGRES_PASSWORD")),
    },
    Server {
        images: &["mysql", "mariadb", "percona"],
        words: &["MYSQL", "MARIADB"],
        user: "MYSQL_USER",
        default: None,
        password: "MYSQL_PASSWORD",
        database: Some("MYSQL_DATABASE"),
        root: Some(("root", "MYSQL_ROOT_PASSWORD")),
    },
    Server {
        images: &["mariadb"],
        words: &["MYSQL", "MARIADB"],
        user: "MARIADB_USER",
        default: None,
        password: "MARIADB_PASSWORD",
        database: Some("MARIADB_DATABASE"),
        root: Some(("root", "MARIADB_ROOT_PASSWORD")),
    },
    Server {
        images: &["mongo"],
        words: &["MONGO", "MONGODB"],
        user: "MONGO_INITDB_ROOT_USERNAME",
        default: None,
        password: "MONGO_INITDB_ROOT_PASSWORD",
        database: None,
        root: None,
    },
    Server {
        images: &["rabbitmq"],
        words: &["RABBITMQ", "RABBIT", "AMQP"],
        user: "RABBITMQ_DEFAULT_USER",
        default: Some("guest"),
        password: "RABBITMQ_DEFAULT_PASS",
        database: None,
        root: None,
    },
    Server {
        images: &["clickhouse"],
        words: &["CLICKHOUSE"],
        user: "CLICKHOUSE_USER",
        default: Some("default"),
        password: "CLICKHOUSE_PASSWORD",
        database: None,
        root: None,
    },
];

fn value<'s>(service: &'s Service, key: &str) -> Option<&'s str> {
    let value = service.environment.get(key)?.as_deref()?;
    (!value.is_empty()).then_some(value)
}

impl Server {
    /// The kind of server that a service is, by its variables.
    pub fn of(service: &Service) -> Option<&'static Self> {
        SERVERS.iter().find(|kind| {
            let root = kind.root.map(|(_, password)| password);
            [kind.user, kind.password]
                .into_iter()
                .chain(root)
                .any(|key| value(service, key).is_some())
        })
    }

    /// The kind of server that a service is, by its image.
    pub fn of_image(service: &Service) -> Option<&'static Self> {
        let image = image_name(service);
        SERVERS.iter().find(|kind| kind.is_image(&image))
    }

    /// Whether an image of this name is one.
    pub fn is_image(&self, name: &str) -> bool {
        self.images.iter().any(|image| name.starts_with(image))
    }

    /// The accounts that the variables of a service make.
    pub fn accounts(&self, service: &Service) -> Vec<Account> {
        let of = |user: Option<&str>, user_key, password| {
            let password = value(service, password).map(|value| (password, value.to_owned()));
            let user = (user_key, user?.to_owned());
            Some(Account { user, password })
        };
        let own = value(service, self.user).or(self.default);
        let own = of(own, self.user, self.password);
        let root = self
            .root
            .and_then(|(user, password)| of(Some(user), password, password));
        let root = root.filter(|root| root.password.is_some());
        own.into_iter().chain(root).collect()
    }

    /// The database that the variables of a service make.
    pub fn database(&self, service: &Service) -> Option<(&'static str, String)> {
        let key = self.database?;
        Some((key, value(service, key)?.to_owned()))
    }

    /// Whether a service may make accounts and databases by other means than its variables.
    pub fn is_customised(&self, service: &Service) -> bool {
        let scripts = |target: &str| target.contains("initdb.d") || target.contains("init-");
        service.build.is_some()
            || service.volumes.iter().any(|mount| scripts(&mount.target))
            || service.configs.iter().any(|config| scripts(&config.target))
            || !self.is_image(&image_name(service))
            || !is_plain(service)
    }

    /// Whether the server takes any password.
    pub fn trusts(&self, service: &Service) -> bool {
        value(service, "POSTGRES_HOST_AUTH_METHOD") == Some("trust")
    }
}

/// Whether an image makes nothing but what its variables say: the official ones, and builds of them.
fn is_plain(service: &Service) -> bool {
    const FOLDERS: &[&str] = &[
        "bitnami",
        "bitnamilegacy",
        "clickhouse",
        "mysql",
        "percona",
        "pgvector",
        "postgis",
        "timescale",
    ];
    let name = Reference::parse(&service.image).map(|reference| reference.familiar_name());
    let name = name.unwrap_or_default();
    name.rsplit_once('/')
        .is_none_or(|(folder, _)| FOLDERS.contains(&folder))
}

/// The last part of the name of a service's image: `postgis` of `docker.io/postgis/postgis:15`.
pub fn image_name(service: &Service) -> String {
    let name = Reference::parse(&service.image).map(|reference| reference.familiar_name());
    let name = name.unwrap_or_default();
    name.rsplit('/').next().unwrap_or_default().to_owned()
}
