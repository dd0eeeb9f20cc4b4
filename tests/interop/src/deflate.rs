//! Compressed messages (permessage-deflate), negotiated in each way, with each parameter.

use std::ffi::OsStr;
use std::process::Command;

use polywire::adapters::ws::{Deflate, WsConnectConfig, WsListenConfig, WsResponse};
use polywire::network::Transport;

use crate::ours::{Client, EchoServer};
use crate::peer::Peer;
use crate::report::Report;
use crate::websocket::Language;
use crate::{Result, expect, sample};

/// What ours is set to, what the peer's client asks for, and what our server answers.
type ServerRow = (&'static str, fn() -> Deflate, &'static str, &'static str);

const SERVER: &[ServerRow] = &[
    (
        "deflate, our default",
        Deflate::default,
        "{}",
        "server_no_context_takeover; client_no_context_takeover; client_max_window_bits=15",
    ),
    ("deflate, all contexts", all, "{}", "client_max_window_bits=15"),
    (
        "deflate, server without context",
        all,
        r#"{"serverNoContextTakeover": true}"#,
        "server_no_context_takeover; client_max_window_bits=15",
    ),
    (
        "deflate, client without context",
        all,
        r#"{"clientNoContextTakeover": true}"#,
        "client_no_context_takeover; client_max_window_bits=15",
    ),
    (
        "deflate, server's window of 9 bits",
        all,
        r#"{"serverMaxWindowBits": 9}"#,
        "server_max_window_bits=9; client_max_window_bits=15",
    ),
    (
        "deflate, client's window of 10 bits",
        all,
        r#"{"clientMaxWindowBits": 10}"#,
        "client_max_window_bits=10",
    ),
    ("deflate, our windows of 11 bits", eleven, "{}", "client_max_window_bits=11"),
];

/// What ours is set to, what the peer's server wants, and what must be in its answer.
type ClientRow = (&'static str, fn() -> Deflate, &'static str, &'static [&'static str]);

const CLIENT: &[ClientRow] = &[
    (
        "deflate, our default",
        Deflate::default,
        "{}",
        &["server_no_context_takeover", "client_no_context_takeover"],
    ),
    ("deflate, all contexts", all, "{}", &[]),
    (
        "deflate, server without context",
        all,
        r#"{"serverNoContextTakeover": true}"#,
        &["server_no_context_takeover"],
    ),
    (
        "deflate, client without context",
        all,
        r#"{"clientNoContextTakeover": true}"#,
        &["client_no_context_takeover"],
    ),
    (
        "deflate, server's window of 9 bits",
        all,
        r#"{"serverMaxWindowBits": 9}"#,
        &["server_max_window_bits=9"],
    ),
    (
        "deflate, client's window of 10 bits",
        all,
        r#"{"clientMaxWindowBits": 10}"#,
        &["client_max_window_bits=10"],
    ),
    (
        "deflate, our windows of 11 bits",
        eleven,
        "{}",
        &["server_max_window_bits=11", "client_max_window_bits=11"],
    ),
];

fn all() -> Deflate {
    Deflate::dedicated(15).with_threshold(0)
}

fn eleven() -> Deflate {
    Deflate::dedicated(11).with_threshold(0)
}

pub fn run(report: &mut Report, language: Language, program: &OsStr) {
    let command = |role: &str| {
        let mut command = Command::new(program);
        command.arg(language.script("ws_deflate")).arg(role);
        command
    };
    for (what, ours, theirs, expected) in SERVER {
        report.check(language.peer(), "server", what, || {
            let config = WsListenConfig::default().with_deflate(ours());
            let server = EchoServer::listen(config)?;
            let mut client = command("client");
            let client = Peer::start(client.args([theirs, &*format!("ws://{}", server.addr)]))?;
            expect(&format!("permessage-deflate; {expected}"), &client.wait_for("agreed ")?)?;
            client.wait_for("all as sent").map(drop)
        });
    }
    for (what, ours, theirs, expected) in CLIENT {
        report.check(language.peer(), "client", what, || {
            let server = Peer::start(command("server").arg(theirs))?;
            let url = format!("ws://127.0.0.1:{}", server.wait_for("port ")?);
            let config = WsConnectConfig::default().with_deflate(ours());
            talk(Client::connect_by(config, Transport::Ws, &url)?.0, expected)
        });
    }
}

fn talk(mut client: Client, expected: &[&str]) -> Result {
    let answer = client.info::<WsResponse>().ok_or("the answer is not known")?;
    let agreed = answer.headers.get("sec-websocket-extensions").ok_or("nothing agreed on")?;
    let agreed = agreed.to_str()?;
    if let Some(missing) = expected.iter().find(|parameter| !agreed.contains(**parameter)) {
        return Err(format!("'{agreed}' without '{missing}'").into());
    }
    for _ in 0..3 {
        for size in [0, 1, 300, 40_000, 1 << 20] {
            client.echo(&sample(size))?;
        }
    }
    client.close();
    Ok(())
}
