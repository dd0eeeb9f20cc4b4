//! Tortures a server on loopback for a bounded time, and checks that nobody else suffers.
//!
//! Fault clients, which misbehave in every way the transports offer, by scripts drawn from a seed, go at
//! an echo server in a process of its own, while healthy ones ping it and check their contracts
//! and their latency. At the end the server must be as it was before: connections, bytes,
//! descriptors, memory. `cargo xtask torture` runs it. `docs/contracts.md` says what E1 to E10 are.

mod faults;
mod healthy;
mod link;
mod ping;
mod process;
mod random;
mod report;
mod server;
mod soak;
mod trial;

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use faults::KINDS;
use server::{WAYS, Way};
use trial::Trial;

const USAGE: &str = "\
usage: polywire-torture [--soak] [--seconds N] [--seed S] [--only KIND] [--way WAY] [--tls yes|no]

  --soak        programs that wait for each other, rather than fault clients
  --seconds N   how long, 30 by default
  --seed S      what the clients' scripts are drawn from, any by default
  --only KIND   one kind of fault alone
  --way WAY     how the server runs: callback, queue, polled or threads; the seed's by default
  --tls yes|no  whether everything goes over TLS; by default the seed chooses, and --soak does both in turn";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.first().map(String::as_str) {
        Some("--server") => {
            let way = args.get(1).and_then(|name| Way::named(name)).ok_or_else(|| USAGE.to_owned());
            let is_secure = args.get(2).is_some_and(|word| word == "tls");
            way.and_then(|way| server::run(way, is_secure).map_err(|error| error.to_string()))
        }
        Some("--soak") => Args::parse(&args[1..])
            .and_then(|args| soak::run(args.duration, args.is_secure, args.only.as_deref())),
        _ => Args::parse(&args).and_then(|args| torture(&args)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn torture(args: &Args) -> Result<(), String> {
    let way = args.way.unwrap_or(WAYS[(args.seed % WAYS.len() as u64) as usize]);
    let is_secure = args.is_secure.unwrap_or(args.seed / 8 % 2 == 1);
    let over = if is_secure { " over TLS" } else { "" };
    println!("seed {}, {} s, a server by {way}{over}", args.seed, args.duration.as_secs());
    let position = |name: &String| KINDS.iter().position(|kind| kind.name == *name);
    let unknown = || format!("{USAGE}, of {}", names());
    let only = args.only.as_ref().map(|name| position(name).ok_or_else(unknown)).transpose()?;
    let trial =
        Trial::start(args.seed, (way, is_secure), only).map_err(|error| error.to_string())?;
    let verdict = trial.run(args.duration);
    report::print(&verdict);
    match verdict.violations.len() {
        0 => Ok(()),
        broken => Err(format!("{broken} contracts broken, seed {}", args.seed)),
    }
}

struct Args {
    duration: Duration,
    seed: u64,
    only: Option<String>,
    way: Option<Way>,
    is_secure: Option<bool>,
}

impl Args {
    fn parse(args: &[String]) -> Result<Self, String> {
        let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let seed = u64::from(since_1970.subsec_nanos());
        let duration = Duration::from_secs(30);
        let mut parsed = Self { duration, seed, only: None, way: None, is_secure: None };
        for pair in args.chunks(2) {
            let [name, value] = pair else { return Err(USAGE.into()) };
            let number = || value.parse::<u64>().map_err(|_| USAGE.to_owned());
            match name.as_str() {
                "--seconds" => parsed.duration = Duration::from_secs(number()?),
                "--seed" => parsed.seed = number()?,
                "--way" => parsed.way = Some(Way::named(value).ok_or(USAGE)?),
                "--tls" => {
                    let choice = [("yes", true), ("no", false)];
                    let chosen = choice.iter().find(|(word, _)| word == value).ok_or(USAGE)?;
                    parsed.is_secure = Some(chosen.1);
                }
                "--only" => parsed.only = Some(value.clone()),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(parsed)
    }
}

fn names() -> String {
    KINDS.map(|kind| kind.name).join(", ")
}
