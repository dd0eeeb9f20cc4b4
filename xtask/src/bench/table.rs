//! The report: Markdown tables.

use std::fmt::Write;
use std::fs;

use super::Entry;
use super::run::{Outcome, Tools, Values};
use super::scenarios::{Better, Case, Metric, Scenario};

/// What a reader must know before the figures.
pub(crate) fn preface(tools: &Tools, rounds: usize, is_quick: bool) -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let system = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut text = format!(
        "# polywire beside its peers\n\n{cpus} CPUs, {} {}, loopback, release profile. ",
        std::env::consts::OS,
        system.trim()
    );
    let _ = write!(
        text,
        "Medians of {rounds} interleaved rounds [lowest..highest], and in brackets how often better \
         than the first column: above 1 is better. Trust ratios within a row, not figures.\n\n"
    );
    if is_quick {
        text.push_str(
            "**A smoke run: the counts are too small for the figures to mean much.**\n\n",
        );
    }
    if !tools.has_taskset {
        text.push_str("`taskset` is missing: nothing was kept on one CPU.\n\n");
    }
    text.push_str(
        "Not apples to apples: `native` is a blocking thread per connection and cannot serve \
         thousands; `mio` is a loop of some 200 lines without limits, timeouts or back-pressure; \
         message-io leaves Nagle's algorithm on and cannot turn it off; tokio frames with four \
         bytes of length, the others with a varint; WebSocket of `native` and `mio` knows \
         no fragments, no text and no pings. Messages are compared in every contestant, but only \
         their front and their length in one-way streams.\n\n",
    );
    text
}

/// One scenario: a row per case and metric.
pub(crate) fn scenario(scenario: &Scenario, measured: &[Vec<Entry>]) -> String {
    let mut text = format!("## {}: {}\n\n", scenario.name, scenario.about);
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
    text.push('\n');
    for (case, entries) in scenario.cases.iter().zip(measured) {
        remarks(&mut text, case, entries);
    }
    text
}

fn row(text: &mut String, case: &Case, metric: &Metric, names: &[&str], entries: &[Entry]) {
    let reference = entries.first().and_then(|entry| spread(entry, metric.key));
    let _ = write!(text, "| {}, {} |", case.name, metric.unit);
    for name in names {
        let entry = entries.iter().find(|entry| entry.contestant == *name);
        let cell = entry.map_or_else(String::new, |entry| cell(entry, metric, reference));
        let _ = write!(text, " {cell} |");
    }
    text.push('\n');
}

fn cell(entry: &Entry, metric: &Metric, reference: Option<[f64; 3]>) -> String {
    let Some([low, median, high]) = spread(entry, metric.key) else { return "failed".into() };
    let mut text = shown(median);
    if entry.outcomes.len() > 1 {
        let _ = write!(text, " [{}..{}]", shown(low), shown(high));
    }
    if let Some([_, reference, _]) = reference {
        let ratio = match metric.better {
            Better::Higher => median / reference,
            Better::Lower => reference / median,
            Better::LowerBy => f64::NAN,
        };
        if let Better::LowerBy = metric.better {
            let _ = write!(text, " ({:+.2})", median - reference);
        } else if ratio.is_finite() {
            let _ = write!(text, " ({})", shown(ratio));
        }
    }
    if entry.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Lost(..))) {
        text.push_str(" **failed: lost messages**");
    }
    text
}

/// The lowest, the median and the highest of what was measured.
pub(crate) fn spread(entry: &Entry, key: &str) -> Option<[f64; 3]> {
    let values = entry.outcomes.iter().filter_map(|outcome| values(outcome)?.get(key).copied());
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    Some([*values.first()?, values[values.len() / 2], *values.last()?])
}

fn values(outcome: &Outcome) -> Option<&Values> {
    match outcome {
        Outcome::Measured(values) | Outcome::Lost(_, values) => Some(values),
        Outcome::Broke(_) => None,
    }
}

fn remarks(text: &mut String, case: &Case, entries: &[Entry]) {
    for entry in entries {
        for outcome in &entry.outcomes {
            let what = match outcome {
                Outcome::Measured(_) => continue,
                Outcome::Lost(count, _) => format!("{count} messages were lost or wrong"),
                Outcome::Broke(error) => error.clone(),
            };
            let _ = writeln!(text, "* {}, {}: {what}\n", case.name, entry.contestant);
        }
    }
}

/// Three digits that count.
fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.2} M", value / 1e6),
        size if size >= 1e4 => format!("{:.1} k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
