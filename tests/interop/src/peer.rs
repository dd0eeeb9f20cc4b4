//! Other programs, started here and ended here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::{DEADLINE, Result};

const LONG_DEADLINE: Duration = Duration::from_secs(120);

/// A program that prints lines. It is killed when this is dropped.
pub struct Peer {
    child: Child,
    lines: Receiver<String>,
}

impl Peer {
    /// Starts a program whose standard output is read.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        Ok(Self { child, lines: lines_of(output) })
    }

    /// Starts a program whose log, on its standard error, is read.
    pub fn start_logging(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let log = child.stderr.take().ok_or("no log")?;
        Ok(Self { child, lines: lines_of(log) })
    }

    /// What stands behind `words` in the next line that has them.
    pub fn wait_for(&self, words: &str) -> Result<String> {
        self.wait_as_long(words, DEADLINE)
    }

    /// The same of a program that works for long.
    pub fn wait_for_long(&self, words: &str) -> Result<String> {
        self.wait_as_long(words, LONG_DEADLINE)
    }

    fn wait_as_long(&self, words: &str, time: Duration) -> Result<String> {
        loop {
            let line = self.lines.recv_timeout(time).map_err(|_| format!("no '{words}'"))?;
            if let Some((_, rest)) = line.split_once(words) {
                return Ok(rest.trim().to_owned());
            }
        }
    }

    /// Waits until somebody listens on `addr`, for a program that does not say when it does.
    pub fn wait_until_listening(&mut self, addr: SocketAddr) -> Result {
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect(addr).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended: {status}").into());
            }
            if Instant::now() > deadline {
                return Err(format!("nobody listens on {addr}").into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives `input` to a program, ends its input and returns all it prints until it exits.
pub fn filter(command: &mut Command, input: Vec<u8>) -> Result<Vec<u8>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or("no input")?;
    let mut stdout = child.stdout.take().ok_or("no output")?;
    thread::spawn(move || stdin.write_all(&input));
    let (done, output) = mpsc::channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        let _ = done.send(stdout.read_to_end(&mut all).map(|_| all));
    });
    let output = output.recv_timeout(DEADLINE);
    let _ = child.kill();
    child.wait()?;
    Ok(output.map_err(|_| "the peer did not come to an end")??)
}

/// Starts a program, gives it `input`, and ends its input once it has printed `expected`.
pub fn dialogue(command: &mut Command, input: &[u8], expected: &[u8]) -> Result {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or("no input")?;
    let mut stdout = child.stdout.take().ok_or("no output")?;
    let input = input.to_vec();
    let writing = thread::spawn(move || stdin.write_all(&input).map(|()| stdin));
    let (done, output) = mpsc::channel();
    let mut printed = vec![0; expected.len()];
    thread::spawn(move || done.send(stdout.read_exact(&mut printed).map(|()| printed)));
    let printed = output.recv_timeout(DEADLINE);
    let _ = writing.join(); // And so its input ends.
    let _ = child.kill();
    child.wait()?;
    match printed.map_err(|_| "the peer did not answer")?? == expected {
        true => Ok(()),
        false => Err("the peer printed something else".into()),
    }
}

/// A port that is free now, for a program that can't tell which one it chose.
pub fn free_port() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (line_read, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
            // Reading goes on when nobody listens, so that the program can go on printing.
            let _ = line_read.send(line);
        }
    });
    lines
}
