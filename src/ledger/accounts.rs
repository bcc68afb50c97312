//! Names of the ledger accounts (R43). `assets:bank:ACCOUNT` is made from the account's id.

/// Inflows booked and not yet at the bank; every agreed entry passes through it.
pub const IN_TRANSIT: &str = "assets:in-transit";
/// Bank debits that nobody claims (B2).
pub const UNIDENTIFIED_DEBITS: &str = "assets:unidentified-debits";
/// Owed to merchants: carried and undue, less their outflows in flight.
pub const MERCHANTS: &str = "liabilities:merchants";
/// Held back from merchants.
pub const HELD: &str = "liabilities:merchants:held";
/// Owed to customers.
pub const CUSTOMERS: &str = "liabilities:customers";
/// Inflows at the bank that wait for another leg (R41).
pub const UNSETTLED: &str = "liabilities:unsettled";
/// Memo of inflows booked and not yet received, under basis received.
pub const UNRECEIVED: &str = "liabilities:unreceived";
/// Payouts issued and not yet debited (P).
pub const PAYOUTS: &str = "liabilities:payouts-in-flight";
/// Refunds, chargebacks and withdrawals booked and not yet agreed with the bank (F).
pub const REFUNDS: &str = "liabilities:refunds-in-flight";
/// Bank credits that nobody claims (U).
pub const UNIDENTIFIED: &str = "liabilities:unidentified";
/// Between wallets, and between wallets and merchants; 0 after every day.
pub const WALLET_CLEARING: &str = "liabilities:wallet-clearing";
/// Fees kept.
pub const FEES: &str = "income:fees";
/// Own money but fees: purpose entries, payouts by own accounts.
pub const OWN_MONEY: &str = "equity:own-money";

/// True for an account that is a part of own money: all but what is at banks and what is owed (R1).
pub fn is_own_money(ledger_account: &str) -> bool {
    let head = ledger_account.split(':').next().unwrap_or_default();
    crate::book::passes::OWN_MONEY_HEADS.contains(&head)
}
