//! Pass `tolerance`: one reference, amounts that differ by at most an agreed little; the rest is booked, never hidden.
//!
//! It also sees the pairs that the exact pass broke for their amount alone. A duplicate makes an answer doubtful and is
//! never taken itself. Only the currency of the agreed amount is tolerated: a bound in one currency says nothing
//! about another.

use std::collections::BTreeMap;

use crate::book::passes::{PassName, References};
use crate::matching::residual::normalised::counts_by_now;
use crate::matching::residual::pairing::{Pairing, in_groups};
use crate::matching::residual::references::{Normaliser, key};
use crate::matching::residual::{Found, Left};
use crate::terms::currency::Currency;
use crate::terms::kinds::Direction;

/// The greatest difference that is tolerated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Most {
    /// Minor units, ≥ 0.
    pub minor: i64,
    /// Of which currency.
    pub currency: Currency,
}

/// Matches pairs of one reference whose amounts differ by little.
pub fn find(left: &Left<'_>, most: Most, references: Option<&References>, candidates_max: usize) -> Found {
    let normaliser = references.map(Normaliser::new);
    let platform: Vec<usize> = left
        .platform
        .iter()
        .copied()
        .filter(|at| left.platform_items[*at].currency == most.currency)
        .collect();
    let bank: Vec<usize> = left
        .bank_that_counts()
        .into_iter()
        .filter(|at| left.bank_items[*at].currency == most.currency)
        .collect();
    let mut groups: BTreeMap<(Direction, String), (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (place, at) in platform.iter().enumerate() {
        let item = &left.platform_items[*at];
        let key = key(normaliser.as_ref(), item.reference);
        if !key.is_empty() {
            groups
                .entry((item.direction, key.into_owned()))
                .or_default()
                .0
                .push(place);
        }
    }
    for (place, at) in bank.iter().enumerate() {
        let item = &left.bank_items[*at];
        let key = key(normaliser.as_ref(), item.reference);
        if let Some(group) = groups.get_mut(&(item.direction, key.into_owned())) {
            group.1.push(place);
        }
    }
    let fits = |row: usize, entry: usize| {
        let (row, entry) = (&left.platform_items[platform[row]], &left.bank_items[bank[entry]]);
        // Both are positive, so their difference fits.
        (row.amount_minor - entry.amount_minor).abs() <= most.minor && counts_by_now(row, entry)
    };
    let (of_platform, of_bank) = in_groups(
        (platform.len(), bank.len()),
        groups.values(),
        candidates_max,
        fits,
    );
    Pairing {
        pass: PassName::Tolerance,
        candidates_max,
        platform: &platform,
        bank: &bank,
        of_platform,
        of_bank,
    }
    .settle(left)
}
