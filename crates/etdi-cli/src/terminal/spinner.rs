//! The spinner of a step that takes longer than a second.

use std::fmt::Display;
use std::sync::{Arc, Weak};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

use crate::terminal::line::visible;

/// The spinners of the steps that are under way.
#[derive(Clone, Default)]
pub(crate) struct Spinners(Arc<Mutex<Vec<Weak<Mutex<Spinner>>>>>);

impl Spinners {
    /// Starts a step. Its spinner appears after a second, if `shown`.
    pub(super) fn start(&self, doing: &impl Display, shown: bool) -> Progress {
        let spinner = Arc::<Mutex<Spinner>>::default();
        self.0.lock().push(Arc::downgrade(&spinner));
        let task = shown.then(|| {
            let (spinner, doing) = (Arc::clone(&spinner), visible(&doing.to_string()));
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                spinner.lock().show(doing);
            })
        });
        Progress { task, spinner }
    }

    /// Removes all spinners from the screen, for good.
    pub(crate) fn end(&self) {
        let spinners = std::mem::take(&mut *self.0.lock());
        for spinner in spinners.iter().filter_map(Weak::upgrade) {
            spinner.lock().end();
        }
    }
}

/// A step that is under way. Dropping it removes its spinner. Drop it before printing.
pub(crate) struct Progress {
    task: Option<tokio::task::JoinHandle<()>>,
    spinner: Arc<Mutex<Spinner>>,
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        self.spinner.lock().end();
    }
}

#[derive(Default)]
struct Spinner {
    bar: Option<ProgressBar>,
    has_ended: bool,
}

impl Spinner {
    fn show(&mut self, doing: String) {
        if self.has_ended {
            return;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::default_spinner());
        bar.set_message(doing);
        bar.enable_steady_tick(Duration::from_millis(100));
        self.bar = Some(bar);
    }

    fn end(&mut self) {
        self.has_ended = true;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
