//! Echoes framed messages on port 3042.

use message_io::network::{NetEvent, Transport};
use message_io::node::{self, NodeEvent};

fn main() -> std::io::Result<()> {
    let (handler, listener) = node::split::<()>();
    handler.network().listen(Transport::FramedTcp, "127.0.0.1:3042")?;
    listener.for_each(move |event| {
        if let NodeEvent::Network(NetEvent::Message(endpoint, message)) = event {
            handler.network().send(endpoint, message);
        }
    });
    Ok(())
}
