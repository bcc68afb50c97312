//! The greedy cover: in each group of breaks the description that saves most, until none saves enough.
//!
//! A description is a mark (how the sides differ) and up to three conditions on where, all of one side, at most one of them a
//! stretch. Together they have a rarity: the share p of all rows of the leg that fulfil the conditions, and of breaks that have
//! the mark by chance. For k breaks of a group of n a description saves
//!
//! ```text
//! k × log2((k / n) / p) + (n − k) × log2(((n − k) / n) / (1 − p))     what chance does not give
//! − prices                                                            naming mark and conditions
//! ```
//!
//! Conditions must also raise the odds threefold: that half of all breaks are of a channel with four tenths of the rows is
//! certain on a large day, and no cause. Shares that only a sample tells are taken two standard deviations higher.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::causes::bits::{at_most, bits, is_marked, rarity, surprise};
use crate::causes::columns::{Columns, Sample, Side, SideColumns};
use crate::causes::scopes::{self, Place};
use crate::causes::signatures::{self, Extra, Mark, SIGNATURES};
use crate::causes::{COUNT_MIN, Cause, Causes, Lines, What, Where, rates, stretch};
use crate::terms::currency::Currency;

/// Least that a description must save: by chance alone, one in four thousand does.
const SAVED_MIN: i64 = bits(12);
/// Conditions on where, at most.
const PLACES_MAX: usize = 3;
/// Breaks of a group that are weighed; of more, every n-th.
const WEIGHED_MAX: usize = 16_384;
/// Fewest of those weighed that make a cause, where not all are.
const WEIGHED_MIN: usize = 8;
/// Causes of a group, at most. What remains is counted by its class alone.
const CAUSES_MAX: usize = 20;
/// What a break saves when the leg has nothing but breaks.
const EVERYTHING_WORTH: i64 = bits(3);

/// Breaks under consideration, and all rows of the leg that fulfil the same conditions.
pub struct View<'v> {
    /// Everything.
    pub columns: &'v Columns<'v>,
    /// Side of the conditions.
    pub side: Side,
    /// Rows of the leg's side.
    pub sample: &'v Sample<'v>,
    /// Breaks that fulfil the description so far.
    pub rows: &'v [u32],
    /// Rows of the sample that have the values of the description.
    pub sample_rows: &'v [u32],
    /// All rows of the sample.
    pub sample_rows_all: &'v [u32],
    /// Rarity of the values of the description.
    pub values_rarity: i64,
}

impl View<'_> {
    /// The columns that the conditions are about.
    pub fn rows_of_side(&self) -> &SideColumns<'_> {
        self.columns.side(self.side)
    }

    /// What `part` rows of the sample may stand for.
    pub fn doubted(&self, part: u64) -> u64 {
        if self.sample.is_whole() {
            part
        } else {
            at_most(part)
        }
    }

    /// Rarity of values that `part` rows of the sample have.
    pub fn share(&self, part: u64) -> i64 {
        rarity(self.doubted(part), self.sample_rows_all.len() as u64)
    }
}

/// What a further condition would make of a description.
#[derive(Clone, Copy, Debug)]
pub struct Gain {
    /// Breaks left of those weighed.
    pub count: u64,
    /// Rarity of all values together.
    pub values_rarity: i64,
    /// Rarity of the stretch, where it is one.
    pub stretch_rarity: Option<i64>,
    /// What naming it costs.
    pub price: i64,
}

/// A mark and conditions, in codes.
#[derive(Clone, Debug)]
struct Description {
    mark: Mark,
    side: Side,
    places: Vec<Place>,
    is_everything: bool,
    saved: i64,
}

impl Description {
    fn holds(&self, columns: &Columns<'_>, extra: &Extra, row: u32) -> bool {
        let (rows, at) = (columns.side(self.side), row as usize);
        self.mark.holds(columns, extra, at)
            && self
                .places
                .iter()
                .all(|place| place.holds(columns.day_start, rows, at))
    }
}

/// Which families are asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Values,
    Ids,
    Lines,
}

impl Phase {
    fn next(self) -> Option<Phase> {
        match self {
            Phase::Values => Some(Phase::Ids),
            Phase::Ids => Some(Phase::Lines),
            Phase::Lines => None,
        }
    }
}

/// Finds the causes of the breaks.
pub fn find(columns: &Columns<'_>) -> Causes {
    let extra = signatures::extra(columns);
    let mut groups: BTreeMap<(u16, &'static str), Vec<u32>> = BTreeMap::new();
    for (row, (leg, class)) in (0u32..).zip(columns.leg.iter().zip(&columns.class)) {
        groups.entry((*leg, *class)).or_default().push(row);
    }
    let groups: Vec<Vec<u32>> = groups
        .into_values()
        .filter(|rows| rows.len() >= COUNT_MIN)
        .collect();
    let mut found: Vec<(Cause, Vec<u32>)> = groups
        .into_par_iter()
        .map(|rows| group(columns, &extra, rows))
        .collect::<Vec<_>>()
        .into_iter()
        .flatten()
        .collect();
    found.sort_by_cached_key(|(cause, _)| {
        let told = format!("{:?} {:?}", cause.what, cause.places);
        (
            cause.is_known_by_lines(),
            Reverse(cause.count),
            cause.leg.clone(),
            cause.class,
            told,
            cause
                .lines
                .as_ref()
                .map(|lines| (lines.file.clone(), lines.first)),
        )
    });
    let mut causes = Causes {
        numbers: vec![0; columns.class.len()],
        ..Causes::default()
    };
    for (number, (mut cause, rows)) in (1..).zip(found) {
        cause.number = number;
        rows.iter().for_each(|row| causes.numbers[*row as usize] = number);
        causes.list.push(cause);
    }
    causes
}

/// The causes of one group with the breaks that each covers.
fn group(columns: &Columns<'_>, extra: &Extra, mut rows: Vec<u32>) -> Vec<(Cause, Vec<u32>)> {
    let mut found = Vec::new();
    let mut phase = Phase::Values;
    while rows.len() >= COUNT_MIN && found.len() < CAUSES_MAX {
        let Some(description) = best(columns, extra, &rows, phase) else {
            let Some(next) = phase.next() else { break };
            phase = next;
            continue;
        };
        let (covered, rest): (Vec<u32>, Vec<u32>) = rows
            .iter()
            .partition(|row| description.holds(columns, extra, **row));
        // Of very many breaks only every n-th was weighed: a handful of those proves nothing.
        let stride = (covered.len() + rest.len()).div_ceil(WEIGHED_MAX);
        if covered.len() < COUNT_MIN || (stride > 1 && covered.len() < WEIGHED_MIN * stride) {
            let Some(next) = phase.next() else { break };
            phase = next;
            continue;
        }
        rows = rest;
        found.push((told(columns, &description, &covered), covered));
    }
    found
}

/// The description that saves most, if any saves enough.
fn best(columns: &Columns<'_>, extra: &Extra, rows: &[u32], phase: Phase) -> Option<Description> {
    let stride = rows.len().div_ceil(WEIGHED_MAX);
    let weighed: Vec<u32> = rows.iter().step_by(stride).copied().collect();
    // What is weighed is what counts: a chance of the choice must not be multiplied.
    let (first, all) = (rows[0] as usize, weighed.len() as u64);
    let class = columns.class[first];
    let mut marks = Vec::new();
    for family in &SIGNATURES {
        let of_family = family.marks(columns, extra, class, &weighed);
        marks.extend(
            of_family
                .into_iter()
                .map(|mark| (mark, family.worth, family.has_time)),
        );
    }
    // Where the class itself is the mark, there is nothing beside it.
    if !marks
        .iter()
        .any(|(mark, _, _)| matches!(mark, Mark::Twice | Mark::Turned))
    {
        marks.insert(0, (Mark::Class, 0, true));
    }
    let mut best: Option<Description> = None;
    for (mark, worth, has_time) in marks {
        let marked: Vec<u32> = weighed
            .iter()
            .copied()
            .filter(|row| mark.holds(columns, extra, *row as usize))
            .collect();
        for side in [Side::Left, Side::Right] {
            if marked.is_empty() || !columns.side(side).is_there[first] {
                continue;
            }
            let search = Search {
                columns,
                side,
                mark,
                worth,
                has_time,
                phase,
                stride: stride as u64,
                all,
            };
            let found = search.describe(&marked);
            if best.as_ref().is_none_or(|best| found.saved > best.saved) {
                best = Some(found);
            }
        }
    }
    let mut best = best.filter(|best| best.saved >= SAVED_MIN)?;
    if stride > 1 {
        sharpen(columns, extra, rows, &mut best);
    }
    Some(best)
}

struct Search<'s> {
    columns: &'s Columns<'s>,
    side: Side,
    mark: Mark,
    worth: i64,
    has_time: bool,
    phase: Phase,
    /// Each break stands for so many.
    stride: u64,
    /// Breaks of the group that are weighed.
    all: u64,
}

impl Search<'_> {
    fn sample(&self, first: u32) -> &Sample<'_> {
        let leg = usize::from(self.columns.leg[first as usize]);
        &self.columns.samples[leg][self.side as usize]
    }

    fn saved(&self, count: u64, rarity: i64, prices: i64) -> i64 {
        surprise(count, self.all, rarity + self.worth)
            .saturating_sub(prices)
            .saturating_sub(self.mark.price())
    }

    /// Adds conditions to the mark as long as each saves more than it costs.
    fn describe(&self, marked: &[u32]) -> Description {
        let sample = self.sample(marked[0]);
        let sample_rows_all: Vec<u32> = (0..sample.rows.len() as u32).collect();
        let count = marked.len() as u64;
        let mut description = Description {
            mark: self.mark,
            side: self.side,
            places: Vec::new(),
            is_everything: false,
            saved: match self.mark {
                Mark::Class => i64::MIN,
                _ => self.saved(count, 0, 0),
            },
        };
        let is_everything = sample.rows_all > 0 && count * self.stride * 10 >= sample.rows_all * 9;
        if self.mark == Mark::Class && is_everything {
            description.is_everything = true;
            description.saved = self.saved(count, EVERYTHING_WORTH, bits(6));
        }
        let (mut rows, mut sample_rows) = (marked.to_vec(), sample_rows_all.clone());
        let (mut values_rarity, mut stretch_rarity, mut prices) = (0, 0, 0);
        while description.places.len() < PLACES_MAX && sample.rows.len() > 0 {
            let view = View {
                columns: self.columns,
                side: self.side,
                sample,
                rows: &rows,
                sample_rows: &sample_rows,
                sample_rows_all: &sample_rows_all,
                values_rarity,
            };
            let mut taken: Option<(Place, Gain, i64)> = None;
            let mut offer = |place: Place, gain: Gain| {
                let rarity = gain.values_rarity + gain.stretch_rarity.unwrap_or(stretch_rarity);
                let saved = self.saved(gain.count, rarity, prices + gain.price);
                let least = taken.as_ref().map_or(description.saved, |(_, _, saved)| *saved);
                if saved > least && is_marked(gain.count, count, rarity) {
                    taken = Some((place, gain, saved));
                }
            };
            scopes::values(
                &view,
                &description.places,
                signatures::column_of(self.columns.class[marked[0] as usize]),
                &mut offer,
            );
            if self.has_time && !description.places.iter().any(Place::is_stretch) {
                scopes::hours(&view, &mut offer);
                stretch::times(&view, &mut offer);
                if self.phase >= Phase::Ids {
                    stretch::ids(&view, &mut offer);
                }
                if self.phase >= Phase::Lines {
                    stretch::lines(&view, &mut offer);
                }
            }
            let Some((place, gain, saved)) = taken else { break };
            let (columns, day_start) = (self.columns, self.columns.day_start);
            rows.retain(|row| place.holds(day_start, columns.side(self.side), *row as usize));
            if place.is_stretch() {
                stretch_rarity = gain.stretch_rarity.unwrap_or(0);
            } else {
                sample_rows.retain(|row| place.holds(day_start, &sample.rows, *row as usize));
                values_rarity = gain.values_rarity;
            }
            prices += gain.price;
            description.saved = saved;
            description.is_everything = false;
            description.places.push(place);
        }
        description
    }
}

/// Finds the ends of a stretch among all breaks, where only every n-th was weighed.
fn sharpen(columns: &Columns<'_>, extra: &Extra, rows: &[u32], description: &mut Description) {
    let Some(at) = description.places.iter().position(Place::is_stretch) else {
        return;
    };
    type Family = fn(&View<'_>, &mut dyn FnMut(Place, Gain));
    let family: Family = match description.places[at] {
        Place::Value(..) | Place::Hours(..) => return,
        Place::Times(..) => stretch::times,
        Place::Ids(..) => stretch::ids,
        Place::Lines(..) => stretch::lines,
    };
    let mut without = description.clone();
    without.places.remove(at);
    let rows: Vec<u32> = rows
        .iter()
        .copied()
        .filter(|row| without.holds(columns, extra, *row))
        .collect();
    let Some(first) = rows.first() else { return };
    let leg = usize::from(columns.leg[*first as usize]);
    let sample = &columns.samples[leg][description.side as usize];
    let sample_rows_all: Vec<u32> = (0..sample.rows.len() as u32).collect();
    let sample_rows: Vec<u32> = sample_rows_all
        .iter()
        .copied()
        .filter(|row| {
            let holds = |place: &Place| place.holds(columns.day_start, &sample.rows, *row as usize);
            without.places.iter().all(holds)
        })
        .collect();
    let view = View {
        columns,
        side: description.side,
        sample,
        rows: &rows,
        sample_rows: &sample_rows,
        sample_rows_all: &sample_rows_all,
        values_rarity: 0,
    };
    let mut most = i64::MIN;
    let all = rows.len() as u64;
    let holds = |row: &&u32| description.holds(columns, extra, **row);
    let expected = rows.iter().filter(holds).count() as u64;
    family(&view, &mut |place, gain| {
        let saved = surprise(gain.count, all, gain.stretch_rarity.unwrap_or(0));
        // The same stretch, not another that all breaks show.
        let is_the_same = gain.count * 2 >= expected && gain.count <= expected * 2;
        if is_the_same && saved > most {
            most = saved;
            description.places[at] = place;
        }
    });
}

/// A description as a cause, with what it covers counted and summed.
fn told(columns: &Columns<'_>, description: &Description, covered: &[u32]) -> Cause {
    let first = covered[0] as usize;
    let (left, right) = (&columns.left, &columns.right);
    let words = |attribute, code| columns.words(attribute).text(code).to_owned();
    let currency = crate::causes::Attribute::Currency;
    let what = match description.mark {
        Mark::Class => What::Class,
        Mark::Difference(minor) => What::Difference(minor),
        Mark::Proportion(ppm) => What::Proportion(ppm),
        Mark::FeeRate(charged_ppm) => What::FeeRate {
            charged_ppm,
            agreed_ppm: agreed(columns, covered),
        },
        Mark::FeeDifference(minor) => What::FeeDifference(minor),
        Mark::Clock(seconds) => What::Clock(seconds),
        Mark::ValueDate(days) => What::ValueDate(days),
        Mark::Exchanged => What::Exchanged,
        Mark::Twice => What::Twice,
        Mark::Turned => What::Turned,
        Mark::Currencies(a, b) => What::Currencies(words(currency, a), words(currency, b)),
        Mark::Status(code) => What::Status(words(crate::causes::Attribute::Status, code)),
    };
    let has_stretch = description.places.iter().any(Place::is_stretch);
    let lines = if has_stretch || description.mark == Mark::Twice {
        lines(columns, covered)
    } else {
        None
    };
    let leg = usize::from(columns.leg[first]);
    let sample = &columns.samples[leg][description.side as usize].rows;
    let mut places: Vec<Where> = description
        .places
        .iter()
        .map(|place| place_told(columns, sample, description.side, place, covered))
        .collect();
    if description.is_everything {
        places.push(Where::Everything);
    }
    let named = |place: &Where| match place {
        Where::Value(attribute, _) => Some(*attribute),
        _ => None,
    };
    let mut shared = scopes::shared(columns, covered);
    shared.retain(|(attribute, _)| !places.iter().any(|place| named(place) == Some(*attribute)));
    let mut sums_minor: BTreeMap<Currency, i128> = BTreeMap::new();
    for row in covered {
        let row = *row as usize;
        let Some(currency) = columns.currency[row] else {
            continue;
        };
        let (platform, other) = (
            i128::from(left.amount_minor[row]),
            i128::from(right.amount_minor[row]),
        );
        let at_stake = match columns.class[row] {
            "AMOUNT_MISMATCH" => (platform - other).abs(),
            "FEE_MISMATCH" => {
                signatures::fee_difference(columns, row).map_or(0, |minor| i128::from(minor).abs())
            }
            _ => platform.max(other),
        };
        *sums_minor.entry(currency).or_default() += at_stake;
    }
    Cause {
        number: 0,
        leg: columns.legs[leg].clone(),
        class: columns.class[first],
        what,
        places,
        shared,
        count: covered.len() as u64,
        sums_minor,
        lines,
        saved_bits: u64::try_from(description.saved / bits(1)).unwrap_or(0),
    }
}

fn place_told(
    columns: &Columns<'_>,
    sample: &SideColumns<'_>,
    side: Side,
    place: &Place,
    covered: &[u32],
) -> Where {
    let rows = columns.side(side);
    match place {
        Place::Value(attribute, code) => {
            Where::Value(*attribute, columns.words(*attribute).text(*code).to_owned())
        }
        Place::Hours(from, to) => {
            let (earlier, later) = scopes::hours_around(columns, sample, *from, *to);
            Where::Hours {
                from: *from,
                to: *to,
                is_to_the_end: !later,
                is_from_the_start: !earlier,
            }
        }
        // The ends are those of the breaks, not of the stretch.
        Place::Times(..) => {
            let seconds = || covered.iter().map(|row| rows.seconds[*row as usize]);
            Where::Times {
                from: seconds().min().unwrap_or(0),
                to: seconds().max().unwrap_or(0),
            }
        }
        Place::Ids(from, to) => Where::Ids {
            from: from.clone(),
            to: to.clone(),
        },
        Place::Lines(..) => Where::Lines,
    }
}

/// The rate that the contract gives for nine in ten of some breaks.
fn agreed(columns: &Columns<'_>, covered: &[u32]) -> Option<i64> {
    let right = &columns.right;
    let pairs: Vec<(i64, i64)> = covered
        .iter()
        .map(|row| {
            (
                right.amount_minor[*row as usize],
                right.fee_due_minor[*row as usize],
            )
        })
        .collect();
    rates::common(&pairs).into_iter().find(|ppm| {
        let gives = |(amount, due): &&(i64, i64)| rates::applied(*amount, *ppm) == i128::from(*due);
        pairs.iter().filter(gives).count() * 10 >= pairs.len() * 9
    })
}

/// The lines of one file of which some breaks fill at least half.
fn lines(columns: &Columns<'_>, covered: &[u32]) -> Option<Lines> {
    let first = covered[0] as usize;
    let rows = if columns.left.is_there[first] {
        &columns.left
    } else {
        &columns.right
    };
    let file = rows.file[first];
    if file == 0 || covered.iter().any(|row| rows.file[*row as usize] != file) {
        return None;
    }
    let lines = || covered.iter().map(|row| rows.line[*row as usize]);
    let (first, last) = (lines().min()?, lines().max()?);
    ((last - first + 1) <= covered.len() as u64 * 2).then(|| Lines {
        file: columns.file(file).to_owned(),
        first,
        last,
    })
}
