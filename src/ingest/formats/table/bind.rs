//! Fields of a profile bound to the columns of a file, and what they make of a row.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use crate::book::parse::nearest;
use crate::entries::rows::Reject;
use crate::ingest::canonical::values::Word;
use crate::ingest::formats::FormatContext;
use crate::ingest::formats::profile::{Condition, Field, From, Shape, Sign, Test, TimePattern};
use crate::ingest::formats::values::{SCALE_DIGITS, WallTime, amount_expected, shown};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{TXN_TYPES, TxnType};
use crate::terms::short_text::{ShortText, same};

use super::by_column::{RUN_ROWS, Rows, each};
use super::clock::{Clock, DayMemory, TimeText, midnight, read_time};
use super::cut::{Row, Standing};
use super::spreadsheet::{SHORTENED, changed, holds_shortened, is_day_with_strokes, is_shortened};

/// Titles of a header, and what else a file says before its rows.
pub struct Columns {
    /// As they stand, trimmed.
    pub titles: Vec<String>,
    /// Facts of the frame by name: the text of their first hole.
    pub facts: BTreeMap<String, String>,
    /// Titles that are missing, collected while fields are bound.
    pub missing: Vec<String>,
    /// What of the profile is bound, such as `fields.amount`; empty where that is told otherwise.
    pub binds: String,
    /// Columns that were asked for.
    asked: RefCell<BTreeSet<usize>>,
    /// Titles that were asked for.
    used: RefCell<BTreeSet<String>>,
}

impl Columns {
    /// The columns of a header with these titles.
    pub fn new(titles: Vec<String>, facts: BTreeMap<String, String>) -> Columns {
        Columns {
            titles,
            facts,
            missing: Vec::new(),
            binds: String::new(),
            asked: RefCell::default(),
            used: RefCell::default(),
        }
    }

    /// The one column of a title.
    pub fn find(&self, title: &str) -> Option<usize> {
        let at = self.titles.iter().position(|known| known == title);
        self.asked.borrow_mut().extend(at);
        self.used.borrow_mut().insert(title.to_owned());
        at
    }

    /// The one column of a title, which is looked at in unusual rows alone; noted where it is missing.
    pub fn place_of(&mut self, title: &str) -> Option<usize> {
        let at = self.titles.iter().position(|known| known == title);
        if at.is_none() {
            self.missing.push(title.to_owned());
        }
        self.used.borrow_mut().insert(title.to_owned());
        at
    }

    /// Columns that were asked for, in their order: nobody looks at the others.
    pub fn asked(&self) -> Vec<usize> {
        self.asked.borrow().iter().copied().collect()
    }

    /// True when the profile uses a title, be it in unusual rows alone.
    pub fn is_used(&self, title: &str) -> bool {
        self.used.borrow().contains(title)
    }

    /// Columns of those titles that the header has.
    pub fn of(&self, titles: &[String]) -> Vec<usize> {
        titles.iter().filter_map(|title| self.find(title)).collect()
    }

    /// As [`Columns::of`]; none at all is noted as missing unless it may be.
    pub fn any(&mut self, titles: &[String], optional: bool) -> Vec<usize> {
        let found = self.of(titles);
        if found.is_empty() && !titles.is_empty() && !optional {
            let mut words = titles.join(" or ");
            let near = titles
                .iter()
                .find_map(|title| nearest(title, self.titles.iter().map(String::as_str)));
            let told = [
                (!self.binds.is_empty()).then(|| format!("of {}", self.binds)),
                near.map(|near| format!("did you mean `{}`?", shown(near))),
            ];
            let told: Vec<String> = told.into_iter().flatten().collect();
            if !told.is_empty() {
                words += &format!(" ({})", told.join(", "));
            }
            self.missing.push(words);
        }
        found
    }

    /// Columns of all these titles; each that is missing is noted.
    pub fn all(&mut self, titles: &[String], optional: bool) -> Vec<usize> {
        let mut found = Vec::new();
        for title in titles {
            found.extend(self.any(std::slice::from_ref(title), optional));
        }
        found
    }
}

/// What is wrong with one field of a row; in a box, so that what is right stays small.
pub struct Bad(Box<Wrong>);

struct Wrong {
    /// Canonical field.
    field: &'static str,
    /// Column of the file, if the field has one.
    column: Option<usize>,
    /// What stood there.
    found: String,
    /// What would have been right.
    expected: String,
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

/// A condition bound to the columns of a file.
pub struct BoundCondition<'p> {
    pub(super) columns: Vec<usize>,
    others: Vec<usize>,
    condition: &'p Condition,
    /// The texts, where all are short.
    short: Vec<ShortText>,
    /// Cells that were judged.
    pub(super) judged: RefCell<Judged<bool>>,
}

impl<'p> BoundCondition<'p> {
    /// Binds conditions; a column that the header lacks is noted as missing unless it may be, and then empty.
    pub fn all(
        conditions: &'p [Condition],
        columns: &mut Columns,
        optional: bool,
    ) -> Vec<BoundCondition<'p>> {
        let bind = |condition: &'p Condition| BoundCondition {
            columns: columns.any(&condition.columns, optional),
            others: match condition.test {
                Test::EqualsColumn | Test::DiffersFromColumn => columns.any(&condition.texts, optional),
                Test::Is | Test::IsNot | Test::StartsWith => Vec::new(),
            },
            condition,
            short: match condition.test {
                Test::Is | Test::IsNot => {
                    let texts = condition.texts.iter().map(|text| ShortText::of(text.as_bytes()));
                    texts.collect::<Option<_>>().unwrap_or_default()
                }
                Test::StartsWith | Test::EqualsColumn | Test::DiffersFromColumn => Vec::new(),
            },
            judged: RefCell::default(),
        };
        conditions.iter().map(bind).collect()
    }

    /// Whether it holds for every row, or for none: its column is not there, so that its text is always empty.
    fn always(&self) -> Option<bool> {
        let texts = &self.condition.texts;
        match self.condition.test {
            _ if !self.columns.is_empty() => None,
            Test::Is => Some(texts.iter().any(String::is_empty)),
            Test::IsNot => Some(!texts.iter().any(String::is_empty)),
            Test::StartsWith | Test::EqualsColumn | Test::DiffersFromColumn => None,
        }
    }

    /// The column that is tested.
    pub fn column(&self) -> Option<usize> {
        self.columns.first().copied()
    }

    /// True when the row passes.
    #[inline]
    pub fn holds(&self, row: &Row<'_>) -> bool {
        let other = || self.others.first().map_or(&b""[..], |at| row.bytes(*at));
        self.holds_of(self.columns.first().map_or(&b""[..], |at| row.bytes(*at)), other)
    }

    /// True when one cell decides.
    pub fn is_of_one_cell(&self) -> bool {
        !matches!(self.condition.test, Test::EqualsColumn | Test::DiffersFromColumn)
    }

    /// True when a row passes with this text, where another column counts with `other`.
    #[inline]
    pub fn holds_of<'t>(&self, text: &[u8], other: impl FnOnce() -> &'t [u8]) -> bool {
        if !self.short.is_empty() {
            let is = ShortText::of(text).is_some_and(|text| {
                let mut is = false;
                for known in &self.short {
                    is |= *known == text;
                }
                is
            });
            return is == (self.condition.test == Test::Is);
        }
        let texts = &self.condition.texts;
        match self.condition.test {
            Test::Is => texts.iter().any(|known| same(known.as_bytes(), text)),
            Test::IsNot => !texts.iter().any(|known| same(known.as_bytes(), text)),
            Test::StartsWith => texts.iter().any(|known| text.starts_with(known.as_bytes())),
            Test::EqualsColumn => same(text, other()),
            Test::DiffersFromColumn => !same(text, other()),
        }
    }
}

/// True when a row passes all conditions.
#[inline]
pub fn all_hold(conditions: &[BoundCondition<'_>], row: &Row<'_>) -> bool {
    for condition in conditions {
        if !condition.holds(row) {
            return false;
        }
    }
    true
}

/// A rule of a field, bound to the columns of a file.
pub(super) struct Rule<'p> {
    pub(super) field: &'p Field,
    pub(super) when: Vec<BoundCondition<'p>>,
    pub(super) columns: Vec<usize>,
    pub(super) join: Vec<usize>,
    sum: Vec<usize>,
    /// What came in and what went out, where that is told by two columns.
    credit: Vec<usize>,
    debit: Vec<usize>,
    pub(super) zone: Option<usize>,
    pub(super) constant: Option<String>,
    /// What a line before the header says.
    pub(super) told: Option<String>,
    /// Nothing is done to the text of a cell.
    plain: bool,
    /// The one cell that decides what the rule says.
    pub(super) one_cell: Option<usize>,
    /// The one cell whose text, unless it is empty, is the field's as it stands.
    pub(super) direct: Option<usize>,
    /// Texts of that cell that were judged, and the words that they are.
    pub(super) words: RefCell<Judged<u16>>,
    /// Likewise, as they are delivered.
    pub(super) cells: RefCell<Judged<u16>>,
    /// Shape of the first pattern, and the day that was read last.
    pub(super) shape: Shape,
    pub(super) day: RefCell<DayMemory>,
    /// Cells of a day and of a time of day, where joined they have that shape.
    pub(super) day_and_clock: Option<(usize, usize)>,
    /// Where a usual amount stands.
    pub(super) figure: Figure,
    /// Room for joined texts.
    joined: RefCell<String>,
    /// Sign by number of the type; the last is of rows without a type.
    pub(super) signs: [Sign; TXN_TYPES.len() + 1],
}

/// Texts that were judged, with what they were found to be, such as the number of a word: files repeat few of them.
pub(super) struct Judged<T> {
    known: [Option<(ShortText, T)>; JUDGED],
    /// Where the next is put.
    next: usize,
}

const JUDGED: usize = 4;

impl<T: Copy> Default for Judged<T> {
    fn default() -> Judged<T> {
        Judged {
            known: [None; JUDGED],
            next: 0,
        }
    }
}

impl<T: Copy> Judged<T> {
    #[inline(always)]
    pub(super) fn of(&self, text: ShortText) -> Option<T> {
        for judged in &self.known {
            match judged {
                Some((known, found)) if *known == text => return Some(*found),
                Some(_) => {}
                None => return None,
            }
        }
        None
    }

    #[cold]
    pub(super) fn keep(&mut self, text: ShortText, found: T) {
        self.known[self.next] = Some((text, found));
        self.next = (self.next + 1) % JUDGED;
    }
}

/// Where the amount of a field stands, as that of nearly all does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Figure {
    /// In this cell.
    Cell(usize),
    /// In one of two cells: what came in, and what went out. Nothing is done to their texts.
    Sides(usize, usize),
    /// By the rule.
    Ruled,
}

/// How the text of a field is had without a look at its rules, as that of nearly all is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Quick {
    /// This cell as it stands; `may_be_empty` where an empty one needs no closer look.
    Cell { at: usize, may_be_empty: bool },
    /// The key inside this cell, likewise.
    Key { at: usize, may_be_empty: bool },
    /// The first of some cells with a text, or nothing.
    FirstOf,
    /// Some cells side by side, those without a text left out.
    Joined,
    /// The same for every row.
    Constant,
    /// By its rules.
    Ruled,
}

/// A canonical field bound to the columns of a file.
pub struct Bound<'p> {
    name: &'static str,
    pub(super) rules: Vec<Rule<'p>>,
    /// Currency of a constant, found once.
    pub(super) currency: Option<Currency>,
    pub(super) quick: Quick,
    /// Some rule puts texts together.
    joins: bool,
}

/// Where and when times are.
pub struct Times {
    /// The book's zone.
    pub clock: Clock,
    /// A rule's own zone, the last that was asked for.
    own: Option<(String, Clock)>,
    /// The day being closed.
    pub business_date: Date,
    /// The day that was written last, and its text.
    day: Option<(Date, TimeText)>,
}

impl Times {
    /// Times of a book.
    pub fn new(clock: Clock, business_date: Date) -> Times {
        Times {
            clock,
            own: None,
            business_date,
            day: None,
        }
    }

    /// A day as text.
    #[inline]
    fn day_text(&mut self, date: Date) -> TimeText {
        match self.day {
            Some((known, text)) if known == date => text,
            _ => {
                let text = TimeText::day(date);
                self.day = Some((date, text));
                text
            }
        }
    }

    /// Writes a time with its offset, which `zone` says where the file does not, and else the book; a day where there is no time
    /// of day. `None` where clocks did not show that time once.
    #[inline(always)]
    fn write(&mut self, time: RowTime, zone: Option<&TimeZone>, out: &mut TimeText) -> Option<()> {
        if !time.has_time {
            *out = self.day_text(time.wall.date);
            return Some(());
        }
        if let Some(offset) = time.offset_minutes {
            *out = self.day_text(time.wall.date).and_time(time.wall, offset);
            return Some(());
        }
        let clock = match zone {
            None => &mut self.clock,
            Some(zone) => {
                let name = zone.iana_name().unwrap_or("UTC");
                if self.own.as_ref().is_none_or(|(known, _)| known != name) {
                    self.own = Some((name.to_owned(), Clock::new(zone.clone())));
                }
                match &mut self.own {
                    Some((_, clock)) => clock,
                    None => &mut self.clock,
                }
            }
        };
        clock.write(time.wall, out)
    }
}

/// A time of a row.
#[derive(Clone, Copy)]
pub struct RowTime {
    /// As a clock on the wall.
    pub wall: WallTime,
    pub(super) offset_minutes: Option<i32>,
    pub(super) has_time: bool,
}

impl<'p> Bound<'p> {
    /// Binds a field; titles that the header lacks are noted as missing.
    pub fn new(
        name: &'static str,
        rules: &'p [Field],
        columns: &mut Columns,
        ctx: &FormatContext<'_>,
    ) -> Bound<'p> {
        let rules: Vec<Rule<'p>> = rules
            .iter()
            .map(|field| rule(name, field, columns, ctx))
            .collect();
        let rules = that_can_apply(rules);
        let currency = match rules.as_slice() {
            [rule] => rule
                .constant
                .as_deref()
                .and_then(|code| Currency::parse(code.as_bytes())),
            _ => None,
        };
        let quick = match rules.as_slice() {
            [rule] if rule.when.is_empty() => rule.quick(),
            _ => Quick::Ruled,
        };
        Bound {
            name,
            joins: rules.iter().any(|rule| !rule.join.is_empty()),
            rules,
            currency,
            quick,
        }
    }

    /// True when the direction is told by the sign of the amount.
    pub fn by_sign(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.field.from == Some(From::AmountSign))
    }

    /// True when a minus sign turns the direction of the row round.
    pub fn flips(&self, row: &Row<'_>) -> bool {
        self.rule(row)
            .is_ok_and(|rule| rule.field.sign.get("ANY") == Some(&Sign::Flips))
    }

    /// True when the field is a digest of the row.
    pub fn is_row_digest(&self) -> bool {
        self.rules.iter().any(|rule| rule.field.from == Some(From::Row))
    }

    /// A refusal of this field.
    #[cold]
    fn bad(&self, column: Option<usize>, found: &str, expected: impl Into<String>) -> Bad {
        Bad(Box::new(Wrong {
            field: self.name,
            column,
            found: found.to_owned(),
            expected: expected.into(),
        }))
    }

    /// The first cell of an amount that may have been cut off or away at the end of a record: what is left of it would be read
    /// as another figure. `standing` says how much of a cell is there, and `is_proven` whether a sum would show it.
    pub fn cut_off(
        &self,
        row: &Row<'_>,
        standing: impl Fn(usize) -> Standing,
        is_proven: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let rule = self.rule(row).ok()?;
        let has_text = |columns: &[usize]| columns.iter().any(|at| !row.cell(*at).is_empty());
        let moves = |columns: &[usize]| {
            columns
                .iter()
                .any(|at| row.cell(*at).contains(|c| matches!(c, '1'..='9')))
        };
        // Where the profile says what an empty cell stands for, one that is not there is empty by its word. Of two columns for
        // in and out one is empty where the other has an amount.
        let of_two = moves(&rule.credit) || moves(&rule.debit);
        let may_miss = rule.field.empty.is_some() || of_two || has_text(&rule.columns);
        let all = [&rule.columns, &rule.join, &rule.sum, &rule.credit, &rule.debit];
        all.into_iter().flatten().copied().find(|at| {
            let is_cut = match standing(*at) {
                Standing::Whole => false,
                Standing::Ends(_) => true,
                Standing::Missing => !may_miss,
            };
            is_cut && !is_proven(*at)
        })
    }

    /// A refusal of this field, showing its first column.
    pub fn refuse(&self, row: &Row<'_>, expected: impl Into<String>) -> Bad {
        let rule = self.rules.iter().find(|rule| all_hold(&rule.when, row));
        let at = rule.and_then(|rule| {
            let all = [&rule.columns, &rule.join, &rule.sum, &rule.credit];
            all.into_iter().find_map(|columns| columns.first()).copied()
        });
        let constant = rule.and_then(|rule| rule.constant.as_deref()).unwrap_or_default();
        self.bad(at, at.map_or(constant, |at| row.cell(at)), expected)
    }

    /// As [`Bound::refuse`], with another text than that of the column.
    #[cold]
    pub fn refuse_as(&self, row: &Row<'_>, found: String, expected: impl Into<String>) -> Bad {
        let mut bad = self.refuse(row, expected);
        bad.0.found = found;
        bad
    }

    /// True when every row has the same text, of the book or of a line before the header.
    pub fn is_constant(&self) -> bool {
        self.quick == Quick::Constant
    }

    /// True when the conditions of its rules each look at one cell.
    pub fn is_by_column(&self) -> bool {
        let conditions = self.rules.iter().flat_map(|rule| &rule.when);
        conditions.into_iter().all(BoundCondition::is_of_one_cell)
    }

    /// That text; empty where there is none.
    pub fn constant(&self) -> &[u8] {
        let constant = self.rules.first().and_then(|rule| rule.constant.as_deref());
        constant.unwrap_or_default().as_bytes()
    }

    /// True when rules decide row by row where the text of the field is, or what is done to it.
    pub fn is_ruled(&self) -> bool {
        self.quick == Quick::Ruled
    }

    /// False where the file itself names no account that [`Bound::named_by_file`] could give.
    #[inline]
    pub fn may_be_named(&self) -> bool {
        let rule = self.rules.first();
        rule.is_some_and(|rule| {
            rule.field.from == Some(From::SourceAccount) && (rule.told.is_some() || !rule.columns.is_empty())
        })
    }

    /// The account that the file itself names where the source says one as well: of a column, or of a line before the
    /// header.
    #[inline]
    pub fn named_by_file<'t>(&'t self, row: &Row<'t>) -> Option<&'t str> {
        let of_source = |rule: &&Rule<'p>| rule.field.from == Some(From::SourceAccount);
        let rule = self.rules.first().filter(of_source)?;
        let text = match stripped(rule.field, first(rule.field, row, &rule.columns).0) {
            "" => rule.told.as_deref()?,
            text => text,
        };
        Some(text)
    }

    /// True when the file lacks all columns that could say it.
    pub fn is_absent(&self) -> bool {
        let lacks = |rule: &Rule<'p>| {
            let field = rule.field;
            let titles = field.titles().count() + field.join.len();
            let places = [&rule.columns, &rule.join, &rule.sum, &rule.credit, &rule.debit];
            let is_empty = rule.constant.as_ref().is_some_and(String::is_empty);
            places.iter().all(|places| places.is_empty()) && (titles > 0 || is_empty)
        };
        self.rules.iter().all(lacks)
    }

    /// True where the profile says of a row that it says nothing.
    pub fn is_unsaid(&self, row: &Row<'_>) -> bool {
        let rule = self.rule(row);
        rule.is_ok_and(|rule| rule.columns.is_empty() && rule.constant.as_ref().is_some_and(String::is_empty))
    }

    /// A text of the field with what the profile takes off it; nothing where it takes nothing off.
    pub fn as_printed(&self, stripped: &str) -> Option<String> {
        let field = self.rules.first()?.field;
        let affix = |affix: &Option<String>| affix.clone().unwrap_or_default();
        let (prefix, suffix) = (affix(&field.strip_prefix), affix(&field.strip_suffix));
        let takes_off = !prefix.is_empty() || !suffix.is_empty();
        takes_off.then(|| format!("{prefix}{stripped}{suffix}"))
    }

    #[inline]
    fn rule(&self, row: &Row<'_>) -> Result<&Rule<'p>, Bad> {
        match self.rules.as_slice() {
            [rule] if rule.when.is_empty() => Ok(rule),
            _ => self.rule_of_some(row),
        }
    }

    fn rule_of_some(&self, row: &Row<'_>) -> Result<&Rule<'p>, Bad> {
        for rule in &self.rules {
            if rule.when.is_empty() || all_hold(&rule.when, row) {
                return Ok(rule);
            }
        }
        let condition = self.rules.first().and_then(|rule| rule.when.first());
        let at = condition.and_then(|condition| condition.columns.first()).copied();
        // All that the rules ask, for each may be the one that nobody thought of.
        let asked = self.rules.iter().flat_map(|rule| &rule.when);
        let mut cells: Vec<String> = Vec::new();
        for condition in asked {
            let cell = condition.columns.first().map_or("", |at| row.cell(*at));
            let words = format!("{}={}", condition.condition.columns.join("|"), shown(cell));
            if !cells.contains(&words) {
                cells.push(words);
            }
        }
        let found = match cells.len() {
            0 | 1 => at.map_or("", |at| row.cell(at)).to_owned(),
            _ => cells.join(", "),
        };
        Err(self.bad(at, &found, "a row that one of the rules of the profile is for"))
    }

    /// Text of the field in a row, as bytes.
    ///
    /// # Errors
    /// As [`Bound::text`].
    #[inline(always)]
    pub fn bytes<'t>(&'t self, row: &Row<'t>) -> Result<Cow<'t, [u8]>, Bad> {
        match (self.quick, self.rules.first()) {
            (Quick::Cell { at, may_be_empty }, _) => {
                let text = row.bytes(at);
                if may_be_empty || !text.is_empty() {
                    return Ok(Cow::Borrowed(text));
                }
            }
            (Quick::Constant, Some(rule)) => {
                return Ok(Cow::Borrowed(
                    rule.constant.as_deref().unwrap_or_default().as_bytes(),
                ));
            }
            (Quick::FirstOf, Some(rule)) => return Ok(Cow::Borrowed(first_bytes(rule, row))),
            (Quick::Key { at, may_be_empty }, Some(rule)) => {
                let key = match &rule.field.extract {
                    Some(extract) => extract.find_bytes(row.bytes(at)),
                    None => b"",
                };
                if may_be_empty || !key.is_empty() {
                    return Ok(Cow::Borrowed(key));
                }
            }
            _ => {}
        }
        self.bytes_ruled(row)
    }

    /// Text of an id or a reference in a row, as bytes.
    ///
    /// # Errors
    /// As [`Bound::text`], or it is a number that a spreadsheet has shortened.
    #[inline(always)]
    pub fn id<'t>(&'t self, row: &Row<'t>) -> Result<Cow<'t, [u8]>, Bad> {
        let text = self.bytes(row)?;
        match self.is_shortened(&text) {
            false => Ok(text),
            true => Err(self.shortened(row)),
        }
    }

    /// True when a text of this field is, or where texts are joined holds, a number that a spreadsheet has shortened.
    #[inline(always)]
    pub fn is_shortened(&self, text: &[u8]) -> bool {
        match self.joins {
            false => is_shortened(text),
            true => holds_shortened(text),
        }
    }

    /// Refuses a number that a spreadsheet has shortened.
    #[cold]
    fn shortened(&self, row: &Row<'_>) -> Bad {
        match self.text(row) {
            Ok((text, at)) => self.bad(at, &text, SHORTENED),
            Err(bad) => bad,
        }
    }

    #[inline(never)]
    fn bytes_ruled<'t>(&'t self, row: &Row<'t>) -> Result<Cow<'t, [u8]>, Bad> {
        Ok(match self.text(row)?.0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    }

    /// Text of the field in a row, and the column it came from.
    ///
    /// # Errors
    /// It is empty but required, or has no meaning in the profile's map.
    #[inline]
    pub fn text<'t>(&'t self, row: &Row<'t>) -> Result<(Cow<'t, str>, Option<usize>), Bad> {
        let rule = self.rule(row)?;
        self.text_of(rule, row)
    }

    #[inline]
    fn text_of<'t>(
        &'t self,
        rule: &'t Rule<'p>,
        row: &Row<'t>,
    ) -> Result<(Cow<'t, str>, Option<usize>), Bad> {
        match rule.direct_text(row) {
            Some((text, at)) => Ok((Cow::Borrowed(text), Some(at))),
            None => self.text_made(rule, row),
        }
    }

    #[inline(never)]
    fn text_made<'t>(
        &'t self,
        rule: &'t Rule<'p>,
        row: &Row<'t>,
    ) -> Result<(Cow<'t, str>, Option<usize>), Bad> {
        if let Some(constant) = &rule.constant {
            return Ok((Cow::Borrowed(constant), None));
        }
        if rule.field.from == Some(From::Row) {
            return Ok((Cow::Borrowed(row.id), None));
        }
        if !rule.join.is_empty() {
            return self.joined(rule, row);
        }
        let (text, at) = first(rule.field, row, &rule.columns);
        if rule.plain {
            return Ok((Cow::Borrowed(text), at));
        }
        self.meaning(rule.field, Cow::Borrowed(text), at)
    }

    fn joined<'t>(&'t self, rule: &'t Rule<'p>, row: &Row<'t>) -> Result<(Cow<'t, str>, Option<usize>), Bad> {
        let at = rule.join.first().copied();
        let mut parts = rule.parts(*row);
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        if second.is_none() {
            return self.meaning(rule.field, Cow::Borrowed(first), at);
        }
        let mut joined = String::new();
        rule.join_into(row, &mut joined);
        self.meaning(rule.field, Cow::Owned(joined), at)
    }

    /// What the profile makes of a text.
    #[inline]
    fn meaning<'t>(
        &'t self,
        field: &'t Field,
        text: Cow<'t, str>,
        at: Option<usize>,
    ) -> Result<(Cow<'t, str>, Option<usize>), Bad> {
        let mut text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(stripped(field, text)),
            Cow::Owned(text) => Cow::Owned(stripped(field, &text).to_owned()),
        };
        if field.upper && text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            text = Cow::Owned(text.to_ascii_uppercase());
        }
        if let Some(part) = field.forbid.iter().find(|part| text.contains(part.as_str())) {
            return Err(self.bad(
                at,
                &text,
                format!("a text without `{part}`: a spreadsheet has changed it"),
            ));
        }
        if text.is_empty() {
            if let Some(empty) = &field.empty {
                return Ok((Cow::Borrowed(empty), at));
            }
            if field.required {
                return Err(self.bad(at, "", "a text"));
            }
        }
        if field.map.is_empty() {
            return Ok((text, at));
        }
        match field.map.get(text.as_ref()) {
            Some(meaning) => Ok((Cow::Borrowed(meaning), at)),
            None => match field.map.get("*") {
                Some(meaning) => Ok((Cow::Borrowed(meaning), at)),
                None => {
                    let known: Vec<&str> = field.map.keys().map(String::as_str).collect();
                    Err(self.bad(at, &text, format!("one of {}", known.join(", "))))
                }
            },
        }
    }

    /// A text of a closed vocabulary; a field has one.
    ///
    /// # Errors
    /// As [`Bound::text`], or it is no word of the vocabulary.
    #[inline]
    pub fn word<T: Word>(
        &self,
        row: &Row<'_>,
        parse: impl Fn(&[u8]) -> Option<T>,
        expected: &str,
    ) -> Result<T, Bad> {
        let rule = self.rule(row)?;
        let text = match (&rule.constant, rule.one_cell) {
            (Some(constant), _) => ShortText::of(constant.as_bytes()),
            (None, Some(at)) => ShortText::of(row.bytes(at)),
            (None, None) => None,
        };
        if let Some(text) = text
            && let Some(number) = rule.words.borrow().of(text)
            && let Some(word) = T::of_number(number)
        {
            return Ok(word);
        }
        let word = self.word_of(rule, row, parse, expected)?;
        if let Some(text) = text {
            rule.words.borrow_mut().keep(text, word.number());
        }
        Ok(word)
    }

    #[inline(never)]
    fn word_of<T: Word>(
        &self,
        rule: &Rule<'p>,
        row: &Row<'_>,
        parse: impl Fn(&[u8]) -> Option<T>,
        expected: &str,
    ) -> Result<T, Bad> {
        let (meaning, at) = self.text_of(rule, row)?;
        parse(meaning.as_bytes()).ok_or_else(|| self.bad(at, &meaning, expected))
    }

    /// The currency.
    ///
    /// # Errors
    /// As [`Bound::word`].
    #[inline(always)]
    pub fn currency(&self, row: &Row<'_>) -> Result<Currency, Bad> {
        match self.currency {
            Some(currency) => Ok(currency),
            None => self.word(row, Currency::parse, "a currency code of ISO 4217 such as CNY"),
        }
    }

    /// The time of the field.
    ///
    /// # Errors
    /// As [`Bound::text`], or it is no time of the profile's patterns.
    #[inline(always)]
    pub fn time(&self, row: &Row<'_>, times: &Times) -> Result<RowTime, Bad> {
        let rule = self.rule(row)?;
        if rule.field.from == Some(From::BusinessDate) {
            return Ok(RowTime {
                wall: midnight(times.business_date),
                offset_minutes: None,
                has_time: false,
            });
        }
        let remembered = match (rule.direct, rule.day_and_clock) {
            (Some(at), _) => rule.day.borrow().read(rule.shape, row.bytes(at)),
            (None, Some((day, clock))) => rule.day.borrow().read_parts(row.bytes(day), row.bytes(clock)),
            (None, None) => None,
        };
        if let Some((wall, offset_minutes, has_time)) = remembered
            && rule.zone.is_none()
        {
            return Ok(RowTime {
                wall,
                offset_minutes,
                has_time,
            });
        }
        self.time_by(rule, row, times)
    }

    #[inline(never)]
    fn time_by(&self, rule: &Rule<'p>, row: &Row<'_>, times: &Times) -> Result<RowTime, Bad> {
        let joined = rule.plain && !rule.join.is_empty();
        let read = if joined {
            let text = &mut *rule.joined.borrow_mut();
            rule.join_into(row, text);
            rule.read_time(text, times.business_date)
        } else {
            let (text, at) = self.text_of(rule, row)?;
            let read = rule.read_time(&text, times.business_date);
            if read.is_none() {
                return Err(self.bad(at, &text, time_expected(&rule.field.patterns, &text)));
            }
            read
        };
        let Some((wall, offset_minutes, has_time)) = read else {
            let text = rule.joined.borrow().clone();
            let at = rule.join.first().copied();
            return Err(self.bad(at, &text, time_expected(&rule.field.patterns, &text)));
        };
        let offset_minutes = match rule.zone {
            Some(zone_at) => match rule.field.zones.get(row.cell(zone_at)) {
                Some(minutes) => Some(*minutes),
                None => {
                    let known: Vec<&str> = rule.field.zones.keys().map(String::as_str).collect();
                    let expected = format!("a zone that the profile knows: {}", known.join(", "));
                    return Err(self.bad(Some(zone_at), row.cell(zone_at), expected));
                }
            },
            None => offset_minutes,
        };
        Ok(RowTime {
            wall,
            offset_minutes,
            has_time,
        })
    }

    /// Writes the time of the field as text, with an offset, and gives its day; a day where the file has no time of day.
    ///
    /// # Errors
    /// As [`Bound::time`], or clocks did not show that time once.
    #[inline(always)]
    pub fn write_time(&self, row: &Row<'_>, times: &mut Times, out: &mut TimeText) -> Result<Date, Bad> {
        let rule = self.rule(row)?;
        if let (Some(at), None) = (rule.direct, rule.zone)
            && let Some(booked) = rule.day.borrow().write_given(rule.shape, row.bytes(at), out)
        {
            return Ok(booked.date);
        }
        let time = self.time(row, times)?;
        self.write_time_read(row, time, times, out)
    }

    /// As [`Bound::write_time`], of a time that was read from this row already.
    ///
    /// # Errors
    /// Clocks did not show that time once.
    #[inline(never)]
    pub fn write_time_read(
        &self,
        row: &Row<'_>,
        time: RowTime,
        times: &mut Times,
        out: &mut TimeText,
    ) -> Result<Date, Bad> {
        let rule = self.rule(row)?;
        let zone = match (time.has_time, time.offset_minutes) {
            (true, None) => rule.field.zone.as_ref(),
            _ => None,
        };
        let written = times.write(time, zone, out);
        written.ok_or_else(|| self.refuse(row, "a time that clocks showed once"))?;
        let even = match (time.offset_minutes, &rule.field.zone, &times.own) {
            (Some(_), ..) => rule.zone.is_none(),
            (None, None, _) => times.clock.is_even(time.wall.date),
            (None, Some(_), Some((_, clock))) => clock.is_even(time.wall.date),
            (None, Some(_), None) => false,
        };
        // Only where the day that is remembered was read from this very text, and not by another pattern.
        let remembered = match (rule.direct, rule.day_and_clock) {
            (Some(at), _) => rule.day.borrow().read(rule.shape, row.bytes(at)).is_some(),
            (None, Some((day, clock))) => {
                let day_memory = rule.day.borrow();
                day_memory.read_parts(row.bytes(day), row.bytes(clock)).is_some()
            }
            (None, None) => false,
        };
        if time.has_time && even && remembered {
            rule.day.borrow_mut().keep_given(time.wall.date, *out);
        }
        Ok(time.wall.date)
    }

    /// True when this field says the day of the same cells as another, in the same way.
    pub fn has_day_of(&self, other: &Bound<'_>) -> bool {
        let same = |(a, b): (&Rule<'_>, &Rule<'_>)| {
            a.direct.is_some()
                && a.direct == b.direct
                && a.field.when == b.field.when
                && a.field.patterns == b.field.patterns
                && a.field.empty == b.field.empty
                && a.field.required == b.field.required
                && (&a.field.zone_column, &a.field.zones) == (&b.field.zone_column, &b.field.zones)
                && (a.field.from, b.field.from) == (None, None)
        };
        self.rules.len() == other.rules.len() && self.rules.iter().zip(&other.rules).all(same)
    }

    /// The day of this field in all rows whose time in `other` was read from memory, where it is of the cell that is the day there.
    pub fn day_remembered_with(&self, other: &Bound<'_>) -> Option<Date> {
        let ([rule], [other]) = (self.rules.as_slice(), other.rules.as_slice()) else {
            return None;
        };
        let (day_at, _) = other.day_and_clock?;
        let is_of_it = rule.direct == Some(day_at)
            && rule.shape == Shape::Day
            && (rule.field.from, other.field.from) == (None, None)
            && rule.zone.is_none()
            && rule.when.is_empty()
            && other.when.is_empty();
        if !is_of_it {
            return None;
        }
        rule.day.borrow().day_of_same_text(&other.day.borrow())
    }

    /// Writes times of some rows that were read already; gives those that must be looked at closely.
    pub fn write_times_of(
        &self,
        rows: Rows,
        read: &[RowTime; RUN_ROWS],
        times: &mut Times,
        out: &mut [TimeText; RUN_ROWS],
    ) -> Rows {
        if self.rules.iter().any(|rule| rule.field.zone.is_some()) {
            return rows;
        }
        let mut closely = 0;
        for row in each(rows) {
            let written = times.write(read[row], None, &mut out[row]);
            closely |= Rows::from(written.is_none()) << row;
        }
        closely
    }

    /// The signed amount of the field: as written, or with two columns positive in and negative out.
    ///
    /// # Errors
    /// As [`Bound::text`], or it is no amount of the currency.
    #[inline]
    pub fn signed(&self, row: &Row<'_>, currency: Currency) -> Result<(i64, Option<usize>), Bad> {
        self.signed_of(self.rule(row)?, row, currency)
    }

    #[inline(always)]
    fn signed_of(
        &self,
        rule: &Rule<'p>,
        row: &Row<'_>,
        currency: Currency,
    ) -> Result<(i64, Option<usize>), Bad> {
        if let Some((minor, at)) = rule.usual_signed(row, currency.digits()) {
            return Ok((minor, Some(at)));
        }
        self.signed_by(rule, row, currency)
    }

    #[inline(never)]
    fn signed_by(
        &self,
        rule: &Rule<'p>,
        row: &Row<'_>,
        currency: Currency,
    ) -> Result<(i64, Option<usize>), Bad> {
        let digits = currency.digits();
        let read = |text: &str, at: Option<usize>| {
            let minor = rule.field.number.minor(text, digits);
            minor.map_err(|error| {
                let expected = amount_expected(error, currency.code(), digits);
                let expected = rule.field.number.or_by_key(expected, text, error);
                self.bad(at, text, expected + changed(text))
            })
        };
        if !rule.sum.is_empty() {
            return self.added(row, rule, currency);
        }
        if rule.credit.is_empty() {
            let (text, at) = self.text_of(rule, row)?;
            let minor = read(&text, at)?;
            return Ok((if rule.field.negate { -minor } else { minor }, at));
        }
        let side = |columns: &[usize]| {
            let (text, at) = first(rule.field, row, columns);
            let text = stripped(rule.field, text);
            Ok((if text.is_empty() { 0 } else { read(text, at)? }, at))
        };
        let ((credit, credit_at), (debit, debit_at)) = (side(&rule.credit)?, side(&rule.debit)?);
        if credit == 0 && debit == 0 {
            // Both empty is no amount at all; one zero is an amount of nothing.
            let empty =
                |columns: &[usize]| stripped(rule.field, first(rule.field, row, columns).0).is_empty();
            if rule.field.required && empty(&rule.credit) && empty(&rule.debit) {
                return Err(self.bad(credit_at, "", "an amount, in or out"));
            }
            return Ok((0, credit_at));
        }
        if debit == 0 {
            // A minus sign in the column of what came in takes it back: money out.
            return Ok((credit, credit_at));
        }
        if credit == 0 {
            // Likewise here, unless the format writes all that went out with one.
            let out = if rule.field.debit_is_negative {
                -debit.abs()
            } else {
                -debit
            };
            return Ok((out, debit_at));
        }
        let found = row.cell(debit_at.unwrap_or(0));
        Err(self.bad(debit_at, found, "one amount, in or out, not both"))
    }

    fn added(&self, row: &Row<'_>, rule: &Rule<'_>, currency: Currency) -> Result<(i64, Option<usize>), Bad> {
        // Parts may have more decimals than the currency; their sum may not.
        let mut sum: i128 = 0;
        for at in &rule.sum {
            let (text, at) = first(rule.field, row, &[*at]);
            if !text.is_empty() {
                let part = rule.field.number.scaled(text);
                sum += part.map_err(|error| {
                    let expected = rule.field.number.or_by_key("an amount".to_owned(), text, error);
                    self.bad(at, text, expected)
                })?;
            }
        }
        let (at, digits) = (rule.sum.first().copied(), currency.digits());
        match rule.field.number.minor_of_scaled(sum, digits) {
            Ok(minor) => Ok((minor, at)),
            Err(error) => {
                let text = crate::terms::money::format_minor(sum, SCALE_DIGITS);
                let text = text.trim_end_matches('0').trim_end_matches('.');
                Err(self.bad(at, text, amount_expected(error, currency.code(), digits)))
            }
        }
    }

    /// The signed amount of a row as it stands, whatever its decimals, and the column.
    ///
    /// # Errors
    /// It is no amount, or has more decimals than are counted.
    pub fn scaled(&self, row: &Row<'_>, currency: Currency) -> Result<(i128, Option<usize>), Bad> {
        let rule = self.rule(row)?;
        let (text, at) = self.text_of(rule, row)?;
        let number = &rule.field.number;
        match number.scaled(&text) {
            Ok(scaled) => Ok((if rule.field.negate { -scaled } else { scaled }, at)),
            Err(error) => {
                let expected = amount_expected(error, currency.code(), SCALE_DIGITS);
                Err(self.bad(at, &text, number.or_by_key(expected, &text, error)))
            }
        }
    }

    /// Checks a sign against the habits of the field and gives the magnitude.
    ///
    /// # Errors
    /// The sign contradicts.
    #[inline]
    pub fn magnitude_of(
        &self,
        row: &Row<'_>,
        signed: (i64, Option<usize>),
        kind: Option<TxnType>,
    ) -> Result<i64, Bad> {
        self.magnitude_by(self.rule(row)?, row, signed, kind)
    }

    #[inline(always)]
    fn magnitude_by(
        &self,
        rule: &Rule<'p>,
        row: &Row<'_>,
        (minor, at): (i64, Option<usize>),
        kind: Option<TxnType>,
    ) -> Result<i64, Bad> {
        let sign = rule.signs[kind.map_or(TXN_TYPES.len(), |kind| kind as usize)];
        if !matches!(
            (sign, minor < 0),
            (Sign::Positive, true) | (Sign::Negative, false)
        ) || minor == 0
        {
            return Ok(minor.abs());
        }
        let of = || kind.map_or(String::new(), |kind| format!(" on {}", kind.name()));
        let found = || at.map_or("", |at| row.cell(at));
        match sign {
            Sign::Positive => Err(self.bad(at, found(), format!("no minus sign{}", of()))),
            _ => Err(self.bad(at, found(), format!("a minus sign{}", of()))),
        }
    }

    /// The magnitude of an amount whose sign is as the profile says for this type.
    ///
    /// # Errors
    /// As [`Bound::signed`], or the sign contradicts.
    #[inline]
    pub fn magnitude(&self, row: &Row<'_>, currency: Currency, kind: Option<TxnType>) -> Result<i64, Bad> {
        let rule = self.rule(row)?;
        self.magnitude_by(rule, row, self.signed_of(rule, row, currency)?, kind)
    }
}

/// Rules without those that are for no row of this file, and without conditions that hold for every row.
fn that_can_apply(mut rules: Vec<Rule<'_>>) -> Vec<Rule<'_>> {
    let never = |rule: &Rule<'_>| rule.when.iter().any(|when| when.always() == Some(false));
    if rules.iter().all(never) {
        return rules;
    }
    rules.retain(|rule| !never(rule));
    for rule in &mut rules {
        rule.when.retain(|when| when.always().is_none());
    }
    // What stands behind a rule for every row is never looked at.
    let last = rules.iter().position(|rule| rule.when.is_empty());
    rules.truncate(last.map_or(rules.len(), |last| last + 1));
    rules
}

/// How a message says that the file does not name its account or channel, and where it can be said.
pub const NOT_TOLD_BY_FILE: &str = "of the source in book.toml";

fn rule<'p>(name: &str, field: &'p Field, columns: &mut Columns, ctx: &FormatContext<'_>) -> Rule<'p> {
    let optional = field.optional;
    let from_book = match field.from {
        Some(From::SourceChannel) => ctx.source.channel.clone(),
        Some(From::SourceAccount) => ctx.source.account.clone(),
        Some(From::AmountSign | From::BusinessDate | From::Row) | None => None,
    };
    let from_file = field.fact.as_ref().and_then(|fact| columns.facts.get(fact));
    let from_file = from_file.map(|text| stripped(field, text.trim()).to_owned());
    let from_file = from_file.map(|text| field.map.get(&text).cloned().unwrap_or(text));
    let constant = from_book.or(from_file.clone()).or_else(|| field.value.clone());
    let told = matches!(field.from, Some(From::SourceChannel | From::SourceAccount)) || field.fact.is_some();
    if told && constant.is_none() && field.columns.is_empty() {
        columns.missing.push(match &field.fact {
            Some(fact) => {
                format!("for {name} (a line {fact} before it, or `{name}` {NOT_TOLD_BY_FILE})")
            }
            None => format!("for {name}, which must then be `{name}` {NOT_TOLD_BY_FILE}"),
        });
    }
    let as_it_stands = field.strip_prefix.is_none()
        && field.strip_suffix.is_none()
        && field.extract.is_none()
        && !field.upper
        && field.forbid.is_empty()
        && field.map.is_empty();
    let plain = as_it_stands && !field.required && field.empty.is_none();
    let cells = columns.any(&field.columns, optional || constant.is_some());
    let join = columns.all(&field.join, optional);
    let credit = columns.any(&field.credit_columns, optional);
    let debit = columns.any(&field.debit_columns, optional);
    let shape = field.patterns.first().map_or(Shape::Other, TimePattern::shape);
    let one_cell = match cells.as_slice() {
        [at] if field.join.is_empty() && field.from != Some(From::Row) => Some(*at),
        _ => None,
    };
    let direct = one_cell.filter(|_| as_it_stands && field.blank.is_empty() && constant.is_none());
    Rule {
        field,
        when: BoundCondition::all(&field.when, columns, optional),
        columns: cells,
        one_cell,
        direct,
        words: RefCell::default(),
        cells: RefCell::default(),
        shape,
        day: RefCell::new(DayMemory::EMPTY),
        day_and_clock: match join.as_slice() {
            [day, clock] if plain && field.blank.is_empty() && field.with == " " && shape == Shape::Plain => {
                Some((*day, *clock))
            }
            _ => None,
        },
        figure: match (direct, credit.as_slice(), debit.as_slice()) {
            _ if !field.sum.is_empty() => Figure::Ruled,
            (Some(at), [], _) => Figure::Cell(at),
            (None, [credit], [debit]) if credit != debit && as_it_stands && field.blank.is_empty() => {
                Figure::Sides(*credit, *debit)
            }
            _ => Figure::Ruled,
        },
        joined: RefCell::default(),
        join,
        sum: columns.all(&field.sum, true),
        credit,
        debit,
        zone: field
            .zone_column
            .as_ref()
            .and_then(|title| columns.any(std::slice::from_ref(title), false).first().copied()),
        constant,
        told: from_file,
        plain,
        signs: signs(field),
    }
}

impl Rule<'_> {
    /// The signed amount and the cell that it stands in, where it is a usual one; `None` where it needs a closer look.
    #[inline(always)]
    fn usual_signed(&self, row: &Row<'_>, digits: u32) -> Option<(i64, usize)> {
        match self.figure {
            Figure::Cell(at) => Some((self.usual_of_cell(row.bytes(at), digits)?, at)),
            Figure::Sides(credit, debit) => {
                let minor = self.usual_of_sides(row.bytes(credit), row.bytes(debit), digits)?;
                Some((minor, if minor < 0 { debit } else { credit }))
            }
            Figure::Ruled => None,
        }
    }

    /// As above, of an amount with its sign.
    #[inline(always)]
    pub(super) fn usual_of_cell(&self, cell: &[u8], digits: u32) -> Option<i64> {
        let minor = self.field.number.usual_minor(cell, digits)?;
        Some(if self.field.negate { -minor } else { minor })
    }

    /// As above, of what came in and what went out: one of the two, and not nothing.
    #[inline(always)]
    pub(super) fn usual_of_sides(&self, came_in: &[u8], went_out: &[u8], digits: u32) -> Option<i64> {
        let is_out = came_in.is_empty();
        let text = if is_out { went_out } else { came_in };
        let minor = self.field.number.usual_minor(text, digits)?;
        let is_one = is_out != went_out.is_empty() && minor > 0;
        is_one.then_some(if is_out { -minor } else { minor })
    }

    /// How the text of a field with this one rule is had.
    fn quick(&self) -> Quick {
        let field = self.field;
        if self.constant.is_some() {
            return Quick::Constant;
        }
        if let Some(at) = self.direct {
            return Quick::Cell {
                at,
                may_be_empty: self.plain,
            };
        }
        if field.from == Some(From::Row) {
            return Quick::Ruled;
        }
        if !field.join.is_empty() {
            return if self.plain { Quick::Joined } else { Quick::Ruled };
        }
        let only_extracted = field.strip_prefix.is_none()
            && field.strip_suffix.is_none()
            && !field.upper
            && field.forbid.is_empty()
            && field.map.is_empty()
            && field.blank.is_empty();
        match (self.one_cell, &field.extract) {
            _ if self.plain => Quick::FirstOf,
            (Some(at), Some(_)) if only_extracted => Quick::Key {
                at,
                may_be_empty: !field.required && field.empty.is_none(),
            },
            _ => Quick::Ruled,
        }
    }

    /// The text of a cell that stands for the field as it is, and its column.
    #[inline]
    fn direct_text<'t>(&self, row: &Row<'t>) -> Option<(&'t str, usize)> {
        let at = self.direct?;
        let text = row.cell(at);
        (!text.is_empty()).then_some((text, at))
    }

    /// True for a text that stands for something: neither empty nor one of those that mean nothing.
    #[inline]
    pub(super) fn is_text(&self, text: &[u8]) -> bool {
        !text.is_empty() && !self.field.blank.iter().any(|blank| same(blank.as_bytes(), text))
    }

    /// Texts that are joined, empty ones left out.
    fn parts<'t>(&self, row: Row<'t>) -> impl Iterator<Item = &'t str> {
        let parts = self.join.iter().map(move |at| row.cell(*at));
        parts.filter(|part| self.is_text(part.as_bytes()))
    }

    fn join_into(&self, row: &Row<'_>, joined: &mut String) {
        joined.clear();
        for part in self.parts(*row) {
            if !joined.is_empty() {
                joined.push_str(&self.field.with);
            }
            joined.push_str(part);
        }
    }

    /// A text by the first pattern that fits, with its offset, and whether it has a time of day.
    #[inline]
    fn read_time(&self, text: &str, near: Date) -> Option<(WallTime, Option<i32>, bool)> {
        let bytes = text.as_bytes();
        if let Some(read) = self.day.borrow().read(self.shape, bytes) {
            return Some(read);
        }
        self.read_new_day(text, near)
    }

    #[inline(never)]
    fn read_new_day(&self, text: &str, near: Date) -> Option<(WallTime, Option<i32>, bool)> {
        let patterns = &self.field.patterns;
        let read = read_time(patterns, text, near)?;
        let by_first = patterns.first().and_then(|pattern| pattern.read(text));
        if self.shape != Shape::Other && by_first.is_some() {
            *self.day.borrow_mut() = DayMemory::keep(self.shape, text.as_bytes(), read.0.date, read.1);
        }
        Some(read)
    }
}

/// What a day or time should have been, in words.
#[cold]
fn time_expected(patterns: &[TimePattern], found: &str) -> String {
    let what = match patterns.iter().any(|pattern| pattern.has_time) {
        true => "a time",
        false => "a day",
    };
    let texts: Vec<&str> = patterns.iter().map(TimePattern::text).collect();
    let like = match texts.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        texts => texts.concat(),
    };
    let expected = format!("{what} that exists, like {like}");
    if is_day_with_strokes(found) && !like.contains('/') {
        return format!("{expected}; its day and month can be mistaken{}", changed(found));
    }
    // Where the sender writes days with slashes, these tell nothing.
    let is_senders = found.contains('/') && texts.first().is_some_and(|text| text.contains('/'));
    let hint = if is_senders { "" } else { changed(found) };
    expected + hint
}

fn signs(field: &Field) -> [Sign; TXN_TYPES.len() + 1] {
    let any = field.sign.get("ANY").copied().unwrap_or(Sign::Positive);
    let mut signs = [any; TXN_TYPES.len() + 1];
    for (at, name) in TXN_TYPES.iter().enumerate() {
        signs[at] = field.sign.get(*name).copied().unwrap_or(any);
    }
    signs
}

/// The first text of some columns, and where it stands.
#[inline]
fn first<'t>(field: &Field, row: &Row<'t>, columns: &[usize]) -> (&'t str, Option<usize>) {
    for at in columns {
        let text = row.cell(*at);
        if !text.is_empty() && !field.blank.iter().any(|blank| blank == text) {
            return (text, Some(*at));
        }
    }
    ("", columns.first().copied())
}

/// As [`first`], as bytes.
#[inline]
fn first_bytes<'t>(rule: &Rule<'_>, row: &Row<'t>) -> &'t [u8] {
    for at in &rule.columns {
        let text = row.bytes(*at);
        if rule.is_text(text) {
            return text;
        }
    }
    b""
}

pub(super) fn stripped<'t>(field: &Field, text: &'t str) -> &'t str {
    let text = match &field.strip_prefix {
        Some(prefix) => text.strip_prefix(prefix.as_str()).unwrap_or(text),
        None => text,
    };
    let text = match &field.strip_suffix {
        Some(suffix) => text.strip_suffix(suffix.as_str()).unwrap_or(text),
        None => text,
    };
    match &field.extract {
        Some(extract) => extract.find(text),
        None => text,
    }
}
