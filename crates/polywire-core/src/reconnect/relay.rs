//! What a program sends through, whichever connection its endpoint has just now.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;

use crate::adapter::{Broadcast, Info, SendFlags, Sender};
use crate::address::RemoteAddr;
use crate::close_reason::CloseReason;
use crate::endpoint::Endpoint;
use crate::message::MessageKind;
use crate::notifier::Notifier;
use crate::send_status::SendStatus;
use crate::sync::{Mutex, lock};

/// Sends through whichever connection an endpoint has just now.
#[derive(Default)]
pub(super) struct Relay {
    sender: ArcSwapOption<Arc<dyn Sender>>,
    asked: Arc<Mutex<Asked>>,
}

/// What is to be run once a connection has room. It is kept here and not by the connection, which may
/// fail before: then the next one runs it.
#[derive(Default)]
struct Asked {
    tells: BTreeMap<u64, Box<dyn FnOnce() + Send>>,
    /// Never used again: a connection that is gone may still hold an older one.
    next_number: u64,
}

impl Relay {
    pub(super) fn to(sender: Arc<dyn Sender>) -> Self {
        Self { sender: ArcSwapOption::from_pointee(sender), asked: Arc::default() }
    }

    /// Sends through that one from now on. Whoever waits for room in the one before waits no longer.
    pub(super) fn set(&self, sender: Option<Arc<dyn Sender>>) {
        let before = self.sender.swap(sender.map(Arc::new));
        if let Some(before) = before {
            before.end();
        }
        // Behind the swap: who asks behind this look finds the new sender.
        let numbers: Vec<u64> = lock(&self.asked).tells.keys().copied().collect();
        self.with(|sender| numbers.into_iter().for_each(|number| self.ask(sender, number)));
    }

    /// Has `sender` run what was asked for by that number, unless another one did.
    fn ask(&self, sender: &dyn Sender, number: u64) {
        let asked = Arc::clone(&self.asked);
        sender.when_writable(Box::new(move || {
            let tell = lock(&asked).tells.remove(&number);
            if let Some(tell) = tell {
                tell();
            }
        }));
    }

    fn with<R>(&self, act: impl FnOnce(&dyn Sender) -> R) -> Option<R> {
        // Not a guard: a send may wait long.
        self.sender.load_full().map(|sender| act(&**sender))
    }
}

/// The status of an endpoint whose connection is not there, or no more: there may be another.
fn available(status: Option<SendStatus>) -> SendStatus {
    status
        .filter(|status| *status != SendStatus::ResourceNotFound)
        .unwrap_or(SendStatus::ResourceNotAvailable)
}

impl Sender for Relay {
    fn attach(&self, notifier: Notifier) {
        self.with(|sender| sender.attach(notifier));
    }

    fn send(&self, to: &Endpoint, message: &[u8], flags: SendFlags) -> SendStatus {
        available(self.with(|sender| sender.send(to, message, flags)))
    }

    fn try_send(&self, to: &Endpoint, message: &[u8], flags: SendFlags) -> SendStatus {
        available(self.with(|sender| sender.try_send(to, message, flags)))
    }

    fn send_shared(&self, endpoint: &Endpoint, message: &Broadcast<'_>) -> SendStatus {
        available(self.with(|sender| sender.send_shared(endpoint, message)))
    }

    fn send_owned(&self, endpoint: &Endpoint, message: &Bytes, kind: MessageKind) -> SendStatus {
        available(self.with(|sender| sender.send_owned(endpoint, message, kind)))
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        self.with(|sender| sender.info(type_id)).flatten()
    }

    fn peer_name(&self, addr: SocketAddr) -> Option<RemoteAddr> {
        self.with(|sender| sender.peer_name(addr)).flatten()
    }

    fn queued(&self) -> usize {
        self.with(|sender| sender.queued()).unwrap_or(0)
    }

    fn taken(&self) -> Option<u64> {
        self.with(|sender| sender.taken()).flatten()
    }

    fn flush(&self) {
        self.with(|sender| sender.flush());
    }

    fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        let mut asked = lock(&self.asked);
        let number = asked.next_number;
        asked.next_number += 1;
        asked.tells.insert(number, tell);
        drop(asked);
        self.with(|sender| self.ask(sender, number));
    }

    fn wake(&self) {
        self.with(|sender| sender.wake());
    }

    fn abort(&self, reason: CloseReason) {
        self.with(|sender| sender.abort(reason));
    }

    /// The endpoint is over, or a connection of which `Disconnected` tells.
    fn end(&self) {
        self.with(|sender| sender.end());
        let forgotten = std::mem::take(&mut lock(&self.asked).tells);
        drop(forgotten); // Without the lock: it may hold anything of the program's.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection without room.
    #[derive(Default)]
    struct Full(Mutex<Vec<Box<dyn FnOnce() + Send>>>);

    impl Full {
        fn have_room(&self) {
            let tells = std::mem::take(&mut *lock(&self.0));
            tells.into_iter().for_each(|tell| tell());
        }
    }

    impl Sender for Full {
        fn send(&self, _: &Endpoint, _: &[u8], _: SendFlags) -> SendStatus {
            SendStatus::Full
        }

        fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
            lock(&self.0).push(tell);
        }
    }

    fn ask(relay: &Relay, told: &Arc<Mutex<Vec<u8>>>, number: u8) {
        let told = Arc::clone(told);
        relay.when_writable(Box::new(move || lock(&told).push(number)));
    }

    #[test]
    fn what_waits_for_room_is_run_once_and_in_order_by_the_connection_that_has_it() {
        let (relay, told) = (Relay::default(), Arc::default());
        ask(&relay, &told, 0);
        let connections: [Arc<Full>; 3] = Default::default();
        for (number, connection) in (1..).zip(&connections) {
            relay.set(Some(Arc::clone(connection) as Arc<dyn Sender>));
            ask(&relay, &told, number);
            relay.set(None);
            assert_eq!(*lock(&told), []);
        }
        relay.set(Some(Arc::clone(&connections[2]) as Arc<dyn Sender>));
        connections[2].have_room();
        assert_eq!(*lock(&told), [0, 1, 2, 3]);
        ask(&relay, &told, 4);
        connections[..2].iter().for_each(|connection| connection.have_room());
        assert_eq!(*lock(&told), [0, 1, 2, 3]);
        connections[2].have_room();
        assert_eq!(*lock(&told), [0, 1, 2, 3, 4]);
    }

    /// Looks at a relay as it is dropped.
    struct Asking(Arc<Relay>, Arc<Mutex<usize>>);

    impl Drop for Asking {
        fn drop(&mut self) {
            assert_eq!(self.0.asked.try_lock().iter().count(), 1, "dropped under the lock");
            *lock(&self.1) += 1;
        }
    }

    #[test]
    fn what_waits_for_room_at_the_end_is_forgotten_and_dropped_without_a_lock() {
        let dropped = Arc::default();
        for connection in [Some(Arc::<Full>::default()), None] {
            let relay = Arc::new(Relay::default());
            relay.set(connection.clone().map(|it| it as Arc<dyn Sender>));
            let asking = Asking(Arc::clone(&relay), Arc::clone(&dropped));
            relay.when_writable(Box::new(move || panic!("run for {:p}", &raw const asking)));
            relay.end();
            relay.set(Some(Arc::<Full>::default()));
            connection.into_iter().for_each(|it| it.have_room());
        }
        assert_eq!(*lock(&dropped), 2);
    }
}
