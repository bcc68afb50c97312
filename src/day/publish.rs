//! Publishing: a close is written aside, synced, and appears by one rename (SPEC §10.3).
//!
//! Aside is `closes/.work`, on the same file system and under the book's lock. What a killed run left there is
//! removed by the next.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::book::layout::Layout;
use crate::findings::Stop;
use crate::host::{self, HashingFile, Unsynced};
use crate::terms::date::Date;

/// One sealed file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sealed {
    /// Path within the close, `/` between its parts.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256, hex.
    pub sha256: String,
}

/// A close that is being written aside.
pub struct Staging {
    folder: PathBuf,
    closes: PathBuf,
    folders: Vec<PathBuf>,
    /// Files to be synced before the close is published.
    unsynced: Vec<Unsynced>,
    /// Long files that are being synced while others are written.
    syncing: Vec<JoinHandle<Result<(), Stop>>>,
}

/// Files of at least this size are synced while the rest of the close is made.
const LONG_FILE_BYTES: u64 = 16 << 20;
/// Files that are held open at most until they are synced.
const UNSYNCED_MAX: usize = 128;

fn take(files: &Mutex<Vec<Unsynced>>) -> Vec<Unsynced> {
    std::mem::take(&mut *files.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Staging {
    /// Starts aside, on empty ground.
    ///
    /// # Errors
    /// What the system reports.
    pub fn begin(layout: &Layout) -> Result<Staging, Stop> {
        let closes = layout.closes();
        let folder = closes.join(".work");
        host::remove_folder(&folder)?;
        host::create_folder(&folder)?;
        Ok(Staging {
            folders: vec![folder.clone()],
            folder,
            closes,
            unsynced: Vec::new(),
            syncing: Vec::new(),
        })
    }

    /// Starts in `folder`, which must not exist: for a replay, which publishes nothing.
    ///
    /// # Errors
    /// What the system reports.
    pub fn at(folder: &Path) -> Result<Staging, Stop> {
        host::create_folder(folder)?;
        let folder = folder.to_path_buf();
        Ok(Staging {
            folders: vec![folder.clone()],
            closes: folder.clone(),
            folder,
            unsynced: Vec::new(),
            syncing: Vec::new(),
        })
    }

    /// A new file at `path` within the close.
    ///
    /// # Errors
    /// What the system reports.
    pub fn create(&mut self, path: &str) -> Result<HashingFile, Stop> {
        let full = self.folder.join(path);
        if let Some(parent) = full.parent()
            && !self.folders.iter().any(|known| known == parent)
        {
            host::create_folder(parent)?;
            self.folders.push(parent.to_path_buf());
        }
        HashingFile::create(&full)
    }

    /// Writes a whole file at `path` within the close.
    ///
    /// # Errors
    /// What the system reports.
    pub fn write(&mut self, path: &str, bytes: &[u8]) -> Result<Sealed, Stop> {
        use std::io::Write;
        let mut file = self.create(path)?;
        file.write_all(bytes)
            .map_err(|error| Stop::io(&self.folder.join(path), "write", &error))?;
        self.seal(path, file)
    }

    /// Seals a file that [`Staging::create`] made. It is synced at the latest when the close is published; a replay,
    /// which publishes nothing, syncs nothing.
    ///
    /// # Errors
    /// What the system reports.
    pub fn seal(&mut self, path: &str, file: HashingFile) -> Result<Sealed, Stop> {
        let (bytes, sha256, written) = file.finish_unsynced()?;
        self.unsynced.push(written);
        if bytes >= LONG_FILE_BYTES && self.publishes() {
            let files = std::mem::take(&mut self.unsynced);
            let files = Arc::new(Mutex::new(files));
            let theirs = Arc::clone(&files);
            let sync = move || host::sync_all(take(&theirs));
            match std::thread::Builder::new().spawn(sync) {
                Ok(thread) => self.syncing.push(thread),
                // Where the system has no thread left, the file waits for the others.
                Err(_) => self.unsynced = take(&files),
            }
        } else if self.unsynced.len() >= UNSYNCED_MAX {
            let files = std::mem::take(&mut self.unsynced);
            if self.publishes() {
                host::sync_all(files)?;
            }
        }
        Ok(Sealed {
            path: path.to_owned(),
            bytes,
            sha256,
        })
    }

    /// False for a replay.
    fn publishes(&self) -> bool {
        self.closes != self.folder
    }

    /// The folder in which the close is being written.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives up: removes what was written.
    ///
    /// # Errors
    /// What the system reports.
    pub fn abandon(self) -> Result<(), Stop> {
        host::remove_folder(&self.folder)
    }

    /// Publishes: everything synced, then one rename that replaces nothing, then the name synced.
    ///
    /// # Errors
    /// What the system reports; nothing is published then.
    pub fn publish(mut self, date: Date, sequence: u32) -> Result<PathBuf, Stop> {
        for syncing in self.syncing.drain(..) {
            let synced = syncing.join();
            synced.unwrap_or_else(|_| Err(Stop::invariant("syncing a file panicked")))?;
        }
        host::sync_all(std::mem::take(&mut self.unsynced))?;
        // Inner folders first, so that a name is durable before the folder that holds it.
        self.folders
            .sort_by_key(|folder| std::cmp::Reverse(folder.components().count()));
        for folder in &self.folders {
            host::sync_folder(folder)?;
        }
        let day = self.closes.join(date.to_string());
        host::create_folder(&day)?;
        host::sync_folder(&self.closes)?;
        let target = day.join(sequence.to_string());
        host::rename_new(&self.folder, &target)?;
        host::sync_folder(&day)?;
        host::sync_folder(&self.closes)?;
        Ok(target)
    }
}
