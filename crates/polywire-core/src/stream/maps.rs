//! Memory for much that waits, mapped for it.
//!
//! What a burst leaves free in the heap an allocator mostly keeps, for bytes that outlive it lie in
//! between. A map goes back to the system as a whole.

use std::cell::Cell;
use std::io;
use std::ops::{Deref, DerefMut};
use std::thread_local;

use memmap2::MmapMut;

/// Bytes of a map at least.
pub(super) const MIN_MAP_BYTES: usize = 256 << 10;
/// Maps that a thread keeps to use them again, and their bytes in all.
const MAX_SPARE_MAPS: usize = 4;
const MAX_SPARE_BYTES: usize = 5 << 20;
/// How many times what it is to hold a map may be that is used again.
const MAX_OVERSIZE_FACTOR: usize = 4;
/// From so many bytes on it is worth a call to ask for their memory at once.
#[cfg(target_os = "linux")]
const POPULATE_BYTES: usize = 32 << 10;

// Memory and nothing else, so that no model has to look into it.
thread_local! {
    /// Maps that nobody uses any more: to get one anew takes longer than to fill it.
    static SPARE: Cell<[Option<Bytes>; MAX_SPARE_MAPS]> = const { Cell::new([const { None }; MAX_SPARE_MAPS]) };
}

#[derive(Debug)]
struct Bytes {
    map: MmapMut,
    /// How many of them, from the front, take memory.
    touched: usize,
}

/// Bytes that are mapped, of which a front takes memory.
#[derive(Debug)]
pub(super) struct Map {
    /// `None` only while it is dropped.
    bytes: Option<Bytes>,
}

impl Map {
    /// So many bytes or more, of any value.
    ///
    /// # Errors
    ///
    /// If the system has no room for them, or no more maps.
    pub(super) fn new(len: usize) -> io::Result<Self> {
        let mut spare = SPARE.try_with(Cell::take).unwrap_or_default();
        let most = MAX_OVERSIZE_FACTOR * len.max(MIN_MAP_BYTES / MAX_OVERSIZE_FACTOR);
        let suits = |bytes: &mut Bytes| (len..=most).contains(&bytes.map.len());
        let found = spare.iter_mut().find_map(|bytes| bytes.take_if(suits));
        let _ = SPARE.try_with(|kept| kept.set(spare));
        let bytes = match found {
            Some(bytes) => bytes,
            None => Bytes { map: MmapMut::map_anon(len.max(MIN_MAP_BYTES))?, touched: 0 },
        };
        Ok(Self { bytes: Some(bytes) })
    }

    /// Bytes that take memory.
    pub(super) fn touched(&self) -> usize {
        self.bytes.as_ref().map_or(0, |bytes| bytes.touched)
    }

    /// So many bytes are about to be written. Page by page it would take the system longer to give
    /// memory for them than it takes to write them.
    pub(super) fn touch(&mut self, end: usize) {
        let Some(bytes) = &mut self.bytes else { return };
        let touched = bytes.touched;
        if end > touched {
            #[cfg(target_os = "linux")]
            if end - touched >= POPULATE_BYTES {
                // Before Linux 5.14 it is page by page.
                let _ =
                    bytes.map.advise_range(memmap2::Advice::PopulateWrite, touched, end - touched);
            }
            bytes.touched = end;
        }
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.as_ref().map_or(&[], |bytes| &bytes.map)
    }
}

impl DerefMut for Map {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.as_mut().map_or(&mut [], |bytes| &mut bytes.map)
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // A thread that ends keeps none.
        let _ = SPARE.try_with(|kept| {
            let mut spare = kept.take();
            let len = |bytes: &Bytes| bytes.map.len();
            let room = MAX_SPARE_BYTES - spare.iter().flatten().map(len).sum::<usize>();
            if let Some(place) = spare.iter_mut().find(|place| place.is_none()) {
                *place = self.bytes.take().filter(|bytes| len(bytes) <= room);
            }
            kept.set(spare);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_a_few_maps_and_uses_them_again() {
        let new = |len| Map::new(len).unwrap();
        let maps: Vec<_> = (0..10).map(|_| new(1)).collect();
        let first = maps[0].as_ptr();
        drop(maps);
        let again: Vec<_> = (0..MAX_SPARE_MAPS).map(|_| new(1)).collect();
        assert!(again.iter().any(|map| map.as_ptr() == first));
        let long = new(MAX_SPARE_BYTES - MIN_MAP_BYTES);
        drop(again.into_iter().next());
        drop(new(MAX_SPARE_BYTES)); // Too much besides.
        drop(long);
        let mut kept = SPARE.take().map(|bytes| bytes.map_or(0, |bytes| bytes.map.len()));
        kept.sort_unstable();
        assert_eq!(kept[MAX_SPARE_MAPS - 1], MIN_MAP_BYTES);
    }

    #[test]
    fn what_was_written_takes_memory_also_when_the_map_is_used_again() {
        let mut map = Map::new(MIN_MAP_BYTES).unwrap();
        assert_eq!(map.touched(), 0);
        map.touch(100_000);
        map.touch(10);
        assert_eq!(map.touched(), 100_000);
        drop(map);
        assert_eq!(Map::new(MIN_MAP_BYTES).unwrap().touched(), 100_000);
    }
}
