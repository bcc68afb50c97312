use super::*;
use crate::demo::write_demo;

#[test]
fn every_kind_is_found_on_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("demo");
    let demo = write_demo(&root).unwrap();
    let date = demo.dates[2];
    for date in &demo.dates[..=2] {
        let options = CloseOptions {
            root: root.clone(),
            date: *date,
            dry_run: false,
            what_if: None,
            memory: None,
            scratch: None,
            ends_process: false,
        };
        close(&options, &Silent).unwrap();
    }
    let options = SelftestOptions {
        root: root.clone(),
        date,
        kinds: KINDS.iter().map(|kind| kind.name).collect(),
        folder: folder.path().join("copy"),
    };
    let results = selftest(&options).unwrap();
    assert_eq!(results.len(), KINDS.len());
    for result in &results {
        println!(
            "{}: {} planted, {} found; {:?}",
            result.kind, result.planted, result.found, result.causes
        );
        assert!(result.planted > 0, "{result:?}");
        assert_eq!(result.found, result.planted, "{result:?}");
        assert!(result.missed.is_empty(), "{result:?}");
    }
    assert!(!options.folder.exists());

    let other = SelftestOptions {
        date: demo.dates[5],
        ..options
    };
    assert_eq!(selftest(&other).unwrap_err().code, StopCode::InputMissing);
}

/// Half of what was open the day before is decided by people on the day that is tested: the copy posts the same decisions, breaks as
/// the sealed day did, and every fault is found beside them.
#[test]
fn decisions_of_the_day_are_decided_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("demo");
    let demo = write_demo(&root).unwrap();
    let date = demo.dates[2];
    let settings = std::fs::read_to_string(root.join("book.toml")).unwrap();
    let source = "[[source]]\nname = \"decisions\"\nrole = \"adjustments\"\nformat = \"canonical\"\nfiles = [\"decisions.csv\"]\n\n";
    let settings = settings.replacen("[[source]]", &format!("{source}[[source]]"), 1);
    std::fs::write(root.join("book.toml"), settings).unwrap();
    let close_one = |date: Date| {
        let options = CloseOptions {
            root: root.clone(),
            date,
            dry_run: false,
            what_if: None,
            memory: None,
            scratch: None,
            ends_process: false,
        };
        close(&options, &Silent).unwrap().folder.unwrap()
    };
    close_one(demo.dates[0]);
    let before = close_one(demo.dates[1]);
    let mut reader = csv::Reader::from_path(before.join("breaks.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let mut rows =
        "adjustment_id,target,action,amount,reason,prepared_by,approved_by,approved_at\n".to_owned();
    let mut asked = 0;
    for (number, record) in reader.records().enumerate() {
        let record = record.unwrap();
        let cell = |name: &str| {
            record
                .get(header.iter().position(|column| column == name).unwrap())
                .unwrap()
        };
        let (platform, bank) = (cell("platform_minor"), cell("bank_minor"));
        if number % 2 == 1 || cell("currency") != "CNY" || cell("leg") == "payout-bank" {
            continue;
        }
        let (action, minor) = match (platform, bank) {
            ("", bank) => ("write_off", bank),
            (platform, "") => ("write_off", platform),
            (platform, _) => ("accept", platform),
        };
        let minor: i64 = minor.parse().unwrap();
        let amount = crate::terms::money::format_minor(i128::from(minor.abs()), 2);
        rows.push_str(&format!(
            "S{number:03},{},{action},{amount},a test,lin,wang,2026-11-18T18:00:00+08:00\n",
            cell("break_id")
        ));
        asked += 1;
    }
    let text = std::fs::read_to_string(root.join("book.toml")).unwrap();
    let quarantine = match text.contains("rejects = \"stop\"") {
        true => text.replace("rejects = \"stop\"", "rejects = \"quarantine\""),
        false if text.contains("rejects =") => text,
        false => text.replace("[policy]\n", "[policy]\nrejects = \"quarantine\"\n"),
    };
    std::fs::write(root.join("book.toml"), quarantine).unwrap();
    let inbox = crate::book::layout::Layout::new(&root).inbox(date);
    std::fs::write(inbox.join("decisions.csv"), rows).unwrap();
    let sealed = close_one(date);
    let decisions = Decisions::read(&sealed).unwrap();
    let posted = std::fs::read_to_string(sealed.join("adjustments.csv"))
        .unwrap()
        .lines()
        .count()
        - 1;
    assert!(
        !decisions.is_empty() && posted * 2 > asked,
        "{posted} of {asked} were posted"
    );
    let options = SelftestOptions {
        root,
        date,
        kinds: KINDS.iter().map(|kind| kind.name).collect(),
        folder: folder.path().join("copy"),
    };
    for result in selftest(&options).unwrap() {
        assert!(result.planted > 0, "{result:?}");
        assert_eq!(result.found, result.planted, "{result:?}");
    }
}
