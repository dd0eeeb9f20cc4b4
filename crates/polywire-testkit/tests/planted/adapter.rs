//! A transport inside one process, with a fault.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Weak};

use polywire_core::adapter::*;
use polywire_core::address::RemoteAddr;
use polywire_core::{CloseReason, Limits, Message, Notifier, Readiness, WhenFull};
use polywire_testkit::conformance::Checked;

use super::fault::Fault;
use super::pipe::{Pipe, lock};

/// Connections that wait to be accepted; more are refused.
const BACKLOG: usize = 256;
/// What a message counts at least, as everywhere: short ones cost more than their bytes.
const LEAST_COST: usize = 256;

/// The transport. Clones know the same names; values made apart do not.
#[derive(Clone)]
pub struct Planted {
    fault: Fault,
    /// Whether its connections are watched.
    is_checked: bool,
    names: Arc<Mutex<HashMap<String, Weak<Backlog>>>>,
    limits: Arc<Limits>,
    /// Whether a system has taken some more after it was full.
    has_grown: Arc<AtomicBool>,
}

impl Planted {
    pub fn new(fault: Fault) -> Self {
        let (names, limits, has_grown) = Default::default();
        Self { fault, is_checked: false, names, limits, has_grown }
    }

    pub fn checked(fault: Fault) -> Self {
        Self { is_checked: true, ..Self::new(fault) }
    }

    pub fn with_limits(&self, limits: Limits) -> Self {
        Self { limits: Arc::new(limits), ..self.clone() }
    }

    /// The callback never waits: the other end is often of the same node.
    fn effective_limits(&self) -> Arc<Limits> {
        Arc::new(Limits::clone(&self.limits).with_when_full(WhenFull::Disconnect))
    }

    fn pipe(&self, limits: Arc<Limits>) -> Arc<Pipe> {
        Arc::new(Pipe::new(self.fault, limits, Arc::clone(&self.has_grown)))
    }
}

impl Listen for Planted {
    fn listen(&self, addr: &RemoteAddr) -> io::Result<Listener> {
        let mut names = lock(&self.names);
        let before = names.get(addr.string()).and_then(Weak::upgrade);
        let is_taken = before.is_some_and(|before| lock(&before.waiting).is_open);
        if is_taken && self.fault != Fault::SharesAddresses {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let limits = self.effective_limits();
        let waiting = Waiting { is_open: true, limits: Arc::clone(&limits), ..Waiting::default() };
        let backlog = Arc::new(Backlog {
            fault: self.fault,
            is_checked: self.is_checked,
            names: Arc::downgrade(&self.names),
            name: addr.string().into(),
            waiting: Mutex::new(waiting),
        });
        names.insert(addr.string().into(), Arc::downgrade(&backlog));
        Ok(Listener::new(Acceptor { backlog, limits }, addr.clone()))
    }
}

impl Connect for Planted {
    fn connect(&self, addr: &RemoteAddr) -> io::Result<Connection> {
        let backlog = lock(&self.names).get(addr.string()).and_then(Weak::upgrade);
        let backlog = backlog.filter(|backlog| lock(&backlog.waiting).has_room());
        let there = self.pipe(self.effective_limits());
        let back = match &backlog {
            Some(backlog) => self.pipe(Arc::clone(&lock(&backlog.waiting).limits)),
            None if self.fault == Fault::ConnectsToNobody => self.pipe(Arc::default()),
            None if self.fault == Fault::RefusesWithoutReason => {
                return Err(io::Error::other("nobody listens there"));
            }
            None => return Err(CloseReason::Refused.into()),
        };
        let (incoming, outgoing) = (Arc::clone(&there), Arc::clone(&back));
        let theirs = End { connects: false, incoming, outgoing };
        if let Some(backlog) = &backlog {
            let mut waiting = lock(&backlog.waiting);
            waiting.ends.push_back(theirs);
            waiting.notify();
        }
        let ours = End { connects: true, incoming: back, outgoing: there };
        let peer = match self.fault {
            Fault::TellsWrongAddress => nameless(),
            _ => addr.clone(),
        };
        Ok(connection(ours, self.is_checked, peer))
    }
}

/// Where connections wait for the node that listens.
struct Backlog {
    fault: Fault,
    is_checked: bool,
    names: Weak<Mutex<HashMap<String, Weak<Self>>>>,
    name: String,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    ends: VecDeque<End>,
    is_open: bool,
    listener: Option<Notifier>,
    /// Of what the listener sends.
    limits: Arc<Limits>,
}

impl Waiting {
    fn has_room(&self) -> bool {
        self.is_open && self.ends.len() < BACKLOG
    }

    fn notify(&self) {
        self.listener.iter().for_each(|listener| listener.notify(Readiness::READABLE));
    }
}

impl Close for Backlog {
    /// Frees the name at once, also while the loop is inside a callback.
    fn close(&self) {
        if self.fault == Fault::KeepsAddress {
            return;
        }
        let mut waiting = lock(&self.waiting);
        waiting.is_open = false;
        let refused = std::mem::take(&mut waiting.ends);
        drop(waiting);
        match self.fault {
            Fault::ForgetsWhoWaits => std::mem::forget(refused),
            _ => drop(refused), // Their peers are told, without the lock.
        }
    }
}

struct Acceptor {
    backlog: Arc<Backlog>,
    limits: Arc<Limits>,
}

impl Local for Acceptor {
    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    fn closer(&self) -> Option<Arc<dyn Close>> {
        Some(Arc::<Backlog>::clone(&self.backlog))
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        let mut waiting = lock(&self.backlog.waiting);
        waiting.listener = Some(io.registration.notifier());
        waiting.notify(); // Some may have come before.
        Ok(())
    }

    fn ready(&mut self, io: &mut Io<'_>, sink: &mut dyn ListenerSink) -> Accepting {
        for _ in 0..io.budget.max(1) {
            let Some(end) = lock(&self.backlog.waiting).ends.pop_front() else {
                return Accepting::Drained;
            };
            let connection = connection(end, self.backlog.is_checked, nameless());
            if sink.accept(connection) == Flow::Stop {
                break;
            }
            if self.backlog.fault == Fault::AcceptsOne {
                return Accepting::Drained;
            }
        }
        Accepting::Unfinished
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        if self.backlog.fault == Fault::FreesAddressOfOthers {
            let names = self.backlog.names.upgrade();
            names.iter().for_each(|names| drop(lock(names).remove(&self.backlog.name)));
        }
        self.backlog.close();
    }
}

/// One side of a connection.
struct End {
    connects: bool,
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
}

impl End {
    fn has(&self, fault: Fault) -> bool {
        self.incoming.fault == fault
    }
}

impl Remote for End {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::<Pipe>::clone(&self.outgoing)
    }

    fn limits(&self) -> Arc<Limits> {
        self.outgoing.limits()
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        if !self.connects || !self.has(Fault::KeepsFirstNotifier) {
            self.outgoing.set_writer(io.registration.notifier());
        }
        self.incoming.set_reader(io.registration.notifier());
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        match self.has(Fault::FailsToOpen) {
            true => Opening::Failed(CloseReason::HandshakeTimeout),
            false => Opening::Ready, // There is no handshake.
        }
    }

    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        if self.has(Fault::Spins) {
            self.incoming.spin();
        }
        let mut budget = io.budget;
        loop {
            let message = match self.incoming.pop() {
                Ok(message) => message,
                Err(Received::Ended(_)) if self.has(Fault::TellsLossAsEnd) => {
                    return Received::Ended(CloseReason::PeerClosed);
                }
                Err(received) => return received,
            };
            assert!(!message.is_empty() || !self.has(Fault::PanicsAtEmptyMessages), "empty");
            if message.is_empty() && self.has(Fault::EndsAtEmptyMessages) {
                return Received::Ended(CloseReason::PeerClosed);
            }
            budget = budget.saturating_sub(message.len().max(LEAST_COST));
            if !self.has(Fault::HidesBudget) {
                io.budget = budget;
            }
            let flow = sink.message(Message::binary(&message), false);
            if self.has(Fault::IsNotDrained) {
                return Received::Drained;
            }
            let is_stopped = flow == Flow::Stop && !self.has(Fault::IgnoresStop);
            if is_stopped && self.has(Fault::DropsAtStop) {
                drop(self.incoming.pop());
            }
            if is_stopped || budget == 0 && !self.has(Fault::IgnoresBudget) {
                return Received::Unfinished; // What is left waits in the pipe.
            }
        }
    }

    fn control(&mut self, _: &mut Io<'_>, value: Box<dyn Any + Send>) -> Result<(), CloseReason> {
        match self.has(Fault::EndsAtUnknownControl) {
            true => Err(CloseReason::ProtocolViolation("an unknown value".into())),
            false => {
                drop(value);
                Ok(())
            }
        }
    }

    fn flush(&mut self, _: &mut Io<'_>) -> Result<(), CloseReason> {
        self.outgoing.failure().map_or(Ok(()), Err)
    }

    fn close(&mut self, _: &mut Io<'_>, reason: &CloseReason) -> Closing {
        let is_sent_to = self.incoming.discard(); // A peer that closes, too, waits until this is read.
        if self.has(Fault::ClosesAtOnce) || is_sent_to && self.has(Fault::ClosesBothWays) {
            self.outgoing.forget();
        }
        match reason {
            CloseReason::Stalled => Closing::Done, // It would take nothing now, either.
            _ => self.outgoing.closing(),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.has(Fault::BlocksForTheDead) {
            self.incoming.abandon();
        }
        self.outgoing.end();
        if self.connects && self.has(Fault::LeavesDescriptors) {
            std::mem::forget(File::open("/dev/null"));
        }
        if self.outgoing.closing() != Closing::Done {
            self.outgoing.abort(CloseReason::Reset); // The linger time is over, say.
        }
    }
}

fn connection(end: End, is_checked: bool, peer: RemoteAddr) -> Connection {
    match is_checked {
        true => Connection::new(Checked::new(end), peer, nameless()),
        false => Connection::new(end, peer, nameless()),
    }
}

/// The address of whoever connects.
fn nameless() -> RemoteAddr {
    RemoteAddr::Str("nameless".into())
}
