//! A bound on memory changes no byte on days of several legs, with batches, later passes and rows that wait for days (SPEC §10.6):
//! random days of four kinds of channels, in order and in none, in one file and in several.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tieout::terms::date::Date;

use crate::batches::{BANK, BILL, PLATFORM, Random};
use crate::memory::{LEAST, closed, kill_while_rows_lie_aside, same_with_and_without, tieout};
use crate::support::{copy, csv_rows, files_below, scratch, to_csv, write};

const DAYS: usize = 3;
const DATES: [&str; DAYS] = ["2026-03-03", "2026-03-04", "2026-03-05"];

/// CARD is compared with the bank, DUAL with the bank and its bill, ALI and WX reach the bank by batches of their bills.
const LEGS: &str = r#"
[[leg]]
name = "platform-bank"
left = "platform"
right = "bank"
channels = ["CARD", "DUAL"]
passes = ["exact", "amount-date", "tolerance"]

[[leg.pass]]
name = "tolerance"
amount = "0.02"
ledger_account = "equity:rounding"

[[leg]]
name = "platform-bill"
left = "platform"
right = "channel"
channels = ["ALI", "WX"]
passes = ["exact", "amount-date"]

[[leg]]
name = "bill-bank"
left = "channel"
right = "bank"
channels = ["ALI", "WX"]

[[leg]]
name = "platform-dual"
left = "platform"
right = "channel"
channels = ["DUAL"]

[settle]
when = ["platform-bank", "platform-bill", "bill-bank", "platform-dual"]

[fee_plan.cost]
rate_ppm = 4000

[channel.ALI]
fee_plan = "cost"
"#;

fn amount(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// What is delivered on each day: platform, bills, bank.
#[derive(Default)]
struct Inbox {
    platform: Vec<String>,
    bill: Vec<String>,
    bank: Vec<String>,
}

/// Days under way.
struct Deliveries {
    random: Random,
    days: [Inbox; DAYS],
    /// Batches under way, by channel: number, rows, what they come to, their fees.
    batches: BTreeMap<&'static str, (usize, usize, i64, i64)>,
    entries: usize,
}

impl Deliveries {
    /// A day from `day` on: mostly that one; none where a row never comes.
    fn day(&mut self, day: usize) -> Option<usize> {
        match self.random.below(60) {
            0 => None,
            1 | 2 => Some(day + 1).filter(|day| *day < DAYS),
            _ => Some(day),
        }
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.random.below(many) == 0
    }

    fn entry(
        &mut self,
        day: usize,
        minor: i64,
        bank_ref: &str,
        batch_ref: &str,
        original_ref: &str,
    ) -> String {
        self.entries += 1;
        let id = format!("E{:05}", self.entries * 7919 % 100_000);
        let direction = if minor < 0 { "D" } else { "C" };
        let date = DATES[day];
        self.days[day].bank.push(format!(
            "{id},6222000000000001,{date}T11:00:00+08:00,{date},{direction},{},CNY,{bank_ref},,{batch_ref},{original_ref}",
            amount(minor.unsigned_abs())
        ));
        id
    }

    fn row(&mut self, day: usize, number: usize) {
        let channel = ["CARD", "DUAL", "ALI", "WX"][self.random.below(4) as usize];
        let kind = if self.one_in(12) { "REFUND" } else { "PAYMENT" };
        let minor = 1_000 + self.random.below(900_000);
        let reference = format!("{channel}{day}{:05}", number * 7919 % 100_000);
        let (bank_ref, channel_ref) = match channel {
            "CARD" => (reference.as_str(), ""),
            "DUAL" => (reference.as_str(), reference.as_str()),
            _ => ("", reference.as_str()),
        };
        let merchant = self.random.below(20);
        if let Some(day) = self.day(day) {
            let (date, status) = (DATES[day], if self.one_in(80) { "FAILED" } else { "SUCCESS" });
            let row = |minor: u64| {
                format!(
                    "T{day}{number:05},{date}T10:00:00+08:00,M{merchant},,{kind},{channel},CNY,{},{bank_ref},{status},{channel_ref}",
                    amount(minor)
                )
            };
            let mut rows = vec![row(minor)];
            // Delivered twice, or again with another amount (R19, R20).
            match self.random.below(200) {
                0 => rows.push(row(minor)),
                1 => rows.push(row(minor + 1)),
                _ => {}
            }
            self.days[day].platform.extend(rows);
        }
        // Mostly as it should be: else off by little, or by much.
        let other = match self.random.below(60) {
            0 => minor + 1,
            1 => minor + 500,
            _ => minor,
        };
        if !channel_ref.is_empty()
            && let Some(day) = self.day(day)
        {
            self.bill(day, channel, channel_ref, kind, other);
        }
        if !bank_ref.is_empty()
            && let Some(day) = self.day(day)
        {
            let signed = if kind == "REFUND" {
                -(minor as i64)
            } else {
                minor as i64
            };
            let off = if self.one_in(60) { 1 } else { 0 };
            self.entry(day, signed + off, bank_ref, "", "");
            if self.one_in(100) {
                self.entry(day, signed, bank_ref, "", "");
            }
        }
    }

    fn bill(&mut self, day: usize, channel: &'static str, channel_ref: &str, kind: &str, minor: u64) {
        let fee = (minor * 4_000 + 500_000) / 1_000_000 + u64::from(self.one_in(200));
        let goes_on = channel != "DUAL";
        let batch_ref = match goes_on && !self.one_in(150) {
            true => {
                let (number, ..) = *self.batches.entry(channel).or_default();
                format!("{channel}{day}{number}")
            }
            false => String::new(),
        };
        let date = DATES[day];
        let status = if self.one_in(80) { "FAILED" } else { "SUCCESS" };
        let row = format!(
            "{channel},{channel_ref},,{kind},{},{},CNY,{date}T10:00:01+08:00,{date},{batch_ref},{status},{}",
            amount(minor),
            amount(fee),
            if kind == "REFUND" { channel_ref } else { "" },
        );
        if self.one_in(200) {
            self.days[day].bill.push(row.clone());
        }
        self.days[day].bill.push(row);
        if batch_ref.is_empty() || status != "SUCCESS" {
            return;
        }
        let signed = |minor: u64| {
            if kind == "REFUND" {
                -(minor as i64)
            } else {
                minor as i64
            }
        };
        let batch = self.batches.entry(channel).or_default();
        batch.1 += 1;
        batch.2 += signed(minor);
        batch.3 += signed(fee);
    }

    /// Ends a channel's batch where it has so many rows: the bank pays it, mostly.
    fn pay(&mut self, day: usize, channel: &'static str, rows: usize) {
        let Some(batch) = self.batches.get_mut(channel).filter(|batch| batch.1 >= rows) else {
            return;
        };
        let (number, _, gross, fees) = *batch;
        *batch = (number + 1, 0, 0, 0);
        let net = gross - if channel == "ALI" { fees } else { 0 };
        let batch_ref = format!("{channel}{day}{number}");
        let wrong = if self.one_in(10) { 3 } else { 0 };
        if let Some(day) = self.day(day)
            && net != 0
        {
            self.entry(day, net + wrong, "", &batch_ref, "");
            if self.one_in(12) {
                self.entry(day, net, "", &batch_ref, "");
            }
        }
    }
}

/// Writes a book and the inbox of its days, of about so many rows each.
fn deliver(root: &Path, rows: usize, seed: u64) -> Vec<Date> {
    let mut all = Deliveries {
        random: Random(seed),
        days: Default::default(),
        batches: BTreeMap::new(),
        entries: 0,
    };
    for day in 0..DAYS {
        for number in 0..rows {
            all.row(day, number);
            all.pay(day, "ALI", 120);
            all.pay(day, "WX", 3);
            // An entry that nobody knows, and the one that takes it back (R14).
            if all.one_in(150) {
                let id = all.entry(day, 4_200, "", "", "");
                all.entry(day, -4_200, "", "", &id);
            }
        }
        all.pay(day, "ALI", 1);
        all.pay(day, "WX", 1);
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/batch-gross-and-net/book.toml");
    let settings = fs::read_to_string(golden).unwrap();
    let (head, rest) = settings.split_once("[[leg]]").unwrap();
    let (_, payout) = rest.split_once("[payout]").unwrap();
    let policy = "\n[policy]\nrejects = \"quarantine\"\n";
    write(
        &root.join("book.toml"),
        format!("{head}{LEGS}\n[payout]{payout}{policy}"),
    );
    let mut merchants =
        "merchant_id,fee_bps,fee_min_minor,fee_max_minor,hold_bps,settlement_cycle_days\n".to_owned();
    for merchant in 0..20 {
        writeln!(
            merchants,
            "M{merchant},{},0,,0,{}",
            40 + merchant,
            1 + merchant % 9
        )
        .unwrap();
    }
    write(&root.join("merchants.csv"), merchants);
    for (inbox, date) in all.days.iter().zip(DATES) {
        let folder = root.join("inbox").join(date);
        for (name, header, rows) in [
            ("platform.csv", PLATFORM, &inbox.platform),
            ("bill.csv", BILL, &inbox.bill),
            ("bank.csv", BANK, &inbox.bank),
        ] {
            write(&folder.join(name), format!("{header}{}\n", rows.join("\n")));
        }
    }
    DATES.map(|date| Date::parse(date.as_bytes()).unwrap()).into()
}

/// Turns the rows of every file around, by another column, and splits each file in three.
fn turn_and_split(root: &Path) {
    for name in files_below(&root.join("inbox")) {
        let path = root.join("inbox").join(&name);
        let mut rows = csv_rows(&path);
        let header = rows.remove(0);
        rows.sort_by_key(|row| row.iter().rev().cloned().collect::<Vec<String>>());
        fs::remove_file(&path).unwrap();
        for part in 0..3 {
            let mine = rows.iter().skip(part).step_by(3).cloned();
            let table: Vec<_> = std::iter::once(header.clone()).chain(mine).collect();
            write(
                &path.with_file_name(format!(
                    "{}-{part}.csv",
                    name.rsplit('/').next().unwrap().trim_end_matches(".csv")
                )),
                to_csv(&table),
            );
        }
    }
}

/// Of fewer rows all stand for all where causes are looked for, and none would settle where it lies.
const ROWS: usize = 20_000;

#[test]
fn days_of_several_legs_put_aside_have_the_same_bytes() {
    let folder = scratch();
    let dates = deliver(folder.path(), ROWS, 1);
    assert_eq!(same_with_and_without("in order", folder.path(), &dates), DAYS);
}

#[test]
fn days_of_several_legs_in_no_order_put_aside_have_the_same_bytes() {
    let folder = scratch();
    let dates = deliver(folder.path(), ROWS, 2);
    turn_and_split(folder.path());
    let what = "in no order, in three files each";
    assert_eq!(same_with_and_without(what, folder.path(), &dates), DAYS);
}

#[test]
fn a_close_of_several_legs_killed_while_rows_lie_aside_runs_again_to_the_same_bytes() {
    let folder = scratch();
    let dates = deliver(folder.path(), 4_000, 3);
    let undisturbed = scratch();
    copy(folder.path(), undisturbed.path(), |_| true);
    let (expected, _) = closed(undisturbed.path(), dates[0], None);
    kill_while_rows_lie_aside(folder.path(), DATES[0]);
    let (found, aside) = closed(folder.path(), dates[0], Some(LEAST));
    assert!(aside && found == expected);
}

#[test]
fn a_bound_too_low_for_several_legs_is_refused_in_words() {
    let folder = scratch();
    deliver(folder.path(), 200, 4);
    let output = tieout(folder.path(), DATES[0], "64MiB").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(told.contains("--memory 64 MiB is too little"), "{told}");
    assert!(!folder.path().join("closes/.spill").exists());
    assert!(!folder.path().join("closes").join(DATES[0]).exists());
}
