//! The server: answers each ping with a pong and the number of pings so far.

use std::collections::HashMap;
use std::error::Error;

use polywire::network::{Endpoint, NetEvent, Transport};
use polywire::node;

/// Serves until the user ends the program.
pub(crate) fn run(transport: Transport, port: u16) -> Result<(), Box<dyn Error>> {
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    let (_, addr) = network
        .listen(transport, ("0.0.0.0", port))
        .map_err(|error| format!("can't listen on port {port}: {error}"))?;
    println!("listening on {addr} by {transport}");

    let mut pings_of_client: HashMap<Endpoint, u64> = HashMap::new();
    let mut pings_without_client = 0;

    listener.for_each(|event| match event.network() {
        NetEvent::Accepted(client, _) => {
            pings_of_client.insert(client, 0);
            println!("{} connected, clients: {}", client.addr(), pings_of_client.len());
        }
        NetEvent::Message(client, data) => {
            // UDP has no clients, only senders of datagrams whose addresses may be forged: to
            // remember each of them would let a stranger fill the memory. So they count together.
            let pings = pings_of_client.get_mut(&client).unwrap_or(&mut pings_without_client);
            // A ping is a line. Over TCP, a stream without messages, one `Message` may bring
            // several of them, or one in two parts: its end is what counts.
            for _ in data.iter().filter(|byte| **byte == b'\n') {
                *pings += 1;
                network.send(client, format!("pong {pings}\n").as_bytes());
            }
        }
        NetEvent::Disconnected(client) => {
            pings_of_client.remove(&client);
            println!("{} disconnected, clients: {}", client.addr(), pings_of_client.len());
        }
        NetEvent::Connected(..) => {} // This node connects to nobody.
    });
    Ok(())
}
