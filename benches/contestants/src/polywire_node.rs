//! polywire: the same programs as for message-io, to the letter.

pub(crate) use polywire as library;

#[path = "node_programs/mod.rs"]
mod node_programs;

pub(crate) use node_programs::run;
