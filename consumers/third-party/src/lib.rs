//! An adapter of one's own, as anyone may publish it.

pub mod mem;
