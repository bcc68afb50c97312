//! Rules put into words, with the arithmetic done again step by step (R8, R11, R16).

use super::closes::money;
use crate::book::Book;
use crate::book::calendars::due_date;
use crate::book::merchants::{FeeTerms, MerchantCode, MerchantTerms};
use crate::book::settings::{Cycle, FeePer, FeePlan, FeeRule};
use crate::fees::formula::{columns_fee_minor, fee_minor};
use crate::terms::calendar::Calendar;
use crate::terms::date::{Date, Weekday};
use crate::terms::kinds::TxnType;
use crate::terms::money::{Rounding, format_minor};

/// Steps of a computation, and what it gives.
pub(super) struct Worked {
    pub steps: Vec<String>,
    /// Minor units; `None` where it does not fit.
    pub minor: Option<i64>,
}

pub(super) fn terms_of<'a>(book: &'a Book, merchant: &str) -> Option<&'a MerchantTerms> {
    let code = book.merchants.code(merchant.as_bytes());
    (code != MerchantCode::NONE).then(|| book.merchants.get(code))
}

/// The fee of one row (R16), from the sealed terms.
pub(super) fn row_fee(
    book: &Book,
    terms: &MerchantTerms,
    channel: &str,
    txn_type: TxnType,
    amount: i64,
) -> Worked {
    match &terms.fee {
        FeeTerms::Columns {
            fee_bps,
            min_minor,
            max_minor,
        } => {
            if txn_type != TxnType::Payment {
                return nothing(format!(
                    "no fee: the fee columns of {} are for PAYMENT rows",
                    terms.id
                ));
            }
            let mut steps = vec![format!("rule: merchants.csv of {}: fee_bps {fee_bps}", terms.id)];
            let exact = i128::from(amount) * i128::from(*fee_bps);
            let minor = columns_fee_minor(amount, *fee_bps, *min_minor, *max_minor).ok();
            let told = minor_text(i128::from(amount));
            steps.push(formula(
                &format!("{told} × {fee_bps} / 10,000"),
                exact,
                4,
                Rounding::HalfUp,
                *min_minor,
                *max_minor,
                minor,
            ));
            Worked { steps, minor }
        }
        FeeTerms::Plan(name) => match book.settings.fee_plans.get(name) {
            None => nothing(format!("fee plan `{name}` is not in the sealed settings")),
            Some(plan) if plan.per == FeePer::Day => nothing(format!(
                "no fee on the row: plan `{name}` takes its fee once on the day's gross of {}",
                terms.id
            )),
            Some(plan) => {
                let rule = plan.rules.iter().enumerate().find(|(_, rule)| {
                    rule.txn_type == txn_type && rule.channel.as_deref().is_none_or(|only| only == channel)
                });
                match rule {
                    None => nothing(format!(
                        "no fee: plan `{name}` has no rule for {}",
                        txn_type.name()
                    )),
                    Some((index, rule)) => by_rule(plan, index, rule, i128::from(amount)),
                }
            }
        },
    }
}

/// The fee on a day's gross, for a plan per day.
pub(super) fn day_fee(book: &Book, terms: &MerchantTerms, gross_minor: i128) -> Option<Worked> {
    let FeeTerms::Plan(name) = &terms.fee else {
        return None;
    };
    let plan = book.settings.fee_plans.get(name)?;
    let rule = plan.rules.last()?;
    (plan.per == FeePer::Day).then(|| by_rule(plan, plan.rules.len() - 1, rule, gross_minor))
}

fn nothing(step: String) -> Worked {
    Worked {
        steps: vec![step],
        minor: Some(0),
    }
}

fn by_rule(plan: &FeePlan, index: usize, rule: &FeeRule, amount: i128) -> Worked {
    let mut told = format!("rule: fee plan `{}`, ", plan.name);
    told.push_str(&match (&rule.channel, index + 1 == plan.rules.len()) {
        (Some(channel), _) => format!("rule {} (channel {channel})", index + 1),
        (None, true) => "its plain rate".to_owned(),
        (None, false) => format!("rule {}", index + 1),
    });
    let tier = rule
        .tiers
        .iter()
        .find(|tier| tier.up_to_minor.is_none_or(|bound| amount <= i128::from(bound)));
    let Some(tier) = tier.or(rule.tiers.last()) else {
        return nothing(told);
    };
    if rule.tiers.len() > 1 {
        told.push_str(&match tier.up_to_minor {
            Some(bound) => format!(", tier up to {}", minor_text(i128::from(bound))),
            None => ", tier without bound".to_owned(),
        });
    }
    told.push_str(&format!(": {} ppm", minor_text(i128::from(tier.rate_ppm))));
    if plan.per == FeePer::Day {
        told.push_str(" once on the day's gross");
    }
    let fixed = match tier.fixed_minor {
        0 => String::new(),
        fixed => format!(" + {}", minor_text(i128::from(fixed))),
    };
    let minor = fee_minor(amount, rule).ok();
    let exact = amount
        .checked_mul(i128::from(tier.rate_ppm))
        .and_then(|product| product.checked_add(i128::from(tier.fixed_minor) * 1_000_000));
    let product = format!(
        "{} × {} / 1,000,000{fixed}",
        minor_text(amount),
        minor_text(i128::from(tier.rate_ppm))
    );
    let step = match exact {
        Some(exact) => formula(
            &product,
            exact,
            6,
            rule.rounding,
            rule.min_minor,
            rule.max_minor,
            minor,
        ),
        None => format!("{product} does not fit"),
    };
    Worked {
        steps: vec![told, step],
        minor,
    }
}

/// What a share of a gross is held back (R11).
pub(super) fn hold(gross_minor: i128, hold_bps: u32) -> (String, i128) {
    let exact = gross_minor * i128::from(hold_bps);
    let minor = crate::terms::money::divide(exact, 10_000, Rounding::HalfUp);
    let step = format!(
        "{} × {hold_bps} / 10,000 = {} → half up → {}",
        minor_text(gross_minor),
        decimal(exact, 4),
        minor_text(minor)
    );
    (step, minor)
}

/// `12,345 × 60 / 10,000 = 74.07 → half up → 74, at least 1, at most 500: 74`. All in minor units.
fn formula(
    product: &str,
    exact: i128,
    digits: u32,
    rounding: Rounding,
    min: i64,
    max: Option<i64>,
    fee: Option<i64>,
) -> String {
    let rounded = crate::terms::money::divide(exact, 10i128.pow(digits), rounding);
    let mut step = format!(
        "fee = {product} = {} → {} → {}",
        decimal(exact, digits),
        rounding_name(rounding),
        minor_text(rounded)
    );
    step.push_str(&format!(", at least {}", minor_text(i128::from(min))));
    step.push_str(&match max {
        Some(max) => format!(", at most {}", minor_text(i128::from(max))),
        None => ", no greatest fee".to_owned(),
    });
    match fee {
        Some(fee) => step.push_str(&format!(": {} minor units", minor_text(i128::from(fee)))),
        None => step.push_str(": does not fit"),
    }
    step
}

fn rounding_name(rounding: Rounding) -> &'static str {
    match rounding {
        Rounding::HalfUp => "half up",
        Rounding::HalfEven => "half even",
        Rounding::Down => "down",
        Rounding::Up => "up",
    }
}

/// An exact quotient by a power of ten, without the zeros at its end.
fn decimal(exact: i128, digits: u32) -> String {
    let text = format_minor(exact, digits);
    match text.contains('.') {
        true => {
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let whole = whole.parse().map_or_else(|_| whole.to_owned(), minor_text);
            let fraction = fraction.trim_end_matches('0');
            if fraction.is_empty() {
                whole
            } else {
                format!("{whole}.{fraction}")
            }
        }
        false => text,
    }
}

/// A count of minor units with separators.
pub(super) fn minor_text(minor: i128) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let digits = minor.unsigned_abs().to_string();
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A cycle as it is written.
fn cycle_name(cycle: Cycle) -> String {
    const DAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    match cycle {
        Cycle::Business(n) => format!("T+{n}"),
        Cycle::Calendar(n) => format!("D+{n}"),
        Cycle::Weekly(day) => format!("weekly:{}", DAYS.get(usize::from(day)).copied().unwrap_or("?")),
        Cycle::Monthly(day) => format!("monthly:{day}"),
    }
}

/// When a net of day `d` falls due, and the days crossed on the way (R8).
pub(super) fn due(book: &Book, terms: &MerchantTerms, d: Date) -> (Option<Date>, String) {
    let id = terms
        .calendar
        .as_deref()
        .unwrap_or(&book.settings.institution.calendar);
    let Some(calendar) = book.calendars.get(id) else {
        return (None, format!("calendar {id} is not among the sealed ones"));
    };
    let name = cycle_name(terms.cycle);
    match due_date(terms.cycle, d, calendar) {
        Err(unknown) => (None, unknown.to_string()),
        Ok(due) => {
            let crossed = match terms.cycle {
                Cycle::Calendar(_) => "calendar days as they are".to_owned(),
                _ => crossed(calendar, d, due),
            };
            (
                Some(due),
                format!("due {due}: cycle {name} from {d}, calendar {id}: {crossed}"),
            )
        }
    }
}

/// The first business day after `d` in the institution's calendar (R9), and the days crossed.
pub(super) fn execution(book: &Book, d: Date) -> (Option<Date>, String) {
    let id = &book.settings.institution.calendar;
    let Some(calendar) = book.calendars.get(id) else {
        return (None, format!("calendar {id} is not among the sealed ones"));
    };
    match calendar.nth_business_day_after(d, 1) {
        Err(unknown) => (None, unknown.to_string()),
        Ok(day) => (
            Some(day),
            format!(
                "executed {day}: first business day after {d}, calendar {id}: {}",
                crossed(calendar, d, day)
            ),
        ),
    }
}

/// The days after `d` up to `last`, each with what it is.
pub(super) fn crossed(calendar: &Calendar, d: Date, last: Date) -> String {
    let mut told = Vec::new();
    let mut counted = 0;
    let mut day = d.plus_days(1);
    if last == d {
        day = d;
    }
    while day <= last {
        let year = calendar.years.get(&day.ymd().0);
        let worked = year.is_some_and(|year| year.workdays.contains(&day));
        let off = year.is_some_and(|year| year.holidays.contains(&day));
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let what = if worked {
            counted += 1;
            format!("business day {counted}, make-up workday")
        } else if off {
            "holiday".to_owned()
        } else if weekend {
            "day of rest".to_owned()
        } else {
            counted += 1;
            format!("business day {counted}")
        };
        // A long way is told by its ends and by what is not plain.
        if day.days_since(d) <= 5 || day == last || worked || off {
            told.push(format!("{day} {} {what}", weekday(day)));
        }
        day = day.plus_days(1);
    }
    told.join("; ")
}

fn weekday(day: Date) -> &'static str {
    match day.weekday() {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

/// Why a merchant was not paid, in words (R17).
pub(super) fn reason(code: &str) -> &'static str {
    match code {
        "NEGATIVE" => "payable is below 0: it is carried and recovered first",
        "CLOSED" => "the merchant is closed: nothing is paid until a person decides",
        "HELD" => "the merchant is held: nothing is paid until it is active again",
        "BELOW_MIN" => "payable is below the least payout: it is carried until that is reached",
        "SHORTFALL" => "the pool is short, so all its payouts are withheld (R3)",
        "NO_ACCOUNT" => "book.toml names no paying account for the currency",
        "NO_DESTINATION" => "the merchant master lacks what the clearing file needs: account, name or bank",
        _ => "",
    }
}

/// What ends a break of a class.
pub(super) fn remedy(class: &str, leg: &str) -> &'static str {
    if leg == "payout-bank" && class == "MISSING_AT_BANK" {
        return "resolves when the bank debits the payout with its id and amount; ask the bank whether the file was executed";
    }
    match class {
        "MISSING_AT_BANK" => {
            "resolves when a bank entry of the same reference, currency, direction and amount arrives; ask the bank or channel"
        }
        "MISSING_AT_PLATFORM" => {
            "resolves when the platform row of the same reference arrives; until then the money is an unidentified receipt"
        }
        "MISSING_AT_CHANNEL" => "resolves when the channel's bill has the row",
        "DUPLICATE_AT_PLATFORM" => {
            "resolves only if the money comes a second time; else the platform logged it twice: correct it there"
        }
        "DUPLICATE_AT_BANK" => {
            "resolves if the platform logs it or the bank reverses it; else give the money back"
        }
        "AMOUNT_MISMATCH" => {
            "resolves when a corrected row, or the rest as a row that pairs, arrives on either side; find out which amount is right"
        }
        "CURRENCY_MISMATCH" => {
            "resolves when a row of the same currency arrives; find out which side is wrong"
        }
        "DIRECTION_MISMATCH" => {
            "resolves when a row of the same direction arrives; find out which side is wrong"
        }
        "STATUS_MISMATCH" => {
            "resolves when the platform sends the row again as SUCCESS, or the bank gives the money back"
        }
        "VALUE_DATE_MISMATCH" => "resolves by itself in the close of the value date (R7)",
        "FEE_MISMATCH" => {
            "resolves when the channel's bill has the agreed fee; claim the difference from the channel"
        }
        "ID_CONFLICT" => "two rows have this id and differ: ask the source which is right",
        "NEGATIVE_BALANCE" => "tried again in every close; posts when the wallet holds enough",
        "ESCROW_MISMATCH" => "tried again in every close; resolves when its escrow position is known",
        _ => "resolves when both sides agree",
    }
}

/// What an adjustment did, of its action.
pub(super) fn decided(action: &str) -> &'static str {
    match action {
        "accept" => "accepted as it is, at the platform's amount,",
        "write_off" => "written off",
        "force_match" => "matched by hand, at the platform's amounts,",
        "hold" => "held back",
        "release" => "released",
        "transfer" => "given from own money",
        _ => "adjusted",
    }
}

/// `1,234.56 CNY` of an amount of the row.
pub(super) fn amount(minor: i64, currency: crate::terms::currency::Currency) -> String {
    money(i128::from(minor), currency.code())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::settings::FeeTier;

    #[test]
    fn the_rounding_step_is_told() {
        let check = |gross, bps, expected: &str| assert_eq!(hold(gross, bps).0, expected);
        check(
            825_775,
            1000,
            "825,775 × 1000 / 10,000 = 82,577.5 → half up → 82,578",
        );
        check(100, 0, "100 × 0 / 10,000 = 0 → half up → 0");
        let rule = FeeRule {
            channel: None,
            txn_type: TxnType::Payment,
            tiers: vec![FeeTier {
                up_to_minor: None,
                rate_ppm: 6_000,
                fixed_minor: 30,
            }],
            min_minor: 1,
            max_minor: Some(50),
            rounding: Rounding::HalfUp,
        };
        let plan = FeePlan {
            name: "p".to_owned(),
            per: FeePer::Txn,
            on_refund: crate::book::settings::OnRefund::Keep,
            rules: vec![rule],
        };
        let worked = by_rule(&plan, 0, &plan.rules[0], 12_345);
        assert_eq!(worked.minor, Some(50));
        assert_eq!(
            worked.steps[1],
            "fee = 12,345 × 6,000 / 1,000,000 + 30 = 104.07 → half up → 104, at least 1, at most 50: 50 minor units"
        );
    }

    #[test]
    fn days_crossed_name_rest_and_make_up_workdays() {
        let date = |text: &str| Date::parse(text.as_bytes()).unwrap();
        let calendar = crate::book::calendars::built_in("CN").unwrap().unwrap();
        assert_eq!(
            crossed(&calendar, date("2026-09-18"), date("2026-09-20")),
            "2026-09-19 Sat day of rest; 2026-09-20 Sun business day 1, make-up workday"
        );
    }
}
