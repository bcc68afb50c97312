//! How a profile says that numbers are written.

use crate::ingest::formats::profile::toml_reader::{Faults, Node};
use crate::ingest::formats::values::{Number, Unit};

/// How numbers are written: the keys of `[number]`, or of one field.
pub(super) fn number(node: &mut Node<'_>, faults: &mut Faults, default: &Number) -> Number {
    let mut number = default.clone();
    let units = [
        ("major", Unit::Major),
        ("minor", Unit::Minor),
        ("hundredths", Unit::Hundredths),
    ];
    number.unit = node.word(faults, "unit", &units, number.unit);
    let at = node.place("decimal");
    match node.character(faults, "decimal") {
        Some(sign) if sign.is_ascii() && is_separator(sign) => number.decimal = sign as u8,
        Some(sign) => {
            let name = node.name("decimal");
            faults.add(
                at,
                format!("{name}: found `{sign}`, expected a sign such as . or ,"),
            );
        }
        None => {}
    }
    thousands(node, faults, &mut number, default);
    number.padded |= node.flag(faults, "padded");
    number.plus |= node.flag(faults, "plus");
    number.bare_point |= node.flag(faults, "bare_point");
    number.sign_behind |= node.flag(faults, "sign_behind");
    number.parentheses |= node.flag(faults, "parentheses");
    number.marks.extend(sign_texts(node, faults, "sign_marks"));
    number.words.extend(sign_texts(node, faults, "sign_words"));
    let at = node.place("symbols");
    let symbols = node.texts(faults, "symbols");
    let is_sign = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '\u{2212}' | '(' | ')');
    if let Some(symbol) = symbols.iter().find(|symbol| symbol.contains(is_sign)) {
        faults.add(
            at,
            format!(
                "{}: found `{symbol}`, expected signs that mean nothing, such as a currency's: no digit, plus, minus or parenthesis",
                node.name("symbols")
            ),
        );
    }
    if !symbols.is_empty() {
        number.symbols = symbols;
    }
    number
}

/// True for what may stand between digits and is no part of a sign.
fn is_separator(sign: char) -> bool {
    !sign.is_alphanumeric() && !sign.is_control() && !matches!(sign, '-' | '+' | '\u{2212}' | '(' | ')')
}

/// Signs between thousands: one, or a list of those of which any amount may have one.
fn thousands(node: &mut Node<'_>, faults: &mut Faults, number: &mut Number, default: &Number) {
    let (at, name) = (node.place("thousands"), node.name("thousands"));
    let texts = node.texts(faults, "thousands");
    if !texts.is_empty() {
        (number.thousands, number.other_thousands) = (None, Vec::new());
    } else if number.decimal == default.decimal {
        // What is wrong with the default is said of the default.
        return;
    }
    for text in texts {
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(sign), None) if is_separator(sign) => {
                // The first of ASCII is the one that is read fast.
                if sign.is_ascii() && number.thousands.is_none() {
                    number.thousands = Some(sign as u8);
                } else {
                    number.other_thousands.push(text);
                }
            }
            _ => faults.add(
                at,
                format!("{name}: found `{text}`, expected one sign such as , or . or ' or a blank, or a list of such signs"),
            ),
        }
    }
    let decimal = char::from(number.decimal);
    if number.thousands == Some(number.decimal)
        || number
            .other_thousands
            .iter()
            .any(|sign| sign.starts_with(decimal))
    {
        faults.add(at, "thousands and decimal are the same sign");
    }
}

/// Texts of a key and the signs that they are; true is a minus.
fn sign_texts(node: &mut Node<'_>, faults: &mut Faults, key: &'static str) -> Vec<(String, bool)> {
    let at = node.place(key);
    let mut texts = Vec::new();
    for (text, sign) in node.map(faults, key) {
        let is_word = |c: char| !c.is_whitespace() && !c.is_numeric();
        if key == "sign_words" && (text.is_empty() || !text.chars().all(is_word)) {
            let name = node.name(key);
            faults.add(
                at,
                format!("{name}: found `{text}`, expected a word without digits and blanks such as CR"),
            );
        }
        match sign.as_str() {
            "+" => texts.push((text, false)),
            "-" => texts.push((text, true)),
            other => {
                let name = node.name(key);
                faults.add(at, format!("{name}: found `{other}`, expected + or -"));
            }
        }
    }
    texts
}
