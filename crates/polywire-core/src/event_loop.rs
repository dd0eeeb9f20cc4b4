//! The one loop: wait, dispatch, deliver, flush, fire.
//!
//! Everything a connection or a listener does is driven from here, by whichever thread runs the
//! loop. Handles never touch a resource; they leave commands.

mod deadlines;
mod delivery;
mod resource;
mod shutdown;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::adapter::{Accepting, Connection, Io, Opening, Received, Registration};
use crate::close_reason::CloseReason;
use crate::endpoint::{ResourceId, ResourceType};
use crate::network::shared::{Command, Shared};
use crate::network::{NetEvent, StoredNetEvent};
use crate::poller::{AnyPoller, Poller, Readiness, token_of};
use crate::registry::{NewEntry, Stage};

use deadlines::Deadlines;
use delivery::{ConnectionSink, DatagramSink};
use resource::{Driven, Origin, Resource};

/// Bytes of the buffer that every read of the loop goes to.
const BUFFER: usize = 256 << 10;
/// Connections a listener may accept in one turn.
const ACCEPTS_PER_TURN: usize = 256;
/// Commands and announcements taken at a time, so that a flood of them starves nobody.
const MAIL_PER_LOOK: usize = 4096;
/// Time until a listener that ran out of descriptors or memory tries again.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The program's callback, or what stands for it.
pub(crate) type Callback<'a> = &'a mut dyn FnMut(NetEvent<'_>);

/// How long a turn may wait for the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Something else is to be done.
    No,
    Until(Instant),
    Forever,
}

pub(crate) struct EventLoop {
    shared: Arc<Shared>,
    poller: AnyPoller,
    /// By slot of their id.
    resources: Vec<Option<Box<Resource>>>,
    /// Resources with readiness that was not served yet, each once.
    ready: VecDeque<ResourceId>,
    deadlines: Deadlines,
    buffer: Box<[u8]>,
    /// What the poller told, emptied at each turn.
    polled: Vec<(usize, Readiness)>,
    /// Set while the program can't be told: events are kept, and connections that are ready are
    /// not read, so that the kernel keeps what they carry.
    holding: bool,
    backlog: VecDeque<StoredNetEvent>,
    held: Vec<ResourceId>,
}

impl EventLoop {
    pub(crate) fn new(shared: Arc<Shared>, poller: AnyPoller) -> Self {
        Self {
            shared,
            poller,
            resources: Vec::new(),
            ready: VecDeque::new(),
            deadlines: Deadlines::default(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            polled: Vec::new(),
            holding: false,
            backlog: VecDeque::new(),
            held: Vec::new(),
        }
    }

    /// One turn: waits as long as `wait` says and nothing happens, then serves what is ready once.
    ///
    /// # Errors
    ///
    /// The poller's; nothing can be served after one.
    pub(crate) fn turn(
        &mut self,
        wait: &dyn Fn() -> Wait,
        callback: Callback<'_>,
    ) -> io::Result<()> {
        self.deliver_backlog(callback);
        self.take_mail(callback);
        if self.must_stop() {
            return Ok(());
        }
        self.poll(wait)?;
        self.take_mail(callback);
        self.fire_deadlines(callback);
        self.serve_ready(callback);
        Ok(())
    }

    /// Runs the loop without telling the program anything until `done` or `until`: events wait in
    /// the backlog, messages in the kernel.
    pub(crate) fn turn_holding(
        &mut self,
        until: Option<Instant>,
        done: impl Fn() -> bool,
    ) -> io::Result<()> {
        self.holding = true;
        // A connect may be refused, and so done, before there is anything to wait for.
        let wait = || match until {
            _ if done() => Wait::No,
            Some(until) => Wait::Until(until),
            None => Wait::Forever,
        };
        let is_over = || until.is_some_and(|until| Instant::now() >= until);
        let mut result = Ok(());
        while result.is_ok() && !done() && !is_over() && !self.shared.is_stopping() {
            result = self.turn(&wait, &mut |_| {});
        }
        self.stop_holding();
        result
    }

    /// Does what handles asked for while nobody runs the loop.
    pub(crate) fn take_mail_holding(&mut self) {
        self.holding = true;
        self.take_mail(&mut |_| {});
        self.stop_holding();
    }

    fn stop_holding(&mut self) {
        self.holding = false;
        for id in std::mem::take(&mut self.held) {
            self.mark_ready(id, Readiness::default());
        }
    }

    /// Does what handles asked for, without waiting or serving.
    pub(crate) fn take_mail(&mut self, callback: Callback<'_>) {
        for _ in 0..MAIL_PER_LOOK {
            let Some(command) = self.shared.commands.pop() else { break };
            self.obey(command, callback);
        }
        for _ in 0..MAIL_PER_LOOK {
            let Some((id, readiness)) = self.shared.announcements.pop() else { break };
            if readiness == Readiness::WRITABLE {
                self.flush(id, callback);
            } else {
                self.mark_ready(id, readiness);
            }
        }
    }

    /// Whether the turn must end after the event in hand.
    fn must_stop(&self) -> bool {
        self.shared.is_stopping() && !self.holding
    }

    fn deliver_backlog(&mut self, callback: Callback<'_>) {
        while !self.holding && !self.must_stop() {
            let Some(event) = self.backlog.pop_front() else { return };
            if !self.is_obsolete(&event) {
                callback(event.borrow());
            }
        }
    }

    /// Whether the program removed the endpoint of an event meanwhile.
    fn is_obsolete(&self, event: &StoredNetEvent) -> bool {
        let (StoredNetEvent::Connected(endpoint, _)
        | StoredNetEvent::Accepted(endpoint, _)
        | StoredNetEvent::Message(endpoint, _)
        | StoredNetEvent::Disconnected(endpoint)) = event;
        self.shared.reasons.get(endpoint.resource_id()) == Some(CloseReason::Removed)
    }

    fn poll(&mut self, wait: &dyn Fn() -> Wait) -> io::Result<()> {
        let timeout = self.timeout(wait);
        let result = self.poller.poll(&mut self.polled, timeout);
        self.shared.waker.awake();
        if timeout != Some(Duration::ZERO) {
            self.shared.counters.wake_ups.add_alone(1);
        }
        result?;
        let mut polled = std::mem::take(&mut self.polled);
        for (token, readiness) in polled.drain(..) {
            let slot = ResourceId::from(token).slot();
            let Some(Some(resource)) = self.resources.get(slot) else { continue };
            let id = resource.entry.id;
            if token_of(id) == token {
                self.mark_ready(id, readiness);
            }
        }
        self.polled = polled;
        Ok(())
    }

    /// How long to wait. Whatever happens after this has looked wakes the poller.
    fn timeout(&self, wait: &dyn Fn() -> Wait) -> Option<Duration> {
        self.shared.waker.fall_asleep();
        if !self.ready.is_empty() || self.shared.has_mail() || self.must_stop() {
            return Some(Duration::ZERO);
        }
        let until = match (wait(), self.deadlines.next()) {
            (Wait::No, _) => return Some(Duration::ZERO),
            (Wait::Forever, None) => return None,
            (Wait::Forever, Some(deadline)) => deadline,
            (Wait::Until(until), None) => until,
            (Wait::Until(until), Some(deadline)) => until.min(deadline),
        };
        Some(until.saturating_duration_since(self.shared.clock.now()))
    }

    fn mark_ready(&mut self, id: ResourceId, readiness: Readiness) {
        if let Some(resource) = self.resource(id) {
            resource.pending.merge(readiness);
            if !std::mem::replace(&mut resource.listed, true) {
                self.ready.push_back(id);
            }
        }
    }

    /// Serves each resource that is ready now once, and writes what was sent meanwhile after each.
    fn serve_ready(&mut self, callback: Callback<'_>) {
        for _ in 0..self.ready.len() {
            if self.must_stop() {
                return;
            }
            let Some(id) = self.ready.pop_front() else { return };
            let Some(mut resource) = self.take_out(id) else { continue };
            resource.listed = false;
            let readiness = std::mem::take(&mut resource.pending);
            self.serve(resource, readiness, callback);
            self.take_mail(callback);
        }
    }

    fn serve(&mut self, mut resource: Box<Resource>, readiness: Readiness, callback: Callback<'_>) {
        match &resource.driven {
            Driven::Opening { .. } => self.open(resource, readiness, callback),
            Driven::Ready(_) if self.holding => {
                resource.pending = readiness;
                self.held.push(resource.entry.id);
                self.put_back(resource);
            }
            Driven::Ready(_) => self.transfer(resource, readiness, callback),
            Driven::Closing { .. } => self.go_on_closing(resource, readiness),
            Driven::Listening(_) => self.listen(resource, readiness, callback),
        }
    }

    fn obey(&mut self, command: Command, callback: Callback<'_>) {
        match command {
            Command::Connect(entry, remote, outcome) => {
                let origin = Origin::Connected(outcome);
                self.start(Resource::opening(entry, remote, origin), callback);
            }
            Command::Adopt(entry, remote) => {
                let mut resource = Resource::opening(entry, remote, Origin::Connected(None));
                match self.register(&mut resource) {
                    Ok(()) => self.become_ready(resource, callback),
                    Err(error) => self.fail(resource, (&error).into(), callback),
                }
            }
            Command::Listen(entry, local) => {
                let mut resource = Resource::listening(entry, local);
                self.make_room(resource.entry.id);
                self.try_listening(&mut resource);
                self.put_back(resource);
            }
            Command::Remove(id) => self.remove(id),
        }
    }

    /// Takes a new connection into the loop.
    fn start(&mut self, mut resource: Box<Resource>, callback: Callback<'_>) {
        match self.register(&mut resource) {
            Ok(()) => self.open(resource, Readiness::BOTH, callback),
            Err(error) => self.fail(resource, (&error).into(), callback),
        }
    }

    fn register(&mut self, resource: &mut Resource) -> io::Result<()> {
        let id = resource.entry.id;
        self.make_room(id);
        let registration = Registration {
            registry: self.poller.registry(),
            id,
            announcements: &self.shared.announcements,
        };
        match &mut resource.driven {
            Driven::Opening { remote, .. } | Driven::Ready(remote) => {
                remote.register(&registration)
            }
            Driven::Closing { remote, .. } => remote.register(&registration),
            Driven::Listening(local) => local.register(&registration),
        }
    }

    fn open(&mut self, mut resource: Box<Resource>, readiness: Readiness, callback: Callback<'_>) {
        let Driven::Opening { remote, handshaking, .. } = &mut resource.driven else { return };
        let limits = &resource.entry.limits;
        let mut io = lend(
            (&mut self.buffer, &self.poller, &self.shared),
            (resource.entry.id, limits.read_budget, readiness),
        );
        match remote.open(&mut io) {
            Opening::Connecting => {
                let timeout = limits.connect_timeout;
                if resource.deadline.is_none() {
                    self.arm(&mut resource, timeout);
                }
                self.put_back(resource);
            }
            Opening::Handshaking => {
                let timeout = limits.handshake_timeout;
                let begun = std::mem::replace(handshaking, true);
                // One that was removed keeps the deadline it has been given to drain.
                if !begun && !resource.entry.is_over() {
                    self.arm(&mut resource, timeout);
                }
                self.put_back(resource);
            }
            Opening::Ready => self.become_ready(resource, callback),
            Opening::Failed(reason) => self.fail(resource, reason, callback),
        }
    }

    fn become_ready(&mut self, mut resource: Box<Resource>, callback: Callback<'_>) {
        let origin = resource.become_ready();
        let entry = Arc::clone(&resource.entry);
        if !entry.become_ready() {
            // Removed meanwhile: what was sent before still goes out.
            return self.close(resource, CloseReason::Removed);
        }
        resource.deadline = None;
        self.put_back(resource);
        // What came along with the last of the handshake waits already.
        self.mark_ready(entry.id, Readiness::READABLE);
        let endpoint = entry.endpoint();
        match origin {
            Origin::Accepted(listener) => {
                self.emit(NetEvent::Accepted(endpoint, listener), callback);
            }
            Origin::Connected(outcome) => {
                if let Some(outcome) = outcome {
                    let _ = outcome.set(Ok(()));
                    self.shared.seat.notify();
                }
                self.emit(NetEvent::Connected(endpoint, true), callback);
            }
        }
    }

    /// The connection did not come to be.
    fn fail(&mut self, mut resource: Box<Resource>, reason: CloseReason, callback: Callback<'_>) {
        let entry = Arc::clone(&resource.entry);
        self.shared.reasons.record(entry.id, reason.clone());
        let was_known = entry.end() != Stage::Over;
        let origin = resource.become_ready();
        self.close(resource, reason.clone());
        match origin {
            Origin::Connected(Some(outcome)) => {
                let _ = outcome.set(Err(reason));
                self.shared.seat.notify();
            }
            Origin::Connected(None) if was_known => {
                self.emit(NetEvent::Connected(entry.endpoint(), false), callback);
            }
            Origin::Connected(None) => {}
            Origin::Accepted(listener) => {
                self.shared.counters.refused.add_alone(1);
                tracing::debug!(%listener, peer = %entry.addr, %reason, "handshake failed");
            }
        }
    }

    /// Reads and writes a connection that is ready.
    fn transfer(
        &mut self,
        mut resource: Box<Resource>,
        readiness: Readiness,
        callback: Callback<'_>,
    ) {
        let Driven::Ready(remote) = &mut resource.driven else { return };
        let entry = &resource.entry;
        let mut received = Received::Drained;
        if readiness.writable {
            if let Err(reason) = remote.flush() {
                received = Received::Ended(reason);
            }
        }
        if readiness.readable && received == Received::Drained && !entry.is_over() {
            let mut io = lend(
                (&mut self.buffer, &self.poller, &self.shared),
                (entry.id, entry.limits.read_budget, readiness),
            );
            let mut sink = ConnectionSink::new(&self.shared, entry, callback);
            received = remote.receive(&mut io, &mut sink);
        }
        match received {
            Received::Drained => self.put_back(resource),
            Received::Unfinished => {
                let id = entry.id;
                self.put_back(resource);
                self.mark_ready(id, Readiness { writable: false, readable: true, ..readiness });
            }
            Received::Ended(reason) => self.end(resource, reason, callback),
        }
    }

    /// Writes what waits on one connection or listener.
    fn flush(&mut self, id: ResourceId, callback: Callback<'_>) {
        let Some(resource) = self.resource(id) else { return };
        match &mut resource.driven {
            Driven::Ready(remote) => {
                if let Err(reason) = remote.flush() {
                    if let Some(resource) = self.take_out(id) {
                        self.end(resource, reason, callback);
                    }
                }
            }
            Driven::Listening(local) => local.flush(),
            Driven::Opening { .. } | Driven::Closing { .. } => {
                self.mark_ready(id, Readiness::WRITABLE);
            }
        }
    }

    /// A connection that was ready is over.
    fn end(&mut self, resource: Box<Resource>, reason: CloseReason, callback: Callback<'_>) {
        let entry = Arc::clone(&resource.entry);
        tracing::debug!(endpoint = %entry.id, peer = %entry.addr, %reason, "connection ended");
        if let CloseReason::OutboxLimit { .. } = reason {
            tracing::warn!(
                endpoint = %entry.id, peer = %entry.addr, %reason,
                "closed a peer that reads too slowly; use try_send, or raise outbox_hard_limit"
            );
        }
        let tell = entry.end() != Stage::Over;
        if tell {
            self.shared.reasons.record(entry.id, reason.clone());
        }
        self.close(resource, reason);
        if tell {
            self.emit(NetEvent::Disconnected(entry.endpoint()), callback);
        }
    }

    /// Begins the polite end of a connection; the program has been told or needs not be.
    fn close(&mut self, mut resource: Box<Resource>, reason: CloseReason) {
        resource.begin_closing(reason);
        let linger = resource.entry.limits.linger;
        self.arm(&mut resource, linger);
        self.go_on_closing(resource, Readiness::BOTH);
    }

    fn emit(&mut self, event: NetEvent<'_>, callback: Callback<'_>) {
        if self.holding {
            self.backlog.push_back(event.into());
        } else if !self.must_stop() {
            callback(event);
        }
    }

    fn listen(
        &mut self,
        mut resource: Box<Resource>,
        readiness: Readiness,
        callback: Callback<'_>,
    ) {
        let id = resource.entry.id;
        let Driven::Listening(local) = &mut resource.driven else { return };
        let budget = match resource.entry.sender {
            Some(_) if self.holding => {
                resource.pending = readiness;
                self.held.push(id);
                return self.put_back(resource);
            }
            Some(_) => resource.entry.limits.read_budget,
            None => ACCEPTS_PER_TURN,
        };
        let mut io = lend((&mut self.buffer, &self.poller, &self.shared), (id, budget, readiness));
        let mut sink = DatagramSink::new(&self.shared, &resource.entry, callback);
        let accepting = local.ready(&mut io, &mut sink);
        let accepted = sink.into_accepted();
        if accepting == Accepting::Exhausted {
            self.shared.counters.accept_exhausted.add_alone(1);
            self.arm(&mut resource, ACCEPT_RETRY);
        }
        self.put_back(resource);
        if accepting == Accepting::Unfinished {
            self.mark_ready(id, readiness);
        }
        for connection in accepted {
            self.accept(id, connection, callback);
        }
    }

    fn accept(&mut self, listener: ResourceId, connection: Connection, callback: Callback<'_>) {
        let new = NewEntry {
            tag: listener.adapter_id(),
            kind: ResourceType::Remote,
            addr: connection.peer,
            local: connection.local,
            limits: connection.remote.limits(),
            sender: Some(connection.remote.sender()),
        };
        let Some(entry) = self.shared.registry.insert(new) else {
            self.shared.counters.refused.add_alone(1);
            return;
        };
        let origin = Origin::Accepted(listener);
        self.start(Resource::opening(entry, connection.remote, origin), callback);
    }

    /// Registers a listener, or sees to it that this is tried again.
    fn try_listening(&mut self, resource: &mut Resource) {
        match self.register(resource) {
            Ok(()) => resource.registered = true,
            Err(error) => {
                let listener = resource.entry.id;
                tracing::warn!(%listener, %error, "a listener could not be polled; trying again");
                self.arm(resource, ACCEPT_RETRY);
            }
        }
    }

    fn remove(&mut self, id: ResourceId) {
        let Some(mut resource) = self.take_out(id) else { return };
        match &resource.driven {
            Driven::Listening(_) => self.forget(resource),
            Driven::Ready(_) => self.close(resource, CloseReason::Removed),
            Driven::Opening { .. } if resource.has_unsent() => {
                // What was accepted for sending goes out as soon as the connection is ready.
                let linger = resource.entry.limits.linger;
                self.arm(&mut resource, linger);
                self.put_back(resource);
            }
            Driven::Opening { .. } => self.close(resource, CloseReason::Removed),
            Driven::Closing { .. } => self.put_back(resource),
        }
    }

    fn fire_deadlines(&mut self, callback: Callback<'_>) {
        if self.deadlines.next().is_none() {
            return;
        }
        let now = self.shared.clock.now();
        while let Some((at, id)) = self.deadlines.pop_due(now) {
            let Some(mut resource) = self.take_out(id) else { continue };
            if resource.deadline != Some(at) {
                self.put_back(resource);
                continue;
            }
            resource.deadline = None;
            self.expire(resource, callback);
        }
    }

    /// The deadline of a resource is over.
    fn expire(&mut self, mut resource: Box<Resource>, callback: Callback<'_>) {
        match &resource.driven {
            Driven::Opening { .. } if resource.entry.is_over() => {
                let id = resource.entry.id;
                self.shared.reasons.correct(id, CloseReason::LingerTimeout);
                self.forget(resource);
            }
            Driven::Opening { handshaking: true, .. } => {
                self.fail(resource, CloseReason::HandshakeTimeout, callback);
            }
            Driven::Opening { .. } => {
                if self.turn_to_next_address(&mut resource) {
                    self.put_back(resource);
                } else {
                    self.fail(resource, CloseReason::ConnectTimeout, callback);
                }
            }
            Driven::Closing { flushing: true, .. } => {
                let id = resource.entry.id;
                self.shared.reasons.correct(id, CloseReason::LingerTimeout);
                self.forget(resource);
            }
            Driven::Closing { .. } => self.forget(resource),
            Driven::Ready(_) => self.put_back(resource),
            Driven::Listening(_) => {
                if !resource.registered {
                    self.try_listening(&mut resource);
                }
                let id = resource.entry.id;
                self.put_back(resource);
                self.mark_ready(id, Readiness::READABLE);
            }
        }
    }

    fn turn_to_next_address(&mut self, resource: &mut Resource) -> bool {
        let registration = Registration {
            registry: self.poller.registry(),
            id: resource.entry.id,
            announcements: &self.shared.announcements,
        };
        let Driven::Opening { remote, .. } = &mut resource.driven else { return false };
        let turned = remote.next_address(&registration);
        if turned {
            self.arm(resource, resource.entry.limits.connect_timeout);
        }
        turned
    }

    fn arm(&mut self, resource: &mut Resource, after: Duration) {
        let Some(at) = self.shared.clock.now().checked_add(after) else {
            resource.deadline = None;
            return;
        };
        resource.deadline = Some(at);
        let (id, resources) = (resource.entry.id, &self.resources);
        self.deadlines.arm(at, id, |at, id| {
            // The one being armed is not in its place just now.
            let found = resources.get(id.slot()).and_then(Option::as_ref);
            found.is_none_or(|other| other.entry.id == id && other.deadline == Some(at))
        });
    }

    fn resource(&mut self, id: ResourceId) -> Option<&mut Resource> {
        self.resources.get_mut(id.slot())?.as_deref_mut().filter(|resource| resource.entry.id == id)
    }

    fn take_out(&mut self, id: ResourceId) -> Option<Box<Resource>> {
        self.resources.get_mut(id.slot())?.take_if(|resource| resource.entry.id == id)
    }

    fn put_back(&mut self, resource: Box<Resource>) {
        let slot = resource.entry.id.slot();
        self.resources[slot] = Some(resource);
    }

    fn make_room(&mut self, id: ResourceId) {
        if self.resources.len() <= id.slot() {
            self.resources.resize_with(id.slot() + 1, || None);
        }
    }

    /// Closes a resource for good and frees its slot.
    fn forget(&mut self, resource: Box<Resource>) {
        let id = resource.entry.id;
        drop(resource);
        self.shared.registry.remove(id);
    }
}

/// What an adapter may use for one call.
fn lend<'a>(
    (buffer, poller, shared): (&'a mut [u8], &'a AnyPoller, &'a Shared),
    (id, budget, readiness): (ResourceId, usize, Readiness),
) -> Io<'a> {
    let registration =
        Registration { registry: poller.registry(), id, announcements: &shared.announcements };
    Io { buffer, budget: budget.max(1), readiness, registration }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop").field("shared", &self.shared).finish_non_exhaustive()
    }
}
