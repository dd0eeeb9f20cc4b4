//! PROXY headers: any bytes, whole and in pieces, and written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use polywire_fuzz::parts;
use polywire_proxy_protocol::{Parsed, ProxyHeader};

/// What of `bytes` a reader needs who reads no byte behind the header, and what it is then.
fn read_frugally(bytes: &[u8], max: usize) -> Option<(ProxyHeader, usize)> {
    let mut len = 0;
    loop {
        match ProxyHeader::parse(&bytes[..len], max).ok()? {
            Parsed::Incomplete { needed } => {
                assert!(needed > len, "it asks for something");
                if len == bytes.len() {
                    return None;
                }
                len = needed.min(bytes.len());
            }
            Parsed::Whole { header, len: used, .. } => {
                assert_eq!(used, len, "nothing behind the header was read");
                return Some((header, used));
            }
            other => panic!("{other:?}"),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, cuts, bytes)) = parts(data) else { return };
    let max = if choice == 0 { 1 << 17 } else { usize::from(choice) * 8 };
    let at_once = ProxyHeader::parse(bytes, max);
    let mut decided = false;
    let mut len = 0;
    for cut in cuts.iter().cycle() {
        match ProxyHeader::parse(&bytes[..len], max) {
            Ok(Parsed::Incomplete { .. }) => assert!(!decided),
            Ok(whole) => {
                assert_eq!(Ok(&whole), at_once.as_ref());
                decided = true;
            }
            Err(_) => {
                assert!(at_once.is_err());
                decided = true;
            }
        }
        if len == bytes.len() {
            break;
        }
        len = bytes.len().min(len + usize::from(*cut).max(1));
    }
    let frugal = read_frugally(bytes, max);
    let Ok(Parsed::Whole { header, version, len }) = at_once else {
        return assert_eq!(frugal, None);
    };
    assert_eq!(frugal, Some((header.clone(), len)));
    header.tlvs().for_each(drop);
    header.ssl().inspect(|ssl| ssl.tlvs().for_each(drop));
    // A unique id that is too long is taken, and not passed on.
    let Ok(again) = header.encode(version) else { return };
    let Ok(Parsed::Whole { header: again, .. }) = ProxyHeader::parse(&again, usize::MAX) else {
        panic!("what was encoded is a header");
    };
    assert_eq!(header.tlvs().count(), again.tlvs().count());
    assert_eq!(header.is_local(), again.is_local());
});
