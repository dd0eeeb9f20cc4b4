//! Framed messages over TLS on a blocking socket: rustls by hand, without limits and errors.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::{ClientConnection, Connection, ServerConnection};

use crate::args::Args;
use crate::numbered::{Checker, Source};
use crate::wire::Wire;
use crate::{tls, usage};

/// Bytes of records read at once: four whole ones.
const READ: usize = 64 << 10;
/// The most plaintext of one record.
const RECORD: usize = 16 << 10;

pub(super) fn receive(args: &Args) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    usage::serve(listener.local_addr().expect("bound").port());
    let mut records = vec![0; READ];
    let mut plain = vec![0; RECORD + 2 * args.size()];
    let (mut stream, _) = listener.accept().expect("accepts");
    let mut tls = Connection::from(ServerConnection::new(tls::server()).expect("a server"));
    tls.complete_io(&mut stream).expect("shakes hands");
    let wire = Wire::server(args.transport(), args.size());
    let mut checker = Checker::new(args.size());
    let (mut filled, mut is_over) = (0, false);
    while !is_over {
        let len = stream.read(&mut records).expect("reads");
        assert_ne!(len, 0, "the sender waits for the end");
        let mut rest = &records[..len];
        while !rest.is_empty() {
            tls.read_tls(&mut rest).expect("there is room");
            let state = tls.process_new_packets().expect("good records");
            let opened = state.plaintext_bytes_to_read();
            tls.reader().read_exact(&mut plain[filled..filled + opened]).expect("so many bytes");
            filled += opened;
            // Behind each record, so that little is left to be moved.
            while let Some(frame) = wire.find(&plain[..filled]) {
                is_over |= checker.message(frame.message(&mut plain[..filled]));
                plain.copy_within(frame.end..filled, 0);
                filled -= frame.end;
            }
        }
    }
    checker.print();
}

/// One write per message.
pub(super) fn send(args: &Args) {
    let mut stream = TcpStream::connect(args.peer()).expect("the receiver listens");
    stream.set_nodelay(true).expect("sets an option");
    let new = ClientConnection::new(Arc::clone(&tls::client(false)), tls::name());
    let mut tls = new.expect("a client");
    tls.set_buffer_limit(None);
    tls.complete_io(&mut stream).expect("shakes hands");
    tls::is_resumed(&tls);
    let wire = Wire::client(args.transport(), args.size());
    let mut source = Source::new(args);
    let cpu = usage::cpu_time();
    let mut out = Vec::new();
    while let Some(message) = source.next() {
        out.clear();
        wire.push(message, &mut out);
        tls.writer().write_all(&out).expect("memory");
        while tls.wants_write() {
            tls.write_tls(&mut stream).expect("writes");
        }
    }
    let _ = stream.read(&mut out); // Until the receiver closes.
    source.print(cpu, 0);
}
