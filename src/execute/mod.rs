//! Walks a plan: ready steps run in a bounded `JoinSet`, gates wait, outcomes come back.
