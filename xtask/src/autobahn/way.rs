//! Which end is ours, with or without TLS.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::case::CaseId;
use super::process::Process;
use super::setup::Setup;
use crate::Result;

/// Longer than the longest case, which the suite itself gives up after 480 s.
const CASE_TIME: Duration = Duration::from_secs(500);
/// How often to see whether our client has failed.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// What the suite says of a case and of its close, such as `NON-STRICT/OK`.
pub(super) type Outcome = String;

/// What it says of cases in one way.
pub(super) type Outcomes = BTreeMap<CaseId, Outcome>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Server,
    ServerTls,
    Client,
    ClientTls,
}

impl Way {
    pub(super) const ALL: [Self; 4] =
        [Self::Server, Self::ServerTls, Self::Client, Self::ClientTls];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::ServerTls => "server over TLS",
            Self::Client => "client",
            Self::ClientTls => "client over TLS",
        }
    }

    /// Runs the cases, one after another.
    pub(super) fn run(self, setup: &Setup, cases: &[CaseId], reports: &Path) -> Result<Outcomes> {
        match self {
            Self::Server | Self::ServerTls => self.as_server(setup, cases, reports),
            Self::Client | Self::ClientTls => self.as_client(setup, cases, reports),
        }
    }

    fn as_server(self, setup: &Setup, cases: &[CaseId], reports: &Path) -> Result<Outcomes> {
        let url = match self {
            Self::ServerTls => format!("wss://127.0.0.1:{}", setup.secure_port),
            _ => format!("ws://127.0.0.1:{}", setup.plain_port),
        };
        let mut command = setup.suite("client", reports);
        let suite = Process::start(with_cases(command.arg(url), cases))?;
        let mut outcomes = Outcomes::new();
        loop {
            match suite.line(CASE_TIME) {
                Ok(line) => outcomes.extend(outcome(&line)?),
                Err(RecvTimeoutError::Disconnected) => return Ok(outcomes),
                Err(RecvTimeoutError::Timeout) => return Err(self.stands_still(&outcomes)),
            }
        }
    }

    fn as_client(self, setup: &Setup, cases: &[CaseId], reports: &Path) -> Result<Outcomes> {
        let mut command = setup.suite("server", reports);
        let scheme = match self {
            Self::ClientTls => {
                command.arg("--tls").args(setup.certificate());
                "wss"
            }
            _ => "ws",
        };
        let suite = Process::start(with_cases(&mut command, cases))?;
        let url = format!("{scheme}://127.0.0.1:{}", suite.wait_for("port ", CASE_TIME)?);
        let mut ours = Process::start(with_cases(&mut setup.client(&url), cases))?;
        let (mut outcomes, mut last) = (Outcomes::new(), Instant::now());
        // Ours ends when the reports are written, and may do so before the last line comes.
        while outcomes.len() < cases.len() || ours.ended()?.is_none() {
            match suite.line(LOOK_TIME) {
                Ok(line) => {
                    outcomes.extend(outcome(&line)?);
                    last = Instant::now();
                }
                Err(_) if last.elapsed() > CASE_TIME => return Err(self.stands_still(&outcomes)),
                Err(RecvTimeoutError::Timeout)
                    if ours.ended()?.is_none_or(|ended| ended.success()) => {}
                Err(_) => return Err(self.stands_still(&outcomes)),
            }
        }
        Ok(outcomes)
    }

    #[cold]
    fn stands_still(self, outcomes: &Outcomes) -> Box<dyn std::error::Error> {
        let last = outcomes.keys().last().map_or_else(String::new, CaseId::to_string);
        format!("{}: nothing goes on behind case {last}", self.name()).into()
    }
}

fn with_cases<'c>(command: &'c mut Command, cases: &[CaseId]) -> &'c mut Command {
    command.args(cases.iter().map(CaseId::to_string))
}

/// What a line says of a case, if it does.
fn outcome(line: &str) -> Result<Option<(CaseId, Outcome)>> {
    let Some(result) = line.strip_prefix("result ") else { return Ok(None) };
    let (case, outcome) = result.split_once(" | ").ok_or("a result without an outcome")?;
    Ok(Some((CaseId::parse(case)?, outcome.replace(" | ", "/"))))
}
