//! Two ends of TLS over pipes: read, written, flushed and ended in any order, through pipes of any width, and with bytes
//! that somebody on the way changed, added or cut off.
#![no_main]

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, LazyLock, Mutex};

use libfuzzer_sys::fuzz_target;
use polywire_core::adapter::{Accepted, Registration};
use polywire_core::address::RemoteAddr;
use polywire_core::stream::{Establishing, Layer, Stream};
use polywire_tls::{TlsCertificates, TlsConnectConfig, TlsIdentity, TlsListenConfig};

static CONFIGS: LazyLock<(TlsConnectConfig, TlsListenConfig)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let identity = TlsIdentity::from_pem(made.cert.pem(), made.signing_key.serialize_pem());
    let roots = TlsCertificates::from_pem(made.cert.pem()).unwrap();
    let connect = TlsConnectConfig::default().with_roots(roots);
    (connect, TlsListenConfig::new(identity.unwrap()))
});

#[derive(Default)]
struct Way {
    bytes: VecDeque<u8>,
    room: usize,
    has_ended: bool,
    /// Not what the other side wrote.
    is_changed: bool,
}

type Shared = Arc<Mutex<Way>>;

struct Pipe {
    from: Shared,
    to: Shared,
}

impl Stream for Pipe {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut way = self.from.lock().unwrap();
        if way.bytes.is_empty() && !way.has_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        io::Read::read(&mut way.bytes, buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut way = self.to.lock().unwrap();
        let room = way.room.saturating_sub(way.bytes.len());
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let before = way.bytes.len();
        way.bytes.extend(buffers.iter().flat_map(|buffer| buffer.iter()).take(room));
        Ok(way.bytes.len() - before)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.to.lock().unwrap().has_ended = true;
        Ok(())
    }
}

/// One side, and what it was given and has given.
struct Side<S> {
    stream: S,
    is_established: bool,
    /// It has told its end, or an error: an engine asks it for no more.
    is_over: bool,
    /// It was told to end.
    is_shut: bool,
    sent: usize,
    received: usize,
}

/// The byte that lies at `index` of what either side sends.
fn pattern(index: usize) -> u8 {
    (index / 251 + index) as u8
}

impl<S: Stream> Side<S> {
    fn new(stream: S) -> Self {
        Self { stream, is_established: false, is_over: false, is_shut: false, sent: 0, received: 0 }
    }

    fn note<T>(&mut self, result: io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.is_over |= error.kind() != ErrorKind::WouldBlock;
                None
            }
        }
    }

    fn establish(&mut self) {
        if !self.is_established && !self.is_over && !self.is_shut {
            let so_far = self.stream.establish(Establishing::Handshaking);
            self.is_established = self.note(so_far) == Some(Establishing::Established);
        }
    }

    fn write(&mut self, len: usize) {
        if self.is_established && !self.is_over && !self.is_shut && len > 0 {
            let bytes: Vec<u8> = (self.sent..self.sent + len).map(pattern).collect();
            let (front, back) = bytes.split_at(len / 3);
            let slices = [IoSlice::new(front), IoSlice::new(back)];
            let written = self.stream.write_vectored(&slices);
            let written = self.note(written).unwrap_or_default();
            assert!(written <= len);
            self.sent += written;
        }
    }

    fn read(&mut self, room: usize) -> bool {
        if !self.is_established || self.is_over || self.is_shut {
            return false;
        }
        let mut buffer = vec![0; room];
        let read = self.stream.read(&mut buffer);
        let Some(len) = self.note(read) else { return false };
        self.is_over |= len == 0;
        for byte in &buffer[..len] {
            assert_eq!(*byte, pattern(self.received), "what was sent, in its order");
            self.received += 1;
        }
        true
    }

    fn flush(&mut self) {
        if self.is_established && self.stream.wants_write() {
            let flushed = self.stream.flush();
            let flushed = self.note(flushed);
            assert!(flushed.is_none() || !self.stream.wants_write());
        }
    }

    fn shut(&mut self) {
        self.is_shut = true;
        let _ = self.stream.shutdown_write();
    }
}

fn act<S: Stream>(side: &mut Side<S>, (incoming, outgoing): (&Shared, &Shared), op: u8, arg: u8) {
    let arg = usize::from(arg);
    match op {
        0 => side.write(arg * arg * 4),
        1 => drop(side.read(1 + arg * arg)),
        2 => side.flush(),
        3 => outgoing.lock().unwrap().room = arg * arg * 2,
        4 => side.establish(),
        5 => side.shut(),
        _ => {
            let mut way = incoming.lock().unwrap();
            way.is_changed = true;
            let at = arg.min(way.bytes.len());
            match op {
                6 => way.bytes.insert(at, 0x17),
                7 if at < way.bytes.len() => way.bytes[at] ^= 1,
                8 => way.bytes.truncate(at),
                _ => way.has_ended = true,
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let (up, down) = (Shared::default(), Shared::default());
    for way in [&up, &down] {
        way.lock().unwrap().room = 1 << 16;
    }
    let name = RemoteAddr::Str("localhost:1".into());
    let pipe = Pipe { from: Arc::clone(&down), to: Arc::clone(&up) };
    let mut client = Side::new(CONFIGS.0.connect(pipe, &name).unwrap());
    let pipe = Pipe { from: Arc::clone(&up), to: Arc::clone(&down) };
    let accepted = Accepted::new(name.clone(), name);
    let mut server = Side::new(CONFIGS.1.accept(pipe, &accepted).unwrap());
    let (first, ops) = data.split_first().unwrap_or((&0, &[]));
    if first % 2 == 0 {
        // Most of it lies behind the handshake.
        for _ in 0..4 {
            client.establish();
            server.establish();
        }
    }
    for pair in ops.chunks_exact(2) {
        let (op, arg) = (pair[0] / 2 % 10, pair[1]);
        match pair[0] % 2 {
            0 => act(&mut client, (&down, &up), op, arg),
            _ => act(&mut server, (&up, &down), op, arg),
        }
    }
    let is_untouched = [&up, &down].iter().all(|way| {
        let mut way = way.lock().unwrap();
        way.room = 1 << 20;
        !way.is_changed
    });
    if !is_untouched || client.is_shut || server.is_shut {
        return;
    }
    // Nothing is lost, and nothing waits for a readiness that does not come.
    for _ in 0..10 {
        client.establish();
        client.flush(); // What was left of the handshake's end.
        server.establish();
        server.flush();
    }
    for _ in 0..4 {
        client.flush();
        server.flush();
        while client.read(1 << 14) || server.read(1 << 14) {}
    }
    assert!(client.is_established && server.is_established);
    assert!(!client.is_over && !server.is_over);
    assert_eq!((client.received, server.received), (server.sent, client.sent));
});
