//! Usual rows of a role, many at a time: what the columns of a run make of a channel's or a bank's row.
//!
//! A usual row has an amount, all that it needs, and nothing that a person would have to look at; a bank's is of the account of the
//! row before. All others are left to [`super::fields`], which reads a row by itself and says what is wrong with it. Rules: as
//! there.

use bumpalo::Bump;

use crate::entries::rows::{BankRow, ChannelRow, RowSink};
use crate::ingest::formats::FormatContext;
use crate::ingest::formats::profile::Sign;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, Purpose, Status, TXN_TYPES, TxnType};
use crate::terms::short_text::same;

use super::balance::{Chain, Steps};
use super::bind::{Bound, RowTime, Times};
use super::by_column::{Cells, RUN_ROWS, Rows, each};
use super::clock::{TimeText, midnight};
use super::fields::{BankFields, Booked, ChannelFields, Fields, direction_of};
use super::lines::Run;

/// What the columns of a run gave, by the role of the file. The first run of a file goes record by record: it is what fills
/// the memories of words, days and accounts that the columns live on. One reader lives at a time, so their sizes do not matter.
#[allow(clippy::large_enum_variant)]
pub enum Usual<'t> {
    /// Of a channel's bill.
    Channel(ChannelRows<'t>),
    /// Of a bank's statement.
    Bank(BankRows<'t>),
}

impl<'t> Usual<'t> {
    /// False where every row of a file with these fields has to be looked at by itself.
    pub fn is_of(fields: &Fields<'_>) -> bool {
        match fields {
            Fields::Channel(fields) => ChannelRows::is_of(fields),
            Fields::Bank(fields) => BankRows::is_of(fields),
        }
    }

    /// Room for the rows of a block of such a file.
    pub fn new(fields: &Fields<'_>, arena: &'t Bump) -> Usual<'t> {
        match fields {
            Fields::Channel(fields) => Usual::Channel(ChannelRows::new(fields, arena)),
            Fields::Bank(fields) => Usual::Bank(BankRows::new(fields, arena)),
        }
    }
}

/// Texts of a field.
struct Texts<'t> {
    each: [&'t [u8]; RUN_ROWS],
    /// They are ids or references, which a spreadsheet may have shortened.
    are_ids: bool,
    /// They are the same for all rows of the file.
    are_same: bool,
}

impl<'t> Texts<'t> {
    /// Room for the texts of a field, which may be none.
    fn new(field: Option<&Bound<'_>>, arena: &'t Bump) -> Texts<'t> {
        let all = match field {
            Some(field) if field.is_constant() => &*arena.alloc_slice_copy(field.constant()),
            _ => b"",
        };
        Texts {
            each: [all; RUN_ROWS],
            are_ids: false,
            are_same: field.is_none_or(Bound::is_constant),
        }
    }

    /// As [`Texts::new`], of an id or a reference.
    fn ids(field: Option<&Bound<'_>>, arena: &'t Bump) -> Texts<'t> {
        Texts {
            are_ids: true,
            ..Texts::new(field, arena)
        }
    }

    /// Reads the texts of its field; gives the rows that must be looked at closely, with `needed` those without a text too.
    fn read(
        &mut self,
        field: Option<&Bound<'_>>,
        needed: bool,
        cells: &mut Cells<'t, '_>,
        rows: Rows,
    ) -> Rows {
        match field {
            Some(field) if !self.are_same => {
                let mut closely = cells.texts(field, rows, needed, &mut self.each);
                if self.are_ids {
                    for row in each(rows & !closely) {
                        closely |= Rows::from(field.is_shortened(self.each[row])) << row;
                    }
                }
                closely
            }
            _ if needed && self.each[0].is_empty() => rows,
            _ => 0,
        }
    }
}

/// True where columns can give these fields: `ruled` by conditions that look at one cell each, `texts` in the same way for every row.
fn are_by_column(ruled: &[Option<&Bound<'_>>], texts: &[Option<&Bound<'_>>]) -> bool {
    ruled.iter().flatten().all(|field| field.is_by_column())
        && texts
            .iter()
            .flatten()
            .all(|field| field.is_constant() || !field.is_ruled())
}

/// Usual rows of a channel's bill.
pub struct ChannelRows<'t> {
    channel: Texts<'t>,
    channel_ref: Texts<'t>,
    order_id: Texts<'t>,
    batch_ref: Texts<'t>,
    refund_ref: Texts<'t>,
    txn_type: [TxnType; RUN_ROWS],
    status: [Status; RUN_ROWS],
    currency: [Currency; RUN_ROWS],
    amount_minor: [i64; RUN_ROWS],
    fee_minor: [i64; RUN_ROWS],
    txn_time: [TimeText; RUN_ROWS],
    settle_date: [Date; RUN_ROWS],
}

/// What stands in a place before a row was read.
const NO_TIME: RowTime = RowTime {
    wall: midnight(Date(0)),
    offset_minutes: None,
    has_time: false,
};
const NOT_BOOKED: Booked = Booked {
    date: Date(0),
    second: 0,
};

impl<'t> ChannelRows<'t> {
    fn is_of(fields: &ChannelFields<'_>) -> bool {
        let ruled = [
            &fields.txn_type,
            &fields.status,
            &fields.currency,
            &fields.amount,
            &fields.fee,
            &fields.txn_time,
            &fields.settle_date,
        ];
        let texts = [
            Some(&fields.channel),
            Some(&fields.channel_ref),
            fields.order_id.as_ref(),
            fields.batch_ref.as_ref(),
            fields.refund_ref.as_ref(),
        ];
        // What is rounded is added up row by row.
        fields.net.is_none() && !fields.rounds() && are_by_column(&ruled.map(Some), &texts)
    }

    fn new(fields: &ChannelFields<'_>, arena: &'t Bump) -> ChannelRows<'t> {
        ChannelRows {
            channel: Texts::new(Some(&fields.channel), arena),
            channel_ref: Texts::ids(Some(&fields.channel_ref), arena),
            order_id: Texts::ids(fields.order_id.as_ref(), arena),
            batch_ref: Texts::ids(fields.batch_ref.as_ref(), arena),
            refund_ref: Texts::ids(fields.refund_ref.as_ref(), arena),
            txn_type: [TxnType::Payment; RUN_ROWS],
            status: [Status::Success; RUN_ROWS],
            currency: [Currency::CNY; RUN_ROWS],
            amount_minor: [0; RUN_ROWS],
            fee_minor: [0; RUN_ROWS],
            txn_time: [TimeText::EMPTY; RUN_ROWS],
            settle_date: [Date(0); RUN_ROWS],
        }
    }

    /// Reads some rows; gives those that must be looked at closely.
    pub fn read(
        &mut self,
        fields: &ChannelFields<'_>,
        cells: &mut Cells<'t, '_>,
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
        let mut booked = [NOT_BOOKED; RUN_ROWS];
        closely |= cells.given_times(&fields.txn_time, rows, &mut self.txn_time, &mut booked);
        let days = &mut self.settle_date;
        if fields.settles_that_day {
            *days = booked.map(|booked| booked.date);
        } else {
            closely |= cells.days(&fields.settle_date, rows, times, days);
        }
        for (texts, field, needed) in [
            (&mut self.channel, Some(&fields.channel), true),
            (&mut self.channel_ref, Some(&fields.channel_ref), true),
            (&mut self.order_id, fields.order_id.as_ref(), false),
            (&mut self.batch_ref, fields.batch_ref.as_ref(), false),
            (&mut self.refund_ref, fields.refund_ref.as_ref(), false),
        ] {
            closely |= texts.read(field, needed, cells, rows);
        }
        closely
    }

    /// Gives a row that was read and need not be looked at closely.
    #[inline(always)]
    pub fn give(&self, row: usize, run: &Run<'_>, sink: &mut dyn RowSink) {
        sink.channel(&ChannelRow {
            place: run.place(row),
            channel: self.channel.each[row],
            channel_ref: self.channel_ref.each[row],
            order_id: self.order_id.each[row],
            txn_type: self.txn_type[row],
            amount_minor: self.amount_minor[row],
            fee_minor: self.fee_minor[row],
            currency: self.currency[row],
            txn_time: self.txn_time[row].bytes(),
            settle_date: self.settle_date[row],
            batch_ref: self.batch_ref.each[row],
            status: self.status[row],
            refund_ref: self.refund_ref.each[row],
        });
    }
}

/// Usual rows of a bank's statement.
pub struct BankRows<'t> {
    entry_id: Texts<'t>,
    /// As the file has it.
    account: Texts<'t>,
    bank_ref: Texts<'t>,
    remark: Texts<'t>,
    batch_ref: Texts<'t>,
    counterparty_name: Texts<'t>,
    counterparty_account: Texts<'t>,
    purpose: Texts<'t>,
    original_ref: Texts<'t>,
    /// The file says the balance behind each row.
    has_balance: bool,
    /// The account of the book, which all of them are of.
    account_index: u16,
    direction: [Direction; RUN_ROWS],
    currency: [Currency; RUN_ROWS],
    /// Positive is into the account.
    signed_minor: [i64; RUN_ROWS],
    balance_minor: [i64; RUN_ROWS],
    booked: [Booked; RUN_ROWS],
    booking_time: [TimeText; RUN_ROWS],
    value_date: [Date; RUN_ROWS],
}

impl<'t> BankRows<'t> {
    fn is_of(fields: &BankFields<'_>) -> bool {
        let ruled = [
            Some(&fields.currency),
            Some(&fields.amount),
            Some(&fields.booking_time),
            Some(&fields.value_date),
            fields.direction.as_ref(),
            fields.balance.as_ref(),
        ];
        let texts = [
            Some(&fields.entry_id),
            Some(&fields.account),
            fields.bank_ref.as_ref(),
            fields.remark.as_ref(),
            fields.batch_ref.as_ref(),
            fields.counterparty_name.as_ref(),
            fields.counterparty_account.as_ref(),
            fields.purpose.as_ref(),
            fields.original_ref.as_ref(),
        ];
        fields.fee.is_none()
            && fields.net.is_none()
            && !fields.needs_digest()
            && are_by_column(&ruled, &texts)
    }

    fn new(fields: &BankFields<'_>, arena: &'t Bump) -> BankRows<'t> {
        let of = |field: &Option<Bound<'_>>| Texts::new(field.as_ref(), arena);
        let ids = |field: &Option<Bound<'_>>| Texts::ids(field.as_ref(), arena);
        BankRows {
            entry_id: Texts::ids(Some(&fields.entry_id), arena),
            account: Texts::new(Some(&fields.account), arena),
            bank_ref: ids(&fields.bank_ref),
            remark: of(&fields.remark),
            batch_ref: ids(&fields.batch_ref),
            counterparty_name: of(&fields.counterparty_name),
            counterparty_account: of(&fields.counterparty_account),
            purpose: of(&fields.purpose),
            original_ref: ids(&fields.original_ref),
            has_balance: fields.balance.is_some(),
            account_index: 0,
            direction: [Direction::Credit; RUN_ROWS],
            currency: [Currency::CNY; RUN_ROWS],
            signed_minor: [0; RUN_ROWS],
            balance_minor: [0; RUN_ROWS],
            booked: [NOT_BOOKED; RUN_ROWS],
            booking_time: [TimeText::EMPTY; RUN_ROWS],
            value_date: [Date(0); RUN_ROWS],
        }
    }

    /// Reads some rows; gives those that must be looked at closely.
    pub fn read(
        &mut self,
        fields: &BankFields<'_>,
        cells: &mut Cells<'t, '_>,
        rows: Rows,
        times: &mut Times,
        ctx: &FormatContext<'_>,
    ) -> Rows {
        let Some((known, account)) = &fields.account_before else {
            return rows;
        };
        self.account_index = *account;
        let mut closely = self.account.read(Some(&fields.account), true, cells, rows);
        if !fields.account.is_constant() {
            for row in each(rows & !closely) {
                closely |= Rows::from(!same(known, self.account.each[row])) << row;
            }
        }
        if fields.account.may_be_named() {
            closely |= cells.named_otherwise(&fields.account, &fields.named_before, rows);
        }
        let of_account = ctx.settings.accounts[usize::from(*account)].currency;
        if fields.currency.currency == Some(of_account) {
            self.currency.fill(of_account);
        } else {
            closely |= cells.words(&fields.currency, rows, &mut self.currency);
            for row in each(rows) {
                closely |= Rows::from(self.currency[row] != of_account) << row;
            }
        }
        let rows = rows & !closely;
        closely |= self.read_amounts(fields, cells, rows);
        if let Some(balance) = &fields.balance {
            closely |= cells.amounts(balance, rows, &self.currency, |row, minor, _| {
                self.balance_minor[row] = minor;
                true
            });
        }
        closely |= self.read_times(fields, cells, rows, times);
        for (texts, field, needed) in [
            (&mut self.entry_id, Some(&fields.entry_id), true),
            (&mut self.bank_ref, fields.bank_ref.as_ref(), false),
            (&mut self.remark, fields.remark.as_ref(), false),
            (&mut self.batch_ref, fields.batch_ref.as_ref(), false),
            (
                &mut self.counterparty_name,
                fields.counterparty_name.as_ref(),
                false,
            ),
            (
                &mut self.counterparty_account,
                fields.counterparty_account.as_ref(),
                false,
            ),
            (&mut self.purpose, fields.purpose.as_ref(), false),
            (&mut self.original_ref, fields.original_ref.as_ref(), false),
        ] {
            closely |= texts.read(field, needed, cells, rows);
        }
        if fields.purpose.is_some() {
            for row in each(rows & !closely) {
                let allowed = Purpose::parse(self.purpose.each[row]).direction();
                let contradicts =
                    allowed.is_some_and(|allowed| allowed != direction_of(self.signed_minor[row]));
                closely |= Rows::from(contradicts) << row;
            }
        }
        closely
    }

    /// Reads what moves: the sign of the amount says the direction, or a word beside it does.
    fn read_amounts(&mut self, fields: &BankFields<'_>, cells: &mut Cells<'t, '_>, rows: Rows) -> Rows {
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

    /// Reads when a row was booked, and the day from which it counts.
    fn read_times(
        &mut self,
        fields: &BankFields<'_>,
        cells: &mut Cells<'t, '_>,
        rows: Rows,
        times: &mut Times,
    ) -> Rows {
        let BankRows {
            booked, booking_time, ..
        } = self;
        let field = &fields.booking_time;
        let mut closely = cells.given_times(field, rows, booking_time, booked);
        let others = rows & closely;
        if others != 0 {
            // Days without a time of day, and times of days on which clocks change.
            let mut read = [NO_TIME; RUN_ROWS];
            closely = cells.times(field, others, times, |row, time| {
                (read[row], booked[row]) = (time, Booked::at(time.wall));
            });
            closely |= field.write_times_of(others & !closely, &read, times, booking_time);
        }
        let days = &mut self.value_date;
        match fields.value_date.day_remembered_with(field) {
            Some(day) => days.fill(day),
            None => closely |= cells.days(&fields.value_date, rows, times, days),
        }
        closely
    }

    /// Adds the balances of some rows that were read and need not be looked at closely.
    pub fn add_balances(&self, rows: Rows, run: &Run<'_>, chain: &mut Chain) {
        let mut left = if self.has_balance { rows } else { 0 };
        while left != 0 {
            // Rows that stand together: most often all.
            let first = left.trailing_zeros() as usize;
            let together = first..first + (!(left >> first)).trailing_zeros() as usize;
            left &= left.wrapping_add(1 << first);
            let steps = Steps {
                moved_minor: &self.signed_minor[together.clone()],
                balance_minor: &self.balance_minor[together.clone()],
                booked: &self.booked[together],
            };
            let place = |at: usize| run.place(first + at);
            chain.add_run(self.account.each[first], self.currency[first], steps, place);
        }
    }

    /// Gives a row that was read and need not be looked at closely.
    #[inline(always)]
    pub fn give(&self, row: usize, run: &Run<'_>, sink: &mut dyn RowSink) {
        let signed_minor = self.signed_minor[row];
        let purpose_text = self.purpose.each[row];
        sink.bank(&BankRow {
            place: run.place(row),
            entry_id: self.entry_id.each[row],
            account: self.account_index,
            booking_time: self.booking_time[row].bytes(),
            value_date: self.value_date[row],
            direction: direction_of(signed_minor),
            amount_minor: signed_minor.abs(),
            currency: self.currency[row],
            bank_ref: self.bank_ref.each[row],
            remark: self.remark.each[row],
            batch_ref: self.batch_ref.each[row],
            counterparty_name: self.counterparty_name.each[row],
            counterparty_account: self.counterparty_account.each[row],
            purpose: Purpose::parse(purpose_text),
            purpose_text,
            original_ref: self.original_ref.each[row],
        });
    }
}
