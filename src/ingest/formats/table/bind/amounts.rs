//! Amounts of a row: the usual ones at once, all others by what the profile says of signs, sides and sums (R37).

use super::super::cut::Row;
use super::super::spreadsheet::changed;
use super::Bound;
use super::bad::Bad;
use super::rule::{Figure, Rule, first, stripped};
use crate::ingest::formats::profile::Sign;
use crate::ingest::formats::values::{SCALE_DIGITS, amount_expected};
use crate::terms::currency::Currency;
use crate::terms::kinds::{TXN_TYPES, TxnType};

impl<'p> Bound<'p> {
    /// The signed amount of the field: as written, or with two columns positive in and negative out.
    ///
    /// # Errors
    /// As [`Bound::text`], or it is no amount of the currency.
    #[inline]
    pub fn signed(&self, row: &Row<'_>, currency: Currency) -> Result<(i64, Option<usize>), Bad> {
        self.signed_of(self.rule(row)?, row, currency)
    }

    #[inline(always)]
    pub(super) fn signed_of(
        &self,
        rule: &Rule<'p>,
        row: &Row<'_>,
        currency: Currency,
    ) -> Result<(i64, Option<usize>), Bad> {
        if let Some((minor, at)) = rule.usual_signed(row, currency.digits()) {
            return Ok((minor, Some(at)));
        }
        self.signed_by(rule, row, currency)
    }

    #[inline(never)]
    pub(super) fn signed_by(
        &self,
        rule: &Rule<'p>,
        row: &Row<'_>,
        currency: Currency,
    ) -> Result<(i64, Option<usize>), Bad> {
        let digits = currency.digits();
        let read = |text: &str, at: Option<usize>| {
            let minor = rule.field.number.minor(text, digits);
            minor.map_err(|error| {
                let expected = amount_expected(error, currency.code(), digits);
                let expected = rule.field.number.or_by_key(expected, text, error);
                let expected = rule.field.number.or_zeros(expected, text, error, digits);
                self.bad(at, text, expected + changed(text))
            })
        };
        if !rule.sum.is_empty() {
            return self.added(row, rule, currency);
        }
        if rule.credit.is_empty() {
            let (text, at) = self.text_of(rule, row)?;
            let minor = read(&text, at)?;
            return Ok((if rule.field.negate { -minor } else { minor }, at));
        }
        let side = |columns: &[usize]| {
            let (text, at) = first(rule.field, row, columns);
            let text = stripped(rule.field, text);
            Ok((if text.is_empty() { 0 } else { read(text, at)? }, at))
        };
        let ((credit, credit_at), (debit, debit_at)) = (side(&rule.credit)?, side(&rule.debit)?);
        if credit == 0 && debit == 0 {
            // Both empty is no amount at all; one zero is an amount of nothing.
            let empty =
                |columns: &[usize]| stripped(rule.field, first(rule.field, row, columns).0).is_empty();
            if rule.field.required && empty(&rule.credit) && empty(&rule.debit) {
                return Err(self.bad(credit_at, "", "an amount, in or out"));
            }
            return Ok((0, credit_at));
        }
        if debit == 0 {
            // A minus sign in the column of what came in takes it back: money out.
            return Ok((credit, credit_at));
        }
        if credit == 0 {
            // Likewise here, unless the format writes all that went out with one.
            let out = if rule.field.debit_is_negative {
                -debit.abs()
            } else {
                -debit
            };
            return Ok((out, debit_at));
        }
        let found = row.cell(debit_at.unwrap_or(0));
        Err(self.bad(debit_at, found, "one amount, in or out, not both"))
    }

    pub(super) fn added(
        &self,
        row: &Row<'_>,
        rule: &Rule<'_>,
        currency: Currency,
    ) -> Result<(i64, Option<usize>), Bad> {
        // Parts may have more decimals than the currency; their sum may not.
        let mut sum: i128 = 0;
        for at in &rule.sum {
            let (text, at) = first(rule.field, row, &[*at]);
            if !text.is_empty() {
                let part = rule.field.number.scaled(text);
                sum += part.map_err(|error| {
                    let expected = rule.field.number.or_by_key("an amount".to_owned(), text, error);
                    self.bad(at, text, expected)
                })?;
            }
        }
        let (at, digits) = (rule.sum.first().copied(), currency.digits());
        match rule.field.number.minor_of_scaled(sum, digits) {
            Ok(minor) => Ok((minor, at)),
            Err(error) => {
                let text = crate::terms::money::format_minor(sum, SCALE_DIGITS);
                let text = text.trim_end_matches('0').trim_end_matches('.');
                Err(self.bad(at, text, amount_expected(error, currency.code(), digits)))
            }
        }
    }

    /// The signed amount of a row as it stands, whatever its decimals, and the column.
    ///
    /// # Errors
    /// It is no amount, or has more decimals than are counted.
    pub fn scaled(&self, row: &Row<'_>, currency: Currency) -> Result<(i128, Option<usize>), Bad> {
        let rule = self.rule(row)?;
        let (text, at) = self.text_of(rule, row)?;
        let number = &rule.field.number;
        match number.scaled(&text) {
            Ok(scaled) => Ok((if rule.field.negate { -scaled } else { scaled }, at)),
            Err(error) => {
                let expected = amount_expected(error, currency.code(), SCALE_DIGITS);
                Err(self.bad(at, &text, number.or_by_key(expected, &text, error)))
            }
        }
    }

    /// Checks a sign against the habits of the field and gives the magnitude.
    ///
    /// # Errors
    /// The sign contradicts.
    #[inline]
    pub fn magnitude_of(
        &self,
        row: &Row<'_>,
        signed: (i64, Option<usize>),
        kind: Option<TxnType>,
    ) -> Result<i64, Bad> {
        self.magnitude_by(self.rule(row)?, row, signed, kind)
    }

    #[inline(always)]
    pub(super) fn magnitude_by(
        &self,
        rule: &Rule<'p>,
        row: &Row<'_>,
        (minor, at): (i64, Option<usize>),
        kind: Option<TxnType>,
    ) -> Result<i64, Bad> {
        let sign = rule.signs[kind.map_or(TXN_TYPES.len(), |kind| kind as usize)];
        if !matches!(
            (sign, minor < 0),
            (Sign::Positive, true) | (Sign::Negative, false)
        ) || minor == 0
        {
            return Ok(minor.abs());
        }
        let of = || kind.map_or(String::new(), |kind| format!(" on {}", kind.name()));
        let found = || at.map_or("", |at| row.cell(at));
        match sign {
            Sign::Positive => Err(self.bad(at, found(), format!("no minus sign{}", of()))),
            _ => Err(self.bad(at, found(), format!("a minus sign{}", of()))),
        }
    }

    /// The magnitude of an amount whose sign is as the profile says for this type.
    ///
    /// # Errors
    /// As [`Bound::signed`], or the sign contradicts.
    #[inline]
    pub fn magnitude(&self, row: &Row<'_>, currency: Currency, kind: Option<TxnType>) -> Result<i64, Bad> {
        let rule = self.rule(row)?;
        self.magnitude_by(rule, row, self.signed_of(rule, row, currency)?, kind)
    }
}

impl Rule<'_> {
    /// The signed amount and the cell that it stands in, where it is a usual one; `None` where it needs a closer look.
    #[inline(always)]
    pub(super) fn usual_signed(&self, row: &Row<'_>, digits: u32) -> Option<(i64, usize)> {
        match self.figure {
            Figure::Cell(at) => Some((self.usual_of_cell(row.bytes(at), digits)?, at)),
            Figure::Sides(credit, debit) => {
                let minor = self.usual_of_sides(row.bytes(credit), row.bytes(debit), digits)?;
                Some((minor, if minor < 0 { debit } else { credit }))
            }
            Figure::Ruled => None,
        }
    }

    /// As above, of an amount with its sign.
    #[inline(always)]
    pub fn usual_of_cell(&self, cell: &[u8], digits: u32) -> Option<i64> {
        let minor = self.field.number.usual_minor(cell, digits)?;
        Some(if self.field.negate { -minor } else { minor })
    }

    /// As above, of what came in and what went out: one of the two, and not nothing.
    #[inline(always)]
    pub fn usual_of_sides(&self, came_in: &[u8], went_out: &[u8], digits: u32) -> Option<i64> {
        let is_out = came_in.is_empty();
        let text = if is_out { went_out } else { came_in };
        let minor = self.field.number.usual_minor(text, digits)?;
        let is_one = is_out != went_out.is_empty() && minor > 0;
        is_one.then_some(if is_out { -minor } else { minor })
    }
}
