//! Stage 8, causes of breaks: a million breaks of a day of ten million rows, three causes and 200,000 breaks without one.
//! The target is a second.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};

use tieout::causes::{Causes, Columns, Row, Side, find};
use tieout::terms::currency::Currency;

const BREAKS: usize = 1_000_000;
const SAMPLED: usize = 1_024;
const CHANNELS: [&str; 3] = ["WECHAT", "UNIONPAY", "BANK"];

struct Texts {
    ids: Vec<String>,
    merchants: Vec<String>,
}

/// SplitMix64.
fn mixed(n: usize, salt: u64) -> u64 {
    let x = (n as u64 * 16 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn row<'a>(texts: &'a Texts, n: usize, id: usize, seconds: i64, line: u64) -> Row<'a> {
    Row {
        id: &texts.ids[id],
        channel: CHANNELS[(mixed(n, 1) % 3) as usize],
        merchant: &texts.merchants[(mixed(n, 2) % 5_000) as usize],
        txn_type: if mixed(n, 3).is_multiple_of(20) {
            "REFUND"
        } else {
            "PAYMENT"
        },
        direction: "C",
        account: if mixed(n, 4).is_multiple_of(3) {
            "RA2"
        } else {
            "RA1"
        },
        batch: "",
        first_seen: "2026-11-20",
        status: "SUCCESS",
        currency: Currency::parse(b"CNY").expect("a currency"),
        seconds: Some(seconds),
        value_days: Some(0),
        amount_minor: 1_000 + (mixed(n, 5) % 900_000) as i64,
        fee_minor: 0,
        fee_due_minor: None,
        file: "platform/p.csv",
        line,
    }
}

/// Breaks in the order of breaks.csv: amounts one fen off, fees of a wrong rate, a lost segment, and breaks without a cause.
fn columns(texts: &Texts) -> Columns<'_> {
    let legs = ["platform-bank", "platform-wechat"].map(str::to_owned).to_vec();
    let mut columns = Columns::new(legs, 0);
    let anywhere = |n: usize| (mixed(n, 6) % 86_400) as i64;
    for n in 0..200_000 {
        let left = row(texts, n, n, anywhere(n), n as u64 * 50);
        let right = Row {
            amount_minor: left.amount_minor - 1,
            ..left
        };
        columns.push(0, "AMOUNT_MISMATCH", Some(&left), Some(&right));
    }
    for n in 200_000..800_000 {
        let is_scattered = n % 3 == 0;
        let seconds = if is_scattered {
            anywhere(n)
        } else {
            36_000 + (n as i64 - 200_000) / 200
        };
        let line = if is_scattered {
            mixed(n, 7) % 10_000_000
        } else {
            n as u64 + 3_000_000
        };
        columns.push(0, "MISSING_AT_BANK", Some(&row(texts, n, n, seconds, line)), None);
    }
    for n in 800_000..BREAKS {
        let left = Row {
            channel: "WECHAT",
            ..row(texts, n, n, 50_400 + anywhere(n) % 36_000, n as u64)
        };
        let fee = |rate: i64| (left.amount_minor * rate + 500_000) / 1_000_000;
        let right = Row {
            fee_minor: fee(6_000),
            fee_due_minor: Some(fee(5_400)),
            ..left
        };
        columns.push(1, "FEE_MISMATCH", Some(&left), Some(&right));
    }
    for n in 0..SAMPLED {
        let left = row(
            texts,
            n,
            n * (BREAKS / SAMPLED),
            (n * 86_400 / SAMPLED) as i64,
            n as u64 * 9_765,
        );
        for side in [Side::Left, Side::Right] {
            columns.push_sample(0, side, &left);
            columns.push_sample(
                1,
                side,
                &Row {
                    channel: "WECHAT",
                    ..left
                },
            );
        }
    }
    for leg in &mut columns.samples {
        leg.iter_mut().for_each(|side| side.rows_all = 10_000_000);
    }
    columns
}

fn told(causes: &Causes) {
    for cause in &causes.list {
        eprintln!(
            "{} {} {:?} {:?}",
            cause.count, cause.class, cause.what, cause.places
        );
    }
}

fn causes(criterion: &mut Criterion) {
    let texts = Texts {
        ids: (0..BREAKS).map(|n| format!("T20261120-{n:09}")).collect(),
        merchants: (0..5_000).map(|n| format!("M{n:05}")).collect(),
    };
    let columns = columns(&texts);
    told(&find(&columns));
    let mut group = criterion.benchmark_group("causes");
    group.sample_size(10);
    group.bench_function("1,000,000 breaks", |bencher| {
        bencher.iter(|| black_box(find(&columns)));
    });
    group.finish();
}

criterion_group!(benches, causes);
criterion_main!(benches);
