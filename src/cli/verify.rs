//! `tieout verify`: a line per check on stdout, what is wrong on stderr.

use serde_json::json;

use crate::cli::arguments::VerifyArgs;
use crate::cli::json;
use crate::cli::progress::progress;
use crate::cli::screen::{Screen, paint, quoted};
use crate::day::verify::{Check, Report, Verdict, VerifyOptions, verify};
use crate::findings::Stop;

/// Checks the closes and prints what was checked.
///
/// # Errors
/// As [`verify`].
pub fn run(arguments: &VerifyArgs, screen: &Screen) -> Result<u8, Stop> {
    let options = VerifyOptions {
        root: arguments.book.clone(),
        date: arguments.date,
        replay: arguments.replay,
    };
    let report = {
        let progress = progress(screen);
        verify(&options, progress.as_ref())?
    };
    let code = report.exit_code();
    if screen.json() {
        screen.out(&json::line(&report_json(&report)))?;
        return Ok(code);
    }
    let colour = screen.colour_out();
    let mut text = String::new();
    for check in &report.checks {
        text.push_str(&line(check, colour));
    }
    let worst = report
        .checks
        .iter()
        .map(|check| check.verdict)
        .max()
        .unwrap_or(Verdict::Good);
    let word = match worst {
        Verdict::Good | Verdict::Note => "good",
        other => other.name(),
    };
    text.push_str(&format!(
        "{} {} checked: {} (exit code {code})\n",
        report.closes,
        if report.closes == 1 { "close" } else { "closes" },
        paint(colour, colour_of(worst), word)
    ));
    screen.out(&text)?;
    for (_, finding) in report.checks.iter().flat_map(|check| &check.findings) {
        screen.finding(finding);
    }
    if code != 0 {
        screen.hint(Some(&next(arguments)));
    } else if !arguments.replay {
        screen.note(&format!(
            "to run every day again and compare: {} --replay",
            next(arguments)
        ));
    }
    Ok(code)
}

fn next(arguments: &VerifyArgs) -> String {
    let mut command = format!("tieout verify {}", quoted(&arguments.book));
    if let Some(date) = arguments.date {
        command.push_str(&format!(" --date {date}"));
    }
    command
}

fn line(check: &Check, colour: bool) -> String {
    let word = paint(
        colour,
        colour_of(check.verdict),
        &format!("{:<13}", check.verdict.name()),
    );
    let close = if check.close.is_empty() {
        "book"
    } else {
        &check.close
    };
    format!("{word} {close:<13} {:<11} {}\n", check.subject, check.said)
}

fn colour_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "32",
        Verdict::Note | Verdict::NotCheckable => "33",
        Verdict::Missing | Verdict::Altered => "31",
    }
}

fn report_json(report: &Report) -> serde_json::Value {
    let all: Vec<_> = report.checks.iter().flat_map(|check| &check.findings).collect();
    let told = |worse: bool| -> Vec<_> {
        let chosen = all
            .iter()
            .filter(|(verdict, _)| (*verdict > Verdict::Note) == worse);
        chosen.map(|(_, finding)| json::finding(finding)).collect()
    };
    let checks: Vec<_> = report
        .checks
        .iter()
        .map(|check| {
            json!({
                "close": check.close,
                "check": check.subject,
                "verdict": check.verdict.name(),
                "said": check.said,
            })
        })
        .collect();
    json!({
        "exit_code": report.exit_code(),
        "closes": report.closes,
        "checks": checks,
        "findings": told(true),
        "notes": told(false),
    })
}
