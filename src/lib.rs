//! `tieout` closes the business day of a payment institution: statements, channel bills and the platform's own
//! log in; matches, payouts, reserve figures, clearing files and evidence out.
//!
//! The modules stand in the order of the day.

pub mod terms;
pub mod findings;
pub mod book;
pub mod entries;
pub mod ingest;
pub mod matching;
pub mod fees;
pub mod settling;
pub mod wallets;
pub mod payouts;
pub mod netting;
pub mod ledger;
pub mod reserve;
pub mod clearing;
pub mod causes;
pub mod report;
pub mod day;
pub mod checks;
pub mod host;
pub mod demo;
pub mod selftest;
pub mod cli;
