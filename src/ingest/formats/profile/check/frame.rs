//! What a profile says of the lines of a file: `[frame]`.

use super::{blank, line};
use crate::ingest::formats::profile::toml_reader::{Faults, Node};
use crate::ingest::formats::profile::{Frame, TimePattern, Trim};

/// How numbers are written; what the keys do not say is as in `default`.
pub(super) fn frame(mut node: Node<'_>, faults: &mut Faults) -> Option<Frame> {
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
