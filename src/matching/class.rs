//! Classes of breaks (SPEC §5), in the order in which the first that applies is taken.

/// Why an entry, or a pair, is not agreed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Two rows with one id and different content (R19).
    IdConflict,
    /// More platform rows than entries on the other side.
    DuplicateAtPlatform,
    /// More entries on the other side than platform rows.
    DuplicateAtOther,
    /// No entry on the other side.
    MissingAtOther,
    /// No platform row.
    MissingAtPlatform,
    /// Money moved for a row that is not SUCCESS.
    StatusMismatch,
    /// Currencies differ.
    CurrencyMismatch,
    /// Directions differ.
    DirectionMismatch,
    /// Amounts differ.
    AmountMismatch,
    /// The channel's fee is not the contracted one (R26).
    FeeMismatch,
    /// The value date is not within the days of the two rows (R7).
    ValueDateMismatch,
    /// A wallet would go below zero (R21).
    NegativeBalance,
}

/// What the other side of a leg is called in class names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OtherSide {
    /// A bank statement.
    Bank,
    /// A channel bill.
    Channel,
}

impl Class {
    /// The name as it stands in every table.
    pub fn name(self, other: OtherSide) -> &'static str {
        match (self, other) {
            (Class::IdConflict, _) => "ID_CONFLICT",
            (Class::DuplicateAtPlatform, _) => "DUPLICATE_AT_PLATFORM",
            (Class::DuplicateAtOther, OtherSide::Bank) => "DUPLICATE_AT_BANK",
            (Class::DuplicateAtOther, OtherSide::Channel) => "DUPLICATE_AT_CHANNEL",
            (Class::MissingAtOther, OtherSide::Bank) => "MISSING_AT_BANK",
            (Class::MissingAtOther, OtherSide::Channel) => "MISSING_AT_CHANNEL",
            (Class::MissingAtPlatform, _) => "MISSING_AT_PLATFORM",
            (Class::StatusMismatch, _) => "STATUS_MISMATCH",
            (Class::CurrencyMismatch, _) => "CURRENCY_MISMATCH",
            (Class::DirectionMismatch, _) => "DIRECTION_MISMATCH",
            (Class::AmountMismatch, _) => "AMOUNT_MISMATCH",
            (Class::FeeMismatch, _) => "FEE_MISMATCH",
            (Class::ValueDateMismatch, _) => "VALUE_DATE_MISMATCH",
            (Class::NegativeBalance, _) => "NEGATIVE_BALANCE",
        }
    }
}
