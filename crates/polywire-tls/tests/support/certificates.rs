//! A certification authority, and what it signs.

use std::time::{Duration, SystemTime};

use polywire_tls::{
    TlsCertificates, TlsConnectConfig, TlsIdentity, TlsListenConfig, TlsRevocations,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        Self::named("polywire test authority")
    }

    pub fn named(name: &str) -> Self {
        Self::with_key(name, KeyPair::generate().unwrap())
    }

    pub fn with_key(name: &str, key: KeyPair) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub fn roots(&self) -> TlsCertificates {
        TlsCertificates::from_pem(self.0.pem()).unwrap()
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for this name or IP address.
    pub fn issue(&self, name: &str) -> Issued {
        self.issue_with(name, |_| {})
    }

    pub fn issue_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        self.sign(&params)
    }

    pub fn sign(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { chain: certificate.pem(), key: key.serialize_pem() }
    }

    /// A list of those with these serial numbers.
    pub fn revoke(&self, serials: &[u64]) -> TlsRevocations {
        self.revocations(&[serials])
    }

    /// Such lists, one behind the other.
    pub fn revocations(&self, lists: &[&[u64]]) -> TlsRevocations {
        let pem: String = lists.iter().map(|serials| self.list(serials)).collect();
        TlsRevocations::from_pem(pem).unwrap()
    }

    fn list(&self, serials: &[u64]) -> String {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(4096, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap().pem().unwrap()
    }
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Issued {
    pub chain: String,
    pub key: String,
}

impl Issued {
    pub fn identity(&self) -> TlsIdentity {
        TlsIdentity::from_pem(&self.chain, &self.key).unwrap()
    }

    pub fn certificates(&self) -> TlsCertificates {
        TlsCertificates::from_pem(&self.chain).unwrap()
    }

    pub fn der(&self) -> Vec<u8> {
        self.certificates().iter_der().next().unwrap().to_vec()
    }
}

/// One that nobody signed.
pub fn self_signed(name: &str) -> Issued {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
    Issued { chain: certificate.pem(), key: key.serialize_pem() }
}

pub fn expired(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2020, 1, 1);
}

pub fn not_yet_valid(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(4000, 1, 1);
}

/// Valid for about so long from now on. Certificates know whole seconds.
pub fn valid_for(time: Duration) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs((now + time).as_secs());
    }
}

pub fn serial(serial: u64) -> impl FnOnce(&mut CertificateParams) {
    move |params| params.serial_number = Some(SerialNumber::from(serial))
}

/// The two sides of most tests: a server at 127.0.0.1 and whoever trusts its authority.
pub struct Both {
    pub authority: Authority,
    pub issued: Issued,
    pub listen: TlsListenConfig,
    pub connect: TlsConnectConfig,
}

impl Both {
    pub fn new() -> Self {
        Self::of(Authority::new())
    }

    pub fn of(authority: Authority) -> Self {
        let issued = authority.issue("127.0.0.1");
        let listen = TlsListenConfig::new(issued.identity());
        let connect = TlsConnectConfig::default().with_roots(authority.roots());
        Self { authority, issued, listen, connect }
    }

    /// A server that demands certificates of the same authority, and a client that has one.
    pub fn mutual() -> Self {
        let both = Self::new();
        let client = both.authority.issue("client");
        Self {
            listen: both.listen.with_client_roots(both.authority.roots()),
            connect: both.connect.with_identity(client.identity()),
            ..both
        }
    }
}
