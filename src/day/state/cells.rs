//! One table of the state as CSV: header bound by name, every cell read exactly or refused with its place.
//!
//! `opening/` is written by people, so a refusal says file, line, column, what was found and what was expected.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::book::settings::Settings;
use crate::findings::Finding;
use crate::ingest::canonical::values::shown;
use crate::report::line::Line;
use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};

/// Findings of one table that are spelt out; the rest are counted.
const NAMED_MAX: usize = 100;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in the header.
    pub name: &'static str,
    /// False where a table written by people may leave it out: its cells are then empty.
    pub required: bool,
}

/// A column that must be there.
pub const fn must(name: &'static str) -> Column {
    Column { name, required: true }
}

/// A column that may be left out.
pub const fn may(name: &'static str) -> Column {
    Column {
        name,
        required: false,
    }
}

/// A row of a table of the state. `read` and `write` go through the columns in their order.
pub trait Record: Sized {
    /// Name of the file, without `.csv`.
    const TABLE: &'static str;
    /// Columns in the order in which they are written.
    const COLUMNS: &'static [Column];
    /// True when no two rows may be equal in [`Record::order`], which is then the key.
    const UNIQUE: bool;

    /// Reads the cells of one row; what cannot be read is told to `cells`, and the row is then thrown away.
    fn read(cells: &mut Cells<'_>) -> Self;

    /// Writes the cells of one row.
    fn write(&self, line: &mut Line);

    /// The sort order of the table.
    fn order(&self, other: &Self) -> Ordering;

    /// True when the row says nothing (an amount of 0) and is left out.
    fn is_nothing(&self) -> bool {
        false
    }

    /// What contradicts between the cells of a row or with the settings: the column, and what was expected.
    fn contradiction(&self, _settings: &Settings) -> Option<(&'static str, String)> {
        None
    }
}

/// The cells of one row, read from left to right.
pub struct Cells<'a> {
    record: &'a csv::StringRecord,
    /// Field of each column of the table, by the header.
    fields: &'a [Option<usize>],
    at: usize,
    /// Stands in a row that is thrown away because its currency could not be read.
    base_currency: Currency,
    /// Column and what was expected.
    refused: Vec<(usize, Cow<'static, str>)>,
}

impl<'a> Cells<'a> {
    fn next_cell(&mut self) -> &'a str {
        self.at += 1;
        self.fields[self.at - 1]
            .and_then(|field| self.record.get(field))
            .unwrap_or_default()
    }

    /// The next cell as `parse` understands it; refused with `expected` where it does not.
    pub fn word<T>(
        &mut self,
        expected: &'static str,
        parse: impl Fn(&'a str) -> Option<T>,
        otherwise: T,
    ) -> T {
        let text = self.next_cell();
        match parse(text) {
            Some(value) => value,
            None => {
                self.refused.push((self.at - 1, Cow::Borrowed(expected)));
                otherwise
            }
        }
    }

    /// Any text.
    pub fn text(&mut self) -> String {
        self.next_cell().to_owned()
    }

    /// A text that is not empty.
    pub fn id(&mut self) -> String {
        let parse = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.word("a text that is not empty", parse, String::new())
    }

    /// Lower-case hex of a fixed length.
    pub fn hex(&mut self, digits: usize, expected: &'static str) -> String {
        let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        let parse = |text: &str| (text.len() == digits && text.bytes().all(is_hex)).then(|| text.to_owned());
        self.word(expected, parse, String::new())
    }

    /// A currency code.
    pub fn currency(&mut self) -> Currency {
        let parse = |text: &str| Currency::parse(text.as_bytes());
        self.word(
            "an ISO 4217 code in capitals, such as CNY",
            parse,
            self.base_currency,
        )
    }

    /// A currency code, or empty.
    pub fn currency_or_none(&mut self) -> Option<Currency> {
        let parse = |text: &str| match text {
            "" => Some(None),
            _ => Currency::parse(text.as_bytes()).map(Some),
        };
        self.word(
            "an ISO 4217 code in capitals, such as CNY, or nothing",
            parse,
            None,
        )
    }

    /// A day.
    pub fn date(&mut self) -> Date {
        self.word("a day YYYY-MM-DD", |text| Date::parse(text.as_bytes()), Date(0))
    }

    /// A day, or empty.
    pub fn date_or_none(&mut self) -> Option<Date> {
        let parse = |text: &str| match text {
            "" => Some(None),
            _ => Date::parse(text.as_bytes()).map(Some),
        };
        self.word("a day YYYY-MM-DD, or nothing", parse, None)
    }

    /// An amount in minor units, any sign.
    pub fn minor(&mut self) -> i64 {
        self.word("an integer in minor units (12.34 CNY is 1234)", integer, 0)
    }

    /// An amount in minor units, not below 0; empty is 0 where the column may be left out.
    pub fn minor_or_zero(&mut self) -> i64 {
        let parse = |text: &str| match text {
            "" => Some(0),
            _ => integer(text).filter(|minor| *minor >= 0),
        };
        self.word("an integer in minor units, not below 0", parse, 0)
    }

    /// An amount in minor units, above 0.
    pub fn minor_positive(&mut self) -> i64 {
        let parse = |text: &str| integer(text).filter(|minor| *minor > 0);
        self.word("an integer in minor units above 0 (12.34 CNY is 1234)", parse, 1)
    }

    /// A count; empty is 0.
    pub fn count(&mut self) -> u64 {
        let parse = |text: &str| match text {
            "" => Some(0),
            _ => integer(text).and_then(|number| u64::try_from(number).ok()),
        };
        self.word("a number, not below 0", parse, 0)
    }

    /// `Y`, `N` or empty (no).
    pub fn flag(&mut self) -> bool {
        let parse = |text: &str| match text {
            "Y" => Some(true),
            "N" | "" => Some(false),
            _ => None,
        };
        self.word("Y, N or nothing", parse, false)
    }

    /// A moment as milliseconds since 1970: RFC 3339 with an offset, a plain number of milliseconds, or empty (0).
    pub fn time_ms(&mut self) -> i64 {
        let parse = |text: &str| match text {
            "" => Some(0),
            _ => integer(text).or_else(|| Instant::parse_rfc3339(text.as_bytes()).map(|instant| instant.0)),
        };
        self.word(
            "a time with its offset, such as 2026-11-20T09:30:00+08:00",
            parse,
            0,
        )
    }
}

/// Exactly `-?(0|[1-9][0-9]*)` within 64 bits; `-0` is refused.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|c| c.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    (plain && text != "-0").then(|| text.parse().ok()).flatten()
}

/// Writes a table with its header, sorted; an empty table is its header.
pub fn write_table<T: Record>(rows: &[T]) -> Vec<u8> {
    let mut order: Vec<&T> = rows.iter().collect();
    order.sort_by(|a, b| a.order(b));
    let mut line = Line::default();
    for column in T::COLUMNS {
        line.text(column.name);
    }
    line.end(T::COLUMNS.len());
    for row in order {
        row.write(&mut line);
        line.end(T::COLUMNS.len());
    }
    line.into_bytes()
}

/// Reads a table: sorted, rows that say nothing left out, everything that is wrong told to `findings`.
pub fn read_table<T: Record>(
    bytes: &[u8],
    settings: &Settings,
    file: &str,
    findings: &mut Vec<Finding>,
) -> Vec<T> {
    let mut found = Findings::of(file, bytes);
    let rows = read_rows::<T>(bytes, settings, &mut found);
    findings.append(&mut found.into_sorted());
    rows.into_iter().map(|(row, _)| row).collect()
}

/// Reads a table as [`read_table`] does: each row with the offset at which it begins.
pub fn read_rows<T: Record>(bytes: &[u8], settings: &Settings, found: &mut Findings<'_>) -> Vec<(T, usize)> {
    const SAVE: &str = "save the table as UTF-8 CSV with commas and a header";
    if let Err(error) = std::str::from_utf8(bytes) {
        let line = 1 + bytes[..error.valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count() as u64;
        found.add(Finding::about(found.file, "found bytes that are not UTF-8", SAVE).at(line, 0));
        return Vec::new();
    }
    let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = bytes.len() - body.len();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(body);
    let mut record = csv::StringRecord::new();
    if !matches!(reader.read_record(&mut record), Ok(true)) {
        let expected = column_names::<T>();
        found.add(Finding::about(found.file, format!("found no header, expected {expected}"), SAVE).at(1, 1));
        return Vec::new();
    }
    let Some(fields) = bind_header::<T>(&record, start, found) else {
        return Vec::new();
    };
    let width = record.len();
    let mut rows: Vec<(T, usize)> = Vec::new();
    while matches!(reader.read_record(&mut record), Ok(true)) {
        let offset = start + record.position().map_or(0, csv::Position::byte) as usize;
        if record.len() != width {
            let message = format!("found {} cells, expected {width} as in the header", record.len());
            found.at(
                offset,
                0,
                message,
                "quote cells that contain a comma, or add the missing cells",
            );
            continue;
        }
        let mut cells = Cells {
            record: &record,
            fields: &fields,
            at: 0,
            base_currency: settings.institution.base_currency,
            refused: Vec::new(),
        };
        let row = T::read(&mut cells);
        assert_eq!(
            cells.at,
            T::COLUMNS.len(),
            "a row reads every column of its table"
        );
        let mut refused = cells.refused;
        if let (true, Some((name, expected))) = (refused.is_empty(), row.contradiction(settings)) {
            let column = T::COLUMNS
                .iter()
                .position(|column| column.name == name)
                .unwrap_or_default();
            refused.push((column, Cow::Owned(expected)));
        }
        for (column, expected) in &refused {
            let name = T::COLUMNS[*column].name;
            let field = fields[*column];
            let text = field.and_then(|field| record.get(field)).unwrap_or_default();
            let message = format!("{name}: found `{}`, expected {expected}", shown(text.as_bytes()));
            found.at(
                offset,
                field.unwrap_or_default(),
                message,
                "correct the cell and run again",
            );
        }
        if refused.is_empty() && !row.is_nothing() {
            rows.push((row, offset));
        }
    }
    rows.sort_by(|a, b| a.0.order(&b.0));
    if T::UNIQUE {
        for pair in rows
            .windows(2)
            .filter(|pair| pair[0].0.order(&pair[1].0) == Ordering::Equal)
        {
            let message = format!("found the key of line {} a second time", found.line(pair[0].1));
            found.at(
                pair[1].1,
                0,
                message,
                "keep one line per key; add the amounts up where they belong together",
            );
        }
    }
    rows
}

fn column_names<T: Record>() -> String {
    T::COLUMNS
        .iter()
        .map(|column| column.name)
        .collect::<Vec<_>>()
        .join(",")
}

/// The field of each column; `None` when the header cannot be used.
fn bind_header<T: Record>(
    header: &csv::StringRecord,
    start: usize,
    found: &mut Findings<'_>,
) -> Option<Vec<Option<usize>>> {
    let mut fields = vec![None; T::COLUMNS.len()];
    let mut usable = true;
    for (field, name) in header.iter().enumerate() {
        let message = match T::COLUMNS.iter().position(|column| column.name == name) {
            Some(column) if fields[column].is_none() => {
                fields[column] = Some(field);
                continue;
            }
            Some(_) => format!("found column `{name}` twice"),
            None => {
                let near = nearest(name, T::COLUMNS.iter().map(|column| column.name));
                format!(
                    "found unknown column `{}`, did you mean `{near}`?",
                    shown(name.as_bytes())
                )
            }
        };
        usable = false;
        found.at(
            start,
            field,
            message,
            &format!("the columns are {}", column_names::<T>()),
        );
    }
    let missing = T::COLUMNS
        .iter()
        .zip(&fields)
        .filter(|(column, field)| column.required && field.is_none());
    for (column, _) in missing {
        usable = false;
        let message = format!("column `{}` is missing", column.name);
        found.at(
            start,
            0,
            message,
            &format!("the columns are {}", column_names::<T>()),
        );
    }
    usable.then_some(fields)
}

/// The known name nearest to one that is not known.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    known
        .min_by_key(|known| strsim::damerau_levenshtein(name, known))
        .unwrap_or_default()
}

/// Findings about one file, with places worked out from byte offsets only when one is told.
pub struct Findings<'a> {
    file: &'a str,
    bytes: &'a [u8],
    named: Vec<Finding>,
    more: usize,
}

impl<'a> Findings<'a> {
    /// None yet about a file of this name and content.
    pub fn of(file: &'a str, bytes: &'a [u8]) -> Findings<'a> {
        Findings {
            file,
            bytes,
            named: Vec::new(),
            more: 0,
        }
    }

    /// Those that are spelt out, the earliest in the file first, and how many more there are.
    pub fn into_sorted(mut self) -> Vec<Finding> {
        self.named.sort();
        if self.more > 0 {
            let message = format!("{} more findings in this table", self.more);
            let help = "mend the ones above and run again";
            self.named.push(Finding::about(self.file, message, help));
        }
        self.named
    }

    fn add(&mut self, finding: Finding) {
        match self.named.len() < NAMED_MAX {
            true => self.named.push(finding),
            false => self.more += 1,
        }
    }

    /// A finding about a field of the record that starts at `offset`.
    pub fn at(&mut self, offset: usize, field: usize, message: String, help: &str) {
        if self.named.len() >= NAMED_MAX {
            self.more += 1;
            return;
        }
        let (line, column) = self.place(offset, field);
        self.add(Finding::about(self.file, message, help).at(line, column));
    }

    /// Physical line of the record that starts at `offset`.
    pub fn line(&self, offset: usize) -> u64 {
        self.place(offset, 0).0
    }

    /// Physical line, and column in characters, of a field: both 1-based.
    fn place(&self, offset: usize, field: usize) -> (u64, u32) {
        let mut at = offset;
        // The reader may leave the line end of the record before at the start of this one.
        while matches!(self.bytes.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        let (mut left, mut quoted) = (field, false);
        while left > 0 && at < self.bytes.len() {
            match self.bytes[at] {
                b'"' => quoted = !quoted,
                b',' if !quoted => left -= 1,
                _ => {}
            }
            at += 1;
        }
        let before = &self.bytes[..at];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let bom = if line_start == 0 && before.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        let characters = before[line_start + bom..]
            .iter()
            .filter(|byte| (**byte & 0xc0) != 0x80)
            .count();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
        (line, characters as u32 + 1)
    }
}
