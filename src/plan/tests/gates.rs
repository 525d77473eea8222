//! gates.
