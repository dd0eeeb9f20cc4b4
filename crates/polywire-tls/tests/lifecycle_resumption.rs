//! Sessions that are taken up again, and those that must not be.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::thread;
use std::time::{Duration, SystemTime};

use polywire_core::network::StoredNetEvent;
use polywire_core::{CloseReason, Endpoint};
use polywire_tls::{TlsAlert, TlsConnectConfig, TlsError, TlsInfo, TlsListenConfig, TlsVersion};

use support::certificates::{Authority, Both, serial, valid_for};
use support::eventually;
use support::node::{Node, tls_error};
use support::over::Over;

const VERSIONS: [TlsVersion; 2] = [TlsVersion::Tls12, TlsVersion::Tls13];

/// A server that says hello to all, and a client of it.
struct Nodes {
    server: Node,
    client: Node,
    addr: std::net::SocketAddr,
}

impl Nodes {
    fn new(listen: &TlsListenConfig) -> Self {
        let (server, client) = (Node::echo(), Node::new());
        let addr = server.listen(Over::framed(listen.clone()));
        Self { server, client, addr }
    }

    /// Connects, and exchanges a message, ahead of which the tickets come.
    #[track_caller]
    fn visit(&self, connect: &TlsConnectConfig) -> (Endpoint, TlsInfo) {
        let endpoint = self.client.connect(Over::framed(connect.clone()), self.addr);
        self.client.send(endpoint, b"hello");
        assert_eq!(self.client.message(), b"hello");
        let accepted = self.server.accepted();
        assert_eq!(self.server.message(), b"hello");
        let (ours, theirs) = (self.client.info(endpoint), self.server.info(accepted));
        assert_eq!(ours.resumed, theirs.resumed, "both sides know");
        (endpoint, theirs)
    }

    /// A visit that the server refuses for this reason: whether the client is connected before, and its reason.
    #[track_caller]
    fn visit_in_vain(&self, connect: &TlsConnectConfig, error: &TlsError) -> (bool, CloseReason) {
        let endpoint = self.client.begin(Over::framed(connect.clone()), self.addr);
        self.server.assert_refused(error);
        self.server.assert_silent();
        match self.client.next() {
            StoredNetEvent::Connected(_, true) => (true, self.client.disconnected(endpoint)),
            _ => (false, self.client.reason(endpoint).expect("a reason")),
        }
    }
}

#[test]
fn a_session_is_resumed_by_whichever_listener_of_the_program() {
    for version in VERSIONS {
        let both = Both::new();
        let connect = both.connect.with_versions([version]);
        let nodes = Nodes::new(&both.listen);
        assert!(!nodes.visit(&connect).1.resumed);
        assert!(nodes.visit(&connect).1.resumed, "{version}");
        let other = Nodes::new(&TlsListenConfig::new(both.issued.identity()));
        assert!(other.visit(&connect).1.resumed, "{version}");
        // Another configuration of the client knows nothing of it.
        assert!(!other.visit(&connect.with_alpn(["a"])).1.resumed, "{version}");
    }
}

#[test]
fn either_side_may_do_without() {
    for version in VERSIONS {
        let both = Both::new();
        let connect = both.connect.with_versions([version]);
        let forgetful = Nodes::new(&both.listen.clone().without_resumption());
        let memory = Nodes::new(&both.listen);
        for _ in 0..3 {
            assert!(!forgetful.visit(&connect).1.resumed);
            assert!(!memory.visit(&connect.clone().without_resumption()).1.resumed);
        }
    }
}

#[test]
fn a_listener_that_demands_certificates_resumes_nothing_unless_asked() {
    for version in VERSIONS {
        let both = Both::mutual();
        let connect = both.connect.with_versions([version]);
        let nodes = Nodes::new(&both.listen);
        for _ in 0..3 {
            assert!(!nodes.visit(&connect).1.resumed);
        }
        let asked = Nodes::new(&both.listen.with_client_resumption());
        let (_, first) = asked.visit(&connect);
        let (_, second) = asked.visit(&connect);
        assert!(!first.resumed && second.resumed);
        assert_eq!(first.peer_certificates, second.peer_certificates);
    }
}

#[test]
fn a_certificate_that_expires_between_ticket_and_resumption_is_refused() {
    // Most of it is waiting.
    thread::scope(|scope| {
        for version in VERSIONS {
            scope.spawn(move || an_expired_certificate_is_refused(version));
        }
    });
}

fn an_expired_certificate_is_refused(version: TlsVersion) {
    let both = Both::new();
    let lifetime = Duration::from_secs(2);
    let client = both.authority.issue_with("client", valid_for(lifetime));
    let expires = SystemTime::now() + lifetime + Duration::from_secs(1);
    let connect = both.connect.with_identity(client.identity()).with_versions([version]);
    let listen = both.listen.with_client_roots(both.authority.roots()).with_client_resumption();
    let nodes = Nodes::new(&listen);
    nodes.visit(&connect);
    assert!(nodes.visit(&connect).1.resumed);
    eventually("the certificate is expired", || SystemTime::now() > expires);
    // rustls has no alert for a session that it takes for good, and gives new tickets for it.
    for _ in 0..5 {
        let told = nodes.visit_in_vain(&connect, &TlsError::Expired);
        assert_eq!(told, (true, CloseReason::PeerClosed));
    }
    // A new configuration has no tickets, and a reload takes none of before: the client shakes hands in full.
    let in_full = |connect: &TlsConnectConfig| {
        let (_, reason) = nodes.visit_in_vain(connect, &TlsError::Expired);
        assert_eq!(tls_error(&reason), TlsError::AlertReceived(TlsAlert::CERTIFICATE_EXPIRED));
    };
    in_full(&connect.clone().with_versions([version]));
    listen.reload(&listen).unwrap();
    in_full(&connect);
}

#[test]
fn an_authority_that_a_reload_removes_counts_no_more_for_sessions_of_before() {
    for version in VERSIONS {
        let both = Both::mutual();
        let connect = both.connect.with_versions([version]);
        let listen = both.listen.with_client_resumption();
        let nodes = Nodes::new(&listen);
        nodes.visit(&connect);
        assert!(nodes.visit(&connect).1.resumed);
        let other = Authority::named("another").roots();
        let new = TlsListenConfig::new(both.issued.identity()).with_client_roots(other);
        listen.reload(&new.with_client_resumption()).unwrap();
        let (_, told) = nodes.visit_in_vain(&connect, &TlsError::UnknownIssuer);
        assert_eq!(tls_error(&told), TlsError::AlertReceived(TlsAlert::UNKNOWN_CA));
    }
}

#[test]
fn a_certificate_that_a_reload_revokes_is_not_resumed() {
    for version in VERSIONS {
        let both = Both::new();
        let client = both.authority.issue_with("client", serial(7));
        let connect = both.connect.with_identity(client.identity()).with_versions([version]);
        let roots = both.authority.roots();
        let listen = both.listen.with_client_roots(roots).with_client_resumption();
        let nodes = Nodes::new(&listen);
        nodes.visit(&connect);
        assert!(nodes.visit(&connect).1.resumed);
        let lists = both.authority.revoke(&[7]);
        listen.reload(&listen.clone().with_client_revocations(lists)).unwrap();
        let (_, told) = nodes.visit_in_vain(&connect, &TlsError::Revoked);
        assert_eq!(tls_error(&told), TlsError::AlertReceived(TlsAlert::CERTIFICATE_REVOKED));
    }
}

/// What happens at a reload under so many connections, and afterwards.
fn reload_under(
    count: usize,
    both: &Both,
    add: impl Fn(TlsListenConfig) -> TlsListenConfig,
) -> usize {
    let nodes = Nodes::new(&both.listen);
    let endpoints: Vec<_> = (0..count).map(|_| nodes.visit(&both.connect).0).collect();
    let echo = || {
        for endpoint in &endpoints {
            nodes.client.send(*endpoint, b"again");
        }
        for _ in &endpoints {
            assert_eq!(nodes.client.message(), b"again");
            assert_eq!(nodes.server.message(), b"again");
        }
    };
    for endpoint in &endpoints {
        nodes.client.send(*endpoint, b"again"); // Under way at the reload.
    }
    let renewed = both.authority.issue("127.0.0.1");
    both.listen.reload(&add(TlsListenConfig::new(renewed.identity()))).unwrap();
    for _ in &endpoints {
        assert_eq!(nodes.client.message(), b"again");
        assert_eq!(nodes.server.message(), b"again");
    }
    echo();
    // The next one sees the new certificate.
    let stranger =
        nodes.client.connect(Over::framed(both.connect.clone().without_resumption()), nodes.addr);
    assert_eq!(nodes.client.info(stranger).peer_certificates, [renewed.der()]);
    nodes.server.accepted();
    let resumed = (0..count).filter(|_| nodes.visit(&both.connect).1.resumed).count();
    echo();
    assert_eq!(nodes.server.network().stats().refused, 0);
    nodes.client.assert_silent(); // None has ended.
    resumed
}

#[test]
fn a_reload_under_200_connections_drops_none_and_keeps_what_can_be_resumed() {
    let resumed = reload_under(200, &Both::new(), |new| new);
    assert!(resumed >= 190, "{resumed} of 200");
}

#[test]
fn a_reload_under_200_connections_with_certificates_drops_none_and_resumes_none() {
    let both = Both::mutual();
    let roots = both.authority.roots();
    assert_eq!(reload_under(200, &both, |new| new.with_client_roots(roots.clone())), 0);
}

#[test]
fn what_is_asked_to_be_resumed_is_a_new_beginning_after_a_reload() {
    let both = Both::mutual();
    let listen = both.listen.with_client_resumption();
    let nodes = Nodes::new(&listen);
    nodes.visit(&both.connect);
    assert!(nodes.visit(&both.connect).1.resumed);
    listen.reload(&listen).unwrap();
    // Tickets of before are no use, and no harm.
    assert!(!nodes.visit(&both.connect).1.resumed);
    let resumed = (0..10).any(|_| nodes.visit(&both.connect).1.resumed);
    assert!(resumed, "sessions of afterwards are");
}

/// The server's certificate counts for a session as long as the tickets of the server do.
#[test]
fn a_session_names_the_certificate_of_its_beginning() {
    let both = Both::new();
    let nodes = Nodes::new(&both.listen);
    nodes.visit(&both.connect);
    let renewed = both.authority.issue("127.0.0.1");
    both.listen.reload(&TlsListenConfig::new(renewed.identity())).unwrap();
    let (endpoint, theirs) = nodes.visit(&both.connect);
    assert!(theirs.resumed);
    assert_eq!(nodes.client.info(endpoint).peer_certificates, [both.issued.der()]);
}

#[test]
fn another_name_is_another_session() {
    let both = Both::new();
    let listen = both.listen.with_identity(both.authority.issue("one.example").identity());
    let nodes = Nodes::new(&listen);
    nodes.visit(&both.connect);
    let other = both.connect.with_server_name("two.example");
    let reason = nodes.client.connect_in_vain(Over::framed(other), nodes.addr);
    assert!(matches!(tls_error(&reason), TlsError::WrongName { .. }), "{reason:?}");
}
