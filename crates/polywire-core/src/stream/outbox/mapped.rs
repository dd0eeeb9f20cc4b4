//! Bytes that wait in memory mapped for them.

use std::io;

use crate::stream::maps::Map;

/// Bytes of which the front may have been taken.
#[derive(Debug)]
pub(super) struct Mapped {
    map: Map,
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
        let mut map = Map::new(len)?;
        map.touch(len);
        let mut mapped = Self { map, start: 0, end: 0 };
        for part in parts {
            mapped.try_push(part);
        }
        Ok(mapped)
    }

    /// Puts `bytes` behind, if they have room.
    pub(super) fn try_push(&mut self, bytes: &[u8]) -> bool {
        let room = self.map.get_mut(self.end..self.end + bytes.len());
        let has_room = room.is_some();
        if let Some(room) = room {
            room.copy_from_slice(bytes);
            self.end += bytes.len();
        }
        has_room
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.map[self.start..self.end]
    }

    /// Drops so many bytes from the front.
    pub(super) fn drop_front(&mut self, len: usize) {
        self.start += len;
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.map.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::maps::MIN_MAP_BYTES;

    #[test]
    fn bytes_are_put_behind_while_there_is_room_and_taken_from_the_front() {
        let mut mapped = Mapped::new([b"ab", b"c"]).unwrap();
        assert!(mapped.try_push(b"de"));
        assert!(!mapped.try_push(&[0; MIN_MAP_BYTES]));
        mapped.drop_front(2);
        assert_eq!(mapped.rest(), b"cde");
        assert!(mapped.try_push(&[7; MIN_MAP_BYTES - 5]));
        assert!(!mapped.try_push(&[7]));
        assert_eq!(mapped.rest().len(), MIN_MAP_BYTES - 2);
    }
}
