//! Stage: customers' wallets (SPEC §6.6, R21).
//!
//! In: opening balances, and the rows that move wallets in this close: top-ups that settled, withdrawals booked,
//! transfers, payments and refunds funded by balance; also those still open from earlier closes. Out: a line per
//! customer and currency, the next balances, and which rows were posted or would have made their payer negative
//! (NEGATIVE_BALANCE, leg `wallet`, tried again each close). A withdrawal that people wrote off is credited again (R24).
//!
//! Credits come first, then debits by (txn_time, txn_id). A withdrawal is always posted. A transfer credits its payee
//! at the moment it debits its payer, so debits couple customers and are posted in one order over all of them.
//! Time: linear in rows and balances, plus one sort of the debits and one of the customers; no text is copied per row.
//!
//! Not done here: which rows reach this stage (legs, cut-off, rejects), and what merchants get.

use rustc_hash::FxHashMap;

use crate::day::figures::CustomerLine;
use crate::day::state::CustomerBalance;
use crate::entries::bytes::Id;
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::currency::Currency;
use crate::terms::date::Instant;
use crate::terms::money::narrow;

/// Findings that are spelt out; the rest are counted.
const NAMED_MAX: usize = 20;

/// How a row moves a wallet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WalletKind {
    /// TOPUP that settled: credit.
    Topup,
    /// REFUND funded by balance: credit.
    Refund,
    /// WITHDRAWAL booked: debit, always posted.
    Withdrawal,
    /// PAYMENT funded by balance: debit.
    Payment,
    /// TRANSFER: debit of the customer, credit of the counterparty.
    Transfer,
    /// WITHDRAWAL booked in this close or before and written off by people (R24): credit.
    Unbooked,
}

/// A row that moves a wallet. Rows are of one close, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalletRow<'a> {
    /// The caller's name for the row.
    pub handle: u64,
    /// How it moves the wallet.
    pub kind: WalletKind,
    /// Whose wallet; not empty (ingest rejects such rows).
    pub customer_id: &'a [u8],
    /// Who is paid by a transfer; not empty there, not read elsewhere.
    pub counterparty_id: &'a [u8],
    /// Currency.
    pub currency: Currency,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// When it happened.
    pub time: Instant,
    /// Its id.
    pub txn_id: Id<'a>,
}

/// What a close did to the wallets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalletDay {
    /// Lines of customers.csv, sorted by (customer_id, currency): those with any figure that is not 0.
    pub lines: Vec<CustomerLine>,
    /// The next balances, sorted likewise, without zeros.
    pub next: Vec<CustomerBalance>,
    /// Handles of the rows posted, ascending.
    pub posted: Vec<u64>,
    /// Handles of the rows that break as NEGATIVE_BALANCE, ascending.
    pub negative: Vec<u64>,
}

/// Posts a close's rows to the wallets. `opening` has one line per customer and currency, in any order; the order
/// of rows changes nothing.
///
/// # Errors
/// 65 when a figure does not fit 64 bits; 70 for an id that is empty or not UTF-8, which ingest has refused before.
pub fn post_wallets(opening: &[CustomerBalance], rows: &[WalletRow<'_>]) -> Result<WalletDay, Stop> {
    let mut wallets = Wallets::default();
    for balance in opening {
        let wallet = wallets.place(balance.customer_id.as_bytes(), balance.currency);
        wallets.all[wallet].opening_minor += i128::from(balance.closing_minor);
    }
    let mut day = WalletDay::default();
    let mut debits = Vec::new();
    for row in rows {
        if row.customer_id.is_empty() || (row.kind == WalletKind::Transfer && row.counterparty_id.is_empty())
        {
            return Err(Stop::invariant(format!(
                "a {:?} row without a customer reached the wallets",
                row.kind
            )));
        }
        match row.kind {
            WalletKind::Topup | WalletKind::Refund | WalletKind::Unbooked => {
                wallets.credit(row);
                day.posted.push(row.handle);
            }
            WalletKind::Withdrawal | WalletKind::Payment | WalletKind::Transfer => debits.push(row),
        }
    }
    debits.sort_unstable_by(|a, b| (a.time, a.txn_id, a.handle).cmp(&(b.time, b.txn_id, b.handle)));
    for row in debits {
        match wallets.debit(row) {
            true => day.posted.push(row.handle),
            false => day.negative.push(row.handle),
        }
    }
    day.posted.sort_unstable();
    day.negative.sort_unstable();
    wallets.finish(&mut day)?;
    Ok(day)
}

/// All wallets of the close, by customer and currency.
#[derive(Default)]
struct Wallets<'a> {
    /// Never walked: its order reaches nothing.
    places: FxHashMap<(&'a [u8], Currency), u32>,
    keys: Vec<(&'a [u8], Currency)>,
    all: Vec<Wallet>,
}

/// One wallet's movements. Minor units, all ≥ 0 but the opening.
#[derive(Clone, Copy, Default)]
struct Wallet {
    opening_minor: i128,
    topup_minor: i128,
    refund_minor: i128,
    transfer_in_minor: i128,
    withdrawal_minor: i128,
    payment_minor: i128,
    transfer_out_minor: i128,
    unbooked_minor: i128,
}

impl Wallet {
    fn credit_minor(&self) -> i128 {
        self.topup_minor + self.refund_minor + self.transfer_in_minor + self.unbooked_minor
    }

    fn debit_minor(&self) -> i128 {
        self.withdrawal_minor + self.payment_minor + self.transfer_out_minor
    }

    fn balance_minor(&self) -> i128 {
        self.opening_minor + self.credit_minor() - self.debit_minor()
    }
}

impl<'a> Wallets<'a> {
    fn place(&mut self, customer_id: &'a [u8], currency: Currency) -> usize {
        let key = (customer_id, currency);
        let new = self.all.len() as u32;
        let place = *self.places.entry(key).or_insert(new);
        if place == new {
            assert!(new < u32::MAX, "fewer than 2^32 wallets");
            self.keys.push(key);
            self.all.push(Wallet::default());
        }
        place as usize
    }

    fn credit(&mut self, row: &WalletRow<'a>) {
        let place = self.place(row.customer_id, row.currency);
        let amount = i128::from(row.amount_minor);
        match row.kind {
            WalletKind::Topup => self.all[place].topup_minor += amount,
            WalletKind::Unbooked => self.all[place].unbooked_minor += amount,
            _ => self.all[place].refund_minor += amount,
        }
    }

    /// Posts a debit unless it would make its payer negative; a withdrawal has left the bank and always counts.
    fn debit(&mut self, row: &WalletRow<'a>) -> bool {
        let place = self.place(row.customer_id, row.currency);
        let amount = i128::from(row.amount_minor);
        let payer = &mut self.all[place];
        if row.kind != WalletKind::Withdrawal && payer.balance_minor() < amount {
            return false;
        }
        match row.kind {
            WalletKind::Withdrawal => payer.withdrawal_minor += amount,
            WalletKind::Transfer => {
                payer.transfer_out_minor += amount;
                let payee = self.place(row.counterparty_id, row.currency);
                self.all[payee].transfer_in_minor += amount;
            }
            _ => payer.payment_minor += amount,
        }
        true
    }

    /// Lines and balances, sorted. Money is conserved by transfers: what was sent was received.
    fn finish(self, day: &mut WalletDay) -> Result<(), Stop> {
        let mut order: Vec<u32> = (0..self.all.len() as u32).collect();
        order.sort_unstable_by_key(|place| self.keys[*place as usize]);
        let mut too_large = Vec::new();
        let mut transferred = 0;
        for place in order {
            let (id, currency) = self.keys[place as usize];
            let wallet = self.all[place as usize];
            transferred += wallet.transfer_in_minor - wallet.transfer_out_minor;
            let (credit_minor, debit_minor) = (wallet.credit_minor(), wallet.debit_minor());
            if wallet.opening_minor == 0 && credit_minor == 0 && debit_minor == 0 {
                continue;
            }
            let customer_id = std::str::from_utf8(id)
                .map_err(|_| Stop::invariant("a customer id that is not UTF-8 reached the wallets"))?
                .to_owned();
            let closing_minor = wallet.balance_minor();
            let figures = [wallet.opening_minor, credit_minor, debit_minor, closing_minor];
            match narrow(closing_minor) {
                Ok(closing_minor) if figures.iter().all(|minor| narrow(*minor).is_ok()) => {
                    if closing_minor != 0 {
                        day.next.push(CustomerBalance {
                            customer_id: customer_id.clone(),
                            currency,
                            closing_minor,
                        });
                    }
                }
                _ => too_large.push(format!("customer {customer_id} in {currency}")),
            }
            day.lines.push(CustomerLine {
                customer_id,
                currency,
                opening_minor: wallet.opening_minor,
                credit_minor,
                debit_minor,
                closing_minor,
                topup_minor: wallet.topup_minor,
                refund_minor: wallet.refund_minor,
                transfer_in_minor: wallet.transfer_in_minor,
                withdrawal_minor: wallet.withdrawal_minor,
                payment_minor: wallet.payment_minor,
                transfer_out_minor: wallet.transfer_out_minor,
                unbooked_minor: wallet.unbooked_minor,
            });
        }
        if transferred != 0 {
            return Err(Stop::invariant(format!(
                "transfers between wallets do not balance: {transferred}"
            )));
        }
        too_large_stop(&too_large)
    }
}

/// 65 naming the wallets whose figures do not fit 64 bits.
fn too_large_stop(wallets: &[String]) -> Result<(), Stop> {
    if wallets.is_empty() {
        return Ok(());
    }
    let help = "check the amounts of this customer's rows and the balance brought forward";
    let mut findings: Vec<Finding> = wallets
        .iter()
        .take(NAMED_MAX)
        .map(|who| Finding::about("", format!("{who}: a figure is above 2^63 − 1 minor units"), help))
        .collect();
    if wallets.len() > NAMED_MAX {
        let more = wallets.len() - NAMED_MAX;
        findings.push(Finding::about(
            "",
            format!("{more} more wallets have such a figure"),
            help,
        ));
    }
    Err(Stop {
        code: StopCode::BadData,
        findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn cny() -> Currency {
        Currency::parse(b"CNY").unwrap()
    }

    fn opening(balances: &[(&str, i64)]) -> Vec<CustomerBalance> {
        let balance = |(id, closing_minor): &(&str, i64)| CustomerBalance {
            customer_id: (*id).to_owned(),
            currency: cny(),
            closing_minor: *closing_minor,
        };
        balances.iter().map(balance).collect()
    }

    fn row(
        handle: u64,
        kind: WalletKind,
        customer: &'static str,
        to: &'static str,
        amount: i64,
    ) -> WalletRow<'static> {
        WalletRow {
            handle,
            kind,
            customer_id: customer.as_bytes(),
            counterparty_id: to.as_bytes(),
            currency: cny(),
            amount_minor: amount,
            time: Instant(handle as i64),
            txn_id: b"T".into(),
        }
    }

    fn check(balances: &[(&str, i64)], rows: &[WalletRow<'_>], closing: &[(&str, i64)], negative: &[u64]) {
        let mut rows = rows.to_vec();
        for _ in 0..=rows.len() {
            let day = post_wallets(&opening(balances), &rows).unwrap();
            let got: Vec<_> = day
                .next
                .iter()
                .map(|b| (b.customer_id.as_str(), b.closing_minor))
                .collect();
            assert_eq!((got.as_slice(), day.negative.as_slice()), (closing, negative));
            assert_eq!(day.posted.len() + day.negative.len(), rows.len());
            if !rows.is_empty() {
                rows.rotate_left(1);
            }
        }
    }

    #[test]
    fn credits_come_first_then_debits_in_time() {
        use WalletKind::*;
        // The payment is earlier than the top-up that covers it: credits of a close come first.
        check(
            &[],
            &[row(1, Payment, "a", "", 60), row(2, Topup, "a", "", 100)],
            &[("a", 40)],
            &[],
        );
        // Two payments of 60 against 100: the earlier stands; a later smaller one still fits.
        let rows = [
            row(1, Payment, "a", "", 60),
            row(2, Payment, "a", "", 60),
            row(3, Payment, "a", "", 40),
        ];
        check(&[("a", 100)], &rows, &[], &[2]);
        check(&[], &[row(1, Refund, "a", "", 5)], &[("a", 5)], &[]);
        check(&[("a", 7), ("b", -3)], &[], &[("a", 7), ("b", -3)], &[]);
    }

    #[test]
    fn a_withdrawal_is_always_posted() {
        use WalletKind::*;
        check(
            &[("a", 10)],
            &[row(1, Withdrawal, "a", "", 30)],
            &[("a", -20)],
            &[],
        );
        // Below zero nothing else leaves, however small.
        let rows = [row(1, Withdrawal, "a", "", 30), row(2, Payment, "a", "", 1)];
        check(&[("a", 10)], &rows, &[("a", -20)], &[2]);
    }

    #[test]
    fn transfers_couple_customers() {
        use WalletKind::*;
        // a pays b, who can pay c with it a moment later; the other way round b's transfer would break.
        let rows = [row(1, Transfer, "a", "b", 50), row(2, Transfer, "b", "c", 50)];
        check(&[("a", 50)], &rows, &[("c", 50)], &[]);
        let rows = [row(1, Transfer, "b", "c", 50), row(2, Transfer, "a", "b", 50)];
        check(&[("a", 50)], &rows, &[("b", 50)], &[1]);
        check(
            &[("a", 50)],
            &[row(1, Transfer, "a", "a", 50), row(2, Transfer, "a", "a", 51)],
            &[("a", 50)],
            &[2],
        );
    }

    #[test]
    fn a_line_shows_its_parts_and_currencies_never_mix() {
        use WalletKind::*;
        let usd = WalletRow {
            currency: Currency::parse(b"USD").unwrap(),
            ..row(3, Payment, "a", "", 1)
        };
        let rows = [row(1, Topup, "a", "", 100), row(2, Transfer, "a", "b", 30), usd];
        let day = post_wallets(&[], &rows).unwrap();
        assert_eq!(day.negative, [3]);
        let a = &day.lines[0];
        assert_eq!(
            (a.opening_minor, a.credit_minor, a.debit_minor, a.closing_minor),
            (0, 100, 30, 70)
        );
        assert_eq!(
            (
                a.topup_minor,
                a.transfer_out_minor,
                day.lines[1].transfer_in_minor
            ),
            (100, 30, 30)
        );
        assert_eq!(day.lines.len(), 2);
        let most = [row(1, Topup, "a", "", i64::MAX), row(2, Topup, "a", "", 1)];
        assert_eq!(post_wallets(&[], &most).unwrap_err().code, StopCode::BadData);
    }

    proptest! {
        /// Against an obvious model: one map of balances, rows sorted and applied one after the other.
        #[test]
        fn wallets_equal_a_plain_model(
            start in prop::collection::vec(0i64..300, 4),
            moves in prop::collection::vec((0usize..5, 0usize..4, 0usize..4, 1i64..200, 0i64..5), 0..40),
        ) {
            const IDS: [&str; 4] = ["a", "b", "c", "d"];
            const KINDS: [WalletKind; 5] = [WalletKind::Topup, WalletKind::Refund, WalletKind::Withdrawal,
                WalletKind::Payment, WalletKind::Transfer];
            let balances: Vec<_> = IDS.iter().copied().zip(start).collect();
            let rows: Vec<_> = moves.iter().zip(0u64..).map(|((kind, from, to, amount, time), handle)| WalletRow {
                time: Instant(*time), ..row(handle, KINDS[*kind], IDS[*from], IDS[*to], *amount)
            }).collect();
            let mut model: BTreeMap<&[u8], i64> = balances.iter().map(|(id, minor)| (id.as_bytes(), *minor)).collect();
            let mut ordered = rows.clone();
            let is_credit = |kind| matches!(kind, WalletKind::Topup | WalletKind::Refund);
            ordered.sort_by_key(|row| (!is_credit(row.kind), row.time, row.handle));
            let mut negative = Vec::new();
            for row in &ordered {
                let payer = model.get_mut(row.customer_id).unwrap();
                if is_credit(row.kind) {
                    *payer += row.amount_minor;
                } else if row.kind == WalletKind::Withdrawal || *payer >= row.amount_minor {
                    *payer -= row.amount_minor;
                    if row.kind == WalletKind::Transfer {
                        *model.get_mut(row.counterparty_id).unwrap() += row.amount_minor;
                    }
                } else {
                    negative.push(row.handle);
                }
            }
            negative.sort_unstable();
            let day = post_wallets(&opening(&balances), &rows).unwrap();
            let got: BTreeMap<_, _> = day.next.iter().map(|b| (b.customer_id.as_bytes(), b.closing_minor)).collect();
            model.retain(|_, minor| *minor != 0);
            prop_assert_eq!(got, model);
            prop_assert_eq!(&day.negative, &negative);
            let mut shuffled = rows;
            shuffled.reverse();
            prop_assert_eq!(post_wallets(&opening(&balances), &shuffled).unwrap(), day);
        }
    }
}
