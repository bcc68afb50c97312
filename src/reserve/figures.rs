//! The figures of R39 per pool and currency, with the lines and items they are sums of.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::settings::{AccountKind, Basis};
use crate::day::state::{InterPool, OwnMoney};
use crate::findings::{Finding, Stop, StopCode};
use crate::ledger::{Claim, DayFigures, Item, ItemClass, Standing, Standings};
use crate::reserve::roll::{BANK, INTER_POOL, Movements, OWN, REQUIREMENT, RollTerm};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::money;
use crate::terms::order::order_of;

/// The line that holds the A items of platform rows: cash that belongs to no account yet (R28).
pub(super) const IN_TRANSIT_LINE: &str = "(in transit)";
/// The line that shows money of a pool in accounts of others.
pub(super) const INTER_POOL_LINE: &str = "(inter-pool)";

/// The figures of one pool and currency (R39). Minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolFigures {
    /// Pool.
    pub pool: String,
    /// Currency.
    pub currency: Currency,
    /// Σ max(balance_i, 0).
    pub balances_minor: i128,
    /// U = Σ B1.
    pub unidentified_minor: i128,
    /// P: payouts issued, not yet debited.
    pub payouts_minor: i128,
    /// F: refunds, chargebacks and withdrawals booked, not yet agreed with the bank.
    pub in_flight_minor: i128,
    /// R = balances + U + P + F.
    pub requirement_minor: i128,
    /// Σ max(−balance_i, 0).
    pub negative_minor: i128,
    /// Σ statement closing balances.
    pub bank_minor: i128,
    /// Σ cash books, the line `(in transit)` included.
    pub book_minor: i128,
    /// 0 until a table for it exists (R1).
    pub other_minor: i128,
    /// A1.
    pub a1_minor: i128,
    /// A2.
    pub a2_minor: i128,
    /// B1.
    pub b1_minor: i128,
    /// B2.
    pub b2_minor: i128,
    /// E, rolled forward from the state.
    pub own_money_minor: i128,
    /// What other pools hold for this one, less what it holds for them (R28).
    pub inter_pool_minor: i128,
    /// S_book + S_other − R_book.
    pub c_int_minor: i128,
    /// S_bank + S_other − R: decides (R3).
    pub c_minor: i128,
    /// S_bank − R.
    pub c_strict_minor: i128,
    /// max(0, −C).
    pub shortfall_minor: i128,
    /// The shortfall as if today's payouts were issued; see [`ReserveReport::with_if_paid`].
    pub shortfall_if_paid_minor: i128,
    /// max(0, C − own money allowed); the allowance is in base currency only.
    pub excess_minor: i128,
    /// Must be 0.
    pub unexplained_minor: i128,
    /// R of the previous close, under today's pools and basis.
    pub requirement_opening_minor: i128,
    /// S_bank of the previous close.
    pub bank_opening_minor: i128,
    /// Own money of the previous close.
    pub own_money_opening_minor: i128,
    /// Inter-pool amount of the previous close.
    pub inter_pool_opening_minor: i128,
}

impl PoolFigures {
    /// The worst of the three lines, by name and amount: what is printed first (SPEC §7). Of equals `C` is named.
    pub fn headline(&self) -> (&'static str, i128) {
        [("C_int", self.c_int_minor), ("C_strict", self.c_strict_minor)]
            .into_iter()
            .fold(
                ("C", self.c_minor),
                |worst, line| if line.1 < worst.1 { line } else { worst },
            )
    }
}

/// A line of lines.csv: one reserve account, the line `(in transit)`, or the line `(inter-pool)`. Minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFigures {
    /// Pool.
    pub pool: String,
    /// Currency.
    pub currency: Currency,
    /// Account id, `(in transit)` or `(inter-pool)`.
    pub account: String,
    /// Index into `Settings::accounts`; `None` for the lines that are no account.
    pub index: Option<usize>,
    /// Statement closing balance.
    pub bank_minor: i128,
    /// A1, A2, B1, B2 of the line.
    pub items_minor: [i128; 4],
    /// Cash-book balance, rolled forward.
    pub book_minor: i128,
    /// Inter-pool amount, on its own line only.
    pub inter_pool_minor: i128,
}

impl LineFigures {
    /// ε = bank + A1 − A2 − B1 + B2 − book; must be 0.
    pub fn difference_minor(&self) -> i128 {
        let [a1, a2, b1, b2] = self.items_minor;
        self.bank_minor + a1 - a2 - b1 + b2 - self.book_minor
    }
}

/// A line of items.csv.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemRow {
    /// Class.
    pub class: ItemClass,
    /// Pool.
    pub pool: String,
    /// Currency.
    pub currency: Currency,
    /// Account id or `(in transit)`.
    pub account: String,
    /// txn_id, entry_id or payout id.
    pub id: String,
    /// bank_ref.
    pub reference: String,
    /// Obligee id; empty where nobody claims it.
    pub obligee_id: String,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// Since when it is open.
    pub first_seen: Date,
    /// Business days in (first_seen, D].
    pub age_business_days: i32,
    /// Break it stands in; empty for a payout before its execution date.
    pub break_id: String,
    /// True for an undebited payout (P); other A2 items are F.
    pub is_payout: bool,
}

impl ItemRow {
    /// The part of R that the item is counted in: U, P or F; empty for A1 and B2, which are in none.
    pub fn figure(&self) -> &'static str {
        match self.class {
            ItemClass::A1 | ItemClass::B2 => "",
            ItemClass::A2 if self.is_payout => "P",
            ItemClass::A2 => "F",
            ItemClass::B1 => "U",
        }
    }
}

/// A line of balances.csv: what one obligee is owed, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceRow {
    /// Pool.
    pub pool: String,
    /// Currency.
    pub currency: Currency,
    /// `merchant` or `customer`.
    pub kind: &'static str,
    /// Merchant or customer id.
    pub obligee_id: String,
    /// The parts.
    pub claim: Claim,
    /// `balance_i` (R2), minor units.
    pub balance_minor: i128,
}

/// What the stage yields.
#[derive(Clone, Debug)]
pub struct ReserveReport {
    /// Sorted by (pool, currency).
    pub pools: Vec<PoolFigures>,
    /// Sorted by (pool, currency, account).
    pub lines: Vec<LineFigures>,
    /// Sorted by (class, pool, currency, account, first_seen, id).
    pub items: Vec<ItemRow>,
    /// Sorted by (pool, currency, figure, step, term, id).
    pub roll_forward: Vec<RollTerm>,
    /// Sorted by (pool, currency, kind, id).
    pub balances: Vec<BalanceRow>,
    /// `own` of the next state.
    pub own: Vec<OwnMoney>,
    /// `inter_pool` of the next state.
    pub inter_pool: Vec<InterPool>,
    /// Cash-book balance by index into `Settings::accounts`: `book_minor` of the next state's accounts.
    pub books: BTreeMap<usize, i128>,
}

impl ReserveReport {
    /// The figures of a pool and currency.
    pub fn pool(&self, pool: &str, currency: Currency) -> Option<&PoolFigures> {
        self.pools
            .iter()
            .find(|figures| figures.pool == pool && figures.currency == currency)
    }

    /// Pools and currencies that are short: C < 0 (R3).
    pub fn short(&self) -> Vec<(String, Currency)> {
        self.pools
            .iter()
            .filter(|figures| figures.c_minor < 0)
            .map(|figures| (figures.pool.clone(), figures.currency))
            .collect()
    }

    /// The same report with the shortfalls of a report made as if today's payouts were issued (R3).
    #[must_use]
    pub fn with_if_paid(mut self, as_if_issued: &ReserveReport) -> ReserveReport {
        for figures in &mut self.pools {
            figures.shortfall_if_paid_minor = as_if_issued
                .pool(&figures.pool, figures.currency)
                .map_or(0, |paid| paid.shortfall_minor);
        }
        self
    }
}

/// The age buckets of the items (SPEC §7): up to 5, 6 to 10, and 11 or more business days.
pub fn bucket(age_business_days: i32) -> &'static str {
    match age_business_days {
        ..=5 => "0-5",
        6..=10 => "6-10",
        _ => "11+",
    }
}

type PoolKey<'a> = (&'a str, Currency);

/// Computes the reserve of the day, payouts as the inputs have them.
///
/// # Errors
/// Balances brought forward whose money has no owner: 65 for `opening/`, else 78 (an account changed its kind). An
/// account with open payouts or items that the settings do not know: 78. A sum beyond 64 bits: 70.
pub fn figures(day: &DayFigures<'_>, standings: &Standings<'_>) -> Result<ReserveReport, Stop> {
    let Standings { before, after } = standings;
    let basis = day.settings.reserve.basis;
    let mut movements = Movements::of(day)?;
    let opening = Sums::of(day, before, basis);
    let closing = Sums::of(day, after, basis);

    let mut keys: BTreeSet<PoolKey<'_>> = opening.keys().chain(closing.keys()).copied().collect();
    keys.extend(movements.keys());
    keys.extend(
        day.previous
            .own
            .iter()
            .map(|own| (own.pool.as_str(), own.currency)),
    );
    keys.extend(
        day.previous
            .inter_pool
            .iter()
            .map(|line| (line.pool.as_str(), line.currency)),
    );
    let brought = brought_forward(day, &keys, before, &opening)?;

    let mut pools = Vec::new();
    for key in &keys {
        let (was, is) = (
            opening.get(key).copied().unwrap_or_default(),
            closing.get(key).copied().unwrap_or_default(),
        );
        requirement_terms(&mut movements, *key, &was, &is, basis);
        let Brought {
            own_minor: own_opening,
            inter_pool_minor: inter_pool_opening,
            moved_minor,
        } = brought[key];
        let moved = (
            5,
            "merchants and accounts that changed pool",
            "merchants, book.toml",
        );
        movements.add(*key, INTER_POOL, moved, "", moved_minor);
        let own_money = own_opening + movements.total(*key, OWN);
        let inter_pool = inter_pool_opening + movements.total(*key, INTER_POOL);
        pools.push(pool_figures(
            day,
            *key,
            [&was, &is],
            [own_opening, own_money],
            [inter_pool_opening, inter_pool],
        ));
    }
    for figures in &pools {
        let key = keys.get(&(figures.pool.as_str(), figures.currency)).copied();
        let Some(key) = key else { continue };
        for (figure, from, to) in [
            (
                REQUIREMENT,
                figures.requirement_opening_minor,
                figures.requirement_minor,
            ),
            (BANK, figures.bank_opening_minor, figures.bank_minor),
            (OWN, figures.own_money_opening_minor, figures.own_money_minor),
            (
                INTER_POOL,
                figures.inter_pool_opening_minor,
                figures.inter_pool_minor,
            ),
        ] {
            movements.add(key, figure, (0, "opening", "the previous close"), "", from);
            movements.add(key, figure, (99, "closing", "reserve.json"), "", to);
        }
    }
    let lines = lines(day, after, &movements.books, &pools);
    Ok(ReserveReport {
        lines,
        items: item_rows(day, &after.items)?,
        balances: balance_rows(after, basis),
        own: next_own(&pools)?,
        inter_pool: next_inter_pool(&pools)?,
        books: movements.books.clone(),
        roll_forward: movements.into_terms(),
        pools,
    })
}

/// Sums of a standing in one pool and currency.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    positive: i128,
    negative: i128,
    /// Indexed by [`ItemClass`].
    items: [i128; 4],
    payouts: i128,
    bank: i128,
}

impl Sums {
    fn of<'a>(day: &DayFigures<'a>, standing: &Standing<'a>, basis: Basis) -> BTreeMap<PoolKey<'a>, Sums> {
        let mut sums: BTreeMap<PoolKey<'a>, Sums> = BTreeMap::new();
        for account in &day.settings.accounts {
            if account.kind == AccountKind::Reserve {
                sums.entry((&account.pool, account.currency)).or_default();
            }
        }
        for ((pool, currency, obligee), claim) in &standing.claims {
            let balance = claim.balance_minor(*obligee, basis);
            let sum = sums.entry((pool, *currency)).or_default();
            sum.positive += balance.max(0);
            sum.negative += (-balance).max(0);
        }
        for item in &standing.items {
            let sum = sums.entry((item.pool, item.currency)).or_default();
            let amount = i128::from(item.amount_minor);
            sum.items[item.class as usize] += amount;
            if item.is_payout {
                sum.payouts += amount;
            }
        }
        for (index, closing) in &standing.bank {
            let account = &day.settings.accounts[*index];
            sums.entry((&account.pool, account.currency)).or_default().bank += closing;
        }
        sums
    }

    fn requirement(&self) -> i128 {
        self.positive + self.items[ItemClass::B1 as usize] + self.items[ItemClass::A2 as usize]
    }

    /// What is left of R1's identity when own money and inter-pool amounts are left out of it.
    fn without_owner(&self, basis: Basis) -> i128 {
        let [a1, _, _, b2] = self.items;
        let unreceived = match basis {
            Basis::Received => 0,
            Basis::Due => a1,
        };
        self.bank - self.requirement() + b2 + self.negative + unreceived
    }
}

/// What a pool and currency brings forward beside its claims and items.
#[derive(Clone, Copy)]
struct Brought {
    own_minor: i128,
    inter_pool_minor: i128,
    /// Inter-pool amount that arose because a merchant or account changed its pool since.
    moved_minor: i128,
}

/// Own money and inter-pool amounts brought forward. A merchant or an account that changed its pool leaves the
/// money where it was: that shows as an inter-pool amount (R28), and sums to zero over the pools.
fn brought_forward<'a>(
    day: &DayFigures<'a>,
    keys: &BTreeSet<PoolKey<'a>>,
    before: &Standing<'a>,
    opening: &BTreeMap<PoolKey<'a>, Sums>,
) -> Result<BTreeMap<PoolKey<'a>, Brought>, Stop> {
    let mut brought = BTreeMap::new();
    let mut residue: BTreeMap<Currency, i128> = BTreeMap::new();
    for key in keys {
        let own: i128 = day
            .previous
            .own
            .iter()
            .filter(|own| (own.pool.as_str(), own.currency) == *key)
            .map(|own| i128::from(own.amount_minor))
            .sum();
        let without_owner = opening
            .get(key)
            .map_or(0, |sums| sums.without_owner(day.settings.reserve.basis));
        *residue.entry(key.1).or_insert(0) += without_owner - own;
        let inter_pool: i128 = day
            .previous
            .inter_pool
            .iter()
            .filter(|line| (line.pool.as_str(), line.currency) == *key)
            .map(|line| i128::from(line.amount_minor))
            .sum();
        brought.insert(
            *key,
            Brought {
                own_minor: own,
                inter_pool_minor: inter_pool,
                moved_minor: own - without_owner - inter_pool,
            },
        );
    }
    let first = day.previous.ledger.is_empty();
    let mut findings: Vec<Finding> = residue
        .into_iter()
        .filter(|(_, residue)| *residue != 0)
        .map(|(currency, residue)| {
            let shown = money::format_minor(residue, currency.digits());
            let message = format!(
                "{currency}: bank balances brought forward less what is owed and under way and own money leave \
                 {shown}, expected 0.{:0width$}",
                0,
                width = currency.digits() as usize
            );
            if first {
                Finding::about(
                    "opening/",
                    message,
                    "say whose money it is: complete carried, dues, holds, customers, payouts, open_items, or own",
                )
            } else {
                Finding::about(
                    "book.toml",
                    message,
                    "an [[account]] changed its kind or currency while it held money: undo that, and move the money first",
                )
            }
        })
        .collect();
    if first {
        findings.extend(opening_books(day, before));
    }
    if findings.is_empty() {
        return Ok(brought);
    }
    let code = if first {
        StopCode::BadData
    } else {
        StopCode::Settings
    };
    Err(Stop { code, findings })
}

/// Cash books of `opening/` that are not the bank balance and the items under way.
fn opening_books(day: &DayFigures<'_>, before: &Standing<'_>) -> Vec<Finding> {
    let mut books = before.bank.clone();
    for item in &before.items {
        if let Some(account) = item.account {
            let amount = i128::from(item.amount_minor);
            *books.entry(account).or_insert(0) += match item.class {
                ItemClass::A1 | ItemClass::B2 => amount,
                ItemClass::A2 | ItemClass::B1 => -amount,
            };
        }
    }
    let wrong = day.accounts.iter().filter_map(|line| {
        let account = &day.settings.accounts[line.account];
        let expected = books.get(&line.account).copied().unwrap_or(0);
        let shown = |amount| money::format_minor(amount, account.currency.digits());
        (account.kind == AccountKind::Reserve && line.book_opening_minor != expected).then(|| {
            Finding::about(
                "opening/accounts.csv",
                format!(
                    "account {}: cash book {}, expected {} (bank balance, less payouts under way and open bank \
                     credits, plus open bank debits)",
                    account.id,
                    shown(line.book_opening_minor),
                    shown(expected)
                ),
                "correct book_minor, or complete payouts and open_items",
            )
        })
    });
    wrong.collect()
}

/// The terms of R and S_bank that are changes of items and positions.
fn requirement_terms<'a>(
    movements: &mut Movements<'a>,
    key: PoolKey<'a>,
    was: &Sums,
    is: &Sums,
    basis: Basis,
) {
    const ITEMS: &str = "items.csv, this close less the previous one";
    const NEGATIVE: &str = "balances.csv, balances below 0";
    let change = |class: ItemClass| is.items[class as usize] - was.items[class as usize];
    let (b1, b2) = (change(ItemClass::B1), change(ItemClass::B2));
    movements.add(
        key,
        REQUIREMENT,
        (90, "unidentified receipts, change", ITEMS),
        "",
        b1,
    );
    movements.add(key, BANK, (90, "unidentified receipts, change", ITEMS), "", b1);
    movements.add(key, BANK, (91, "unidentified debits, change", ITEMS), "", -b2);
    if basis == Basis::Due {
        let a1 = change(ItemClass::A1);
        movements.add(
            key,
            REQUIREMENT,
            (92, "inflows booked and not received, change", ITEMS),
            "",
            a1,
        );
    }
    let negative = is.negative - was.negative;
    movements.add(
        key,
        REQUIREMENT,
        (93, "balances below zero, change", NEGATIVE),
        "",
        negative,
    );
}

fn pool_figures(
    day: &DayFigures<'_>,
    (pool, currency): PoolKey<'_>,
    [was, is]: [&Sums; 2],
    [own_opening, own_money]: [i128; 2],
    [inter_pool_opening, inter_pool]: [i128; 2],
) -> PoolFigures {
    let basis = day.settings.reserve.basis;
    let [a1, a2, b1, b2] = is.items;
    let requirement = is.requirement();
    let book = is.bank + a1 - a2 - b1 + b2;
    let requirement_book = requirement - b1 - a2
        + match basis {
            Basis::Received => a1,
            Basis::Due => 0,
        };
    let c = is.bank - requirement;
    let allowed = if currency == day.settings.institution.base_currency {
        i128::from(day.settings.reserve.own_money_allowed_minor)
    } else {
        0
    };
    PoolFigures {
        pool: pool.to_owned(),
        currency,
        balances_minor: is.positive,
        unidentified_minor: b1,
        payouts_minor: is.payouts,
        in_flight_minor: a2 - is.payouts,
        requirement_minor: requirement,
        negative_minor: is.negative,
        bank_minor: is.bank,
        book_minor: book,
        other_minor: 0,
        a1_minor: a1,
        a2_minor: a2,
        b1_minor: b1,
        b2_minor: b2,
        own_money_minor: own_money,
        inter_pool_minor: inter_pool,
        c_int_minor: book - requirement_book,
        c_minor: c,
        c_strict_minor: c,
        shortfall_minor: (-c).max(0),
        shortfall_if_paid_minor: (-c).max(0),
        excess_minor: (c - allowed).max(0),
        unexplained_minor: is.without_owner(basis) - own_money + inter_pool,
        requirement_opening_minor: was.requirement(),
        bank_opening_minor: was.bank,
        own_money_opening_minor: own_opening,
        inter_pool_opening_minor: inter_pool_opening,
    }
}

fn lines(
    day: &DayFigures<'_>,
    after: &Standing<'_>,
    books: &BTreeMap<usize, i128>,
    pools: &[PoolFigures],
) -> Vec<LineFigures> {
    let mut items: BTreeMap<(&str, Currency, Option<usize>), [i128; 4]> = BTreeMap::new();
    for item in &after.items {
        let sums = items.entry((item.pool, item.currency, item.account)).or_default();
        sums[item.class as usize] += i128::from(item.amount_minor);
    }
    let mut lines = Vec::new();
    for figures in pools {
        let line =
            |account: &str, index, bank_minor, items_minor, book_minor, inter_pool_minor| LineFigures {
                pool: figures.pool.clone(),
                currency: figures.currency,
                account: account.to_owned(),
                index,
                bank_minor,
                items_minor,
                book_minor,
                inter_pool_minor,
            };
        let of = |index| {
            items
                .get(&(figures.pool.as_str(), figures.currency, index))
                .copied()
                .unwrap_or_default()
        };
        let transit = of(None);
        lines.push(line(
            IN_TRANSIT_LINE,
            None,
            0,
            transit,
            transit[0] - transit[1],
            0,
        ));
        if figures.inter_pool_minor != 0 {
            lines.push(line(
                INTER_POOL_LINE,
                None,
                0,
                [0; 4],
                0,
                figures.inter_pool_minor,
            ));
        }
        for (index, account) in day.settings.accounts.iter().enumerate() {
            let here = account.pool == figures.pool && account.currency == figures.currency;
            if account.kind == AccountKind::Reserve && here {
                let bank = after.bank.get(&index).copied().unwrap_or(0);
                let book = books.get(&index).copied().unwrap_or(0);
                lines.push(line(&account.id, Some(index), bank, of(Some(index)), book, 0));
            }
        }
    }
    lines
}

fn item_rows(day: &DayFigures<'_>, items: &[Item<'_>]) -> Result<Vec<ItemRow>, Stop> {
    let mut ages: BTreeMap<Date, i32> = BTreeMap::new();
    let account = |item: &Item<'_>| -> &str {
        item.account
            .map_or(IN_TRANSIT_LINE, |index| &day.settings.accounts[index].id)
    };
    let order = order_of(
        items.len(),
        |at| {
            let item = &items[at];
            (
                item.class,
                item.pool,
                item.currency,
                account(item),
                item.first_seen,
            )
        },
        |at| items[at].id.as_bytes(),
        |a, b| {
            // Two rows of one txn_id, in doubt, may differ in the obligee alone.
            let key = |at: usize| {
                let item = &items[at];
                (
                    item.reference,
                    &item.break_id,
                    item.amount_minor,
                    item.obligee,
                    item.is_payout,
                )
            };
            key(a).cmp(&key(b))
        },
    );
    let mut rows = Vec::with_capacity(items.len());
    for item in order.into_iter().map(|at| &items[at as usize]) {
        let age_business_days = match ages.get(&item.first_seen) {
            Some(age) => *age,
            None => {
                let age = (day.age_business_days)(item.first_seen)?;
                ages.insert(item.first_seen, age);
                age
            }
        };
        rows.push(ItemRow {
            class: item.class,
            pool: item.pool.to_owned(),
            currency: item.currency,
            account: account(item).to_owned(),
            id: item.id.to_owned(),
            reference: item.reference.to_owned(),
            obligee_id: item
                .obligee
                .map_or(String::new(), |obligee| obligee.id().to_owned()),
            amount_minor: item.amount_minor,
            first_seen: item.first_seen,
            age_business_days,
            break_id: item.break_id.clone(),
            is_payout: item.is_payout,
        });
    }
    Ok(rows)
}

fn balance_rows(after: &Standing<'_>, basis: Basis) -> Vec<BalanceRow> {
    after
        .claims
        .iter()
        .filter(|(_, claim)| *claim != Claim::default())
        .map(|((pool, currency, obligee), claim)| BalanceRow {
            pool: (*pool).to_owned(),
            currency: *currency,
            kind: obligee.kind(),
            obligee_id: obligee.id().to_owned(),
            claim: *claim,
            balance_minor: claim.balance_minor(*obligee, basis),
        })
        .collect()
}

fn next_own(pools: &[PoolFigures]) -> Result<Vec<OwnMoney>, Stop> {
    pools
        .iter()
        .filter(|figures| figures.own_money_minor != 0)
        .map(|figures| {
            Ok(OwnMoney {
                pool: figures.pool.clone(),
                currency: figures.currency,
                amount_minor: narrow(figures, "own money", figures.own_money_minor)?,
            })
        })
        .collect()
}

fn next_inter_pool(pools: &[PoolFigures]) -> Result<Vec<InterPool>, Stop> {
    pools
        .iter()
        .filter(|figures| figures.inter_pool_minor != 0)
        .map(|figures| {
            Ok(InterPool {
                pool: figures.pool.clone(),
                currency: figures.currency,
                amount_minor: narrow(figures, "inter-pool amount", figures.inter_pool_minor)?,
            })
        })
        .collect()
}

fn narrow(figures: &PoolFigures, what: &str, amount: i128) -> Result<i64, Stop> {
    money::narrow(amount).map_err(|_| {
        Stop::new(
            StopCode::BadData,
            Finding::about(
                "reserve.json",
                format!(
                    "{what} of pool {} {}: the sum is {amount} minor units, expected at most {} either way",
                    figures.pool,
                    figures.currency,
                    i64::MAX
                ),
                "look for a wrong amount or a wrong currency in the inbox, and among the open items of the close before (breaks.csv)",
            ),
        )
    })
}
