//! A line of the frame as patterns are compared with it: with its cells unquoted, so that a separator of thousands inside quotes
//! ends no hole, and of records of fixed places with the blanks at its end or without.

use std::cell::OnceCell;

use encoding_rs::Encoding;

use crate::ingest::formats::profile::{Frame, LinePattern};

/// Stands for a delimiter inside quotes: no text of a file holds it.
const INSIDE: char = '\0';

/// A line of the frame.
pub struct FrameLine<'t> {
    text: &'t str,
    encoding: &'static Encoding,
    delimiter: char,
    /// The quote of the frame, where one stands in the line.
    quote: Option<char>,
    /// Records have fixed places: blanks may fill them up.
    fixed: bool,
    /// The line without its quotes; nothing where they do not stand around whole cells. Made when a pattern may fit.
    plain: OnceCell<Option<String>>,
}

impl<'t> FrameLine<'t> {
    /// A line without its padding.
    pub fn new(text: &'t str, frame: &Frame, encoding: &'static Encoding) -> FrameLine<'t> {
        FrameLine {
            text,
            encoding,
            delimiter: char::from(frame.delimiter),
            quote: frame.quote.map(char::from).filter(|quote| text.contains(*quote)),
            fixed: !frame.fixed.is_empty(),
            plain: OnceCell::new(),
        }
    }

    /// Texts of the named holes of a pattern, or `None` where the line is another.
    pub fn fit<'p>(&self, pattern: &'p LinePattern) -> Option<Vec<(&'p str, String)>> {
        let quote = self.quote.filter(|quote| !pattern.mentions(*quote));
        let owned = |holes: Vec<(&'p str, &str)>| {
            let text = |(name, text): (&'p str, &str)| (name, text.to_owned());
            holes.into_iter().map(text).collect()
        };
        let Some(quote) = quote else {
            let as_it_is = pattern.fit(self.text, self.encoding);
            let filled_up = || {
                let text = self.text.trim_end_matches(' ');
                (self.fixed && text.len() < self.text.len())
                    .then(|| pattern.fit(text, self.encoding))
                    .flatten()
            };
            return as_it_is.or_else(filled_up).map(owned);
        };
        let begin = self.text.strip_prefix(quote).unwrap_or(self.text);
        if begin.bytes().next() != Some(pattern.first_byte()) {
            return None;
        }
        let Some(plain) = self
            .plain
            .get_or_init(|| unquoted(self.text, quote, self.delimiter))
        else {
            return pattern.fit(self.text, self.encoding).map(owned);
        };
        let inside = self.delimiter.to_string();
        let fits = pattern.fit(plain, self.encoding).map(|holes| {
            let text = |(name, text): (&'p str, &str)| (name, text.replace(INSIDE, &inside));
            holes.into_iter().map(text).collect()
        });
        fits.or_else(|| {
            // A whole line in quotes: its delimiters are texts of the pattern.
            let one_cell = plain.contains(INSIDE) && !plain.contains(self.delimiter);
            let whole = one_cell.then(|| plain.replace(INSIDE, &inside))?;
            pattern.fit(&whole, self.encoding).map(owned)
        })
    }
}

/// The line with the quotes taken off its cells and [`INSIDE`] for the delimiters in them; `None` where quotes stand elsewhere.
fn unquoted(text: &str, quote: char, delimiter: char) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        if let Some(mut inner) = rest.strip_prefix(quote) {
            loop {
                let (part, behind) = inner.split_once(quote)?;
                plain.extend(part.chars().map(|c| if c == delimiter { INSIDE } else { c }));
                match behind.strip_prefix(quote) {
                    Some(behind) => {
                        plain.push(quote);
                        inner = behind;
                    }
                    None => {
                        rest = behind;
                        break;
                    }
                }
            }
            if !rest.is_empty() && !rest.starts_with(delimiter) {
                return None;
            }
        } else {
            let cell = &rest[..rest.find(delimiter).unwrap_or(rest.len())];
            if cell.contains(quote) {
                return None;
            }
            plain.push_str(cell);
            rest = &rest[cell.len()..];
        }
        match rest.strip_prefix(delimiter) {
            Some(behind) => {
                plain.push(delimiter);
                rest = behind;
            }
            None => return Some(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;

    use super::*;
    use crate::ingest::formats::profile::{Profile, builtin};

    #[test]
    fn holes_end_at_delimiters_outside_quotes() {
        let frame = Profile::parse(builtin("cmb-web").unwrap(), "x").unwrap().frame;
        assert_eq!((frame.delimiter, frame.quote), (b',', Some(b'"')));
        let check = |pattern: &str, line: &str, expected: Option<&[&str]>| {
            let pattern = LinePattern::parse(pattern).unwrap();
            let found = FrameLine::new(line, &frame, UTF_8).fit(&pattern);
            let texts = found.map(|holes| holes.into_iter().map(|(_, text)| text).collect::<Vec<_>>());
            let expected = expected.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
            assert_eq!(texts, expected, "{line}");
        };
        let total = "合计,{n},{out},{in}";
        check(total, "合计,2,0.00,5.00", Some(&["2", "0.00", "5.00"]));
        check(
            total,
            "合计,\"2\",0.00,\"1,100.00\"",
            Some(&["2", "0.00", "1,100.00"]),
        );
        check(
            total,
            "\"合计\",\"2\",\"1,000.00\",\"1,100.00\"",
            Some(&["2", "1,000.00", "1,100.00"]),
        );
        // Nothing is cut at a separator of thousands, so fewer cells are another line.
        check(total, "合计,\"2\",\"1,100.00\"", None);
        // A pattern with quotes is compared with the line as it stands.
        check("合计,\"{n}\",{in}", "合计,\"2\",5.00", Some(&["2", "5.00"]));
        // The whole line may be one cell.
        check(total, "\"合计,2,0.00,5.00\"", Some(&["2", "0.00", "5.00"]));
        check("合计:{n}", "\"合计:\"\"2\"\"\"", Some(&["\"2\""]));
        // Quotes elsewhere are texts.
        check("合计:{n}", "合计:2\"", Some(&["2\""]));
    }
}
