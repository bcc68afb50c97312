//! Adjustments of breaks: accept, write off, force-match (R24).
//!
//! A pair that is accepted, and rows that are said to be each other's, are matched where the exact pass matches them, at the
//! platform's amount; the difference is booked to own money. A bank entry that is written off is own money's gain or loss; a
//! platform row that is written off is no longer booked; a channel row that is written off never was, and where a batch brought
//! its money that is own money's.

use std::collections::BTreeSet;

use crate::book::merchants::MerchantCode;
use crate::book::settings::{AccountKind, LegKind};
use crate::day::adjust::batches::{self, Lumps};
use crate::day::adjust::board::{Board, Row, row};
use crate::day::adjust::requests::Request;
use crate::day::adjust::{Adjusting, ByHand, Context, Posted, Refusal, WRITE_OFFS, amount_of, refuse, told};
use crate::day::agree::Agreed;
use crate::day::batches::Judging;
use crate::day::breaks::{OpenBreakRows, PAYOUT_LEG, RowName};
use crate::day::figures::{AccountEvent, AccountEventKind};
use crate::day::matched::SmallLine;
use crate::day::pool::Origin;
use crate::day::settle::Settled;
use crate::day::state::IssuedPayout;
use crate::entries::block::{BUCKET_BITS, RowRef};
use crate::findings::Stop;
use crate::matching::class::{Class, OtherSide};
use crate::matching::group::Pair;
use crate::terms::currency::Currency;
use crate::terms::digest::break_id;
use crate::terms::kinds::{Action, Direction, TxnType};
use crate::terms::money::narrow;

/// Joins the break ids of one target, and the ids of its rows.
pub(super) const JOINT: char = '+';

/// The outcome of looking at a request: `None` where its break is not of these legs.
type Judged = Option<Result<Posted, Refusal>>;

/// A refusal, or a fault of the engine or the files.
pub(super) enum Failed {
    Refused(Refusal),
    Stopped(Stop),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Failed {
        Failed::Refused(refusal)
    }
}

impl From<Stop> for Failed {
    fn from(stop: Stop) -> Failed {
        Failed::Stopped(stop)
    }
}

pub(super) fn refused<T>(field: &'static str, expected: impl Into<String>) -> Result<T, Failed> {
    Ok(refuse(field, expected)?)
}

/// Adjusts the breaks of the legs of the settings.
///
/// # Errors
/// What fetching full rows reports.
pub(super) fn on_legs(
    adjusting: &mut Adjusting<'_>,
    agreed: &mut Agreed,
    mut judging: Option<&mut Judging<'_>>,
) -> Result<(), Stop> {
    let lines = std::mem::take(&mut agreed.open);
    let watched = match &judging {
        Some(judging) => judging.rows_of(&targets(&adjusting.pending)),
        None => Vec::new(),
    };
    agreed.open = run(
        adjusting,
        lines,
        &watched,
        &mut |context, board, by_hand, request| {
            if let Some(judging) = &mut judging
                && batches::is_about(judging, request)
            {
                let mut work = Lumps {
                    context,
                    board,
                    by_hand,
                    judging,
                };
                return work.decide(agreed, request).map(Some);
            }
            if !is_on(board, request) {
                return Ok(None);
            }
            let mut work = Work {
                context,
                board,
                by_hand,
                judging: judging.as_deref_mut(),
            };
            let posted = match request.adjustment.action {
                Action::Accept => work.accept(agreed, request)?,
                Action::ForceMatch => work.force_match(agreed, request)?,
                _ => {
                    let mut booked = Booked::default();
                    let posted = work.write_off(Some(agreed), request, &mut booked)?;
                    agreed.later.small.append(&mut booked.small);
                    agreed.later.events.append(&mut booked.events);
                    posted
                }
            };
            Ok(Some(posted))
        },
    )?;
    Ok(())
}

/// Adjusts breaks on the legs `wallet` and `payout-bank`, which have no pairs.
///
/// # Errors
/// As [`on_legs`].
pub(super) fn after_settling(adjusting: &mut Adjusting<'_>, settled: &mut Settled) -> Result<(), Stop> {
    let lines = std::mem::take(&mut settled.open);
    let mut booked = Booked::default();
    settled.open = run(adjusting, lines, &[], &mut |context, board, by_hand, request| {
        if !is_on(board, request) {
            return Ok(None);
        }
        if request.adjustment.action != Action::WriteOff {
            return refused(
                "action",
                "write_off: on this leg a row stands alone, and nothing can be matched to it by hand",
            );
        }
        let mut work = Work {
            context,
            board,
            by_hand,
            judging: None,
        };
        work.write_off(None, request, &mut booked).map(Some)
    })?;
    settled.small.append(&mut booked.small);
    settled.small.sort();
    settled.events.append(&mut booked.events);
    settled
        .events
        .sort_by(|a, b| (a.account, &a.entry_id).cmp(&(b.account, &b.entry_id)));
    Ok(())
}

/// Judges a request; `None` where its break is not of these legs.
type Apply<'f> =
    &'f mut dyn FnMut(&Context<'_>, &mut Board, &mut ByHand, &Request) -> Result<Option<Posted>, Failed>;

/// True where one of the breaks of a request stands on the board.
fn is_on(board: &Board, request: &Request) -> bool {
    let mut targets = request.adjustment.target.split(JOINT);
    targets.any(|id| !board.of_id(id).is_empty())
}

/// The break ids that requests name.
fn targets(requests: &[Request]) -> BTreeSet<&str> {
    requests
        .iter()
        .filter(|request| request.adjustment.action.is_about_breaks())
        .flat_map(|request| request.adjustment.target.split(JOINT))
        .collect()
}

/// Judges the requests one of whose breaks is among some lines; gives the lines that are left.
fn run(
    adjusting: &mut Adjusting<'_>,
    lines: Vec<OpenBreakRows>,
    watched: &[RowName],
    apply: Apply<'_>,
) -> Result<Vec<OpenBreakRows>, Stop> {
    let context = adjusting.context;
    let requests = adjusting.pending.clone();
    let mut board = Board::new(&context, lines, &targets(&requests), watched)?;
    let mut by_hand = std::mem::take(&mut adjusting.done.by_hand);
    let mut stopped = None;
    adjusting.post_each(|request| -> Judged {
        if !request.adjustment.action.is_about_breaks() || stopped.is_some() {
            return None;
        }
        match apply(&context, &mut board, &mut by_hand, request) {
            Ok(posted) => posted.map(Ok),
            Err(Failed::Refused(refusal)) => Some(Err(refusal)),
            Err(Failed::Stopped(stop)) => {
                stopped = Some(stop);
                None
            }
        }
    });
    if let Some(stop) = stopped {
        return Err(stop);
    }
    let lines = board.finish(&context, |name| by_hand.is_written_off(name));
    adjusting.done.by_hand = by_hand;
    Ok(lines)
}

/// What a write-off books.
#[derive(Default)]
struct Booked {
    small: Vec<SmallLine>,
    events: Vec<AccountEvent>,
}

/// One request under way.
struct Work<'a, 'b, 'j> {
    context: &'a Context<'b>,
    board: &'a mut Board,
    by_hand: &'a mut ByHand,
    /// Batches, where the book has any.
    judging: Option<&'a mut Judging<'j>>,
}

impl Work<'_, '_, '_> {
    /// The one line of a break id; of conflicting rows that share it (R19), the one whose row has the amount.
    fn line(&self, request: &Request, id: &str) -> Result<usize, Failed> {
        let lines = self.board.of_id(id);
        match lines.as_slice() {
            [] => Err(not_open(self.context, request).into()),
            [one] => Ok(*one),
            several => {
                let mut fitting = Vec::new();
                for index in several {
                    let (_, row) = self.only_row(*index)?;
                    if amount_of(request, row.currency)? == row.amount_minor {
                        fitting.push(*index);
                    }
                }
                match fitting.as_slice() {
                    [one] => Ok(*one),
                    _ => refused(
                        "amount",
                        "the amount of one of the rows that share this break, and of one only",
                    ),
                }
            }
        }
    }

    /// The row of a line that has one, and whether it is a platform row.
    fn only_row(&self, index: usize) -> Result<(bool, Row), Failed> {
        let line = self.board.line(index);
        let leg = self
            .context
            .settings
            .leg_index(&line.leg)
            .unwrap_or(self.context.bank_leg);
        match (line.left, line.right) {
            (Some(name), None) => Ok((true, row(self.context, leg, true, name)?)),
            (None, Some(name)) => Ok((false, row(self.context, leg, false, name)?)),
            _ => refused("target", "a break of one row: accept is for pairs"),
        }
    }

    fn accept(&mut self, agreed: &mut Agreed, request: &Request) -> Result<Posted, Failed> {
        let index = self.line(request, &request.adjustment.target)?;
        let line = self.board.line(index).clone();
        let (Some(left), Some(right)) = (line.left, line.right) else {
            return refused(
                "target",
                "a break of a pair of rows: write_off and force_match are for single rows",
            );
        };
        let leg = self.leg(&line.leg)?;
        let left = row(self.context, leg, true, left)?;
        let right = row(self.context, leg, false, right)?;
        if left.currency != right.currency {
            return refused(
                "target",
                format!(
                    "a pair of one currency, not {} and {}",
                    left.currency, right.currency
                ),
            );
        }
        match self.goes_on(leg, &right) {
            true => may_wait(&left, &right)?,
            false if !left.is_success => self.may_settle(&left)?,
            false => {}
        }
        self.approved(
            request,
            i128::from(left.amount_minor),
            left.currency,
            "the platform's amount",
        )?;
        let was_booked = left.is_success || left.txn_type != Some(TxnType::Withdrawal);
        let name = left.name;
        let posted = self.matched(agreed, request, leg, &[left], &[right], line.class.to_owned())?;
        if !was_booked {
            self.by_hand.booked.insert(name);
        }
        Ok(posted)
    }

    /// True for a bill row that goes on to the bank in a batch.
    fn goes_on(&self, leg: usize, right: &Row) -> bool {
        let judging = self.judging.as_deref();
        self.context.settings.legs[leg].kind == LegKind::PlatformChannel
            && judging.is_some_and(|judging| judging.goes_on(leg, right.name))
    }

    /// A row that is not SUCCESS was judged by no rule of rows that settle (R18, R25).
    fn may_settle(&self, left: &Row) -> Result<(), Failed> {
        let context = self.context;
        if context.settings.settle_when.len() > 1 {
            return refused(
                "target",
                "a row that is SUCCESS, since it needs other legs too: deliver the row again with that status (R19)",
            );
        }
        let code = MerchantCode(left.owner);
        let is_settled_otherwise = |code| {
            let own = context.merchants.currency(code);
            own.is_some_and(|own| own != left.currency)
        };
        let is_merchants = left.txn_type.is_some_and(TxnType::is_merchant);
        if is_merchants && (code == MerchantCode::NONE || is_settled_otherwise(code)) {
            return refused(
                "target",
                "a row that could settle: its merchant is not in the master, or is settled in another currency",
            );
        }
        Ok(())
    }

    fn force_match(&mut self, agreed: &mut Agreed, request: &Request) -> Result<Posted, Failed> {
        let ids: Vec<&str> = request.adjustment.target.split(JOINT).collect();
        let different: BTreeSet<&str> = ids.iter().copied().collect();
        if different.len() < 2 || different.len() < ids.len() {
            return refused(
                "target",
                "the ids of two or more breaks of single rows, joined by +, each once",
            );
        }
        let conflict = Class::IdConflict.name(OtherSide::Bank);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let (mut legs, mut classes) = (BTreeSet::new(), Vec::new());
        for id in ids {
            let index = self.line(request, id)?;
            let line = self.board.line(index);
            if line.class == conflict {
                return refused(
                    "target",
                    "no row of an ID_CONFLICT: write one of them off first, the other then matches by itself",
                );
            }
            legs.insert(line.leg.clone());
            classes.push(line.class);
            let (is_left, row) = self.only_row(index)?;
            if is_left { &mut left } else { &mut right }.push(row);
        }
        let one_leg = legs.first().filter(|_| legs.len() == 1);
        let leg = match one_leg {
            Some(leg) => self.leg(leg)?,
            None => return refused("target", "breaks of one leg"),
        };
        let is_bank = self.context.settings.legs[leg].kind == LegKind::PlatformBank;
        let all = || left.iter().chain(&right);
        let same =
            |of: &dyn Fn(&Row) -> (Currency, Direction)| all().map(of).collect::<BTreeSet<_>>().len() == 1;
        if left.is_empty() || right.is_empty() {
            return refused("target", "rows of both sides of the leg");
        }
        if !same(&|row| (row.currency, row.direction)) {
            return refused("target", "rows of one currency and one direction");
        }
        if is_bank && right.iter().any(|row| row.owner != right[0].owner) {
            return refused("target", "entries of one bank account");
        }
        if !is_bank && (left.len(), right.len()) != (1, 1) {
            return refused("target", "one platform row and one channel row");
        }
        // A channel's row is paid by that channel's batch, and its reference says nothing of another's.
        if !is_bank && left[0].channel != right[0].channel {
            return refused(
                "target",
                "a platform row and a bill row of one channel: no channel pays for another",
            );
        }
        if self.goes_on(leg, &right[0]) {
            may_wait(&left[0], &right[0])?;
        }
        let sum_minor = left.iter().map(|row| i128::from(row.amount_minor)).sum();
        self.approved(
            request,
            sum_minor,
            left[0].currency,
            "the sum of the platform's amounts",
        )?;
        self.matched(agreed, request, leg, &left, &right, classes.join("+"))
    }

    /// Checks that what was approved is what is booked.
    fn approved(
        &self,
        request: &Request,
        amount_minor: i128,
        currency: Currency,
        what: &str,
    ) -> Result<(), Failed> {
        if i128::from(amount_of(request, currency)?) == amount_minor {
            return Ok(());
        }
        refused("amount", format!("{}, {what}", told(amount_minor, currency)))
    }

    fn leg(&self, name: &str) -> Result<usize, Failed> {
        self.context
            .settings
            .leg_index(name)
            .ok_or_else(|| Refusal {
                field: "action",
                expected:
                    "write_off: on this leg a row stands alone, and nothing can be matched to it by hand"
                        .to_owned(),
            })
            .map_err(Failed::from)
    }

    /// Matches rows as the exact pass does; the difference is own money's.
    fn matched(
        &mut self,
        agreed: &mut Agreed,
        request: &Request,
        leg: usize,
        left: &[Row],
        right: &[Row],
        class: String,
    ) -> Result<Posted, Failed> {
        let context = self.context;
        if left.iter().any(|row| !row.is_on_leg) {
            return refused(
                "target",
                "a row that can be matched today: the match of this one was taken back today, so it can be from the next close on",
            );
        }
        let named = &context.settings.legs[leg];
        let is_bank = named.kind == LegKind::PlatformBank;
        let action = request.adjustment.action;
        let sum = |rows: &[Row]| rows.iter().map(Row::signed_minor).sum::<i128>();
        let own_money_minor = match is_bank {
            true => narrow(sum(right) - sum(left)).ok(),
            false => Some(0),
        };
        let Some(own_money_minor) = own_money_minor else {
            return refused("target", "rows whose difference fits 64 bits of minor units");
        };
        let account = if is_bank { right[0].owner } else { 0 };
        for row in left {
            let pair = Pair {
                left: row.place,
                right: right[0].place,
                account,
            };
            let record = context.pool.left[leg][row.place.block()].record(row.place.position());
            agreed.legs[leg].met.set(pair, record.bucket(), BUCKET_BITS);
            if is_bank {
                agreed.later.passes.insert(row.place, action.name());
                agreed.later.platform.push(row.place);
            } else {
                let passes = agreed.passes.entry(leg).or_default();
                passes.insert(row.place, action.name());
            }
        }
        if is_bank {
            agreed.later.bank.extend(right.iter().map(|row| row.place));
            for entry in &right[1..] {
                agreed.later.small.push(SmallLine {
                    merchant: left[0].owner,
                    ..small_line(context, leg, &named.name, entry, action)
                });
            }
            if own_money_minor != 0 {
                let booked = event(request, account as usize, &right[0].id, own_money_minor);
                agreed.later.events.push(booked);
            }
        }
        for row in left.iter().chain(right) {
            self.board.matched_on(row.name, &named.name);
        }
        if self.goes_on(leg, &right[0])
            && let Some(judging) = &mut self.judging
        {
            judging.link(right[0].name, left[0].name);
        }
        let merchant = context.merchants.terms.get(left[0].owner as usize);
        Ok(Posted {
            leg: named.name.clone(),
            class,
            txn_id: joined(left),
            entry_id: joined(right),
            account: match is_bank {
                true => context.settings.accounts[account as usize].id.clone(),
                false => String::new(),
            },
            merchant_id: merchant.map_or(String::new(), |terms| terms.id.clone()),
            currency: left[0].currency,
            // What was approved was compared with it.
            amount_minor: amount_of(request, left[0].currency)?,
            own_money_minor,
            first_seen: left.iter().chain(right).map(|row| row.first_seen).min(),
        })
    }

    /// Writes a single row off. `agreed` is given while rows may still match.
    fn write_off(
        &mut self,
        agreed: Option<&mut Agreed>,
        request: &Request,
        booked: &mut Booked,
    ) -> Result<Posted, Failed> {
        let context = self.context;
        let index = self.line(request, &request.adjustment.target)?;
        let line = self.board.line(index).clone();
        let (is_left, row) = self.only_row(index)?;
        self.approved(
            request,
            i128::from(row.amount_minor),
            row.currency,
            "the amount of the row",
        )?;
        let leg = context.settings.leg_index(&line.leg);
        let is_channel_row =
            !is_left && leg.is_some_and(|leg| context.settings.legs[leg].kind == LegKind::PlatformChannel);
        let mut posted = Posted {
            leg: line.leg.clone(),
            class: line.class.to_owned(),
            txn_id: String::new(),
            entry_id: String::new(),
            account: String::new(),
            merchant_id: String::new(),
            currency: row.currency,
            amount_minor: row.amount_minor,
            own_money_minor: 0,
            first_seen: Some(row.first_seen),
        };
        if is_left {
            if let Some(agreed) = agreed {
                self.unbook(agreed, &row)?;
            }
            self.by_hand.platform.insert(row.name);
            self.board.close(row.name, None);
            let merchant = context.merchants.terms.get(row.owner as usize);
            posted.merchant_id = merchant.map_or(String::new(), |terms| terms.id.clone());
            posted.txn_id = row.id;
            return Ok(posted);
        }
        self.board.close(row.name, Some(&line.leg));
        posted.entry_id.clone_from(&row.id);
        if is_channel_row {
            self.by_hand.channel.insert(row.name);
            self.own_money_of(request, &row, &mut posted, booked)?;
            return Ok(posted);
        }
        self.by_hand.bank.insert(row.name);
        let account = &context.settings.accounts[row.owner as usize];
        posted.account.clone_from(&account.id);
        let entry_leg = leg.unwrap_or(context.bank_leg);
        booked
            .small
            .push(small_line(context, entry_leg, &line.leg, &row, Action::WriteOff));
        // Own and receivable accounts are in no figure of the reserve: nothing was booked of their entries (R28).
        if account.kind == AccountKind::Reserve {
            posted.own_money_minor = match row.direction {
                Direction::Credit => row.amount_minor,
                Direction::Debit => -row.amount_minor,
            };
            let account = row.owner as usize;
            booked
                .events
                .push(event(request, account, &row.id, posted.own_money_minor));
        }
        Ok(posted)
    }

    /// The money of a bill row that is written off, where its batch is at the bank: it is own money's. Else the row is in no batch any
    /// longer.
    fn own_money_of(
        &mut self,
        request: &Request,
        bill: &Row,
        posted: &mut Posted,
        booked: &mut Booked,
    ) -> Result<(), Failed> {
        let Some(judging) = &mut self.judging else {
            return Ok(());
        };
        let Some(paid) = judging.write_off_row(bill.name) else {
            return Ok(());
        };
        let own_minor = narrow(bill.signed_minor())
            .map_err(|_| Stop::invariant("an amount that does not fit 64 bits"))?;
        posted.own_money_minor = own_minor;
        posted
            .account
            .clone_from(&self.context.settings.accounts[paid.account].id);
        let event = event(request, paid.account, &paid.entry_id, own_minor);
        match paid.since_today {
            true => judging.book(event),
            false => booked.events.push(event),
        }
        Ok(())
    }

    /// Takes a platform row out of the books: nobody expects its money any longer.
    fn unbook(&mut self, agreed: &Agreed, row: &Row) -> Result<(), Failed> {
        let context = self.context;
        let paired = self
            .board
            .of_row(row.name)
            .find(|index| self.board.line(*index).right.is_some());
        if let Some(index) = paired {
            return refused(
                "target",
                format!(
                    "a row that stands alone on every leg: on {} it has a counterpart",
                    self.board.line(index).leg
                ),
            );
        }
        let (block, ordinal) = row.name;
        let on_bank = &context.pool.left[context.bank_leg][block];
        let at_bank_today = on_bank.position_of(ordinal).is_some_and(|position| {
            let place = RowRef::new(block, position);
            agreed.legs[context.bank_leg].met.get(place).is_some()
        });
        let at_bank_before = match context.pool.origin(block, ordinal) {
            Origin::Forward(index) => {
                let forward = &context.pool.forward[index];
                let open_legs = forward.open_legs;
                // A row whose batch is at the bank has met its bill row too, and is open no longer.
                let by_batch = context.settings.batch_leg(&forward.item.row.channel).is_some();
                !by_batch && open_legs != 0 && open_legs & (1 << context.bank_leg) == 0
            }
            Origin::Today(..) => false,
        };
        if at_bank_today || at_bank_before {
            return refused(
                "target",
                "a row whose money is not there: this one has matched at the bank, and its payee is owed it",
            );
        }
        if row.txn_type == Some(TxnType::Withdrawal) && row.is_success {
            self.by_hand.unbooked.insert(row.name);
        }
        Ok(())
    }
}

fn joined(rows: &[Row]) -> String {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    ids.join("+")
}

/// A platform row and a bill row that wait for the batch together: both must be rows of which money is expected.
fn may_wait(left: &Row, right: &Row) -> Result<(), Failed> {
    if !left.is_success {
        return refused(
            "target",
            "a platform row that is SUCCESS, since it needs its batch too: deliver the row again with that status (R19)",
        );
    }
    if !right.is_success {
        return refused(
            "target",
            "a bill row that is SUCCESS, since a batch pays no other: have the bill corrected",
        );
    }
    if left.direction != right.direction {
        return refused(
            "target",
            "rows of one direction, since the batch counts what the bill says: have the bill corrected",
        );
    }
    Ok(())
}

/// What an adjustment books between an account and own money.
pub(super) fn event(request: &Request, account: usize, entry_id: &str, own_money_minor: i64) -> AccountEvent {
    AccountEvent {
        account,
        entry_id: entry_id.to_owned(),
        amount_minor: own_money_minor.abs(),
        kind: AccountEventKind::Adjusted {
            adjustment_id: request.adjustment.adjustment_id.clone(),
            action: request.adjustment.action,
            ledger_account: WRITE_OFFS,
            direction: match own_money_minor > 0 {
                true => Direction::Credit,
                false => Direction::Debit,
            },
        },
    }
}

fn small_line(context: &Context<'_>, leg: usize, name: &str, entry: &Row, action: Action) -> SmallLine {
    let block = &context.pool.right[leg][entry.place.block()];
    SmallLine {
        leg: name.to_owned(),
        entry_id: entry.id.clone(),
        pass: action.name(),
        bank_ref: block.key(entry.place.position()).to_text(),
        merchant: u32::MAX,
        account: entry.owner,
        currency: u32::from(entry.currency.index()),
        amount_minor: entry.amount_minor,
    }
}

/// Why a request that no line answers is refused.
pub(super) fn not_open(context: &Context<'_>, request: &Request) -> Refusal {
    let adjustment = &request.adjustment;
    let is_id = |id: &str| id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let ids = || adjustment.target.split(JOINT);
    let expected = if !ids().all(is_id) {
        "a break_id (32 digits of lower-case hex), or several joined by +".to_owned()
    } else {
        let breaks = &context.state.open_breaks;
        let was_open = |id: &str| {
            breaks
                .binary_search_by(|known| known.break_id.as_str().cmp(id))
                .is_ok()
        };
        let payouts = &context.state.payouts;
        let is_payout = |id: &str| {
            let of = |payout: &IssuedPayout| {
                break_id(PAYOUT_LEG, payout.payout_id.as_bytes(), b"", b"", b"") == id
            };
            payouts.iter().any(of)
        };
        if ids().any(is_payout) {
            "a break of a row: an issued payout is a fact, and closes when the bank debits or returns it (R34)"
                .to_owned()
        } else if ids().any(was_open) {
            "a break that is open: this one resolved itself today, or another adjustment closed it".to_owned()
        } else {
            "a break that is open in this close".to_owned()
        }
    };
    Refusal {
        field: "target",
        expected,
    }
}
