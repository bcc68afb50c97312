//! One record of the table: given as a row, passed over, or refused with what was found and expected.
//!
//! In: a record and the [`Plan`]. Out: a row or a reject for the sink; every figure of it for totals and balance, also of rows that
//! are not taken.

use super::super::profile::{self, Frame};
use super::super::values::shown;
use super::bind::{BoundCondition, all_hold};
use super::cells::CutFrom;
use super::cut::{Row, Standing, anchor, record_bytes, standing};
use super::fields::Fields;
use super::framing::{is_summary_header, without_padding};
use super::header::titles_of;
use super::lines::{Quotes, Record};
use super::{At, Table, differs, said};
use crate::entries::rows::Reject;

/// What is expected in the place of a second header.
const HEADER_AGAIN: &str = "a row: two files may have been put together, so fetch each by itself; where the sender writes the header at the top of each page, say `header_again = true` in [frame]";

/// What is said of a record at fixed places that is longer by a return.
pub(super) const TWO_RETURNS: &str = " with two carriage returns (CR CR LF) at the end of the line, of which a transfer in text mode adds one: fetch the file again, in binary";

/// Characters of a line that is not ended that are shown.
const OPEN_END_CHARS: usize = 40;

impl<'r> Table<'r> {
    /// Gives a row. False where a record in GBK is to be looked at as text first, and nothing was done.
    pub(super) fn row(&mut self, record: &Record<'_>) -> bool {
        if self.is_open && !self.last_line_is_proven(record) {
            return self.refuse_open(record);
        }
        self.last_row = record.place;
        let (encoding, marks) = (self.encoding, self.marks);
        let is_short = self.profile.frame.blanks_cut && record.raw.len() < record_bytes(&self.profile.frame);
        let follows = is_short && self.balance_proves_the_last();
        let is_header = self.is_header_again(record);
        let Table {
            profile,
            ctx,
            sink,
            times,
            totals,
            chain,
            plan: Some(plan),
            cut,
            seen,
            digest,
            at,
            summary_titles,
            room,
            ..
        } = self
        else {
            return true;
        };
        let frame = &profile.frame;
        let expected = plan.titles.len();
        let (mut result, mut found, mut guarded) = (Ok(()), expected, true);
        if plan.cuts_needed && cut.cut_needed(record, frame, &plan.edges, &plan.needed, expected) {
            // Nothing else is to be known.
        } else if record.in_gbk {
            if record.quotes == Quotes::Any
                || !cut.cut_in_gbk(record, frame, encoding, &plan.needed, expected)
            {
                return false;
            }
        } else {
            result = cut.cut(record, frame, encoding, true);
            found = cut.cells.len();
            guarded = frame.fixed.is_empty();
            if found == expected + 1
                && frame.trailing_delimiter
                && cut.cells[expected].0 == cut.cells[expected].1
            {
                // What stands behind the last delimiter must be nothing.
                cut.cells.pop();
            } else if let (Some(at), true) = (plan.free_text, found > expected) {
                anchor(&mut cut.cells, at, expected);
                cut.trim(record, frame, [at]);
                guarded = false;
            }
        }
        let mut row = cut.row(record);
        let fits = row.cells.len() == expected
            && (guarded
                || plan
                    .guards
                    .iter()
                    .all(|(at, pattern)| pattern.read(row.cell(*at)).is_some()));
        if !fits && result.is_ok() && summary_titles.is_empty() && is_summary_header(frame, &row) {
            *summary_titles = without_padding(titles_of(&row));
            *at = At::Summary;
            return true;
        }
        if !fits || result.is_err() {
            let (mut found, expected) = misfit(frame, record.raw.len(), result, found, expected);
            if !frame.fixed.is_empty() && record.raw.ends_with(b"\r") {
                found += TWO_RETURNS;
            }
            let words = format!("a row: found {found}, expected {expected}");
            totals.add_unknown(record.place.line, &words);
            if let Some(chain) = chain {
                chain.add_unknown(record.place.line, &words);
            }
            sink.reject(Reject {
                line: record.place.line,
                column: 0,
                field: "row".to_owned(),
                found,
                expected,
                amount: None,
            });
            return true;
        }
        // What tells a row is all that was delivered of it.
        let mut delivered = None;
        if !frame.blank.is_none() {
            delivered = plan.needs_digest.then(|| cut.cells.clone());
            cut.empty_blanks(record, frame, &plan.needed);
            row = cut.row(record);
        }
        let skipped = plan.skipped.iter().find(|skipped| all_hold(&skipped.when, &row));
        if is_short && skipped.is_none() && !follows {
            let cut_off = plan.fields.figures().find_map(|figure| {
                figure.cut_off(
                    &row,
                    |at| standing(record.raw, frame, at),
                    |at| totals.prove(&row, at),
                )
            });
            if let Some(at) = cut_off {
                let reject = cut_figure(record, frame, &row, at);
                let words = format!(
                    "{}: found {}, expected {}",
                    reject.field, reject.found, reject.expected
                );
                totals.add_unknown(record.place.line, &words);
                if let Some(chain) = chain {
                    chain.add_unknown(record.place.line, &words);
                }
                sink.reject(reject);
                return true;
            }
        }
        if is_header && skipped.is_none() {
            let reject = Reject {
                line: record.place.line,
                column: 0,
                field: "row".to_owned(),
                found: "the header once more".to_owned(),
                expected: HEADER_AGAIN.to_owned(),
                amount: None,
            };
            let words = format!("a row: found {}, expected {}", reject.found, reject.expected);
            totals.add_no_row(&row, &words);
            if let Some(chain) = chain {
                chain.add_unknown(record.place.line, &words);
            }
            sink.reject(reject);
            return true;
        }
        totals.add(&row, skipped.is_some());
        let adds_up = match skipped {
            Some(skipped) if skipped.adds_up => plan.fields.adds_up(&row),
            _ => Ok(()),
        };
        if skipped.is_some() && adds_up.is_ok() {
            sink.not_booked(row.place);
            return true;
        }
        if plan.needs_digest {
            let cells = delivered.as_deref().unwrap_or(row.cells);
            let value = match &plan.fields {
                Fields::Bank(fields) => {
                    said::digest(fields, &row, &plan.telling, times, ctx, &mut digest.said)
                }
                Fields::Channel(_) => None,
            };
            row.id = digest.of(&Row { cells, ..row }, value, seen);
        }
        let mut refused = plan.refused.iter();
        let refused = refused.find(|(when, _)| adds_up.is_ok() && all_hold(when, &row));
        if let Some((when, why)) = refused {
            sink.reject(refusal(&row, when, why, &plan.titles));
        }
        let is_refused = refused.is_some();
        let result = match &mut plan.fields {
            _ if adds_up.is_err() => adds_up,
            Fields::Channel(_) if is_refused => Ok(()),
            Fields::Channel(fields) => fields.give(&row, times, &mut **sink),
            Fields::Bank(fields) => {
                let mut figures = None;
                if let Some(chain) = chain {
                    match fields.balanced(&row, times) {
                        Ok(Some(balanced)) => {
                            chain.add(&balanced.account, balanced.currency, balanced.link);
                            figures = Some(balanced.figures);
                        }
                        Ok(None) => {}
                        Err(bad) => {
                            let bad = bad.reject(&row, false, &plan.titles);
                            let words =
                                format!("{}: found `{}`, expected {}", bad.field, bad.found, bad.expected);
                            chain.add_unknown(row.place.line, &words);
                        }
                    }
                }
                if is_refused {
                    Ok(())
                } else {
                    fields.give(&row, figures, times, ctx, &mut **sink)
                }
            }
        };
        if let Err(bad) = result {
            let reject = match cut.cut_from {
                CutFrom::Plain => bad.reject(&row, false, &plan.titles),
                CutFrom::Record if !record.in_gbk => bad.reject(&row, true, &plan.titles),
                // Its columns are counted in the text.
                CutFrom::Record | CutFrom::Mixed(_) => {
                    let whole = record.whole(marks, room);
                    let result = cut.cut(&whole, frame, encoding, true);
                    let from_line = result.is_ok() && cut.cut_from == CutFrom::Record;
                    bad.reject(&cut.row(&whole), from_line, &plan.titles)
                }
            };
            sink.reject(reject);
        }
        true
    }

    /// True when a row that is cut off at the end of the file would be found out, or nobody expects a line end there. A record
    /// of fixed places that has all of them is whole by its length.
    pub(super) fn last_line_is_proven(&self, record: &Record<'_>) -> bool {
        let frame = &self.profile.frame;
        let is_whole = !frame.fixed.is_empty() && record.raw.len() == record_bytes(frame);
        is_whole || frame.last_line_open || self.totals.prove_sums() || self.balance_proves_the_last()
    }

    /// True when the running balance would show that the last row was cut off: it stands behind the amount, so that what is
    /// cut is cut from it, or it follows from the row before whatever stands where.
    pub(super) fn balance_proves_the_last(&self) -> bool {
        let (Some(balance), Some(plan), Some(_)) = (&self.profile.balance, &self.plan, &self.chain) else {
            return false;
        };
        let Fields::Bank(fields) = &plan.fields else {
            return false;
        };
        let last_of = |name: &str| {
            let rules = self.profile.fields.get(name).into_iter().flatten();
            let titles = rules.flat_map(profile::Field::titles);
            titles
                .filter_map(|title| plan.titles.iter().position(|it| it == title))
                .max()
        };
        fields.has_balance()
            && !balance.may_break
            && (balance.order == profile::Order::OldestFirst || last_of("balance") > last_of("amount"))
    }

    /// Refuses the row at the end of the file, which may go on: an amount that is cut off is an amount too. False where the
    /// record is to be looked at as text first.
    #[cold]
    pub(super) fn refuse_open(&mut self, record: &Record<'_>) -> bool {
        if record.in_gbk {
            return false;
        }
        let expected = "a line end behind the last row, as behind the lines before it: the file may be cut off; fetch it again, and if the sender never ends the last line, say `last_line_open = true` in [frame]";
        let line = record.place.line;
        // Its end is what shows where it was cut.
        let cells = record.text.chars().rev().take(OPEN_END_CHARS).collect::<Vec<_>>();
        let end: String = cells.into_iter().rev().collect();
        let mut found = differs::masked_line(&end);
        if end.len() < record.text.len() {
            found = format!("…{found}");
        }
        self.totals.add_unknown(
            line,
            &format!("the last line: found {found}, expected a line end behind it"),
        );
        self.sink.reject(Reject {
            line,
            column: 0,
            field: "line".to_owned(),
            found,
            expected: expected.to_owned(),
            amount: None,
        });
        true
    }
}

/// What was found and expected of a row that does not have the shape of the table.
#[cold]
pub(super) fn misfit(
    frame: &super::profile::Frame,
    bytes: usize,
    cut: Result<(), String>,
    found: usize,
    expected: usize,
) -> (String, String) {
    match cut {
        Err(what) if !frame.fixed.is_empty() => {
            let expected = record_bytes(frame);
            let blanks = if bytes < expected {
                "; where blanks at the end of lines are cut off on the way, say `blanks_cut = true` in [frame]"
            } else {
                ""
            };
            (
                what,
                format!("{expected} bytes with its fields at their places{blanks}"),
            )
        }
        Err(what) if frame.cell_mark.is_some() => (what, "the mark before every field".to_owned()),
        Err(what) => (what, "quotes only around whole fields".to_owned()),
        Ok(()) if found == expected => (
            "fields of other kinds".to_owned(),
            "times where the profile has them".to_owned(),
        ),
        Ok(()) => (
            format!("{found} fields"),
            format!("{expected} fields, as in the header"),
        ),
    }
}

/// A figure of which nothing shows that it ends where its record does: digits may have been cut off with the blanks.
#[cold]
pub(super) fn cut_figure(record: &Record<'_>, frame: &Frame, row: &Row<'_>, at: usize) -> Reject {
    let (title, width) = frame
        .fixed
        .get(at)
        .map_or(("", 0), |(title, width)| (title.as_str(), *width));
    let (found, ends, help) = match standing(record.raw, frame, at) {
        Standing::Ends(bytes) => (shown(row.cell(at)), format!("with {bytes} of them"), ""),
        _ => (
            "no figure".to_owned(),
            "before it".to_owned(),
            ", and where the sender leaves it blank, say `empty = \"0\"` in its field",
        ),
    };
    Reject {
        line: record.place.line,
        column: 0,
        field: title.to_owned(),
        found,
        expected: format!(
            "a figure of {width} bytes: the record ends {ends}, and no sum of this column shows that only blanks were cut off; \
             fetch the file again; where all files are so, ask the sender for a total of this column and say it in `sums` of a [[total]]{help}"
        ),
        amount: None,
    }
}

#[cold]
pub(super) fn refusal(row: &Row<'_>, when: &[BoundCondition<'_>], why: &str, titles: &[String]) -> Reject {
    let at = when.first().and_then(BoundCondition::column);
    let title = at.and_then(|at| titles.get(at)).map_or("row", String::as_str);
    Reject {
        line: row.place.line,
        column: 0,
        field: "row".to_owned(),
        found: shown(at.map_or("", |at| row.cell(at))),
        expected: format!("{why} (column {title})"),
        amount: None,
    }
}
