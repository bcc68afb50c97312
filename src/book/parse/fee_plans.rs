//! `[fee_plan.NAME]`: tiers and rules in order, amounts in minor units of the base currency (R16).

use std::collections::BTreeMap;

use super::{Reader, did_you_mean};
use crate::book::schema::{BookToml, FeePerToml, FeePlanToml, OnRefundToml, TierToml};
use crate::book::settings::{FeePer, FeePlan, FeeRule, FeeTier, OnRefund};
use crate::terms::kinds::{TXN_TYPES, TxnType};
use crate::terms::money::Rounding;

/// A rate of 100 %.
const PPM_MAX: u32 = 1_000_000;

/// The keys that a plan and its rules share.
struct FeeKeys<'a> {
    rate_ppm: Option<u32>,
    tiers: Option<&'a [TierToml]>,
    fixed: Option<&'a String>,
    min: Option<&'a String>,
    max: Option<&'a String>,
    rounding: Rounding,
}

impl Reader<'_> {
    pub(super) fn fee_plans(&mut self, book: &BookToml) -> BTreeMap<String, FeePlan> {
        let mut plans = BTreeMap::new();
        for (name, given) in &book.fee_plan {
            plans.insert(name.clone(), self.fee_plan(name, given));
        }
        plans
    }

    fn fee_plan(&mut self, name: &str, given: &FeePlanToml) -> FeePlan {
        let path = format!("fee_plan.{name}");
        self.well_formed(&path, name);
        let rounding = given.rounding.unwrap_or(Rounding::HalfUp);
        if matches!(given.per, Some(FeePerToml::Day)) && !given.rule.is_empty() {
            self.find(
                &format!("{path}.per"),
                "a fee on the day's gross cannot depend on the channel or type of a row",
                "use per = \"txn\", or take the rules out",
            );
        }
        let mut rules = Vec::new();
        for (index, rule) in given.rule.iter().enumerate() {
            let path = format!("{path}.rule[{index}]");
            if rule.channel.is_none() && rule.txn_type.is_none() {
                self.find(
                    &path,
                    "has neither channel nor txn_type, so no later rule is ever used",
                    "add a condition, or write it as the plan's own keys",
                );
            }
            if let Some(channel) = &rule.channel {
                self.label(&format!("{path}.channel"), channel);
            }
            let txn_type = self.fee_txn_type(&path, rule.txn_type.as_deref());
            let keys = FeeKeys {
                rate_ppm: rule.rate_ppm,
                tiers: rule.tiers.as_deref(),
                fixed: rule.fixed.as_ref(),
                min: rule.min.as_ref(),
                max: rule.max.as_ref(),
                rounding: rule.rounding.unwrap_or(rounding),
            };
            rules.push(self.fee_rule(&path, &keys, rule.channel.clone(), txn_type));
        }
        let own = FeeKeys {
            rate_ppm: given.rate_ppm,
            tiers: given.tiers.as_deref(),
            fixed: given.fixed.as_ref(),
            min: given.min.as_ref(),
            max: given.max.as_ref(),
            rounding,
        };
        rules.push(self.fee_rule(&path, &own, None, TxnType::Payment));
        FeePlan {
            name: name.to_owned(),
            per: match given.per {
                None | Some(FeePerToml::Txn) => FeePer::Txn,
                Some(FeePerToml::Day) => FeePer::Day,
            },
            on_refund: match given.on_refund {
                None | Some(OnRefundToml::Keep) => OnRefund::Keep,
                Some(OnRefundToml::Return) => OnRefund::Return,
            },
            rules,
        }
    }

    fn fee_txn_type(&mut self, path: &str, text: Option<&str>) -> TxnType {
        let Some(text) = text else {
            return TxnType::Payment;
        };
        match TxnType::parse(text.as_bytes()).filter(|txn_type| txn_type.is_merchant()) {
            Some(txn_type) => txn_type,
            None => {
                let near = did_you_mean(text, TXN_TYPES.into_iter());
                self.find(
                    &format!("{path}.txn_type"),
                    format!("found `{text}`, expected a type that settles with a merchant{near}"),
                    "use PAYMENT, REFUND, CHARGEBACK, CHARGEBACK_REVERSAL or ADJUSTMENT",
                );
                TxnType::Payment
            }
        }
    }

    fn fee_rule(
        &mut self,
        path: &str,
        keys: &FeeKeys<'_>,
        channel: Option<String>,
        txn_type: TxnType,
    ) -> FeeRule {
        let min_minor = self.amount(&format!("{path}.min"), keys.min);
        let max_minor = self.amount(&format!("{path}.max"), keys.max);
        if let (Some(min), Some(max)) = (min_minor, max_minor)
            && min > max
        {
            self.find(&format!("{path}.min"), "is above max", "lower min or raise max");
        }
        if keys.rate_ppm.is_none() && keys.tiers.is_none() && keys.fixed.is_none() && min_minor.is_none() {
            self.find(
                path,
                "says no fee: none of rate_ppm, tiers, fixed and min is given",
                "write rate_ppm = 0 if nothing is charged",
            );
        }
        FeeRule {
            channel,
            txn_type,
            tiers: self.tiers(path, keys),
            min_minor: min_minor.unwrap_or(0),
            max_minor,
            rounding: keys.rounding,
        }
    }

    fn tiers(&mut self, path: &str, keys: &FeeKeys<'_>) -> Vec<FeeTier> {
        let Some(given) = keys.tiers else {
            return vec![FeeTier {
                up_to_minor: None,
                rate_ppm: self.rate(&format!("{path}.rate_ppm"), keys.rate_ppm),
                fixed_minor: self.amount(&format!("{path}.fixed"), keys.fixed).unwrap_or(0),
            }];
        };
        let tiers_path = format!("{path}.tiers");
        if keys.rate_ppm.is_some() || keys.fixed.is_some() {
            self.find(
                &tiers_path,
                "stands beside rate_ppm or fixed",
                "put them into the tiers",
            );
        }
        let mut tiers: Vec<FeeTier> = Vec::new();
        for (index, tier) in given.iter().enumerate() {
            let path = format!("{tiers_path}[{index}]");
            let up_to_minor = self.amount(&format!("{path}.up_to"), tier.up_to.as_ref());
            let last = index + 1 == given.len();
            match (up_to_minor, last) {
                (None, false) => self.find(
                    &path,
                    "has no up_to, so no later tier is ever used",
                    "only the last tier has none",
                ),
                (Some(_), true) => self.find(
                    &path,
                    "the last tier has an up_to, so amounts above it would have no rate",
                    "add a last tier without up_to",
                ),
                _ => {}
            }
            let before = tiers.last().and_then(|tier| tier.up_to_minor);
            if let (Some(before), Some(up_to)) = (before, up_to_minor)
                && before >= up_to
            {
                self.find(
                    &format!("{path}.up_to"),
                    "is not above the tier before",
                    "put the tiers in order",
                );
            }
            if tier.rate_ppm.is_none() && tier.fixed.is_none() {
                self.find(&path, "says no fee", "write rate_ppm = 0 if nothing is charged");
            }
            tiers.push(FeeTier {
                up_to_minor,
                rate_ppm: self.rate(&format!("{path}.rate_ppm"), tier.rate_ppm),
                fixed_minor: self
                    .amount(&format!("{path}.fixed"), tier.fixed.as_ref())
                    .unwrap_or(0),
            });
        }
        if tiers.is_empty() {
            self.find(&tiers_path, "the list is empty", "add a tier, or use rate_ppm");
        }
        tiers
    }

    fn rate(&mut self, path: &str, rate_ppm: Option<u32>) -> u32 {
        let rate_ppm = rate_ppm.unwrap_or(0);
        if rate_ppm > PPM_MAX {
            self.find(
                path,
                format!("found {rate_ppm}, expected at most {PPM_MAX} (100 %)"),
                "rates are parts per million: 0.6 % is 6000",
            );
        }
        rate_ppm
    }
}
