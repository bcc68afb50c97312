//! The fast path: decides by a row group's metadata whether it can take it, decodes its columns side by side in small
//! portions, and hands the rows to the same rules as every other reader.
//!
//! Taken: flat columns of byte strings, 32 and 64-bit numbers and decimals of up to 16 bytes; PLAIN, dictionary and
//! delta encodings; data pages of both versions; uncompressed, zstd, snappy, lz4_raw and gzip. Whatever else comes, and
//! whatever looks damaged, is [`Unfit`]: the crate's reader takes over at the row reached, and says what is wrong.

use std::cell::Cell;

use arrow::array::{
    Array, Date32Array, Decimal128Array, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use arrow::datatypes::TimeUnit;
use arrow::util::display::array_value_to_string;

use super::Unfit;
use super::columns::{ColumnReader, Portion, UNJUDGED, View};
use super::input::Input;
use super::plan::{GroupPlan, Meaning};
use super::unpack::Unpacker;
use super::values::{amount_of_text, date_of, decimal_minor, decimal_text, instant_of, write_time};
use crate::book::settings::Role;
use crate::entries::rows::{Place, Reject, RowSink};
use crate::ingest::canonical::context::{Memory, ReadContext};
use crate::ingest::canonical::layout::{self, FIELDS_MAX};
use crate::ingest::canonical::rules::{self, Table};
use crate::ingest::canonical::values::{self, Fields, TimeMemory, TimeText, Word, Wrong, shown};
use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};
use crate::terms::money::AmountError;

/// Rows decoded at a time: what a portion needs stays in the nearest cache.
const PORTION_ROWS: usize = 1024;

/// Buffers of one thread, used again from row group to row group.
#[derive(Default)]
pub struct Scratch {
    columns: Vec<ColumnReader>,
    unpacker: Unpacker,
}

/// A row that is wanted again.
#[derive(Clone, Copy, Debug)]
pub struct WantedRow<'a> {
    /// Its number in the file, 0-based.
    pub number: u64,
    /// What the caller has kept of it.
    pub kept: Option<Kept<'a>>,
}

impl WantedRow<'_> {
    /// A row of which nothing is kept.
    pub fn by_number(number: u64) -> WantedRow<'static> {
        WantedRow { number, kept: None }
    }
}

/// What a first reading keeps of a platform or bank row, and a second need not unpack: it is most of a file's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// txn_id or entry_id.
    pub id: &'a [u8],
    /// bank_ref.
    pub bank_ref: &'a [u8],
    /// Minor units.
    pub amount_minor: i64,
}

/// Numbers of the fields of [`Kept`], in its order; `None` for the tables that have others.
pub fn kept_fields(role: Role) -> Option<[usize; 3]> {
    let id = match role {
        Role::Platform => "txn_id",
        Role::Bank => "entry_id",
        Role::Channel | Role::Balances | Role::Adjustments => return None,
    };
    let mut numbers = [0; 3];
    for (number, name) in numbers.iter_mut().zip([id, "bank_ref", "amount"]) {
        *number = layout::fields(role).iter().position(|field| field.name == name)?;
    }
    Some(numbers)
}

/// Which rows of a row group are handed on.
#[derive(Clone, Copy)]
pub enum Wanted<'a> {
    /// All.
    All,
    /// These, ascending.
    Rows(&'a [WantedRow<'a>]),
}

impl<'a> Wanted<'a> {
    /// Those of the rows `first..last`.
    pub fn within(self, first: u64, last: u64) -> Wanted<'a> {
        match self {
            Wanted::All => Wanted::All,
            Wanted::Rows(rows) => {
                let from = rows.partition_point(|row| row.number < first);
                let to = rows.partition_point(|row| row.number < last);
                Wanted::Rows(&rows[from..to])
            }
        }
    }

    fn is_none(self) -> bool {
        matches!(self, Wanted::Rows([]))
    }
}

/// Rows of a row group were handed on up to here (their number in the file), then something unfit came.
pub struct Stopped {
    /// The first row that was not handed on.
    pub at: u64,
}

/// Reads a row group of a table.
///
/// # Errors
/// Something that only the crate's reader can judge.
pub fn read<T: Table, S: RowSink>(
    input: &Input,
    plan: &GroupPlan,
    wanted: Wanted<'_>,
    scratch: &mut Scratch,
    context: &ReadContext,
    sink: &mut S,
) -> Result<(), Stopped> {
    let mut reading = Reading {
        input,
        plan,
        scratch,
        at: plan.first_row,
    };
    let stopped = |reading: &Reading<'_>| Stopped { at: reading.at };
    reading.restart();
    let mut memory = Memory::default();
    while reading.at < plan.last_row {
        let Ok(rows) = reading.portion(wanted) else {
            return Err(stopped(&reading));
        };
        let (first, last) = (reading.at, reading.at + rows as u64);
        let wanted = wanted.within(first, last);
        if !wanted.is_none() {
            let mut fields = reading.fields();
            match wanted {
                Wanted::All => {
                    for row in 0..rows {
                        let at = first + row as u64;
                        fields
                            .hand_on::<T, S>(row, at, context, &mut memory, sink)
                            .map_err(|_| Stopped { at })?;
                    }
                }
                Wanted::Rows(rows) => {
                    for wanted in rows {
                        let at = wanted.number;
                        let row = (at - first) as usize;
                        if let (Some(numbers), Some(kept)) = (plan.kept, wanted.kept) {
                            fields.give(numbers, kept);
                        }
                        fields
                            .hand_on::<T, S>(row, at, context, &mut memory, sink)
                            .map_err(|_| Stopped { at })?;
                    }
                }
            }
        }
        reading.at = last;
    }
    reading.check_end().map_err(|_| stopped(&reading))
}

/// Where the reading of a row group stands.
struct Reading<'a> {
    input: &'a Input,
    plan: &'a GroupPlan,
    scratch: &'a mut Scratch,
    at: u64,
}

impl Reading<'_> {
    fn restart(&mut self) {
        let columns = &mut self.scratch.columns;
        let fields = self.plan.columns.len();
        if columns.len() < fields {
            columns.resize_with(fields, ColumnReader::default);
        }
        for (column, planned) in columns.iter_mut().zip(&self.plan.columns) {
            if let Some(planned) = planned {
                column.restart(planned.chunk);
            }
        }
    }

    fn columns(&mut self) -> impl Iterator<Item = &mut ColumnReader> {
        let planned = self.plan.columns.iter();
        let columns = self.scratch.columns.iter_mut().zip(planned);
        columns.filter_map(|(column, planned)| planned.is_some().then_some(column))
    }

    /// Decodes the rows that lie within one page of every column, and gives their number.
    fn portion(&mut self, wanted: Wanted<'_>) -> Result<usize, Unfit> {
        let (input, at) = (self.input, self.at);
        let left = usize::try_from(self.plan.last_row - at).map_err(|_| Unfit)?;
        let mut rows = PORTION_ROWS.min(left);
        let is_wanted = |rows: usize| !wanted.within(at, at.saturating_add(rows as u64)).is_none();
        let unpacker = &mut self.scratch.unpacker;
        for (column, planned) in self.scratch.columns.iter_mut().zip(&self.plan.columns) {
            if planned.is_some() {
                rows = rows.min(column.rows_at_hand(input, unpacker, &is_wanted)?);
            }
        }
        let any = is_wanted(rows);
        for column in self.columns() {
            if any {
                column.decode(rows)?;
            } else {
                column.pass_over(rows)?;
            }
        }
        Ok(rows)
    }

    fn fields(&self) -> PortionFields<'_> {
        let mut fields = PortionFields {
            columns: [const { Column::Absent }; FIELDS_MAX],
            left_out: self.plan.left_out,
            row: 0,
            irregular: false,
        };
        let layout = layout::fields(self.plan.role);
        for (number, planned) in self.plan.columns.iter().enumerate() {
            let Some(planned) = planned else { continue };
            let column = &self.scratch.columns[number];
            let (portion, nulls) = column.portion();
            fields.irregular |= layout[number].id && column.controls;
            fields.columns[number] = match portion {
                Portion::Views(bytes, views) => Column::Texts(bytes, views),
                Portion::Codes(codes, bytes, views, judged) => Column::Codes {
                    codes,
                    bytes,
                    views,
                    judged,
                },
                Portion::Ints(ints) => Column::Ints(ints, &planned.meaning, nulls),
                Portion::Wides(wides) => Column::Wides(wides, &planned.meaning, nulls),
            };
        }
        fields
    }

    /// Every column must be at its end: surplus rows are not dropped in silence.
    fn check_end(&mut self) -> Result<(), Unfit> {
        let input = self.input;
        for column in self.columns() {
            if !column.is_at_end(input)? {
                return Err(Unfit);
            }
        }
        Ok(())
    }
}

/// One column of a portion.
enum Column<'a> {
    /// Not in the file, or not read.
    Absent,
    Texts(&'a [u8], &'a [View]),
    Codes {
        codes: &'a [u32],
        bytes: &'a [u8],
        views: &'a [View],
        judged: &'a [Cell<u16>],
    },
    Ints(&'a [i64], &'a Meaning, Option<&'a [bool]>),
    Wides(&'a [i128], &'a Meaning, Option<&'a [bool]>),
    /// Kept by the caller: the row's own text.
    KeptText(&'a [u8]),
    /// Kept by the caller: the row's own amount.
    KeptMinor(i64),
}

/// The fields of one row of a portion.
struct PortionFields<'a> {
    columns: [Column<'a>; FIELDS_MAX],
    left_out: [bool; FIELDS_MAX],
    row: usize,
    irregular: bool,
}

impl<'a> PortionFields<'a> {
    /// Puts what the caller has kept of the row in the place of columns that are not read.
    fn give(&mut self, [id, bank_ref, amount]: [usize; 3], kept: Kept<'a>) {
        self.columns[id] = Column::KeptText(kept.id);
        self.columns[bank_ref] = Column::KeptText(kept.bank_ref);
        self.columns[amount] = Column::KeptMinor(kept.amount_minor);
    }

    /// Judges a row.
    ///
    /// # Errors
    /// A field is needed that was left out: the file's statistics said that no row would need it.
    #[inline(always)]
    fn hand_on<T: Table, S: RowSink>(
        &mut self,
        row: usize,
        number: u64,
        context: &ReadContext,
        memory: &mut Memory,
        sink: &mut S,
    ) -> Result<(), Unfit> {
        self.row = row;
        let place = Place {
            line: number + 1,
            offset: number,
        };
        if let Err(wrong) = T::row(self, place, self.irregular, context, memory, sink) {
            if self.left_out[wrong.field] {
                return Err(Unfit);
            }
            sink.reject(self.refused(T::ROLE, place, wrong));
        }
        Ok(())
    }

    #[inline(always)]
    fn there(&self, nulls: Option<&[bool]>) -> bool {
        nulls.is_none_or(|nulls| !nulls[self.row])
    }

    /// The number of the row, where the field has one.
    #[inline(always)]
    fn int(&self, field: usize) -> Option<(i64, &Meaning)> {
        match &self.columns[field] {
            Column::Ints(ints, meaning, nulls) if self.there(*nulls) => Some((ints[self.row], meaning)),
            _ => None,
        }
    }

    #[cold]
    fn refused(&self, role: Role, place: Place, wrong: Wrong) -> Reject {
        let found = self.found(wrong.field);
        Reject {
            line: place.line,
            column: 0,
            field: layout::fields(role)[wrong.field].name.to_owned(),
            found: shown(&found),
            expected: wrong.expected.describe(&found),
            amount: rules::amount_of(self, role),
        }
    }

    /// What stands in a field, as the crate shows it.
    fn found(&self, field: usize) -> Vec<u8> {
        let (value, meaning) = match &self.columns[field] {
            Column::Ints(ints, meaning, nulls) if self.there(*nulls) => {
                (i128::from(ints[self.row]), *meaning)
            }
            Column::Wides(wides, meaning, nulls) if self.there(*nulls) => (wides[self.row], *meaning),
            _ => return self.text(field).to_vec(),
        };
        let int = value as i64;
        let array: Box<dyn Array> = match meaning {
            Meaning::Text => return Vec::new(),
            Meaning::Decimal { precision, scale } => {
                match Decimal128Array::from_iter_values([value]).with_precision_and_scale(*precision, *scale)
                {
                    Ok(array) => Box::new(array),
                    Err(error) => return error.to_string().into_bytes(),
                }
            }
            Meaning::Time { unit, zone_name, .. } => match unit {
                TimeUnit::Second => {
                    Box::new(TimestampSecondArray::from_iter_values([int]).with_timezone(zone_name.clone()))
                }
                TimeUnit::Millisecond => Box::new(
                    TimestampMillisecondArray::from_iter_values([int]).with_timezone(zone_name.clone()),
                ),
                TimeUnit::Microsecond => Box::new(
                    TimestampMicrosecondArray::from_iter_values([int]).with_timezone(zone_name.clone()),
                ),
                TimeUnit::Nanosecond => Box::new(
                    TimestampNanosecondArray::from_iter_values([int]).with_timezone(zone_name.clone()),
                ),
            },
            Meaning::Days => Box::new(Date32Array::from_iter_values([int as i32])),
        };
        array_value_to_string(array.as_ref(), 0)
            .unwrap_or_else(|error| error.to_string())
            .into_bytes()
    }
}

impl Fields for PortionFields<'_> {
    #[inline(always)]
    fn text(&self, field: usize) -> &[u8] {
        match &self.columns[field] {
            Column::Texts(bytes, views) => views[self.row].of(bytes),
            Column::Codes {
                codes, bytes, views, ..
            } => views[codes[self.row] as usize].of(bytes),
            Column::KeptText(text) => text,
            _ => &[],
        }
    }

    #[inline(always)]
    fn word<W: Word>(&self, field: usize, judge: impl FnOnce(&[u8]) -> Option<W>) -> Option<W> {
        let Column::Codes {
            codes,
            bytes,
            views,
            judged,
        } = &self.columns[field]
        else {
            return judge(self.text(field));
        };
        let code = codes[self.row] as usize;
        match judged[code].get() {
            UNJUDGED => {
                let word = judge(views[code].of(bytes))?;
                judged[code].set(word.number());
                Some(word)
            }
            number => W::of_number(number),
        }
    }

    #[inline(always)]
    fn repeated(&self, field: usize) -> Option<u32> {
        match &self.columns[field] {
            Column::Codes { codes, .. } => Some(codes[self.row]),
            _ => None,
        }
    }

    #[inline(always)]
    fn amount_minor(&self, field: usize, currency: Currency, signed: bool) -> Result<i64, AmountError> {
        match &self.columns[field] {
            Column::Ints(ints, Meaning::Decimal { scale, .. }, nulls) if self.there(*nulls) => {
                let value = ints[self.row];
                // Nearly every decimal has the decimals of its currency.
                if u32::from(scale.unsigned_abs()) == currency.digits() && value >= 0 {
                    return Ok(value);
                }
                decimal_minor(
                    i128::from(value),
                    u32::from(scale.unsigned_abs()),
                    currency.digits(),
                    signed,
                )
            }
            Column::Wides(wides, Meaning::Decimal { scale, .. }, nulls) if self.there(*nulls) => {
                decimal_minor(
                    wides[self.row],
                    u32::from(scale.unsigned_abs()),
                    currency.digits(),
                    signed,
                )
            }
            Column::KeptMinor(minor) => Ok(*minor),
            _ => amount_of_text(self.text(field), currency, signed),
        }
    }

    fn decimal_text(&self, field: usize) -> Option<String> {
        let (value, scale) = match &self.columns[field] {
            Column::Ints(ints, Meaning::Decimal { scale, .. }, nulls) if self.there(*nulls) => {
                (i128::from(ints[self.row]), scale)
            }
            Column::Wides(wides, Meaning::Decimal { scale, .. }, nulls) if self.there(*nulls) => {
                (wides[self.row], scale)
            }
            _ => return None,
        };
        Some(decimal_text(value, u32::from(scale.unsigned_abs())))
    }

    #[inline(always)]
    fn instant(&self, field: usize, memory: &mut TimeMemory) -> Option<Instant> {
        match &self.columns[field] {
            Column::Ints(ints, meaning, nulls) => match meaning {
                Meaning::Time { unit, .. } if self.there(*nulls) => instant_of(ints[self.row], *unit),
                _ => None,
            },
            _ => values::instant(self.text(field), memory),
        }
    }

    #[inline(always)]
    fn date(&self, field: usize, memory: &mut TimeMemory) -> Option<Date> {
        match self.int(field) {
            Some((days, Meaning::Days)) => i32::try_from(days).ok().and_then(date_of),
            _ => values::date(self.text(field), memory),
        }
    }

    #[inline(always)]
    fn left_out(&self, field: usize) -> bool {
        self.left_out[field]
    }

    fn time_text<'b>(&'b self, field: usize, buffer: &'b mut TimeText) -> &'b [u8] {
        match self.int(field) {
            Some((value, Meaning::Time { unit, zone, .. })) => write_time(value, *unit, zone, buffer),
            Some((_, Meaning::Days)) => match self.date(field, &mut TimeMemory::default()) {
                Some(date) => buffer.set(format_args!("{date}")),
                None => &[],
            },
            _ => self.text(field),
        }
    }
}
