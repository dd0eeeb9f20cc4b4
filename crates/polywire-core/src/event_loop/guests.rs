//! How many connections a listener has, against how many it may.

use std::collections::HashMap;
use std::net::IpAddr;

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

/// What an accepted connection counts as at its listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    listener: ResourceId,
    shaking_hands: bool,
    ip: Option<IpAddr>,
}

impl Guests {
    /// Takes one more in, if the limits allow.
    fn take_in(
        &mut self,
        listener: ResourceId,
        peer: &RemoteAddr,
        limits: &Limits,
    ) -> Option<Place> {
        let is_full = self.connections >= limits.max_connections
            || self.shaking_hands >= limits.max_handshakes;
        if is_full {
            return None;
        }
        let counts_ips = limits.max_connections_per_ip < usize::MAX && peer.is_socket_addr();
        let ip = counts_ips.then(|| peer.socket_addr().ip().to_canonical());
        if let Some(ip) = ip {
            let count = self.by_ip.entry(ip).or_default();
            if *count >= limits.max_connections_per_ip {
                return None;
            }
            *count += 1;
        }
        self.connections += 1;
        self.shaking_hands += 1;
        Some(Place { listener, shaking_hands: true, ip })
    }

    fn let_go(&mut self, place: Place) {
        self.connections -= 1;
        self.shaking_hands -= usize::from(place.shaking_hands);
        let Some(ip) = place.ip else { return };
        if let Some(count) = self.by_ip.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.by_ip.remove(&ip);
            }
        }
    }
}

impl EventLoop {
    /// A place at the listener for a connection from `peer`, if there is one.
    pub(super) fn place_for(&mut self, listener: ResourceId, peer: &RemoteAddr) -> Option<Place> {
        if self.shared.is_full() {
            return None;
        }
        let listener_resource = self.resource(listener)?;
        let limits = &listener_resource.entry.limits;
        let guests = listener_resource.guests.get_or_insert_default();
        guests.take_in(listener, peer, limits)
    }

    /// The connection is ready, and pending no more.
    pub(super) fn leave_handshake(&mut self, resource: &mut Resource) {
        let Some(place) = &mut resource.place else { return };
        if !std::mem::replace(&mut place.shaking_hands, false) {
            return;
        }
        if let Some(guests) = self.guests_of(place.listener) {
            guests.shaking_hands -= 1;
        }
    }

    /// The connection is gone.
    pub(super) fn free_place(&mut self, place: Option<Place>) {
        let Some(place) = place else { return };
        if let Some(guests) = self.guests_of(place.listener) {
            guests.let_go(place);
        }
    }

    fn guests_of(&mut self, listener: ResourceId) -> Option<&mut Guests> {
        self.resource(listener)?.guests.as_deref_mut()
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
        let (listener, mut guests) = (ResourceId::from(1), Guests::default());
        let limits = Limits::default().with_max_connections(2);
        let first = guests.take_in(listener, &peer(1), &limits).unwrap();
        assert!(guests.take_in(listener, &peer(1), &limits).is_some());
        assert!(guests.take_in(listener, &peer(1), &limits).is_none());
        guests.let_go(first);
        assert!(guests.take_in(listener, &peer(1), &limits).is_some());
    }

    #[test]
    fn one_address_does_not_take_the_places_of_others() {
        let (listener, mut guests) = (ResourceId::from(1), Guests::default());
        let limits = Limits::default().with_max_connections_per_ip(1);
        let first = guests.take_in(listener, &peer(1), &limits).unwrap();
        assert!(guests.take_in(listener, &peer(1), &limits).is_none());
        assert!(guests.take_in(listener, &peer(2), &limits).is_some());
        guests.let_go(first);
        assert!(guests.take_in(listener, &peer(1), &limits).is_some());
        assert_eq!(guests.by_ip.len(), 2);
    }

    #[test]
    fn handshakes_are_bounded_by_themselves() {
        let (listener, mut guests) = (ResourceId::from(1), Guests::default());
        let limits = Limits::default().with_max_handshakes(1);
        guests.take_in(listener, &peer(1), &limits).unwrap();
        assert!(guests.take_in(listener, &peer(2), &limits).is_none());
        guests.shaking_hands -= 1;
        assert!(guests.take_in(listener, &peer(2), &limits).is_some());
    }
}
