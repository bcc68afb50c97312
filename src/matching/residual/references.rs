//! References as people read them: case, spaces, zero padding and a bank's prefixes make no difference.

use std::borrow::Cow;

use crate::book::passes::References;

/// Makes references comparable.
#[derive(Clone, Debug)]
pub struct Normaliser {
    /// Longest first.
    prefixes: Vec<String>,
    length_max: Option<usize>,
}

impl Normaliser {
    /// Under some rules.
    pub fn new(rules: &References) -> Normaliser {
        let mut prefixes: Vec<String> = rules.prefixes.iter().map(|prefix| folded(prefix)).collect();
        prefixes.retain(|prefix| !prefix.is_empty());
        prefixes.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        Normaliser {
            prefixes,
            length_max: rules.length_max,
        }
    }

    /// A reference without its case, spaces, one prefix and leading zeros, cut to the length that banks keep. Empty
    /// where nothing is left: such a reference matches nothing (R4).
    pub fn key(&self, reference: &str) -> String {
        let whole = folded(reference);
        let mut rest = whole.as_str();
        // A reference that is nothing but a prefix names nobody.
        if let Some(prefix) = self
            .prefixes
            .iter()
            .find(|prefix| rest.starts_with(prefix.as_str()))
        {
            rest = &rest[prefix.len()..];
        }
        rest = rest.trim_start_matches('0');
        match self.length_max.and_then(|most| rest.char_indices().nth(most)) {
            Some((cut, _)) => rest[..cut].to_owned(),
            None => rest.to_owned(),
        }
    }
}

/// In capitals and without spaces.
fn folded(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_uppercase)
        .collect()
}

/// How two references are compared: by their bytes, or as people read them.
pub fn key<'a>(normaliser: Option<&Normaliser>, reference: &'a str) -> Cow<'a, str> {
    match normaliser {
        Some(normaliser) => Cow::Owned(normaliser.key(reference)),
        None => Cow::Borrowed(reference),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_as_people_read_them() {
        let normaliser = |prefixes: &[&str], length_max| {
            Normaliser::new(&References {
                prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
                length_max,
            })
        };
        let plain = normaliser(&[], None);
        for (found, expected) in [
            ("ab 12\u{3000}c", "AB12C"),
            ("000012", "12"),
            ("0A0", "A0"),
            ("0000", ""),
            ("  ", ""),
            ("", ""),
            ("straße", "STRASSE"),
        ] {
            assert_eq!(plain.key(found), expected, "{found:?}");
        }
        let prefixed = normaliser(&["ref", "REF No."], None);
        for (found, expected) in [
            ("ref no. 0012", "12"),
            ("Ref12", "12"),
            ("REF", ""),
            ("PREF1", "PREF1"),
            ("refREF1", "REF1"),
        ] {
            assert_eq!(prefixed.key(found), expected, "{found:?}");
        }
        let cut = normaliser(&[], Some(4));
        for (found, expected) in [
            ("订单号码一二", "订单号码"),
            ("abcd", "ABCD"),
            ("00abcdef", "ABCD"),
        ] {
            assert_eq!(cut.key(found), expected, "{found:?}");
        }
    }
}
