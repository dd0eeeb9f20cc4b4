//! Plain values: ids, addresses, transports, statuses.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::net::{SocketAddr, ToSocketAddrs};

use message_io::network::{
    Endpoint, RemoteAddr, ResourceId, ResourceType, SendStatus, ToRemoteAddr, Transport,
    TransportConnect, TransportListen,
};

fn is_plain<T: Copy + Clone + Debug + Eq + PartialEq>() {}
fn is_key<T: Clone + Eq + Hash + Debug>() {}
fn is_shown<T: Display + Debug>() {}
fn is_stored<T: serde::Serialize + for<'de> serde::Deserialize<'de>>() {}

pub fn run() {
    has_traits();
    resource_ids();
    remote_addrs();
    transports();
    statuses();
}

fn has_traits() {
    is_plain::<SendStatus>();
    is_plain::<ResourceId>();
    is_plain::<ResourceType>();
    is_plain::<Endpoint>();
    is_plain::<Transport>();
    is_key::<ResourceId>();
    is_key::<ResourceType>();
    is_key::<Endpoint>();
    is_key::<RemoteAddr>();
    is_key::<Transport>();
    is_shown::<ResourceId>();
    is_shown::<Endpoint>();
    is_shown::<RemoteAddr>();
    is_shown::<Transport>();
    is_stored::<RemoteAddr>();
    is_stored::<Transport>();
}

/// Programs write a number down as a dummy: a local UDP resource.
fn resource_ids() {
    let id = ResourceId::from(130);
    assert_eq!(id.raw(), 130);
    assert_eq!(id.adapter_id(), Transport::Udp.id());
    assert_eq!(id.resource_type(), ResourceType::Local);
    assert_ne!(ResourceType::Local, ResourceType::Remote);
    assert!(id.is_local() && !id.is_remote());
    assert_eq!(id.base_value(), 0);
    assert_eq!(ResourceId::from(id.raw()), id);

    let addr: SocketAddr = "127.0.0.1:5000".parse().unwrap();
    let endpoint = Endpoint::from_listener(id, addr);
    assert_eq!((endpoint.resource_id(), endpoint.addr()), (id, addr));
    assert!(endpoint.to_string().contains("127.0.0.1:5000"));

    let names = HashMap::from([(endpoint, "dummy")]);
    assert_eq!(names[&endpoint], "dummy");
    assert!(HashSet::from([id]).contains(&id));
    assert_eq!(BTreeMap::from([(id.raw(), ())]).len(), 1);
}

fn remote_addrs() {
    let socket = "127.0.0.1:80".to_remote_addr().unwrap();
    assert!(socket.is_socket_addr() && !socket.is_string());
    assert_eq!(socket.socket_addr().port(), 80);
    assert_eq!(socket, RemoteAddr::Socket(*socket.socket_addr()));
    assert_eq!(socket.to_socket_addrs().unwrap().count(), 1);

    let text = "ws://example.org/chat".to_remote_addr().unwrap();
    assert!(text.is_string());
    assert_eq!(text.string(), "ws://example.org/chat");
    assert_eq!(text.to_string(), "ws://example.org/chat");
    assert_eq!(text, RemoteAddr::Str("ws://example.org/chat".into()));

    assert_eq!(by_any_address(String::from("127.0.0.1:80")), socket);
    assert_eq!(by_any_address(("127.0.0.1", 80)), socket);
    assert_eq!(by_any_address(*socket.socket_addr()), socket);
    assert_eq!(by_any_address(socket.clone()), socket);
}

fn by_any_address(addr: impl ToRemoteAddr) -> RemoteAddr {
    addr.to_remote_addr().unwrap()
}

fn transports() {
    let all = [Transport::Tcp, Transport::FramedTcp, Transport::Udp, Transport::Ws];
    for (id, transport) in (0..).zip(all) {
        assert_eq!(transport.id(), id);
        assert_eq!(Transport::from(id), transport);
        assert_eq!(transport.is_connection_oriented(), transport != Transport::Udp);
        assert_eq!(transport.is_packet_based(), transport != Transport::Tcp);
        assert!(transport.max_message_size() > 1000);
        assert_eq!(TransportConnect::from(transport).id(), id);
        assert_eq!(TransportListen::from(transport).id(), id);
        assert!(!format!("{:?}", TransportConnect::from(transport)).is_empty());
        assert!(!format!("{:?}", TransportListen::from(transport)).is_empty());
        assert!(!transport.to_string().is_empty());
        is_matched_whole(transport);
    }
    const ID: u8 = Transport::Ws.id();
    const MAX: usize = Transport::Udp.max_message_size();
    const PACKETS: bool = Transport::Ws.is_packet_based();
    const CONNECTIONS: bool = Transport::Ws.is_connection_oriented();
    assert_eq!((ID, PACKETS, CONNECTIONS), (3, true, true));
    assert_eq!(MAX, message_io::adapters::udp::MAX_LOCAL_PAYLOAD_LEN);
}

/// An exhaustive match, as programs have it.
fn is_matched_whole(transport: Transport) {
    match transport {
        Transport::Tcp | Transport::FramedTcp | Transport::Udp | Transport::Ws => {}
    }
}

fn statuses() {
    let all = [
        SendStatus::Sent,
        SendStatus::MaxPacketSizeExceeded,
        SendStatus::ResourceNotFound,
        SendStatus::ResourceNotAvailable,
    ];
    assert_eq!(all.iter().filter(|status| **status == SendStatus::Sent).count(), 1);
    assert_eq!(format!("{:?}", SendStatus::Sent), "Sent");
}
