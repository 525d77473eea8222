//! Services and their edges, over petgraph.
