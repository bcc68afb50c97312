//! Canonical JSON: the few shapes a sealed file may hold, written in exactly one way (SPEC §8).
//!
//! It is the subset of RFC 8785 (JCS) without numbers that could lose a digit: keys are ASCII and sorted by
//! byte, integers stay below 2^53, there is no float, no null and no white space. A text that is not written in
//! this one way is refused by [`parse`], so equal content always means equal bytes.

use std::collections::BTreeMap;

/// Integers are exact in every JSON reader below this bound.
const INTEGER_BOUND: u64 = 1 << 53;

/// A value that canonical JSON can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `true` or `false`.
    Bool(bool),
    /// An integer of less than 2^53 in magnitude.
    Int(i64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object; keys are ASCII.
    Map(BTreeMap<String, Json>),
}

impl Json {
    /// A text.
    pub fn text(text: impl Into<String>) -> Json {
        Json::Text(text.into())
    }

    /// A number of rows or bytes.
    pub fn count(count: u64) -> Json {
        assert!(count < INTEGER_BOUND, "counts stay below 2^53");
        Json::Int(count as i64)
    }

    /// An amount: a string, because JSON numbers are floats to most readers.
    pub fn amount(minor: i128) -> Json {
        Json::Text(minor.to_string())
    }

    /// An object of its members.
    pub fn map<const N: usize>(members: [(&str, Json); N]) -> Json {
        Json::Map(
            members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }

    /// The canonical bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.push(&mut out);
        out
    }

    fn push(&self, out: &mut Vec<u8>) {
        match self {
            Json::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Json::Int(value) => {
                assert!(value.unsigned_abs() < INTEGER_BOUND, "integers stay below 2^53");
                out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
            }
            Json::Text(text) => push_string(out, text),
            Json::List(values) => {
                out.push(b'[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    value.push(out);
                }
                out.push(b']');
            }
            Json::Map(members) => {
                out.push(b'{');
                for (index, (key, value)) in members.iter().enumerate() {
                    assert!(key.is_ascii(), "keys of canonical JSON are ASCII");
                    if index > 0 {
                        out.push(b',');
                    }
                    push_string(out, key);
                    out.push(b':');
                    value.push(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// A JSON string, escaped as RFC 8785 says: only quotes, backslashes and control characters.
fn push_string(out: &mut Vec<u8>, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.push(DIGITS[usize::from(byte >> 4)]);
                out.push(DIGITS[usize::from(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Reads canonical JSON.
///
/// # Errors
/// Plain words: not JSON, holds a float or a null, or is written in another way (white space, key order,
/// repeated keys, other escapes).
pub fn parse(bytes: &[u8]) -> Result<Json, String> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| format!("this is not JSON: {error}"))?;
    let json = from_value(&value)?;
    if json.write() != bytes {
        return Err(
            "the JSON is not in its canonical form: it was edited or formatted after it was written \
                    (white space, order of keys, a repeated key, or other escapes)"
                .to_owned(),
        );
    }
    Ok(json)
}

/// Any JSON value as canonical JSON.
///
/// # Errors
/// Plain words, when it holds a float, an integer of 2^53 or more, a null, or a key that is not ASCII.
pub fn from_value(value: &serde_json::Value) -> Result<Json, String> {
    use serde_json::Value;
    Ok(match value {
        Value::Null => return Err("found null, expected a text, an integer or a bool".to_owned()),
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(value) if value.unsigned_abs() < INTEGER_BOUND => Json::Int(value),
            _ => {
                return Err(format!(
                    "found the number {number}, expected an integer below 2^53 or a text"
                ));
            }
        },
        Value::String(text) => Json::Text(text.clone()),
        Value::Array(values) => Json::List(values.iter().map(from_value).collect::<Result<_, _>>()?),
        Value::Object(members) => {
            let mut map = BTreeMap::new();
            for (key, value) in members {
                if !key.is_ascii() {
                    return Err(format!("found the key `{key}`, expected ASCII"));
                }
                map.insert(key.clone(), from_value(value)?);
            }
            Json::Map(map)
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Json::Bool),
            (-(1i64 << 53) + 1..(1i64 << 53)).prop_map(Json::Int),
            any::<String>().prop_map(Json::Text),
            any::<i128>().prop_map(Json::amount),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::List),
                proptest::collection::btree_map("[ -~]{0,6}", inner, 0..4).prop_map(Json::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(json in any_json()) {
            prop_assert_eq!(parse(&json.write()), Ok(json));
        }
    }

    #[test]
    fn only_the_one_form_is_taken() {
        let check = |text: &str, words: &str| {
            let error = parse(text.as_bytes()).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        };
        check("{\"a\":1.0}", "1.0");
        check("{\"a\":1e3}", "number");
        check("{\"a\":9007199254740992}", "2^53");
        check("{\"a\":null}", "null");
        check("{\"a\": 1}", "canonical");
        check("{\"b\":1,\"a\":1}", "canonical");
        check("{\"a\":1,\"a\":1}", "canonical");
        check("{\"a\":\"\\u0041\"}", "canonical");
        check("{\"a\":1}\n", "canonical");
        check("{\"\u{e9}\":1}", "ASCII");
        check("{\"a\":1", "not JSON");
        assert_eq!(
            parse(b"{\"a\":[1,\"x\\n\\u0001\",true]}").unwrap().write(),
            b"{\"a\":[1,\"x\\n\\u0001\",true]}"
        );
    }
}
