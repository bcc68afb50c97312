//! Columns of a header, cells of a row, and what a profile's field makes of them.

use std::ops::Range;

use crate::entries::rows::{Place, Reject};
use crate::ingest::formats::FormatContext;
use crate::ingest::formats::profile::{Field, Frame, FromBook, Sign};
use crate::ingest::formats::values::{WallTime, amount_expected, shown};
use crate::terms::currency::Currency;
use crate::terms::kinds::TxnType;
use crate::terms::money::{AmountError, parse_minor};

/// Titles of a header.
pub struct Columns {
    /// As they stand, trimmed.
    pub titles: Vec<String>,
}

impl Columns {
    /// The one column of a title.
    pub fn find(&self, title: &str) -> Option<usize> {
        self.titles.iter().position(|known| known == title)
    }
}

/// A row cut into cells.
pub struct Row<'t> {
    /// Where it stands.
    pub place: Place,
    /// Its text; for quoted formats without its quotes.
    pub text: &'t str,
    /// Ranges of its cells, trimmed.
    pub cells: &'t [Range<usize>],
}

impl<'t> Row<'t> {
    /// Text of a cell.
    pub fn cell(&self, at: usize) -> &'t str {
        self.cells.get(at).map_or("", |range| &self.text[range.clone()])
    }
}

/// Cuts a line without quotes into trimmed cells.
pub fn cut(text: &str, frame: &Frame, cells: &mut Vec<Range<usize>>) {
    cells.clear();
    let mut start = 0;
    for end in memchr::memchr_iter(frame.delimiter, text.as_bytes()).chain([text.len()]) {
        cells.push(trimmed(text, start..end, frame));
        start = end + 1;
    }
}

/// Cuts a record with quotes; cells are put, unquoted, into `plain`.
///
/// # Errors
/// A quote stands where none may stand.
pub fn cut_quoted(
    text: &str,
    quote: u8,
    frame: &Frame,
    plain: &mut String,
    cells: &mut Vec<Range<usize>>,
) -> Result<(), &'static str> {
    plain.clear();
    cells.clear();
    let (quote, delimiter) = (char::from(quote), char::from(frame.delimiter));
    let mut rest = text;
    loop {
        let start = plain.len();
        if let Some(mut inner) = rest.strip_prefix(quote) {
            loop {
                let Some((part, behind)) = inner.split_once(quote) else {
                    return Err("a quoted field without an end");
                };
                plain.push_str(part);
                match behind.strip_prefix(quote) {
                    Some(behind) => {
                        plain.push(quote);
                        inner = behind;
                    }
                    None => {
                        rest = behind;
                        break;
                    }
                }
            }
            if !rest.is_empty() && !rest.starts_with(delimiter) {
                return Err("a text behind the end of a quoted field");
            }
        } else {
            let end = rest.find(delimiter).unwrap_or(rest.len());
            if rest[..end].contains(quote) {
                return Err("a quote inside a field without quotes");
            }
            plain.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        cells.push(trimmed(plain, start..plain.len(), frame));
        match rest.strip_prefix(delimiter) {
            Some(behind) => rest = behind,
            None => return Ok(()),
        }
    }
}

fn trimmed(text: &str, range: Range<usize>, frame: &Frame) -> Range<usize> {
    let cell = &text[range.clone()];
    let is_trim = |c: char| frame.trim.contains(&c);
    let from_start = cell.trim_start_matches(is_trim);
    let start = range.end - from_start.len();
    start..start + from_start.trim_end_matches(is_trim).len()
}

/// Puts the surplus cells of a row back into the one free text at `at`, so that `count` cells are left.
pub fn anchor(cells: &mut Vec<Range<usize>>, at: usize, count: usize) {
    let surplus = cells.len() - count;
    let end = cells[at + surplus].end;
    cells[at].end = end;
    cells.drain(at + 1..=at + surplus);
}

/// What is wrong with one field of a row.
pub struct Bad {
    /// Canonical field.
    pub field: &'static str,
    /// Column of the file, if the field has one.
    pub column: Option<usize>,
    /// What stood there.
    pub found: String,
    /// What would have been right.
    pub expected: String,
}

impl Bad {
    /// The reject of a row; the file's own title of the column is told. `cut_from_line` is false where quotes were
    /// taken out, so that a cell's place in the line is not known.
    pub fn reject(self, row: &Row<'_>, cut_from_line: bool, columns: &Columns) -> Reject {
        let title = self.column.and_then(|at| columns.titles.get(at));
        let expected = match title {
            Some(title) => format!("{} (column {title})", self.expected),
            None => self.expected,
        };
        let cell = self
            .column
            .and_then(|at| row.cells.get(at))
            .filter(|_| cut_from_line);
        Reject {
            line: row.place.line,
            column: cell.map_or(0, |range| row.text[..range.start].chars().count() as u32 + 1),
            field: self.field.to_owned(),
            found: shown(&self.found),
            expected,
        }
    }
}

/// A canonical field bound to the columns of a file.
pub struct Bound<'p> {
    name: &'static str,
    field: &'p Field,
    columns: Vec<usize>,
    constant: Option<String>,
    /// What came in and what went out, where that is told by two columns.
    credit: Vec<usize>,
    debit: Vec<usize>,
}

impl<'p> Bound<'p> {
    /// Binds a field; titles that the header lacks are added to `missing`.
    pub fn new(
        name: &'static str,
        field: &'p Field,
        columns: &Columns,
        ctx: &FormatContext<'_>,
        missing: &mut Vec<String>,
    ) -> Bound<'p> {
        let mut find = |titles: &[String]| {
            let found: Vec<usize> = titles.iter().filter_map(|title| columns.find(title)).collect();
            if found.is_empty() && !titles.is_empty() {
                missing.push(titles.join(" or "));
            }
            found
        };
        let from_book = match field.from {
            Some(FromBook::SourceChannel) => ctx.source.channel.clone(),
            Some(FromBook::SourceAccount) => ctx.source.account.clone(),
            Some(FromBook::AmountSign) | None => None,
        };
        Bound {
            name,
            field,
            columns: find(&field.columns),
            credit: find(&field.credit_columns),
            debit: find(&field.debit_columns),
            constant: from_book.or_else(|| field.value.clone()),
        }
    }

    /// True when the direction is told by the sign of the amount.
    pub fn by_sign(&self) -> bool {
        self.field.from == Some(FromBook::AmountSign)
    }

    fn bad(&self, column: Option<usize>, found: &str, expected: impl Into<String>) -> Bad {
        Bad {
            field: self.name,
            column,
            found: found.to_owned(),
            expected: expected.into(),
        }
    }

    /// The first text of some columns, and where it stands.
    fn first<'t>(&self, row: &Row<'t>, columns: &[usize]) -> (&'t str, Option<usize>) {
        let filled = columns.iter().copied().find(|at| !row.cell(*at).is_empty());
        match filled.or(columns.first().copied()) {
            Some(at) => (row.cell(at), Some(at)),
            None => ("", None),
        }
    }

    /// Text of the field in a row, and the column it came from.
    ///
    /// # Errors
    /// It is empty but required, or has no meaning in the profile's map.
    pub fn text<'t>(&'t self, row: &Row<'t>) -> Result<(&'t str, Option<usize>), Bad> {
        if let Some(constant) = &self.constant {
            return Ok((constant, None));
        }
        let (text, at) = self.first(row, &self.columns);
        let text = self.stripped(text);
        if text.is_empty() {
            if let Some(empty) = &self.field.empty {
                return Ok((empty, at));
            }
            if self.field.required {
                return Err(self.bad(at, "", "a text"));
            }
        }
        if self.field.map.is_empty() {
            return Ok((text, at));
        }
        match self.field.map.get(text) {
            Some(meaning) => Ok((meaning, at)),
            None => {
                let known: Vec<&str> = self.field.map.keys().map(String::as_str).collect();
                Err(self.bad(at, text, format!("one of {}", known.join(", "))))
            }
        }
    }

    fn stripped<'t>(&self, text: &'t str) -> &'t str {
        let text = match &self.field.strip_prefix {
            Some(prefix) => text.strip_prefix(prefix.as_str()).unwrap_or(text),
            None => text,
        };
        match &self.field.strip_suffix {
            Some(suffix) => text.strip_suffix(suffix.as_str()).unwrap_or(text),
            None => text,
        }
    }

    /// A text of a closed vocabulary.
    ///
    /// # Errors
    /// As [`Bound::text`], or it is no word of the vocabulary.
    pub fn word<T>(
        &self,
        row: &Row<'_>,
        parse: impl Fn(&[u8]) -> Option<T>,
        expected: &str,
    ) -> Result<T, Bad> {
        let (text, at) = self.text(row)?;
        parse(text.as_bytes()).ok_or_else(|| self.bad(at, text, expected))
    }

    /// The time of the field.
    ///
    /// # Errors
    /// As [`Bound::text`], or it is no time of the profile's pattern.
    pub fn time(&self, row: &Row<'_>) -> Result<(WallTime, Bad), Bad> {
        let (text, at) = self.text(row)?;
        let read = self.field.pattern.as_ref().and_then(|pattern| pattern.read(text));
        // What is wrong if the caller finds that clocks never showed this time.
        let otherwise = |expected: &str| self.bad(at, text, expected);
        match read {
            Some(time) => Ok((time, otherwise("a time that clocks showed once"))),
            None => Err(otherwise("a day or time that exists, as the profile writes it")),
        }
    }

    /// True when the field holds a time of day.
    pub fn has_time(&self) -> bool {
        self.field
            .pattern
            .as_ref()
            .is_some_and(|pattern| pattern.has_time)
    }

    /// The signed amount of the field: as written, or with two columns positive in and negative out.
    ///
    /// # Errors
    /// As [`Bound::text`], or it is no amount of the currency.
    pub fn signed(&self, row: &Row<'_>, currency: Currency) -> Result<(i64, Option<usize>), Bad> {
        let digits = currency.digits();
        let read = |text: &str, at: Option<usize>| {
            read_amount(text, Some(self.field), digits)
                .map_err(|error| self.bad(at, text, amount_expected(error, currency.code(), digits)))
        };
        if self.credit.is_empty() {
            let (text, at) = self.text(row)?;
            return Ok((read(text, at)?, at));
        }
        let side = |columns: &[usize]| {
            let (text, at) = self.first(row, columns);
            let text = self.stripped(text);
            Ok((if text.is_empty() { 0 } else { read(text, at)? }, at))
        };
        let ((credit, credit_at), (debit, debit_at)) = (side(&self.credit)?, side(&self.debit)?);
        match (credit, debit) {
            (0, 0) => Ok((0, credit_at)),
            (amount, 0) => Ok((amount.abs(), credit_at)),
            (0, amount) => Ok((-amount.abs(), debit_at)),
            _ => Err(self.bad(
                debit_at,
                row.cell(debit_at.unwrap_or(0)),
                "one amount, in or out, not both",
            )),
        }
    }

    /// The magnitude of an amount whose sign is as the profile says for this type.
    ///
    /// # Errors
    /// As [`Bound::signed`], or the sign contradicts.
    pub fn magnitude(&self, row: &Row<'_>, currency: Currency, kind: Option<TxnType>) -> Result<i64, Bad> {
        let (minor, at) = self.signed(row, currency)?;
        let habits = &self.field.sign;
        let sign = kind
            .and_then(|kind| habits.get(kind.name()))
            .or_else(|| habits.get("ANY"))
            .copied()
            .unwrap_or(Sign::Positive);
        let of = kind.map_or(String::new(), |kind| format!(" on {}", kind.name()));
        match sign {
            Sign::Positive if minor < 0 => {
                Err(self.bad(at, at.map_or("", |at| row.cell(at)), format!("no minus sign{of}")))
            }
            Sign::Negative if minor > 0 => {
                Err(self.bad(at, at.map_or("", |at| row.cell(at)), format!("a minus sign{of}")))
            }
            _ => Ok(minor.abs()),
        }
    }

    /// A refusal of this field.
    pub fn refuse(&self, row: &Row<'_>, expected: impl Into<String>) -> Bad {
        let at = self.columns.first().or(self.credit.first()).copied();
        let found = at.map_or_else(|| self.constant.as_deref().unwrap_or_default(), |at| row.cell(at));
        self.bad(at, found, expected)
    }
}

/// An amount with an optional minus, written as `habit` says (plain decimals without one), in minor units.
///
/// # Errors
/// It is not of the form of R37 once separators are taken out.
pub fn read_amount(text: &str, habit: Option<&Field>, digits: u32) -> Result<i64, AmountError> {
    let (negative, magnitude) = match text.strip_prefix('-') {
        Some(magnitude) => (true, magnitude),
        None => (false, text),
    };
    let minor = match habit {
        Some(field) if field.thousands.is_some() || field.decimal != '.' || field.minor_units => {
            read_with_habit(magnitude, field, digits)?
        }
        _ => parse_minor(magnitude.as_bytes(), digits)?,
    };
    Ok(if negative { -minor } else { minor })
}

fn read_with_habit(text: &str, field: &Field, digits: u32) -> Result<i64, AmountError> {
    if field.minor_units {
        return parse_minor(text.as_bytes(), 0);
    }
    let (whole, fraction) = text
        .split_once(field.decimal)
        .map_or((text, None), |(w, f)| (w, Some(f)));
    let mut plain = String::with_capacity(text.len());
    let mut groups = whole.split(|c| Some(c) == field.thousands);
    let first = groups.next().unwrap_or_default();
    plain.push_str(first);
    for group in groups {
        // `1,234` is grouped, `12,34` and `1,2345` are not.
        if group.len() != 3 || first.is_empty() || first.len() > 3 {
            return Err(AmountError::Form);
        }
        plain.push_str(group);
    }
    if plain.contains('.') {
        return Err(AmountError::Form);
    }
    if let Some(fraction) = fraction {
        plain.push('.');
        plain.push_str(fraction);
    }
    parse_minor(plain.as_bytes(), digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ingest::formats::profile::{Profile, builtin};

    fn frame(delimiter: u8, quote: Option<u8>) -> Frame {
        let mut frame = Profile::parse(builtin("alipay-trade").unwrap(), "x")
            .unwrap()
            .frame;
        frame.delimiter = delimiter;
        frame.quote = quote;
        frame.trim = Vec::new();
        frame
    }

    proptest! {
        #[test]
        fn quoted_cells_come_back(cells in prop::collection::vec("[a;\"支\n ]{0,6}", 1..6)) {
            let line: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            let (mut plain, mut ranges) = (String::new(), Vec::new());
            let result = cut_quoted(&line.join(";"), b'"', &frame(b';', Some(b'"')), &mut plain, &mut ranges);
            prop_assert_eq!(result, Ok(()));
            let read: Vec<&str> = ranges.iter().map(|range| &plain[range.clone()]).collect();
            prop_assert_eq!(read, cells);
        }

        #[test]
        fn anchored_cells_come_back(
            cells in prop::collection::vec("[a-z支]{0,4}", 3..8),
            goods in "[a-z,支]{0,9}",
            at in 0usize..8,
        ) {
            let mut cells = cells;
            let at = at % cells.len();
            cells[at] = goods;
            let line = cells.join(",");
            let mut ranges = Vec::new();
            cut(&line, &frame(b',', None), &mut ranges);
            if ranges.len() > cells.len() {
                anchor(&mut ranges, at, cells.len());
            }
            let read: Vec<&str> = ranges.iter().map(|range| &line[range.clone()]).collect();
            prop_assert_eq!(read, cells);
        }
    }

    #[test]
    fn amounts_follow_the_habits_of_a_profile() {
        let mut habit = Profile::parse(builtin("alipay-trade").unwrap(), "x")
            .unwrap()
            .fields["amount"]
            .clone();
        let mut check = |thousands, decimal, minor_units, text: &str, expected| {
            habit.thousands = thousands;
            habit.decimal = decimal;
            habit.minor_units = minor_units;
            assert_eq!(read_amount(text, Some(&habit), 2), expected, "{text}");
        };
        check(None, '.', false, "-0.01", Ok(-1));
        check(None, '.', false, "1,234.50", Err(AmountError::Form));
        check(Some(','), '.', false, "1,234.50", Ok(123_450));
        check(Some(','), '.', false, "1234.50", Ok(123_450));
        check(Some('.'), ',', false, "-1.234.567,8", Ok(-123_456_780));
        for bad in [
            "1,23", "1234,567", ",123", "1,", "1,2345", "1,234,5", "--1", "1,234.", "0,123",
        ] {
            check(Some(','), '.', false, bad, Err(AmountError::Form));
        }
        check(None, ',', false, "1.5", Err(AmountError::Form));
        check(None, '.', true, "1999", Ok(1999));
        check(None, '.', true, "19.99", Err(AmountError::Decimals));
    }
}
