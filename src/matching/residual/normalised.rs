//! Pass `normalised`: references that are equal once case, spaces, padding and prefixes are taken off.
//!
//! Currency, direction, amount and value date must agree as in the exact pass (R7). A row that stands in its own
//! reference with others makes an answer doubtful, and is never taken itself: it belongs to them.

use std::collections::BTreeMap;

use crate::book::passes::{PassName, References};
use crate::matching::residual::pairing::{Pairing, in_groups};
use crate::matching::residual::references::Normaliser;
use crate::matching::residual::{BankItem, Found, Left, PlatformItem};
use crate::terms::currency::Currency;
use crate::terms::kinds::Direction;

/// Currency, direction, amount: what must be equal whatever the pass.
type Cash = (Currency, Direction, i64);

/// Matches rows of one normalised reference.
pub fn find(left: &Left<'_>, references: &References, candidates_max: usize) -> Found {
    let normaliser = Normaliser::new(references);
    // Duplicates and broken pairs of the reference are candidates too: they make an answer doubtful.
    let (platform, bank) = (&left.platform, left.bank_that_counts());
    let mut groups: BTreeMap<(String, Cash), (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (place, at) in platform.iter().enumerate() {
        let item = &left.platform_items[*at];
        let key = normaliser.key(item.reference);
        if !key.is_empty() {
            groups
                .entry((key, (item.currency, item.direction, item.amount_minor)))
                .or_default()
                .0
                .push(place);
        }
    }
    for (place, at) in bank.iter().enumerate() {
        let item = &left.bank_items[*at];
        let key = normaliser.key(item.reference);
        if !key.is_empty()
            && let Some(group) = groups.get_mut(&(key, (item.currency, item.direction, item.amount_minor)))
        {
            group.1.push(place);
        }
    }
    let fits = |row: usize, entry: usize| {
        counts_by_now(&left.platform_items[platform[row]], &left.bank_items[bank[entry]])
    };
    let (of_platform, of_bank) = in_groups(
        (platform.len(), bank.len()),
        groups.values(),
        candidates_max,
        fits,
    );
    Pairing {
        pass: PassName::Normalised,
        candidates_max,
        platform,
        bank: &bank,
        of_platform,
        of_bank,
    }
    .settle(left)
}

/// R7 for a pair: the value date is not before the earlier of the two days. That it is not after the business date is
/// asked of every entry.
pub fn counts_by_now(row: &PlatformItem<'_>, entry: &BankItem<'_>) -> bool {
    entry.value_date >= row.day.min(entry.day)
}
