//! Reads `book.toml` into [`Settings`] (SPEC §3).
//!
//! In: the text. Out: settings with every name resolved and every amount in minor units, or all findings at once,
//! each with its line and column. The keys and types are those of [`crate::book::schema`]; here is what they must
//! mean together (R8, R16, R26, R28, R36, R41). Files beside `book.toml` are not looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::schema::{
    AccountKindToml, AlertToml, BasisToml, BookToml, DuplicatesToml, NettingModeToml, NettingToml,
    PayoutAccountToml, PayoutFormatToml, PayoutToml, PolicyToml, RegimeToml, RejectsToml, ReserveToml,
    ReversalSignToml, RoleToml, ShortfallToml, StatementNumbersToml, schema_value,
};
use crate::book::settings::{
    Account, AccountKind, Alert, Basis, ChannelTerms, Cycle, DuplicatePolicy, FeePer, FeePlan, Institution,
    Netting, NettingMode, PayoutFormat, PayoutSettings, Policy, Privacy, RejectPolicy, ReserveSettings,
    ReversalSign, Role, Settings, ShortfallPolicy, Source, StatementNumbers,
};
use crate::book::shape::{Shape, last_name};
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::currency::Currency;
use crate::terms::digest::sha256_hex;
use crate::terms::money::{AmountError, parse_minor};

mod fee_plans;
mod legs;
mod passes;

/// Longest cycle in days; a longer one is a slip of the pen.
/// Most netting windows of a day: a row keeps its window in five bits.
const NETTING_WINDOWS_MAX: usize = 32;

const CYCLE_DAYS_MAX: u32 = 366;

/// Classes that a threshold may name.
pub const ALERT_CLASSES: [&str; 15] = [
    "DUPLICATE_AT_PLATFORM",
    "DUPLICATE_AT_BANK",
    "DUPLICATE_AT_CHANNEL",
    "MISSING_AT_BANK",
    "MISSING_AT_CHANNEL",
    "MISSING_AT_PLATFORM",
    "STATUS_MISMATCH",
    "CURRENCY_MISMATCH",
    "DIRECTION_MISMATCH",
    "AMOUNT_MISMATCH",
    "FEE_MISMATCH",
    "VALUE_DATE_MISMATCH",
    "ID_CONFLICT",
    "NEGATIVE_BALANCE",
    "ESCROW_MISMATCH",
];

/// Reads the text of `book.toml`; `file_name` is what findings call it.
///
/// # Errors
/// 78 with all findings, earliest first.
pub fn parse_settings(text: &str, file_name: &str) -> Result<Settings, Stop> {
    let stop = |mut found: Vec<(usize, String, String)>| {
        found.sort_by_key(|(at, ..)| *at);
        let findings = found.into_iter().map(|(at, message, help)| {
            let (line, column) = line_and_column(text, at);
            Finding::about(file_name, message, help).at(line, column)
        });
        Stop {
            code: StopCode::Settings,
            findings: findings.collect(),
        }
    };
    let at_of = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let (root, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let syntax = |error: &toml::de::Error| {
            let message = format!("not TOML: {}", error.message());
            (at_of(error), message, "correct the line".to_owned())
        };
        return Err(stop(errors.iter().map(syntax).collect()));
    }
    let shape = Shape::of(&schema_value(), &root);
    let book = match toml::from_str::<BookToml>(text) {
        Ok(book) => book,
        // What serde refuses the walk over the schema has named already, and in better words.
        Err(_) if !shape.found.is_empty() => return Err(stop(shape.found)),
        Err(error) => {
            let message = error.message().to_owned();
            return Err(stop(vec![(
                at_of(&error),
                message,
                "correct the value".to_owned(),
            )]));
        }
    };
    let mut reader = Reader {
        places: &shape.places,
        found: shape.found,
        base: Currency::parse(book.institution.base_currency.as_bytes()),
    };
    let settings = reader.settings(&book, sha256_hex(text.as_bytes()));
    if !reader.found.is_empty() {
        return Err(stop(reader.found));
    }
    settings.ok_or_else(|| Stop::invariant("the settings were refused without a finding"))
}

/// Reads a cycle: `D+0`, `T+1`, `weekly:FRI`, `monthly:25` (R8).
pub fn parse_cycle(text: &str) -> Option<Cycle> {
    const DAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let days = |digits: &str| whole_number(digits).filter(|days| *days <= u64::from(CYCLE_DAYS_MAX));
    if let Some(digits) = text.strip_prefix("T+") {
        return days(digits).map(|days| Cycle::Business(days as u32));
    }
    if let Some(digits) = text.strip_prefix("D+") {
        return days(digits).map(|days| Cycle::Calendar(days as u32));
    }
    if let Some(name) = text.strip_prefix("weekly:") {
        let at = DAYS.iter().position(|day| *day == name)?;
        return Some(Cycle::Weekly(at as u8));
    }
    let day = whole_number(text.strip_prefix("monthly:")?)?;
    (1..=31).contains(&day).then_some(Cycle::Monthly(day as u8))
}

/// What a cycle may look like, for messages.
pub const CYCLE_FORMS: &str =
    "T+n or D+n (n from 0 to 366), weekly:MON … weekly:SUN, or monthly:1 … monthly:31";

/// A whole number without sign, space or leading zero.
pub(crate) fn whole_number(text: &str) -> Option<u64> {
    let digits = text.as_bytes();
    let form = !digits.is_empty()
        && digits.iter().all(u8::is_ascii_digit)
        && (digits[0] != b'0' || digits.len() == 1);
    if form { text.parse().ok() } else { None }
}

/// True for a text that can name a thing in the book: it may become part of a file name, a ledger account or a
/// glob, so it has no space, no control character, none of `/ \ : * ? [ ] { } , "` and is not `.` or `..`.
pub(crate) fn is_id(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || r#"/\:*?[]{},""#.contains(c);
    !text.is_empty() && text.len() <= 64 && !text.chars().any(bad) && text != "." && text != ".."
}

/// The known word nearest to a mistyped one, if any is near enough to be worth saying.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(word.len()) / 3 && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

/// 1-based line and column in characters of a byte offset.
pub(crate) fn line_and_column(text: &str, at: usize) -> (u64, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line as u64, before[start..].chars().count() as u32 + 1)
}

/// `, did you mean …?` or nothing.
fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(word, known)
        .map(|near| format!(", did you mean `{near}`?"))
        .unwrap_or_default()
}

/// Turns the file's words into settings and collects what is wrong with them.
///
/// Each method gives what it could read; the whole is used only when nothing was found.
struct Reader<'a> {
    places: &'a BTreeMap<String, usize>,
    found: Vec<(usize, String, String)>,
    base: Option<Currency>,
}

impl Reader<'_> {
    fn settings(&mut self, book: &BookToml, sha256: String) -> Option<Settings> {
        let institution = self.institution(book);
        let accounts = self.accounts(book);
        let sources = self.sources(book);
        let before = self.found.len();
        let legs = self.legs(book);
        self.batch_legs_stand(book, &legs);
        let settle_when = self.settle_when(book);
        let legs_stand = self.found.len() == before;
        let fee_plans = self.fee_plans(book);
        let channels = self.channels(book, &fee_plans);
        let payout = self.payout(&book.payout, &accounts);
        let netting = self.netting(book.netting.as_ref());
        let reserve = self.reserve(book.reserve.as_ref());
        let policy = self.policy(book.policy.as_ref());
        let mut settings = Settings {
            institution: institution?,
            accounts,
            sources,
            legs,
            settle_when,
            fee_plans,
            channels,
            payout: payout?,
            netting,
            reserve,
            policy,
            privacy: Privacy {
                mask_accounts: book
                    .privacy
                    .as_ref()
                    .and_then(|p| p.mask_accounts)
                    .unwrap_or(true),
            },
            sha256,
        };
        if legs_stand {
            self.every_row_reaches_the_bank(&settings);
        }
        settings.accounts.sort_by(|a, b| a.id.cmp(&b.id));
        Some(settings)
    }

    /// Notes a finding at a path, or at the nearest enclosing place that the text has.
    fn find(&mut self, path: &str, message: impl AsRef<str>, help: impl Into<String>) {
        let mut place = path;
        let at = loop {
            if let Some(at) = self.places.get(place) {
                break *at;
            }
            match place.rfind(['.', '[']) {
                Some(cut) => place = &place[..cut],
                None => break 0,
            }
        };
        let message = format!("{}: {}", last_name(path), message.as_ref());
        self.found.push((at, message, help.into()));
    }

    /// An id that is well formed and not taken.
    fn id(&mut self, path: &str, id: &str, taken: &mut BTreeSet<String>) {
        self.well_formed(path, id);
        if !taken.insert(id.to_owned()) {
            self.find(path, format!("`{id}` is given twice"), "give each its own");
        }
    }

    fn well_formed(&mut self, path: &str, id: &str) {
        if !is_id(id) {
            self.find(
                path,
                format!(
                    "found `{}`, which cannot be used as a name in files and tables",
                    id.escape_debug()
                ),
                "use 1 to 64 characters without spaces and without / \\ : * ? [ ] { } , \"",
            );
        }
    }

    /// A text for people: not empty, nothing that breaks a line.
    fn label(&mut self, path: &str, text: &str) {
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            self.find(
                path,
                "found no text, or a line break in it",
                "write one line of text",
            );
        }
    }

    fn currency(&mut self, path: &str, code: &str) -> Option<Currency> {
        let currency = Currency::parse(code.as_bytes());
        if currency.is_none() {
            self.find(
                path,
                format!("found `{code}`, expected an ISO 4217 code in capitals"),
                "write a code such as CNY, EUR or USD",
            );
        }
        currency
    }

    /// An amount in base currency; 0 where it does not read, beside a finding.
    fn amount(&mut self, path: &str, text: Option<&String>) -> Option<i64> {
        let text = text?;
        let Some(base) = self.base else {
            return Some(0);
        };
        match parse_minor(text.as_bytes(), base.digits()) {
            Ok(minor) => Some(minor),
            Err(error) => {
                let expected = match error {
                    AmountError::Decimals => format!("at most {} decimals ({base})", base.digits()),
                    AmountError::Overflow => "less than 2^63 minor units".to_owned(),
                    AmountError::Form | AmountError::Zero => "an amount such as 12.34".to_owned(),
                };
                self.find(
                    path,
                    format!("found `{text}`, expected {expected}"),
                    "write digits and a point only: no sign, no thousands separator, no leading zero",
                );
                Some(0)
            }
        }
    }

    fn institution(&mut self, book: &BookToml) -> Option<Institution> {
        let given = &book.institution;
        self.label("institution.name", &given.name);
        self.well_formed("institution.id", &given.id);
        self.well_formed("institution.calendar", &given.calendar);
        let base_currency = self.currency("institution.base_currency", &given.base_currency);
        let time_zone = self.time_zone(&given.time_zone);
        let cut_off = given.cut_off.as_deref().unwrap_or("00:00");
        let cut_off_minutes = minutes(cut_off).filter(|at| *at < 24 * 60);
        if cut_off_minutes.is_none() {
            self.find(
                "institution.cut_off",
                format!("found `{cut_off}`, expected HH:MM from 00:00 to 23:59"),
                "write a local time such as 00:00 or 23:30",
            );
        }
        Some(Institution {
            name: given.name.clone(),
            id: given.id.clone(),
            base_currency: base_currency?,
            time_zone: time_zone?,
            cut_off_minutes: cut_off_minutes?,
            calendar: given.calendar.clone(),
        })
    }

    fn time_zone(&mut self, name: &str) -> Option<String> {
        let known = jiff::tz::TimeZone::get(name).ok();
        let known = known.and_then(|zone| zone.iana_name().map(str::to_owned));
        if known.as_deref() == Some(name) {
            return known;
        }
        let names: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let near = did_you_mean(name, names.iter().map(String::as_str));
        self.find(
            "institution.time_zone",
            format!("`{name}` is no IANA time zone{near}"),
            "write a name such as Asia/Shanghai or Europe/Berlin",
        );
        None
    }

    fn accounts(&mut self, book: &BookToml) -> Vec<Account> {
        let mut taken = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        let mut accounts = Vec::new();
        for (index, given) in book.account.iter().enumerate() {
            let path = |key: &str| format!("account[{index}].{key}");
            self.id(&path("id"), &given.id, &mut taken);
            self.label(&path("bank"), &given.bank);
            let others = given.other_numbers.iter().enumerate();
            let others = others.map(|(at, number)| (format!("other_numbers[{at}]"), number));
            let numbered = given.number.iter().map(|number| ("number".to_owned(), number));
            for (key, number) in numbered.chain(others) {
                self.label(&path(&key), number);
                let taken_as_id = book
                    .account
                    .iter()
                    .any(|other| other.id == *number && other.id != given.id);
                if !numbers.insert((number, given.currency.as_str())) || taken_as_id {
                    self.find(
                        &path(&key),
                        "the same number is given twice for one currency, or another account has it as its id",
                        "statements name accounts by number and currency, then by id: keep them apart",
                    );
                }
            }
            self.bank_codes(index, given.bic.as_deref(), given.cnaps.as_deref());
            if let Some(name) = &given.name {
                self.label(&path("name"), name);
            }
            let pool = given.pool.as_deref().unwrap_or("default");
            self.well_formed(&path("pool"), pool);
            let Some(currency) = self.currency(&path("currency"), &given.currency) else {
                continue;
            };
            accounts.push(Account {
                id: given.id.clone(),
                bank: given.bank.clone(),
                number: given.number.clone(),
                other_numbers: given.other_numbers.clone(),
                bic: given.bic.clone(),
                cnaps: given.cnaps.clone(),
                name: given.name.clone(),
                currency,
                kind: match given.kind {
                    AccountKindToml::Reserve => AccountKind::Reserve,
                    AccountKindToml::Own => AccountKind::Own,
                    AccountKindToml::Receivable => AccountKind::Receivable,
                },
                pool: pool.to_owned(),
            });
        }
        accounts
    }

    fn bank_codes(&mut self, index: usize, bic: Option<&str>, cnaps: Option<&str>) {
        if let Some(bic) = bic.filter(|bic| !is_bic(bic)) {
            self.find(
                &format!("account[{index}].bic"),
                format!("found `{bic}`, expected 8 or 11 capitals and digits"),
                "write the BIC of the bank, such as BKCHCNBJ",
            );
        }
        if let Some(cnaps) = cnaps.filter(|code| !is_cnaps(code)) {
            self.find(
                &format!("account[{index}].cnaps"),
                format!("found `{cnaps}`, expected 12 digits"),
                "write the CNAPS code of the bank's branch",
            );
        }
    }

    fn sources(&mut self, book: &BookToml) -> Vec<Source> {
        let ids: Vec<&str> = book.account.iter().map(|account| account.id.as_str()).collect();
        let mut taken = BTreeSet::new();
        let mut sources = Vec::new();
        for (index, given) in book.source.iter().enumerate() {
            let path = |key: &str| format!("source[{index}].{key}");
            self.id(&path("name"), &given.name, &mut taken);
            self.well_formed(&path("format"), &given.format);
            if given.files.is_empty() {
                self.find(
                    &path("files"),
                    "the list is empty",
                    "name at least one glob below inbox/DATE/",
                );
            }
            for (at, glob) in given.files.iter().enumerate() {
                let above = glob.split('/').any(|part| part == "..");
                if glob.is_empty() || glob.starts_with('/') || glob.contains('\\') || above {
                    self.find(
                        &format!("source[{index}].files[{at}]"),
                        format!("found `{glob}`, expected a glob below inbox/DATE/"),
                        "write it with forward slashes and from that folder, such as bank/*.csv",
                    );
                }
            }
            if let Some(account) = given.account.as_deref().filter(|account| !ids.contains(account)) {
                let near = did_you_mean(account, ids.iter().copied());
                self.find(
                    &path("account"),
                    format!("no account `{account}`{near}"),
                    "name the id of an [[account]]",
                );
            }
            if let Some(channel) = &given.channel {
                self.label(&path("channel"), channel);
            }
            if let Some(label) = &given.encoding
                && encoding_rs::Encoding::for_label(label.as_bytes()).is_none()
            {
                self.find(
                    &path("encoding"),
                    format!("`{label}` is no known encoding"),
                    "write a label such as utf-8, gbk, gb18030 or utf-16le, or leave it out",
                );
            }
            sources.push(Source {
                name: given.name.clone(),
                role: role(given.role),
                format: given.format.clone(),
                files: given.files.clone(),
                required: given.required.unwrap_or(false),
                account: given.account.clone(),
                channel: given.channel.clone(),
                encoding: given.encoding.clone(),
                reversal_sign: match given.reversal_sign {
                    None | Some(ReversalSignToml::Iso) => ReversalSign::Iso,
                    Some(ReversalSignToml::Invert) => ReversalSign::Invert,
                },
                statement_numbers: match given.statement_numbers {
                    None | Some(StatementNumbersToml::Yearly) => StatementNumbers::Yearly,
                    Some(StatementNumbersToml::Monthly) => StatementNumbers::Monthly,
                    Some(StatementNumbersToml::Rising) => StatementNumbers::Rising,
                    Some(StatementNumbersToml::Free) => StatementNumbers::Free,
                },
                other_days: given.other_days.unwrap_or(false),
            });
        }
        sources
    }

    fn channels(
        &mut self,
        book: &BookToml,
        plans: &BTreeMap<String, FeePlan>,
    ) -> BTreeMap<String, ChannelTerms> {
        let mut channels = BTreeMap::new();
        for (name, given) in &book.channel {
            self.label(&format!("channel.{name}"), name);
            let path = format!("channel.{name}.fee_plan");
            if let Some(plan) = &given.fee_plan {
                match plans.get(plan) {
                    None => {
                        let near = did_you_mean(plan, plans.keys().map(String::as_str));
                        self.find(
                            &path,
                            format!("no fee plan `{plan}`{near}"),
                            "add [fee_plan.NAME]",
                        );
                    }
                    Some(plan) if plan.per == FeePer::Day => self.find(
                        &path,
                        format!(
                            "fee plan `{}` is per day, but a channel bills row by row",
                            plan.name
                        ),
                        "name a plan with per = \"txn\"",
                    ),
                    Some(_) => {}
                }
            }
            if let Some(participant) = &given.participant {
                self.well_formed(&format!("channel.{name}.participant"), participant);
            }
            let terms = ChannelTerms {
                fee_plan: given.fee_plan.clone(),
                participant: given.participant.clone(),
            };
            channels.insert(name.clone(), terms);
        }
        channels
    }

    fn payout(&mut self, given: &PayoutToml, accounts: &[Account]) -> Option<PayoutSettings> {
        let min_minor = self
            .amount("payout.min_amount", given.min_amount.as_ref())
            .unwrap_or(0);
        let cycle = given.default_cycle.as_deref().unwrap_or("T+1");
        let default_cycle = parse_cycle(cycle);
        if default_cycle.is_none() {
            let message = format!("found `{cycle}`, expected {CYCLE_FORMS}");
            self.find("payout.default_cycle", message, "correct the cycle");
        }
        let mut paying = BTreeMap::new();
        match &given.account {
            PayoutAccountToml::One(id) => {
                if let Some(account) = self.paying_account("payout.account", id, accounts) {
                    paying.insert(account.currency, id.clone());
                }
            }
            PayoutAccountToml::ByCurrency(ids) => {
                if ids.is_empty() {
                    self.find(
                        "payout.account",
                        "the table is empty",
                        "name an account for each currency",
                    );
                }
                for (code, id) in ids {
                    let path = format!("payout.account.{code}");
                    let currency = self.currency(&path, code);
                    let account = self.paying_account(&path, id, accounts);
                    let (Some(currency), Some(account)) = (currency, account) else {
                        continue;
                    };
                    if account.currency != currency {
                        let message = format!("account `{id}` is kept in {}", account.currency);
                        self.find(&path, message, "name an account of that currency");
                    }
                    paying.insert(currency, id.clone());
                }
            }
        }
        Some(PayoutSettings {
            min_minor,
            default_cycle: default_cycle?,
            accounts: paying,
            format: match given.format {
                Some(PayoutFormatToml::Pain001) => PayoutFormat::Pain001,
                None | Some(PayoutFormatToml::Csv) => PayoutFormat::Csv,
            },
            max_per_file: given.max_per_file.unwrap_or(0) as usize,
        })
    }

    fn paying_account<'b>(&mut self, path: &str, id: &str, accounts: &'b [Account]) -> Option<&'b Account> {
        let Some(account) = accounts.iter().find(|account| account.id == id) else {
            let near = did_you_mean(id, accounts.iter().map(|account| account.id.as_str()));
            self.find(
                path,
                format!("no account `{id}`{near}"),
                "name the id of an [[account]]",
            );
            return None;
        };
        if account.kind != AccountKind::Reserve {
            self.find(
                path,
                format!(
                    "account `{id}` is of kind {}, merchants are paid from a reserve account",
                    account.kind.name()
                ),
                "name an account of kind = \"reserve\"",
            );
        }
        Some(account)
    }

    fn netting(&mut self, given: Option<&NettingToml>) -> Netting {
        let mode = match given.and_then(|netting| netting.mode) {
            Some(NettingModeToml::Gross) => NettingMode::Gross,
            Some(NettingModeToml::Bilateral) => NettingMode::Bilateral,
            None | Some(NettingModeToml::Multilateral) => NettingMode::Multilateral,
        };
        let whole_day = vec!["24:00".to_owned()];
        let texts = given
            .and_then(|netting| netting.windows.as_ref())
            .unwrap_or(&whole_day);
        let mut windows: Vec<(u32, String)> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let path = format!("netting.windows[{index}]");
            match minutes(text) {
                None | Some(0) => {
                    let message = format!("found `{text}`, expected HH:MM from 00:01 to 24:00");
                    self.find(&path, message, "write the local times at which windows end");
                }
                Some(at) if windows.last().is_some_and(|(before, _)| *before >= at) => {
                    self.find(
                        &path,
                        format!("`{text}` is not after the window before"),
                        "put them in order",
                    );
                }
                Some(at) => windows.push((at, text.clone())),
            }
        }
        if texts.len() > NETTING_WINDOWS_MAX {
            self.find(
                "netting.windows",
                format!(
                    "found {} windows, expected at most {NETTING_WINDOWS_MAX}",
                    texts.len()
                ),
                "use longer windows",
            );
        }
        if texts.last().is_none_or(|last| last != "24:00") {
            self.find(
                "netting.windows",
                "the last window does not end at 24:00",
                "add \"24:00\" at the end",
            );
        }
        Netting { mode, windows }
    }

    fn reserve(&mut self, given: Option<&ReserveToml>) -> ReserveSettings {
        let allowed = given.and_then(|reserve| reserve.own_money_allowed.as_ref());
        let mut regimes: Vec<String> = Vec::new();
        for (index, regime) in given
            .and_then(|r| r.regimes.as_ref())
            .into_iter()
            .flatten()
            .enumerate()
        {
            let name = match regime {
                RegimeToml::Pboc => "pboc",
                RegimeToml::Cass15 => "cass15",
            };
            if regimes.iter().any(|known| known == name) {
                self.find(
                    &format!("reserve.regimes[{index}]"),
                    format!("`{name}` is given twice"),
                    "keep one",
                );
            }
            regimes.push(name.to_owned());
        }
        ReserveSettings {
            basis: match given.and_then(|reserve| reserve.basis) {
                None | Some(BasisToml::Received) => Basis::Received,
                Some(BasisToml::Due) => Basis::Due,
            },
            own_money_allowed_minor: self.amount("reserve.own_money_allowed", allowed).unwrap_or(0),
            regimes,
        }
    }

    fn policy(&mut self, given: Option<&PolicyToml>) -> Policy {
        let max_rejects = given.and_then(|policy| policy.max_rejects);
        let rejects = match given.and_then(|policy| policy.rejects) {
            Some(RejectsToml::Quarantine) => RejectPolicy::Quarantine { max_rejects },
            None | Some(RejectsToml::Stop) => {
                if max_rejects.is_some() {
                    self.find(
                        "policy.max_rejects",
                        "has no effect, because rejects = \"stop\" refuses the day at the first",
                        "write rejects = \"quarantine\", or take max_rejects out",
                    );
                }
                RejectPolicy::Stop
            }
        };
        let mut alerts = BTreeMap::new();
        for (class, alert) in given.into_iter().flat_map(|policy| &policy.alert) {
            alerts.insert(class.clone(), self.alert(class, alert));
        }
        Policy {
            rejects,
            duplicates: match given.and_then(|policy| policy.duplicates) {
                None | Some(DuplicatesToml::Pair) => DuplicatePolicy::Pair,
                Some(DuplicatesToml::Hold) => DuplicatePolicy::Hold,
            },
            on_shortfall: match given.and_then(|policy| policy.on_shortfall) {
                None | Some(ShortfallToml::Withhold) => ShortfallPolicy::Withhold,
                Some(ShortfallToml::Publish) => ShortfallPolicy::Publish,
            },
            max_age_days: given.and_then(|policy| policy.max_age_days).unwrap_or(3),
            alerts,
        }
    }

    fn alert(&mut self, class: &str, given: &AlertToml) -> Alert {
        let path = format!("policy.alert.{class}");
        if !ALERT_CLASSES.contains(&class) {
            let near = did_you_mean(class, ALERT_CLASSES.into_iter());
            let help = format!("known classes: {}", ALERT_CLASSES.join(", "));
            self.find(&path, format!("no class of breaks has this name{near}"), help);
        }
        if given.count.is_none() && given.amount.is_none() {
            self.find(&path, "sets no threshold", "give count, amount or both");
        }
        Alert {
            count: given.count,
            amount_minor: self.amount(&format!("{path}.amount"), given.amount.as_ref()),
        }
    }
}

fn role(role: RoleToml) -> Role {
    match role {
        RoleToml::Platform => Role::Platform,
        RoleToml::Channel => Role::Channel,
        RoleToml::Bank => Role::Bank,
        RoleToml::Balances => Role::Balances,
        RoleToml::Adjustments => Role::Adjustments,
    }
}

/// `HH:MM` from 00:00 to 24:00 as minutes after midnight.
fn minutes(text: &str) -> Option<u32> {
    let bytes = text.as_bytes();
    if bytes.len() != 5 || bytes[2] != b':' {
        return None;
    }
    let two = |at: usize| -> Option<u32> {
        let (high, low) = (bytes[at], bytes[at + 1]);
        (high.is_ascii_digit() && low.is_ascii_digit())
            .then(|| u32::from(high - b'0') * 10 + u32::from(low - b'0'))
    };
    let (hour, minute) = (two(0)?, two(3)?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= 24 * 60).then_some(at)
}

/// ISO 9362: four letters or digits, two letters, two letters or digits, and three more or none.
fn is_bic(text: &str) -> bool {
    let bytes = text.as_bytes();
    (bytes.len() == 8 || bytes.len() == 11)
        && bytes.iter().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        && bytes[4..6].iter().all(u8::is_ascii_uppercase)
}

fn is_cnaps(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::EXAMPLE;
