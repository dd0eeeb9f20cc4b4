//! message-io: the same programs as for polywire, to the letter.

pub(crate) use message_io as library;

#[path = "node_programs/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "two libraries with one interface run the same source")]
mod node_programs;

pub(crate) use node_programs::run;
