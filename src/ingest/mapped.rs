//! Stretches of a file on disk as memory, a few megabytes at a time.
//!
//! A stretch is mapped, looked at and let go, so that a file of any size takes the address space and the memory of its
//! stretches only. Whoever reads says afterwards whether the file is still what it was
//! ([`crate::ingest::files::check_unchanged`]). A file that is cut short under a stretch ends the process with a signal,
//! which the command line turns into words (`cli::signals`).

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::{Mmap, MmapOptions};

/// A stretch of a file.
#[derive(Debug)]
pub struct Stretch {
    map: Mmap,
}

impl Stretch {
    /// The bytes `at..at + length`, which lie in the file.
    ///
    /// # Errors
    /// The system cannot map this file, or it has become shorter.
    pub fn of(file: &File, at: u64, length: usize) -> io::Result<Stretch> {
        if file.metadata()?.len() < at + length as u64 {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "the file became shorter while it was read; is it still being delivered?",
            ));
        }
        // SAFETY: the map is read only, and whatever it shows is judged anew by its reader; a change below it is found
        // by `check_unchanged`, and nothing was published then.
        let map = unsafe { MmapOptions::new().offset(at).len(length).populate().map(file) }?;
        Ok(Stretch { map })
    }
}

impl Deref for Stretch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}
