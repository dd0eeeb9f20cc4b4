//! Installs the suite, and starts our server.
//!
//! The suite is in Python 2.7, which no current system has: pyenv's is used where it is, and that of Debian 11
//! otherwise, unpacked into `target/peers`.

use std::env;
use std::env::consts::{ARCH, EXE_EXTENSION};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::Process;
use crate::Result;
use crate::consumers::program;
use crate::peers::debian_program;
use crate::process::{execute, output, root, target_dir};

const SUITE: &str = "autobahntestsuite==25.10.1";
/// The last one for Python 2.7 that needs nothing else.
const VIRTUALENV: &str = "virtualenv==16.7.12";
const PYENV_VERSION: &str = "versions/2.7.18/bin/python2.7";

/// What of Debian 11 makes a Python 2.7 that runs beside newer libraries, and compiles modules.
const DEBIAN_PACKAGES: [&str; 4] = ["python2.7", "libpython2.7", "libssl1.1", "libffi7"];
const DEBIAN_MIRROR: &str = "http://deb.debian.org/debian";

/// More than a program takes to start on a busy machine.
const START_TIME: Duration = Duration::from_secs(60);

/// Where the suite is, and our programs.
pub(super) struct Setup {
    python: PathBuf,
    ours: PathBuf,
    dir: PathBuf,
    pub(super) plain_port: String,
    pub(super) secure_port: String,
}

impl Setup {
    /// Builds our programs and starts the server, which is to be kept as long as this.
    pub(super) fn start(python: PathBuf) -> Result<(Self, Process)> {
        execute(&mut program("build", "autobahn"))?;
        let ours = target_dir().join("consumers/debug/autobahn").with_extension(EXE_EXTENSION);
        let dir = target_dir().join("autobahn");
        fs::create_dir_all(&dir)?;
        let server = Process::start(Command::new(&ours).arg("server").arg(&dir))?;
        let ports = server.wait_for("ports ", START_TIME)?;
        let (plain, secure) = ports.split_once(' ').ok_or("the server has one port")?;
        let (plain_port, secure_port) = (plain.to_owned(), secure.to_owned());
        Ok((Self { python, ours, dir, plain_port, secure_port }, server))
    }

    /// The suite in this role; the other arguments are still to be added.
    pub(super) fn suite(&self, role: &str, reports: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(root().join("tests/autobahn/suite.py")).arg(role).arg(reports);
        command
    }

    /// The files of the certificate and its key.
    pub(super) fn certificate(&self) -> [PathBuf; 2] {
        ["cert.pem", "key.pem"].map(|name| self.dir.join(name))
    }

    /// Our client; the cases are still to be added.
    pub(super) fn client(&self, url: &str) -> Command {
        let mut command = Command::new(&self.ours);
        command.args(["client", url]).arg(&self.dir);
        command
    }
}

/// A Python that has the suite, after it was installed if it was not.
pub(super) fn python() -> Result<PathBuf> {
    let peers = target_dir().join("peers");
    let python = peers.join("autobahn/bin/python");
    if output(Command::new(&python).args(["-c", "import autobahntestsuite"])).is_ok() {
        return Ok(python);
    }
    println!("autobahn: installing {SUITE} into {} ...", peers.display());
    let _ = fs::remove_dir_all(peers.join("autobahn"));
    fs::create_dir_all(&peers)?;
    let (python2, libraries) = python2(&peers)?;
    let download = ["-m", "pip", "download", "--quiet", "--no-deps", VIRTUALENV, "--dest"];
    execute(Command::new("python3").args(download).arg(&peers))?;
    let wheel = peers.join("virtualenv-16.7.12-py2.py3-none-any.whl");
    let mut make = Command::new(python2);
    make.args(["-m", "virtualenv", "--quiet"]).arg(peers.join("autobahn"));
    execute(make.env("PYTHONPATH", wheel).env("LD_LIBRARY_PATH", &libraries))?;
    let mut install = Command::new(&python);
    install.args(["-W", "ignore", "-m", "pip", "install", "--quiet", SUITE]);
    execute(install.env("LD_LIBRARY_PATH", libraries))?;
    Ok(python)
}

/// Python 2.7, and the folder of libraries that it needs besides those of the system.
fn python2(peers: &Path) -> Result<(PathBuf, PathBuf)> {
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv"));
    let pyenv = env::var_os("PYENV_ROOT").map(PathBuf::from).or(home);
    match pyenv.map(|root| root.join(PYENV_VERSION)).filter(|python| python.exists()) {
        Some(python) => Ok((python, PathBuf::new())),
        None => {
            let dir = peers.join("python2.7");
            if !dir.exists() {
                unpack_debian(&dir)?;
            }
            let libraries = dir.join(format!("usr/lib/{ARCH}-linux-gnu"));
            Ok((dir.join("usr/bin/python2.7"), libraries))
        }
    }
}

fn unpack_debian(dir: &Path) -> Result {
    let (part, all) = (dir.with_extension("part"), dir.with_extension("download"));
    for folder in [&part, &all] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;
    }
    let mut download = Command::new(debian_program("debootstrap", "--version")?);
    download.args(["--download-only", "--variant=minbase", "--include=python2.7-dev", "bullseye"]);
    output(download.arg(&all).arg(DEBIAN_MIRROR))?;
    for package in fs::read_dir(all.join("var/cache/apt/archives"))? {
        let package = package?;
        let name = package.file_name().to_string_lossy().into_owned();
        if DEBIAN_PACKAGES.iter().any(|wanted| name.starts_with(wanted)) {
            execute(Command::new("dpkg").arg("-x").arg(package.path()).arg(&part))?;
        }
    }
    fs::remove_dir_all(all)?;
    Ok(fs::rename(part, dir)?)
}
