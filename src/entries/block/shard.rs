//! Shards: the entries of a block in one range of buckets, as they go aside and come back.
//!
//! A range is one stretch of its block's bytes, and the entries without a key are another, so a shard is copied as it lies and comes
//! back as a block of its own without being laid out anew. Its positions are counted anew, in the order of the file as in its block;
//! what they were is told beside. What all records of a block share (their layout, what their ids begin with, the list of their
//! small fields) stands in each of its shards, so that a piece explains itself; of a long list only what the shard's records name.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrowPrimitiveType, BinaryArray, ListArray, PrimitiveArray, RecordBatch, UInt8Array, UInt32Array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Int64Type, UInt16Type, UInt32Type, UInt64Type};

use crate::entries::bytes::Beginning;
use crate::entries::meta::Meta;
use crate::entries::spill::{Lists, batch, column};
use crate::findings::Stop;

use super::record::{Layout, Records};
use super::{BLOCK_ROWS_MAX, BUCKET_BITS, Begins, EntryBlock, Ordinals, Slot};

/// Shards of some blocks under construction, a row each.
#[derive(Debug, Default)]
pub struct Shards {
    block: Vec<u32>,
    layout: Vec<u8>,
    /// Bytes from one record to the next; 0 where it is listed where they begin.
    stride: Vec<u32>,
    beginning: Lists<u8>,
    metas: Lists<u64>,
    records: Lists<u8>,
    begins: Lists<u32>,
    /// First place of each bucket of the range, and the end of the last.
    starts: Lists<u16>,
    /// By place, those without a key behind the others.
    slots: Lists<u32>,
    /// Buckets of those without a key.
    keyless: Lists<u16>,
    /// By position: ordinal of the entry in its input block.
    ordinals: Lists<u16>,
    /// By position, where the side has them.
    aux_minor: Lists<i64>,
    rows: usize,
}

/// Places of the columns of [`Shards`].
mod place {
    pub const BLOCK: usize = 0;
    pub const LAYOUT: usize = 1;
    pub const STRIDE: usize = 2;
    pub const BEGINNING: usize = 3;
    pub const METAS: usize = 4;
    pub const RECORDS: usize = 5;
    pub const BEGINS: usize = 6;
    pub const STARTS: usize = 7;
    pub const SLOTS: usize = 8;
    pub const KEYLESS: usize = 9;
    pub const ORDINALS: usize = 10;
    pub const AUX: usize = 11;
}

/// The positions of a block's entries by range.
pub struct Parted<'a> {
    block: &'a EntryBlock,
    bits: u32,
    /// Positions by range, each range's in the order of the file.
    positions: Vec<u16>,
    /// Where each range begins.
    starts: Vec<u32>,
    /// By position: its number in its range.
    ranks: Vec<u16>,
}

impl<'a> Parted<'a> {
    /// Of a block, into `2^bits` ranges.
    pub fn new(block: &'a EntryBlock, bits: u32) -> Parted<'a> {
        assert!(
            block.ordinals_end() <= BLOCK_ROWS_MAX,
            "an input block has no more rows"
        );
        let (positions, starts) = block.by_partition(bits);
        let mut ranks = vec![0u16; block.len()];
        for range in starts.windows(2) {
            let of_range = &positions[range[0] as usize..range[1] as usize];
            for (rank, position) in (0u16..).zip(of_range) {
                ranks[usize::from(*position)] = rank;
            }
        }
        Parted {
            block,
            bits,
            positions,
            starts,
            ranks,
        }
    }
}

impl Shards {
    /// Number of entries.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds the entries of a block in a range, where there are any. `number` names the block.
    pub fn push(&mut self, number: u32, parted: &Parted<'_>, range: usize) {
        let (block, width) = (parted.block, BUCKET_BITS - parted.bits);
        let positions = &parted.positions[parted.starts[range] as usize..parted.starts[range + 1] as usize];
        if positions.is_empty() {
            return;
        }
        let places = block.places_of(range, parted.bits);
        let keyless = block.keyless_of(range, parted.bits);
        let apart = block.slots.len() + keyless.start..block.slots.len() + keyless.end;
        self.rows += positions.len();
        self.block.push(number);
        self.layout.push(block.records.layout as u8);
        self.stride.push(match block.begins {
            Begins::Every(stride) => stride as u32,
            Begins::At(_) => 0,
        });
        self.beginning
            .push(block.records.beginning.as_bytes().iter().copied());
        let mut begins = Vec::new();
        let first = self.records.values.len();
        for places in [places.clone(), apart] {
            let (from, shift) = (block.end_before(places.start), self.records.values.len() - first);
            if matches!(block.begins, Begins::At(_)) {
                let of_place = |place| (block.end_before(place) - from + shift) as u32;
                begins.extend(places.clone().map(of_place));
            }
            let records = &block.records.data[from..block.end_before(places.end)];
            self.records.values.extend_from_slice(records);
        }
        self.records.end();
        let metas = &block.records.metas;
        if metas.len() > positions.len() {
            let begins = (0..positions.len()).map(|place| match block.begins {
                Begins::Every(stride) => place * stride,
                Begins::At(_) => begins[place] as usize,
            });
            let used = used_metas(&mut self.records.values[first..], begins, metas);
            self.metas.push(used);
        } else {
            self.metas.push(metas.iter().map(|meta| meta.0));
        }
        self.begins.push(begins);
        let starts = &block.starts[range << width..=(range + 1) << width];
        self.starts.push(starts.iter().map(|start| start - starts[0]));
        let moved = |slot: &Slot| slot.tag() | u32::from(parted.ranks[slot.position()]);
        let keyless = &block.keyless[keyless];
        let slots = block.slots[places]
            .iter()
            .chain(keyless.iter().map(|(_, slot)| slot));
        self.slots.push(slots.map(moved));
        self.keyless.push(keyless.iter().map(|(bucket, _)| *bucket));
        let ordinal = |position: &u16| block.ordinal(usize::from(*position)) as u16;
        self.ordinals.push(positions.iter().map(ordinal));
        let aux_minor = |position: &u16| block.aux_minor[usize::from(*position)];
        let with_aux = if block.aux_minor.is_empty() {
            &[][..]
        } else {
            positions
        };
        self.aux_minor.push(with_aux.iter().map(aux_minor));
    }

    /// As a batch, its columns in the order of [`place`].
    ///
    /// # Errors
    /// Our own fault.
    pub fn finish(self) -> Result<RecordBatch, Stop> {
        batch(vec![
            Arc::new(UInt32Array::from(self.block)),
            Arc::new(UInt8Array::from(self.layout)),
            Arc::new(UInt32Array::from(self.stride)),
            Arc::new(self.beginning.texts()),
            self.metas.finish::<UInt64Type>(),
            Arc::new(self.records.texts()),
            self.begins.finish::<UInt32Type>(),
            self.starts.finish::<UInt16Type>(),
            self.slots.finish::<UInt32Type>(),
            self.keyless.finish::<UInt16Type>(),
            self.ordinals.finish::<UInt16Type>(),
            self.aux_minor.finish::<Int64Type>(),
        ])
    }
}

/// Of a list of small fields those that narrow records name, in the order in which they do; the records name their places in it then.
fn used_metas(records: &mut [u8], begins: impl Iterator<Item = usize>, metas: &[Meta]) -> Vec<u64> {
    let mut used = Vec::new();
    let mut places: BTreeMap<[u8; 2], [u8; 2]> = BTreeMap::new();
    for begin in begins {
        let Some(place) = records[begin..].first_chunk_mut::<2>() else {
            continue;
        };
        *place = *places.entry(*place).or_insert_with(|| {
            used.push(metas[usize::from(u16::from_le_bytes(*place))].0);
            (used.len() as u16 - 1).to_le_bytes()
        });
    }
    used
}

/// Shards that came back.
#[derive(Debug)]
pub struct ReturnedShards {
    batch: RecordBatch,
    range: usize,
    bits: u32,
}

/// One of them.
#[derive(Debug)]
pub struct Shard {
    /// Number of the block that it was taken from.
    pub number: u32,
    /// Its entries; ordinals are positions. Which of its ids are late is not known: that is told of the whole block.
    pub block: EntryBlock,
    /// By position: ordinal of the entry in its input block.
    pub ordinals: Vec<u16>,
}

impl ReturnedShards {
    /// Of range `range` of `2^bits`, from a piece.
    pub fn new(batch: RecordBatch, range: usize, bits: u32) -> ReturnedShards {
        ReturnedShards { batch, range, bits }
    }

    /// All of them, in the order in which they were put down.
    pub fn iter(&self) -> impl Iterator<Item = Result<Shard, Stop>> + '_ {
        (0..self.batch.num_rows()).map(|row| self.shard(row))
    }

    fn list<A: ArrowPrimitiveType>(&self, at: usize, row: usize) -> Result<ScalarBuffer<A::Native>, Stop> {
        let lists = column::<ListArray>(&self.batch, at)?;
        let values = lists.values().as_any().downcast_ref::<PrimitiveArray<A>>();
        let values = values.ok_or_else(|| broken(lists.data_type()))?.values();
        let offsets = lists.value_offsets();
        let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
        Ok(values.slice(start, end - start))
    }

    fn shard(&self, row: usize) -> Result<Shard, Stop> {
        use place::*;
        let number = column::<UInt32Array>(&self.batch, BLOCK)?.value(row);
        let stride = column::<UInt32Array>(&self.batch, STRIDE)?.value(row) as usize;
        let records = column::<BinaryArray>(&self.batch, RECORDS)?.value(row);
        let metas = self.list::<UInt64Type>(METAS, row)?;
        let buckets = self.list::<UInt16Type>(KEYLESS, row)?;
        // Copied, so that nothing holds the piece once its shards are made.
        let ordinals = self.list::<UInt16Type>(ORDINALS, row)?.to_vec();
        let rows = ordinals.len();
        let all: Vec<Slot> = self
            .list::<UInt32Type>(SLOTS, row)?
            .iter()
            .map(|slot| Slot(*slot))
            .collect();
        if all.len() != rows || buckets.len() > rows {
            return Err(Stop::invariant("a shard lacks some of its entries"));
        }
        let mut places = vec![0u16; rows];
        for (place, slot) in (0u16..).zip(&all) {
            places[slot.position()] = place;
        }
        let mut slots = all;
        let apart = slots.split_off(rows - buckets.len());
        let width = BUCKET_BITS - self.bits;
        let block = EntryBlock {
            record_end: (records.len() / rows.max(1)).saturating_sub(1) as u32,
            records: Records {
                data: records.to_vec(),
                layout: match column::<UInt8Array>(&self.batch, LAYOUT)?.value(row) {
                    layout if layout == Layout::Narrow as u8 => Layout::Narrow,
                    _ => Layout::Wide,
                },
                metas: metas.iter().map(|meta| Meta(*meta)).collect(),
                beginning: Beginning::of(column::<BinaryArray>(&self.batch, BEGINNING)?.value(row)),
            },
            begins: match stride {
                0 => Begins::At(self.list::<UInt32Type>(BEGINS, row)?.to_vec()),
                stride => Begins::Every(stride),
            },
            places,
            buckets: (self.range << width) as u16..((self.range + 1) << width) as u16,
            starts: self.list::<UInt16Type>(STARTS, row)?.to_vec(),
            slots,
            keyless: buckets.iter().copied().zip(apart).collect(),
            ordinal: Ordinals::Positions(rows as u32),
            first_seen: Vec::new(),
            aux_minor: self.list::<Int64Type>(AUX, row)?.to_vec(),
            late: Vec::new(),
            highest: 0,
        };
        Ok(Shard {
            number,
            block,
            ordinals,
        })
    }
}

#[cold]
fn broken(kind: &DataType) -> Stop {
    Stop::invariant(format!("a shard's column is of another type: {kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::block::BlockBuilder;
    use crate::entries::spill::Shelf;
    use crate::host::WorkFile;
    use crate::terms::currency::Currency;
    use crate::terms::date::Date;
    use crate::terms::kinds::{Direction, Status, TxnType};

    const RANGE_BITS: u32 = 3;

    /// A block of texts and amounts that differ with the row.
    fn block(rows: u32, row_of: impl Fn(u32) -> (String, String, i64), has_fees: bool) -> EntryBlock {
        let mut builder = BlockBuilder::default();
        for row in 0..rows {
            let (id, key, amount_minor) = row_of(row);
            let direction = [Direction::Debit, Direction::Credit][row as usize % 2];
            let meta = Meta::bank(direction, Currency::parse(b"CNY").unwrap());
            // Every other row of the input block is an entry of other legs.
            builder.push(
                key.as_bytes(),
                id.as_bytes(),
                amount_minor,
                meta,
                row % 7,
                2 * row,
            );
            if has_fees {
                builder.aux_minor(i64::from(row) - 1500);
            }
        }
        builder.finish()
    }

    fn blocks() -> Vec<EntryBlock> {
        let digits = |row: u32| {
            (
                format!("E2026{row:012}"),
                format!("20260302{row:016}"),
                i64::from(row) + 1,
            )
        };
        let mixed = |row: u32| {
            let key = match row % 5 {
                0 => String::new(),
                1 => format!("20260302{row:016}"),
                2 => format!("UP20260302{row:012}"),
                _ => format!("REF{row}"),
            };
            (format!("E{row}"), key, i64::from(row))
        };
        let wide = |row: u32| {
            let (id, key, amount) = mixed(row);
            (id, key, amount << (row % 40))
        };
        let all = vec![
            block(3000, digits, false),
            block(3000, mixed, true),
            block(3000, wide, true),
            block(1, digits, false),
        ];
        assert!(matches!(all[0].begins, Begins::Every(_)) && matches!(all[1].begins, Begins::At(_)));
        assert_eq!(
            (all[1].records.layout, all[2].records.layout),
            (Layout::Narrow, Layout::Wide)
        );
        all
    }

    #[test]
    fn a_shard_holds_no_more_small_fields_than_entries() {
        let date = Date::from_ymd(2026, 3, 2).unwrap();
        let meta = Meta::bank(Direction::Debit, Currency::parse(b"CNY").unwrap());
        for long in [0, 40] {
            let mut builder = BlockBuilder::default();
            for row in 0..2000u32 {
                let key = format!("20260302{row:016}");
                let id = format!("E{row:06}{}", "x".repeat(if row == 7 { long } else { 0 }));
                let value_date = date.plus_days((row % 1000) as i32);
                let channel = (row / 1000) as u16;
                let meta = Meta::typed(TxnType::Payment, Status::Success, meta.currency(), channel)
                    .with_value_date(value_date, date);
                builder.push(key.as_bytes(), id.as_bytes(), 1, meta, 0, row);
            }
            let block = builder.finish();
            assert_eq!(matches!(block.begins, Begins::Every(_)), long == 0);
            assert!(block.records.metas.len() > 300, "{}", block.records.metas.len());
            for range in 0..1 << RANGE_BITS {
                for shard in through_the_disk(std::slice::from_ref(&block), range) {
                    assert!(shard.block.records.metas.len() <= shard.block.len());
                    for (position, ordinal) in shard.ordinals.iter().enumerate() {
                        let theirs = block.record(usize::from(*ordinal));
                        assert_eq!(shard.block.meta(position), theirs.meta());
                        assert_eq!(shard.block.id(position), theirs.id());
                    }
                }
            }
        }
    }

    /// What the blocks hold in a range, put down and read back.
    fn through_the_disk(blocks: &[EntryBlock], range: usize) -> Vec<Shard> {
        let mut shards = Shards::default();
        for (number, block) in (10..).zip(blocks) {
            shards.push(number, &Parted::new(block, RANGE_BITS), range);
        }
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(vec![WorkFile::create(folder.path(), "entries").unwrap()]);
        let piece = shelf.put(&shards.finish().unwrap()).unwrap();
        let returned = ReturnedShards::new(shelf.get(piece).unwrap(), range, RANGE_BITS);
        returned.iter().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn entries_come_back_as_they_went() {
        let blocks = blocks();
        let mut seen: Vec<Vec<usize>> = vec![Vec::new(); blocks.len()];
        for range in 0..1 << RANGE_BITS {
            for shard in through_the_disk(&blocks, range) {
                let number = shard.number as usize - 10;
                let block = &blocks[number];
                assert_eq!(shard.block.len(), shard.ordinals.len());
                assert!(shard.ordinals.is_sorted(), "in the order of the file");
                for (position, ordinal) in shard.ordinals.iter().enumerate() {
                    let known = block.position_of(u32::from(*ordinal)).unwrap();
                    let (mine, theirs) = (shard.block.record(position), block.record(known));
                    assert_eq!(mine.bucket() >> (BUCKET_BITS - RANGE_BITS), range);
                    assert_eq!((mine.id(), mine.key()), (theirs.id(), theirs.key()));
                    assert_eq!((mine.meta(), mine.owner()), (theirs.meta(), theirs.owner()));
                    assert_eq!(mine.amount_minor(), theirs.amount_minor());
                    assert_eq!(shard.block.aux_minor(position), block.aux_minor(known));
                    assert_eq!(shard.block.ordinal(position), position as u32);
                    seen[number].push(known);
                }
            }
        }
        for (seen, block) in seen.iter_mut().zip(&blocks) {
            seen.sort_unstable();
            assert_eq!(*seen, (0..block.len()).collect::<Vec<_>>());
        }
    }

    /// Entries of a partition, with a key and without one, as names of rows of a block.
    fn of_partition(
        block: &EntryBlock,
        partition: usize,
        bits: u32,
        name: impl Fn(usize) -> u32,
    ) -> [Vec<(u32, u32)>; 2] {
        let named = |slot: &Slot| (slot.tag(), name(slot.position()));
        let keyless: Vec<Slot> = block.keyless(partition, bits).collect();
        [
            block.partition(partition, bits).iter().map(named).collect(),
            keyless.iter().map(named).collect(),
        ]
    }

    #[test]
    fn partitions_of_a_shard_are_those_of_its_block() {
        let blocks = blocks();
        for range in 0..1usize << RANGE_BITS {
            for shard in through_the_disk(&blocks, range) {
                let block = &blocks[shard.number as usize - 10];
                for bits in [0, 1, RANGE_BITS, RANGE_BITS + 2, BUCKET_BITS] {
                    for partition in 0..1usize << bits {
                        let of_shard = of_partition(&shard.block, partition, bits, |position| {
                            u32::from(shard.ordinals[position])
                        });
                        let mut expected =
                            of_partition(block, partition, bits, |position| block.ordinal(position));
                        let is_here = |(_, ordinal): &(u32, u32)| {
                            let position = block.position_of(*ordinal).unwrap();
                            block.record(position).bucket() >> (BUCKET_BITS - RANGE_BITS) == range
                        };
                        expected.iter_mut().for_each(|rows| rows.retain(is_here));
                        assert_eq!(of_shard, expected, "partition {partition} of 2^{bits}");
                        let places = shard.block.places_of(partition, bits);
                        for (place, slot) in places.zip(shard.block.partition(partition, bits)) {
                            assert_eq!(usize::from(shard.block.places[slot.position()]), place);
                        }
                    }
                }
            }
        }
    }
}
