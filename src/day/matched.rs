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
    /// Other side; rows of [`RowRef::NONE`] met nothing (wallets).
    pub right: &'a [EntryBlock],
    /// Pairs.
    pub pairs: &'a [(RowRef, RowRef)],
    /// Fee of each pair.
    pub fee_minor: &'a [i64],
    /// True when the key has a channel in front of the reference.
    pub keyed_by_channel: bool,
    /// Pass shown.
    pub pass: &'static str,
    /// Pair number + 1 by block and ordinal.
    pub index: &'a PairIndex,
}

/// Finds a pair by the platform row's block and ordinal.
#[derive(Debug, Default)]
pub struct PairIndex(Vec<Vec<u32>>);

impl PairIndex {
    /// Indexes pairs by their left row.
    pub fn new(left: &[EntryBlock], pairs: &[(RowRef, RowRef)]) -> PairIndex {
        let size = |block: &EntryBlock| {
            block
                .ordinals()
                .iter()
                .max()
                .map_or(0, |ordinal| *ordinal as usize + 1)
        };
        let mut index: Vec<Vec<u32>> = left.iter().map(|block| vec![0; size(block)]).collect();
        for (number, (row, _)) in (1u32..).zip(pairs) {
            let ordinal = left[row.block()].ordinal(row.position());
            index[row.block()][ordinal as usize] = number;
        }
        PairIndex(index)
    }

    /// The pair of a row, if it has one.
    #[inline]
    pub fn get(&self, block: usize, ordinal: u32) -> Option<usize> {
        match self.0[block].get(ordinal as usize) {
            Some(number @ 1..) => Some(*number as usize - 1),
            _ => None,
        }
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
    Pair(u8, u32),
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
            let file = write_part(file, groups, &names, &|group| {
                let start = group * ROW_GROUP_ROWS;
                let end = (start + ROW_GROUP_ROWS).min(lines.len());
                Ok(self.gather(&lines[start..end]))
            })?;
            let (bytes, sha256) = file.finish()?;
            written.push((Sealed { path, bytes, sha256 }, lines.len() as u64));
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
        if leg.pairs.is_empty() {
            return;
        }
        let every_row = &self.pool.left[self.bank_leg];
        let ranges: Vec<_> = leg.left.iter().map(|block| block.partition(part, bits)).collect();
        for row in &self.agreed.left.order.rows {
            let ordinal = every_row[row.block()].ordinal(row.position());
            if let Some(pair) = leg.index.get(row.block(), ordinal)
                && ranges[row.block()].contains(&leg.pairs[pair].0.position())
            {
                lines.push(LineRef::Pair(number, pair as u32));
            }
        }
    }

    fn gather(&self, lines: &[LineRef]) -> Lines {
        let mut out = Lines::default();
        let mut current: Option<(&str, &str)> = None;
        for line in lines {
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
                LineRef::Pair(leg, pair) => {
                    let leg = &self.legs[usize::from(*leg)];
                    gather_pair(leg, *pair as usize, &mut out);
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
        out
    }
}

#[inline]
fn gather_pair(leg: &LegPairs<'_>, pair: usize, out: &mut Lines) {
    let (left, right) = leg.pairs[pair];
    let (block, position) = (&leg.left[left.block()], left.position());
    let meta = block.meta(position);
    out.txn_id.push(block.id(position));
    if right == RowRef::NONE {
        out.entry_id.push(b"");
        out.account.push(u32::MAX);
    } else {
        let other = &leg.right[right.block()];
        out.entry_id.push(other.id(right.position()));
        let is_bank = other.meta(right.position()).txn_type().is_none();
        out.account.push(if is_bank {
            other.owner(right.position())
        } else {
            u32::MAX
        });
    }
    let key = block.key(position);
    out.bank_ref.push(if leg.keyed_by_channel {
        after_channel(key)
    } else {
        key
    });
    out.merchant.push(block.owner(position));
    out.txn_type.push(meta.txn_type().map_or(u32::MAX, |t| t as u32));
    out.currency.push(u32::from(meta.currency().index()));
    out.amount_minor.push(block.amount_minor(position));
    let fee_minor = leg.fee_minor[pair];
    out.fee_minor.push((fee_minor != NO_FEE).then_some(fee_minor));
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
