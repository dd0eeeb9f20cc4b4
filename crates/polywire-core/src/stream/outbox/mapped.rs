//! Bytes that wait in memory mapped for them.
//!
//! What a burst leaves free in the heap an allocator mostly keeps, for bytes that outlive it lie in
//! between. A map goes back to the system as a whole.

use std::cell::Cell;
use std::io;
use std::thread_local;

use memmap2::{MmapMut, MmapOptions};

/// Bytes of a map at least.
const LEAST: usize = 256 << 10;
/// Bytes of a map that is kept to be used again at most, and how many a thread keeps.
const KEPT: usize = (1 << 20) + (64 << 10);
const MAPS_KEPT: usize = 4;
/// How many times what it is to hold a map may be that is used again.
const TIMES: usize = 4;

// Memory and nothing else, so that no model has to look into it.
thread_local! {
    /// Maps that held what is written by now: to get one anew takes longer than to fill it.
    static SPARE: Cell<[Option<MmapMut>; MAPS_KEPT]> = const { Cell::new([const { None }; MAPS_KEPT]) };
}

/// Bytes of which the front may have been taken.
#[derive(Debug)]
pub(super) struct Mapped {
    /// `None` only while it is dropped.
    map: Option<MmapMut>,
    start: usize,
    end: usize,
}

impl Mapped {
    /// The bytes of `parts`, one after another.
    ///
    /// # Errors
    ///
    /// If the system has no memory, or no more maps.
    pub(super) fn new(parts: [&[u8]; 2]) -> io::Result<Self> {
        let len = parts[0].len() + parts[1].len();
        let mut mapped = Self { map: Some(Self::map(len)?), start: 0, end: 0 };
        for part in parts {
            mapped.try_push(part);
        }
        Ok(mapped)
    }

    fn map(len: usize) -> io::Result<MmapMut> {
        let mut spare = SPARE.try_with(Cell::take).unwrap_or_default();
        let suits = |map: &MmapMut| map.len() >= len && map.len() <= TIMES * len.max(LEAST / TIMES);
        let found = spare.iter_mut().find_map(|map| map.take_if(|map| suits(map)));
        let _ = SPARE.try_with(|kept| kept.set(spare));
        match found {
            Some(map) => Ok(map),
            // All at once: page by page it would take as long as to write it.
            None if len >= LEAST => MmapOptions::new().len(len).populate().map_anon(),
            None => MmapMut::map_anon(LEAST),
        }
    }

    /// Puts `bytes` behind, if they have room.
    pub(super) fn try_push(&mut self, bytes: &[u8]) -> bool {
        let room = self.map.as_mut().and_then(|map| map.get_mut(self.end..self.end + bytes.len()));
        let has_room = room.is_some();
        if let Some(room) = room {
            room.copy_from_slice(bytes);
            self.end += bytes.len();
        }
        has_room
    }

    pub(super) fn rest(&self) -> &[u8] {
        self.map.as_ref().map_or(&[], |map| &map[self.start..self.end])
    }

    /// Drops so many bytes from the front.
    pub(super) fn drop_front(&mut self, len: usize) {
        self.start += len;
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.map.as_ref().map_or(0, |map| map.len())
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let Some(map) = self.map.take().filter(|map| map.len() <= KEPT) else { return };
        let _ = SPARE.try_with(|kept| {
            let mut spare = kept.take();
            if let Some(place) = spare.iter_mut().find(|place| place.is_none()) {
                *place = Some(map);
            }
            kept.set(spare);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_put_behind_while_there_is_room_and_taken_from_the_front() {
        let mut mapped = Mapped::new([b"ab", b"c"]).unwrap();
        assert!(mapped.try_push(b"de"));
        assert!(!mapped.try_push(&[0; LEAST]));
        mapped.drop_front(2);
        assert_eq!(mapped.rest(), b"cde");
        assert!(mapped.try_push(&[7; LEAST - 5]));
        assert!(!mapped.try_push(&[7]));
        assert_eq!(mapped.rest().len(), LEAST - 2);
    }

    #[test]
    fn a_thread_keeps_a_few_maps_and_uses_them_again() {
        let place = |mapped: &Mapped| mapped.rest().as_ptr();
        let maps: Vec<_> = (0..10).map(|_| Mapped::new([&[1], &[]]).unwrap()).collect();
        let first = place(&maps[0]);
        drop(maps);
        let again: Vec<_> = (0..MAPS_KEPT).map(|_| Mapped::new([&[1], &[]]).unwrap()).collect();
        assert!(again.iter().any(|mapped| place(mapped) == first));
        drop(again);
        drop(Mapped::new([&vec![1; KEPT + 1], &[]]).unwrap()); // Not kept.
        let spare = SPARE.take();
        assert!(spare.iter().flatten().all(|map| map.len() == LEAST));
    }
}
