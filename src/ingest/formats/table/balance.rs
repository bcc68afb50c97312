//! The running balance of a statement: each row's balance is that of the row before plus what the row moves, so
//! opening + movements = closing. A row that is missing, doubled or changed breaks it, and the file is refused.
//!
//! Which row comes first is found out where the profile does not say it: the order in which the balances follow. Banks
//! sort by time and leave rows of one time in any order; these are put into one that holds, if there is one. Where both
//! directions hold and say different balances, the times decide, and where they do not either, the file is refused.
//!
//! Some senders say themselves that a row's balance need not be that of the row before (`may_break`). Their rows are put
//! into any order that holds, and where there is none that is said with the file, which then gives no balances.

use std::collections::BTreeMap;

use crate::entries::rows::{BalanceRow, Place, RowSink};
use crate::ingest::formats::profile::{Balance, Order};
use crate::ingest::formats::{FileRefused, FormatContext};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::money::format_minor;
use crate::terms::short_text::same;

use super::fields::Booked;
use super::spreadsheet::is_told;

/// Rows of one time that are kept to look for an order; of more only the order of the file counts.
const RUN_ROWS_MAX: usize = 1 << 20;

/// A row as the chain sees it.
#[derive(Clone, Copy)]
pub struct Link {
    place: Place,
    before_minor: i128,
    after_minor: i128,
    booked: Booked,
}

impl Link {
    /// A row that moves `minor` (positive is into the account), with the balance behind it.
    #[inline(always)]
    pub fn of(place: Place, minor: i128, balance_minor: i64, booked: Booked) -> Link {
        let after_minor = i128::from(balance_minor);
        Link {
            place,
            before_minor: after_minor - minor,
            after_minor,
            booked,
        }
    }

    /// It has not the balance that it should.
    #[cold]
    fn broken(&self, expected_minor: i128) -> Break {
        Break {
            line: self.place.line,
            found_minor: self.after_minor,
            expected_minor,
        }
    }
}

/// Rows that stand together in a file, as many of each: what they move, the balances behind them, and when they were booked.
#[derive(Clone, Copy)]
pub struct Steps<'r> {
    /// Positive is into the account.
    pub moved_minor: &'r [i64],
    /// Behind each row.
    pub balance_minor: &'r [i64],
    /// As far as the file says.
    pub booked: &'r [Booked],
}

impl Steps<'_> {
    fn link(&self, at: usize, place: Place) -> Link {
        let minor = i128::from(self.moved_minor[at]);
        Link::of(place, minor, self.balance_minor[at], self.booked[at])
    }

    /// True where each row follows from the one before it (`down`) or behind it.
    fn follow(&self, down: bool) -> bool {
        let between = self.balance_minor.len().saturating_sub(1);
        let (older, newer) = if down { (0, 1) } else { (1, 0) };
        let (balances, moved) = (&self.balance_minor[newer..], &self.moved_minor[newer..]);
        let steps = balances.iter().zip(moved).zip(&self.balance_minor[older..]);
        steps.take(between).fold(true, |follow, ((newer, moved), older)| {
            let (before, is_beyond) = newer.overflowing_sub(*moved);
            follow & (before == *older) & !is_beyond
        })
    }

    /// Whether each row is later than the one before it, and whether each is earlier; `None` where two that stand together
    /// are of one time.
    fn times(&self) -> Option<(bool, bool)> {
        let (mut later, mut earlier, mut differ) = (true, true, true);
        for (before, behind) in self.booked.iter().zip(self.booked.iter().skip(1)) {
            let (before, behind) = (before.number(), behind.number());
            later &= before < behind;
            earlier &= before > behind;
            differ &= before != behind;
        }
        differ.then_some((later, earlier))
    }
}

/// Where a chain breaks: the line, the balance that stands there, and the one that should.
#[derive(Clone, Copy)]
struct Break {
    line: u64,
    found_minor: i128,
    expected_minor: i128,
}

/// Rows of one time that stand together.
struct Run {
    first: Link,
    last: Link,
    rows: usize,
    /// Balances before and after each row, as many as are kept; none where there is one row.
    steps: Vec<(i128, i128)>,
    /// Each row follows from the one before it in the file.
    follows_down: bool,
    /// Each row follows from the one behind it in the file.
    follows_up: bool,
}

/// One of the two directions of a file.
#[derive(Clone, Copy)]
struct Way {
    /// First row that does not follow in the order of the file.
    broken: Option<Break>,
    /// False when no order of rows of one time holds either.
    holds: bool,
    /// Times never go the other way.
    times_agree: bool,
    /// Line of the first run whose rows had to be put into another order.
    reordered: Option<u64>,
    /// Balances before the oldest and after the newest row of the runs so far.
    ends: Option<(i128, i128)>,
}

/// What the balances of an account were found to be.
enum Settled {
    /// They follow from the oldest row to the newest, which comes first or last.
    InOrder { oldest_first: bool, ends: (i128, i128) },
    /// They follow in some order of the rows, and not in that of the file.
    InSomeOrder((i128, i128)),
    /// They follow in none that could be found, and the sender does not promise it.
    Broken(FileRefused),
}

impl Way {
    const NEW: Way = Way {
        broken: None,
        holds: true,
        times_agree: true,
        reordered: None,
        ends: None,
    };

    /// More rows say nothing new of it.
    fn is_out(&self) -> bool {
        !self.holds && self.broken.is_some()
    }

    fn held(&self) -> Option<(i128, i128)> {
        let good = self.holds && (self.reordered.is_none() || self.times_agree);
        self.ends.filter(|_| good)
    }
}

struct Account {
    name: String,
    currency: Currency,
    rows: u64,
    first: Link,
    run: Run,
    /// The oldest row first.
    down: Way,
    /// The newest row first.
    up: Way,
    /// The row of the latest day and time.
    newest: Link,
    /// Balances before and after every row, as many as are kept, where they need not follow in the file's order.
    all_steps: Vec<(i128, i128)>,
}

/// What the running balances of a file say.
#[derive(Default)]
pub struct ChainFacts {
    /// What held, in words.
    pub checked: Vec<String>,
    /// What did not hold and need not, in words.
    pub broken: Vec<String>,
    /// Line and day of the newest row of each account whose balances are not given for that.
    pub undated: Vec<(u64, Date)>,
}

/// The running balances of a file, by account.
pub struct Chain {
    balance: Balance,
    accounts: Vec<Account>,
    /// First row that could not be read.
    unread: Option<(u64, String)>,
}

impl Run {
    fn of(link: Link) -> Run {
        Run {
            first: link,
            last: link,
            rows: 1,
            steps: Vec::new(),
            follows_down: true,
            follows_up: true,
        }
    }

    /// Begins anew with this row.
    #[inline(always)]
    fn begin(&mut self, link: Link) {
        (self.first, self.last, self.rows) = (link, link, 1);
        (self.follows_down, self.follows_up) = (true, true);
        self.steps.clear();
    }

    /// Adds a row behind the last.
    fn push(&mut self, link: Link) {
        if self.steps.is_empty() {
            self.steps.push((self.first.before_minor, self.first.after_minor));
        }
        self.last = link;
        self.rows += 1;
        if self.steps.len() < RUN_ROWS_MAX {
            self.steps.push((link.before_minor, link.after_minor));
        }
    }

    /// Balances before and after its rows, in the order of the file or, where that does not hold, in any; with whether
    /// the order is another. `from` is the balance before them, `to` the one after them, where it is known.
    fn ends(&self, down: bool, from: Option<i128>, to: Option<i128>) -> Option<((i128, i128), bool)> {
        let (in_order, oldest, newest) = if down {
            (self.follows_down, &self.first, &self.last)
        } else {
            (self.follows_up, &self.last, &self.first)
        };
        let as_they_stand = (oldest.before_minor, newest.after_minor);
        let fits = |known: Option<i128>, minor: i128| known.is_none_or(|known| known == minor);
        if in_order && fits(from, as_they_stand.0) && fits(to, as_they_stand.1) {
            return Some((as_they_stand, false));
        }
        if self.steps.len() < self.rows {
            return None;
        }
        any_order(&self.steps, from, to).map(|ends| (ends, true))
    }
}

/// Balances before and after steps that can be taken one after the other in some order (each balance is a place, each row
/// a way between two: all can be walked in one go when they hang together and as many lead to each place as away from
/// it, but for the first and the last). `None` where they cannot, or where they go round and nobody says from where.
fn any_order(steps: &[(i128, i128)], from: Option<i128>, to: Option<i128>) -> Option<(i128, i128)> {
    // For each place: surplus of ways that lead away, and its number.
    let mut places: BTreeMap<i128, (i64, usize)> = BTreeMap::new();
    for (before, after) in steps {
        places.entry(*before).or_default().0 += 1;
        places.entry(*after).or_default().0 -= 1;
    }
    for (number, (_, place)) in places.values_mut().enumerate() {
        *place = number;
    }
    let uneven: Vec<(i128, i64)> = places
        .iter()
        .filter(|(_, (surplus, _))| *surplus != 0)
        .map(|(minor, (surplus, _))| (*minor, *surplus))
        .collect();
    let ends = match (uneven.as_slice(), from.or(to)) {
        ([], Some(known)) if places.contains_key(&known) => (known, known),
        ([(a, 1), (b, -1)] | [(b, -1), (a, 1)], _) => (*a, *b),
        _ => return None,
    };
    let fits = |known: Option<i128>, minor: i128| known.is_none_or(|known| known == minor);
    if !fits(from, ends.0) || !fits(to, ends.1) {
        return None;
    }
    let mut leader: Vec<usize> = (0..places.len()).collect();
    let mut parts = places.len();
    for (before, after) in steps {
        let (a, b) = (
            leader_of(&mut leader, places[before].1),
            leader_of(&mut leader, places[after].1),
        );
        if a != b {
            leader[a] = b;
            parts -= 1;
        }
    }
    (parts == 1).then_some(ends)
}

/// Follows a place to the one that stands for all that hang together with it.
fn leader_of(leader: &mut [usize], mut place: usize) -> usize {
    while leader[place] != place {
        leader[place] = leader[leader[place]];
        place = leader[place];
    }
    place
}

impl Account {
    fn of(name: String, currency: Currency, link: Link, balance: Balance) -> Account {
        let mut account = Account {
            name,
            currency,
            rows: 1,
            first: link,
            run: Run::of(link),
            down: Way::NEW,
            up: Way::NEW,
            newest: link,
            all_steps: Vec::new(),
        };
        account.keep(link, balance);
        account
    }

    /// Keeps what is needed where the order of the file need not hold.
    fn keep(&mut self, link: Link, balance: Balance) {
        if !balance.may_break {
            return;
        }
        if self.newest.booked < link.booked {
            self.newest = link;
        }
        if self.all_steps.len() < RUN_ROWS_MAX {
            self.all_steps.push((link.before_minor, link.after_minor));
        }
    }

    /// The balances, or what is wrong with them.
    fn settled(&mut self, balance: Balance) -> Result<Settled, FileRefused> {
        let refused = match self.settle(balance.order) {
            Ok((oldest_first, ends)) => return Ok(Settled::InOrder { oldest_first, ends }),
            Err(refused) if balance.may_break => refused,
            Err(refused) => return Err(refused),
        };
        let all_kept = self.all_steps.len() as u64 == self.rows;
        let some_order = any_order(&self.all_steps, None, None).filter(|_| all_kept);
        Ok(match some_order {
            Some(ends) => Settled::InSomeOrder(ends),
            None => Settled::Broken(refused),
        })
    }

    fn add(&mut self, link: Link) {
        let last = self.run.last;
        let follows_down = link.before_minor == last.after_minor;
        let follows_up = link.after_minor == last.before_minor;
        if !follows_down && self.down.broken.is_none() {
            let moved = link.after_minor - link.before_minor;
            self.down.broken = Some(link.broken(last.after_minor + moved));
        }
        if !follows_up && self.up.broken.is_none() {
            self.up.broken = Some(link.broken(last.before_minor));
        }
        self.rows += 1;
        if link.booked != last.booked {
            self.end_run();
            self.down.times_agree &= last.booked < link.booked;
            self.up.times_agree &= last.booked > link.booked;
            self.run.begin(link);
            return;
        }
        let run = &mut self.run;
        run.follows_down &= follows_down;
        run.follows_up &= follows_up;
        run.push(link);
    }

    /// Adds the rows behind the first of some, which was added, up to the last: where one order is left in which rows may
    /// follow, and they do, each at a time of its own, they say no more than that. False where they must be added one by one.
    fn add_in_order(&mut self, steps: Steps<'_>, last: Link) -> bool {
        let down = !self.down.is_out();
        if down != self.up.is_out() || self.run.rows > 1 || !steps.follow(down) {
            return false;
        }
        let Some((later, earlier)) = steps.times() else {
            return false;
        };
        self.end_run();
        let behind = steps.balance_minor.len() - 1;
        let way = if down { &mut self.down } else { &mut self.up };
        if let (true, Some((oldest, newest))) = (way.holds, &mut way.ends) {
            // Of the rows before the last, with which the next run begins.
            match down {
                true => *newest = last.before_minor,
                false => *oldest = last.after_minor,
            }
        }
        self.down.times_agree &= later;
        self.up.times_agree &= earlier;
        self.rows += behind as u64;
        self.run.begin(last);
        true
    }

    #[inline]
    fn end_run(&mut self) {
        if self.run.rows > 1 {
            return self.end_long_run();
        }
        // One row follows from what stands before it in the one order, and behind it in the other.
        let Link {
            before_minor,
            after_minor,
            ..
        } = self.run.first;
        for (way, down) in [(&mut self.down, true), (&mut self.up, false)] {
            let Some((oldest, newest)) = &mut way.ends else {
                if way.holds {
                    way.ends = Some((before_minor, after_minor));
                }
                continue;
            };
            let (end, near, far) = if down {
                (newest, before_minor, after_minor)
            } else {
                (oldest, after_minor, before_minor)
            };
            way.holds &= *end == near;
            if way.holds {
                *end = far;
            }
        }
    }

    #[inline(never)]
    fn end_long_run(&mut self) {
        let run = &self.run;
        let go = |way: &mut Way, down: bool| {
            if !way.holds {
                return;
            }
            let (from, to) = match way.ends {
                None => (None, None),
                Some((_, newest)) if down => (Some(newest), None),
                Some((oldest, _)) => (None, Some(oldest)),
            };
            let Some(((before, after), reordered)) = run.ends(down, from, to) else {
                way.holds = false;
                return;
            };
            way.ends = Some(match way.ends {
                None => (before, after),
                Some((oldest, _)) if down => (oldest, after),
                Some((_, newest)) => (before, newest),
            });
            if reordered {
                way.reordered.get_or_insert(run.first.place.line);
            }
        };
        go(&mut self.down, true);
        go(&mut self.up, false);
    }

    fn shown(&self, minor: i128) -> String {
        format!(
            "{} {}",
            format_minor(minor, self.currency.digits()),
            self.currency
        )
    }

    /// True when the oldest row comes first, and the balances before the oldest and after the newest row.
    fn settle(&mut self, order: Order) -> Result<(bool, (i128, i128)), FileRefused> {
        self.end_run();
        let down = self.down.held().filter(|_| order != Order::NewestFirst);
        let up = self.up.held().filter(|_| order != Order::OldestFirst);
        match (down, up) {
            (Some(down), None) => Ok((true, down)),
            (None, Some(up)) => Ok((false, up)),
            // Both say the same: the one in which the rows stand as they are.
            (Some(down), Some(up)) if down == up => {
                Ok((self.down.reordered.is_none() || self.up.reordered.is_some(), down))
            }
            (Some(down), Some(up)) => match self.first.booked.cmp(&self.run.last.booked) {
                std::cmp::Ordering::Less => Ok((true, down)),
                std::cmp::Ordering::Greater => Ok((false, up)),
                std::cmp::Ordering::Equal => {
                    let [a, b, c, d] = [down.0, down.1, up.0, up.1].map(|minor| self.shown(minor));
                    Err(FileRefused::at(
                        self.first.place.line,
                        format!(
                            "running balance: which row is the oldest cannot be told: with the oldest first the account goes from {a} to {b}, with the newest first from {c} to {d}, and no time decides"
                        ),
                        "put a copy of the profile into profiles/ of the book that says `order = \"oldest first\"` or `\"newest first\"` under [balance], as the bank writes its files",
                    ))
                }
            },
            (None, None) => Err(self.refusal(order)),
        }
    }

    fn refusal(&self, order: Order) -> FileRefused {
        let broken = match order {
            Order::OldestFirst => self.down.broken,
            Order::NewestFirst => self.up.broken,
            // The order that holds for longer is the file's.
            Order::Either => match (self.down.broken, self.up.broken) {
                (Some(down), Some(up)) if down.line < up.line => Some(up),
                (down, up) => down.or(up),
            },
        };
        let line = broken.map_or(self.first.place.line, |broken| broken.line);
        let words = broken.map_or(String::new(), |broken| {
            format!(
                ": found {}, expected {}, which follows from the row before",
                self.shown(broken.found_minor),
                self.shown(broken.expected_minor)
            )
        });
        let help = if order == Order::Either {
            "rows are missing, doubled, changed or out of order (neither the oldest nor the newest first fits): fetch the whole statement again; no row of this one is taken"
        } else {
            "rows are missing, doubled, changed or out of order: fetch the whole statement again; no row of this one is taken"
        };
        FileRefused::at(line, format!("running balance{words}"), help)
    }
}

impl Chain {
    /// A chain without rows.
    pub fn new(balance: Balance) -> Chain {
        Chain {
            balance,
            accounts: Vec::new(),
            unread: None,
        }
    }

    /// Says that the figures of the row at `line` are not known.
    pub fn add_unknown(&mut self, line: u64, words: &str) {
        self.unread.get_or_insert_with(|| (line, words.to_owned()));
    }

    /// Adds a row of an account; rows are added in the order of the file.
    #[inline]
    pub fn add(&mut self, name: &[u8], currency: Currency, link: Link) {
        self.added(name, currency, link);
    }

    /// Adds rows of an account that stand together; `place` says where each of them stands.
    pub fn add_run(
        &mut self,
        name: &[u8],
        currency: Currency,
        steps: Steps<'_>,
        place: impl Fn(usize) -> Place,
    ) {
        let Some(last) = steps.balance_minor.len().checked_sub(1) else {
            return;
        };
        let balance = self.balance;
        let account = self.added(name, currency, steps.link(0, place(0)));
        if last == 0 || (!balance.may_break && account.add_in_order(steps, steps.link(last, place(last)))) {
            return;
        }
        for at in 1..=last {
            let link = steps.link(at, place(at));
            account.add(link);
            account.keep(link, balance);
        }
    }

    #[inline]
    fn added(&mut self, name: &[u8], currency: Currency, link: Link) -> &mut Account {
        let known = self
            .accounts
            .iter()
            .position(|account| same(account.name.as_bytes(), name) && account.currency == currency);
        let at = match known {
            Some(at) => {
                let account = &mut self.accounts[at];
                account.add(link);
                account.keep(link, self.balance);
                at
            }
            None => {
                let name = String::from_utf8_lossy(name).into_owned();
                self.accounts
                    .push(Account::of(name, currency, link, self.balance));
                self.accounts.len() - 1
            }
        };
        &mut self.accounts[at]
    }

    /// Checks every chain, tells what held, and gives the balances where the profile asks for them, dated with the day
    /// of the newest row.
    ///
    /// # Errors
    /// The first row whose balance does not follow from the one before it, an order that cannot be told, or an opening
    /// balance beyond 64 bits.
    pub fn check(
        &mut self,
        ctx: &FormatContext<'_>,
        sink: &mut dyn RowSink,
    ) -> Result<ChainFacts, FileRefused> {
        if let Some((line, words)) = &self.unread {
            return Err(FileRefused::at(
                *line,
                format!("the running balance cannot be checked: {words}"),
                if is_told(words) {
                    "fetch the file again and deliver it without opening it in a spreadsheet; no row of this one is taken"
                } else {
                    "ask the bank for a corrected file; no row of this one is taken"
                },
            ));
        }
        let mut facts = ChainFacts::default();
        for account in &mut self.accounts {
            let (reordered, oldest, newest, (opening, closing)) = match account.settled(self.balance)? {
                Settled::InOrder {
                    oldest_first: true,
                    ends,
                } => (account.down.reordered, account.first, account.run.last, ends),
                Settled::InOrder { ends, .. } => {
                    (account.up.reordered, account.run.last, account.first, ends)
                }
                Settled::InSomeOrder(ends) => (
                    Some(account.first.place.line),
                    account.newest,
                    account.newest,
                    ends,
                ),
                Settled::Broken(refused) => {
                    facts.broken.push(format!(
                        "balances of {} rows do not follow from one another, first in line {}, which the sender does not promise: no opening and closing balance is taken from this file",
                        account.rows, refused.line
                    ));
                    if self.balance.statement {
                        facts
                            .undated
                            .push((account.newest.place.line, account.newest.booked.date));
                    }
                    continue;
                }
            };
            let mut words = format!(
                "running balance: {} rows from {} to {}",
                account.rows,
                account.shown(opening),
                account.shown(closing)
            );
            if let Some(line) = reordered {
                let which = if self.balance.may_break {
                    "rows stand"
                } else {
                    "rows of one time stand"
                };
                words.push_str(&format!(
                    " ({which} in another order than they were booked in, first from line {line} on)"
                ));
            }
            facts.checked.push(words);
            // A file of another day gives its balances too: what compares them with the day and with the closing
            // balance before it (R27) then refuses yesterday's rows, which would else be booked twice.
            if let (true, Some(index)) = (
                self.balance.statement,
                ctx.settings.account_in(&account.name, account.currency),
            ) {
                let (Ok(opening_minor), Ok(closing_minor)) = (i64::try_from(opening), i64::try_from(closing))
                else {
                    return Err(FileRefused::at(
                        oldest.place.line,
                        format!(
                            "the balance before this row, {}, is more than an account can hold",
                            account.shown(opening)
                        ),
                        "ask the bank for a corrected file; no row of this one is taken",
                    ));
                };
                sink.balance(&BalanceRow {
                    place: newest.place,
                    account: index as u16,
                    currency: account.currency,
                    date: newest.booked.date,
                    opening_minor,
                    closing_minor,
                });
            }
        }
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ingest::formats::testing::{Kept, context, settings, source};
    use crate::terms::date::Date;

    /// What a chain says of rows of (time, movement, balance), and the balances it gives.
    fn told(order: Order, rows: &[(u32, i128, i64)]) -> Result<(Vec<String>, Vec<String>), String> {
        let balance = Balance {
            order,
            statement: true,
            may_break: false,
        };
        let (facts, balances) = facts_of(balance, rows)?;
        Ok((facts.checked, balances))
    }

    /// The same of rows that are added one by one, and some at a time.
    fn facts_of(balance: Balance, rows: &[(u32, i128, i64)]) -> Result<(ChainFacts, Vec<String>), String> {
        let shown = |result: &Result<(ChainFacts, Vec<String>), String>| match result {
            Ok((facts, balances)) => Ok((
                facts.checked.clone(),
                facts.broken.clone(),
                facts.undated.clone(),
                balances.clone(),
            )),
            Err(refused) => Err(refused.clone()),
        };
        let one_by_one = facts_by(balance, rows, 1);
        for at_a_time in [2, 3, 64] {
            let some_at_a_time = facts_by(balance, rows, at_a_time);
            assert_eq!(
                shown(&some_at_a_time),
                shown(&one_by_one),
                "{at_a_time} of {rows:?}"
            );
        }
        one_by_one
    }

    fn facts_by(
        balance: Balance,
        rows: &[(u32, i128, i64)],
        at_a_time: usize,
    ) -> Result<(ChainFacts, Vec<String>), String> {
        let settings = settings(&[("6222", "CNY")]);
        let source = source("x", crate::book::settings::Role::Bank);
        let mut chain = Chain::new(balance);
        for (number, rows) in rows.chunks(at_a_time).enumerate() {
            let place = |at: usize| Place {
                line: (number * at_a_time + at) as u64 + 2,
                offset: 0,
            };
            let booked = |second: u32| Booked {
                date: Date::from_ymd(2026, 3, 31).unwrap(),
                second,
            };
            if at_a_time == 1 {
                let (second, minor, balance_minor) = rows[0];
                let link = Link::of(place(0), minor, balance_minor, booked(second));
                chain.add(b"6222", Currency::CNY, link);
                continue;
            }
            let steps = Steps {
                moved_minor: &rows.iter().map(|row| row.1 as i64).collect::<Vec<_>>(),
                balance_minor: &rows.iter().map(|row| row.2).collect::<Vec<_>>(),
                booked: &rows.iter().map(|row| booked(row.0)).collect::<Vec<_>>(),
            };
            chain.add_run(b"6222", Currency::CNY, steps, place);
        }
        let mut kept = Kept::default();
        let facts = chain.check(&context(&settings, &source), &mut kept);
        facts
            .map(|facts| (facts, kept.balances))
            .map_err(|refused| format!("{}: {}", refused.line, refused.message))
    }

    fn check(order: Order, rows: &[(u32, i128, i64)], expected: Result<(i64, i64), &str>) {
        match (told(order, rows), expected) {
            (Ok((_, balances)), Ok((opening, closing))) => {
                assert_eq!(
                    balances,
                    [format!("0 CNY 2026-03-31 {opening} {closing}")],
                    "{rows:?}"
                );
            }
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found} lacks {expected}"),
            (found, expected) => panic!("{rows:?}: found {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn the_order_is_that_in_which_the_balances_follow() {
        let either = Order::Either;
        let down = [(1, 100, 600), (2, -50, 550), (3, 7, 557)];
        let up = [down[2], down[1], down[0]];
        check(either, &down, Ok((500, 557)));
        check(either, &up, Ok((500, 557)));
        check(Order::OldestFirst, &down, Ok((500, 557)));
        check(Order::NewestFirst, &up, Ok((500, 557)));
        check(
            Order::NewestFirst,
            &down,
            Err("3: running balance: found 5.50 CNY, expected 5.00 CNY"),
        );
        check(either, &[down[0]], Ok((500, 600)));
        // A row is missing.
        check(
            either,
            &[down[0], down[2]],
            Err("3: running balance: found 5.57 CNY"),
        );
        check(either, &[up[0], up[2]], Err("3: running balance: found 6.00 CNY"));
    }

    #[test]
    fn times_decide_where_both_orders_hold() {
        let either = Order::Either;
        // 5.00 → 6.00 → 5.00 from the top, 6.00 → 5.00 → 6.00 from the bottom.
        let rows = |first, second| [(first, 100, 600), (second, -100, 500)];
        check(either, &rows(1, 2), Ok((500, 500)));
        check(either, &rows(2, 1), Ok((600, 600)));
        check(
            either,
            &rows(1, 1),
            Err(
                "2: running balance: which row is the oldest cannot be told: with the oldest first the account goes from 5.00 CNY to 5.00 CNY, with the newest first from 6.00 CNY to 6.00 CNY",
            ),
        );
        check(Order::OldestFirst, &rows(1, 1), Ok((500, 500)));
        check(Order::NewestFirst, &rows(1, 1), Ok((600, 600)));
        // In and out again: both orders say the same.
        check(
            either,
            &[(1, 100, 600), (1, -100, 500), (1, 100, 600)],
            Ok((500, 600)),
        );
    }

    #[test]
    fn rows_of_one_time_may_stand_in_any_order() {
        let either = Order::Either;
        // 5.00 +1.00 → 6.00 −0.50 → 5.50 +0.07 → 5.57 +1.00 → 6.57
        let booked = [(1, 100, 600), (2, -50, 550), (2, 7, 557), (3, 100, 657)];
        let swapped = [booked[0], booked[2], booked[1], booked[3]];
        check(either, &swapped, Ok((500, 657)));
        let up = [booked[3], booked[1], booked[2], booked[0]];
        check(either, &up, Ok((500, 657)));
        let (checked, _) = told(either, &swapped).unwrap();
        assert!(checked[0].ends_with("first from line 3 on)"), "{checked:?}");
        // A different time is no tie, and a tie does not hide a missing row.
        check(
            either,
            &[booked[1], booked[0], booked[2], booked[3]],
            Err("running balance: found"),
        );
        check(
            either,
            &[booked[0], booked[2], booked[3]],
            Err("running balance: found"),
        );
        // Round and round: where it began is not known.
        let round = [(1, 100, 600), (1, -30, 520), (1, -50, 550), (1, -20, 500)];
        check(either, &round, Err("running balance"));
    }

    #[test]
    fn a_sender_that_promises_no_order_is_taken_at_its_word() {
        let balance = Balance {
            order: Order::Either,
            statement: true,
            may_break: true,
        };
        let rows = [(1, 100, 600), (2, -50, 550), (3, 7, 557)];
        // In any order that the balances allow, and as ever where the file's order holds.
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
            let rows = order.map(|at| rows[at]);
            let (facts, balances) = facts_of(balance, &rows).unwrap();
            assert_eq!(balances, ["0 CNY 2026-03-31 500 557"], "{order:?}");
            assert!(facts.broken.is_empty() && facts.undated.is_empty());
            let in_order = order == [0, 1, 2] || order == [2, 1, 0];
            assert_eq!(facts.checked[0].contains("another order"), !in_order, "{order:?}");
        }
        // A balance that lags behind: said, and the file gives none.
        let (facts, balances) = facts_of(balance, &[rows[0], (2, -50, 650), rows[2]]).unwrap();
        assert!(balances.is_empty() && facts.checked.is_empty());
        assert_eq!(
            facts.broken,
            [
                "balances of 3 rows do not follow from one another, first in line 3, which the sender does not promise: no opening and closing balance is taken from this file"
            ]
        );
        assert_eq!(facts.undated, [(4, Date::from_ymd(2026, 3, 31).unwrap())]);
        // Others promise it.
        assert!(told(Order::Either, &[rows[1], rows[0], rows[2]]).is_err());
    }

    proptest! {
        /// Balances that nearly always follow, at times that nearly always go one way, told alike in both ways of adding them.
        #[test]
        fn rows_added_some_at_a_time_say_what_they_say_one_by_one(
            moves in prop::collection::vec((prop::sample::select(vec![1i64, 1, 1, 1, 1, 1, 0, -5]), -300i64..300), 1..100),
            odd in prop::collection::vec((0usize..400, -3i64..3), 0..3),
            newest_first in any::<bool>(),
            may_break in any::<bool>(),
            order in prop::sample::select(vec![Order::Either, Order::OldestFirst, Order::NewestFirst]),
            start in prop::sample::select(vec![0, 1_000_000, i64::MAX - 2000]),
        ) {
            let (mut second, mut balance) = (1000i64, start);
            let mut rows: Vec<(u32, i128, i64)> = moves
                .iter()
                .map(|(later, moved)| {
                    (second, balance) = (second + later, balance.wrapping_add(*moved));
                    (second as u32, i128::from(*moved), balance)
                })
                .collect();
            if newest_first {
                rows.reverse();
            }
            for (at, change) in odd {
                if let Some(row) = rows.get_mut(at) {
                    row.2 = row.2.wrapping_add(change);
                }
            }
            let _ = facts_of(Balance { order, statement: true, may_break }, &rows);
        }

        #[test]
        fn shuffled_ties_are_put_right(
            moves in prop::collection::vec((0u32..4, -300i128..300), 1..14),
            shuffle in prop::collection::vec(any::<u32>(), 14),
            newest_first in any::<bool>(),
        ) {
            let mut moves = moves;
            moves.sort_by_key(|(time, _)| *time);
            let mut balance = 1_000_000i128;
            let mut rows: Vec<(u32, i128, i64)> = moves
                .iter()
                .map(|(time, minor)| {
                    balance += minor;
                    (*time, *minor, balance as i64)
                })
                .collect();
            let order = if newest_first { Order::NewestFirst } else { Order::OldestFirst };
            let mut keyed: Vec<(u32, (u32, i128, i64))> = shuffle.into_iter().zip(rows.iter().copied()).collect();
            keyed.sort_by_key(|(key, row)| (row.0, *key));
            rows = keyed.into_iter().map(|(_, row)| row).collect();
            if newest_first {
                rows.reverse();
            }
            match told(order, &rows) {
                // What is told is right, but for a file that goes round within one time and may begin anywhere on it.
                Ok((_, balances)) => {
                    let sum: i128 = moves.iter().map(|(_, minor)| minor).sum();
                    let fields: Vec<i128> = balances[0].split(' ').skip(3).map(|text| text.parse().unwrap()).collect();
                    prop_assert_eq!(fields[1] - fields[0], sum);
                    prop_assert!(sum == 0 || fields[1] == balance, "{:?}", rows);
                }
                Err(found) => {
                    let first_time = if newest_first { moves[moves.len() - 1].0 } else { moves[0].0 };
                    let first_sum: i128 = moves.iter().filter(|(time, _)| *time == first_time).map(|(_, minor)| minor).sum();
                    prop_assert_eq!(first_sum, 0, "{} {:?}", found, rows);
                }
            }
        }
    }
}
