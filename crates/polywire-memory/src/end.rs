//! One end of a connection, as its loop drives it.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use polywire_core::adapter::{Closing, Flow, Io, Opening, Received, Remote, Sender, Sink};
use polywire_core::{CloseReason, Limits, Message, Notifier, Readiness};

use crate::links::Mode;
use crate::parcels::Parcels;
use crate::pipe::{Found, Pipe};

/// What a message counts of the budget at least, in bytes: each is a call of the program, however short.
const MIN_COST_BYTES: usize = 256;

/// Takes the other end to whoever listens: there may be nobody.
type Arrive = Box<dyn FnOnce() -> Result<(), CloseReason> + Send>;

pub(crate) struct End {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    /// What is to be done for the connection to be made, while it is not.
    arrive: Option<Arrive>,
    /// Of the loop that drives this one.
    notifier: Option<Notifier>,
}

impl End {
    pub(crate) fn new(incoming: Arc<Pipe>, outgoing: Arc<Pipe>) -> Self {
        Self { incoming, outgoing, arrive: None, notifier: None }
    }

    /// The connection is made once the network lets it pass.
    pub(crate) fn connect_later(&mut self, arrive: Arrive) {
        self.arrive = Some(arrive);
    }

    /// Whether nothing passes to the other end.
    pub(crate) fn is_cut(&self) -> bool {
        self.outgoing.is_cut()
    }

    fn receive_message(&self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Result<Flow, Found> {
        let parcel = self.incoming.take(self.notifier.as_ref(), || io.now())?;
        io.budget = io.budget.saturating_sub(parcel.bytes.len().max(MIN_COST_BYTES));
        let more = !self.incoming.queue().is_idle();
        Ok(sink.message(Message { bytes: &parcel.bytes, kind: parcel.kind }, more))
    }

    /// Hands out one piece of a stream, and takes no more than that out of the pipe: where the sink says `Flow::Stop`,
    /// because the endpoint is paused, say, the rest is there for the next call.
    fn receive_bytes(&self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Result<Flow, Found> {
        let most = io.buffer.len().min(io.budget.max(1));
        let arrived = self.incoming.arrived((self.notifier.as_ref(), most), || io.now())?;
        let piece = self.incoming.draw_cut(arrived);
        let len = self.incoming.read(&mut io.buffer[..piece]);
        if len == 0 {
            return Ok(Flow::Continue); // It was thrown away meanwhile: the end comes next.
        }
        io.budget = io.budget.saturating_sub(len.max(MIN_COST_BYTES));
        Ok(sink.message(Message::binary(&io.buffer[..len]), len < arrived))
    }

    /// Nothing more has arrived.
    fn rest(io: &mut Io<'_>, found: Found) -> Received {
        let due: Option<Instant> = match found {
            Found::Ended(reason) => return Received::Ended(reason),
            Found::Due(due) => Some(due),
            _ => None,
        };
        io.set_deadline(due);
        Received::Drained
    }
}

impl Remote for End {
    fn sender(&self) -> Arc<dyn Sender> {
        Arc::<Pipe>::clone(&self.outgoing)
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(self.outgoing.queue().limits())
    }

    fn register(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        let notifier = io.registration.notifier();
        self.outgoing.set_sender(notifier.clone());
        self.incoming.queue().set_reader(notifier.clone());
        self.notifier = Some(notifier);
        Ok(())
    }

    fn open(&mut self, _: &mut Io<'_>) -> Opening {
        if self.arrive.is_some() && self.is_cut() {
            let notifier = self.notifier.clone();
            self.outgoing.when_whole(move || {
                notifier.iter().for_each(|loop_| loop_.notify(Readiness::READABLE));
            });
            return Opening::Connecting;
        }
        let arrived = self.arrive.take().map_or(Ok(()), |arrive| arrive());
        arrived.map_or_else(Opening::Failed, |()| Opening::Ready)
    }

    fn receive(&mut self, io: &mut Io<'_>, sink: &mut dyn Sink) -> Received {
        loop {
            let flow = match self.incoming.mode() {
                Mode::Messages => self.receive_message(io, sink),
                Mode::Stream => self.receive_bytes(io, sink),
            };
            match flow {
                Ok(Flow::Continue) if io.budget > 0 => {}
                Ok(_) => return Received::Unfinished, // What is left waits in the pipe.
                Err(found) => return Self::rest(io, found),
            }
        }
    }

    /// Something has arrived by now.
    fn expire(&mut self, _: &mut Io<'_>) -> Result<(), CloseReason> {
        self.notifier.iter().for_each(|loop_| loop_.notify(Readiness::READABLE));
        Ok(())
    }

    fn flush(&mut self, _: &mut Io<'_>) -> Result<(), CloseReason> {
        self.outgoing.queue().failure().map_or(Ok(()), Err)
    }

    fn close(&mut self, _: &mut Io<'_>, reason: &CloseReason) -> Closing {
        // A peer that closes, too, waits until this is read.
        self.incoming.queue().take(|parcels| *parcels = Parcels::default());
        match reason {
            CloseReason::Stalled => Closing::Done, // It would take nothing now, either.
            _ => self.outgoing.queue().closing(),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let outgoing = self.outgoing.queue();
        outgoing.end();
        if outgoing.closing() != Closing::Done {
            outgoing.abort(CloseReason::Reset); // The linger time is over, say.
        }
        // A peer that is cut off does not learn it yet.
        let incoming = Arc::clone(&self.incoming);
        self.incoming.when_whole(move || incoming.queue().abandon());
    }
}
