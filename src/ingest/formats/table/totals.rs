//! Control totals of a table: counted over rows as delivered, refused ones too (R36), and compared with the lines that
//! state them. A total that is missing, stands twice, cannot be counted or differs refuses the file.

use crate::ingest::formats::FileRefused;
use crate::ingest::formats::profile::{Profile, Take, Total};
use crate::ingest::formats::values::shown;
use crate::terms::money::{format_minor, parse_signed_minor};

use super::bind::{Columns, Row, read_amount};

/// One total while its rows are counted.
struct Counting<'p> {
    total: &'p Total,
    when: Option<usize>,
    /// Column and amount habits of each sum.
    columns: Vec<usize>,
    rows: u64,
    sums_minor: Vec<i128>,
    /// First row that could not be counted, with the reason.
    uncounted: Option<(u64, String)>,
    /// Line that states it, with the texts of its holes.
    stated: Option<(u64, Vec<(String, String)>)>,
}

/// All totals of a file.
pub struct Totals<'p> {
    profile: &'p Profile,
    all: Vec<Counting<'p>>,
}

impl<'p> Totals<'p> {
    /// The totals of a profile, with nothing counted.
    pub fn new(profile: &'p Profile) -> Totals<'p> {
        let all = profile
            .totals
            .iter()
            .map(|total| Counting {
                total,
                when: None,
                columns: Vec::new(),
                rows: 0,
                sums_minor: vec![0; total.sums.len()],
                uncounted: None,
                stated: None,
            })
            .collect();
        Totals { profile, all }
    }

    /// Finds the columns that are counted; missing titles are added to `missing`.
    pub fn bind(&mut self, columns: &Columns, missing: &mut Vec<String>) {
        let mut find = |title: &str| {
            columns.find(title).unwrap_or_else(|| {
                missing.push(title.to_owned());
                0
            })
        };
        for counting in &mut self.all {
            counting.when = counting.total.when.as_ref().map(|when| find(&when.column));
            counting.columns = counting.total.sums.iter().map(|sum| find(&sum.column)).collect();
        }
    }

    /// Counts a row.
    pub fn add(&mut self, row: &Row<'_>) {
        let digits = self.profile.currency.map_or(2, |currency| currency.digits());
        for counting in &mut self.all {
            if let (Some(when), Some(at)) = (&counting.total.when, counting.when)
                && !when.is.iter().any(|text| text == row.cell(at))
            {
                continue;
            }
            counting.rows += 1;
            for (index, sum) in counting.total.sums.iter().enumerate() {
                let text = row.cell(counting.columns[index]);
                let habit = self
                    .profile
                    .fields
                    .values()
                    .find(|field| field.columns.contains(&sum.column));
                match read_amount(text, habit, digits) {
                    Ok(minor) => {
                        let minor = i128::from(minor);
                        counting.sums_minor[index] += match sum.take {
                            Take::Signed => minor,
                            Take::Magnitude => minor.abs(),
                        };
                    }
                    Err(_) if counting.uncounted.is_none() => {
                        let words = format!("{}: found `{}`, expected an amount", sum.column, shown(text));
                        counting.uncounted = Some((row.place.line, words));
                    }
                    Err(_) => {}
                }
            }
        }
    }

    /// Says that a row stood at `line` whose fields are not known.
    pub fn add_unknown(&mut self, line: u64, words: &str) {
        for counting in &mut self.all {
            counting.uncounted.get_or_insert_with(|| (line, words.to_owned()));
        }
    }

    /// Takes a line that states a total; false when it states none.
    ///
    /// # Errors
    /// The total was stated before.
    pub fn state(&mut self, line: u64, text: &str) -> Result<bool, FileRefused> {
        for counting in &mut self.all {
            let Some(holes) = counting.total.line.fit(text) else {
                continue;
            };
            if let Some((first, _)) = counting.stated {
                return Err(FileRefused::at(
                    line,
                    format!("{} stands twice, first in line {first}", counting.total.name),
                    "the file is two files in one: fetch it again",
                ));
            }
            let holes = holes
                .into_iter()
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect();
            counting.stated = Some((line, holes));
            return Ok(true);
        }
        Ok(false)
    }

    /// Compares what was counted with what is stated.
    ///
    /// # Errors
    /// The first total that is missing, cannot be counted or does not hold.
    pub fn check(&self) -> Result<Vec<String>, FileRefused> {
        let digits = self.profile.currency.map_or(2, |currency| currency.digits());
        let mut checked = Vec::new();
        for counting in &self.all {
            let name = &counting.total.name;
            let Some((line, holes)) = &counting.stated else {
                return Err(FileRefused::at(
                    0,
                    format!("{name} is missing: the file was cut off"),
                    "fetch the whole file again and run the day again",
                ));
            };
            if let Some((row, words)) = &counting.uncounted {
                return Err(FileRefused::at(
                    *row,
                    format!("{name} cannot be checked: {words}"),
                    "ask the sender for a corrected file; no row of this one is taken",
                ));
            }
            let stated = |hole: &str| {
                holes
                    .iter()
                    .find(|(name, _)| name == hole)
                    .map_or("", |(_, text)| text.trim())
            };
            let fails = |what: &str, found: String, expected: &str| {
                FileRefused::at(
                    *line,
                    format!("{name}: {what}: found {found}, expected {}", shown(expected)),
                    "rows are missing or doubled: fetch the file again; no row of this one is taken",
                )
            };
            let mut words = format!("{name}: {} rows", counting.rows);
            if let Some(hole) = &counting.total.count
                && stated(hole).parse::<u64>() != Ok(counting.rows)
            {
                return Err(fails("rows", counting.rows.to_string(), stated(hole)));
            }
            for (sum, found) in counting.total.sums.iter().zip(&counting.sums_minor) {
                let expected = stated(&sum.hole);
                let holds = parse_signed_minor(expected.as_bytes(), digits)
                    .is_ok_and(|minor| i128::from(minor).abs() == found.abs());
                if !holds {
                    return Err(fails(&sum.column, format_minor(*found, digits), expected));
                }
                words += &format!(", {} {}", sum.column, format_minor(*found, digits));
            }
            checked.push(words);
        }
        Ok(checked)
    }
}
