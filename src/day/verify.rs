//! Checks sealed closes: their bytes, their chain, their proofs, their inputs, and on demand a replay (SPEC §9 `verify`).
//!
//! In: a book. Out: a [`Report`], one [`Check`] per close and subject; nothing is printed and nothing stops at the
//! first finding. A check says one of five things ([`Verdict`]). Nothing under the book is written, except that a
//! replay works in `closes/.replay-…`, which is removed afterwards, also on failure.
//!
//! What the seal covers is the unpacked content of inputs: packing the same file again alters nothing. A byte of
//! manifest.json itself is covered by the close that follows, by `manifest_hash` in run.json where it stands, and by
//! a replay; signatures are not checked here.

mod chain;
mod inputs;
mod replayed;
mod seal;

use std::path::PathBuf;

use crate::book::layout::Layout;
use crate::day::close::Progress;
use crate::day::history::{Closed, History};
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::date::Date;

/// What to check.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// The book's folder.
    pub root: PathBuf,
    /// Only the closes of this day; `None` is every close.
    pub date: Option<Date>,
    /// Also run each day again and compare every byte.
    pub replay: bool,
}

/// What a check came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// As sealed.
    Good,
    /// As sealed, and something that is no fault is worth a look.
    Note,
    /// It cannot be told (69).
    NotCheckable,
    /// Something that should be there is not (66).
    Missing,
    /// Something is not as it was sealed (65).
    Altered,
}

impl Verdict {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Good => "ok",
            Verdict::Note => "note",
            Verdict::NotCheckable => "not checkable",
            Verdict::Missing => "missing",
            Verdict::Altered => "altered",
        }
    }

    /// The exit code of `verify`.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Good | Verdict::Note => 0,
            Verdict::NotCheckable => StopCode::NotCheckable as u8,
            Verdict::Missing => StopCode::InputMissing as u8,
            Verdict::Altered => StopCode::BadData as u8,
        }
    }
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `2026-11-20/1`; empty for the book as a whole.
    pub close: String,
    /// Subject: `closes`, `manifest`, `files`, `chain`, `invariants`, `inputs`, `replay`.
    pub subject: &'static str,
    /// The worst of what was found.
    pub verdict: Verdict,
    /// What was looked at, in words.
    pub said: String,
    /// What is wrong or worth a look, each with its verdict.
    pub findings: Vec<(Verdict, Finding)>,
}

impl Check {
    /// A check whose verdict is the worst of its findings.
    fn of(subject: &'static str, said: impl Into<String>, findings: Vec<(Verdict, Finding)>) -> Check {
        let worst = findings.iter().map(|(verdict, _)| *verdict).max();
        Check {
            close: String::new(),
            subject,
            verdict: worst.unwrap_or(Verdict::Good),
            said: said.into(),
            findings,
        }
    }
}

/// All checks, in order: the book, then its closes, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Closes looked at.
    pub closes: usize,
    /// What was checked.
    pub checks: Vec<Check>,
}

impl Report {
    /// 0 good, 65 altered, 66 missing, 69 not checkable: the first of 65, 66, 69 that applies (R33).
    pub fn exit_code(&self) -> u8 {
        let worst = self.checks.iter().map(|check| check.verdict).max();
        worst.unwrap_or(Verdict::Good).exit_code()
    }
}

/// Checks the closes of a book.
///
/// # Errors
/// 78 when the folder is no book; 66 when there is no close to check; a failure to list folders.
pub fn verify(options: &VerifyOptions, progress: &dyn Progress) -> Result<Report, Stop> {
    let layout = Layout::new(&options.root);
    if !layout.settings().exists() && !layout.closes().exists() {
        return Err(Stop::new(
            StopCode::Settings,
            Finding::about(
                options.root.display().to_string(),
                "found neither book.toml nor closes/, so this folder is no book",
                "name the folder that holds book.toml",
            ),
        ));
    }
    let history = History::read(&layout)?;
    let chosen: Vec<&Closed> = match options.date {
        Some(date) => history.all_of(date).iter().collect(),
        None => history.closes.iter().collect(),
    };
    let lost = history
        .incomplete
        .iter()
        .any(|closed| options.date.is_none_or(|date| closed.date == date));
    if chosen.is_empty() && !lost {
        return Err(nothing_to_check(&layout, options.date));
    }
    let mut checks = vec![chain::check_days(&history, options.date)];
    for (index, closed) in chosen.iter().enumerate() {
        // Said again for every close: a replay tells stages of its own in between.
        progress.stage("verify", chosen.len() as u64);
        progress.advance(index as u64);
        let more = check_close(&layout, &history, closed, options.replay, progress);
        checks.extend(more.into_iter().map(|check| Check {
            close: closed.name(),
            ..check
        }));
    }
    Ok(Report {
        closes: chosen.len(),
        checks,
    })
}

fn check_close(
    layout: &Layout,
    history: &History,
    closed: &Closed,
    replay: bool,
    progress: &dyn Progress,
) -> Vec<Check> {
    let (check, manifest) = seal::check_manifest(closed);
    let mut checks = vec![check];
    let Some(manifest) = manifest else {
        return checks;
    };
    checks.push(seal::check_files(closed, &manifest));
    checks.push(chain::check_chain(history, closed, &manifest));
    checks.push(seal::check_invariants(closed, &manifest));
    // A restatement comes with new inputs; those of the close it supersedes are gone then, and rightly.
    let superseded = history
        .of(closed.date)
        .is_some_and(|in_force| in_force.sequence > closed.sequence);
    checks.push(inputs::check_inputs(layout, closed, &manifest, superseded));
    if replay {
        let sound = checks
            .iter()
            .all(|check| check.subject == "invariants" || check.verdict <= Verdict::Note);
        let same_inbox = checks
            .iter()
            .all(|check| check.subject != "inputs" || check.findings.is_empty());
        checks.push(match (sound, same_inbox) {
            (true, true) => replayed::check_replay(layout, history, closed, &manifest, progress),
            (true, false) if superseded => Check::of(
                "replay",
                "not run: superseded, and its inputs have been replaced",
                Vec::new(),
            ),
            (true, false) => replayed::not_run(closed, "the inbox holds files that the close did not take"),
            (false, _) => replayed::not_run(closed, "the close or its inputs are not whole"),
        });
    }
    checks
}

fn nothing_to_check(layout: &Layout, date: Option<Date>) -> Stop {
    let book = layout.root.display();
    let finding = match date {
        Some(date) => Finding::about(
            layout.closes().join(date.to_string()).display().to_string(),
            format!("{date} is not closed, so there is nothing to check"),
            format!("see which days are closed: tieout status {book}"),
        ),
        None => Finding::about(
            layout.closes().display().to_string(),
            "there is no close in this book, so there is nothing to check",
            format!("close a day first: tieout close {book} --date YYYY-MM-DD"),
        ),
    };
    Stop::new(StopCode::InputMissing, finding)
}

/// `closes/2026-11-20/1/payouts.csv`: how findings name a file of a close.
fn place(closed: &Closed, path: &str) -> String {
    format!("closes/{}/{path}", closed.name())
}

#[cfg(test)]
mod tests;
