use std::collections::VecDeque;

use polywire_core::adapter::Accepted;
use polywire_core::address::RemoteAddr;
use polywire_core::stream::Layer;

use super::*;
use crate::session::MAX_SEALED_BYTES;
use crate::sync::atomic::AtomicUsize;
use crate::{TlsCertificates, TlsConnectConfig, TlsIdentity, TlsListenConfig};

/// One direction of a pipe, which holds so many bytes.
#[derive(Default)]
struct Way {
    bytes: Mutex<VecDeque<u8>>,
    room: AtomicUsize,
    has_ended: AtomicBool,
}

/// One end of a pipe.
struct Pipe {
    from: Arc<Way>,
    to: Arc<Way>,
}

impl Stream for Pipe {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = lock(&self.from.bytes);
        if bytes.is_empty() && !self.from.has_ended.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        io::Read::read(&mut *bytes, buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut bytes = lock(&self.to.bytes);
        let room = self.to.room.load(Ordering::Relaxed).saturating_sub(bytes.len());
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let before = bytes.len();
        bytes.extend(buffers.iter().flat_map(|buffer| buffer.iter()).take(room));
        Ok(bytes.len() - before)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.to.has_ended.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Both ends of a connection over pipes that hold `room` bytes each way, its handshake done.
fn pair(room: usize) -> (TlsStream<Pipe>, TlsStream<Pipe>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let identity = TlsIdentity::from_pem(made.cert.pem(), made.signing_key.serialize_pem());
    let listen = TlsListenConfig::new(identity.unwrap());
    let roots = TlsCertificates::from_pem(made.cert.pem()).unwrap();
    let connect = TlsConnectConfig::default().with_roots(roots);
    let way = || Arc::new(Way { room: room.into(), ..Way::default() });
    let (up, down) = (way(), way());
    let name = RemoteAddr::Str("localhost:1".into());
    let client = Pipe { from: Arc::clone(&down), to: Arc::clone(&up) };
    let client = connect.connect(client, &name).unwrap();
    let accepted = Accepted::new(name.clone(), name);
    let server = listen.accept(Pipe { from: up, to: down }, &accepted).unwrap();
    let step = |stream: &TlsStream<Pipe>| {
        let so_far = stream.establish(Establishing::Handshaking).unwrap();
        let _ = stream.flush();
        so_far == Establishing::Established
    };
    for _ in 0..100_000 {
        let done = [step(&client), step(&server)];
        if done == [true; 2] {
            return (client, server);
        }
    }
    panic!("the handshake does not end");
}

fn is_blocked<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Sends all of `message` through, reading as it goes, by so many bytes at a time.
fn pass(from: &TlsStream<Pipe>, to: &TlsStream<Pipe>, message: &[u8], room: usize) -> Vec<u8> {
    let (mut written, mut received) = (0, Vec::new());
    let mut buffer = vec![0; room];
    while received.len() < message.len() {
        let rest = [IoSlice::new(&message[written..])];
        if written < message.len() {
            match from.write_vectored(&rest) {
                Ok(len) => written += len,
                result => assert!(is_blocked(&result), "{result:?}"),
            }
        } else if from.wants_write() {
            let flushed = from.flush();
            assert!(flushed.is_ok() || is_blocked(&flushed), "{flushed:?}");
        }
        loop {
            match to.read(&mut buffer) {
                Ok(len) => received.extend_from_slice(&buffer[..len]),
                result if is_blocked(&result) => break,
                result => panic!("{result:?}"),
            }
        }
    }
    received
}

#[test]
fn what_is_written_is_read_however_narrow_the_pipe_and_small_the_buffer() {
    let message: Vec<u8> = (0..100_000_u32).map(|index| (index / 3) as u8).collect();
    for (width, room) in [(1, 64 << 10), (7, 1), (1000, 100), (20_000, 16 << 10), (1 << 20, 13)] {
        let (client, server) = pair(width);
        assert!(pass(&client, &server, &message, room) == message, "{width} {room}");
        assert!(pass(&server, &client, &message, room) == message, "{width} {room}");
    }
}

#[test]
fn a_connection_that_was_busy_gives_its_memory_back() {
    let (client, server) = pair(1000);
    let message = vec![7; 1 << 20];
    assert!(pass(&client, &server, &message, 4096) == message);
    assert!(pass(&server, &client, &message, 4096) == message);
    for stream in [client, server] {
        assert_eq!((lock(&stream.incoming).memory(), stream.session.memory()), (0, 0));
    }
}

#[test]
fn no_more_is_sealed_than_there_is_room_for() {
    let (client, _server) = pair(100_000);
    let message = vec![7; 1 << 20];
    let mut taken = 0;
    while let Ok(len) = client.write_vectored(&[IoSlice::new(&message)]) {
        taken += len;
    }
    assert!(taken <= 100_000 + MAX_SEALED_BYTES, "{taken}");
    assert!(client.wants_write() && is_blocked(&client.flush()));
    assert!(client.session.memory() <= MAX_SEALED_BYTES + 1024);
}

#[test]
fn many_slices_are_taken_together_in_one_record() {
    let (client, server) = pair(1 << 20);
    lock(&client.stream.to.bytes).clear();
    let slices = [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"two")];
    assert_eq!(client.write_vectored(&slices).unwrap(), 6);
    // Header, type and tag (RFC 8446 section 5.2).
    assert_eq!(lock(&client.stream.to.bytes).len(), 5 + 6 + 1 + 16);
    let mut buffer = [0; 100];
    assert_eq!(server.read(&mut buffer).unwrap(), 6);
    assert_eq!(&buffer[..6], b"onetwo");
}

#[test]
fn the_end_is_blocked_by_what_waits_and_comes_behind_it() {
    let (client, server) = pair(1000);
    let message = vec![7; 10_000];
    assert_eq!(client.write_vectored(&[IoSlice::new(&message)]).unwrap(), message.len());
    assert!(is_blocked(&client.shutdown_write()) && client.wants_write());
    let (mut received, mut buffer) = (0, [0; 4096]);
    loop {
        match server.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => received += len,
            result => assert!(is_blocked(&result), "{result:?}"),
        }
        let _ = client.shutdown_write();
    }
    assert_eq!(received, message.len());
    assert!(!client.wants_write());
    assert_eq!(server.read(&mut buffer).unwrap(), 0, "and stays at its end");
}
