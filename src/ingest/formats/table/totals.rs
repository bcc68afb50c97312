//! Control totals of a table: counted over rows as delivered, refused ones too (R36), and compared with the places that
//! state them. A total that is missing, stands twice, cannot be counted or differs refuses the file.

use rustc_hash::FxHashMap;

use crate::ingest::formats::FileRefused;
use crate::ingest::formats::profile::{Blank, Profile, Stated, Sum, Take, Total};
use crate::ingest::formats::values::{Number, Unit, shown, shown_scaled};
use crate::terms::money::AmountError;
use crate::terms::short_text::same;

use super::bind::{BoundCondition, Columns, all_hold};
use super::by_column::{Cells, RUN_ROWS, Rows, each};
use super::cut::Row;
use super::frame_line::FrameLine;

mod compare;

pub use compare::Compared;
use compare::told_apart;

/// A sum bound to the columns of a file.
struct BoundSum<'p> {
    sum: &'p Sum,
    number: &'p Number,
    /// Texts of the column that stand for nothing.
    blank: &'p [String],
    /// Texts of all columns that do.
    frame_blank: &'p Blank,
    column: Option<usize>,
    minus: Option<usize>,
    /// Rows that it adds up, where not all.
    when: Vec<BoundCondition<'p>>,
    /// Rows that it takes off, where another column than the amount says so.
    minus_when: Vec<BoundCondition<'p>>,
    /// Title of the column, for messages.
    title: &'p str,
    /// The title, and where two sums of the total are of one column what tells this one from the other.
    called: String,
    /// Rows of a run that it adds up, and their figures.
    of_run: (Rows, Vec<i64>),
}

/// Rows of one group, counted.
struct Tally {
    /// Which part of the file, and the text that the rows of the group share.
    section: u32,
    group: String,
    /// Likewise of the second column.
    and: String,
    rows: u64,
    sums: Vec<i128>,
    /// What the rows that state the total say, where rows do.
    stated: Option<Vec<i128>>,
    /// A row stands among them with which the total does not promise anything.
    is_open: bool,
}

impl Tally {
    /// The texts that its rows share, for messages.
    fn name(&self) -> String {
        let group = shown(&self.group);
        if self.and.is_empty() {
            return group;
        }
        format!("{group} {}", shown(&self.and))
    }
}

/// The groups of a total in the order in which they came. A file may have as many of them as rows.
#[derive(Default)]
struct Tallies {
    all: Vec<Tally>,
    /// By section and both texts.
    places: FxHashMap<(u32, String, String), usize>,
}

impl std::ops::Deref for Tallies {
    type Target = [Tally];

    fn deref(&self) -> &[Tally] {
        &self.all
    }
}

impl std::ops::DerefMut for Tallies {
    fn deref_mut(&mut self) -> &mut [Tally] {
        &mut self.all
    }
}

impl Tallies {
    /// Where the tally of a group stands; it begins one where there is none.
    fn place_of(&mut self, section: u32, (group, and): (&str, &str), sums: usize) -> usize {
        let key = (section, group.to_owned(), and.to_owned());
        *self
            .places
            .entry(key)
            .or_insert_with_key(|(section, group, and)| {
                self.all.push(Tally {
                    section: *section,
                    group: group.clone(),
                    and: and.clone(),
                    rows: 0,
                    sums: vec![0; sums],
                    stated: None,
                    is_open: false,
                });
                self.all.len() - 1
            })
    }
}

/// What a place of the file states.
struct Statement {
    section: u32,
    line: u64,
    /// Holes or titles, and their texts.
    texts: Vec<(String, String)>,
}

/// One total while its rows are counted.
struct Counting<'p> {
    total: &'p Total,
    when: Vec<BoundCondition<'p>>,
    stating_rows: Vec<BoundCondition<'p>>,
    /// Rows with which their group is not compared.
    unless: Vec<BoundCondition<'p>>,
    group: Option<usize>,
    and: Option<usize>,
    sums: Vec<BoundSum<'p>>,
    tallies: Tallies,
    /// The tally of the row before.
    last: usize,
    /// First row that could not be counted, with the reason.
    uncounted: Option<(u64, String)>,
    statements: Vec<Statement>,
    /// The record stood there without which the file is a part.
    is_whole: bool,
    /// Rows of a run that it counts.
    of_run: Rows,
}

/// All totals of a file.
pub struct Totals<'p> {
    profile: &'p Profile,
    all: Vec<Counting<'p>>,
    section: u32,
    bound: bool,
    /// Records of the file, where they have a type.
    records: u64,
}

impl<'p> Totals<'p> {
    /// The totals of a profile, with nothing counted.
    pub fn new(profile: &'p Profile) -> Totals<'p> {
        let counting = |total: &'p Total| Counting {
            total,
            when: Vec::new(),
            stating_rows: Vec::new(),
            unless: Vec::new(),
            group: None,
            and: None,
            sums: Vec::new(),
            tallies: Tallies::default(),
            last: 0,
            uncounted: None,
            statements: Vec::new(),
            is_whole: total.behind.is_none(),
            of_run: 0,
        };
        Totals {
            profile,
            all: profile.totals.iter().map(counting).collect(),
            section: 0,
            bound: false,
            records: 0,
        }
    }

    /// Counts a record of this type, where records have one.
    pub fn note_record(&mut self, kind: &str) {
        self.records += 1;
        for counting in &mut self.all {
            counting.is_whole |= counting.total.behind.as_deref() == Some(kind);
        }
    }

    /// Says that a new part of the file begins, with totals of its own.
    pub fn new_section(&mut self) {
        self.section += 1;
    }

    /// Finds the columns that are counted; titles that the header lacks are noted as missing.
    pub fn bind(&mut self, columns: &mut Columns) {
        self.bound = true;
        let profile = self.profile;
        for counting in &mut self.all {
            let total = counting.total;
            counting.when = BoundCondition::all(&total.when, columns, total.optional);
            if let Stated::Rows(rows) = &total.stated {
                counting.stating_rows = BoundCondition::all(rows, columns, false);
            }
            counting.unless = BoundCondition::all(&total.unless, columns, true);
            // A total that a file may lack is of a layout that has its column; `when` then leaves all rows out.
            let may_lack = total.optional && matches!(total.stated, Stated::Rows(_));
            counting.group = columns.any(&total.group_columns, may_lack).first().copied();
            counting.and = columns.any(&total.and_columns, may_lack).first().copied();
            let bind = |sum: &'p Sum| {
                let column = columns.any(&sum.columns, sum.optional).first().copied();
                let title = sum.columns.iter().find(|title| columns.find(title).is_some());
                BoundSum {
                    sum,
                    number: number_of(profile, &sum.columns),
                    blank: blank_of(profile, &sum.columns),
                    frame_blank: &profile.frame.blank,
                    column,
                    minus: columns.any(&sum.minus, sum.optional).first().copied(),
                    when: BoundCondition::all(&sum.when, columns, sum.optional),
                    minus_when: BoundCondition::all(&sum.minus_when, columns, sum.optional),
                    title: title.or(sum.columns.first()).map_or("", String::as_str),
                    called: String::new(),
                    of_run: (0, vec![0; RUN_ROWS]),
                }
            };
            counting.sums = total.sums.iter().map(bind).collect();
            let titles: Vec<&str> = counting.sums.iter().map(|sum| sum.title).collect();
            for bound in &mut counting.sums {
                let is_one_of_two = titles.iter().filter(|title| **title == bound.title).count() > 1;
                bound.called = bound.title.to_owned();
                if is_one_of_two {
                    bound.called += &told_apart(total, bound.sum);
                }
            }
        }
    }

    /// Counts a row; of one that the profile passes over it is said, since totals that are merely told are of the others.
    #[inline]
    pub fn add(&mut self, row: &Row<'_>, is_skipped: bool) {
        for counting in &mut self.all {
            if is_skipped && !counting.total.counts_skipped {
                continue;
            }
            if !counting.when.is_empty() && !all_hold(&counting.when, row) {
                continue;
            }
            let text = |at: Option<usize>| at.map_or(&b""[..], |at| row.bytes(at));
            let (group, and) = (text(counting.group), text(counting.and));
            let section = if counting.total.of_file { 0 } else { self.section };
            let upper = counting.total.upper;
            let of_row = |tally: &Tally| {
                let known = tally.group.as_bytes();
                let is_group = if upper {
                    known.eq_ignore_ascii_case(group)
                } else {
                    same(known, group)
                };
                is_group && tally.section == section && same(tally.and.as_bytes(), and)
            };
            let at = match counting.tallies.get(counting.last) {
                Some(last) if of_row(last) => counting.last,
                _ => {
                    let text = |at: Option<usize>| at.map_or("", |at| row.cell(at));
                    let (group, and) = (text(counting.group), text(counting.and));
                    let group = match upper {
                        true => &group.to_ascii_uppercase(),
                        false => group,
                    };
                    counting
                        .tallies
                        .place_of(section, (group, and), counting.sums.len())
                }
            };
            counting.last = at;
            let Counting {
                tallies,
                sums,
                uncounted,
                stating_rows,
                unless,
                ..
            } = counting;
            let tally = &mut tallies[at];
            tally.is_open |= !unless.is_empty() && all_hold(unless, row);
            let states = !stating_rows.is_empty() && all_hold(stating_rows, row);
            let into = if states {
                tally.stated.get_or_insert_with(|| vec![0; sums.len()])
            } else {
                tally.rows += 1;
                &mut tally.sums
            };
            for (bound, sum) in sums.iter().zip(into) {
                if !bound.when.is_empty() && !all_hold(&bound.when, row) {
                    continue;
                }
                let minus = match bound.minus {
                    None => Ok(0),
                    minus => bound.figure(row, minus),
                };
                match (bound.figure(row, bound.column), minus) {
                    (Ok(plus), Ok(minus)) => {
                        let scaled = plus - minus;
                        let scaled = match bound.sum.take {
                            Take::Signed | Take::Exact => scaled,
                            Take::Magnitude => scaled.abs(),
                        };
                        let is_taken_off = !bound.minus_when.is_empty() && all_hold(&bound.minus_when, row);
                        *sum += if is_taken_off { -scaled } else { scaled };
                    }
                    // The first is told.
                    (Err(_), _) | (_, Err(_)) if uncounted.is_some() => {}
                    (Err(text), _) | (_, Err(text)) => {
                        let expected =
                            bound
                                .number
                                .or_by_key("an amount".to_owned(), text, AmountError::Form);
                        let words = format!("{}: found `{}`, expected {expected}", bound.title, shown(text));
                        *uncounted = Some((row.place.line, words));
                    }
                }
            }
        }
    }

    /// True when rows can be counted many at a time.
    pub fn are_by_column(&self) -> bool {
        let by_column = |when: &[BoundCondition<'_>]| when.iter().all(BoundCondition::is_of_one_cell);
        self.all.iter().all(|counting| {
            counting.group.is_none()
                && counting.and.is_none()
                && counting.stating_rows.is_empty()
                && counting.unless.is_empty()
                && by_column(&counting.when)
                && counting.sums.iter().all(|sum| {
                    let conditions = by_column(&sum.when) && by_column(&sum.minus_when);
                    sum.minus.is_none() && sum.blank.is_empty() && conditions
                })
        })
    }

    /// Looks at the figures of rows of a run, and gives those rows that must be looked at one by one.
    pub fn look_at(&mut self, cells: &mut Cells<'_, '_>, rows: Rows) -> Rows {
        let mut closely = 0;
        for counting in &mut self.all {
            counting.of_run = cells.holding(&counting.when, rows);
            for bound in &mut counting.sums {
                let rows = cells.holding(&bound.when, counting.of_run);
                let (of_run, figures) = &mut bound.of_run;
                *of_run = rows;
                let Some(at) = bound.column else {
                    *of_run = 0;
                    continue;
                };
                let (take, column) = (bound.sum.take, cells.column(at));
                for row in each(rows) {
                    let text = column.plain(row);
                    let scaled = match text {
                        [] => Some(0),
                        text => bound.number.usual_scaled(text),
                    };
                    let scaled = match take {
                        Take::Signed | Take::Exact => scaled,
                        Take::Magnitude => scaled.map(i128::abs),
                    };
                    match scaled.and_then(|scaled| i64::try_from(scaled).ok()) {
                        Some(scaled) => figures[row] = scaled,
                        None => closely |= 1 << row,
                    }
                }
                if !bound.minus_when.is_empty() {
                    for row in each(cells.holding(&bound.minus_when, rows)) {
                        match figures[row].checked_neg() {
                            Some(taken_off) => figures[row] = taken_off,
                            None => closely |= 1 << row,
                        }
                    }
                }
            }
        }
        closely
    }

    /// Counts rows of the run that were looked at, and of which the profile passes over `skipped`.
    pub fn add_run(&mut self, rows: Rows, skipped: Rows) {
        for counting in &mut self.all {
            let mut counted = counting.of_run & rows;
            if !counting.total.counts_skipped {
                counted &= !skipped;
            }
            if counted == 0 {
                continue;
            }
            let section = if counting.total.of_file { 0 } else { self.section };
            counting.last = counting.tallies.place_of(section, ("", ""), counting.sums.len());
            let tally = &mut counting.tallies[counting.last];
            tally.rows += u64::from(counted.count_ones());
            for (bound, sum) in counting.sums.iter().zip(&mut tally.sums) {
                let (of_run, figures) = &bound.of_run;
                *sum += each(of_run & counted)
                    .map(|row| i128::from(figures[row]))
                    .sum::<i128>();
            }
        }
    }

    /// Says that a row stood at `line` whose fields are not known.
    pub fn add_unknown(&mut self, line: u64, words: &str) {
        for counting in &mut self.all {
            if !matches!(counting.total.stated, Stated::Nowhere) {
                counting.uncounted.get_or_insert_with(|| (line, words.to_owned()));
            }
        }
    }

    /// Says that a row that would be counted is none, but for totals that leave it out.
    pub fn add_no_row(&mut self, row: &Row<'_>, words: &str) {
        for counting in &mut self.all {
            let is_told = matches!(counting.total.stated, Stated::Nowhere);
            if !is_told && all_hold(&counting.when, row) {
                let place = (row.place.line, words.to_owned());
                counting.uncounted.get_or_insert(place);
            }
        }
    }

    /// Takes a line that states a total; false when it states none.
    ///
    /// # Errors
    /// The total was stated before.
    pub fn state_line(&mut self, line: u64, text: &FrameLine<'_>) -> Result<bool, FileRefused> {
        let mut found = false;
        for counting in &mut self.all {
            let Stated::Line(pattern) = &counting.total.stated else {
                continue;
            };
            let Some(holes) = text.fit(pattern) else { continue };
            let holes = holes.into_iter().map(|(name, text)| (name.to_owned(), text));
            counting.state(self.section, line, holes.collect())?;
            found = true;
        }
        Ok(found)
    }

    /// Takes a record whose first field says that it states totals; false when it states none.
    ///
    /// # Errors
    /// The total was stated before.
    pub fn state_row(&mut self, row: &Row<'_>, titles: &[String]) -> Result<bool, FileRefused> {
        let mut found = false;
        for counting in &mut self.all {
            let Stated::Row(firsts) = &counting.total.stated else {
                continue;
            };
            if !firsts.iter().any(|first| row.cell(0).starts_with(first.as_str())) {
                continue;
            }
            counting.state(self.section, row.place.line, texts_of(row, titles))?;
            found = true;
        }
        Ok(found)
    }

    /// Takes the summary behind the rows.
    ///
    /// # Errors
    /// It stands twice.
    pub fn state_summary(&mut self, row: &Row<'_>, titles: &[String]) -> Result<(), FileRefused> {
        for counting in &mut self.all {
            if matches!(counting.total.stated, Stated::Summary) {
                counting.state(self.section, row.place.line, texts_of(row, titles))?;
            }
        }
        Ok(())
    }

    /// True when cells of a record may state a total.
    pub fn are_in_rows(&self) -> bool {
        let mut stated = self.all.iter().map(|counting| &counting.total.stated);
        stated.any(|stated| matches!(stated, Stated::Row(_)))
    }

    /// Name of the total whose record begins as this text does.
    pub fn begun_by(&self, text: &str) -> Option<&'p str> {
        let begins = |counting: &&Counting<'p>| match &counting.total.stated {
            Stated::Row(firsts) => firsts.iter().any(|first| text.starts_with(first.as_str())),
            _ => false,
        };
        let found = self.all.iter().find(begins);
        found.map(|counting| counting.total.name.as_str())
    }

    /// Titles under which records state figures.
    pub fn titles_stated(&self) -> Vec<&'p str> {
        let in_rows = |counting: &&Counting<'p>| matches!(counting.total.stated, Stated::Row(_));
        let totals = self.all.iter().filter(in_rows).map(|counting| counting.total);
        let titles = totals.flat_map(|total| {
            let sums = total.sums.iter().flat_map(|sum| &sum.stated);
            let others = total.count.iter().chain(&total.group_stated);
            sums.chain(others).chain(&total.opening).chain(&total.closing)
        });
        titles.map(String::as_str).collect()
    }

    /// True when the file states how many rows it has or what they add up to, and it was compared.
    pub fn are_stated(&self) -> bool {
        self.all.iter().any(|counting| match counting.total.stated {
            Stated::Line(_) | Stated::Row(_) | Stated::Summary => {
                counting.is_whole && !counting.statements.is_empty()
            }
            Stated::Rows(_) => counting.tallies.iter().any(|tally| tally.stated.is_some()),
            Stated::Nowhere => false,
        })
    }

    /// True when a sum of the amounts is stated by now, or must be, so that another amount in the last row is found out. A
    /// number of rows says nothing of their amounts.
    pub fn prove_sums(&self) -> bool {
        self.all.iter().any(|counting| {
            let total = counting.total;
            let is_stated = match total.stated {
                Stated::Line(_) | Stated::Row(_) | Stated::Summary => {
                    !total.optional || !counting.statements.is_empty()
                }
                Stated::Rows(_) => !total.optional,
                Stated::Nowhere => false,
            };
            // A sum that a file may lack, or that is of some rows alone, may not be of the last one; what comes in and what
            // goes out are two.
            let must_stand = || total.sums.iter().filter(|sum| !sum.optional);
            is_stated && (must_stand().any(|sum| sum.when.is_empty()) || must_stand().count() > 1)
        })
    }

    /// True when another figure of this row in the column at `at` would make a sum differ that the file states, or must.
    pub fn prove(&self, row: &Row<'_>, at: usize) -> bool {
        self.all.iter().any(|counting| {
            let total = counting.total;
            let is_stated = match total.stated {
                Stated::Line(_) | Stated::Row(_) | Stated::Summary | Stated::Rows(_) => {
                    total.behind.is_none() && (!total.optional || !counting.statements.is_empty())
                }
                Stated::Nowhere => false,
            };
            let is_of_row = |sum: &BoundSum<'_>| {
                let is_of_column = sum.column == Some(at) || sum.minus == Some(at);
                is_of_column && !sum.sum.optional && all_hold(&sum.when, row)
            };
            is_stated && all_hold(&counting.when, row) && counting.sums.iter().any(is_of_row)
        })
    }

    /// First bytes of the lines and records that state totals.
    pub fn first_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for counting in &self.all {
            match &counting.total.stated {
                Stated::Line(pattern) => bytes.push(pattern.first_byte()),
                Stated::Row(firsts) => bytes.extend(firsts.iter().filter_map(|first| first.bytes().next())),
                Stated::Summary | Stated::Rows(_) | Stated::Nowhere => {}
            }
        }
        bytes
    }

    /// Compares what was counted with what is stated, and tells what held and what could not be compared.
    ///
    /// # Errors
    /// The first total that is missing, cannot be counted or does not hold.
    pub fn check(&mut self) -> Result<Compared, FileRefused> {
        let mut compared = Compared::default();
        // Its end was looked for before.
        let has_end = self.profile.frame.end.is_some() || self.profile.frame.last_type.is_some();
        for counting in &mut self.all {
            counting.check(self.bound, self.records, has_end, &mut compared)?;
        }
        Ok(compared)
    }
}

/// Cells by title and by number (`#0` is the first).
fn texts_of(row: &Row<'_>, titles: &[String]) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for at in 0..row.cells.len() {
        texts.push((format!("#{at}"), row.cell(at).to_owned()));
        if let Some(title) = titles.get(at) {
            texts.push((title.clone(), row.cell(at).to_owned()));
        }
    }
    // A spreadsheet fills up all lines to the length of the longest.
    let last = (0..row.cells.len())
        .rev()
        .map(|at| row.cell(at))
        .find(|text| !text.is_empty());
    texts.push(("#last".to_owned(), last.unwrap_or_default().to_owned()));
    texts
}

/// How the numbers of a column are written: as in the field that comes from it, else as the profile says for all.
fn number_of<'p>(profile: &'p Profile, titles: &[String]) -> &'p Number {
    let mut rules = profile.fields.values().flatten();
    let field =
        rules.find(|rule| rule.number != profile.number && rule.titles().any(|title| titles.contains(title)));
    field.map_or(&profile.number, |field| &field.number)
}

/// What stands for nothing in a column: as the field says that comes from it.
fn blank_of<'p>(profile: &'p Profile, titles: &[String]) -> &'p [String] {
    let mut rules = profile.fields.values().flatten();
    let field =
        rules.find(|rule| !rule.blank.is_empty() && rule.titles().any(|title| titles.contains(title)));
    field.map_or(&[], |field| &field.blank)
}

impl BoundSum<'_> {
    #[inline(always)]
    fn figure<'t>(&self, row: &Row<'t>, at: Option<usize>) -> Result<i128, &'t str> {
        let Some(at) = at else { return Ok(0) };
        let text = row.bytes(at);
        if text.is_empty() {
            return Ok(0);
        }
        match self.number.usual_scaled(text) {
            Some(scaled) if self.blank.is_empty() => Ok(scaled),
            _ => self.closely(row.cell(at)),
        }
    }

    /// The figure of a text that is not of the usual form, or that may stand for nothing.
    #[inline(never)]
    fn closely<'t>(&self, text: &'t str) -> Result<i128, &'t str> {
        if self.blank.iter().any(|blank| blank == text) {
            return Ok(0);
        }
        self.number.scaled(text).map_err(|_| text)
    }

    /// A figure as it is stated, which may be filled up with zeros; `None` where it is no figure.
    fn stated_figure(&self, text: &str) -> Option<i128> {
        if text.is_empty() || self.blank.iter().any(|blank| blank == text) || self.frame_blank.is(text) {
            return Some(0);
        }
        let number = Number {
            padded: true,
            ..self.number.clone()
        };
        number.scaled(text).ok()
    }

    /// A sum as people write it: fen are shown as yuan.
    fn shown(&self, scaled: i128) -> String {
        match self.number.unit {
            Unit::Major => shown_scaled(scaled),
            Unit::Minor | Unit::Hundredths => shown_scaled(scaled / 100),
        }
    }
}
