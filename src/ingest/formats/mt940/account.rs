//! Whose a statement is and what its balances are: `:25:` and `:60F:`, `:62F:`.

use super::super::FileRefused;
use super::super::desk::{ASK_THE_BANK, Balance, Desk, loose_minor, short_date};
use super::super::values::shown;
use crate::terms::currency::Currency;

/// The names by which the book may know an account, the most exact first.
pub(super) fn account_names(value: &str) -> Vec<String> {
    let whole = value.trim();
    let mut names = vec![whole.to_owned()];
    let tight: String = whole.chars().filter(|c| !c.is_whitespace()).collect();
    names.push(tight.clone());
    let bare = |text: &str| {
        // The currency may stand behind the number.
        let end = text.len().checked_sub(3)?;
        let code = text.get(end..)?;
        (end > 4 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then(|| text[..end].to_owned())
    };
    names.extend(bare(&tight));
    let parts: Vec<&str> = tight.split('/').collect();
    if let [code, number] = parts[..] {
        names.extend(german_iban(code, number));
    }
    if parts.len() > 1 {
        for part in parts.iter().rev() {
            let digits = part.bytes().filter(u8::is_ascii_digit).count();
            if digits >= 4 {
                names.push((*part).to_owned());
                names.extend(bare(part));
            }
        }
    }
    names.dedup();
    names
}

/// The IBAN of a German bank code and account number.
fn german_iban(code: &str, number: &str) -> Option<String> {
    let number = number.trim_start_matches('0');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if code.len() != 8 || number.len() > 10 || !digits(code) || !digits(number) {
        return None;
    }
    let basic = format!("{code}{number:0>10}");
    // D is 13, E is 14; the check digits make the whole 1 modulo 97.
    let value: u128 = format!("{basic}131400").parse().ok()?;
    Some(format!("DE{:02}{basic}", 98 - value % 97))
}

/// A balance `C160229EUR1200,00`.
pub(super) fn read_balance(
    value: &str,
    tag: &str,
    line: u64,
) -> Result<(Balance, Currency, bool), FileRefused> {
    let refuse = |what: &str, found: &str, expected: &str| {
        FileRefused::at(
            line,
            format!("{tag}: {what}: found `{}`, expected {expected}", shown(found)),
            ASK_THE_BANK,
        )
    };
    let value = value.trim();
    let (negative, rest) = match value.as_bytes().first() {
        Some(b'C') => (false, &value[1..]),
        Some(b'D') => (true, &value[1..]),
        _ => return Err(refuse("mark", value, "C or D")),
    };
    let rest = rest.trim_start();
    let Some((dated, rest)) = rest.split_at_checked(6) else {
        return Err(refuse("date", rest, "a date YYMMDD"));
    };
    let Some((date, moved)) = short_date(dated) else {
        return Err(refuse("date", dated, "a date YYMMDD that exists"));
    };
    let Some((code, amount)) = rest.split_at_checked(3) else {
        return Err(refuse("currency", rest, "a currency code"));
    };
    let Some(currency) = Currency::parse(code.as_bytes()) else {
        return Err(refuse("currency", code, "a currency code that is in use"));
    };
    let Ok(minor) = loose_minor(amount.trim(), currency.digits()) else {
        return Err(refuse("amount", amount, &format!("an amount in {currency}")));
    };
    let minor = if negative { -minor } else { minor };
    Ok((Balance { date, minor }, currency, moved))
}

/// The currency of a balance must be that of its account.
pub(super) fn check_currency(
    desk: &Desk<'_>,
    index: usize,
    currency: Currency,
    tag: &str,
    line: u64,
) -> Result<(), FileRefused> {
    match desk.currency(index) {
        Some(expected) if expected != currency => Err(FileRefused::at(
            line,
            format!("{tag}: currency: found `{currency}`, expected {expected}, the currency of the account"),
            "correct the account in book.toml, or ask the bank for the statement of this account",
        )),
        _ => Ok(()),
    }
}
