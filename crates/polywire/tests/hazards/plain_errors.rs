//! An error of the system, which an adapter returns from `connect` as it is, becomes the reason that every transport gives.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use polywire::adapter::{Connect, Connection};
use polywire::network::{RemoteAddr, Transport};
use polywire::{Backoff, CloseReason, Reconnecting};

use crate::support::Node;

/// A transport whose system refuses to connect.
struct Plain(ErrorKind);

impl Connect for Plain {
    fn connect(&self, _: &RemoteAddr) -> io::Result<Connection> {
        Err(self.0.into())
    }
}

#[test]
fn an_error_of_the_system_keeps_its_kind_and_gets_its_reason() {
    let denied = |text: &str| CloseReason::Io(ErrorKind::PermissionDenied, text.to_owned().into());
    let cases = [
        (ErrorKind::ConnectionRefused, CloseReason::Refused),
        (ErrorKind::NotFound, CloseReason::Refused),
        (ErrorKind::TimedOut, CloseReason::ConnectTimeout),
        (ErrorKind::PermissionDenied, denied("permission denied")),
    ];
    let node = Node::new();
    for (kind, reason) in cases {
        let errors = [
            node.network().connect(Plain(kind), "/run/chat").unwrap_err(),
            node.network().connect_sync(Plain(kind), "/run/chat").unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), kind);
            assert_eq!(CloseReason::of(&error), Some(&reason));
            let text = error.to_string();
            assert!(text.contains("/run/chat") && text.contains(&kind.to_string()), "{text}");
        }
    }
    assert_eq!(node.network().stats().endpoints, 0);
}

/// Framed TCP, until there is nothing at the address any more.
#[derive(Clone)]
struct Vanishing(Arc<AtomicBool>);

impl Connect for Vanishing {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        match self.0.swap(true, Ordering::SeqCst) {
            false => Transport::FramedTcp.connect(addr),
            true => Err(ErrorKind::NotFound.into()),
        }
    }
}

#[test]
fn the_reason_of_a_later_attempt_is_the_same() {
    let (server, client) = (Node::new(), Node::new());
    let (_, addr) = server.listen(Transport::FramedTcp);
    let backoff = Backoff::default().with_first_delay(Duration::from_millis(1));
    let again = Reconnecting::new(Vanishing(Arc::default())).with_backoff(backoff);
    let endpoint = client.connect_ready(again, addr);
    assert!(server.network().remove(server.accepted().resource_id()));
    client.disconnected(endpoint);
    assert_eq!(client.not_connected(endpoint), CloseReason::Refused);
}
