//! Information to the account owner (`:86:`): German subfields, Dutch and SWIFT code words, Polish subfields, or text.
//!
//! It explains an entry and never changes its amount.

/// What the information says of an entry.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Info {
    /// Free text, without the marks of the dialect.
    pub remark: String,
    /// End-to-end reference, or the reference of the customer; empty where none.
    pub reference: String,
    /// Reference of the payment or batch (`/PREF/`), which a statement line may point to.
    pub payment: String,
    /// Name of the other side.
    pub name: String,
    /// Account of the other side.
    pub account: String,
}

/// Longest line of the field: a line of this length is cut, perhaps inside a word.
const LINE_CHARS: usize = 65;

/// Reads the lines of a `:86:`.
pub fn read(lines: &[String]) -> Info {
    let joined: String = lines.concat();
    let joined = joined.trim_start();
    if let Some((separator, at)) = subfields(joined) {
        return numbered(joined, separator, at);
    }
    if is_coded(joined) {
        return coded(joined);
    }
    let mut info = Info {
        remark: flowing(lines),
        ..Info::default()
    };
    info.reference = keyword(&info.remark, "EREF+").to_owned();
    info
}

/// Lines as one text: cut lines are put together, others are apart by a space.
pub fn flowing(lines: &[String]) -> String {
    let mut text = String::new();
    let mut cut = true;
    for line in lines {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            cut = false;
            continue;
        }
        if !text.is_empty() && !cut {
            text.push(' ');
        }
        text.push_str(trimmed);
        cut = line.chars().count() >= LINE_CHARS && !line.ends_with(' ');
    }
    text
}

/// The separator of numbered subfields and where the first begins: `159?00…`, `?20…`, `020~00…`.
fn subfields(text: &str) -> Option<(char, usize)> {
    let at = if text.len() > 3 && text.as_bytes()[..3].iter().all(u8::is_ascii_digit) {
        3
    } else {
        0
    };
    let separator = text.get(at..)?.chars().next()?;
    let number = text.as_bytes().get(at + 1..at + 3)?;
    let numbered = matches!(separator, '?' | '>' | '~' | '^' | '<') && number.iter().all(u8::is_ascii_digit);
    numbered.then_some((separator, at))
}

fn numbered(text: &str, separator: char, at: usize) -> Info {
    let mut info = Info::default();
    let polish = matches!(separator, '~' | '^' | '<');
    let (mut booking, mut iban) = (String::new(), String::new());
    let mut last = 0;
    // ING in Romania closes the last subfield with the separator too (`~61     ~`; sample and reader of OCA's l10n-romania).
    // A `?` at the end may be a question.
    let fields = text[at..].trim_end();
    let fields = match separator {
        '~' => fields.strip_suffix('~').unwrap_or(fields),
        _ => fields,
    };
    for part in fields.split(separator).skip(1) {
        let number = part
            .get(..2)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u32>().ok());
        let (number, content, inside) = match number {
            Some(number) => (number, &part[2..], false),
            // The separator stands in the text itself.
            None => (last, part, true),
        };
        let slot = match number {
            0 => &mut booking,
            20..=26 | 60..=65 => &mut info.remark,
            27..=29 if !polish => &mut info.remark,
            31 => &mut info.account,
            38 => &mut iban,
            29 if polish => &mut info.account,
            32 | 33 => &mut info.name,
            27 | 28 => &mut info.name,
            _ => {
                last = number;
                continue;
            }
        };
        if inside {
            slot.push(separator);
        } else if begins_field(content) && !slot.is_empty() && !slot.ends_with(' ') {
            // Words are cut at the end of a subfield and go on in the next; what has a name of its own begins anew.
            slot.push(' ');
        }
        slot.push_str(content);
        last = number;
    }
    let reference = match keyword(&info.remark, "EREF+") {
        "" => keyword(&info.remark, "KREF+"),
        reference => reference,
    };
    info.reference = reference.to_owned();
    // Where both stand, the IBAN is the whole of it.
    if !iban.trim().is_empty() {
        info.account = iban;
    }
    for slot in [&mut info.remark, &mut info.account, &mut info.name] {
        let kept = slot.trim().to_owned();
        *slot = kept;
    }
    if info.remark.is_empty() {
        info.remark = booking.trim().to_owned();
    }
    info
}

/// Names of the SEPA fields of a German remark (DK, Anlage 3 of the agreement on remote data transmission).
const SEPA_FIELDS: [&str; 11] = [
    "EREF", "KREF", "MREF", "CRED", "DEBT", "COAM", "OAMT", "SVWZ", "ABWA", "ABWE", "PURP",
];

/// True of a text that begins with the name of a SEPA field, as in `SVWZ+`.
fn begins_field(text: &str) -> bool {
    text.split_once('+')
        .is_some_and(|(name, _)| SEPA_FIELDS.contains(&name))
}

/// The text behind a key word such as `EREF+`, up to the next one.
fn keyword<'t>(text: &'t str, key: &str) -> &'t str {
    let Some(at) = text.find(key) else { return "" };
    let rest = &text[at + key.len()..];
    let next = rest
        .match_indices('+')
        .filter_map(|(plus, _)| plus.checked_sub(4))
        .find(|start| {
            rest.as_bytes()[*start..*start + 4]
                .iter()
                .all(u8::is_ascii_uppercase)
        });
    known(rest[..next.unwrap_or(rest.len())].trim())
}

fn known(reference: &str) -> &str {
    match reference {
        "NOTPROVIDED" | "NONREF" | "NOT PROVIDED" => "",
        reference => reference,
    }
}

/// Code words between slashes: `/TRTP/SEPA OVERBOEKING/IBAN/NL…/NAME/…/REMI/…/EREF/…`.
fn is_coded(text: &str) -> bool {
    text.strip_prefix('/')
        .and_then(|text| text.split_once('/'))
        .is_some_and(|(word, _)| is_code_word(word))
}

fn is_code_word(word: &str) -> bool {
    (2..=4).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn coded(text: &str) -> Info {
    let mut info = Info {
        remark: text.trim().to_owned(),
        ..Info::default()
    };
    let mut word = "";
    for part in text.split('/').skip(1) {
        if is_code_word(part) {
            word = part;
            continue;
        }
        let slot = match word {
            "EREF" => &mut info.reference,
            "PREF" => &mut info.payment,
            "NAME" => &mut info.name,
            "IBAN" => &mut info.account,
            _ => continue,
        };
        // A slash inside a reference or name is a part of it.
        if !slot.is_empty() {
            slot.push('/');
        }
        slot.push_str(part);
    }
    let texts = [
        &mut info.reference,
        &mut info.payment,
        &mut info.name,
        &mut info.account,
    ];
    for slot in texts {
        let kept = known(slot.trim().trim_end_matches('/')).to_owned();
        *slot = kept;
    }
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], remark: &str, reference: &str, name: &str, account: &str) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let info = read(&lines);
        let seen = (
            info.remark.as_str(),
            info.reference.as_str(),
            info.name.as_str(),
            info.account.as_str(),
        );
        assert_eq!(seen, (remark, reference, name, account));
    }

    #[test]
    fn dialects_are_told_apart() {
        check(
            &[
                "166?00UEBERWEISUNG?10931?20EREF+ZV01002841909493000000",
                "?2102 ?22SVWZ+Musical Sonja Schulz C?31DE88500105178285756556?32Thomas ",
                "Schulz?33 jun.",
            ],
            "EREF+ZV0100284190949300000002 SVWZ+Musical Sonja Schulz C",
            "ZV0100284190949300000002",
            "Thomas Schulz jun.",
            "DE88500105178285756556",
        );
        check(
            &["079?00SAMMLER?109800?20KREF+A1?21EREF+NOTPROVIDED"],
            "KREF+A1 EREF+NOTPROVIDED",
            "A1",
            "",
            "",
        );
        check(&["805?00ENTGELTABSCHLUSS?106666"], "ENTGELTABSCHLUSS", "", "", "");
        check(&["106>00A>20why?>21yes"], "why?yes", "", "", "");
        check(&["159?00A?20what?now"], "what?now", "", "", "");
        check(
            &["020~00PRZELEW~20FAKTURA~21 12~27JAN~28KOWALSKI~29PL61109010140000071219812874"],
            "FAKTURA 12",
            "",
            "JANKOWALSKI",
            "PL61109010140000071219812874",
        );
        // ING in Romania: subfields filled up with blanks, and a separator at the end that is no text.
        check(
            &[
                "035~20AMT RCD RON 1000,00        ~21                           ~",
                "22      ~32NEXTERP SRL    ~23CVF 60  ~60     ~61              ~",
            ],
            "AMT RCD RON 1000,00                                         CVF 60",
            "",
            "NEXTERP SRL",
            "",
        );
        check(
            &["166?20Wann kommt die Ware?"],
            "Wann kommt die Ware?",
            "",
            "",
            "",
        );
        check(
            &[
                "/EREF/01-01-2013 12:00 0030000987654321/BENM//NAME/CONTRA ACCOUN",
                "T HOLDER/REMI//ISDT/2013-07-11",
            ],
            "/EREF/01-01-2013 12:00 0030000987654321/BENM//NAME/CONTRA ACCOUNT HOLDER/REMI//ISDT/2013-07-11",
            "01-01-2013 12:00 0030000987654321",
            "CONTRA ACCOUNT HOLDER",
            "",
        );
        check(
            &["/TRTP/SEPA/IBAN/NL69/NAME/A/B/EREF/NOTPROVIDED"],
            "/TRTP/SEPA/IBAN/NL69/NAME/A/B/EREF/NOTPROVIDED",
            "",
            "A/B",
            "NL69",
        );
        check(
            &["DB faktura 1234567", "Testkunde", "", "HOLMENS KANAL"],
            "DB faktura 1234567 Testkunde HOLMENS KANAL",
            "",
            "",
            "",
        );
        check(
            &[" 020?00PRZELEW?20FAKTURA?310000777777777777?32HUTA SZKLA?38PL08106000760000777777777777"],
            "FAKTURA",
            "",
            "HUTA SZKLA",
            "PL08106000760000777777777777",
        );
        let pointed = read(&["/PREF/M000000003333333//REMI/USTD//TOTAAL 1 VZ/".to_owned()]);
        assert_eq!(
            (pointed.payment.as_str(), pointed.reference.as_str()),
            ("M000000003333333", "")
        );
        check(&[&"x".repeat(65), "y"], &("x".repeat(65) + "y"), "", "", "");
        check(&[""], "", "", "", "");
        check(&["?2"], "?2", "", "", "");
        check(&["?é0"], "?é0", "", "", "");
    }
}
