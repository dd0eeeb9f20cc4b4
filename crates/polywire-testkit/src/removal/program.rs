//! What the program of the node does in its callbacks.

use std::time::Duration;

use polywire_core::events::EventSender;
use polywire_core::network::NetEvent;
use polywire_core::reconnect::Backoff;
use polywire_core::{Endpoint, Limits, ResourceId};

use crate::host::Host;
use crate::removal::actions::{MAX_CONNECTS, send_last_words, some_endpoint, some_len};
use crate::removal::phase::Phase;
use crate::removal::ports::{DISCARD, PEER_PORTS, PORTS};
use crate::{Wire, World};

pub(super) enum Signal {
    /// To do anything.
    Act,
    Enter(Phase),
}

pub(super) struct Program<'a> {
    world: &'a World,
    wire: &'a Wire,
    limits: &'a Limits,
    signals: Option<EventSender<Signal>>,
    is_acting: bool,
}

impl<'a> Program<'a> {
    pub(super) fn new(
        world: &'a World,
        (wire, limits): (&'a Wire, &'a Limits),
        signals: Option<EventSender<Signal>>,
    ) -> Self {
        Self { world, wire, limits, signals, is_acting: true }
    }

    pub(super) fn begin(&self, host: &mut Host) {
        for port in PORTS {
            host.listen(self.wire, self.limits.clone(), port).expect("nobody else listens there");
        }
    }

    pub(super) fn enter(&mut self, host: &mut Host, phase: Phase) {
        self.is_acting = false;
        match phase {
            Phase::LastWords => send_last_words(host),
            _ => host.resume_all(),
        }
    }

    pub(super) fn answer(&self, host: &mut Host, event: &NetEvent<'_>) {
        if !self.is_acting {
            return;
        }
        let (NetEvent::Connected(endpoint, _)
        | NetEvent::Accepted(endpoint, _)
        | NetEvent::Message(endpoint, _)
        | NetEvent::Disconnected(endpoint)) = *event;
        if let (NetEvent::Accepted(_, listener), true) = (event, self.chance(8)) {
            self.change_listener(host, *listener);
        }
        if self.chance(3) {
            self.act(host, Some(endpoint));
        }
        self.send_signal();
    }

    /// What it does between two calls of the loop.
    pub(super) fn act_outside(&self, host: &mut Host) {
        for _ in 0..self.world.choose(3) {
            self.act(host, None);
        }
        if let (true, Some(endpoint)) = (self.chance(2), some_endpoint(host, self.world)) {
            // Serves what is ready now, and keeps the events of it for the next turn.
            let _ = host.network.is_ready(endpoint.resource_id());
        }
    }

    /// Does something, half of the time with the endpoint of the event at hand.
    pub(super) fn act(&self, host: &mut Host, at_hand: Option<Endpoint>) {
        if !self.is_acting {
            return;
        }
        let at_hand = at_hand.filter(|_| self.chance(2));
        if let Some(endpoint) = at_hand.or_else(|| some_endpoint(host, self.world)) {
            self.change_endpoint(host, endpoint);
        }
        match self.world.choose(12) {
            0..2 => {
                let listeners = host.listeners.values();
                let any = listeners.map(|it| it.id).nth(self.world.choose(host.listeners.len()));
                any.into_iter().for_each(|id| self.change_listener(host, id));
            }
            2 => {
                let port = PORTS.start + self.world.choose(PORTS.len()) as u16;
                let _ = host.listen(self.wire, self.limits.clone(), port); // If it is free.
            }
            3..5 => self.connect(host),
            5 => self.send_signal(),
            _ => {}
        }
    }

    fn change_endpoint(&self, host: &mut Host, endpoint: Endpoint) {
        let id = endpoint.resource_id();
        match self.world.choose(16) {
            0..2 => host.remove(endpoint),
            2..4 => host.pause(id),
            4..7 => host.resume(id),
            7..10 => {
                host.send(endpoint, some_len(self.world), false);
            }
            _ => {}
        }
    }

    fn change_listener(&self, host: &mut Host, id: ResourceId) {
        match self.world.choose(7) {
            0 => host.remove_listener(id),
            1..4 => host.pause(id),
            _ => host.resume(id),
        }
    }

    fn connect(&self, host: &mut Host) {
        let opened = host.endpoints.values().filter(|track| !track.is_accepted).count();
        if opened >= MAX_CONNECTS {
            return;
        }
        let port = match self.world.choose(10) {
            0 => DISCARD,
            1 => PORTS.end, // Nobody listens there.
            2 => PORTS.start + self.world.choose(PORTS.len()) as u16,
            _ => PEER_PORTS.start + self.world.choose(PEER_PORTS.len()) as u16,
        };
        let backoff = Backoff::default()
            .with_first_delay(Duration::from_millis(10))
            .with_max_delay(Duration::from_millis(40))
            .with_jitter(0.0);
        let backoff = self.chance(5).then_some(backoff);
        host.connect(self.wire, (self.limits.clone(), port), backoff);
    }

    /// Sometimes has the program act in a signal.
    fn send_signal(&self) {
        let Some(signals) = self.signals.as_ref().filter(|_| self.is_acting) else { return };
        match self.world.choose(8) {
            0 => signals.send(Signal::Act),
            1..4 => signals.send_with_priority(Signal::Act),
            4 => {
                let after = Duration::from_millis(self.world.choose(4) as u64);
                signals.send_with_timer(Signal::Act, after);
            }
            _ => {}
        }
    }

    /// One of so many times.
    fn chance(&self, times: usize) -> bool {
        self.world.choose(times) == 0
    }
}
