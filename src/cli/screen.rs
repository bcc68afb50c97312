//! Where words go: data to stdout, everything else to stderr; colour on a terminal only.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::cli::json;
use crate::findings::{Finding, Stop};
use crate::report::show;

const BOLD: &str = "1";
const RED: &str = "31";
const CYAN: &str = "36";

/// The terminal, or what stands in for it.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    colour_out: bool,
    colour_err: bool,
    terminal_err: bool,
    json: bool,
    quiet: bool,
}

impl Screen {
    /// Looks at the terminal and the environment.
    pub fn new(json: bool, quiet: bool) -> Screen {
        let said_no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let colour = !said_no && !dumb;
        let terminal_err = io::stderr().is_terminal();
        Screen {
            colour_out: colour && !json && io::stdout().is_terminal(),
            colour_err: colour && terminal_err,
            terminal_err: terminal_err && !dumb,
            json,
            quiet,
        }
    }

    /// True when one JSON object is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }

    /// True when only results and findings are wanted.
    pub fn quiet(&self) -> bool {
        self.quiet
    }

    /// True when stdout shows colours.
    pub fn colour_out(&self) -> bool {
        self.colour_out
    }

    /// True when stderr is a terminal that can move its cursor.
    pub fn terminal_err(&self) -> bool {
        self.terminal_err
    }

    /// Writes data.
    ///
    /// # Errors
    /// What the system reports. A reader that went away is no error: it has what it wanted.
    pub fn out(&self, text: &str) -> Result<(), Stop> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Stop::io(Path::new("(standard output)"), "write", &error))
            }
            _ => Ok(()),
        }
    }

    /// Writes a line about the run, unless `--quiet`.
    pub fn note(&self, line: &str) {
        if !self.quiet {
            self.err(line);
        }
    }

    /// Writes a finding.
    pub fn finding(&self, finding: &Finding) {
        self.err(&shown(finding, self.colour_err));
    }

    /// Writes a line to stderr. When even that fails nobody is left to tell.
    pub fn err(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Tells why nothing was done: findings, exit code, and the next command.
    pub fn stop(&self, stop: &Stop, hint: Option<&str>) {
        if self.json {
            let told = json::stop(stop, hint);
            // The exit code says it too.
            let _ = self.out(&json::line(&told));
            return;
        }
        for finding in &stop.findings {
            self.finding(finding);
        }
        let code = paint(self.colour_err, RED, &format!("exit code {}", stop.code as u8));
        let count = match stop.findings.len() {
            1 => "1 finding".to_owned(),
            count => format!("{} findings", show::count(count as u64)),
        };
        self.err(&format!("{code}: {count}"));
        self.hint(hint);
    }

    /// The exact next command, unless `--quiet`.
    pub fn hint(&self, hint: Option<&str>) {
        if let Some(hint) = hint {
            self.note(&format!("{} {hint}", paint(self.colour_err, CYAN, "next:")));
        }
    }
}

/// `text` in an ANSI colour, if colours are on.
pub fn paint(colour: bool, code: &str, text: &str) -> String {
    if colour {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// A finding as [`Finding`] displays it, with what could mislead a terminal made visible: names and values come from
/// outside.
fn shown(finding: &Finding, colour: bool) -> String {
    let place = Finding {
        file: show::visible(&finding.file).into_owned(),
        message: String::new(),
        help: String::new(),
        ..*finding
    };
    let place = paint_if(colour, BOLD, &place.to_string());
    let message = visible_lines(&finding.message);
    if finding.help.is_empty() {
        return format!("{place}{message}");
    }
    format!(
        "{place}{message}\n  {} {}",
        paint(colour, CYAN, "help:"),
        visible_lines(&finding.help)
    )
}

fn paint_if(colour: bool, code: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        paint(colour, code, text)
    }
}

/// Hidden characters made visible; line feeds stay, indented so that no line begins like a finding of its own.
fn visible_lines(text: &str) -> String {
    text.split('\n')
        .map(show::visible)
        .collect::<Vec<_>>()
        .join("\n    ")
}

/// A path as a shell takes it.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| {
        c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ',' | ':' | '+' | '=' | '@' | '%')
    };
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_shown_as_they_display() {
        let finding = Finding::about("inbox/a.csv", "amount: found `1`", "ask the bank").at(2, 3);
        assert_eq!(shown(&finding, false), finding.to_string());
        let bare = Finding::about("", "no place", "");
        assert_eq!(shown(&bare, false), "no place");
        let coloured = shown(&finding, true);
        assert!(
            coloured.starts_with("\u{1b}[1minbox/a.csv:2:3: \u{1b}[0mamount"),
            "{coloured}"
        );
        let hostile = Finding::about("a\u{1b}[2Jb", "x\ny\u{202e}", "");
        let text = shown(&hostile, false);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        assert!(text.contains("x\n    y"), "{text}");
    }

    #[test]
    fn paths_are_quoted_for_a_shell() {
        let check = |path: &str, expected: &str| assert_eq!(quoted(Path::new(path)), expected);
        check("/srv/book", "/srv/book");
        check("my book", "'my book'");
        check("it's", "'it'\\''s'");
        check("", "''");
        check("账本", "账本");
    }
}
