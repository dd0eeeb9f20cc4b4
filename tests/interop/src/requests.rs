//! Requests of WebSocket: refused, redirected, answered late, with subprotocols.

use std::process::Command;

use polywire::adapters::ws::{WsConnectConfig, WsRefusal, WsResponse};
use polywire::network::{CloseReason, Transport};

use crate::ours::{Client, refused};
use crate::peer::Peer;
use crate::report::Report;
use crate::site::{ORIGIN, SUBPROTOCOL, Site, TOKEN};
use crate::websocket::Language;
use crate::{Result, expect};

/// What the peer's client is to say, line by line.
const AS_SERVER: &[(&str, &str)] = &[
    ("private ", "401 log in first"),
    ("nowhere ", "404"),
    ("bad origin ", "403"),
    ("good origin ", "echoed"),
    ("token ", "echoed"),
    ("room ", "chat.v2 blue"),
    ("late ", "echoed"),
];

pub fn run(report: &mut Report, language: Language, program: &std::ffi::OsStr) {
    let command = |name: &str| {
        let mut command = Command::new(program);
        command.arg(language.script(name));
        command
    };
    report.check(language.peer(), "server", "refusals, origins, subprotocol, late", || {
        let site = Site::start()?;
        let mut client = command("ws_requests");
        client.args([format!("ws://{}", site.addr), ORIGIN.into(), TOKEN.into()]);
        let client = Peer::start(client.arg(SUBPROTOCOL))?;
        for (words, expected) in AS_SERVER {
            let found = client.wait_for(words)?;
            if !found.starts_with(expected) {
                return Err(format!("{words}'{found}' instead of '{expected}'").into());
            }
        }
        Ok(())
    });
    report.check(language.peer(), "client", "refusals, redirect, subprotocol", || {
        let server = Peer::start(command("ws_site").args([TOKEN, SUBPROTOCOL]))?;
        as_client(&format!("ws://127.0.0.1:{}", server.wait_for("port ")?))
    });
}

fn as_client(url: &str) -> Result {
    let config = WsConnectConfig::default;
    let private = format!("{url}/private");
    let refusal = refusal(config(), &private)?;
    expect("401", &refusal.status.to_string())?;
    expect("log in first\n", std::str::from_utf8(&refusal.body)?)?;

    let connect = |config, url: &str| -> Result<Client> {
        Ok(Client::connect_by(config, Transport::Ws, url)?.0)
    };
    let mut let_in = connect(config().with_bearer(TOKEN), &private)?;
    let_in.echo(b"in")?;
    expect("302", &self::refusal(config(), &format!("{url}/moved"))?.status.to_string())?;
    let mut moved = connect(config().with_max_redirects(1), &format!("{url}/moved"))?;
    moved.echo(b"moved")?;

    let asks = config().with_subprotocol("chat.v9").with_subprotocol(SUBPROTOCOL);
    let room = connect(asks, &format!("{url}/room"))?;
    let answer = room.info::<WsResponse>().ok_or("the answer is not known")?;
    expect(SUBPROTOCOL, answer.subprotocol.as_deref().unwrap_or("none"))
}

fn refusal(config: WsConnectConfig, url: &str) -> Result<WsRefusal> {
    match refused(config, url)? {
        CloseReason::HandshakeRefused(refusal) => {
            Ok(refusal.detail::<WsRefusal>().cloned().ok_or("no answer in the refusal")?)
        }
        other => Err(format!("ended by {other:?}").into()),
    }
}
