//! Services and their edges, over petgraph: cycles, order, dependents.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::project::{Condition, Dependency, Project};

/// Why one service comes after another.
#[derive(Clone, Debug, PartialEq)]
pub enum Edge {
    /// The file says so: `depends_on`, a link, a shared namespace or volume.
    Declared(Dependency),
    /// Inferred from what the dependent is configured with: it orders and gates, no more.
    Soft,
}

/// The services of a project; an edge points from a dependent to what it depends on.
#[derive(Clone, Debug, Default)]
pub struct ServiceGraph {
    graph: DiGraph<ServiceName, Edge>,
    nodes: BTreeMap<ServiceName, NodeIndex>,
}

impl ServiceGraph {
    /// Takes the declared edges between the services that are on; edges to others are left out.
    ///
    /// # Errors
    /// A cycle of declared edges, named service by service.
    pub fn new(project: &Project) -> Result<Self, Diagnostic> {
        let mut graph = DiGraph::new();
        let nodes: BTreeMap<ServiceName, NodeIndex> = project
            .services
            .keys()
            .map(|name| (name.clone(), graph.add_node(name.clone())))
            .collect();
        for (name, service) in &project.services {
            for (dependency, how) in &service.depends_on {
                if let Some(&to) = nodes.get(dependency) {
                    graph.add_edge(nodes[name], to, Edge::Declared(how.clone()));
                }
            }
        }
        let this = Self { graph, nodes };
        match this.cycle() {
            Some(cycle) => Err(Diagnostic::error(format!(
                "dependency cycle detected: {}",
                cycle.join(" -> ")
            ))
            .hint("remove one of these `depends_on`, links or shared namespaces")),
            None => Ok(this),
        }
    }

    /// Adds soft edges, each from a dependent to its dependency.
    ///
    /// A service that is not on, an edge to itself and one that is declared already are passed
    /// over; so are all soft edges between services that would then depend on each other. What
    /// was left out for that last reason is returned.
    pub fn add_soft(
        &mut self,
        edges: impl IntoIterator<Item = (ServiceName, ServiceName)>,
    ) -> Vec<(ServiceName, ServiceName)> {
        for (dependent, dependency) in edges {
            let (Some(&from), Some(&to)) =
                (self.nodes.get(&dependent), self.nodes.get(&dependency))
            else {
                continue;
            };
            if from != to && self.graph.find_edge(from, to).is_none() {
                self.graph.add_edge(from, to, Edge::Soft);
            }
        }
        let mut component = vec![0; self.graph.node_count()];
        for (number, members) in tarjan_scc(&self.graph).into_iter().enumerate() {
            for node in members {
                component[node.index()] = number;
            }
        }
        let mut dropped = Vec::new();
        self.graph.retain_edges(|graph, edge| {
            let (from, to) = graph
                .edge_endpoints(edge)
                .expect("the edge is being visited");
            let keep =
                graph[edge] != Edge::Soft || component[from.index()] != component[to.index()];
            if !keep {
                dropped.push((graph[from].clone(), graph[to].clone()));
            }
            keep
        });
        dropped.sort();
        dropped
    }

    /// Whether the service is part of the graph.
    pub fn contains(&self, service: &ServiceName) -> bool {
        self.nodes.contains_key(service)
    }

    /// What a service depends on, sorted by name.
    pub fn dependencies(&self, service: &ServiceName) -> Vec<(&ServiceName, &Edge)> {
        self.neighbours(service, Direction::Outgoing)
    }

    /// What depends on a service, sorted by name.
    pub fn dependents(&self, service: &ServiceName) -> Vec<(&ServiceName, &Edge)> {
        self.neighbours(service, Direction::Incoming)
    }

    /// The services and all that they depend on by declared edges.
    pub fn with_dependencies<'a>(
        &self,
        services: impl IntoIterator<Item = &'a ServiceName>,
    ) -> BTreeSet<ServiceName> {
        self.closure(services, Direction::Outgoing)
    }

    /// The services and all that depend on them by declared edges.
    pub fn with_dependents<'a>(
        &self,
        services: impl IntoIterator<Item = &'a ServiceName>,
    ) -> BTreeSet<ServiceName> {
        self.closure(services, Direction::Incoming)
    }

    /// Every service after all that it depends on; by name where nothing else decides.
    pub fn order(&self) -> Vec<ServiceName> {
        let mut waits: Vec<usize> = self
            .graph
            .node_indices()
            .map(|node| self.graph.neighbors(node).count())
            .collect();
        // Nodes are added in the order of their names, so the index stands for the name.
        let mut ready: BinaryHeap<Reverse<usize>> = (0..waits.len())
            .filter(|&node| waits[node] == 0)
            .map(Reverse)
            .collect();
        let mut order = Vec::with_capacity(waits.len());
        while let Some(Reverse(node)) = ready.pop() {
            let node = NodeIndex::new(node);
            order.push(self.graph[node].clone());
            for dependent in self.graph.neighbors_directed(node, Direction::Incoming) {
                let left = &mut waits[dependent.index()];
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse(dependent.index()));
                }
            }
        }
        order
    }

    fn neighbours(
        &self,
        service: &ServiceName,
        direction: Direction,
    ) -> Vec<(&ServiceName, &Edge)> {
        let Some(&node) = self.nodes.get(service) else {
            return Vec::new();
        };
        let mut found: Vec<_> = self
            .graph
            .edges_directed(node, direction)
            .map(|edge| {
                let other = match direction {
                    Direction::Outgoing => edge.target(),
                    Direction::Incoming => edge.source(),
                };
                (&self.graph[other], edge.weight())
            })
            .collect();
        found.sort_by_key(|(name, _)| *name);
        found
    }

    fn closure<'a>(
        &self,
        services: impl IntoIterator<Item = &'a ServiceName>,
        direction: Direction,
    ) -> BTreeSet<ServiceName> {
        let mut found = BTreeSet::new();
        let mut open: Vec<NodeIndex> = services
            .into_iter()
            .filter_map(|name| self.nodes.get(name).copied())
            .collect();
        while let Some(node) = open.pop() {
            if !found.insert(self.graph[node].clone()) {
                continue;
            }
            open.extend(
                self.graph
                    .edges_directed(node, direction)
                    .filter(|edge| matches!(edge.weight(), Edge::Declared(_)))
                    .map(|edge| match direction {
                        Direction::Outgoing => edge.target(),
                        Direction::Incoming => edge.source(),
                    }),
            );
        }
        found
    }

    /// The first cycle, beginning and ending with its first service by name.
    fn cycle(&self) -> Option<Vec<String>> {
        let component = tarjan_scc(&self.graph)
            .into_iter()
            .filter(|members| {
                members.len() > 1 || self.graph.find_edge(members[0], members[0]).is_some()
            })
            .min_by_key(|members| members.iter().min().copied())?;
        let start = *component.iter().min()?;
        // Breadth first from the start back to itself, inside the component: a shortest cycle.
        let mut came_from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
        let mut open = std::collections::VecDeque::from([start]);
        while let Some(node) = open.pop_front() {
            let mut next: Vec<NodeIndex> = self.graph.neighbors(node).collect();
            next.sort();
            for to in next.into_iter().filter(|to| component.contains(to)) {
                if to == start {
                    let mut path = vec![start, node];
                    while let Some(&before) = came_from.get(path.last()?) {
                        path.push(before);
                    }
                    if node == start {
                        path.truncate(2);
                    }
                    path.reverse();
                    return Some(path.iter().map(|&at| self.graph[at].to_string()).collect());
                }
                if to != start && !came_from.contains_key(&to) {
                    came_from.insert(to, node);
                    open.push_back(to);
                }
            }
        }
        None
    }
}

/// The services that someone waits for to end with 0.
pub fn one_shots(project: &Project) -> BTreeSet<&ServiceName> {
    let dependencies = project.services.values().flat_map(|one| &one.depends_on);
    dependencies
        .filter(|(_, how)| how.condition == Condition::CompletedSuccessfully)
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Service;

    fn project(edges: &[(&str, &[&str])]) -> Project {
        let services = edges
            .iter()
            .map(|(name, dependencies)| {
                let service = Service {
                    depends_on: dependencies
                        .iter()
                        .map(|on| ((*on).into(), Dependency::default()))
                        .collect(),
                    ..Service::default()
                };
                ((*name).into(), service)
            })
            .collect();
        Project {
            services,
            ..Project::default()
        }
    }

    fn names(list: &[ServiceName]) -> String {
        list.iter()
            .map(ServiceName::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn dependencies_come_first_and_names_decide_the_rest() {
        let graph = ServiceGraph::new(&project(&[
            ("a", &["z"]),
            ("b", &[]),
            ("c", &["a", "b"]),
            ("z", &[]),
        ]))
        .unwrap();
        assert_eq!(names(&graph.order()), "b z a c");
        assert_eq!(graph.dependents(&"z".into())[0].0, &ServiceName::from("a"));
        let all = graph.with_dependents([&ServiceName::from("z")]);
        assert_eq!(names(&all.into_iter().collect::<Vec<_>>()), "a c z");
    }

    #[test]
    fn a_cycle_is_named_from_its_first_service_round() {
        let of =
            |edges: &[(&str, &[&str])]| ServiceGraph::new(&project(edges)).unwrap_err().message;
        assert_eq!(
            of(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]),
            "dependency cycle detected: a -> b -> c -> a"
        );
        assert_eq!(of(&[("a", &["a"])]), "dependency cycle detected: a -> a");
        assert_eq!(
            of(&[("a", &["b"]), ("b", &["a"])]),
            "dependency cycle detected: a -> b -> a"
        );
    }

    #[test]
    fn soft_edges_of_a_cycle_go_and_the_others_stay() {
        let mut graph =
            ServiceGraph::new(&project(&[("a", &["b"]), ("b", &[]), ("c", &[])])).unwrap();
        let dropped = graph.add_soft([
            ("b".into(), "a".into()),
            ("a".into(), "b".into()),
            ("b".into(), "c".into()),
            ("b".into(), "nobody".into()),
            ("c".into(), "c".into()),
        ]);
        assert_eq!(dropped, [("b".into(), "a".into())]);
        assert_eq!(names(&graph.order()), "c b a");
    }
}
