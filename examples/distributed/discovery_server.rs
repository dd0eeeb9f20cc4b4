//! The server: knows who takes part, as long as they are connected.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;

use polywire::adapters::framed_tcp::FramedTcpListenConfig;
use polywire::network::{Endpoint, NetEvent, NetworkController};
use polywire::node;

use crate::message::{Message, Participant};

const MAX_NAME: usize = 32;
/// Far more than a registration takes: nobody can make the server store more.
const MAX_MESSAGE: usize = 1024;

/// Serves until the user ends the program.
pub(crate) fn run(port: u16) -> Result<(), Box<dyn Error>> {
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    let config = FramedTcpListenConfig::default().with_max_message_size(MAX_MESSAGE);
    let (_, addr) = network
        .listen(config, ("0.0.0.0", port))
        .map_err(|error| format!("can't listen on port {port}: {error}"))?;
    println!("discovery server on {addr}");

    let mut server = DiscoveryServer { network, participants: HashMap::new() };
    listener.for_each(|event| match event.network() {
        NetEvent::Message(endpoint, data) => match Message::from_bytes(data) {
            Some(Message::Register { name, port }) => server.register(endpoint, name, port),
            _ => server.refuse(endpoint, "this is a discovery server: register"),
        },
        NetEvent::Disconnected(endpoint) => server.unregister(endpoint),
        // Who does not register takes no part.
        NetEvent::Accepted(..) | NetEvent::Connected(..) => {}
    });
    Ok(())
}

struct DiscoveryServer<'a> {
    network: &'a NetworkController,
    participants: HashMap<Endpoint, Participant>,
}

impl DiscoveryServer<'_> {
    fn register(&mut self, endpoint: Endpoint, name: String, port: u16) {
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(char::is_alphanumeric) {
            return self.refuse(endpoint, "a name has 1 to 32 letters and digits");
        }
        let is_registered = self.participants.contains_key(&endpoint);
        if is_registered || self.participants.values().any(|other| other.name == name) {
            return self.refuse(endpoint, "that name is taken");
        }
        let addr = SocketAddr::new(endpoint.addr().ip(), port);
        println!("{name} joined, listening on {addr}");

        let others = self.participants.values().cloned().collect();
        Message::Registered(others).send(self.network, endpoint);
        let newcomer = Participant { name, addr };
        self.tell_all(&Message::Joined(newcomer.clone()));
        self.participants.insert(endpoint, newcomer);
    }

    /// What was sent still reaches the peer after `disconnect`, which tells this program nothing more
    /// about the endpoint.
    fn refuse(&mut self, endpoint: Endpoint, why: &str) {
        println!("refused {}: {why}", endpoint.addr());
        Message::Refused(why.into()).send(self.network, endpoint);
        self.network.disconnect(endpoint);
        self.unregister(endpoint);
    }

    fn unregister(&mut self, endpoint: Endpoint) {
        if let Some(participant) = self.participants.remove(&endpoint) {
            println!("{} left", participant.name);
            self.tell_all(&Message::Left(participant.name));
        }
    }

    fn tell_all(&self, message: &Message) {
        for endpoint in self.participants.keys() {
            message.send(self.network, *endpoint);
        }
    }
}
