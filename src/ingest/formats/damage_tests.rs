//! Every statement sample cut at every byte and with every byte flipped once: no panic, and what changes money is
//! noticed. `TIEOUT_DAMAGE=full` (scripts/damage.sh) takes every byte of every file; without it big files are sampled.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::testing::{Kept, read_from, read_openly, settings, source};
use super::{CAMT053, grammars};
use crate::book::settings::{Role, Settings, Source};
use crate::ingest::formats::{FormatContext, desk::Desk};

/// Bytes that are read of one file for one kind of damage where not every byte is taken.
const BYTES_MAX: usize = 512 << 10;
/// Every damaged copy is read as a book would read it. As `inspect` does, of larger files every so manieth is read: the two
/// are the same but for accounts that nobody named.
const OPENLY_BYTES_MAX: usize = 16 << 10;
const OPENLY_STEP: usize = 16;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/samples")
}

/// Samples that a book can take: format, name, bytes, settings and source.
fn readable() -> Vec<(String, String, Vec<u8>, Settings, Source)> {
    let mut found = Vec::new();
    for folder_name in ["camt053", "camt054", "mt940", "bai2", "ofx"] {
        let Ok(listed) = std::fs::read_dir(folder().join(folder_name)) else {
            println!("skipped: the public samples of {folder_name} are not at hand");
            continue;
        };
        let mut paths: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let bytes = std::fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let Some(format) = grammars::recognise(&bytes[..bytes.len().min(4096)]) else {
                println!("{name}: no grammar knows it");
                continue;
            };
            // The accounts that it names, as a book would have them.
            let mut kept = Kept::default();
            let (empty, any) = (settings(&[]), source(format, Role::Bank));
            let ctx = FormatContext {
                settings: &empty,
                source: &any,
                business_date: crate::terms::date::Date(0),
            };
            let mut desk = Desk::open(&ctx, &mut kept);
            let _ = grammars::read(format, Box::new(bytes.as_slice()), &mut desk);
            let (_, accounts, _) = desk.into_parts();
            let mut named: Vec<(String, String)> = accounts
                .iter()
                .map(|account| (account.id.clone(), account.currency.code().to_owned()))
                .collect();
            if named.is_empty() {
                named.push(("0000123456".to_owned(), "USD".to_owned()));
            }
            let named: Vec<(&str, &str)> = named.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            found.push((format.to_owned(), name, bytes, settings(&named), any));
        }
    }
    found
}

/// What a row says about money: all but texts, references and days.
fn money(kept: &Kept) -> Vec<String> {
    let mut money: Vec<String> = kept
        .rows
        .iter()
        .map(|row| {
            let fields: Vec<&str> = row.split('|').collect();
            [fields[1], fields[4], fields[5], fields[6]].join("|")
        })
        .collect();
    money.extend(kept.balances.iter().map(|balance| {
        let fields: Vec<&str> = balance.split(' ').collect();
        [fields[0], fields[1], fields[3], fields[4]].join(" ")
    }));
    money
}

/// The same without the account, which stands first.
fn of_any_account(kept: &Kept) -> Vec<String> {
    let of_any = |text: String| {
        text.split_once(['|', ' '])
            .map_or(String::new(), |(_, rest)| rest.to_owned())
    };
    let mut money: Vec<String> = money(kept).into_iter().map(of_any).collect();
    money.sort();
    money
}

#[derive(Default)]
struct Count {
    damaged: u64,
    refused: u64,
    same: u64,
    texts: u64,
    days: u64,
    /// Whole statements are missing at the end, and all others are as they were.
    shorter: u64,
    /// The number of an account became that of another account of the book: the balances of the day before notice it (R27).
    accounts: u64,
    money: u64,
}

#[test]
fn damaged_samples_are_refused_or_counted() {
    let full = std::env::var_os("TIEOUT_DAMAGE").is_some_and(|value| value == "full");
    let mut counts: BTreeMap<(String, &str), Count> = BTreeMap::new();
    for (format, name, bytes, settings, source) in readable() {
        let (result, whole) = read_from(&settings, &source, &bytes);
        if let Err(refused) = &result {
            // What counts is that damage does not make it panic.
            println!("{name}: refused as it is ({})", refused.message);
        }
        let holds = result.is_ok();
        let step = if full {
            1
        } else {
            (bytes.len() * bytes.len()).div_ceil(BYTES_MAX).max(1)
        };
        if full {
            println!("{name}: {} bytes, every one of them cut and flipped", bytes.len());
        }
        let mut copies = 0;
        let mut judge = |kind: &'static str, damaged: &[u8]| {
            let (result, kept) = read_from(&settings, &source, damaged);
            if bytes.len() <= OPENLY_BYTES_MAX || copies % OPENLY_STEP == 0 {
                let _ = read_openly(&format, damaged);
            }
            copies += 1;
            let count = counts.entry((format.clone(), kind)).or_default();
            count.damaged += 1;
            // A file that is refused as it is gives nothing to compare with.
            // A page that is missing is missed among the files of the day.
            let stops = match &result {
                Ok(facts) => facts.told.iter().any(|told| told.goes_on || told.first_page > 1),
                Err(_) => true,
            };
            if !holds || stops || !kept.rejects.is_empty() {
                count.refused += 1;
            } else if kept.rows == whole.rows && kept.balances == whole.balances {
                count.same += 1;
            } else if kept.balances.len() < whole.balances.len()
                && whole.balances.starts_with(&kept.balances)
                && whole.rows.starts_with(&kept.rows)
            {
                count.shorter += 1;
            } else if money(&kept) != money(&whole) && of_any_account(&kept) == of_any_account(&whole) {
                count.accounts += 1;
            } else if money(&kept) != money(&whole) {
                count.money += 1;
                if count.money <= 3 {
                    let (seen, expected) = (money(&kept), money(&whole));
                    let at = seen.iter().zip(&expected).position(|(a, b)| a != b);
                    let at = at.unwrap_or(seen.len().min(expected.len()));
                    println!(
                        "{name}: {kind}: money differs: {:?}, not {:?}",
                        seen.get(at),
                        expected.get(at)
                    );
                }
            } else {
                let days = |kept: &Kept| -> Vec<String> {
                    kept.rows
                        .iter()
                        .map(|row| row.split('|').skip(2).take(2).collect::<Vec<_>>().join("|"))
                        .collect()
                };
                if days(&kept) != days(&whole) {
                    count.days += 1;
                } else {
                    count.texts += 1;
                }
            }
        };
        for end in (0..bytes.len()).step_by(step) {
            judge("cut", &bytes[..end]);
        }
        let mut damaged = bytes.clone();
        for at in (0..bytes.len()).step_by(step) {
            // A digit becomes another digit, a letter another letter.
            damaged[at] ^= 1;
            judge("flipped", &damaged);
            damaged[at] = bytes[at];
        }
    }
    println!(
        "format     damage    reads  refused    same  text differs  day differs  statements missing  account differs  money differs"
    );
    for ((format, kind), count) in &counts {
        println!(
            "{format:<10} {kind:<8} {:>6} {:>8} {:>7} {:>13} {:>12} {:>19} {:>16} {:>14}",
            count.damaged,
            count.refused,
            count.same,
            count.texts,
            count.days,
            count.shorter,
            count.accounts,
            count.money
        );
        // OFX has no totals, and a BAI2 account may have one ledger balance only: there the closing balance of the day
        // before is what notices.
        if format != super::OFX && format != super::BAI2 {
            assert_eq!(count.money, 0, "{format} {kind}");
        }
        if *kind == "cut" && format == CAMT053 {
            assert_eq!(count.texts + count.days, 0, "{format} {kind}");
        }
    }
}
