//! Files that are read where they lie, while the system keeps everybody from changing them.
//!
//! Copying a file out of the page cache takes as long as hashing half of it. A mapped file is not copied; but a file that is
//! cut short while it is mapped ends the process, and one that is changed is not what was hashed. So a file is mapped only
//! under a read lease (Linux, `fcntl(2)`, `F_SETLEASE`): the system gives one where nobody has the file open for writing, and
//! from then on whoever opens it for writing, or cuts it, waits until the lease is given back (at most
//! `/proc/sys/fs/lease-break-time`, 45 seconds unless set). Before every stretch is mapped, and again before one that has waited is read, the lease is looked at: once somebody
//! waits, the file is refused as changing, and the lease given back. The pages of a stretch are asked for before it is looked at,
//! so that a disk that cannot be read is an error like any other. Where there is no lease (a file of another user, another
//! system), and on file systems whose files other machines can change, the file is copied as ever.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions};

/// A file that nobody changes while this is there.
#[derive(Debug)]
pub struct Leased {
    file: Arc<File>,
    bytes: u64,
}

/// A stretch of a leased file. The lease is kept for as long as one is there.
#[derive(Debug)]
pub struct Window {
    map: Mmap,
    file: Arc<File>,
}

impl Window {
    /// Looks at the lease again: of a stretch that has waited before it is read.
    ///
    /// # Errors
    /// `ResourceBusy` when somebody waits to change the file.
    pub fn ask_again(&self) -> io::Result<()> {
        ask(&self.file)
    }
}

impl Deref for Window {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

impl Leased {
    /// Takes a lease on a file that is open for reading. `None` where the system gives none.
    pub fn take(file: File) -> Option<Leased> {
        lease::take(&file)?;
        let bytes = file.metadata().ok()?.len();
        let file = Arc::new(file);
        let leased = Leased { file, bytes };
        // What cannot be mapped at all is copied.
        leased.window(0, 1).is_ok().then_some(leased)
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The bytes from `from` on, up to `bytes` of them.
    ///
    /// # Errors
    /// `ResourceBusy` when somebody waits to change the file; what mapping reports.
    pub fn window(&self, from: u64, bytes: usize) -> io::Result<Window> {
        ask(&self.file)?;
        let left = self.bytes.saturating_sub(from);
        let len = usize::try_from(left).map_or(bytes, |left| left.min(bytes));
        // SAFETY: the lease is held, so that nobody changes or cuts the file for as long as lease-break-time at least, and a
        // stretch is done with in a fraction of a second.
        let map = unsafe { MmapOptions::new().offset(from).len(len).map(&*self.file)? };
        bring_near(&map)?;
        let file = Arc::clone(&self.file);
        Ok(Window { map, file })
    }
}

/// Asks whether the lease on a file is still held.
fn ask(file: &File) -> io::Result<()> {
    match lease::is_held(file) {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "the file was opened for writing while it was read; is it still being delivered?",
        )),
    }
}

/// Reads the pages of a stretch.
#[cfg(target_os = "linux")]
fn bring_near(map: &Mmap) -> io::Result<()> {
    map.advise(memmap2::Advice::PopulateRead)
}

#[cfg(not(target_os = "linux"))]
fn bring_near(_map: &Mmap) -> io::Result<()> {
    Ok(())
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod lease {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    /// File systems whose files this machine alone changes (`statfs(2)`): ext2 to ext4, XFS, Btrfs, F2FS, ZFS, tmpfs. Others
    /// may give leases that bind nobody elsewhere.
    const LOCAL: [i64; 6] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0xf2f5_2010,
        0x2fc1_2fc1,
        0x0102_1994,
    ];

    /// `F_SETSIG` of `asm-generic/fcntl.h`, which the `libc` crate does not name.
    const F_SETSIG: libc::c_int = 10;

    /// Asks for a read lease.
    pub fn take(file: &File) -> Option<()> {
        if !LOCAL.contains(&rustix::fs::fstatfs(file).ok()?.f_type) {
            return None;
        }
        let fd = file.as_raw_fd();
        // SAFETY: system calls on a descriptor that is open; they touch no memory.
        unsafe {
            // Who breaks a lease sends its holder a signal: one that is ignored unless somebody asks for it.
            let signal = libc::fcntl(fd, F_SETSIG, libc::SIGURG);
            (signal == 0 && libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK) == 0).then_some(())
        }
    }

    /// False once somebody waits for the lease, or it was taken away.
    pub fn is_held(file: &File) -> bool {
        // SAFETY: as above.
        unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLEASE) == libc::F_RDLCK }
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod lease {
    use std::fs::File;

    pub fn take(_file: &File) -> Option<()> {
        None
    }

    pub fn is_held(_file: &File) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::PathBuf;

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn open_for_writing(path: &PathBuf) -> io::Result<File> {
        // Without waiting for the lease.
        OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
    }

    #[test]
    fn stretches_are_those_of_the_file() {
        let bytes: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let (_folder, path) = file("plain", &bytes);
        let Some(leased) = Leased::take(File::open(&path).unwrap()) else {
            println!("skipped: this file system gives no leases");
            return;
        };
        assert_eq!(leased.bytes(), bytes.len() as u64);
        for (from, len) in [(0, 10), (4095, 4097), (12_345, 200_000), (399_990, 100)] {
            let window = leased.window(from as u64, len).unwrap();
            assert_eq!(&*window, &bytes[from..bytes.len().min(from + len)]);
        }
    }

    #[test]
    fn whoever_writes_is_seen_and_waits() {
        let (_folder, path) = file("written", b"some bytes");
        let writer = OpenOptions::new().append(true).open(&path).unwrap();
        assert!(
            Leased::take(File::open(&path).unwrap()).is_none(),
            "somebody can write to it"
        );
        drop(writer);
        let Some(leased) = Leased::take(File::open(&path).unwrap()) else {
            println!("skipped: this file system gives no leases");
            return;
        };
        assert!(leased.window(0, 4).is_ok());
        let refused = open_for_writing(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        let busy = leased.window(4, 4).unwrap_err();
        assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
        drop(leased);
        // A program that another test starts holds copies of all descriptors for a moment.
        let given_back = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            open_for_writing(&path).is_ok()
        });
        assert!(given_back, "the lease was given back");
    }
}
