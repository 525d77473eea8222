//! Which of a service's containers stands for which replica, and what an interruption left.

use std::collections::BTreeMap;

use super::observed::{Container, State};
use super::temporary::{final_name, temporary_name};

/// The containers of one service, sorted out.
#[derive(Debug, Default)]
pub(super) struct Replicas<'a> {
    /// One for each number.
    pub(super) kept: BTreeMap<u32, &'a Container>,
    /// What an interrupted command left beside them.
    pub(super) leftovers: Vec<&'a Container>,
}

/// Sorts the containers of one service out; `name` says the final name of a number.
///
/// Two containers of one number are an old one and its replacement. The replacement counts once it
/// was started: before that, the old one holds whatever there is to lose.
pub(super) fn sort_out<'a>(
    containers: &[&'a Container],
    name: impl Fn(u32) -> String,
) -> Replicas<'a> {
    let mut groups: BTreeMap<u32, Vec<&Container>> = BTreeMap::new();
    let mut unnumbered = Vec::new();
    for &container in containers {
        match container.number {
            Some(number) => groups.entry(number).or_default().push(container),
            None => unnumbered.push(container),
        }
    }
    for container in unnumbered {
        let next = groups.keys().next_back().map_or(1, |last| last + 1);
        groups.insert(next, vec![container]);
    }
    let mut replicas = Replicas::default();
    for (number, group) in groups {
        let chosen = choose(&group, &name(number));
        replicas.kept.insert(number, chosen);
        let others = group.into_iter().filter(|other| other.id != chosen.id);
        replicas.leftovers.extend(others);
    }
    replicas
}

fn choose<'a>(group: &[&'a Container], name: &str) -> &'a Container {
    let rank = |container: &Container| {
        let takes_over = group
            .iter()
            .any(|old| container.name == temporary_name(&old.id, name));
        let started = container.state != State::Created;
        (
            !matches!(container.state, State::Removing | State::Dead),
            started,
            is_up(container.state),
            started && takes_over,
            !started && container.name == name,
            container.created,
        )
    };
    group
        .iter()
        .copied()
        .max_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| b.name.cmp(&a.name)))
        .expect("a group has a container")
}

/// Whether a container holds its ports and its processes.
pub(super) fn is_up(state: State) -> bool {
    matches!(state, State::Running | State::Paused | State::Restarting)
}

/// Whether `container` bears a temporary name for `name`: `0123456789ab_app-web-1`.
pub(super) fn has_temporary_name(container: &Container, name: &str) -> bool {
    final_name(&container.name) == Some(name)
}
