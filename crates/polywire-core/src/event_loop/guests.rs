//! How many connections a listener has, against how many it may.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use slab::Slab;

use crate::address::RemoteAddr;
use crate::endpoint::ResourceId;
use crate::event_loop::EventLoop;
use crate::event_loop::resource::Resource;
use crate::limits::Limits;

/// The connections of one listener, counted.
#[derive(Debug)]
pub(super) struct Guests {
    listener: ResourceId,
    /// The listener is gone, and this goes with the last connection.
    is_closed: bool,
    connections: usize,
    shaking_hands: usize,
    /// Counted only where there is a limit.
    by_ip: HashMap<IpAddr, usize>,
}

/// The guests of every listener that has had any.
#[derive(Debug, Default)]
pub(super) struct GuestLists(Slab<Guests>);

/// The guests of one listener among the [`GuestLists`]. Small, for every accepted connection has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListId(NonZeroU32);

impl GuestLists {
    fn open(&mut self, listener: ResourceId) -> ListId {
        // No more than there are slots of resources, and the first is told from none.
        ListId(NonZeroU32::MIN.saturating_add(self.0.insert(Guests::new(listener)) as u32))
    }

    /// The listener of the list.
    pub(super) fn listener(&self, list: ListId) -> ResourceId {
        self.0[list.index()].listener
    }

    /// The listener is gone.
    pub(super) fn close(&mut self, list: ListId) {
        self.0[list.index()].is_closed = true;
        self.settle(list);
    }

    /// Notes that a connection from `peer` is gone.
    fn let_go(&mut self, list: ListId, peer: &SocketAddr, shakes_hands: bool) {
        self.0[list.index()].let_go(peer, shakes_hands);
        self.settle(list);
    }

    /// Forgets a list that nobody is on, nor will be.
    fn settle(&mut self, list: ListId) {
        let guests = &self.0[list.index()];
        if guests.is_closed && guests.connections == 0 {
            self.0.remove(list.index());
        }
    }
}

impl ListId {
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl Guests {
    fn new(listener: ResourceId) -> Self {
        let by_ip = HashMap::new();
        Self { listener, is_closed: false, connections: 0, shaking_hands: 0, by_ip }
    }

    /// Takes one more in, if the limits allow.
    fn take_in(&mut self, peer: &RemoteAddr, limits: &Limits) -> bool {
        let is_full = self.connections >= limits.max_connections
            || self.shaking_hands >= limits.max_handshakes;
        if is_full {
            return false;
        }
        if limits.max_connections_per_ip < usize::MAX && peer.is_socket_addr() {
            let ip = ip_of(peer.socket_addr());
            let count = self.by_ip.get(&ip).copied().unwrap_or(0);
            if count >= limits.max_connections_per_ip {
                return false;
            }
            self.by_ip.insert(ip, count + 1);
        }
        self.connections += 1;
        self.shaking_hands += 1;
        true
    }

    fn let_go(&mut self, peer: &SocketAddr, shaking_hands: bool) {
        self.connections -= 1;
        self.shaking_hands -= usize::from(shaking_hands);
        let ip = ip_of(peer);
        if let Some(count) = self.by_ip.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.by_ip.remove(&ip);
            }
        }
    }
}

/// What counts as one address.
fn ip_of(peer: &SocketAddr) -> IpAddr {
    peer.ip().to_canonical()
}

impl EventLoop {
    /// Puts a connection from `peer` on the list of the listener, if there is a place.
    pub(super) fn take_in(&mut self, listener: ResourceId, peer: &RemoteAddr) -> Option<ListId> {
        if self.shared.is_full() {
            return None;
        }
        let resource = self.resource(listener)?;
        let limits = Arc::clone(resource.entry.limits());
        let list = match resource.guests() {
            Some(list) => list,
            None => self.open_list(listener)?,
        };
        self.guests.0[list.index()].take_in(peer, &limits).then_some(list)
    }

    fn open_list(&mut self, listener: ResourceId) -> Option<ListId> {
        let list = self.guests.open(listener);
        self.resource(listener)?.seldom().guests = Some(list);
        Some(list)
    }

    /// The connection is ready, and its handshake no longer counts.
    pub(super) fn leave_handshake(&mut self, resource: &Resource) {
        if let Some(list) = resource.list {
            self.guests.0[list.index()].shaking_hands -= 1;
        }
    }

    /// The connection or listener is gone.
    pub(super) fn leave_lists(&mut self, resource: &Resource) {
        if let Some(list) = resource.list {
            self.let_go(list, &resource.entry.addr.socket_addr(), resource.shakes_hands());
        }
        if let Some(list) = resource.guests() {
            self.guests.close(list);
        }
    }

    /// Takes a connection from `peer` off the list.
    pub(super) fn let_go(&mut self, list: ListId, peer: &SocketAddr, shakes_hands: bool) {
        self.guests.let_go(list, peer, shakes_hands);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(ip: u8) -> RemoteAddr {
        RemoteAddr::Socket(([127, 0, 0, ip], 1000).into())
    }

    #[test]
    fn a_place_is_taken_and_given_back() {
        let mut guests = Guests::new(ResourceId::from(1));
        let limits = Limits::default().with_max_connections(2);
        assert!(guests.take_in(&peer(1), &limits));
        assert!(guests.take_in(&peer(1), &limits));
        assert!(!guests.take_in(&peer(1), &limits));
        guests.let_go(peer(1).socket_addr(), true);
        assert!(guests.take_in(&peer(1), &limits));
    }

    #[test]
    fn a_list_outlives_its_listener_as_long_as_anybody_is_on_it() {
        let mut lists = GuestLists::default();
        let (first, second) = (ResourceId::from(1), ResourceId::from(2));
        let list = lists.open(first);
        assert!(lists.0[list.index()].take_in(&peer(1), &Limits::default()));
        lists.close(list);
        let other = lists.open(second);
        assert_eq!((lists.listener(list), lists.listener(other)), (first, second));
        lists.let_go(list, peer(1).socket_addr(), true);
        lists.close(other);
        assert!(lists.0.is_empty());
    }

    #[test]
    fn one_address_does_not_take_the_places_of_others() {
        let mut guests = Guests::new(ResourceId::from(1));
        let limits = Limits::default().with_max_connections_per_ip(1);
        assert!(guests.take_in(&peer(1), &limits));
        assert!(!guests.take_in(&peer(1), &limits));
        assert!(guests.take_in(&peer(2), &limits));
        guests.let_go(peer(1).socket_addr(), true);
        assert!(guests.take_in(&peer(1), &limits));
        assert_eq!(guests.by_ip.len(), 2);
    }

    #[test]
    fn an_address_that_may_have_no_connection_is_not_remembered() {
        let mut guests = Guests::new(ResourceId::from(1));
        let limits = Limits::default().with_max_connections_per_ip(0);
        assert!(!guests.take_in(&peer(1), &limits));
        assert!(guests.by_ip.is_empty());
    }

    #[test]
    fn handshakes_are_bounded_by_themselves() {
        let mut guests = Guests::new(ResourceId::from(1));
        let limits = Limits::default().with_max_handshakes(1);
        assert!(guests.take_in(&peer(1), &limits));
        assert!(!guests.take_in(&peer(2), &limits));
        guests.shaking_hands -= 1;
        assert!(guests.take_in(&peer(2), &limits));
    }
}
