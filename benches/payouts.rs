//! Stage 5: sums by merchant to payout lines, one thread. Merchants, not rows, are counted.

#![allow(missing_docs, clippy::unwrap_used)]

mod day;

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tieout::book::merchants::MerchantCode;
use tieout::day::figures::MerchantSums;
use tieout::day::settle::merchant_due_date;
use tieout::day::state::State;
use tieout::fees::FeeTable;
use tieout::payouts::{PayoutInputs, settle_day};
use tieout::terms::date::Date;

fn payouts(criterion: &mut Criterion) {
    let (_folder, book) = day::book(2_000_000 / 10);
    let fees = FeeTable::new(&book.settings, &book.merchants).ok().unwrap();
    let state = State::default();
    let sums: Vec<MerchantSums> = (0..book.merchants.len() as u32)
        .map(|code| {
            let mut sums = MerchantSums::zero(MerchantCode(code), day::cny());
            sums.payment_count = 200;
            sums.gross_minor = 1_000_000 + i128::from(code);
            sums.fee_minor = 6_000;
            sums
        })
        .collect();
    let due_date = |merchant: MerchantCode, date: Date| merchant_due_date(&book, merchant, date);
    let inputs = PayoutInputs {
        settings: &book.settings,
        merchants: &book.merchants,
        fees: &fees,
        business_date: day::date(),
        execution_date: Date(day::date().0 + 3),
        sums: &sums,
        state: &state,
        returned: &[],
        moves: &[],
        due_date: &due_date,
    };
    let mut group = criterion.benchmark_group("payouts");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(sums.len() as u64));
    group.bench_function("settle_day", |bench| {
        bench.iter(|| black_box(settle_day(&inputs, &BTreeSet::new()).ok().unwrap().lines.len()));
    });
    group.finish();
}

criterion_group!(benches, payouts);
criterion_main!(benches);
