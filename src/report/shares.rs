//! How much each pass cleared, in summary.json, on the terminal and on the page.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::report::show;

/// The platform rows of a leg that expected money in this close, and what became of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegShares {
    /// Leg.
    pub leg: String,
    /// Rows that matched, and rows that are open after this close.
    pub rows: u64,
    /// Those that are open.
    pub open_rows: u64,
    /// Passes that matched rows, in the order in which they run.
    pub passes: Vec<PassShare>,
}

/// What a pass cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassShare {
    /// Pass, as in the settings.
    pub pass: String,
    /// Platform rows that it matched.
    pub rows: u64,
    /// Of these, rows for which others of the same money would have done.
    pub interchangeable_rows: u64,
    /// Its part of the leg's rows, ppm, rounded down.
    pub share_ppm: u64,
    /// Sums of its rows by currency, minor units.
    pub sums_minor: BTreeMap<String, String>,
}

/// A part of a whole, ppm, rounded down; nothing of nothing is nothing.
pub fn share_ppm(part: u64, whole: u64) -> u64 {
    match whole {
        0 => 0,
        _ => (u128::from(part) * 1_000_000 / u128::from(whole)) as u64,
    }
}

/// `99.4213%`.
pub fn percent(ppm: u64) -> String {
    format!("{}.{:04}%", ppm / 10_000, ppm % 10_000)
}

impl LegShares {
    /// One line for a terminal: `platform-bank: exact 99.4213%, remark 0.1000%, open 0.4787%`.
    pub fn sentence(&self) -> String {
        let mut parts: Vec<String> = self
            .passes
            .iter()
            .map(|share| format!("{} {}", share.pass, percent(share.share_ppm)))
            .collect();
        parts.push(format!("open {}", percent(share_ppm(self.open_rows, self.rows))));
        format!("{}: {}", show::visible(&self.leg), parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_in_words() {
        let pass = |pass: &str, rows| PassShare {
            pass: pass.to_owned(),
            rows,
            interchangeable_rows: 0,
            share_ppm: share_ppm(rows, 3),
            sums_minor: BTreeMap::new(),
        };
        let leg = LegShares {
            leg: "platform-bank".to_owned(),
            rows: 3,
            open_rows: 1,
            passes: vec![pass("exact", 1), pass("remark", 1)],
        };
        assert_eq!(
            leg.sentence(),
            "platform-bank: exact 33.3333%, remark 33.3333%, open 33.3333%"
        );
        assert_eq!(share_ppm(0, 0), 0);
    }
}
