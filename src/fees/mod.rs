//! Stage 4: what a row costs its merchant, and what a refund gives back.
//!
//! In: amounts of settled rows, the fee columns of the master or a fee plan. Out: fees in minor units.
//! The rule is SPEC §6.1 and R16: exact product, one rounding, then at least the minimum, then at most the maximum.
//! `fixed`, `min`, `max` and the tier bounds are minor units of the *row's* currency: a fixed part of 30 is 0.30 EUR
//! on a row in EUR and 30 JPY on a row in JPY. No amount is ever converted here.
//!
//! Not done here: splits of a fee, fees in another currency than the row's, tax on fees.

pub mod formula;
pub mod table;
pub mod returns;

pub use formula::{columns_fee_minor, fee_minor};
pub use returns::{FeeReturns, Original, RefundRow, ReturnReason, ReturnedFee, return_fees};
pub use table::FeeTable;
