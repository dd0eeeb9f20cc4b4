//! What every endpoint and every node promises, whatever the transport: one body a contract, run
//! over all transports that it applies to.

mod common;

#[path = "contracts/e1_connected.rs"]
mod e1;
#[path = "contracts/e10_arguments.rs"]
mod e10_arguments;
#[path = "contracts/e10_peers.rs"]
mod e10_peers;
#[path = "contracts/e2_accepted.rs"]
mod e2;
#[path = "contracts/e3_disconnected.rs"]
mod e3;
#[path = "contracts/e4_silence.rs"]
mod e4;
#[path = "contracts/e5_frames.rs"]
mod e5;
#[path = "contracts/e6_one_callback.rs"]
mod e6;
#[path = "contracts/e7_delivery.rs"]
mod e7;
#[path = "contracts/e8_stop.rs"]
mod e8;
