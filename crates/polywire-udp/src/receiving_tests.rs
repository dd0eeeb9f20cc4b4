use std::net::Ipv4Addr;

use super::*;

/// What one system call does.
enum Call {
    /// Fills slots; a number of bytes, and how many each datagram in them has.
    Fills(&'static [(usize, usize)]),
    Fails(io::ErrorKind),
}

use Call::{Fails, Fills};

/// A socket of scripted calls.
struct ScriptedSocket {
    calls: std::vec::IntoIter<Call>,
    made: usize,
    /// How many slots each call had that filled some.
    slots: Vec<usize>,
}

/// A socket of scripted calls, the program, and what it got.
struct Script {
    socket: ScriptedSocket,
    receive_state: ReceiveState,
    delivered: Vec<usize>,
    gathered: Vec<bool>,
    single_event: bool,
    /// After how many datagrams the program wants no more.
    stop_after: usize,
}

impl Script {
    /// Of a socket that is read in batches.
    fn new(calls: Vec<Call>) -> Self {
        let mut script = Self::of_new_socket(calls);
        script.receive_state.in_batches = true;
        script
    }

    fn of_new_socket(calls: Vec<Call>) -> Self {
        let (delivered, gathered) = (Vec::new(), Vec::new());
        let socket = ScriptedSocket { calls: calls.into_iter(), made: 0, slots: Vec::new() };
        Self {
            socket,
            receive_state: ReceiveState::default(),
            single_event: false,
            delivered,
            gathered,
            stop_after: usize::MAX,
        }
    }

    fn receive(&mut self, budget: usize) -> ReceiveOutcome {
        let deliver = |_, message: &[u8], more| {
            assert!(message.iter().all(|byte| *byte == 7));
            self.delivered.push(message.len());
            self.gathered.push(more);
            if self.delivered.len() >= self.stop_after { Flow::Stop } else { Flow::Continue }
        };
        let buffer = &mut vec![0; SLOTS_PER_CALL * SLOT_BYTES];
        let budget = (budget, self.single_event);
        receive_datagrams(buffer, budget, &mut self.receive_state, &mut self.socket, deliver)
    }
}

impl Source for &mut ScriptedSocket {
    fn receive(&mut self, slot: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let mut metas = [RecvMeta::default()];
        self.receive_batch(&mut [IoSliceMut::new(slot)], &mut metas)?;
        Ok((metas[0].len, metas[0].addr))
    }

    fn receive_batch(
        &mut self,
        slots: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        self.made += 1;
        match self.calls.next() {
            Some(Fills(runs)) => {
                assert!(runs.len() <= slots.len(), "no room");
                self.slots.push(slots.len());
                for ((meta, slot), (len, stride)) in metas.iter_mut().zip(slots).zip(runs) {
                    slot[..*len].fill(7);
                    meta.addr = (Ipv4Addr::LOCALHOST, 9).into();
                    (meta.len, meta.stride) = (*len, *stride);
                }
                Ok(runs.len())
            }
            Some(Fails(kind)) => Err(kind.into()),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

const PLENTY: usize = 1 << 30;
const EMPTY: (usize, usize) = (0, 0);

#[test]
fn errors_between_datagrams_delay_none_of_them() {
    let refused = || Fails(io::ErrorKind::ConnectionRefused);
    let full = |runs| Fills(runs);
    let mut script = Script::new(vec![
        refused(),
        full(&[(1, 1), EMPTY, (1, 1), (1, 1)]),
        refused(),
        Fails(io::ErrorKind::ConnectionReset),
        full(&[(2, 2); SLOTS_PER_CALL]),
        refused(),
        full(&[(3, 3)]),
    ]);
    assert!(matches!(script.receive(PLENTY), ReceiveOutcome::Drained));
    assert_eq!(script.delivered, [1, 0, 1, 1, 2, 2, 2, 2, 3]);
}

/// A socket with as many datagrams as is to be looked for a burst in, the last call filling `last`.
fn new_socket(last: &'static [(usize, usize)]) -> Script {
    let lone = || Fills(&[(3, 3)]);
    let mut calls: Vec<_> = (1..BURST_CHECK_INTERVAL).map(|_| lone()).collect();
    calls.extend([Fills(last), lone()]);
    Script::of_new_socket(calls)
}

#[test]
fn a_socket_is_read_in_batches_once_a_burst_has_come() {
    for single_event in [false, true] {
        let mut script = new_socket(&[(3, 3), (3, 3)]);
        script.single_event = single_event;
        while matches!(script.receive(PLENTY), ReceiveOutcome::MayHaveMore) {}
        assert_eq!(script.socket.slots[..BURST_CHECK_INTERVAL - 1], [1; BURST_CHECK_INTERVAL - 1]);
        assert_eq!(script.socket.slots[BURST_CHECK_INTERVAL - 1..], [2, SLOTS_PER_CALL]);
        assert_eq!(script.delivered, [3; BURST_CHECK_INTERVAL + 2]);
        assert!(script.receive_state.is_in_batches());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn many_datagrams_one_at_a_time_are_no_burst() {
    for single_event in [false, true] {
        let mut script = new_socket(&[(3, 3)]);
        script.single_event = single_event;
        while matches!(script.receive(PLENTY), ReceiveOutcome::MayHaveMore) {}
        assert_eq!(
            script.socket.slots[BURST_CHECK_INTERVAL - 1..],
            [2],
            "which drained the socket"
        );
        script.receive(PLENTY);
        assert_eq!(script.socket.slots[BURST_CHECK_INTERVAL..], [1]);
        assert!(!script.receive_state.is_in_batches());
    }
}

#[test]
fn datagrams_with_pauses_between_are_no_burst() {
    let pause = || Fails(io::ErrorKind::WouldBlock);
    let calls =
        (0..BURST_CHECK_INTERVAL).flat_map(|_| [Fills(&[(3, 3)]), Fills(&[(3, 3)]), pause()]);
    let mut script = Script::of_new_socket(calls.collect());
    for _ in 0..BURST_CHECK_INTERVAL {
        assert!(matches!(script.receive(PLENTY), ReceiveOutcome::Drained));
    }
    assert_eq!(script.socket.slots, [1; 2 * BURST_CHECK_INTERVAL]);
}

#[test]
fn no_call_finds_no_other_where_one_is_enough() {
    let mut script = Script::of_new_socket(vec![Fills(&[(3, 3)]), Fills(&[(4, 4)])]);
    script.single_event = true;
    for made in 1..=2 {
        assert!(matches!(script.receive(PLENTY), ReceiveOutcome::MayHaveMore));
        assert_eq!(script.socket.made, made);
    }
    assert!(matches!(script.receive(PLENTY), ReceiveOutcome::Drained));
    assert_eq!(script.delivered, [3, 4]);
}

#[test]
fn an_empty_datagram_is_a_message() {
    let mut script = Script::new(vec![Fills(&[EMPTY, (1, 1), EMPTY])]);
    script.receive(PLENTY);
    assert_eq!(script.delivered, [0, 1, 0]);
    assert_eq!(script.gathered, [true, true, false]);
}

#[test]
fn datagrams_that_were_received_as_one_are_told_apart() {
    let mut script = Script::new(vec![Fills(&[(250, 100), (65_507, 65_507), (64, 32)])]);
    script.receive(PLENTY);
    assert_eq!(script.delivered, [100, 100, 50, 65_507, 32, 32]);
    assert_eq!(script.gathered, [true, true, true, true, true, false]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_call_that_fills_less_than_its_room_has_drained_the_socket() {
    let mut script = Script::new(vec![Fills(&[(64, 64)])]);
    assert!(matches!(script.receive(PLENTY), ReceiveOutcome::Drained));
    assert_eq!(script.socket.made, 1);
    // Also when other sockets are ready and each has a small share.
    let mut script = Script::new(vec![Fills(&[(64, 64)])]);
    assert!(matches!(script.receive(1000), ReceiveOutcome::Drained));
    assert_eq!(script.socket.made, 1);
    let mut script = Script::new(vec![Fills(&[(64, 64); SLOTS_PER_CALL])]);
    assert!(matches!(script.receive(PLENTY), ReceiveOutcome::Drained));
    assert_eq!(script.socket.made, 2);
}

#[test]
fn a_flood_is_cut_at_the_budget_even_if_it_is_of_empty_datagrams() {
    let flood = || (0..100).map(|_| Fills(&[EMPTY; 2])).collect();
    let mut script = Script::new(flood());
    assert!(matches!(script.receive(MIN_COST_BYTES * 3), ReceiveOutcome::Unfinished));
    assert_eq!(script.delivered, [0; 3]);
    assert_eq!(script.gathered, [true, false, false]);
    script.receive(MIN_COST_BYTES * 3);
    assert_eq!(script.delivered.len(), 6);

    let mut script = Script::new(vec![Fills(&[(64_000, 1000)])]);
    assert!(matches!(script.receive(3000), ReceiveOutcome::Unfinished));
    assert_eq!(script.delivered, [1000; 3]);
}

#[test]
fn one_datagram_is_read_even_without_a_budget() {
    let mut script = Script::new(vec![Fills(&[(7, 7), (8, 8)])]);
    assert!(matches!(script.receive(0), ReceiveOutcome::Unfinished));
    assert_eq!(script.delivered, [7]);
}

#[test]
fn what_a_round_had_no_budget_for_comes_first_in_the_next() {
    let mut script = Script::new(vec![Fills(&[(2000, 1000), EMPTY]), Fills(&[(5, 5)])]);
    let mut rounds = 1;
    while matches!(script.receive(1), ReceiveOutcome::Unfinished) {
        rounds += 1;
    }
    assert_eq!(script.delivered, [1000, 1000, 0, 5]);
    assert_eq!(rounds, 5);
}

#[test]
fn a_socket_that_only_fails_is_given_up() {
    let fails = (0..2000).map(|_| Fails(io::ErrorKind::OutOfMemory)).collect();
    let mut script = Script::new(fails);
    let outcome = script.receive(PLENTY);
    assert!(
        matches!(outcome, ReceiveOutcome::Broken(error) if error.kind() == io::ErrorKind::OutOfMemory)
    );
    assert_eq!(script.socket.made, MAX_ERRORS_IN_A_ROW + 1);
}

#[test]
fn nothing_is_handed_out_after_stop_and_nothing_is_lost_if_it_goes_on() {
    let mut script = Script::new(vec![Fills(&[(300, 100), (4, 4), EMPTY])]);
    for stop_after in 1..=5 {
        script.stop_after = stop_after;
        assert!(matches!(script.receive(PLENTY), ReceiveOutcome::Stopped));
        assert_eq!(script.delivered.len(), stop_after);
        assert_eq!(script.socket.made, 1);
    }
    assert_eq!(script.delivered, [100, 100, 100, 4, 0]);
    assert!(matches!(script.receive(PLENTY), ReceiveOutcome::Drained));
    assert_eq!(script.delivered.len(), 5);
}

/// What the manual page of recvmmsg(2) lists, by the names of std.
const KINDS: [io::ErrorKind; 14] = [
    io::ErrorKind::WouldBlock,
    io::ErrorKind::Interrupted,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::ConnectionRefused,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::BrokenPipe,
    io::ErrorKind::TimedOut,
    io::ErrorKind::NotConnected,
    io::ErrorKind::AddrInUse,
    io::ErrorKind::PermissionDenied,
    io::ErrorKind::OutOfMemory,
    io::ErrorKind::HostUnreachable,
    io::ErrorKind::NetworkUnreachable,
    io::ErrorKind::Other,
];

/// The call of a script of receives that fails is any of them, by any error. Sending is in
/// `runs_tests`.
#[test]
fn no_error_of_any_receive_loses_delays_or_mixes_a_datagram() {
    const SCRIPT: [&[(usize, usize)]; 4] =
        [&[(1, 1); SLOTS_PER_CALL], &[(2, 2); SLOTS_PER_CALL], &[(9, 3), EMPTY], &[]];
    let expected = [vec![1; SLOTS_PER_CALL], vec![2; SLOTS_PER_CALL], vec![3, 3, 3, 0]].concat();
    for kind in KINDS {
        for failing in 0..SCRIPT.len() {
            for times in 1..=3 {
                let mut calls: Vec<_> = SCRIPT.into_iter().map(Fills).collect();
                for _ in 0..times {
                    calls.insert(failing, Fails(kind));
                }
                let mut script = Script::new(calls);
                // Nothing to receive ends a round; the next readiness begins another.
                let rounds = if kind == io::ErrorKind::WouldBlock { 1 + times } else { 1 };
                for _ in 0..rounds {
                    assert!(
                        matches!(script.receive(PLENTY), ReceiveOutcome::Drained),
                        "{kind:?}, {failing}"
                    );
                }
                assert_eq!(script.delivered, expected, "{kind:?} {times} times at {failing}");
            }
        }
    }
}
