//! A book: the folder that holds one institution's settings, masters, inbox and closes (SPEC §2).
//!
//! In: files as people write them. Out: settings understood and checked, with amounts in minor units; and the bytes
//! of all that was read, which a close seals and a replay reads back (R18).

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;

use crate::book::calendars::{Calendars, load_calendars, load_sealed_calendars};
use crate::book::layout::Layout;
use crate::book::merchants::{MasterKind, Merchants, read_merchants};
use crate::book::parse::{line_and_column, parse_settings};
use crate::book::settings::Settings;
use crate::findings::{Finding, Stop, StopCode};

pub mod settings;
pub mod passes;
pub mod parse;
pub mod schema;
mod shape;
pub mod merchants;
pub mod calendars;
pub mod layout;

/// A book as read.
#[derive(Clone, Debug)]
pub struct Book {
    /// Where its files lie.
    pub layout: Layout,
    /// `book.toml`.
    pub settings: Settings,
    /// The merchant master; empty when the book has none.
    pub merchants: Merchants,
    /// The institution's calendar and those of its merchants.
    pub calendars: Calendars,
    /// `profiles/NAME.toml` of every source format that has such a file, by name.
    pub profiles: BTreeMap<String, Bytes>,
    /// All that was read, as a close seals it: path within the book and bytes, sorted by path. Calendars stand
    /// here in canonical form with the built-in years that were used.
    pub sealed: Vec<(String, Bytes)>,
}

impl Book {
    /// Opens the book in the folder `root`.
    ///
    /// # Errors
    /// 78 for wrong settings, 65 for a wrong master, and 74 or 77 for files that cannot be read.
    pub fn open(root: &Path) -> Result<Book, Stop> {
        Book::read(root, load_calendars)
    }

    /// Opens the book with another settings file in the place of its own (`close --what-if`).
    ///
    /// # Errors
    /// As [`Book::open`].
    pub fn open_with_settings(root: &Path, settings: &Path) -> Result<Book, Stop> {
        Book::read_with(root, settings, load_calendars)
    }

    /// Opens the sealed copies of a close, laid out as in a book: only sealed calendars are used.
    ///
    /// # Errors
    /// As [`Book::open`].
    pub fn open_sealed(folder: &Path) -> Result<Book, Stop> {
        Book::read(folder, load_sealed_calendars)
    }

    fn read(
        root: &Path,
        calendars: fn(&Layout, &BTreeSet<String>) -> Result<Calendars, Stop>,
    ) -> Result<Book, Stop> {
        Book::read_with(root, &Layout::new(root).settings(), calendars)
    }

    fn read_with(
        root: &Path,
        settings_file: &Path,
        calendars: fn(&Layout, &BTreeSet<String>) -> Result<Calendars, Stop>,
    ) -> Result<Book, Stop> {
        let layout = Layout::new(root);
        let mut sealed = Vec::new();
        let Some(bytes) = read_if_there(settings_file)? else {
            return Err(Stop::new(
                StopCode::Settings,
                Finding::about(
                    settings_file.display().to_string(),
                    "there is no such file, so this folder is no book",
                    "name the folder that holds book.toml, or make a book with `tieout init`",
                ),
            ));
        };
        let settings = parse_settings(utf8(&bytes, "book.toml")?, "book.toml")?;
        sealed.push(("book.toml".to_owned(), bytes));

        let mut stops = Vec::new();
        let merchants = master(&layout, &settings, &mut sealed).unwrap_or_else(|stop| {
            stops.push(stop);
            Merchants::default()
        });
        let calendars = calendars(&layout, &needed_calendars(&settings, &merchants)).unwrap_or_else(|stop| {
            stops.push(stop);
            Calendars::default()
        });
        let profiles = profiles(&layout, &settings).unwrap_or_else(|stop| {
            stops.push(stop);
            BTreeMap::new()
        });
        if let Some(stop) = Stop::join(stops) {
            return Err(stop);
        }
        for (id, json) in calendars.sealed() {
            sealed.push((format!("calendars/{id}.json"), Bytes::from(json)));
        }
        for (name, bytes) in &profiles {
            sealed.push((format!("profiles/{name}.toml"), bytes.clone()));
        }
        sealed.sort();
        Ok(Book {
            layout,
            settings,
            merchants,
            calendars,
            profiles,
            sealed,
        })
    }
}

/// Ids of the calendars that the settings and the master name.
pub fn needed_calendars(settings: &Settings, merchants: &Merchants) -> BTreeSet<String> {
    let mut needed = BTreeSet::from([settings.institution.calendar.clone()]);
    for id in merchants.terms.iter().filter_map(|terms| terms.calendar.as_ref()) {
        if !needed.contains(id) {
            needed.insert(id.clone());
        }
    }
    needed
}

fn master(
    layout: &Layout,
    settings: &Settings,
    sealed: &mut Vec<(String, Bytes)>,
) -> Result<Merchants, Stop> {
    let csv = read_if_there(&layout.root.join("merchants.csv"))?;
    let parquet = read_if_there(&layout.root.join("merchants.parquet"))?;
    let (name, kind, bytes) = match (csv, parquet) {
        (None, None) => return Ok(Merchants::default()),
        (Some(bytes), None) => ("merchants.csv", MasterKind::Csv, bytes),
        (None, Some(bytes)) => ("merchants.parquet", MasterKind::Parquet, bytes),
        (Some(_), Some(_)) => {
            return Err(Stop::new(
                StopCode::Settings,
                Finding::about(
                    "merchants.csv",
                    "merchants.parquet stands beside it, and a book has one merchant master",
                    "keep the one that holds and take the other away",
                ),
            ));
        }
    };
    let merchants = read_merchants(&bytes, name, kind, settings)?;
    sealed.push((name.to_owned(), bytes));
    Ok(merchants)
}

fn profiles(layout: &Layout, settings: &Settings) -> Result<BTreeMap<String, Bytes>, Stop> {
    let mut profiles = BTreeMap::new();
    for source in &settings.sources {
        if let Some(bytes) = read_if_there(&layout.profiles().join(format!("{}.toml", source.format)))? {
            profiles.insert(source.format.clone(), bytes);
        }
    }
    Ok(profiles)
}

fn read_if_there(path: &Path) -> Result<Option<Bytes>, Stop> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(Bytes::from(bytes))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Stop::io(path, "read the file", &error)),
    }
}

fn utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, Stop> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let (line, column) = line_and_column(&good, good.len());
        let finding = Finding::about(name, "found bytes that are not UTF-8", "save the file as UTF-8");
        Stop::new(StopCode::Settings, finding.at(line, column))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "merchant_id,fee_bps,fee_min_minor,fee_max_minor,hold_bps,settlement_cycle_days,calendar\n\
                          M1,60,0,,0,1,\nM2,60,0,,0,1,UK\n";

    fn write(root: &Path, files: &[(&str, &[u8])]) {
        for (name, bytes) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    #[test]
    fn a_book_opens_and_its_sealed_copy_opens_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let uk = br#"{"holidays": {"2026-12-25": "Christmas"}, "workdays": {}}"#;
        let settings = parse::EXAMPLE.replacen(
            "\"canonical\"\nfiles = [\"bank",
            "\"my-bank\"\nfiles = [\"bank",
            1,
        );
        write(
            folder.path(),
            &[
                ("book.toml", settings.as_bytes()),
                ("merchants.csv", MASTER.as_bytes()),
                ("calendars/UK.json", uk),
                ("calendars/unused.json", b"{"),
                ("profiles/my-bank.toml", b"x = 1\n"),
                ("profiles/unused.toml", b""),
            ],
        );
        let book = Book::open(folder.path()).unwrap();
        assert_eq!(book.merchants.len(), 2);
        let names: Vec<&str> = book.sealed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "book.toml",
                "calendars/CN.json",
                "calendars/UK.json",
                "merchants.csv",
                "profiles/my-bank.toml"
            ]
        );

        let copy = tempfile::tempdir().unwrap();
        let files: Vec<(&str, &[u8])> = book
            .sealed
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_ref()))
            .collect();
        write(copy.path(), &files);
        let again = Book::open_sealed(copy.path()).unwrap();
        assert_eq!(again.sealed, book.sealed);
        assert_eq!(again.calendars, book.calendars);
        assert_eq!(again.settings.sha256, book.settings.sha256);
        assert_eq!(again.merchants.sha256, book.merchants.sha256);
    }

    #[test]
    fn findings_of_a_book_name_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let told = || Book::open(folder.path()).unwrap_err();
        assert_eq!(told().code, StopCode::Settings);
        assert!(told().to_string().contains("this folder is no book"));

        write(
            folder.path(),
            &[("book.toml", b"[institution]\nname = \"\xff\"\n")],
        );
        assert!(
            told()
                .to_string()
                .starts_with("book.toml:2:9: found bytes that are not UTF-8")
        );

        write(
            folder.path(),
            &[
                ("book.toml", parse::EXAMPLE.as_bytes()),
                ("merchants.csv", MASTER.as_bytes()),
            ],
        );
        assert!(
            told()
                .to_string()
                .starts_with("calendars/UK.json: calendar `UK` is neither built in nor")
        );

        write(folder.path(), &[("merchants.parquet", b"")]);
        assert!(told().to_string().contains("a book has one merchant master"));
        assert_eq!(told().code, StopCode::Settings);

        std::fs::remove_file(folder.path().join("merchants.parquet")).unwrap();
        write(folder.path(), &[("merchants.csv", b"merchant_id\n")]);
        assert_eq!(told().code, StopCode::BadData);
    }
}
