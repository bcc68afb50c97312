//! What people decide about batches (R24), between judging them and applying what they came to.
//!
//! A batch that people accept is paid by its entry, a batch or an entry that they write off is judged no longer, and a bill row that
//! they write off is taken out of its batch, which is judged again. What a decision books is worked out by the adjustments
//! (`day::adjust`); here stands what it means for the lines and fits of a day.

use std::collections::BTreeSet;

use super::{ByHandFit, Fitted, Judging, Line, entry_minor};
use crate::day::agree::name_of;
use crate::day::breaks::RowName;
use crate::day::figures::AccountEvent;
use crate::entries::block::RowRef;
use crate::matching::batches::{class_name, fits};
use crate::matching::class::Class;
use crate::matching::group::Member;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::Action;

/// A line between channel and bank, for whoever decides about it.
pub struct Decidable {
    /// Index of the leg.
    pub leg: usize,
    /// Class name.
    pub class: &'static str,
    /// The batch.
    pub batch: Option<OpenLump>,
    /// The entry.
    pub entry: Option<OpenCredit>,
}

/// A batch of such a line.
pub struct OpenLump {
    /// Its number, for the calls below.
    pub number: usize,
    /// Currency.
    pub currency: Currency,
    /// Σ C − Σ D of its rows, minor units.
    pub gross_minor: i128,
    /// The first close that received one of its rows.
    pub first_seen: Date,
}

/// An entry of such a line.
pub struct OpenCredit {
    /// The row, for the calls below.
    pub row: RowRef,
    /// Block and ordinal.
    pub name: RowName,
    /// entry_id.
    pub id: String,
    /// Index of the account.
    pub account: usize,
    /// The batch that it names.
    pub batch_ref: String,
    /// Currency.
    pub currency: Currency,
    /// As the account sees it, minor units.
    pub amount_minor: i128,
    /// The close that received it.
    pub first_seen: Date,
}

/// Where the money of a bill row lies.
pub struct Paid {
    /// Index of the account.
    pub account: usize,
    /// The entry of its batch.
    pub entry_id: String,
    /// True where it came today.
    pub since_today: bool,
}

impl Judging<'_> {
    /// The lines of a break id: several where a batch has several currencies.
    pub fn lines_of(&self, break_id: &str) -> Vec<usize> {
        let lines = self.lines.iter().enumerate();
        lines
            .filter(|(_, line)| line.break_id == break_id)
            .map(|(at, _)| at)
            .collect()
    }

    /// The bill rows of the lines that are named.
    pub fn rows_of(&self, break_ids: &BTreeSet<&str>) -> Vec<RowName> {
        let named = self
            .lines
            .iter()
            .filter(|line| break_ids.contains(line.break_id.as_str()));
        named
            .filter_map(|line| line.batch)
            .flat_map(|number| self.bill_rows(number))
            .collect()
    }

    /// A line.
    pub fn line(&self, at: usize) -> Decidable {
        let line = &self.lines[at];
        let run = &self.run;
        Decidable {
            leg: line.leg,
            class: class_name(line.class),
            batch: line.batch.map(|number| OpenLump {
                number,
                currency: self.batches[number].batch.currency,
                gross_minor: self.batches[number].batch.gross_minor,
                first_seen: self.batches[number].batch.first_seen,
            }),
            entry: line.entry.and_then(|row| {
                let side = &run.pool.right[run.first_leg];
                let (block, position) = (&side[row.block()], row.position());
                let record = block.record(position);
                Some(OpenCredit {
                    row,
                    name: name_of(side, row)?,
                    id: record.id().to_text(),
                    account: record.owner() as usize,
                    batch_ref: record.key().to_text(),
                    currency: record.meta().currency(),
                    amount_minor: entry_minor(record),
                    first_seen: block.first_seen(position, run.context.business_date),
                })
            }),
        }
    }

    /// The bill rows of a batch.
    pub fn bill_rows(&self, number: usize) -> Vec<RowName> {
        let rows = &self.batches[number];
        let side = &self.run.pool.left[rows.leg];
        rows.rows.iter().filter_map(|row| name_of(side, *row)).collect()
    }

    /// True for a bill row that goes on to the bank in a batch.
    pub fn goes_on(&self, leg: usize, bill: RowName) -> bool {
        let block = &self.run.pool.right[leg][bill.0];
        let position = block.position_of(bill.1);
        position.is_some_and(|position| self.run.way_of(block, position).is_some())
    }

    /// The platform row that a bill row has met.
    pub fn platform_row(&self, bill: RowName) -> Option<RowName> {
        let every_row = &self.run.pool.left[self.run.context.bank_leg];
        name_of(every_row, self.run.partner(bill))
    }

    /// A platform row and a bill row are each other's because people say so.
    pub fn link(&mut self, bill: RowName, platform: RowName) {
        let every_row = &self.run.pool.left[self.run.context.bank_leg];
        if let Some(position) = every_row[platform.0].position_of(platform.1) {
            self.run.partners[bill.0][bill.1 as usize] = RowRef::new(platform.0, position);
        }
    }

    /// True where the entry is the sum that the batch may have, whatever else keeps them apart.
    pub fn agrees(&self, number: usize, entry: RowRef) -> bool {
        let rows = &self.batches[number];
        let block = &self.run.pool.right[self.run.first_leg][entry.block()];
        let record = block.record(entry.position());
        let member = Member {
            row: entry,
            id: record.id(),
            account: record.owner(),
            rank: 0,
            amount_minor: record.amount_minor(),
            meta: record.meta(),
            first_seen: block.first_seen(entry.position(), self.run.context.business_date),
            fee_agrees: true,
        };
        fits(&rows.batch, &member, self.run.amounts(rows.leg))
    }

    /// The entry pays the batch, because people say so. `booked` is what the adjustment books of their difference; without it
    /// the channel kept what there is.
    pub fn pay(&mut self, number: usize, entry: RowRef, action: Action, booked: Option<AccountEvent>) {
        self.fits.push(Fitted {
            batch: number,
            entry,
            by_hand: Some(ByHandFit {
                action,
                is_booked: booked.is_some(),
            }),
        });
        self.events.extend(booked);
        self.decided.insert(number);
        self.close_entry(entry);
        self.close_lines(Some(number), Some(entry));
    }

    /// An entry is written off.
    pub fn write_off_entry(&mut self, entry: RowRef) {
        self.close_entry(entry);
        self.close_lines(None, Some(entry));
    }

    /// A batch is written off, with all its rows.
    pub fn write_off_batch(&mut self, number: usize) {
        self.decided.insert(number);
        self.close_lines(Some(number), None);
    }

    /// A bill row without a platform row is written off. Where its batch is at the bank, its money is there: gives where, and the
    /// batch stays paid by that entry, whatever is decided next. Else the row is taken out of its batch, and that is judged without it.
    pub fn write_off_row(&mut self, bill: RowName) -> Option<Paid> {
        let run = &self.run;
        if let Some((_, chained)) = run.paid_rows().find(|(name, _)| *name == bill) {
            return Some(Paid {
                account: run.context.settings.account_index(&chained.account)?,
                entry_id: chained.entry_id.clone(),
                since_today: false,
            });
        }
        let number = self.batch_of(bill)?;
        if let Some(fitted) = self.fits.iter().find(|fitted| fitted.batch == number) {
            let block = &run.pool.right[run.first_leg][fitted.entry.block()];
            let record = block.record(fitted.entry.position());
            let (entry, paid) = (
                fitted.entry,
                Paid {
                    account: record.owner() as usize,
                    entry_id: record.id().to_text(),
                    since_today: true,
                },
            );
            self.decided.insert(number);
            self.close_entry(entry);
            return Some(paid);
        }
        let leg = self.batches[number].leg;
        let side = &run.pool.left[leg];
        let kept: Vec<RowRef> = self.batches[number]
            .rows
            .iter()
            .filter(|row| name_of(side, **row) != Some(bill))
            .copied()
            .collect();
        let batch = self.batches[number].batch;
        let batch = run.total(leg, batch.reference, batch.currency, &kept);
        let rows = &mut self.batches[number];
        (rows.batch, rows.rows) = (batch, kept);
        if rows.rows.is_empty() {
            self.decided.insert(number);
            self.close_lines(Some(number), None);
        }
        if self.batches[number].row_without_batch.is_none() {
            let reference = batch.reference;
            let (batches, decided) = (&self.batches, &self.decided);
            self.fits.retain(|fitted| {
                decided.contains(&fitted.batch) || batches[fitted.batch].batch.reference != reference
            });
            self.lines.retain(|line| line.reference != reference);
            self.judge_reference(reference);
        }
        None
    }

    /// Adds what an adjustment books of a batch that is paid today.
    pub fn book(&mut self, event: AccountEvent) {
        self.events.push(event);
    }

    /// The batch in which a bill row stands.
    fn batch_of(&self, bill: RowName) -> Option<usize> {
        let has = |number: &usize| {
            let rows = &self.batches[*number];
            let side = &self.run.pool.left[rows.leg];
            rows.rows.iter().any(|row| name_of(side, *row) == Some(bill))
        };
        let sides = self.run.pool.left.iter().enumerate();
        let key = sides
            .filter(|(leg, _)| self.is_batch_leg(*leg))
            .find_map(|(_, side)| {
                let block = &side[bill.0];
                Some(block.record(block.position_of(bill.1)?).key())
            })?;
        match key.is_empty() {
            true => (0..self.batches.len()).find(has),
            false => self.of_reference(key).find(has),
        }
    }

    fn close_entry(&mut self, entry: RowRef) {
        let side = &self.run.pool.right[self.run.first_leg];
        let row = name_of(side, entry).and_then(|name| self.run.bank_row(name));
        self.closed.extend(row);
    }

    /// Takes away the lines of a batch and of an entry. An entry whose lines all went with its batch (R5, `hold`) has a line of its
    /// own then, and keeps what it was beside its like.
    fn close_lines(&mut self, batch: Option<usize>, entry: Option<RowRef>) {
        let is_of = |line: &Line<'_>| {
            batch.is_some_and(|batch| line.batch == Some(batch))
                || entry.is_some_and(|entry| line.entry == Some(entry))
        };
        let (gone, left) = std::mem::take(&mut self.lines).into_iter().partition(is_of);
        self.lines = left;
        let gone: Vec<Line<'_>> = gone;
        for line in gone {
            let Some(other) = line.entry.filter(|row| Some(*row) != entry) else {
                continue;
            };
            if self.lines.iter().any(|line| line.entry == Some(other)) {
                continue;
            }
            self.lines.push(Line {
                class: match line.entry_was_duplicate {
                    true => Class::DuplicateAtOther,
                    false => Class::MissingAtPlatform,
                },
                batch: None,
                ..line
            });
        }
    }
}
