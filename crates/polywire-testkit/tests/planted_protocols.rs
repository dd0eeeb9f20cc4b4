//! Each fault that a protocol may have is found, by the check that the table names; and none is found where there is none.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use polywire_core::network::SendStatus;
use polywire_core::stream::{Context, Decoded, Encoder, Frame, Item, Progress, Protocol};
use polywire_core::{CloseReason, Message};
use polywire_testkit::conformance::protocol::checks;
use polywire_testkit::conformance::{ProtocolSubject, run_in_time};

/// What a check may take that fails.
const LIMIT: Duration = Duration::from_secs(20);

const CONNECTING: u8 = b'C';
const ACCEPTING: u8 = b'S';
const HELLO: &[u8] = b"hello";
const HEADER: usize = 4;
const MAX_MESSAGE: usize = 200_000;
/// In the place of a length.
const HEARTBEAT: u32 = u32::MAX;
/// Bits of a header that are no length.
const MARKS: u32 = 0x7F << 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    ConsumesTooMuch,
    ConsumesPart,
    SkipsNothing,
    ChangesTheRest,
    ClearsOut,
    IsReadyTwice,
    SpeaksBeforeReady,
    KeepsMuch,
    WantsWholeHeaders,
    LosesPatience,
    NeedsTooMuch,
    /// An empty message is found only with the one behind it.
    HoldsEmptyMessages,
    WantsWholeHandshakes,
    PanicsAtNoise,
    PanicsAtNoiseWhenConnecting,
    LooksAtAllEachTime,
    NumbersFrames,
    ChangesMessages,
    IsOrderedAndUnchanged,
    SharesNumber,
    /// Frames of the two ends differ, though their number is the same.
    SharesNumberWithThePeer,
    TakesTooLong,
    EndsGracefullyInside,
    /// Consumes a header by itself, and does not tell that a message has begun.
    HidesHalfMessages,
    ClosesInDisorder,
    DeliversHeartbeats,
    EndsAtUnknownControl,
    KeepsDeadline,
}

/// Each message behind its length, after a greeting.
struct Planted {
    fault: Fault,
    is_ready: bool,
    incomplete: u32,
    /// The length in a header that was consumed by itself.
    begun: Option<usize>,
    deadline: Option<Instant>,
    encoder: PlantedEncoder,
}

#[derive(Clone)]
struct PlantedEncoder {
    fault: Fault,
    /// Which end it belongs to.
    role: u8,
    number: Arc<AtomicU32>,
    own: u32,
}

fn planted(fault: Fault, role: u8) -> Planted {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let own = NEXT.fetch_add(1, Ordering::Relaxed);
    let encoder = PlantedEncoder { fault, role, number: Arc::default(), own };
    let deadline = Some(Instant::now());
    Planted { fault, is_ready: false, incomplete: 0, begun: None, deadline, encoder }
}

fn subject(fault: Fault) -> ProtocolSubject<Planted> {
    ProtocolSubject::new(move || planted(fault, CONNECTING), move || planted(fault, ACCEPTING))
}

impl Planted {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn greeting<'a>(&mut self, input: &[u8]) -> Result<Decoded<'a>, CloseReason> {
        if self.has(Fault::SpeaksBeforeReady) {
            return Ok(Decoded { consumed: 1, item: Item::Message(Message::binary(b"early")) });
        }
        let is_front = HELLO.starts_with(&input[..input.len().min(HELLO.len())]);
        if !is_front || self.has(Fault::WantsWholeHandshakes) && input.len() < HELLO.len() {
            return Err(CloseReason::ProtocolViolation("no greeting".into()));
        }
        if input.len() < HELLO.len() {
            return Ok(Decoded { consumed: 0, item: Item::Incomplete { needed: HELLO.len() } });
        }
        self.is_ready = true;
        Ok(Decoded { consumed: HELLO.len(), item: Item::Ready })
    }

    fn panics(&self) -> bool {
        let connects = self.encoder.role == CONNECTING;
        self.has(Fault::PanicsAtNoise) || self.has(Fault::PanicsAtNoiseWhenConnecting) && connects
    }

    /// The length in a header, or why there is none.
    fn len_of(&self, input: &[u8]) -> Result<Option<u32>, CloseReason> {
        let Some(header) = input.first_chunk::<HEADER>() else {
            return match self.has(Fault::WantsWholeHeaders) {
                true => Err(CloseReason::ProtocolViolation("half a header".into())),
                false => Ok(None),
            };
        };
        let len = u32::from_be_bytes(*header);
        if len == HEARTBEAT {
            return Ok(Some(len));
        }
        let len = len & !MARKS;
        match len as usize > MAX_MESSAGE {
            true if self.panics() => panic!("a message of {len} bytes"),
            true => {
                let (size, max) = (len.into(), MAX_MESSAGE as u64);
                Err(CloseReason::MessageTooLarge { size, max })
            }
            false => Ok(Some(len)),
        }
    }

    fn incomplete<'a>(&mut self, input: &[u8], end: usize) -> Result<Decoded<'a>, CloseReason> {
        self.incomplete += 1;
        if self.has(Fault::LosesPatience) && self.incomplete > 1 {
            return Err(CloseReason::ProtocolViolation("too slow".into()));
        }
        let needed = match self.fault {
            Fault::NeedsTooMuch => end + 1,
            Fault::LooksAtAllEachTime => {
                let mut sum = 0_u32;
                input.iter().for_each(|byte| sum = sum.wrapping_mul(31) + u32::from(*byte) % 7);
                std::hint::black_box(sum);
                input.len() + 1
            }
            _ => end,
        };
        let is_part = self.has(Fault::ConsumesPart) && input.len() > HEADER;
        let consumed = if is_part { HEADER } else { 0 };
        Ok(Decoded { consumed, item: Item::Incomplete { needed } })
    }
}

impl Protocol for Planted {
    type Encoder = PlantedEncoder;

    fn encoder(&self) -> PlantedEncoder {
        self.encoder.clone()
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        if self.has(Fault::ClearsOut) {
            cx.out.clear();
        }
        cx.out.extend(HELLO);
        self.has(Fault::IsReadyTwice)
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        if !self.is_ready {
            return self.greeting(input);
        }
        if let Some(len) = self.begun {
            if input.len() < len {
                return self.incomplete(input, len);
            }
            self.begun = None;
            return Ok(Decoded {
                consumed: len,
                item: Item::Message(Message::binary(&input[..len])),
            });
        }
        let len = match self.len_of(input)? {
            None => return self.incomplete(input, HEADER),
            Some(HEARTBEAT) => {
                let consumed = if self.has(Fault::SkipsNothing) { 0 } else { HEADER };
                let item = match self.has(Fault::DeliversHeartbeats) {
                    true => Item::Message(Message::binary(b"")),
                    false => Item::Skip,
                };
                return Ok(Decoded { consumed, item });
            }
            Some(len) => len as usize,
        };
        if self.has(Fault::HidesHalfMessages) && len > 0 {
            self.begun = Some(len);
            return Ok(Decoded { consumed: HEADER, item: Item::Skip });
        }
        let end = HEADER + len;
        let is_held = len == 0 && input.len() == end && self.has(Fault::HoldsEmptyMessages);
        if input.len() < end || is_held {
            return self.incomplete(input, end);
        }
        self.incomplete = 0;
        if self.has(Fault::ChangesTheRest) {
            input[end..].iter_mut().take(1).for_each(|byte| *byte ^= 1);
        }
        let consumed = end + usize::from(self.has(Fault::ConsumesTooMuch));
        if self.has(Fault::ChangesMessages) || self.has(Fault::SharesNumber) {
            input[HEADER..end].iter_mut().for_each(|byte| *byte ^= 0x55);
        }
        Ok(Decoded { consumed, item: Item::Message(Message::binary(&input[HEADER..end])) })
    }

    fn half_received(&self) -> Option<usize> {
        self.has(Fault::KeepsMuch).then_some(1 << 20)
    }

    fn heartbeat(&mut self, cx: &mut Context<'_>) {
        cx.out.extend(HEARTBEAT.to_be_bytes());
    }

    fn control(
        &mut self,
        _: Box<dyn Any + Send>,
        _: &mut Context<'_>,
    ) -> Result<Progress, CloseReason> {
        match self.has(Fault::EndsAtUnknownControl) {
            true => Err(CloseReason::PeerClosed),
            false => Ok(Progress::Unchanged),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn expire(&mut self, _: &mut Context<'_>) -> Result<Progress, CloseReason> {
        if !self.has(Fault::KeepsDeadline) {
            self.deadline = None;
        }
        Ok(Progress::Unchanged)
    }

    fn end_of_stream(&mut self, left: usize) -> CloseReason {
        match left {
            0 if self.begun.is_none() => CloseReason::PeerClosed,
            _ if self.has(Fault::EndsGracefullyInside) => CloseReason::PeerClosed,
            _ => CloseReason::ProtocolViolation("half a message".into()),
        }
    }

    fn close(&mut self, _: &CloseReason, cx: &mut Context<'_>) {
        if self.has(Fault::ClosesInDisorder) {
            cx.out.extend(b"bye");
        }
    }
}

impl Encoder for PlantedEncoder {
    fn is_ordered(&self) -> bool {
        self.fault == Fault::IsOrderedAndUnchanged
    }

    fn changes_messages(&self) -> bool {
        false
    }

    fn max_message_size(&self) -> usize {
        MAX_MESSAGE
    }

    fn refuse(&self, message: Message<'_>) -> Option<SendStatus> {
        let is_too_long = message.bytes.len() > MAX_MESSAGE && self.fault != Fault::TakesTooLong;
        is_too_long.then_some(SendStatus::MaxPacketSizeExceeded)
    }

    fn framing(&self) -> Option<u64> {
        Some(1)
    }

    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        let mark = match self.fault {
            Fault::NumbersFrames => self.number.fetch_add(1, Ordering::Relaxed) % 0x40,
            Fault::SharesNumber => self.own % 0x40,
            Fault::SharesNumberWithThePeer => self.role.into(),
            _ => 0,
        };
        frame.put(&(message.bytes.len() as u32 | mark << 24).to_be_bytes());
        match self.fault {
            Fault::ChangesMessages | Fault::SharesNumber => {
                frame.put_changed(message.bytes, |copy| {
                    copy.iter_mut().for_each(|byte| *byte ^= 0x55);
                });
            }
            _ => frame.put_message(message.bytes),
        }
    }
}

polywire_testkit::conformance! {
    protocol without_a_fault = subject(Fault::None);
    packets: yes,
}

/// The table: one test for each row.
macro_rules! found_by {
    ($($fault:ident $check:ident;)+) => {
        #[allow(non_snake_case, reason = "the names are those of the faults")]
        mod is_found {
            use super::*;

            $(#[test]
            fn $fault() {
                let found = run_in_time(LIMIT, || {
                    subject(Fault::$fault).__assert_holds(stringify!($check), checks::$check);
                });
                println!("{}: {found:?}", stringify!($fault));
                assert!(found.is_err(), "not found by {}", stringify!($check));
            })+
        }
    };
}

found_by! {
    ConsumesTooMuch decode_consumes_no_more_than_there_is;
    ConsumesPart incomplete_consumes_nothing;
    SkipsNothing decode_gets_on;
    ChangesTheRest decode_leaves_the_rest_alone;
    ClearsOut out_only_grows;
    IsReadyTwice a_protocol_is_ready_once;
    SpeaksBeforeReady no_message_comes_before_ready;
    KeepsMuch no_more_is_kept_than_was_received;
    WantsWholeHeaders messages_are_the_same_at_every_cut;
    LosesPatience messages_are_the_same_byte_by_byte;
    HoldsEmptyMessages messages_are_the_same_byte_by_byte;
    NeedsTooMuch no_more_is_needed_than_it_takes;
    WantsWholeHandshakes the_handshake_is_the_same_in_parts_of_any_length;
    PanicsAtNoise any_bytes_mean_the_same_however_they_are_cut;
    PanicsAtNoiseWhenConnecting any_bytes_mean_the_same_however_they_are_cut;
    LooksAtAllEachTime the_time_of_a_message_is_linear_in_its_bytes;
    NumbersFrames a_frame_is_the_same_twice;
    ChangesMessages a_frame_holds_the_message;
    IsOrderedAndUnchanged an_ordered_encoder_changes_messages;
    SharesNumber encoders_of_one_number_frame_alike;
    SharesNumberWithThePeer encoders_of_one_number_frame_alike;
    TakesTooLong the_largest_message_arrives_and_no_longer_one;
    HidesHalfMessages a_message_that_is_cut_short_is_no_graceful_end;
    EndsGracefullyInside a_message_that_is_cut_short_is_no_graceful_end;
    ClosesInDisorder what_close_says_is_a_graceful_end;
    DeliversHeartbeats a_heartbeat_does_no_harm;
    EndsAtUnknownControl an_unknown_control_value_changes_nothing;
    KeepsDeadline a_deadline_that_was_served_is_over;
}
