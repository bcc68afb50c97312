//! Fields of a profile bound to the columns of a file, and what they make of a row.
//!
//! [`columns`] finds columns by their titles, [`condition`] and [`rule`] say what a field is of in a row; here are its texts and words,
//! in [`times`] and [`amounts`] the others. Each has a short way, by which nearly all rows go, and a rule for the rest.

use std::borrow::Cow;

use crate::ingest::canonical::values::Word;
use crate::ingest::formats::FormatContext;
use crate::ingest::formats::profile::{Field, From, Sign};
use crate::ingest::formats::values::shown;
use crate::terms::currency::Currency;
use crate::terms::short_text::ShortText;

use super::cut::{Row, Standing};
use super::spreadsheet::{SHORTENED, holds_shortened, is_shortened};
use bad::Wrong;
use rule::{first, first_bytes, rule, that_can_apply};

pub use bad::Bad;
pub use columns::Columns;
pub use condition::{BoundCondition, all_hold};
pub use rule::{Figure, NOT_TOLD_BY_FILE, Quick, Rule, stripped};
pub use times::{RowTime, Times};

mod amounts;
mod bad;
mod columns;
mod condition;
mod rule;
mod times;

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
}
