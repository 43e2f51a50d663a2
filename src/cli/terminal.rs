//! Progress bars on a terminal, plain lines in a log, nothing with `--quiet`; and the interrupt.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use lithoscope::progress::Progress;

enum Face {
    Bars,
    Lines,
    Quiet,
}

struct Stage {
    name: String,
    total: u64,
    started: Instant,
    bar: Option<ProgressBar>,
}

/// What the user sees of a run.
pub(crate) struct Terminal {
    face: Face,
    stage: Mutex<Option<Stage>>,
    done: AtomicU64,
    interrupted: Arc<AtomicBool>,
}

impl Terminal {
    /// Listens for Ctrl-C (and termination) from now on: the first asks the run to stop, the second ends the process.
    pub(crate) fn new(quiet: bool) -> anyhow::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = interrupted.clone();
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })?;
        let face = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Face::Quiet,
            (false, true) => Face::Bars,
            (false, false) => Face::Lines,
        };
        Ok(Self { face, stage: Mutex::default(), done: AtomicU64::new(0), interrupted })
    }

    fn stage(&self) -> std::sync::MutexGuard<'_, Option<Stage>> {
        self.stage.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn say(&self, line: &str) {
        match self.stage().as_ref().and_then(|s| s.bar.as_ref()) {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }
}

impl Progress for Terminal {
    fn start(&self, stage: &str, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        let bar = matches!(self.face, Face::Bars).then(|| {
            let style = ProgressStyle::with_template("{msg:22} {wide_bar} {pos}/{len} {elapsed}, {eta} left");
            let bar = ProgressBar::new(total);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(stage.to_owned());
            bar
        });
        *self.stage() = Some(Stage { name: stage.into(), total, started: Instant::now(), bar });
    }

    fn advance(&self, steps: u64) {
        let done = self.done.fetch_add(steps, Ordering::Relaxed) + steps;
        let stage = self.stage();
        let Some(Stage { name, total, bar, .. }) = stage.as_ref() else { return };
        match self.face {
            Face::Bars => {
                if let Some(bar) = bar {
                    bar.set_position(done);
                }
            }
            Face::Lines => {
                // One line for each tenth of the stage.
                let tenth = |n: u64| n * 10 / (*total).max(1);
                if tenth(done) > tenth(done - steps) {
                    eprintln!("{name}: {done}/{total}");
                }
            }
            Face::Quiet => {}
        }
    }

    fn finish(&self) {
        let stage = self.stage().take();
        let Some(Stage { name, started, bar, .. }) = stage else { return };
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        if !matches!(self.face, Face::Quiet) {
            eprintln!("{name}: {:.2} s", started.elapsed().as_secs_f64());
        }
    }

    fn note(&self, line: &str) {
        if !matches!(self.face, Face::Quiet) {
            self.say(line);
        }
    }

    fn warn(&self, line: &str) {
        self.say(&format!("warning: {line}"));
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }
}
