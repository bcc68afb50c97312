//! Runs a sealed day again and compares every byte (SPEC §9 `verify --replay`, §10.2).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::book::layout::Layout;
use crate::day::close::{Progress, replay};
use crate::day::history::{Closed, History, MANIFEST};
use crate::day::verify::seal::{sealed_files, unreadable, walk};
use crate::day::verify::{Check, Verdict, place};
use crate::findings::{Finding, StopCode};
use crate::host;
use crate::report::manifest::{Manifest, manifest_hash};
use crate::report::show;

/// Said when another check has failed: what is replayed would not be the day that was closed.
pub fn not_run(closed: &Closed, why: &str) -> Check {
    let finding = Finding::about(
        format!("closes/{}", closed.name()),
        format!("the day was not run again, because {why}"),
        "mend what is named above, then run the same command",
    );
    Check::of("replay", "not run", vec![(Verdict::NotCheckable, finding)])
}

/// The folder of a replay, removed when dropped.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        // On the way out of a failure; the ordinary way tells when it cannot be removed.
        let _ = host::remove_folder(&self.0);
    }
}

/// Runs the day again beside the closes and compares.
pub fn check_replay(
    layout: &Layout,
    history: &History,
    closed: &Closed,
    manifest: &Manifest,
    progress: &dyn Progress,
) -> Check {
    let version = env!("CARGO_PKG_VERSION");
    if manifest.engine_version != version {
        let finding = Finding::about(
            place(closed, MANIFEST),
            format!(
                "closed by {} {}, and this is {version}: only the same version writes the same bytes",
                manifest.engine, manifest.engine_version
            ),
            format!("replay it with version {}", manifest.engine_version),
        );
        return Check::of("replay", "not run", vec![(Verdict::NotCheckable, finding)]);
    }
    let name = format!(
        ".replay-{}-{}-{}",
        closed.date,
        closed.sequence,
        std::process::id()
    );
    let aside = Aside(layout.closes().join(name));
    let previous = previous_of(history, closed, manifest);
    let into = &aside.0;
    let inbox = layout.inbox(closed.date);
    let ran = host::remove_folder(into)
        .and_then(|()| replay(&closed.folder, &inbox, previous.as_deref(), into, progress));
    let mut findings = match ran {
        Ok(()) => differences(closed, manifest, into),
        Err(stop) => {
            // The inputs are those of the close and the settings are sealed, so the day cannot turn bad by itself.
            let verdict = match stop.code {
                StopCode::BadData | StopCode::Settings => Verdict::Altered,
                _ => Verdict::NotCheckable,
            };
            stop.findings
                .into_iter()
                .map(|finding| (verdict, finding))
                .collect()
        }
    };
    if let Err(stop) = host::remove_folder(into) {
        findings.extend(stop.findings.into_iter().map(|finding| (Verdict::Note, finding)));
    }
    let said = format!(
        "run again from its inputs, {} files compared",
        show::count(sealed_files(manifest).len() as u64 + 1)
    );
    Check::of("replay", said, findings)
}

/// The folder of the close that this one follows.
fn previous_of(history: &History, closed: &Closed, manifest: &Manifest) -> Option<PathBuf> {
    let hash = manifest.previous.as_ref()?;
    history
        .all_of(closed.date.plus_days(-1))
        .iter()
        .rev()
        .find(|other| fs::read(other.folder.join(MANIFEST)).is_ok_and(|bytes| manifest_hash(&bytes) == *hash))
        .map(|other| other.folder.clone())
}

/// Every sealed file that differs, and where it first does.
fn differences(closed: &Closed, manifest: &Manifest, into: &Path) -> Vec<(Verdict, Finding)> {
    const HELP: &str =
        "the close was altered together with its manifest, or the engine differs: keep both, and find out";
    let sealed = sealed_files(manifest);
    let mut findings = Vec::new();
    for path in sealed.keys().copied().chain([MANIFEST]) {
        let file = place(closed, path);
        match first_difference(&closed.folder.join(path), &into.join(path)) {
            Ok(None) => {}
            Ok(Some((offset, line))) => {
                let message = format!("the day run again differs from byte {offset} (line {line}) on");
                findings.push((Verdict::Altered, Finding::about(file, message, HELP).at(line, 0)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let message = "the day run again does not write this file";
                findings.push((Verdict::Altered, Finding::about(file, message, HELP)));
            }
            Err(error) => findings.push(unreadable(&file, &error)),
        }
    }
    let mut written = BTreeSet::new();
    if let Err(error) = walk(into, "", &mut written) {
        findings.push(unreadable(&into.display().to_string(), &error));
    }
    for path in written {
        if path != MANIFEST && path != "run.json" && !sealed.contains_key(path.as_str()) {
            let message = "the day run again writes this file, and the close does not have it";
            findings.push((
                Verdict::Altered,
                Finding::about(place(closed, &path), message, HELP),
            ));
        }
    }
    findings
}

/// Offset (0-based) and line of the first byte in which two files differ; the end of one counts.
pub fn first_difference(left: &Path, right: &Path) -> io::Result<Option<(u64, u64)>> {
    let open = |path| File::open(path).map(|file| BufReader::with_capacity(1 << 20, file));
    let (mut left, mut right) = (open(left)?, open(right)?);
    let (mut a, mut b) = (vec![0u8; 1 << 16], vec![0u8; 1 << 16]);
    let (mut offset, mut line) = (0u64, 1u64);
    loop {
        let (read_a, read_b) = (fill(&mut left, &mut a)?, fill(&mut right, &mut b)?);
        let (seen_a, seen_b) = (&a[..read_a], &b[..read_b]);
        let same = seen_a.iter().zip(seen_b).take_while(|(a, b)| a == b).count();
        line += seen_a[..same].iter().filter(|byte| **byte == b'\n').count() as u64;
        offset += same as u64;
        if same < read_a || same < read_b {
            return Ok(Some((offset, line)));
        }
        if read_a == 0 {
            return Ok(None);
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
