//! Hands the breaks of a day, and a sample of all its rows, to [`crate::causes`].
//!
//! The sample is fetched together with the rows that break, so that it costs no further reading. Which rows are in it
//! follows from the hash of their keys alone: not from their order, nor from the files they lie in (R32).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::book::settings::Settings;
use crate::causes::{COUNT_MIN, Causes, Columns, Row, Side, find};
use crate::day::breaks::RowName;
use crate::day::clock::bounds;
use crate::day::figures::BreakLine;
use crate::day::pool::Pool;
use crate::day::state::OpenRow;
use crate::entries::block::{BUCKET_BITS, EntryBlock, Record, Slot};
use crate::findings::Stop;
use crate::terms::date::{Date, Instant};
use crate::terms::kinds::TxnType;

/// Rows of a sample: so many for each break, within bounds.
const ROWS_FOR_A_BREAK: usize = 16;
const ROWS_MIN: usize = 256;
const ROWS_MAX: usize = 1024;
/// Offsets from UTC change at quarters of an hour.
const QUARTER_MS: i64 = 900_000;

/// The fee that a channel should charge on a row, where one is agreed: channel, type, amount in minor units.
pub type FeeDue<'a> = &'a (dyn Fn(&str, TxnType, i64) -> Option<i64> + Sync);

/// A row in full, with where and when it came.
#[derive(Debug)]
pub struct Full {
    /// The row.
    pub row: Arc<OpenRow>,
    /// The close that received it.
    pub first_seen: Date,
    /// File below `inbox/DATE/`.
    pub file: String,
    /// Line in it.
    pub line: u64,
}

/// Rows in full, by name.
#[derive(Debug, Default)]
pub struct FullRows {
    at: FxHashMap<RowName, u32>,
    rows: Vec<Full>,
}

impl FullRows {
    /// Makes room for rows.
    pub fn with_capacity(rows: usize) -> FullRows {
        FullRows {
            at: FxHashMap::with_capacity_and_hasher(rows, FxBuildHasher),
            rows: Vec::with_capacity(rows),
        }
    }

    /// Adds a row that is not there yet.
    pub fn push(&mut self, name: RowName, row: Full) {
        self.at.insert(name, self.rows.len() as u32);
        self.rows.push(row);
    }

    /// The row of a name.
    pub fn get(&self, name: &RowName) -> Option<&Full> {
        self.at.get(name).map(|at| &self.rows[*at as usize])
    }
}

/// Rows of one side of one leg, chosen to stand for all.
#[derive(Debug)]
pub struct Chosen {
    leg: usize,
    side: Side,
    /// The rows.
    pub names: Vec<RowName>,
    rows_all: u64,
}

/// Chooses the samples that `breaks` breaks are held against; none for a handful.
pub fn choose(pool: &Pool, breaks: usize) -> Vec<Chosen> {
    if breaks < COUNT_MIN {
        return Vec::new();
    }
    let wanted = (breaks * ROWS_FOR_A_BREAK).clamp(ROWS_MIN, ROWS_MAX);
    let sides = [(Side::Left, &pool.left), (Side::Right, &pool.right)];
    let of_side = |(side, legs): (Side, &Vec<Vec<EntryBlock>>)| {
        let rows = |leg: usize| pool.rows_of_day.as_ref().map(|legs| legs[leg][side as usize]);
        let one =
            |(leg, blocks): (usize, &Vec<EntryBlock>)| choose_side(leg, side, blocks, rows(leg), wanted);
        legs.iter().enumerate().map(one).collect::<Vec<Chosen>>()
    };
    sides.into_iter().flat_map(of_side).collect()
}

/// How many zeros the hashes of chosen rows begin with.
fn zeros(rows: usize, wanted: usize) -> u32 {
    (rows / wanted).checked_ilog2().unwrap_or(0)
}

/// The rows of a block that may be chosen in a day of `rows` rows of this side, however many breaks there are.
pub fn choosable(block: &EntryBlock, rows: usize) -> impl Iterator<Item = Slot> + '_ {
    chosen_of(block, zeros(rows, ROWS_MAX))
}

/// Of a side of so many rows, those that may be chosen lie in the first of `2^bits` partitions.
pub fn choosable_bits(rows: usize) -> u32 {
    zeros(rows, ROWS_MAX).min(BUCKET_BITS)
}

/// The same, of a single row.
pub fn is_choosable(row: Record<'_>, rows: usize) -> bool {
    row.hash().leading_zeros() >= zeros(rows, ROWS_MAX)
}

/// The rows of a block whose hash begins with so many zeros.
fn chosen_of(block: &EntryBlock, zeros: u32) -> impl Iterator<Item = Slot> + '_ {
    let bits = zeros.min(BUCKET_BITS);
    let keyed = block.partition(0, bits).iter().copied();
    keyed
        .chain(block.keyless(0, bits))
        .filter(move |slot| block.record(slot.position()).hash().leading_zeros() >= zeros)
}

fn choose_side(leg: usize, side: Side, blocks: &[EntryBlock], rows: Option<usize>, wanted: usize) -> Chosen {
    let rows = rows.unwrap_or_else(|| blocks.iter().map(EntryBlock::len).sum());
    let zeros = zeros(rows, wanted);
    let (mut names, mut seen) = (Vec::new(), 0u64);
    for (number, block) in blocks.iter().enumerate() {
        for slot in chosen_of(block, zeros) {
            let record = block.record(slot.position());
            seen += 1;
            if record.meta().has_leg() && record.meta().is_success() {
                names.push((number, block.ordinal(slot.position())));
            }
        }
    }
    // The rows that expect money are as many of all as of those looked at.
    let rows_all = u128::from(rows as u64) * names.len() as u128 / u128::from(seen.max(1));
    Chosen {
        leg,
        side,
        names,
        rows_all: rows_all as u64,
    }
}

/// Finds the causes of the breaks, whose lines stand in the order of breaks.csv, each with its rows.
///
/// # Errors
/// 78 for a time zone that the book's settings do not place.
pub fn explain(
    (lines, rows): (&[&BreakLine], &[[Option<RowName>; 2]]),
    full: &FullRows,
    chosen: &[Chosen],
    settings: &Settings,
    business_date: Date,
    fee_due: FeeDue<'_>,
) -> Result<Causes, Stop> {
    if lines.len() < COUNT_MIN {
        return Ok(Causes::default());
    }
    let mut zone = Zone::new(settings);
    let day_start = zone.local_seconds(bounds(settings, business_date)?.day.0);
    let mut legs: Vec<String> = settings.legs.iter().map(|leg| leg.name.clone()).collect();
    for line in lines.iter() {
        if !legs.contains(&line.leg) {
            legs.push(line.leg.clone());
        }
    }
    // Rows of one day share its text.
    let mut days: BTreeMap<Date, String> = BTreeMap::new();
    let dates = full.rows.iter().map(|full| full.first_seen);
    for date in dates.chain(lines.iter().map(|line| line.first_seen)) {
        days.entry(date).or_insert_with(|| date.to_string());
    }
    let mut columns = Columns::new(legs.clone(), day_start);
    let traits = Traits {
        days: &days,
        business_date,
        fee_due,
    };
    for (line, names) in lines.iter().copied().zip(rows) {
        let [left, right] = names.map(|name| name.and_then(|name| full.get(&name)));
        let left = left.map(|full| traits.row(full, zone.row_seconds(&full.row)));
        let right = right.map(|full| traits.row(full, zone.row_seconds(&full.row)));
        let leg = legs.iter().position(|leg| *leg == line.leg).unwrap_or(0) as u16;
        let undebited = names.iter().all(Option::is_none).then(|| payout(line, &days));
        columns.push(leg, line.class, left.or(undebited).as_ref(), right.as_ref());
    }
    for side in chosen {
        let mut rows: Vec<&Full> = side.names.iter().filter_map(|name| full.get(name)).collect();
        rows.sort_by(|a, b| (&a.row, a.first_seen).cmp(&(&b.row, b.first_seen)));
        for found in rows {
            let seconds = zone.row_seconds(&found.row);
            columns.push_sample(side.leg as u16, side.side, &traits.row(found, seconds));
        }
        columns.samples[side.leg][side.side as usize].rows_all = side.rows_all;
    }
    Ok(find(&columns))
}

/// Notes in each line the number of its cause.
pub fn note(lines: &mut [BreakLine], causes: &Causes) {
    for (line, number) in lines.iter_mut().zip(&causes.numbers) {
        let known = (*number as usize).checked_sub(1).map(|at| &causes.list[at]);
        // What only lines tell would change with the split of files (R32): it stands in the summary.
        line.cause = known
            .filter(|cause| !cause.is_known_by_lines())
            .map(|cause| cause.number);
    }
}

/// A payout that the bank has not debited has no row.
fn payout<'a>(line: &'a BreakLine, days: &'a BTreeMap<Date, String>) -> Row<'a> {
    Row {
        id: "",
        channel: "",
        merchant: "",
        txn_type: "",
        direction: "",
        account: "",
        batch: "",
        first_seen: days.get(&line.first_seen).map_or("", String::as_str),
        status: "",
        currency: line.currency,
        seconds: None,
        value_days: None,
        amount_minor: line.platform_minor.unwrap_or(0),
        fee_minor: 0,
        fee_due_minor: None,
        file: "",
        line: 0,
    }
}

struct Traits<'a> {
    days: &'a BTreeMap<Date, String>,
    business_date: Date,
    fee_due: FeeDue<'a>,
}

impl<'a> Traits<'a> {
    fn row(&self, found: &'a Full, seconds: Option<i64>) -> Row<'a> {
        let row = &found.row;
        let is_today = found.first_seen == self.business_date;
        let is_channel_row = row.txn_type.is_some() && row.value_date.is_some();
        let fee_due_minor = match row.txn_type {
            Some(txn_type) if is_channel_row => (self.fee_due)(&row.channel, txn_type, row.amount_minor),
            _ => None,
        };
        Row {
            id: &row.id,
            channel: &row.channel,
            merchant: &row.merchant_id,
            txn_type: row.txn_type.map_or("", TxnType::name),
            direction: row.direction.map_or("", |direction| direction.name()),
            account: &row.account,
            batch: &row.batch_ref,
            first_seen: self.days.get(&found.first_seen).map_or("", String::as_str),
            status: row.status.name(),
            currency: row.currency,
            seconds,
            value_days: row.value_date.map(|date| date.days_since(found.first_seen)),
            amount_minor: row.amount_minor,
            fee_minor: row.fee_minor,
            fee_due_minor,
            file: if is_today { &found.file } else { "" },
            line: found.line,
        }
    }
}

/// Local times. Offsets are looked up once a quarter of an hour.
struct Zone {
    zone: Option<TimeZone>,
    quarter: i64,
    offset_seconds: i64,
}

impl Zone {
    fn new(settings: &Settings) -> Zone {
        Zone {
            zone: TimeZone::get(&settings.institution.time_zone).ok(),
            quarter: i64::MIN,
            offset_seconds: 0,
        }
    }

    fn local_seconds(&mut self, instant: Instant) -> i64 {
        let quarter = instant.0.div_euclid(QUARTER_MS);
        if quarter != self.quarter {
            self.quarter = quarter;
            let moment = jiff::Timestamp::from_millisecond(instant.0).ok();
            let offset = self.zone.as_ref().zip(moment);
            self.offset_seconds =
                offset.map_or(0, |(zone, moment)| i64::from(zone.to_offset(moment).seconds()));
        }
        instant.0.div_euclid(1000) + self.offset_seconds
    }

    /// When a row happened, local seconds; the other side's times are texts, or days without a time.
    fn row_seconds(&mut self, row: &OpenRow) -> Option<i64> {
        let instant = match row.time_text.as_str() {
            "" if row.value_date.is_some() => None,
            "" => Some(Instant(row.time_ms)),
            text => Instant::parse_rfc3339(text.as_bytes()),
        };
        instant.map(|instant| self.local_seconds(instant))
    }
}
