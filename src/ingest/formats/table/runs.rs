//! Rows of a table many at a time: runs of rows are read column by column, and given as far as they are usual; all others go
//! to the reader of one record, in their order.

use bumpalo::Bump;

use crate::ingest::formats::FileRefused;

use super::bind::BoundCondition;
use super::by_column::{Cells, RUN_ROWS, Rows, each};
use super::fields::Fields;
use super::lines::{Block, Run};
use super::usual::Usual;
use super::{At, Plan, SkippedWhen, Table, Way, is_of_delimiters};

/// What the columns of a run say of its rows; those that are in neither must be looked at closely.
#[derive(Default)]
struct RunRead {
    /// Usual rows.
    given: Rows,
    /// Rows that the profile skips.
    skipped: Rows,
}

impl Table<'_> {
    /// True where rows of these fields can be read many at a time.
    pub(super) fn are_by_column(
        &self,
        fields: &Fields<'_>,
        skipped: &[SkippedWhen<'_>],
        refused: &[(Vec<BoundCondition<'_>>, &str)],
    ) -> bool {
        let skipped = skipped.iter().map(|skipped| &skipped.when);
        let mut conditions = skipped.chain(refused.iter().map(|(when, _)| when));
        let of_one_cell = |when: &Vec<BoundCondition<'_>>| when.iter().all(BoundCondition::is_of_one_cell);
        let frame = &self.profile.frame;
        self.way == Way::ByColumn
            && frame.fixed.is_empty()
            && (frame.cell_mark.is_none() || frame.quote.is_none())
            && frame.row_types.is_empty()
            && frame.blank.is_none()
            && self.totals.are_by_column()
            && conditions.all(of_one_cell)
            && Usual::is_of(fields)
    }

    /// Takes the records of a block: rows many at a time, where there are many that have the cells of the header.
    pub(super) fn block(&mut self, block: Block<'_>) -> Result<(), FileRefused> {
        let mut arena = std::mem::take(&mut self.arena);
        arena.reset();
        self.is_open = block.is_open();
        let result = self.records(block, &arena);
        self.arena = arena;
        result
    }

    fn records<'t>(&mut self, mut block: Block<'t>, arena: &'t Bump) -> Result<(), FileRefused> {
        let mut usual: Option<Box<Usual<'t>>> = None;
        loop {
            if let Some(plan) = self.plan.as_ref().filter(|plan| plan.by_column)
                && self.at == At::Rows
                && !self.is_open
                && let Some(delimiters) = self.delimiters(plan)
                && let Some(run) = block.run(delimiters, RUN_ROWS)
            {
                let usual = usual.get_or_insert_with(|| Box::new(Usual::new(&plan.fields, arena)));
                self.run(&run, usual, arena)?;
                continue;
            }
            match block.next() {
                Some(record) => self.record(&record)?,
                None => return Ok(()),
            }
        }
    }

    /// Delimiters of a row that has the cells of the header.
    fn delimiters(&self, plan: &Plan<'_>) -> Option<usize> {
        let between = plan.titles.len().checked_sub(1)?;
        Some(between + usize::from(self.ends_with_delimiter))
    }

    /// Gives the rows of a run: those that are usual as their columns say, all others one by one, in their order.
    fn run<'t>(&mut self, run: &Run<'t>, usual: &mut Usual<'t>, arena: &'t Bump) -> Result<(), FileRefused> {
        let read = self.look_at(run, usual, arena);
        let done = read.given | read.skipped;
        let mut row = 0;
        while row < run.rows {
            let rows_done = (!done >> row).trailing_zeros() as usize;
            // What one row is may be that no other follows, so that those before it are counted, and not yet those behind it.
            if rows_done == 0 || self.at != At::Rows {
                self.record(&run.record(row))?;
                row += 1;
                continue;
            }
            let behind = (row + rows_done).min(run.rows);
            let rows = (Rows::MAX >> (RUN_ROWS - (behind - row))) << row;
            self.give(rows, &read, run, usual);
            row = behind;
        }
        Ok(())
    }

    /// Gives rows that follow on each other.
    fn give(&mut self, rows: Rows, read: &RunRead, run: &Run<'_>, usual: &Usual<'_>) {
        let Table {
            totals, chain, sink, ..
        } = self;
        totals.add_run(rows, read.skipped);
        if let (Usual::Bank(usual), Some(chain)) = (usual, chain) {
            usual.add_balances(rows & read.given, run, chain);
        }
        for row in each(rows) {
            match usual {
                _ if read.skipped >> row & 1 == 1 => sink.not_booked(run.place(row)),
                Usual::Channel(usual) => usual.give(row, run, &mut **sink),
                Usual::Bank(usual) => usual.give(row, run, &mut **sink),
            }
        }
    }

    /// Reads the columns of a run. Nothing is done yet but that usual words and days are remembered.
    fn look_at<'t>(&mut self, run: &Run<'t>, usual: &mut Usual<'t>, arena: &'t Bump) -> RunRead {
        let mut read = RunRead::default();
        let Table {
            profile,
            ctx,
            times,
            totals,
            plan: Some(plan),
            may_be_frame,
            may_be_frame_high,
            ends_with_delimiter,
            header,
            ..
        } = self
        else {
            return read;
        };
        let mut left: Rows = Rows::MAX >> (RUN_ROWS - run.rows);
        let mark = profile.frame.cell_mark;
        let mut cells = Cells::new(run, &profile.frame, &plan.edges, arena);
        for row in each(left) {
            let is_row = match cells.first_byte(row) {
                Some(0x80..) if run.in_gbk() => !*may_be_frame_high,
                Some(first) => !may_be_frame[usize::from(first)],
                None => false,
            };
            let is_row = is_row
                && !(cells.first_byte(row) == Some(profile.frame.delimiter)
                    && is_of_delimiters(run.record(row).bytes, &profile.frame));
            let is_row = is_row && mark.is_none_or(|mark| cells.first_byte(row) == Some(mark));
            left &= !(Rows::from(!is_row) << row);
        }
        if *ends_with_delimiter {
            // What stands behind the last delimiter must be nothing.
            left &= cells.empty(plan.titles.len(), left);
        }
        left &= !totals.look_at(&mut cells, left);
        for skipped in &plan.skipped {
            read.skipped |= cells.holding(&skipped.when, left & !read.skipped);
        }
        left &= !read.skipped;
        // The header once more is no row that is passed over.
        for row in each(read.skipped) {
            let is_header = header.as_slice() == run.record(row).raw;
            read.skipped &= !(Rows::from(is_header) << row);
        }
        for (when, _) in &plan.refused {
            left &= !cells.holding(when, left);
        }
        let closely = match (&plan.fields, usual) {
            (Fields::Channel(fields), Usual::Channel(rows)) => rows.read(fields, &mut cells, left, times),
            (Fields::Bank(fields), Usual::Bank(rows)) => rows.read(fields, &mut cells, left, times, ctx),
            _ => left,
        };
        read.given = left & !closely;
        if cells.failed {
            return RunRead::default();
        }
        read
    }
}
