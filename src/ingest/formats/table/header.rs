//! The header of a table: its titles, and what the profile's fields, conditions and totals are bound to.
//!
//! In: the record of the titles, or the profile's own. Out: the [`Plan`] by which rows are read. A title that is missing, or
//! that stands twice and is used, refuses the file.

use super::super::FileRefused;
use super::super::profile::{self, Profile};
use super::super::values::shown;
use super::bind::{BoundCondition, Columns};
use super::cells::Edges;
use super::cut::Row;
use super::fields::{Fields, bind_fields};
use super::lines::Record;
use super::{At, Plan, SkippedWhen, Table, differs, said};

impl<'r> Table<'r> {
    pub(super) fn header(&mut self, record: &Record<'_>) -> Result<(), FileRefused> {
        let line = record.place.line;
        if has_bare_return(record.text.as_bytes()) {
            return Err(FileRefused::at(
                line,
                "its lines end with a carriage return (CR) alone: found no line feed (LF) behind it, expected LF or CR LF",
                "fetch the file again, in binary; where the sender writes it so, ask for lines that end with LF or CR LF",
            ));
        }
        if record.text.ends_with('\r') && !self.profile.frame.trim.has_byte(b'\r') {
            return Err(FileRefused::at(
                line,
                "its lines end with two carriage returns: found CR CR LF, expected LF or CR LF",
                "a transfer in text mode adds such a return to each line: fetch the file again, in binary",
            ));
        }
        let own = self.profile.own_titles();
        if !own.is_empty() {
            self.bind(line, own)?;
            self.row(record);
            return Ok(());
        }
        let frame = &self.profile.frame;
        // Titles have the mark of the cells in some places, and mostly not.
        let marked = frame
            .cell_mark
            .is_some_and(|mark| record.text.as_bytes().first() == Some(&mark));
        if let Err(what) = self.cut.cut(record, frame, self.encoding, marked) {
            return Err(self.broken(line, &what));
        }
        let mut titles = titles_of(&self.cut.row(record));
        if frame.trailing_delimiter && titles.last().is_some_and(String::is_empty) {
            titles.pop();
            self.ends_with_delimiter = frame.cell_mark.is_none();
        }
        self.header = record.raw.to_vec();
        self.bind(line, titles)
    }

    /// Binds everything to the columns of the header.
    pub(super) fn bind(&mut self, line: u64, titles: Vec<String>) -> Result<(), FileRefused> {
        let profile = self.profile;
        let mut columns = Columns::new(titles, self.facts_told.clone());
        // Rows that are cut at once need neither of them: only those with too many fields do, and all is cut of these.
        // A layout without the free text has none that could hold delimiters: a row with too many fields is refused.
        let free_text = &profile.frame.free_text;
        let free_text = free_text
            .as_ref()
            .and_then(|title| columns.titles.iter().position(|known| known == title));
        let mut guards = Vec::new();
        for (title, pattern) in &profile.frame.guards {
            guards.extend(columns.place_of(title).map(|at| (at, pattern)));
        }
        let skipped = profile.skipped_rows.iter();
        let skipped: Vec<SkippedWhen<'_>> = skipped
            .map(|skipped| SkippedWhen {
                when: BoundCondition::all(&skipped.when, &mut columns, false),
                adds_up: skipped.adds_up,
            })
            .collect();
        let refused = profile.refused_rows.iter();
        let refused: Vec<(Vec<BoundCondition<'_>>, &str)> = refused
            .map(|refused| {
                let when = BoundCondition::all(&refused.when, &mut columns, refused.optional);
                (when, refused.expected.as_str())
            })
            .collect();
        self.totals.bind(&mut columns);
        let fields = bind_fields(profile, &mut columns, self.ctx);
        let changed = if profile::builtin(&profile.name).is_some() {
            "the sender changed the table: compare its header with the profile, and ask for the known one"
        } else {
            "correct the title in the profile; where the sender renamed the column, write the new title beside the old one; \
             where a column is gone, ask the sender for it"
        };
        let help = profile.choose_columns.as_deref().unwrap_or(changed);
        let mut missing = std::mem::take(&mut columns.missing);
        missing.sort();
        missing.dedup();
        // A title that a field lacks is said with the field, and not once more for a total.
        let title = |words: &String| words.split(" (").next().unwrap_or_default().to_owned();
        let of_fields: Vec<String> = missing
            .iter()
            .filter(|words| words.contains(" (of "))
            .map(title)
            .collect();
        missing.retain(|words| words.contains(" (of ") || !of_fields.contains(&title(words)));
        if !missing.is_empty() {
            return Err(FileRefused::at(
                line,
                format!(
                    "the header has no column {}; {}",
                    missing.join(", nor "),
                    differs::titles_shown(&columns.titles)
                ),
                help,
            ));
        }
        self.facts.statements.extend(own_zones(profile, &columns));
        let asked = columns.asked();
        // Which of two columns is meant cannot be told; where none of them is used, nothing is to be told.
        let named = self.totals.titles_stated();
        let is_used = |title: &String| columns.is_used(title) || named.contains(&title.as_str());
        let titles = &columns.titles;
        let twice = titles
            .iter()
            .enumerate()
            .find(|(at, title)| !title.is_empty() && titles[..*at].contains(title) && is_used(title));
        if let Some((_, title)) = twice {
            return Err(FileRefused::at(
                line,
                format!(
                    "the header has the column {} twice, and the profile uses it",
                    shown(title)
                ),
                if profile.choose_columns.is_some() {
                    help
                } else {
                    "which of the two is meant cannot be told: ask the sender for a file with a title for each column"
                },
            ));
        }
        let titles = columns.titles;
        let Some(fields) = fields else {
            return Err(self.broken(line, "the profile names no fields"));
        };
        let needs_digest = match &fields {
            Fields::Bank(fields) => fields.needs_digest(),
            Fields::Channel(_) => false,
        };
        let by_column = self.are_by_column(&fields, &skipped, &refused);
        self.plan = Some(Plan {
            // A digest is of all cells.
            needed: if needs_digest {
                (0..titles.len()).collect()
            } else {
                asked
            },
            cuts_needed: profile.frame.fixed.is_empty(),
            by_column,
            edges: Edges::of(&profile.frame, self.encoding),
            telling: said::texts_that_tell(profile, &titles),
            titles,
            free_text,
            guards,
            skipped,
            refused,
            fields,
            needs_digest,
        });
        self.at = At::Rows;
        Ok(())
    }
}

/// Which times are read in a zone of their own and not in the book's, in words.
pub(super) fn own_zones(profile: &Profile, columns: &Columns) -> Vec<String> {
    let mut words = Vec::new();
    for (name, rules) in &profile.fields {
        for rule in rules {
            let title = rule.columns.iter().find(|title| columns.find(title).is_some());
            if let (Some(zone), Some(title)) = (&rule.zone, title) {
                let zone = zone.iana_name().unwrap_or("UTC");
                words.push(format!("{name}: times of column {title} are read as {zone}"));
            }
        }
    }
    words
}

/// True of a text with a carriage return that no line feed follows.
pub(super) fn has_bare_return(text: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', text).any(|at| text.get(at + 1).is_some_and(|next| *next != b'\n'))
}

pub(super) fn titles_of(row: &Row<'_>) -> Vec<String> {
    (0..row.cells.len()).map(|at| row.cell(at).to_owned()).collect()
}
