//! A transport of datagrams whose peers have names and no socket addresses, as Unix sockets do.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use polywire::adapter::{
    Accepting, Flow, Io, Listen, Listener, ListenerSink, Local, SendFlags, Sender,
};
use polywire::network::{Endpoint, Message, Name, RemoteAddr, SendStatus};
use polywire_core::address::{peer_number, peer_number_addr};
use polywire_core::mio::Interest;
use polywire_core::mio::unix::SourceFd;

use crate::support::Node;

struct UnixDatagrams;

impl Listen for UnixDatagrams {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let socket = UnixDatagram::bind(addr.string())?;
        socket.set_nonblocking(true)?;
        let peers = Mutex::default();
        Ok(Listener::new(Socket(Arc::new(Shared { socket, peers })), addr.clone()))
    }
}

struct Shared {
    socket: UnixDatagram,
    peers: Mutex<Peers>,
}

#[derive(Default)]
struct Peers {
    numbers: HashMap<PathBuf, u64>,
    names: Vec<PathBuf>,
}

impl Peers {
    fn number(&mut self, path: PathBuf) -> u64 {
        let next = self.names.len() as u64;
        *self.numbers.entry(path).or_insert_with_key(|path| {
            self.names.push(path.clone());
            next
        })
    }
}

impl Shared {
    fn name(&self, addr: SocketAddr) -> Option<PathBuf> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.names.get(usize::try_from(peer_number(addr)?).ok()?).cloned()
    }
}

impl Sender for Shared {
    fn send(&self, to: &Endpoint, message: &[u8], _: SendFlags) -> SendStatus {
        let Some(path) = self.name(to.addr()) else {
            return SendStatus::ResourceNotFound;
        };
        match self.socket.send_to(message, path) {
            Ok(_) => SendStatus::Sent,
            Err(_) => SendStatus::ResourceNotAvailable,
        }
    }

    fn peer_name(&self, addr: SocketAddr) -> Option<RemoteAddr> {
        Some(RemoteAddr::Str(self.name(addr)?.display().to_string()))
    }
}

struct Socket(Arc<Shared>);

impl Local for Socket {
    fn sender(&self) -> Option<Arc<dyn Sender>> {
        Some(Arc::<Shared>::clone(&self.0))
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        let fd = self.0.socket.as_raw_fd();
        io.registration.register(&mut SourceFd(&fd), Interest::READABLE)
    }

    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        while let Ok((len, from)) = self.0.socket.recv_from(io.buffer) {
            let Some(path) = from.as_pathname() else { continue }; // Nobody to answer to.
            let mut peers = self.0.peers.lock().unwrap_or_else(PoisonError::into_inner);
            let addr = peer_number_addr(peers.number(path.to_owned()));
            drop(peers);
            if sink.message(addr, Message::binary(&io.buffer[..len]), false) == Flow::Stop {
                return Accepting::Unfinished;
            }
        }
        Accepting::Drained
    }
}

#[test]
fn peers_that_have_names_alone_are_endpoints_that_can_be_answered() {
    let dir = std::env::temp_dir();
    let path = |name: &str| dir.join(format!("polywire-{}-{name}", std::process::id()));
    let (server_path, clients) = (path("server"), ["one", "other"].map(path));
    let node = Node::echo();
    let name = server_path.display().to_string();
    let (listener, _) = node.network().listen(UnixDatagrams, Name(&name)).unwrap();
    for client in &clients {
        let socket = UnixDatagram::bind(client).unwrap();
        for message in [&b"hello"[..], b"again"] {
            socket.send_to(message, &server_path).unwrap();
            let mut answer = [0; 10];
            let len = socket.recv(&mut answer).unwrap();
            assert_eq!(&answer[..len], message);
            let (endpoint, heard) = node.message();
            assert_eq!((endpoint.resource_id(), &heard[..]), (listener, message));
            let named = RemoteAddr::Str(client.display().to_string());
            assert_eq!(node.network().remote_addr(endpoint), Some(named));
        }
    }
    clients.iter().chain([&server_path]).for_each(|path| std::fs::remove_file(path).unwrap());
}
