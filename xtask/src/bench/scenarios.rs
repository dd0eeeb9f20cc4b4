//! All that is measured.

mod one_way;
mod round_trips;
mod secure;
mod threads;

use super::scenario::{Scale, Scenario};
use super::tools::Tools;

/// All of them, at a scale.
pub(crate) fn all(scale: Scale, tools: &Tools) -> Vec<Scenario> {
    vec![
        round_trips::latency(scale),
        round_trips::alone(scale),
        one_way::bulk(scale, tools.has_zmq),
        one_way::small(scale, tools.has_zmq),
        one_way::datagrams(scale),
        one_way::unread(scale),
        one_way::spread(scale),
        round_trips::timeouts(scale),
        round_trips::echo(scale),
        round_trips::replies(scale, false),
        round_trips::replies(scale, true),
        round_trips::sizes(scale),
        round_trips::fan_out(scale),
        round_trips::tick(scale),
        round_trips::idle(scale),
        round_trips::burst(scale),
        round_trips::neighbours(scale),
        round_trips::calls(scale),
        round_trips::visits(scale),
        secure::echo(scale),
        secure::bulk(scale),
        secure::handshakes(scale),
        secure::idle(scale),
        threads::signals(scale),
        threads::signal_latency(scale),
        threads::timers(scale),
        threads::stop(scale),
    ]
}
