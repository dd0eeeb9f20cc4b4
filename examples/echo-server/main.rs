//! The echo server that the README shows, for three transports.

use polywire::network::{NetEvent, Transport};
use polywire::node;

fn main() -> std::io::Result<()> {
    // The handler acts: connect, listen, send, signal, stop. The listener runs the callback.
    let (handler, listener) = node::split::<()>();
    handler.network().listen(Transport::FramedTcp, "0.0.0.0:3042")?;
    handler.network().listen(Transport::Udp, "0.0.0.0:3043")?;
    handler.network().listen(Transport::Ws, "0.0.0.0:3044")?;
    listener.for_each(|event| match event.network() {
        NetEvent::Accepted(_endpoint, _listener) => println!("client connected"), // not over UDP
        NetEvent::Message(endpoint, data) => {
            println!("received: {}", String::from_utf8_lossy(data));
            handler.network().send(endpoint, data);
        }
        NetEvent::Disconnected(_endpoint) => println!("client disconnected"), // not over UDP
        NetEvent::Connected(..) => {} // only who calls `connect` gets this
    });
    Ok(())
}
