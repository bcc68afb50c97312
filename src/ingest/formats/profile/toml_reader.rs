//! A profile's TOML with the place of every key: what is asked for by name is known, all other keys are errors that
//! name the nearest known one. Everything wrong is collected; nothing stops at the first fault.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::book::parse::{line_and_column, nearest};
use crate::findings::Finding;

/// What is wrong with a profile, by byte offset in its text.
#[derive(Default)]
pub struct Faults(Vec<(usize, String, String)>);

const HELP: &str = "mend the profile; docs/profiles.md says what each key means";

impl Faults {
    /// Notes a fault.
    pub fn add(&mut self, at: usize, message: impl Into<String>) {
        self.0.push((at, message.into(), HELP.to_owned()));
    }

    /// True when nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a result; an error is noted.
    pub fn take<T>(&mut self, at: usize, what: &str, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(message) => {
                self.add(at, format!("{what}: {message}"));
                None
            }
        }
    }

    /// As findings about `file`, the earliest first.
    pub fn findings(mut self, text: &str, file: &str) -> Vec<Finding> {
        self.0.sort();
        let finding = |(at, message, help): (usize, String, String)| {
            let (line, column) = line_and_column(text, at);
            Finding::about(file, message, help).at(line, column)
        };
        self.0.into_iter().map(finding).collect()
    }
}

/// ` (did you mean …?)` or nothing.
fn did_you_mean(word: &str, known: &[&str]) -> String {
    nearest(word, known.iter().copied())
        .map(|near| format!(", did you mean `{near}`?"))
        .unwrap_or_default()
}

/// A word that is none of the known ones, in words.
pub fn unknown_word(found: &str, known: &[&str]) -> String {
    format!(
        "found `{found}`, expected one of {}{}",
        known.join(", "),
        did_you_mean(found, known)
    )
}

/// A table of the text, and which of its keys were asked for.
pub struct Node<'d> {
    /// Path for messages: `fields.amount`; empty for the whole file.
    pub path: String,
    /// Byte offset.
    pub at: usize,
    table: &'d DeTable<'d>,
    asked: Vec<&'static str>,
}

impl<'d> Node<'d> {
    /// The whole file.
    pub fn root(table: &'d DeTable<'d>) -> Node<'d> {
        Node {
            path: String::new(),
            at: 0,
            table,
            asked: Vec::new(),
        }
    }

    /// Path of a key for messages.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn get(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.push(key);
        self.table.get(key)
    }

    /// True when the key is given, be its value right or wrong.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Byte offset of a key's value; of the table where the key is absent.
    pub fn place(&self, key: &str) -> usize {
        self.table.get(key).map_or(self.at, |value| value.span().start)
    }

    fn wrong_type(&self, faults: &mut Faults, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = match value.get_ref().type_str() {
            found @ ("array" | "integer") => format!("an {found}"),
            found => format!("a {found}"),
        };
        faults.add(
            value.span().start,
            format!("{}: found {found}, expected {expected}", self.name(key)),
        );
    }

    /// A text.
    pub fn text(&mut self, faults: &mut Faults, key: &'static str) -> Option<String> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(text.as_ref().to_owned()),
            _ => {
                self.wrong_type(faults, key, value, "a text in quotes");
                None
            }
        }
    }

    /// A text that must be given.
    pub fn needed(&mut self, faults: &mut Faults, key: &'static str) -> String {
        if !self.table.contains_key(key) {
            let place = if self.path.is_empty() {
                "the profile"
            } else {
                &self.path
            };
            faults.add(self.at, format!("{place} has no `{key}`"));
        }
        self.text(faults, key).unwrap_or_default()
    }

    /// Texts: one, or a list.
    pub fn texts(&mut self, faults: &mut Faults, key: &'static str) -> Vec<String> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::String(text) => vec![text.as_ref().to_owned()],
            DeValue::Array(items) => {
                let mut texts = Vec::new();
                for item in items.iter() {
                    match item.get_ref() {
                        DeValue::String(text) => texts.push(text.as_ref().to_owned()),
                        _ => self.wrong_type(faults, key, item, "a text in quotes"),
                    }
                }
                texts
            }
            _ => {
                self.wrong_type(faults, key, value, "a text or a list of texts");
                Vec::new()
            }
        }
    }

    /// True or false; false where absent.
    pub fn flag(&mut self, faults: &mut Faults, key: &'static str) -> bool {
        let Some(value) = self.get(key) else { return false };
        match value.get_ref() {
            DeValue::Boolean(flag) => *flag,
            _ => {
                self.wrong_type(faults, key, value, "true or false");
                false
            }
        }
    }

    /// A small whole number; 0 where absent.
    pub fn number(&mut self, faults: &mut Faults, key: &'static str) -> u32 {
        let Some(value) = self.get(key) else { return 0 };
        let number = match value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong_type(faults, key, value, "a whole number");
        }
        number.unwrap_or(0)
    }

    /// One of some words, or the default where absent.
    pub fn word<T: Copy>(
        &mut self,
        faults: &mut Faults,
        key: &'static str,
        words: &[(&str, T)],
        default: T,
    ) -> T {
        let at = self.place(key);
        let Some(text) = self.text(faults, key) else {
            return default;
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        faults.add(at, format!("{}: {}", self.name(key), unknown_word(&text, &known)));
        default
    }

    /// One character, or nothing.
    pub fn character(&mut self, faults: &mut Faults, key: &'static str) -> Option<char> {
        let at = self.place(key);
        let text = self.text(faults, key)?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Some(c),
            _ => {
                let name = self.name(key);
                faults.add(at, format!("{name}: found `{text}`, expected one character"));
                None
            }
        }
    }

    fn inner(&self, key: &str, value: &'d Spanned<DeValue<'d>>) -> Option<Node<'d>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(Node {
                path: self.name(key),
                at: value.span().start,
                table,
                asked: Vec::new(),
            }),
            _ => None,
        }
    }

    /// A table.
    pub fn table(&mut self, faults: &mut Faults, key: &'static str) -> Option<Node<'d>> {
        let value = self.get(key)?;
        let inner = self.inner(key, value);
        if inner.is_none() {
            self.wrong_type(faults, key, value, "a table");
        }
        inner
    }

    /// Tables: one, or a list of them.
    pub fn tables(&mut self, faults: &mut Faults, key: &'static str) -> Vec<Node<'d>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        self.tables_of(faults, key, value)
    }

    fn tables_of(&self, faults: &mut Faults, key: &str, value: &'d Spanned<DeValue<'d>>) -> Vec<Node<'d>> {
        let mut nodes = Vec::new();
        match value.get_ref() {
            DeValue::Table(_) => nodes.extend(self.inner(key, value)),
            DeValue::Array(items) => {
                for item in items.iter() {
                    match self.inner(key, item) {
                        Some(node) => nodes.push(node),
                        None => self.wrong_type(faults, key, item, "a table"),
                    }
                }
            }
            _ => self.wrong_type(faults, key, value, "a table"),
        }
        nodes
    }

    /// All keys of a table whose names the profile chooses, with their tables.
    pub fn named_tables(
        &mut self,
        faults: &mut Faults,
        key: &'static str,
    ) -> Vec<(String, usize, Vec<Node<'d>>)> {
        let Some(node) = self.table(faults, key) else {
            return Vec::new();
        };
        let all = node.table.iter().map(|(name, value)| {
            let text = name.get_ref().as_ref();
            let tables = node.tables_of(faults, text, value);
            (text.to_owned(), name.span().start, tables)
        });
        all.collect()
    }

    /// A table of texts.
    pub fn map(&mut self, faults: &mut Faults, key: &'static str) -> BTreeMap<String, String> {
        let Some(node) = self.table(faults, key) else {
            return BTreeMap::new();
        };
        let mut map = BTreeMap::new();
        for (name, value) in node.table {
            match value.get_ref() {
                DeValue::String(text) => {
                    map.insert(name.get_ref().as_ref().to_owned(), text.as_ref().to_owned());
                }
                _ => node.wrong_type(faults, name.get_ref(), value, "a text in quotes"),
            }
        }
        map
    }

    /// A list of `[title, width]`.
    pub fn widths(&mut self, faults: &mut Faults, key: &'static str) -> Vec<(String, usize)> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let mut widths = Vec::new();
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(faults, key, value, "a list of [\"title\", bytes]");
            return widths;
        };
        for item in items.iter() {
            let pair = match item.get_ref() {
                DeValue::Array(pair) if pair.len() == 2 => match (pair[0].get_ref(), pair[1].get_ref()) {
                    (DeValue::String(title), DeValue::Integer(width)) => {
                        usize::from_str_radix(width.as_str(), width.radix())
                            .ok()
                            .filter(|width| (1..=1 << 16).contains(width))
                            .map(|width| (title.as_ref().to_owned(), width))
                    }
                    _ => None,
                },
                _ => None,
            };
            match pair {
                Some(pair) => widths.push(pair),
                None => self.wrong_type(faults, key, item, "[\"title\", bytes]"),
            }
        }
        widths
    }

    /// Ends the reading: keys that nobody asked for are errors.
    pub fn done(self, faults: &mut Faults) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if !self.asked.contains(&name) {
                let place = if self.path.is_empty() {
                    String::new()
                } else {
                    format!(" in {}", self.path)
                };
                faults.add(
                    key.span().start,
                    format!("unknown key `{name}`{place}{}", did_you_mean(name, &self.asked)),
                );
            }
        }
    }
}
