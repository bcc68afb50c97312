//! `tieout init`: a new book that works as it stands, to be made one's own.

use std::io::Write;
use std::path::Path;

use crate::book::Book;
use crate::cli::arguments::InitArgs;
use crate::cli::screen::{Screen, quoted};
use crate::demo;
use crate::findings::{Finding, Stop, StopCode};
use crate::host::{self, HashingFile};

/// The settings of a new book.
const SETTINGS: &str = include_str!("book.toml");

/// The header of the merchant master (SPEC §4.3).
const MERCHANTS: &str = "merchant_id,name,fee_plan,fee_bps,fee_min_minor,fee_max_minor,hold_bps,hold_days,\
settlement_cycle_days,cycle,min_payout,currency,payout_account,payout_bank,payout_name,status\n";

const FOLDERS: [&str; 4] = ["inbox", "closes", "calendars", "profiles"];

/// Makes the book.
///
/// # Errors
/// 73 when a book is there already or cannot be made; 77.
pub fn run(arguments: &InitArgs, screen: &Screen) -> Result<u8, Stop> {
    let root = &arguments.book;
    refuse_existing(root)?;
    if arguments.demo {
        return demo(root, screen);
    }
    host::create_folder(root)?;
    for folder in FOLDERS {
        host::create_folder(&root.join(folder))?;
    }
    write(&root.join("merchants.csv"), MERCHANTS)?;
    // Last: a folder is a book once it has its settings.
    write(&root.join("book.toml"), SETTINGS)?;
    host::sync_folder(root)?;
    Book::open(root)?;
    screen.out(&format!(
        "made the book {}: book.toml, merchants.csv, inbox/, closes/\n",
        root.display()
    ))?;
    screen.note("edit book.toml and merchants.csv, then deliver files into inbox/YYYY-MM-DD/");
    screen.hint(Some(&format!("tieout check {}", quoted(root))));
    Ok(0)
}

fn demo(root: &Path, screen: &Screen) -> Result<u8, Stop> {
    let book = demo::write_demo(root)?;
    let mut text = format!(
        "made the demo book {}: {} days to close\n",
        root.display(),
        book.dates.len()
    );
    for date in &book.dates {
        text.push_str(&format!("{date}\n"));
        for planted in book.on(*date) {
            text.push_str(&format!("  {:<34} {}\n", planted.id, planted.kind));
        }
    }
    screen.out(&text)?;
    if let Some(first) = book.dates.first() {
        screen.hint(Some(&format!("tieout close {} --date {first}", quoted(root))));
    }
    Ok(0)
}

fn refuse_existing(root: &Path) -> Result<(), Stop> {
    let ours = ["book.toml", "merchants.csv", "merchants.parquet", "closes"];
    match ours
        .into_iter()
        .find(|name| std::fs::symlink_metadata(root.join(name)).is_ok())
    {
        None => Ok(()),
        Some(name) => Err(Stop::new(
            StopCode::CannotCreate,
            Finding::about(
                root.join(name).display().to_string(),
                "it is there already, and a new book never writes over an old one",
                "name a new folder",
            ),
        )),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Stop> {
    let mut file = HashingFile::create(path)?;
    file.write_all(text.as_bytes())
        .map_err(|error| Stop::io(path, "write", &error))?;
    file.finish().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::settings::Role;

    #[test]
    fn a_new_book_opens() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("new");
        let screen = Screen::new(false, true);
        let arguments = InitArgs {
            book: root.clone(),
            demo: false,
        };
        assert_eq!(run(&arguments, &screen).map_err(|stop| stop.to_string()), Ok(0));
        let book = Book::open(&root).unwrap();
        assert!(book.merchants.is_empty());
        let roles: Vec<Role> = book.settings.sources.iter().map(|source| source.role).collect();
        assert_eq!(roles, [Role::Platform, Role::Bank, Role::Balances]);
        assert_eq!(run(&arguments, &screen).unwrap_err().code, StopCode::CannotCreate);
    }

    /// Lines that begin with `#:` are settings; without the mark the file must read as well.
    #[test]
    fn what_is_commented_out_would_read_too() {
        let text = SETTINGS.replace("#: ", "");
        assert_ne!(text, SETTINGS);
        crate::book::parse::parse_settings(&text, "book.toml").unwrap_or_else(|stop| panic!("{stop}"));
    }
}
