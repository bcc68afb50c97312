//! The columns of a file by their titles, and which of them are asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::book::parse::nearest;
use crate::ingest::formats::values::shown;

/// Titles of a header, and what else a file says before its rows.
pub struct Columns {
    /// As they stand, trimmed.
    pub titles: Vec<String>,
    /// Facts of the frame by name: the text of their first hole.
    pub facts: BTreeMap<String, String>,
    /// Titles that are missing, collected while fields are bound.
    pub missing: Vec<String>,
    /// What of the profile is bound, such as `fields.amount`; empty where that is told otherwise.
    pub binds: String,
    /// Columns that were asked for.
    asked: RefCell<BTreeSet<usize>>,
    /// Titles that were asked for.
    used: RefCell<BTreeSet<String>>,
}

impl Columns {
    /// The columns of a header with these titles.
    pub fn new(titles: Vec<String>, facts: BTreeMap<String, String>) -> Columns {
        Columns {
            titles,
            facts,
            missing: Vec::new(),
            binds: String::new(),
            asked: RefCell::default(),
            used: RefCell::default(),
        }
    }

    /// The one column of a title.
    pub fn find(&self, title: &str) -> Option<usize> {
        let at = self.titles.iter().position(|known| known == title);
        self.asked.borrow_mut().extend(at);
        self.used.borrow_mut().insert(title.to_owned());
        at
    }

    /// The one column of a title, which is looked at in unusual rows alone; noted where it is missing.
    pub fn place_of(&mut self, title: &str) -> Option<usize> {
        let at = self.titles.iter().position(|known| known == title);
        if at.is_none() {
            self.missing.push(title.to_owned());
        }
        self.used.borrow_mut().insert(title.to_owned());
        at
    }

    /// Columns that were asked for, in their order: nobody looks at the others.
    pub fn asked(&self) -> Vec<usize> {
        self.asked.borrow().iter().copied().collect()
    }

    /// True when the profile uses a title, be it in unusual rows alone.
    pub fn is_used(&self, title: &str) -> bool {
        self.used.borrow().contains(title)
    }

    /// Columns of those titles that the header has.
    pub fn of(&self, titles: &[String]) -> Vec<usize> {
        titles.iter().filter_map(|title| self.find(title)).collect()
    }

    /// As [`Columns::of`]; none at all is noted as missing unless it may be.
    pub fn any(&mut self, titles: &[String], optional: bool) -> Vec<usize> {
        let found = self.of(titles);
        if found.is_empty() && !titles.is_empty() && !optional {
            let mut words = titles.join(" or ");
            let near = titles
                .iter()
                .find_map(|title| nearest(title, self.titles.iter().map(String::as_str)));
            let told = [
                (!self.binds.is_empty()).then(|| format!("of {}", self.binds)),
                near.map(|near| format!("did you mean `{}`?", shown(near))),
            ];
            let told: Vec<String> = told.into_iter().flatten().collect();
            if !told.is_empty() {
                words += &format!(" ({})", told.join(", "));
            }
            self.missing.push(words);
        }
        found
    }

    /// Columns of all these titles; each that is missing is noted.
    pub fn all(&mut self, titles: &[String], optional: bool) -> Vec<usize> {
        let mut found = Vec::new();
        for title in titles {
            found.extend(self.any(std::slice::from_ref(title), optional));
        }
        found
    }
}
