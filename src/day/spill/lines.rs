//! Agreed lines on their way from the ranges of the hash to the order of `matched/` (R31).
//!
//! A part of `matched/` is sorted by txn_id, and a line's id is its own there. So the ids of a part are cut into
//! stretches of about as many lines each, by a sample of the day's ids; every range puts its lines down by stretch, and
//! a stretch is sorted when it is written. Where the sample misleads, a stretch is longer, never wrong.

use std::sync::Arc;

use arrow::array::{Array, BinaryArray, Int64Array, UInt8Array, UInt32Array};
use arrow::datatypes::{DataType, SchemaRef};

use crate::entries::block::{BUCKET_BITS, EntryBlock, Record};
use crate::entries::bytes::Id;
use crate::entries::spill::{Piece, Shelf, Texts, batch, column, schema};
use crate::findings::Stop;
use crate::matching::met::Meeting;
use crate::report::matched::Lines;

/// Lines of a stretch, about.
const STRETCH_LINES: usize = 131_072;

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
        met.bucket >> (BUCKET_BITS - self.part_bits)
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
    bank_ref: Texts,
    merchant: Vec<u32>,
    account: Vec<u32>,
    /// Transaction type and currency as codes, and whether there is a fee.
    small: [Vec<u8>; 3],
    amount_minor: Vec<i64>,
    fee_minor: Vec<i64>,
}

fn columns_schema() -> SchemaRef {
    schema(&[
        ("txn_id", DataType::Binary),
        ("entry_id", DataType::Binary),
        ("bank_ref", DataType::Binary),
        ("merchant", DataType::UInt32),
        ("account", DataType::UInt32),
        ("txn_type", DataType::UInt8),
        ("currency", DataType::UInt8),
        ("has_fee", DataType::UInt8),
        ("amount_minor", DataType::Int64),
        ("fee_minor", DataType::Int64),
    ])
}

/// A transaction type that is none.
const NO_TYPE: u8 = u8::MAX;

impl Columns {
    #[inline]
    fn push(&mut self, left: Record<'_>, right: Record<'_>, account: u32, fee_minor: Option<i64>) {
        let meta = left.meta();
        self.txn_id.push_id(left.id());
        self.entry_id.push_id(right.id());
        self.bank_ref.push(left.key());
        self.merchant.push(left.owner());
        self.account.push(account);
        self.small[0].push(meta.txn_type().map_or(NO_TYPE, |txn_type| txn_type as u8));
        self.small[1].push(meta.currency().index());
        self.small[2].push(u8::from(fee_minor.is_some()));
        self.amount_minor.push(left.amount_minor());
        self.fee_minor.push(fee_minor.unwrap_or_default());
    }

    fn put(self, shelf: &Shelf) -> Result<Piece, Stop> {
        let [txn_type, currency, has_fee] = self.small;
        shelf.put(&batch(
            &columns_schema(),
            vec![
                self.txn_id.finish(),
                self.entry_id.finish(),
                self.bank_ref.finish(),
                Arc::new(UInt32Array::from(self.merchant)),
                Arc::new(UInt32Array::from(self.account)),
                Arc::new(UInt8Array::from(txn_type)),
                Arc::new(UInt8Array::from(currency)),
                Arc::new(UInt8Array::from(has_fee)),
                Arc::new(Int64Array::from(self.amount_minor)),
                Arc::new(Int64Array::from(self.fee_minor)),
            ],
        )?)
    }
}

/// Puts the lines of one range down.
pub struct RangeLines<'a> {
    cuts: &'a Cuts,
    /// By part and stretch.
    columns: Vec<Columns>,
    hint: usize,
}

impl<'a> RangeLines<'a> {
    /// No lines yet.
    pub fn new(cuts: &'a Cuts) -> RangeLines<'a> {
        let mut columns = Vec::new();
        columns.resize_with(cuts.stretches() << cuts.part_bits, Columns::default);
        RangeLines {
            cuts,
            columns,
            hint: 0,
        }
    }

    /// Adds the line of a platform row and the bank entry it met, one of `right`.
    #[inline]
    pub fn push(&mut self, left: Record<'_>, met: Meeting, right: &[EntryBlock], fee_minor: Option<i64>) {
        self.hint = self.cuts.stretch(left.id(), self.hint);
        let other = right[met.right.block()].record(met.right.position());
        let at = self.cuts.part(&met) * self.cuts.stretches() + self.hint;
        self.columns[at].push(left, other, met.account, fee_minor);
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
    stretch: usize,
    lines: usize,
    piece: Piece,
}

/// All agreed lines of the leg.
#[derive(Debug)]
pub struct SpilledLines {
    shelf: Shelf,
    stretches_of_part: usize,
    stretches: Vec<Stretch>,
}

#[derive(Clone, Debug, Default)]
struct Stretch {
    lines: usize,
    pieces: Vec<Piece>,
}

impl SpilledLines {
    /// From the pieces of all ranges.
    pub fn new(shelf: Shelf, cuts: &Cuts, pieces: &[LinePiece]) -> SpilledLines {
        let mut stretches = vec![Stretch::default(); cuts.stretches() << cuts.part_bits];
        for piece in pieces {
            let stretch = &mut stretches[piece.stretch];
            stretch.lines += piece.lines;
            stretch.pieces.push(piece.piece);
        }
        SpilledLines {
            shelf,
            stretches_of_part: cuts.stretches(),
            stretches,
        }
    }

    /// Stretches of a part, in their order: number and lines of each.
    pub fn of_part(&self, part: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let first = part * self.stretches_of_part;
        (first..first + self.stretches_of_part).map(|number| (number, self.stretches[number].lines))
    }

    /// Reads a stretch and hands lines on, in the order of their ids: `taken` of them after `skip`.
    ///
    /// # Errors
    /// What reading back reports.
    pub fn gather(&self, stretch: usize, skip: usize, taken: usize, out: &mut Lines) -> Result<(), Stop> {
        let mut pieces = Vec::new();
        for piece in &self.stretches[stretch].pieces {
            pieces.push(Read::new(&self.shelf, *piece)?);
        }
        let id = |at: &(u32, u32)| pieces[at.0 as usize].txn_id.value(at.1 as usize);
        let mut order: Vec<(u32, u32)> = Vec::with_capacity(self.stretches[stretch].lines);
        for (number, piece) in (0u32..).zip(&pieces) {
            order.extend((0..piece.txn_id.len() as u32).map(|row| (number, row)));
        }
        // Stable, for its speed with what is in order by pieces; no two lines have one id.
        order.sort_by(|a, b| id(a).cmp(id(b)));
        for (piece, row) in &order[skip..skip + taken] {
            pieces[*piece as usize].line(*row as usize, out);
        }
        Ok(())
    }
}

struct Read {
    txn_id: BinaryArray,
    entry_id: BinaryArray,
    bank_ref: BinaryArray,
    merchant: UInt32Array,
    account: UInt32Array,
    small: [UInt8Array; 3],
    amount_minor: Int64Array,
    fee_minor: Int64Array,
}

impl Read {
    fn new(shelf: &Shelf, piece: Piece) -> Result<Read, Stop> {
        let batch = shelf.get(piece, None)?;
        let text = |at: usize| column::<BinaryArray>(&batch, at).cloned();
        let small = |at: usize| column::<UInt8Array>(&batch, at).cloned();
        Ok(Read {
            txn_id: text(0)?,
            entry_id: text(1)?,
            bank_ref: text(2)?,
            merchant: column::<UInt32Array>(&batch, 3)?.clone(),
            account: column::<UInt32Array>(&batch, 4)?.clone(),
            small: [small(5)?, small(6)?, small(7)?],
            amount_minor: column::<Int64Array>(&batch, 8)?.clone(),
            fee_minor: column::<Int64Array>(&batch, 9)?.clone(),
        })
    }

    #[inline]
    fn line(&self, row: usize, out: &mut Lines) {
        let [txn_type, currency, has_fee] = [0, 1, 2].map(|at: usize| self.small[at].value(row));
        out.txn_id.push(self.txn_id.value(row));
        out.entry_id.push(self.entry_id.value(row));
        out.bank_ref.push(self.bank_ref.value(row));
        out.merchant.push(self.merchant.value(row));
        out.txn_type.push(if txn_type == NO_TYPE {
            u32::MAX
        } else {
            u32::from(txn_type)
        });
        out.account.push(self.account.value(row));
        out.currency.push(u32::from(currency));
        out.amount_minor.push(self.amount_minor.value(row));
        out.fee_minor
            .push((has_fee == 1).then(|| self.fee_minor.value(row)));
    }
}
