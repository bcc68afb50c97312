//! What a file states of its rows against what was counted.

use std::collections::BTreeSet;

use super::{Counting, Statement, Tally};
use crate::ingest::formats::FileRefused;
use crate::ingest::formats::profile::{Stated, Sum, Take, Total};
use crate::ingest::formats::values::{Number, Unit, shown, shown_scaled};

/// Groups of a total that are named one by one.
const LISTED: usize = 50;

/// What became of the totals of a file, in words.
#[derive(Default)]
pub struct Compared {
    /// Totals that the file states and that hold.
    pub checked: Vec<String>,
    /// What was counted and compared with nothing, since the file does not state it.
    pub noted: Vec<String>,
}

/// What tells a sum from others of its column: where it stands, or the rows that it is of.
pub(super) fn told_apart(total: &Total, sum: &Sum) -> String {
    match (&total.stated, sum.stated.first()) {
        (Stated::Line(_), Some(hole)) => return format!(" {{{hole}}}"),
        (Stated::Row(_) | Stated::Summary, Some(title)) if !title.starts_with('#') => {
            return format!(" ({})", shown(title));
        }
        _ => {}
    }
    let condition = sum.when.first();
    condition.map_or(String::new(), |condition| {
        format!(
            " ({} {})",
            condition.columns.join("|"),
            condition.texts.join(", ")
        )
    })
}

impl Counting<'_> {
    pub(super) fn state(
        &mut self,
        section: u32,
        line: u64,
        texts: Vec<(String, String)>,
    ) -> Result<(), FileRefused> {
        let section = if self.total.of_file { 0 } else { section };
        let group = group_of(self.total, &texts);
        let before = self
            .statements
            .iter()
            .find(|known| known.section == section && group_of(self.total, &known.texts) == group);
        if let Some(first) = before {
            return Err(FileRefused::at(
                line,
                format!("{} stands twice, first in line {}", self.total.name, first.line),
                "the file is two files in one: fetch it again",
            ));
        }
        self.statements.push(Statement { section, line, texts });
        Ok(())
    }

    /// What lacks where a file with rows states no figures of them. A file that has its end was not cut off.
    fn missing(&self, of: &str, has_end: bool) -> FileRefused {
        let name = &self.total.name;
        let place = match &self.total.stated {
            Stated::Row(firsts) => format!("record {}", firsts.join(" or ")),
            Stated::Line(line) => format!("line `{}`", line.text()),
            Stated::Summary | Stated::Rows(_) | Stated::Nowhere => "summary".to_owned(),
        };
        if has_end {
            return FileRefused::at(
                0,
                format!(
                    "{name} is missing: rows{of} stand in the file, and no {place} states what they add up to, though the file has its end"
                ),
                "the sender left it out, or the file was changed: fetch it again, and ask the sender if it stays",
            );
        }
        FileRefused::at(
            0,
            format!("{name} is missing: the file was cut off"),
            "fetch the whole file again and run the day again",
        )
    }

    pub(super) fn check(
        &mut self,
        bound: bool,
        records: u64,
        has_end: bool,
        compared: &mut Compared,
    ) -> Result<(), FileRefused> {
        let name = &self.total.name;
        if let (false, Some(behind)) = (self.is_whole, &self.total.behind) {
            compared.noted.push(format!(
                "{name}: not compared: the file has no record {behind}, it is a part"
            ));
            return Ok(());
        }
        if let (Some((row, words)), Stated::Nowhere) = (&self.uncounted, &self.total.stated) {
            compared
                .noted
                .push(format!("{name}: not counted; line {row}: {words}"));
            return Ok(());
        }
        if let Some((row, words)) = &self.uncounted {
            return Err(FileRefused::at(
                *row,
                format!("{name} cannot be checked: {words}"),
                "ask the sender for a corrected file; no row of this one is taken",
            ));
        }
        if let Stated::Rows(_) = self.total.stated {
            return self.check_rows(compared);
        }
        if let Stated::Nowhere = self.total.stated {
            if self.tallies.is_empty() && self.total.group_columns.is_empty() {
                self.tallies.place_of(0, ("", ""), self.total.sums.len());
            }
            for tally in self.tallies.iter() {
                let words = self.words(tally, &[]);
                compared
                    .noted
                    .push(format!("{words} (counted; the file states none)"));
            }
            return Ok(());
        }
        if self.statements.is_empty() && (self.total.group_stated.is_none() || !self.tallies.is_empty()) {
            if self.total.optional {
                compared.noted.push(format!("{name}: not stated in this file"));
                return Ok(());
            }
            let groups = self.tallies.iter().map(|tally| &tally.group);
            let mut groups: Vec<String> = groups
                .filter(|group| !group.is_empty())
                .map(|group| shown(group))
                .collect();
            groups.sort();
            groups.dedup();
            let of = match groups.is_empty() {
                true => String::new(),
                false => format!(" of {}", groups.join(", ")),
            };
            let has_rows = self.tallies.iter().any(|tally| tally.rows > 0);
            return Err(self.missing(&of, has_end && has_rows));
        }
        assert!(
            bound || self.tallies.is_empty(),
            "rows are counted behind a header"
        );
        let mut told = Vec::new();
        for statement in &self.statements {
            let group = group_of(self.total, &statement.texts).to_owned();
            let sums = self.total.sums.len();
            let at = self.tallies.place_of(statement.section, (&group, ""), sums);
            let not_stated = self.compare(statement, at, records)?;
            if !not_stated.is_empty() {
                let tally = &self.tallies[at];
                let are_compared = !self.total.count.is_empty() || not_stated.len() < self.sums.len();
                let mut name = name.clone();
                if !tally.group.is_empty() {
                    name += &format!(" {}", tally.name());
                }
                let words = format!("{name}: not stated in this file: {}", not_stated.join(", "));
                if are_compared {
                    compared.checked.push(self.words(tally, &not_stated));
                }
                compared.noted.push(words);
                told.push(at);
            }
        }
        for (at, tally) in self.tallies.iter().enumerate() {
            let stated = self.statements.iter().any(|statement| {
                statement.section == tally.section && group_of(self.total, &statement.texts) == tally.group
            });
            if !stated {
                let of = shown(&tally.group);
                if has_end && !tally.group.is_empty() {
                    return Err(self.missing(&format!(" of {of}"), has_end));
                }
                return Err(FileRefused::at(
                    0,
                    format!(
                        "{name} of {of} is stated nowhere, and rows have it: the file was cut off or changed"
                    ),
                    "fetch the whole file again and run the day again",
                ));
            }
            if !told.contains(&at) {
                compared.checked.push(self.words(tally, &[]));
            }
        }
        Ok(())
    }

    /// What was counted, but for the sums called so.
    fn words(&self, tally: &Tally, without: &[&str]) -> String {
        let mut words = self.total.name.clone();
        if !tally.group.is_empty() {
            words += &format!(" {}", tally.name());
        }
        words += &format!(": {} rows", tally.rows);
        for (sum, scaled) in self.sums.iter().zip(&tally.sums) {
            if sum.column.is_some() && !without.contains(&sum.called.as_str()) {
                words += &format!(", {} {}", sum.called, sum.shown(*scaled));
            }
        }
        words
    }

    /// Compares one statement; titles of optional sums that it does not state, though rows have them, are given back.
    fn compare(&self, statement: &Statement, at: usize, records: u64) -> Result<Vec<&str>, FileRefused> {
        let tally = &self.tallies[at];
        let name = &self.total.name;
        let of = if tally.group.is_empty() {
            String::new()
        } else {
            format!(" of {}", shown(&tally.group))
        };
        let fails = |what: &str, found: String, expected: &str| {
            FileRefused::at(
                statement.line,
                format!("{name}{of}: {what}: found {found}, expected {}", shown(expected)),
                "rows are missing, doubled or changed: fetch the file again; no row of this one is taken",
            )
        };
        let lacks = |what: &[String]| {
            FileRefused::at(
                statement.line,
                format!("{name}{of} states no {}", what.join(" or ")),
                "the sender changed the summary: compare it with the profile, and ask for the known one",
            )
        };
        let figure = Number {
            padded: true,
            ..Number::default()
        };
        if !self.total.count.is_empty() {
            let Some(text) = stated(statement, &self.total.count) else {
                return Err(lacks(&self.total.count));
            };
            let count = figure
                .minor(text, 0)
                .ok()
                .and_then(|count| u64::try_from(count).ok());
            let of_records = self.total.count_of_records
                && (count == Some(records) || count.map(|count| count + 1) == Some(records));
            if count != Some(tally.rows) && !of_records {
                return Err(fails("rows", tally.rows.to_string(), text));
            }
        }
        if !self.total.opening.is_empty() {
            return match self.balances(statement, tally) {
                Some(Ok(())) => Ok(Vec::new()),
                Some(Err((found, expected))) => Err(fails("closing balance", found, &expected)),
                None => Err(lacks(&self.total.closing)),
            };
        }
        let mut not_stated = Vec::new();
        for (bound, found) in self.sums.iter().zip(&tally.sums) {
            let text = stated(statement, &bound.sum.stated);
            let Some(text) = text.filter(|_| bound.column.is_some()) else {
                // A figure of a column that this layout lacks can only be nothing.
                let nothing = text.is_none_or(|text| figure.scaled(text) == Ok(0));
                if bound.sum.optional && nothing && *found == 0 {
                    continue;
                }
                if bound.column.is_some() && bound.sum.optional {
                    not_stated.push(bound.called.as_str());
                    continue;
                }
                return Err(lacks(&bound.sum.stated));
            };
            let expected = bound.stated_figure(text);
            let holds = expected.is_some_and(|expected| match bound.sum.take {
                Take::Signed | Take::Magnitude => expected.abs() == found.abs(),
                Take::Exact => expected == *found,
            });
            if !holds {
                // Fen are shown as yuan on both sides, or on neither.
                return Err(match (expected, bound.number.unit) {
                    (Some(_), Unit::Major) => fails(&bound.called, shown_scaled(*found), text),
                    (Some(expected), _) => fails(&bound.called, bound.shown(*found), &bound.shown(expected)),
                    (None, _) => FileRefused::at(
                        statement.line,
                        format!(
                            "{name}{of}: {}: it states `{}`, expected an amount as [number] or the field of the column says",
                            bound.called,
                            shown(text)
                        ),
                        "compare the line with the profile: `line` or `stated` takes another text than the figure, or [number] lacks how it is written; if both are right the file is damaged: fetch it again",
                    ),
                });
            }
        }
        Ok(not_stated)
    }

    /// Whether the balance before the rows and what they moved make the balance behind them; what they make and what is stated
    /// where not, `None` where a figure is not stated.
    fn balances(&self, statement: &Statement, tally: &Tally) -> Option<Result<(), (String, String)>> {
        let number = self.sums.first()?;
        let balance = |places: &[String]| {
            let [mark, amount] = places else { return None };
            let scaled = number.stated_figure(find(&statement.texts, amount)?)?;
            match find(&statement.texts, mark)? {
                "CR" | "C" => Some(scaled),
                "DR" | "D" => Some(-scaled),
                _ => None,
            }
        };
        let (opening, closing) = (balance(&self.total.opening)?, balance(&self.total.closing)?);
        let moved: i128 = self
            .sums
            .iter()
            .zip(&tally.sums)
            .map(|(bound, sum)| if bound.sum.goes_out { -sum } else { *sum })
            .sum();
        if opening + moved == closing {
            return Some(Ok(()));
        }
        Some(Err((number.shown(opening + moved), number.shown(closing))))
    }

    /// Rows that state a total must be what all others of their group add up to, with the other sign.
    fn check_rows(&self, compared: &mut Compared) -> Result<(), FileRefused> {
        let name = &self.total.name;
        // Which group such a row is about is not known, only of which kind: its groups are all in doubt.
        let open: BTreeSet<&str> = self
            .tallies
            .iter()
            .filter(|tally| tally.is_open)
            .map(|tally| tally.group.as_str())
            .collect();
        let (mut held, mut passed_over) = (0, 0);
        for tally in self.tallies.iter() {
            if open.contains(tally.group.as_str()) {
                passed_over += 1;
                if passed_over > LISTED {
                    continue;
                }
                let condition = self.total.unless.first();
                let why = condition.map_or(String::new(), |condition| {
                    format!("{} {}", condition.columns.join("|"), condition.texts.join(", "))
                });
                compared.noted.push(format!(
                    "{} (not compared: the file has a row with {why})",
                    self.words(tally, &[])
                ));
                continue;
            }
            if tally.stated.is_some() && tally.rows == 0 {
                passed_over += 1;
                if passed_over <= LISTED {
                    compared.noted.push(format!(
                        "{name} {}: not compared: the file has no other row of it, it is a part",
                        tally.name()
                    ));
                }
                continue;
            }
            let Some(states) = &tally.stated else {
                if !self.total.optional {
                    return Err(FileRefused::at(
                        0,
                        format!("{name} {} is missing: the file was cut off", tally.name()),
                        "fetch the whole file again and run the day again",
                    ));
                }
                passed_over += 1;
                if passed_over <= LISTED {
                    let words = self.words(tally, &[]);
                    compared.noted.push(format!("{words} (the file states no total)"));
                }
                continue;
            };
            for ((bound, found), stated) in self.sums.iter().zip(&tally.sums).zip(states) {
                // Some write what goes to the bank with a minus sign, some without: its habit does not count.
                let is_taken = bound.sum.take == Take::Signed && found == stated;
                if found + stated != 0 && !is_taken {
                    return Err(FileRefused::at(
                        0,
                        format!(
                            "{name} {}: {}: found {}, expected {}",
                            tally.name(),
                            bound.called,
                            bound.shown(*found),
                            match bound.sum.take {
                                Take::Signed if (*stated < 0) == (*found < 0) => bound.shown(*stated),
                                _ => bound.shown(-stated),
                            }
                        ),
                        "rows are missing, doubled or changed: fetch the file again; no row of this one is taken",
                    ));
                }
            }
            held += 1;
            if held <= LISTED {
                compared.checked.push(self.words(tally, &[]));
            }
        }
        if held > LISTED {
            compared
                .checked
                .push(format!("{name}: {} more groups hold", held - LISTED));
        }
        if passed_over > LISTED {
            compared.noted.push(format!(
                "{name}: {} more groups are not compared",
                passed_over - LISTED
            ));
        }
        Ok(())
    }
}

fn group_of<'s>(total: &Total, texts: &'s [(String, String)]) -> &'s str {
    let Some(name) = &total.group_stated else {
        return "";
    };
    find(texts, name).unwrap_or("")
}

fn find<'s>(texts: &'s [(String, String)], name: &str) -> Option<&'s str> {
    texts
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, text)| text.trim())
}

fn stated<'s>(statement: &'s Statement, names: &[String]) -> Option<&'s str> {
    names.iter().find_map(|name| find(&statement.texts, name))
}
