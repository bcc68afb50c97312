//! Which days of a book are closed: the folders `closes/DATE/SEQUENCE/` that hold a manifest (SPEC §2).
//!
//! In: the names below `closes/`. Out: a [`History`], oldest day first. A close appears whole by one rename, so a
//! folder without a manifest is no close but the rest of one. The highest sequence of a day counts (R34). What the
//! closes hold is not read here, except their summaries, by [`Closed::summary`].

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::book::layout::Layout;
use crate::findings::Stop;
use crate::terms::date::Date;

/// The seal of a close.
pub const MANIFEST: &str = "manifest.json";

/// What is wrong with a folder of [`History::incomplete`].
pub const NO_MANIFEST: &str = "the close has no manifest.json; closes appear whole, so it was taken away";

/// One close that lies in the book.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closed {
    /// D.
    pub date: Date,
    /// 1, or more for a restatement.
    pub sequence: u32,
    /// Its folder.
    pub folder: PathBuf,
}

impl Closed {
    /// `2026-11-20/1`, as people and the folders name it.
    pub fn name(&self) -> String {
        format!("{}/{}", self.date, self.sequence)
    }

    /// summary.json as it stands, or `None` when it is not there or is no JSON.
    pub fn summary(&self) -> Option<serde_json::Value> {
        let bytes = fs::read(self.folder.join("summary.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

/// The closes of a book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Every close, by date and sequence.
    pub closes: Vec<Closed>,
    /// Folders that stand where a close would and hold no manifest.
    pub incomplete: Vec<Closed>,
    /// Days whose folder holds no close: one was begun there and killed, or it was taken away.
    pub without_close: Vec<Date>,
    /// Names below `closes/` that are neither a day nor hidden, with `/` between their parts.
    pub strange: Vec<String>,
    /// Hidden names below `closes/`: what runs and killed runs left there.
    pub hidden: Vec<String>,
}

impl History {
    /// Reads the names below `closes/`; a book without that folder has no closes.
    ///
    /// # Errors
    /// What the system reports.
    pub fn read(layout: &Layout) -> Result<History, Stop> {
        let mut history = History::default();
        for name in names(&layout.closes())? {
            let day = layout.closes().join(&name);
            if name.starts_with('.') {
                history.hidden.push(name);
                continue;
            }
            let date = Date::parse(name.as_bytes()).filter(|_| is_folder(&day));
            let Some(date) = date else {
                history.strange.push(name);
                continue;
            };
            let mut holds_none = true;
            for inner in names(&day)? {
                let folder = day.join(&inner);
                match parse_sequence(&inner).filter(|_| is_folder(&folder)) {
                    Some(sequence) => {
                        holds_none = false;
                        let whole = fs::symlink_metadata(folder.join(MANIFEST)).is_ok();
                        let list = if whole {
                            &mut history.closes
                        } else {
                            &mut history.incomplete
                        };
                        list.push(Closed {
                            date,
                            sequence,
                            folder,
                        });
                    }
                    None => history.strange.push(format!("{name}/{inner}")),
                }
            }
            if holds_none {
                history.without_close.push(date);
            }
        }
        history.closes.sort();
        history.incomplete.sort();
        history.without_close.sort();
        Ok(history)
    }

    /// The close that counts of every day: its highest sequence, oldest day first.
    pub fn in_force(&self) -> Vec<&Closed> {
        self.closes
            .chunk_by(|a, b| a.date == b.date)
            .filter_map(<[Closed]>::last)
            .collect()
    }

    /// The close that counts of one day.
    pub fn of(&self, date: Date) -> Option<&Closed> {
        self.closes.iter().rev().find(|closed| closed.date == date)
    }

    /// All closes of one day, lowest sequence first.
    pub fn all_of(&self, date: Date) -> &[Closed] {
        let start = self.closes.partition_point(|closed| closed.date < date);
        let end = self.closes.partition_point(|closed| closed.date <= date);
        &self.closes[start..end]
    }

    /// The last day that is closed.
    pub fn last_date(&self) -> Option<Date> {
        self.closes.last().map(|closed| closed.date)
    }
}

/// The days that have a folder in the inbox, oldest first.
///
/// # Errors
/// What the system reports.
pub fn inbox_dates(layout: &Layout) -> Result<Vec<Date>, Stop> {
    let names = names(&layout.root.join("inbox"))?;
    Ok(names
        .iter()
        .filter_map(|name| Date::parse(name.as_bytes()))
        .collect())
}

/// `1` or more without leading zeros.
fn parse_sequence(name: &str) -> Option<u32> {
    let sequence: u32 = name.parse().ok()?;
    (sequence >= 1 && sequence.to_string() == name).then_some(sequence)
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Names in a folder, sorted; none when there is no such folder.
fn names(folder: &Path) -> Result<Vec<String>, Stop> {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut names: Vec<String> = match listed {
        Ok(entries) => entries
            .iter()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Stop::io(folder, "list", &error)),
    };
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_sequence_counts() {
        let book = tempfile::tempdir().unwrap();
        let layout = Layout::new(book.path());
        assert_eq!(History::read(&layout).unwrap(), History::default());
        for (name, whole) in [
            ("2026-11-20/1", true),
            ("2026-11-20/2", true),
            ("2026-11-20/10", true),
            ("2026-11-20/11", false),
            ("2026-11-20/02", true),
            ("2026-11-19/1", true),
            ("2026-13-01/1", true),
            (".work", false),
        ] {
            let folder = layout.closes().join(name);
            fs::create_dir_all(&folder).unwrap();
            if whole {
                fs::write(folder.join(MANIFEST), "{}").unwrap();
            }
        }
        let history = History::read(&layout).unwrap();
        let names = |list: &[Closed]| list.iter().map(Closed::name).collect::<Vec<_>>();
        assert_eq!(
            names(&history.closes),
            ["2026-11-19/1", "2026-11-20/1", "2026-11-20/2", "2026-11-20/10"]
        );
        assert_eq!(names(&history.incomplete), ["2026-11-20/11"]);
        assert_eq!(history.strange, ["2026-11-20/02", "2026-13-01"]);
        assert_eq!(history.hidden, [".work"]);
        let in_force: Vec<String> = history.in_force().iter().map(|closed| closed.name()).collect();
        assert_eq!(in_force, ["2026-11-19/1", "2026-11-20/10"]);
        let date = Date::parse(b"2026-11-20").unwrap();
        assert_eq!(history.last_date(), Some(date));
        assert_eq!(history.all_of(date).len(), 3);
        assert_eq!(history.of(date.plus_days(1)), None);
    }
}
