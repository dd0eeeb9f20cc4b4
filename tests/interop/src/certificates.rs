//! An authority, the certificates that it signed, and what polywire makes of them.

use std::path::{Path, PathBuf};
use std::{env, fs, process};

use polywire::adapters::tls::{
    TlsCertificates, TlsConnectConfig, TlsIdentity, TlsListenConfig, TlsVersion,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
};

use crate::Result;

pub const VERSIONS: [TlsVersion; 2] = [TlsVersion::Tls12, TlsVersion::Tls13];

/// Files in a folder that goes with it: `ca.pem`, `cert.pem` and `key.pem` of a server, `both.pem` with its key
/// behind its certificate, `client.pem` and `client-key.pem`, and `stranger.pem` of another authority.
pub struct Certificates {
    dir: PathBuf,
}

impl Certificates {
    pub fn make() -> Result<Self> {
        let dir = env::temp_dir().join(format!("polywire-interop-{}", process::id()));
        fs::create_dir_all(&dir)?;
        let certificates = Self { dir };
        let (ca, stranger) = (authority("polywire test CA")?, authority("a stranger")?);
        let names = vec!["localhost".into(), "127.0.0.1".into()];
        let (cert, key) = signed_by(&ca, names)?;
        let (client, client_key) = signed_by(&ca, vec!["client".into()])?;
        for (name, text) in [
            ("ca.pem", &ca.pem()),
            ("stranger.pem", &stranger.pem()),
            ("both.pem", &format!("{cert}{key}")),
            ("cert.pem", &cert),
            ("key.pem", &key),
            ("client.pem", &client),
            ("client-key.pem", &client_key),
        ] {
            fs::write(certificates.path(name), text)?;
        }
        Ok(certificates)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn listen(&self) -> Result<TlsListenConfig> {
        let identity = TlsIdentity::from_pem_files(self.path("cert.pem"), self.path("key.pem"))?;
        Ok(TlsListenConfig::new(identity))
    }

    /// A listener for clients with a certificate alone.
    pub fn listen_mutually(&self) -> Result<TlsListenConfig> {
        let roots = TlsCertificates::from_pem_file(self.path("ca.pem"))?;
        Ok(self.listen()?.with_client_roots(roots))
    }

    pub fn connect(&self) -> Result<TlsConnectConfig> {
        Ok(TlsConnectConfig::new().with_roots_file(self.path("ca.pem"))?)
    }

    pub fn client(&self) -> Result<TlsIdentity> {
        let (chain, key) = (self.path("client.pem"), self.path("client-key.pem"));
        Ok(TlsIdentity::from_pem_files(chain, key)?)
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = named(name);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// A certificate for these names, and its key, as PEM.
fn signed_by(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    names: Vec<String>,
) -> Result<(String, String)> {
    let mut params = CertificateParams::new(names.clone())?;
    params.distinguished_name = named(&names[0]);
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}
