//! What the two programs tell each other.
//!
//! The sender makes an [`Offer`] and waits for the [`Answer`]. If that is `Accepted`, the bytes of
//! the file follow, each message up to [`CHUNK`] of them and nothing else, and then a message with
//! their CRC-32, four bytes in little-endian order. The last word is an `Answer` again.

use std::error::Error;
use std::fs::File;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Bytes sent in one message: enough that messages cost little, little enough to be kept.
pub(crate) const CHUNK: usize = 64 << 10;

/// The file to be sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Offer {
    /// Its name, without a folder.
    pub(crate) name: String,
    /// Its length in bytes.
    pub(crate) len: u64,
}

impl Offer {
    /// The offer of the file at `path`, and the file.
    pub(crate) fn of(path: &Path) -> Result<(Self, File), Box<dyn Error>> {
        let shown = path.display();
        let file = File::open(path).map_err(|error| format!("can't read {shown}: {error}"))?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(format!("{shown} is not a file").into());
        }
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a name must be UTF-8")?;
        Ok((Self { name: name.into(), len: metadata.len() }, file))
    }
}

/// What the receiver says to an offer, and to what followed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Go on, send it.
    Accepted,
    /// It is there, whole and checked.
    Done,
    /// It can't be received, for that reason.
    Refused(String),
}
