//! What the programs tell each other: types of serde, written by postcard, one message each.

use std::net::SocketAddr;

use polywire::network::{Endpoint, NetworkController, SendStatus};
use serde::{Deserialize, Serialize};

/// Who takes part, and where the others reach it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Participant {
    pub(crate) name: String,
    pub(crate) addr: SocketAddr,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// Participant to server: that is my name, and I listen on that port. The server sees the rest
    /// of the address by itself.
    Register { name: String, port: u16 },
    /// Server to participant: you are registered, after these.
    Registered(Vec<Participant>),
    /// Server to participant: you can't be registered, for that reason.
    Refused(String),
    /// Server to participants: there is one more.
    Joined(Participant),
    /// Server to participants: that one is gone.
    Left(String),
    /// Participant to participant: that is my name.
    Greeting(String),
}

impl Message {
    pub(crate) fn send(&self, network: &NetworkController, to: Endpoint) -> SendStatus {
        let bytes = postcard::to_stdvec(self).expect("these types can always be written");
        network.send(to, &bytes)
    }

    /// `None` for what is no message: a peer may send anything.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}
