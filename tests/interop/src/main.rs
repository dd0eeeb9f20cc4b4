//! Talks to other implementations, as client and as server: one line for each scenario.
//!
//! `cargo xtask interop` sets variables that say where the peers are: `PEERS_DIR`, `PEER_SOCAT`,
//! `PEER_PYTHON`, `PEER_NODE`, `PEER_OPENSSL`, `PEER_CURL`, `PEER_NGINX`, `PEER_HAPROXY`, `PEER_CHROMIUM` with
//! `PEER_CERTUTIL`, and `ECHO_SERVER` for the example that the browser talks to. Peers whose variable is missing are left out.

mod browser;
mod certificates;
mod controls;
mod curl;
mod deflate;
mod http_proxies;
mod openssl;
mod ours;
mod peer;
mod proxies;
mod report;
mod requests;
mod site;
mod socat;
mod streaming;
mod theirs;
mod tls_script;
mod websocket;
mod wire;

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::process::ExitCode;
use std::time::Duration;

use certificates::Certificates;
use report::Report;
use websocket::Language;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What one step of a scenario may take; a minute's work on a busy machine would be a fault.
const DEADLINE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match Certificates::make() {
        Ok(certificates) => run(&certificates),
        Err(error) => {
            eprintln!("no certificates could be made: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(certificates: &Certificates) -> ExitCode {
    let mut report = Report::default();
    wire::run(&mut report);
    if let Some(socat) = env::var_os("PEER_SOCAT") {
        socat::run(&mut report, &socat);
    }
    for language in [Language::Python, Language::Node] {
        if let Some(program) = env::var_os(language.variable()) {
            websocket::run(&mut report, language, &program, certificates);
            tls_script::run(&mut report, language, &program, certificates);
            requests::run(&mut report, language, &program);
            controls::run(&mut report, language, &program);
            deflate::run(&mut report, language, &program);
        }
    }
    if let Some(python) = env::var_os(Language::Python.variable()) {
        streaming::run(&mut report, Language::Python, &python);
    }
    type Run = fn(&mut Report, &OsStr, &Certificates);
    let others: [(&str, Run); 7] = [
        ("PEER_OPENSSL", openssl::run),
        ("PEER_CURL", curl::run),
        ("PEER_NGINX", proxies::nginx),
        ("PEER_NGINX", http_proxies::nginx),
        ("PEER_HAPROXY", proxies::haproxy),
        ("PEER_HAPROXY", http_proxies::haproxy),
        ("PEER_CHROMIUM", browser::run),
    ];
    for (variable, run) in others {
        if let Some(program) = env::var_os(variable) {
            run(&mut report, &program, certificates);
        }
    }
    report.finish()
}

/// Bytes that are not all the same, and none of the words that peers know.
fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn expect(expected: &str, found: &str) -> Result {
    match found == expected {
        true => Ok(()),
        false => Err(format!("'{found}' instead of '{expected}'").into()),
    }
}
