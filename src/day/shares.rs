//! How much each pass cleared: counts of rows, for the summary.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::passes::PassName;
use crate::book::settings::{LegKind, Settings};
use crate::day::agree::{Agreed, platform_side};
use crate::day::breaks::RowName;
use crate::day::pool::Pool;
use crate::report::shares::{LegShares, PassShare, share_ppm};
use crate::settling::SettledPairs;
use crate::terms::currency::Currency;

/// What a pass matched.
#[derive(Clone, Debug, Default)]
struct Cleared {
    rows: u64,
    interchangeable: u64,
    sums: BTreeMap<Currency, i128>,
}

/// The shares of all legs, in the order of the settings.
pub fn shares(
    settings: &Settings,
    bank_leg: usize,
    pool: &Pool,
    agreed: &Agreed,
    settled: &[SettledPairs],
) -> Vec<LegShares> {
    // What waits for its batch: bill rows, and the platform rows that they met.
    let waiting: BTreeMap<RowName, RowName> = agreed.batches.waiting.iter().copied().collect();
    let legs = settings.legs.iter().zip(settled).enumerate();
    legs.map(|(number, (leg, settled))| {
        let mut exact = Cleared::default();
        for (currency, totals) in &settled.matched {
            exact.rows += totals.rows;
            *exact.sums.entry(*currency).or_default() += totals.minor;
        }
        let mut by_pass: BTreeMap<&str, Cleared> = BTreeMap::new();
        if number == bank_leg {
            let side = &pool.left[bank_leg];
            for row in &agreed.later.platform {
                let shown = agreed.later.passes.get(row).copied().unwrap_or_default();
                let (name, mark) = shown.split_once(':').unwrap_or((shown, ""));
                let block = &side[row.block()];
                let (currency, minor) = (
                    block.meta(row.position()).currency(),
                    i128::from(block.amount_minor(row.position())),
                );
                let cleared = by_pass.entry(name).or_default();
                cleared.rows += 1;
                cleared.interchangeable += u64::from(!mark.is_empty());
                *cleared.sums.entry(currency).or_default() += minor;
                // They are among the leg's matches, too.
                exact.rows -= 1;
                *exact.sums.entry(currency).or_default() -= minor;
            }
        }
        // Rows of another leg's platform side that later passes or people matched.
        for (row, shown) in agreed.passes.get(&number).into_iter().flatten() {
            let (name, mark) = shown.split_once(':').unwrap_or((shown, ""));
            let block = &platform_side(pool, settings, number)[row.block()];
            let minor = i128::from(block.amount_minor(row.position()));
            let currency = block.meta(row.position()).currency();
            let cleared = by_pass.entry(name).or_default();
            cleared.rows += 1;
            cleared.interchangeable += u64::from(!mark.is_empty());
            *cleared.sums.entry(currency).or_default() += minor;
            exact.rows -= 1;
            *exact.sums.entry(currency).or_default() -= minor;
        }
        let mut open: BTreeSet<RowName> = agreed
            .open
            .iter()
            .filter(|rows| rows.leg == leg.name)
            .filter_map(|rows| rows.left)
            .collect();
        // A batch that breaks keeps open whatever it is to pay.
        let batches = agreed.batches.open.iter().filter(|batch| batch.leg == leg.name);
        open.extend(
            batches
                .flat_map(|batch| &batch.bill)
                .filter_map(|bill| waiting.get(bill).copied()),
        );
        let first = match leg.kind {
            LegKind::ChannelBank => PassName::Batch.name(),
            LegKind::PlatformBank | LegKind::PlatformChannel => "exact",
        };
        let rows_all = |cleared: &Cleared| cleared.rows;
        let open_rows = open.len() as u64;
        let rows = open_rows + exact.rows + by_pass.values().map(rows_all).sum::<u64>();
        let mut passes = vec![share(first, &exact, rows)];
        for pass in &leg.later {
            if let Some(cleared) = by_pass.remove(pass.name().name()) {
                passes.push(share(pass.name().name(), &cleared, rows));
            }
        }
        passes.extend(by_pass.iter().map(|(name, cleared)| share(name, cleared, rows)));
        LegShares {
            leg: leg.name.clone(),
            rows,
            open_rows,
            passes,
        }
    })
    .collect()
}

fn share(pass: &str, cleared: &Cleared, rows: u64) -> PassShare {
    let sums = cleared.sums.iter().filter(|(_, minor)| **minor != 0);
    PassShare {
        pass: pass.to_owned(),
        rows: cleared.rows,
        interchangeable_rows: cleared.interchangeable,
        share_ppm: share_ppm(cleared.rows, rows),
        sums_minor: sums
            .map(|(currency, minor)| (currency.code().to_owned(), minor.to_string()))
            .collect(),
    }
}
