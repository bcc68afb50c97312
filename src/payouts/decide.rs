//! Whether a payable amount is paid (R10, R15, R17, R28, R44): the first reason against it decides.

use std::collections::BTreeSet;

use crate::book::merchants::{MerchantStatus, MerchantTerms};
use crate::book::settings::Settings;
use crate::clearing::payee_problem;
use crate::day::figures::{CarryReason, PayoutStatus};
use crate::terms::currency::Currency;

/// Status and, where nothing is paid although something is payable, the reason: in the order NEGATIVE, CLOSED, HELD,
/// BELOW_MIN, SHORTFALL, NO_ACCOUNT, NO_DESTINATION, the first that applies.
pub fn decide(
    settings: &Settings,
    terms: &MerchantTerms,
    currency: Currency,
    payable_minor: i128,
    withheld: &BTreeSet<(String, Currency)>,
) -> (PayoutStatus, Option<CarryReason>) {
    if payable_minor == 0 {
        return (PayoutStatus::None, None);
    }
    let reason = if payable_minor < 0 {
        CarryReason::Negative
    } else if terms.status == MerchantStatus::Closed {
        CarryReason::Closed
    } else if terms.status == MerchantStatus::Held {
        CarryReason::Held
    } else if payable_minor < least_payout_minor(settings, terms, currency) {
        CarryReason::BelowMin
    } else if !withheld.is_empty() && withheld.contains(&(terms.pool.clone(), currency)) {
        return (PayoutStatus::Withheld, Some(CarryReason::Shortfall));
    } else if !settings.payout.accounts.contains_key(&currency) {
        CarryReason::NoAccount
    } else if payee_problem(settings.payout.format, terms).is_some() {
        CarryReason::NoDestination
    } else {
        return (PayoutStatus::Issued, None);
    };
    (PayoutStatus::Carried, Some(reason))
}

/// Least payout (R15): the merchant's own, in its settlement currency; without one the book's, in base currency;
/// in every other currency any positive amount is paid.
fn least_payout_minor(settings: &Settings, terms: &MerchantTerms, currency: Currency) -> i128 {
    let base = settings.institution.base_currency;
    let (least_minor, in_currency) = match terms.min_payout_minor {
        Some(own) => (own, terms.currency.unwrap_or(base)),
        None => (settings.payout.min_minor, base),
    };
    match currency == in_currency {
        true => i128::from(least_minor),
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payouts::fixture::{currency, merchant, settings};

    #[test]
    fn the_first_reason_decides() {
        let settings = settings();
        let none = BTreeSet::new();
        let short: BTreeSet<_> = [("default".to_owned(), currency("CNY"))].into_iter().collect();
        let good = merchant("A");
        let check = |terms: &MerchantTerms, code, payable, withheld, expected| {
            assert_eq!(
                decide(&settings, terms, currency(code), payable, withheld),
                expected,
                "{payable} {code}"
            )
        };
        let carried = |reason| (PayoutStatus::Carried, Some(reason));
        let issued = (PayoutStatus::Issued, None);
        check(&good, "CNY", 0, &short, (PayoutStatus::None, None));
        check(&good, "CNY", 100, &none, issued);
        check(&good, "CNY", 99, &none, carried(CarryReason::BelowMin));
        check(&good, "CNY", -1, &short, carried(CarryReason::Negative));
        check(
            &good,
            "CNY",
            100,
            &short,
            (PayoutStatus::Withheld, Some(CarryReason::Shortfall)),
        );
        check(&good, "CNY", 99, &short, carried(CarryReason::BelowMin));
        check(&good, "USD", 1, &short, issued); // any positive amount outside the base currency
        check(&good, "EUR", 1, &none, carried(CarryReason::NoAccount));

        let mut held = merchant("A");
        held.status = MerchantStatus::Held;
        check(&held, "CNY", 1, &short, carried(CarryReason::Held));
        held.status = MerchantStatus::Closed;
        check(&held, "CNY", -1, &none, carried(CarryReason::Negative));
        check(&held, "CNY", 1, &none, carried(CarryReason::Closed));

        let mut own = merchant("A");
        own.min_payout_minor = Some(5_000);
        own.currency = Some(currency("USD"));
        check(&own, "USD", 4_999, &none, carried(CarryReason::BelowMin));
        check(&own, "CNY", 1, &none, issued); // its own minimum replaces the book's

        for field in [
            |t: &mut MerchantTerms| t.payout_account.clear(),
            |t: &mut MerchantTerms| t.payout_bank.clear(),
            |t: &mut MerchantTerms| t.payout_name.clear(),
        ] {
            let mut lacking = merchant("A");
            field(&mut lacking);
            check(&lacking, "CNY", 100, &none, carried(CarryReason::NoDestination));
            check(&lacking, "EUR", 100, &none, carried(CarryReason::NoAccount));
            let mut csv = settings.clone();
            csv.payout.format = crate::book::settings::PayoutFormat::Csv;
            assert_eq!(decide(&csv, &lacking, currency("CNY"), 100, &none), issued);
        }
    }
}
