//! The echo programs on polywire.

use polywire as lib;

use lib::network::CloseReason;

/// Why a connection ended.
pub type Reason = Option<CloseReason>;

fn reason_of(handler: &NodeHandler<()>, endpoint: Endpoint) -> Reason {
    handler.network().close_reason(endpoint)
}

include!("programs.rs");
