//! Adjustments of merchants' money: hold, release, transfer (R24). All in base currency.
//!
//! What is released is first what was held by adjustments, then what would be released soonest (R11). More than is held
//! cannot be released; more than is payable can be held, and what falls due later then fills the gap.

use std::collections::BTreeMap;

use crate::book::merchants::MerchantCode;
use crate::day::adjust::requests::Request;
use crate::day::adjust::{Adjusting, Context, Posted, Refusal, amount_of, refuse, told};
use crate::day::figures::{Manual, ManualMoves};
use crate::terms::kinds::Action;

/// Applies the requests that are about merchants.
pub(super) fn adjust(adjusting: &mut Adjusting<'_>) {
    let context = adjusting.context;
    let mut moves: BTreeMap<String, ManualMoves> = BTreeMap::new();
    // What is held must be there before any of it is released, in whatever order the ids are.
    for releases in [false, true] {
        adjusting.post_each(|request| {
            let action = request.adjustment.action;
            let now = !action.is_about_breaks() && (action == Action::Release) == releases;
            now.then(|| one(&context, request, &mut moves))
        });
    }
    adjusting.done.moves = moves.into_values().collect();
}

fn one(
    context: &Context<'_>,
    request: &Request,
    moves: &mut BTreeMap<String, ManualMoves>,
) -> Result<Posted, Refusal> {
    let (action, merchant_id) = (request.adjustment.action, &request.adjustment.target);
    if context.merchants.code(merchant_id.as_bytes()) == MerchantCode::NONE {
        return refuse("target", "the merchant_id of a merchant of the master");
    }
    let currency = context.settings.institution.base_currency;
    let amount_minor = amount_of(request, currency)?;
    let mine = moves.entry(merchant_id.clone()).or_insert_with(|| ManualMoves {
        merchant_id: merchant_id.clone(),
        currency,
        manual: Manual::default(),
    });
    let mine = &mut mine.manual;
    let amount = i128::from(amount_minor);
    match action {
        Action::Hold => mine.hold_minor += amount,
        Action::Transfer => mine.transfer_minor += amount,
        _ => {
            let left = held_minor(context, merchant_id) + mine.hold_minor - mine.release_minor;
            if left < amount {
                return refuse(
                    "amount",
                    format!(
                        "at most {}, which is held of merchant {merchant_id}",
                        told(left, currency)
                    ),
                );
            }
            mine.release_minor += amount;
        }
    }
    Ok(Posted {
        leg: String::new(),
        class: String::new(),
        txn_id: String::new(),
        entry_id: String::new(),
        account: String::new(),
        merchant_id: merchant_id.clone(),
        currency,
        amount_minor,
        own_money_minor: if action == Action::Transfer {
            -amount_minor
        } else {
            0
        },
        first_seen: None,
    })
}

/// What is held of a merchant and stays held today by its date (R11).
fn held_minor(context: &Context<'_>, merchant_id: &str) -> i128 {
    let currency = context.settings.institution.base_currency;
    context
        .state
        .holds
        .iter()
        .filter(|hold| hold.merchant_id == merchant_id && hold.currency == currency)
        .filter(|hold| hold.release_date.is_none_or(|date| date > context.business_date))
        .map(|hold| i128::from(hold.amount_minor))
        .sum()
}
