//! Typed rows, as every reader yields them (SPEC §4.2), borrowing their texts from the reader's buffer.

use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};
use crate::terms::kinds::{Action, Direction, Funding, Purpose, Status, TxnType};

/// Where a row stands in the file as delivered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    /// Physical line, 1-based (Parquet: row number, 1-based; XML: line of the entry's start tag).
    pub line: u64,
    /// Byte offset of the row in the unpacked content (Parquet: row number, 0-based).
    pub offset: u64,
}

/// A row of the platform's transaction log.
#[derive(Clone, Copy, Debug)]
pub struct PlatformRow<'a> {
    /// Where it stands.
    pub place: Place,
    /// Unique id.
    pub txn_id: &'a [u8],
    /// When it happened.
    pub txn_time: Instant,
    /// Empty where none.
    pub merchant_id: &'a [u8],
    /// The number under which the file repeats `merchant_id`, where it does: within one stretch of a file (the rows
    /// of a Parquet row group) rows of the same number have the same merchant, so that it can be looked up once.
    pub merchant_repeated: Option<u32>,
    /// Empty where none.
    pub customer_id: &'a [u8],
    /// Type.
    pub txn_type: TxnType,
    /// Channel name.
    pub channel: &'a [u8],
    /// Currency.
    pub currency: Currency,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// Reference at the bank; empty where none.
    pub bank_ref: &'a [u8],
    /// Status.
    pub status: Status,
    /// Funding.
    pub funding: Funding,
    /// Optional order id.
    pub order_id: &'a [u8],
    /// Optional reference at the channel.
    pub channel_ref: &'a [u8],
    /// Optional id of the transaction this one refers to.
    pub original_txn_id: &'a [u8],
    /// Optional batch reference.
    pub batch_ref: &'a [u8],
    /// Optional other customer (TRANSFER).
    pub counterparty_id: &'a [u8],
    /// Optional free text.
    pub memo: &'a [u8],
}

/// An entry of a bank statement.
#[derive(Clone, Copy, Debug)]
pub struct BankRow<'a> {
    /// Where it stands.
    pub place: Place,
    /// Id, unique per account.
    pub entry_id: &'a [u8],
    /// Index into `Settings::accounts`.
    pub account: u16,
    /// Booking time as delivered (RFC 3339, or a day), already checked.
    pub booking_time: &'a [u8],
    /// When the funds count.
    pub value_date: Date,
    /// Direction.
    pub direction: Direction,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// Currency.
    pub currency: Currency,
    /// Reference; empty where none.
    pub bank_ref: &'a [u8],
    /// Free text.
    pub remark: &'a [u8],
    /// Optional batch reference.
    pub batch_ref: &'a [u8],
    /// Optional name of the other side.
    pub counterparty_name: &'a [u8],
    /// Optional account of the other side.
    pub counterparty_account: &'a [u8],
    /// Purpose (R14), already checked against the direction.
    pub purpose: Purpose,
    /// Purpose text as delivered.
    pub purpose_text: &'a [u8],
    /// Optional id or reference of the entry this one returns or reverses.
    pub original_ref: &'a [u8],
}

/// A row of a channel's bill.
#[derive(Clone, Copy, Debug)]
pub struct ChannelRow<'a> {
    /// Where it stands.
    pub place: Place,
    /// Channel name.
    pub channel: &'a [u8],
    /// The channel's own reference.
    pub channel_ref: &'a [u8],
    /// Our order id.
    pub order_id: &'a [u8],
    /// Type.
    pub txn_type: TxnType,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// Minor units, ≥ 0: what the channel charges (PAYMENT) or gives back (REFUND).
    pub fee_minor: i64,
    /// Currency.
    pub currency: Currency,
    /// When it happened, as delivered, already checked.
    pub txn_time: &'a [u8],
    /// The channel's settlement day, or the day of `txn_time` (R45).
    pub settle_date: Date,
    /// Optional batch reference.
    pub batch_ref: &'a [u8],
    /// Status.
    pub status: Status,
    /// Id of the refund; empty on payments.
    pub refund_ref: &'a [u8],
}

/// A line of a `balances` table, or the balances of a statement.
#[derive(Clone, Copy, Debug)]
pub struct BalanceRow {
    /// Where it stands.
    pub place: Place,
    /// Index into `Settings::accounts`.
    pub account: u16,
    /// Currency.
    pub currency: Currency,
    /// The day.
    pub date: Date,
    /// Opening balance, minor units.
    pub opening_minor: i64,
    /// Closing balance, minor units.
    pub closing_minor: i64,
}

/// A row of an `adjustments` table (SPEC §6.7).
#[derive(Clone, Copy, Debug)]
pub struct AdjustmentRow<'a> {
    /// Where it stands.
    pub place: Place,
    /// Unique id, over all days.
    pub adjustment_id: &'a [u8],
    /// A break, several breaks joined by `+`, or a merchant.
    pub target: &'a [u8],
    /// What is decided.
    pub action: Action,
    /// A decimal above zero. Its currency is the target's, so its decimals are judged where the target is known.
    pub amount: &'a [u8],
    /// Why; not empty.
    pub reason: &'a [u8],
    /// Who prepared it; not empty.
    pub prepared_by: &'a [u8],
    /// Who approved it; another person than who prepared it.
    pub approved_by: &'a [u8],
    /// When it was approved, as delivered (RFC 3339), already checked.
    pub approved_at: &'a [u8],
}

/// One refused value (SPEC §4.1): what was found where, and what was expected.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Reject {
    /// Physical line, 1-based.
    pub line: u64,
    /// Column, 1-based, in characters; 0 where a format has no columns.
    pub column: u32,
    /// Canonical field name.
    pub field: String,
    /// What stood there, cut to 80 characters, control characters escaped.
    pub found: String,
    /// What would have been right.
    pub expected: String,
    /// Currency and amount of the row, minor units, where both can be read: refused rows are summed by them.
    pub amount: Option<(Currency, i64)>,
}

/// Takes what a reader yields, in the order of the file.
pub trait RowSink {
    /// False where free text (a remark) is passed over: it may come with its quotes around it then.
    #[inline]
    fn reads_free_text(&self) -> bool {
        true
    }
    /// A merchant that a row soon to come will name: what is known of it may be got ready. No more than a hint.
    #[inline]
    fn expect_merchant(&self, _merchant_id: &[u8]) {}
    /// A platform row.
    fn platform(&mut self, row: &PlatformRow<'_>);
    /// A bank entry.
    fn bank(&mut self, row: &BankRow<'_>);
    /// A channel row.
    fn channel(&mut self, row: &ChannelRow<'_>);
    /// A balance.
    fn balance(&mut self, row: &BalanceRow);
    /// An adjustment by people. Readers that look for money rows only pass it by.
    fn adjustment(&mut self, _row: &AdjustmentRow<'_>) {}
    /// A refused row. Its amount, where it could be read, keeps control totals whole (R36).
    fn reject(&mut self, reject: Reject);
    /// A row that moves no money by its own status (R45: pending or zero statement entries).
    fn not_booked(&mut self, place: Place);
    /// What an entry says that was told as not booked before, for who looks at a file: a document that books nothing.
    fn entry_of_report(&mut self, _row: &BankRow<'_>) {}
}
