//! Findings that stop a day, and the exit codes they lead to (SPEC §9, R33).
//!
//! A stage collects all its findings before it gives up, so that the person on duty sees them at once.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why nothing was published. The numbers are the exit codes of SPEC §9.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum StopCode {
    /// The command line is wrong.
    Usage = 64,
    /// Input that cannot be taken as it is; also: a sealed close was altered.
    BadData = 65,
    /// Input that should be there is not.
    InputMissing = 66,
    /// Something cannot be checked (verify).
    NotCheckable = 69,
    /// The engine contradicts itself.
    Invariant = 70,
    /// An output cannot be created.
    CannotCreate = 73,
    /// Reading or writing failed.
    Io = 74,
    /// Another close is running.
    Locked = 75,
    /// A permission is missing.
    Permission = 77,
    /// The settings are wrong.
    Settings = 78,
}

/// The order in which codes win when several apply (R33).
const PRECEDENCE: [StopCode; 10] = [
    StopCode::Usage,
    StopCode::Settings,
    StopCode::Locked,
    StopCode::Permission,
    StopCode::BadData,
    StopCode::InputMissing,
    StopCode::NotCheckable,
    StopCode::Invariant,
    StopCode::CannotCreate,
    StopCode::Io,
];

/// One thing that is wrong, in words for the person on duty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Finding {
    /// File, and line and column where known: `inbox/2026-03-31/north.csv`.
    pub file: String,
    /// 1-based physical line; 0 where there is none.
    pub line: u64,
    /// 1-based column in characters; 0 where there is none.
    pub column: u32,
    /// What is wrong: ``amount: found `10.005`, expected at most 2 decimals (CNY)``.
    pub message: String,
    /// What to do next.
    pub help: String,
}

impl Finding {
    /// A finding about a whole file or setting.
    pub fn about(file: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Finding {
        Finding {
            file: file.into(),
            line: 0,
            column: 0,
            message: message.into(),
            help: help.into(),
        }
    }

    /// The same finding at a line and column.
    #[must_use]
    pub fn at(mut self, line: u64, column: u32) -> Finding {
        self.line = line;
        self.column = column;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        if !self.file.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        if !self.help.is_empty() {
            write!(f, "\n  help: {}", self.help)?;
        }
        Ok(())
    }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder of others that panics on some damaged files: `None` when it did, which the caller makes a finding.
pub fn guarded<T>(decode: impl FnOnce() -> T) -> Option<T> {
    let outer = GUARDED.replace(true);
    let decoded = catch_unwind(AssertUnwindSafe(decode)).ok();
    GUARDED.set(outer);
    decoded
}

/// True while this thread is inside [`guarded`]: a panic needs no words beside its finding.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// A day that stopped before anything was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The exit code.
    pub code: StopCode,
    /// Everything found by the stage that stopped, earliest in the file first.
    pub findings: Vec<Finding>,
}

impl Stop {
    /// A stop with one finding.
    pub fn new(code: StopCode, finding: Finding) -> Stop {
        Stop {
            code,
            findings: vec![finding],
        }
    }

    /// A failed read or write of `path`: `Permission` where the system says so, else `Io`.
    pub fn io(path: &std::path::Path, what: &str, error: &std::io::Error) -> Stop {
        let code = match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                StopCode::Permission
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StopCode::CannotCreate,
            _ => StopCode::Io,
        };
        let cause = match code {
            StopCode::Permission => "give the user that runs tieout the right to it",
            StopCode::CannotCreate => "make room on the disk or raise the quota",
            _ => "mend the cause",
        };
        Stop::new(
            code,
            Finding::about(
                path.display().to_string(),
                format!("cannot {what}: {error}"),
                format!("{cause}, then run the same command again; nothing was published"),
            ),
        )
    }

    /// A broken invariant: our own fault, never the input's.
    pub fn invariant(message: impl Into<String>) -> Stop {
        Stop::new(
            StopCode::Invariant,
            Finding::about(
                "",
                message,
                "this is a defect of the engine: nothing was published; keep the inbox and report it",
            ),
        )
    }

    /// A stop with these findings; `None` where there are none.
    pub fn of(code: StopCode, findings: Vec<Finding>) -> Option<Stop> {
        (!findings.is_empty()).then_some(Stop { code, findings })
    }

    /// Several stops of one stage as one: the code is the first that applies (R33), the findings are all kept.
    pub fn join(stops: Vec<Stop>) -> Option<Stop> {
        let code = PRECEDENCE
            .into_iter()
            .find(|code| stops.iter().any(|stop| stop.code == *code))?;
        let findings = stops.into_iter().flat_map(|stop| stop.findings).collect();
        Some(Stop { code, findings })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Stop {}
