//! Stage: ledger. Every movement of the day as double entry, one balanced entry per obligee, currency and kind
//! (SPEC §6.10, R43).
//!
//! In: the figures of the day and what the previous close brought forward ([`DayFigures`]). Out: the journal, the
//! trial balance and the ledger balances for the next close; the same journal for hledger, Beancount and as CSV.
//! Not done here: judging whether the money is enough (`reserve`), and checking the ties (`checks`).
//!
//! How money runs through the accounts (amounts as in R1, R2, R14, R21, R28, R41):
//!
//! | movement | debit | credit |
//! |---|---|---|
//! | bank entry agreed with a platform inflow | `assets:bank:A` | `assets:in-transit` |
//! | inflow settles with its payee, gross | `assets:in-transit` | `liabilities:merchants` or `:customers` |
//! | inflow agreed at the bank, waiting for another leg | `assets:in-transit` | `liabilities:unsettled` |
//! | inflow booked, not at the bank (basis received) | `assets:in-transit` | `liabilities:unreceived` |
//! | inflow booked, not at the bank (basis due) | `assets:in-transit` | the payee's account |
//! | outflow booked | the payee's account | `liabilities:refunds-in-flight` |
//! | outflow agreed, at its obligee | `liabilities:refunds-in-flight` | `assets:in-transit` |
//! | outflow agreed, at its bank account | `assets:in-transit` | `assets:bank:A` |
//! | payout issued | `liabilities:merchants` | `liabilities:payouts-in-flight` |
//! | payout debited | `liabilities:payouts-in-flight` | `assets:bank:A` |
//! | payout returned | `assets:bank:A` | `liabilities:merchants` |
//! | bank credit nobody claims | `assets:bank:A` | `liabilities:unidentified` |
//! | bank debit nobody claims | `assets:unidentified-debits` | `assets:bank:A` |
//! | fee | `liabilities:merchants` | `income:fees` |
//! | hold | `liabilities:merchants` | `liabilities:merchants:held` |
//! | purpose entry in | `assets:bank:A` | `equity:own-money` |
//! | bank credit written off, difference accepted in the bank's favour | `assets:bank:A` | `equity:write-offs` |
//! | held, released by an adjustment | `liabilities:merchants` | `liabilities:merchants:held`, and back |
//! | own money transferred to a merchant | `equity:own-money` | `liabilities:merchants` |
//! | withdrawal written off | `liabilities:refunds-in-flight` | `liabilities:customers` |
//! | wallet to wallet, wallet to merchant | payer's account | `liabilities:wallet-clearing`, and on to the payee's |
//!
//! `liabilities:unreceived` is a memo: nobody is owed before the money is received. `liabilities:wallet-clearing`
//! is 0 after every day. Own and receivable accounts are not in this ledger; a payout that one of them pays
//! or takes back goes against `equity:own-money`.

pub mod accounts;
mod day_figures;
mod standing;
mod lines;
mod journal;
mod export;
#[cfg(test)]
pub(crate) mod testing;

pub use day_figures::{DEFAULT_POOL, DayFigures};
pub use export::{export_beancount, export_csv, export_hledger};
pub use journal::{Journal, JournalLine, TrialLine, journal, opening_from, previous_basis};
pub use lines::JournalLines;
pub use standing::{Claim, ClaimKey, Item, ItemClass, Obligee, Standing, Standings, home_pool};
