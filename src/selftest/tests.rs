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
