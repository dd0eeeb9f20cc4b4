//! What is remembered of a connection by the next one, also after a reload, which is a server with another
//! configuration.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ServerConfig};

use super::Case;
use super::docs::{self, Server, say_visit, visit};
use super::issuing::{Authority, Issued, both, serial, valid_for};

/// Clients that come, and come again.
const CLIENTS: usize = 200;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("wrong key", wrong_key()),
        Case::new("resumption", again()),
        Case::new("resumption after a reload", after_reload()),
        Case::new("resumption of 200 clients", many()),
        Case::new("tickets of two listeners with a configuration each", two_listeners(false)),
        Case::new("tickets of two listeners that share one", two_listeners(true)),
        Case::new("another server name", another_name()),
        Case::new("listener demands client certificates", demanding()),
        Case::new("client's certificate expired between ticket and resumption", expired()),
        Case::new("client's authority removed by a reload", removed()),
        Case::new("client's certificate revoked by a reload, then resumed", revoked()),
    ]
}

/// A second visit at another server, behind a first one.
async fn second(
    client: &Arc<ClientConfig>,
    first: impl Into<Arc<ServerConfig>>,
    second: impl Into<Arc<ServerConfig>>,
) -> String {
    let server = Server::start(first).await;
    visit(client, server.addr, "localhost").await.expect("the first visit");
    let mut server = Server::start(second).await;
    let result = visit(client, server.addr, "localhost").await;
    format!("client: {}; server: {}", say_visit(result), server.said().await)
}

async fn wrong_key() -> String {
    let (authority, issued) = both();
    let key = authority.issue("localhost").key();
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(issued.chain(), key);
    docs::say(&config.map(|_| "taken").map_err(io::Error::other))
}

async fn again() -> String {
    let (authority, issued) = both();
    let config = Arc::new(docs::server(&issued));
    second(&docs::client(authority.roots()), Arc::clone(&config), config).await
}

async fn after_reload() -> String {
    let (authority, issued) = both();
    let renewed = authority.issue("localhost");
    let client = docs::client(authority.roots());
    second(&client, docs::server(&issued), docs::server(&renewed)).await
}

async fn many() -> String {
    let (authority, issued) = both();
    let server = Server::start(docs::server(&issued)).await;
    let clients: Vec<_> = (0..CLIENTS).map(|_| docs::client(authority.roots())).collect();
    let mut resumed = 0;
    for client in clients.iter().chain(&clients) {
        let visit = visit(client, server.addr, "localhost").await;
        resumed += usize::from(visit.expect("it echoes"));
    }
    format!("{resumed} of {CLIENTS} resumed")
}

async fn two_listeners(share: bool) -> String {
    let (authority, issued) = both();
    let config = Arc::new(docs::server(&issued));
    let other = if share { Arc::clone(&config) } else { Arc::new(docs::server(&issued)) };
    second(&docs::client(authority.roots()), config, other).await
}

async fn another_name() -> String {
    let authority = Authority::new("authority");
    let issued = authority.issue_with("localhost", |params| {
        let other = "other.test".try_into().expect("a name");
        params.subject_alt_names.push(rcgen::SanType::DnsName(other));
    });
    let server = Server::start(docs::server(&issued)).await;
    let client = docs::client(authority.roots());
    visit(&client, server.addr, "localhost").await.expect("the first visit");
    say_visit(visit(&client, server.addr, "other.test").await)
}

async fn demanding() -> String {
    let (authority, issued) = both();
    let client = docs::client_with(authority.roots(), &authority.issue("client"));
    let config = Arc::new(docs::demanding(&issued, authority.roots()));
    second(&client, Arc::clone(&config), config).await
}

async fn expired() -> String {
    let (authority, issued) = both();
    let lifetime = Duration::from_secs(2);
    let short = authority.issue_with("client", valid_for(lifetime));
    let client = docs::client_with(authority.roots(), &short);
    let server = Server::start(docs::demanding(&issued, authority.roots())).await;
    visit(&client, server.addr, "localhost").await.expect("the first visit");
    tokio::time::sleep(lifetime + Duration::from_secs(1)).await;
    let result = say_visit(visit(&client, server.addr, "localhost").await);
    let fresh = docs::client_with(authority.roots(), &short);
    let full = say_visit(visit(&fresh, server.addr, "localhost").await);
    format!("client: {result}; who has no ticket: {full}")
}

async fn removed() -> String {
    let (authority, issued) = both();
    let client = docs::client_with(authority.roots(), &authority.issue("client"));
    let other = Authority::new("another").roots();
    let reloaded = docs::demanding(&issued, other);
    second(&client, docs::demanding(&issued, authority.roots()), reloaded).await
}

async fn revoked() -> String {
    let (authority, issued) = both();
    let identity = authority.issue_with("client", serial(7));
    let client = docs::client_with(authority.roots(), &identity);
    let reloaded = looking_up(&authority, &issued);
    second(&client, docs::demanding(&issued, authority.roots()), reloaded).await
}

fn looking_up(authority: &Authority, issued: &Issued) -> ServerConfig {
    let verifier = WebPkiClientVerifier::builder(Arc::new(authority.roots()))
        .with_crls([authority.revoke(&[7])])
        .build()
        .expect("roots");
    ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(issued.chain(), issued.key())
        .expect("a certificate and its key")
}
