//! The command line as typed.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::cli::screen::quoted;
use crate::findings::{Stop, StopCode};
use crate::terms::date::Date;

const EXAMPLES: &str = "\
Examples:
  tieout init mybook                          make a book, then edit mybook/book.toml
  tieout check mybook --date 2026-11-20       is everything there to close the day?
  tieout close mybook --date 2026-11-20       close it
  tieout status mybook                        which days are closed, what is next
  tieout verify mybook --replay               prove that nothing was altered

Exit codes:
  0 closed   10 closed, breaks over the thresholds   20 closed, reserve shortfall
  64 usage   65 bad data   66 input missing   69 not checkable (verify)   70 invariant broken
  73 cannot create output   74 I/O   75 locked, try later   77 permission   78 settings
  From 64 on nothing was published. docs/operations.md says what to do.";

/// Closes the business day of a payment institution: matching, payouts, reserve, evidence.
#[derive(Parser, Debug)]
#[command(name = "tieout", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Arguments {
    /// Print results and findings only
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Use no vector units: slower, the same bytes (for tests)
    #[arg(long, global = true, hide = true)]
    pub portable: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a book: a commented book.toml, an empty merchant master, folders
    Init(InitArgs),
    /// Check settings, masters and calendars, and with --date the files of the day
    Check(CheckArgs),
    /// Show what a file is and says: format, accounts, first rows, totals; drafts a profile for an unknown table
    Inspect(InspectArgs),
    /// Close a business date
    Close(CloseArgs),
    /// Check sealed closes: bytes, chain, invariants, inputs
    Verify(VerifyArgs),
    /// Show which days are closed and what is next
    Status(StatusArgs),
    /// Show where a published figure comes from
    Explain(ExplainArgs),
    /// Print the journal for hledger, Beancount or a spreadsheet
    Export(ExportArgs),
    /// Plant known faults in a copy of a closed day and show which are found
    Selftest(SelftestArgs),
    /// Write a synthetic book with days of known truth
    Generate(GenerateArgs),
    /// Print the JSON Schema of book.toml
    #[command(after_help = "Example:\n  tieout schema > book.schema.json")]
    Schema,
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// `tieout init`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  tieout init mybook\n  tieout init demo --demo")]
pub struct InitArgs {
    /// Folder of the new book
    pub book: PathBuf,
    /// Fill it with a small institution and days to close
    #[arg(long)]
    pub demo: bool,
}

/// `tieout check`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  tieout check mybook\n  tieout check mybook --date 2026-11-20")]
pub struct CheckArgs {
    /// Folder of the book
    pub book: PathBuf,
    /// Also check what was delivered for this business date
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Option<Date>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `tieout inspect`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tieout inspect statement.sta
  tieout inspect bills.zip --json
  tieout inspect bank.csv --draft > mybook/profiles/mybank.toml

The format is told by the content, never by the file name. Exit codes: 0 every check holds, 65 one fails or
the format is unknown. With --draft: 0 a profile was drafted, 65 the file needs none or gives none, and why
is said on standard error.")]
pub struct InspectArgs {
    /// Files to look into; zip, gzip and zstd are opened
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Try the profiles of this book before the built-in ones
    #[arg(long, value_name = "BOOK")]
    pub book: Option<PathBuf>,
    /// Print only the profile that is drafted for a table that nobody knows
    #[arg(long, conflicts_with = "json")]
    pub draft: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `tieout close`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tieout close mybook --date 2026-11-20
  tieout close mybook --date 2026-11-20 --dry-run
  tieout close mybook --date 2026-11-20 --what-if stricter.toml
  tieout close mybook --date 2026-11-20 --quiet --json > summary.json

Running it again is safe: a day closed already with the same inputs and settings is left as it is,
and the exit code is the one it had.")]
pub struct CloseArgs {
    /// Folder of the book
    pub book: PathBuf,
    /// Business date to close
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Date,
    /// Compute and report, write nothing under the book
    #[arg(long)]
    pub dry_run: bool,
    /// Compute with this book.toml instead and show what would differ; writes nothing
    #[arg(long, value_name = "FILE")]
    pub what_if: Option<PathBuf>,
    /// Most memory to take, such as 512MiB or 4GiB: what does not fit goes to the book's disk for a while. The results never depend on it
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory: Option<u64>,
    /// Threads to use; all processors unless given. The results never depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `tieout verify`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tieout verify mybook
  tieout verify mybook --date 2026-11-20 --replay

Exit codes: 0 good, 65 altered, 66 missing, 69 not checkable.")]
pub struct VerifyArgs {
    /// Folder of the book
    pub book: PathBuf,
    /// Only the closes of this business date; all unless given
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Option<Date>,
    /// Also run each day again from its inputs and compare every byte
    #[arg(long)]
    pub replay: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `tieout status`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tieout status mybook
  tieout status mybook --json
  tieout status mybook --reconciliation --date 2026-11-20    statement ± open items = cash book, as known then")]
pub struct StatusArgs {
    /// Folder of the book
    pub book: PathBuf,
    /// Print the bank reconciliation of a closed day: the open items of each account, with their ages
    #[arg(long)]
    pub reconciliation: bool,
    /// The closed day to reconcile; the last one without
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date, requires = "reconciliation")]
    pub date: Option<Date>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `tieout explain`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tieout explain mybook M1001                       a merchant, in the latest close
  tieout explain mybook BR0001 --date 2026-11-20    a reference, in the close of a day")]
pub struct ExplainArgs {
    /// Folder of the book
    pub book: PathBuf,
    /// Payout id, merchant, reference, break id, reserve line or other published figure
    pub what: String,
    /// The close to look into; the latest unless given
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Option<Date>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `tieout export`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tieout export mybook --format hledger > mybook.journal && hledger -f mybook.journal bal
  tieout export mybook --format csv --from 2026-11-01 --to 2026-11-30 > november.csv")]
pub struct ExportArgs {
    /// Folder of the book
    pub book: PathBuf,
    /// For which program
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// First business date; the first close unless given
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub from: Option<Date>,
    /// Last business date; the last close unless given
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub to: Option<Date>,
}

/// Program to export for.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportFormat {
    /// hledger and Ledger
    Hledger,
    /// Beancount
    Beancount,
    /// A table
    Csv,
}

/// `tieout selftest`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tieout selftest mybook --date 2026-11-20 --inject all
  tieout selftest mybook --date 2026-11-20 --inject lost-segment,amount-off --json

The book is only read: each kind is planted by itself in a copy, which is closed and removed again.
Exit codes: 0 every planted fault was found, 65 one was missed, 66 the day is not closed or an input is gone,
69 the copy without faults does not break as the sealed day did.")]
pub struct SelftestArgs {
    /// Folder of the book
    pub book: PathBuf,
    /// A business date that is closed
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Date,
    /// Kinds of faults to plant
    #[arg(long, value_name = "KIND", value_delimiter = ',', default_value = "all", value_parser = fault_kinds())]
    pub inject: Vec<String>,
    /// Folder for the copy, new or empty; removed afterwards. In the system's folder for temporary files unless given
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

fn fault_kinds() -> clap::builder::PossibleValuesParser {
    let kinds = crate::selftest::KINDS
        .iter()
        .map(|kind| PossibleValue::new(kind.name).help(kind.shows));
    let all = PossibleValue::new("all").help("every kind, each by itself");
    std::iter::once(all).chain(kinds).collect::<Vec<_>>().into()
}

/// `tieout generate`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tieout generate bigbook --rows 1000000 --seed 7 --date 2026-11-20
  tieout generate book --rows 200000 --days 5 --date 2026-11-16 --plant all
  tieout generate book --rows 10000 --date 2026-11-16 --plant none --plant lump-net=2000 --plant cut-reference=500")]
pub struct GenerateArgs {
    /// Folder of the new book
    pub folder: PathBuf,
    /// Platform rows of a day
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub rows: u64,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// First business date
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Date,
    /// Business dates in a row
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub days: u32,
    /// Format of the platform's and the bank's files
    #[arg(long, value_enum, default_value_t = TableFormat::Csv)]
    pub format: TableFormat,
    /// What is planted: `all`, `none`, or a kind and its share in ppm of a day's rows; may be given several times, in order
    #[arg(long, value_name = "KIND=PPM")]
    pub plant: Vec<String>,
    /// Merchants; one for 200 rows unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub merchants: Option<u32>,
}

/// Format of generated tables.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum TableFormat {
    /// CSV
    Csv,
    /// Parquet
    Parquet,
}

/// `tieout completions`
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  tieout completions bash > /etc/bash_completion.d/tieout")]
pub struct CompletionsArgs {
    /// Shell
    pub shell: Shell,
}

impl Command {
    /// True when one JSON object is wanted on stdout.
    pub fn json(&self) -> bool {
        match self {
            Command::Check(check) => check.json,
            Command::Inspect(inspect) => inspect.json,
            Command::Close(close) => close.json,
            Command::Verify(verify) => verify.json,
            Command::Status(status) => status.json,
            Command::Explain(explain) => explain.json,
            Command::Selftest(selftest) => selftest.json,
            _ => false,
        }
    }

    /// The exact command that helps after a stop.
    pub fn hint(&self, stop: &Stop) -> Option<String> {
        let code = stop.code;
        let (name, book, date) = match self {
            Command::Check(check) => ("check", &check.book, check.date),
            Command::Close(close) => ("close", &close.book, Some(close.date)),
            Command::Verify(verify) => ("verify", &verify.book, verify.date),
            Command::Status(status) => ("status", &status.book, None),
            Command::Explain(explain) => ("explain", &explain.book, explain.date),
            Command::Export(export) => ("export", &export.book, None),
            _ => return None,
        };
        let root = book;
        let book = quoted(root);
        let day = date.map_or(String::new(), |date| format!(" --date {date}"));
        let no_book = !root.join("book.toml").exists();
        // A close that stops over earlier closes is not helped by looking at its own inbox.
        let closes = root.join("closes");
        let about = |place: &dyn Fn(&Path) -> bool| {
            stop.findings
                .iter()
                .any(|finding| place(Path::new(&finding.file)))
        };
        if name == "close"
            && about(&|file| file == closes)
            && matches!(code, StopCode::BadData | StopCode::InputMissing)
        {
            return Some(format!("tieout status {book}"));
        }
        if name == "close" && code == StopCode::BadData && about(&|file| file.starts_with(&closes)) {
            return Some(format!("tieout verify {book}"));
        }
        match (code, name) {
            (StopCode::Usage, _) => Some(format!("tieout {name} --help")),
            (StopCode::Settings, _) if no_book => Some(format!("tieout init {book}")),
            (StopCode::Settings, "check") => {
                Some(format!("tieout check {book}{day}   (after mending the settings)"))
            }
            (StopCode::Settings, _) => Some(format!("tieout check {book}{day}")),
            (StopCode::BadData | StopCode::InputMissing, "close") => {
                Some(format!("tieout check {book}{day}   (then close again)"))
            }
            (StopCode::BadData | StopCode::InputMissing, "check") => Some(format!(
                "tieout check {book}{day}   (after mending what is named above)"
            )),
            (StopCode::InputMissing, _) => Some(format!("tieout status {book}")),
            (StopCode::BadData | StopCode::NotCheckable, _) => Some(format!("tieout verify {book}")),
            (StopCode::Locked, _) => Some(format!(
                "tieout {name} {book}{day}   (when the other close has ended)"
            )),
            (StopCode::Permission | StopCode::CannotCreate | StopCode::Io, _) => {
                Some(format!("tieout {name} {book}{day}   (after mending the cause)"))
            }
            (StopCode::Invariant, _) => None,
        }
    }
}

fn parse_date(text: &str) -> Result<Date, String> {
    Date::parse(text.as_bytes()).ok_or_else(|| "expected a day of the calendar as YYYY-MM-DD".to_owned())
}

/// A whole number of bytes, KiB, MiB, GiB or TiB.
fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || "expected a size such as 512MiB or 4GiB".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let bytes = number.checked_mul(1 << shift).ok_or_else(wrong)?;
    if bytes < 64 << 20 {
        return Err("expected at least 64MiB".to_owned());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Finding;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_have_binary_units() {
        let check = |text: &str, bytes: Option<u64>| assert_eq!(parse_size(text).ok(), bytes, "{text}");
        check("4GiB", Some(4 << 30));
        check("512MiB", Some(512 << 20));
        check("65536KiB", Some(64 << 20));
        check("67108864", Some(64 << 20));
        check("1TiB", Some(1 << 40));
        check("63MiB", None);
        check("4GB", None);
        check("4 GiB", None);
        check("GiB", None);
        check("-1GiB", None);
        check("1.5GiB", None);
        check("99999999TiB", None);
    }

    #[test]
    fn hints_are_commands() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' ')).unwrap().command;
        let stop = |code, file: &str| Stop::new(code, Finding::about(file, "wrong", ""));
        let close = parse("tieout close /no/book --date 2026-11-20");
        assert_eq!(
            close.hint(&stop(StopCode::Settings, "")),
            Some("tieout init /no/book".to_owned())
        );
        let hint = close.hint(&stop(StopCode::BadData, "book.toml")).unwrap();
        assert!(
            hint.starts_with("tieout check /no/book --date 2026-11-20"),
            "{hint}"
        );
        assert_eq!(close.hint(&stop(StopCode::Invariant, "")), None);
        let hint = close
            .hint(&stop(StopCode::InputMissing, "/no/book/closes"))
            .unwrap();
        assert_eq!(hint, "tieout status /no/book");
        let hint = close
            .hint(&stop(
                StopCode::BadData,
                "/no/book/closes/2026-11-19/1/manifest.json",
            ))
            .unwrap();
        assert_eq!(hint, "tieout verify /no/book");
    }
}
