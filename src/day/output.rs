//! Writes what a day computed: every table and file of SPEC §8, then the manifest that seals them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::book::Book;
use crate::book::settings::{LegKind, Role, Source};
use crate::day::breaks::WALLET_LEG;
use crate::day::figures::PayoutLine;
use crate::day::matched::{LegPairs, MatchedTable, of_legs};
use crate::day::publish::{Sealed, Staging};
use crate::day::run::Computed;
use crate::entries::block::{BUCKET_BITS, EntryBlock, RowRef};
use crate::findings::Stop;
use crate::host::{self, HashingFile};
use crate::matching::group::Pair;
use crate::matching::met::{FeeColumn, Met, Settlings};
use crate::report::audit::{self, Audited};
use crate::report::html;
use crate::report::json::{self, Json};
use crate::report::manifest::{CalendarSeal, Invariant, Manifest, Output, SealedFile};
use crate::report::pools;
use crate::report::summary::{Day, Summary, summarise};
use crate::report::table::{PART_ROWS, ParquetTable, Table};
use crate::report::tables;
use crate::terms::date::Date;
use crate::terms::digest::sha256_hex;

/// What a close is called and what it follows.
#[derive(Clone, Debug)]
pub struct Seal {
    /// D.
    pub date: Date,
    /// Sequence.
    pub sequence: u32,
    /// Manifest hash of the close of D − 1.
    pub previous: Option<String>,
    /// The tables of `opening/` that a first close begins with, by name.
    pub opening: OpeningTables,
}

/// Names and bytes of the tables of `opening/`.
pub type OpeningTables = Vec<(String, Arc<[u8]>)>;

/// Folder of the sealed copies of settings, merchants and calendars (R18).
pub const BOOK_COPY: &str = "book";
/// Folder within that of the copies of what a first close begins with.
pub const OPENING: &str = "opening";

/// What a close seals a copy of, by its name below [`BOOK_COPY`]: the settings, and what a first close begins with.
pub fn copied<'a>(
    book: &'a Book,
    opening: &'a OpeningTables,
) -> impl Iterator<Item = (String, &'a [u8])> + use<'a> {
    let settings = book.sealed.iter().map(|(name, bytes)| (name.clone(), &**bytes));
    let opening = opening.iter();
    settings.chain(opening.map(|(name, bytes)| (format!("{OPENING}/{name}"), &**bytes)))
}

/// The summary of a computed day.
///
/// # Errors
/// What reading back the reserve figures reports.
pub fn summary(book: &Book, computed: &Computed, seal: &Seal) -> Result<Summary, Stop> {
    let pools = pools::read(&reserve_json(computed)?)?;
    Ok(summarise(&report_day(
        book,
        computed,
        seal,
        &listed(computed),
        &pools,
    )))
}

/// The lines that payouts.csv shows.
fn listed(computed: &Computed) -> Cow<'_, [PayoutLine]> {
    let lines = &computed.paid.payouts.settlement.lines;
    if lines.iter().all(PayoutLine::is_listed) {
        return Cow::Borrowed(lines);
    }
    lines.iter().filter(|line| line.is_listed()).cloned().collect()
}

fn reserve_json(computed: &Computed) -> Result<Json, Stop> {
    let text = computed.paid.reserve.json()?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| Stop::invariant(format!("reserve.json: {e}")))?;
    json::from_value(&value).map_err(|e| Stop::invariant(format!("reserve.json: {e}")))
}

fn report_day<'a>(
    book: &'a Book,
    computed: &'a Computed,
    seal: &Seal,
    payouts: &'a [PayoutLine],
    pools: &'a [pools::PoolFigures],
) -> Day<'a> {
    Day {
        settings: &book.settings,
        merchants: &book.merchants,
        business_date: seal.date,
        sequence: u64::from(seal.sequence),
        execution_date: computed.execution_date,
        payouts,
        breaks: &computed.breaks.lines,
        causes: &computed.breaks.causes,
        shares: &computed.shares,
        resolved: &computed.resolved,
        accounts: &computed.accounts,
        pools,
        rejects: &computed.rejects,
        inputs: &computed.inputs,
        adjustments: &computed.adjusted.lines,
    }
}

/// Writes everything into `staging`, the manifest last. Gives the summary and the manifest's hash.
///
/// # Errors
/// What writing reports.
pub fn write(
    book: &Book,
    computed: &Computed,
    seal: &Seal,
    staging: &mut Staging,
) -> Result<(Summary, String), Stop> {
    let mut outputs = Outputs {
        staging,
        list: Vec::new(),
    };
    outputs.matched(book, computed)?;
    if computed.spilled.is_some() {
        host::release_memory();
    }
    let payouts = listed(computed);
    let mut accounts: Vec<_> = computed.accounts.clone();
    accounts.sort_by(|a, b| {
        book.settings.accounts[a.account]
            .id
            .cmp(&book.settings.accounts[b.account].id)
    });
    let journal = &computed.paid.journal;
    let (lines, resolved) = (&computed.breaks.lines, &computed.resolved);
    let (customers, entries) = (&computed.settled.wallets.lines, &journal.lines);
    let (trial_balance, positions) = (&journal.trial_balance, &computed.paid.positions);
    let with_parquet: [MakeTable<'_>; 4] = [
        (payouts.len(), &|rows| {
            tables::payouts(&payouts[rows], &book.merchants, computed.execution_date)
        }),
        (lines.len(), &|rows| Ok(tables::breaks(&lines[rows]))),
        (customers.len(), &|rows| tables::customers(&customers[rows])),
        (entries.len(), &|rows| tables::journal(entries, rows)),
    ];
    let as_csv: [MakeTable<'_>; 5] = [
        (computed.rejects.len(), &|rows| {
            Ok(tables::rejects(&computed.rejects[rows]))
        }),
        (resolved.len(), &|rows| Ok(tables::resolved(&resolved[rows]))),
        (accounts.len(), &|rows| {
            tables::accounts(&accounts[rows], &book.settings)
        }),
        (trial_balance.len(), &|rows| {
            tables::trial_balance(&trial_balance[rows])
        }),
        (positions.len(), &|rows| tables::positions(&positions[rows])),
    ];
    let mut write_tables = || -> Result<(), Stop> {
        for (tables, parquet_too) in [(&with_parquet[..], true), (&as_csv[..], false)] {
            for table in tables {
                outputs.table(*table, parquet_too)?;
            }
        }
        let takes_adjustments = |source: &Source| source.role == Role::Adjustments;
        if book.settings.sources.iter().any(takes_adjustments) {
            let adjusted = &computed.adjusted.lines;
            let table: MakeTable<'_> = (adjusted.len(), &|rows| Ok(tables::adjustments(&adjusted[rows])));
            outputs.table(table, false)?;
        }
        Ok(())
    };
    let (summary, reserve) = if computed.is_bounded {
        // Where memory is short, a file is written before the next is made.
        write_tables()?;
        whole_files(book, computed, seal, &payouts, &mut |file| {
            outputs.whole(vec![file])
        })?
    } else {
        let make_files = || {
            let mut files = Vec::new();
            let made = whole_files(book, computed, seal, &payouts, &mut |file| {
                files.push(file);
                Ok(())
            });
            made.map(|made| (files, made))
        };
        let (tables, files) = rayon::join(write_tables, make_files);
        tables?;
        let (files, made) = files?;
        outputs.whole(files)?;
        made
    };
    let mut copies = Vec::new();
    for (name, bytes) in copied(book, &seal.opening) {
        let sealed = outputs.staging.write(&format!("{BOOK_COPY}/{name}"), bytes)?;
        copies.push(SealedFile {
            path: sealed.path,
            bytes: sealed.bytes,
            sha256: sealed.sha256,
        });
    }
    let manifest = manifest(book, computed, seal, reserve, copies, outputs.list)?;
    staging.write("manifest.json", &manifest.write())?;
    Ok((summary, manifest.hash()))
}

/// A file that is made in one piece.
struct WholeFile<'a> {
    path: String,
    bytes: Cow<'a, [u8]>,
    rows: Option<u64>,
}

/// Makes what is no table of the day's lines, in the order in which it is sealed: the reserve, clearing files, the state, the
/// reports, the audit. Gives what else they are made of: the summary and the reserve.
fn whole_files<'a>(
    book: &Book,
    computed: &'a Computed,
    seal: &Seal,
    payouts: &[PayoutLine],
    put: &mut dyn FnMut(WholeFile<'a>) -> Result<(), Stop>,
) -> Result<(Summary, Json), Stop> {
    let mut add =
        |path: String, bytes: Cow<'a, [u8]>, rows: Option<u64>| put(WholeFile { path, bytes, rows });
    let reserve = reserve_json(computed)?;
    add(
        "reserve/reserve.json".to_owned(),
        computed.paid.reserve.json()?.into_bytes().into(),
        None,
    )?;
    for (name, bytes) in computed.paid.reserve.tables() {
        let rows = csv_rows(&bytes);
        add(format!("reserve/{name}"), bytes.into(), Some(rows))?;
    }
    for file in &computed.paid.clearing {
        add(
            format!("clearing/{}", file.name),
            Cow::Borrowed(file.bytes.as_ref()),
            None,
        )?;
    }
    for (name, bytes) in computed.next.to_files() {
        let rows = csv_rows(&bytes);
        add(format!("state/{name}"), bytes.into(), Some(rows))?;
    }
    let pools = pools::read(&reserve)?;
    let day = report_day(book, computed, seal, payouts, &pools);
    let summary = summarise(&day);
    add("summary.json".to_owned(), summary.to_json().into(), None)?;
    add(
        "reports/index.html".to_owned(),
        html::page(&day, &summary).into(),
        None,
    )?;
    let master = book
        .sealed
        .iter()
        .find(|(name, _)| name.starts_with("merchants."));
    let merchants_file = format!("{BOOK_COPY}/{}", master.map_or("merchants.csv", |(name, _)| name));
    let audited = Audited {
        day,
        customers: &computed.settled.wallets.lines,
        journal: &computed.paid.journal.lines,
        trial_balance: &computed.paid.journal.trial_balance,
        clearing: &computed.paid.clearing,
        merchants_file: &merchants_file,
    };
    let (check, inputs) = (audit::check_sql(&audited), audit::inputs_sql(&audited));
    add("audit/check.sql".to_owned(), check.into_bytes().into(), None)?;
    add("audit/inputs.sql".to_owned(), inputs.into_bytes().into(), None)?;
    add(
        "audit/bank_columns.csv".to_owned(),
        audit::BANK_COLUMNS.into(),
        None,
    )?;
    Ok((summary, reserve))
}

/// Rows of a CSV that this crate wrote: records less the header.
fn csv_rows(bytes: &[u8]) -> u64 {
    // A line feed outside quotes ends a record, and no record is empty: every table has two columns or more.
    let mut records = 0u64;
    if memchr::memchr(b'"', bytes).is_none() {
        records = memchr::memchr_iter(b'\n', bytes).count() as u64;
    } else {
        let mut inside = false;
        for at in memchr::memchr2_iter(b'"', b'\n', bytes) {
            match bytes[at] {
                b'"' => inside = !inside,
                _ => records += u64::from(!inside),
            }
        }
    }
    records.saturating_sub(1)
}

/// A table of the day: its number of lines, and what makes a table of some of them. Called from any thread.
type MakeTable<'a> = (
    usize,
    &'a (dyn Fn(Range<usize>) -> Result<Table<'a>, Stop> + Sync),
);

/// Whole files that are open at a time.
const WRITTEN_AT_ONCE: usize = 64;

struct Outputs<'a> {
    staging: &'a mut Staging,
    list: Vec<Output>,
}

impl Outputs<'_> {
    fn sealed(&mut self, sealed: Sealed, rows: Option<u64>, sums: BTreeMap<String, BTreeMap<String, i128>>) {
        self.list.push(Output {
            path: sealed.path,
            bytes: sealed.bytes,
            sha256: sealed.sha256,
            rows,
            sums,
        });
    }

    /// Writes files side by side, and seals them in their order.
    fn whole(&mut self, files: Vec<WholeFile<'_>>) -> Result<(), Stop> {
        let mut files = files.into_iter().peekable();
        while files.peek().is_some() {
            let mut open = Vec::with_capacity(WRITTEN_AT_ONCE);
            for file in files.by_ref().take(WRITTEN_AT_ONCE) {
                let written = self.staging.create(&file.path)?;
                open.push((file, written));
            }
            let folder = self.staging.folder();
            let write = |(file, mut written): (WholeFile<'_>, HashingFile)| {
                written
                    .write_all(&file.bytes)
                    .map_err(|error| Stop::io(&folder.join(&file.path), "write", &error))?;
                Ok((file.path, file.rows, written))
            };
            let written: Vec<Result<_, Stop>> = open.into_par_iter().map(write).collect();
            for file in written {
                let (path, rows, written) = file?;
                let sealed = self.staging.seal(&path, written)?;
                self.sealed(sealed, rows, BTreeMap::new());
            }
        }
        Ok(())
    }

    /// Makes a table a part at a time, so that no more than two of them are in memory beside its lines, and writes it.
    fn table(&mut self, (lines, table): MakeTable<'_>, parquet_too: bool) -> Result<(), Stop> {
        let part = |start: usize| table(start..lines.min(start + PART_ROWS));
        let first = part(0)?;
        let csv_path = format!("{}.csv", first.name);
        let parquet_path = format!("{}.parquet", first.name);
        let mut csv = self.staging.create(&csv_path)?;
        let mut parquet = match parquet_too {
            true => Some(ParquetTable::begin(&first, self.staging.create(&parquet_path)?)?),
            false => None,
        };
        let csv_failed = |error| Stop::io(&self.staging.folder().join(&csv_path), "write", &error);
        let mut sums: BTreeMap<String, BTreeMap<String, i128>> = BTreeMap::new();
        let mut text = Vec::new();
        first.csv_header_into(&mut text);
        let mut next = Some(first);
        let mut start = 0;
        while let Some(rows) = next.take() {
            start += PART_ROWS;
            // The next part is made while this one is written.
            let make = || (start < lines).then(|| part(start)).transpose();
            let write = || {
                rayon::join(
                    || parquet.as_mut().map_or(Ok(()), |parquet| parquet.write(&rows)),
                    || {
                        rows.csv_rows_into(&mut text);
                        csv.write_all(&text).map_err(csv_failed)
                    },
                )
            };
            let (made, (as_parquet, as_csv)) = rayon::join(make, write);
            as_csv.and(as_parquet)?;
            text.clear();
            for (column, of_part) in rows.sums() {
                let mine = sums.entry(column).or_default();
                for (currency, minor) in of_part {
                    *mine.entry(currency).or_insert(0) += minor;
                }
            }
            next = made?;
        }
        let sealed = self.staging.seal(&csv_path, csv)?;
        self.sealed(sealed, Some(lines as u64), sums.clone());
        if let Some(parquet) = parquet {
            let sealed = self.staging.seal(&parquet_path, parquet.finish()?)?;
            self.sealed(sealed, Some(lines as u64), sums);
        }
        Ok(())
    }

    fn matched(&mut self, book: &Book, computed: &Computed) -> Result<(), Stop> {
        let settings = &book.settings;
        let (pool, agreed, settled) = (&computed.pool, &computed.agreed, &computed.settled);
        let mut legs = of_legs(settings, computed.bank_leg, pool, agreed, &settled.legs);
        let every_row = &pool.left[computed.bank_leg];
        let (wallet_met, wallet_fees) = wallet_rows(every_row, &settled.wallet_pairs);
        legs.push(LegPairs {
            leg: WALLET_LEG.to_owned(),
            left: every_row,
            right: &[],
            pairs: Settlings {
                met: &wallet_met,
                fees: &wallet_fees,
            },
            holds_every_row: true,
            kind: LegKind::PlatformBank,
            pass: "balance",
            lies_aside: None,
            later: None,
            batches: None,
        });
        let table = MatchedTable {
            settings,
            merchants: &book.merchants,
            pool,
            agreed,
            bank_leg: computed.bank_leg,
            legs,
            small: &settled.small,
            spilled: computed.spilled.as_ref(),
        };
        let parts = table.write(self.staging)?;
        for (sealed, rows) in parts {
            self.sealed(sealed, Some(rows), BTreeMap::new());
        }
        Ok(())
    }
}

/// Rows that settled without a leg, as pairs with nothing.
fn wallet_rows(every_row: &[EntryBlock], rows: &[(RowRef, i64)]) -> (Met, Vec<FeeColumn>) {
    if rows.is_empty() {
        return (Met::default(), Vec::new());
    }
    let met = Met::new(every_row);
    for (row, _) in rows {
        let pair = Pair {
            left: *row,
            right: RowRef::NONE,
            account: 0,
        };
        let bucket = every_row[row.block()].record(row.position()).bucket();
        met.set(pair, bucket, BUCKET_BITS);
    }
    let mut rows = rows.iter().peekable();
    let column = |(number, block): (usize, &EntryBlock)| {
        let mut column = FeeColumn::with_capacity(block.len());
        for position in 0..block.len() {
            let row = RowRef::new(number, position);
            column.push(
                rows.next_if(|known| known.0 == row)
                    .map(|(_, fee_minor)| *fee_minor),
            );
        }
        column
    };
    (met, every_row.iter().enumerate().map(column).collect())
}

fn manifest(
    book: &Book,
    computed: &Computed,
    seal: &Seal,
    reserve: Json,
    copies: Vec<SealedFile>,
    outputs: Vec<Output>,
) -> Result<Manifest, Stop> {
    let calendar = &book.settings.institution.calendar;
    let days = book
        .calendars
        .sealed()
        .into_iter()
        .find(|(id, _)| id == calendar)
        .map(|(_, text)| text);
    let number = |text: &str| {
        text.parse::<i128>()
            .map_err(|_| Stop::invariant(format!("an invariant's figure is no integer: {text}")))
    };
    let mut invariants = Vec::new();
    for invariant in &computed.invariants {
        invariants.push(Invariant {
            id: invariant.id.clone(),
            lhs: number(&invariant.lhs)?,
            rhs: number(&invariant.rhs)?,
            ok: invariant.ok,
        });
    }
    Ok(Manifest {
        institution: book.settings.institution.id.clone(),
        business_date: seal.date,
        sequence: u64::from(seal.sequence),
        supersedes: None,
        engine: env!("CARGO_PKG_NAME").to_owned(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        settings_sha256: book.settings.sha256.clone(),
        calendar: CalendarSeal {
            id: calendar.clone(),
            sha256: sha256_hex(days.unwrap_or_default().as_bytes()),
        },
        copies,
        inputs: computed.inputs.clone(),
        outputs,
        fates: computed.fates.lines.clone(),
        rejects: computed.rejects.len() as u64,
        invariants,
        reserve,
        previous: seal.previous.clone(),
        tree_roots: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::csv_rows;

    #[test]
    fn rows_of_a_table_are_counted_with_quotes_and_without() {
        let check = |text: &str, expected| assert_eq!(csv_rows(text.as_bytes()), expected, "{text}");
        check("a,b\n", 0);
        check("a,b\n1,2\n3,\n", 2);
        check("a,b\n\"1\n\"\"\n\",2\n3,\"\"\n", 2);
    }
}
