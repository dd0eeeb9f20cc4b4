//! Peers that read too slowly or not at all, and programs that do not want to read.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))] // Some tests are Linux's.

mod alone;
mod common;
mod support;

#[path = "backpressure/both_ways.rs"]
mod both_ways;
#[path = "backpressure/ceiling.rs"]
mod ceiling;
#[path = "backpressure/enqueued.rs"]
mod enqueued;
#[path = "backpressure/memory.rs"]
#[cfg(target_os = "linux")]
mod memory;
#[path = "backpressure/neighbours.rs"]
#[cfg(target_os = "linux")]
mod neighbours;
#[path = "backpressure/never_reads.rs"]
mod never_reads;
#[path = "backpressure/parked.rs"]
#[cfg(target_os = "linux")]
mod parked;
#[path = "backpressure/pausing.rs"]
mod pausing;
#[path = "backpressure/peers.rs"]
mod peers;
#[path = "backpressure/process.rs"]
#[cfg(target_os = "linux")]
mod process;
#[path = "backpressure/stalled.rs"]
mod stalled;
#[path = "backpressure/streaming.rs"]
mod streaming;
#[path = "backpressure/waiting.rs"]
mod waiting;
#[path = "backpressure/writable.rs"]
mod writable;
