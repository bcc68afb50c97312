//! What `book.toml` may say, and in what words it is refused.

use super::*;
use crate::book::passes::{BatchAmounts, EntriesSeen, Pass, QuotedField, References};
use crate::book::settings::{FeeTier, LegKind, OnRefund};
use crate::terms::kinds::TxnType;
use crate::terms::money::Rounding;

/// SPEC §3's example, and a statement source for its leg.
pub(crate) const EXAMPLE: &str = r#"
[institution]
name = "Example Pay"
id = "EXPAY"
base_currency = "CNY"
time_zone = "Asia/Shanghai"
cut_off = "00:00"
calendar = "CN"

[[account]]                       # one per bank account
id = "RA1"
bank = "BANK1"
number = "6222000000000001"       # optional: bic, cnaps (what a clearing file needs)
currency = "CNY"
kind = "reserve"                  # reserve | own | receivable
pool = "default"

[[source]]
name = "platform"
role = "platform"
format = "canonical"
files = ["platform/*.csv"]
required = true

[[source]]
name = "bank"
role = "bank"
format = "canonical"
files = ["bank/*.csv"]

[[leg]]
name = "platform-bank"
left = "platform"
right = "bank"
channels = ["BANK", "UNIONPAY"]   # optional: rows of these channels need this leg
passes = ["exact"]

[settle]
when = ["platform-bank"]          # legs that must have matched before a merchant is paid

[fee_plan.standard]
rate_ppm = 6000
on_refund = "keep"

[payout]
min_amount = "1.00"
default_cycle = "T+1"
account = "RA1"                   # or a table by currency
format = "pain.001"

[netting]
mode = "multilateral"
windows = ["12:00", "24:00"]

[reserve]
basis = "received"
own_money_allowed = "0.00"
regimes = ["pboc", "cass15"]

[policy]
rejects = "stop"
duplicates = "pair"
on_shortfall = "withhold"
max_age_days = 3
[policy.alert]
MISSING_AT_BANK = { count = 50, amount = "10000.00" }
"#;

/// The example with one text replaced, as findings.
fn told(from: &str, to: &str) -> String {
    assert!(EXAMPLE.contains(from), "{from}");
    match parse_settings(&EXAMPLE.replacen(from, to, 1), "book.toml") {
        Ok(_) => "accepted".to_owned(),
        Err(stop) => {
            assert_eq!(stop.code, StopCode::Settings);
            stop.to_string()
        }
    }
}

fn accepted(from: &str, to: &str) -> Settings {
    assert!(EXAMPLE.contains(from), "{from}");
    parse_settings(&EXAMPLE.replacen(from, to, 1), "book.toml").unwrap()
}

#[test]
fn one_number_may_stand_for_accounts_in_several_currencies() {
    let two = |second: &str| {
        EXAMPLE.replacen(
            "[[account]]",
            &format!("[[account]]\nid = \"X1\"\nbank = \"B\"\nnumber = \"BE68539007547034\"\ncurrency = \"EUR\"\nkind = \"own\"\n\n[[account]]\nid = \"X2\"\nbank = \"B\"\nnumber = \"BE68539007547034\"\ncurrency = \"{second}\"\nkind = \"own\"\n\n[[account]]"),
            1,
        )
    };
    let settings = parse_settings(&two("USD"), "book.toml").unwrap();
    let id = |code: &[u8]| {
        let index = settings
            .account_in("BE68539007547034", Currency::parse(code).unwrap())
            .unwrap();
        settings.accounts[index].id.as_str()
    };
    assert_eq!([id(b"EUR"), id(b"USD"), id(b"GBP")], ["X1", "X2", "X1"]);
    assert_eq!(settings.currencies_of("BE68539007547034").count(), 2);
    let found = parse_settings(&two("EUR"), "book.toml").unwrap_err().to_string();
    assert!(
        found.contains("the same number is given twice for one currency"),
        "{found}"
    );
}

#[test]
fn the_example_reads() {
    let settings = parse_settings(EXAMPLE, "book.toml").unwrap();
    let cny = Currency::parse(b"CNY").unwrap();
    assert_eq!(settings.institution.base_currency, cny);
    assert_eq!(settings.accounts[0].pool, "default");
    assert!(settings.sources[0].required && !settings.sources[1].required);
    assert_eq!(settings.legs[0].kind, LegKind::PlatformBank);
    assert_eq!(settings.payout.min_minor, 100);
    assert_eq!(
        settings.payout.accounts.get(&cny).map(String::as_str),
        Some("RA1")
    );
    assert_eq!(settings.payout.format, PayoutFormat::Pain001);
    assert_eq!(
        settings.netting.windows,
        [(720, "12:00".to_owned()), (1440, "24:00".to_owned())]
    );
    assert_eq!(settings.reserve.regimes, ["pboc", "cass15"]);
    let alert = Alert {
        count: Some(50),
        amount_minor: Some(1_000_000),
    };
    assert_eq!(settings.policy.alerts.get("MISSING_AT_BANK"), Some(&alert));
    let tier = FeeTier {
        up_to_minor: None,
        rate_ppm: 6000,
        fixed_minor: 0,
    };
    assert_eq!(settings.fee_plans["standard"].rules[0].tiers, [tier]);
    assert_eq!(settings.sha256, sha256_hex(EXAMPLE.as_bytes()));
    assert!(settings.privacy.mask_accounts);
}

#[test]
fn line_ends_and_a_byte_order_mark_change_nothing() {
    let settings =
        parse_settings(&format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n")), "book.toml").unwrap();
    assert_eq!(settings.institution.id, "EXPAY");
    let stop = parse_settings(
        &EXAMPLE.replace('\n', "\r\n").replace("pool =", "pol ="),
        "book.toml",
    )
    .unwrap_err();
    assert_eq!((stop.findings[0].line, stop.findings[0].column), (16, 1));
}

/// A damaged text reads or is refused with a finding; it is never our own fault (exit 70).
#[test]
fn damaged_texts_are_refused_with_a_finding() {
    let judge = |text: &str| {
        if let Err(stop) = parse_settings(text, "book.toml") {
            assert_eq!(stop.code, StopCode::Settings, "{text}\n{stop}");
            assert!(
                !stop.findings.is_empty() && stop.findings.iter().all(|f| f.line > 0),
                "{text}\n{stop}"
            );
        }
    };
    for line in EXAMPLE.lines() {
        judge(&EXAMPLE.replacen(line, "", 1));
        judge(&EXAMPLE.replacen(line, &line.replace('"', ""), 1));
        judge(&EXAMPLE.replacen(line, &line.replace("[[", "[").replace("]]", "]"), 1));
    }
    for cut in (0..EXAMPLE.len()).step_by(13) {
        judge(&EXAMPLE[..cut]);
    }
}

#[test]
fn a_short_book_has_defaults() {
    let cut = EXAMPLE.find("[netting]").unwrap();
    let text = EXAMPLE[..cut]
        .replace("cut_off = \"00:00\"\n", "")
        .replace("min_amount = \"1.00\"\ndefault_cycle = \"T+1\"\n", "")
        .replace("passes = [\"exact\"]\n", "")
        .replace("format = \"pain.001\"\n", "");
    let settings = parse_settings(&text, "book.toml").unwrap();
    assert_eq!(settings.institution.cut_off_minutes, 0);
    assert_eq!(settings.netting.mode, NettingMode::Multilateral);
    assert_eq!(settings.netting.windows, [(1440, "24:00".to_owned())]);
    assert_eq!(settings.reserve.basis, Basis::Received);
    assert_eq!(settings.policy.rejects, RejectPolicy::Stop);
    assert_eq!(settings.policy.duplicates, DuplicatePolicy::Pair);
    assert_eq!(settings.policy.on_shortfall, ShortfallPolicy::Withhold);
    assert_eq!(settings.policy.max_age_days, 3);
    assert_eq!(settings.payout.default_cycle, Cycle::Business(1));
    assert_eq!(settings.payout.min_minor, 0);
    assert!(settings.legs[0].later.is_empty());
}

#[test]
fn unknown_keys_are_named_with_their_place() {
    assert_eq!(
        told("min_amount", "min_amout"),
        "book.toml:46:1: unknown key `min_amout` in [payout], did you mean `min_amount`?\n  \
         help: known keys: account, default_cycle, format, max_per_file, min_amount"
    );
    assert!(
        told("[reserve]", "[reserv]")
            .starts_with("book.toml:55:2: unknown key `reserv`, did you mean `reserve`?")
    );
    assert!(told("count = 50", "cuont = 50").contains("`cuont` in [policy.alert.MISSING_AT_BANK]"));
    let stop = told("bank = \"BANK1\"", "bnak = \"BANK1\"");
    assert!(
        stop.contains("book.toml:12:1: unknown key `bnak` in [[account]], did you mean `bank`?"),
        "{stop}"
    );
    assert!(stop.contains("[[account]] has no `bank`"), "{stop}");
}

#[test]
fn floats_and_wrong_types_are_refused_in_plain_words() {
    assert_eq!(
        told("min_amount = \"1.00\"", "min_amount = 1.00"),
        "book.toml:46:14: min_amount: found a number with a decimal point, expected text in quotes\n  \
         help: write amounts as text, so that no digit is lost: \"12.34\""
    );
    assert_eq!(
        told("rate_ppm = 6000", "rate_ppm = 0.6"),
        "book.toml:42:12: rate_ppm: found a number with a decimal point, expected a whole number\n  \
         help: write rates as whole parts per million, never floats: 0.6 % is 6000"
    );
    assert!(told("rate_ppm = 6000", "rate_ppm = -1").contains("found -1, expected a whole number from 0"));
    assert!(told("rate_ppm = 6000", "rate_ppm = 1000001").contains("expected at most 1000000 (100 %)"));
    assert!(told("[[account]]", "[account]").contains("expected a list"));
    assert!(told("[policy]", "[policy").starts_with("book.toml:60:8: not TOML: "));
    assert!(
        told("required = true", "required = \"yes\"")
            .contains("found text in quotes, expected true or false")
    );
}

#[test]
fn what_is_not_built_yet_is_said_so() {
    for (from, to, expected) in [
        (
            "role = \"bank\"",
            "role = \"fx\"",
            "role: `fx` is not built yet: exchange rates come later",
        ),
        (
            "role = \"bank\"",
            "role = \"splits\"",
            "role: `splits` is not built yet",
        ),
        (
            "[settle]",
            "[seal]\nkeys = 1\n[settle]",
            "`seal` is not built yet",
        ),
        ("[settle]", "[aml]\n[settle]", "`aml` is not built yet"),
        ("\"pain.001\"", "\"nacha\"", "format: `nacha` is not built yet"),
    ] {
        let told = told(from, to);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn names_must_exist_and_fit() {
    for (from, to, expected) in [
        (
            "\"CNY\"\ntime_zone",
            "\"CNX\"\ntime_zone",
            "book.toml:5:17: base_currency: found `CNX`",
        ),
        (
            "Asia/Shanghai",
            "Asia/Shangai",
            "is no IANA time zone, did you mean `Asia/Shanghai`?",
        ),
        (
            "cut_off = \"00:00\"",
            "cut_off = \"24:00\"",
            "cut_off: found `24:00`",
        ),
        ("id = \"EXPAY\"", "id = \"EX PAY\"", "cannot be used as a name"),
        (
            "calendar = \"CN\"",
            "calendar = \"../CN\"",
            "calendar: found `../CN`",
        ),
        (
            "kind = \"reserve\"",
            "kind = \"own\"",
            "merchants are paid from a reserve account",
        ),
        (
            "kind = \"reserve\"",
            "kind = \"reserved\"",
            "found `reserved`, did you mean `reserve`?",
        ),
        (
            "pool = \"default\"",
            "bic = \"bank\"",
            "bic: found `bank`, expected 8 or 11",
        ),
        (
            "pool = \"default\"",
            "cnaps = \"1\"",
            "cnaps: found `1`, expected 12 digits",
        ),
        (
            "files = [\"bank/*.csv\"]",
            "files = []",
            "files: the list is empty",
        ),
        (
            "files = [\"bank/*.csv\"]",
            "files = [\"../x\"]",
            "expected a glob below inbox/DATE/",
        ),
        (
            "name = \"bank\"",
            "name = \"platform\"",
            "name: `platform` is given twice",
        ),
        (
            "name = \"bank\"",
            "name = \"bank\"\naccount = \"RA2\"",
            "no account `RA2`, did you mean `RA1`?",
        ),
        (
            "name = \"bank\"",
            "name = \"bank\"\nencoding = \"gkb\"",
            "`gkb` is no known encoding",
        ),
        (
            "role = \"bank\"",
            "role = \"balances\"",
            "right: no [[source]] has role = \"bank\"",
        ),
        (
            "when = [\"platform-bank\"]",
            "when = [\"platfrom-bank\"]",
            "did you mean `platform-bank`?",
        ),
        (
            "when = [\"platform-bank\"]",
            "when = []",
            "when: no leg in it ends at the bank",
        ),
        (
            "pool = \"default\"",
            "other_numbers = [\"1\", \"1\"]",
            "other_numbers: the same number is given twice",
        ),
        (
            "[settle]",
            "[channel.WX]\n[settle]",
            "rows of channel `WX` are without a leg",
        ),
        (
            "[settle]",
            "[channel.BANK]\nfee_plan = \"standart\"\n[settle]",
            "did you mean `standard`?",
        ),
        ("account = \"RA1\"", "account = \"RA9\"", "no account `RA9`"),
        (
            "account = \"RA1\"",
            "account = { EUR = \"RA1\" }",
            "account `RA1` is kept in CNY",
        ),
        (
            "default_cycle = \"T+1\"",
            "default_cycle = \"T1\"",
            "default_cycle: found `T1`, expected T+n or",
        ),
        (
            "\"1.00\"",
            "\"1.005\"",
            "found `1.005`, expected at most 2 decimals (CNY)",
        ),
        (
            "\"1.00\"",
            "\"1,00\"",
            "found `1,00`, expected an amount such as 12.34",
        ),
        (
            "[\"12:00\", \"24:00\"]",
            "[\"12:00\", \"11:00\", \"24:00\"]",
            "`11:00` is not after the window before",
        ),
        (
            "[\"12:00\", \"24:00\"]",
            "[\"12:00\"]",
            "the last window does not end at 24:00",
        ),
        (
            "[\"12:00\", \"24:00\"]",
            "[\"12.00\", \"24:00\"]",
            "found `12.00`, expected HH:MM",
        ),
        (
            "MISSING_AT_BANK",
            "MISSING_AT_BNAK",
            "did you mean `MISSING_AT_BANK`?",
        ),
        ("{ count = 50, amount = \"10000.00\" }", "{}", "sets no threshold"),
        (
            "rejects = \"stop\"",
            "rejects = \"stop\"\nmax_rejects = 5",
            "max_rejects: has no effect",
        ),
        ("\"cass15\"", "\"pboc\"", "`pboc` is given twice"),
        ("\"cass15\"", "\"cass7\"", "found `cass7`, did you mean `cass15`?"),
    ] {
        let told = told(from, to);
        assert!(told.contains(expected), "{to}: {told}");
        assert_eq!(told.matches("help: ").count(), 1, "one finding: {told}");
    }
}

#[test]
fn all_findings_are_listed_at_once_in_the_order_of_the_file() {
    let text = EXAMPLE
        .replace("\"Asia/Shanghai\"", "\"Mars/Base\"")
        .replace("max_age_days", "max_age_day")
        .replace("when = [\"platform-bank\"]", "when = [\"x\"]")
        .replace("\"1.00\"", "\"-1\"");
    let stop = parse_settings(&text, "book.toml").unwrap_err();
    let lines: Vec<u64> = stop.findings.iter().map(|finding| finding.line).collect();
    assert_eq!(lines, [6, 39, 46, 64]);
}

#[test]
fn fee_plans_are_ordered_rules() {
    let settings = accepted(
        "rate_ppm = 6000\non_refund = \"keep\"",
        r#"tiers = [{ up_to = "100.00", rate_ppm = 0, fixed = "0.10" }, { rate_ppm = 3800 }]
max = "50.00"
rounding = "half_even"
on_refund = "return"
[[fee_plan.standard.rule]]
channel = "UNIONPAY"
rate_ppm = 3000
[[fee_plan.standard.rule]]
txn_type = "REFUND"
fixed = "1.00"
rounding = "up""#,
    );
    let plan = &settings.fee_plans["standard"];
    assert_eq!(plan.on_refund, OnRefund::Return);
    assert_eq!(plan.rules.len(), 3);
    assert_eq!(plan.rules[0].channel.as_deref(), Some("UNIONPAY"));
    assert_eq!(plan.rules[0].rounding, Rounding::HalfEven);
    assert_eq!(
        (plan.rules[1].txn_type, plan.rules[1].rounding),
        (TxnType::Refund, Rounding::Up)
    );
    let last = &plan.rules[2];
    assert_eq!(
        (last.channel.as_deref(), last.txn_type, last.max_minor),
        (None, TxnType::Payment, Some(5000))
    );
    assert_eq!(last.tiers[0].up_to_minor, Some(10_000));
    assert_eq!(last.tiers[0].fixed_minor, 10);
    assert_eq!(last.tiers[1].up_to_minor, None);
}

#[test]
fn fee_plans_that_contradict_themselves_are_refused() {
    for (keys, expected) in [
        (
            "rate_ppm = 1\nmin = \"2.00\"\nmax = \"1.00\"",
            "min: is above max",
        ),
        ("tiers = [{ rate_ppm = 1 }, { rate_ppm = 2 }]", "has no up_to"),
        (
            "tiers = [{ up_to = \"1.00\", rate_ppm = 1 }]",
            "the last tier has an up_to",
        ),
        (
            "tiers = [{ up_to = \"2.00\", rate_ppm = 1 }, { up_to = \"2.00\", rate_ppm = 1 }, { rate_ppm = 2 }]",
            "up_to: is not above the tier before",
        ),
        (
            "tiers = [{ rate_ppm = 1 }]\nrate_ppm = 2",
            "stands beside rate_ppm",
        ),
        ("tiers = []", "tiers: the list is empty"),
        ("on_refund = \"keep\"", "standard: says no fee"),
        (
            "rate_ppm = 1\nper = \"day\"\n[[fee_plan.standard.rule]]\nchannel = \"BANK\"\nrate_ppm = 1",
            "per: a fee on",
        ),
        (
            "rate_ppm = 1\n[[fee_plan.standard.rule]]\nrate_ppm = 1",
            "has neither channel nor txn_type",
        ),
        (
            "rate_ppm = 1\n[[fee_plan.standard.rule]]\ntxn_type = \"TOPUP\"\nrate_ppm = 1",
            "txn_type: found `TOPUP`",
        ),
        (
            "rate_ppm = 1\nper = \"day\"\n[channel.BANK]\nfee_plan = \"standard\"",
            "a channel bills row by row",
        ),
    ] {
        let told = told("rate_ppm = 6000\non_refund = \"keep\"", keys);
        assert!(told.contains(expected), "{keys}: {told}");
    }
}

#[test]
fn legs_stay_apart_and_are_few() {
    let leg = |name: &str, right: &str, channels: &str| {
        format!(
            "[[leg]]\nname = \"{name}\"\nleft = \"platform\"\nright = \"{right}\"\nchannels = [{channels}]\n[settle]"
        )
    };
    let overlap = told("[settle]", &leg("second", "bank", "\"BANK\""));
    assert!(
        overlap.contains("the same roles and channels as leg `platform-bank`"),
        "{overlap}"
    );
    let second = told("[settle]", &leg("second", "bank", "\"WX\""));
    assert!(
        second.contains("more than one leg compares platform with bank"),
        "{second}"
    );
    let reserved = told("name = \"platform-bank\"", "name = \"wallet\"");
    assert!(
        reserved.contains("`wallet` is a name that the engine gives"),
        "{reserved}"
    );
}

#[test]
fn cycles_read_exactly() {
    let check = |text: &str, expected| assert_eq!(parse_cycle(text), expected, "{text}");
    check("D+0", Some(Cycle::Calendar(0)));
    check("T+1", Some(Cycle::Business(1)));
    check("T+0", Some(Cycle::Business(0)));
    check("weekly:FRI", Some(Cycle::Weekly(4)));
    check("monthly:25", Some(Cycle::Monthly(25)));
    for bad in [
        "",
        "T",
        "T+",
        "T+-1",
        "T+01",
        "T+367",
        "t+1",
        "D 1",
        "weekly:fri",
        "weekly:",
        "monthly:0",
        "monthly:32",
        "T+1 ",
        "T+１",
    ] {
        check(bad, None);
    }
}

#[test]
fn the_nearest_word_is_near() {
    let near = |word| nearest(word, ["merchant_id", "min", "max"].into_iter());
    assert_eq!(near("merchantid"), Some("merchant_id"));
    assert_eq!(near("mni"), Some("min"));
    assert_eq!(near("colour"), None);
}

#[test]
fn passes_have_parameters_and_defaults() {
    let settings = accepted(
        "passes = [\"exact\"]",
        "passes = [\"exact\", \"normalised\", \"remark\", \"batch\", \"amount-date\", \"tolerance\", \"subset\"]\n\
         [[leg.pass]]\nname = \"tolerance\"\namount = \"0.05\"\n\
         [[leg.pass]]\nname = \"normalised\"\nprefixes = [\"REF\"]\nlength = 16\n\
         [[leg.pass]]\nname = \"remark\"\npatterns = [\"ref {word}\"]\nfields = [\"order_id\", \"bank_ref\"]\n\
         [[leg.pass]]\nname = \"subset\"\nmembers = 5\nentries = \"unnamed\"",
    );
    let references = References {
        prefixes: vec!["REF".to_owned()],
        length_max: Some(16),
    };
    let expected = [
        Pass::Normalised {
            references: references.clone(),
            candidates_max: 30,
        },
        Pass::Remark {
            patterns: vec!["ref {word}".to_owned()],
            fields: vec![QuotedField::BankRef, QuotedField::OrderId],
            references: references.clone(),
            candidates_max: 30,
        },
        Pass::Batch {
            amounts: BatchAmounts::Either,
            ledger_account: "expenses:channel-fees".to_owned(),
        },
        Pass::AmountDate {
            days: 1,
            entries: EntriesSeen::All,
            candidates_max: 30,
        },
        Pass::Tolerance {
            most_minor: 5,
            currency: Currency::parse(b"CNY").unwrap(),
            ledger_account: "equity:tolerances".to_owned(),
            references: Some(references),
            candidates_max: 30,
        },
        Pass::Subset {
            days: 3,
            entries: EntriesSeen::Unnamed,
            candidates_max: 30,
            members_max: 5,
        },
    ];
    assert_eq!(settings.legs[0].later, expected);
}

#[test]
fn passes_that_make_no_sense_are_refused() {
    let with = |passes: &str, table: &str| {
        let table = if table.is_empty() {
            String::new()
        } else {
            format!("\n[[leg.pass]]\n{table}")
        };
        told("passes = [\"exact\"]", &format!("passes = [{passes}]{table}"))
    };
    for (passes, table, expected) in [
        ("\"batch\"", "", "the first pass must be exact"),
        ("", "", "the first pass must be exact"),
        ("\"exact\", \"batch\", \"batch\"", "", "`batch` is given twice"),
        ("\"exact\", \"amount-dat\"", "", "did you mean `amount-date`?"),
        ("\"exact\", \"remark\"", "", "has no patterns"),
        ("\"exact\", \"tolerance\"", "", "has no amount"),
        (
            "\"exact\", \"tolerance\"",
            "name = \"tolerance\"\namount = \"0.00\"",
            "has no amount",
        ),
        (
            "\"exact\", \"tolerance\"",
            "name = \"tolerance\"\namount = \"0.001\"",
            "at most 2 decimals",
        ),
        (
            "\"exact\", \"tolerance\"",
            "name = \"tolerance\"\namount = 0.01",
            "found a number with a decimal point",
        ),
        (
            "\"exact\", \"batch\"",
            "name = \"batch\"\nledger_account = \"liabilities:merchants\"",
            "expected income:, expenses: or equity:",
        ),
        (
            "\"exact\", \"batch\"",
            "name = \"batch\"\nledger_account = \"equity:\"",
            "expected income:, expenses: or equity:",
        ),
        (
            "\"exact\"",
            "name = \"subset\"",
            "`subset` is not among the passes of the leg",
        ),
        (
            "\"exact\", \"subset\"",
            "name = \"subset\"\npatterns = [\"{word}\"]",
            "the pass subset has no parameter `patterns`",
        ),
        (
            "\"exact\", \"subset\"",
            "name = \"subset\"\ncandidates = 41",
            "found 41, expected 1 to 40",
        ),
        (
            "\"exact\", \"subset\"",
            "name = \"subset\"\nmembers = 1",
            "found 1, expected 2 to 40",
        ),
        (
            "\"exact\", \"amount-date\"",
            "name = \"amount-date\"\ndays = 32",
            "found 32, expected 0 to 31",
        ),
        (
            "\"exact\", \"amount-date\"",
            "name = \"amount-date\"\ndate = 1",
            "unknown key `date`",
        ),
        (
            "\"exact\", \"remark\"",
            "name = \"remark\"\npatterns = [\"ref\"]",
            "has no hole",
        ),
        (
            "\"exact\", \"remark\"",
            "name = \"remark\"\npatterns = [\"ref {word}\"]\nfields = []",
            "the list is empty",
        ),
        (
            "\"exact\", \"batch\"",
            "name = \"batch\"\n[[leg.pass]]\nname = \"batch\"",
            "`batch` has two tables",
        ),
    ] {
        let found = with(passes, table);
        assert!(found.contains(expected), "{passes} {table}\n{found}");
    }
}
