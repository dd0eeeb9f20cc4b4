//! `util`: frame sizes and threads.

use message_io::util::encoding::{self, Decoder, MAX_ENCODED_SIZE};
use message_io::util::thread::NamespacedThread;

pub fn run() {
    frames();
    threads();
}

fn frames() {
    let mut buffer = [0; MAX_ENCODED_SIZE];
    let message = [7; 300];
    let size = encoding::encode_size(&message, &mut buffer).to_vec();
    assert_eq!(encoding::decode_size(&size), Some((message.len(), size.len())));
    assert_eq!(encoding::decode_size(&size[..1]), None);

    let stream = [&size[..], &message, &size, &message].concat();
    let mut decoder = Decoder::default();
    let mut decoded = Vec::new();
    for part in stream.chunks(101) {
        decoder.decode(part, |message| decoded.push(message.to_vec()));
    }
    assert_eq!(decoded, [message, message]);
    assert_eq!(decoder.stored_size(), 0);
}

fn threads() {
    let mut thread = NamespacedThread::spawn("joined", || 1);
    assert_eq!(thread.join(), 1);

    let mut thread =
        NamespacedThread::spawn("joined-once", || std::thread::current().name().map(str::to_owned));
    let name = thread.try_join().unwrap().unwrap();
    assert!(name.ends_with("joined-once"), "{name}");
    assert!(thread.try_join().is_none());

    let _joined_by_drop: NamespacedThread<()> = NamespacedThread::spawn("dropped", || {});
}
