//! `tieout generate`: the arguments of a synthetic book.

use crate::cli::arguments::{GenerateArgs, TableFormat};
use crate::cli::screen::{Screen, quoted};
use crate::demo::{self, GenerateFormat, GenerateOptions};
use crate::findings::Stop;

/// Writes a synthetic book.
///
/// # Errors
/// As `demo::generate`.
pub fn run(arguments: &GenerateArgs, screen: &Screen) -> Result<u8, Stop> {
    let options = GenerateOptions {
        seed: arguments.seed,
        days: arguments.days,
        format: match arguments.format {
            TableFormat::Csv => GenerateFormat::Csv,
            TableFormat::Parquet => GenerateFormat::Parquet,
        },
        ..GenerateOptions::new(&arguments.folder, arguments.date, arguments.rows)
    };
    demo::generate(&options)?;
    screen.out(&format!(
        "made the book {}: {} rows a day, what is true of them in truth.json\n",
        arguments.folder.display(),
        arguments.rows
    ))?;
    screen.hint(Some(&format!(
        "tieout close {} --date {}",
        quoted(&arguments.folder),
        arguments.date
    )));
    Ok(0)
}
