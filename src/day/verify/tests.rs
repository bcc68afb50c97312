//! What verify says about closes made by hand: chains, restatements, archives. Closes made by the engine, with every
//! byte flipped in turn, are in tests/cli.rs.

use std::fs;
use std::io::Write;

use super::*;
use crate::report::manifest::{Input, Manifest, Output};
use crate::report::samples;
use crate::terms::digest::sha256_hex;

struct Quiet;

impl Progress for Quiet {
    fn stage(&self, _name: &'static str, _total: u64) {}
    fn advance(&self, _done: u64) {}
}

struct Book(tempfile::TempDir);

impl Book {
    fn new() -> Book {
        Book(tempfile::tempdir().unwrap())
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let full = self.0.path().join(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(full, bytes).unwrap();
    }

    /// Seals a close with one table, and gives its hash.
    fn seal(&self, name: &str, change: impl FnOnce(&mut Manifest)) -> String {
        let (date, sequence) = name.split_once('/').unwrap();
        let table = b"class\n";
        let mut manifest = Manifest {
            business_date: samples::date(date),
            sequence: sequence.parse().unwrap(),
            copies: Vec::new(),
            inputs: Vec::new(),
            outputs: vec![Output {
                path: "state/breaks.csv".to_owned(),
                bytes: table.len() as u64,
                sha256: sha256_hex(table),
                rows: None,
                sums: Default::default(),
            }],
            ..samples::manifest()
        };
        change(&mut manifest);
        self.write(&format!("closes/{name}/state/breaks.csv"), table);
        self.write(&format!("closes/{name}/manifest.json"), &manifest.write());
        manifest.hash()
    }

    fn report(&self, date: Option<&str>) -> Report {
        let options = VerifyOptions {
            root: self.0.path().to_path_buf(),
            date: date.map(samples::date),
            replay: false,
        };
        verify(&options, &Quiet).unwrap_or_else(|stop| panic!("{stop}"))
    }

    /// The code, and what is worth a look as `subject verdict file: message`.
    fn told(&self) -> (u8, Vec<String>) {
        let report = self.report(None);
        let lines = report.checks.iter().flat_map(|check| {
            let shown = move |(verdict, finding): &(Verdict, Finding)| {
                format!(
                    "{} {} {}: {}",
                    check.subject,
                    verdict.name(),
                    finding.file,
                    finding.message
                )
            };
            check.findings.iter().map(shown)
        });
        (report.exit_code(), lines.collect())
    }

    #[track_caller]
    fn check(&self, code: u8, expected: &[&str]) {
        let (found, lines) = self.told();
        assert_eq!(lines.len(), expected.len(), "{lines:#?}");
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.starts_with(expected), "found    {line}\nexpected {expected}");
        }
        assert_eq!(found, code, "{lines:#?}");
    }
}

fn input(name: &str, content: &[u8]) -> Input {
    Input {
        name: name.to_owned(),
        bytes: content.len() as u64,
        sha256: sha256_hex(content),
        ..samples::manifest().inputs[0].clone()
    }
}

#[test]
fn a_chain_of_days_is_followed() {
    let book = Book::new();
    let first = book.seal("2026-11-18/1", |_| {});
    let second = book.seal("2026-11-19/1", |m| m.previous = Some(first.clone()));
    book.seal("2026-11-20/1", |m| m.previous = Some(second.clone()));
    book.check(0, &[]);
    assert_eq!(book.report(None).closes, 3);
    assert_eq!(book.report(Some("2026-11-19")).exit_code(), 0);

    book.seal("2026-11-20/1", |m| m.previous = None);
    book.check(
        65,
        &["chain altered closes/2026-11-20/1/manifest.json: it names no close before it"],
    );
    book.seal("2026-11-20/1", |m| m.previous = Some(first.clone()));
    book.check(
        65,
        &["chain altered closes/2026-11-20/1/manifest.json: `previous` is "],
    );
    book.seal("2026-11-20/1", |m| m.previous = Some(second.clone()));

    fs::remove_file(book.0.path().join("closes/2026-11-19/1/manifest.json")).unwrap();
    book.check(
        66,
        &[
            "closes missing closes/2026-11-19/1/manifest.json",
            "closes missing closes/2026-11-19: the close of 2026-11-19 is missing",
            "chain missing closes/2026-11-19: the close of 2026-11-19 with hash",
        ],
    );
}

#[test]
fn a_restatement_names_what_it_supersedes() {
    let book = Book::new();
    let first = book.seal("2026-11-18/1", |_| {});
    let second = book.seal("2026-11-19/1", |m| m.previous = Some(first.clone()));
    let again = book.seal("2026-11-18/2", |m| m.supersedes = Some(first.clone()));
    // The close that counts must follow the one that counts.
    book.check(
        65,
        &["chain altered closes/2026-11-19/1/manifest.json: `previous`"],
    );
    book.seal("2026-11-19/2", |m| {
        m.previous = Some(again.clone());
        m.supersedes = Some(second.clone());
    });
    book.check(0, &[]);
    book.seal("2026-11-19/2", |m| {
        m.previous = Some(again.clone());
        m.supersedes = Some(first.clone());
    });
    book.check(
        65,
        &["chain altered closes/2026-11-19/2/manifest.json: `supersedes` is "],
    );
    book.seal("2026-11-19/2", |m| m.previous = Some(again));
    book.check(
        65,
        &["chain altered closes/2026-11-19/2/manifest.json: `supersedes` names nothing"],
    );
    fs::remove_dir_all(book.0.path().join("closes/2026-11-19/1")).unwrap();
    let (code, lines) = book.told();
    assert_eq!(code, 65);
    assert!(
        lines[0].starts_with("closes missing closes/2026-11-19: close 1 is missing"),
        "{lines:?}"
    );
}

#[test]
fn the_seal_itself_is_looked_at() {
    let book = Book::new();
    let hash = book.seal("2026-11-18/1", |_| {});
    let run = "closes/2026-11-18/1/run.json";
    book.write(run, format!("{{\"manifest_hash\":\"{hash}\"}}").as_bytes());
    book.check(0, &[]);
    book.write(run, b"{\"manifest_hash\":\"00\"}");
    book.check(
        65,
        &["manifest altered closes/2026-11-18/1/manifest.json: its hash is "],
    );
    book.write(run, b"not even JSON");
    book.check(0, &[]);

    let check = |change: fn(&mut Manifest), expected: &str| {
        book.seal("2026-11-18/1", change);
        book.check(65, &[expected]);
    };
    check(
        |m| m.sequence = 2,
        "manifest altered closes/2026-11-18/1/manifest.json: it is the manifest of 2026-11-18/2",
    );
    check(|m| m.invariants[0].ok = false, "invariants altered");
    check(|m| m.invariants[0].lhs += 1, "invariants altered");
    check(
        |m| {
            let outside = m.outputs[0].clone();
            m.outputs.push(Output {
                path: "../1/state/breaks.csv".to_owned(),
                ..outside
            });
        },
        "files altered closes/2026-11-18/1/../1/state/breaks.csv: the manifest names a path that leads out",
    );
}

#[test]
fn inputs_are_compared_by_their_content() {
    let zipped = |content: &[u8]| {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("m.csv", zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(content).unwrap();
        zip.finish().unwrap().into_inner()
    };
    let book = Book::new();
    let seal = |sequence: u32, supersedes: Option<String>| {
        book.seal(&format!("2026-11-18/{sequence}"), |m| {
            m.supersedes = supersedes;
            m.inputs = vec![input("a.csv", b"plain"), input("b.zip!m.csv", b"member")];
        })
    };
    let hash = seal(1, None);
    book.check(
        69,
        &["inputs not checkable inbox/2026-11-18: the inbox of the day is not there"],
    );
    let inbox = |name: &str, bytes: &[u8]| book.write(&format!("inbox/2026-11-18/{name}"), bytes);
    inbox("a.csv", b"plain");
    inbox("b.zip", &zipped(b"member"));
    book.check(0, &[]);
    inbox("b.zip", &zipped(b"other"));
    book.check(65, &["inputs altered inbox/2026-11-18/b.zip!m.csv: the SHA-256"]);
    let mut damaged = zipped(b"member");
    let end = damaged.len() - 5;
    damaged.truncate(end);
    inbox("b.zip", &damaged);
    book.check(65, &["inputs altered inbox/2026-11-18/b.zip: "]);
    inbox("b.zip", b"no archive any more");
    book.check(
        65,
        &[
            "inputs note inbox/2026-11-18/b.zip: the manifest does not name this file",
            "inputs altered inbox/2026-11-18/b.zip!m.csv: the archive b.zip holds no such member",
        ],
    );
    inbox("b.zip", &zipped(b"member"));
    inbox("copy.csv", b"plain");
    book.check(0, &["inputs note inbox/2026-11-18/copy.csv: the manifest does not name this file: it has the content of a.csv"]);
    fs::remove_file(book.0.path().join("inbox/2026-11-18/copy.csv")).unwrap();
    fs::remove_file(book.0.path().join("inbox/2026-11-18/a.csv")).unwrap();
    book.check(
        66,
        &["inputs missing inbox/2026-11-18/a.csv: the file is not there"],
    );
    // A restatement with another file: the inputs of the close before are gone, and rightly.
    book.seal("2026-11-18/2", |m| {
        m.supersedes = Some(hash);
        m.inputs = vec![input("b.zip!m.csv", b"member")];
    });
    book.check(0, &["inputs note inbox/2026-11-18/a.csv"]);
}

#[test]
fn the_first_difference_has_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let check = |left: &[u8], right: &[u8], expected: Option<(u64, u64)>| {
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, left).unwrap();
        fs::write(&b, right).unwrap();
        assert_eq!(replayed::first_difference(&a, &b).unwrap(), expected);
    };
    check(b"", b"", None);
    check(b"a\nb\n", b"a\nb\n", None);
    check(b"a\nb\n", b"a\nc\n", Some((2, 2)));
    check(b"a\n", b"a\nb", Some((2, 2)));
    let long = vec![b'x'; 200_000];
    let mut other = long.clone();
    other[150_000] = b'y';
    check(&long, &other, Some((150_000, 1)));
}
