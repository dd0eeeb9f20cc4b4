//! Worlds in which one node removes, pauses and resumes at any moment what it has events of.

mod actions;
mod peers;
mod phase;
mod ports;
mod program;
mod verdict;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use polywire_core::Limits;
use polywire_core::node::NodeEvent;

use crate::host::Host;
use crate::{Faults, Wire, World};

use peers::Peers;
use phase::Phase;
use program::Program;

/// Runs the world of `seed`: one node listens on a few ports and connects to others, which connect to
/// it, send, remove and pause as they like. Inside its callbacks, of events as of plain signals, of
/// signals with priority and of timers, it removes, disconnects, pauses and resumes its listeners and
/// its connections in whatever stage they are. In half of the worlds [`for_each`] runs the node, in the
/// others [`process_poll_event`] does, and it acts between the calls as well. Checks that
///
/// * no event names what was removed, no `Accepted` a listener that is paused, and no `Message` a
///   connection that is;
/// * once all is resumed, connections that live have got all messages, whole and in order, and
///   carry more;
/// * the peer of what was removed lives no more either, whether the program had been told of it or not;
/// * at the end nothing is left: no socket, no endpoint, no byte.
///
/// Returns the log of all that happened to the node, the same for the same seed.
///
/// # Panics
///
/// When something does not hold.
///
/// [`for_each`]: polywire_core::node::NodeListener::for_each
/// [`process_poll_event`]: polywire_core::network::NetworkProcessor::process_poll_event
pub fn removal_world(wire: &Wire, seed: u64) -> Vec<String> {
    let faults = match seed % 4 {
        0 | 1 => Faults::UNKIND,
        2 => Faults::HOSTILE,
        _ => Faults::HOSTILE.with_reset(30),
    };
    let world = World::new(seed, Faults { exhausted: 100, ..faults });
    let limits = limits(&world);
    let mut host = match seed / 4 % 2 {
        0 => run_by_for_each(&world, wire, &limits),
        _ => run_by_hand(&world, wire, &limits),
    };
    std::mem::take(&mut host.log)
}

/// In some worlds connections end by themselves.
fn limits(world: &World) -> Limits {
    let limits = Limits::default();
    if world.choose(4) > 0 {
        return limits;
    }
    limits.with_idle_timeout(Duration::from_millis(20))
}

fn run_by_for_each(world: &World, wire: &Wire, limits: &Limits) -> Host {
    let (handler, listener, adapters) = world.node();
    let mut host = Host::run_elsewhere(handler.network().clone(), adapters, wire);
    let signals = handler.signals().clone();
    let mut program = Program::new(world, (wire, limits), Some(signals.clone()));
    program.begin(&mut host);
    let peers = Arc::new(Mutex::new(Peers::new(world, (wire, limits))));
    let others = Arc::clone(&peers);
    world.while_waiting(Some(Box::new(move || {
        if let Some(phase) = lock(&others).go_on() {
            signals.send(program::Signal::Enter(phase));
        }
    })));
    listener.for_each(|event| match event {
        NodeEvent::Network(event) => {
            host.check(&event);
            program.answer(&mut host, &event);
        }
        NodeEvent::Signal(program::Signal::Act) => program.act(&mut host, None),
        NodeEvent::Signal(program::Signal::Enter(Phase::Over)) => {
            verdict::judge(&host, &lock(&peers).hosts);
            host.note("stops".into());
            handler.stop();
        }
        NodeEvent::Signal(program::Signal::Enter(phase)) => program.enter(&mut host, phase),
    });
    end(world, host, &peers)
}

fn run_by_hand(world: &World, wire: &Wire, limits: &Limits) -> Host {
    let mut host = Host::new(world, wire);
    let mut program = Program::new(world, (wire, limits), None);
    program.begin(&mut host);
    let peers = Arc::new(Mutex::new(Peers::new(world, (wire, limits))));
    loop {
        let phase = lock(&peers).go_on();
        match phase {
            Some(Phase::Over) => break,
            Some(phase) => program.enter(&mut host, phase),
            None => program.act_outside(&mut host),
        }
        host.turn(|host, event| program.answer(host, event));
    }
    verdict::judge(&host, &lock(&peers).hosts);
    let others = Arc::clone(&peers);
    world.while_waiting(Some(Box::new(move || {
        lock(&others).go_on();
    })));
    host.stop();
    end(world, host, &peers)
}

/// The node has stopped: so do the others.
fn end(world: &World, host: Host, peers: &Mutex<Peers>) -> Host {
    assert_eq!(host.adapters.open_sockets(), 0, "sockets outlive their node");
    assert_eq!(host.network.stats().endpoints, 0, "endpoints outlive their node");
    assert_eq!(host.held(), 0, "bytes outlive their node");
    world.while_waiting(Some(Box::new(|| {})));
    lock(peers).hosts.iter_mut().for_each(Host::stop);
    world.while_waiting(None);
    assert_eq!(world.open_sockets(), 0, "sockets are left");
    host
}

fn lock(peers: &Mutex<Peers>) -> MutexGuard<'_, Peers> {
    peers.lock().unwrap_or_else(PoisonError::into_inner)
}
