//! The SHA-256 of files that lie on disk as they are, taken beside the reading of their rows.
//!
//! Two files are digested at a time by whichever thread comes by ([`crate::terms::sha256_pair`]), a little ahead of where
//! their rows are read, so that each byte is fetched from disk once.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use crate::ingest::mapped::Stretch;
use crate::terms::digest::hex;
use crate::terms::sha256_pair::Running;

/// Bytes taken of each file at a time; a multiple of 64.
const STEP_BYTES: usize = 4 << 20;

/// How far ahead of the rows digests are kept.
const AHEAD_BYTES: u64 = 4 << 20;

/// A file among those being digested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lane(usize);

/// The files being digested.
#[derive(Debug, Default)]
pub struct Digests {
    lanes: Mutex<Vec<Work>>,
}

#[derive(Debug)]
struct Work {
    file: Arc<File>,
    bytes: u64,
    at: u64,
    running: Running,
    /// Hex, at the end.
    digest: Option<String>,
}

impl Digests {
    /// Adds a file of `bytes` bytes.
    ///
    /// # Errors
    /// It cannot be mapped.
    pub fn add(&self, file: Arc<File>, bytes: u64) -> io::Result<Lane> {
        let work = Work {
            file,
            bytes,
            at: 0,
            running: Running::default(),
            digest: None,
        };
        if bytes > 0 {
            Stretch::of(&work.file, 0, 1)?;
        }
        let mut lanes = self.lock();
        lanes.push(work);
        Ok(Lane(lanes.len() - 1))
    }

    /// Goes on to somewhat beyond `upto`, unless another thread is at it.
    ///
    /// # Errors
    /// The file cannot be mapped.
    pub fn keep_up(&self, lane: Lane, upto: u64) -> io::Result<()> {
        let mut lanes = match self.lanes.try_lock() {
            Ok(lanes) => lanes,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        while lanes[lane.0].digest.is_none() && lanes[lane.0].at < upto.saturating_add(AHEAD_BYTES) {
            step(&mut lanes, lane)?;
        }
        Ok(())
    }

    /// The SHA-256 of a whole file, lower-case hex.
    ///
    /// # Errors
    /// As [`Digests::keep_up`].
    pub fn finish(&self, lane: Lane) -> io::Result<String> {
        let mut lanes = self.lock();
        loop {
            if let Some(digest) = &lanes[lane.0].digest {
                return Ok(digest.clone());
            }
            step(&mut lanes, lane)?;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Work>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes a step on with a file, and with another that is not done yet where there is one: that which is furthest back.
fn step(lanes: &mut [Work], Lane(lane): Lane) -> io::Result<()> {
    let others = lanes.iter().enumerate();
    let others = others.filter(|(number, work)| *number != lane && work.digest.is_none());
    let other = others.min_by_key(|(_, work)| work.at).map(|(number, _)| number);
    let pair = other.and_then(|other| lanes.get_disjoint_mut([lane, other]).ok());
    // What is wrong with the other file is said when its own turn comes.
    let pair = pair.and_then(|[mine, other]| other.next().ok().map(|next| (mine, other, next)));
    let Some((mine, other, (other_stretch, other_whole))) = pair else {
        let work = &mut lanes[lane];
        let (stretch, whole) = work.next()?;
        work.running.update(&stretch[..whole]);
        work.advance(&stretch, whole);
        return Ok(());
    };
    let (my_stretch, my_whole) = mine.next()?;
    Running::update_both(
        (&mut mine.running, &my_stretch[..my_whole]),
        (&mut other.running, &other_stretch[..other_whole]),
    );
    mine.advance(&my_stretch, my_whole);
    other.advance(&other_stretch, other_whole);
    Ok(())
}

/// What a step reads: mapped, or nothing of a file that is at its end.
enum Next {
    Mapped(Stretch),
    Nothing,
}

impl std::ops::Deref for Next {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Next::Mapped(stretch) => stretch,
            Next::Nothing => &[],
        }
    }
}

impl Work {
    /// The next stretch, and how much of it are whole blocks.
    fn next(&self) -> io::Result<(Next, usize)> {
        let length = (self.bytes - self.at).min(STEP_BYTES as u64) as usize;
        if length == 0 {
            return Ok((Next::Nothing, 0));
        }
        let stretch = Stretch::of(&self.file, self.at, length)?;
        Ok((Next::Mapped(stretch), length / 64 * 64))
    }

    /// Notes that the whole blocks were taken; takes the rest at the end.
    fn advance(&mut self, stretch: &[u8], whole: usize) {
        self.at += stretch.len() as u64;
        if self.at == self.bytes {
            self.digest = Some(hex(&self.running.clone().finish(&stretch[whole..])));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::terms::digest::sha256_hex;

    #[test]
    fn files_of_all_lengths_have_their_digests_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let lengths = [
            0,
            1,
            63,
            64,
            STEP_BYTES - 1,
            STEP_BYTES,
            2 * STEP_BYTES + 77,
            3 * STEP_BYTES,
        ];
        for first in 0..lengths.len() {
            let digests = Digests::default();
            let mut lanes = Vec::new();
            for (number, length) in lengths.iter().enumerate() {
                let text: Vec<u8> = (0..*length).map(|at| (at * 7 + number) as u8).collect();
                let path = folder.path().join(format!("{first}-{number}"));
                File::create(&path).unwrap().write_all(&text).unwrap();
                let lane = digests
                    .add(Arc::new(File::open(&path).unwrap()), *length as u64)
                    .unwrap();
                lanes.push((lane, sha256_hex(&text)));
            }
            digests.keep_up(lanes[first].0, STEP_BYTES as u64 / 2).unwrap();
            lanes.rotate_left(first);
            for (lane, expected) in lanes {
                assert_eq!(digests.finish(lane).unwrap(), expected);
            }
        }
    }
}
