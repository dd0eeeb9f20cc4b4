//! The roots of the system, where they come from files.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#![cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]

mod support;

use std::path::Path;
use std::process::Command;

use polywire_tls::{TlsConfigError, TlsConnectConfig};

use support::certificates::Authority;

/// Set in a process of its own, which reads these roots.
const ROOTS: &str = "POLYWIRE_TLS_TEST_ROOTS";

#[test]
fn roots_that_can_not_be_read_are_read_again() {
    if let Ok(path) = std::env::var(ROOTS) {
        return read(Path::new(&path));
    }
    let path = std::env::temp_dir().join(format!("polywire-tls-roots-{}", std::process::id()));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", std::thread::current().name().unwrap()])
        .env_remove("SSL_CERT_DIR")
        .env("SSL_CERT_FILE", &path)
        .env(ROOTS, &path)
        .output();
    let _ = std::fs::remove_file(&path);
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn read(path: &Path) {
    let configs = [TlsConnectConfig::default(), TlsConnectConfig::new().with_alpn(["a"])];
    for config in &configs {
        let checked = config.check();
        assert!(matches!(checked, Err(TlsConfigError::SystemRoots(_))), "{checked:?}");
    }
    std::fs::write(path, Authority::new().pem()).unwrap();
    for config in configs {
        assert_eq!(config.check(), Ok(()));
    }
    assert_eq!(TlsConnectConfig::default().check(), Ok(()));
}
