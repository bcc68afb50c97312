//! Lines of the frame that say something of the whole file: its account, its days.
//!
//! In: lines as [`FrameLine`]. Out: facts that fields may take, the period of the file, and a refusal where two lines say
//! otherwise or a line that every file must have is missing.

use super::super::profile::{self};
use super::super::values::{masked, shown};
use super::super::{FileRefused, Period};
use super::fields::Fields;
use super::frame_line::FrameLine;
use super::{Table, bind};

/// Lines that say a fact once more and otherwise, and that are compared; a file of one account has none.
const FACTS_AGAIN_MAX: usize = 100;

impl<'r> Table<'r> {
    /// Takes the line that says of which days the file is; false of any other.
    pub(super) fn period_line(&mut self, line: u64, framed: &FrameLine<'_>) -> Result<bool, FileRefused> {
        let Some(period) = &self.profile.period else {
            return Ok(false);
        };
        let Some(holes) = framed.fit(&period.line) else {
            return Ok(false);
        };
        let read = |name: &str| {
            let hole = holes.iter().find(|(hole, _)| *hole == name);
            let text = hole.map_or("", |(_, text)| self.profile.frame.trim.text(text));
            period.pattern.read(text).map(|read| read.wall).ok_or_else(|| {
                FileRefused::at(
                    line,
                    format!(
                        "the days of the file: found `{}`, expected a time like {}",
                        shown(text),
                        period.pattern.text()
                    ),
                    "the line was changed: fetch the file again and run the day again",
                )
            })
        };
        let [from, until] = profile::PERIOD_HOLES;
        let (from, mut until) = (read(from)?, read(until)?);
        if !period.pattern.has_time {
            until.date = until.date.plus_days(1);
        }
        // Sections of a report may be of days that follow one another: it is of all of them.
        if let (Some(known), true) = (&mut self.facts.period, self.profile.frame.header_type.is_some()) {
            known.from = known.from.min(from);
            known.until = known.until.max(until);
            return Ok(true);
        }
        let told = Period { line, from, until };
        if self
            .facts
            .period
            .is_some_and(|known| (known.from, known.until) != (from, until))
        {
            return Err(self.broken(line, "the file says twice of which days it is, and not the same"));
        }
        self.facts.period.get_or_insert(told);
        Ok(true)
    }

    /// Keeps what a line of the frame says; false when it says nothing that the profile knows.
    pub(super) fn fact_line(&mut self, framed: &FrameLine<'_>) -> bool {
        let mut told: Vec<&str> = Vec::new();
        for (pattern, name) in &self.profile.facts {
            // Several facts may stand in one line; several patterns of one fact are forms of it, the first counts.
            if told.contains(&name.as_str()) {
                continue;
            }
            let Some(holes) = framed.fit(pattern) else {
                continue;
            };
            told.push(name);
            let trim = |text: &str| self.profile.frame.trim.text(text).to_owned();
            let texts: Vec<String> = holes.iter().map(|(_, text)| trim(text)).collect();
            let mut of_account = self.profile.fields.get("account").into_iter().flatten();
            let account_rule = of_account.find(|field| field.fact.as_ref() == Some(name));
            let is_account = account_rule.is_some();
            if let Some(first) = texts.first() {
                let before = self
                    .facts_told
                    .entry(name.clone())
                    .or_insert_with(|| first.clone());
                // Two exports put together: the second may be of another account.
                if is_account && before != first && self.facts_told_again.len() < FACTS_AGAIN_MAX {
                    self.facts_told_again.push((name.clone(), first.clone()));
                }
            }
            let in_words = |((hole, _), text): (&(&str, String), &String)| {
                if is_account || matches!(*hole, "account" | "card") {
                    // What all accounts of a sender end with tells none of them apart.
                    masked(
                        self.ctx.settings,
                        account_rule.map_or(text.as_str(), |rule| bind::stripped(rule, text)),
                    )
                } else {
                    shown(text)
                }
            };
            let texts: Vec<String> = holes.iter().zip(&texts).map(in_words).collect();
            self.facts.statements.push(format!("{name} {}", texts.join(" ")));
        }
        !told.is_empty()
    }

    /// Refuses a file without a line that every file must have, and says where the account of its rows is the source's
    /// alone.
    pub(super) fn facts_not_told(&mut self) -> Result<(), FileRefused> {
        let profile = self.profile;
        let not_told = |name: &&String| !self.facts_told.contains_key(*name);
        if let Some(name) = profile.required_facts.iter().find(not_told) {
            return Err(FileRefused::at(
                0,
                format!(
                    "no line of the file gives {name}: found none, expected {} ({})",
                    profile.lines_of_fact(name),
                    profile.title
                ),
                "open the file in a text editor: where the sender writes the line in another way, correct `line` of the [[fact]] in the profile; \
                 where it is gone, fetch the file again",
            ));
        }
        if self.facts_told_again.len() == FACTS_AGAIN_MAX {
            return Err(FileRefused::at(
                0,
                format!(
                    "{FACTS_AGAIN_MAX} lines of the file name an account, and not the same ({})",
                    profile.title
                ),
                "this is no file of one account: fetch that of each account by itself",
            ));
        }
        let rules = || profile.fields.get("account").into_iter().flatten();
        let is_of_source = |rule: &&profile::Field| rule.from == Some(profile::From::SourceAccount);
        // Elsewhere the first line says which account the rows are of, and a second one says that two files were put together.
        for rule in rules().filter(|rule| !is_of_source(rule)) {
            let Some(name) = &rule.fact else { continue };
            let again = self.facts_told_again.iter().find(|(told, _)| told == name);
            if let (Some((_, again)), Some(first)) = (again, self.facts_told.get(name)) {
                return Err(FileRefused::at(
                    0,
                    format!(
                        "two lines of the file say {name}, and not the same: {} and {} ({})",
                        masked(self.ctx.settings, first),
                        masked(self.ctx.settings, again),
                        profile.title
                    ),
                    "two files were put together: fetch each by itself",
                ));
            }
        }
        let (Some(plan), Some(own)) = (&mut self.plan, &self.ctx.source.account) else {
            return Ok(());
        };
        for rule in rules().filter(is_of_source) {
            let Some(name) = &rule.fact else { continue };
            let again = self.facts_told_again.iter().filter(|(told, _)| told == name);
            let by_column = rule.columns.iter().any(|title| plan.titles.contains(title));
            match self.facts_told.get(name) {
                // Most lines stand before the rows, and are compared with them; behind them they say it as well.
                Some(named) => {
                    if let (Fields::Bank(fields), Some(account)) =
                        (&mut plan.fields, self.ctx.settings.account_index(own))
                    {
                        for named in std::iter::once(named).chain(again.map(|(_, named)| named)) {
                            let named = bind::stripped(rule, named.trim()).to_owned();
                            let named = rule.map.get(&named).unwrap_or(&named);
                            fields.compare_named(named, 0, account as u16, self.ctx);
                        }
                    }
                }
                None if !by_column => self.facts.statements.push(format!(
                    "no line of the file gives {name} ({}): the account is the source's, unchecked",
                    profile.lines_of_fact(name)
                )),
                None => {}
            }
        }
        Ok(())
    }
}
