//! Each close names the one before it by hash; days follow each other without a gap (R29, R34).

use std::fs;

use crate::day::history::{Closed, History, MANIFEST, NO_MANIFEST};
use crate::day::verify::{Check, Verdict, place};
use crate::findings::Finding;
use crate::report::manifest::{Manifest, manifest_hash};
use crate::terms::date::Date;

const RESTORE: &str = "restore the closes from a backup";

/// The folders of closes: no day skipped, no sequence skipped, nothing without a manifest.
pub fn check_days(history: &History, date: Option<Date>) -> Check {
    let mut findings = Vec::new();
    let mut find = |verdict, file: String, message: String, help: &str| {
        findings.push((verdict, Finding::about(file, message, help)));
    };
    let wanted = |day: Date| date.is_none_or(|date| date == day);
    for closed in history.incomplete.iter().filter(|closed| wanted(closed.date)) {
        find(
            Verdict::Missing,
            place(closed, MANIFEST),
            NO_MANIFEST.to_owned(),
            RESTORE,
        );
    }
    for closes in history.closes.chunk_by(|a, b| a.date == b.date) {
        for (closed, expected) in closes.iter().zip(1..) {
            if closed.sequence != expected && wanted(closed.date) {
                let message = format!("close {expected} is missing: {} supersedes it", closed.name());
                find(
                    Verdict::Missing,
                    format!("closes/{}", closed.date),
                    message,
                    RESTORE,
                );
                break;
            }
        }
    }
    if date.is_none() {
        for pair in history.in_force().windows(2) {
            let next = pair[0].date.plus_days(1);
            if pair[1].date != next {
                let message = format!("the close of {next} is missing: {} is closed", pair[1].date);
                find(Verdict::Missing, format!("closes/{next}"), message, RESTORE);
            }
        }
        for name in &history.strange {
            let message = "this is no close and does not belong here".to_owned();
            find(
                Verdict::Note,
                format!("closes/{name}"),
                message,
                "take it out of closes/",
            );
        }
        for name in history.hidden.iter().filter(|name| name.starts_with(".replay-")) {
            let message = "a replay that was ended from outside left this".to_owned();
            find(Verdict::Note, format!("closes/{name}"), message, "remove it");
        }
    }
    let span = match (date, history.closes.first(), history.closes.last()) {
        (Some(date), ..) => date.to_string(),
        (None, Some(first), Some(last)) if first.date != last.date => {
            format!("{} to {}", first.date, last.date)
        }
        (None, Some(first), _) => first.date.to_string(),
        (None, None, _) => "none".to_owned(),
    };
    Check::of("closes", span, findings)
}

/// `previous` and `supersedes` name the closes that lie here.
pub fn check_chain(history: &History, closed: &Closed, manifest: &Manifest) -> Check {
    let mut findings = Vec::new();
    let file = place(closed, MANIFEST);
    let before = history.all_of(closed.date.plus_days(-1));
    let in_force = history
        .of(closed.date)
        .is_none_or(|last| last.sequence == closed.sequence);
    // The close that counts follows the one that counts; one that is superseded may follow one that is.
    let candidates = if in_force {
        &before[before.len().saturating_sub(1)..]
    } else {
        before
    };
    let first = history
        .closes
        .first()
        .is_none_or(|first| first.date == closed.date);
    match (&manifest.previous, candidates) {
        (None, _) if first => {}
        (None, _) => {
            let message = "it names no close before it, and it is not the first day of the book".to_owned();
            findings.push((Verdict::Altered, Finding::about(&file, message, RESTORE)));
        }
        (Some(hash), []) => {
            let day = closed.date.plus_days(-1);
            let message = format!(
                "the close of {day} with hash {hash} is not there, and {} follows it",
                closed.name()
            );
            let finding = Finding::about(format!("closes/{day}"), message, RESTORE);
            findings.push((Verdict::Missing, finding));
        }
        (Some(hash), candidates) => {
            findings.extend(follows(closed, "previous", hash, candidates));
        }
    }
    let superseded = closed.sequence.checked_sub(1).filter(|sequence| *sequence > 0);
    let superseded = superseded.and_then(|sequence| {
        let same_day = history.all_of(closed.date);
        same_day.iter().find(|other| other.sequence == sequence)
    });
    match (&manifest.supersedes, superseded) {
        (None, None) if closed.sequence == 1 => {}
        (Some(hash), Some(other)) => {
            findings.extend(follows(closed, "supersedes", hash, std::slice::from_ref(other)));
        }
        (Some(_), None) if closed.sequence > 1 => {}
        (named, _) => {
            let found = named.as_deref().unwrap_or("nothing");
            let message = format!(
                "`supersedes` names {found}, which does not fit sequence {}",
                closed.sequence
            );
            findings.push((Verdict::Altered, Finding::about(&file, message, RESTORE)));
        }
    }
    let said = match &manifest.previous {
        Some(hash) => format!("follows {hash}"),
        None => "the first close".to_owned(),
    };
    Check::of("chain", said, findings)
}

/// A finding unless `hash` is that of one of the candidates.
fn follows(closed: &Closed, key: &str, hash: &str, candidates: &[Closed]) -> Option<(Verdict, Finding)> {
    let hashes: Vec<(String, String)> = candidates
        .iter()
        .filter_map(|other| {
            let bytes = fs::read(other.folder.join(MANIFEST)).ok()?;
            Some((place(other, MANIFEST), manifest_hash(&bytes)))
        })
        .collect();
    if hashes.iter().any(|(_, found)| found == hash) {
        return None;
    }
    let there: Vec<String> = hashes
        .iter()
        .map(|(file, hash)| format!("{file} has {hash}"))
        .collect();
    let message = format!(
        "`{key}` is {hash}, and {}: one of the two was altered, or another close was put in its place",
        if there.is_empty() {
            "no manifest can be read there".to_owned()
        } else {
            there.join(", ")
        }
    );
    Some((
        Verdict::Altered,
        Finding::about(place(closed, MANIFEST), message, RESTORE),
    ))
}
