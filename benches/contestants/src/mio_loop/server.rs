//! A server of connections: one shared read buffer, one write per connection and read.

use std::io::{self, ErrorKind};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::conn::Conn;
use crate::args::Args;
use crate::inbox::Buffers;
use crate::numbered::Checker;
use crate::usage;
use crate::wire::Wire;
use crate::work::{Ticks, Work};

/// What becomes of a message.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Service {
    Echo,
    /// Goes to every connection.
    Chat,
    /// Is one of a numbered stream.
    Check,
}

const LISTENER: Token = Token(usize::MAX);

struct Server {
    poll: Poll,
    listener: TcpListener,
    conns: Vec<Option<Conn>>,
    free: Vec<usize>,
    wire: Wire,
    replies: u64,
    work: Option<Work>,
    service: Service,
    buffers: Buffers,
    checker: Checker,
    is_over: bool,
}

pub(super) fn run(args: &Args, service: Service) {
    let poll = Poll::new().expect("a poll");
    let any = "127.0.0.1:0".parse().expect("an address");
    let mut listener = TcpListener::bind(any).expect("a free port");
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("registers");
    usage::serve(listener.local_addr().expect("bound").port());
    let mut server = Server {
        poll,
        listener,
        conns: Vec::new(),
        free: Vec::new(),
        wire: Wire::server(args.transport(), args.size()),
        replies: args.replies(),
        work: Work::new(args),
        service,
        buffers: Buffers::new(),
        checker: Checker::new(args.size()),
        is_over: false,
    };
    let mut events = Events::with_capacity(1024);
    let mut ticks = server.work.map(|_| Ticks::new());
    while !server.is_over {
        match server.poll.poll(&mut events, ticks.as_ref().map(Ticks::left)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result.expect("polls"),
        }
        ticks.iter_mut().for_each(Ticks::look);
        for event in &events {
            if event.token() == LISTENER {
                server.accept().expect("accepts");
                continue;
            }
            let index = event.token().0;
            let lives = server.serve(index, event.is_readable(), event.is_read_closed());
            if !lives.unwrap_or(false) && server.conns[index].take().is_some() {
                server.free.push(index);
            }
        }
    }
    server.checker.print();
}

impl Server {
    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.insert(stream)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn insert(&mut self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let index = self.free.pop().unwrap_or_else(|| {
            self.conns.push(None);
            self.conns.len() - 1
        });
        let token = Token(index);
        self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
        self.conns[index] = Some(Conn::new(stream, token, !self.wire.is_ws()));
        Ok(())
    }

    /// Reads and answers; returns whether the connection lives on.
    fn serve(&mut self, index: usize, is_readable: bool, is_closed: bool) -> io::Result<bool> {
        let Self { conns, wire, service, buffers, checker, is_over, poll, replies, work, .. } =
            self;
        let Some(conn) = &mut conns[index] else { return Ok(false) };
        let mut told = Vec::new();
        let mut lives = true;
        conn.flush(poll.registry())?;
        if is_readable {
            let registry = poll.registry();
            lives =
                conn.serve(*wire, buffers, registry, is_closed, |message, out| match service {
                    Service::Echo => {
                        work.iter().for_each(|work| work.work_for(message));
                        (0..*replies).for_each(|_| wire.push(message, out));
                    }
                    Service::Chat => (0..*replies).for_each(|_| wire.push(message, &mut told)),
                    Service::Check => {
                        let is_stream = matches!(wire, Wire::Sized(_));
                        *is_over |= if is_stream {
                            checker.bytes(message)
                        } else {
                            checker.message(message)
                        };
                    }
                })?;
        }
        if !told.is_empty() {
            for conn in conns.iter_mut().flatten() {
                let _ = conn.send(&told, poll.registry()); // Its own event tells of its end.
            }
        }
        Ok(lives)
    }
}
