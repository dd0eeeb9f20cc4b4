//! Connections that are read as fast as bytes come, and closed when their peer has ended.

use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use crate::args::Args;
use crate::usage;

pub(super) fn run(args: &Args) {
    let conns: usize = args.number("conns");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    usage::serve(listener.local_addr().expect("bound").port()); // Ends the process, too.
    let mut poll = Poll::new().expect("a poll");
    let mut streams: Vec<_> = (0..conns)
        .map(|index| {
            let (stream, _) = listener.accept().expect("accepts");
            stream.set_nonblocking(true).expect("sets an option");
            let mut stream = mio::net::TcpStream::from_std(stream);
            let registry = poll.registry();
            registry.register(&mut stream, Token(index), Interest::READABLE).expect("registers");
            Some(stream)
        })
        .collect();
    let mut buffer = vec![0; 256 << 10];
    let mut events = Events::with_capacity(1024);
    while streams.iter().any(Option::is_some) {
        poll.poll(&mut events, None).expect("polls");
        for event in &events {
            let place = &mut streams[event.token().0];
            while let Some(stream) = place {
                match stream.read(&mut buffer) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    _ => *place = None,
                }
            }
        }
    }
    std::thread::sleep(Duration::from_secs(3600)); // Until the input ends.
}
