//! Mutations of the samples without a nightly compiler: `TIEOUT_FUZZ_SECONDS` for each format, one second unless set.
//! `scripts/fuzz.sh` gives it more. The same seed gives the same mutations.

use std::time::{Duration, Instant};

use super::fuzzing;
use crate::ingest::formats::grammars;

/// A small generator of numbers that are not random: xorshift.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Texts that grammars know, put where they do not belong.
const WORDS: [&str; 24] = [
    ":61:",
    ":60F:",
    ":62M:",
    ":86:",
    ":28C:2/2\n",
    "-}",
    "{4:",
    "\n-\n",
    "88,",
    "/\n16,",
    "49,",
    "03,,",
    "<STMTTRN>",
    "</STMTTRN>",
    "<LEDGERBAL>",
    "<",
    ">",
    "&amp;",
    "99999999999999999999",
    "-",
    ",",
    "é",
    "</Ntry>",
    "<Ntry>",
];

fn mutate(numbers: &mut Numbers, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        match numbers.below(7) {
            0 if at < bytes.len() => bytes[at] = numbers.next() as u8,
            1 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            2 => bytes.truncate(at),
            3 => {
                let word = WORDS[numbers.below(WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
            4 => {
                let end = (at + numbers.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + numbers.below(200)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = numbers.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ => {
                let from = numbers.below(other.len() + 1);
                let end = (from + numbers.below(200)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn mutated_files_never_break_a_reader() {
    let seconds = std::env::var_os("TIEOUT_FUZZ_SECONDS")
        .and_then(|text| text.to_string_lossy().parse::<u64>().ok())
        .unwrap_or(1);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    let mut seeds: Vec<Vec<u8>> = vec![
        b":20:X\n:25:1\n:28C:1/1\n:60F:C260331EUR1,00\n:61:260331C1,00NMSCX//Y\n:86:159?00A?20EREF+E?32N\n:62F:C260331EUR2,00\n-\n".to_vec(),
        b"01,A,B,260331,0700,1,,,2/\n02,A,B,1,260331,2400,USD,2/\n03,1,,010,10,,,015,15,,/\n16,195,5,,R,C,T/\n49,30,3/\n98,30,1,5/\n99,30,1,7/\n".to_vec(),
        b"OFXHEADER:100\n<OFX><STMTRS><CURDEF>EUR<BANKACCTFROM><ACCTID>1</BANKACCTFROM><STMTTRN><DTPOSTED>20260331<TRNAMT>1.00<FITID>1</STMTTRN><LEDGERBAL><BALAMT>1<DTASOF>20260331</LEDGERBAL></STMTRS></OFX>".to_vec(),
        b"<CMBSDKPGK><INFO><RETCOD>0</RETCOD></INFO><NTQTSINFZ><AMTCDR>C</AMTCDR><TRSAMT>1.00</TRSAMT><TRSBLV>2.00</TRSBLV><ETYDAT>20260331</ETYDAT><REFNBR>1</REFNBR></NTQTSINFZ></CMBSDKPGK>".to_vec(),
    ];
    for folder in ["mt940", "bai2", "ofx", "camt053", "camt054", "alipay"] {
        let mut paths: Vec<_> = std::fs::read_dir(root.join(folder))
            .map(|listed| listed.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        paths.sort();
        seeds.extend(
            paths
                .into_iter()
                .map(|path| std::fs::read(path).unwrap())
                .filter(|bytes| bytes.len() < 32 << 10),
        );
    }
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let formats: Vec<Option<&str>> = grammars::names().map(Some).chain([None]).collect();
    for format in formats {
        // Files of the format itself come first; the others find the way in by chance.
        let own: Vec<&Vec<u8>> = seeds
            .iter()
            .filter(|bytes| {
                let known = grammars::recognise(&bytes[..bytes.len().min(4096)]);
                match format {
                    Some(format) => known.is_some_and(|known| known[..3] == format[..3]),
                    None => known.is_none(),
                }
            })
            .collect();
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut runs = 0u64;
        while Instant::now() < until {
            let seed = match own.is_empty() {
                true => &seeds[numbers.below(seeds.len())],
                false => own[numbers.below(own.len())],
            };
            let other = &seeds[numbers.below(seeds.len())];
            let mut bytes = mutate(&mut numbers, seed, other);
            if let Some(camt) = format.filter(|format| format.starts_with("camt"))
                && let Ok(text) = std::str::from_utf8(&bytes)
            {
                bytes = text.replace("camt.053", camt).into_bytes();
            }
            match format {
                Some(format) => fuzzing::grammar(format, &bytes),
                None => fuzzing::tables(&bytes),
            }
            runs += 1;
        }
        println!("{}: {runs} mutations in {seconds} s", format.unwrap_or("tables"));
    }
}
