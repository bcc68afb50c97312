//! Decisions by people in books whose channels pay in batches (R24, R26): random days on which platform, bill and bank come in any
//! order, disagree, or come twice, and on each of which half of what is open is decided. Every close proves its own identities;
//! here is asked that no payment settles twice, that what was decided is open no longer, and that the books reconcile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tieout::day::reconcile::reconcile;
use tieout::day::verify::{VerifyOptions, verify};
use tieout::terms::date::Date;

use crate::batches::{BANK, BILL, PLATFORM, Random};
use crate::support::{Quiet, close_day, close_folder, copy, csv_rows, matched_rows, scratch, write};

const BOOKS: u64 = 12;
const DAYS: usize = 6;
const BATCHES: usize = 30;

impl Random {
    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    /// A day before the last, or none.
    fn early_day(&mut self, missing_in: u64) -> Option<usize> {
        let day = self.below(DAYS as u64 - 1) as usize;
        (!self.one_in(missing_in)).then_some(day)
    }
}

fn amount(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// What is delivered, by day.
#[derive(Default, Clone)]
struct Files {
    platform: String,
    bill: String,
    bank: String,
}

const ADJUSTMENTS: &str = "adjustment_id,target,action,amount,reason,prepared_by,approved_by,approved_at\n";

/// The inboxes of all days, and the txn_ids that come twice with different content: once the first has settled it is forgotten, and
/// the second is a row of its own (R6).
fn deliveries(random: &mut Random, first: Date) -> (Vec<Files>, BTreeSet<String>) {
    let mut again = BTreeSet::new();
    let mut files = vec![Files::default(); DAYS];
    let date = |day: usize| first.plus_days(day as i32);
    let mut id = 0;
    for number in 0..BATCHES {
        let billed = random.early_day(12);
        let paid = random.early_day(6);
        let (mut gross, mut fees) = (0, 0);
        let names_batch = !random.one_in(10);
        let other_channel = random.one_in(6);
        for at in 0..1 + random.below(5) {
            id += 1;
            let kind = match random.below(6) {
                _ if at == 0 => "PAYMENT",
                0 => "REFUND",
                1 => "WITHDRAWAL",
                _ => "PAYMENT",
            };
            let channel = if other_channel { "WX" } else { "ALI" };
            let minor = if at == 0 {
                100_000
            } else {
                1_000 + random.below(8_000) as i64
            };
            let fee = (minor * 38 + 5_000) / 10_000 + i64::from(random.one_in(8));
            let fee = if kind == "PAYMENT" { fee } else { 0 };
            let sign = if kind == "PAYMENT" { 1 } else { -1 };
            let row = |random: &mut Random, minor: i64, day: usize| {
                let day = date(day);
                let status = if random.one_in(14) { "FAILED" } else { "SUCCESS" };
                let (merchant, customer) = match kind {
                    "WITHDRAWAL" => (String::new(), "C1"),
                    _ => (format!("M{}", 1 + id % 2), ""),
                };
                format!(
                    "T{id},{day}T10:00:00+08:00,{merchant},{customer},{kind},{channel},CNY,{},,{status},A{id}\n",
                    amount(minor)
                )
            };
            if let Some(day) = random.early_day(8) {
                let off = if random.one_in(10) {
                    1 + random.below(50) as i64
                } else {
                    0
                };
                let text = row(random, minor + off, day);
                files[day].platform.push_str(&text);
                // The log again, with another amount.
                if random.one_in(25) {
                    let text = row(random, minor + 7, day + 1);
                    files[day + 1].platform.push_str(&text);
                    again.insert(format!("T{id}"));
                }
            }
            if let Some(day) = billed {
                let line = |minor: i64, day: usize| {
                    let refund_ref = if kind == "REFUND" { "R" } else { "" };
                    let batch = if names_batch {
                        format!("L{number}")
                    } else {
                        String::new()
                    };
                    let day = date(day);
                    format!(
                        "{channel},A{id},,{kind},{},{},CNY,{day}T10:00:01+08:00,{day},{batch},SUCCESS,{refund_ref}\n",
                        amount(minor),
                        amount(fee)
                    )
                };
                files[day].bill.push_str(&line(minor, day));
                gross += sign * minor;
                fees += sign * fee;
                if random.one_in(40) {
                    files[day + 1].bill.push_str(&line(minor + 9, day + 1));
                }
            }
        }
        if let Some(day) = paid {
            let net = random.one_in(2);
            let wrong = if random.one_in(4) {
                random.below(500) as i64 - 250
            } else {
                0
            };
            let minor = (gross - if net { fees } else { 0 } + wrong).max(1);
            let batch = if random.one_in(8) {
                format!("X{number}")
            } else {
                format!("L{number}")
            };
            let copies = 1 + usize::from(random.one_in(8));
            for copy in 0..copies {
                let (day, value) = (date(day), date(day + usize::from(random.one_in(12))));
                let _ = writeln!(
                    files[day.days_since(first) as usize].bank,
                    "E{number}-{copy},6222000000000001,{day}T11:00:00+08:00,{value},C,{},CNY,,,{batch},",
                    amount(minor)
                );
            }
        }
    }
    (files, again)
}

type Line = BTreeMap<String, String>;

fn table(close: &Path, name: &str) -> Vec<Line> {
    let path = close.join(name);
    if !path.exists() {
        return Vec::new();
    }
    let rows = csv_rows(&path);
    let (header, rows) = rows.split_first().unwrap();
    let line = |row: &Vec<String>| header.iter().cloned().zip(row.iter().cloned()).collect();
    rows.iter().map(line).collect()
}

/// What is asked for about the breaks that a close left, as rows and their targets.
fn ask(random: &mut Random, close: &Path, day: usize) -> Vec<(String, Vec<String>)> {
    let breaks = table(close, "breaks.csv");
    let minor = |line: &Line, column: &str| line[column].parse::<i64>().unwrap_or(0).abs();
    let mut asked = Vec::new();
    let mut alone: BTreeMap<(String, bool), Vec<(String, i64)>> = BTreeMap::new();
    let mut add = |action: &str, targets: Vec<String>, minor: i64| {
        let number = asked.len();
        let row = format!(
            "D{day}-{number:03},{},{action},{},random,lin,wang,2026-03-06T18:00:00+08:00\n",
            targets.join("+"),
            amount(minor)
        );
        asked.push((row, targets));
    };
    for line in &breaks {
        if random.one_in(2) {
            continue;
        }
        let (leg, id) = (line["leg"].clone(), line["break_id"].clone());
        let sides = (line["platform_minor"].is_empty(), line["bank_minor"].is_empty());
        match sides {
            (false, false) => add("accept", vec![id], minor(line, "platform_minor")),
            (is_right, _) => {
                let column = if is_right { "bank_minor" } else { "platform_minor" };
                let minor = minor(line, column);
                let other = alone.entry((leg.clone(), !is_right)).or_default().pop();
                match other {
                    Some((other, other_minor)) if random.one_in(2) => {
                        let left_minor = if is_right { other_minor } else { minor };
                        add("force_match", vec![id, other], left_minor);
                    }
                    _ if random.one_in(2) => alone.entry((leg, is_right)).or_default().push((id, minor)),
                    _ => add("write_off", vec![id], minor),
                }
            }
        }
    }
    asked
}

/// Words of refusals that a random decision may meet.
const REFUSED: [&str; 17] = [
    "a break of a batch and its entry",
    "a batch without an entry",
    "one batch without an entry",
    "a break of a pair of rows",
    "was taken back today",
    "the platform's amount",
    "the amount of the",
    "a break that is open",
    "resolved itself today",
    "that is SUCCESS",
    "one direction",
    "a bill row of one channel",
    "none of whose rows disagrees",
    "the sum of the batch's rows",
    "that share this break",
    "no row of an ID_CONFLICT",
    "a row that stands alone on every leg",
];

#[test]
fn random_decisions_about_batches_hold() {
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/batch-adjusted");
    let first = Date::parse(b"2026-03-03").unwrap();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 1..=BOOKS {
        let mut random = Random(seed);
        let folder = scratch();
        let root = folder.path();
        copy(&day, root, |name| {
            !name.starts_with("expected/") && !name.starts_with("inbox/") && name != "README.md"
        });
        if seed % 3 == 0 {
            let path = root.join("book.toml");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(
                &path,
                text.replace("[policy]\n", "[policy]\nduplicates = \"hold\"\n"),
            )
            .unwrap();
        }
        let (files, again) = deliveries(&mut random, first);
        let mut settled: BTreeSet<String> = BTreeSet::new();
        let mut asked: Vec<(String, Vec<String>)> = Vec::new();
        for (number, files) in files.iter().enumerate() {
            let date = first.plus_days(number as i32);
            let inbox = root.join(format!("inbox/{date}"));
            write(
                &inbox.join("platform.csv"),
                format!("{PLATFORM}{}", files.platform),
            );
            write(&inbox.join("bill.csv"), format!("{BILL}{}", files.bill));
            write(&inbox.join("bank.csv"), format!("{BANK}{}", files.bank));
            let rows: String = asked.iter().map(|(row, _)| row.as_str()).collect();
            write(&inbox.join("adjustments.csv"), format!("{ADJUSTMENTS}{rows}"));
            close_day(root, date).unwrap_or_else(|stop| panic!("book {seed}, {date}: {stop}\n{rows}"));
            let close = close_folder(root, date);
            let posted = table(&close, "adjustments.csv");
            let rejects = table(&close, "rejects.csv");
            assert_eq!(posted.len() + rejects.len(), asked.len(), "book {seed}, {date}");
            for reject in &rejects {
                let said = |words: &&str| reject["expected"].contains(words);
                assert!(REFUSED.iter().any(said), "book {seed}: {reject:?}");
            }
            let open: BTreeSet<String> = table(&close, "breaks.csv")
                .iter()
                .map(|line| line["break_id"].clone())
                .collect();
            for line in &posted {
                for id in line["target"].split('+') {
                    // Rows of an ID_CONFLICT share their break.
                    let is_open = open.contains(id) && !line["class"].contains("ID_CONFLICT");
                    assert!(!is_open, "book {seed}, {date}: {line:?}");
                }
                let key = format!("{} {} {}", line["leg"], line["action"], line["class"]);
                *seen.entry(key).or_default() += 1;
            }
            let matched = matched_rows(&close);
            let at = |name: &str| matched[0].iter().position(|column| column == name).unwrap();
            for row in matched[1..].iter().filter(|row| row[at("leg")] == "bill-bank") {
                let txn_id = &row[at("txn_id")];
                let is_apart = txn_id.is_empty() || again.contains(txn_id);
                let is_new = is_apart || settled.insert(txn_id.clone());
                assert!(is_new, "book {seed}, {date}: {txn_id} settles twice");
            }
            assert!(
                reconcile(root, Some(date)).unwrap().agrees(),
                "book {seed}, {date}"
            );
            asked = ask(&mut random, &close, number);
        }
        // Past days are as they were known.
        for number in 0..DAYS {
            let date = first.plus_days(number as i32);
            assert!(
                reconcile(root, Some(date)).unwrap().agrees(),
                "book {seed}, {date}"
            );
        }
        if seed % 4 == 0 {
            let options = VerifyOptions {
                root: root.to_path_buf(),
                date: None,
                replay: true,
            };
            assert_eq!(verify(&options, &Quiet).unwrap().exit_code(), 0, "book {seed}");
        }
    }
    for (decision, least) in [
        ("bill-bank accept AMOUNT_MISMATCH", 10),
        ("bill-bank force_match", 10),
        ("bill-bank write_off MISSING_AT_BANK", 10),
        ("bill-bank write_off MISSING_AT_CHANNEL", 5),
        ("bill-bank write_off DUPLICATE_AT_BANK", 1),
        ("platform-bill accept AMOUNT_MISMATCH", 10),
        ("platform-bill accept FEE_MISMATCH", 10),
        ("platform-bill write_off MISSING_AT_PLATFORM", 10),
        ("platform-bill write_off MISSING_AT_CHANNEL", 10),
        ("platform-bill write_off ID_CONFLICT", 3),
        ("platform-bill force_match", 3),
    ] {
        let count: usize = seen
            .iter()
            .filter(|(key, _)| key.starts_with(decision))
            .map(|(_, count)| count)
            .sum();
        assert!(count >= least, "{decision}: {count} in {seen:#?}");
    }
}

/// Money of a bill row that was written off lies with the entry that pays its batch: what is decided next about another batch of the same
/// batch_ref does not take that entry away.
#[test]
fn a_batch_whose_money_was_given_away_stays_paid() {
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/batch-adjusted");
    let folder = scratch();
    let root = folder.path();
    copy(&day, root, |name| {
        !name.starts_with("expected/") && !name.starts_with("inbox/") && name != "README.md"
    });
    let path = root.join("book.toml");
    let one =
        "[[leg]]\nname = \"bill-bank\"\nleft = \"channel\"\nright = \"bank\"\nchannels = [\"ALI\", \"WX\"]\n";
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(one).count(), 1, "{text}");
    let two = ["ALI", "WX"].map(|channel| {
        format!("[[leg]]\nname = \"{channel}-bank\"\nleft = \"channel\"\nright = \"bank\"\nchannels = [\"{channel}\"]\n\n")
    });
    let text = text.replace(one, &two.concat());
    let text = text.replace("\"bill-bank\"", "\"ALI-bank\", \"WX-bank\"");
    fs::write(&path, text.replace("[channel.ALI]\nfee_plan = \"cost\"\n", "")).unwrap();
    let close = |date: &str, platform: &str, bill: &str, bank: &str, adjustments: &str| {
        let inbox = root.join(format!("inbox/{date}"));
        write(&inbox.join("platform.csv"), format!("{PLATFORM}{platform}"));
        write(&inbox.join("bill.csv"), format!("{BILL}{bill}"));
        write(&inbox.join("bank.csv"), format!("{BANK}{bank}"));
        write(
            &inbox.join("adjustments.csv"),
            format!("{ADJUSTMENTS}{adjustments}"),
        );
        let date = Date::parse(date.as_bytes()).unwrap();
        close_day(root, date).unwrap_or_else(|stop| panic!("{date}: {stop}"));
        assert!(reconcile(root, Some(date)).unwrap().agrees(), "{date}");
        close_folder(root, date)
    };
    let row = |id: &str, channel: &str, amount: &str| {
        format!("T{id},2026-03-03T10:00:00+08:00,M1,,PAYMENT,{channel},CNY,{amount},,SUCCESS,{id}\n")
    };
    let billed = |id: &str, channel: &str, amount: &str| {
        format!(
            "{channel},{id},,PAYMENT,{amount},0.00,CNY,2026-03-03T10:00:01+08:00,2026-03-03,L1,SUCCESS,\n"
        )
    };
    let rows = row("A1", "ALI", "60.00") + &row("W1", "WX", "100.00");
    let bills = [
        billed("A1", "ALI", "60.00"),
        billed("A2", "ALI", "40.00"),
        billed("W1", "WX", "100.00"),
        billed("W2", "WX", "5.00"),
    ];
    let first = close("2026-03-03", &rows, &bills.concat(), "", "");
    let id = |bill: &str| {
        let of_bill = |line: &Line| line["leg"] == "platform-bill" && line["entry_id"] == bill;
        let line = table(&first, "breaks.csv").into_iter().find(of_bill);
        line.unwrap_or_else(|| panic!("{bill} is not open"))["break_id"].clone()
    };
    let decision = |number: u32, bill: &str, amount: &str| {
        let target = id(bill);
        format!("D{number},{target},write_off,{amount},nobody's,lin,wang,2026-03-04T18:00:00+08:00\n")
    };
    // E1 is A's 100.00; without W2 it would be W's 100.00 as well.
    let entry = "E1,6222000000000001,2026-03-04T11:00:00+08:00,2026-03-04,C,100.00,CNY,,,L1,\n";
    let decisions = decision(1, "A2", "40.00") + &decision(2, "W2", "5.00");
    let second = close("2026-03-04", "", "", entry, &decisions);
    let own: Vec<String> = table(&second, "adjustments.csv")
        .iter()
        .map(|line| line["own_money_minor"].clone())
        .collect();
    assert_eq!(own, ["4000", "0"]);
    let matched = matched_rows(&second);
    let at = |name: &str| matched[0].iter().position(|column| column == name).unwrap();
    let paid: Vec<(&str, &str, &str)> = matched[1..]
        .iter()
        .filter(|row| row[at("leg")].ends_with("-bank"))
        .map(|row| {
            (
                row[at("leg")].as_str(),
                row[at("txn_id")].as_str(),
                row[at("entry_id")].as_str(),
            )
        })
        .collect();
    assert_eq!(paid, [("ALI-bank", "TA1", "E1")]);
    let open: Vec<(String, String)> = table(&second, "breaks.csv")
        .iter()
        .map(|line| (line["leg"].clone(), line["platform_minor"].clone()))
        .collect();
    assert_eq!(open, [("WX-bank".to_owned(), "10000".to_owned())]);
}

/// A payment that was written off with its whole batch is told so, and not as one that is owed; one that waited and settled later is told
/// with what people decided about its bill.
#[test]
fn explain_tells_decisions_about_batches() {
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/batch-adjusted");
    let folder = scratch();
    let root = folder.path();
    copy(&day, root, |name| {
        !name.starts_with("expected/") && name != "README.md"
    });
    for date in ["2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"] {
        close_day(root, Date::parse(date.as_bytes()).unwrap()).unwrap();
    }
    for (what, told, untold) in [
        ("T6", "written off by adjustment D05", "owed gross as unsettled"),
        ("T3", "by adjustment D02", "not settled"),
        ("T4", "by adjustment D03", "not settled"),
        ("T1", "by adjustment D01", "not settled"),
        ("A5", "own money gains 60.00 CNY", "not settled"),
        ("A11", "written off by adjustment D09", "own money"),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tieout"))
            .args(["explain", root.to_str().unwrap(), what])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let section = text.split("\n\n").next().unwrap();
        assert!(
            section.contains(told) && !section.contains(untold),
            "{what}: {section}"
        );
    }
}
