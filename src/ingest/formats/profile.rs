//! Profiles: a table format as data (SPEC §4.4). One TOML file says how a file is recognised, how its lines are
//! framed, which column is which canonical field, and which totals must hold. [`super::table`] reads by it.
//!
//! In: the text of a profile, built in or of the book. Out: a [`Profile`] whose every part was checked, or all that is
//! wrong with it, with its line. What a file itself decides (which titles its header has) is checked when it is read.
//! The words of the TOML are explained in `docs/profiles.md`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::book::settings::Role;
use crate::findings::Finding;
use crate::terms::currency::Currency;

use super::values::Number;
pub use pattern::{Extract, LinePattern, Shape, TimePattern, clock_of, time_of_day};

mod check;
mod pattern;
mod toml_reader;

/// Built-in profiles by name, sorted.
const BUILT_IN: [(&str, &str); 31] = [
    ("99bill", include_str!("profiles/99bill.toml")),
    ("abc", include_str!("profiles/abc.toml")),
    ("abc-corporate", include_str!("profiles/abc-corporate.toml")),
    ("adyen", include_str!("profiles/adyen.toml")),
    (
        "alipay-signcustomer",
        include_str!("profiles/alipay-signcustomer.toml"),
    ),
    ("alipay-trade", include_str!("profiles/alipay-trade.toml")),
    ("baidu-wallet", include_str!("profiles/baidu-wallet.toml")),
    ("boc", include_str!("profiles/boc.toml")),
    ("boc-corporate", include_str!("profiles/boc-corporate.toml")),
    ("bocom", include_str!("profiles/bocom.toml")),
    ("bocom-corporate", include_str!("profiles/bocom-corporate.toml")),
    ("ccb", include_str!("profiles/ccb.toml")),
    ("checkout", include_str!("profiles/checkout.toml")),
    ("chinaums", include_str!("profiles/chinaums.toml")),
    ("cmb-corporate", include_str!("profiles/cmb-corporate.toml")),
    ("cmb-retail", include_str!("profiles/cmb-retail.toml")),
    ("cmb-web", include_str!("profiles/cmb-web.toml")),
    ("cmbc", include_str!("profiles/cmbc.toml")),
    ("icbc-corporate", include_str!("profiles/icbc-corporate.toml")),
    (
        "icbc-corporate-side",
        include_str!("profiles/icbc-corporate-side.toml"),
    ),
    ("icbc-retail", include_str!("profiles/icbc-retail.toml")),
    ("paypal-stl", include_str!("profiles/paypal-stl.toml")),
    ("square", include_str!("profiles/square.toml")),
    ("stripe", include_str!("profiles/stripe.toml")),
    ("stripe-balance", include_str!("profiles/stripe-balance.toml")),
    (
        "stripe-balance-api",
        include_str!("profiles/stripe-balance-api.toml"),
    ),
    ("tenpay", include_str!("profiles/tenpay.toml")),
    ("unionpay-zm", include_str!("profiles/unionpay-zm.toml")),
    ("unionpay-zme", include_str!("profiles/unionpay-zme.toml")),
    ("wechat-fund", include_str!("profiles/wechat-fund.toml")),
    ("wechat-trade", include_str!("profiles/wechat-trade.toml")),
];

/// Text of a built-in profile.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILT_IN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// Names of the built-in profiles, sorted.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// A field that a role has: its name, and whether a profile must say where it comes from.
const CHANNEL_FIELDS: [(&str, bool); 13] = [
    ("channel", true),
    ("channel_ref", true),
    ("order_id", false),
    ("txn_type", true),
    ("amount", true),
    ("fee", true),
    ("currency", true),
    ("txn_time", true),
    ("settle_date", true),
    ("batch_ref", false),
    ("status", true),
    ("refund_ref", false),
    ("net", false),
];

const BANK_FIELDS: [(&str, bool); 17] = [
    ("entry_id", true),
    ("account", true),
    ("booking_time", true),
    ("value_date", true),
    ("direction", true),
    ("amount", true),
    ("currency", true),
    ("bank_ref", false),
    ("remark", false),
    ("batch_ref", false),
    ("counterparty_name", false),
    ("counterparty_account", false),
    ("purpose", false),
    ("original_ref", false),
    ("fee", false),
    ("net", false),
    ("balance", false),
];

/// Fields that are amounts, and fields that are days or times.
const AMOUNT_FIELDS: [&str; 4] = ["amount", "fee", "net", "balance"];
const TIME_FIELDS: [&str; 4] = ["txn_time", "settle_date", "booking_time", "value_date"];

/// What is known about a format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verified {
    /// A real file was read by this profile and its totals held.
    File,
    /// Made from published field names; no real file was seen.
    Published,
}

/// A checked profile.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name, as sources give it.
    pub name: String,
    /// What the format is called.
    pub title: String,
    /// Where the facts about the format come from.
    pub source: String,
    /// What is known about the format; `None` where the profile does not say.
    pub verified: Option<Verified>,
    /// `Channel` or `Bank`.
    pub role: Role,
    /// Encodings in the order in which they are tried.
    pub encodings: Vec<&'static encoding_rs::Encoding>,
    /// First lines of files with rows, any of them; with none the header decides.
    pub first_lines: Vec<LinePattern>,
    /// Titles that the header must have, so that the file is of this format; of a list any.
    pub header: Vec<Vec<String>>,
    /// Files whose header has the titles of this format and others that make them another.
    pub others: Vec<Other>,
    /// First lines of files that are read for what they are and give no rows, with the reason.
    pub skipped_files: Vec<(LinePattern, String)>,
    /// Texts of answers that are no bill at all, with what they mean.
    pub answers: Vec<Answer>,
    /// How lines are framed.
    pub frame: Frame,
    /// Frame lines that are kept as facts, with their name.
    pub facts: Vec<(LinePattern, String)>,
    /// Names of facts that every file must give.
    pub required_facts: Vec<String>,
    /// The line in which a file says of which days it is.
    pub period: Option<PeriodLine>,
    /// How files say which part of a report they are, where it may lie in several.
    pub parted: Option<Parted>,
    /// Rows that move no money by what they say themselves.
    pub skipped_rows: Vec<SkippedRows>,
    /// Rows that are refused.
    pub refused_rows: Vec<RefusedRows>,
    /// Where each canonical field comes from: rules, the first that applies to a row is taken.
    pub fields: BTreeMap<String, Vec<Field>>,
    /// Control totals.
    pub totals: Vec<Total>,
    /// The running balance, where it is checked.
    pub balance: Option<Balance>,
    /// How numbers are written, where a field does not say otherwise.
    pub number: Number,
    /// Currency, where it is the same for the whole format.
    pub currency: Option<Currency>,
    /// What to do where the header lacks a column, of a file whose columns its reader chooses.
    pub choose_columns: Option<String>,
}

/// Files that look like those of a format and are of another.
#[derive(Clone, Debug)]
pub struct Other {
    /// Titles, any of which such a header has.
    pub header: Vec<String>,
    /// What such a file is.
    pub what: String,
    /// What to do.
    pub help: String,
}

/// An answer of the sender's system in the place of a file.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What stands in it.
    pub contains: String,
    /// What it means.
    pub why: String,
    /// What to do, where it is not the usual.
    pub help: Option<String>,
}

/// Rows that are passed over.
#[derive(Clone, Debug)]
pub struct SkippedRows {
    /// All of these hold.
    pub when: Vec<Condition>,
    /// True when their net must be the amount less the fee all the same.
    pub adds_up: bool,
}

/// Holes of the line that says of which days a file is: the first moment, and the one behind the last.
pub const PERIOD_HOLES: [&str; 2] = ["from", "until"];

/// The line in which a file says of which days it is.
#[derive(Clone, Debug)]
pub struct PeriodLine {
    /// The line; it has both of [`PERIOD_HOLES`].
    pub line: LinePattern,
    /// How both are written.
    pub pattern: TimePattern,
}

/// Types of the records by which the files of one report are told.
#[derive(Clone, Debug)]
pub struct Parted {
    /// The record with which a report begins: it stands in its first file.
    pub begins: String,
    /// The record with which it ends: it stands in its last file.
    pub ends: String,
    /// The record whose second cell is the number of the file, from 1.
    pub number: Option<String>,
}

/// Rows that are refused.
#[derive(Clone, Debug)]
pub struct RefusedRows {
    /// All of these hold.
    pub when: Vec<Condition>,
    /// What should have stood there.
    pub expected: String,
    /// True when the header may lack the columns, which are then empty.
    pub optional: bool,
}

/// How lines are framed.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Between two fields.
    pub delimiter: u8,
    /// What may stand there in its place, in all of a file.
    pub other_delimiters: Vec<u8>,
    /// Stands before every field of a row and not in headers; rows are cut where it follows the delimiter.
    pub cell_mark: Option<u8>,
    /// Widths in bytes, where fields stand at fixed places.
    pub fixed: Vec<(String, usize)>,
    /// Bytes between two fields at fixed places.
    pub gap: usize,
    /// Blanks at the end of records at fixed places may be cut off.
    pub blanks_cut: bool,
    /// Around a field that holds delimiters, where the format has one.
    pub quote: Option<u8>,
    /// Characters taken off both ends of every field.
    pub trim: Trim,
    /// Fields of rows that are empty by what stands in them.
    pub blank: Blank,
    /// Lines that begin with one of them belong to the frame.
    pub comments: Vec<String>,
    /// Characters taken off the end of frame lines.
    pub comment_padding: Vec<char>,
    /// Line before the header.
    pub begin: Option<LinePattern>,
    /// Line behind the last row.
    pub end: Option<LinePattern>,
    /// The header may stand again among the rows, at the top of each page.
    pub header_again: bool,
    /// Lines before the header that are not looked at.
    pub preamble_lines: u32,
    /// Header and rows may end with a delimiter.
    pub trailing_delimiter: bool,
    /// The header has the name of each column; false: the file has none and the profile names the columns.
    pub columns: Vec<String>,
    /// First field of the records that are the header, where records have a type.
    pub header_type: Option<String>,
    /// First fields of the records that are rows.
    pub row_types: Vec<String>,
    /// First fields of the records that are neither.
    pub other_types: Vec<String>,
    /// First field of the record that ends the file.
    pub last_type: Option<String>,
    /// The sender does not end the last line, so that nothing is thought of it.
    pub last_line_open: bool,
    /// Titles of the header of the summary behind the rows: its first title, by which it is known.
    pub summary_header: Vec<String>,
    /// The one column that may hold bare delimiters: rows are then anchored from both ends.
    pub free_text: Option<String>,
    /// Columns that must read as such a time for an anchored row to be believed.
    pub guards: Vec<(String, TimePattern)>,
}

/// Texts that stand for nothing, in whichever field.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Blank {
    /// As they stand.
    pub texts: Vec<String>,
    /// Characters of which such a text may be made, however long it is: each by itself.
    pub runs: Vec<char>,
}

impl Blank {
    /// True where no text stands for nothing.
    pub fn is_none(&self) -> bool {
        self.texts.is_empty() && self.runs.is_empty()
    }

    /// True of a text that stands for nothing.
    pub fn is(&self, text: &str) -> bool {
        let mut chars = text.chars();
        let Some(first) = chars.next() else { return false };
        (self.runs.contains(&first) && chars.all(|c| c == first))
            || self.texts.iter().any(|blank| blank == text)
    }
}

/// Characters taken off both ends of a text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trim {
    ascii: u128,
    /// The largest ASCII character of them: most bytes are above it and need no look at the set.
    ascii_max: u8,
    others: Vec<char>,
}

impl Trim {
    /// These characters.
    pub fn of(chars: &str) -> Trim {
        let mut trim = Trim::default();
        for c in chars.chars() {
            if c.is_ascii() {
                trim.ascii |= 1 << (c as u32);
                trim.ascii_max = trim.ascii_max.max(c as u8);
            } else {
                trim.others.push(c);
            }
        }
        trim
    }

    /// The characters that are taken off, where they are at most three and in ASCII; filled up with returns.
    pub fn few(&self) -> Option<[u8; 3]> {
        if !self.others.is_empty() || self.ascii.count_ones() > 3 {
            return None;
        }
        let mut few = [b'\r'; 3];
        let bytes = (0..128u8).filter(|byte| self.ascii >> byte & 1 == 1);
        few.iter_mut().zip(bytes).for_each(|(few, byte)| *few = byte);
        Some(few)
    }

    /// True for a character that is taken off.
    pub fn has(&self, c: char) -> bool {
        if c.is_ascii() {
            self.ascii >> (c as u32) & 1 == 1
        } else {
            self.others.contains(&c)
        }
    }

    /// True when this byte may begin a text that is trimmed away.
    #[inline]
    pub fn has_byte(&self, byte: u8) -> bool {
        if byte > self.ascii_max {
            return byte >= 128 && !self.others.is_empty();
        }
        self.ascii >> byte & 1 == 1
    }

    /// The range of `text` within `start..end` that is left.
    #[inline]
    pub fn range(&self, text: &str, mut start: usize, mut end: usize) -> (usize, usize) {
        let bytes = text.as_bytes();
        while start < end && self.has_byte(bytes[start]) {
            if bytes[start] >= 128 {
                return self.slow_range(text, start, end);
            }
            start += 1;
        }
        while start < end && self.has_byte(bytes[end - 1]) {
            if bytes[end - 1] >= 128 {
                return self.slow_range(text, start, end);
            }
            end -= 1;
        }
        (start, end)
    }

    /// Start and end of what is left of a cell.
    #[inline(always)]
    pub fn span(&self, text: &[u8], start: usize, end: usize) -> (u32, u32) {
        let Some(cell) = text.get(start..end) else {
            return (start as u32, end as u32);
        };
        match cell {
            [first, .., last] if !self.has_byte(*first) => match cell {
                _ if !self.has_byte(*last) => return (start as u32, end as u32),
                // A tab or a blank behind every cell.
                [.., before, 0..0x80] if !self.has_byte(*before) => return (start as u32, end as u32 - 1),
                _ => {}
            },
            [one] if !self.has_byte(*one) => return (start as u32, end as u32),
            [] => return (start as u32, end as u32),
            _ => {}
        }
        self.span_trimmed(text, start, end)
    }

    #[inline(never)]
    fn span_trimmed(&self, text: &[u8], start: usize, end: usize) -> (u32, u32) {
        let cell = &text[start..end];
        let left = self.bytes(cell);
        let from = start + (left.as_ptr() as usize - cell.as_ptr() as usize);
        (from as u32, (from + left.len()) as u32)
    }

    /// What is left of a cell. Cells are cut at ASCII characters, so their bytes are whole texts.
    #[inline(always)]
    pub fn bytes<'t>(&self, cell: &'t [u8]) -> &'t [u8] {
        match cell {
            [first, .., last] if !self.has_byte(*first) && !self.has_byte(*last) => cell,
            [one] if !self.has_byte(*one) => cell,
            [] => cell,
            _ => self.bytes_trimmed(cell),
        }
    }

    #[inline(never)]
    fn bytes_trimmed<'t>(&self, cell: &'t [u8]) -> &'t [u8] {
        let (mut start, mut end) = (0, cell.len());
        while start < end && self.has_byte(cell[start]) {
            if cell[start] >= 128 {
                return self.slow_bytes(cell);
            }
            start += 1;
        }
        while start < end && self.has_byte(cell[end - 1]) {
            if cell[end - 1] >= 128 {
                return self.slow_bytes(cell);
            }
            end -= 1;
        }
        &cell[start..end]
    }

    #[cold]
    fn slow_bytes<'t>(&self, cell: &'t [u8]) -> &'t [u8] {
        std::str::from_utf8(cell).map_or(cell, |text| self.text(text).as_bytes())
    }

    #[cold]
    fn slow_range(&self, text: &str, start: usize, end: usize) -> (usize, usize) {
        let cell = &text[start..end];
        let from_start = cell.trim_start_matches(|c| self.has(c));
        let start = end - from_start.len();
        (start, start + from_start.trim_end_matches(|c| self.has(c)).len())
    }

    /// The trimmed text.
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        let (start, end) = self.range(text, 0, text.len());
        &text[start..end]
    }
}

/// Rows whose column passes a test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// Titles of the column; the first that the header has.
    pub columns: Vec<String>,
    /// The test.
    pub test: Test,
    /// The texts of the test.
    pub texts: Vec<String>,
}

/// A test of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Test {
    /// It is one of the texts.
    Is,
    /// It is none of them.
    IsNot,
    /// It begins with one of them.
    StartsWith,
    /// It is what the first of these columns holds.
    EqualsColumn,
    /// It is not.
    DiffersFromColumn,
}

/// Which sign an amount has in the file. The canonical amount is always the magnitude.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// Never negative.
    Positive,
    /// Never positive.
    Negative,
    /// Both are seen.
    Any,
    /// A minus sign turns the direction round (bank, where a column says in or out).
    Flips,
}

/// A part of the book, or of the whole row, that a field can come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// `channel` of the source.
    SourceChannel,
    /// `account` of the source.
    SourceAccount,
    /// The sign of the amount: positive is into the account.
    AmountSign,
    /// The day being closed.
    BusinessDate,
    /// A digest of the whole row, for formats whose rows have no id.
    Row,
}

/// Where a canonical field comes from and how its text is read.
#[derive(Clone, Debug)]
pub struct Field {
    /// Byte offset in the profile's text, for messages.
    pub at: usize,
    /// The rule applies to rows for which all of these hold.
    pub when: Vec<Condition>,
    /// Titles; of those that the header has, the first with a text is taken.
    pub columns: Vec<String>,
    /// Titles whose texts are put together, empty ones left out.
    pub join: Vec<String>,
    /// Between joined texts.
    pub with: String,
    /// Titles of amounts that are added up; those that the header lacks are left out.
    pub sum: Vec<String>,
    /// Titles of what came in and what went out, where one amount has two columns.
    pub credit_columns: Vec<String>,
    /// As above.
    pub debit_columns: Vec<String>,
    /// True when what went out is written with a minus sign; else a minus sign there is money back in.
    pub debit_is_negative: bool,
    /// True when the number's sign is turned round.
    pub negate: bool,
    /// Types whose fee is a row of its own, where its sign contradicts what the type says.
    pub apart: Vec<String>,
    /// True of a fee that may have more decimals than its currency: it is rounded half up, and what the roundings of a batch
    /// leave over is a row of its own.
    pub rounds: bool,
    /// The same text for every row; with `from`, what holds where the book says nothing.
    pub value: Option<String>,
    /// A part of the book.
    pub from: Option<From>,
    /// Name of a fact of the frame that says it, where the book does not.
    pub fact: Option<String>,
    /// Texts of the file and what they mean; empty is as it stands.
    pub map: BTreeMap<String, String>,
    /// Taken off where it stands.
    pub strip_prefix: Option<String>,
    /// Taken off where it stands.
    pub strip_suffix: Option<String>,
    /// The key inside the text.
    pub extract: Option<Extract>,
    /// Small ASCII letters become capitals.
    pub upper: bool,
    /// True when an empty text is refused.
    pub required: bool,
    /// True when the header may lack the column; the field is then empty.
    pub optional: bool,
    /// What an empty text stands for.
    pub empty: Option<String>,
    /// Texts that mean empty, such as `-`.
    pub blank: Vec<String>,
    /// A text that holds one of these is refused.
    pub forbid: Vec<String>,
    /// How its number is written.
    pub number: Number,
    /// Sign by transaction type, or by `ANY`; none is `Positive`.
    pub sign: BTreeMap<String, Sign>,
    /// How a day or time is written; the first that fits.
    pub patterns: Vec<TimePattern>,
    /// Zone of its times, where it is not the book's.
    pub zone: Option<TimeZone>,
    /// Column that names the zone of each row.
    pub zone_column: Option<String>,
    /// What the names of that column mean, in minutes east of UTC.
    pub zones: BTreeMap<String, i32>,
}

/// How a column is added up for a total.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Take {
    /// Signs as they stand; the total's own sign is a habit and does not count.
    Signed,
    /// Magnitudes.
    Magnitude,
    /// Signs as they stand, and the total's must be the same.
    Exact,
}

/// A sum in a total.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sum {
    /// Holes, titles or `#n` of the place that states it; the first that the file has.
    pub stated: Vec<String>,
    /// Titles of the column that is added up; the first that the header has.
    pub columns: Vec<String>,
    /// Titles of what is taken off, where an amount has two columns.
    pub minus: Vec<String>,
    /// How.
    pub take: Take,
    /// True when the file may lack the column or the figure.
    pub optional: bool,
    /// Rows that it adds up, of those that the total counts; all when none.
    pub when: Vec<Condition>,
    /// Rows that it takes off: those that take others back by what another column says.
    pub minus_when: Vec<Condition>,
    /// True of what went out, where the total compares two balances.
    pub goes_out: bool,
}

/// Where a total is stated.
#[derive(Clone, Debug)]
pub enum Stated {
    /// In a line of the frame.
    Line(LinePattern),
    /// In a record whose first field begins with one of these texts.
    Row(Vec<String>),
    /// In the summary behind the rows.
    Summary,
    /// In the rows themselves that fulfil these conditions: the others add up to what they state, with the other sign.
    Rows(Vec<Condition>),
    /// Nowhere: it is counted and told.
    Nowhere,
}

/// A control total: it must be stated in the file, and its figures must hold.
#[derive(Clone, Debug)]
pub struct Total {
    /// Name in messages.
    pub name: String,
    /// Where it is stated.
    pub stated: Stated,
    /// True when a file may lack it.
    pub optional: bool,
    /// Rows that it counts; all when none.
    pub when: Vec<Condition>,
    /// Titles of the column whose text parts the rows: a total for each.
    pub group_columns: Vec<String>,
    /// Titles of a second such column, of totals that rows state or that are told.
    pub and_columns: Vec<String>,
    /// True when small letters of the group's text are capitals.
    pub upper: bool,
    /// Hole, title or `#n` that says which group a stated figure is of.
    pub group_stated: Option<String>,
    /// Hole, title or `#n` of the number of rows.
    pub count: Vec<String>,
    /// True when the number may also be that of all records of the file, with or without the one that states it.
    pub count_of_records: bool,
    /// Sums.
    pub sums: Vec<Sum>,
    /// Hole, title or `#n` of the mark (CR or DR) and of the amount of a balance before the rows; empty where none is stated.
    pub opening: Vec<String>,
    /// The same of the balance behind them: opening and what came in less what went out must be this.
    pub closing: Vec<String>,
    /// True when it counts rows that the profile passes over. What a file states is of them too.
    pub counts_skipped: bool,
    /// True when it is of the whole file and not of one of its sections.
    pub of_file: bool,
    /// First cell of a record without which the file is a part, so that the total cannot be compared.
    pub behind: Option<String>,
    /// Rows with which their group is not compared, of totals that rows state: what it adds up to is not promised then.
    pub unless: Vec<Condition>,
}

/// Which row of a statement comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The oldest.
    OldestFirst,
    /// The newest.
    NewestFirst,
    /// Told by the figures themselves.
    Either,
}

/// How the running balance is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Balance {
    /// Which row comes first.
    pub order: Order,
    /// True when first and last balance are the opening and closing balance of the newest row's day.
    pub statement: bool,
    /// True when the sender does not promise that the balances follow from one another.
    pub may_break: bool,
}

impl Field {
    /// Titles of the columns that it takes a text or an amount from.
    pub fn titles(&self) -> impl Iterator<Item = &String> {
        let amounts = self.credit_columns.iter().chain(&self.debit_columns);
        self.columns.iter().chain(amounts).chain(&self.sum)
    }
}

impl Profile {
    /// Reads and checks a profile.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, name: &str) -> Result<Profile, Vec<Finding>> {
        check::parse(text, name)
    }

    /// Fields of a role, with whether each must be given.
    pub fn fields_of(role: Role) -> &'static [(&'static str, bool)] {
        match role {
            Role::Channel => &CHANNEL_FIELDS,
            Role::Bank => &BANK_FIELDS,
            Role::Platform | Role::Balances | Role::Adjustments => &[],
        }
    }

    /// The fixed columns of a format whose files have no header, or nothing.
    pub fn own_titles(&self) -> Vec<String> {
        self.frame.own_titles()
    }

    /// The lines that give a fact, as the profile writes them.
    pub fn lines_of_fact(&self, name: &str) -> String {
        let lines = self.facts.iter().filter(|(_, known)| known == name);
        let lines: Vec<String> = lines.map(|(line, _)| format!("`{}`", line.text())).collect();
        lines.join(" or ")
    }
}

impl Frame {
    /// Titles that the profile gives itself, of files without a header.
    pub fn own_titles(&self) -> Vec<String> {
        if self.fixed.is_empty() {
            self.columns.clone()
        } else {
            self.fixed.iter().map(|(title, _)| title.clone()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_profiles_are_right() {
        for (name, text) in BUILT_IN {
            if let Err(findings) = Profile::parse(text, name) {
                panic!("{findings:?}");
            }
        }
        assert!(builtin("alipay-trade").is_some());
        assert!(builtin("nothing").is_none());
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let text = builtin("alipay-trade").unwrap();
        let check = |from: &str, to: &str, expected: &[&str]| {
            assert!(text.contains(from), "{from}");
            let findings = Profile::parse(&text.replace(from, to), "x").unwrap_err();
            let words: Vec<String> = findings.iter().map(Finding::to_string).collect();
            let words = words.join("\n");
            for part in expected {
                assert!(words.contains(part), "expected `{part}` in:\n{words}");
            }
        };
        check(
            "role = \"channel\"",
            "role = \"platform\"",
            &["role: found `platform`"],
        );
        check(
            "delimiter = \",\"",
            "delimiter = \"，\"",
            &["frame.delimiter", "one ASCII character"],
        );
        check(
            "delimiter = \",\"",
            "delimiter = \",\"\ncell_mark = \",\"",
            &["frame.cell_mark: expected another character than the delimiter"],
        );
        check(
            "[fields.fee]",
            "[fields.fees]",
            &[
                "fields.fees: a channel table has no such field",
                "fields.fee is missing",
            ],
        );
        check("\"PAYMENT\"", "\"PAID\"", &["fields.txn_type: found `PAID`"]);
        check("count = \"count\"", "count = \"n\"", &["has no hole {n}"]);
        check("guards =", "# guards =", &["frame.free_text: expected guards"]);
        check(
            "title =",
            "titel =",
            &[
                "unknown key `titel`, did you mean `title`?",
                "the profile has no `title`",
            ],
        );
        check("\"CNY\"", "\"RMB\"", &["`RMB` is no currency"]);
    }

    #[test]
    fn faults_have_their_line_and_the_nearest_word() {
        let text = "title = \"x\"\nrole = \"banc\"\nencodings = [\"uft-8\"]\n[recognise]\nheader = [\"a\"]\n[frame]\ndelimeter = \",\"\n\
            [fields]\nentry_id = { columns = \"a\", requird = true }\namout = { columns = 3 }\n[[total]]\nname = \"t\"\n";
        let findings = Profile::parse(text, "x").unwrap_err();
        let words: Vec<String> = findings
            .iter()
            .map(|finding| format!("{}: {}", finding.line, finding.message))
            .collect();
        for expected in [
            "2: role: found `banc`, expected one of channel, bank, did you mean `bank`?",
            "3: encodings: `uft-8` is not a known name such as utf-8 or gb18030, did you mean `utf-8`?",
            "7: unknown key `delimeter` in frame, did you mean `delimiter`?",
            "11: total t: expected one of line, row, rows, summary = true or tell = true",
            "11: total t: expected count or sums, or it checks nothing",
        ] {
            assert!(
                words.iter().any(|word| word == expected),
                "{expected}\n{words:#?}"
            );
        }
        let right_role = text.replace("banc", "bank");
        let findings = Profile::parse(&right_role, "x").unwrap_err();
        let words: Vec<String> = findings
            .iter()
            .map(|finding| format!("{}:{}: {}", finding.line, finding.column, finding.message))
            .collect();
        for expected in [
            "9:29: unknown key `requird` in fields.entry_id, did you mean `required`?",
            "10:1: fields.amout: a bank table has no such field, did you mean `amount`?",
            "10:21: fields.amout.columns: found an integer, expected a text or a list of texts",
            "1:1: fields.account is missing",
        ] {
            assert!(
                words.iter().any(|word| word == expected),
                "{expected}\n{words:#?}"
            );
        }
        let broken = Profile::parse("title = \"x\nrole = 1\n", "x").unwrap_err();
        assert_eq!(broken[0].line, 1);
    }

    #[test]
    fn a_fee_of_what_goes_out_is_given_back_or_charged_as_the_profile_says() {
        let words = |types: &str, fee: &str| {
            let text = format!(
                "title = \"x\"\nrole = \"channel\"\nencodings = [\"utf-8\"]\n[recognise]\nheader = [\"a\"]\n[frame]\ndelimiter = \",\"\n\
                 [fields]\nchannel = {{ value = \"X\" }}\nchannel_ref = {{ columns = \"a\" }}\n{types}\namount = {{ columns = \"b\" }}\n{fee}\n\
                 currency = {{ value = \"CNY\" }}\ntxn_time = {{ columns = \"t\", pattern = \"yyyy-MM-dd HH:mm:ss\" }}\n\
                 settle_date = {{ from = \"business date\" }}\nstatus = {{ value = \"SUCCESS\" }}\n"
            );
            let findings = Profile::parse(&text, "x").err().unwrap_or_default();
            findings
                .iter()
                .map(|finding| (finding.line, finding.message.clone()))
                .collect::<Vec<_>>()
        };
        let types =
            "txn_type = { columns = \"k\", map = { S = \"PAYMENT\", R = \"REFUND\", C = \"CHARGEBACK\" } }";
        let found = words(types, "fee = { columns = \"f\" }");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, 13);
        let expected = "fields.fee: rows can be REFUND and CHARGEBACK, and nothing says whether a fee in such a row is given back with the amount or is charged for it: \
            name the column of what is left as fields.net; or say `sign = { REFUND = \"positive\" }` of a fee that is given back and stands there without a minus sign, \
            `sign = { REFUND = \"negative\" }, apart = [\"REFUND\"]` of one that is charged";
        assert_eq!(found[0].1, expected);
        let of_one = words(
            types,
            "fee = { sum = [\"f\", \"g\"], sign = { REFUND = \"positive\" } }",
        );
        assert!(
            of_one[0].1.starts_with("fields.fee: rows can be CHARGEBACK, and"),
            "{of_one:?}"
        );
        let value = words(
            "txn_type = { value = \"WITHDRAWAL\" }",
            "fee = { columns = \"f\" }",
        );
        assert!(
            value[0].1.starts_with("fields.fee: rows can be WITHDRAWAL, and"),
            "{value:?}"
        );
        let optional = words(
            types,
            "fee = { columns = \"f\" }\nnet = { columns = \"n\", optional = true }",
        );
        assert_eq!(optional.len(), 1, "{optional:?}");
        for right in [
            "fee = { columns = \"f\", sign = { ANY = \"positive\" } }",
            "fee = { columns = \"f\", sign = { REFUND = \"positive\", CHARGEBACK = \"negative\" }, apart = [\"CHARGEBACK\"] }",
            "fee = { columns = \"f\" }\nnet = { columns = \"n\" }",
            "fee = { value = \"0\" }",
        ] {
            assert_eq!(words(types, right), [], "{right}");
        }
        let payments = "txn_type = { columns = \"k\", map = { S = \"PAYMENT\", T = \"TOPUP\", V = \"CHARGEBACK_REVERSAL\" } }";
        assert_eq!(words(payments, "fee = { columns = \"f\" }"), []);
    }

    #[test]
    fn every_built_in_profile_says_what_is_known_of_it() {
        for (name, text) in BUILT_IN {
            let profile = Profile::parse(text, name).unwrap();
            assert!(profile.verified.is_some(), "{name}");
            assert!(!profile.source.is_empty(), "{name}");
            let page = include_str!("../../../docs/formats.md");
            let row = page
                .lines()
                .find(|line| line.starts_with(&format!("| `{name}` |")));
            let row = row.unwrap_or_else(|| panic!("docs/formats.md has no row of {name}"));
            let real = profile.verified == Some(Verified::File);
            assert_eq!(row.contains("| real"), real, "{name}");
            assert_eq!(row.contains("| published"), !real, "{name}");
        }
        let names: Vec<&str> = builtin_names().collect();
        assert!(names.is_sorted());
    }
}
