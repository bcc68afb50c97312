//! One reference with several rows: pairing, duplicates and classes (SPEC §5, R4 to R7).
//!
//! Rare by nature, so this is written to be read: it sorts small vectors.

use crate::book::settings::DuplicatePolicy;
use crate::entries::block::RowRef;
use crate::entries::bytes::Id;
use crate::entries::meta::Meta;
use crate::matching::class::Class;
use crate::terms::date::Date;
use crate::terms::kinds::Direction;

/// One row of a reference, on either side.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// The row.
    pub row: RowRef,
    /// txn_id, entry_id or channel_ref.
    pub id: Id<'a>,
    /// Account index of a bank entry: part of its id (R19). 0 on other sides.
    pub account: u32,
    /// Order of bill rows of one channel_ref by the rest of their ids (R19). 0 on other sides.
    pub rank: u32,
    /// Minor units.
    pub amount_minor: i64,
    /// Small fields.
    pub meta: Meta,
    /// The close that received it.
    pub first_seen: Date,
    /// False when the channel's fee is not the contracted one (R26); true on every other row.
    pub fee_agrees: bool,
}

/// What decides whether a row agrees with another.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Minor units.
    pub amount_minor: i64,
    /// Small fields.
    pub meta: Meta,
    /// The close that received it.
    pub first_seen: Date,
    /// As [`Member::fee_agrees`].
    pub fee_agrees: bool,
}

impl Member<'_> {
    fn terms(&self) -> Terms {
        Terms {
            amount_minor: self.amount_minor,
            meta: self.meta,
            first_seen: self.first_seen,
            fee_agrees: self.fee_agrees,
        }
    }
}

/// What a leg decides by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The day being closed.
    pub business_date: Date,
    /// What a surplus does.
    pub duplicates: DuplicatePolicy,
}

/// A break: a pair that does not agree, or a row without a counterpart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Break {
    /// Class.
    pub class: Class,
    /// Platform row, or [`RowRef::NONE`].
    pub left: RowRef,
    /// Bank or channel row, or [`RowRef::NONE`].
    pub right: RowRef,
    /// The platform row's reference has or once had two or more SUCCESS rows of its direction (R5).
    pub left_was_duplicate: bool,
    /// The other row's reference has or once had two or more rows of its direction (R5).
    pub right_was_duplicate: bool,
}

/// Two rows that agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair {
    /// Platform row.
    pub left: RowRef,
    /// Bank or channel row.
    pub right: RowRef,
    /// Account index of a bank entry; 0 on other legs.
    pub account: u32,
}

/// Where the results of a partition are put.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// Pairs that agree.
    pub pairs: Vec<Pair>,
    /// Breaks.
    pub breaks: Vec<Break>,
    /// Platform rows that are not SUCCESS and found no money (R19).
    pub left_no_money: Vec<RowRef>,
    /// Channel rows that are not SUCCESS and found no platform row.
    pub right_no_money: Vec<RowRef>,
}

/// The class of a pair, or `None` where it agrees (SPEC §5, R7). Duplicates are decided before.
#[inline]
pub fn classify_pair(left: Terms, right: Terms, rules: &Rules) -> Option<Class> {
    if !left.meta.is_success() || !right.meta.is_success() {
        return Some(Class::StatusMismatch);
    }
    if left.meta.agreement_word() != right.meta.agreement_word() {
        return Some(match left.meta.currency() == right.meta.currency() {
            true => Class::DirectionMismatch,
            false => Class::CurrencyMismatch,
        });
    }
    if left.amount_minor != right.amount_minor {
        return Some(Class::AmountMismatch);
    }
    if !right.fee_agrees {
        return Some(Class::FeeMismatch);
    }
    let value_date = right.meta.value_date(rules.business_date);
    let earlier = left.first_seen.min(right.first_seen);
    (value_date < earlier || value_date > rules.business_date).then_some(Class::ValueDateMismatch)
}

/// Settles one reference. The order of `left` and `right` does not matter.
pub fn resolve(left: &[Member<'_>], right: &[Member<'_>], rules: &Rules, out: &mut Matches) {
    let (mut left_members, left_others): (Vec<_>, Vec<_>) = left.iter().partition(|m| m.meta.is_success());
    let (mut right_members, right_others): (Vec<_>, Vec<_>) = right.iter().partition(|m| m.meta.is_success());
    let counts = Counts {
        left: Direction::BOTH.map(|d| count(&left_members, d)),
        right: Direction::BOTH.map(|d| count(&right_members, d)),
    };
    if rules.duplicates == DuplicatePolicy::Hold {
        for direction in Direction::BOTH {
            hold_direction(direction, &counts, &mut left_members, &mut right_members, out);
        }
    }
    // Rows that are not SUCCESS are looked at only where their side has no SUCCESS row (R5).
    let stand_in_left = left_members.is_empty() && counts.left == [0, 0] && !right_members.is_empty();
    let stand_in_right = right_members.is_empty() && counts.right == [0, 0] && !left_members.is_empty();
    if stand_in_left {
        left_members = left_others;
    } else {
        out.left_no_money.extend(left_others.iter().map(|m| m.row));
    }
    if stand_in_right {
        right_members = right_others;
    } else {
        out.right_no_money.extend(right_others.iter().map(|m| m.row));
    }
    let (left_rest, right_rest) = pair_off(left_members, right_members, rules, &counts, out);
    for member in left_rest {
        if !member.meta.is_success() {
            out.left_no_money.push(member.row);
            continue;
        }
        let was_duplicate = counts.left_was_duplicate(member);
        let class = if was_duplicate {
            Class::DuplicateAtPlatform
        } else {
            Class::MissingAtOther
        };
        out.breaks.push(Break {
            class,
            left: member.row,
            right: RowRef::NONE,
            left_was_duplicate: was_duplicate,
            right_was_duplicate: false,
        });
    }
    for member in right_rest {
        if !member.meta.is_success() {
            out.right_no_money.push(member.row);
            continue;
        }
        let was_duplicate = counts.right_was_duplicate(member);
        let class = if was_duplicate {
            Class::DuplicateAtOther
        } else {
            Class::MissingAtPlatform
        };
        out.breaks.push(Break {
            class,
            left: RowRef::NONE,
            right: member.row,
            left_was_duplicate: false,
            right_was_duplicate: was_duplicate,
        });
    }
}

/// SUCCESS rows of the reference by side and direction.
struct Counts {
    left: [usize; 2],
    right: [usize; 2],
}

impl Counts {
    fn left_was_duplicate(&self, member: &Member<'_>) -> bool {
        member.meta.was_duplicate()
            || (member.meta.is_success() && self.left[member.meta.direction() as usize] >= 2)
    }

    fn right_was_duplicate(&self, member: &Member<'_>) -> bool {
        member.meta.was_duplicate()
            || (member.meta.is_success() && self.right[member.meta.direction() as usize] >= 2)
    }
}

fn count(members: &[&Member<'_>], direction: Direction) -> usize {
    members.iter().filter(|m| m.meta.direction() == direction).count()
}

/// Policy `hold` (R5): where one side has more rows of a direction, and at least two, all rows of the direction
/// break, one line per combination as in a full outer join.
fn hold_direction<'a>(
    direction: Direction,
    counts: &Counts,
    left: &mut Vec<&'a Member<'a>>,
    right: &mut Vec<&'a Member<'a>>,
    out: &mut Matches,
) {
    let (lefts, rights) = (counts.left[direction as usize], counts.right[direction as usize]);
    if lefts == rights || lefts.max(rights) < 2 {
        return;
    }
    let class = if lefts > rights {
        Class::DuplicateAtPlatform
    } else {
        Class::DuplicateAtOther
    };
    let take = |side: &mut Vec<&'a Member<'a>>| {
        let (taken, kept): (Vec<_>, Vec<_>) = side.drain(..).partition(|m| m.meta.direction() == direction);
        *side = kept;
        let mut rows: Vec<(RowRef, bool)> = Vec::new();
        for member in taken {
            rows.push((member.row, member.meta.was_duplicate()));
        }
        if rows.is_empty() {
            rows.push((RowRef::NONE, false));
        }
        rows
    };
    let (left_rows, right_rows) = (take(left), take(right));
    for (left_row, left_was) in &left_rows {
        for (right_row, right_was) in &right_rows {
            out.breaks.push(Break {
                class,
                left: *left_row,
                right: *right_row,
                left_was_duplicate: *left_was || lefts >= 2,
                right_was_duplicate: *right_was || rights >= 2,
            });
        }
    }
}

/// The two rounds of R4. Gives back what found no partner.
fn pair_off<'a>(
    mut left: Vec<&'a Member<'a>>,
    mut right: Vec<&'a Member<'a>>,
    rules: &Rules,
    counts: &Counts,
    out: &mut Matches,
) -> (Vec<&'a Member<'a>>, Vec<&'a Member<'a>>) {
    let agreement = |m: &Member<'_>| (m.meta.agreement_word(), m.amount_minor);
    left.sort_unstable_by(|a, b| agreement(a).cmp(&agreement(b)).then_with(|| by_id(a, b)));
    right.sort_unstable_by(|a, b| agreement(a).cmp(&agreement(b)).then_with(|| by_id(a, b)));
    let mut settle = |l: &Member<'_>, r: &Member<'_>| match classify_pair(l.terms(), r.terms(), rules) {
        None => out.pairs.push(Pair {
            left: l.row,
            right: r.row,
            account: r.account,
        }),
        Some(class) => out.breaks.push(Break {
            class,
            left: l.row,
            right: r.row,
            left_was_duplicate: counts.left_was_duplicate(l),
            right_was_duplicate: counts.right_was_duplicate(r),
        }),
    };
    let (mut left_rest, mut right_rest) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        match agreement(left[i]).cmp(&agreement(right[j])) {
            std::cmp::Ordering::Less => {
                left_rest.push(left[i]);
                i += 1;
            }
            std::cmp::Ordering::Greater => {
                right_rest.push(right[j]);
                j += 1;
            }
            std::cmp::Ordering::Equal => {
                settle(left[i], right[j]);
                i += 1;
                j += 1;
            }
        }
    }
    left_rest.extend_from_slice(&left[i..]);
    right_rest.extend_from_slice(&right[j..]);
    left_rest.sort_unstable_by(|a, b| a.amount_minor.cmp(&b.amount_minor).then_with(|| by_id(a, b)));
    right_rest.sort_unstable_by(|a, b| a.amount_minor.cmp(&b.amount_minor).then_with(|| by_id(a, b)));
    let pairs = left_rest.len().min(right_rest.len());
    for (l, r) in left_rest.iter().zip(&right_rest) {
        settle(l, r);
    }
    (left_rest.split_off(pairs), right_rest.split_off(pairs))
}

/// Order of ids (R4): bytes; a bank entry's id is its account and entry_id, a bill row's goes on with its type and
/// refund_ref (R19).
fn by_id(a: &Member<'_>, b: &Member<'_>) -> std::cmp::Ordering {
    // The row reference breaks ties between rows of one id, which stand here only if their content differs in
    // a field that no decision reads.
    a.account
        .cmp(&b.account)
        .then_with(|| a.id.cmp(&b.id))
        .then_with(|| a.rank.cmp(&b.rank))
        .then_with(|| a.row.cmp(&b.row))
}
