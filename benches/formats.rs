//! Throughput of the statement grammars: generated files that balance, read from memory by one thread, in megabytes per
//! second of its CPU time. Several sizes show whether the time of a byte grows with the file.
//!
//! `scripts/bench_formats.sh` runs it and sets the sizes; the small files it leaves behind are for other readers.

use std::fmt::Write as _;
use std::time::Instant;

use tieout::ingest::fuzzing::count_rows;

/// Sizes in megabytes, `1,10,100`.
fn megabytes(name: &str, otherwise: &[usize]) -> Vec<usize> {
    let given: Vec<usize> = std::env::var_os(name)
        .map(|text| {
            text.to_string_lossy()
                .split(',')
                .filter_map(|size| size.trim().parse().ok())
                .collect()
        })
        .unwrap_or_default();
    if given.is_empty() {
        otherwise.to_vec()
    } else {
        given
    }
}

/// CPU time of this thread in nanoseconds, where the system tells it: others may use the core as well.
fn cpu_nanos() -> Option<u128> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Most memory that the process ever held, in megabytes.
fn peak_megabytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1000
}

/// Amount of the n-th entry in cents, and the same as text.
fn amount(at: u64, comma: char) -> (u64, String) {
    let minor = 100 + at * 7919 % 1_000_000;
    (minor, format!("{}{comma}{:02}", minor / 100, minor % 100))
}

fn mt940(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 4096);
    let (mut balance, mut at, mut number) = (0u64, 0u64, 0u64);
    while text.len() < bytes {
        number += 1;
        let cents = |minor: u64| format!("{},{:02}", minor / 100, minor % 100);
        let _ = write!(
            text,
            ":20:S{number}\r\n:25:10020030/1234567890\r\n:28C:{number}/1\r\n:60F:C260330EUR{}\r\n",
            cents(balance)
        );
        for _ in 0..500 {
            at += 1;
            let (minor, shown) = amount(at, ',');
            balance += minor;
            let _ = write!(
                text,
                ":61:2603310331CR{shown}NTRFNONREF//B{at}\r\n:86:166?00GUTSCHRIFT?109310?20EREF+TXN{at:012}?21SVWZ+RECHNUNG {at} KUNDE\r\n?22 {at} DANKE?30COBADEFFXXX?31DE02120300000000202051?32MUSTER GMBH\r\n"
            );
        }
        let _ = write!(text, ":62F:C260331EUR{}\r\n-\r\n", cents(balance));
    }
    text
}

fn camt(bytes: usize) -> String {
    let mut entries = String::with_capacity(bytes + 4096);
    let (mut balance, mut at) = (0u64, 0u64);
    while entries.len() < bytes {
        at += 1;
        let (minor, shown) = amount(at, '.');
        balance += minor;
        let _ = write!(
            entries,
            "      <Ntry>\n        <Amt Ccy=\"EUR\">{shown}</Amt>\n        <CdtDbtInd>CRDT</CdtDbtInd>\n        <Sts>BOOK</Sts>\n        <BookgDt><Dt>2026-03-31</Dt></BookgDt>\n        <ValDt><Dt>2026-03-31</Dt></ValDt>\n        <AcctSvcrRef>B{at}</AcctSvcrRef>\n        <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\n        <NtryDtls><TxDtls><Refs><EndToEndId>TXN{at:012}</EndToEndId></Refs><RltdPties><Dbtr><Nm>MUSTER GMBH</Nm></Dbtr><DbtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id></DbtrAcct></RltdPties><RmtInf><Ustrd>RECHNUNG {at}</Ustrd></RmtInf></TxDtls></NtryDtls>\n      </Ntry>\n"
        );
    }
    let bal = |code: &str, minor: u64| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{}.{:02}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-31</Dt></Dt></Bal>",
            minor / 100,
            minor % 100
        )
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId><CreDtTm>2026-03-31T22:00:00</CreDtTm></GrpHdr><Stmt><Id>S1</Id><CreDtTm>2026-03-31T22:00:00</CreDtTm><Acct><Id><IBAN>DE02120300000000202051</IBAN></Id></Acct>{}{}{entries}</Stmt></BkToCstmrStmt></Document>\n",
        bal("OPBD", 0),
        bal("CLBD", balance)
    )
}

fn bai2(bytes: usize) -> String {
    let mut details = String::with_capacity(bytes + 4096);
    let (mut sum, mut at) = (0u64, 0u64);
    while details.len() < bytes {
        at += 1;
        let (minor, _) = amount(at, '.');
        sum += minor;
        let _ = write!(
            details,
            "16,195,{minor},Z,B{at},TXN{at:012},WIRE TRANSFER CREDIT FOR INVOICE {at}/\n88,ORIGINATOR MUSTER GMBH/\n"
        );
    }
    let records = 2 * at;
    let total = 3 * sum;
    format!(
        "01,BANK,US,260331,0700,1,,,2/\n02,US,BANK,1,260331,2400,USD,2/\n03,1234567890,USD,010,0,,,015,{sum},,,100,{sum},{at},/\n{details}49,{total},{}/\n98,{total},1,{}/\n99,{total},1,{}/\n",
        records + 2,
        records + 4,
        records + 6
    )
}

fn ofx(bytes: usize) -> String {
    let mut entries = String::with_capacity(bytes + 4096);
    let mut at = 0;
    while entries.len() < bytes {
        at += 1;
        let (_, shown) = amount(at, '.');
        let _ = write!(
            entries,
            "<STMTTRN>\n<TRNTYPE>CREDIT\n<DTPOSTED>20260331120000\n<TRNAMT>{shown}\n<FITID>F{at}\n<NAME>MUSTER GMBH\n<MEMO>RECHNUNG {at}\n</STMTTRN>\n"
        );
    }
    format!(
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\nOLDFILEUID:NONE\nNEWFILEUID:NONE\n\n<OFX>\n<SIGNONMSGSRSV1>\n<SONRS>\n<STATUS>\n<CODE>0\n<SEVERITY>INFO\n</STATUS>\n<DTSERVER>20260331\n<LANGUAGE>ENG\n</SONRS>\n</SIGNONMSGSRSV1>\n<BANKMSGSRSV1>\n<STMTTRNRS>\n<TRNUID>1\n<STATUS>\n<CODE>0\n<SEVERITY>INFO\n</STATUS>\n<STMTRS>\n<CURDEF>EUR\n<BANKACCTFROM>\n<BANKID>1\n<ACCTID>1234567890\n<ACCTTYPE>CHECKING\n</BANKACCTFROM>\n<BANKTRANLIST>\n<DTSTART>20260331\n<DTEND>20260331\n{entries}</BANKTRANLIST>\n<LEDGERBAL>\n<BALAMT>1.00\n<DTASOF>20260331\n</LEDGERBAL>\n</STMTRS>\n</STMTTRNRS>\n</BANKMSGSRSV1>\n</OFX>\n"
    )
}

/// An answer of China Merchants Bank's direct link, oldest row first.
fn cmb(bytes: usize) -> String {
    let mut rows = String::with_capacity(bytes + 4096);
    let (mut balance, mut at) = (0u64, 0u64);
    while rows.len() < bytes {
        at += 1;
        let (minor, shown) = amount(at, '.');
        balance += minor;
        let _ = write!(
            rows,
            "<NTQTSINFZ>\n<AMTCDR>C</AMTCDR>\n<ETYDAT>20260331</ETYDAT>\n<ETYTIM>{:02}{:02}{:02}</ETYTIM>\n<NARYUR>货款 {at}</NARYUR>\n<REFNBR>K{at:012}</REFNBR>\n<RPYACC>6225880112345678</RPYACC>\n<RPYNAM>张三贸易有限公司</RPYNAM>\n<TRSAMT>{shown}</TRSAMT>\n<TRSAMTC>{shown}</TRSAMTC>\n<TRSBLV>{}.{:02}</TRSBLV>\n<TRSCOD>CPAA</TRSCOD>\n<VLTDAT>20260331</VLTDAT>\n<YURREF>TXN{at:012}</YURREF>\n</NTQTSINFZ>\n",
            at / 3600 % 24,
            at / 60 % 60,
            at % 60,
            balance / 100,
            balance % 100
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"GBK\"?>\n<CMBSDKPGK><INFO><DATTYP>2</DATTYP><ERRMSG></ERRMSG><FUNNAM>GetTransInfo</FUNNAM><RETCOD>0</RETCOD></INFO>\n{rows}</CMBSDKPGK>\n"
    )
}

#[allow(clippy::print_stdout, clippy::disallowed_methods)]
fn main() {
    // Asked by `cargo test --benches` for a list, it has none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let sizes = megabytes("TIEOUT_BENCH_MB", &[8]);
    let peer = megabytes("TIEOUT_BENCH_PEER_MB", &[1])[0] * 1_000_000;
    type Make = fn(usize) -> String;
    let files: [(&str, &str, Make); 5] = [
        ("mt940", "sta", mt940),
        ("camt.053", "xml", camt),
        ("bai2", "bai", bai2),
        ("ofx", "ofx", ofx),
        ("cmb-gettransinfo", "cmb", cmb),
    ];
    let only = std::env::var_os("TIEOUT_BENCH_ONLY").map(|name| name.to_string_lossy().into_owned());
    for (format, ending, make) in files {
        if only.as_ref().is_some_and(|only| only != format) {
            continue;
        }
        for size in &sizes {
            let text = make(size * 1_000_000);
            let bytes = match format {
                "cmb-gettransinfo" => encoding_rs::GBK.encode(&text).0.into_owned(),
                _ => text.into_bytes(),
            };
            // Where the system lets it, the peak begins again here: making the file took more than reading it will.
            let _ = std::fs::write("/proc/self/clear_refs", "5");
            let before = peak_megabytes();
            let (start, start_cpu) = (Instant::now(), cpu_nanos());
            let rows = count_rows(format, &bytes);
            let spent = match (start_cpu, cpu_nanos()) {
                (Some(start), Some(end)) => end - start,
                _ => start.elapsed().as_nanos(),
            };
            let rate = bytes.len() as u128 * 10_000 / spent.max(1);
            match rows {
                Ok(rows) => println!(
                    "tieout {format}: {} MB in {}.{:03} s CPU = {}.{} MB/s, {rows} entries, peak memory {} MB more",
                    bytes.len() / 1_000_000,
                    spent / 1_000_000_000,
                    spent / 1_000_000 % 1000,
                    rate / 10,
                    rate % 10,
                    peak_megabytes() - before
                ),
                Err(message) => println!("tieout {format}: refused: {message}"),
            }
        }
        if let Some(folder) = std::env::var_os("TIEOUT_BENCH_FOLDER") {
            let path = std::path::Path::new(&folder).join(format!("peer.{ending}"));
            if let Err(error) = std::fs::write(&path, make(peer)) {
                println!("{}: {error}", path.display());
            }
        }
    }
}
