//! A slow, obvious matcher and netter, written from SPEC §5, §6 and R4 to R8, R10, R11, R16, R17, R19, R20, against the
//! engine on many small random books: few references, so that rows collide; two currencies, three days, both policies.
//!
//! Nothing of the engine is used but `terms::money` and the calendar day. The reserve's verdict is kept out
//! (`on_shortfall = "publish"`), and so are later passes, wallets, purposes and the payout leg but for its listing.

mod day;
pub mod rows;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tieout::terms::date::Date;

use crate::support::{close_day, close_folder, csv_rows, matched_rows, scratch, write};
use day::{Oracle, Told};
use rows::{Random, World};

/// Books tried.
const BOOKS: u64 = 512;

#[test]
fn random_books_close_as_the_oracle_says() {
    let next = AtomicU64::new(0);
    let seen: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let threads = std::thread::available_parallelism()
        .map_or(2, usize::from)
        .clamp(2, 8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= BOOKS {
                        break;
                    }
                    let told = pool.install(|| one_book(seed));
                    let mut seen = seen.lock().unwrap();
                    for (name, count) in told {
                        *seen.entry(name).or_default() += count;
                    }
                }
            });
        }
    });
    // Books in which nothing happens would prove nothing.
    let seen = seen.into_inner().unwrap();
    for what in [
        "ID_CONFLICT",
        "DUPLICATE_AT_PLATFORM",
        "DUPLICATE_AT_BANK",
        "MISSING_AT_BANK",
        "MISSING_AT_PLATFORM",
        "STATUS_MISMATCH",
        "CURRENCY_MISMATCH",
        "DIRECTION_MISMATCH",
        "AMOUNT_MISMATCH",
        "VALUE_DATE_MISMATCH",
        "matched",
        "payouts",
        "paid",
        "fee returned",
    ] {
        assert!(
            seen.get(what).is_some_and(|count| *count >= 100),
            "{what} is rare: {seen:?}"
        );
    }
}

/// Closes three days of a random book and compares each with the oracle. Tells what occurred, how often.
fn one_book(seed: u64) -> BTreeMap<String, usize> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut random = Random(seed);
    let mut world = World::new(&mut random);
    let folder = scratch();
    let root = folder.path();
    write(&root.join("book.toml"), world.settings());
    write(&root.join("merchants.csv"), world.master());
    let mut oracle = Oracle::new(&world);
    // Thursday, Friday, Saturday: cycles meet the weekend.
    for number in 0..3 {
        let date = Date::parse(b"2026-03-05").unwrap().plus_days(number);
        let (left, right) = world.deliver(&mut random, date);
        let inbox = root.join("inbox").join(date.to_string());
        write(&inbox.join("platform.csv"), rows::platform_csv(&left));
        write(&inbox.join("bank.csv"), rows::bank_csv(&right));
        let expected = oracle.close(date, &left, &right);
        if let Err(stop) = close_day(root, date) {
            panic!("book {seed}, {date}: {stop}");
        }
        let found = published(&close_folder(root, date));
        for (name, expected) in &expected.tables {
            let found = &found.tables[name];
            assert!(
                found == expected,
                "book {seed}, {date}, {name}\nonly the engine: {:#?}\nonly the oracle: {:#?}\nplatform\n{}bank\n{}{}",
                only_in(found, expected),
                only_in(expected, found),
                rows::platform_csv(&left),
                rows::bank_csv(&right),
                world.master(),
            );
        }
        for (name, lines) in &expected.tables {
            *seen.entry((*name).to_owned()).or_default() += lines.len();
        }
        for line in &expected.tables["breaks"] {
            *seen
                .entry(line.split('|').nth(1).unwrap().to_owned())
                .or_default() += 1;
        }
        for (what, column) in [("paid", "payout_minor"), ("fee returned", "fee_returned_minor")] {
            let at = day::PAYOUT_COLUMNS
                .iter()
                .position(|name| *name == column)
                .unwrap();
            let lines = expected.tables["payouts"].iter();
            *seen.entry(what.to_owned()).or_default() +=
                lines.filter(|line| line.split('|').nth(at) != Some("0")).count();
        }
    }
    seen
}

fn only_in<'a>(one: &'a [String], other: &[String]) -> Vec<&'a String> {
    let mut counts: BTreeMap<&String, i64> = BTreeMap::new();
    other
        .iter()
        .for_each(|line| *counts.entry(line).or_default() += 1);
    one.iter()
        .filter(|line| {
            let count = counts.entry(line).or_default();
            *count -= 1;
            *count < 0
        })
        .collect()
}

/// What the engine published, in the oracle's words.
fn published(close: &Path) -> Told {
    let pick = |table: &[Vec<String>], names: &[&str]| -> Vec<String> {
        let Some((header, rows)) = table.split_first() else {
            return Vec::new();
        };
        let place = |name: &&str| {
            header
                .iter()
                .position(|h| h == name)
                .unwrap_or_else(|| panic!("{name}: {header:?}"))
        };
        let places: Vec<usize> = names.iter().map(place).collect();
        let mut lines: Vec<String> = rows
            .iter()
            .map(|row| {
                places
                    .iter()
                    .map(|at| row[*at].as_str())
                    .collect::<Vec<_>>()
                    .join("|")
            })
            .collect();
        lines.sort();
        lines
    };
    let mut told = Told::default();
    let breaks = csv_rows(&close.join("breaks.csv"));
    told.tables.insert("breaks", pick(&breaks, &day::BREAK_COLUMNS));
    told.tables.insert(
        "payouts",
        pick(&csv_rows(&close.join("payouts.csv")), &day::PAYOUT_COLUMNS),
    );
    told.tables
        .insert("matched", pick(&matched_rows(close), &day::MATCHED_COLUMNS));
    told
}
