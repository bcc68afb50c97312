//! How yesterday's figures became today's: every movement with its id, or a sum with its source (SPEC §7).
//!
//! In: the figures of the day. Out: terms of R, S_bank, own money and inter-pool amounts, and the cash books. The
//! rule: R1 (what is booked when), R13 (payouts), R14 (purposes), R28 (pools). Opening plus terms must be closing;
//! for R and S_bank both ends are computed on their own, so the roll-forward is a proof and no restatement.

use std::collections::BTreeMap;

use crate::book::settings::AccountKind;
use crate::day::figures::AccountEventKind;
use crate::findings::{Finding, Stop, StopCode};
use crate::ledger::{DEFAULT_POOL, DayFigures, home_pool};
use crate::terms::currency::Currency;
use crate::terms::kinds::{Action, Direction, Purpose};

/// A line of roll_forward.csv.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RollTerm {
    /// Pool.
    pub pool: String,
    /// Currency.
    pub currency: Currency,
    /// `R`, `S_bank`, `own_money` or `inter_pool`.
    pub figure: &'static str,
    /// Place within the figure: 0 opening, 99 closing.
    pub step: u8,
    /// What moved it: `opening`, `receipts agreed`, …, `closing`.
    pub term: &'static str,
    /// entry_id or payout id; empty where the term is a sum.
    pub id: String,
    /// Minor units, any sign.
    pub amount_minor: i128,
    /// Table and column that the sum can be taken from.
    pub source: &'static str,
}

pub(super) const REQUIREMENT: &str = "R";
pub(super) const BANK: &str = "S_bank";
pub(super) const OWN: &str = "own_money";
pub(super) const INTER_POOL: &str = "inter_pool";

type Key<'a> = (
    &'a str,
    Currency,
    &'static str,
    u8,
    &'static str,
    String,
    &'static str,
);

/// The movements of the day.
pub(super) struct Movements<'a> {
    terms: BTreeMap<Key<'a>, i128>,
    /// Cash book of each reserve account after the day (R28).
    pub books: BTreeMap<usize, i128>,
}

/// Fees of a pool's merchants.
#[derive(Clone, Copy, Default)]
struct Fees {
    charged_minor: i128,
    returned_minor: i128,
}

/// What a term is called: its step, its name, and where its sum stands.
type Term = (u8, &'static str, &'static str);

impl<'a> Movements<'a> {
    /// Collects the movements of the day, all but those that need opening and closing positions.
    ///
    /// # Errors
    /// A payout whose paying account the settings do not know (78).
    pub fn of(day: &DayFigures<'a>) -> Result<Movements<'a>, Stop> {
        let mut movements = Movements {
            terms: BTreeMap::new(),
            books: BTreeMap::new(),
        };
        for line in day.accounts {
            if day.settings.accounts[line.account].kind == AccountKind::Reserve {
                movements.books.insert(line.account, line.book_opening_minor);
            }
        }
        movements.agreed(day);
        movements.merchant_lines(day);
        movements.payouts_issued(day)?;
        movements.events(day)?;
        movements.transfers(day);
        Ok(movements)
    }

    /// Adds to a term.
    pub fn add(
        &mut self,
        (pool, currency): (&'a str, Currency),
        figure: &'static str,
        (step, term, source): Term,
        id: &str,
        amount: i128,
    ) {
        if amount != 0 {
            *self
                .terms
                .entry((pool, currency, figure, step, term, id.to_owned(), source))
                .or_insert(0) += amount;
        }
    }

    /// Sum of the terms of a figure.
    pub fn total(&self, (pool, currency): (&str, Currency), figure: &str) -> i128 {
        self.terms
            .iter()
            .filter(|(key, _)| key.0 == pool && key.1 == currency && key.2 == figure)
            .map(|(_, amount)| amount)
            .sum()
    }

    /// Pools and currencies in which anything moved.
    pub fn keys(&self) -> impl Iterator<Item = (&'a str, Currency)> + '_ {
        self.terms.keys().map(|key| (key.0, key.1))
    }

    /// The terms that are not 0, in the order of roll_forward.csv.
    pub fn into_terms(self) -> Vec<RollTerm> {
        self.terms
            .into_iter()
            .filter(|(_, amount)| *amount != 0)
            .map(
                |((pool, currency, figure, step, term, id, source), amount_minor)| RollTerm {
                    pool: pool.to_owned(),
                    currency,
                    figure,
                    step,
                    term,
                    id,
                    amount_minor,
                    source,
                },
            )
            .collect()
    }

    fn agreed(&mut self, day: &DayFigures<'a>) {
        const IN: &str = "matched, platform rows of direction C";
        const OUT: &str = "matched, platform rows of direction D";
        for sums in day.agreed {
            let account = &day.settings.accounts[sums.account];
            let here = (account.pool.as_str(), account.currency);
            let theirs = (sums.obligee_pool.as_str(), account.currency);
            let net = sums.credit_minor - sums.debit_minor;
            *self.books.entry(sums.account).or_insert(0) += net;
            self.add(here, BANK, (10, "receipts agreed", IN), "", sums.credit_minor);
            self.add(here, BANK, (20, "payments agreed", OUT), "", -sums.debit_minor);
            self.add(
                theirs,
                REQUIREMENT,
                (10, "receipts agreed", IN),
                "",
                sums.credit_minor,
            );
            self.add(
                theirs,
                REQUIREMENT,
                (20, "payments agreed", OUT),
                "",
                -sums.debit_minor,
            );
            self.across(
                here,
                theirs,
                (10, "agreed in another pool's account", "matched"),
                "",
                net,
            );
        }
    }

    /// Money of `theirs` that now sits in `here`.
    fn across(
        &mut self,
        here: (&'a str, Currency),
        theirs: (&'a str, Currency),
        term: Term,
        id: &str,
        amount: i128,
    ) {
        if here.0 != theirs.0 {
            self.add(theirs, INTER_POOL, term, id, amount);
            self.add(here, INTER_POOL, term, id, -amount);
        }
    }

    fn merchant_lines(&mut self, day: &DayFigures<'a>) {
        const FEE: Term = (30, "fees", "payouts.csv fee_minor");
        const FEE_RETURNED: Term = (31, "fees returned", "payouts.csv fee_returned_minor");
        const WALLET: Term = (
            40,
            "wallet payments between pools",
            "customers.csv payment and refund parts",
        );
        // Fees are added up first: a pool has one term of each, whatever the number of its merchants.
        let mut fees: BTreeMap<(&'a str, Currency), Fees> = BTreeMap::new();
        for line in day.payouts {
            let merchants = day.merchants;
            let pool = merchants.get(line.sums.merchant).pool.as_str();
            let key = (pool, line.sums.currency);
            if line.fee_minor != 0 || line.sums.fee_returned_minor != 0 {
                let fees = fees.entry(key).or_default();
                fees.charged_minor += line.fee_minor;
                fees.returned_minor += line.sums.fee_returned_minor;
            }
            // A wallet pays a merchant of another pool: no cash moves, so it stays with the customers' pool.
            let wallets = (DEFAULT_POOL, line.sums.currency);
            let net = line.sums.balance_gross_minor - line.sums.balance_refund_minor;
            if pool != DEFAULT_POOL {
                self.add(key, REQUIREMENT, WALLET, "", net);
                self.add(wallets, REQUIREMENT, WALLET, "", -net);
            }
            self.across(wallets, key, WALLET, "", net);
        }
        for (key, fees) in fees {
            self.add(key, REQUIREMENT, FEE, "", -fees.charged_minor);
            self.add(key, REQUIREMENT, FEE_RETURNED, "", fees.returned_minor);
            self.add(key, OWN, FEE, "", fees.charged_minor);
            self.add(key, OWN, FEE_RETURNED, "", -fees.returned_minor);
        }
    }

    fn payouts_issued(&mut self, day: &DayFigures<'a>) -> Result<(), Stop> {
        const ISSUED: Term = (
            50,
            "payouts issued by another pool's account",
            "payouts.csv payout_minor",
        );
        for payout in day.newly_issued() {
            let amount = i128::from(payout.amount_minor);
            let (pool, account) = home_pool(day, payout)?;
            if let Some(account) = account {
                *self.books.entry(account).or_insert(0) -= amount;
            }
            let payer = (pool, payout.currency);
            let owner = (day.merchant_pool(&payout.merchant_id), payout.currency);
            if payer.0 != owner.0 {
                self.add(owner, REQUIREMENT, ISSUED, &payout.payout_id, -amount);
                self.add(payer, REQUIREMENT, ISSUED, &payout.payout_id, amount);
            }
            self.across(payer, owner, ISSUED, &payout.payout_id, -amount);
        }
        Ok(())
    }

    fn events(&mut self, day: &DayFigures<'a>) -> Result<(), Stop> {
        for event in day.events {
            let account = &day.settings.accounts[event.account];
            let here = (account.pool.as_str(), account.currency);
            let amount = i128::from(event.amount_minor);
            let is_reserve = account.kind == AccountKind::Reserve;
            match &event.kind {
                AccountEventKind::Purpose(purpose) if is_reserve => {
                    self.purpose(here, event.account, *purpose, &event.entry_id, amount);
                }
                AccountEventKind::Purpose(_) => {}
                AccountEventKind::Residual { direction, .. } => {
                    const RESIDUAL: Term = (85, "residuals of matches", "journal, kind residual");
                    let gained = match direction {
                        Direction::Credit => amount,
                        Direction::Debit => -amount,
                    };
                    *self.books.entry(event.account).or_insert(0) += gained;
                    self.add(here, BANK, RESIDUAL, &event.entry_id, gained);
                    self.add(here, OWN, RESIDUAL, &event.entry_id, gained);
                }
                AccountEventKind::Adjusted {
                    adjustment_id,
                    direction,
                    ..
                } => {
                    const ADJUSTED: Term = (86, "adjustments of breaks", "adjustments.csv own_money_minor");
                    let gained = match direction {
                        Direction::Credit => amount,
                        Direction::Debit => -amount,
                    };
                    *self.books.entry(event.account).or_insert(0) += gained;
                    self.add(here, BANK, ADJUSTED, adjustment_id, gained);
                    self.add(here, OWN, ADJUSTED, adjustment_id, gained);
                }
                AccountEventKind::PayoutDebited { payout_id, .. } => {
                    self.payout_debited(day, event.account, payout_id, amount)?;
                }
                AccountEventKind::PayoutReturned {
                    payout_id,
                    merchant_id,
                } => {
                    const RETURNED: Term = (70, "payouts returned", "payouts.csv returned_minor");
                    let owner = (day.merchant_pool(merchant_id), account.currency);
                    self.add(owner, REQUIREMENT, RETURNED, payout_id, amount);
                    if is_reserve {
                        *self.books.entry(event.account).or_insert(0) += amount;
                        self.add(here, BANK, RETURNED, payout_id, amount);
                        self.across(here, owner, RETURNED, payout_id, amount);
                    } else {
                        self.add(
                            owner,
                            OWN,
                            (70, "payouts returned to an own account", RETURNED.2),
                            payout_id,
                            -amount,
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// Own money given to merchants by adjustments (R24).
    fn transfers(&mut self, day: &DayFigures<'a>) {
        const TRANSFERRED: Term = (87, "transfers to merchants", "adjustments.csv own_money_minor");
        for line in day.adjustments {
            if line.action != Action::Transfer {
                continue;
            }
            let owner = (day.merchant_pool(&line.merchant_id), line.currency);
            let amount = i128::from(line.amount_minor);
            self.add(owner, REQUIREMENT, TRANSFERRED, &line.adjustment_id, amount);
            self.add(owner, OWN, TRANSFERRED, &line.adjustment_id, -amount);
        }
    }

    fn purpose(
        &mut self,
        here: (&'a str, Currency),
        account: usize,
        purpose: Purpose,
        entry_id: &str,
        amount: i128,
    ) {
        const SOURCE: &str = "bank entries with a purpose (R14)";
        let (term, amount): (Term, i128) = match purpose {
            Purpose::OwnIn => ((80, "own money put in", SOURCE), amount),
            Purpose::Interest => ((81, "interest", SOURCE), amount),
            Purpose::OwnOut => ((82, "own money taken out", SOURCE), -amount),
            Purpose::FeeSweep => ((83, "fees swept", SOURCE), -amount),
            Purpose::BankFee => ((84, "bank's own fees", SOURCE), -amount),
            Purpose::None => return,
        };
        *self.books.entry(account).or_insert(0) += amount;
        self.add(here, BANK, term, entry_id, amount);
        self.add(here, OWN, term, entry_id, amount);
    }

    fn payout_debited(
        &mut self,
        day: &DayFigures<'a>,
        debited: usize,
        payout_id: &str,
        amount: i128,
    ) -> Result<(), Stop> {
        const DEBITED: Term = (60, "payouts debited", "state/payouts.csv of the previous close");
        let known = &day.previous.payouts;
        let Ok(at) = known.binary_search_by(|payout| payout.payout_id.as_str().cmp(payout_id)) else {
            return Err(Stop::new(
                StopCode::Invariant,
                Finding::about(
                    "state/payouts.csv",
                    format!("payout {payout_id} was debited, and the previous close knows no such payout"),
                    "this is a defect of the engine: nothing was published; keep the inbox and report it",
                ),
            ));
        };
        let payout = &known[at];
        let (pool, paying) = home_pool(day, payout)?;
        let home = (pool, payout.currency);
        self.add(home, REQUIREMENT, DEBITED, payout_id, -amount);
        let account = &day.settings.accounts[debited];
        let here = (account.pool.as_str(), account.currency);
        if account.kind == AccountKind::Reserve {
            self.add(here, BANK, DEBITED, payout_id, -amount);
            self.across(here, home, DEBITED, payout_id, -amount);
        } else {
            self.add(
                home,
                OWN,
                (60, "payouts paid by an own account", DEBITED.2),
                payout_id,
                amount,
            );
        }
        if paying != Some(debited) {
            // Issued from one account and debited from another: the book moves with it (R28).
            if let Some(paying) = paying {
                *self.books.entry(paying).or_insert(0) += amount;
            }
            if account.kind == AccountKind::Reserve {
                *self.books.entry(debited).or_insert(0) -= amount;
            }
        }
        Ok(())
    }
}
