//! Without anything that computes, each configuration says what is missing.
#![cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]

use polywire_tls::{TlsCertificates, TlsConfigError, TlsConnectConfig, TlsListenConfig, TlsPin};

#[test]
fn every_configuration_says_which_feature_is_missing() {
    let missing = Err(TlsConfigError::NoProvider);
    assert_eq!(TlsConnectConfig::default().check(), missing);
    let listen = TlsListenConfig::resolving(|_| None);
    assert_eq!(listen.check(), missing);
    assert_eq!(listen.reload(&TlsListenConfig::resolving(|_| None)), missing);
    let certificates = TlsCertificates::from_der([vec![0]]);
    assert_eq!(TlsPin::of_certificate(&certificates), Err(TlsConfigError::NoProvider));
    let text = TlsConfigError::NoProvider.to_string();
    assert!(text.contains("aws-lc-rs") && text.contains("ring"), "{text}");
}
