//! Adjustments of lines between channel and bank: a batch and its entry (R24, R26).
//!
//! A batch that is accepted, or matched by hand, is paid by its entry like one that fits: its rows settle at the platform's amounts,
//! and what the entry has above or below the batch is own money's, unless it is what the channel's bill says that it keeps. An entry
//! that is written off is own money's; a batch that is written off is in no bill any longer, and the platform rows that
//! waited with it are no longer booked.

use std::collections::BTreeSet;

use crate::day::adjust::board::{self, Board};
use crate::day::adjust::breaks::{Failed, JOINT, event, not_open, refused};
use crate::day::adjust::requests::Request;
use crate::day::adjust::{ByHand, Context, Posted, amount_of, told};
use crate::day::agree::Agreed;
use crate::day::batches::Judging;
use crate::day::batches::decided::{Decidable, OpenCredit, OpenLump};
use crate::day::matched::SmallLine;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Action, TxnType};
use crate::terms::money::narrow;

/// True where one of the breaks of a request is a line between channel and bank.
pub(super) fn is_about(judging: &Judging<'_>, request: &Request) -> bool {
    let mut targets = request.adjustment.target.split(JOINT);
    request.adjustment.action.is_about_breaks() && targets.any(|id| !judging.lines_of(id).is_empty())
}

/// One request about batches under way.
pub(super) struct Lumps<'a, 'b, 'j> {
    pub context: &'a Context<'b>,
    pub board: &'a mut Board,
    pub by_hand: &'a mut ByHand,
    pub judging: &'a mut Judging<'j>,
}

impl Lumps<'_, '_, '_> {
    /// Posts a request, or refuses it.
    pub fn decide(&mut self, agreed: &mut Agreed, request: &Request) -> Result<Posted, Failed> {
        match request.adjustment.action {
            Action::Accept => self.accept(request),
            Action::ForceMatch => self.force_match(request),
            _ => self.write_off(agreed, request),
        }
    }

    /// The one line of a break id; of a batch in several currencies, the line that has the amount.
    fn line(&self, request: &Request, id: &str) -> Result<Decidable, Failed> {
        let mut lines = Vec::new();
        for at in self.judging.lines_of(id) {
            lines.push(self.judging.line(at));
        }
        if lines.len() > 1 {
            let has_amount = |line: &Decidable| {
                let (currency, minor) = match (&line.batch, &line.entry) {
                    (Some(batch), _) => (batch.currency, batch.gross_minor),
                    (None, Some(entry)) => (entry.currency, entry.amount_minor),
                    (None, None) => return false,
                };
                amount_of(request, currency).is_ok_and(|amount| i128::from(amount) == minor.abs())
            };
            lines.retain(has_amount);
            if lines.len() != 1 {
                return refused(
                    "amount",
                    "the amount of one of the batches that share this break, and of one only",
                );
            }
        }
        match lines.pop() {
            Some(line) => Ok(line),
            None => Err(not_open(self.context, request).into()),
        }
    }

    fn accept(&mut self, request: &Request) -> Result<Posted, Failed> {
        let line = self.line(request, &request.adjustment.target)?;
        let (class, leg) = (line.class.to_owned(), line.leg);
        let (Some(batch), Some(entry)) = (line.batch, line.entry) else {
            return refused(
                "target",
                "a break of a batch and its entry: write_off and force_match are for either alone",
            );
        };
        self.pay(request, leg, class, &batch, &entry)
    }

    fn force_match(&mut self, request: &Request) -> Result<Posted, Failed> {
        let ids: BTreeSet<&str> = request.adjustment.target.split(JOINT).collect();
        let (mut batches, mut entries, mut classes) = (Vec::new(), Vec::new(), Vec::new());
        for id in &ids {
            if self.judging.lines_of(id).is_empty() {
                return match self.board.of_id(id).is_empty() {
                    true => Err(not_open(self.context, request).into()),
                    false => refused(
                        "target",
                        "breaks of one leg: a batch is matched by hand with an entry that has a batch_ref, no other",
                    ),
                };
            }
            let line = self.line(request, id)?;
            classes.push(line.class);
            match (line.batch, line.entry) {
                (Some(batch), None) => batches.push((line.leg, batch)),
                (None, Some(entry)) => entries.push(entry),
                _ => return refused("target", "a batch without an entry, and an entry without a batch"),
            }
        }
        let ([(leg, batch)], [entry]) = (batches.as_slice(), entries.as_slice()) else {
            return refused(
                "target",
                "the ids of two breaks joined by +: one batch without an entry, one entry without a batch",
            );
        };
        if (batch.gross_minor < 0) != (entry.amount_minor < 0) {
            return refused("target", "a batch and an entry of one direction");
        }
        self.pay(request, *leg, classes.join("+"), batch, entry)
    }

    /// The entry pays the batch. What the channel's bill says that it keeps goes where it always goes; any other difference is own
    /// money's.
    fn pay(
        &mut self,
        request: &Request,
        leg: usize,
        class: String,
        batch: &OpenLump,
        entry: &OpenCredit,
    ) -> Result<Posted, Failed> {
        if batch.currency != entry.currency {
            return refused(
                "target",
                format!(
                    "a batch and an entry of one currency, not {} and {}",
                    batch.currency, entry.currency
                ),
            );
        }
        let amount_minor = self.approved(request, batch)?;
        let difference_minor = match self.judging.agrees(batch.number, entry.row) {
            true => 0,
            false => entry.amount_minor - batch.gross_minor,
        };
        let Ok(own_money_minor) = narrow(difference_minor) else {
            return refused(
                "target",
                "a batch and an entry whose difference fits 64 bits of minor units",
            );
        };
        let booked =
            (own_money_minor != 0).then(|| event(request, entry.account, &entry.id, own_money_minor));
        let action = request.adjustment.action;
        self.judging.pay(batch.number, entry.row, action, booked);
        Ok(Posted {
            account: self.context.settings.accounts[entry.account].id.clone(),
            entry_id: entry.id.clone(),
            own_money_minor,
            first_seen: Some(batch.first_seen.min(entry.first_seen)),
            ..self.posted(leg, class, batch.currency, amount_minor)
        })
    }

    fn write_off(&mut self, agreed: &mut Agreed, request: &Request) -> Result<Posted, Failed> {
        let line = self.line(request, &request.adjustment.target)?;
        let class = line.class.to_owned();
        match (line.batch, line.entry) {
            (Some(batch), None) => self.write_off_batch(request, line.leg, class, &batch),
            (None, Some(entry)) => self.write_off_entry(agreed, request, line.leg, class, &entry),
            _ => refused(
                "target",
                "a batch without an entry, or an entry without a batch: accept is for a batch with its entry",
            ),
        }
    }

    /// Nobody is owed the entry's money any longer: it is own money's.
    fn write_off_entry(
        &mut self,
        agreed: &mut Agreed,
        request: &Request,
        leg: usize,
        class: String,
        entry: &OpenCredit,
    ) -> Result<Posted, Failed> {
        let amount_minor = amount_of(request, entry.currency)?;
        if i128::from(amount_minor) != entry.amount_minor.abs() {
            return refused(
                "amount",
                format!(
                    "{}, the amount of the entry",
                    told(entry.amount_minor.abs(), entry.currency)
                ),
            );
        }
        let own_money_minor = match entry.amount_minor < 0 {
            true => -amount_minor,
            false => amount_minor,
        };
        self.by_hand.bank.insert(entry.name);
        self.judging.write_off_entry(entry.row);
        let booked = event(request, entry.account, &entry.id, own_money_minor);
        agreed.later.events.push(booked);
        agreed.later.small.push(SmallLine {
            leg: self.context.settings.legs[leg].name.clone(),
            entry_id: entry.id.clone(),
            pass: Action::WriteOff.name(),
            bank_ref: entry.batch_ref.clone(),
            merchant: u32::MAX,
            account: entry.account as u32,
            currency: u32::from(entry.currency.index()),
            amount_minor,
        });
        Ok(Posted {
            account: self.context.settings.accounts[entry.account].id.clone(),
            entry_id: entry.id.clone(),
            own_money_minor,
            first_seen: Some(entry.first_seen),
            ..self.posted(leg, class, entry.currency, amount_minor)
        })
    }

    /// The batch is in no bill any longer, and what waited for it is no longer booked.
    fn write_off_batch(
        &mut self,
        request: &Request,
        leg: usize,
        class: String,
        batch: &OpenLump,
    ) -> Result<Posted, Failed> {
        let amount_minor = self.approved(request, batch)?;
        let rows = self.judging.bill_rows(batch.number);
        for name in &rows {
            let mut lines = self.board.of_row(*name);
            let paired = lines.find(|index| self.board.line(*index).left.is_some());
            if let Some(index) = paired {
                return refused(
                    "target",
                    format!(
                        "a batch none of whose rows disagrees with a platform row: on {} one does, decide about that break first",
                        self.board.line(index).leg
                    ),
                );
            }
        }
        for name in rows {
            self.board.close(name, None);
            self.by_hand.channel.insert(name);
            let Some(platform) = self.judging.platform_row(name) else {
                continue;
            };
            self.by_hand.platform.insert(platform);
            let row = board::row(self.context, self.context.bank_leg, true, platform)?;
            // It left its wallet when it was booked.
            if row.txn_type == Some(TxnType::Withdrawal) && row.is_success {
                self.by_hand.unbooked.insert(platform);
            }
        }
        self.judging.write_off_batch(batch.number);
        Ok(Posted {
            first_seen: Some(batch.first_seen),
            ..self.posted(leg, class, batch.currency, amount_minor)
        })
    }

    /// Checks that what was approved is what the bill's rows come to; gives it, minor units.
    fn approved(&self, request: &Request, batch: &OpenLump) -> Result<i64, Failed> {
        let amount_minor = amount_of(request, batch.currency)?;
        if i128::from(amount_minor) == batch.gross_minor.abs() {
            return Ok(amount_minor);
        }
        refused(
            "amount",
            format!(
                "{}, the sum of the batch's rows",
                told(batch.gross_minor.abs(), batch.currency)
            ),
        )
    }

    fn posted(&self, leg: usize, class: String, currency: Currency, amount_minor: i64) -> Posted {
        Posted {
            leg: self.context.settings.legs[leg].name.clone(),
            class,
            txn_id: String::new(),
            entry_id: String::new(),
            account: String::new(),
            merchant_id: String::new(),
            currency,
            amount_minor,
            own_money_minor: 0,
            first_seen: None::<Date>,
        }
    }
}
