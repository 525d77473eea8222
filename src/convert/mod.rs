//! Service → engine request bodies. Pure.
