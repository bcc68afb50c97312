//! The journal, the trial balance, and what the ledger brings forward (SPEC §6.10, R43, R46).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::book::settings::{AccountKind, Basis, Settings};
use crate::day::figures::AccountEventKind;
use crate::day::state::LedgerBalance;
use crate::findings::{Finding, Stop, StopCode};
use crate::ledger::accounts::{
    CUSTOMERS, FEES, HELD, IN_TRANSIT, MERCHANTS, OWN_MONEY, PAYOUTS, REFUNDS, UNIDENTIFIED,
    UNIDENTIFIED_DEBITS, UNRECEIVED, UNSETTLED, WALLET_CLEARING,
};
use crate::ledger::day_figures::DayFigures;
use crate::ledger::lines::{Entry, JournalLines, Line};
use crate::ledger::standing::{Claim, ItemClass, Obligee, Standing, Standings};
use crate::terms::currency::Currency;
use crate::terms::digest;
use crate::terms::kinds::{Action, Direction, Purpose};
use crate::terms::money;

/// A line of journal.csv (R43) by itself, as it is read back. The lines of one `entry_id` balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalLine {
    /// Entry the line belongs to.
    pub entry_id: Arc<str>,
    /// Ledger account.
    pub ledger_account: Arc<str>,
    /// Merchant or customer; for entries of a bank account the account's id.
    pub obligee_id: Arc<str>,
    /// Currency.
    pub currency: Currency,
    /// Kind of movement.
    pub kind: &'static str,
    /// Minor units, ≥ 0; one of the two is 0.
    pub debit_minor: i128,
    /// Minor units, ≥ 0.
    pub credit_minor: i128,
}

/// A line of trial_balance.csv (R43). Balances are debits less credits, minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialLine {
    /// Ledger account.
    pub ledger_account: String,
    /// Currency.
    pub currency: Currency,
    /// Closing balance of the previous close.
    pub opening_minor: i128,
    /// Debits of the day.
    pub debit_minor: i128,
    /// Credits of the day.
    pub credit_minor: i128,
    /// `opening + debit − credit`.
    pub closing_minor: i128,
}

/// What the stage yields.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Sorted by (currency, ledger_account, obligee_id, kind, entry_id); currencies by code.
    pub lines: JournalLines,
    /// Sorted by (ledger_account, currency); a line when any figure is not 0.
    pub trial_balance: Vec<TrialLine>,
    /// Opening balances of the day: the state's, or derived from its tables at a first close (R46).
    pub opening: Vec<LedgerBalance>,
    /// For the next state.
    pub closing: Vec<LedgerBalance>,
}

impl Journal {
    /// Closing balance of a ledger account, debits less credits.
    pub fn closing_minor(&self, ledger_account: &str, currency: Currency) -> i128 {
        self.trial_balance
            .iter()
            .find(|line| line.ledger_account == ledger_account && line.currency == currency)
            .map_or(0, |line| line.closing_minor)
    }
}

/// Books the day.
///
/// # Errors
/// A sum beyond 64 bits, or an entry that does not balance (70).
pub fn journal(day: &DayFigures<'_>, standings: &Standings<'_>) -> Result<Journal, Stop> {
    let Standings { before, after } = standings;
    let opening = if day.previous.ledger.is_empty() {
        opening_from(day, before)?
    } else {
        day.previous.ledger.clone()
    };
    let bank_names: Vec<String> = day
        .settings
        .accounts
        .iter()
        .map(|account| format!("assets:bank:{}", account.id))
        .collect();
    let mut book = Book {
        settings: day.settings,
        bank_names: &bank_names,
        obligees: Ranks::default(),
        kinds: Ranks::default(),
        accounts: Ranks::default(),
        postings: Vec::new(),
    };
    book.merchant_lines(day);
    book.claims(day, standings);
    book.payouts(day);
    book.customers(day);
    book.accounts(day, before, after);
    let lines = book.lines(day)?;
    let trial_balance = trial_balance(&opening, &lines);
    let closing = trial_balance
        .iter()
        .filter(|line| line.closing_minor != 0)
        .map(|line| balance_of(&line.ledger_account, line.currency, line.closing_minor))
        .collect::<Result<_, _>>()?;
    Ok(Journal {
        lines,
        trial_balance,
        opening,
        closing,
    })
}

/// The basis under which the previous close booked its inflows in transit. `[reserve].basis` may change from one
/// day to the next; what was booked under the old one is then taken back as it was booked.
pub fn previous_basis(day: &DayFigures<'_>, before: &Standing<'_>) -> Basis {
    if day.previous.ledger.is_empty() || before.item_sums(ItemClass::A1, |_| Some(())).is_empty() {
        return day.settings.reserve.basis;
    }
    let memo = day
        .previous
        .ledger
        .iter()
        .any(|line| line.ledger_account == UNRECEIVED);
    if memo { Basis::Received } else { Basis::Due }
}

/// Ledger balances that follow from the other tables of the state: the opening balances of a first close (R46).
///
/// # Errors
/// A sum beyond 64 bits (70).
pub fn opening_from(day: &DayFigures<'_>, standing: &Standing<'_>) -> Result<Vec<LedgerBalance>, Stop> {
    let basis = day.settings.reserve.basis;
    let mut sums: BTreeMap<(String, Currency), i128> = BTreeMap::new();
    let mut add = |account: &str, currency, debit: i128| {
        *sums.entry((account.to_owned(), currency)).or_insert(0) += debit;
    };
    for ((_, currency, obligee), claim) in &standing.claims {
        add(HELD, *currency, -claim.held_minor);
        add(UNSETTLED, *currency, -claim.unsettled_in_minor);
        let rest =
            claim.balance_minor(*obligee, Basis::Received) - claim.held_minor - claim.unsettled_in_minor;
        add(payee_account(*obligee), *currency, -rest);
        add(
            inflow_account(*obligee, basis),
            *currency,
            -claim.unreceived_minor,
        );
    }
    for item in &standing.items {
        let amount = i128::from(item.amount_minor);
        match item.class {
            ItemClass::A1 => add(IN_TRANSIT, item.currency, amount),
            ItemClass::A2 if item.is_payout => add(PAYOUTS, item.currency, -amount),
            ItemClass::A2 => add(REFUNDS, item.currency, -amount),
            ItemClass::B1 => add(UNIDENTIFIED, item.currency, -amount),
            ItemClass::B2 => add(UNIDENTIFIED_DEBITS, item.currency, amount),
        }
    }
    for (index, closing) in &standing.bank {
        let account = &day.settings.accounts[*index];
        add(&format!("assets:bank:{}", account.id), account.currency, *closing);
    }
    for own in &day.previous.own {
        add(OWN_MONEY, own.currency, -i128::from(own.amount_minor));
    }
    sums.into_iter()
        .filter(|(_, sum)| *sum != 0)
        .map(|((account, currency), sum)| balance_of(&account, currency, sum))
        .collect()
}

fn balance_of(ledger_account: &str, currency: Currency, balance: i128) -> Result<LedgerBalance, Stop> {
    // Every amount fits, and so do the sums of an account's statement; those of open rows of all days are bounded by nothing.
    let balance_minor = money::narrow(balance).map_err(|_| {
        Stop::new(
            StopCode::BadData,
            Finding::about(
                "trial_balance.csv",
                format!(
                    "balance of {ledger_account} {currency}: the sum is {balance} minor units, expected at most {} either way",
                    i64::MAX
                ),
                "look for a wrong amount or a wrong currency in the inbox, and among the open items of the close before (breaks.csv)",
            ),
        )
    })?;
    Ok(LedgerBalance {
        ledger_account: ledger_account.to_owned(),
        currency,
        balance_minor,
    })
}

/// The kind of the entries that an adjustment of a break makes on a bank account.
fn adjustment_kind(action: Action) -> &'static str {
    match action {
        Action::Accept => "accept",
        Action::ForceMatch => "force-match",
        Action::WriteOff => "write-off",
        Action::Hold => "manual-hold",
        Action::Release => "manual-release",
        Action::Transfer => "manual-transfer",
    }
}

fn payee_account(obligee: Obligee<'_>) -> &'static str {
    match obligee {
        Obligee::Merchant(_) => MERCHANTS,
        Obligee::Customer(_) => CUSTOMERS,
    }
}

fn inflow_account(obligee: Obligee<'_>, basis: Basis) -> &'static str {
    match basis {
        Basis::Received => UNRECEIVED,
        Basis::Due => payee_account(obligee),
    }
}

struct Book<'a> {
    settings: &'a Settings,
    bank_names: &'a [String],
    obligees: Ranks<'a>,
    kinds: Ranks<'static>,
    accounts: Ranks<'a>,
    /// Parts of entries before they are added up: an amount, of any sign, that one account is debited and another credited.
    postings: Vec<(Posting, i128)>,
}

impl<'a> Book<'a> {
    fn post(
        &mut self,
        currency: Currency,
        obligee_id: &'a str,
        kind: &'static str,
        [debit, credit]: [&'a str; 2],
        amount_minor: i128,
    ) {
        if amount_minor == 0 {
            return;
        }
        let posting = Posting {
            obligee: self.obligees.place(obligee_id),
            // Kinds are words of this file.
            kind: self.kinds.place(kind) as u16,
            debit: self.accounts.place(debit),
            credit: self.accounts.place(credit),
            currency,
        };
        self.postings.push((posting, amount_minor));
    }

    /// Ledger account of a bank account: own and receivable accounts stand for own money.
    fn bank(&self, index: usize) -> &'a str {
        match self.settings.accounts[index].kind {
            AccountKind::Reserve => &self.bank_names[index],
            AccountKind::Own | AccountKind::Receivable => OWN_MONEY,
        }
    }

    fn merchant_lines(&mut self, day: &DayFigures<'a>) {
        let merchants = day.merchants;
        for line in day.payouts {
            let (sums, currency) = (&line.sums, line.sums.currency);
            let id = merchants.get(sums.merchant).id.as_str();
            let inflows =
                sums.gross_minor - sums.balance_gross_minor + sums.reversal_minor + sums.adjustment_minor;
            self.post(currency, id, "settled", [IN_TRANSIT, MERCHANTS], inflows);
            self.post(
                currency,
                id,
                "wallet-payment",
                [WALLET_CLEARING, MERCHANTS],
                sums.balance_gross_minor,
            );
            self.post(
                currency,
                id,
                "wallet-refund",
                [MERCHANTS, WALLET_CLEARING],
                sums.balance_refund_minor,
            );
            self.post(currency, id, "fee", [MERCHANTS, FEES], line.fee_minor);
            self.post(
                currency,
                id,
                "fee-returned",
                [FEES, MERCHANTS],
                sums.fee_returned_minor,
            );
            self.post(currency, id, "hold", [MERCHANTS, HELD], line.hold_minor);
            self.post(currency, id, "release", [HELD, MERCHANTS], line.release_minor);
            let manual = &line.manual;
            self.post(currency, id, "manual-hold", [MERCHANTS, HELD], manual.hold_minor);
            self.post(
                currency,
                id,
                "manual-release",
                [HELD, MERCHANTS],
                manual.release_minor,
            );
            self.post(
                currency,
                id,
                "manual-transfer",
                [OWN_MONEY, MERCHANTS],
                manual.transfer_minor,
            );
            // Outflows that settled were agreed today or earlier; what was booked and what was agreed follows
            // in `claims` from the change of the items.
            let outflows = sums.refund_minor - sums.balance_refund_minor + sums.chargeback_minor;
            self.post(currency, id, "outflow-booked", [MERCHANTS, REFUNDS], outflows);
            self.post(currency, id, "outflow-agreed", [REFUNDS, IN_TRANSIT], outflows);
        }
    }

    /// What follows from the change of each obligee's rows under way. Booked = settled + Δ unsettled + Δ in
    /// flight; agreed at the bank = settled + Δ unsettled.
    fn claims(&mut self, day: &DayFigures<'a>, standings: &Standings<'a>) {
        let basis = day.settings.reserve.basis;
        let previous_basis = previous_basis(day, &standings.before);
        for (key, was, is) in standings.claim_pairs() {
            let (_, currency, obligee) = key;
            let id = obligee.id();
            let booked_kind = match obligee {
                Obligee::Merchant(_) => "inflow-booked",
                Obligee::Customer(_) => "topup-booked",
            };
            let (old, new) = (
                inflow_account(obligee, previous_basis),
                inflow_account(obligee, basis),
            );
            self.post(currency, id, booked_kind, [old, IN_TRANSIT], was.unreceived_minor);
            self.post(currency, id, booked_kind, [IN_TRANSIT, new], is.unreceived_minor);
            let unsettled_kind = match obligee {
                Obligee::Merchant(_) => "unsettled",
                Obligee::Customer(_) => "topup-unsettled",
            };
            let waiting = is.unsettled_in_minor - was.unsettled_in_minor;
            self.post(currency, id, unsettled_kind, [IN_TRANSIT, UNSETTLED], waiting);
            self.outflows(currency, obligee, &was, &is);
        }
    }

    fn outflows(&mut self, currency: Currency, obligee: Obligee<'a>, was: &Claim, is: &Claim) {
        let in_flight = is.in_flight_minor - was.in_flight_minor;
        let waiting = is.unsettled_out_minor - was.unsettled_out_minor;
        match obligee {
            Obligee::Merchant(id) => {
                self.post(
                    currency,
                    id,
                    "outflow-booked",
                    [MERCHANTS, REFUNDS],
                    waiting + in_flight,
                );
                self.post(currency, id, "outflow-agreed", [REFUNDS, IN_TRANSIT], waiting);
            }
            // The withdrawal itself is booked with the wallet; what of it is no longer in flight was agreed.
            Obligee::Customer(id) => {
                self.post(
                    currency,
                    id,
                    "withdrawal-agreed",
                    [REFUNDS, IN_TRANSIT],
                    -in_flight,
                );
            }
        }
    }

    fn payouts(&mut self, day: &DayFigures<'a>) {
        for payout in day.newly_issued() {
            let amount = i128::from(payout.amount_minor);
            self.post(
                payout.currency,
                &payout.merchant_id,
                "payout",
                [MERCHANTS, PAYOUTS],
                amount,
            );
        }
        for event in day.events {
            let currency = day.settings.accounts[event.account].currency;
            let bank = self.bank(event.account);
            let amount = i128::from(event.amount_minor);
            match &event.kind {
                AccountEventKind::PayoutDebited { merchant_id, .. } => {
                    self.post(currency, merchant_id, "payout-debited", [PAYOUTS, bank], amount);
                }
                AccountEventKind::PayoutReturned { merchant_id, .. } => {
                    self.post(
                        currency,
                        merchant_id,
                        "payout-returned",
                        [bank, MERCHANTS],
                        amount,
                    );
                }
                AccountEventKind::Residual {
                    ledger_account,
                    direction,
                } => {
                    let account: &'a str = &day.settings.accounts[event.account].id;
                    let sides = match direction {
                        Direction::Credit => [bank, ledger_account.as_str()],
                        Direction::Debit => [ledger_account.as_str(), bank],
                    };
                    self.post(currency, account, "residual", sides, amount);
                }
                AccountEventKind::Adjusted {
                    action,
                    ledger_account,
                    direction,
                    ..
                } => {
                    let account: &'a str = &day.settings.accounts[event.account].id;
                    let sides = match direction {
                        Direction::Credit => [bank, *ledger_account],
                        Direction::Debit => [*ledger_account, bank],
                    };
                    self.post(currency, account, adjustment_kind(*action), sides, amount);
                }
                AccountEventKind::Purpose(_) => {}
            }
        }
    }

    fn customers(&mut self, day: &DayFigures<'a>) {
        for line in day.customers {
            let (currency, id) = (line.currency, line.customer_id.as_str());
            self.post(currency, id, "topup", [IN_TRANSIT, CUSTOMERS], line.topup_minor);
            self.post(
                currency,
                id,
                "withdrawal",
                [CUSTOMERS, REFUNDS],
                line.withdrawal_minor,
            );
            // Every withdrawal of the day goes through in-flight; `outflows` took the change of it back out.
            self.post(
                currency,
                id,
                "withdrawal-agreed",
                [REFUNDS, IN_TRANSIT],
                line.withdrawal_minor,
            );
            // What people took out of the books was in flight as well, and was never agreed.
            self.post(
                currency,
                id,
                "withdrawal-written-off",
                [REFUNDS, CUSTOMERS],
                line.unbooked_minor,
            );
            self.post(
                currency,
                id,
                "withdrawal-agreed",
                [REFUNDS, IN_TRANSIT],
                -line.unbooked_minor,
            );
            self.post(
                currency,
                id,
                "wallet-paid",
                [CUSTOMERS, WALLET_CLEARING],
                line.payment_minor,
            );
            self.post(
                currency,
                id,
                "wallet-refunded",
                [WALLET_CLEARING, CUSTOMERS],
                line.refund_minor,
            );
            self.post(
                currency,
                id,
                "transfer-in",
                [WALLET_CLEARING, CUSTOMERS],
                line.transfer_in_minor,
            );
            self.post(
                currency,
                id,
                "transfer-out",
                [CUSTOMERS, WALLET_CLEARING],
                line.transfer_out_minor,
            );
        }
    }

    fn accounts(&mut self, day: &DayFigures<'a>, before: &Standing<'a>, after: &Standing<'a>) {
        let settings: &'a Settings = day.settings;
        for sums in day.agreed {
            let account = &settings.accounts[sums.account];
            let bank = self.bank(sums.account);
            self.post(
                account.currency,
                &account.id,
                "receipts",
                [bank, IN_TRANSIT],
                sums.credit_minor,
            );
            self.post(
                account.currency,
                &account.id,
                "payments",
                [IN_TRANSIT, bank],
                sums.debit_minor,
            );
        }
        for event in day.events {
            let AccountEventKind::Purpose(purpose) = &event.kind else {
                continue;
            };
            let account = &settings.accounts[event.account];
            if account.kind != AccountKind::Reserve {
                continue;
            }
            let bank = self.bank(event.account);
            let (kind, sides) = match purpose {
                Purpose::OwnIn => ("own-in", [bank, OWN_MONEY]),
                Purpose::Interest => ("interest", [bank, OWN_MONEY]),
                Purpose::OwnOut => ("own-out", [OWN_MONEY, bank]),
                Purpose::FeeSweep => ("fee-sweep", [OWN_MONEY, bank]),
                Purpose::BankFee => ("bank-fee", [OWN_MONEY, bank]),
                Purpose::None => continue,
            };
            self.post(
                account.currency,
                &account.id,
                kind,
                sides,
                i128::from(event.amount_minor),
            );
        }
        for (class, kind, other, sign) in [
            (ItemClass::B1, "unidentified", UNIDENTIFIED, 1),
            (ItemClass::B2, "unidentified-debits", UNIDENTIFIED_DEBITS, -1),
        ] {
            let was = before.item_sums(class, |item| item.account);
            let is = after.item_sums(class, |item| item.account);
            for index in was.keys().chain(is.keys()).copied().collect::<BTreeSet<_>>() {
                let account = &settings.accounts[index];
                let sum = |sums: &BTreeMap<usize, i128>| sums.get(&index).copied().unwrap_or(0);
                let change = sign * (sum(&is) - sum(&was));
                self.post(
                    account.currency,
                    &account.id,
                    kind,
                    [self.bank(index), other],
                    change,
                );
            }
        }
    }

    /// Adds the postings up to journal lines, and proves that every entry balances.
    ///
    /// Each text has a rank, so that a day with many obligees is sorted by numbers: postings are laid out by obligee, added up
    /// obligee by obligee, and their lines, then in the order of obligee and kind, are laid out by currency and account.
    fn lines(self, day: &DayFigures<'_>) -> Result<JournalLines, Stop> {
        let obligees = self.obligees.rank();
        let (accounts, kinds) = (self.accounts.rank(), self.kinds.rank());
        let postings = laid_out(&self.postings, obligees.texts.len(), |(posting, _)| {
            obligees.ranks[posting.obligee as usize] as usize
        });
        let mut ids = digest::EntryIds::new(day.date);
        let (mut entries, mut entry_ids) = (Vec::new(), Vec::new());
        let mut lines = Vec::with_capacity(postings.len());
        let mut sides: Vec<(Side, i128)> = Vec::new();
        for of_obligee in postings.chunk_by(|a, b| a.0.obligee == b.0.obligee) {
            let obligee = obligees.ranks[of_obligee[0].0.obligee as usize];
            let obligee_id = obligees.texts[obligee as usize];
            sides.clear();
            for (posting, amount) in of_obligee {
                let side = |account: u32| Side {
                    currency: posting.currency,
                    kind: kinds.ranks[posting.kind as usize],
                    account: accounts.ranks[account as usize],
                };
                sides.push((side(posting.debit), *amount));
                sides.push((side(posting.credit), -amount));
            }
            sides.sort_unstable_by_key(|(side, _)| *side);
            for entry in sides.chunk_by(|a, b| a.0.entry() == b.0.entry()) {
                let Side { currency, kind, .. } = entry[0].0;
                let (mut total, lines_before) = (0, lines.len());
                for side in entry.chunk_by(|a, b| a.0 == b.0) {
                    let amount_minor: i128 = side.iter().map(|(_, amount)| amount).sum();
                    total += amount_minor;
                    if amount_minor != 0 {
                        lines.push(Line {
                            entry: entries.len() as u32,
                            account: side[0].0.account,
                            amount_minor,
                        });
                    }
                }
                if total == 0 && lines.len() == lines_before {
                    continue;
                }
                let id = ids.id(obligee_id, currency.code(), kinds.texts[kind as usize]);
                if total != 0 {
                    return Err(Stop::invariant(format!(
                        "journal entry {} ({}, {obligee_id}, {currency}): debits less credits are {total}, must be 0",
                        digest::hex_text(&id),
                        kinds.texts[kind as usize],
                    )));
                }
                entry_ids.push(id);
                entries.push(Entry {
                    obligee,
                    kind,
                    currency,
                });
            }
        }
        // The order of the table; an entry is one obligee and kind, so its id decides nothing more.
        let currencies: BTreeSet<Currency> = entries.iter().map(|entry| entry.currency).collect();
        let currencies: Vec<Currency> = currencies.into_iter().collect();
        let groups = currencies.len() * accounts.texts.len();
        let lines = laid_out(&lines, groups, |line| {
            let currency = entries[line.entry as usize].currency;
            let currency = currencies.binary_search(&currency).unwrap_or_default();
            currency * accounts.texts.len() + line.account as usize
        });
        let texts = (&obligees.texts[..], &accounts.texts[..], &kinds.texts[..]);
        Ok(JournalLines::new((entries, entry_ids), lines, texts))
    }
}

/// Values in the order of the groups that they belong to, of which there are some, those of a group as they stand.
fn laid_out<T: Copy>(values: &[T], groups: usize, group: impl Fn(&T) -> usize) -> Vec<T> {
    let mut next = vec![0; groups + 1];
    for value in values {
        next[group(value) + 1] += 1;
    }
    for at in 0..groups {
        next[at + 1] += next[at];
    }
    let Some(first) = values.first() else {
        return Vec::new();
    };
    let mut laid = vec![*first; values.len()];
    for value in values {
        let place: &mut usize = &mut next[group(value)];
        laid[*place] = *value;
        *place += 1;
    }
    laid
}

/// What a posting is about, its texts by place.
#[derive(Clone, Copy)]
struct Posting {
    obligee: u32,
    debit: u32,
    credit: u32,
    kind: u16,
    currency: Currency,
}

/// What a side of an obligee's entry is about, its texts by rank: sides compare as their texts do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    currency: Currency,
    kind: u32,
    account: u32,
}

impl Side {
    /// The obligee's entry that it belongs to.
    fn entry(self) -> (Currency, u32) {
        (self.currency, self.kind)
    }
}

/// Texts as they are met, each once.
#[derive(Default)]
struct Ranks<'a> {
    places: FxHashMap<&'a str, u32>,
    /// By place.
    texts: Vec<&'a str>,
    /// Texts met lately, by where they lie in memory: a few names, and one obligee after the other, are met over and over.
    lately: [Option<(&'a str, u32)>; LATELY],
}

/// Texts remembered by where they lie.
const LATELY: usize = 32;

/// The same texts in byte order.
struct Ranking<'a> {
    /// Rank by place.
    ranks: Vec<u32>,
    /// Text by rank.
    texts: Vec<&'a str>,
}

impl<'a> Ranks<'a> {
    /// Place of a text.
    fn place(&mut self, text: &'a str) -> u32 {
        let at = text.as_ptr() as usize;
        let lately = (at ^ (at >> 5) ^ text.len()) % LATELY;
        if let Some((known, place)) = self.lately[lately]
            && std::ptr::eq(known, text)
        {
            return place;
        }
        let next = self.texts.len() as u32;
        let place = *self.places.entry(text).or_insert(next);
        if place == next {
            self.texts.push(text);
        }
        self.lately[lately] = Some((text, place));
        place
    }

    fn rank(self) -> Ranking<'a> {
        let mut order: Vec<u32> = (0..self.texts.len() as u32).collect();
        order.sort_by_key(|place| self.texts[*place as usize]);
        let mut ranks = vec![0; order.len()];
        for (rank, place) in (0u32..).zip(&order) {
            ranks[*place as usize] = rank;
        }
        Ranking {
            ranks,
            texts: order.iter().map(|place| self.texts[*place as usize]).collect(),
        }
    }
}

fn trial_balance(opening: &[LedgerBalance], lines: &JournalLines) -> Vec<TrialLine> {
    let mut sums: BTreeMap<(&str, Currency), [i128; 3]> = BTreeMap::new();
    for balance in opening {
        let key = (balance.ledger_account.as_str(), balance.currency);
        sums.entry(key).or_default()[0] += i128::from(balance.balance_minor);
    }
    for run in lines.by_account() {
        let key = (lines.ledger_account(run.start), lines.currency(run.start));
        let sum = sums.entry(key).or_default();
        let [debit_minor, credit_minor] = lines.turnover(run);
        sum[1] += debit_minor;
        sum[2] += credit_minor;
    }
    sums.into_iter()
        .filter(|(_, sum)| *sum != [0; 3])
        .map(
            |((ledger_account, currency), [opening_minor, debit_minor, credit_minor])| TrialLine {
                ledger_account: ledger_account.to_owned(),
                currency,
                opening_minor,
                debit_minor,
                credit_minor,
                closing_minor: opening_minor + debit_minor - credit_minor,
            },
        )
        .collect()
}
