//! The report: Markdown tables.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use super::outcome::{Entry, Outcome, low_median_high};
use super::scenario::{Better, Case, Metric, Scenario};
use super::tools::Tools;
use crate::process::output;

/// What a reader must know before the figures.
pub(crate) fn preface(tools: &Tools, args: &[String], rounds: usize, is_quick: bool) -> String {
    let said = |program, args: &[&str]| {
        let text = output(Command::new(program).args(args)).unwrap_or_default();
        text.trim().to_owned()
    };
    let mut text = format!(
        "# polywire beside its peers\n\n{}: `{}`\n\n{}, {}, loopback, release profile. ",
        said("date", &["-u", "+%F"]),
        ["cargo xtask bench"]
            .into_iter()
            .chain(args.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" "),
        machine(),
        said("rustc", &["--version"]),
    );
    text.push_str(&match rounds {
        1 => "One round only, so the spread is unknown. In brackets".into(),
        _ => format!("Medians of {rounds} interleaved rounds [lowest..highest], and in brackets"),
    });
    text.push_str(
        " how many times better than the first column in the same round, the median of that too: \
         above 1 is better. Trust ratios within a row, not figures.\n\n",
    );
    if is_quick {
        text.push_str("**A smoke run: its figures mean nothing.**\n\n");
    }
    if tools.cpus.is_none() {
        text.push_str("`taskset` is missing: no process was kept on a CPU.\n\n");
    }
    if !tools.has_zmq {
        text.push_str("A C++ compiler is missing: libzmq takes no part.\n\n");
    }
    if tools.node_modules.is_none() {
        text.push_str("`node` or its package `ws` is missing: node-ws takes no part.\n\n");
    }
    text.push_str(CAVEATS);
    text
}

const CAVEATS: &str = "\
Every answer is compared; in one-way streams the order, the count, the length and the front of every \
message. A contestant's server and client are the same library, but for `echo`, `open-loop`, `mixed`, \
`league`, `replies`, `replies-calls`, `sizes`, `fan-out`, `tick`, `idle`, `burst`, `neighbours`, `calls` and \
`visits` and their like over TLS or with compression, where one load generator, a loop on mio, serves all, and \
`unread`, where nothing is received. CPU is the system's account of the process.

Not apples to apples:

* `native` is blocking sockets of std, a thread per connection: it can't serve thousands, and needs a \
  system call less per message than any event loop.
* `mio` is a loop by hand of some 400 lines that is to be as fast as one can write it: connections share what \
  they read 256 KiB into, all answers to a read leave in one write, a long message is read to where it \
  stays, and an idle connection owns nothing. It is without limits, timeouts, back-pressure or sends from \
  other threads.
* message-io leaves Nagle's algorithm on, which its interface can't turn off; the others set \
  `TCP_NODELAY`.
* tokio frames with four bytes of length, zmq with two, the others with a varint. tokio runs on one \
  thread, with the codec of tokio-util and with tokio-tungstenite; it answers by `feed`, and by `flush` once \
  nothing more has come.
* tokio-tuned does on tokio what `mio` does, and lacks what `mio` lacks: it reads by `poll_read` into a \
  buffer of the thread, decodes by hand, and answers a read by one `try_write`.
* WebSocket of `native`, `mio`, tokio-tuned and the load generator knows no fragments and no pings, does not \
  look whether text is UTF-8, and masks with a constant.
* The timers of `native` are times alone: they bring nothing, and can't be cancelled.
* TLS is rustls with aws-lc-rs for all, TLS 1.3 with AES-256-GCM, and one certificate (ECDSA on P-256). \
  tokio-rustls is given polywire's tickets instead of its cache of sessions.
* zmq sends and receives on threads of its own. It and polywire gather what a thread sends; \
  message-io, tungstenite and `native` write each message.

Why polywire is behind, where it is known:

* `latency` and `alone`: a loop learns by epoll_wait(2) what a thread of `native` learns from its read. \
  Then polywire looks for news and timers, at limits and whether the endpoint lives, and \
  counts. In `latency` over UDP, edge-triggered polling takes a second read, which finds nothing. That it is \
  ahead of `mio` on one CPU comes from where it waits: in the function that goes on. The first function that \
  returns behind a sleep is predicted wrongly, and `mio`, as most loops, returns from libc's.
* `datagrams`, one a call, and `unread`: a socket that a poller watches costs at each datagram that \
  leaves it, since the system asks the poller whether it wants to know; a second thread makes each use \
  of a descriptor an atomic one. The first is in the `mio` column of `unread`, too. What is left there \
  is to find the endpoint, to keep others from closing its socket meanwhile, and to count. `datagrams` \
  adds the receiver, which is woken the more often the sooner it has taken what came: that scatters.
* `echo` with 16 short messages under way: they share a read and a write, so what is left of each is to find \
  its endpoint and to put a frame into an outbox behind a lock, where a loop by hand appends to a buffer.
* `fan-out` and many connections: each has an entry, an outbox and a record where the loop by hand has \
  one, and all are out of the cache by the time the system has sent to the others.
";

/// The CPU's name, how many there are, and the system, without what its builder adds to the version.
fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(": ")).map_or("CPUs", |(_, name)| name);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version = release.trim().split('-').next().unwrap_or_default();
    format!("{cpus} × {model}, {} {version}", std::env::consts::OS)
}

/// Says why there are no figures.
pub(crate) fn not_measured(scenario: &Scenario, why: &str) -> String {
    format!("## {}\n\nNot measured: {why}.\n", scenario.name)
}

/// One scenario: a row per case and metric.
pub(crate) fn scenario(scenario: &Scenario, measured: &[Vec<Entry>], has_chart: bool) -> String {
    let mut text = format!("## {0}\n\n{1}.\n\n", scenario.name, capitalized(scenario.about));
    if has_chart {
        let _ = writeln!(text, "![{0}](charts/{0}.svg)\n", scenario.name);
    }
    let mut names: Vec<&str> = Vec::new();
    for contestant in scenario.cases.iter().flat_map(|case| &case.contestants) {
        if !names.contains(contestant) {
            names.push(contestant);
        }
    }
    let _ = writeln!(text, "| | {} |\n|{}", names.join(" | "), "---|".repeat(names.len() + 1));
    for metric in &scenario.metrics {
        for (case, entries) in scenario.cases.iter().zip(measured) {
            row(&mut text, case, metric, &names, entries);
        }
    }
    for (case, entries) in scenario.cases.iter().zip(measured) {
        remarks(&mut text, case, entries);
    }
    text
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().filter(char::is_ascii_lowercase);
    first.map_or_else(|| text.to_owned(), |first| first.to_uppercase().chain(letters).collect())
}

fn row(text: &mut String, case: &Case, metric: &Metric, names: &[&str], entries: &[Entry]) {
    let _ = write!(text, "| {}, {} |", case.name, metric.unit);
    for name in names {
        let entry = entries.iter().find(|entry| entry.contestant == *name);
        let cell = entry.map_or_else(String::new, |entry| cell(entry, metric, &entries[0]));
        let _ = write!(text, " {cell} |");
    }
    text.push('\n');
}

fn cell(entry: &Entry, metric: &Metric, reference: &Entry) -> String {
    let Some([low, median, high]) = entry.spread(metric.key) else { return "failed".into() };
    let mut text = shown(median);
    if entry.outcomes.len() > 1 {
        let _ = write!(text, " [{}..{}]", shown(low), shown(high));
    }
    if let Some(difference) = compared(entry, metric, reference) {
        let _ = match metric.better {
            Better::LowerBy => write!(text, " ({difference:+.2})"),
            _ => write!(text, " ({})", shown(difference)),
        };
    }
    if entry.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Lost(..))) {
        text.push_str(" **lost**");
    }
    text
}

/// How an entry does against the reference in the same round: the median of that.
fn compared(entry: &Entry, metric: &Metric, reference: &Entry) -> Option<f64> {
    let of = |outcome: &Outcome| Some(*outcome.values()?.get(metric.key)?);
    let runs = entry.outcomes.iter().zip(&reference.outcomes);
    let differences = runs.filter_map(|(outcome, reference)| {
        let (value, reference) = (of(outcome)?, of(reference)?);
        match metric.better {
            Better::Higher => Some(value / reference),
            Better::Lower => Some(reference / value),
            Better::LowerBy => Some(value - reference),
        }
    });
    let [_, median, _] = low_median_high(differences.filter(|value| !value.is_nan()).collect())?;
    let tells = median != 0.0 || matches!(metric.better, Better::LowerBy);
    (median.is_finite() && tells).then_some(median)
}

/// What did not go as it should.
fn remarks(text: &mut String, case: &Case, entries: &[Entry]) {
    for entry in entries {
        let what = entry.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Measured(_) => None,
            Outcome::Lost(count, _) => Some(format!("{count} were lost or wrong")),
            Outcome::Hung(why) | Outcome::Broke(why) => Some(why.clone()),
        });
        let what: Vec<_> = what.collect();
        if !what.is_empty() {
            let _ = write!(text, "\n{}, {}: {}.\n", case.name, entry.contestant, what.join("; "));
        }
    }
}

/// Three digits that count.
pub(super) fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.2} M", value / 1e6),
        size if size >= 1e4 => format!("{:.1} k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
