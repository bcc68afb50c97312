//! The rules of a canonical row (SPEC §4.1, §4.2 and §6.7; R14, R24, R27, R29, R37, R41): read exactly or refused.
//!
//! One function a table, over [`Fields`], so that CSV and Parquet obey the same rules in the same order. The first
//! wrong field of a row is named. Merchant ids are judged where rows settle (R18), not here.

use crate::book::settings::Role;
use crate::entries::rows::{AdjustmentRow, BalanceRow, BankRow, ChannelRow, Place, PlatformRow, RowSink};
use crate::ingest::canonical::context::{Memory, ReadContext};
use crate::ingest::canonical::layout;
use crate::ingest::canonical::values::{Expected, Fields, TimeText, Wrong};
use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};
use crate::terms::kinds::{Action, Direction, Funding, Purpose, Status, TxnType};
use crate::terms::money::{self, AmountError};

/// Reads one row of a table and hands it on.
pub trait Table {
    /// Its role.
    const ROLE: Role;
    /// Number of the field that names a merchant.
    const MERCHANT_ID: Option<usize> = None;
    /// Number of a required field that is free text and judged by no rule.
    const FREE_TEXT: Option<usize> = None;

    /// Reads the row, or says what is wrong with it. `irregular` says that control characters may be about.
    ///
    /// # Errors
    /// The first wrong field; nothing was handed on.
    fn row<F: Fields, S: RowSink>(
        fields: &F,
        place: Place,
        irregular: bool,
        context: &ReadContext,
        memory: &mut Memory,
        sink: &mut S,
    ) -> Result<(), Wrong>;
}

/// Fields of a table's currency and amount, where its rows are money.
fn amount_fields(role: Role) -> Option<(usize, usize)> {
    match role {
        Role::Platform => Some((platform::CURRENCY, platform::AMOUNT)),
        Role::Bank => Some((bank::CURRENCY, bank::AMOUNT)),
        Role::Channel => Some((channel::CURRENCY, channel::AMOUNT)),
        Role::Balances | Role::Adjustments => None,
    }
}

/// Currency and amount of a refused row, where both can be read.
#[cold]
pub fn amount_of<F: Fields>(fields: &F, role: Role) -> Option<(Currency, i64)> {
    let (currency, amount) = amount_fields(role)?;
    let currency = Currency::parse(fields.text(currency))?;
    let minor = fields.amount_minor(amount, currency, false).ok()?;
    (minor > 0).then_some((currency, minor))
}

fn wrong<T>(field: usize, expected: &'static str) -> Result<T, Wrong> {
    Err(Wrong {
        field,
        expected: Expected::Words(expected),
    })
}

#[inline(always)]
fn words(field: usize, expected: &'static str) -> impl FnOnce() -> Wrong {
    move || Wrong {
        field,
        expected: Expected::Words(expected),
    }
}

#[inline(always)]
fn not_empty<F: Fields>(fields: &F, field: usize) -> Result<&[u8], Wrong> {
    match fields.text(field) {
        [] => wrong(field, "a value, not an empty field"),
        text => Ok(text),
    }
}

#[inline(always)]
fn currency<F: Fields>(fields: &F, field: usize, memory: &mut Memory) -> Result<Currency, Wrong> {
    fields
        .word(field, |text| memory.currency(text))
        .ok_or_else(words(field, "an ISO 4217 code in capitals, such as CNY"))
}

#[inline(always)]
fn positive<F: Fields>(fields: &F, field: usize, currency: Currency) -> Result<i64, Wrong> {
    match any_amount(fields, field, currency, false)? {
        0 => Err(Wrong {
            field,
            expected: Expected::Amount(AmountError::Zero, currency),
        }),
        minor => Ok(minor),
    }
}

#[inline(always)]
fn any_amount<F: Fields>(fields: &F, field: usize, currency: Currency, signed: bool) -> Result<i64, Wrong> {
    fields
        .amount_minor(field, currency, signed)
        .map_err(|error| Wrong {
            field,
            expected: Expected::Amount(error, currency),
        })
}

#[inline(always)]
fn instant<F: Fields>(fields: &F, field: usize, memory: &mut Memory) -> Result<Instant, Wrong> {
    fields.instant(field, &mut memory.time).ok_or_else(words(
        field,
        "a date and time with an offset (RFC 3339), such as 2026-03-02T10:00:00+08:00",
    ))
}

#[inline(always)]
fn date<F: Fields>(fields: &F, field: usize, memory: &mut Memory) -> Result<Date, Wrong> {
    fields
        .date(field, &mut memory.time)
        .ok_or_else(words(field, "a day, such as 2026-03-02"))
}

#[inline(always)]
fn status<F: Fields>(fields: &F, field: usize) -> Result<Status, Wrong> {
    fields
        .word(field, Status::parse)
        .ok_or_else(words(field, "SUCCESS, FAILED or PENDING"))
}

/// The account of a row (R27), or the source's own where the row names none.
#[inline(always)]
fn account<F: Fields>(fields: &F, field: usize, context: &ReadContext) -> Result<u16, Wrong> {
    let account = fields.word(field, |text| match context.own_account {
        Some(own) if text.is_empty() => Some(own),
        _ => context.account(text),
    });
    account.ok_or_else(words(field, "the number or id of an [[account]] of book.toml"))
}

#[inline(always)]
fn of_account(field: usize, currency: Currency, account: u16, context: &ReadContext) -> Result<(), Wrong> {
    let expected = context.account_currency(account);
    if currency == expected {
        return Ok(());
    }
    Err(Wrong {
        field,
        expected: Expected::AccountCurrency(expected),
    })
}

/// Ids and references hold no control characters: they would look alike and not be.
#[cold]
fn no_controls<F: Fields>(fields: &F, role: Role) -> Result<(), Wrong> {
    let ids = layout::fields(role).iter().enumerate();
    let mut ids =
        ids.filter(|(number, field)| field.id && !(role == Role::Platform && is_wallet_id(*number)));
    ids.try_for_each(|(number, _)| no_control(fields, number))
}

#[cold]
fn no_control<F: Fields>(fields: &F, field: usize) -> Result<(), Wrong> {
    if fields.text(field).iter().any(u8::is_ascii_control) {
        return wrong(field, "no control characters in an id or reference");
    }
    Ok(())
}

/// Ids of wallets are judged on rows that move one; on others they are information, and a reader may leave them out.
fn is_wallet_id(field: usize) -> bool {
    matches!(field, platform::CUSTOMER_ID | platform::COUNTERPARTY_ID)
}

/// `platform`.
pub struct Platform;

/// Numbers of the fields of [`layout::PLATFORM`].
mod platform {
    pub const TXN_ID: usize = 0;
    pub const TXN_TIME: usize = 1;
    pub const MERCHANT_ID: usize = 2;
    pub const CUSTOMER_ID: usize = 3;
    pub const TXN_TYPE: usize = 4;
    pub const CHANNEL: usize = 5;
    pub const CURRENCY: usize = 6;
    pub const AMOUNT: usize = 7;
    pub const BANK_REF: usize = 8;
    pub const STATUS: usize = 9;
    pub const ORDER_ID: usize = 10;
    pub const CHANNEL_REF: usize = 11;
    pub const ORIGINAL_TXN_ID: usize = 12;
    pub const FUNDING: usize = 13;
    pub const ESCROW: usize = 14;
    pub const BATCH_REF: usize = 15;
    pub const COUNTERPARTY_ID: usize = 16;
    pub const MEMO: usize = 17;
}

impl Table for Platform {
    const ROLE: Role = Role::Platform;
    const MERCHANT_ID: Option<usize> = Some(platform::MERCHANT_ID);

    #[inline(always)]
    fn row<F: Fields, S: RowSink>(
        fields: &F,
        place: Place,
        irregular: bool,
        context: &ReadContext,
        memory: &mut Memory,
        sink: &mut S,
    ) -> Result<(), Wrong> {
        use platform::*;
        if irregular {
            no_controls(fields, Role::Platform)?;
        }
        let txn_id = not_empty(fields, TXN_ID)?;
        let txn_time = instant(fields, TXN_TIME, memory)?;
        let txn_type = match fields.word(TXN_TYPE, TxnType::parse) {
            Some(TxnType::Confirm | TxnType::Dispute | TxnType::Release) => wrong(
                TXN_TYPE,
                "a type other than CONFIRM, DISPUTE and RELEASE: escrow is not built yet",
            ),
            Some(txn_type) => Ok(txn_type),
            None => wrong(
                TXN_TYPE,
                "PAYMENT, REFUND, CHARGEBACK, CHARGEBACK_REVERSAL, ADJUSTMENT, TOPUP, WITHDRAWAL or TRANSFER",
            ),
        }?;
        let currency = currency(fields, CURRENCY, memory)?;
        let amount_minor = positive(fields, AMOUNT, currency)?;
        let status = status(fields, STATUS)?;
        let funding = fields
            .word(FUNDING, Funding::parse)
            .ok_or_else(words(FUNDING, "BANK, BALANCE or empty"))?;
        match fields.text(ESCROW) {
            b"" | b"N" => {}
            b"Y" => return wrong(ESCROW, "N or empty: escrow is not built yet"),
            _ => return wrong(ESCROW, "Y, N or empty"),
        }
        let customer_id = fields.text(CUSTOMER_ID);
        let counterparty_id = fields.text(COUNTERPARTY_ID);
        if txn_type.is_wallet() || funding == Funding::Balance {
            if irregular {
                no_control(fields, CUSTOMER_ID)?;
                no_control(fields, COUNTERPARTY_ID)?;
            }
            if funding == Funding::Balance
                && !matches!(txn_type, TxnType::Payment | TxnType::Refund | TxnType::Transfer)
            {
                return wrong(
                    FUNDING,
                    "BANK or empty: only PAYMENT, REFUND and TRANSFER are funded by a balance",
                );
            }
            if customer_id.is_empty() {
                return wrong(CUSTOMER_ID, "the customer whose wallet the row moves");
            }
            if txn_type == TxnType::Transfer && counterparty_id.is_empty() {
                return wrong(COUNTERPARTY_ID, "the customer who receives the TRANSFER");
            }
            // No match protects a row without a leg from being posted twice by a re-exported file (R29).
            let no_leg = txn_type == TxnType::Transfer || funding == Funding::Balance;
            if no_leg && context.day.as_ref().is_some_and(|day| !day.contains(&txn_time)) {
                return wrong(
                    TXN_TIME,
                    "a time within the business day, because the row has no bank leg",
                );
            }
        }
        sink.platform(&PlatformRow {
            place,
            txn_id,
            txn_time,
            merchant_id: fields.text(MERCHANT_ID),
            merchant_repeated: fields.repeated(MERCHANT_ID),
            customer_id,
            txn_type,
            channel: match fields.text(CHANNEL) {
                [] => &context.own_channel,
                channel => channel,
            },
            currency,
            amount_minor,
            bank_ref: fields.text(BANK_REF),
            status,
            funding,
            order_id: fields.text(ORDER_ID),
            channel_ref: fields.text(CHANNEL_REF),
            original_txn_id: fields.text(ORIGINAL_TXN_ID),
            batch_ref: fields.text(BATCH_REF),
            counterparty_id,
            memo: fields.text(MEMO),
        });
        Ok(())
    }
}

/// `bank`.
pub struct Bank;

/// Numbers of the fields of [`layout::BANK`].
mod bank {
    pub const ENTRY_ID: usize = 0;
    pub const ACCOUNT: usize = 1;
    pub const BOOKING_TIME: usize = 2;
    pub const VALUE_DATE: usize = 3;
    pub const DIRECTION: usize = 4;
    pub const AMOUNT: usize = 5;
    pub const CURRENCY: usize = 6;
    pub const BANK_REF: usize = 7;
    pub const REMARK: usize = 8;
    pub const BATCH_REF: usize = 9;
    pub const COUNTERPARTY_NAME: usize = 10;
    pub const COUNTERPARTY_ACCOUNT: usize = 11;
    pub const PURPOSE: usize = 12;
    pub const ORIGINAL_REF: usize = 13;
}

impl Table for Bank {
    const ROLE: Role = Role::Bank;
    const FREE_TEXT: Option<usize> = Some(bank::REMARK);

    #[inline(always)]
    fn row<F: Fields, S: RowSink>(
        fields: &F,
        place: Place,
        irregular: bool,
        context: &ReadContext,
        memory: &mut Memory,
        sink: &mut S,
    ) -> Result<(), Wrong> {
        use bank::*;
        if irregular {
            no_controls(fields, Role::Bank)?;
        }
        let entry_id = not_empty(fields, ENTRY_ID)?;
        let account = account(fields, ACCOUNT, context)?;
        if !fields.left_out(BOOKING_TIME)
            && fields.instant(BOOKING_TIME, &mut memory.time).is_none()
            && fields.date(BOOKING_TIME, &mut memory.time).is_none()
        {
            return wrong(
                BOOKING_TIME,
                "a date and time with an offset (RFC 3339) or a day, such as 2026-03-02T10:00:00+08:00",
            );
        }
        let value_date = date(fields, VALUE_DATE, memory)?;
        let direction = fields
            .word(DIRECTION, Direction::parse)
            .ok_or_else(words(DIRECTION, "C (into the account) or D (out of it)"))?;
        let currency = currency(fields, CURRENCY, memory)?;
        of_account(CURRENCY, currency, account, context)?;
        let amount_minor = positive(fields, AMOUNT, currency)?;
        let batch_ref = fields.text(BATCH_REF);
        if !batch_ref.is_empty() && !context.takes_batches {
            return wrong(
                BATCH_REF,
                "an empty field: no leg of the book has the pass batch (R41)",
            );
        }
        let purpose_text = fields.text(PURPOSE);
        let purpose = fields
            .word(PURPOSE, |text| Some(Purpose::parse(text)))
            .unwrap_or(Purpose::None);
        match purpose.direction() {
            Some(Direction::Credit) if direction == Direction::Debit => {
                return wrong(PURPOSE, "another purpose: OWN_IN and INTEREST are credits (C)");
            }
            Some(Direction::Debit) if direction == Direction::Credit => {
                return wrong(
                    PURPOSE,
                    "another purpose: OWN_OUT, FEE_SWEEP and BANK_FEE are debits (D)",
                );
            }
            _ => {}
        }
        sink.bank(&BankRow {
            place,
            entry_id,
            account,
            booking_time: fields.time_text(BOOKING_TIME, &mut TimeText::default()),
            value_date,
            direction,
            amount_minor,
            currency,
            bank_ref: fields.text(BANK_REF),
            remark: fields.text(REMARK),
            batch_ref,
            counterparty_name: fields.text(COUNTERPARTY_NAME),
            counterparty_account: fields.text(COUNTERPARTY_ACCOUNT),
            purpose,
            purpose_text,
            original_ref: fields.text(ORIGINAL_REF),
        });
        Ok(())
    }
}

/// `channel`.
pub struct Channel;

/// Numbers of the fields of [`layout::CHANNEL`].
mod channel {
    pub const CHANNEL: usize = 0;
    pub const CHANNEL_REF: usize = 1;
    pub const ORDER_ID: usize = 2;
    pub const TXN_TYPE: usize = 3;
    pub const AMOUNT: usize = 4;
    pub const FEE: usize = 5;
    pub const CURRENCY: usize = 6;
    pub const TXN_TIME: usize = 7;
    pub const SETTLE_DATE: usize = 8;
    pub const BATCH_REF: usize = 9;
    pub const STATUS: usize = 10;
    pub const REFUND_REF: usize = 11;
}

impl Table for Channel {
    const ROLE: Role = Role::Channel;

    #[inline]
    fn row<F: Fields, S: RowSink>(
        fields: &F,
        place: Place,
        irregular: bool,
        context: &ReadContext,
        memory: &mut Memory,
        sink: &mut S,
    ) -> Result<(), Wrong> {
        use channel::*;
        if irregular {
            no_controls(fields, Role::Channel)?;
        }
        let channel = match fields.text(CHANNEL) {
            [] if context.own_channel.is_empty() => wrong(CHANNEL, "a value, not an empty field"),
            [] => Ok(&context.own_channel[..]),
            text => Ok(text),
        }?;
        let channel_ref = not_empty(fields, CHANNEL_REF)?;
        let txn_type = fields
            .word(TXN_TYPE, TxnType::parse)
            .filter(|txn_type| txn_type.direction().is_some())
            .ok_or_else(words(
                TXN_TYPE,
                "PAYMENT, REFUND, CHARGEBACK, CHARGEBACK_REVERSAL, ADJUSTMENT, TOPUP or WITHDRAWAL",
            ))?;
        let currency = currency(fields, CURRENCY, memory)?;
        let amount_minor = positive(fields, AMOUNT, currency)?;
        let fee_minor = any_amount(fields, FEE, currency, false)?;
        instant(fields, TXN_TIME, memory)?;
        let mut buffer = TimeText::default();
        let txn_time = fields.time_text(TXN_TIME, &mut buffer);
        // Without a settlement day it is the day of the time as written (R45).
        let settle_date = match fields.date(SETTLE_DATE, &mut memory.time) {
            Some(date) => Some(date),
            None if fields.text(SETTLE_DATE).is_empty() => txn_time.get(..10).and_then(Date::parse),
            None => None,
        }
        .ok_or_else(words(SETTLE_DATE, "a day, such as 2026-03-02, or an empty field"))?;
        let status = status(fields, STATUS)?;
        sink.channel(&ChannelRow {
            place,
            channel,
            channel_ref,
            order_id: fields.text(ORDER_ID),
            txn_type,
            amount_minor,
            fee_minor,
            currency,
            txn_time,
            settle_date,
            batch_ref: fields.text(BATCH_REF),
            status,
            refund_ref: fields.text(REFUND_REF),
        });
        Ok(())
    }
}

/// `balances`.
pub struct Balances;

/// Numbers of the fields of [`layout::BALANCES`].
mod balances {
    pub const ACCOUNT: usize = 0;
    pub const CURRENCY: usize = 1;
    pub const DATE: usize = 2;
    pub const OPENING: usize = 3;
    pub const CLOSING: usize = 4;
}

impl Table for Balances {
    const ROLE: Role = Role::Balances;

    fn row<F: Fields, S: RowSink>(
        fields: &F,
        place: Place,
        _irregular: bool,
        context: &ReadContext,
        memory: &mut Memory,
        sink: &mut S,
    ) -> Result<(), Wrong> {
        use balances::*;
        let account = account(fields, ACCOUNT, context)?;
        let currency = currency(fields, CURRENCY, memory)?;
        of_account(CURRENCY, currency, account, context)?;
        sink.balance(&BalanceRow {
            place,
            account,
            currency,
            date: date(fields, DATE, memory)?,
            opening_minor: any_amount(fields, OPENING, currency, true)?,
            closing_minor: any_amount(fields, CLOSING, currency, true)?,
        });
        Ok(())
    }
}

/// `adjustments`.
pub struct Adjustments;

/// Numbers of the fields of [`layout::ADJUSTMENTS`].
mod adjustments {
    pub const ADJUSTMENT_ID: usize = 0;
    pub const TARGET: usize = 1;
    pub const ACTION: usize = 2;
    pub const AMOUNT: usize = 3;
    pub const REASON: usize = 4;
    pub const PREPARED_BY: usize = 5;
    pub const APPROVED_BY: usize = 6;
    pub const APPROVED_AT: usize = 7;
}

/// Most decimals that any currency has.
const DECIMALS_MAX: u32 = 4;

impl Table for Adjustments {
    const ROLE: Role = Role::Adjustments;

    fn row<F: Fields, S: RowSink>(
        fields: &F,
        place: Place,
        irregular: bool,
        _context: &ReadContext,
        memory: &mut Memory,
        sink: &mut S,
    ) -> Result<(), Wrong> {
        use adjustments::*;
        if irregular {
            no_controls(fields, Role::Adjustments)?;
        }
        let adjustment_id = not_empty(fields, ADJUSTMENT_ID)?;
        let target = not_empty(fields, TARGET)?;
        let action = fields.word(ACTION, Action::parse).ok_or_else(words(
            ACTION,
            "accept, write_off, force_match, hold, release or transfer",
        ))?;
        let amount = decimal_above_zero(fields, AMOUNT)?;
        let reason = match fields.text(REASON) {
            text if as_seen(text).is_empty() => {
                return wrong(REASON, "why: an adjustment without a reason is not posted");
            }
            text => text,
        };
        let prepared_by = match fields.text(PREPARED_BY) {
            text if as_seen(text).is_empty() => return wrong(PREPARED_BY, "who prepared the adjustment"),
            text => text,
        };
        let approved_by = match fields.text(APPROVED_BY) {
            text if as_seen(text).is_empty() => {
                return wrong(
                    APPROVED_BY,
                    "who approved the adjustment: it needs an approval (R24)",
                );
            }
            text => text,
        };
        if same_person(prepared_by, approved_by) {
            return wrong(
                APPROVED_BY,
                "another person than the preparer: nobody approves an adjustment of their own (R24)",
            );
        }
        let mut time = TimeText::default();
        let approved_at = fields.time_text(APPROVED_AT, &mut time);
        if approved_at.is_empty() {
            return wrong(
                APPROVED_AT,
                "when the adjustment was approved: it needs an approval (R24)",
            );
        }
        instant(fields, APPROVED_AT, memory)?;
        sink.adjustment(&AdjustmentRow {
            place,
            adjustment_id,
            target,
            action,
            amount: amount.as_bytes(),
            reason,
            prepared_by,
            approved_by,
            approved_at,
        });
        Ok(())
    }
}

/// A decimal above zero, as text: which decimals it may have is known where its currency is.
fn decimal_above_zero<F: Fields>(fields: &F, field: usize) -> Result<String, Wrong> {
    let form = || {
        words(
            field,
            "an amount above zero in plain ASCII digits, such as 1234.50",
        )
    };
    let decimal = fields.decimal_text(field);
    let text = match &decimal {
        Some(decimal) => decimal.as_bytes(),
        None => fields.text(field),
    };
    match money::parse_positive_minor(text, DECIMALS_MAX) {
        Err(AmountError::Form | AmountError::Zero) => Err(form()()),
        // Too fine or too large is said in words of the currency.
        Ok(_) | Err(AmountError::Decimals | AmountError::Overflow) => {
            Ok(String::from_utf8_lossy(text).into_owned())
        }
    }
}

/// True when two names are one person's: spaces, capitals and what nobody sees do not make another person.
fn same_person(one: &[u8], other: &[u8]) -> bool {
    as_seen(one) == as_seen(other)
}

/// A text as people see it, in small letters; empty when there is nothing to see.
fn as_seen(text: &[u8]) -> String {
    let is_unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
    };
    let text = String::from_utf8_lossy(text);
    let seen: String = text
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| !is_unseen(*c))
        .collect();
    seen.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}
