//! Long runs, for `make soak`: the tutorial's environment from nothing, again and again, every
//! call of every command disturbed, storms of changes under `sync`.

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod gates;
mod reload;
mod restart;
mod tap;
mod tutorial;
