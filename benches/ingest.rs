//! Stage 1: bytes of canonical CSV and Parquet to typed rows, one thread.

#![allow(missing_docs, clippy::unwrap_used)]

mod day;

use std::fs::File;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tieout::book::settings::Role;
use tieout::demo::GenerateFormat;
use tieout::entries::rows::{BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink};
use tieout::ingest::canonical::context::ReadContext;
use tieout::ingest::canonical::{Work, bind_header, parse_block};
use tieout::ingest::csv_blocks::{BlockBytes, BlockReader};
use tieout::ingest::parquet::{Columns, ParquetFile};

/// Adds amounts up, so that no field can be skipped.
#[derive(Default)]
struct Sum(i128);

impl RowSink for Sum {
    fn platform(&mut self, row: &PlatformRow<'_>) {
        self.0 += i128::from(row.amount_minor) + row.bank_ref.len() as i128;
    }
    fn bank(&mut self, row: &BankRow<'_>) {
        self.0 += i128::from(row.amount_minor) + row.bank_ref.len() as i128;
    }
    fn channel(&mut self, row: &ChannelRow<'_>) {
        self.0 += i128::from(row.amount_minor);
    }
    fn balance(&mut self, row: &BalanceRow) {
        self.0 += i128::from(row.closing_minor);
    }
    fn reject(&mut self, reject: Reject) {
        assert!(reject.field.is_empty(), "generated rows are read: {reject:?}");
    }
    fn not_booked(&mut self, _: Place) {}
}

fn ingest(criterion: &mut Criterion) {
    let rows = 200_000;
    let (_folder, book) = day::book(rows);
    let mut group = criterion.benchmark_group("ingest");
    group.sample_size(10);
    for (role, name) in [(Role::Platform, "platform"), (Role::Bank, "bank")] {
        let path = book.layout.inbox(day::date()).join(format!("{name}.csv"));
        let source = book
            .settings
            .sources
            .iter()
            .find(|source| source.role == role)
            .unwrap();
        let context = ReadContext::new(&book.settings, source, None);
        group.throughput(Throughput::Bytes(path.metadata().unwrap().len()));
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let reader = BlockReader::new(Box::new(File::open(&path).unwrap()), None).unwrap();
                let binding = bind_header(role, reader.header(), &context).ok().unwrap();
                let (mut buffer, mut work, mut sum) =
                    (BlockBytes::default(), Work::default(), Sum::default());
                while let Some(head) = reader.next_block(&mut buffer).ok().unwrap() {
                    parse_block(&binding, &head, &buffer, &context, &mut work, &mut sum)
                        .ok()
                        .unwrap();
                }
                black_box(sum.0)
            });
        });
    }
    group.finish();
}

/// The same rows from Parquet; its throughput is in rows, for the bytes of two formats cannot be compared.
fn parquet(criterion: &mut Criterion) {
    let rows = 200_000;
    let (_folder, book) = day::book_of(rows, GenerateFormat::Parquet);
    let mut group = criterion.benchmark_group("ingest");
    group.sample_size(10);
    for (role, name) in [(Role::Platform, "platform"), (Role::Bank, "bank")] {
        let path = book.layout.inbox(day::date()).join(format!("{name}.parquet"));
        let source = book
            .settings
            .sources
            .iter()
            .find(|source| source.role == role)
            .unwrap();
        let context = ReadContext::new(&book.settings, source, None);
        let file = ParquetFile::open(&path, role, &context).ok().unwrap();
        group.throughput(Throughput::Elements(file.rows()));
        group.bench_function(format!("{name}-parquet"), |bench| {
            bench.iter(|| {
                let mut sum = Sum::default();
                for row_group in 0..file.row_groups() {
                    file.read_row_group(row_group, Columns::Judged, &context, &mut sum)
                        .ok()
                        .unwrap();
                }
                black_box(sum.0)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, ingest, parquet);
criterion_main!(benches);
