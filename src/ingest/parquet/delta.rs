//! `DELTA_BINARY_PACKED`: the first value, then blocks of packed differences, taken in portions.

use super::Unfit;
use super::bits::{bits_at, varint, zigzag};

/// Where a reading of delta-packed numbers stands. Every call is given the same bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delta {
    /// The next block's head, or the next packed group of the block.
    at: usize,
    /// Groups of a block, and values of a group.
    groups: usize,
    group_values: usize,
    /// Values not yet taken.
    left: usize,
    /// The value before the next; the next itself while `first` is true.
    last: i64,
    first: bool,
    /// Of the block: the least difference, where its widths stand, and which group comes next.
    least: i64,
    widths: usize,
    group: usize,
    /// Of the group: values left, the bit of the next, and bits of one.
    group_left: usize,
    bit: usize,
    width: u32,
}

impl Delta {
    /// Begins at `at`.
    ///
    /// # Errors
    /// There is no such head.
    pub fn new(bytes: &[u8], at: usize) -> Result<Delta, Unfit> {
        let (block_values, at) = size(bytes, at)?;
        let (groups, at) = size(bytes, at)?;
        let (left, at) = size(bytes, at)?;
        let (first, at) = varint(bytes, at)?;
        let group_values = block_values.checked_div(groups).ok_or(Unfit)?;
        if group_values == 0 || group_values * groups != block_values || !group_values.is_multiple_of(8) {
            return Err(Unfit);
        }
        Ok(Delta {
            at,
            groups,
            group_values,
            left,
            last: zigzag(first),
            first: true,
            group: groups,
            ..Delta::default()
        })
    }

    /// Takes the next values. Sums wrap, as the writer's differences do.
    ///
    /// # Errors
    /// There are no more so many.
    pub fn take(&mut self, bytes: &[u8], out: &mut [i64]) -> Result<(), Unfit> {
        self.left = self.left.checked_sub(out.len()).ok_or(Unfit)?;
        let mut out = out;
        if self.first
            && let [first, rest @ ..] = out
        {
            *first = self.last;
            self.first = false;
            out = rest;
        }
        while !out.is_empty() {
            if self.group_left == 0 {
                self.next_group(bytes)?;
            }
            let (now, rest) = out.split_at_mut(self.group_left.min(out.len()));
            let width = self.width as usize;
            let end = self.bit + now.len() * width;
            if end.div_ceil(8) > bytes.len() {
                return Err(Unfit);
            }
            let (least, mut last) = (self.least, self.last);
            for (bit, value) in (self.bit..).step_by(width.max(1)).zip(now.iter_mut()) {
                let step = bits_at(bytes, bit, self.width) as i64;
                last = last.wrapping_add(least).wrapping_add(step);
                *value = last;
            }
            self.last = last;
            self.bit = end;
            self.group_left -= now.len();
            out = rest;
        }
        Ok(())
    }

    /// Where the numbers end, for what is written behind them.
    ///
    /// # Errors
    /// The bytes end before.
    pub fn end(&self, bytes: &[u8]) -> Result<usize, Unfit> {
        let mut rest = *self;
        let mut left = rest.left - usize::from(rest.first && rest.left > 0);
        left = left.saturating_sub(rest.group_left);
        while left > 0 {
            rest.next_group(bytes)?;
            left = left.saturating_sub(rest.group_left);
        }
        Ok(rest.at)
    }

    fn next_group(&mut self, bytes: &[u8]) -> Result<(), Unfit> {
        if self.group == self.groups {
            let (least, widths) = varint(bytes, self.at)?;
            self.least = zigzag(least);
            self.widths = widths;
            self.at = widths.checked_add(self.groups).ok_or(Unfit)?;
            self.group = 0;
        }
        self.width = u32::from(*bytes.get(self.widths + self.group).ok_or(Unfit)?);
        if self.width > 64 {
            return Err(Unfit);
        }
        self.group += 1;
        self.group_left = self.group_values;
        self.bit = self.at.checked_mul(8).ok_or(Unfit)?;
        let length = (self.group_values / 8)
            .checked_mul(self.width as usize)
            .ok_or(Unfit)?;
        self.at = self.at.checked_add(length).ok_or(Unfit)?;
        if self.at > bytes.len() {
            return Err(Unfit);
        }
        Ok(())
    }
}

/// A size or count, at most 2^31 as in all of Parquet's heads.
fn size(bytes: &[u8], at: usize) -> Result<(usize, usize), Unfit> {
    let (number, at) = varint(bytes, at)?;
    match u32::try_from(number) {
        Ok(number) if number <= 1 << 31 => Ok((number as usize, at)),
        _ => Err(Unfit),
    }
}
