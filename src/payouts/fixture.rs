//! A small book for the tests of the settlement stages.

use std::collections::BTreeMap;

use crate::book::merchants::{FeeTerms, MerchantStatus, MerchantTerms};
use crate::book::settings::*;
use crate::terms::currency::Currency;

pub(crate) fn currency(code: &str) -> Currency {
    Currency::parse(code.as_bytes()).unwrap()
}

pub(crate) fn merchant(id: &str) -> MerchantTerms {
    MerchantTerms {
        id: id.to_owned(),
        name: String::new(),
        fee: FeeTerms::Columns {
            fee_bps: 60,
            min_minor: 0,
            max_minor: None,
        },
        hold_bps: 0,
        hold_days: 180,
        cycle: Cycle::Business(1),
        min_payout_minor: None,
        currency: None,
        payout_account: "6222".to_owned(),
        payout_bank: "BKCHCNBJ".to_owned(),
        payout_name: format!("{id} Ltd"),
        participant_id: String::new(),
        pool: "default".to_owned(),
        status: MerchantStatus::Active,
        calendar: None,
    }
}

fn account(id: &str, code: &str) -> Account {
    Account {
        id: id.to_owned(),
        bank: "BANK1".to_owned(),
        number: None,
        other_numbers: Vec::new(),
        bic: None,
        cnaps: None,
        name: None,
        currency: currency(code),
        kind: AccountKind::Reserve,
        pool: "default".to_owned(),
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        institution: Institution {
            name: "Example Pay".to_owned(),
            id: "EXPAY".to_owned(),
            base_currency: currency("CNY"),
            time_zone: "Asia/Shanghai".to_owned(),
            cut_off_minutes: 0,
            calendar: "CN".to_owned(),
        },
        accounts: vec![account("RA1", "CNY"), account("RA2", "USD")],
        sources: Vec::new(),
        legs: vec![Leg {
            name: "platform-bank".to_owned(),
            kind: LegKind::PlatformBank,
            channels: None,
            later: Vec::new(),
        }],
        settle_when: vec!["platform-bank".to_owned()],
        fee_plans: BTreeMap::new(),
        channels: BTreeMap::new(),
        payout: PayoutSettings {
            min_minor: 100,
            default_cycle: Cycle::Business(1),
            accounts: [
                (currency("CNY"), "RA1".to_owned()),
                (currency("USD"), "RA2".to_owned()),
            ]
            .into_iter()
            .collect(),
            format: PayoutFormat::Pain001,
            max_per_file: 0,
        },
        netting: Netting {
            mode: NettingMode::Multilateral,
            windows: vec![(720, "12:00".to_owned()), (1440, "24:00".to_owned())],
        },
        reserve: ReserveSettings {
            basis: Basis::Received,
            own_money_allowed_minor: 0,
            regimes: Vec::new(),
        },
        policy: Policy {
            rejects: RejectPolicy::Stop,
            duplicates: DuplicatePolicy::Pair,
            on_shortfall: ShortfallPolicy::Withhold,
            max_age_days: 3,
            alerts: BTreeMap::new(),
        },
        privacy: Privacy { mask_accounts: true },
        sha256: String::new(),
    }
}
