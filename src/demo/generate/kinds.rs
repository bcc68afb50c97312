//! What can be planted beside the usual breaks, by name: situations that later passes clear or must leave, and faults that
//! break a stretch of rows in one way.

use super::Lot;

/// A situation for the later passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Situation {
    /// The bank cuts the reference.
    CutReference,
    /// The bank puts something before it.
    PrefixedReference,
    /// The bank fills it with zeros.
    PaddedReference,
    /// The bank writes it with other letters and spaces.
    LooseReference,
    /// Two merchants' references that differ in case alone, and one credit: nobody's.
    ReferenceOfTwo,
    /// The remark alone names it.
    RemarkReference,
    /// The remark names two rows of the amount: nobody's.
    RemarkOfTwo,
    /// Several rows in one credit.
    LumpGross,
    /// Several rows in one credit, less what the channel charges.
    LumpNet,
    /// The same, and the bank books a day later.
    LumpLate,
    /// One row in two credits.
    LumpSplit,
    /// A lump that does not add up.
    LumpOff,
    /// No reference at all.
    NoReference,
    /// The same, and the bank books a day later.
    NoReferenceLate,
    /// Two rows of one merchant and amount, two credits.
    Twins,
    /// Two rows of one merchant and amount, one credit.
    TwinsShort,
    /// Two merchants, one amount, one credit: nobody's.
    EitherMerchant,
    /// A row that is missing, and a credit of its amount with a reference that no row has: nobody's.
    Stranger,
    /// A difference that is tolerated.
    WithinTolerance,
    /// One fen more than is tolerated.
    BeyondTolerance,
    /// Rows without a reference that add up to one credit, two lumps a day.
    Subset,
    /// The same in another currency, and the bank books a day later.
    SubsetLate,
    /// Two answers: nobody's.
    SubsetOfTwo,
    /// More rows than are searched.
    SubsetTooMany,
}

/// A situation as it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct SituationKind {
    /// Which.
    pub situation: Situation,
    /// Its name.
    pub name: &'static str,
    /// Its usual share, ppm of a day's rows. Those with [`SituationKind::is_daily`] are planted once a day for any share.
    pub usual_ppm: u32,
    /// Rows of one planting.
    pub rows: u64,
}

impl SituationKind {
    /// True for sums without a reference: they are searched among 30 rows at most, so a few a day is all that can be cleared.
    pub fn is_daily(&self) -> bool {
        matches!(
            self.situation,
            Situation::Subset | Situation::SubsetLate | Situation::SubsetOfTwo | Situation::SubsetTooMany
        )
    }
}

const fn kind(situation: Situation, name: &'static str, usual_ppm: u32, rows: u64) -> SituationKind {
    SituationKind {
        situation,
        name,
        usual_ppm,
        rows,
    }
}

/// Every situation.
pub const SITUATIONS: [SituationKind; 24] = [
    kind(Situation::CutReference, "cut-reference", 700, 1),
    kind(Situation::PrefixedReference, "prefixed-reference", 700, 1),
    kind(Situation::PaddedReference, "padded-reference", 500, 1),
    kind(Situation::LooseReference, "loose-reference", 500, 1),
    kind(Situation::ReferenceOfTwo, "reference-of-two", 50, 2),
    kind(Situation::RemarkReference, "remark-reference", 1_000, 1),
    kind(Situation::RemarkOfTwo, "remark-of-two", 50, 2),
    kind(Situation::LumpGross, "lump-gross", 300, 5),
    kind(Situation::LumpNet, "lump-net", 300, 4),
    kind(Situation::LumpLate, "lump-late", 100, 3),
    kind(Situation::LumpSplit, "lump-split", 100, 1),
    kind(Situation::LumpOff, "lump-off", 50, 3),
    kind(Situation::NoReference, "no-reference", 700, 1),
    kind(Situation::NoReferenceLate, "no-reference-late", 200, 1),
    kind(Situation::Twins, "twins", 100, 2),
    kind(Situation::TwinsShort, "twins-short", 50, 2),
    kind(Situation::EitherMerchant, "either-merchant", 100, 2),
    kind(Situation::Stranger, "stranger", 100, 1),
    kind(Situation::WithinTolerance, "within-tolerance", 300, 1),
    kind(Situation::BeyondTolerance, "beyond-tolerance", 100, 1),
    kind(Situation::Subset, "subset", 1, 4),
    kind(Situation::SubsetLate, "subset-late", 1, 3),
    kind(Situation::SubsetOfTwo, "subset-of-two", 1, 4),
    kind(Situation::SubsetTooMany, "subset-too-many", 1, 31),
];

/// A fault as it is asked for: a stretch of neighbouring rows a day that all break in one way.
#[derive(Clone, Copy, Debug)]
pub struct FaultKind {
    /// Its name.
    pub name: &'static str,
    /// What becomes of its rows.
    pub(super) lot: Lot,
    /// Its usual length, ppm of a day's rows.
    pub usual_ppm: u32,
}

/// Every fault.
pub const FAULTS: [FaultKind; 4] = [
    FaultKind {
        name: "fault-lost-segment",
        lot: Lot::MissingAtBank,
        usual_ppm: 4_000,
    },
    FaultKind {
        name: "fault-sent-twice",
        lot: Lot::DuplicateAtBank,
        usual_ppm: 4_000,
    },
    FaultKind {
        name: "fault-amounts-off",
        lot: Lot::TenLess,
        usual_ppm: 4_000,
    },
    FaultKind {
        name: "fault-value-date",
        lot: Lot::ValueDate,
        usual_ppm: 4_000,
    },
];

/// Which row of a day a fault begins with, and how many it has.
pub(super) fn stretch(fault: usize, ppm: u32, rows: u64) -> std::ops::Range<u64> {
    let start = rows * (fault as u64 + 1) / (FAULTS.len() as u64 + 2);
    let length = match ppm {
        0 => 0,
        _ => (u128::from(rows) * u128::from(ppm) / 1_000_000).max(3) as u64,
    };
    start..(start + length).min(rows)
}
