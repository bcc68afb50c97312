//! The text of a profile as a checked [`Profile`]. Every rule of `docs/profiles.md` about what goes together is here.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use toml::de::DeTable;

use crate::book::parse::nearest;
use crate::book::settings::Role;
use crate::findings::Finding;
use crate::ingest::formats::values::{Number, Unit};
use crate::terms::currency::Currency;
use crate::terms::kinds::{STATUSES, TXN_TYPES};

use super::pattern::offset;
use super::toml_reader::{Faults, Node, unknown_word};
use super::{
    AMOUNT_FIELDS, Answer, Balance, Blank, Condition, Extract, Field, Frame, From, LinePattern, Order, Other,
    PERIOD_HOLES, Parted, PeriodLine, Profile, RefusedRows, Sign, SkippedRows, Stated, Sum, TIME_FIELDS,
    Take, Test, TimePattern, Total, Trim, Verified,
};

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

/// How numbers are written; what the keys do not say is as in `default`.
fn number(node: &mut Node<'_>, faults: &mut Faults, default: &Number) -> Number {
    let mut number = default.clone();
    let units = [
        ("major", Unit::Major),
        ("minor", Unit::Minor),
        ("hundredths", Unit::Hundredths),
    ];
    number.unit = node.word(faults, "unit", &units, number.unit);
    let at = node.place("decimal");
    match node.character(faults, "decimal") {
        Some(sign) if sign.is_ascii() && is_separator(sign) => number.decimal = sign as u8,
        Some(sign) => {
            let name = node.name("decimal");
            faults.add(
                at,
                format!("{name}: found `{sign}`, expected a sign such as . or ,"),
            );
        }
        None => {}
    }
    thousands(node, faults, &mut number, default);
    number.padded |= node.flag(faults, "padded");
    number.plus |= node.flag(faults, "plus");
    number.bare_point |= node.flag(faults, "bare_point");
    number.sign_behind |= node.flag(faults, "sign_behind");
    number.parentheses |= node.flag(faults, "parentheses");
    number.marks.extend(sign_texts(node, faults, "sign_marks"));
    number.words.extend(sign_texts(node, faults, "sign_words"));
    let at = node.place("symbols");
    let symbols = node.texts(faults, "symbols");
    let is_sign = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '\u{2212}' | '(' | ')');
    if let Some(symbol) = symbols.iter().find(|symbol| symbol.contains(is_sign)) {
        faults.add(
            at,
            format!(
                "{}: found `{symbol}`, expected signs that mean nothing, such as a currency's: no digit, plus, minus or parenthesis",
                node.name("symbols")
            ),
        );
    }
    if !symbols.is_empty() {
        number.symbols = symbols;
    }
    number
}

/// True for what may stand between digits and is no part of a sign.
fn is_separator(sign: char) -> bool {
    !sign.is_alphanumeric() && !sign.is_control() && !matches!(sign, '-' | '+' | '\u{2212}' | '(' | ')')
}

/// Signs between thousands: one, or a list of those of which any amount may have one.
fn thousands(node: &mut Node<'_>, faults: &mut Faults, number: &mut Number, default: &Number) {
    let (at, name) = (node.place("thousands"), node.name("thousands"));
    let texts = node.texts(faults, "thousands");
    if !texts.is_empty() {
        (number.thousands, number.other_thousands) = (None, Vec::new());
    } else if number.decimal == default.decimal {
        // What is wrong with the default is said of the default.
        return;
    }
    for text in texts {
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(sign), None) if is_separator(sign) => {
                // The first of ASCII is the one that is read fast.
                if sign.is_ascii() && number.thousands.is_none() {
                    number.thousands = Some(sign as u8);
                } else {
                    number.other_thousands.push(text);
                }
            }
            _ => faults.add(
                at,
                format!("{name}: found `{text}`, expected one sign such as , or . or ' or a blank, or a list of such signs"),
            ),
        }
    }
    let decimal = char::from(number.decimal);
    if number.thousands == Some(number.decimal)
        || number
            .other_thousands
            .iter()
            .any(|sign| sign.starts_with(decimal))
    {
        faults.add(at, "thousands and decimal are the same sign");
    }
}

/// Texts of a key and the signs that they are; true is a minus.
fn sign_texts(node: &mut Node<'_>, faults: &mut Faults, key: &'static str) -> Vec<(String, bool)> {
    let at = node.place(key);
    let mut texts = Vec::new();
    for (text, sign) in node.map(faults, key) {
        let is_word = |c: char| !c.is_whitespace() && !c.is_numeric();
        if key == "sign_words" && (text.is_empty() || !text.chars().all(is_word)) {
            let name = node.name(key);
            faults.add(
                at,
                format!("{name}: found `{text}`, expected a word without digits and blanks such as CR"),
            );
        }
        match sign.as_str() {
            "+" => texts.push((text, false)),
            "-" => texts.push((text, true)),
            other => {
                let name = node.name(key);
                faults.add(at, format!("{name}: found `{other}`, expected + or -"));
            }
        }
    }
    texts
}

fn frame(mut node: Node<'_>, faults: &mut Faults) -> Option<Frame> {
    let ascii = |node: &mut Node<'_>, faults: &mut Faults, key: &'static str| {
        let at = node.place(key);
        let sign = node.character(faults, key)?;
        if sign.is_ascii() && !matches!(sign, '\n' | '\r' | '\0') {
            return Some(sign as u8);
        }
        faults.add(
            at,
            format!("frame.{key}: found `{sign}`, expected one ASCII character"),
        );
        None
    };
    let fixed = node.widths(faults, "fixed");
    let at = node.place("delimiter");
    let mut delimiters = Vec::new();
    for text in node.texts(faults, "delimiter") {
        match text.as_bytes() {
            [sign] if sign.is_ascii() && !matches!(sign, b'\n' | b'\r' | b'\0') => delimiters.push(*sign),
            _ => faults.add(
                at,
                format!("frame.delimiter: found `{text}`, expected one ASCII character"),
            ),
        }
    }
    let delimiter = delimiters.first().copied();
    if fixed.is_empty() && delimiter.is_none() {
        faults.add(
            node.at,
            "frame: expected delimiter, or fixed with the width of every field",
        );
    }
    if !fixed.is_empty() && delimiter.is_some() {
        faults.add(
            node.place("delimiter"),
            "frame: delimiter and fixed exclude one another",
        );
    }
    let quote = ascii(&mut node, faults, "quote");
    let cell_mark = ascii(&mut node, faults, "cell_mark");
    for (key, sign) in [("quote", quote), ("cell_mark", cell_mark)] {
        if sign.is_some_and(|sign| delimiters.contains(&sign)) {
            faults.add(
                node.place(key),
                format!("frame.{key}: expected another character than the delimiter"),
            );
        }
    }
    let free_text = node.text(faults, "free_text");
    if quote.is_some() && (free_text.is_some() || cell_mark.is_some()) {
        faults.add(
            node.place("quote"),
            "frame.quote: a quoted format needs no free_text and no cell_mark",
        );
    }
    let mut guards = Vec::new();
    let at = node.place("guards");
    let given = node.map(faults, "guards");
    let has_guards = !given.is_empty();
    for (column, pattern) in given {
        guards.extend(
            faults
                .take(at, "frame.guards", TimePattern::parse(&pattern))
                .map(|pattern| (column, pattern)),
        );
    }
    if free_text.is_some() && !has_guards {
        faults.add(
            node.place("free_text"),
            "frame.free_text: expected guards, columns whose times prove an anchored row",
        );
    }
    let frame = Frame {
        delimiter: delimiter.unwrap_or(b','),
        other_delimiters: delimiters.into_iter().skip(1).collect(),
        cell_mark,
        fixed,
        gap: node.number(faults, "gap") as usize,
        blanks_cut: node.flag(faults, "blanks_cut"),
        quote,
        trim: Trim::of(&node.text(faults, "trim").unwrap_or_default()),
        blank: blank(&mut node, faults),
        comments: node
            .texts(faults, "comment")
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect(),
        comment_padding: node
            .text(faults, "comment_padding")
            .unwrap_or_default()
            .chars()
            .collect(),
        begin: line(&mut node, faults, "begin"),
        end: line(&mut node, faults, "end"),
        header_again: node.flag(faults, "header_again"),
        preamble_lines: node.number(faults, "preamble_lines"),
        trailing_delimiter: node.flag(faults, "trailing_delimiter"),
        columns: node.texts(faults, "columns"),
        header_type: node.text(faults, "header_type"),
        row_types: node.texts(faults, "row_types"),
        other_types: node.texts(faults, "other_types"),
        last_type: node.text(faults, "last_type"),
        last_line_open: node.flag(faults, "last_line_open"),
        summary_header: node.texts(faults, "summary_header"),
        free_text,
        guards,
    };
    if frame.fixed.is_empty() && (frame.gap > 0 || frame.blanks_cut) {
        let key = if frame.gap > 0 { "gap" } else { "blanks_cut" };
        faults.add(
            node.place(key),
            format!("frame.{key}: only records of fixed places have it, expected fixed with the width of every field"),
        );
    }
    let has_header = frame.own_titles().is_empty() && frame.header_type.is_none();
    if frame.header_again && !has_header {
        faults.add(
            node.place("header_again"),
            "frame.header_again: expected a format whose files have a header: columns and fixed say that they have none, and with header_type every header begins a part of its own",
        );
    }
    if !frame.fixed.is_empty() && frame.header_type.is_some() {
        faults.add(
            node.place("header_type"),
            "frame.header_type: records of fixed places have no titles; say the record before the rows with begin = \"H{}\", the one behind them with end = \"T{}\", and what it states with a [[total]] such as line = \"T{count:8}{sum:16}\"",
        );
    }
    if frame.header_type.is_some() == frame.row_types.is_empty() {
        faults.add(node.at, "frame: header_type and row_types go together");
    }
    let is_known = |last: &String| frame.header_type.is_some() && frame.other_types.contains(last);
    if frame.last_type.as_ref().is_some_and(|last| !is_known(last)) {
        faults.add(
            node.place("last_type"),
            "frame.last_type: expected one of other_types, beside header_type: the type of the record that ends the file",
        );
    }
    node.done(faults);
    Some(frame)
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

fn fields(
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

fn currency(fields: &BTreeMap<String, Vec<Field>>, faults: &mut Faults) -> Option<Currency> {
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

fn total(mut node: Node<'_>, faults: &mut Faults) -> Option<Total> {
    let name = node.needed(faults, "name");
    let at = node.at;
    let pattern = line(&mut node, faults, "line");
    let row = node.texts(faults, "row");
    let rows = conditions(&mut node, faults, "rows");
    let summary = node.flag(faults, "summary");
    let tell = node.flag(faults, "tell");
    // A line that is wrong is there all the same.
    let ways = [
        ("line", node.has("line")),
        ("row", node.has("row")),
        ("rows", node.has("rows")),
        ("summary", summary),
        ("tell", tell),
    ];
    let given: Vec<&str> = ways
        .iter()
        .filter(|(_, given)| *given)
        .map(|(key, _)| *key)
        .collect();
    match given.as_slice() {
        [_] => {}
        [] => faults.add(
            at,
            format!("total {name}: expected one of line, row, rows, summary = true or tell = true"),
        ),
        [before @ .., last] => faults.add(
            node.place(last),
            format!(
                "total {name}: only one of {} and {last}: write a [[total]] for each",
                before.join(", ")
            ),
        ),
    }
    let skipped_at = node.place("count_skipped");
    let count_skipped = node.flag(faults, "count_skipped");
    if count_skipped && !tell {
        faults.add(
            skipped_at,
            format!("total {name}: count_skipped is for totals with tell; what a file states is of all its rows, and `when` leaves some out"),
        );
    }
    let when = conditions(&mut node, faults, "when");
    let optional = node.flag(faults, "optional");
    let group_columns = node.texts(faults, "group_column");
    let and_columns = node.texts(faults, "and_column");
    let upper = node.flag(faults, "upper");
    let group_stated = node.text(faults, "group");
    let count = node.texts(faults, "count");
    let mut sums = Vec::new();
    for inner in node.tables(faults, "sums") {
        sums.push(sum(inner, faults, &name));
    }
    let stated = match pattern {
        Some(pattern) => Stated::Line(pattern),
        None if !row.is_empty() => Stated::Row(row),
        None if !rows.is_empty() => Stated::Rows(rows),
        None if summary => Stated::Summary,
        None => Stated::Nowhere,
    };
    if let Stated::Line(line) = &stated {
        let holes = sums
            .iter()
            .flat_map(|sum| &sum.stated)
            .chain(&count)
            .chain(&group_stated);
        for hole in holes {
            if !line.has(hole) {
                faults.add(at, format!("total {name}: its line has no hole {{{hole}}}"));
            }
        }
    }
    let in_rows = matches!(stated, Stated::Rows(_) | Stated::Nowhere);
    if !in_rows && (!and_columns.is_empty() || upper) {
        faults.add(
            at,
            format!("total {name}: and_column and upper are for totals with rows or tell"),
        );
    }
    let by_group = matches!(stated, Stated::Line(_) | Stated::Row(_));
    if by_group && group_columns.is_empty() != group_stated.is_none() {
        faults.add(at, format!("total {name}: group_column and group go together"));
    }
    if count.is_empty() && sums.is_empty() {
        faults.add(
            at,
            format!("total {name}: expected count or sums, or it checks nothing"),
        );
    }
    let (opening, closing) = (node.texts(faults, "opening"), node.texts(faults, "closing"));
    for (key, places) in [("opening", &opening), ("closing", &closing)] {
        if !matches!(places.len(), 0 | 2) || opening.is_empty() != closing.is_empty() {
            faults.add(
                node.place(key),
                format!("total {name}: opening and closing go together, each with the places of its mark (CR or DR) and its amount"),
            );
            break;
        }
    }
    let kinds = [("rows", false), ("rows or records", true)];
    let scopes = [("section", false), ("file", true)];
    let total = Total {
        name,
        stated,
        optional,
        when,
        group_columns,
        and_columns,
        upper,
        group_stated,
        count,
        count_of_records: node.word(faults, "count_of", &kinds, false),
        sums,
        opening,
        closing,
        counts_skipped: !tell || count_skipped,
        of_file: node.word(faults, "scope", &scopes, false),
        behind: node.text(faults, "behind"),
        unless: conditions(&mut node, faults, "unless"),
    };
    if !total.unless.is_empty() && !matches!(total.stated, Stated::Rows(_)) {
        faults.add(
            at,
            format!("total {}: unless is for totals with rows", total.name),
        );
    }
    node.done(faults);
    Some(total)
}

fn sum(mut node: Node<'_>, faults: &mut Faults, total: &str) -> Sum {
    let takes = [
        ("signed", Take::Signed),
        ("magnitude", Take::Magnitude),
        ("exact", Take::Exact),
    ];
    let sum = Sum {
        stated: node.texts(faults, "stated"),
        columns: node.texts(faults, "column"),
        minus: node.texts(faults, "minus"),
        take: node.word(faults, "take", &takes, Take::Exact),
        optional: node.flag(faults, "optional"),
        when: conditions(&mut node, faults, "when"),
        minus_when: conditions(&mut node, faults, "minus_when"),
        goes_out: node.flag(faults, "goes_out"),
    };
    if sum.columns.is_empty() {
        faults.add(node.at, format!("total {total}: a sum has no `column`"));
    }
    node.done(faults);
    sum
}
