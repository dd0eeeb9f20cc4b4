//! Keys leave the program where that is asked for, and nowhere else.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

mod support;

use std::path::PathBuf;
use std::process::Command;

use support::certificates::Both;
use support::node::Node;
use support::over::Over;

/// Set in the process that connects, as rustls reads the environment.
const ASKED: &str = "POLYWIRE_TLS_TEST_LOGS_KEYS";

#[test]
fn keys_are_written_to_a_file_only_where_both_the_program_and_the_environment_say_so() {
    if let Ok(asked) = std::env::var(ASKED) {
        return connect(&asked);
    }
    let cases = [("nobody", 0), ("client", 1), ("server", 1), ("both", 2)];
    for (asked, sides) in cases {
        let file = temporary(asked);
        run(asked, Some(&file));
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let _ = std::fs::remove_file(&file);
        let lines = |label: &str| text.lines().filter(|line| line.starts_with(label)).count();
        assert_eq!(lines("CLIENT_TRAFFIC_SECRET_0 "), sides, "{asked}: {text}");
    }
    run("both", None); // Nowhere to write to, and no harm.
}

fn temporary(asked: &str) -> PathBuf {
    std::env::temp_dir().join(format!("polywire-tls-keys-{}-{asked}", std::process::id()))
}

fn run(asked: &str, file: Option<&PathBuf>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", std::thread::current().name().unwrap()]).env(ASKED, asked);
    command.env_remove("SSLKEYLOGFILE");
    if let Some(file) = file {
        command.env("SSLKEYLOGFILE", file);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn connect(asked: &str) {
    let mut both = Both::new();
    if ["server", "both"].contains(&asked) {
        both.listen = both.listen.with_key_log_file();
    }
    if ["client", "both"].contains(&asked) {
        both.connect = both.connect.with_key_log_file();
    }
    let (server, client) = (Node::new(), Node::new());
    let addr = server.listen(Over::framed(both.listen));
    client.connect(Over::framed(both.connect), addr);
    server.accepted();
}
