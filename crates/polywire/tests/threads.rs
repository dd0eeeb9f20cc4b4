//! Many threads that send to one endpoint: what each of them says arrives in order, whole, once,
//! over links and systems good and bad.

#[cfg(target_os = "linux")]
mod alone;
mod common;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod namespace;

#[path = "threads/letters.rs"]
mod letters;

#[path = "threads/datagrams.rs"]
mod datagrams;
#[cfg(target_os = "linux")]
#[path = "threads/faulty.rs"]
mod faulty;
#[path = "threads/order.rs"]
mod order;
