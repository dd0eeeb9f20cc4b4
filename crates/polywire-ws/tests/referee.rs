//! The other end is tungstenite's own, over memory.

mod common;

use std::io::{self, Read, Write};

use common::Peer;
use polywire_core::CloseReason;
use polywire_core::stream::Encoder;
use polywire_ws::{WsConnectConfig, WsListenConfig};
use tungstenite::handshake::server::NoCallback;
use tungstenite::handshake::{HandshakeError, HandshakeRole, MidHandshake};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{ClientHandshake, Message, ServerHandshake, WebSocket};

/// A stream that only its two buffers are behind.
#[derive(Debug, Default)]
struct Memory {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = buffer.len().min(self.input.len());
        buffer[..len].copy_from_slice(&self.input[..len]);
        self.input.drain(..len);
        Ok(len)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Goes on with a handshake that waits for input.
fn step<R: HandshakeRole<InternalStream = Memory>>(
    handshake: MidHandshake<R>,
) -> Result<R::FinalResult, MidHandshake<R>> {
    match handshake.handshake() {
        Ok(done) => Ok(done),
        Err(HandshakeError::Interrupted(handshake)) => Err(handshake),
        Err(HandshakeError::Failure(error)) => panic!("{error}"),
    }
}

/// Our server and tungstenite's client.
fn our_server(config: &WsListenConfig) -> (Peer, WebSocket<Memory>) {
    let request = tungstenite::client::IntoClientRequest::into_client_request("ws://localhost/a");
    let handshake =
        ClientHandshake::start(Memory::default(), request.unwrap(), None).expect("a good request");
    let mut handshake = step(handshake).expect_err("an answer is awaited");
    let mut server = Peer::server(config);
    let stream = handshake.get_mut().get_mut();
    server.feed(&std::mem::take(&mut stream.output));
    stream.input = std::mem::take(&mut server.out);
    let Ok((socket, _)) = step(handshake) else { panic!("the answer was not whole") };
    (server, socket)
}

/// Our client and tungstenite's server.
fn our_client(config: &WsConnectConfig) -> (Peer, WebSocket<Memory>) {
    let mut client = Peer::client("ws://localhost/a", config);
    let input = std::mem::take(&mut client.out);
    let stream = Memory { input, output: Vec::new() };
    let Ok(mut socket) = step(ServerHandshake::start(stream, NoCallback, None)) else {
        panic!("the request was not whole")
    };
    client.feed(&std::mem::take(&mut socket.get_mut().output));
    assert!(client.ready, "{:?}", client.end);
    (client, socket)
}

fn both() -> [(Peer, WebSocket<Memory>); 2] {
    [our_server(&WsListenConfig::default()), our_client(&WsConnectConfig::default())]
}

/// What tungstenite wrote goes to us, and what we answered to it.
fn exchange(ours: &mut Peer, theirs: &mut WebSocket<Memory>) {
    theirs.flush().unwrap();
    ours.feed(&std::mem::take(&mut theirs.get_mut().output));
    theirs.get_mut().input.append(&mut ours.out);
}

#[test]
fn messages_pass_both_ways() {
    for (mut ours, mut theirs) in both() {
        for len in [0, 1, 125, 126, 65_535, 65_536, 10 << 20] {
            let message: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            theirs.send(Message::binary(message.clone())).unwrap();
            exchange(&mut ours, &mut theirs);
            assert!(ours.messages.pop().as_ref() == Some(&message), "{len}");
            theirs.get_mut().input.extend(ours.frame(&message));
            assert!(theirs.read().unwrap() == Message::binary(message), "{len}");
        }
        theirs.send(Message::text("κόσμε")).unwrap();
        exchange(&mut ours, &mut theirs);
        assert_eq!(ours.messages, ["κόσμε".as_bytes()]);
    }
}

#[test]
fn text_is_read_as_text() {
    let (server, mut theirs) = our_server(&WsListenConfig::default().with_text(true));
    theirs.get_mut().input.extend(server.frame("κόσμε".as_bytes()));
    assert_eq!(theirs.read().unwrap(), Message::text("κόσμε"));
}

#[test]
fn pings_are_answered() {
    for (mut ours, mut theirs) in both() {
        theirs.send(Message::Ping(b"are you there"[..].into())).unwrap();
        exchange(&mut ours, &mut theirs);
        assert_eq!(theirs.read().unwrap(), Message::Pong(b"are you there"[..].into()));
    }
}

#[test]
fn their_close_is_answered_so_that_it_ends_cleanly() {
    for (mut ours, mut theirs) in both() {
        let frame = CloseFrame { code: CloseCode::Away, reason: "bye".into() };
        theirs.close(Some(frame)).unwrap();
        exchange(&mut ours, &mut theirs);
        let reason = CloseReason::PeerClosedWith { code: 1001, text: "bye".into() };
        assert_eq!(ours.end, Some(reason));
        let Message::Close(Some(frame)) = theirs.read().unwrap() else { panic!("no Close") };
        assert_eq!(frame.code, CloseCode::Away);
    }
}

#[test]
fn our_close_is_understood() {
    for (mut ours, mut theirs) in both() {
        ours.close(&CloseReason::NodeStopped);
        theirs.get_mut().input.append(&mut ours.out);
        let Message::Close(Some(frame)) = theirs.read().unwrap() else { panic!("no Close") };
        assert_eq!(frame.code, CloseCode::Away);
    }
}

#[test]
fn their_bad_text_is_told_to_them() {
    for (mut ours, mut theirs) in both() {
        let bad = common::raw(0x81, b"\xff", !ours.encoder.changes_messages());
        ours.feed(&bad);
        theirs.get_mut().input.append(&mut ours.out);
        let Message::Close(Some(frame)) = theirs.read().unwrap() else { panic!("no Close") };
        assert_eq!(frame.code, CloseCode::Invalid);
        assert!(frame.reason.contains("UTF-8"), "{}", frame.reason);
    }
}
