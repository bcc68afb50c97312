//! What a spreadsheet leaves of a long number when a file is opened and saved in one: `1.12012E+11`, which may be any of millions
//! of numbers. As an id or an account it would be taken for that of others.

/// What is said of such a text.
pub const SHORTENED: &str = "the number as the sender wrote it: a spreadsheet has shortened this one when the file was saved from it, and what it was cannot be told; \
     fetch the file again and deliver it without opening it in a spreadsheet";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_a_spreadsheet_has_shortened_is_known() {
        for text in ["1.12012E+11", "2.02611E+17", "2E+17", "5.46324e+13", "1.2302025304E+022"] {
            assert!(is_shortened(text.as_bytes()), "{text}");
            assert!(holds_shortened(format!("账号：{text} 户名").as_bytes()), "{text}");
            assert!(holds_shortened(format!("{text}/即时到账").as_bytes()), "{text}");
        }
        for text in [
            "", "+", "+11", "E+11", "A1E+17", "12.5E+17", "1.E+17", "1.5E+7", "1.5E+1234", "1.5E+1A", "1.5E-17", "DE+12",
            "20261120", "1.12012E11", "X1.5E+17", "PO1-2E+1",
        ] {
            assert!(!is_shortened(text.as_bytes()), "{text}");
            assert!(!holds_shortened(text.as_bytes()), "{text}");
        }
        assert!(!is_shortened(b"2.02611E+17/2"));
    }
}
