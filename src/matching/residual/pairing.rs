//! One row and one entry: taken where neither has another candidate, or where the choice changes nobody's money.

use crate::book::passes::PassName;
use crate::matching::residual::{Found, Left, Match, Note, Reason, Row, Standing};

/// What a row could be matched with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Candidates {
    /// All of them, as places in the other side's list, ascending.
    Few(Vec<usize>),
    /// So many that they were not looked at.
    Many(usize),
}

impl Candidates {
    /// No candidate.
    pub fn none() -> Candidates {
        Candidates::Few(Vec::new())
    }

    fn few(&self) -> &[usize] {
        match self {
            Candidates::Few(few) => few,
            Candidates::Many(_) => &[],
        }
    }

    /// Adds one; beyond `most` they are only counted.
    pub fn add(&mut self, place: usize, most: usize) {
        match self {
            Candidates::Few(few) if few.len() < most => few.push(place),
            Candidates::Few(few) => *self = Candidates::Many(few.len() + 1),
            Candidates::Many(count) => *count += 1,
        }
    }
}

/// The rows of both sides that a pass looks at, in canonical order, and what fits what.
pub struct Pairing<'a> {
    /// The pass.
    pub pass: PassName,
    /// Most candidates of a row.
    pub candidates_max: usize,
    /// Platform rows, by index.
    pub platform: &'a [usize],
    /// Bank entries, by index.
    pub bank: &'a [usize],
    /// By place in `platform`: places in `bank`.
    pub of_platform: Vec<Candidates>,
    /// By place in `bank`: places in `platform`. The same edges, seen from the other side.
    pub of_bank: Vec<Candidates>,
}

impl Pairing<'_> {
    /// Takes what is certain, and notes what is not.
    pub fn settle(&self, left: &Left<'_>) -> Found {
        let mut found = Found::default();
        let mut seen = Seen {
            platform: vec![false; self.platform.len()],
            bank: vec![false; self.bank.len()],
        };
        for start in 0..self.platform.len() {
            if seen.platform[start] || self.of_platform[start].few().is_empty() {
                continue;
            }
            let component = self.component(start, &mut seen);
            match self.certain(left, &component) {
                Some((pairs, interchangeable)) => {
                    for at in 0..pairs {
                        let (row, entry) = (component.platform[at], component.bank[at]);
                        if self.belong_together(left, row, entry) {
                            self.take(left, row, entry, interchangeable, &mut found);
                        } else {
                            self.note_pair(row, entry, &mut found);
                        }
                    }
                }
                None => self.note(&component, &mut found),
            }
        }
        for (place, candidates) in self.of_platform.iter().enumerate() {
            self.note_many(Row::Platform(self.platform[place]), candidates, &mut found);
        }
        for (place, candidates) in self.of_bank.iter().enumerate() {
            self.note_many(Row::Bank(self.bank[place]), candidates, &mut found);
            // Its rows have so many candidates that nobody walked from them to it.
            if !seen.bank[place] && !candidates.few().is_empty() {
                self.answers(
                    Row::Bank(self.bank[place]),
                    candidates.few(),
                    self.platform,
                    &mut found,
                );
            }
        }
        found
    }

    /// All rows that are connected with one.
    fn component(&self, start: usize, seen: &mut Seen) -> Component {
        let mut component = Component {
            platform: vec![start],
            bank: Vec::new(),
            is_whole: true,
        };
        seen.platform[start] = true;
        let (mut next_platform, mut next_bank) = (0, 0);
        while next_platform < component.platform.len() || next_bank < component.bank.len() {
            while let Some(place) = component.platform.get(next_platform) {
                next_platform += 1;
                component.is_whole &= matches!(self.of_platform[*place], Candidates::Few(_));
                for other in self.of_platform[*place].few() {
                    if !std::mem::replace(&mut seen.bank[*other], true) {
                        component.bank.push(*other);
                    }
                }
            }
            while let Some(place) = component.bank.get(next_bank) {
                next_bank += 1;
                component.is_whole &= matches!(self.of_bank[*place], Candidates::Few(_));
                for other in self.of_bank[*place].few() {
                    if !std::mem::replace(&mut seen.platform[*other], true) {
                        component.platform.push(*other);
                    }
                }
            }
        }
        component.platform.sort_unstable();
        component.bank.sort_unstable();
        component
    }

    /// How many of a component's rows pair off, the first with the first, and whether others could have; `None` where that
    /// would be a guess.
    fn certain(&self, left: &Left<'_>, component: &Component) -> Option<(usize, bool)> {
        let (rows, entries) = (component.platform.len(), component.bank.len());
        if !component.is_whole {
            return None;
        }
        if (rows, entries) == (1, 1) {
            return Some((1, false));
        }
        let everyone_fits = component
            .platform
            .iter()
            .all(|place| self.of_platform[*place].few().len() == entries);
        let row = |place: &usize| &left.platform_items[self.platform[*place]];
        let entry = |place: &usize| &left.bank_items[self.bank[*place]];
        let (first_row, first_entry) = (row(component.platform.first()?), entry(component.bank.first()?));
        let same_people = component
            .platform
            .iter()
            .map(row)
            .all(|item| item.twin == first_row.twin);
        let same_cash = component.bank.iter().map(entry).all(|item| {
            (item.account, item.currency, item.direction, item.amount_minor)
                == (
                    first_entry.account,
                    first_entry.currency,
                    first_entry.direction,
                    first_entry.amount_minor,
                )
        });
        // Which of them is taken matters where one of them must not be.
        let all_may_be_taken = component.bank.iter().map(entry).all(|item| !item.is_for_people);
        let may_wait = rows <= entries || component.platform.iter().map(row).all(|item| item.may_wait);
        let is_all_the_same = everyone_fits && same_people && same_cash && all_may_be_taken;
        (is_all_the_same && may_wait).then_some((rows.min(entries), true))
    }

    fn take(&self, left: &Left<'_>, row: usize, entry: usize, interchangeable: bool, found: &mut Found) {
        let (row, entry) = (self.platform[row], self.bank[entry]);
        found.matches.push(Match {
            pass: self.pass,
            platform: vec![row],
            bank: vec![entry],
            interchangeable,
            residual_minor: left.bank_items[entry].signed_minor() - left.platform_items[row].signed_minor(),
        });
    }

    /// Rows that stand alone, or each other's own counterpart. Others make an answer doubtful, but are never taken
    /// themselves: they belong to what has their reference, or are left to people.
    fn belong_together(&self, left: &Left<'_>, row: usize, entry: usize) -> bool {
        let row = left.platform_items[self.platform[row]].standing;
        let entry = &left.bank_items[self.bank[entry]];
        let alone_or_paired = matches!(row, Standing::Alone | Standing::OtherAmount(_));
        alone_or_paired && row == entry.standing && !entry.is_for_people
    }

    fn note_pair(&self, row: usize, entry: usize, found: &mut Found) {
        self.answers(Row::Platform(self.platform[row]), &[entry], self.bank, found);
        self.answers(Row::Bank(self.bank[entry]), &[row], self.platform, found);
    }

    fn note(&self, component: &Component, found: &mut Found) {
        for place in &component.platform {
            self.answers(
                Row::Platform(self.platform[*place]),
                self.of_platform[*place].few(),
                self.bank,
                found,
            );
        }
        for place in &component.bank {
            self.answers(
                Row::Bank(self.bank[*place]),
                self.of_bank[*place].few(),
                self.platform,
                found,
            );
        }
    }

    fn answers(&self, row: Row, places: &[usize], other: &[usize], found: &mut Found) {
        if places.is_empty() {
            return;
        }
        found.notes.push(Note {
            row,
            pass: self.pass,
            reason: Reason::Answers(places.iter().map(|place| vec![other[*place]]).collect()),
        });
    }

    fn note_many(&self, row: Row, candidates: &Candidates, found: &mut Found) {
        if let Candidates::Many(count) = candidates {
            found.notes.push(Note {
                row,
                pass: self.pass,
                reason: Reason::NotSearched {
                    candidates: *count,
                    most: self.candidates_max,
                },
            });
        }
    }
}

struct Seen {
    platform: Vec<bool>,
    bank: Vec<bool>,
}

/// Places of rows that are connected, ascending: canonical order.
struct Component {
    platform: Vec<usize>,
    bank: Vec<usize>,
    /// Every row of it was looked at with all its candidates.
    is_whole: bool,
}

/// The edges inside groups of rows that share a key: all that fit, or none of a group larger than the bound.
pub fn in_groups<'g>(
    sides: (usize, usize),
    groups: impl Iterator<Item = &'g (Vec<usize>, Vec<usize>)>,
    candidates_max: usize,
    fits: impl Fn(usize, usize) -> bool,
) -> (Vec<Candidates>, Vec<Candidates>) {
    let mut of_platform = vec![Candidates::none(); sides.0];
    let mut of_bank = vec![Candidates::none(); sides.1];
    for (platform, bank) in groups {
        if platform.is_empty() || bank.is_empty() {
            continue;
        }
        if platform.len() > candidates_max || bank.len() > candidates_max {
            // Too many to look at one by one: whoever faces too many is not searched, the others have no sure partner.
            for place in platform {
                of_platform[*place] = crowd(bank, candidates_max);
            }
            for place in bank {
                of_bank[*place] = crowd(platform, candidates_max);
            }
            continue;
        }
        for row in platform {
            for entry in bank {
                if fits(*row, *entry) {
                    of_platform[*row].add(*entry, candidates_max);
                    of_bank[*entry].add(*row, candidates_max);
                }
            }
        }
    }
    (of_platform, of_bank)
}

fn crowd(others: &[usize], candidates_max: usize) -> Candidates {
    if others.len() > candidates_max {
        Candidates::Many(others.len())
    } else {
        Candidates::Few(others.to_vec())
    }
}
