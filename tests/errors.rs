//! The error catalogue: every folder of `testdata/errors` is a book with one thing wrong, and the exact words and
//! exit code with which `tieout close` answers. docs/errors.md is made from it.
//!
//! `TIEOUT_BLESS=1 cargo test errors` rewrites the expected texts and the page; read the difference before it is
//! committed. testdata/errors/README.md says how a folder is laid out.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;

/// The groups of the page, by the first word of a folder's name.
const GROUPS: [(&str, &str); 12] = [
    ("settings", "Settings: book.toml"),
    ("master", "Merchants and calendars"),
    ("file", "Files of the inbox"),
    ("row", "Rows"),
    ("balance", "Statement balances"),
    ("adjustment", "Adjustments by people"),
    ("camt", "Bank statements: camt.053"),
    ("statement", "Bank statements: MT940, BAI2, OFX, and across files"),
    ("alipay", "Channel bills: Alipay"),
    ("day", "Days and closes"),
    ("state", "What is brought forward"),
    ("system", "The machine"),
];

/// `case.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Heading on the page.
    title: String,
    /// What is wrong, in a sentence or two.
    #[serde(default)]
    about: String,
    /// Dates to close in turn; only the last is expected to fail.
    #[serde(default = "first_day")]
    close: Vec<String>,
    /// Changes to files of the base before anything is closed.
    #[serde(default)]
    change: Vec<Change>,
    /// Changes before the last close.
    #[serde(default)]
    later: Vec<Change>,
    /// Files or folders taken away before anything is closed.
    #[serde(default)]
    remove: Vec<String>,
    /// Symbolic links to make: name and target.
    #[serde(default)]
    link: BTreeMap<String, String>,
    /// Files that nobody may read.
    #[serde(default)]
    unreadable: Vec<String>,
    /// What another process has written into the lock it holds.
    lock: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    file: String,
    /// A text that stands in the file once; everything when it is missing.
    find: Option<String>,
    with: String,
}

fn first_day() -> Vec<String> {
    vec!["2026-11-20".to_owned()]
}

fn catalogue() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/errors")
}

fn blessing() -> bool {
    std::env::var_os("TIEOUT_BLESS").is_some()
}

fn names() -> Vec<String> {
    let listed = fs::read_dir(catalogue()).unwrap();
    let mut names: Vec<String> = listed
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name != "_base")
        .collect();
    names.sort();
    names
}

fn case(name: &str) -> Case {
    let text = fs::read_to_string(catalogue().join(name).join("case.toml")).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Copies a folder over another.
fn lay_over(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.path().is_dir() {
            fs::create_dir_all(to.join(&name)).unwrap();
            lay_over(&entry.path(), &to.join(&name));
        } else if name != "case.toml" && name != "expected.txt" {
            fs::copy(entry.path(), to.join(&name)).unwrap();
        }
    }
}

fn change(name: &str, book: &Path, changes: &[Change]) {
    for change in changes {
        let path = book.join(&change.file);
        let text = match &change.find {
            None => change.with.clone(),
            Some(find) => {
                let text =
                    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {path:?}: {error}"));
                assert_eq!(
                    text.matches(find.as_str()).count(),
                    1,
                    "{name}: `{find}` in {}",
                    change.file
                );
                text.replacen(find.as_str(), &change.with, 1)
            }
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn close(book: &Path, date: &str, as_nobody: bool) -> Output {
    let tieout = env!("CARGO_BIN_EXE_tieout");
    let mut command = if as_nobody {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", tieout]);
        command
    } else {
        Command::new(tieout)
    };
    command
        .arg("close")
        .arg(book)
        .args(["--date", date, "--threads", "2"])
        .output()
        .unwrap()
}

/// What is in closes/ but the lock.
fn published(book: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![book.join("closes")];
    while let Some(folder) = folders.pop() {
        let Ok(listed) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in listed {
            let path = entry.unwrap().path();
            let shown = path.strip_prefix(book).unwrap().to_str().unwrap().to_owned();
            if shown != "closes/.lock" {
                found.push(shown);
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

fn open_to_all(path: &Path) {
    let mode = if path.is_dir() { 0o777 } else { 0o666 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            open_to_all(&entry.unwrap().path());
        }
    }
}

/// The code and the words of a case, `None` when this machine cannot make it, or what is wrong whatever is expected.
fn told(name: &str, case: &Case) -> Result<Option<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let book = folder.path().join("book");
    fs::create_dir(&book).unwrap();
    lay_over(&catalogue().join("_base"), &book);
    for path in &case.remove {
        let path = book.join(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
    }
    lay_over(&catalogue().join(name), &book);
    change(name, &book, &case.change);
    for (link, target) in &case.link {
        symlink(target, book.join(link)).unwrap();
    }
    let (last, before) = case.close.split_last().unwrap();
    for date in before {
        let output = close(&book, date, false);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{name}: {date}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    change(name, &book, &case.later);
    let as_nobody = !case.unreadable.is_empty() && rustix::process::geteuid().is_root();
    if as_nobody {
        if Command::new("setpriv").arg("--version").output().is_err() {
            println!("skipped: {name}: root reads everything, and setpriv is not here");
            return Ok(None);
        }
        open_to_all(folder.path());
    }
    for path in &case.unreadable {
        fs::set_permissions(book.join(path), fs::Permissions::from_mode(0o000)).unwrap();
    }
    let held = case.lock.as_ref().map(|who| {
        fs::create_dir_all(book.join("closes")).unwrap();
        fs::write(book.join("closes/.lock"), who).unwrap();
        let file = fs::File::open(book.join("closes/.lock")).unwrap();
        file.lock().unwrap();
        file
    });
    let before = published(&book);
    let output = close(&book, last, as_nobody);
    drop(held);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let fail = |what: &str| Err(format!("--- {name}: {what}\n{stdout}{stderr}"));
    if published(&book) != before {
        return fail("something was published, or left behind");
    }
    if !stdout.is_empty() {
        return fail("a stop has no data to show");
    }
    if stderr.contains("panicked") {
        return fail("the engine stopped itself");
    }
    let code = match output.status.code() {
        Some(code) if (64..=78).contains(&code) && code != 70 => code,
        code => return fail(&format!("exit code {code:?}")),
    };
    let root = book.to_str().unwrap();
    let words = stderr.replace(&format!("{root}/"), "").replace(root, "BOOK");
    let words: String = words
        .lines()
        .filter(|line| !line.starts_with("stage: "))
        .map(|line| format!("{line}\n"))
        .collect();
    for number in [
        "6222000000000001",
        "6222000000000777",
        "DE75512108001245126199",
        "DE02120300000000202051",
    ] {
        if words.contains(number) {
            return fail("an account number stands in full");
        }
    }
    Ok(Some(format!("{code}\n{words}")))
}

#[test]
fn every_error_says_what_was_found_expected_and_to_be_done() {
    let names = names();
    assert!(names.len() >= 50, "{} entries", names.len());
    let mut wrong = String::new();
    for name in &names {
        let case = case(name);
        let told = match told(name, &case) {
            Ok(Some(told)) => told,
            Ok(None) => continue,
            Err(why) => {
                writeln!(wrong, "{why}").unwrap();
                continue;
            }
        };
        let path = catalogue().join(name).join("expected.txt");
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if told == expected {
            continue;
        }
        if blessing() {
            fs::write(&path, &told).unwrap();
        } else {
            write!(
                wrong,
                "--- {name}: expected\n{expected}--- {name}: found\n{told}\n"
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    page_is_up_to_date(&names);
}

fn page_is_up_to_date(names: &[String]) {
    let mut page = String::from(
        "# What can stop a close, and what to do\n\n\
         Made from the error catalogue, `testdata/errors`, which the tests run: do not edit.\n\
         A close that stops has published nothing: mend the cause and run the same command again.\n\
         The number is the exit code; `docs/operations.md` lists them.\n",
    );
    for name in names {
        let known = GROUPS
            .iter()
            .any(|(group, _)| name.starts_with(&format!("{group}-")));
        assert!(known, "{name} belongs to no group of the page");
    }
    for (group, heading) in GROUPS {
        write!(page, "\n## {heading}\n").unwrap();
        for name in names.iter().filter(|name| name.starts_with(&format!("{group}-"))) {
            let case = case(name);
            let expected =
                fs::read_to_string(catalogue().join(name).join("expected.txt")).unwrap_or_default();
            let (code, words) = expected.split_once('\n').unwrap_or_default();
            write!(page, "\n### {} ({code})\n\n", case.title).unwrap();
            if !case.about.is_empty() {
                write!(page, "{}\n\n", case.about).unwrap();
            }
            write!(page, "```text\n{words}```\n").unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    if blessing() {
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "docs/errors.md is not what the catalogue gives: run TIEOUT_BLESS=1 cargo test errors"
    );
}
