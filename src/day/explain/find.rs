//! Rows looked up by id or reference in the inputs that a manifest names: file, physical line and all fields.
//!
//! The unpacked bytes are searched first, so that a file without the id is passed over at the speed of memory; a
//! file that may hold it is read through by its own reader, which confirms the field. Formats whose ids may be made
//! by the reader, and texts that a file may write in several ways, are always read.

use std::collections::BTreeSet;
use std::io::Read;

use memchr::memmem::Finder;
use rayon::prelude::*;

use super::NAMED_ROWS_MAX;
use super::closes::{Day, Days};
use crate::book::Book;
use crate::book::settings::Settings;
use crate::day::forward::{open_bank, open_channel, open_platform};
use crate::day::read::{CANONICAL, open_parquet, refuse};
use crate::day::state::{OpenRow, OpenSide};
use crate::entries::rows::{BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink};
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::canonical::{self, ReadContext, Work};
use crate::ingest::csv_blocks::{BlockBytes, BlockError, BlockReader};
use crate::ingest::files::{self, Delivered, discover_all};
use crate::ingest::formats::{FormatContext, read_foreign, read_statements, statements_of_other_days};
use crate::ingest::parquet::Columns;
use crate::terms::date::Date;

/// Days of all closes are searched up to this many bytes of inputs; above, only days that the tables name.
const SEARCHED_BYTES_MAX: u64 = 4 << 30;

/// A row found in an input.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The close that received it.
    pub date: Date,
    /// `inbox/DATE/NAME`.
    pub file: String,
    /// Physical line.
    pub line: u64,
    pub side: OpenSide,
    pub row: OpenRow,
}

/// What a search found, and what it could not look into.
#[derive(Default)]
pub(super) struct Searched {
    /// By date, file and line.
    pub rows: Vec<Found>,
    /// Of [`Wanted::Account`]: entries and their sums in minor units by file, credits and debits. Files of one content once.
    pub sums: Vec<(String, Sums)>,
    /// In words.
    pub notes: Vec<String>,
}

/// Count and sum of credits, and of debits.
type Sums = [(u64, i128); 2];

/// Which rows are wanted.
pub(super) enum Wanted<'a> {
    /// Any id or reference equals one of these.
    Ids(&'a BTreeSet<String>),
    /// merchant_id, customer_id or counterparty_id equals this.
    Party(&'a str),
    /// Entries of the account with this id: all are counted, the first of each file are told.
    Account(&'a str),
    /// Every row.
    All,
}

impl Wanted<'_> {
    fn texts(&self) -> Vec<&str> {
        match self {
            Wanted::Ids(ids) => ids.iter().map(String::as_str).collect(),
            Wanted::Party(id) => vec![id],
            // Files name accounts in ways of their own.
            Wanted::Account(_) | Wanted::All => vec![""],
        }
    }

    fn wants(&self, fields: &[&[u8]], parties: &[&[u8]]) -> bool {
        match self {
            Wanted::Ids(ids) => fields
                .iter()
                .any(|field| !field.is_empty() && ids.iter().any(|id| id.as_bytes() == *field)),
            Wanted::Party(party) => parties.contains(&party.as_bytes()),
            Wanted::Account(_) => false,
            Wanted::All => true,
        }
    }
}

/// The days to search: all, or where that is too much those that `known` names.
pub(super) fn searched_days<'a>(
    days: &'a Days,
    known: &BTreeSet<Date>,
) -> Result<(Vec<&'a Day>, Option<String>), Stop> {
    let mut bytes = 0;
    for day in &days.list {
        bytes += inputs(day)?.iter().map(|input| input.bytes).sum::<u64>();
    }
    if bytes <= SEARCHED_BYTES_MAX || known.is_empty() {
        return Ok((days.list.iter().collect(), None));
    }
    let chosen: Vec<&Day> = days
        .list
        .iter()
        .filter(|day| known.contains(&day.date()))
        .collect();
    let note = format!(
        "of {} closed days the inputs of {} were searched: those that the tables name for it",
        days.list.len(),
        chosen.len()
    );
    Ok((chosen, Some(note)))
}

/// Searches the inputs of some days.
pub(super) fn search(days: &Days, which: &[&Day], wanted: &Wanted<'_>) -> Result<Searched, Stop> {
    let mut searched = Searched::default();
    for day in which {
        search_day(days, day, wanted, &mut searched)?;
    }
    Ok(searched)
}

struct InputFile {
    name: String,
    source: String,
    sha256: String,
    bytes: u64,
    /// Account, opening and closing balance in minor units.
    balances: Vec<(String, i128, i128)>,
}

/// Statement balances that the files of a day tell of an account: name of the file, opening, closing.
pub(super) fn statements(day: &Day, account: &str) -> Result<Vec<(String, i128, i128)>, Stop> {
    let mut told = Vec::new();
    for input in inputs(day)? {
        let own = input.balances.into_iter().filter(|(of, ..)| of == account);
        told.extend(own.map(|(_, opening, closing)| (input.name.clone(), opening, closing)));
    }
    Ok(told)
}

fn inputs(day: &Day) -> Result<Vec<InputFile>, Stop> {
    let path = day.closed.folder.join("manifest.json");
    let bytes = std::fs::read(&path).map_err(|error| Stop::io(&path, "read", &error))?;
    let manifest: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| {
        let finding = Finding::about(
            path.display().to_string(),
            format!("is no JSON: {error}"),
            "run `tieout verify`",
        );
        Stop::new(StopCode::BadData, finding)
    })?;
    let listed = manifest
        .get("inputs")
        .and_then(serde_json::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let text = |value: &serde_json::Value, key: &str| {
        value
            .get(key)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Ok(listed
        .iter()
        .map(|input| InputFile {
            name: text(input, "name"),
            source: text(input, "source"),
            sha256: text(input, "sha256"),
            bytes: input
                .get("bytes")
                .and_then(serde_json::Value::as_u64)
                .unwrap_or(0),
            balances: input
                .get("balances")
                .and_then(serde_json::Value::as_array)
                .into_iter()
                .flatten()
                .map(|balance| {
                    let minor = |key: &str| text(balance, key).parse().unwrap_or(0);
                    (
                        text(balance, "account"),
                        minor("opening_minor"),
                        minor("closing_minor"),
                    )
                })
                .collect(),
        })
        .collect())
}

fn search_day(days: &Days, day: &Day, wanted: &Wanted<'_>, searched: &mut Searched) -> Result<(), Stop> {
    let inbox = days.layout.inbox(day.date());
    let (delivery, _) = if inbox.is_dir() {
        discover_all(&inbox)
    } else {
        Default::default()
    };
    let book = day.book()?;
    let mut tasks: Vec<(Delivered, String)> = Vec::new();
    for input in inputs(day)? {
        let source = book
            .settings
            .sources
            .iter()
            .position(|source| source.name == input.source);
        let lies = delivery.files.iter().find(|file| file.name == input.name);
        match (lies, source) {
            (Some(file), Some(source)) => {
                let mut file = file.clone();
                file.source = source;
                tasks.push((file, input.sha256));
            }
            _ => searched.notes.push(format!(
                "inbox/{}/{} is no longer there: bring it back from the archive to see its rows",
                day.date(),
                input.name
            )),
        }
    }
    tasks.sort_by(|a, b| a.0.name.as_bytes().cmp(b.0.name.as_bytes()));
    let date = day.date();
    let results: Vec<_> = tasks
        .par_iter()
        .map(|task| (task, search_file(&book, date, &task.0, wanted)))
        .collect();
    let mut taken = BTreeSet::new();
    for ((file, sha256), result) in results {
        let told = format!("inbox/{date}/{}", file.name);
        match result {
            Ok((rows, _)) if rows.is_empty() => {}
            Ok((rows, sums)) => {
                // Where a line is told, it must be the line that the close saw.
                match files::hash_content(file) {
                    Ok((now, _)) if now == *sha256 => {
                        if taken.insert(now) {
                            searched.rows.extend(rows);
                            searched.sums.push((told, sums));
                        } else if !matches!(wanted, Wanted::Account(_)) {
                            searched.rows.extend(rows);
                        }
                    }
                    _ => searched.notes.push(format!(
                        "{told} has changed since the close read it; its rows are not told: run tieout verify"
                    )),
                }
            }
            Err(stop) => searched.notes.push(format!("{told} cannot be read: {stop}")),
        }
    }
    Ok(())
}

fn search_file(
    book: &Book,
    date: Date,
    file: &Delivered,
    wanted: &Wanted<'_>,
) -> Result<(Vec<Found>, Sums), Stop> {
    let settings = &book.settings;
    let source = &settings.sources[file.source];
    let context = ReadContext::new(settings, source, None);
    let read_failed = |error: std::io::Error| files::read_failed(file, &error);
    let block_failed = |error: BlockError| match error {
        BlockError::Refused(refused) => refuse(file, refused),
        BlockError::Io(error) => files::read_failed(file, &error),
    };
    let mut keeper = Keeper {
        settings,
        wanted,
        date,
        file: format!("inbox/{date}/{}", file.name),
        found: Vec::new(),
        sums: Sums::default(),
    };
    if source.format != CANONICAL {
        let bytes = files::open(file).map_err(read_failed)?;
        let context = FormatContext {
            settings,
            source,
            business_date: date,
        };
        let profiles = |name: &str| {
            book.profiles
                .get(name)
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let facts = read_foreign(&source.format, &profiles, bytes, &context, &mut keeper)
            .map_err(|refused| refuse(file, refused))?;
        let others = statements_of_other_days(&source.format, &facts, date);
        if !others.is_empty() {
            // The close has passed these over: their rows are of other days.
            (keeper.found, keeper.sums) = (Vec::new(), Sums::default());
            let bytes = files::open(file).map_err(read_failed)?;
            read_statements(&source.format, bytes, &context, &mut keeper, &others)
                .map_err(|refused| refuse(file, refused))?;
        }
    } else if file.parquet {
        let table = open_parquet(file, source.role, &context)?;
        for group in 0..table.row_groups() {
            table
                .read_row_group(group, Columns::All, &context, &mut keeper)
                .map_err(|refused| refuse(file, refused))?;
        }
    } else {
        if !may_hold(file, &wanted.texts()).map_err(read_failed)? {
            return Ok((Vec::new(), Sums::default()));
        }
        let reader = BlockReader::new(
            files::open(file).map_err(read_failed)?,
            source.encoding.as_deref(),
        )
        .map_err(block_failed)?;
        let binding = canonical::bind_header(source.role, reader.header(), &context)
            .map_err(|refused| refuse(file, refused))?;
        let (mut work, mut buffer) = (Work::default(), BlockBytes::default());
        while let Some(head) = reader.next_block(&mut buffer).map_err(block_failed)? {
            canonical::parse_block(&binding, &head, &buffer, &context, &mut work, &mut keeper)
                .map_err(|refused| refuse(file, refused))?;
        }
    }
    Ok((keeper.found, keeper.sums))
}

/// False when the unpacked bytes hold none of the texts, so that no field can equal one.
fn may_hold(file: &Delivered, texts: &[&str]) -> std::io::Result<bool> {
    // Other characters may be written in several ways: quoted, or in another encoding.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/ ".contains(c);
    if texts.iter().any(|text| !text.chars().all(plain)) {
        return Ok(true);
    }
    let finders: Vec<Finder<'_>> = texts.iter().map(|text| Finder::new(text.as_bytes())).collect();
    let keep = texts
        .iter()
        .map(|text| text.len())
        .max()
        .unwrap_or(1)
        .saturating_sub(1);
    let mut reader = files::open(file)?;
    let mut buffer = vec![0; 1 << 20];
    let mut kept = 0;
    let mut first = true;
    loop {
        let read = reader.read(&mut buffer[kept..])?;
        let held = &buffer[..kept + read];
        // A zero byte near the start is UTF-16: its text is not its bytes.
        if first && held.iter().take(64).any(|byte| *byte == 0) {
            return Ok(true);
        }
        first = false;
        if finders.iter().any(|finder| finder.find(held).is_some()) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        let end = held.len();
        let from = end.saturating_sub(keep);
        buffer.copy_within(from..end, 0);
        kept = end - from;
    }
}

struct Keeper<'a> {
    settings: &'a Settings,
    wanted: &'a Wanted<'a>,
    date: Date,
    file: String,
    found: Vec<Found>,
    sums: Sums,
}

impl Keeper<'_> {
    fn keep(&mut self, place: Place, side: OpenSide, row: OpenRow) {
        self.found.push(Found {
            date: self.date,
            file: self.file.clone(),
            line: place.line,
            side,
            row,
        });
    }
}

impl RowSink for Keeper<'_> {
    fn platform(&mut self, row: &PlatformRow<'_>) {
        let ids = [
            row.txn_id,
            row.bank_ref,
            row.channel_ref,
            row.order_id,
            row.original_txn_id,
            row.batch_ref,
        ];
        if self
            .wanted
            .wants(&ids, &[row.merchant_id, row.customer_id, row.counterparty_id])
        {
            self.keep(row.place, OpenSide::Platform, open_platform(row));
        }
    }

    fn bank(&mut self, row: &BankRow<'_>) {
        if let Wanted::Account(id) = self.wanted {
            if self.settings.accounts[usize::from(row.account)].id != *id {
                return;
            }
            let sum = &mut self.sums[row.direction as usize];
            sum.0 += 1;
            sum.1 += i128::from(row.amount_minor);
            if self.found.len() < NAMED_ROWS_MAX {
                self.keep(row.place, OpenSide::Bank, open_bank(row, self.settings));
            }
            return;
        }
        if self.wanted.wants(
            &[row.entry_id, row.bank_ref, row.original_ref, row.batch_ref],
            &[],
        ) {
            self.keep(row.place, OpenSide::Bank, open_bank(row, self.settings));
        }
    }

    fn channel(&mut self, row: &ChannelRow<'_>) {
        if self.wanted.wants(
            &[row.channel_ref, row.order_id, row.refund_ref, row.batch_ref],
            &[],
        ) {
            self.keep(row.place, OpenSide::Channel, open_channel(row));
        }
    }

    fn balance(&mut self, _row: &BalanceRow) {}

    fn reject(&mut self, _reject: Reject) {}

    fn not_booked(&mut self, _place: Place) {}
}
