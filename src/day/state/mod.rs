//! What one close brings forward to the next (R35): `state/` of a close, or `opening/` of a book.
//!
//! Every table is a CSV with a header, sorted by its key, amounts in minor units. [`State`] is all of them in
//! memory; reading and writing them is in this module and nowhere else: [`files`] has all tables together,
//! [`tables`] says what each column is, [`cells`] reads and writes one table, [`opening`] compares tables that people
//! wrote. Bytes in, bytes out: no file is opened.

pub mod files;
pub mod opening;
pub mod tables;
pub mod cells;
#[cfg(test)]
mod state_tests;

use std::sync::Arc;

use crate::book::settings::Account;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, Funding, Status, TxnType};

/// `open_items.csv`: one row that waits for its counterpart, with all its canonical fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenItem {
    /// Name of the leg it is open on (`platform-bank`, …, `wallet`, `payout-bank`).
    pub leg: String,
    /// `platform`, `bank` or `channel`.
    pub side: OpenSide,
    /// The close that received it.
    pub first_seen: Date,
    /// True when its reference has or once had two or more rows of its side and direction (R5).
    pub was_duplicate: bool,
    /// Class of the break it stood in at the end of the close.
    pub class: String,
    /// File below `inbox/DATE/` it came from, archives written `a.zip!member`.
    pub file: String,
    /// Physical line in it.
    pub line: u64,
    /// The row itself.
    pub row: Arc<OpenRow>,
}

impl OpenItem {
    /// What tells rows of the state apart, but for their content.
    pub fn row_identity(&self) -> (OpenSide, &str, &str, Date, &str, u64) {
        let row = &self.row;
        (
            self.side,
            &row.id,
            &row.account,
            self.first_seen,
            &self.file,
            self.line,
        )
    }

    /// True when two items are one row, open on two legs: all but leg, class and the marks of a leg agree.
    pub fn is_of_the_row_of(&self, other: &OpenItem) -> bool {
        self.row_identity() == other.row_identity() && self.row == other.row
    }

    /// True when the row was there on a day. A match before its first close was that of another row of its txn_id: while
    /// rows of one id are in doubt none of them matches (R19).
    pub fn is_there_on(&self, day: Date) -> bool {
        self.first_seen <= day
    }
}

/// Which side of a leg an open item stands on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OpenSide {
    /// Platform log.
    Platform,
    /// Bank statement.
    Bank,
    /// Channel bill.
    Channel,
}

/// The canonical fields of an open row; texts are empty where a side has no such field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenRow {
    /// txn_id, entry_id or channel_ref.
    pub id: String,
    /// Account id of the settings (bank), else empty.
    pub account: String,
    /// Channel name (platform, channel), else empty.
    pub channel: String,
    /// Currency.
    pub currency: Currency,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// Channel fee, minor units (channel), else 0.
    pub fee_minor: i64,
    /// Direction at the bank; `None` for TRANSFER.
    pub direction: Option<Direction>,
    /// Type (platform, channel).
    pub txn_type: Option<TxnType>,
    /// Status (platform, channel); bank entries are `Success`.
    pub status: Status,
    /// Funding (platform).
    pub funding: Funding,
    /// Time as milliseconds since 1970 (platform), else 0.
    pub time_ms: i64,
    /// Time text as delivered (bank booking_time, channel txn_time), else empty.
    pub time_text: String,
    /// Value date (bank) or settlement day (channel).
    pub value_date: Option<Date>,
    /// bank_ref.
    pub bank_ref: String,
    /// merchant_id.
    pub merchant_id: String,
    /// customer_id.
    pub customer_id: String,
    /// counterparty_id (platform).
    pub counterparty_id: String,
    /// order_id.
    pub order_id: String,
    /// channel_ref.
    pub channel_ref: String,
    /// refund_ref (channel).
    pub refund_ref: String,
    /// original_txn_id (platform) or original_ref (bank).
    pub original_ref: String,
    /// batch_ref.
    pub batch_ref: String,
    /// memo (platform) or remark (bank).
    pub remark: String,
    /// counterparty_name (bank).
    pub counterparty_name: String,
    /// counterparty_account (bank).
    pub counterparty_account: String,
    /// purpose text as delivered (bank).
    pub purpose: String,
}

/// `unsettled.csv`: a platform row matched on some of its legs and waiting for the others (R41). While it
/// waits it also stands in `open_items.csv` on each leg that has not matched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unsettled {
    /// The row's id.
    pub txn_id: String,
    /// A leg that has matched.
    pub leg: String,
    /// The close in which it matched.
    pub matched_on: Date,
}

/// `chained.csv`: a row of a channel's bill that has gone one of its two ways (R26): it has met its platform row and waits for
/// its batch at the bank, or its batch is at the bank and it waits for its platform row. It stands in `open_items.csv` too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chained {
    /// Channel.
    pub channel: String,
    /// channel_ref.
    pub channel_ref: String,
    /// Type.
    pub txn_type: TxnType,
    /// refund_ref.
    pub refund_ref: String,
    /// The leg between channel and bank.
    pub leg: String,
    /// The platform row it has met; empty where it waits for it.
    pub txn_id: String,
    /// Account id of the entry that paid its batch; empty where it waits for the bank.
    pub account: String,
    /// That entry.
    pub entry_id: String,
    /// That batch.
    pub batch_ref: String,
}

impl Chained {
    /// What makes two bill rows the same (R19).
    pub fn identity(&self) -> (&str, &str, &str, &str) {
        (
            &self.channel,
            &self.channel_ref,
            self.txn_type.name(),
            &self.refund_ref,
        )
    }
}

/// `dues.csv`: a net that has not fallen due (R8, R9).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// Merchant.
    pub merchant_id: String,
    /// Currency.
    pub currency: Currency,
    /// When it falls due.
    pub due_date: Date,
    /// Minor units, any sign.
    pub amount_minor: i64,
}

/// `holds.csv`: money held back (R11).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hold {
    /// Merchant.
    pub merchant_id: String,
    /// Currency.
    pub currency: Currency,
    /// First close on or after which it is released; `None` where an adjustment holds it until another releases it (R24).
    pub release_date: Option<Date>,
    /// Minor units, > 0.
    pub amount_minor: i64,
}

/// `carried.csv`: what a merchant is owed, or owes, and was not paid (R10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Carried {
    /// Merchant.
    pub merchant_id: String,
    /// Currency.
    pub currency: Currency,
    /// Minor units, any sign, not 0.
    pub amount_minor: i64,
}

/// How far an issued payout has come (R13).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PayoutProgress {
    /// Issued; the bank has not debited it.
    Issued,
    /// Debited.
    Debited,
    /// Debited and then returned.
    Returned,
}

/// `payouts.csv`: an issued payout, until 90 days after its debit (R13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedPayout {
    /// Id (R12).
    pub payout_id: String,
    /// Merchant.
    pub merchant_id: String,
    /// Currency.
    pub currency: Currency,
    /// The close that issued it.
    pub issued_on: Date,
    /// Execution date E (R9).
    pub execution_date: Date,
    /// Sequence (R12).
    pub sequence: u32,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// Paying account id.
    pub account: String,
    /// Progress.
    pub progress: PayoutProgress,
    /// The close in which progress last changed.
    pub changed_on: Date,
}

/// `customers.csv`: a customer's balance (R21).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CustomerBalance {
    /// Customer.
    pub customer_id: String,
    /// Currency.
    pub currency: Currency,
    /// Minor units, any sign, not 0.
    pub closing_minor: i64,
}

/// `accounts.csv`: the statement and cash-book balance of an account (R27, R28).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountBalance {
    /// Account id.
    pub account: String,
    /// Currency.
    pub currency: Currency,
    /// Statement closing balance, minor units.
    pub closing_minor: i64,
    /// Cash-book balance, minor units.
    pub book_minor: i64,
}

/// `own.csv`: own money in a reserve pool (R1's E).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnMoney {
    /// Pool.
    pub pool: String,
    /// Currency.
    pub currency: Currency,
    /// Minor units, any sign.
    pub amount_minor: i64,
}

/// `inter_pool.csv`: what a pool's obligees are owed and other pools hold (R28), less what it holds for theirs.
/// Per currency the pools sum to zero.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterPool {
    /// Pool.
    pub pool: String,
    /// Currency.
    pub currency: Currency,
    /// Minor units, any sign, not 0.
    pub amount_minor: i64,
}

impl State {
    /// What the close before left of an account, in its currency.
    pub fn of_account(&self, account: &Account) -> Option<&AccountBalance> {
        let is_its = |line: &&AccountBalance| line.account == account.id && line.currency == account.currency;
        self.accounts.iter().find(is_its)
    }
}

/// `files.csv`: a file taken in the last 400 days (R20).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownFile {
    /// SHA-256 of the unpacked content, hex.
    pub sha256: String,
    /// The close that took it.
    pub taken_on: Date,
    /// Its name below `inbox/DATE/`.
    pub name: String,
}

/// `fee_returns.csv`: an original already refunded in part, under a plan that returns fees (R16).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeeReturn {
    /// txn_id of the original payment.
    pub original_txn_id: String,
    /// Merchant that was charged its fee; empty in closes that did not note it yet.
    pub merchant_id: String,
    /// Its currency; `None` in the same.
    pub currency: Option<Currency>,
    /// Its amount, minor units.
    pub amount_minor: i64,
    /// Its fee, minor units.
    pub fee_minor: i64,
    /// Refunded so far, minor units.
    pub refunded_minor: i64,
    /// Fee returned so far, minor units.
    pub returned_minor: i64,
    /// The close that last changed it; forgotten after 365 days.
    pub changed_on: Date,
}

/// `ledger.csv`: closing balance of a ledger account (R43).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LedgerBalance {
    /// Ledger account.
    pub ledger_account: String,
    /// Currency.
    pub currency: Currency,
    /// Debits less credits, minor units.
    pub balance_minor: i64,
}

/// `breaks.csv` of the state: which breaks were open, for "resolved today" and first_seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenBreak {
    /// Id (R30).
    pub break_id: String,
    /// Leg.
    pub leg: String,
    /// Class.
    pub class: String,
    /// The first close that received one of its rows.
    pub first_seen: Date,
}

/// `statements.csv`: the last numbered statement of an account in the counting of a format.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatementNumber {
    /// Account id.
    pub account: String,
    /// Name of the format: what a bank sends in two formats is counted twice.
    pub format: String,
    /// Number of the last statement, from 1.
    pub number: u64,
    /// Day of its closing balance.
    pub closed_on: Date,
}

/// Days for which a file is known by its hash (R20), and a statement by its content (D240).
pub const DAYS_KNOWN: i32 = 400;

/// `statements_taken.csv`: a statement of the last 400 days that the close of its day has taken, or that another close has passed over
/// since nothing of it is lost (D240): a later one, or one before its day, without which its own day stops.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatementTaken {
    /// Account id.
    pub account: String,
    /// The day of which it is.
    pub day: Date,
    /// SHA-256 over all that its entries and balances say, hex.
    pub content: String,
    /// The close that took it; of any other day than its own, the one that passed it over.
    pub taken_on: Date,
}

/// `adjustments.csv`: an adjustment that was posted. Its id cannot be posted again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PostedAdjustment {
    /// Its id.
    pub adjustment_id: String,
    /// The close that posted it.
    pub posted_on: Date,
}

/// Everything that is brought forward.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Sorted by (leg, side, row.id, row.account, first_seen).
    pub open_items: Vec<OpenItem>,
    /// Sorted by (txn_id, leg).
    pub unsettled: Vec<Unsettled>,
    /// Sorted by (channel, channel_ref, type's name, refund_ref); one line per key.
    pub chained: Vec<Chained>,
    /// Sorted by (merchant_id, currency, due_date); one line per key.
    pub dues: Vec<Due>,
    /// Sorted by (merchant_id, currency, release_date); one line per key.
    pub holds: Vec<Hold>,
    /// Sorted by (merchant_id, currency).
    pub carried: Vec<Carried>,
    /// Sorted by payout_id.
    pub payouts: Vec<IssuedPayout>,
    /// Sorted by (customer_id, currency).
    pub customers: Vec<CustomerBalance>,
    /// Sorted by (account, currency).
    pub accounts: Vec<AccountBalance>,
    /// Sorted by (pool, currency).
    pub own: Vec<OwnMoney>,
    /// Sorted by (pool, currency).
    pub inter_pool: Vec<InterPool>,
    /// Sorted by (sha256, taken_on, name).
    pub files: Vec<KnownFile>,
    /// Sorted by original_txn_id.
    pub fee_returns: Vec<FeeReturn>,
    /// Sorted by (ledger_account, currency).
    pub ledger: Vec<LedgerBalance>,
    /// Sorted by break_id.
    pub open_breaks: Vec<OpenBreak>,
    /// Sorted by (account, format).
    pub statements: Vec<StatementNumber>,
    /// Sorted by (account, day, content).
    pub statements_taken: Vec<StatementTaken>,
    /// Sorted by adjustment_id.
    pub adjustments: Vec<PostedAdjustment>,
}
