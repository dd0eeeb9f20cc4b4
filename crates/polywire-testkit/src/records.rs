//! Messages that tell who sent them, which of his they are, and whether they are whole.

use polywire_core::ResourceId;

/// Bytes before the filling: the length of all, the sender's id, the number of the message.
pub(super) const HEADER_BYTES: usize = 16;

/// The message number `number` of `sender`, `len` bytes long or as long as its head.
pub(super) fn record(sender: ResourceId, number: u32, len: usize) -> Vec<u8> {
    let len = len.max(HEADER_BYTES);
    let mut record = vec![number as u8; len];
    record[..4].copy_from_slice(&(len as u32).to_le_bytes());
    record[4..12].copy_from_slice(&(sender.raw() as u64).to_le_bytes());
    record[12..HEADER_BYTES].copy_from_slice(&number.to_le_bytes());
    record
}

/// What one endpoint got over one connection.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// Bytes of a record that is not whole, where messages are not kept.
    bytes: Vec<u8>,
    sender: Option<ResourceId>,
    /// The number of the last record.
    pub(super) last: Option<u32>,
    /// Records in all.
    pub(super) count: u32,
}

impl Received {
    /// Takes a message, which is a record; or any piece of the bytes of several.
    pub(super) fn take(&mut self, message: &[u8], is_record: bool) {
        if is_record {
            assert!(message.len() >= HEADER_BYTES, "a message of {} bytes", message.len());
            assert_eq!(length(message), message.len(), "a message was cut or joined");
            return self.check(message);
        }
        self.bytes.extend_from_slice(message);
        let bytes = std::mem::take(&mut self.bytes);
        let mut rest = &bytes[..];
        while rest.len() >= HEADER_BYTES && rest.len() >= length(rest) {
            let (record, behind) = rest.split_at(length(rest));
            self.check(record);
            rest = behind;
        }
        self.bytes = rest.to_vec();
    }

    /// Each of one sender, whole, in order, without a gap.
    fn check(&mut self, record: &[u8]) {
        let sender = u64::from_le_bytes(record[4..12].try_into().expect("8 bytes"));
        let sender = ResourceId::from(sender as usize);
        let number = u32::from_le_bytes(record[12..HEADER_BYTES].try_into().expect("4 bytes"));
        assert_eq!(*self.sender.get_or_insert(sender), sender, "two senders on one connection");
        if let Some(last) = self.last {
            assert_eq!(number, last + 1, "a message was lost, doubled or overtaken");
        }
        let filling = vec![number as u8; record.len() - HEADER_BYTES];
        assert!(record[HEADER_BYTES..] == filling, "a message was mixed");
        self.last = Some(number);
        self.count += 1;
    }
}

fn length(record: &[u8]) -> usize {
    let len = u32::from_le_bytes(record[..4].try_into().expect("4 bytes")) as usize;
    assert!(len >= HEADER_BYTES, "not the beginning of a record");
    len
}
