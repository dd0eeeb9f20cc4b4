//! How connections are opened.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::certificates::{TlsCertificates, TlsRevocations};
use crate::client::{Client, Settings};
use crate::config_error::TlsConfigError;
use crate::identity::TlsIdentity;
use crate::pin::TlsPin;
use crate::provider::TlsProvider;
use crate::version::TlsVersion;

/// TLS of the side that connects: a [`Layer`](polywire_core::stream::Layer).
///
/// The server's certificate is checked against certification authorities, the system's unless others are
/// named, and against the name or the IP address that the program connects to. Sessions are kept in memory and
/// resumed, by all clones of a configuration together. `Debug` shows no secrets.
///
/// A session that is resumed trusts the server's certificate as it was at the session's beginning, for as long as the
/// server takes its tickets: 12 hours at most where that is polywire, and never more than 7 days.
///
/// What is wrong with a configuration is an error of `connect`, before a byte is sent; [`check`](Self::check) tells it
/// earlier. Roots of the system that can't be read are tried again each time.
///
/// ```
/// use polywire_tls::{TlsConnectConfig, TlsPin};
///
/// // The system's roots:
/// let tls = TlsConnectConfig::default();
/// // A peer whose certificate nobody signed, known by its key:
/// let pin: TlsPin = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8".parse()?;
/// let tls = TlsConnectConfig::default().with_pin(pin).with_alpn(["chat/1"]);
/// # #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
/// tls.check()?;
/// # Ok::<(), polywire_tls::TlsConfigError>(())
/// ```
#[derive(Clone)]
pub struct TlsConnectConfig {
    settings: Settings,
    built: Arc<OnceLock<Client>>,
}

/// The roots of the system, TLS 1.3 and 1.2. All defaults share their sessions.
impl Default for TlsConnectConfig {
    fn default() -> Self {
        static DEFAULT: OnceLock<TlsConnectConfig> = OnceLock::new();
        let new = || Self { settings: Settings::default(), built: Arc::default() };
        DEFAULT.get_or_init(new).clone()
    }
}

impl TlsConnectConfig {
    /// The same as [`default`](Self::default), to go on from.
    pub fn new() -> Self {
        Self::default()
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self.built = Arc::default();
        self
    }

    /// Trusts the certification authorities of the system, beside those of [`with_roots`](Self::with_roots). Without any
    /// word about roots or pins it does so as well.
    #[must_use]
    pub fn with_system_roots(self) -> Self {
        self.set(|settings| settings.system_roots = true)
    }

    /// Trusts the certification authorities that Mozilla does, as compiled in: for systems without any, such as a
    /// container made from scratch. Only with the feature `webpki-roots`.
    #[cfg(feature = "webpki-roots")]
    #[must_use]
    pub fn with_bundled_roots(self) -> Self {
        self.set(|settings| settings.bundled_roots = true)
    }

    /// Trusts these certification authorities, instead of those of the system. May be called several times.
    #[must_use]
    pub fn with_roots(self, roots: TlsCertificates) -> Self {
        self.set(|settings| settings.roots.push(roots))
    }

    /// The same of a PEM file.
    ///
    /// # Errors
    ///
    /// As [`TlsCertificates::from_pem_file`].
    pub fn with_roots_file(self, path: impl AsRef<Path>) -> Result<Self, TlsConfigError> {
        Ok(self.with_roots(TlsCertificates::from_pem_file(path)?))
    }

    /// Trusts a server that has this key, and no other one: whoever signed its certificate, whatever name is in it and
    /// even if it is expired. May be called several times, for the next key. Excludes roots.
    #[must_use]
    pub fn with_pin(self, pin: TlsPin) -> Self {
        self.set(|settings| settings.pins.push(pin))
    }

    /// Refuses servers whose certificate is on one of these lists. May be called several times: of two lists of one
    /// authority the one given last counts. Excludes the system's roots, whose lists the system sees to.
    #[must_use]
    pub fn with_revocations(self, lists: TlsRevocations) -> Self {
        self.set(|settings| settings.revocations.push(lists))
    }

    /// The certificate of this side, for servers that demand one.
    #[must_use]
    pub fn with_identity(self, identity: TlsIdentity) -> Self {
        self.set(|settings| settings.identity = Some(identity))
    }

    /// Asks for the server of this name or IP address, and checks its certificate for that, wherever the program connects
    /// to. Default: the host of the address.
    #[must_use]
    pub fn with_server_name(self, name: impl Into<String>) -> Self {
        self.set(|settings| settings.server_name = Some(name.into()))
    }

    /// The protocols to offer (ALPN, RFC 7301), the preferred one first: `"http/1.1"`, or a name of your own. The
    /// server chooses; see [`TlsInfo::alpn`](crate::TlsInfo::alpn). Each has 1 to 255 bytes, and all together with a byte
    /// more for each 16 KiB at most; anything else is an error of `connect`. Default: none.
    #[must_use]
    pub fn with_alpn<P: Into<Vec<u8>>>(self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.set(|settings| settings.alpn = protocols.into_iter().map(Into::into).collect())
    }

    /// The versions to speak. Default: all.
    #[must_use]
    pub fn with_versions(self, versions: impl IntoIterator<Item = TlsVersion>) -> Self {
        self.set(|settings| settings.versions = versions.into_iter().collect())
    }

    /// Takes the end of the stream for the peer's end even if no `close_notify` came before it: for old peers that never
    /// send one. Somebody on the way can then cut off the peer's last words unnoticed. Default: such an end is
    /// [`TlsError::Truncated`](crate::TlsError::Truncated).
    #[must_use]
    pub fn without_close_notify(self) -> Self {
        self.set(|settings| settings.ends_without_close_notify = true)
    }

    /// Keeps no sessions: each connection shakes hands in full.
    #[must_use]
    pub fn without_resumption(self) -> Self {
        self.set(|settings| settings.forgets_sessions = true)
    }

    /// Who computes. Default: that of [`TlsProvider`].
    #[must_use]
    pub fn with_provider(self, provider: TlsProvider) -> Self {
        self.set(|settings| settings.provider = Some(provider))
    }

    /// Writes the keys of each connection to the file that the environment variable `SSLKEYLOGFILE` names, for
    /// Wireshark. **Whoever reads that file reads the connections.** Default: no, whatever the variable says.
    #[must_use]
    pub fn with_key_log_file(self) -> Self {
        self.set(|settings| settings.logs_keys = true)
    }

    /// Whether connections can be opened with it.
    ///
    /// # Errors
    ///
    /// What is wrong with certificates, keys or settings.
    pub fn check(&self) -> Result<(), TlsConfigError> {
        self.client().map(|_| ())
    }

    pub(crate) fn client(&self) -> Result<&Client, TlsConfigError> {
        if let Some(built) = self.built.get() {
            return Ok(built);
        }
        // An error is not kept: the roots of the system may come later, or be readable again.
        let new = self.settings.build()?;
        Ok(self.built.get_or_init(|| new))
    }

    pub(crate) fn server_name(&self) -> Option<&str> {
        self.settings.server_name.as_deref()
    }

    pub(crate) fn needs_close_notify(&self) -> bool {
        !self.settings.ends_without_close_notify
    }
}

/// The same configuration: one, and what was cloned of it.
impl PartialEq for TlsConnectConfig {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.built, &other.built)
    }
}

impl Eq for TlsConnectConfig {}

impl fmt::Debug for TlsConnectConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsConnectConfig").field(&self.settings).finish()
    }
}
