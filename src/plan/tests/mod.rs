//! Whole-text tests of plans, with no engine: a stage is built, a verb is planned, the text is
//! compared.

mod stage;

mod gates;
mod images;
mod recreate;
mod resources;
mod scale;
mod speed;
mod up;
mod verbs;
