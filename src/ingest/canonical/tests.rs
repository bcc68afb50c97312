use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::book::settings::*;
use crate::entries::rows::{BalanceRow, BankRow, ChannelRow, PlatformRow};
use crate::ingest::csv_blocks::{BlockBytes, BlockError, BlockReader, Group, TextFacts};
use crate::ingest::leased::Leased;

pub(crate) fn account(id: &str, number: Option<&str>, currency: &str) -> Account {
    Account {
        id: id.to_owned(),
        bank: "BANK".to_owned(),
        number: number.map(str::to_owned),
        other_numbers: Vec::new(),
        bic: None,
        cnaps: None,
        name: None,
        currency: Currency::parse(currency.as_bytes()).unwrap(),
        kind: AccountKind::Reserve,
        pool: "default".to_owned(),
    }
}

pub(crate) fn source(name: &str, role: Role, files: &[&str]) -> Source {
    Source {
        name: name.to_owned(),
        role,
        format: "canonical".to_owned(),
        files: files.iter().map(|glob| (*glob).to_owned()).collect(),
        required: false,
        account: None,
        channel: None,
        encoding: None,
        reversal_sign: ReversalSign::Iso,
        statement_numbers: crate::book::settings::StatementNumbers::Yearly,
        other_days: false,
    }
}

pub(crate) fn settings(sources: Vec<Source>) -> Settings {
    let cny = Currency::parse(b"CNY").unwrap();
    Settings {
        institution: Institution {
            name: "Example Pay".to_owned(),
            id: "EXPAY".to_owned(),
            base_currency: cny,
            time_zone: "Asia/Shanghai".to_owned(),
            cut_off_minutes: 0,
            calendar: "CN".to_owned(),
        },
        accounts: vec![
            account("RA1", Some("622201"), "CNY"),
            account("RA2", Some("RA1"), "CNY"),
            account("RA3", None, "JPY"),
        ],
        sources,
        legs: Vec::new(),
        settle_when: Vec::new(),
        fee_plans: BTreeMap::new(),
        channels: BTreeMap::new(),
        payout: PayoutSettings {
            min_minor: 0,
            default_cycle: Cycle::Business(1),
            accounts: BTreeMap::new(),
            format: PayoutFormat::Csv,
            max_per_file: 0,
        },
        netting: Netting {
            mode: NettingMode::Gross,
            windows: Vec::new(),
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
        privacy: Privacy { mask_accounts: false },
        sha256: String::new(),
    }
}

pub(crate) fn context(role: Role) -> ReadContext {
    ReadContext::new(&settings(Vec::new()), &source("s", role, &[]), None)
}

/// Writes every row down as text.
#[derive(Default, Debug, PartialEq, Clone)]
pub(crate) struct Seen {
    pub rows: Vec<String>,
    pub rejects: Vec<Reject>,
}

fn s(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

impl RowSink for Seen {
    fn platform(&mut self, r: &PlatformRow<'_>) {
        self.rows.push(format!(
            "{}@{} {} {} {} {} {:?} {} {} {} {} {:?} {:?} [{}|{}|{}|{}|{}|{}]",
            r.place.line,
            r.place.offset,
            s(r.txn_id),
            r.txn_time.0,
            s(r.merchant_id),
            s(r.customer_id),
            r.txn_type,
            s(r.channel),
            r.currency,
            r.amount_minor,
            s(r.bank_ref),
            r.status,
            r.funding,
            s(r.order_id),
            s(r.channel_ref),
            s(r.original_txn_id),
            s(r.batch_ref),
            s(r.counterparty_id),
            s(r.memo),
        ));
    }
    fn bank(&mut self, r: &BankRow<'_>) {
        self.rows.push(format!(
            "{}@{} {} {} {} {} {:?} {} {} {} [{}|{}|{}|{}|{:?}|{}|{}]",
            r.place.line,
            r.place.offset,
            s(r.entry_id),
            r.account,
            s(r.booking_time),
            r.value_date,
            r.direction,
            r.amount_minor,
            r.currency,
            s(r.bank_ref),
            s(r.remark),
            s(r.batch_ref),
            s(r.counterparty_name),
            s(r.counterparty_account),
            r.purpose,
            s(r.purpose_text),
            s(r.original_ref),
        ));
    }
    fn channel(&mut self, r: &ChannelRow<'_>) {
        self.rows.push(format!(
            "{}@{} {} {} {} {:?} {} {} {} {} {} {} {:?} {}",
            r.place.line,
            r.place.offset,
            s(r.channel),
            s(r.channel_ref),
            s(r.order_id),
            r.txn_type,
            r.amount_minor,
            r.fee_minor,
            r.currency,
            s(r.txn_time),
            r.settle_date,
            s(r.batch_ref),
            r.status,
            s(r.refund_ref),
        ));
    }
    fn balance(&mut self, r: &BalanceRow) {
        self.rows.push(format!(
            "{}@{} {} {} {} {} {}",
            r.place.line, r.place.offset, r.account, r.currency, r.date, r.opening_minor, r.closing_minor,
        ));
    }
    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
    fn not_booked(&mut self, _place: Place) {}
}

/// Reads a whole text in blocks of a size.
pub(crate) fn read(role: Role, text: &[u8], block_bytes: usize, level: Level) -> Result<Seen, FileRefused> {
    let reader: Box<dyn Read + Send> = Box::new(io::Cursor::new(text.to_vec()));
    let refused = |error| match error {
        BlockError::Refused(refused) => refused,
        BlockError::Io(error) => panic!("{error}"),
    };
    let blocks = BlockReader::with_block_bytes(reader, None, block_bytes).map_err(refused)?;
    let context = context(role);
    let binding = bind_header(role, blocks.header(), &context)?;
    let mut seen = Seen::default();
    let mut work = Work::with_level(level);
    let mut buffer = BlockBytes::default();
    while let Some(head) = blocks.next_block(&mut buffer).map_err(refused)? {
        parse_block(&binding, &head, &buffer, &context, &mut work, &mut seen)?;
    }
    let facts = blocks.finish().unwrap();
    assert_eq!(facts.bytes, text.len() as u64);
    assert_eq!(facts.sha256, crate::terms::digest::sha256_hex(text));
    Ok(seen)
}

const PLATFORM_HEADER: &str = "txn_id,txn_time,merchant_id,customer_id,txn_type,channel,currency,amount,bank_ref,status,\
    funding,escrow,counterparty_id,memo\n";

/// A good row with one column changed.
fn platform_row(column: &str, value: &str) -> String {
    let good = [
        "T1",
        "2026-03-02T10:00:00.123+08:00",
        "M1",
        "C1",
        "PAYMENT",
        "BANK",
        "CNY",
        "12.34",
        "REF1",
        "SUCCESS",
        "",
        "",
        "",
        "hello",
    ];
    let row: Vec<&str> = PLATFORM_HEADER
        .trim()
        .split(',')
        .zip(good)
        .map(|(name, good)| if name == column { value } else { good })
        .collect();
    row.join(",")
}

fn bank_row(column: &str, value: &str) -> String {
    let good = [
        "E1",
        "622201",
        "2026-03-02T10:00:00+08:00",
        "2026-03-02",
        "C",
        "12.34",
        "CNY",
        "REF1",
        "",
        "",
        "",
        "",
    ];
    let row: Vec<&str> = BANK_HEADER
        .trim()
        .split(',')
        .zip(good)
        .map(|(name, good)| if name == column { value } else { good })
        .collect();
    row.join(",")
}

const BANK_HEADER: &str = "entry_id,account,booking_time,value_date,direction,amount,currency,bank_ref,remark,batch_ref,purpose,original_ref\n";

const CHANNEL_HEADER: &str = "channel,channel_ref,order_id,txn_type,amount,fee,currency,txn_time,settle_date,batch_ref,status,refund_ref\n";

/// Reads one row under a header; its reject as `column field found expected`, or the empty text.
fn verdict(role: Role, header: &str, row: &str) -> String {
    let text = format!("{header}{row}\n");
    let seen = read(role, text.as_bytes(), 1 << 20, Level::best()).unwrap();
    assert_eq!(
        seen.rows.len() + seen.rejects.len(),
        1,
        "one row, one fate: {row}"
    );
    match seen.rejects.first() {
        None => String::new(),
        Some(r) => {
            assert_eq!(r.line, 2);
            format!("{} {} `{}` {}", r.column, r.field, r.found, r.expected)
        }
    }
}

/// A carriage return in quotes is text, in the last column as in any other.
#[test]
fn a_return_in_quotes_before_the_line_end_is_text() {
    let header = "entry_id,account,booking_time,value_date,direction,amount,currency,remark,bank_ref\n";
    let row = "E1,622201,2026-03-02,2026-03-02,C,1.00,CNY,,\"R1\r\"";
    let found = verdict(Role::Bank, header, row);
    assert!(
        found.contains(" bank_ref ") && found.contains("no control characters"),
        "{found}"
    );
    assert_eq!(
        verdict(
            Role::Bank,
            header,
            "E1,622201,2026-03-02,2026-03-02,C,1.00,CNY,,R1\r"
        ),
        ""
    );
}

#[test]
fn platform_rows_are_read_or_refused() {
    let check = |column: &str, value: &str, expected: &str| {
        let row = platform_row(column, value);
        let found = verdict(Role::Platform, PLATFORM_HEADER, &row);
        if expected.is_empty() {
            assert_eq!(found, "", "{row}");
        } else {
            assert!(found.contains(expected), "{row}: {found}");
            assert!(found.contains(&format!(" {column} ")), "{row}: {found}");
        }
    };
    check("memo", "", "");
    check("txn_id", "", "a value, not an empty field");
    check("txn_id", "T\u{1}", "`T\\u{1}` no control characters");
    check("bank_ref", "\"R\nS\"", "no control characters");
    check("memo", "a\tb", "");
    check("txn_time", "2026-03-02T10:00:00", "with an offset");
    check("txn_time", "2026-02-30T10:00:00Z", "with an offset");
    check("txn_time", "2026-03-02T10:00:00Z", "");
    check("txn_type", "payment", "PAYMENT, REFUND");
    check("txn_type", "CONFIRM", "escrow is not built yet");
    check("txn_type", "DISPUTE", "escrow is not built yet");
    check("txn_type", "RELEASE", "escrow is not built yet");
    check("currency", "CN", "ISO 4217");
    check("currency", "cny", "ISO 4217");
    check("amount", "10.005", "at most 2 decimals (CNY)");
    check("amount", "-1.00", "without a sign");
    check("amount", "+1.00", "without a sign");
    check("amount", "0.00", "above zero");
    check("amount", "1e3", "without an exponent");
    check("amount", "\"1,234.50\"", "without thousands separators");
    check("amount", "１２", "plain ASCII digits");
    check("amount", "NaN", "plain ASCII digits");
    check("amount", "", "not an empty field");
    check("amount", " 1.00", "plain ASCII digits");
    check(
        "amount",
        "92233720368547758.08",
        "at most 92233720368547758.07 (CNY)",
    );
    check("amount", "92233720368547758.07", "");
    check("amount", "5", "");
    check("status", "success", "SUCCESS, FAILED or PENDING");
    check("status", "FAILED", "");
    check("funding", "CASH", "BANK, BALANCE or empty");
    check("funding", "BALANCE", "");
    check("escrow", "N", "");
    check("escrow", "Y", "escrow is not built yet");
    check("escrow", "y", "Y, N or empty");
    check("merchant_id", "", "");
    check("counterparty_id", "C2", "");
}

#[test]
fn rows_of_wallets_name_their_customers() {
    let check = |changes: &[(&str, &str)], expected: &str| {
        let good = platform_row("", "");
        let names: Vec<&str> = PLATFORM_HEADER.trim().split(',').collect();
        let mut fields: Vec<&str> = good.split(',').collect();
        for (name, value) in changes {
            fields[names.iter().position(|known| known == name).unwrap()] = value;
        }
        let found = verdict(Role::Platform, PLATFORM_HEADER, &fields.join(","));
        assert!(
            found.contains(expected) && found.is_empty() == expected.is_empty(),
            "{changes:?}: {found}"
        );
    };
    check(
        &[("txn_type", "TRANSFER")],
        "counterparty_id `` the customer who receives",
    );
    check(&[("txn_type", "TRANSFER"), ("counterparty_id", "C2")], "");
    check(
        &[("txn_type", "TOPUP"), ("customer_id", "")],
        "customer_id `` the customer whose wallet",
    );
    check(&[("txn_type", "WITHDRAWAL"), ("customer_id", "")], "customer_id");
    check(&[("funding", "BALANCE"), ("customer_id", "")], "customer_id");
    check(&[("funding", "BALANCE"), ("txn_type", "TOPUP")], "funding");
    check(&[("customer_id", "")], "");
}

#[test]
fn rows_without_a_leg_lie_within_the_day() {
    let mut context = context(Role::Platform);
    context.day = Some(Instant(0)..Instant(1));
    let header = BlockHead::default();
    let binding = bind_header(Role::Platform, PLATFORM_HEADER.as_bytes(), &context).unwrap();
    let mut seen = Seen::default();
    let text = format!(
        "{}\n{}\n",
        platform_row("funding", "BALANCE"),
        platform_row("", "")
    );
    parse_block(
        &binding,
        &header,
        text.as_bytes(),
        &context,
        &mut Work::default(),
        &mut seen,
    )
    .unwrap();
    assert_eq!((seen.rows.len(), seen.rejects.len()), (1, 1));
    assert_eq!(seen.rejects[0].field, "txn_time");
}

#[test]
fn bank_rules_name_their_field() {
    let check = |column: &str, value: &str, expected: &str| {
        let found = verdict(Role::Bank, BANK_HEADER, &bank_row(column, value));
        assert!(found.contains(expected), "{column}={value}: {found}");
        assert!(
            found.contains(&format!(" {column} ")),
            "{column}={value}: {found}"
        );
    };
    check("account", "622299", "`622299` the number or id");
    check("account", "", "the number or id");
    check("booking_time", "yesterday", "RFC 3339");
    check("booking_time", "", "RFC 3339");
    check("value_date", "2026-3-2", "a day");
    check("direction", "c", "C (into the account)");
    check("amount", "0", "above zero");
    check("batch_ref", "B1", "(R41)");
    check("purpose", "OWN_OUT", "debits (D)");
    let fine = |column: &str, value: &str| {
        assert_eq!(
            verdict(Role::Bank, BANK_HEADER, &bank_row(column, value)),
            "",
            "{column}={value}"
        );
    };
    fine("purpose", "OWN_IN");
    fine("purpose", "rent");
    fine("booking_time", "2026-03-02");
    let jpy = verdict(Role::Bank, BANK_HEADER, &bank_row("account", "RA3"));
    assert!(
        jpy.contains("currency `CNY` JPY, the currency of the account"),
        "{jpy}"
    );
    let debit = bank_row("purpose", "INTEREST").replace(",C,", ",D,");
    assert!(verdict(Role::Bank, BANK_HEADER, &debit).contains("are credits (C)"));
    // A number goes before an id (R27): `RA1` is the number of the second account.
    let text = format!("{BANK_HEADER}{}\n", bank_row("account", "RA1"));
    let seen = read(Role::Bank, text.as_bytes(), 1 << 20, Level::best()).unwrap();
    assert!(seen.rows[0].contains(" E1 1 "), "{}", seen.rows[0]);
}

#[test]
fn channel_and_balance_rows_are_read_or_refused() {
    let row = |fee: &str, kind: &str, day: &str| {
        format!("ALIPAY,CR1,O1,{kind},10.00,{fee},CNY,2026-03-02T10:00:00+08:00,{day},,SUCCESS,")
    };
    let check = |row: String, expected: &str| {
        let found = verdict(Role::Channel, CHANNEL_HEADER, &row);
        assert!(
            found.contains(expected) && found.is_empty() == expected.is_empty(),
            "{row}: {found}"
        );
    };
    check(row("0.00", "PAYMENT", "2026-03-03"), "");
    check(row("0", "REFUND", ""), "");
    check(
        row("-0.01", "PAYMENT", ""),
        "fee `-0.01` an amount without a sign",
    );
    check(row("", "PAYMENT", ""), "fee");
    check(row("0", "TRANSFER", ""), "txn_type");
    check(row("0", "PAYMENT", "03-03"), "settle_date");
    let header = "account,currency,date,opening,closing\n";
    assert_eq!(
        verdict(Role::Balances, header, "622201,CNY,2026-03-02,-5.00,0"),
        ""
    );
    assert!(verdict(Role::Balances, header, "622201,CNY,2026-03-02,--5.00,0").contains("opening"));
    assert!(verdict(Role::Balances, header, "622201,USD,2026-03-02,1,0").contains("currency"));
}

#[test]
fn the_source_gives_what_the_file_does_not_name() {
    let mut source = source("s", Role::Bank, &[]);
    source.account = Some("RA2".to_owned());
    let context = ReadContext::new(&settings(Vec::new()), &source, None);
    let header = "entry_id,booking_time,value_date,direction,amount,currency,bank_ref,remark\n";
    let binding = bind_header(Role::Bank, header.as_bytes(), &context).unwrap();
    let mut seen = Seen::default();
    let row = b"E1,2026-03-02,2026-03-02,C,1,CNY,R,\n";
    parse_block(
        &binding,
        &BlockHead::default(),
        row,
        &context,
        &mut Work::default(),
        &mut seen,
    )
    .unwrap();
    assert!(seen.rows[0].contains(" E1 1 "), "{:?}", seen);
}

#[test]
fn headers_bind_by_name_in_any_order() {
    let context = context(Role::Balances);
    let bind = |header: &str| bind_header(Role::Balances, header.as_bytes(), &context);
    let binding = bind("note,closing,\"opening\",date,currency,account\r\n").unwrap();
    assert_eq!(binding.columns[..5], [5, 4, 3, 2, 1]);
    assert_eq!(binding.unknown, ["note"]);
    let wrong = |header: &str, expected: &str| {
        let refused = bind(header).unwrap_err();
        assert!(refused.message.contains(expected), "{}", refused.message);
    };
    wrong(
        "account,currency,date,opening,Closing\n",
        "`closing` is missing (is `Closing` meant?)",
    );
    wrong(
        "account,currency,date\n",
        "`opening` is missing; column `closing` is missing",
    );
    wrong(
        "account,currency,date,opening,closing,date\n",
        "`date` is there twice",
    );
    wrong("", "the file is empty");
}

#[test]
fn broken_quotes_refuse_the_file_and_say_where() {
    let check = |row: &str, line, column, expected: &str| {
        let text = format!(
            "{PLATFORM_HEADER}{}\n{row}\n{}\n",
            platform_row("", ""),
            platform_row("", "")
        );
        for level in Level::all() {
            let refused = read(Role::Platform, text.as_bytes(), 1 << 20, level).unwrap_err();
            assert_eq!(
                (refused.line, refused.column),
                (line, column),
                "{row}: {refused:?}"
            );
            assert!(refused.message.contains(expected), "{row}: {refused:?}");
        }
    };
    check("中a\"b\",x", 3, 3, "a quote inside an unquoted field");
    check("\"ab\"c,x", 3, 5, "found `c` after a closing quote");
    check("a,\"b", 3, 3, "never closed");
    check("\"a\nb\" ,x", 4, 3, "found ` ` after a closing quote");
    let text = format!("{PLATFORM_HEADER}{}", platform_row("memo", "\"open"));
    assert!(read(Role::Platform, text.as_bytes(), 10, Level::best()).is_err());
}

#[test]
fn a_return_after_a_closing_quote_is_no_line_end_by_itself() {
    let row = platform_row("memo", "\"a\"\rb");
    let text = format!("{PLATFORM_HEADER}{row}\n");
    let seen = read(Role::Platform, text.as_bytes(), 1 << 20, Level::best());
    assert!(seen.is_err(), "{seen:?}");
}

#[test]
fn wrong_shapes_and_encodings_reject_one_row() {
    let good = platform_row("", "");
    let mut text = format!("{PLATFORM_HEADER}{good}\n\n{good},\nx\n").into_bytes();
    text.extend(platform_row("memo", "MEMO").replace("MEMO", "").into_bytes());
    text.extend(b"\xd6\xd0\n");
    text.extend(format!("{good}\n\n").into_bytes());
    for block in [1, 7, 100, 1 << 20] {
        let seen = read(Role::Platform, &text, block, Level::best()).unwrap();
        let rejects: Vec<_> = seen
            .rejects
            .iter()
            .map(|r| format!("{}:{} {} {} {}", r.line, r.column, r.field, r.found, r.expected))
            .collect();
        assert_eq!(
            rejects,
            [
                "3:1 (row) a blank line 14 fields, as in the header",
                "4:1 (row) 15 fields 14 fields, as in the header",
                "5:1 (row) 1 fields 14 fields, as in the header",
                "6:79 memo \\xd6\\xd0 UTF-8 (if the file is in another encoding, say `encoding` in its [[source]])",
            ]
        );
        assert_eq!(seen.rows.len(), 2);
    }
}

#[test]
fn lines_and_columns_are_physical() {
    let text = format!(
        "{PLATFORM_HEADER}{}\r\n{}\r\n{}\n",
        platform_row("memo", "\"two\nlines \"\"quoted\"\"\""),
        platform_row("merchant_id", "商户").replace(",12.34,", ",0,"),
        platform_row("customer_id", "\"a\nb\"")
            .replace(",SUCCESS,", ",DONE,")
            .replace("\"a\nb\"", "x")
            .replace("M1", "\"m\""),
    );
    let seen = read(Role::Platform, text.as_bytes(), 1 << 20, Level::best()).unwrap();
    assert!(seen.rows[0].starts_with("2@"), "{:?}", seen.rows);
    assert!(
        seen.rows[0].ends_with("two\nlines \"quoted\"]"),
        "{:?}",
        seen.rows
    );
    let places: Vec<_> = seen
        .rejects
        .iter()
        .map(|r| (r.line, r.column, r.field.as_str()))
        .collect();
    assert_eq!(places, [(4, 57, "amount"), (5, 68, "status")]);
}

#[test]
fn encodings_are_decoded_or_refused() {
    let row = platform_row("memo", "中文");
    let text = format!("{PLATFORM_HEADER}{row}\n");
    let decode = |bytes: Vec<u8>, encoding: Option<&str>| -> Result<Vec<String>, String> {
        let shown = |error| match error {
            BlockError::Refused(refused) => format!("{} {}", refused.line, refused.message),
            BlockError::Io(error) => error.to_string(),
        };
        let blocks = BlockReader::new(Box::new(io::Cursor::new(bytes.clone())), encoding).map_err(shown)?;
        let context = context(Role::Platform);
        let binding = bind_header(Role::Platform, blocks.header(), &context).map_err(|r| r.message)?;
        let (mut seen, mut buffer) = (Seen::default(), BlockBytes::default());
        let mut work = Work::default();
        while let Some(head) = blocks.next_block(&mut buffer).map_err(shown)? {
            parse_block(&binding, &head, &buffer, &context, &mut work, &mut seen).unwrap();
        }
        assert_eq!(
            blocks.finish().unwrap().sha256,
            crate::terms::digest::sha256_hex(&bytes)
        );
        Ok(seen.rows)
    };
    let plain = decode(text.clone().into_bytes(), None).unwrap();
    assert!(plain[0].ends_with("|中文]"));
    let (gbk, _, _) = encoding_rs::GBK.encode(&text);
    assert_eq!(decode(gbk.to_vec(), Some("gbk")).unwrap(), plain);
    assert_eq!(decode(gbk.to_vec(), Some("gb18030")).unwrap(), plain);
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(decode(utf16, None).unwrap(), plain);
    let mut broken = gbk.to_vec();
    broken.extend(b"\x81");
    assert_eq!(
        decode(broken, Some("gbk")).unwrap_err(),
        "3 found bytes that are not GBK"
    );
    assert!(
        decode(Vec::new(), Some("ebcdic"))
            .unwrap_err()
            .contains("not known")
    );
    let marked = decode(["\u{feff}".as_bytes(), text.as_bytes()].concat(), None).unwrap();
    assert_eq!(marked[0].split_once('@').unwrap().0, "2");
    assert!(marked[0].starts_with(&format!("2@{}", PLATFORM_HEADER.len() + 3)));
}

/// A field of random CSV: text that may need quotes.
fn any_field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9]{0,8}",
        1 => "[a-z,\"\r\n中]{0,12}",
        1 => "[ -~]{0,90}",
    ]
}

/// Something that a field may or may not hold.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => any_field(),
        1 => "[0-9]{1,9}([.][0-9]{1,3})?",
        1 => "2026-03-0[1-3]T(09|10|24):(00|60):[0-6][0-9]([.][0-9]{2,3})?(Z|[+]08:00|[+]09:00)",
        1 => "2026-03-[0-3][0-9]",
        1 => prop_oneof![
            Just("RA1"), Just("RA3"), Just("JPY"), Just("CNY"), Just("D"), Just("REFUND"), Just("CONFIRM"), Just("TOPUP"),
            Just("FAILED"), Just("PENDING"),
        ].prop_map(str::to_owned),
    ]
}

/// Sees everything but remarks, which it reads only where it says so.
#[derive(Default)]
struct WithoutRemarks {
    reads: bool,
    seen: Seen,
}

impl RowSink for WithoutRemarks {
    fn reads_free_text(&self) -> bool {
        self.reads
    }
    fn platform(&mut self, row: &PlatformRow<'_>) {
        self.seen.platform(row);
    }
    fn bank(&mut self, row: &BankRow<'_>) {
        self.seen.bank(&BankRow { remark: b"", ..*row });
    }
    fn channel(&mut self, row: &ChannelRow<'_>) {
        self.seen.channel(row);
    }
    fn balance(&mut self, row: &BalanceRow) {
        self.seen.balance(row);
    }
    fn reject(&mut self, reject: Reject) {
        self.seen.reject(reject);
    }
    fn not_booked(&mut self, place: Place) {
        self.seen.not_booked(place);
    }
}

fn quoted(field: &str, always: bool) -> String {
    if always || field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

proptest! {
    #[test]
    fn every_way_of_scanning_agrees_with_another_reader(
        rows in proptest::collection::vec((proptest::collection::vec((any_field(), any::<bool>()), 3..4), any::<bool>()), 0..40),
    ) {
        let mut text = String::new();
        for (row, crlf) in &rows {
            let fields: Vec<_> = row.iter().map(|(field, always)| quoted(field, *always)).collect();
            text.push_str(&fields.join(","));
            text.push_str(if *crlf { "\r\n" } else { "\n" });
        }
        let expected: Vec<Vec<String>> = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes())
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        for level in Level::all() {
            let mut index = Index::new(level);
            let whole = text.len() / 64 * 64;
            index.scan(text.as_bytes(), 0, whole).unwrap();
            index.scan(text.as_bytes(), whole, text.len()).unwrap();
            prop_assert!(!index.inside_quotes());
            let starts = index.starts();
            let mut found = Vec::new();
            let mut first = 0;
            while first + 1 < starts.len() {
                let next = (first + 1..starts.len()).find(|at| starts[*at] & RECORD != 0).unwrap();
                let record = Record::new(text.as_bytes(), &starts[first..=next]);
                found.push((0..record.columns()).map(|c| String::from_utf8(unquoted(record.field(c))).unwrap()).collect::<Vec<_>>());
                first = next;
            }
            prop_assert_eq!(&found, &expected, "{:?}", level);
        }
    }

    /// A file with the required columns in their order has a reader of its own: it sees what the other sees when the columns
    /// stand in another order.
    #[test]
    fn a_plain_file_is_read_like_any_other(
        rows in proptest::collection::vec((0usize..10, any_value(), any_field(), any::<bool>()), 1..30),
        turn in 1usize..9,
        role in prop_oneof![Just(Role::Platform), Just(Role::Bank)],
    ) {
        let good: &[&str] = match role {
            Role::Platform => &["T1", "2026-03-02T10:00:00.123+08:00", "M1", "C1", "PAYMENT", "BANK", "CNY", "12.34", "REF1", "SUCCESS"],
            _ => &["E1", "622201", "2026-03-02T10:00:00+08:00", "2026-03-02", "C", "12.34", "CNY", "REF1", "x"],
        };
        let fields: Vec<Vec<String>> = rows.iter().map(|(column, value, text, always)| {
            let mut fields: Vec<String> = good.iter().map(|text| (*text).to_owned()).collect();
            let last = fields.len() - 1;
            if role == Role::Bank {
                fields[last] = text.clone();
            }
            if let Some(field) = fields.get_mut(*column) {
                *field = value.clone();
            }
            fields.iter().enumerate().map(|(at, field)| quoted(field, *always && at == last)).collect()
        }).collect();
        let names: Vec<&str> = layout::fields(role).iter().filter(|field| field.required).map(|field| field.name).collect();
        let file = |turn: usize| {
            let turned = |fields: Vec<&str>| {
                let mut fields = fields;
                let columns = fields.len();
                fields.rotate_left(turn % columns);
                fields.join(",") + "\n"
            };
            let lines = fields.iter().map(|row| turned(row.iter().map(String::as_str).collect()));
            turned(names.clone()) + &lines.collect::<String>()
        };
        // Their lines differ: a line feed may stand in front of the field here and behind it there.
        let rejects = |seen: &Seen| -> Vec<(String, String, String)> {
            seen.rejects.iter().map(|r| (r.field.clone(), r.found.clone(), r.expected.clone())).collect()
        };
        let other = read(role, file(turn).as_bytes(), 1 << 20, Level::Portable).unwrap();
        for level in Level::all() {
            let plain = read(role, file(0).as_bytes(), 700, level).unwrap();
            prop_assert_eq!(&plain.rows, &other.rows);
            prop_assert_eq!(rejects(&plain), rejects(&other));
        }
        // A sink that passes remarks over gets all else as it was.
        let (binding, text) = (bind_header(role, format!("{}\n", names.join(",")).as_bytes(), &context(role)).unwrap(), file(0));
        let body = &text.as_bytes()[names.join(",").len() + 1..];
        let head = BlockHead { sequence: 0, first_line: 2, byte_offset: names.join(",").len() as u64 + 1, last: true };
        let mut seen = WithoutRemarks::default();
        parse_block(&binding, &head, body, &context(role), &mut Work::default(), &mut seen).unwrap();
        let mut all = WithoutRemarks { reads: true, ..WithoutRemarks::default() };
        parse_block(&binding, &head, body, &context(role), &mut Work::default(), &mut all).unwrap();
        prop_assert_eq!(&seen.seen, &all.seen);
        prop_assert_eq!(seen.seen.rows.len(), other.rows.len());
        prop_assert_eq!(rejects(&seen.seen), rejects(&other));
    }

    #[test]
    fn any_cut_gives_the_same_rows(
        memos in proptest::collection::vec((any_field(), any::<bool>(), 0usize..6), 1..30),
        block in 1usize..400,
        bom in any::<bool>(),
    ) {
        let mut text = String::from(if bom { "\u{feff}" } else { "" });
        text.push_str(PLATFORM_HEADER);
        for (memo, crlf, wrong) in &memos {
            text.push_str(&match wrong {
                0 => platform_row("amount", "x"),
                1 => "a,b".to_owned(),
                _ => platform_row("memo", &quoted(memo, false)),
            });
            text.push_str(if *crlf { "\r\n" } else { "\n" });
        }
        let whole = read(Role::Platform, text.as_bytes(), 1 << 20, Level::Portable).unwrap();
        prop_assert_eq!(whole.rows.len() + whole.rejects.len(), memos.len());
        for level in Level::all() {
            prop_assert_eq!(&read(Role::Platform, text.as_bytes(), block, level).unwrap(), &whole);
        }
        // And fetched again by place, rows come out as they were.
        let context = context(Role::Platform);
        let header = &text.as_bytes()[if bom { 3 } else { 0 }..][..PLATFORM_HEADER.len()];
        let binding = bind_header(Role::Platform, header, &context).unwrap();
        let places: Vec<Place> = whole.rows.iter().step_by(3).map(|row| {
            let (line, rest) = row.split_once('@').unwrap();
            let offset = rest.split_once(' ').unwrap().0;
            Place { line: line.parse().unwrap(), offset: offset.parse().unwrap() }
        }).collect();
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let stream = crate::ingest::csv_blocks::text_stream(Box::new(io::Cursor::new(text.clone().into_bytes())), None).unwrap();
        for source in [RowSource::Positions(file), RowSource::Stream(stream)] {
            let mut again = Seen::default();
            fetch_rows(source, &binding, &places, &context, &mut Work::default(), &mut again).unwrap();
            let expected: Vec<String> = whole.rows.iter().step_by(3).cloned().collect();
            prop_assert_eq!(&again.rows, &expected);
        }
    }
}

#[test]
fn threads_share_one_text() {
    let mut text = PLATFORM_HEADER.to_owned();
    for row in 0..500 {
        let memo = if row % 5 == 0 { "\"two\nlines\"" } else { "one" };
        text.push_str(&platform_row("memo", memo));
        text.push('\n');
    }
    let expected = read(Role::Platform, text.as_bytes(), 1 << 20, Level::best()).unwrap();
    let content = Box::new(io::Cursor::new(text.clone().into_bytes()));
    let blocks = BlockReader::with_block_bytes(content, None, 700).unwrap();
    assert!(blocks.finish().is_none() && blocks.is_undecoded());
    let context = context(Role::Platform);
    let binding = bind_header(Role::Platform, blocks.header(), &context).unwrap();
    let mut parts: Vec<(u32, Seen)> = std::thread::scope(|scope| {
        let work = || {
            let (mut parts, mut work, mut buffer) = (Vec::new(), Work::default(), BlockBytes::default());
            while let Some(head) = blocks.next_block(&mut buffer).unwrap() {
                let mut seen = Seen::default();
                parse_block(&binding, &head, &buffer, &context, &mut work, &mut seen).unwrap();
                parts.push((head.sequence, seen));
            }
            parts
        };
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    parts.sort_by_key(|(sequence, _)| *sequence);
    assert!(
        parts
            .iter()
            .enumerate()
            .all(|(at, (sequence, _))| at as u32 == *sequence)
    );
    let rows: Vec<String> = parts.into_iter().flat_map(|(_, seen)| seen.rows).collect();
    assert_eq!(rows, expected.rows);
    assert_eq!(blocks.finish().unwrap().lines, 601);
}

#[test]
fn files_of_a_group_are_read_as_each_alone() {
    let text = |rows: usize| {
        let mut text = PLATFORM_HEADER.to_owned();
        for row in 0..rows {
            let memo = if row % 5 == 0 { "\"two\nlines\"" } else { "one" };
            text.push_str(&platform_row("memo", memo));
            text.push('\n');
        }
        text
    };
    // One of them is cut into steps, and one has nothing but a header.
    let texts = [text(4000), text(0), text(2500), text(1)];
    let group = Arc::new(Group::default());
    let readers: Vec<BlockReader> = texts
        .iter()
        .map(|text| {
            let content = Box::new(io::Cursor::new(text.clone().into_bytes()));
            let reader = BlockReader::with_block_bytes(content, None, 200 << 10).unwrap();
            reader.within(&group)
        })
        .collect();
    let context = context(Role::Platform);
    let work = |first: usize| {
        let (mut parts, mut work, mut buffer) = (Vec::new(), Work::default(), BlockBytes::default());
        for step in 0..readers.len() {
            let number = (first + step) % readers.len();
            let binding = bind_header(Role::Platform, readers[number].header(), &context).unwrap();
            while let Some(head) = readers[number].next_block(&mut buffer).unwrap() {
                let mut seen = Seen::default();
                parse_block(&binding, &head, &buffer, &context, &mut work, &mut seen).unwrap();
                parts.push((number, head.sequence, seen));
            }
        }
        parts
    };
    let mut parts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = [0, 2, 3]
            .map(|first| {
                let work = &work;
                scope.spawn(move || work(first))
            })
            .into();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    parts.sort_by_key(|(number, sequence, _)| (*number, *sequence));
    for (number, text) in texts.iter().enumerate() {
        let expected = read(Role::Platform, text.as_bytes(), 200 << 10, Level::best()).unwrap();
        let mine = parts.iter().filter(|part| part.0 == number);
        let rows: Vec<&String> = mine.flat_map(|(_, _, seen)| &seen.rows).collect();
        assert!(rows.into_iter().eq(&expected.rows));
        let facts = readers[number].finish().unwrap();
        assert_eq!(facts.sha256, crate::terms::digest::sha256_hex(text.as_bytes()));
        assert_eq!(facts.bytes, text.len() as u64);
    }
}

#[test]
fn a_group_lets_go_of_what_was_read() {
    struct Noted(io::Cursor<Vec<u8>>, #[expect(dead_code)] Arc<()>);
    impl Read for Noted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }
    let (group, held) = (Arc::new(Group::default()), Arc::new(()));
    let text = format!("{PLATFORM_HEADER}{}\n", platform_row("", ""));
    for _ in 0..3 {
        let content = Noted(io::Cursor::new(text.clone().into_bytes()), Arc::clone(&held));
        let reader = BlockReader::new(Box::new(content), None).unwrap().within(&group);
        let mut buffer = BlockBytes::default();
        while reader.next_block(&mut buffer).unwrap().is_some() {}
        assert!(reader.finish().is_some());
        assert_eq!(Arc::strong_count(&held), 2, "one file is open");
    }
}

#[test]
fn a_record_without_end_is_refused_and_nothing_follows() {
    let mut text = format!("{PLATFORM_HEADER}{}\nT2,\"", platform_row("", "")).into_bytes();
    text.resize(RECORD_BYTES_MAX * 2 + (1 << 20), b'x');
    let blocks = BlockReader::new(Box::new(io::Cursor::new(text)), None).unwrap();
    let mut buffer = BlockBytes::default();
    let found = blocks.next_block(&mut buffer).unwrap();
    assert_eq!(found.map(|head| head.first_line), Some(2));
    let Err(BlockError::Refused(refused)) = blocks.next_block(&mut buffer) else {
        panic!("a record above the bound is refused");
    };
    assert_eq!(refused.line, 3);
    assert!(blocks.next_block(&mut buffer).unwrap().is_none());
    assert!(blocks.finish().is_none());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_the_same_way(
        body in proptest::collection::vec(
            prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b'a'), Just(0xd6u8), Just(0u8)],
            0..400,
        ),
        quotes in any::<bool>(),
        block in 1usize..300,
    ) {
        let mut text = b"account,currency,date,opening,closing\n".to_vec();
        text.extend(body.into_iter().filter(|byte| quotes || *byte != b'"'));
        let expected = read(Role::Balances, &text, 1 << 20, Level::Portable);
        for level in Level::all() {
            prop_assert_eq!(&read(Role::Balances, &text, 1 << 20, level), &expected);
            let cut = read(Role::Balances, &text, block, level);
            prop_assert_eq!(cut.is_ok(), expected.is_ok());
            if !quotes {
                prop_assert_eq!(&cut, &expected);
            }
        }
    }
}

/// All blocks of a file, and what is known of it in the end.
fn blocks_of(
    path: &std::path::Path,
    block_bytes: usize,
    lying: bool,
) -> (Vec<(BlockHead, Vec<u8>)>, TextFacts) {
    let open = || std::fs::File::open(path).unwrap();
    let leased = lying.then(|| Leased::take(open())).flatten();
    let mut reader = BlockReader::with_block_bytes(Box::new(open()), None, block_bytes).unwrap();
    if let Some(leased) = leased {
        reader = reader.lying_in(leased);
    }
    let (mut blocks, mut buffer) = (Vec::new(), BlockBytes::default());
    while let Some(head) = reader.next_block(&mut buffer).unwrap() {
        blocks.push((head, buffer.to_vec()));
    }
    (blocks, reader.finish().unwrap())
}

#[test]
fn blocks_are_the_same_where_a_file_lies_and_where_it_is_copied() {
    let row = |row: usize| format!("T{row},\"a {}\n, b\",{}\n", "x".repeat(row % 97), row * 31 % 1009);
    let long = format!("L,{}\n", "y".repeat(700_000));
    let rows: String = (0..12_000).map(row).collect();
    let header = "id,text,amount\n";
    for text in [
        format!("{header}{rows}"),
        format!("\u{feff}{header}{rows}{long}{rows}"),
        format!("{header}{rows}last,one,without an end"),
        format!("{header}{rows}\r\n\n"),
        format!("{header}short\n"),
        header.to_owned(),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.csv");
        std::fs::write(&path, &text).unwrap();
        for block_bytes in [700, 200 << 10, 2 << 20] {
            let copied = blocks_of(&path, block_bytes, false);
            let lying = blocks_of(&path, block_bytes, true);
            assert_eq!(lying.1, copied.1, "{block_bytes}");
            assert!(lying.0 == copied.0, "{block_bytes}");
            assert_eq!(copied.1.sha256, crate::terms::digest::sha256_hex(text.as_bytes()));
        }
    }
}

#[test]
fn files_that_lie_and_files_that_are_copied_are_hashed_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let group = Arc::new(Group::default());
    let mut readers = Vec::new();
    for (number, lies) in [(1, true), (2, false), (3, true)] {
        let text: String = (0..40_000 * number)
            .map(|row| format!("{row},{number}\n"))
            .collect();
        let path = folder.path().join(format!("{number}.csv"));
        std::fs::write(&path, format!("row,file\n{text}")).unwrap();
        let open = || std::fs::File::open(&path).unwrap();
        let leased = lies.then(|| Leased::take(open())).flatten();
        let reader = BlockReader::with_block_bytes(Box::new(open()), None, 100 << 10).unwrap();
        let reader = match leased {
            Some(leased) => reader.lying_in(leased),
            None => reader,
        };
        readers.push((path.clone(), reader.within(&group), Vec::new()));
    }
    let mut buffer = BlockBytes::default();
    loop {
        let mut any = false;
        for (_, reader, read) in &mut readers {
            if reader.next_block(&mut buffer).unwrap().is_some() {
                read.extend_from_slice(&buffer);
                any = true;
            }
        }
        if !any {
            break;
        }
    }
    for (path, reader, read) in readers {
        let whole = std::fs::read(&path).unwrap();
        assert!([reader.header(), &read[..]].concat() == whole);
        assert_eq!(
            reader.finish().unwrap().sha256,
            crate::terms::digest::sha256_hex(&whole)
        );
    }
}
