//! The demo's week is closed here by the engine itself, day by day, without writing a close.

use std::collections::BTreeMap;
use std::io::Read;

use rustc_hash::FxHashSet;

use super::*;
use crate::day::close::{CloseOptions, Progress, close};
use crate::day::run::{Computed, DayInputs, compute};
use crate::day::settle::Originals;
use crate::day::state::State;
use crate::ingest::files::{discover, open};
use crate::terms::kinds::TxnType;

struct Quiet;

impl Progress for Quiet {
    fn stage(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// Closes the days of a book one after the other and shows each to `look`.
pub(super) fn close_week(
    root: &Path,
    dates: &[Date],
    originals: Originals<'_>,
    mut look: impl FnMut(usize, &Computed),
) {
    let book = Book::open(root).unwrap();
    let mut state = State::default();
    for (day, date) in dates.iter().enumerate() {
        let delivery = discover(&book.layout.inbox(*date), &book.settings).unwrap();
        let inputs = DayInputs {
            book: &book,
            state: &state,
            is_first: day == 0,
            delivery: &delivery,
            date: *date,
            originals,
            memory: None,
        };
        let computed = compute(&inputs, &Quiet).unwrap_or_else(|stop| panic!("{date}: {stop}"));
        look(day, &computed);
        state = computed.next;
    }
}

/// Every file below a folder: path and bytes.
pub(super) fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, into);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                into.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(root, root, &mut files);
    files
}

/// The open breaks of each close, as class and the id that names the break best.
const OPEN: [&[&str]; DAYS] = [
    &[
        "MISSING_AT_CHANNEL DEMO-ALIPAY-LATE",
        "MISSING_AT_BANK DEMO-MIDNIGHT",
    ],
    &[
        "FEE_MISMATCH DEMO-ALIPAY-FEE",
        "AMOUNT_MISMATCH DEMO-SHORT",
        "DUPLICATE_AT_PLATFORM DEMO-TWICE-B",
        "MISSING_AT_PLATFORM B-DEMO-LATE-PLATFORM",
    ],
    &[
        "MISSING_AT_BANK UNDEBITED",
        "FEE_MISMATCH DEMO-ALIPAY-FEE",
        "AMOUNT_MISMATCH DEMO-SHORT",
        "DUPLICATE_AT_BANK B-DEMO-BOOKED-TWICE-2",
        "DUPLICATE_AT_PLATFORM DEMO-TWICE-B",
        "MISSING_AT_PLATFORM DEMO-REVERSED",
        "STATUS_MISMATCH DEMO-STATUS",
    ],
    &[
        "MISSING_AT_BANK UNDEBITED",
        "FEE_MISMATCH DEMO-ALIPAY-FEE",
        "AMOUNT_MISMATCH DEMO-SHORT",
        "DUPLICATE_AT_BANK B-DEMO-BOOKED-TWICE-2",
        "DUPLICATE_AT_PLATFORM DEMO-TWICE-B",
        "VALUE_DATE_MISMATCH DEMO-VALUE-DATE",
        "NEGATIVE_BALANCE DEMO-NEGATIVE",
    ],
    &[
        "MISSING_AT_BANK UNDEBITED",
        "FEE_MISMATCH DEMO-ALIPAY-FEE",
        "AMOUNT_MISMATCH DEMO-SHORT",
        "DUPLICATE_AT_BANK B-DEMO-BOOKED-TWICE-2",
        "DUPLICATE_AT_PLATFORM DEMO-TWICE-B",
        "NEGATIVE_BALANCE DEMO-NEGATIVE",
    ],
    &[
        "MISSING_AT_BANK UNDEBITED overdue",
        "FEE_MISMATCH DEMO-ALIPAY-FEE overdue",
        "AMOUNT_MISMATCH DEMO-SHORT overdue",
        "DUPLICATE_AT_BANK B-DEMO-BOOKED-TWICE-2",
        "DUPLICATE_AT_PLATFORM DEMO-TWICE-B overdue",
    ],
    &[
        "MISSING_AT_BANK UNDEBITED overdue",
        "FEE_MISMATCH DEMO-ALIPAY-FEE overdue",
        "AMOUNT_MISMATCH DEMO-SHORT overdue",
        "DUPLICATE_AT_BANK B-DEMO-BOOKED-TWICE-2 overdue",
        "DUPLICATE_AT_PLATFORM DEMO-TWICE-B overdue",
    ],
];

#[test]
fn the_same_bytes_every_time() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(write_demo(a.path()).unwrap(), write_demo(b.path()).unwrap());
    let (a_files, b_files) = (tree(a.path()), tree(b.path()));
    assert!(a_files.len() > 40);
    assert_eq!(a_files, b_files);
    let stop = write_demo(a.path()).unwrap_err();
    assert_eq!(stop.code, StopCode::CannotCreate);
}

#[test]
fn the_week_closes_as_planned() {
    let folder = tempfile::tempdir().unwrap();
    let demo = write_demo(folder.path()).unwrap();
    let book = Book::open(folder.path()).unwrap();
    let week = week(&book).unwrap();
    let expected = payouts::expect(&week, &book, &[RETURNED]).unwrap();
    let undebited = demo
        .planted
        .iter()
        .find(|planted| planted.kind.starts_with("payout that"))
        .unwrap();
    let originals = |wanted: &FxHashSet<Vec<u8>>| {
        let payments = week
            .settled
            .iter()
            .map(|row| &row.txn)
            .filter(|txn| txn.kind == TxnType::Payment);
        let found = payments
            .filter(|txn| wanted.contains(txn.id.as_bytes()))
            .map(|txn| {
                let fee = payouts::fee(
                    super::book::merchant(txn.merchant).unwrap().fee,
                    txn.channel,
                    txn.minor,
                );
                let settled = crate::day::originals::Settled {
                    merchant_id: txn.merchant.to_owned(),
                    currency: crate::terms::currency::Currency::parse(txn.currency.as_bytes()).unwrap(),
                    amount_minor: txn.minor,
                    fee_minor: fee,
                };
                (txn.id.clone().into_bytes(), settled)
            });
        Ok(found.collect())
    };
    close_week(folder.path(), &demo.dates, &originals, |day, computed| {
        let date = demo.dates[day];
        let mut open: Vec<String> = computed
            .breaks
            .lines
            .iter()
            .map(|line| {
                let ids = [&line.txn_id, &line.entry_id, &line.bank_ref];
                let id = ids.into_iter().find(|id| !id.is_empty()).unwrap();
                let id = if *id == undebited.id { "UNDEBITED" } else { id };
                format!(
                    "{} {id}{}",
                    line.class,
                    if line.overdue { " overdue" } else { "" }
                )
            })
            .collect();
        let mut planned = OPEN[day].to_vec();
        open.sort();
        planned.sort_unstable();
        assert_eq!(open, planned, "{date}");

        let issued = computed
            .paid
            .payouts
            .settlement
            .issued
            .iter()
            .map(|p| (p.payout_id.as_str(), p.amount_minor, p.execution_date));
        let mut issued: Vec<_> = issued.collect();
        let of_day = expected.iter().filter(|payout| payout.day == day);
        let mut wanted: Vec<_> = of_day.map(|p| (p.id.as_str(), p.minor, p.execution)).collect();
        issued.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(issued, wanted, "{date}");

        assert!(computed.rejects.is_empty(), "{date}: {:?}", computed.rejects);
        for pool in &computed.paid.reserve.pools {
            assert_eq!(
                (pool.shortfall_minor, pool.unexplained_minor),
                (0, 0),
                "{date} {}",
                pool.currency
            );
        }
        let taken_once = computed.notes.iter().any(|note| note.contains("-resent.csv"));
        assert_eq!(taken_once, day == 1, "{date}");
        let wallet = |id: &str| {
            let line = computed
                .settled
                .wallets
                .lines
                .iter()
                .find(|line| line.customer_id == id);
            line.map_or(0, |line| line.closing_minor)
        };
        assert_eq!(
            wallet("C-LI"),
            [30_000, 18_000, 13_000, 15_000, 5_000, 5_000, 5_000][day],
            "{date}"
        );
        assert_eq!(wallet("C-WANG"), if day < 2 { 0 } else { 5_000 });
        assert_eq!(wallet("C-ZHAO"), if day < 5 { 0 } else { 1_200 });
    });
}

#[test]
fn what_is_planted_can_be_found_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let demo = write_demo(folder.path()).unwrap();
    let book = Book::open(folder.path()).unwrap();
    let mut text = String::from_utf8(std::fs::read(folder.path().join("merchants.csv")).unwrap()).unwrap();
    for date in &demo.dates {
        for file in discover(&book.layout.inbox(*date), &book.settings).unwrap().files {
            let mut bytes = Vec::new();
            open(&file).unwrap().read_to_end(&mut bytes).unwrap();
            let name = file.name.split('!').next().unwrap();
            text.push_str(&format!("\n{name}\n{}", String::from_utf8_lossy(&bytes)));
        }
    }
    let undebited = |planted: &Planted| planted.kind.starts_with("payout that");
    for planted in demo.planted.iter().filter(|planted| !undebited(planted)) {
        assert!(text.contains(&planted.id), "{}", planted.id);
        assert!(
            planted.dates.is_sorted() && !planted.dates.is_empty(),
            "{}",
            planted.id
        );
    }
    assert!(demo.on(demo.dates[0]).count() > 5);
}

#[test]
fn statements_and_bills_add_up() {
    let week = {
        let folder = tempfile::tempdir().unwrap();
        write_demo(folder.path()).unwrap();
        week(&Book::open(folder.path()).unwrap()).unwrap()
    };
    // Alipay's trailer, against the rows of the file itself.
    let text = files::bill_detail(week.dates[1], &week.bills[1]);
    let column = |line: &str, at: usize| line.split(',').nth(at).unwrap().trim().to_owned();
    let mut sums: BTreeMap<String, (usize, i64)> = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("2026")) {
        let sum = sums.entry(column(line, 2)).or_default();
        sum.0 += 1;
        sum.1 += column(line, 12).replace('.', "").parse::<i64>().unwrap();
    }
    for (kind, total, paid) in [
        ("交易", "交易合计", "商家实收"),
        ("退款", "退款合计", "商家实收退款"),
    ] {
        let (count, minor) = sums[kind];
        let shown = crate::terms::money::format_minor(i128::from(minor), 2);
        assert!(
            text.contains(&format!("#{total}：{count}笔，{paid}共{shown}元")),
            "{kind} {count} {shown}"
        );
    }
    // The euro statements of a day, against the entries.
    let entries = files::of_account(&week.entries[1], "RA2");
    let (a, b) = entries.split_at(entries.len() / 2);
    let xml = String::from_utf8(files::camt(week.dates[1], 1, 500_000, &[a, b])).unwrap();
    let mut balances = Vec::new();
    for part in xml.split("<Bal>").skip(1) {
        let amount = part.split("\"EUR\">").nth(1).unwrap().split('<').next().unwrap();
        balances.push(amount.replace('.', "").parse::<i64>().unwrap());
    }
    let (a, b) = (files::movement(a), files::movement(b));
    assert_eq!(balances, [500_000, 500_000 + a, 500_000 + a, 500_000 + a + b]);
}

#[test]
fn the_page_for_users_lists_everything_planted() {
    let folder = tempfile::tempdir().unwrap();
    let page = include_str!("../../docs/demo.md");
    for planted in write_demo(folder.path()).unwrap().planted {
        let dates: Vec<String> = planted
            .dates
            .iter()
            .map(|date| date.to_string()[8..].to_owned())
            .collect();
        let line = format!(
            "| {} | `{}` | {} | {} |",
            planted.kind,
            planted.id,
            dates.join(", "),
            planted.shows
        );
        assert!(
            page.lines().any(|known| known == line),
            "docs/demo.md lacks the line\n{line}"
        );
    }
}

#[test]
fn the_closes_on_disk_pay_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let demo = write_demo(folder.path()).unwrap();
    let book = Book::open(folder.path()).unwrap();
    let expected = payouts::expect(&week(&book).unwrap(), &book, &[RETURNED]).unwrap();
    for (day, date) in demo.dates.iter().enumerate() {
        let options = CloseOptions {
            root: folder.path().to_path_buf(),
            date: *date,
            dry_run: false,
            what_if: None,
            memory: None,
            scratch: None,
            ends_process: false,
        };
        let outcome = close(&options, &Quiet).unwrap_or_else(|stop| panic!("{date}: {stop}"));
        // Only the first day keeps within the book's thresholds.
        assert_eq!(outcome.exit_code, if day == 0 { 0 } else { 10 }, "{date}");
        let mut table = csv::Reader::from_path(outcome.folder.unwrap().join("payouts.csv")).unwrap();
        let header = table.headers().unwrap().clone();
        let mut merchants = BTreeMap::new();
        for record in table.records() {
            let record = record.unwrap();
            let named: BTreeMap<String, String> = header
                .iter()
                .zip(record.iter())
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .collect();
            merchants.insert(record[0].to_owned(), named);
        }
        let mut issued: Vec<(String, String)> = merchants
            .values()
            .filter(|line| !line["payout_id"].is_empty())
            .map(|line| (line["payout_id"].clone(), line["payout_minor"].clone()))
            .collect();
        let of_day = expected.iter().filter(|payout| payout.day == day);
        let mut wanted: Vec<(String, String)> = of_day.map(|p| (p.id.clone(), p.minor.to_string())).collect();
        issued.sort();
        wanted.sort();
        assert_eq!(issued, wanted, "{date}");
        let reason = |merchant: &str| merchants.get(merchant).map_or("", |line| line["reason"].as_str());
        assert_eq!(reason("M-GAME"), "HELD", "{date}");
        assert_eq!(
            reason("M-OLD"),
            if day < 2 { "CLOSED" } else { "NEGATIVE" },
            "{date}"
        );
        if day < 2 {
            assert_eq!(reason("M-STALL"), "BELOW_MIN", "{date}");
        }
        let returned = &merchants["M-TEA"]["returned_minor"];
        assert_eq!(returned != "0", day == RETURNED.2, "{date}");
    }
}
