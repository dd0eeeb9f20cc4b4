//! What public leagues of WebSocket servers measure.

use crate::bench::scenario::{Case, Scale, Scenario, Shape, higher, loaded, lower};

pub(super) fn league(scale: Scale) -> Scenario {
    let crowds = [scale.crowd * 64 / 125, scale.crowd * 512 / 125];
    let cases = crowds.into_iter().flat_map(|conns| {
        // A thread per connection, so not with a crowd.
        let more: &[_] = if conns < scale.crowd { &["tungstenite"] } else { &[] };
        let servers = [&["mio", "polywire", "tokio", "tokio-tuned", "yawc"], more].concat();
        [1, 16].map(|depth| {
            let args = format!("depth={depth} ms={}", scale.ms);
            let case = loaded("echo", "echo", "ws-text", &servers, (conns, 5), &args);
            Case { name: format!("C={conns} D={depth}"), ..case }
        })
    });
    Scenario {
        name: "league",
        about: "texts of 5 bytes echoed by a WebSocket server, in the shape of public leagues: C connections \
                with D texts under way on each, the server on one CPU. tokio is tokio-tungstenite, tungstenite \
                has a thread for each connection, of which 4096 would be too many, and writes each answer; yawc does \
                not check that text is UTF-8 unless asked, and `mio` and tokio-tuned never do",
        cases: cases.collect(),
        metrics: vec![
            higher("answers_per_s", "messages/s"),
            lower("server_us", "server's CPU in µs a message"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}
