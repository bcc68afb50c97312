//! Tests of reading and writing the state: what is written is read back, what people get wrong is named.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::cells::{Record, write_table};
use super::files::FILES;
use super::*;
use crate::payouts::fixture::{currency, settings};

fn read(files: &[(&str, &str)]) -> Result<State, String> {
    let files: BTreeMap<_, _> = files.iter().copied().collect();
    let read = |name: &str| files.get(name).map(|text| text.as_bytes().to_vec());
    State::from_files(&read, &settings(), "opening").map_err(|stop| stop.to_string())
}

fn round_trip(state: &State) -> State {
    let files: BTreeMap<String, Vec<u8>> = state.to_files().into_iter().collect();
    State::from_files(&|name| files.get(name).cloned(), &settings(), "state").unwrap()
}

/// Checks the findings of one file, without their help.
fn refused(file: &str, text: &str, expected: &[&str]) {
    let text = read(&[(file, text)]).unwrap_err();
    let found: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("  help: "))
        .collect();
    assert_eq!(found, expected);
}

/// Tables that are written where there is something in them.
const FEW_HAVE: [&str; 4] = [
    "adjustments.csv",
    "chained.csv",
    "statements.csv",
    "statements_taken.csv",
];

#[test]
fn an_absent_state_is_empty_and_an_empty_state_has_headers() {
    assert_eq!(read(&[]), Ok(State::default()));
    let files = State::default().to_files();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let always: Vec<&str> = FILES
        .into_iter()
        .filter(|name| !FEW_HAVE.contains(name))
        .collect();
    assert_eq!(names, always);
    let dues = &files[4].1;
    assert_eq!(dues, b"merchant_id,currency,due_date,amount_minor\n");
    assert_eq!(round_trip(&State::default()), State::default());
}

#[test]
fn tables_written_by_people_come_out_sorted() {
    let text =
        "\u{feff}currency,amount_minor,merchant_id\r\nUSD,5,B\r\nCNY,-7,B\r\nCNY,0,C\r\nCNY,1,\"A, Ltd\"\r\n";
    let state = read(&[("carried.csv", text)]).unwrap();
    let got: Vec<_> = state
        .carried
        .iter()
        .map(|row| (row.merchant_id.as_str(), row.currency.code(), row.amount_minor))
        .collect();
    assert_eq!(got, [("A, Ltd", "CNY", 1), ("B", "CNY", -7), ("B", "USD", 5)]);
}

#[test]
fn findings_name_file_line_and_column() {
    refused(
        "dues.csv",
        "merchant_id,currency,due_date,amount_minor\r\n商户,CNY,2026-11-31,1.00\r\n\"M\n2\",cny,2026-11-30,5\r\n,CNY,2026-11-30,01\r\n",
        &[
            "opening/dues.csv:2:8: due_date: found `2026-11-31`, expected a day YYYY-MM-DD",
            "opening/dues.csv:2:19: amount_minor: found `1.00`, expected an integer in minor units (12.34 CNY is 1234)",
            "opening/dues.csv:4:4: currency: found `cny`, expected an ISO 4217 code in capitals, such as CNY",
            "opening/dues.csv:5:1: merchant_id: found ``, expected a text that is not empty",
            "opening/dues.csv:5:17: amount_minor: found `01`, expected an integer in minor units (12.34 CNY is 1234)",
        ],
    );
    refused(
        "holds.csv",
        "merchant_id,currency,release_day,amount_minor\n",
        &[
            "opening/holds.csv:1:1: column `release_date` is missing",
            "opening/holds.csv:1:22: found unknown column `release_day`, did you mean `release_date`?",
        ],
    );
    refused(
        "own.csv",
        "pool,currency,amount_minor,pool\n",
        &["opening/own.csv:1:28: found column `pool` twice"],
    );
    refused(
        "own.csv",
        "pool,currency,amount_minor\ndefault,CNY\n",
        &["opening/own.csv:2:1: found 2 cells, expected 3 as in the header"],
    );
    refused(
        "statements_taken.csv",
        "account,day,content,taken_on\nRA1,2026-03-31,ab,2026-03-31\n",
        &[
            "opening/statements_taken.csv:2:16: content: found `ab`, expected 64 digits of lower-case hex (SHA-256)",
        ],
    );
    refused(
        "own.csv",
        "",
        &["opening/own.csv:1:1: found no header, expected pool,currency,amount_minor"],
    );
    refused(
        "carried.csv",
        "merchant_id,currency,amount_minor\nA,CNY,1\nB,CNY,1\nA,CNY,2\n",
        &["opening/carried.csv:4:1: found the key of line 2 a second time"],
    );
    refused(
        "accounts.csv",
        "account,currency,closing_minor,book_minor\nRA1,USD,1,1\nRA9,CNY,0,1\nRA8,CNY,0,0\n",
        &[
            "opening/accounts.csv:2:5: currency: found `USD`, expected CNY, the currency of account RA1",
            "opening/accounts.csv:3:1: account: found `RA9`, expected the id of an [[account]] of book.toml, for it has a balance",
        ],
    );
    refused(
        "customers.csv",
        "customer_id,currency,closing_minor\nA,CNY,9223372036854775808\n",
        &[
            "opening/customers.csv:2:7: closing_minor: found `9223372036854775808`, expected an integer in minor units (12.34 CNY is 1234)",
        ],
    );
    let stop = read(&[
        ("own.csv", "pool,currency,amount_minor\n"),
        ("dues.csv", "x\n"),
        ("carried.csv", "x\n"),
    ]);
    assert_eq!(
        stop.unwrap_err()
            .lines()
            .filter(|line| !line.starts_with("  "))
            .count(),
        4 + 1 + 3 + 1
    );
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let stop = State::from_files(
        &|name| (name == "own.csv").then(|| b"pool,currency,amount_minor\n\xff,CNY,1\n".to_vec()),
        &settings(),
        "opening",
    );
    let text = stop.unwrap_err().to_string();
    assert!(
        text.starts_with("opening/own.csv:2: found bytes that are not UTF-8"),
        "{text}"
    );
}

#[test]
fn misspelt_files_are_refused() {
    assert!(State::check_names(["dues.csv", "own.csv"], "opening").is_ok());
    let text = State::check_names(["due.csv"], "opening")
        .unwrap_err()
        .to_string();
    assert!(text.starts_with(
        "opening/due.csv: found a file that is no table of the state, did you mean `dues.csv`?"
    ));
}

#[test]
fn an_open_item_needs_only_what_its_side_has() {
    let header =
        "leg,side,first_seen,id,account,currency,amount_minor,direction,txn_type,txn_time,value_date\n";
    let row = |cells: &str| read(&[("open_items.csv", &format!("{header}{cells}\n"))]);
    let platform =
        row("platform-bank,platform,2026-11-19,T1,,CNY,100,,REFUND,1970-01-01T08:00:01+08:00,").unwrap();
    let item = &platform.open_items[0].row;
    assert_eq!(
        (item.direction, item.status, item.time_ms),
        (Some(Direction::Debit), Status::Success, 1000)
    );
    assert!(row("payout-bank,bank,2026-11-19,E1,RA1,CNY,100,D,,,2026-11-19").is_ok());
    let check = |cells: &str, column: &str| {
        let text = row(cells).unwrap_err();
        assert!(text.contains(&format!(": {column}: found")), "{text}");
    };
    check(
        "platform-bank,bank,2026-11-19,E1,RA9,CNY,100,D,,,2026-11-19",
        "account",
    );
    check(
        "platform-bank,bank,2026-11-19,E1,RA2,CNY,100,D,,,2026-11-19",
        "currency",
    );
    check(
        "platform-bank,bank,2026-11-19,E1,RA1,CNY,100,,,,2026-11-19",
        "direction",
    );
    check("platform-bank,bank,2026-11-19,E1,RA1,CNY,100,C,,,", "value_date");
    check("platform-bank,bank,2026-11-19,,RA1,CNY,100,C,,,2026-11-19", "id");
    check("platform-bank,platform,2026-11-19,T1,,CNY,100,,,,", "txn_type");
    check(
        "platform-bank,platform,2026-11-19,T1,,CNY,100,D,PAYMENT,,",
        "direction",
    );
}

#[test]
fn the_page_for_people_names_every_column() {
    const PAGE: &str = include_str!("../../../docs/state.md");
    fn check<T: Record>() {
        let heading = format!("## {}.csv\n", T::TABLE);
        let section = PAGE.split_once(&heading).unwrap_or_else(|| panic!("{heading}")).1;
        let section = section.split("\n## ").next().unwrap();
        let named: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            named,
            T::COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>(),
            "{heading}"
        );
    }
    check::<AccountBalance>();
    check::<OpenBreak>();
    check::<StatementNumber>();
    check::<StatementTaken>();
    check::<Carried>();
    check::<Chained>();
    check::<CustomerBalance>();
    check::<Due>();
    check::<FeeReturn>();
    check::<KnownFile>();
    check::<Hold>();
    check::<LedgerBalance>();
    check::<OpenItem>();
    check::<OwnMoney>();
    check::<IssuedPayout>();
    check::<Unsettled>();
}

/// Texts with everything that CSV can stumble over.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        proptest::sample::select(vec!["a", "é", "商", ",", "\"", "\n", "\r", " ", "'", "#", "\t"]),
        0..6,
    )
    .prop_map(|parts| parts.concat())
}

fn id() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("{text}x"))
}

fn date() -> impl Strategy<Value = Date> {
    (-700_000i32..2_000_000).prop_map(Date)
}

fn any_currency() -> impl Strategy<Value = Currency> {
    proptest::sample::select(vec![currency("CNY"), currency("JPY"), currency("USD")])
}

fn minor() -> impl Strategy<Value = i64> {
    any::<i64>().prop_map(|minor| if minor == 0 { 1 } else { minor })
}

fn open_item() -> impl Strategy<Value = OpenItem> {
    let head = (0usize..3, date(), any::<bool>(), text(), text(), 0..u64::MAX / 2);
    let numbers = (
        1..=i64::MAX,
        0..=i64::MAX,
        any::<i64>(),
        proptest::option::of(date()),
        0u8..11,
        0u8..3,
    );
    let texts = proptest::collection::vec(text(), 16);
    (head, numbers, texts, any::<(bool, bool)>()).prop_map(|(head, numbers, texts, (balance, debit))| {
        let side = [OpenSide::Platform, OpenSide::Bank, OpenSide::Channel][head.0];
        let bank = side == OpenSide::Bank;
        let txn_type = TxnType::from_index(numbers.4).filter(|_| !bank);
        let mut texts = texts.into_iter();
        let mut next = || texts.next().unwrap_or_default();
        OpenItem {
            leg: if bank {
                "payout-bank".to_owned()
            } else {
                "platform-bank".to_owned()
            },
            side,
            first_seen: head.1,
            was_duplicate: head.2,
            class: head.3,
            file: head.4,
            line: head.5,
            row: std::sync::Arc::new(OpenRow {
                id: format!("{}x", next()),
                account: if bank { "RA1".to_owned() } else { next() },
                channel: next(),
                currency: currency("CNY"),
                amount_minor: numbers.0,
                fee_minor: numbers.1,
                direction: if bank {
                    Some(if debit {
                        Direction::Debit
                    } else {
                        Direction::Credit
                    })
                } else {
                    txn_type.and_then(TxnType::direction)
                },
                txn_type,
                status: Status::from_index(numbers.5).unwrap(),
                funding: if balance { Funding::Balance } else { Funding::Bank },
                time_ms: numbers.2 >> (numbers.4 * 4),
                time_text: next(),
                value_date: numbers.3.or(bank.then_some(Date(0))),
                bank_ref: next(),
                merchant_id: next(),
                customer_id: next(),
                counterparty_id: next(),
                order_id: next(),
                channel_ref: next(),
                refund_ref: next(),
                original_ref: next(),
                batch_ref: next(),
                remark: next(),
                counterparty_name: next(),
                counterparty_account: next(),
                purpose: next(),
            }),
        }
    })
}

/// One row per key, in order.
fn keyed<T: Record + Clone + std::fmt::Debug>(
    row: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<T>> {
    proptest::collection::vec(row, 0..6).prop_map(|mut rows| {
        rows.sort_by(|a, b| a.order(b));
        rows.dedup_by(|a, b| a.order(b).is_eq());
        rows
    })
}

fn state() -> impl Strategy<Value = State> {
    let due = (id(), any_currency(), date(), minor()).prop_map(
        |(merchant_id, currency, due_date, amount_minor)| Due {
            merchant_id,
            currency,
            due_date,
            amount_minor,
        },
    );
    let hold = (id(), any_currency(), proptest::option::of(date()), 1..=i64::MAX).prop_map(
        |(merchant_id, currency, release_date, amount_minor)| Hold {
            merchant_id,
            currency,
            release_date,
            amount_minor,
        },
    );
    let carried = (id(), any_currency(), minor()).prop_map(|(merchant_id, currency, amount_minor)| Carried {
        merchant_id,
        currency,
        amount_minor,
    });
    let customer =
        (id(), any_currency(), minor()).prop_map(|(customer_id, currency, closing_minor)| CustomerBalance {
            customer_id,
            currency,
            closing_minor,
        });
    let own = (id(), any_currency(), any::<i64>()).prop_map(|(pool, currency, amount_minor)| OwnMoney {
        pool,
        currency,
        amount_minor,
    });
    let inter_pool =
        (id(), any_currency(), any::<i64>()).prop_map(|(pool, currency, amount_minor)| InterPool {
            pool,
            currency,
            amount_minor,
        });
    let account = any::<(i64, i64)>().prop_map(|(closing_minor, book_minor)| AccountBalance {
        account: "RA1".to_owned(),
        currency: currency("CNY"),
        closing_minor,
        book_minor,
    });
    let payout = (
        any::<[u8; 16]>(),
        id(),
        any_currency(),
        date(),
        1u32..,
        1..=i64::MAX,
        0usize..3,
    )
        .prop_map(
            |(bytes, merchant_id, currency, issued_on, sequence, amount_minor, progress)| IssuedPayout {
                payout_id: crate::terms::digest::hex(&bytes),
                merchant_id,
                currency,
                issued_on,
                execution_date: issued_on.plus_days(1),
                sequence,
                amount_minor,
                account: "RA1".to_owned(),
                progress: [
                    PayoutProgress::Issued,
                    PayoutProgress::Debited,
                    PayoutProgress::Returned,
                ][progress],
                changed_on: issued_on.plus_days(2),
            },
        );
    let file = (any::<[u8; 8]>(), date(), id()).prop_map(|(bytes, taken_on, name)| KnownFile {
        sha256: crate::terms::digest::sha256_hex(&bytes),
        taken_on,
        name,
    });
    let fee_return = (id(), 1..=i64::MAX, 0..=i64::MAX, 0..=i64::MAX, date()).prop_map(
        |(original_txn_id, amount_minor, fee_minor, refunded_minor, changed_on)| FeeReturn {
            merchant_id: original_txn_id.clone(),
            currency: (fee_minor > 0).then(|| currency("CNY")),
            original_txn_id,
            amount_minor,
            fee_minor,
            refunded_minor,
            returned_minor: fee_minor / 2,
            changed_on,
        },
    );
    let ledger =
        (id(), any_currency(), any::<i64>()).prop_map(|(ledger_account, currency, balance_minor)| {
            LedgerBalance {
                ledger_account,
                currency,
                balance_minor,
            }
        });
    let open_break =
        (any::<[u8; 16]>(), id(), id(), date()).prop_map(|(bytes, leg, class, first_seen)| OpenBreak {
            break_id: crate::terms::digest::hex(&bytes),
            leg,
            class,
            first_seen,
        });
    let statement =
        (id(), id(), 0..=u64::from(u32::MAX), date()).prop_map(|(account, format, number, closed_on)| {
            StatementNumber {
                account,
                format,
                number,
                closed_on,
            }
        });
    let statement_taken =
        (id(), date(), any::<[u8; 8]>(), date()).prop_map(|(account, day, bytes, taken_on)| StatementTaken {
            account,
            day,
            content: crate::terms::digest::sha256_hex(&bytes),
            taken_on,
        });
    let adjustment = (id(), date()).prop_map(|(adjustment_id, posted_on)| PostedAdjustment {
        adjustment_id,
        posted_on,
    });
    let unsettled = (id(), id(), date()).prop_map(|(txn_id, leg, matched_on)| Unsettled {
        txn_id,
        leg,
        matched_on,
    });
    let chained = (id(), id(), text(), id(), id(), text()).prop_map(
        |(channel, channel_ref, refund_ref, leg, txn_id, batch_ref)| Chained {
            channel,
            channel_ref,
            txn_type: TxnType::Refund,
            refund_ref,
            leg,
            txn_id,
            account: String::new(),
            entry_id: String::new(),
            batch_ref,
        },
    );
    let first = (
        keyed(statement_taken),
        keyed(open_item()),
        keyed(unsettled),
        keyed(chained),
        keyed(due),
        keyed(hold),
        keyed(carried),
        keyed(payout),
    );
    let second = (
        keyed(customer),
        keyed(account),
        keyed(own),
        keyed(file),
        keyed(fee_return),
        keyed(ledger),
        keyed(open_break),
        keyed(inter_pool),
        keyed(statement),
        keyed(adjustment),
    );
    (first, second).prop_map(|(first, second)| State {
        statements_taken: first.0,
        open_items: first.1,
        unsettled: first.2,
        chained: first.3,
        dues: first.4,
        holds: first.5,
        carried: first.6,
        payouts: first.7,
        customers: second.0,
        accounts: second.1,
        own: second.2,
        files: second.3,
        fee_returns: second.4,
        ledger: second.5,
        open_breaks: second.6,
        inter_pool: second.7,
        statements: second.8,
        adjustments: second.9,
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(state in state()) {
        prop_assert_eq!(round_trip(&state), state);
    }

    #[test]
    fn the_order_in_memory_changes_no_byte(state in state()) {
        let mut shuffled = state.open_items.clone();
        shuffled.reverse();
        prop_assert_eq!(write_table(&shuffled), write_table(&state.open_items));
    }
}
