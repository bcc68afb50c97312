//! One rule of a field bound to columns, and the short way by which nearly all its texts are had.

use std::cell::RefCell;

use super::super::clock::DayMemory;
use super::super::cut::Row;
use super::columns::Columns;
use super::condition::{BoundCondition, Judged};
use crate::ingest::formats::FormatContext;
use crate::ingest::formats::profile::{Field, From, Shape, Sign, TimePattern};
use crate::terms::kinds::TXN_TYPES;
use crate::terms::short_text::same;

/// A rule of a field, bound to the columns of a file.
pub struct Rule<'p> {
    pub field: &'p Field,
    pub when: Vec<BoundCondition<'p>>,
    pub columns: Vec<usize>,
    pub join: Vec<usize>,
    pub(super) sum: Vec<usize>,
    /// What came in and what went out, where that is told by two columns.
    pub(super) credit: Vec<usize>,
    pub(super) debit: Vec<usize>,
    pub zone: Option<usize>,
    pub constant: Option<String>,
    /// What a line before the header says.
    pub told: Option<String>,
    /// Nothing is done to the text of a cell.
    pub(super) plain: bool,
    /// The one cell that decides what the rule says.
    pub one_cell: Option<usize>,
    /// The one cell whose text, unless it is empty, is the field's as it stands.
    pub direct: Option<usize>,
    /// Texts of that cell that were judged, and the words that they are.
    pub words: RefCell<Judged<u16>>,
    /// Likewise, as they are delivered.
    pub cells: RefCell<Judged<u16>>,
    /// Shape of the first pattern, and the day that was read last.
    pub shape: Shape,
    pub day: RefCell<DayMemory>,
    /// Cells of a day and of a time of day, where joined they have that shape.
    pub day_and_clock: Option<(usize, usize)>,
    /// Where a usual amount stands.
    pub figure: Figure,
    /// Room for joined texts.
    pub(super) joined: RefCell<String>,
    /// Sign by number of the type; the last is of rows without a type.
    pub signs: [Sign; TXN_TYPES.len() + 1],
}

/// Where the amount of a field stands, as that of nearly all does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// In this cell.
    Cell(usize),
    /// In one of two cells: what came in, and what went out. Nothing is done to their texts.
    Sides(usize, usize),
    /// By the rule.
    Ruled,
}

/// How the text of a field is had without a look at its rules, as that of nearly all is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quick {
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

impl Rule<'_> {
    /// How the text of a field with this one rule is had.
    pub(super) fn quick(&self) -> Quick {
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
    pub(super) fn direct_text<'t>(&self, row: &Row<'t>) -> Option<(&'t str, usize)> {
        let at = self.direct?;
        let text = row.cell(at);
        (!text.is_empty()).then_some((text, at))
    }

    /// True for a text that stands for something: neither empty nor one of those that mean nothing.
    #[inline]
    pub fn is_text(&self, text: &[u8]) -> bool {
        !text.is_empty() && !self.field.blank.iter().any(|blank| same(blank.as_bytes(), text))
    }

    /// Texts that are joined, empty ones left out.
    pub(super) fn parts<'t>(&self, row: Row<'t>) -> impl Iterator<Item = &'t str> {
        let parts = self.join.iter().map(move |at| row.cell(*at));
        parts.filter(|part| self.is_text(part.as_bytes()))
    }

    pub(super) fn join_into(&self, row: &Row<'_>, joined: &mut String) {
        joined.clear();
        for part in self.parts(*row) {
            if !joined.is_empty() {
                joined.push_str(&self.field.with);
            }
            joined.push_str(part);
        }
    }
}

/// Rules without those that are for no row of this file, and without conditions that hold for every row.
pub(super) fn that_can_apply(mut rules: Vec<Rule<'_>>) -> Vec<Rule<'_>> {
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

pub(super) fn rule<'p>(
    name: &str,
    field: &'p Field,
    columns: &mut Columns,
    ctx: &FormatContext<'_>,
) -> Rule<'p> {
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
        zone: field.zone_column.as_ref().and_then(|title| {
            columns
                .any(std::slice::from_ref(title), optional)
                .first()
                .copied()
        }),
        constant,
        told: from_file,
        plain,
        signs: signs(field),
    }
}

pub(super) fn signs(field: &Field) -> [Sign; TXN_TYPES.len() + 1] {
    let any = field.sign.get("ANY").copied().unwrap_or(Sign::Positive);
    let mut signs = [any; TXN_TYPES.len() + 1];
    for (at, name) in TXN_TYPES.iter().enumerate() {
        signs[at] = field.sign.get(*name).copied().unwrap_or(any);
    }
    signs
}

/// The first text of some columns, and where it stands.
#[inline]
pub(super) fn first<'t>(field: &Field, row: &Row<'t>, columns: &[usize]) -> (&'t str, Option<usize>) {
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
pub(super) fn first_bytes<'t>(rule: &Rule<'_>, row: &Row<'t>) -> &'t [u8] {
    for at in &rule.columns {
        let text = row.bytes(*at);
        if rule.is_text(text) {
            return text;
        }
    }
    b""
}

pub fn stripped<'t>(field: &Field, text: &'t str) -> &'t str {
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
