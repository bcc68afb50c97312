//! The outside: files, syncing, renaming, the lock, the clock. Everything else in the crate is a function of its
//! arguments.
//!
//! Rules of durability (ASSURANCE §6): a file is synced before it counts (several at a time), a folder is synced after a name in it
//! changed, the first failed sync stops the day, and a close appears by one rename that replaces nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::findings::{Finding, Stop, StopCode};
use crate::terms::digest::hex;

/// Mode of sealed files: the owner writes, the group reads.
const FILE_MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;

/// Seconds since 1970, for run.json only.
#[allow(clippy::disallowed_methods)]
pub fn now_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Makes a folder and all above it.
///
/// # Errors
/// What the system reports.
pub fn create_folder(path: &Path) -> Result<(), Stop> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Stop::new(
                StopCode::CannotCreate,
                Finding::about(
                    path.display().to_string(),
                    "found a file, or a file above it, where a folder is needed",
                    "move the file away, then run the same command again; nothing was published",
                ),
            ),
            _ => cannot_create(path, &error),
        })
}

fn cannot_create(path: &Path, error: &io::Error) -> Stop {
    let mut stop = Stop::io(path, "create", error);
    if stop.code == StopCode::Io {
        stop.code = StopCode::CannotCreate;
    }
    stop
}

/// Makes the names in a folder durable.
///
/// # Errors
/// What the system reports.
pub fn sync_folder(path: &Path) -> Result<(), Stop> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Stop::io(path, "sync", &error))
}

/// Makes a folder that must not be there, in one that is: nobody else has put anything into it.
///
/// # Errors
/// What the system reports.
pub fn create_new_folder(path: &Path) -> Result<(), Stop> {
    let made = std::fs::DirBuilder::new().mode(FOLDER_MODE).create(path);
    made.map_err(|error| cannot_create(path, &error))
}

/// Removes a folder with everything in it; a folder that is not there is fine.
///
/// # Errors
/// What the system reports.
pub fn remove_folder(path: &Path) -> Result<(), Stop> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Stop::io(path, "remove", &error)),
        _ => Ok(()),
    }
}

/// Gives `from` the name `to`, which must not exist.
///
/// # Errors
/// `CannotCreate` when `to` exists; else what the system reports.
pub fn rename_new(from: &Path, to: &Path) -> Result<(), Stop> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(|errno| {
        let error = io::Error::from(errno);
        match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => Stop::new(
                StopCode::CannotCreate,
                Finding::about(
                    to.display().to_string(),
                    "there is a close of this name already",
                    "run `tieout status`",
                ),
            ),
            _ => Stop::io(to, "publish", &error),
        }
    })
}

/// A new file that counts and digests what is written to it.
pub struct HashingFile {
    file: io::BufWriter<File>,
    path: PathBuf,
    hasher: Sha256,
    bytes: u64,
}

impl HashingFile {
    /// Creates a file that must not exist.
    ///
    /// # Errors
    /// `CannotCreate` or `Permission`.
    pub fn create(path: &Path) -> Result<HashingFile, Stop> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(path)
            .map_err(|error| cannot_create(path, &error))?;
        Ok(HashingFile {
            file: io::BufWriter::with_capacity(1 << 20, file),
            path: path.to_path_buf(),
            hasher: Sha256::new(),
            bytes: 0,
        })
    }

    /// Syncs the file and gives its bytes and SHA-256.
    ///
    /// # Errors
    /// What the system reports; a failed sync is final.
    pub fn finish(self) -> Result<(u64, String), Stop> {
        let (bytes, sha256, written) = self.finish_unsynced()?;
        written.sync()?;
        Ok((bytes, sha256))
    }

    /// Gives bytes and SHA-256, and the file to be synced later.
    ///
    /// # Errors
    /// What the system reports.
    pub fn finish_unsynced(self) -> Result<(u64, String, Unsynced), Stop> {
        let path = self.path;
        let file = self
            .file
            .into_inner()
            .map_err(|error| Stop::io(&path, "write", error.error()))?;
        let sha256 = hex(&self.hasher.finalize());
        Ok((self.bytes, sha256, Unsynced { file, path }))
    }
}

/// A file that is written and does not count yet.
pub struct Unsynced {
    file: File,
    path: PathBuf,
}

impl Unsynced {
    /// Makes the file durable.
    ///
    /// # Errors
    /// What the system reports; a failed sync is final.
    pub fn sync(self) -> Result<(), Stop> {
        self.file
            .sync_all()
            .map_err(|error| Stop::io(&self.path, "sync", &error))
    }
}

/// Syncs at a time. A file system writes its log once for all that wait for it.
const SYNCS_AT_ONCE: usize = 16;

/// Makes files durable, many at a time.
///
/// # Errors
/// What the system reports of the first file that fails, in the order given.
pub fn sync_all(files: Vec<Unsynced>) -> Result<(), Stop> {
    let threads = files.len().min(SYNCS_AT_ONCE);
    let queue = Mutex::new(files.into_iter().enumerate());
    let failed: Mutex<Option<(usize, Stop)>> = Mutex::new(None);
    let work = || {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((number, file)) = next else { return };
            if let Err(stop) = file.sync() {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(earlier, _)| number < *earlier) {
                    *failed = Some((number, stop));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Where the system has no thread left, those there are do the work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(()), |(_, stop)| Err(stop))
}

impl Write for HashingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file for the length of this process. It has no name once it is open, so nobody else opens it, and the system takes
/// it back however the process ends. Any number of threads write and read it.
#[derive(Debug)]
pub struct WorkFile {
    file: File,
    path: PathBuf,
    end: AtomicU64,
}

impl WorkFile {
    /// Creates a file in a folder; `name` must not be there.
    ///
    /// # Errors
    /// `CannotCreate` or `Permission`.
    pub fn create(folder: &Path, name: &str) -> Result<WorkFile, Stop> {
        let path = folder.join(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&path)
            .map_err(|error| cannot_create(&path, &error))?;
        std::fs::remove_file(&path).map_err(|error| Stop::io(&path, "remove the name of", &error))?;
        Ok(WorkFile {
            file,
            path,
            end: AtomicU64::new(0),
        })
    }

    /// Writes behind all that was written; gives the offset.
    ///
    /// # Errors
    /// What the system reports.
    pub fn append(&self, bytes: &[u8]) -> Result<u64, Stop> {
        let at = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file
            .write_all_at(bytes, at)
            .map_err(|error| Stop::io(&self.path, "write", &error))?;
        Ok(at)
    }

    /// Fills `bytes` from an offset on.
    ///
    /// # Errors
    /// What the system reports.
    pub fn read(&self, bytes: &mut [u8], at: u64) -> Result<(), Stop> {
        self.file
            .read_exact_at(bytes, at)
            .map_err(|error| Stop::io(&self.path, "read", &error))
    }

    /// What it was called.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Bytes and SHA-256 (hex) of a file.
///
/// # Errors
/// What the system reports.
pub fn digest_file(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 1 << 20];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hex(&hasher.finalize())));
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// How often, and after what pause, a held lock is tried again: half a second in all.
const LOCK_TRIES: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The lock of a book, held until dropped. The kernel frees it when the process ends, however it ends.
pub struct Lock {
    _file: File,
}

/// Takes the lock of a book, or says who holds it.
///
/// # Errors
/// `Locked` with what the holder wrote into the file; else what the system reports.
pub fn lock(path: &Path, holder: &str) -> Result<Lock, Stop> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
        .map_err(|error| cannot_create(path, &error))?;
    // A process that was being started while the last holder ended may keep the lock for a moment longer.
    let mut tries = LOCK_TRIES;
    let mut locked = file.try_lock();
    while matches!(locked, Err(std::fs::TryLockError::WouldBlock)) && tries > 0 {
        std::thread::sleep(LOCK_PAUSE);
        locked = file.try_lock();
        tries -= 1;
    }
    match locked {
        Ok(()) => {
            let write = file.set_len(0).and_then(|()| file.write_all(holder.as_bytes()));
            write.map_err(|error| Stop::io(path, "write", &error))?;
            Ok(Lock { _file: file })
        }
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut who = String::new();
            // The holder's line is a courtesy: that the lock is held is certain without it.
            let _ = file.read_to_string(&mut who);
            let who = if who.trim().is_empty() {
                "another process".to_owned()
            } else {
                who.trim().to_owned()
            };
            Err(Stop::new(
                StopCode::Locked,
                Finding::about(
                    path.display().to_string(),
                    format!("another close is running: {who}"),
                    "wait for it to end, then run the same command again",
                ),
            ))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(Stop::io(path, "lock", &error)),
    }
}

/// Name of this process for the lock: process id.
pub fn holder() -> String {
    format!("process {}", std::process::id())
}

/// Gives memory that was freed back to the system, where its allocator keeps it for later.
pub fn release_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> i32;
        }
        // SAFETY: glibc's own function; it may be called at any time, from any thread.
        unsafe { malloc_trim(0) };
    }
}

/// Peak resident memory of this process in bytes, 0 where the system does not tell.
pub fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| {
            rest.trim()
                .split(' ')
                .next()
                .and_then(|number| number.parse::<u64>().ok())
        });
    kilobytes.unwrap_or(0) * 1024
}
