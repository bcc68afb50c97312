//! Net positions of participants in three modes (SPEC §6.9).
//!
//! Gross: every obligation stands; receive is all that is owed to a participant, pay all that it owes. Bilateral:
//! each pair is netted first. Multilateral: a participant's one net against all. The net is the same in all three.

use std::collections::BTreeMap;

use crate::book::settings::{Netting, NettingMode};
use crate::day::figures::{Obligation, Position};
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::currency::Currency;
use crate::terms::money::narrow;

/// Positions, sorted by (window in the order of the settings, currency, participant); a line where any figure is
/// not 0.
///
/// # Errors
/// 65 when a figure does not fit 64 bits; 70 when the nets of a window and currency do not sum to zero.
pub fn positions(netting: &Netting, obligations: &[Obligation]) -> Result<Vec<Position>, Stop> {
    let mut by_cycle: BTreeMap<(u8, Currency), Vec<&Obligation>> = BTreeMap::new();
    for obligation in obligations.iter().filter(|o| o.payer != o.payee) {
        by_cycle
            .entry((obligation.window, obligation.currency))
            .or_default()
            .push(obligation);
    }
    let mut lines = Vec::new();
    let mut findings = Vec::new();
    for ((window, currency), owed) in by_cycle {
        let Some((_, window)) = netting.windows.get(usize::from(window)) else {
            return Err(Stop::invariant(format!("netting window {window} does not exist")));
        };
        let sides = match netting.mode {
            NettingMode::Gross => gross(&owed),
            NettingMode::Bilateral => bilateral(&owed),
            NettingMode::Multilateral => multilateral(&owed),
        };
        let sum: i128 = sides
            .values()
            .map(|side| side.receive_minor - side.pay_minor)
            .sum();
        if sum != 0 {
            return Err(Stop::invariant(format!(
                "net positions of window {window} in {currency} sum to {sum} minor units, not to 0"
            )));
        }
        for (participant, side) in sides {
            let net_minor = side.receive_minor - side.pay_minor;
            if [side.receive_minor, side.pay_minor, net_minor]
                .iter()
                .any(|minor| narrow(*minor).is_err())
            {
                findings.push(Finding::about(
                    "",
                    format!("position of {participant} in {currency}, window {window}, is above 2^63 − 1 minor units"),
                    "check the amounts of the rows that settled today",
                ));
            }
            if side != Side::default() {
                lines.push(Position {
                    window: window.clone(),
                    currency,
                    participant_id: participant.to_owned(),
                    receive_minor: side.receive_minor,
                    pay_minor: side.pay_minor,
                    net_minor,
                });
            }
        }
    }
    match findings.is_empty() {
        true => Ok(lines),
        false => Err(Stop {
            code: StopCode::BadData,
            findings,
        }),
    }
}

/// What a participant gets and gives in one window and currency. Both ≥ 0.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Side {
    receive_minor: i128,
    pay_minor: i128,
}

type Sides<'a> = BTreeMap<&'a str, Side>;

fn gross<'a>(owed: &[&'a Obligation]) -> Sides<'a> {
    let mut sides = Sides::new();
    for obligation in owed {
        sides.entry(&obligation.payee).or_default().receive_minor += obligation.amount_minor;
        sides.entry(&obligation.payer).or_default().pay_minor += obligation.amount_minor;
    }
    sides
}

fn bilateral<'a>(owed: &[&'a Obligation]) -> Sides<'a> {
    // Signed from the first name of the pair to the second.
    let mut pairs: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    for obligation in owed {
        let (payer, payee) = (obligation.payer.as_str(), obligation.payee.as_str());
        match payer < payee {
            true => *pairs.entry((payer, payee)).or_default() += obligation.amount_minor,
            false => *pairs.entry((payee, payer)).or_default() -= obligation.amount_minor,
        }
    }
    let mut sides = Sides::new();
    for ((first, second), minor) in pairs {
        let (payer, payee) = if minor >= 0 {
            (first, second)
        } else {
            (second, first)
        };
        sides.entry(payee).or_default().receive_minor += minor.abs();
        sides.entry(payer).or_default().pay_minor += minor.abs();
    }
    sides
}

fn multilateral<'a>(owed: &[&'a Obligation]) -> Sides<'a> {
    let mut sides = gross(owed);
    for side in sides.values_mut() {
        let net_minor = side.receive_minor - side.pay_minor;
        side.receive_minor = net_minor.max(0);
        side.pay_minor = (-net_minor).max(0);
    }
    sides
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payouts::fixture::{currency, settings};
    use proptest::prelude::*;

    fn owed(rows: &[(u8, &str, &str, i128)]) -> Vec<Obligation> {
        let obligation = |(window, payer, payee, amount_minor): &(u8, &str, &str, i128)| Obligation {
            window: *window,
            currency: currency("CNY"),
            payer: (*payer).to_owned(),
            payee: (*payee).to_owned(),
            amount_minor: *amount_minor,
        };
        rows.iter().map(obligation).collect()
    }

    fn check(mode: NettingMode, rows: &[(u8, &str, &str, i128)], expected: &[(&str, &str, i128, i128)]) {
        let netting = Netting {
            mode,
            ..settings().netting
        };
        let lines = positions(&netting, &owed(rows)).unwrap();
        let got: Vec<_> = lines
            .iter()
            .map(|l| {
                (
                    l.window.as_str(),
                    l.participant_id.as_str(),
                    l.receive_minor,
                    l.pay_minor,
                )
            })
            .collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn one_triangle_in_three_modes() {
        // A owes B 100 and B owes A 30; B owes C 70; C owes nobody.
        let rows = [(0, "A", "B", 100), (0, "B", "A", 30), (0, "B", "C", 70)];
        check(
            NettingMode::Gross,
            &rows,
            &[
                ("12:00", "A", 30, 100),
                ("12:00", "B", 100, 100),
                ("12:00", "C", 70, 0),
            ],
        );
        check(
            NettingMode::Bilateral,
            &rows,
            &[
                ("12:00", "A", 0, 70),
                ("12:00", "B", 70, 70),
                ("12:00", "C", 70, 0),
            ],
        );
        // B's net is 0: no line.
        check(
            NettingMode::Multilateral,
            &rows,
            &[("12:00", "A", 0, 70), ("12:00", "C", 70, 0)],
        );
    }

    #[test]
    fn windows_come_in_their_own_order_and_oneself_is_owed_nothing() {
        let rows = [(1, "A", "HOUSE", 5), (0, "HOUSE", "A", 4), (0, "A", "A", 9)];
        check(
            NettingMode::Multilateral,
            &rows,
            &[
                ("12:00", "A", 4, 0),
                ("12:00", "HOUSE", 0, 4),
                ("24:00", "A", 0, 5),
                ("24:00", "HOUSE", 5, 0),
            ],
        );
        let huge = owed(&[(0, "A", "B", i128::from(i64::MAX) + 1)]);
        assert_eq!(
            positions(&settings().netting, &huge).unwrap_err().code,
            StopCode::BadData
        );
    }

    proptest! {
        #[test]
        fn every_mode_gives_the_same_nets_which_sum_to_zero(
            rows in prop::collection::vec((0u8..2, 0usize..4, 0usize..4, 1i128..1000), 0..30),
        ) {
            const NAMES: [&str; 4] = ["A", "B", "C", "HOUSE"];
            let rows: Vec<_> = rows.iter().map(|(w, from, to, minor)| (*w, NAMES[*from], NAMES[*to], *minor)).collect();
            let nets = |mode| {
                let netting = Netting { mode, ..settings().netting };
                let lines = positions(&netting, &owed(&rows)).unwrap();
                assert_eq!(lines.iter().map(|l| l.net_minor).sum::<i128>(), 0);
                assert!(lines.iter().all(|l| l.receive_minor >= 0 && l.pay_minor >= 0));
                let nets = lines.into_iter().filter(|l| l.net_minor != 0);
                nets.map(|l| (l.window, l.participant_id, l.net_minor)).collect::<Vec<_>>()
            };
            prop_assert_eq!(nets(NettingMode::Gross), nets(NettingMode::Bilateral));
            prop_assert_eq!(nets(NettingMode::Gross), nets(NettingMode::Multilateral));
        }
    }
}
