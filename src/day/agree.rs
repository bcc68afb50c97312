//! Drives the matching stage over all legs: identity, the exact pass, reversals, and which rows are complete.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::book::settings::{Leg, LegKind, Settings};
use crate::day::batches::Batches;
use crate::day::breaks::{OpenBreakRows, RowName, WALLET_LEG};
use crate::day::forward::MatchedEarlier;
use crate::day::identify::{Fetch, Identified, handle_on, identify};
use crate::day::pool::{Origin, Pool};
use crate::day::residual::Later;
use crate::day::reversals::reversals_among;
use crate::day::state::Unsettled;
use crate::entries::block::{EntryBlock, RowRef};
use crate::findings::Stop;
use crate::matching::class::{Class, OtherSide};
use crate::matching::exact::{Context, FeeAgrees, Scratch, Slice, match_partition, partition_bits};
use crate::matching::group::{Matches, Rules};
use crate::matching::met::Met;
use crate::terms::date::Date;
use crate::terms::kinds::TxnType;

/// What matching made of one leg.
#[derive(Debug, Default)]
pub struct LegResult {
    /// What each platform row agreed with.
    pub met: Met,
    /// Platform rows that are not SUCCESS and found no money.
    pub left_no_money: Vec<RowRef>,
    /// Channel rows that are not SUCCESS and found no platform row.
    pub right_no_money: Vec<RowRef>,
    /// Bank entries that close each other (R14): the original, the reversal.
    pub reversals: Vec<(RowRef, RowRef)>,
}

/// The matching stage's result over all legs.
#[derive(Debug)]
pub struct Agreed {
    /// Ids of the platform side.
    pub left: Identified,
    /// Ids of the other side, by leg.
    pub right: Vec<Identified>,
    /// By leg.
    pub legs: Vec<LegResult>,
    /// Breaks of all legs, conflicts included.
    pub open: Vec<OpenBreakRows>,
    /// What the later passes did with them.
    pub later: Later,
    /// Passes of platform rows on the other legs, by leg, where it is not the leg's first: later passes, and people (R24).
    pub passes: FxHashMap<usize, FxHashMap<RowRef, &'static str>>,
    /// What the legs between channel and bank came to.
    pub batches: Batches,
}

/// Matches all legs of a pool.
///
/// # Errors
/// What fetching full rows reports.
pub fn match_legs(
    pool: &Pool,
    settings: &Settings,
    business_date: Date,
    bank_leg: usize,
    fee_agrees: FeeAgrees<'_>,
    fetch: Fetch<'_>,
) -> Result<Agreed, Stop> {
    let left = identify(pool, &pool.left[bank_leg], true, fetch)?;
    let mut agreed = Agreed {
        left,
        right: Vec::new(),
        legs: Vec::new(),
        open: Vec::new(),
        later: Later::default(),
        passes: FxHashMap::default(),
        batches: Batches::default(),
    };
    for (leg, named) in settings.legs.iter().enumerate() {
        if named.kind == LegKind::ChannelBank {
            // It has no rows of its own: platform rows meet entries there once their bills have (day::batches).
            agreed.right.push(Identified::default());
            agreed.legs.push(LegResult {
                met: Met::new(&pool.left[bank_leg]),
                ..LegResult::default()
            });
            continue;
        }
        let right = identify(pool, &pool.right[leg], false, fetch)?;
        let rules = Rules {
            business_date,
            duplicates: settings.policy.duplicates,
        };
        let mut run = LegRun::new(pool, leg, rules, &agreed.left.excluded, &right, fee_agrees);
        let mut parts = run.all();
        let reversals = if named.kind == LegKind::PlatformBank {
            run.reverse(&mut parts)
        } else {
            Vec::new()
        };
        let other = match named.kind {
            LegKind::PlatformBank => OtherSide::Bank,
            LegKind::PlatformChannel | LegKind::ChannelBank => OtherSide::Channel,
        };
        let mut result = LegResult {
            met: run.met,
            reversals,
            ..LegResult::default()
        };
        for part in parts {
            result.left_no_money.extend(part.left_no_money);
            result.right_no_money.extend(part.right_no_money);
            agreed.open.extend(part.breaks.iter().map(|b| OpenBreakRows {
                leg: named.name.clone(),
                class: b.class.name(other),
                left: name_of(&pool.left[leg], b.left),
                right: name_of(&pool.right[leg], b.right),
                was_duplicate: (b.left_was_duplicate, b.right_was_duplicate),
            }));
        }
        for row in &right.conflicts {
            let was_duplicate = was_duplicate(pool, &pool.right[leg], *row, leg);
            let name = name_of(&pool.right[leg], *row);
            agreed.open.push(conflict(&named.name, None, name, was_duplicate));
        }
        agreed.right.push(right);
        agreed.legs.push(result);
    }
    list_conflicts(pool, settings, bank_leg, &mut agreed);
    Ok(agreed)
}

/// Lists platform rows that conflict by id, on the legs where they are open.
pub fn list_conflicts(pool: &Pool, settings: &Settings, bank_leg: usize, agreed: &mut Agreed) {
    for row in &agreed.left.conflicts {
        let meta = pool.left[bank_leg][row.block()].meta(row.position());
        let legless = meta.is_wallet_funded() || meta.txn_type() == Some(TxnType::Transfer);
        let name = name_of(&pool.left[bank_leg], *row);
        if legless {
            agreed.open.push(conflict(WALLET_LEG, name, None, false));
            continue;
        }
        // A row brought forward stays open where it was open: what has matched at the bank is no open item there.
        let open_legs = match pool.origin_of(&pool.left[bank_leg], *row) {
            Origin::Forward(index) if pool.forward[index].open_legs & settings.batch_legs() == 0 => {
                pool.forward[index].open_legs
            }
            // Its match with its bill is taken back (day::batches), so it is open there again.
            Origin::Forward(index) => {
                let bill = settings.bill_leg(&pool.forward[index].item.row.channel);
                1 << bill.unwrap_or(bank_leg)
            }
            Origin::Today(..) if meta.has_leg() => 1 << bank_leg,
            // A row that reaches the bank by its channel's batch is open where its bill should be.
            Origin::Today(..) => {
                let ordinal = pool.left[bank_leg][row.block()].ordinal(row.position());
                let holds = |leg: &usize| {
                    settings.legs[*leg].kind == LegKind::PlatformChannel
                        && pool.left[*leg][row.block()].position_of(ordinal).is_some()
                };
                1 << (0..settings.legs.len()).find(holds).unwrap_or(bank_leg)
            }
        };
        for (leg, named) in settings.legs.iter().enumerate() {
            if open_legs & (1 << leg) != 0 {
                let was_duplicate = was_duplicate(pool, &pool.left[bank_leg], *row, leg);
                agreed.open.push(conflict(&named.name, name, None, was_duplicate));
            }
        }
    }
}

/// The platform rows that a leg's matches speak of. Between channel and bank they are those of the platform↔bank leg, which
/// holds all of them.
pub fn platform_side<'a>(pool: &'a Pool, settings: &Settings, leg: usize) -> &'a [EntryBlock] {
    let bank_leg = |leg: &Leg| leg.kind == LegKind::PlatformBank;
    match settings.legs[leg].kind {
        LegKind::ChannelBank => &pool.left[settings.legs.iter().position(bank_leg).unwrap_or(leg)],
        LegKind::PlatformBank | LegKind::PlatformChannel => &pool.left[leg],
    }
}

/// True for a row brought forward that was a duplicate on a leg: it is one again when its doubt ends (R5).
pub fn was_duplicate(pool: &Pool, side: &[EntryBlock], row: RowRef, leg: usize) -> bool {
    match pool.origin_of(side, row) {
        Origin::Forward(index) => pool.forward[index].duplicate_legs >> leg & 1 == 1,
        Origin::Today(..) => false,
    }
}

/// A row that conflicts by id, as a break.
pub fn conflict(
    leg: &str,
    left: Option<RowName>,
    right: Option<RowName>,
    was_duplicate: bool,
) -> OpenBreakRows {
    OpenBreakRows {
        leg: leg.to_owned(),
        class: Class::IdConflict.name(OtherSide::Bank),
        left,
        right,
        was_duplicate: (left.is_some() && was_duplicate, right.is_some() && was_duplicate),
    }
}

/// Block and ordinal of a row, or `None` for no row.
pub fn name_of(side: &[EntryBlock], row: RowRef) -> Option<RowName> {
    (row != RowRef::NONE).then(|| (row.block(), side[row.block()].ordinal(row.position())))
}

/// Partitions that a thread takes at a time.
const PARTITIONS_AT_A_TIME: usize = 8;

/// One leg under way.
struct LegRun<'a> {
    pool: &'a Pool,
    leg: usize,
    rules: Rules,
    bits: u32,
    left_excluded: &'a FxHashSet<u64>,
    right_ids: &'a Identified,
    reversed: FxHashSet<u64>,
    fee_agrees: FeeAgrees<'a>,
    met: Met,
}

impl<'a> LegRun<'a> {
    fn new(
        pool: &'a Pool,
        leg: usize,
        rules: Rules,
        left_excluded: &'a FxHashSet<u64>,
        right_ids: &'a Identified,
        fee_agrees: FeeAgrees<'a>,
    ) -> LegRun<'a> {
        let rows = |side: &[EntryBlock]| side.iter().map(EntryBlock::len).sum::<usize>();
        // Parts of `matched` are unions of partitions, also for a small leg on a large day (R31).
        let bits = partition_bits(rows(&pool.left[leg]).max(rows(&pool.right[leg]))).max(pool.part_bits());
        LegRun {
            pool,
            leg,
            rules,
            bits,
            left_excluded,
            right_ids,
            reversed: FxHashSet::default(),
            fee_agrees,
            met: Met::new(&pool.left[leg]),
        }
    }

    fn all(&self) -> Vec<Matches> {
        (0..1usize << self.bits)
            .into_par_iter()
            // Small pieces, or one thread has the last large one when the others have nothing left.
            .with_max_len(PARTITIONS_AT_A_TIME)
            .map_init(Scratch::default, |scratch, partition| {
                self.one(partition, scratch)
            })
            .collect()
    }

    fn one(&self, partition: usize, scratch: &mut Scratch) -> Matches {
        let (left, right) = (&self.pool.left[self.leg], &self.pool.right[self.leg]);
        let in_set =
            |set: &FxHashSet<u64>, side: &[EntryBlock], row: RowRef| set.contains(&handle_on(side, row));
        let left_excluded = |row| in_set(self.left_excluded, left, row);
        let (ids, rights) = (self.right_ids, &self.right_ids.excluded);
        let right_excluded = |row| in_set(rights, right, row) || in_set(&self.reversed, right, row);
        let right_rank = |row| ids.rank(handle_on(right, row));
        let context = Context {
            rules: self.rules,
            left_excluded: (!self.left_excluded.is_empty()).then_some(&left_excluded),
            right_excluded: (!rights.is_empty() || !self.reversed.is_empty()).then_some(&right_excluded),
            right_ranks: (!ids.ranks.is_empty()).then_some(&right_rank),
            fee_agrees: self.fee_agrees,
        };
        let mut matches = match_partition(
            &Slice::partition(left, partition, self.bits),
            &Slice::partition(right, partition, self.bits),
            &context,
            scratch,
        );
        for pair in std::mem::take(&mut matches.pairs) {
            self.met.set(pair, partition, self.bits);
        }
        matches
    }

    /// Forgets what the rows of a partition met.
    fn forget(&self, partition: usize) {
        for (number, block) in self.pool.left[self.leg].iter().enumerate() {
            for slot in block.partition(partition, self.bits) {
                self.met.clear(RowRef::new(number, slot.position()));
            }
        }
    }

    /// Closes bank entries that reverse an open one (R14), and matches their partitions again without them.
    fn reverse(&mut self, parts: &mut [Matches]) -> Vec<(RowRef, RowRef)> {
        let right = &self.pool.right[self.leg];
        let breaks = parts.iter().flat_map(|part| part.breaks.iter().map(|b| b.right));
        let open = breaks.filter(|r| *r != RowRef::NONE).collect();
        let closed = reversals_among(self.pool, right, open);
        for row in closed.iter().flat_map(|(a, b)| [*a, *b]) {
            self.reversed.insert(handle_on(right, row));
        }
        let touched: FxHashSet<RowRef> = closed.iter().flat_map(|(a, b)| [*a, *b]).collect();
        if !touched.is_empty() {
            let mut scratch = Scratch::default();
            for (partition, part) in parts.iter_mut().enumerate() {
                if part.breaks.iter().any(|b| touched.contains(&b.right)) {
                    self.forget(partition);
                    *part = self.one(partition, &mut scratch);
                }
            }
        }
        closed
    }
}

/// Which legs each platform row has matched, and which rows that completes (R26, R41).
#[derive(Debug)]
pub struct Completion<'a> {
    /// By block and ordinal: legs matched in earlier closes, and today. Empty when one leg settles everything.
    earlier: Vec<Vec<u8>>,
    today: Vec<Vec<u8>>,
    /// What `earlier` is made of.
    matched: MatchedEarlier<'a>,
}

impl<'a> Completion<'a> {
    /// Notes the matched legs of all rows.
    pub fn new(
        pool: &Pool,
        settings: &'a Settings,
        agreed: &Agreed,
        unsettled: &'a [Unsettled],
    ) -> Completion<'a> {
        let matched = MatchedEarlier::new(unsettled, settings);
        if settings.settle_when.len() < 2 && unsettled.is_empty() {
            return Completion {
                earlier: Vec::new(),
                today: Vec::new(),
                matched,
            };
        }
        let rows_of = |block: usize| {
            let ends = pool.left.iter().map(|leg| leg[block].ordinals_end());
            ends.max().unwrap_or(0)
        };
        let mut earlier: Vec<Vec<u8>> = (0..pool.file.len())
            .map(|block| vec![0; rows_of(block)])
            .collect();
        let mut today = earlier.clone();
        for (block, marks) in earlier.iter_mut().enumerate() {
            for (ordinal, mark) in (0u32..).zip(marks.iter_mut()) {
                if let Origin::Forward(index) = pool.origin(block, ordinal) {
                    let row = &pool.forward[index];
                    *mark = matched.leg_bits(&row.item) & !row.open_legs;
                }
            }
        }
        for ((block, ordinal), leg) in &agreed.batches.taken_back {
            earlier[*block][*ordinal as usize] &= !(1 << leg);
        }
        for (leg, result) in agreed.legs.iter().enumerate() {
            let side = platform_side(pool, settings, leg);
            for (row, _) in result.met.pairs() {
                let ordinal = side[row.block()].ordinal(row.position());
                today[row.block()][ordinal as usize] |= 1 << leg;
            }
        }
        Completion {
            earlier,
            today,
            matched,
        }
    }

    /// True when one leg settles everything and nothing waits.
    pub fn is_single_leg(&self) -> bool {
        self.today.is_empty()
    }

    /// Legs matched in earlier closes, and today.
    pub fn matched(&self, row: RowName) -> (u8, u8) {
        (
            self.earlier[row.0][row.1 as usize],
            self.today[row.0][row.1 as usize],
        )
    }

    /// The same legs as indices, each with the close in which the row matched on it; `date` is the one of today.
    pub fn matched_on(&self, pool: &Pool, row: RowName, date: Date) -> Vec<(usize, Date)> {
        let (earlier, today) = self.matched(row);
        let mut legs: Vec<(usize, Date)> = match pool.origin(row.0, row.1) {
            Origin::Forward(index) => self.matched.legs(&pool.forward[index].item).collect(),
            Origin::Today(..) => Vec::new(),
        };
        legs.retain(|(leg, _)| earlier & !today & 1 << leg != 0);
        let of_today = (0..u8::BITS as usize).filter(|leg| today & 1 << leg != 0);
        legs.extend(of_today.map(|leg| (leg, date)));
        legs
    }

    /// True when the match of `leg` completes the row: all required legs have matched, and this is the last of
    /// those that matched today.
    pub fn completes(&self, row: RowName, leg: usize, required: u8) -> bool {
        if self.is_single_leg() {
            return required == 1 << leg;
        }
        let (earlier, today) = self.matched(row);
        let last_today = (today & required).checked_ilog2();
        (earlier | today) & required == required && last_today == Some(leg as u32)
    }
}
