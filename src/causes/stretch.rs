//! Conditions that cut one stretch out of a leg's rows: from one moment to another, from one id to another, from one line
//! of a file to another.
//!
//! Each break has a place among all rows of the leg, as the sample tells: a row's rank, in units of which [`UNIT`] stand
//! between two rows of the sample. A lost batch is a stretch with far more breaks than its width lets expect. For
//! several densities the stretch with the greatest surplus is found in one walk (the greatest sum over a stretch); the
//! one that saves most is offered.

use crate::causes::bits::{bits, lg, rarity};
use crate::causes::columns::{NO_TIME, SideColumns};
use crate::causes::cover::{Gain, View};
use crate::causes::scopes::Place;

/// Rank units between two rows of the sample.
const UNIT: u64 = 1 << 16;
/// Naming a stretch, beside its two ends.
const PRICE: i64 = bits(6);
/// Densities tried: so many times what the group has on average.
const DENSITIES: [u64; 4] = [2, 8, 32, 128];
/// Fewest sample rows that tell a rank; below, the rows of the leg at large are asked.
const SAMPLE_MIN: usize = 16;

/// A break's place among all rows: before it, and with all that have the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rank {
    before: u64,
    through: u64,
    row: u32,
}

/// Stretches of time.
pub fn times(view: &View<'_>, offer: &mut dyn FnMut(Place, Gain)) {
    let seconds = |rows: &SideColumns<'_>, list: &[u32]| {
        let known = list
            .iter()
            .map(|row| (rows.seconds[*row as usize], *row))
            .filter(|(seconds, _)| *seconds != NO_TIME);
        let mut list: Vec<(i64, u32)> = known.collect();
        list.sort_unstable();
        list
    };
    let rows = seconds(view.rows_of_side(), view.rows);
    let mut sample = seconds(&view.sample.rows, view.sample_rows);
    if sample.len() < SAMPLE_MIN {
        sample = seconds(&view.sample.rows, view.sample_rows_all);
    }
    let sample: Vec<i64> = sample.into_iter().map(|(second, _)| second).collect();
    let (Some(first), Some(last)) = (sample.first(), sample.last()) else {
        return;
    };
    let total = (sample.len() as u64 + 1) * UNIT;
    let one_row = (total / view.sample.rows_all.max(1)).clamp(1, UNIT);
    let usual_gap = ((last - first) / sample.len() as i64).max(1);
    // Row n of the sample stands at (n + 1) units; between two of them the time that has passed counts.
    let place = |second: i64| {
        let below = sample.partition_point(|known| *known < second);
        let later = sample.get(below).map_or(last + usual_gap, |known| *known);
        let earlier = below.checked_sub(1).map_or(first - usual_gap, |at| sample[at]);
        let passed = second.saturating_sub(earlier).clamp(0, later - earlier) as u128;
        let part = passed * u128::from(UNIT) / (later - earlier).unsigned_abs().max(1) as u128;
        below as u64 * UNIT + part as u64
    };
    let mut ranks: Vec<Rank> = Vec::with_capacity(rows.len());
    for of_second in rows.chunk_by(|a, b| a.0 == b.0) {
        let second = of_second[0].0;
        let before = place(second);
        // A second is as wide as the rows that lie in it.
        let through = place(second.saturating_add(1)).max(before + one_row);
        ranks.extend(of_second.iter().map(|(_, row)| Rank {
            before,
            through,
            row: *row,
        }));
    }
    let place = |first: u32, last: u32| {
        let seconds = &view.rows_of_side().seconds;
        Place::Times(seconds[first as usize], seconds[last as usize])
    };
    stretches(view, &ranks, (total, UNIT), 0, &place, offer);
}

/// Stretches of ids. Between two rows of the sample every place is as good as another.
pub fn ids(view: &View<'_>, offer: &mut dyn FnMut(Place, Gain)) {
    let columns = view.rows_of_side();
    let sorted = |rows: &SideColumns<'_>, list: &[u32]| {
        let mut list: Vec<u32> = list
            .iter()
            .copied()
            .filter(|row| !rows.id[*row as usize].is_empty())
            .collect();
        list.sort_unstable_by(|a, b| {
            rows.id[*a as usize]
                .cmp(rows.id[*b as usize])
                .then_with(|| a.cmp(b))
        });
        list
    };
    let sample_rows = match view.sample_rows.len() < SAMPLE_MIN {
        true => view.sample_rows_all,
        false => view.sample_rows,
    };
    let sample = sorted(&view.sample.rows, sample_rows);
    if sample.is_empty() {
        return;
    }
    let mut below = 0;
    let ranks: Vec<Rank> = sorted(columns, view.rows)
        .into_iter()
        .map(|row| {
            let id = columns.id[row as usize];
            while sample
                .get(below)
                .is_some_and(|known| view.sample.rows.id[*known as usize] <= id)
            {
                below += 1;
            }
            let before = below as u64 * UNIT;
            Rank {
                before,
                through: before + UNIT,
                row,
            }
        })
        .collect();
    let total = (sample.len() as u64 + 1) * UNIT;
    let place = |first: u32, last: u32| {
        Place::Ids(
            columns.id[first as usize].to_owned(),
            columns.id[last as usize].to_owned(),
        )
    };
    stretches(view, &ranks, (total, UNIT), 0, &place, offer);
}

/// Stretches of lines, file by file.
pub fn lines(view: &View<'_>, offer: &mut dyn FnMut(Place, Gain)) {
    let columns = view.rows_of_side();
    let mut by_file: Vec<(u32, u64, u32)> = view
        .rows
        .iter()
        .map(|row| (columns.file[*row as usize], columns.line[*row as usize], *row))
        .filter(|(file, _, _)| *file != 0)
        .collect();
    by_file.sort_unstable();
    for rows in by_file.chunk_by(|a, b| a.0 == b.0) {
        let file = rows[0].0;
        let in_file = |row: &&u32| view.sample.rows.file[**row as usize] == file;
        let part = view.sample_rows_all.iter().filter(in_file).count() as u64;
        let share = view.share(part);
        let ranks: Vec<Rank> = rows
            .iter()
            .map(|(_, line, row)| Rank {
                before: line.saturating_sub(1),
                through: *line,
                row: *row,
            })
            .collect();
        let place = |first: u32, last: u32| {
            Place::Lines(file, columns.line[first as usize], columns.line[last as usize])
        };
        // Lines are counted, not told by a sample: the unit is beyond any of them.
        let total = view.columns.lines_of(file);
        stretches(view, &ranks, (total, u64::MAX), share, &place, offer);
    }
}

/// Offers, for each density, the stretch with the greatest surplus of breaks. `ranks` ascend.
fn stretches(
    view: &View<'_>,
    ranks: &[Rank],
    (total, unit): (u64, u64),
    file_rarity: i64,
    place: &dyn Fn(u32, u32) -> Place,
    offer: &mut dyn FnMut(Place, Gain),
) {
    if ranks.len() < 2 {
        return;
    }
    let price = PRICE + 2 * lg(ranks.len() as u64);
    let mut last = None;
    for density in DENSITIES {
        let (from, to) = greatest(ranks, total, density);
        if last == Some((from, to)) {
            continue;
        }
        last = Some((from, to));
        // At the least the rows themselves fill it, if each stands for one of the leg's.
        let width = ranks[to].through.saturating_sub(ranks[from].before).max(1);
        let own = (to - from + 1) as u64 * total / view.sample.rows_all.max(1);
        let doubt = match width / unit {
            0 => 0,
            rows => (view.doubted(rows) - rows) * unit,
        };
        let width = (width + doubt).max(own).min(total);
        let gain = Gain {
            count: (to - from + 1) as u64,
            values_rarity: view.values_rarity,
            stretch_rarity: Some(file_rarity + rarity(width, total)),
            price,
        };
        offer(place(ranks[from].row, ranks[to].row), gain);
    }
}

/// The stretch with the greatest (breaks × total − density × width × all breaks): first and last index.
fn greatest(ranks: &[Rank], total: u64, density: u64) -> (usize, usize) {
    let gain = i128::from(total);
    let cost = |width: u64| i128::from(width) * i128::from(density) * ranks.len() as i128;
    let (mut best, mut best_at) = (i128::MIN, (0, 0));
    let (mut sum, mut start) = (i128::MIN / 2, 0);
    for (at, rank) in ranks.iter().enumerate() {
        let alone = gain - cost(rank.through.saturating_sub(rank.before));
        let joined = match at {
            0 => i128::MIN / 2,
            _ => sum + gain - cost(rank.through.saturating_sub(ranks[at - 1].through)),
        };
        (sum, start) = if joined >= alone {
            (joined, start)
        } else {
            (alone, at)
        };
        if sum > best {
            (best, best_at) = (sum, (start, at));
        }
    }
    best_at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dense_stretch_is_found() {
        let rank = |place: u64, row: u32| Rank {
            before: place,
            through: place + 1,
            row,
        };
        // One break in a hundred rows, and a hundred breaks in a row from 5,000 on.
        let mut places: Vec<u64> = (0..100).map(|n| n * 100 + 37).chain(5_000..5_100).collect();
        places.sort_unstable();
        places.dedup();
        let ranks: Vec<Rank> = (0..).zip(&places).map(|(row, place)| rank(*place, row)).collect();
        let (from, to) = greatest(&ranks, 10_000, 8);
        assert_eq!((ranks[from].before, ranks[to].before), (5_000, 5_099));
    }
}
