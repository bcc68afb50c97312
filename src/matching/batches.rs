//! A channel's settlement batches against bank entries (SPEC §5, R26).
//!
//! In: the batches of a channel↔bank leg, added up, and the entries that name them. Out: which batch an entry pays, and
//! what does not agree. A batch is one row here, which fits one entry or breaks as a whole: Σ C − Σ D of its rows, or that less
//! what the channel's bill charges for them. From there on the rules are those of any reference: pairs, duplicates and
//! classes come from [`crate::matching::group`].
//!
//! Where the gross and the net sum have an entry each, neither is taken: which of the two was the payment changes own money.
//!
//! Not done here: which rows make up a batch, and what a fit does to them (the day).

use crate::book::passes::BatchAmounts;
use crate::entries::block::RowRef;
use crate::entries::bytes::Id;
use crate::entries::key::Key;
use crate::entries::meta::Meta;
use crate::matching::class::{Class, OtherSide};
use crate::matching::group::{Matches, Member, Rules, resolve};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, Status, TxnType};
use crate::terms::money::narrow;

/// The rows of one batch_ref and currency, added up. Minor units; what comes in is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// batch_ref.
    pub reference: Key<'a>,
    /// Currency.
    pub currency: Currency,
    /// Rows.
    pub rows: u64,
    /// Σ C − Σ D.
    pub gross_minor: i128,
    /// What the bill charges for them, less what it gives back.
    pub fee_minor: i128,
    /// The first close that received one of its rows.
    pub first_seen: Date,
}

impl Batch<'_> {
    /// What is left of the gross sum once the channel has taken its fees.
    pub fn net_minor(&self) -> i128 {
        self.gross_minor - self.fee_minor
    }
}

/// A batch and the entry that pays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Index of the batch.
    pub batch: usize,
    /// The entry.
    pub entry: RowRef,
}

/// What does not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchBreak {
    /// Class.
    pub class: Class,
    /// Index of the batch.
    pub batch: Option<usize>,
    /// The entry.
    pub entry: Option<RowRef>,
    /// The reference has or once had two or more entries of its direction (R5).
    pub entry_was_duplicate: bool,
}

/// What became of one batch_ref.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Batches that fit.
    pub fits: Vec<Fit>,
    /// Breaks.
    pub breaks: Vec<BatchBreak>,
}

/// The name of a class between channel and bank: what no batch claims is missing at the channel.
pub fn class_name(class: Class) -> &'static str {
    match class {
        Class::MissingAtPlatform => Class::MissingAtOther.name(OtherSide::Channel),
        other => other.name(OtherSide::Bank),
    }
}

/// An entry as its account sees it: money out is negative.
pub fn signed_minor(entry: &Member<'_>) -> i128 {
    match entry.meta.direction() {
        Direction::Credit => i128::from(entry.amount_minor),
        Direction::Debit => -i128::from(entry.amount_minor),
    }
}

/// True when the entry is the sum that the batch may have.
pub fn fits(batch: &Batch<'_>, entry: &Member<'_>, amounts: BatchAmounts) -> bool {
    let minor = signed_minor(entry);
    let (gross, net) = (minor == batch.gross_minor, minor == batch.net_minor());
    entry.meta.currency() == batch.currency
        && match amounts {
            BatchAmounts::Gross => gross,
            BatchAmounts::Net => net,
            BatchAmounts::Either => gross || net,
        }
}

/// Settles one batch_ref of one leg: its batches, one a currency, and its entries, in any order.
pub fn resolve_reference(
    batches: &[(usize, Batch<'_>)],
    entries: &[Member<'_>],
    amounts: BatchAmounts,
    rules: &Rules,
) -> Found {
    let mut found = Found::default();
    // Several currencies of one batch are a batch each; one that has none of its own meets whatever came.
    if let [(number, batch)] = batches {
        one_batch(*number, batch, entries, amounts, rules, &mut found);
        return found;
    }
    for (number, batch) in batches {
        let own: Vec<Member<'_>> = entries
            .iter()
            .filter(|entry| entry.meta.currency() == batch.currency)
            .copied()
            .collect();
        one_batch(*number, batch, &own, amounts, rules, &mut found);
    }
    let unclaimed: Vec<Member<'_>> = entries
        .iter()
        .filter(|entry| {
            !batches
                .iter()
                .any(|(_, batch)| batch.currency == entry.meta.currency())
        })
        .copied()
        .collect();
    take(&[], &unclaimed, 0, rules, &mut found);
    found
}

fn one_batch(
    number: usize,
    batch: &Batch<'_>,
    entries: &[Member<'_>],
    amounts: BatchAmounts,
    rules: &Rules,
    found: &mut Found,
) {
    let has = |wanted: BatchAmounts| entries.iter().any(|entry| fits(batch, entry, wanted));
    let differ = batch.gross_minor != batch.net_minor();
    let is_gross = match amounts {
        BatchAmounts::Gross => true,
        BatchAmounts::Net => false,
        BatchAmounts::Either => {
            let (gross, net) = (has(BatchAmounts::Gross), has(BatchAmounts::Net));
            if gross && net && differ {
                found.breaks.extend(entries.iter().map(|entry| BatchBreak {
                    class: Class::DuplicateAtOther,
                    batch: Some(number),
                    entry: Some(entry.row),
                    entry_was_duplicate: true,
                }));
                return;
            }
            gross || !net
        }
    };
    let expected_minor = if is_gross {
        batch.gross_minor
    } else {
        batch.net_minor()
    };
    // A sum beyond 64 bits is that of no entry, nor is 0.
    let amount_minor = narrow(expected_minor.abs()).unwrap_or(0);
    let kind = if expected_minor < 0 {
        TxnType::Refund
    } else {
        TxnType::Payment
    };
    let whole = Member {
        row: RowRef::new(0, 0),
        // It stands alone on its side: its id decides nothing.
        id: Id::from(b""),
        account: 0,
        rank: 0,
        amount_minor,
        meta: Meta::typed(kind, Status::Success, batch.currency, 0),
        first_seen: batch.first_seen,
        fee_agrees: true,
    };
    take(&[whole], entries, number, rules, found);
}

/// Resolves a batch, or none, against its entries.
fn take(whole: &[Member<'_>], entries: &[Member<'_>], number: usize, rules: &Rules, found: &mut Found) {
    let mut matches = Matches::default();
    resolve(whole, entries, rules, &mut matches);
    found.fits.extend(matches.pairs.iter().map(|pair| Fit {
        batch: number,
        entry: pair.right,
    }));
    found
        .breaks
        .extend(matches.breaks.iter().map(|broken| BatchBreak {
            class: broken.class,
            batch: (broken.left != RowRef::NONE).then_some(number),
            entry: (broken.right != RowRef::NONE).then_some(broken.right),
            entry_was_duplicate: broken.right_was_duplicate,
        }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::settings::DuplicatePolicy;
    use proptest::prelude::*;

    const IDS: [&str; 6] = ["E0", "E1", "E2", "E3", "E4", "E5"];
    const DAY: Date = Date(20_000);

    fn currency(code: &str) -> Currency {
        Currency::parse(code.as_bytes()).unwrap()
    }

    fn batch(gross_minor: i128, fee_minor: i128) -> Batch<'static> {
        Batch {
            reference: Key::of(b"L1"),
            currency: currency("CNY"),
            rows: 2,
            gross_minor,
            fee_minor,
            first_seen: DAY,
        }
    }

    /// An entry: positive amounts come in. `late` is the days between value date and business date.
    fn entry(number: usize, minor: i64, code: &str, late: i32) -> Member<'static> {
        let direction = if minor < 0 {
            Direction::Debit
        } else {
            Direction::Credit
        };
        Member {
            row: RowRef::new(0, number),
            id: IDS[number].as_bytes().into(),
            account: 0,
            rank: 0,
            amount_minor: minor.abs(),
            meta: Meta::bank(direction, currency(code)).with_value_date(DAY.plus_days(late), DAY),
            first_seen: DAY,
            fee_agrees: true,
        }
    }

    fn rules(duplicates: DuplicatePolicy) -> Rules {
        Rules {
            business_date: DAY,
            duplicates,
        }
    }

    /// Which entries pay the batch, and the classes of the rest: `E0` or `-` for the entry, `+` where the batch stands with it.
    fn told(batch: &Batch<'_>, entries: &[Member<'_>], amounts: BatchAmounts, hold: bool) -> Vec<String> {
        let duplicates = if hold {
            DuplicatePolicy::Hold
        } else {
            DuplicatePolicy::Pair
        };
        let found = resolve_reference(&[(0, *batch)], entries, amounts, &rules(duplicates));
        let id = |row: RowRef| IDS[row.position()];
        let mut told: Vec<String> = found
            .fits
            .iter()
            .map(|fit| format!("paid by {}", id(fit.entry)))
            .chain(found.breaks.iter().map(|broken| {
                let entry = broken.entry.map_or("-", id);
                let whole = if broken.batch.is_some() { "+" } else { "" };
                format!("{} {entry}{whole}", class_name(broken.class))
            }))
            .collect();
        told.sort();
        told
    }

    #[test]
    fn a_batch_fits_one_entry_or_breaks_as_a_whole() {
        use BatchAmounts::{Either, Gross, Net};
        let check = |batch: &Batch<'_>, amounts: BatchAmounts, entries: &[Member<'_>], expected: &[&str]| {
            assert_eq!(told(batch, entries, amounts, false), expected);
        };
        let lump = batch(15_000, 57);
        check(&lump, Either, &[entry(0, 15_000, "CNY", 0)], &["paid by E0"]);
        check(&lump, Either, &[entry(0, 14_943, "CNY", 0)], &["paid by E0"]);
        check(
            &lump,
            Net,
            &[entry(0, 15_000, "CNY", 0)],
            &["AMOUNT_MISMATCH E0+"],
        );
        check(
            &lump,
            Gross,
            &[entry(0, 14_943, "CNY", 0)],
            &["AMOUNT_MISMATCH E0+"],
        );
        check(
            &lump,
            Either,
            &[entry(0, 14_900, "CNY", 0)],
            &["AMOUNT_MISMATCH E0+"],
        );
        check(&lump, Either, &[], &["MISSING_AT_BANK -+"]);
        check(
            &lump,
            Either,
            &[entry(0, 14_943, "CNY", 1)],
            &["VALUE_DATE_MISMATCH E0+"],
        );
        check(
            &lump,
            Either,
            &[entry(0, 14_943, "EUR", 0)],
            &["CURRENCY_MISMATCH E0+"],
        );
        check(
            &lump,
            Either,
            &[entry(0, -14_943, "CNY", 0)],
            &["DIRECTION_MISMATCH E0+"],
        );
        let twice = [entry(1, 14_943, "CNY", 0), entry(0, 14_943, "CNY", 0)];
        check(&lump, Either, &twice, &["DUPLICATE_AT_BANK E1", "paid by E0"]);
        // Gross and net: own money would differ, so nobody chooses.
        let both = [entry(0, 15_000, "CNY", 0), entry(1, 14_943, "CNY", 0)];
        check(
            &lump,
            Either,
            &both,
            &["DUPLICATE_AT_BANK E0+", "DUPLICATE_AT_BANK E1+"],
        );
        check(&lump, Net, &both, &["DUPLICATE_AT_BANK E0", "paid by E1"]);
        // More given back than taken: the channel collects.
        check(
            &batch(-2_000, -8),
            Net,
            &[entry(0, -1_992, "CNY", 0)],
            &["paid by E0"],
        );
        // What adds up to nothing has no entry.
        check(
            &batch(0, 0),
            Either,
            &[entry(0, 1, "CNY", 0)],
            &["AMOUNT_MISMATCH E0+"],
        );
        assert_eq!(
            told(&lump, &twice, Either, true),
            ["DUPLICATE_AT_BANK E0+", "DUPLICATE_AT_BANK E1+"]
        );
    }

    #[test]
    fn currencies_of_one_batch_are_a_batch_each() {
        let euro = Batch {
            currency: currency("EUR"),
            ..batch(700, 0)
        };
        let entries = [
            entry(0, 15_000, "CNY", 0),
            entry(1, 700, "EUR", 0),
            entry(2, 9, "JPY", 0),
        ];
        let found = resolve_reference(
            &[(4, batch(15_000, 0)), (7, euro)],
            &entries,
            BatchAmounts::Either,
            &rules(DuplicatePolicy::Pair),
        );
        let fits: Vec<_> = found
            .fits
            .iter()
            .map(|fit| (fit.batch, fit.entry.position()))
            .collect();
        assert_eq!(fits, [(4, 0), (7, 1)]);
        assert_eq!(found.breaks.len(), 1);
        assert_eq!(class_name(found.breaks[0].class), "MISSING_AT_CHANNEL");
    }

    proptest! {
        /// A plain reading: the entries that are the sum; the lowest id of them pays, unless gross and net have one each.
        #[test]
        fn a_plain_reading_agrees(
            gross in 1i64..6,
            fee in 0i64..3,
            amounts in prop::sample::select(vec![BatchAmounts::Gross, BatchAmounts::Net, BatchAmounts::Either]),
            minors in prop::collection::vec((-3i64..7).prop_filter("an amount", |minor| *minor != 0), 0..6),
            turn in 0usize..6,
        ) {
            let lump = batch(i128::from(gross), i128::from(fee));
            let mut entries: Vec<Member<'_>> =
                minors.iter().enumerate().map(|(number, minor)| entry(number, *minor, "CNY", 0)).collect();
            let is = |minor: i64| minors.iter().position(|known| *known == minor && minor != 0);
            let (as_gross, as_net) = (is(gross), is(gross - fee));
            let expected = match amounts {
                BatchAmounts::Gross => as_gross,
                BatchAmounts::Net => as_net,
                BatchAmounts::Either if fee > 0 && as_gross.is_some() && as_net.is_some() => None,
                BatchAmounts::Either => as_gross.or(as_net),
            };
            let told_once = told(&lump, &entries, amounts, false);
            let paid: Vec<&String> = told_once.iter().filter(|line| line.starts_with("paid")).collect();
            prop_assert_eq!(paid.len(), usize::from(expected.is_some()), "{:?}", told_once);
            if let Some(number) = expected {
                prop_assert_eq!(paid[0], &format!("paid by {}", IDS[number]));
            }
            // Every entry stands once, and the batch stands somewhere.
            for id in &IDS[..entries.len()] {
                prop_assert_eq!(told_once.iter().filter(|line| line.contains(id)).count(), 1);
            }
            prop_assert!(told_once.iter().any(|line| line.starts_with("paid") || line.ends_with('+')));
            // The order of entries changes nothing.
            if !entries.is_empty() {
                let by = turn % entries.len();
                entries.rotate_left(by);
                entries.reverse();
            }
            prop_assert_eq!(told(&lump, &entries, amounts, false), told_once);
        }
    }
}
