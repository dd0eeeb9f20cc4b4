//! What the README shows of the report: some of its rows, as they are.

use std::fmt::Write as _;
use std::fs;

use crate::Result;
use crate::process::root;

/// The report that the README shows.
pub(super) const REPORT: &str = "docs/performance.md";
const BEGIN: &str =
    "<!-- From docs/performance.md, by `cargo xtask bench --out docs/performance.md`. -->\n";
const END: &str = "<!-- End. -->\n";

const COLUMNS: [&str; 6] = ["polywire", "native", "mio", "message-io", "tokio", "tokio-tuned"];

/// One or two of what each scenario is about, won or lost.
const ROWS: [(&str, &str); 19] = [
    ("latency", "framed, p50 in µs"),
    ("latency", "udp, p50 in µs"),
    ("bulk", "framed, MiB/s"),
    ("small", "framed, messages/s"),
    ("small", "ws, messages/s"),
    ("datagrams", "large receive buffer, received/s"),
    ("echo", "framed C=1000 D=1, messages/s"),
    ("echo", "framed C=100 D=16, messages/s"),
    ("echo", "framed C=100 D=16, server's CPU in µs a message"),
    ("echo", "ws C=100 D=16, server's CPU in µs a message"),
    ("echo", "framed 5120 B C=100 D=16, server's CPU in µs a message"),
    ("league", "C=512 D=16, messages/s"),
    ("open-loop", "framed C=100, 80 %, p99 in µs"),
    ("mixed", "framed, floods: 8, p99 in µs"),
    ("fan-out", "64 bytes to 1000, p50 in ms"),
    ("idle", "framed, 10000 connections, bytes of RSS each"),
    ("calls", "framed C=100 D=16, calls a message"),
    ("timers", "1000000, CPU in µs each, setting it included"),
    ("stop", "stop, p50 in µs"),
];

/// Puts into the README what it shows of the report.
pub(crate) fn renew() -> Result {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path)?;
    let (before, _, after) = parts(&readme)?;
    let shown = excerpt(&fs::read_to_string(root().join(REPORT))?)?;
    fs::write(path, [before, BEGIN, &shown, END, after].concat())?;
    Ok(())
}

/// What is wrong with what the README shows, if anything.
pub(crate) fn fault() -> Result<Option<String>> {
    let readme = fs::read_to_string(root().join("README.md"))?;
    let shown = excerpt(&fs::read_to_string(root().join(REPORT))?)?;
    let is_same = parts(&readme)?.1 == shown;
    Ok((!is_same).then(|| format!("README.md shows other figures than {REPORT}")))
}

fn parts(readme: &str) -> Result<(&str, &str, &str)> {
    let missing = || format!("README.md has no place for figures: {BEGIN}{END}");
    let (before, rest) = readme.split_once(BEGIN).ok_or_else(missing)?;
    let (shown, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok((before, shown, after))
}

/// The command, the machine, and the rows.
fn excerpt(report: &str) -> Result<String> {
    let mut shown = String::new();
    let mut lines = report.lines().skip(1).filter(|line| !line.is_empty());
    let (command, machine) = lines.next().zip(lines.next()).ok_or("the report says nothing")?;
    let brackets = machine.find(", and in brackets").or_else(|| machine.find(". In brackets"));
    let machine = &machine[..brackets.ok_or("the report does not tell of its brackets")?];
    writeln!(
        shown,
        "{command}\n\n{machine}. In brackets how many times better than the 1.00 of the row.\n"
    )?;
    let cells = |cells: &[&str]| format!("| {} |\n", cells.join(" | "));
    shown += &cells(&[&[""], &COLUMNS[..]].concat());
    shown += &cells(&["---"; COLUMNS.len() + 1]);
    for (scenario, name) in ROWS {
        let found = row(report, scenario, name);
        let found = found.ok_or_else(|| format!("{REPORT} has no `{name}` of {scenario}"))?;
        write!(shown, "| {scenario}: {name} ")?;
        found.iter().try_for_each(|cell| write!(shown, "| {cell} "))?;
        shown += "|\n";
    }
    Ok(shown)
}

/// The cells of a row of the report, in the order of [`COLUMNS`].
fn row<'a>(report: &'a str, scenario: &str, name: &str) -> Option<[&'a str; COLUMNS.len()]> {
    let (_, section) = report.split_once(&format!("\n## {scenario}\n"))?;
    let mut rows = section.lines().take_while(|line| !line.starts_with("## "));
    let heads: Vec<_> = rows.find(|line| line.starts_with("| | "))?.split('|').collect();
    let row: Vec<_> = rows
        .map(|line| line.split('|').collect::<Vec<_>>())
        .find(|cells| cells.get(1).is_some_and(|first| first.trim() == name))?;
    Some(COLUMNS.map(|column| {
        let at = heads.iter().position(|head| head.trim() == column);
        at.and_then(|at| row.get(at)).map_or("", |cell| cell.trim())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_in_its_scenario_and_put_in_order() {
        let report = "# It\n\nwhen\n\nwhere\n\n## echo\n\n| | mio | polywire |\n|---|---|---|\n\
                      | fast, x/s | 1 | 2 |\n\n## stop\n\n| | polywire |\n|---|\n| fast, x/s | 3 |\n";
        assert_eq!(row(report, "echo", "fast, x/s"), Some(["2", "", "1", "", "", ""]));
        assert_eq!(row(report, "stop", "fast, x/s"), Some(["3", "", "", "", "", ""]));
        assert_eq!(row(report, "echo", "slow"), None);
    }
}
