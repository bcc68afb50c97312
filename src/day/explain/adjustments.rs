//! Adjustments by people (SPEC §6.7): by their own id, and wherever something they closed or moved is told.

use super::closes::{Day, Days, TableRow, money};
use super::{Section, words};
use crate::findings::Stop;
use crate::terms::date::Date;

/// The table of a close.
const TABLE: &str = "adjustments.csv";

/// Ids in one cell are joined by this.
const JOINT: char = '+';

/// The adjustment of this id.
pub(super) fn explain(days: &Days, what: &str, date: Option<Date>) -> Result<Vec<Section>, Stop> {
    let mut sections = Vec::new();
    for day in days.looked_into(date) {
        for line in day.rows(TABLE, |line| line.get("adjustment_id") == what)? {
            let mut section = Section::new(format!("adjustment {what} in the close of {}", day.date()));
            tell(day, &line, &mut section);
            section.source(day.date(), &day.told(TABLE), line.line, consequence(&line));
            sections.push(section);
        }
    }
    Ok(sections)
}

/// The adjustments that named a break.
pub(super) fn of_break<'a>(days: &'a Days, break_id: &str) -> Result<Vec<(&'a Day, TableRow)>, Stop> {
    lines(days, &|line| has(line, "target", break_id))
}

/// The adjustments that closed a row: `column` is txn_id or entry_id.
pub(super) fn of_row<'a>(days: &'a Days, column: &str, id: &str) -> Result<Vec<(&'a Day, TableRow)>, Stop> {
    lines(days, &|line| has(line, column, id))
}

/// The adjustments of a merchant's money on one day.
pub(super) fn of_merchant(day: &Day, merchant_id: &str) -> Result<Vec<TableRow>, Stop> {
    day.rows(TABLE, |line| {
        line.get("leg").is_empty() && line.get("merchant_id") == merchant_id
    })
}

fn lines<'a>(days: &'a Days, wanted: &dyn Fn(&TableRow) -> bool) -> Result<Vec<(&'a Day, TableRow)>, Stop> {
    let mut found = Vec::new();
    for day in &days.list {
        found.extend(day.rows(TABLE, wanted)?.into_iter().map(|line| (day, line)));
    }
    Ok(found)
}

fn has(line: &TableRow, column: &str, id: &str) -> bool {
    !id.is_empty() && line.get(column).split(JOINT).any(|known| known == id)
}

/// What was decided, by whom, and where the decision stands.
pub(super) fn tell(day: &Day, line: &TableRow, section: &mut Section) {
    section.event(
        day.date(),
        format!(
            "{} by adjustment {}: {}; prepared by {}, approved by {} at {}",
            words::decided(line.get("action")),
            line.get("adjustment_id"),
            line.get("reason"),
            line.get("prepared_by"),
            line.get("approved_by"),
            line.get("approved_at")
        ),
    );
    let file = format!("inbox/{}/{}", day.date(), line.get("file"));
    let row = usize::try_from(line.minor("line")).unwrap_or(0);
    section.source(
        day.date(),
        &file,
        row as u64,
        format!("{} {}", line.get("action"), line.money("amount_minor")),
    );
    let own_minor = line.minor("own_money_minor");
    if own_minor != 0 {
        section.step(format!(
            "own money {} {}",
            if own_minor < 0 { "bears" } else { "gains" },
            money(own_minor.abs(), line.get("currency"))
        ));
    }
}

/// What the adjustment closed or moved.
fn consequence(line: &TableRow) -> String {
    if line.get("leg").is_empty() {
        return format!(
            "merchant {}: part of manual_minor of payouts.csv",
            line.get("merchant_id")
        );
    }
    let rows: Vec<&str> = [line.get("txn_id"), line.get("entry_id")]
        .into_iter()
        .filter(|id| !id.is_empty())
        .collect();
    format!(
        "closed {} on leg {}, open since {}: {}",
        line.get("class"),
        line.get("leg"),
        line.get("first_seen"),
        rows.join(" with ")
    )
}
