//! Causes of breaks in words: `channel WECHAT fee rate 0.60% instead of 0.54% from 14:00: 18,204 breaks, CNY 9,120.55`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::book::settings::Institution;
use crate::causes::{Attribute, Cause, What, Where};
use crate::report::show;
use crate::terms::currency::Currency;
use crate::terms::date::Date;

/// A cause as summary.json lists it. Amounts are texts of minor units by currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CauseLine {
    /// Its number in column `cause` of breaks.csv; that column is empty for causes known by lines alone.
    pub number: u32,
    /// In words, without number and money.
    pub text: String,
    /// Leg.
    pub leg: String,
    /// Class.
    pub class: &'static str,
    /// Breaks.
    pub count: u64,
    /// The difference where amount or fee differs, else the larger side.
    pub sums_minor: BTreeMap<String, String>,
    /// File whose lines it fills; empty where none.
    pub file: String,
    /// First line, 0 where none.
    pub line: u64,
    /// Last line.
    pub line_last: u64,
    /// True when it is known by file and lines alone: another split of files would not show it (R32).
    pub by_lines_alone: bool,
}

/// When the business day begins, to tell times by.
#[derive(Clone, Copy, Debug)]
pub struct DayClock {
    /// D.
    pub business_date: Date,
    /// Minutes after midnight.
    pub cut_off_minutes: u32,
}

impl DayClock {
    /// The clock of an institution's day.
    pub fn of(institution: &Institution, business_date: Date) -> DayClock {
        DayClock {
            business_date,
            cut_off_minutes: institution.cut_off_minutes,
        }
    }
}

/// Causes as the summary lists them, the largest first.
pub fn lines(causes: &[Cause], clock: DayClock) -> Vec<CauseLine> {
    let mut order: Vec<&Cause> = causes.iter().collect();
    order.sort_by_key(|cause| (std::cmp::Reverse(cause.count), cause.number));
    order
        .into_iter()
        .map(|cause| CauseLine {
            number: cause.number,
            text: text(cause, clock),
            leg: cause.leg.clone(),
            class: cause.class,
            count: cause.count,
            sums_minor: cause
                .sums_minor
                .iter()
                .map(|(currency, minor)| (currency.code().to_owned(), minor.to_string()))
                .collect(),
            file: cause
                .lines
                .as_ref()
                .map_or(String::new(), |lines| lines.file.clone()),
            line: cause.lines.as_ref().map_or(0, |lines| lines.first),
            line_last: cause.lines.as_ref().map_or(0, |lines| lines.last),
            by_lines_alone: cause.is_known_by_lines(),
        })
        .collect()
}

impl CauseLine {
    /// The whole sentence: what, how many breaks, how much money.
    pub fn sentence(&self) -> String {
        let money: Vec<String> = self
            .sums_minor
            .iter()
            .filter_map(|(code, minor)| {
                let currency = Currency::parse(code.as_bytes())?;
                Some(format!("{code} {}", show::amount(minor.parse().ok()?, currency)))
            })
            .collect();
        format!(
            "{}: {} breaks, {}",
            self.text,
            show::count(self.count),
            money.join(" + ")
        )
    }
}

/// What a cause says: where, what, when.
fn text(cause: &Cause, clock: DayClock) -> String {
    let mut words: Vec<String> = Vec::new();
    let (mut hours, mut by_lines) = (Vec::new(), Vec::new());
    for place in &cause.places {
        match place {
            Where::Value(attribute, value) => words.push(value_words(*attribute, value)),
            Where::Hours { .. } | Where::Times { .. } => hours.extend(time_words(place, clock)),
            Where::Ids { from, to } if cause.lines.is_none() => {
                by_lines.push(format!("ids {} to {}", show::visible(from), show::visible(to)));
            }
            Where::Everything => words.push("nearly every row".to_owned()),
            Where::Ids { .. } | Where::Lines => {}
        }
    }
    let told = |attribute: Attribute| match cause.what {
        What::FeeRate { .. } | What::FeeDifference(_) => attribute == Attribute::Channel,
        What::Clock(_) | What::Twice | What::Turned => {
            matches!(attribute, Attribute::Channel | Attribute::Account)
        }
        _ => attribute == Attribute::Merchant && cause.count > 1,
    };
    let shared = cause.shared.iter().filter(|(attribute, _)| told(*attribute));
    words.extend(shared.map(|(attribute, value)| value_words(*attribute, value)));
    if let Some(lines) = &cause.lines {
        by_lines.push(format!(
            "lines {}–{} of {}",
            show::count(lines.first),
            show::count(lines.last),
            show::visible(&lines.file)
        ));
    }
    let mut parts = Vec::new();
    words.extend(by_lines);
    if !words.is_empty() {
        parts.push(words.join(", "));
    }
    parts.push(what_words(cause));
    parts.extend(hours);
    parts.join(" ")
}

fn value_words(attribute: Attribute, value: &str) -> String {
    let value = show::visible(value);
    match attribute {
        Attribute::TxnType => format!("{value} rows"),
        _ => format!("{} {value}", attribute.name()),
    }
}

fn what_words(cause: &Cause) -> String {
    let other = match cause.class {
        class if class.ends_with("_AT_CHANNEL") => "channel",
        class if class.ends_with("_AT_PLATFORM") => "platform",
        _ => "bank",
    };
    let currency = cause.sums_minor.keys().next().copied();
    let amount = |minor: i64| {
        currency.map_or_else(
            || minor.to_string(),
            |currency| show::amount(i128::from(minor).abs(), currency),
        )
    };
    let side = |is_lower: bool| if is_lower { "lower" } else { "higher" };
    match &cause.what {
        What::Class => class_words(cause.class, other),
        What::Difference(minor) => format!(
            "amount {} {} on the other side than on the platform",
            amount(*minor),
            side(*minor < 0)
        ),
        What::Proportion(ppm) => match times(*ppm) {
            Some(words) => format!("amount {words} the platform's"),
            None => format!("amount {} {} than the platform's", percent(*ppm), side(*ppm < 0)),
        },
        What::FeeRate {
            charged_ppm,
            agreed_ppm,
        } => match agreed_ppm {
            Some(agreed) => format!(
                "fee rate {} instead of {}",
                percent(*charged_ppm),
                percent(*agreed)
            ),
            None => format!("fee rate {}, which is not the agreed one", percent(*charged_ppm)),
        },
        What::FeeDifference(minor) => {
            format!(
                "fee {} {} than agreed on every row",
                amount(*minor),
                side(*minor < 0)
            )
        }
        What::Clock(seconds) => clock_words(*seconds),
        What::ValueDate(days) => format!(
            "value date {} {} {} the business date",
            days.unsigned_abs(),
            if days.unsigned_abs() == 1 { "day" } else { "days" },
            if *days < 0 { "before" } else { "after" }
        ),
        What::Exchanged => {
            "amounts exchanged: each row has the amount of another's counterpart (references swapped)"
                .to_owned()
        }
        What::Twice => format!("batch sent twice by the {other}"),
        What::Turned => "direction turned: C where D was due, or D where C was".to_owned(),
        What::Currencies(platform, found) => format!("currency {found} instead of {platform}"),
        What::Status(status) => format!("money moved for rows that are {status}"),
    }
}

fn class_words(class: &str, other: &str) -> String {
    match class {
        class if class.starts_with("MISSING_AT_") => format!("missing at {other}"),
        class if class.starts_with("DUPLICATE_AT_") => format!("too many at {other}"),
        "ID_CONFLICT" => "same id with other content".to_owned(),
        "STATUS_MISMATCH" => "money moved for rows that are not SUCCESS".to_owned(),
        "CURRENCY_MISMATCH" => "other currency".to_owned(),
        "DIRECTION_MISMATCH" => "other direction".to_owned(),
        "AMOUNT_MISMATCH" => "other amount".to_owned(),
        "FEE_MISMATCH" => "other fee than agreed".to_owned(),
        "VALUE_DATE_MISMATCH" => "other value date".to_owned(),
        "NEGATIVE_BALANCE" => "wallet would go below zero".to_owned(),
        class => class.to_owned(),
    }
}

/// Powers of ten are units mistaken for one another.
fn times(ppm: i64) -> Option<&'static str> {
    Some(match ppm {
        9_000_000 => "10 times",
        99_000_000 => "100 times",
        999_000_000 => "1,000 times",
        -900_000 => "a tenth of",
        -990_000 => "a hundredth of",
        -999_000 => "a thousandth of",
        1_000_000 => "twice",
        _ => return None,
    })
}

/// 6000 ppm is 0.60%, 5430 is 0.543%.
fn percent(ppm: i64) -> String {
    let ppm = ppm.unsigned_abs();
    let (whole, rest) = (ppm / 10_000, ppm % 10_000);
    let digits = format!("{rest:04}");
    let fraction = digits.trim_end_matches('0');
    format!("{}.{fraction:0<2}%", show::count(whole))
}

fn clock_words(seconds: i64) -> String {
    let magnitude = seconds.unsigned_abs();
    let (hours, minutes) = (magnitude / 3600, magnitude % 3600 / 60);
    let way = if seconds < 0 { "behind" } else { "ahead" };
    match (hours, minutes) {
        (0, minutes) => format!("clock {minutes} minutes off ({way})"),
        (1, 0) => format!("clock 1 hour off ({way})"),
        (hours, 0) => format!("clock {hours} hours off ({way})"),
        (hours, minutes) => format!("clock {hours} hours {minutes} minutes off ({way})"),
    }
}

fn time_words(place: &Where, clock: DayClock) -> Option<String> {
    let of_day = |hour: u8| {
        let minutes = (u32::from(hour) * 60 + clock.cut_off_minutes) % 1440;
        match hour {
            24 if minutes == 0 => "24:00".to_owned(),
            _ => format!("{:02}:{:02}", minutes / 60, minutes % 60),
        }
    };
    match place {
        Where::Hours {
            from,
            to,
            is_to_the_end,
            is_from_the_start,
        } => match (is_from_the_start, is_to_the_end) {
            (false, true) => Some(format!("from {}", of_day(*from))),
            (true, false) => Some(format!("until {}", of_day(*to))),
            (true, true) => None,
            (false, false) => Some(format!("from {} to {}", of_day(*from), of_day(*to))),
        },
        Where::Times { from, to } => Some(format!(
            "from {} to {}",
            moment(*from, clock.business_date),
            moment(*to, clock.business_date)
        )),
        _ => None,
    }
}

/// Local seconds as a time of D, or with its day.
fn moment(seconds: i64, business_date: Date) -> String {
    let (day, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let time = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    match i32::try_from(day) {
        Ok(day) if Date(day) != business_date => format!("{} {time}", Date(day)),
        _ => time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::Lines;

    fn cause(class: &'static str, what: What, places: Vec<Where>) -> Cause {
        Cause {
            number: 1,
            leg: "platform-bank".to_owned(),
            class,
            what,
            places,
            shared: Vec::new(),
            count: 18_204,
            sums_minor: [(Currency::parse(b"CNY").unwrap(), 912_055)].into(),
            lines: None,
            saved_bits: 1,
        }
    }

    fn sentence(cause: Cause) -> String {
        let clock = DayClock {
            business_date: Date::parse(b"2026-11-20").unwrap(),
            cut_off_minutes: 0,
        };
        lines(&[cause], clock)[0].sentence()
    }

    #[test]
    fn causes_are_told_in_a_sentence() {
        let hours = |from, to, is_to_the_end| Where::Hours {
            from,
            to,
            is_to_the_end,
            is_from_the_start: false,
        };
        let mut fee = cause(
            "FEE_MISMATCH",
            What::FeeRate {
                charged_ppm: 6_000,
                agreed_ppm: Some(5_400),
            },
            vec![hours(14, 24, true)],
        );
        fee.shared = vec![(Attribute::Channel, "WECHAT".to_owned())];
        assert_eq!(
            sentence(fee),
            "channel WECHAT fee rate 0.60% instead of 0.54% from 14:00: 18,204 breaks, CNY 9,120.55"
        );
        let mut lost = cause("MISSING_AT_BANK", What::Class, vec![Where::Lines]);
        lost.lines = Some(Lines {
            file: "platform/p.csv".to_owned(),
            first: 40_001,
            last: 60_000,
        });
        assert_eq!(
            sentence(lost),
            "lines 40,001–60,000 of platform/p.csv missing at bank: 18,204 breaks, CNY 9,120.55"
        );
        let check = |class, what, places, expected: &str| {
            let told = sentence(cause(class, what, places));
            assert_eq!(told.split(": 18,204").next().unwrap(), expected);
        };
        check(
            "VALUE_DATE_MISMATCH",
            What::Clock(28_800),
            vec![],
            "clock 8 hours off (ahead)",
        );
        check(
            "DUPLICATE_AT_BANK",
            What::Twice,
            vec![hours(9, 10, false)],
            "batch sent twice by the bank from 09:00 to 10:00",
        );
        check(
            "AMOUNT_MISMATCH",
            What::Difference(-1),
            vec![],
            "amount 0.01 lower on the other side than on the platform",
        );
        check(
            "AMOUNT_MISMATCH",
            What::Proportion(99_000_000),
            vec![Where::Value(Attribute::Merchant, "M1".to_owned())],
            "merchant M1 amount 100 times the platform's",
        );
        check(
            "AMOUNT_MISMATCH",
            What::Proportion(-5_430),
            vec![],
            "amount 0.543% lower than the platform's",
        );
        let at = 20_777 * 86_400 + 3_661;
        check(
            "MISSING_AT_PLATFORM",
            What::Class,
            vec![Where::Times {
                from: at,
                to: at + 60,
            }],
            "missing at platform from 01:01:01 to 01:02:01",
        );
    }
}
