//! What is under way to one end, in the order in which it arrives.

use std::collections::VecDeque;
use std::time::Instant;

use polywire_core::MessageKind;
use polywire_core::adapter::MessageStore;
use polywire_core::bytes::Bytes;

/// What each counts beside its bytes, so that empty ones are bounded, too.
pub(crate) const OVERHEAD_BYTES: usize = 64;

/// Parcels that one with nothing in it keeps memory for.
const KEPT_PARCELS: usize = 16;

/// A message, or some bytes of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) bytes: Bytes,
    pub(crate) kind: MessageKind,
    /// When it arrives; at once if that is not told.
    pub(crate) due: Option<Instant>,
}

impl Parcel {
    fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD_BYTES
    }
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    Arrived(Parcel),
    /// It is under way until then.
    Due(Instant),
    Nothing,
}

/// Those under way. None arrives after one behind it.
#[derive(Debug, Default)]
pub(crate) struct Parcels {
    parcels: VecDeque<Parcel>,
    cost: usize,
}

impl Parcels {
    /// Puts a parcel ahead of `overtaken` others at the end, or as many as there are. Returns whether it is next.
    pub(crate) fn insert(&mut self, mut parcel: Parcel, overtaken: usize) -> bool {
        self.cost += parcel.cost();
        let at = self.parcels.len().saturating_sub(overtaken);
        parcel.due = match self.parcels.get(at) {
            Some(overtaken) => overtaken.due,
            None => parcel.due.max(self.parcels.back().and_then(|last| last.due)),
        };
        self.parcels.insert(at, parcel);
        at == 0
    }

    /// Takes the next one that has arrived at the time that `now` tells, asked only if that matters.
    pub(crate) fn next(&mut self, now: impl FnOnce() -> Instant) -> Next {
        match self.parcels.front() {
            None => return Next::Nothing,
            Some(Parcel { due: Some(due), .. }) if *due > now() => return Next::Due(*due),
            Some(_) => {}
        }
        let parcel = self.parcels.pop_front().expect("looked at just before");
        self.cost -= parcel.cost();
        if self.parcels.is_empty() && self.parcels.capacity() > KEPT_PARCELS {
            self.parcels = VecDeque::new();
        }
        Next::Arrived(parcel)
    }

    /// Puts the end of the parcel that was taken last back.
    pub(crate) fn put_back(&mut self, rest: Parcel) {
        self.cost += rest.cost();
        self.parcels.push_front(rest);
    }
}

impl MessageStore for Parcels {
    fn len(&self) -> usize {
        self.parcels.len()
    }

    fn bytes(&self) -> usize {
        self.cost
    }

    fn append(&mut self, mut later: Self) {
        self.cost += later.cost;
        self.parcels.append(&mut later.parcels);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parcel(text: &'static str, due: Option<Instant>) -> Parcel {
        Parcel { bytes: Bytes::from_static(text.as_bytes()), kind: MessageKind::BINARY, due }
    }

    /// What arrives by that time.
    fn arrived(parcels: &mut Parcels, now: Instant) -> String {
        let mut text = String::new();
        while let Next::Arrived(parcel) = parcels.next(|| now) {
            text += std::str::from_utf8(&parcel.bytes).unwrap();
        }
        text
    }

    #[test]
    fn each_arrives_in_its_time_and_none_overtakes_by_that() {
        let start = Instant::now();
        let at = |millis| Some(start + Duration::from_millis(millis));
        let mut parcels = Parcels::default();
        assert!(parcels.insert(parcel("a", at(20)), 0));
        assert!(!parcels.insert(parcel("b", at(10)), 0));
        assert!(!parcels.insert(parcel("c", None), 0));
        assert!(matches!(parcels.next(|| start), Next::Due(due) if Some(due) == at(20)));
        assert_eq!(arrived(&mut parcels, start + Duration::from_millis(20)), "abc");
        assert_eq!((parcels.len(), parcels.bytes()), (0, 0));
    }

    #[test]
    fn one_that_overtakes_arrives_with_those_it_overtakes() {
        let start = Instant::now();
        let mut parcels = Parcels::default();
        let late = Some(start + Duration::from_secs(1));
        parcels.insert(parcel("a", None), 0);
        parcels.insert(parcel("b", late), 0);
        parcels.insert(parcel("c", late), 0);
        assert!(!parcels.insert(parcel("d", late), 2));
        assert_eq!(arrived(&mut parcels, start), "a");
        assert!(parcels.insert(parcel("e", None), 100));
        assert_eq!(arrived(&mut parcels, start + Duration::from_secs(1)), "edbc");
    }
}
