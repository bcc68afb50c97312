//! Rows of a block read column by column: what a profile says of a field is looked up once for many rows, and the figures, words,
//! times and texts of its column are then read one below the other.
//!
//! In: a [`Run`] of records with as many cells as the header. Out: what they give, and which of them must be looked at one by
//! one, as [`super::Table`] looks at any record: rows of an unusual form, wrong ones, and all that only the table itself can
//! say. Nothing is done with a row before all of its columns are known, so that no row is given twice. That both ways give
//! the same is tested with both.

use bumpalo::Bump;

use crate::ingest::canonical::values::Word;
use crate::ingest::formats::profile::{Frame, From, Trim};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::short_text::{ShortText, same};

use super::bind::{Bound, BoundCondition, Figure, Quick, RowTime, Rule, Times, stripped};
use super::cells::Edges;
use super::clock::{TimeText, midnight};
use super::fields::Booked;
use super::gbk;
use super::lines::{Run, RunColumn};

/// Rows of a run, at most.
pub const RUN_ROWS: usize = Rows::BITS as usize;

/// Room for decoded cells that is taken from the arena at a time.
const ROOM_BYTES: usize = 4 << 10;

/// Some rows of a run: bit i stands for row i.
pub type Rows = u64;

/// The numbers of rows.
#[inline(always)]
pub fn each(mut rows: Rows) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let row = rows.trailing_zeros() as usize;
        rows &= rows.wrapping_sub(1);
        (row < RUN_ROWS).then_some(row)
    })
}

/// True of a cell that is the one before it. Names that differ do so at their beginning or in their length as a rule, which is asked
/// at once: either alone would often be guessed wrong.
#[inline(always)]
fn repeats(cell: &[u8], before: &[u8]) -> bool {
    match (cell.first_chunk::<8>(), before.first_chunk::<8>()) {
        (Some(first), Some(first_before)) => {
            let begins = u64::from_le_bytes(*first) ^ u64::from_le_bytes(*first_before);
            begins | (cell.len() ^ before.len()) as u64 == 0 && same(cell, before)
        }
        _ => same(cell, before),
    }
}

/// The cells of a column. Small, and copied, so that a loop over its rows need not look its parts up again.
#[derive(Clone, Copy)]
pub struct Column<'b, 'f> {
    cells: RunColumn<'b>,
    /// Bytes of the mark before every cell.
    mark_bytes: usize,
    edges: &'f Edges,
    quote: Option<u8>,
    trim: &'f Trim,
    in_gbk: bool,
}

impl<'b> Column<'b, '_> {
    /// A cell as it was delivered, behind its mark, and whether it may not be its own text.
    #[inline(always)]
    fn cell(&self, row: usize) -> (&'b [u8], bool) {
        let (start, end, closely) = self.cells.span(row);
        let start = start.wrapping_add(self.mark_bytes);
        (self.cells.bytes.get(start..end).unwrap_or_default(), closely)
    }

    #[inline(always)]
    fn raw(&self, row: usize) -> &'b [u8] {
        self.cell(row).0
    }

    /// A cell without quotes and without what is trimmed. One that would have to be decoded is left as it is, so that it is no
    /// figure and no time: the bytes of a character in GBK may be those of another in UTF-8, which is trimmed.
    #[inline(always)]
    pub fn plain(&self, row: usize) -> &'b [u8] {
        let (cell, closely) = self.cell(row);
        if !closely {
            return cell;
        }
        let inside = self.unquoted(cell);
        match self.edges.are_plain(inside) {
            true => inside,
            false if self.in_gbk && gbk::has_high(inside) => cell,
            false => self.trim.bytes(inside),
        }
    }

    /// A cell without quotes: the block has no others than those at both ends of cells.
    #[inline(always)]
    fn unquoted<'c>(&self, cell: &'c [u8]) -> &'c [u8] {
        match cell {
            [first, inside @ .., _] if Some(*first) == self.quote => inside,
            cell => cell,
        }
    }
}

/// The cells of a run. Texts that are made of them lie in an arena, and so live as long as the block.
pub struct Cells<'t, 'f> {
    run: &'f Run<'t>,
    frame: &'f Frame,
    edges: &'f Edges,
    arena: &'t Bump,
    /// Where the next cell is decoded: a part of the arena.
    room: &'t mut [u8],
    /// How they are decoded.
    names: gbk::Names,
    /// Bytes of the mark before every cell.
    mark_bytes: usize,
    /// Some cell could not be decoded: nothing that was made of the run counts.
    pub failed: bool,
}

impl<'t, 'f> Cells<'t, 'f> {
    /// Cells of a run.
    pub fn new(run: &'f Run<'t>, frame: &'f Frame, edges: &'f Edges, arena: &'t Bump) -> Cells<'t, 'f> {
        Cells {
            run,
            frame,
            edges,
            arena,
            room: &mut [],
            names: gbk::Names::of_machine(),
            mark_bytes: usize::from(frame.cell_mark.is_some()),
            failed: false,
        }
    }

    /// The byte with which a row begins; `None` of an empty line.
    #[inline(always)]
    pub fn first_byte(&self, row: usize) -> Option<u8> {
        let first = self.run.bytes().get(self.run.start(row));
        first.copied().filter(|byte| !matches!(byte, b'\n' | b'\r'))
    }

    /// Those of some rows in which nothing stands in a column.
    pub fn empty(&self, column: usize, rows: Rows) -> Rows {
        let column = self.column(column);
        each(rows).fold(0, |empty, row| {
            empty | Rows::from(column.raw(row).is_empty()) << row
        })
    }

    /// One column.
    #[inline(always)]
    pub fn column(&self, column: usize) -> Column<'t, 'f> {
        Column {
            cells: self.run.column(column),
            mark_bytes: self.mark_bytes,
            edges: self.edges,
            quote: self.frame.quote,
            trim: &self.frame.trim,
            in_gbk: self.run.in_gbk(),
        }
    }

    /// The text of a cell, decoded where it must be.
    #[inline(always)]
    fn text(&mut self, row: usize, column: &Column<'t, '_>) -> &'t [u8] {
        match column.cell(row) {
            (cell, false) => cell,
            (cell, true) => self.text_made(cell, column),
        }
    }

    /// The text of a cell that is trimmed, unquoted or decoded.
    #[inline(always)]
    fn text_made(&mut self, cell: &'t [u8], column: &Column<'t, '_>) -> &'t [u8] {
        let inside = column.unquoted(cell);
        // Most of them begin with what must be decoded: names do.
        let has_high = |text: &[u8]| text.first().is_some_and(|byte| *byte >= 0x80) || gbk::has_high(text);
        if !(column.in_gbk && has_high(inside)) {
            return column.trim.bytes(inside);
        }
        let needed = gbk::room_for(inside);
        if self.room.len() < needed {
            self.room = self.arena.alloc_slice_fill_copy(needed.max(ROOM_BYTES), 0);
        }
        match self.names.decode_into(inside, self.room) {
            Some(length) => {
                let (text, rest) = std::mem::take(&mut self.room).split_at_mut(length);
                self.room = rest;
                column.trim.bytes(text)
            }
            // The block was judged to be GBK, so that this is none that stands in it.
            None => {
                self.failed = true;
                b""
            }
        }
    }

    /// Texts of a column.
    fn column_texts(&mut self, at: usize, rows: Rows, out: &mut [&'t [u8]; RUN_ROWS]) {
        let column = self.column(at);
        let mut to_make: Rows = 0;
        for row in each(rows) {
            let (cell, closely) = column.cell(row);
            out[row] = cell;
            to_make |= Rows::from(closely) << row;
        }
        // Files repeat many of them.
        let (mut cell_before, mut text_before) = (&b""[..], &b""[..]);
        for row in each(to_make) {
            let cell = out[row];
            if !repeats(cell, cell_before) {
                (cell_before, text_before) = (cell, self.text_made(cell, &column));
            }
            out[row] = text_before;
        }
    }

    /// Those of some rows that pass all conditions.
    #[inline(always)]
    pub fn holding(&mut self, conditions: &[BoundCondition<'_>], mut rows: Rows) -> Rows {
        for condition in conditions {
            rows = self.holding_one(condition, rows);
        }
        rows
    }

    fn holding_one(&mut self, condition: &BoundCondition<'_>, rows: Rows) -> Rows {
        let Some(at) = condition.column() else {
            return if condition.holds_of(b"", || b"") { rows } else { 0 };
        };
        let column = self.column(at);
        let mut judged = condition.judged.borrow_mut();
        let mut holding = 0;
        for row in each(rows) {
            let cell = ShortText::of(column.raw(row));
            let holds = match cell.and_then(|cell| judged.of(cell)) {
                Some(holds) => holds,
                None => {
                    let holds = condition.holds_of(self.text(row, &column), || b"");
                    if let Some(cell) = cell.filter(|_| !self.failed) {
                        judged.keep(cell, holds);
                    }
                    holds
                }
            };
            holding |= Rows::from(holds) << row;
        }
        holding
    }

    /// Gives `take` each rule of a field with the rows that it is for, and gives those rows that none is for.
    #[inline(always)]
    fn by_rule(
        &mut self,
        bound: &Bound<'_>,
        mut rows: Rows,
        mut take: impl FnMut(&mut Self, &Rule<'_>, Rows),
    ) -> Rows {
        for rule in &bound.rules {
            let holding = self.holding(&rule.when, rows);
            if holding != 0 {
                take(self, rule, holding);
            }
            rows &= !holding;
        }
        rows
    }

    /// Words of a closed vocabulary; gives the rows that must be looked at closely.
    pub fn words<T: Word>(&mut self, bound: &Bound<'_>, rows: Rows, out: &mut [T; RUN_ROWS]) -> Rows {
        let mut closely = 0;
        let of_none = self.by_rule(bound, rows, |cells, rule, rows| {
            if let Some(constant) = &rule.constant {
                let number = ShortText::of(constant.as_bytes()).and_then(|text| rule.words.borrow().of(text));
                match number.and_then(T::of_number) {
                    Some(word) => each(rows).for_each(|row| out[row] = word),
                    None => closely |= rows,
                }
                return;
            }
            let Some(at) = rule.one_cell else {
                closely |= rows;
                return;
            };
            let column = cells.column(at);
            let mut judged = rule.cells.borrow_mut();
            for row in each(rows) {
                let cell = ShortText::of(column.raw(row));
                let number = match cell.and_then(|cell| judged.of(cell)) {
                    Some(number) => Some(number),
                    None => {
                        let text = ShortText::of(cells.text(row, &column));
                        let number = text.and_then(|text| rule.words.borrow().of(text));
                        if let (Some(cell), Some(number), false) = (cell, number, cells.failed) {
                            judged.keep(cell, number);
                        }
                        number
                    }
                };
                match number.and_then(T::of_number) {
                    Some(word) => out[row] = word,
                    None => closely |= 1 << row,
                }
            }
        });
        closely | of_none
    }

    pub fn currencies(&mut self, bound: &Bound<'_>, rows: Rows, out: &mut [Currency; RUN_ROWS]) -> Rows {
        match bound.currency {
            Some(currency) => {
                out.fill(currency);
                0
            }
            None => self.words(bound, rows, out),
        }
    }

    /// Signed amounts, each given to `take` with its rule; gives the rows that must be looked at closely, those for which
    /// `take` is false among them.
    #[inline(always)]
    pub fn amounts(
        &mut self,
        bound: &Bound<'_>,
        rows: Rows,
        currencies: &[Currency; RUN_ROWS],
        mut take: impl FnMut(usize, i64, &Rule<'_>) -> bool,
    ) -> Rows {
        let mut closely = 0;
        let of_none = self.by_rule(bound, rows, |cells, rule, rows| {
            let mut judge = |row: usize, minor: Option<i64>| {
                let good = minor.is_some_and(|minor| take(row, minor, rule));
                closely |= Rows::from(!good) << row;
            };
            match rule.figure {
                Figure::Cell(at) => {
                    let column = cells.column(at);
                    for row in each(rows) {
                        let digits = currencies[row].digits();
                        judge(row, rule.usual_of_cell(column.plain(row), digits));
                    }
                }
                Figure::Sides(credit, debit) => {
                    let (credit, debit) = (cells.column(credit), cells.column(debit));
                    for row in each(rows) {
                        let digits = currencies[row].digits();
                        judge(
                            row,
                            rule.usual_of_sides(credit.plain(row), debit.plain(row), digits),
                        );
                    }
                }
                Figure::Ruled => closely |= rows,
            }
        });
        closely | of_none
    }

    /// Times as clocks on the wall, each given to `take`; gives the rows that must be looked at closely.
    #[inline(always)]
    pub fn times(
        &mut self,
        bound: &Bound<'_>,
        rows: Rows,
        times: &Times,
        mut take: impl FnMut(usize, RowTime),
    ) -> Rows {
        let mut closely = 0;
        let of_none = self.by_rule(bound, rows, |cells, rule, rows| {
            if rule.field.from == Some(From::BusinessDate) {
                let time = RowTime {
                    wall: midnight(times.business_date),
                    offset_minutes: None,
                    has_time: false,
                };
                return each(rows).for_each(|row| take(row, time));
            }
            let Some((first, second)) = cells.columns_of_time(rule) else {
                closely |= rows;
                return;
            };
            let day = rule.day.borrow();
            for row in each(rows) {
                let read = match second {
                    None => day.read(rule.shape, first.plain(row)),
                    Some(second) => day.read_parts(first.plain(row), second.plain(row)),
                };
                match read {
                    Some((wall, offset_minutes, has_time)) => take(
                        row,
                        RowTime {
                            wall,
                            offset_minutes,
                            has_time,
                        },
                    ),
                    None => closely |= 1 << row,
                }
            }
        });
        closely | of_none
    }

    /// The days of such times.
    pub fn days(&mut self, bound: &Bound<'_>, rows: Rows, times: &Times, out: &mut [Date; RUN_ROWS]) -> Rows {
        self.times(bound, rows, times, |row, time| out[row] = time.wall.date)
    }

    /// Where the times of a rule stand: in one column, or the day in one and the time of day in another.
    fn columns_of_time(&self, rule: &Rule<'_>) -> Option<(Column<'t, 'f>, Option<Column<'t, 'f>>)> {
        match (rule.zone, rule.direct, rule.day_and_clock) {
            (Some(_), ..) => None,
            (None, Some(at), _) => Some((self.column(at), None)),
            (None, None, Some((day, clock))) => Some((self.column(day), Some(self.column(clock)))),
            (None, None, None) => None,
        }
    }

    /// Times as they are given on, with when that is; gives the rows that must be looked at closely.
    pub fn given_times(
        &mut self,
        bound: &Bound<'_>,
        rows: Rows,
        out: &mut [TimeText; RUN_ROWS],
        booked: &mut [Booked; RUN_ROWS],
    ) -> Rows {
        let mut closely = 0;
        let of_none = self.by_rule(bound, rows, |cells, rule, rows| {
            let Some((first, second)) = cells.columns_of_time(rule) else {
                closely |= rows;
                return;
            };
            let day = rule.day.borrow();
            for row in each(rows) {
                let written = match second {
                    None => day.write_given(rule.shape, first.plain(row), &mut out[row]),
                    Some(second) => day.write_given_parts(first.plain(row), second.plain(row), &mut out[row]),
                };
                match written {
                    Some(time) => booked[row] = time,
                    None => closely |= 1 << row,
                }
            }
        });
        closely | of_none
    }

    /// Texts of a field without conditions; gives the rows that must be looked at closely. With `needed` those without a text
    /// are such.
    pub fn texts(
        &mut self,
        bound: &Bound<'_>,
        rows: Rows,
        needed: bool,
        out: &mut [&'t [u8]; RUN_ROWS],
    ) -> Rows {
        let may_be_empty = match (bound.quick, bound.rules.first()) {
            (Quick::Cell { at, may_be_empty }, _) => {
                self.column_texts(at, rows, out);
                may_be_empty
            }
            (Quick::Key { at, may_be_empty }, Some(rule)) => {
                self.column_texts(at, rows, out);
                for row in each(rows) {
                    out[row] = match &rule.field.extract {
                        Some(extract) => extract.find_bytes(out[row]),
                        None => b"",
                    };
                }
                may_be_empty
            }
            (Quick::FirstOf, Some(rule)) => {
                let columns: Vec<Column<'t, '_>> = rule.columns.iter().map(|at| self.column(*at)).collect();
                for row in each(rows) {
                    out[row] = b"";
                    for column in &columns {
                        let text = self.text(row, column);
                        if rule.is_text(text) {
                            out[row] = text;
                            break;
                        }
                    }
                }
                true
            }
            (Quick::Joined, Some(rule)) => {
                let columns: Vec<Column<'t, '_>> = rule.join.iter().map(|at| self.column(*at)).collect();
                for row in each(rows) {
                    out[row] = self.joined(rule, row, &columns);
                }
                true
            }
            _ => return rows,
        };
        let mut empty = 0;
        if needed || !may_be_empty {
            for row in each(rows) {
                empty |= Rows::from(out[row].is_empty()) << row;
            }
        }
        empty
    }

    /// The texts of some cells side by side, those without one left out.
    fn joined(&mut self, rule: &Rule<'_>, row: usize, columns: &[Column<'t, '_>]) -> &'t [u8] {
        let (mut first, mut joined) = (&b""[..], bumpalo::collections::Vec::new_in(self.arena));
        for column in columns {
            let part = self.text(row, column);
            if !rule.is_text(part) {
                continue;
            }
            if first.is_empty() {
                first = part;
                continue;
            }
            if joined.is_empty() {
                joined.extend_from_slice(first);
            }
            joined.extend_from_slice(rule.field.with.as_bytes());
            joined.extend_from_slice(part);
        }
        match joined.is_empty() {
            true => first,
            false => joined.into_bump_slice(),
        }
    }

    /// Those of some rows in which the file names another account than `before`, which was found to be right.
    pub fn named_otherwise(&mut self, account: &Bound<'_>, before: &str, rows: Rows) -> Rows {
        let Some(rule) = account.rules.first() else {
            return 0;
        };
        let told = rule.told.as_deref().unwrap_or(before);
        let at = match rule.columns.as_slice() {
            [] => return if told == before { 0 } else { rows },
            [at] if rule.field.blank.is_empty() => *at,
            _ => return rows,
        };
        let column = self.column(at);
        let mut judged = rule.cells.borrow_mut();
        let mut otherwise = 0;
        for row in each(rows) {
            let cell = ShortText::of(column.raw(row));
            if cell.and_then(|cell| judged.of(cell)).is_some() {
                continue;
            }
            let named =
                match std::str::from_utf8(self.text(row, &column)).map(|text| stripped(rule.field, text)) {
                    Ok("") => told,
                    Ok(named) => named,
                    Err(_) => "",
                };
            match cell {
                Some(cell) if named == before => judged.keep(cell, 0),
                _ => otherwise |= Rows::from(named != before) << row,
            }
        }
        otherwise
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::GB18030;
    use proptest::prelude::*;

    use super::super::lines::TEST_BLOCK_BYTES;
    use super::super::samples::read_both_ways;
    use crate::ingest::formats::profile::Profile;
    use crate::ingest::formats::testing::{Kept, context, settings, source};

    const BILL: &str = r#"
title = "a bill"
role = "channel"
encodings = ["utf-8", "gb18030"]
[recognise]
header = ["r", "k"]
[frame]
delimiter = ","
quote = '"'
trim = " \t"
end = "end{}"
summary_header = ["sum", "of"]
[[skip]]
column = "k"
is = ["skip"]
[[refuse]]
when = [{ column = "k", is = ["退"] }, { column = "f", is_not = ["", "0.00"] }]
expected = "no fee"
[fields]
channel = { value = "X" }
channel_ref = { columns = "r", required = true }
order_id = { columns = "o", extract = "P-{word}" }
txn_type = { columns = "k", map = { "付" = "PAYMENT", "退" = "REFUND" } }
fee = { columns = "f", sign = { ANY = "positive" } }
currency = { columns = "c" }
txn_time = { columns = "t", pattern = "yyyy-MM-dd HH:mm:ss" }
settle_date = { columns = "t", pattern = "yyyy-MM-dd HH:mm:ss" }
status = { value = "SUCCESS" }
refund_ref = { columns = ["o"], blank = ["0"] }
batch_ref = { join = ["c", "k", "o"], with = "支", blank = ["0"] }
[[fields.amount]]
when = { column = "k", is = ["退"] }
columns = "b"
[[fields.amount]]
columns = "a"
[[total]]
name = "T"
line = "end {count} {paid}"
when = { column = "k", is = ["付"] }
count = "count"
sums = [{ stated = "paid", column = "a", take = "magnitude" }]
"#;

    const STATEMENT: &str = r#"
title = "a statement"
role = "bank"
encodings = ["utf-8", "gb18030"]
[recognise]
header = ["id", "day"]
[number]
thousands = ","
[frame]
delimiter = ","
quote = '"'
trim = " \t"
[fields]
entry_id = { columns = "id", required = true }
account = { from = "source.account", columns = "acc" }
booking_time = { join = ["day", "clock"], with = " ", pattern = "yyyy-MM-dd HH:mm:ss" }
value_date = { columns = "day", pattern = "yyyy-MM-dd" }
amount = { credit_columns = "in", debit_columns = "out", required = true }
currency = { value = "CNY" }
counterparty_name = { columns = "who" }
purpose = { columns = "why" }
balance = { columns = "bal" }
[balance]
order = "oldest first"
"#;

    fn check(profile: &str, encoding: &'static encoding_rs::Encoding, text: &str) {
        let profile = Profile::parse(profile, "x").unwrap();
        let settings = settings(&[("6222", "CNY"), ("6223", "CNY")]);
        let mut source = source(&profile.name, profile.role);
        if profile.role == crate::book::settings::Role::Bank {
            source.account = Some("A0".to_owned());
        }
        let (bytes, _, _) = encoding.encode(text);
        // Runs of one or two rows, and runs as long as they can be.
        for block in [160, 128 << 10] {
            TEST_BLOCK_BYTES.set(block);
            let ctx = context(&settings, &source);
            let _ = read_both_ways(&profile, &bytes, &ctx, &mut Kept::default());
        }
        TEST_BLOCK_BYTES.set(160);
    }

    /// In GBK these two bytes are a character, in UTF-8 a blank that is trimmed.
    #[test]
    fn what_is_in_gbk_is_not_trimmed_as_utf8() {
        let bill = BILL.replace(r#"trim = " \t""#, r#"trim = " \t\u00a0""#);
        let bill = &bill[..bill.find("[[total]]").unwrap()];
        let row = |amount: &str| format!("a1,P-1,付,{amount},1.00,0.00,CNY,2026-11-20 10:00:01\n");
        let usual = row("1.00").repeat(100);
        for amount in ["聽12.00", "聽", "12.00聽"] {
            let text = format!("r,o,k,a,b,f,c,t\n{usual}{}{usual}", row(amount));
            check(&bill.replace("end = \"end{}\"\n", ""), GB18030, &text);
        }
    }

    #[test]
    fn a_day_above_ascii_is_not_remembered() {
        let settled = r#"settle_date = { columns = "t", pattern = "yyyy-MM-dd HH:mm:ss" }"#;
        let bill = BILL.replace(
            settled,
            r#"settle_date = { columns = "b", pattern = "yyyyMM·dd" }"#,
        );
        let bill = bill[..bill.find("[[total]]").unwrap()].replace("end = \"end{}\"\n", "");
        let row = |day: &str| format!("a1,P-1,付,1.00,{day},0.00,CNY,2026-11-20 10:00:01\n");
        let text = format!(
            "r,o,k,a,b,f,c,t\n{}{}",
            row("202611·20").repeat(90),
            row("202611路20")
        );
        check(&bill, GB18030, &text);
    }

    fn cell(usual: &'static [&'static str], odd: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop_oneof![
            12 => prop::sample::select(usual),
            1 => prop::sample::select(odd),
        ]
        .prop_map(str::to_owned)
    }

    fn amount() -> impl Strategy<Value = String> {
        cell(
            &["1.00", "0.53", "12.30", "\"1,000.53\"", "7.00\t"],
            &[
                "",
                "0.00",
                "-1.00",
                "1.5",
                "x",
                "1.005",
                "支",
                "\"2.00\"",
                "99999999999999999999.00",
            ],
        )
    }

    /// Cells of a row, or a line that is none.
    fn bill_row() -> impl Strategy<Value = Result<Vec<String>, &'static str>> {
        let row = (
            cell(
                &["a1", "b2", "支3", "\"q4\"", " c5"],
                &["", "x,y", "a\"b", "支\u{3000}"],
            ),
            cell(&["P-1", "P-22", "0", "x"], &["", "P-支", "\"P-3\""]),
            cell(&["付", "退", "付 "], &["skip", "", "他", "sum"]),
            amount(),
            amount(),
            cell(&["0.00", "0.30"], &["", "-0.10", "x"]),
            cell(&["CNY", "USD"], &["", "JPY", "cny"]),
            cell(
                &[
                    "2026-11-20 10:00:01",
                    "2026-11-20 23:59:59",
                    "2026-11-21 00:00:00",
                ],
                &["", "2026-02-30 00:00:00", "2026-11-20"],
            ),
        );
        let row = row.prop_map(|(r, o, k, a, b, f, c, t)| Ok(vec![r, o, k, a, b, f, c, t]));
        let line = prop::sample::select(vec![
            "",
            " ",
            ",,,,,,,",
            "sum,of,x,x,x,x,x,x",
            "end 1 1.00",
            "short,row",
            "a,b,c,d,e,f,g,h,i",
            "`a,`b,`c,`d,`e,`f,`g,`h,`i",
        ]);
        prop_oneof![30 => row, 1 => line.prop_map(Err)]
    }

    /// What stands before the amounts, what came in, what went out, what stands behind, and a balance that is not the right one.
    type Parts = (String, String, String, String, Option<String>);

    fn statement_row() -> impl Strategy<Value = Parts> {
        let row = (
            cell(&["1", "22", "支3"], &["", "\"4\""]),
            cell(&["6222"], &["6223", "", "9999", "6222****"]),
            cell(&["2026-11-20", "2026-11-21"], &["", "2026-02-30", "20261120"]),
            cell(&["10:00:01", "10:00:01", "23:59:59"], &["", "24:00:00", "1:2:3"]),
            amount(),
            amount(),
            any::<u8>(),
            cell(&["江南茶叶有限公司", "支付a宝", ""], &["\"a,b\"", "€", "x\ty"]),
            cell(&["", "货款", "INTEREST"], &["OWN_OUT"]),
            prop_oneof![30 => Just(None), 1 => prop::sample::select(vec!["", "x", "1.00"]).prop_map(Some)],
        );
        row.prop_map(|(id, acc, day, clock, a, b, side, who, why, bal)| {
            let (credit, debit) = match side {
                0..120 => (a, String::new()),
                120..245 => (String::new(), a),
                _ => (a, b),
            };
            let odd_balance = bal.map(str::to_owned);
            (
                format!("{id},{acc},{day},{clock}"),
                credit,
                debit,
                format!("{who},{why}"),
                odd_balance,
            )
        })
    }

    proptest! {
        #[test]
        fn bills_are_the_same_both_ways(
            rows in prop::collection::vec(bill_row(), 1..200),
            gbk in any::<bool>(),
            marked in any::<bool>(),
            end in prop::sample::select(vec!["\n", "\r\n"]),
            last in prop::sample::select(vec!["", "end 1 1.00\n"]),
        ) {
            let mark = if marked { "`" } else { "" };
            let line = |row: &Result<Vec<String>, &str>| match row {
                Ok(cells) => format!("{mark}{}", cells.join(&format!(",{mark}"))),
                Err(line) => (*line).to_owned(),
            };
            let lines: Vec<String> = rows.iter().map(line).collect();
            let text = format!("r,o,k,a,b,f,c,t{end}{}{end}{last}", lines.join(end));
            let encoding = if gbk { GB18030 } else { encoding_rs::UTF_8 };
            let bill = match marked {
                true => &BILL.replace("quote = '\"'", "cell_mark = \"`\""),
                false => BILL,
            };
            check(bill, encoding, &text);
            // Without its end line and its total a bill of any rows is taken.
            let open = bill.replace("end = \"end{}\"\n", "");
            check(&open[..open.find("[[total]]").unwrap()], encoding, &text);
        }

        #[test]
        fn statements_are_the_same_both_ways(
            rows in prop::collection::vec(statement_row(), 1..200),
            gbk in any::<bool>(),
            end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let mut balance = 100_000;
            let lines: Vec<String> = rows
                .iter()
                .map(|(before, credit, debit, behind, odd)| {
                    let minor = |text: &str| text.replace([',', '.', '"', '\t'], "").parse().unwrap_or(0i64);
                    balance += minor(credit) - minor(debit);
                    let right = format!("{}.{:02}", balance / 100, balance.abs() % 100);
                    format!("{before},{credit},{debit},{behind},{}", odd.as_ref().unwrap_or(&right))
                })
                .collect();
            let text = format!("id,acc,day,clock,in,out,who,why,bal{end}{}{end}", lines.join(end));
            check(STATEMENT, if gbk { GB18030 } else { encoding_rs::UTF_8 }, &text);
            let unbalanced = STATEMENT.replace("balance = { columns = \"bal\" }\n[balance]\norder = \"oldest first\"\n", "");
            check(&unbalanced, if gbk { GB18030 } else { encoding_rs::UTF_8 }, &text);
        }
    }
}
