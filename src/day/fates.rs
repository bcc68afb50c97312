//! Every input row ends in exactly one fate (SPEC §4.1, R39): counted and summed on its own path, not as a rest.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::settings::{LegKind, Role, Settings};
use crate::checks::{Conservation, Totals};
use crate::day::adjust::Adjusted;
use crate::day::agree::{Completion, name_of};
use crate::day::breaks::{OpenBreakRows, RowName};
use crate::day::intake::Sum;
use crate::day::matching::MatchedDay;
use crate::day::settle::Settled;
use crate::day::state::OpenSide;
use crate::day::taken::Taken;
use crate::entries::block::{EntryBlock, RowRef};
use crate::report::manifest::Fate;
use crate::terms::currency::Currency;

/// What fates are counted from.
pub struct FateInputs<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// Rows, and what they met.
    pub matched: &'a MatchedDay,
    /// Index of the platform↔bank leg.
    pub bank_leg: usize,
    /// Which rows are complete.
    pub completion: &'a Completion<'a>,
    /// What settled.
    pub settled: &'a Settled,
    /// What people decided.
    pub adjusted: &'a Adjusted,
    /// All breaks.
    pub open: &'a [OpenBreakRows],
    /// What was delivered: accepted, refused, delivered before or twice.
    pub taken: &'a Taken,
}

/// The fates of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// For the checks.
    pub conservation: Vec<Conservation>,
    /// For the manifest.
    pub lines: Vec<Fate>,
}

type ByCurrency = BTreeMap<Currency, Totals>;

/// Counts the fates of all rows.
pub fn count(inputs: &FateInputs<'_>) -> Fates {
    let mut table: BTreeMap<Role, BTreeMap<&'static str, ByCurrency>> = BTreeMap::new();
    let others = || (bank(inputs), channel(inputs));
    let (platform, (bank, channel)) = rayon::join(|| platform(inputs), others);
    table.insert(Role::Platform, platform);
    table.insert(Role::Bank, bank);
    table.insert(Role::Channel, channel);
    let mut entered: BTreeMap<(Role, Currency), Totals> = BTreeMap::new();
    for (key, sum) in &inputs.taken.sums {
        put(entered.entry(*key).or_default(), sum.rows, sum.minor);
    }
    for row in &inputs.matched.pool.forward {
        let role = match row.item.side {
            OpenSide::Platform => Role::Platform,
            OpenSide::Bank => Role::Bank,
            OpenSide::Channel => Role::Channel,
        };
        let item = &row.item.row;
        put(
            entered.entry((role, item.currency)).or_default(),
            1,
            i128::from(item.amount_minor),
        );
    }
    for ((role, currency), sum) in &inputs.taken.repeated {
        if let Some(fates) = table.get_mut(role) {
            let totals = fates
                .entry("duplicate_delivery")
                .or_default()
                .entry(*currency)
                .or_default();
            put(totals, sum.rows, sum.minor);
        }
    }
    let mut fates = Fates::default();
    for (role, by_fate) in &table {
        let currencies: BTreeSet<Currency> = entered
            .keys()
            .filter(|(known, _)| known == role)
            .map(|(_, currency)| *currency)
            .chain(
                by_fate
                    .values()
                    .flat_map(|by_currency| by_currency.keys().copied()),
            )
            .collect();
        for currency in currencies {
            let of_fate = |by_currency: &ByCurrency| by_currency.get(&currency).copied().unwrap_or_default();
            fates.conservation.push(Conservation {
                subject: format!("{} {currency}", role.name()),
                entered: entered.get(&(*role, currency)).copied().unwrap_or_default(),
                fates: by_fate
                    .iter()
                    .map(|(fate, by_currency)| (*fate, of_fate(by_currency)))
                    .collect(),
            });
            for (fate, by_currency) in by_fate {
                let totals = of_fate(by_currency);
                if totals.rows > 0 {
                    fates.lines.push(Fate {
                        role: role.name().to_owned(),
                        fate: (*fate).to_owned(),
                        currency: currency.code().to_owned(),
                        rows: totals.rows,
                        sum_minor: totals.sum_minor,
                    });
                }
            }
        }
    }
    adjustments(inputs, &mut fates);
    // Such rows enter no sum of the day: they are counted here, and what can be read of their amounts is told.
    let not_booked = Sum {
        rows: inputs.taken.not_booked,
        minor: 0,
    };
    let beside = |fate: &'static str, sums: &BTreeMap<(Role, Option<Currency>), Sum>| -> Vec<_> {
        let sums = sums.iter();
        sums.map(|((role, currency), sum)| (*role, fate, *currency, *sum))
            .collect()
    };
    let mut told = beside("rejected", &inputs.taken.rejected);
    told.extend(beside("duplicate_delivery", &inputs.taken.repeated_otherwise));
    told.push((Role::Bank, "not_booked", None, not_booked));
    for (role, fate, currency, sum) in told.into_iter().filter(|(.., sum)| sum.rows > 0) {
        let (role, currency) = (role.name(), currency.map_or("", |currency| currency.code()));
        let known = fates.lines.iter_mut().find(|line| {
            (line.role.as_str(), line.fate.as_str(), line.currency.as_str()) == (role, fate, currency)
        });
        if let Some(line) = known {
            line.rows += sum.rows;
            line.sum_minor += sum.minor;
            continue;
        }
        fates.lines.push(Fate {
            role: role.to_owned(),
            fate: fate.to_owned(),
            currency: currency.to_owned(),
            rows: sum.rows,
            sum_minor: sum.minor,
        });
    }
    fates
}

/// Adjustments have their currency from their target: one that was refused, or read twice, has none that is known. So
/// their rows are counted and not summed; what was posted is summed in the manifest.
fn adjustments(inputs: &FateInputs<'_>, fates: &mut Fates) {
    let adjusted = inputs.adjusted;
    let rows = |rows: u64| Totals { rows, sum_minor: 0 };
    let duplicates = inputs.taken.repeated_adjustments + adjusted.duplicates;
    fates.conservation.push(Conservation {
        subject: Role::Adjustments.name().to_owned(),
        entered: rows(inputs.taken.adjustments_read),
        fates: vec![
            ("posted", rows(adjusted.lines.len() as u64)),
            ("rejected", rows(adjusted.rejects.len() as u64)),
            ("duplicate_delivery", rows(duplicates)),
        ],
    });
    let mut posted: BTreeMap<Currency, Totals> = BTreeMap::new();
    for line in &adjusted.lines {
        put(
            posted.entry(line.currency).or_default(),
            1,
            i128::from(line.amount_minor),
        );
    }
    let fate = |fate: &str, currency: &str, totals: Totals| Fate {
        role: Role::Adjustments.name().to_owned(),
        fate: fate.to_owned(),
        currency: currency.to_owned(),
        rows: totals.rows,
        sum_minor: totals.sum_minor,
    };
    if duplicates > 0 {
        fates.lines.push(fate("duplicate_delivery", "", rows(duplicates)));
    }
    fates.lines.extend(
        posted
            .into_iter()
            .map(|(currency, totals)| fate("posted", currency.code(), totals)),
    );
}

fn put(totals: &mut Totals, rows: u64, minor: i128) {
    totals.rows += rows;
    totals.sum_minor += minor;
}

fn add_row(by_currency: &mut ByCurrency, block: &EntryBlock, position: usize) {
    let totals = by_currency.entry(block.meta(position).currency()).or_default();
    put(totals, 1, i128::from(block.amount_minor(position)));
}

fn add_rows<'a>(by_currency: &mut ByCurrency, side: &[EntryBlock], rows: impl Iterator<Item = &'a RowRef>) {
    for row in rows {
        add_row(by_currency, &side[row.block()], row.position());
    }
}

/// Names in their order, each once.
fn sorted(names: impl Iterator<Item = RowName>) -> Vec<RowName> {
    let mut names: Vec<RowName> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Rows by name, sorted and each once: block and ordinal.
fn by_name(by_currency: &mut ByCurrency, side: &[EntryBlock], names: &[RowName]) {
    for of_block in names.chunk_by(|a, b| a.0 == b.0) {
        let block = &side[of_block[0].0];
        for (_, ordinal) in of_block {
            if let Some(position) = block.position_of(*ordinal) {
                add_row(by_currency, block, position);
            }
        }
    }
}

fn platform(inputs: &FateInputs<'_>) -> BTreeMap<&'static str, ByCurrency> {
    let MatchedDay { pool, agreed, .. } = inputs.matched;
    let settled = inputs.settled;
    let side = &pool.left[inputs.bank_leg];
    let open = inputs.open.iter().filter_map(|row| row.left);
    let open = sorted(open.chain(agreed.batches.waiting.iter().map(|(_, row)| *row)));
    let is_open = |name: &RowName| open.binary_search(name).is_ok();
    let mut fates: BTreeMap<&'static str, ByCurrency> = BTreeMap::new();
    let mut matched = ByCurrency::new();
    for (currency, totals) in &settled.legs[inputs.bank_leg].matched {
        put(matched.entry(*currency).or_default(), totals.rows, totals.minor);
    }
    if !inputs.completion.is_single_leg() {
        // A row that matched at the bank today and is open elsewhere is open; one that matched there earlier and is
        // complete today is matched.
        let bank_bit = 1u8 << inputs.bank_leg;
        let batch_bits = inputs.settings.legs_at_the_bank() & !bank_bit;
        for (number, block) in side.iter().enumerate() {
            for position in 0..block.len() {
                let name = (number, block.ordinal(position));
                let (earlier, today) = inputs.completion.matched(name);
                let is_open = is_open(&name);
                let totals = matched.entry(block.meta(position).currency()).or_default();
                let minor = i128::from(block.amount_minor(position));
                if today & bank_bit != 0 && is_open {
                    totals.rows -= 1;
                    totals.sum_minor -= minor;
                } else if earlier & bank_bit != 0 && today & bank_bit == 0 && !is_open {
                    put(totals, 1, minor);
                } else if today & batch_bits != 0 {
                    // It met its batch's entry, which it does last or together with its bill.
                    put(totals, 1, minor);
                }
            }
        }
        // Rows that are not in the pool are complete.
        for (leg, aside) in inputs.matched.settled_aside.iter().enumerate() {
            if batch_bits & (1 << leg) != 0 {
                for (currency, totals) in aside.matched.iter().filter(|(_, totals)| totals.rows > 0) {
                    put(matched.entry(*currency).or_default(), totals.rows, totals.minor);
                }
            }
        }
    }
    fates.insert("matched", matched);
    add_rows(
        fates.entry("settled").or_default(),
        side,
        settled.wallet_pairs.iter().map(|(row, _)| row),
    );
    by_name(fates.entry("open").or_default(), side, &open);
    let written_off = sorted(inputs.adjusted.by_hand.platform.iter().copied());
    by_name(fates.entry("written_off").or_default(), side, &written_off);
    let no_money = fates.entry("no_money_expected").or_default();
    // A row that expects no money may be listed on several legs.
    let unopened = agreed.legs.iter().enumerate().flat_map(|(leg, result)| {
        let rows = result.left_no_money.iter();
        rows.filter_map(move |row| name_of(&pool.left[leg], *row))
    });
    let mut unopened = sorted(unopened);
    unopened.retain(|name| !is_open(name));
    by_name(no_money, side, &unopened);
    add_rows(
        no_money,
        side,
        settled.wallet_no_money.iter().chain(&agreed.left.replaced),
    );
    add_rows(
        fates.entry("duplicate_delivery").or_default(),
        side,
        agreed.left.duplicates.iter(),
    );
    fates
}

fn bank(inputs: &FateInputs<'_>) -> BTreeMap<&'static str, ByCurrency> {
    let (agreed, leg) = (&inputs.matched.agreed, inputs.bank_leg);
    let side = &inputs.matched.pool.right[leg];
    let mut fates: BTreeMap<&'static str, ByCurrency> = BTreeMap::new();
    let matched = fates.entry("matched").or_default();
    for (currency, totals) in &inputs.settled.legs[leg].matched {
        put(matched.entry(*currency).or_default(), totals.rows, totals.minor);
    }
    // The sums are those of the platform's rows; a later pass may match several with one entry, or within a tolerance.
    let mut of_platform = ByCurrency::new();
    add_rows(
        &mut of_platform,
        &inputs.matched.pool.left[leg],
        agreed.later.platform.iter(),
    );
    for (currency, totals) in of_platform {
        let bank = matched.entry(currency).or_default();
        bank.rows -= totals.rows;
        bank.sum_minor -= totals.sum_minor;
    }
    add_rows(matched, side, agreed.later.bank.iter());
    add_rows(matched, side, agreed.batches.entries.iter());
    add_rows(
        matched,
        side,
        agreed.legs[leg].reversals.iter().flat_map(|(a, b)| [a, b]),
    );
    add_rows(
        fates.entry("posted").or_default(),
        side,
        inputs.settled.posted.iter(),
    );
    let open = inputs
        .open
        .iter()
        .filter(|row| row.leg == inputs.settings.legs[leg].name || row.leg == crate::day::breaks::PAYOUT_LEG)
        .filter_map(|row| row.right);
    let open = sorted(open.chain(agreed.batches.open.iter().filter_map(|batch| batch.entry)));
    by_name(fates.entry("open").or_default(), side, &open);
    let written_off = sorted(inputs.adjusted.by_hand.bank.iter().copied());
    by_name(fates.entry("written_off").or_default(), side, &written_off);
    add_rows(
        fates.entry("duplicate_delivery").or_default(),
        side,
        agreed.right[leg].duplicates.iter(),
    );
    fates
}

fn channel(inputs: &FateInputs<'_>) -> BTreeMap<&'static str, ByCurrency> {
    let mut fates: BTreeMap<&'static str, ByCurrency> = BTreeMap::new();
    let batches = &inputs.matched.agreed.batches;
    fates.insert("matched", batches.completed.clone());
    for (leg, named) in inputs.settings.legs.iter().enumerate() {
        if named.kind != LegKind::PlatformChannel {
            continue;
        }
        let side = &inputs.matched.pool.right[leg];
        let result = &inputs.matched.agreed.legs[leg];
        // A row that goes on to the bank is matched once it has gone both ways.
        let goes_on = |row: &RowRef| {
            let channel = side[row.block()].meta(row.position()).channel();
            batches.channels.get(usize::from(channel)) == Some(&true)
        };
        add_rows(
            fates.entry("matched").or_default(),
            side,
            result
                .met
                .pairs()
                .map(|(_, met)| met.right())
                .filter(|row| !goes_on(row))
                .collect::<Vec<_>>()
                .iter(),
        );
        // Rows that agree have the amount of their platform row. Those that go on to the bank have gone both ways.
        let aside = inputs
            .matched
            .settled_aside
            .get(leg)
            .map(|settled| &settled.matched);
        let aside = aside.into_iter().flatten().filter(|(_, totals)| totals.rows > 0);
        for (currency, totals) in aside {
            let matched = fates.entry("matched").or_default().entry(*currency).or_default();
            put(matched, totals.rows, totals.minor);
        }
        let open = inputs.open.iter().filter(|row| row.leg == named.name);
        let open = open.filter_map(|row| row.right);
        let open = sorted(open.chain(batches.open.iter().flat_map(|batch| &batch.bill).copied()));
        by_name(fates.entry("open").or_default(), side, &open);
        // A row's name is the same on every leg; those of other legs are not found on this side.
        let written_off = sorted(inputs.adjusted.by_hand.channel.iter().copied());
        by_name(fates.entry("written_off").or_default(), side, &written_off);
        add_rows(
            fates.entry("no_money_expected").or_default(),
            side,
            result
                .right_no_money
                .iter()
                .chain(&inputs.matched.agreed.right[leg].replaced),
        );
        add_rows(
            fates.entry("duplicate_delivery").or_default(),
            side,
            inputs.matched.agreed.right[leg].duplicates.iter(),
        );
    }
    fates
}
