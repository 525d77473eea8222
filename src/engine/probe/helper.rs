//! A container beside one whose image has no shell, on an engine elsewhere: it joins the other's
//! network namespace and nothing else of it, says what listens there, and goes when the wait ends.

use bollard::models::{ContainerCreateBody, HealthConfig, HostConfig};

use super::exec::Tables;
use super::listeners::Listener;
use crate::engine::{Engine, Filters, Removal};

/// Images that have a shell, by the names that most engines have one of; nothing is pulled.
const WITH_SHELL: &[&str] = &[
    "busybox", "alpine", "debian", "ubuntu", "bash", "nginx", "redis", "valkey", "postgres",
    "mariadb", "mysql", "python", "node", "ruby", "php", "golang",
];

/// How long it lives, in seconds, where nobody is left to remove it.
const LIFE: &str = "60";

/// The label that names the container it looks at. None of a project's: no command shows it.
const LABEL: &str = "dev.dco.looks-at";

/// A helper container.
pub(super) struct Helper {
    engine: Engine,
    beside: String,
    id: String,
    tables: Tables,
}

impl Helper {
    /// Starts one beside a container; none where the engine has no image for it, or refuses.
    pub(super) async fn beside(engine: &Engine, container: &str) -> Option<Self> {
        let image = image(engine).await?;
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let body = ContainerCreateBody {
            image: Some(image),
            entrypoint: words(&["sleep"]),
            cmd: words(&[LIFE]),
            user: Some("0".to_owned()),
            labels: Some([(LABEL.to_owned(), container.to_owned())].into()),
            healthcheck: Some(HealthConfig {
                test: words(&["NONE"]),
                ..HealthConfig::default()
            }),
            host_config: Some(HostConfig {
                network_mode: Some(format!("container:{container}")),
                auto_remove: Some(true),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let id = engine.create_container("", None, &body).await.ok()?.id;
        let helper = Self {
            tables: Tables::new(engine, &id),
            engine: engine.clone(),
            beside: container.to_owned(),
            id,
        };
        match engine.start_container(&helper.id).await {
            Ok(_) => Some(helper),
            Err(_) => {
                helper.remove().await;
                None
            }
        }
    }

    /// What listens there; none where it cannot tell any more.
    pub(super) async fn next(&mut self) -> Option<Vec<Listener>> {
        if let Some(found) = self.tables.next().await {
            return Some(found);
        }
        // It came to its end before the wait did.
        *self = Self::beside(&self.engine, &self.beside).await?;
        self.tables.next().await
    }

    /// Removes it.
    pub(super) async fn remove(&self) {
        let how = Removal {
            force: true,
            volumes: true,
        };
        // One that is gone already needs no removal, and any other ends by itself.
        let _ = self.engine.remove_container(&self.id, how).await;
    }
}

/// An image of the engine's that has a shell.
async fn image(engine: &Engine) -> Option<String> {
    let images = engine.list_images(&Filters::new()).await.ok()?;
    let mut tags: Vec<String> = images.into_iter().flat_map(|one| one.repo_tags).collect();
    tags.sort();
    choose(&tags)
}

/// The first of them by the order of [`WITH_SHELL`].
fn choose(tags: &[String]) -> Option<String> {
    let is = |name: &str, tag: &str| {
        // Podman says where a name is from.
        let known = ["docker.io/library/", "localhost/"];
        let bare = known.iter().find_map(|from| tag.strip_prefix(from));
        let own = bare.unwrap_or(tag).split_once(':');
        own.is_some_and(|(own, _)| own == name)
    };
    let mut names = WITH_SHELL.iter();
    names.find_map(|name| tags.iter().find(|tag| is(name, tag)).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_image_with_a_shell_is_chosen_and_nobodys_own() {
        let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let found = tags(&["app/busybox:1", "debian:12", "node:20", "redis:7"]);
        assert_eq!(choose(&found).as_deref(), Some("debian:12"));
        let found = tags(&["<none>:<none>", "app-web:latest", "postgres:16"]);
        assert_eq!(choose(&found).as_deref(), Some("postgres:16"));
        assert_eq!(choose(&tags(&["app-web:latest"])), None);
        let found = tags(&["localhost/app/web:1", "localhost/busybox:latest"]);
        assert_eq!(choose(&found).as_deref(), Some("localhost/busybox:latest"));
    }
}
