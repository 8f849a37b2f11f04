//! A grant is used while everything around it fails: every point at which a process can be killed,
//! deposed or held up, against a Zoom without any grace.

#![allow(clippy::panic, reason = "a test may stop")]

mod cell;
mod consents;
mod judge;
mod matrix;
mod outcomes;
mod pod;
mod process;
mod races;
mod seals;
mod store;
mod twice;
mod world;
mod zoom;
