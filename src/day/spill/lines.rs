//! Agreed lines on their way from the ranges of the hash to the order of `matched/` (R31).
//!
//! A part of `matched/` is sorted by txn_id, and a line's id is its own there. So the ids of a part are cut into
//! stretches of about as many lines each, by a sample of the day's ids; every range puts its lines down by stretch, and
//! a stretch is sorted when it is written. Where the sample misleads, a stretch is longer, never wrong.

use std::sync::Arc;

use arrow::array::BinaryArray;

use crate::entries::block::{BUCKET_BITS, Record};
use crate::entries::bytes::{Beginning, Id, Window, append};
use crate::entries::key::{self, Key, PACKED_BYTES};
use crate::entries::spill::{Lists, Piece, Shelf, batch, column};
use crate::findings::Stop;
use crate::matching::met::Meeting;
use crate::report::matched::Lines;
use crate::terms::order::chunk;
use crate::terms::prefetch;

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
    #[inline]
    fn stretch(&self, id: &[u8], hint: usize) -> usize {
        let begins = |at: usize| at == 0 || self.firsts[at - 1].as_slice() <= id;
        let ends = |at: usize| at == self.firsts.len() || id < self.firsts[at].as_slice();
        if begins(hint) && ends(hint) {
            return hint;
        }
        self.firsts.partition_point(|first| first.as_slice() <= id)
    }

    /// What all ids of a stretch begin with, or less: no line says it.
    fn beginning(&self, stretch: usize) -> Beginning {
        let first = stretch.checked_sub(1).map(|before| &self.firsts[before]);
        match (first, self.firsts.get(stretch)) {
            (Some(first), Some(next)) => {
                let mut beginning = Beginning::of(first);
                beginning.keep_of(next);
                beginning
            }
            _ => Beginning::NONE,
        }
    }
}

/// Lines under construction, each as one text of bytes.
///
/// | bytes | |
/// |---|---|
/// | 0 | [`HAS_FEE`], [`WIDE`] |
/// | 1, 2, 3 | transaction type or [`NO_TYPE`], currency, pass as a code |
/// | 4–7, 8–11 | merchant, account |
/// | 12, 13 | marks of the packed entry_id and bank_ref, 0 where one is not packed |
/// | 14–15 | length of what follows of the txn_id |
/// | 16– | amount and fee, minor units, 4 or 8 bytes each |
/// | then | the txn_id behind what all of its stretch begin with, entry_id, bank_ref: packed, or two bytes of length and the text |
#[derive(Debug, Default)]
struct Written {
    lines: Lists<u8>,
}

/// Marks a line that carries a fee.
const HAS_FEE: u8 = 1;
/// Marks a line whose amounts take eight bytes each, not four.
const WIDE: u8 = 2;
/// A transaction type that is none.
const NO_TYPE: u8 = u8::MAX;
const HEAD: usize = 16;
/// What a line takes, mostly.
const LINE_BYTES: usize = 72;

impl Written {
    #[inline]
    fn push(&mut self, left: Record<'_>, txn_id: &[u8], shown: &Shown<'_>, fee_minor: Option<i64>, pass: u8) {
        let (meta, amount_minor, fee) = (left.meta(), left.amount_minor(), fee_minor.unwrap_or_default());
        let narrow = u32::try_from(amount_minor).ok().zip(i32::try_from(fee).ok());
        let mut room = [0; ID_ROOM];
        let entry_id = shown.entry_id.joined(&mut room);
        let packed_id = key::pack(&entry_id);
        let packed_ref = shown.bank_ref.as_packed();
        let mut head = [0; HEAD + 8];
        head[0] = u8::from(fee_minor.is_some()) | if narrow.is_none() { WIDE } else { 0 };
        head[1] = meta.txn_type().map_or(NO_TYPE, |txn_type| txn_type as u8);
        head[2] = meta.currency().index();
        head[3] = pass;
        head[4..8].copy_from_slice(&left.owner().to_le_bytes());
        head[8..12].copy_from_slice(&shown.account.to_le_bytes());
        head[12] = packed_id.map_or(0, |packed| packed.mark);
        head[13] = packed_ref.map_or(0, |(mark, _)| mark);
        head[14..16].copy_from_slice(&(txn_id.len() as u16).to_le_bytes());
        let bytes = &mut self.lines.values;
        bytes.reserve(HEAD + 16 + ID_ROOM);
        match narrow {
            Some((amount, fee)) => {
                head[16..20].copy_from_slice(&amount.to_le_bytes());
                head[20..24].copy_from_slice(&fee.to_le_bytes());
                bytes.extend_from_slice(&head);
            }
            None => {
                bytes.extend_from_slice(&head[..HEAD]);
                bytes.extend_from_slice(&amount_minor.to_le_bytes());
                bytes.extend_from_slice(&fee.to_le_bytes());
            }
        }
        append(bytes, txn_id);
        match packed_id {
            Some(packed) => bytes.extend_from_slice(&packed.bytes()),
            None => push_text(bytes, &entry_id),
        }
        match packed_ref {
            Some((_, numbers)) => bytes.extend_from_slice(numbers),
            None => push_text(bytes, shown.bank_ref.text(&mut [0; 64]).as_bytes()),
        }
        self.lines.end();
    }

    fn put(self, shelf: &Shelf) -> Result<Piece, Stop> {
        shelf.put(&batch(vec![Arc::new(self.lines.texts())])?)
    }
}

fn push_text(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
    append(bytes, text);
}

/// Ids up to this length are put together without asking for memory.
const ID_ROOM: usize = 64;

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
    written: Vec<Written>,
    /// Length of what the ids of each stretch begin with.
    beginnings: Vec<usize>,
    hint: usize,
}

impl<'a> RangeLines<'a> {
    /// No lines yet, of about so many to come.
    pub fn new(cuts: &'a Cuts, leg: usize, lines: usize) -> RangeLines<'a> {
        let pieces = cuts.stretches() << cuts.part_bits;
        let each = lines / pieces;
        let mut written = Vec::new();
        written.resize_with(pieces, || Written {
            lines: Lists::with_capacity(each, each * LINE_BYTES),
        });
        let beginnings = (0..cuts.stretches()).map(|stretch| cuts.beginning(stretch).as_bytes().len());
        RangeLines {
            cuts,
            leg,
            written,
            beginnings: beginnings.collect(),
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
        let mut room = [0; ID_ROOM];
        let txn_id = left.id().joined(&mut room);
        self.hint = self.cuts.stretch(&txn_id, self.hint);
        let at = self.cuts.part(met) * self.cuts.stretches() + self.hint;
        let rest = &txn_id[self.beginnings[self.hint]..];
        self.written[at].push(left, rest, shown, fee_minor, pass);
    }

    /// Writes the lines to `shelf`.
    ///
    /// # Errors
    /// What the system reports.
    pub fn put(self, shelf: &Shelf, found: &mut Vec<LinePiece>) -> Result<(), Stop> {
        for (stretch, written) in self.written.into_iter().enumerate() {
            let lines = written.lines.len();
            if lines > 0 {
                let piece = written.put(shelf)?;
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
        let mut of_leg = RangeLines::new(&self.cuts, leg, 0);
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
        let beginning = self.cuts.beginning(stretch % self.cuts.stretches());
        let mut pieces = Vec::new();
        for piece in known {
            pieces.push(Read::new(&self.shelf, *piece)?);
        }
        let order = in_order(&pieces, *lines);
        let order = &order[skip..skip + taken];
        let pass = |(piece, row): &(u32, u32)| pieces[*piece as usize].line(*row as usize).pass();
        let mut ahead = order.iter().skip(LINES_AHEAD);
        for run in order.chunk_by(|a, b| pass(a) == pass(b)) {
            for (piece, row) in run {
                if let Some((piece, row)) = ahead.next() {
                    pieces[*piece as usize].prefetch(*row as usize);
                }
                pieces[*piece as usize]
                    .line(*row as usize)
                    .push_into(out, &beginning);
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
    // Ids begin alike; the eight bytes behind that nearly always tell them apart.
    let mut beginning: Option<Beginning> = None;
    for piece in pieces {
        for row in 0..piece.len() {
            let txn_id = piece.line(row).txn_id();
            beginning
                .get_or_insert_with(|| Beginning::of(txn_id))
                .keep_of(txn_id);
        }
    }
    let cut = beginning.map_or(0, |beginning| beginning.as_bytes().len());
    let mut order: Vec<(u64, u32, u32)> = Vec::with_capacity(lines);
    for (number, piece) in (0u32..).zip(pieces) {
        for row in 0..piece.len() {
            order.push((chunk(piece.line(row).txn_id(), cut), number, row as u32));
        }
    }
    let id = |at: &(u64, u32, u32)| pieces[at.1 as usize].line(at.2 as usize).txn_id();
    // No two lines have one id. A piece is in the order of its range's rows, which is nearly that of their ids: runs that a
    // stable sort makes use of.
    order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| id(a).cmp(id(b))));
    order.into_iter().map(|(_, piece, row)| (piece, row)).collect()
}

/// How many lines ahead one is asked for: they come from all pieces.
const LINES_AHEAD: usize = 8;

/// Lines that came back.
struct Read {
    lines: BinaryArray,
}

impl Read {
    fn new(shelf: &Shelf, piece: Piece) -> Result<Read, Stop> {
        let batch = shelf.get(piece)?;
        let lines = column::<BinaryArray>(&batch, 0)?.clone();
        Ok(Read { lines })
    }

    fn len(&self) -> usize {
        self.lines.value_offsets().len() - 1
    }

    #[inline(always)]
    fn line(&self, row: usize) -> Line<'_> {
        Line {
            bytes: self.lines.value_data(),
            at: self.lines.value_offsets()[row] as usize,
        }
    }

    #[inline(always)]
    fn prefetch(&self, row: usize) {
        let at = self.lines.value_offsets()[row] as usize;
        for beyond in [0, 64] {
            prefetch::line_of(self.lines.value_data(), at + beyond);
        }
    }
}

/// One of them, within all of its piece: see [`Written`].
#[derive(Clone, Copy)]
struct Line<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Line<'a> {
    #[inline(always)]
    fn number<const N: usize>(self, from: usize) -> [u8; N] {
        let mut number = [0; N];
        number.copy_from_slice(&self.bytes[self.at + from..self.at + from + N]);
        number
    }

    #[inline(always)]
    fn pass(self) -> u8 {
        self.bytes[self.at + 3]
    }

    #[inline(always)]
    fn is_wide(self) -> bool {
        self.bytes[self.at] & WIDE != 0
    }

    /// The txn_id behind what all of its stretch begin with, within all lines.
    #[inline(always)]
    fn id_window(self) -> Window<'a> {
        let amounts = if self.is_wide() { 16 } else { 8 };
        Window {
            bytes: self.bytes,
            start: self.at + HEAD + amounts,
            len: usize::from(u16::from_le_bytes(self.number(14))),
        }
    }

    #[inline(always)]
    fn txn_id(self) -> &'a [u8] {
        self.id_window().as_bytes()
    }

    /// The key of a mark that begins at a byte of all lines, and where it ends.
    #[inline(always)]
    fn key(self, mark: u8, start: usize) -> (Key<'a>, usize) {
        if mark > 0 {
            return (Key::packed(self.bytes, start, mark), start + PACKED_BYTES);
        }
        let len = usize::from(u16::from_le_bytes([self.bytes[start], self.bytes[start + 1]]));
        let window = Window {
            bytes: self.bytes,
            start: start + 2,
            len,
        };
        (Key::plain(window), start + 2 + len)
    }

    /// entry_id and bank_ref.
    #[inline(always)]
    fn keys(self) -> (Key<'a>, Key<'a>) {
        let id = self.id_window();
        let [entry_mark, ref_mark] = self.number(12);
        let (entry_id, end) = self.key(entry_mark, id.start + id.len);
        (entry_id, self.key(ref_mark, end).0)
    }

    /// Minor units.
    #[inline(always)]
    fn amounts(self) -> (i64, Option<i64>) {
        let (amount_minor, fee_minor) = match self.is_wide() {
            true => (
                i64::from_le_bytes(self.number(HEAD)),
                i64::from_le_bytes(self.number(HEAD + 8)),
            ),
            false => (
                i64::from(u32::from_le_bytes(self.number(HEAD))),
                i64::from(i32::from_le_bytes(self.number(HEAD + 4))),
            ),
        };
        let has_fee = self.bytes[self.at] & HAS_FEE != 0;
        (amount_minor, has_fee.then_some(fee_minor))
    }

    #[inline]
    fn push_into(self, out: &mut Lines, beginning: &Beginning) {
        let [txn_type, currency] = self.number(1);
        let (entry_id, bank_ref) = self.keys();
        let (amount_minor, fee_minor) = self.amounts();
        out.txn_id.push_id((beginning, self.id_window()));
        out.entry_id.push_key(entry_id);
        out.bank_ref.push_key(bank_ref);
        out.merchant.push(u32::from_le_bytes(self.number(4)));
        out.txn_type.push(match txn_type {
            NO_TYPE => u32::MAX,
            txn_type => u32::from(txn_type),
        });
        out.account.push(u32::from_le_bytes(self.number(8)));
        out.currency.push(u32::from(currency));
        out.amount_minor.push(amount_minor);
        out.fee_minor.push(fee_minor);
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
            let mut written = Written::default();
            for row in 0..block.len() {
                let shown = Shown {
                    entry_id: block.id(row),
                    bank_ref: block.key(row),
                    account: 3,
                };
                let txn_id = block.id(row).to_vec();
                written.push(
                    block.record(row),
                    &txn_id,
                    &shown,
                    (row % 2 == 0).then_some(-5),
                    0,
                );
            }
            Read::new(&shelf, written.put(&shelf).unwrap()).unwrap()
        };
        ids.chunks(lines).map(piece).collect()
    }

    #[track_caller]
    fn check(ids: &[String], lines: usize) {
        let pieces = pieces(ids, lines);
        let order = in_order(&pieces, ids.len());
        let found: Vec<&[u8]> = order
            .iter()
            .map(|(piece, row)| pieces[*piece as usize].line(*row as usize).txn_id())
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
        let digits = "2026033112345678901234";
        let ids = ["A", "B", digits, &"x".repeat(80)].map(str::to_owned);
        let pieces = pieces(&ids, 10);
        for (row, id) in ids.iter().enumerate() {
            let line = pieces[0].line(row);
            let (entry_id, bank_ref) = line.keys();
            assert_eq!(line.txn_id(), id.as_bytes());
            assert_eq!(entry_id, Key::of(id.as_bytes()));
            assert_eq!(entry_id.as_packed().is_some(), id == digits);
            assert_eq!(bank_ref, Key::of(b"REF"));
            assert_eq!(
                line.amounts(),
                (row as i64 + 1, (row % 2 == 0).then_some(-5)),
                "narrow"
            );
            assert_eq!((line.number(4), line.number(8)), ([7, 0, 0, 0], [3, 0, 0, 0]));
            assert_eq!(line.pass(), 0);
        }
    }

    #[test]
    fn amounts_come_back_as_they_went() {
        let meta = Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap());
        let most = i64::from(u32::MAX);
        let cases = [
            (1, Some(0), false),
            (most, Some(i64::from(i32::MIN)), false),
            (most + 1, None, true),
            (i64::MAX, Some(i64::MIN), true),
            (5, Some(i64::from(i32::MAX) + 1), true),
        ];
        for (amount, fee, is_wide) in cases {
            let mut builder = BlockBuilder::default();
            builder.push(b"REF", b"T1", amount, meta, 7, 0);
            let block = builder.finish();
            let shown = Shown {
                entry_id: block.id(0),
                bank_ref: block.key(0),
                account: u32::MAX,
            };
            let mut written = Written::default();
            written.push(block.record(0), b"T1", &shown, fee, 2);
            let line = Line {
                bytes: &written.lines.values,
                at: 0,
            };
            assert_eq!((line.amounts(), line.is_wide()), ((amount, fee), is_wide));
            assert_eq!(
                (line.txn_id(), line.pass(), line.number(8)),
                (&b"T1"[..], 2, [255; 4])
            );
        }
    }

    #[test]
    fn ids_of_a_stretch_begin_alike() {
        let samples: Vec<Vec<u8>> = (0..8u32)
            .map(|n| format!("T{:06}", n * 100_000).into_bytes())
            .collect();
        let cuts = Cuts::new(samples, 4 * STRETCH_LINES, 0);
        assert_eq!(cuts.firsts, [&b"T200000"[..], b"T400000", b"T600000"]);
        let check = |id: &str, stretch: usize, beginning: &str| {
            assert_eq!(cuts.stretch(id.as_bytes(), 0), stretch);
            assert_eq!(cuts.beginning(stretch).as_bytes(), beginning.as_bytes());
            assert!(id.starts_with(beginning));
        };
        check("A", 0, "");
        check("T199999", 0, "");
        check("T2", 0, "");
        check("T200000", 1, "T");
        check("T3999990", 1, "T");
        check("T400000", 2, "T");
        check("T600000", 3, "");
        check("U", 3, "");
    }
}
