//! Servers: one that answers with the same, one that tells everybody.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::conn::{Conn, Writer};
use crate::args::Args;
use crate::usage;
use crate::wire::Wire;
use crate::ws_handshake;

pub(super) async fn echo(args: &Args) {
    let wire = Wire::server(args.transport(), args.size());
    let replies = args.replies();
    let listener = listen().await;
    loop {
        let stream = accept(&listener).await;
        tokio::spawn(async move {
            let Some(mut conn) = open(stream, wire).await else { return };
            let answer = |message: &[u8], out: &mut Vec<u8>| {
                (0..replies).for_each(|_| wire.push(message, out));
            };
            while conn.serve(wire, answer).await {}
        });
    }
}

/// All connections are in one list: who reads a message writes it to each of them.
pub(super) async fn chat(args: &Args) {
    let wire = Wire::server(args.transport(), args.size());
    let replies = args.replies();
    let room = Arc::new(Mutex::new(Vec::<Arc<Writer>>::new()));
    let listener = listen().await;
    loop {
        let stream = accept(&listener).await;
        let room = Arc::clone(&room);
        tokio::spawn(async move {
            let Some(mut conn) = open(stream, wire).await else { return };
            let own = Arc::clone(&conn.writer);
            room.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&own));
            let mut told = Vec::new();
            let mut lives = true;
            while lives {
                let tell = |message: &[u8], _: &mut Vec<u8>| {
                    (0..replies).for_each(|_| wire.push(message, &mut told));
                };
                lives = conn.serve(wire, tell).await;
                if !told.is_empty() {
                    let room = room.lock().unwrap_or_else(PoisonError::into_inner);
                    room.iter().for_each(|writer| writer.send(&told));
                    told.clear();
                }
            }
            let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
            room.retain(|writer| !Arc::ptr_eq(writer, &own));
        });
    }
}

/// Listens, and tells the port.
pub(super) async fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    usage::serve(listener.local_addr().expect("bound").port());
    listener
}

pub(super) async fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().await.expect("accepts");
    stream.set_nodelay(true).expect("sets an option");
    stream
}

/// Shakes hands, if there is something to shake; `None` if the peer went meanwhile.
pub(super) async fn open(mut stream: TcpStream, wire: Wire) -> Option<Conn> {
    let mut head = Vec::new();
    while wire.is_ws() {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
        if let Some(answer) = ws_handshake::answer(&head) {
            stream.write_all(&answer).await.ok()?;
            break;
        }
    }
    Some(Conn::new(stream))
}
