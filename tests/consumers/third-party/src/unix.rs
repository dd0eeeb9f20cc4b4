//! Unix sockets, on which each message goes behind its length. The engine reads and writes them.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use polywire_core::adapter::*;
use polywire_core::address::RemoteAddr;
use polywire_core::mio::Interest;
use polywire_core::mio::net::{UnixListener, UnixStream};
use polywire_core::stream::{Context, Decoded, Encoder, Engine, Frame, Item, Protocol, Stream};
use polywire_core::{CloseReason, Limits, Message, WhenFull};

const MAX_MESSAGE: u32 = 64 << 20;
const HEADER: usize = size_of::<u32>();

/// The transport. Its addresses are paths of the file system.
#[derive(Clone, Debug, Default)]
pub struct Unix {
    pub limits: Limits,
}

impl Connect for Unix {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let socket = UnixStream::connect(addr.string())?;
        let engine = Engine::connecting(Socket(socket), Framed, self.limits.clone());
        Ok(Connection::new(engine, addr.clone(), nameless()))
    }
}

impl Listen for Unix {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let listener = UnixListener::bind(addr.string())?;
        let when_full = self.limits.when_full.unwrap_or(WhenFull::Disconnect);
        let limits = Arc::new(self.limits.clone().with_when_full(when_full));
        let path = Arc::new(OwnedPath(Mutex::new(Some(addr.string().into()))));
        Ok(Listener::new(Acceptor { listener, path, limits }, addr.clone()))
    }
}

struct Acceptor {
    listener: UnixListener,
    path: Arc<OwnedPath>,
    limits: Arc<Limits>,
}

impl Local for Acceptor {
    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    fn closer(&self) -> Option<Arc<dyn Close>> {
        Some(Arc::<OwnedPath>::clone(&self.path))
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        io.registration.register(&mut self.listener, Interest::READABLE)
    }

    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        for _ in 0..io.budget.max(1) {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => Socket(socket),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Accepting::Drained,
                Err(_) => return Accepting::Exhausted,
            };
            let engine = Engine::accepted(socket, Framed, Arc::clone(&self.limits));
            if sink.accept(Connection::new(engine, nameless(), nameless())) == Flow::Stop {
                break;
            }
        }
        Accepting::Unfinished
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.path.close();
    }
}

/// The file of a listener, which outlives its socket unless somebody removes it, once.
struct OwnedPath(Mutex<Option<PathBuf>>);

impl Close for OwnedPath {
    fn close(&self) {
        if let Some(path) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = std::fs::remove_file(path); // The path is free, and nobody finds the socket.
        }
    }
}

struct Socket(UnixStream);

impl Stream for Socket {
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        registration.register(&mut self.0, Interest::READABLE | Interest::WRITABLE)
    }

    fn deregister(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        registration.deregister(&mut self.0)
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.0).write_vectored(buffers)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

/// Each message behind its length, in four bytes.
struct Framed;

impl Protocol for Framed {
    type Encoder = Self;

    fn encoder(&self) -> Self {
        Self
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        true // There is no handshake.
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        let incomplete = |needed| Ok(Decoded { consumed: 0, item: Item::Incomplete { needed } });
        let Some(header) = input.first_chunk() else { return incomplete(HEADER) };
        let len = u32::from_be_bytes(*header);
        if len > MAX_MESSAGE {
            return Err(CloseReason::MessageTooLarge { size: len.into(), max: MAX_MESSAGE.into() });
        }
        let end = HEADER + len as usize;
        match input.get(HEADER..end) {
            Some(message) => Ok(Decoded { consumed: end, item: Item::Message(message.into()) }),
            None => incomplete(end),
        }
    }
}

impl Encoder for Framed {
    fn max_message_size(&self) -> usize {
        MAX_MESSAGE as usize
    }

    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame.put(&(message.bytes.len() as u32).to_be_bytes());
        frame.put_message(message.bytes);
    }
}

/// The address of whoever connects.
fn nameless() -> RemoteAddr {
    RemoteAddr::Str("nameless".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_once_all_of_it_is_there() {
        let (mut framed, mut frame, mut out) = (Framed, Vec::new(), Vec::new());
        framed.encode(Message::binary(b"hello"), &mut frame);
        for len in 1..frame.len() {
            let decoded = framed.decode(&mut frame[..len], &mut Context::new(&mut out)).unwrap();
            assert_eq!(decoded.consumed, 0, "after {len} bytes");
        }
        let all = Decoded { consumed: HEADER + 5, item: Item::Message(Message::binary(b"hello")) };
        assert_eq!(framed.decode(&mut frame, &mut Context::new(&mut out)), Ok(all));
    }
}
