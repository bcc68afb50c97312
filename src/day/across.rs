//! Statements of all files of a day against one another, and against the numbers of the days before: what no single file
//! can show.
//!
//! In: what was remembered of each statement, report and notification, and what the closes before have left. Out: notes for
//! the summary and the numbers of today, or a stop (65): a gap in the numbers of an account's statements, a message of which
//! a page is missing, a statement whose pages stand in several files and are not all there, a statement delivered again with
//! other content, a statement in two formats, a statement of another day or one that goes back to closed days (`days`), an
//! earlier statement beside that of the day which no close has taken (`passed`). The
//! same statement delivered twice is taken once: its rows are equal and count once (R20). Notifications are linked with the
//! entries that they explain; an entry without one is said and stops nothing, for they book nothing.
//!
//! An account has a counting of its own in every format. The habit of the bank is a setting (`statement_numbers`), for
//! money does not depend on it: that no money is missing is proven by balances (R27), also where a number begins again.
//! A number finds what balances cannot: a statement whose entries add up to nothing.
//!
//! Not done here: opening(D) = closing(D−1) and the chain of a day's balances (R27, day::balances).

use std::collections::{BTreeMap, BTreeSet};

use crate::book::settings::{Settings, StatementNumbers};
use crate::day::balances::ends;
use crate::day::parts::Known;
use crate::day::read::FileReport;
use crate::day::state::cells::Record;
use crate::day::state::{DAYS_KNOWN, State, StatementNumber, StatementTaken};
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::files::Delivered;
use crate::ingest::formats::desk::{Explained, MessagePage, Purport, StatementTold};
use crate::ingest::formats::values::shown;
use crate::terms::date::Date;
use crate::terms::kinds::Direction;
use crate::terms::money::{format_minor, narrow};

pub(in crate::day) mod days;
pub(in crate::day) mod formats;
mod passed;

/// Entries of a notification that are named one by one when they explain nothing.
const NAMED_MAX: usize = 5;
/// The number behind which the statement number of an MT940 begins again: it has five digits.
const NUMBER_FULL: u64 = 99_999;

/// What a file told.
#[derive(Clone, Copy)]
struct Told<'a> {
    file: &'a str,
    /// Format of its source.
    format: &'a str,
    numbers: StatementNumbers,
    /// Rows of other days are its habit (`other_days` of its source).
    other_days: bool,
    told: &'a StatementTold,
}

/// What is known once the statements of a day were checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Checked {
    /// For the summary.
    pub notes: Vec<String>,
    /// The last number of every account and format, of today or before. Sorted by both.
    pub last: Vec<StatementNumber>,
    /// Statements known from now on.
    pub taken: Vec<StatementTaken>,
}

/// Checks the statements of a day across its files and says what was found. `state` is what the closes before have left:
/// statements that they took, their numbers, and balances of accounts. `known` are the files that they took.
///
/// # Errors
/// 65 with all findings.
pub fn check(
    settings: &Settings,
    files: &[Delivered],
    reports: &[FileReport],
    state: &State,
    known: &Known<'_>,
    date: Date,
) -> Result<Checked, Stop> {
    let mut seen = BTreeSet::new();
    let mut told = Vec::new();
    let mut of_known = Vec::new();
    let mut pages = Vec::new();
    for (file, report) in files.iter().zip(reports) {
        // The same content under another name is taken once anyway.
        if !report.told.is_empty() && !seen.insert(report.sha256.as_str()) {
            continue;
        }
        let source = settings.sources.get(file.source);
        let of_file = report.told.iter().map(|told| Told {
            file: &file.name,
            format: source.map_or("", |source| source.format.as_str()),
            numbers: source.map_or(StatementNumbers::Yearly, |source| source.statement_numbers),
            other_days: source.is_some_and(|source| source.other_days),
            told,
        });
        // What a close before has taken is not of today (R20); of several days it has taken one.
        if known.contains_key(report.sha256.as_str()) {
            let days: BTreeSet<Date> = report.told.iter().filter_map(StatementTold::books_on).collect();
            of_known.extend(of_file.filter(|_| days.len() > 1));
            continue;
        }
        told.extend(of_file);
        pages.extend(report.pages.iter().map(|page| (file.name.as_str(), page)));
    }
    let (passed_over, mut told): (Vec<_>, Vec<_>) = told.into_iter().partition(|one| one.told.passed_over);
    let mut passed = passed::check(settings, &passed_over, state, date)
        .with(passed::check(settings, &of_known, state, date));
    let lacking = passed::not_delivered(settings, &told, state, date);
    let other = days::check(settings, &told, state, date);
    let stopped: BTreeSet<usize> = other.accounts.union(&passed.accounts).copied().collect();
    let goes_on = |one: &Told<'_>| !stopped.contains(&one.told.account);
    told.retain(goes_on);
    passed.idle.retain(goes_on);
    let judged = judge(settings, (&told, &passed.idle), &pages, &state.statements, date);
    let stops = [
        Stop::of(StopCode::BadData, lacking),
        Stop::of(StopCode::BadData, passed.findings),
        Stop::of(StopCode::BadData, other.findings),
        judged.as_ref().err().cloned(),
    ];
    if let Some(stop) = Stop::join(stops.into_iter().flatten().collect()) {
        return Err(stop);
    }
    let taken = known_statements(settings, &told, passed.remembered, state, date);
    let (judged, mut notes) = (judged?, passed.notes);
    notes.extend(judged.notes);
    Ok(Checked {
        notes,
        taken,
        ..judged
    })
}

/// The statements that later closes know: those of the closes before, of today, and those that were passed over for the first time.
fn known_statements(
    settings: &Settings,
    told: &[Told<'_>],
    remembered: Vec<StatementTaken>,
    state: &State,
    date: Date,
) -> Vec<StatementTaken> {
    let today = told.iter().filter(|one| one.told.books_on() == Some(date));
    let today = today.map(|one| StatementTaken {
        account: account_id(settings, one.told.account).to_owned(),
        day: date,
        content: one.told.content.clone(),
        taken_on: date,
    });
    // What a close before has seen of this day has been delivered now, or the day has stopped.
    let is_served = |row: &&StatementTaken| row.day == date && row.taken_on < date;
    let before = state.statements_taken.iter().filter(|row| !is_served(row));
    let all = before.cloned().chain(today).chain(remembered);
    let mut known: Vec<StatementTaken> = all.filter(|row| date.days_since(row.day) <= DAYS_KNOWN).collect();
    // Of each the first close that had it.
    known.sort_by(StatementTaken::order);
    known.dedup_by(|a, b| a.order(b).is_eq());
    known
}

/// Checks the statements of the day; beside them stand those without entries that were passed over, whose numbers count.
fn judge(
    settings: &Settings,
    (told, idle): (&[Told<'_>], &[Told<'_>]),
    pages: &[(&str, &MessagePage)],
    before: &[StatementNumber],
    date: Date,
) -> Result<Checked, Stop> {
    let mut notes = Vec::new();
    let mut findings = Vec::new();
    let repeated = repeats(settings, told, &mut notes, &mut findings);
    formats::of_statements(settings, told, &repeated, &mut findings);
    let last = numbers(settings, (told, idle), &repeated, before, date, &mut findings);
    missing_pages(pages, &mut findings);
    pages_of_statements(settings, told, &repeated, &mut findings);
    notes.extend(links(settings, told));
    if findings.is_empty() {
        return Ok(Checked {
            notes,
            last,
            taken: Vec::new(),
        });
    }
    Err(Stop {
        code: StopCode::BadData,
        findings,
    })
}

fn account_id(settings: &Settings, index: usize) -> &str {
    settings
        .accounts
        .get(index)
        .map_or("", |account| account.id.as_str())
}

fn name(told: &StatementTold) -> String {
    match (told.id.as_str(), told.sequence) {
        ("", None) => "without id".to_owned(),
        ("", Some(number)) => format!("number {number}"),
        (id, None) => shown(id),
        (id, Some(number)) => format!("{} number {number}", shown(id)),
    }
}

/// Statements of one name: which contents and opening balances were seen, and where first.
#[derive(Default)]
struct Namesakes<'a> {
    contents: BTreeMap<&'a str, usize>,
    openings: BTreeMap<Option<(Date, i64)>, usize>,
}

/// Statements delivered twice: the second of each pair by index. With other content they stop the day.
fn repeats(
    settings: &Settings,
    told: &[Told<'_>],
    notes: &mut Vec<String>,
    findings: &mut Vec<Finding>,
) -> BTreeSet<usize> {
    type Key<'a> = (usize, &'a str, &'a str, Option<u64>, (u32, u32), String);
    let mut first: BTreeMap<Key<'_>, Namesakes<'_>> = BTreeMap::new();
    let mut repeated = BTreeSet::new();
    for (index, one) in told.iter().enumerate() {
        let (file, statement) = (one.file, one.told);
        if statement.purport != Purport::Statement {
            continue;
        }
        let day = statement
            .closing
            .map_or_else(|| statement.period.clone(), |closing| closing.date.to_string());
        let known = first
            .entry((
                statement.account,
                one.format,
                statement.id.as_str(),
                statement.sequence,
                (statement.first_page, statement.section),
                day,
            ))
            .or_default();
        let account = account_id(settings, statement.account);
        let opening = statement.opening.map(|opening| (opening.date, opening.minor));
        // Without id and number an idle statement is one of its own, from which the next one follows.
        let counts = !is_idle(statement) || !statement.id.is_empty() || statement.sequence.is_some();
        if let Some(earlier) = known.contents.get(statement.content.as_str()) {
            repeated.insert(index);
            notes.push(format!(
                "{file}: statement {} of account {account} is the one of {}: taken once",
                name(statement),
                told[*earlier].file
            ));
        } else if let Some(earlier) = known.openings.get(&opening).filter(|_| counts) {
            // Banks that never count give every statement of a day the same id: then they follow from one another.
            findings.push(
                Finding::about(
                    file,
                    format!(
                        "statement {} of account {account} was delivered by {} (line {}) with other content: it was corrected",
                        name(statement),
                        told[*earlier].file,
                        told[*earlier].told.line
                    ),
                    "ask the bank which of the two holds, and take the other out of the inbox",
                )
                .at(statement.line, 0),
            );
        }
        known.contents.entry(&statement.content).or_insert(index);
        if counts {
            known.openings.entry(opening).or_insert(index);
        }
    }
    repeated
}

/// True of a statement without entries.
fn is_idle(statement: &StatementTold) -> bool {
    statement.booked.total().count == 0 && statement.not_booked == 0
}

/// The number that a statement has, where it came from, and what must follow it.
#[derive(Clone, Copy)]
struct Numbered<'a> {
    number: u64,
    date: Date,
    /// File and line; `None` for the last one of the days before.
    at: Option<(&'a str, u64)>,
    closing_minor: Option<i64>,
}

impl Numbered<'_> {
    fn place(&self) -> String {
        match self.at {
            Some((file, _)) => file.to_owned(),
            None => format!("of {}", self.date),
        }
    }
}

/// Checks that the numbers of an account's statements go on from those of the days before, and gives the last ones. `idle` are
/// statements without entries of days that were closed without them.
fn numbers(
    settings: &Settings,
    (told, idle): (&[Told<'_>], &[Told<'_>]),
    repeated: &BTreeSet<usize>,
    before: &[StatementNumber],
    date: Date,
    findings: &mut Vec<Finding>,
) -> Vec<StatementNumber> {
    type Counted<'a> = (StatementNumbers, Vec<(Date, u64, usize)>);
    let mut last: BTreeMap<(&str, &str), (u64, Date)> = before
        .iter()
        .map(|row| {
            (
                (row.account.as_str(), row.format.as_str()),
                (row.number, row.closed_on),
            )
        })
        .collect();
    let mut countings: BTreeMap<(&str, &str), Counted<'_>> = BTreeMap::new();
    let all: Vec<&Told<'_>> = told.iter().chain(idle).collect();
    for (index, one) in all.iter().enumerate() {
        let (Purport::Statement, Some(number), false) =
            (one.told.purport, one.told.sequence, repeated.contains(&index))
        else {
            continue;
        };
        if one.numbers == StatementNumbers::Free {
            continue;
        }
        let closed_on = one.told.day().unwrap_or(date);
        let key = (account_id(settings, one.told.account), one.format);
        let is_idle = index >= told.len();
        if is_idle && last.get(&key).is_none_or(|(_, before)| closed_on <= *before) {
            continue;
        }
        let (_, counted) = countings.entry(key).or_insert((one.numbers, Vec::new()));
        counted.push((closed_on, number, index));
    }
    for ((account, format), (habit, mut counted)) in countings {
        counted.sort_unstable();
        let mut previous = last.get(&(account, format)).map(|(number, date)| Numbered {
            number: *number,
            date: *date,
            at: None,
            closing_minor: None,
        });
        // Statements of one number and day follow from one another by their balances, whatever files they stand in.
        for same in counted.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (closed_on, number, index) = same[0];
            let one = all[index];
            let (opening, closing) = ends_of(same.iter().map(|(_, _, index)| all[*index].told), previous);
            let next = Numbered {
                number,
                date: closed_on,
                at: Some((one.file, one.told.line)),
                closing_minor: closing,
            };
            let wrong = previous.and_then(|previous| {
                let follows = previous.closing_minor.is_none() || opening == previous.closing_minor;
                goes_on(habit, &previous, &next, follows)
            });
            if let Some(words) = wrong {
                findings.push(
                    Finding::about(
                        one.file,
                        format!("account {account}: {words}"),
                        "ask the bank for the missing statements; where it counts in another way, set `statement_numbers` of the source in book.toml (docs/formats.md)",
                    )
                    .at(one.told.line, 0),
                );
            }
            previous = Some(next);
        }
        if let Some(previous) = previous {
            last.insert((account, format), (previous.number, previous.date));
        }
    }
    last.into_iter()
        .map(|((account, format), (number, closed_on))| StatementNumber {
            account: account.to_owned(),
            format: format.to_owned(),
            number,
            closed_on,
        })
        .collect()
}

/// What statements of one number open and close with: several follow from one another (R27). Nothing where they do not, which their
/// balances tell elsewhere.
fn ends_of<'a>(
    statements: impl Iterator<Item = &'a StatementTold>,
    previous: Option<Numbered<'_>>,
) -> (Option<i64>, Option<i64>) {
    let balances = |one: &StatementTold| {
        let opening = one.opening.map(|opening| opening.minor);
        (opening, one.closing.map(|closing| closing.minor))
    };
    let mut told: Vec<(Option<i64>, Option<i64>)> = statements.map(balances).collect();
    told.sort_unstable();
    told.dedup();
    if let [one] = told.as_slice() {
        return *one;
    }
    let pairs = told
        .iter()
        .map(|(opening, closing)| Some((i128::from((*opening)?), i128::from((*closing)?))));
    let pairs: Option<Vec<(i128, i128)>> = pairs.collect();
    let start = previous.and_then(|previous| previous.closing_minor).unwrap_or(0);
    let found = pairs.and_then(|pairs| ends(&pairs, i128::from(start)));
    match found {
        Some((first, last)) => (narrow(first).ok(), narrow(last).ok()),
        None => (None, None),
    }
}

/// Whether a number goes on from the one before, or the words of the gap. `follows` is false where the balances of the two
/// show that one does not go on from the other.
fn goes_on(
    habit: StatementNumbers,
    before: &Numbered<'_>,
    after: &Numbered<'_>,
    follows: bool,
) -> Option<String> {
    let month = |date: Date| {
        let (year, month, _) = date.ymd();
        (year, month)
    };
    let new_year = month(after.date).0 > month(before.date).0;
    let turned = match habit {
        StatementNumbers::Monthly => month(after.date) > month(before.date),
        _ => new_year,
    };
    // A number that comes again has no gap before it; that it is no old statement is proven by its balances.
    if after.number == before.number || habit == StatementNumbers::Free {
        return None;
    }
    let gap = |from: u64| {
        let missing = after.number - from;
        format!(
            "statement {} follows statement {} ({}): {missing} {} missing",
            after.number,
            before.number,
            before.place(),
            if missing == 1 {
                "between them is"
            } else {
                "between them are"
            }
        )
    };
    if after.number > before.number {
        let next = before.number + 1;
        return (habit != StatementNumbers::Rising && after.number > next).then(|| gap(next));
    }
    let full = before.number == NUMBER_FULL;
    if !(turned || full) {
        return Some(format!(
            "statement {} of {} follows statement {} ({}): the numbers go back, and neither a new {} nor a full number lets them begin again",
            after.number,
            after.date,
            before.number,
            before.place(),
            if habit == StatementNumbers::Monthly {
                "month"
            } else {
                "year"
            }
        ));
    }
    if !follows {
        return Some(format!(
            "statement {} begins a new counting behind statement {} ({}), but does not open with the balance that it closes with",
            after.number,
            before.number,
            before.place()
        ));
    }
    (habit != StatementNumbers::Rising && after.number > 1).then(|| gap(1))
}

/// Messages that stand in several files: all pages must be there.
fn missing_pages(pages: &[(&str, &MessagePage)], findings: &mut Vec<Finding>) {
    let mut messages: BTreeMap<&str, BTreeMap<u32, (&str, bool)>> = BTreeMap::new();
    for (file, page) in pages {
        messages
            .entry(&page.message)
            .or_default()
            .insert(page.page, (file, page.last));
    }
    for (message, pages) in messages {
        let last = pages.iter().find(|(_, (_, last))| *last).map(|(page, _)| *page);
        let highest = pages.keys().copied().max().unwrap_or(0);
        // The first number that is not there, found by walking the pages that are: a message may claim any number of them.
        let first_gap = (1..).zip(pages.keys()).find(|(page, known)| page != *known);
        let gap = first_gap.map_or(highest.saturating_add(1), |(page, _)| page);
        let missing = (gap <= last.unwrap_or(u32::MAX)).then_some(gap);
        if let Some(missing) = missing {
            let file = pages.values().next().map_or("", |(file, _)| *file);
            findings.push(Finding::about(
                file,
                format!(
                    "message {}: page {missing} is missing (GrpHdr/MsgPgntn)",
                    shown(message)
                ),
                "deliver all files of the message, or ask the bank for the missing one",
            ));
        }
    }
}

/// Statements whose pages stand in several files: all must be there, and each must open with what the one before closes
/// with.
fn pages_of_statements(
    settings: &Settings,
    told: &[Told<'_>],
    repeated: &BTreeSet<usize>,
    findings: &mut Vec<Finding>,
) {
    // Pages of one statement share its number; where it has none, its id.
    type Key<'a> = (usize, &'a str, Option<u64>, &'a str);
    let mut statements: BTreeMap<Key<'_>, Vec<&Told<'_>>> = BTreeMap::new();
    for (index, one) in told.iter().enumerate() {
        let StatementTold {
            purport: Purport::Statement,
            account,
            sequence,
            ..
        } = one.told
        else {
            continue;
        };
        if (one.told.first_page > 1 || one.told.goes_on) && !repeated.contains(&index) {
            let id = sequence.map_or(one.told.id.as_str(), |_| "");
            let key = (*account, one.format, *sequence, id);
            statements.entry(key).or_default().push(one);
        }
    }
    for ((account, ..), mut parts) in statements {
        parts.sort_by_key(|part| part.told.first_page);
        let mut before: Option<&Told<'_>> = None;
        let mut missing = |part: &Told<'_>, page: u32, words: &str| {
            let message = format!(
                "statement {} of account {}: page {page} {words}",
                name(part.told),
                account_id(settings, account)
            );
            let help = "deliver the files of all pages of the statement, or ask the bank for the missing one";
            findings.push(Finding::about(part.file, message, help).at(part.told.line, 0));
        };
        for part in &parts {
            let page = part.told.first_page;
            match before {
                None if page > 1 => missing(part, page - 1, "is missing before this one"),
                None => {}
                Some(earlier) => {
                    let expected = page_behind(earlier.told);
                    let closing = earlier.told.closing.map(|closing| closing.minor);
                    let opening = part.told.opening.map(|opening| opening.minor);
                    if !earlier.told.goes_on || page < expected {
                        missing(
                            part,
                            page,
                            &format!("stands in {} too, or behind its last page", earlier.file),
                        );
                    } else if page > expected {
                        missing(part, expected, "is missing before this one");
                    } else if closing != opening {
                        let words = format!(
                            "does not open with the balance that page {} ({}) closes with",
                            page - 1,
                            earlier.file
                        );
                        missing(part, page, &words);
                    }
                }
            }
            before = Some(part);
        }
        if let Some(last) = before.filter(|last| last.told.goes_on) {
            missing(last, page_behind(last.told), "is missing behind this one");
        }
    }
}

/// Number of the page behind those that a file holds of a statement.
fn page_behind(told: &StatementTold) -> u32 {
    told.first_page.saturating_add(told.pages)
}

/// Links notifications with the entries of statements that they explain, and says how far that went.
fn links(settings: &Settings, told: &[Told<'_>]) -> Vec<String> {
    // Many entries may bear one reference: those of an amount and direction are found at once.
    let mut exact: BTreeSet<(usize, &str, i64, bool)> = BTreeSet::new();
    let mut by_reference: BTreeMap<(usize, &str), &Explained> = BTreeMap::new();
    let is_credit = |entry: &Explained| entry.direction == Direction::Credit;
    for one in told.iter().filter(|one| one.told.purport == Purport::Statement) {
        for entry in &one.told.explained {
            for reference in [&entry.servicer_ref, &entry.batch_id] {
                if !reference.is_empty() {
                    exact.insert((one.told.account, reference, entry.amount_minor, is_credit(entry)));
                    by_reference.entry((one.told.account, reference)).or_insert(entry);
                }
            }
        }
    }
    let mut notes = Vec::new();
    for Told { file, told: one, .. } in told
        .iter()
        .filter(|one| one.told.purport == Purport::Notification)
    {
        let digits = settings
            .accounts
            .get(one.account)
            .map_or(2, |account| account.currency.digits());
        let mut linked = 0;
        let mut alone = Vec::new();
        for entry in &one.explained {
            let references = || {
                [entry.servicer_ref.as_str(), entry.batch_id.as_str()]
                    .into_iter()
                    .filter(|reference| !reference.is_empty())
            };
            if references().any(|reference| {
                exact.contains(&(one.account, reference, entry.amount_minor, is_credit(entry)))
            }) {
                linked += 1;
                continue;
            }
            let amount = format_minor(entry.amount_minor.into(), digits);
            let near = references().find_map(|reference| by_reference.get(&(one.account, reference)));
            alone.push(match near {
                Some(other) => format!(
                    "line {} ({amount}) and the statement's entry at line {} ({}) differ",
                    entry.line,
                    other.line,
                    format_minor(other.amount_minor.into(), digits)
                ),
                None => format!("line {} ({amount})", entry.line),
            });
        }
        let mut note = format!(
            "{file}: notification {} of account {}: {linked} of {} entries explain entries of the day's statements",
            name(one),
            account_id(settings, one.account),
            one.booked.total().count
        );
        if !alone.is_empty() {
            let more = alone.len().saturating_sub(NAMED_MAX);
            alone.truncate(NAMED_MAX);
            note += &format!("; without one: {}", alone.join(", "));
            if more > 0 {
                note += &format!(" and {more} more");
            }
        }
        notes.push(note);
    }
    notes
}

#[cfg(test)]
pub(in crate::day) mod tests {
    use super::*;
    use crate::ingest::formats::desk::{Balance, Tallies, Tally};

    pub(super) fn settings() -> Settings {
        crate::ingest::formats::testing::settings(&[("1", "CNY")])
    }

    pub(in crate::day) fn statement(
        id: &str,
        number: u64,
        opening: i64,
        closing: i64,
        content: &str,
    ) -> StatementTold {
        let date = Date::from_ymd(2026, 3, 31).unwrap();
        let balance = |minor| Some(Balance { date, minor });
        StatementTold {
            purport: Purport::Statement,
            number_in_file: 0,
            passed_over: false,
            line: 1,
            account: 0,
            id: id.to_owned(),
            sequence: (number > 0).then_some(number),
            period: String::new(),
            day: None,
            day_said_by: "",
            earlier: None,
            section: 0,
            opening: balance(opening),
            closing: balance(closing),
            booked: Tallies::default(),
            not_booked: 0,
            pages: 1,
            first_page: 1,
            goes_on: false,
            content: content.to_owned(),
            explained: Vec::new(),
        }
    }

    /// What a file of a format told, where the bank counts by the year.
    pub(super) fn from_file<'a>(file: &'a str, format: &'a str, told: &'a StatementTold) -> Told<'a> {
        Told {
            file,
            format,
            numbers: StatementNumbers::Yearly,
            other_days: false,
            told,
        }
    }

    pub(super) const TODAY: (i32, u32, u32) = (2026, 3, 31);

    fn checked(
        statements: &[(StatementTold, &str)],
        numbers: StatementNumbers,
        pages: &[(&str, &MessagePage)],
        before: &[StatementNumber],
    ) -> Result<Checked, String> {
        let names = ["a", "b", "c", "d"];
        let told: Vec<Told<'_>> = statements
            .iter()
            .zip(names)
            .map(|((told, format), file)| Told {
                numbers,
                ..from_file(file, format, told)
            })
            .collect();
        let date = Date::from_ymd(TODAY.0, TODAY.1, TODAY.2).unwrap();
        judge(&settings(), (&told, &[]), pages, before, date).map_err(|stop| stop.to_string())
    }

    fn judged(statements: &[StatementTold], pages: &[(&str, &MessagePage)]) -> Result<Vec<String>, String> {
        let statements: Vec<(StatementTold, &str)> =
            statements.iter().map(|told| (told.clone(), "camt.053")).collect();
        checked(&statements, StatementNumbers::Yearly, pages, &[]).map(|checked| checked.notes)
    }

    #[test]
    fn sections_of_a_report_all_count() {
        let section = |number: u32, content: &str| StatementTold {
            opening: None,
            closing: None,
            section: number,
            booked: Tallies {
                debit: Tally::default(),
                credit: Tally {
                    count: 1,
                    sum_minor: 5,
                },
            },
            ..statement("", 0, 0, 0, content)
        };
        let (first, second) = (section(0, "x"), section(1, "x"));
        assert_eq!(judged(&[first.clone(), second.clone()], &[]).unwrap(), [""; 0]);
        // The whole report again.
        let twice = [first.clone(), second.clone(), first.clone(), second];
        assert_eq!(judged(&twice, &[]).unwrap().len(), 2);
        assert!(
            judged(&[first, section(0, "y")], &[])
                .unwrap_err()
                .contains("it was corrected")
        );
    }

    #[test]
    fn an_idle_statement_without_a_name_is_not_corrected_by_the_next_one() {
        let idle = |id: &str| StatementTold {
            booked: Tallies::default(),
            ..statement(id, 0, 0, 0, "idle")
        };
        let mut full = statement("", 0, 0, 5, "full");
        full.booked.credit = Tally {
            count: 1,
            sum_minor: 5,
        };
        assert_eq!(judged(&[idle(""), full.clone()], &[]), Ok(Vec::new()));
        assert_eq!(judged(&[full.clone(), idle("")], &[]), Ok(Vec::new()));
        let mut corrected = statement("", 0, 0, 6, "corrected");
        corrected.booked = full.booked;
        assert!(
            judged(&[idle(""), full.clone(), corrected], &[])
                .unwrap_err()
                .contains("it was corrected")
        );
        full.id = "S1".to_owned();
        assert!(
            judged(&[idle("S1"), full], &[])
                .unwrap_err()
                .contains("it was corrected")
        );
    }

    #[test]
    fn a_statement_counts_once_and_stops_when_it_was_corrected() {
        let one = statement("S1", 1, 0, 5, "x");
        let notes = judged(&[one.clone(), one.clone()], &[]).unwrap();
        assert_eq!(
            notes,
            ["b: statement S1 number 1 of account A0 is the one of a: taken once"]
        );
        let other = statement("S1", 1, 0, 6, "y");
        let stopped = judged(&[one.clone(), other], &[]).unwrap_err();
        assert!(stopped.contains("b:1: statement S1 number 1 of account A0 was delivered by a (line 1) with other content: it was corrected"), "{stopped}");
        // A bank that never counts: the second goes on where the first ends.
        let uncounted = [
            statement("STARTUMS", 0, 0, 5, "x"),
            statement("STARTUMS", 0, 5, 6, "y"),
        ];
        assert_eq!(judged(&uncounted, &[]), Ok(Vec::new()));
    }

    #[test]
    fn pages_in_several_files_are_one_statement() {
        let page = |first_page: u32, pages: u32, opening: i64, closing: i64, goes_on: bool| StatementTold {
            first_page,
            pages,
            goes_on,
            ..statement("S1", 7, opening, closing, &format!("page {first_page}"))
        };
        let (one, two) = (page(1, 2, 0, 5, true), page(3, 1, 5, 5, true));
        let (three, end) = (page(4, 1, 5, 9, false), statement("S2", 8, 9, 9, "x"));
        let judged = |parts: &[&StatementTold]| {
            let parts: Vec<StatementTold> = parts.iter().map(|part| (*part).clone()).collect();
            judged(&parts, &[]).map(|notes| notes.len())
        };
        assert_eq!(judged(&[&one, &two, &three, &end]), Ok(0));
        assert_eq!(judged(&[&three, &one, &two]), Ok(0));
        // The same page twice is taken once.
        assert_eq!(judged(&[&one, &two, &two, &three]), Ok(1));
        let check = |parts: &[&StatementTold], expected: &str| {
            let stopped = judged(parts).unwrap_err();
            assert!(stopped.contains(expected), "`{stopped}` lacks `{expected}`");
        };
        check(
            &[&one, &two],
            "b:1: statement S1 number 7 of account A0: page 4 is missing behind this one",
        );
        check(
            &[&two, &three],
            "a:1: statement S1 number 7 of account A0: page 2 is missing before this one",
        );
        check(&[&one, &three], "page 3 is missing before this one");
        check(
            &[&one, &page(3, 1, 6, 5, true), &three],
            "page 3 does not open with the balance that page 2 (a) closes with",
        );
        check(
            &[&one, &page(2, 1, 3, 5, true), &three],
            "page 2 stands in a too, or behind its last page",
        );
        check(
            &[&one, &page(3, 1, 5, 5, false), &three],
            "page 4 stands in b too, or behind its last page",
        );
    }

    #[test]
    fn numbers_of_idle_statements_that_are_passed_over_are_not_missing() {
        let date = Date::from_ymd(TODAY.0, TODAY.1, TODAY.2).unwrap();
        let before = [StatementNumber {
            account: "A0".to_owned(),
            format: "mt940".to_owned(),
            number: 7,
            closed_on: date.plus_days(-3),
        }];
        let today = statement("S9", 9, 0, 0, "x");
        let last = |idle: &[(u64, i32)]| {
            let idle: Vec<StatementTold> = idle
                .iter()
                .map(|(number, days)| {
                    let date = date.plus_days(*days);
                    StatementTold {
                        closing: Some(Balance { date, minor: 0 }),
                        ..statement("S", *number, 0, 0, "idle")
                    }
                })
                .collect();
            let from_file = |told| from_file("a", "mt940", told);
            let idle: Vec<Told<'_>> = idle.iter().map(from_file).collect();
            let judged = judge(&settings(), (&[from_file(&today)], &idle), &[], &before, date);
            judged
                .map(|checked| checked.last[0].number)
                .map_err(|stop| stop.to_string())
        };
        assert!(last(&[]).unwrap_err().contains("1 between them is missing"));
        assert_eq!(last(&[(8, -1)]), Ok(9));
        // What lies before the last number is behind it.
        assert_eq!(last(&[(6, -4), (7, -3), (8, -1)]), Ok(9));
    }

    /// Statements of these numbers and days that follow from one another, behind one of the days before.
    fn counted(
        numbers: StatementNumbers,
        before: Option<(u64, &str)>,
        statements: &[(u64, &str)],
    ) -> Result<Vec<(u64, String)>, String> {
        let date = |text: &str| Date::parse(text.as_bytes()).unwrap();
        let before: Vec<StatementNumber> = before
            .iter()
            .map(|(number, closed_on)| StatementNumber {
                account: "A0".to_owned(),
                format: "mt940".to_owned(),
                number: *number,
                closed_on: date(closed_on),
            })
            .collect();
        let mut minor = 0;
        let statements: Vec<(StatementTold, &str)> = statements
            .iter()
            .map(|(number, day)| {
                minor += 1;
                let mut told = statement("", *number, minor - 1, minor, &number.to_string());
                for balance in [&mut told.opening, &mut told.closing].into_iter().flatten() {
                    balance.date = date(day);
                }
                (told, "mt940")
            })
            .collect();
        let last = checked(&statements, numbers, &[], &before)?.last;
        Ok(last
            .into_iter()
            .map(|row| (row.number, row.closed_on.to_string()))
            .collect())
    }

    #[test]
    fn numbers_have_no_gaps() {
        let day = "2026-03-31";
        let numbers = |numbers: &[u64]| {
            let statements: Vec<(u64, &str)> = numbers.iter().map(|number| (*number, day)).collect();
            counted(StatementNumbers::Yearly, None, &statements)
        };
        assert_eq!(numbers(&[7, 8, 9]), Ok(vec![(9, day.to_owned())]));
        assert!(numbers(&[9, 8, 7]).is_ok());
        assert_eq!(numbers(&[]), Ok(Vec::new()));
        let stopped = numbers(&[7, 10]).unwrap_err();
        assert!(
            stopped.contains(
                "b:1: account A0: statement 10 follows statement 7 (a): 2 between them are missing"
            ),
            "{stopped}"
        );
        assert!(
            numbers(&[7, 9])
                .unwrap_err()
                .contains("1 between them is missing")
        );
    }

    #[test]
    fn numbers_go_on_from_the_days_before() {
        use StatementNumbers::{Free, Monthly, Rising, Yearly};
        let holds = |numbers, before: (u64, &str), after: (u64, &str)| {
            let last = counted(numbers, Some(before), &[after]);
            assert!(last.is_ok(), "{numbers:?} {before:?} {after:?}: {last:?}");
        };
        let stops = |numbers, before: (u64, &str), after: (u64, &str), expected: &str| {
            let stopped = counted(numbers, Some(before), &[after]).unwrap_err();
            assert!(stopped.contains(expected), "{before:?} {after:?}: {stopped}");
        };
        let march = "2026-03-31";
        holds(Yearly, (7, "2026-03-30"), (8, march));
        // A constant number counts nothing.
        holds(Yearly, (999, "2026-03-30"), (999, march));
        stops(
            Yearly,
            (7, "2026-03-30"),
            (9, march),
            "statement 9 follows statement 7 (of 2026-03-30): 1 between them is missing",
        );
        stops(Yearly, (7, "2026-03-30"), (6, march), "the numbers go back");
        stops(
            Yearly,
            (7, "2026-03-30"),
            (1, march),
            "neither a new year nor a full number",
        );
        // The year turns: from 1 again, or on and on, and a gap is a gap all the same.
        holds(Yearly, (250, "2025-12-30"), (1, "2026-01-02"));
        holds(Yearly, (250, "2025-12-30"), (251, "2026-01-02"));
        stops(
            Yearly,
            (250, "2025-12-30"),
            (3, "2026-01-02"),
            "statement 3 follows statement 250 (of 2025-12-30): 2 between them are missing",
        );
        stops(
            Yearly,
            (250, "2025-12-30"),
            (252, "2026-01-02"),
            "1 between them is missing",
        );
        holds(Yearly, (99_999, "2026-03-30"), (1, march));
        stops(
            Yearly,
            (31, "2026-03-31"),
            (1, "2026-04-01"),
            "the numbers go back",
        );
        holds(Monthly, (31, "2026-03-31"), (1, "2026-04-01"));
        stops(
            Monthly,
            (31, "2026-03-31"),
            (2, "2026-04-01"),
            "1 between them is missing",
        );
        stops(
            Monthly,
            (9, "2026-03-30"),
            (1, march),
            "neither a new month nor a full number",
        );
        holds(Rising, (7, "2026-03-30"), (90, march));
        holds(Rising, (250, "2025-12-30"), (3, "2026-01-02"));
        stops(Rising, (7, "2026-03-30"), (6, march), "the numbers go back");
        holds(Free, (7, "2026-03-30"), (90, march));
        holds(Free, (7, "2026-03-30"), (6, march));
        // A day without a statement forgets nothing, and a free counting remembers nothing.
        assert_eq!(
            counted(Yearly, Some((7, march)), &[]),
            Ok(vec![(7, march.to_owned())])
        );
        assert_eq!(counted(Free, None, &[(7, march)]), Ok(Vec::new()));
        // Over the turn of the year within one delivery.
        let turn = [
            (364, "2025-12-30"),
            (365, "2025-12-31"),
            (1, "2026-01-01"),
            (2, "2026-01-02"),
        ];
        assert_eq!(
            counted(Yearly, Some((363, "2025-12-29")), &turn),
            Ok(vec![(2, "2026-01-02".to_owned())])
        );
    }

    #[test]
    fn a_new_counting_opens_with_the_balance_before() {
        let date = |text: &str| Date::parse(text.as_bytes()).unwrap();
        let at = |number, opening, closing, day: &str| {
            let mut told = statement("", number, opening, closing, &number.to_string());
            for balance in [&mut told.opening, &mut told.closing].into_iter().flatten() {
                balance.date = date(day);
            }
            (told, "mt940")
        };
        let before = at(365, 0, 5, "2025-12-31");
        let check = |next| checked(&[before.clone(), next], StatementNumbers::Yearly, &[], &[]);
        assert!(check(at(1, 5, 6, "2026-01-01")).is_ok());
        let stopped = check(at(1, 4, 6, "2026-01-01")).unwrap_err();
        assert!(
            stopped.contains("does not open with the balance that it closes with"),
            "{stopped}"
        );
        // Two of one number follow from one another, in whatever files they stand.
        let (morning, evening) = (at(365, 0, 5, "2025-12-31"), at(365, 5, 9, "2025-12-31"));
        let next = at(1, 9, 12, "2026-01-01");
        for two in [[morning.clone(), evening.clone()], [evening, morning]] {
            let [mut one, mut other] = two;
            one.0.content = "one".to_owned();
            other.0.content = "other".to_owned();
            let told = [one, other, next.clone()];
            assert_eq!(
                checked(&told, StatementNumbers::Yearly, &[], &[]).map(|_| ()),
                Ok(())
            );
        }
    }

    #[test]
    fn each_format_of_an_account_has_its_own_counting() {
        let camt = (statement("C", 17, 0, 5, "x"), "camt.053");
        let mut other = statement("M", 90, 5, 6, "y");
        other.booked.add(Direction::Credit, 1);
        let both = checked(
            &[camt.clone(), (other.clone(), "mt940")],
            StatementNumbers::Yearly,
            &[],
            &[],
        )
        .unwrap();
        let last: Vec<(&str, u64)> = both
            .last
            .iter()
            .map(|row| (row.format.as_str(), row.number))
            .collect();
        assert_eq!(last, [("camt.053", 17), ("mt940", 90)]);
        // The same balances and entries in two formats are the same money.
        let mut twice = statement("C", 18, 5, 6, "z");
        twice.booked.add(Direction::Credit, 1);
        let stopped = checked(
            &[camt, (twice, "camt.053"), (other, "mt940")],
            StatementNumbers::Yearly,
            &[],
            &[],
        )
        .unwrap_err();
        assert!(
            stopped.contains(
                "c:1: the statement of 2026-03-31 of account A0 came in camt.053 (b, line 1) and again in mt940: its entries would count twice"
            ),
            "{stopped}"
        );
    }

    #[test]
    fn messages_in_several_files_are_whole() {
        let page = |page, last| MessagePage {
            message: "M1".to_owned(),
            page,
            last,
        };
        let (one, two, three) = (page(1, false), page(2, false), page(3, true));
        let check = |pages: &[&MessagePage]| {
            let pages: Vec<(&str, &MessagePage)> = pages.iter().map(|page| ("f", *page)).collect();
            judged(&[], &pages)
        };
        assert!(check(&[&three, &one, &two]).is_ok());
        assert!(
            check(&[&one, &three])
                .unwrap_err()
                .contains("message M1: page 2 is missing")
        );
        assert!(check(&[&one, &two]).unwrap_err().contains("page 3 is missing"));
        assert!(check(&[&three]).unwrap_err().contains("page 1 is missing"));
    }

    #[test]
    fn notifications_explain_entries_and_book_nothing() {
        let entry = |servicer: &str, batch: &str, amount_minor| Explained {
            line: 9,
            servicer_ref: servicer.to_owned(),
            batch_id: batch.to_owned(),
            direction: Direction::Credit,
            amount_minor,
            details: 2,
            allocated_minor: Some(amount_minor.into()),
            charges_minor: 0,
        };
        let mut booked = statement("S1", 1, 0, 5, "x");
        booked.explained = vec![entry("B1", "", 500), entry("", "P2", 700)];
        let mut notified = statement("N1", 0, 0, 0, "n");
        notified.purport = Purport::Notification;
        notified.explained = vec![entry("B1", "", 500), entry("X", "P2", 701), entry("B9", "", 1)];
        for explained in &notified.explained {
            notified.booked.add(explained.direction, explained.amount_minor);
        }
        let notes = judged(&[booked, notified], &[]).unwrap();
        assert_eq!(
            notes,
            [
                "b: notification N1 of account A0: 1 of 3 entries explain entries of the day's statements; without one: line 9 (7.01) and the statement's entry at line 9 (7.00) differ, line 9 (0.01)"
            ]
        );
    }
}
