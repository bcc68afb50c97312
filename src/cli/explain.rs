//! `tieout explain`: words are printed here, the looking is done in `day::explain`.

use crate::cli::arguments::ExplainArgs;
use crate::cli::screen::Screen;
use crate::findings::{Finding, Stop, StopCode};

/// Prints where a figure comes from.
///
/// # Errors
/// As `day::explain::explain`.
pub fn run(arguments: &ExplainArgs, screen: &Screen) -> Result<u8, Stop> {
    // CALL SITE of crate::day::explain::explain(&arguments.book, &arguments.what, arguments.date): print its
    // Explanation with screen.out, as JSON when screen.json().
    let _ = screen;
    Err(Stop::new(
        StopCode::Usage,
        Finding::about(
            arguments.what.clone(),
            "`explain` is not part of this version",
            "look the id up in the tables of the close: payouts.csv, breaks.csv, journal.csv",
        ),
    ))
}
