//! The protocol keeps the rules of its traits.

use polywire_framed_tcp::Framed;
use polywire_testkit::conformance::ProtocolSubject;

polywire_testkit::conformance! {
    protocol framed = ProtocolSubject::new(Framed::default, Framed::default);
    packets: yes,
}

polywire_testkit::conformance! {
    protocol framed_of_few_bytes = ProtocolSubject::new(|| Framed::new(2000), || Framed::new(2000));
    packets: yes,
}
