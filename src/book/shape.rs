//! The shape of `book.toml`: every key and type of the text against the schema, with the place of each.
//!
//! In: the parsed text with its spans. Out: findings about unknown keys, missing keys and wrong types, all of
//! them, and the places of all values by path (`account[0].currency`) for the checks of meaning that follow.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::book::parse::nearest;

/// A finding before it has a line and column: byte offset, message, help.
pub(crate) type Found = (usize, String, String);

/// What a walk over the text gives.
#[derive(Default)]
pub(crate) struct Shape {
    /// Findings in the order of the walk.
    pub found: Vec<Found>,
    /// Byte offset of every value by path.
    pub places: BTreeMap<String, usize>,
}

impl Shape {
    /// Walks a whole text.
    pub(crate) fn of(schema: &Value, root: &Spanned<DeTable<'_>>) -> Shape {
        let mut shape = Shape::default();
        shape.table(schema, root.get_ref(), root.span().start, "");
        shape
    }

    fn table(&mut self, schema: &Value, table: &DeTable<'_>, at: usize, path: &str) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let inner = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            };
            self.places.insert(inner.clone(), value.span().start);
            let known = properties.and_then(|known| known.get(name));
            match known.or(others.filter(|other| other.is_object())) {
                Some(schema) => self.value(schema, value, &inner),
                None => {
                    let names = properties.into_iter().flatten().map(|(name, _)| name.as_str());
                    self.unknown_key(key.span().start, path, name, names.collect());
                }
            }
        }
        for name in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let Some(name) = name.as_str().filter(|name| !table.contains_key(*name)) else {
                continue;
            };
            let what = if path.is_empty() {
                format!("the file has no `{name}`")
            } else {
                format!("{} has no `{name}`", section(path))
            };
            let help = properties
                .and_then(|known| known.get(name)?.get("description")?.as_str())
                .map(|text| format!("add `{name}`: {}", one_line(text)))
                .unwrap_or_default();
            self.found.push((at, what, help));
        }
    }

    fn unknown_key(&mut self, at: usize, path: &str, name: &str, known: Vec<&str>) {
        if let Some(why) = key_comes_later(path, name) {
            self.found.push((
                at,
                format!("`{name}` is not built yet: {why}"),
                "take it out until then".to_owned(),
            ));
            return;
        }
        let place = if path.is_empty() {
            String::new()
        } else {
            format!(" in {}", section(path))
        };
        let near = nearest(name, known.iter().copied())
            .map(|near| format!(", did you mean `{near}`?"))
            .unwrap_or_default();
        self.found.push((
            at,
            format!("unknown key `{name}`{place}{near}"),
            format!("known keys: {}", known.join(", ")),
        ));
    }

    fn value(&mut self, schema: &Value, value: &Spanned<DeValue<'_>>, path: &str) {
        let at = value.span().start;
        let schema = chosen(schema, value.get_ref());
        let name = last_name(path);
        match (value.get_ref(), type_of(schema)) {
            (DeValue::Table(table), "object") => self.table(schema, table, at, path),
            (DeValue::Array(items), "array") => {
                let inner_schema = schema.get("items").unwrap_or(&Value::Null);
                for (index, item) in items.iter().enumerate() {
                    let inner = format!("{path}[{index}]");
                    self.places.insert(inner.clone(), item.span().start);
                    self.value(inner_schema, item, &inner);
                }
            }
            (DeValue::String(text), "string") => self.word(schema, text, at, path),
            (DeValue::Boolean(_), "boolean") => {}
            (DeValue::Integer(number), "integer") => {
                let max: u64 = match schema.get("format").and_then(Value::as_str) {
                    Some("uint32") => u64::from(u32::MAX),
                    _ => i64::MAX as u64,
                };
                let fits = u64::from_str_radix(number.as_str(), number.radix()).is_ok_and(|n| n <= max);
                if !fits {
                    let message = format!("{name}: found {number}, expected a whole number from 0 to {max}");
                    self.found.push((at, message, "correct the number".to_owned()));
                }
            }
            (found, expected) => {
                let message = format!(
                    "{name}: found {}, expected {}",
                    in_words(found.type_str()),
                    in_words(expected)
                );
                self.found
                    .push((at, message, type_help(found, schema, expected).to_owned()));
            }
        }
    }

    fn word(&mut self, schema: &Value, text: &str, at: usize, path: &str) {
        let words = words_of(schema);
        if words.is_empty() || words.contains(&text) {
            return;
        }
        let name = last_name(path);
        if let Some(why) = word_comes_later(path, text) {
            let message = format!("{name}: `{text}` is not built yet: {why}");
            self.found
                .push((at, message, format!("use one of: {}", words.join(", "))));
            return;
        }
        let near = nearest(text, words.iter().copied())
            .map(|near| format!(", did you mean `{near}`?"))
            .unwrap_or_default();
        let message = format!("{name}: found `{text}`{near}");
        self.found
            .push((at, message, format!("use one of: {}", words.join(", "))));
    }
}

/// The alternative of an `anyOf` that has the type of the value, else the first.
fn chosen<'a>(schema: &'a Value, value: &DeValue<'_>) -> &'a Value {
    let Some(any) = schema.get("anyOf").and_then(Value::as_array) else {
        return schema;
    };
    let wanted = match value {
        DeValue::String(_) => "string",
        DeValue::Table(_) => "object",
        DeValue::Array(_) => "array",
        DeValue::Integer(_) => "integer",
        _ => "",
    };
    any.iter()
        .find(|one| type_of(one) == wanted)
        .or(any.first())
        .unwrap_or(schema)
}

/// The type that a schema wants. Words with descriptions are written as `oneOf` of constants.
fn type_of(schema: &Value) -> &str {
    match schema.get("type").and_then(Value::as_str) {
        Some(name) => name,
        None if schema.get("oneOf").is_some() || schema.get("enum").is_some() => "string",
        None => "",
    }
}

/// The words a schema allows; empty when any text will do.
fn words_of(schema: &Value) -> Vec<&str> {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let constants = schema
        .get("oneOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    listed
        .filter_map(Value::as_str)
        .chain(constants.filter_map(|one| one.get("const")?.as_str()))
        .collect()
}

fn in_words(type_name: &str) -> &str {
    match type_name {
        "string" => "text in quotes",
        "integer" => "a whole number",
        "float" => "a number with a decimal point",
        "boolean" => "true or false",
        "datetime" => "a bare date or time",
        "array" => "a list in [ ]",
        "table" | "object" => "a table",
        other => other,
    }
}

fn type_help(found: &DeValue<'_>, schema: &Value, expected: &str) -> &'static str {
    match (found, expected) {
        (_, "string") if schema.get("pattern").is_some() => {
            "write amounts as text, so that no digit is lost: \"12.34\""
        }
        (DeValue::Float(_), "integer") => {
            "write rates as whole parts per million, never floats: 0.6 % is 6000"
        }
        (_, "string") => "put it in quotes",
        (DeValue::Table(_), "array") => "write [[name]] with two brackets, once for each",
        (DeValue::Array(_), "object") => "write [name] with one bracket, once",
        _ => "correct the value",
    }
}

/// `currency` of `account[0].currency`; the name of the list for an item of it.
pub(crate) fn last_name(path: &str) -> &str {
    let tail = path.rsplit('.').next().unwrap_or(path);
    tail.split('[').next().unwrap_or(tail)
}

/// A path as the heading of its section: `[[account]]` for `account[0]`, `[payout]` for `payout`.
fn section(path: &str) -> String {
    let mut name = String::new();
    for part in path.split('[') {
        name.push_str(part.split_once(']').map_or(part, |(_, rest)| rest));
    }
    if path.ends_with(']') {
        format!("[[{name}]]")
    } else {
        format!("[{name}]")
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Keys of the contract that a later version will read.
fn key_comes_later(path: &str, name: &str) -> Option<&'static str> {
    match (path, name) {
        ("", "seal") => Some("a close is sealed by its hashes; signing keys come later"),
        ("", "aml") => Some("thresholds for reporting come later"),
        _ => None,
    }
}

/// Words of the contract that a later version will read.
fn word_comes_later(path: &str, word: &str) -> Option<&'static str> {
    match (last_name(path), word) {
        ("role", "splits") => Some("splits between merchants come later"),
        ("role", "fx") => Some("exchange rates come later"),
        ("format", "nacha") => Some("NACHA files come later"),
        _ => None,
    }
}
