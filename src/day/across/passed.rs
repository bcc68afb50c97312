//! Statements of other days beside those of the day in one file (D240): passed over where nothing is lost by it, and said.
//!
//! A bank sends one file for a weekend, and people fetch the last seven days each morning. Every close takes the statements of its own
//! day; what it does not take must have been taken, or must be to come. In: the statements that readers have passed over, and those
//! that the closes before have taken. Out: notes, what is remembered from now on, or findings. A statement of an earlier day must be
//! one that was taken, word for word: one that was corrected since, and one that no close has taken, stop the day. One without entries
//! has none to lose. One of a later day is taken by its own close.

use std::collections::{BTreeMap, BTreeSet};

use super::days::fetch_alone;
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
    /// No close before had its account.
    Before,
    /// It has no entries.
    Idle,
    /// The close of its day is to come.
    Later,
    /// Its account has other statements of its day.
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

/// Judges the statements that were passed over. `begins` is true where no close came before.
pub(super) fn check<'a>(
    settings: &Settings,
    passed: &[Told<'a>],
    state: &State,
    begins: bool,
    date: Date,
) -> PassedOver<'a> {
    let mut known: BTreeMap<(&str, Date), BTreeMap<&str, Date>> = BTreeMap::new();
    for row in &state.statements_taken {
        let of_day = known.entry((&row.account, row.day)).or_default();
        of_day.insert(&row.content, row.taken_on);
    }
    let fate_of = |one: &Told<'_>, day: Date| {
        let account = settings.accounts.get(one.told.account);
        let of_day = known.get(&(account_id(settings, one.told.account), day));
        let taken_on = of_day.and_then(|contents| contents.get(one.told.content.as_str()));
        match (taken_on, of_day) {
            _ if day > date => Fate::Later,
            (Some(taken_on), _) if *taken_on == day => Fate::Taken,
            (Some(_), _) => Fate::Seen,
            (None, Some(_)) => Fate::Corrected,
            (None, None) if begins || account.is_none_or(|known| state.of_account(known).is_none()) => {
                Fate::Before
            }
            (None, None) if is_idle(one.told) => Fate::Idle,
            (None, None) => Fate::Missing,
        }
    };
    let mut found = PassedOver::default();
    let mut groups: BTreeMap<(&str, usize, Fate), Alike<'_, 'a>> = BTreeMap::new();
    for one in passed {
        let Some(day) = one.told.books_on() else { continue };
        let fate = fate_of(one, day);
        if matches!(fate, Fate::Before | Fate::Idle) {
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
        let alike = groups
            .entry((one.file, one.told.account, fate))
            .or_insert(Alike {
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
            _ => "no close before had the account".to_owned(),
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
                "ask the bank what it changed: a sealed close never changes, so that the difference must come with the entries of a day that is open; then {alone}"
            );
            return (why, help);
        }
        let (it, its) = if one { ("it", "its") } else { ("them", "their") };
        let why = format!("no close has taken {it}, and {its} entries would be lost");
        let help = format!(
            "where the entries of {days} were booked from another file, {alone}; where they were not, the closes from {day} on lack them: as long as nothing of these was paid, take them out of closes/ and close again from {day} on, with this file below inbox/{day} too"
        );
        (why, help)
    }
}
