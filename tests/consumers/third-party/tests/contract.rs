//! What every endpoint and every node promises: one body for each promise, run over every adapter.
//!
//! To hold an adapter of yours against it, implement `kit::Adapter` and name it in `over_adapters`.

#[path = "contract/kit.rs"]
#[macro_use]
mod kit;

#[path = "contract/callback.rs"]
mod callback;
#[path = "../../../../crates/polywire/tests/extending/cipher.rs"]
mod cipher;
#[path = "contract/connecting.rs"]
mod connecting;
#[path = "contract/delivery.rs"]
mod delivery;
#[path = "contract/ends.rs"]
mod ends;
#[path = "contract/fairness.rs"]
mod fairness;
#[path = "contract/full.rs"]
mod full;
#[path = "contract/layered.rs"]
mod layered;
#[path = "contract/memory.rs"]
mod memory;
#[path = "contract/order.rs"]
mod order;
#[path = "contract/writable.rs"]
mod writable;
