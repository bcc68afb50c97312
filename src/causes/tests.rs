//! A day of 20,000 rows with planted causes, alone and three at a time, among breaks that have none.

use super::*;
use crate::report::causes::{DayClock, lines};
use crate::terms::date::Date;

const ROWS: usize = 20_000;
const LEGS: [&str; 2] = ["platform-bank", "platform-wechat"];
/// Local midnight of the day.
const MIDNIGHT: i64 = 20_777 * 86_400;
const CHANNELS: [&str; 3] = ["WECHAT", "UNIONPAY", "BANK"];

/// A row of the day, as both sides should have it.
#[derive(Clone, Debug)]
struct Txn {
    id: String,
    entry: String,
    channel: &'static str,
    merchant: String,
    txn_type: &'static str,
    account: &'static str,
    seconds: i64,
    amount_minor: i64,
    file: &'static str,
    line: u64,
}

fn cny() -> Currency {
    Currency::parse(b"CNY").unwrap()
}

/// A multiplicative congruence: the same rows every time.
fn mixed(n: usize, salt: u64) -> u64 {
    let x = (n as u64 + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(salt.wrapping_mul(0xd134_2543_de82_ef95));
    (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

/// Rows in the order of time, one file; `shuffled` puts the lines in no order and takes the order out of the ids.
fn day(shuffled: bool) -> Vec<Txn> {
    (0..ROWS)
        .map(|n| {
            let is_refund = mixed(n, 1).is_multiple_of(20);
            let scattered = (n * 7_919) % ROWS;
            let place = if shuffled { scattered } else { n };
            Txn {
                id: format!("T{:08}", if shuffled { (n * 104_729) % 1_000_003 } else { n }),
                entry: format!("E{:08}", if shuffled { (n * 15_485_863) % 1_000_003 } else { n }),
                channel: CHANNELS[(mixed(n, 2) % 10 / 4) as usize],
                merchant: format!("M{:03}", mixed(n, 3) % 60),
                txn_type: if is_refund { "REFUND" } else { "PAYMENT" },
                account: if mixed(n, 4).is_multiple_of(3) {
                    "RA2"
                } else {
                    "RA1"
                },
                seconds: MIDNIGHT + (n as i64) * 86_400 / ROWS as i64,
                amount_minor: 1_000 + (mixed(n, 5) % 500_000) as i64,
                file: "platform/p.csv",
                line: place as u64 + 2,
            }
        })
        .collect()
}

fn left(txn: &Txn) -> Row<'_> {
    Row {
        id: &txn.id,
        channel: txn.channel,
        merchant: &txn.merchant,
        txn_type: txn.txn_type,
        direction: if txn.txn_type == "REFUND" { "D" } else { "C" },
        account: "",
        batch: "",
        first_seen: "2026-11-20",
        status: "SUCCESS",
        currency: cny(),
        seconds: Some(txn.seconds),
        value_days: None,
        amount_minor: txn.amount_minor,
        fee_minor: 0,
        fee_due_minor: None,
        file: txn.file,
        line: txn.line,
    }
}

fn right(txn: &Txn) -> Row<'_> {
    Row {
        id: &txn.entry,
        channel: "",
        merchant: "",
        txn_type: "",
        account: txn.account,
        seconds: Some(txn.seconds + 90),
        value_days: Some(0),
        file: "bank/b.csv",
        ..left(txn)
    }
}

fn at_channel(txn: &Txn, rate_ppm: i64) -> Row<'_> {
    Row {
        channel: txn.channel,
        account: "",
        fee_minor: rates::applied(txn.amount_minor, rate_ppm) as i64,
        fee_due_minor: Some(rates::applied(txn.amount_minor, 5_400) as i64),
        file: "wechat/w.csv",
        ..right(txn)
    }
}

/// A break: leg, class, sides.
type Planted<'a> = (u16, &'static str, Option<Row<'a>>, Option<Row<'a>>);

/// What is planted, and the words by which it must be named.
const PLANTED: [(&str, &str); 10] = [
    (
        "fee step",
        "channel WECHAT fee rate 0.60% instead of 0.54% from 14:00",
    ),
    (
        "lost segment",
        "lines 4,002–5,001 of platform/p.csv missing at bank",
    ),
    ("clock", "clock 8 hours off (ahead)"),
    ("batch twice", "batch sent twice by the bank"),
    ("one fen", "amount 0.01 lower on the other side"),
    ("net of fee", "account RA2 amount 0.60% lower than the platform's"),
    ("references swapped", "amounts exchanged"),
    ("currency", "merchant M007 currency USD instead of CNY"),
    ("sign", "direction turned"),
    ("refunds", "REFUND rows missing at bank"),
];

fn plant<'a>(kind: &str, rows: &'a [Txn], breaks: &mut Vec<Planted<'a>>) {
    let bank = |class, left, right| (0u16, class, left, right);
    // Each kind takes rows of its own, so that kinds can stand together.
    let own = |salt: usize| move |(n, _): &(usize, &Txn)| n % 10 == salt;
    let all = || rows.iter().enumerate();
    match kind {
        "fee step" => {
            let from = MIDNIGHT + 14 * 3600;
            let hit = all().filter(|(_, txn)| txn.channel == "WECHAT" && txn.seconds >= from);
            breaks.extend(
                hit.map(|(_, txn)| (1, "FEE_MISMATCH", Some(left(txn)), Some(at_channel(txn, 6_000)))),
            );
        }
        "lost segment" => {
            let hit = rows.iter().filter(|txn| (4_002..=5_001).contains(&txn.line));
            breaks.extend(hit.map(|txn| bank("MISSING_AT_BANK", Some(left(txn)), None)));
        }
        "clock" => {
            let late = all()
                .filter(|(_, txn)| txn.seconds >= MIDNIGHT + 16 * 3600)
                .filter(own(2));
            breaks.extend(late.map(|(n, txn)| {
                let seconds = Some(txn.seconds + 8 * 3600 + (n % 600) as i64);
                let entry = Row {
                    seconds,
                    value_days: Some(1),
                    ..right(txn)
                };
                bank("VALUE_DATE_MISMATCH", Some(left(txn)), Some(entry))
            }));
        }
        "batch twice" => {
            let hit = all().filter(|(n, _)| (9_000..9_400).contains(n));
            breaks.extend(hit.map(|(_, txn)| bank("DUPLICATE_AT_BANK", None, Some(right(txn)))));
        }
        "one fen" => {
            let hit = all().filter(own(4)).step_by(8);
            breaks.extend(hit.map(|(_, txn)| {
                let entry = Row {
                    amount_minor: txn.amount_minor - 1,
                    ..right(txn)
                };
                bank("AMOUNT_MISMATCH", Some(left(txn)), Some(entry))
            }));
        }
        "net of fee" => {
            let hit = all().filter(own(5)).filter(|(_, txn)| txn.account == "RA2");
            breaks.extend(hit.map(|(_, txn)| {
                let fee = rates::applied(txn.amount_minor, 6_000) as i64;
                let entry = Row {
                    amount_minor: txn.amount_minor - fee,
                    ..right(txn)
                };
                bank("AMOUNT_MISMATCH", Some(left(txn)), Some(entry))
            }));
        }
        "references swapped" => {
            let hit: Vec<&Txn> = all().filter(own(6)).step_by(16).map(|(_, txn)| txn).collect();
            for pair in hit.chunks_exact(2) {
                for (own, other) in [(pair[0], pair[1]), (pair[1], pair[0])] {
                    let entry = Row {
                        amount_minor: other.amount_minor,
                        ..right(own)
                    };
                    breaks.push(bank("AMOUNT_MISMATCH", Some(left(own)), Some(entry)));
                }
            }
        }
        "currency" => {
            let hit = all().filter(own(7)).filter(|(_, txn)| txn.merchant == "M007");
            breaks.extend(hit.map(|(_, txn)| {
                let entry = Row {
                    currency: Currency::parse(b"USD").unwrap(),
                    ..right(txn)
                };
                bank("CURRENCY_MISMATCH", Some(left(txn)), Some(entry))
            }));
        }
        "sign" => {
            let hit = all()
                .filter(own(8))
                .filter(|(_, txn)| txn.account == "RA2")
                .step_by(4);
            breaks.extend(hit.map(|(_, txn)| {
                let entry = Row {
                    direction: "D",
                    ..right(txn)
                };
                bank("DIRECTION_MISMATCH", Some(left(txn)), Some(entry))
            }));
        }
        "refunds" => {
            let hit = all().filter(own(9)).filter(|(_, txn)| txn.txn_type == "REFUND");
            breaks.extend(hit.map(|(_, txn)| bank("MISSING_AT_BANK", Some(left(txn)), None)));
        }
        _ => panic!("{kind}"),
    }
}

/// Breaks of every kind that nothing explains, one row in a thousand.
fn noise(rows: &[Txn]) -> Vec<Planted<'_>> {
    let mut breaks = Vec::new();
    for (n, txn) in rows.iter().enumerate() {
        match mixed(n, 6) % 1_000 {
            0 => breaks.push((0, "MISSING_AT_BANK", Some(left(txn)), None)),
            1 => breaks.push((0, "MISSING_AT_PLATFORM", None, Some(right(txn)))),
            2 => {
                let amount_minor = txn.amount_minor + 1 + (mixed(n, 7) % 9_000) as i64;
                let entry = Row {
                    amount_minor,
                    ..right(txn)
                };
                breaks.push((0, "AMOUNT_MISMATCH", Some(left(txn)), Some(entry)));
            }
            _ => {}
        }
    }
    breaks
}

/// The causes of some breaks of a day, with every `sampled`-th row of it as sample.
fn found(rows: &[Txn], mut breaks: Vec<Planted<'_>>, sampled: usize) -> Causes {
    let key = |row: &Option<Row<'_>>| row.map_or(String::new(), |row| row.id.to_owned());
    breaks.sort_by_key(|(leg, class, left, right)| (LEGS[usize::from(*leg)], *class, key(left), key(right)));
    let mut columns = Columns::new(LEGS.map(str::to_owned).to_vec(), MIDNIGHT);
    for (leg, class, left, right) in &breaks {
        columns.push(*leg, class, left.as_ref(), right.as_ref());
    }
    for txn in rows.iter().step_by(sampled) {
        columns.push_sample(0, Side::Left, &left(txn));
        columns.push_sample(0, Side::Right, &right(txn));
        if txn.channel == "WECHAT" {
            columns.push_sample(1, Side::Left, &left(txn));
            columns.push_sample(1, Side::Right, &at_channel(txn, 5_400));
        }
    }
    let wechat = rows.iter().filter(|txn| txn.channel == "WECHAT").count() as u64;
    for (leg, count) in [(0, ROWS as u64), (1, wechat)] {
        columns.samples[leg]
            .iter_mut()
            .for_each(|sample| sample.rows_all = count);
    }
    find(&columns)
}

fn told(causes: &Causes) -> Vec<String> {
    let clock = DayClock {
        business_date: Date(20_777),
        cut_off_minutes: 0,
    };
    lines(&causes.list, clock)
        .iter()
        .map(|line| line.sentence())
        .collect()
}

#[track_caller]
fn names(kinds: &[usize], causes: &Causes) {
    let told = told(causes);
    for kind in kinds {
        let (name, words) = PLANTED[*kind];
        assert!(
            told.iter().take(10).any(|text| text.contains(words)),
            "{name}: no `{words}` among\n{}",
            told.join("\n")
        );
    }
    assert!(
        told.len() <= kinds.len() + 1,
        "{kinds:?}: more causes than planted\n{}",
        told.join("\n")
    );
}

#[test]
fn breaks_without_a_cause_have_none() {
    for shuffled in [false, true] {
        let rows = day(shuffled);
        let causes = found(&rows, noise(&rows), 20);
        assert!(causes.list.is_empty(), "{:#?}", told(&causes));
        assert!(found(&rows, Vec::new(), 20).list.is_empty());
    }
}

#[test]
fn planted_causes_are_named_alone_and_three_at_a_time() {
    let rows = day(false);
    let mut sets: Vec<Vec<usize>> = (0..PLANTED.len()).map(|kind| vec![kind]).collect();
    for a in 0..PLANTED.len() {
        for b in a + 1..PLANTED.len() {
            sets.extend((b + 1..PLANTED.len()).map(|c| vec![a, b, c]));
        }
    }
    for kinds in sets {
        let mut breaks = noise(&rows);
        kinds
            .iter()
            .for_each(|kind| plant(PLANTED[*kind].0, &rows, &mut breaks));
        names(&kinds, &found(&rows, breaks, 20));
    }
}

#[test]
fn all_ten_at_once_are_named() {
    let rows = day(false);
    let mut breaks = noise(&rows);
    PLANTED
        .iter()
        .for_each(|(kind, _)| plant(kind, &rows, &mut breaks));
    let causes = found(&rows, breaks, 20);
    names(&(0..PLANTED.len()).collect::<Vec<_>>(), &causes);
    let covered: u64 = causes.list.iter().map(|cause| cause.count).sum();
    assert_eq!(
        covered,
        causes.numbers.iter().filter(|number| **number > 0).count() as u64
    );
}

#[test]
fn lines_of_a_file_in_no_order_are_named_and_change_nothing_else() {
    let rows = day(true);
    let mut breaks = noise(&rows);
    plant("lost segment", &rows, &mut breaks);
    plant("one fen", &rows, &mut breaks);
    let causes = found(&rows, breaks, 20);
    names(&[1, 4], &causes);
    let by_lines: Vec<bool> = causes.list.iter().map(Cause::is_known_by_lines).collect();
    assert_eq!(by_lines, [false, true], "{:#?}", told(&causes));

    // The same breaks with the lines torn apart: the other cause stands as it was.
    let mut torn = rows.clone();
    (0..ROWS).for_each(|n| torn[n].line = (n as u64 * 6_007) % ROWS as u64 + 2);
    let lost: Vec<usize> = (0..ROWS)
        .filter(|n| (4_002..=5_001).contains(&rows[*n].line))
        .collect();
    let mut breaks = noise(&torn);
    breaks.extend(
        lost.iter()
            .map(|n| (0, "MISSING_AT_BANK", Some(left(&torn[*n])), None)),
    );
    plant("one fen", &torn, &mut breaks);
    let again = found(&torn, breaks, 20);
    assert_eq!(again.list, causes.list[..1], "{:#?}", told(&again));
}

#[test]
fn whole_legs_and_ids_are_told() {
    let rows = day(false);
    // The bank's file is empty.
    let all = rows
        .iter()
        .map(|txn| (0, "MISSING_AT_BANK", Some(left(txn)), None))
        .collect();
    let told_all = told(&found(&rows, all, 20));
    assert!(
        told_all[0].starts_with("nearly every row missing at bank: 20,000 breaks"),
        "{told_all:?}"
    );

    // Entries with days and no times: the order of ids tells the segment.
    let undated: Vec<Planted<'_>> = noise(&rows)
        .into_iter()
        .chain(
            rows[7_000..7_300]
                .iter()
                .map(|txn| (0, "MISSING_AT_PLATFORM", None, Some(right(txn)))),
        )
        .map(|(leg, class, left, right)| {
            let right = right.map(|row| Row {
                seconds: None,
                line: row.line * 3 % 20_011,
                ..row
            });
            (leg, class, left, right)
        })
        .collect();
    let told_ids = told(&found(&rows, undated, 20));
    assert!(
        told_ids[0].contains("ids E00007000 to E00007299 missing at platform: 30"),
        "{told_ids:?}"
    );
}
