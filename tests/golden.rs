//! Golden days: whole books in `testdata/days/`, small enough to read, closed day by day and compared byte for byte.
//!
//! `TIEOUT_BLESS=1` rewrites what is expected. Each folder's README.md works the numbers out and names the rules;
//! `expected/DATE/` holds the tables of the close that have rows (a table that is not there is expected to have
//! none), `matched.csv` as the Parquet parts read back, and `exit_code`. Where nothing may be published there is
//! `stopped` instead, with the code and the findings. Further files there are compared too.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use tieout::day::verify::{VerifyOptions, verify};
use tieout::terms::date::Date;

use crate::support::{
    Quiet, close_day, close_folder, copy, files_below, matched_rows, scratch, to_csv, write,
};

/// Tables that are always compared.
const TABLES: [&str; 10] = [
    "accounts.csv",
    "breaks.csv",
    "customers.csv",
    "payouts.csv",
    "positions.csv",
    "rejects.csv",
    "reserve/reserve.json",
    "resolved.csv",
    "trial_balance.csv",
    "matched.csv",
];

#[test]
fn golden_days_close_as_expected() {
    let days = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days");
    let bless = std::env::var_os("TIEOUT_BLESS").is_some();
    let mut failures = String::new();
    let mut names: Vec<_> = fs::read_dir(&days)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    assert!(names.len() >= 30, "{} golden days", names.len());
    for day in names {
        run(&day, bless, &mut failures);
    }
    assert!(failures.is_empty(), "{failures}");
}

/// Closes every date of a book, in order, and compares.
fn run(day: &Path, bless: bool, failures: &mut String) {
    let folder = scratch();
    let book = folder.path();
    copy(day, book, |name| {
        !name.starts_with("expected/") && name != "README.md"
    });
    let mut dates: Vec<String> = fs::read_dir(day.join("inbox"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    dates.sort();
    for date in &dates {
        // Git keeps no empty folders: an inbox without files holds .keep, a hidden file, which is passed over.
        let expected = day.join("expected").join(date);
        let found = close_one(
            book,
            Date::parse(date.as_bytes()).unwrap(),
            &files_below(&expected),
        );
        if bless {
            let _ = fs::remove_dir_all(&expected);
            found
                .iter()
                .for_each(|(name, bytes)| write(&expected.join(name), bytes));
            continue;
        }
        let wanted = files_below(&expected);
        let all: std::collections::BTreeSet<&String> = wanted.iter().chain(found.keys()).collect();
        for name in all {
            let wanted = fs::read(expected.join(name)).unwrap_or_default();
            let found = found.get(name).cloned().unwrap_or_default();
            if wanted != found {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let place = expected.join(name);
                let _ = write!(
                    failures,
                    "{}\n--- expected\n{}--- found\n{}\n",
                    place.display(),
                    text(&wanted),
                    text(&found)
                );
            }
        }
    }
    let options = VerifyOptions {
        root: book.to_path_buf(),
        date: None,
        replay: true,
    };
    if book.join("closes").join(&dates[0]).exists() {
        let report = verify(&options, &Quiet).unwrap();
        if report.exit_code() != 0 {
            let _ = writeln!(
                failures,
                "{}: verify --replay gives {}\n{report:#?}",
                day.display(),
                report.exit_code()
            );
        }
    }
}

/// What a close came to, by file.
fn close_one(book: &Path, date: Date, further: &[String]) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let outcome = match close_day(book, date) {
        Ok(outcome) => outcome,
        Err(stop) => {
            let root = format!("{}/", book.display());
            let text = format!("{}\n{stop}\n", stop.code as u8).replace(&root, "");
            found.insert("stopped".to_owned(), text.into_bytes());
            return found;
        }
    };
    found.insert(
        "exit_code".to_owned(),
        format!("{}\n", outcome.exit_code).into_bytes(),
    );
    let folder = close_folder(book, date);
    let further = further
        .iter()
        .map(String::as_str)
        .filter(|name| !["exit_code", "stopped"].contains(name));
    for name in TABLES.into_iter().chain(further) {
        let bytes = match name {
            "matched.csv" => to_csv(&matched_rows(&folder)).into_bytes(),
            _ => fs::read(folder.join(name)).unwrap_or_default(),
        };
        let is_empty = name.ends_with(".csv") && bytes.iter().filter(|byte| **byte == b'\n').count() < 2;
        if !is_empty && !bytes.is_empty() {
            found.insert(name.to_owned(), bytes);
        }
    }
    found
}

/// The demo's week runs again to the same bytes, and one flipped byte in any sealed file of any of its days is found
/// and named.
#[test]
fn every_day_of_the_demo_is_sealed() {
    let folder = scratch();
    let root = folder.path().join("demo");
    fs::create_dir(&root).unwrap();
    let demo = tieout::demo::write_demo(&root).unwrap();
    for date in &demo.dates {
        close_day(&root, *date).unwrap();
    }
    let check = |date: Option<Date>, replay: bool| {
        let options = VerifyOptions {
            root: root.clone(),
            date,
            replay,
        };
        verify(&options, &Quiet).unwrap()
    };
    let report = check(None, true);
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    for date in &demo.dates {
        let close = close_folder(&root, *date);
        let files = files_below(&close);
        assert!(files.len() > 30, "{files:?}");
        for name in files.iter().filter(|name| *name != "run.json") {
            let whole = fs::read(close.join(name)).unwrap();
            if whole.is_empty() {
                continue;
            }
            let mut altered = whole.clone();
            altered[whole.len() / 2] ^= 1;
            fs::write(close.join(name), &altered).unwrap();
            let report = check(Some(*date), false);
            assert_eq!(report.exit_code(), 65, "{date} {name}: {report:#?}");
            assert!(
                format!("{report:?}").contains(name.as_str()),
                "{date} {name}: {report:#?}"
            );
            fs::write(close.join(name), &whole).unwrap();
        }
    }
    assert_eq!(check(None, false).exit_code(), 0);
}
