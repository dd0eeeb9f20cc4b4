//! A participant: greets those that were there before it, and answers those that come after.

use std::collections::HashSet;
use std::error::Error;

use polywire::network::{Endpoint, NetEvent, NetworkController, Transport};
use polywire::node;

use crate::message::{Message, Participant};

/// Takes part until the user ends the program, or the server is gone.
pub(crate) fn run(name: &str, server: &str) -> Result<(), Box<dyn Error>> {
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    let (_, addr) = network.listen(Transport::FramedTcp, "0.0.0.0:0")?;
    let (server, _) = network
        .connect_sync(Transport::FramedTcp, server)
        .map_err(|error| format!("can't reach the discovery server {server}: {error}"))?;
    Message::Register { name: name.into(), port: addr.port() }.send(network, server);

    let mut participant = Greeter { name, network, greeted: HashSet::new() };
    let mut failure = None;
    listener.for_each(|event| match event.network() {
        NetEvent::Message(endpoint, data) => match Message::from_bytes(data) {
            Some(Message::Refused(why)) if endpoint == server => {
                failure = Some(format!("the discovery server refuses: {why}"));
                handler.stop();
            }
            Some(message) if endpoint == server => participant.hear_server(message),
            Some(Message::Greeting(peer)) => participant.hear_peer(endpoint, &peer),
            // Anybody may connect and send anything.
            _ => participant.drop_peer(endpoint),
        },
        NetEvent::Disconnected(endpoint) if endpoint == server => {
            failure = Some("the discovery server is gone".into());
            handler.stop();
        }
        NetEvent::Disconnected(peer) | NetEvent::Connected(peer, false) => {
            participant.drop_peer(peer);
        }
        // A greeting sent right after `connect` waits until the connection is ready, and who is
        // connected to speaks second: nothing is to be done here.
        NetEvent::Connected(_, true) | NetEvent::Accepted(..) => {}
    });
    failure.map_or(Ok(()), |why| Err(why.into()))
}

struct Greeter<'a> {
    name: &'a str,
    network: &'a NetworkController,
    greeted: HashSet<Endpoint>,
}

impl Greeter<'_> {
    fn hear_server(&mut self, message: Message) {
        match message {
            Message::Registered(others) => {
                println!("registered as {}, others: {}", self.name, others.len());
                for other in others {
                    self.connect_to(&other);
                }
            }
            Message::Joined(other) => println!("{} joined", other.name),
            Message::Left(name) => println!("{name} left"),
            // Not for a participant, or dealt with before.
            Message::Register { .. } | Message::Refused(_) | Message::Greeting(_) => {}
        }
    }

    fn connect_to(&mut self, other: &Participant) {
        match self.network.connect(Transport::FramedTcp, other.addr) {
            Ok((peer, _)) => self.greet(peer),
            Err(error) => println!("can't reach {}: {error}", other.name),
        }
    }

    /// Shows a greeting, and returns it to who was not greeted yet.
    fn hear_peer(&mut self, peer: Endpoint, name: &str) {
        println!("{name:?} greets {}", self.name);
        if !self.greeted.contains(&peer) {
            self.greet(peer);
        }
    }

    fn greet(&mut self, peer: Endpoint) {
        Message::Greeting(self.name.into()).send(self.network, peer);
        self.greeted.insert(peer);
    }

    fn drop_peer(&mut self, peer: Endpoint) {
        self.network.disconnect(peer);
        self.greeted.remove(&peer);
    }
}
