//! Every rule of the inference that is data: key patterns, schemes, well-known ports, exclusions.

use super::{PortTarget, Protocol};

/// A key whose last word is one of these holds hosts: a bare name in its value counts.
pub(super) const HOST_WORDS: &[&str] = &[
    "HOST",
    "HOSTS",
    "HOSTNAME",
    "ADDR",
    "ADDRESS",
    "SERVER",
    "SERVERS",
    "URL",
    "URI",
    "DSN",
    "BROKER",
    "BROKERS",
    "ENDPOINT",
    "ENDPOINTS",
];

/// A key that contains one of these names somebody who calls this service, or an address that is
/// given to browsers: never a dependency.
pub(super) const NEVER_KEYS: &[&str] = &[
    "NO_PROXY",
    "ALLOWED_HOST",
    "TRUSTED",
    "ORIGIN",
    "CALLBACK",
    "REDIRECT",
    "PUBLIC",
    "FRONTEND",
    "ADVERTISED",
    "CORS",
    "VIRTUAL_HOST",
    "VHOST",
    "LETSENCRYPT_HOST",
    "PROF_SERVICES",
];

/// A key that is one of these, whole, holds the service's own name.
const OWN_NAMES: &[&str] = &["HOSTNAME"];

/// In the value of a key that ends in one of these, `name:number` is no address: a credential, or
/// an image and its tag.
pub(super) const NOT_AN_ADDRESS: &[&str] = &[
    "IMAGE", "TAG", "VERSION", "AUTH", "USER", "USERNAME", "PASSWORD", "PASS", "SECRET", "TOKEN",
    "KEY", "NAME", "LABEL", "LABELS",
];

/// `name:number` counts from this number on: `redis:7` and `node:20` are images.
pub(super) const LEAST_PORT: u16 = 22;

/// The words that stand where `_HOST` stood in the key of the port that belongs to a host.
pub(super) const PORT_WORDS: &[&str] = &[
    "PORT",
    "PORT_NUMBER",
    "HOST_PORT",
    "TCP_PORT",
    "SERVICE_PORT",
];

/// A scheme and the port that stands behind it.
pub(super) struct Scheme {
    pub(super) name: &'static str,
    pub(super) port: PortTarget,
}

const fn tcp(name: &'static str, number: u16) -> Scheme {
    Scheme {
        name,
        port: PortTarget::tcp(number),
    }
}

const fn udp(name: &'static str, number: u16) -> Scheme {
    Scheme {
        name,
        port: PortTarget::udp(number),
    }
}

/// Schemes and their ports, from the IANA registry and the projects' own documentation.
pub(super) const SCHEMES: &[Scheme] = &[
    tcp("amqp", 5672),
    tcp("amqps", 5671),
    tcp("beanstalk", 11300),
    tcp("beanstalkd", 11300),
    tcp("bolt", 7687),
    tcp("cassandra", 9042),
    tcp("clickhouse", 9000),
    tcp("cockroachdb", 26257),
    tcp("consul", 8500),
    tcp("couchbase", 11210),
    tcp("couchdb", 5984),
    tcp("elasticsearch", 9200),
    tcp("es", 9200),
    tcp("etcd", 2379),
    tcp("ftp", 21),
    udp("gelf", 12201),
    tcp("http", 80),
    tcp("https", 443),
    tcp("influxdb", 8086),
    tcp("kafka", 9092),
    tcp("ldap", 389),
    tcp("ldaps", 636),
    tcp("mariadb", 3306),
    tcp("memcache", 11211),
    tcp("memcached", 11211),
    tcp("mongo", 27017),
    tcp("mongodb", 27017),
    tcp("mqtt", 1883),
    tcp("mqtts", 8883),
    tcp("mssql", 1433),
    tcp("mysql", 3306),
    tcp("mysql2", 3306),
    tcp("mysqlx", 33060),
    tcp("nats", 4222),
    tcp("neo4j", 7687),
    tcp("opensearch", 9200),
    tcp("oracle", 1521),
    tcp("pgsql", 5432),
    tcp("postgis", 5432),
    tcp("postgres", 5432),
    tcp("postgresql", 5432),
    tcp("psql", 5432),
    tcp("pulsar", 6650),
    tcp("redis", 6379),
    tcp("rediss", 6379),
    tcp("rtmp", 1935),
    tcp("rtsp", 554),
    tcp("s3", 9000),
    tcp("smtp", 25),
    tcp("smtps", 465),
    tcp("solr", 8983),
    tcp("sqlserver", 1433),
    tcp("ssh", 22),
    udp("statsd", 8125),
    udp("syslog", 514),
    tcp("temporal", 7233),
    tcp("valkey", 6379),
    tcp("vault", 8200),
    tcp("ws", 80),
    tcp("wss", 443),
    tcp("zk", 2181),
    tcp("zookeeper", 2181),
];

/// Schemes that say a transport and no port.
pub(super) const UDP_SCHEMES: &[&str] = &["udp", "udp4", "udp6"];

/// Schemes whose authority is no host of the project: DNS service records, files, sockets, a
/// compose or image reference.
pub(super) const NO_HOST_SCHEMES: &[&str] = &[
    "mongodb+srv",
    "file",
    "unix",
    "sqlite",
    "sqlite3",
    "docker-image",
    "service",
    "fd",
    "npipe",
    "chrome-extension",
    "data",
    "javascript",
    "mailto",
];

/// Ports that are bound by UDP as often as listened on by TCP: either satisfies a gate that names
/// the number alone.
pub(super) const EITHER_TRANSPORT: &[u16] = &[
    53, 123, 161, 162, 514, 1514, 2003, 4739, 5140, 5775, 6831, 6832, 8089, 8094, 8125, 12201,
    24224, 25826,
];

/// Of several ports that an image declares, these are the ones its clients use.
const CLIENT_PORTS: &[u16] = &[
    80, 443, 1433, 1521, 1883, 2181, 2379, 3306, 389, 4222, 5432, 5671, 5672, 5984, 6379, 7233,
    7687, 8080, 8086, 8123, 8200, 8500, 8983, 9000, 9042, 9092, 9200, 11211, 27017,
];

/// The port of a scheme such as `postgresql+psycopg`, `jdbc:mysql` or `db+redis`.
pub(super) fn scheme_port(scheme: &str) -> Option<PortTarget> {
    let scheme = scheme.to_ascii_lowercase();
    scheme
        .split([':', '+'])
        .find_map(|part| SCHEMES.iter().find(|known| known.name == part))
        .map(|known| known.port)
}

/// The transport that a scheme says, where it is not TCP.
pub(super) fn scheme_protocol(scheme: &str) -> Option<Protocol> {
    let scheme = scheme.to_ascii_lowercase();
    match UDP_SCHEMES.contains(&scheme.as_str()) {
        true => Some(Protocol::Udp),
        false => scheme_port(&scheme).map(|port| port.protocol),
    }
}

/// The ports to wait for, of those an image declares: the well-known ones, else all; any one will do.
pub fn choose_exposed<'a>(exposed: impl IntoIterator<Item = &'a str>) -> Vec<PortTarget> {
    let mut all: Vec<PortTarget> = exposed.into_iter().filter_map(PortTarget::parse).collect();
    all.sort();
    all.dedup();
    let known: Vec<PortTarget> = all
        .iter()
        .copied()
        .filter(|port| port.protocol == Protocol::Tcp && CLIENT_PORTS.contains(&port.number))
        .collect();
    match known.is_empty() {
        true => all,
        false => known,
    }
}

/// A key in capitals with one `_` between its words: `spring.datasource.url` → `SPRING_DATASOURCE_URL`.
pub(super) fn normal_key(key: &str) -> String {
    let mut normal = String::with_capacity(key.len());
    let mut lower_before = false;
    for letter in key.chars() {
        if letter.is_ascii_uppercase() && lower_before {
            normal.push('_');
        }
        lower_before = letter.is_ascii_lowercase();
        match letter.is_ascii_alphanumeric() {
            true => normal.push(letter.to_ascii_uppercase()),
            false if normal.ends_with('_') => {}
            false => normal.push('_'),
        }
    }
    normal
}

/// Whether a normalised key is about somebody else than a dependency.
pub(super) fn never(key: &str) -> bool {
    OWN_NAMES.contains(&key) || NEVER_KEYS.iter().any(|word| key.contains(word))
}

/// Whether a bare name in this key's value is a host.
pub(super) fn holds_hosts(key: &str) -> bool {
    HOST_WORDS.iter().any(|word| key.ends_with(word))
}

/// Whether `name:number` in this key's value is an address.
pub(super) fn holds_addresses(key: &str) -> bool {
    !NOT_AN_ADDRESS.iter().any(|word| ends_in_word(key, word))
}

/// The keys that may hold the port for the host in `key`: `DJANGO_DB_HOST` → `DJANGO_DB_PORT` …
pub(super) fn port_keys(key: &str) -> Vec<String> {
    let Some(word) = HOST_WORDS
        .iter()
        .filter(|word| key.ends_with(**word))
        .max_by_key(|word| word.len())
    else {
        return Vec::new();
    };
    let stem = &key[..key.len() - word.len()];
    PORT_WORDS
        .iter()
        .map(|port| format!("{stem}{port}"))
        .collect()
}

fn ends_in_word(key: &str, word: &str) -> bool {
    key.strip_suffix(word)
        .is_some_and(|stem| stem.is_empty() || stem.ends_with('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_by_their_words() {
        assert_eq!(normal_key("spring.datasource.url"), "SPRING_DATASOURCE_URL");
        assert_eq!(normal_key("ConnectionStrings__Db"), "CONNECTION_STRINGS_DB");
        assert!(holds_hosts("PGHOST") && holds_hosts("KAFKA_BOOTSTRAP_SERVERS"));
        assert!(!holds_hosts("DB_USER") && !holds_hosts("DB_VENDOR"));
        assert!(
            never("NO_PROXY")
                && never("DJANGO_ALLOWED_HOSTS")
                && never("KAFKA_ADVERTISED_LISTENERS")
                && never("HOSTNAME")
                && !never("DB_HOSTNAME")
        );
        assert!(!holds_addresses("REDIS_IMAGE") && holds_addresses("CACHE"));
        assert_eq!(port_keys("PGHOST")[0], "PGPORT");
        assert_eq!(port_keys("DB_HOSTNAME")[0], "DB_PORT");
    }

    #[test]
    fn schemes_are_found_behind_prefixes_and_before_drivers() {
        for (scheme, port) in [
            ("postgresql+psycopg2", 5432),
            ("jdbc:mysql", 3306),
            ("db+redis", 6379),
            ("AMQP", 5672),
        ] {
            assert_eq!(scheme_port(scheme), Some(PortTarget::tcp(port)), "{scheme}");
        }
        assert_eq!(scheme_port("tcp"), None);
        assert_eq!(scheme_protocol("udp"), Some(Protocol::Udp));
    }

    #[test]
    fn of_several_exposed_ports_the_clients_port_is_waited_for() {
        let rabbit = ["4369/tcp", "5671/tcp", "5672/tcp", "15692/tcp", "25672/tcp"];
        assert_eq!(
            choose_exposed(rabbit),
            [PortTarget::tcp(5671), PortTarget::tcp(5672)]
        );
        assert_eq!(
            choose_exposed(["1025/tcp", "8025/tcp"]),
            [PortTarget::tcp(1025), PortTarget::tcp(8025)]
        );
        assert_eq!(choose_exposed([]), []);
    }
}
