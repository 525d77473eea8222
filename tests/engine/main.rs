//! The real binary against a real engine: one module per subject. Without an engine they fail.

#[path = "../support/mod.rs"]
mod support;

mod attach;
mod bases;
mod broken;
mod build;
mod builder;
mod cards;
mod client;
mod commit;
mod cp;
mod cut;
mod examples;
mod exec;
mod explain;
mod export;
mod faults;
mod fresh;
mod harness;
mod hooks;
mod identity;
mod lists;
mod log_files;
mod logs;
mod menu;
mod probe;
mod providers;
mod publish;
mod pull;
mod ready;
mod recreate;
mod registry;
mod remote;
mod run;
mod scripts;
mod settle;
mod ssh;
mod stats;
mod switches;
mod tls;
mod up_down;
mod waiting;
mod warnings;
mod watch;
