//! Nodes on threads of their own, and a directory that goes with its test.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use polywire_core::adapter::{Connect, Listen};
use polywire_core::address::Name;
use polywire_core::network::{NetEvent, NetworkController, StoredNetEvent};
use polywire_core::node::{self, NodeEvent, NodeHandler, NodeTask};
use polywire_core::{Endpoint, ResourceId};

/// Nothing that these tests wait for takes so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) struct Node {
    pub(crate) handler: NodeHandler<Sender<()>>,
    events: Receiver<StoredNetEvent>,
    task: Option<NodeTask>,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// One that sends each message back.
    pub(crate) fn echo() -> Self {
        Self::with(|handler, event| {
            if let NetEvent::Message(endpoint, message) = event {
                handler.network().send(*endpoint, message);
            }
        })
    }

    fn with(
        mut callback: impl FnMut(&NodeHandler<Sender<()>>, &NetEvent<'_>) + Send + 'static,
    ) -> Self {
        let (handler, listener) = node::split();
        let (sender, events) = mpsc::channel();
        let inner = handler.clone();
        let task = listener.for_each_async(move |event| match event {
            NodeEvent::Network(event) => {
                callback(&inner, &event);
                let _ = sender.send(StoredNetEvent::from(event));
            }
            NodeEvent::Signal(answer) => answer.send(()).unwrap(),
        });
        Self { handler, events, task: Some(task) }
    }

    pub(crate) fn network(&self) -> &NetworkController {
        self.handler.network()
    }

    #[track_caller]
    pub(crate) fn listen(&self, by: impl Listen, addr: &str) -> ResourceId {
        self.network().listen(by, Name(addr)).unwrap().0
    }

    #[track_caller]
    pub(crate) fn connect(&self, by: impl Connect, addr: &str) -> Endpoint {
        let endpoint = self.network().connect(by, addr).unwrap().0;
        let event = self.next();
        assert!(matches!(event, StoredNetEvent::Connected(e, true) if e == endpoint), "{event:?}");
        endpoint
    }

    #[track_caller]
    pub(crate) fn next(&self) -> StoredNetEvent {
        self.events.recv_timeout(DEADLINE).expect("an event comes in time")
    }

    #[track_caller]
    pub(crate) fn accepted(&self) -> Endpoint {
        match self.next() {
            StoredNetEvent::Accepted(endpoint, _) => endpoint,
            other => panic!("{other:?} instead of Accepted"),
        }
    }

    #[track_caller]
    pub(crate) fn message(&self) -> (Endpoint, Vec<u8>) {
        match self.next() {
            StoredNetEvent::Message(endpoint, message) => (endpoint, message),
            other => panic!("{other:?} instead of Message"),
        }
    }

    /// What a stream brings, until it is as long as that.
    #[track_caller]
    pub(crate) fn bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            bytes.extend(self.message().1);
        }
        bytes
    }

    /// How often the loop has woken up, once it has done what it is to do.
    #[track_caller]
    pub(crate) fn settled_wake_ups(&self) -> u64 {
        let (answer, answered) = mpsc::channel();
        self.handler.signals().send(answer);
        answered.recv_timeout(DEADLINE).expect("the loop runs");
        self.network().stats().wake_ups
    }

    /// Stops it and waits for its end.
    pub(crate) fn stop(mut self) {
        self.handler.stop();
        self.task.take().expect("stopped once").wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.handler.stop();
    }
}

/// A directory of a test's own, removed with all that is in it.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "polywire-unix-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub(crate) fn is_empty(&self) -> bool {
        std::fs::read_dir(&self.0).unwrap().next().is_none()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An abstract name of a test's own.
pub(crate) fn abstract_name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("@polywire-unix-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Waits for what no event tells.
#[track_caller]
pub(crate) fn eventually(awaited: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {awaited}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether the system can refuse descriptors; says so if it can't.
#[cfg(target_os = "linux")]
pub(crate) fn can_refuse_descriptors() -> bool {
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let can = take_descriptors(&socket).is_ok();
    if !can {
        println!("skipped: this system has no SO_PASSRIGHTS (Linux 6.16)");
    }
    can
}

/// Has the socket take descriptors again; fails where it does anyway.
#[cfg(target_os = "linux")]
pub(crate) fn take_descriptors(socket: &impl std::os::fd::AsFd) -> nix::Result<()> {
    nix::sys::socket::setsockopt(socket, option::PassRights, &true)
}

#[cfg(target_os = "linux")]
mod option {
    use nix::{libc, setsockopt_impl, sockopt_impl};

    const SO_PASSRIGHTS: libc::c_int =
        if cfg!(any(target_arch = "sparc", target_arch = "sparc64")) { 92 } else { 83 };

    sockopt_impl!(PassRights, SetOnly, libc::SOL_SOCKET, SO_PASSRIGHTS, bool);
}
