//! Which tags of OFX hold others, and where they stand.

/// Elements that hold others. A tag that is not named here and has no text is an empty leaf: SGML does not tell.
const AGGREGATES: [&str; 40] = [
    "OFX",
    "SIGNONMSGSRSV1",
    "SONRS",
    "STATUS",
    "FI",
    "BANKMSGSRSV1",
    "CREDITCARDMSGSRSV1",
    "STMTTRNRS",
    "CCSTMTTRNRS",
    "STMTRS",
    "CCSTMTRS",
    "BANKACCTFROM",
    "CCACCTFROM",
    "BANKACCTTO",
    "CCACCTTO",
    "BANKTRANLIST",
    "STMTTRN",
    "PAYEE",
    "CURRENCY",
    "ORIGCURRENCY",
    "LEDGERBAL",
    "AVAILBAL",
    "BALLIST",
    "BAL",
    "INVSTMTMSGSRSV1",
    "INVSTMTTRNRS",
    "INVSTMTRS",
    "INVACCTFROM",
    "INVTRANLIST",
    "INVBANKTRAN",
    "BANKTRANLISTP",
    "STMTTRNP",
    "SIGNUPMSGSRSV1",
    "EXTDPAYEE",
    "IMAGEDATA",
    "CLOSING",
    "STMTENDRS",
    "CCSTMTENDRS",
    "STMTENDTRNRS",
    "CCSTMTENDTRNRS",
];

/// Where an aggregate stands. Banks leave end tags out, which SGML allows: an aggregate that cannot stand in the one that is
/// open ends it.
pub(super) const PARENTS: [(&str, &[&str]); 17] = [
    ("SIGNONMSGSRSV1", &["OFX"]),
    ("SIGNUPMSGSRSV1", &["OFX"]),
    ("BANKMSGSRSV1", &["OFX"]),
    ("CREDITCARDMSGSRSV1", &["OFX"]),
    ("INVSTMTMSGSRSV1", &["OFX"]),
    ("STMTTRNRS", &["BANKMSGSRSV1"]),
    ("CCSTMTTRNRS", &["CREDITCARDMSGSRSV1"]),
    ("STMTRS", &["STMTTRNRS"]),
    ("CCSTMTRS", &["CCSTMTTRNRS"]),
    ("BANKACCTFROM", &["STMTRS"]),
    ("CCACCTFROM", &["CCSTMTRS"]),
    ("BANKTRANLIST", &["STMTRS", "CCSTMTRS"]),
    ("BANKTRANLISTP", &["STMTRS", "CCSTMTRS"]),
    ("LEDGERBAL", &["STMTRS", "CCSTMTRS"]),
    ("AVAILBAL", &["STMTRS", "CCSTMTRS"]),
    ("STMTTRN", &["BANKTRANLIST"]),
    ("STMTTRNP", &["BANKTRANLISTP"]),
];

/// The aggregate of a name; `None` for a leaf.
pub(super) fn aggregate(name: &str) -> Option<&'static str> {
    AGGREGATES.iter().find(|known| **known == name).copied()
}
