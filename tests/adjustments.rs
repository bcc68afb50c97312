//! Adjustments by people on random books (R24), and the bank reconciliation of the demo's week.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, StringArray, TimestampMillisecondArray};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use tieout::day::reconcile::reconcile;
use tieout::day::verify::{VerifyOptions, verify};
use tieout::terms::date::Date;
use tieout::terms::money::format_minor;

use crate::oracle::rows::{self, Random, World};
use crate::support::{Quiet, close_day, close_folder, copy, csv_rows, scratch, write};

const BOOKS: u64 = 64;

const SOURCE: &str = "[[source]]\nname = \"adjustments\"\nrole = \"adjustments\"\nformat = \"canonical\"\nfiles = [\"adjustments*\"]\n\n";
const HEADER: &str = "adjustment_id,target,action,amount,reason,prepared_by,approved_by,approved_at\n";

/// The lines of a table by column names.
fn table(close: &Path, name: &str) -> Vec<BTreeMap<String, String>> {
    if !close.join(name).exists() {
        return Vec::new();
    }
    let rows = csv_rows(&close.join(name));
    let Some((header, rows)) = rows.split_first() else {
        return Vec::new();
    };
    let line = |row: &Vec<String>| header.iter().cloned().zip(row.iter().cloned()).collect();
    rows.iter().map(line).collect()
}

fn minor(line: &BTreeMap<String, String>, column: &str) -> i128 {
    line[column].parse().unwrap_or(0)
}

/// What is asked for, and what own money should gain by it.
struct Asked {
    row: String,
    targets: Vec<String>,
    own_minor: i128,
}

/// One adjustment for about half of the open breaks, each row in one at most.
fn ask(random: &mut Random, close: &Path) -> BTreeMap<String, Asked> {
    let breaks = table(close, "breaks.csv");
    // Direction and sign of open rows: the break does not tell them.
    let signs: BTreeMap<(String, String, String), i128> = table(close, "state/open_items.csv")
        .iter()
        .map(|item| {
            let sign = if item["direction"] == "C" { 1 } else { -1 };
            (
                (item["side"].clone(), item["id"].clone(), item["account"].clone()),
                sign,
            )
        })
        .collect();
    let left_sign = |line: &BTreeMap<String, String>| {
        signs[&("platform".to_owned(), line["txn_id"].clone(), String::new())]
    };
    let right_sign = |line: &BTreeMap<String, String>| {
        signs[&(
            "bank".to_owned(),
            line["entry_id"].clone(),
            line["account"].clone(),
        )]
    };
    let ids: Vec<&String> = breaks.iter().map(|line| &line["break_id"]).collect();
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    let mut asked = BTreeMap::new();
    let mut waiting: Vec<&BTreeMap<String, String>> = Vec::new();
    // Entries first: they wait for rows to be matched with.
    let (entries, others): (Vec<_>, Vec<_>) =
        breaks.iter().partition(|line| line["platform_minor"].is_empty());
    for line in entries.into_iter().chain(others) {
        let is_one = ids.iter().filter(|id| **id == &line["break_id"]).count() == 1;
        let keys = [
            (String::new(), line["txn_id"].clone()),
            (line["account"].clone(), line["entry_id"].clone()),
        ];
        let mine: Vec<_> = keys.iter().filter(|(_, id)| !id.is_empty()).cloned().collect();
        let conflict = line["class"] == "ID_CONFLICT" || line["leg"] != "platform-bank";
        if !is_one || conflict || mine.iter().any(|key| used.contains(key)) || random.percent(40) {
            continue;
        }
        let digits = if line["currency"] == "JPY" { 0 } else { 2 };
        let mut add = |action: &str, targets: Vec<String>, amount: i128, own_minor: i128| {
            let id = format!("ADJ-{:03}", asked.len());
            let row = format!(
                "{id},{},{action},{},random,lin,wang,2026-03-06T18:00:00+08:00\n",
                targets.join("+"),
                format_minor(amount, digits)
            );
            asked.insert(
                id,
                Asked {
                    row,
                    targets,
                    own_minor,
                },
            );
        };
        let target = vec![line["break_id"].clone()];
        match (line["platform_minor"].is_empty(), line["bank_minor"].is_empty()) {
            (false, false) if (line["account"] == "RA2") != (line["currency"] == "USD") => continue,
            (false, false) => {
                let own = right_sign(line) * minor(line, "bank_minor")
                    - left_sign(line) * minor(line, "platform_minor");
                add("accept", target, minor(line, "platform_minor"), own);
            }
            (false, true) => {
                // A row of the other side that could be its counterpart, if one waits.
                let fits = |other: &&BTreeMap<String, String>| {
                    other["currency"] == line["currency"] && right_sign(other) == left_sign(line)
                };
                match waiting.iter().position(fits) {
                    Some(at) if random.percent(70) => {
                        let other = waiting.remove(at);
                        let own = right_sign(other) * minor(other, "bank_minor")
                            - left_sign(line) * minor(line, "platform_minor");
                        let targets = vec![other["break_id"].clone(), line["break_id"].clone()];
                        add("force_match", targets, minor(line, "platform_minor"), own);
                    }
                    _ => add("write_off", target, minor(line, "platform_minor"), 0),
                }
            }
            (true, false) if random.percent(50) => waiting.push(line),
            (true, _) => {
                let own = right_sign(line) * minor(line, "bank_minor");
                add("write_off", target, minor(line, "bank_minor"), own);
            }
        }
        used.extend(mine);
    }
    asked
}

fn file(asked: &BTreeMap<String, Asked>) -> String {
    let rows: String = asked.values().map(|asked| asked.row.as_str()).collect();
    format!("{HEADER}{rows}")
}

/// Breaks of random books, half of them decided by people: each is posted once, with the effect that is worked out here;
/// what was not asked for stays as it is; own money moves by the fees and the adjustments and by nothing else.
#[test]
fn random_breaks_are_adjusted_as_asked() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..BOOKS {
        let mut random = Random(seed);
        let mut world = World::new(&mut random);
        let folder = scratch();
        let root = folder.path();
        let settings = world
            .settings()
            .replacen("[[leg]]", &format!("{SOURCE}[[leg]]"), 1);
        let settings = settings.replacen("[policy]\n", "[policy]\nrejects = \"quarantine\"\n", 1);
        write(&root.join("book.toml"), settings);
        write(&root.join("merchants.csv"), world.master());
        let first = Date::parse(b"2026-03-05").unwrap();
        let (left, right) = world.deliver(&mut random, first);
        let inbox = |number: i32| root.join("inbox").join(first.plus_days(number).to_string());
        write(&inbox(0).join("platform.csv"), rows::platform_csv(&left));
        write(&inbox(0).join("bank.csv"), rows::bank_csv(&right));
        close_day(root, first).unwrap_or_else(|stop| panic!("book {seed}: {stop}"));
        let before = close_folder(root, first);
        let asked = ask(&mut random, &before);
        for number in 1..3 {
            write(&inbox(number).join("platform.csv"), rows::platform_csv(&[]));
            write(&inbox(number).join("bank.csv"), rows::bank_csv(&[]));
        }
        write(&inbox(1).join("adjustments.csv"), file(&asked));
        let date = first.plus_days(1);
        close_day(root, date).unwrap_or_else(|stop| panic!("book {seed}: {stop}\n{}", file(&asked)));
        let after = close_folder(root, date);
        let posted = table(&after, "adjustments.csv");
        let rejects = table(&after, "rejects.csv");
        assert_eq!(
            posted.len() + rejects.len(),
            asked.len(),
            "book {seed}: {rejects:?}"
        );
        for reject in &rejects {
            // A value date that has come is all that can resolve a break on a day without business.
            assert!(
                reject["expected"].contains("resolved itself today"),
                "book {seed}: {reject:?}"
            );
        }
        let open: BTreeSet<String> = table(&after, "breaks.csv")
            .iter()
            .map(|line| line["break_id"].clone())
            .collect();
        let resolved: BTreeSet<String> = table(&after, "resolved.csv")
            .iter()
            .map(|line| line["break_id"].clone())
            .collect();
        for line in &posted {
            let asked = &asked[&line["adjustment_id"]];
            assert_eq!(
                minor(line, "own_money_minor"),
                asked.own_minor,
                "book {seed}: {line:?}"
            );
            for id in &asked.targets {
                assert!(
                    !open.contains(id) && resolved.contains(id),
                    "book {seed}: {line:?}"
                );
            }
            *seen.entry(line["action"].clone()).or_default() += 1;
        }
        own_money_moves_by_fees_and_adjustments(&before, &after, &posted, seed);
        // The same decisions again, in another file: each was posted once.
        let again: BTreeMap<String, Asked> = asked
            .into_iter()
            .filter(|(id, _)| posted.iter().any(|line| line["adjustment_id"] == *id))
            .collect();
        write(
            &inbox(2).join("adjustments-again.csv"),
            file(&again).replace("random", "once more"),
        );
        close_day(root, first.plus_days(2)).unwrap_or_else(|stop| panic!("book {seed}: {stop}"));
        let last = close_folder(root, first.plus_days(2));
        assert_eq!(table(&last, "adjustments.csv").len(), 0, "book {seed}");
        assert_eq!(table(&last, "rejects.csv").len(), again.len(), "book {seed}");
        if seed % 16 == 0 {
            let options = VerifyOptions {
                root: root.to_path_buf(),
                date: None,
                replay: true,
            };
            assert_eq!(verify(&options, &Quiet).unwrap().exit_code(), 0, "book {seed}");
        }
    }
    for action in ["accept", "write_off", "force_match"] {
        assert!(
            seen.get(action).is_some_and(|count| *count >= 10),
            "{action} is rare: {seen:?}"
        );
    }
}

fn own_money_moves_by_fees_and_adjustments(
    before: &Path,
    after: &Path,
    posted: &[BTreeMap<String, String>],
    seed: u64,
) {
    let mut moved: BTreeMap<String, i128> = BTreeMap::new();
    for (sign, close) in [(1, after), (-1, before)] {
        for line in table(close, "state/own.csv") {
            *moved.entry(line["currency"].clone()).or_default() += sign * minor(&line, "amount_minor");
        }
    }
    let mut expected: BTreeMap<String, i128> = BTreeMap::new();
    for line in table(after, "payouts.csv") {
        *expected.entry(line["currency"].clone()).or_default() +=
            minor(&line, "fee_minor") - minor(&line, "fee_returned_minor");
    }
    for line in posted {
        *expected.entry(line["currency"].clone()).or_default() += minor(line, "own_money_minor");
    }
    moved.retain(|_, minor| *minor != 0);
    expected.retain(|_, minor| *minor != 0);
    assert_eq!(moved, expected, "book {seed}");
}

/// A golden day's adjustments in Parquet, in two files, and in another order: the same tables but for file and line.
#[test]
fn the_form_of_the_file_changes_nothing() {
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/adjust-accept-and-write-off");
    let text = fs::read_to_string(day.join("inbox/2026-03-04/adjustments.csv")).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    let backwards: Vec<&str> = rows.iter().rev().copied().collect();
    let (one, other) = backwards.split_at(3);
    let csv = |rows: &[&str]| format!("{header}\n{}\n", rows.join("\n")).into_bytes();
    let forms = [
        vec![("adjustments.csv", csv(&rows))],
        vec![("adjustments-2.csv", csv(one)), ("adjustments-1.csv", csv(other))],
        vec![("adjustments.parquet", parquet_of(&rows))],
    ];
    let mut told: Vec<BTreeMap<&str, Vec<Vec<String>>>> = Vec::new();
    for form in forms {
        let folder = scratch();
        let root = folder.path();
        copy(&day, root, |name| {
            !name.starts_with("expected/") && name != "inbox/2026-03-04/adjustments.csv"
        });
        let settings = fs::read_to_string(root.join("book.toml")).unwrap();
        write(
            &root.join("book.toml"),
            settings.replace("adjustments*.csv", "adjustments*"),
        );
        for (name, bytes) in form {
            write(&root.join("inbox/2026-03-04").join(name), bytes);
        }
        for date in [b"2026-03-03", b"2026-03-04"] {
            close_day(root, Date::parse(date).unwrap()).unwrap();
        }
        let close = close_folder(root, Date::parse(b"2026-03-04").unwrap());
        let mut tables = BTreeMap::new();
        for name in [
            "payouts.csv",
            "journal.csv",
            "breaks.csv",
            "resolved.csv",
            "trial_balance.csv",
        ] {
            tables.insert(name, csv_rows(&close.join(name)));
        }
        // Times of Parquet are written to the millisecond.
        let mut lines = table(&close, "adjustments.csv");
        assert_eq!(lines.len(), 8);
        for line in &mut lines {
            for column in ["file", "line", "approved_at"] {
                line.remove(column);
            }
        }
        tables.insert(
            "adjustments.csv",
            lines
                .into_iter()
                .map(|line| line.into_values().collect())
                .collect(),
        );
        told.push(tables);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
}

/// An amount that fits 64 bits of minor units, and no longer does with four decimals: written off from a decimal of Parquet. One beyond 64 bits
/// is refused in words of its currency, as in a text.
#[test]
fn large_decimals_are_amounts() {
    let folder = scratch();
    let root = folder.path();
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/surplus");
    copy(&day, root, |name| name == "book.toml" || name == "merchants.csv");
    let settings = fs::read_to_string(root.join("book.toml")).unwrap();
    let settings = settings.replacen("[[leg]]", &format!("{SOURCE}[[leg]]"), 1);
    write(
        &root.join("book.toml"),
        settings.replacen("[settle]", "[policy]\nrejects = \"quarantine\"\n\n[settle]", 1),
    );
    let inbox = root.join("inbox/2026-03-03");
    write(&inbox.join("platform.csv"), rows::platform_csv(&[]));
    write(
        &inbox.join("bank.csv"),
        "entry_id,account,booking_time,value_date,direction,amount,currency,bank_ref,remark\n\
         E1,6222000000000001,2026-03-03T11:00:00+08:00,2026-03-03,C,1000000000000000.25,CNY,R1,\n\
         E2,6222000000000001,2026-03-03T11:00:00+08:00,2026-03-03,C,3.00,CNY,R2,\n",
    );
    let date = Date::parse(b"2026-03-03").unwrap();
    close_day(root, date).unwrap();
    let close = close_folder(root, date);
    let open = table(&close, "breaks.csv");
    let [id, other] = [0, 1].map(|at| open[at]["break_id"].clone());
    let next = Date::parse(b"2026-03-04").unwrap();
    let inbox = root.join("inbox/2026-03-04");
    write(&inbox.join("platform.csv"), rows::platform_csv(&[]));
    write(&inbox.join("bank.csv"), rows::bank_csv(&[]));
    let rows = [
        format!("G1,{id},write_off,1000000000000000.25,nobody claims it,lin,wang,then"),
        format!("G2,{other},write_off,1000000000000000000.25,nobody claims it,lin,wang,then"),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    write(&inbox.join("adjustments.parquet"), parquet_of(&rows));
    close_day(root, next).unwrap();
    let close = close_folder(root, next);
    let posted = table(&close, "adjustments.csv");
    assert_eq!(posted.len(), 1);
    assert_eq!(posted[0]["own_money_minor"], "100000000000000025");
    let rejects = table(&close, "rejects.csv");
    assert_eq!(rejects.len(), 1);
    assert_eq!(rejects[0]["found"], "1000000000000000000.25");
}

/// Rows of an adjustments table with a decimal and a time that are no texts.
fn parquet_of(rows: &[&str]) -> Vec<u8> {
    let cells: Vec<Vec<&str>> = rows.iter().map(|row| row.split(',').collect()).collect();
    let text = |column: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(cells.iter().map(|row| row[column])))
    };
    let amounts = cells
        .iter()
        .map(|row| row[3].replace('.', "").parse::<i128>().unwrap());
    let amounts = Decimal128Array::from_iter_values(amounts)
        .with_precision_and_scale(38, 2)
        .unwrap();
    let times = TimestampMillisecondArray::from(vec![1_772_618_400_000; cells.len()]).with_timezone("+08:00");
    let batch = RecordBatch::try_from_iter([
        ("adjustment_id", text(0)),
        ("target", text(1)),
        ("action", text(2)),
        ("amount", Arc::new(amounts) as ArrayRef),
        ("reason", text(4)),
        ("prepared_by", text(5)),
        ("approved_by", text(6)),
        ("approved_at", Arc::new(times) as ArrayRef),
    ])
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn tieout(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Every day of the demo reconciles, says the same after later days were closed, and adds up to reserve.json.
#[test]
fn the_demo_week_reconciles_as_known_then() {
    let folder = scratch();
    let root = folder.path().join("demo");
    fs::create_dir(&root).unwrap();
    let demo = tieout::demo::write_demo(&root).unwrap();
    let mut then = Vec::new();
    for date in &demo.dates {
        close_day(&root, *date).unwrap();
        let found = reconcile(&root, Some(*date)).unwrap();
        assert_eq!(found, reconcile(&root, None).unwrap());
        then.push(found);
    }
    let mut items = 0;
    for (date, then) in demo.dates.iter().zip(&then) {
        let now = reconcile(&root, Some(*date)).unwrap();
        assert_eq!(now, *then);
        assert!(now.agrees(), "{now:#?}");
        items += now
            .statements
            .iter()
            .map(|statement| statement.items.len())
            .sum::<usize>();
        let close = close_folder(&root, *date);
        let reserve: serde_json::Value =
            serde_json::from_slice(&fs::read(close.join("reserve/reserve.json")).unwrap()).unwrap();
        for class in ["A1", "A2", "B1", "B2"] {
            let mine: i128 = now
                .statements
                .iter()
                .map(|statement| statement.sum_minor(class))
                .sum();
            let pools = reserve["pools"].as_array().unwrap();
            let figures = pools
                .iter()
                .map(|pool| pool[class].as_str().unwrap().parse::<i128>().unwrap());
            assert_eq!(mine, figures.sum::<i128>(), "{date} {class}");
        }
    }
    assert!(items > 20, "{items} items in the week");

    let book = root.to_str().unwrap();
    let day = demo.dates[2].to_string();
    let (code, text, _) = tieout(&["status", book, "--reconciliation", "--date", &day]);
    assert_eq!(code, 0);
    assert!(
        text.starts_with(&format!("Bank reconciliation of {day} (close {day}/1)")),
        "{text}"
    );
    assert!(
        text.contains("statement balance") && text.contains("agrees"),
        "{text}"
    );
    assert!(!text.contains("DIFFERS"), "{text}");
    let (code, text, _) = tieout(&["status", book, "--reconciliation", "--date", &day, "--json"]);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &value["agrees"], &value["exit_code"]),
        (0, &true.into(), &0.into())
    );
    assert_eq!(
        value["statements"].as_array().unwrap().len(),
        then[2].statements.len()
    );

    let (code, _, told) = tieout(&["status", book, "--reconciliation", "--date", "2030-01-01"]);
    assert_eq!(code, 66, "{told}");
    let items = close_folder(&root, demo.dates[2]).join("reserve/items.csv");
    let mut bytes = fs::read(&items).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    fs::write(&items, bytes).unwrap();
    let (code, _, told) = tieout(&["status", book, "--reconciliation", "--date", &day]);
    assert_eq!(code, 65, "{told}");
    assert!(told.contains("not those that were sealed"), "{told}");
}

/// `explain` names the adjustment: by its own id, its break, its rows, its merchant.
#[test]
fn explain_names_the_adjustment() {
    let days = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days");
    let closed = |name: &str| {
        let folder = scratch();
        copy(&days.join(name), folder.path(), |file| {
            !file.starts_with("expected/")
        });
        for date in [b"2026-03-03", b"2026-03-04"] {
            close_day(folder.path(), Date::parse(date).unwrap()).unwrap();
        }
        folder
    };
    let check = |book: &Path, what: &str, wanted: &[&str]| {
        let (code, text, told) = tieout(&["explain", book.to_str().unwrap(), what]);
        assert_eq!(code, 0, "{told}");
        for words in wanted {
            assert!(text.contains(words), "{what}: {words}\n{text}");
        }
    };
    let folder = closed("adjust-accept-and-write-off");
    let book = folder.path();
    let lines = table(
        &close_folder(book, Date::parse(b"2026-03-04").unwrap()),
        "adjustments.csv",
    );
    let by = "by adjustment A1: one fen short: the bank rounds; prepared by lin, approved by wang at 2026-03-04T18:00:00+08:00";
    let place = "inbox/2026-03-04/adjustments.csv:2";
    check(
        book,
        "A1",
        &[
            by,
            place,
            "own money bears 0.01 CNY",
            "closed AMOUNT_MISMATCH on leg platform-bank",
        ],
    );
    check(book, &lines[0]["target"], &[by, place]);
    check(book, "T1", &[by, place, "by pass accept"]);
    check(
        book,
        "E3",
        &["written off by adjustment A3", "own money gains 3.00 CNY"],
    );
    check(book, "T2", &["written off by adjustment A2"]);
    let folder = closed("adjust-hold-release-transfer");
    check(
        folder.path(),
        "M1",
        &[
            "released by adjustment L2",
            "held back by adjustment A9",
            "manual 26.00 CNY",
        ],
    );
}
