//! All that is measured.

mod compressed;
mod echo_sizes;
mod league;
mod one_way;
mod open_loop;
mod round_trips;
mod secure;
mod threads;
mod unix;

use super::scenario::{Scale, Scenario};
use super::tools::Tools;

/// Measured only when asked for: they tell no more than others, but from nearer.
pub(crate) const ON_REQUEST: [&str; 1] = ["echo-sizes"];

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
        echo_sizes::echo_sizes(scale),
        league::league(scale),
        open_loop::open_loop(scale),
        open_loop::mixed(scale),
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
        compressed::fan_out(scale),
        compressed::echo(scale, tools.node_modules.is_some()),
        secure::echo(scale),
        secure::bulk(scale),
        secure::handshakes(scale),
        secure::idle(scale),
        unix::latency(scale),
        unix::echo(scale),
        threads::signals(scale),
        threads::signal_latency(scale),
        threads::timers(scale),
        threads::stop(scale),
    ]
}
