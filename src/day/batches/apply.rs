//! What is judged takes effect: platform rows are agreed at the bank, bill rows wait, and what does not agree is listed.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::{AtBank, Fitted, Judging, Line, OpenBatch, Rows, Run, entry_minor, signed_minor};
use crate::book::passes::{CHANNEL_FEES, Pass};
use crate::day::adjust::{ByHand, WRITE_OFFS};
use crate::day::agree::{Agreed, name_of};
use crate::day::breaks::RowName;
use crate::day::figures::{AccountEvent, AccountEventKind};
use crate::day::state::Chained;
use crate::entries::block::{BUCKET_BITS, EntryBlock, RowRef};
use crate::findings::{Finding, Stop, StopCode};
use crate::matching::batches::{Batch, class_name};
use crate::matching::group::Pair;
use crate::terms::currency::Currency;
use crate::terms::digest::key_hash;
use crate::terms::kinds::Direction;
use crate::terms::money::{format_minor, narrow};

impl<'a> Run<'a> {
    /// Platform rows wait with the bill rows that they met.
    fn wait(&mut self, bill: &[RowName]) {
        for name in bill {
            let row = self.partner(*name);
            if let Some(row) = name_of(&self.pool.left[self.context.bank_leg], row) {
                self.done.waiting.push((*name, row));
            }
        }
    }

    /// A batch is at the bank. Gives what own money gains by it beyond what people decided, minor units.
    fn fit(
        &mut self,
        rows: &Rows<'a>,
        fitted: &Fitted,
        agreed: &mut Agreed,
        by_hand: &ByHand,
    ) -> Result<i128, Stop> {
        let leg = &self.context.settings.legs[rows.leg];
        let side = &self.pool.right[self.first_leg];
        let (block, position) = (&side[fitted.entry.block()], fitted.entry.position());
        let record = block.record(position);
        let bank_row = self
            .bank_row((fitted.entry.block(), block.ordinal(position)))
            .ok_or_else(|| Stop::invariant("a batch's entry is not among all entries"))?;
        let at_bank = AtBank {
            leg: leg.name.clone(),
            account: record.owner() as usize,
            entry_id: record.id().to_text(),
            // As the bank names it: people may say that it is another's.
            batch_ref: record.key().to_text(),
            since_today: true,
        };
        let is_booked = fitted.by_hand.as_ref().is_some_and(|fit| fit.is_booked);
        let residual_minor = match is_booked {
            true => 0,
            false => entry_minor(record) - rows.batch.gross_minor,
        };
        let ledger_account = leg.later.iter().find_map(Pass::ledger_account);
        let kept = residual(&at_bank, residual_minor, ledger_account.unwrap_or(CHANNEL_FEES))?;
        self.done.events.extend(kept);
        self.done.entries.push(bank_row);
        let mut left_over: BTreeMap<&str, i128> = BTreeMap::new();
        for row in &rows.rows {
            let block = &self.pool.left[rows.leg][row.block()];
            let name = (row.block(), block.ordinal(row.position()));
            // Its money went to own money with the adjustment.
            if by_hand.channel.contains(&name) {
                continue;
            }
            let platform_row = self.partner(name);
            if platform_row == RowRef::NONE {
                self.done.at_bank.insert(name, at_bank.clone());
                continue;
            }
            if let Some((account, minor)) = self.left_over(block, row.position(), platform_row) {
                *left_over.entry(account).or_default() += minor;
            }
            self.meet(rows.leg, platform_row, bank_row, &at_bank, agreed);
            self.complete(block, row.position());
            if let Some(fit) = &fitted.by_hand {
                let passes = agreed.passes.entry(rows.leg).or_default();
                passes.insert(platform_row, fit.action.name());
            }
        }
        for (account, minor) in left_over {
            self.done.events.extend(residual(&at_bank, minor, account)?);
        }
        Ok(residual_minor)
    }

    /// What a bill row has above its platform row, minor units, and the ledger account that takes it: nothing but where the leg of the
    /// bill tolerates so much, or people accepted the pair (R24).
    fn left_over(&self, bill: &EntryBlock, position: usize, platform_row: RowRef) -> Option<(&'a str, i128)> {
        let left = &self.pool.left[self.context.bank_leg][platform_row.block()];
        let minor = signed_minor(bill, position) - signed_minor(left, platform_row.position());
        if minor == 0 {
            return None;
        }
        let passes = self
            .way_of(bill, position)
            .map(|way| &self.context.settings.legs[way.bill].later);
        let tolerated = passes.into_iter().flatten().find_map(|pass| match pass {
            Pass::Tolerance {
                most_minor,
                currency,
                ledger_account,
                ..
            } if *currency == bill.meta(position).currency() && minor.abs() <= i128::from(*most_minor) => {
                Some(ledger_account.as_str())
            }
            _ => None,
        });
        Some((tolerated.unwrap_or(WRITE_OFFS), minor))
    }

    /// A platform row is agreed at the bank.
    fn meet(&self, leg: usize, left: RowRef, right: RowRef, at_bank: &AtBank, agreed: &Agreed) {
        let pair = Pair {
            left,
            right,
            account: at_bank.account as u32,
        };
        let hash = key_hash(at_bank.batch_ref.as_bytes());
        agreed.legs[leg]
            .met
            .set(pair, (hash >> (64 - BUCKET_BITS)) as usize, BUCKET_BITS);
    }

    fn complete(&mut self, block: &EntryBlock, position: usize) {
        let totals = self
            .done
            .completed
            .entry(block.meta(position).currency())
            .or_default();
        totals.rows += 1;
        totals.sum_minor += i128::from(block.amount_minor(position));
    }

    /// Bill rows that an earlier close found at the bank: agreed now where their platform row has come, else still B1 or B2;
    /// people may have closed them.
    fn paid_before(&mut self, agreed: &Agreed, by_hand: &ByHand) -> Result<(), Stop> {
        let settings = self.context.settings;
        let paid: Vec<(RowName, &Chained)> = self.paid_rows().collect();
        for (name, chained) in paid
            .into_iter()
            .filter(|(name, _)| !by_hand.channel.contains(name))
        {
            let Some(account) = settings.account_index(&chained.account) else {
                continue;
            };
            let at_bank = AtBank {
                leg: chained.leg.clone(),
                account,
                entry_id: chained.entry_id.clone(),
                batch_ref: chained.batch_ref.clone(),
                since_today: false,
            };
            let place = self.bill_leg_of(name).and_then(|leg| {
                let block = &self.pool.right[leg][name.0];
                Some((block, block.position_of(name.1)?))
            });
            let way = place.and_then(|(block, position)| self.way_of(block, position));
            let row = self.partner(name);
            match (place, way) {
                (Some((block, position)), Some(way)) if row != RowRef::NONE => {
                    if let Some((account, minor)) = self.left_over(block, position, row) {
                        let event = residual(&at_bank, minor, account)?;
                        self.done.late_events.extend(event);
                    }
                    self.meet(way.batch, row, RowRef::NONE, &at_bank, agreed);
                    self.complete(block, position);
                    self.done.paid_before.insert(row, at_bank);
                }
                _ => {
                    self.done.at_bank.insert(name, at_bank);
                }
            }
        }
        Ok(())
    }

    fn broken(&mut self, line: &Line<'a>, batches: &[Rows<'a>], is_first: bool) {
        let side = &self.pool.right[self.first_leg];
        let rows = line.batch.map(|number| &batches[number]);
        let entry = line.entry.map(|row| side[row.block()].record(row.position()));
        let currency = match (rows, entry) {
            (Some(rows), _) => rows.batch.currency,
            (None, Some(entry)) => entry.meta().currency(),
            (None, None) => return,
        };
        let bank_minor = entry.map(entry_minor);
        let bill = rows.map_or(Vec::new(), |rows| self.names(rows.leg, &rows.rows));
        if is_first {
            self.wait(&bill);
        }
        let row_without_batch = rows.and_then(|rows| rows.row_without_batch.clone());
        let compared = match rows {
            Some(_) if row_without_batch.is_some() => "batch: the bill names none for the row".to_owned(),
            Some(rows) => compared(&rows.batch, bank_minor),
            None if line.is_doubtful => "batch: it fits the batches of several legs".to_owned(),
            None if line.has_batch => "batch: another entry stands for it".to_owned(),
            None => "batch: no bill has it".to_owned(),
        };
        self.done.open.push(OpenBatch {
            leg: self.context.settings.legs[line.leg].name.clone(),
            class: class_name(line.class),
            reference: line.reference.to_text(),
            row_without_batch: row_without_batch.unwrap_or_default(),
            currency,
            bill,
            entry: line.entry.and_then(|row| name_of(side, row)),
            entry_was_duplicate: line.entry_was_duplicate,
            batch_minor: rows.map(|rows| rows.batch.gross_minor),
            bank_minor,
            compared,
        });
    }
}

impl Judging<'_> {
    /// Puts fits where a leg's matches stand, and lists what is open. Rows that people wrote off have no part in it.
    ///
    /// # Errors
    /// 65 when a fee does not fit 64 bits.
    pub fn apply(self, agreed: &mut Agreed, by_hand: &ByHand) -> Result<(), Stop> {
        self.aside_is_paid()?;
        let Judging {
            mut run,
            batches,
            fits,
            lines,
            events,
            ..
        } = self;
        let mut told: BTreeMap<(usize, Currency), Told> = BTreeMap::new();
        for fitted in &fits {
            let rows = &batches[fitted.batch];
            let residual_minor = run.fit(rows, fitted, agreed, by_hand)?;
            let sums = told.entry((rows.leg, rows.batch.currency)).or_default();
            sums.batches += 1;
            sums.rows += rows.batch.rows;
            sums.gross_minor += rows.batch.gross_minor;
            sums.fee_minor -= residual_minor;
        }
        let mut listed: FxHashSet<usize> = FxHashSet::default();
        for line in &lines {
            // A batch may stand in several lines (R5, hold); its rows wait once.
            let is_first = line.batch.is_none_or(|number| listed.insert(number));
            run.broken(line, &batches, is_first);
        }
        for ((leg, currency), sums) in told {
            let shown = |minor: i128| format_minor(minor, currency.digits());
            let kept = match sums.fee_minor {
                0 => String::new(),
                minor => format!(", of which the channel kept {}", shown(minor)),
            };
            run.done.notes.push(format!(
                "leg {}: {} of {} matched, {} {currency}{kept}",
                run.context.settings.legs[leg].name,
                counted(sums.batches, "batch", "batches"),
                counted(sums.rows, "row", "rows"),
                shown(sums.gross_minor),
            ));
        }
        run.done.events.extend(events);
        run.paid_before(agreed, by_hand)?;
        run.done.channels = run.ways.iter().map(Option::is_some).collect();
        agreed.batches = run.done;
        Ok(())
    }
}

/// What own money gains where a batch is at the bank; nothing for 0.
fn residual(at_bank: &AtBank, minor: i128, ledger_account: &str) -> Result<Option<AccountEvent>, Stop> {
    if minor == 0 {
        return Ok(None);
    }
    Ok(Some(AccountEvent {
        account: at_bank.account,
        entry_id: at_bank.entry_id.clone(),
        amount_minor: narrow(minor.abs()).map_err(|_| too_large(&at_bank.batch_ref))?,
        kind: AccountEventKind::Residual {
            ledger_account: ledger_account.to_owned(),
            direction: match minor > 0 {
                true => Direction::Credit,
                false => Direction::Debit,
            },
        },
    }))
}

/// Sums of a leg's batches, for people.
#[derive(Default)]
struct Told {
    batches: u64,
    rows: u64,
    gross_minor: i128,
    fee_minor: i128,
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// What was compared: the batch gross and net, and the entry.
fn compared(batch: &Batch<'_>, bank_minor: Option<i128>) -> String {
    let shown = |minor: i128| format_minor(minor, batch.currency.digits());
    let net = match batch.fee_minor {
        0 => String::new(),
        _ => format!(" ({} less the channel's fees)", shown(batch.net_minor())),
    };
    let entry = bank_minor.map_or("no entry".to_owned(), |minor| {
        format!("1 entry: {}", shown(minor))
    });
    format!(
        "batch: {}: {}{net} against {entry}",
        counted(batch.rows, "row", "rows"),
        shown(batch.gross_minor)
    )
}

fn too_large(batch_ref: &str) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about(
            "inbox",
            format!("batch {batch_ref}: what the channel kept does not fit 64 bits of minor units"),
            "check the fees of its rows",
        ),
    )
}
