//! A sink that keeps what a person wants to see of a file: its first rows, its sums, what is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::Inspected;
use crate::entries::rows::{
    AdjustmentRow, BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink,
};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::Direction;

/// First rows that are kept.
const FIRST: usize = 5;
/// First rejects that are kept.
const REJECTS: usize = 5;
/// Accounts that a table may name before inspection stops learning them.
const ACCOUNTS_MAX: usize = 1000;

/// A row as the engine sees it: its fields by name, amounts as decimal texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryShown {
    /// Physical line (Parquet: row number).
    pub line: u64,
    /// Fields that have a text, in the order of the canonical table.
    pub fields: Vec<(&'static str, String)>,
}

/// Number and sum of rows of one side and currency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SideSum {
    /// `credit`, `debit`, or the transaction type.
    pub side: String,
    /// Currency.
    pub currency: Currency,
    /// Rows.
    pub rows: u64,
    /// Minor units.
    pub sum_minor: i128,
}

/// The business date of a file that is looked at without a book: times without a year get this one, and no file has it.
/// It is a leap year, and every day of it is nearer to this one than to another July.
pub const NO_BUSINESS_DATE: (i32, u32, u32) = (2396, 7, 2);
/// What is shown of a time without a year.
const NO_YEAR: &str = "????";

/// The sink.
#[derive(Default)]
pub struct Shown {
    rows: u64,
    not_booked: u64,
    /// With the index of its account, where it has one.
    first: Vec<(EntryShown, Option<u16>)>,
    /// A time has no year, or stands for the business date.
    no_year: bool,
    sums: BTreeMap<(String, Currency), (u64, i128)>,
    days: Option<(Date, Date)>,
    reject_count: u64,
    rejects: Vec<Reject>,
    /// Accounts that rows name and the stand-in for a book does not know.
    pub unknown_accounts: BTreeSet<String>,
    /// A currency that a row has and its account does not.
    pub other_currency: Option<Currency>,
}

impl Shown {
    fn row(&mut self, side: &str, currency: Currency, amount_minor: i64, day: Option<Date>) -> bool {
        self.rows += 1;
        let sum = self.sums.entry((side.to_owned(), currency)).or_insert((0, 0));
        sum.0 += 1;
        sum.1 += i128::from(amount_minor);
        if let Some(day) = day {
            self.day(day);
        }
        self.first.len() < FIRST
    }

    fn day(&mut self, day: Date) {
        if day.ymd().0 == NO_BUSINESS_DATE.0 {
            self.no_year = true;
            return;
        }
        self.days = Some(match self.days {
            None => (day, day),
            Some((from, to)) => (from.min(day), to.max(day)),
        });
    }

    fn keep(&mut self, place: Place, account: Option<u16>, fields: Vec<(&'static str, String)>) {
        let shown = EntryShown {
            line: place.line,
            fields: fields.into_iter().filter(|(_, text)| !text.is_empty()).collect(),
        };
        self.first.push((shown, account));
    }

    /// Rows that are refused, and the first of them.
    pub fn refused(self) -> (u64, Vec<Reject>) {
        (self.reject_count, self.rejects)
    }

    /// Moves what was kept into the result.
    pub fn into_seen(self, seen: &mut Inspected) {
        seen.rows = self.rows;
        seen.not_booked = self.not_booked;
        seen.first = self
            .first
            .into_iter()
            .map(|(mut shown, account)| {
                let account = account.and_then(|index| seen.accounts.get(usize::from(index)));
                if let Some(account) = account {
                    let behind = usize::from(!shown.fields.is_empty());
                    shown.fields.insert(behind, ("account", account.id.clone()));
                }
                shown
            })
            .collect();
        if self.no_year {
            seen.notes.push(
                "times of this file have no year, or the day is not in it: a close takes those of its business date"
                    .to_owned(),
            );
        }
        seen.period = self.days;
        seen.reject_count = self.reject_count;
        seen.rejects = self.rejects;
        seen.sums = self
            .sums
            .into_iter()
            .map(|((side, currency), (rows, sum_minor))| SideSum {
                side,
                currency,
                rows,
                sum_minor,
            })
            .collect();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A day or time as text, without the year that no file gave.
fn time(text: &str) -> String {
    let (year, month, day) = NO_BUSINESS_DATE;
    if text == format!("{year}-{month:02}-{day:02}") {
        return "(the business date)".to_owned();
    }
    match text.strip_prefix(&format!("{year}-")) {
        Some(rest) => format!("{NO_YEAR}-{rest}"),
        None => text.to_owned(),
    }
}

fn amount(minor: i64, currency: Currency) -> String {
    crate::terms::money::format_minor(minor.into(), currency.digits())
}

/// The day that a time begins with.
fn day_of(time: &[u8]) -> Option<Date> {
    Date::parse(time.get(..10)?)
}

fn bank_fields(row: &BankRow<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("entry_id", text(row.entry_id)),
        ("booking_time", time(&text(row.booking_time))),
        ("value_date", time(&row.value_date.to_string())),
        ("direction", row.direction.name().to_owned()),
        ("amount", amount(row.amount_minor, row.currency)),
        ("currency", row.currency.code().to_owned()),
        ("bank_ref", text(row.bank_ref)),
        ("remark", text(row.remark)),
        ("counterparty_name", text(row.counterparty_name)),
        ("counterparty_account", text(row.counterparty_account)),
        ("purpose", text(row.purpose_text)),
        ("original_ref", text(row.original_ref)),
    ]
}

impl RowSink for Shown {
    fn platform(&mut self, row: &PlatformRow<'_>) {
        if self.row(row.txn_type.name(), row.currency, row.amount_minor, None) {
            self.keep(
                row.place,
                None,
                vec![
                    ("txn_id", text(row.txn_id)),
                    ("txn_type", row.txn_type.name().to_owned()),
                    ("amount", amount(row.amount_minor, row.currency)),
                    ("currency", row.currency.code().to_owned()),
                    ("merchant_id", text(row.merchant_id)),
                    ("customer_id", text(row.customer_id)),
                    ("channel", text(row.channel)),
                    ("bank_ref", text(row.bank_ref)),
                    ("status", row.status.name().to_owned()),
                ],
            );
        }
    }

    fn bank(&mut self, row: &BankRow<'_>) {
        let side = match row.direction {
            Direction::Credit => "credit",
            Direction::Debit => "debit",
        };
        let booked = day_of(row.booking_time).or(Some(row.value_date));
        if self.row(side, row.currency, row.amount_minor, booked) {
            self.keep(row.place, Some(row.account), bank_fields(row));
        }
    }

    fn entry_of_report(&mut self, row: &BankRow<'_>) {
        self.day(day_of(row.booking_time).unwrap_or(row.value_date));
        if self.first.len() < FIRST {
            self.keep(row.place, Some(row.account), bank_fields(row));
        }
    }

    fn channel(&mut self, row: &ChannelRow<'_>) {
        if self.row(
            row.txn_type.name(),
            row.currency,
            row.amount_minor,
            Some(row.settle_date),
        ) {
            self.keep(
                row.place,
                None,
                vec![
                    ("channel", text(row.channel)),
                    ("channel_ref", text(row.channel_ref)),
                    ("order_id", text(row.order_id)),
                    ("txn_type", row.txn_type.name().to_owned()),
                    ("amount", amount(row.amount_minor, row.currency)),
                    ("fee", amount(row.fee_minor, row.currency)),
                    ("currency", row.currency.code().to_owned()),
                    ("txn_time", time(&text(row.txn_time))),
                    ("settle_date", time(&row.settle_date.to_string())),
                    ("status", row.status.name().to_owned()),
                    ("refund_ref", text(row.refund_ref)),
                ],
            );
        }
    }

    fn balance(&mut self, row: &BalanceRow) {
        self.day(row.date);
    }

    fn adjustment(&mut self, row: &AdjustmentRow<'_>) {
        // Its currency is that of its target, so there is nothing to add up.
        self.rows += 1;
        if self.first.len() < FIRST {
            self.keep(
                row.place,
                None,
                vec![
                    ("adjustment_id", text(row.adjustment_id)),
                    ("target", text(row.target)),
                    ("action", row.action.name().to_owned()),
                    ("amount", text(row.amount)),
                    ("reason", text(row.reason)),
                    ("prepared_by", text(row.prepared_by)),
                    ("approved_by", text(row.approved_by)),
                    ("approved_at", text(row.approved_at)),
                ],
            );
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.reject_count += 1;
        match reject.field.as_str() {
            "account" if self.unknown_accounts.len() < ACCOUNTS_MAX => {
                self.unknown_accounts.insert(reject.found.clone());
            }
            "currency" if self.other_currency.is_none() => {
                // What stands there, and behind it what the profile says that it means.
                let code = reject.found.rsplit(' ').next().unwrap_or_default();
                self.other_currency = Currency::parse(code.as_bytes());
            }
            _ => {}
        }
        if self.rejects.len() < REJECTS {
            self.rejects.push(reject);
        }
    }

    fn not_booked(&mut self, _place: Place) {
        self.not_booked += 1;
    }
}
