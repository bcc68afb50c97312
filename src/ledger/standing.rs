//! Who is owed what, and which items are under way, at one moment: after the previous close, or after this one.
//!
//! In: the tables of the state, or the figures of the day. Out: one claim per (pool, currency, obligee), the items
//! of A1, A2, B1 and B2 (R1), balances of reserve accounts. The rule: R2 (inflows count when matched, outflows
//! when booked), R41 (unsettled rows are owed gross).

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::book::settings::{AccountKind, Basis, LegKind, Settings};
use crate::day::batches::bill_identity;
use crate::day::state::{Carried, Chained, Due, Hold, IssuedPayout, OpenItem, OpenSide, PayoutProgress};
use crate::findings::{Finding, Stop, StopCode};
use crate::ledger::day_figures::{DEFAULT_POOL, DayFigures};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::digest;
use crate::terms::kinds::{Direction, Status};
use crate::terms::order::head;

/// Anyone owed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Obligee<'a> {
    /// A merchant, by id.
    Merchant(&'a str),
    /// A customer, by id.
    Customer(&'a str),
}

impl<'a> Obligee<'a> {
    /// The id.
    pub fn id(self) -> &'a str {
        match self {
            Obligee::Merchant(id) | Obligee::Customer(id) => id,
        }
    }

    /// The word of the tables.
    pub fn kind(self) -> &'static str {
        match self {
            Obligee::Merchant(_) => "merchant",
            Obligee::Customer(_) => "customer",
        }
    }

    fn new(id: &'a str, is_customer: bool) -> Obligee<'a> {
        if is_customer {
            Obligee::Customer(id)
        } else {
            Obligee::Merchant(id)
        }
    }
}

/// What makes up one obligee's balance in one pool and currency. Minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Payable and not paid (R10), any sign.
    pub carried_minor: i128,
    /// Nets not yet due, any sign.
    pub undue_minor: i128,
    /// Held back.
    pub held_minor: i128,
    /// Wallet balance (R21); booked withdrawals are already taken off.
    pub wallet_minor: i128,
    /// Own booked outflows without an agreed bank entry: the obligee's part of F.
    pub in_flight_minor: i128,
    /// Inflows at the bank that wait for another leg (R41).
    pub unsettled_in_minor: i128,
    /// Outflows gone from the bank that wait for another leg.
    pub unsettled_out_minor: i128,
    /// Booked inflows without an agreed bank entry: the obligee's part of A1.
    pub unreceived_minor: i128,
}

impl Claim {
    /// `balance_i` of R2. A customer's outflows left the wallet when they were booked (R21), so they are
    /// not taken off twice.
    pub fn balance_minor(&self, obligee: Obligee<'_>, basis: Basis) -> i128 {
        let outflows = match obligee {
            Obligee::Merchant(_) => self.in_flight_minor + self.unsettled_out_minor,
            Obligee::Customer(_) => 0,
        };
        let unreceived = match basis {
            Basis::Received => 0,
            Basis::Due => self.unreceived_minor,
        };
        self.carried_minor + self.undue_minor + self.held_minor + self.wallet_minor + self.unsettled_in_minor
            - outflows
            + unreceived
    }
}

/// The four kinds of difference between bank and book (R1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ItemClass {
    /// Booked in, not at the bank.
    A1,
    /// Booked out, not at the bank.
    A2,
    /// At the bank in, not booked.
    B1,
    /// At the bank out, not booked.
    B2,
}

impl ItemClass {
    /// The word of items.csv.
    pub fn name(self) -> &'static str {
        match self {
            ItemClass::A1 => "A1",
            ItemClass::A2 => "A2",
            ItemClass::B1 => "B1",
            ItemClass::B2 => "B2",
        }
    }
}

/// One item of A1, A2, B1 or B2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Class.
    pub class: ItemClass,
    /// Pool it counts in: of the obligee (platform row), of the account (bank entry), see [`home_pool`] (payout).
    pub pool: &'a str,
    /// Currency.
    pub currency: Currency,
    /// Account line it stands in; `None` is the line `(in transit)`.
    pub account: Option<usize>,
    /// txn_id, entry_id or payout id.
    pub id: &'a str,
    /// bank_ref.
    pub reference: &'a str,
    /// Whose row it is, if known.
    pub obligee: Option<Obligee<'a>>,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// Since when it is open.
    pub first_seen: Date,
    /// Break it stands in (R30); empty for a payout before its execution date, which is no break yet.
    pub break_id: String,
    /// True for an undebited payout: it is part of P, every other A2 item of F.
    pub is_payout: bool,
}

/// Everything owed and under way at one moment.
#[derive(Clone, Debug, Default)]
pub struct Standing<'a> {
    /// Claims, sorted by (pool, currency, obligee), one of each.
    pub claims: Vec<(ClaimKey<'a>, Claim)>,
    /// Items, in no stated order.
    pub items: Vec<Item<'a>>,
    /// Statement closing balance of each reserve account, by index into `Settings::accounts`.
    pub bank: BTreeMap<usize, i128>,
    /// Parts of claims as they were found, each with the [`head`] of its obligee's id, until they are gathered.
    parts: Vec<(ClaimKey<'a>, u64, Part, i128)>,
}

/// Pool, currency and obligee.
pub type ClaimKey<'a> = (&'a str, Currency, Obligee<'a>);

/// Which field of a [`Claim`] an amount belongs to.
#[derive(Clone, Copy, Debug)]
enum Part {
    Carried,
    Undue,
    Held,
    Wallet,
    InFlight,
    UnsettledIn,
    UnsettledOut,
    Unreceived,
}

impl Claim {
    fn part_mut(&mut self, part: Part) -> &mut i128 {
        match part {
            Part::Carried => &mut self.carried_minor,
            Part::Undue => &mut self.undue_minor,
            Part::Held => &mut self.held_minor,
            Part::Wallet => &mut self.wallet_minor,
            Part::InFlight => &mut self.in_flight_minor,
            Part::UnsettledIn => &mut self.unsettled_in_minor,
            Part::UnsettledOut => &mut self.unsettled_out_minor,
            Part::Unreceived => &mut self.unreceived_minor,
        }
    }
}

/// How it stood before the day and how it stands after it: what ledger and reserve are computed from.
#[derive(Clone, Debug)]
pub struct Standings<'a> {
    /// After the previous close.
    pub before: Standing<'a>,
    /// After this one.
    pub after: Standing<'a>,
}

impl<'a> Standings<'a> {
    /// Both ends of the day.
    ///
    /// # Errors
    /// An account of the state that the settings do not know (78).
    pub fn of(day: &DayFigures<'a>) -> Result<Standings<'a>, Stop> {
        Ok(Standings {
            before: Standing::brought_forward(day)?,
            after: Standing::after(day)?,
        })
    }

    /// The same beginning with another end: the day as it comes out once payouts are withheld (R3).
    ///
    /// # Errors
    /// As [`Standings::of`].
    pub fn with_end_of(self, day: &DayFigures<'a>) -> Result<Standings<'a>, Stop> {
        Ok(Standings {
            before: self.before,
            after: Standing::after(day)?,
        })
    }

    /// Every claim that exists at either end, with both its values.
    pub fn claim_pairs(&self) -> Vec<(ClaimKey<'a>, Claim, Claim)> {
        let mut pairs = Vec::with_capacity(self.after.claims.len());
        let (mut was, mut is) = (
            self.before.claims.iter().peekable(),
            self.after.claims.iter().peekable(),
        );
        loop {
            let key = match (was.peek(), is.peek()) {
                (Some(left), Some(right)) => left.0.min(right.0),
                (Some(one), None) | (None, Some(one)) => one.0,
                (None, None) => return pairs,
            };
            let left = was
                .next_if(|claim| claim.0 == key)
                .map_or(Claim::default(), |claim| claim.1);
            let right = is
                .next_if(|claim| claim.0 == key)
                .map_or(Claim::default(), |claim| claim.1);
            pairs.push((key, left, right));
        }
    }
}

/// The pool in which an undebited payout counts: that of its paying account when it is a reserve account (that
/// account's cash will go), else that of the merchant.
///
/// # Errors
/// The paying account is no longer in the settings.
pub fn home_pool<'a>(day: &DayFigures<'a>, payout: &IssuedPayout) -> Result<(&'a str, Option<usize>), Stop> {
    let index = account_index(day.settings, &payout.account, "state/payouts.csv")?;
    let account = &day.settings.accounts[index];
    Ok(match account.kind {
        AccountKind::Reserve => (account.pool.as_str(), Some(index)),
        AccountKind::Own | AccountKind::Receivable => (day.merchant_pool(&payout.merchant_id), None),
    })
}

impl<'a> Standing<'a> {
    /// How it stood after the previous close, with today's pools of merchants and accounts.
    ///
    /// # Errors
    /// An account of the state that the settings do not know (78).
    pub fn brought_forward(day: &DayFigures<'a>) -> Result<Standing<'a>, Stop> {
        let state = day.previous;
        let mut standing = Standing::default();
        standing.add_merchant_balances(day, &state.carried, &state.dues, &state.holds);
        for balance in &state.customers {
            let key = (
                DEFAULT_POOL,
                balance.currency,
                Obligee::Customer(&balance.customer_id),
            );
            standing.add(key, Part::Wallet, balance.closing_minor);
        }
        standing.add_payouts(day, &state.payouts, day.date.plus_days(-1))?;
        for balance in &state.accounts {
            let index = account_index(day.settings, &balance.account, "state/accounts.csv")?;
            if day.settings.accounts[index].kind == AccountKind::Reserve {
                standing.bank.insert(index, i128::from(balance.closing_minor));
            }
        }
        let at_bank = matched_at_bank(day);
        let paid: FxHashMap<_, &Chained> = state
            .chained
            .iter()
            .filter(|row| !row.account.is_empty())
            .map(|row| (row.identity(), row))
            .collect();
        // Of rows in doubt that share an identity (R19) the first is the one that was paid.
        let mut earliest: FxHashMap<_, Date> = FxHashMap::default();
        for item in state
            .open_items
            .iter()
            .filter(|item| item.side == OpenSide::Channel)
        {
            let first_seen = earliest
                .entry(bill_identity(&item.row))
                .or_insert(item.first_seen);
            *first_seen = item.first_seen.min(*first_seen);
        }
        let mut seen = FxHashSet::default();
        for item in &state.open_items {
            // A row stands once on each leg it waits for; it is one row all the same.
            if seen.insert((
                item.side as u8,
                &item.row.id,
                &item.row.account,
                &item.file,
                item.line,
                item.first_seen,
            )) {
                let paid = match item.side {
                    OpenSide::Channel => {
                        let identity = bill_identity(&item.row);
                        let is_first = earliest.get(&identity) == Some(&item.first_seen);
                        paid.get(&identity).copied().filter(|_| is_first)
                    }
                    OpenSide::Platform | OpenSide::Bank => None,
                };
                standing.add_open_item(day, item, &at_bank, paid)?;
            }
        }
        standing.gather();
        Ok(standing)
    }

    /// How it stands after this close.
    ///
    /// # Errors
    /// An account of a payout that the settings do not know (78).
    pub fn after(day: &DayFigures<'a>) -> Result<Standing<'a>, Stop> {
        let mut standing = Standing::default();
        standing.add_merchant_balances(day, day.carried, day.dues, day.holds);
        for line in day.customers {
            let key = (DEFAULT_POOL, line.currency, Obligee::Customer(&line.customer_id));
            standing.add(key, Part::Wallet, line.closing_minor);
        }
        standing.add_payouts(day, day.issued, day.date)?;
        for line in day.accounts {
            if day.settings.accounts[line.account].kind == AccountKind::Reserve {
                standing.bank.insert(line.account, line.closing_minor);
            }
        }
        let mut at_bank = FxHashMap::default();
        for row in day.unsettled {
            at_bank.insert(row.txn_id.as_str(), row.matched_on);
            let key = (
                row.pool.as_str(),
                row.currency,
                Obligee::new(&row.obligee_id, row.obligee_is_customer),
            );
            standing.add_unsettled(key, row.direction, row.amount_minor);
        }
        for open in day.open {
            if open.at_bank {
                if let Some(account) = open.account {
                    standing.add_bank_item(
                        day.settings,
                        account,
                        BankItem {
                            id: &open.id,
                            reference: &open.reference,
                            currency: open.currency,
                            direction: open.direction,
                            amount_minor: open.amount_minor,
                            first_seen: open.first_seen,
                            break_id: open.break_id.clone(),
                        },
                    );
                }
                continue;
            }
            let waits_elsewhere =
                !is_bank_leg(day.settings, &open.leg) && has_matched(&at_bank, &open.id, open.first_seen);
            if open.counts && has_bank_leg(&open.leg) && !waits_elsewhere {
                standing.add_platform_item(Item {
                    class: class_of(open.direction, ItemClass::A1, ItemClass::A2),
                    pool: &open.pool,
                    currency: open.currency,
                    account: None,
                    id: &open.id,
                    reference: &open.reference,
                    obligee: Some(Obligee::new(&open.obligee_id, open.obligee_is_customer)),
                    amount_minor: open.amount_minor,
                    first_seen: open.first_seen,
                    break_id: open.break_id.clone(),
                    is_payout: false,
                });
            }
        }
        standing.gather();
        Ok(standing)
    }

    /// Sum of the items of a class, by the key that `by` gives.
    pub fn item_sums<K: Ord>(
        &self,
        class: ItemClass,
        by: impl Fn(&Item<'a>) -> Option<K>,
    ) -> BTreeMap<K, i128> {
        let mut sums = BTreeMap::new();
        for item in self.items.iter().filter(|item| item.class == class) {
            if let Some(key) = by(item) {
                *sums.entry(key).or_insert(0) += i128::from(item.amount_minor);
            }
        }
        sums
    }

    fn add(&mut self, key: ClaimKey<'a>, part: Part, amount_minor: impl Into<i128>) {
        let head = head(key.2.id());
        self.parts.push((key, head, part, amount_minor.into()));
    }

    /// Adds the parts up to claims. The tables they come from are sorted, so this is a merge of a few runs.
    fn gather(&mut self) {
        let mut parts = std::mem::take(&mut self.parts);
        parts.sort_by(
            |((a_pool, a_currency, a), a_head, ..), ((b_pool, b_currency, b), b_head, ..)| {
                let by_head =
                    |obligee: &Obligee<'_>, head: u64| (matches!(obligee, Obligee::Customer(_)), head);
                (a_pool, a_currency, by_head(a, *a_head))
                    .cmp(&(b_pool, b_currency, by_head(b, *b_head)))
                    .then_with(|| a.cmp(b))
            },
        );
        for (key, _, part, amount) in parts {
            if self.claims.last().is_none_or(|last| last.0 != key) {
                self.claims.push((key, Claim::default()));
            }
            if let Some((_, claim)) = self.claims.last_mut() {
                *claim.part_mut(part) += amount;
            }
        }
    }

    fn add_merchant_balances(
        &mut self,
        day: &DayFigures<'a>,
        carried: &'a [Carried],
        dues: &'a [Due],
        holds: &'a [Hold],
    ) {
        let key = |id: &'a str, currency| (day.merchant_pool(id), currency, Obligee::Merchant(id));
        for line in carried {
            self.add(
                key(&line.merchant_id, line.currency),
                Part::Carried,
                line.amount_minor,
            );
        }
        for line in dues {
            self.add(
                key(&line.merchant_id, line.currency),
                Part::Undue,
                line.amount_minor,
            );
        }
        for line in holds {
            self.add(
                key(&line.merchant_id, line.currency),
                Part::Held,
                line.amount_minor,
            );
        }
    }

    fn add_payouts(
        &mut self,
        day: &DayFigures<'a>,
        payouts: &'a [IssuedPayout],
        on: Date,
    ) -> Result<(), Stop> {
        let mut ids = digest::BreakIds::default();
        for payout in payouts.iter().filter(|p| p.progress == PayoutProgress::Issued) {
            let (pool, account) = home_pool(day, payout)?;
            // R13: an undebited payout is a break from the close of its execution date.
            let break_id = if payout.execution_date <= on {
                let id = ids.id("payout-bank", payout.payout_id.as_bytes(), b"", b"", b"");
                digest::hex_text(&id).to_owned()
            } else {
                String::new()
            };
            self.items.push(Item {
                class: ItemClass::A2,
                pool,
                currency: payout.currency,
                account,
                id: &payout.payout_id,
                reference: &payout.payout_id,
                obligee: Some(Obligee::Merchant(&payout.merchant_id)),
                amount_minor: payout.amount_minor,
                first_seen: payout.issued_on,
                break_id,
                is_payout: true,
            });
        }
        Ok(())
    }

    fn add_open_item(
        &mut self,
        day: &DayFigures<'a>,
        item: &'a OpenItem,
        at_bank: &FxHashMap<&'a str, Date>,
        paid: Option<&'a Chained>,
    ) -> Result<(), Stop> {
        let row = &item.row;
        let Some(direction) = row.direction else {
            return Ok(());
        };
        match item.side {
            OpenSide::Channel => {
                // Its batch is at the bank, its platform row is not agreed (R26).
                let Some(paid) = paid else { return Ok(()) };
                let account = account_index(day.settings, &paid.account, "state/chained.csv")?;
                self.add_bank_item(
                    day.settings,
                    account,
                    BankItem {
                        id: &row.id,
                        reference: &paid.batch_ref,
                        currency: row.currency,
                        direction,
                        amount_minor: row.amount_minor,
                        first_seen: item.first_seen,
                        break_id: String::new(),
                    },
                );
            }
            OpenSide::Bank => {
                let account = account_index(day.settings, &row.account, "state/open_items.csv")?;
                self.add_bank_item(
                    day.settings,
                    account,
                    BankItem {
                        id: &row.id,
                        reference: &row.bank_ref,
                        currency: row.currency,
                        direction,
                        amount_minor: row.amount_minor,
                        first_seen: item.first_seen,
                        break_id: String::new(),
                    },
                );
            }
            OpenSide::Platform => {
                if row.status != Status::Success || !has_bank_leg(&item.leg) {
                    return Ok(());
                }
                let is_customer = row.txn_type.is_some_and(|kind| kind.is_wallet());
                let (pool, obligee) = if is_customer {
                    (DEFAULT_POOL, Obligee::Customer(&row.customer_id))
                } else {
                    (
                        day.merchant_pool(&row.merchant_id),
                        Obligee::Merchant(&row.merchant_id),
                    )
                };
                if !is_bank_leg(day.settings, &item.leg) && has_matched(at_bank, &row.id, item.first_seen) {
                    self.add_unsettled((pool, row.currency, obligee), direction, row.amount_minor);
                    return Ok(());
                }
                self.add_platform_item(Item {
                    class: class_of(direction, ItemClass::A1, ItemClass::A2),
                    pool,
                    currency: row.currency,
                    account: None,
                    id: &row.id,
                    reference: &row.bank_ref,
                    obligee: Some(obligee),
                    amount_minor: row.amount_minor,
                    first_seen: item.first_seen,
                    break_id: String::new(),
                    is_payout: false,
                });
            }
        }
        Ok(())
    }

    fn add_unsettled(
        &mut self,
        key: (&'a str, Currency, Obligee<'a>),
        direction: Direction,
        amount_minor: i64,
    ) {
        match direction {
            Direction::Credit => self.add(key, Part::UnsettledIn, amount_minor),
            Direction::Debit => self.add(key, Part::UnsettledOut, amount_minor),
        }
    }

    fn add_platform_item(&mut self, item: Item<'a>) {
        if let Some(obligee) = item.obligee {
            let part = match item.class {
                ItemClass::A1 => Part::Unreceived,
                _ => Part::InFlight,
            };
            self.add((item.pool, item.currency, obligee), part, item.amount_minor);
        }
        self.items.push(item);
    }

    fn add_bank_item(&mut self, settings: &'a Settings, account: usize, entry: BankItem<'a>) {
        // Own and receivable accounts join the payout leg only and are not in S_bank (R28).
        if settings.accounts[account].kind != AccountKind::Reserve {
            return;
        }
        self.items.push(Item {
            class: class_of(entry.direction, ItemClass::B1, ItemClass::B2),
            pool: &settings.accounts[account].pool,
            currency: entry.currency,
            account: Some(account),
            id: entry.id,
            reference: entry.reference,
            obligee: None,
            amount_minor: entry.amount_minor,
            first_seen: entry.first_seen,
            break_id: entry.break_id,
            is_payout: false,
        });
    }
}

struct BankItem<'a> {
    id: &'a str,
    reference: &'a str,
    currency: Currency,
    direction: Direction,
    amount_minor: i64,
    first_seen: Date,
    break_id: String,
}

fn class_of(direction: Direction, credit: ItemClass, debit: ItemClass) -> ItemClass {
    match direction {
        Direction::Credit => credit,
        Direction::Debit => debit,
    }
}

/// False for the legs of rows that expect no bank entry, and for payouts, which have a table of their own.
fn has_bank_leg(leg: &str) -> bool {
    !matches!(leg, "wallet" | "escrow" | "payout-bank")
}

fn is_bank_leg(settings: &Settings, name: &str) -> bool {
    settings
        .legs
        .iter()
        .any(|leg| leg.name == name && leg.kind == LegKind::PlatformBank)
}

/// True when a row is among those that have matched at the bank. One that came after the match is another of its txn_id (R19).
fn has_matched(at_bank: &FxHashMap<&str, Date>, txn_id: &str, first_seen: Date) -> bool {
    at_bank
        .get(txn_id)
        .is_some_and(|matched_on| *matched_on >= first_seen)
}

/// txn_ids of the state that have matched at the bank and wait for another leg, and the close in which they matched.
fn matched_at_bank<'a>(day: &DayFigures<'a>) -> FxHashMap<&'a str, Date> {
    day.previous
        .unsettled
        .iter()
        .filter(|row| is_bank_leg(day.settings, &row.leg))
        .map(|row| (row.txn_id.as_str(), row.matched_on))
        .collect()
}

fn account_index(settings: &Settings, id: &str, table: &str) -> Result<usize, Stop> {
    settings
        .accounts
        .iter()
        .position(|account| account.id == id)
        .ok_or_else(|| {
            Stop::new(
                StopCode::Settings,
                Finding::about(
                    table,
                    format!(
                        "account `{id}` still has a balance or open items, and book.toml does not name it"
                    ),
                    "keep the [[account]] in book.toml until nothing of it is open",
                ),
            )
        })
}
