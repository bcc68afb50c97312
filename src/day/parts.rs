//! The parts of a delivery against one another, where a table has no statements that could be compared ([`super::across`]).
//!
//! In: of each file the digests of rows that have no number of their own, and whether it gives rows at all. Out: notes, or a
//! stop. Two files with the very same rows are one file delivered twice (R20). Two files of which each shares rows with the
//! other but not all can be a morning and a whole day, or two parts with payments that look alike: which of them is never
//! guessed, the day stops (65). Rows are the same by what they say; where they say the same and write it otherwise, one file
//! was saved again, and its ids are others: the day stops as well (D210). A required source that got nothing but a summary or a test has no file (66, R36).

use std::collections::{BTreeMap, BTreeSet};

use crate::book::settings::Settings;
use crate::day::read::{FileReport, refuse};
use crate::day::state::{DAYS_KNOWN, KnownFile};
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::files::Delivered;
use crate::ingest::formats::summary::{self, Compared};
use crate::ingest::formats::{ReportPart, RowDigest};
use crate::terms::date::Date;

/// Checks the parts of a delivery and says what was found. `known` are files taken by the closes before.
///
/// # Errors
/// 65 when two files share some rows that have no number of their own, 66 when a required source has only files that give
/// no rows; all findings at once.
pub fn check(
    settings: &Settings,
    files: &[Delivered],
    reports: &[FileReport],
    known: &Known<'_>,
) -> Result<Vec<String>, Stop> {
    let is_new = |report: &FileReport| !known.contains_key(report.sha256.as_str());
    let new: Vec<bool> = reports.iter().map(is_new).collect();
    let mut notes = Vec::new();
    let shared = shared_rows(files, reports, &new, &mut notes);
    let absent = without_rows(settings, files, reports, &mut notes);
    let before = taken_before(settings, files, reports, known);
    let sums = sums_beside(files, reports, &new, &mut notes);
    let others = of_other_days(files, reports, &new);
    let rounded = rounded_twice(files, reports, &new);
    let parted = parts_missing(files, reports, &new);
    let stops = [shared, absent, before, sums, others, rounded, parted];
    match Stop::join(stops.into_iter().flatten().collect()) {
        Some(stop) => Err(stop),
        None => Ok(notes),
    }
}

/// Files that the closes before have taken, by their SHA-256.
pub type Known<'a> = BTreeMap<&'a str, &'a KnownFile>;

/// The files that a close of this day knows (R20), by the close that took them first. A close takes statements of its own day alone:
/// of a file that has one of this day as well, that was not taken before, and the file is new (D240).
pub fn known_on<'a>(known: &'a [KnownFile], reports: &[FileReport], date: Date) -> Known<'a> {
    let is_of_today = |report: &&FileReport| report.told.iter().any(|told| told.books_on() == Some(date));
    let today = reports.iter().filter(is_of_today);
    let today: BTreeSet<&str> = today.map(|report| report.sha256.as_str()).collect();
    let still = known
        .iter()
        .filter(|file| date.days_since(file.taken_on) <= DAYS_KNOWN && !today.contains(file.sha256.as_str()));
    let mut files = Known::new();
    for file in still {
        files.entry(&file.sha256).or_insert(file);
    }
    files
}

/// Required sources of which nothing came but what an earlier close has taken: the file of today is missing (D211).
fn taken_before(
    settings: &Settings,
    files: &[Delivered],
    reports: &[FileReport],
    known: &Known<'_>,
) -> Option<Stop> {
    let mut findings = Vec::new();
    for (index, source) in settings.sources.iter().enumerate().filter(|(_, it)| it.required) {
        let delivered = files.iter().zip(reports);
        let with_rows =
            delivered.filter(|(file, report)| file.source == index && report.without_rows.is_empty());
        let firsts: Option<Vec<(&Delivered, &KnownFile)>> = with_rows
            .map(|(file, report)| Some((file, *known.get(report.sha256.as_str())?)))
            .collect();
        if let Some([(file, first), ..]) = firsts.as_deref() {
            findings.push(Finding::about(
                file.name.clone(),
                format!(
                    "source `{}` is required and got nothing new: this is {} of {}, byte for byte, which was taken then",
                    source.name, first.name, first.taken_on
                ),
                "deliver the file of the day; for a day without rows an empty one of the format (of a table: its header only)",
            ));
        }
    }
    Stop::of(StopCode::InputMissing, findings)
}

/// What two files have in common.
#[derive(Clone, Copy, Default)]
struct Shared {
    rows: u64,
    /// Lines of the first shared rows, of the earlier and of the later file.
    lines: (u32, u32),
}

fn shared_rows(
    files: &[Delivered],
    reports: &[FileReport],
    new: &[bool],
    notes: &mut Vec<String>,
) -> Option<Stop> {
    // Files of known content are taken once as a whole, whatever is in them.
    let mut seen = BTreeSet::new();
    let taken: Vec<bool> = reports
        .iter()
        .zip(new)
        .map(|(report, is_new)| *is_new && !report.digests.is_empty() && seen.insert(report.sha256.as_str()))
        .collect();
    let rows_told = |key: fn(&RowDigest) -> u64| {
        let reports = reports.iter().enumerate().filter(|(index, _)| taken[*index]);
        let rows = reports.flat_map(|(index, report)| report.digests.iter().map(move |row| (index, row)));
        in_common(
            rows.map(|(index, row)| (key(row), index, row.count, row.line))
                .collect(),
        )
    };
    let written = rows_told(|row| row.digest);
    let shared = rows_told(|row| row.value);
    let rows = |index: usize| -> u64 {
        let digests = reports[index].digests.iter();
        digests.map(|row| u64::from(row.count)).sum()
    };
    let mut findings = Vec::new();
    for ((first, other), shared) in shared {
        let (name, other_name) = (&files[first].name, &files[other].name);
        let are_all = |shared: &Shared| shared.rows == rows(first) && shared.rows == rows(other);
        if written.get(&(first, other)).is_some_and(are_all) {
            notes.push(format!(
                "{other_name}: all its rows are those of {name}: taken once"
            ));
            continue;
        }
        if are_all(&shared) {
            findings.push(
                Finding::about(
                    other_name.clone(),
                    format!(
                        "all its {} rows are those of {name} (line {}), written otherwise: the same amounts, times and balances, in rows without a number of their own, which would count twice",
                        shared.rows, shared.lines.0
                    ),
                    "one of the two was saved again by a program: take it out of the inbox and leave the file as the bank gave it; where they are different entries all the same, deliver them as one file",
                )
                .at(u64::from(shared.lines.1), 0),
            );
            continue;
        }
        findings.push(
            Finding::about(
                other_name.clone(),
                format!(
                    "{} of its {} rows look like rows of {name} (line {}), which has {}: rows without a number of their own that may have been delivered twice, or be other payments",
                    shared.rows,
                    rows(other),
                    shared.lines.0,
                    rows(first)
                ),
                "where one file is an earlier export of the other, take the shorter one out of the inbox; where both are parts of a day, deliver them as one file, in which equal rows count as often as they stand",
            )
            .at(u64::from(shared.lines.1), 0),
        );
    }
    Stop::of(StopCode::BadData, findings)
}

/// What each file has in common with the first that has the row: where none of these differ, none of the others do. `rows` are
/// what tells a row, its file, how often the file has it and where first.
fn in_common(mut rows: Vec<(u64, usize, u32, u32)>) -> BTreeMap<(usize, usize), Shared> {
    rows.sort_unstable();
    // A file may write one row in two ways.
    rows.dedup_by(|later, kept| {
        let is_same = (later.0, later.1) == (kept.0, kept.1);
        if is_same {
            kept.2 = kept.2.saturating_add(later.2);
            kept.3 = kept.3.min(later.3);
        }
        is_same
    });
    let mut shared: BTreeMap<(usize, usize), Shared> = BTreeMap::new();
    for same in rows.chunk_by(|a, b| a.0 == b.0) {
        let [(_, first, count, line), others @ ..] = same else {
            continue;
        };
        for (_, other, other_count, other_line) in others {
            let shared = shared.entry((*first, *other)).or_default();
            if shared.rows == 0 || *other_line < shared.lines.1 {
                shared.lines = (*line, *other_line);
            }
            shared.rows += u64::from(*count.min(other_count));
        }
    }
    shared
}

/// The numbers of files by what they share.
fn grouped<'f, K: Ord>(
    files: &'f [Delivered],
    key_of: impl Fn(&'f Delivered) -> K,
) -> BTreeMap<K, Vec<usize>> {
    let mut groups: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        groups.entry(key_of(file)).or_default().push(index);
    }
    groups
}

/// Of some files those of a content of their own that is new: the same bytes are one file, and what was taken before is none of today's.
fn new_contents(members: Vec<usize>, reports: &[FileReport], new: &[bool]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let is_first = |index: &usize| new[*index] && seen.insert(reports[*index].sha256.as_str());
    members.into_iter().filter(is_first).collect()
}

/// The archive that a file lies in; `None` of a plain one.
fn archive_of(file: &Delivered) -> Option<&str> {
    file.name.split_once('!').map(|(archive, _)| archive)
}

/// Files that say themselves that they are of other days.
fn of_other_days(files: &[Delivered], reports: &[FileReport], new: &[bool]) -> Option<Stop> {
    let says = |((file, report), is_new): ((&Delivered, &FileReport), &bool)| {
        let refused = report.says_other_days.as_ref().filter(|_| *is_new)?;
        Some(refuse(file, refused.clone()))
    };
    Stop::join(files.iter().zip(reports).zip(new).filter_map(says).collect())
}

/// Reports that lie in several files, not all of which are there.
fn parts_missing(files: &[Delivered], reports: &[FileReport], new: &[bool]) -> Option<Stop> {
    const HELP: &str =
        "deliver all files of the report below the same inbox, or ask the sender for the missing one";
    let mut findings = Vec::new();
    for members in grouped(files, |file| file.source).into_values() {
        let once = new_contents(members, reports, new).into_iter();
        let parts: Vec<(&Delivered, ReportPart)> = once
            .filter_map(|index| Some((&files[index], reports[index].part?)))
            .collect();
        let begun: u32 = parts.iter().map(|(_, part)| part.begins).sum();
        let ended: u32 = parts.iter().map(|(_, part)| part.ends).sum();
        let open = parts.iter().find(|(_, part)| part.begins > part.ends);
        if let (Some((file, part)), true) = (open, begun > ended) {
            findings.push(
                Finding::about(
                    file.name.clone(),
                    "the report that begins in it does not end in it, and no other file of the day has its end: rows are missing",
                    HELP,
                )
                .at(part.line, 0),
            );
        }
        // Of several reports each has a file of every number below its last.
        let count = |number: u64| {
            let same = parts.iter().filter(|(_, part)| part.number == Some(number));
            same.count()
        };
        for (file, part) in &parts {
            let before = part.number.and_then(|number| number.checked_sub(1));
            let missing = before.filter(|before| *before > 0 && count(*before) < count(before + 1));
            if let (Some(number), Some(before)) = (part.number, missing) {
                findings.push(
                    Finding::about(
                        file.name.clone(),
                        format!("it is file {number} of a report, and file {before} is not there"),
                        HELP,
                    )
                    .at(part.line, 0),
                );
            }
        }
    }
    Stop::of(StopCode::BadData, findings)
}

/// Batches whose fees were rounded in two files: each rounded its own rows, and the batch is rounded once (D205).
fn rounded_twice(files: &[Delivered], reports: &[FileReport], new: &[bool]) -> Option<Stop> {
    let mut first: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    let mut findings = Vec::new();
    for ((file, report), _) in files.iter().zip(reports).zip(new).filter(|(_, is_new)| **is_new) {
        for batch in &report.rounded {
            let (sha256, name) = *first
                .entry(batch)
                .or_insert((report.sha256.as_str(), file.name.as_str()));
            // The same bytes are one file.
            if sha256 != report.sha256 {
                findings.push(Finding::about(
                    file.name.clone(),
                    format!("it has rows of {batch} with fees finer than the currency, and so has {name}: such a batch is rounded once, over all its rows"),
                    "deliver one file with all rows of the batch; where one file is an earlier export of the other, take it out of the inbox",
                ));
            }
        }
    }
    Stop::of(StopCode::BadData, findings)
}

/// Compares what files state of the rows of others beside them.
fn sums_beside(
    files: &[Delivered],
    reports: &[FileReport],
    new: &[bool],
    notes: &mut Vec<String>,
) -> Option<Stop> {
    let mut findings = Vec::new();
    // Files of an archive, whatever their source, since a report in it may be of two sources' rows; others by source.
    let beside = grouped(files, |file| {
        let archive = archive_of(file);
        (archive, archive.is_none().then_some(file.source))
    });
    for members in beside.into_values() {
        let once = new_contents(members, reports, new);
        let of = |index: &usize| reports[*index].stated_sums.as_ref();
        let rows: Vec<_> = once
            .iter()
            .filter_map(|index| reports[*index].row_sums.as_ref())
            .collect();
        let Some(first) = once
            .iter()
            .find(|index| of(index).is_some())
            .filter(|_| !rows.is_empty())
        else {
            continue;
        };
        let name = &files[*first].name;
        let stated: Vec<_> = once.iter().filter_map(of).collect();
        match summary::compare(&stated, &rows) {
            Compared::Holds(words) | Compared::Open(words) => notes.push(format!("{name}: {words}")),
            Compared::Differs(words) => findings.push(Finding::about(name.clone(), words, summary::HELP)),
        }
    }
    Stop::of(StopCode::BadData, findings)
}

/// Files that are of a format but give no rows: what they summarise must have come as well, with them in their archive or
/// beside it.
fn without_rows(
    settings: &Settings,
    files: &[Delivered],
    reports: &[FileReport],
    notes: &mut Vec<String>,
) -> Option<Stop> {
    let mut findings = Vec::new();
    // Plain files of a source lie side by side.
    for ((source, _), members) in grouped(files, |file| (file.source, archive_of(file))) {
        let why = |index: &usize| reports[*index].without_rows.as_str();
        let Some(first) = members
            .first()
            .filter(|_| members.iter().all(|index| !why(index).is_empty()))
        else {
            continue;
        };
        let source = &settings.sources[source];
        let words = format!("{}; the rows themselves were not delivered with it", why(first));
        if source.required {
            findings.push(Finding::about(
                files[*first].name.clone(),
                format!("source `{}` is required and got no rows: {words}", source.name),
                "deliver the file with the rows; for a day without rows deliver one with its header only",
            ));
        } else {
            notes.push(format!(
                "{}: source `{}`: {words}",
                files[*first].name, source.name
            ));
        }
    }
    Stop::of(StopCode::InputMissing, findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::settings::Role;
    use crate::ingest::files::{Packing, Seen};
    use crate::ingest::formats::FileRefused;
    use crate::ingest::formats::testing::{settings, source};

    fn delivered(name: &str) -> Delivered {
        Delivered {
            name: name.to_owned(),
            path: std::path::PathBuf::new(),
            members: Vec::new(),
            packing: Packing::Plain,
            parquet: false,
            source: 0,
            seen: Seen::default(),
        }
    }

    fn checked(reports: &[FileReport], names: &[&str], required: bool) -> Result<Vec<String>, String> {
        let mut settings = settings(&[("1", "CNY")]);
        settings.sources = vec![crate::book::settings::Source {
            required,
            ..source("x", Role::Bank)
        }];
        let names = names.iter().take(reports.len());
        let files: Vec<Delivered> = names.map(|name| delivered(name)).collect();
        check(&settings, &files, reports, &Known::new()).map_err(|stop| format!("{} {stop}", stop.code as u8))
    }

    /// A file of these rows, by digest and count.
    fn rows(sha256: &str, rows: &[(u64, u32)]) -> FileReport {
        let told = |(digest, count): &(u64, u32)| RowDigest {
            digest: *digest,
            value: *digest,
            count: *count,
            line: *digest as u32,
        };
        FileReport {
            sha256: sha256.to_owned(),
            digests: rows.iter().map(told).collect(),
            ..FileReport::default()
        }
    }

    #[test]
    fn files_with_rows_in_common_are_one_or_stop_the_day() {
        let check = |reports: &[FileReport]| checked(reports, &["a", "b", "c"], false);
        let day = rows("1", &[(2, 1), (3, 2)]);
        assert_eq!(check(&[day.clone(), rows("2", &[(4, 1)])]), Ok(Vec::new()));
        assert_eq!(
            check(&[day.clone(), rows("2", &[(2, 1), (3, 2)])]),
            Ok(vec!["b: all its rows are those of a: taken once".to_owned()])
        );
        // The same bytes are one file before anybody looks into them.
        assert_eq!(check(&[day.clone(), day.clone()]), Ok(Vec::new()));
        let stopped = check(&[day.clone(), rows("2", &[(3, 1), (4, 1)])]).unwrap_err();
        assert!(
            stopped.starts_with("65 b:3: 1 of its 2 rows look like rows of a (line 3), which has 3:"),
            "{stopped}"
        );
        // An earlier export, and the same rows another number of times.
        assert!(check(&[rows("2", &[(2, 1)]), day.clone()]).is_err());
        assert!(check(&[day.clone(), rows("2", &[(2, 1), (3, 1)])]).is_err());
        // Two that are one, and a third that shares rows with both.
        let same = rows("2", &[(2, 1), (3, 2)]);
        assert!(check(&[day, same, rows("3", &[(3, 2), (9, 1)])]).is_err());
    }

    #[test]
    fn rows_that_say_the_same_in_another_writing_stop_the_day() {
        let check = |reports: &[FileReport]| checked(reports, &["a", "b", "c"], false);
        let written = |sha256: &str, rows: &[(u64, u64, u32)]| {
            let told = |(digest, value, count): &(u64, u64, u32)| RowDigest {
                digest: *digest,
                value: *value,
                count: *count,
                line: *value as u32,
            };
            FileReport {
                sha256: sha256.to_owned(),
                digests: rows.iter().map(told).collect(),
                ..FileReport::default()
            }
        };
        let given = written("1", &[(20, 2, 1), (30, 3, 2)]);
        let again = check(&[given.clone(), written("2", &[(21, 2, 1), (31, 3, 2)])]).unwrap_err();
        assert!(
            again.starts_with("65 b:2: all its 3 rows are those of a (line 2), written otherwise"),
            "{again}"
        );
        // A part of them, and one row of them in both writings in one file.
        let part = check(&[given.clone(), written("2", &[(20, 2, 1), (41, 4, 1)])]).unwrap_err();
        assert!(
            part.starts_with("65 b:2: 1 of its 2 rows look like rows of a"),
            "{part}"
        );
        let both = written("2", &[(20, 2, 1), (30, 3, 1), (31, 3, 1)]);
        assert!(
            check(&[given.clone(), both])
                .unwrap_err()
                .contains("written otherwise")
        );
        // Two equal rows of one file are two.
        assert_eq!(check(&[written("1", &[(20, 2, 1), (21, 2, 1)])]), Ok(Vec::new()));
    }

    #[test]
    fn what_was_taken_before_is_no_delivery_of_a_required_source() {
        let date = Date::from_ymd(2026, 3, 31).unwrap();
        let check = |reports: &[FileReport], required: bool, taken_on: Date| {
            let mut settings = settings(&[("1", "CNY")]);
            settings.sources = vec![crate::book::settings::Source {
                required,
                ..source("x", Role::Channel)
            }];
            let names = ["a", "b"].into_iter().map(delivered);
            let files: Vec<Delivered> = names.take(reports.len()).collect();
            let known = [KnownFile {
                sha256: "1".to_owned(),
                taken_on,
                name: "y".to_owned(),
            }];
            super::check(&settings, &files, reports, &known_on(&known, reports, date))
                .map_err(|stop| format!("{} {stop}", stop.code as u8))
        };
        let yesterday = date.plus_days(-1);
        let stopped = check(&[rows("1", &[])], true, yesterday).unwrap_err();
        assert!(
            stopped.starts_with("66 a: source `s` is required and got nothing new: this is y of 2026-03-30"),
            "{stopped}"
        );
        assert!(check(&[rows("1", &[])], false, yesterday).is_ok());
        assert!(check(&[rows("1", &[]), rows("2", &[])], true, yesterday).is_ok());
        assert!(check(&[rows("1", &[])], true, date.plus_days(-401)).is_ok());
        // A file of another day is refused, and one that was taken on its day is taken once (R20).
        let of_another_day = |sha256: &str| FileReport {
            says_other_days: Some(FileRefused::at(3, "of 2026-03-30", "deliver it on its day")),
            ..rows(sha256, &[])
        };
        let stopped = check(&[rows("2", &[]), of_another_day("3")], true, yesterday).unwrap_err();
        assert!(stopped.starts_with("65 b:3: of 2026-03-30"), "{stopped}");
        assert!(check(&[rows("2", &[]), of_another_day("1")], true, yesterday).is_ok());
    }

    #[test]
    fn a_file_with_a_statement_of_the_day_is_new() {
        let date = Date::from_ymd(2026, 3, 31).unwrap();
        let known: Vec<KnownFile> = [-2, -1]
            .map(|days| KnownFile {
                sha256: "1".to_owned(),
                taken_on: date.plus_days(days),
                name: "x".to_owned(),
            })
            .into();
        let statement = crate::day::across::tests::statement("S1", 1, 0, 5, "x");
        let reports = [FileReport {
            told: vec![statement],
            ..rows("1", &[])
        }];
        assert!(known_on(&known, &reports, date).is_empty());
        let tomorrow = date.plus_days(1);
        let first = known_on(&known, &reports, tomorrow)["1"];
        assert_eq!(first.taken_on, date.plus_days(-2));
        assert!(known_on(&known, &reports, date.plus_days(400)).is_empty());
    }

    #[test]
    fn a_batch_is_rounded_over_all_its_rows() {
        let report = |sha256: &str, batch: &str| FileReport {
            rounded: vec![batch.to_owned()],
            ..rows(sha256, &[])
        };
        let check = |reports: &[FileReport]| checked(reports, &["a", "b"], false);
        assert!(check(&[report("1", "X P1 EUR"), report("2", "X P2 EUR")]).is_ok());
        // The same bytes are one file.
        assert!(check(&[report("1", "X P1 EUR"), report("1", "X P1 EUR")]).is_ok());
        let stopped = check(&[report("1", "X P1 EUR"), report("2", "X P1 EUR")]).unwrap_err();
        assert!(stopped.starts_with("65 b: it has rows of X P1 EUR"), "{stopped}");
    }

    #[test]
    fn a_report_in_several_files_is_whole_or_stops() {
        let part = |sha256: &str, begins: u32, ends: u32, number: u64| FileReport {
            part: Some(ReportPart {
                begins,
                ends,
                number: (number > 0).then_some(number),
                line: 1,
            }),
            ..rows(sha256, &[])
        };
        let check = |reports: &[FileReport]| checked(reports, &["a", "b", "c", "d", "e"], false);
        let (first, second, last) = (part("1", 1, 0, 1), part("2", 0, 0, 2), part("3", 0, 1, 3));
        for whole in [
            vec![part("1", 1, 1, 1)],
            vec![last.clone(), first.clone(), second.clone()],
            // Two accounts.
            vec![part("1", 1, 1, 1), part("2", 1, 0, 1), part("3", 0, 1, 2)],
            // Converted files may have neither beginning nor number.
            vec![part("1", 0, 1, 0)],
        ] {
            assert!(check(&whole).is_ok(), "{whole:?}");
        }
        for (some, expected) in [
            (
                vec![first.clone()],
                "65 a:1: the report that begins in it does not end in it",
            ),
            (
                vec![first.clone(), second.clone()],
                "65 a:1: the report that begins in it does not end in it",
            ),
            (
                vec![first, last.clone()],
                "65 b:1: it is file 3 of a report, and file 2 is not there",
            ),
            (
                vec![second, last],
                "65 a:1: it is file 2 of a report, and file 1 is not there",
            ),
            (
                vec![
                    part("1", 1, 0, 1),
                    part("2", 1, 0, 1),
                    part("3", 0, 0, 2),
                    part("4", 0, 1, 3),
                    part("5", 0, 1, 3),
                ],
                "65 d:1: it is file 3 of a report, and file 2 is not there",
            ),
            (
                vec![
                    part("1", 1, 0, 1),
                    part("2", 1, 0, 1),
                    part("3", 0, 0, 2),
                    part("4", 0, 1, 3),
                ],
                "65 a:1: the report that begins in it does not end in it",
            ),
        ] {
            let stopped = check(&some).unwrap_err();
            assert!(stopped.starts_with(expected), "{stopped}");
        }
    }

    #[test]
    fn a_summary_alone_is_no_delivery() {
        let summary = FileReport {
            without_rows: "summary per store".to_owned(),
            ..FileReport::default()
        };
        let detail = FileReport::default();
        let missing = "66 a: source `s` is required and got no rows: summary per store; the rows themselves were not delivered with it";
        let stopped = checked(std::slice::from_ref(&summary), &["a"], true).unwrap_err();
        assert!(stopped.starts_with(missing), "{stopped}");
        assert!(checked(&[summary.clone(), detail.clone()], &["a", "b"], true).is_ok());
        let notes = checked(std::slice::from_ref(&summary), &["a"], false).unwrap();
        assert_eq!(notes.len(), 1);
        // In each archive for itself.
        let names = ["1.zip!a", "2.zip!a", "2.zip!b"];
        let reports = [summary.clone(), summary, detail];
        assert!(checked(&reports, &names, true).unwrap_err().contains("1.zip!a: "));
    }
}
