//! The breaks of a day in columns: small codes for texts, one set of columns for each side of a break.

use rustc_hash::FxHashMap;

use crate::terms::currency::Currency;

/// A side of a leg.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// The platform.
    Left,
    /// The bank or the channel.
    Right,
}

/// A column of codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Attribute {
    /// Channel name.
    Channel,
    /// Merchant.
    Merchant,
    /// Type of transaction.
    TxnType,
    /// Direction at the bank.
    Direction,
    /// Currency.
    Currency,
    /// Bank account.
    Account,
    /// Batch reference.
    Batch,
    /// The close that received the row.
    FirstSeen,
    /// Status.
    Status,
}

/// All columns of codes, in the order in which they are preferred where two say the same.
pub const ATTRIBUTES: [Attribute; 9] = [
    Attribute::Channel,
    Attribute::Account,
    Attribute::Merchant,
    Attribute::TxnType,
    Attribute::Direction,
    Attribute::Currency,
    Attribute::Batch,
    Attribute::FirstSeen,
    Attribute::Status,
];

impl Attribute {
    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Attribute::Channel => "channel",
            Attribute::Merchant => "merchant",
            Attribute::TxnType => "type",
            Attribute::Direction => "direction",
            Attribute::Currency => "currency",
            Attribute::Account => "account",
            Attribute::Batch => "batch",
            Attribute::FirstSeen => "first seen",
            Attribute::Status => "status",
        }
    }
}

/// No time is known.
pub const NO_TIME: i64 = i64::MIN;
/// No day is known.
pub const NO_DAY: i32 = i32::MIN;

/// A row of one side as it is handed in. Texts are empty where a side has no such field.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// txn_id, entry_id or channel_ref.
    pub id: &'a str,
    /// Texts, as [`Attribute`] names them.
    pub channel: &'a str,
    /// See [`Attribute`].
    pub merchant: &'a str,
    /// See [`Attribute`].
    pub txn_type: &'a str,
    /// See [`Attribute`].
    pub direction: &'a str,
    /// See [`Attribute`].
    pub account: &'a str,
    /// See [`Attribute`].
    pub batch: &'a str,
    /// See [`Attribute`].
    pub first_seen: &'a str,
    /// See [`Attribute`].
    pub status: &'a str,
    /// Currency.
    pub currency: Currency,
    /// Local seconds since 1970, where a time is known.
    pub seconds: Option<i64>,
    /// Value date less the business date of the close that received it, days; the other side's rows have one.
    pub value_days: Option<i32>,
    /// Minor units.
    pub amount_minor: i64,
    /// What the channel charged, minor units.
    pub fee_minor: i64,
    /// What it should have charged, minor units, where a fee is agreed.
    pub fee_due_minor: Option<i64>,
    /// File of today's delivery; empty for a row brought forward.
    pub file: &'a str,
    /// Line in it, 1-based.
    pub line: u64,
}

/// Texts and their codes. 0 is the empty text; codes follow the order of arrival and never leave this stage.
#[derive(Debug)]
pub struct Words {
    codes: FxHashMap<String, u32>,
    texts: Vec<String>,
    last: u32,
}

impl Default for Words {
    fn default() -> Words {
        Words {
            codes: FxHashMap::default(),
            texts: vec![String::new()],
            last: 0,
        }
    }
}

impl Words {
    fn code(&mut self, text: &str) -> u32 {
        // Neighbours mostly share channel, account, type and currency.
        if self.texts[self.last as usize] == text {
            return self.last;
        }
        self.last = match self.codes.get(text) {
            Some(code) => *code,
            None if text.is_empty() => 0,
            None => {
                let code = self.texts.len() as u32;
                self.codes.insert(text.to_owned(), code);
                self.texts.push(text.to_owned());
                code
            }
        };
        self.last
    }

    /// The text of a code.
    pub fn text(&self, code: u32) -> &str {
        &self.texts[code as usize]
    }

    /// Codes given out, the empty text's included.
    pub fn len(&self) -> usize {
        self.texts.len()
    }
}

/// The rows of one side.
#[derive(Debug, Default)]
pub struct SideColumns<'a> {
    codes: [Vec<u32>; ATTRIBUTES.len()],
    /// Id.
    pub id: Vec<&'a str>,
    /// False where the break has no row on this side.
    pub is_there: Vec<bool>,
    /// Local seconds, or [`NO_TIME`].
    pub seconds: Vec<i64>,
    /// Days, or [`NO_DAY`].
    pub value_days: Vec<i32>,
    /// Minor units.
    pub amount_minor: Vec<i64>,
    /// Minor units.
    pub fee_minor: Vec<i64>,
    /// Minor units, or −1.
    pub fee_due_minor: Vec<i64>,
    /// Code of the file.
    pub file: Vec<u32>,
    /// Line.
    pub line: Vec<u64>,
}

impl SideColumns<'_> {
    /// The codes of a column.
    pub fn codes(&self, attribute: Attribute) -> &[u32] {
        &self.codes[attribute as usize]
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.is_there.len()
    }
}

/// Some rows of a leg's side, broken or not, chosen by content alone.
#[derive(Debug, Default)]
pub struct Sample<'a> {
    /// The rows chosen.
    pub rows: SideColumns<'a>,
    /// Rows of the side altogether.
    pub rows_all: u64,
}

impl Sample<'_> {
    /// True when every row of the side is in the sample.
    pub fn is_whole(&self) -> bool {
        self.rows.len() as u64 >= self.rows_all
    }
}

/// Everything that [`crate::causes::find`] looks at.
#[derive(Debug, Default)]
pub struct Columns<'a> {
    /// Leg of each break, as an index into `legs`.
    pub leg: Vec<u16>,
    /// Class of each break.
    pub class: Vec<&'static str>,
    /// Currency of each break.
    pub currency: Vec<Option<Currency>>,
    /// Platform rows.
    pub left: SideColumns<'a>,
    /// Rows of the other side.
    pub right: SideColumns<'a>,
    /// Names of legs.
    pub legs: Vec<String>,
    /// Samples, by leg and side.
    pub samples: Vec<[Sample<'a>; 2]>,
    /// Local second at which the business day begins.
    pub day_start: i64,
    words: [Words; ATTRIBUTES.len()],
    files: Words,
    /// Greatest line seen, by file.
    lines: Vec<u64>,
}

impl<'a> Columns<'a> {
    /// Columns for some legs, without rows.
    pub fn new(legs: Vec<String>, day_start: i64) -> Columns<'a> {
        Columns {
            samples: legs.iter().map(|_| <[Sample<'_>; 2]>::default()).collect(),
            legs,
            day_start,
            ..Columns::default()
        }
    }

    /// Adds a break. They must come in the order of breaks.csv.
    pub fn push(&mut self, leg: u16, class: &'static str, left: Option<&Row<'a>>, right: Option<&Row<'a>>) {
        self.leg.push(leg);
        self.class.push(class);
        self.currency.push(left.or(right).map(|row| row.currency));
        let Columns {
            words, files, lines, ..
        } = self;
        append(&mut self.left, left, words, files, lines);
        append(&mut self.right, right, words, files, lines);
    }

    /// Adds a row to the sample of a leg and side.
    pub fn push_sample(&mut self, leg: u16, side: Side, row: &Row<'a>) {
        let Columns {
            words,
            files,
            lines,
            samples,
            ..
        } = self;
        let sample = &mut samples[usize::from(leg)][side as usize];
        append(&mut sample.rows, Some(row), words, files, lines);
    }

    /// The columns of a side.
    pub fn side(&self, side: Side) -> &SideColumns<'a> {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// The texts of a column.
    pub fn words(&self, attribute: Attribute) -> &Words {
        &self.words[attribute as usize]
    }

    /// The name of a file.
    pub fn file(&self, code: u32) -> &str {
        self.files.text(code)
    }

    /// Lines of a file, as far as they were seen.
    pub fn lines_of(&self, code: u32) -> u64 {
        self.lines.get(code as usize).copied().unwrap_or(0)
    }
}

fn append<'a>(
    columns: &mut SideColumns<'a>,
    row: Option<&Row<'a>>,
    words: &mut [Words; ATTRIBUTES.len()],
    files: &mut Words,
    lines: &mut Vec<u64>,
) {
    columns.is_there.push(row.is_some());
    columns.id.push(row.map_or("", |row| row.id));
    columns
        .seconds
        .push(row.and_then(|row| row.seconds).unwrap_or(NO_TIME));
    columns
        .value_days
        .push(row.and_then(|row| row.value_days).unwrap_or(NO_DAY));
    columns.amount_minor.push(row.map_or(0, |row| row.amount_minor));
    columns.fee_minor.push(row.map_or(0, |row| row.fee_minor));
    columns
        .fee_due_minor
        .push(row.and_then(|row| row.fee_due_minor).unwrap_or(-1));
    let file = row.map_or(0, |row| files.code(row.file));
    let line = row.map_or(0, |row| row.line);
    lines.resize(files.len(), 0);
    let most = &mut lines[file as usize];
    *most = (*most).max(line);
    columns.file.push(file);
    columns.line.push(line);
    for attribute in ATTRIBUTES {
        let text = row.map_or("", |row| match attribute {
            Attribute::Channel => row.channel,
            Attribute::Merchant => row.merchant,
            Attribute::TxnType => row.txn_type,
            Attribute::Direction => row.direction,
            Attribute::Currency => row.currency.code(),
            Attribute::Account => row.account,
            Attribute::Batch => row.batch,
            Attribute::FirstSeen => row.first_seen,
            Attribute::Status => row.status,
        });
        let code = words[attribute as usize].code(text);
        columns.codes[attribute as usize].push(code);
    }
}
