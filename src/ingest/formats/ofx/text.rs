//! Names, texts, amounts and days of OFX as banks write them.

use std::borrow::Cow;

use super::super::pieces::has_control;
use super::super::values::{is_ambiguous, padded_minor};
use crate::terms::date::Date;
use crate::terms::money::AmountError;

/// A name in capitals.
pub(super) fn upper(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Cow::Owned(name.to_ascii_uppercase());
    }
    Cow::Borrowed(name)
}

/// The five entities of XML and the space of HTML; everything else stands as it is.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    let clean = match has_control(text) {
        true => Cow::Owned(
            text.chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect::<String>(),
        ),
        false => Cow::Borrowed(text),
    };
    if !clean.contains('&') {
        return clean;
    }
    let text = clean
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&");
    Cow::Owned(text)
}

/// A signed amount, `-2000,00` or `+1 006,60`: of points and commas the last is before the decimals. `1,000` is refused
/// unless the currency has three decimals: nothing in the file tells one from one thousand.
pub(super) fn signed_amount(text: &str, digits: u32) -> Result<i64, AmountError> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text.as_str()),
    };
    if is_ambiguous(rest, digits) {
        return Err(AmountError::Form);
    }
    let minor = match rest.rfind(['.', ',']) {
        None => padded_minor(rest, digits)?,
        Some(at) => {
            let (whole, fraction) = (&rest[..at], &rest[at + 1..]);
            let mark = &rest[at..=at];
            if whole.contains(mark) {
                // `1,000,000`: the mark stands between groups and there are no decimals.
                let groups: Vec<&str> = rest.split(mark).collect();
                padded_minor(&joined(&groups).ok_or(AmountError::Form)?, digits)?
            } else {
                let groups: Vec<&str> = whole.split(['.', ',']).collect();
                let whole = joined(&groups).ok_or(AmountError::Form)?;
                if whole.is_empty() && fraction.is_empty() {
                    return Err(AmountError::Form);
                }
                let whole = if whole.is_empty() { "0" } else { &whole };
                if fraction.is_empty() {
                    padded_minor(whole, digits)?
                } else {
                    padded_minor(&format!("{whole}.{fraction}"), digits)?
                }
            }
        }
    };
    Ok(if negative { -minor } else { minor })
}

/// Groups of three digits, the first of one to three, put together; a single group is as long as it likes.
fn joined(groups: &[&str]) -> Option<String> {
    let right = match groups {
        [_] => true,
        [first, rest @ ..] => (1..=3).contains(&first.len()) && rest.iter().all(|group| group.len() == 3),
        [] => false,
    };
    right.then(|| groups.concat())
}

/// First and last day of a statement, where they are given.
pub(super) type Period = (Option<Date>, Option<Date>);

/// The day of `YYYYMMDD…` or `YYYY-MM-DD…`, as written; zeros are none. Six digits are read as `DDMMYY` or `YYMMDD`, as
/// some banks write them, where only one of the two is a day of the statement's period: nothing else tells them apart.
pub(super) fn day(text: &str, period: Option<Period>) -> Option<Date> {
    let text = text.trim();
    if text.as_bytes().get(4) == Some(&b'-') {
        return Date::parse(text.as_bytes().get(..10)?);
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let digits = &text[..end];
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<u32>().ok();
    match digits.len() {
        8 | 10.. => Date::from_ymd(number(0..4)? as i32, number(4..6)?, number(6..8)?),
        6 if end == text.len() => {
            let (first, middle, last) = (number(0..2)?, number(2..4)?, number(4..6)?);
            let (from, to) = period?;
            let inside =
                |date: &Date| from.is_some_and(|from| *date >= from) && to.is_some_and(|to| *date <= to);
            let mut days = [(last, first), (first, last)]
                .into_iter()
                .filter_map(|(year, day)| Date::from_ymd(2000 + year as i32, middle, day))
                .filter(inside);
            let read = days.next()?;
            days.all(|other| other == read).then_some(read)
        }
        _ => None,
    }
}

/// True for what stands where no day is given: nothing, or zeros.
pub(super) fn says_no_day(text: &str) -> bool {
    text.trim().bytes().all(|byte| byte == b'0')
}

pub(super) fn day_expected(tag: &str, text: &str) -> String {
    if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!(
            "{tag} with a day YYYYMMDD: six digits are read only where one of DDMMYY and YYMMDD is a day from DTSTART to DTEND"
        );
    }
    format!("{tag} with a day YYYYMMDD that exists")
}
