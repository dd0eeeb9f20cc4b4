//! The terminal client: what is typed goes to the room, and what is said there is printed.

use std::io;
use std::thread;

use polywire::Reconnecting;
use polywire::adapters::framed_tcp::FramedTcpConnectConfig;
use polywire::adapters::tls::TlsConnectConfig;
use polywire::network::{NetEvent, SendStatus};
use polywire::node::{self, NodeEvent};

use crate::event::{Event, Line};

/// Until the input ends. Connects again when the server restarts.
pub(crate) fn run(
    server: &str,
    room: &str,
    name: &str,
    tls: Option<TlsConnectConfig>,
) -> io::Result<()> {
    let (handler, listener) = node::split::<Option<String>>();
    let mut config = FramedTcpConnectConfig::default();
    if let Some(tls) = tls {
        config = config.with_tls(tls);
    }
    let (server, _) = handler.network().connect(Reconnecting::new(config), server)?;
    let typed = handler.signals().clone();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            typed.send(Some(line));
        }
        typed.send(None);
    });
    let network = handler.network();
    let mut has_joined = false; // What is sent first is taken for the room and the name.
    listener.for_each(|event| match event {
        NodeEvent::Network(NetEvent::Connected(server, true)) => {
            network.send(server, format!("{room} {name}").as_bytes());
            has_joined = true;
        }
        NodeEvent::Network(NetEvent::Connected(_, false) | NetEvent::Disconnected(_)) => {
            has_joined = false;
            let reason = network.close_reason(server);
            println!(
                "-- not connected, trying again: {}",
                reason.map_or_else(String::new, |it| it.to_string())
            );
        }
        NodeEvent::Network(NetEvent::Message(_, data)) => match serde_json::from_slice(data) {
            Ok(event) => print(event),
            Err(error) => println!("-- the server speaks another language: {error}"),
        },
        NodeEvent::Network(NetEvent::Accepted(..)) => {}
        NodeEvent::Signal(Some(line)) => {
            if !has_joined || network.send(server, line.as_bytes()) != SendStatus::Sent {
                println!("-- not sent: {line}");
            }
        }
        NodeEvent::Signal(None) => handler.stop(),
    });
    Ok(())
}

fn print(event: Event) {
    let show = |Line { name, text }| println!("{name}: {text}");
    match event {
        Event::Welcome { history } => history.into_iter().for_each(show),
        Event::Said(line) => show(line),
        Event::Joined { name, names } => println!("-- {name} is here, with {}", names.join(", ")),
        Event::Left { name, .. } => println!("-- {name} has left"),
    }
}
