//! Names of bound sockets, and the files that paths leave behind.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{self, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::address::UnixAddr;
use crate::names::because;
use crate::rights::refuse_descriptors;

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
    let _lock = match addr {
        UnixAddr::Path(path) => lock_directory_of(path),
        UnixAddr::Abstract(_) => None,
    };
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
/// A program that knows nothing of the lock may have removed it and bound meanwhile. So the file is moved first, which
/// only one of both can do, and looked at then.
fn remove_if_same(path: &Path, found: &Metadata) -> io::Result<()> {
    let aside = aside(path);
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        moved => moved?,
    }
    if fs::symlink_metadata(&aside).is_ok_and(|moved| is_same(found, &moved)) {
        return fs::remove_file(&aside);
    }
    tracing::debug!(path = %path.display(), "gave the file of another listener back");
    give_back(&aside, path)
}

/// Not by a rename at once, which would replace the file of a third. But who binds by this library looks whether its
/// file is still there, and who was there first may have done so already: the third has to give way.
fn give_back(aside: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(aside, path) {
        Ok(()) => fs::remove_file(aside),
        Err(_) => fs::rename(aside, path),
    }
}

/// Times that the lock is tried, a millisecond apart. Who binds holds it for microseconds; anybody who may read the directory
/// can hold it for ever, and must not hold a loop up whose callback listens.
const LOCK_ATTEMPTS: usize = 10;

/// Keeps others who bind in the same directory out until it is dropped: a socket looks like a stale one while it is being
/// bound, so to look, to remove and to bind is one step. `None` where the directory can't be locked, because it may not be
/// read, its file system has no locks, or somebody holds the lock for too long. Then others are rarely there at the same
/// time, and looked for as well as can be.
fn lock_directory_of(path: &Path) -> Option<OwnedFd> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    // A named pipe or a device in its place must not hold this up, which opening by itself may do.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let parent = parent.unwrap_or_else(|| Path::new("."));
    let directory = rustix::fs::open(parent, flags, Mode::empty()).ok()?;
    for _ in 0..LOCK_ATTEMPTS {
        match try_lock(&directory) {
            Ok(()) => return Some(directory),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "can't lock the directory");
                return None;
            }
        }
    }
    None
}

/// Until the descriptor is closed.
fn try_lock(directory: &OwnedFd) -> io::Result<()> {
    #[cfg(not(target_os = "solaris"))]
    rustix::fs::flock(directory, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    #[cfg(target_os = "solaris")]
    let _ = directory;
    Ok(())
}

/// A non-blocking socket of that type, without a name, which refuses descriptors.
pub(crate) fn open(kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    socket.set_nonblocking(true)?;
    refuse_descriptors(&socket); // Before anybody can send some.
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
    use std::sync::Barrier;

    use super::*;

    /// A directory of a test's own, removed with all that is in it.
    struct Dir(PathBuf);

    impl Dir {
        fn new(test: &str) -> Self {
            let name = format!("polywire-unix-file-{}-{test}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            fs::create_dir(&dir).unwrap();
            Self(dir)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_is_given_back_though_a_third_has_taken_its_place() {
        let dir = Dir::new("third");
        let (path, aside) = (dir.file("chat"), dir.file("chat.stale"));
        let first = UnixListener::bind(&path).unwrap();
        fs::rename(&path, &aside).unwrap();
        let _third = UnixListener::bind(&path).unwrap();
        give_back(&aside, &path).unwrap();
        UnixStream::connect(&path).unwrap();
        first.set_nonblocking(true).unwrap();
        first.accept().unwrap();
        assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn of_many_who_clear_the_same_file_away_one_has_the_name() {
        const THREADS: usize = 8;
        let dir = Dir::new("many");
        let addr = UnixAddr::Path(dir.file("chat"));
        let listen = |barrier: &Barrier| {
            barrier.wait();
            bind(Type::STREAM, &addr, None, || open(Type::STREAM), |socket| socket.listen(8))
        };
        for _ in 0..300 {
            drop(UnixListener::bind(dir.file("chat")).unwrap());
            let barrier = Barrier::new(THREADS);
            let bound: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..THREADS).map(|_| scope.spawn(|| listen(&barrier))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let errors = bound.iter().filter_map(|bound| bound.as_ref().err());
            let others: Vec<_> = errors.filter(|e| e.kind() != ErrorKind::AddrInUse).collect();
            assert!(others.is_empty(), "{others:?}");
            assert_eq!(bound.iter().filter(|bound| bound.is_ok()).count(), 1);
            UnixStream::connect(dir.file("chat")).unwrap();
            assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 1, "nothing is left aside");
            for (socket, file) in bound.into_iter().flatten() {
                drop(file);
                drop(socket);
            }
        }
    }

    #[test]
    fn a_socket_that_somebody_bound_meanwhile_is_given_back() {
        let dir = Dir::new("meanwhile");
        let path = dir.file("chat");
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
        assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 0);
    }
}
