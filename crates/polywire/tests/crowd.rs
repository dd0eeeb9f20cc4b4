//! Ten thousand connections come, say something, hear something and go.
//!
//! The clients are plain sockets in a process of their own, for a process has too few descriptors
//! for both ends.
#![cfg(target_os = "linux")]

mod alone;
mod common;
#[path = "backpressure/process.rs"]
mod process;
mod support;

use std::io::{BufRead, BufReader, Read, Write, stdin};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use polywire::network::{Endpoint, NetEvent, NetworkController, SendStatus, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

use alone::{alone, memory, ran};
use process::kept_waiting;
use support::system::{descriptors, max_descriptors};
use support::{ANY_PORT, SLACK, eventually, peers};

const CONNECTIONS: usize = if cfg!(debug_assertions) { 2000 } else { 10_000 };
/// Tells how many connections there are to be, if not so many.
const COUNT: &str = "POLYWIRE_CROWD";
/// Tells the process of the clients the transport, their number, and the server's addresses.
const SERVER: &str = "POLYWIRE_TEST_SERVER";
/// Clients that connect before the first of them waits for its answer: fewer than the listener
/// keeps waiting.
const WAVE: usize = 250;
/// Time of the CPU that the node may take to accept a connection and to answer its first message:
/// 20,000 of them in a second. How many come in a second of the clock is the machine's affair if
/// others use it too.
const MOST_TIME: Duration = Duration::from_micros(50);
/// Connections to one address: with many more the system looks long for a free port of a client's.
const PER_ADDRESS: usize = 5000;
const GREETING: &[u8] = b"hello";
const NEWS: &[u8] = b"the news for all";

/// Bytes that a connection may occupy.
fn most_memory(transport: Transport) -> usize {
    if transport == Transport::Ws { 12 << 10 } else { 2 << 10 }
}

// The clients.

/// The process of the clients; among the tests it has nothing to do.
#[test]
fn the_clients() {
    let Ok(server) = env::var(SERVER) else { return };
    let words: Vec<_> = server.split(' ').collect();
    let transport: Transport = words[0].parse().unwrap();
    let count: usize = words[1].parse().unwrap();
    let addrs: Vec<SocketAddr> = words[2..].iter().map(|addr| addr.parse().unwrap()).collect();
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let addr = addrs[clients.len() / PER_ADDRESS];
        let wave = WAVE.min(count - clients.len());
        let mut wave: Vec<_> = (0..wave).map(|_| greet(transport, addr)).collect();
        wave.iter_mut().for_each(|client| hear_greeting(transport, client));
        clients.append(&mut wave);
    }
    println!("\nopened");
    for client in &mut clients {
        assert_eq!(hear(transport, client, NEWS.len()), NEWS);
    }
    println!("\nheard");
    for mut client in clients {
        peers::read_to_the_end(&mut client);
    }
    println!("\nended");
    // What it waited for can be read until then.
    let _ = stdin().read_line(&mut String::new());
}

/// Connects and says hello at once, together with the handshake if there is one.
fn greet(transport: Transport, addr: SocketAddr) -> TcpStream {
    let mut client = peers::connect(addr);
    let handshake = if transport == Transport::Ws { peers::UPGRADE } else { b"" };
    client.write_all(&[handshake, &peers::frame(transport, GREETING)].concat()).unwrap();
    client
}

/// Reads the answer to the handshake and to the greeting, behind which nothing comes yet.
fn hear_greeting(transport: Transport, client: &mut TcpStream) {
    let last: &[u8] = match transport {
        Transport::Tcp => b"hello",
        Transport::FramedTcp => b"\x05hello",
        _ => b"\r\n\r\n\x82\x05hello",
    };
    let (mut heard, mut buffer) = (Vec::new(), [0; 512]);
    while !heard.ends_with(last) {
        let len = client.read(&mut buffer).unwrap();
        assert!(len > 0, "the end instead of an answer");
        heard.extend_from_slice(&buffer[..len]);
    }
}

fn hear(transport: Transport, client: &mut TcpStream, len: usize) -> Vec<u8> {
    match transport {
        Transport::Tcp => peers::read_exactly(client, len),
        _ => peers::read_message(transport, client),
    }
}

struct Clients {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Clients {
    fn start(transport: Transport, addrs: &[SocketAddr], count: usize) -> Self {
        let mut command = alone::command("the_clients", "ulimit -n $(ulimit -Hn)");
        let addrs: Vec<_> = addrs.iter().map(SocketAddr::to_string).collect();
        command.env(SERVER, format!("{transport} {count} {}", addrs.join(" ")));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        Self { process, said }
    }

    fn await_word(&mut self, word: &str) {
        let mut line = String::new();
        while line.trim_end() != word {
            line.clear();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "the clients failed");
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.process.kill();
        }
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

// The server.

/// Who came, and when the first and the last did.
struct Accepted {
    endpoints: Vec<Endpoint>,
    times: Option<(Instant, Instant)>,
}

impl Accepted {
    fn forget(&mut self) -> Vec<Endpoint> {
        self.times = None;
        self.endpoints.drain(..).collect()
    }
}

/// A node that sends back what it gets.
struct Server {
    handler: NodeHandler<()>,
    addrs: Vec<SocketAddr>,
    accepted: Arc<Mutex<Accepted>>,
    _task: NodeTask,
}

impl Server {
    fn start(transport: Transport, count: usize) -> Self {
        let (handler, listener) = node::split::<()>();
        let listen = |_| handler.network().listen(transport, ANY_PORT).unwrap().1;
        let addrs = (0..count.div_ceil(PER_ADDRESS)).map(listen).collect();
        let accepted = Accepted { endpoints: Vec::with_capacity(count), times: None };
        let accepted = Arc::new(Mutex::new(accepted));
        let (inner, coming) = (handler.clone(), Arc::clone(&accepted));
        let task = listener.for_each_async(move |event| match event {
            NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => {
                let (mut accepted, now) = (coming.lock().unwrap(), Instant::now());
                accepted.endpoints.push(endpoint);
                accepted.times.get_or_insert((now, now)).1 = now;
            }
            NodeEvent::Network(NetEvent::Message(endpoint, message)) => {
                inner.network().send(endpoint, message);
            }
            _ => {}
        });
        Self { handler, addrs, accepted, _task: task }
    }

    fn await_empty(&self) {
        let endpoints = || self.handler.network().stats().endpoints;
        eventually("all are gone", || endpoints() == self.addrs.len());
    }

    fn accepted(&self) -> MutexGuard<'_, Accepted> {
        self.accepted.lock().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

/// Measures time without that for which others keep a thread of the server or of the clients from
/// the CPU, that which waits the longest.
struct Watch {
    start: Instant,
    /// The threads, by their directories under /proc, and how long each had waited before.
    waited: Vec<(PathBuf, Duration)>,
}

impl Watch {
    fn start(clients: &Clients) -> Self {
        let start = Instant::now();
        let processes = ["self".to_owned(), clients.process.id().to_string()];
        let threads = processes.iter().flat_map(|process| {
            fs::read_dir(format!("/proc/{process}/task"))
                .unwrap()
                .map(|thread| thread.unwrap().path())
        });
        let waited = threads.map(|thread| (thread.clone(), waited(&thread)));
        Self { start, waited: waited.collect() }
    }

    fn elapsed(&self) -> Duration {
        let waits = self.waited.iter().map(|(thread, before)| waited(thread) - *before);
        let longest = waits.max().unwrap();
        self.start.elapsed().saturating_sub(longest)
    }
}

fn waited(thread: &Path) -> Duration {
    kept_waiting(thread.to_str().unwrap())
}

/// How long the threads of this process have run.
fn ran_in_all() -> Duration {
    let threads = fs::read_dir("/proc/self/task").unwrap().map(|thread| thread.unwrap().path());
    Duration::from_nanos(threads.map(|thread| ran(thread.to_str().unwrap())).sum())
}

/// Opens the connections, says something to all of them and closes them.
fn come_and_go(transport: Transport, count: usize) {
    let second = Duration::from_secs(1);
    let server = Server::start(transport, count);
    let network = server.handler.network();
    one_comes_and_goes(transport, &server);
    let before = (memory(), descriptors());
    let ran_before = ran_in_all();
    let mut clients = Clients::start(transport, &server.addrs, count);
    clients.await_word("opened");
    let time = (ran_in_all() - ran_before) / count as u32;
    let (occupied, fds) = (memory().saturating_sub(before.0) / count, descriptors());
    let (first, last) = server.accepted().times.unwrap();
    let endpoints = server.accepted().forget();
    let rate = (count - 1) as f64 / (last - first).as_secs_f64();

    let watch = Watch::start(&clients);
    tell(network, &endpoints);
    clients.await_word("heard");
    let broadcast = watch.elapsed();

    let watch = Watch::start(&clients);
    remove(network, &endpoints);
    server.await_empty();
    let close = watch.elapsed();
    clients.await_word("ended");
    println!(
        "measured: {count} connections over {transport}: {occupied} bytes and {time:?} each, \
         {rate:.0} accepted in a second, broadcast in {broadcast:?}, closed in {close:?}"
    );
    assert_eq!((endpoints.len(), fds), (count, before.1 + count + 2), "with the clients' pipes");
    assert!(occupied <= most_memory(transport), "{occupied} bytes");
    assert!(time <= SLACK * MOST_TIME, "{time:?} of the CPU for each");
    assert!(broadcast < SLACK * second && close < SLACK * second, "{broadcast:?}, {close:?}");
}

/// So that what is set aside once for all is not counted for the many.
fn one_comes_and_goes(transport: Transport, server: &Server) {
    let before = descriptors();
    let mut one = Clients::start(transport, &server.addrs, 1);
    one.await_word("opened");
    let endpoints = server.accepted().forget();
    tell(server.handler.network(), &endpoints);
    remove(server.handler.network(), &endpoints);
    one.await_word("ended");
    server.await_empty();
    drop(one);
    // A connection is forgotten before its socket is closed.
    eventually("its socket and the pipes are closed", || descriptors() == before);
}

fn tell(network: &NetworkController, endpoints: &[Endpoint]) {
    for endpoint in endpoints {
        assert_eq!(network.send(*endpoint, NEWS), SendStatus::Sent);
    }
}

fn remove(network: &NetworkController, endpoints: &[Endpoint]) {
    assert!(endpoints.iter().all(|endpoint| network.remove(endpoint.resource_id())));
}

fn count() -> usize {
    let wanted = env::var(COUNT).map_or(CONNECTIONS, |count| count.parse().unwrap());
    wanted.min(max_descriptors() - 100)
}

common::over_transports! {
    [tcp framed_tcp ws]
    fn a_crowd_comes_and_goes(transport) {
        if cfg!(polywire_sanitized) {
            return; // It is about time and memory.
        }
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let name = transport.name().replace('-', "_");
        alone(&format!("a_crowd_comes_and_goes::{name}"), || {
            come_and_go(transport, count());
        });
    }
}
