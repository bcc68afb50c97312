//! Between stages 1 and 2: typed rows to blocks sorted by the hash of their key, one thread.

#![allow(missing_docs, clippy::unwrap_used)]

mod day;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn entries(criterion: &mut Criterion) {
    let rows = day::rows(262_144, 'T', 1_000);
    let mut group = criterion.benchmark_group("entries");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(rows.len() as u64));
    group.bench_function("build blocks", |bench| {
        bench.iter(|| black_box(day::blocks(&rows, day::platform_meta())));
    });
    let blocks = day::blocks(&rows, day::platform_meta());
    group.bench_function("to_batch", |bench| {
        bench.iter(|| {
            black_box(
                blocks
                    .iter()
                    .map(|block| block.to_batch().unwrap().num_rows())
                    .sum::<usize>(),
            )
        });
    });
    group.finish();
}

criterion_group!(benches, entries);
criterion_main!(benches);
