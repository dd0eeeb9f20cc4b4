//! Installs the other implementations that interop talks to.
//!
//! Debian's packages go where apt puts them; everything else goes into `target/peers`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::process::{execute, is_installed, output, target_dir};

/// Where each peer is; `None` for those that are not to be talked to.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) socat: Option<PathBuf>,
    /// A Python that has `websockets`.
    pub(crate) python: Option<PathBuf>,
    /// A folder where node finds `ws`.
    pub(crate) node_modules: Option<PathBuf>,
    pub(crate) openssl: Option<PathBuf>,
    pub(crate) curl: Option<PathBuf>,
    /// With its module for streams.
    pub(crate) nginx: Option<PathBuf>,
    pub(crate) haproxy: Option<PathBuf>,
    pub(crate) chromium: Option<PathBuf>,
    /// Imports an authority for the browser.
    pub(crate) certutil: Option<PathBuf>,
}

/// Finds or installs the peers, the browser only if it is asked for.
pub(crate) fn install(browser: bool, skip_missing: bool) -> Result<Peers> {
    let dir = target_dir().join("peers");
    fs::create_dir_all(&dir)?;
    let wanted = |name: &str, found| wanted(name, found, skip_missing);
    Ok(Peers {
        socat: wanted("socat", debian_program("socat", "-V"))?,
        python: wanted("Python websockets", python_websockets(&dir))?,
        node_modules: wanted("node ws", node_ws())?,
        openssl: wanted("openssl", debian_program("openssl", "version"))?,
        curl: wanted("curl", debian_program("curl", "--version"))?,
        nginx: wanted("nginx", nginx_with_streams())?,
        haproxy: wanted("haproxy", debian_program("haproxy", "-v"))?,
        chromium: match browser {
            true => wanted("chromium", debian_program("chromium", "--version"))?,
            false => None,
        },
        certutil: match browser {
            true => wanted("certutil", certutil())?,
            false => None,
        },
    })
}

/// What was found, or nothing where that may be skipped.
fn wanted(name: &str, found: Result<PathBuf>, skip_missing: bool) -> Result<Option<PathBuf>> {
    match found {
        Ok(path) => Ok(Some(path)),
        Err(error) if skip_missing => {
            println!("{name} is skipped: {error}");
            Ok(None)
        }
        Err(error) => Err(format!(
            "{name} can't be had: {error}\ninstall it, or pass --skip-missing to go on without"
        )
        .into()),
    }
}

/// Finds or installs the browser that the tests of the examples start. Whether there is one.
pub(crate) fn browser(skip_missing: bool) -> Result<bool> {
    // Debian's Chromium goes by the first name, and any of them will do.
    const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
    if NAMES.iter().any(|name| is_installed(name, "--version")) {
        return Ok(true);
    }
    Ok(wanted("chromium", debian_program("chromium", "--version"), skip_missing)?.is_some())
}

/// A program of the Debian package of the same name.
pub(crate) fn debian_program(name: &str, version_flag: &str) -> Result<PathBuf> {
    debian_package(name, name, version_flag)
}

/// A program of a Debian package.
pub(crate) fn debian_package(package: &str, name: &str, version_flag: &str) -> Result<PathBuf> {
    if !is_installed(name, version_flag) {
        apt_install(package)?;
    }
    Ok(name.into())
}

/// The module comes as a package of its own, and is loaded by the configuration.
fn nginx_with_streams() -> Result<PathBuf> {
    const MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";
    let nginx = debian_package("nginx-light", "nginx", "-v")?;
    if !Path::new(MODULE).exists() {
        apt_install("libnginx-mod-stream")?;
    }
    Ok(nginx)
}

/// It has no flag that succeeds without doing anything.
fn certutil() -> Result<PathBuf> {
    const PROGRAM: &str = "/usr/bin/certutil";
    if !Path::new(PROGRAM).exists() {
        apt_install("libnss3-tools")?;
    }
    Ok(PROGRAM.into())
}

fn apt_install(package: &str) -> Result {
    if !Path::new("/etc/debian_version").exists() {
        return Err(format!("{package} is not installed, and this is not Debian").into());
    }
    if !output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0") {
        return Err(format!("{package} is not installed, and installing it takes root").into());
    }
    execute(Command::new("apt-get").args(["update", "-qq"]))?;
    let install = ["install", "-qq", "--yes", "--no-install-recommends", package];
    execute(Command::new("apt-get").args(install).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn python_websockets(dir: &Path) -> Result<PathBuf> {
    let venv = dir.join("venv");
    let python = venv.join("bin/python");
    let has_websockets = || {
        let import = ["-c", "import websockets.sync.server"];
        Command::new(&python).args(import).status().is_ok_and(|status| status.success())
    };
    if !python.exists() || !has_websockets() {
        execute(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        execute(Command::new(&python).args(["-m", "pip", "install", "-q", "websockets==15.*"]))?;
    }
    Ok(python)
}

/// The folder where node finds `ws`.
pub(crate) fn node_ws() -> Result<PathBuf> {
    let dir = target_dir().join("peers");
    let modules = dir.join("node_modules");
    if !is_installed("node", "--version") {
        return Err("node is not installed".into());
    }
    if !modules.join("ws").exists() {
        let install = ["install", "--silent", "--no-save", "--prefix"];
        execute(Command::new("npm").args(install).arg(&dir).arg("ws@8"))?;
    }
    Ok(modules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_fails_unless_it_may_be_skipped() {
        let missing = || Err("not here".into());
        let error = wanted("a peer", missing(), false).unwrap_err().to_string();
        assert!(error.contains("not here") && error.contains("--skip-missing"), "{error}");
        assert_eq!(wanted("a peer", missing(), true).unwrap(), None);
        let found = || Ok(PathBuf::from("a"));
        assert_eq!(wanted("a peer", found(), false).unwrap(), Some("a".into()));
    }
}
