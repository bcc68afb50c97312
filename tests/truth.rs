//! Generated books with known truth, closed and compared line by line: every match with its pass and its day, every break with
//! its class and its days, and what stands beside it. The book of a million rows is `scripts/truth.sh`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use tieout::demo::{GenerateFormat, GenerateOptions, PlantedShares, generate};
use tieout::terms::date::Date;

use crate::support::{close_day, close_folder, csv_rows, matched_rows, scratch};

/// A table by the names of its columns.
struct Table {
    columns: BTreeMap<String, usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(mut rows: Vec<Vec<String>>) -> Table {
        let header = match rows.is_empty() {
            true => Vec::new(),
            false => rows.remove(0),
        };
        let columns = header.into_iter().enumerate().map(|(at, name)| (name, at));
        Table {
            columns: columns.collect(),
            rows,
        }
    }

    fn column<'t>(&'t self, row: &'t [String], name: &str) -> &'t str {
        &row[self.columns[name]]
    }
}

/// A line of `matched/` of the bank leg: pass, txn_id, entry_id.
type Matched = (String, String, String);

fn check(options: &GenerateOptions) {
    let root = &options.root;
    generate(options).unwrap();
    let matches = Table::new(csv_rows(&root.join("truth_matches.csv")));
    let breaks = Table::new(csv_rows(&root.join("truth_breaks.csv")));
    let planted: BTreeSet<&str> = breaks
        .rows
        .iter()
        .map(|row| breaks.column(row, "planted"))
        .chain(matches.rows.iter().map(|row| matches.column(row, "planted")))
        .collect();
    let mut shares = options.shares;
    for (kind, ppm) in shares.named() {
        assert!(
            *ppm == 0 || kind == "failed" || planted.contains(kind),
            "no {kind} among {} rows",
            options.rows
        );
    }
    for day in 0..options.days {
        let date = options.date.plus_days(day as i32);
        close_day(root, date).unwrap_or_else(|stop| panic!("{date}: {stop}"));
        compare_matches(root, date, &matches);
        compare_breaks(root, date, &breaks);
        compare_faults(root, date, options);
    }
}

fn compare_matches(root: &Path, date: Date, truth: &Table) {
    let found = Table::new(matched_rows(&close_folder(root, date)));
    let line = |table: &Table, row: &[String]| -> Matched {
        let column = |name| table.column(row, name).to_owned();
        (column("pass"), column("txn_id"), column("entry_id"))
    };
    let found: BTreeSet<Matched> = found
        .rows
        .iter()
        .filter(|row| found.column(row, "leg") == "platform-bank")
        .map(|row| line(&found, row))
        .collect();
    let expected: BTreeSet<Matched> = truth
        .rows
        .iter()
        .filter(|row| truth.column(row, "date") == date.to_string())
        .map(|row| line(truth, row))
        .collect();
    let untrue: Vec<_> = found.difference(&expected).take(20).collect();
    let missed: Vec<_> = expected.difference(&found).take(20).collect();
    assert!(
        untrue.is_empty() && missed.is_empty(),
        "{date}: matched, and not true: {untrue:?}; true, and not matched: {missed:?}"
    );
}

fn compare_breaks(root: &Path, date: Date, truth: &Table) {
    let found = Table::new(csv_rows(&close_folder(root, date).join("breaks.csv")));
    // What the bank has not debited yet stands on a leg of its own.
    let lines: Vec<_> = found
        .rows
        .iter()
        .filter(|row| found.column(row, "leg") == "platform-bank")
        .collect();
    let ids = ["class", "txn_id", "entry_id", "bank_ref", "first_seen"];
    let key = |table: &Table, row: &[String]| ids.map(|name| table.column(row, name).to_owned());
    let candidates: BTreeMap<[String; 5], &str> = lines
        .iter()
        .map(|row| (key(&found, row), found.column(row, "candidates")))
        .collect();
    assert_eq!(candidates.len(), lines.len(), "{date}: a break stands twice");
    let day = date.to_string();
    let open: BTreeMap<[String; 5], &str> = truth
        .rows
        .iter()
        .filter(|row| truth.column(row, "first_seen") <= day.as_str())
        .filter(|row| {
            let resolved = truth.column(row, "resolved");
            resolved.is_empty() || resolved > day.as_str()
        })
        .map(|row| (key(truth, row), truth.column(row, "candidates")))
        .collect();
    let untrue: Vec<_> = candidates
        .keys()
        .filter(|key| !open.contains_key(*key))
        .take(20)
        .collect();
    let missed: Vec<_> = open
        .keys()
        .filter(|key| !candidates.contains_key(*key))
        .take(20)
        .collect();
    assert!(
        untrue.is_empty() && missed.is_empty(),
        "{date}: open, and not true: {untrue:?}; true, and not open: {missed:?}"
    );
    for (key, words) in open {
        for word in words.split_whitespace() {
            let word = word.replace('-', " ");
            assert!(
                candidates[&key].replace('-', " ").contains(&word),
                "{date} {key:?}: `{word}` in `{}`",
                candidates[&key]
            );
        }
    }
}

/// Each fault is among the first ten causes, with all of its day's rows.
fn compare_faults(root: &Path, date: Date, options: &GenerateOptions) {
    let summary = fs::read(close_folder(root, date).join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    let causes: Vec<(&str, u64)> = summary["cause_details"]
        .as_array()
        .unwrap()
        .iter()
        .take(10)
        .map(|cause| (cause["class"].as_str().unwrap(), cause["count"].as_u64().unwrap()))
        .collect();
    for (class, ppm) in [
        "MISSING_AT_BANK",
        "DUPLICATE_AT_BANK",
        "AMOUNT_MISMATCH",
        "VALUE_DATE_MISMATCH",
    ]
    .into_iter()
    .zip(options.shares.faults_ppm)
    {
        let rows = (options.rows * u64::from(ppm) / 1_000_000).max(3);
        assert!(
            ppm == 0 || causes.iter().any(|cause| cause.0 == class && cause.1 >= rows),
            "{date}: {class} of {rows} rows: {:#?}",
            summary["causes"]
        );
    }
}

/// All that can be planted, often enough for small days.
fn all() -> PlantedShares {
    let mut shares = PlantedShares::all();
    for (name, ppm) in shares.named() {
        if !name.starts_with("fault") && name != "failed" {
            *ppm *= 4;
        }
    }
    shares
}

#[test]
fn planted_situations_are_classified_exactly() {
    for (seed, format) in [(1, GenerateFormat::Csv), (2, GenerateFormat::Parquet)] {
        let folder = scratch();
        check(&GenerateOptions {
            days: 5,
            seed,
            format,
            shares: all(),
            // A Thursday before a weekend.
            ..GenerateOptions::new(
                &folder.path().join("book"),
                Date::parse(b"2026-11-19").unwrap(),
                4_000,
            )
        });
    }
}
