//! The oracle's day: everything from nothing, in plain loops over vectors and trees.

use std::collections::{BTreeMap, BTreeSet};

use tieout::terms::date::Date;
use tieout::terms::money::{Rounding, divide};

use super::rows::{Left, Merchant, Right, World};

pub const BREAK_COLUMNS: [&str; 7] = [
    "leg",
    "class",
    "txn_id",
    "entry_id",
    "account",
    "merchant_id",
    "first_seen",
];
pub const MATCHED_COLUMNS: [&str; 5] = ["txn_id", "entry_id", "account", "amount_minor", "fee_minor"];
pub const PAYOUT_COLUMNS: [&str; 23] = [
    "merchant_id",
    "currency",
    "payment_count",
    "refund_count",
    "chargeback_count",
    "adjustment_count",
    "reversal_count",
    "gross_minor",
    "refund_minor",
    "chargeback_minor",
    "adjustment_minor",
    "reversal_minor",
    "fee_minor",
    "fee_returned_minor",
    "hold_minor",
    "release_minor",
    "net_minor",
    "opening_minor",
    "due_minor",
    "payout_minor",
    "carried_minor",
    "undue_minor",
    "held_minor_total",
];

/// Tables as sorted lines.
#[derive(Default)]
pub struct Told {
    pub tables: BTreeMap<&'static str, Vec<String>>,
}

/// A row with the day it came and its mark of R5.
#[derive(Clone, Debug)]
struct Known<T> {
    row: T,
    seen: Date,
    was_duplicate: bool,
}

type OpenLeft = Known<Left>;
type OpenRight = Known<Right>;

/// One line of breaks.csv.
struct Line {
    class: &'static str,
    left: Option<OpenLeft>,
    right: Option<OpenRight>,
}

/// What a payment was charged and gave back so far (R16).
struct Original {
    owner: Key,
    minor: i64,
    fee: i64,
    refunded: i64,
    returned: i64,
}

type Key = (usize, &'static str);

/// What a close brings forward.
pub struct Oracle {
    hold: bool,
    merchants: Vec<Merchant>,
    left: Vec<OpenLeft>,
    right: Vec<OpenRight>,
    originals: BTreeMap<String, Original>,
    carried: BTreeMap<Key, i128>,
    dues: BTreeMap<Key, Vec<(Date, i128)>>,
    holds: BTreeMap<Key, Vec<(Date, i128)>>,
    /// Payouts issued: execution date, issue date, merchant.
    payouts: Vec<(Date, Date, usize)>,
}

impl Oracle {
    pub fn new(world: &World) -> Oracle {
        Oracle {
            hold: world.hold,
            merchants: world.merchants.clone(),
            left: Vec::new(),
            right: Vec::new(),
            originals: BTreeMap::new(),
            carried: BTreeMap::new(),
            dues: BTreeMap::new(),
            holds: BTreeMap::new(),
            payouts: Vec::new(),
        }
    }

    pub fn close(&mut self, date: Date, left: &[Left], right: &[Right]) -> Told {
        let mut lines: Vec<Line> = Vec::new();
        let failed_waits = |open: &Left| open.status != "SUCCESS";
        let (left, conflicts) = one_per_id(&self.left, left, date, |row: &Left| row.id.clone(), failed_waits);
        lines.extend(conflicts.into_iter().map(|row| Line {
            class: "ID_CONFLICT",
            left: Some(row),
            right: None,
        }));
        let id = |row: &Right| format!("{}/{}", row.account, row.id);
        let (right, conflicts) = one_per_id(&self.right, right, date, id, |_| false);
        lines.extend(conflicts.into_iter().map(|row| Line {
            class: "ID_CONFLICT",
            left: None,
            right: Some(row),
        }));

        let references: BTreeSet<String> = left
            .iter()
            .map(|l| l.row.reference.clone())
            .chain(right.iter().map(|r| r.row.reference.clone()))
            .collect();
        let mut pairs: Vec<(OpenLeft, OpenRight)> = Vec::new();
        for reference in references {
            let mine: Vec<OpenLeft> = left
                .iter()
                .filter(|l| l.row.reference == reference)
                .cloned()
                .collect();
            let theirs: Vec<OpenRight> = right
                .iter()
                .filter(|r| r.row.reference == reference)
                .cloned()
                .collect();
            if reference.is_empty() {
                mine.into_iter()
                    .for_each(|l| self.group(date, vec![l], vec![], &mut pairs, &mut lines));
                theirs
                    .into_iter()
                    .for_each(|r| self.group(date, vec![], vec![r], &mut pairs, &mut lines));
            } else {
                self.group(date, mine, theirs, &mut pairs, &mut lines);
            }
        }
        let mut told = Told::default();
        let fees = self.fees(&pairs);
        told.tables.insert(
            "matched",
            pairs
                .iter()
                .zip(&fees)
                .map(|((l, r), fee)| {
                    format!(
                        "{}|{}|{}|{}|{fee}",
                        l.row.id, r.row.id, r.row.account, l.row.minor
                    )
                })
                .collect(),
        );
        told.tables.insert("payouts", self.pay(date, &pairs, &fees));
        let mut breaks: Vec<String> = lines.iter().map(break_line).collect();
        let undebited = self.payouts.iter().filter(|(execution, _, _)| *execution <= date);
        breaks.extend(
            undebited
                .map(|(_, issued, merchant)| format!("payout-bank|MISSING_AT_BANK||||M{merchant}|{issued}")),
        );
        told.tables.insert("breaks", breaks);
        told.tables.values_mut().for_each(|lines| lines.sort());
        self.carry(lines);
        told
    }

    /// One reference (R4, R5).
    fn group(
        &self,
        date: Date,
        left: Vec<OpenLeft>,
        right: Vec<OpenRight>,
        pairs: &mut Vec<(OpenLeft, OpenRight)>,
        lines: &mut Vec<Line>,
    ) {
        let (mut success, others): (Vec<OpenLeft>, Vec<OpenLeft>) =
            left.into_iter().partition(|l| l.row.status == "SUCCESS");
        let mut right = right;
        // The marks of R5 are set before anything pairs.
        let counts = |direction| {
            let lefts = success.iter().filter(|l| l.row.direction() == direction).count();
            (
                lefts,
                right.iter().filter(|r| r.row.direction == direction).count(),
            )
        };
        let by_direction = BTreeMap::from([('C', counts('C')), ('D', counts('D'))]);
        success
            .iter_mut()
            .for_each(|l| l.was_duplicate |= by_direction[&l.row.direction()].0 >= 2);
        right
            .iter_mut()
            .for_each(|r| r.was_duplicate |= by_direction[&r.row.direction].1 >= 2);
        let had_success = !success.is_empty();
        if self.hold {
            for (direction, (lefts, rights)) in &by_direction {
                if lefts == rights || *lefts.max(rights) < 2 {
                    continue;
                }
                let class = if lefts > rights {
                    "DUPLICATE_AT_PLATFORM"
                } else {
                    "DUPLICATE_AT_BANK"
                };
                let held: Vec<OpenLeft> = success
                    .extract_if(.., |l| l.row.direction() == *direction)
                    .collect();
                let against: Vec<OpenRight> =
                    right.extract_if(.., |r| r.row.direction == *direction).collect();
                let (held, against) = (or_none(held), or_none(against));
                for left in &held {
                    for right in &against {
                        lines.push(Line {
                            class,
                            left: left.clone(),
                            right: right.clone(),
                        });
                    }
                }
            }
        }
        // Rows that are not SUCCESS stand in where the reference has no SUCCESS row.
        let mut left = if had_success { success } else { others };
        // Round 1: equal in currency, direction and amount, by id.
        left.sort_by(|a, b| a.row.id.cmp(&b.row.id));
        right.sort_by(|a, b| (a.row.account, &a.row.id).cmp(&(b.row.account, &b.row.id)));
        let mut broken = Vec::new();
        let mut judge = |l: OpenLeft, r: OpenRight| match class(&l, &r, date) {
            None => pairs.push((l, r)),
            Some(class) => broken.push(Line {
                class,
                left: Some(l),
                right: Some(r),
            }),
        };
        let mut rest = Vec::new();
        for l in left {
            let equal = |r: &OpenRight| {
                (r.row.currency(), r.row.direction, r.row.minor)
                    == (l.row.currency, l.row.direction(), l.row.minor)
            };
            match right.iter().position(equal) {
                Some(at) => judge(l, right.remove(at)),
                None => rest.push(l),
            }
        }
        // Round 2: what is left, by amount and id.
        rest.sort_by_key(|l| l.row.minor);
        right.sort_by_key(|r| r.row.minor);
        while !rest.is_empty() && !right.is_empty() {
            judge(rest.remove(0), right.remove(0));
        }
        lines.extend(broken);
        // R19: a row that is not SUCCESS and finds nothing is finished.
        for l in rest.into_iter().filter(|l| l.row.status == "SUCCESS") {
            let class = if l.was_duplicate {
                "DUPLICATE_AT_PLATFORM"
            } else {
                "MISSING_AT_BANK"
            };
            lines.push(Line {
                class,
                left: Some(l),
                right: None,
            });
        }
        for r in right {
            let class = if r.was_duplicate {
                "DUPLICATE_AT_BANK"
            } else {
                "MISSING_AT_PLATFORM"
            };
            lines.push(Line {
                class,
                left: None,
                right: Some(r),
            });
        }
    }

    /// R16, by pair.
    fn fees(&self, pairs: &[(OpenLeft, OpenRight)]) -> Vec<i64> {
        let fee = |row: &Left| {
            let terms = &self.merchants[row.merchant];
            if row.kind != "PAYMENT" {
                return 0;
            }
            if terms.returns {
                return divide(i128::from(row.minor) * 6000, 1_000_000, Rounding::HalfUp) as i64;
            }
            let exact = divide(i128::from(row.minor) * terms.fee_bps, 10_000, Rounding::HalfUp) as i64;
            exact.max(terms.fee_min).min(terms.fee_max.unwrap_or(i64::MAX))
        };
        pairs.iter().map(|(l, _)| fee(&l.row)).collect()
    }

    /// Fees given back on the refunds that settled, by merchant and currency (R16).
    fn give_back(&mut self, pairs: &[(OpenLeft, OpenRight)], fees: &[i64]) -> BTreeMap<Key, i128> {
        for ((l, _), fee) in pairs
            .iter()
            .zip(fees)
            .filter(|((l, _), _)| l.row.kind == "PAYMENT" && self.merchants[l.row.merchant].returns)
        {
            let original = Original {
                owner: (l.row.merchant, l.row.currency),
                minor: l.row.minor,
                fee: *fee,
                refunded: 0,
                returned: 0,
            };
            self.originals.insert(l.row.id.clone(), original);
        }
        let mut refunds: Vec<&Left> = pairs
            .iter()
            .map(|(l, _)| &l.row)
            .filter(|l| l.kind == "REFUND")
            .collect();
        refunds.sort_by(|a, b| (instant(&a.time), &a.id).cmp(&(instant(&b.time), &b.id)));
        let mut back = BTreeMap::new();
        for refund in refunds {
            let Some(original) = self.originals.get_mut(&refund.original) else {
                continue;
            };
            // A fee goes back to whom it was charged.
            if original.owner != (refund.merchant, refund.currency) {
                continue;
            }
            original.refunded += refund.minor;
            let share = divide(
                i128::from(original.fee) * i128::from(original.refunded),
                i128::from(original.minor),
                Rounding::Down,
            ) as i64;
            let returned = share.min(original.fee) - original.returned;
            original.returned += returned;
            *back.entry((refund.merchant, refund.currency)).or_insert(0) += i128::from(returned);
        }
        back
    }

    /// SPEC §6.2, §6.3, R8 to R11, R15, R17.
    fn pay(&mut self, date: Date, pairs: &[(OpenLeft, OpenRight)], fees: &[i64]) -> Vec<String> {
        let back = self.give_back(pairs, fees);
        let execution = business_day_after(date, 1);
        let mut lines = Vec::new();
        for key in (0..self.merchants.len()).flat_map(|m| ["CNY", "USD"].map(|currency| (m, currency))) {
            let terms = self.merchants[key.0].clone();
            let mine: Vec<(&Left, i64)> = pairs
                .iter()
                .zip(fees)
                .map(|((l, _), fee)| (&l.row, *fee))
                .filter(|(l, _)| (l.merchant, l.currency) == key)
                .collect();
            let of = |kind: &str| {
                let rows = mine.iter().filter(|(l, _)| l.kind == kind);
                (
                    rows.clone().count(),
                    rows.map(|(l, _)| i128::from(l.minor)).sum::<i128>(),
                )
            };
            let (payment, refund, chargeback, adjustment, reversal) = (
                of("PAYMENT"),
                of("REFUND"),
                of("CHARGEBACK"),
                of("ADJUSTMENT"),
                of("CHARGEBACK_REVERSAL"),
            );
            let fee: i128 = mine.iter().map(|(_, fee)| i128::from(*fee)).sum();
            let returned = back.get(&key).copied().unwrap_or(0);
            let hold = divide(payment.1 * terms.hold_bps, 10_000, Rounding::HalfUp);
            let holds = self.holds.entry(key).or_default();
            let release: i128 = holds
                .extract_if(.., |(until, _)| *until <= date)
                .map(|(_, minor)| minor)
                .sum();
            if hold != 0 {
                holds.push((date.plus_days(terms.hold_days), hold));
            }
            let held: i128 = holds.iter().map(|(_, minor)| minor).sum();
            let net = payment.1 - refund.1 - chargeback.1 + reversal.1 + adjustment.1 - fee + returned - hold
                + release;
            let due_date = match terms.cycle {
                0 if is_business_day(date) => date,
                0 => execution,
                n => business_day_after(date, n),
            };
            let dues = self.dues.entry(key).or_default();
            dues.push((due_date, net));
            let due: i128 = dues
                .extract_if(.., |(day, _)| *day <= execution)
                .map(|(_, minor)| minor)
                .sum();
            let undue: i128 = dues.iter().map(|(_, minor)| minor).sum();
            let opening = self.carried.get(&key).copied().unwrap_or(0);
            let payable = opening + due;
            let least = match (terms.min_payout, key.1) {
                (_, "USD") => 0,
                (Some(least), _) => least,
                (None, _) => 200,
            };
            let paid = payable > 0 && terms.status == "active" && payable >= i128::from(least);
            let payout = if paid { payable } else { 0 };
            if paid {
                self.payouts.push((execution, date, key.0));
            }
            self.carried.insert(key, payable - payout);
            let counts = [payment.0, refund.0, chargeback.0, adjustment.0, reversal.0];
            let sums = [
                payment.1,
                refund.1,
                chargeback.1,
                adjustment.1,
                reversal.1,
                fee,
                returned,
                hold,
                release,
                net,
                opening,
                due,
                payout,
                payable - payout,
            ];
            if counts.iter().all(|count| *count == 0) && sums.iter().all(|sum| *sum == 0) {
                continue;
            }
            let text = |numbers: Vec<String>| numbers.join("|");
            let counts = text(counts.iter().map(usize::to_string).collect());
            let sums = text(sums.iter().chain([&undue, &held]).map(i128::to_string).collect());
            lines.push(format!("M{}|{}|{counts}|{sums}", key.0, key.1));
        }
        lines
    }

    /// R6: all rows that are open, each once.
    fn carry(&mut self, lines: Vec<Line>) {
        self.left.clear();
        self.right.clear();
        for line in lines {
            if let Some(left) = line.left
                && !self.left.iter().any(|known| known.row == left.row)
            {
                self.left.push(left);
            }
            if let Some(right) = line.right
                && !self.right.iter().any(|known| known.row == right.row)
            {
                self.right.push(right);
            }
        }
    }
}

/// The rows of a side of a full outer join.
fn or_none<T>(rows: Vec<T>) -> Vec<Option<T>> {
    match rows.is_empty() {
        true => vec![None],
        false => rows.into_iter().map(Some).collect(),
    }
}

/// R19, R20: equal rows are one; two contents of one id are a conflict, unless a later row replaces an open one.
fn one_per_id<T: Clone + PartialEq>(
    open: &[Known<T>],
    today: &[T],
    date: Date,
    id: impl Fn(&T) -> String,
    may_be_replaced: impl Fn(&T) -> bool,
) -> (Vec<Known<T>>, Vec<Known<T>>) {
    let mut by_id: BTreeMap<String, Vec<Known<T>>> = BTreeMap::new();
    for known in open {
        by_id.entry(id(&known.row)).or_default().push(known.clone());
    }
    for row in today {
        let group = by_id.entry(id(row)).or_default();
        if !group.iter().any(|known| known.row == *row) {
            group.push(Known {
                row: row.clone(),
                seen: date,
                was_duplicate: false,
            });
        }
    }
    let (mut kept, mut conflicts) = (Vec::new(), Vec::new());
    for group in by_id.into_values() {
        match group.as_slice() {
            [only] => kept.push(only.clone()),
            [first, second] if first.seen < date && second.seen == date && may_be_replaced(&first.row) => {
                kept.push(second.clone())
            }
            _ => conflicts.extend(group),
        }
    }
    (kept, conflicts)
}

/// SPEC §5 and R7; `None` agrees.
fn class(left: &OpenLeft, right: &OpenRight, date: Date) -> Option<&'static str> {
    let (l, r) = (&left.row, &right.row);
    if l.status != "SUCCESS" {
        Some("STATUS_MISMATCH")
    } else if l.currency != r.currency() {
        Some("CURRENCY_MISMATCH")
    } else if l.direction() != r.direction {
        Some("DIRECTION_MISMATCH")
    } else if l.minor != r.minor {
        Some("AMOUNT_MISMATCH")
    } else if r.value_date < left.seen.min(right.seen) || r.value_date > date {
        Some("VALUE_DATE_MISMATCH")
    } else {
        None
    }
}

fn break_line(line: &Line) -> String {
    let seen = [
        line.left.as_ref().map(|l| l.seen),
        line.right.as_ref().map(|r| r.seen),
    ];
    let first = seen.into_iter().flatten().min().unwrap();
    let (txn, merchant) = line.left.as_ref().map_or((String::new(), String::new()), |l| {
        (l.row.id.clone(), format!("M{}", l.row.merchant))
    });
    let (entry, account) = line
        .right
        .as_ref()
        .map_or((String::new(), ""), |r| (r.row.id.clone(), r.row.account));
    format!(
        "platform-bank|{}|{txn}|{entry}|{account}|{merchant}|{first}",
        line.class
    )
}

/// March 2026 has no holidays in China; 2026-03-02 is a Monday.
fn is_business_day(date: Date) -> bool {
    date.days_since(Date::parse(b"2026-03-02").unwrap()).rem_euclid(7) < 5
}

fn business_day_after(date: Date, n: u32) -> Date {
    let mut day = date;
    for _ in 0..n {
        day = day.plus_days(1);
        while !is_business_day(day) {
            day = day.plus_days(1);
        }
    }
    day
}

/// All times have the same offset, so their text is their order.
fn instant(time: &str) -> &str {
    time
}
