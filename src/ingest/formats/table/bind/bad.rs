//! What is wrong with one field of a row.

use super::super::cut::Row;
use crate::entries::rows::Reject;
use crate::ingest::formats::values::shown;

/// What is wrong with one field of a row; in a box, so that what is right stays small.
pub struct Bad(pub(super) Box<Wrong>);

pub(super) struct Wrong {
    /// Canonical field.
    pub(super) field: &'static str,
    /// Column of the file, if the field has one.
    pub(super) column: Option<usize>,
    /// What stood there.
    pub(super) found: String,
    /// What would have been right.
    pub(super) expected: String,
}

impl Bad {
    /// Says what the text that was found means, where the profile gives it another word.
    #[cold]
    pub fn add_meaning(&mut self, meaning: &str) {
        if self.0.found != meaning {
            self.0.found = format!("{}, which is {meaning}", self.0.found);
        }
    }

    /// The reject of a row; the file's own title of the column is told. `cut_from_line` is false where cells were put
    /// together anew, so that a cell's place in the line is not known.
    #[cold]
    pub fn reject(self, row: &Row<'_>, cut_from_line: bool, titles: &[String]) -> Reject {
        let wrong = *self.0;
        let title = wrong.column.and_then(|at| titles.get(at));
        let expected = match title {
            Some(title) => format!("{} (column {title})", wrong.expected),
            None => wrong.expected,
        };
        let column = match wrong.column {
            Some(at) if cut_from_line => row.column_of(at),
            _ => 0,
        };
        Reject {
            line: row.place.line,
            column,
            field: wrong.field.to_owned(),
            found: shown(&wrong.found),
            expected,
            amount: None,
        }
    }
}
