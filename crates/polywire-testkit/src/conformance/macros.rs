//! What a test file calls.

/// Makes a module of tests, one for each check that there is, which hold an adapter, a protocol or a stream to its
/// contract. A check that does not apply to it is listed as ignored, with the reason.
///
/// # An adapter
///
/// Any adapter, over [`Subject`](crate::conformance::Subject), with what it says it can do, in this order:
///
/// * `connections`: `yes` if it has connections, `no` if a listener answers datagrams of anybody
/// * `packets`: whether a message arrives as it was sent; with `no`, only the bytes and their order are kept
/// * `order`, `reliability`: whether messages arrive in order, and at all. With `connections: no` nobody asks about more
///   than single messages
/// * `half_close`: `yes` if each direction ends by itself: while a connection that was removed writes what is left, it still
///   reads, and drops, what the peer sends. TCP does; so does a stream whose `shutdown_write` ends one direction. `no` if to
///   close ends both directions at once, so that a peer which goes on sending may lose the rest. Either way `Disconnected`
///   is the end of both for the program
/// * `largest_message`: bytes of a message at most, `none` if there is no such bound
///
/// Where there are connections, the checks send messages of up to 16 MiB: make the adapter take these, whatever its
/// default is. One over sockets whose buffers grow by themselves takes more while nobody reads: where it can set their
/// sizes, 16 KiB make the checks fast.
///
/// ```
/// # use polywire_testkit::conformance::Subject;
/// # fn subject() -> Subject { unimplemented!() }
/// # fn main() {}
/// polywire_testkit::conformance! {
///     adapter serial = subject();
///     connections: yes,
///     packets: yes,
///     order: yes,
///     reliability: yes,
///     half_close: no,
///     largest_message: 64 << 20,
/// }
/// ```
///
/// # A protocol
///
/// A [`Protocol`](polywire_core::stream::Protocol), driven by hand over
/// [`ProtocolSubject`](crate::conformance::ProtocolSubject):
///
/// ```
/// # use polywire_core::{CloseReason, Message, stream::{Context, Decoded, Encoder, Frame, Item, Protocol}};
/// # use polywire_testkit::conformance::ProtocolSubject;
/// # fn main() {}
/// # struct Lines;
/// # impl Protocol for Lines {
/// #     type Encoder = Self;
/// #     fn encoder(&self) -> Self { Self }
/// #     fn open(&mut self, _: &mut Context<'_>) -> bool { true }
/// #     fn decode<'a>(&'a mut self, _: &'a mut [u8], _: &mut Context<'_>) -> Result<Decoded<'a>, CloseReason> {
/// #         Ok(Decoded { consumed: 0, item: Item::Incomplete { needed: 0 } })
/// #     }
/// # }
/// # impl Encoder for Lines {
/// #     fn encode<'m>(&self, _: Message<'m>, _: &mut impl Frame<'m>) {}
/// # }
/// polywire_testkit::conformance! {
///     protocol lines = ProtocolSubject::new(|| Lines, || Lines);
///     packets: yes,
/// }
/// ```
///
/// # A stream
///
/// A [`Stream`](polywire_core::stream::Stream), which may be one over another, by
/// [`StreamSubject`](crate::conformance::StreamSubject):
///
/// ```
/// # use polywire_core::{adapter::Registration, stream::Stream};
/// # use polywire_testkit::conformance::StreamSubject;
/// # use std::io::{self, IoSlice};
/// # fn main() {}
/// # struct Pipe;
/// # impl Pipe { fn pair() -> (Self, Self) { (Self, Self) } }
/// # impl Stream for Pipe {
/// #     fn register(&mut self, _: &Registration<'_>) -> io::Result<()> { Ok(()) }
/// #     fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> { Ok(()) }
/// #     fn read(&self, _: &mut [u8]) -> io::Result<usize> { Ok(0) }
/// #     fn write_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> { Ok(0) }
/// #     fn shutdown_write(&self) -> io::Result<()> { Ok(()) }
/// # }
/// polywire_testkit::conformance! {
///     stream pipe = StreamSubject::new(Pipe::pair);
/// }
/// ```
#[macro_export]
macro_rules! conformance {
    (
        adapter $name:ident = $subject:expr;
        connections: $connections:ident,
        packets: $packets:ident,
        order: $order:ident,
        reliability: $reliability:ident,
        half_close: $half_close:ident,
        largest_message: none $(,)?
    ) => {
        $crate::__endpoint_tests! {
            $name ($subject) None
            ($connections $packets $order $reliability $half_close no)
        }
    };
    (
        adapter $name:ident = $subject:expr;
        connections: $connections:ident,
        packets: $packets:ident,
        order: $order:ident,
        reliability: $reliability:ident,
        half_close: $half_close:ident,
        largest_message: $largest:expr $(,)?
    ) => {
        $crate::__endpoint_tests! {
            $name ($subject) (Some($largest))
            ($connections $packets $order $reliability $half_close yes)
        }
    };
    (protocol $name:ident = $subject:expr; packets: $packets:ident $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $crate::__protocol_checks! { __each_protocol_test [($subject) ($packets)] }
        }
    };
    (stream $name:ident = $subject:expr $(;)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $crate::__stream_checks! { __each_stream_test [($subject)] }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __endpoint_tests {
    ($name:ident $subject:tt $largest:tt ($($can:ident)+)) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn __subject() -> $crate::conformance::Subject {
                let [connections, packets, order, reliability, half_close, _] =
                    [$($crate::__flag!($can)),+];
                $subject.with_capabilities($crate::conformance::Capabilities {
                    connections,
                    packets,
                    order,
                    reliability,
                    half_close,
                    largest_message: $largest,
                })
            }

            $crate::__endpoint_checks! { __each_endpoint_test [($($can)+)] }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __flag {
    (yes) => {
        true
    };
    (no) => {
        false
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __each_endpoint_test {
    ([$can:tt] $($line:literal $module:ident $name:ident $needs:tt;)+) => {
        $($crate::__test! {
            $needs $can $name {
                $crate::conformance::assert_holds(
                    &$crate::conformance::endpoint_check(stringify!($name)),
                    __subject(),
                );
            }
        })+
    };
}

/// One test: what the check needs, what the adapter can do, the name, and the body. Takes the needs one by one, and ends as
/// an ignored test with the first that is not there.
#[doc(hidden)]
#[macro_export]
macro_rules! __test {
    ([] $can:tt $name:ident $body:block) => {
        #[test]
        fn $name() $body
    };
    ([connections $($needs:ident)*] (no $($can:ident)+) $name:ident $body:block) => {
        #[test]
        #[ignore = "the adapter has no connections"]
        fn $name() {}
    };
    ([datagrams $($needs:ident)*] (yes $($can:ident)+) $name:ident $body:block) => {
        #[test]
        #[ignore = "the adapter has connections"]
        fn $name() {}
    };
    ([packets $($needs:ident)*] ($c:ident no $($can:ident)+) $name:ident $body:block) => {
        #[test]
        #[ignore = "the adapter keeps no message boundaries"]
        fn $name() {}
    };
    ([bytes $($needs:ident)*] ($c:ident yes $($can:ident)+) $name:ident $body:block) => {
        #[test]
        #[ignore = "the adapter keeps message boundaries"]
        fn $name() {}
    };
    ([order $($needs:ident)*] ($c:ident $p:ident no $($can:ident)+) $name:ident $body:block) => {
        #[test]
        #[ignore = "the adapter keeps no order"]
        fn $name() {}
    };
    (
        [reliability $($needs:ident)*] ($c:ident $p:ident $o:ident no $($can:ident)+)
        $name:ident $body:block
    ) => {
        #[test]
        #[ignore = "the adapter may lose messages"]
        fn $name() {}
    };
    (
        [largest_message $($needs:ident)*]
        ($c:ident $p:ident $o:ident $r:ident $h:ident no) $name:ident $body:block
    ) => {
        #[test]
        #[ignore = "a message may have any length"]
        fn $name() {}
    };
    ([$need:ident $($needs:ident)*] $can:tt $name:ident $body:block) => {
        $crate::__test! { [$($needs)*] $can $name $body }
    };
}
