//! Charts of the report, drawn by the contestants' program, whose build has the means anyway.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::outcome::Entry;
use super::scenario::Scenario;
use super::tools::Tools;
use crate::Result;

/// Draws the first metric of a scenario as `charts/NAME.svg` beside the `report`.
pub(crate) fn draw(
    scenario: &Scenario,
    measured: &[Vec<Entry>],
    tools: &Tools,
    report: &Path,
) -> Result {
    let Some(metric) = scenario.metrics.first() else { return Ok(()) };
    let mut points = String::new();
    for (case, entries) in scenario.cases.iter().zip(measured) {
        for entry in entries {
            let Some([_, median, _]) = entry.spread(metric.key) else { continue };
            let _ = writeln!(points, "{}\t{}\t{median}", case.name, entry.contestant);
        }
    }
    let folder = report.with_file_name("charts");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{}.svg", scenario.name));
    let mut drawing = Command::new(&tools.contestants)
        .args(["none", "chart", "draw"])
        .arg(format!("file={}", file.display()))
        .arg(format!("title={}: {}, {}", scenario.name, metric.unit, metric.better.in_words()))
        .stdin(Stdio::piped())
        .spawn()?;
    drawing.stdin.take().ok_or("no input")?.write_all(points.as_bytes())?;
    if drawing.wait()?.success() { Ok(()) } else { Err("a chart can't be drawn".into()) }
}
