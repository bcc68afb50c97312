//! The command line: arguments as typed -> what to do; outcomes -> words and an exit code (SPEC §9).
//!
//! In: arguments, the terminal, `NO_COLOR` (read here and nowhere else). Out: data on stdout, everything else on
//! stderr. Findings are shown as [`crate::findings`] words them. Nothing about a day is decided here.

mod arguments;
mod check;
mod close;
mod completions;
mod explain;
mod export;
mod generate;
mod init;
mod inspect;
mod json;
mod progress;
mod reconciliation;
mod screen;
mod selftest;
mod signals;
mod status;
mod verify;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::Parser;
use clap::error::ErrorKind;

use crate::findings::{self, Finding, Stop, StopCode};
use crate::terms::vectors;
use arguments::{Arguments, Command};
use screen::Screen;

/// Runs one command line, the program's name first, and gives the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = match Arguments::try_parse_from(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => return refused(&error, arguments.iter().any(|argument| argument == "--json")),
    };
    if parsed.portable {
        vectors::use_none();
    }
    let screen = Screen::new(parsed.command.json(), parsed.quiet);
    hush_guarded_panics();
    let ran = catch_unwind(AssertUnwindSafe(|| {
        signals::keep_file_size_errors()?;
        dispatch(&parsed.command, &screen)
    }));
    // Its own words went to stderr when it happened; rayon hands a panic of a worker on to here.
    let outcome =
        ran.unwrap_or_else(|_| Err(Stop::invariant("the engine stopped itself, see the line above")));
    match outcome {
        Ok(code) => code,
        Err(stop) => {
            screen.stop(&stop, parsed.command.hint(&stop).as_deref());
            stop.code as u8
        }
    }
}

/// A damaged Parquet file is told by its finding alone, not by the decoder's panic as well.
fn hush_guarded_panics() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !findings::is_guarded() {
            told(panic);
        }
    }));
}

fn dispatch(command: &Command, screen: &Screen) -> Result<u8, Stop> {
    match command {
        Command::Init(init) => init::run(init, screen),
        Command::Check(check) => check::run(check, screen),
        Command::Inspect(inspect) => inspect::run(inspect, screen),
        Command::Close(close) => close::run(close, screen),
        Command::Verify(verify) => verify::run(verify, screen),
        Command::Status(status) => status::run(status, screen),
        Command::Explain(explain) => explain::run(explain, screen),
        Command::Export(export) => export::run(export, screen),
        Command::Selftest(selftest) => selftest::run(selftest, screen),
        Command::Generate(generate) => generate::run(generate, screen),
        Command::Schema => screen.out(&crate::book::schema::json_schema()).map(|()| 0),
        Command::Completions(completions) => completions::run(completions, screen),
    }
}

/// Help and version are no errors; everything else is usage (64, not clap's 2).
fn refused(error: &clap::Error, json: bool) -> u8 {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if asked {
        // Nobody is left to tell when the terminal is gone.
        let _ = error.print();
        return 0;
    }
    if json {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let stop = Stop::new(StopCode::Usage, Finding::about("", message, "see tieout --help"));
        Screen::new(true, true).stop(&stop, None);
    } else {
        let _ = error.print();
    }
    StopCode::Usage as u8
}
