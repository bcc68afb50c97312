//! The bytes of one close: its manifest, every file that the manifest lists, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rayon::prelude::*;

use crate::day::history::{Closed, MANIFEST};
use crate::day::verify::{Check, Verdict, place};
use crate::findings::Finding;
use crate::host::digest_file;
use crate::report::manifest::{Manifest, manifest_hash};
use crate::report::show;

/// Not sealed: when and where the close was run.
const RUN: &str = "run.json";

const RESTORE: &str = "restore the close from a backup; do not close it again over the altered one";

/// manifest.json reads, is in its one form, and is of this day.
pub fn check_manifest(closed: &Closed) -> (Check, Option<Manifest>) {
    let file = place(closed, MANIFEST);
    let altered = |message: String| (Verdict::Altered, Finding::about(&file, message, RESTORE));
    let bytes = match fs::read(closed.folder.join(MANIFEST)) {
        Ok(bytes) => bytes,
        Err(error) => {
            let finding = unreadable(&file, &error);
            return (Check::of("manifest", "cannot be read", vec![finding]), None);
        }
    };
    let manifest = match Manifest::parse(&bytes) {
        Ok(manifest) => manifest,
        Err(message) => {
            let said = "does not read, so nothing it seals can be checked";
            return (Check::of("manifest", said, vec![altered(message)]), None);
        }
    };
    let hash = manifest_hash(&bytes);
    let mut findings = Vec::new();
    if manifest.business_date != closed.date || manifest.sequence != u64::from(closed.sequence) {
        findings.push(altered(format!(
            "it is the manifest of {}/{}, and lies in the folder of {}",
            manifest.business_date,
            manifest.sequence,
            closed.name()
        )));
    }
    if let Some(noted) = noted_hash(closed).filter(|noted| *noted != hash) {
        findings.push(altered(format!("its hash is {hash}, and {RUN} says {noted}")));
    }
    let book = manifest.copies.iter().find(|copy| is_settings(&copy.path));
    if book.is_some_and(|copy| copy.sha256 != manifest.settings_sha256) {
        findings.push(altered(
            "settings_sha256 is not that of the sealed book.toml".to_owned(),
        ));
    }
    (
        Check::of("manifest", format!("hash {hash}"), findings),
        Some(manifest),
    )
}

/// The sealed copy of book.toml.
pub fn is_settings(path: &str) -> bool {
    path == "book.toml" || path.ends_with("/book.toml")
}

/// The manifest's hash as run.json noted it when the close was published, where it did.
fn noted_hash(closed: &Closed) -> Option<String> {
    let bytes = fs::read(closed.folder.join(RUN)).ok()?;
    let run: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    Some(run.get("manifest_hash")?.as_str()?.to_owned())
}

/// Path, bytes and SHA-256 of every file that the manifest lists.
pub fn sealed_files(manifest: &Manifest) -> BTreeMap<&str, (u64, &str)> {
    let copies = manifest.copies.iter();
    let copies = copies.map(|copy| (copy.path.as_str(), (copy.bytes, copy.sha256.as_str())));
    let outputs = manifest.outputs.iter();
    let outputs = outputs.map(|output| (output.path.as_str(), (output.bytes, output.sha256.as_str())));
    outputs.chain(copies).collect()
}

/// Every file listed is there with its bytes, and there is no other.
pub fn check_files(closed: &Closed, manifest: &Manifest) -> Check {
    let listed = sealed_files(manifest);
    let bytes: u64 = listed.values().map(|(bytes, _)| bytes).sum();
    let files: Vec<_> = listed.iter().collect();
    let mut findings: Vec<(Verdict, Finding)> = files
        .par_iter()
        .filter_map(|(path, (bytes, sha256))| check_file(closed, path, *bytes, sha256))
        .collect();
    if listed.len() < manifest.copies.len() + manifest.outputs.len() {
        let finding = Finding::about(place(closed, MANIFEST), "it lists a file twice", RESTORE);
        findings.push((Verdict::Altered, finding));
    }
    let mut found = BTreeSet::new();
    if let Err(error) = walk(&closed.folder, "", &mut found) {
        findings.push(unreadable(&place(closed, ""), &error));
    }
    for path in found {
        if path != MANIFEST && path != RUN && !listed.contains_key(path.as_str()) {
            let finding = Finding::about(
                place(closed, &path),
                "the manifest does not list this file: it was added after the close",
                "take it out of the close; a close is never added to",
            );
            findings.push((Verdict::Altered, finding));
        }
    }
    findings.sort_by(|a, b| a.1.cmp(&b.1));
    let said = format!(
        "{} files, {} bytes",
        show::count(listed.len() as u64),
        show::count(bytes)
    );
    Check::of("files", said, findings)
}

fn check_file(closed: &Closed, path: &str, bytes: u64, sha256: &str) -> Option<(Verdict, Finding)> {
    let file = place(closed, path);
    let altered = |message: String| Some((Verdict::Altered, Finding::about(&file, message, RESTORE)));
    // A manifest from elsewhere must not make us read outside the close.
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return altered("the manifest names a path that leads out of the close".to_owned());
    }
    let full = closed.folder.join(path);
    let seen = match fs::symlink_metadata(&full) {
        Ok(seen) => seen,
        Err(error) => return Some(unreadable(&file, &error)),
    };
    if !seen.is_file() {
        return altered("found something that is no plain file".to_owned());
    }
    if seen.len() != bytes {
        return altered(format!("found {} bytes, sealed were {bytes}", seen.len()));
    }
    match digest_file(&full) {
        Ok((_, digest)) if digest == sha256 => None,
        Ok((_, digest)) => altered(format!("its SHA-256 is {digest}, sealed was {sha256}")),
        Err(error) => Some(unreadable(&file, &error)),
    }
}

/// A file that is not there is missing; one that cannot be read cannot be checked.
pub fn unreadable(file: &str, error: &std::io::Error) -> (Verdict, Finding) {
    if error.kind() == ErrorKind::NotFound {
        let message = "the file is not there";
        return (Verdict::Missing, Finding::about(file, message, RESTORE));
    }
    let help = "run as a user who may read the book, or mend the disk";
    let finding = Finding::about(file, format!("cannot read: {error}"), help);
    (Verdict::NotCheckable, finding)
}

/// All files below a folder, by their path within it.
pub fn walk(folder: &Path, below: &str, found: &mut BTreeSet<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &path, found)?;
        } else {
            found.insert(path);
        }
    }
    Ok(())
}

/// What was proved before publishing was proved indeed.
pub fn check_invariants(closed: &Closed, manifest: &Manifest) -> Check {
    let broken = manifest
        .invariants
        .iter()
        .filter(|one| !one.ok || one.lhs != one.rhs);
    let findings = broken
        .map(|one| {
            let message = format!(
                "invariant {} says {} = {}, ok: {}: no close is published like this",
                one.id, one.lhs, one.rhs, one.ok
            );
            (
                Verdict::Altered,
                Finding::about(place(closed, MANIFEST), message, RESTORE),
            )
        })
        .collect();
    Check::of(
        "invariants",
        format!("{} identities hold", manifest.invariants.len()),
        findings,
    )
}
