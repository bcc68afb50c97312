use super::*;
use crate::book::settings::Role;
use crate::ingest::formats::testing::{Kept, context, sample, settings, source};

const ACCOUNTS: [(&str, &str); 7] = [
    ("NL77ABNA0574908765", "EUR"),
    ("NL08INGB0000001234", "EUR"),
    ("CH0309000000250090342", "CHF"),
    ("NL26VAYB8060476890", "EUR"),
    ("CH2801234000123456789", "EUR"),
    ("CH9788761065025111111", "CHF"),
    ("GB33BUKB20201555555555", "RON"),
];

fn read_as(bytes: &[u8], encoding: Option<&str>, reversal: ReversalSign) -> (Result<FileFacts, FileRefused>, Kept) {
    let settings = settings(&ACCOUNTS);
    let mut source = source("camt.053", Role::Bank);
    source.encoding = encoding.map(str::to_owned);
    source.reversal_sign = reversal;
    let mut kept = Kept::default();
    let result = read(Box::new(bytes), &context(&settings, &source), &mut kept);
    (result, kept)
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
            let line = bytes[..place.offset as usize].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            assert!(bytes[place.offset as usize..].starts_with(b"<Ntry"), "{name}");
            assert_eq!(place.line, line, "{name}");
        }
    };
    balanced("camt053/isojs-abn_amro-example_camt.xml", 13, &["?"]);
    balanced("camt053/isojs-ing-example_camt.xml", 9, &["?"]);
    balanced("camt053/viafintech-valid_example_v4.xml", 13, &["?"]);
    balanced("camt053/genkgo-v2.multi.statement.xml", 2, &["?"]);

    let refused = |name: &str, expected: &str| {
        let Some(bytes) = sample(name) else { return };
        let (result, _) = read_bytes(&bytes);
        let refused = result.unwrap_err();
        assert!(refused.message.contains(expected), "{name}: {}", refused.message);
        assert!(!refused.help.is_empty());
    };
    refused("camt053/genkgo-only-Dt-with-DtTm.xml", "no booked closing balance (CLBD)");
    refused("camt053/genkgo-v2.all-balance-types.xml", "balances do not tie out");
    refused("camt053/genkgo-v4.xml", "currency");
    refused("camt053/genkgo-v8.xml", "currency");
    refused("camt053/viafintech-valid_example_with_instdamt.xml", "balances do not tie out");
    refused("camt054/genkgo-v8.xml", "camt.054");
}
