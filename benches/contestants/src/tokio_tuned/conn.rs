//! One connection: the half that one task reads, and the half that all may write to.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::inbox::{Buffers, Inbox, Read};
use crate::wire::Wire;

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers::new());
}

pub(super) struct Conn {
    reader: OwnedReadHalf,
    pub(super) writer: Arc<Writer>,
    inbox: Inbox,
}

pub(super) struct Writer {
    half: OwnedWriteHalf,
    /// What the system has not taken. While there is any, a task of its own writes it.
    unsent: Mutex<Vec<u8>>,
}

impl Conn {
    pub(super) fn new(stream: TcpStream) -> Self {
        let (reader, half) = stream.into_split();
        let writer = Arc::new(Writer { half, unsent: Mutex::default() });
        Self { reader, writer, inbox: Inbox::default() }
    }

    /// Waits for bytes, hands the whole messages out, with where answers are to be put, and writes
    /// those at once. Returns whether the peer is still there.
    pub(super) async fn serve(
        &mut self,
        wire: Wire,
        mut each: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> bool {
        poll_fn(|context| {
            BUFFERS.with_borrow_mut(|buffers| {
                let Self { reader, writer, inbox } = self;
                let read = |places: &mut [io::IoSliceMut<'_>]| read(reader, context, places);
                let read = match inbox.read(wire, buffers, read, &mut each) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                    Err(_) => return Poll::Ready(false),
                    Ok(read) => read,
                };
                if !buffers.out.is_empty() {
                    writer.send(&buffers.out);
                    buffers.out.clear();
                }
                Poll::Ready(read != Read::Closed)
            })
        })
        .await
    }
}

/// By `poll_read`, since behind a short read it asks the system no more: `try_read` asks once more.
fn read(
    reader: &mut OwnedReadHalf,
    context: &mut Context<'_>,
    places: &mut [io::IoSliceMut<'_>],
) -> io::Result<usize> {
    let mut place = ReadBuf::new(&mut places[0]);
    match Pin::new(reader).poll_read(context, &mut place) {
        Poll::Ready(result) => result.map(|()| place.filled().len()),
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

impl Writer {
    /// Writes what there is room for, and leaves the rest to a task.
    pub(super) fn send(self: &Arc<Self>, bytes: &[u8]) {
        let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        if !unsent.is_empty() {
            return unsent.extend_from_slice(bytes);
        }
        let written = self.write(bytes).unwrap_or(bytes.len()); // Its reader sees its end.
        if written < bytes.len() {
            unsent.extend_from_slice(&bytes[written..]);
            tokio::spawn(Arc::clone(self).flush());
        }
    }

    /// Writes all of `bytes`, waiting for room.
    pub(super) async fn write_all(&self, bytes: &[u8]) {
        let mut written = self.write(bytes).expect("the peer lives");
        while written < bytes.len() {
            self.half.writable().await.expect("the peer lives");
            written += self.write(&bytes[written..]).expect("the peer lives");
        }
    }

    async fn flush(self: Arc<Self>) {
        while self.half.writable().await.is_ok() {
            let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
            let Ok(written) = self.write(&unsent) else { return };
            if written == unsent.len() {
                *unsent = Vec::new();
                return;
            }
            unsent.drain(..written);
        }
    }

    /// How much of `bytes` there was room for.
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match self.half.try_write(&bytes[written..]) {
                Ok(len) => written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }
}
