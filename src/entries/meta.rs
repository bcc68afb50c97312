//! The small fields of an entry packed into 64 bits, so that a kernel touches one word per row.

use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, Funding, Status, TxnType};

/// Packed fields of one entry.
///
/// | bits | field |
/// |---|---|
/// | 0–3 | transaction type; 15 for bank entries |
/// | 4–5 | status |
/// | 6 | direction at the bank: 0 credit, 1 debit |
/// | 7 | has a row of extras (texts that few rows need) |
/// | 8–15 | currency |
/// | 16–31 | channel code of this close |
/// | 32–47 | value date as days after D − 32768, clamped |
/// | 48–52 | netting window |
/// | 53 | funded from a wallet |
/// | 54 | its reference has or once had two or more rows of its side and direction (R5) |
/// | 55 | brought forward from an earlier close |
/// | 56 | takes no part in the leg: kept in the block for its id only |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meta(pub u64);

const NO_TYPE: u64 = 15;
const DEBIT: u64 = 1 << 6;
const EXTRAS: u64 = 1 << 7;
const WALLET: u64 = 1 << 53;
const DUPLICATE: u64 = 1 << 54;
const FORWARD: u64 = 1 << 55;
const NO_LEG: u64 = 1 << 56;
const VALUE_DATE_BIAS: i32 = 32_768;

impl Meta {
    /// A platform or channel row.
    pub fn typed(txn_type: TxnType, status: Status, currency: Currency, channel: u16) -> Meta {
        let debit = if txn_type.direction() == Some(Direction::Debit) {
            DEBIT
        } else {
            0
        };
        Meta(
            txn_type as u64
                | (status as u64) << 4
                | debit
                | u64::from(currency.index()) << 8
                | u64::from(channel) << 16,
        )
    }

    /// A bank entry.
    pub fn bank(direction: Direction, currency: Currency) -> Meta {
        let debit = if direction == Direction::Debit { DEBIT } else { 0 };
        Meta(NO_TYPE | debit | u64::from(currency.index()) << 8)
    }

    /// With the value date, as seen from the business date. Dates further than 89 years away are clamped, which
    /// keeps every comparison with a business date as it was.
    #[must_use]
    pub fn with_value_date(self, value_date: Date, business_date: Date) -> Meta {
        let days = i64::from(value_date.0) - i64::from(business_date.0) + i64::from(VALUE_DATE_BIAS);
        Meta(self.0 | (days.clamp(0, 65_535) as u64) << 32)
    }

    /// With the netting window.
    #[must_use]
    pub fn with_window(self, window: u8) -> Meta {
        assert!(window < 32, "the settings hold at most 32 netting windows");
        Meta(self.0 | u64::from(window) << 48)
    }

    /// With the funding.
    #[must_use]
    pub fn with_funding(self, funding: Funding) -> Meta {
        Meta(if funding == Funding::Balance {
            self.0 | WALLET
        } else {
            self.0
        })
    }

    /// Marked as having a row of extras.
    #[must_use]
    pub fn with_extras(self) -> Meta {
        Meta(self.0 | EXTRAS)
    }

    /// Marked as brought forward; `was_duplicate` as the state says.
    #[must_use]
    pub fn brought_forward(self, was_duplicate: bool) -> Meta {
        Meta(self.0 | FORWARD | if was_duplicate { DUPLICATE } else { 0 })
    }

    /// Marked as taking no part in the leg.
    #[must_use]
    pub fn without_leg(self) -> Meta {
        Meta(self.0 | NO_LEG)
    }

    /// True when the row takes part in the leg.
    pub fn has_leg(self) -> bool {
        self.0 & NO_LEG == 0
    }

    /// Transaction type; `None` for bank entries.
    pub fn txn_type(self) -> Option<TxnType> {
        TxnType::from_index((self.0 & 15) as u8)
    }

    /// True for bank entries.
    #[inline]
    pub fn is_bank(self) -> bool {
        self.0 & 15 == NO_TYPE
    }

    /// Status; bank entries are `Success`.
    pub fn status(self) -> Status {
        Status::from_index((self.0 >> 4 & 3) as u8).unwrap_or(Status::Success)
    }

    /// True when the row expects money.
    pub fn is_success(self) -> bool {
        self.0 >> 4 & 3 == 0
    }

    /// Direction at the bank.
    pub fn direction(self) -> Direction {
        if self.0 & DEBIT == 0 {
            Direction::Credit
        } else {
            Direction::Debit
        }
    }

    /// Currency.
    pub fn currency(self) -> Currency {
        // The index was put in by `typed` or `bank` and is in the table.
        Currency::from_index((self.0 >> 8 & 255) as u8).unwrap_or_else(|| unreachable!("a packed currency"))
    }

    /// Channel code of this close.
    pub fn channel(self) -> u16 {
        (self.0 >> 16 & 65_535) as u16
    }

    /// Value date.
    pub fn value_date(self, business_date: Date) -> Date {
        Date(business_date.0 - VALUE_DATE_BIAS + (self.0 >> 32 & 65_535) as i32)
    }

    /// Netting window.
    pub fn window(self) -> u8 {
        (self.0 >> 48 & 31) as u8
    }

    /// True when funded from a wallet.
    pub fn is_wallet_funded(self) -> bool {
        self.0 & WALLET != 0
    }

    /// True when its reference has or once had two or more rows of its side and direction.
    pub fn was_duplicate(self) -> bool {
        self.0 & DUPLICATE != 0
    }

    /// True when brought forward from an earlier close.
    pub fn is_brought_forward(self) -> bool {
        self.0 & FORWARD != 0
    }

    /// True when the row has extras.
    pub fn has_extras(self) -> bool {
        self.0 & EXTRAS != 0
    }

    /// Currency and direction in one comparable word: two entries can agree only where these are equal.
    pub fn agreement_word(self) -> u64 {
        self.0 & (DEBIT | 255 << 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let day = Date::from_ymd(2026, 11, 20).unwrap();
        let cny = Currency::parse(b"CNY").unwrap();
        let row = Meta::typed(TxnType::Refund, Status::Pending, cny, 513)
            .with_window(7)
            .with_funding(Funding::Balance)
            .with_value_date(day.plus_days(-3), day)
            .brought_forward(true);
        assert_eq!(row.txn_type(), Some(TxnType::Refund));
        assert_eq!(row.status(), Status::Pending);
        assert_eq!(row.direction(), Direction::Debit);
        assert_eq!(row.currency(), cny);
        assert_eq!(row.channel(), 513);
        assert_eq!(row.window(), 7);
        assert_eq!(row.value_date(day), day.plus_days(-3));
        assert!(
            row.is_wallet_funded() && row.was_duplicate() && row.is_brought_forward() && !row.has_extras()
        );
        let entry = Meta::bank(Direction::Credit, cny).with_value_date(Date(i32::MAX), day);
        assert_eq!((entry.txn_type(), entry.is_success()), (None, true));
        assert!(entry.value_date(day) > day);
    }
}
