//! Many endpoints on one socket: sessions over UDP, each with a hello, a number and a timeout of its own. The
//! socket is read by a driver that is none of them.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use polywire::adapter::{
    Accepting, Closing, Connect, Connection, Driver, Flow, Io, Listen, Listener, ListenerSink,
    Local, Opening, Received, Remote, SendFlags, Sender, Sink,
};
use polywire::network::{CloseReason, Endpoint, Message, RemoteAddr, SendStatus};
use polywire_core::mio::{self, Interest};
use polywire_core::{Notifier, Readiness};

use crate::support::Node;

/// A datagram: what it is, the session's number, and what it says.
const HELLO: u8 = 0;
const WELCOME: u8 = 1;
const DATA: u8 = 2;
const BYE: u8 = 3;
const HEADER: usize = 5;

/// A session of which nothing was heard for so long is over.
const TIMEOUT: Duration = Duration::from_millis(400);

/// A socket, and the sessions on it.
#[derive(Clone)]
struct Sessions {
    shared: Arc<Shared>,
    driver: Driver,
}

struct Shared {
    socket: UdpSocket,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sessions: HashMap<u32, Session>,
    listener: Option<Notifier>,
    /// Numbers of sessions to be accepted.
    new: VecDeque<u32>,
    last: u32,
    /// Whether the driver is at work.
    is_driven: bool,
}

struct Session {
    peer: SocketAddr,
    inbox: VecDeque<Vec<u8>>,
    notifier: Option<Notifier>,
    is_welcome: bool,
    is_over: bool,
}

impl Sessions {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared { socket, state: Mutex::default() });
        let socket = mio::net::UdpSocket::from_std(shared.socket.try_clone().unwrap());
        Self { driver: Driver::new(Reader { socket, shared: Arc::clone(&shared) }), shared }
    }

    fn addr(&self) -> SocketAddr {
        self.shared.socket.local_addr().unwrap()
    }

    fn is_driven(&self) -> bool {
        self.shared.lock().is_driven
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, to: SocketAddr, kind: u8, number: u32, message: &[u8]) {
        let mut datagram = vec![kind];
        datagram.extend(number.to_be_bytes());
        datagram.extend_from_slice(message);
        let _ = self.socket.send_to(&datagram, to); // One that is lost is lost.
    }

    fn hear(&self, from: SocketAddr, datagram: &[u8]) {
        let Some((header, message)) = datagram.split_first_chunk::<HEADER>() else { return };
        let number = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        let mut state = self.lock();
        if header[0] == HELLO {
            return state.welcome(self, from, number);
        }
        let Some(session) = state.sessions.get_mut(&number) else { return };
        match header[0] {
            WELCOME => session.is_welcome = true,
            BYE => session.is_over = true,
            _ => session.inbox.push_back(message.to_vec()),
        }
        session.peer = from; // Wherever it goes on from.
        session.notifier.iter().for_each(|it| it.notify(Readiness::READABLE));
    }
}

impl State {
    fn welcome(&mut self, shared: &Shared, peer: SocketAddr, number: u32) {
        let Some(listener) = &self.listener else { return };
        shared.send(peer, WELCOME, number, &[]);
        if let Entry::Vacant(session) = self.sessions.entry(number) {
            session.insert(Session::new(peer, true));
            self.new.push_back(number);
            listener.notify(Readiness::READABLE);
        }
    }
}

impl Session {
    fn new(peer: SocketAddr, is_welcome: bool) -> Self {
        Self { peer, inbox: VecDeque::new(), notifier: None, is_welcome, is_over: false }
    }
}

/// Reads the socket for all.
struct Reader {
    socket: mio::net::UdpSocket,
    shared: Arc<Shared>,
}

impl Local for Reader {
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.shared.lock().is_driven = true;
        io.registration.register(&mut self.socket, Interest::READABLE)
    }

    fn ready(&mut self, io: &mut Io<'_>, _: &mut dyn ListenerSink) -> Accepting {
        while let Ok((len, from)) = self.socket.recv_from(io.buffer) {
            self.shared.hear(from, &io.buffer[..len]);
        }
        Accepting::Drained
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.lock().is_driven = false;
    }
}

/// The listener: takes in whom the driver has heard of.
struct Doorman(Sessions);

impl Local for Doorman {
    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.0.shared.lock().listener = Some(io.registration.notifier());
        Ok(())
    }

    fn ready(&mut self, _: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        loop {
            let Some(number) = self.0.shared.lock().new.pop_front() else {
                return Accepting::Drained;
            };
            if sink.accept(self.0.connection(number)) == Flow::Stop {
                return Accepting::Unfinished;
            }
        }
    }
}

impl Drop for Doorman {
    fn drop(&mut self) {
        self.0.shared.lock().listener = None;
    }
}

impl Sessions {
    fn connection(&self, number: u32) -> Connection {
        let peer = self.shared.lock().sessions[&number].peer;
        let end = End(Arc::new(Handle { shared: Arc::clone(&self.shared), number }));
        let (peer, local) = (RemoteAddr::Socket(peer), RemoteAddr::Socket(self.addr()));
        Connection::new(end, peer, local).with_driver(&self.driver)
    }
}

impl Listen for Sessions {
    fn listen(&self, _: &RemoteAddr) -> io::Result<Listener> {
        let addr = RemoteAddr::Socket(self.addr());
        Ok(Listener::new(Doorman(self.clone()), addr).with_driver(&self.driver))
    }
}

impl Connect for Sessions {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let number = {
            let mut state = self.shared.lock();
            state.last += 1;
            let number = u32::from(self.addr().port()) << 16 | state.last;
            state.sessions.insert(number, Session::new(*addr.socket_addr(), false));
            number
        };
        Ok(self.connection(number))
    }
}

/// One session, as any thread sends by it.
struct Handle {
    shared: Arc<Shared>,
    number: u32,
}

impl Handle {
    fn with<R>(&self, act: impl FnOnce(&mut Session) -> R) -> Option<R> {
        self.shared.lock().sessions.get_mut(&self.number).map(act)
    }

    fn say(&self, kind: u8, message: &[u8]) -> SendStatus {
        let Some(peer) = self.with(|session| session.peer) else {
            return SendStatus::ResourceNotFound;
        };
        self.shared.send(peer, kind, self.number, message);
        SendStatus::Sent
    }
}

impl Sender for Handle {
    fn send(&self, _: &Endpoint, message: &[u8], _: SendFlags) -> SendStatus {
        self.say(DATA, message)
    }
}

/// The same, as the loop drives it.
struct End(Arc<Handle>);

impl Remote for End {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::<Handle>::clone(&self.0)
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        self.0.with(|session| session.notifier = Some(io.registration.notifier()));
        io.set_deadline(Some(io.now() + TIMEOUT));
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        if self.0.with(|session| session.is_welcome) == Some(true) {
            return Opening::Ready;
        }
        self.0.say(HELLO, &[]);
        Opening::Handshaking
    }

    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        io.set_deadline(Some(io.now() + TIMEOUT));
        if let Some(peer) = self.0.with(|session| session.peer) {
            io.rename(peer);
        }
        while let Some(message) = self.0.with(|session| session.inbox.pop_front()).flatten() {
            if sink.message(Message::binary(&message), false) == Flow::Stop {
                return Received::Unfinished;
            }
        }
        match self.0.with(|session| session.is_over) {
            Some(true) => Received::Ended(CloseReason::PeerClosed),
            _ => Received::Drained,
        }
    }

    fn expire(&mut self, _: &mut Io<'_>) -> Result<(), CloseReason> {
        Err(CloseReason::TimedOut)
    }

    fn close(&mut self, _: &mut Io<'_>, reason: &CloseReason) -> Closing {
        if *reason != CloseReason::PeerClosed {
            self.0.say(BYE, &[]);
        }
        Closing::Done
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.shared.lock().sessions.remove(&self.0.number);
    }
}

#[test]
fn sessions_on_one_socket_are_endpoints_each_on_both_sides() {
    const CLIENTS: u8 = 5;
    let (server, client) = (Node::echo(), Node::new());
    let (here, there) = (Sessions::new(), Sessions::new());
    let (listener, addr) = server.listen(&here);
    let endpoints: Vec<_> = (0..CLIENTS).map(|_| client.connect_ready(&there, addr)).collect();
    let accepted: Vec<_> = (0..CLIENTS).map(|_| server.accepted()).collect();
    for (number, endpoint) in (0..).zip(&endpoints) {
        assert_eq!(client.network().send(*endpoint, &[number]), SendStatus::Sent);
        assert_eq!(client.message(), (*endpoint, vec![number]));
        assert_eq!(server.message(), (accepted[usize::from(number)], vec![number]));
    }

    // A listener that is removed leaves its sessions, which the driver goes on reading for.
    assert!(server.network().remove(listener));
    client.network().send(endpoints[0], b"still there");
    assert_eq!(client.message(), (endpoints[0], b"still there".to_vec()));
    server.message();

    // One closes, the others fall silent, each for itself.
    client.network().remove(endpoints[1].resource_id());
    assert_eq!(server.disconnected(accepted[1]), CloseReason::PeerClosed);
    for _ in 0..CLIENTS - 1 {
        let crate::support::StoredNetEvent::Disconnected(endpoint) = server.next() else {
            panic!("a session that said nothing");
        };
        assert_eq!(server.network().close_reason(endpoint), Some(CloseReason::TimedOut));
        assert!(accepted.contains(&endpoint));
    }
    crate::support::eventually("the driver goes with the last session", || !here.is_driven());
}

#[test]
fn an_endpoint_goes_on_at_another_address_of_its_peer() {
    let server = Node::new();
    let here = Sessions::new();
    let (_, addr) = server.listen(&here);
    let [before, after] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    before.send_to(&[HELLO, 0, 0, 0, 9], addr).unwrap();
    let endpoint = server.accepted();
    assert_eq!(endpoint.addr(), before.local_addr().unwrap());
    after.send_to(&[DATA, 0, 0, 0, 9, b'x'], addr).unwrap();
    assert_eq!(server.message(), (endpoint, b"x".to_vec()));
    server.settle(); // The address changes once the call that says so has returned.
    let moved = RemoteAddr::Socket(after.local_addr().unwrap());
    assert_eq!(server.network().remote_addr(endpoint), Some(moved));
    assert_eq!(server.network().send(endpoint, b"there"), SendStatus::Sent);
    let mut datagram = [0; 20];
    let len = after.recv(&mut datagram).unwrap();
    assert_eq!(&datagram[HEADER..len], b"there");
}
