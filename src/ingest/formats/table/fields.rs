//! Canonical fields of a role, and what a row of the file gives for them (R37, R45, R14, R27).

use jiff::tz::TimeZone;

use super::bind::{Bad, Bound, Columns, Row};
use crate::book::settings::Role;
use crate::entries::rows::{BankRow, ChannelRow, RowSink};
use crate::ingest::formats::FormatContext;
use crate::ingest::formats::profile::Profile;
use crate::terms::currency::Currency;
use crate::terms::kinds::{Direction, Purpose, Status, TxnType};

/// Fields by role. One reader lives at a time, so their sizes do not matter.
#[allow(clippy::large_enum_variant)]
pub enum Fields<'p> {
    /// Of a channel's bill.
    Channel(ChannelFields<'p>),
    /// Of a bank's statement.
    Bank(BankFields<'p>),
}

/// Fields of a channel's bill.
pub struct ChannelFields<'p> {
    channel: Bound<'p>,
    channel_ref: Bound<'p>,
    order_id: Option<Bound<'p>>,
    txn_type: Bound<'p>,
    amount: Bound<'p>,
    fee: Bound<'p>,
    currency: Bound<'p>,
    txn_time: Bound<'p>,
    settle_date: Bound<'p>,
    batch_ref: Option<Bound<'p>>,
    status: Bound<'p>,
    refund_ref: Option<Bound<'p>>,
}

/// Fields of a bank's statement.
pub struct BankFields<'p> {
    entry_id: Bound<'p>,
    account: Bound<'p>,
    booking_time: Bound<'p>,
    value_date: Bound<'p>,
    direction: Option<Bound<'p>>,
    amount: Bound<'p>,
    currency: Bound<'p>,
    bank_ref: Option<Bound<'p>>,
    remark: Option<Bound<'p>>,
    batch_ref: Option<Bound<'p>>,
    counterparty_name: Option<Bound<'p>>,
    counterparty_account: Option<Bound<'p>>,
    purpose: Option<Bound<'p>>,
    original_ref: Option<Bound<'p>>,
}

/// Binds the fields of a profile to a header; titles that it lacks are added to `missing`.
pub fn bind_fields<'p>(
    profile: &'p Profile,
    columns: &Columns,
    ctx: &FormatContext<'_>,
    missing: &mut Vec<String>,
) -> Option<Fields<'p>> {
    let mut bound = |name: &'static str| {
        let field = profile.fields.get(name)?;
        Some(Bound::new(name, field, columns, ctx, missing))
    };
    Some(match profile.role {
        Role::Channel => Fields::Channel(ChannelFields {
            channel: bound("channel")?,
            channel_ref: bound("channel_ref")?,
            order_id: bound("order_id"),
            txn_type: bound("txn_type")?,
            amount: bound("amount")?,
            fee: bound("fee")?,
            currency: bound("currency")?,
            txn_time: bound("txn_time")?,
            settle_date: bound("settle_date")?,
            batch_ref: bound("batch_ref"),
            status: bound("status")?,
            refund_ref: bound("refund_ref"),
        }),
        Role::Bank => Fields::Bank(BankFields {
            entry_id: bound("entry_id")?,
            account: bound("account")?,
            booking_time: bound("booking_time")?,
            value_date: bound("value_date")?,
            direction: bound("direction"),
            amount: bound("amount")?,
            currency: bound("currency")?,
            bank_ref: bound("bank_ref"),
            remark: bound("remark"),
            batch_ref: bound("batch_ref"),
            counterparty_name: bound("counterparty_name"),
            counterparty_account: bound("counterparty_account"),
            purpose: bound("purpose"),
            original_ref: bound("original_ref"),
        }),
        Role::Platform | Role::Balances => return None,
    })
}

fn optional<'t>(bound: &'t Option<Bound<'_>>, row: &Row<'t>) -> Result<&'t [u8], Bad> {
    match bound {
        Some(bound) => Ok(bound.text(row)?.0.as_bytes()),
        None => Ok(b""),
    }
}

fn needed<'t>(bound: &'t Bound<'_>, row: &Row<'t>) -> Result<&'t [u8], Bad> {
    match bound.text(row)?.0 {
        "" => Err(bound.refuse(row, "a text")),
        text => Ok(text.as_bytes()),
    }
}

/// Text of a time, with the offset of the book's zone; of a day where the format has no time of day.
fn time_text(bound: &Bound<'_>, row: &Row<'_>, zone: &TimeZone) -> Result<String, Bad> {
    let (time, otherwise) = bound.time(row)?;
    if !bound.has_time() {
        return Ok(time.date.to_string());
    }
    time.rfc3339(zone).ok_or(otherwise)
}

const A_CURRENCY: &str = "a currency code of ISO 4217 such as CNY";

impl ChannelFields<'_> {
    /// Gives a row to the sink.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn give(&self, row: &Row<'_>, zone: &TimeZone, sink: &mut dyn RowSink) -> Result<(), Bad> {
        let txn_type = self
            .txn_type
            .word(row, TxnType::parse, "a transaction type such as PAYMENT")?;
        let status = self
            .status
            .word(row, Status::parse, "SUCCESS, FAILED or PENDING")?;
        let currency = self.currency.word(row, Currency::parse, A_CURRENCY)?;
        let amount_minor = self.amount.magnitude(row, currency, Some(txn_type))?;
        let fee_minor = self.fee.magnitude(row, currency, Some(txn_type))?;
        let txn_time = time_text(&self.txn_time, row, zone)?;
        let settle_date = self.settle_date.time(row)?.0.date;
        let channel = needed(&self.channel, row)?;
        let channel_ref = needed(&self.channel_ref, row)?;
        if amount_minor == 0 {
            if fee_minor != 0 {
                return Err(self
                    .amount
                    .refuse(row, "an amount greater than 0, since there is a fee"));
            }
            sink.not_booked(row.place);
            return Ok(());
        }
        sink.channel(&ChannelRow {
            place: row.place,
            channel,
            channel_ref,
            order_id: optional(&self.order_id, row)?,
            txn_type,
            amount_minor,
            fee_minor,
            currency,
            txn_time: txn_time.as_bytes(),
            settle_date,
            batch_ref: optional(&self.batch_ref, row)?,
            status,
            refund_ref: optional(&self.refund_ref, row)?,
        });
        Ok(())
    }
}

impl BankFields<'_> {
    /// Gives a row to the sink.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn give(
        &self,
        row: &Row<'_>,
        zone: &TimeZone,
        ctx: &FormatContext<'_>,
        sink: &mut dyn RowSink,
    ) -> Result<(), Bad> {
        let currency = self.currency.word(row, Currency::parse, A_CURRENCY)?;
        let named = self.account.text(row)?.0;
        let Some(index) = ctx.settings.account_index(named) else {
            return Err(self
                .account
                .refuse(row, "the number or id of an account of the book"));
        };
        let account_currency = ctx.settings.accounts[index].currency;
        if currency != account_currency {
            return Err(self
                .currency
                .refuse(row, format!("{account_currency}, the currency of the account")));
        }
        let (signed_minor, _) = self.amount.signed(row, currency)?;
        let by_sign = self.direction.as_ref().is_none_or(Bound::by_sign);
        let (direction, amount_minor) = match &self.direction {
            Some(direction) if !by_sign => {
                let direction = direction.word(row, Direction::parse, "a direction, in or out")?;
                (direction, self.amount.magnitude(row, currency, None)?)
            }
            _ if signed_minor < 0 => (Direction::Debit, -signed_minor),
            _ => (Direction::Credit, signed_minor),
        };
        let booking_time = time_text(&self.booking_time, row, zone)?;
        let value_date = self.value_date.time(row)?.0.date;
        let entry_id = needed(&self.entry_id, row)?;
        let purpose_text = optional(&self.purpose, row)?;
        let purpose = Purpose::parse(purpose_text);
        if let Some(bound) = &self.purpose
            && purpose.direction().is_some_and(|allowed| allowed != direction)
        {
            return Err(bound.refuse(row, format!("a purpose that fits direction {}", direction.name())));
        }
        if amount_minor == 0 {
            sink.not_booked(row.place);
            return Ok(());
        }
        sink.bank(&BankRow {
            place: row.place,
            entry_id,
            account: index as u16,
            booking_time: booking_time.as_bytes(),
            value_date,
            direction,
            amount_minor,
            currency,
            bank_ref: optional(&self.bank_ref, row)?,
            remark: optional(&self.remark, row)?,
            batch_ref: optional(&self.batch_ref, row)?,
            counterparty_name: optional(&self.counterparty_name, row)?,
            counterparty_account: optional(&self.counterparty_account, row)?,
            purpose,
            purpose_text,
            original_ref: optional(&self.original_ref, row)?,
        });
        Ok(())
    }
}
