//! Books to try the engine on: a week that shows what can happen ([`write_demo`]), and synthetic days of any size
//! with known truth ([`generate`]). Not part of any close. The same arguments give the same bytes.

mod book;
mod files;
mod generate;
mod payouts;
mod random;
mod rows;
mod story;

use std::path::Path;

use crate::book::Book;
use crate::findings::{Finding, Stop, StopCode};
use crate::host::create_folder;
use crate::terms::date::Date;

pub use generate::{GenerateFormat, GenerateOptions, PlantedShares, generate};
pub use rows::Planted;

use rows::{DAYS, Week};

/// First day of the demo's week: a Wednesday.
const FIRST: Date = Date(20_712);
/// The payout that comes back: merchant, issuing close, day of the return.
const RETURNED: (&str, usize, usize) = ("M-TEA", 0, 2);
/// The payout that the bank never debits: merchant, issuing close.
const UNDEBITED: (&str, usize) = ("M-NOODLE", 1);

/// What the demo's book shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoBook {
    /// The days, to be closed in this order.
    pub dates: Vec<Date>,
    /// What was planted, and what should become of it.
    pub planted: Vec<Planted>,
}

impl DemoBook {
    /// What is to be seen on a day.
    pub fn on(&self, date: Date) -> impl Iterator<Item = &Planted> {
        self.planted
            .iter()
            .filter(move |planted| planted.dates.contains(&date))
    }
}

/// Writes the demo's book into the folder `root`, which must not hold a book yet.
///
/// # Errors
/// 73 when there is a book already; what the system reports.
pub fn write_demo(root: &Path) -> Result<DemoBook, Stop> {
    refuse_existing(root)?;
    create_folder(&root.join("calendars"))?;
    write(&root.join("calendars/TARGET.json"), book::TARGET.as_bytes())?;
    write(&root.join("merchants.csv"), book::master().as_bytes())?;
    write(&root.join("book.toml"), book::SETTINGS.as_bytes())?;
    let opened = Book::open(root)?;
    let week = week(&opened)?;
    let mut balances = [0i64; 3];
    for day in 0..DAYS {
        write_day(&opened, &week, day, &mut balances)?;
    }
    Ok(DemoBook {
        dates: week.dates.to_vec(),
        planted: week.planted,
    })
}

/// The rows of the week, payouts included.
fn week(book: &Book) -> Result<Week, Stop> {
    let mut week = Week::new(FIRST);
    story::trade(&mut week);
    story::plant(&mut week);
    for payout in payouts::expect(&week, book, &[RETURNED])? {
        let debited = week.dates.iter().position(|date| *date == payout.execution);
        if (payout.merchant, payout.day) == UNDEBITED {
            week.plant(
                "payout that the bank never debits",
                &payout.id,
                &[1, 2, 3, 4, 5, 6],
                "issued on the 17th for M-NOODLE; MISSING_AT_BANK on leg payout-bank from its execution date, the 18th; stays in P",
            );
            continue;
        }
        let Some(debited) = debited else { continue };
        story::payout_entry(
            &mut week,
            debited,
            &payout.id,
            payout.currency,
            payout.minor,
            false,
        );
        if (payout.merchant, payout.day) == (RETURNED.0, RETURNED.1) {
            story::payout_entry(
                &mut week,
                RETURNED.2,
                &payout.id,
                payout.currency,
                payout.minor,
                true,
            );
            week.plant(
                "payout returned by the bank",
                &payout.id,
                &[0, 1, 2, 3],
                "issued on the 16th for M-TEA, debited on the 17th, credited back on the 18th (returned_minor), paid again by the close of the 19th",
            );
        }
    }
    Ok(week)
}

fn write_day(book: &Book, week: &Week, day: usize, balances: &mut [i64; 3]) -> Result<(), Stop> {
    let date = week.dates[day];
    let inbox = book.layout.inbox(date);
    for folder in ["platform", "bank", "euro", "alipay"] {
        create_folder(&inbox.join(folder))?;
    }
    let put = |name: String, bytes: &[u8]| write(&inbox.join(name), bytes);

    let platform = files::platform(&week.txns[day]).csv();
    let name = format!("platform/platform-{date}");
    match day {
        1 => {
            put(format!("{name}.csv"), &platform)?;
            put(format!("{name}-resent.csv"), &platform)?;
        }
        2 => {
            let member = format!("platform-{date}.csv");
            put(format!("{name}.zip"), &files::zipped(&[(&member, &platform)])?)?;
        }
        4 => put(format!("{name}.csv.gz"), &files::gzipped(&platform)?)?,
        _ => put(format!("{name}.csv"), &platform)?,
    }

    let mut lines = Vec::new();
    for (index, account) in ["RA1", "OA1"].into_iter().enumerate() {
        let entries = files::of_account(&week.entries[day], account);
        let opening = balances[index];
        balances[index] += files::movement(&entries);
        lines.push((account, opening, balances[index]));
        let table = files::bank(&entries);
        let name = format!("bank/{account}-{date}");
        match (account, day) {
            ("RA1", 4) => put(format!("{name}.parquet"), &table.parquet()?)?,
            ("RA1", 5) => put(format!("{name}.csv.zst"), &files::zstd(&table.csv())?)?,
            _ => put(format!("{name}.csv"), &table.csv())?,
        }
    }
    put("balances.csv".to_owned(), &files::balances(date, &lines))?;

    let entries = files::of_account(&week.entries[day], "RA2");
    let (morning, evening) = entries.split_at(if day == 1 { entries.len() / 2 } else { 0 });
    // The bank counts its statements: two came on the second day.
    let number = day + 1 + usize::from(day > 1);
    let xml = match day {
        1 => files::camt(date, number, balances[2], &[morning, evening]),
        _ => files::camt(date, number, balances[2], &[evening]),
    };
    balances[2] += files::movement(&entries);
    put(format!("euro/RA2-{date}.xml"), &xml)?;

    let stamp = date.to_string().replace('-', "");
    let archive = files::bill_archive(date, &week.bills[day])?;
    put(format!("alipay/20880000000000000156_{stamp}.csv.zip"), &archive)
}

/// Stops where a book is already.
fn refuse_existing(root: &Path) -> Result<(), Stop> {
    let settings = root.join("book.toml");
    match settings.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Stop::io(&settings, "look at", &error)),
        Ok(_) => Err(Stop::new(
            StopCode::CannotCreate,
            Finding::about(
                settings.display().to_string(),
                "there is a book in this folder already",
                "name an empty folder, or remove the book first",
            ),
        )),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    std::fs::write(path, bytes).map_err(|error| Stop::io(path, "write", &error))
}

#[cfg(test)]
mod tests;
