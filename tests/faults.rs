//! What happens when the machine or the files are at fault: full disks, limits, signals, damaged bytes.
//!
//! Everything random is seeded. Nothing here may stop the engine itself (exit code 70, a panic), and nothing may be
//! published that a total or a balance of the day speaks against.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tieout::book::Book;
use tieout::book::calendars::parse_calendar;
use tieout::book::merchants::{MasterKind, read_merchants};
use tieout::book::parse::parse_settings;
use tieout::book::settings::{Role, Settings, Source};
use tieout::day::close::{CloseOptions, Progress, close};
use tieout::day::state::State;
use tieout::entries::rows::{BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink};
use tieout::findings::{Stop, StopCode};
use tieout::ingest::canonical::{ReadContext, Work, bind_header, parse_block};
use tieout::ingest::csv_blocks::{BlockBytes, BlockError, BlockReader};
use tieout::ingest::files;
use tieout::ingest::formats::profile::{Profile, builtin};
use tieout::ingest::formats::{FormatContext, read_foreign};
use tieout::ingest::parquet::{Columns, ParquetFile};
use tieout::report::manifest::Manifest;
use tieout::terms::date::Date;

const FIRST: &str = "2026-09-16";
/// Damaged texts given to each reader.
const ITERATIONS: usize = 2_000;

fn tieout(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn told(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The demo's book, nothing closed.
fn demo() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let book = folder.path().join("book");
    let output = tieout(&["init", book.to_str().unwrap(), "--demo", "--quiet"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", told(&output));
    (folder, book)
}

/// A generated book whose close takes long enough to be disturbed.
fn large() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let book = folder.path().join("book");
    let arguments = [
        "generate",
        book.to_str().unwrap(),
        "--rows",
        "20000",
        "--date",
        FIRST,
        "--quiet",
    ];
    let output = tieout(&arguments).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    (folder, book)
}

fn start(book: &Path) -> Child {
    tieout(&["close", book.to_str().unwrap(), "--date", FIRST])
        .spawn()
        .unwrap()
}

/// Closes the first day and expects it done.
#[track_caller]
fn closes(book: &Path) {
    let output = start(book).wait_with_output().unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 10 | 20)),
        "{:?} {}",
        output.status,
        told(&output)
    );
    let left = names(&book.join("closes"));
    assert_eq!(left, [".lock", FIRST], "nothing else is left");
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(listed) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = listed
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn published(book: &Path) -> bool {
    book.join("closes").join(FIRST).join("1").exists()
}

/// Waits until the running close has come so far, or has ended.
fn wait_until(child: &mut Child, reached: impl Fn() -> bool) -> Option<ExitStatus> {
    let began = Instant::now();
    while !reached() {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "the close does not come so far"
        );
        std::thread::sleep(Duration::from_micros(200));
    }
    None
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success(), "kill {name}");
}

fn holds_the_lock(book: &Path) -> bool {
    fs::metadata(book.join("closes/.lock")).is_ok_and(|lock| lock.len() > 0)
}

#[test]
fn a_file_size_limit_publishes_nothing() {
    let (_folder, book) = demo();
    for blocks in [0, 1, 4, 16] {
        let script = format!(
            "ulimit -f {blocks}; exec {} close {} --date {FIRST} --quiet",
            env!("CARGO_BIN_EXE_tieout"),
            book.display()
        );
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(
            matches!(output.status.code(), Some(73 | 74)),
            "{blocks}: {:?} {}",
            output.status,
            told(&output)
        );
        assert!(
            !published(&book) && !told(&output).contains("panicked"),
            "{blocks}: {}",
            told(&output)
        );
        assert!(
            !book.join("closes/.work").exists(),
            "{blocks}: what was begun is taken away"
        );
    }
    closes(&book);
}

/// A close that lost its seal must not make the day behind it the first of the book, which owes nothing.
#[test]
fn a_book_does_not_begin_anew_where_a_close_is_damaged() {
    let (_folder, book) = demo();
    closes(&book);
    let next = |expected: &str| {
        let output = tieout(&["close", book.to_str().unwrap(), "--date", "2026-09-17"])
            .output()
            .unwrap();
        let told = told(&output);
        assert_eq!(output.status.code(), Some(66), "{told}");
        assert!(told.contains(expected), "{told}");
        assert!(!book.join("closes/2026-09-17").exists(), "{told}");
    };
    let close = book.join("closes").join(FIRST).join("1");
    fs::remove_file(close.join("manifest.json")).unwrap();
    next("the close has no manifest.json");
    fs::remove_dir_all(&close).unwrap();
    next("the close of 2026-09-16 is not there");
    // The day itself can be closed again where nothing of it is left, and then the next.
    closes(&book);
    let output = tieout(&["close", book.to_str().unwrap(), "--date", "2026-09-17"])
        .output()
        .unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 10 | 20)),
        "{}",
        told(&output)
    );
}

/// A day must not be closed below one that was closed and lost its seal: its payouts would be issued twice.
#[test]
fn no_day_is_closed_below_one_whose_close_is_damaged() {
    let (_folder, book) = demo();
    closes(&book);
    let close = |date: &str| {
        let output = tieout(&["close", book.to_str().unwrap(), "--date", date])
            .output()
            .unwrap();
        (output.status.code(), told(&output))
    };
    let (code, words) = close("2026-09-17");
    assert!(matches!(code, Some(0 | 10 | 20)), "{words}");
    fs::remove_file(book.join("closes/2026-09-17/1/manifest.json")).unwrap();
    fs::remove_dir_all(book.join("closes").join(FIRST)).unwrap();
    let (code, words) = close(FIRST);
    assert_eq!(code, Some(66), "{words}");
    assert!(words.contains("the close has no manifest.json"), "{words}");
    assert!(!book.join("closes").join(FIRST).exists(), "{words}");
}

#[test]
fn a_full_disk_publishes_nothing() {
    let (_folder, book) = demo();
    let disk = book.join("closes");
    fs::create_dir_all(&disk).unwrap();
    let mut done = false;
    for kilobytes in [8, 32, 64, 128, 256, 512, 16_384] {
        let size = format!("size={kilobytes}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&disk)
            .output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            println!("skipped: no small file system can be mounted here");
            return;
        }
        let output = start(&book).wait_with_output().unwrap();
        let published = published(&book);
        let unmounted = Command::new("umount").arg(&disk).status().unwrap();
        assert!(unmounted.success());
        done = published;
        let expected = if published { [0, 10, 20] } else { [73, 73, 74] };
        assert!(
            output.status.code().is_some_and(|code| expected.contains(&code)),
            "{kilobytes} KiB: {:?} {}",
            output.status,
            told(&output)
        );
        assert!(!told(&output).contains("panicked"), "{}", told(&output));
    }
    assert!(done, "16 MiB are enough for the demo's day");
}

#[test]
fn a_folder_that_may_not_be_changed_is_said() {
    let (_folder, book) = demo();
    let folder = book.join("closes");
    fs::create_dir_all(&folder).unwrap();
    let made = Command::new("chattr").arg("+i").arg(&folder).output();
    if !made.is_ok_and(|output| output.status.success()) {
        println!("skipped: no folder can be made immutable here");
        return;
    }
    let output = start(&book).wait_with_output().unwrap();
    let undone = Command::new("chattr").arg("-i").arg(&folder).status().unwrap();
    assert!(undone.success());
    assert!(
        matches!(output.status.code(), Some(73 | 77)),
        "{:?} {}",
        output.status,
        told(&output)
    );
    assert!(told(&output).contains("closes"), "{}", told(&output));
    closes(&book);
}

#[test]
fn of_two_closes_at_once_one_waits_outside() {
    let (_folder, book) = large();
    let mut first = start(&book);
    let ended = wait_until(&mut first, || holds_the_lock(&book));
    assert_eq!(ended, None, "the first close still runs");
    signal(&first, "-STOP");
    let second = start(&book).wait_with_output().unwrap();
    signal(&first, "-CONT");
    assert_eq!(second.status.code(), Some(75), "{}", told(&second));
    assert!(
        told(&second).contains(&format!("process {}", first.id())),
        "{}",
        told(&second)
    );
    let first = first.wait_with_output().unwrap();
    assert!(
        matches!(first.status.code(), Some(0 | 10 | 20)),
        "{}",
        told(&first)
    );
    // The lock's file stays, the lock does not; the day is closed already.
    let again = start(&book).wait_with_output().unwrap();
    assert_eq!(again.status.code(), first.status.code());
}

#[test]
fn a_close_that_is_ended_publishes_nothing() {
    for (name, reached) in [
        // INT and HUP are left out: a job in the background, or under nohup, inherits them as ignored.
        ("-TERM", "lock"),
        ("-KILL", "lock"),
        ("-TERM", "work"),
        ("-KILL", "work"),
    ] {
        // A close may be done before it is caught; then another is begun.
        let caught = (0..20).find_map(|_| {
            let (folder, book) = large();
            let mut child = start(&book);
            let ended = wait_until(&mut child, || match reached {
                "lock" => holds_the_lock(&book),
                _ => book.join("closes/.work/book").exists(),
            });
            if ended.is_some() {
                return None;
            }
            signal(&child, name);
            let output = child.wait_with_output().unwrap();
            let is_done = matches!(output.status.code(), Some(0 | 10 | 20));
            (!is_done).then_some((folder, book, output))
        });
        let (_folder, book, output) = caught.expect("a close is caught at work");
        assert!(!published(&book), "{name} at {reached}: {}", told(&output));
        fs::write(book.join("closes/.lock"), "").unwrap();
        closes(&book);
    }
}

/// A small generator of numbers that are the same every time (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// The seed damaged in a few places, or bytes of no meaning.
    fn damaged(&mut self, seed: &[u8]) -> Vec<u8> {
        const TELLING: &[u8] = b"\"\n\r,;'<>&#!=[]{}()-+.0123456789eE:TZ\0\x1f\x80\xc3\xff\xef\xbb\xbf ";
        if self.below(16) == 0 {
            return (0..self.below(400)).map(|_| self.next() as u8).collect();
        }
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let to = at + self.below(40).min(bytes.len() - at);
            match self.below(7) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                2 if at < bytes.len() => bytes[at] = TELLING[self.below(TELLING.len())],
                3 => bytes.insert(at, TELLING[self.below(TELLING.len())]),
                4 => drop(bytes.drain(at..to)),
                5 => {
                    let copy = bytes[at..to].to_vec();
                    let place = self.below(bytes.len());
                    bytes.splice(place..place, copy);
                }
                _ => {
                    let digits =
                        ["99999999999999999999", "-1", "0.001", "1e9", "", "\u{ff11}"][self.below(6)];
                    bytes.splice(at..at, digits.bytes());
                }
            }
        }
        bytes
    }
}

struct Silent;

impl Progress for Silent {
    fn stage(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// Rehearses the first day in this process: its summary, or why it stops. A panic is a failure of the test.
fn rehearse(book: &Path, what: &str) -> Result<Vec<u8>, Stop> {
    let options = CloseOptions {
        root: book.to_path_buf(),
        date: Date::parse(FIRST.as_bytes()).unwrap(),
        dry_run: true,
        what_if: None,
        ends_process: false,
        memory: None,
        scratch: None,
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| close(&options, &Silent)));
    match outcome {
        Err(_) => panic!("the engine stopped itself: {what}"),
        Ok(Err(stop)) if stop.code == StopCode::Invariant => panic!("{what}: {stop}"),
        Ok(Err(stop)) => Err(stop),
        Ok(Ok(outcome)) => Ok(outcome.summary_json),
    }
}

/// The files of a folder and below, by path within it.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path)
            }
        }
    }
    files.sort();
    files
}

/// Closing balances of the canonical statements of a day against their entries, as anyone with a spreadsheet would
/// add them up: the accounts that do not tie out.
fn accounts_that_do_not_tie_out(inbox: &Path) -> Vec<String> {
    let cents = |text: &str| -> i128 {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits: String = format!("{whole}{part:0<2}");
        digits.parse().unwrap()
    };
    let lines = |path: &Path| -> Vec<Vec<String>> {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .skip(1)
            .map(|line| line.split(',').map(str::to_owned).collect())
            .collect()
    };
    let mut moved: BTreeMap<String, i128> = BTreeMap::new();
    for path in files_below(&inbox.join("bank")) {
        for row in lines(&path) {
            let sign = if row[4] == "C" { 1 } else { -1 };
            *moved.entry(row[1].clone()).or_default() += sign * cents(&row[5]);
        }
    }
    let mut wrong = Vec::new();
    for row in lines(&inbox.join("balances.csv")) {
        if cents(&row[3]) + moved.get(&row[0]).copied().unwrap_or_default() != cents(&row[4]) {
            wrong.push(row[0].clone());
        }
    }
    wrong
}

/// Every input of the demo's first day cut at 40 places and changed in 200 bytes.
#[test]
fn damaged_inputs_are_refused_or_seen() {
    let (_folder, book) = demo();
    let inbox = book.join("inbox").join(FIRST);
    let whole = rehearse(&book, "the day as delivered").unwrap();
    let mut random = Random(20_261_123);
    let paths = files_below(&inbox);
    let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for path in &paths {
        let bytes = fs::read(path).unwrap();
        let name = path.strip_prefix(&inbox).unwrap().display().to_string();
        let flips = 200usize.div_ceil(paths.len());
        for step in 0..40 + flips {
            let at = random.below(bytes.len());
            let mut damaged = bytes.clone();
            let what = if step < 40 {
                damaged.truncate(at);
                format!("{name} cut at {at}")
            } else {
                damaged[at] ^= (1 + random.below(255)) as u8;
                format!("{name} changed at {at} to {:#04x}", damaged[at])
            };
            fs::write(path, &damaged).unwrap();
            let outcome = rehearse(&book, &what);
            let count = counts.entry(name.clone()).or_default();
            match outcome {
                Err(_) => count[0] += 1,
                Ok(summary) => {
                    assert_eq!(
                        accounts_that_do_not_tie_out(&inbox),
                        Vec::<String>::new(),
                        "{what} was taken"
                    );
                    count[if summary == whole { 2 } else { 1 }] += 1;
                }
            }
        }
        fs::write(path, &bytes).unwrap();
    }
    for (name, [refused, seen, unseen]) in &counts {
        println!("{name}: {refused} refused, {seen} seen in the summary, {unseen} not detectable");
    }
    // What carries its own totals, or is added up against a balance, never passes unseen where money moves.
    for (name, [refused, ..]) in &counts {
        let checked = name.ends_with(".zip") || name.ends_with(".xml") || name.starts_with("balances");
        assert!(!checked || *refused > 40, "{name}");
    }
    assert_eq!(rehearse(&book, "the day as delivered").unwrap(), whole);
}

/// Counts what a reader gives.
#[derive(Default)]
struct Counted(usize);

impl RowSink for Counted {
    fn platform(&mut self, row: &PlatformRow<'_>) {
        assert!(row.amount_minor > 0 && !row.txn_id.is_empty());
        self.0 += 1;
    }
    fn bank(&mut self, row: &BankRow<'_>) {
        assert!(row.amount_minor > 0 && !row.entry_id.is_empty());
        self.0 += 1;
    }
    fn channel(&mut self, row: &ChannelRow<'_>) {
        assert!(row.amount_minor > 0 && row.fee_minor >= 0 && !row.channel_ref.is_empty());
        self.0 += 1;
    }
    fn balance(&mut self, _: &BalanceRow) {
        self.0 += 1;
    }
    fn reject(&mut self, reject: Reject) {
        assert!(!reject.field.is_empty() && !reject.expected.is_empty());
        assert!(reject.found.chars().count() <= 400, "{}", reject.found);
    }
    fn not_booked(&mut self, _: Place) {}
}

/// Gives `reader` so many damaged copies of the seeds; what panics is shown. Returns how many were taken.
fn fuzz(name: &str, seeds: &[Vec<u8>], mut reader: impl FnMut(&[u8]) -> bool) {
    let mut random = Random(
        name.bytes()
            .fold(7, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte)),
    );
    let mut taken = 0;
    for seed in seeds {
        assert!(reader(seed), "{name}: the seed itself is good");
    }
    for iteration in 0..ITERATIONS {
        let bytes = random.damaged(&seeds[iteration % seeds.len()]);
        match catch_unwind(AssertUnwindSafe(|| reader(&bytes))) {
            Ok(good) => taken += usize::from(good),
            Err(_) => panic!("{name}, iteration {iteration}: {}", bytes.escape_ascii()),
        }
    }
    println!("{name}: {taken} of {ITERATIONS} taken");
}

/// The error catalogue's base book, with a statement and a bill of its own.
fn base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/errors/_base")
}

fn source(settings: &Settings, name: &str) -> Source {
    settings
        .sources
        .iter()
        .find(|source| source.name == name)
        .unwrap()
        .clone()
}

#[test]
fn canonical_readers_take_any_bytes() {
    let settings = Book::open(&base()).unwrap().settings;
    let seed = |name: &str| fs::read(base().join("inbox/2026-11-20").join(name)).unwrap();
    let channel = b"channel,channel_ref,order_id,txn_type,amount,fee,currency,txn_time,settle_date,batch_ref,status,refund_ref\n\
        ALIPAY,2026,O1,PAYMENT,10.00,0.06,CNY,2026-11-20T10:00:00+08:00,2026-11-20,,SUCCESS,\n\
        ALIPAY,2027,\"O,2\",REFUND,3.00,0.00,CNY,2026-11-20T10:00:00+08:00,,,SUCCESS,R1\n";
    for (name, role, seed) in [
        ("platform", Role::Platform, seed("platform.csv")),
        ("bank", Role::Bank, seed("bank.csv")),
        ("balances", Role::Balances, seed("balances.csv")),
        ("alipay", Role::Channel, channel.to_vec()),
    ] {
        let context = ReadContext::new(&settings, &source(&settings, name), None);
        for block_bytes in [64, 1 << 16] {
            fuzz(
                &format!("canonical {name}, blocks of {block_bytes}"),
                std::slice::from_ref(&seed),
                |bytes| read_canonical(bytes, role, &context, block_bytes).is_ok(),
            );
        }
    }
}

fn read_canonical(
    bytes: &[u8],
    role: Role,
    context: &ReadContext,
    block_bytes: usize,
) -> Result<usize, BlockError> {
    let reader = BlockReader::with_block_bytes(Box::new(Cursor::new(bytes.to_vec())), None, block_bytes)?;
    let binding = bind_header(role, reader.header(), context).map_err(BlockError::Refused)?;
    let (mut work, mut sink, mut buffer) = (Work::default(), Counted::default(), BlockBytes::default());
    while let Some(head) = reader.next_block(&mut buffer)? {
        parse_block(&binding, &head, &buffer, context, &mut work, &mut sink).map_err(BlockError::Refused)?;
    }
    Ok(sink.0)
}

#[test]
fn parquet_takes_any_bytes() {
    let (_folder, book) = demo();
    let settings = Book::open(&book).unwrap().settings;
    let context = ReadContext::new(&settings, &source(&settings, "bank"), None);
    let seed = fs::read(book.join("inbox/2026-09-20/bank/RA1-2026-09-20.parquet")).unwrap();
    fuzz("parquet", &[seed], |bytes| {
        let Ok(file) = ParquetFile::from_bytes(bytes.to_vec(), Role::Bank, &context) else {
            return false;
        };
        let mut sink = Counted::default();
        (0..file.row_groups()).all(|group| {
            file.read_row_group(group, Columns::Judged, &context, &mut sink)
                .is_ok()
        })
    });
}

#[test]
fn foreign_formats_take_any_bytes() {
    let settings = Book::open(&base()).unwrap().settings;
    let catalogue = base().parent().unwrap().to_path_buf();
    let statement = fs::read_to_string(catalogue.join("camt-balance/inbox/2026-11-20/ra2.xml")).unwrap();
    let bill =
        fs::read_to_string(catalogue.join("alipay-trailer-count/inbox/2026-11-20/alipay/bill.csv")).unwrap();
    let bill = bill.replace("交易合计：2笔", "交易合计：1笔");
    let in_gbk = encoding_rs::GB18030.encode(&bill).0.into_owned();
    for (name, seeds) in [
        (
            "euro-bank",
            vec![statement.replace("32.41", "23.41").into_bytes()],
        ),
        ("alipay", vec![bill.into_bytes(), in_gbk]),
    ] {
        let source = source(&settings, name);
        let context = FormatContext {
            settings: &settings,
            source: &source,
            business_date: Date::parse(b"2026-11-20").unwrap(),
        };
        fuzz(name, &seeds, |bytes| {
            let reader = Box::new(Cursor::new(bytes.to_vec()));
            read_foreign(
                &source.format,
                &|_| None,
                reader,
                &context,
                &mut Counted::default(),
            )
            .is_ok()
        });
    }
}

#[test]
fn settings_and_masters_take_any_bytes() {
    let text = fs::read(base().join("book.toml")).unwrap();
    fuzz("book.toml", &[text], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        parse_settings(&text, "book.toml").is_ok()
    });
    let settings = Book::open(&base()).unwrap().settings;
    let master = fs::read(base().join("merchants.csv")).unwrap();
    fuzz("merchants.csv", &[master], |bytes| {
        read_merchants(bytes, "merchants.csv", MasterKind::Csv, &settings).is_ok()
    });
    fuzz("merchants.parquet", &[parquet_master()], |bytes| {
        read_merchants(bytes, "merchants.parquet", MasterKind::Parquet, &settings).is_ok()
    });
    let calendar = br#"{"holidays": {"2027-01-01": "New Year"}, "workdays": {"2027-02-06": ""}}"#;
    fuzz("calendar", &[calendar.to_vec()], |bytes| {
        parse_calendar(bytes, "calendars/X.json", "X").is_ok()
    });
    let profile = builtin("alipay-trade").unwrap().as_bytes().to_vec();
    fuzz("profile", &[profile], |bytes| {
        Profile::parse(&String::from_utf8_lossy(bytes), "x").is_ok()
    });
}

/// A merchant master in Parquet, all columns texts.
fn parquet_master() -> Vec<u8> {
    use arrow::array::{ArrayRef, StringArray};
    let columns = [
        ("merchant_id", "M1"),
        ("fee_bps", "60"),
        ("fee_min_minor", "0"),
        ("fee_max_minor", ""),
        ("hold_bps", "0"),
        ("settlement_cycle_days", "1"),
    ];
    let arrays = columns.map(|(name, value)| {
        (
            name,
            std::sync::Arc::new(StringArray::from(vec![value; 3])) as ArrayRef,
        )
    });
    let mut batch = arrow::record_batch::RecordBatch::try_from_iter(arrays).unwrap();
    let ids: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["M1", "M2", "M3"]));
    let mut all = batch.columns().to_vec();
    all[0] = ids;
    batch = arrow::record_batch::RecordBatch::try_new(batch.schema(), all).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn archives_take_any_bytes() {
    let (_folder, book) = demo();
    let settings = Book::open(&book).unwrap().settings;
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("2026-09-20");
    fs::create_dir_all(inbox.join("platform")).unwrap();
    let path = inbox.join("platform/delivered");
    let mut seeds = Vec::new();
    for (date, below) in [
        ("2026-09-18", "platform/platform-2026-09-18.zip"),
        ("2026-09-21", "bank/RA1-2026-09-21.csv.zst"),
    ] {
        seeds.push(fs::read(book.join("inbox").join(date).join(below)).unwrap());
    }
    seeds.push(fs::read(book.join("inbox/2026-09-20/platform/platform-2026-09-20.csv.gz")).unwrap());
    fuzz("archives", &seeds, |bytes| {
        fs::write(&path, bytes).unwrap();
        let (delivery, findings) = files::discover_all(&inbox);
        let stop = files::discover(&inbox, &settings).err();
        assert!(stop.is_none_or(|stop| stop.code != StopCode::Invariant));
        findings.is_empty()
            && delivery
                .files
                .iter()
                .all(|file| files::hash_content(file).is_ok())
    });
}

#[test]
fn states_and_manifests_take_any_bytes() {
    let (_folder, book) = demo();
    closes(&book);
    let settings = Book::open(&book).unwrap().settings;
    let sealed = book.join("closes").join(FIRST).join("1");
    let tables: BTreeMap<String, Vec<u8>> = names(&sealed.join("state"))
        .into_iter()
        .map(|name| (name.clone(), fs::read(sealed.join("state").join(name)).unwrap()))
        .collect();
    let mut turn = 0;
    for (name, seed) in &tables {
        // The larger tables are damaged near their head: what follows is more of the same.
        let end = seed
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .nth(5)
            .map_or(seed.len(), |(at, _)| at + 1);
        let seed = seed[..end].to_vec();
        turn += 1;
        fuzz(&format!("state {turn} {name}"), &[seed], |bytes| {
            let read = |wanted: &str| {
                if wanted == name {
                    Some(bytes.to_vec())
                } else {
                    None
                }
            };
            let state = State::from_files(&read, &settings, "state");
            // What was read is written again and reads the same.
            let Ok(state) = state else { return false };
            let _ = State::check_opening(&read, &settings, "state");
            let written: BTreeMap<String, Vec<u8>> = state.to_files().into_iter().collect();
            let again = State::from_files(&|wanted| written.get(wanted).cloned(), &settings, "state");
            assert!(
                again.is_ok_and(|again| again.to_files() == state.to_files()),
                "{name} does not read back"
            );
            true
        });
    }
    let manifest = fs::read(sealed.join("manifest.json")).unwrap();
    fuzz("manifest", &[manifest], |bytes| Manifest::parse(bytes).is_ok());
}
