//! The detection check (`tieout selftest`): plants known faults in a copy of a sealed day, closes the copy, and says what was
//! found and what was missed. Part of no close; the book itself is only read.
//!
//! The copy is made of the rows as the close read them, written as canonical tables, so that the format in which a day was
//! delivered does not matter. It begins where the sealed day began: with the close of the day before. Without a fault the copy
//! must break as the sealed day did, or nothing is claimed. What people decided in that close is decided again; rows that
//! they closed are no rows that agree, and get no fault.
//!
//! [`faults`] is the table of kinds; [`copy`] makes the copy and writes its tables; [`decisions`] has the adjustments.

mod copy;
mod decisions;
mod faults;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::day::close::{CloseOptions, Progress, close};
use crate::day::explain::{DayRows, rows_of_day};
use crate::findings::{Finding, Stop, StopCode};
use crate::host;
use crate::terms::date::Date;

use copy::Copy;
use decisions::Decisions;
pub use faults::{KINDS, Kind};

/// What to test, and where.
#[derive(Clone, Debug)]
pub struct SelftestOptions {
    /// The book's folder.
    pub root: PathBuf,
    /// A day that is closed.
    pub date: Date,
    /// Names of kinds, in the order to plant them; each by itself.
    pub kinds: Vec<&'static str>,
    /// An empty or new folder for the copy; it is removed afterwards.
    pub folder: PathBuf,
}

/// What became of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindResult {
    /// Name.
    pub kind: &'static str,
    /// What was planted, in words; or why nothing could be.
    pub said: String,
    /// Faults planted.
    pub planted: usize,
    /// Those that stand in breaks.csv as they should.
    pub found: usize,
    /// Those that do not: what was expected, at most ten.
    pub missed: Vec<String>,
    /// Causes that the summary names and the sealed day does not.
    pub causes: Vec<String>,
}

/// A break that must be there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expected {
    /// Class.
    pub class: &'static str,
    /// Column that names it: `txn_id` or `bank_ref`.
    pub column: &'static str,
    /// Its value.
    pub value: String,
}

/// Missed faults named for each kind.
const NAMED_MAX: usize = 10;

struct Silent;

impl Progress for Silent {
    fn stage(&self, _name: &'static str, _total: u64) {}
    fn advance(&self, _done: u64) {}
}

/// Columns by which a break is named.
const NAMES: [&str; 2] = ["txn_id", "bank_ref"];
/// Columns in which a copy must agree with the sealed day: not its files and lines.
const COMPARED: [&str; 6] = ["leg", "class", "bank_ref", "txn_id", "entry_id", "break_id"];

/// breaks.csv, as far as it is asked.
#[derive(Debug, PartialEq, Eq)]
struct Breaks {
    lines: Vec<Vec<String>>,
    /// (class, column, value) of every line.
    named: BTreeSet<(String, String, String)>,
}

impl Breaks {
    fn read(path: &Path) -> Result<Breaks, Stop> {
        let unreadable = |error: csv::Error| Stop::invariant(format!("{}: {error}", path.display()));
        let mut reader = csv::Reader::from_path(path).map_err(unreadable)?;
        let header = reader.headers().map_err(unreadable)?.clone();
        let mut breaks = Breaks {
            lines: Vec::new(),
            named: BTreeSet::new(),
        };
        for record in reader.records() {
            let record = record.map_err(unreadable)?;
            let cell = |column: &str| {
                let at = header.iter().position(|name| name == column);
                at.and_then(|at| record.get(at)).unwrap_or_default().to_owned()
            };
            breaks
                .lines
                .push(COMPARED.iter().map(|column| cell(column)).collect());
            for column in NAMES {
                breaks
                    .named
                    .insert((cell("class"), column.to_owned(), cell(column)));
            }
        }
        Ok(breaks)
    }

    fn has(&self, expected: &Expected) -> bool {
        let (class, column) = (expected.class.to_owned(), expected.column.to_owned());
        self.named.contains(&(class, column, expected.value.clone()))
    }

    /// References and ids that stand in some line.
    fn texts(&self) -> BTreeSet<&str> {
        self.named.iter().map(|(_, _, value)| value.as_str()).collect()
    }
}

/// What a close of the copy came to.
struct Closed {
    breaks: Breaks,
    causes: Vec<String>,
}

/// Plants each kind in a copy of the day and closes it.
///
/// # Errors
/// 66 when the day is not closed; 69 when the copy without a fault does not break as the sealed day did; what closing and
/// the system report.
pub fn selftest(options: &SelftestOptions) -> Result<Vec<KindResult>, Stop> {
    let sealed = rows_of_day(&options.root, options.date)?;
    if options.folder.join("book.toml").exists() {
        return Err(Stop::new(
            StopCode::CannotCreate,
            Finding::about(
                options.folder.display().to_string(),
                "there is a book in this folder already",
                "name a folder that is empty, or not there yet",
            ),
        ));
    }
    let result = run(options, &sealed);
    let removed = host::remove_folder(&options.folder);
    let results = result?;
    removed?;
    Ok(results)
}

fn run(options: &SelftestOptions, sealed: &DayRows) -> Result<Vec<KindResult>, Stop> {
    let decisions = Decisions::read(&sealed.folder)?;
    let copy = Copy::make(
        &options.root,
        &options.folder,
        options.date,
        sealed,
        decisions.clone(),
    )?;
    copy.write(
        options.date,
        &sealed.platform,
        &sealed.bank,
        &sealed.channel,
        false,
    )?;
    let as_it_was = close_copy(&copy, options.date)?;
    let sealed_breaks = Breaks::read(&sealed.folder.join("breaks.csv"))?;
    if as_it_was.breaks != sealed_breaks {
        return Err(Stop::new(
            StopCode::NotCheckable,
            Finding::about(
                format!("closes/{}", options.date),
                format!(
                    "a copy without faults has {} breaks, the sealed day has {}, or others",
                    as_it_was.breaks.lines.len(),
                    sealed_breaks.lines.len()
                ),
                "run `tieout verify --replay`: the day may have been closed by another version, or its inbox changed",
            ),
        ));
    }
    copy.forget(options.date)?;
    let mut results = Vec::new();
    for kind in KINDS.iter().filter(|kind| options.kinds.contains(&kind.name)) {
        results.push(one(&copy, options.date, sealed, kind, (&as_it_was, &decisions))?);
    }
    Ok(results)
}

/// One kind of fault.
fn one(
    copy: &Copy,
    date: Date,
    sealed: &DayRows,
    kind: &Kind,
    (as_it_was, decisions): (&Closed, &Decisions),
) -> Result<KindResult, Stop> {
    let mut result = KindResult {
        kind: kind.name,
        said: kind.shows.to_owned(),
        planted: 0,
        found: 0,
        missed: Vec::new(),
        causes: Vec::new(),
    };
    let broken = as_it_was.breaks.texts();
    let is_broken = |reference: &str, txn_id: &str| {
        broken.contains(reference) || broken.contains(txn_id) || decisions.closed(txn_id)
    };
    let mut day = faults::Day::new(sealed, copy.settings(), date, &is_broken)?;
    let expected = match (kind.plant)(&mut day) {
        Ok(expected) if !expected.is_empty() => expected,
        Ok(_) => {
            "nothing planted: the day has too few rows of this kind that agree".clone_into(&mut result.said);
            return Ok(result);
        }
        Err(why) => {
            result.said = format!("nothing planted: {why}");
            return Ok(result);
        }
    };
    copy.write(date, &day.platform, &day.bank, &day.channel, false)?;
    let closed = close_copy(copy, date)?;
    result.planted = expected.len();
    let mut missed: Vec<String> = expected
        .iter()
        .filter(|expected| !closed.breaks.has(expected))
        .map(|expected| format!("{} of {} {}", expected.class, expected.column, expected.value))
        .collect();
    if !day.tomorrow.is_empty() {
        // What arrives on the next day must resolve by itself.
        let next = date.plus_days(1);
        copy.write(next, &[], &day.tomorrow, &[], true)?;
        let later = close_copy(copy, next)?;
        let still = expected.iter().filter(|expected| later.breaks.has(expected));
        missed.extend(still.map(|expected| {
            format!(
                "{} of {}, which should have resolved on {next}",
                expected.class, expected.value
            )
        }));
        copy.forget(next)?;
    }
    result.found = expected.len().saturating_sub(missed.len());
    missed.truncate(NAMED_MAX);
    result.missed = missed;
    result.causes = closed
        .causes
        .iter()
        .filter(|cause| !as_it_was.causes.contains(cause))
        .cloned()
        .collect();
    copy.forget(date)?;
    Ok(result)
}

fn close_copy(copy: &Copy, date: Date) -> Result<Closed, Stop> {
    let options = CloseOptions {
        root: copy.root.clone(),
        date,
        dry_run: false,
        what_if: None,
        memory: None,
        scratch: None,
        ends_process: false,
    };
    let outcome = close(&options, &Silent)?;
    let folder = outcome
        .folder
        .ok_or_else(|| Stop::invariant("a close without a folder"))?;
    Ok(Closed {
        breaks: Breaks::read(&folder.join("breaks.csv"))?,
        causes: outcome.summary.map_or_else(Vec::new, |summary| summary.causes),
    })
}
