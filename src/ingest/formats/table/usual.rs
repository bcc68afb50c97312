//! Usual rows of a role, many at a time: what the columns of a run make of a channel's or a bank's row.
//!
//! A usual row has an amount, all that it needs, and nothing that a person would have to look at; a bank's is of the account of the
//! row before. All others are left to [`super::fields`], which reads a row by itself and says what is wrong with it. Rules: as
//! there.

use std::borrow::Cow;

use crate::entries::rows::{BankRow, ChannelRow, RowSink};
use crate::ingest::formats::FormatContext;
use crate::ingest::formats::profile::Sign;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, Purpose, Status, TXN_TYPES, TxnType};
use crate::terms::short_text::same;

use super::balance::Chain;
use super::bind::{Bound, RowTime, Times};
use super::by_column::{Cells, RUN_ROWS, Rows, each, text_of};
use super::clock::{TimeText, midnight};
use super::cut::Span;
use super::fields::{BankFields, ChannelFields, Fields, Movement, direction_of};
use super::lines::Run;

/// What the columns of a run gave, by the role of the file. The first run of a file goes record by record: it is what fills
/// the memories of words, days and accounts that the columns live on. One reader lives at a time, so their sizes do not matter.
#[allow(clippy::large_enum_variant)]
pub enum Usual {
    /// Of a channel's bill.
    Channel(ChannelRows),
    /// Of a bank's statement.
    Bank(BankRows),
}

impl Usual {
    /// Room for the rows of a file with these fields; `None` where every row has to be looked at by itself.
    pub fn new(fields: &Fields<'_>) -> Option<Usual> {
        match fields {
            Fields::Channel(fields) => ChannelRows::new(fields).map(Usual::Channel),
            Fields::Bank(fields) => BankRows::new(fields).map(Usual::Bank),
        }
    }
}

/// Texts of a field: the same for all rows, or one each.
struct Texts {
    all: Option<Vec<u8>>,
    each: [Span; RUN_ROWS],
}

impl Texts {
    /// Room for the texts of a field, which may be none; `None` where its rules decide row by row.
    fn new(field: Option<&Bound<'_>>) -> Option<Texts> {
        let all = match field {
            Some(field) if field.is_constant() => Some(field.constant().to_vec()),
            Some(field) if field.is_ruled() => return None,
            Some(_) => None,
            None => Some(Vec::new()),
        };
        Some(Texts {
            all,
            each: [(0, 0); RUN_ROWS],
        })
    }

    /// Reads the texts of its field; gives the rows that must be looked at closely, with `needed` those without a text too.
    fn read(
        &mut self,
        field: Option<&Bound<'_>>,
        needed: bool,
        cells: &mut Cells<'_, '_>,
        rows: Rows,
    ) -> Rows {
        match (&self.all, field) {
            (Some(text), _) if needed && text.is_empty() => rows,
            (None, Some(field)) => cells.texts(field, rows, needed, &mut self.each),
            _ => 0,
        }
    }

    /// The text of a row, which is read from these cells.
    fn of_cells<'t>(&'t self, row: usize, cells: &'t Cells<'_, '_>) -> &'t [u8] {
        match &self.all {
            Some(text) => text,
            None => cells.of(self.each[row]),
        }
    }

    #[inline(always)]
    fn of<'t>(&'t self, row: usize, run: &Run<'t>, decoded: &'t [u8]) -> &'t [u8] {
        match &self.all {
            Some(text) => text,
            None => text_of(run, decoded, self.each[row]),
        }
    }
}

/// Usual rows of a channel's bill.
pub struct ChannelRows {
    channel: Texts,
    channel_ref: Texts,
    order_id: Texts,
    batch_ref: Texts,
    refund_ref: Texts,
    txn_type: [TxnType; RUN_ROWS],
    status: [Status; RUN_ROWS],
    currency: [Currency; RUN_ROWS],
    amount_minor: [i64; RUN_ROWS],
    fee_minor: [i64; RUN_ROWS],
    txn_time: [TimeText; RUN_ROWS],
    settle_date: [Date; RUN_ROWS],
}

const NO_TIME: RowTime = RowTime {
    wall: midnight(Date(0)),
    offset_minutes: None,
    has_time: false,
};

impl ChannelRows {
    fn new(fields: &ChannelFields<'_>) -> Option<ChannelRows> {
        let ruled = [
            &fields.txn_type,
            &fields.status,
            &fields.currency,
            &fields.amount,
            &fields.fee,
            &fields.txn_time,
            &fields.settle_date,
        ];
        if fields.net.is_some() || !ruled.into_iter().all(Bound::is_by_column) {
            return None;
        }
        let currency = [Currency::parse(b"CNY")?; RUN_ROWS];
        Some(ChannelRows {
            channel: Texts::new(Some(&fields.channel))?,
            channel_ref: Texts::new(Some(&fields.channel_ref))?,
            order_id: Texts::new(fields.order_id.as_ref())?,
            batch_ref: Texts::new(fields.batch_ref.as_ref())?,
            refund_ref: Texts::new(fields.refund_ref.as_ref())?,
            txn_type: [TxnType::Payment; RUN_ROWS],
            status: [Status::Success; RUN_ROWS],
            currency,
            amount_minor: [0; RUN_ROWS],
            fee_minor: [0; RUN_ROWS],
            txn_time: [TimeText::EMPTY; RUN_ROWS],
            settle_date: [Date(0); RUN_ROWS],
        })
    }

    /// Reads some rows; gives those that must be looked at closely.
    pub fn read(
        &mut self,
        fields: &ChannelFields<'_>,
        cells: &mut Cells<'_, '_>,
        rows: Rows,
        times: &Times,
    ) -> Rows {
        let mut closely = cells.words(&fields.txn_type, rows, &mut self.txn_type)
            | cells.words(&fields.status, rows, &mut self.status)
            | cells.currencies(&fields.currency, rows, &mut self.currency);
        let rows = rows & !closely;
        let (types, currencies) = (&self.txn_type, &self.currency);
        for (field, magnitudes) in [
            (&fields.amount, &mut self.amount_minor),
            (&fields.fee, &mut self.fee_minor),
        ] {
            closely |= cells.amounts(field, rows, currencies, |row, minor, rule| {
                magnitudes[row] = minor.abs();
                let sign = rule.signs[types[row] as usize];
                minor == 0
                    || !matches!(
                        (sign, minor < 0),
                        (Sign::Positive, true) | (Sign::Negative, false)
                    )
            });
        }
        // Rows of nothing, or of a fee alone.
        for row in each(rows) {
            closely |= Rows::from(self.amount_minor[row] == 0) << row;
        }
        closely |= cells.given_times(&fields.txn_time, rows, &mut self.txn_time, &mut self.settle_date);
        if !fields.settles_that_day {
            let mut days = [NO_TIME; RUN_ROWS];
            closely |= cells.times(&fields.settle_date, rows, times, &mut days);
            self.settle_date = days.map(|day| day.wall.date);
        }
        closely
            | self.channel.read(Some(&fields.channel), true, cells, rows)
            | self
                .channel_ref
                .read(Some(&fields.channel_ref), true, cells, rows)
            | self.order_id.read(fields.order_id.as_ref(), false, cells, rows)
            | self.batch_ref.read(fields.batch_ref.as_ref(), false, cells, rows)
            | self
                .refund_ref
                .read(fields.refund_ref.as_ref(), false, cells, rows)
    }

    /// Gives a row that was read and need not be looked at closely.
    #[inline(always)]
    pub fn give(&self, row: usize, run: &Run<'_>, decoded: &[u8], sink: &mut dyn RowSink) {
        sink.channel(&ChannelRow {
            place: run.place(row),
            channel: self.channel.of(row, run, decoded),
            channel_ref: self.channel_ref.of(row, run, decoded),
            order_id: self.order_id.of(row, run, decoded),
            txn_type: self.txn_type[row],
            amount_minor: self.amount_minor[row],
            fee_minor: self.fee_minor[row],
            currency: self.currency[row],
            txn_time: self.txn_time[row].bytes(),
            settle_date: self.settle_date[row],
            batch_ref: self.batch_ref.of(row, run, decoded),
            status: self.status[row],
            refund_ref: self.refund_ref.of(row, run, decoded),
        });
    }
}

/// Usual rows of a bank's statement.
pub struct BankRows {
    entry_id: Texts,
    /// As the file has it.
    account: Texts,
    bank_ref: Texts,
    remark: Texts,
    batch_ref: Texts,
    counterparty_name: Texts,
    counterparty_account: Texts,
    purpose: Texts,
    original_ref: Texts,
    /// The file says the balance behind each row.
    has_balance: bool,
    /// The account of the book, which all of them are of.
    account_index: u16,
    direction: [Direction; RUN_ROWS],
    currency: [Currency; RUN_ROWS],
    /// Positive is into the account.
    signed_minor: [i64; RUN_ROWS],
    balance_minor: [i64; RUN_ROWS],
    booked: [RowTime; RUN_ROWS],
    booking_time: [TimeText; RUN_ROWS],
    value_date: [Date; RUN_ROWS],
}

impl BankRows {
    fn new(fields: &BankFields<'_>) -> Option<BankRows> {
        let ruled = [
            &fields.currency,
            &fields.amount,
            &fields.booking_time,
            &fields.value_date,
        ];
        let of_some = fields.direction.iter().chain(&fields.balance);
        let is_by_column = ruled.into_iter().chain(of_some).all(Bound::is_by_column);
        if fields.fee.is_some() || fields.net.is_some() || fields.needs_digest() || !is_by_column {
            return None;
        }
        let currency = [Currency::parse(b"CNY")?; RUN_ROWS];
        Some(BankRows {
            entry_id: Texts::new(Some(&fields.entry_id))?,
            account: Texts::new(Some(&fields.account))?,
            bank_ref: Texts::new(fields.bank_ref.as_ref())?,
            remark: Texts::new(fields.remark.as_ref())?,
            batch_ref: Texts::new(fields.batch_ref.as_ref())?,
            counterparty_name: Texts::new(fields.counterparty_name.as_ref())?,
            counterparty_account: Texts::new(fields.counterparty_account.as_ref())?,
            purpose: Texts::new(fields.purpose.as_ref())?,
            original_ref: Texts::new(fields.original_ref.as_ref())?,
            has_balance: fields.balance.is_some(),
            account_index: 0,
            direction: [Direction::Credit; RUN_ROWS],
            currency,
            signed_minor: [0; RUN_ROWS],
            balance_minor: [0; RUN_ROWS],
            booked: [NO_TIME; RUN_ROWS],
            booking_time: [TimeText::EMPTY; RUN_ROWS],
            value_date: [Date(0); RUN_ROWS],
        })
    }

    /// Reads some rows; gives those that must be looked at closely.
    pub fn read(
        &mut self,
        fields: &BankFields<'_>,
        cells: &mut Cells<'_, '_>,
        rows: Rows,
        times: &mut Times,
        ctx: &FormatContext<'_>,
    ) -> Rows {
        let Some((known, account)) = &fields.account_before else {
            return rows;
        };
        self.account_index = *account;
        let mut closely = self.account.read(Some(&fields.account), true, cells, rows);
        for row in each(rows & !closely) {
            let is_known = fields.account.is_constant() || same(known, self.account.of_cells(row, cells));
            closely |= Rows::from(!is_known) << row;
        }
        if fields.account.may_be_named() {
            closely |= cells.named_otherwise(&fields.account, &fields.named_before, rows);
        }
        closely |= cells.currencies(&fields.currency, rows, &mut self.currency);
        let of_account = ctx.settings.accounts[usize::from(*account)].currency;
        for row in each(rows) {
            closely |= Rows::from(self.currency[row] != of_account) << row;
        }
        let rows = rows & !closely;
        closely |= self.read_amounts(fields, cells, rows);
        if let Some(balance) = &fields.balance {
            closely |= cells.amounts(balance, rows, &self.currency, |row, minor, _| {
                self.balance_minor[row] = minor;
                true
            });
        }
        closely |= cells.times(&fields.booking_time, rows, times, &mut self.booked);
        closely |=
            fields
                .booking_time
                .write_times_of(rows & !closely, &self.booked, times, &mut self.booking_time);
        match fields.value_date.day_remembered_with(&fields.booking_time) {
            Some(day) => self.value_date.fill(day),
            None => {
                let mut days = [NO_TIME; RUN_ROWS];
                closely |= cells.times(&fields.value_date, rows, times, &mut days);
                self.value_date = days.map(|day| day.wall.date);
            }
        }
        closely |= self.entry_id.read(Some(&fields.entry_id), true, cells, rows);
        for (texts, field) in [
            (&mut self.bank_ref, &fields.bank_ref),
            (&mut self.remark, &fields.remark),
            (&mut self.batch_ref, &fields.batch_ref),
            (&mut self.counterparty_name, &fields.counterparty_name),
            (&mut self.counterparty_account, &fields.counterparty_account),
            (&mut self.purpose, &fields.purpose),
            (&mut self.original_ref, &fields.original_ref),
        ] {
            closely |= texts.read(field.as_ref(), false, cells, rows);
        }
        if fields.purpose.is_some() {
            for row in each(rows & !closely) {
                let purpose = Purpose::parse(self.purpose.of_cells(row, cells));
                let allowed = purpose.direction();
                let contradicts =
                    allowed.is_some_and(|allowed| allowed != direction_of(self.signed_minor[row]));
                closely |= Rows::from(contradicts) << row;
            }
        }
        closely
    }

    /// Reads what moves: the sign of the amount says the direction, or a word beside it does.
    fn read_amounts(&mut self, fields: &BankFields<'_>, cells: &mut Cells<'_, '_>, rows: Rows) -> Rows {
        let by_word = fields.direction.as_ref().filter(|direction| !direction.by_sign());
        let mut closely = match by_word {
            Some(direction) => cells.words(direction, rows, &mut self.direction),
            None => 0,
        };
        let (directions, signed) = (&self.direction, &mut self.signed_minor);
        closely |= cells.amounts(
            &fields.amount,
            rows & !closely,
            &self.currency,
            |row, minor, rule| {
                let sign = rule.signs[TXN_TYPES.len()];
                let (minor, good) = match (by_word, sign, minor < 0) {
                    // A minus sign turns the direction round.
                    (None, ..) | (_, Sign::Flips, _) => (minor, true),
                    (_, Sign::Positive, true) | (_, Sign::Negative, false) => (minor, false),
                    _ => (minor.abs(), true),
                };
                let is_out = by_word.is_some() && directions[row] == Direction::Debit;
                signed[row] = if is_out { -minor } else { minor };
                // A row of nothing is no entry.
                good && minor != 0
            },
        );
        closely
    }

    /// Gives a row that was read and need not be looked at closely.
    #[inline(always)]
    pub fn give(
        &self,
        row: usize,
        run: &Run<'_>,
        decoded: &[u8],
        chain: Option<&mut Chain>,
        sink: &mut dyn RowSink,
    ) {
        let place = run.place(row);
        let signed_minor = self.signed_minor[row];
        if let (Some(chain), true) = (chain, self.has_balance) {
            chain.add(
                place,
                &Movement {
                    account: Cow::Borrowed(self.account.of(row, run, decoded)),
                    currency: self.currency[row],
                    minor: i128::from(signed_minor),
                    balance_minor: self.balance_minor[row],
                    booked: self.booked[row].booked(),
                },
            );
        }
        let purpose_text = self.purpose.of(row, run, decoded);
        sink.bank(&BankRow {
            place,
            entry_id: self.entry_id.of(row, run, decoded),
            account: self.account_index,
            booking_time: self.booking_time[row].bytes(),
            value_date: self.value_date[row],
            direction: direction_of(signed_minor),
            amount_minor: signed_minor.abs(),
            currency: self.currency[row],
            bank_ref: self.bank_ref.of(row, run, decoded),
            remark: self.remark.of(row, run, decoded),
            batch_ref: self.batch_ref.of(row, run, decoded),
            counterparty_name: self.counterparty_name.of(row, run, decoded),
            counterparty_account: self.counterparty_account.of(row, run, decoded),
            purpose: Purpose::parse(purpose_text),
            purpose_text,
            original_ref: self.original_ref.of(row, run, decoded),
        });
    }
}
