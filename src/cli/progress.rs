//! How far a close has come: a bar a stage on a terminal, else one line a stage.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::screen::Screen;
use crate::day::close::Progress;

/// Progress as the screen allows it.
pub fn progress(screen: &Screen) -> Box<dyn Progress> {
    match (screen.quiet(), screen.terminal_err()) {
        (true, _) => Box::new(Silent),
        (false, true) => Box::new(Bars::default()),
        (false, false) => Box::new(Lines {
            screen: *screen,
            last: Mutex::new(None),
        }),
    }
}

/// Says nothing.
struct Silent;

impl Progress for Silent {
    fn stage(&self, _name: &'static str, _total: u64) {}
    fn advance(&self, _done: u64) {}
}

/// `stage: NAME`, once a stage: quiet enough for cron.
struct Lines {
    screen: Screen,
    last: Mutex<Option<&'static str>>,
}

impl Progress for Lines {
    fn stage(&self, name: &'static str, _total: u64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != Some(name) {
            *last = Some(name);
            self.screen.err(&format!("stage: {name}"));
        }
    }

    fn advance(&self, _done: u64) {}
}

/// One bar, that of the stage at hand; it is wiped when the run ends.
#[derive(Default)]
struct Bars {
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress for Bars {
    fn stage(&self, name: &'static str, total: u64) {
        let mut current = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = current.take_if(|bar| bar.prefix() != name) {
            bar.finish_and_clear();
        }
        if current.is_some() {
            return;
        }
        let (length, template) = match total {
            0 => (None, "{spinner} {prefix:<14} {elapsed}"),
            total => (
                Some(total),
                "{spinner} {prefix:<14} [{bar:30}] {percent:>3} % {elapsed}",
            ),
        };
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr()).with_prefix(name);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        *current = Some(bar);
    }

    fn advance(&self, done: u64) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            bar.set_position(done);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}
