//! One close's payouts: sums and balances brought forward in, lines and payouts out (SPEC §6.2, §6.3, R8 to R12).
//!
//! All tables are sorted by merchant and currency and are walked once, side by side: time and memory are linear in
//! their rows. A pure function: called twice with the same inputs it gives the same answer.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::merchants::{MerchantCode, MerchantTerms, Merchants};
use crate::book::settings::Settings;
use crate::day::figures::{Manual, ManualMoves, MerchantSums, PayoutLine, PayoutStatus};
use crate::day::state::{Carried, Due, Hold, IssuedPayout, PayoutProgress, State};
use crate::fees::FeeTable;
use crate::findings::{Finding, Stop, StopCode};
use crate::payouts::checks::{check_conserved, first_too_large, fits};
use crate::payouts::cursor::{Cursor, Key};
use crate::payouts::decide::decide;
use crate::payouts::follow::Returned;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::digest::{PayoutIds, hex_text};
use crate::terms::money::{Rounding, divide};

/// Findings of one kind that are spelt out; the rest are counted.
const NAMED_MAX: usize = 20;

/// What a close's payouts are made of.
#[derive(Clone, Copy)]
pub struct PayoutInputs<'a> {
    /// The book.
    pub settings: &'a Settings,
    /// The merchant master.
    pub merchants: &'a Merchants,
    /// Fee terms, for plans per day.
    pub fees: &'a FeeTable,
    /// D.
    pub business_date: Date,
    /// E (R9).
    pub execution_date: Date,
    /// Sums over the rows that settled, sorted by (merchant, currency), one per key.
    pub sums: &'a [MerchantSums],
    /// What the previous close brought forward: `dues`, `holds`, `carried` and `payouts` are read.
    pub state: &'a State,
    /// Payouts that came back (R13), sorted by (merchant_id, currency), one per key.
    pub returned: &'a [Returned],
    /// What adjustments move of merchants' money (R24), sorted by (merchant_id, currency), one per key. Releases are no
    /// more than is held.
    pub moves: &'a [ManualMoves],
    /// When a merchant's net of day D falls due (R8).
    pub due_date: &'a dyn Fn(MerchantCode, Date) -> Result<Date, Stop>,
}

/// What a close pays and brings forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Every merchant and currency with anything that is not 0, sorted. Those that payouts.csv shows are the ones for
    /// which [`PayoutLine::is_listed`] holds (R17); the others have only undue or held money.
    pub lines: Vec<PayoutLine>,
    /// The next `dues`, sorted.
    pub dues: Vec<Due>,
    /// The next `holds`, sorted.
    pub holds: Vec<Hold>,
    /// The next `carried`, sorted.
    pub carried: Vec<Carried>,
    /// Payouts issued, in the order of the lines.
    pub issued: Vec<IssuedPayout>,
}

/// Settles one close. `withheld` names the pools and currencies of which nothing is paid (R3).
///
/// # Errors
/// 65 when a merchant with a balance is missing from the master (R18) or a published figure does not fit 64 bits;
/// what `due_date` gives (78 for a year no calendar knows); 70 when money was lost or made, or a payout issued twice.
pub fn settle_day(
    inputs: &PayoutInputs<'_>,
    withheld: &BTreeSet<(String, Currency)>,
) -> Result<Settlement, Stop> {
    assert!(
        inputs
            .sums
            .is_sorted_by(|a, b| (a.merchant, a.currency) < (b.merchant, b.currency)),
        "sums are sorted by merchant and currency and unique"
    );
    let mut walk = Walk::new(inputs)?;
    let mut day = Day {
        inputs,
        withheld,
        out: Settlement {
            lines: Vec::new(),
            dues: Vec::new(),
            holds: Vec::new(),
            carried: Vec::new(),
            issued: Vec::new(),
        },
        stops: Vec::new(),
        seen: BTreeSet::new(),
        too_large: Vec::new(),
        ids: PayoutIds::new(&inputs.settings.institution.id),
    };
    while let Some(key) = walk.next_key() {
        let brought = walk.take(key);
        day.settle_one(&brought);
    }
    day.finish()
}

/// The six sorted tables, walked side by side.
struct Walk<'a> {
    sums: std::iter::Peekable<std::slice::Iter<'a, MerchantSums>>,
    dues: Cursor<'a, Due>,
    holds: Cursor<'a, Hold>,
    carried: Cursor<'a, Carried>,
    returned: Cursor<'a, Returned>,
    moves: Cursor<'a, ManualMoves>,
}

/// Everything about one merchant and currency that enters the close.
struct Brought<'a> {
    sums: MerchantSums,
    dues: &'a [Due],
    holds: &'a [Hold],
    carried: &'a [Carried],
    returned: &'a [Returned],
    manual: Manual,
}

impl<'a> Walk<'a> {
    fn new(inputs: &PayoutInputs<'a>) -> Result<Walk<'a>, Stop> {
        let mut unknown: BTreeMap<String, BTreeSet<(Currency, &'static str)>> = BTreeMap::new();
        let mut note = |id: &str, currency, table| {
            unknown
                .entry(id.to_owned())
                .or_default()
                .insert((currency, table));
        };
        let (state, merchants) = (inputs.state, inputs.merchants);
        // Rows of unknown merchants are rejects (R18); codes are sorted, so the last tells of all.
        if inputs
            .sums
            .last()
            .is_some_and(|sums| sums.merchant.0 as usize >= merchants.len())
        {
            return Err(Stop::invariant(
                "sums of a merchant that is not in the master reached the payouts",
            ));
        }
        let walk = Walk {
            sums: inputs.sums.iter().peekable(),
            dues: Cursor::new(
                &state.dues,
                merchants,
                |row| (&row.merchant_id, row.currency),
                |id, c| note(id, c, "a net not yet due"),
            ),
            holds: Cursor::new(
                &state.holds,
                merchants,
                |row| (&row.merchant_id, row.currency),
                |id, c| note(id, c, "money held back"),
            ),
            carried: Cursor::new(
                &state.carried,
                merchants,
                |row| (&row.merchant_id, row.currency),
                |id, c| note(id, c, "a carried balance"),
            ),
            returned: Cursor::new(
                inputs.returned,
                merchants,
                |row| (&row.merchant_id, row.currency),
                |id, c| note(id, c, "a returned payout"),
            ),
            moves: Cursor::new(
                inputs.moves,
                merchants,
                |row| (&row.merchant_id, row.currency),
                |id, c| note(id, c, "an adjustment"),
            ),
        };
        if unknown.is_empty() {
            return Ok(walk);
        }
        Err(Stop {
            code: StopCode::BadData,
            findings: missing_merchants(&unknown),
        })
    }

    fn next_key(&mut self) -> Option<Key> {
        let sums = self.sums.peek().map(|sums| (sums.merchant, sums.currency));
        [
            sums,
            self.dues.peek(),
            self.holds.peek(),
            self.carried.peek(),
            self.returned.peek(),
            self.moves.peek(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn take(&mut self, key: Key) -> Brought<'a> {
        let sums = self
            .sums
            .next_if(|sums| (sums.merchant, sums.currency) == key)
            .copied();
        Brought {
            sums: sums.unwrap_or(MerchantSums::zero(key.0, key.1)),
            dues: self.dues.take(key),
            holds: self.holds.take(key),
            carried: self.carried.take(key),
            returned: self.returned.take(key),
            manual: self
                .moves
                .take(key)
                .first()
                .map_or(Manual::default(), |moves| moves.manual),
        }
    }
}

/// Merchants with a balance that the master does not have (R18), the first twenty by name.
fn missing_merchants(unknown: &BTreeMap<String, BTreeSet<(Currency, &'static str)>>) -> Vec<Finding> {
    let help =
        "put the merchant back into the master (status `closed` if it has left), then run the day again";
    let mut findings: Vec<Finding> = unknown
        .iter()
        .take(NAMED_MAX)
        .map(|(id, what)| {
            let what: Vec<String> = what
                .iter()
                .map(|(currency, table)| format!("{table} in {currency}"))
                .collect();
            Finding::about(
                "merchants",
                format!(
                    "merchant {id} has {} and is not in the merchant master",
                    what.join(", ")
                ),
                help,
            )
        })
        .collect();
    if unknown.len() > NAMED_MAX {
        findings.push(Finding::about(
            "merchants",
            format!(
                "{} more merchants with a balance are not in the merchant master",
                unknown.len() - NAMED_MAX
            ),
            help,
        ));
    }
    findings
}

/// The close as it is being settled.
struct Day<'a, 'b> {
    inputs: &'b PayoutInputs<'a>,
    withheld: &'b BTreeSet<(String, Currency)>,
    out: Settlement,
    stops: Vec<Stop>,
    seen: BTreeSet<Finding>,
    too_large: Vec<String>,
    ids: PayoutIds,
}

impl Day<'_, '_> {
    /// Settles one merchant and currency.
    fn settle_one(&mut self, brought: &Brought<'_>) {
        let inputs = self.inputs;
        let sums = brought.sums;
        let terms = inputs.merchants.get(sums.merchant);
        let Some(net) = self.net(brought, terms) else {
            self.too_large
                .push(format!("merchant {} in {}: fee or hold", terms.id, sums.currency));
            return;
        };
        let due_date = match net.net_minor {
            0 => inputs.business_date,
            _ => match (inputs.due_date)(sums.merchant, inputs.business_date) {
                Ok(date) => date,
                Err(stop) => return self.note(stop),
            },
        };

        let mut next_dues = ByDate::new();
        let mut due_minor = 0;
        let nets = brought
            .dues
            .iter()
            .map(|due| (due.due_date, i128::from(due.amount_minor)));
        for (date, amount) in nets.chain([(due_date, net.net_minor)]) {
            match date <= inputs.execution_date {
                true => due_minor += amount,
                false => next_dues.add(date, amount),
            }
        }
        let opening_minor: i128 = brought.carried.iter().map(|c| i128::from(c.amount_minor)).sum();
        let returned_minor: i128 = brought.returned.iter().map(|r| i128::from(r.amount_minor)).sum();
        let manual = brought.manual;
        let payable_minor = opening_minor + due_minor + manual.net_minor();
        let (status, reason) = decide(
            inputs.settings,
            terms,
            sums.currency,
            payable_minor,
            self.withheld,
        );
        let payout_minor = match status {
            PayoutStatus::Issued => payable_minor,
            PayoutStatus::Carried | PayoutStatus::Withheld | PayoutStatus::None => 0,
        };
        let mut line = PayoutLine {
            sums,
            fee_minor: net.fee_minor,
            hold_minor: net.hold_minor,
            release_minor: net.release_minor,
            net_minor: net.net_minor,
            due_date,
            opening_minor,
            due_minor,
            payout_minor,
            carried_minor: payable_minor - payout_minor + returned_minor,
            returned_minor,
            manual,
            undue_minor: next_dues.total(),
            held_minor_total: net.holds.total(),
            payout_id: None,
            status,
            reason,
        };
        if let Some(name) = first_too_large(&line, next_dues.amounts().chain(net.holds.amounts())) {
            self.too_large
                .push(format!("merchant {} in {}: {name}", terms.id, sums.currency));
            return;
        }
        self.bring_forward(terms, &mut line, next_dues, net.holds);
        let moved = line.manual != Manual::default();
        if line.is_listed() || line.undue_minor != 0 || line.held_minor_total != 0 || moved {
            self.out.lines.push(line);
        }
    }

    /// The day net of SPEC §6.2 with its hold and release; `None` when a product does not fit.
    fn net(&self, brought: &Brought<'_>, terms: &MerchantTerms) -> Option<Net> {
        let sums = &brought.sums;
        let date = self.inputs.business_date;
        let day_fee = self
            .inputs
            .fees
            .day_fee(sums.merchant, sums.day_fee_base_minor)
            .ok()?;
        let fee_minor = sums.fee_minor + i128::from(day_fee);
        let bps = i128::from(terms.hold_bps);
        let hold_minor = divide(sums.gross_minor.checked_mul(bps)?, 10_000, Rounding::HalfUp);
        let release_on = date
            .0
            .checked_add(i32::try_from(terms.hold_days).ok()?)
            .map(Date)?;

        let mut holds = ByRelease::new();
        let mut release_minor = 0;
        for hold in brought.holds {
            match hold.release_date.is_some_and(|release| release <= date) {
                true => release_minor += i128::from(hold.amount_minor),
                false => holds.add(hold.release_date, i128::from(hold.amount_minor)),
            }
        }
        holds.add(None, brought.manual.hold_minor);
        holds.release(brought.manual.release_minor);
        holds.add(Some(release_on), hold_minor);
        let net_minor = sums.gross_minor - sums.refund_minor - sums.chargeback_minor
            + sums.reversal_minor
            + sums.adjustment_minor
            - fee_minor
            + sums.fee_returned_minor
            - hold_minor
            + release_minor;
        Some(Net {
            fee_minor,
            hold_minor,
            release_minor,
            net_minor,
            holds,
        })
    }

    /// Issues the payout of a line and writes what the next close brings forward. Every figure fits 64 bits here.
    fn bring_forward(
        &mut self,
        terms: &MerchantTerms,
        line: &mut PayoutLine,
        dues: ByDate,
        holds: ByRelease,
    ) {
        let inputs = self.inputs;
        let currency = line.sums.currency;
        let account = inputs.settings.payout.accounts.get(&currency);
        if let (PayoutStatus::Issued, Some(account)) = (line.status, account) {
            let id = self.ids.id(&terms.id, currency.code(), inputs.business_date, 1);
            let id = hex_text(&id).to_owned();
            line.payout_id = Some(id.clone());
            self.out.issued.push(IssuedPayout {
                payout_id: id,
                merchant_id: terms.id.clone(),
                currency,
                issued_on: inputs.business_date,
                execution_date: inputs.execution_date,
                sequence: 1,
                amount_minor: fits(line.payout_minor),
                account: account.clone(),
                progress: PayoutProgress::Issued,
                changed_on: inputs.business_date,
            });
        }
        if line.carried_minor != 0 {
            self.out.carried.push(Carried {
                merchant_id: terms.id.clone(),
                currency,
                amount_minor: fits(line.carried_minor),
            });
        }
        self.out
            .dues
            .extend(dues.into_rows().map(|(due_date, amount)| Due {
                merchant_id: terms.id.clone(),
                currency,
                due_date,
                amount_minor: fits(amount),
            }));
        self.out
            .holds
            .extend(holds.into_rows().map(|(release_date, amount)| Hold {
                merchant_id: terms.id.clone(),
                currency,
                release_date,
                amount_minor: fits(amount),
            }));
    }

    /// Keeps a stop, once per finding: a calendar that ends is one finding, not one per merchant.
    fn note(&mut self, stop: Stop) {
        let new: Vec<Finding> = stop
            .findings
            .into_iter()
            .filter(|finding| self.seen.insert(finding.clone()))
            .collect();
        if !new.is_empty() {
            self.stops.push(Stop {
                code: stop.code,
                findings: new,
            });
        }
    }

    fn finish(mut self) -> Result<Settlement, Stop> {
        if !self.too_large.is_empty() {
            let help = "check the amounts of this merchant's rows and of the balances brought forward";
            let more = self.too_large.len().saturating_sub(NAMED_MAX);
            let named = self.too_large.iter().take(NAMED_MAX);
            let mut findings: Vec<Finding> = named
                .map(|what| Finding::about("", format!("{what} is above 2^63 − 1 minor units"), help))
                .collect();
            if more > 0 {
                findings.push(Finding::about(
                    "",
                    format!("{more} more figures are above 2^63 − 1 minor units"),
                    help,
                ));
            }
            self.stops.push(Stop {
                code: StopCode::BadData,
                findings,
            });
        }
        if let Some(stop) = Stop::join(self.stops) {
            return Err(stop);
        }
        check_conserved(self.inputs, &self.out)?;
        Ok(self.out)
    }
}

/// A day net and what it is made of.
struct Net {
    fee_minor: i128,
    hold_minor: i128,
    release_minor: i128,
    net_minor: i128,
    holds: ByRelease,
}

/// Amounts by day, one per day.
type ByDate = SumBy<Date>;
/// Amounts held, by the day of their release; those without one come first (R24).
type ByRelease = SumBy<Option<Date>>;

/// Amounts by a key, one per key, in its order: hardly ever more than a few.
struct SumBy<K>(Vec<(K, i128)>);

impl<K: Ord> SumBy<K> {
    fn new() -> SumBy<K> {
        SumBy(Vec::new())
    }

    fn add(&mut self, key: K, amount_minor: i128) {
        if amount_minor == 0 {
            return;
        }
        match self.0.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(at) => self.0[at].1 += amount_minor,
            Err(at) => self.0.insert(at, (key, amount_minor)),
        }
    }

    fn amounts(&self) -> impl Iterator<Item = i128> {
        self.0.iter().map(|(_, amount_minor)| *amount_minor)
    }

    fn total(&self) -> i128 {
        self.amounts().sum()
    }

    fn into_rows(self) -> impl Iterator<Item = (K, i128)> {
        self.0.into_iter().filter(|(_, amount)| *amount != 0)
    }
}

impl ByRelease {
    /// Takes an amount out by people's decision: first what they held, then what would be released soonest.
    fn release(&mut self, amount_minor: i128) {
        let mut left_minor = amount_minor;
        for (_, held_minor) in &mut self.0 {
            let taken_minor = left_minor.min(*held_minor);
            *held_minor -= taken_minor;
            left_minor -= taken_minor;
        }
        assert!(left_minor == 0, "no more is released than is held");
    }
}
