//! A server on many cores: a node for each of them, and all on one port. `many-cores [NODES]`
//! serves, counts what each node answers, and has a client of its own connect to it.
//!
//! A node runs on one thread, so nothing of it is shared or locked. Where one is not enough, several
//! listen on the same port by `reuse_port`, and the system hands each new connection to one of them
//! (Linux by a hash of the addresses, so the shares are even only over many connections). A
//! connection stays with its node: what the program keeps for it can stay on that thread.

use std::error::Error;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use polywire::adapters::framed_tcp::FramedTcpListenConfig;
use polywire::adapters::tcp::TcpListenConfig;
use polywire::network::{NetEvent, Transport};
use polywire::node::{self, NodeEvent, NodeHandler, NodeTask};

const CONNECTIONS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let count = match std::env::args().nth(1) {
        Some(text) => text.parse().map_err(|_| "usage: many-cores [NODES]")?,
        None => thread::available_parallelism().map_or(1, NonZero::get),
    };
    let first = Server::start("127.0.0.1:0".parse()?)?;
    let addr = first.addr;
    let mut servers = vec![first];
    for _ in 1..count {
        servers.push(Server::start(addr)?);
    }
    println!("{} nodes listen on {addr}", servers.len());

    have_answered(addr)?;
    for (number, server) in servers.iter().enumerate() {
        println!("node {number} answered {}", server.answered.load(Ordering::Relaxed));
    }
    for mut server in servers {
        server.handler.stop();
        server.task.wait();
    }
    Ok(())
}

/// A node on a thread of its own, which echoes.
struct Server {
    handler: NodeHandler<()>,
    task: NodeTask,
    addr: SocketAddr,
    answered: Arc<AtomicU64>,
}

impl Server {
    fn start(addr: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let (handler, listener) = node::split::<()>();
        let tcp = TcpListenConfig::default().with_reuse_port(true);
        let shared = FramedTcpListenConfig::default().with_tcp(tcp);
        let (_, addr) = handler.network().listen(shared, addr)?;
        let answered = Arc::new(AtomicU64::new(0));
        let (network, count) = (handler.network().clone(), Arc::clone(&answered));
        let task = listener.for_each_async(move |event| {
            if let NodeEvent::Network(NetEvent::Message(client, message)) = event {
                network.send(client, message);
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let task = task.stop_on_drop(); // Also where another can't start.
        Ok(Self { handler, task, addr, answered })
    }
}

/// Connects many times to `addr`, and returns once each connection has got an answer.
fn have_answered(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let (handler, listener) = node::split::<()>();
    for _ in 0..CONNECTIONS {
        let (server, _) = handler.network().connect(Transport::FramedTcp, addr)?;
        handler.network().send(server, b"hello");
    }
    let mut answers = 0;
    let mut failed = false;
    listener.for_each(|event| match event.network() {
        NetEvent::Message(..) => {
            answers += 1;
            if answers == CONNECTIONS {
                handler.stop();
            }
        }
        NetEvent::Connected(_, false) | NetEvent::Disconnected(_) => {
            failed = true;
            handler.stop();
        }
        NetEvent::Connected(_, true) | NetEvent::Accepted(..) => {}
    });
    if failed { Err("a connection failed".into()) } else { Ok(()) }
}
