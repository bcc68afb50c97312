//! What an account, a bank and a name may look like in a clearing file. Nothing is mended: it fits or it does not.

use crate::report::show::is_hidden;

/// True for an IBAN: its form (ISO 13616) and its check digits (mod 97), in capitals, without spaces.
pub fn is_iban(text: &str) -> bool {
    let bytes = text.as_bytes();
    let form = (15..=34).contains(&bytes.len())
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..4].iter().all(u8::is_ascii_digit)
        && bytes[4..]
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !form {
        return false;
    }
    let mut rest: u32 = 0;
    for byte in bytes[4..].iter().chain(&bytes[..4]) {
        rest = match byte {
            b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
            // A is 10, Z is 35: two digits at once.
            _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
        };
    }
    rest == 1
}

/// A bank as a clearing file names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bank<'a> {
    /// BIC (ISO 9362).
    Bic(&'a str),
    /// CNAPS code (联行号), 12 digits.
    Cnaps(&'a str),
}

/// The bank a code names, by its form.
pub fn bank(code: &str) -> Option<Bank<'_>> {
    let bytes = code.as_bytes();
    if bytes.len() == 12 && bytes.iter().all(u8::is_ascii_digit) {
        return Some(Bank::Cnaps(code));
    }
    let upper_or_digit = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let is_bic = matches!(bytes.len(), 8 | 11)
        && bytes[..4].iter().all(upper_or_digit)
        && bytes[4..6].iter().all(u8::is_ascii_uppercase)
        && bytes[6..].iter().all(upper_or_digit);
    is_bic.then_some(Bank::Bic(code))
}

/// What is wrong with a text of 1 to `most` characters that a file must carry unaltered; `None` when nothing is.
pub fn text_problem(what: &str, text: &str, most: usize) -> Option<String> {
    let length = text.chars().count();
    if length == 0 {
        return Some(format!("the {what} is missing"));
    }
    if length > most {
        return Some(format!(
            "the {what} has {length} characters, the format takes {most}"
        ));
    }
    if text.trim() != text {
        return Some(format!("the {what} begins or ends with white space"));
    }
    let hidden = text
        .chars()
        .find(|c| is_hidden(*c) || matches!(c, '\u{fffe}' | '\u{ffff}'));
    hidden.map(|c| format!("the {what} holds the hidden character U+{:04X}", u32::from(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ibans_have_their_check_digits() {
        for good in [
            "DE89370400440532013000",
            "GB82WEST12345698765432",
            "NO9386011117947",
            "FR1420041010050500013M02606",
        ] {
            assert!(is_iban(good), "{good}");
        }
        for bad in [
            "DE88370400440532013000",
            "de89370400440532013000",
            "DE89 3704",
            "6222000000000001",
            "",
            "DE8937040044053201300",
        ] {
            assert!(!is_iban(bad), "{bad}");
        }
    }

    #[test]
    fn banks_are_known_by_the_form_of_their_code() {
        assert_eq!(bank("102100000021"), Some(Bank::Cnaps("102100000021")));
        assert_eq!(bank("COBADEFF"), Some(Bank::Bic("COBADEFF")));
        assert_eq!(bank("COBADEFFXXX"), Some(Bank::Bic("COBADEFFXXX")));
        for bad in ["", "COBADEF", "cobadeff", "COBA1EFF", "10210000002", "BANK1"] {
            assert_eq!(bank(bad), None, "{bad}");
        }
    }

    #[test]
    fn texts_are_refused_rather_than_altered() {
        let check = |text: &str, words: &str| {
            let problem = text_problem("name", text, 5).unwrap_or_default();
            assert!(
                problem.contains(words) && problem.is_empty() == words.is_empty(),
                "{text}: {problem}"
            );
        };
        check("张三", "");
        check("", "missing");
        check("123456", "6 characters");
        check("a\nb", "U+000A");
        check("a\u{202e}b", "U+202E");
        check("a ", "white space");
    }
}
