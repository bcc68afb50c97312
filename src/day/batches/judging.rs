//! Which batches fit which entries, and what does not agree: judged a batch_ref at a time, as often as people decide.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use super::{BatchKey, Fitted, Handed, Judged, Judging, Line, Rows, Run};
use crate::book::passes::BatchAmounts;
use crate::book::settings::LegKind;
use crate::day::agree::{Agreed, name_of};
use crate::day::breaks::lump_part;
use crate::day::identify::Identified;
use crate::day::reversals::reversals_among;
use crate::entries::block::RowRef;
use crate::entries::key::Key;
use crate::findings::Stop;
use crate::matching::batches::{Batch, fits, resolve_reference};
use crate::matching::class::{Class, OtherSide};
use crate::matching::group::{Member, Rules};
use crate::terms::digest::break_id;

impl<'a> Run<'a> {
    /// Hands the entries of a batch_ref to the legs that have a batch of it. Where several have one, an entry goes to the one
    /// that it fits; to none where it fits several, and where it fits none to the first.
    fn by_leg(&self, batches: &[Rows<'a>], numbers: &[usize], entries: Vec<Member<'a>>) -> Handed<'a> {
        let mut legs: BTreeMap<usize, Vec<Member<'a>>> = numbers
            .iter()
            .map(|number| (batches[*number].leg, Vec::new()))
            .collect();
        let first = legs.keys().next().copied().unwrap_or(self.first_leg);
        if legs.len() < 2 {
            if !entries.is_empty() || !legs.is_empty() {
                legs.insert(first, entries);
            }
            return Handed {
                legs,
                doubtful: Vec::new(),
            };
        }
        let mut doubtful = Vec::new();
        for entry in entries {
            let mut fitting: Vec<usize> = numbers
                .iter()
                .map(|number| &batches[*number])
                .filter(|rows| fits(&rows.batch, &entry, self.amounts(rows.leg)))
                .map(|rows| rows.leg)
                .collect();
            fitting.dedup();
            match fitting.as_slice() {
                [one] => legs.entry(*one).or_default().push(entry),
                [] => legs.entry(first).or_default().push(entry),
                _ => doubtful.push(entry),
            }
        }
        Handed { legs, doubtful }
    }
}

impl<'a> Judging<'a> {
    /// Nothing judged yet; `right` are the ids of the other sides.
    pub(super) fn new(run: Run<'a>, right: &[Identified]) -> Judging<'a> {
        Judging {
            batches: run.batches(right),
            entries: run.entries(right),
            run,
            closed: FxHashSet::default(),
            decided: BTreeSet::new(),
            fits: Vec::new(),
            lines: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn judge_all(&mut self) {
        self.fits.clear();
        self.lines.clear();
        let named = self
            .batches
            .iter()
            .filter(|rows| rows.row_without_batch.is_none());
        let mut references: Vec<Key<'a>> = named.map(|rows| rows.batch.reference).collect();
        references.extend(self.entries.keys());
        references.sort_unstable();
        references.dedup();
        for reference in references {
            self.judge_reference(reference);
        }
        for (number, rows) in self.batches.iter().enumerate() {
            if rows.row_without_batch.is_some() {
                let line = Line {
                    leg: rows.leg,
                    reference: Key::NONE,
                    class: Class::MissingAtOther,
                    batch: Some(number),
                    entry: None,
                    entry_was_duplicate: false,
                    is_doubtful: false,
                    has_batch: true,
                    break_id: String::new(),
                };
                self.lines.push(self.with_id(line));
            }
        }
    }

    /// The line with the id that it has in breaks.csv.
    pub(super) fn with_id(&self, line: Line<'a>) -> Line<'a> {
        let run = &self.run;
        let entry = line.entry.map(|row| {
            let side = &run.pool.right[run.first_leg];
            side[row.block()].record(row.position())
        });
        let account = entry.map_or("", |entry| {
            run.context.settings.accounts[entry.owner() as usize].id.as_str()
        });
        let batch = line.batch.map(|number| &self.batches[number]);
        let entry_id = match (entry, batch) {
            (Some(entry), _) => entry.id().to_vec(),
            (None, Some(rows)) => {
                let without = rows.row_without_batch.as_deref().unwrap_or_default();
                lump_part(without, rows.batch.currency, run.context.settings)
            }
            (None, None) => Vec::new(),
        };
        let leg = &run.context.settings.legs[line.leg].name;
        Line {
            break_id: break_id(leg, &line.reference.to_vec(), b"", account.as_bytes(), &entry_id),
            ..line
        }
    }

    /// Judges one batch_ref: its batches about which nobody decided, and its entries that are not closed.
    pub(super) fn judge_reference(&mut self, reference: Key<'a>) {
        let run = &self.run;
        let rules = Rules {
            business_date: run.context.business_date,
            duplicates: run.context.settings.policy.duplicates,
        };
        let numbers: Vec<usize> = self
            .of_reference(reference)
            .filter(|number| !self.decided.contains(number))
            .collect();
        let is_open = |entry: &&Member<'a>| {
            if self.closed.is_empty() {
                return true;
            }
            let name = name_of(&run.pool.right[run.first_leg], entry.row);
            !name.is_some_and(|name| run.bank_row(name).is_some_and(|row| self.closed.contains(&row)))
        };
        let named = self.entries.get(&reference).map_or(&[][..], Vec::as_slice);
        let named: Vec<Member<'a>> = named.iter().filter(is_open).copied().collect();
        // What stands without a batch stands where its like stood before (R30): once its batch is paid and forgotten, nothing else
        // tells of which leg it is.
        let stood = named.iter().filter_map(|entry| run.stood_on(entry.row)).min();
        let handed = run.by_leg(&self.batches, &numbers, named);
        let mut judged = Vec::new();
        if !handed.doubtful.is_empty() {
            let leg = handed.legs.keys().next().copied().unwrap_or(run.first_leg);
            judged.push(Judged {
                leg,
                reference,
                found: resolve_reference(&[], &handed.doubtful, BatchAmounts::Either, &rules),
                is_doubtful: true,
                has_batch: true,
            });
        }
        for (leg, entries) in handed.legs {
            let of_leg: Vec<(usize, Batch<'a>)> = numbers
                .iter()
                .filter(|number| self.batches[**number].leg == leg)
                .map(|number| (*number, self.batches[*number].batch))
                .collect();
            let found = resolve_reference(&of_leg, &entries, run.amounts(leg), &rules);
            judged.push(Judged {
                leg,
                reference,
                found,
                is_doubtful: false,
                has_batch: !of_leg.is_empty(),
            });
        }
        for judged in judged {
            let leg_of = |entry: Option<RowRef>| {
                let known = entry.and_then(|row| run.stood_on(row));
                let unknown = || stood.filter(|_| !judged.has_batch).unwrap_or(judged.leg);
                known.unwrap_or_else(unknown)
            };
            self.fits.extend(judged.found.fits.iter().map(|fit| Fitted {
                batch: fit.batch,
                entry: fit.entry,
                by_hand: None,
            }));
            for broken in &judged.found.breaks {
                let line = Line {
                    leg: match broken.batch {
                        Some(_) => judged.leg,
                        None => leg_of(broken.entry),
                    },
                    reference: judged.reference,
                    class: broken.class,
                    batch: broken.batch,
                    entry: broken.entry,
                    entry_was_duplicate: broken.entry_was_duplicate,
                    is_doubtful: judged.is_doubtful,
                    has_batch: judged.has_batch,
                    break_id: String::new(),
                };
                self.lines.push(self.with_id(line));
            }
        }
    }

    /// What settled aside with an entry has fitted that entry here too.
    pub(super) fn aside_is_paid(&self) -> Result<(), Stop> {
        let mut paid: BTreeMap<BatchKey<'_>, (u32, Vec<u8>)> = BTreeMap::new();
        for fitted in &self.fits {
            paid.insert(self.batches[fitted.batch].key(), self.run.payer(fitted.entry));
        }
        let aside = self.run.context.aside.iter();
        match aside
            .into_iter()
            .find(|batch| paid.get(&batch.key()) != batch.paid_by.as_ref())
        {
            None => Ok(()),
            Some(batch) => Err(Stop::invariant(format!(
                "batch {} settled aside and is not paid",
                String::from_utf8_lossy(&batch.reference)
            ))),
        }
    }

    pub(super) fn is_batch_leg(&self, leg: usize) -> bool {
        self.run.context.settings.legs[leg].kind == LegKind::ChannelBank
    }

    /// The batches of a batch_ref, which lie together.
    pub(super) fn of_reference(&self, reference: Key<'a>) -> std::ops::Range<usize> {
        let named = self
            .batches
            .partition_point(|rows| rows.row_without_batch.is_none());
        let named = &self.batches[..named];
        named.partition_point(|rows| rows.batch.reference < reference)
            ..named.partition_point(|rows| rows.batch.reference <= reference)
    }

    /// Open entries that close each other (R14), as rows of the platform↔bank leg's other side: of batches, and of that leg.
    pub(super) fn reverse(&self, agreed: &Agreed) -> Vec<(RowRef, RowRef)> {
        let run = &self.run;
        let bank_leg = &run.context.settings.legs[run.context.bank_leg].name;
        let missing = Class::MissingAtPlatform.name(OtherSide::Bank);
        let alone = agreed
            .open
            .iter()
            .filter(|rows| rows.leg == *bank_leg && rows.class == missing)
            .filter_map(|rows| rows.right);
        let side = &run.pool.right[run.first_leg];
        let of_batches = self.lines.iter().filter_map(|line| name_of(side, line.entry?));
        let open = alone.chain(of_batches).filter_map(|name| run.bank_row(name));
        let every_entry = &run.pool.right[run.context.bank_leg];
        reversals_among(run.pool, every_entry, open.collect())
    }
}
