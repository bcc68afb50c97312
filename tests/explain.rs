//! `tieout explain` on the demo: nine situations down to file and line, each line held against the input itself.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// The demo book with its seven days closed, made once.
fn demo() -> &'static Path {
    static DEMO: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, root) = DEMO.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("demo");
        run(&["init", root.to_str().unwrap(), "--demo"], &[0]);
        for day in 16..=22 {
            let date = format!("2026-09-{day}");
            run(&["close", root.to_str().unwrap(), "--date", &date], &[0, 10]);
        }
        (folder, root)
    });
    root
}

fn run(arguments: &[&str], codes: &[i32]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(arguments)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        codes.contains(&output.status.code().unwrap()),
        "{arguments:?}: {told}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The line of a file below the book; of a zip, of its member.
fn line_of(place: &str, line: u64) -> String {
    let root = demo();
    let mut content = Vec::new();
    match place.split_once('!') {
        Some((archive, member)) => {
            let file = std::fs::File::open(root.join(archive)).unwrap();
            let mut archive = zip::ZipArchive::new(file).unwrap();
            archive
                .by_name(member)
                .unwrap()
                .read_to_end(&mut content)
                .unwrap();
        }
        None => content = std::fs::read(root.join(place)).unwrap(),
    }
    let text = String::from_utf8_lossy(&content).into_owned();
    text.lines()
        .nth(usize::try_from(line).unwrap() - 1)
        .unwrap_or_default()
        .to_owned()
}

/// Explains `what`; every text of `says` is told, and for every (id, folder) of `rows` some line of a file in that
/// folder is named that really holds the id. Every named line of an input is read.
#[track_caller]
fn check(what: &[&str], says: &[&str], rows: &[(&str, &str)]) {
    let root = demo().to_str().unwrap();
    let mut arguments = vec!["explain", root];
    arguments.extend(what);
    let text = run(&arguments, &[0]);
    for said in says {
        assert!(text.contains(said), "`{said}` is not in:\n{text}");
    }
    arguments.push("--json");
    let value: serde_json::Value = serde_json::from_str(&run(&arguments, &[0])).unwrap();
    assert_eq!(value["what"], what[0]);
    let mut places = Vec::new();
    for section in value["sections"].as_array().unwrap() {
        for line in section["lines"].as_array().unwrap() {
            let (file, number) = (line["file"].as_str().unwrap(), line["line"].as_u64().unwrap());
            if number > 0
                && (file.ends_with(".csv") || file.ends_with(".xml"))
                && !file.starts_with("inbox/alipay")
            {
                places.push((file.to_owned(), line_of(file, number)));
                assert!(
                    text.contains(&format!("{file}:{number}  ")),
                    "{file}:{number} is not in:\n{text}"
                );
            }
        }
    }
    for (id, folder) in rows {
        let named = places
            .iter()
            .any(|(file, line)| file.starts_with(folder) && line.contains(id));
        assert!(named, "no line in {folder} holds {id}: {places:?}");
    }
}

#[test]
fn a_payment_just_before_midnight() {
    check(
        &["DEMO-MIDNIGHT"],
        &[
            "at 2026-09-16T23:59:58+08:00",
            "2026-09-16  open as MISSING_AT_BANK on leg platform-bank since 2026-09-16",
            "2026-09-17  matched on leg platform-bank by pass exact with bank entry B-DEMO-MIDNIGHT (inbox/2026-09-17/",
            "fee = 23,880 × 6,000 / 1,000,000 = 143.28 → half up → 143, at least 0, no greatest fee: 143 minor units",
            "due 2026-09-18: cycle T+1 from 2026-09-17",
            "2026-09-18  debited",
        ],
        &[
            ("DEMO-MIDNIGHT,", "inbox/2026-09-16/platform/"),
            ("B-DEMO-MIDNIGHT", "inbox/2026-09-17/bank/"),
            ("M-TEA", "closes/2026-09-17/1/payouts.csv"),
        ],
    );
}

#[test]
fn a_platform_row_a_day_late() {
    check(
        &["B-DEMO-LATE-PLATFORM"],
        &[
            "2026-09-17  open as MISSING_AT_PLATFORM on leg platform-bank since 2026-09-17",
            "2026-09-18  resolved after 1 calendar days",
            "fee = 15,600 × 60 / 10,000 = 93.6 → half up → 94, at least 10, no greatest fee: 94 minor units",
        ],
        &[
            ("B-DEMO-LATE-PLATFORM", "inbox/2026-09-17/bank/"),
            ("DEMO-LATE-PLATFORM", "inbox/2026-09-18/platform/"),
        ],
    );
}

#[test]
fn a_duplicate() {
    check(
        &["DEMO-TWICE-B"],
        &[
            "open as DUPLICATE_AT_PLATFORM on leg platform-bank since 2026-09-17, in the closes of 2026-09-17 to 2026-09-22",
            "OVERDUE",
            "which is the one taken (R20)",
            "platform row DEMO-TWICE-A: related",
            "fee = 8,800 × 6,000 / 1,000,000 = 52.8 → half up → 53",
        ],
        &[
            ("DEMO-TWICE-B", "inbox/2026-09-17/platform/"),
            ("B-DEMO-TWICE-A", "inbox/2026-09-17/bank/"),
        ],
    );
}

#[test]
fn a_short_amount() {
    check(
        &["DEMO-SHORT"],
        &[
            "open as AMOUNT_MISMATCH on leg platform-bank since 2026-09-17",
            "platform 500.00 CNY against 480.00 CNY, difference 20.00 CNY",
        ],
        &[
            ("DEMO-SHORT", "inbox/2026-09-17/platform/"),
            ("B-DEMO-SHORT", "inbox/2026-09-17/bank/"),
        ],
    );
}

#[test]
fn a_refund() {
    check(
        &["DEMO-REFUND"],
        &[
            "REFUND, 188.00 CNY",
            "2026-09-17  matched on leg platform-bank by pass exact with bank entry B-DEMO-REFUND",
            "no fee: plan `standard` has no rule for REFUND",
            "platform row DEMO-BOUGHT: related",
            "fee = 18,800 × 6,000 / 1,000,000 = 112.8 → half up → 113",
        ],
        &[
            ("DEMO-REFUND", "inbox/2026-09-17/platform/"),
            ("DEMO-BOUGHT", "inbox/2026-09-16/platform/"),
            ("B-DEMO-REFUND", "inbox/2026-09-17/bank/"),
        ],
    );
}

#[test]
fn a_chargeback() {
    check(
        &["DEMO-CHARGEBACK"],
        &[
            "CHARGEBACK, 1,999.00 CNY",
            "2026-09-17  settled by the close of 2026-09-17",
            "2026-09-21  settled by the close of 2026-09-21",
            "fee = 199,900 × 60 / 10,000 = 1,199.4 → half up → 1,199",
        ],
        &[
            ("DEMO-CHARGEBACK", "inbox/2026-09-17/platform/"),
            ("DEMO-CHARGEBACK-WON", "inbox/2026-09-21/platform/"),
            ("DEMO-PHONE", "inbox/2026-09-16/platform/"),
        ],
    );
}

#[test]
fn a_returned_payout() {
    check(
        &["979c919404a681855ffe4e23c58dddd8"],
        &[
            "2026-09-16  issued by the close 2026-09-16/1: 6,690.86 CNY",
            "2026-09-17  debited",
            "2026-09-18  returned",
            "2026-09-19  paid again as opening 6,690.86 CNY of payout 1443742b1a4e4e9dc9b736dd502a19d4",
        ],
        &[
            ("979c919404a681855ffe4e23c58dddd8", "inbox/2026-09-17/bank/"),
            ("979c919404a681855ffe4e23c58dddd8", "inbox/2026-09-18/bank/"),
            (
                "979c919404a681855ffe4e23c58dddd8",
                "closes/2026-09-16/1/clearing/",
            ),
            (
                "979c919404a681855ffe4e23c58dddd8",
                "closes/2026-09-16/1/payouts.csv",
            ),
        ],
    );
}

#[test]
fn a_make_up_workday() {
    check(
        &["M-TEA", "--date", "2026-09-18"],
        &[
            "due 2026-09-20: cycle T+1 from 2026-09-18, calendar CN: 2026-09-19 Sat day of rest; 2026-09-20 Sun business day 1, make-up workday",
        ],
        &[
            ("M-TEA", "closes/2026-09-18/1/payouts.csv"),
            ("M-TEA", "inbox/2026-09-18/platform/"),
        ],
    );
}

#[test]
fn a_hold_released() {
    check(
        &["M-MEDIA", "--date", "2026-09-19"],
        &[
            "hold = gross × hold_bps / 10,000 = 316,586 × 1000 / 10,000 = 31,658.6 → half up → 31,659 minor units",
            "+ release 825.78 CNY",
            "held by the close of 2026-09-16 (closes/2026-09-16/1/payouts.csv:8): 825,778 × 1000 / 10,000 = 82,577.8 → half up → 82,578 minor units",
        ],
        &[
            ("M-MEDIA", "closes/2026-09-19/1/payouts.csv"),
            ("M-MEDIA", "inbox/2026-09-19/platform/"),
        ],
    );
}

#[test]
fn other_things_that_are_published() {
    check(
        &["f666495c1d62bb849840e848cdf3b6f5"],
        &["AMOUNT_MISMATCH on leg platform-bank, 5 days old"],
        &[("B-DEMO-SHORT", "inbox/2026-09-17/bank/")],
    );
    check(
        &["C-LI", "--date", "2026-09-18"],
        &["closing 130.00 CNY"],
        &[("C-LI", "inbox/2026-09-16/platform/")],
    );
    check(
        &["reserve:default/CNY", "--date", "2026-09-18"],
        &["C = S_bank 169,087.37 CNY + S_other 0.00 CNY − R 117,813.87 CNY = 51,273.50 CNY"],
        &[("DEMO-SHORT", "closes/2026-09-18/1/reserve/items.csv")],
    );
    check(
        &["reserve:default/CNY/C_int", "--date", "2026-09-18"],
        &["= 51,273.50 CNY"],
        &[],
    );
    check(
        &["assets:bank:RA1"],
        &["ledger account assets:bank:RA1"],
        &[("assets:bank:RA1", "closes/2026-09-22/1/journal.csv")],
    );
    check(&["DEMO-BANK-FEE"], &["posted to own money"], &[]);
    check(&["DEMO-REVERSED"], &["pass reversal"], &[]);
    check(&["DEMO-FAILED"], &["no money expected"], &[]);
    check(
        &["DEMO-NEGATIVE"],
        &[
            "open as NEGATIVE_BALANCE",
            "2026-09-21  posted without a counterpart: leg wallet, pass balance",
        ],
        &[],
    );
}

#[test]
fn what_nobody_knows_names_the_nearest() {
    let root = demo().to_str().unwrap();
    let told = run(&["explain", root, "M-MEDIO", "--json"], &[66]);
    assert!(told.contains("nearest known: M-MEDIA"), "{told}");
    run(&["explain", root, "DEMO-SHORT", "--date", "2026-09-16"], &[66]);
}

/// Lines of the platform's log are lost: the summary names the causes first, and each break names its own.
#[test]
fn a_break_names_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("book");
    let book = root.to_str().unwrap();
    run(&["init", book, "--demo"], &[0]);
    let log = root.join("inbox/2026-09-16/platform/platform-2026-09-16.csv");
    let text = std::fs::read_to_string(&log).unwrap();
    let kept = text
        .lines()
        .enumerate()
        .filter(|(at, _)| !(99..140).contains(at))
        .map(|(_, line)| format!("{line}\n"));
    std::fs::write(&log, kept.collect::<String>()).unwrap();
    let told = run(&["close", book, "--date", "2026-09-16"], &[10, 20]);
    let close = root.join("closes/2026-09-16/1");
    let summary = std::fs::read_to_string(close.join("summary.json")).unwrap();
    let cause = "account RA1, lines 85–121 of bank/RA1-2026-09-16.csv missing at platform";
    for (what, text) in [("terminal", &told), ("summary.json", &summary)] {
        assert!(
            text.lines().take(10).any(|line| line.contains(cause)),
            "{what}: {text}"
        );
    }
    let page = std::fs::read_to_string(close.join("reports/index.html")).unwrap();
    assert!(page.contains(cause));
    let breaks = std::fs::read_to_string(close.join("breaks.csv")).unwrap();
    let line = breaks
        .lines()
        .find(|line| line.contains(",platform-bank,") && line.ends_with(",bank/RA1-2026-09-16.csv,100,1,,"));
    let break_id = line.unwrap().split(',').nth(9).unwrap();
    let explained = run(&["explain", book, break_id], &[0]);
    assert!(
        explained.contains(&format!("cause: {cause}")) && explained.contains("37 breaks"),
        "{explained}"
    );
}

/// Rows that a later pass matched or left open, on a golden day.
#[test]
fn later_passes_are_told() {
    let folder = crate::support::scratch();
    let book = folder.path();
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/pass-batch");
    crate::support::copy(&day, book, |name| {
        !name.starts_with("expected/") && name != "README.md"
    });
    let root = book.to_str().unwrap();
    for date in ["2026-03-03", "2026-03-04"] {
        run(&["close", root, "--date", date], &[10]);
    }
    let check = |what: &str, says: &[&str]| {
        let text = run(&["explain", root, what], &[0]);
        for said in says {
            assert!(text.contains(said), "{what}: {said}\n{text}");
        }
    };
    check(
        "T4",
        &["matched on leg platform-bank by pass batch with bank entry E2"],
    );
    check(
        "E2",
        &[
            "by pass batch with platform row T4",
            "by pass batch with platform row T5",
        ],
    );
    check("E4", &["by pass batch, with other entries of its batch"]);
    check(
        "T8",
        &[
            "open as MISSING_AT_BANK",
            "resolved after 1 calendar days",
            "by pass batch with bank entry E6",
        ],
    );
    let breaks = crate::support::csv_rows(&book.join("closes/2026-03-04/1/breaks.csv"));
    let id = breaks[0].iter().position(|name| name == "break_id").unwrap();
    check(
        &breaks[1][id],
        &["candidates: batch: 1 row of the batch: 70.00 (69.30 less the channel's fees)"],
    );
}

/// One payment from the platform to the channel's bill, and from there by its batch to the bank, down to file and line.
#[test]
fn a_payment_is_followed_through_its_batch() {
    let folder = crate::support::scratch();
    let book = folder.path();
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/batch-over-days");
    crate::support::copy(&day, book, |name| {
        !name.starts_with("expected/") && name != "README.md"
    });
    let root = book.to_str().unwrap();
    for date in ["2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"] {
        run(&["close", root, "--date", date], &[0, 10]);
    }
    let check = |what: &str, says: &[&str]| {
        let text = run(&["explain", root, what], &[0]);
        for said in says {
            assert!(text.contains(said), "{what}: {said}\n{text}");
        }
    };
    check(
        "T1",
        &[
            "inbox/2026-03-03/platform.csv:2",
            "its batch L1 is open as MISSING_AT_BANK on leg bill-bank: batch: 2 rows: 150.00 (149.43 less the channel's fees) against no entry",
            "matched on leg platform-bill by pass exact with channel row A1 (inbox/2026-03-03/bill.csv:2)",
            "matched on leg bill-bank by pass batch with bank entry E1 (inbox/2026-03-04/bank.csv:2)",
            "settled by the close of 2026-03-04",
            "fee 0.60 CNY",
            // The bill row, told beside it, knows where its batch went.
            "its batch L1 is at the bank: entry E1 of account RA1 (inbox/2026-03-04/bank.csv:2)",
        ],
    );
    // A bill row that was paid with its batch before its platform row came.
    check(
        "A5",
        &[
            "open as MISSING_AT_PLATFORM on leg platform-bill",
            "its batch L2 is at the bank, entry E2 of account RA1",
            "its platform row is not agreed: money without an owner",
            "matched on leg platform-bill by pass exact with platform row T5",
        ],
    );
    check(
        "E2",
        &[
            "open as MISSING_AT_CHANNEL on leg bill-bank",
            "matched on leg bill-bank by pass batch with platform row T4",
            "matched on leg bill-bank by pass batch with platform row T5",
        ],
    );
}

#[test]
fn an_account_and_its_day() {
    check(
        &["RA1", "--date", "2026-09-17"],
        &[
            "account RA1, ",
            "in the close of 2026-09-17",
            "statement: opening ",
            " credits ",
            " = closing ",
            "which is the opening balance",
            "bank ",
            " = book ",
            "entries of RA1 delivered for 2026-09-17",
            "in all ",
            "open on RA1 after the close of 2026-09-17",
            "AMOUNT_MISMATCH: 1 break, 480.00 CNY",
        ],
        &[
            ("RA1,", "closes/2026-09-17/1/accounts.csv"),
            ("RA1,", "closes/2026-09-16/1/accounts.csv"),
            ("RA1", "closes/2026-09-17/1/breaks.csv"),
            ("B-DEMO-", "inbox/2026-09-17/bank/"),
        ],
    );
}
