//! The only place that prints: terminal, plain and JSON progress, log prefixes, tables, failures.
