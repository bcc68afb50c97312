//! `tieout generate`: the arguments of a synthetic book.

use crate::cli::arguments::GenerateArgs;
use crate::cli::screen::Screen;
use crate::findings::{Finding, Stop, StopCode};

/// Writes a synthetic book.
///
/// # Errors
/// As `demo::generate`.
pub fn run(arguments: &GenerateArgs, screen: &Screen) -> Result<u8, Stop> {
    // CALL SITE of crate::demo::generate: folder, rows, seed, date, days.
    let _ = (
        arguments.rows,
        arguments.seed,
        arguments.date,
        arguments.days,
        screen,
    );
    Err(Stop::new(
        StopCode::Usage,
        Finding::about(
            arguments.folder.display().to_string(),
            "`generate` is not part of this version",
            "make a book with `tieout init`",
        ),
    ))
}
