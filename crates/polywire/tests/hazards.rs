//! What goes wrong in libraries of this kind, and must not here: frames that mix, messages left
//! behind, clear text where TLS was asked for, panics, events after `remove`.

mod support;

#[path = "hazards/adapters.rs"]
mod adapters;
#[path = "hazards/arguments.rs"]
mod arguments;
#[path = "hazards/connecting.rs"]
mod connecting;
#[path = "hazards/ends.rs"]
mod ends;
#[path = "hazards/interleaving.rs"]
mod interleaving;
#[path = "hazards/panics.rs"]
mod panics;
#[path = "hazards/plain_errors.rs"]
mod plain_errors;
#[path = "hazards/removal.rs"]
mod removal;
#[path = "hazards/segments.rs"]
mod segments;
