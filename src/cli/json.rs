//! What `--json` prints: one object on stdout, also for failures.

use serde_json::{Value, json};

use crate::findings::{Finding, Stop};

/// `{file, line, column, message, help}`; line and column are 0 where there is none.
pub fn finding(finding: &Finding) -> Value {
    json!({
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "message": finding.message,
        "help": finding.help,
    })
}

/// `{exit_code, findings, next}`.
pub fn stop(stop: &Stop, hint: Option<&str>) -> Value {
    let mut told = json!({
        "exit_code": stop.code as u8,
        "findings": stop.findings.iter().map(finding).collect::<Vec<_>>(),
    });
    if let (Some(hint), Some(members)) = (hint, told.as_object_mut()) {
        members.insert("next".to_owned(), hint.into());
    }
    told
}

/// The object, indented, and a line feed.
pub fn line(value: &Value) -> String {
    format!("{value:#}\n")
}
