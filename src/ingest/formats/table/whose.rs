//! Whether the account that a file names is one of the book's: banks write a number with blanks and dashes, with or
//! without the country and check digits of an IBAN, with leading zeros, or with a mask over its middle.
//!
//! A number that contradicts what the book has of the source's account is of another account, and money of one account must
//! never be booked to another. What is no number, or shows too little of one, contradicts nothing.

use crate::book::settings::{Account, Settings};
use crate::ingest::formats::values::masked;

use super::spreadsheet::holds_shortened;

/// Digits that a number must show to name an account: fewer fit too many.
const SHOWS_MIN: usize = 4;
/// Digits that make a number beside other words an account's: fewer are a branch, a day, a kind.
const ACCOUNT_DIGITS_MIN: usize = 9;
/// Letters x that are a mask, side by side. Fewer may stand in an IBAN.
const MASK_OF_X: usize = 3;
/// Letters and check digits before the bank's own part of an IBAN.
const IBAN_HEAD: usize = 4;

/// What a file names, beside the account that the source says.
#[derive(Debug, PartialEq, Eq)]
pub enum Whose {
    /// The source's account, or nothing that could be compared.
    Own,
    /// The source's, as far as can be told, in words.
    Taken(String),
    /// Another account: why, and what to do.
    Other(String, String),
}

/// Whose account is `named`, in a file of the account number `account` in the settings.
pub fn whose(named: &str, account: usize, settings: &Settings) -> Whose {
    let Some(own) = settings.accounts.get(account) else {
        return Whose::Own;
    };
    let other_of_book = |other: &Account| {
        Whose::Other(
            format!(
                "the file is of account {}, which is {} of the book, but the source says {}",
                masked(settings, named),
                other.id,
                own.id
            ),
            "put the file where the source of its account takes it, or correct `account` of the source in book.toml"
                .to_owned(),
        )
    };
    let exactly = settings.account_index(named);
    if exactly == Some(account) || own.numbers().any(|number| number == named) {
        return Whose::Own;
    }
    if let Some(other) = exactly.and_then(|at| settings.accounts.get(at)) {
        return other_of_book(other);
    }
    if holds_shortened(named.as_bytes()) {
        return Whose::Other(
            format!(
                "the file names its account as {}, a number that a spreadsheet has shortened when the file was saved from it: it may be of {} or of any other account",
                masked(settings, named),
                own.id
            ),
            "fetch the file again and deliver it without opening it in a spreadsheet".to_owned(),
        );
    }
    let taken = || {
        Whose::Taken(format!(
            "the file is of account {}, which book.toml does not have: its rows are taken for those of {}, as the source says",
            masked(settings, named),
            own.id
        ))
    };
    let named_bare = folded(named);
    let (shown, is_alone) = match Shown::of(&named_bare) {
        Some(shown) => (vec![shown], true),
        None => (Shown::within(&named_bare), false),
    };
    if shown.is_empty() {
        let digits = named_bare.bytes().filter(u8::is_ascii_digit).count();
        let is_masked = named_bare.chars().any(is_mask);
        return if digits >= SHOWS_MIN || (digits > 0 && !is_masked && is_word(&named_bare)) {
            taken()
        } else {
            Whose::Own
        };
    }
    if shown.iter().any(|shown| shown.fits(own) == Fit::Same) {
        return Whose::Own;
    }
    let mut others = settings.accounts.iter().enumerate();
    let is_other = |other: &Account| shown.iter().any(|shown| shown.fits(other) == Fit::Same);
    if let Some((_, other)) = others.find(|(at, other)| *at != account && is_other(other)) {
        return other_of_book(other);
    }
    // Beside other words the number comes first, and a short one may be anything.
    let first = &shown[0];
    match first.fits(own) {
        Fit::No if !is_alone && first.digits() < ACCOUNT_DIGITS_MIN => taken(),
        Fit::Same => Whose::Own,
        Fit::Part | Fit::Unknown => taken(),
        Fit::No => Whose::Other(
            format!(
                "the file is of account {}, which book.toml does not have: it is not {}, the account that the source says ({})",
                masked(settings, named),
                own.id,
                own.numbers()
                    .map(|number| masked(settings, number))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            format!(
                "take the file out of the source, or add its account as an [[account]] with a source of its own; if the file only names {} \
                 otherwise than the book, add that name to the account: other_numbers = [\"…\"]",
                own.id
            ),
        ),
    }
}

/// How a number of a file and one of the book go together, the best last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fit {
    /// The book has no number to compare.
    Unknown,
    /// They contradict.
    No,
    /// One is a part of the other.
    Part,
    /// They are one, or what a mask leaves of it.
    Same,
}

/// What a text shows of an account's number: the parts between its masks, without what only makes it easier to read.
struct Shown {
    parts: Vec<String>,
}

impl Shown {
    /// `None` of a text that is no number or shows too little of one.
    fn of(text: &str) -> Option<Shown> {
        let bare: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && !is_separator(*c))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let mut parts = vec![String::new()];
        let mut rest = bare.as_str();
        while let Some(c) = rest.chars().next() {
            let run = rest.len() - rest.trim_start_matches(c).len();
            let length = if is_mask(c) || (c == 'X' && run >= MASK_OF_X) {
                parts.push(String::new());
                run
            } else if c.is_ascii_alphanumeric() {
                parts.last_mut()?.push(c);
                c.len_utf8()
            } else {
                return None;
            };
            rest = &rest[length..];
        }
        let shown = Shown { parts };
        (shown.digits() >= SHOWS_MIN).then_some(shown)
    }

    /// The numbers in a text that says other things as well: `6222000000000001（基本户）`, `6222****0001,户名：…`.
    fn within(text: &str) -> Vec<Shown> {
        let is_of_number = |c: char| c.is_ascii_alphanumeric() || c == ' ' || is_separator(c) || is_mask(c);
        text.split(|c| !is_of_number(c)).filter_map(Shown::of).collect()
    }

    /// Digits that it shows.
    fn digits(&self) -> usize {
        let all = self.parts.iter().flat_map(|part| part.bytes());
        all.filter(u8::is_ascii_digit).count()
    }

    fn fits(&self, account: &Account) -> Fit {
        let numbers = account.numbers().filter_map(Shown::of);
        let by_number = numbers.map(|known| self.goes_with(&known)).max();
        // An id may be a number; one that is none contradicts nothing.
        let by_id = Shown::of(&account.id).map(|id| self.goes_with(&id));
        let by_id = by_id.filter(|fit| *fit > Fit::No);
        by_number.max(by_id).unwrap_or(Fit::Unknown)
    }

    fn goes_with(&self, known: &Shown) -> Fit {
        match (self.parts.as_slice(), known.parts.as_slice()) {
            ([named], [known]) => whole(named, known),
            (parts, [known]) | ([known], parts) if masked_fits(parts, known) => Fit::Same,
            (parts, known) if parts == known => Fit::Same,
            _ => Fit::No,
        }
    }
}

/// Two whole numbers.
fn whole(named: &str, known: &str) -> Fit {
    if without_zeros(named) == without_zeros(known) {
        return Fit::Same;
    }
    let (named, known) = (of_bank(named), of_bank(known));
    let (short, long) = if named.len() < known.len() {
        (named, known)
    } else {
        (known, named)
    };
    let is_part =
        |part: &str| part.bytes().filter(u8::is_ascii_digit).count() >= SHOWS_MIN && long.contains(part);
    // Zeros before a number may be padding, and may be its own: the last four digits of …0001 are 0001.
    if is_part(short) || is_part(without_zeros(short)) {
        Fit::Part
    } else {
        Fit::No
    }
}

/// True when what a mask leaves can be of a whole number: its beginning, its end, and what shows between, in this order.
fn masked_fits(parts: &[String], known: &str) -> bool {
    let [head, between @ .., tail] = parts else {
        return false;
    };
    // Of an IBAN and a number that is none only what follows the bank's code can be compared, and where it begins is not
    // known.
    let is_one_iban = is_iban(head) != is_iban(known);
    let (head, known) = match (is_one_iban, is_iban(head)) {
        (true, true) => ("", known),
        (true, false) => (head.as_str(), of_bank(known)),
        _ => (head.as_str(), known),
    };
    let Some(mut rest) = known.strip_suffix(tail.as_str()) else {
        return false;
    };
    if !is_one_iban {
        let begun = rest.strip_prefix(head);
        // Zeros alone are no beginning that could be written otherwise.
        let bare = Some(without_zeros(head)).filter(|bare| !bare.is_empty() || head.is_empty());
        let padded = || without_zeros(rest).strip_prefix(bare?);
        let Some(behind) = begun.or_else(padded) else {
            return false;
        };
        rest = behind;
    } else if let Some(at) = rest.find(without_zeros(head)) {
        rest = &rest[at + without_zeros(head).len()..];
    } else {
        return false;
    }
    between.iter().all(|part| {
        let found = rest.find(part.as_str());
        rest = found.map_or("", |at| &rest[at + part.len()..]);
        found.is_some()
    })
}

/// Digits and stars of full width as those of ASCII, and dots as the mask that they are.
fn folded(text: &str) -> String {
    let folded: String = text
        .chars()
        .map(|c| match c {
            '０'..='９' | 'Ａ'..='Ｚ' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            c => c,
        })
        .collect();
    folded.replace("...", "…").replace("..", "…")
}

/// What only makes a number easier to read, or keeps a spreadsheet from changing it.
fn is_separator(c: char) -> bool {
    matches!(c, '-' | '/' | '.' | '\'' | '’' | '"' | '=')
}

fn is_mask(c: char) -> bool {
    matches!(c, '*' | '＊' | '•' | '●' | '…' | '#')
}

/// True of a text without signs that numbers do not have.
fn is_word(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-'))
}

fn is_iban(number: &str) -> bool {
    matches!(number.as_bytes(), [a, b, c, d, ..] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit())
}

/// The bank's part of an IBAN, and any other number whole.
fn of_bank(number: &str) -> &str {
    if is_iban(number) {
        &number[IBAN_HEAD..]
    } else {
        number
    }
}

fn without_zeros(number: &str) -> &str {
    number.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::testing::settings;

    fn told(named: &str, numbers: &[(&str, &str)]) -> Whose {
        whose(named, 0, &settings(numbers))
    }

    #[test]
    fn a_number_that_contradicts_the_sources_account_is_of_another() {
        let book = [("6222000000000001", "CNY"), ("6222000000000002", "CNY")];
        for named in [
            "6222****0009",
            "6222000000000009",
            "62220000 0000 0009",
            "XXXX0009",
            "6221 **** **** 0001",
            "DE02120300000000202051",
        ] {
            let Whose::Other(words, help) = told(named, &book) else {
                panic!("{named} is taken");
            };
            assert!(
                words.contains(
                    "which book.toml does not have: it is not A0, the account that the source says (…0001)"
                ),
                "{words}"
            );
            assert!(help.contains("other_numbers"), "{help}");
        }
        for named in ["6222****0002", "6222 0000 0000 0002"] {
            let Whose::Other(words, _) = told(named, &book) else {
                panic!("{named} is taken");
            };
            assert!(words.contains("which is A1 of the book"), "{words}");
        }
    }

    #[test]
    fn a_number_is_known_however_it_is_written() {
        let book = [
            ("6222000000000001", "CNY"),
            ("DE89 3704 0044 0532 0130 00", "CNY"),
        ];
        for named in [
            "6222****0001",
            "6222 0000 0000 0001",
            "6222-0000-0000-0001",
            "006222000000000001",
            "****0001",
            "6222 **** **** 0001",
            "xxxx0001",
            "62***",
            "",
            "店",
        ] {
            assert_eq!(told(named, &book), Whose::Own, "{named}");
        }
        let iban = [("DE89 3704 0044 0532 0130 00", "CNY")];
        for (named, fit) in [
            ("DE89370400440532013000", true),
            ("DE89**************3000", true),
            ("0532****3000", true),
            ("0532013000", false),
            ("37040044/0532013000", false),
        ] {
            let told = told(named, &iban);
            assert_eq!(told == Whose::Own, fit, "{named}: {told:?}");
            assert!(!matches!(told, Whose::Other(..)), "{named}: {told:?}");
        }
        let local = [("0532013000", "CNY")];
        assert!(matches!(told("DE89370400440532013000", &local), Whose::Taken(_)));
        assert_eq!(told("DE89****3000", &local), Whose::Own);
        assert!(matches!(told("DE89370400440532013001", &local), Whose::Other(..)));
    }

    #[test]
    fn a_number_is_seen_beside_other_words() {
        let book = [("6222000000000001", "CNY"), ("6222000000000002", "CNY")];
        for (own, other) in [
            ("6222000000000001,户名：某公司", "6222000000000002,户名：某公司"),
            ("6222000000000001 币种：人民币", "6222000000000002 币种：人民币"),
            ("6222000000000001(基本户)", "6222000000000002（基本户）"),
            ("6222.0000.0000.0001", "6222.0000.0000.0002"),
            ("'6222000000000001", "'6222000000000002"),
            ("6222...0001", "6222...0002"),
            ("某公司 6222****0001", "某公司 6222****0002"),
        ] {
            assert_eq!(told(own, &book), Whose::Own, "{own}");
            let Whose::Other(words, _) = told(other, &book) else {
                panic!("{other} is taken");
            };
            assert!(words.contains("which is A1 of the book"), "{words}");
        }
        assert!(matches!(
            told("6222000000000009,户名：某公司", &book),
            Whose::Other(..)
        ));
        let wide = |number: &str| -> String {
            let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0).unwrap();
            number.chars().map(wide).collect()
        };
        assert_eq!(told(&wide("6222000000000001"), &book), Whose::Own);
        assert!(matches!(told(&wide("6222000000000002"), &book), Whose::Other(..)));
        // A day or a branch is no account.
        assert!(matches!(told("某公司，20260331", &book), Whose::Taken(_)));
        // The end of a number, with its zeros.
        for tail in ["0001", "尾号：0001"] {
            assert!(matches!(told(tail, &book), Whose::Taken(_)), "{tail}");
        }
        assert!(matches!(told("0009", &book), Whose::Other(..)));
        assert!(matches!(told("0000****0001", &book), Whose::Other(..)));
    }

    #[test]
    fn another_name_of_an_account_is_its_own_once_the_book_has_it() {
        let mut settings = settings(&[("6222000000000001", "CNY"), ("6222000000000002", "CNY")]);
        settings.accounts[0].other_numbers =
            vec!["6217****0009".to_owned(), "DE02120300000000202051".to_owned()];
        for named in ["6217****0009", "6217000000000009", "DE02 1203 0000 0000 2020 51"] {
            assert_eq!(whose(named, 0, &settings), Whose::Own, "{named}");
            assert!(matches!(whose(named, 1, &settings), Whose::Other(..)), "{named}");
        }
    }
}
