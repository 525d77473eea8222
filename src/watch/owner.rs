//! Whose files those are that a sync brings: the user's that the container was made for.
//!
//! Engines before 25 look a user's name up on their own machine, not in the container, and refuse a
//! name that it does not have; so the name is looked up here.

use std::io::Read;

use futures_util::StreamExt;

use crate::engine::Engine;
use crate::name::ContainerId;

/// A user and a group by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The user's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
}

/// Above this size a list of users is not read.
const LIST_LIMIT: usize = 1 << 20;

/// The owner that a container's files get; none where only the engine can tell.
pub async fn of(engine: &Engine, id: &ContainerId) -> Option<Owner> {
    let config = engine.inspect_container(id).await.ok()?.config;
    let user = config.unwrap_or_default().user.unwrap_or_default();
    if user.is_empty() {
        return Some(Owner::default());
    }
    let users = list(engine, id, "/etc/passwd").await;
    let groups = list(engine, id, "/etc/group").await;
    resolve(&user, &users, &groups)
}

/// A list of users or groups; empty where the container has none.
async fn list(engine: &Engine, id: &ContainerId, path: &str) -> String {
    let mut bytes = Vec::new();
    if let Ok((_, mut stream)) = engine.get_archive(id, path).await {
        while let Some(Ok(piece)) = stream.next().await {
            bytes.extend_from_slice(&piece);
            if bytes.len() > LIST_LIMIT {
                return String::new();
            }
        }
    }
    let mut text = String::new();
    if let Ok(entries) = tar::Archive::new(&bytes[..]).entries() {
        for mut entry in entries.flatten() {
            // What is no text names nobody.
            let _ = entry.read_to_string(&mut text);
        }
    }
    text
}

/// Looks `user[:group]` up, each a name or a number: as runtimes do, a name comes first, and a user
/// without a group has its own, or group 0 where the list does not know it.
pub(super) fn resolve(user: &str, users: &str, groups: &str) -> Option<Owner> {
    let (user, group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (user, None),
    };
    let known = find(users, user);
    let number = |known: &Option<Vec<&str>>, text: &str| match known {
        Some(fields) => fields.get(2)?.parse().ok(),
        None => text.parse().ok(),
    };
    Some(Owner {
        user: number(&known, user)?,
        group: match group.filter(|group| !group.is_empty()) {
            Some(group) => number(&find(groups, group), group)?,
            None => match known {
                Some(fields) => fields.get(3)?.parse().ok()?,
                None => 0,
            },
        },
    })
}

/// The fields of a user or group by name, else by number.
fn find<'a>(list: &'a str, wanted: &str) -> Option<Vec<&'a str>> {
    let fields = |index: usize| {
        let mut lines = list.lines().map(|line| line.split(':').collect::<Vec<_>>());
        lines.find(|fields| fields.get(index) == Some(&wanted))
    };
    fields(0).or_else(|| fields(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_are_found_by_name_and_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\n";
        let groups = "root:x:0:\nnode:x:1001:\nstaff:x:50:node\n";
        let of = |text: &str| resolve(text, users, groups).map(|it| (it.user, it.group));
        for (text, owner) in [
            ("node", Some((1000, 1001))),
            ("1000", Some((1000, 1001))),
            ("1234", Some((1234, 0))),
            ("node:staff", Some((1000, 50))),
            ("node:77", Some((1000, 77))),
            ("1234:0", Some((1234, 0))),
            ("nobody", None),
            ("node:wheel", None),
        ] {
            assert_eq!(of(text), owner, "{text}");
        }
        assert_eq!(
            resolve("1000", "", ""),
            Some(Owner {
                user: 1000,
                group: 0
            })
        );
    }
}
