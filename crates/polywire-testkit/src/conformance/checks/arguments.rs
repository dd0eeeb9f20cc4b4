//! No argument of the caller panics, spins or blocks: what is bad comes back as an error or a status.

use std::io;
use std::time::{Duration, Instant};

use polywire_core::address::RemoteAddr;

use crate::conformance::node::*;

/// Text that is an address of no transport, or of one that nobody listens on.
const NONSENSE: [&str; 12] = [
    "",
    " ",
    ":",
    ":80",
    "localhost:70000",
    "127.0.0.1:80:80",
    "[::1",
    "not an address",
    "\0:80",
    "ftp://127.0.0.1:1/",
    "://127.0.0.1:1",
    "127.0.0.1:1\r\nInjected: header",
];

/// E10: an address that makes no sense is an error that says why, or a `Connected(_, false)`. Where addresses are ports,
/// nobody listens on one; a name may be any text.
pub fn an_address_that_makes_no_sense_is_told(subject: &Subject) {
    let node = Node::new(subject);
    let long = "a".repeat(100_000);
    for text in NONSENSE.into_iter().chain([&*long]) {
        let addr = RemoteAddr::Str(text.into());
        match subject.connect(node.network(), &addr) {
            Err(error) => assert!(!error.to_string().is_empty(), "it fails without a word"),
            Ok((endpoint, _)) => {
                let event = node.next();
                let is_it = matches!(event, StoredNetEvent::Connected(e, false) if e == endpoint);
                assert!(is_it, "{} of {text:?}", node.shown(&event));
            }
        }
        assert!(subject.connect_sync(node.network(), &addr).is_err(), "{text:?}");
    }
    node.assert_silent();
    eventually(subject, "nothing to be left", || node.network().stats().endpoints == 0);
    if subject.new_name().is_none() {
        for text in NONSENSE.into_iter().chain([&*long]) {
            let listening = subject.listen_on(node.network(), &RemoteAddr::Str(text.into()));
            assert!(listening.is_err(), "it listens somewhere when told {text:?}");
        }
    }
}

/// E10: an address in use is an error of `listen`, and none once it is free again.
pub fn an_address_in_use_is_an_error_of_listen(subject: &Subject) {
    let (node, other) = (Node::new(subject), Node::new(subject));
    let (id, addr) = node.listen(subject);
    let Err(error) = subject.listen_on(other.network(), &addr) else { panic!("two listen there") };
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
    assert!(node.network().remove(id));
    subject.listen_on(other.network(), &addr).expect("the address is free again");
}

/// E10: an empty message is a message.
pub fn an_empty_message_is_a_message(subject: &Subject) {
    let (echo, client) = (Node::echo(subject), Node::new(subject));
    let (_, addr) = echo.listen(subject);
    let endpoint = client.connect_ready(subject, &addr);
    assert_eq!(client.network().send(endpoint, b""), SendStatus::Sent);
    assert_eq!(client.message(), (endpoint, Vec::new()));
}

/// E10: of a stream of bytes, an empty part is nothing, and not its end.
pub fn an_empty_part_of_a_stream_is_nothing(subject: &Subject) {
    let (echo, client) = (Node::echo(subject), Node::new(subject));
    let (_, addr) = echo.listen(subject);
    let endpoint = client.connect(subject, &addr);
    assert_eq!(client.network().send(endpoint, b""), SendStatus::Sent);
    client.assert_connected(endpoint);
    assert_eq!(client.network().send(endpoint, b""), SendStatus::Sent);
    assert_eq!(client.network().send(endpoint, b"something"), SendStatus::Sent);
    client.expect(endpoint, b"something");
    client.assert_silent();
}

/// E10: a message of the largest size arrives; a longer one is refused, and the endpoint lives on.
pub fn a_message_that_is_too_long_is_refused_and_the_endpoint_lives_on(subject: &Subject) {
    let largest = subject.capabilities().largest_message.expect("there is a largest message");
    let (echo, client) = (Node::echo(subject), Node::new(subject));
    let (_, addr) = echo.listen(subject);
    let endpoint = client.connect_ready(subject, &addr);
    let too_long = vec![0; largest + 1];
    let network = client.network();
    assert_eq!(network.send(endpoint, &too_long), SendStatus::MaxPacketSizeExceeded);
    assert_eq!(network.try_send(endpoint, &too_long), SendStatus::MaxPacketSizeExceeded);
    if largest <= 1 << 20 {
        match network.send(endpoint, &too_long[1..]) {
            SendStatus::Sent => client.expect(endpoint, &too_long[1..]),
            // The system may take less of a datagram than the adapter does.
            status => assert_eq!(status, SendStatus::MaxPacketSizeExceeded),
        }
    }
    assert_eq!(network.send(endpoint, b"short"), SendStatus::Sent);
    client.expect(endpoint, b"short");
}

/// E10: ids of nobody are answered with a status, whatever is asked of them.
pub fn an_id_that_names_nothing_is_answered_with_a_status(subject: &Subject) {
    let node = Node::new(subject);
    let (listener, addr) = node.listen(subject);
    let addr = match addr {
        RemoteAddr::Socket(addr) => addr,
        RemoteAddr::Str(_) => ([127, 0, 0, 1], 9).into(),
    };
    let network = node.network();
    for raw in [0, 1, 127, 128, 130, usize::MAX, 1 << 31, listener.raw() ^ 1 << 30] {
        let endpoint = Endpoint::from_listener(ResourceId::from(raw), addr);
        assert_eq!(network.send(endpoint, b"to nobody"), SendStatus::ResourceNotFound);
        assert_eq!(network.try_send(endpoint, b"to nobody"), SendStatus::ResourceNotFound);
        network.flush(endpoint);
        assert!(!network.remove(endpoint.resource_id()));
        assert!(!network.control(endpoint.resource_id(), "nonsense"));
        assert_eq!(network.is_ready(endpoint.resource_id()), None);
        assert_eq!(network.close_reason(endpoint), None);
    }
    node.assert_silent();
}

/// E10: an endpoint made of a connection and another address, or of a listener of connections, names nobody.
pub fn an_endpoint_that_is_made_up_names_nobody(subject: &Subject) {
    let Pair { server, client, to_client, to_server } = Pair::new(subject);
    let (listener, _) = server.listen(subject);
    let elsewhere = ([127, 0, 0, 1], 9).into();
    let made_up = [
        (&client, Endpoint::from_listener(to_server.resource_id(), elsewhere)),
        (&server, Endpoint::from_listener(listener, to_client.addr())),
    ];
    for (node, endpoint) in made_up {
        let network = node.network();
        assert_eq!(network.send(endpoint, b"to nobody"), SendStatus::ResourceNotFound);
        assert_eq!(network.try_send(endpoint, b"to nobody"), SendStatus::ResourceNotFound);
    }
    assert_eq!(client.network().send(to_server, b"to the peer"), SendStatus::Sent);
    server.expect(to_client, b"to the peer");
}

/// E10: a value that the adapter does not know does no harm to the endpoint that it is said to.
pub fn an_unknown_control_value_is_dropped(subject: &Subject) {
    struct Unknown;
    let (echo, client) = (Node::echo(subject), Node::new(subject));
    let (listener, addr) = echo.listen(subject);
    let endpoint = client.connect_ready(subject, &addr);
    client.network().control(endpoint.resource_id(), Unknown);
    echo.network().control(listener, Unknown);
    assert_eq!(client.network().send(endpoint, b"still here"), SendStatus::Sent);
    client.expect(endpoint, b"still here");
}

/// E10: time-outs of zero and without end are taken at their word, and each connect is still answered.
pub fn timeouts_of_zero_and_without_end_are_answered(subject: &Subject) {
    let with = |time| {
        let limits = Limits::default();
        subject.limited(
            limits.with_connect_timeout(time).with_handshake_timeout(time).with_linger(time),
        )
    };
    let (echo, client) = (Node::echo(subject), Node::new(subject));
    let (_, addr) = echo.listen(subject);
    let (zero, endless) = (with(Duration::ZERO), with(Duration::MAX));
    let (patient, _) = endless.connect_sync(client.network(), &addr).expect("it connects");
    client.assert_connected(patient);

    // Whether it was fast enough is open, but not that it is told.
    let start = Instant::now();
    let hasty = client.connect(&zero, &addr);
    let event = client.next();
    let is_it = matches!(event, StoredNetEvent::Connected(e, _) if e == hasty);
    assert!(is_it, "{} instead of Connected", client.shown(&event));
    match zero.connect_sync(client.network(), &addr) {
        Ok((endpoint, _)) => client.assert_connected(endpoint),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}"),
    }
    assert!(start.elapsed() < subject.deadline() / 2, "it waited");
}

/// E10: a stale endpoint does not reach the next one.
pub fn a_stale_endpoint_does_not_reach_the_next_one(subject: &Subject) {
    let (echo, client) = (Node::echo(subject), Node::new(subject));
    let (_, addr) = echo.listen(subject);
    let stale = client.connect_ready(subject, &addr);
    assert!(client.network().remove(stale.resource_id()));
    eventually(subject, "it to be forgotten", || client.network().stats().endpoints == 0);
    let fresh = client.connect_ready(subject, &addr);
    assert_eq!(client.network().send(stale, b"stale"), SendStatus::ResourceNotFound);
    assert_eq!(client.network().send(fresh, b"fresh"), SendStatus::Sent);
    client.expect(fresh, b"fresh");
}
