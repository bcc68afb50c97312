//! Stage 8: the manifest that seals a close: what came in, what was published, and what was proved (SPEC §8).
//!
//! In: a typed [`Manifest`]. Out: canonical JSON and its hash. No clock, no host, no float; amounts are texts.
//! Everything that depends on row order or on how rows are split over files stands in `inputs` alone (R32); the
//! hashes of outputs that name files and lines (`breaks`, `rejects`, `state/files.csv`, `state/statements_taken.csv`) follow it.
//! [`Manifest::parse`] is the reader of `verify`: it refuses every shape it does not know.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::report::json::{self, Json};
use crate::terms::date::Date;
use crate::terms::digest::hex;

/// Name of the schema.
pub const SCHEMA_NAME: &str = "tieout/manifest";
/// Version of the schema.
pub const SCHEMA_VERSION: u64 = 1;
const HASH_TAG: &[u8] = b"tieout/manifest/v1\n";

/// The manifest of one close. Lists are sorted by [`Manifest::write`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// `[institution].id`.
    pub institution: String,
    /// D.
    pub business_date: Date,
    /// 1, or more for a restatement.
    pub sequence: u64,
    /// Manifest hash of the close that this one supersedes.
    pub supersedes: Option<String>,
    /// Engine name.
    pub engine: String,
    /// Engine version.
    pub engine_version: String,
    /// SHA-256 of `book.toml` as read.
    pub settings_sha256: String,
    /// Calendar of the institution.
    pub calendar: CalendarSeal,
    /// Sealed copies of what the day was closed by: book.toml, merchants, calendars (R18).
    pub copies: Vec<SealedFile>,
    /// Files taken.
    pub inputs: Vec<Input>,
    /// Files published.
    pub outputs: Vec<Output>,
    /// Where every input row ended (R39).
    pub fates: Vec<Fate>,
    /// Number of rejects.
    pub rejects: u64,
    /// Identities checked before publishing.
    pub invariants: Vec<Invariant>,
    /// reserve.json (R39).
    pub reserve: Json,
    /// Manifest hash of the close of D − 1; none for the first.
    pub previous: Option<String>,
    /// Roots of hash trees by name; empty until there are any.
    pub tree_roots: BTreeMap<String, String>,
}

/// Which calendar decided the business days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarSeal {
    /// Id.
    pub id: String,
    /// SHA-256 of its days as used.
    pub sha256: String,
}

/// A file by its content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SealedFile {
    /// Path below the close.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: String,
}

/// A file that was taken from the inbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Input {
    /// Role of its source.
    pub role: String,
    /// Source.
    pub source: String,
    /// Name below `inbox/DATE/`, archives written `a.zip!member`.
    pub name: String,
    /// Size of the unpacked content.
    pub bytes: u64,
    /// SHA-256 of the unpacked content.
    pub sha256: String,
    /// Rows as delivered.
    pub rows: u64,
    /// Credits by currency, minor units; platform rows count by their direction at the bank.
    pub credit_minor: BTreeMap<String, i128>,
    /// Debits by currency, minor units.
    pub debit_minor: BTreeMap<String, i128>,
    /// Statement balances the file tells.
    pub balances: Vec<InputBalance>,
}

/// A statement balance as told by a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputBalance {
    /// Account id of the settings.
    pub account: String,
    /// Currency.
    pub currency: String,
    /// Opening, minor units.
    pub opening_minor: Option<i128>,
    /// Closing, minor units.
    pub closing_minor: Option<i128>,
}

/// A file that was published.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Output {
    /// Path below the close.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: String,
    /// Rows; none for files that are not tables.
    pub rows: Option<u64>,
    /// Sums by column and currency.
    pub sums: BTreeMap<String, BTreeMap<String, i128>>,
}

/// Rows and sum of one fate (R39).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fate {
    /// Role of the rows.
    pub role: String,
    /// Fate.
    pub fate: String,
    /// Currency; empty where a refused row names none.
    pub currency: String,
    /// Rows.
    pub rows: u64,
    /// Sum of their amounts, minor units.
    pub sum_minor: i128,
}

/// An identity that was checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Invariant {
    /// Name, such as `conservation:CNY`.
    pub id: String,
    /// Left side.
    pub lhs: i128,
    /// Right side.
    pub rhs: i128,
    /// True when they agree.
    pub ok: bool,
}

impl Manifest {
    /// The canonical bytes of manifest.json.
    pub fn write(&self) -> Vec<u8> {
        self.to_json().write()
    }

    /// The hash by which other closes and signatures name this one.
    pub fn hash(&self) -> String {
        manifest_hash(&self.write())
    }

    fn to_json(&self) -> Json {
        let mut map = BTreeMap::from([
            ("schema".to_owned(), Json::text(SCHEMA_NAME)),
            ("schema_version".to_owned(), Json::count(SCHEMA_VERSION)),
            ("institution".to_owned(), Json::text(&self.institution)),
            (
                "business_date".to_owned(),
                Json::text(self.business_date.to_string()),
            ),
            ("sequence".to_owned(), Json::count(self.sequence)),
            ("engine".to_owned(), Json::text(&self.engine)),
            ("engine_version".to_owned(), Json::text(&self.engine_version)),
            ("settings_sha256".to_owned(), Json::text(&self.settings_sha256)),
            (
                "calendar".to_owned(),
                Json::map([
                    ("id", Json::text(&self.calendar.id)),
                    ("sha256", Json::text(&self.calendar.sha256)),
                ]),
            ),
            ("copies".to_owned(), list(&self.copies, copy_json)),
            ("inputs".to_owned(), list(&self.inputs, input_json)),
            ("outputs".to_owned(), list(&self.outputs, output_json)),
            ("fates".to_owned(), list(&self.fates, fate_json)),
            ("rejects".to_owned(), Json::count(self.rejects)),
            ("invariants".to_owned(), list(&self.invariants, invariant_json)),
            ("reserve".to_owned(), self.reserve.clone()),
        ]);
        if let Some(hash) = &self.supersedes {
            map.insert("supersedes".to_owned(), Json::text(hash));
        }
        if let Some(hash) = &self.previous {
            map.insert("previous".to_owned(), Json::text(hash));
        }
        if !self.tree_roots.is_empty() {
            let roots = self.tree_roots.iter().map(|(k, v)| (k.clone(), Json::text(v)));
            map.insert("tree_roots".to_owned(), Json::Map(roots.collect()));
        }
        Json::Map(map)
    }

    /// Reads manifest.json.
    ///
    /// # Errors
    /// Plain words that name the place: not canonical JSON, another schema or version, a key that is missing,
    /// unknown or of another shape, a list that is not sorted.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, String> {
        let mut top = Members::of("manifest.json", json::parse(bytes)?)?;
        let schema = top.text("schema")?;
        let version = top.count("schema_version")?;
        if schema != SCHEMA_NAME || version != SCHEMA_VERSION {
            return Err(format!(
                "manifest.json: found schema `{schema}` version {version}, expected `{SCHEMA_NAME}` version \
                 {SCHEMA_VERSION}: use the engine that wrote it"
            ));
        }
        let mut calendar = Members::of("manifest.json: calendar", top.take("calendar")?)?;
        let manifest = Manifest {
            institution: top.text("institution")?,
            business_date: top.date("business_date")?,
            sequence: top.count("sequence")?,
            supersedes: top.optional_text("supersedes")?,
            engine: top.text("engine")?,
            engine_version: top.text("engine_version")?,
            settings_sha256: top.text("settings_sha256")?,
            calendar: CalendarSeal {
                id: calendar.text("id")?,
                sha256: calendar.text("sha256")?,
            },
            copies: top.list("copies", read_copy)?,
            inputs: top.list("inputs", read_input)?,
            outputs: top.list("outputs", read_output)?,
            fates: top.list("fates", read_fate)?,
            rejects: top.count("rejects")?,
            invariants: top.list("invariants", read_invariant)?,
            reserve: top.take("reserve")?,
            previous: top.optional_text("previous")?,
            tree_roots: top.optional_texts("tree_roots")?,
        };
        calendar.finish()?;
        top.finish()?;
        // Sorted lists are part of the form: writing it again must give the bytes that were read.
        if manifest.write() != bytes {
            return Err("manifest.json: a list is not sorted: it was edited after it was written".to_owned());
        }
        Ok(manifest)
    }
}

/// The hash of manifest.json as written: SHA-256 over the tag `tieout/manifest/v1\n` and the bytes.
pub fn manifest_hash(canonical: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(HASH_TAG);
    hasher.update(canonical);
    hex(&hasher.finalize())
}

fn list<T: Ord + Clone>(values: &[T], write: fn(&T) -> Json) -> Json {
    let mut sorted = values.to_vec();
    sorted.sort();
    Json::List(sorted.iter().map(write).collect())
}

fn amounts(sums: &BTreeMap<String, i128>) -> Json {
    Json::Map(
        sums.iter()
            .map(|(key, sum)| (key.clone(), Json::amount(*sum)))
            .collect(),
    )
}

fn copy_json(file: &SealedFile) -> Json {
    Json::map([
        ("path", Json::text(&file.path)),
        ("bytes", Json::count(file.bytes)),
        ("sha256", Json::text(&file.sha256)),
    ])
}

fn input_json(input: &Input) -> Json {
    Json::map([
        ("role", Json::text(&input.role)),
        ("source", Json::text(&input.source)),
        ("name", Json::text(&input.name)),
        ("bytes", Json::count(input.bytes)),
        ("sha256", Json::text(&input.sha256)),
        ("rows", Json::count(input.rows)),
        ("credit_minor", amounts(&input.credit_minor)),
        ("debit_minor", amounts(&input.debit_minor)),
        ("balances", list(&input.balances, balance_json)),
    ])
}

fn balance_json(balance: &InputBalance) -> Json {
    let mut map = BTreeMap::from([
        ("account".to_owned(), Json::text(&balance.account)),
        ("currency".to_owned(), Json::text(&balance.currency)),
    ]);
    if let Some(minor) = balance.opening_minor {
        map.insert("opening_minor".to_owned(), Json::amount(minor));
    }
    if let Some(minor) = balance.closing_minor {
        map.insert("closing_minor".to_owned(), Json::amount(minor));
    }
    Json::Map(map)
}

fn output_json(output: &Output) -> Json {
    let mut map = BTreeMap::from([
        ("path".to_owned(), Json::text(&output.path)),
        ("bytes".to_owned(), Json::count(output.bytes)),
        ("sha256".to_owned(), Json::text(&output.sha256)),
    ]);
    if let Some(rows) = output.rows {
        map.insert("rows".to_owned(), Json::count(rows));
    }
    if !output.sums.is_empty() {
        let sums = output
            .sums
            .iter()
            .map(|(column, sums)| (column.clone(), amounts(sums)));
        map.insert("sums".to_owned(), Json::Map(sums.collect()));
    }
    Json::Map(map)
}

fn fate_json(fate: &Fate) -> Json {
    Json::map([
        ("role", Json::text(&fate.role)),
        ("fate", Json::text(&fate.fate)),
        ("currency", Json::text(&fate.currency)),
        ("rows", Json::count(fate.rows)),
        ("sum_minor", Json::amount(fate.sum_minor)),
    ])
}

fn invariant_json(invariant: &Invariant) -> Json {
    Json::map([
        ("id", Json::text(&invariant.id)),
        ("lhs", Json::amount(invariant.lhs)),
        ("rhs", Json::amount(invariant.rhs)),
        ("ok", Json::Bool(invariant.ok)),
    ])
}

fn read_copy(m: &mut Members) -> Result<SealedFile, String> {
    Ok(SealedFile {
        path: m.text("path")?,
        bytes: m.count("bytes")?,
        sha256: m.text("sha256")?,
    })
}

fn read_input(m: &mut Members) -> Result<Input, String> {
    Ok(Input {
        role: m.text("role")?,
        source: m.text("source")?,
        name: m.text("name")?,
        bytes: m.count("bytes")?,
        sha256: m.text("sha256")?,
        rows: m.count("rows")?,
        credit_minor: m.amounts("credit_minor")?,
        debit_minor: m.amounts("debit_minor")?,
        balances: m.list("balances", |m| {
            Ok(InputBalance {
                account: m.text("account")?,
                currency: m.text("currency")?,
                opening_minor: m.optional_amount("opening_minor")?,
                closing_minor: m.optional_amount("closing_minor")?,
            })
        })?,
    })
}

fn read_output(m: &mut Members) -> Result<Output, String> {
    let mut sums = BTreeMap::new();
    if let Some(value) = m.members.remove("sums") {
        let mut columns = Members::of(&format!("{}: sums", m.at), value)?;
        let names: Vec<String> = columns.members.keys().cloned().collect();
        for name in names {
            sums.insert(name.clone(), columns.amounts(&name)?);
        }
    }
    Ok(Output {
        path: m.text("path")?,
        bytes: m.count("bytes")?,
        sha256: m.text("sha256")?,
        rows: m.optional_count("rows")?,
        sums,
    })
}

fn read_fate(m: &mut Members) -> Result<Fate, String> {
    Ok(Fate {
        role: m.text("role")?,
        fate: m.text("fate")?,
        currency: m.text("currency")?,
        rows: m.count("rows")?,
        sum_minor: m.amount("sum_minor")?,
    })
}

fn read_invariant(m: &mut Members) -> Result<Invariant, String> {
    Ok(Invariant {
        id: m.text("id")?,
        lhs: m.amount("lhs")?,
        rhs: m.amount("rhs")?,
        ok: m.flag("ok")?,
    })
}

/// The members of an object, taken one by one; what is left at the end is unknown.
struct Members {
    at: String,
    members: BTreeMap<String, Json>,
}

impl Members {
    fn of(at: &str, json: Json) -> Result<Members, String> {
        match json {
            Json::Map(members) => Ok(Members {
                at: at.to_owned(),
                members,
            }),
            _ => Err(format!("{at}: expected an object")),
        }
    }

    fn finish(self) -> Result<(), String> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(key) => Err(format!(
                "{}: unknown key `{key}`: it was written by another version",
                self.at
            )),
        }
    }

    fn take(&mut self, key: &str) -> Result<Json, String> {
        self.members
            .remove(key)
            .ok_or_else(|| format!("{}: `{key}` is missing", self.at))
    }

    fn text(&mut self, key: &str) -> Result<String, String> {
        match self.take(key)? {
            Json::Text(text) => Ok(text),
            _ => Err(format!("{}: `{key}`: expected a text", self.at)),
        }
    }

    fn optional_text(&mut self, key: &str) -> Result<Option<String>, String> {
        if self.members.contains_key(key) {
            self.text(key).map(Some)
        } else {
            Ok(None)
        }
    }

    fn optional_texts(&mut self, key: &str) -> Result<BTreeMap<String, String>, String> {
        let Some(value) = self.members.remove(key) else {
            return Ok(BTreeMap::new());
        };
        let mut inner = Members::of(&format!("{}: {key}", self.at), value)?;
        let names: Vec<String> = inner.members.keys().cloned().collect();
        names
            .into_iter()
            .map(|name| Ok((name.clone(), inner.text(&name)?)))
            .collect()
    }

    fn count(&mut self, key: &str) -> Result<u64, String> {
        match self.take(key)? {
            Json::Int(value) if value >= 0 => Ok(value.unsigned_abs()),
            _ => Err(format!(
                "{}: `{key}`: expected a whole number, 0 or more",
                self.at
            )),
        }
    }

    fn optional_count(&mut self, key: &str) -> Result<Option<u64>, String> {
        if self.members.contains_key(key) {
            self.count(key).map(Some)
        } else {
            Ok(None)
        }
    }

    fn flag(&mut self, key: &str) -> Result<bool, String> {
        match self.take(key)? {
            Json::Bool(value) => Ok(value),
            _ => Err(format!("{}: `{key}`: expected true or false", self.at)),
        }
    }

    fn amount(&mut self, key: &str) -> Result<i128, String> {
        let text = self.text(key)?;
        let minor = text.parse::<i128>().ok();
        // `+1`, `-0` and `01` parse as well and are no form that this engine writes.
        minor.filter(|minor| minor.to_string() == text).ok_or_else(|| {
            format!(
                "{}: `{key}`: found `{text}`, expected minor units as a text",
                self.at
            )
        })
    }

    fn optional_amount(&mut self, key: &str) -> Result<Option<i128>, String> {
        if self.members.contains_key(key) {
            self.amount(key).map(Some)
        } else {
            Ok(None)
        }
    }

    fn amounts(&mut self, key: &str) -> Result<BTreeMap<String, i128>, String> {
        let mut inner = Members::of(&format!("{}: {key}", self.at), self.take(key)?)?;
        let names: Vec<String> = inner.members.keys().cloned().collect();
        names
            .into_iter()
            .map(|name| Ok((name.clone(), inner.amount(&name)?)))
            .collect()
    }

    fn date(&mut self, key: &str) -> Result<Date, String> {
        let text = self.text(key)?;
        Date::parse(text.as_bytes())
            .ok_or_else(|| format!("{}: `{key}`: found `{text}`, expected YYYY-MM-DD", self.at))
    }

    fn list<T>(
        &mut self,
        key: &str,
        read: impl Fn(&mut Members) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let Json::List(values) = self.take(key)? else {
            return Err(format!("{}: `{key}`: expected a list", self.at));
        };
        let mut list = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            let mut members = Members::of(&format!("{}: {key}[{index}]", self.at), value)?;
            list.push(read(&mut members)?);
            members.finish()?;
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::samples::manifest as sample;

    #[test]
    fn the_form_is_fixed() {
        let text = String::from_utf8(sample().write()).unwrap();
        assert!(
            text.starts_with("{\"business_date\":\"2026-11-20\",\"calendar\":{\"id\":\"CN\""),
            "{text}"
        );
        assert_eq!(Manifest::parse(text.as_bytes()), Ok(sample()));
        let mut shuffled = sample();
        shuffled.outputs.reverse();
        shuffled.inputs.reverse();
        assert_eq!(shuffled.write(), sample().write());
        assert_eq!(shuffled.hash(), manifest_hash(text.as_bytes()));
        // printf 'tieout/manifest/v1\n{}' | sha256sum
        assert_eq!(
            manifest_hash(b"{}"),
            "29392a5668024f0bb9e81b9d197d6d6cc27d767955b13ab83da837b7e54d2d90"
        );
    }

    #[test]
    fn unknown_shapes_are_refused_in_plain_words() {
        let text = String::from_utf8(sample().write()).unwrap();
        let check = |from: &str, to: &str, words: &str| {
            let altered = text.replacen(from, to, 1);
            assert_ne!(altered, text, "{from}");
            let error = Manifest::parse(altered.as_bytes()).expect_err(to);
            assert!(error.contains(words), "{from} -> {to}: {error}");
        };
        check(
            "\"schema_version\":1",
            "\"schema_version\":2",
            "use the engine that wrote it",
        );
        check(
            "\"rejects\":2",
            "\"rejects\":\"2\"",
            "`rejects`: expected a whole number",
        );
        check("\"rejects\":2", "\"rejects\":2.0", "number 2.0");
        check("\"rejects\":2,", "", "`rejects` is missing");
        check("\"sum_minor\":\"", "\"sum_minor\":\"0", "minor units");
        check(
            "\"fate\":\"matched\"",
            "\"fate\":\"matched\",\"fateful\":true",
            "unknown key `fateful`",
        );
        check("\"ok\":true", "\"ok\":1", "true or false");
        check("2026-11-20", "2026-11-31", "YYYY-MM-DD");
        check(
            "\"role\":\"bank\",\"rows\":3,\"sha256\"",
            "\"role\":\"zank\",\"rows\":3,\"sha256\"",
            "not sorted",
        );
        check("{", "{ ", "canonical");
    }

    proptest! {
        #[test]
        fn any_manifest_reads_back(
            names in proptest::collection::vec(any::<String>(), 0..4),
            sums in proptest::collection::btree_map("[A-Z]{3}", any::<i128>(), 0..3),
            rows in 0u64..1 << 53,
            previous in proptest::option::of("[0-9a-f]{64}"),
        ) {
            let mut manifest = sample();
            manifest.previous = previous;
            manifest.inputs = names.iter().map(|name| Input {
                name: name.clone(), rows, credit_minor: sums.clone(), ..sample().inputs[0].clone()
            }).collect();
            manifest.inputs.sort();
            manifest.tree_roots = names.iter().map(|n| (format!("t{}", n.len()), n.clone())).collect();
            prop_assert_eq!(Manifest::parse(&manifest.write()), Ok(manifest));
        }
    }
}
