//! One message to many endpoints, half of which read nothing: it is framed once and held once. Alone in its
//! process, whose memory it looks at.
#![cfg(target_os = "linux")] // Where the memory of a process can be asked for.

mod support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use polywire::adapter::{Connect, Connection, Listen, Listener};
use polywire::adapters::framed_tcp::Framed;
use polywire::adapters::tcp::{TcpConnectConfig, TcpListenConfig, connect_stream, listen_stream};
use polywire::adapters::ws::{WsConnectConfig, WsListenConfig, WsProtocol, WsUrl};
use polywire::network::{CloseReason, Message, MessageKind, NetEvent, RemoteAddr, Transport};
use polywire::stream::{Context, Decoded, Encoder, Frame, Protocol};

use support::{Node, StoredNetEvent};

const ENDPOINTS: usize = 1000;
const MESSAGE: usize = 64 << 10;

static ENCODED: AtomicUsize = AtomicUsize::new(0);

/// A protocol whose frames are counted.
struct Counted<P>(P);

struct CountedEncoder<E>(E);

impl<P: Protocol> Protocol for Counted<P> {
    type Encoder = CountedEncoder<P::Encoder>;

    fn encoder(&self) -> Self::Encoder {
        CountedEncoder(self.0.encoder())
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        self.0.open(cx)
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        self.0.decode(input, cx)
    }
}

impl<E: Encoder> Encoder for CountedEncoder<E> {
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        ENCODED.fetch_add(1, Ordering::Relaxed);
        self.0.encode(message, frame);
    }

    fn changes_messages(&self) -> bool {
        self.0.changes_messages()
    }

    fn framing(&self) -> Option<u64> {
        self.0.framing()
    }
}

/// The transport with counted frames, and so little room in the system that a message waits.
#[derive(Clone, Copy)]
struct Narrow(Transport);

impl Listen for Narrow {
    fn listen(&self, addr: &RemoteAddr) -> std::io::Result<Listener> {
        let config = TcpListenConfig::default().with_send_buffer_size(4096).with_backlog(4096);
        match self.0 {
            Transport::Ws => listen_stream(&config, addr, |_| {
                Counted(WsProtocol::server(&WsListenConfig::default()).unwrap())
            }),
            _ => listen_stream(&config, addr, |_| Counted(Framed::default())),
        }
    }
}

impl Connect for Narrow {
    fn connect(&self, addr: &RemoteAddr) -> std::io::Result<Connection> {
        let config = TcpConnectConfig::default().with_receive_buffer_size(4096);
        match self.0 {
            Transport::Ws => {
                let url = WsUrl::parse(addr)?;
                let protocol = WsProtocol::client(&url, &WsConnectConfig::default())?;
                connect_stream(&config, addr, protocol)
            }
            _ => connect_stream(&config, addr, Framed::default()),
        }
    }
}

/// Bytes of memory that this process has.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn send_over(transport: Transport) {
    let server = Node::new();
    let client = Node::with(|handler, event| {
        if let NetEvent::Connected(endpoint, true) = event {
            handler.network().pause(endpoint.resource_id());
        }
    });
    let (_, addr) = server.listen(Narrow(transport));
    let (mut connected, mut accepted) = (Vec::new(), Vec::new());
    for _ in 0..ENDPOINTS {
        connected.push(client.connect_ready(Narrow(transport), addr));
        accepted.push(server.accepted());
    }

    let message: Vec<u8> = (0..MESSAGE).map(|at| at as u8).collect();
    ENCODED.store(0, Ordering::Relaxed);
    let before = resident();
    let sent = server.network().send_to_each(accepted, MessageKind::BINARY, &message);
    // While nobody reads, so that what the readers of this process keep does not count.
    let (queued, grown) = (server.network().stats().queued_bytes, resident() - before);
    assert_eq!((sent.taken, sent.refused.len()), (ENDPOINTS, 0));
    assert_eq!(ENCODED.load(Ordering::Relaxed), 1);
    println!("measured: {transport}: {queued} bytes wait in {grown} bytes of memory");
    assert!(queued > ENDPOINTS * MESSAGE / 4, "much waits: {queued}");
    assert!(grown < queued / 10, "{grown} bytes for {queued} that wait");

    // Half of them read now, and the others never.
    let mut readers: HashSet<_> = connected.into_iter().step_by(2).collect();
    readers.iter().for_each(|it| assert!(client.network().resume(it.resource_id())));
    while !readers.is_empty() {
        let StoredNetEvent::Message(endpoint, got) = client.next() else { panic!("no message") };
        assert!(got == message && readers.remove(&endpoint));
    }
}

#[test]
fn a_message_to_many_is_framed_once_and_held_once() {
    for transport in [Transport::FramedTcp, Transport::Ws] {
        send_over(transport);
    }
}
