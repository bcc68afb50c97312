//! The command line as a scheduler and a person see it: exit codes, what goes to stdout, what to stderr.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Runs the binary, away from any terminal.
fn tieout(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(arguments)
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs and expects a code; gives stdout.
#[track_caller]
fn code(expected: i32, arguments: &[&str]) -> String {
    let output = tieout(arguments);
    let told = format!("{arguments:?}\n{}\n{}", stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(expected), "{told}");
    assert!(!told.contains('\u{1b}'), "no colour away from a terminal: {told}");
    stdout(&output)
}

/// Runs with `--json` and expects a code and one object that names it.
#[track_caller]
fn json(expected: i32, arguments: &[&str]) -> serde_json::Value {
    let mut with_json = arguments.to_vec();
    with_json.push("--json");
    let text = code(expected, &with_json);
    let value: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(value["exit_code"], expected, "{text}");
    value
}

struct Book {
    _folder: TempDir,
    root: PathBuf,
}

impl Book {
    fn new() -> Book {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("book");
        code(0, &["init", root.to_str().unwrap()]);
        Book {
            _folder: folder,
            root,
        }
    }

    fn path(&self) -> &str {
        self.root.to_str().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A day with one payment of 100.00 that the bank has as well.
    fn deliver(&self, date: &str, reference: &str) {
        self.write(
            &format!("inbox/{date}/platform/p.csv"),
            &format!(
                "txn_id,txn_time,merchant_id,customer_id,txn_type,channel,currency,amount,bank_ref,status\n\
                 T{reference},{date}T10:00:00+08:00,M1,C1,PAYMENT,BANK,CNY,100.00,{reference},SUCCESS\n"
            ),
        );
        self.write(
            &format!("inbox/{date}/bank/b.csv"),
            &format!(
                "entry_id,account,booking_time,value_date,direction,amount,currency,bank_ref,remark\n\
                 E{reference},6222000000000001,{date}T11:00:00+08:00,{date},C,100.00,CNY,{reference},pay\n"
            ),
        );
    }
}

const MERCHANTS: &str =
    "merchant_id,fee_bps,fee_min_minor,fee_max_minor,hold_bps,settlement_cycle_days\nM1,60,0,,0,1\n";

/// A book with two days closed.
fn closed_book() -> Book {
    let book = Book::new();
    book.write("merchants.csv", MERCHANTS);
    // The first day's payout is due at the bank on the second, and no statement shows it (R13).
    for (date, reference, expected) in [("2026-11-18", "R1", 0), ("2026-11-19", "R2", 10)] {
        book.deliver(date, reference);
        let text = code(expected, &["close", book.path(), "--date", date]);
        assert!(text.contains(date), "{text}");
    }
    book
}

#[test]
fn usage_is_64_and_help_is_0() {
    code(64, &[]);
    code(64, &["clos"]);
    code(64, &["close", "book"]);
    code(64, &["close", "book", "--date", "2026-02-30"]);
    code(64, &["close", "book", "--date", "2026-11-20", "--threads", "0"]);
    code(64, &["close", "book", "--date", "2026-11-20", "--memory", "4GB"]);
    code(64, &["export", "book", "--format", "xlsx"]);
    let told = json(64, &["close", "book", "--date", "yesterday"]);
    assert!(
        told["findings"][0]["message"]
            .as_str()
            .unwrap()
            .contains("yesterday"),
        "{told}"
    );
    assert!(code(0, &["--help"]).contains("Exit codes:"));
    assert!(code(0, &["--version"]).starts_with("tieout "));
    for command in [
        "init", "check", "close", "verify", "status", "explain", "export", "generate", "schema",
    ] {
        assert!(code(0, &[command, "--help"]).contains("Example"), "{command}");
    }
}

#[test]
fn a_folder_that_is_no_book_is_78() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    for arguments in [
        vec!["check", root],
        vec!["status", root],
        vec!["verify", root],
        vec!["close", root, "--date", "2026-11-20"],
        vec!["export", root, "--format", "csv"],
    ] {
        code(78, &arguments);
    }
    let output = tieout(&["check", root]);
    assert!(
        stderr(&output).contains("next: tieout init"),
        "{}",
        stderr(&output)
    );
    assert_eq!(stdout(&output), "");
    let told = json(78, &["close", root, "--date", "2026-11-20"]);
    assert_eq!(told["findings"][0]["line"], 0);
    assert_eq!(fs::read_dir(root).unwrap().count(), 0, "nothing was written");
}

#[test]
fn schema_and_completions_are_printed() {
    let schema: serde_json::Value = serde_json::from_str(&code(0, &["schema"])).unwrap();
    assert!(schema["properties"]["institution"].is_object());
    for shell in ["bash", "zsh", "fish"] {
        assert!(code(0, &["completions", shell]).contains("tieout"), "{shell}");
    }
}

#[test]
fn a_new_book_checks_and_tells_what_is_next() {
    let book = Book::new();
    assert!(code(0, &["check", book.path()]).contains("settings   ok"));
    assert!(code(0, &["status", book.path()]).contains("no day is closed yet"));
    code(73, &["init", book.path()]);
    code(66, &["verify", book.path()]);
    let told = json(66, &["check", book.path(), "--date", "2026-11-20"]);
    assert!(
        told["findings"][0]["file"]
            .as_str()
            .unwrap()
            .ends_with("inbox/2026-11-20"),
        "{told}"
    );
    // The calendar ends with 2026, and closing the last day asks for days of 2027.
    let output = tieout(&["check", book.path(), "--date", "2026-12-31"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(
        stderr(&output).contains("calendars/CN.json"),
        "{}",
        stderr(&output)
    );

    for name in ["platform/p.csv", "bank/b.csv"] {
        book.write(&format!("inbox/2026-12-28/{name}"), "x\n");
    }
    let told = json(0, &["check", book.path(), "--date", "2026-12-28"]);
    assert!(told["notes"][0]["file"] == "calendars/CN.json", "{told}");
    fs::remove_dir_all(book.root.join("inbox/2026-12-28")).unwrap();

    book.write("inbox/2026-11-20/platform/p.csv", "x\n");
    let output = tieout(&["check", book.path(), "--date", "2026-11-20"]);
    assert_eq!(output.status.code(), Some(66));
    assert!(
        stderr(&output).contains("source `bank` is required"),
        "{}",
        stderr(&output)
    );
    book.write("inbox/2026-11-20/bank/b.csv", "x\n");
    let told = json(0, &["check", book.path(), "--date", "2026-11-20"]);
    assert_eq!(told["files"].as_array().unwrap().len(), 2);
    let told = json(0, &["status", book.path()]);
    assert_eq!(
        (&told["next"]["date"], &told["next"]["ready"]),
        (&"2026-11-20".into(), &true.into())
    );
    assert_eq!(told["next"]["files"], 2);
}

#[test]
fn a_file_size_limit_is_an_error_and_not_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "ulimit -f 0; exec {} init {}/b",
        env!("CARGO_BIN_EXE_tieout"),
        folder.path().display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(74), "{}", stderr(&output));
}

#[test]
fn a_closed_day_is_told_exported_and_verified() {
    let book = closed_book();
    let before = tree(&book.root);
    let again = json(
        10,
        &["close", book.path(), "--date", "2026-11-19", "--threads", "2"],
    );
    assert_eq!(again["already_done"], true);
    code(10, &["close", book.path(), "--date", "2026-11-19", "--dry-run"]);
    let told = json(0, &["status", book.path()]);
    assert_eq!(told["closes"].as_array().unwrap().len(), 2);
    assert_eq!(told["next"]["date"], "2026-11-20");
    let text = code(0, &["status", book.path()]);
    assert!(text.contains("2026-11-19/1"), "{text}");
    for format in ["hledger", "beancount", "csv"] {
        let text = code(0, &["export", book.path(), "--format", format]);
        assert!(text.contains("2026-11-19"), "{format}: {text}");
    }
    code(
        66,
        &["export", book.path(), "--format", "csv", "--from", "2027-01-01"],
    );
    let told = json(0, &["verify", book.path(), "--replay"]);
    assert!(
        told["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|check| check["verdict"] == "ok"),
        "{told:#}"
    );
    assert!(
        tree(&book.root) == before,
        "nothing but a close writes under the book"
    );
}

#[test]
fn hledger_takes_the_export() {
    if Command::new("hledger").arg("--version").output().is_err() {
        return;
    }
    let book = closed_book();
    for from in ["2026-11-18", "2026-11-19"] {
        let text = code(0, &["export", book.path(), "--format", "hledger", "--from", from]);
        book.write("book.journal", &text);
        let journal = book.root.join("book.journal");
        let output = Command::new("hledger")
            .args(["check", "--strict", "-f", journal.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{from}: {}{text}", stderr(&output));
    }
}

/// One byte of every file of a close, and of its inputs, is flipped in turn; verify names the file every time.
#[test]
fn every_flipped_byte_is_named() {
    let book = closed_book();
    for (path, _) in tree(&book.root) {
        let sealed = path.starts_with("closes/2026-11-18") && !path.ends_with("run.json");
        if !sealed && !path.starts_with("inbox/2026-11-18") {
            continue;
        }
        let full = book.root.join(&path);
        let whole = fs::read(&full).unwrap();
        if whole.is_empty() {
            continue;
        }
        let mut altered = whole.clone();
        let middle = altered.len() / 2;
        altered[middle] ^= 1;
        fs::write(&full, &altered).unwrap();
        let told = json(65, &["verify", book.path()]);
        let findings = told["findings"].as_array().unwrap();
        // The last manifest is vouched for by the close that follows it, which is where the finding stands.
        let named = |finding: &serde_json::Value| {
            finding["file"].as_str().unwrap().ends_with(&path)
                || finding["message"].as_str().unwrap().contains(&path)
        };
        assert!(findings.iter().any(named), "{path}: {told:#}");

        fs::remove_file(&full).unwrap();
        let output = tieout(&["verify", book.path()]);
        assert!(
            matches!(output.status.code(), Some(65 | 66)),
            "{path}: {}",
            stdout(&output)
        );
        assert!(stderr(&output).contains(&path), "{path}: {}", stderr(&output));
        fs::write(&full, &whole).unwrap();
    }
    code(0, &["verify", book.path()]);
    fs::rename(book.root.join("inbox/2026-11-18"), book.root.join("archived")).unwrap();
    let told = json(69, &["verify", book.path(), "--replay"]);
    assert_eq!(told["findings"][0]["file"], "inbox/2026-11-18", "{told:#}");
}

#[test]
fn what_does_not_belong_to_a_close_is_named() {
    let book = closed_book();
    book.write("closes/2026-11-18/1/payouts2.csv", "x");
    let told = json(65, &["verify", book.path(), "--date", "2026-11-18"]);
    assert_eq!(told["findings"][0]["file"], "closes/2026-11-18/1/payouts2.csv");
    code(0, &["verify", book.path(), "--date", "2026-11-19"]);
    fs::remove_file(book.root.join("closes/2026-11-18/1/payouts2.csv")).unwrap();
    // A late file is worth a note; the day as it was closed cannot be run again beside it.
    book.write("inbox/2026-11-18/bank/late.csv", "x");
    let told = json(0, &["verify", book.path()]);
    assert!(
        told["notes"][0]["file"]
            .as_str()
            .unwrap()
            .ends_with("bank/late.csv"),
        "{told:#}"
    );
    code(69, &["verify", book.path(), "--replay"]);
    // A manifest rewritten with care, nothing after it: only the day run again can tell.
    let manifest = book.root.join("closes/2026-11-19/1/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let forged = text.replacen("\"rejects\":0", "\"rejects\":1", 1);
    assert_ne!(forged, text);
    fs::write(&manifest, forged).unwrap();
    let told = json(65, &["verify", book.path(), "--date", "2026-11-19", "--replay"]);
    assert_eq!(
        told["findings"][0]["file"], "closes/2026-11-19/1/manifest.json",
        "{told:#}"
    );
    fs::write(&manifest, text).unwrap();
    // A day taken out of the middle.
    fs::remove_dir_all(book.root.join("closes/2026-11-18")).unwrap();
    code(66, &["verify", book.path()]);
}

/// What a first close began with is sealed like its inbox: a changed byte is named, and a replay runs from the copy.
#[test]
fn opening_is_sealed_by_the_first_close() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/opening-balances");
    crate::support::copy(&day, root, |name| {
        !name.starts_with("expected/") && name != "README.md"
    });
    let path = root.to_str().unwrap();
    let mut dates: Vec<String> = fs::read_dir(root.join("inbox"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    dates.sort();
    let closed = |date: &str| tieout(&["close", path, "--date", date]).status.code().unwrap();
    for date in &dates {
        assert!([0, 10].contains(&closed(date)), "{date}");
    }
    code(0, &["verify", path, "--replay"]);
    let table = root.join("opening/accounts.csv");
    let whole = fs::read(&table).unwrap();
    let mut altered = whole.clone();
    let last = altered.iter().rposition(u8::is_ascii_digit).unwrap();
    altered[last] ^= 1;
    fs::write(&table, &altered).unwrap();
    let altered = tieout(&["verify", path]);
    assert_eq!(altered.status.code(), Some(65));
    let told = stderr(&altered);
    let words =
        format!("opening/accounts.csv:2: it differs from byte {last} (line 2) on from what was sealed");
    assert!(told.contains(&words), "{told}");
    let again = tieout(&["close", path, "--date", &dates[0]]);
    assert_eq!(again.status.code(), Some(65));
    assert!(
        stderr(&again).contains("opening/accounts.csv: it has changed since"),
        "{}",
        stderr(&again)
    );
    fs::remove_file(&table).unwrap();
    let missing = tieout(&["verify", path]);
    assert_eq!(missing.status.code(), Some(66));
    assert!(
        stderr(&missing).contains("opening/accounts.csv: the table is not there"),
        "{}",
        stderr(&missing)
    );
    fs::write(&table, &whole).unwrap();
    let first = closed(&dates[0]);
    assert!([0, 10].contains(&first));
    // Nothing is lost with the folder: every figure follows from the sealed copy.
    fs::remove_dir_all(root.join("opening")).unwrap();
    code(0, &["verify", path, "--replay"]);
}

/// A refused row is summed by its currency where it tells one and an amount; else it is counted (SPEC §4.1).
#[test]
fn refused_rows_are_summed_by_currency() {
    let book = Book::new();
    let settings = fs::read_to_string(book.root.join("book.toml")).unwrap();
    let quarantine = match settings.contains("rejects = \"stop\"") {
        true => settings.replace("rejects = \"stop\"", "rejects = \"quarantine\""),
        false => settings.replacen("[policy]\n", "[policy]\nrejects = \"quarantine\"\n", 1),
    };
    assert_ne!(settings, quarantine, "{settings}");
    book.write("book.toml", &quarantine);
    book.write("merchants.csv", MERCHANTS);
    book.deliver("2026-09-16", "R1");
    let platform = "txn_id,txn_time,merchant_id,customer_id,txn_type,channel,currency,amount,bank_ref,status\n\
        T2,2026-09-16T10:00:00+08:00,NOBODY,C1,PAYMENT,BANK,CNY,12.34,R2,SUCCESS\n\
        T3,2026-09-16T10:00:00+08:00,\"M,1\",C1,PAYMENT,BANK,CNY,1.00,R3,SUCCESS\n\
        T4,noon,M1,C1,PAYMENT,BANK,EUR,5.00,R4,SUCCESS\n\
        T5,2026-09-16T10:00:00+08:00,M1,C1,PAYMENT,BANK,CNY,1.001,R5,SUCCESS\n";
    book.write("inbox/2026-09-16/platform/q.csv", platform);
    book.write("inbox/2026-09-16/platform/r.csv", platform);
    let closed = tieout(&["close", book.path(), "--date", "2026-09-16"]);
    assert!(
        [0, 10].contains(&closed.status.code().unwrap()),
        "{}",
        stderr(&closed)
    );
    let close = book.root.join("closes/2026-09-16/1");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(close.join("manifest.json")).unwrap()).unwrap();
    let fates = manifest["fates"].as_array().unwrap();
    let of = |fate: &str| -> Vec<String> {
        let of_fate = fates
            .iter()
            .filter(|line| line["fate"] == fate && line["role"] == "platform");
        of_fate
            .map(|line| format!("{} {} {}", line["currency"], line["rows"], line["sum_minor"]))
            .collect()
    };
    let sums = ["\"\" 1 \"0\"", "\"CNY\" 2 \"1334\"", "\"EUR\" 1 \"500\""];
    assert_eq!(of("rejected"), sums);
    // Every row of a file delivered twice has a fate too.
    assert_eq!(of("duplicate_delivery"), sums);
    let rejects = fs::read_to_string(close.join("rejects.csv")).unwrap();
    let places: Vec<String> = rejects
        .lines()
        .skip(1)
        .map(|line| line.splitn(5, ',').take(4).collect::<Vec<_>>().join(","))
        .collect();
    assert_eq!(
        places,
        [
            "platform/q.csv,2,30,merchant_id",
            "platform/q.csv,3,30,merchant_id",
            "platform/q.csv,4,4,txn_time",
            "platform/q.csv,5,53,amount"
        ]
    );
}

/// Every file below a folder but the lock, which names its last holder, by path, with its bytes.
fn tree(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name() != Some(".lock".as_ref()) {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}
