//! A statement line (`:61:`), in the ways in which banks write it.
//!
//! `6!n[4!n]` dates, `[E][R]C|D` mark, `[1!a]` third letter of the currency, `15d` amount, `1!a3!c` type,
//! reference, `//` reference of the bank; supplementary details on the lines below.

use crate::ingest::formats::desk::{commercial_date, loose_minor, short_date};
use crate::ingest::formats::values::loose_amount_expected;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::Direction;

/// What a mark says about an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// `C` or `D`, as written.
    pub written: Direction,
    /// `R`: the entry undoes one of the written direction.
    pub reversal: bool,
    /// `E`: the entry is expected and not booked.
    pub expected: bool,
}

impl Mark {
    /// What the entry does to the account: a reversal of a credit takes money out.
    pub fn direction(self) -> Direction {
        if self.reversal {
            self.written.opposite()
        } else {
            self.written
        }
    }
}

/// A statement line as read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line<'t> {
    /// Day on which the funds count.
    pub value_date: Date,
    /// Day on which the bank booked, where given.
    pub entry_date: Option<Date>,
    /// True when a date was written as a day that only a calendar of 30-day months has.
    pub commercial: bool,
    /// Mark.
    pub mark: Mark,
    /// Minor units.
    pub amount_minor: i64,
    /// Type with its letter, `NTRF`; empty where missing.
    pub kind: &'t str,
    /// Reference of the account holder; empty where none.
    pub reference: &'t str,
    /// Reference of the bank; empty where none.
    pub bank_reference: &'t str,
}

/// What cannot be read: field, found, expected.
pub type Unread = (&'static str, String, String);

/// Reads a statement line in an account of `currency`.
///
/// # Errors
/// What is wrong. Without mark and amount a statement cannot be added up.
pub fn read(text: &str, currency: Currency) -> Result<Line<'_>, Unread> {
    let unread = |field: &'static str, found: &str, expected: &str| {
        Err((field, found.to_owned(), expected.to_owned()))
    };
    let Some((dated, rest)) = text.split_at_checked(6) else {
        return unread("value_date", text, "a date YYMMDD");
    };
    let Some((value_date, mut commercial)) = short_date(dated) else {
        return unread("value_date", dated, "a date YYMMDD that exists");
    };
    let (entry_date, rest) = match rest.split_at_checked(4) {
        Some((four, rest)) if four.bytes().all(|byte| byte.is_ascii_digit()) => {
            let Some((date, moved)) = entry_date(four, value_date) else {
                return unread("booking_time", four, "an entry date MMDD that exists");
            };
            commercial |= moved;
            (Some(date), rest)
        }
        // Some banks leave the place of the date blank.
        Some(("    ", rest)) => (None, rest),
        _ => (None, rest),
    };
    let Some((mark, rest)) = mark(rest.trim_start_matches(' ')) else {
        let found: String = rest.chars().take(4).collect();
        return unread("direction", &found, "a mark C, D, RC, RD, EC or ED");
    };
    // The third letter of the currency, where it is given.
    let rest = rest
        .strip_prefix(|letter: char| letter.is_ascii_uppercase())
        .unwrap_or(rest);
    // A sign before the amount repeats the mark.
    let rest = rest.trim_start_matches(' ');
    let rest = rest
        .strip_prefix(['-', '+'])
        .unwrap_or(rest)
        .trim_start_matches(' ');
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.')
        .unwrap_or(rest.len());
    let (amount, rest) = rest.split_at(end);
    if let Some(exponent) = exponent(rest) {
        let expected = "an amount without an exponent, such as 12,34".to_owned();
        return Err(("amount", format!("{amount}{exponent}"), expected));
    }
    let amount_minor = loose_minor(amount, currency.digits()).map_err(|error| {
        let expected = loose_amount_expected(amount, error, currency.code(), currency.digits());
        ("amount", amount.to_owned(), expected)
    })?;
    let (kind, rest) = kind(rest.trim_start_matches(' '));
    let (reference, bank_reference) = rest.split_once("//").unwrap_or((rest, ""));
    Ok(Line {
        value_date,
        entry_date,
        commercial,
        mark,
        amount_minor,
        kind,
        reference: reference.trim(),
        bank_reference: bank_reference.trim(),
    })
}

/// An exponent behind an amount, `E+5`, which spreadsheets write: it would be read as the type of the entry.
fn exponent(text: &str) -> Option<&str> {
    let digits = text.strip_prefix(['E', 'e'])?;
    let signed = digits.starts_with(['+', '-']);
    let digits = digits.trim_start_matches(['+', '-']);
    let rest = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    let count = digits.len() - rest.len();
    let ends = rest.is_empty() || rest.starts_with(['N', 'F', 'S', ' ', '/']);
    (count > 0 && (signed || count <= 3 && ends)).then(|| &text[..text.len() - rest.len()])
}

/// The entry date is the one of its day and month that is nearest to the value date; 29 February of a year without one is
/// the last day of that month, not a day of another year.
fn entry_date(four: &str, value_date: Date) -> Option<(Date, bool)> {
    let (month, day) = (four[..2].parse().ok()?, four[2..].parse().ok()?);
    let (year, ..) = value_date.ymd();
    [year, year - 1, year + 1]
        .into_iter()
        .filter_map(|year| commercial_date(year, month, day))
        .min_by_key(|(date, moved)| (date.days_since(value_date).abs(), *moved))
}

fn mark(text: &str) -> Option<(Mark, &str)> {
    let (expected, rest) = match text.strip_prefix('E') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (reversal, rest) = match rest.strip_prefix('R') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (written, rest) = if let Some(rest) = rest.strip_prefix('C') {
        (Direction::Credit, rest)
    } else {
        (Direction::Debit, rest.strip_prefix('D')?)
    };
    let mark = Mark {
        written,
        reversal,
        expected,
    };
    Some((mark, rest))
}

/// `N`, `F` or `S` and three letters or digits; banks cut the type, fill it with blanks, or leave it out.
/// Left out before a reference such as `SVC 4711`, it cannot be told from one that is filled up: `SVC` is then the type.
fn kind(text: &str) -> (&str, &str) {
    let is_kind = |kind: &str| {
        kind.starts_with(['N', 'F', 'S'])
            && kind
                .trim_end_matches(' ')
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric())
    };
    match text.split_at_checked(4) {
        Some((kind, rest)) if is_kind(kind) => (kind.trim_end_matches(' '), rest),
        _ => ("", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let eur = Currency::parse(b"EUR").unwrap();
        match read(text, eur) {
            Ok(line) => format!(
                "{} {} {}{}{} {} {} {} {}",
                line.value_date,
                line.entry_date.map_or("-".to_owned(), |date| date.to_string()),
                if line.mark.expected { "E" } else { "" },
                if line.mark.reversal { "R" } else { "" },
                line.mark.written.name(),
                line.amount_minor,
                line.kind,
                line.reference,
                line.bank_reference
            ),
            Err((field, found, expected)) => format!("{field}: `{found}`, {expected}"),
        }
    }

    #[test]
    fn lines_are_read_in_every_dialect() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text}");
        check(
            "2001050105C1000,00NIOBNL56ASNB9999999999",
            "2020-01-05 2020-01-05 C 100000 NIOB NL56ASNB9999999999 ",
        );
        check("200101    D65,00NOVBNL47", "2020-01-01 - D 6500 NOVB NL47 ");
        check(
            "0904070904RCR204,88NRTINONREF",
            "2009-04-07 2009-09-04 RC 20488 NRTI NONREF ",
        );
        check("0709040904RDR800,00NMSC", "2007-09-04 2007-09-04 RD 80000 NMSC  ");
        check(
            "240312    DD212,39NMSCNONREF//",
            "2024-03-12 - D 21239 NMSC NONREF ",
        );
        check(
            "1407290729C500NTRF29-07-2014 10:05//B4G",
            "2014-07-29 2014-07-29 C 50000 NTRF 29-07-2014 10:05 B4G",
        );
        check(
            "130101D000000000025,00N102EREF            ",
            "2013-01-01 - D 2500 N102 EREF ",
        );
        check("100722D25,03NOV NONREF", "2010-07-22 - D 2503 NOV NONREF ");
        check("1710111011DF2402,00S   X", "2017-10-11 2017-10-11 D 240200 S X ");
        check("100722D25,03SVC 4711//77", "2010-07-22 - D 2503 SVC 4711 77");
        check("100722D25,03NO 12 34", "2010-07-22 - D 2503  NO 12 34 ");
        check("180417CF2066637,00N527", "2018-04-17 - C 206663700 N527  ");
        check("131017D6800,NCHK16703074", "2013-10-17 - D 680000 NCHK 16703074 ");
        check("150101ED12,5FMSC", "2015-01-01 - ED 1250 FMSC  ");
        check("150101EC ,05SABC", "2015-01-01 - EC 5 SABC  ");
        check("150101D-104,12NMSC", "2015-01-01 - D 10412 NMSC  ");
        check("150101CR 1,00NMS", "2015-01-01 - C 100  NMS ");
        // Days of 30-day months, and entry dates of another year.
        check(
            "1602300301DR6,00N024NONREF",
            "2016-02-29 2016-03-01 D 600 N024 NONREF ",
        );
        check("1501010229C1,00NMSC", "2015-01-01 2015-02-28 C 100 NMSC  ");
        check("2302280229C5,00NMSC", "2023-02-28 2023-02-28 C 500 NMSC  ");
        check("2403010229C5,00NMSC", "2024-03-01 2024-02-29 C 500 NMSC  ");
        check("2312310101C5,00NMSC", "2023-12-31 2024-01-01 C 500 NMSC  ");
        check("1512311231C1,NMSC", "2015-12-31 2015-12-31 C 100 NMSC  ");
        check("1512310104C1,NMSC", "2015-12-31 2016-01-04 C 100 NMSC  ");
        check("1601041231C1,NMSC", "2016-01-04 2015-12-31 C 100 NMSC  ");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let check = |text: &str, expected: &str| {
            let said = shown(text);
            assert!(said.starts_with(expected), "{text}: {said}");
        };
        check("", "value_date: ``");
        check("15013", "value_date: `15013`");
        check("150132D1,00", "value_date: `150132`");
        check("1501011301D1,00", "booking_time: `1301`");
        check("150101X1,00", "direction: `X1,0`");
        check("150101D", "amount: ``");
        check("150101D1.000,00NMSC", "amount: `1.000,00`");
        check("150101D1,005NMSC", "amount: `1,005`, at most 2 decimals (EUR)");
        check("150101D1E+5NMSC", "amount: `1E+5`");
        check("150101D1,5E5NMSC", "amount: `1,5E5`");
        check("15010é", "value_date");
        check("150101é", "direction");
    }
}
