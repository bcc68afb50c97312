//! What a profile says of the fields of a row: `[fields]`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::conditions;
use super::number::number;
use crate::book::parse::nearest;
use crate::book::settings::Role;
use crate::ingest::formats::profile::pattern::offset;
use crate::ingest::formats::profile::toml_reader::{Faults, Node, unknown_word};
use crate::ingest::formats::profile::{
    AMOUNT_FIELDS, Extract, Field, From, Profile, Sign, TIME_FIELDS, TimePattern,
};
use crate::ingest::formats::values::{Number, Unit};
use crate::terms::currency::Currency;
use crate::terms::kinds::{STATUSES, TXN_TYPES};

pub(super) fn fields(
    node: &mut Node<'_>,
    faults: &mut Faults,
    role: Role,
    number: &Number,
    titles: &[String],
) -> BTreeMap<String, Vec<Field>> {
    let known = Profile::fields_of(role);
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let mut fields: BTreeMap<String, Vec<Field>> = BTreeMap::new();
    for (name, at, rules) in node.named_tables(faults, "fields") {
        if !names.contains(&name.as_str()) {
            let near = nearest(&name, names.iter().copied());
            let near = near
                .map(|near| format!(", did you mean `{near}`?"))
                .unwrap_or_default();
            faults.add(
                at,
                format!("fields.{name}: a {} table has no such field{near}", role.name()),
            );
        }
        let count = rules.len();
        let mut checked = Vec::new();
        for (index, rule) in rules.into_iter().enumerate() {
            let place = rule.at;
            let field = field(rule, faults, &name, number);
            known_titles(&field, &name, place, titles, faults);
            if field.when.is_empty() && index + 1 < count {
                faults.add(
                    place,
                    format!("fields.{name}: only the last rule may be without `when`"),
                );
            }
            checked.push(field);
        }
        fields.insert(name, checked);
    }
    let given = |name: &str| fields.contains_key(name);
    let two_columns = fields
        .get("amount")
        .is_some_and(|rules| rules.iter().any(|rule| !rule.credit_columns.is_empty()));
    for (name, needed) in known {
        if *name == "direction" && two_columns {
            if given("direction") {
                faults.add(0, "fields.direction: the two columns of amount already tell it");
            }
        } else if *needed && !given(name) {
            faults.add(0, format!("fields.{name} is missing"));
        }
    }
    rounding(&fields, role, faults);
    for rule in fields.get("txn_time").into_iter().flatten() {
        if rule.patterns.iter().any(|pattern| !pattern.has_time) {
            faults.add(rule.at, "fields.txn_time.pattern: expected a time of day too");
        }
    }
    fees_of_what_goes_out(&fields, faults);
    fields
}

/// Types whose amount goes out, so that the fee of their rows may be given back with it or be charged for it.
const GO_OUT: [&str; 4] = ["REFUND", "CHARGEBACK", "WITHDRAWAL", "TRANSFER"];

/// Checks that the columns of a field are among the titles that the profile itself gives; a file with a header gives its own.
fn known_titles(field: &Field, name: &str, at: usize, titles: &[String], faults: &mut Faults) {
    if titles.is_empty() || field.optional {
        return;
    }
    let any = [&field.columns, &field.credit_columns, &field.debit_columns];
    let all = field.join.iter().chain(&field.sum).map(std::slice::from_ref);
    for wanted in any.into_iter().map(Vec::as_slice).chain(all) {
        let Some(first) = wanted.first() else { continue };
        if wanted.iter().any(|title| titles.contains(title)) {
            continue;
        }
        let near = nearest(first, titles.iter().map(String::as_str));
        let near = near.map_or(String::new(), |near| format!(", did you mean `{near}`?"));
        faults.add(
            at,
            format!(
                "fields.{name}: [frame] has no column `{}`{near}; its columns are {}",
                wanted.join("` or `"),
                titles.join(", ")
            ),
        );
    }
}

/// Asks for what tells a fee that is given back from one that is taken, where rows can be of a type whose amount goes out.
fn fees_of_what_goes_out(fields: &BTreeMap<String, Vec<Field>>, faults: &mut Faults) {
    let rules = |name: &str| fields.get(name).into_iter().flatten();
    let nets: Vec<&Field> = rules("net").collect();
    if !nets.is_empty() && nets.iter().all(|rule| !rule.optional) {
        return;
    }
    let words: Vec<&String> = rules("txn_type")
        .flat_map(|rule| rule.map.values().chain(&rule.value).chain(&rule.empty))
        .collect();
    let is_of_file = |rule: &&Field| rule.titles().next().is_some() || !rule.join.is_empty();
    for rule in rules("fee").filter(is_of_file) {
        let is_open = |kind: &&str| {
            let is_said = ["ANY", *kind].iter().any(|key| rule.sign.contains_key(*key));
            !is_said && words.iter().any(|word| word == kind)
        };
        let open: Vec<&str> = GO_OUT.into_iter().filter(is_open).collect();
        let Some(kind) = open.first() else { continue };
        faults.add(
            rule.at,
            format!(
                "fields.fee: rows can be {}, and nothing says whether a fee in such a row is given back with the amount or is charged for it: \
                 name the column of what is left as fields.net; or say `sign = {{ {kind} = \"positive\" }}` of a fee that is given back and stands there without a minus sign, \
                 `sign = {{ {kind} = \"negative\" }}, apart = [\"{kind}\"]` of one that is charged",
                open.join(" and "),
            ),
        );
    }
}

/// A fee that is rounded needs what the rounding is proven by: the exact net of each row, and the batch whose rows it is of.
fn rounding(fields: &BTreeMap<String, Vec<Field>>, role: Role, faults: &mut Faults) {
    let rules = |name: &str| fields.get(name).into_iter().flatten();
    let Some(first) = rules("fee").find(|rule| rule.rounds) else {
        return;
    };
    let mut fault = |words: &str| faults.add(first.at, format!("fields.fee.round: {words}"));
    if role != Role::Channel {
        fault("it is for the fees of a channel");
    }
    if rules("fee").any(|rule| !rule.rounds) {
        fault("expected in every rule of the fee, or in none");
    }
    if !fields.contains_key("net") || !fields.contains_key("batch_ref") {
        fault(
            "expected the fields net, by which every row is checked, and batch_ref: what the roundings of a batch leave over is a row of its own",
        );
    }
    let is_there = |rule: &Field| !rule.optional && rule.value.is_none() && rule.empty.is_none();
    if !rules("net").all(is_there) {
        fault("expected the field net in every file and every row: without `optional`, `value` or `empty`");
    }
    let of_one_cell = |rule: &Field| rule.sum.is_empty() && rule.credit_columns.is_empty();
    if !rules("fee").chain(rules("net")).all(of_one_cell) {
        fault("expected fee and net each from one column (`columns`)");
    }
    if rules("fee")
        .chain(rules("net"))
        .any(|rule| rule.number.unit != Unit::Major)
    {
        fault("expected amounts in major units, which have decimals");
    }
}

fn field(mut node: Node<'_>, faults: &mut Faults, name: &str, number: &Number) -> Field {
    let path = node.path.clone();
    let (is_amount, is_time) = (AMOUNT_FIELDS.contains(&name), TIME_FIELDS.contains(&name));
    let mut froms = vec![
        ("source.channel", Some(From::SourceChannel)),
        ("source.account", Some(From::SourceAccount)),
    ];
    match name {
        "direction" => froms.push(("amount sign", Some(From::AmountSign))),
        "entry_id" => froms.push(("row", Some(From::Row))),
        _ if is_time => froms = vec![("business date", Some(From::BusinessDate))],
        _ => {}
    }
    let mut field = Field {
        at: node.at,
        when: conditions(&mut node, faults, "when"),
        columns: node.texts(faults, "columns"),
        join: node.texts(faults, "join"),
        with: node.text(faults, "with").unwrap_or_default(),
        sum: node.texts(faults, "sum"),
        credit_columns: node.texts(faults, "credit_columns"),
        debit_columns: node.texts(faults, "debit_columns"),
        debit_is_negative: node.flag(faults, "debit_is_negative"),
        negate: node.flag(faults, "negate"),
        apart: Vec::new(),
        rounds: false,
        value: node.text(faults, "value"),
        from: node.word(faults, "from", &froms, None),
        fact: node.text(faults, "fact"),
        map: node.map(faults, "map"),
        strip_prefix: node.text(faults, "strip_prefix"),
        strip_suffix: node.text(faults, "strip_suffix"),
        extract: None,
        upper: node.flag(faults, "upper"),
        required: node.flag(faults, "required"),
        optional: node.flag(faults, "optional"),
        empty: node.text(faults, "empty"),
        blank: node.texts(faults, "blank"),
        forbid: node.texts(faults, "forbid"),
        number: number.clone(),
        sign: BTreeMap::new(),
        patterns: Vec::new(),
        zone: None,
        zone_column: None,
        zones: BTreeMap::new(),
    };
    if let Some(text) = node.text(faults, "extract") {
        field.extract = faults.take(
            node.place("extract"),
            &format!("{path}.extract"),
            Extract::parse(&text),
        );
    }
    let two_columns = !field.credit_columns.is_empty() || !field.debit_columns.is_empty();
    if two_columns && !(is_amount && !field.credit_columns.is_empty() && !field.debit_columns.is_empty()) {
        faults.add(
            node.at,
            format!("{path}: credit_columns and debit_columns go together, on an amount only"),
        );
    }
    // What the book or the frame says goes before a column.
    let own =
        field.columns.is_empty() && (field.from.is_some() || field.fact.is_some() || field.value.is_some());
    let origins = [
        !field.columns.is_empty(),
        !field.join.is_empty(),
        !field.sum.is_empty(),
        two_columns,
        own,
    ];
    if origins.iter().filter(|given| **given).count() != 1 {
        faults.add(
            node.at,
            format!(
                "{path}: expected one of columns, join, sum, credit_columns with debit_columns, value or from"
            ),
        );
    }
    if is_amount {
        field.number = self::number(&mut node, faults, number);
        field.sign = signs(&mut node, faults);
    }
    if name == "fee" {
        let at = node.place("apart");
        field.apart = node.texts(faults, "apart");
        for kind in field
            .apart
            .iter()
            .filter(|kind| !TXN_TYPES.contains(&kind.as_str()))
        {
            faults.add(at, format!("{path}.apart: {}", unknown_word(kind, &TXN_TYPES)));
        }
        field.rounds = node.word(faults, "round", &[("half up", true)], false);
    }
    if !field.sum.is_empty() && !is_amount {
        faults.add(node.at, format!("{path}: sum is for amounts"));
    }
    if is_time {
        times(&mut node, faults, &mut field);
    }
    vocabulary(&node, faults, name, &field);
    node.done(faults);
    field
}

fn signs(node: &mut Node<'_>, faults: &mut Faults) -> BTreeMap<String, Sign> {
    let at = node.place("sign");
    let mut signs = BTreeMap::new();
    for (kind, text) in node.map(faults, "sign") {
        if kind != "ANY" && !TXN_TYPES.contains(&kind.as_str()) {
            let message = format!("{}.sign: `{kind}` is no transaction type and not ANY", node.path);
            faults.add(at, message);
        }
        let sign = match text.as_str() {
            "positive" => Sign::Positive,
            "negative" => Sign::Negative,
            "any" => Sign::Any,
            "flips" => Sign::Flips,
            other => {
                let words = unknown_word(other, &["positive", "negative", "any", "flips"]);
                faults.add(at, format!("{}.sign: {words}", node.path));
                Sign::Any
            }
        };
        signs.insert(kind, sign);
    }
    signs
}

fn times(node: &mut Node<'_>, faults: &mut Faults, field: &mut Field) {
    let at = node.place("pattern");
    let path = node.path.clone();
    let texts = node.texts(faults, "pattern");
    // What is wrong with a pattern that is given is said once.
    let has_pattern = node.has("pattern");
    for text in texts {
        field
            .patterns
            .extend(faults.take(at, &format!("{path}.pattern"), TimePattern::parse(&text)));
    }
    if !has_pattern && field.from != Some(From::BusinessDate) {
        faults.add(
            at,
            format!("{path}: expected a pattern such as yyyy-MM-dd HH:mm:ss"),
        );
    }
    let at = node.place("zone");
    if let Some(name) = node.text(faults, "zone") {
        let zone =
            TimeZone::get(&name).map_err(|_| format!("`{name}` is no zone such as Asia/Shanghai or UTC"));
        field.zone = faults.take(at, &format!("{path}.zone"), zone);
    }
    field.zone_column = node.text(faults, "zone_column");
    let at = node.place("zones");
    for (name, text) in node.map(faults, "zones") {
        match offset(&text) {
            Some((minutes, "")) => {
                field.zones.insert(name, minutes);
            }
            _ => faults.add(
                at,
                format!("{path}.zones: found `{text}`, expected an offset such as +01:00"),
            ),
        }
    }
    if field.zone_column.is_none() && !field.zones.is_empty() {
        faults.add(
            at,
            format!("{path}: zones are of the column that zone_column names, and it names none"),
        );
    }
}

/// Texts that must be words of a closed vocabulary.
fn vocabulary(node: &Node<'_>, faults: &mut Faults, name: &str, field: &Field) {
    let words: &[&str] = match name {
        "txn_type" => &TXN_TYPES,
        "status" => &STATUSES,
        "direction" => &["C", "D"],
        _ => &[],
    };
    for text in field.map.values().chain(&field.value) {
        if !words.is_empty() && !words.contains(&text.as_str()) {
            let key = if field.map.is_empty() { "value" } else { "map" };
            faults.add(
                node.place(key),
                format!("{}: {}", node.path, unknown_word(text, words)),
            );
        }
    }
}

pub(super) fn currency(fields: &BTreeMap<String, Vec<Field>>, faults: &mut Faults) -> Option<Currency> {
    let [field] = fields.get("currency")?.as_slice() else {
        return None;
    };
    let codes = field.map.values().chain(&field.value);
    for code in codes {
        if Currency::parse(code.as_bytes()).is_none() {
            faults.add(
                field.at,
                format!("fields.currency: `{code}` is no currency of ISO 4217"),
            );
        }
    }
    if field.columns.is_empty() && field.join.is_empty() {
        return Currency::parse(field.value.as_deref()?.as_bytes());
    }
    None
}
