//! Runs an example as a user does, and reads what it prints.

#![allow(dead_code, reason = "each test file uses a part")]

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Far more than any step takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running example. Dropping it ends it.
pub(crate) struct Example {
    child: Child,
    lines: Receiver<String>,
    /// All lines of both streams seen so far.
    pub(crate) output: Vec<String>,
}

impl Example {
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        Self::start_in(Path::new("."), name, args)
    }

    /// The same, in that folder.
    pub(crate) fn start_in(folder: &Path, name: &str, args: &[&str]) -> Self {
        let path = path(name);
        let mut child = Command::new(&path)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::piped()) // Open until it is dropped, so no end of input.
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (sender, lines) = mpsc::channel();
        forward_lines(child.stdout.take().unwrap(), sender.clone());
        forward_lines(child.stderr.take().unwrap(), sender);
        Self { child, lines, output: Vec::new() }
    }

    /// Waits until a line that has `text` in it was printed, since the last one found or before.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(line) = self.output.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.output.push(line),
                Err(_) => panic!("no line with '{text}', but:\n{}", self.output.join("\n")),
            }
        }
    }

    /// Types a line for the program to read.
    pub(crate) fn type_line(&mut self, line: &str) {
        let mut input = self.child.stdin.as_ref().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// Waits until the program has ended by itself, and returns its exit code.
    pub(crate) fn exit_code(&mut self) -> i32 {
        let deadline = Instant::now() + DEADLINE;
        // Both streams end with the program.
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.output.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("still running after:\n{}", self.output.join("\n"))
                }
            }
        }
        let status: ExitStatus = self.child.wait().unwrap();
        status.code().expect("it was ended by a signal")
    }

    /// Everything printed so far, as one text.
    pub(crate) fn text(&self) -> String {
        self.output.join("\n")
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What comes after the last `before` in `line`, up to the next blank.
pub(crate) fn word_after<'a>(line: &'a str, before: &str) -> &'a str {
    let after = line.rsplit_once(before).map(|(_, after)| after);
    after.and_then(|after| after.split_whitespace().next()).unwrap_or_else(|| panic!("{line}"))
}

/// The example's program, which cargo builds beside the test's own.
fn path(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let path = profile.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(
        path.exists(),
        "{} is not built: `cargo test --package polywire-examples` does, \
         or `cargo build --examples`",
        path.display()
    );
    path
}

fn forward_lines(stream: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return; // Nobody reads any more.
            }
        }
    });
}
