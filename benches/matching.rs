//! Stage 2: the exact pass over all partitions, one thread. Rows are those of both sides.

#![allow(missing_docs, clippy::unwrap_used)]

mod day;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tieout::matching::exact::partition_bits;

fn matching(criterion: &mut Criterion) {
    let rows = 524_288;
    let left = day::blocks(&day::rows(rows, 'T', 1_000), day::platform_meta());
    let right = day::blocks(&day::rows(rows, 'B', 1), day::bank_meta());
    let bits = partition_bits(rows);
    assert_eq!(
        day::pairs(&left, &right, bits).len(),
        rows,
        "every row has its counterpart"
    );
    let mut group = criterion.benchmark_group("matching");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(2 * rows as u64));
    group.bench_function("match_partition", |bench| {
        bench.iter(|| black_box(day::pairs(&left, &right, bits)))
    });
    group.finish();
}

criterion_group!(benches, matching);
criterion_main!(benches);
