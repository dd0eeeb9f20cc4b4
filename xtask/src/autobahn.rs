//! The Autobahn test suite: 517 cases of WebSocket, tried on our server and on our client, in clear text and over
//! TLS.
//!
//! The suite's end is `tests/autobahn/suite.py`, ours the program beside it. What the suite says of each case is
//! compared with `tests/autobahn/expected.txt`.

mod case;
mod expected;
mod process;
mod setup;
mod way;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use case::CaseId;
use expected::Expected;
use setup::Setup;
use way::{Outcomes, Way};

use crate::Result;
use crate::process::target_dir;

const USAGE: &str =
    "usage: cargo xtask autobahn [--cases 6.4.*] [--quick] [--update] [--skip-missing]";

/// Into as many parts the cases of a way are dealt, so that all processors have work until the end.
const SHARES: usize = 4;

struct Options {
    pattern: String,
    quick: bool,
    update: bool,
    skip_missing: bool,
}

/// Some cases of one way.
struct Share {
    way: Way,
    number: usize,
    cases: Vec<CaseId>,
}

/// Runs the suite with these arguments.
pub(crate) fn run(args: &[String]) -> Result {
    let options = Options::parse(args)?;
    let python = match setup::python() {
        Ok(python) => python,
        Err(error) if options.skip_missing => {
            println!("autobahn: skipped: {error}");
            return Ok(());
        }
        Err(error) => return Err(format!("the suite can't be installed: {error}").into()),
    };
    let mut expected = Expected::read()?;
    let cases: Vec<CaseId> = expected.cases().filter(|case| options.wants(case)).cloned().collect();
    if cases.is_empty() {
        return Err(format!("no case is named {}\n{USAGE}", options.pattern).into());
    }
    let started = Instant::now();
    let (setup, _server) = Setup::start(python)?;
    let found = run_all(&setup, shares(&cases))?;
    println!("autobahn: {} cases in {} s", cases.len(), started.elapsed().as_secs());
    if options.update {
        return expected.update(&found);
    }
    expected.compare(&found)
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options =
            Self { pattern: "*".into(), quick: false, update: false, skip_missing: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--update" => options.update = true,
                "--skip-missing" => options.skip_missing = true,
                "--cases" => options.pattern = args.next().ok_or(USAGE)?.clone(),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }

    fn wants(&self, case: &CaseId) -> bool {
        case.matches(&self.pattern) && (!self.quick || case.is_quick())
    }
}

/// The work for all ways, in parts that take about as long as each other.
fn shares(cases: &[CaseId]) -> Vec<Share> {
    let parts = SHARES.min(cases.len());
    let of_way = |way| {
        (0..parts).map(move |number| {
            let cases = cases.iter().skip(number).step_by(parts).cloned().collect();
            Share { way, number, cases }
        })
    };
    Way::ALL.into_iter().flat_map(of_way).collect()
}

/// Two at a time for each processor, as some cases wait for seconds.
fn run_all(setup: &Setup, shares: Vec<Share>) -> Result<BTreeMap<Way, Outcomes>> {
    let (queue, found) = (Mutex::new(shares.into_iter()), Mutex::new(BTreeMap::new()));
    let work = || -> std::result::Result<(), String> {
        loop {
            let next = queue.lock().map_err(|_| "another part panicked")?.next();
            let Some(share) = next else { return Ok(()) };
            let outcomes = share.run(setup).map_err(|error| error.to_string())?;
            let mut found = found.lock().map_err(|_| "another part panicked")?;
            found.entry(share.way).or_insert_with(Outcomes::new).extend(outcomes);
        }
    };
    thread::scope(|scope| {
        let workers = 2 * thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err("a part panicked".into())))
    })?;
    Ok(found.into_inner()?)
}

impl Share {
    fn run(&self, setup: &Setup) -> Result<Outcomes> {
        let reports = target_dir().join(format!("autobahn/{}/{}", self.way.name(), self.number));
        let _ = fs::remove_dir_all(&reports);
        let outcomes = self.way.run(setup, &self.cases, &reports)?;
        match self.cases.iter().find(|case| !outcomes.contains_key(case)) {
            Some(case) => {
                Err(format!("{}: the suite says nothing of {case}", self.way.name()).into())
            }
            None => Ok(outcomes),
        }
    }
}
