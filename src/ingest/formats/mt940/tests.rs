use crate::book::settings::{ReversalSign, Role, Settings, Source};
use crate::ingest::formats::testing::{Kept, read_from, read_openly, sample, settings, source};
use crate::ingest::formats::{FileFacts, FileRefused, MT940, MT942};

fn book() -> (Settings, Source) {
    (
        settings(&[
            ("NL81ASNB9999999999", "EUR"),
            ("123456789", "USD"),
            ("DE75120300001020304050", "EUR"),
        ]),
        source(MT940, Role::Bank),
    )
}

fn read(text: &str) -> (Result<FileFacts, FileRefused>, Kept) {
    let (settings, source) = book();
    read_from(&settings, &source, text.as_bytes())
}

fn refused(text: &str, expected: &str) {
    let (result, _) = read(text);
    let message = result.unwrap_err().message;
    assert!(message.contains(expected), "`{message}` lacks `{expected}`");
}

/// Messages, statements, entries, and credits less debits of a sample whose every statement ties out.
fn balances(
    name: &str,
    (messages, statements): (usize, usize),
    entries: usize,
    net_minor: i128,
) -> Option<Kept> {
    let bytes = sample(name)?;
    let (result, kept, failed) = read_openly(MT940, &bytes);
    let facts = result.unwrap();
    assert_eq!(failed, [], "{name}");
    assert_eq!(facts.told.len(), statements, "{name}");
    let told: u64 = facts.told.iter().map(|told| told.booked.total().count).sum();
    assert_eq!(told as usize, entries, "{name}");
    assert_eq!(kept.rows.len() + kept.not_booked.len(), entries, "{name}");
    assert_eq!(kept.balances.len(), statements, "{name}");
    // A statement in pages balances page by page.
    let pages: u32 = facts.told.iter().map(|told| told.pages).sum();
    let tied = facts
        .checked
        .iter()
        .filter(|words| words.contains(" = closing "))
        .count();
    assert_eq!((pages as usize, tied), (messages, messages), "{name}");
    let net: i128 = facts.told.iter().map(|told| told.booked.net_minor()).sum();
    assert_eq!(net, net_minor, "{name}");
    for place in &kept.places {
        assert!(
            bytes[place.offset as usize..].starts_with(b":61:"),
            "{name} {place:?}"
        );
        let line = bytes[..place.offset as usize]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count() as u64
            + 1;
        assert_eq!(place.line, line, "{name}");
    }
    Some(kept)
}

#[test]
fn samples_balance_to_the_cent() {
    balances("mt940/asnb-blank-entry-date.sta", (31, 31), 8, 5694);
    balances("mt940/danskebank-DK.sta", (15, 14), 89, 137_245_277);
    balances("mt940/danskebank-NO.sta", (13, 13), 24, 238_264_902);
    balances(
        "mt940/betterplace-sepa_mt9401-with-RC.sta",
        (26, 20),
        97,
        -926_913_590,
    );
    balances("mt940/citi.sta", (1, 1), 5, -114_275);
    balances("mt940/jejik-rabobank-iban.sta", (2, 2), 4, -7000);
    balances("mt940/jejik-sns.sta", (2, 2), 2, -2500);
    balances("mt940/jejik-volksbankenraiffeisenbanken.sta", (8, 8), 12, 74_500);
    if let Some(kept) = balances("mt940/special-february_30.sta", (1, 1), 1, -600) {
        assert!(
            kept.rows[0].contains("|2016-03-01|2016-02-29|D|600|EUR|"),
            "{}",
            kept.rows[0]
        );
    }
    // An entry behind the last statement is covered by no balance.
    if let Some(kept) = balances("mt940/wolph-multiline.sta", (1, 1), 1, -500) {
        assert_eq!(kept.rejects.len(), 1);
        assert_eq!(kept.rejects[0].field, "statement");
    }
}

#[test]
fn samples_that_do_not_tie_out_say_which_check_failed() {
    let fails = |name: &str, statements: usize, expected: &str| {
        let Some(bytes) = sample(name) else { return };
        let (result, _, failed) = read_openly(MT940, &bytes);
        assert_eq!(result.unwrap().told.len(), statements, "{name}");
        assert_eq!(failed.len(), 1, "{name}: {failed:?}");
        assert!(
            failed[0].message.contains(expected),
            "{name}: {}",
            failed[0].message
        );
    };
    fails(
        "mt940/jejik-knab.sta",
        2,
        "statement B4G30MS9D00A003D number 999/1: balances do not tie out: opening 3058.98 + 1 credits 500.00 - 1 debits 7260.00 = -3701.02, but the statement closes with 798.98 EUR",
    );
    fails(
        "mt940/special-incomplete_tag_61.sta",
        1,
        "balances do not tie out",
    );
    fails("mt940/special-invalid_utf8.sta", 1, "balances do not tie out");
    let Some(bytes) = sample("mt940/cmxl-with-colon-after-line-break.sta") else {
        return;
    };
    let (result, _, _) = read_openly(MT940, &bytes);
    // The mark went out of use with the euro.
    assert!(result.unwrap_err().message.contains("currency: found `DEM`"));
    let text = String::from_utf8(bytes).unwrap().replace("DEM", "EUR");
    let (_, _, failed) = read_openly(MT940, text.as_bytes());
    assert!(
        failed[0].message.contains("no closing balance (:62F:)"),
        "{failed:?}"
    );
}

const HEAD: &str = ":20:S1\r\n:25:NL81ASNB9999999999\r\n:28C:7/1\r\n:60F:C260330EUR10,00\r\n";

fn statement(lines: &str, closing: &str) -> String {
    format!("{HEAD}{lines}:62F:{closing}\r\n-\r\n")
}

#[test]
fn rows_carry_what_the_bank_says() {
    let text = statement(
        ":61:2603310331C5,00NTRFNONREF//B1\r\n/OCMT/USD5,49\r\n:86:166?00GUTSCHRIFT?20EREF+E1?21SVWZ+Rechnung 7?31DE02?32Muster GmbH\r\n:61:260331RC1,00NRTIK2//B2\r\n:86:/EREF/E2/NAME/A/REMI/x\r\n",
        "C260331EUR14,00",
    );
    let (result, kept) = read(&text);
    let facts = result.unwrap();
    assert_eq!(kept.rejects, []);
    let rows: Vec<&str> = kept.rows.iter().map(|row| &row[32..]).collect();
    assert_eq!(
        rows,
        [
            "|0|2026-03-31|2026-03-31|C|500|EUR|E1|EREF+E1 SVWZ+Rechnung 7|Muster GmbH|DE02|NTRF|",
            "|0|2026-03-31|2026-03-31|D|100|EUR|E2|/EREF/E2/NAME/A/REMI/x|A||NRTI|B2",
        ]
    );
    assert_eq!(kept.balances, ["0 EUR 2026-03-31 1000 1400"]);
    assert_eq!(facts.told[0].sequence, Some(7));
    // The same statement in another layout gives the same ids.
    let wrapped = text
        .replace("\r\n", "\n")
        .replace(":20:", "{1:F01X}{2:I940X}{4:\n:20:")
        .replace("\n-\n", "\n-}{5:}\n");
    let (result, other) = read(&wrapped);
    assert!(result.unwrap().variant.contains("envelopes"));
    assert_eq!(kept.rows, other.rows);
}

#[test]
fn a_reversal_follows_the_habit_of_the_bank() {
    let text = |closing| statement(":61:260331RC1,00NMSC\n", closing);
    let (settings, mut source) = book();
    let net = |source: &Source, text: &str| read_from(&settings, source, text.as_bytes()).0.is_ok();
    assert!(net(&source, &text("C260331EUR9,00")));
    assert!(!net(&source, &text("C260331EUR11,00")));
    let (result, _) = read(&text("C260331EUR11,00"));
    let help = result.unwrap_err().help;
    assert!(help.contains("reversal_sign = \"invert\""), "{help}");
    let (result, _) = read(&text("C260331EUR12,00"));
    assert!(!result.unwrap_err().help.contains("reversal_sign"));
    source.reversal_sign = ReversalSign::Invert;
    assert!(net(&source, &text("C260331EUR11,00")));
}

#[test]
fn statements_tie_out_or_the_file_is_refused() {
    let one = ":61:260331C1,00NMSCX\n";
    refused(
        &statement(one, "C260331EUR12,00"),
        "statement S1 number 7/1: balances do not tie out",
    );
    refused(
        &HEAD.replace(":60F:C260330EUR10,00", one),
        "no opening balance (:60F:)",
    );
    refused(
        &format!("{HEAD}{one}"),
        "no closing balance (:62F:): the statement was cut off",
    );
    refused(&format!("{HEAD}{one}:20:S2\n"), "no closing balance");
    refused(&format!("{HEAD}:60F:C260330EUR1,00\n"), "two opening balances");
    refused(
        &statement(":61:260331C1,005NMSC\n", "C260331EUR10,00"),
        "at most 2 decimals (EUR)",
    );
    refused(
        &statement(":61:260331X1,00NMSC\n", "C260331EUR10,00"),
        "direction: found `X1,0`",
    );
    refused(&statement(one, "C260331USD11,00"), "another currency");
    refused(&statement(one, "C260331EUR11,0x"), ":62: amount");
    refused(&statement(one, "X260331EUR11,00"), ":62: mark");
    refused(&statement("", "C260231EUR10,00"), ":62: date: found `260231`");
    refused(
        &HEAD.replace("EUR10", "USD10"),
        "currency: found `USD`, expected EUR",
    );
    refused(&HEAD.replace("NL81ASNB", "NL82ASNB"), ":25:: found `…9999`");
    refused("hello\n", "the file holds no statement");
    refused("", "the file holds no statement");
    refused(":62F:C260331EUR1,00\n", "outside any statement");
    // An idle day is a day.
    let (result, kept) = read(&statement("", "C260331EUR10,00"));
    result.unwrap();
    assert_eq!(kept.balances, ["0 EUR 2026-03-31 1000 1000"]);
}

#[test]
fn keys_are_references_and_no_codes() {
    let row = |entry: &str| {
        let (result, kept) = read(&statement(entry, "C260331EUR11,00"));
        result.unwrap();
        kept.rows[0].clone()
    };
    let check = |entry: &str, expected: &str| {
        let row = row(entry);
        assert!(row.contains(expected), "{entry}: {row}");
    };
    let pointed = ":61:260331C1,00NDDTPREF//1249\n:86:/PREF/SEPA-P1/REMI/x/\n";
    check(pointed, "|SEPA-P1|");
    check(&pointed.replace("/PREF/SEPA-P1", "/CSID/x"), "|1249|");
    check(":61:260331C1,00NDDTMARF//1249\n:86:/MARF/MND-1/\n", "|1249|");
    check(":61:260331C1,00NTRF.//1249\n:86:x\n", "|1249|");
    check(":61:260331C1,00NTRFEREF//1249\n:86:/EREF/E1/PREF/P1/\n", "|E1|");
    // What the bank adds in a field of its own does not end the entry.
    let noted = ":61:260331C1,00NMSCX\n:NS:01Street 17\n02City\n";
    check(noted, "|01Street 17 02City|");
    check(&format!("{noted}:86:text\n"), "|text|");
    // A second `:86:` behind it is of the statement, and what it declares is checked.
    let summed = |sums: &str| format!(":61:260331C1,00NMSCX\n:86:text\n:NS:01x\n:86:{sums}\n");
    check(&summed("/SUM/0/1/0,00/1,00/"), "|text|");
    let (result, _) = read(&statement(&summed("/SUM/0/1/0,00/2,00/"), "C260331EUR11,00"));
    assert!(result.unwrap_err().message.contains("/SUM/"));
    let (result, _) = read(&statement(
        &(noted.to_owned() + &":NS:x\n".repeat(10_001)),
        "C260331EUR11,00",
    ));
    assert!(result.unwrap_err().message.contains("more than 10000 lines"));
    let nameless = statement(noted, "C260331EUR11,00");
    let at = nameless.find(":25:").unwrap();
    let end = at + nameless[at..].find('\n').unwrap() + 1;
    let (result, _) = read(&[&nameless[..at], &nameless[end..]].concat());
    assert!(result.unwrap_err().message.contains("names no account (:25:)"));
}

#[test]
fn layout_may_be_anything() {
    let read = |text: &str, rows: usize| {
        let (result, kept) = read(text);
        let facts = result.unwrap_or_else(|refused| panic!("{}: {text}", refused.message));
        assert_eq!(kept.rows.len(), rows, "{text}");
        (facts, kept)
    };
    let one = ":61:260331C1,00NMSCX\n:86:text\n-\n:not a tag:\n- more\n:08 Karten\n";
    let (_, kept) = read(&statement(one, "C260331EUR11,00"), 1);
    assert!(
        kept.rows[0].contains("|text - :not a tag: - more :08 Karten|"),
        "{}",
        kept.rows[0]
    );
    // ABN AMRO has no :20:, some glue the end of the message to the last field, some write text around.
    let abn = statement(one, "C260331EUR11,00").replace(":20:S1\r\n", "ABNANL2A\n940\nABNANL2A\n");
    read(&abn, 1);
    let (facts, _) = read(&format!("hello\n\n{}bye\n", statement(one, "C260331EUR11,00")), 1);
    assert!(
        facts
            .noted
            .iter()
            .any(|words| words.starts_with("2 lines that belong to no field were passed over, from line 1"))
    );
    read(&statement(one, "C260331EUR11,00").replace("\r\n-\r\n", "-}"), 1);
    // Two pages in one message, the second without :20: and :25:.
    let pages = statement(one, "C260331EUR11,00")
        .replace(":62F:", ":62M:")
        .replace("\r\n-\r\n", "\r\n")
        + ":28C:7/2\n:60M:C260331EUR11,00\n:61:260331D2,00NMSCY\n:62F:C260331EUR9,00\n-\n";
    let (facts, kept) = read(&pages, 2);
    assert_eq!(kept.balances, ["0 EUR 2026-03-31 1000 900"]);
    assert_eq!(facts.told[0].pages, 2);
    refused(&pages.replace(":28C:7/2", ":28C:7/3"), "a page is missing");
    refused(
        &pages.replace(":60M:C260331EUR11", ":60M:C260331EUR12"),
        "a page is missing",
    );
    // In two files each page balances by itself, and the day sees whether both are there.
    let (first, second) = pages.split_at(pages.find(":28C:7/2").unwrap());
    let (facts, kept) = read(first, 1);
    assert_eq!(kept.balances, ["0 EUR 2026-03-31 1000 1100"]);
    let told = &facts.told[0];
    assert_eq!((told.first_page, told.pages, told.goes_on), (1, 1, true));
    let second = second.replace(":28C", ":25:NL81ASNB9999999999\n:28C");
    let (facts, kept) = read(&second, 1);
    assert_eq!(kept.balances, ["0 EUR 2026-03-31 1100 900"]);
    let told = &facts.told[0];
    assert_eq!((told.first_page, told.pages, told.goes_on), (2, 1, false));
    refused(&second.replace("EUR9,00", "EUR9,01"), "EUR");
    refused(&format!("{first}:90C:2EUR3,00\n-\n"), ":90C:");
    // Latin letters where nobody names an encoding are said, and money does not depend on them.
    let (settings, source) = book();
    let latin = [
        statement("", "C260331EUR10,00").as_bytes(),
        b"\n:86:Gr\xfc\xdfe\n",
    ]
    .concat();
    let (result, _) = read_from(&settings, &source, &latin);
    assert!(
        result
            .unwrap()
            .noted
            .iter()
            .any(|words| words.contains("windows-1252"))
    );
}

#[test]
fn an_envelope_that_does_not_end_was_cut() {
    let whole = format!(
        "{{1:F01X}}{{2:I940X}}{{4:\n{}",
        statement("", "C260331EUR10,00").replace("\n-\r\n", "\n-}{5:}\n")
    );
    assert!(read(&whole).0.is_ok());
    refused(&whole.replace("-}{5:}\n", ""), "does not end with `-}`");
    refused(&format!("{whole}{{1:F01"), "does not end with `-}`");
}

#[test]
fn declared_totals_hold() {
    let entries = ":61:260331C1,00NMSCX\n:61:260331RC0,50NMSCX\n:61:260331D2,00NMSCX\n";
    let text = |more: &str| statement(&format!("{entries}{more}"), "C260331EUR8,50");
    for holds in [
        ":90D:2EUR2,50\n:90C:1EUR1,00\n",
        ":90D:1EUR2,\n:90C:2EUR1,5\n",
        ":86:x\n",
    ] {
        let (result, _) = read(&text(holds));
        assert!(result.is_ok(), "{holds}");
    }
    refused(
        &text(":90D:2EUR2,00\n"),
        ":90D: found 2 debits of 2.50, expected 2 of 2.00",
    );
    refused(&text(":90C:x\n"), ":90C: found `x`");
    let summed = |sum: &str| text("").replace("\r\n-\r\n", &format!("\r\n:86:/SUM/{sum}\r\n-\r\n"));
    assert!(read(&summed("2/1/2,50/1,00/")).0.is_ok());
    refused(
        &summed("2/1/2,50/1,01/"),
        "/SUM/ found 2 debits of 2.50, expected 2 of 2.50; found 1 credits of 1.00, expected 1 of 1.01",
    );
    refused(
        &summed("2/1/2,50/"),
        "/SUM/ found `2/1/2,50/`, expected numbers of debits",
    );
    // On a line of its own, and a text that only begins so.
    assert!(
        read(&summed("2/1/2,50/1,00/").replace(":86:/SUM/", ":86:end of day\r\n/SUM/"))
            .0
            .is_ok()
    );
    refused(
        &summed("2/1/9,50/1,00/").replace(":86:/SUM/", ":86:end of day\r\n/SUM/"),
        "/SUM/ found 2 debits",
    );
    assert!(read(&summed("of the day")).0.is_ok());
    let lettered = |sums: &str| summed("x").replace(":86:/SUM/x", &format!(":86:{sums}"));
    assert!(read(&lettered("D000002C000001D2,50C1,00")).0.is_ok());
    refused(
        &lettered("D000002C000001D2,51C1,00"),
        "/SUM/ found 2 debits of 2.50, expected 2 of 2.51",
    );
    assert!(read(&lettered("DEAR CUSTOMER DC")).0.is_ok());
    for amount in ["1E+5", "1E5", "1,0E+2"] {
        refused(
            &text("").replace(":61:260331C1,00", &format!(":61:260331C{amount}")),
            &format!("amount: found `{amount}`"),
        );
        refused(
            &text("").replace("EUR8,50", &format!("EUR{amount}")),
            ":62: amount",
        );
        refused(&text(&format!(":90D:2EUR{amount}\n")), ":90D: found");
    }
}

#[test]
fn totals_hold_over_a_page_or_over_the_whole_statement() {
    let pages = |first: &str, second: &str| {
        let one = ":61:260331C1,00NMSCX\n:61:260331D0,25NMSCX\n";
        statement(&format!("{one}{first}"), "C260331EUR10,75").replace(":62F:", ":62M:")
            + &format!(
                ":20:S1\n:25:NL81ASNB9999999999\n:28C:7/2\n:60M:C260331EUR10,75\n:61:260331D2,00NMSCY\n{second}:62F:C260331EUR8,75\n-\n"
            )
    };
    for (first, second) in [
        (":90D:1EUR0,25\n:90C:1EUR1,00\n", ":90D:1EUR2,00\n"),
        ("", ":90D:2EUR2,25\n:90C:1EUR1,00\n"),
        // Some write the totals of the statement on its first page.
        (":90D:2EUR2,25\n:90C:1EUR1,00\n", ""),
    ] {
        let (result, kept) = read(&pages(first, second));
        let facts = result.unwrap_or_else(|refused| panic!("{first} {second}: {refused:?}"));
        assert_eq!(kept.balances, ["0 EUR 2026-03-31 1000 875"]);
        assert!(
            facts
                .checked
                .iter()
                .any(|words| words.contains("declared counts"))
        );
    }
    refused(
        &pages(":90D:2EUR2,26\n", ""),
        ":90D: found 2 debits of 2.25, expected 2 of 2.26",
    );
    refused(
        &pages("", ":90D:3EUR2,25\n"),
        ":90D: found 2 debits of 2.25, expected 3 of 2.25",
    );
}

#[test]
fn braces_open_an_envelope_only_as_its_blocks() {
    let text = statement(
        ":61:260331C1,00NMSCX\n:86:pay\n{order} 7\n{4 items}\n",
        "C260331EUR11,00",
    );
    let (result, kept) = read(&text);
    assert!(!result.unwrap().variant.contains("envelopes"));
    assert!(
        kept.rows[0].contains("|pay {order} 7 {4 items}|"),
        "{}",
        kept.rows[0]
    );
}

#[test]
fn an_interim_report_books_nothing() {
    let text = ":20:R\n:25:NL81ASNB9999999999\n:28C:1/1\n:34F:EURD0,\n:13D:2603311200+0100\n:61:260331C1,00NMSCX\n:61:260331ED2,00NMSCX\n:90D:1EUR2,00\n:90C:1EUR1,00\n-\n";
    let (settings, mut source) = book();
    source.format = MT942.to_owned();
    let (result, kept) = read_from(&settings, &source, text.as_bytes());
    let facts = result.unwrap();
    assert_eq!(
        (kept.rows.len(), kept.not_booked.len(), kept.balances.len()),
        (0, 2, 0)
    );
    assert!(
        facts.statements[0].contains("none is booked"),
        "{:?}",
        facts.statements
    );
    refused(text, "an MT942 interim report books nothing");
    let (result, _) = read_from(&settings, &source, statement("", "C260331EUR10,00").as_bytes());
    assert!(result.unwrap_err().message.contains("this is an MT940 statement"));
    assert_eq!(super::recognise(text.as_bytes()), Some(MT942));
    assert_eq!(super::recognise(HEAD.as_bytes()), Some(MT940));
    assert_eq!(super::recognise(b"a,b\n1,2\n"), None);
}

#[test]
fn interim_reports_among_statements_book_nothing() {
    let entry = ":61:260331C1,00NMSCX\n";
    let booked = statement(entry, "C260331EUR11,00");
    let report =
        ":20:R\n:25:NL81ASNB9999999999\n:28C:1/1\n:34F:EURD0,\n:61:260331D2,00NMSCY\n:90D:1EUR2,00\n";
    for text in [format!("{booked}{report}"), format!("{report}{booked}")] {
        let (result, kept) = read(&text);
        let facts = result.unwrap();
        assert_eq!((kept.rows.len(), kept.balances.len()), (1, 1));
        assert!(kept.rows[0].contains("|C|100|"), "{:?}", kept.rows);
        assert!(
            facts
                .noted
                .iter()
                .any(|words| words
                    .starts_with("report R number 1/1: an interim report (MT942) among statements")),
            "{:?}",
            facts.noted
        );
    }
    // A statement whose balance was lost is none.
    let (result, _) = read(&booked.replace(":60F:C260330EUR10,00", ""));
    assert!(result.is_err());
}

#[test]
fn the_envelope_says_which_message_it_is() {
    let report = "{1:F01BANKNL2AXXXX}{2:O9421200260331BANKNL2AXXXX00000000002603311200N}{4:\n:20:R\n:25:NL81ASNB9999999999\n:28C:1/1\n:34F:EURD0,\n:61:260331D2,00NMSCY\n-}";
    assert_eq!(super::recognise(report.as_bytes()), Some(MT942));
    // With balances it would tie out, and book what the statement of the evening books again.
    let text = report
        .replace(":61:", ":60F:C260330EUR10,00\n:61:")
        .replace("-}", ":62F:C260331EUR8,00\n-}");
    assert_eq!(super::recognise(text.as_bytes()), Some(MT942));
    refused(&text, "an interim report (MT942) with an opening balance (:60F:)");
    let (settings, mut source) = book();
    source.format = MT942.to_owned();
    let (result, _) = read_from(&settings, &source, text.as_bytes());
    assert!(
        result
            .unwrap_err()
            .message
            .contains("an interim report (MT942) with an opening balance")
    );
    // A report before the statements of the file, in an envelope of its own.
    let bare = statement(":61:260331C1,00NMSCX\n", "C260331EUR11,00");
    let (result, kept) = read(&format!("{report}\n{bare}"));
    result.unwrap();
    assert_eq!(kept.rows.len(), 1);
    let enveloped = format!("{report}\n{{1:F01BANKNL2AXXXX}}{{2:O9401200}}{{4:\n{bare}-}}");
    assert_eq!(super::recognise(enveloped.as_bytes()), Some(MT940));
    // An envelope of a statement is one, floor limit or not.
    let with_limit = text.replace("{2:O942", "{2:O940");
    assert_eq!(super::recognise(with_limit.as_bytes()), Some(MT940));
    assert_eq!(read(&with_limit).1.rows.len(), 1);
}

#[test]
fn accounts_are_found_by_what_banks_write() {
    let found = |written: &str| {
        read(&statement("", "C260331EUR10,00").replace("NL81ASNB9999999999", written))
            .0
            .is_ok()
    };
    for written in [
        "NL81ASNB9999999999",
        "NL81ASNB9999999999EUR",
        " NL81 ASNB 9999 9999 99",
        "ASNBNL21/NL81ASNB9999999999/EUR",
        "12030000/1020304050",
        "12030000/00001020304050",
    ] {
        assert!(found(written), "{written}");
    }
    for written in ["NL81ASNB999999999", "12030000/1020304051", ""] {
        assert!(!found(written), "{written}");
    }
}
