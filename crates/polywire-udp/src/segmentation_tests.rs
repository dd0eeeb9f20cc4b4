use std::net::Ipv4Addr;

use super::*;

const SEGMENTS: usize = 64;

fn peer(number: u8) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, u16::from(number)).into()
}

/// What one system call was given: address, bytes, and the length of each datagram.
type Call = (SocketAddr, Vec<u8>, Option<usize>);

fn write(
    batches: &mut BatchQueue,
    segmentation: &Segmentation,
    mut answer: impl FnMut(&Call) -> io::Result<()>,
) -> (Written, Vec<Call>) {
    let mut calls = Vec::new();
    let written = batches.write(segmentation, |to, bytes, len| {
        let call = (to, bytes.to_vec(), len);
        let answer = answer(&call);
        calls.push(call);
        answer
    });
    (written, calls)
}

/// The datagrams of `calls` in their order.
fn datagrams(calls: &[Call]) -> Vec<(SocketAddr, Vec<u8>)> {
    let of_one = |(to, bytes, len): &Call| -> Vec<_> {
        match len {
            Some(len) => bytes.chunks(*len).map(|chunk| (*to, chunk.to_vec())).collect(),
            None => vec![(*to, bytes.clone())],
        }
    };
    calls.iter().flat_map(of_one).collect()
}

const DONE: Written = Written { dropped: 0, is_full: false };

#[test]
fn equal_datagrams_leave_by_one_call_and_a_shorter_one_is_the_last() {
    let (segmentation, mut batches) = (Segmentation::new(SEGMENTS), BatchQueue::default());
    for len in [100, 100, 100, 40, 40, 100] {
        batches.push(peer(1), &vec![len as u8; len], &segmentation);
    }
    let (written, calls) = write(&mut batches, &segmentation, |_| Ok(()));
    assert_eq!(written, DONE);
    let shape: Vec<_> = calls.iter().map(|(_, bytes, len)| (bytes.len(), *len)).collect();
    assert_eq!(shape, [(340, Some(100)), (40, None), (100, None)]);
    assert!(batches.is_empty());
    assert_eq!(batches.bytes(), 0);
}

#[test]
fn each_peer_gets_its_own_in_their_order_however_they_mix() {
    let (segmentation, mut batches) = (Segmentation::new(SEGMENTS), BatchQueue::default());
    let mut sent = Vec::new();
    for number in 0..90_u8 {
        let (to, len) = (peer(number % 3), [0, 7, 7, 7, 3, 9][usize::from(number) % 6]);
        batches.push(to, &vec![number; len], &segmentation);
        sent.push((to, vec![number; len]));
    }
    assert_eq!(batches.len(), 90);
    let (written, calls) = write(&mut batches, &segmentation, |_| Ok(()));
    assert_eq!(written, DONE);
    assert!(calls.len() < 70, "{}", calls.len());
    let left = datagrams(&calls);
    for number in 0..3 {
        let of_peer = |all: &[(SocketAddr, Vec<u8>)]| -> Vec<_> {
            all.iter().filter(|(to, _)| *to == peer(number)).cloned().collect()
        };
        assert_eq!(of_peer(&left), of_peer(&sent));
    }
}

#[test]
fn a_run_is_complete_at_the_systems_bounds() {
    let segmentation = Segmentation::new(SEGMENTS);
    let mut batches = BatchQueue::default();
    let complete: Vec<_> =
        (0..SEGMENTS).map(|_| batches.push(peer(1), b"12", &segmentation)).collect();
    assert_eq!(complete.iter().position(|complete| *complete), Some(SEGMENTS - 1));
    let message = vec![0; 20_000];
    let complete: Vec<_> = (0..3).map(|_| batches.push(peer(2), &message, &segmentation)).collect();
    assert_eq!(complete, [false, false, true]);
    assert!(batches.push(peer(3), b"", &segmentation), "nothing joins an empty datagram");
    assert!(batches.push(peer(4), &[0; 40_000], &segmentation), "nor one too long for two");
    let (_, calls) = write(&mut batches, &segmentation, |_| Ok(()));
    assert!(calls.iter().all(|(_, bytes, _)| bytes.len() <= MAX_LOCAL_PAYLOAD_LEN));
    assert_eq!(datagrams(&calls).len(), SEGMENTS + 5);
}

#[test]
fn where_nothing_can_be_joined_each_leaves_alone() {
    let (segmentation, mut batches) = (Segmentation::new(1), BatchQueue::default());
    assert!(!segmentation.suits(10));
    for _ in 0..3 {
        assert!(batches.push(peer(1), b"hello", &segmentation));
    }
    let (_, calls) = write(&mut batches, &segmentation, |_| Ok(()));
    assert!(calls.iter().all(|(_, _, len)| len.is_none()));
    assert_eq!(calls.len(), 3);
}

#[test]
fn what_the_interface_does_not_join_leaves_one_by_one_from_then_on() {
    for (errno, still_suits) in [(EINVAL, true), (EMSGSIZE, true), (EIO, false)] {
        let (segmentation, mut batches) = (Segmentation::new(SEGMENTS), BatchQueue::default());
        for _ in 0..5 {
            batches.push(peer(1), &[7; 2000], &segmentation);
        }
        let refuse = |call: &Call| match call.2 {
            Some(_) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(()),
        };
        let (written, calls) = write(&mut batches, &segmentation, refuse);
        assert_eq!(written, DONE, "nothing is lost");
        assert_eq!(calls.iter().filter(|(_, _, len)| len.is_none()).count(), 5);
        assert!(!segmentation.suits(2000));
        assert_eq!(segmentation.suits(1000), still_suits);
    }
}

#[test]
fn a_full_system_keeps_the_rest_of_a_run_and_loses_nothing() {
    let (segmentation, mut batches) = (Segmentation::new(SEGMENTS), BatchQueue::default());
    for number in 0..5 {
        batches.push(peer(1), &[number; 9], &segmentation);
    }
    // Joined ones are refused, so they go one by one, and the third finds no room.
    let mut singles = 0;
    let (written, calls) = write(&mut batches, &segmentation, |call| {
        singles += usize::from(call.2.is_none());
        match (call.2, singles) {
            (Some(_), _) => Err(io::Error::from_raw_os_error(EIO)),
            (None, 3) => Err(io::ErrorKind::WouldBlock.into()),
            (None, _) => Ok(()),
        }
    });
    assert_eq!(written, Written { dropped: 0, is_full: true });
    assert_eq!(batches.len(), 3);
    batches.push(peer(1), &[5; 9], &segmentation);
    let (written, later) = write(&mut batches, &segmentation, |_| Ok(()));
    assert_eq!(written, DONE);
    let left = datagrams(&later);
    assert_eq!(left.iter().map(|(_, bytes)| bytes[0]).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(datagrams(&calls[calls.len() - 3..])[0].1, [0; 9]);
    assert_eq!(batches.bytes(), 0);
}

#[test]
fn whatever_errors_the_system_gives_every_datagram_leaves_or_is_counted() {
    for errno in 1..=133 {
        for failures in [1, 4, 5, 7, usize::MAX] {
            let (segmentation, mut batches) = (Segmentation::new(SEGMENTS), BatchQueue::default());
            for number in 0..6_u8 {
                batches.push(
                    peer(1),
                    &vec![number; [30, 30, 30, 0, 50, 50][usize::from(number)]],
                    &segmentation,
                );
            }
            let (mut calls, mut left) = (0_usize, 0);
            let written = batches.write(&segmentation, |_, bytes, len| {
                calls += 1;
                if calls <= failures {
                    return Err(io::Error::from_raw_os_error(errno));
                }
                left += len.map_or(1, |len| bytes.len().div_ceil(len));
                Ok(())
            });
            let waiting = batches.len();
            assert_eq!(left + waiting + written.dropped, 6, "{errno}, {failures} times");
            assert_eq!(written.is_full, waiting > 0);
            assert!(failures > 1 || written.dropped == 0, "{errno}: one error loses nothing");
        }
    }
}
