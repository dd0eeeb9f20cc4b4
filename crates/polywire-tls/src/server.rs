//! What connections are accepted with, as rustls wants it.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{KeyLogFile, ServerConfig};

use crate::certificates::{TlsCertificates, TlsRevocations};
use crate::chain::Chain;
use crate::config_error::TlsConfigError;
use crate::identity::TlsIdentity;
use crate::pin::TlsPin;
use crate::pinned::Pinned;
use crate::provider::{TlsProvider, provider};
use crate::resolver::{Hook, Resolver};
use crate::roots::{alpn_protocols, protocol_versions, revocation_lists, root_store};
use crate::throttle::Throttle;
use crate::tickets;
use crate::version::TlsVersion;

/// Bytes of the names of authorities that clients are told, at most. More would not fit into one message with the
/// rest: then they are told none, and show the certificate that they have.
const MAX_HINT_BYTES: usize = 32 << 10;

/// What the program has set.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) provider: Option<TlsProvider>,
    pub(crate) versions: Vec<TlsVersion>,
    pub(crate) identities: Vec<TlsIdentity>,
    pub(crate) resolver: Option<Hook>,
    pub(crate) refuses_unknown_names: bool,
    pub(crate) client_roots: Vec<TlsCertificates>,
    pub(crate) client_pins: Vec<TlsPin>,
    pub(crate) client_revocations: Vec<TlsRevocations>,
    pub(crate) admits_unknown_clients: bool,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) ends_without_close_notify: bool,
    pub(crate) resumes_clients: bool,
    pub(crate) forgets_sessions: bool,
    pub(crate) logs_keys: bool,
}

/// What all connections of a configuration share, until it is reloaded.
#[derive(Debug)]
pub(crate) struct Server {
    /// What it was made of.
    pub(crate) settings: Settings,
    pub(crate) config: Arc<ServerConfig>,
    /// Checks the certificate of a client whose session is resumed, as rustls does not.
    pub(crate) verifier: Option<Arc<dyn ClientCertVerifier>>,
    pub(crate) needs_close_notify: bool,
}

impl Settings {
    pub(crate) fn build(&self) -> Result<Server, TlsConfigError> {
        let chosen = provider(self.provider)?;
        let crypto = chosen.crypto();
        let verifier = self.verifier(&crypto)?;
        let builder = ServerConfig::builder_with_provider(crypto)
            .with_protocol_versions(&protocol_versions(&self.versions))
            .map_err(|error| TlsConfigError::settings(error.to_string()))?;
        let builder = match &verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(self.resolver(chosen)?));
        config.alpn_protocols = alpn_protocols(&self.alpn)?;
        // A cache of sessions helps one listener of one program; tickets need none.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        self.set_tickets(&mut config, chosen, verifier.is_some())?;
        if self.logs_keys {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        let needs_close_notify = !self.ends_without_close_notify;
        let settings = self.clone();
        Ok(Server { settings, config: Arc::new(config), verifier, needs_close_notify })
    }

    /// The same with another certificate.
    pub(crate) fn with_only(&self, identity: TlsIdentity) -> Result<Self, TlsConfigError> {
        if let [_] = self.identities[..] {
            return Ok(Self { identities: vec![identity], ..self.clone() });
        }
        let text = format!(
            "`reload_identity` replaces the one certificate of a listener, and this has {}: give all of them to `reload`",
            self.identities.len()
        );
        Err(TlsConfigError::settings(text))
    }

    /// Whether certificates of clients count.
    pub(crate) fn checks_clients(&self) -> bool {
        !(self.client_roots.is_empty() && self.client_pins.is_empty())
    }

    fn set_tickets(
        &self,
        config: &mut ServerConfig,
        chosen: TlsProvider,
        knows_clients: bool,
    ) -> Result<(), TlsConfigError> {
        let ticketer = match knows_clients {
            _ if self.forgets_sessions => None,
            false => Some(tickets::shared(chosen)),
            // Of its own, so that what a reload no longer trusts can't come back by an old ticket.
            true if self.resumes_clients => Some(chosen.ticketer()),
            true => None,
        };
        match ticketer {
            Some(ticketer) => {
                config.ticketer =
                    ticketer.map_err(|error| TlsConfigError::settings(error.to_string()))?;
            }
            None => config.send_tls13_tickets = 0,
        }
        Ok(())
    }

    fn resolver(&self, chosen: TlsProvider) -> Result<Resolver, TlsConfigError> {
        if self.identities.is_empty() && self.resolver.is_none() {
            let text = "a listener needs a certificate: give one with `TlsListenConfig::new` or `with_identity`";
            return Err(TlsConfigError::settings(text));
        }
        let identities: Result<_, _> =
            self.identities.iter().map(|identity| identity.certified(chosen)).collect();
        Ok(Resolver {
            hook: self.resolver.clone(),
            identities: identities?,
            has_default: !self.refuses_unknown_names,
            provider: chosen,
            warnings: Throttle::default(),
        })
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsConfigError> {
        if !self.client_pins.is_empty() {
            let with = !self.client_roots.is_empty()
                || !self.client_revocations.is_empty()
                || self.admits_unknown_clients;
            if with {
                let text = "a client pin takes the place of client roots and revocation lists, and demands a \
                            certificate: give either, not both";
                return Err(TlsConfigError::settings(text));
            }
            let provider = Arc::clone(provider);
            return Ok(Some(Arc::new(Pinned { pins: self.client_pins.clone(), provider })));
        }
        if self.client_roots.is_empty() {
            if self.admits_unknown_clients || !self.client_revocations.is_empty() {
                let text =
                    "client certificates need the authority that signs them: `with_client_roots`";
                return Err(TlsConfigError::settings(text));
            }
            return Ok(None);
        }
        let roots = Arc::new(root_store(&self.client_roots)?);
        let hint_bytes: usize = roots.subjects().iter().map(|name| 2 + name.as_ref().len()).sum();
        let lists = revocation_lists(&self.client_revocations)?;
        let provider = Arc::clone(provider);
        let mut builder =
            WebPkiClientVerifier::builder_with_provider(roots, provider).with_crls(lists);
        if hint_bytes > MAX_HINT_BYTES {
            builder = builder.clear_root_hint_subjects();
        }
        if self.admits_unknown_clients {
            builder = builder.allow_unauthenticated();
        }
        let verifier = builder
            .build()
            .map_err(|error| TlsConfigError::malformed("a set of roots and lists", error))?;
        Ok(Some(Arc::new(Chain(verifier))))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("provider", &self.provider)
            .field("versions", &self.versions)
            .field("identities", &self.identities)
            .field("has_resolver", &self.resolver.is_some())
            .field("refuses_unknown_names", &self.refuses_unknown_names)
            .field("client_roots", &self.client_roots)
            .field("client_pins", &self.client_pins)
            .field("client_revocations", &self.client_revocations)
            .field("admits_unknown_clients", &self.admits_unknown_clients)
            .field("alpn", &self.alpn)
            .field("ends_without_close_notify", &self.ends_without_close_notify)
            .field("resumes_clients", &self.resumes_clients)
            .field("forgets_sessions", &self.forgets_sessions)
            .field("logs_keys", &self.logs_keys)
            .finish()
    }
}
