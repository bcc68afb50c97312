//! The pass `subset` at the default bounds: a thousand lumps, each against thirty open rows of its own day. With amounts of
//! a shop nearly every lump has several answers, and the search ends with the second; with amounts so large that chance makes
//! no second one the whole space is walked. The target is ten seconds for either.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tieout::book::passes::{CANDIDATES_MAX, EntriesSeen, MEMBERS_MAX, Pass};
use tieout::matching::residual::{BankItem, PlatformItem, Standing, run};
use tieout::terms::currency::Currency;
use tieout::terms::date::Date;
use tieout::terms::kinds::Direction;

const LUMPS: usize = 1_000;

/// Amounts up to `most` minor units, spread without a pattern (splitmix64).
fn amount_minor(number: usize, most: u64) -> i64 {
    let mut z = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    1 + ((z ^ (z >> 31)) % most) as i64
}

fn subset(criterion: &mut Criterion) {
    for (name, most) in [("several answers", 1_000_000), ("one answer", 1_000_000_000_000)] {
        lumps(criterion, name, most);
    }
}

fn lumps(criterion: &mut Criterion, name: &str, most: u64) {
    let currency = Currency::parse(b"CNY").unwrap();
    let first = Date::from_ymd(2020, 1, 1).unwrap();
    let ids: Vec<String> = (0..LUMPS * CANDIDATES_MAX)
        .map(|number| format!("T{number:06}"))
        .collect();
    let row = |number: usize| PlatformItem {
        id: &ids[number],
        reference: "",
        order_id: "",
        channel_ref: "",
        batch_ref: "",
        currency,
        direction: Direction::Credit,
        amount_minor: amount_minor(number, most),
        channel_fee_minor: 0,
        day: first.plus_days((number / CANDIDATES_MAX) as i32),
        payee: "",
        twin: number as u32,
        may_wait: true,
        standing: Standing::Alone,
    };
    let rows: Vec<PlatformItem<'_>> = (0..ids.len()).map(row).collect();
    let lump = |number: usize| BankItem {
        id: &ids[number],
        account: 0,
        reference: "",
        batch_ref: "",
        remark: "",
        currency,
        direction: Direction::Credit,
        amount_minor: rows[number * CANDIDATES_MAX..][..CANDIDATES_MAX]
            .iter()
            .step_by(5)
            .map(|row| row.amount_minor)
            .sum(),
        day: first.plus_days(number as i32),
        value_date: first.plus_days(number as i32),
        undoes_another: false,
        standing: Standing::Alone,
        is_for_people: false,
    };
    let lumps: Vec<BankItem<'_>> = (0..LUMPS).map(lump).collect();
    let pass = [Pass::Subset {
        days: 0,
        entries: EntriesSeen::All,
        candidates_max: CANDIDATES_MAX,
        members_max: MEMBERS_MAX,
    }];
    let mut group = criterion.benchmark_group("residual");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(LUMPS as u64));
    group.bench_function(format!("subset, {name}"), |bench| {
        bench.iter(|| black_box(run(&pass, first.plus_days(LUMPS as i32), &rows, &lumps)))
    });
    group.finish();
}

criterion_group!(benches, subset);
criterion_main!(benches);
