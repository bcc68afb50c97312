//! Records that are no rows: lines before and behind the table, records of other types, totals, summaries.
//!
//! In: a record that may be of the frame. Out: the reader's place in the frame ([`At`]) and what the lines state; a record out of
//! its place refuses the file.

use super::super::profile::{Frame, LinePattern, Parted};
use super::super::values::shown;
use super::super::{FileRefused, ReportPart};
use super::cut::{Row, record_bytes};
use super::frame_line::FrameLine;
use super::header::titles_of;
use super::lines::Record;
use super::recognise::{HEAD_LINES, is_header};
use super::{At, Table};

impl<'r> Table<'r> {
    /// A record that may be of the frame.
    pub(super) fn other(&mut self, record: &Record<'_>) -> Result<(), FileRefused> {
        let frame = &self.profile.frame;
        let padding = |c: char| frame.comment_padding.contains(&c);
        let mut framed = record.text.trim_end_matches(padding);
        let fixed = !frame.fixed.is_empty();
        if framed.is_empty() || (!fixed && frame.trim.text(framed).trim().is_empty()) {
            return Ok(());
        }
        let line = record.place.line;
        let begins = |text: &str| {
            frame
                .comments
                .iter()
                .any(|prefix| text.starts_with(prefix.as_str()))
        };
        let mut is_comment = begins(framed);
        // Where cells are quoted, lines of the frame may be: a cell with the whole line.
        let in_quotes = frame
            .quote
            .and_then(|quote| framed.strip_prefix(char::from(quote)));
        if let Some(inside) = in_quotes.filter(|inside| begins(inside)) {
            let quote = frame.quote.map_or('"', char::from);
            framed = inside
                .strip_suffix(quote)
                .unwrap_or(inside)
                .trim_end_matches(padding);
            is_comment = true;
        }
        // Where lines of the frame are comments, a row is none, however its first cell begins.
        let is_row = !is_comment
            && !frame.comments.is_empty()
            && self.at == At::Rows
            && (self.plan.as_ref()).is_some_and(|plan| record.delimiters.len() + 1 == plan.titles.len());
        let framed = FrameLine::new(framed, frame, self.encoding);
        // A record of types says the days beside what its type means: it goes on to `typed`, as all of them do. Rows say none.
        let says_days = frame.header_type.is_some()
            && !begins_as_row(record.text, frame)
            && self.period_line(line, &framed)?;
        if !says_days && self.frame_line(line, &framed, is_row)? {
            // What states one total as a line may state another in its cells.
            if !is_comment && matches!(self.at, At::Rows | At::Behind) && self.totals.are_in_rows() {
                self.stated_in_cells(record)?;
            }
            return Ok(());
        }
        if is_comment {
            return Ok(());
        }
        if frame.header_type.is_some() {
            return self.typed(record);
        }
        if self.at == At::Before {
            if frame.begin.is_some() {
                return Err(self.broken(line, "a row stands before the line that begins the table"));
            }
            if !self.is_header_next(record)? {
                return Ok(());
            }
            self.at = At::Header;
        }
        match self.at {
            At::Before | At::Header => self.header(record),
            At::Rows => {
                if !self.summary_or_total(record)? {
                    self.row(record);
                }
                Ok(())
            }
            At::Summary => self.summary(record),
            At::Behind => {
                if self.summary_or_total(record)? {
                    return Ok(());
                }
                Err(self.broken(line, "a row stands behind the line that ends the table"))
            }
        }
    }

    /// Before the header: passes over lines that the profile does not look at; true when the header comes now.
    pub(super) fn is_header_next(&mut self, record: &Record<'_>) -> Result<bool, FileRefused> {
        let profile = self.profile;
        if self.passed < profile.frame.preamble_lines {
            self.passed += 1;
            return Ok(false);
        }
        if profile.header.is_empty() || !profile.own_titles().is_empty() || is_header(profile, record.text) {
            return Ok(true);
        }
        self.passed += 1;
        if self.passed as usize > HEAD_LINES {
            return Err(self.broken(record.place.line, "no header stands in the first lines"));
        }
        Ok(false)
    }

    /// Takes a line of the frame; false when it says nothing that the profile knows.
    pub(super) fn frame_line(
        &mut self,
        line: u64,
        framed: &FrameLine<'_>,
        is_row: bool,
    ) -> Result<bool, FileRefused> {
        let frame = &self.profile.frame;
        let is = |pattern: &Option<LinePattern>| pattern.as_ref().is_some_and(|it| framed.fit(it).is_some());
        if is(&frame.begin) {
            if self.at != At::Before {
                return Err(self.broken(line, "the table begins twice"));
            }
            self.at = At::Header;
            // Fields may come from what the line says.
            self.totals.state_line(line, framed)?;
            self.period_line(line, framed)?;
            self.fact_line(framed);
            let titles = self.profile.own_titles();
            if !titles.is_empty() {
                self.bind(line, titles)?;
            }
            return Ok(true);
        }
        let totals = self.totals.state_line(line, framed)?;
        // Records of types were asked before.
        let is_period = frame.header_type.is_none() && self.period_line(line, framed)?;
        if is(&frame.end) {
            if self.at != At::Rows {
                return Err(self.broken(line, "the table ends where it has not begun"));
            }
            self.at = At::Behind;
            return Ok(true);
        }
        Ok(totals || (!is_row && self.fact_line(framed)) || is_period)
    }

    /// Takes the cells of a line that was taken as one of the frame, where they state a total too.
    pub(super) fn stated_in_cells(&mut self, record: &Record<'_>) -> Result<(), FileRefused> {
        let frame = &self.profile.frame;
        if self.cut.cut(record, frame, self.encoding, false).is_err() {
            return self.no_total_of_fixed_places(record);
        }
        let titles = self.plan.as_ref().map_or(&[][..], |plan| &plan.titles);
        let row = self.cut.row(record);
        self.totals.state_row(&row, titles)?;
        Ok(())
    }

    /// Refuses a record that begins as one with a total does and has no fixed places as the rows have them.
    pub(super) fn no_total_of_fixed_places(&self, record: &Record<'_>) -> Result<(), FileRefused> {
        let frame = &self.profile.frame;
        let begun = self.totals.begun_by(record.text);
        let Some(name) = begun.filter(|_| !frame.fixed.is_empty()) else {
            return Ok(());
        };
        Err(FileRefused::at(
            record.place.line,
            format!(
                "the record of total {name} has {} bytes and the rows have {}: with `row` its figures stand at the places of the rows",
                record.raw.len(),
                record_bytes(frame)
            ),
            "where the record has places of its own, take `line` in the place of `row` and say them: line = \"T{count:8}{sum:16}\"; where it is cut off, fetch the file again",
        ))
    }

    /// A record of a format whose records have a type.
    pub(super) fn typed(&mut self, record: &Record<'_>) -> Result<(), FileRefused> {
        let line = record.place.line;
        let frame = &self.profile.frame;
        if let Err(what) = self.cut.cut(record, frame, self.encoding, false) {
            return Err(self.broken(line, &what));
        }
        let row = self.cut.row(record);
        let kind = row.cell(0);
        self.totals.note_record(kind);
        if let Some(parted) = &self.profile.parted {
            note_part(&mut self.facts.part, parted, &row, line)?;
        }
        if self.at == At::Behind {
            return Err(self.broken(line, "a record stands behind the one that ends the file"));
        }
        if frame.header_type.as_deref() == Some(kind) {
            let titles = titles_of(&row);
            match &self.plan {
                None => return self.bind(line, titles),
                Some(plan) if plan.titles == titles => {
                    self.totals.new_section();
                    return Ok(());
                }
                Some(_) => return Err(self.broken(line, "a second header has other columns than the first")),
            }
        }
        if frame.row_types.iter().any(|known| known == kind) {
            if self.plan.is_none() {
                return Err(self.broken(line, "a row stands before the header"));
            }
            self.row(record);
            return Ok(());
        }
        let titles = self.plan.as_ref().map_or(&[][..], |plan| &plan.titles);
        let states = self.totals.state_row(&row, titles)?;
        if frame.last_type.as_deref() == Some(kind) {
            if self.plan.is_none() {
                return Err(self.broken(line, "the file ends before its header"));
            }
            self.at = At::Behind;
            return Ok(());
        }
        if states || frame.other_types.iter().any(|known| known == kind) {
            return Ok(());
        }
        let message = format!("a record of the unknown type `{}` stands here", shown(kind));
        Err(self.broken(line, &message))
    }

    /// Takes the header of a summary, or a record that states totals; false when it is neither.
    pub(super) fn summary_or_total(&mut self, record: &Record<'_>) -> Result<bool, FileRefused> {
        let frame = &self.profile.frame;
        let marked = frame
            .cell_mark
            .is_some_and(|mark| record.text.as_bytes().first() == Some(&mark));
        if marked {
            return Ok(false);
        }
        if self.cut.cut(record, frame, self.encoding, false).is_err() {
            self.no_total_of_fixed_places(record)?;
            return Ok(false);
        }
        let row = self.cut.row(record);
        if is_summary_header(frame, &row) {
            if !self.summary_titles.is_empty() {
                return Err(self.broken(record.place.line, "the summary stands twice"));
            }
            self.summary_titles = without_padding(titles_of(&row));
            self.at = At::Summary;
            return Ok(true);
        }
        let titles = self.plan.as_ref().map_or(&[][..], |plan| &plan.titles);
        self.totals.state_row(&row, titles)
    }

    /// The summary behind the rows.
    pub(super) fn summary(&mut self, record: &Record<'_>) -> Result<(), FileRefused> {
        let frame = &self.profile.frame;
        let marked = frame.cell_mark.is_some();
        if let Err(what) = self.cut.cut(record, frame, self.encoding, marked) {
            return Err(self.broken(record.place.line, &format!("the summary has {what}")));
        }
        let row = self.cut.row(record);
        let expected = self.summary_titles.len();
        let mut cells = row.cells.to_vec();
        // A spreadsheet fills up every line to the length of the longest. Where a mark cuts the cells, that stands in the last.
        if let (true, Some((start, end))) = (marked, cells.last_mut()) {
            let text = row.text.get(*start as usize..*end as usize).unwrap_or_default();
            let is_padding = |byte: &&u8| **byte == frame.delimiter || matches!(byte, b' ' | b'\t');
            *end -= text.iter().rev().take_while(is_padding).count() as u32;
        }
        while cells.len() > expected && cells.last().is_some_and(|(start, end)| start == end) {
            cells.pop();
        }
        let row = Row { cells: &cells, ..row };
        if row.cells.len() != expected {
            let message = format!(
                "the summary has {} fields and its header {expected}",
                row.cells.len()
            );
            return Err(self.broken(record.place.line, &message));
        }
        self.totals.state_summary(&row, &self.summary_titles)?;
        self.at = At::Behind;
        Ok(())
    }
}

/// True of a record whose first cell is the type of rows.
fn begins_as_row(text: &str, frame: &Frame) -> bool {
    let quote = frame.quote.map(char::from);
    let unquoted = quote.and_then(|quote| text.strip_prefix(quote));
    let behind = |kind: &String| unquoted.unwrap_or(text).strip_prefix(kind.as_str());
    let ends = [
        quote.filter(|_| unquoted.is_some()),
        Some(char::from(frame.delimiter)),
    ];
    let mut kinds = frame.row_types.iter().filter_map(behind);
    kinds.any(|rest| ends.iter().flatten().any(|end| rest.starts_with(*end)))
}

/// Notes what a record says of the part of a report that the file is.
fn note_part(
    known: &mut Option<ReportPart>,
    parted: &Parted,
    row: &Row<'_>,
    line: u64,
) -> Result<(), FileRefused> {
    let part = known.get_or_insert_default();
    let kind = row.cell(0);
    if kind == parted.begins {
        part.begins += 1;
    } else if kind == parted.ends {
        part.ends += 1;
    } else if Some(kind) == parted.number.as_deref() && row.cells.len() > 1 {
        let number = row.cell(1);
        let read = number.parse().ok().filter(|number: &u64| *number > 0);
        part.number = Some(read.ok_or_else(|| {
            FileRefused::at(
                line,
                format!(
                    "the number of the file among those of its report: found `{}`, expected a number from 1",
                    shown(number)
                ),
                "the record was changed: fetch the file again and run the day again",
            )
        })?);
    } else {
        return Ok(());
    }
    if part.line == 0 {
        part.line = line;
    }
    Ok(())
}

/// True when a record has the titles of the summary.
pub(super) fn is_summary_header(frame: &Frame, row: &Row<'_>) -> bool {
    let is_there = |known: &String| (0..row.cells.len()).any(|at| row.cell(at) == known);
    !frame.summary_header.is_empty() && frame.summary_header.iter().all(is_there)
}

/// Titles without the empty ones at their end, with which a spreadsheet fills up a line.
pub(super) fn without_padding(mut titles: Vec<String>) -> Vec<String> {
    while titles.last().is_some_and(String::is_empty) {
        titles.pop();
    }
    titles
}
