//! The figures of one business day, as the stages hand them on: sums over settled rows, payout lines, account
//! lines, open items. Plain data; sums in 128 bits; everything sorted by its stated key.

use crate::book::merchants::MerchantCode;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Action, Direction, Purpose, TxnType};

/// Sums over the rows of one merchant and currency that settled in this close (R17). All are ≥ 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MerchantSums {
    /// Merchant.
    pub merchant: MerchantCode,
    /// Currency of the rows.
    pub currency: Currency,
    /// Rows by type.
    pub payment_count: u64,
    /// REFUND rows.
    pub refund_count: u64,
    /// CHARGEBACK rows.
    pub chargeback_count: u64,
    /// CHARGEBACK_REVERSAL rows.
    pub reversal_count: u64,
    /// ADJUSTMENT rows.
    pub adjustment_count: u64,
    /// PAYMENT amounts, both fundings.
    pub gross_minor: i128,
    /// REFUND amounts, both fundings.
    pub refund_minor: i128,
    /// CHARGEBACK amounts.
    pub chargeback_minor: i128,
    /// CHARGEBACK_REVERSAL amounts.
    pub reversal_minor: i128,
    /// ADJUSTMENT amounts.
    pub adjustment_minor: i128,
    /// Fees charged per transaction. A plan with `per = "day"` adds its fee in the payout stage.
    pub fee_minor: i128,
    /// Fees given back on refunds.
    pub fee_returned_minor: i128,
    /// Part of `gross_minor` that was paid from wallets (no bank leg).
    pub balance_gross_minor: i128,
    /// Part of `refund_minor` that went to wallets.
    pub balance_refund_minor: i128,
    /// Part of `gross_minor` under rules of a per-day plan, by which the day's fee is computed.
    pub day_fee_base_minor: i128,
}

impl MerchantSums {
    /// All zero.
    pub fn zero(merchant: MerchantCode, currency: Currency) -> MerchantSums {
        MerchantSums {
            merchant,
            currency,
            payment_count: 0,
            refund_count: 0,
            chargeback_count: 0,
            reversal_count: 0,
            adjustment_count: 0,
            gross_minor: 0,
            refund_minor: 0,
            chargeback_minor: 0,
            reversal_minor: 0,
            adjustment_minor: 0,
            fee_minor: 0,
            fee_returned_minor: 0,
            balance_gross_minor: 0,
            balance_refund_minor: 0,
            day_fee_base_minor: 0,
        }
    }
}

/// Why a payable amount was not paid (R17), the first that applies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CarryReason {
    /// The amount is below zero.
    Negative,
    /// The merchant is closed.
    Closed,
    /// The merchant is held.
    Held,
    /// The amount is below the least payout.
    BelowMin,
    /// The reserve is short.
    Shortfall,
    /// No paying account in the currency (R28).
    NoAccount,
    /// The payee lacks what the file format needs (R44).
    NoDestination,
}

impl CarryReason {
    /// The word of payouts.csv.
    pub fn name(self) -> &'static str {
        match self {
            CarryReason::Negative => "NEGATIVE",
            CarryReason::Closed => "CLOSED",
            CarryReason::Held => "HELD",
            CarryReason::BelowMin => "BELOW_MIN",
            CarryReason::Shortfall => "SHORTFALL",
            CarryReason::NoAccount => "NO_ACCOUNT",
            CarryReason::NoDestination => "NO_DESTINATION",
        }
    }
}

/// What became of a payable amount (R17).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PayoutStatus {
    /// A payout was issued.
    Issued,
    /// Carried to the next close.
    Carried,
    /// Carried because the reserve is short.
    Withheld,
    /// Nothing was payable.
    None,
}

impl PayoutStatus {
    /// The word of payouts.csv.
    pub fn name(self) -> &'static str {
        match self {
            PayoutStatus::Issued => "issued",
            PayoutStatus::Carried => "carried",
            PayoutStatus::Withheld => "withheld",
            PayoutStatus::None => "none",
        }
    }
}

/// What adjustments moved of one merchant and currency (R24). Minor units, all ≥ 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manual {
    /// From carried to held.
    pub hold_minor: i128,
    /// From held to carried.
    pub release_minor: i128,
    /// From own money to carried.
    pub transfer_minor: i128,
}

impl Manual {
    /// `manual_minor` of payouts.csv: what carried gained before the payout decision.
    pub fn net_minor(&self) -> i128 {
        self.transfer_minor + self.release_minor - self.hold_minor
    }
}

/// The adjustments of one merchant and currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManualMoves {
    /// Merchant.
    pub merchant_id: String,
    /// Base currency.
    pub currency: Currency,
    /// What they move.
    pub manual: Manual,
}

/// A line of adjustments.csv: an adjustment that was posted. Minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdjustmentLine {
    /// Its id.
    pub adjustment_id: String,
    /// What it does.
    pub action: Action,
    /// Break ids joined by `+`, or a merchant.
    pub target: String,
    /// Leg of the break; empty for merchants.
    pub leg: String,
    /// Class of the break; empty for merchants.
    pub class: String,
    /// Platform rows, joined by `+`.
    pub txn_id: String,
    /// Bank entries or channel references, joined by `+`.
    pub entry_id: String,
    /// Account id of the bank entry; empty where none.
    pub account: String,
    /// Merchant; empty where none.
    pub merchant_id: String,
    /// Currency.
    pub currency: Currency,
    /// The amount that was approved.
    pub amount_minor: i64,
    /// What own money gained (−: bore).
    pub own_money_minor: i64,
    /// The first close that received one of the rows; `None` for merchants.
    pub first_seen: Option<Date>,
    /// Why.
    pub reason: String,
    /// Who prepared it.
    pub prepared_by: String,
    /// Who approved it.
    pub approved_by: String,
    /// When, as delivered.
    pub approved_at: String,
    /// Where it stands.
    pub file: String,
    /// Its physical line.
    pub line: u64,
}

/// A line of payouts.csv (R17): one merchant and currency. Minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutLine {
    /// The settled rows.
    pub sums: MerchantSums,
    /// Fee, per transaction and per day together.
    pub fee_minor: i128,
    /// Held back today (R11).
    pub hold_minor: i128,
    /// Holds released today (R11).
    pub release_minor: i128,
    /// The whole formula of SPEC §6.2, release included.
    pub net_minor: i128,
    /// When `net_minor` falls due; the business date where it is 0.
    pub due_date: Date,
    /// Carried from the previous close.
    pub opening_minor: i128,
    /// What fell due up to E (R9).
    pub due_minor: i128,
    /// Paid.
    pub payout_minor: i128,
    /// `opening + due + manual − payout + returned` (R10).
    pub carried_minor: i128,
    /// Returned payouts credited after the decision (R13).
    pub returned_minor: i128,
    /// Moved by adjustments before the decision (R24): held back, set free, given.
    pub manual: Manual,
    /// Nets not yet due after this close.
    pub undue_minor: i128,
    /// Holds not yet released after this close.
    pub held_minor_total: i128,
    /// Payout id where issued (R12).
    pub payout_id: Option<String>,
    /// Status.
    pub status: PayoutStatus,
    /// Reason where not paid.
    pub reason: Option<CarryReason>,
}

impl PayoutLine {
    /// True when payouts.csv shows the line (R17): any number but `undue_minor` and `held_minor_total` is not 0.
    pub fn is_listed(&self) -> bool {
        let sums = &self.sums;
        let counts = [
            sums.payment_count,
            sums.refund_count,
            sums.chargeback_count,
            sums.reversal_count,
            sums.adjustment_count,
        ];
        let amounts_minor = [
            sums.gross_minor,
            sums.refund_minor,
            sums.chargeback_minor,
            sums.reversal_minor,
            sums.adjustment_minor,
            self.fee_minor,
            sums.fee_returned_minor,
            self.hold_minor,
            self.release_minor,
            self.net_minor,
            self.opening_minor,
            self.due_minor,
            self.payout_minor,
            self.carried_minor,
            self.returned_minor,
            self.manual.net_minor(),
        ];
        counts.iter().any(|count| *count > 0) || amounts_minor.iter().any(|minor| *minor != 0)
    }
}

/// A line of accounts.csv (R27): one configured account. Minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLine {
    /// Index into `Settings::accounts`.
    pub account: usize,
    /// Accepted credits delivered for D.
    pub credit_count: u64,
    /// Their sum.
    pub credit_minor: i128,
    /// Accepted debits delivered for D.
    pub debit_count: u64,
    /// Their sum.
    pub debit_minor: i128,
    /// Statement opening balance.
    pub opening_minor: i128,
    /// Statement closing balance.
    pub closing_minor: i128,
    /// Cash-book balance at the previous close.
    pub book_opening_minor: i128,
}

/// A line of customers.csv (R21). Minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerLine {
    /// Customer.
    pub customer_id: String,
    /// Currency.
    pub currency: Currency,
    /// Opening balance.
    pub opening_minor: i128,
    /// Credits of the day.
    pub credit_minor: i128,
    /// Debits of the day.
    pub debit_minor: i128,
    /// Closing balance.
    pub closing_minor: i128,
    /// Parts of credits and debits by kind, for the journal.
    pub topup_minor: i128,
    /// BALANCE-funded refunds received.
    pub refund_minor: i128,
    /// Transfers received.
    pub transfer_in_minor: i128,
    /// Withdrawals booked.
    pub withdrawal_minor: i128,
    /// BALANCE-funded payments made.
    pub payment_minor: i128,
    /// Transfers sent.
    pub transfer_out_minor: i128,
    /// Withdrawals booked and written off (R24): a credit.
    pub unbooked_minor: i128,
}

/// Sums of bank entries agreed today, by account and by the pool of the obligee they belong to. Minor units.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgreedSums {
    /// Index into `Settings::accounts`.
    pub account: usize,
    /// Pool of the merchant or customer (`default` for customers).
    pub obligee_pool: String,
    /// Credits agreed with a platform row.
    pub credit_minor: i128,
    /// Debits agreed with a platform row.
    pub debit_minor: i128,
}

/// A bank entry booked to own money (R14), or a payout movement (R13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEvent {
    /// Index into `Settings::accounts`.
    pub account: usize,
    /// entry_id.
    pub entry_id: String,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// What it is.
    pub kind: AccountEventKind,
}

/// Kinds of [`AccountEvent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEventKind {
    /// A purpose entry (R14).
    Purpose(Purpose),
    /// An issued payout was debited: payout id, merchant, pool of the merchant, paying account id.
    PayoutDebited {
        /// Payout id.
        payout_id: String,
        /// Merchant.
        merchant_id: String,
        /// Account it was to be paid from (index).
        paying_account: usize,
    },
    /// What a match leaves between its sides: a tolerance, or what a channel kept of a batch (R1).
    Residual {
        /// Ledger account it is booked to, part of own money.
        ledger_account: String,
        /// `Credit` when the bank has more than was booked: own money gains.
        direction: Direction,
    },
    /// What an adjustment books between the bank account and own money (R24).
    Adjusted {
        /// Its id.
        adjustment_id: String,
        /// `accept`, `write_off` or `force_match`.
        action: Action,
        /// Ledger account, part of own money.
        ledger_account: &'static str,
        /// `Credit` when the bank has more than was booked: own money gains.
        direction: Direction,
    },
    /// A debited payout came back.
    PayoutReturned {
        /// Payout id.
        payout_id: String,
        /// Merchant.
        merchant_id: String,
    },
}

/// A break row side that is still open after matching: one item of A1, A2, B1 or B2 (R1), or of neither
/// (`counts` false: a platform row that is not SUCCESS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenEntry {
    /// Leg.
    pub leg: String,
    /// Break id of the line it stands in (the first, where it stands in several).
    pub break_id: String,
    /// True for a bank entry, false for a platform row.
    pub at_bank: bool,
    /// txn_id or entry_id.
    pub id: String,
    /// bank_ref.
    pub reference: String,
    /// Index into `Settings::accounts` (bank entries).
    pub account: Option<usize>,
    /// Merchant id, customer id, or empty.
    pub obligee_id: String,
    /// True when the obligee is a customer.
    pub obligee_is_customer: bool,
    /// Pool: of the obligee (platform) or of the account (bank).
    pub pool: String,
    /// Currency.
    pub currency: Currency,
    /// Direction at the bank.
    pub direction: Direction,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// The close that received it.
    pub first_seen: Date,
    /// Type of the platform row.
    pub txn_type: Option<TxnType>,
    /// True when it is booked (a SUCCESS platform row) or stands at the bank.
    pub counts: bool,
}

/// A row matched at the bank that waits for another leg (R41): owed gross to its payee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsettledRow {
    /// txn_id.
    pub txn_id: String,
    /// Merchant or customer.
    pub obligee_id: String,
    /// True when the obligee is a customer.
    pub obligee_is_customer: bool,
    /// Pool of the obligee.
    pub pool: String,
    /// Currency.
    pub currency: Currency,
    /// Direction at the bank.
    pub direction: Direction,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// The close in which it matched at the bank.
    pub matched_on: Date,
}

/// A settled obligation between participants (SPEC §6.9), summed. Minor units, > 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obligation {
    /// Index into `Netting::windows`.
    pub window: u8,
    /// Currency.
    pub currency: Currency,
    /// Who owes; `HOUSE` for none.
    pub payer: String,
    /// Who is owed; `HOUSE` for none.
    pub payee: String,
    /// Sum.
    pub amount_minor: i128,
}

/// A line of positions.csv (R39). Minor units.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Window end as written in the settings.
    pub window: String,
    /// Currency.
    pub currency: Currency,
    /// Participant, or `HOUSE`.
    pub participant_id: String,
    /// Received.
    pub receive_minor: i128,
    /// Paid.
    pub pay_minor: i128,
    /// `receive − pay`.
    pub net_minor: i128,
}

/// A line of breaks.csv (SPEC §8, R30).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakLine {
    /// Leg.
    pub leg: String,
    /// Class (SPEC §5).
    pub class: &'static str,
    /// The reference both rows share.
    pub bank_ref: String,
    /// Platform row; empty where none.
    pub txn_id: String,
    /// Bank entry or channel reference; empty where none.
    pub entry_id: String,
    /// Merchant of the platform row; empty where none.
    pub merchant_id: String,
    /// Platform amount, minor units.
    pub platform_minor: Option<i64>,
    /// Bank (or channel) amount, minor units.
    pub bank_minor: Option<i64>,
    /// Currency: the platform row's, else the bank's.
    pub currency: Currency,
    /// Account id of the bank entry; empty where none.
    pub account: String,
    /// Id (R30).
    pub break_id: String,
    /// The first close that received one of its rows.
    pub first_seen: Date,
    /// D − first_seen.
    pub age_days: i32,
    /// Business days in (first_seen, D].
    pub age_business_days: i32,
    /// True when `age_days > max_age_days`.
    pub overdue: bool,
    /// Where the platform row stands.
    pub platform_file: String,
    /// Its physical line; 0 where none.
    pub platform_line: u64,
    /// Where the bank entry stands.
    pub bank_file: String,
    /// Its physical line; 0 where none.
    pub bank_line: u64,
    /// Number of the cause that explains it, as the summary lists them.
    pub cause: Option<u32>,
    /// What later passes saw of it (R40); empty where nothing.
    pub candidates: String,
    /// Type of the channel row; `None` where there is none. One trade has a row for the payment and for every refund.
    pub entry_type: Option<TxnType>,
    /// refund_ref of the channel row; empty where none.
    pub refund_ref: String,
}
