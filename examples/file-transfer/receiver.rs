//! The receiver: takes files from any number of senders at the same time.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use indicatif::MultiProgress;
use polywire::adapters::framed_tcp::{FramedTcpConnectConfig, FramedTcpListenConfig};
use polywire::network::{Endpoint, NetEvent, NetworkController};
use polywire::node;

use crate::Peer;
use crate::incoming::Incoming;
use crate::offer::{Answer, CHUNK};

/// Receives until the user ends the program, or one file of a sender that is connected to.
pub(crate) fn run(from: &Peer, folder: &Path, overwrite: bool) -> Result<(), Box<dyn Error>> {
    if !folder.is_dir() {
        return Err(format!("{} is not a folder", folder.display()).into());
    }
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    // A sender of longer messages than agreed upon is disconnected before they are stored.
    match from {
        Peer::Comes(port) => {
            let config = FramedTcpListenConfig::default().with_max_message_size(CHUNK);
            let (_, addr) = network
                .listen(config, ("0.0.0.0", *port))
                .map_err(|error| format!("can't listen on port {port}: {error}"))?;
            println!("receiving on {addr}");
        }
        Peer::IsAt(addr) => {
            let config = FramedTcpConnectConfig::default().with_max_message_size(CHUNK);
            network.connect(config, addr.as_str())?;
        }
    }

    let bars = MultiProgress::new();
    let mut receiver = Receiver { network, folder, overwrite, bars, incoming: HashMap::new() };
    let mut result = Ok(());
    listener.for_each(|event| {
        let outcome = match event.network() {
            NetEvent::Message(sender, data) => match receiver.hear(sender, data) {
                Ok(()) => return,
                Err(why) => receiver.refuse(sender, why.as_ref()),
            },
            NetEvent::Disconnected(sender) => receiver.forget(sender),
            NetEvent::Connected(sender, false) => Err(format!("can't reach {}", sender.addr())),
            NetEvent::Accepted(..) | NetEvent::Connected(..) => return, // The sender speaks first.
        };
        if matches!(from, Peer::IsAt(_)) {
            result = outcome.map_err(Into::into);
            handler.stop();
        }
    });
    result
}

struct Receiver<'a> {
    network: &'a NetworkController,
    folder: &'a Path,
    overwrite: bool,
    bars: MultiProgress,
    incoming: HashMap<Endpoint, Incoming>,
}

impl Receiver<'_> {
    /// What a message is depends on those before it: an offer, a piece of the file, the checksum.
    fn hear(&mut self, sender: Endpoint, data: &[u8]) -> Result<(), Box<dyn Error>> {
        match self.incoming.remove(&sender) {
            None => {
                let offer = postcard::from_bytes(data)?;
                let incoming = Incoming::accept(&offer, self.folder, self.overwrite, &self.bars)?;
                self.incoming.insert(sender, incoming);
                self.answer(sender, &Answer::Accepted)
            }
            Some(incoming) if incoming.is_whole() => {
                let path = incoming.finish(data)?;
                println!("received {} from {}", path.display(), sender.addr());
                self.answer(sender, &Answer::Done)
            }
            Some(mut incoming) => {
                incoming.write(data)?;
                self.incoming.insert(sender, incoming);
                Ok(())
            }
        }
    }

    fn forget(&mut self, sender: Endpoint) -> Result<(), String> {
        if self.incoming.remove(&sender).is_none() {
            return Ok(());
        }
        let why = format!("{} left before its file was whole", sender.addr());
        println!("{why}");
        Err(why)
    }

    fn refuse(&mut self, sender: Endpoint, why: &dyn Error) -> Result<(), String> {
        println!("refused a file from {}: {why}", sender.addr());
        // If this can't be sent, the sender is gone and needs no answer.
        let _ = self.answer(sender, &Answer::Refused(why.to_string()));
        // What was sent still reaches the sender.
        self.network.disconnect(sender);
        Err(why.to_string())
    }

    fn answer(&self, sender: Endpoint, answer: &Answer) -> Result<(), Box<dyn Error>> {
        self.network.send(sender, &postcard::to_stdvec(answer)?);
        Ok(())
    }
}
