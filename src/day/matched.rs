//! Lays the agreed rows of all legs into `matched/` (R31).

use crate::book::merchants::Merchants;
use crate::book::settings::{LegKind, Settings};
use crate::day::agree::Agreed;
use crate::day::breaks::WALLET_LEG;
use crate::day::intake::KEY_SEPARATOR;
use crate::day::pool::Pool;
use crate::day::publish::{Sealed, Staging};
use crate::entries::block::{BUCKET_BITS, EntryBlock, RowRef};
use crate::findings::Stop;
use crate::host::HashingFile;
use crate::report::matched::{Lines, Names, ROW_GROUP_ROWS, write_part};
use crate::settling::NO_FEE;
use crate::terms::digest::key_hash;

/// Average most rows of the larger side of the largest leg in one part (R31).
const PART_ROWS: usize = 8_388_608;

/// A line that stands outside the platform legs: payouts, reversals. Few.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SmallLine {
    /// Leg.
    pub leg: String,
    /// entry_id.
    pub entry_id: String,
    /// Pass.
    pub pass: &'static str,
    /// Reference; decides the part.
    pub bank_ref: String,
    /// Merchant code, or `u32::MAX`.
    pub merchant: u32,
    /// Account index.
    pub account: u32,
    /// Currency index.
    pub currency: u32,
    /// Minor units.
    pub amount_minor: i64,
}

/// The agreed rows of one leg: rows of the platform side, what they met, and their fees.
pub struct LegPairs<'a> {
    /// Leg name.
    pub leg: String,
    /// Platform side of the leg.
    pub left: &'a [EntryBlock],
    /// Other side; rows that met [`RowRef::NONE`] met nothing (wallets).
    pub right: &'a [EntryBlock],
    /// What each platform row met, and its fee.
    pub index: &'a PairIndex,
    /// True when the platform side holds every platform row, so that a row has one position here and in the order
    /// of ids.
    pub holds_every_row: bool,
    /// True when the key has a channel in front of the reference.
    pub keyed_by_channel: bool,
    /// Pass shown.
    pub pass: &'static str,
}

/// What each platform row of a leg met, and its fee, by block and position.
///
/// Pairs come in partition order, in which positions are neighbours; they are read in the order of ids, in which rows
/// of a block are. So both ways stay within a block.
#[derive(Debug, Default)]
pub struct PairIndex {
    blocks: Vec<Vec<Pair>>,
    /// Number of pairs.
    pub pairs: usize,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    right: RowRef,
    met: bool,
    fee_minor: i64,
}

const UNMET: Pair = Pair {
    right: RowRef::NONE,
    met: false,
    fee_minor: NO_FEE,
};

impl PairIndex {
    /// Indexes pairs and their fees by their left row.
    pub fn new(left: &[EntryBlock], pairs: &[(RowRef, RowRef)], fee_minor: &[i64]) -> PairIndex {
        assert_eq!(pairs.len(), fee_minor.len(), "one fee per pair");
        if pairs.is_empty() {
            return PairIndex::default();
        }
        let mut blocks: Vec<Vec<Pair>> = left.iter().map(|block| vec![UNMET; block.len()]).collect();
        for ((row, right), fee_minor) in pairs.iter().zip(fee_minor) {
            blocks[row.block()][row.position()] = Pair {
                right: *right,
                met: true,
                fee_minor: *fee_minor,
            };
        }
        PairIndex {
            blocks,
            pairs: pairs.len(),
        }
    }

    /// Fee of a row: `None` where it met nothing; [`NO_FEE`] where another leg's line carries it.
    pub fn fee_minor(&self, row: RowRef) -> Option<i64> {
        let pair = self.get(row);
        pair.met.then_some(pair.fee_minor)
    }

    #[inline]
    fn get(&self, row: RowRef) -> Pair {
        self.blocks
            .get(row.block())
            .map_or(UNMET, |block| block[row.position()])
    }
}

/// Number of parts, as bits of the hash (R31): it follows from the rows of the largest leg alone.
pub fn part_bits(pool: &Pool) -> u32 {
    let rows = |side: &[EntryBlock]| side.iter().map(EntryBlock::len).sum::<usize>();
    let largest = pool
        .left
        .iter()
        .chain(&pool.right)
        .map(|side| rows(side))
        .max()
        .unwrap_or(0);
    largest
        .div_ceil(PART_ROWS)
        .max(1)
        .next_power_of_two()
        .trailing_zeros()
        .min(BUCKET_BITS)
}

fn part_of(hash: u64, bits: u32) -> usize {
    hash.checked_shr(64 - bits).unwrap_or(0) as usize
}

/// What all parts are written from.
pub struct MatchedTable<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// Merchant master.
    pub merchants: &'a Merchants,
    /// Rows.
    pub pool: &'a Pool,
    /// Order of ids.
    pub agreed: &'a Agreed,
    /// Bank leg: the side that holds every platform row.
    pub bank_leg: usize,
    /// Legs, sorted by name.
    pub legs: Vec<LegPairs<'a>>,
    /// Small lines, sorted.
    pub small: &'a [SmallLine],
}

/// One line of a part, before its texts are gathered.
#[derive(Clone, Copy)]
enum LineRef {
    Small(u32),
    Pair(u8, RowRef),
}

impl MatchedTable<'_> {
    /// Writes all parts; gives them with their rows and sums.
    ///
    /// # Errors
    /// What writing reports.
    pub fn write(&self, staging: &mut Staging) -> Result<Vec<(Sealed, u64)>, Stop> {
        let bits = part_bits(self.pool);
        let names = Names::new(
            self.merchants.terms.iter().map(|terms| terms.id.as_str()),
            self.settings.accounts.iter().map(|account| account.id.as_str()),
        );
        let mut written = Vec::new();
        for part in 0..1usize << bits {
            let lines = self.lines_of(part, bits);
            let path = format!("matched/part-{part:05}.parquet");
            let groups = lines.len().div_ceil(ROW_GROUP_ROWS);
            let file: HashingFile = staging.create(&path)?;
            let file = write_part(file, groups, &names, &|group, out| {
                let start = group * ROW_GROUP_ROWS;
                let end = (start + ROW_GROUP_ROWS).min(lines.len());
                self.gather(&lines[start..end], out);
                Ok(())
            })?;
            written.push((staging.seal(&path, file)?, lines.len() as u64));
        }
        Ok(written)
    }

    /// The lines of a part in their order: (leg, txn_id, entry_id), empty first.
    fn lines_of(&self, part: usize, bits: u32) -> Vec<LineRef> {
        let mut names: Vec<&str> = self.small.iter().map(|line| line.leg.as_str()).collect();
        names.extend(self.legs.iter().map(|leg| leg.leg.as_str()));
        names.sort_unstable();
        names.dedup();
        let mut lines = Vec::new();
        for name in names {
            for (number, line) in (0u32..).zip(self.small) {
                if line.leg == name && part_of(key_hash(line.bank_ref.as_bytes()), bits) == part {
                    lines.push(LineRef::Small(number));
                }
            }
            for (number, leg) in (0u8..).zip(&self.legs) {
                if leg.leg == name {
                    self.pairs_of(part, bits, number, leg, &mut lines);
                }
            }
        }
        lines
    }

    fn pairs_of(&self, part: usize, bits: u32, number: u8, leg: &LegPairs<'_>, lines: &mut Vec<LineRef>) {
        if leg.index.pairs == 0 {
            return;
        }
        let every_row = &self.pool.left[self.bank_leg];
        let ranges: Vec<_> = leg.left.iter().map(|block| block.partition(part, bits)).collect();
        let places: Vec<Vec<u32>> = if leg.holds_every_row {
            Vec::new()
        } else {
            leg.left.iter().map(EntryBlock::positions).collect()
        };
        lines.reserve(leg.index.pairs >> bits);
        for row in &self.agreed.left.order.rows {
            let row = if leg.holds_every_row {
                *row
            } else {
                let ordinal = every_row[row.block()].ordinal(row.position());
                match places[row.block()].get(ordinal as usize) {
                    Some(position) if *position != u32::MAX => RowRef::new(row.block(), *position as usize),
                    _ => continue,
                }
            };
            if leg.index.get(row).met && ranges[row.block()].contains(&row.position()) {
                lines.push(LineRef::Pair(number, row));
            }
        }
    }

    fn gather(&self, lines: &[LineRef], out: &mut Lines) {
        let mut current: Option<(&str, &str)> = None;
        for (at, line) in lines.iter().enumerate() {
            // Rows of a part lie all over their blocks. What the next lines need is asked for ahead: first where their
            // texts stand, then the texts.
            if let Some(LineRef::Pair(leg, row)) = lines.get(at + 2 * AHEAD) {
                self.legs[usize::from(*leg)].prefetch_row(*row);
            }
            if let Some(LineRef::Pair(leg, row)) = lines.get(at + AHEAD) {
                self.legs[usize::from(*leg)].prefetch_texts(*row);
            }
            let (leg, pass) = match line {
                LineRef::Small(number) => {
                    let small = &self.small[*number as usize];
                    out.txn_id.push(b"");
                    out.entry_id.push(small.entry_id.as_bytes());
                    out.bank_ref.push(small.bank_ref.as_bytes());
                    out.merchant.push(small.merchant);
                    out.txn_type.push(u32::MAX);
                    out.account.push(small.account);
                    out.currency.push(small.currency);
                    out.amount_minor.push(small.amount_minor);
                    out.fee_minor.push(None);
                    (small.leg.as_str(), small.pass)
                }
                LineRef::Pair(leg, row) => {
                    let leg = &self.legs[usize::from(*leg)];
                    leg.gather(*row, out);
                    (leg.leg.as_str(), leg.pass)
                }
            };
            match (current, out.runs.last_mut()) {
                (Some(known), Some(run)) if known == (leg, pass) => run.2 += 1,
                _ => {
                    out.runs.push((leg.to_owned(), pass.to_owned(), 1));
                    current = Some((leg, pass));
                }
            }
        }
    }
}

/// How many lines ahead texts are asked for.
const AHEAD: usize = 12;

impl LegPairs<'_> {
    #[inline]
    fn prefetch_row(&self, row: RowRef) {
        self.left[row.block()].prefetch_row(row.position());
        let right = self.index.get(row).right;
        if right != RowRef::NONE {
            self.right[right.block()].prefetch_row(right.position());
        }
    }

    #[inline]
    fn prefetch_texts(&self, row: RowRef) {
        self.left[row.block()].prefetch_texts(row.position());
        let right = self.index.get(row).right;
        if right != RowRef::NONE {
            self.right[right.block()].prefetch_texts(right.position());
        }
    }

    #[inline]
    fn gather(&self, row: RowRef, out: &mut Lines) {
        let pair = self.index.get(row);
        let (block, position) = (&self.left[row.block()], row.position());
        let meta = block.meta(position);
        out.txn_id.push_window(block.id_window(position));
        if pair.right == RowRef::NONE {
            out.entry_id.push(b"");
            out.account.push(u32::MAX);
        } else {
            let other = &self.right[pair.right.block()];
            let at = pair.right.position();
            out.entry_id.push_window(other.id_window(at));
            let is_bank = other.meta(at).txn_type().is_none();
            out.account.push(if is_bank { other.owner(at) } else { u32::MAX });
        }
        if self.keyed_by_channel {
            out.bank_ref.push(after_channel(block.key(position)));
        } else {
            out.bank_ref.push_window(block.key_window(position));
        }
        out.merchant.push(block.owner(position));
        out.txn_type.push(meta.txn_type().map_or(u32::MAX, |t| t as u32));
        out.currency.push(u32::from(meta.currency().index()));
        out.amount_minor.push(block.amount_minor(position));
        out.fee_minor
            .push((pair.fee_minor != NO_FEE).then_some(pair.fee_minor));
    }
}

fn after_channel(key: &[u8]) -> &[u8] {
    match memchr::memchr(KEY_SEPARATOR, key) {
        Some(at) => &key[at + 1..],
        None => key,
    }
}

/// Name under which rows without a leg stand in the table.
pub fn wallet_leg_name() -> String {
    WALLET_LEG.to_owned()
}

/// True when the keys of a leg begin with the channel.
pub fn is_keyed_by_channel(kind: LegKind) -> bool {
    kind == LegKind::PlatformChannel
}
