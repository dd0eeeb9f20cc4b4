//! What TLS costs. All use rustls with aws-lc-rs, TLS 1.3 and the same cipher and certificate.

use crate::bench::scenario::{
    Case, Placement, Role, Scale, Scenario, Shape, case, higher, loaded, lower,
};

const OURS: [&str; 2] = ["polywire-tls", "polywire"];
const ALL: [&str; 3] = ["polywire-tls", "polywire", "tokio-rustls"];
const ECHO: [&str; 4] = ["polywire-tls", "polywire", "tokio-rustls", "tokio-rustls-send"];

pub(super) fn echo(scale: Scale) -> Scenario {
    let conns = scale.crowd / 10;
    let args = format!("depth=16 ms={}", scale.ms);
    let mut cases = Vec::new();
    for transport in ["framed", "ws"] {
        let row = |contestants: &[&'static str], args: &str, name: &str| {
            let case = loaded("echo", "echo", transport, contestants, (conns, 64), args);
            Case { name: format!("{transport} C={conns} D=16{name}"), ..case }
        };
        let ours = row(&OURS, &args, ", polywire's clients");
        cases.push(Case { client: Role { by: Some("polywire-load"), ..ours.client }, ..ours });
        cases.push(row(&ECHO, &args, ", clients that gather"));
        cases.push(row(&ECHO, &format!("{args} seals_each="), ", clients that seal each"));
    }
    Scenario {
        name: "tls-echo",
        about: "as `echo`, over TLS but for the column polywire. Clients that gather put what they send at \
                once in one record, as polywire does on both sides; those that seal each put each message in \
                a record of its own, and write all of them at once. tokio-rustls, under the codec of \
                tokio-util and under tokio-tungstenite, answers by `feed`, and by `flush` once nothing more has \
                come; in the column tokio-rustls-send by `send`, as most programs do, which flushes each answer: a \
                record and a write each",
        cases,
        metrics: vec![
            lower("server_us", "server's CPU in µs a message"),
            higher("answers_per_s", "messages/s"),
            lower("client_us", "clients' CPU in µs a message"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn bulk(scale: Scale) -> Scenario {
    let size = 64 << 10;
    let args = format!("size={size} ms={} buffer=default", scale.ms);
    let contestants = ["native-rustls", "polywire-tls", "tokio-rustls"];
    let case = case("stream", "framed", &contestants, ["receiver", "sender"], args);
    Scenario {
        name: "tls-bulk",
        about: "messages of 64 KiB one way over TLS. native-rustls is a blocking socket by hand, which \
                reads 64 KiB at once; tokio-rustls reads 4 KiB",
        cases: vec![Case { size, ..case }],
        metrics: vec![
            higher("mib_per_s", "MiB/s"),
            lower("sender_us", "sender's CPU in µs a message"),
            lower("receiver_us", "receiver's CPU in µs a message"),
        ],
        shape: Shape::Stream,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn handshakes(scale: Scale) -> Scenario {
    let row = |args: &str, name: &str| {
        let args = format!("ms={} count={} {args}", scale.ms, scale.visits);
        let case =
            loaded("echo", "visits", "framed", &["polywire-tls", "tokio-rustls"], (1, 64), &args);
        Case { name: name.into(), ..case }
    };
    Scenario {
        name: "tls-handshakes",
        about: "as `visits`, over TLS: a client connects, shakes hands, sends one message, has its answer, \
                and says goodbye, one time after another. Resumed by stateless tickets, of which each \
                handshake brings two, the full one too",
        cases: vec![row("", "full"), row("resumes=", "resumed")],
        metrics: vec![
            higher("visits_per_s", "handshakes/s, one at a time"),
            lower("visit_us", "server's CPU in µs a handshake"),
        ],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}

pub(super) fn idle(scale: Scale) -> Scenario {
    let conns = scale.idle / 5;
    let row = |transport| {
        let case = loaded("echo", "echo", transport, &ALL, (conns, 64), "depth=0 ms=0");
        Case {
            name: format!("{transport}, {conns} connections"),
            placement: Placement::Free,
            ..case
        }
    };
    Scenario {
        name: "tls-idle",
        about: "as `idle`, over TLS but for the column polywire",
        cases: vec![row("framed"), row("ws")],
        metrics: vec![lower("bytes_each", "bytes of RSS each")],
        shape: Shape::Echo,
        counts_calls: false,
        runs: 1,
    }
}
