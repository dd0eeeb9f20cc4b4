//! Peers for whom a server could wait for good.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::docs::{self, Server, say_visit, visit};
use super::issuing::both;
use super::peer::Peer;

/// Longer than polywire's `handshake_timeout`.
const HANDSHAKE: Duration = Duration::from_secs(12);
/// Longer than polywire's `stall_timeout`.
const STALL: Duration = Duration::from_secs(32);
/// After which a write is taken for blocked.
const BLOCKED: Duration = Duration::from_secs(1);
const HALF_OPEN: usize = 1000;

pub(super) fn cases() -> Vec<(&'static str, JoinHandle<String>)> {
    vec![
        ("a handshake that takes 12 s", tokio::spawn(silent())),
        ("1,000 half-open handshakes, after 12 s", tokio::spawn(half_open())),
        ("a peer that does not read for 32 s", tokio::spawn(deaf())),
    ]
}

fn whether_open(ended: usize, of: usize) -> String {
    format!("{} of {of} still open", of - ended)
}

async fn silent() -> String {
    let (_, issued) = both();
    let mut server = Server::start(docs::server(&issued)).await;
    let peer = TcpStream::connect(server.addr).await.expect("it listens");
    tokio::time::sleep(HANDSHAKE).await;
    let said = whether_open(server.count_ended(), 1);
    drop(peer);
    said
}

async fn half_open() -> String {
    let (authority, issued) = both();
    let mut server = Server::start(docs::server(&issued)).await;
    let client = docs::client(authority.roots());
    let hello = Peer::client(client.clone(), server.addr).await.take_records();
    server.said().await;
    let mut peers = Vec::new();
    for _ in 0..HALF_OPEN {
        let mut peer = TcpStream::connect(server.addr).await.expect("it listens");
        peer.write_all(&hello[..hello.len() / 2]).await.expect("writes");
        peers.push(peer);
    }
    let honest = visit(&client, server.addr, "localhost").await;
    server.said().await;
    tokio::time::sleep(HANDSHAKE).await;
    let said = whether_open(server.count_ended(), HALF_OPEN);
    drop(peers);
    format!("an honest client: {}; {said}", say_visit(honest))
}

async fn deaf() -> String {
    let (authority, issued) = both();
    let mut server = Server::start(docs::server(&issued)).await;
    let mut peer = Peer::ready(docs::client(authority.roots()), server.addr).await;
    loop {
        let records = peer.seal(&[7; 16 << 10]);
        let written = tokio::time::timeout(BLOCKED, peer.socket.write_all(&records)).await;
        let Ok(written) = written else { break };
        written.expect("it is there");
    }
    tokio::time::sleep(STALL).await;
    whether_open(server.count_ended(), 1)
}
