//! What the tables of `opening/` must say of each other: a line of `unsettled.csv` is of one row of `open_items.csv`.
//!
//! A close writes both tables from the same rows; `opening/` is written by people. A line that no row can have would be
//! a match that nobody remembers, and one that two rows can have would settle one of them for the other (R19, R41).

use std::collections::BTreeMap;

use crate::book::settings::Settings;
use crate::day::state::cells::{Findings, Record, nearest, read_rows};
use crate::day::state::tables::OWN_LEGS;
use crate::day::state::{OpenItem, OpenSide, State, Unsettled};
use crate::findings::{Stop, StopCode};
use crate::ingest::canonical::values::shown;
use crate::terms::kinds::Status;

/// An open platform row: what `open_items.csv` says of it, by leg.
struct OpenRowLines<'a> {
    items: Vec<&'a OpenItem>,
    /// Where the first of its lines begins.
    offset: usize,
}

impl OpenRowLines<'_> {
    fn item(&self) -> &OpenItem {
        self.items[0]
    }

    fn is_open_on(&self, leg: &str) -> bool {
        self.items.iter().any(|item| item.leg == leg)
    }
}

impl State {
    /// Refuses lines of `unsettled.csv` that are not of one row of `open_items.csv`. Both tables have been read without
    /// findings; `read` and `place` are as for [`State::from_files`].
    ///
    /// # Errors
    /// 65 with a finding per line.
    pub fn check_opening(
        read: &dyn Fn(&str) -> Option<Vec<u8>>,
        settings: &Settings,
        place: &str,
    ) -> Result<(), Stop> {
        let name = |table: &str| format!("{table}.csv");
        let table = |table: &str| read(&name(table)).unwrap_or_default();
        let file = |table: &str| format!("{place}/{}", name(table));
        let bytes = table(Unsettled::TABLE);
        if bytes.is_empty() {
            return Ok(());
        }
        let item_bytes = table(OpenItem::TABLE);
        let (line_file, item_file) = (file(Unsettled::TABLE), file(OpenItem::TABLE));
        let mut found = Findings::of(&line_file, &bytes);
        let mut in_items = Findings::of(&item_file, &item_bytes);
        let mut lines = read_rows::<Unsettled>(&bytes, settings, &mut found);
        lines.sort_by_key(|(_, offset)| *offset);
        let items = match item_bytes.is_empty() {
            true => Vec::new(),
            false => read_rows::<OpenItem>(&item_bytes, settings, &mut in_items),
        };
        let rows = rows_by_id(&items);
        for (line, offset) in &lines {
            let rows = rows.get(line.txn_id.as_str()).map_or(&[][..], Vec::as_slice);
            if let Err((message, help)) = one_row(line, rows, settings, &in_items) {
                found.at(*offset, 0, message, help);
            }
        }
        let findings = found.into_sorted();
        match findings.is_empty() {
            true => Ok(()),
            false => Err(Stop {
                code: StopCode::BadData,
                findings,
            }),
        }
    }
}

/// The open platform rows of each txn_id. Items that differ in leg and class alone are of one row.
fn rows_by_id(items: &[(OpenItem, usize)]) -> BTreeMap<&str, Vec<OpenRowLines<'_>>> {
    let mut rows: BTreeMap<&str, Vec<OpenRowLines<'_>>> = BTreeMap::new();
    for (item, offset) in items.iter().filter(|(item, _)| item.side == OpenSide::Platform) {
        let same_id = rows.entry(&item.row.id).or_default();
        match same_id.iter_mut().find(|row| row.item().is_of_the_row_of(item)) {
            Some(row) => {
                row.items.push(item);
                row.offset = row.offset.min(*offset);
            }
            None => same_id.push(OpenRowLines {
                items: vec![item],
                offset: *offset,
            }),
        }
    }
    for same_id in rows.values_mut() {
        same_id.sort_by_key(|row| row.offset);
    }
    rows
}

/// Refuses a line that is not of one of the rows of its txn_id: what was found and expected, and what to do.
fn one_row(
    line: &Unsettled,
    rows: &[OpenRowLines<'_>],
    settings: &Settings,
    in_items: &Findings<'_>,
) -> Result<(), (String, &'static str)> {
    const ITEMS: &str = "open_items.csv";
    let expected = |column: &str, found: &str, expected: String| {
        format!(
            "{column}: found `{}`, expected {expected}",
            shown(found.as_bytes())
        )
    };
    let leg = |wanted: String| expected("leg", &line.leg, wanted);
    let at = |row: &OpenRowLines<'_>| format!("{ITEMS} line {}", in_items.line(row.offset));
    if settings.leg_index(&line.leg).is_none() {
        let near = nearest(&line.leg, settings.legs.iter().map(|leg| leg.name.as_str()));
        return Err((
            leg(format!("a leg of book.toml, such as `{near}`")),
            "name the leg on which the row has matched as book.toml does",
        ));
    }
    let there = |row: &&OpenRowLines<'_>| row.item().is_there_on(line.matched_on);
    let there: Vec<&OpenRowLines<'_>> = rows.iter().filter(there).collect();
    let row = match (there.as_slice(), rows) {
        ([row], _) => *row,
        ([], []) => {
            let wanted = format!("the id of a platform row of {ITEMS}: it waits for another leg (R41)");
            return Err((
                expected("txn_id", &line.txn_id, wanted),
                "add the row to open_items.csv, on each leg that has not matched; take the line away if the row has settled",
            ));
        }
        ([], [first, ..]) => {
            let came = first.item().first_seen;
            let wanted = format!("{came} or later: the row came on {came} ({})", at(first));
            return Err((
                expected("matched_on", &line.matched_on.to_string(), wanted),
                "a row that comes after a match is another one of its txn_id (R19): correct the day here, or first_seen there",
            ));
        }
        (several, _) => {
            let places: Vec<String> = several.iter().map(|row| at(row)).collect();
            let wanted = format!(
                "one platform row of this id that was there on {}, not {}: {}",
                line.matched_on,
                several.len(),
                places.join(", ")
            );
            return Err((
                expected("txn_id", &line.txn_id, wanted),
                "rows of one id that were there together have not matched (R19): a row that came after the match has a later first_seen; take the line away if none of them has matched",
            ));
        }
    };
    let item = row.item();
    if row.items.iter().all(|item| OWN_LEGS.contains(&item.leg.as_str())) {
        let wanted = format!(
            "a row that needs legs, not one open on `{}` ({})",
            item.leg,
            at(row)
        );
        return Err((
            expected("txn_id", &line.txn_id, wanted),
            "take the line away: the row has no leg to match on (R21, R22)",
        ));
    }
    if item.row.status != Status::Success {
        let wanted = format!("a SUCCESS row, not {} ({})", item.row.status.name(), at(row));
        return Err((
            expected("txn_id", &line.txn_id, wanted),
            "only SUCCESS rows match: correct the status there, or take the line away",
        ));
    }
    if row.is_open_on(&line.leg) {
        return Err((
            leg(format!("a leg on which the row is not open ({})", at(row))),
            "keep the line if the row has matched on this leg, and the item if it has not",
        ));
    }
    if !settings.leg_takes(&line.leg, &item.row.channel) {
        let channel = shown(item.row.channel.as_bytes());
        return Err((
            leg(format!(
                "a leg that takes channel `{channel}` of the row ({})",
                at(row)
            )),
            "name the leg on which the row has matched, or take the line away",
        ));
    }
    Ok(())
}
