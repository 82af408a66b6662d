//! A process that writes is killed. What it reported is there, and nothing by halves.

use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::process::{Child, Command, Stdio};

use etdi_client::{ApprovalStore, MemoryApprovals};
use etdi_tests::steps;
use etdi_types::Known;

use super::Place;

const KILLS: usize = 100;

/// So many of them, at least, have to hit a step between its commit and its report.
const IN_THE_MIDDLE: usize = 5;

/// Kills at another point each time: after another number of steps, and another while later. A
/// writer writes all the time, so nearly every kill hits a step under way; that it did is only seen
/// of a step that was kept and not reported, about one in four.
#[tokio::test]
async fn killed_a_hundred_times_nothing_is_lost_and_nothing_half_written() {
    let place = Place::new();
    let mut model = Model::default();
    let (mut kill, mut in_the_middle) = (0, 0);
    while kill < KILLS || (in_the_middle < IN_THE_MIDDLE && kill < 10 * KILLS) {
        kill += 1;
        let mut writer = Writer::start(&place, model.steps);
        let steps = kill * 7 % 13;
        for _ in 0..steps {
            writer.next_step().unwrap();
        }
        (0..kill * 4_001 % 200_000).for_each(|_| std::hint::spin_loop());
        let last = writer.kill();
        let reported = last.map_or(model.steps, |last| last + 1);
        assert!(reported >= model.steps + steps);
        if model.is_at(&place, reported).await {
            continue;
        }
        // The step under way was kept and not reported any more: all of it.
        in_the_middle += 1;
        assert!(model.is_at(&place, reported + 1).await, "after {reported} steps, kill {kill}");
    }
    assert!(model.agrees(&place, 0..model.steps).await);
    assert!(in_the_middle >= IN_THE_MIDDLE, "{in_the_middle} of {kill}");
    assert!(model.steps > 400, "{}", model.steps);
}

/// Killed while the file is made: it is not there, or it is a store.
#[tokio::test]
async fn killed_while_it_is_made_leaves_a_store_or_nothing() {
    for kill in 0..30 {
        let place = Place::new();
        let writer = Writer::start(&place, 0);
        while !std::fs::read_dir(place.folder.path()).unwrap().any(|_| true) {}
        (0..kill * 30_000).for_each(|_| std::hint::spin_loop());
        let reported = writer.kill().map_or(0, |last| last + 1);
        let mut model = Model::default();
        let whole = model.is_at(&place, reported).await || model.is_at(&place, reported + 1).await;
        assert!(whole, "kill {kill}, after {reported} steps");
    }
}

/// A store in memory that took the same steps.
#[derive(Default)]
struct Model {
    store: MemoryApprovals,
    steps: usize,
}

impl Model {
    /// Goes on to this step, and says whether the file holds the same. Opening it checks the whole
    /// file, and that no record lacks another.
    async fn is_at(&mut self, place: &Place, steps: usize) -> bool {
        for step in self.steps..steps {
            steps::take(&self.store, step).await.unwrap();
        }
        let new = self.steps.saturating_sub(20)..steps + 1;
        self.steps = steps;
        self.agrees(place, new).await
    }

    /// Whether the file holds what the model holds of what these steps write.
    async fn agrees(&self, place: &Place, steps: Range<usize>) -> bool {
        let subjects = steps::subjects(steps);
        all(&self.store, &subjects).await == all(&place.open(), &subjects).await
    }
}

async fn all(store: &dyn ApprovalStore, subjects: &[etdi_types::Subject]) -> Vec<Known> {
    let mut known = store.known(subjects).await.unwrap();
    for known in &mut known {
        known.pins.sort_by(|a, b| a.id.cmp(&b.id));
    }
    known
}

/// Another process that takes steps.
struct Writer {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    last: Option<usize>,
}

impl Writer {
    fn start(place: &Place, first: usize) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_store-writer"))
            .arg(&place.path)
            .args(["steps", &first.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, last: None }
    }

    fn next_step(&mut self) -> Option<usize> {
        let line = self.lines.next()?.unwrap();
        self.last = Some(line.parse().unwrap_or_else(|_| panic!("{line}")));
        self.last
    }

    /// Kills the process (`SIGKILL`), and gives the last step that it reported.
    fn kill(mut self) -> Option<usize> {
        self.child.kill().unwrap();
        while self.next_step().is_some() {}
        self.child.wait().unwrap();
        self.last
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
