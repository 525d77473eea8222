//! recreate.
