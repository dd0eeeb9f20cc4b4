//! One run of one contestant: its processes, what they say, and what the system says of them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::derive::derive;
use super::outcome::Outcome;
use super::scenario::{Case, Placement, Scenario, Shape};
use super::tools::Tools;
use super::values::{self, Values};
use crate::Result;

/// Runs `contestant` once.
pub(crate) fn once(scenario: &Scenario, case: &Case, contestant: &str, tools: &Tools) -> Outcome {
    let run = || -> Result<Values> {
        let mut values = match scenario.shape {
            Shape::Solo => solo(case, contestant, tools)?,
            Shape::Echo | Shape::Stream => pair(scenario, case, contestant, tools)?,
        };
        derive(&mut values, case);
        Ok(values)
    };
    match run() {
        Ok(values) => match values.get("wrong").copied().unwrap_or(0.0) {
            0.0 => Outcome::Measured(values),
            wrong => Outcome::Lost(wrong, values),
        },
        Err(error) if error.is::<RecvTimeoutError>() => {
            Outcome::Hung(format!("it said nothing for {:?}", tools.patience))
        }
        Err(error) => Outcome::Broke(error.to_string()),
    }
}

fn solo(case: &Case, contestant: &str, tools: &Tools) -> Result<Values> {
    let args = case.client.words(contestant);
    let mut process = Process::start(&args, tools, cpu(tools, case.placement, false), None)?;
    process.line("result")
}

/// Which CPU a process is to be kept on.
fn cpu(tools: &Tools, placement: Placement, is_server: bool) -> Option<&str> {
    let [first, last] = tools.cpus.as_ref()?;
    match placement {
        Placement::Free => None,
        Placement::Apart if is_server => Some(first),
        Placement::Together | Placement::Apart => Some(last),
    }
}

/// A server, or the receiver of a stream, and the one that gives it work.
fn pair(scenario: &Scenario, case: &Case, contestant: &str, tools: &Tools) -> Result<Values> {
    let strace = scenario.counts_calls.then(|| {
        let name = format!("contestants-{}.strace", std::process::id());
        std::env::temp_dir().join(name)
    });
    let args = case.server.words(contestant);
    let mut server =
        Process::start(&args, tools, cpu(tools, case.placement, true), strace.as_deref())?;
    let port = server.line("port")?["port"];
    let idle = server.usage()?;

    let mut args = case.client.words(contestant);
    args.push(format!("port={port}"));
    let mut client = Process::start(&args, tools, cpu(tools, case.placement, false), None)?;
    let mut warm = idle.clone();
    if case.client.is_load() {
        client.line("warm")?;
        warm = server.usage()?;
        client.say("go")?;
    }
    let mut values = client.line("result")?;
    if scenario.shape == Shape::Stream {
        let received = server.line("result")?;
        let wrong = values["wrong"] + received["wrong"];
        values.extend(received.into_iter().map(|(key, value)| (format!("receiver_{key}"), value)));
        values.insert("wrong".into(), wrong);
    } else {
        let end = server.usage()?;
        values.insert("server_cpu_ns".into(), end["cpu_ns"] - warm["cpu_ns"]);
        values.insert("held_kib".into(), warm["rss_kib"] - idle["rss_kib"]);
        values.insert("left_kib".into(), end["rss_kib"] - idle["rss_kib"]);
        values.insert("peak_kib".into(), end["peak_kib"]);
        values.insert("late_us".into(), end["late_us"]);
    }
    server.end();
    if let Some(path) = strace {
        values.insert("calls".into(), calls(&path)?);
        fs::remove_file(path)?;
    }
    Ok(values)
}

/// The total of `strace -c`.
fn calls(summary: &Path) -> Result<f64> {
    let text = fs::read_to_string(summary)?;
    let total = text.lines().find(|line| line.ends_with("total")).ok_or("strace has no total")?;
    Ok(total.split_whitespace().nth(3).ok_or("strace has no total")?.parse()?)
}

/// A process whose lines are read as they come.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    patience: Duration,
    errors: Option<thread::JoinHandle<String>>,
}

impl Process {
    fn start(
        args: &[String],
        tools: &Tools,
        cpu: Option<&str>,
        strace: Option<&Path>,
    ) -> Result<Self> {
        let mut words: Vec<String> = Vec::new();
        if let Some(cpu) = cpu {
            words.extend(["taskset", "-c", cpu].map(String::from));
        }
        if let Some(path) = strace {
            words.extend(["strace", "-c", "-f", "-o"].map(String::from));
            words.push(path.display().to_string());
        }
        words.extend(tools.program(&args[1]));
        words.extend_from_slice(args);
        let mut command = Command::new(&words[0]);
        command.envs(tools.node_modules.iter().map(|path| ("NODE_PATH", path)));
        command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut error_output = child.stderr.take().ok_or("no output")?;
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                let _ = tell.send(line); // Nobody asks after the end.
            }
        });
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _ = error_output.read_to_string(&mut text);
            text
        });
        let input = child.stdin.take();
        Ok(Self { child, input, lines, patience: tools.patience, errors: Some(errors) })
    }

    /// The values of the next line that begins with `kind`.
    fn line(&mut self, kind: &str) -> Result<Values> {
        loop {
            let line = match self.lines.recv_timeout(self.patience) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => return Err(self.ending(kind)),
                Err(timeout) => return Err(timeout.into()),
            };
            if line.starts_with(kind) {
                return Ok(values::parse(&line));
            }
        }
    }

    /// Why a line did not come.
    fn ending(&mut self, kind: &str) -> Box<dyn std::error::Error> {
        let _ = self.child.kill();
        let text = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
        let what = text.lines().find(|line| !line.is_empty() && !line.starts_with("thread '"));
        format!("no {kind}: {}", what.unwrap_or("it has ended")).into()
    }

    fn say(&mut self, word: &str) -> Result {
        Ok(writeln!(self.input.as_mut().ok_or("no input")?, "{word}")?)
    }

    fn usage(&mut self) -> Result<Values> {
        self.say("usage")?;
        self.line("usage")
    }

    /// Lets the process end by itself, which strace needs for its summary.
    fn end(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
