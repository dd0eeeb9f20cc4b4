//! Threads that answer what the callback gives them by a channel with little room, for clients that read
//! late: the callback waits for the threads, and these for the clients.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use polywire::network::{Endpoint, NetEvent, NetworkController, SendStatus};
use polywire::node::{self, NodeEvent};

use super::progress::{MAX_SILENCE, Progress};
use crate::link::Link;
use crate::ping;

const WORKERS: usize = 4;
/// Jobs that the channel has room for.
const QUEUE_JOBS: usize = 16;
const CLIENTS: usize = 8;
/// Requests that a client has under way, before it reads.
const REQUESTS_IN_FLIGHT: u64 = 100;
/// Bytes of an answer beside its header.
const ANSWER_BYTES: usize = 32 << 10;
/// How late a client reads.
const READ_DELAY: Duration = Duration::from_millis(200);

/// What the callback gives to the threads.
type Job = (Endpoint, u64);

pub(super) fn run(link: &Link, until: Instant) -> Result<Progress, String> {
    let (server, listener) = node::split::<()>();
    let (_, addr) =
        server.network().listen(&*link.listening(), "127.0.0.1:0").expect("a free port");
    let (give, jobs) = mpsc::sync_channel::<Job>(QUEUE_JOBS);
    let jobs = Mutex::new(jobs);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| work(server.network(), &jobs));
        }
        let mut streams = std::collections::HashMap::<Endpoint, Vec<u8>>::new();
        let mut task = listener.for_each_async(move |event| {
            if let NodeEvent::Network(NetEvent::Message(endpoint, bytes)) = event {
                let stream = streams.entry(endpoint).or_default();
                stream.extend_from_slice(bytes);
                while let Some(request) = ping::take_from(stream) {
                    // Waits while the threads have enough to do.
                    let _ = give.send((endpoint, request.map_or(u64::MAX, |ping| ping.number)));
                }
            }
        });
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(move || be_client(link, addr, until))).collect();
        let results: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        server.stop();
        task.wait();
        let joined =
            results.into_iter().map(|result| result.unwrap_or_else(|_| Err("it panicked".into())));
        let all: Result<Vec<_>, _> = joined.collect();
        all.map(|all| all.into_iter().reduce(Progress::with).expect("there are clients"))
    })
}

/// Answers until the callback is gone.
fn work(network: &NetworkController, jobs: &Mutex<Receiver<Job>>) {
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok((endpoint, number)) = next() {
        let answer = ping::write(number, &[7; ANSWER_BYTES]);
        let _ = network.send(endpoint, &answer); // The client may be gone.
    }
}

/// Takes the whole answers from the front of `stream`. Returns how many; too many if one is broken.
fn take_answers(stream: &mut Vec<u8>) -> u64 {
    let mut answers = 0;
    while let Some(answer) = ping::take_from(stream) {
        let is_whole = answer.is_some_and(|it| it.number < REQUESTS_IN_FLIGHT);
        answers += if is_whole { 1 } else { REQUESTS_IN_FLIGHT };
    }
    answers
}

/// Sends requests, rests, and then reads their answers, again and again. Of several threads' answers the
/// order is anybody's.
fn be_client(link: &Link, addr: std::net::SocketAddr, until: Instant) -> Result<Progress, String> {
    let (handler, listener) = node::split::<()>();
    let network = handler.network().clone();
    let (endpoint, _) =
        network.connect_sync(&*link.connecting(), addr).map_err(|error| error.to_string())?;
    let (tell, told) = mpsc::channel();
    let mut stream = Vec::new();
    let mut task = listener.for_each_async(move |event| {
        if let NodeEvent::Network(NetEvent::Message(_, bytes)) = event {
            stream.extend_from_slice(bytes);
            let _ = tell.send((bytes.len(), take_answers(&mut stream)));
        }
    });
    let mut progress = Progress::new();
    let mut result = Ok(());
    while result.is_ok() && Instant::now() < until {
        network.pause(endpoint.resource_id());
        for number in 0..REQUESTS_IN_FLIGHT {
            if network.send(endpoint, &ping::write(number, &[])) != SendStatus::Sent {
                result = Err("the server has ended the connection".to_owned());
            }
        }
        thread::sleep(READ_DELAY);
        network.resume(endpoint.resource_id());
        progress.rests();
        let mut left = REQUESTS_IN_FLIGHT;
        while left > 0 && result.is_ok() {
            match told.recv_timeout(MAX_SILENCE) {
                Ok((bytes, answers)) if answers <= left => {
                    progress.came(bytes);
                    left -= answers;
                }
                Ok(_) => result = Err("an answer is broken, or came twice".into()),
                Err(_) => result = Err(format!("no answer for {MAX_SILENCE:?}")),
            }
        }
    }
    handler.stop();
    task.wait();
    result.map(|()| progress)
}
