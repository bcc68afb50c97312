//! Pass `batch`: rows and entries of one batch_ref, which fit or break as a whole (R26).
//!
//! Several rows and one entry, or one row and several entries of one account. Outflows of the batch are taken off: a
//! channel pays the day's takings less its refunds. The entry has the sum of its rows, or that sum less what the channel
//! charges for them by its fee plan; the difference is the channel's cost and is booked as such. A batch of several rows
//! and several entries is left to people.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::passes::{BatchAmounts, PassName};
use crate::matching::residual::{BankItem, Found, Left, Match, Note, PlatformItem, Reason, Row, Standing};
use crate::terms::currency::Currency;

/// Rows and entries of one batch, by index.
type Members = (Vec<usize>, Vec<usize>);

/// Matches batches that add up.
pub fn find(left: &Left<'_>, amounts: BatchAmounts) -> Found {
    let mut batches: BTreeMap<(&str, Currency), Members> = BTreeMap::new();
    for at in &left.platform {
        let item = &left.platform_items[*at];
        if !item.batch_ref.is_empty() && item.standing != Standing::Held {
            batches
                .entry((item.batch_ref, item.currency))
                .or_default()
                .0
                .push(*at);
        }
    }
    for at in &left.bank {
        let item = &left.bank_items[*at];
        if let Some(batch) = batches
            .get_mut(&(item.batch_ref, item.currency))
            .filter(|_| !item.undoes_another && item.standing != Standing::Held)
        {
            batch.1.push(*at);
        }
    }
    for (rows, entries) in batches.values_mut() {
        without_outsiders(left, rows, entries);
    }
    let mut found = Found::default();
    let whole = |(rows, entries): &&Members| !rows.is_empty() && !entries.is_empty();
    for (rows, entries) in batches.values().filter(whole) {
        let totals = Totals::of(left, rows, entries);
        let one_against_many = rows.len() == 1 || entries.len() == 1;
        if one_against_many && totals.fit(amounts) && same_account(left, entries) {
            if counts_by_now(left, rows, entries) {
                found.matches.push(Match {
                    pass: PassName::Batch,
                    platform: rows.clone(),
                    bank: entries.clone(),
                    interchangeable: false,
                    residual_minor: totals.bank_minor - totals.platform_minor,
                });
            }
            continue;
        }
        let members = rows
            .iter()
            .map(|at| Row::Platform(*at))
            .chain(entries.iter().map(|at| Row::Bank(*at)));
        found.notes.extend(members.map(|row| Note {
            row,
            pass: PassName::Batch,
            reason: Reason::DoesNotAddUp {
                rows: rows.len(),
                platform_minor: totals.platform_minor,
                net_minor: totals.net_minor,
                entries: entries.len(),
                bank_minor: totals.bank_minor,
            },
        }));
    }
    found
}

/// Leaves out rows and entries whose own counterpart, of another amount, stands outside of the batch: where a lump has the
/// reference of its rows, the exact pass has paired it with one of them, and that pair belongs to the batch.
fn without_outsiders(left: &Left<'_>, rows: &mut Vec<usize>, entries: &mut Vec<usize>) {
    let pair = |standing: Standing| match standing {
        Standing::OtherAmount(pair) => Some(pair),
        _ => None,
    };
    let of_row = |at: &usize| pair(left.platform_items[*at].standing);
    let of_entry = |at: &usize| pair(left.bank_items[*at].standing);
    let in_rows: BTreeSet<u32> = rows.iter().filter_map(of_row).collect();
    let in_entries: BTreeSet<u32> = entries.iter().filter_map(of_entry).collect();
    rows.retain(|at| of_row(at).is_none_or(|pair| in_entries.contains(&pair)));
    entries.retain(|at| of_entry(at).is_none_or(|pair| in_rows.contains(&pair)));
}

/// Sums of a batch, signed as the account sees them.
struct Totals {
    platform_minor: i128,
    net_minor: i128,
    bank_minor: i128,
}

impl Totals {
    fn of(left: &Left<'_>, rows: &[usize], entries: &[usize]) -> Totals {
        let rows = || rows.iter().map(|at| &left.platform_items[*at]);
        let platform_minor = rows().map(PlatformItem::signed_minor).sum();
        let fees: i128 = rows().map(|item| i128::from(item.channel_fee_minor)).sum();
        Totals {
            platform_minor,
            net_minor: platform_minor - fees,
            bank_minor: entries.iter().map(|at| left.bank_items[*at].signed_minor()).sum(),
        }
    }

    fn fit(&self, amounts: BatchAmounts) -> bool {
        let (gross, net) = (
            self.bank_minor == self.platform_minor,
            self.bank_minor == self.net_minor,
        );
        match amounts {
            BatchAmounts::Gross => gross,
            BatchAmounts::Net => net,
            BatchAmounts::Either => gross || net,
        }
    }
}

fn same_account(left: &Left<'_>, entries: &[usize]) -> bool {
    let accounts: Vec<u32> = entries.iter().map(|at| left.bank_items[*at].account).collect();
    accounts.windows(2).all(|pair| pair[0] == pair[1])
}

/// R7 for a whole batch: no entry's value date is before the earliest of all days, or after the business date.
fn counts_by_now(left: &Left<'_>, rows: &[usize], entries: &[usize]) -> bool {
    let entries = || entries.iter().map(|at| &left.bank_items[*at]);
    let days = rows
        .iter()
        .map(|at| left.platform_items[*at].day)
        .chain(entries().map(|item| item.day));
    let earliest = days.min();
    let counts = |item: &BankItem<'_>| {
        item.value_date <= left.business_date && earliest.is_none_or(|earliest| item.value_date >= earliest)
    };
    entries().all(counts)
}
