//! Canonical fields of a role, and what a row of the file gives for them (R37, R45, R14, R27).

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::balance::Link;
use super::bind::{Bad, Bound, Columns, RowTime, Times};
use super::clock::TimeText;
use super::cut::Row;
use super::roundings::{Moved, Roundings};
use super::spreadsheet::{SHORTENED, holds_shortened};
use super::whose::{Whose, whose};
use crate::book::settings::Role;
use crate::entries::rows::{BankRow, ChannelRow, Place, RowSink};
use crate::ingest::formats::profile::Profile;
use crate::ingest::formats::values::{Number, WallTime, masked, shown_scaled};
use crate::ingest::formats::{FileRefused, FormatContext};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, Purpose, Status, TxnType};
use crate::terms::money::format_minor;
use crate::terms::short_text::same;

/// What to do with a file of another currency than its account has, or of several.
const ONE_CURRENCY: &str = "an account has one currency: where this file has entries in several, fetch a file of each, and give each currency an account and a source of its own in book.toml";

/// Fields by role. One reader lives at a time, so their sizes do not matter.
#[allow(clippy::large_enum_variant)]
pub enum Fields<'p> {
    /// Of a channel's bill.
    Channel(ChannelFields<'p>),
    /// Of a bank's statement.
    Bank(BankFields<'p>),
}

impl<'p> Fields<'p> {
    /// What a row moves: its amount and its fee.
    pub fn figures(&self) -> impl Iterator<Item = &Bound<'p>> {
        let (amount, fee) = match self {
            Fields::Channel(fields) => (&fields.amount, Some(&fields.fee)),
            Fields::Bank(fields) => (&fields.amount, fields.fee.as_ref()),
        };
        std::iter::once(amount).chain(fee)
    }

    /// Checks that the net of a row is its amount less its fee, signs as they stand, though nothing of it is given.
    ///
    /// # Errors
    /// It is not, or a figure cannot be read.
    pub fn adds_up(&self, row: &Row<'_>) -> Result<(), Bad> {
        let (currency, amount, fee, net) = match self {
            Fields::Channel(fields) => (&fields.currency, &fields.amount, Some(&fields.fee), &fields.net),
            Fields::Bank(fields) => (&fields.currency, &fields.amount, fields.fee.as_ref(), &fields.net),
        };
        let Some(net) = net else { return Ok(()) };
        let currency = currency.currency(row)?;
        let amount_minor = i128::from(amount.signed(row, currency)?.0);
        let fee_minor = match fee {
            Some(fee) => i128::from(fee.signed(row, currency)?.0),
            None => 0,
        };
        let expected = amount_minor - fee_minor;
        if i128::from(net.signed(row, currency)?.0) != expected {
            let expected = format_minor(expected, currency.digits());
            return Err(net.refuse(row, format!("{expected}, the amount less the fee")));
        }
        Ok(())
    }

    fn with_its_days(mut self) -> Self {
        if let Fields::Channel(fields) = &mut self {
            fields.settles_that_day = fields.settle_date.has_day_of(&fields.txn_time);
        }
        self
    }
}

/// Fields of a channel's bill.
pub struct ChannelFields<'p> {
    pub(super) channel: Bound<'p>,
    pub(super) channel_ref: Bound<'p>,
    pub(super) order_id: Option<Bound<'p>>,
    pub(super) txn_type: Bound<'p>,
    pub(super) amount: Bound<'p>,
    pub(super) fee: Bound<'p>,
    /// Types whose fee is a row of its own.
    fee_apart: Vec<TxnType>,
    /// What is left over by the rounding of fees, where they are rounded.
    roundings: Option<Roundings>,
    /// Fees that were rows of their own, by a hash of what names them: one payment may have several.
    apart_before: FxHashMap<u64, u32>,
    pub(super) currency: Bound<'p>,
    pub(super) txn_time: Bound<'p>,
    pub(super) settle_date: Bound<'p>,
    /// The settlement date is the day of the time.
    pub(super) settles_that_day: bool,
    pub(super) batch_ref: Option<Bound<'p>>,
    pub(super) status: Bound<'p>,
    pub(super) refund_ref: Option<Bound<'p>>,
    pub(super) net: Option<Bound<'p>>,
}

/// Fields of a bank's statement.
pub struct BankFields<'p> {
    pub(super) entry_id: Bound<'p>,
    pub(super) account: Bound<'p>,
    pub(super) booking_time: Bound<'p>,
    pub(super) value_date: Bound<'p>,
    pub(super) direction: Option<Bound<'p>>,
    pub(super) amount: Bound<'p>,
    pub(super) currency: Bound<'p>,
    pub(super) bank_ref: Option<Bound<'p>>,
    pub(super) remark: Option<Bound<'p>>,
    pub(super) batch_ref: Option<Bound<'p>>,
    pub(super) counterparty_name: Option<Bound<'p>>,
    pub(super) counterparty_account: Option<Bound<'p>>,
    pub(super) purpose: Option<Bound<'p>>,
    pub(super) original_ref: Option<Bound<'p>>,
    pub(super) fee: Option<Bound<'p>>,
    pub(super) net: Option<Bound<'p>>,
    pub(super) balance: Option<Bound<'p>>,
    /// Account of the row before: most rows of a file share one.
    pub(super) account_before: Option<(Vec<u8>, u16)>,
    /// The account that the file named last, and that was found to be no other than the source's.
    pub(super) named_before: String,
    /// First row of another account than the source says.
    other_account: Option<FileRefused>,
    /// The account that the file names and the book does not have, in words.
    unknown_account: Option<String>,
}

/// Binds the fields of a profile to a header; titles that it lacks are noted as missing.
pub fn bind_fields<'p>(
    profile: &'p Profile,
    columns: &mut Columns,
    ctx: &FormatContext<'_>,
) -> Option<Fields<'p>> {
    let fee_rules = profile.fields.get("fee").map_or(&[][..], Vec::as_slice);
    let mut bound = |name: &'static str| {
        let rules = profile.fields.get(name)?;
        columns.binds = format!("fields.{name}");
        let bound = Bound::new(name, rules, columns, ctx);
        columns.binds.clear();
        Some(bound)
    };
    Some(match profile.role {
        Role::Channel => Fields::Channel(ChannelFields {
            settles_that_day: false,
            channel: bound("channel")?,
            channel_ref: bound("channel_ref")?,
            order_id: bound("order_id"),
            txn_type: bound("txn_type")?,
            amount: bound("amount")?,
            fee: bound("fee")?,
            fee_apart: fee_rules
                .iter()
                .flat_map(|rule| &rule.apart)
                .filter_map(|kind| TxnType::parse(kind.as_bytes()))
                .collect(),
            roundings: fee_rules.iter().any(|rule| rule.rounds).then(Roundings::default),
            apart_before: FxHashMap::default(),
            currency: bound("currency")?,
            txn_time: bound("txn_time")?,
            settle_date: bound("settle_date")?,
            batch_ref: bound("batch_ref"),
            status: bound("status")?,
            refund_ref: bound("refund_ref"),
            // Not of rows that have none: where there is one, all are read record by record.
            net: bound("net").filter(|net| !net.is_absent()),
        })
        .with_its_days(),
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
            fee: bound("fee"),
            net: bound("net"),
            balance: bound("balance"),
            account_before: None,
            named_before: String::new(),
            other_account: None,
            unknown_account: None,
        }),
        Role::Platform | Role::Balances | Role::Adjustments => return None,
    })
}

/// Gives the text of an optional field to the name that follows, or nothing.
macro_rules! optional {
    ($bound:expr, $row:expr) => {
        optional!($bound, $row, bytes)
    };
    ($bound:expr, $row:expr, $read:ident) => {
        match &$bound {
            Some(bound) => bound.$read($row)?,
            None => std::borrow::Cow::Borrowed(&b""[..]),
        }
    };
}

macro_rules! needed {
    ($bound:expr, $row:expr, $read:ident) => {{
        let text = $bound.$read($row)?;
        if text.is_empty() {
            return Err($bound.refuse($row, "a text"));
        }
        text
    }};
}

/// True for types that bring money to the merchant's side.
fn comes_in(kind: TxnType) -> bool {
    matches!(
        kind,
        TxnType::Payment | TxnType::Adjustment | TxnType::Topup | TxnType::ChargebackReversal
    )
}

impl ChannelFields<'_> {
    /// Gives a row to the sink.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn give(&mut self, row: &Row<'_>, times: &mut Times, sink: &mut dyn RowSink) -> Result<(), Bad> {
        let txn_type = self
            .txn_type
            .word(row, TxnType::parse, "a transaction type such as PAYMENT")?;
        let status = self
            .status
            .word(row, Status::parse, "SUCCESS, FAILED or PENDING")?;
        let currency = self.currency.currency(row)?;
        let amount_minor = self.amount.magnitude(row, currency, Some(txn_type))?;
        let FeeOfRow {
            signed: fee,
            exact: fee_exact,
        } = self.fee_of(row, currency)?;
        let apart = self.fee_apart.contains(&txn_type);
        // A fee that is rounded to nothing has its sign all the same.
        let signed = match fee_exact {
            Some(exact) if fee.0 == 0 => (exact.signum() as i64, fee.1),
            _ => fee,
        };
        let is_apart = match self.fee.magnitude_of(row, signed, Some(txn_type)) {
            // A fee without an amount is no payment of nothing: it is what was taken or given by itself.
            Ok(_) => amount_minor == 0 && apart,
            Err(_) if apart => true,
            Err(bad) => return Err(bad),
        };
        let (fee_minor, apart_minor) = match is_apart {
            true => (0, fee.0),
            false => (fee.0.abs(), 0),
        };
        let comes_in = comes_in(txn_type);
        let kept = i128::from(amount_minor) - i128::from(fee_minor);
        let booked_minor = if comes_in { kept } else { -kept } - i128::from(apart_minor);
        let mut moved = Moved {
            exact: 0,
            booked_minor,
        };
        let net = self.net.as_ref().filter(|net| !net.is_unsaid(row));
        match fee_exact {
            None => {
                if let Some(net) = net {
                    let (found, _) = net.signed(row, currency)?;
                    if i128::from(found) != booked_minor {
                        let expected = format_minor(booked_minor, currency.digits());
                        return Err(net.refuse(row, format!("{expected}, the amount less the fee")));
                    }
                }
            }
            Some(exact) => {
                let taken = match (is_apart, comes_in) {
                    (true, _) => exact,
                    (false, true) => exact.abs(),
                    (false, false) => -exact.abs(),
                };
                let amount = Number::scaled_of_minor(amount_minor, currency.digits());
                moved.exact = if comes_in { amount } else { -amount } - taken;
                if let Some(net) = net
                    && net.scaled(row, currency)?.0 != moved.exact
                {
                    let expected = shown_scaled(moved.exact);
                    return Err(net.refuse(row, format!("{expected}, the amount less the fee")));
                }
            }
        }
        let mut txn_time = TimeText::EMPTY;
        let day = self.txn_time.write_time(row, times, &mut txn_time)?;
        let settle_date = if self.settles_that_day {
            day
        } else {
            self.settle_date.time(row, times)?.wall.date
        };
        let channel = needed!(self.channel, row, bytes);
        let channel_ref = needed!(self.channel_ref, row, id);
        if amount_minor == 0 && apart_minor == 0 && fee_minor != 0 {
            return Err(self
                .amount
                .refuse(row, "an amount greater than 0, since there is a fee"));
        }
        let is_nothing = amount_minor == 0 && apart_minor == 0;
        if is_nothing && moved.exact == 0 {
            sink.not_booked(row.place);
            return Ok(());
        }
        let order_id = optional!(self.order_id, row, id);
        let batch_ref = optional!(self.batch_ref, row, id);
        let refund_ref = optional!(self.refund_ref, row, id);
        let booked_exact = Number::scaled_of_minor(1, currency.digits()) * moved.booked_minor;
        if fee_exact.is_some() && batch_ref.is_empty() && moved.exact != booked_exact {
            // What its rounding leaves over would be of nothing.
            let expected =
                "a fee of whole minor units, since the row names no batch that rounding could be of";
            return Err(self.fee.refuse(row, expected));
        }
        let given = ChannelRow {
            place: row.place,
            channel: &channel,
            channel_ref: &channel_ref,
            order_id: &order_id,
            txn_type,
            amount_minor,
            fee_minor,
            currency,
            txn_time: txn_time.bytes(),
            settle_date,
            batch_ref: &batch_ref,
            status,
            refund_ref: &refund_ref,
        };
        if let Some(roundings) = &mut self.roundings
            && status == Status::Success
        {
            roundings.add(&given, moved);
        }
        if is_nothing {
            sink.not_booked(row.place);
            return Ok(());
        }
        if amount_minor != 0 {
            sink.channel(&given);
        }
        if apart_minor != 0 {
            let mut reference = [&channel_ref[..], b"/fee"].concat();
            let txn_type = if apart_minor > 0 {
                TxnType::Withdrawal
            } else {
                TxnType::Adjustment
            };
            let named = [
                &channel[..],
                &reference[..],
                txn_type.name().as_bytes(),
                &refund_ref[..],
            ]
            .join(&0x1f);
            let count = self
                .apart_before
                .entry(xxhash_rust::xxh3::xxh3_64(&named))
                .or_insert(0);
            *count += 1;
            if *count > 1 {
                reference.extend_from_slice(format!("/{count}").as_bytes());
            }
            sink.channel(&ChannelRow {
                place: second_of(row.place),
                channel_ref: &reference,
                txn_type,
                amount_minor: apart_minor.abs(),
                fee_minor: 0,
                ..given
            });
        }
        Ok(())
    }
}

/// A fee as it is read.
struct FeeOfRow {
    /// Minor units, and the column.
    signed: (i64, Option<usize>),
    /// The figure as it stands, where fees are rounded.
    exact: Option<i128>,
}

impl ChannelFields<'_> {
    /// The signed fee of a row, and where fees are rounded its exact figure.
    fn fee_of(&self, row: &Row<'_>, currency: Currency) -> Result<FeeOfRow, Bad> {
        if self.roundings.is_none() {
            let signed = self.fee.signed(row, currency)?;
            return Ok(FeeOfRow { signed, exact: None });
        }
        let (exact, at) = self.fee.scaled(row, currency)?;
        match Number::half_up(exact, currency.digits()) {
            Ok(minor) => Ok(FeeOfRow {
                signed: (minor, at),
                exact: Some(exact),
            }),
            Err(_) => Err(self.fee.refuse(row, "at most 2^63 - 1 minor units")),
        }
    }

    /// True where fees are rounded.
    pub(super) fn rounds(&self) -> bool {
        self.roundings.is_some()
    }

    /// Gives what the roundings of fees leave over, behind the last row of the file, and says it.
    ///
    /// # Errors
    /// A batch comes to more than an amount can be.
    pub fn give_roundings(
        &mut self,
        last_row: Place,
        sink: &mut dyn RowSink,
    ) -> Result<(Vec<String>, Vec<String>), FileRefused> {
        let roundings = self.roundings.take();
        roundings.map_or(Ok(Default::default()), |roundings| roundings.give(last_row, sink))
    }
}

/// The place of a row's second entry: a row is found again by its place, so that no two may have the same. It is one byte
/// into the row, where no other begins.
fn second_of(place: Place) -> Place {
    Place {
        offset: place.offset + 1,
        ..place
    }
}

/// When a row was booked, as far as the file says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Booked {
    /// The day.
    pub date: Date,
    /// The second of the day; 0 where the file has no time of day.
    pub second: u32,
}

impl Booked {
    /// At a time.
    #[inline(always)]
    pub fn at(time: WallTime) -> Booked {
        Booked {
            date: time.date,
            second: (time.hour * 60 + time.minute) * 60 + time.second,
        }
    }

    /// A number that is larger for what is later.
    #[inline(always)]
    pub fn number(self) -> i64 {
        i64::from(self.date.0) << 32 | i64::from(self.second)
    }
}

/// Figures of a row that were read for its balance, so that they need not be read again.
#[derive(Clone, Copy)]
pub struct Figures {
    signed_minor: i64,
    fee_minor: i64,
    booked: RowTime,
}

/// A row of a statement with balances.
pub struct Balanced<'t> {
    /// The account as the file names it.
    pub account: Cow<'t, [u8]>,
    /// Its currency.
    pub currency: Currency,
    /// What the row moves, and the balance behind it.
    pub link: Link,
    /// What was read for that.
    pub figures: Figures,
}

/// What a row says in figures, whatever they are written like.
pub struct Said {
    /// The account in the book.
    pub account: u16,
    /// Its currency.
    pub currency: Currency,
    /// What the row moves; positive is into the account.
    pub moved_minor: i128,
    /// When.
    pub booked: Booked,
    /// The balance behind it, where the file has one.
    pub balance_minor: Option<i64>,
}

/// Which way an amount goes whose plus is into the account.
#[inline(always)]
pub fn direction_of(signed_minor: i64) -> Direction {
    if signed_minor < 0 {
        Direction::Debit
    } else {
        Direction::Credit
    }
}

impl BankFields<'_> {
    /// True when rows are told by a digest of themselves.
    pub fn needs_digest(&self) -> bool {
        self.entry_id.is_row_digest()
    }

    /// The account of all rows, where no column names it.
    pub fn constant_account(&self) -> Option<u16> {
        let (_, account) = self.account_before.as_ref()?;
        self.account.is_constant().then_some(*account)
    }

    /// The refusal for the first row of another account than the source says.
    pub fn other_account(&mut self) -> Option<FileRefused> {
        self.other_account.take()
    }

    /// The first account that the file names and the book does not have, in words. Its rows are the source's all the same:
    /// the book may write the number in another way.
    pub fn unknown_account(&self) -> Option<&String> {
        self.unknown_account.as_ref()
    }

    /// The account of this number, as the profile reads it or as the file prints it.
    fn index_of(&self, text: &str, ctx: &FormatContext<'_>) -> Option<usize> {
        let printed = || ctx.settings.account_index(&self.account.as_printed(text)?);
        ctx.settings.account_index(text).or_else(printed)
    }

    /// The account of a row, looked up.
    #[inline(never)]
    fn account_of(&mut self, row: &Row<'_>, ctx: &FormatContext<'_>) -> Result<u16, Bad> {
        let text = self.account.text(row)?.0;
        let Some(index) = self.index_of(&text, ctx) else {
            let found = masked(ctx.settings, &text);
            let expected = match holds_shortened(text.as_bytes()) {
                true => SHORTENED,
                false => "the number or id of an account of the book",
            };
            return Err(self.account.refuse_as(row, found, expected));
        };
        let named = self.account.bytes(row)?.into_owned();
        self.account_before = Some((named, index as u16));
        Ok(index as u16)
    }

    /// Notes a row that names another account than the source says.
    #[inline]
    fn compare_accounts(&mut self, row: &Row<'_>, account: u16, ctx: &FormatContext<'_>) {
        let Some(named) = self.account.named_by_file(row) else {
            return;
        };
        if !same(self.named_before.as_bytes(), named.as_bytes()) {
            let named = named.to_owned();
            self.compare_named(&named, row.place.line, account, ctx);
        }
    }

    /// Notes whose account the file names.
    #[cold]
    pub(super) fn compare_named(&mut self, named: &str, line: u64, account: u16, ctx: &FormatContext<'_>) {
        // The book may have the number as the file prints it, with what the profile takes off.
        let of_book = |named: &str| whose(named, usize::from(account), ctx.settings);
        let told = match self.account.as_printed(named) {
            Some(printed) if of_book(&printed) == Whose::Own => Whose::Own,
            _ => of_book(named),
        };
        match told {
            Whose::Own => {}
            Whose::Taken(words) => {
                self.unknown_account.get_or_insert(words);
            }
            Whose::Other(words, help) => {
                self.other_account
                    .get_or_insert_with(|| FileRefused::at(line, words, help));
            }
        }
        named.clone_into(&mut self.named_before);
    }

    /// The signed amount of a row: positive is into the account.
    fn movement(&self, row: &Row<'_>, currency: Currency) -> Result<i64, Bad> {
        let signed = self.amount.signed(row, currency)?;
        match &self.direction {
            Some(direction) if !direction.by_sign() => {
                let direction = direction.word(row, Direction::parse, "a direction, in or out")?;
                let minor = if self.amount.flips(row) {
                    signed.0
                } else {
                    self.amount.magnitude_of(row, signed, None)?
                };
                Ok(if direction == Direction::Debit {
                    -minor
                } else {
                    minor
                })
            }
            _ => Ok(signed.0),
        }
    }

    fn fee(&self, row: &Row<'_>, currency: Currency) -> Result<i64, Bad> {
        match &self.fee {
            Some(fee) => Ok(fee.signed(row, currency)?.0),
            None => Ok(0),
        }
    }

    /// True when rows have a running balance.
    pub fn has_balance(&self) -> bool {
        self.balance.is_some()
    }

    /// What the row moves and the balance behind it; `None` where the file has no balances.
    ///
    /// # Errors
    /// The field that cannot be read.
    pub fn balanced<'t>(&'t self, row: &Row<'t>, times: &Times) -> Result<Option<Balanced<'t>>, Bad> {
        let Some(balance) = &self.balance else {
            return Ok(None);
        };
        let currency = self.currency.currency(row)?;
        let figures = Figures {
            signed_minor: self.movement(row, currency)?,
            fee_minor: self.fee(row, currency)?,
            booked: self.booking_time.time(row, times)?,
        };
        let account = self.account.bytes(row)?;
        let minor = i128::from(figures.signed_minor) - i128::from(figures.fee_minor);
        let balance_minor = balance.signed(row, currency)?.0;
        let booked = Booked::at(figures.booked.wall);
        Ok(Some(Balanced {
            account,
            currency,
            link: Link::of(row.place, minor, balance_minor, booked),
            figures,
        }))
    }

    /// What the row says in figures.
    ///
    /// # Errors
    /// The field that cannot be read.
    pub fn said(&self, row: &Row<'_>, times: &Times, ctx: &FormatContext<'_>) -> Result<Said, Bad> {
        let currency = self.currency.currency(row)?;
        let account = match &self.account_before {
            Some((known, account)) if same(known, &self.account.bytes(row)?) => *account,
            _ => {
                let text = self.account.text(row)?.0;
                self.index_of(&text, ctx).map_or(u16::MAX, |index| index as u16)
            }
        };
        let balance_minor = match &self.balance {
            Some(balance) => Some(balance.signed(row, currency)?.0),
            None => None,
        };
        Ok(Said {
            account,
            currency,
            moved_minor: i128::from(self.movement(row, currency)?) - i128::from(self.fee(row, currency)?),
            booked: Booked::at(self.booking_time.time(row, times)?.wall),
            balance_minor,
        })
    }

    /// Gives a row to the sink.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn give(
        &mut self,
        row: &Row<'_>,
        figures: Option<Figures>,
        times: &mut Times,
        ctx: &FormatContext<'_>,
        sink: &mut dyn RowSink,
    ) -> Result<(), Bad> {
        let currency = self.currency.currency(row)?;
        let account = match &self.account_before {
            Some((_, account)) if self.account.is_constant() => *account,
            Some((known, account)) if same(known, &self.account.bytes(row)?) => *account,
            _ => self.account_of(row, ctx)?,
        };
        if self.account.may_be_named() {
            self.compare_accounts(row, account, ctx);
        }
        let account_currency = ctx.settings.accounts[usize::from(account)].currency;
        if currency != account_currency {
            let mut bad = self.currency.refuse(
                row,
                format!("{account_currency}, the currency of the account; {ONE_CURRENCY}"),
            );
            bad.add_meaning(currency.code());
            return Err(bad);
        }
        let (signed_minor, fee_minor) = match figures {
            Some(figures) => (figures.signed_minor, figures.fee_minor),
            None => (self.movement(row, currency)?, self.fee(row, currency)?),
        };
        if let Some(net) = &self.net {
            let expected = i128::from(signed_minor) - i128::from(fee_minor);
            if i128::from(net.signed(row, currency)?.0) != expected {
                let expected = format_minor(expected, currency.digits());
                return Err(net.refuse(row, format!("{expected}, the amount less the fee")));
            }
        }
        let direction = direction_of(signed_minor);
        let mut booking_time = TimeText::EMPTY;
        match figures {
            Some(figures) => {
                let out = &mut booking_time;
                self.booking_time
                    .write_time_read(row, figures.booked, times, out)?;
            }
            None => {
                self.booking_time.write_time(row, times, &mut booking_time)?;
            }
        }
        let value_date = self.value_date.time(row, times)?.wall.date;
        let entry_id = needed!(self.entry_id, row, id);
        let purpose_text = optional!(self.purpose, row);
        let purpose = Purpose::parse(&purpose_text);
        if let Some(bound) = &self.purpose
            && purpose.direction().is_some_and(|allowed| allowed != direction)
            && signed_minor != 0
        {
            return Err(bound.refuse(row, format!("a purpose that fits direction {}", direction.name())));
        }
        if signed_minor == 0 && fee_minor == 0 {
            sink.not_booked(row.place);
            return Ok(());
        }
        let bank_ref = optional!(self.bank_ref, row, id);
        let remark = optional!(self.remark, row);
        let batch_ref = optional!(self.batch_ref, row, id);
        let counterparty_name = optional!(self.counterparty_name, row);
        let counterparty_account = optional!(self.counterparty_account, row);
        let original_ref = optional!(self.original_ref, row, id);
        let given = BankRow {
            place: row.place,
            entry_id: &entry_id,
            account,
            booking_time: booking_time.bytes(),
            value_date,
            direction,
            amount_minor: signed_minor.abs(),
            currency,
            bank_ref: &bank_ref,
            remark: &remark,
            batch_ref: &batch_ref,
            counterparty_name: &counterparty_name,
            counterparty_account: &counterparty_account,
            purpose,
            purpose_text: &purpose_text,
            original_ref: &original_ref,
        };
        if signed_minor != 0 {
            sink.bank(&given);
        }
        if fee_minor != 0 {
            let id = [&entry_id[..], b"/fee"].concat();
            // What is given back of a fee is no charge of the bank: it is left for someone to explain.
            let purpose: &[u8] = if fee_minor > 0 { b"BANK_FEE" } else { b"" };
            sink.bank(&BankRow {
                place: second_of(row.place),
                entry_id: &id,
                direction: direction_of(-fee_minor),
                amount_minor: fee_minor.abs(),
                purpose: Purpose::parse(purpose),
                purpose_text: purpose,
                original_ref: b"",
                ..given
            });
        }
        Ok(())
    }
}
