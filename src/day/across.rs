//! Statements of all files of a day against one another: what no single file can show.
//!
//! In: what was remembered of each statement, report and notification. Out: notes for the summary, or a stop (65): a gap in
//! the numbers of an account's statements, a message of which a page is missing, a statement delivered again with other
//! content. The same statement delivered twice is taken once: its rows are equal and count once (R20). Notifications are
//! linked with the entries that they explain; an entry without one is said and stops nothing, for they book nothing.
//!
//! Not done here: opening(D) = closing(D−1) and the chain of a day's balances (R27, day::balances).

use std::collections::{BTreeMap, BTreeSet};

use crate::book::settings::Settings;
use crate::day::read::FileReport;
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::files::Delivered;
use crate::ingest::formats::desk::{Balance, Explained, MessagePage, Purport, StatementTold};
use crate::ingest::formats::values::shown;
use crate::terms::money::format_minor;

/// Entries of a notification that are named one by one when they explain nothing.
const NAMED_MAX: usize = 5;

/// What a file told.
struct Told<'a> {
    file: &'a str,
    told: &'a StatementTold,
}

/// Checks the statements of a day across its files and says what was found.
///
/// # Errors
/// 65 with all findings.
pub fn check(settings: &Settings, files: &[Delivered], reports: &[FileReport]) -> Result<Vec<String>, Stop> {
    let mut seen = BTreeSet::new();
    let mut told = Vec::new();
    let mut pages = Vec::new();
    for (file, report) in files.iter().zip(reports) {
        // The same content under another name is taken once anyway (R20).
        if !report.told.is_empty() && !seen.insert(report.sha256.as_str()) {
            continue;
        }
        told.extend(report.told.iter().map(|told| Told {
            file: &file.name,
            told,
        }));
        pages.extend(report.pages.iter().map(|page| (file.name.as_str(), page)));
    }
    judge(settings, &told, &pages)
}

fn judge(
    settings: &Settings,
    told: &[Told<'_>],
    pages: &[(&str, &MessagePage)],
) -> Result<Vec<String>, Stop> {
    let mut notes = Vec::new();
    let mut findings = Vec::new();
    let repeated = repeats(settings, told, &mut notes, &mut findings);
    gaps(settings, told, &repeated, &mut findings);
    missing_pages(pages, &mut findings);
    notes.extend(links(settings, told));
    if findings.is_empty() {
        return Ok(notes);
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

/// Statements delivered twice: the second of each pair by index. With other content they stop the day.
fn repeats(
    settings: &Settings,
    told: &[Told<'_>],
    notes: &mut Vec<String>,
    findings: &mut Vec<Finding>,
) -> BTreeSet<usize> {
    let mut first: BTreeMap<(usize, &str, Option<u64>, String), Vec<usize>> = BTreeMap::new();
    let mut repeated = BTreeSet::new();
    for (index, Told { file, told: one }) in told.iter().enumerate() {
        if one.purport != Purport::Statement {
            continue;
        }
        let day = one
            .closing
            .map_or_else(|| one.period.clone(), |closing| closing.date.to_string());
        let known = first
            .entry((one.account, one.id.as_str(), one.sequence, day))
            .or_default();
        let account = account_id(settings, one.account);
        for earlier in known.iter().map(|at| &told[*at]) {
            if earlier.told.content == one.content {
                repeated.insert(index);
                notes.push(format!(
                    "{file}: statement {} of account {account} is the one of {}: taken once",
                    name(one),
                    earlier.file
                ));
                break;
            }
            // Banks that never count give every statement of a day the same id: then they follow from one another.
            if earlier.told.opening == one.opening {
                findings.push(
                    Finding::about(
                        *file,
                        format!(
                            "statement {} of account {account} was delivered by {} (line {}) with other content: it was corrected",
                            name(one),
                            earlier.file,
                            earlier.told.line
                        ),
                        "ask the bank which of the two holds, and take the other out of the inbox",
                    )
                    .at(one.line, 0),
                );
                break;
            }
        }
        known.push(index);
    }
    repeated
}

/// Gaps in the numbers of the statements of an account. Numbers may begin again at 1.
fn gaps(settings: &Settings, told: &[Told<'_>], repeated: &BTreeSet<usize>, findings: &mut Vec<Finding>) {
    let mut numbers: BTreeMap<usize, BTreeMap<u64, &Told<'_>>> = BTreeMap::new();
    for (index, one) in told.iter().enumerate() {
        if let (Purport::Statement, Some(number), false) =
            (one.told.purport, one.told.sequence, repeated.contains(&index))
        {
            numbers.entry(one.told.account).or_default().insert(number, one);
        }
    }
    for (account, numbers) in &numbers {
        let counted: Vec<(&u64, &&Told<'_>)> = numbers.iter().collect();
        let minor = |balance: Option<Balance>| balance.map(|balance| balance.minor);
        let new_year = numbers.get(&1).is_some_and(|first| {
            let last = counted.last().map(|(_, last)| last.told.closing);
            last.is_some_and(|closing| minor(closing) == minor(first.told.opening))
        });
        for pair in counted.windows(2) {
            let [(before, first), (after, second)] = pair else {
                continue;
            };
            // The year turned: number 1 goes on where the highest ends, and the low numbers have no gap themselves.
            let restarted = new_year
                && **before
                    == counted
                        .iter()
                        .take_while(|(number, _)| **number < **after)
                        .count() as u64;
            if **after == **before + 1 || restarted {
                continue;
            }
            findings.push(
                Finding::about(
                    second.file,
                    format!(
                        "account {}: statement {after} follows statement {before} ({}): {} between them {} missing",
                        account_id(settings, *account),
                        first.file,
                        *after - *before - 1,
                        if *after - *before == 2 { "is" } else { "are" }
                    ),
                    "ask the bank for the missing statements",
                )
                .at(second.told.line, 0),
            );
        }
    }
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

/// Links notifications with the entries of statements that they explain, and says how far that went.
fn links(settings: &Settings, told: &[Told<'_>]) -> Vec<String> {
    let mut by_reference: BTreeMap<(usize, &str), Vec<&Explained>> = BTreeMap::new();
    for one in told.iter().filter(|one| one.told.purport == Purport::Statement) {
        for entry in &one.told.explained {
            for reference in [&entry.servicer_ref, &entry.batch_id] {
                if !reference.is_empty() {
                    by_reference
                        .entry((one.told.account, reference))
                        .or_default()
                        .push(entry);
                }
            }
        }
    }
    let mut notes = Vec::new();
    for Told { file, told: one } in told
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
            let same = |other: &&&Explained| {
                other.amount_minor == entry.amount_minor && other.direction == entry.direction
            };
            let candidates: Vec<&Explained> = [&entry.servicer_ref, &entry.batch_id]
                .into_iter()
                .filter(|reference| !reference.is_empty())
                .filter_map(|reference| by_reference.get(&(one.account, reference.as_str())))
                .flatten()
                .copied()
                .collect();
            if candidates.iter().any(|other| same(&other)) {
                linked += 1;
                continue;
            }
            let amount = format_minor(entry.amount_minor.into(), digits);
            alone.push(match candidates.first() {
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
mod tests {
    use super::*;
    use crate::ingest::formats::desk::Tallies;
    use crate::terms::date::Date;
    use crate::terms::kinds::Direction;

    fn settings() -> Settings {
        crate::ingest::formats::testing::settings(&[("1", "CNY")])
    }

    fn statement(id: &str, number: u64, opening: i64, closing: i64, content: &str) -> StatementTold {
        let date = Date::from_ymd(2026, 3, 31).unwrap();
        let balance = |minor| Some(Balance { date, minor });
        StatementTold {
            purport: Purport::Statement,
            line: 1,
            account: 0,
            id: id.to_owned(),
            sequence: (number > 0).then_some(number),
            period: String::new(),
            opening: balance(opening),
            closing: balance(closing),
            booked: Tallies::default(),
            not_booked: 0,
            pages: 1,
            content: content.to_owned(),
            explained: Vec::new(),
        }
    }

    fn judged(statements: &[StatementTold], pages: &[(&str, &MessagePage)]) -> Result<Vec<String>, String> {
        let names = ["a", "b", "c", "d"];
        let told: Vec<Told<'_>> = statements
            .iter()
            .zip(names)
            .map(|(told, file)| Told { file, told })
            .collect();
        judge(&settings(), &told, pages).map_err(|stop| stop.to_string())
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
    fn numbers_have_no_gaps() {
        let numbers = |numbers: &[u64]| {
            let mut minor = 0;
            let statements: Vec<StatementTold> = numbers
                .iter()
                .map(|number| {
                    minor += 1;
                    statement("", *number, minor - 1, minor, &number.to_string())
                })
                .collect();
            judged(&statements, &[])
        };
        assert!(numbers(&[7, 8, 9]).is_ok());
        assert!(numbers(&[9, 8, 7]).is_ok());
        // The year turned between the two.
        assert!(numbers(&[364, 365, 1, 2]).is_ok());
        let stopped = numbers(&[7, 10]).unwrap_err();
        assert!(
            stopped.contains("account A0: statement 10 follows statement 7 (a): 2 between them are missing"),
            "{stopped}"
        );
        assert!(
            numbers(&[7, 9])
                .unwrap_err()
                .contains("1 between them is missing")
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
