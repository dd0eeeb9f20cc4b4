//! The event loop, endpoint registry and adapter contract of polywire.

pub mod adapter;
pub mod address;
mod announcer;
pub mod close_reason;
pub mod endpoint;
pub mod events;
pub mod limits;
pub mod network;
mod poller;
pub mod stream;

pub use announcer::Announcer;
pub use close_reason::CloseReason;
pub use limits::Limits;
pub use poller::Readiness;
