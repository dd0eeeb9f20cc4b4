//! Peers that mean no good.

use std::sync::Arc;

use rustls::ContentType;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Case;
use super::docs::{self, Server, connect, say};
use super::issuing::both;
use super::peer::{Peer, Sealer};

/// Of each kind of flood.
const FLOOD: usize = 10_000;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("ClientHello in one-byte records", hello_in_pieces()),
        Case::new("messages in one-byte records", messages_in_pieces()),
        Case::new("key update flood", key_updates()),
        Case::new("10,000 empty records", empty_records()),
        Case::new("10,000 tickets", tickets()),
        Case::new("warnings without end", warnings()),
        Case::new("handshake message of 16 MiB", long_message()),
    ]
}

async fn hello_in_pieces() -> String {
    let (authority, issued) = both();
    let server = Server::start(docs::server(&issued)).await;
    let mut peer = Peer::client(docs::client(authority.roots()), server.addr).await;
    let hello = peer.take_records();
    let pieces = hello[5..].iter().flat_map(|byte| [HANDSHAKE, 3, 1, 0, 1, *byte]);
    peer.socket.write_all(&pieces.collect::<Vec<u8>>()).await.expect("writes");
    say(&peer.shake_hands().await.map(|()| "understood"))
}

async fn messages_in_pieces() -> String {
    let (authority, issued) = both();
    let server = Server::start(docs::server(&issued)).await;
    let mut peer = Peer::ready(docs::client(authority.roots()), server.addr).await;
    let records: Vec<u8> = (0..100).flat_map(|_| peer.seal(b"x")).collect();
    peer.socket.write_all(&records).await.expect("writes");
    peer.tls.send_close_notify();
    peer.flush().await.expect("writes");
    let read = peer.read_to_end().await;
    say(&read.map(|(len, _)| format!("{len} of 100 bytes come back")))
}

async fn key_updates() -> String {
    let (authority, issued) = both();
    let mut server = Server::start(docs::server(&issued)).await;
    let mut peer = Peer::ready(docs::client(authority.roots()), server.addr).await;
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        peer.tls.refresh_traffic_keys().expect("TLS 1.3");
        flood.extend(peer.take_records());
    }
    let _ = peer.socket.write_all(&flood).await; // It may be closed before all of it is taken.
    server.said().await
}

async fn empty_records() -> String {
    let (authority, issued) = both();
    let mut server = Server::start(docs::server(&issued)).await;
    let mut config = (*docs::client(authority.roots())).clone();
    config.enable_secret_extraction = true;
    let mut peer = Sealer::new(Peer::ready(Arc::new(config), server.addr).await);
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        flood.extend(peer.seal(ContentType::ApplicationData, b""));
    }
    let _ = peer.socket.write_all(&flood).await; // It may be closed before all of it is taken.
    server.said().await
}

/// From a server, in a record each, before its first message.
async fn tickets() -> String {
    let (authority, issued) = both();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let mut config = docs::server(&issued);
    config.enable_secret_extraction = true;
    config.send_tls13_tickets = 0; // The key counts from 0.
    let server = tokio::spawn(async move {
        let mut peer = Peer::server(config, &listener).await;
        peer.shake_hands().await.expect("writes");
        let mut peer = Sealer::new(peer);
        // NewSessionTicket (RFC 8446 section 4.6.1).
        let ticket = [4, 0, 0, 15, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7, 0, 1, 9, 0, 0];
        let mut flood = Vec::new();
        for _ in 0..FLOOD {
            flood.extend(peer.seal(ContentType::Handshake, &ticket));
        }
        flood.extend(peer.seal(ContentType::ApplicationData, b"hello"));
        let _ = peer.socket.write_all(&flood).await; // It may be closed before all of it is taken.
        (peer, flood.len())
    });
    let client = docs::client(authority.roots());
    let mut stream = connect(&client, addr, "localhost").await.expect("shakes hands");
    let mut message = [0; 5];
    let read = stream.read_exact(&mut message).await;
    let (_, len) = server.await.expect("no panic");
    say(&read.map(|_| format!("all {len} bytes are taken, then the message behind them")))
}

async fn raw(bytes: &[u8], times: usize) -> String {
    let (_, issued) = both();
    let mut server = Server::start(docs::server(&issued)).await;
    let mut peer = TcpStream::connect(server.addr).await.expect("it listens");
    for _ in 0..times {
        let _ = peer.write_all(bytes).await; // It may be closed before all of it is taken.
    }
    server.said().await
}

async fn warnings() -> String {
    raw(&[ALERT, 3, 1, 0, 2, 1, 90].repeat(FLOOD), 1).await // user_canceled
}

async fn long_message() -> String {
    let mut record = [&[HANDSHAKE, 3, 1, 0x40, 0][..], &[0; 16 << 10]].concat();
    record[5..9].copy_from_slice(&[1, 0xff, 0xff, 0xff]);
    raw(&record, 64).await
}
