//! Closes one business date: the order of the stages, the lock, what is brought forward, publishing all or nothing.

use std::path::{Path, PathBuf};

use crate::findings::Stop;
use crate::report::summary::Summary;
use crate::terms::date::Date;

/// What to close, and how.
#[derive(Clone, Debug)]
pub struct CloseOptions {
    /// The book's folder.
    pub root: PathBuf,
    /// D.
    pub date: Date,
    /// Compute and report, write nothing under the book (R39).
    pub dry_run: bool,
    /// Another book.toml to close by, writing nothing (R39).
    pub what_if: Option<PathBuf>,
}

/// A finished close.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// 0, 10 or 20 (SPEC §9).
    pub exit_code: u8,
    /// Where it lies; `None` for a dry run.
    pub folder: Option<PathBuf>,
    /// True when the same inputs and settings had been closed before and nothing was done.
    pub already_done: bool,
    /// What a person reads first.
    pub summary: Summary,
    /// The same for the book as it is, beside a what-if.
    pub compared_with: Option<Summary>,
}

/// Tells how far a close has come. Called from any thread.
pub trait Progress: Sync {
    /// A stage begins; `total` is its size in the unit of `advance`, 0 when unknown.
    fn stage(&self, name: &'static str, total: u64);
    /// The stage has come so far.
    fn advance(&self, done: u64);
}

/// Closes a day. Uses the current rayon pool.
///
/// # Errors
/// Everything that stops a day (SPEC §9); nothing is published then.
pub fn close(options: &CloseOptions, progress: &dyn Progress) -> Result<Outcome, Stop> {
    let _ = (options, progress);
    Err(Stop::invariant("being written"))
}

/// Runs the day of a sealed close again from `inbox`, with the settings sealed in it, into `into`, which must not
/// exist. The caller compares the bytes.
///
/// # Errors
/// As [`close`].
pub fn replay(sealed: &Path, inbox: &Path, previous: Option<&Path>, into: &Path, progress: &dyn Progress) -> Result<(), Stop> {
    let _ = (sealed, inbox, previous, into, progress);
    Err(Stop::invariant("being written"))
}
