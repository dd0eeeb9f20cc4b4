//! How connections are accepted.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::certificates::{TlsCertificates, TlsRevocations};
use crate::config_error::TlsConfigError;
use crate::identity::TlsIdentity;
use crate::pin::TlsPin;
use crate::provider::TlsProvider;
use crate::resolver::TlsHello;
use crate::server::{Server, Settings};
use crate::throttle::Throttle;
use crate::version::TlsVersion;

/// TLS of the side that listens: a [`Layer`](polywire_core::stream::Layer).
///
/// A clone is a handle to the same configuration: keep one to [`reload`](Self::reload) it. The setters make a new one, of
/// the settings in force: those it was last reloaded with. `Debug` shows these, and no secrets.
///
/// # Resumption
///
/// A listener that asks no client for a certificate lets clients resume their sessions by tickets, which are sealed
/// with keys that all such listeners of the program share, and which a reload leaves valid. One that asks for
/// certificates gives no tickets, unless [`with_client_resumption`](Self::with_client_resumption) says so. Nothing is stored for a client.
#[derive(Clone)]
pub struct TlsListenConfig {
    /// What it was made with. A reload changes `current` alone: see [`in_force`](Self::in_force).
    settings: Settings,
    current: Arc<ArcSwapOption<Server>>,
    /// Of the warnings that connections are refused, as nothing usable was set.
    pub(crate) refusals: Arc<Throttle>,
}

impl TlsListenConfig {
    /// Shows this certificate.
    pub fn new(identity: TlsIdentity) -> Self {
        let settings = Settings { identities: vec![identity], ..Settings::default() };
        Self::with_settings(settings)
    }

    /// Asks `resolver` for the certificate of each handshake: see [`with_resolver`](Self::with_resolver).
    pub fn resolving(
        resolver: impl Fn(&TlsHello<'_>) -> Option<TlsIdentity> + Send + Sync + 'static,
    ) -> Self {
        Self::with_settings(Settings::default()).with_resolver(resolver)
    }

    fn with_settings(settings: Settings) -> Self {
        Self { settings, current: Arc::default(), refusals: Arc::default() }
    }

    fn set(self, set: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.in_force();
        set(&mut settings);
        Self::with_settings(settings)
    }

    /// The settings of the last reload, or those of the beginning.
    fn in_force(&self) -> Settings {
        match &*self.current.load() {
            Some(server) => server.settings.clone(),
            None => self.settings.clone(),
        }
    }

    /// One more certificate. Each client gets the first that is for the name it asks for (SNI) and that it can
    /// check; whoever asks for another name or for none gets the first of all.
    #[must_use]
    pub fn with_identity(self, identity: TlsIdentity) -> Self {
        self.set(|settings| settings.identities.push(identity))
    }

    /// Refuses clients that ask for a name which no certificate is for, instead of showing them the first.
    #[must_use]
    pub fn without_unknown_names(self) -> Self {
        self.set(|settings| settings.refuses_unknown_names = true)
    }

    /// Asks `resolver` first which certificate a client is to get: for certificates that are made or obtained on
    /// demand. With `None` the client gets one of those that are listed, or is refused if there is none. It is
    /// called on the loop's thread and must not wait; give clones of the same [`TlsIdentity`], whose key is then read once.
    #[must_use]
    pub fn with_resolver(
        self,
        resolver: impl Fn(&TlsHello<'_>) -> Option<TlsIdentity> + Send + Sync + 'static,
    ) -> Self {
        self.set(|settings| settings.resolver = Some(Arc::new(resolver)))
    }

    /// Demands a certificate of each client that one of these certification authorities signed. Clients are told the names
    /// of these, unless they are more than 32 KiB together.
    ///
    /// Over TLS 1.3 a client is done with its handshake before the server has looked at its certificate. One that is
    /// refused is told so by `Connected(_, true)` and then `Disconnected`, with the server's alert as its reason. For one
    /// that resumes a session see [`with_client_resumption`](Self::with_client_resumption).
    #[must_use]
    pub fn with_client_roots(self, roots: TlsCertificates) -> Self {
        self.set(|settings| settings.client_roots.push(roots))
    }

    /// Demands a certificate of each client that has this key, whoever signed it. May be called several times.
    /// Excludes client roots.
    #[must_use]
    pub fn with_client_pin(self, pin: TlsPin) -> Self {
        self.set(|settings| settings.client_pins.push(pin))
    }

    /// Refuses clients whose certificate is on one of these lists. May be called several times: of two lists of one
    /// authority the one given last counts.
    #[must_use]
    pub fn with_client_revocations(self, lists: TlsRevocations) -> Self {
        self.set(|settings| settings.client_revocations.push(lists))
    }

    /// Asks for client certificates and admits clients without one, too; one that is shown must be good.
    /// [`TlsInfo::peer_certificates`](crate::TlsInfo::peer_certificates) tells who has one.
    #[must_use]
    pub fn with_clients_unknown(self) -> Self {
        self.set(|settings| settings.admits_unknown_clients = true)
    }

    /// Lets clients that showed a certificate resume their session without showing it again. What it said is then
    /// checked anew: whether it is still valid, and on no list. Their tickets end with the next
    /// [`reload`](Self::reload). Default: they shake hands in full each time.
    ///
    /// A client that is refused when it resumes gets no alert: it is told `Connected(_, true)`, and then `Disconnected`
    /// with [`PeerClosed`](polywire_core::CloseReason::PeerClosed). The listener logs why. This repeats at each attempt,
    /// as new tickets come along with the refusal. The client shakes hands in full again with a new configuration, or
    /// once the listener is reloaded.
    #[must_use]
    pub fn with_client_resumption(self) -> Self {
        self.set(|settings| settings.resumes_clients = true)
    }

    /// Gives no tickets: each connection shakes hands in full.
    #[must_use]
    pub fn without_resumption(self) -> Self {
        self.set(|settings| settings.forgets_sessions = true)
    }

    /// The protocols to choose from (ALPN, RFC 7301), the preferred one first. A client that offers others only is
    /// refused; one that offers none is not. As long as those of
    /// [`TlsConnectConfig::with_alpn`](crate::TlsConnectConfig::with_alpn) may be. Default: none.
    #[must_use]
    pub fn with_alpn<P: Into<Vec<u8>>>(self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.set(|settings| settings.alpn = protocols.into_iter().map(Into::into).collect())
    }

    /// The versions to speak. Default: all.
    #[must_use]
    pub fn with_versions(self, versions: impl IntoIterator<Item = TlsVersion>) -> Self {
        self.set(|settings| settings.versions = versions.into_iter().collect())
    }

    /// As [`TlsConnectConfig::without_close_notify`](crate::TlsConnectConfig::without_close_notify).
    #[must_use]
    pub fn without_close_notify(self) -> Self {
        self.set(|settings| settings.ends_without_close_notify = true)
    }

    /// Who computes. Default: that of [`TlsProvider`].
    #[must_use]
    pub fn with_provider(self, provider: TlsProvider) -> Self {
        self.set(|settings| settings.provider = Some(provider))
    }

    /// As [`TlsConnectConfig::with_key_log_file`](crate::TlsConnectConfig::with_key_log_file).
    #[must_use]
    pub fn with_key_log_file(self) -> Self {
        self.set(|settings| settings.logs_keys = true)
    }

    /// Whether connections can be accepted with it. Without this, one that is wrong refuses each of them, and warns.
    ///
    /// # Errors
    ///
    /// What is wrong with certificates, keys or settings.
    pub fn check(&self) -> Result<(), TlsConfigError> {
        self.server().map(|_| ())
    }

    /// Puts `new` in the place of this configuration and of all its clones, those that listeners hold among them.
    /// From any thread: connections accepted from now on are served by `new`, those that live or shake hands go on
    /// with what they have. All of `new` counts, not only its certificate, as it is in force now: a later reload of
    /// `new` changes nothing here.
    ///
    /// Where client certificates count, no session of before is resumed afterwards. One that ends the check of them, as
    /// it has neither client roots nor pins, is logged at `warn`. For a certificate that was renewed,
    /// [`reload_identity`](Self::reload_identity) can't forget anything.
    ///
    /// # Errors
    ///
    /// What is wrong with `new`; then nothing has changed.
    pub fn reload(&self, new: &Self) -> Result<(), TlsConfigError> {
        self.replace(|_| Ok(new.in_force()))
    }

    /// Puts this certificate and its key in the place of those that are shown, here and in all clones, and changes
    /// nothing else: for a certificate that was renewed. The rest is as for [`reload`](Self::reload).
    ///
    /// # Errors
    ///
    /// What is wrong with the identity, or [`Settings`](TlsConfigError::Settings) if there is not exactly one to be
    /// replaced: listeners with several certificates, or with none but a resolver, take `reload`. Then nothing has changed.
    ///
    /// ```no_run
    /// use polywire_tls::{TlsIdentity, TlsListenConfig};
    ///
    /// let read = || TlsIdentity::from_pem_files("cert.pem", "key.pem");
    /// let tls = TlsListenConfig::new(read()?);
    /// let handle = tls.clone(); // `tls` goes to a listener.
    /// // When the certificate was renewed:
    /// if let Err(error) = read().and_then(|new| handle.reload_identity(new)) {
    ///     eprintln!("the old certificate stays: {error}");
    /// }
    /// # Ok::<(), polywire_tls::TlsConfigError>(())
    /// ```
    pub fn reload_identity(&self, identity: TlsIdentity) -> Result<(), TlsConfigError> {
        self.replace(|current| current.with_only(identity.clone()))
    }

    /// Builds what `change` makes of the settings in force, and puts it in their place.
    fn replace(
        &self,
        change: impl Fn(&Settings) -> Result<Settings, TlsConfigError>,
    ) -> Result<(), TlsConfigError> {
        loop {
            let before = self.current.load_full();
            let settings = before.as_ref().map_or(&self.settings, |server| &server.settings);
            let new = Arc::new(change(settings)?.build()?);
            let ends_check = settings.checks_clients() && !new.settings.checks_clients();
            let found = self.current.compare_and_swap(&before, Some(new));
            // Another thread may have come in between, and what it has set must not be lost.
            if found.as_ref().map(Arc::as_ptr) == before.as_ref().map(Arc::as_ptr) {
                if ends_check {
                    tracing::warn!(
                        "a reload ends the check of client certificates, as it brings neither client roots nor pins"
                    );
                }
                return Ok(());
            }
        }
    }

    pub(crate) fn server(&self) -> Result<Arc<Server>, TlsConfigError> {
        if let Some(server) = self.current.load_full() {
            return Ok(server);
        }
        let new = Arc::new(self.settings.build()?);
        // Another thread may have come first, to whose tickets the others are to belong as well.
        let before = self.current.compare_and_swap(&None::<Arc<Server>>, Some(Arc::clone(&new)));
        Ok(before.as_ref().map_or(new, Arc::clone))
    }
}

/// The same configuration: one, and what was cloned of it, whatever it was reloaded with.
impl PartialEq for TlsListenConfig {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.current, &other.current)
    }
}

impl Eq for TlsListenConfig {}

impl fmt::Debug for TlsListenConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsListenConfig").field(&self.in_force()).finish()
    }
}
