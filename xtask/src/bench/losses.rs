//! Where polywire is behind, found in what was measured.

use std::fmt::Write;

use super::outcome::{Entry, low_median_high};
use super::scenario::{Better, Metric, Scenario};
use super::table::shown;

/// What is less is taken for chance.
const NOTED: f64 = 0.97;

struct Loss {
    /// How many times as good polywire is as the one furthest ahead.
    ratio: f64,
    row: String,
}

/// A table of all rows in which another contestant did better, the worst first.
pub(crate) fn table(measured: &[(Scenario, Vec<Vec<Entry>>)]) -> String {
    let mut losses: Vec<Loss> =
        measured.iter().flat_map(|(scenario, all)| of(scenario, all)).collect();
    losses.sort_by(|one, other| one.ratio.total_cmp(&other.ratio));
    let mut text = String::from(
        "## Where polywire is behind\n\nAll rows below in which another contestant was at least 3 % better in the \
         median of the rounds, the worst first; those of clients that are the same for all are left out. The \
         ratio is the median of the rounds', not that of the two figures.\n\n\
         | | polywire | furthest ahead | whose | ratio |\n|---|---|---|---|---|\n",
    );
    losses.iter().for_each(|loss| text.push_str(&loss.row));
    text
}

fn of(scenario: &Scenario, measured: &[Vec<Entry>]) -> Vec<Loss> {
    // Over TLS the column `polywire` has none.
    let ours = if scenario.name.starts_with("tls") { "polywire-tls" } else { "polywire" };
    let metrics = scenario.metrics.iter().filter(|metric| metric.key != "client_us");
    let mut losses = Vec::new();
    for metric in metrics {
        for (case, entries) in scenario.cases.iter().zip(measured) {
            let name = format!("{}: {}, {}", scenario.name, case.name, metric.unit);
            losses.extend(worst(ours, metric, &name, entries));
        }
    }
    losses
}

/// Against the one that was ahead the most.
fn worst(ours: &str, metric: &Metric, name: &str, entries: &[Entry]) -> Option<Loss> {
    let own = entries.iter().find(|entry| entry.contestant == ours)?;
    let rivals = entries.iter().filter(|entry| !entry.contestant.starts_with("polywire"));
    let compared = rivals.filter_map(|rival| Some((ratio(own, rival, metric)?, rival)));
    let (ratio, rival) = compared.min_by(|(one, _), (other, _)| one.total_cmp(other))?;
    if ratio >= NOTED {
        return None;
    }
    let [_, own, _] = own.spread(metric.key)?;
    let [_, best, _] = rival.spread(metric.key)?;
    let mut row = String::new();
    let (own, best, whose) = (shown(own), shown(best), rival.contestant);
    let _ = writeln!(row, "| {name} | {own} | {best} | {whose} | {} |", shown(ratio));
    Some(Loss { ratio, row })
}

/// How many times as good `own` is in the same round: the median of that.
fn ratio(own: &Entry, rival: &Entry, metric: &Metric) -> Option<f64> {
    let rounds = own.outcomes.iter().zip(&rival.outcomes).filter_map(|(own, rival)| {
        let (own, rival) = (own.values()?.get(metric.key)?, rival.values()?.get(metric.key)?);
        let ratio = match metric.better {
            Better::Higher => own / rival,
            Better::Lower | Better::LowerBy => rival / own,
        };
        ratio.is_finite().then_some(ratio)
    });
    let [_, median, _] = low_median_high(rounds.collect())?;
    Some(median)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::outcome::Outcome;
    use crate::bench::scenario::{higher, lower};
    use crate::bench::values::parse;

    fn entry(contestant: &'static str, said: &[&str]) -> Entry {
        let outcomes = said.iter().map(|line| Outcome::Measured(parse(line))).collect();
        Entry { contestant, outcomes }
    }

    #[test]
    fn the_one_that_is_ahead_the_most_is_named() {
        let entries = [
            entry("mio", &["result=1 x=110", "result=1 x=90", "result=1 x=120"]),
            entry("polywire", &["result=1 x=100", "result=1 x=100", "result=1 x=100"]),
            entry("tokio", &["result=1 x=200", "result=1 x=200", "result=1 x=200"]),
            entry("polywire-two", &["result=1 x=900", "result=1 x=900", "result=1 x=900"]),
        ];
        let loss = worst("polywire", &higher("x", "X/s"), "row", &entries).expect("a loss");
        assert_eq!(loss.row, "| row | 100 | 200 | tokio | 0.50 |\n");
        assert!(worst("polywire", &lower("x", "X"), "row", &entries[1..]).is_none());
        let loss = worst("polywire", &higher("x", "X/s"), "row", &entries[..2]).expect("a loss");
        assert!((loss.ratio - 100.0 / 110.0).abs() < 1e-9);
    }
}
