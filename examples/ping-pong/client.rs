//! The client: sends a ping each second and shows what comes back.

use std::error::Error;
use std::time::Duration;

use polywire::network::{NetEvent, Transport};
use polywire::node::{self, NodeEvent};

const PERIOD: Duration = Duration::from_secs(1);
/// Pings without an answer after which the server is given up. Over UDP this is the only way to
/// learn that there is none.
const PATIENCE: u32 = 3;

/// What this program tells itself: time for another ping.
struct Ping;

/// Plays until the user ends the program, or until there is nobody to play with.
pub(crate) fn run(transport: Transport, server: &str) -> Result<(), Box<dyn Error>> {
    let (handler, listener) = node::split();
    let network = handler.network();
    let (endpoint, _) = network.connect(transport, server)?;

    let mut unanswered = 0;
    let mut failure = None;
    let mut give_up = |why: String| {
        failure = Some(why);
        handler.stop(); // `for_each` returns after this event.
    };

    listener.for_each(|event| match event {
        NodeEvent::Signal(Ping) if unanswered == PATIENCE => {
            give_up(format!("{server} did not answer {PATIENCE} pings"));
        }
        NodeEvent::Signal(Ping) => {
            network.send(endpoint, b"ping\n");
            unanswered += 1;
            handler.signals().send_with_timer(Ping, PERIOD);
        }
        NodeEvent::Network(NetEvent::Connected(_, true)) => {
            println!("connected to {server} by {transport}");
            handler.signals().send(Ping);
        }
        NodeEvent::Network(NetEvent::Connected(_, false)) => {
            let reason = network.close_reason(endpoint);
            give_up(format!("can't reach {server}: {}", reason_text(reason)));
        }
        NodeEvent::Network(NetEvent::Message(_, data)) => {
            unanswered = 0;
            // Whole lines, or over TCP perhaps parts of one: shown as they come, they fit together.
            print!("{}", String::from_utf8_lossy(data));
        }
        NodeEvent::Network(NetEvent::Disconnected(_)) => {
            let reason = network.close_reason(endpoint);
            give_up(format!("{server} is gone: {}", reason_text(reason)));
        }
        NodeEvent::Network(NetEvent::Accepted(..)) => {} // Nobody connects to this node.
    });
    failure.map_or(Ok(()), |why| Err(why.into()))
}

fn reason_text(reason: Option<polywire::CloseReason>) -> String {
    reason.map_or_else(|| "the reason is unknown".into(), |reason| reason.to_string())
}
