//! The adjustments of a day, each id once (R20): delivered twice is one, two contents are none, posted before is none.

use crate::day::adjust::{Adjusted, Refusal};
use crate::day::state::PostedAdjustment;
use crate::entries::rows::AdjustmentRow;
use crate::ingest::canonical::values::shown;
use crate::report::tables::RejectLine;
use crate::terms::kinds::Action;

/// An adjustment as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// Its id.
    pub adjustment_id: String,
    /// A break, several breaks joined by `+`, or a merchant.
    pub target: String,
    /// What is decided.
    pub action: Action,
    /// A decimal above zero, its decimals not yet judged.
    pub amount: String,
    /// Why.
    pub reason: String,
    /// Who prepared it.
    pub prepared_by: String,
    /// Who approved it.
    pub approved_by: String,
    /// When, as delivered.
    pub approved_at: String,
    /// Physical line in its file.
    pub line: u64,
}

impl Adjustment {
    /// Keeps a row.
    pub fn of(row: &AdjustmentRow<'_>) -> Adjustment {
        // Readers refuse text that is not UTF-8, so nothing is replaced here.
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Adjustment {
            adjustment_id: text(row.adjustment_id),
            target: text(row.target),
            action: row.action,
            amount: text(row.amount),
            reason: text(row.reason),
            prepared_by: text(row.prepared_by),
            approved_by: text(row.approved_by),
            approved_at: text(row.approved_at),
            line: row.place.line,
        }
    }

    /// True when all but their place agrees.
    fn is_same(&self, other: &Adjustment) -> bool {
        let at = |line| Adjustment { line, ..self.clone() };
        at(other.line) == *other
    }
}

/// An adjustment with the file it stands in.
#[derive(Clone, Debug)]
pub struct Request {
    /// The adjustment.
    pub adjustment: Adjustment,
    /// File below `inbox/DATE/`.
    pub file: String,
}

impl Request {
    pub(super) fn reject(&self, refusal: &Refusal) -> RejectLine {
        let adjustment = &self.adjustment;
        let found = match refusal.field {
            "adjustment_id" => &adjustment.adjustment_id,
            "amount" => &adjustment.amount,
            "action" => adjustment.action.name(),
            _ => &adjustment.target,
        };
        RejectLine {
            file: self.file.clone(),
            line: adjustment.line,
            column: 0,
            field: refusal.field.to_owned(),
            found: shown(found.as_bytes()),
            expected: refusal.expected.clone(),
        }
    }
}

/// The requests that can be judged, in the order of their ids.
pub(super) fn once_each(
    mut delivered: Vec<Request>,
    posted: &[PostedAdjustment],
    done: &mut Adjusted,
) -> Vec<Request> {
    let place = |request: &Request| (request.file.clone(), request.adjustment.line);
    delivered.sort_by(|a, b| {
        a.adjustment
            .adjustment_id
            .cmp(&b.adjustment.adjustment_id)
            .then_with(|| place(a).cmp(&place(b)))
    });
    let mut requests = Vec::new();
    for group in delivered.chunk_by(|a, b| a.adjustment.adjustment_id == b.adjustment.adjustment_id) {
        let first = &group[0];
        let id = &first.adjustment.adjustment_id;
        let refusal = if let Ok(at) = posted.binary_search_by(|known| known.adjustment_id.cmp(id)) {
            Some(format!(
                "an id of its own: the adjustment of this id was posted in the close of {}, and none is posted twice",
                posted[at].posted_on
            ))
        } else if !group
            .iter()
            .all(|other| other.adjustment.is_same(&first.adjustment))
        {
            Some(
                "one content for one id: rows of this day differ under it, and none of them is posted"
                    .to_owned(),
            )
        } else {
            None
        };
        match refusal {
            Some(expected) => {
                let refusal = Refusal {
                    field: "adjustment_id",
                    expected,
                };
                done.rejects
                    .extend(group.iter().map(|request| request.reject(&refusal)));
            }
            None => {
                done.duplicates += group.len() as u64 - 1;
                requests.push(first.clone());
            }
        }
    }
    requests
}
