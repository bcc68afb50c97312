//! One account's day in two formats: its entries have other ids in each, and would count twice.

use std::collections::{BTreeMap, BTreeSet};

use super::{Told, account_id};
use crate::book::settings::Settings;
use crate::day::intake::{InputBlock, Sum};
use crate::day::parts::Known;
use crate::day::read::FileReport;
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::files::Delivered;
use crate::ingest::formats::desk::Purport;
use crate::terms::date::Date;

/// A statement that came in two formats: its entries have other ids in each, so they would count twice.
pub(super) fn of_statements(
    settings: &Settings,
    told: &[Told<'_>],
    repeated: &BTreeSet<usize>,
    findings: &mut Vec<Finding>,
) {
    let mut first: BTreeMap<(usize, Date, i64, i64), &Told<'_>> = BTreeMap::new();
    for (index, one) in told.iter().enumerate() {
        let (Purport::Statement, Some(opening), Some(closing), false) = (
            one.told.purport,
            one.told.opening,
            one.told.closing,
            repeated.contains(&index),
        ) else {
            continue;
        };
        if one.told.booked.total().count == 0 {
            continue;
        }
        let key = (one.told.account, closing.date, opening.minor, closing.minor);
        let earlier = first.entry(key).or_insert(one);
        if earlier.format == one.format {
            continue;
        }
        findings.push(
            Finding::about(
                one.file,
                format!(
                    "the statement of {} of account {} came in {} ({}, line {}) and again in {}: its entries would count twice",
                    closing.date,
                    account_id(settings, one.told.account),
                    earlier.format,
                    earlier.file,
                    earlier.told.line,
                    one.format
                ),
                "book an account from one format: take the files of the other out of the inbox, and its source out of book.toml",
            )
            .at(one.told.line, 0),
        );
    }
}

/// Entries of one account in two formats, of statements or of tables, that are as many and as much on both sides and add up to
/// nothing: what else comes twice the balances show (R27).
pub(in crate::day) fn of_rows(
    settings: &Settings,
    files: &[Delivered],
    reports: &[FileReport],
    known: &Known<'_>,
    blocks: &[InputBlock],
) -> Option<Stop> {
    let mut seen = BTreeSet::new();
    let counts: Vec<bool> = reports
        .iter()
        .map(|report| {
            let sha256 = report.sha256.as_str();
            !known.contains_key(sha256) && seen.insert(sha256)
        })
        .collect();
    let mut sums: BTreeMap<u16, BTreeMap<&str, ([Sum; 2], usize)>> = BTreeMap::new();
    for block in blocks {
        let at = block.file as usize;
        let Some(source) = files.get(at).and_then(|file| settings.sources.get(file.source)) else {
            continue;
        };
        if counts.get(at) != Some(&true) {
            continue;
        }
        for (account, both) in &block.accounts {
            let of_format = sums.entry(*account).or_default().entry(source.format.as_str());
            let (mine, _) = of_format.or_insert(([Sum::default(); 2], at));
            for (mine, sum) in mine.iter_mut().zip(both) {
                mine.rows += sum.rows;
                mine.minor += sum.minor;
            }
        }
    }
    let mut findings = Vec::new();
    for (account, formats) in &sums {
        let mut first: BTreeMap<[(u64, i128); 2], (&str, usize)> = BTreeMap::new();
        for (format, ([credits, debits], at)) in formats {
            if credits.rows == 0 || credits.minor != debits.minor {
                continue;
            }
            let key = [(credits.rows, credits.minor), (debits.rows, debits.minor)];
            let (earlier, earlier_at) = *first.entry(key).or_insert((format, *at));
            if earlier == *format {
                continue;
            }
            findings.push(Finding::about(
                files[*at].name.clone(),
                format!(
                    "account {}: {} entries in {format} are as many and as much as those in {earlier} ({}), and add up to nothing: they would count twice, and no balance would show it",
                    account_id(settings, usize::from(*account)),
                    credits.rows + debits.rows,
                    files[earlier_at].name
                ),
                "deliver the entries of an account in one format",
            ));
        }
    }
    Stop::of(StopCode::BadData, findings)
}
