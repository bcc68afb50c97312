//! The same bytes for any number of threads, and for rows shuffled, split over files, or delivered as Parquet (SPEC §10.2, R32).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use rayon::ThreadPoolBuilder;
use tieout::demo::{GenerateFormat, GenerateOptions, PlantedShares, generate, write_demo};
use tieout::terms::date::Date;

use crate::support::{close_day, close_folder, copy, csv_rows, files_below, scratch, to_csv, write};

/// Columns that say where a row stood.
const PLACES: [&str; 6] = [
    "file",
    "line",
    "platform_file",
    "platform_line",
    "bank_file",
    "bank_line",
];

/// A table as text fields, header first.
type Rows = Vec<Vec<String>>;

/// Closes days with so many threads.
fn close_all(root: &Path, dates: &[Date], threads: usize) {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    for date in dates {
        if let Err(stop) = pool.install(|| close_day(root, *date)) {
            panic!("{date}, {threads} threads: {stop}");
        }
    }
}

/// Every sealed file of the closes, by path.
fn sealed(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let closes = root.join("closes");
    files_below(&closes)
        .into_iter()
        .filter(|name| !name.ends_with("run.json") && !name.ends_with(".lock"))
        .map(|name| (name.clone(), fs::read(closes.join(&name)).unwrap()))
        .collect()
}

/// The sealed files without what may name files and lines, or hashes them (R32).
fn without_places(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = sealed(root);
    let closes = root.join("closes");
    let places: Vec<String> = files
        .keys()
        .filter(|name| name.ends_with(".csv"))
        .filter(|name| {
            csv_rows(&closes.join(name))[0]
                .iter()
                .any(|column| PLACES.contains(&column.as_str()))
        })
        .cloned()
        .collect();
    for name in places {
        let table = csv_rows(&closes.join(&name));
        let kept: Vec<usize> = (0..table[0].len())
            .filter(|at| !PLACES.contains(&table[0][*at].as_str()))
            .collect();
        let rows: Vec<Vec<String>> = table
            .iter()
            .map(|row| kept.iter().map(|at| row[*at].clone()).collect())
            .collect();
        // The same table in Parquet names files and lines too.
        files.remove(&name.replace(".csv", ".parquet"));
        files.insert(name, to_csv(&rows).into_bytes());
    }
    let manifests: Vec<String> = files
        .keys()
        .filter(|name| name.ends_with("manifest.json"))
        .cloned()
        .collect();
    for name in manifests {
        let mut manifest: serde_json::Value = serde_json::from_slice(&files[&name]).unwrap();
        let fields = manifest.as_object_mut().unwrap();
        for field in ["inputs", "outputs", "previous"] {
            assert!(fields.remove(field).is_some() || field == "previous", "{field}");
        }
        files.insert(name, manifest.to_string().into_bytes());
    }
    for (_, bytes) in files
        .iter_mut()
        .filter(|(name, _)| name.ends_with("reports/index.html"))
    {
        *bytes = without_sources(&String::from_utf8(bytes.clone()).unwrap()).into_bytes();
    }
    for (_, bytes) in files
        .iter_mut()
        .filter(|(name, _)| name.ends_with("summary.json"))
    {
        *bytes = without_lines(bytes);
    }
    files.retain(|name, _| !name.ends_with("state/files.csv"));
    files
}

/// The summary without what names files and lines: the words of causes, and the causes that only lines tell.
fn without_lines(summary: &[u8]) -> Vec<u8> {
    let mut summary: serde_json::Value = serde_json::from_slice(summary).unwrap();
    summary.as_object_mut().unwrap().remove("causes").unwrap();
    let details = summary["cause_details"].as_array_mut().unwrap();
    details.retain(|cause| cause["by_lines_alone"] == false);
    for cause in details {
        let cause = cause.as_object_mut().unwrap();
        for field in ["text", "file", "line", "line_last"] {
            cause.remove(field).unwrap();
        }
    }
    summary.to_string().into_bytes()
}

/// The report without its tables of inputs and rejects, and without the cells that name file and line: `platform.csv:17`.
fn without_sources(html: &str) -> String {
    let html: String = html
        .split_inclusive("</table>")
        .filter(|table| {
            !["<th>SHA-256</th>", "<th>Found</th>", "<th>Cause</th>"]
                .iter()
                .any(|title| table.contains(title))
        })
        .collect();
    let is_source = |cell: &str| {
        let place = |part: &str| {
            part.rsplit_once(':')
                .is_some_and(|(file, line)| file.contains('.') && line.parse::<u64>().is_ok())
        };
        cell.split("<br>").all(place)
    };
    html.split_inclusive("</td>")
        .map(|piece| {
            match piece
                .strip_suffix("</td>")
                .and_then(|cell| cell.rsplit_once('>').map(|_| cell))
            {
                Some(cell) => match cell.split_once("<td class=\"id\">") {
                    Some((before, text)) if is_source(text) => format!("{before}<td></td>"),
                    _ => piece.to_owned(),
                },
                None => piece.to_owned(),
            }
        })
        .collect()
}

/// Expects the same files with the same bytes.
#[track_caller]
fn same(what: &str, expected: &BTreeMap<String, Vec<u8>>, found: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(expected), names(found), "{what}");
    let mut told = String::new();
    for (name, bytes) in expected {
        let other = &found[name];
        if bytes != other {
            let at = bytes.iter().zip(other).take_while(|(a, b)| a == b).count();
            let near = |bytes: &[u8]| {
                let end = bytes.len().min(at + 200);
                String::from_utf8_lossy(&bytes[at.saturating_sub(100).min(end)..end]).into_owned()
            };
            let _ = writeln!(
                told,
                "{name} differs at byte {at}\n  {}\n  {}",
                near(bytes),
                near(other)
            );
        }
    }
    assert!(told.is_empty(), "{what}\n{told}");
}

/// A book's inputs, without what was closed.
fn inputs_of(from: &Path, to: &Path) {
    copy(from, to, |name| !name.starts_with("closes/"));
}

/// A generated book of two days and a demo, with the days to close.
fn generated(root: &Path, rows: u64, format: GenerateFormat, shares: PlantedShares) -> Vec<Date> {
    let first = Date::parse(b"2026-03-05").unwrap();
    let options = GenerateOptions {
        days: 2,
        seed: 7,
        format,
        shares,
        ..GenerateOptions::new(root, first, rows)
    };
    generate(&options).unwrap();
    // Room for files in parts, and for either form.
    let settings = root.join("book.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let end = if format == GenerateFormat::Csv {
        "csv"
    } else {
        "parquet"
    };
    let text = text
        .replace(&format!("\"platform.{end}\""), "\"platform*\"")
        .replace(&format!("\"bank.{end}\""), "\"bank*\"");
    fs::write(&settings, text).unwrap();
    vec![first, first.plus_days(1)]
}

/// The same book closed with 1, 2, 3 and 8 threads.
fn any_number_of_threads(root: &Path, dates: &[Date]) {
    let mut first: Option<BTreeMap<String, Vec<u8>>> = None;
    for threads in [1, 2, 3, 8] {
        let again = scratch();
        inputs_of(root, again.path());
        close_all(again.path(), dates, threads);
        let found = sealed(again.path());
        let manifests = found
            .keys()
            .filter(|name| name.ends_with("manifest.json"))
            .count();
        assert_eq!(manifests, dates.len());
        match &first {
            Some(first) => same(&format!("{threads} threads"), first, &found),
            None => first = Some(found),
        }
    }
}

#[test]
fn the_demo_has_the_same_bytes_for_any_number_of_threads() {
    let folder = scratch();
    let root = folder.path().join("demo");
    fs::create_dir(&root).unwrap();
    let demo = write_demo(&root).unwrap();
    any_number_of_threads(&root, &demo.dates);
}

#[test]
fn a_generated_book_has_the_same_bytes_for_any_number_of_threads() {
    let folder = scratch();
    let dates = generated(
        folder.path(),
        3_000,
        GenerateFormat::Csv,
        PlantedShares::default(),
    );
    any_number_of_threads(folder.path(), &dates);
}

#[test]
fn later_passes_give_the_same_bytes_for_any_number_of_threads_order_and_split() {
    let folder = scratch();
    let mut shares = PlantedShares::all();
    shares.situations_ppm.iter_mut().for_each(|ppm| *ppm *= 4);
    let dates = generated(folder.path(), 1_500, GenerateFormat::Csv, shares);
    any_number_of_threads(folder.path(), &dates);
    let closed = scratch();
    inputs_of(folder.path(), closed.path());
    close_all(closed.path(), &dates, 2);
    let expected = without_places(closed.path());
    order_and_split_change_nothing("later passes", folder.path(), &dates, &expected);
}

/// The loops with vectors and the portable ones: canonical CSV, Parquet, hashes.
#[test]
fn a_machine_without_vectors_has_the_same_bytes() {
    for format in [GenerateFormat::Csv, GenerateFormat::Parquet] {
        let (with, without) = (scratch(), scratch());
        let dates = generated(with.path(), 20_000, format, PlantedShares::default());
        inputs_of(with.path(), without.path());
        for (root, options) in [(&with, &[][..]), (&without, &["--portable"][..])] {
            for date in &dates {
                let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
                let output = command.arg("close").arg(root.path()).args(options).arg("--quiet");
                let output = output.args(["--date", &date.to_string()]).output().unwrap();
                assert!(
                    matches!(output.status.code(), Some(0 | 10 | 20)),
                    "{date} {options:?}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
            }
        }
        same("--portable", &sealed(with.path()), &sealed(without.path()));
    }
}

/// Rewrites every CSV file of the inbox with `change`, which gives the new files by name.
fn change_inbox(root: &Path, change: impl Fn(&str, Rows) -> Vec<(String, Rows)>) {
    let inbox = root.join("inbox");
    for name in files_below(&inbox)
        .into_iter()
        .filter(|name| name.ends_with(".csv"))
    {
        let rows = csv_rows(&inbox.join(&name));
        fs::remove_file(inbox.join(&name)).unwrap();
        for (name, rows) in change(&name, rows) {
            write(&inbox.join(name), to_csv(&rows));
        }
    }
}

/// Rows in an order that has nothing to do with theirs; the header stays on top.
fn shuffled(mut rows: Vec<Vec<String>>, seed: u64) -> Vec<Vec<String>> {
    let mut state = seed;
    for at in (2..rows.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        rows.swap(at, 1 + (state >> 33) as usize % at);
    }
    rows
}

/// A file in seven, the last with a header only where rows are few.
fn in_seven(name: &str, rows: Vec<Vec<String>>) -> Vec<(String, Vec<Vec<String>>)> {
    let (header, rows) = rows.split_first().unwrap();
    let stem = name.strip_suffix(".csv").unwrap();
    let part = |number: usize| {
        let rows = rows.iter().skip(number).step_by(7).cloned();
        (
            format!("{stem}-{number}.csv"),
            std::iter::once(header.clone()).chain(rows).collect(),
        )
    };
    (0..7).map(part).collect()
}

/// Closes a changed copy of a book and compares all but files and lines.
fn closes_the_same(
    what: &str,
    root: &Path,
    dates: &[Date],
    expected: &BTreeMap<String, Vec<u8>>,
    change: &dyn Fn(&Path),
) {
    let again = scratch();
    inputs_of(root, again.path());
    change(again.path());
    close_all(again.path(), dates, 3);
    same(what, expected, &without_places(again.path()));
}

/// Shuffles, splits, and does both at once.
fn order_and_split_change_nothing(
    what: &str,
    root: &Path,
    dates: &[Date],
    expected: &BTreeMap<String, Vec<u8>>,
) {
    for seed in [1, 2] {
        closes_the_same(
            &format!("{what}, shuffled {seed}"),
            root,
            dates,
            expected,
            &|root| {
                change_inbox(root, |name, rows| vec![(name.to_owned(), shuffled(rows, seed))]);
            },
        );
    }
    closes_the_same(
        &format!("{what}, the platform's file in seven, backwards"),
        root,
        dates,
        expected,
        &|root| {
            change_inbox(root, |name, rows| match name.contains("platform") {
                true => {
                    // The names turn the order of the files around.
                    let parts = in_seven(name, rows);
                    let names: Vec<String> = parts.iter().rev().map(|part| part.0.clone()).collect();
                    names
                        .into_iter()
                        .zip(parts)
                        .map(|(name, (_, rows))| (name, rows))
                        .collect()
                }
                false => vec![(name.to_owned(), rows)],
            });
        },
    );
    closes_the_same(
        &format!("{what}, rows and entries shuffled and in seven"),
        root,
        dates,
        expected,
        &|root| {
            change_inbox(root, |name, rows| {
                match name.contains("platform") || name.contains("bank") {
                    true => in_seven(name, shuffled(rows, 3)),
                    false => vec![(name.to_owned(), shuffled(rows, 4))],
                }
            });
        },
    );
}

#[test]
fn order_split_and_form_of_a_generated_book_change_nothing() {
    let folder = scratch();
    let dates = generated(
        folder.path(),
        3_000,
        GenerateFormat::Csv,
        PlantedShares::default(),
    );
    let closed = scratch();
    inputs_of(folder.path(), closed.path());
    close_all(closed.path(), &dates, 2);
    let expected = without_places(closed.path());
    let breaks = &expected[&format!("{}/1/breaks.csv", dates[1])];
    assert!(
        breaks.split(|byte| *byte == b'\n').count() > 5,
        "a day without breaks would prove little"
    );
    order_and_split_change_nothing("generated", folder.path(), &dates, &expected);

    let parquet = scratch();
    let again = generated(
        parquet.path(),
        3_000,
        GenerateFormat::Parquet,
        PlantedShares::default(),
    );
    assert_eq!(dates, again);
    closes_the_same("Parquet", folder.path(), &dates, &expected, &|root| {
        fs::remove_dir_all(root.join("inbox")).unwrap();
        copy(parquet.path(), root, |name| name.starts_with("inbox/"));
        let files = files_below(&root.join("inbox"));
        assert!(files.iter().any(|name| name.ends_with(".parquet")), "{files:?}");
    });
}

/// The golden days hold everything that can depend on an order: duplicates, conflicts, wallets, refunds in parts.
#[test]
fn order_and_split_of_the_golden_days_change_nothing() {
    let days = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days");
    for name in [
        "batch-fees-and-status",
        "batch-gross-and-net",
        "batch-not-named",
        "batch-over-days",
        "batch-short-and-twice",
        "batch-taken-back",
        "doubt-that-ends",
        "duplicates-hold",
        "duplicates-on-one-leg",
        "duplicates-pair",
        "id-conflicts",
        "id-in-doubt-beside-one-that-waits",
        "id-in-doubt-on-another-channel",
        "pairing-inside-a-reference",
        "pass-amount-date",
        "pass-batch",
        "pass-normalised",
        "pass-remark",
        "pass-subset",
        "pass-tolerance",
        "passes-in-order",
        "payouts-at-the-bank",
        "purpose-entries-and-reversal",
        "refund-returns-the-fee-in-parts",
        "refunds-of-one-trade-on-the-bill",
        "rejects-quarantined",
        "two-legs",
        "unsettled-and-a-wallet-of-one-id",
        "wallets",
    ] {
        let folder = scratch();
        copy(&days.join(name), folder.path(), |name| {
            !name.starts_with("expected/")
        });
        let mut dates: Vec<Date> = fs::read_dir(folder.path().join("inbox"))
            .unwrap()
            .map(|entry| Date::parse(entry.unwrap().file_name().as_encoded_bytes()).unwrap())
            .collect();
        dates.sort();
        let closed = scratch();
        inputs_of(folder.path(), closed.path());
        close_all(closed.path(), &dates, 1);
        // Rejects have no key but their place (R31).
        let mut expected = without_places(closed.path());
        expected.retain(|name, _| !name.ends_with("rejects.csv"));
        for seed in [1, 2] {
            let again = scratch();
            inputs_of(folder.path(), again.path());
            change_inbox(again.path(), |name, rows| {
                match ["platform", "bank", "bill"]
                    .iter()
                    .any(|part| name.contains(part))
                {
                    true => in_seven(name, shuffled(rows, seed)),
                    false => vec![(name.to_owned(), shuffled(rows, seed))],
                }
            });
            close_all(again.path(), &dates, 2);
            let mut found = without_places(again.path());
            found.retain(|name, _| !name.ends_with("rejects.csv"));
            same(&format!("{name}, shuffle {seed}"), &expected, &found);
        }
    }
}

/// Blocks are cut every 4 MiB, wherever a row stands then; quoted fields with line breaks in them lie across the cuts.
#[test]
fn rows_across_block_ends_are_read_whole() {
    const ROWS: usize = 12_000;
    let date = Date::parse(b"2026-03-05").unwrap();
    let folder = scratch();
    let root = folder.path();
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/days/exact-match-and-half-up-fee"),
        root,
        |name| !name.contains('/'),
    );
    // Memos of lengths that no block length is a multiple of.
    let mut platform = String::from(
        "txn_id,txn_time,merchant_id,customer_id,txn_type,channel,currency,amount,bank_ref,status,memo\n",
    );
    let mut bank =
        String::from("entry_id,account,booking_time,value_date,direction,amount,currency,bank_ref,remark\n");
    for row in 0..ROWS {
        let memo = "乙\r\n\"\",甲,".repeat(row * 7919 % 137);
        let _ = writeln!(
            platform,
            "T{row},2026-03-05T10:00:00+08:00,M1,C,PAYMENT,BANK,CNY,1.{:02},R{row},SUCCESS,\"{memo}\"",
            row % 100
        );
        let _ = writeln!(
            bank,
            "E{row},6222000000000001,2026-03-05T11:00:00+08:00,2026-03-05,C,1.{:02},CNY,R{row},",
            row % 100
        );
    }
    assert!(platform.len() > 9 << 20, "{}", platform.len());
    write(&root.join("inbox/2026-03-05/platform.csv"), &platform);
    write(&root.join("inbox/2026-03-05/bank.csv"), &bank);
    let small = scratch();
    inputs_of(root, small.path());
    close_all(root, &[date], 2);
    // Payments of 1.00 to 1.99, each value 120 times.
    let payouts = csv_rows(&close_folder(root, date).join("payouts.csv"));
    let field = |name: &str| payouts[1][payouts[0].iter().position(|column| column == name).unwrap()].clone();
    assert_eq!(field("payment_count"), ROWS.to_string());
    assert_eq!(field("gross_minor"), ((100..200).sum::<u64>() * 120).to_string());
    assert_eq!(csv_rows(&close_folder(root, date).join("breaks.csv")).len(), 1);

    // The same rows in files that fit one block each.
    change_inbox(small.path(), in_seven);
    close_all(small.path(), &[date], 3);
    same("in seven", &without_places(root), &without_places(small.path()));
}
