//! What people decided: adjustments of breaks and of merchants' money (SPEC §6.7, R24).
//!
//! In: the rows of `adjustments` sources, in the order of their ids. Out: breaks that are open no longer, movements of own
//! money, amounts moved between carried and held; a line of adjustments.csv for each that was posted; a reject, with its
//! reason, for each that was not. Breaks are adjusted after matching and before settling, so that a pair that was accepted
//! settles in this close like any other; nothing published before is touched.
//!
//! [`requests`] has each id once; [`board`] finds the lines that are targeted; [`breaks`], [`batches`] (between channel and bank)
//! and [`merchants`] apply.
//! Not done here: what a settled row is worth (`settling`), what is paid (`payouts`), and who may sign for how much.

pub mod requests;
mod board;
mod breaks;
mod batches;
mod merchants;

use rustc_hash::FxHashSet;

use crate::book::merchants::Merchants;
use crate::book::settings::Settings;
use crate::day::agree::Agreed;
use crate::day::batches::Judging;
use crate::day::breaks::RowName;
use crate::day::figures::{AdjustmentLine, ManualMoves};
use crate::day::identify::Fetch;
use crate::day::pool::Pool;
use crate::day::run::DayInputs;
use crate::day::settle::Settled;
use crate::day::state::{PostedAdjustment, State};
use crate::findings::Stop;
use crate::ingest::canonical::values::Expected;
use crate::report::tables::RejectLine;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::money::{format_minor, parse_positive_minor};
use requests::Request;

/// Ledger account of write-offs and of differences that were accepted (R43); a part of own money.
pub const WRITE_OFFS: &str = "equity:write-offs";

/// What adjusting needs to know.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// Merchant master.
    pub merchants: &'a Merchants,
    /// What was brought forward.
    pub state: &'a State,
    /// The day being closed.
    pub business_date: Date,
    /// Rows.
    pub pool: &'a Pool,
    /// Index of the platform↔bank leg.
    pub bank_leg: usize,
    /// Full rows.
    pub fetch: Fetch<'a>,
}

impl<'a> Context<'a> {
    /// Of a day whose rows have met.
    pub fn new(day: &DayInputs<'a>, pool: &'a Pool, bank_leg: usize, fetch: Fetch<'a>) -> Context<'a> {
        Context {
            settings: &day.book.settings,
            merchants: &day.book.merchants,
            state: day.state,
            business_date: day.date,
            pool,
            bank_leg,
            fetch,
        }
    }
}

/// Rows that an adjustment closed without a match, and what settling must know of others.
#[derive(Clone, Debug, Default)]
pub struct ByHand {
    /// Platform rows written off: unbooked.
    pub platform: FxHashSet<RowName>,
    /// Bank entries written off to own money.
    pub bank: FxHashSet<RowName>,
    /// Channel rows written off: nothing was booked of them.
    pub channel: FxHashSet<RowName>,
    /// WITHDRAWAL rows among those of `platform`: the wallet gets them back.
    pub unbooked: FxHashSet<RowName>,
    /// WITHDRAWAL rows that were not SUCCESS and were accepted: the wallet is debited in this close.
    pub booked: FxHashSet<RowName>,
}

impl ByHand {
    fn is_written_off(&self, name: RowName) -> bool {
        [&self.platform, &self.bank, &self.channel]
            .iter()
            .any(|rows| rows.contains(&name))
    }
}

/// What became of the adjustments of a day.
#[derive(Clone, Debug, Default)]
pub struct Adjusted {
    /// Posted, sorted by id.
    pub lines: Vec<AdjustmentLine>,
    /// Refused.
    pub rejects: Vec<RejectLine>,
    /// Rows delivered twice in this close.
    pub duplicates: u64,
    /// Rows that settling must know of.
    pub by_hand: ByHand,
    /// Moves of merchants' money, sorted by (merchant_id, currency), one of each.
    pub moves: Vec<ManualMoves>,
}

impl Adjusted {
    /// Ids posted so far, today's included: none can be posted again.
    pub fn ids(&self, known: &[PostedAdjustment], today: Date) -> Vec<PostedAdjustment> {
        let mine = self.lines.iter().map(|line| PostedAdjustment {
            adjustment_id: line.adjustment_id.clone(),
            posted_on: today,
        });
        let mut all: Vec<PostedAdjustment> = known.iter().cloned().chain(mine).collect();
        all.sort();
        all
    }
}

/// Why an adjustment is not posted: a field, and what would have been right.
#[derive(Debug)]
struct Refusal {
    field: &'static str,
    expected: String,
}

fn refuse<T>(field: &'static str, expected: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        field,
        expected: expected.into(),
    })
}

/// The adjustments of a day under way.
pub struct Adjusting<'a> {
    /// What adjusting knows.
    pub context: Context<'a>,
    pending: Vec<Request>,
    /// What became of them so far.
    pub done: Adjusted,
}

impl<'a> Adjusting<'a> {
    /// Takes what was delivered; what shares an id, or was posted before, is refused.
    pub fn new(context: Context<'a>, delivered: Vec<Request>) -> Adjusting<'a> {
        let mut done = Adjusted::default();
        let pending = requests::once_each(delivered, &context.state.adjustments, &mut done);
        Adjusting {
            context,
            pending,
            done,
        }
    }

    /// Adjusts the breaks of the legs of the settings. To be called after matching and before anything settles; batches are judged
    /// by then, and not applied.
    ///
    /// # Errors
    /// What fetching full rows reports.
    pub fn on_legs(&mut self, agreed: &mut Agreed, judging: Option<&mut Judging<'_>>) -> Result<(), Stop> {
        breaks::on_legs(self, agreed, judging)
    }

    /// Adjusts breaks of the legs that settling makes (wallets, payouts at the bank), and what concerns merchants. What is
    /// left then names no open break.
    ///
    /// # Errors
    /// As [`Adjusting::on_legs`].
    pub fn after_settling(mut self, settled: &mut Settled) -> Result<Adjusted, Stop> {
        breaks::after_settling(&mut self, settled)?;
        merchants::adjust(&mut self);
        for request in std::mem::take(&mut self.pending) {
            let refusal = breaks::not_open(&self.context, &request);
            self.refused(&request, &refusal);
        }
        let mut done = self.done;
        done.lines.sort_by(|a, b| a.adjustment_id.cmp(&b.adjustment_id));
        Ok(done)
    }

    fn refused(&mut self, request: &Request, refusal: &Refusal) {
        self.done.rejects.push(request.reject(refusal));
    }

    /// Posts the requests that `apply` has an answer for; the others stay pending.
    fn post_each(&mut self, mut apply: impl FnMut(&Request) -> Option<Result<Posted, Refusal>>) {
        for request in std::mem::take(&mut self.pending) {
            match apply(&request) {
                None => self.pending.push(request),
                Some(Ok(posted)) => self.done.lines.push(posted.line(request)),
                Some(Err(refusal)) => self.refused(&request, &refusal),
            }
        }
    }
}

/// What an adjustment came to, beside what it said itself.
#[derive(Debug)]
struct Posted {
    leg: String,
    class: String,
    txn_id: String,
    entry_id: String,
    account: String,
    merchant_id: String,
    currency: Currency,
    amount_minor: i64,
    own_money_minor: i64,
    first_seen: Option<Date>,
}

impl Posted {
    fn line(self, request: Request) -> AdjustmentLine {
        let Request { adjustment, file } = request;
        AdjustmentLine {
            adjustment_id: adjustment.adjustment_id,
            action: adjustment.action,
            target: adjustment.target,
            leg: self.leg,
            class: self.class,
            txn_id: self.txn_id,
            entry_id: self.entry_id,
            account: self.account,
            merchant_id: self.merchant_id,
            currency: self.currency,
            amount_minor: self.amount_minor,
            own_money_minor: self.own_money_minor,
            first_seen: self.first_seen,
            reason: adjustment.reason,
            prepared_by: adjustment.prepared_by,
            approved_by: adjustment.approved_by,
            approved_at: adjustment.approved_at,
            file,
            line: adjustment.line,
        }
    }
}

/// The amount of a request in the currency of its target.
fn amount_of(request: &Request, currency: Currency) -> Result<i64, Refusal> {
    let text = request.adjustment.amount.as_bytes();
    parse_positive_minor(text, currency.digits()).map_err(|error| Refusal {
        field: "amount",
        expected: Expected::Amount(error, currency).describe(text),
    })
}

/// An amount for a message.
fn told(minor: i128, currency: Currency) -> String {
    format!("{} {currency}", format_minor(minor, currency.digits()))
}
