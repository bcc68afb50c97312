//! References, remarks and batches of generated rows, as each side writes them.

use super::sink::push_id;
use crate::terms::date::Date;

/// How a side writes the reference of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reference {
    /// `R` and the row's number.
    Usual,
    /// Another one, which no row has.
    Foreign,
    /// None.
    None,
    /// With a tail that the bank cuts off.
    Long,
    /// With a prefix of the bank.
    Prefixed,
    /// With zeros in front.
    Padded,
    /// In small letters and with spaces.
    Loose,
}

/// The bank's text beside an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remark {
    /// None.
    None,
    /// Quotes the reference of a row.
    Quotes(u64),
    /// Quotes the references of two.
    QuotesTwo(u64, u64),
}

/// Characters of a reference that the bank keeps: those of the usual one.
pub const KEPT: usize = 17;

/// Writes the reference of row `index` of a day.
pub fn push_reference(text: &mut String, form: Reference, day: Date, index: u64) {
    match form {
        Reference::None => {}
        Reference::Usual => push_id(text, 'R', day, index),
        Reference::Foreign => push_id(text, 'Y', day, index),
        Reference::Long => {
            push_id(text, 'R', day, index);
            text.push_str("/SETTLEMENT");
        }
        Reference::Prefixed => {
            text.push_str("NO.");
            push_id(text, 'R', day, index);
        }
        Reference::Padded => {
            text.push_str("0000");
            push_id(text, 'R', day, index);
        }
        Reference::Loose => {
            let start = text.len();
            push_id(text, 'r', day, index);
            text.insert(start + 7, ' ');
        }
    }
}

/// Writes a remark of the rows of a day.
pub fn push_remark(text: &mut String, remark: Remark, day: Date) {
    let mut quote = |index| {
        text.push_str("ref ");
        push_id(text, 'R', day, index);
        text.push(' ');
    };
    match remark {
        Remark::None => return,
        Remark::Quotes(one) => quote(one),
        Remark::QuotesTwo(one, other) => {
            quote(one);
            quote(other);
        }
    }
    text.push_str("with thanks");
}

/// Writes a batch's name.
pub fn push_batch(text: &mut String, batch: Option<(Date, u64)>) {
    if let Some((day, index)) = batch {
        push_id(text, 'B', day, index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_remarks() {
        let day = Date::from_ymd(2026, 9, 17).unwrap();
        let written = |form| {
            let mut text = String::new();
            push_reference(&mut text, form, day, 42);
            text
        };
        let usual = written(Reference::Usual);
        assert_eq!((usual.as_str(), usual.len()), ("R2609170000000042", KEPT));
        assert_eq!(written(Reference::Prefixed), "NO.R2609170000000042");
        assert_eq!(written(Reference::Loose), "r260917 0000000042");
        assert_eq!(written(Reference::Long), "R2609170000000042/SETTLEMENT");
        assert_eq!(written(Reference::None), "");
        let mut text = String::new();
        push_remark(&mut text, Remark::QuotesTwo(1, 2), day);
        assert_eq!(text, "ref R2609170000000001 ref R2609170000000002 with thanks");
    }
}
