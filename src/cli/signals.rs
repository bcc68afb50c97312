//! A file size limit (`ulimit -f`) is an error of the write, not the end of the process. Other signals keep what
//! the system does by default: a close that is killed is absent or whole (SPEC §10.3).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGXFSZ;

use crate::findings::{Finding, Stop, StopCode};

/// Takes note of SIGXFSZ instead of dying by it, so that the write reports EFBIG.
///
/// # Errors
/// When the system refuses the handler.
pub fn keep_file_size_errors() -> Result<(), Stop> {
    let noted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGXFSZ, noted)
        .map(drop)
        .map_err(|error| {
            let message = format!("cannot handle SIGXFSZ: {error}");
            Stop::new(
                StopCode::Io,
                Finding::about("", message, "run the same command again"),
            )
        })
}
