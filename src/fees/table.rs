//! Fees by merchant, prepared once per close so that a row costs one indexed look-up.

use crate::book::merchants::{FeeTerms, MerchantCode, Merchants};
use crate::book::settings::{FeePer, FeePlan, FeeRule, OnRefund, Settings};
use crate::fees::formula::{columns_fee_minor, fee_minor};
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::kinds::TxnType;
use crate::terms::money::AmountOverflow;

/// Fee terms of every merchant and every plan of a book.
#[derive(Clone, Debug)]
pub struct FeeTable {
    by_merchant: Vec<Terms>,
    /// Sorted by name.
    plans: Vec<FeePlan>,
}

/// A merchant's terms with the plan's name resolved.
#[derive(Clone, Copy, Debug)]
enum Terms {
    Columns {
        fee_bps: u32,
        min_minor: i64,
        max_minor: Option<i64>,
    },
    Plan(usize),
}

impl FeeTable {
    /// Prepares the terms of all merchants.
    ///
    /// # Errors
    /// 78 for a plan that does not exist, and for a plan with `per = "day"` that has more than one rule or is not
    /// about PAYMENT: the day's fee is taken once on the day's gross (R16), which no channel or type divides.
    pub fn new(settings: &Settings, merchants: &Merchants) -> Result<FeeTable, Stop> {
        let plans: Vec<FeePlan> = settings.fee_plans.values().cloned().collect();
        let mut findings: Vec<Finding> = plans
            .iter()
            .filter(|plan| plan.per == FeePer::Day)
            .filter(|plan| plan.rules.len() != 1 || plan.rules[0].txn_type != TxnType::Payment)
            .map(|plan| {
                Finding::about(
                    "book.toml",
                    format!("fee_plan.{}: found rules by channel or txn_type beside per = \"day\"", plan.name),
                    "a fee per day is taken once on the day's gross: keep one rule for PAYMENT, or use per = \"txn\"",
                )
            })
            .collect();
        let mut by_merchant = Vec::with_capacity(merchants.len());
        let mut unknown = Vec::new();
        for terms in merchants.terms.iter() {
            by_merchant.push(match &terms.fee {
                FeeTerms::Columns {
                    fee_bps,
                    min_minor,
                    max_minor,
                } => Terms::Columns {
                    fee_bps: *fee_bps,
                    min_minor: *min_minor,
                    max_minor: *max_minor,
                },
                FeeTerms::Plan(name) => {
                    let found = plans.binary_search_by(|plan| plan.name.as_str().cmp(name));
                    if found.is_err() {
                        unknown.push((terms.id.as_str(), name.as_str()));
                    }
                    Terms::Plan(found.unwrap_or(0))
                }
            });
        }
        if let Some((merchant, plan)) = unknown.first() {
            findings.push(Finding::about(
                "book.toml",
                format!(
                    "fee plan `{plan}` of merchant {merchant} does not exist ({} merchants name a plan that does not)",
                    unknown.len()
                ),
                "add the table [fee_plan.NAME], or correct the column fee_plan of the merchant master",
            ));
        }
        match findings.is_empty() {
            true => Ok(FeeTable { by_merchant, plans }),
            false => Err(Stop {
                code: StopCode::Settings,
                findings,
            }),
        }
    }

    /// `None` for [`MerchantCode::NONE`]: rows of wallets have no merchant and cost nothing.
    #[inline]
    fn terms(&self, merchant: MerchantCode) -> Option<Terms> {
        self.by_merchant.get(merchant.0 as usize).copied()
    }

    /// Asks the memory for the terms of a merchant that comes soon.
    #[inline]
    pub fn prefetch(&self, merchant: MerchantCode) {
        crate::terms::prefetch::line_of(&self.by_merchant, merchant.0 as usize);
    }

    /// Fee of one settled row, minor units of its currency; 0 under a plan per day and for types without a rule.
    ///
    /// # Errors
    /// [`AmountOverflow`] when the fee does not fit 64 bits.
    #[inline]
    pub fn fee(
        &self,
        merchant: MerchantCode,
        channel: &[u8],
        txn_type: TxnType,
        amount_minor: i64,
    ) -> Result<i64, AmountOverflow> {
        match self.terms(merchant) {
            None => Ok(0),
            Some(Terms::Columns {
                fee_bps,
                min_minor,
                max_minor,
            }) => match txn_type {
                TxnType::Payment => columns_fee_minor(amount_minor, fee_bps, min_minor, max_minor),
                _ => Ok(0),
            },
            Some(Terms::Plan(plan)) => {
                let plan = &self.plans[plan];
                match plan.per {
                    FeePer::Txn => plan_fee(plan, channel, txn_type, amount_minor),
                    FeePer::Day => Ok(0),
                }
            }
        }
    }

    /// True when rows of this type add to `MerchantSums::day_fee_base_minor`, because their fee is taken per day.
    #[inline]
    pub fn is_per_day(&self, merchant: MerchantCode, txn_type: TxnType) -> bool {
        txn_type == TxnType::Payment
            && matches!(self.terms(merchant),
                Some(Terms::Plan(plan)) if self.plans[plan].per == FeePer::Day)
    }

    /// Fee on the day's gross of a merchant and currency (R16); 0 for a base of 0 and for plans per transaction.
    ///
    /// # Errors
    /// [`AmountOverflow`] when the fee does not fit 64 bits.
    pub fn day_fee(&self, merchant: MerchantCode, day_fee_base_minor: i128) -> Result<i64, AmountOverflow> {
        match self.terms(merchant) {
            Some(Terms::Plan(plan)) if self.plans[plan].per == FeePer::Day && day_fee_base_minor != 0 => self
                .plans[plan]
                .rules
                .last()
                .map_or(Ok(0), |rule| fee_minor(day_fee_base_minor, rule)),
            _ => Ok(0),
        }
    }

    /// True when a refund of this merchant gives its fee back (R16). The columns of the master keep it, and so does
    /// a plan per day, whose fee belongs to no transaction.
    #[inline]
    pub fn returns_fees(&self, merchant: MerchantCode) -> bool {
        matches!(self.terms(merchant),
            Some(Terms::Plan(plan)) if self.plans[plan].on_refund == OnRefund::Return && self.plans[plan].per == FeePer::Txn)
    }

    /// What a channel should charge us for a row by the named plan (R26, FEE_MISMATCH); `None` without such a plan,
    /// and for a plan per day, which says nothing about one row.
    ///
    /// # Errors
    /// [`AmountOverflow`] when the fee does not fit 64 bits.
    pub fn channel_fee(
        &self,
        plan: &str,
        channel: &[u8],
        txn_type: TxnType,
        amount_minor: i64,
    ) -> Result<Option<i64>, AmountOverflow> {
        match self.plans.binary_search_by(|known| known.name.as_str().cmp(plan)) {
            Ok(found) if self.plans[found].per == FeePer::Txn => {
                plan_fee(&self.plans[found], channel, txn_type, amount_minor).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Fee by the first rule whose conditions hold; 0 when none does.
fn plan_fee(
    plan: &FeePlan,
    channel: &[u8],
    txn_type: TxnType,
    amount_minor: i64,
) -> Result<i64, AmountOverflow> {
    let applies = |rule: &&FeeRule| {
        rule.txn_type == txn_type
            && rule
                .channel
                .as_ref()
                .is_none_or(|name| name.as_bytes() == channel)
    };
    plan.rules
        .iter()
        .find(applies)
        .map_or(Ok(0), |rule| fee_minor(i128::from(amount_minor), rule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::settings::FeeTier;
    use crate::payouts::fixture::{merchant, settings};
    use crate::terms::money::Rounding;

    fn plan(name: &str, per: FeePer, rules: &[(Option<&str>, TxnType, u32)]) -> (String, FeePlan) {
        let rules = rules.iter().map(|(channel, txn_type, rate_ppm)| FeeRule {
            channel: channel.map(str::to_owned),
            txn_type: *txn_type,
            tiers: vec![FeeTier {
                up_to_minor: None,
                rate_ppm: *rate_ppm,
                fixed_minor: 0,
            }],
            min_minor: 0,
            max_minor: None,
            rounding: Rounding::HalfUp,
        });
        let plan = FeePlan {
            name: name.to_owned(),
            per,
            on_refund: OnRefund::Return,
            rules: rules.collect(),
        };
        (name.to_owned(), plan)
    }

    #[test]
    fn the_first_rule_whose_conditions_hold_is_used() {
        let mut settings = settings();
        let by_channel = plan(
            "by_channel",
            FeePer::Txn,
            &[
                (Some("CARD"), TxnType::Payment, 20_000),
                (None, TxnType::Refund, 1_000),
                (None, TxnType::Payment, 6_000),
            ],
        );
        let daily = plan("daily", FeePer::Day, &[(None, TxnType::Payment, 15)]);
        settings.fee_plans = [by_channel, daily].into_iter().collect();
        let mut terms = vec![merchant("A"), merchant("B"), merchant("C")];
        terms[1].fee = FeeTerms::Plan("by_channel".to_owned());
        terms[2].fee = FeeTerms::Plan("daily".to_owned());
        let table = FeeTable::new(&settings, &Merchants::new(terms, String::new())).unwrap();
        let check = |merchant, channel: &str, txn_type, fee| {
            let got = table.fee(MerchantCode(merchant), channel.as_bytes(), txn_type, 10_000);
            assert_eq!(got, Ok(fee), "{merchant} {channel} {txn_type:?}");
        };
        check(0, "CARD", TxnType::Payment, 60); // the columns: 60 bp
        check(0, "CARD", TxnType::Refund, 0);
        check(MerchantCode::NONE.0, "CARD", TxnType::Payment, 0);
        check(1, "CARD", TxnType::Payment, 200);
        check(1, "BANK", TxnType::Payment, 60);
        check(1, "BANK", TxnType::Refund, 10);
        check(1, "BANK", TxnType::Chargeback, 0);
        check(2, "BANK", TxnType::Payment, 0);
        assert!(table.is_per_day(MerchantCode(2), TxnType::Payment));
        assert!(!table.is_per_day(MerchantCode(2), TxnType::Refund));
        assert!(!table.is_per_day(MerchantCode(1), TxnType::Payment));
        // 0.15 each on three rows of 100.00 would be 0 + 0 + 0; on the day's 300.00 it is 0.45, rounded 0.
        assert_eq!(table.day_fee(MerchantCode(2), 30_000), Ok(0));
        assert_eq!(table.day_fee(MerchantCode(2), 40_000), Ok(1));
        assert_eq!(table.day_fee(MerchantCode(1), 40_000), Ok(0));
        assert!(table.returns_fees(MerchantCode(1)) && !table.returns_fees(MerchantCode(2)));
        assert_eq!(
            table.channel_fee("by_channel", b"CARD", TxnType::Payment, 50),
            Ok(Some(1))
        );
        assert_eq!(
            table.channel_fee("daily", b"CARD", TxnType::Payment, 50),
            Ok(None)
        );
        assert_eq!(table.channel_fee("none", b"CARD", TxnType::Payment, 50), Ok(None));
    }

    #[test]
    fn plans_that_cannot_work_are_refused() {
        let mut settings = settings();
        settings.fee_plans = [plan(
            "d",
            FeePer::Day,
            &[(Some("X"), TxnType::Payment, 1), (None, TxnType::Payment, 2)],
        )]
        .into_iter()
        .collect();
        let mut terms = vec![merchant("A")];
        terms[0].fee = FeeTerms::Plan("gone".to_owned());
        let stop = FeeTable::new(&settings, &Merchants::new(terms, String::new())).unwrap_err();
        assert_eq!(stop.code, StopCode::Settings);
        assert_eq!(stop.findings.len(), 2, "{stop}");
    }
}
