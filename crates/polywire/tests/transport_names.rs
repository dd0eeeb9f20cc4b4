//! One set of names for the transports, whoever reads or writes them.
#![cfg(feature = "serde")]

use polywire::network::Transport;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};

fn read(name: &str) -> Result<Transport, Error> {
    let deserializer: StrDeserializer<'_, Error> = name.into_deserializer();
    Transport::deserialize(deserializer)
}

#[test]
fn text_and_serde_read_the_same_names() {
    for (name, transport) in [
        ("tcp", Transport::Tcp),
        ("Tcp", Transport::Tcp),
        ("framed-tcp", Transport::FramedTcp),
        ("FramedTcp", Transport::FramedTcp),
        ("framed_tcp", Transport::FramedTcp),
        ("udp", Transport::Udp),
        ("ws", Transport::Ws),
        ("Ws", Transport::Ws),
        ("websocket", Transport::Ws),
        ("WebSocket", Transport::Ws),
    ] {
        assert_eq!(name.parse(), Ok(transport));
        assert_eq!(read(name), Ok(transport));
    }
    assert!(read("carrier-pigeon").unwrap_err().to_string().contains("carrier-pigeon"));
}

#[test]
fn serde_writes_what_display_shows() {
    /// serde's `Serializer` of text.
    struct Serialized(Transport);
    impl std::fmt::Display for Serialized {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.serialize(f)
        }
    }
    for &transport in Transport::ALL {
        assert_eq!(Serialized(transport).to_string(), transport.to_string());
    }
}
