use super::*;
use crate::book::settings::{ReversalSign, Role};
use crate::ingest::formats::testing::{Kept, read_from, read_passing_over, sample, settings, source};
use crate::ingest::formats::{CAMT053, FileFacts, statements_of_other_days};

const ACCOUNTS: [(&str, &str); 7] = [
    ("NL77ABNA0574908765", "EUR"),
    ("NL08INGB0000001234", "EUR"),
    ("CH0309000000250090342", "CHF"),
    ("NL26VAYB8060476890", "EUR"),
    ("CH2801234000123456789", "EUR"),
    ("CH9788761065025111111", "CHF"),
    ("GB33BUKB20201555555555", "RON"),
];

fn read_as(
    bytes: &[u8],
    encoding: Option<&str>,
    reversal: ReversalSign,
) -> (Result<FileFacts, FileRefused>, Kept) {
    let settings = settings(&ACCOUNTS);
    let mut source = source("camt.053", Role::Bank);
    source.encoding = encoding.map(str::to_owned);
    source.reversal_sign = reversal;
    read_from(&settings, &source, bytes)
}

fn read_bytes(bytes: &[u8]) -> (Result<FileFacts, FileRefused>, Kept) {
    read_as(bytes, None, ReversalSign::Iso)
}

#[test]
fn samples_that_balance_are_read_and_the_others_refused_by_name_of_the_check() {
    let balanced = |name: &str, rows: usize, balances: &[&str]| {
        let Some(bytes) = sample(name) else { return };
        let (result, kept) = read_bytes(&bytes);
        let facts = result.unwrap();
        assert_eq!(kept.rejects, [], "{name}");
        assert_eq!(kept.rows.len(), rows, "{name}");
        assert_eq!(kept.balances, balances, "{name}");
        assert!(facts.checked.len() >= balances.len());
        assert_eq!(facts.statements.len(), balances.len());
        for place in &kept.places {
            let line = bytes[..place.offset as usize]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count() as u64
                + 1;
            assert!(bytes[place.offset as usize..].starts_with(b"<Ntry"), "{name}");
            assert_eq!(place.line, line, "{name}");
        }
    };
    balanced(
        "camt053/isojs-abn_amro-example_camt.xml",
        13,
        &["0 EUR 2013-04-02 100001 10001"],
    );
    balanced(
        "camt053/isojs-ing-example_camt.xml",
        9,
        &["1 EUR 2014-01-03 100000 160500"],
    );
    balanced(
        "camt053/viafintech-valid_example_v4.xml",
        13,
        &["2 CHF 2016-04-30 32215216 32268977"],
    );
    balanced(
        "camt053/genkgo-v2.multi.statement.xml",
        2,
        &["3 EUR 2014-12-31 1815 2700", "3 EUR 2014-12-31 2700 2000"],
    );

    let refused = |name: &str, expected: &str| {
        let Some(bytes) = sample(name) else { return };
        let (result, _) = read_bytes(&bytes);
        let refused = result.unwrap_err();
        assert!(refused.message.contains(expected), "{name}: {}", refused.message);
        assert!(!refused.help.is_empty());
    };
    refused(
        "camt053/genkgo-only-Dt-with-DtTm.xml",
        "no booked closing balance (CLBD)",
    );
    refused(
        "camt053/genkgo-v2.all-balance-types.xml",
        "balances do not tie out",
    );
    refused("camt053/genkgo-v4.xml", "currency");
    refused("camt053/genkgo-v8.xml", "currency");
    refused(
        "camt053/viafintech-valid_example_with_instdamt.xml",
        "balances do not tie out",
    );
    refused("camt054/genkgo-v8.xml", "camt.054");
}

/// A statement of the CHF account around some entries.
fn statement(inner: &str, opening: &str, closing: &str) -> String {
    page("S1", "", inner, &[("OPBD", opening), ("CLBD", closing)])
}

fn page(id: &str, pagination: &str, inner: &str, balances: &[(&str, &str)]) -> String {
    let mut text =
        format!("<Stmt><Id>{id}</Id>{pagination}<Acct><Id><IBAN>CH9788761065025111111</IBAN></Id></Acct>");
    for (code, amount) in balances {
        let (sign, amount) = match amount.strip_prefix('-') {
            Some(amount) => ("DBIT", amount),
            None => ("CRDT", *amount),
        };
        text += &format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CHF\">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>2026-03-31</Dt></Dt></Bal>"
        );
    }
    text + inner + "</Stmt>"
}

fn document(statements: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\n{statements}\n</BkToCstmrStmt></Document>\n"
    )
}

const DATES: &str = "<BookgDt><Dt>2026-03-31</Dt></BookgDt><ValDt><Dt>2026-04-01</Dt></ValDt>";

fn entry(amount: &str, sign: &str, more: &str) -> String {
    format!(
        "<Ntry><Amt Ccy=\"CHF\">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>{DATES}{more}</Ntry>"
    )
}

fn detail(inner: &str) -> String {
    format!("<NtryDtls><TxDtls>{inner}</TxDtls></NtryDtls>")
}

/// Reads one entry in a statement that ties out and gives its row.
fn row(amount: &str, sign: &str, more: &str) -> String {
    let closing = if sign == "DBIT" {
        format!("-{amount}")
    } else {
        amount.to_owned()
    };
    let text = document(&statement(&entry(amount, sign, more), "0.00", &closing));
    let (result, kept) = read_bytes(text.as_bytes());
    result.unwrap();
    assert_eq!(kept.rejects, []);
    kept.rows.join("\n")
}

fn refused(text: &str, expected: &str) {
    let (result, _) = read_bytes(text.as_bytes());
    let message = result.unwrap_err().message;
    assert!(message.contains(expected), "`{message}` lacks `{expected}`");
}

#[test]
fn references_follow_r45() {
    let check = |more: &str, id: Option<&str>, bank_ref: &str| {
        let row = row("5.00", "CRDT", more);
        let fields: Vec<&str> = row.split('|').collect();
        match id {
            Some(id) => assert_eq!(fields[0], id, "{more}"),
            None => assert_eq!(fields[0].len(), 32, "{more}"),
        }
        assert_eq!(fields[7], bank_ref, "{more}");
    };
    let e2e = "<Refs><EndToEndId>E1</EndToEndId></Refs>";
    let none = "<Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>";
    let bank = "<AcctSvcrRef>B1</AcctSvcrRef>";
    check("", None, "");
    check(bank, Some("B1"), "B1");
    check(&(bank.to_owned() + &detail(e2e)), Some("B1"), "E1");
    check(&detail(e2e), None, "E1");
    check(&(bank.to_owned() + &detail(none)), Some("B1"), "B1");
    check(
        &detail("<Refs><AcctSvcrRef>B2</AcctSvcrRef><EndToEndId>E1</EndToEndId></Refs>"),
        Some("B2"),
        "E1",
    );
    // Several details are a batch: no one of them speaks for the entry.
    let two = format!("<NtryDtls><TxDtls>{e2e}</TxDtls><TxDtls>{e2e}</TxDtls></NtryDtls>");
    check(&(bank.to_owned() + &two), Some("B1"), "B1");
    check(&two, None, "");
}

#[test]
fn line_ids_differ_by_place_and_stay_the_same() {
    let text = document(&statement(
        &(entry("1.00", "CRDT", "") + &entry("1.00", "CRDT", "")),
        "0",
        "2",
    ));
    let ids = |text: &str| -> Vec<String> {
        let (_, kept) = read_bytes(text.as_bytes());
        kept.rows
            .iter()
            .map(|row| row.split('|').next().unwrap_or_default().to_owned())
            .collect()
    };
    let first = ids(&text);
    assert_ne!(first[0], first[1]);
    assert_eq!(ids(&text.replace("><", ">\n<")), first);
}

#[test]
fn entries_of_one_reference_are_told_apart() {
    let charged = |amount: &str| entry(amount, "CRDT", "<AcctSvcrRef>B1</AcctSvcrRef>");
    // A reversal has the reference of what it undoes, and a name of its own all the same.
    let undone = entry(
        "1.00",
        "DBIT",
        "<RvslInd>true</RvslInd><AcctSvcrRef>B1</AcctSvcrRef>",
    );
    let entries = charged("1.00") + &charged("1.00") + &charged("2.00") + &undone;
    let text = document(&statement(&entries, "0", "3.00"));
    let (result, kept) = read_bytes(text.as_bytes());
    let ids: Vec<&str> = kept
        .rows
        .iter()
        .map(|row| row.split('|').next().unwrap())
        .collect();
    assert_eq!(ids[0], "B1");
    let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(distinct.len(), 4, "{ids:?}");
    // What has its own name only because of its place is no reversal of the first.
    let originals: Vec<&str> = kept
        .rows
        .iter()
        .map(|row| row.rsplit('|').next().unwrap())
        .collect();
    assert_eq!(originals, ["", "", "", "B1"]);
    let facts = result.unwrap();
    let told =
        "2 entries have the bank's reference of an earlier entry of the statement: told apart by their place";
    assert!(facts.noted.contains(&told.to_owned()), "{:?}", facts.noted);
    // Told in the same way whenever the statement is read.
    assert_eq!(
        read_bytes(text.replace("><", ">\n<").as_bytes()).1.rows,
        kept.rows
    );
    // A reference is that of its own statement: the next may have it again.
    let next = document(
        &(statement(&charged("1.00"), "0", "1.00")
            + &statement(&charged("1.00"), "1.00", "2.00").replace("<Id>S", "<Id>T")),
    );
    let (_, kept) = read_bytes(next.as_bytes());
    assert!(
        kept.rows.iter().all(|row| row.starts_with("B1|")),
        "{:?}",
        kept.rows
    );
}

#[test]
fn entries_carry_what_the_bank_says() {
    let more = "<AcctSvcrRef>B1</AcctSvcrRef><AddtlNtryInf>info</AddtlNtryInf>".to_owned()
        + &detail(
            "<Refs><EndToEndId>E1</EndToEndId></Refs><RltdPties><Dbtr><Pty><Nm>A &amp; B</Nm></Pty></Dbtr><DbtrAcct><Id><IBAN>DE1</IBAN></Id></DbtrAcct><Cdtr><Nm>We</Nm></Cdtr></RltdPties><Purp><Cd>SALA</Cd></Purp><RmtInf><Ustrd>one</Ustrd><Ustrd>two</Ustrd></RmtInf>",
        );
    assert_eq!(
        row("005.0000", "CRDT", &more),
        "B1|5|2026-03-31|2026-04-01|C|500|CHF|E1|one two|A & B|DE1|SALA|"
    );
    // A structured reference is what the payer wrote as well: the invoice, the Swiss QR reference.
    let structured = "<AcctSvcrRef>B1</AcctSvcrRef>".to_owned()
        + &detail(
            "<RmtInf><Ustrd>one</Ustrd><Strd><CdtrRefInf><Tp><CdOrPrtry><Prtry>QRR</Prtry></CdOrPrtry></Tp><Ref>210000000003139471430009017</Ref></CdtrRefInf><AddtlRmtInf>more</AddtlRmtInf></Strd></RmtInf>",
        );
    let structured = row("5.00", "CRDT", &structured);
    assert!(
        structured.contains("|one 210000000003139471430009017 more|"),
        "{structured}"
    );
    // What undoes another entry carries that entry's reference, and has an id of its own.
    let returned = row(
        "5.00",
        "CRDT",
        &("<AcctSvcrRef>B1</AcctSvcrRef>".to_owned()
            + &detail(
                "<Refs><EndToEndId>E1</EndToEndId></Refs><RltdPties><Cdtr><Nm>Payee</Nm></Cdtr></RltdPties><RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf>",
            )),
    );
    assert!(returned.ends_with("|E1||Payee|||B1"), "{returned}");
    assert!(!returned.starts_with("B1"));
}

#[test]
fn a_reversal_keeps_its_direction_unless_the_bank_inverts_it() {
    let reversal = entry("5.00", "CRDT", "<RvslInd>true</RvslInd>");
    let kept_sign = document(&statement(&reversal, "0", "5.00"));
    let flipped = document(&statement(&reversal, "0", "-5.00"));
    let check = |text: &str, habit, expected: Option<&str>| {
        let (result, kept) = read_as(text.as_bytes(), None, habit);
        match expected {
            Some(direction) => {
                result.unwrap();
                assert!(kept.rows[0].contains(&format!("|{direction}|500|")));
            }
            None => assert!(result.unwrap_err().message.contains("do not tie out")),
        }
    };
    check(&kept_sign, ReversalSign::Iso, Some("C"));
    check(&flipped, ReversalSign::Invert, Some("D"));
    check(&flipped, ReversalSign::Iso, None);
    check(&kept_sign, ReversalSign::Invert, None);
}

#[test]
fn what_is_not_booked_moves_no_money() {
    let pending = entry("9.00", "CRDT", "").replace("<Cd>BOOK</Cd>", "PDNG");
    let text = document(&statement(
        &(pending + "\n" + &entry("0.00", "DBIT", "") + &entry("1.00", "CRDT", "")),
        "2",
        "3",
    ));
    let (result, kept) = read_bytes(text.as_bytes());
    result.unwrap();
    assert_eq!(kept.rows.len(), 1);
    assert_eq!(kept.not_booked, [3, 4]);
}

#[test]
fn rows_that_cannot_be_read_are_refused() {
    // The amount is known: the row is set aside and the totals hold.
    let rejected = |more: &str, field: &str| {
        let text = document(&statement(
            &format!(
                "<Ntry><Amt Ccy=\"CHF\">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>{more}</Ntry>"
            ),
            "0",
            "1.00",
        ));
        let (result, kept) = read_bytes(text.as_bytes());
        result.unwrap();
        assert!(kept.rows.is_empty());
        assert_eq!(kept.rejects.len(), 1);
        assert_eq!(kept.rejects[0].field, field);
    };
    rejected("", "value_date");
    rejected("<ValDt><Dt>2026-02-30</Dt></ValDt>", "value_date");
    rejected(
        "<BookgDt><DtTm>2026-03-31T25:00:00</DtTm></BookgDt>",
        "booking_time",
    );
    rejected(
        &(DATES.to_owned() + &detail("<Purp><Prtry>BANK_FEE</Prtry></Purp>")),
        "purpose",
    );
    // It is not: the statement cannot be added up.
    let unread =
        |entry: String, expected: &str| refused(&document(&statement(&entry, "0", "1.00")), expected);
    unread(entry("1.005", "CRDT", ""), "at most 2 decimals (CHF)");
    unread(entry("-1.00", "CRDT", ""), "amount: found `-1.00`");
    unread(entry("1.00", "CREDIT", ""), "direction: found `CREDIT`");
    unread(
        entry("1.00", "CRDT", "").replace("CHF", "EUR"),
        "currency: found `EUR`, expected CHF",
    );
    unread(entry("1.00", "CRDT", "<RvslInd>yes</RvslInd>"), "RvslInd");
    unread(entry("1.00", "CRDT", "").replace("<Cd>BOOK</Cd>", ""), "status");
}

#[test]
fn of_a_statement_that_is_passed_over_nothing_is_booked_or_refused() {
    let undated = "<Ntry><Amt Ccy=\"CHF\">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts></Ntry>";
    let pending = entry("9.00", "CRDT", "").replace("BOOK", "PDNG");
    let first = entry("2.00", "CRDT", "") + undated + &pending;
    // Its pages are one statement.
    let balances = [("OPBD", "0.00"), ("ITBD", "3.00")];
    let more = "<StmtPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>";
    let last = "<StmtPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>";
    let before = page("S1", more, &first, &balances)
        + &page(
            "S1",
            last,
            &entry("4.00", "CRDT", ""),
            &[("ITBD", "3.00"), ("CLBD", "7.00")],
        );
    let before = before.replace("2026-03-31", "2026-03-30");
    let today = page(
        "S2",
        "",
        &entry("8.00", "CRDT", ""),
        &[("OPBD", "7.00"), ("CLBD", "15.00")],
    );
    let text = document(&(before + &today));
    let (result, whole) = read_bytes(text.as_bytes());
    let facts = result.unwrap();
    assert_eq!(
        (whole.rows.len(), whole.rejects.len(), whole.not_booked.len()),
        (3, 1, 1)
    );
    let date = crate::terms::date::Date::from_ymd(2026, 3, 31).unwrap();
    let others = statements_of_other_days(CAMT053, &facts, date);
    assert_eq!(others.len(), 1);
    let source = source(CAMT053, Role::Bank);
    let (again, kept) = read_passing_over(&settings(&ACCOUNTS), &source, text.as_bytes(), &others);
    assert_eq!(kept.rows, whole.rows[2..]);
    assert_eq!((kept.rejects.len(), kept.not_booked.len()), (0, 4));
    assert_eq!(kept.balances, whole.balances[1..]);
    assert_eq!(again.told[0].content, facts.told[0].content);
    assert_eq!((again.checked.len(), facts.checked.len()), (1, 2));
}

#[test]
fn statements_tie_out_or_the_file_is_refused() {
    let one = entry("1.00", "CRDT", "");
    refused(
        &document(&statement(&one, "0", "2.00")),
        "statement S1: balances do not tie out: opening 0.00 + 1 credits 1.00 - 0 debits 0.00 = 1.00, but the statement closes with 2.00 CHF",
    );
    refused(
        &document(&page("S1", "", &one, &[("CLBD", "1")])),
        "no booked opening balance",
    );
    refused(
        &document(&page("S1", "", &one, &[("OPBD", "0"), ("CLAV", "1")])),
        "no booked closing balance",
    );
    refused(
        &document(&page(
            "S1",
            "",
            &one,
            &[("OPBD", "0"), ("CLBD", "1"), ("CLBD", "2")],
        )),
        "two different CLBD",
    );
    refused(&document(""), "no statement");
    refused(
        &document(&(statement(&one, "0", "1").repeat(2))),
        "S1 stands twice",
    );
    refused(
        &document(&statement(&one, "0", "1")).replace("5111111<", "5119999<"),
        "Acct/Id: found `…9999`",
    );
    refused(
        &document(&statement(&one, "0", "1")).replace("camt.053", "camt.052"),
        "camt.052",
    );
    refused(
        &document(&statement(&one, "0", "1"))
            .replace("<Document", "<Doc")
            .replace("</Document", "</Doc"),
        "`Doc`",
    );
    // PRCD opens where OPBD is missing; overdrawn accounts are routine.
    let text = document(&page(
        "S1",
        "",
        &one,
        &[("PRCD", "-3"), ("CLBD", "-2"), ("CLAV", "99")],
    ));
    let (result, kept) = read_bytes(text.as_bytes());
    result.unwrap();
    assert_eq!(kept.balances, ["5 CHF 2026-03-31 -300 -200"]);
}

#[test]
fn declared_totals_hold_over_booked_or_all_entries() {
    let text = |declared: &str| {
        let pending = entry("9.00", "DBIT", "").replace("<Cd>BOOK</Cd>", "PDNG");
        document(&statement(
            &format!(
                "<TxsSummry>{declared}</TxsSummry>{}{pending}",
                entry("1.00", "CRDT", "")
            ),
            "0",
            "1",
        ))
    };
    let holds = |declared: &str| {
        let (result, _) = read_bytes(text(declared).as_bytes());
        assert_eq!(result.unwrap().checked.len(), 2, "{declared}");
    };
    holds("<TtlNtries><NbOfNtries>1</NbOfNtries><Sum>1</Sum></TtlNtries>");
    holds("<TtlNtries><NbOfNtries>2</NbOfNtries><Sum>10.00</Sum></TtlNtries>");
    holds("<TtlDbtNtries><NbOfNtries>0</NbOfNtries></TtlDbtNtries>");
    refused(
        &text("<TtlNtries><NbOfNtries>3</NbOfNtries></TtlNtries>"),
        "TtlNtries: found 1 booked entries of 1.00, expected 3 of any",
    );
    refused(
        &text("<TtlCdtNtries><Sum>1.01</Sum></TtlCdtNtries>"),
        "TtlCdtNtries",
    );
}

#[test]
fn a_statement_that_does_not_tie_out_says_what_would_explain_it() {
    let reversed = entry("4.00", "DBIT", "<RvslInd>true</RvslInd>");
    let other = entry("7.00", "DBIT", "").replace("<Cd>BOOK</Cd>", "<Prtry>BOOKED</Prtry>");
    let help = |entries: &str, closing: &str| {
        let text = document(&statement(entries, "0.00", closing));
        let refused = read_bytes(text.as_bytes()).0.unwrap_err();
        (refused.message, refused.help)
    };
    let (message, with_other_sign) = help(&reversed, "4.00");
    assert!(
        message.ends_with("= -4.00, but the statement closes with 4.00 CHF"),
        "{message}"
    );
    assert!(with_other_sign.contains("`reversal_sign`"), "{with_other_sign}");
    let (message, none) = help(&(reversed + &other), "5.00");
    assert!(
        message.ends_with("; not counted: 1 whose status (Sts) is not BOOK"),
        "{message}"
    );
    assert!(!none.contains("reversal_sign"), "{none}");
}

#[test]
fn one_number_in_two_currencies_is_two_accounts() {
    let settings = settings(&[("CH9788761065025111111", "EUR"), ("CH9788761065025111111", "CHF")]);
    let read = |text: &str| read_from(&settings, &source(CAMT053, Role::Bank), text.as_bytes());
    let named = |code: &str| format!("</Id><Ccy>{code}</Ccy></Acct>");
    let text = document(&statement(&entry("1.00", "CRDT", ""), "0", "1"));
    // By the account's own currency, or else by that of its balances.
    for text in [text.replace("</Id></Acct>", &named("CHF")), text.clone()] {
        let (result, kept) = read(&text);
        result.unwrap();
        assert_eq!(kept.balances, ["1 CHF 2026-03-31 0 100"]);
    }
    let euros = text.replace("</Id></Acct>", &named("EUR")).replace("CHF", "EUR");
    assert_eq!(read(&euros).1.balances, ["0 EUR 2026-03-31 0 100"]);
    let message = read(&text.replace("CHF", "GBP")).0.unwrap_err().message;
    assert!(
        message
            .ends_with("is an account in CHF, EUR of the book: found GBP, expected one of these currencies"),
        "{message}"
    );
}

#[test]
fn a_declared_net_amount_holds_with_its_side() {
    let text = |declared: &str| {
        let entries = entry("1.00", "CRDT", "") + &entry("3.50", "DBIT", "");
        let summary = format!("<TxsSummry><TtlNtries>{declared}</TtlNtries></TxsSummry>");
        document(&statement(&(summary + &entries), "0", "-2.50"))
    };
    for holds in [
        "<TtlNetNtryAmt>2.50</TtlNetNtryAmt><CdtDbtInd>DBIT</CdtDbtInd>",
        "<TtlNetNtry><Amt>2.5</Amt><CdtDbtInd>DBIT</CdtDbtInd></TtlNetNtry>",
        "<TtlNetNtryAmt>2.50</TtlNetNtryAmt>",
    ] {
        let checked = read_bytes(text(holds).as_bytes()).0.unwrap().checked;
        assert_eq!(
            checked[1], "statement S1: 1 declared counts and sums hold",
            "{holds}"
        );
    }
    // What moved, where reversals have the other sign.
    let reversed = "<TxsSummry><TtlNtries><TtlNetNtryAmt>1.00</TtlNetNtryAmt><CdtDbtInd>CRDT</CdtDbtInd></TtlNtries></TxsSummry>";
    let entries = entry("2.00", "CRDT", "") + &entry("1.00", "CRDT", "<RvslInd>true</RvslInd>");
    let inverted = document(&statement(&(reversed.to_owned() + &entries), "0", "1"));
    let settings = settings(&[("CH9788761065025111111", "CHF")]);
    let mut bank = source(CAMT053, Role::Bank);
    bank.reversal_sign = ReversalSign::Invert;
    read_from(&settings, &bank, inverted.as_bytes()).0.unwrap();
    for differs in [
        "<TtlNetNtryAmt>2.50</TtlNetNtryAmt><CdtDbtInd>CRDT</CdtDbtInd>",
        "<TtlNetNtry><Amt>2.51</Amt><CdtDbtInd>DBIT</CdtDbtInd></TtlNetNtry>",
        "<TtlNetNtryAmt>4.50</TtlNetNtryAmt>",
    ] {
        refused(
            &text(differs),
            "TtlNetNtry: found booked entries that come to -2.50, expected ",
        );
    }
}

#[test]
fn an_amount_in_the_forms_of_the_schema_is_read() {
    for amount in [".50", "+0.50", "+.5", "00.500"] {
        let text = document(&statement(&entry(amount, "CRDT", ""), "12.", "+12.50"));
        let (result, kept) = read_bytes(text.as_bytes());
        result.unwrap();
        assert_eq!(kept.balances, ["5 CHF 2026-03-31 1200 1250"], "{amount}");
    }
    // Each with the closing balance that a wrong reading would come to.
    for (amount, closing) in [
        (".", "0"),
        ("+", "0"),
        ("++1", "1"),
        ("1e2", "100"),
        ("-1", "-1"),
        ("-1", "1"),
        ("1.2.3", "1.2"),
        ("", "0"),
    ] {
        let text = document(&statement(&entry(amount, "CRDT", ""), "0", closing));
        let (result, kept) = read_bytes(text.as_bytes());
        let words = result.map_or_else(|refused| refused.message, |_| format!("{:?}", kept.rejects));
        assert!(words.contains("amount"), "{amount}: {words}");
    }
}

#[test]
fn one_detail_listed_of_a_batch_does_not_speak_for_it() {
    let listed = "<Refs><EndToEndId>E1</EndToEndId></Refs><Amt Ccy=\"CHF\">1.00</Amt><RmtInf><Ustrd>first</Ustrd></RmtInf>";
    let of = |count: &str| {
        let batch = format!("<Btch><PmtInfId>P1</PmtInfId><NbOfTxs>{count}</NbOfTxs></Btch>");
        row(
            "1.00",
            "CRDT",
            &format!("<AcctSvcrRef>B1</AcctSvcrRef><NtryDtls>{batch}<TxDtls>{listed}</TxDtls></NtryDtls>"),
        )
    };
    let (alone, batch) = (of("1"), of("3"));
    assert!(alone.contains("|E1|") && alone.contains("|first|"), "{alone}");
    assert!(
        batch.contains("|B1|") && !batch.contains("E1") && !batch.contains("first"),
        "{batch}"
    );
}

#[test]
fn pages_are_put_together_in_order() {
    let pagination = |number: u32, last: bool| {
        format!("<StmtPgntn><PgNb>{number}</PgNb><LastPgInd>{last}</LastPgInd></StmtPgntn>")
    };
    let one = entry("1.00", "CRDT", "");
    let first = page("S1", &pagination(1, false), &one, &[("OPBD", "5"), ("ITBD", "6")]);
    let second = page("S1", &pagination(2, false), &one, &[("ITBD", "6"), ("ITBD", "7")]);
    let third = page("S1", &pagination(3, true), &one, &[("ITBD", "7"), ("CLBD", "8")]);
    let whole = document(&(first.clone() + &second + &third));
    let (result, kept) = read_bytes(whole.as_bytes());
    result.unwrap();
    assert_eq!(kept.balances, ["5 CHF 2026-03-31 500 800"]);
    let mut ids: Vec<&str> = kept.rows.iter().filter_map(|row| row.split('|').next()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);

    // In several files each page balances by itself, and the day sees whether all are there.
    let part = |pages: &str, (first_page, goes_on): (u32, bool), balances: &str, row: usize| {
        let (result, kept) = read_bytes(document(pages).as_bytes());
        let told = result.unwrap().told.remove(0);
        assert_eq!((told.first_page, told.goes_on), (first_page, goes_on));
        assert_eq!(kept.balances, [balances]);
        kept.rows[row].split('|').next().map(str::to_owned)
    };
    let ids = [
        part(
            &(first.clone() + &second),
            (1, true),
            "5 CHF 2026-03-31 500 700",
            1,
        ),
        part(&second, (2, true), "5 CHF 2026-03-31 600 700", 0),
        part(
            &(second.clone() + &third),
            (2, false),
            "5 CHF 2026-03-31 600 800",
            0,
        ),
        part(&third, (3, false), "5 CHF 2026-03-31 700 800", 0),
    ];
    assert!(
        ids[0] != ids[1] && ids[1] == ids[2] && ids[2] != ids[3],
        "{ids:?}"
    );
    refused(&document(&second.replacen(">7<", ">7.01<", 1)), "7.01");
    let without = page("S1", &pagination(1, false), &one, &[("OPBD", "5")]);
    refused(&document(&without), "page 2 is missing, and no interim balance");
    let without = page("S1", &pagination(2, true), &one, &[("CLBD", "5")]);
    refused(
        &document(&without),
        "found page 2 and neither the page before it nor an interim balance",
    );
    refused(
        &document(&(first.clone() + &third)),
        "found page 3, expected page 2",
    );
    refused(
        &document(&(first.clone() + &statement(&one, "0", "1").replace("S1", "S2") + &second)),
        "page 2 is missing",
    );
    let off = second.replacen(">6<", ">6.50<", 1);
    refused(
        &document(&(first + &off + &third)),
        "page 2 opens with 6.50, but the page before it closes with 6.00",
    );
}

#[test]
fn pages_of_a_message_are_told_or_refused() {
    let text = |pagination: &str| {
        document(&statement("", "5", "5")).replace(
            "<BkToCstmrStmt>",
            &format!("<BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId><MsgPgntn>{pagination}</MsgPgntn></GrpHdr>"),
        )
    };
    let pages = |pagination: &str| {
        let (result, _) = read_bytes(text(pagination).as_bytes());
        let pages = result.unwrap().pages;
        pages
            .iter()
            .map(|page| (page.page, page.last))
            .collect::<Vec<_>>()
    };
    assert_eq!(pages("<PgNb>1</PgNb><LastPgInd>true</LastPgInd>"), []);
    assert_eq!(pages("<PgNb>1</PgNb><LastPgInd>false</LastPgInd>"), [(1, false)]);
    assert_eq!(pages("<PgNb>2</PgNb><LastPgInd>1</LastPgInd>"), [(2, true)]);
    refused(&text("<PgNb>x</PgNb>"), "MsgPgntn/PgNb: found `x`");
    refused(&text("<PgNb>0</PgNb>"), "MsgPgntn/PgNb: found `0`");
    refused(
        &text("<LastPgInd>yes</LastPgInd>"),
        "MsgPgntn/LastPgInd: found `yes`",
    );
}

#[test]
fn no_amount_has_an_exponent() {
    for amount in ["1E+5", "1e2", "1.0E2"] {
        refused(
            &document(&statement(&entry(amount, "CRDT", ""), "0", "1")),
            "amount",
        );
        refused(&document(&statement("", amount, "1")), "Amt: found");
    }
}

#[test]
fn encodings_are_decoded_exactly() {
    let text = document(&statement(
        &entry("1.00", "CRDT", "<AddtlNtryInf>Zürich</AddtlNtryInf>"),
        "0",
        "1",
    ));
    let latin: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let (result, _) = read_bytes(&latin);
    assert!(result.unwrap_err().message.contains("not UTF-8"));
    let declared: Vec<u8> = [
        b"<?xml version=\"1.0\" encoding=\"iso-8859-15\"?>",
        &latin["<?xml version=\"1.0\"?>".len()..],
    ]
    .concat();
    let wide: Vec<u8> = [0xfe, 0xff]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_be_bytes))
        .collect();
    let check = |bytes: &[u8], encoding| {
        let (result, kept) = read_as(bytes, encoding, ReversalSign::Iso);
        result.unwrap();
        assert!(kept.rows[0].contains("|Zürich|"), "{}", kept.rows[0]);
    };
    check(text.as_bytes(), None);
    check(format!("\u{feff}{text}").as_bytes(), None);
    check(&latin, Some("iso-8859-15"));
    check(&declared, None);
    check(&wide, None);
}

#[test]
fn namespaces_may_have_a_prefix() {
    let text = document(&statement(&entry("1.00", "CRDT", ""), "0", "1"))
        .replace("<?xml", "\u{1}")
        .replace("</", "\u{2}")
        .replace('<', "<n:")
        .replace('\u{2}', "</n:")
        .replace('\u{1}', "<?xml")
        .replace("xmlns=", "xmlns:n=");
    let (result, kept) = read_bytes(text.as_bytes());
    result.unwrap();
    assert_eq!(kept.rows.len(), 1);
}

#[test]
fn a_namespace_may_be_another_or_none() {
    let own = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08";
    let text = document(&statement(&entry("1.00", "CRDT", ""), "0", "1"));
    let austrian = text.replace(own, "ISO:camt.053.001.02:APC:STUZZA:payments:003");
    let none = text.replace(&format!(" xmlns=\"{own}\""), "");
    for (text, variant) in [
        (&austrian, "camt.053.001.02"),
        (&none, "camt.053.001.NN, no namespace"),
    ] {
        assert_eq!(recognise(text.as_bytes()), Some(CAMT053));
        let (result, kept) = read_bytes(text.as_bytes());
        assert_eq!(result.unwrap().variant, variant);
        assert_eq!(kept.rows.len(), 1);
    }
    let (result, _) = read_bytes(text.replace(own, "urn:x:camt.053.001.081").as_bytes());
    assert!(result.unwrap_err().message.contains("the document is `Document`"));
    assert_eq!(recognise(b"a text about xmlns=\"camt.053.001.08\""), None);
    assert_eq!(recognise(b"<a>camt.053.001.08</a>"), None);
}

#[test]
fn a_cut_statement_is_never_taken_for_another() {
    let check = |bytes: &[u8]| {
        let (result, whole) = read_bytes(bytes);
        result.unwrap();
        // Only the white space behind the document can be lost.
        let end_of_document = bytes.iter().rposition(|byte| *byte == b'>').unwrap() + 1;
        for end in 0..bytes.len() {
            let (result, kept) = read_bytes(&bytes[..end]);
            assert_eq!(result.is_ok(), end >= end_of_document, "cut to {end} bytes");
            if result.is_ok() {
                assert_eq!(kept, whole);
            }
        }
    };
    check(document(&statement(&entry("1.00", "CRDT", ""), "0", "1")).as_bytes());
    if let Some(bytes) = sample("camt053/genkgo-v2.multi.statement.xml") {
        check(&bytes);
    }
}

#[test]
fn a_damaged_statement_ties_out_or_is_refused() {
    let text = document(&statement(
        &(entry("1.00", "CRDT", "") + &entry("0.30", "DBIT", &detail("<Purp><Cd>X</Cd></Purp>"))),
        "0.20",
        "0.90",
    ));
    let (_, whole) = read_bytes(text.as_bytes());
    let mut damaged = text.clone().into_bytes();
    for at in 0..text.len() {
        for byte in [b'<', b'>', b'&', b'7', b'/', 0, 0xff] {
            damaged[at] = byte;
            let (result, kept) = read_bytes(&damaged);
            if result.is_ok() {
                let seen = kept.rows.len() + kept.rejects.len() + kept.not_booked.len();
                assert_eq!(seen, whole.rows.len(), "byte {at} is {byte}");
            }
        }
        damaged[at] = text.as_bytes()[at];
    }
}

#[test]
fn a_document_in_the_envelope_of_a_business_message_is_read() {
    let inner = "<Ntry><Amt Ccy=\"CHF\">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-03-31</Dt></BookgDt></Ntry>";
    let alone = document(&statement(inner, "1.00", "2.00"));
    let (result, plain) = read_bytes(alone.as_bytes());
    assert!(result.is_ok(), "{result:?}");
    let start = alone.find("<Document").unwrap();
    let inside = &alone[start..];
    for (before, behind) in [
        (
            "<BizMsgEnvlp xmlns=\"urn:a\"><AppHdr xmlns=\"urn:b\"><BizMsgIdr>1</BizMsgIdr></AppHdr>",
            "</BizMsgEnvlp>",
        ),
        (
            "<s:DataPDU xmlns:s=\"urn:s\"><s:Header/><s:Body><AppHdr/>",
            "<x/></s:Body></s:DataPDU>",
        ),
    ] {
        let text = format!("{before}{inside}{behind}");
        let (result, kept) = read_bytes(text.as_bytes());
        assert_eq!(result.unwrap().variant, "camt.053.001.08");
        assert_eq!(
            (kept.rows, kept.balances),
            (plain.rows.clone(), plain.balances.clone())
        );
    }
    // Declared by the envelope.
    let namespace = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08";
    let bare = inside.replace(&format!(" xmlns=\"{namespace}\""), "");
    let text = format!("<e xmlns=\"{namespace}\">{bare}</e>");
    let (result, kept) = read_bytes(text.as_bytes());
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(kept.rows, plain.rows);
    for bad in [
        "<e><AppHdr/></e>".to_owned(),
        format!("<e><f><g><h>{inside}</h></g></f></e>"),
    ] {
        let (result, _) = read_bytes(bad.as_bytes());
        assert!(result.unwrap_err().message.contains("the document is `e`"));
    }
}
