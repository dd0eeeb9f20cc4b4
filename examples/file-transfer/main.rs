//! Sends files of any size; neither side keeps more than a few messages of them in memory.
//!
//! `offer.rs` is what the two programs tell each other, `sender.rs` and `receiver.rs` are the
//! programs, `incoming.rs` is a file on its way in.

mod incoming;
mod offer;
mod receiver;
mod sender;

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
usage: file-transfer receiver [PORT] [--into FOLDER] [--overwrite]
       file-transfer sender FILE ADDRESS

PORT         to receive at; 3005 unless told, 0 for any that is free
--into       the folder to put files into; the current one unless told
--overwrite  puts a file in the place of one of the same name, which is refused otherwise
ADDRESS      of the receiver, as 127.0.0.1:3005";

const DEFAULT_PORT: u16 = 3005;

/// What the user asked for.
enum Command {
    Receive { port: u16, folder: PathBuf, overwrite: bool },
    Send { file: PathBuf, receiver: String },
}

fn main() -> ExitCode {
    let result = match parse(env::args().skip(1)) {
        Ok(Command::Receive { port, folder, overwrite }) => receiver::run(port, &folder, overwrite),
        Ok(Command::Send { file, receiver }) => sender::run(&file, &receiver),
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
        Some("sender") => match (args.next(), args.next(), args.next()) {
            (Some(file), Some(receiver), None) => Ok(Command::Send { file: file.into(), receiver }),
            _ => Err("a sender needs a file and an address, and nothing else".into()),
        },
        _ => Err("sender or receiver?".into()),
    }
}

fn parse_receiver(mut args: impl Iterator<Item = String>) -> Result<Command, Box<dyn Error>> {
    let (mut port, mut folder, mut overwrite) = (DEFAULT_PORT, PathBuf::from("."), false);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--into" => folder = args.next().ok_or("--into lacks its folder")?.into(),
            "--overwrite" => overwrite = true,
            _ => port = arg.parse().map_err(|error| format!("'{arg}' is not a port: {error}"))?,
        }
    }
    Ok(Command::Receive { port, folder, overwrite })
}
