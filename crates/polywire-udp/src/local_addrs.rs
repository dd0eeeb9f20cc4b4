//! Which local address each peer of a listener sends to: answers leave from there.
//!
//! A socket that is bound to all addresses sends from whichever the system's routes choose. A peer that
//! has connected its socket to another one never gets that.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Peers that are remembered, the latest newcomers. Others are answered from the system's choice.
const MAX_PEERS: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct LocalAddrs(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    by_peer: HashMap<SocketAddr, IpAddr>,
    /// As they came.
    peers: VecDeque<SocketAddr>,
}

impl LocalAddrs {
    /// A datagram of `peer` came to `addr`.
    pub(crate) fn record(&self, peer: SocketAddr, addr: IpAddr) {
        // What was sent to a group or to everybody can't be answered from there.
        if addr.is_multicast() || addr == IpAddr::from([255; 4]) || addr.is_unspecified() {
            return;
        }
        let mut state = self.lock();
        if state.by_peer.insert(peer, addr).is_none() {
            state.peers.push_back(peer);
            if state.peers.len() > MAX_PEERS {
                let oldest = state.peers.pop_front();
                oldest.map(|oldest| state.by_peer.remove(&oldest));
            }
        }
    }

    pub(crate) fn of(&self, peer: SocketAddr) -> Option<IpAddr> {
        self.lock().by_peer.get(&peer).copied()
    }

    /// The system does not send from there: the address is gone, or is everybody's on a network.
    pub(crate) fn forget(&self, peer: SocketAddr) {
        let mut state = self.lock();
        if state.by_peer.remove(&peer).is_some() {
            state.peers.retain(|other| *other != peer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_many_peers_are_remembered() {
        let local_addrs = LocalAddrs::default();
        let peer =
            |number: usize| SocketAddr::from(([10, 0, (number >> 8) as u8, number as u8], 7));
        let addr = IpAddr::from([127, 0, 0, 2]);
        for number in 0..MAX_PEERS + 10 {
            local_addrs.record(peer(number), addr);
        }
        assert_eq!(local_addrs.of(peer(9)), None);
        assert_eq!(local_addrs.of(peer(10)), Some(addr));
        local_addrs.forget(peer(10));
        assert_eq!(local_addrs.of(peer(10)), None);
        let state = local_addrs.lock();
        assert_eq!((state.by_peer.len(), state.peers.len()), (MAX_PEERS - 1, MAX_PEERS - 1));
        drop(state);
        for nobody in [[224, 0, 0, 1], [255; 4], [0; 4]] {
            local_addrs.record(peer(0), nobody.into());
            assert_eq!(local_addrs.of(peer(0)), None);
        }
    }
}
