//! A chat with rooms, for browsers and terminals: see the usage text below.
//!
//! `server.rs` is the whole server: the page, its WebSocket and the terminals' framed TCP end in one callback. `page.html` is
//! what browsers get, `terminal.rs` the client for terminals, and `event.rs` what the server tells both.

mod event;
mod server;
mod terminal;

use std::env;
use std::error::Error;
use std::fs;
use std::process::ExitCode;

use polywire::adapters::tls::{TlsCertificates, TlsConnectConfig, TlsIdentity, TlsListenConfig};
use rcgen::{CertifiedKey, generate_simple_self_signed};

const USAGE: &str = "\
usage: chat [WEB [TERMINALS]] [--tls]            serves http://127.0.0.1:8080, and terminals on port 8081
       chat join ROOM NAME [SERVER] [--tls]      joins a room from this terminal

WEB, TERMINALS and SERVER are addresses, as 127.0.0.1:8080. With --tls the server makes a certificate for
localhost and writes it to chat.pem, which clients then trust.";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let tls = args.iter().any(|arg| arg == "--tls");
    let words: Vec<&str> = args.iter().map(String::as_str).filter(|arg| *arg != "--tls").collect();
    let result = match *words {
        ["join", room, name] => join("localhost:8081", room, name, tls),
        ["join", room, name, server] => join(server, room, name, tls),
        ["join", ..] => Err(USAGE.into()),
        [] => serve("127.0.0.1:8080", "127.0.0.1:8081", tls),
        [web] => serve(web, "127.0.0.1:8081", tls),
        [web, terminals] => serve(web, terminals, tls),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(web: &str, terminals: &str, tls: bool) -> Result<(), Box<dyn Error>> {
    let tls = tls.then(make_certificate).transpose()?;
    Ok(server::run(web, terminals, tls)?)
}

fn join(server: &str, room: &str, name: &str, tls: bool) -> Result<(), Box<dyn Error>> {
    let trust = || -> Result<_, Box<dyn Error>> {
        let roots = TlsCertificates::from_pem(&fs::read_to_string("chat.pem")?)?;
        Ok(TlsConnectConfig::new().with_roots(roots))
    };
    let tls = tls.then(trust).transpose()?;
    Ok(terminal::run(server, room, name, tls)?)
}

/// A certificate that signs itself, for this machine alone.
fn make_certificate() -> Result<TlsListenConfig, Box<dyn Error>> {
    let names = ["localhost".into(), "127.0.0.1".into()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
    fs::write("chat.pem", cert.pem())?;
    let identity = TlsIdentity::from_pem(cert.pem(), signing_key.serialize_pem())?;
    Ok(TlsListenConfig::new(identity))
}
