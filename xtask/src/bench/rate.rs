//! The load that all contestants of a case get: a part of what polywire can do at most.

use std::fmt::Write;

use super::outcome::low_median_high;
use super::run;
use super::scenario::{Case, Scenario};
use super::tools::Tools;

/// Measurements that the median is taken of.
const TIMES: usize = 3;

/// Messages a second that polywire can answer, by transport.
#[derive(Default)]
pub(crate) struct Rates(Vec<(&'static str, f64)>);

impl Rates {
    /// The case with its rate, if that is a part of the most.
    pub(crate) fn set(&mut self, scenario: &Scenario, case: &Case, tools: &Tools) -> Case {
        let mut case = case.clone();
        if let Some(share) = case.share {
            // Where polywire can't be measured, none of them is.
            if let Some(most) = self.most(scenario, &case, tools) {
                let _ = write!(case.client.args, " rate={:.0}", share * most);
            }
        }
        case
    }

    fn most(&mut self, scenario: &Scenario, case: &Case, tools: &Tools) -> Option<f64> {
        let transport = case.client.transport();
        if let Some((_, most)) = self.0.iter().find(|(of, _)| *of == transport) {
            return Some(*most);
        }
        let mut probe = case.clone();
        probe.client.args.push_str(" share=1 ms=0");
        let once =
            |_| run::once(scenario, &probe, "polywire", tools).values()?.get("rate").copied();
        let [_, most, _] = low_median_high((0..TIMES).filter_map(once).collect())?;
        self.0.push((transport, most));
        Some(most)
    }
}
