//! Compose's config hash.
