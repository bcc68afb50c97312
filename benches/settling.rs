//! Stage 3: agreed pairs to fees and sums by merchant.

#![allow(missing_docs, clippy::unwrap_used)]

mod day;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tieout::fees::FeeTable;
use tieout::matching::exact::partition_bits;
use tieout::matching::met::Met;
use tieout::settling::{LegRows, settle_pairs};

fn settling(criterion: &mut Criterion) {
    let rows = 524_288;
    let (_folder, book) = day::book(200_000);
    let owners = book.merchants.len() as u32;
    let left = day::blocks(&day::rows(rows, 'T', owners), day::platform_meta());
    let right = day::blocks(&day::rows(rows, 'B', 1), day::bank_meta());
    let bits = partition_bits(rows);
    let pairs = day::pairs(&left, &right, bits);
    let met = Met::new(&left);
    for pair in &pairs {
        met.set(*pair, 0, bits);
    }
    let leg = LegRows {
        left: &left,
        met: &met,
        ends_at_bank: true,
    };
    let fees = FeeTable::new(&book.settings, &book.merchants).ok().unwrap();
    let context = day::settling(&book, &fees);
    let mut group = criterion.benchmark_group("settling");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(pairs.len() as u64));
    group.bench_function("settle_pairs", |bench| {
        bench.iter(|| {
            black_box(
                settle_pairs(&leg, &|_, _| true, &context)
                    .ok()
                    .unwrap()
                    .fees
                    .len(),
            )
        });
    });
    group.finish();
}

criterion_group!(benches, settling);
criterion_main!(benches);
