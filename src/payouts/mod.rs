//! Stage 5: who is paid what, when and from which account.
//!
//! In: sums over the rows that settled in this close, and what the previous close brought forward (nets not yet due,
//! holds, carried balances, issued payouts). Out: one line per merchant and currency, the payouts issued, and what
//! the next close brings forward. The rules are R8 to R13, R15, R17, R28, R44 and SPEC §6.2 to §6.4.
//!
//! Order within a close: [`follow_payouts`] first, so that returned payouts are known; then [`settle_day`] with
//! nothing withheld for the figures "as if paid" (R3); then, where a pool is short, [`settle_day`] again with it.
//!
//! Not done here: splits and escrow (their sums arrive in the lines), adjustments by people (R24), exchange into
//! another settlement currency (R25: every currency is paid in itself), and the files a bank takes (clearing).

pub mod settle;
pub mod decide;
pub mod cursor;
pub mod follow;
mod checks;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod settle_tests;

pub use follow::{BrokenEntry, PayoutEntry, PayoutFollow, Returned, add_issued, follow_payouts};
pub use settle::{PayoutInputs, Settlement, settle_day};
