//! Whose certificate counts.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::ResolvesServerCertUsingSni;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::Case;
use super::docs::{self, Server, connect, say, say_visit, visit};
use super::issuing::{Authority, Issued, both, expired, not_yet_valid, serial};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("several certificates, chosen by SNI, asked for by an address", by_address()),
        Case::new("SNI unknown", named("other.test", "localhost")),
        Case::new("name mismatch", named("localhost", "other.test")),
        Case::new("wildcard, one label", named("*.example.test", "a.example.test")),
        Case::new("wildcard, two labels", named("*.example.test", "a.b.example.test")),
        Case::new("IP address names", named("127.0.0.1", "127.0.0.1")),
        Case::new("no name at all", named("localhost", "")),
        Case::new("self-signed, its name and age right", self_signed("localhost", |_| {})),
        Case::new("self-signed, of another name", self_signed("other.test", |_| {})),
        Case::new("self-signed, expired", self_signed("localhost", expired)),
        Case::new("unknown authority", unknown_authority()),
        Case::new("unknown authority of a client", unknown_client()),
        Case::new("no client certificate", no_client_certificate()),
        Case::new("expired", changed(expired)),
        Case::new("not yet valid", changed(not_yet_valid)),
        Case::new("revoked by a list", revoked(true)),
        Case::new("no list of that authority", revoked(false)),
        Case::new("no common version", no_common_version()),
        Case::new("no common ALPN protocol", no_common_alpn()),
    ]
}

/// Has somebody visit a server, and tells what both said.
pub(super) async fn meet(server: ServerConfig, client: Arc<ClientConfig>, name: &str) -> String {
    let mut server = Server::start(server).await;
    let client = visit(&client, server.addr, name).await;
    format!("client: {}; server: {}", say_visit(client), server.said().await)
}

async fn named(certified: &str, asked: &str) -> String {
    let authority = Authority::new("authority");
    let client = docs::client(authority.roots());
    let server = docs::server(&authority.issue(certified));
    if asked.is_empty() {
        let server = Server::start(server).await;
        return say(&connect(&client, server.addr, asked).await.map(|_| "connected"));
    }
    meet(server, client, asked).await
}

/// The docs show one certificate; this is what rustls has for several.
async fn by_address() -> String {
    let (authority, issued) = both();
    let mut resolver = ResolvesServerCertUsingSni::new();
    let provider = aws_lc_rs::default_provider();
    let key = CertifiedKey::from_der(issued.chain(), issued.key(), &provider).expect("a key");
    resolver.add("localhost", key).expect("its name");
    let server =
        ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::new(resolver));
    meet(server, docs::client(authority.roots()), "127.0.0.1").await
}

async fn self_signed(name: &str, change: impl FnOnce(&mut rcgen::CertificateParams)) -> String {
    let issued = Issued::self_signed(name, change);
    let mut roots = RootCertStore::empty();
    roots.add(issued.certificate.clone()).expect("a certificate");
    meet(docs::server(&issued), docs::client(roots), "localhost").await
}

async fn unknown_authority() -> String {
    let (_, issued) = both();
    let other = Authority::new("another");
    meet(docs::server(&issued), docs::client(other.roots()), "localhost").await
}

async fn unknown_client() -> String {
    let (authority, issued) = both();
    let stranger = Authority::new("another").issue("client");
    let client = docs::client_with(authority.roots(), &stranger);
    meet(docs::demanding(&issued, authority.roots()), client, "localhost").await
}

async fn no_client_certificate() -> String {
    let (authority, issued) = both();
    let client = docs::client(authority.roots());
    meet(docs::demanding(&issued, authority.roots()), client, "localhost").await
}

async fn changed(change: impl FnOnce(&mut rcgen::CertificateParams)) -> String {
    let authority = Authority::new("authority");
    let issued = authority.issue_with("localhost", change);
    meet(docs::server(&issued), docs::client(authority.roots()), "localhost").await
}

async fn revoked(is_of_the_authority: bool) -> String {
    let (authority, other) = (Authority::new("authority"), Authority::new("another"));
    let issued = authority.issue_with("localhost", serial(7));
    let list = if is_of_the_authority { &authority } else { &other }.revoke(&[7]);
    let client = docs::client_that_looks_up(&authority, list);
    meet(docs::server(&issued), client, "localhost").await
}

async fn no_common_version() -> String {
    let (authority, issued) = both();
    let server = ServerConfig::builder_with_protocol_versions(&[&TLS13])
        .with_no_client_auth()
        .with_single_cert(issued.chain(), issued.key())
        .expect("a certificate and its key");
    let client = ClientConfig::builder_with_protocol_versions(&[&TLS12])
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    meet(server, Arc::new(client), "localhost").await
}

async fn no_common_alpn() -> String {
    let (authority, issued) = both();
    let mut server = docs::server(&issued);
    server.alpn_protocols = vec![b"one".to_vec()];
    let mut client = (*docs::client(authority.roots())).clone();
    client.alpn_protocols = vec![b"two".to_vec()];
    meet(server, Arc::new(client), "localhost").await
}
