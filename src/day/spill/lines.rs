//! Agreed lines on their way from the ranges of the hash to the order of `matched/` (R31).
//!
//! A part of `matched/` is sorted by txn_id, and a line's id is its own there. So the ids of a part are cut into
//! stretches of about as many lines each, by a sample of the day's ids; every range puts its lines down by stretch, and
//! a stretch is sorted when it is written. Where the sample misleads, a stretch is longer, never wrong.

use std::sync::Arc;

use arrow::array::UInt8Array;

use crate::entries::block::{BUCKET_BITS, Record};
use crate::entries::bytes::Id;
use crate::entries::key::Key;
use crate::entries::spill::{
    KEY_COLUMNS, Keys, Piece, ReturnedKeys, ReturnedTexts, Shelf, Texts, batch, column, narrow, wide,
};
use crate::findings::Stop;
use crate::matching::met::Meeting;
use crate::report::matched::Lines;
use crate::terms::order::chunk;

/// Lines of a stretch, about: a quarter of a row group, since a stretch that two groups share is read for each.
const STRETCH_LINES: usize = 65_536;

/// Where the ids of each part are cut.
#[derive(Debug)]
pub struct Cuts {
    /// First ids of all stretches but the first.
    firsts: Vec<Vec<u8>>,
    part_bits: u32,
}

impl Cuts {
    /// For `rows` platform rows, whose ids `samples` stand for, in `2^part_bits` parts.
    pub fn new(mut samples: Vec<Vec<u8>>, rows: usize, part_bits: u32) -> Cuts {
        samples.sort_unstable();
        samples.dedup();
        let stretches = (rows >> part_bits).div_ceil(STRETCH_LINES).max(1);
        let mut firsts: Vec<Vec<u8>> = (1..stretches)
            .filter_map(|at| samples.get(at * samples.len() / stretches).cloned())
            .collect();
        firsts.dedup();
        Cuts { firsts, part_bits }
    }

    /// Stretches of a part.
    fn stretches(&self) -> usize {
        self.firsts.len() + 1
    }

    fn part(&self, met: &Meeting) -> usize {
        met.bucket() >> (BUCKET_BITS - self.part_bits)
    }

    /// The stretch of an id; `hint` is the one of the line before.
    fn stretch(&self, id: Id<'_>, hint: usize) -> usize {
        let begins = |at: usize| at == 0 || Id::from(self.firsts[at - 1].as_slice()) <= id;
        let ends = |at: usize| at == self.firsts.len() || id < Id::from(self.firsts[at].as_slice());
        if begins(hint) && ends(hint) {
            return hint;
        }
        self.firsts
            .partition_point(|first| Id::from(first.as_slice()) <= id)
    }
}

/// Lines under construction.
#[derive(Debug, Default)]
struct Columns {
    txn_id: Texts,
    entry_id: Texts,
    bank_ref: Keys,
    merchant: Vec<u64>,
    account: Vec<u64>,
    /// Transaction type and currency as codes, whether there is a fee, and the pass as a code.
    small: [Vec<u8>; 4],
    amount_minor: Vec<u64>,
    fee_minor: Vec<u64>,
}

/// A transaction type that is none.
const NO_TYPE: u8 = u8::MAX;

impl Columns {
    #[inline]
    fn push(&mut self, left: Record<'_>, shown: &Shown<'_>, fee_minor: Option<i64>, pass: u8) {
        let meta = left.meta();
        self.txn_id.push_id(left.id());
        self.entry_id.push_id(shown.entry_id);
        self.bank_ref.push(shown.bank_ref);
        self.merchant.push(u64::from(left.owner()));
        self.account.push(u64::from(shown.account));
        self.small[0].push(meta.txn_type().map_or(NO_TYPE, |txn_type| txn_type as u8));
        self.small[1].push(meta.currency().index());
        self.small[2].push(u8::from(fee_minor.is_some()));
        self.small[3].push(pass);
        self.amount_minor.push(left.amount_minor().cast_unsigned());
        self.fee_minor.push(fee_minor.unwrap_or_default().cast_unsigned());
    }

    fn put(self, shelf: &Shelf) -> Result<Piece, Stop> {
        let mut columns = Vec::new();
        for texts in [self.txn_id, self.entry_id] {
            columns.extend(texts.finish());
        }
        columns.extend(self.bank_ref.finish()?);
        for numbers in [self.merchant, self.account, self.amount_minor, self.fee_minor] {
            columns.push(narrow(numbers));
        }
        for small in self.small {
            columns.push(Arc::new(UInt8Array::from(small)));
        }
        shelf.put(&batch(columns)?)
    }
}

/// What a line shows beside its platform row.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// entry_id.
    pub entry_id: Id<'a>,
    /// The shared reference.
    pub bank_ref: Key<'a>,
    /// Account index, or `u32::MAX`.
    pub account: u32,
}

/// Puts the lines of one range and leg down.
pub struct RangeLines<'a> {
    cuts: &'a Cuts,
    leg: usize,
    /// By part and stretch.
    columns: Vec<Columns>,
    hint: usize,
}

impl<'a> RangeLines<'a> {
    /// No lines yet.
    pub fn new(cuts: &'a Cuts, leg: usize) -> RangeLines<'a> {
        let mut columns = Vec::new();
        columns.resize_with(cuts.stretches() << cuts.part_bits, Columns::default);
        RangeLines {
            cuts,
            leg,
            columns,
            hint: 0,
        }
    }

    /// Adds the line of a platform row and what it met, with the code of its pass: 0 is the leg's first.
    #[inline]
    pub fn push(
        &mut self,
        left: Record<'_>,
        met: &Meeting,
        shown: &Shown<'_>,
        fee_minor: Option<i64>,
        pass: u8,
    ) {
        self.hint = self.cuts.stretch(left.id(), self.hint);
        let at = self.cuts.part(met) * self.cuts.stretches() + self.hint;
        self.columns[at].push(left, shown, fee_minor, pass);
    }

    /// Writes the lines to `shelf`.
    ///
    /// # Errors
    /// What the system reports.
    pub fn put(self, shelf: &Shelf, found: &mut Vec<LinePiece>) -> Result<(), Stop> {
        for (stretch, columns) in self.columns.into_iter().enumerate() {
            let lines = columns.merchant.len();
            if lines > 0 {
                let piece = columns.put(shelf)?;
                found.push(LinePiece {
                    leg: self.leg,
                    stretch,
                    lines,
                    piece,
                });
            }
        }
        Ok(())
    }
}

/// Lines of one range and stretch.
#[derive(Clone, Copy, Debug)]
pub struct LinePiece {
    leg: usize,
    stretch: usize,
    lines: usize,
    piece: Piece,
}

/// All agreed lines that lie aside, of all legs.
#[derive(Debug)]
pub struct SpilledLines {
    shelf: Shelf,
    cuts: Cuts,
    /// By leg.
    legs: Vec<Vec<Stretch>>,
    /// Passes by code, from 1 on.
    passes: Vec<&'static str>,
}

#[derive(Clone, Debug, Default)]
struct Stretch {
    lines: usize,
    pieces: Vec<Piece>,
}

impl SpilledLines {
    /// From the pieces of all ranges and legs.
    pub fn new(shelf: Shelf, cuts: Cuts, legs: usize, pieces: &[LinePiece]) -> SpilledLines {
        let mut lines = SpilledLines {
            shelf,
            legs: vec![vec![Stretch::default(); cuts.stretches() << cuts.part_bits]; legs],
            cuts,
            passes: Vec::new(),
        };
        lines.take(pieces);
        lines
    }

    fn take(&mut self, pieces: &[LinePiece]) {
        for piece in pieces {
            let stretch = &mut self.legs[piece.leg][piece.stretch];
            stretch.lines += piece.lines;
            stretch.pieces.push(piece.piece);
        }
    }

    /// Adds the lines of rows that are in memory, with their passes where it is not the leg's first.
    ///
    /// # Errors
    /// What the system reports.
    pub fn add<'l>(&mut self, leg: usize, lines: impl Iterator<Item = InMemory<'l>>) -> Result<(), Stop> {
        let mut found = Vec::new();
        let mut of_leg = RangeLines::new(&self.cuts, leg);
        for line in lines {
            let pass = match line.pass {
                None => 0,
                Some(name) => {
                    let known = self.passes.iter().position(|known| *known == name);
                    let at = known.unwrap_or_else(|| {
                        self.passes.push(name);
                        self.passes.len() - 1
                    });
                    u8::try_from(at + 1).map_err(|_| Stop::invariant("too many passes"))?
                }
            };
            of_leg.push(line.left, &line.met, &line.shown, line.fee_minor, pass);
        }
        of_leg.put(&self.shelf, &mut found)?;
        self.take(&found);
        Ok(())
    }

    /// Stretches of a part of a leg, in their order: number and lines of each.
    pub fn of_part(&self, leg: usize, part: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let stretches = self.cuts.stretches();
        let first = part * stretches;
        (first..first + stretches).map(move |number| (number, self.legs[leg][number].lines))
    }

    /// Reads a stretch of a leg and hands lines on, in the order of their ids: `taken` of them after `skip`. `count` is told
    /// how many have a pass; `None` is the leg's first.
    ///
    /// # Errors
    /// What reading back reports.
    pub fn gather(
        &self,
        (leg, stretch): (usize, usize),
        (skip, taken): (usize, usize),
        out: &mut Lines,
        count: &dyn Fn(&mut Lines, Option<&'static str>, usize),
    ) -> Result<(), Stop> {
        let Stretch { lines, pieces: known } = &self.legs[leg][stretch];
        let mut pieces = Vec::new();
        for piece in known {
            pieces.push(Read::new(&self.shelf, *piece)?);
        }
        let order = in_order(&pieces, *lines);
        let pass = |(piece, row): &(u32, u32)| pieces[*piece as usize].small[3].value(*row as usize);
        for run in order[skip..skip + taken].chunk_by(|a, b| pass(a) == pass(b)) {
            for (piece, row) in run {
                pieces[*piece as usize].line(*row as usize, out);
            }
            let later = usize::from(pass(&run[0])).checked_sub(1);
            count(out, later.map(|at| self.passes[at]), run.len());
        }
        Ok(())
    }
}

/// A line of a row that is in memory.
pub struct InMemory<'a> {
    /// The platform row.
    pub left: Record<'a>,
    /// What it met.
    pub met: Meeting,
    /// What is shown of that.
    pub shown: Shown<'a>,
    /// Minor units, where this leg's line carries it.
    pub fee_minor: Option<i64>,
    /// Its pass, where it is not the leg's first.
    pub pass: Option<&'static str>,
}

/// Lines of some pieces, piece and row, in the order of their ids.
fn in_order(pieces: &[Read], lines: usize) -> Vec<(u32, u32)> {
    // Ids of a stretch begin alike; the eight bytes behind that nearly always tell them apart.
    let beginnings = pieces.iter().map(|piece| piece.txn_id.beginning());
    let shared = beginnings.reduce(|a, b| {
        let alike = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        &a[..alike]
    });
    let cut = shared.map_or(0, <[u8]>::len);
    let mut order: Vec<(u64, u32, u32)> = Vec::with_capacity(lines);
    for (number, piece) in (0u32..).zip(pieces) {
        for row in 0..piece.txn_id.len() {
            order.push((chunk(piece.txn_id.value(row), cut), number, row as u32));
        }
    }
    let id = |at: &(u64, u32, u32)| pieces[at.1 as usize].txn_id.value(at.2 as usize);
    // No two lines have one id.
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| id(a).cmp(id(b))));
    order.into_iter().map(|(_, piece, row)| (piece, row)).collect()
}

/// Place of the first column of numbers, behind two of texts and one of keys.
const NUMBERS: usize = 4 + KEY_COLUMNS;

struct Read {
    txn_id: ReturnedTexts,
    entry_id: ReturnedTexts,
    bank_ref: ReturnedKeys,
    merchant: Vec<u64>,
    account: Vec<u64>,
    amount_minor: Vec<u64>,
    fee_minor: Vec<u64>,
    small: [UInt8Array; 4],
}

impl Read {
    fn new(shelf: &Shelf, piece: Piece) -> Result<Read, Stop> {
        let batch = shelf.get(piece)?;
        let small = |at: usize| column::<UInt8Array>(&batch, NUMBERS + at).cloned();
        Ok(Read {
            txn_id: ReturnedTexts::new(&batch, 0)?,
            entry_id: ReturnedTexts::new(&batch, 2)?,
            bank_ref: ReturnedKeys::new(&batch, 4)?,
            merchant: wide(&batch, NUMBERS)?,
            account: wide(&batch, NUMBERS + 1)?,
            amount_minor: wide(&batch, NUMBERS + 2)?,
            fee_minor: wide(&batch, NUMBERS + 3)?,
            small: [small(4)?, small(5)?, small(6)?, small(7)?],
        })
    }

    #[inline]
    fn line(&self, row: usize, out: &mut Lines) {
        let [txn_type, currency, has_fee] = [0, 1, 2].map(|at: usize| self.small[at].value(row));
        out.txn_id.push_within(self.txn_id.window(row));
        out.entry_id.push_within(self.entry_id.window(row));
        out.bank_ref.push_key(self.bank_ref.value(row));
        out.merchant.push(self.merchant[row] as u32);
        out.txn_type.push(if txn_type == NO_TYPE {
            u32::MAX
        } else {
            u32::from(txn_type)
        });
        out.account.push(self.account[row] as u32);
        out.currency.push(u32::from(currency));
        out.amount_minor.push(self.amount_minor[row].cast_signed());
        out.fee_minor
            .push((has_fee == 1).then(|| self.fee_minor[row].cast_signed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::block::BlockBuilder;
    use crate::entries::meta::Meta;
    use crate::host::WorkFile;
    use crate::terms::currency::Currency;
    use crate::terms::kinds::Direction;

    /// Pieces of so many lines each, of these ids.
    fn pieces(ids: &[String], lines: usize) -> Vec<Read> {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(vec![WorkFile::create(folder.path(), "lines").unwrap()]);
        let meta = Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap());
        let piece = |ids: &[String]| {
            let mut builder = BlockBuilder::default();
            for (row, id) in (0u32..).zip(ids) {
                builder.push(b"REF", id.as_bytes(), i64::from(row) + 1, meta, 7, row);
            }
            let block = builder.finish();
            let mut columns = Columns::default();
            for row in 0..block.len() {
                let shown = Shown {
                    entry_id: block.id(row),
                    bank_ref: block.key(row),
                    account: 3,
                };
                columns.push(block.record(row), &shown, (row % 2 == 0).then_some(-5), 0);
            }
            Read::new(&shelf, columns.put(&shelf).unwrap()).unwrap()
        };
        ids.chunks(lines).map(piece).collect()
    }

    #[track_caller]
    fn check(ids: &[String], lines: usize) {
        let pieces = pieces(ids, lines);
        let order = in_order(&pieces, ids.len());
        let found: Vec<&[u8]> = order
            .iter()
            .map(|(piece, row)| pieces[*piece as usize].txn_id.value(*row as usize))
            .collect();
        let mut expected: Vec<&[u8]> = ids.iter().map(String::as_bytes).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_come_in_the_order_of_their_ids() {
        let turned = |n: u64| n * 7919 % 1009;
        check(&[], 10);
        check(&["T1".to_owned()], 10);
        // Alike to the last eight bytes, and differing behind the first eight that differ.
        let long: Vec<String> = (0..1009).map(|n| format!("T20261126{:012}", turned(n))).collect();
        check(&long, 100);
        let late: Vec<String> = (0..1009)
            .map(|n| format!("{}-0000000000-{:04}", n % 3, turned(n)))
            .collect();
        check(&late, 64);
        // Of different lengths; a byte of zero is not the end of an id.
        let mixed = [
            "T",
            "T\0",
            "T\0\0",
            "T1",
            "T10",
            "T1\0",
            "S",
            "T123456789",
            "T12345678",
            "",
        ];
        check(&mixed.map(str::to_owned), 3);
    }

    #[test]
    fn a_line_comes_back_as_it_went() {
        let pieces = pieces(&["A".to_owned(), "B".to_owned()], 10);
        let read = &pieces[0];
        assert_eq!(
            (read.merchant[1], read.account[1], read.amount_minor[1]),
            (7, 3, 2)
        );
        assert_eq!(read.small[2].values(), &[1, 0], "whether there is a fee");
        assert_eq!(read.fee_minor[0].cast_signed(), -5);
        assert_eq!(
            (read.entry_id.value(1), read.bank_ref.value(1)),
            (&b"B"[..], Key::of(b"REF"))
        );
    }
}
