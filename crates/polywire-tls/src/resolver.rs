//! Which certificate a client gets.

use std::fmt;
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::identity::TlsIdentity;
use crate::provider::TlsProvider;
use crate::throttle::Throttle;

/// What a client says first, for [`with_resolver`](crate::TlsListenConfig::with_resolver).
#[derive(Debug)]
#[non_exhaustive]
pub struct TlsHello<'a> {
    /// The name it asks for (SNI, RFC 6066 section 3), in lower case as it sent it; none if it connects by an
    /// IP address.
    pub server_name: Option<&'a str>,
    /// The protocols it speaks (ALPN, RFC 7301), the preferred one first.
    pub alpn: Vec<&'a [u8]>,
}

/// What a program resolves names by.
pub(crate) type Hook = Arc<dyn Fn(&TlsHello<'_>) -> Option<TlsIdentity> + Send + Sync>;

/// Asks the program, and then looks for the first certificate that is for the name.
pub(crate) struct Resolver {
    pub(crate) hook: Option<Hook>,
    pub(crate) identities: Vec<Arc<CertifiedKey>>,
    /// Whoever asks for another name gets the first.
    pub(crate) has_default: bool,
    pub(crate) provider: TlsProvider,
    /// Of certificates of the program that are no use: clients choose how often it is asked.
    pub(crate) warnings: Throttle,
}

impl Resolver {
    fn ask(&self, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let hook = self.hook.as_ref()?;
        let alpn = hello.alpn().map(Iterator::collect).unwrap_or_default();
        let identity = hook(&TlsHello { server_name: hello.server_name(), alpn })?;
        match identity.certified(self.provider) {
            Ok(certified) => Some(certified),
            Err(error) => {
                if self.warnings.may_warn() {
                    tracing::warn!(name = hello.server_name(), %error, "a resolver gave a certificate that is no use");
                }
                None
            }
        }
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(certified) = self.ask(&hello) {
            return Some(certified);
        }
        if let ([only], true) = (&self.identities[..], self.has_default) {
            return Some(Arc::clone(only)); // Whatever the name: nothing is parsed.
        }
        let schemes = hello.signature_schemes();
        let fits = |identity: &&Arc<CertifiedKey>| identity.key.choose_scheme(schemes).is_some();
        let default = || self.identities.iter().find(fits).or_else(|| self.identities.first());
        let found = match hello.server_name().map(ServerName::try_from) {
            Some(Ok(name)) => {
                let named = |identity: &&Arc<CertifiedKey>| is_for(identity, &name);
                let found = self.identities.iter().filter(named).find(fits);
                found.or_else(|| default().filter(|_| self.has_default))
            }
            _ => default(),
        };
        found.cloned()
    }
}

/// Whether the certificate is for `name`.
fn is_for(identity: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let certificate = identity.end_entity_cert().and_then(ParsedCertificate::try_from);
    certificate.is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok())
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("identities", &self.identities.len())
            .finish_non_exhaustive()
    }
}
