//! A small day for the tests of the reports and the clearing files.

use std::collections::BTreeMap;

use crate::book::merchants::{FeeTerms, MerchantCode, MerchantStatus, MerchantTerms, Merchants};
use crate::book::settings::{
    Account, AccountKind, Basis, Cycle, DuplicatePolicy, Institution, Netting, NettingMode, PayoutFormat,
    PayoutSettings, Policy, Privacy, RejectPolicy, ReserveSettings, Settings, ShortfallPolicy,
};
use crate::day::figures::{
    AccountLine, AdjustmentLine, BreakLine, CarryReason, Manual, MerchantSums, PayoutLine, PayoutStatus,
};
use crate::report::json::{Json, parse};
use crate::report::manifest::{
    CalendarSeal, Fate, Input, InputBalance, Invariant, Manifest, Output, SealedFile,
};
use crate::report::pools::{self, FIGURES, PoolFigures};
use crate::report::summary::Day;
use crate::report::tables::{RejectLine, ResolvedLine};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::Action;

/// A currency by its code.
pub fn currency(code: &str) -> Currency {
    Currency::parse(code.as_bytes()).unwrap()
}

/// A day by its text.
pub fn date(text: &str) -> Date {
    Date::parse(text.as_bytes()).unwrap()
}

fn account(id: &str, number: &str, code: &str, kind: AccountKind) -> Account {
    Account {
        id: id.to_owned(),
        bank: format!("Bank of {id}"),
        number: (!number.is_empty()).then(|| number.to_owned()),
        other_numbers: Vec::new(),
        bic: None,
        cnaps: None,
        name: None,
        currency: currency(code),
        kind,
        pool: "default".to_owned(),
    }
}

/// Settings with two reserve accounts.
pub fn settings() -> Settings {
    Settings {
        institution: Institution {
            name: "Example Pay".to_owned(),
            id: "EXPAY".to_owned(),
            base_currency: currency("CNY"),
            time_zone: "Asia/Shanghai".to_owned(),
            cut_off_minutes: 0,
            calendar: "CN".to_owned(),
        },
        accounts: vec![
            account("RA1", "6222000000000001", "CNY", AccountKind::Reserve),
            account("RA2", "DE89370400440532013000", "EUR", AccountKind::Reserve),
        ],
        sources: Vec::new(),
        legs: Vec::new(),
        settle_when: Vec::new(),
        fee_plans: BTreeMap::new(),
        channels: BTreeMap::new(),
        payout: PayoutSettings {
            min_minor: 100,
            default_cycle: Cycle::Business(1),
            accounts: BTreeMap::from([
                (currency("CNY"), "RA1".to_owned()),
                (currency("EUR"), "RA2".to_owned()),
            ]),
            format: PayoutFormat::Pain001,
            max_per_file: 0,
        },
        netting: Netting {
            mode: NettingMode::Multilateral,
            windows: vec![(1440, "24:00".to_owned())],
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
        sha256: "0".repeat(64),
    }
}

/// Terms of a merchant with a destination.
pub fn terms(id: &str, name: &str, account: &str, bank: &str) -> MerchantTerms {
    MerchantTerms {
        id: id.to_owned(),
        name: name.to_owned(),
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
        payout_account: account.to_owned(),
        payout_bank: bank.to_owned(),
        payout_name: name.to_owned(),
        participant_id: String::new(),
        pool: "default".to_owned(),
        status: MerchantStatus::Active,
        calendar: None,
    }
}

/// Four merchants at four banks, the last without a destination.
pub fn merchants() -> Merchants {
    Merchants::new(
        vec![
            terms("M1", "北京张三商贸 & Co <1>", "6222000000001111", "102100000021"),
            terms("M2", "Bäckerei Müller", "DE89370400440532013000", "COBADEFFXXX"),
            terms(
                "M3",
                "Three\u{202e}eerhT <script>",
                "6222000000003333",
                "BKCHCNBJ",
            ),
            terms("M4", "Nowhere", "", ""),
        ],
        "1".repeat(64),
    )
}

fn payout(code: u32, net_minor: i128, status: PayoutStatus, reason: Option<CarryReason>) -> PayoutLine {
    let mut sums = MerchantSums::zero(MerchantCode(code), currency("CNY"));
    sums.payment_count = 3;
    sums.gross_minor = net_minor + 600;
    let paid = if status == PayoutStatus::Issued {
        net_minor
    } else {
        0
    };
    PayoutLine {
        sums,
        fee_minor: 600,
        hold_minor: 0,
        release_minor: 0,
        net_minor,
        due_date: date("2026-11-23"),
        opening_minor: 0,
        due_minor: net_minor,
        payout_minor: paid,
        carried_minor: net_minor - paid,
        returned_minor: 0,
        manual: Manual::default(),
        undue_minor: 0,
        held_minor_total: 0,
        payout_id: (paid > 0).then(|| format!("{code:032x}")),
        status,
        reason,
    }
}

/// Three payout lines.
pub fn payouts() -> Vec<PayoutLine> {
    vec![
        payout(0, 97_010, PayoutStatus::Issued, None),
        payout(
            2,
            -123_456_789,
            PayoutStatus::Carried,
            Some(CarryReason::Negative),
        ),
        payout(3, 5_000, PayoutStatus::Carried, Some(CarryReason::NoDestination)),
    ]
}

fn break_line(class: &'static str, reference: &str, code: &str, platform: i64, bank: i64) -> BreakLine {
    BreakLine {
        leg: "platform-bank".to_owned(),
        class,
        bank_ref: reference.to_owned(),
        txn_id: if platform > 0 {
            format!("T-{reference}")
        } else {
            String::new()
        },
        entry_id: if bank > 0 {
            format!("E-{reference}")
        } else {
            String::new()
        },
        merchant_id: "M1".to_owned(),
        platform_minor: (platform > 0).then_some(platform),
        bank_minor: (bank > 0).then_some(bank),
        currency: currency(code),
        account: if bank > 0 { "RA1".to_owned() } else { String::new() },
        break_id: format!("{:0>32}", reference.to_lowercase()),
        first_seen: date("2026-11-20"),
        age_days: 0,
        age_business_days: 0,
        overdue: false,
        platform_file: "platform/p.csv".to_owned(),
        platform_line: 2,
        bank_file: String::new(),
        bank_line: 0,
        cause: None,
        candidates: String::new(),
        entry_type: None,
        refund_ref: String::new(),
    }
}

/// Four breaks: 20.00 and 300.00 CNY, 5000 JPY.
pub fn breaks() -> Vec<BreakLine> {
    vec![
        break_line("AMOUNT_MISMATCH", "REF0", "CNY", 2_000, 1_900),
        BreakLine {
            first_seen: date("2026-11-08"),
            age_days: 12,
            age_business_days: 10,
            overdue: true,
            ..break_line("MISSING_AT_BANK", "REF1", "CNY", 20_000, 0)
        },
        break_line("MISSING_AT_BANK", "REF2", "CNY", 10_000, 0),
        break_line("MISSING_AT_BANK", "REF3<b>", "JPY", 5_000, 0),
    ]
}

fn pool(code: &str, figures: &[(&str, i128)]) -> Json {
    let mut map: BTreeMap<String, Json> = FIGURES
        .iter()
        .map(|name| ((*name).to_owned(), Json::amount(0)))
        .collect();
    for (name, value) in figures {
        map.insert((*name).to_owned(), Json::amount(*value));
    }
    map.insert("pool".to_owned(), Json::text("default"));
    map.insert("currency".to_owned(), Json::text(code));
    Json::Map(map)
}

/// reserve.json of two pools: one whole, one short.
pub fn reserve() -> Json {
    let whole = pool(
        "CNY",
        &[
            ("R", 10_000_000),
            ("balances", 9_000_000),
            ("P", 97_010),
            ("S_bank", 9_999_500),
            ("C", 1_000),
            ("C_strict", -500),
        ],
    );
    let short = pool(
        "EUR",
        &[
            ("R", 1_000),
            ("C", -1_000),
            ("C_int", -1_000),
            ("C_strict", -1_000),
            ("shortfall", 1_000),
        ],
    );
    Json::map([("pools", Json::List(vec![whole, short]))])
}

fn input(role: &str, name: &str) -> Input {
    Input {
        role: role.to_owned(),
        source: role.to_owned(),
        name: name.to_owned(),
        bytes: 123,
        sha256: "ab".repeat(32),
        rows: 3,
        credit_minor: BTreeMap::from([("CNY".to_owned(), 100_000)]),
        debit_minor: BTreeMap::new(),
        balances: vec![InputBalance {
            account: "RA1".to_owned(),
            currency: "CNY".to_owned(),
            opening_minor: Some(-5),
            closing_minor: None,
        }],
    }
}

/// A manifest with something in every list.
pub fn manifest() -> Manifest {
    Manifest {
        institution: "EXPAY".to_owned(),
        business_date: date("2026-11-20"),
        sequence: 1,
        supersedes: None,
        engine: "tieout".to_owned(),
        engine_version: "0.1.0".to_owned(),
        settings_sha256: "0".repeat(64),
        calendar: CalendarSeal {
            id: "CN".to_owned(),
            sha256: "2".repeat(64),
        },
        copies: vec![SealedFile {
            path: "settings/book.toml".to_owned(),
            bytes: 1,
            sha256: "0".repeat(64),
        }],
        inputs: vec![input("bank", "bank/b.csv"), input("platform", "platform/p.csv")],
        outputs: vec![
            Output {
                path: "breaks.csv".to_owned(),
                bytes: 10,
                sha256: "3".repeat(64),
                rows: Some(4),
                sums: BTreeMap::from([(
                    "platform_minor".to_owned(),
                    BTreeMap::from([("CNY".to_owned(), 32_000), ("JPY".to_owned(), 5_000)]),
                )]),
            },
            Output {
                path: "summary.json".to_owned(),
                bytes: 10,
                sha256: "4".repeat(64),
                rows: None,
                sums: BTreeMap::new(),
            },
        ],
        fates: vec![Fate {
            role: "bank".to_owned(),
            fate: "matched".to_owned(),
            currency: "CNY".to_owned(),
            rows: 3,
            sum_minor: 100_000,
        }],
        rejects: 2,
        invariants: vec![Invariant {
            id: "conservation:CNY".to_owned(),
            lhs: 1,
            rhs: 1,
            ok: true,
        }],
        reserve: parse(&reserve().write()).unwrap(),
        previous: None,
        tree_roots: BTreeMap::new(),
    }
}

/// The whole day.
pub struct Sample {
    settings: Settings,
    merchants: Merchants,
    payouts: Vec<PayoutLine>,
    breaks: Vec<BreakLine>,
    resolved: Vec<ResolvedLine>,
    accounts: Vec<AccountLine>,
    /// Pools of reserve.json.
    pub pools: Vec<PoolFigures>,
    rejects: Vec<RejectLine>,
    inputs: Vec<Input>,
    adjustments: Vec<AdjustmentLine>,
}

impl Sample {
    /// The day of the samples above.
    pub fn of_the_day() -> Sample {
        let account = |account, closing_minor| AccountLine {
            account,
            credit_count: 3,
            credit_minor: 100_000,
            debit_count: 0,
            debit_minor: 0,
            opening_minor: closing_minor - 100_000,
            closing_minor,
            book_opening_minor: 0,
        };
        Sample {
            settings: settings(),
            merchants: merchants(),
            payouts: payouts(),
            breaks: breaks(),
            resolved: vec![ResolvedLine {
                break_id: "0".repeat(32),
                leg: "platform-bank".to_owned(),
                class: "MISSING_AT_BANK".to_owned(),
                first_seen: date("2026-11-19"),
                resolved_on: date("2026-11-20"),
                age_days: 1,
            }],
            accounts: vec![account(0, 9_999_500), account(1, 0)],
            pools: pools::read(&reserve()).unwrap(),
            rejects: vec![RejectLine {
                file: "platform/p.csv".to_owned(),
                line: 7,
                column: 12,
                field: "amount".to_owned(),
                found: "10.005".to_owned(),
                expected: "at most 2 decimals (CNY)".to_owned(),
            }],
            inputs: manifest().inputs,
            adjustments: vec![AdjustmentLine {
                adjustment_id: "ADJ-1".to_owned(),
                action: Action::WriteOff,
                target: "1".repeat(32),
                leg: "platform-bank".to_owned(),
                class: "MISSING_AT_PLATFORM".to_owned(),
                txn_id: String::new(),
                entry_id: "E9".to_owned(),
                account: "RA1".to_owned(),
                merchant_id: String::new(),
                currency: currency("CNY"),
                amount_minor: 700,
                own_money_minor: 700,
                first_seen: Some(date("2026-11-19")),
                reason: "nobody <claims> it".to_owned(),
                prepared_by: "lin".to_owned(),
                approved_by: "wang".to_owned(),
                approved_at: "2026-11-20T18:00:00+08:00".to_owned(),
                file: "adjustments.csv".to_owned(),
                line: 2,
            }],
        }
    }

    /// The day as the reports take it.
    pub fn day(&self) -> Day<'_> {
        Day {
            settings: &self.settings,
            merchants: &self.merchants,
            business_date: date("2026-11-20"),
            sequence: 1,
            execution_date: date("2026-11-23"),
            payouts: &self.payouts,
            breaks: &self.breaks,
            causes: &[],
            shares: &[],
            resolved: &self.resolved,
            accounts: &self.accounts,
            pools: &self.pools,
            rejects: &self.rejects,
            inputs: &self.inputs,
            adjustments: &self.adjustments,
        }
    }
}
