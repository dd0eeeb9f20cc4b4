//! Tests for adapters: what holds one to its contract, and a simulated world.
//!
//! # In scope
//! * [`mod@conformance`]: one macro call holds an adapter, a protocol or a stream to all that polywire promises of it
//! * [`World`], a seeded world of fake sockets and time that drives the real loop, engine and protocols
//!
//! # Out of scope
//! * Peers that speak a transport by hand: whoever writes one knows best what its bytes are
//! * How fast an adapter is
//!
//! # The simulated world
//!
//! A [`World`] holds nodes whose poller, clock and stream sockets it fakes. Everything that varies
//! in the real world is drawn from the seed: how much a read or a write takes, when readiness is
//! told and in which order, spurious and stale events, interrupted and blocked calls, resets.
//! Time stands still unless the test moves it. One seed is one run, bit for bit, as long as the
//! test itself uses one thread.
//!
//! Three tests that every stream transport can run stand on that: [`every_errno`] fails each call of
//! a script with each error, [`random_world`] lets several nodes do anything while everything goes
//! wrong, [`removal_world`] has one node remove and pause at any moment what it has events of.

mod adapter;
mod calls;
mod chaos;
pub mod conformance;
mod errno;
mod faults;
mod host;
mod random;
mod records;
mod removal;
mod seeds;
mod socket;
mod state;
mod stream;
mod wire;
mod world;

pub use adapter::{SimConnect, SimLayer, SimListen};
pub use calls::Call;
pub use chaos::random_world;
pub use errno::every_errno;
pub use faults::Faults;
pub use removal::removal_world;
pub use seeds::{Seeds, for_each_seed};
pub use stream::SimStream;
pub use wire::Wire;
pub use world::{SimNode, World};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
