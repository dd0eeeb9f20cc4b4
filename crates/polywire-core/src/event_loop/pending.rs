//! Readiness that waits to be served, in a byte, for every idle connection has one.

use crate::readiness::Readiness;

const READABLE: u8 = 1;
const WRITABLE: u8 = 1 << 1;
const ENDED: u8 = 1 << 2;
const LISTED: u8 = 1 << 3;

/// Readiness of a resource that was not served yet, and whether it is in the list of those to be
/// served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pending(u8);

impl Pending {
    #[inline]
    pub(super) fn merge(&mut self, readiness: Readiness) {
        let Readiness { readable, writable, ended } = readiness;
        let bit = |is_set, bit| if is_set { bit } else { 0 };
        self.0 |= bit(readable, READABLE) | bit(writable, WRITABLE) | bit(ended, ENDED);
    }

    /// Puts it in the list; false if it is there.
    #[inline]
    pub(super) fn list(&mut self) -> bool {
        let is_new = !self.is_listed();
        self.0 |= LISTED;
        is_new
    }

    /// It comes out of the list, and is served what waited.
    #[inline]
    pub(super) fn take(&mut self) -> Readiness {
        let Self(bits) = std::mem::take(self);
        let is_set = |bit| bits & bit != 0;
        Readiness { readable: is_set(READABLE), writable: is_set(WRITABLE), ended: is_set(ENDED) }
    }

    /// What waited means nothing any more. The list is as it was.
    pub(super) fn forget(&mut self) {
        self.0 &= LISTED;
    }

    #[inline]
    pub(super) fn is_listed(self) -> bool {
        self.0 & LISTED != 0
    }

    pub(super) fn is_readable(self) -> bool {
        self.0 & READABLE != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_comes_out_as_it_was_put_in() {
        for bits in 0..8 {
            let [readable, writable, ended] = [1, 2, 4].map(|bit| bits & bit != 0);
            let readiness = Readiness { readable, writable, ended };
            let mut pending = Pending::default();
            assert!(pending.list());
            pending.merge(readiness);
            pending.merge(Readiness::default());
            assert_eq!(pending.is_readable(), readable);
            assert!(!pending.list());
            assert_eq!(pending.take(), readiness);
            assert_eq!(pending, Pending::default());
        }
    }

    #[test]
    fn to_forget_readiness_is_not_to_leave_the_list() {
        let mut pending = Pending::default();
        pending.merge(Readiness::BOTH);
        assert!(pending.list());
        pending.forget();
        assert!(pending.is_listed());
        assert_eq!(pending.take(), Readiness::default());
    }
}
