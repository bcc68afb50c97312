//! The passes after the exact one, with their parameters as understood (SPEC §5, R40).

use crate::terms::currency::Currency;

/// Most candidates that a pass looks at for one row, unless the settings say otherwise (R40).
pub const CANDIDATES_MAX: usize = 30;
/// Most rows that one entry is made up of, unless the settings say otherwise (R40).
pub const MEMBERS_MAX: usize = 12;
/// Days between a row and its entry that `amount-date` allows, unless the settings say otherwise.
pub const AMOUNT_DATE_DAYS: u32 = 1;
/// The same of `subset`: a weekend lies between a Friday's rows and the credit of Monday.
pub const SUBSET_DAYS: u32 = 3;
/// Where the residual of a tolerance is booked, unless the settings say otherwise.
pub const TOLERANCES: &str = "equity:tolerances";
/// Where the fees that a lump came in less are booked, unless the settings say otherwise.
pub const CHANNEL_FEES: &str = "expenses:channel-fees";

/// First parts of the ledger accounts that are own money (R1).
pub const OWN_MONEY_HEADS: [&str; 3] = ["income", "expenses", "equity"];

/// The name of a pass, as it stands in `matched.pass`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PassName {
    /// References that are equal once case, spaces, padding and prefixes are taken off.
    Normalised,
    /// The reference stands in the entry's remark.
    Remark,
    /// Rows and entries of one batch_ref.
    Batch,
    /// Amount and date.
    AmountDate,
    /// A pair that differs by little, the residual booked.
    Tolerance,
    /// Rows that add up to one entry.
    Subset,
}

impl PassName {
    /// The word of the settings and of `matched`.
    pub fn name(self) -> &'static str {
        match self {
            PassName::Normalised => "normalised",
            PassName::Remark => "remark",
            PassName::Batch => "batch",
            PassName::AmountDate => "amount-date",
            PassName::Tolerance => "tolerance",
            PassName::Subset => "subset",
        }
    }

    /// How `matched` marks a line where several answers fitted and the choice changes nobody's money.
    pub fn interchangeable(self) -> &'static str {
        match self {
            PassName::Normalised => "normalised:interchangeable",
            PassName::Remark => "remark:interchangeable",
            PassName::Batch => "batch:interchangeable",
            PassName::AmountDate => "amount-date:interchangeable",
            PassName::Tolerance => "tolerance:interchangeable",
            PassName::Subset => "subset:interchangeable",
        }
    }
}

/// How references are compared beside their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// What banks put before a reference; compared as references are.
    pub prefixes: Vec<String>,
    /// Characters that a bank keeps of a reference, where it cuts them.
    pub length_max: Option<usize>,
}

/// A platform field that remarks quote.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum QuotedField {
    /// bank_ref.
    BankRef,
    /// txn_id.
    TxnId,
    /// order_id.
    OrderId,
    /// channel_ref.
    ChannelRef,
}

/// Entries that a pass without references looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntriesSeen {
    /// All: the bank writes numbers of its own where a reference could stand.
    All,
    /// Those without a reference: one that has another row's reference, or a stranger's, is not this row's money.
    Unnamed,
}

/// What the entry of a batch amounts to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BatchAmounts {
    /// The sum of its rows.
    Gross,
    /// The sum less what the channel charges for them.
    Net,
    /// One of the two.
    Either,
}

/// A pass with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pass {
    /// See [`PassName::Normalised`].
    Normalised {
        /// How references are compared.
        references: References,
        /// Most rows that may share a reference and amount.
        candidates_max: usize,
    },
    /// See [`PassName::Remark`].
    Remark {
        /// Texts with one hole: `订单号{word}`.
        patterns: Vec<String>,
        /// Platform fields that the hole may hold.
        fields: Vec<QuotedField>,
        /// How they are compared.
        references: References,
        /// Most candidates of a row.
        candidates_max: usize,
    },
    /// See [`PassName::Batch`].
    Batch {
        /// Gross, net, or either.
        amounts: BatchAmounts,
        /// Ledger account of the fees that a lump came in less.
        ledger_account: String,
    },
    /// See [`PassName::AmountDate`].
    AmountDate {
        /// Calendar days, inclusive, between the row's business date and the entry's value date.
        days: u32,
        /// Entries that it looks at.
        entries: EntriesSeen,
        /// Most candidates of a row.
        candidates_max: usize,
    },
    /// See [`PassName::Tolerance`].
    Tolerance {
        /// Greatest difference, minor units.
        most_minor: i64,
        /// The only currency in which a difference is tolerated: that of the amount.
        currency: Currency,
        /// Ledger account of the residuals.
        ledger_account: String,
        /// How references are compared; `None` compares bytes.
        references: Option<References>,
        /// Most candidates of a row.
        candidates_max: usize,
    },
    /// See [`PassName::Subset`].
    Subset {
        /// Calendar days, inclusive, between the rows' business dates and the entry's value date.
        days: u32,
        /// Entries that it looks at.
        entries: EntriesSeen,
        /// Most rows among which a sum is looked for.
        candidates_max: usize,
        /// Most rows of an answer.
        members_max: usize,
    },
}

impl Pass {
    /// Its name.
    pub fn name(&self) -> PassName {
        match self {
            Pass::Normalised { .. } => PassName::Normalised,
            Pass::Remark { .. } => PassName::Remark,
            Pass::Batch { .. } => PassName::Batch,
            Pass::AmountDate { .. } => PassName::AmountDate,
            Pass::Tolerance { .. } => PassName::Tolerance,
            Pass::Subset { .. } => PassName::Subset,
        }
    }

    /// Ledger account of what a match leaves; `None` where sides are always equal.
    pub fn ledger_account(&self) -> Option<&str> {
        match self {
            Pass::Batch { ledger_account, .. } | Pass::Tolerance { ledger_account, .. } => {
                Some(ledger_account)
            }
            _ => None,
        }
    }
}
