//! The server's process, as its parent sees it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use polywire::adapters::tls::TlsPin;

use crate::server::Way;

/// Descriptors the server may have: fewer than a connection flood opens.
const MAX_DESCRIPTORS: u32 = 200;
/// Until a question to the server counts as unanswered, or its end as not coming.
const DEADLINE: Duration = Duration::from_secs(5);

/// The counters of the server by their names.
pub(crate) type Counts = BTreeMap<String, u64>;

/// The server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// In the order of `TRANSPORTS`.
    pub(crate) addrs: [SocketAddr; 4],
    /// What its certificate is known by, over TLS.
    pub(crate) pin: Option<TlsPin>,
}

impl Server {
    pub(crate) fn start(way: Way, is_secure: bool) -> io::Result<Self> {
        let security = if is_secure { "tls" } else { "" };
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {MAX_DESCRIPTORS} && exec \"$0\" --server {way} {security}"))
            .arg(std::env::current_exe()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut output = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let addrs: Vec<_> = line.split_whitespace().filter_map(|addr| addr.parse().ok()).collect();
        let addrs = addrs.try_into().map_err(|_| io::Error::other("the server did not start"))?;
        let pin = line.split_whitespace().find_map(|word| word.parse().ok());
        Ok(Self { child, input, output, addrs, pin })
    }

    /// Sends it a signal, named as kill(1) has it.
    pub(crate) fn signal(&self, name: &str) -> io::Result<()> {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill: {status}"))) }
    }

    /// Asks for the counters.
    pub(crate) fn report(&mut self) -> io::Result<Counts> {
        self.ask("report")
    }

    /// Stops the node; the counters are its last.
    pub(crate) fn stop(&mut self) -> io::Result<Counts> {
        self.ask("stop")
    }

    fn ask(&mut self, question: &str) -> io::Result<Counts> {
        writeln!(self.input, "{question}")?;
        let mut counts = Counts::new();
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                return Err(io::Error::other("the server has died"));
            }
            match line.trim_end().rsplit_once(' ') {
                Some((name, value)) => {
                    counts.insert(name.into(), value.parse().map_err(io::Error::other)?);
                }
                None => return Ok(counts),
            }
        }
    }

    /// How the process ended.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(io::Error::other("the server's process does not end"))
    }

    /// Descriptors open.
    pub(crate) fn descriptors(&self) -> io::Result<u64> {
        Ok(fs::read_dir(self.proc_path("fd"))?.count() as u64)
    }

    /// Bytes resident, see proc(5).
    pub(crate) fn resident(&self) -> io::Result<u64> {
        let status = fs::read_to_string(self.proc_path("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.map(|kib| kib << 10).ok_or_else(|| io::Error::other("no VmRSS in /proc"))
    }

    /// Time of the processors used, in hundredths of a second: fields 14 and 15 of stat, see
    /// proc(5).
    pub(crate) fn ticks(&self) -> io::Result<u64> {
        let stat = fs::read_to_string(self.proc_path("stat"))?;
        let behind_name = stat.rsplit(')').next().unwrap_or_default();
        let fields = behind_name.split_whitespace().skip(11).take(2);
        Ok(fields.filter_map(|field| field.parse::<u64>().ok()).sum())
    }

    fn proc_path(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
