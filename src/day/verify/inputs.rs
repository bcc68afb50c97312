//! The inputs of a close lie in the inbox as they were read: equal content under the same names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;

use rayon::prelude::*;

use crate::book::layout::Layout;
use crate::day::history::Closed;
use crate::day::output::{BOOK_COPY, OPENING};
use crate::day::verify::replayed::first_difference;
use crate::day::verify::{Check, Verdict};
use crate::findings::Finding;
use crate::ingest::files::{Delivered, discover_all, hash_content};
use crate::report::manifest::{Input, Manifest};
use crate::report::show;

/// Every input named in the manifest is in the inbox with the same content. Others there are noted.
pub fn check_inputs(layout: &Layout, closed: &Closed, manifest: &Manifest, superseded: bool) -> Check {
    let inbox = layout.inbox(closed.date);
    let said = format!("{} files", show::count(manifest.inputs.len() as u64));
    if !manifest.inputs.is_empty() && fs::symlink_metadata(&inbox).is_err() {
        let finding = Finding::about(
            format!("inbox/{}", closed.date),
            format!("the inbox of the day is not there, so {said} named by the manifest cannot be checked"),
            "bring it back from the archive and run the same command",
        );
        return Check::of("inputs", "archived away", vec![(Verdict::NotCheckable, finding)]);
    }
    let mut findings = compare(&inbox, closed, manifest);
    findings.extend(compare_opening(layout, closed, manifest));
    if superseded {
        for (verdict, finding) in &mut findings {
            if *verdict > Verdict::Note {
                *verdict = Verdict::Note;
                finding.help = format!(
                    "{} is superseded: the inbox is that of the later close",
                    closed.name()
                );
            }
        }
    }
    Check::of("inputs", said, findings)
}

/// What a first close began with: `opening/` of the book against the copy that was sealed. A replay runs from the copy, so that a
/// folder archived away is no fault.
fn compare_opening(layout: &Layout, closed: &Closed, manifest: &Manifest) -> Vec<(Verdict, Finding)> {
    const RESTORE: &str =
        "bring back the table as it was when the first day was closed; the close has a copy of it";
    let folder = layout.opening();
    let prefix = format!("{BOOK_COPY}/{OPENING}/");
    let copies = manifest
        .copies
        .iter()
        .filter_map(|copy| copy.path.strip_prefix(&prefix));
    let sealed: BTreeSet<&str> = copies.collect();
    if manifest.previous.is_some() || !folder.is_dir() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut find = |verdict, name: &str, line: u64, message: String, help: &str| {
        let finding = Finding::about(format!("{OPENING}/{name}"), message, help).at(line, 0);
        findings.push((verdict, finding));
    };
    for name in &sealed {
        let copy = closed.folder.join(format!("{prefix}{name}"));
        match first_difference(&copy, &folder.join(name)) {
            Ok(None) => {}
            Ok(Some((offset, line))) => {
                let message = format!("it differs from byte {offset} (line {line}) on from what was sealed");
                find(Verdict::Altered, name, line, message, RESTORE);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                find(
                    Verdict::Missing,
                    name,
                    0,
                    "the table is not there".to_owned(),
                    RESTORE,
                );
            }
            Err(error) => find(
                Verdict::NotCheckable,
                name,
                0,
                format!("cannot read: {error}"),
                RESTORE,
            ),
        }
    }
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !sealed.contains(name.as_str()) {
            let message = "the first close did not begin with this table: it came later".to_owned();
            find(Verdict::Note, &name, 0, message, "nothing reads it any more");
        }
    }
    findings
}

fn compare(inbox: &std::path::Path, closed: &Closed, manifest: &Manifest) -> Vec<(Verdict, Finding)> {
    const RESTORE: &str = "bring back the file as it was delivered";
    let place = |name: &str| format!("inbox/{}/{name}", closed.date);
    let (delivery, untakable) = match fs::symlink_metadata(inbox) {
        Ok(_) => discover_all(inbox),
        Err(_) => Default::default(),
    };
    let named: BTreeMap<&str, &Input> = manifest
        .inputs
        .iter()
        .map(|input| (input.name.as_str(), input))
        .collect();
    let hashed: Vec<(&Delivered, std::io::Result<(String, u64)>)> = delivery
        .files
        .par_iter()
        .map(|file| (file, hash_content(file)))
        .collect();

    let mut findings = Vec::new();
    let mut found = BTreeSet::new();
    for (file, content) in &hashed {
        let name = file.name.as_str();
        match (named.get(name), content) {
            (Some(input), Ok((sha256, _))) => {
                found.insert(name);
                if *sha256 != input.sha256 {
                    let message = format!(
                        "the SHA-256 of its content is {sha256}, sealed was {}",
                        input.sha256
                    );
                    findings.push((Verdict::Altered, Finding::about(place(name), message, RESTORE)));
                }
            }
            (Some(_), Err(error)) => {
                found.insert(name);
                let message = format!("its content cannot be read any more: {error}");
                findings.push((Verdict::Altered, Finding::about(place(name), message, RESTORE)));
            }
            (None, Ok((sha256, _))) => {
                let same = manifest.inputs.iter().find(|input| input.sha256 == *sha256);
                let message = match same {
                    Some(input) => format!("the manifest does not name this file: it has the content of {}", input.name),
                    None => "the manifest does not name this file: it came after the close, or had been taken before"
                        .to_owned(),
                };
                let help = "nothing to do if it is known; a late file is taken by a restatement";
                findings.push((Verdict::Note, Finding::about(place(name), message, help)));
            }
            (None, Err(error)) => {
                let message = format!("the manifest does not name this file, and it cannot be read: {error}");
                findings.push((
                    Verdict::Note,
                    Finding::about(place(name), message, "see what it is"),
                ));
            }
        }
    }
    // What cannot be taken names the file on disk, by its name below the inbox or by its whole path.
    let on_disk = |finding: &Finding| {
        let file = finding
            .file
            .strip_prefix(&format!("{}/", inbox.display()))
            .unwrap_or(&finding.file);
        file.split('!').next().unwrap_or_default().to_owned()
    };
    let spoilt: BTreeSet<String> = untakable.iter().map(on_disk).collect();
    let outer = |name: &str| name.split('!').next().unwrap_or_default().to_owned();
    let needed: BTreeSet<String> = named.keys().map(|name| outer(name)).collect();
    for finding in untakable {
        let file = on_disk(&finding);
        let verdict = if needed.contains(&file) {
            Verdict::Altered
        } else {
            Verdict::Note
        };
        findings.push((verdict, Finding::about(place(&file), finding.message, RESTORE)));
    }
    for name in named.keys().filter(|name| !found.contains(*name)) {
        let disk = outer(name);
        if spoilt.contains(&disk) {
            continue;
        }
        let (verdict, message) = if disk != **name && fs::symlink_metadata(inbox.join(&disk)).is_ok() {
            (
                Verdict::Altered,
                format!("the archive {disk} holds no such member any more"),
            )
        } else {
            (Verdict::Missing, "the file is not there".to_owned())
        };
        findings.push((verdict, Finding::about(place(name), message, RESTORE)));
    }
    findings.sort_by(|a, b| a.1.cmp(&b.1));
    findings
}
