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
pub(crate) enum Next<T> {
    Arrived(T),
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
    pub(crate) fn next(&mut self, now: impl FnOnce() -> Instant) -> Next<Parcel> {
        match self.parcels.front() {
            None => return Next::Nothing,
            Some(Parcel { due: Some(due), .. }) if *due > now() => return Next::Due(*due),
            Some(_) => {}
        }
        Next::Arrived(self.pop().expect("looked at just before"))
    }

    fn pop(&mut self) -> Option<Parcel> {
        let parcel = self.parcels.pop_front()?;
        self.cost -= parcel.cost();
        if self.parcels.is_empty() && self.parcels.capacity() > KEPT_PARCELS {
            self.parcels = VecDeque::new();
        }
        Some(parcel)
    }

    /// How many bytes have arrived at the time that `now` tells, asked only if that matters: up to `most`.
    pub(crate) fn arrived(&self, most: usize, now: impl Fn() -> Instant) -> Next<usize> {
        let mut len = 0;
        for parcel in &self.parcels {
            match parcel.due.filter(|due| *due > now()) {
                Some(due) if len == 0 => return Next::Due(due),
                Some(_) => break,
                None => len += parcel.bytes.len(),
            }
            if len >= most {
                return Next::Arrived(most);
            }
        }
        if len == 0 { Next::Nothing } else { Next::Arrived(len) }
    }

    /// Takes the first bytes, which have arrived, in the order of their parcels, and leaves of the last one what does not
    /// fit. Returns how many.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> usize {
        let mut len = 0;
        while let Some(first) = self.parcels.front_mut().filter(|_| len < into.len()) {
            let fits = first.bytes.len().min(into.len() - len);
            into[len..len + fits].copy_from_slice(&first.bytes[..fits]);
            len += fits;
            if fits < first.bytes.len() {
                drop(first.bytes.split_to(fits));
                self.cost -= fits;
            } else {
                self.pop();
            }
        }
        len
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
    fn a_stream_is_read_in_any_parts_and_counts_what_is_left() {
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let mut parcels = Parcels::default();
        for (text, due) in [("abc", None), ("de", Some(start)), ("f", Some(later))] {
            parcels.insert(parcel(text, due), 0);
        }
        assert!(matches!(parcels.arrived(4, || start), Next::Arrived(4)));
        assert!(matches!(parcels.arrived(9, || start), Next::Arrived(5)));
        let mut buffer = [0; 4];
        assert_eq!((parcels.read(&mut buffer[..1]), &buffer[..1]), (1, &b"a"[..]));
        assert_eq!((parcels.len(), parcels.bytes()), (3, 5 + 3 * OVERHEAD_BYTES));
        assert_eq!((parcels.read(&mut buffer), &buffer), (4, b"bcde"));
        assert!(matches!(parcels.arrived(9, || start), Next::Due(due) if due == later));
        assert_eq!((parcels.read(&mut buffer), buffer[0]), (1, b'f'));
        assert!(matches!(parcels.arrived(9, || later), Next::Nothing));
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
