//! The program's verbs, the events it gets, and the transports to choose from.

mod transport;
mod transport_config;

#[doc(inline)]
pub use polywire_core::address::{Name, RemoteAddr, ToListenAddr, ToRemoteAddr};
#[doc(inline)]
pub use polywire_core::network::{
    Ended, NetEvent, NetworkController, NetworkProcessor, SendStatus, SentMany, SentToEach, Stats,
    split, try_split,
};
#[doc(inline)]
pub use polywire_core::{
    CloseReason, Endpoint, Limits, Message, MessageKind, ResourceId, ResourceType,
};

pub use transport::{ParseTransportError, Transport};
pub use transport_config::{TransportConnect, TransportListen};
