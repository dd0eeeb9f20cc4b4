//! Small things that programs use beside a node.

pub mod thread;
