//! Somebody on the way, who passes on what each side sends, as the test says, and writes it down.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// How bytes are passed on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pieces {
    /// As they come.
    AsIs,
    /// Each byte on its own.
    Bytes,
    /// So many bytes at a time.
    Of(usize),
}

#[derive(Clone)]
pub struct Middle {
    pub addr: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Middle {
    /// Stands before `target`.
    pub fn before(target: SocketAddr, pieces: Pieces) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let middle = Self { addr, seen };
        let inner = middle.clone();
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let server = TcpStream::connect(target).unwrap();
                inner.pass(&client, &server, pieces);
                inner.pass(&server, &client, pieces);
            }
        });
        middle
    }

    fn pass(&self, from: &TcpStream, to: &TcpStream, pieces: Pieces) {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        to.set_nodelay(true).unwrap();
        let seen = Arc::clone(&self.seen);
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(len @ 1..) = from.read(&mut buffer) {
                seen.lock().unwrap().extend_from_slice(&buffer[..len]);
                let size = match pieces {
                    Pieces::AsIs => len,
                    Pieces::Bytes => 1,
                    Pieces::Of(size) => size,
                };
                if buffer[..len].chunks(size).any(|piece| to.write_all(piece).is_err()) {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }

    /// All that passed, both ways.
    pub fn seen(&self) -> Vec<u8> {
        self.seen.lock().unwrap().clone()
    }

    pub fn has_seen(&self, text: &[u8]) -> bool {
        self.seen.lock().unwrap().windows(text.len()).any(|bytes| bytes == text)
    }
}
