//! The sender: an ordinary sequence of steps, no callback.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use indicatif::ProgressBar;
use polywire::events::EventReceiver;
use polywire::network::{Endpoint, NetworkController, SendStatus, Transport};
use polywire::node::{self, StoredNetEvent, StoredNodeEvent};

use crate::Peer;
use crate::offer::{Answer, CHUNK, Offer};

/// Sends `path` to the receiver.
pub(crate) fn run(path: &Path, receiver: &Peer) -> Result<(), Box<dyn Error>> {
    let (offer, file) = Offer::of(path)?;
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    let endpoint = match receiver {
        Peer::IsAt(addr) => {
            let connected = network.connect_sync(Transport::FramedTcp, addr.as_str());
            Some(connected.map_err(|error| format!("can't reach {addr}: {error}"))?.0)
        }
        Peer::Comes(port) => {
            let (_, addr) = network
                .listen(Transport::FramedTcp, ("0.0.0.0", *port))
                .map_err(|error| format!("can't listen on port {port}: {error}"))?;
            println!("offering on {addr}");
            None
        }
    };

    // From here on the node runs on a thread of its own and puts what happens into a queue: this
    // thread is free to wait, for the file as well as for the peer.
    let (task, mut events) = listener.enqueue();
    let _task = task.stop_on_drop();
    let endpoint = endpoint.unwrap_or_else(|| first_to_come(&mut events));
    Transfer { network, endpoint, events }.send(&offer, file)
}

fn first_to_come(events: &mut EventReceiver<StoredNodeEvent<()>>) -> Endpoint {
    loop {
        if let StoredNetEvent::Accepted(endpoint, _) = events.receive().network() {
            return endpoint;
        }
    }
}

struct Transfer<'a> {
    network: &'a NetworkController,
    endpoint: Endpoint,
    events: EventReceiver<StoredNodeEvent<()>>,
}

impl Transfer<'_> {
    fn send(&mut self, offer: &Offer, file: File) -> Result<(), Box<dyn Error>> {
        self.send_message(&postcard::to_stdvec(offer)?)?;
        self.wait_for(&Answer::Accepted)?;
        let checksum = self.send_content(offer.len, file)?;
        self.send_message(&checksum.to_le_bytes())?;
        self.wait_for(&Answer::Done)?;
        println!("sent {}, {} bytes, checksum {checksum:08x}", offer.name, offer.len);
        Ok(())
    }

    /// Sends the file in pieces and returns its checksum.
    fn send_content(&mut self, len: u64, file: File) -> Result<u32, Box<dyn Error>> {
        let progress = ProgressBar::new(len);
        let mut hasher = crc32fast::Hasher::new();
        let mut file = file.take(len); // Should it grow meanwhile, this is what was offered.
        let mut chunk = vec![0; CHUNK];
        while progress.position() < len {
            let read = file.read(&mut chunk)?;
            if read == 0 {
                return Err("the file became shorter while it was sent".into());
            }
            hasher.update(&chunk[..read]);
            self.send_message(&chunk[..read])?;
            progress.inc(read as u64);
        }
        progress.finish_and_clear();
        Ok(hasher.finalize())
    }

    /// Outside the callback `send` waits while too much is under way already: the file is read as
    /// fast as the receiver takes it.
    fn send_message(&mut self, message: &[u8]) -> Result<(), Box<dyn Error>> {
        match self.network.send(self.endpoint, message) {
            SendStatus::Sent => Ok(()),
            // The receiver ended it. It has told why, unless it is gone altogether.
            _ => self.wait_for(&Answer::Done),
        }
    }

    fn wait_for(&mut self, wanted: &Answer) -> Result<(), Box<dyn Error>> {
        loop {
            match self.events.receive().network() {
                StoredNetEvent::Message(_, data) => {
                    return match postcard::from_bytes(&data)? {
                        Answer::Refused(why) => Err(format!("the receiver refuses: {why}").into()),
                        answer if answer == *wanted => Ok(()),
                        answer => Err(format!("the receiver says {answer:?} too early").into()),
                    };
                }
                StoredNetEvent::Disconnected(endpoint) => {
                    let reason = self.network.close_reason(endpoint);
                    let reason = reason.map(|reason| reason.to_string()).unwrap_or_default();
                    return Err(format!("the receiver is gone: {reason}").into());
                }
                StoredNetEvent::Connected(..) | StoredNetEvent::Accepted(..) => {}
            }
        }
    }
}
