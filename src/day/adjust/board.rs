//! The open lines that adjustments name, found by their break ids (R30).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::book::settings::LegKind;
use crate::day::adjust::Context;
use crate::day::breaks::{OpenBreakRows, RowName, entry_part, reference};
use crate::day::intake::shown_reference;
use crate::day::pool::Origin;
use crate::day::state::OpenRow;
use crate::entries::block::{EntryBlock, RowRef};
use crate::entries::key::Key;
use crate::findings::Stop;
use crate::matching::class::{Class, OtherSide};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::digest::break_id;
use crate::terms::kinds::{Direction, TxnType};

/// A row of a line, as its block has it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Block and ordinal.
    pub name: RowName,
    /// Its place on its side of the leg.
    pub place: RowRef,
    /// False for a platform row whose match was taken back today (R19): it is open on a leg on which nothing can meet it today.
    pub is_on_leg: bool,
    /// Id.
    pub id: String,
    /// Currency.
    pub currency: Currency,
    /// Direction at the bank.
    pub direction: Direction,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// Merchant code or account index.
    pub owner: u32,
    /// Channel code of this close (platform, channel).
    pub channel: u16,
    /// Type (platform, channel).
    pub txn_type: Option<TxnType>,
    /// False for a platform row that expects no money.
    pub is_success: bool,
    /// The first close that received it.
    pub first_seen: Date,
}

impl Row {
    /// Signed by its direction at the bank.
    pub fn signed_minor(&self) -> i128 {
        match self.direction {
            Direction::Credit => i128::from(self.amount_minor),
            Direction::Debit => -i128::from(self.amount_minor),
        }
    }
}

/// Open lines, some of which are taken away one by one.
pub struct Board {
    lines: Vec<OpenBreakRows>,
    by_id: BTreeMap<String, Vec<usize>>,
    /// Lines of the rows that stand in a targeted line. Names tell rows of all sides apart.
    by_row: FxHashMap<RowName, Vec<usize>>,
    gone: BTreeSet<usize>,
    /// Rows matched, by leg.
    matched: BTreeSet<(String, RowName)>,
}

impl Board {
    /// Looks up the lines of some break ids, and those of some rows beside.
    ///
    /// # Errors
    /// What fetching full rows reports.
    pub fn new(
        context: &Context<'_>,
        lines: Vec<OpenBreakRows>,
        wanted: &BTreeSet<&str>,
        watched: &[RowName],
    ) -> Result<Board, Stop> {
        let mut board = Board {
            by_id: BTreeMap::new(),
            by_row: FxHashMap::default(),
            gone: BTreeSet::new(),
            matched: BTreeSet::new(),
            lines,
        };
        if wanted.is_empty() {
            return Ok(board);
        }
        for (index, id) in ids(context, &board.lines)?.into_iter().enumerate() {
            if wanted.contains(id.as_str()) {
                board.by_id.entry(id).or_default().push(index);
            }
        }
        let of_lines = board
            .by_id
            .values()
            .flatten()
            .flat_map(|index| names(&board.lines[*index]));
        for name in of_lines.chain(watched.iter().copied()) {
            board.by_row.entry(name).or_default();
        }
        for (index, line) in board.lines.iter().enumerate() {
            for name in names(line) {
                if let Some(known) = board.by_row.get_mut(&name) {
                    known.push(index);
                }
            }
        }
        Ok(board)
    }

    /// The lines of an id that are still there.
    pub fn of_id(&self, id: &str) -> Vec<usize> {
        let known = self.by_id.get(id).into_iter().flatten();
        known
            .copied()
            .filter(|index| !self.gone.contains(index))
            .collect()
    }

    /// A line.
    pub fn line(&self, index: usize) -> &OpenBreakRows {
        &self.lines[index]
    }

    /// The lines in which a row of a targeted line still stands.
    pub fn of_row(&self, name: RowName) -> impl Iterator<Item = usize> + '_ {
        let known = self.by_row.get(&name).into_iter().flatten();
        known.copied().filter(|index| !self.gone.contains(index))
    }

    /// Takes away the lines of a row that is matched on a leg. It may be open on others.
    pub fn matched_on(&mut self, name: RowName, leg: &str) {
        self.close(name, Some(leg));
        self.matched.insert((leg.to_owned(), name));
    }

    /// Takes away every line of a leg in which a row stands; of all legs where none is given.
    pub fn close(&mut self, name: RowName, leg: Option<&str>) {
        let lines: Vec<usize> = self
            .of_row(name)
            .filter(|index| leg.is_none_or(|leg| self.lines[*index].leg == leg))
            .collect();
        self.gone.extend(lines);
    }

    /// The lines that are left. A row whose lines all went with another row's (R5 `hold` lists all combinations) has
    /// a line of its own then; `is_written_off` tells rows that went without a match.
    pub fn finish(
        self,
        context: &Context<'_>,
        is_written_off: impl Fn(RowName) -> bool,
    ) -> Vec<OpenBreakRows> {
        let mut alone: BTreeMap<(String, RowName), OpenBreakRows> = BTreeMap::new();
        for index in &self.gone {
            let line = &self.lines[*index];
            for (is_left, name) in [(true, line.left), (false, line.right)] {
                let is_closed =
                    |name| is_written_off(name) || self.matched.contains(&(line.leg.clone(), name));
                let Some(name) = name.filter(|name| !is_closed(*name)) else {
                    continue;
                };
                let known = self.by_row.get(&name).into_iter().flatten();
                let stands = known
                    .filter(|other| !self.gone.contains(other))
                    .any(|other| self.lines[*other].leg == line.leg);
                if !stands {
                    let single = single(context, line, is_left);
                    alone.insert((line.leg.clone(), name), single);
                }
            }
        }
        let gone = self.gone;
        let left = self.lines.into_iter().enumerate();
        left.filter(|(index, _)| !gone.contains(index))
            .map(|(_, line)| line)
            .chain(alone.into_values())
            .collect()
    }
}

/// One row of a line, alone (R5: it keeps what it was beside its like).
fn single(context: &Context<'_>, line: &OpenBreakRows, is_left: bool) -> OpenBreakRows {
    let other = match context
        .settings
        .leg_index(&line.leg)
        .map(|leg| context.settings.legs[leg].kind)
    {
        Some(LegKind::PlatformChannel) => OtherSide::Channel,
        _ => OtherSide::Bank,
    };
    let (left_duplicate, right_duplicate) = line.was_duplicate;
    let class = match (is_left, left_duplicate, right_duplicate) {
        (true, true, _) => Class::DuplicateAtPlatform,
        (true, false, _) => Class::MissingAtOther,
        (false, _, true) => Class::DuplicateAtOther,
        (false, _, false) => Class::MissingAtPlatform,
    };
    OpenBreakRows {
        leg: line.leg.clone(),
        class: class.name(other),
        left: line.left.filter(|_| is_left),
        right: line.right.filter(|_| !is_left),
        was_duplicate: (is_left && left_duplicate, !is_left && right_duplicate),
    }
}

fn names(line: &OpenBreakRows) -> impl Iterator<Item = RowName> {
    [line.left, line.right].into_iter().flatten()
}

/// A row of one side of a leg.
///
/// # Errors
/// The leg has no such row: our own mistake.
pub fn row(context: &Context<'_>, leg: usize, is_left: bool, name: RowName) -> Result<Row, Stop> {
    let side = match is_left {
        true => &context.pool.left[leg],
        false => &context.pool.right[leg],
    };
    let is_on_leg = is_on(side, name);
    // The platform↔bank leg has every platform row.
    let side = match is_on_leg || !is_left {
        true => side,
        false => &context.pool.left[context.bank_leg],
    };
    let (block, position) = position(side, name)?;
    let meta = block.meta(position);
    Ok(Row {
        name,
        place: RowRef::new(name.0, position),
        is_on_leg,
        id: block.id(position).to_text(),
        currency: meta.currency(),
        direction: meta.direction(),
        amount_minor: block.amount_minor(position),
        owner: block.owner(position),
        channel: meta.channel(),
        txn_type: meta.txn_type(),
        is_success: meta.is_success(),
        first_seen: block.first_seen(position, context.business_date),
    })
}

fn is_on(side: &[EntryBlock], name: RowName) -> bool {
    side.get(name.0)
        .is_some_and(|block| block.position_of(name.1).is_some())
}

fn position(side: &[EntryBlock], name: RowName) -> Result<(&EntryBlock, usize), Stop> {
    let block = side.get(name.0);
    let found = block.and_then(|block| Some((block, block.position_of(name.1)?)));
    found.ok_or_else(|| Stop::invariant("a break names a row that its leg does not have"))
}

/// Break ids of lines. Blocks have all that an id is made of, but for rows that no leg takes, rows of a match that was taken back
/// today, which the leg has without their reference, and bill rows that are no payments, whose refund_ref they lack: those are read again.
fn ids(context: &Context<'_>, lines: &[OpenBreakRows]) -> Result<Vec<String>, Stop> {
    let conflict = Class::IdConflict.name(OtherSide::Bank);
    let has_reference = |leg: usize, line: &OpenBreakRows| {
        let sides = [
            (&context.pool.left[leg], line.left),
            (&context.pool.right[leg], line.right),
        ];
        sides.iter().all(|(side, name)| match name {
            None => true,
            Some(name) => position(side, *name).is_ok_and(|(block, at)| block.meta(at).has_leg()),
        })
    };
    let is_whole = |leg: usize, line: &OpenBreakRows| {
        let is_bill = context.settings.legs[leg].kind == LegKind::PlatformChannel;
        // What a bill row has beside its id is in the file alone.
        !is_bill || line.right.is_none()
    };
    let leg_of = |line: &OpenBreakRows| {
        let leg = context
            .settings
            .leg_index(&line.leg)
            .filter(|_| line.class != conflict);
        leg.filter(|leg| has_reference(*leg, line) && is_whole(*leg, line))
    };
    let legless: BTreeSet<RowName> = lines
        .iter()
        .filter(|line| leg_of(line).is_none())
        .flat_map(names)
        .collect();
    let origins: Vec<Origin> = legless
        .iter()
        .map(|(block, ordinal)| context.pool.origin(*block, *ordinal))
        .collect();
    let full: BTreeMap<RowName, OpenRow> = legless.into_iter().zip((context.fetch)(&origins)?).collect();
    lines
        .iter()
        .map(|line| match leg_of(line) {
            Some(leg) => id_from_blocks(context, leg, line),
            None => Ok(id_from_rows(context, &full, line)),
        })
        .collect()
}

fn id_from_blocks(context: &Context<'_>, leg: usize, line: &OpenBreakRows) -> Result<String, Stop> {
    let pool = context.pool;
    let at = |side: &'_ [EntryBlock], name: Option<RowName>| -> Result<Option<(usize, usize)>, Stop> {
        name.map(|name| Ok((name.0, position(side, name)?.1))).transpose()
    };
    let left = at(&pool.left[leg], line.left)?.map(|(block, at)| (&pool.left[leg][block], at));
    let right = at(&pool.right[leg], line.right)?.map(|(block, at)| (&pool.right[leg][block], at));
    let kind = context.settings.legs[leg].kind;
    let key = left.or(right).map_or(Key::NONE, |(block, at)| block.key(at));
    let is_bank = kind == LegKind::PlatformBank;
    let id =
        |row: Option<(&EntryBlock, usize)>| row.map_or_else(Vec::new, |(block, at)| block.id(at).to_vec());
    let account = right.filter(|_| is_bank).map_or("", |(block, at)| {
        context.settings.accounts[block.owner(at) as usize].id.as_str()
    });
    Ok(break_id(
        &line.leg,
        &shown_reference(kind, key).to_vec(),
        &id(left),
        account.as_bytes(),
        &id(right),
    ))
}

fn id_from_rows(context: &Context<'_>, full: &BTreeMap<RowName, OpenRow>, line: &OpenBreakRows) -> String {
    let (left, right) = (
        line.left.and_then(|name| full.get(&name)),
        line.right.and_then(|name| full.get(&name)),
    );
    let shown = left
        .or(right)
        .map_or_else(String::new, |row| reference(row, &line.leg, context.settings));
    break_id(
        &line.leg,
        shown.as_bytes(),
        left.map_or("", |row| &row.id).as_bytes(),
        right.map_or("", |row| &row.account).as_bytes(),
        &right.map_or(Cow::default(), entry_part),
    )
}
