//! quinn-udp: many datagrams of one size in a call, by the system's segmentation offload.

use std::io::{ErrorKind, IoSliceMut};
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};

use crate::args::{Args, LARGE_BUFFER};
use crate::numbered::{Checker, Source};
use crate::usage;

pub(crate) fn run(args: &Args) {
    match (args.scenario.as_str(), args.role.as_str()) {
        ("stream", "receiver") => receive(args),
        ("stream", "sender") => send(args),
        _ => panic!("no such scenario"),
    }
}

struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
    poll: Poll,
    events: Events,
}

impl Socket {
    fn bind() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut socket = UdpSocket::bind(any).expect("a free port");
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).expect("sets options");
        let poll = Poll::new().expect("a poll");
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut socket, Token(0), both).expect("registers");
        Self { socket, state, poll, events: Events::with_capacity(16) }
    }

    fn wait(&mut self) {
        self.poll.poll(&mut self.events, None).expect("polls");
    }
}

fn receive(args: &Args) {
    let mut socket = Socket::bind();
    let reference = UdpSockRef::from(&socket.socket);
    if args.has_large_buffer() {
        socket.state.set_recv_buffer_size(reference, LARGE_BUFFER).expect("sets an option");
    }
    usage::serve(socket.socket.local_addr().expect("bound").port());
    let mut checker = Checker::lossy(args.size());
    let mut buffers = vec![vec![0; 65536]; BATCH_SIZE];
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    let mut is_over = false;
    while !is_over {
        let mut slices: Vec<_> = buffers.iter_mut().map(|bytes| IoSliceMut::new(bytes)).collect();
        let reference = UdpSockRef::from(&socket.socket);
        match socket.state.recv(reference, &mut slices, &mut metas) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => socket.wait(),
            result => {
                let count = result.expect("receives");
                for (bytes, meta) in buffers.iter().zip(&metas).take(count) {
                    for message in bytes[..meta.len].chunks(meta.stride) {
                        is_over |= checker.message(message);
                    }
                }
            }
        }
    }
    checker.print();
}

fn send(args: &Args) {
    let mut socket = Socket::bind();
    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    let size = args.size();
    let most = socket.state.max_gso_segments() * size;
    let mut batch = Vec::with_capacity(most);
    while let Some(message) = source.next() {
        batch.extend_from_slice(message);
        if batch.len() + size > most {
            transmit(&mut socket, args.peer(), &batch, size);
            batch.clear();
        }
    }
    transmit(&mut socket, args.peer(), &batch, size);
    source.repeat_end(|message| transmit(&mut socket, args.peer(), message, size));
    source.print(cpu, 0);
}

fn transmit(socket: &mut Socket, destination: SocketAddr, contents: &[u8], size: usize) {
    let segment_size = Some(size);
    let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
    if contents.is_empty() {
        return;
    }
    while let Err(error) = socket.state.try_send(UdpSockRef::from(&socket.socket), &transmit) {
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
        socket.wait();
    }
}
