//! `book.toml` as understood (SPEC §3): every name resolved, every amount in minor units, every rule checked.
//!
//! The text of the file is read by [`crate::book::parse`]; nothing here is optional that the day needs.

use std::collections::BTreeMap;

use crate::book::passes::Pass;
use crate::terms::currency::Currency;
use crate::terms::kinds::TxnType;
use crate::terms::money::Rounding;

/// The settings of a book.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who closes the day.
    pub institution: Institution,
    /// Bank accounts, sorted by id.
    pub accounts: Vec<Account>,
    /// Kinds of files, in the order of the settings.
    pub sources: Vec<Source>,
    /// Comparisons, in the order of the settings.
    pub legs: Vec<Leg>,
    /// Names of the legs that must have matched before a row settles (`settle.when`).
    pub settle_when: Vec<String>,
    /// Fee plans by name.
    pub fee_plans: BTreeMap<String, FeePlan>,
    /// What each channel charges us, and who stands behind it, by channel name.
    pub channels: BTreeMap<String, ChannelTerms>,
    /// How merchants are paid.
    pub payout: PayoutSettings,
    /// How net positions are formed.
    pub netting: Netting,
    /// Reserve-fund rules.
    pub reserve: ReserveSettings,
    /// What to do about findings.
    pub policy: Policy,
    /// What reports mask.
    pub privacy: Privacy,
    /// SHA-256 (hex) of `book.toml` as read.
    pub sha256: String,
}

/// `[institution]`.
#[derive(Clone, Debug)]
pub struct Institution {
    /// Display name.
    pub name: String,
    /// Short id; part of every payout id (R12).
    pub id: String,
    /// Currency of thresholds and of `[payout].min_amount`.
    pub base_currency: Currency,
    /// IANA zone of every local time.
    pub time_zone: String,
    /// Minutes after local midnight at which the business day begins.
    pub cut_off_minutes: u32,
    /// Id of the business-day calendar.
    pub calendar: String,
}

/// What an account holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountKind {
    /// Customers' money.
    Reserve,
    /// The institution's money.
    Own,
    /// Money that channels owe.
    Receivable,
}

impl AccountKind {
    /// The word of the settings.
    pub fn name(self) -> &'static str {
        match self {
            AccountKind::Reserve => "reserve",
            AccountKind::Own => "own",
            AccountKind::Receivable => "receivable",
        }
    }
}

/// `[[account]]`.
#[derive(Clone, Debug)]
pub struct Account {
    /// Id within the book; the `account` of accounts.csv.
    pub id: String,
    /// Display name of the bank.
    pub bank: String,
    /// Account number or IBAN at the bank, if given; what statements name (R27).
    pub number: Option<String>,
    /// Other numbers by which files name it: its IBAN beside the local number, the number of its card.
    pub other_numbers: Vec<String>,
    /// BIC, if given.
    pub bic: Option<String>,
    /// CNAPS code (联行号), if given.
    pub cnaps: Option<String>,
    /// Name of the account holder, if given; else the institution's name is used.
    pub name: Option<String>,
    /// The one currency of the account.
    pub currency: Currency,
    /// Whose money it holds.
    pub kind: AccountKind,
    /// Reserve pool; `default` unless given.
    pub pool: String,
}

impl Account {
    /// All numbers by which files may name it.
    pub fn numbers(&self) -> impl Iterator<Item = &str> {
        self.number.iter().chain(&self.other_numbers).map(String::as_str)
    }
}

/// What a file tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// The platform's own transaction log.
    Platform,
    /// A channel's bill.
    Channel,
    /// A bank's statement.
    Bank,
    /// Statement balances.
    Balances,
    /// What people decided about breaks and merchants' money (R24).
    Adjustments,
}

impl Role {
    /// The word of the settings.
    pub fn name(self) -> &'static str {
        match self {
            Role::Platform => "platform",
            Role::Channel => "channel",
            Role::Bank => "bank",
            Role::Balances => "balances",
            Role::Adjustments => "adjustments",
        }
    }
}

/// What a bank's reversal indicator does to the sign (ISO 20022, RvslInd).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReversalSign {
    /// `CdtDbtInd` is the actual direction; the indicator changes nothing (ISO 20022).
    Iso,
    /// The indicator flips the direction (files made by some savings banks).
    Invert,
}

/// How a bank counts the statements of an account. A number that comes again is never a gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StatementNumbers {
    /// Each is one more than the one before; from 1 again in a new calendar year, or where the number is full.
    #[default]
    Yearly,
    /// As yearly, and from 1 again in a new month.
    Monthly,
    /// Upwards with gaps, as where one counter serves several accounts; from anywhere again in a new year.
    Rising,
    /// The numbers mean nothing and are not checked.
    Free,
}

/// `[[source]]`.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name within the book.
    pub name: String,
    /// What its files tell.
    pub role: Role,
    /// `canonical`, or a format's name such as `camt.053` or `alipay-trade`.
    pub format: String,
    /// Globs below `inbox/DATE/`.
    pub files: Vec<String>,
    /// True when a day without a file of this source is incomplete (R36).
    pub required: bool,
    /// Account id that every row belongs to, where the format names none.
    pub account: Option<String>,
    /// Channel that every row belongs to, where the format names none.
    pub channel: Option<String>,
    /// Declared encoding (a WHATWG label such as `gbk`), else detected.
    pub encoding: Option<String>,
    /// Sign habit of the bank.
    pub reversal_sign: ReversalSign,
    /// Counting habit of the bank.
    pub statement_numbers: StatementNumbers,
    /// True when a file may say itself that it is of other days (D211).
    pub other_days: bool,
}

/// Which two roles a leg compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LegKind {
    /// By `bank_ref`.
    PlatformBank,
    /// By `(channel, channel_ref)` (R26).
    PlatformChannel,
    /// A channel's rows of one `batch_ref` against one entry (R26). Behind platform↔channel it is a row's way to the bank.
    ChannelBank,
}

/// `[[leg]]`.
#[derive(Clone, Debug)]
pub struct Leg {
    /// Name, as it stands in every table.
    pub name: String,
    /// What is compared.
    pub kind: LegKind,
    /// Channels whose rows need this leg; `None` is every channel.
    pub channels: Option<Vec<String>>,
    /// Passes after the exact one, in order.
    pub later: Vec<Pass>,
}

/// When a fee is rounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeePer {
    /// Once per transaction.
    Txn,
    /// Once on the day's gross of a merchant and currency.
    Day,
}

/// What happens to the fee when a payment is refunded (R16).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnRefund {
    /// The fee is kept.
    Keep,
    /// The fee is returned in proportion, rounded down.
    Return,
}

/// `[fee_plan.NAME]`: the first rule whose conditions hold is used; a plan's own top level is its last rule.
#[derive(Clone, Debug)]
pub struct FeePlan {
    /// Name of the plan.
    pub name: String,
    /// When it is rounded.
    pub per: FeePer,
    /// What a refund does.
    pub on_refund: OnRefund,
    /// Rules in order; the last has no conditions.
    pub rules: Vec<FeeRule>,
}

/// One rule of a plan.
#[derive(Clone, Debug)]
pub struct FeeRule {
    /// Only for this channel, if given.
    pub channel: Option<String>,
    /// Only for this type; `Payment` when none is given (SPEC §4.3).
    pub txn_type: TxnType,
    /// Rates by amount, ascending; the first tier whose `up_to_minor` is at least the amount is used for the
    /// whole amount. The last has no bound. A plain rate is one tier.
    pub tiers: Vec<FeeTier>,
    /// Least fee, minor units.
    pub min_minor: i64,
    /// Greatest fee, minor units.
    pub max_minor: Option<i64>,
    /// How the product is rounded.
    pub rounding: Rounding,
}

/// One tier of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeeTier {
    /// Greatest amount of the tier, minor units, inclusive; `None` is no bound.
    pub up_to_minor: Option<i64>,
    /// Rate in parts per million.
    pub rate_ppm: u32,
    /// Fixed part, minor units.
    pub fixed_minor: i64,
}

/// `[channel.NAME]`.
#[derive(Clone, Debug, Default)]
pub struct ChannelTerms {
    /// Name of the fee plan that the channel charges us by (R26).
    pub fee_plan: Option<String>,
    /// Participant that owes what the channel's rows bring (SPEC §6.9).
    pub participant: Option<String>,
}

/// File format of payouts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PayoutFormat {
    /// pain.001.001.09.
    Pain001,
    /// A plain CSV with control totals in its last line.
    Csv,
}

/// `[payout]`.
#[derive(Clone, Debug)]
pub struct PayoutSettings {
    /// Least payout in base currency, minor units (R15).
    pub min_minor: i64,
    /// Cycle of merchants that have none of their own.
    pub default_cycle: Cycle,
    /// Paying account id by currency.
    pub accounts: BTreeMap<Currency, String>,
    /// File format.
    pub format: PayoutFormat,
    /// Most payments in one file; 0 is no limit.
    pub max_per_file: usize,
}

/// When a day's net falls due (R8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cycle {
    /// `T+n`: the n-th business day strictly after D; `T+0` is D or the next business day.
    Business(u32),
    /// `D+n`: that calendar day as is.
    Calendar(u32),
    /// `weekly:FRI` (0 = Monday … 6 = Sunday): the first such day strictly after D, moved to a business day.
    Weekly(u8),
    /// `monthly:25`: the first such day strictly after D (a short month's last day), moved to a business day.
    Monthly(u8),
}

/// How net positions are formed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NettingMode {
    /// Every obligation stands.
    Gross,
    /// Netted between each pair.
    Bilateral,
    /// Netted against all.
    Multilateral,
}

/// `[netting]`.
#[derive(Clone, Debug)]
pub struct Netting {
    /// Mode.
    pub mode: NettingMode,
    /// Window ends in minutes after local midnight, ascending, with their text; the last is 24:00.
    pub windows: Vec<(u32, String)>,
}

/// Which inflows count as owed (R1, R2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basis {
    /// When matched at the bank.
    Received,
    /// When booked on the platform.
    Due,
}

/// `[reserve]`.
#[derive(Clone, Debug)]
pub struct ReserveSettings {
    /// Basis.
    pub basis: Basis,
    /// Own money allowed in the reserve, minor units of the base currency.
    pub own_money_allowed_minor: i64,
    /// Regime reports wanted.
    pub regimes: Vec<String>,
}

/// What a reject does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RejectPolicy {
    /// Any reject refuses the day.
    Stop,
    /// Rejects are set aside, at most so many.
    Quarantine {
        /// Most rejects.
        max_rejects: Option<u64>,
    },
}

/// What a surplus in a reference does (R5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DuplicatePolicy {
    /// The pairs stand, the surplus breaks.
    Pair,
    /// The whole direction of the reference breaks.
    Hold,
}

/// What a shortfall does (R3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShortfallPolicy {
    /// No payout of the pool and currency is issued.
    Withhold,
    /// Payouts are issued all the same.
    Publish,
}

/// A threshold of `[policy.alert]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alert {
    /// Most open breaks of the class.
    pub count: Option<u64>,
    /// Greatest sum of the class, minor units of the base currency.
    pub amount_minor: Option<i64>,
}

/// `[policy]`.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Rejects.
    pub rejects: RejectPolicy,
    /// Duplicates.
    pub duplicates: DuplicatePolicy,
    /// Shortfall.
    pub on_shortfall: ShortfallPolicy,
    /// Age in calendar days above which a break is overdue.
    pub max_age_days: u32,
    /// Thresholds by class; empty means that any break alerts (R33).
    pub alerts: BTreeMap<String, Alert>,
}

/// `[privacy]`.
#[derive(Clone, Debug)]
pub struct Privacy {
    /// True when reports show account numbers as their last four characters only.
    pub mask_accounts: bool,
}

impl Settings {
    /// Number of an account in [`Settings::accounts`], by its numbers first, then by id (R27).
    pub fn account_index(&self, named: &str) -> Option<usize> {
        let by_number = self
            .accounts
            .iter()
            .position(|a| a.numbers().any(|number| number == named));
        by_number.or_else(|| self.accounts.iter().position(|a| a.id == named))
    }

    /// As [`Settings::account_index`], the account of this number in a currency: one number may stand for several accounts
    /// (D221). The first with the number where none has the currency.
    pub fn account_in(&self, named: &str, currency: Currency) -> Option<usize> {
        let in_currency = |a: &Account| a.currency == currency && a.numbers().any(|number| number == named);
        let exact = self.accounts.iter().position(in_currency);
        exact.or_else(|| self.account_index(named))
    }

    /// Currencies of the accounts with a number.
    pub fn currencies_of<'s>(&'s self, named: &'s str) -> impl Iterator<Item = Currency> + 's {
        let has = move |a: &&Account| a.numbers().any(|number| number == named);
        self.accounts.iter().filter(has).map(|account| account.currency)
    }

    /// Bit mask, over [`Settings::legs`], of the `settle.when` legs that a row of this channel needs (R26).
    pub fn required_legs(&self, channel: &str) -> u8 {
        let mut mask = 0;
        for (index, leg) in self.legs.iter().enumerate() {
            if Settings::takes(leg, channel) && self.settle_when.contains(&leg.name) {
                mask |= 1 << index;
            }
        }
        mask
    }

    /// True when a leg takes a channel's rows.
    fn takes(leg: &Leg, channel: &str) -> bool {
        leg.channels
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == channel))
    }

    /// The leg of a name, as an index into [`Settings::legs`].
    pub fn leg_index(&self, name: &str) -> Option<usize> {
        self.legs.iter().position(|leg| leg.name == name)
    }

    /// True when the book has a leg of this name that takes the channel's rows.
    pub fn leg_takes(&self, name: &str, channel: &str) -> bool {
        self.legs
            .iter()
            .any(|leg| leg.name == name && Settings::takes(leg, channel))
    }

    /// The channel↔bank leg by which a channel's rows reach the bank (R26, R41), as an index into [`Settings::legs`].
    pub fn batch_leg(&self, channel: &str) -> Option<usize> {
        self.legs
            .iter()
            .position(|leg| leg.kind == LegKind::ChannelBank && Settings::takes(leg, channel))
    }

    /// The platform↔channel leg that takes a channel's rows, as an index into [`Settings::legs`].
    pub fn bill_leg(&self, channel: &str) -> Option<usize> {
        self.legs
            .iter()
            .position(|leg| leg.kind == LegKind::PlatformChannel && Settings::takes(leg, channel))
    }

    /// The leg to which bank entries with a batch_ref belong where the book has channel↔bank legs: the first of them.
    pub fn first_batch_leg(&self) -> Option<usize> {
        self.legs.iter().position(|leg| leg.kind == LegKind::ChannelBank)
    }

    /// Bits of the legs between channel and bank.
    pub fn batch_legs(&self) -> u8 {
        let of_batches = |(_, leg): &(usize, &Leg)| leg.kind == LegKind::ChannelBank;
        self.legs
            .iter()
            .enumerate()
            .filter(of_batches)
            .fold(0, |mask, (index, _)| mask | 1 << index)
    }

    /// Bits of the legs that end at the bank.
    pub fn legs_at_the_bank(&self) -> u8 {
        let ends = |(_, leg): &(usize, &Leg)| leg.kind != LegKind::PlatformChannel;
        self.legs
            .iter()
            .enumerate()
            .filter(ends)
            .fold(0, |mask, (index, _)| mask | 1 << index)
    }

    /// Reserve pools and currencies in use, sorted.
    pub fn pools(&self) -> Vec<(String, Currency)> {
        let mut pools: Vec<_> = self
            .accounts
            .iter()
            .filter(|account| account.kind == AccountKind::Reserve)
            .map(|account| (account.pool.clone(), account.currency))
            .collect();
        pools.sort();
        pools.dedup();
        pools
    }
}
