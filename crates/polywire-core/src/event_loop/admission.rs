//! Whom a listener admits: how many connections it has, against how many it may.
//!
//! A connection that is one too many is turned away as it comes. A handshake that is one too many is
//! admitted, and the oldest of the address with the most under way is given up for it: whoever fills
//! the places with silent connections shuts out nobody but himself.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use slab::Slab;

use crate::endpoint::ResourceId;
use crate::limits::Limits;

/// The connections of one listener, counted.
#[derive(Debug)]
pub(super) struct Admission {
    listener: ResourceId,
    /// The listener is gone, and this goes with the last connection.
    is_closed: bool,
    connections: usize,
    /// Counted only where there is a limit.
    by_ip: HashMap<IpAddr, usize>,
    pub(super) handshakes: Handshakes,
}

/// Handshakes under way, by address, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    by_ip: HashMap<IpAddr, VecDeque<(u64, ResourceId)>>,
    pub(super) count: usize,
    /// Numbers them in the order of their beginnings.
    begun: u64,
}

/// Those of every listener that has had any connection.
#[derive(Debug, Default)]
pub(super) struct Admissions(Slab<Admission>);

/// One of the [`Admissions`]. Small, for every accepted connection has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdmissionId(NonZeroU32);

impl AdmissionId {
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl Admissions {
    pub(super) fn open(&mut self, listener: ResourceId) -> AdmissionId {
        // No more than there are slots of resources, and the first is told from none.
        let index = self.0.insert(Admission::new(listener)) as u32;
        AdmissionId(NonZeroU32::MIN.saturating_add(index))
    }

    pub(super) fn get(&mut self, id: AdmissionId) -> &mut Admission {
        &mut self.0[id.index()]
    }

    /// The listener that admitted.
    pub(super) fn listener(&self, id: AdmissionId) -> ResourceId {
        self.0[id.index()].listener
    }

    /// The listener is gone.
    pub(super) fn close(&mut self, id: AdmissionId) {
        self.get(id).is_closed = true;
        self.remove_if_unused(id);
    }

    /// A connection is gone that was counted for `peer`, or for no address.
    pub(super) fn release(&mut self, id: AdmissionId, peer: Option<&SocketAddr>) {
        self.get(id).release(peer);
        self.remove_if_unused(id);
    }

    /// Forgets one that counts nobody, nor will.
    fn remove_if_unused(&mut self, id: AdmissionId) {
        let admission = self.get(id);
        if admission.is_closed && admission.connections == 0 {
            self.0.remove(id.index());
        }
    }
}

impl Admission {
    pub(super) fn new(listener: ResourceId) -> Self {
        Self {
            listener,
            is_closed: false,
            connections: 0,
            by_ip: HashMap::new(),
            handshakes: Handshakes::default(),
        }
    }

    /// Admits one more, if the limits allow. `None` counts for no address.
    pub(super) fn try_admit(&mut self, peer: Option<&SocketAddr>, limits: &Limits) -> bool {
        if self.connections >= limits.max_connections {
            return false;
        }
        if let Some(peer) = peer {
            if !self.count_for(peer, limits) {
                self.uncount(peer);
                return false;
            }
        }
        self.connections += 1;
        true
    }

    /// One that was counted for `before` counts for `peer`. False if that is more than `peer` may have; it is
    /// counted all the same, until it is [released](Self::release).
    pub(super) fn recount(
        &mut self,
        before: Option<&SocketAddr>,
        peer: &SocketAddr,
        limits: &Limits,
    ) -> bool {
        if before.is_some_and(|before| ip_of(before) == ip_of(peer)) {
            return true;
        }
        before.inspect(|before| self.uncount(before));
        self.count_for(peer, limits)
    }

    pub(super) fn release(&mut self, peer: Option<&SocketAddr>) {
        self.connections -= 1;
        peer.inspect(|peer| self.uncount(peer));
    }

    /// Counts one more for `peer`. False if that is too many.
    fn count_for(&mut self, peer: &SocketAddr, limits: &Limits) -> bool {
        if limits.max_connections_per_ip == usize::MAX {
            return true;
        }
        let count = self.by_ip.entry(ip_of(peer)).or_default();
        *count += 1;
        *count <= limits.max_connections_per_ip
    }

    fn uncount(&mut self, peer: &SocketAddr) {
        let ip = ip_of(peer);
        if let Some(count) = self.by_ip.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.by_ip.remove(&ip);
            }
        }
    }
}

impl Handshakes {
    pub(super) fn begin(&mut self, peer: &SocketAddr, id: ResourceId) {
        self.begun += 1;
        self.count += 1;
        self.by_ip.entry(ip_of(peer)).or_default().push_back((self.begun, id));
    }

    /// The handshake of a connection is over, if it was under way.
    pub(super) fn end(&mut self, peer: &SocketAddr, id: ResourceId) {
        let ip = ip_of(peer);
        let Some(ids) = self.by_ip.get_mut(&ip) else { return };
        let Some(position) = ids.iter().position(|(_, other)| *other == id) else { return };
        ids.remove(position);
        self.count -= 1;
        if ids.is_empty() {
            self.by_ip.remove(&ip);
        }
    }

    /// A handshake, if it is under way, is that of another address than before.
    pub(super) fn rename(&mut self, (before, peer): (&SocketAddr, &SocketAddr), id: ResourceId) {
        let (before, ip) = (ip_of(before), ip_of(peer));
        let Some(ids) = self.by_ip.get_mut(&before).filter(|_| before != ip) else { return };
        let Some(position) = ids.iter().position(|(_, other)| *other == id) else { return };
        let handshake = ids.remove(position);
        if ids.is_empty() {
            self.by_ip.remove(&before);
        }
        if let Some((begun, _)) = handshake {
            let ids = self.by_ip.entry(ip).or_default();
            let position = ids.partition_point(|(other, _)| *other < begun);
            ids.insert(position, (begun, id));
        }
    }

    /// The oldest handshake of the address that has most.
    pub(super) fn to_give_up(&self) -> Option<ResourceId> {
        let fronts = self.by_ip.values().filter_map(|ids| Some((ids.len(), *ids.front()?)));
        let worst = fronts.max_by_key(|(len, (begun, _))| (*len, Reverse(*begun)));
        worst.map(|(_, (_, id))| id)
    }
}

/// What counts as one address.
fn ip_of(peer: &SocketAddr) -> IpAddr {
    peer.ip().to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(ip: u8) -> SocketAddr {
        ([127, 0, 0, ip], 1000).into()
    }

    #[test]
    fn a_place_is_taken_and_given_back() {
        let mut admission = Admission::new(ResourceId::from(1));
        let limits = Limits::default().with_max_connections(2);
        assert!(admission.try_admit(Some(&peer(1)), &limits));
        assert!(admission.try_admit(Some(&peer(1)), &limits));
        assert!(!admission.try_admit(Some(&peer(1)), &limits));
        admission.release(Some(&peer(1)));
        assert!(admission.try_admit(Some(&peer(1)), &limits));
    }

    #[test]
    fn it_outlives_its_listener_as_long_as_it_counts_anybody() {
        let mut admissions = Admissions::default();
        let (first, second) = (ResourceId::from(1), ResourceId::from(2));
        let id = admissions.open(first);
        assert!(admissions.get(id).try_admit(Some(&peer(1)), &Limits::default()));
        admissions.close(id);
        let other = admissions.open(second);
        assert_eq!((admissions.listener(id), admissions.listener(other)), (first, second));
        admissions.release(id, Some(&peer(1)));
        admissions.close(other);
        assert!(admissions.0.is_empty());
    }

    #[test]
    fn one_address_does_not_take_the_places_of_others() {
        let mut admission = Admission::new(ResourceId::from(1));
        let limits = Limits::default().with_max_connections_per_ip(1);
        assert!(admission.try_admit(Some(&peer(1)), &limits));
        assert!(!admission.try_admit(Some(&peer(1)), &limits));
        assert!(admission.try_admit(Some(&peer(2)), &limits));
        admission.release(Some(&peer(1)));
        assert!(admission.try_admit(Some(&peer(1)), &limits));
        assert_eq!(admission.by_ip.len(), 2);
    }

    #[test]
    fn an_address_that_may_have_no_connection_is_not_remembered() {
        let mut admission = Admission::new(ResourceId::from(1));
        let limits = Limits::default().with_max_connections_per_ip(0);
        assert!(!admission.try_admit(Some(&peer(1)), &limits));
        assert!(admission.by_ip.is_empty());
    }

    #[test]
    fn the_oldest_handshake_of_the_address_with_most_gives_way() {
        let mut handshakes = Handshakes::default();
        let id = |number: usize| ResourceId::from(number);
        for (ip, number) in [(1, 1), (2, 2), (2, 3), (1, 4), (2, 5), (3, 6)] {
            handshakes.begin(&peer(ip), id(number));
        }
        let mut given_up = Vec::new();
        while let Some(oldest) = handshakes.to_give_up() {
            given_up.push(oldest);
            let ips = handshakes.by_ip.iter();
            let ip =
                *ips.clone().find(|(_, ids)| ids.iter().any(|(_, id)| *id == oldest)).unwrap().0;
            handshakes.end(&SocketAddr::new(ip, 1), oldest);
        }
        assert_eq!(given_up, [2, 1, 3, 4, 5, 6].map(id));
        assert_eq!((handshakes.count, handshakes.by_ip.len()), (0, 0));
        handshakes.end(&peer(1), id(1)); // Of one that is over.
    }
    #[test]
    fn one_that_names_its_peer_late_is_counted_there_and_nowhere_before() {
        let mut admission = Admission::new(ResourceId::from(1));
        let limits = Limits::default().with_max_connections_per_ip(1);
        assert!(admission.try_admit(None, &limits));
        assert!(admission.try_admit(None, &limits));
        assert!(admission.recount(None, &peer(1), &limits));
        assert!(!admission.recount(None, &peer(1), &limits));
        admission.release(Some(&peer(1)));
        assert!(!admission.try_admit(Some(&peer(1)), &limits));
        assert!(admission.recount(Some(&peer(1)), &peer(2), &limits));
        assert!(admission.recount(Some(&peer(2)), &peer(2), &limits));
        admission.release(Some(&peer(2)));
        assert!(admission.try_admit(None, &limits));
        admission.release(None);
        assert_eq!((admission.connections, admission.by_ip.len()), (0, 0));
    }

    #[test]
    fn a_handshake_keeps_its_age_under_another_address() {
        let mut handshakes = Handshakes::default();
        let id = |number: usize| ResourceId::from(number);
        for (ip, number) in [(1, 1), (2, 2), (1, 3)] {
            handshakes.begin(&peer(ip), id(number));
        }
        handshakes.rename((&peer(1), &peer(2)), id(1));
        handshakes.rename((&peer(1), &peer(2)), id(7)); // Of one that is over.
        assert_eq!(handshakes.to_give_up(), Some(id(1)));
        handshakes.end(&peer(2), id(1));
        assert_eq!((handshakes.count, handshakes.to_give_up()), (2, Some(id(2))));
    }
}
