//! Stage 8: what a person or a monitor reads first: summary.json, its words for the terminal, the exit code.
//!
//! In: the lines of the day and the pools of reserve.json. Out: a [`Summary`], its JSON and its text. Thresholds
//! are those of `[policy.alert]` (R33): a class without a threshold allows no open break; an amount is compared
//! over breaks in the base currency only, breaks in other currencies count towards the number alone, because
//! nothing here may convert one currency into another.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::book::merchants::Merchants;
use crate::book::settings::{Policy, Settings};
use crate::causes::Cause;
use crate::day::figures::{AccountLine, AdjustmentLine, BreakLine, CarryReason, PayoutLine, PayoutStatus};
use crate::report::causes::{self, CauseLine, DayClock};
use crate::report::manifest::Input;
use crate::report::pools::PoolFigures;
use crate::report::shares::LegShares;
use crate::report::show;
use crate::report::tables::{RejectLine, ResolvedLine};
use crate::terms::currency::Currency;
use crate::terms::date::Date;

/// Everything that the summary and the page are made of.
#[derive(Clone, Copy, Debug)]
pub struct Day<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// Merchant master.
    pub merchants: &'a Merchants,
    /// D.
    pub business_date: Date,
    /// Sequence of the close.
    pub sequence: u64,
    /// E (R9).
    pub execution_date: Date,
    /// payouts.csv.
    pub payouts: &'a [PayoutLine],
    /// breaks.csv.
    pub breaks: &'a [BreakLine],
    /// What explains them.
    pub causes: &'a [Cause],
    /// What each pass cleared.
    pub shares: &'a [LegShares],
    /// resolved.csv.
    pub resolved: &'a [ResolvedLine],
    /// accounts.csv.
    pub accounts: &'a [AccountLine],
    /// reserve.json.
    pub pools: &'a [PoolFigures],
    /// rejects.csv.
    pub rejects: &'a [RejectLine],
    /// Files taken.
    pub inputs: &'a [Input],
    /// Adjustments posted, sorted by id.
    pub adjustments: &'a [AdjustmentLine],
}

/// summary.json. Amounts are texts of minor units beside their currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `tieout/summary/1`.
    pub schema: &'static str,
    /// What explains the breaks, a sentence each, the largest first. They name files and lines where that is the cause.
    pub causes: Vec<String>,
    /// `[institution].name`.
    pub institution: String,
    /// D.
    pub business_date: String,
    /// Sequence of the close.
    pub sequence: u64,
    /// 0, 10 or 20 (SPEC §9).
    pub exit_code: u8,
    /// The code in words.
    pub status: &'static str,
    /// By currency.
    pub payouts: Vec<PayoutTotals>,
    /// What each pass cleared, by leg.
    pub matched: Vec<LegShares>,
    /// Open breaks by class, all legs.
    pub breaks: Vec<BreakTotals>,
    /// All open breaks.
    pub breaks_open: u64,
    /// Those older than `max_age_days`.
    pub breaks_overdue: u64,
    /// Breaks of the previous close that are open no longer.
    pub breaks_resolved: u64,
    /// Adjustments posted (R24).
    pub adjustments: u64,
    /// Thresholds that were passed.
    pub alerts: Vec<AlertLine>,
    /// By pool and currency.
    pub reserve: Vec<ReserveHeadline>,
    /// Rows refused.
    pub rejects: u64,
    /// The oldest and largest breaks, at most ten, in words.
    pub top_findings: Vec<String>,
    /// What to do now, in words.
    pub next_steps: Vec<String>,
    /// The causes in figures, in the same order.
    pub cause_details: Vec<CauseLine>,
}

/// Payouts of one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PayoutTotals {
    /// Currency.
    pub currency: String,
    /// Payouts issued.
    pub issued_count: u64,
    /// Their sum.
    pub issued_minor: String,
    /// Lines carried, status `carried`.
    pub carried_count: u64,
    /// Sum carried over all lines, any sign.
    pub carried_minor: String,
    /// Lines withheld.
    pub withheld_count: u64,
}

/// Open breaks of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreakTotals {
    /// Class.
    pub class: String,
    /// Lines.
    pub count: u64,
    /// Lines that are overdue.
    pub overdue: u64,
    /// By currency; the larger side of each line.
    pub sums_minor: BTreeMap<String, String>,
}

/// A threshold that was passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertLine {
    /// Class.
    pub class: String,
    /// Open breaks, any currency.
    pub count: u64,
    /// Most allowed; none where the settings bound the amount only.
    pub count_allowed: Option<u64>,
    /// Sum in the base currency, minor units.
    pub amount_minor: String,
    /// Greatest sum allowed, minor units of the base currency; none where the settings bound the number only.
    pub amount_allowed_minor: Option<String>,
    /// Open breaks in other currencies: they are in `count` and not in `amount_minor`.
    pub other_currencies_count: u64,
}

/// The worst line of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReserveHeadline {
    /// Pool.
    pub pool: String,
    /// Currency.
    pub currency: String,
    /// True when neither the pool nor its payouts are short.
    pub ok: bool,
    /// `C_int`, `C` or `C_strict`, whichever is lowest.
    pub worst_line: &'static str,
    /// Its figure.
    pub worst_minor: String,
    /// Total coverage C.
    pub coverage_minor: String,
    /// Shortfall.
    pub shortfall_minor: String,
    /// Shortfall had today's payouts been issued (R3).
    pub shortfall_if_paid_minor: String,
    /// Excess over own money allowed.
    pub excess_minor: String,
    /// 0, or a defect.
    pub unexplained_minor: String,
}

const SCHEMA: &str = "tieout/summary/1";
const TOP_FINDINGS: usize = 10;
/// Causes that the text shows; with what stands before them they fill its first ten lines.
const CAUSES_SHOWN: usize = 8;

/// The larger side of a break: what is at stake at most. Each line counts in full.
pub fn at_stake_minor(line: &BreakLine) -> i64 {
    let size = |minor: Option<i64>| i64::try_from(minor.unwrap_or(0).unsigned_abs()).unwrap_or(i64::MAX);
    size(line.platform_minor).max(size(line.bank_minor))
}

/// The thresholds that the open breaks pass, by class.
pub fn alerts(breaks: &[BreakLine], policy: &Policy, base_currency: Currency) -> Vec<AlertLine> {
    let mut by_class: BTreeMap<&str, (u64, i128, u64)> = BTreeMap::new();
    for line in breaks {
        let (count, base_minor, other) = by_class.entry(line.class).or_default();
        *count += 1;
        if line.currency == base_currency {
            *base_minor += i128::from(at_stake_minor(line));
        } else {
            *other += 1;
        }
    }
    let mut alerts = Vec::new();
    for (class, (count, amount_minor, other_currencies_count)) in by_class {
        let (count_allowed, amount_allowed) = match policy.alerts.get(class) {
            Some(alert) => (alert.count, alert.amount_minor),
            None => (Some(0), None),
        };
        let above_count = count_allowed.is_some_and(|allowed| count > allowed);
        let above_amount = amount_allowed.is_some_and(|allowed| amount_minor > i128::from(allowed));
        if above_count || above_amount {
            alerts.push(AlertLine {
                class: class.to_owned(),
                count,
                count_allowed,
                amount_minor: amount_minor.to_string(),
                amount_allowed_minor: amount_allowed.map(|minor| minor.to_string()),
                other_currencies_count,
            });
        }
    }
    alerts
}

/// The exit code of a published close and its words: 20 before 10 (R33).
pub fn outcome(alerts: &[AlertLine], pools: &[PoolFigures]) -> (u8, &'static str) {
    if pools.iter().any(PoolFigures::is_short) {
        (20, "closed, reserve shortfall")
    } else if !alerts.is_empty() {
        (10, "closed, breaks above the thresholds")
    } else {
        (0, "closed")
    }
}

/// Sums the day up.
pub fn summarise(day: &Day<'_>) -> Summary {
    let alerts = alerts(
        day.breaks,
        &day.settings.policy,
        day.settings.institution.base_currency,
    );
    let (exit_code, status) = outcome(&alerts, day.pools);
    let clock = DayClock::of(&day.settings.institution, day.business_date);
    let cause_details = causes::lines(day.causes, clock);
    Summary {
        schema: SCHEMA,
        causes: cause_details.iter().map(CauseLine::sentence).collect(),
        institution: day.settings.institution.name.clone(),
        business_date: day.business_date.to_string(),
        sequence: day.sequence,
        exit_code,
        status,
        payouts: payout_totals(day.payouts),
        matched: day.shares.to_vec(),
        breaks: break_totals(day.breaks),
        breaks_open: day.breaks.len() as u64,
        breaks_overdue: day.breaks.iter().filter(|line| line.overdue).count() as u64,
        breaks_resolved: day.resolved.len() as u64,
        adjustments: day.adjustments.len() as u64,
        reserve: day.pools.iter().map(headline).collect(),
        rejects: day.rejects.len() as u64,
        top_findings: top_findings(day.breaks),
        next_steps: next_steps(day, &alerts),
        cause_details,
        alerts,
    }
}

fn payout_totals(lines: &[PayoutLine]) -> Vec<PayoutTotals> {
    #[derive(Default)]
    struct Totals {
        issued: u64,
        issued_minor: i128,
        carried: u64,
        carried_minor: i128,
        withheld: u64,
    }
    let mut by_currency: BTreeMap<Currency, Totals> = BTreeMap::new();
    for line in lines {
        let totals = by_currency.entry(line.sums.currency).or_default();
        totals.carried_minor += line.carried_minor;
        match line.status {
            PayoutStatus::Issued => {
                totals.issued += 1;
                totals.issued_minor += line.payout_minor;
            }
            PayoutStatus::Carried => totals.carried += 1,
            PayoutStatus::Withheld => totals.withheld += 1,
            PayoutStatus::None => {}
        }
    }
    by_currency
        .into_iter()
        .map(|(currency, totals)| PayoutTotals {
            currency: currency.code().to_owned(),
            issued_count: totals.issued,
            issued_minor: totals.issued_minor.to_string(),
            carried_count: totals.carried,
            carried_minor: totals.carried_minor.to_string(),
            withheld_count: totals.withheld,
        })
        .collect()
}

fn break_totals(lines: &[BreakLine]) -> Vec<BreakTotals> {
    let mut by_class: BTreeMap<&str, (u64, u64, BTreeMap<Currency, i128>)> = BTreeMap::new();
    for line in lines {
        let (count, overdue, sums) = by_class.entry(line.class).or_default();
        *count += 1;
        *overdue += u64::from(line.overdue);
        *sums.entry(line.currency).or_default() += i128::from(at_stake_minor(line));
    }
    by_class
        .into_iter()
        .map(|(class, (count, overdue, sums))| BreakTotals {
            class: class.to_owned(),
            count,
            overdue,
            sums_minor: sums
                .into_iter()
                .map(|(currency, sum)| (currency.code().to_owned(), sum.to_string()))
                .collect(),
        })
        .collect()
}

fn headline(pool: &PoolFigures) -> ReserveHeadline {
    let (worst_line, worst) = pool.headline();
    ReserveHeadline {
        pool: pool.pool.clone(),
        currency: pool.currency.code().to_owned(),
        ok: !pool.is_short(),
        worst_line,
        worst_minor: worst.to_string(),
        coverage_minor: pool.get("C").to_string(),
        shortfall_minor: pool.get("shortfall").to_string(),
        shortfall_if_paid_minor: pool.get("shortfall_if_paid").to_string(),
        excess_minor: pool.get("excess").to_string(),
        unexplained_minor: pool.get("unexplained").to_string(),
    }
}

/// The breaks that most need a person: the oldest first, of one age the largest.
fn top_findings(lines: &[BreakLine]) -> Vec<String> {
    let rank = |line: &BreakLine| (-line.age_days, -at_stake_minor(line));
    let mut order: Vec<&BreakLine> = lines.iter().collect();
    // Ties keep the published order; only the first few are ever sorted in full.
    if order.len() > TOP_FINDINGS {
        let mut ranked: Vec<(usize, &BreakLine)> = order.into_iter().enumerate().collect();
        ranked.select_nth_unstable_by_key(TOP_FINDINGS - 1, |(index, line)| (rank(line), *index));
        ranked.truncate(TOP_FINDINGS);
        ranked.sort_unstable_by_key(|(index, _)| *index);
        order = ranked.into_iter().map(|(_, line)| line).collect();
    }
    order.sort_by_key(|line| rank(line));
    order
        .into_iter()
        .map(|line| {
            format!(
                "{} {} on {}: {} {}, {} days{}",
                line.class,
                show::visible(if line.bank_ref.is_empty() {
                    "(no reference)"
                } else {
                    &line.bank_ref
                }),
                line.leg,
                line.currency,
                show::amount(i128::from(at_stake_minor(line)), line.currency),
                line.age_days,
                if line.overdue { ", overdue" } else { "" },
            )
        })
        .collect()
}

fn next_steps(day: &Day<'_>, alerts: &[AlertLine]) -> Vec<String> {
    let mut steps = Vec::new();
    for pool in day.pools.iter().filter(|pool| pool.is_short()) {
        let missing = pool.get("shortfall").max(pool.get("shortfall_if_paid"));
        steps.push(format!(
            "Reserve pool {} is short of {} {}: find the cause in reserve/, or move own money in, then close the \
             next day; payouts marked SHORTFALL are carried",
            show::visible(&pool.pool),
            pool.currency,
            show::amount(missing, pool.currency)
        ));
    }
    let base = day.settings.institution.base_currency;
    for alert in alerts {
        let mut text = format!("Look into {} {} break(s)", show::count(alert.count), alert.class);
        if let Some(allowed) = alert.count_allowed {
            let _ = write!(text, ", {allowed} allowed");
        }
        if let Some(allowed) = alert
            .amount_allowed_minor
            .as_deref()
            .and_then(|minor| minor.parse().ok())
        {
            let amount = alert.amount_minor.parse().unwrap_or(0);
            let _ = write!(
                text,
                ", {base} {} open, {} allowed",
                show::amount(amount, base),
                show::amount(allowed, base)
            );
        }
        if alert.amount_allowed_minor.is_some() && alert.other_currencies_count > 0 {
            let _ = write!(
                text,
                " ({} in other currencies count in the number only)",
                alert.other_currencies_count
            );
        }
        steps.push(text + ": breaks.csv has their files and lines");
    }
    let overdue = day.breaks.iter().filter(|line| line.overdue).count();
    if overdue > 0 {
        steps.push(format!(
            "Chase {overdue} overdue break(s), older than {} days",
            day.settings.policy.max_age_days
        ));
    }
    if !day.rejects.is_empty() {
        steps.push(format!(
            "Ask for corrected files: {} value(s) were refused, see rejects.csv",
            day.rejects.len()
        ));
    }
    let carried = |reason| {
        day.payouts
            .iter()
            .filter(|line| line.reason == Some(reason))
            .count()
    };
    let no_destination = carried(CarryReason::NoDestination);
    if no_destination > 0 {
        steps.push(format!(
            "Complete account, name and bank of {no_destination} merchant(s) with reason NO_DESTINATION in the \
             merchant master"
        ));
    }
    let no_account = carried(CarryReason::NoAccount);
    if no_account > 0 {
        steps.push(format!(
            "Name a paying account in [payout].account: {no_account} payout(s) carry reason NO_ACCOUNT"
        ));
    }
    if day.payouts.iter().any(|line| line.status == PayoutStatus::Issued) {
        steps.push(format!(
            "Send the files of clearing/ to the bank for execution on {}",
            day.execution_date
        ));
    }
    steps
}

/// The exit code that a published summary.json names: a close already done gives the code it had (R33).
/// `None` when the bytes are no summary of this schema.
pub fn published_exit_code(summary_json: &[u8]) -> Option<u8> {
    let value: serde_json::Value = serde_json::from_slice(summary_json).ok()?;
    if value.get("schema")?.as_str()? != SCHEMA {
        return None;
    }
    u8::try_from(value.get("exit_code")?.as_u64()?).ok()
}

impl Summary {
    /// The bytes of summary.json: two spaces, fields in the order above, a line feed at the end.
    pub fn to_json(&self) -> Vec<u8> {
        // Every field is a text, an integer, a bool or a list of them: writing cannot fail.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        assert!(!bytes.is_empty(), "a summary can always be written");
        bytes.push(b'\n');
        bytes
    }

    /// The summary for a terminal or a log, with ANSI colours only when told.
    pub fn to_text(&self, colour: bool) -> String {
        let paint = |code: &str, text: &str| {
            if colour {
                format!("\u{1b}[{code}m{text}\u{1b}[0m")
            } else {
                text.to_owned()
            }
        };
        let shown = |minor: &str, currency: &str| match (minor.parse(), Currency::parse(currency.as_bytes()))
        {
            (Ok(minor), Some(currency)) => show::amount(minor, currency),
            _ => minor.to_owned(),
        };
        let (mark, code) = match self.exit_code {
            0 => ("ok", "32"),
            10 => ("!!", "33"),
            _ => ("!!", "31"),
        };
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{}  {}, close {}: {} (exit code {})",
            paint(code, &format!("[{mark}]")),
            self.business_date,
            self.sequence,
            paint(code, self.status),
            self.exit_code
        );
        let _ = writeln!(out, "{}", paint("2", &show::visible(&self.institution)));
        for (index, cause) in self.causes.iter().take(CAUSES_SHOWN).enumerate() {
            let _ = writeln!(
                out,
                "{} {cause}",
                if index == 0 { "Causes  -" } else { "        -" }
            );
        }
        if self.causes.len() > CAUSES_SHOWN {
            let more = self.causes.len() - CAUSES_SHOWN;
            let _ = writeln!(out, "        - {more} more in summary.json");
        }
        for line in &self.payouts {
            let _ = writeln!(
                out,
                "Payouts  {} {}: {} issued; {} carried, {} withheld, balance carried {}",
                line.currency,
                shown(&line.issued_minor, &line.currency),
                show::count(line.issued_count),
                show::count(line.carried_count),
                show::count(line.withheld_count),
                shown(&line.carried_minor, &line.currency),
            );
        }
        if self.payouts.is_empty() {
            let _ = writeln!(out, "Payouts  none");
        }
        for line in &self.reserve {
            let word = if line.ok {
                paint("32", "ok")
            } else {
                paint("31", "SHORT")
            };
            let _ = writeln!(
                out,
                "Reserve  {} {} {word}: worst line {} {}, coverage {}, shortfall {}",
                show::visible(&line.pool),
                line.currency,
                line.worst_line,
                shown(&line.worst_minor, &line.currency),
                shown(&line.coverage_minor, &line.currency),
                shown(&line.shortfall_minor, &line.currency),
            );
        }
        for leg in &self.matched {
            let _ = writeln!(out, "Matched  {}", leg.sentence());
        }
        let _ = writeln!(
            out,
            "Breaks   {} open, {} overdue, {} resolved today",
            show::count(self.breaks_open),
            show::count(self.breaks_overdue),
            show::count(self.breaks_resolved)
        );
        for line in &self.breaks {
            let sums: Vec<String> = line
                .sums_minor
                .iter()
                .map(|(currency, minor)| format!("{currency} {}", shown(minor, currency)))
                .collect();
            let _ = writeln!(
                out,
                "  {:<24} {:>9}  {} overdue  {}",
                line.class,
                show::count(line.count),
                show::count(line.overdue),
                sums.join(", ")
            );
        }
        if self.adjustments > 0 {
            let _ = writeln!(out, "Adjusted {} by people", show::count(self.adjustments));
        }
        if self.rejects > 0 {
            let _ = writeln!(out, "Rejects  {}", paint("33", &show::count(self.rejects)));
        }
        for (index, step) in self.next_steps.iter().enumerate() {
            let _ = writeln!(
                out,
                "{} {step}",
                if index == 0 { "Next    -" } else { "        -" }
            );
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::settings::Alert;
    use crate::report::samples::{self, Sample};

    #[test]
    fn thresholds_decide_the_code() {
        let cny = Currency::parse(b"CNY").unwrap();
        // Two MISSING_AT_BANK of 300.00 CNY in all and one of JPY 5000, one AMOUNT_MISMATCH of 20.00.
        let breaks = samples::breaks();
        let check = |thresholds: &[(&str, Option<u64>, Option<i64>)], expected: &[&str]| {
            let mut policy = samples::settings().policy;
            policy.alerts = thresholds
                .iter()
                .map(|(class, count, amount_minor)| {
                    (
                        (*class).to_owned(),
                        Alert {
                            count: *count,
                            amount_minor: *amount_minor,
                        },
                    )
                })
                .collect();
            let found: Vec<String> = alerts(&breaks, &policy, cny)
                .into_iter()
                .map(|a| a.class)
                .collect();
            assert_eq!(found, expected, "{thresholds:?}");
        };
        check(&[], &["AMOUNT_MISMATCH", "MISSING_AT_BANK"]);
        check(&[("MISSING_AT_BANK", Some(3), None)], &["AMOUNT_MISMATCH"]);
        check(
            &[("MISSING_AT_BANK", Some(2), None)],
            &["AMOUNT_MISMATCH", "MISSING_AT_BANK"],
        );
        check(
            &[
                ("MISSING_AT_BANK", None, Some(30_000)),
                ("AMOUNT_MISMATCH", Some(1), Some(2_000)),
            ],
            &[],
        );
        check(
            &[
                ("MISSING_AT_BANK", None, Some(29_999)),
                ("AMOUNT_MISMATCH", Some(1), None),
            ],
            &["MISSING_AT_BANK"],
        );
        assert!(alerts(&[], &samples::settings().policy, cny).is_empty());
        let alerts = alerts(&breaks, &samples::settings().policy, cny);
        assert_eq!(alerts[1].other_currencies_count, 1);
        let sample = Sample::of_the_day();
        assert_eq!(outcome(&alerts, &sample.pools).0, 20);
        assert_eq!(outcome(&alerts, &sample.pools[..1]).0, 10);
        assert_eq!(outcome(&[], &sample.pools[..1]).0, 0);
    }

    #[test]
    fn the_summary_says_what_happened_and_what_to_do() {
        let sample = Sample::of_the_day();
        let summary = summarise(&sample.day());
        assert_eq!(summary.exit_code, 20);
        assert_eq!(summary.payouts[0].issued_count, 1);
        assert_eq!(summary.payouts[0].issued_minor, "97010");
        assert_eq!(
            (
                summary.breaks_open,
                summary.breaks_overdue,
                summary.breaks_resolved
            ),
            (4, 1, 1)
        );
        assert!(
            summary.top_findings[0].starts_with("MISSING_AT_BANK REF1 on platform-bank: CNY 200.00, 12 days")
        );
        let read: serde_json::Value = serde_json::from_slice(&summary.to_json()).unwrap();
        assert!(
            crate::report::json::from_value(&read["breaks"]).is_ok(),
            "amounts are texts"
        );
        assert_eq!(published_exit_code(&summary.to_json()), Some(20));
        assert_eq!(published_exit_code(b"{\"exit_code\":20}"), None);
        let text = summary.to_text(false);
        assert!(!text.contains('\u{1b}'));
        for words in [
            "exit code 20",
            "CNY 970.10: 1 issued",
            "SHORT",
            "Next    -",
            "NO_DESTINATION",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(summary.to_text(true).contains("\u{1b}[31m"));
    }

    #[test]
    fn the_oldest_and_largest_breaks_come_first_whatever_their_number() {
        let template = samples::breaks().remove(0);
        let lines: Vec<BreakLine> = (0..50)
            .map(|n| BreakLine {
                bank_ref: format!("R{n:02}"),
                age_days: n % 5,
                platform_minor: Some(i64::from(n / 5)),
                ..template.clone()
            })
            .collect();
        let mut slow: Vec<&BreakLine> = lines.iter().collect();
        slow.sort_by_key(|line| (-line.age_days, -at_stake_minor(line)));
        let expected: Vec<&str> = slow[..10].iter().map(|line| line.bank_ref.as_str()).collect();
        let found = top_findings(&lines);
        let found: Vec<&str> = found.iter().map(|text| text.split(' ').nth(1).unwrap()).collect();
        assert_eq!(found, expected);
    }
}
