//! The later passes of a leg (SPEC §5, R40): what the exact pass left is looked at again, between platform and bank, and between
//! platform and channel, there by channel.
//!
//! In: the breaks of the leg, with their rows read again in full. Out: matches in the same place where the exact pass
//! puts them ([`crate::matching::met::Met`]), so that everything after them is the same for a row whatever its pass; fewer
//! breaks; the candidates of those that stay. Where a match leaves a residual, it becomes a movement of own money (R1); between
//! platform and channel no money lies, so what is left there is booked where the money comes (day::batches), or nowhere.
//! Nothing is read and nothing costs anything where the leg has no later pass.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::book::merchants::Merchants;
use crate::book::passes::Pass;
use crate::book::settings::{LegKind, Settings};
use crate::day::agree::Agreed;
use crate::day::breaks::{OpenBreakRows, RowName};
use crate::day::figures::{AccountEvent, AccountEventKind};
use crate::day::identify::Fetch;
use crate::day::matched::SmallLine;
use crate::day::pool::{Origin, Pool};
use crate::day::state::OpenRow;
use crate::entries::block::{BUCKET_BITS, EntryBlock, RowRef};
use crate::fees::FeeTable;
use crate::findings::{Finding, Stop, StopCode};
use crate::matching::class::{Class, OtherSide};
use crate::matching::exact::FeeAgrees;
use crate::matching::group::Pair;
use crate::matching::residual::{BankItem, Found, Match, PlatformItem, Row, Standing, run};
use crate::report::candidates::{Items, texts};
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, TxnType};
use crate::terms::money::{format_minor, narrow};

/// What the later passes did.
#[derive(Clone, Debug, Default)]
pub struct Later {
    /// Pass of each platform row that a later pass matched, as `matched` shows it.
    pub passes: FxHashMap<RowRef, &'static str>,
    /// Platform rows that were matched.
    pub platform: Vec<RowRef>,
    /// Bank entries that were matched.
    pub bank: Vec<RowRef>,
    /// Lines of `matched` of entries that share their platform row with another.
    pub small: Vec<SmallLine>,
    /// Residuals, booked to own money.
    pub events: Vec<AccountEvent>,
    /// What the passes saw of rows that stay open, by leg.
    pub candidates: BTreeMap<usize, Candidates>,
    /// What they did, in words: one line a pass.
    pub notes: Vec<String>,
}

/// Texts of the column `candidates`, by row of the platform's and of the bank's side.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// By platform row.
    pub platform: FxHashMap<RowName, String>,
    /// By bank entry.
    pub bank: FxHashMap<RowName, String>,
}

impl Candidates {
    /// What stands in the line of some rows.
    pub fn of(&self, left: Option<RowName>, right: Option<RowName>) -> String {
        let texts = [
            left.and_then(|name| self.platform.get(&name)),
            right.and_then(|name| self.bank.get(&name)),
        ];
        let texts: Vec<&str> = texts.into_iter().flatten().map(String::as_str).collect();
        texts.join("; ")
    }
}

/// What the passes need to know beside the rows.
pub struct LaterContext<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// Merchant master.
    pub merchants: &'a Merchants,
    /// Fee terms.
    pub fees: &'a FeeTable,
    /// The day being closed.
    pub business_date: Date,
    /// Index of the platform↔bank leg.
    pub bank_leg: usize,
    /// Full rows.
    pub fetch: Fetch<'a>,
    /// What channels may charge: a row with another fee is left to people, and makes others doubtful.
    pub fee_agrees: FeeAgrees<'a>,
}

/// Runs the later passes of all legs on their breaks, and takes what they match out of them.
///
/// # Errors
/// What fetching full rows reports; 65 when a channel's fee or a residual does not fit 64 bits.
pub fn match_later(pool: &Pool, agreed: &mut Agreed, context: &LaterContext<'_>) -> Result<(), Stop> {
    for (leg, named) in context.settings.legs.iter().enumerate() {
        if named.later.is_empty() || named.kind == LegKind::ChannelBank {
            continue;
        }
        let open = leftovers(&agreed.open, &named.name, other_side(named.kind));
        let rows = Rows::fetch(pool, &open, context, leg)?;
        for rows in rows.by_channel(named.kind) {
            one_leg(pool, agreed, context, leg, &rows)?;
        }
    }
    Ok(())
}

fn other_side(kind: LegKind) -> OtherSide {
    match kind {
        LegKind::PlatformChannel => OtherSide::Channel,
        LegKind::PlatformBank | LegKind::ChannelBank => OtherSide::Bank,
    }
}

/// Runs the passes of a leg on rows of it.
fn one_leg(
    pool: &Pool,
    agreed: &mut Agreed,
    context: &LaterContext<'_>,
    leg: usize,
    rows: &Rows,
) -> Result<(), Stop> {
    let named = &context.settings.legs[leg];
    let platform = rows.platform_items(pool, context, leg)?;
    let names: Vec<&str> = context
        .settings
        .accounts
        .iter()
        .map(|account| account.id.as_str())
        .collect();
    let (bank, accounts) = match named.kind {
        LegKind::PlatformChannel => rows.channel_items(pool, context, leg),
        _ => (rows.bank_items(pool, context), names),
    };
    let found = run(&named.later, context.business_date, &platform, &bank);
    Apply {
        pool,
        context,
        leg,
        rows,
        bank: &bank,
    }
    .all(&found, agreed)?;
    let items = Items {
        platform: &platform,
        bank: &bank,
        accounts: &accounts,
    };
    let candidates = agreed.later.candidates.entry(leg).or_default();
    for (row, text) in texts(&found.notes, items) {
        match row {
            Row::Platform(at) => candidates.platform.insert(rows.platform[at].name, text),
            Row::Bank(at) => candidates.bank.insert(rows.bank[at].name, text),
        };
    }
    let notes = told(&named.later, &named.name, &found, &platform, &bank);
    agreed.later.notes.extend(notes);
    Ok(())
}

/// A row that is left over.
#[derive(Clone, Copy)]
struct Leftover {
    is_platform: bool,
    name: RowName,
    standing: Standing,
}

/// Rows of a leg's breaks that a later pass looks at. Rows of pairs that differ in more than their amount, and of
/// conflicts, are left to people: they have a counterpart, or no content that one could believe.
fn leftovers(open: &[OpenBreakRows], leg: &str, other: OtherSide) -> Vec<Leftover> {
    let name = |class: Class| class.name(other);
    let duplicates = [name(Class::DuplicateAtPlatform), name(Class::DuplicateAtOther)];
    let missing = [name(Class::MissingAtOther), name(Class::MissingAtPlatform)];
    let mut pairs = 0;
    // A held row stands in a line with every row of the other side.
    let mut held: FxHashSet<(bool, RowName)> = FxHashSet::default();
    let mut found = Vec::new();
    for rows in open.iter().filter(|rows| rows.leg == leg) {
        let both = rows.left.is_some() && rows.right.is_some();
        let standing = match both {
            true if rows.class == name(Class::AmountMismatch) => {
                pairs += 1;
                Standing::OtherAmount(pairs)
            }
            true if duplicates.contains(&rows.class) => Standing::Held,
            false if duplicates.contains(&rows.class) => Standing::Duplicate,
            false if missing.contains(&rows.class) => Standing::Alone,
            _ => continue,
        };
        for (is_platform, row) in [(true, rows.left), (false, rows.right)] {
            let Some(name) = row else { continue };
            if standing != Standing::Held || held.insert((is_platform, name)) {
                found.push(Leftover {
                    is_platform,
                    name,
                    standing,
                });
            }
        }
    }
    found
}

/// A row in full, with its place.
struct Full {
    name: RowName,
    place: RowRef,
    standing: Standing,
    /// True for a bill row whose fee is not agreed.
    is_for_people: bool,
    row: OpenRow,
}

/// All rows that are left over, by side.
#[derive(Default)]
struct Rows {
    platform: Vec<Full>,
    bank: Vec<Full>,
}

impl Rows {
    fn fetch(pool: &Pool, open: &[Leftover], context: &LaterContext<'_>, leg: usize) -> Result<Rows, Stop> {
        let origins: Vec<Origin> = open
            .iter()
            .map(|left| pool.origin(left.name.0, left.name.1))
            .collect();
        let fetched = (context.fetch)(&origins)?;
        let mut rows = Rows::default();
        for (left, row) in open.iter().zip(fetched) {
            let (side, list) = if left.is_platform {
                (&pool.left[leg], &mut rows.platform)
            } else {
                (&pool.right[leg], &mut rows.bank)
            };
            let block = &side[left.name.0];
            let position = block
                .position_of(left.name.1)
                .ok_or_else(|| Stop::invariant("a break names a row that its leg does not have"))?;
            // Whether the fee is right is asked of a bill's row whatever its reference.
            let is_bill = !left.is_platform && context.settings.legs[leg].kind == LegKind::PlatformChannel;
            let is_for_people = is_bill && context.fee_agrees.is_some_and(|agrees| !agrees(block, position));
            list.push(Full {
                name: left.name,
                place: RowRef::new(left.name.0, position),
                standing: left.standing,
                is_for_people,
                row,
            });
        }
        Ok(rows)
    }

    /// The rows of each channel by themselves, where a leg's keys begin with it.
    fn by_channel(self, kind: LegKind) -> Vec<Rows> {
        if kind != LegKind::PlatformChannel {
            return vec![self];
        }
        let mut channels: BTreeMap<String, Rows> = BTreeMap::new();
        for full in self.platform {
            let rows = channels.entry(full.row.channel.clone()).or_default();
            rows.platform.push(full);
        }
        for full in self.bank {
            let rows = channels.entry(full.row.channel.clone()).or_default();
            rows.bank.push(full);
        }
        channels.into_values().collect()
    }

    fn platform_items(
        &self,
        pool: &Pool,
        context: &LaterContext<'_>,
        leg: usize,
    ) -> Result<Vec<PlatformItem<'_>>, Stop> {
        let side = &pool.left[leg];
        let is_channel = context.settings.legs[leg].kind == LegKind::PlatformChannel;
        // All that settling reads of a row. Rows that are equal in it are the same money of the same people.
        let settled_by = |full: &'_ Full| {
            let (row, meta) = (&full.row, side[full.place.block()].meta(full.place.position()));
            let is_wallet = row.txn_type.is_some_and(TxnType::is_wallet);
            (
                row.txn_type.map(|kind| kind as u8),
                row.channel.clone(),
                meta.window(),
                row.currency,
                row.merchant_id.clone(),
                if is_wallet {
                    row.customer_id.clone()
                } else {
                    String::new()
                },
                row.original_ref.clone(),
                row.amount_minor,
            )
        };
        let mut twins = BTreeMap::new();
        let mut items = Vec::with_capacity(self.platform.len());
        for full in &self.platform {
            let row = &full.row;
            let next = twins.len() as u32;
            let twin = *twins.entry(settled_by(full)).or_insert(next);
            let merchant = context.merchants.code(row.merchant_id.as_bytes());
            let is_wallet = row.txn_type.is_some_and(TxnType::is_wallet);
            items.push(PlatformItem {
                id: &row.id,
                reference: if is_channel {
                    &row.channel_ref
                } else {
                    &row.bank_ref
                },
                order_id: &row.order_id,
                channel_ref: &row.channel_ref,
                batch_ref: &row.batch_ref,
                currency: row.currency,
                direction: row
                    .txn_type
                    .and_then(TxnType::direction)
                    .unwrap_or(Direction::Credit),
                amount_minor: row.amount_minor,
                channel_fee_minor: channel_fee(row, context)?,
                day: side[full.place.block()].first_seen(full.place.position(), context.business_date),
                payee: if is_wallet {
                    &row.customer_id
                } else {
                    &row.merchant_id
                },
                twin,
                // A refund finds the fee of its own original (R16), and another leg knows its own rows (R26).
                may_wait: !context.fees.returns_fees(merchant) && context.settings.settle_when.len() < 2,
                standing: full.standing,
            });
        }
        Ok(items)
    }

    fn bank_items(&self, pool: &Pool, context: &LaterContext<'_>) -> Vec<BankItem<'_>> {
        let side = &pool.right[context.bank_leg];
        self.bank
            .iter()
            .map(|full| bank_item(full, side, context.business_date))
            .collect()
    }

    /// Rows of a bill in the place of entries, and what their accounts are called. Rows of one account are alike in all that follows
    /// from the choice between them: type, batch, fee and settlement day, and whether the batch is still to come: who meets a row whose
    /// batch was paid settles at once.
    fn channel_items(
        &self,
        pool: &Pool,
        context: &LaterContext<'_>,
        leg: usize,
    ) -> (Vec<BankItem<'_>>, Vec<&str>) {
        let channel = self.bank.first().map_or("", |full| full.row.channel.as_str());
        let of_batches = context.settings.batch_leg(channel).map(|leg| &pool.left[leg]);
        // A row whose batch was paid on an earlier day stands on the leg channel↔bank no longer.
        let is_unpaid = |(block, ordinal): RowName| {
            of_batches.is_some_and(|side| side[block].position_of(ordinal).is_some())
        };
        let alike = |full: &'_ Full| {
            let row = &full.row;
            (
                row.txn_type.map(|kind| kind as u8),
                row.batch_ref.clone(),
                is_unpaid(full.name),
                row.fee_minor,
                row.value_date,
            )
        };
        let mut kinds: BTreeMap<_, u32> = self.bank.iter().map(|full| (alike(full), 0)).collect();
        for (number, kind) in (0u32..).zip(kinds.values_mut()) {
            *kind = number;
        }
        let side = &pool.right[leg];
        let items = self.bank.iter().map(|full| BankItem {
            // A refund, or a capture, is known by its own number (R19).
            id: match full.row.refund_ref.as_str() {
                "" => &full.row.id,
                refund => refund,
            },
            reference: &full.row.id,
            account: kinds[&alike(full)],
            ..bank_item(full, side, context.business_date)
        });
        let items: Vec<BankItem<'_>> = items.collect();
        (items, vec![channel; kinds.len()])
    }
}

fn bank_item<'a>(full: &'a Full, side: &[EntryBlock], business_date: Date) -> BankItem<'a> {
    let (row, block, position) = (&full.row, &side[full.place.block()], full.place.position());
    BankItem {
        id: &row.id,
        account: block.owner(position),
        reference: &row.bank_ref,
        batch_ref: &row.batch_ref,
        remark: &row.remark,
        currency: row.currency,
        direction: row.direction.unwrap_or(Direction::Credit),
        amount_minor: row.amount_minor,
        day: block.first_seen(position, business_date),
        value_date: row.value_date.unwrap_or(business_date),
        undoes_another: !row.original_ref.is_empty(),
        standing: full.standing,
        is_for_people: full.is_for_people,
    }
}

/// What the channel charges for a payment by its plan; nothing without one. What it gives back on a refund is not known.
fn channel_fee(row: &OpenRow, context: &LaterContext<'_>) -> Result<i64, Stop> {
    let terms = context.settings.channels.get(&row.channel);
    let (Some(plan), Some(TxnType::Payment)) =
        (terms.and_then(|terms| terms.fee_plan.as_deref()), row.txn_type)
    else {
        return Ok(0);
    };
    let fee = context
        .fees
        .channel_fee(plan, row.channel.as_bytes(), TxnType::Payment, row.amount_minor);
    match fee {
        Ok(fee) => Ok(fee.unwrap_or(0)),
        Err(_) => Err(Stop::new(
            StopCode::BadData,
            Finding::about(
                "book.toml",
                format!(
                    "channel {}: a fee does not fit 64 bits of minor units",
                    row.channel
                ),
                "check the channel's fee plan and the amounts of its rows",
            ),
        )),
    }
}

/// Puts matches where the exact pass puts them.
struct Apply<'a> {
    pool: &'a Pool,
    context: &'a LaterContext<'a>,
    leg: usize,
    rows: &'a Rows,
    bank: &'a [BankItem<'a>],
}

impl Apply<'_> {
    fn all(&self, found: &Found, agreed: &mut Agreed) -> Result<(), Stop> {
        let mut later = Later::default();
        for matched in &found.matches {
            self.one(matched, agreed, &mut later)?;
        }
        let names = |rows: &[Full], list: &[RowRef]| -> FxHashSet<RowName> {
            let taken: FxHashSet<RowRef> = list.iter().copied().collect();
            rows.iter()
                .filter(|full| taken.contains(&full.place))
                .map(|full| full.name)
                .collect()
        };
        let platform = names(&self.rows.platform, &later.platform);
        let bank = names(&self.rows.bank, &later.bank);
        let leg = &self.context.settings.legs[self.leg].name;
        // A pair is matched whole or not at all, so no line loses one of its rows only.
        agreed.open.retain(|rows| {
            rows.leg != *leg
                || !(rows.left.is_some_and(|name| platform.contains(&name))
                    || rows.right.is_some_and(|name| bank.contains(&name)))
        });
        match self.leg == self.context.bank_leg {
            true => {
                let before = std::mem::take(&mut agreed.later);
                agreed.later = Later {
                    candidates: before.candidates,
                    notes: before.notes,
                    ..later
                };
            }
            // Platform rows of a channel's leg have their passes there, and no entry of their own.
            false => agreed.passes.entry(self.leg).or_default().extend(later.passes),
        }
        Ok(())
    }

    fn one(&self, matched: &Match, agreed: &mut Agreed, later: &mut Later) -> Result<(), Stop> {
        let leg = &self.context.settings.legs[self.leg];
        let pass = match matched.interchangeable {
            true => matched.pass.interchangeable(),
            false => matched.pass.name(),
        };
        let (left, right) = (&self.pool.left[self.leg], &self.pool.right[self.leg]);
        let first = self.rows.bank[matched.bank[0]].place;
        let is_bank = self.leg == self.context.bank_leg;
        let account = if is_bank {
            self.bank[matched.bank[0]].account
        } else {
            0
        };
        let met = &agreed.legs[self.leg].met;
        for at in &matched.platform {
            let row = self.rows.platform[*at].place;
            let pair = Pair {
                left: row,
                right: first,
                account,
            };
            met.set(
                pair,
                left[row.block()].record(row.position()).bucket(),
                BUCKET_BITS,
            );
            later.passes.insert(row, pass);
            later.platform.push(row);
        }
        later
            .bank
            .extend(matched.bank.iter().map(|at| self.rows.bank[*at].place));
        for at in &matched.bank[1..] {
            let (item, row) = (&self.bank[*at], self.rows.bank[*at].place);
            let block = &right[row.block()];
            later.small.push(SmallLine {
                leg: leg.name.clone(),
                entry_id: item.id.to_owned(),
                pass,
                bank_ref: item.reference.to_owned(),
                merchant: left[self.rows.platform[matched.platform[0]].place.block()]
                    .owner(self.rows.platform[matched.platform[0]].place.position()),
                account: item.account,
                currency: u32::from(block.meta(row.position()).currency().index()),
                amount_minor: item.amount_minor,
            });
        }
        if matched.residual_minor == 0 || !is_bank {
            return Ok(());
        }
        let ledger_account = leg
            .later
            .iter()
            .find(|known| known.name() == matched.pass)
            .and_then(Pass::ledger_account)
            .ok_or_else(|| Stop::invariant(format!("the pass {} left a residual", matched.pass.name())))?;
        let amount_minor = narrow(matched.residual_minor.abs()).map_err(|_| {
            Stop::new(
                StopCode::BadData,
                Finding::about(
                    "inbox",
                    format!(
                        "entry {}: what its match leaves does not fit 64 bits",
                        self.bank[matched.bank[0]].id
                    ),
                    "check the amounts of its rows",
                ),
            )
        })?;
        later.events.push(AccountEvent {
            account: account as usize,
            entry_id: self.bank[matched.bank[0]].id.to_owned(),
            amount_minor,
            kind: AccountEventKind::Residual {
                ledger_account: ledger_account.to_owned(),
                direction: match matched.residual_minor > 0 {
                    true => Direction::Credit,
                    false => Direction::Debit,
                },
            },
        });
        Ok(())
    }
}

/// What each pass did, in words.
fn told(
    passes: &[Pass],
    leg: &str,
    found: &Found,
    platform: &[PlatformItem<'_>],
    bank: &[BankItem<'_>],
) -> Vec<String> {
    let mut told = Vec::new();
    for pass in passes.iter().map(Pass::name) {
        let matches = || found.matches.iter().filter(|matched| matched.pass == pass);
        let rows: usize = matches().map(|matched| matched.platform.len()).sum();
        if rows == 0 {
            continue;
        }
        let entries: usize = matches().map(|matched| matched.bank.len()).sum();
        let mut sums: BTreeMap<&str, (i128, u32)> = BTreeMap::new();
        for at in matches().flat_map(|matched| &matched.platform) {
            let item = &platform[*at];
            let sum = sums
                .entry(item.currency.code())
                .or_insert((0, item.currency.digits()));
            sum.0 += i128::from(item.amount_minor);
        }
        let sums: Vec<String> = sums
            .iter()
            .map(|(code, (minor, digits))| format!("{} {code}", format_minor(*minor, *digits)))
            .collect();
        told.push(format!(
            "leg {leg}: the pass {} matched {rows} rows of {} left with {entries} entries of {} left: {}",
            pass.name(),
            platform.len(),
            bank.len(),
            sums.join(", ")
        ));
    }
    told
}
