//! A slow, obvious reading of SPEC §5 and R40 against the passes, on ten thousand small books in which much collides; and
//! the same books shuffled.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::book::passes::{BatchAmounts, EntriesSeen, QuotedField, References};

/// Books tried.
const BOOKS: u64 = 10_000;
const MEMBERS_MAX: usize = 3;
const DAYS: u32 = 1;
const TOLERATED_MINOR: i64 = 2;

/// Numbers that follow from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.next(all.len() as u64) as usize]
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.next(at as u64 + 1) as usize);
        }
    }
}

const IDS: [&str; 8] = ["T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8"];
const REFERENCES: [&str; 8] = ["", "", "R1", "r 1", "00R1", "NO.R1", "R2", "R3"];
const REMARKS: [&str; 6] = ["", "", "for R1.", "for R2", "for R1 for R2", "for T3"];

fn date(day: u64) -> Date {
    Date::from_ymd(2026, 3, 1).unwrap().plus_days(day as i32)
}

fn currency(random: &mut Random) -> Currency {
    Currency::parse(random.of(&[b"CNY", b"CNY", b"CNY", b"CNY", b"CNY", b"EUR"])).unwrap()
}

fn direction(random: &mut Random) -> Direction {
    if random.next(8) == 0 {
        Direction::Debit
    } else {
        Direction::Credit
    }
}

fn standing(random: &mut Random) -> Standing {
    match random.next(8) {
        0 => Standing::Duplicate,
        1 => Standing::Held,
        _ => Standing::Alone,
    }
}

struct Books {
    platform: Vec<PlatformItem<'static>>,
    bank: Vec<BankItem<'static>>,
    passes: Vec<Pass>,
}

fn books(seed: u64) -> Books {
    let random = &mut Random(seed);
    let waits = random.next(2) == 0;
    let rows = 2 + random.next(6) as usize;
    let mut platform = Vec::new();
    for id in &IDS[..rows] {
        let (merchant, amount_minor) = (random.next(2) as u32, random.of(&[5, 5, 5, 8, 10, 21]));
        let (currency, direction) = (currency(random), direction(random));
        let money = u32::from(currency.index()) << 8 | (direction as u32) << 7 | amount_minor as u32;
        platform.push(PlatformItem {
            id,
            reference: random.of(&REFERENCES),
            order_id: "",
            channel_ref: "",
            batch_ref: random.of(&["", "", "B1", "B2"]),
            currency,
            direction,
            amount_minor,
            channel_fee_minor: random.of(&[0, 0, 1]),
            day: date(random.next(4)),
            payee: "",
            twin: merchant << 16 | money,
            may_wait: waits,
            standing: standing(random),
        });
    }
    let mut bank = Vec::new();
    for id in &IDS[..1 + random.next(6) as usize] {
        let mut day = random.next(4);
        let mut amount_minor = random.of(&[5, 5, 8, 10, 13, 15, 9]);
        let (mut currency, mut direction) = (currency(random), direction(random));
        if random.next(2) == 0 {
            // Some rows come in one credit.
            let from = random.next(rows as u64) as usize;
            let lump = &platform[from..rows.min(from + 1 + random.next(3) as usize)];
            amount_minor = lump.iter().map(|row| row.amount_minor).sum();
            (currency, direction) = (lump[0].currency, lump[0].direction);
            day = u64::try_from(lump[0].day.days_since(date(0))).unwrap();
        }
        bank.push(BankItem {
            id,
            account: random.of(&[0, 0, 1]),
            reference: random.of(&REFERENCES),
            batch_ref: random.of(&["", "", "B1", "B2"]),
            remark: random.of(&REMARKS),
            currency,
            direction,
            amount_minor,
            day: date(day),
            value_date: date(day + random.next(3)).plus_days(-1),
            undoes_another: random.next(12) == 0,
            standing: standing(random),
            is_for_people: false,
        });
    }
    // Pairs that the exact pass broke for their amount.
    for pair in 0..random.next(3) as usize {
        if let (Some(row), Some(entry)) = (platform.get_mut(pair), bank.get_mut(pair)) {
            let reference = ["R8", "R9"][pair];
            (row.reference, entry.reference) = (reference, reference);
            (entry.currency, entry.direction) = (row.currency, row.direction);
            if random.next(2) == 0 {
                entry.batch_ref = row.batch_ref;
            }
            entry.amount_minor = row.amount_minor + random.of(&[1, 2, 3]);
            row.standing = Standing::OtherAmount(pair as u32);
            entry.standing = Standing::OtherAmount(pair as u32);
        }
    }
    let references = References {
        prefixes: vec!["no.".to_owned()],
        length_max: None,
    };
    let seen = random.of(&[EntriesSeen::All, EntriesSeen::All, EntriesSeen::Unnamed]);
    let mut passes = vec![
        Pass::Normalised {
            references: references.clone(),
            candidates_max: 30,
        },
        Pass::Remark {
            patterns: vec!["for {word}".to_owned()],
            fields: vec![QuotedField::BankRef, QuotedField::TxnId],
            references: references.clone(),
            candidates_max: 30,
        },
        Pass::Batch {
            amounts: random.of(&[BatchAmounts::Gross, BatchAmounts::Net, BatchAmounts::Either]),
            ledger_account: String::new(),
        },
        Pass::AmountDate {
            days: DAYS,
            entries: seen,
            candidates_max: 30,
        },
        Pass::Tolerance {
            most_minor: TOLERATED_MINOR,
            currency: Currency::parse(b"CNY").unwrap(),
            ledger_account: String::new(),
            references: Some(references),
            candidates_max: 30,
        },
        Pass::Subset {
            days: DAYS,
            entries: seen,
            candidates_max: 30,
            members_max: MEMBERS_MAX,
        },
    ];
    random.shuffle(&mut passes);
    passes.truncate(1 + random.next(6) as usize);
    Books {
        platform,
        bank,
        passes,
    }
}

/// A match in words: pass, rows, entries, whether others would have done.
type Told = (PassName, Vec<String>, Vec<String>, bool);

fn told(matched: &Match, platform: &[PlatformItem<'_>], bank: &[BankItem<'_>]) -> Told {
    let mut rows: Vec<String> = matched
        .platform
        .iter()
        .map(|at| platform[*at].id.to_owned())
        .collect();
    let mut entries: Vec<String> = matched
        .bank
        .iter()
        .map(|at| format!("{}/{}", bank[*at].account, bank[*at].id))
        .collect();
    rows.sort();
    entries.sort();
    (matched.pass, rows, entries, matched.interchangeable)
}

#[test]
fn the_passes_find_what_the_oracle_finds() {
    let mut seen: BTreeMap<(PassName, bool), u32> = BTreeMap::new();
    for seed in 0..BOOKS {
        let Books {
            platform,
            bank,
            passes,
        } = books(seed);
        let found = run(&passes, date(4), &platform, &bank);
        let found: BTreeSet<Told> = found
            .matches
            .iter()
            .map(|matched| told(matched, &platform, &bank))
            .collect();
        let mut oracle = Oracle {
            rows: platform.iter().collect(),
            entries: bank.iter().collect(),
            told: BTreeSet::new(),
        };
        oracle.rows.sort_by_key(|row| (row.reference, row.id));
        oracle
            .entries
            .sort_by_key(|entry| (entry.reference, entry.account, entry.id));
        for pass in &passes {
            oracle.pass(pass);
        }
        assert_eq!(
            found, oracle.told,
            "book {seed}: {passes:#?}\n{platform:#?}\n{bank:#?}"
        );
        for (pass, _, _, interchangeable) in found {
            *seen.entry((pass, interchangeable)).or_default() += 1;
        }
    }
    // Books in which nothing happens would prove nothing.
    for pass in [
        (PassName::Normalised, false),
        (PassName::Remark, false),
        (PassName::Batch, false),
        (PassName::AmountDate, false),
        (PassName::AmountDate, true),
        (PassName::Tolerance, false),
        (PassName::Subset, false),
        (PassName::Subset, true),
    ] {
        assert!(
            seen.get(&pass).is_some_and(|count| *count >= 10),
            "{pass:?} is rare: {seen:?}"
        );
    }
}

#[test]
fn neither_the_order_of_rows_nor_other_money_changes_anything() {
    for seed in 0..2_000 {
        let Books {
            mut platform,
            mut bank,
            passes,
        } = books(seed);
        let before = in_words(&passes, &platform, &bank);
        let random = &mut Random(seed ^ 0xabcd);
        // Nor does money that has nothing to do with it.
        let other = Currency::parse(b"USD").unwrap();
        if let (Some(row), Some(entry)) = (platform.first().copied(), bank.first().copied()) {
            platform.push(PlatformItem {
                id: "other",
                currency: other,
                twin: u32::MAX,
                ..row
            });
            bank.push(BankItem {
                id: "other",
                account: 1,
                currency: other,
                ..entry
            });
        }
        random.shuffle(&mut platform);
        random.shuffle(&mut bank);
        let mut after = in_words(&passes, &platform, &bank);
        after.retain(|words| !words.contains("other"));
        assert_eq!(after, before, "book {seed}");
    }
}

/// Matches and notes by id.
fn in_words(passes: &[Pass], platform: &[PlatformItem<'_>], bank: &[BankItem<'_>]) -> Vec<String> {
    let found = run(passes, date(4), platform, bank);
    let accounts = ["A0", "A1"];
    let items = crate::report::candidates::Items {
        platform,
        bank,
        accounts: &accounts,
    };
    let mut words: Vec<String> = found
        .matches
        .iter()
        .map(|matched| format!("{:?}", told(matched, platform, bank)))
        .collect();
    words.extend(
        crate::report::candidates::texts(&found.notes, items)
            .into_iter()
            .map(|(row, text)| match row {
                Row::Platform(at) => format!("{}: {text}", platform[at].id),
                Row::Bank(at) => format!("{}/{}: {text}", bank[at].account, bank[at].id),
            }),
    );
    words.sort();
    words
}

/// What is left, in canonical order, and what was matched.
struct Oracle<'a> {
    rows: Vec<&'a PlatformItem<'a>>,
    entries: Vec<&'a BankItem<'a>>,
    told: BTreeSet<Told>,
}

fn plain(reference: &str) -> String {
    let folded = reference.replace(' ', "").to_uppercase();
    folded
        .strip_prefix("NO.")
        .unwrap_or(&folded)
        .trim_start_matches('0')
        .to_owned()
}

fn ids<'r>(rows: &[&PlatformItem<'r>]) -> Vec<&'r str> {
    rows.iter().map(|row| row.id).collect()
}

fn within(a: Date, b: Date) -> bool {
    (a.0 - b.0).abs() <= DAYS as i32
}

impl<'a> Oracle<'a> {
    fn pass(&mut self, pass: &Pass) {
        let alone = |row: &PlatformItem<'_>, entry: &BankItem<'_>| {
            row.standing == Standing::Alone && entry.standing == Standing::Alone
        };
        let cash = |row: &PlatformItem<'_>, entry: &BankItem<'_>| {
            row.currency == entry.currency && row.direction == entry.direction
        };
        let counts = |row: &PlatformItem<'_>, entry: &BankItem<'_>| {
            entry.value_date >= row.day.min(entry.day) && entry.value_date <= date(4) && !entry.undoes_another
        };
        let same = |a: &str, b: &str| !plain(a).is_empty() && plain(a) == plain(b);
        let exact = |row: &PlatformItem<'_>, entry: &BankItem<'_>| {
            cash(row, entry) && row.amount_minor == entry.amount_minor
        };
        match pass {
            Pass::Normalised { .. } => self.pairs(PassName::Normalised, &|row, entry| {
                exact(row, entry) && counts(row, entry) && same(row.reference, entry.reference)
            }),
            Pass::Remark { .. } => self.pairs(PassName::Remark, &|row, entry| {
                let quoted = |text: &str| {
                    !text.is_empty()
                        && entry
                            .remark
                            .split("for ")
                            .any(|part| same(part.trim().trim_end_matches('.'), text))
                };
                exact(row, entry) && counts(row, entry) && (quoted(row.reference) || quoted(row.id))
            }),
            Pass::AmountDate { entries, .. } => self.pairs(PassName::AmountDate, &|row, entry| {
                alone(row, entry)
                    && (*entries == EntriesSeen::All || entry.reference.is_empty())
                    && exact(row, entry)
                    && !entry.undoes_another
                    && entry.value_date <= date(4)
                    && within(row.day, entry.value_date)
            }),
            Pass::Tolerance { .. } => self.pairs(PassName::Tolerance, &|row, entry| {
                cash(row, entry)
                    && row.currency.code() == "CNY"
                    && (row.amount_minor - entry.amount_minor).abs() <= TOLERATED_MINOR
                    && counts(row, entry)
                    && same(row.reference, entry.reference)
            }),
            Pass::Batch { amounts, .. } => self.batches(*amounts),
            Pass::Subset { entries, .. } => self.subsets(*entries),
        }
    }

    fn take(
        &mut self,
        pass: PassName,
        rows: &[&'a PlatformItem<'a>],
        entries: &[&'a BankItem<'a>],
        interchangeable: bool,
    ) {
        let key = |entry: &BankItem<'_>| format!("{}/{}", entry.account, entry.id);
        let mut ids: Vec<String> = rows.iter().map(|row| row.id.to_owned()).collect();
        let mut names: Vec<String> = entries.iter().map(|entry| key(entry)).collect();
        ids.sort();
        names.sort();
        self.rows.retain(|row| !ids.contains(&row.id.to_owned()));
        self.entries.retain(|entry| !names.contains(&key(entry)));
        self.told.insert((pass, ids, names, interchangeable));
    }

    /// Pairs whose rows fit each other and nothing else; and knots in which everything fits everything and is the same.
    fn pairs(&mut self, pass: PassName, fits: &dyn Fn(&PlatformItem<'_>, &BankItem<'_>) -> bool) {
        let (rows, entries) = (self.rows.clone(), self.entries.clone());
        let mut done: BTreeSet<&str> = BTreeSet::new();
        for row in &rows {
            if done.contains(row.id) {
                continue;
            }
            // The knot of a row: what fits it, what fits that, and so on.
            let mut knot_rows = vec![*row];
            let mut knot_entries: Vec<&BankItem<'_>> = Vec::new();
            loop {
                let sizes = (knot_rows.len(), knot_entries.len());
                knot_entries = entries
                    .iter()
                    .copied()
                    .filter(|entry| knot_rows.iter().any(|row| fits(row, entry)))
                    .collect();
                let connected = |row: &&&PlatformItem<'_>| knot_entries.iter().any(|entry| fits(row, entry));
                let found: Vec<&PlatformItem<'_>> = rows.iter().filter(connected).copied().collect();
                if !found.is_empty() {
                    knot_rows = found;
                }
                if sizes == (knot_rows.len(), knot_entries.len()) {
                    break;
                }
            }
            done.extend(knot_rows.iter().map(|row| row.id));
            let all_fit = knot_rows
                .iter()
                .all(|row| knot_entries.iter().all(|entry| fits(row, entry)));
            let one_money = knot_rows.iter().all(|other| other.twin == row.twin);
            let one_cash = knot_entries.iter().all(|entry| {
                (entry.account, entry.amount_minor) == (knot_entries[0].account, knot_entries[0].amount_minor)
            });
            let single = knot_rows.len() == 1 && knot_entries.len() == 1;
            let surplus_waits = knot_rows.len() <= knot_entries.len() || row.may_wait;
            if knot_entries.is_empty() || !(single || (all_fit && one_money && one_cash && surplus_waits)) {
                continue;
            }
            for (row, entry) in knot_rows.iter().zip(&knot_entries) {
                // One with a counterpart of its own goes with that alone, a duplicate with nobody.
                if row.standing == entry.standing
                    && !matches!(row.standing, Standing::Duplicate | Standing::Held)
                {
                    self.take(pass, &[row], &[entry], !single);
                }
            }
        }
    }

    fn batches(&mut self, amounts: BatchAmounts) {
        let (rows, entries) = (self.rows.clone(), self.entries.clone());
        let pair = |standing: Standing| match standing {
            Standing::OtherAmount(pair) => Some(pair),
            _ => None,
        };
        for batch in ["B1", "B2"] {
            for code in [&b"CNY"[..], b"EUR"] {
                let currency = Currency::parse(code).unwrap();
                let rows = rows
                    .iter()
                    .filter(|row| row.batch_ref == batch && row.currency == currency);
                let mut rows: Vec<&PlatformItem<'_>> = rows
                    .filter(|row| row.standing != Standing::Held)
                    .copied()
                    .collect();
                let entries = entries
                    .iter()
                    .filter(|entry| entry.batch_ref == batch && entry.currency == currency);
                let mut entries: Vec<&BankItem<'_>> = entries
                    .filter(|entry| !entry.undoes_another && entry.standing != Standing::Held)
                    .copied()
                    .collect();
                // A pair of one reference is in the batch with both its sides, or with neither.
                let in_rows: Vec<u32> = rows.iter().filter_map(|row| pair(row.standing)).collect();
                let in_entries: Vec<u32> = entries.iter().filter_map(|entry| pair(entry.standing)).collect();
                let in_both = |standing: Standing| {
                    pair(standing).is_none_or(|p| in_rows.contains(&p) && in_entries.contains(&p))
                };
                rows.retain(|row| in_both(row.standing));
                entries.retain(|entry| in_both(entry.standing));
                if rows.is_empty() || entries.is_empty() || (rows.len() > 1 && entries.len() > 1) {
                    continue;
                }
                let sign = |direction, minor: i64| {
                    if direction == Direction::Credit {
                        minor
                    } else {
                        -minor
                    }
                };
                let gross: i64 = rows.iter().map(|row| sign(row.direction, row.amount_minor)).sum();
                let fees: i64 = rows.iter().map(|row| row.channel_fee_minor).sum();
                let received: i64 = entries
                    .iter()
                    .map(|entry| sign(entry.direction, entry.amount_minor))
                    .sum();
                let adds_up = match amounts {
                    BatchAmounts::Gross => received == gross,
                    BatchAmounts::Net => received == gross - fees,
                    BatchAmounts::Either => received == gross || received == gross - fees,
                };
                let first = rows
                    .iter()
                    .map(|row| row.day)
                    .chain(entries.iter().map(|entry| entry.day))
                    .min()
                    .unwrap();
                let counts = entries
                    .iter()
                    .all(|entry| entry.value_date >= first && entry.value_date <= date(4));
                let one_account = entries.iter().all(|entry| entry.account == entries[0].account);
                if adds_up && counts && one_account {
                    self.take(PassName::Batch, &rows, &entries, false);
                }
            }
        }
    }

    fn subsets(&mut self, seen: EntriesSeen) {
        loop {
            // The only answers of all entries, each asked by itself.
            let mut answers: Vec<(&BankItem<'_>, Vec<&PlatformItem<'_>>, bool)> = Vec::new();
            for entry in &self.entries {
                let is_seen = seen == EntriesSeen::All || entry.reference.is_empty();
                let counts = !entry.undoes_another && entry.value_date <= date(4);
                if entry.standing == Standing::Alone && is_seen && counts {
                    answers.extend(
                        self.only_answer(entry)
                            .map(|(rows, others)| (*entry, rows, others)),
                    );
                }
            }
            // Entries of the same cash with the same answer are one claim, which the first of them makes.
            let cash = |entry: &BankItem<'_>| (entry.account, entry.amount_minor);
            let mut all: Vec<(&BankItem<'_>, Vec<&PlatformItem<'_>>, bool)> = Vec::new();
            for (entry, rows, others) in &answers {
                let same = |other: &BankItem<'_>, theirs: &[&PlatformItem<'_>]| {
                    cash(other) == cash(entry) && ids(theirs) == ids(rows)
                };
                let disputed = answers.iter().any(|(other, theirs, _)| {
                    !same(other, theirs) && ids(theirs).iter().any(|id| ids(rows).contains(id))
                });
                let claimants: Vec<&BankItem<'_>> = answers
                    .iter()
                    .filter(|(other, theirs, _)| same(other, theirs))
                    .map(|answer| answer.0)
                    .collect();
                if rows.len() > 1
                    && !disputed
                    && claimants[0].id == entry.id
                    && claimants[0].account == entry.account
                {
                    all.push((entry, rows.clone(), *others || claimants.len() > 1));
                }
            }
            if all.is_empty() {
                return;
            }
            for (entry, rows, others) in all {
                let rows: Vec<&'a PlatformItem<'a>> = self
                    .rows
                    .iter()
                    .copied()
                    .filter(|row| rows.iter().any(|other| other.id == row.id))
                    .collect();
                let entry: Vec<&'a BankItem<'a>> = self
                    .entries
                    .iter()
                    .copied()
                    .filter(|other| (other.account, other.id) == (entry.account, entry.id))
                    .collect();
                self.take(PassName::Subset, &rows, &entry, others);
            }
        }
    }

    /// The rows that add up to an entry where all answers are the same money, and whether there are several.
    fn only_answer(&self, entry: &BankItem<'_>) -> Option<(Vec<&'a PlatformItem<'a>>, bool)> {
        let candidates: Vec<&PlatformItem<'_>> = self
            .rows
            .iter()
            .copied()
            .filter(|row| row.standing == Standing::Alone && row.currency == entry.currency)
            .filter(|row| row.direction == entry.direction && within(row.day, entry.value_date))
            .collect();
        let mut by_money: BTreeMap<Vec<String>, Vec<Vec<usize>>> = BTreeMap::new();
        for mask in 1u32..1 << candidates.len() {
            let picked: Vec<usize> = (0..candidates.len()).filter(|at| mask & (1 << at) != 0).collect();
            let sum: i64 = picked.iter().map(|at| candidates[*at].amount_minor).sum();
            if sum != entry.amount_minor || picked.len() > MEMBERS_MAX {
                continue;
            }
            let money = |at: &usize| match candidates[*at].may_wait {
                true => format!("money {}", candidates[*at].twin),
                false => format!("row {}", candidates[*at].id),
            };
            let mut moneys: Vec<String> = picked.iter().map(money).collect();
            moneys.sort();
            by_money.entry(moneys).or_default().push(picked);
        }
        if by_money.len() != 1 {
            return None;
        }
        let (_, mut answers) = by_money.pop_first()?;
        answers.sort();
        let several = answers.len() > 1;
        Some((answers[0].iter().map(|at| candidates[*at]).collect(), several))
    }
}
