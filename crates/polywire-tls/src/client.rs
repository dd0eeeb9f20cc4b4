//! What connections are opened with, as rustls wants it.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, KeyLogFile, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::certificates::{TlsCertificates, TlsRevocations};
use crate::chain::Chain;
use crate::config_error::TlsConfigError;
use crate::identity::TlsIdentity;
use crate::pin::TlsPin;
use crate::pinned::Pinned;
use crate::provider::{TlsProvider, provider};
use crate::roots::{alpn_protocols, protocol_versions, revocation_lists, root_store};
use crate::version::TlsVersion;

/// What the program has set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) provider: Option<TlsProvider>,
    pub(crate) versions: Vec<TlsVersion>,
    pub(crate) system_roots: bool,
    pub(crate) bundled_roots: bool,
    pub(crate) roots: Vec<TlsCertificates>,
    pub(crate) pins: Vec<TlsPin>,
    pub(crate) revocations: Vec<TlsRevocations>,
    pub(crate) identity: Option<TlsIdentity>,
    pub(crate) server_name: Option<String>,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) ends_without_close_notify: bool,
    pub(crate) forgets_sessions: bool,
    pub(crate) logs_keys: bool,
}

/// What all connections of a configuration share.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) checks_name: bool,
}

impl Settings {
    pub(crate) fn build(&self) -> Result<Client, TlsConfigError> {
        let chosen = provider(self.provider)?;
        let crypto = chosen.crypto();
        let verifier = self.verifier(chosen, &crypto)?;
        let versions = protocol_versions(&self.versions);
        let builder = ClientConfig::builder_with_provider(crypto)
            .with_protocol_versions(&versions)
            .map_err(|error| TlsConfigError::settings(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let certified = identity.certified(chosen)?;
                let resolver = rustls::sign::SingleCertAndKey::from(certified);
                builder.with_client_cert_resolver(Arc::new(resolver))
            }
        };
        config.alpn_protocols = alpn_protocols(&self.alpn)?;
        if self.forgets_sessions {
            config.resumption = Resumption::disabled();
        }
        if self.logs_keys {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(Client { config: Arc::new(config), checks_name: self.pins.is_empty() })
    }

    fn verifier(
        &self,
        chosen: TlsProvider,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
        let has_roots = self.system_roots || self.bundled_roots || !self.roots.is_empty();
        if !self.pins.is_empty() {
            if has_roots || !self.revocations.is_empty() {
                let text =
                    "a pin takes the place of roots and revocation lists: give either, not both";
                return Err(TlsConfigError::settings(text));
            }
            let provider = Arc::clone(provider);
            return Ok(Arc::new(Pinned { pins: self.pins.clone(), provider }));
        }
        if self.system_roots || !has_roots {
            return Ok(Arc::new(Chain(self.system_verifier(chosen, provider)?)));
        }
        let roots = Arc::new(self.root_store()?);
        let lists = revocation_lists(&self.revocations)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
            .with_crls(lists)
            .build()
            .map_err(|error| TlsConfigError::malformed("a set of roots and lists", error))?;
        Ok(Arc::new(Chain::<dyn ServerCertVerifier>(verifier)))
    }

    fn system_verifier(
        &self,
        chosen: TlsProvider,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
        if self.bundled_roots || !self.revocations.is_empty() {
            let text = "the system's roots go with roots of your own, and not with the bundled ones or with \
                        revocation lists: leave out one of them";
            return Err(TlsConfigError::settings(text));
        }
        let failed = |error: rustls::Error| TlsConfigError::SystemRoots(error.to_string().into());
        if self.roots.is_empty() {
            return Ok(shared_system_verifier(chosen, provider).map_err(failed)?);
        }
        let roots = self.roots.iter().flat_map(|roots| roots.0.clone());
        let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(provider));
        Ok(Arc::new(verifier.map_err(failed)?))
    }

    fn root_store(&self) -> Result<RootCertStore, TlsConfigError> {
        #[cfg_attr(not(feature = "webpki-roots"), expect(unused_mut))]
        let mut store = root_store(&self.roots)?;
        #[cfg(feature = "webpki-roots")]
        if self.bundled_roots {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Ok(store)
    }
}

/// To read all roots of the system takes milliseconds, so it is done once.
fn shared_system_verifier(
    of: TlsProvider,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<Verifier>, rustls::Error> {
    static SHARED: Mutex<Vec<(TlsProvider, Arc<Verifier>)>> = Mutex::new(Vec::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, verifier)) = shared.iter().find(|(known, _)| *known == of) {
        return Ok(Arc::clone(verifier));
    }
    let verifier = Arc::new(Verifier::new(Arc::clone(provider))?);
    shared.push((of, Arc::clone(&verifier)));
    Ok(verifier)
}
