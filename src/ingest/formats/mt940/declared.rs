//! What a bank declares of the entries of a statement: `:90D:`, `:90C:`, `/SUM/`, against what was read.

use super::super::FileRefused;
use super::super::desk::{ASK_THE_BANK, Tallies, Tally, loose_minor, text_of};
use super::super::values::shown;
use super::{Part, Reading};
use crate::terms::currency::Currency;

/// Numbers and sums that the bank declares (`:90D:`, `:90C:`, `/SUM/`), as written.
pub(super) struct Declared {
    pub(super) tag: &'static str,
    pub(super) line: u64,
    pub(super) text: String,
}

/// Entries by what they do and by their mark as written; expected ones apart.
#[derive(Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) booked: Tallies,
    pub(super) written: Tallies,
    pub(super) expected: Tallies,
}

impl Counted {
    pub(super) fn with(mut self, other: Counted) -> Counted {
        self.booked.add_all(other.booked);
        self.written.add_all(other.written);
        self.expected.add_all(other.expected);
        self
    }

    /// What banks count: reversals on the side that they change or on the one that they bear, expected entries or not.
    fn ways(self) -> [Tallies; 4] {
        let [mut both, mut written] = [self.booked, self.written];
        both.add_all(self.expected);
        written.add_all(self.expected);
        [self.booked, both, self.written, written]
    }
}

impl Reading<'_, '_> {
    /// Checks `:90D:`, `:90C:` and `/SUM/` totals and gives the number of those that hold. They hold over their page or
    /// over the whole statement: what does not hold over a page waits for the last one.
    pub(super) fn check_declared(
        &mut self,
        part: &mut Part,
        currency: Currency,
        last: bool,
    ) -> Result<u32, FileRefused> {
        let mut held = 0;
        let whole = part.before.with(part.counted);
        let early = part.late.len();
        let mut all = std::mem::take(&mut part.late);
        all.append(&mut part.declared);
        for (index, declared) in all.into_iter().enumerate() {
            let Some(stated) = read_declared(&declared, currency) else {
                let refused = FileRefused::at(
                    declared.line,
                    format!(
                        "{} found `{}`, expected {}",
                        declared.tag,
                        shown(&declared.text),
                        match declared.tag {
                            SUM =>
                                "numbers of debits and credits and their sums, each behind a `/`".to_owned(),
                            _ => format!("a number of entries, {currency} and their sum"),
                        }
                    ),
                    ASK_THE_BANK,
                );
                self.desk.fail(refused)?;
                continue;
            };
            let page = part.counted.ways().into_iter().filter(|_| index >= early);
            if page.chain(whole.ways()).any(|way| stated.fits(way)) {
                held += 1;
                continue;
            }
            if !last {
                part.late.push(declared);
                continue;
            }
            let refused = FileRefused::at(
                declared.line,
                format!(
                    "statement {}: {} {}",
                    part.name(),
                    declared.tag,
                    stated.against(whole.booked, currency)
                ),
                ASK_THE_BANK,
            );
            self.desk.fail(refused)?;
        }
        Ok(held)
    }
}

/// The tag of totals in the information about a statement.
pub(super) const SUM: &str = "/SUM/";

/// `D000002C000001D2,50C1,00`, as a bank writes it, in the order of `/SUM/`; `None` for any other text.
pub(super) fn sums_by_letter(text: &str) -> Option<String> {
    let (debits, rest) = text.strip_prefix('D')?.split_once('C')?;
    let (credits, rest) = rest.split_once('D')?;
    let (debited, credited) = rest.split_once('C')?;
    let number = |text: &str| text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    let amount =
        |text: &str| text.contains(',') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
    let right = number(debits) && number(credits) && amount(debited) && amount(credited);
    right.then(|| format!("{debits}/{credits}/{debited}/{credited}/"))
}

/// Declared totals as read: those of the sides that they are about.
#[derive(Clone, Copy)]
struct Stated {
    debit: Option<Tally>,
    credit: Option<Tally>,
}

impl Stated {
    fn fits(self, found: Tallies) -> bool {
        self.debit.is_none_or(|stated| stated == found.debit)
            && self.credit.is_none_or(|stated| stated == found.credit)
    }

    /// What was found, and what of it was stated.
    fn against(self, found: Tallies, currency: Currency) -> String {
        let words = |name: &str, found: Tally, stated: Option<Tally>| {
            let stated = stated?;
            Some(format!(
                "found {} {name} of {}, expected {} of {}",
                found.count,
                text_of(found.sum_minor, currency),
                stated.count,
                text_of(stated.sum_minor, currency)
            ))
        };
        let sides = [
            words("debits", found.debit, self.debit),
            words("credits", found.credit, self.credit),
        ];
        sides.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// `5EUR1234,56`, or of `/SUM/` number of debits `/` of credits `/` their sums `/`.
fn read_declared(declared: &Declared, currency: Currency) -> Option<Stated> {
    let text = declared.text.as_str();
    if declared.tag == SUM {
        let mut parts = text.split('/').map(str::trim);
        let (debits, credits) = (parts.next()?, parts.next()?);
        let (debited, credited) = (parts.next()?, parts.next()?);
        return Some(Stated {
            debit: Some(tally(debits, debited, currency)?),
            credit: Some(tally(credits, credited, currency)?),
        });
    }
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, rest) = text.split_at(at);
    let (code, amount) = rest.split_at_checked(3)?;
    (code == currency.code()).then_some(())?;
    let stated = Some(tally(count, amount, currency)?);
    Some(match declared.tag {
        ":90C:" => Stated {
            debit: None,
            credit: stated,
        },
        _ => Stated {
            debit: stated,
            credit: None,
        },
    })
}

fn tally(count: &str, amount: &str, currency: Currency) -> Option<Tally> {
    Some(Tally {
        count: count.parse().ok()?,
        sum_minor: loose_minor(amount.trim(), currency.digits()).ok()?.into(),
    })
}
