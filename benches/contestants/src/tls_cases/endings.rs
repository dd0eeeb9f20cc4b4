//! How connections end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::Case;
use super::docs::{self, Server, connect, say};
use super::issuing::both;
use super::peer::{JUNK, Peer};

/// After which a write is taken for blocked.
const BLOCKED: Duration = Duration::from_millis(300);

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("dropped, with much to send", dropped(false)),
        Case::new("shut down, with much to send", dropped(true)),
        Case::new("the client half-closes, then reads on", half_closed()),
        Case::new("stream cut between records", cut(false)),
        Case::new("stream cut inside a record", cut(true)),
        Case::new("alert behind a whole message, in one read", behind_good(Peer::alert)),
        Case::new("damaged record behind a whole message, in one read", behind_good(damaged)),
        Case::new("something behind close_notify", behind_good(goodbye_and_junk)),
        Case::new("message, close_notify and the handshake's end in one read", all_at_once()),
        Case::new("close_notify during the handshake", early_goodbye()),
        Case::new("stream cut during the handshake", early_cut()),
        Case::new("given up during the handshake", given_up()),
        Case::new("not TLS, of a client", no_tls_client()),
        Case::new("not TLS, of a server", no_tls_server()),
    ]
}

/// A server that tells what its first reads of its one connection give.
async fn reader() -> (SocketAddr, Arc<rustls::ClientConfig>, JoinHandle<String>) {
    let (authority, issued) = both();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let acceptor = TlsAcceptor::from(Arc::new(docs::server(&issued)));
    let reads = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut stream = match acceptor.accept(stream).await {
            Ok(stream) => stream,
            Err(error) => return format!("accept: {}", say::<&str>(&Err(error))),
        };
        stream.write_all(b"ready").await.expect("writes");
        let mut said = Vec::new();
        for _ in 0..3 {
            let read = stream.read(&mut [0; 100]).await;
            said.push(say(&read.map(|len| format!("Ok({len})"))));
        }
        format!("reads: {}", said.join(", then "))
    });
    (addr, docs::client(authority.roots()), reads)
}

/// What a peer sees of a server that writes until that blocks, and then goes.
async fn dropped(shuts_down: bool) -> String {
    let (authority, issued) = both();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let acceptor = TlsAcceptor::from(Arc::new(docs::server(&issued)));
    let (tell, told) = tokio::sync::oneshot::channel();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut stream = acceptor.accept(stream).await.expect("shakes hands");
        let mut taken = 0;
        while let Ok(written) = tokio::time::timeout(BLOCKED, stream.write(&[7; 50_000])).await {
            taken += written.expect("the peer is there");
        }
        tell.send(()).expect("somebody waits");
        if shuts_down {
            stream.shutdown().await.expect("the peer is there");
        }
        taken
    });
    let mut peer = Peer::ready(docs::client(authority.roots()), addr).await;
    told.await.expect("it writes");
    let taken = if shuts_down { None } else { Some(server.await.expect("no panic")) };
    let read = peer.read_to_end().await;
    let read = read.map(|(len, has_said_so)| (len, if has_said_so { "with" } else { "without" }));
    match (read, taken) {
        (Ok((len, end)), Some(taken)) => format!(
            "{} bytes that write had taken are lost ({len} of {taken} arrive), {end} close_notify",
            taken - len
        ),
        (Ok((_, end)), None) => format!("all arrive, {end} close_notify"),
        (Err(error), _) => say::<&str>(&Err(error)),
    }
}

async fn half_closed() -> String {
    let (authority, issued) = both();
    let mut server = Server::start(docs::server(&issued)).await;
    let client = docs::client(authority.roots());
    let mut stream = connect(&client, server.addr, "localhost").await.expect("shakes hands");
    stream.write_all(&[7; 100_000]).await.expect("writes");
    stream.shutdown().await.expect("shuts down");
    let mut received = Vec::new();
    let read = stream.read_to_end(&mut received).await;
    format!("client: {} bytes, {}; server: {}", received.len(), say(&read), server.said().await)
}

async fn cut(inside: bool) -> String {
    let (addr, client, reads) = reader().await;
    let mut peer = Peer::ready(client, addr).await;
    peer.read_exactly(5).await.expect("it is ready"); // And so done with the handshake.
    let mut records = peer.seal(b"whole");
    if inside {
        let record = peer.seal(b"cut");
        records.extend(&record[..record.len() / 2]);
    }
    peer.socket.write_all(&records).await.expect("writes");
    peer.socket.shutdown().await.expect("shuts down");
    reads.await.expect("no panic")
}

async fn behind_good(bad: fn(&mut Peer) -> Vec<u8>) -> String {
    let (addr, client, reads) = reader().await;
    let mut peer = Peer::ready(client, addr).await;
    peer.read_exactly(5).await.expect("it is ready"); // And so done with the handshake.
    let mut records = peer.seal(b"whole");
    records.extend(bad(&mut peer));
    peer.socket.write_all(&records).await.expect("writes");
    peer.socket.shutdown().await.expect("shuts down");
    reads.await.expect("no panic")
}

fn damaged(_: &mut Peer) -> Vec<u8> {
    JUNK.to_vec()
}

fn goodbye_and_junk(peer: &mut Peer) -> Vec<u8> {
    peer.tls.send_close_notify();
    [&peer.take_records()[..], &JUNK].concat()
}

async fn all_at_once() -> String {
    let (addr, client, reads) = reader().await;
    let mut peer = Peer::client(client, addr).await;
    peer.flush().await.expect("writes");
    while peer.tls.is_handshaking() {
        peer.read_records().await.expect("reads");
    }
    let mut records = peer.seal(b"whole");
    peer.tls.send_close_notify();
    records.extend(peer.take_records());
    peer.socket.write_all(&records).await.expect("writes");
    reads.await.expect("no panic")
}

async fn early_goodbye() -> String {
    let (addr, client, reads) = reader().await;
    let mut peer = Peer::client(client, addr).await;
    peer.flush().await.expect("writes");
    peer.socket.peek(&mut [0]).await.expect("reads");
    peer.socket.write_all(&[21, 3, 3, 0, 2, 1, 0]).await.expect("writes");
    reads.await.expect("no panic")
}

async fn early_cut() -> String {
    let (addr, client, reads) = reader().await;
    let mut peer = Peer::client(client, addr).await;
    peer.flush().await.expect("writes");
    peer.socket.shutdown().await.expect("shuts down");
    reads.await.expect("no panic")
}

/// A client that drops its `connect`.
async fn given_up() -> String {
    let (authority, _) = both();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let client = docs::client(authority.roots());
    let connecting = connect(&client, addr, "localhost");
    assert!(tokio::time::timeout(BLOCKED, connecting).await.is_err(), "nobody answers");
    let (mut stream, _) = listener.accept().await.expect("a client");
    let mut seen = Vec::new();
    stream.read_to_end(&mut seen).await.expect("reads");
    let hello = 5 + usize::from(u16::from_be_bytes([seen[3], seen[4]]));
    format!("{} bytes behind its ClientHello, then the end of the stream", seen.len() - hello)
}

async fn no_tls_client() -> String {
    let (addr, _, reads) = reader().await;
    let mut peer = TcpStream::connect(addr).await.expect("it listens");
    peer.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("writes");
    reads.await.expect("no panic")
}

async fn no_tls_server() -> String {
    let (authority, _) = both();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        stream.write_all(b"220 mail.test ESMTP\r\n").await.expect("writes");
        stream
    });
    let client = docs::client(authority.roots());
    let connected = connect(&client, addr, "localhost").await.map(|_| "connected");
    drop(server.await);
    say(&connected)
}
