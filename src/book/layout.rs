//! Where things lie in a book (SPEC §2).

use std::path::{Path, PathBuf};

use crate::terms::date::Date;

/// The paths of a book.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The book's folder.
    pub root: PathBuf,
}

impl Layout {
    /// The layout of the book in `root`.
    pub fn new(root: &Path) -> Layout {
        Layout {
            root: root.to_path_buf(),
        }
    }

    /// `book.toml`.
    pub fn settings(&self) -> PathBuf {
        self.root.join("book.toml")
    }

    /// `calendars/`.
    pub fn calendars(&self) -> PathBuf {
        self.root.join("calendars")
    }

    /// `profiles/`.
    pub fn profiles(&self) -> PathBuf {
        self.root.join("profiles")
    }

    /// `inbox/DATE/`.
    pub fn inbox(&self, date: Date) -> PathBuf {
        self.root.join("inbox").join(date.to_string())
    }

    /// `opening/`.
    pub fn opening(&self) -> PathBuf {
        self.root.join("opening")
    }

    /// `closes/`.
    pub fn closes(&self) -> PathBuf {
        self.root.join("closes")
    }

    /// `closes/DATE/SEQUENCE/`.
    pub fn close(&self, date: Date, sequence: u32) -> PathBuf {
        self.closes().join(date.to_string()).join(sequence.to_string())
    }
}
