//! Foreign formats (SPEC §4.4). Tables are read by one engine from a profile ([`profile`], [`table`]); only
//! grammars that are not tables have code of their own ([`camt053`]).

use crate::book::settings::{Settings, Source};
use crate::terms::date::Date;

pub mod profile;
pub mod table;
pub mod camt053;

/// What a reader needs to know about the book to turn a file into canonical rows.
#[derive(Clone, Copy, Debug)]
pub struct FormatContext<'a> {
    /// The book's settings (accounts by number, time zone).
    pub settings: &'a Settings,
    /// The source that claimed the file.
    pub source: &'a Source,
    /// The day being closed.
    pub business_date: Date,
}

/// What a reader found out about a whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Control totals that the format has and that held, in words: `payments: 6 rows, 0.06`.
    pub checked: Vec<String>,
    /// Identity of each statement: account number, id, sequence number and period, as the format gives them.
    pub statements: Vec<String>,
}

/// Why a whole file is refused: a failed total, a broken frame, an encoding that does not decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRefused {
    /// 1-based physical line; 0 where there is none.
    pub line: u64,
    /// 1-based column in characters; 0 where there is none.
    pub column: u32,
    /// What is wrong: ``trailer 交易合计: found 7 rows, expected 6``.
    pub message: String,
    /// What the person on duty does next.
    pub help: String,
}
