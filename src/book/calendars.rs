//! Calendars of a book: the built-in one, the overrides in `calendars/ID.json`, and due dates (R8).
//!
//! In: ids that the settings and the merchant master name. Out: [`Calendars`], and their canonical JSON, which
//! a close seals and a replay reads back (R18). A year that neither source knows stays unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use crate::book::layout::Layout;
use crate::book::parse::nearest;
use crate::book::settings::Cycle;
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::calendar::{Calendar, CalendarYear, UnknownYear};
use crate::terms::date::{Date, days_in_month};

/// Ids of the built-in calendars.
pub const BUILT_IN: [&str; 1] = ["CN"];

const CN: &str = include_str!("data/cn.txt");

/// The calendars that a close needs, by id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Calendars {
    by_id: BTreeMap<String, Calendar>,
}

impl Calendars {
    /// Takes calendars under their ids.
    pub fn new(calendars: Vec<Calendar>) -> Calendars {
        let by_id = calendars.into_iter().map(|c| (c.id.clone(), c)).collect();
        Calendars { by_id }
    }

    /// The calendar of an id.
    pub fn get(&self, id: &str) -> Option<&Calendar> {
        self.by_id.get(id)
    }

    /// Each calendar's id and canonical JSON, sorted by id: what a close seals as `calendars/ID.json`.
    pub fn sealed(&self) -> Vec<(String, String)> {
        self.by_id
            .iter()
            .map(|(id, calendar)| (id.clone(), to_json(calendar)))
            .collect()
    }
}

impl From<UnknownYear> for Stop {
    fn from(unknown: UnknownYear) -> Stop {
        Stop::new(
            StopCode::Settings,
            Finding::about(
                format!("calendars/{}.json", unknown.calendar),
                unknown.to_string(),
                format!(
                    "put the holidays and make-up workdays of {} into calendars/{}.json",
                    unknown.year, unknown.calendar
                ),
            ),
        )
    }
}

/// The day on which a net of business date `d` falls due (R8).
///
/// # Errors
/// [`UnknownYear`] when a needed day lies in a year that the calendar does not know.
pub fn due_date(cycle: Cycle, d: Date, calendar: &Calendar) -> Result<Date, UnknownYear> {
    match cycle {
        Cycle::Calendar(days) => Ok(d.plus_days(i32::try_from(days).unwrap_or(i32::MAX / 2))),
        Cycle::Business(0) => calendar.next_business_day_on_or_after(d),
        Cycle::Business(n) => calendar.nth_business_day_after(d, n),
        Cycle::Weekly(weekday) => {
            let ahead = (i32::from(weekday) - d.weekday() as i32).rem_euclid(7);
            let day = d.plus_days(if ahead == 0 { 7 } else { ahead });
            calendar.next_business_day_on_or_after(day)
        }
        Cycle::Monthly(of_month) => {
            calendar.next_business_day_on_or_after(next_day_of_month(d, u32::from(of_month)))
        }
    }
}

/// The first day strictly after `d` that is the `of_month`-th of its month, or the last of a shorter month.
fn next_day_of_month(d: Date, of_month: u32) -> Date {
    let (year, month, day) = d.ymd();
    let this = of_month.min(days_in_month(year, month));
    if this > day {
        return d.plus_days((this - day) as i32);
    }
    let rest = days_in_month(year, month) - day;
    let (year, month) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    d.plus_days((rest + of_month.min(days_in_month(year, month))) as i32)
}

/// Loads the calendars `needed` of a book: built-in years, replaced by those of `calendars/ID.json`.
///
/// # Errors
/// 78 for an id that is neither built in nor a file, and for a file in a bad form.
pub fn load_calendars(layout: &Layout, needed: &BTreeSet<String>) -> Result<Calendars, Stop> {
    load(layout, needed, true)
}

/// Loads the sealed copies of a close: nothing built in is mixed in, so that a replay by a later version of the
/// engine sees the days that the close saw (R18).
///
/// # Errors
/// As [`load_calendars`].
pub fn load_sealed_calendars(layout: &Layout, needed: &BTreeSet<String>) -> Result<Calendars, Stop> {
    load(layout, needed, false)
}

fn load(layout: &Layout, needed: &BTreeSet<String>, with_built_in: bool) -> Result<Calendars, Stop> {
    let mut calendars = Vec::new();
    let mut stops = Vec::new();
    for id in needed {
        match load_one(layout, id, with_built_in) {
            Ok(calendar) => calendars.push(calendar),
            Err(stop) => stops.push(stop),
        }
    }
    match Stop::join(stops) {
        Some(stop) => Err(stop),
        None => Ok(Calendars::new(calendars)),
    }
}

fn load_one(layout: &Layout, id: &str, with_built_in: bool) -> Result<Calendar, Stop> {
    let name = format!("calendars/{id}.json");
    let path = layout.calendars().join(format!("{id}.json"));
    let base = if with_built_in { built_in(id)? } else { None };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Stop::io(&path, "read the calendar", &error)),
    };
    match (base, bytes) {
        (base, Some(bytes)) => {
            let read = parse_calendar(&bytes, &name, id)?;
            let mut calendar = base.unwrap_or_else(|| Calendar {
                id: id.to_owned(),
                years: BTreeMap::new(),
            });
            calendar.years.extend(read.years);
            Ok(calendar)
        }
        (Some(base), None) => Ok(base),
        (None, None) => Err(unknown_calendar(layout, id, &name)),
    }
}

fn unknown_calendar(layout: &Layout, id: &str, name: &str) -> Stop {
    let mut known: BTreeSet<String> = BUILT_IN.iter().map(ToString::to_string).collect();
    known.extend(files_in(&layout.calendars()));
    let near = nearest(id, known.iter().map(String::as_str))
        .map(|near| format!(", did you mean `{near}`?"))
        .unwrap_or_default();
    let list: Vec<&str> = known.iter().map(String::as_str).collect();
    Stop::new(
        StopCode::Settings,
        Finding::about(
            name,
            format!("calendar `{id}` is neither built in nor a file of the book{near}"),
            format!("write {name}, or name one that exists: {}", list.join(", ")),
        ),
    )
}

/// Ids of the calendar files of a book; an unreadable folder has none.
fn files_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".json")?.to_owned()))
        .collect()
}

/// The built-in calendar of an id, if there is one.
///
/// # Errors
/// An invariant violation when the embedded table is damaged.
pub fn built_in(id: &str) -> Result<Option<Calendar>, Stop> {
    if id != "CN" {
        return Ok(None);
    }
    let years = parse_table(CN).ok_or_else(|| Stop::invariant("the built-in calendar CN does not read"))?;
    Ok(Some(Calendar {
        id: id.to_owned(),
        years,
    }))
}

/// Reads the embedded table: `2026 holidays 01-01 01-02 …`, one line a year and kind.
fn parse_table(text: &str) -> Option<BTreeMap<i32, CalendarYear>> {
    let mut years: BTreeMap<i32, CalendarYear> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let year = words.next()?;
        let kind = words.next()?;
        let days: Option<BTreeSet<Date>> = words
            .map(|day| Date::parse(format!("{year}-{day}").as_bytes()))
            .collect();
        let entry = years.entry(year.parse().ok()?).or_default();
        match kind {
            "holidays" => entry.holidays = days?,
            "workdays" => entry.workdays = days?,
            _ => return None,
        }
    }
    Some(years)
}

/// `calendars/ID.json`, as people and published lists write it. What stands beside a date is a remark.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarFile {
    holidays: BTreeMap<String, serde_json::Value>,
    workdays: BTreeMap<String, serde_json::Value>,
    /// Published beside the other two by chinese-days: holidays that are worked off elsewhere. Says nothing more.
    #[serde(default, rename = "inLieuDays")]
    in_lieu_days: BTreeMap<String, serde_json::Value>,
}

/// Reads a calendar file.
///
/// # Errors
/// 78 with every date that does not read, or the place where the JSON breaks.
pub fn parse_calendar(bytes: &[u8], name: &str, id: &str) -> Result<Calendar, Stop> {
    const FORM: &str =
        "write {\"holidays\": {\"2027-01-01\": \"New Year\"}, \"workdays\": {\"2027-02-06\": \"\"}}";
    let file: CalendarFile = serde_json::from_slice(bytes).map_err(|error| {
        let finding = Finding::about(name, format!("not a calendar: {}", without_place(&error)), FORM);
        Stop::new(
            StopCode::Settings,
            finding.at(error.line() as u64, error.column() as u32),
        )
    })?;
    let mut years: BTreeMap<i32, CalendarYear> = BTreeMap::new();
    let mut findings = Vec::new();
    let mut find = |text: &str, message: String, help: &str| {
        let (line, column) = place_of_key(bytes, text);
        findings.push(Finding::about(name, message, help).at(line, column));
    };
    for (text, workday) in file
        .holidays
        .keys()
        .map(|text| (text, false))
        .chain(file.workdays.keys().map(|text| (text, true)))
    {
        let Some(date) = Date::parse(text.as_bytes()) else {
            let message = format!("found `{text}`, expected a day of the calendar as YYYY-MM-DD");
            find(text, message, "correct the date");
            continue;
        };
        if workday && file.holidays.contains_key(text) {
            let message = format!("{text} is both a holiday and a workday");
            find(text, message, "keep it in one of the two");
        }
        let year = years.entry(date.ymd().0).or_default();
        if workday {
            year.workdays.insert(date);
        } else {
            year.holidays.insert(date);
        }
    }
    for text in file
        .in_lieu_days
        .keys()
        .filter(|text| !file.holidays.contains_key(*text))
    {
        let message = format!("inLieuDays names {text}, which is not among the holidays");
        find(text, message, "add it to holidays, or take it out of inLieuDays");
    }
    if years.is_empty() && findings.is_empty() {
        findings.push(Finding::about(
            name,
            "the calendar names no day, so no year of it is known",
            FORM,
        ));
    }
    if findings.is_empty() {
        return Ok(Calendar {
            id: id.to_owned(),
            years,
        });
    }
    findings.sort_by_key(|finding| (finding.line, finding.column));
    Err(Stop {
        code: StopCode::Settings,
        findings,
    })
}

/// The message of a JSON error without its "at line …", which the finding shows in its own form.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// Line and column of the last place where `"text"` stands, (0, 0) where it is written with escapes.
fn place_of_key(bytes: &[u8], text: &str) -> (u64, u32) {
    let whole = String::from_utf8_lossy(bytes);
    let Some(at) = whole.rfind(&format!("\"{text}\"")) else {
        return (0, 0);
    };
    crate::book::parse::line_and_column(&whole, at)
}

/// The canonical JSON of a calendar: the form of `calendars/ID.json`, dates in order, no remarks.
pub fn to_json(calendar: &Calendar) -> String {
    let mut json = String::from("{\"holidays\":{");
    let list = |json: &mut String, days: &mut dyn Iterator<Item = &Date>| {
        for (index, day) in days.enumerate() {
            let comma = if index > 0 { "," } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(json, "{comma}\"{day}\":\"\"");
        }
    };
    list(
        &mut json,
        &mut calendar.years.values().flat_map(|year| &year.holidays),
    );
    json.push_str("},\"workdays\":{");
    list(
        &mut json,
        &mut calendar.years.values().flat_map(|year| &year.workdays),
    );
    json.push_str("}}\n");
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        Date::parse(text.as_bytes()).unwrap()
    }

    fn cn() -> Calendar {
        built_in("CN").unwrap().unwrap()
    }

    fn stop_text(result: Result<Calendar, Stop>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn the_built_in_calendar_knows_2004_to_2026() {
        let years: Vec<i32> = cn().years.keys().copied().collect();
        assert_eq!(years, (2004..=2026).collect::<Vec<_>>());
        let holidays: usize = cn().years.values().map(|y| y.holidays.len()).sum();
        let workdays: usize = cn().years.values().map(|y| y.workdays.len()).sum();
        assert_eq!((holidays, workdays), (619, 150));
        for day in [
            "2026-01-04",
            "2026-02-14",
            "2026-02-28",
            "2026-05-09",
            "2026-09-20",
            "2026-10-10",
        ] {
            assert_eq!(cn().is_business_day(date(day)), Ok(true), "{day}");
        }
        // A make-up workday is a weekend day, or it would say nothing.
        for day in cn().years.values().flat_map(|year| &year.workdays) {
            assert!(day.weekday() as u8 >= 5, "{day}");
        }
    }

    #[test]
    fn due_dates_follow_the_calendar() {
        let check = |cycle, d: &str, expected: &str| {
            assert_eq!(
                due_date(cycle, date(d), &cn()).map(|due| due.to_string()),
                Ok(expected.to_owned()),
                "{cycle:?} {d}"
            )
        };
        // Spring Festival 2026: 02-14 (Saturday) worked, 02-15 to 02-23 off, 02-28 (Saturday) worked.
        check(Cycle::Business(1), "2026-02-13", "2026-02-14");
        check(Cycle::Business(1), "2026-02-14", "2026-02-24");
        check(Cycle::Business(2), "2026-02-14", "2026-02-25");
        check(Cycle::Business(0), "2026-02-14", "2026-02-14");
        check(Cycle::Business(0), "2026-02-16", "2026-02-24");
        check(Cycle::Business(1), "2026-02-27", "2026-02-28");
        check(Cycle::Calendar(0), "2026-02-16", "2026-02-16");
        check(Cycle::Calendar(3), "2026-02-16", "2026-02-19");
        check(Cycle::Weekly(4), "2026-02-13", "2026-02-24");
        check(Cycle::Weekly(4), "2026-02-12", "2026-02-13");
        check(Cycle::Weekly(5), "2026-02-12", "2026-02-14");
        check(Cycle::Weekly(0), "2026-02-08", "2026-02-09");
        check(Cycle::Monthly(25), "2026-02-24", "2026-02-25");
        check(Cycle::Monthly(25), "2026-02-25", "2026-03-25");
        check(Cycle::Monthly(31), "2026-02-10", "2026-02-28");
        check(Cycle::Monthly(31), "2026-02-28", "2026-03-31");
        check(Cycle::Monthly(30), "2026-01-30", "2026-02-28");
        check(Cycle::Monthly(1), "2026-09-15", "2026-10-08");
        check(Cycle::Business(1), "2026-09-30", "2026-10-08");
        check(Cycle::Business(2), "2026-10-08", "2026-10-10");
        check(Cycle::Business(1), "2025-12-31", "2026-01-04");
        check(Cycle::Calendar(40), "2026-12-31", "2027-02-09");
        assert_eq!(
            due_date(Cycle::Business(1), date("2026-12-31"), &cn()).map_err(|e| e.year),
            Err(2027)
        );
        assert_eq!(
            due_date(Cycle::Monthly(5), date("2026-12-10"), &cn()).map_err(|e| e.year),
            Err(2027)
        );
    }

    /// The slow way: walk the days and count.
    #[test]
    fn business_days_agree_with_a_plain_walk() {
        let cn = cn();
        let year = |day: Date| &cn.years[&day.ymd().0];
        let open = |day: Date| {
            year(day).workdays.contains(&day)
                || ((day.weekday() as u8) < 5 && !year(day).holidays.contains(&day))
        };
        let (first, last) = (date("2004-01-01"), date("2026-12-01"));
        for start in (first.0..last.0).step_by(3).map(Date) {
            let mut day = start;
            for n in 1..=4 {
                day = day.plus_days(1);
                while !open(day) {
                    day = day.plus_days(1);
                }
                assert_eq!(cn.nth_business_day_after(start, n), Ok(day));
                assert_eq!(cn.business_days_between(start, day), Ok(n));
            }
        }
    }

    #[test]
    fn sealed_calendars_read_back_as_they_were() {
        let json = to_json(&cn());
        let back = parse_calendar(json.as_bytes(), "calendars/CN.json", "CN").unwrap();
        assert_eq!(back, cn());
        assert_eq!(to_json(&back), json);
    }

    #[test]
    fn an_override_replaces_the_years_it_contains() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        let needed = BTreeSet::from(["CN".to_owned()]);
        let plain = load_calendars(&layout, &needed).unwrap();
        assert_eq!(plain.get("CN"), Some(&cn()));
        assert!(load_sealed_calendars(&layout, &needed).is_err());

        std::fs::create_dir(layout.calendars()).unwrap();
        let text =
            r#"{"holidays": {"2026-07-01": "x", "2027-01-01": null}, "workdays": {}, "inLieuDays": {}}"#;
        std::fs::write(layout.calendars().join("CN.json"), text).unwrap();
        let calendars = load_calendars(&layout, &needed).unwrap();
        let calendar = calendars.get("CN").unwrap();
        assert_eq!(calendar.is_business_day(date("2026-07-01")), Ok(false));
        assert_eq!(
            calendar.is_business_day(date("2026-10-01")),
            Ok(true),
            "2026 is replaced whole"
        );
        assert_eq!(
            calendar.is_business_day(date("2025-10-01")),
            Ok(false),
            "2025 stays"
        );
        assert_eq!(
            calendar.is_business_day(date("2027-01-04")),
            Ok(true),
            "2027 is known now"
        );

        let stop = load_calendars(&layout, &BTreeSet::from(["CM".to_owned()])).unwrap_err();
        assert_eq!(stop.code, StopCode::Settings);
        assert_eq!(
            stop.to_string(),
            "calendars/CM.json: calendar `CM` is neither built in nor a file of the book, did you mean `CN`?\n  \
             help: write calendars/CM.json, or name one that exists: CN"
        );
    }

    #[test]
    fn bad_calendar_files_are_named_with_their_place() {
        let check = |text: &str, expected: &str| {
            let told = stop_text(parse_calendar(text.as_bytes(), "calendars/X.json", "X"));
            assert!(told.starts_with(expected), "{told}");
        };
        check(
            "{\"holidays\": {\n  \"2026-13-01\": \"\"}, \"workdays\": {}}",
            "calendars/X.json:2:3: found `2026-13-01`, expected a day",
        );
        check(
            "{\"holidays\": {}}",
            "calendars/X.json:1:16: not a calendar: missing field `workdays`",
        );
        check(
            "{\"holidays\": {}, \"workday\": {}}",
            "calendars/X.json:1:26: not a calendar: unknown field",
        );
        check(
            "{\"holidays\": {}, \"workdays\": {}}",
            "calendars/X.json: the calendar names no day",
        );
        check(
            "{\"holidays\": {\"2026-05-01\":1}, \"workdays\": {\"2026-05-01\":1}}",
            "calendars/X.json:1:45: 2026-05-01 is both",
        );
    }
}
