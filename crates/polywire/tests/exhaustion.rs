//! A server that is out of descriptors serves everybody in the end, and does not spin.
#![cfg(target_os = "linux")]

mod alone;
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write, stdin};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use polywire::network::Transport;

use support::{DEADLINE, Node, peers};

const CLIENTS: usize = 60;
const TEST: &str = "a_server_out_of_descriptors_serves_everybody_in_the_end";

/// The server: tells its address, and at the end of its input how it went.
fn serve() {
    let node = Node::echo();
    let (_, addr) = node.listen(Transport::FramedTcp);
    println!("\naddr {addr}");
    for line in stdin().lines() {
        let _ = line.unwrap();
        let failed = node.network().connect(Transport::FramedTcp, addr).is_err();
        let stats = node.network().stats();
        println!("\nstats {} {} {failed}", stats.accept_exhausted, stats.endpoints);
    }
}

struct Server {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Server {
    /// In a process of its own that may have 40 descriptors.
    fn start() -> (Self, SocketAddr) {
        let mut process = alone::command(TEST, "ulimit -n 40")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let mut server = Self { process, said };
        let addr = server.hear("addr ").parse().unwrap();
        (server, addr)
    }

    /// The rest of the line that begins so.
    fn hear(&mut self, begin: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "the server ended");
            if let Some(rest) = line.strip_prefix(begin) {
                return rest.trim().to_owned();
            }
        }
    }

    /// How often accepting had to wait, its endpoints, and whether it could not connect.
    fn stats(&mut self) -> (u64, usize, bool) {
        self.process.stdin.as_mut().unwrap().write_all(b"tell\n").unwrap();
        let line = self.hear("stats ");
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap();
        (next().parse().unwrap(), next().parse().unwrap(), next().parse().unwrap())
    }

    /// Nanoseconds that its threads have run.
    fn ran(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        tasks.map(|task| alone::ran(task.unwrap().path().to_str().unwrap())).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let status = self.process.wait().unwrap();
        assert!(status.success() || thread::panicking());
    }
}

/// As [`answered`], until none did for a while.
fn served(clients: &mut Vec<TcpStream>) -> Vec<TcpStream> {
    let mut served = Vec::new();
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_millis(500) && !clients.is_empty() {
        let before = served.len();
        served.extend(answered(clients));
        if served.len() > before {
            last = Instant::now();
        }
        thread::sleep(Duration::from_millis(1));
    }
    served
}

/// Takes the clients that got their answer out.
fn answered(clients: &mut Vec<TcpStream>) -> Vec<TcpStream> {
    let (answered, rest) = clients.drain(..).partition(|client| {
        client.set_nonblocking(true).unwrap();
        client.peek(&mut [0]).is_ok_and(|len| len > 0)
    });
    *clients = rest;
    answered
}

#[test]
fn a_server_out_of_descriptors_serves_everybody_in_the_end() {
    if alone::is_alone() {
        return serve();
    }
    let (mut server, addr) = Server::start();
    let mut waiting: Vec<_> = (0..CLIENTS).map(|_| peers::connect(addr)).collect();
    for client in &mut waiting {
        client.write_all(&peers::frame(Transport::FramedTcp, b"hello")).unwrap();
    }
    let first = served(&mut waiting);
    assert!(!first.is_empty() && !waiting.is_empty(), "it has descriptors for some only");
    let (exhausted, endpoints, could_not_connect) = server.stats();
    assert!(exhausted > 0);
    assert_eq!(endpoints, 1 + first.len());
    assert!(could_not_connect, "whoever asks is told");

    // While it is full it looks again now and then, and does nothing else.
    let (ran, start) = (server.ran(), Instant::now());
    thread::sleep(Duration::from_secs(1));
    let share = (server.ran() - ran) as f64 / start.elapsed().as_nanos() as f64;
    assert!(share < 0.05, "{:.1} % of a CPU while full", share * 100.0);
    let more = server.stats().0 - exhausted;
    assert!((1..=20).contains(&more), "it looked {more} times in a second");

    // Nobody new comes: those that wait are served as soon as others leave.
    let mut leaving = first;
    let start = Instant::now();
    while !waiting.is_empty() {
        assert!(start.elapsed() < DEADLINE, "{} wait still", waiting.len());
        leaving.clear();
        leaving = answered(&mut waiting);
        thread::sleep(Duration::from_millis(1));
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
