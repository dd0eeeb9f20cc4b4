//! Addresses of Unix sockets: paths, and abstract names.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use polywire_core::address::RemoteAddr;

/// Bytes a path may have at most, or an abstract name without its `@`: 107 on Linux, 103 on the BSDs and macOS.
///
/// That is `sun_path` of unix(7) without the NUL at its end. Where paths are long, change to the
/// directory and use a relative one.
pub const MAX_NAME_LEN: usize = SUN_PATH_BYTES - 1;

const SUN_PATH_BYTES: usize = if cfg!(any(
    target_os = "android",
    target_os = "illumos",
    target_os = "linux",
    target_os = "solaris"
)) {
    108
} else {
    104
};

const HAS_ABSTRACT_NAMES: bool = cfg!(any(target_os = "android", target_os = "linux"));

/// What stands for the name of a socket that has none, as most that connect.
pub const UNNAMED: &str = "(unnamed)";

/// A text that can be no address of a Unix socket: inside the `InvalidInput` of `connect` and `listen`.
///
/// ```
/// use polywire_core::network;
/// use polywire_unix::{Unix, UnixAddrError};
///
/// let (network, _processor) = network::split();
/// # if cfg!(unix) {
/// let error = network.connect(Unix, &*"x".repeat(200)).unwrap_err();
/// assert!(matches!(UnixAddrError::of(&error), Some(UnixAddrError::TooLong { len: 200, .. })));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnixAddrError {
    /// The path or the abstract name is too long: shorten it, or use a relative path.
    TooLong {
        /// Bytes it has.
        len: usize,
        /// Bytes it may have: [`MAX_NAME_LEN`].
        max: usize,
    },
    /// No name at all: `""`, or `"@"` alone.
    Empty,
    /// A NUL byte inside.
    ContainsNul,
    /// An IP address and a port, which are for TCP and UDP.
    SocketAddr,
    /// An abstract name, which only Linux has: use a path. A file whose name begins with `@` is written `./@name`.
    NoAbstractNames,
}

impl UnixAddrError {
    /// The one inside an error of `connect` or `listen`, if there is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for UnixAddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, max } => write!(
                f,
                "the name of a Unix socket has at most {max} bytes, and this one has {len}: use a shorter \
                 path, or a relative one"
            ),
            Self::Empty => f.write_str("a Unix socket needs a path, or a name behind `@`"),
            Self::ContainsNul => f.write_str("the name of a Unix socket has no NUL byte inside"),
            Self::SocketAddr => {
                f.write_str("an IP address and a port are no Unix socket: write a path, or `@name`")
            }
            Self::NoAbstractNames => f.write_str(
                "only Linux has abstract names: use a path, or write `./@name` for a file",
            ),
        }
    }
}

impl Error for UnixAddrError {}

impl From<UnixAddrError> for io::Error {
    fn from(error: UnixAddrError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

/// The name of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UnixAddr {
    Path(PathBuf),
    /// Without the NUL that it begins with in the system, and the `@` that it is written with.
    Abstract(String),
}

impl UnixAddr {
    pub(crate) fn parse(addr: &RemoteAddr) -> Result<Self, UnixAddrError> {
        let RemoteAddr::Str(text) = addr else { return Err(UnixAddrError::SocketAddr) };
        let abstract_name = text.strip_prefix('@');
        let name = abstract_name.unwrap_or(text);
        match name.len() {
            0 => return Err(UnixAddrError::Empty),
            1..=MAX_NAME_LEN => {}
            len => return Err(UnixAddrError::TooLong { len, max: MAX_NAME_LEN }),
        }
        if name.contains('\0') {
            return Err(UnixAddrError::ContainsNul);
        }
        match abstract_name {
            None => Ok(Self::Path(name.into())),
            Some(name) if HAS_ABSTRACT_NAMES => Ok(Self::Abstract(name.into())),
            Some(_) => Err(UnixAddrError::NoAbstractNames),
        }
    }
}

impl fmt::Display for UnixAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "'{}'", path.display()),
            Self::Abstract(name) => write!(f, "'@{name}'"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<UnixAddr, UnixAddrError> {
        UnixAddr::parse(&RemoteAddr::Str(text.into()))
    }

    #[test]
    fn a_path_is_a_path_and_a_name_behind_an_at_sign_is_abstract() {
        assert_eq!(parse("/run/chat"), Ok(UnixAddr::Path("/run/chat".into())));
        assert_eq!(parse("./@chat"), Ok(UnixAddr::Path("./@chat".into())));
        let name = UnixAddr::Abstract("chat".into());
        let expected =
            if HAS_ABSTRACT_NAMES { Ok(name) } else { Err(UnixAddrError::NoAbstractNames) };
        assert_eq!(parse("@chat"), expected);
    }

    #[test]
    fn the_longest_name_passes_and_one_byte_more_is_told_with_the_limit() {
        let longest = "x".repeat(MAX_NAME_LEN);
        assert!(parse(&longest).is_ok());
        assert_eq!(parse(&format!("@{longest}")).is_ok(), HAS_ABSTRACT_NAMES);
        for text in [format!("{longest}x"), format!("@{longest}x")] {
            let error = parse(&text).unwrap_err();
            let (len, max) = (MAX_NAME_LEN + 1, MAX_NAME_LEN);
            assert_eq!(error, UnixAddrError::TooLong { len, max });
            assert!(error.to_string().contains(&max.to_string()), "{error}");
        }
    }

    #[test]
    fn what_is_no_name_is_an_error_that_says_so() {
        assert_eq!(parse(""), Err(UnixAddrError::Empty));
        assert_eq!(parse("@"), Err(UnixAddrError::Empty));
        assert_eq!(parse("/run/\0"), Err(UnixAddrError::ContainsNul));
        let addr = RemoteAddr::Socket("127.0.0.1:80".parse().unwrap());
        assert_eq!(UnixAddr::parse(&addr), Err(UnixAddrError::SocketAddr));
        let error = io::Error::from(UnixAddrError::Empty);
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(UnixAddrError::of(&error), Some(&UnixAddrError::Empty));
    }
}
