//! `tieout completions`.

use clap::CommandFactory;

use crate::cli::arguments::{Arguments, CompletionsArgs};
use crate::cli::screen::Screen;
use crate::findings::Stop;

/// Prints the script.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(arguments: &CompletionsArgs, screen: &Screen) -> Result<u8, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "tieout", &mut script);
    screen.out(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
