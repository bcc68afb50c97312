//! The grammars: formats that are no tables and have code of their own. One list, in the order in which a file is
//! recognised by its first bytes.

use std::io::Read;

use super::decode::head_in_utf8;
use super::desk::Desk;
use super::{BAI2, CAMT052, CAMT053, CAMT054, CMB, FileRefused, MT940, MT942, OFX};
use super::{bai2, camt053, cmb, mt940, ofx};
use crate::book::settings::{Role, Settings};
use crate::findings::Finding;

/// Names of the grammars, and whether a source of one books money.
const GRAMMARS: [(&str, bool); 8] = [
    (CAMT053, true),
    (CAMT052, false),
    (CAMT054, false),
    (MT940, true),
    (MT942, false),
    (BAI2, true),
    (OFX, true),
    (CMB, true),
];

/// Names of the grammars.
pub fn names() -> impl Iterator<Item = &'static str> {
    GRAMMARS.iter().map(|(name, _)| *name)
}

/// True when a format of this name is read by a grammar.
pub fn is_grammar(name: &str) -> bool {
    names().any(|known| known == name)
}

/// True where a statement is of one day. OFX and the direct link of China Merchants Bank list the entries from a day on in one
/// (D234).
pub fn has_statements_by_day(format: &str) -> bool {
    [CAMT053, MT940, BAI2].contains(&format)
}

/// The grammar of which the first bytes of a file are.
pub fn recognise(head: &[u8]) -> Option<&'static str> {
    let head = &*head_in_utf8(head);
    if let Some(format) = camt053::recognise(head) {
        return Some(format);
    }
    if cmb::recognise(head) {
        return Some(CMB);
    }
    if ofx::recognise(head) {
        return Some(OFX);
    }
    if bai2::recognise(head) {
        return Some(BAI2);
    }
    mt940::recognise(head)
}

/// Reads a file of the grammar `format`.
///
/// # Errors
/// The file is refused; what the desk was given is void.
pub fn read<'a>(format: &str, bytes: Box<dyn Read + 'a>, desk: &mut Desk<'_>) -> Result<(), FileRefused> {
    match format {
        MT940 => mt940::read(bytes, desk, false),
        MT942 => mt940::read(bytes, desk, true),
        BAI2 => bai2::read(bytes, desk),
        OFX => ofx::read(bytes, desk),
        CMB => cmb::read(bytes, desk),
        camt => camt053::read(camt, bytes, desk),
    }
}

/// Uses of formats that would lose money in silence: intraday reports and notifications book nothing, so a book that has
/// nothing else from its bank would close days without a single entry.
pub fn check_uses(settings: &Settings) -> Vec<Finding> {
    let books = |format: &str| !GRAMMARS.iter().any(|(name, books)| *name == format && !books);
    let bank = || settings.sources.iter().filter(|source| source.role == Role::Bank);
    let mut findings = Vec::new();
    if bank().all(|source| !books(&source.format)) {
        for source in bank() {
            findings.push(Finding::about(
                "book.toml",
                format!(
                    "source `{}`: format {} books nothing, and no other source of role bank brings the day's statements",
                    source.name, source.format
                ),
                "add a source for the end-of-day statements (camt.053, mt940, …); intraday reports and notifications only go beside it",
            ));
        }
    }
    findings
}
