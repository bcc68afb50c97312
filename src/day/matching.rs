//! Stage 2: rows meet, leg by leg: what agrees, and what is open.
//!
//! In: all rows of the close. Out: matches and breaks, first by reference, in memory or where the rows lie aside ([`drive`]); then by
//! the later passes on what is left ([`match_later`]); then as people decided, and by batches of channels. Nothing settles
//! here, but for rows that lie aside and that nobody looks at by themselves.

use crate::book::settings::Settings;
use crate::day::adjust::Adjusting;
use crate::day::agree::{Agreed, match_legs};
use crate::day::batches::{self, AsideBatch, BatchContext};
use crate::day::channel_fees;
use crate::day::fetch::Fetcher;
use crate::day::forward::ForwardRow;
use crate::day::intake::{InputBlock, IntakeContext};
use crate::day::matched::of_legs;
use crate::day::pool::{Origin, Pool};
use crate::day::prepare::DayTerms;
use crate::day::residual::{LaterContext, match_later};
use crate::day::run::DayInputs;
use crate::day::spill::drive::{self, DriveInputs};
use crate::day::spill::lines::SpilledLines;
use crate::entries::block::EntryBlock;
use crate::findings::Stop;
use crate::host;
use crate::matching::exact::FeeAgrees;
use crate::settling::{Context, SettledPairs};

/// A day whose rows have met. Of a day that lies aside, what nobody looks at by itself is settled where it lies; the rest is a
/// small day from here on.
pub struct MatchedDay {
    /// Rows that later stages look at.
    pub pool: Pool,
    /// Matches of these, and all breaks.
    pub agreed: Agreed,
    /// What settled of rows that lie aside, by leg; nothing of a day in memory.
    pub settled_aside: Vec<SettledPairs>,
    /// Batches of channels that have rows among these.
    pub batches_aside: Vec<AsideBatch>,
    /// The agreed lines of these; `None` of a day in memory.
    pub lines_aside: Option<SpilledLines>,
}

/// Matches all legs: by reference, then by their later passes. `blocks` are those brought forward, then those of today.
///
/// # Errors
/// What matching aside, fetching full rows and the later passes report.
pub fn match_rows(
    day: &DayInputs<'_>,
    terms: &DayTerms<'_>,
    intake: &IntakeContext<'_>,
    settling: &Context<'_>,
    channel_names: &[String],
    (forward, blocks): (Vec<ForwardRow>, Vec<InputBlock>),
) -> Result<MatchedDay, Stop> {
    let (settings, bank_leg, fees) = (&day.book.settings, terms.bank_leg, &terms.fees);
    let fetcher = Fetcher::of(day);
    let fee_agrees = |block: &EntryBlock, position: usize| {
        channel_fees::agrees(settings, fees, channel_names, block, position)
    };
    let fee_agrees: FeeAgrees<'_> = if channel_fees::are_agreed(settings) {
        Some(&fee_agrees)
    } else {
        None
    };
    let mut matched = match intake.spill.filter(|spill| spill.is_spilling()) {
        Some(spill) => {
            let inputs = DriveInputs {
                spill,
                settings,
                bank_leg,
                business_date: day.date,
                context: settling,
                fee_agrees,
                fees_return: intake.fees_return,
                channel_names,
                fetch: &|forward, origins| fetcher.fetch(forward, origins, &|_| None),
            };
            let matched = drive::run(&inputs, forward, blocks)?;
            host::release_memory();
            matched
        }
        None => {
            let mut pool = Pool::new(settings.legs.len(), forward, blocks);
            let fetch = |origins: &[Origin]| fetcher.rows_of(&pool, bank_leg, origins);
            let agreed = match_legs(&pool, settings, day.date, bank_leg, fee_agrees, &fetch)?;
            pool.forget_index();
            MatchedDay {
                pool,
                agreed,
                settled_aside: Vec::new(),
                batches_aside: Vec::new(),
                lines_aside: None,
            }
        }
    };
    let (pool, agreed) = (&matched.pool, &mut matched.agreed);
    let later = LaterContext {
        settings,
        merchants: &day.book.merchants,
        fees,
        business_date: day.date,
        bank_leg,
        fetch: &|origins| fetcher.rows_of(pool, bank_leg, origins),
        fee_agrees,
    };
    match_later(pool, agreed, &later)?;
    Ok(matched)
}

/// Adjusts breaks as people decided (R24), and closes what batches of channels pay. What is accepted settles in this close like
/// any other match; requests that name no break of these legs wait for settling.
///
/// # Errors
/// What fetching full rows and the batches report.
pub fn adjust_breaks(
    adjusting: &mut Adjusting<'_>,
    agreed: &mut Agreed,
    channel_names: &[String],
    batches_aside: &[AsideBatch],
) -> Result<(), Stop> {
    let context = adjusting.context;
    // Batches are judged first and applied last: people may decide about their rows, and about them.
    let batch_context = BatchContext {
        settings: context.settings,
        channel_names,
        chained: &context.state.chained,
        business_date: context.business_date,
        bank_leg: context.bank_leg,
        aside: batches_aside,
    };
    let mut judging = batches::judge(context.pool, agreed, &batch_context);
    adjusting.on_legs(agreed, judging.as_mut())?;
    match judging {
        Some(judging) => judging.apply(agreed, &adjusting.done.by_hand),
        None => Ok(()),
    }
}

impl MatchedDay {
    /// What to say of matching in the summary.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let aside = self.lines_aside.is_some().then(|| {
            "rows were put aside on the disk for a while: the day is larger than --memory".to_owned()
        });
        let Agreed { later, batches, .. } = &self.agreed;
        aside
            .into_iter()
            .chain(later.notes.iter().chain(&batches.notes).cloned())
    }

    /// Puts the agreed lines of the rows in memory to those that lie aside: whoever writes `matched` finds all in one place.
    /// Does nothing for a day in memory.
    ///
    /// # Errors
    /// What the system reports.
    pub fn put_lines_aside(
        &mut self,
        settings: &Settings,
        bank_leg: usize,
        settled: &[SettledPairs],
    ) -> Result<(), Stop> {
        let Some(lines) = &mut self.lines_aside else {
            return Ok(());
        };
        let legs = of_legs(settings, bank_leg, &self.pool, &self.agreed, settled);
        for (leg, pairs) in legs.iter().enumerate() {
            lines.add(leg, pairs.in_memory())?;
        }
        drop(legs);
        host::release_memory();
        Ok(())
    }
}
