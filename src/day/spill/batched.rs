//! Batches of channels, of a day that lies aside (R26).
//!
//! A batch may have more rows than fit in memory, and all of one batch_ref lie in one range. So rows are not laid out to be judged:
//! they are added up as they come back, and the sums are held against the entries by the judge of all batches
//! ([`crate::day::batches::paid_alone`]). Where all that bears a reference fits, the batch is paid, and a platform row that met a
//! bill row of it has reached the bank. Rows of any other batch are kept: they stand in breaks, or wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use crate::book::settings::LegKind;
use crate::day::batches::{AsideBatch, BatchContext, Way, paid_alone, ways};
use crate::day::causes;
use crate::day::identify::row_handle;
use crate::day::pool::Pool;
use crate::day::spill::aside::Side;
use crate::day::spill::drive::{Day, DriveInputs};
use crate::day::spill::kept::KeptRow;
use crate::day::spill::range::{Numbers, RangeOf, RangeSide, each_entry};
use crate::entries::block::RowRef;
use crate::entries::key::Key;
use crate::entries::meta::Meta;
use crate::findings::Stop;
use crate::terms::currency::Currency;
use crate::terms::kinds::Direction;

/// The batches that are paid, and the bill rows in them.
#[derive(Debug)]
pub struct Batched {
    /// Paid batches.
    pub paid: Vec<AsideBatch>,
    ways: Vec<Option<Way>>,
    /// Numbers of the batches of bill rows, from 1 on, by block and ordinal; 0 in none that is paid.
    of_row: Vec<Vec<AtomicU32>>,
    /// Bill rows that may stand for all where causes are looked for, by name.
    chosen: FxHashSet<u64>,
    /// Legs between channel and bank; entries lie on the first.
    legs: Vec<usize>,
}

/// batch_ref, leg and currency.
type Named = (Vec<u8>, usize, Currency);

/// The rows of both sides of a leg, by its index.
pub type KeptOnLeg = (usize, [Vec<KeptRow>; 2]);

/// What the rows of a batch come to so far.
#[derive(Clone, Copy, Default)]
struct Total {
    rows: u64,
    gross_minor: i128,
    fee_minor: i128,
}

impl Total {
    fn add(&mut self, other: Total) {
        self.rows += other.rows;
        self.gross_minor += other.gross_minor;
        self.fee_minor += other.fee_minor;
    }
}

impl Batched {
    /// Finds the paid batches; `None` in a book that does not compare channels with the bank. `excluded` are the rows in doubt of the
    /// other side of each leg; `rows` are those of each leg and side.
    ///
    /// # Errors
    /// What reading back reports.
    pub fn find(
        inputs: &DriveInputs<'_>,
        day: &Day<'_>,
        numbers: &Numbers,
        excluded: &[&FxHashSet<u64>],
        rows: &[[usize; 2]],
    ) -> Result<Option<Batched>, Stop> {
        let settings = inputs.settings;
        let of_kind =
            |kind: LegKind| (0..settings.legs.len()).filter(move |leg| settings.legs[*leg].kind == kind);
        let legs: Vec<usize> = of_kind(LegKind::ChannelBank).collect();
        let Some(first) = legs.first().copied() else {
            return Ok(None);
        };
        let bill_rows = |number: usize| -> usize {
            let outlines = day.blocks[number].spilled.as_ref();
            let of = |leg| outlines.and_then(|outlines| outlines.of((leg, Side::Right)));
            of_kind(LegKind::PlatformChannel)
                .filter_map(of)
                .map(|outline| outline.rows)
                .sum()
        };
        let block = |rows| std::iter::repeat_with(AtomicU32::default).take(rows).collect();
        let mut batched = Batched {
            paid: Vec::new(),
            ways: ways(settings, inputs.channel_names),
            of_row: (0..day.blocks.len())
                .map(|number| block(bill_rows(number)))
                .collect(),
            chosen: FxHashSet::default(),
            legs,
        };
        // Rows brought forward were judged before, with others of their batch: such are looked at one by one.
        let mut open: BTreeSet<Key<'_>> = BTreeSet::new();
        for leg in &batched.legs {
            for block in day.forward((*leg, Side::Left)) {
                open.extend((0..block.len()).map(|position| block.key(position)));
            }
        }
        let (all, chosen) = batched.totals(inputs, numbers, excluded, rows)?;
        batched.chosen = chosen;
        let all = all
            .into_iter()
            .filter(|((reference, _, _), _)| !open.contains(&Key::of(reference)));
        let all: Vec<AsideBatch> = all
            .map(|((reference, leg, currency), total)| AsideBatch {
                leg,
                reference,
                currency,
                rows: total.rows,
                gross_minor: total.gross_minor,
                fee_minor: total.fee_minor,
                paid_by: None,
            })
            .collect();
        let pool = entries(inputs, day, numbers, first, excluded[inputs.bank_leg])?;
        let context = BatchContext {
            settings,
            channel_names: inputs.channel_names,
            chained: &[],
            business_date: inputs.business_date,
            bank_leg: inputs.bank_leg,
            aside: &all,
        };
        batched.paid = paid_alone(&pool, &context);
        batched.number(inputs, numbers, excluded)?;
        Ok(Some(batched))
    }

    /// Memory that it takes of all rows.
    pub fn bytes(&self) -> u64 {
        let rows: usize = self.of_row.iter().map(Vec::len).sum();
        (rows * size_of::<AtomicU32>()) as u64
    }

    /// The legs of batches.
    pub fn legs(&self) -> impl Iterator<Item = usize> + '_ {
        self.legs.iter().copied()
    }

    /// The paid batch of a bill row of the day, with its number.
    pub fn number_of(&self, bill: RowRef) -> Option<(u32, &AsideBatch)> {
        let number = self.of_row[bill.block()]
            .get(bill.position())?
            .load(Ordering::Relaxed);
        let at = number.checked_sub(1)?;
        Some((at, &self.paid[at as usize]))
    }

    /// The paid batch of a bill row of the day.
    pub fn of(&self, bill: RowRef) -> Option<&AsideBatch> {
        self.number_of(bill).map(|(_, batch)| batch)
    }

    /// True for rows of a channel that reach the bank in batches.
    pub fn goes_on(&self, channel: u16) -> bool {
        self.ways.get(usize::from(channel)).copied().flatten().is_some()
    }

    /// True for a bill row of today that may stand for all where causes are looked for.
    pub fn is_chosen(&self, bill: RowRef) -> bool {
        self.chosen
            .contains(&row_handle(bill.block(), bill.position() as u32))
    }

    /// The batch that a bill row of today is in; `None` for a row that is in none.
    fn key<'e>(
        &self,
        name: u64,
        leg: usize,
        meta: Meta,
        key: &'e [u8],
        excluded: &[&FxHashSet<u64>],
    ) -> Option<(&'e [u8], usize, Currency)> {
        let way = self.ways.get(usize::from(meta.channel())).copied().flatten()?;
        let is_in = meta.is_success() && !key.is_empty() && !excluded[way.bill].contains(&name);
        is_in.then(|| (key, leg, meta.currency()))
    }

    /// What the rows that lie aside come to, by batch, and rows that may stand for all.
    fn totals(
        &self,
        inputs: &DriveInputs<'_>,
        numbers: &Numbers,
        excluded: &[&FxHashSet<u64>],
        rows: &[[usize; 2]],
    ) -> Result<(BTreeMap<Named, Total>, FxHashSet<u64>), Stop> {
        let range = |range: usize| -> Result<(BTreeMap<Named, Total>, Vec<u64>), Stop> {
            let (mut totals, mut chosen) = (BTreeMap::<Named, Total>::new(), Vec::new());
            for leg in &self.legs {
                // Neighbours are of one batch mostly.
                let mut last: Option<(Named, Total)> = None;
                each_entry(
                    (inputs.spill, (*leg, Side::Left)),
                    range,
                    numbers,
                    &mut |(block, ordinal), record, aux_minor| {
                        let name = row_handle(block, ordinal);
                        let (mut room, meta) = ([0; 64], record.meta());
                        let key = record.key();
                        let key = key.text(&mut room).as_bytes();
                        if causes::is_choosable(record, rows[*leg][Side::Left as usize]) {
                            chosen.push(name);
                        }
                        let Some((reference, leg, currency)) = self.key(name, *leg, meta, key, excluded)
                        else {
                            return;
                        };
                        let sign = match meta.direction() {
                            Direction::Credit => 1,
                            Direction::Debit => -1,
                        };
                        let one = Total {
                            rows: 1,
                            gross_minor: sign * i128::from(record.amount_minor()),
                            fee_minor: sign * i128::from(aux_minor),
                        };
                        match &mut last {
                            Some((known, total)) if known.0 == reference && known.2 == currency => {
                                total.add(one)
                            }
                            _ => {
                                if let Some((key, total)) =
                                    last.replace(((reference.to_vec(), leg, currency), one))
                                {
                                    totals.entry(key).or_default().add(total);
                                }
                            }
                        }
                    },
                )?;
                if let Some((key, total)) = last {
                    totals.entry(key).or_default().add(total);
                }
            }
            Ok((totals, chosen))
        };
        let ranges = (0..1usize << inputs.spill.range_bits()).into_par_iter();
        let found = ranges.map(range).collect::<Result<Vec<_>, Stop>>()?;
        let (mut all, mut chosen) = (BTreeMap::new(), FxHashSet::default());
        for (totals, of_range) in found {
            // A batch lies in one range.
            all.extend(totals);
            chosen.extend(of_range);
        }
        Ok((all, chosen))
    }

    /// Notes the batch of each bill row.
    fn number(
        &self,
        inputs: &DriveInputs<'_>,
        numbers: &Numbers,
        excluded: &[&FxHashSet<u64>],
    ) -> Result<(), Stop> {
        let known: BTreeMap<(&[u8], usize, Currency), u32> = (1u32..)
            .zip(&self.paid)
            .map(|(number, batch)| ((batch.reference.as_slice(), batch.leg, batch.currency), number))
            .collect();
        let range = |range: usize| {
            self.legs.iter().try_for_each(|leg| {
                each_entry(
                    (inputs.spill, (*leg, Side::Left)),
                    range,
                    numbers,
                    &mut |(block, ordinal), record, _| {
                        let mut room = [0; 64];
                        let key = record.key();
                        let key = key.text(&mut room).as_bytes();
                        let key = self.key(row_handle(block, ordinal), *leg, record.meta(), key, excluded);
                        let number = key.and_then(|key| known.get(&key));
                        let place = self.of_row[block].get(ordinal as usize);
                        if let (Some(number), Some(place)) = (number, place) {
                            place.store(*number, Ordering::Relaxed);
                        }
                    },
                )
            })
        };
        let ranges = (0..1usize << inputs.spill.range_bits()).into_par_iter();
        ranges.map(range).collect::<Result<Vec<()>, Stop>>().map(drop)
    }

    /// Rows of the legs of batches that are kept, by leg and side: bill rows that are kept on their own leg, by name, and all entries.
    ///
    /// # Errors
    /// What reading back reports.
    pub fn kept(
        &self,
        inputs: &DriveInputs<'_>,
        numbers: &Numbers,
        bills: &FxHashSet<u64>,
    ) -> Result<Vec<KeptOnLeg>, Stop> {
        let mut all = Vec::new();
        for leg in &self.legs {
            let range = |range: usize| -> Result<[Vec<KeptRow>; 2], Stop> {
                let mut kept = [Vec::new(), Vec::new()];
                for side in Side::BOTH {
                    let rows = &mut kept[side as usize];
                    each_entry(
                        (inputs.spill, (*leg, side)),
                        range,
                        numbers,
                        &mut |(block, ordinal), record, aux_minor| {
                            if side == Side::Right || bills.contains(&row_handle(block, ordinal)) {
                                let row = RowRef::new(block, ordinal as usize);
                                rows.push(KeptRow::new(row, record, aux_minor));
                            }
                        },
                    )?;
                }
                Ok(kept)
            };
            let ranges = (0..1usize << inputs.spill.range_bits()).into_par_iter();
            for kept in ranges.map(range).collect::<Result<Vec<_>, Stop>>()? {
                all.push((*leg, kept));
            }
        }
        Ok(all)
    }
}

/// All entries that name a batch and are not in doubt, as a pool that has nothing else.
fn entries(
    inputs: &DriveInputs<'_>,
    day: &Day<'_>,
    numbers: &Numbers,
    leg: usize,
    excluded: &FxHashSet<u64>,
) -> Result<Pool, Stop> {
    let side = (leg, Side::Right);
    let of = RangeOf {
        spill: inputs.spill,
        side,
        has_fees: false,
        forward: day.forward(side),
        numbers,
        business_date: inputs.business_date,
    };
    let is_believed = |row: RowRef| !excluded.contains(&day.name(side, row));
    let mut pool = Pool::new(inputs.settings.legs.len(), Vec::new(), Vec::new());
    for range in 0..1usize << inputs.spill.range_bits() {
        let found = RangeSide::read_some(&of, range, &is_believed)?;
        pool.right[leg].extend(found.blocks);
    }
    Ok(pool)
}
