//! Stage 8: agreed rows to a part of `matched/`, encoded and compressed, into memory.

#![allow(missing_docs, clippy::unwrap_used)]

mod day;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tieout::report::matched::{Lines, Names, ROW_GROUP_ROWS, write_parts};

fn matched(criterion: &mut Criterion) {
    let rows = day::rows(2 * ROW_GROUP_ROWS, 'T', 1_000);
    let merchants: Vec<String> = (0..1_000).map(|merchant| format!("M{merchant:08}")).collect();
    let names = Names::new(merchants.iter().map(String::as_str), ["RA1"].into_iter());
    let fill = |_: usize, group: usize, lines: &mut Lines| {
        lines
            .runs
            .push(("platform-bank".to_owned(), "exact".to_owned(), ROW_GROUP_ROWS));
        for row in &rows[group * ROW_GROUP_ROWS..(group + 1) * ROW_GROUP_ROWS] {
            lines.txn_id.push(row.id.as_bytes());
            lines.entry_id.push(row.id.as_bytes());
            lines.bank_ref.push(row.key.as_bytes());
            lines.merchant.push(row.owner);
            lines.txn_type.push(0);
            lines.account.push(0);
            lines.currency.push(u32::from(day::cny().index()));
            lines.amount_minor.push(row.amount_minor);
            lines.fee_minor.push(Some(row.amount_minor / 200));
        }
        Ok(())
    };
    let mut group = criterion.benchmark_group("matched");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(rows.len() as u64));
    group.bench_function("write_parts", |bench| {
        bench.iter(|| {
            black_box(
                write_parts(vec![(Vec::new(), 2)], &names, &fill)
                    .ok()
                    .unwrap()
                    .len(),
            )
        });
    });
    group.finish();
}

criterion_group!(benches, matched);
criterion_main!(benches);
