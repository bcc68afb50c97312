//! A file size limit (`ulimit -f`) is an error of the write, not the end of the process. Other signals keep what
//! the system does by default: a close that is killed is absent or whole (SPEC §10.3).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGBUS, SIGXFSZ};

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

const CUT_SHORT: &[u8] =
    b"tieout: an input file became shorter while it was read, or its disk failed; nothing was published\n\
    help: wait until the file is delivered whole, then run the same command again\n";

/// Ends the process in plain words, with the code of a failed read, when a mapped input file is cut short below it.
///
/// # Errors
/// When the system refuses the handler.
pub fn explain_cut_files() -> Result<(), Stop> {
    let end = || {
        // Nothing but calls that a signal handler may make: a write and an immediate end.
        let _ = rustix::io::write(rustix::stdio::stderr(), CUT_SHORT);
        signal_hook::low_level::exit(i32::from(StopCode::Io as u8));
    };
    // SAFETY: the handler is async-signal-safe, and does not return to what cannot go on.
    unsafe { signal_hook::low_level::register(SIGBUS, end) }
        .map(drop)
        .map_err(|error| {
            let message = format!("cannot handle SIGBUS: {error}");
            Stop::new(
                StopCode::Io,
                Finding::about("", message, "run the same command again"),
            )
        })
}
