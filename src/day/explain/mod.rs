//! Shows where something that was published comes from (SPEC §9 `explain`): rule, rate, rounding step, earlier days,
//! down to file and line.
//!
//! In: the sealed tables and the sealed settings of the closes, and the inbox files that their manifests name. Out: an
//! [`Explanation`], a list of titled sections. Nothing is written and nothing is guessed: a step of arithmetic is
//! done again from the sealed terms and told as differing where it does not give the published figure; a name with
//! several meanings is explained in each of them.
//!
//! [`closes`] reads tables, [`find`] looks rows up in inputs, [`words`] puts rules into words; the rest is one module
//! for each kind of thing.

mod account;
mod adjustments;
mod batches;
mod books;
mod closes;
mod find;
mod merchant;
mod payout;
mod rows;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::book::layout::Layout;
use crate::day::history::History;
use crate::day::state::cells::nearest;
use crate::day::state::{OpenRow, OpenSide};
use crate::findings::{Finding, Stop, StopCode};
use crate::report::show;
use crate::terms::date::Date;
use closes::Days;

/// Rows named one by one in a section; the others are counted and their table is named.
const NAMED_ROWS_MAX: usize = 20;

/// What was asked for, and all that is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked for.
    pub what: String,
    /// In the order of the story.
    pub sections: Vec<Section>,
}

/// Lines about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// `payout 979c… of M-TEA`.
    pub title: String,
    /// In order.
    pub lines: Vec<Line>,
}

/// What a line of an explanation tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Where a row or a figure stands.
    Source,
    /// What happened on a day.
    Event,
    /// A step of arithmetic.
    Step,
    /// A figure of a table.
    Figure,
    /// A remark, or what to do.
    Note,
}

impl LineKind {
    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            LineKind::Source => "source",
            LineKind::Event => "event",
            LineKind::Step => "step",
            LineKind::Figure => "figure",
            LineKind::Note => "note",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it tells.
    pub kind: LineKind,
    /// The close it is about.
    pub date: Option<Date>,
    /// File below the book, and physical line (0 where there is none); empty where it tells no place.
    pub file: String,
    /// 1-based.
    pub line: u64,
    /// In words.
    pub text: String,
}

impl Section {
    fn new(title: impl Into<String>) -> Section {
        Section {
            title: title.into(),
            lines: Vec::new(),
        }
    }

    fn push(&mut self, kind: LineKind, date: Option<Date>, text: impl Into<String>) {
        self.lines.push(Line {
            kind,
            date,
            file: String::new(),
            line: 0,
            text: text.into(),
        });
    }

    fn source(&mut self, date: Date, file: &str, line: u64, text: impl Into<String>) {
        let (file, text) = (file.to_owned(), text.into());
        self.lines.push(Line {
            kind: LineKind::Source,
            date: Some(date),
            file,
            line,
            text,
        });
    }

    fn event(&mut self, date: Date, text: impl Into<String>) {
        self.push(LineKind::Event, Some(date), text);
    }

    fn step(&mut self, text: impl Into<String>) {
        self.push(LineKind::Step, None, text);
    }

    fn figure(&mut self, text: impl Into<String>) {
        self.push(LineKind::Figure, None, text);
    }

    fn note(&mut self, text: impl Into<String>) {
        self.push(LineKind::Note, None, text);
    }

    /// Says how many of a table's lines were not named.
    fn more_lines(&mut self, lines: usize, table: &str) {
        if lines > NAMED_ROWS_MAX {
            self.note(format!("and {} more lines of {table}", lines - NAMED_ROWS_MAX));
        }
    }
}

impl Line {
    /// `inbox/2026-09-16/bank/RA1.csv:12`, or empty.
    pub fn place(&self) -> String {
        match self.line {
            0 => self.file.clone(),
            line => format!("{}:{line}", self.file),
        }
    }
}

impl Explanation {
    /// Plain indented text; hidden characters of the inputs are made visible.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("{}\n", show::visible(&section.title)));
            for line in &section.lines {
                let date = match (line.kind, line.date) {
                    (LineKind::Event, Some(date)) => format!("{date}  "),
                    _ => String::new(),
                };
                let indent = if line.kind == LineKind::Step { "    " } else { "  " };
                let place = match line.file.is_empty() {
                    true => String::new(),
                    false => format!("{}  ", line.place()),
                };
                text.push_str(&format!(
                    "{indent}{date}{}{}\n",
                    show::visible(&place),
                    show::visible(&line.text)
                ));
            }
        }
        text
    }

    /// `{what, sections: [{title, lines: [{kind, date, file, line, text}]}]}`; line 0 and an empty file mean none.
    pub fn json(&self) -> Value {
        let line = |line: &Line| {
            json!({
                "kind": line.kind.name(),
                "date": line.date.map(|date| date.to_string()),
                "file": line.file,
                "line": line.line,
                "text": line.text,
            })
        };
        let sections: Vec<Value> = self
            .sections
            .iter()
            .map(|section| {
                json!({"title": section.title, "lines": section.lines.iter().map(line).collect::<Vec<_>>()})
            })
            .collect();
        json!({"what": self.what, "sections": sections})
    }
}

/// Explains `what`: an id or reference of a row, a payout, an account, a merchant, a customer, a break, an adjustment, a reserve line
/// (`reserve:POOL/CURRENCY[/FIGURE]`), a ledger account or a journal entry. With a date it must be known to that
/// close; without, the latest close that knows it is taken.
///
/// # Errors
/// 66 when nothing is closed, or no close knows it; 65 when a table of a close cannot be read.
pub fn explain(root: &Path, what: &str, date: Option<Date>) -> Result<Explanation, Stop> {
    let layout = Layout::new(root);
    let history = History::read(&layout)?;
    let days = Days::open(&layout, &history)?;
    if days.list.is_empty() {
        return Err(unknown(
            what,
            "no day is closed yet",
            "close a day: tieout status BOOK says which".to_owned(),
        ));
    }
    if let Some(date) = date
        && days.of(date).is_none()
    {
        let (first, last) = (days.list[0].date(), days.list[days.list.len() - 1].date());
        return Err(unknown(
            what,
            &format!("{date} is not closed"),
            format!("closed are {first} to {last}"),
        ));
    }
    if what.is_empty() {
        return Err(unknown(
            what,
            "nothing was named",
            "name a payout, merchant, reference, break or account".to_owned(),
        ));
    }
    let mut sections = Vec::new();
    if let Some(line) = what.strip_prefix("reserve:") {
        sections.extend(books::reserve(&days, line, date)?);
    }
    sections.extend(account::explain(&days, what, date)?);
    sections.extend(merchant::explain(&days, what, date)?);
    sections.extend(books::customer(&days, what, date)?);
    sections.extend(payout::explain(&days, what, date)?);
    sections.extend(adjustments::explain(&days, what, date)?);
    sections.extend(books::broken(&days, what, date)?);
    sections.extend(books::journal(&days, what, date)?);
    // Ids of masters and ledgers are also fields of rows; those rows are told above.
    if sections.is_empty() {
        sections.extend(rows::explain(&days, what, date)?);
    } else if !what.starts_with("reserve:") && !books::is_ledger(what) {
        sections.extend(rows::under_that_id(&days, what, date)?);
    }
    if sections.is_empty() {
        return Err(not_found(&days, what, date)?);
    }
    Ok(Explanation {
        what: what.to_owned(),
        sections,
    })
}

/// The rows of a closed day as they were delivered, each once, in the order of files and lines.
#[derive(Clone, Debug, Default)]
pub struct DayRows {
    /// Folder of the close.
    pub folder: PathBuf,
    /// Platform rows.
    pub platform: Vec<OpenRow>,
    /// Bank entries.
    pub bank: Vec<OpenRow>,
    /// Channel rows.
    pub channel: Vec<OpenRow>,
}

/// Reads the inputs of a closed day again.
///
/// # Errors
/// 66 when the day is not closed or an input is gone, 65 when one has changed.
pub fn rows_of_day(root: &Path, date: Date) -> Result<DayRows, Stop> {
    let layout = Layout::new(root);
    let history = History::read(&layout)?;
    let days = Days::open(&layout, &history)?;
    let Some(day) = days.of(date) else {
        let help = format!("close it first: tieout close {} --date {date}", root.display());
        return Err(unknown(&date.to_string(), "the day is not closed", help));
    };
    let searched = find::search(&days, &[day], &find::Wanted::All)?;
    if let Some(note) = searched.notes.first() {
        return Err(unknown(&date.to_string(), note, "run tieout verify".to_owned()));
    }
    let mut rows = DayRows {
        folder: day.closed.folder.clone(),
        ..DayRows::default()
    };
    let mut seen = BTreeSet::new();
    for found in searched.rows {
        if !seen.insert((found.side, found.row.clone())) {
            continue;
        }
        match found.side {
            OpenSide::Platform => rows.platform.push(found.row),
            OpenSide::Bank => rows.bank.push(found.row),
            OpenSide::Channel => rows.channel.push(found.row),
        }
    }
    Ok(rows)
}

fn unknown(what: &str, message: &str, help: String) -> Stop {
    Stop::new(StopCode::InputMissing, Finding::about(what, message, help))
}

/// Nothing knows it: names the nearest id of the day that could have been meant.
fn not_found(days: &Days, what: &str, date: Option<Date>) -> Result<Stop, Stop> {
    let day = match date.and_then(|date| days.of(date)) {
        Some(day) => day,
        None => &days.list[days.list.len() - 1],
    };
    let mut known: Vec<String> = day
        .book()?
        .merchants
        .terms
        .iter()
        .map(|terms| terms.id.clone())
        .collect();
    for (table, columns) in [
        ("breaks.csv", &["txn_id", "entry_id", "bank_ref", "break_id"][..]),
        ("payouts.csv", &["payout_id"]),
        ("customers.csv", &["customer_id"]),
        ("trial_balance.csv", &["ledger_account"]),
        ("state/payouts.csv", &["payout_id"]),
        ("adjustments.csv", &["adjustment_id"]),
    ] {
        for row in day.rows(table, |_| true)? {
            known.extend(columns.iter().map(|column| row.get(column).to_owned()));
        }
    }
    known.extend(books::reserve_lines(day)?);
    known.extend(account::ids(day)?);
    known.retain(|id| !id.is_empty());
    known.sort();
    let near = nearest(what, known.iter().map(String::as_str));
    let message = match date {
        Some(date) => format!("the close of {date} knows no such id, reference, account or line"),
        None => "no close knows such an id, reference, account or line".to_owned(),
    };
    let other = match date {
        Some(_) => "; or leave --date away to look into all closes",
        None => "",
    };
    Ok(unknown(
        what,
        &message,
        format!("nearest known: {near}{other}; ids compare exactly, capitals included"),
    ))
}
