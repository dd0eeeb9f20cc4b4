//! What every endpoint and every node promises, where it takes a peer that speaks the transport by hand to see it: one body a
//! contract, run over all transports that it applies to. What nodes see of each other is in `conformance`.
//! `docs/contracts.md` numbers the promises E1 to E10.

mod common;

#[path = "contracts/accepted.rs"]
mod accepted;
#[path = "contracts/arguments.rs"]
mod arguments;
#[path = "contracts/connected.rs"]
mod connected;
#[path = "contracts/delivery.rs"]
mod delivery;
#[path = "contracts/disconnected.rs"]
mod disconnected;
#[path = "contracts/order.rs"]
mod order;
#[path = "contracts/peers.rs"]
mod peers;
#[path = "contracts/silence.rs"]
mod silence;
#[path = "contracts/stop.rs"]
mod stop;
