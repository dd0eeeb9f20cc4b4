use std::sync::atomic::{AtomicUsize, Ordering};

use polywire_core::adapter::Registration;

use super::*;

/// A proxy that sends `says` in pieces, and takes a limited number of bytes at each write.
struct Proxy {
    says: Vec<u8>,
    said: AtomicUsize,
    /// How many bytes there are so far.
    there: AtomicUsize,
    ends: bool,
    got: Mutex<Vec<u8>>,
    room: AtomicUsize,
}

impl Proxy {
    fn new(says: &[u8]) -> Self {
        Self {
            says: says.into(),
            said: AtomicUsize::new(0),
            there: AtomicUsize::new(0),
            ends: false,
            got: Mutex::default(),
            room: AtomicUsize::new(0),
        }
    }

    /// Of what it says, what was not read.
    fn rest(&self) -> &[u8] {
        &self.says[self.said.load(Ordering::Relaxed)..]
    }
}

impl Stream for Proxy {
    fn register(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registration<'_>) -> io::Result<()> {
        Ok(())
    }

    fn establish(&self, so_far: Establishing) -> io::Result<Establishing> {
        assert_eq!(so_far, Establishing::Connecting);
        Ok(Establishing::Established)
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (said, there) = (self.said.load(Ordering::Relaxed), self.there.load(Ordering::Relaxed));
        let ready = &self.says[said..there.min(self.says.len())];
        let len = ready.len().min(buffer.len());
        if len == 0 && !(self.ends && said == self.says.len()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        buffer[..len].copy_from_slice(&ready[..len]);
        self.said.fetch_add(len, Ordering::Relaxed);
        Ok(len)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let len = buffers[0].len().min(self.room.swap(0, Ordering::Relaxed));
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.got.lock().unwrap().extend_from_slice(&buffers[0][..len]);
        Ok(len)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }
}

fn basic() -> Authorization {
    Authorization::Basic { user: "Aladdin".into(), password: "open sesame".into() }
}

/// Asks `proxy`, which takes and says `step` bytes between two steps.
fn tunnel(proxy: Proxy, step: usize) -> (TunnelStream<Proxy>, io::Result<()>) {
    let asked = request("[::1]:443", Some(&basic()));
    let len = asked.len() + proxy.says.len();
    let tunnel = TunnelStream::through_proxy(proxy, asked.clone(), 200);
    for _ in 0..=len {
        tunnel.stream.room.store(step, Ordering::Relaxed);
        if *tunnel.stream.got.lock().unwrap() == asked {
            tunnel.stream.there.fetch_add(step, Ordering::Relaxed);
        }
        match Stream::establish(&tunnel, Establishing::Connecting) {
            Ok(Establishing::Established) => return (tunnel, Ok(())),
            Ok(_) => {}
            Err(error) => return (tunnel, Err(error)),
        }
    }
    (tunnel, Err(ErrorKind::TimedOut.into()))
}

#[test]
fn a_proxy_is_asked_and_what_is_behind_its_answer_is_not_touched() {
    for head in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 OK\r\nVia: x\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 299 \r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let says = [head.as_bytes(), b"\r\n\r\nbehind"].concat();
        for step in 1..=says.len() {
            let (tunnel, result) = tunnel(Proxy::new(&says), step);
            result.unwrap();
            assert_eq!(tunnel.stream.rest(), b"\r\n\r\nbehind", "{step}");
            assert_eq!(
                Stream::establish(&tunnel, Establishing::Connecting).unwrap(),
                Establishing::Established
            );
            let got = String::from_utf8(tunnel.stream.got.lock().unwrap().clone()).unwrap();
            assert_eq!(
                got,
                "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\
                 Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
            );
        }
    }
}

/// What the program is told by a proxy that refuses.
fn refusal(says: &str, ends: bool, step: usize) -> Refusal {
    let proxy = Proxy { ends, ..Proxy::new(says.as_bytes()) };
    let error = tunnel(proxy, step).1.unwrap_err();
    match CloseReason::of(&error) {
        Some(CloseReason::HandshakeRefused(refusal)) => refusal.clone(),
        _ => panic!("{error:?} of {says}"),
    }
}

#[test]
fn a_proxy_that_refuses_is_told_with_its_answer() {
    for (says, ends) in [
        ("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nwho", false),
        ("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\n\r\nwho", true),
        (
            "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nwho\r\n0\r\n\r\n",
            false,
        ),
    ] {
        for step in 1..=says.len() {
            let refusal = refusal(says, ends, step);
            let answer = refusal.detail::<ProxyRefusal>().unwrap();
            assert_eq!((answer.status, &answer.body[..]), (407, &b"who"[..]), "{step}");
            assert_eq!(answer.headers["proxy-authenticate"], "Basic");
            let text = refusal.text();
            assert_eq!(text, "the proxy answers HTTP 407 Proxy Authentication Required");
        }
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    let long = format!("HTTP/1.1 200 OK\r\n{}", "A: b\r\n".repeat(100));
    let interim = "HTTP/1.1 100 x\r\n\r\n".repeat(100);
    for (says, ends, word) in [
        ("SSH-2.0-x\r\n", false, "HTTP"),
        ("HTTP/1.1 ok\r\n\r\n", false, "malformed"),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", false, "malformed"),
        ("HTTP/1.1 200 OK\n\n", false, "CR"),
        (&long, false, "too long"),
        (&interim, false, "too long"),
        ("HTTP/1.1 2", true, "closed"),
        ("", true, "closed"),
    ] {
        for step in [1, 3, 1000] {
            let text = refusal(says, ends, step).to_string();
            assert!(text.contains(word) && text.contains("proxy"), "{text} of {says}");
        }
    }
    // One that only begins is waited for.
    let error = tunnel(Proxy::new(b"HTTP/1.1 200 OK\r\n"), 7).1.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
