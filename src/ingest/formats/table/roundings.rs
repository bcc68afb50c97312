//! Fees with more decimals than their currency (`round = "half up"`).
//!
//! Each row's fee is rounded half up on its magnitude, once. What a batch comes to is its exact sum, rounded half up once; what
//! the rows as booked differ from it is a row of its own, so that the rows of a batch add up to the batch to the last minor
//! unit. Not done here: the channel's own rounding is not known from the file. Where it is another one, the entry at the bank
//! differs by a unit, and the batch breaks there.

use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_128;

use crate::entries::rows::{ChannelRow, Place, RowSink};
use crate::ingest::formats::FileRefused;
use crate::ingest::formats::values::{Number, shown, shown_scaled};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Status, TxnType};
use crate::terms::money::format_minor;

/// What the rows of one channel, batch and currency come to.
struct Batch {
    channel: Vec<u8>,
    batch_ref: Vec<u8>,
    currency: Currency,
    /// Sum of the exact nets, as scaled figures.
    exact: i128,
    /// Sum of what was booked, in minor units.
    booked_minor: i128,
    rows: u64,
    /// A row was not booked as it stands.
    is_rounded: bool,
    /// The day on which the last of it settles, and the last time of these rows: the same for any order of rows.
    settle_date: Date,
    txn_time: Vec<u8>,
}

/// What a row moves: exactly, and as it is booked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moved {
    /// A scaled figure.
    pub exact: i128,
    /// Minor units.
    pub booked_minor: i128,
}

/// What tells a row from every other: all that it says.
fn digest(row: &ChannelRow<'_>) -> u128 {
    let mut said = Vec::new();
    let texts = [
        row.channel,
        row.channel_ref,
        row.order_id,
        row.txn_time,
        row.batch_ref,
        row.refund_ref,
    ];
    for text in texts {
        said.extend_from_slice(&(text.len() as u64).to_le_bytes());
        said.extend_from_slice(text);
    }
    said.extend_from_slice(&row.amount_minor.to_le_bytes());
    said.extend_from_slice(&row.fee_minor.to_le_bytes());
    said.extend_from_slice(&row.settle_date.0.to_le_bytes());
    said.extend_from_slice(row.currency.code().as_bytes());
    said.extend_from_slice(&[row.txn_type as u8, row.status as u8]);
    xxh3_128(&said)
}

/// Batches in the order in which they came.
#[derive(Default)]
pub struct Roundings {
    batches: Vec<Batch>,
    known: FxHashMap<(Vec<u8>, Vec<u8>, Currency), usize>,
    /// The batch of the row before.
    last: usize,
    /// Digests of rows: equal rows are one row (R19).
    seen: FxHashSet<u128>,
}

impl Roundings {
    /// Counts a row that was read.
    pub fn add(&mut self, row: &ChannelRow<'_>, moved: Moved) {
        if !self.seen.insert(digest(row)) {
            return;
        }
        let is_of = |batch: &Batch| {
            batch.batch_ref == row.batch_ref && batch.currency == row.currency && batch.channel == row.channel
        };
        if !self.batches.get(self.last).is_some_and(is_of) {
            let key = (row.channel.to_vec(), row.batch_ref.to_vec(), row.currency);
            self.last = *self.known.entry(key).or_insert_with(|| {
                self.batches.push(Batch {
                    channel: row.channel.to_vec(),
                    batch_ref: row.batch_ref.to_vec(),
                    currency: row.currency,
                    exact: 0,
                    booked_minor: 0,
                    rows: 0,
                    is_rounded: false,
                    txn_time: Vec::new(),
                    settle_date: row.settle_date,
                });
                self.batches.len() - 1
            });
        }
        let batch = &mut self.batches[self.last];
        batch.exact += moved.exact;
        batch.booked_minor += moved.booked_minor;
        batch.rows += 1;
        let digits = batch.currency.digits();
        batch.is_rounded |= moved.exact != moved.booked_minor * Number::scaled_of_minor(1, digits);
        if (batch.settle_date, batch.txn_time.as_slice()) < (row.settle_date, row.txn_time) {
            batch.txn_time.clear();
            batch.txn_time.extend_from_slice(row.txn_time);
            batch.settle_date = row.settle_date;
        }
    }

    /// Gives what the roundings of each batch leave over, behind all rows of the file, and says it; and the batches.
    ///
    /// # Errors
    /// A batch comes to more than an amount can be.
    pub fn give(
        self,
        last_row: Place,
        sink: &mut dyn RowSink,
    ) -> Result<(Vec<String>, Vec<String>), FileRefused> {
        let (mut told, mut rounded) = (Vec::new(), Vec::new());
        // A row and its fee take two places, and behind the last row of the file no other begins.
        let mut offset = last_row.offset + 2;
        for batch in self.batches.into_iter().filter(|batch| batch.is_rounded) {
            let digits = batch.currency.digits();
            let name = String::from_utf8_lossy(&batch.batch_ref).into_owned();
            let of = format!("{} {}", shown(&name), batch.currency);
            rounded.push(format!("{} {of}", String::from_utf8_lossy(&batch.channel)));
            let too_large = || {
                FileRefused::at(
                    0,
                    format!("the rows of {of} add up to more than 2^63 - 1 minor units"),
                    "ask the sender for a corrected file; no row of this one is taken",
                )
            };
            let batch_minor = Number::half_up(batch.exact, digits).map_err(|_| too_large())?;
            let left = i128::from(batch_minor) - batch.booked_minor;
            let left_minor = i64::try_from(left).map_err(|_| too_large())?;
            let mut words = format!(
                "rounding {of}: {} rows, net {} exactly, {} rounded half up once",
                batch.rows,
                shown_scaled(batch.exact),
                format_minor(i128::from(batch_minor), digits),
            );
            if left_minor == 0 {
                told.push(words + ", as the rows are booked");
                continue;
            }
            words += &format!(
                "; the rows are booked as {}, and {} is a row of its own",
                format_minor(batch.booked_minor, digits),
                format_minor(left, digits),
            );
            told.push(words);
            sink.channel(&ChannelRow {
                place: Place {
                    line: last_row.line,
                    offset,
                },
                channel: &batch.channel,
                channel_ref: &[
                    &batch.batch_ref[..],
                    b"/rounding/",
                    batch.currency.code().as_bytes(),
                ]
                .concat(),
                order_id: b"",
                txn_type: if left_minor > 0 {
                    TxnType::Adjustment
                } else {
                    TxnType::Withdrawal
                },
                amount_minor: left_minor.abs(),
                fee_minor: 0,
                currency: batch.currency,
                txn_time: &batch.txn_time,
                settle_date: batch.settle_date,
                batch_ref: &batch.batch_ref,
                status: Status::Success,
                refund_ref: b"",
            });
            offset += 1;
        }
        Ok((told, rounded))
    }
}
