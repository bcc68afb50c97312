//! `tieout export`: the journals of the closes that count, for other people's tools.

use std::collections::BTreeMap;
use std::path::Path;

use crate::book::Book;
use crate::book::layout::Layout;
use crate::cli::arguments::{ExportArgs, ExportFormat};
use crate::cli::screen::Screen;
use crate::day::history::{Closed, History};
use crate::day::state::LedgerBalance;
use crate::findings::{Finding, Stop, StopCode};
use crate::ledger::{JournalLine, export_beancount, export_csv, export_hledger};
use crate::terms::currency::Currency;
use crate::terms::date::Date;

/// Prints the journal.
///
/// # Errors
/// 66 when no day of the span is closed; 65 for a table that does not read; 74, 77, 78.
pub fn run(arguments: &ExportArgs, screen: &Screen) -> Result<u8, Stop> {
    let layout = Layout::new(&arguments.book);
    let history = History::read(&layout)?;
    if history.closes.is_empty() {
        // Says that the folder is no book where that is the cause.
        Book::open(&arguments.book)?;
    }
    let closes: Vec<&Closed> = history
        .in_force()
        .into_iter()
        .filter(|closed| arguments.from.is_none_or(|from| closed.date >= from))
        .filter(|closed| arguments.to.is_none_or(|to| closed.date <= to))
        .collect();
    let Some(first) = closes.first() else {
        return Err(Stop::new(
            StopCode::InputMissing,
            Finding::about(
                layout.closes().display().to_string(),
                "no day of the span is closed, so there is nothing to export",
                "leave --from and --to out, or close the days first",
            ),
        ));
    };
    // What the first day brought forward, as its trial balance opens: right for the first close as for any other.
    let opening = read_opening(first)?;
    let mut kinds = Kinds::default();
    let days = closes
        .iter()
        .map(|closed| Ok((closed.date, read_journal(closed, &mut kinds)?)))
        .collect::<Result<Vec<(Date, Vec<JournalLine>)>, Stop>>()?;
    screen.out(&match arguments.format {
        ExportFormat::Hledger => export_hledger(&opening, &days),
        ExportFormat::Beancount => export_beancount(&opening, &days),
        ExportFormat::Csv => export_csv(&opening, &days),
    })?;
    Ok(0)
}

/// Kinds of movement by name. A journal line holds its kind for ever; the few there are live as long as the process.
#[derive(Default)]
struct Kinds(BTreeMap<String, &'static str>);

impl Kinds {
    fn get(&mut self, name: &str) -> &'static str {
        match self.0.get(name) {
            Some(kind) => kind,
            None => {
                let kind: &'static str = Box::leak(name.to_owned().into_boxed_str());
                self.0.insert(name.to_owned(), kind);
                kind
            }
        }
    }
}

fn read_opening(closed: &Closed) -> Result<Vec<LedgerBalance>, Stop> {
    let mut balances = Vec::new();
    read_table(closed, "trial_balance.csv", |row| {
        let balance_minor: i64 = row.get("opening_minor")?.parse().ok()?;
        if balance_minor != 0 {
            balances.push(LedgerBalance {
                ledger_account: row.get("ledger_account")?.to_owned(),
                currency: Currency::parse(row.get("currency")?.as_bytes())?,
                balance_minor,
            });
        }
        Some(())
    })?;
    Ok(balances)
}

fn read_journal(closed: &Closed, kinds: &mut Kinds) -> Result<Vec<JournalLine>, Stop> {
    let mut lines = Vec::new();
    read_table(closed, "journal.csv", |row| {
        lines.push(JournalLine {
            entry_id: row.get("entry_id")?.into(),
            ledger_account: row.get("ledger_account")?.into(),
            obligee_id: row.get("obligee_id")?.into(),
            currency: Currency::parse(row.get("currency")?.as_bytes())?,
            kind: kinds.get(row.get("kind")?),
            debit_minor: row.get("debit_minor")?.parse().ok()?,
            credit_minor: row.get("credit_minor")?.parse().ok()?,
        });
        Some(())
    })?;
    Ok(lines)
}

/// One row, its cells by name.
struct Row<'a> {
    header: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let index = self.header.iter().position(|column| column == name)?;
        self.record.get(index)
    }
}

/// Reads a table of a close; `take` gives `None` for a row that does not read.
fn read_table(closed: &Closed, name: &str, mut take: impl FnMut(&Row<'_>) -> Option<()>) -> Result<(), Stop> {
    let path = closed.folder.join(name);
    let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => altered(StopCode::InputMissing, &path, "the table is not there", 0),
        _ => Stop::io(&path, "read", &error),
    })?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let unreadable = |error: csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        altered(
            StopCode::BadData,
            &path,
            &format!("the table does not read: {error}"),
            line,
        )
    };
    let header = reader.headers().map_err(unreadable)?.clone();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let row = Row {
            header: &header,
            record: &record,
        };
        if take(&row).is_none() {
            let line = record.position().map_or(0, csv::Position::line);
            return Err(altered(
                StopCode::BadData,
                &path,
                "the row is not one that a close writes",
                line,
            ));
        }
    }
    Ok(())
}

fn altered(code: StopCode, path: &Path, message: &str, line: u64) -> Stop {
    let finding = Finding::about(
        path.display().to_string(),
        message,
        "the close was altered: run `tieout verify`",
    );
    Stop::new(code, finding.at(line, 0))
}
