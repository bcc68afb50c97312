//! What a profile says of control totals: `[[total]]`.

use super::{conditions, line};
use crate::ingest::formats::profile::toml_reader::{Faults, Node};
use crate::ingest::formats::profile::{Stated, Sum, Take, Total};

/// One `[[total]]` with its sums.
pub(super) fn total(mut node: Node<'_>, faults: &mut Faults) -> Option<Total> {
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
