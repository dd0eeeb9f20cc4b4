//! Two nodes of one process play over each transport, and the time is taken.

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use polywire::network::{NetEvent, Transport};
use polywire::node::{self, NodeEvent};

const MESSAGES: usize = 1000;
const PING: &[u8] = b"ping";
/// Time for all messages of one transport: far more than they take.
const DEADLINE: Duration = Duration::from_secs(2);

/// What ends the game before its time.
struct TooLate;

/// Prints a line for each transport.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    for &transport in Transport::ALL {
        let median = play(transport).map_err(|error| format!("{transport}: {error}"))?;
        let micros = median.as_secs_f64() * 1e6;
        println!("{transport:<12}{MESSAGES} messages   median round trip {micros:.1} µs");
    }
    Ok(())
}

/// Sends each ping once the one before has come back; returns the median time this took.
fn play(transport: Transport) -> Result<Duration, Box<dyn Error>> {
    // The server: a node on a thread of its own that sends everything back.
    let (server, server_listener) = node::split::<()>();
    let (_, addr) = server.network().listen(transport, "127.0.0.1:0")?;
    let server_task = server_listener.for_each_async(move |event| {
        if let NetEvent::Message(client, data) = event.network() {
            server.network().send(client, data);
        }
    });
    let _server_task = server_task.stop_on_drop(); // It ends with this function, however that ends.

    let mut round_trips = time_round_trips(transport, addr)?;
    round_trips.sort();
    Ok(round_trips[round_trips.len() / 2])
}

/// The client: a node on this thread.
fn time_round_trips(
    transport: Transport,
    server: SocketAddr,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let (handler, listener) = node::split();
    let network = handler.network();
    let (server, _) = network.connect(transport, server)?;
    handler.signals().send_with_timer(TooLate, DEADLINE);

    let mut round_trips = Vec::with_capacity(MESSAGES);
    let mut sent_at = Instant::now();
    let mut received = 0;

    listener.for_each(|event| match event {
        NodeEvent::Network(NetEvent::Connected(_, true)) => {
            sent_at = Instant::now();
            network.send(server, PING);
        }
        NodeEvent::Network(NetEvent::Message(_, data)) => {
            // A TCP stream may bring an echo in several parts.
            received += data.len();
            if received < PING.len() {
                return;
            }
            received = 0;
            round_trips.push(sent_at.elapsed());
            if round_trips.len() == MESSAGES {
                return handler.stop();
            }
            sent_at = Instant::now();
            network.send(server, PING);
        }
        _ => handler.stop(), // Too late, or the connection failed.
    });

    if round_trips.len() == MESSAGES {
        return Ok(round_trips);
    }
    let reason = network.close_reason(server);
    let reason = reason.map_or_else(|| format!("{DEADLINE:?} passed"), |reason| reason.to_string());
    Err(format!("{} of {MESSAGES} pings came back: {reason}", round_trips.len()).into())
}
