//! The closed vocabularies of SPEC §4.2 and §6.7: transaction types, statuses, directions, funding, purposes, actions.

/// What a platform or channel row does. The expected direction at the bank follows from it (SPEC §4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum TxnType {
    /// A customer pays a merchant.
    Payment = 0,
    /// A merchant gives a payment back.
    Refund = 1,
    /// A card scheme or bank takes a payment back.
    Chargeback = 2,
    /// A chargeback is undone.
    ChargebackReversal = 3,
    /// A correction in the merchant's favour.
    Adjustment = 4,
    /// A customer fills the wallet.
    Topup = 5,
    /// A customer empties the wallet.
    Withdrawal = 6,
    /// A customer pays another customer from the wallet.
    Transfer = 7,
    /// Escrow: the buyer confirms.
    Confirm = 8,
    /// Escrow: the buyer disputes.
    Dispute = 9,
    /// Escrow: a partial release.
    Release = 10,
}

/// Names of [`TxnType`] as they stand in files, in the order of its numbers.
pub const TXN_TYPES: [&str; 11] = [
    "PAYMENT",
    "REFUND",
    "CHARGEBACK",
    "CHARGEBACK_REVERSAL",
    "ADJUSTMENT",
    "TOPUP",
    "WITHDRAWAL",
    "TRANSFER",
    "CONFIRM",
    "DISPUTE",
    "RELEASE",
];

const TXN_TYPE_VALUES: [TxnType; 11] = [
    TxnType::Payment,
    TxnType::Refund,
    TxnType::Chargeback,
    TxnType::ChargebackReversal,
    TxnType::Adjustment,
    TxnType::Topup,
    TxnType::Withdrawal,
    TxnType::Transfer,
    TxnType::Confirm,
    TxnType::Dispute,
    TxnType::Release,
];

impl TxnType {
    /// The type of a name as it stands in files.
    pub fn parse(name: &[u8]) -> Option<TxnType> {
        // Nearly every row is a payment: one comparison decides it.
        if name == b"PAYMENT" {
            return Some(TxnType::Payment);
        }
        TXN_TYPES
            .iter()
            .position(|known| known.as_bytes() == name)
            .map(|at| TXN_TYPE_VALUES[at])
    }

    /// The type of a number given by `as u8`.
    #[inline]
    pub fn from_index(index: u8) -> Option<TxnType> {
        TXN_TYPE_VALUES.get(usize::from(index)).copied()
    }

    /// The name as it stands in files.
    pub fn name(self) -> &'static str {
        TXN_TYPES[self as usize]
    }

    /// Which way the money moves at the bank (SPEC §4.2); `None` for types that move none there.
    pub fn direction(self) -> Option<Direction> {
        match self {
            TxnType::Payment | TxnType::Adjustment | TxnType::Topup | TxnType::ChargebackReversal => {
                Some(Direction::Credit)
            }
            TxnType::Refund | TxnType::Chargeback | TxnType::Withdrawal => Some(Direction::Debit),
            TxnType::Transfer | TxnType::Confirm | TxnType::Dispute | TxnType::Release => None,
        }
    }

    /// True when the row settles with a merchant.
    pub fn is_merchant(self) -> bool {
        matches!(
            self,
            TxnType::Payment
                | TxnType::Refund
                | TxnType::Chargeback
                | TxnType::ChargebackReversal
                | TxnType::Adjustment
        )
    }

    /// True when the row moves a customer's wallet whatever its funding.
    pub fn is_wallet(self) -> bool {
        matches!(self, TxnType::Topup | TxnType::Withdrawal | TxnType::Transfer)
    }
}

/// Direction of money at the bank, from the account's side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Direction {
    /// `C`: into the account.
    Credit = 0,
    /// `D`: out of the account.
    Debit = 1,
}

impl Direction {
    /// Both, credit first.
    pub const BOTH: [Direction; 2] = [Direction::Credit, Direction::Debit];

    /// `C` or `D`.
    pub fn parse(text: &[u8]) -> Option<Direction> {
        match text {
            b"C" => Some(Direction::Credit),
            b"D" => Some(Direction::Debit),
            _ => None,
        }
    }

    /// The direction of a number given by `as u8`.
    #[inline]
    pub fn from_index(index: u8) -> Option<Direction> {
        Direction::BOTH.get(usize::from(index)).copied()
    }

    /// `C` or `D`.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Credit => "C",
            Direction::Debit => "D",
        }
    }

    /// The other direction.
    #[must_use]
    pub fn opposite(self) -> Direction {
        match self {
            Direction::Credit => Direction::Debit,
            Direction::Debit => Direction::Credit,
        }
    }
}

/// Whether a row expects money (SPEC §4.2): only `Success` does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Status {
    /// Done; money is expected.
    Success = 0,
    /// Failed.
    Failed = 1,
    /// Not yet decided.
    Pending = 2,
}

/// Names of [`Status`] as they stand in files, in the order of its numbers.
pub const STATUSES: [&str; 3] = ["SUCCESS", "FAILED", "PENDING"];

impl Status {
    /// The status of a name as it stands in files.
    pub fn parse(name: &[u8]) -> Option<Status> {
        match name {
            b"SUCCESS" => Some(Status::Success),
            b"FAILED" => Some(Status::Failed),
            b"PENDING" => Some(Status::Pending),
            _ => None,
        }
    }

    /// The status of a number given by `as u8`.
    #[inline]
    pub fn from_index(index: u8) -> Option<Status> {
        [Status::Success, Status::Failed, Status::Pending]
            .get(usize::from(index))
            .copied()
    }

    /// The name as it stands in files.
    pub fn name(self) -> &'static str {
        STATUSES[self as usize]
    }
}

/// Where the money of a payment or refund comes from or goes to (SPEC §4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Funding {
    /// Through a bank or channel: the row has a leg.
    Bank = 0,
    /// From the customer's wallet: no bank leg.
    Balance = 1,
}

impl Funding {
    /// `BANK`, `BALANCE`, or empty for the default `BANK`.
    pub fn parse(name: &[u8]) -> Option<Funding> {
        match name {
            b"" | b"BANK" => Some(Funding::Bank),
            b"BALANCE" => Some(Funding::Balance),
            _ => None,
        }
    }

    /// The funding of a number given by `as u8`.
    #[inline]
    pub fn from_index(index: u8) -> Option<Funding> {
        [Funding::Bank, Funding::Balance].get(usize::from(index)).copied()
    }

    /// The name as it stands in files.
    pub fn name(self) -> &'static str {
        match self {
            Funding::Bank => "BANK",
            Funding::Balance => "BALANCE",
        }
    }
}

/// Bank entries that have no platform row by design (R14).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// Nothing special, or a text that is information only.
    None = 0,
    /// Own money put in (credit).
    OwnIn = 1,
    /// Interest of the bank (credit).
    Interest = 2,
    /// Own money taken out (debit).
    OwnOut = 3,
    /// Fee income swept to an own account (debit).
    FeeSweep = 4,
    /// The bank's own fee (debit).
    BankFee = 5,
}

/// Names of [`Purpose`] in the order of its numbers, the first empty.
pub const PURPOSES: [&str; 6] = ["", "OWN_IN", "INTEREST", "OWN_OUT", "FEE_SWEEP", "BANK_FEE"];

const PURPOSE_VALUES: [Purpose; 6] = [
    Purpose::None,
    Purpose::OwnIn,
    Purpose::Interest,
    Purpose::OwnOut,
    Purpose::FeeSweep,
    Purpose::BankFee,
];

impl Purpose {
    /// The purpose of a text; any text outside the list of R14 is `None`.
    pub fn parse(text: &[u8]) -> Purpose {
        if text.is_empty() {
            return Purpose::None;
        }
        PURPOSES
            .iter()
            .position(|known| known.as_bytes() == text)
            .map_or(Purpose::None, |at| PURPOSE_VALUES[at])
    }

    /// The purpose of a number given by `as u8`.
    #[inline]
    pub fn from_index(index: u8) -> Option<Purpose> {
        PURPOSE_VALUES.get(usize::from(index)).copied()
    }

    /// The name as it stands in files; empty for `None`.
    pub fn name(self) -> &'static str {
        PURPOSES[self as usize]
    }

    /// The only direction the purpose allows (R14); `None` for [`Purpose::None`].
    pub fn direction(self) -> Option<Direction> {
        match self {
            Purpose::None => None,
            Purpose::OwnIn | Purpose::Interest => Some(Direction::Credit),
            Purpose::OwnOut | Purpose::FeeSweep | Purpose::BankFee => Some(Direction::Debit),
        }
    }
}

/// What an adjustment by people does (SPEC §6.7, R24).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Action {
    /// A broken pair is taken as it is.
    Accept = 0,
    /// A row without counterpart is given up.
    WriteOff = 1,
    /// Rows without counterpart are said to be each other's.
    ForceMatch = 2,
    /// Money of a merchant is held back.
    Hold = 3,
    /// Money held back is set free.
    Release = 4,
    /// Own money is given to a merchant.
    Transfer = 5,
}

/// Names of [`Action`] as they stand in files, in the order of its numbers.
pub const ACTIONS: [&str; 6] = [
    "accept",
    "write_off",
    "force_match",
    "hold",
    "release",
    "transfer",
];

const ACTION_VALUES: [Action; 6] = [
    Action::Accept,
    Action::WriteOff,
    Action::ForceMatch,
    Action::Hold,
    Action::Release,
    Action::Transfer,
];

impl Action {
    /// The action of a name as it stands in files.
    pub fn parse(name: &[u8]) -> Option<Action> {
        let at = ACTIONS.iter().position(|known| known.as_bytes() == name)?;
        Some(ACTION_VALUES[at])
    }

    /// The action of a number given by `as u8`.
    pub fn from_index(index: u8) -> Option<Action> {
        ACTION_VALUES.get(usize::from(index)).copied()
    }

    /// The name as it stands in files.
    pub fn name(self) -> &'static str {
        ACTIONS[self as usize]
    }

    /// True when the target is a break or several, false when it is a merchant.
    pub fn is_about_breaks(self) -> bool {
        matches!(self, Action::Accept | Action::WriteOff | Action::ForceMatch)
    }
}
