//! Figures as senders write them, read to see what they are: only a profile reads amounts that are booked.

use super::words::{SIGN_WORDS, SYMBOLS};
use crate::ingest::formats::values::Number;

/// A figure with or without thousands signs; an empty one is nothing.
pub(super) fn figure_of(cell: &str) -> Option<i128> {
    let bare = cell.trim();
    if bare.is_empty() || is_blank(bare) {
        return Some(0);
    }
    let bare = SYMBOLS
        .iter()
        .fold(bare.to_owned(), |bare, symbol| bare.replace(symbol, ""));
    let inside = bare.strip_prefix('(').and_then(|bare| bare.strip_suffix(')'));
    let behind = bare.strip_suffix('-');
    let by_word = word_behind(&bare).and_then(|(figure, word)| Some((sign_word(word)?, figure)));
    let (minus, bare) = match (inside.or(behind), by_word) {
        (Some(bare), _) => (true, bare),
        (None, Some((minus, figure))) => (minus, figure),
        (None, None) => (false, bare.as_str()),
    };
    let (thousands, decimal) = if has_decimal_comma(bare) {
        (b'.', b',')
    } else {
        (b',', b'.')
    };
    let number = Number {
        thousands: Some(thousands),
        decimal,
        plus: true,
        ..Number::default()
    };
    let scaled = number.scaled(bare).ok()?;
    Some(if minus { -scaled } else { scaled })
}

/// True of a text that stands for no figure.
pub(super) fn is_blank(cell: &str) -> bool {
    cell.chars().all(|c| c == '-') || matches!(cell, "N/A" | "n/a" | "--" | "—" | "NIL" | "nil")
}

/// The word behind a figure, as in `1,234.50 CR`, and the figure before it.
pub(super) fn word_behind(cell: &str) -> Option<(&str, &str)> {
    let figure = cell.trim_end_matches(char::is_alphabetic);
    let word = &cell[figure.len()..];
    let figure = figure.trim_end();
    (!word.is_empty() && figure.ends_with(|c: char| c.is_ascii_digit())).then_some((figure, word))
}

/// Whether a word behind a figure makes it a minus; `None` of a word that nobody here knows.
pub(super) fn sign_word(word: &str) -> Option<bool> {
    let (pluses, minuses) = SIGN_WORDS;
    let is_minus = minuses.contains(&word);
    (is_minus || pluses.contains(&word)).then_some(is_minus)
}

/// True of a figure whose last separator is a comma before one or two digits.
pub(super) fn has_decimal_comma(cell: &str) -> bool {
    let figure = word_behind(cell).map_or(cell, |(figure, _)| figure);
    let figure = figure.trim_end_matches(['-', ')', ' ']);
    let comma = figure
        .rfind(',')
        .filter(|at| figure.rfind('.').is_none_or(|point| point < *at));
    comma.is_some_and(|at| (1..=2).contains(&(figure.len() - at - 1)))
}

/// True of a figure whose commas can be nothing but thousands signs: several, or with a point behind them.
pub(super) fn is_grouped(cell: &str) -> bool {
    match cell.split_once(',') {
        Some((_, rest)) => rest.contains([',', '.']),
        None => false,
    }
}

pub(super) fn is_figure(cell: &str) -> bool {
    cell.bytes().any(|byte| byte.is_ascii_digit())
        && cell
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b",.-+:/ ".contains(&byte))
}
