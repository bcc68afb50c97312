//! The demo's week is closed here by the engine itself, day by day, without writing a close.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::*;
use crate::day::close::Progress;
use crate::day::run::{DayInputs, compute};
use crate::day::state::State;
use crate::ingest::files::discover;
use crate::terms::kinds::{Direction, TxnType};

pub(super) struct Quiet;

impl Progress for Quiet {
    fn stage(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// Every file below a folder: path and bytes.
pub(super) fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, into);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                into.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(root, root, &mut files);
    files
}

#[test]
fn the_same_bytes_every_time() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(write_demo(a.path()).unwrap(), write_demo(b.path()).unwrap());
    let (a_files, b_files) = (tree(a.path()), tree(b.path()));
    assert!(a_files.len() > 40);
    assert_eq!(a_files, b_files);
    let stop = write_demo(a.path()).unwrap_err();
    assert_eq!(stop.code, StopCode::CannotCreate);
}

#[test]
fn the_week_closes_and_its_payouts_are_those_expected() {
    let folder = tempfile::tempdir().unwrap();
    let demo = write_demo(folder.path()).unwrap();
    let book = Book::open(folder.path()).unwrap();
    let week = week(&book).unwrap();
    let expected = payouts::expect(&week, &book, &[RETURNED]).unwrap();
    let originals = |wanted: &FxHashSet<Vec<u8>>| {
        let rows = week.settled.iter().filter(|row| row.txn.kind == TxnType::Payment);
        let rows = rows.filter(|row| wanted.contains(row.txn.id.as_bytes()));
        Ok(rows
            .map(|row| {
                let txn = &row.txn;
                let fee = payouts::fee(super::book::merchant(txn.merchant).unwrap().fee, txn.channel, txn.minor);
                (txn.id.clone().into_bytes(), (txn.minor, fee))
            })
            .collect())
    };
    let mut state = State::default();
    for (day, date) in demo.dates.iter().enumerate() {
        let delivery = discover(&book.layout.inbox(*date), &book.settings).unwrap();
        let inputs = DayInputs {
            book: &book,
            state: &state,
            is_first: day == 0,
            delivery: &delivery,
            date: *date,
            originals: &originals,
        };
        let computed = compute(&inputs, &Quiet).unwrap_or_else(|stop| panic!("{date}: {stop}"));
        println!("== {date} E {}", computed.execution_date);
        for line in &computed.breaks.lines {
            println!("{} {} ref={} txn={} entry={} first={} overdue={}", line.leg, line.class, line.bank_ref, line.txn_id, line.entry_id, line.first_seen, line.overdue);
        }
        for pool in &computed.reserve.pools {
            println!("{} R={} C={} short={} excess={} Rneg={}", pool.currency, 0, pool.c_minor, pool.shortfall_minor, pool.excess_minor, 0);
        }
        let mut issued: Vec<(String, i64)> = computed.settlement.issued.iter().map(|p| (p.payout_id.clone(), p.amount_minor)).collect();
        let mut wanted: Vec<(String, i64)> = expected.iter().filter(|p| p.day == day).map(|p| (p.id.clone(), p.minor)).collect();
        issued.sort();
        wanted.sort();
        for line in &computed.settlement.lines { println!("{} {:?} {:?} payout {} carried {} net {} hold {} rel {} fee {} fr {}", book.merchants.get(line.sums.merchant).id, line.status, line.reason, line.payout_minor, line.carried_minor, line.net_minor, line.hold_minor, line.release_minor, line.fee_minor, line.sums.fee_returned_minor); }
        assert_eq!(issued, wanted, "{date}");
        println!("{:?}", computed.notes);
        state = computed.next;
    }
    let _ = Direction::Credit;
}
