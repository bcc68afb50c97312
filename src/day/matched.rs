//! Lays the agreed rows of all legs into `matched/` (R31).

use rustc_hash::FxHashMap;

use crate::book::merchants::Merchants;
use crate::book::passes::PassName;
use crate::book::settings::{LegKind, Settings};
use crate::day::agree::{Agreed, platform_side};
use crate::day::batches::AtBank;
use crate::day::intake::shown_reference;
use crate::day::pool::Pool;
use crate::day::publish::{Sealed, Staging};
use crate::day::spill::lines::{InMemory, Shown, SpilledLines};
use crate::entries::block::{EntryBlock, Ids, RowRef};
use crate::entries::key::Key;
use crate::entries::meta::Meta;
use crate::findings::Stop;
use crate::host::HashingFile;
use crate::matching::met::{Meeting, Partition, Settlings};
use crate::report::matched::{Lines, Names, ROW_GROUP_ROWS, write_parts};
use crate::settling::SettledPairs;
use crate::terms::digest::key_hash;

/// A line that stands outside the platform legs: payouts, reversals. Few.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SmallLine {
    /// Leg.
    pub leg: String,
    /// entry_id.
    pub entry_id: String,
    /// Pass.
    pub pass: &'static str,
    /// Reference; decides the part.
    pub bank_ref: String,
    /// Merchant code, or `u32::MAX`.
    pub merchant: u32,
    /// Account index.
    pub account: u32,
    /// Currency index.
    pub currency: u32,
    /// Minor units.
    pub amount_minor: i64,
}

/// The agreed rows of one leg: rows of the platform side, what they met, and their fees.
pub struct LegPairs<'a> {
    /// Leg name.
    pub leg: String,
    /// Platform side of the leg.
    pub left: &'a [EntryBlock],
    /// Other side; rows that met [`RowRef::NONE`] met nothing (wallets).
    pub right: &'a [Ids],
    /// What each platform row met, and its fee.
    pub pairs: Settlings<'a>,
    /// True when the platform side holds every platform row, so that a row has one position here and in the order
    /// of ids.
    pub holds_every_row: bool,
    /// Keys of a channel leg have the channel in front of the reference.
    pub kind: LegKind,
    /// Pass shown.
    pub pass: &'static str,
    /// Index of the leg, where its lines may lie aside.
    pub lies_aside: Option<usize>,
    /// Passes of rows that a later pass matched; no row on most legs.
    pub later: Option<&'a FxHashMap<RowRef, &'static str>>,
    /// Between channel and bank: the entries with what they are called there.
    pub batches: Option<BatchEntries<'a>>,
}

/// Entries of batches.
#[derive(Clone, Copy)]
pub struct BatchEntries<'a> {
    /// The entries by block, their batch_ref as key.
    pub named: &'a [EntryBlock],
    /// Entries of earlier closes, by platform row.
    pub paid_before: &'a FxHashMap<RowRef, AtBank>,
}

impl<'a> BatchEntries<'a> {
    /// entry_id and batch_ref of what a platform row met, account and all.
    fn line(&self, row: RowRef, met: Meeting, right: &[Ids], out: &mut Lines) {
        out.account.push(met.account());
        if met.right() == RowRef::NONE {
            let known = self.paid_before.get(&row);
            out.entry_id
                .push(known.map_or(b"", |known| known.entry_id.as_bytes()));
            out.bank_ref
                .push(known.map_or(b"", |known| known.batch_ref.as_bytes()));
            return;
        }
        let ids = &right[met.right().block()];
        let named = &self.named[met.right().block()];
        out.entry_id.push_id(ids.window(met.right().position()));
        let key = named.position_of(ids.ordinal(met.right().position()));
        match key {
            Some(position) => out.bank_ref.push_key(named.key(position)),
            None => out.bank_ref.push(b""),
        }
    }

    /// The same, for a line that goes aside.
    fn shown(&self, row: RowRef, met: Meeting, right: &'a [Ids]) -> Shown<'a> {
        if met.right() == RowRef::NONE {
            let known = self.paid_before.get(&row);
            return Shown {
                entry_id: known.map_or(&b""[..], |known| known.entry_id.as_bytes()).into(),
                bank_ref: known.map_or(Key::NONE, |known| Key::of(known.batch_ref.as_bytes())),
                account: met.account(),
            };
        }
        let (ids, named) = (&right[met.right().block()], &self.named[met.right().block()]);
        let key = named.position_of(ids.ordinal(met.right().position()));
        Shown {
            entry_id: ids.id(met.right().position()),
            bank_ref: key.map_or(Key::NONE, |position| named.key(position)),
            account: met.account(),
        }
    }
}

/// The agreed rows of the legs of the settings, in their order.
pub fn of_legs<'a>(
    settings: &'a Settings,
    bank_leg: usize,
    pool: &'a Pool,
    agreed: &'a Agreed,
    settled: &'a [SettledPairs],
) -> Vec<LegPairs<'a>> {
    let first_batch_leg = settings.first_batch_leg();
    let legs = settings.legs.iter().enumerate();
    legs.map(|(leg, named)| LegPairs {
        leg: named.name.clone(),
        left: platform_side(pool, settings, leg),
        right: match named.kind {
            LegKind::ChannelBank => &pool.right_ids[bank_leg],
            LegKind::PlatformBank | LegKind::PlatformChannel => &pool.right_ids[leg],
        },
        pairs: Settlings {
            met: &agreed.legs[leg].met,
            fees: &settled[leg].fees,
        },
        holds_every_row: named.kind != LegKind::PlatformChannel,
        kind: named.kind,
        pass: match named.kind {
            LegKind::ChannelBank => PassName::Batch.name(),
            LegKind::PlatformBank | LegKind::PlatformChannel => "exact",
        },
        lies_aside: Some(leg),
        later: match leg == bank_leg {
            true => Some(&agreed.later.passes),
            false => agreed.passes.get(&leg),
        },
        batches: (named.kind == LegKind::ChannelBank).then_some(BatchEntries {
            named: &pool.right[first_batch_leg.unwrap_or(leg)],
            paid_before: &agreed.batches.paid_before,
        }),
    })
    .collect()
}

fn part_of(hash: u64, bits: u32) -> usize {
    hash.checked_shr(64 - bits).unwrap_or(0) as usize
}

/// What all parts are written from.
pub struct MatchedTable<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// Merchant master.
    pub merchants: &'a Merchants,
    /// Rows.
    pub pool: &'a Pool,
    /// Order of ids.
    pub agreed: &'a Agreed,
    /// Bank leg: the side that holds every platform row.
    pub bank_leg: usize,
    /// Legs, sorted by name.
    pub legs: Vec<LegPairs<'a>>,
    /// Small lines, sorted.
    pub small: &'a [SmallLine],
    /// The lines of the legs of the settings, where they lie aside.
    pub spilled: Option<&'a SpilledLines>,
}

/// Some lines of a part, in their order.
enum Segment {
    /// Small lines, by number.
    Small(Vec<u32>),
    /// Neighbouring rows of a block; those of them that met one in the part are lines.
    Rows {
        leg: u8,
        first: RowRef,
        rows: u32,
        lines: u32,
    },
    /// Rows that are lines, of a file in no order of ids.
    Listed { leg: u8, rows: Vec<RowRef> },
    /// Lines that lie aside: a stretch of them.
    Spilled { leg: u8, stretch: usize, lines: usize },
}

/// Stretches of at most so many rows are listed row by row.
const LISTED_ROWS: usize = 4;

impl Segment {
    fn lines(&self) -> usize {
        match self {
            Segment::Small(numbers) => numbers.len(),
            Segment::Rows { lines, .. } => *lines as usize,
            Segment::Listed { rows, .. } => rows.len(),
            Segment::Spilled { lines, .. } => *lines,
        }
    }
}

impl MatchedTable<'_> {
    /// Writes all parts; gives them with their rows and sums.
    ///
    /// # Errors
    /// What writing reports.
    pub fn write(&self, staging: &mut Staging) -> Result<Vec<(Sealed, u64)>, Stop> {
        let bits = self.pool.part_bits();
        let names = Names::new(
            self.merchants.terms.iter().map(|terms| terms.id.as_str()),
            self.settings.accounts.iter().map(|account| account.id.as_str()),
        );
        let parts: Vec<Partition> = (0..1usize << bits)
            .map(|number| Partition::new(number, bits))
            .collect();
        // Lines that lie aside are read a stretch at a time: part by part.
        let together = match self.spilled {
            Some(_) => 1,
            None => parts.len(),
        };
        let mut written = Vec::new();
        for parts in parts.chunks(together) {
            let segments: Vec<Vec<Segment>> = parts.iter().map(|part| self.segments(*part)).collect();
            let starts: Vec<Vec<GroupStart>> = segments.iter().map(|lines| group_starts(lines)).collect();
            let path = |part: &Partition| format!("matched/part-{:05}.parquet", part.number);
            let mut files: Vec<(HashingFile, usize)> = Vec::new();
            for (part, starts) in parts.iter().zip(&starts) {
                files.push((staging.create(&path(part))?, starts.len()));
            }
            let files = write_parts(files, &names, &|at, group, out| {
                self.gather(parts[at], &segments[at], starts[at][group], out)
            })?;
            for ((part, segments), file) in parts.iter().zip(&segments).zip(files) {
                let lines: usize = segments.iter().map(Segment::lines).sum();
                written.push((staging.seal(&path(part), file)?, lines as u64));
            }
        }
        Ok(written)
    }

    /// The lines of a part in their order: (leg, txn_id, entry_id), empty first.
    fn segments(&self, part: Partition) -> Vec<Segment> {
        let mut names: Vec<&str> = self.small.iter().map(|line| line.leg.as_str()).collect();
        names.extend(self.legs.iter().map(|leg| leg.leg.as_str()));
        names.sort_unstable();
        names.dedup();
        let mut segments = Vec::new();
        for name in names {
            let numbers = (0u32..).zip(self.small).filter(|(_, line)| {
                line.leg == name && part_of(key_hash(line.bank_ref.as_bytes()), part.bits) == part.number
            });
            segments.push(Segment::Small(numbers.map(|(number, _)| number).collect()));
            for (number, leg) in (0u8..).zip(&self.legs) {
                match self.spilled.zip(leg.lies_aside) {
                    _ if leg.leg != name => {}
                    None => self.rows_of(part, number, leg, &mut segments),
                    Some((spilled, aside)) => {
                        segments.extend(spilled.of_part(aside, part.number).map(|(stretch, lines)| {
                            Segment::Spilled {
                                leg: number,
                                stretch,
                                lines,
                            }
                        }));
                    }
                }
            }
        }
        segments.retain(|segment| segment.lines() > 0);
        segments
    }

    fn rows_of(&self, part: Partition, number: u8, leg: &LegPairs<'_>, segments: &mut Vec<Segment>) {
        let is_line = |row: &RowRef| leg.pairs.met.count(*row, 1, part) == 1;
        let row_at = |first: RowRef, at: usize| RowRef(first.0 + at as u32);
        let mut push = |first: RowRef, rows: usize| {
            let lines = leg.pairs.met.count(first, rows, part);
            if lines == 0 {
                return;
            }
            match segments.last_mut() {
                Some(Segment::Listed { leg, rows: listed }) if *leg == number && rows <= LISTED_ROWS => {
                    listed.extend((0..rows).map(|at| row_at(first, at)).filter(is_line));
                }
                // Rows of a leg that holds only some come one by one: neighbours join.
                Some(Segment::Rows {
                    leg,
                    first: known,
                    rows: known_rows,
                    lines: known_lines,
                }) if *leg == number
                    && known.block() == first.block()
                    && known.position() + *known_rows as usize == first.position() =>
                {
                    *known_rows += rows as u32;
                    *known_lines += lines as u32;
                }
                Some(Segment::Rows { leg, rows: known, .. })
                    if *leg == number && rows <= LISTED_ROWS && *known as usize <= LISTED_ROWS =>
                {
                    let rows = (0..rows).map(|at| row_at(first, at)).filter(is_line);
                    segments.push(Segment::Listed {
                        leg: number,
                        rows: rows.collect(),
                    });
                }
                _ => segments.push(Segment::Rows {
                    leg: number,
                    first,
                    rows: rows as u32,
                    lines: lines as u32,
                }),
            }
        };
        if leg.holds_every_row {
            self.agreed
                .left
                .order
                .runs()
                .for_each(|(first, rows)| push(first, rows));
            return;
        }
        let every_row = &self.pool.left[self.bank_leg];
        for row in self.agreed.left.order.rows() {
            let ordinal = every_row[row.block()].ordinal(row.position());
            if let Some(position) = leg.left[row.block()].position_of(ordinal) {
                push(RowRef::new(row.block(), position), 1);
            }
        }
    }

    /// Hands the lines of a row group on, from `start` on.
    fn gather(
        &self,
        part: Partition,
        segments: &[Segment],
        start: GroupStart,
        out: &mut Lines,
    ) -> Result<(), Stop> {
        let mut left = ROW_GROUP_ROWS;
        let mut skip = start.lines;
        for segment in &segments[start.segment..] {
            let taken = left.min(segment.lines() - skip);
            match segment {
                Segment::Small(numbers) => {
                    for number in &numbers[skip..skip + taken] {
                        self.small[*number as usize].gather(out);
                    }
                }
                Segment::Rows { leg, first, rows, .. } => {
                    let rows = (0..*rows).map(|at| RowRef(first.0 + at));
                    self.legs[usize::from(*leg)].gather(part, rows, skip, taken, out);
                }
                Segment::Listed { leg, rows } => {
                    self.legs[usize::from(*leg)].gather(part, rows.iter().copied(), skip, taken, out);
                }
                Segment::Spilled { leg, stretch, .. } => {
                    let leg = &self.legs[usize::from(*leg)];
                    if let Some((spilled, aside)) = self.spilled.zip(leg.lies_aside) {
                        let count = |out: &mut Lines, pass: Option<&'static str>, lines: usize| {
                            count_line(&mut out.runs, &leg.leg, pass.unwrap_or(leg.pass), lines);
                        };
                        spilled.gather((aside, *stretch), (skip, taken), out, &count)?;
                    }
                }
            }
            left -= taken;
            skip = 0;
            if left == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// Where a row group begins: a segment, and how many of its lines lie before.
#[derive(Clone, Copy)]
struct GroupStart {
    segment: usize,
    lines: usize,
}

fn group_starts(segments: &[Segment]) -> Vec<GroupStart> {
    let mut starts = Vec::new();
    // Lines of the group before that are still to come.
    let mut owed = 0;
    for (segment, lines) in segments.iter().map(Segment::lines).enumerate() {
        let mut at = owed;
        while at < lines {
            starts.push(GroupStart { segment, lines: at });
            at += ROW_GROUP_ROWS;
        }
        owed = at - lines;
    }
    starts
}

fn count_line(runs: &mut Vec<(String, String, usize)>, leg: &str, pass: &str, lines: usize) {
    match runs.last_mut() {
        Some(run) if run.0 == leg && run.1 == pass => run.2 += lines,
        _ => runs.push((leg.to_owned(), pass.to_owned(), lines)),
    }
}

impl SmallLine {
    fn gather(&self, out: &mut Lines) {
        out.txn_id.push(b"");
        out.entry_id.push(self.entry_id.as_bytes());
        out.bank_ref.push(self.bank_ref.as_bytes());
        out.merchant.push(self.merchant);
        out.txn_type.push(u32::MAX);
        out.account.push(self.account);
        out.currency.push(self.currency);
        out.amount_minor.push(self.amount_minor);
        out.fee_minor.push(None);
        count_line(&mut out.runs, &self.leg, self.pass, 1);
    }
}

/// How many lines ahead the rows that were met are asked for.
const AHEAD: usize = 6;

/// Lines looked over at a time.
const STRETCH: usize = 1024;

impl<'a> LegPairs<'a> {
    /// All lines, for laying them beside others that lie aside.
    pub fn in_memory(&self) -> impl Iterator<Item = InMemory<'a>> + '_ {
        self.pairs.met.pairs().map(|(row, met)| InMemory {
            left: self.left[row.block()].record(row.position()),
            met,
            shown: self.shown(row, met),
            fee_minor: self.pairs.fee_minor(row),
            pass: self.later.and_then(|later| later.get(&row).copied()),
        })
    }

    /// What [`LegPairs::line`] shows beside the platform row.
    fn shown(&self, row: RowRef, met: Meeting) -> Shown<'a> {
        if let Some(batches) = &self.batches {
            return batches.shown(row, met, self.right);
        }
        let left: &'a EntryBlock = &self.left[row.block()];
        let key = left.key(row.position());
        let (right, position) = (met.right() != RowRef::NONE, met.right().position());
        Shown {
            entry_id: match right {
                true => self.right[met.right().block()].id(position),
                false => b"".into(),
            },
            bank_ref: shown_reference(self.kind, key),
            account: match self.kind == LegKind::PlatformBank && right {
                true => met.account(),
                false => u32::MAX,
            },
        }
    }

    /// Platform rows come in the order of their blocks; what they met lies anywhere. What the next lines need is asked
    /// for ahead: first where the records lie, then the records.
    fn gather(
        &self,
        part: Partition,
        rows: impl Iterator<Item = RowRef>,
        skip: usize,
        taken: usize,
        out: &mut Lines,
    ) {
        let (mut rows, mut skip, mut left) = (rows, skip, taken);
        let mut found = vec![(RowRef::NONE, Meeting::default()); STRETCH.min(skip + taken)];
        while left > 0 {
            let lines = self.pairs.met.find(&mut rows, part, &mut found);
            if lines == 0 {
                return;
            }
            let passed = skip.min(lines);
            skip -= passed;
            let stretch = &found[passed..lines.min(passed + left)];
            left -= stretch.len();
            for at in 0..stretch.len() {
                if let Some((_, met)) = stretch
                    .get(at + 2 * AHEAD)
                    .filter(|line| line.1.right() != RowRef::NONE)
                {
                    self.right[met.right().block()].prefetch_place(met.right().position());
                }
                if let Some((_, met)) = stretch
                    .get(at + AHEAD)
                    .filter(|line| line.1.right() != RowRef::NONE)
                {
                    self.right[met.right().block()].prefetch(met.right().position());
                }
                if let Some((row, _)) = stretch.get(at + AHEAD) {
                    self.left[row.block()].prefetch_record(row.position());
                }
                let (row, met) = stretch[at];
                self.line(row, met, out);
            }
            match self.later.filter(|later| !later.is_empty()) {
                None => count_line(&mut out.runs, &self.leg, self.pass, stretch.len()),
                Some(later) => {
                    for (row, _) in stretch {
                        let pass = later.get(row).copied().unwrap_or(self.pass);
                        count_line(&mut out.runs, &self.leg, pass, 1);
                    }
                }
            }
        }
    }

    #[inline]
    fn line(&self, row: RowRef, met: Meeting, out: &mut Lines) {
        let record = self.left[row.block()].record(row.position());
        let meta = record.meta();
        out.txn_id.push_id(record.id_window());
        if let Some(batches) = &self.batches {
            batches.line(row, met, self.right, out);
            self.rest(row, record.owner(), meta, record.amount_minor(), out);
            return;
        }
        if met.right() == RowRef::NONE {
            out.entry_id.push(b"");
        } else {
            let ids = &self.right[met.right().block()];
            out.entry_id.push_id(ids.window(met.right().position()));
        }
        let ends_at_bank = self.kind == LegKind::PlatformBank && met.right() != RowRef::NONE;
        out.account
            .push(if ends_at_bank { met.account() } else { u32::MAX });
        out.bank_ref.push_key(shown_reference(self.kind, record.key()));
        self.rest(row, record.owner(), meta, record.amount_minor(), out);
    }

    #[inline]
    fn rest(&self, row: RowRef, owner: u32, meta: Meta, amount_minor: i64, out: &mut Lines) {
        out.merchant.push(owner);
        out.txn_type.push(meta.txn_type().map_or(u32::MAX, |t| t as u32));
        out.currency.push(u32::from(meta.currency().index()));
        out.amount_minor.push(amount_minor);
        out.fee_minor.push(self.pairs.fee_minor(row));
    }
}
