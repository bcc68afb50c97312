//! The text of a profile as a checked [`Profile`]. Every rule of `docs/profiles.md` about what goes together is here.

use std::collections::BTreeMap;

use toml::de::DeTable;

use crate::book::parse::nearest;
use crate::book::settings::Role;
use crate::findings::Finding;
use crate::ingest::formats::values::Number;

use super::toml_reader::{Faults, Node};
use super::{
    Answer, Balance, Blank, Condition, Field, Frame, LinePattern, Order, Other, PERIOD_HOLES, Parted,
    PeriodLine, Profile, RefusedRows, SkippedRows, Stated, Test, TimePattern, Total, Verified,
};

mod field;
mod frame;
mod number;
mod total;

use field::{currency, fields};
use frame::frame;
use number::number;
use total::total;

/// Reads and checks a profile.
///
/// # Errors
/// Everything that is wrong with it, the earliest first.
pub fn parse(text: &str, name: &str) -> Result<Profile, Vec<Finding>> {
    let file = format!("profiles/{name}.toml");
    let mut faults = Faults::default();
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            faults.add(at, format!("not TOML: {}", error.message()));
        }
        return Err(faults.findings(text, &file));
    }
    let mut node = Node::root(root.get_ref());
    let profile = profile(&mut node, name, &mut faults);
    node.done(&mut faults);
    match profile {
        Some(profile) if faults.is_empty() => Ok(profile),
        _ => Err(faults.findings(text, &file)),
    }
}

fn profile(node: &mut Node<'_>, name: &str, faults: &mut Faults) -> Option<Profile> {
    let title = node.needed(faults, "title");
    let source = node.text(faults, "source").unwrap_or_default();
    let verified = node.word(
        faults,
        "verified",
        &[
            ("a real file", Some(Verified::File)),
            ("published fields", Some(Verified::Published)),
        ],
        None,
    );
    if node.text(faults, "role").is_none() {
        faults.add(0, "the profile has no `role`, expected channel or bank");
    }
    let roles = [("channel", Some(Role::Channel)), ("bank", Some(Role::Bank))];
    let role = node.word(faults, "role", &roles, None);
    let encodings = encodings(node, faults);
    let mut recognise = Recognise::default();
    match node.table(faults, "recognise") {
        Some(inner) => recognise = self::recognise(inner, faults),
        None => faults.add(
            0,
            "the profile has no [recognise], or every file would be of this format",
        ),
    }
    let number = match node.table(faults, "number") {
        Some(mut inner) => {
            let number = self::number(&mut inner, faults, &Number::default());
            inner.done(faults);
            number
        }
        None => Number::default(),
    };
    let frame = match node.table(faults, "frame") {
        Some(inner) => frame(inner, faults),
        None => {
            faults.add(0, "the profile has no [frame]");
            None
        }
    };
    let mut facts = Vec::new();
    let mut required_facts = Vec::new();
    for mut fact in node.tables(faults, "fact") {
        let fact_name = fact.needed(faults, "name");
        if fact.flag(faults, "required") {
            required_facts.push(fact_name.clone());
        }
        facts.extend(line(&mut fact, faults, "line").map(|line| (line, fact_name)));
        fact.done(faults);
    }
    let period = node
        .table(faults, "period")
        .and_then(|inner| period(inner, faults));
    let parted = node
        .table(faults, "parted")
        .and_then(|inner| parted(inner, frame.as_ref()?, faults));
    let mut skipped_rows = Vec::new();
    for mut inner in node.tables(faults, "skip") {
        let adds_up = inner.flag(faults, "adds_up");
        let when = vec![condition(inner, faults)];
        skipped_rows.push(SkippedRows { when, adds_up });
    }
    let mut refused_rows = Vec::new();
    for mut inner in node.tables(faults, "refuse") {
        let expected = inner.needed(faults, "expected");
        let when = conditions(&mut inner, faults, "when");
        let optional = inner.flag(faults, "optional");
        inner.done(faults);
        refused_rows.push(RefusedRows {
            when,
            expected,
            optional,
        });
    }
    let fields = match role {
        Some(role) => {
            let titles = frame.as_ref().map(Frame::own_titles).unwrap_or_default();
            fields(node, faults, role, &number, &titles)
        }
        None => {
            node.named_tables(faults, "fields");
            BTreeMap::new()
        }
    };
    if role.is_some() && skipped_rows.iter().any(|skipped| skipped.adds_up) && !fields.contains_key("net") {
        faults.add(0, "skip.adds_up: expected the field net, which it is about");
    }
    let currency = currency(&fields, faults);
    let choose_columns = node.text(faults, "choose_columns");
    let mut totals = Vec::new();
    for inner in node.tables(faults, "total") {
        totals.extend(total(inner, faults));
    }
    let balance = node.table(faults, "balance").map(|mut inner| {
        let orders = [
            ("oldest first", Order::OldestFirst),
            ("newest first", Order::NewestFirst),
            ("either", Order::Either),
        ];
        let balance = Balance {
            order: inner.word(faults, "order", &orders, Order::Either),
            statement: inner.flag(faults, "statement"),
            may_break: inner.flag(faults, "may_break"),
        };
        let proves_sums = |total: &Total| {
            !total.optional && !total.sums.is_empty() && !matches!(total.stated, Stated::Nowhere)
        };
        if balance.may_break && !totals.iter().any(proves_sums) {
            faults.add(
                inner.place("may_break"),
                "balance.may_break: expected a [[total]] with sums that every file states, or nothing would tell that rows are missing",
            );
        }
        if !fields.contains_key("balance") {
            faults.add(
                inner.at,
                "[balance] needs [fields.balance], the column of the running balance",
            );
        }
        inner.done(faults);
        balance
    });
    for (_, name) in facts_used(&fields) {
        if !facts
            .iter()
            .any(|(line, fact)| *fact == name && !line.names().is_empty())
        {
            faults.add(
                0,
                format!("a field comes from fact `{name}`, but no [[fact]] of that name has a named hole"),
            );
        }
    }
    Some(Profile {
        name: name.to_owned(),
        title,
        source,
        verified,
        role: role?,
        encodings,
        first_lines: recognise.first_lines,
        header: recognise.header,
        others: recognise.others,
        skipped_files: recognise.skipped,
        answers: recognise.answers,
        frame: frame?,
        facts,
        required_facts,
        period,
        parted,
        skipped_rows,
        refused_rows,
        fields,
        totals,
        balance,
        number,
        currency,
        choose_columns: choose_columns.filter(|text| !text.is_empty()),
    })
}

fn facts_used(fields: &BTreeMap<String, Vec<Field>>) -> Vec<(String, String)> {
    let rules = fields
        .iter()
        .flat_map(|(name, rules)| rules.iter().map(move |rule| (name, rule)));
    rules
        .filter_map(|(name, rule)| Some((name.clone(), rule.fact.clone()?)))
        .collect()
}

fn encodings(node: &mut Node<'_>, faults: &mut Faults) -> Vec<&'static encoding_rs::Encoding> {
    let at = node.place("encodings");
    let labels = node.texts(faults, "encodings");
    let mut encodings = Vec::new();
    for label in &labels {
        match encoding_rs::Encoding::for_label(label.as_bytes()) {
            Some(encoding) => encodings.push(encoding),
            None => {
                let near = nearest(
                    label,
                    ["utf-8", "gb18030", "gbk", "utf-16le", "iso-8859-1"].into_iter(),
                );
                let near = near
                    .map(|near| format!(", did you mean `{near}`?"))
                    .unwrap_or_default();
                let message =
                    format!("encodings: `{label}` is not a known name such as utf-8 or gb18030{near}");
                faults.add(at, message);
            }
        }
    }
    if labels.is_empty() {
        faults.add(
            at,
            "the profile has no `encodings`, expected at least one, such as [\"utf-8\"]",
        );
    }
    encodings
}

/// A pattern of a line, if the key is given.
fn line(node: &mut Node<'_>, faults: &mut Faults, key: &'static str) -> Option<LinePattern> {
    let (at, name) = (node.place(key), node.name(key));
    let text = node.text(faults, key)?;
    faults.take(at, &name, LinePattern::parse(&text))
}

fn period(mut node: Node<'_>, faults: &mut Faults) -> Option<PeriodLine> {
    let at = node.place("line");
    let line = line(&mut node, faults, "line");
    let (pattern_at, name) = (node.place("pattern"), node.name("pattern"));
    let text = node.needed(faults, "pattern");
    let pattern = faults.take(pattern_at, &name, TimePattern::parse(&text));
    node.done(faults);
    let Some(line) = line else {
        faults.add(
            at,
            "[period] has no `line`, the line in which a file says of which days it is",
        );
        return None;
    };
    let pattern = pattern?;
    if !PERIOD_HOLES.iter().all(|hole| line.names().contains(hole)) {
        faults.add(
            at,
            "period.line: expected the holes {from} and {until}, the first moment of the file and the one behind its last",
        );
        return None;
    }
    if !pattern.has_year {
        faults.add(pattern_at, "period.pattern: expected a year, a month and a day");
        return None;
    }
    Some(PeriodLine { line, pattern })
}

fn parted(mut node: Node<'_>, frame: &Frame, faults: &mut Faults) -> Option<Parted> {
    let known = |node: &mut Node<'_>, faults: &mut Faults, key: &'static str| {
        let (at, name) = (node.place(key), node.name(key));
        let text = node.text(faults, key);
        if text
            .as_ref()
            .is_some_and(|text| !frame.other_types.contains(text))
        {
            faults.add(at, format!("{name}: expected one of other_types of [frame]"));
        }
        text
    };
    let (begins, ends) = (
        known(&mut node, faults, "begins"),
        known(&mut node, faults, "ends"),
    );
    let number = known(&mut node, faults, "number");
    let at = node.at;
    node.done(faults);
    if begins.is_none() || ends.is_none() {
        faults.add(at, "[parted]: `begins` and `ends` go together: the types of the records with which a report begins and ends");
    }
    Some(Parted {
        begins: begins?,
        ends: ends?,
        number,
    })
}

#[derive(Default)]
struct Recognise {
    first_lines: Vec<LinePattern>,
    header: Vec<Vec<String>>,
    skipped: Vec<(LinePattern, String)>,
    answers: Vec<Answer>,
    others: Vec<Other>,
}

fn recognise(mut node: Node<'_>, faults: &mut Faults) -> Recognise {
    let mut all = Recognise::default();
    let at = node.place("first_line");
    for text in node.texts(faults, "first_line") {
        all.first_lines
            .extend(faults.take(at, "recognise.first_line", LinePattern::parse(&text)));
    }
    // A title that has changed over the years is written `new|old`.
    for title in node.texts(faults, "header") {
        all.header.push(title.split('|').map(str::to_owned).collect());
    }
    let by_shape = node.flag(faults, "by_shape");
    if all.first_lines.is_empty() && all.header.is_empty() && !by_shape {
        faults.add(
            node.at,
            "recognise: expected first_line or header (or by_shape for fixed places), or every file would be of this format",
        );
    }
    for mut skip in node.tables(faults, "skip") {
        let why = skip.needed(faults, "why");
        all.skipped
            .extend(line(&mut skip, faults, "first_line").map(|line| (line, why)));
        skip.done(faults);
    }
    for mut answer in node.tables(faults, "answer") {
        all.answers.push(Answer {
            contains: answer.needed(faults, "contains"),
            why: answer.needed(faults, "why"),
            help: answer.text(faults, "help").filter(|text| !text.is_empty()),
        });
        answer.done(faults);
    }
    for mut other in node.tables(faults, "other") {
        let header = other.texts(faults, "header");
        if header.is_empty() || all.header.is_empty() {
            faults.add(
                other.at,
                "recognise.other: expected header, titles that the header of such a file has beside those of recognise.header",
            );
        }
        all.others.push(Other {
            header,
            what: other.needed(faults, "what"),
            help: other.needed(faults, "help"),
        });
        other.done(faults);
    }
    node.done(faults);
    all
}

/// What stands for nothing in all cells.
fn blank(node: &mut Node<'_>, faults: &mut Faults) -> Blank {
    let at = node.place("blank_runs");
    let mut blank = Blank {
        texts: node.texts(faults, "blank"),
        runs: Vec::new(),
    };
    for text in node.texts(faults, "blank_runs") {
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(sign), None) if !sign.is_alphanumeric() && !sign.is_control() => blank.runs.push(sign),
            _ => faults.add(
                at,
                format!("frame.blank_runs: found `{text}`, expected one sign such as - or *, or a list of such signs"),
            ),
        }
    }
    blank
}

fn condition(mut node: Node<'_>, faults: &mut Faults) -> Condition {
    let columns = node.texts(faults, "column");
    if columns.is_empty() {
        faults.add(node.at, format!("{} has no `column`", node.path));
    }
    let mut test = None;
    let tests = [
        ("is", Test::Is),
        ("is_not", Test::IsNot),
        ("starts_with", Test::StartsWith),
        ("equals_column", Test::EqualsColumn),
        ("differs_from_column", Test::DiffersFromColumn),
    ];
    for (key, kind) in tests {
        let texts = node.texts(faults, key);
        if !texts.is_empty() && test.replace((kind, texts)).is_some() {
            faults.add(node.place(key), format!("{}: only one test at a time", node.path));
        }
    }
    let (test, texts) = test.unwrap_or_else(|| {
        let message = format!(
            "{}: expected is, is_not, starts_with, equals_column or differs_from_column",
            node.path
        );
        faults.add(node.at, message);
        (Test::Is, Vec::new())
    });
    node.done(faults);
    Condition { columns, test, texts }
}

fn conditions(node: &mut Node<'_>, faults: &mut Faults, key: &'static str) -> Vec<Condition> {
    let inner = node.tables(faults, key);
    inner.into_iter().map(|node| condition(node, faults)).collect()
}
