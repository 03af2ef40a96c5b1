//! Standard error: a bar while a job runs in a terminal, and lines that stay above it.

use std::{
    io::{self, IsTerminal, Write},
    sync::LazyLock,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::report::progress::Progress;

/// The bar's place: whatever else writes to standard error asks it to step aside.
static PLACE: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

const WITH_PART: &str = "{prefix} [{bar:24}] {wide_msg}";
const WITHOUT_PART: &str = "{prefix} {spinner} {wide_msg}";

/// A bar that goes away when it is dropped.
pub(super) struct Bar(ProgressBar);

/// A bar, if somebody looks at standard error.
pub(super) fn bar() -> Option<Bar> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    (io::stderr().is_terminal() && !dumb).then(|| Bar(PLACE.add(ProgressBar::no_length())))
}

impl Bar {
    /// Draws it anew.
    pub(super) fn show(&self, progress: &Progress, now_ms: u64) {
        let bar = &self.0;
        let template = match progress.part() {
            Some((done, total)) => {
                bar.set_length(total);
                bar.set_position(done);
                WITH_PART
            }
            None => WITHOUT_PART,
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> ").tick_chars("|/-\\ "));
        }
        bar.set_prefix(progress.job().to_owned());
        bar.set_message(progress.facts(now_ms));
        bar.tick();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        PLACE.remove(&self.0);
    }
}

/// A line on standard error.
pub(super) fn note(text: &str) {
    let _closed = writeln!(AboveBar, "{text}");
}

/// Standard error above the bar.
pub(super) struct AboveBar;

impl Write for AboveBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        PLACE.suspend(|| io::stderr().write(bytes))
    }

    fn write_fmt(&mut self, text: std::fmt::Arguments<'_>) -> io::Result<()> {
        // In one piece: a bar between two halves of a line would stay there.
        self.write_all(text.to_string().as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    use super::*;
    use crate::job::{Event, Phase};

    #[test]
    fn a_bar_shows_the_part_the_facts_and_then_nothing() {
        let terminal = InMemoryTerm::new(5, 100);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let bar = Bar(ProgressBar::with_draw_target(None, target));
        let mut progress = Progress::new("import", 0);
        bar.show(&progress, 0);
        insta::assert_snapshot!(terminal.contents(), @"import / starting");
        let phase = Phase::Rooms;
        progress.apply(Event::Phase { phase, total: 40 }, 0);
        for done in 1..=10 {
            progress.apply(Event::Done { phase, done }, done * 1_000);
        }
        bar.show(&progress, 10_000);
        insta::assert_snapshot!(terminal.contents(), @"import [======>                 ] rooms, 10 of 40 (25 %), 1.0 per second, about 30 s left");
        drop(bar);
        assert_eq!(terminal.contents(), "");
    }
}
