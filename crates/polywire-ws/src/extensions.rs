//! Extensions in the handshake (RFC 6455 section 9.1): compression, and no other.

use http::HeaderMap;
use http::header::SEC_WEBSOCKET_EXTENSIONS;

use crate::deflate::Deflate;
use crate::deflate::agreed::Agreed;
use crate::deflate::negotiation;

/// What one end can do, and what both have agreed on.
#[derive(Debug)]
pub(crate) struct Extensions {
    deflate: Option<Deflate>,
    agreed: Option<Agreed>,
}

impl Extensions {
    pub(crate) fn new(deflate: Option<Deflate>) -> Self {
        Self { deflate, agreed: None }
    }

    /// The value of a client's `Sec-WebSocket-Extensions`, if it is to have one.
    pub(crate) fn offer(&self) -> Option<String> {
        self.deflate.as_ref().map(negotiation::offer)
    }

    /// Takes one of the offers in the headers of a request, if one can be met. Returns the value of the answer's
    /// `Sec-WebSocket-Extensions`.
    pub(crate) fn accept(&mut self, headers: &HeaderMap) -> Option<String> {
        let config = self.deflate.as_ref()?;
        let lines = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).into_iter();
        let lines = lines.filter_map(|line| line.to_str().ok());
        let (answer, agreed) = negotiation::accept(config, lines)?;
        self.agreed = Some(agreed);
        Some(answer)
    }

    /// Takes the headers of an answer.
    ///
    /// # Errors
    ///
    /// Why the handshake fails: they are not an answer to the offer.
    pub(crate) fn confirm(&mut self, headers: &HeaderMap) -> Result<(), &'static str> {
        let lines = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).into_iter();
        match &self.deflate {
            Some(config) => {
                // What is no text is no list either.
                let lines = lines.map(|line| line.to_str().unwrap_or(";"));
                self.agreed = negotiation::confirm(config, lines)?;
                Ok(())
            }
            None if lines.count() == 0 => Ok(()),
            None => Err("the peer uses an extension that was not asked for"),
        }
    }

    /// What both ends have agreed on for compression.
    pub(crate) fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }
}
