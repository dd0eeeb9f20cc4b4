//! How many connections a listener has, against how many it may.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::address::RemoteAddr;
use crate::endpoint::ResourceId;
use crate::event_loop::EventLoop;
use crate::event_loop::resource::Resource;
use crate::limits::Limits;

/// The connections of one listener, counted.
#[derive(Debug, Default)]
pub(super) struct Guests {
    connections: usize,
    shaking_hands: usize,
    /// Counted only where there is a limit.
    by_ip: HashMap<IpAddr, usize>,
}

/// The place of an accepted connection at its listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The id of the listener, which is never 0: generations start at 1.
    listener: NonZeroU64,
}

impl Place {
    pub(super) fn listener(self) -> ResourceId {
        ResourceId::from_u64(self.listener.get())
    }
}

impl Guests {
    /// Takes one more in, if the limits allow.
    fn take_in(&mut self, peer: &RemoteAddr, limits: &Limits) -> bool {
        let is_full = self.connections >= limits.max_connections
            || self.shaking_hands >= limits.max_handshakes;
        if is_full {
            return false;
        }
        if limits.max_connections_per_ip < usize::MAX && peer.is_socket_addr() {
            let count = self.by_ip.entry(ip_of(peer.socket_addr())).or_default();
            if *count >= limits.max_connections_per_ip {
                return false;
            }
            *count += 1;
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
    /// A place at the listener for a connection from `peer`, if there is one.
    pub(super) fn place_for(&mut self, listener: ResourceId, peer: &RemoteAddr) -> Option<Place> {
        if self.shared.is_full() {
            return None;
        }
        let listener_resource = self.resource(listener)?;
        let limits = Arc::clone(&listener_resource.entry.limits);
        let guests = listener_resource.seldom().guests.get_or_insert_default();
        let listener = NonZeroU64::new(listener.to_u64())?;
        guests.take_in(peer, &limits).then_some(Place { listener })
    }

    /// The connection is ready, and pending no more.
    pub(super) fn leave_handshake(&mut self, resource: &mut Resource) {
        let Some(place) = resource.place else { return };
        if !std::mem::replace(&mut resource.shakes_hands, false) {
            return;
        }
        if let Some(guests) = self.guests_of(place) {
            guests.shaking_hands -= 1;
        }
    }

    /// The connection is gone.
    pub(super) fn free_place(&mut self, resource: &Resource) {
        if let Some(place) = resource.place {
            self.give_back(place, &resource.entry.addr.socket_addr(), resource.shakes_hands);
        }
    }

    /// Gives a place back that a connection from `peer` has taken.
    pub(super) fn give_back(&mut self, place: Place, peer: &SocketAddr, shakes_hands: bool) {
        if let Some(guests) = self.guests_of(place) {
            guests.let_go(peer, shakes_hands);
        }
    }

    fn guests_of(&mut self, place: Place) -> Option<&mut Guests> {
        self.resource(place.listener())?.guests()
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
        let mut guests = Guests::default();
        let limits = Limits::default().with_max_connections(2);
        assert!(guests.take_in(&peer(1), &limits));
        assert!(guests.take_in(&peer(1), &limits));
        assert!(!guests.take_in(&peer(1), &limits));
        guests.let_go(peer(1).socket_addr(), true);
        assert!(guests.take_in(&peer(1), &limits));
    }

    #[test]
    fn one_address_does_not_take_the_places_of_others() {
        let mut guests = Guests::default();
        let limits = Limits::default().with_max_connections_per_ip(1);
        assert!(guests.take_in(&peer(1), &limits));
        assert!(!guests.take_in(&peer(1), &limits));
        assert!(guests.take_in(&peer(2), &limits));
        guests.let_go(peer(1).socket_addr(), true);
        assert!(guests.take_in(&peer(1), &limits));
        assert_eq!(guests.by_ip.len(), 2);
    }

    #[test]
    fn handshakes_are_bounded_by_themselves() {
        let mut guests = Guests::default();
        let limits = Limits::default().with_max_handshakes(1);
        assert!(guests.take_in(&peer(1), &limits));
        assert!(!guests.take_in(&peer(2), &limits));
        guests.shaking_hands -= 1;
        assert!(guests.take_in(&peer(2), &limits));
    }
}
