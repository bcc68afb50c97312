//! A bound on memory changes no byte (SPEC §10.2, §10.6): days closed with everything put aside on the disk, and without.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rayon::ThreadPoolBuilder;
use tieout::day::close::{CloseOptions, close};
use tieout::demo::{GenerateFormat, GenerateOptions, generate};
use tieout::terms::date::Date;

use crate::support::{Quiet, close_day_within, copy, csv_rows, files_below, scratch, to_csv, write};

/// The least bound that two threads take: nothing is left for rows, so that all of them go aside.
pub const LEAST: u64 = 128 << 20;
const THREADS: usize = 2;

/// What a close came to, its sealed files by path or why it stopped, and whether its rows were put aside.
pub fn closed(root: &Path, date: Date, memory: Option<u64>) -> (BTreeMap<String, Vec<u8>>, bool) {
    let pool = ThreadPoolBuilder::new().num_threads(THREADS).build().unwrap();
    let outcome = pool.install(|| close_day_within(root, date, memory));
    assert!(
        !root.join("closes/.spill").exists(),
        "{date}: the work folder is gone"
    );
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(stop) => {
            let text = format!("{}\n{stop}", stop.code as u8).replace(&root.display().to_string(), "");
            return (BTreeMap::from([("stopped".to_owned(), text.into_bytes())]), false);
        }
    };
    let aside = outcome
        .notes
        .iter()
        .any(|note| note.contains("put aside on the disk"));
    let folder = outcome.folder.unwrap();
    let files = files_below(&folder).into_iter().filter(|name| name != "run.json");
    let files = files.map(|name| (name.clone(), fs::read(folder.join(&name)).unwrap()));
    (files.collect(), aside)
}

/// Rows that a close took from the files of the platform, the bank and channels.
fn rows_taken(files: &BTreeMap<String, Vec<u8>>) -> u64 {
    let Some(manifest) = files.get("manifest.json") else {
        return 0;
    };
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    let inputs = manifest["inputs"].as_array().unwrap().iter();
    let sums = ["credit_minor", "debit_minor"];
    let has_entries =
        |input: &&serde_json::Value| sums.iter().any(|sum| !input[sum].as_object().unwrap().is_empty());
    inputs
        .filter(has_entries)
        .map(|input| input["rows"].as_u64().unwrap())
        .sum()
}

/// Closes the days of a book with and without a bound, and expects the same bytes, and every day with rows to be put aside. Gives how
/// many were.
#[track_caller]
pub fn same_with_and_without(what: &str, root: &Path, dates: &[Date]) -> usize {
    let within = scratch();
    copy(root, within.path(), |name| !name.starts_with("closes/"));
    let mut aside = 0;
    for date in dates {
        let (expected, _) = closed(root, *date, None);
        let (found, was_aside) = closed(within.path(), *date, Some(LEAST));
        aside += usize::from(was_aside);
        assert!(
            was_aside || rows_taken(&expected) == 0,
            "{what} {date}: stayed in memory"
        );
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&expected), names(&found), "{what} {date}");
        let different: Vec<&String> = expected
            .keys()
            .filter(|name| expected[*name] != found[*name])
            .collect();
        assert!(different.is_empty(), "{what} {date}: {different:?}");
    }
    aside
}

fn dates(root: &Path) -> Vec<Date> {
    let listed = fs::read_dir(root.join("inbox")).unwrap();
    let names = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut dates: Vec<Date> = names.map(|name| Date::parse(name.as_bytes()).unwrap()).collect();
    dates.sort();
    dates
}

#[test]
fn golden_days_put_aside_have_the_same_bytes() {
    let days = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days");
    let mut aside = 0;
    for day in fs::read_dir(&days).unwrap() {
        let day = day.unwrap().path();
        let folder = scratch();
        copy(&day, folder.path(), |name| {
            !name.starts_with("expected/") && name != "README.md"
        });
        let what = day.file_name().unwrap().to_string_lossy().into_owned();
        aside += same_with_and_without(&what, folder.path(), &dates(folder.path()));
    }
    assert!(aside >= 130, "{aside} golden days were put aside");
}

fn generated(root: &Path, days: u32, rows: u64, format: GenerateFormat) {
    let options = GenerateOptions {
        days,
        seed: 11,
        format,
        ..GenerateOptions::new(root, Date::parse(b"2026-03-05").unwrap(), rows)
    };
    generate(&options).unwrap();
}

#[test]
fn a_large_day_put_aside_has_the_same_bytes() {
    for format in [GenerateFormat::Csv, GenerateFormat::Parquet] {
        let folder = scratch();
        generated(folder.path(), 1, 200_000, format);
        assert_eq!(
            same_with_and_without("200,000 rows", folder.path(), &dates(folder.path())),
            1
        );
    }
}

#[test]
fn rows_in_no_order_put_aside_have_the_same_bytes() {
    let folder = scratch();
    generated(folder.path(), 2, 20_000, GenerateFormat::Csv);
    let settings = folder.path().join("book.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let text = text
        .replace("\"platform.csv\"", "\"platform*\"")
        .replace("\"bank.csv\"", "\"bank*\"");
    fs::write(&settings, text).unwrap();
    // Platform rows by reference, in three files; entries turned around.
    for name in files_below(&folder.path().join("inbox")) {
        let path = folder.path().join("inbox").join(&name);
        let mut rows = csv_rows(&path);
        let header = rows.remove(0);
        if name.contains("platform") {
            let reference = header.iter().position(|column| column == "bank_ref").unwrap();
            rows.sort_by_key(|row| row[reference].clone());
            fs::remove_file(&path).unwrap();
            for part in 0..3 {
                let mine = rows.iter().skip(part).step_by(3).cloned();
                let table: Vec<_> = std::iter::once(header.clone()).chain(mine).collect();
                let name = name.replace("platform", &format!("platform-{part}"));
                write(&folder.path().join("inbox").join(name), to_csv(&table));
            }
        } else if name.contains("bank") {
            rows.reverse();
            rows.insert(0, header);
            write(&path, to_csv(&rows));
        }
    }
    assert_eq!(
        same_with_and_without("no order", folder.path(), &dates(folder.path())),
        2
    );
}

#[test]
fn files_that_are_read_twice_put_aside_have_the_same_bytes() {
    const FILES: u32 = 60;
    let folder = scratch();
    let days = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days");
    copy(&days.join("statement-weekend-file"), folder.path(), |name| {
        !name.starts_with("inbox/") && !name.starts_with("expected/")
    });
    let settings = folder.path().join("book.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let files = "files = [\"*.sta\"]";
    fs::write(
        &settings,
        text.replace(files, &format!("{files}\nstatement_numbers = \"free\"")),
    )
    .unwrap();
    let statement = |number: u32, day: &str| {
        format!(
            ":20:S{number}\n:25:6222000000000001\n:28C:{number}/1\n:60F:C{day}CNY{number},00\n:61:{day}{}C1,00NTRFR{number}//B{number}\n:62F:C{day}CNY{},00\n-\n",
            &day[2..],
            number + 1
        )
    };
    let header = "txn_id,txn_time,merchant_id,customer_id,txn_type,channel,currency,amount,bank_ref,status\n";
    for (from, date) in [(0, "2026-03-27"), (FILES, "2026-03-28")] {
        let inbox = folder.path().join("inbox").join(date);
        let mut platform = header.to_owned();
        for number in 0..FILES {
            let file = statement(number, "260327") + &statement(FILES + number, "260328");
            write(&inbox.join(format!("north-{number:02}.sta")), file.as_bytes());
            let number = from + number;
            platform +=
                &format!("T{number},{date}T10:00:00+08:00,M1,,PAYMENT,BANK,CNY,1.00,R{number},SUCCESS\n");
        }
        write(&inbox.join("platform.csv"), platform.as_bytes());
    }
    let dates = dates(folder.path());
    // What was read of a file the first time lies aside by then, and is looked at by nobody.
    assert_eq!(same_with_and_without("read twice", folder.path(), &dates), 2);
    let (files, _) = closed(folder.path(), dates[1], None);
    assert!(files.contains_key("manifest.json"), "{files:?}");
}

/// The program, about to close a day.
pub fn tieout(book: &Path, date: &str, memory: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
    command
        .args([
            "close",
            book.to_str().unwrap(),
            "--date",
            date,
            "--threads",
            "2",
            "--memory",
            memory,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Kills a close in the middle of putting rows aside; it leaves an empty folder.
pub fn kill_while_rows_lie_aside(book: &Path, date: &str) {
    let spill = book.join("closes/.spill");
    let mut child = tieout(book, date, "128MiB").spawn().unwrap();
    let began = Instant::now();
    while !spill.exists() && child.try_wait().unwrap().is_none() {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "nothing was put aside"
        );
        std::thread::sleep(Duration::from_micros(200));
    }
    // A little later, in the middle of it.
    std::thread::sleep(Duration::from_millis(20));
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(
        !status.success() && status.code().is_none(),
        "killed in the middle: {status:?}"
    );
    assert!(spill.exists(), "a killed run leaves the folder");
    assert_eq!(fs::read_dir(&spill).unwrap().count(), 0, "and nothing in it");
}

#[test]
fn a_close_killed_while_rows_lie_aside_runs_again_to_the_same_bytes() {
    let folder = scratch();
    generated(folder.path(), 1, 100_000, GenerateFormat::Csv);
    let (expected, _) = {
        let undisturbed = scratch();
        copy(folder.path(), undisturbed.path(), |_| true);
        closed(undisturbed.path(), dates(folder.path())[0], None)
    };
    kill_while_rows_lie_aside(folder.path(), "2026-03-05");
    let (found, aside) = closed(folder.path(), dates(folder.path())[0], Some(LEAST));
    assert!(
        aside && found == expected,
        "the next close removes it and has the same bytes"
    );
}

#[test]
fn a_bound_too_low_to_work_with_is_refused_in_words() {
    let folder = scratch();
    generated(folder.path(), 1, 100_000, GenerateFormat::Csv);
    let output = tieout(folder.path(), "2026-03-05", "64MiB").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(
        told.contains("--memory 64 MiB is too little") && told.contains("at least 128 MiB"),
        "{told}"
    );
    assert!(!folder.path().join("closes/.spill").exists());
    assert!(!folder.path().join("closes/2026-03-05").exists());
}

#[test]
fn a_rehearsal_within_a_bound_comes_to_the_same_and_leaves_nothing() {
    let folder = scratch();
    generated(folder.path(), 1, 20_000, GenerateFormat::Csv);
    let date = dates(folder.path())[0];
    let settings = folder.path().join("other.toml");
    let text = fs::read_to_string(folder.path().join("book.toml")).unwrap();
    fs::write(&settings, format!("# Another book, to be compared with.\n{text}")).unwrap();
    let pool = ThreadPoolBuilder::new().num_threads(THREADS).build().unwrap();
    for what_if in [None, Some(settings)] {
        let aside = scratch();
        let before = files_below(folder.path());
        let rehearsed = |memory: Option<u64>| {
            let options = CloseOptions {
                root: folder.path().to_path_buf(),
                date,
                dry_run: true,
                what_if: what_if.clone(),
                ends_process: false,
                memory,
                scratch: Some(aside.path().to_path_buf()),
            };
            pool.install(|| close(&options, &Quiet)).unwrap()
        };
        let (expected, found) = (rehearsed(None), rehearsed(Some(LEAST)));
        assert_eq!(expected.summary_json, found.summary_json);
        let told = found.notes.join("\n");
        assert!(told.contains("put aside on the disk"), "{told}");
        assert_eq!(files_below(folder.path()), before, "nothing below the book");
        assert_eq!(fs::read_dir(aside.path()).unwrap().count(), 0, "nothing is left");
    }
}
