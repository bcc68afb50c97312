//! What must change nothing but itself (R32, R40), and what must tie, on a book in which every pass has work: other ids, one
//! more matched pair, one more account; fates; sums from day to day. Orders, splits and threads: `determinism`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tieout::demo::{GenerateOptions, PlantedShares, generate};
use tieout::terms::date::Date;

use crate::support::{close_day, close_folder, copy, csv_rows, files_below, matched_rows, scratch, to_csv};

/// A table as records by column name.
type Records = Vec<BTreeMap<String, String>>;

const DAYS: u32 = 3;

fn first() -> Date {
    Date::parse(b"2026-11-19").unwrap()
}

fn dates() -> Vec<Date> {
    (0..DAYS).map(|day| first().plus_days(day as i32)).collect()
}

/// A book with all situations, not closed.
fn book() -> TempDir {
    let folder = scratch();
    let mut shares = PlantedShares::all();
    shares.situations_ppm.iter_mut().for_each(|ppm| *ppm *= 4);
    let options = GenerateOptions {
        days: DAYS,
        seed: 5,
        shares,
        ..GenerateOptions::new(folder.path(), first(), 1_500)
    };
    generate(&options).unwrap();
    folder
}

/// A copy of a book with a change, closed.
fn closed(book: &Path, change: &dyn Fn(&Path)) -> TempDir {
    let folder = scratch();
    copy(book, folder.path(), |name| !name.starts_with("closes/"));
    change(folder.path());
    for date in dates() {
        close_day(folder.path(), date).unwrap_or_else(|stop| panic!("{date}: {stop}"));
    }
    folder
}

fn records(mut rows: Vec<Vec<String>>) -> Records {
    let header = rows.remove(0);
    let record = |row: Vec<String>| header.iter().cloned().zip(row).collect();
    rows.into_iter().map(record).collect()
}

fn table(root: &Path, date: Date, name: &str) -> Records {
    records(csv_rows(&close_folder(root, date).join(name)))
}

fn matched(root: &Path, date: Date) -> Records {
    records(matched_rows(&close_folder(root, date)))
}

/// Rewrites files of the inbox whose name begins so.
fn rewrite(root: &Path, start: &str, change: &dyn Fn(&mut Vec<Vec<String>>)) {
    for date in dates() {
        let inbox = root.join("inbox").join(date.to_string());
        for name in files_below(&inbox)
            .into_iter()
            .filter(|name| name.starts_with(start))
        {
            let mut rows = csv_rows(&inbox.join(&name));
            change(&mut rows);
            fs::write(inbox.join(&name), to_csv(&rows)).unwrap();
        }
    }
}

/// The records without some columns, in any order.
fn without(
    records: Records,
    columns: &[&str],
    keep: &dyn Fn(&BTreeMap<String, String>) -> bool,
) -> Vec<String> {
    let mut kept: Vec<String> = records
        .into_iter()
        .filter(keep)
        .map(|mut record| {
            columns.iter().for_each(|column| drop(record.remove(*column)));
            format!("{record:?}")
        })
        .collect();
    kept.sort();
    kept
}

#[test]
fn other_ids_change_nothing_but_themselves() {
    let book = book();
    let before = closed(book.path(), &|_| {});
    // A letter that no id, reference or word of the tables has, before every id: the order of ids stays.
    let after = closed(book.path(), &|root| {
        for start in ["platform", "bank"] {
            rewrite(root, start, &|rows| {
                rows.iter_mut().skip(1).for_each(|row| row[0].insert(0, 'Z'));
            });
        }
    });
    let all = |_: &BTreeMap<String, String>| true;
    for date in dates() {
        let plain = |lines: Vec<String>| -> Vec<String> {
            let mut lines: Vec<String> = lines.iter().map(|line| line.replace('Z', "")).collect();
            lines.sort();
            lines
        };
        assert_eq!(
            without(matched(before.path(), date), &[], &all),
            plain(without(matched(after.path(), date), &[], &all)),
            "{date}"
        );
        for (name, columns) in [
            ("breaks.csv", &["break_id"][..]),
            ("resolved.csv", &["break_id"]),
            ("payouts.csv", &[]),
            ("accounts.csv", &[]),
            ("trial_balance.csv", &[]),
            ("customers.csv", &[]),
        ] {
            assert_eq!(
                without(table(before.path(), date, name), columns, &all),
                plain(without(table(after.path(), date, name), columns, &all)),
                "{date} {name}"
            );
        }
    }
}

/// Where ids come in another order, another of two rows of the same money may be taken, and that is all.
#[test]
fn ids_in_another_order_change_nobodys_money() {
    let book = book();
    let before = closed(book.path(), &|_| {});
    let after = closed(book.path(), &|root| {
        for start in ["platform", "bank"] {
            rewrite(root, start, &|rows| {
                for row in rows.iter_mut().skip(1) {
                    let turned = |c: char| c.to_digit(10).map_or(c, |digit| char::from(b'9' - digit as u8));
                    row[0] = row[0].chars().map(turned).collect();
                }
            });
        }
    });
    let all = |_: &BTreeMap<String, String>| true;
    for date in dates() {
        for name in ["payouts.csv", "accounts.csv", "trial_balance.csv", "journal.csv"] {
            let bytes = |root: &Path| fs::read_to_string(close_folder(root, date).join(name)).unwrap();
            assert_eq!(bytes(before.path()), bytes(after.path()), "{date} {name}");
        }
        let ids = ["txn_id", "entry_id", "bank_ref"];
        assert_eq!(
            without(matched(before.path(), date), &ids, &all),
            without(matched(after.path(), date), &ids, &all),
            "{date}"
        );
        let places = [
            "txn_id",
            "entry_id",
            "bank_ref",
            "break_id",
            "candidates",
            "cause",
            "platform_file",
            "platform_line",
            "bank_file",
            "bank_line",
        ];
        assert_eq!(
            without(table(before.path(), date, "breaks.csv"), &places, &all),
            without(table(after.path(), date, "breaks.csv"), &places, &all),
            "{date}"
        );
    }
}

#[test]
fn one_more_matched_pair_changes_nothing_else() {
    let book = book();
    let before = closed(book.path(), &|_| {});
    let day = first().to_string();
    let after = closed(book.path(), &|root| {
        let master = fs::read_to_string(root.join("merchants.csv")).unwrap();
        // What it sells falls due long after the days that are closed.
        fs::write(root.join("merchants.csv"), master + "NEW,50,0,,0,30,CNY,365\n").unwrap();
        let add = |start: &str, fields: &[(&str, &str)]| {
            let path = root.join("inbox").join(&day).join(format!("{start}.csv"));
            let mut rows = csv_rows(&path);
            let field = |name: &String| fields.iter().find(|(known, _)| known == name);
            let row = rows[0]
                .iter()
                .map(|name| field(name).map_or("", |(_, text)| text).to_owned());
            let row = row.collect();
            rows.push(row);
            fs::write(&path, to_csv(&rows)).unwrap();
        };
        add(
            "platform",
            &[
                ("txn_id", "NEW-T"),
                ("txn_time", &format!("{day}T12:00:00+08:00")),
                ("merchant_id", "NEW"),
                ("txn_type", "PAYMENT"),
                ("channel", "BANK"),
                ("currency", "CNY"),
                ("amount", "10.01"),
                ("bank_ref", "NEW-R"),
                ("status", "SUCCESS"),
            ],
        );
        add(
            "bank",
            &[
                ("entry_id", "NEW-E"),
                ("account", "RA1"),
                ("booking_time", &format!("{day}T12:00:01+08:00")),
                ("value_date", &day),
                ("direction", "C"),
                ("amount", "10.01"),
                ("currency", "CNY"),
                ("bank_ref", "NEW-R"),
            ],
        );
        more_in_the_account(root, 1_001);
    });
    let old = |record: &BTreeMap<String, String>| record.get("merchant_id").is_none_or(|id| id != "NEW");
    let all = |_: &BTreeMap<String, String>| true;
    for date in dates() {
        let added: Vec<_> = matched(after.path(), date)
            .into_iter()
            .filter(|record| !old(record))
            .collect();
        assert_eq!(added.len(), usize::from(date == first()), "{added:?}");
        assert_eq!(
            without(matched(before.path(), date), &[], &all),
            without(matched(after.path(), date), &[], &old),
            "{date}"
        );
        for name in ["breaks.csv", "resolved.csv", "payouts.csv", "customers.csv"] {
            assert_eq!(
                without(table(before.path(), date, name), &[], &all),
                without(table(after.path(), date, name), &[], &old),
                "{date} {name}"
            );
        }
    }
}

/// The statement balances of RA1 with so much more from the first day on.
fn more_in_the_account(root: &Path, minor: i64) {
    for (number, date) in dates().into_iter().enumerate() {
        let path = root.join("inbox").join(date.to_string()).join("balances.csv");
        let mut rows = csv_rows(&path);
        let row = rows.iter_mut().find(|row| row[0] == "RA1").unwrap();
        let more = |text: &str| {
            let (yuan, fen) = text.split_once('.').unwrap();
            let sum = yuan.parse::<i64>().unwrap() * 100 + fen.parse::<i64>().unwrap() + minor;
            format!("{}.{:02}", sum / 100, sum % 100)
        };
        if number > 0 {
            row[3] = more(&row[3]);
        }
        row[4] = more(&row[4]);
        fs::write(&path, to_csv(&rows)).unwrap();
    }
}

#[test]
fn one_more_account_changes_nothing_else() {
    let book = book();
    let before = closed(book.path(), &|_| {});
    let day = first().to_string();
    let after = closed(book.path(), &|root| {
        let settings = fs::read_to_string(root.join("book.toml")).unwrap();
        let account = "[[account]]\nid = \"RA9\"\nbank = \"Another\"\ncurrency = \"USD\"\nkind = \"reserve\"\n\n[[source]]";
        fs::write(
            root.join("book.toml"),
            settings.replacen("[[source]]", account, 1),
        )
        .unwrap();
        let path = root.join("inbox").join(&day).join("bank.csv");
        let mut rows = csv_rows(&path);
        let mut row = rows[1].clone();
        for (column, text) in rows[0].iter().zip(&mut row) {
            match column.as_str() {
                "entry_id" => *text = "OTHER-1".to_owned(),
                "account" => *text = "RA9".to_owned(),
                "direction" => *text = "C".to_owned(),
                "currency" => *text = "USD".to_owned(),
                "purpose" => *text = "OWN_IN".to_owned(),
                "bank_ref" | "remark" | "batch_ref" => text.clear(),
                _ => {}
            }
        }
        rows.push(row);
        fs::write(&path, to_csv(&rows)).unwrap();
    });
    for date in dates() {
        for name in ["breaks.csv", "resolved.csv", "payouts.csv", "customers.csv"] {
            let bytes = |root: &Path| fs::read_to_string(close_folder(root, date).join(name)).unwrap();
            assert_eq!(bytes(before.path()), bytes(after.path()), "{date} {name}");
        }
        assert_eq!(
            matched(before.path(), date),
            matched(after.path(), date),
            "{date}"
        );
        let old = |record: &BTreeMap<String, String>| record["account"] != "RA9";
        let all = |_: &BTreeMap<String, String>| true;
        assert_eq!(
            without(table(before.path(), date, "accounts.csv"), &[], &all),
            without(table(after.path(), date, "accounts.csv"), &[], &old),
            "{date}"
        );
    }
}

fn number(text: &str) -> i128 {
    match text {
        "" => 0,
        _ => text.parse().unwrap(),
    }
}

#[test]
fn every_row_has_one_fate_and_sums_tie_from_day_to_day() {
    let folder = book();
    let book = closed(folder.path(), &|_| {});
    let mut previous: Option<Date> = None;
    for date in dates() {
        fates(book.path(), date, previous);
        ids_in_one_place(book.path(), date);
        sums_of_the_day(book.path(), date);
        if let Some(previous) = previous {
            ties(book.path(), previous, date);
        }
        previous = Some(date);
    }
}

/// Rows delivered and brought forward are the rows of all fates, by role.
fn fates(root: &Path, date: Date, previous: Option<Date>) {
    let manifest = fs::read(close_folder(root, date).join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    for (role, file, side) in [
        ("platform", "platform.csv", "platform"),
        ("bank", "bank.csv", "bank"),
    ] {
        let delivered = csv_rows(&root.join("inbox").join(date.to_string()).join(file)).len() - 1;
        let forward = previous.map_or(0, |previous| {
            let items = table(root, previous, "state/open_items.csv");
            items.iter().filter(|item| item["side"] == side).count()
        });
        let fates = manifest["fates"].as_array().unwrap();
        let of_role = fates.iter().filter(|fate| fate["role"] == role);
        let rows: u64 = of_role
            .map(|fate| match &fate["rows"] {
                serde_json::Value::String(text) => text.parse().unwrap(),
                other => other.as_u64().unwrap(),
            })
            .sum();
        assert_eq!(rows, (delivered + forward) as u64, "{date} {role}");
    }
}

/// No id stands in two lines of `matched`, in two breaks, or in both.
fn ids_in_one_place(root: &Path, date: Date) {
    let mut seen: BTreeSet<(&str, String, String)> = BTreeSet::new();
    let breaks = table(root, date, "breaks.csv");
    let lines = matched(root, date);
    for record in lines
        .iter()
        .chain(&breaks)
        .filter(|record| record["leg"] == "platform-bank")
    {
        let id = record["txn_id"].clone();
        if !id.is_empty() {
            assert!(
                seen.insert(("row", id.clone(), String::new())),
                "{date}: {id} stands twice"
            );
        }
    }
    // An entry may be that of several rows of one pass, and then it is open nowhere.
    let taken: BTreeSet<&str> = lines.iter().map(|line| line["entry_id"].as_str()).collect();
    for line in breaks.iter().filter(|line| !line["entry_id"].is_empty()) {
        assert!(!taken.contains(line["entry_id"].as_str()), "{date}: {line:?}");
    }
}

/// What merchants are credited is what their rows in `matched` say.
fn sums_of_the_day(root: &Path, date: Date) {
    let mut gross: BTreeMap<(String, String), (i128, i128)> = BTreeMap::new();
    for line in matched(root, date) {
        if line["leg"] == "platform-bank" && line["txn_type"] == "PAYMENT" {
            let sums = gross
                .entry((line["merchant_id"].clone(), line["currency"].clone()))
                .or_default();
            sums.0 += number(&line["amount_minor"]);
            sums.1 += number(&line["fee_minor"]);
        }
    }
    for line in table(root, date, "payouts.csv") {
        let key = (line["merchant_id"].clone(), line["currency"].clone());
        let (sum, fee) = gross.remove(&key).unwrap_or_default();
        assert_eq!(
            (number(&line["gross_minor"]), number(&line["fee_minor"])),
            (sum, fee),
            "{date} {key:?}"
        );
    }
    assert!(
        gross.is_empty(),
        "{date}: settled, and in no payout line: {gross:?}"
    );
}

fn ties(root: &Path, previous: Date, date: Date) {
    let by = |date, name: &str, key: &[&str], column: &str| -> BTreeMap<Vec<String>, i128> {
        let records = table(root, date, name);
        let line = |record: &BTreeMap<String, String>| {
            let key = key.iter().map(|name| record[*name].clone()).collect();
            (key, number(&record[column]))
        };
        records
            .iter()
            .map(line)
            .filter(|(_, minor)| *minor != 0)
            .collect()
    };
    for (name, key, closing, opening) in [
        ("accounts.csv", &["account"][..], "closing_minor", "opening_minor"),
        (
            "trial_balance.csv",
            &["ledger_account", "currency"],
            "closing_minor",
            "opening_minor",
        ),
        (
            "payouts.csv",
            &["merchant_id", "currency"],
            "carried_minor",
            "opening_minor",
        ),
    ] {
        assert_eq!(
            by(previous, name, key, closing),
            by(date, name, key, opening),
            "{date} {name}"
        );
    }
    // A break of yesterday is open, or resolved; one of today is new.
    let ids = |date, name: &str| -> BTreeMap<String, String> {
        let records = table(root, date, name);
        records
            .into_iter()
            .map(|record| (record["break_id"].clone(), record["first_seen"].clone()))
            .collect()
    };
    let (before, open, resolved) = (
        ids(previous, "breaks.csv"),
        ids(date, "breaks.csv"),
        ids(date, "resolved.csv"),
    );
    for id in before.keys() {
        assert!(open.contains_key(id) != resolved.contains_key(id), "{date}: {id}");
    }
    assert!(resolved.keys().all(|id| before.contains_key(id)));
    for (id, first_seen) in &open {
        let expected = before.get(id).cloned().unwrap_or(date.to_string());
        assert_eq!(*first_seen, expected, "{date}: {id}");
    }
}
