use std::io::Write;
use std::path::PathBuf;

use super::*;

fn looked(path: &std::path::Path) -> Vec<Inspected> {
    let (delivery, stops) = files::deliver(path);
    assert_eq!(stops, []);
    let profiles = builtin_profiles();
    delivery
        .files
        .iter()
        .map(|file| inspect(file, &profiles, None).unwrap())
        .collect()
}

pub(super) fn looked_at(bytes: &[u8]) -> Inspected {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    looked(file.path()).remove(0)
}

#[test]
fn samples_are_known_by_their_content_and_say_what_holds() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    if !root.is_dir() {
        println!("skipped: the public samples are not at hand");
        return;
    }
    let check = |name: &str, format: &str, variant: &str, rows: u64, statements: usize, holds: bool| {
        let bytes = std::fs::read(root.join(name)).unwrap();
        let seen = looked_at(&bytes);
        assert_eq!(seen.format, format, "{name}");
        assert!(seen.variant.starts_with(variant), "{name}: {}", seen.variant);
        assert_eq!(
            (seen.rows, seen.statements.len(), seen.holds()),
            (rows, statements, holds),
            "{name}: {:?} {:?}",
            seen.failed,
            seen.rejects
        );
        assert_eq!(seen.first.len() as u64, rows.min(5), "{name}");
        assert!(seen.draft.is_none(), "{name}");
    };
    check(
        "camt053/isojs-abn_amro-example_camt.xml",
        "camt.053",
        "camt.053.001.02",
        13,
        1,
        true,
    );
    check(
        "camt053/isojs-ing-example_camt.xml",
        "camt.053",
        "camt.053.001.02",
        9,
        1,
        true,
    );
    check(
        "camt053/viafintech-valid_example_v4.xml",
        "camt.053",
        "camt.053.001.04",
        13,
        1,
        true,
    );
    check(
        "camt053/genkgo-v2.multi.statement.xml",
        "camt.053",
        "camt.053.001.02",
        2,
        2,
        true,
    );
    check(
        "camt053/genkgo-v2.all-balance-types.xml",
        "camt.053",
        "camt.053.001.02",
        1,
        1,
        false,
    );
    check(
        "camt053/viafintech-valid_example_with_instdamt.xml",
        "camt.053",
        "camt.053.001.",
        1,
        1,
        false,
    );
    check(
        "mt940/danskebank-DK.sta",
        "mt940",
        "MT940, 15 messages",
        89,
        14,
        true,
    );
    check(
        "mt940/danskebank-NO.sta",
        "mt940",
        "MT940, 13 messages",
        24,
        13,
        true,
    );
    check(
        "mt940/betterplace-sepa_mt9401-with-RC.sta",
        "mt940",
        "MT940, 26 messages",
        97,
        20,
        true,
    );
    check(
        "mt940/asnb-blank-entry-date.sta",
        "mt940",
        "MT940, 31 messages in FIN envelopes",
        8,
        31,
        true,
    );
    check("mt940/jejik-knab.sta", "mt940", "MT940, 2 messages", 3, 2, false);
    check("bai2/moov-sample1.bai", "bai2", "BAI2", 17, 2, true);
    check("bai2/moj-citi_example.bai", "bai2", "BAI2", 1, 1, false);
    check(
        "ofx/wells-fargo-header-on-one-line.qfx",
        "ofx",
        "OFX 1",
        1,
        1,
        true,
    );
    check(
        "ofx/unnamed-bank-xml-declaration-ofx-2.ofx",
        "ofx",
        "OFX 2",
        1,
        1,
        true,
    );
    check(
        "alipay/trade_detail_2019-09-16.gbk.csv",
        "alipay-trade",
        "",
        10,
        0,
        true,
    );
    let first = |name: &str| looked(&root.join(name)).remove(0);
    let bank = first("mt940/jejik-sns.sta");
    assert!(
        bank.first[0]
            .fields
            .contains(&("account", bank.accounts[0].id.clone())),
        "{:?}",
        bank.first[0]
    );
    // Times without a year, and days that the file does not have, are not invented.
    let seen = looked(&root.join("unionpay/802310048993424_20150905.zip"));
    let seen = seen.iter().find(|seen| seen.format == "unionpay-zm").unwrap();
    let field = |name: &str| {
        let found = seen.first[0].fields.iter().find(|(field, _)| *field == name);
        found.map_or("", |(_, text)| text.as_str())
    };
    assert!(
        field("txn_time").starts_with("????-09-06T"),
        "{:?}",
        seen.first[0]
    );
    assert_eq!(field("settle_date"), "(the business date)");
    assert_eq!(seen.period, None);
    let is_noted = |words: &str| seen.notes.iter().any(|note| note.contains(words));
    assert!(is_noted("have no year"), "{:?}", seen.notes);
    // That nothing could be compared is no total that holds.
    assert!(
        is_noted("nothing in this file says that it is whole"),
        "{:?}",
        seen.notes
    );
    assert_eq!(seen.encoding, "gb18030");
    let trade = first("alipay/trade_detail_2019-09-16.gbk.csv");
    assert_eq!(trade.encoding, "gb18030");
    assert!(
        trade.notes.iter().any(|note| note.starts_with("账号 ")),
        "{:?}",
        trade.notes
    );
    let card = first("bank/example-icbc-debit-v1-records.csv");
    assert_eq!(
        (card.accounts[0].id.as_str(), card.encoding.as_str(), card.holds()),
        ("1234****9876", "UTF-8", false)
    );
    // Errors in the place of a file, and what is no table, promise no draft.
    for name in ["wechat/no_bill_exist.xml", "bai2/moov-parseError.bai"] {
        let seen = first(name);
        assert!(seen.draft.is_none() && !seen.holds(), "{name}");
        assert!(
            !seen.failed[0].help.contains("draft"),
            "{name}: {}",
            seen.failed[0].help
        );
    }
    assert!(
        first("wechat/no_bill_exist.xml").failed[0]
            .message
            .contains("has no bill for that day")
    );
    let notified = looked_at(&std::fs::read(root.join("camt054/genkgo-v8.xml")).unwrap());
    assert_eq!((notified.format.as_str(), notified.rows), ("camt.054", 0));
    assert!(notified.not_booked > 0);
    // What books nothing is shown all the same.
    assert_eq!(notified.first.len() as u64, notified.not_booked.min(5));
    assert!(
        notified.first[0]
            .fields
            .iter()
            .any(|(field, _)| *field == "amount")
    );
}

fn looked_with(profiles: &[(&str, &str)], bytes: &[u8]) -> Inspected {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let (delivery, _) = files::deliver(file.path());
    let own = profiles
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let all: Vec<(String, String)> = own.chain(builtin_profiles()).collect();
    inspect(&delivery.files[0], &all, None).unwrap()
}

#[test]
fn accounts_and_currencies_are_those_that_the_file_means() {
    let profile = "title = \"B\"\nrole = \"bank\"\nencodings = [\"utf-8\"]\n[recognise]\nheader = [\"日期\", \"号\", \"金额\", \"币\"]\n[frame]\ndelimiter = \",\"\n[[fact]]\nname = \"户\"\nline = \"户：{number}\"\n[fields]\nentry_id = { columns = \"号\" }\naccount = { from = \"source.account\", fact = \"户\" }\nbooking_time = { columns = \"日期\", pattern = \"yyyy-MM-dd\" }\nvalue_date = { columns = \"日期\", pattern = \"yyyy-MM-dd\" }\ndirection = { from = \"amount sign\" }\namount = { columns = \"金额\", sign = { ANY = \"any\" } }\ncurrency = { columns = \"币\", map = { \"美元\" = \"USD\" } }\n";
    let rows = "日期,号,金额,币\n2026-03-31,1,5.00,美元\n";
    let seen = looked_with(&[("b", profile)], format!("户：6222\n{rows}").as_bytes());
    assert!(seen.holds(), "{:?} {:?}", seen.failed, seen.rejects);
    let accounts: Vec<String> = seen
        .accounts
        .iter()
        .map(|a| format!("{} {}", a.id, a.currency))
        .collect();
    assert_eq!(accounts, ["6222 USD"]);
    assert!(seen.first[0].fields.contains(&("account", "6222".to_owned())));
    assert_eq!(seen.encoding, "UTF-8");
    // Without the line it is the account of the source, whichever that will be.
    let seen = looked_with(&[("b", profile)], rows.as_bytes());
    assert_eq!(
        (seen.accounts[0].id.as_str(), seen.accounts[0].currency.code()),
        (OWN_ACCOUNT, "USD")
    );
    assert!(seen.holds(), "{:?} {:?}", seen.failed, seen.rejects);
}

#[test]
fn a_file_of_no_profile_is_compared_with_the_nearest() {
    let profile = include_str!("../../../testdata/profiles/rural-bank.toml");
    let text = "湖滨农商银行 账户明细\n日期;流水号;借贷;红字;金额\n2026-03-31;1;贷;蓝;5.00\n";
    let seen = looked_with(&[("rural", profile)], text.as_bytes());
    assert!(seen.draft.is_some());
    assert_eq!(
        seen.notes[0],
        "no file of format rural: line 2 has 4 of 5 titles of the header and lacks `红蓝` (it has `红字`); its titles are 日期, 流水号, 借贷, 红字, 金额; \
         its bytes are utf-8, and it is read in gb18030: add \"utf-8\" to `encodings` of the profile, or to the source: encoding = \"utf-8\""
    );
    // A book's own profile is compared however far it is.
    let seen = looked_with(&[("rural", profile)], b"a;b;c\n1;2;3\n");
    assert!(
        seen.notes[0].starts_with("no file of format rural: its first line is `a;b;c`, expected `"),
        "{:?}",
        seen.notes
    );
}

#[test]
fn what_is_no_table_of_a_bank_is_called_by_its_name() {
    for (bytes, expected) in [
        (&b"%PDF-1.4\n%\xe2\xe3"[..], "this is a PDF document"),
        (
            "微信支付账单明细,,,\n交易时间,交易类型,收/支,金额(元)\n2026-03-31 10:00:00,a,支出,1.00\n".as_bytes(),
            "this is a WeChat user's bill (微信支付账单明细), a person's and not a merchant's",
        ),
        (
            b"CH,Transaction ID,Transaction Event Code,Gross Transaction Amount,Fee Amount,Transactional Status\n",
            "this is a transaction detail report (TRR): its rows may be pending, and it states no sums",
        ),
    ] {
        let seen = looked_at(bytes);
        assert_eq!(seen.failed.len(), 1);
        assert_eq!(seen.failed[0].message, expected);
        assert!(!seen.failed[0].help.contains("draft") && seen.draft.is_none(), "{:?}", seen.failed);
        assert!(!seen.holds());
    }
}

#[test]
fn canonical_tables_and_unknown_ones() {
    let bank = "entry_id,account,booking_time,value_date,direction,amount,currency,bank_ref,remark\nE1,6222,2026-03-31T10:00:00+08:00,2026-03-31,C,5.00,CNY,R1,x\nE2,DE1,2026-03-31T10:00:00+08:00,2026-03-31,D,1.50,EUR,R2,\n";
    let seen = looked_at(bank.as_bytes());
    assert_eq!((seen.format.as_str(), seen.role), ("canonical", Some(Role::Bank)));
    assert_eq!(
        (seen.rows, seen.holds()),
        (2, true),
        "{:?} {:?}",
        seen.failed,
        seen.rejects
    );
    let accounts: Vec<String> = seen
        .accounts
        .iter()
        .map(|a| format!("{} {}", a.id, a.currency))
        .collect();
    assert_eq!(accounts, ["6222 CNY", "DE1 EUR"]);
    let seen = looked_at(b"\xef\xbb\xbfaccount,currency,date,opening,closing\n1,CNY,2026-03-31,0.00,-5.00\n");
    assert_eq!(
        (seen.role, seen.holds()),
        (Some(Role::Balances), true),
        "{:?} {:?}",
        seen.failed,
        seen.rejects
    );
    // Of plain letters at its head nobody knows the encoding: the rest tells.
    let mut late = b"name,city,note\n".to_vec();
    while late.len() < HEAD_BYTES + 100 {
        late.extend_from_slice(b"A,B,C\n");
    }
    assert_eq!(looked_at(&late).encoding, "UTF-8");
    late.extend_from_slice(b"\xd6\xd0,B,C\n");
    assert_eq!(looked_at(&late).encoding, "gb18030");
    let seen = looked_at(b"name,city,note\nA,B,C\n");
    assert!(seen.format.is_empty() && seen.draft.is_some() && !seen.holds());
    assert!(looked_at(b"").failed[0].message.contains("empty"));
}

#[test]
fn archives_are_opened_and_names_decide_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statement.csv");
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, content) in [
        (
            "a.xml",
            ":20:X\n:25:1\n:28C:1\n:60F:C260331EUR1,00\n:62F:C260331EUR1,00\n-\n",
        ),
        ("b.sta", "hello"),
    ] {
        zip.start_file(name, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    std::fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
    let seen = looked(&path);
    assert_eq!(seen.len(), 2);
    assert!(seen[0].name.ends_with("statement.csv!a.xml"));
    assert_eq!((seen[0].format.as_str(), seen[0].holds()), ("mt940", true));
    assert_eq!(seen[1].format, "");
    let (delivery, stops) = files::deliver(&folder.path().join("missing"));
    assert!(delivery.files.is_empty() && stops.len() == 1 && stops[0].findings.len() == 1);
    assert_eq!(stops[0].code, crate::findings::StopCode::InputMissing);
}

#[test]
fn the_channel_of_a_bill_is_that_of_its_source() {
    let profile = "title = \"C\"\nrole = \"channel\"\nencodings = [\"utf-8\"]\n[recognise]\nheader = [\"id\", \"type\", \"amount\"]\n[frame]\ndelimiter = \",\"\n[fields]\nchannel = { from = \"source.channel\" }\nchannel_ref = { columns = \"id\" }\ntxn_type = { columns = \"type\", map = { S = \"PAYMENT\" } }\namount = { columns = \"amount\" }\nfee = { columns = \"fee\" }\ncurrency = { value = \"CNY\" }\ntxn_time = { columns = \"time\", pattern = \"yyyy-MM-dd HH:mm:ss\" }\nsettle_date = { from = \"business date\" }\nstatus = { value = \"SUCCESS\" }\n";
    let file = b"id,type,fee,time,amount\nA1,S,1.00,2026-11-20 10:00:00,100.00\n";
    let seen = looked_with(&[("c", profile)], file);
    assert!(seen.holds(), "{:?} {:?}", seen.failed, seen.rejects);
    assert!(
        seen.first[0]
            .fields
            .contains(&("channel", "(channel of the source)".to_owned()))
    );
    let (mut settings, mut source) = no_book("c", Role::Channel, &[]).unwrap();
    source.channel = Some("X".to_owned());
    settings.sources = vec![source.clone()];
    source.channel = Some("Y".to_owned());
    settings.sources.push(source);
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(file).unwrap();
    let (delivery, _) = files::deliver(written.path());
    let profiles = [("c".to_owned(), profile.to_owned())];
    let seen = inspect(&delivery.files[0], &profiles, Some(&settings)).unwrap();
    assert!(seen.holds(), "{:?} {:?}", seen.failed, seen.rejects);
    assert!(seen.first[0].fields.contains(&("channel", "X".to_owned())));
    assert_eq!(
        seen.notes[0],
        "several sources of the book have this format: shown with the channel of the first, X"
    );
}

#[test]
fn a_draft_says_what_does_not_hold_of_it() {
    let seen = looked_with(&[], "Transaction ID,Merchant Reference,Type,Amount,Fee,Created\nA1,O1,Sale,5.00,0.10,2026-11-20 10:00:00\nA2,O2,Lift,5.00,0.10,2026-11-20 10:00:00\n".as_bytes());
    let draft = seen.draft.unwrap();
    assert!(draft.starts_with("# Tried on the file:\n"), "{draft}");
    assert!(draft.contains("txn_type: found `Lift`"), "{draft}");
    assert!(
        draft.contains("1 rows are read by it as it stands, 1 are refused"),
        "{draft}"
    );
}

#[test]
fn a_file_that_a_close_of_the_book_would_refuse_is_refused_in_its_words() {
    use crate::ingest::formats::testing;
    let profile = "title = \"B\"\nrole = \"bank\"\nencodings = [\"utf-8\"]\n[recognise]\nheader = [\"日期\", \"号\", \"金额\"]\n[frame]\ndelimiter = \",\"\n[[fact]]\nname = \"户\"\nline = \"户：{number}\"\n[fields]\nentry_id = { columns = \"号\" }\naccount = { from = \"source.account\", fact = \"户\" }\nbooking_time = { columns = \"日期\", pattern = \"yyyy-MM-dd\" }\nvalue_date = { columns = \"日期\", pattern = \"yyyy-MM-dd\" }\ndirection = { from = \"amount sign\" }\namount = { columns = \"金额\", sign = { ANY = \"any\" } }\ncurrency = { value = \"CNY\" }\n";
    let profiles = [("b".to_owned(), profile.to_owned())];
    let mut book = testing::settings(&[("6222000000001111", "CNY"), ("6222000000002222", "CNY")]);
    let source = |account: &str, files: &str| Source {
        account: Some(account.to_owned()),
        files: vec![files.to_owned()],
        ..testing::source("b", Role::Bank)
    };
    let folder = tempfile::tempdir().unwrap();
    let looked = |book: &Settings, name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let (delivery, _) = files::deliver(&path);
        let seen = inspect(&delivery.files[0], &profiles, Some(book)).unwrap();
        let failed: Vec<String> = seen.failed.iter().map(|failed| failed.message.clone()).collect();
        assert_eq!(seen.holds(), failed.is_empty() && seen.reject_count == 0);
        (failed, seen)
    };
    let of = |number: &str| format!("户：{number}\n日期,号,金额\n2026-03-31,1,5.00\n").into_bytes();
    book.sources = vec![source("A0", "bank/a*.csv")];
    assert_eq!(looked(&book, "a.csv", &of("6222000000001111")).0, [""; 0]);
    let (failed, seen) = looked(&book, "a.csv", &of("6222000000003333"));
    // What a close says, to the letter.
    let ctx = FormatContext {
        settings: &book,
        source: &book.sources[0],
        business_date: Date::from_ymd(2026, 3, 31).unwrap(),
    };
    let texts = |_: &str| Some(profile.to_owned());
    let bytes = of("6222000000003333");
    let mut kept = testing::Kept::default();
    let refused = read_foreign("b", &texts, Box::new(&bytes[..]), &ctx, &mut kept).unwrap_err();
    assert_eq!(seen.failed, [refused]);
    assert!(
        failed[0].contains("which book.toml does not have: it is not A0"),
        "{failed:?}"
    );
    assert_eq!(seen.rows, 1);
    // Of two sources one may take it, unless the name of the file says whose it is.
    book.sources.push(source("A1", "bank/b*.csv"));
    assert_eq!(looked(&book, "x.csv", &of("6222000000002222")).0, [""; 0]);
    assert_eq!(looked(&book, "b.csv", &of("6222000000002222")).0, [""; 0]);
    let (failed, _) = looked(&book, "a.csv", &of("6222000000002222"));
    assert!(
        failed[0].contains("which is A1 of the book, but the source says A0"),
        "{failed:?}"
    );
    // A statement of an account that the book does not have.
    book.sources = vec![testing::source("mt940", Role::Bank)];
    let statement = ":20:X\n:25:1\n:28C:1\n:60F:C260331EUR1,00\n:62F:C260331EUR1,00\n-\n";
    let (failed, _) = looked(&book, "c.sta", statement.as_bytes());
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("found `1`, expected"), "{failed:?}");
    book.sources.clear();
    assert_eq!(looked(&book, "c.sta", statement.as_bytes()).0, [""; 0]);
}

#[test]
fn what_was_counted_alone_is_a_note_and_no_check() {
    let profile = "title = \"B\"\nrole = \"channel\"\nencodings = [\"utf-8\"]\n[recognise]\nheader = [\"no\", \"at\", \"sum\"]\n[frame]\ndelimiter = \",\"\n[fields]\nchannel = { value = \"X\" }\nchannel_ref = { columns = \"no\" }\ntxn_type = { value = \"PAYMENT\" }\namount = { columns = \"sum\" }\nfee = { value = \"0\" }\ncurrency = { value = \"CNY\" }\ntxn_time = { columns = \"at\", pattern = \"yyyy-MM-dd HH:mm:ss\" }\nsettle_date = { from = \"business date\" }\nstatus = { value = \"SUCCESS\" }\n[[total]]\nname = \"told\"\ntell = true\nsums = [{ column = \"sum\" }]\n[[total]]\nname = \"T\"\nline = \"T{count}\"\ncount = \"count\"\noptional = true\n";
    let text = "no,at,sum\n1,2026-03-31 10:00:00,5.00\n";
    let seen = looked_with(&[("b", profile)], text.as_bytes());
    assert_eq!(seen.checked, [""; 0]);
    for words in [
        "told: 1 rows, sum 5.00 (counted; the file states none)",
        "T: not stated in this file",
    ] {
        assert!(seen.notes.iter().any(|note| note == words), "{:?}", seen.notes);
    }
    let seen = looked_with(&[("b", profile)], format!("{text}T1\n").as_bytes());
    assert_eq!(seen.checked, ["T: 1 rows"]);
}

#[test]
fn the_encoding_is_the_one_in_which_the_file_came() {
    let text = ":20:A\n:25:77\n:28C:1/1\n:60F:C260331EUR0,\n:62F:C260331EUR0,\n-\n";
    let wide: Vec<u8> = b"\xff\xfe"
        .iter()
        .copied()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    assert_eq!(looked_at(&wide).encoding, "UTF-16LE");
    assert_eq!(looked_at(text.as_bytes()).encoding, "UTF-8");
}
