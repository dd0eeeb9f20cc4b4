//! The sender in its plainest form: all of it in the callback, the file in one loop of sends.
//!
//! A connection that the program opened holds the callback up once 64 MiB wait to be sent
//! (`Limits::outbox_hard_limit`, `WhenFull::Wait`), so from then on the loop runs as fast as the
//! receiver takes the file. That suits a program that has nothing else to do; one with several peers
//! does as `sender.rs`, which keeps some 1 MiB at most.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use polywire::network::{Endpoint, NetEvent, NetworkController, SendStatus, Transport};
use polywire::node;

use crate::offer::{Answer, CHUNK, Offer};

/// Sends `path` to the receiver at `addr`.
pub(crate) fn run(path: &Path, addr: &str) -> Result<(), Box<dyn Error>> {
    let (offer, mut file) = Offer::of(path)?;
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    network.connect(Transport::FramedTcp, addr)?;

    let mut result = Err("the node ended".into());
    listener.for_each(|event| {
        let step = match event.network() {
            NetEvent::Connected(receiver, true) => {
                send(network, receiver, &postcard::to_stdvec(&offer).expect("an offer"))
            }
            NetEvent::Connected(_, false) => Err(format!("can't reach {addr}").into()),
            NetEvent::Message(receiver, data) => match postcard::from_bytes(data) {
                Ok(Answer::Accepted) => send_content(network, receiver, &mut file, &offer),
                Ok(Answer::Done) => Ok(true),
                answer => Err(format!("the receiver says {answer:?}").into()),
            },
            NetEvent::Disconnected(_) => Err("the receiver is gone".into()),
            NetEvent::Accepted(..) => Ok(false),
        };
        if !matches!(step, Ok(false)) {
            result = step;
            handler.stop();
        }
    });
    result.map(|_| println!("sent {}, {} bytes", offer.name, offer.len))
}

/// Sends the file in pieces, and its checksum.
fn send_content(
    network: &NetworkController,
    receiver: Endpoint,
    file: &mut File,
    offer: &Offer,
) -> Result<bool, Box<dyn Error>> {
    let mut hasher = crc32fast::Hasher::new();
    let mut chunk = vec![0; CHUNK];
    let mut missing = offer.len;
    while missing > 0 {
        let wanted = missing.min(CHUNK as u64) as usize;
        let read = file.read(&mut chunk[..wanted])?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        hasher.update(&chunk[..read]);
        send(network, receiver, &chunk[..read])?;
        missing -= read as u64;
    }
    send(network, receiver, &hasher.finalize().to_le_bytes())
}

/// Tells that the transfer is not over yet.
fn send(
    network: &NetworkController,
    receiver: Endpoint,
    message: &[u8],
) -> Result<bool, Box<dyn Error>> {
    match network.send(receiver, message) {
        SendStatus::Sent => Ok(false),
        status => Err(format!("the receiver took no more: {status:?}").into()),
    }
}
