//! The echo programs on message-io.

use message_io as lib;

/// message-io does not tell why a connection ended.
pub type Reason = ();

fn reason_of(_: &NodeHandler<()>, _: Endpoint) -> Reason {}

include!("programs.rs");
