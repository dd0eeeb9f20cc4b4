//! Which local address each peer of a listener sends to: answers leave from there.
//!
//! A socket that is bound to all addresses sends from whichever the system's routes choose. A peer that
//! has connected its socket to another one never gets that.

use std::collections::{HashMap, VecDeque};
use std::io;
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

    /// Sends by `send` from the address that `peer` sends to, or from the system's choice if that address is not
    /// known or can't be sent from.
    pub(crate) fn send_from(
        &self,
        peer: SocketAddr,
        mut send: impl FnMut(Option<IpAddr>) -> io::Result<()>,
    ) -> io::Result<()> {
        let from = self.of(peer);
        let result = send(from);
        if from.is_none() || !result.as_ref().is_err_and(may_be_no_source) {
            return result;
        }
        let result = send(None);
        if result.is_ok() {
            // So it was the address: Linux has the same error for pieces that are too long for one call.
            self.forget(peer);
        }
        result
    }

    fn of(&self, peer: SocketAddr) -> Option<IpAddr> {
        self.lock().by_peer.get(&peer).copied()
    }

    /// The system does not send from there: the address is gone, or is everybody's on a network.
    fn forget(&self, peer: SocketAddr) {
        let mut state = self.lock();
        if state.by_peer.remove(&peer).is_some() {
            state.peers.retain(|other| *other != peer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the error may be that the address to send from is gone, or not one of this machine.
fn may_be_no_source(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_forgotten_only_if_sending_works_without_it() {
        let (peer, addr) = (SocketAddr::from(([10, 0, 0, 1], 7)), IpAddr::from([127, 0, 0, 2]));
        // With the address, without it, and whether the address is still known then.
        let cases = [
            (None, None, true),
            // Such as pieces that are too long for one call, whatever the source is.
            (Some(io::ErrorKind::InvalidInput), Some(io::ErrorKind::InvalidInput), true),
            (Some(io::ErrorKind::InvalidInput), Some(io::ErrorKind::WouldBlock), true),
            (
                Some(io::ErrorKind::NetworkUnreachable),
                Some(io::ErrorKind::NetworkUnreachable),
                true,
            ),
            (Some(io::ErrorKind::WouldBlock), None, true),
            (Some(io::ErrorKind::InvalidInput), None, false),
            (Some(io::ErrorKind::NetworkUnreachable), None, false),
        ];
        for (with, without, is_kept) in cases {
            let local_addrs = LocalAddrs::default();
            local_addrs.record(peer, addr);
            let _ = local_addrs.send_from(peer, |from| {
                let error = if from.is_some() { with } else { without };
                error.map_or(Ok(()), |kind| Err(kind.into()))
            });
            let expected = is_kept.then_some(addr);
            assert_eq!(local_addrs.of(peer), expected, "{with:?}, {without:?}");
        }
    }

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
