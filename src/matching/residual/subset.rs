//! Pass `subset`: several rows without a common reference that add up to one entry, exactly (R40).
//!
//! Candidates of an entry are the rows of its currency and direction whose business dates lie near its value date and
//! that are no larger than it. More of them than the bound are not searched, and that is said. Within the bound the whole
//! space is searched ([`subset_sum`]): an answer is taken where there is no other, and where no other entry has one of its
//! rows in its own only answer. What is taken then is no candidate of the others any more, so they are asked again.
//!
//! An answer of one row is a reason to doubt the others, but is not taken: that is what `amount-date` is for.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::passes::{EntriesSeen, PassName};
use crate::matching::residual::subset_sum::{self, Class};
use crate::matching::residual::{BankItem, Found, Left, Match, Note, Reason, Row};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::Direction;

/// Amounts of the rows of a day, ascending, with their places.
type Amounts = Vec<(i64, usize)>;
/// The rows that may be candidates, so that they are counted without a look at each.
type Index = BTreeMap<(Currency, Direction), BTreeMap<Date, Amounts>>;

/// Bounds of the search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Most {
    /// Candidates of an entry.
    pub candidates: usize,
    /// Rows of an answer.
    pub members: usize,
}

/// Matches rows that add up to one entry.
pub fn find(left: &Left<'_>, days: u32, entries: EntriesSeen, most: Most) -> Found {
    let search = Search {
        left,
        platform: left.platform_alone(),
        days: i32::try_from(days).unwrap_or(i32::MAX),
        candidates_max: most.candidates,
        members_max: most.members,
    };
    search.all(&left.bank_alone(entries))
}

/// Account, currency, direction, amount: entries that are equal in them are the same cash.
type Cash = (u32, Currency, Direction, i64);

/// What is known of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Outcome {
    /// No rows add up to it.
    Nothing,
    /// These do, and no others; `interchangeable` where others of the same money would.
    Only { rows: Vec<usize>, interchangeable: bool },
    /// At least two answers.
    Several([Vec<usize>; 2]),
    /// More candidates than are looked at.
    TooMany(usize),
    /// It is matched.
    Taken,
}

struct Search<'a> {
    left: &'a Left<'a>,
    /// Rows by index, in canonical order; what follows names them by their place here.
    platform: Vec<usize>,
    days: i32,
    candidates_max: usize,
    members_max: usize,
}

impl Search<'_> {
    fn all(&self, bank: &[usize]) -> Found {
        let mut matches: Vec<(usize, Match)> = Vec::new();
        let mut taken = vec![false; self.platform.len()];
        let mut outcomes = vec![Outcome::Nothing; bank.len()];
        let mut asked: Vec<usize> = (0..bank.len()).collect();
        while !asked.is_empty() {
            let index = self.index(&taken);
            for at in &asked {
                outcomes[*at] = self.ask(&index, &self.left.bank_items[bank[*at]]);
            }
            let mut removed = BTreeSet::new();
            let cash = |at: usize| {
                let entry = &self.left.bank_items[bank[at]];
                (entry.account, entry.currency, entry.direction, entry.amount_minor)
            };
            for (at, others_would_do) in undisputed(&outcomes, &cash) {
                let Outcome::Only {
                    rows,
                    interchangeable,
                } = std::mem::replace(&mut outcomes[at], Outcome::Taken)
                else {
                    continue;
                };
                removed.extend(rows.iter().copied());
                let matched = Match {
                    pass: PassName::Subset,
                    platform: rows.iter().map(|place| self.platform[*place]).collect(),
                    bank: vec![bank[at]],
                    interchangeable: interchangeable || others_would_do,
                    residual_minor: 0,
                };
                matches.push((at, matched));
            }
            removed.iter().for_each(|place| taken[*place] = true);
            asked = (0..bank.len())
                .filter(|at| self.concerns(&removed, &outcomes[*at], &self.left.bank_items[bank[*at]]))
                .collect();
        }
        matches.sort_by_key(|(at, _)| *at);
        let mut found = Found {
            matches: matches.into_iter().map(|(_, matched)| matched).collect(),
            notes: Vec::new(),
        };
        self.note(bank, &outcomes, &mut found);
        found
    }

    fn index(&self, taken: &[bool]) -> Index {
        let mut index = Index::new();
        for (place, at) in self
            .platform
            .iter()
            .enumerate()
            .filter(|(place, _)| !taken[*place])
        {
            let item = &self.left.platform_items[*at];
            let days = index.entry((item.currency, item.direction)).or_default();
            days.entry(item.day).or_default().push((item.amount_minor, place));
        }
        for amounts in index.values_mut().flat_map(BTreeMap::values_mut) {
            amounts.sort_unstable();
        }
        index
    }

    fn ask(&self, index: &Index, entry: &BankItem<'_>) -> Outcome {
        let Some(by_day) = index.get(&(entry.currency, entry.direction)) else {
            return Outcome::Nothing;
        };
        let (from, to) = (
            entry.value_date.plus_days(-self.days),
            entry.value_date.plus_days(self.days),
        );
        let within = || {
            by_day.range(from..=to).map(|(_, amounts)| {
                let end = amounts.partition_point(|(minor, _)| *minor <= entry.amount_minor);
                &amounts[..end]
            })
        };
        let count: usize = within().map(<[_]>::len).sum();
        if count > self.candidates_max {
            return Outcome::TooMany(count);
        }
        let mut candidates: Vec<usize> = within().flatten().map(|(_, place)| *place).collect();
        candidates.sort_unstable();
        let members = self.classes(&candidates);
        let classes: Vec<Class> = members
            .iter()
            .map(|rows| Class {
                amount_minor: self.left.platform_items[self.platform[rows[0]]].amount_minor,
                count: rows.len(),
            })
            .collect();
        let mut ways = subset_sum::ways(&classes, entry.amount_minor, self.members_max).into_iter();
        let rows_of = |way: &[usize]| -> Vec<usize> {
            let rows = members
                .iter()
                .zip(way)
                .flat_map(|(rows, taken)| rows[..*taken].iter().copied());
            let mut rows: Vec<usize> = rows.collect();
            rows.sort_unstable();
            rows
        };
        match (ways.next(), ways.next()) {
            (None, _) => Outcome::Nothing,
            (Some(way), None) => Outcome::Only {
                rows: rows_of(&way),
                interchangeable: members
                    .iter()
                    .zip(&way)
                    .any(|(rows, taken)| *taken > 0 && *taken < rows.len()),
            },
            (Some(way), Some(other)) => Outcome::Several([rows_of(&way), rows_of(&other)]),
        }
    }

    /// Rows that are the same money, together; rows that may not wait in each other's place stand alone.
    fn classes(&self, candidates: &[usize]) -> Vec<Vec<usize>> {
        let mut members: Vec<Vec<usize>> = Vec::new();
        let mut known: BTreeMap<u32, usize> = BTreeMap::new();
        for place in candidates {
            let item = &self.left.platform_items[self.platform[*place]];
            match known.get(&item.twin).filter(|_| item.may_wait) {
                Some(at) => members[*at].push(*place),
                None => {
                    if item.may_wait {
                        known.insert(item.twin, members.len());
                    }
                    members.push(vec![*place]);
                }
            }
        }
        members
    }

    /// True when an entry that has an answer, or too many candidates, loses some of them.
    fn concerns(&self, removed: &BTreeSet<usize>, outcome: &Outcome, entry: &BankItem<'_>) -> bool {
        // Fewer candidates make no new answer where there was none.
        if matches!(outcome, Outcome::Nothing | Outcome::Taken) {
            return false;
        }
        removed.iter().any(|place| {
            let item = &self.left.platform_items[self.platform[*place]];
            (item.currency, item.direction) == (entry.currency, entry.direction)
                && item.amount_minor <= entry.amount_minor
                && entry.value_date.days_since(item.day).abs() <= self.days
        })
    }

    fn note(&self, bank: &[usize], outcomes: &[Outcome], found: &mut Found) {
        let mut entries_of: BTreeMap<usize, Vec<Vec<usize>>> = BTreeMap::new();
        for (at, outcome) in bank.iter().zip(outcomes) {
            let answers: &[Vec<usize>] = match outcome {
                Outcome::Nothing | Outcome::Taken => continue,
                Outcome::TooMany(candidates) => {
                    found.notes.push(Note {
                        row: Row::Bank(*at),
                        pass: PassName::Subset,
                        reason: Reason::NotSearched {
                            candidates: *candidates,
                            most: self.candidates_max,
                        },
                    });
                    continue;
                }
                Outcome::Only { rows, .. } => std::slice::from_ref(rows),
                Outcome::Several(answers) => answers,
            };
            let rows: BTreeSet<usize> = answers.iter().flatten().copied().collect();
            for place in rows {
                entries_of.entry(place).or_default().push(vec![*at]);
            }
            let answers = answers
                .iter()
                .map(|rows| rows.iter().map(|place| self.platform[*place]).collect())
                .collect();
            found.notes.push(Note {
                row: Row::Bank(*at),
                pass: PassName::Subset,
                reason: Reason::Answers(answers),
            });
        }
        for (place, entries) in entries_of {
            found.notes.push(Note {
                row: Row::Platform(self.platform[place]),
                pass: PassName::Subset,
                reason: Reason::Answers(entries),
            });
        }
    }
}

/// Entries whose only answer has two rows or more, none of which stands in another entry's only answer; and whether another
/// entry would have done: of entries that are the same cash and have the same answer the first is taken.
fn undisputed(outcomes: &[Outcome], entry: &dyn Fn(usize) -> Cash) -> Vec<(usize, bool)> {
    let mut claims: BTreeMap<usize, BTreeSet<(Cash, &[usize])>> = BTreeMap::new();
    let mut claimants: BTreeMap<(Cash, &[usize]), Vec<usize>> = BTreeMap::new();
    for (at, outcome) in outcomes.iter().enumerate() {
        if let Outcome::Only { rows, .. } = outcome {
            let claim = (entry(at), rows.as_slice());
            claimants.entry(claim).or_default().push(at);
            for place in rows {
                claims.entry(*place).or_default().insert(claim);
            }
        }
    }
    let sole =
        |(_, rows): &(Cash, &[usize])| rows.len() > 1 && rows.iter().all(|place| claims[place].len() == 1);
    claimants
        .iter()
        .filter(|(claim, _)| sole(claim))
        .map(|(_, entries)| (entries[0], entries.len() > 1))
        .collect()
}
