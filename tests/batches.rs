//! Channels' batches against a plain reading: random days on which platform, bill and bank come in any order, each payment
//! settling on the day on which the last of the three has come (R26, R41). Every close proves its own identities.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tieout::terms::date::Date;

use crate::support::{close_day, close_folder, copy, csv_rows, matched_rows, scratch, write};

const DAYS: usize = 5;
const BATCHES: usize = 40;

/// Headers of what is delivered.
pub const PLATFORM: &str =
    "txn_id,txn_time,merchant_id,customer_id,txn_type,channel,currency,amount,bank_ref,status,channel_ref\n";
pub const BILL: &str = "channel,channel_ref,order_id,txn_type,amount,fee,currency,txn_time,settle_date,batch_ref,status,refund_ref\n";
pub const BANK: &str = "entry_id,account,booking_time,value_date,direction,amount,currency,bank_ref,remark,batch_ref,original_ref\n";

/// Numbers that look random and are the same each time.
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// A day from the first, or none.
    fn day(&mut self, missing_in: u64) -> Option<usize> {
        if self.below(missing_in) == 0 {
            return None;
        }
        Some(self.below(DAYS as u64) as usize)
    }
}

/// A payment, or the refund of one.
struct Row {
    id: usize,
    is_refund: bool,
    minor: u64,
    fee: u64,
    /// When the platform has it.
    booked: Option<usize>,
}

struct Lump {
    rows: Vec<Row>,
    billed: Option<usize>,
    paid: Option<usize>,
    /// What comes beyond gross or net.
    wrong: i64,
    net: bool,
    twice: bool,
}

impl Lump {
    fn random(random: &mut Random, next: &mut usize) -> Lump {
        let rows = (0..1 + random.below(6)).map(|at| {
            *next += 1;
            Row {
                id: *next,
                // The first row is larger than all others, so that a batch never comes to nothing.
                is_refund: at > 0 && random.below(4) == 0,
                minor: if at == 0 { 100_000 } else { 1 + random.below(9_000) },
                // And its fee larger than what the others could take back: gross, net and what is wrong stay apart.
                fee: if at == 0 { 500 } else { 1 + random.below(40) },
                booked: random.day(12),
            }
        });
        Lump {
            rows: rows.collect(),
            billed: random.day(12),
            paid: random.day(12),
            wrong: if random.below(8) == 0 { -1 } else { 0 },
            net: random.below(2) == 0,
            twice: random.below(8) == 0,
        }
    }

    fn entry_minor(&self) -> i64 {
        let signed = |row: &Row, minor: u64| {
            if row.is_refund {
                -(minor as i64)
            } else {
                minor as i64
            }
        };
        let gross: i64 = self.rows.iter().map(|row| signed(row, row.minor)).sum();
        let fees: i64 = self.rows.iter().map(|row| signed(row, row.fee)).sum();
        gross - if self.net { fees } else { 0 } + self.wrong
    }

    /// The day on which the batch is found at the bank.
    fn found(&self) -> Option<usize> {
        Some(self.billed?.max(self.paid?)).filter(|_| self.wrong == 0)
    }
}

fn amount(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// Writes the inbox of every day.
fn deliver(root: &Path, dates: &[Date], lumps: &[Lump], reversed: bool) {
    for (day, date) in dates.iter().enumerate() {
        let mut platform: Vec<String> = Vec::new();
        let (mut bill, mut bank) = (Vec::new(), Vec::new());
        for (number, lump) in lumps.iter().enumerate() {
            for row in &lump.rows {
                let kind = if row.is_refund { "REFUND" } else { "PAYMENT" };
                let sum = amount(row.minor);
                if row.booked == Some(day) {
                    platform.push(format!(
                        "T{},{date}T10:00:00+08:00,M{},,{kind},ALI,CNY,{sum},,SUCCESS,A{}",
                        row.id,
                        1 + row.id % 2,
                        row.id
                    ));
                }
                if lump.billed == Some(day) {
                    let refund_ref = if row.is_refund { "R" } else { "" };
                    bill.push(format!(
                        "ALI,A{},,{kind},{sum},{},CNY,{date}T10:00:01+08:00,{date},L{number},SUCCESS,{refund_ref}",
                        row.id,
                        amount(row.fee)
                    ));
                }
            }
            if lump.paid == Some(day) {
                for copy in 0..=usize::from(lump.twice) {
                    bank.push(format!(
                        "E{number}-{copy},6222000000000001,{date}T11:00:00+08:00,{date},C,{},CNY,,,L{number},",
                        amount(lump.entry_minor() as u64)
                    ));
                }
            }
        }
        let folder = root.join(format!("inbox/{date}"));
        let save = |name: &str, header: &str, mut lines: Vec<String>| {
            if reversed {
                lines.reverse();
            }
            let mut text = header.to_owned();
            lines.iter().for_each(|line| {
                let _ = writeln!(text, "{line}");
            });
            write(&folder.join(name), text);
        };
        save("platform.csv", PLATFORM, platform);
        save("bill.csv", BILL, bill);
        save("bank.csv", BANK, bank);
    }
}

/// What a plain reading says: the day on which each row settles, and the breaks that are open in the end.
fn plain_reading(lumps: &[Lump]) -> (BTreeMap<String, usize>, BTreeSet<(String, String)>) {
    let mut settles = BTreeMap::new();
    let mut open = BTreeSet::new();
    let mut say = |class: &str, reference: String| {
        open.insert((class.to_owned(), reference));
    };
    for (number, lump) in lumps.iter().enumerate() {
        let batch = format!("L{number}");
        for row in &lump.rows {
            match (row.booked, lump.billed) {
                (Some(booked), Some(billed)) => {
                    if let Some(found) = lump.found() {
                        settles.insert(format!("T{}", row.id), booked.max(billed).max(found));
                    }
                }
                (Some(_), None) => say("MISSING_AT_CHANNEL", format!("A{}", row.id)),
                (None, Some(_)) => say("MISSING_AT_PLATFORM", format!("A{}", row.id)),
                (None, None) => {}
            }
        }
        match (lump.billed, lump.paid) {
            (Some(_), None) => say("MISSING_AT_BANK", batch),
            (None, Some(_)) if lump.twice => say("DUPLICATE_AT_BANK", batch),
            (None, Some(_)) => say("MISSING_AT_CHANNEL", batch),
            (Some(_), Some(_)) => {
                if lump.wrong != 0 {
                    say("AMOUNT_MISMATCH", batch.clone());
                }
                if lump.twice {
                    say("DUPLICATE_AT_BANK", batch);
                }
            }
            (None, None) => {}
        }
    }
    (settles, open)
}

#[test]
fn payments_settle_when_the_last_of_three_has_come() {
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/batch-over-days");
    let first = Date::parse(b"2026-03-03").unwrap();
    let dates: Vec<Date> = (0..DAYS as i32).map(|day| first.plus_days(day)).collect();
    let mut settled_in_all = 0;
    for seed in 1..=5 {
        let mut random = Random(seed);
        let mut next = 0;
        let lumps: Vec<Lump> = (0..BATCHES)
            .map(|_| Lump::random(&mut random, &mut next))
            .collect();
        let (settles, open) = plain_reading(&lumps);
        settled_in_all += settles.len();
        let mut tables: Vec<Vec<Vec<String>>> = Vec::new();
        for reversed in [false, true] {
            let folder = scratch();
            copy(&day, folder.path(), |name| {
                !name.starts_with("expected/") && !name.starts_with("inbox/") && name != "README.md"
            });
            // What the bill charges is no question here.
            let settings = folder.path().join("book.toml");
            let text = fs::read_to_string(&settings).unwrap();
            fs::write(
                &settings,
                text.replace("[channel.ALI]\nfee_plan = \"cost\"\n", ""),
            )
            .unwrap();
            deliver(folder.path(), &dates, &lumps, reversed);
            let mut found = BTreeMap::new();
            for (number, date) in dates.iter().enumerate() {
                close_day(folder.path(), *date).unwrap_or_else(|stop| panic!("{seed}, {date}: {stop}"));
                let rows = matched_rows(&close_folder(folder.path(), *date));
                let at = |name: &str| rows[0].iter().position(|column| column == name).unwrap();
                for row in rows[1..].iter().filter(|row| row[at("leg")] == "bill-bank") {
                    let earlier = found.insert(row[at("txn_id")].clone(), number);
                    assert_eq!(earlier, None, "{seed}: {} twice", row[at("txn_id")]);
                    assert!(row[at("entry_id")].starts_with('E') && row[at("bank_ref")].starts_with('L'));
                }
                tables.push(rows);
            }
            assert_eq!(found, settles, "seed {seed}");
            let last = close_folder(folder.path(), dates[DAYS - 1]);
            let breaks = csv_rows(&last.join("breaks.csv"));
            let at = |name: &str| breaks[0].iter().position(|column| column == name).unwrap();
            let listed: BTreeSet<(String, String)> = breaks[1..]
                .iter()
                .map(|row| (row[at("class")].clone(), row[at("bank_ref")].clone()))
                .collect();
            assert_eq!(listed, open, "seed {seed}");
        }
        let (forwards, backwards) = tables.split_at(DAYS);
        assert_eq!(forwards, backwards, "seed {seed}: the order of rows");
    }
    assert!(settled_in_all > 200, "{settled_in_all}");
}

/// The book of `batch-over-days` with a leg to the bank for each channel.
fn two_leg_book() -> tempfile::TempDir {
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/batch-over-days");
    let folder = scratch();
    copy(&day, folder.path(), |name| {
        !name.starts_with("expected/") && !name.starts_with("inbox/") && name != "README.md"
    });
    let settings = folder.path().join("book.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let one =
        "[[leg]]\nname = \"bill-bank\"\nleft = \"channel\"\nright = \"bank\"\nchannels = [\"ALI\", \"WX\"]\n";
    assert_eq!(text.matches(one).count(), 1, "{text}");
    let two = ["ALI", "WX"].map(|channel| {
        format!("[[leg]]\nname = \"{channel}-bank\"\nleft = \"channel\"\nright = \"bank\"\nchannels = [\"{channel}\"]\n\n")
    });
    let text = text
        .replace(one, &two.concat())
        .replace("\"bill-bank\"]", "\"ALI-bank\", \"WX-bank\"]")
        .replace("[channel.ALI]\nfee_plan = \"cost\"\n", "");
    fs::write(&settings, text).unwrap();
    folder
}

/// Lines of a table of a close, as texts by column.
fn lines(root: &Path, date: &str, table: &str) -> Vec<BTreeMap<String, String>> {
    let close = close_folder(root, Date::parse(date.as_bytes()).unwrap());
    let rows = csv_rows(&close.join(table));
    let line = |row: &Vec<String>| rows[0].iter().cloned().zip(row.iter().cloned()).collect();
    rows[1..].iter().map(line).collect()
}

/// An entry that paid nothing stands on the leg of its batch for as long as it is open: once the batch is paid and forgotten, the
/// entry does not change its leg, and so not its break (R30).
#[test]
fn an_entry_of_a_batch_keeps_its_break() {
    let folder = two_leg_book();
    let root = folder.path();
    let entry = |id: &str, day: &str, amount: &str| {
        format!("{id},6222000000000001,{day}T11:00:00+08:00,{day},C,{amount},CNY,,,L1,\n")
    };
    let row = "T1,2026-03-03T10:00:00+08:00,M1,,PAYMENT,WX,CNY,100.00,,SUCCESS,W1\n";
    let bill = "WX,W1,,PAYMENT,100.00,0.00,CNY,2026-03-03T10:00:01+08:00,2026-03-03,L1,SUCCESS,\n";
    let twice = entry("E1", "2026-03-03", "100.00") + &entry("E2", "2026-03-03", "100.00");
    close_bills(root, "2026-03-03", row, bill, &twice);
    let open = |date: &str| -> Vec<(String, String, String, String)> {
        let of = |line: BTreeMap<String, String>| {
            let of = |column: &str| line[column].clone();
            (of("entry_id"), of("leg"), of("class"), of("break_id"))
        };
        lines(root, date, "breaks.csv").into_iter().map(of).collect()
    };
    let first = open("2026-03-03");
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!((first[0].0.as_str(), first[0].1.as_str()), ("E2", "WX-bank"));
    close_bills(root, "2026-03-04", "", "", "");
    assert_eq!(open("2026-03-04"), first);
    assert!(lines(root, "2026-03-04", "resolved.csv").is_empty());
    // One of its reference that comes later stands with it.
    close_bills(root, "2026-03-05", "", "", &entry("E3", "2026-03-05", "7.00"));
    let third = open("2026-03-05");
    assert_eq!(third.len(), 2, "{third:?}");
    assert!(third.contains(&first[0]), "{third:?}");
    assert!(third.iter().all(|line| line.1 == "WX-bank"), "{third:?}");
    // A batch of the other leg that comes now is another one; an entry that fits it pays it.
    let row = "T2,2026-03-06T10:00:00+08:00,M1,,PAYMENT,ALI,CNY,7.00,,SUCCESS,A1\n";
    let bill = "ALI,A1,,PAYMENT,7.00,0.00,CNY,2026-03-06T10:00:01+08:00,2026-03-06,L1,SUCCESS,\n";
    close_bills(root, "2026-03-06", row, bill, "");
    assert_eq!(open("2026-03-06"), first);
}

/// Refunds of one trade share its number on the bill, and each is a break of its own, on every day and for people (R19, R30).
#[test]
fn refunds_of_one_trade_are_breaks_of_their_own() {
    let folder = two_leg_book();
    let root = folder.path();
    let settings = root.join("book.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let source = "[[source]]\nname = \"decisions\"\nrole = \"adjustments\"\nformat = \"canonical\"\nfiles = [\"adjust*.csv\"]\n\n[[leg]]";
    fs::write(&settings, text.replacen("[[leg]]", source, 1)).unwrap();
    let bill = |refund: &str, minor: &str| {
        format!("ALI,K1,,REFUND,{minor},0.00,CNY,2026-03-03T10:00:01+08:00,2026-03-03,L1,SUCCESS,{refund}\n")
    };
    let payment = "ALI,K1,,PAYMENT,9.00,0.00,CNY,2026-03-03T10:00:01+08:00,2026-03-03,L1,SUCCESS,\n";
    let bills = payment.to_owned() + &bill("F1", "1.00") + &bill("F2", "1.00") + &bill("F3", "2.00");
    close_bills(root, "2026-03-03", "", &bills, "");
    let open = |date: &str| -> BTreeMap<String, (String, String)> {
        let of_bill = lines(root, date, "breaks.csv")
            .into_iter()
            .filter(|line| line["leg"] == "platform-bill");
        let told = of_bill.map(|line| {
            let row = format!("{} {}", line["entry_type"], line["refund_ref"]);
            (row, (line["break_id"].clone(), line["first_seen"].clone()))
        });
        told.collect()
    };
    let first = open("2026-03-03");
    let rows: Vec<&str> = first.keys().map(String::as_str).collect();
    assert_eq!(rows, ["PAYMENT ", "REFUND F1", "REFUND F2", "REFUND F3"]);
    let ids: BTreeSet<&str> = first.values().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids.len(), 4, "{first:?}");
    // A payment's id is made of what R30 names.
    let id = tieout::terms::digest::break_id("platform-bill", b"K1", b"", b"", b"K1");
    assert_eq!(first["PAYMENT "].0, id);
    // One of two that look alike is meant, and that one alone goes.
    let decision = format!(
        "adjustment_id,target,action,amount,reason,prepared_by,approved_by,approved_at\nD1,{},write_off,1.00,never was,lin,wang,2026-03-04T18:00:00+08:00\n",
        first["REFUND F2"].0
    );
    write(&root.join("inbox/2026-03-04/adjust.csv"), decision);
    close_bills(root, "2026-03-04", "", "", "");
    let mut rest = first;
    rest.remove("REFUND F2");
    assert_eq!(open("2026-03-04"), rest);
    assert_eq!(
        lines(root, "2026-03-04", "resolved.csv")
            .iter()
            .filter(|line| line["leg"] == "platform-bill")
            .count(),
        1
    );
}

/// A batch in two currencies is two, and each is a break of its own.
#[test]
fn currencies_of_one_batch_are_breaks_of_their_own() {
    let folder = two_leg_book();
    let root = folder.path();
    let bill = |id: &str, currency: &str| {
        format!("WX,{id},,PAYMENT,10.00,0.00,{currency},2026-03-03T10:00:01+08:00,2026-03-03,L1,SUCCESS,\n")
    };
    let open = |date: &str| -> BTreeMap<String, String> {
        let of_batch = lines(root, date, "breaks.csv")
            .into_iter()
            .filter(|line| line["leg"] == "WX-bank");
        of_batch
            .map(|line| (line["currency"].clone(), line["break_id"].clone()))
            .collect()
    };
    close_bills(
        root,
        "2026-03-03",
        "",
        &(bill("W1", "CNY") + &bill("W2", "USD")),
        "",
    );
    let mut first = open("2026-03-03");
    assert_eq!(first.len(), 2, "{first:?}");
    assert_ne!(first["CNY"], first["USD"]);
    assert_eq!(
        first["CNY"],
        tieout::terms::digest::break_id("WX-bank", b"L1", b"", b"", b"")
    );
    let entry = "E1,6222000000000001,2026-03-04T11:00:00+08:00,2026-03-04,C,10.00,CNY,,,L1,\n";
    close_bills(root, "2026-03-04", "", "", entry);
    let paid = first.remove("CNY").unwrap();
    assert_eq!(open("2026-03-04"), first);
    let resolved = lines(root, "2026-03-04", "resolved.csv");
    assert!(
        resolved.iter().any(|line| line["break_id"] == paid),
        "{resolved:?}"
    );
}

/// A batch stands for its bill row of the least id, whatever the order of the rows.
#[test]
fn the_row_that_stands_for_a_batch_follows_from_its_content() {
    let bill = |refund: &str, order: &str| {
        format!(
            "ALI,K1,{order},REFUND,1.00,0.00,CNY,2026-03-03T10:00:01+08:00,2026-03-03,L1,SUCCESS,{refund}\n"
        )
    };
    let rows = [bill("F1", "O3"), bill("F2", "O2"), bill("F3", "O1")];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
        let folder = two_leg_book();
        let text: String = order.iter().map(|at| rows[*at].as_str()).collect();
        close_bills(folder.path(), "2026-03-03", "", &text, "");
        let breaks = lines(folder.path(), "2026-03-03", "breaks.csv");
        let line = breaks.iter().find(|line| line["leg"] == "ALI-bank").unwrap();
        let at: usize = line["platform_line"].parse().unwrap();
        assert_eq!(order[at - 2], 0, "{order:?}: line {at}");
    }
}

/// One close of the book of `passes-of-a-bill` on lines of platform, bill and bank.
fn close_bills(root: &Path, date: &str, platform: &str, bill: &str, bank: &str) {
    let inbox = root.join(format!("inbox/{date}"));
    let save = |name: &str, header: &str, lines: &str| write(&inbox.join(name), format!("{header}{lines}"));
    save("platform.csv", PLATFORM, platform);
    save("bill.csv", BILL, bill);
    save("bank.csv", BANK, bank);
    close_day(root, Date::parse(date.as_bytes()).unwrap()).unwrap_or_else(|stop| panic!("{date}: {stop}"));
}

/// Lines of `matched` between platform and bill, and the candidates of open rows by their reference or txn_id.
fn bills_told(root: &Path, date: &str) -> (usize, BTreeMap<String, String>) {
    let close = close_folder(root, Date::parse(date.as_bytes()).unwrap());
    let matched = matched_rows(&close);
    let leg = matched[0].iter().position(|column| column == "leg").unwrap();
    let on_bill = matched[1..].iter().filter(|row| row[leg] == "platform-bill");
    let breaks = csv_rows(&close.join("breaks.csv"));
    let at = |name: &str| breaks[0].iter().position(|column| column == name).unwrap();
    let open = breaks[1..].iter().filter(|row| row[at("leg")] == "platform-bill");
    let candidates = open.map(|row| {
        let id = format!("{}{}", row[at("txn_id")], row[at("entry_id")]);
        (id, row[at("candidates")].clone())
    });
    (on_bill.count(), candidates.collect())
}

fn bill_book() -> tempfile::TempDir {
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/passes-of-a-bill");
    let folder = scratch();
    copy(&day, folder.path(), |name| {
        !name.starts_with("expected/") && !name.starts_with("inbox/") && name != "README.md"
    });
    folder
}

/// Who meets a bill row whose batch was paid settles today; who meets one that waits does not. So the two are not interchangeable.
#[test]
fn a_bill_row_that_was_paid_is_not_like_one_that_waits() {
    for (paid, waiting) in [("B-2", "B-1"), ("B-1", "B-2")] {
        let folder = bill_book();
        let root = folder.path();
        let bill = |id: &str, time: &str| {
            format!("ALI,{id},,PAYMENT,20.00,0.08,CNY,{time}T10:00:01+08:00,2026-03-03,L3,SUCCESS,\n")
        };
        let entry = "E1,6222000000000001,2026-03-03T11:00:00+08:00,2026-03-03,C,20.00,CNY,,,L3,\n";
        close_bills(root, "2026-03-03", "", &bill(paid, "2026-03-03"), entry);
        let row = "T1,2026-03-04T10:00:00+08:00,M1,,PAYMENT,ALI,CNY,20.00,,SUCCESS,\n";
        close_bills(root, "2026-03-04", row, &bill(waiting, "2026-03-04"), "");
        let (matched, candidates) = bills_told(root, "2026-03-04");
        assert_eq!(matched, 0, "{candidates:?}");
        for (id, other) in [("T1", "B-1"), ("T1", "B-2"), ("B-1", "T1"), ("B-2", "T1")] {
            assert!(candidates[id].contains("amount-date"), "{id}: {candidates:?}");
            assert!(candidates[id].contains(other), "{id}: {candidates:?}");
        }
    }
}

/// A bill row whose fee is not agreed is taken by no pass, but it may be what the platform row is.
#[test]
fn a_bill_row_with_another_fee_makes_others_doubtful() {
    let folder = bill_book();
    let row = "T4,2026-03-03T10:00:00+08:00,M1,,PAYMENT,ALI,CNY,40.00,,SUCCESS,\n";
    let bill = |id: &str, fee: &str| {
        format!("ALI,{id},,PAYMENT,40.00,{fee},CNY,2026-03-03T10:00:01+08:00,2026-03-03,L1,SUCCESS,\n")
    };
    let bills = bill("B4", "0.15") + &bill("B5", "0.33");
    close_bills(folder.path(), "2026-03-03", row, &bills, "");
    let (matched, candidates) = bills_told(folder.path(), "2026-03-03");
    assert_eq!(matched, 0, "{candidates:?}");
    for (id, other) in [("T4", "B4"), ("T4", "B5"), ("B4", "T4"), ("B5", "T4")] {
        assert!(candidates[id].contains(other), "{id}: {candidates:?}");
    }
    // With the agreed one alone it is certain.
    let folder = bill_book();
    close_bills(folder.path(), "2026-03-03", row, &bill("B4", "0.15"), "");
    let (matched, candidates) = bills_told(folder.path(), "2026-03-03");
    assert_eq!((matched, candidates.len()), (1, 0), "{candidates:?}");
}
