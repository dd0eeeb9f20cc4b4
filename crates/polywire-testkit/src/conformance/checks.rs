//! The checks themselves, each a function that panics where the adapter breaks its contract. Each says which promise of
//! `docs/contracts.md` it is about.

pub mod arguments;
pub mod callback;
pub mod connecting;
pub mod datagrams;
pub mod delivery;
pub mod ends;
pub mod fairness;
pub mod full;
pub mod idle;
pub mod memory;
pub mod order;
pub mod panics;
pub mod stopping;
pub mod writable;
