//! The drafted profile as text, every guess marked.
//!
//! In: a [`Table`]. Out: the text of a profile in the order of docs/profiles.md. Amount and side take their columns first, so that
//! nothing else has them; a field that no title fits is named in a comment, and left open.

use encoding_rs::Encoding;

use super::columns::Moves;
use super::cut::Table;
use super::figures::figure_of;
use super::totals;
use super::words::{
    AMOUNT, BALANCE, BANK, CHANNEL, CREDIT, DEBIT, SIDE, TAKEN_BACK, Titles, currency_of, side_of, titles_of,
    type_of, unit_of,
};
use crate::terms::currency::Currency;

/// The mark of a guess.
pub(super) const CONFIRM: &str = "  # confirm";

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// A map of what texts mean, and those that nobody here knows.
fn map_of(texts: &[&str], meaning: fn(&str) -> Option<&'static str>) -> Vec<String> {
    let (mut meant, mut unknown) = (Vec::new(), Vec::new());
    for text in texts {
        match meaning(text) {
            Some(kind) => meant.push(format!("{} = {}", quoted(text), quoted(kind))),
            None => unknown.push(format!(
                "# {}: what it means is not known; add it to the map",
                quoted(text)
            )),
        }
    }
    let mut keys = vec![format!("map = {{ {} }}{CONFIRM}", meant.join(", "))];
    keys.extend(unknown);
    keys
}

/// The profile of a table; `is_sure` of its encoding.
pub(super) fn toml_of(table: &Table, encoding: &'static Encoding, is_sure: bool) -> String {
    let mut draft = Draft::new(table);
    draft.head(encoding, is_sure);
    draft.frame();
    match draft.sides {
        Some((credit, debit)) => draft.amount_of_sides(credit, debit),
        None => draft.amount_of_one_column(),
    }
    let order = draft.balance();
    for (name, titles) in draft.fields() {
        draft.field_of(name, titles);
    }
    if draft.is_channel {
        draft.field("channel", &["from = \"source.channel\"".to_owned()]);
        draft.field("status", &[format!("value = \"SUCCESS\"{CONFIRM}")]);
    }
    if let Some(order) = order {
        draft.line(&format!(
            "\n# Each balance follows from the one before it, in the first rows.\n[balance]\norder = {}{CONFIRM}\nstatement = true{CONFIRM}",
            quoted(order)
        ));
    }
    for words in totals::drafted(table, draft.is_channel, draft.moves, &draft.fees) {
        draft.line(&words);
    }
    draft.columns_left();
    draft.out
}

/// A profile being drafted.
struct Draft<'t> {
    table: &'t Table,
    is_channel: bool,
    /// Columns of what came in and of what went out, of a bank that has both.
    sides: Option<(usize, usize)>,
    /// Columns of fees.
    fees: Vec<usize>,
    /// Where a row says what it moves, as far as that is known.
    moves: Moves,
    /// Columns that a field has.
    taken: Vec<usize>,
    out: String,
}

impl<'t> Draft<'t> {
    fn new(table: &'t Table) -> Draft<'t> {
        let credit = table.column(CREDIT, &[]);
        let debit = table.column(DEBIT, &[]).filter(|at| Some(*at) != credit);
        let sides = credit.zip(debit);
        let of_channel = CHANNEL[..3]
            .iter()
            .filter(|(_, titles)| table.column(titles, &[]).is_some());
        Draft {
            table,
            is_channel: sides.is_none() && of_channel.count() >= 2,
            sides,
            fees: table.fees(),
            moves: sides.map_or(Moves::Unknown, |(credit, debit)| Moves::Sides(credit, debit)),
            taken: sides.map_or(Vec::new(), |(credit, debit)| vec![credit, debit]),
            out: String::new(),
        }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn field(&mut self, name: &str, keys: &[String]) {
        self.line(&format!("\n[fields.{name}]\n{}", keys.join("\n")));
    }

    /// The titles of columns, as a list of a profile.
    fn titles(&self, columns: &[usize]) -> String {
        let titles: Vec<String> = columns.iter().map(|at| quoted(&self.table.titles[*at])).collect();
        titles.join(", ")
    }

    fn columns(&self, at: usize) -> String {
        format!("columns = [{}]{CONFIRM}", self.titles(&[at]))
    }

    fn fields(&self) -> &'static [Titles] {
        if self.is_channel { CHANNEL } else { BANK }
    }

    fn head(&mut self, encoding: &'static Encoding, is_sure: bool) {
        self.line(
            "# Drafted by `tieout inspect` from the titles of one file. Every line marked `confirm` is a guess: compare it with",
        );
        self.line(
            "# the bank's description, then take the mark away. docs/profiles.md says what each key means.",
        );
        self.line(&format!("title = \"TO BE NAMED\"{CONFIRM}"));
        let role = if self.is_channel { "channel" } else { "bank" };
        self.line(&format!("role = {}{CONFIRM}", quoted(role)));
        self.line("source = \"drafted from a file; add where its description is\"");
        self.line(&format!(
            "encodings = [{}]{}",
            quoted(&encoding.name().to_ascii_lowercase()),
            if is_sure { "" } else { CONFIRM }
        ));
        let titles = &self.table.titles;
        let named: Vec<usize> = (0..titles.len()).filter(|at| !titles[*at].is_empty()).collect();
        let header = self.titles(&named);
        self.line(&format!("\n[recognise]\nheader = [{header}]"));
    }

    fn frame(&mut self) {
        let table = self.table;
        let delimiter = quoted(&table.delimiter.to_string());
        self.line(&format!("\n[frame]\ndelimiter = {delimiter}"));
        if table.quoted {
            self.line("quote = '\"'");
        }
        self.line("trim = \" \\t`\"");
        let ends_with_delimiter =
            |(record, _): &(String, Vec<String>)| record.trim_end().ends_with(table.delimiter);
        if table.behind.iter().any(ends_with_delimiter) {
            self.line(&format!("comment_padding = {delimiter}{CONFIRM}"));
        }
        if table.preamble > 0 {
            self.line(&format!("preamble_lines = {}{CONFIRM}", table.preamble));
        }
    }

    /// True of columns in a unit that no key reads, which is said in the place of the field.
    fn is_of_no_unit(&mut self, field: &str, columns: &[usize]) -> bool {
        let of_none = |at: &&usize| unit_of(&self.table.titles[**at]) == Some(None);
        let Some(at) = columns.iter().find(of_none) else {
            return false;
        };
        let title = quoted(&self.table.titles[*at]);
        self.line(&format!(
            "\n# [fields.{field}]: {title} is in a unit that no key reads: ask for a file in yuan or fen."
        ));
        true
    }

    /// The amount of a bank that has a column for each side.
    fn amount_of_sides(&mut self, credit: usize, debit: usize) {
        if self.is_of_no_unit("amount", &[credit, debit]) {
            return;
        }
        let mut keys = vec![
            format!("credit_columns = [{}]{CONFIRM}", self.titles(&[credit])),
            format!("debit_columns = [{}]{CONFIRM}", self.titles(&[debit])),
        ];
        self.table.number_keys(&[credit, debit], &mut keys);
        let figures = self.table.values(debit).filter_map(figure_of);
        let mut figures = figures.filter(|figure| *figure != 0).peekable();
        if figures.peek().is_some() && figures.all(|figure| figure < 0) {
            keys.push(format!("debit_is_negative = true{CONFIRM}"));
            self.moves = Moves::Negative(credit, debit);
        }
        self.field("amount", &keys);
    }

    /// The amount that stands in one column, and the direction of a bank's.
    fn amount_of_one_column(&mut self) {
        let table = self.table;
        let titled = table.column(AMOUNT, &self.taken);
        self.taken.extend(titled);
        let amount = titled.filter(|at| !self.is_of_no_unit("amount", &[*at]));
        let side = match self.is_channel {
            true => None,
            false => table.side(SIDE, &self.taken, amount),
        };
        if let Some(at) = amount {
            self.moves = Moves::Signed(at);
            let mut keys = vec![self.columns(at)];
            table.number_keys(&[at], &mut keys);
            if !self.is_channel && side.is_none() {
                keys.push(format!("sign = {{ ANY = \"any\" }}{CONFIRM}"));
            }
            self.field("amount", &keys);
        } else if titled.is_none() {
            self.line("\n# [fields.amount]: no title says which column is the amount; add it.");
        }
        match side {
            Some(at) => self.direction(at),
            None if self.is_channel => {}
            None => {
                let doubt = match amount.is_some_and(|at| !table.has_minus(at)) {
                    true => {
                        ": none of the first rows has a minus sign, and no column says in or out: all of them would be money in"
                    }
                    false => "",
                };
                self.field("direction", &[format!("from = \"amount sign\"{CONFIRM}{doubt}")]);
            }
        }
    }

    /// The direction that the texts of a column say.
    fn direction(&mut self, side: usize) {
        let table = self.table;
        self.taken.push(side);
        let back = table.column(TAKEN_BACK, &self.taken);
        if let Moves::Signed(amount) = self.moves {
            self.moves = Moves::BySide(amount, side, back);
        }
        match back.map(|back| (back, table.direction_of_both(side, back))) {
            Some((back, Some(rules))) => {
                self.taken.push(back);
                self.line(&rules);
            }
            Some((back, None)) => self.line(&format!(
                "\n# [fields.direction]: {} says the direction, and {} may say which rows take another back; add rules for both.",
                quoted(&table.titles[side]), quoted(&table.titles[back])
            )),
            None => {
                let keys = [vec![self.columns(side)], map_of(&table.texts(side), side_of)].concat();
                self.field("direction", &keys);
            }
        }
    }

    /// The running balance of a bank, where the rows follow from one another by it; gives their order.
    fn balance(&mut self) -> Option<&'static str> {
        let table = self.table;
        let at = table.column(BALANCE, &self.taken).filter(|_| !self.is_channel)?;
        self.taken.push(at);
        if self.is_of_no_unit("balance", &[at]) {
            return None;
        }
        let order = table.order_of_balances(at, self.moves);
        if order.is_some() {
            let mut keys = vec![self.columns(at)];
            table.number_keys(&[at], &mut keys);
            self.field("balance", &keys);
            return order;
        }
        let told = table.rows.iter().filter(|row| !row[at].is_empty()).count();
        let why = if told < 2 {
            "which one row does not show"
        } else {
            "but the first rows do not follow from one another by it"
        };
        self.line(&format!(
            "\n# {} may be the running balance, {why}: left out.",
            quoted(&table.titles[at])
        ));
        None
    }

    /// What a fee in the row of what goes back may be: given back, or taken. Only one with a minus sign is sure not to be taken.
    fn sign_of_fee(&self) -> Option<String> {
        let kinds = self.table.column(titles_of("txn_type"), &[]);
        let kinds = kinds.map_or(Vec::new(), |at| self.table.texts(at));
        let kinds: Vec<&str> = kinds.into_iter().filter_map(type_of).collect();
        let signs: Vec<String> = ["CHARGEBACK", "REFUND"]
            .iter()
            .filter(|kind| kinds.contains(kind))
            .map(|kind| format!("{kind} = \"negative\""))
            .collect();
        (!signs.is_empty()).then(|| {
            format!(
                "sign = {{ {} }}{CONFIRM}: a fee of such a row is given back, and has a minus sign; where it has none, or is charged, see `sign` and `apart`",
                signs.join(", ")
            )
        })
    }

    /// One field by what its column may be called.
    fn field_of(&mut self, name: &str, titles: &[&str]) {
        let fees = self.fees.clone();
        if name == "fee" && self.is_of_no_unit("fee", &fees) {
            return self.taken.extend(fees);
        }
        if name == "fee" && self.fees.len() > 1 {
            let mut keys = vec![format!("sum = [{}]{CONFIRM}", self.titles(&self.fees))];
            self.table.number_keys(&self.fees, &mut keys);
            keys.extend(self.sign_of_fee());
            self.taken.extend(&self.fees);
            return self.field(name, &keys);
        }
        // One time column may serve two fields.
        let at = self.table.column(titles, &self.taken).or_else(|| match name {
            "value_date" => self.table.column(BANK[2].1, &[]),
            "settle_date" => self.table.column(CHANNEL[5].1, &[]),
            _ => None,
        });
        match at {
            Some(at) => self.field_at(name, at),
            None => self.field_without_column(name),
        }
    }

    fn field_at(&mut self, name: &str, mut at: usize) {
        let table = self.table;
        let is_time = matches!(name, "booking_time" | "value_date" | "txn_time" | "settle_date");
        if let Some((day, pattern)) = table.day_and_clock(at).filter(|_| is_time) {
            if matches!(name, "booking_time" | "txn_time") {
                self.taken.extend([day, at]);
                let keys = [
                    format!("join = [{}]{CONFIRM}", self.titles(&[day, at])),
                    "with = \" \"".to_owned(),
                    format!("pattern = {}{CONFIRM}", quoted(&pattern)),
                ];
                return self.field(name, &keys);
            }
            at = day;
        }
        self.taken.push(at);
        let mut keys = vec![self.columns(at)];
        if name == "fee" {
            table.number_keys(&[at], &mut keys);
            keys.extend(self.sign_of_fee());
        }
        if is_time {
            keys.push(match table.time_patterns(at).as_slice() {
                [pattern] => format!("pattern = {}{CONFIRM}", quoted(pattern)),
                [pattern, other, ..] => format!(
                    "pattern = {}{CONFIRM}: or {other}? The first rows fit both",
                    quoted(pattern)
                ),
                [] => "# pattern: how its days are written, such as \"yyyy-MM-dd\"; add it".to_owned(),
            });
        }
        if name == "txn_type" {
            keys.extend(self.map_of_types(at));
        }
        if matches!(name, "entry_id" | "channel_ref") {
            keys.push("required = true".to_owned());
        }
        self.field(name, &keys);
    }

    /// What the types of a channel mean, and those that nobody here knows.
    fn map_of_types(&self, at: usize) -> Vec<String> {
        map_of(&self.table.texts(at), type_of)
    }

    fn field_without_column(&mut self, name: &str) {
        match name {
            "account" => self.field(name, &[format!("from = \"source.account\"{CONFIRM}")]),
            "currency" => {
                let named = self
                    .taken
                    .iter()
                    .find_map(|at| currency_of(&self.table.titles[*at]));
                let currency = named.unwrap_or(Currency::CNY);
                self.field(name, &[format!("value = {}{CONFIRM}", quoted(currency.code()))]);
            }
            "fee" => self.line("\n# [fields.fee]: no title says which column is the fee; add it."),
            "entry_id" | "channel_ref" | "booking_time" | "txn_time" | "txn_type" => {
                self.line(&format!("\n# [fields.{name}]: no title fits; add its column."));
            }
            _ => {}
        }
    }

    fn columns_left(&mut self) {
        let titles = self.table.titles.iter().enumerate();
        let left: Vec<&str> = titles
            .filter(|(at, title)| !self.taken.contains(at) && !title.is_empty())
            .map(|(_, title)| title.as_str())
            .collect();
        if !left.is_empty() {
            self.line(&format!("\n# Columns that no field takes: {}", left.join(", ")));
        }
    }
}
