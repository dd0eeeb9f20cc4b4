//! Two adapters of one's own, as anyone may publish them.
//!
//! * [`unix`]: a stream of bytes, which the engine reads and writes. Most adapters are like it.
//! * [`mem`]: a whole one, with a sender, a connection and a listener of its own. Only a transport that is no
//!   stream of bytes needs as much.
//!
//! The tests hold both against what every endpoint promises. Copy them along with the adapter.

pub mod mem;
#[cfg(unix)]
pub mod unix;
