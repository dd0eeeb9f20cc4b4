//! Sends back what the Autobahn test suite sends, each message in its own kind.
//!
//! `autobahn server DIR` makes certificates in the folder, listens with and without TLS, and prints both ports.
//! `autobahn client URL DIR CASE...` runs the cases, one after another, against a fuzzing server of the suite that has the
//! same, and shows a certificate of that folder if the URL asks for TLS.

mod certificates;
mod client;
mod server;

use std::env;
use std::error::Error;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    let args: Vec<String> = env::args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", dir] => server::run(dir.as_ref()),
        ["client", url, dir, cases @ ..] => client::run(url, dir.as_ref(), cases),
        _ => Err("usage: autobahn server DIR | autobahn client URL DIR CASE...".into()),
    }
}
