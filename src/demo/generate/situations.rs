//! How situations of the later passes are delivered: what each side writes, and what must come of it.

use super::kinds::{Situation, SituationKind};
use super::sink::BankOut;
use super::texts::{Reference, Remark};
use super::truth::Resolves;
use super::{Agreed, Day, Maker, Row, SITUATIONS, is_open};
use crate::findings::Stop;
use crate::terms::kinds::TxnType;

/// The channel whose lumps come less its fees, and what it charges, ppm.
pub const CHANNEL_OF_LUMPS: usize = 1;
/// What it charges, ppm, rounded half up.
pub const CHANNEL_PPM: i64 = 4_000;
/// The greatest difference that the book tolerates, minor units.
pub const TOLERATED_MINOR: i64 = 2;
/// What no sum of rows ends in, minor units.
const NEVER_MINOR: i64 = 50;
/// Every eighth merchant sells in euro.
const EURO: u32 = 7;

/// Pass names as `matched` has them.
const NORMALISED: &str = "normalised";
const REMARK: &str = "remark";
const BATCH: &str = "batch";
const AMOUNT_DATE: &str = "amount-date";
const INTERCHANGEABLE: &str = "amount-date:interchangeable";
const TOLERANCE: &str = "tolerance";
const SUBSET: &str = "subset";

/// A planting under way.
#[derive(Clone, Copy)]
struct Planting {
    name: &'static str,
    pass: &'static str,
    /// The bank books in the next file.
    is_late: bool,
}

impl Maker<'_> {
    /// True when a kind that is planted once a day is wanted on this one.
    pub(super) fn is_planted(&self, kind: &SituationKind, number: u32) -> bool {
        let shares = SITUATIONS.iter().zip(self.options.shares.situations_ppm);
        let wanted = |(known, ppm): (&SituationKind, u32)| known.situation == kind.situation && ppm > 0;
        // Rows that nobody may match stay for good: one day of them is enough.
        let once = kind.situation == Situation::SubsetTooMany && number > 0;
        !once && shares.into_iter().any(wanted)
    }

    /// Delivers a situation; its rows have amounts of their own.
    pub(super) fn situation(
        &mut self,
        situation: Situation,
        name: &'static str,
        rows: Vec<Row>,
        day: &mut Day<'_>,
    ) -> Result<(), Stop> {
        let planting = |pass| Planting {
            name,
            pass,
            is_late: false,
        };
        let late = |pass| Planting {
            is_late: true,
            ..planting(pass)
        };
        let written = |reference| BankOut {
            reference: (reference, rows[0].index),
            ..rows[0].entry(day.date)
        };
        match situation {
            Situation::CutReference => {
                let row = Row {
                    reference: (Reference::Long, rows[0].index),
                    ..rows[0]
                };
                self.one(planting(NORMALISED), row, row.entry(day.date), day)
            }
            Situation::PrefixedReference => {
                self.one(planting(NORMALISED), rows[0], written(Reference::Prefixed), day)
            }
            Situation::PaddedReference => {
                self.one(planting(NORMALISED), rows[0], written(Reference::Padded), day)
            }
            Situation::LooseReference => {
                self.one(planting(NORMALISED), rows[0], written(Reference::Loose), day)
            }
            Situation::ReferenceOfTwo => {
                let [one, other] = of_two_merchants(&rows);
                let other = Row {
                    reference: (Reference::Loose, one.index),
                    ..other
                };
                let entry = BankOut {
                    reference: (Reference::Prefixed, one.index),
                    ..one.entry(day.date)
                };
                self.nobodys(planting(""), [one, other], entry, day)
            }
            Situation::RemarkReference => {
                let entry = BankOut {
                    remark: Remark::Quotes(rows[0].index),
                    ..written(Reference::None)
                };
                self.one(planting(REMARK), rows[0], entry, day)
            }
            Situation::RemarkOfTwo => {
                let [one, other] = of_two_merchants(&rows);
                let entry = BankOut {
                    reference: (Reference::None, one.index),
                    remark: Remark::QuotesTwo(one.index, other.index),
                    ..one.entry(day.date)
                };
                self.nobodys(planting(""), [one, other], entry, day)
            }
            Situation::LumpGross => self.lump(planting(BATCH), of_a_batch(rows), 0, day),
            Situation::LumpLate => self.lump(late(BATCH), of_a_batch(rows), 0, day),
            Situation::LumpNet => {
                let of_channel = |row: Row| Row {
                    channel: CHANNEL_OF_LUMPS,
                    ..row
                };
                let rows: Vec<Row> = of_a_batch(rows).into_iter().map(of_channel).collect();
                let payments = rows.iter().filter(|row| row.kind == TxnType::Payment);
                let fees = payments.map(|row| (row.minor * CHANNEL_PPM + 500_000) / 1_000_000);
                let fees = fees.sum();
                self.lump(planting(BATCH), rows, fees, day)
            }
            Situation::LumpSplit => self.split(planting(BATCH), rows[0], day),
            Situation::LumpOff => self.lump_off(planting(""), of_a_batch(rows), day),
            Situation::NoReference => self.one(planting(AMOUNT_DATE), rows[0], written(Reference::None), day),
            Situation::NoReferenceLate => self.one(late(AMOUNT_DATE), rows[0], written(Reference::None), day),
            Situation::Twins | Situation::TwinsShort => {
                let twin = |row: &Row| Row {
                    index: row.index,
                    reference: (Reference::None, row.index),
                    ..rows[0]
                };
                let twins: Vec<Row> = rows.iter().map(twin).collect();
                let is_short = situation == Situation::TwinsShort;
                for (at, row) in twins.iter().enumerate() {
                    if is_short && at > 0 {
                        day.log(row, 'T', true)?;
                        self.stays(day, "MISSING_AT_BANK", row, "T", name)?;
                        continue;
                    }
                    let entry = BankOut {
                        reference: (Reference::None, 0),
                        ..row.entry(day.date)
                    };
                    self.one(planting(INTERCHANGEABLE), *row, entry, day)?;
                }
                Ok(())
            }
            Situation::EitherMerchant => {
                let [one, other] = of_two_merchants(&rows);
                let entry = BankOut {
                    reference: (Reference::None, one.index),
                    ..one.entry(day.date)
                };
                self.nobodys(planting(""), [one, other], entry, day)
            }
            Situation::Stranger => {
                let row = Row {
                    kind: TxnType::Payment,
                    ..rows[0]
                };
                day.log(&row, 'T', true)?;
                self.stays(day, "MISSING_AT_BANK", &row, "T", name)?;
                day.book(BankOut {
                    prefix: 'X',
                    reference: (Reference::Foreign, row.index),
                    ..row.entry(day.date)
                })?;
                self.stays(day, "MISSING_AT_PLATFORM", &row, "X", name)
            }
            Situation::WithinTolerance | Situation::BeyondTolerance => {
                // Only the base currency is tolerated.
                let row = in_yuan(rows[0]);
                let most = match situation {
                    Situation::WithinTolerance => TOLERATED_MINOR,
                    _ => TOLERATED_MINOR + 1,
                };
                let off = if row.index.is_multiple_of(2) { most } else { -most };
                let entry = BankOut {
                    minor: row.minor + off,
                    ..row.entry(day.date)
                };
                if situation == Situation::WithinTolerance {
                    return self.one(planting(TOLERANCE), row, entry, day);
                }
                day.log(&row, 'T', true)?;
                day.book(entry)?;
                self.stays(day, "AMOUNT_MISMATCH", &row, "TE", name)
            }
            // These are planted once a day.
            Situation::Subset | Situation::SubsetLate | Situation::SubsetOfTwo | Situation::SubsetTooMany => {
                Ok(())
            }
        }
    }

    /// Rows without a reference that add up to an entry without one. Amounts are powers of two, other ones for three days
    /// in a row, so that no other rows of the days that are searched add up to the same.
    pub(super) fn without_reference(
        &mut self,
        kind: &SituationKind,
        number: u32,
        rows: Vec<Row>,
        day: &mut Day<'_>,
    ) -> Result<(), Stop> {
        let scale = number % 3;
        let planting = Planting {
            name: kind.name,
            pass: SUBSET,
            is_late: kind.situation == Situation::SubsetLate,
        };
        let made = |kind: TxnType, is_euro: bool, yuan: &dyn Fn(usize) -> i64| -> Vec<Row> {
            let make = |(at, row): (usize, &Row)| {
                let row = if is_euro { in_euro(*row) } else { in_yuan(*row) };
                Row {
                    kind,
                    minor: yuan(at) * 100 + 1,
                    reference: (Reference::None, row.index),
                    ..row
                }
            };
            rows.iter().enumerate().map(make).collect()
        };
        let power = |at: usize| 1i64 << (4 * scale + at as u32);
        match kind.situation {
            Situation::Subset => {
                let rows = made(TxnType::Payment, false, &power);
                self.lump(planting, vec![rows[0], rows[2]], 0, day)?;
                self.lump(planting, vec![rows[1], rows[3]], 0, day)
            }
            Situation::SubsetLate => {
                let rows = made(TxnType::Payment, true, &power);
                self.lump(planting, rows, 0, day)
            }
            Situation::SubsetOfTwo => {
                // 10 + 7 = 12 + 5; the sums of a day are too small or too large for another day's.
                let rows = made(TxnType::Refund, false, &|at| {
                    [10, 7, 12, 5][at % 4] * 36i64.pow(scale)
                });
                let entry = lump_entry(&rows[..2], 0, day);
                let id = rows[0].id('E');
                self.all_open(planting, &rows, entry, (&id, "subset: |"), day)
            }
            _ => {
                let rows = made(TxnType::Refund, true, &|at| at as i64 + 1);
                let entry = lump_entry(&rows[20..23], 0, day);
                self.all_open(planting, &rows, entry, ("", "subset: not-searched:"), day)
            }
        }
    }

    /// A row and its entry, which some pass matches.
    fn one(&mut self, planting: Planting, row: Row, entry: BankOut, day: &mut Day<'_>) -> Result<(), Stop> {
        day.log(&row, 'T', true)?;
        self.clear(planting, &[row], entry, day)
    }

    /// Rows and the one entry of all of them. In a batch, where they have one.
    fn lump(&mut self, planting: Planting, rows: Vec<Row>, fees: i64, day: &mut Day<'_>) -> Result<(), Stop> {
        for row in &rows {
            day.log(row, 'T', true)?;
        }
        let entry = lump_entry(&rows, fees, day);
        self.clear(planting, &rows, entry, day)
    }

    /// One row in two entries of its batch.
    fn split(&mut self, planting: Planting, row: Row, day: &mut Day<'_>) -> Result<(), Stop> {
        let row = Row {
            batch: Some(row.index),
            ..row
        };
        day.log(&row, 'T', true)?;
        let part = |prefix, minor| BankOut {
            prefix,
            minor,
            reference: (Reference::None, 0),
            batch: row.batch,
            ..row.entry(day.date)
        };
        let first = row.minor / 3;
        let rest = part('G', row.minor - first);
        self.clear(planting, &[row], part('E', first), day)?;
        day.book(rest)?;
        let id = super::sink::id('G', row.day, row.index);
        day.truth
            .is_match(day.date, planting.pass, "", &id, planting.name)
    }

    /// A batch whose entry is another amount: people decide.
    fn lump_off(&mut self, planting: Planting, rows: Vec<Row>, day: &mut Day<'_>) -> Result<(), Stop> {
        let mut entry = lump_entry(&rows, 0, day);
        entry.minor += NEVER_MINOR;
        self.all_open(planting, &rows, entry, ("batch:", "batch:"), day)
    }

    /// Two rows and one entry that could be either's.
    fn nobodys(
        &mut self,
        planting: Planting,
        rows: [Row; 2],
        entry: BankOut,
        day: &mut Day<'_>,
    ) -> Result<(), Stop> {
        let candidates = rows.map(|row| row.id('T')).join(" ");
        let id = rows[0].id('E');
        self.all_open(planting, &rows, entry, (&id, &candidates), day)
    }

    /// Rows and an entry that stay open, and what their lines have among their candidates.
    fn all_open(
        &mut self,
        planting: Planting,
        rows: &[Row],
        entry: BankOut,
        (of_rows, of_entry_words): (&str, &str),
        day: &mut Day<'_>,
    ) -> Result<(), Stop> {
        for row in rows {
            day.log(row, 'T', true)?;
            *self.standing.entry("MISSING_AT_BANK").or_insert(0) += 1;
            let line = ("MISSING_AT_BANK", row, "T", planting.name);
            is_open(day, line, Resolves::Never, of_rows)?;
        }
        day.book(entry)?;
        *self.standing.entry("MISSING_AT_PLATFORM").or_insert(0) += 1;
        let of_entry = Row {
            index: entry.index,
            reference: entry.reference,
            ..rows[0]
        };
        let line = ("MISSING_AT_PLATFORM", &of_entry, "E", planting.name);
        is_open(day, line, Resolves::Never, of_entry_words)
    }

    /// Books an entry, now or in the next file, with which rows settle.
    fn clear(
        &mut self,
        planting: Planting,
        rows: &[Row],
        entry: BankOut,
        day: &mut Day<'_>,
    ) -> Result<(), Stop> {
        let agreed = |row: &Row| Agreed {
            row: *row,
            pass: planting.pass,
            entry: (entry.prefix, entry.index),
            planted: planting.name,
        };
        if !planting.is_late {
            day.book(entry)?;
            return rows.iter().try_for_each(|row| self.settle(&agreed(row), day));
        }
        let next = day.date.plus_days(1);
        self.late_entries.push(BankOut {
            booked: next,
            value: next,
            ms: 60_000,
            ..entry
        });
        for row in rows {
            self.settle_next.push(agreed(row));
            self.waits(day, "MISSING_AT_BANK", row, "T", planting.name)?;
        }
        Ok(())
    }
}

/// The entry of all of some rows: outflows are taken off, and the fees.
fn lump_entry(rows: &[Row], fees: i64, day: &Day<'_>) -> BankOut {
    let signed = |row: &Row| if row.is_out() { -row.minor } else { row.minor };
    let sum: i64 = rows.iter().map(signed).sum();
    BankOut {
        reference: (Reference::None, 0),
        batch: rows[0].batch,
        debit: sum < 0,
        minor: sum.abs() - fees,
        ..rows[0].entry(day.date)
    }
}

/// Rows of one batch in one currency: payments, the last a refund in every second batch of three or more.
fn of_a_batch(rows: Vec<Row>) -> Vec<Row> {
    let (batch, last) = (rows[0].index, rows.len() - 1);
    let has_refund = last > 1 && batch.is_multiple_of(2);
    let member = |(at, row): (usize, Row)| Row {
        batch: Some(batch),
        kind: if has_refund && at == last {
            TxnType::Refund
        } else {
            TxnType::Payment
        },
        ..in_yuan(row)
    };
    rows.into_iter().enumerate().map(member).collect()
}

/// Two payments of one amount and two merchants.
fn of_two_merchants(rows: &[Row]) -> [Row; 2] {
    let one = in_yuan(Row {
        kind: TxnType::Payment,
        ..rows[0]
    });
    let other = Row {
        index: rows[1].index,
        reference: rows[1].reference,
        merchant: u32::from(one.merchant == 0),
        ..one
    };
    [one, other]
}

fn in_yuan(row: Row) -> Row {
    Row {
        merchant: row.merchant - u32::from(row.currency() == 1),
        ..row
    }
}

fn in_euro(row: Row) -> Row {
    Row {
        merchant: EURO,
        ..row
    }
}
