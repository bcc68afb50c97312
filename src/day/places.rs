//! Where the rows of a block stand in their file, for the few rows that are read again: a byte a row, and nine for a row that is
//! more than 254 bytes behind the one before.

use crate::entries::rows::Place;

/// Rows from one mark to the next.
const STRETCH: usize = 64;

/// Stands for a row that lies further behind the row before than a byte tells, or before it.
const FAR: u8 = u8::MAX;

/// Places by ordinal.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Of the first row, once there is one.
    first: Place,
    /// Bytes from the row before to each row, or [`FAR`].
    steps: Vec<u8>,
    /// Bytes from the first row to the first of every stretch.
    marks: Vec<u32>,
    /// Ordinals of rows that are far, and the bytes from the first row to them.
    far: Vec<(u32, u32)>,
    /// Bytes from the first row to the last.
    last: u32,
    /// Rows mostly stand a line each: from which ordinal on, and how many lines more than that lie before (modulo 2^32).
    shifts: Vec<(u32, u32)>,
}

impl Places {
    /// Makes room for rows.
    pub fn reserve(&mut self, rows: usize) {
        self.steps.reserve_exact(rows);
        self.marks.reserve_exact(rows.div_ceil(STRETCH));
    }

    /// True when a place can be the next.
    #[inline(always)]
    pub fn fits(&self, place: Place) -> bool {
        // A place before the first is far away, too.
        let beyond =
            (place.line.wrapping_sub(self.first.line) | place.offset.wrapping_sub(self.first.offset)) >> 32;
        beyond == 0 || self.is_empty()
    }

    /// Adds the place of the next ordinal, which [fits](Places::fits).
    #[inline(always)]
    pub fn push(&mut self, place: Place) {
        if self.is_empty() {
            self.first = place;
        }
        let first = self.first;
        let ordinal = self.steps.len() as u32;
        // Several rows may stand on one line: then the difference is a negative number, modulo 2^32.
        let shift = ((place.line - first.line) as u32).wrapping_sub(ordinal);
        if shift != self.shifts.last().map_or(0, |last| last.1) {
            self.shifts.push((ordinal, shift));
        }
        let offset = (place.offset - first.offset) as u32;
        if (ordinal as usize).is_multiple_of(STRETCH) {
            self.marks.push(offset);
        }
        let step = offset.wrapping_sub(self.last);
        if step < u32::from(FAR) {
            self.steps.push(step as u8);
        } else {
            self.push_far(ordinal, offset);
        }
        self.last = offset;
    }

    #[cold]
    fn push_far(&mut self, ordinal: u32, offset: u32) {
        self.steps.push(FAR);
        self.far.push((ordinal, offset));
    }

    /// Where the row of an ordinal stands.
    pub fn get(&self, ordinal: u32) -> Option<Place> {
        let end = ordinal as usize + 1;
        let stretch = ordinal as usize / STRETCH;
        let mut from = stretch * STRETCH;
        let mut offset = *self.marks.get(stretch)?;
        let known = self.far.partition_point(|far| far.0 <= ordinal).checked_sub(1);
        if let Some((far, to)) = known.map(|at| self.far[at])
            && far as usize > from
        {
            (from, offset) = (far as usize, to);
        }
        let steps = self.steps.get(from + 1..end)?;
        offset += steps.iter().map(|step| u32::from(*step)).sum::<u32>();
        Some(self.at(ordinal, offset))
    }

    /// Number of ordinals.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Gives away the offsets, a number an ordinal: rows are found from then on by [`Places::at`].
    pub fn take_offsets(&mut self) -> Vec<u32> {
        let mut far = std::mem::take(&mut self.far).into_iter();
        self.marks = Vec::new();
        let mut last = 0;
        let offset = |step: u8| {
            last = match step {
                FAR => far.next().map_or(last, |far| far.1),
                step => last + u32::from(step),
            };
            last
        };
        std::mem::take(&mut self.steps).into_iter().map(offset).collect()
    }

    /// Where the row of an ordinal stands whose offset is known; of a list that has had a row.
    pub fn at(&self, ordinal: u32, offset: u32) -> Place {
        let first = self.first;
        let shifts = self.shifts.partition_point(|shift| shift.0 <= ordinal);
        let shift = shifts.checked_sub(1).map_or(0, |at| self.shifts[at].1);
        Place {
            line: first.line + u64::from(ordinal.wrapping_add(shift)),
            offset: first.offset + u64::from(offset),
        }
    }

    /// Memory that the list holds, in bytes.
    pub fn held_bytes(&self) -> usize {
        self.steps.capacity()
            + self.marks.capacity() * size_of::<u32>()
            + (self.far.capacity() + self.shifts.capacity()) * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place((line, offset): (u64, u64)) -> Place {
        Place { line, offset }
    }

    fn kept(places: &[(u64, u64)]) -> Places {
        let mut kept = Places::default();
        for given in places.iter().copied() {
            assert!(kept.fits(place(given)));
            kept.push(place(given));
        }
        kept
    }

    fn check(places: &[(u64, u64)]) -> usize {
        let mut kept = kept(places);
        for (ordinal, given) in (0u32..).zip(places) {
            assert_eq!(kept.get(ordinal), Some(place(*given)), "{places:?}");
        }
        assert_eq!(kept.get(places.len() as u32), None);
        let offsets = kept.take_offsets();
        assert_eq!(offsets.len(), places.len());
        for ((ordinal, given), offset) in (0u32..).zip(places).zip(offsets) {
            assert_eq!(kept.at(ordinal, offset), place(*given), "{places:?}");
        }
        kept.shifts.len()
    }

    #[test]
    fn places_come_out_as_they_went_in() {
        assert_eq!(check(&[]), 0);
        assert_eq!(check(&[(2, 100), (3, 150), (4, 180)]), 0);
        // A quoted line end, a blank between, and a file on one line.
        assert_eq!(check(&[(2, 0), (3, 10), (5, 30), (6, 40), (9, 50)]), 2);
        check(&[(1, 0), (1, 10), (1, 20), (1, 30), (2, 40)]);
    }

    #[test]
    fn a_place_before_the_first_or_far_behind_it_does_not_fit() {
        let kept = kept(&[(5, 1000), (6, 1100)]);
        assert!(!kept.fits(place((7, 999))));
        assert!(!kept.fits(place((4, 2000))));
        assert!(!kept.fits(place((7, 1000 + (1 << 32)))));
        assert!(kept.fits(place((7, 999 + (1 << 32)))));
    }

    proptest! {
        #[test]
        fn places_of_long_and_short_rows_come_out(
            rows in prop::collection::vec((0u64..3, prop_oneof![6 => 1u64..300, 2 => 250u64..260, 1 => 0u64..1_000_000]), 0..300),
            back in prop::option::of(0usize..300),
        ) {
            let (mut line, mut offset) = (2, 5_000_000);
            let mut places = Vec::new();
            for (at, (lines, bytes)) in rows.into_iter().enumerate() {
                line += lines;
                offset += bytes;
                // Rows of a file that is read in another order than it lies.
                let shown = if at > 0 && back == Some(at) { offset - bytes.min(1) } else { offset };
                places.push((line, shown));
            }
            check(&places);
        }
    }
}
