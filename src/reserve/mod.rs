//! Stage: reserve. What is owed and what the reserve accounts hold, per pool and currency, never netted across
//! (SPEC §7, R1, R2, R3, R28, R39).
//!
//! In: the figures of the day and what the previous close brought forward ([`DayFigures`]). Out: the figures of
//! reserve.json, the lines and items they are made of, the roll-forward from yesterday, and own money, inter-pool
//! amounts and cash books for the next close. Not done here: withholding payouts (the day calls [`figures`] as if
//! payouts were issued, decides, and calls it again), regime forms, and checking the identities (`checks`).
//!
//! `docs/reserve.md` has every figure with its definition.

mod figures;
mod roll;
mod tables;
#[cfg(test)]
mod tests;

pub use figures::{BalanceRow, ItemRow, LineFigures, PoolFigures, ReserveReport, bucket, figures};
pub use roll::RollTerm;

pub use crate::ledger::DayFigures;
