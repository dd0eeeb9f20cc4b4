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
#[cfg(feature = "__tls")]
fn the_secure_twins_have_names_and_numbers_of_their_own() {
    for (name, transport, id) in [
        ("tcp+tls", Transport::TcpTls, 4),
        ("TcpTls", Transport::TcpTls, 4),
        ("framed-tcp+tls", Transport::FramedTcpTls, 5),
        ("FramedTcpTls", Transport::FramedTcpTls, 5),
        ("framed_tcp_tls", Transport::FramedTcpTls, 5),
        ("wss", Transport::Wss, 7),
        ("Wss", Transport::Wss, 7),
        ("ws+tls", Transport::Wss, 7),
        ("websocket+tls", Transport::Wss, 7),
    ] {
        assert_eq!(name.parse(), Ok(transport));
        assert_eq!(read(name), Ok(transport));
        assert_eq!(Transport::from_id(id), Some(transport));
        assert!(transport.is_secure() && !transport.plain().is_secure());
        assert_eq!(transport.plain().secure(), Some(transport));
        assert_eq!(transport.secure(), Some(transport));
        assert_eq!(transport.max_message_size(), transport.plain().max_message_size());
        assert_eq!(transport.is_packet_based(), transport.plain().is_packet_based());
        assert!(transport.is_connection_oriented());
        assert!(Transport::SECURE.contains(&transport) && !Transport::ALL.contains(&transport));
    }
    assert_eq!(Transport::Udp.secure(), None);
    assert!(read("udp+tls").is_err());
    assert_eq!(Transport::FramedTcpTls.to_string(), "framed-tcp+tls");
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
    for &transport in Transport::ALL.iter().chain(Transport::SECURE) {
        assert_eq!(Serialized(transport).to_string(), transport.to_string());
    }
}
