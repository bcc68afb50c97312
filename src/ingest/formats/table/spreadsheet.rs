//! What a spreadsheet leaves of a long number when a file is opened and saved in one: `1.12012E+11`, which may be any of millions
//! of numbers. As an id or an account it would be taken for that of others.

/// What is said of such a text.
pub const SHORTENED: &str = "the number as the sender wrote it: a spreadsheet has shortened this one when the file was saved from it, and what it was cannot be told; \
     fetch the file again and deliver it without opening it in a spreadsheet";

/// What is said of a cell that has a spreadsheet's form, behind what was expected of it.
const CHANGED: &str = "; it looks as if a spreadsheet has changed it when the file was saved from it: fetch the file again and deliver it without opening it in a spreadsheet";

/// What both have in common.
const TOLD: &str = "when the file was saved from it";

/// Digits behind `E+`, at most.
const EXPONENT_DIGITS_MAX: usize = 3;

/// True of a text that is such a number. Nearly free for all others: only what ends like one is looked at.
#[inline(always)]
pub fn is_shortened(text: &[u8]) -> bool {
    matches!(text, [.., b'+', _, _] | [.., b'+', _, _, _]) && holds_shortened(text)
}

/// True of a text that holds such a number among others.
#[inline(never)]
pub fn holds_shortened(text: &[u8]) -> bool {
    memchr::memchr_iter(b'+', text).any(|plus| {
        let (before, behind) = (&text[..plus], &text[plus + 1..]);
        let [number @ .., b'E' | b'e'] = before else {
            return false;
        };
        let of_number = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
        let length = number.iter().rev().take_while(of_number).count();
        let (other, number) = number.split_at(number.len() - length);
        let exponent = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let ends = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        // A spreadsheet writes one digit before the point, and none but the first where the others are zeros.
        matches!(number, [b'0'..=b'9'] | [b'0'..=b'9', b'.', b'0'..=b'9', ..])
            && (2..=EXPONENT_DIGITS_MAX).contains(&exponent)
            && ends(other.last())
            && ends(behind.get(exponent))
    })
}

/// Words for a cell that could not be read, where it has the form in which spreadsheets show numbers, days and times; else none.
#[cold]
pub fn changed(found: &str) -> &'static str {
    let shape: String = found
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    // Without its repeated digits: `9/9/9 9:9`.
    let mut short = String::new();
    for c in shape.chars() {
        if !(c == '9' && short.ends_with('9')) {
            short.push(c);
        }
    }
    let is_too_narrow = found.len() > 1 && found.bytes().all(|byte| byte == b'#');
    let day_with_slashes = matches!(short.as_str(), "9/9/9" | "9/9/9 9:9" | "9/9/9 9:9:9");
    let minutes = short == "9:9.9";
    // A day and what is left of a clock without its zeros.
    let cut_clock = short == "9 9"
        && matches!(shape.split_once(' '), Some((day, clock)) if day.len() == 8 && clock.len() < 6);
    if is_too_narrow || day_with_slashes || minutes || cut_clock || holds_shortened(found.as_bytes()) {
        CHANGED
    } else {
        ""
    }
}

/// True of a day such as `11/20/26`, as spreadsheets save one: one or two digits twice and a year, with strokes.
pub fn is_day_with_strokes(text: &str) -> bool {
    let day = text.split([' ', 'T']).next().unwrap_or_default();
    let parts: Vec<&str> = day.split('/').collect();
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match parts.as_slice() {
        [first, second, year] => {
            matches!(first.len(), 1 | 2)
                && matches!(second.len(), 1 | 2)
                && matches!(year.len(), 2 | 4)
                && parts.iter().all(|part| digits(part))
        }
        _ => false,
    }
}

/// True of words that say so.
pub fn is_told(words: &str) -> bool {
    words.contains(TOLD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_a_spreadsheet_has_shortened_is_known() {
        for text in [
            "1.12012E+11",
            "2.02611E+17",
            "2E+17",
            "5.46324e+13",
            "1.2302025304E+022",
        ] {
            assert!(is_shortened(text.as_bytes()), "{text}");
            assert!(holds_shortened(format!("账号：{text} 户名").as_bytes()), "{text}");
            assert!(holds_shortened(format!("{text}/即时到账").as_bytes()), "{text}");
        }
        for text in [
            "",
            "+",
            "+11",
            "E+11",
            "A1E+17",
            "12.5E+17",
            "1.E+17",
            "1.5E+7",
            "1.5E+1234",
            "1.5E+1A",
            "1.5E-17",
            "DE+12",
            "20261120",
            "1.12012E11",
            "X1.5E+17",
            "PO1-2E+1",
        ] {
            assert!(!is_shortened(text.as_bytes()), "{text}");
            assert!(!holds_shortened(text.as_bytes()), "{text}");
        }
        assert!(!is_shortened(b"2.02611E+17/2"));
    }

    #[test]
    fn what_a_spreadsheet_has_changed_is_told() {
        for text in [
            "1.5E+17",
            "2026/11/20 10:00",
            "11/20/2026",
            "########",
            "00:05.0",
            "20261120 5",
        ] {
            assert!(is_told(changed(text)), "{text}");
        }
        for text in [
            "",
            "x",
            "#",
            "2026-11-20 10:00",
            "20261120 250000",
            "20261120",
            "1,000.00",
            "10:00",
        ] {
            assert_eq!(changed(text), "", "{text}");
        }
        assert!(is_told(SHORTENED));
    }
}
