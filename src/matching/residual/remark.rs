//! Pass `remark`: the reference stands in the bank's text, where a pattern finds it.
//!
//! Every place where a pattern fits is looked at, not the first alone: a text that quotes two rows names neither.
//! Currency, direction, amount and value date must agree as in the exact pass (R7).

use std::collections::{BTreeMap, BTreeSet};

use crate::book::passes::{PassName, QuotedField, References};
use crate::ingest::formats::profile::Extract;
use crate::matching::residual::normalised::counts_by_now;
use crate::matching::residual::pairing::{Candidates, Pairing};
use crate::matching::residual::references::Normaliser;
use crate::matching::residual::{Found, Left, PlatformItem};

/// Matches entries with the rows that their remarks quote. Patterns that cannot be read are none: the settings refuse them.
pub fn find(
    left: &Left<'_>,
    patterns: &[String],
    fields: &[QuotedField],
    references: &References,
    candidates_max: usize,
) -> Found {
    let patterns: Vec<Extract> = patterns
        .iter()
        .filter_map(|text| Extract::parse(text).ok())
        .collect();
    let normaliser = Normaliser::new(references);
    // Duplicates and broken pairs of the reference are candidates too: they make an answer doubtful.
    let (platform, bank) = (&left.platform, left.bank_that_counts());
    let mut quoted: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (place, at) in platform.iter().enumerate() {
        for field in fields {
            let key = normaliser.key(text_of(&left.platform_items[*at], *field));
            if !key.is_empty() {
                quoted.entry(key).or_default().insert(place);
            }
        }
    }
    let mut of_platform = vec![Candidates::none(); platform.len()];
    let mut of_bank = vec![Candidates::none(); bank.len()];
    for (entry, at) in bank.iter().enumerate() {
        let item = &left.bank_items[*at];
        let rows: BTreeSet<usize> = keys(&patterns, item.remark)
            .iter()
            .filter_map(|key| quoted.get(&normaliser.key(key)))
            .flatten()
            .copied()
            .collect();
        for row in rows {
            let other = &left.platform_items[platform[row]];
            let same_cash = (other.currency, other.direction, other.amount_minor)
                == (item.currency, item.direction, item.amount_minor);
            if same_cash && counts_by_now(other, item) {
                of_bank[entry].add(row, candidates_max);
                of_platform[row].add(entry, candidates_max);
            }
        }
    }
    Pairing {
        pass: PassName::Remark,
        candidates_max,
        platform,
        bank: &bank,
        of_platform,
        of_bank,
    }
    .settle(left)
}

fn text_of<'a>(item: &PlatformItem<'a>, field: QuotedField) -> &'a str {
    match field {
        QuotedField::BankRef => item.reference,
        QuotedField::TxnId => item.id,
        QuotedField::OrderId => item.order_id,
        QuotedField::ChannelRef => item.channel_ref,
    }
}

/// Every text that a pattern finds in a remark.
fn keys<'t>(patterns: &[Extract], remark: &'t str) -> Vec<&'t str> {
    let mut keys = Vec::new();
    for pattern in patterns {
        let mut rest = remark;
        loop {
            let key = pattern.find(rest);
            if key.is_empty() {
                break;
            }
            keys.push(key);
            // The key is a part of the text: what is left begins behind it.
            let behind = key.as_ptr() as usize - rest.as_ptr() as usize + key.len();
            rest = &rest[behind..];
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found() {
        let patterns: Vec<Extract> = ["订单号{word}", "ref {digits}"]
            .iter()
            .map(|text| Extract::parse(text).unwrap())
            .collect();
        for (remark, expected) in [
            ("货款 订单号A-1，订单号B2 ref 77", vec!["A-1", "B2", "77"]),
            ("ref x ref 12", vec!["12"]),
            ("nothing", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(keys(&patterns, remark), expected, "{remark}");
        }
    }
}
