//! The payout↔bank leg (R13): issued payouts meet the bank's debits, and what comes back.
//!
//! In: payouts brought forward and the bank entries whose reference is the id of one, today's and those still open.
//! Out: payouts as they now stand, entries that agree, entries that break, and the payouts not yet debited.
//! The order of entries never changes the result: they are taken by (payout id, debit before credit, account,
//! entry_id), agreeing ones first.

use std::collections::BTreeMap;

use crate::book::settings::Settings;
use crate::day::figures::{AccountEvent, AccountEventKind};
use crate::day::state::{IssuedPayout, PayoutProgress};
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::Direction;
use crate::terms::money::narrow;

/// Days for which a debited or returned payout is remembered (R13).
pub const REMEMBERED_DAYS: i32 = 90;

/// A bank entry whose bank_ref (or original_ref) is a payout id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayoutEntry<'a> {
    /// The caller's name for the entry.
    pub handle: u64,
    /// The payout id.
    pub payout_id: &'a str,
    /// entry_id.
    pub entry_id: &'a str,
    /// Index into `Settings::accounts`.
    pub account: usize,
    /// Direction.
    pub direction: Direction,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// Currency.
    pub currency: Currency,
}

/// An entry that agrees with no payout; it stays open on leg `payout-bank`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokenEntry {
    /// The caller's name for the entry.
    pub handle: u64,
    /// Class (SPEC §5).
    pub class: &'static str,
}

/// A merchant's payouts that came back, summed: added to `carried` after the payout decision (R13).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Returned {
    /// Merchant.
    pub merchant_id: String,
    /// Currency.
    pub currency: Currency,
    /// Minor units, > 0.
    pub amount_minor: i64,
}

/// What the bank did with the payouts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayoutFollow {
    /// The next `payouts` before today's are added, sorted by payout_id.
    pub next: Vec<IssuedPayout>,
    /// Entries that agree, with what they are, in the order in which they were taken.
    pub agreed: Vec<(u64, AccountEvent)>,
    /// Entries that break, sorted by handle.
    pub broken: Vec<BrokenEntry>,
    /// Places in `next` of payouts not debited by their execution date: MISSING_AT_BANK, with txn_id empty,
    /// bank_ref the payout id and first_seen the day of issue.
    pub undebited: Vec<usize>,
    /// What came back, sorted by (merchant_id, currency).
    pub returned: Vec<Returned>,
}

/// Follows the payouts of earlier closes at the bank.
///
/// Same amount and currency: a debit of an issued payout, then a credit of a debited one. Every other entry breaks,
/// the first class that applies: DUPLICATE_AT_BANK (its direction has already agreed), CURRENCY_MISMATCH,
/// DIRECTION_MISMATCH (a credit before any debit), AMOUNT_MISMATCH. A payout that an open entry names is not
/// forgotten; an entry whose payout is unknown is MISSING_AT_PLATFORM.
///
/// # Errors
/// 78 when a debited payout's paying account is no longer in the settings; 65 when returns do not fit 64 bits.
pub fn follow_payouts(
    settings: &Settings,
    payouts: &[IssuedPayout],
    entries: &[PayoutEntry<'_>],
    business_date: Date,
) -> Result<PayoutFollow, Stop> {
    assert!(
        payouts.is_sorted_by(|a, b| a.payout_id < b.payout_id),
        "payouts are sorted by id and unique"
    );
    let mut sorted = entries.to_vec();
    sorted.sort_unstable_by(|a, b| {
        (
            a.payout_id,
            a.direction == Direction::Credit,
            a.account,
            a.entry_id,
            a.handle,
        )
            .cmp(&(
                b.payout_id,
                b.direction == Direction::Credit,
                b.account,
                b.entry_id,
                b.handle,
            ))
    });
    let mut out = PayoutFollow::default();
    let mut returned: BTreeMap<(String, Currency), i128> = BTreeMap::new();
    let mut findings = Vec::new();
    let mut groups = sorted.chunk_by(|a, b| a.payout_id == b.payout_id).peekable();
    for payout in payouts {
        while let Some(strangers) = groups.next_if(|group| group[0].payout_id < payout.payout_id.as_str()) {
            out.broken.extend(strangers.iter().map(|entry| unknown(entry)));
        }
        let mut payout = payout.clone();
        let group = groups
            .next_if(|group| group[0].payout_id == payout.payout_id)
            .unwrap_or_default();
        let mut left = Vec::new();
        for entry in group {
            let came_back = payout.progress == PayoutProgress::Debited;
            match agree(settings, &mut payout, entry, business_date) {
                Ok(Some(event)) => {
                    out.agreed.push((entry.handle, event));
                    if came_back {
                        let key = (payout.merchant_id.clone(), payout.currency);
                        *returned.entry(key).or_default() += i128::from(entry.amount_minor);
                    }
                }
                Ok(None) => left.push(entry),
                Err(finding) => findings.push(finding),
            }
        }
        out.broken.extend(left.iter().map(|entry| BrokenEntry {
            handle: entry.handle,
            class: class(&payout, entry),
        }));
        let lives = payout.progress == PayoutProgress::Issued
            || !left.is_empty()
            || business_date.days_since(payout.changed_on) <= REMEMBERED_DAYS;
        if lives {
            if payout.progress == PayoutProgress::Issued && payout.execution_date <= business_date {
                out.undebited.push(out.next.len());
            }
            out.next.push(payout);
        }
    }
    out.broken.extend(groups.flatten().map(unknown));
    out.broken.sort_unstable();
    for ((merchant_id, currency), minor) in returned {
        match narrow(minor) {
            Ok(amount_minor) => out.returned.push(Returned {
                merchant_id,
                currency,
                amount_minor,
            }),
            Err(_) => findings.push(Finding::about(
                "",
                format!(
                    "returned payouts of merchant {merchant_id} in {currency} are above 2^63 − 1 minor units"
                ),
                "check the amounts of these entries with the bank",
            )),
        }
    }
    if findings.is_empty() {
        return Ok(out);
    }
    let missing_account = findings.iter().any(|finding| finding.file == "book.toml");
    Err(Stop {
        code: if missing_account {
            StopCode::Settings
        } else {
            StopCode::BadData
        },
        findings,
    })
}

/// Adds today's payouts to those brought forward, sorted by id.
///
/// # Errors
/// 70 when an id is already there: the same payout would be issued twice.
pub fn add_issued(next: Vec<IssuedPayout>, issued: Vec<IssuedPayout>) -> Result<Vec<IssuedPayout>, Stop> {
    let mut all = next;
    all.extend(issued);
    all.sort_by(|a, b| a.payout_id.cmp(&b.payout_id));
    match all.windows(2).find(|pair| pair[0].payout_id == pair[1].payout_id) {
        Some(pair) => Err(Stop::invariant(format!(
            "payout {} would be issued twice",
            pair[0].payout_id
        ))),
        None => Ok(all),
    }
}

/// Moves a payout one step on when the entry is that step.
fn agree(
    settings: &Settings,
    payout: &mut IssuedPayout,
    entry: &PayoutEntry<'_>,
    business_date: Date,
) -> Result<Option<AccountEvent>, Finding> {
    if entry.amount_minor != payout.amount_minor || entry.currency != payout.currency {
        return Ok(None);
    }
    let (progress, kind) = match (payout.progress, entry.direction) {
        (PayoutProgress::Issued, Direction::Debit) => (
            PayoutProgress::Debited,
            AccountEventKind::PayoutDebited {
                payout_id: payout.payout_id.clone(),
                merchant_id: payout.merchant_id.clone(),
                paying_account: paying_account(settings, payout)?,
            },
        ),
        (PayoutProgress::Debited, Direction::Credit) => (
            PayoutProgress::Returned,
            AccountEventKind::PayoutReturned {
                payout_id: payout.payout_id.clone(),
                merchant_id: payout.merchant_id.clone(),
            },
        ),
        _ => return Ok(None),
    };
    payout.progress = progress;
    payout.changed_on = business_date;
    Ok(Some(AccountEvent {
        account: entry.account,
        entry_id: entry.entry_id.to_owned(),
        amount_minor: entry.amount_minor,
        kind,
    }))
}

fn paying_account(settings: &Settings, payout: &IssuedPayout) -> Result<usize, Finding> {
    settings
        .accounts
        .iter()
        .position(|account| account.id == payout.account)
        .ok_or_else(|| {
            Finding::about(
                "book.toml",
                format!(
                    "account {} paid payout {} and is not in the settings",
                    payout.account, payout.payout_id
                ),
                "put the [[account]] back until its payouts are settled",
            )
        })
}

/// Why an entry does not agree with a payout as it stands after the day.
fn class(payout: &IssuedPayout, entry: &PayoutEntry<'_>) -> &'static str {
    let already = match entry.direction {
        Direction::Debit => payout.progress != PayoutProgress::Issued,
        Direction::Credit => payout.progress == PayoutProgress::Returned,
    };
    if already {
        "DUPLICATE_AT_BANK"
    } else if entry.currency != payout.currency {
        "CURRENCY_MISMATCH"
    } else if entry.direction == Direction::Credit && payout.progress == PayoutProgress::Issued {
        "DIRECTION_MISMATCH"
    } else {
        "AMOUNT_MISMATCH"
    }
}

fn unknown(entry: &PayoutEntry<'_>) -> BrokenEntry {
    BrokenEntry {
        handle: entry.handle,
        class: "MISSING_AT_PLATFORM",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payouts::fixture::{currency, settings};

    const DAY: Date = Date(20_000);

    fn payout(id: &str, amount_minor: i64) -> IssuedPayout {
        IssuedPayout {
            payout_id: id.to_owned(),
            merchant_id: "M1".to_owned(),
            currency: currency("CNY"),
            issued_on: DAY.plus_days(-1),
            execution_date: DAY,
            sequence: 1,
            amount_minor,
            account: "RA1".to_owned(),
            progress: PayoutProgress::Issued,
            changed_on: DAY.plus_days(-1),
        }
    }

    fn entry(
        handle: u64,
        payout_id: &'static str,
        direction: &str,
        amount_minor: i64,
        code: &str,
    ) -> PayoutEntry<'static> {
        PayoutEntry {
            handle,
            payout_id,
            entry_id: "E",
            account: 0,
            direction: Direction::parse(direction.as_bytes()).unwrap(),
            amount_minor,
            currency: currency(code),
        }
    }

    fn check(entries: &[PayoutEntry<'_>], progress: PayoutProgress, agreed: &[u64], broken: &[(u64, &str)]) {
        let mut entries = entries.to_vec();
        for _ in 0..entries.len() {
            entries.rotate_left(1);
            let out = follow_payouts(&settings(), &[payout("p1", 500)], &entries, DAY).unwrap();
            assert_eq!(out.next[0].progress, progress);
            assert_eq!(
                out.agreed.iter().map(|(handle, _)| *handle).collect::<Vec<_>>(),
                agreed
            );
            assert_eq!(
                out.broken.iter().map(|b| (b.handle, b.class)).collect::<Vec<_>>(),
                broken
            );
            assert_eq!(
                out.undebited.len(),
                usize::from(progress == PayoutProgress::Issued)
            );
            let back: i64 = out.returned.iter().map(|r| r.amount_minor).sum();
            assert_eq!(
                back,
                if progress == PayoutProgress::Returned {
                    500
                } else {
                    0
                }
            );
        }
    }

    #[test]
    fn a_payout_is_debited_and_may_come_back() {
        use PayoutProgress::{Debited, Issued, Returned};
        let debit = entry(1, "p1", "D", 500, "CNY");
        let credit = entry(2, "p1", "C", 500, "CNY");
        check(&[debit], Debited, &[1], &[]);
        check(&[debit, credit], Returned, &[1, 2], &[]);
        check(&[credit], Issued, &[], &[(2, "DIRECTION_MISMATCH")]);
        check(
            &[debit, entry(3, "p1", "D", 500, "CNY")],
            Debited,
            &[1],
            &[(3, "DUPLICATE_AT_BANK")],
        );
        check(
            &[entry(0, "p1", "D", 499, "CNY"), debit],
            Debited,
            &[1],
            &[(0, "DUPLICATE_AT_BANK")],
        );
        check(
            &[entry(3, "p1", "D", 499, "CNY")],
            Issued,
            &[],
            &[(3, "AMOUNT_MISMATCH")],
        );
        check(
            &[entry(3, "p1", "D", 500, "USD")],
            Issued,
            &[],
            &[(3, "CURRENCY_MISMATCH")],
        );
        check(
            &[debit, entry(3, "p1", "C", 499, "CNY")],
            Debited,
            &[1],
            &[(3, "AMOUNT_MISMATCH")],
        );
        check(
            &[debit, credit, entry(3, "p1", "C", 500, "CNY")],
            Returned,
            &[1, 2],
            &[(3, "DUPLICATE_AT_BANK")],
        );
        check(
            &[
                entry(3, "p0", "D", 1, "CNY"),
                debit,
                entry(4, "p2", "D", 1, "CNY"),
            ],
            Debited,
            &[1],
            &[(3, "MISSING_AT_PLATFORM"), (4, "MISSING_AT_PLATFORM")],
        );
    }

    #[test]
    fn payouts_are_listed_from_their_execution_date_and_forgotten_after_90_days() {
        let settings = settings();
        let mut paid = payout("p1", 500);
        let listed = |date| {
            follow_payouts(&settings, &[payout("p1", 500)], &[], date)
                .unwrap()
                .undebited
                .len()
        };
        assert_eq!(
            [listed(DAY.plus_days(-1)), listed(DAY), listed(DAY.plus_days(200))],
            [0, 1, 1]
        );
        paid.progress = PayoutProgress::Debited;
        paid.changed_on = DAY;
        let kept = |entries: &[PayoutEntry<'_>], days| {
            follow_payouts(&settings, &[paid.clone()], entries, DAY.plus_days(days))
                .unwrap()
                .next
                .len()
        };
        assert_eq!([kept(&[], 90), kept(&[], 91)], [1, 0]);
        assert_eq!(kept(&[entry(1, "p1", "D", 500, "CNY")], 91), 1); // an open duplicate keeps it
        assert_eq!(kept(&[entry(1, "p1", "C", 500, "CNY")], 91), 1); // returned today
    }

    #[test]
    fn nothing_is_issued_twice_and_accounts_must_be_known() {
        assert_eq!(
            add_issued(vec![payout("b", 1)], vec![payout("a", 1)]).unwrap()[0].payout_id,
            "a"
        );
        let twice = add_issued(vec![payout("a", 1)], vec![payout("a", 2)]).unwrap_err();
        assert_eq!(twice.code, StopCode::Invariant);
        let mut gone = payout("p1", 500);
        gone.account = "RA9".to_owned();
        let stop = follow_payouts(&settings(), &[gone], &[entry(1, "p1", "D", 500, "CNY")], DAY).unwrap_err();
        assert_eq!(stop.code, StopCode::Settings);
    }
}
