//! Clear text never leaves an endpoint over TLS: all that tests send is captured, and searched for what they say.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::process::{cargo, execute, is_installed, target_dir};

/// What messages and handshakes hold in clear text.
const MARKERS: [&[u8]; 3] = [b"hello", b"Sec-WebSocket-", b"GET /"];
/// Tests over TLS, and tests in clear text, by which it shows that the search finds.
const SECURE: &str = "tls wss";
const PLAIN: &str = "ws --skip tls --skip wss";
/// Runs the tests of `$1` in a network of their own, with everything they send in the file `$0`.
const SCRIPT: &str = "\
    ip link set lo up
    tcpdump -Z root -i lo -s 0 -U -w \"$0\" tcp 2>/dev/null &
    tcpdump=$!
    sleep 1
    cargo test --quiet --package polywire --all-features --test contracts -- $1
    result=$?
    sleep 1
    kill $tcpdump
    exit $result";

/// Runs the contract tests over TLS under tcpdump, and fails if a marker is found. Linux only, as root.
pub(crate) fn run() -> Result {
    for (tool, flag) in [("tcpdump", "--version"), ("unshare", "--version"), ("ip", "-V")] {
        if !is_installed(tool, flag) {
            return Err(format!(
                "{tool} is not installed: apt install tcpdump util-linux iproute2"
            )
            .into());
        }
    }
    // Nothing can be fetched inside.
    let what =
        ["test", "--package", "polywire", "--all-features", "--test", "contracts", "--no-run"];
    execute(&mut cargo(what))?;
    let file = target_dir().join("capture.pcap");
    let [secure, plain] = [SECURE, PLAIN].map(|tests| found_in(&file, tests));
    let _ = std::fs::remove_file(&file);
    let (secure, plain) = (secure?, plain?);
    for (marker, (secure, plain)) in MARKERS.iter().zip(secure.iter().zip(&plain)) {
        let marker = String::from_utf8_lossy(marker);
        println!("capture: '{marker}': {secure} times over TLS, {plain} in clear text");
    }
    match (secure.iter().all(|found| *found == 0), plain.iter().all(|found| *found > 0)) {
        (true, true) => Ok(()),
        (false, _) => Err("clear text has left an endpoint over TLS".into()),
        (true, false) => Err("the search found nothing in clear text either".into()),
    }
}

/// How often each marker was sent by those tests.
fn found_in(file: &Path, tests: &str) -> Result<[usize; MARKERS.len()]> {
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", SCRIPT]).arg(file).arg(tests);
    execute(command.current_dir(crate::process::root()))?;
    let mut captured = Vec::new();
    File::open(file)?.read_to_end(&mut captured)?;
    Ok(MARKERS
        .map(|marker| captured.windows(marker.len()).filter(|window| *window == marker).count()))
}
