//! Rows of CSV, written cell by cell into one text: no text for a number or a day on the way.

use crate::report::table::push_text;
use crate::terms::currency::Currency;
use crate::terms::date::Date;

/// Rows to be written, cell by cell from left to right.
#[derive(Default)]
pub struct Line {
    bytes: Vec<u8>,
    cells: usize,
}

impl Line {
    /// Writes a text.
    pub fn text(&mut self, text: &str) -> &mut Line {
        push_text(self.cell(), text);
        self
    }

    /// Writes a sum in minor units; nearly all fit 64 bits, which are written faster.
    pub fn minor(&mut self, sum_minor: i128) -> &mut Line {
        match i64::try_from(sum_minor) {
            Ok(minor) => self.integer(minor),
            Err(_) => self.integer(sum_minor),
        }
    }

    /// Begins a cell that needs no quotes.
    fn cell(&mut self) -> &mut Vec<u8> {
        if self.cells > 0 {
            self.bytes.push(b',');
        }
        self.cells += 1;
        &mut self.bytes
    }

    /// Writes an integer.
    pub fn integer(&mut self, number: impl itoa::Integer) -> &mut Line {
        let mut buffer = itoa::Buffer::new();
        self.cell().extend_from_slice(buffer.format(number).as_bytes());
        self
    }

    /// Writes a currency.
    pub fn currency(&mut self, currency: Currency) -> &mut Line {
        self.text(currency.code())
    }

    /// Writes a day.
    pub fn date(&mut self, date: Date) -> &mut Line {
        date.push(self.cell());
        self
    }

    /// Writes a day, or nothing.
    pub fn date_or_none(&mut self, date: Option<Date>) -> &mut Line {
        match date {
            Some(date) => self.date(date),
            None => self.text(""),
        }
    }

    /// Writes a moment in UTC: RFC 3339, or the plain number outside the years 1 to 9999; nothing for 0.
    pub fn time_ms(&mut self, time_ms: i64) -> &mut Line {
        if time_ms == 0 {
            return self.text("");
        }
        let (days, of_day) = (time_ms.div_euclid(86_400_000), time_ms.rem_euclid(86_400_000));
        match i32::try_from(days).map(Date) {
            Ok(date) if (1..=9999).contains(&date.ymd().0) => {
                let seconds = of_day / 1000;
                let digit = |number: i64| b'0' + (number % 10) as u8;
                let two = |number: i64| [digit(number / 10), digit(number)];
                let ([h, hour], [m, minute], [s, second]) =
                    (two(seconds / 3600), two(seconds / 60 % 60), two(seconds % 60));
                let millis = [of_day / 100, of_day / 10, of_day].map(digit);
                let cell = self.cell();
                date.push(cell);
                cell.extend_from_slice(&[b'T', h, hour, b':', m, minute, b':', s, second, b'.']);
                cell.extend_from_slice(&millis);
                cell.push(b'Z');
                self
            }
            _ => self.integer(time_ms),
        }
    }

    /// Ends a row, which has as many cells as its table has columns.
    pub fn end(&mut self, columns: usize) {
        assert_eq!(
            self.cells, columns,
            "a row has as many cells as its table has columns"
        );
        self.bytes.push(b'\n');
        self.cells = 0;
    }

    /// The rows that were written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
