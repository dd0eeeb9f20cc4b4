//! A file on its way in.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use indicatif::{MultiProgress, ProgressBar};
use tempfile::NamedTempFile;

use crate::offer::Offer;

/// A file on its way in, kept under another name until it is whole. Dropping it deletes it; only a
/// program that is ended from outside leaves a `.tmp` file behind.
pub(crate) struct Incoming {
    path: PathBuf,
    overwrite: bool,
    file: NamedTempFile,
    hasher: crc32fast::Hasher,
    missing: u64,
    progress: ProgressBar,
}

impl Incoming {
    /// Accepts the offer, if there is nothing against it.
    pub(crate) fn accept(
        offer: &Offer,
        folder: &Path,
        overwrite: bool,
        bars: &MultiProgress,
    ) -> Result<Self, Box<dyn Error>> {
        // A name that says more than a name would be put outside the folder.
        if Path::new(&offer.name).file_name() != Some(offer.name.as_ref()) {
            return Err(format!("{:?} is not the name of a file", offer.name).into());
        }
        let path = folder.join(&offer.name);
        if fs::symlink_metadata(&path).is_ok() && !overwrite {
            return Err(format!("{:?} exists already", offer.name).into());
        }
        let progress = bars.add(ProgressBar::new(offer.len));
        let file = NamedTempFile::new_in(folder)?;
        let hasher = crc32fast::Hasher::new();
        Ok(Self { path, overwrite, file, hasher, missing: offer.len, progress })
    }

    /// Whether all bytes are there, so that the next message is the checksum.
    pub(crate) fn is_whole(&self) -> bool {
        self.missing == 0
    }

    pub(crate) fn write(&mut self, chunk: &[u8]) -> Result<(), Box<dyn Error>> {
        let len = chunk.len() as u64;
        self.missing = self.missing.checked_sub(len).ok_or("more came than was offered")?;
        self.file.write_all(chunk)?;
        self.hasher.update(chunk);
        self.progress.inc(len);
        Ok(())
    }

    /// Gives the file its name in one step, if it is what was sent: nobody ever sees half of it
    /// there, not even after a power failure.
    pub(crate) fn finish(self, checksum: &[u8]) -> Result<PathBuf, Box<dyn Error>> {
        if self.hasher.finalize().to_le_bytes() != checksum {
            return Err("the checksum is another: it was changed on its way".into());
        }
        self.file.as_file().sync_all()?;
        match self.overwrite {
            true => self.file.persist(&self.path)?,
            // Somebody else may have made such a file meanwhile.
            false => self.file.persist_noclobber(&self.path)?,
        };
        Ok(self.path)
    }
}
