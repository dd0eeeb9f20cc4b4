//! What every endpoint and every node promises, whatever the transport: one body a contract, run
//! over all transports that it applies to. `docs/contracts.md` numbers them E1 to E10.

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
#[path = "contracts/one_callback.rs"]
mod one_callback;
#[path = "contracts/order.rs"]
mod order;
#[path = "contracts/peers.rs"]
mod peers;
#[path = "contracts/silence.rs"]
mod silence;
#[path = "contracts/stop.rs"]
mod stop;
