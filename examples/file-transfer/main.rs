//! Sends files of any size in bounded memory: the receiver keeps a message at a time, and the sender
//! what waits to be sent, up to 1 MiB (`Limits::outbox_soft_mark`), or 64 MiB with `--plain`
//! (`Limits::outbox_hard_limit`).
//!
//! `offer.rs` is what the two programs tell each other, `sender.rs` and `receiver.rs` are the
//! programs, `incoming.rs` is a file on its way in. `plain_sender.rs` is the sender written a second
//! way, inside the callback.

mod incoming;
mod offer;
mod plain_sender;
mod receiver;
mod sender;

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
usage: file-transfer receiver [PORT | --from ADDRESS] [--into FOLDER] [--overwrite]
       file-transfer sender FILE ADDRESS [--plain]
       file-transfer sender FILE --listen [PORT]

PORT         to listen at; 3005 unless told, 0 for any that is free
ADDRESS      of the other side, as 127.0.0.1:3005
--from       fetches one file from a sender that listens
--into       the folder to put files into; the current one unless told
--overwrite  puts a file in the place of one of the same name, which is refused otherwise
--listen     waits for a receiver that fetches the file
--plain      sends in one plain loop inside the callback";

const DEFAULT_PORT: u16 = 3005;

/// What the user asked for.
enum Command {
    Receive { from: Peer, folder: PathBuf, overwrite: bool },
    Send { file: PathBuf, to: Peer },
    SendPlainly { file: PathBuf, to: String },
}

/// How the other side is met.
pub(crate) enum Peer {
    /// It connects to this port.
    Comes(u16),
    /// It listens at this address.
    IsAt(String),
}

fn main() -> ExitCode {
    let result = match parse(env::args().skip(1)) {
        Ok(Command::Receive { from, folder, overwrite }) => {
            receiver::run(&from, &folder, overwrite)
        }
        Ok(Command::Send { file, to }) => sender::run(&file, &to),
        Ok(Command::SendPlainly { file, to }) => plain_sender::run(&file, &to),
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Command, Box<dyn Error>> {
    match args.next().as_deref() {
        Some("receiver") => parse_receiver(args),
        Some("sender") => parse_sender(&args.collect::<Vec<_>>()),
        _ => Err("sender or receiver?".into()),
    }
}

fn parse_sender(args: &[String]) -> Result<Command, Box<dyn Error>> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Ok(match args[..] {
        [file, "--listen"] => Command::Send { file: file.into(), to: Peer::Comes(DEFAULT_PORT) },
        [file, "--listen", port] => Command::Send { file: file.into(), to: parse_port(port)? },
        [file, to] => Command::Send { file: file.into(), to: Peer::IsAt(to.into()) },
        [file, to, "--plain"] => Command::SendPlainly { file: file.into(), to: to.into() },
        _ => return Err("a sender needs a file and an address, or --listen".into()),
    })
}

fn parse_receiver(mut args: impl Iterator<Item = String>) -> Result<Command, Box<dyn Error>> {
    let (mut from, mut folder) = (Peer::Comes(DEFAULT_PORT), PathBuf::from("."));
    let mut overwrite = false;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--into" => folder = args.next().ok_or("--into lacks its folder")?.into(),
            "--from" => from = Peer::IsAt(args.next().ok_or("--from lacks its address")?),
            "--overwrite" => overwrite = true,
            port => from = parse_port(port)?,
        }
    }
    Ok(Command::Receive { from, folder, overwrite })
}

fn parse_port(text: &str) -> Result<Peer, Box<dyn Error>> {
    let port = text.parse().map_err(|error| format!("'{text}' is not a port: {error}"))?;
    Ok(Peer::Comes(port))
}
