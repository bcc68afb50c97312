//! Statements of other days beside those of the day in one file (D240): passed over where nothing is lost by it, and said.
//!
//! A bank sends one file for a weekend, and people fetch the last seven days each morning. Every close takes the statements of its own
//! day; what it does not take must have been taken, or must be to come. In: the statements that readers have passed over, and those
//! that the closes before have taken. Out: notes, what is remembered from now on, or findings. A statement of an earlier day must be
//! one that was taken, word for word: one that was corrected since, and one that no close has taken, stop the day. One without entries,
//! of a day of which none was taken, has none to lose. One of a later day is remembered, and its own close stops without it.

use std::collections::{BTreeMap, BTreeSet};

use super::days::{books, fetch_alone};
use super::{Told, account_id, is_idle, name};
use crate::book::settings::Settings;
use crate::day::state::{State, StatementTaken};
use crate::findings::Finding;
use crate::terms::date::Date;

/// What was found of the statements that are passed over.
#[derive(Default)]
pub(super) struct PassedOver<'a> {
    pub findings: Vec<Finding>,
    /// The accounts of which nothing else is to be said: what would follow from the entries that are missing only leads astray.
    pub accounts: BTreeSet<usize>,
    pub notes: Vec<String>,
    /// Statements that no close had and that lose nothing.
    pub remembered: Vec<StatementTaken>,
    /// Of these, those without entries of accounts that were closed before: their numbers were not missing.
    pub idle: Vec<Told<'a>>,
}

/// What becomes of a statement of another day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fate {
    /// The close of its day has taken it.
    Taken,
    /// A close of a later day has passed it over.
    Seen,
    /// It lies before the first close of its account.
    Before,
    /// It has no entries.
    Idle,
    /// The close of its day is to come.
    Later,
    /// The close of its day has taken others of its account.
    Corrected,
    /// No close has taken it.
    Missing,
}

/// Statements of one file and account that have one fate.
struct Alike<'t, 'a> {
    first: &'t Told<'a>,
    count: u64,
    entries: u64,
    days: (Date, Date),
}

/// Judges the statements that were passed over.
pub(super) fn check<'a>(
    settings: &Settings,
    passed: &[Told<'a>],
    state: &State,
    date: Date,
) -> PassedOver<'a> {
    // Files are known as long as statements are.
    let begins_on = state.files.iter().map(|file| file.taken_on).min().unwrap_or(date);
    let mut first_taken: BTreeMap<&str, Date> = BTreeMap::new();
    let mut known: BTreeMap<(&str, Date), BTreeMap<&str, Date>> = BTreeMap::new();
    for row in &state.statements_taken {
        let of_day = known.entry((&row.account, row.day)).or_default();
        of_day.insert(&row.content, row.taken_on);
        if row.taken_on == row.day {
            let first = first_taken.entry(&row.account).or_insert(row.day);
            *first = row.day.min(*first);
        }
    }
    let fate_of = |one: &Told<'_>, day: Date| {
        let account = settings.accounts.get(one.told.account);
        let of_day = known.get(&(account_id(settings, one.told.account), day));
        let taken_on = of_day.and_then(|contents| contents.get(one.told.content.as_str()));
        // What later closes have passed over was not booked by the close of its day.
        let others = of_day.is_some_and(|contents| contents.values().any(|taken_on| *taken_on == day));
        let first = first_taken.get(account_id(settings, one.told.account));
        let lies_before = || match first {
            Some(first) => day < *first,
            // An account that was out of the book for a while is not new to it.
            None => account.is_none_or(|account| state.of_account(account).is_none()),
        };
        match taken_on {
            _ if day > date => Fate::Later,
            Some(taken_on) if *taken_on == day => Fate::Taken,
            Some(taken_on) if *taken_on > day => Fate::Seen,
            _ if others => Fate::Corrected,
            _ if day < begins_on || lies_before() => Fate::Before,
            _ if is_idle(one.told) => Fate::Idle,
            // A close before its day has seen it, and no close has taken it since.
            _ => Fate::Missing,
        }
    };
    let mut found = PassedOver::default();
    let mut groups: BTreeMap<(&str, usize, Fate), Alike<'_, 'a>> = BTreeMap::new();
    for one in passed {
        let Some(day) = one.told.books_on() else { continue };
        let fate = fate_of(one, day);
        let is_to_come = fate == Fate::Later && one.told.booked.total().count > 0;
        if is_to_come || matches!(fate, Fate::Before | Fate::Idle) {
            found.remembered.push(StatementTaken {
                account: account_id(settings, one.told.account).to_owned(),
                day,
                content: one.told.content.clone(),
                taken_on: date,
            });
        }
        if fate == Fate::Idle {
            found.idle.push(*one);
        }
        let alike = groups.entry((one.file, one.told.account, fate)).or_insert(Alike {
            first: one,
            count: 0,
            entries: 0,
            days: (day, day),
        });
        alike.count += 1;
        alike.entries += one.told.booked.total().count;
        alike.days = (alike.days.0.min(day), alike.days.1.max(day));
        if one.told.line < alike.first.told.line {
            alike.first = one;
        }
    }
    for ((file, account, fate), alike) in &groups {
        let what = alike.words(account_id(settings, *account));
        match fate {
            Fate::Corrected | Fate::Missing => {
                let (why, help) = alike.refusal(*fate, date);
                let finding = Finding::about(*file, format!("{what}: {why}"), help);
                found.findings.push(finding.at(alike.first.told.line, 0));
                found.accounts.insert(*account);
            }
            _ => {
                let why = alike.reason(*fate);
                found.notes.push(format!("{file}: {what} passed over: {why}"));
            }
        }
    }
    found
}

/// Statements with entries that closes before their day have passed over, and of which the day is now closed without any of
/// their account: the file that had them lies below another inbox alone.
pub(super) fn not_delivered(
    settings: &Settings,
    told: &[Told<'_>],
    state: &State,
    date: Date,
) -> Vec<Finding> {
    // One that says no day is of the day whose inbox it lies in.
    let delivered: BTreeSet<&str> = told
        .iter()
        .filter(|one| books(one) && one.told.day().is_none_or(|day| day == date))
        .map(|one| account_id(settings, one.told.account))
        .collect();
    let is_known = |id: &str| settings.accounts.iter().any(|account| account.id == id);
    let to_come = state.statements_taken.iter().filter(|row| row.taken_on < row.day);
    let mut lacking: BTreeMap<(&str, Date), Date> = BTreeMap::new();
    for row in to_come {
        let is_here = row.day == date && delivered.contains(row.account.as_str());
        if row.day <= date && !is_here && is_known(&row.account) {
            lacking.entry((&row.account, row.day)).or_insert(row.taken_on);
        }
    }
    let finding = |((account, day), seen_on): (&(&str, Date), &Date)| {
        Finding::about(
            format!("inbox/{day}"),
            format!(
                "no statement of account {account} of {day}, of which the close of {seen_on} passed one over that has entries"
            ),
            format!(
                "deliver the file of inbox/{seen_on} that has it below inbox/{day} as well, or another statement of that day"
            ),
        )
    };
    lacking.iter().map(finding).collect()
}

impl PassedOver<'_> {
    /// The same with what was found elsewhere.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.notes.extend(other.notes);
        self.findings.extend(other.findings);
        self.accounts.extend(other.accounts);
        self.remembered.extend(other.remembered);
        self.idle.extend(other.idle);
        self
    }
}

impl Alike<'_, '_> {
    fn days(&self) -> String {
        match self.days {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first} to {last}"),
        }
    }

    /// What they are: statement, account, days and entries.
    fn words(&self, account: &str) -> String {
        let entries = match self.entries {
            0 => "no entries".to_owned(),
            1 => "1 entry".to_owned(),
            entries => format!("{entries} entries"),
        };
        let days = self.days();
        match self.count {
            1 => format!(
                "statement {} of account {account} of {days} ({entries})",
                name(self.first.told)
            ),
            count => format!("{count} statements of account {account} of {days} ({entries})"),
        }
    }

    /// Why nothing is lost.
    fn reason(&self, fate: Fate) -> String {
        let one = self.count == 1;
        let day = self.days.0;
        match fate {
            Fate::Taken if one => format!("the close of {day} has taken it"),
            Fate::Taken => "the closes of these days have taken them".to_owned(),
            Fate::Seen if one => "a close before has passed it over with the same content".to_owned(),
            Fate::Seen => "closes before have passed them over with the same content".to_owned(),
            Fate::Later if one => format!("it belongs below inbox/{day} as well"),
            Fate::Later => "they belong below the inboxes of their days as well".to_owned(),
            Fate::Idle if one => "no close has taken it, and it has no entries to lose".to_owned(),
            Fate::Idle => "no close has taken them, and they have no entries to lose".to_owned(),
            _ if one => "it lies before the first close of the account".to_owned(),
            _ => "they lie before the first close of the account".to_owned(),
        }
    }

    /// Why entries would be lost, and what to do.
    fn refusal(&self, fate: Fate, date: Date) -> (String, String) {
        let (day, days) = (self.days.0, self.days());
        let alone = fetch_alone(date);
        let one = self.count == 1;
        if fate == Fate::Corrected {
            let why = match one {
                true => format!("the close of {day} has taken other content: it was corrected since, or is one more of that day"),
                false => "the closes of these days have taken other content: they were corrected since, or are more of these days".to_owned(),
            };
            let help = format!(
                "ask the bank what it changed, and to book the difference on an open day, for a sealed close never changes; then {alone}"
            );
            return (why, help);
        }
        let (it, its) = if one { ("it", "its") } else { ("them", "their") };
        let why = format!("no close has taken {it}, and {its} entries would be lost");
        let help = format!(
            "where the entries of {days} were booked from another file, {alone}; where they were not, every close from {day} on lacks them: as long as nothing of these closes was paid, move all of them from closes/ to a safe place and close again from {day} on, with this file below inbox/{day} too; where payouts went out, ask finance before anything is moved"
        );
        (why, help)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TODAY, from_file, settings, statement};
    use super::*;
    use crate::day::state::{AccountBalance, KnownFile};
    use crate::ingest::formats::desk::{Balance, StatementTold};
    use crate::terms::currency::Currency;

    fn today() -> Date {
        Date::from_ymd(TODAY.0, TODAY.1, TODAY.2).unwrap()
    }

    /// A statement so many days after today, with so many entries.
    fn of_day(days: i32, content: &str, entries: u64) -> StatementTold {
        let mut told = statement(content, 0, 0, 0, content);
        let date = today().plus_days(days);
        (told.opening, told.closing) = (None, Some(Balance { date, minor: 0 }));
        told.booked.credit.count = entries;
        told.passed_over = true;
        told
    }

    /// A book whose closes have taken these statements, by days after today.
    fn taken(statements: &[(i32, &str, i32)]) -> State {
        let row = |(day, content, taken_on): &(i32, &str, i32)| StatementTaken {
            account: "A0".to_owned(),
            day: today().plus_days(*day),
            content: (*content).to_owned(),
            taken_on: today().plus_days(*taken_on),
        };
        State {
            files: vec![KnownFile {
                sha256: String::new(),
                taken_on: today().plus_days(-9),
                name: String::new(),
            }],
            statements_taken: statements.iter().map(row).collect(),
            accounts: vec![AccountBalance {
                account: "A0".to_owned(),
                currency: Currency::CNY,
                closing_minor: 0,
                book_minor: 0,
            }],
            ..State::default()
        }
    }

    /// Notes, and findings with their help.
    fn judged(statements: &[StatementTold], state: &State) -> (Vec<String>, Vec<String>, usize) {
        let told: Vec<Told<'_>> = statements
            .iter()
            .map(|told| from_file("a", "mt940", told))
            .collect();
        let found = check(&settings(), &told, state, today());
        let findings = found.findings.iter();
        let findings = findings.map(|finding| format!("{} ({})", finding.message, finding.help));
        (found.notes, findings.collect(), found.remembered.len())
    }

    fn notes(statements: &[StatementTold], state: &State) -> Vec<String> {
        let (notes, findings, _) = judged(statements, state);
        assert_eq!(findings, [""; 0]);
        notes
    }

    #[test]
    fn what_was_taken_or_is_to_come_is_passed_over() {
        let state = taken(&[(-3, "x", -3), (-2, "y", -2), (-2, "z", -2), (-5, "w", -1)]);
        assert_eq!(
            notes(&[of_day(-3, "x", 2)], &state),
            [
                "a: statement x of account A0 of 2026-03-28 (2 entries) passed over: the close of 2026-03-28 has taken it"
            ]
        );
        let several = [
            of_day(-3, "x", 2),
            of_day(-2, "y", 0),
            of_day(-2, "z", 1),
            of_day(1, "n", 1),
        ];
        assert_eq!(
            notes(&several, &state),
            [
                "a: 3 statements of account A0 of 2026-03-28 to 2026-03-29 (3 entries) passed over: the closes of these days have taken them",
                "a: statement n of account A0 of 2026-04-01 (1 entry) passed over: it belongs below inbox/2026-04-01 as well",
            ]
        );
        assert_eq!(
            notes(&[of_day(-5, "w", 1)], &state),
            [
                "a: statement w of account A0 of 2026-03-26 (1 entry) passed over: a close before has passed it over with the same content"
            ]
        );
    }

    #[test]
    fn what_no_close_has_taken_stops_where_entries_are_lost() {
        let state = taken(&[(-1, "x", -1), (-4, "u", -4)]);
        let (notes, findings, remembered) = judged(
            &[of_day(-1, "y", 1), of_day(-2, "z", 1), of_day(-3, "v", 1)],
            &state,
        );
        assert_eq!((notes.len(), findings.len(), remembered), (0, 2, 0));
        assert!(
            findings[0].starts_with("statement y of account A0 of 2026-03-30 (1 entry): the close of 2026-03-30 has taken other content: it was corrected since, or is one more of that day (ask the bank"),
            "{findings:?}"
        );
        assert!(
            findings[1].starts_with("2 statements of account A0 of 2026-03-28 to 2026-03-29 (2 entries): no close has taken them, and their entries would be lost (where the entries of 2026-03-28 to 2026-03-29 were booked from another file, fetch 2026-03-31 from the bank by itself"),
            "{findings:?}"
        );
        // Entries of a day of which a close has seen an idle statement only.
        let (_, findings, _) = judged(
            &[of_day(-2, "late", 1)],
            &taken(&[(-3, "x", -3), (-2, "idle", -1)]),
        );
        assert!(findings[0].contains("no close has taken it"), "{findings:?}");
        // One without entries has none to lose.
        let (notes, findings, remembered) = judged(&[of_day(-2, "idle", 0)], &state);
        assert_eq!((findings.len(), remembered), (0, 1));
        assert_eq!(
            notes,
            [
                "a: statement idle of account A0 of 2026-03-29 (no entries) passed over: no close has taken it, and it has no entries to lose"
            ]
        );
    }

    #[test]
    fn what_lies_before_the_book_is_remembered() {
        let before = [of_day(-1, "y", 1)];
        let expected = "a: statement y of account A0 of 2026-03-30 (1 entry) passed over: it lies before the first close of the account";
        let first = |statements: &[(i32, &str, i32)]| State {
            files: Vec::new(),
            ..taken(statements)
        };
        let new = State {
            accounts: Vec::new(),
            ..taken(&[])
        };
        // The first close, with opening/ and without; and an account that is new to the book.
        for state in [first(&[]), State::default(), new] {
            let (notes, findings, remembered) = judged(&before, &state);
            assert_eq!((findings.len(), remembered), (0, 1));
            assert_eq!(notes, [expected]);
        }
        // The bank corrected it before the book began: no close has booked it either way.
        let (notes, findings, remembered) = judged(&before, &first(&[(-1, "x", 0)]));
        assert_eq!((notes.len(), findings.len(), remembered), (1, 0, 1));
        // What opening/ says was taken holds.
        let corrected = judged(&before, &first(&[(-1, "x", -1)]));
        assert_eq!((corrected.1.len(), corrected.2), (1, 0));
        // A wider download once the account has a close, which began before the account; and one that was out of the book.
        let (notes, findings, _) = judged(&[of_day(-5, "v", 1)], &taken(&[(-3, "x", -3)]));
        assert_eq!((notes.len(), findings.len()), (1, 0));
        let out = State {
            accounts: Vec::new(),
            ..taken(&[(-3, "x", -3)])
        };
        assert_eq!(judged(&before, &out).1.len(), 1);
    }

    #[test]
    fn what_is_to_come_must_come() {
        let mut pending = of_day(3, "pending", 0);
        pending.not_booked = 1;
        let told = [of_day(1, "n", 1), of_day(2, "idle", 0), pending];
        let (_, findings, remembered) = judged(&told, &taken(&[]));
        assert_eq!(
            (findings.len(), remembered),
            (0, 1),
            "nothing of the others is lost"
        );
        let state = taken(&[(0, "n", -1), (1, "m", -1), (-2, "x", -2)]);
        let lacking = |statements: &[StatementTold], state: &State| -> Vec<String> {
            let told: Vec<Told<'_>> = statements
                .iter()
                .map(|told| from_file("a", "bai2", told))
                .collect();
            let findings = not_delivered(&settings(), &told, state, today());
            findings.into_iter().map(|finding| finding.message).collect()
        };
        let expected = "no statement of account A0 of 2026-03-31, of which the close of 2026-03-30 passed one over that has entries";
        assert_eq!(lacking(&[], &state), [expected]);
        assert_eq!(lacking(&[of_day(1, "m", 1)], &state), [expected]);
        let mut silent = of_day(0, "other", 2);
        (silent.closing, silent.day) = (None, None);
        assert_eq!(lacking(&[silent], &state), [""; 0]);
        // Whatever the bank has changed of it since.
        assert_eq!(lacking(&[of_day(0, "other", 2)], &state), [""; 0]);
        // A day that no close has taken, though one before it has seen it.
        let skipped = taken(&[(-1, "n", -2), (-3, "x", -3)]);
        assert_eq!(lacking(&[of_day(0, "other", 2)], &skipped).len(), 1);
        let (_, findings, _) = judged(&[of_day(-1, "n", 1)], &skipped);
        assert!(findings[0].contains("no close has taken it"), "{findings:?}");
    }
}
