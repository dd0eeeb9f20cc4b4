//! What sessions are resumed by.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::server::ProducesTickets;

use crate::provider::TlsProvider;

/// One of each provider.
static SHARED: Mutex<Vec<(TlsProvider, Arc<dyn ProducesTickets>)>> = Mutex::new(Vec::new());

/// The ticketer of all listeners of the program that ask no client for a certificate: a ticket of one says no
/// more than that its holder shook hands before, and a reload leaves it valid.
pub(crate) fn shared(provider: TlsProvider) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, ticketer)) = shared.iter().find(|(of, _)| *of == provider) {
        return Ok(Arc::clone(ticketer));
    }
    let ticketer = provider.ticketer()?;
    shared.push((provider, Arc::clone(&ticketer)));
    Ok(ticketer)
}
