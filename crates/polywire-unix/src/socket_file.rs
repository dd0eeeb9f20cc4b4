//! Names of bound sockets, and the files that paths leave behind.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{self, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::address::UnixAddr;
use crate::names::because;

/// Times that binding is tried, where others come and go at the same path meanwhile.
const ATTEMPTS: usize = 8;

/// A socket of that type from `open`, named `addr`, set to work by `start`, and its file if it has one.
///
/// A file that a socket has left behind is removed. What is no socket is left alone (`AlreadyExists`), and so is the
/// file of a socket that lives (`AddrInUse`).
pub(crate) fn bind(
    kind: Type,
    addr: &UnixAddr,
    mode: Option<u32>,
    open: impl Fn() -> io::Result<Socket>,
    start: impl Fn(&Socket) -> io::Result<()>,
) -> io::Result<(Socket, Option<SocketFile>)> {
    let explain = |error| because(&format!("can't listen on {addr}"), &error);
    for _ in 0..ATTEMPTS {
        let socket = open()?;
        match (socket.bind(&addr.to_sock_addr()?), addr) {
            (Err(error), UnixAddr::Path(path)) if error.kind() == ErrorKind::AddrInUse => {
                remove_stale(path, kind)?;
                continue;
            }
            (Err(error), _) if error.kind() == ErrorKind::AddrInUse => break,
            (bound, _) => bound.map_err(explain)?,
        }
        let file = match addr {
            UnixAddr::Path(path) => Some(SocketFile::of(path).map_err(explain)?),
            UnixAddr::Abstract(_) => None,
        };
        // Before anybody can connect.
        if let Some(mode) = mode {
            set_mode(file.as_ref(), mode).map_err(explain)?;
        }
        start(&socket).map_err(explain)?;
        if file.as_ref().is_none_or(SocketFile::is_there) {
            return Ok((socket, file));
        }
    }
    Err(in_use(addr))
}

fn in_use(addr: &UnixAddr) -> io::Error {
    let text =
        format!("{addr} is in use: a process has a socket there. Stop it, or use another name");
    io::Error::new(ErrorKind::AddrInUse, text)
}

fn set_mode(file: Option<&SocketFile>, mode: u32) -> io::Result<()> {
    let Some(file) = file else {
        let text =
            "an abstract name has no file, and so no mode: use a path, or ask for PeerCredentials";
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    };
    fs::set_permissions(&file.path, Permissions::from_mode(mode))
}

/// Removes the file at `path` if it is one of a socket of nobody.
fn remove_stale(path: &Path, kind: Type) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()), // Gone: try again.
        found => found?,
    };
    if !found.file_type().is_socket() {
        let text = format!("'{}' is there and is no socket: use another path", path.display());
        return Err(io::Error::new(ErrorKind::AlreadyExists, text));
    }
    if is_bound(path, kind)? {
        return Err(in_use(&UnixAddr::Path(path.into())));
    }
    let what = || format!("can't remove what '{}' left behind", path.display());
    remove_if_same(path, &found).map_err(|error| because(&what(), &error))
}

/// Removes the file at `path` if it is the one that was found there.
///
/// Somebody else who found the same may have removed it and bound meanwhile. So the file is moved first, which only one
/// of both can do, and looked at then.
fn remove_if_same(path: &Path, found: &Metadata) -> io::Result<()> {
    let aside = aside(path);
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        moved => moved?,
    }
    if !is_same(found, &fs::symlink_metadata(&aside)?) {
        tracing::debug!(path = %path.display(), "gave the file of another listener back");
        // Not by a rename, which would replace the file of a third.
        fs::hard_link(&aside, path)?;
    }
    fs::remove_file(&aside)
}

/// A non-blocking socket of that type, without a name.
pub(crate) fn open(kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Whether a process has a socket at `path`. It is asked by a socket of another type, with which it can't connect: so
/// a listener there gets no connection from this, and one that does not listen yet counts.
fn is_bound(path: &Path, kind: Type) -> io::Result<bool> {
    let other = if kind == Type::DGRAM { Type::STREAM } else { Type::DGRAM };
    let socket = open(other)?;
    Ok(match socket.connect(&SockAddr::unix(path)?) {
        Err(error) => !matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound),
        Ok(()) => true,
    })
}

/// A path beside `path` that nobody else uses.
fn aside(path: &Path) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".stale-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    name.into()
}

/// Whether both are of the same file. A number is used again at once by some file systems, but not at the same time.
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    let identity = |it: &Metadata| (it.dev(), it.ino(), it.mtime(), it.mtime_nsec());
    identity(a) == identity(b)
}

/// The file of a bound socket, which outlives that unless somebody removes it: this, when it is dropped. Drop it
/// before the socket, for the number of its file is not given to another one until then.
#[derive(Debug)]
pub(crate) struct SocketFile {
    /// Absolute, for the program may change its directory.
    path: PathBuf,
    /// Device and number.
    id: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let path = path::absolute(path)?;
        let found = fs::symlink_metadata(&path)?;
        Ok(Self { path, id: (found.dev(), found.ino()) })
    }

    /// Whether it still is at its path, and nothing else.
    fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.id)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_there() {
            if let Err(error) = fs::remove_file(&self.path) {
                let path = self.path.display();
                tracing::debug!(%path, %error, "the file of a socket was left behind");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_socket_that_somebody_bound_meanwhile_is_given_back() {
        let dir = std::env::temp_dir().join(format!("polywire-unix-file-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let path = dir.join("chat");
        drop(UnixListener::bind(&path).unwrap());
        let found = fs::symlink_metadata(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let mut listener = UnixListener::bind(&path).unwrap();
        // The time alone tells them apart where the file system has given the same number again.
        while is_same(&found, &fs::symlink_metadata(&path).unwrap()) {
            fs::remove_file(&path).unwrap();
            listener = UnixListener::bind(&path).unwrap();
        }
        remove_if_same(&path, &found).unwrap();
        UnixStream::connect(&path).unwrap();
        listener.accept().unwrap();

        let found = fs::symlink_metadata(&path).unwrap();
        remove_if_same(&path, &found).unwrap();
        remove_if_same(&path, &found).unwrap(); // Somebody was faster.
        fs::remove_dir(&dir).unwrap();
    }
}
