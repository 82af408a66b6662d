//! A process is killed while it writes. The steps that it reported are kept, and each other step is
//! kept whole or not at all.

use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::process::{Child, Command, Stdio};

use etdi_client::{ApprovalStore, MemoryApprovals};
use etdi_tests::steps;
use etdi_types::Known;

use super::Place;

const KILLS: usize = 100;

/// The smallest number of kills that must hit a step between its commit and its report.
const IN_THE_MIDDLE: usize = 5;

/// Each kill comes at another point: after another number of steps and another delay. A writer writes
/// all the time, so nearly every kill hits a step that has begun. The test sees a hit only if the step
/// was kept and not reported, which is about one kill in four.
#[tokio::test]
async fn a_writer_killed_a_hundred_times_loses_no_step_and_writes_no_half_step() {
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
        // The step that had begun was kept and not reported. It must be whole.
        in_the_middle += 1;
        assert!(model.is_at(&place, reported + 1).await, "after {reported} steps, kill {kill}");
    }
    assert!(model.agrees(&place, 0..model.steps).await);
    assert!(in_the_middle >= IN_THE_MIDDLE, "{in_the_middle} of {kill}");
    assert!(model.steps > 400, "{}", model.steps);
}

/// The process is killed while it makes the file: afterwards there is either no file or a whole store.
#[tokio::test]
async fn a_kill_while_the_file_is_made_leaves_a_whole_store_or_no_file() {
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
    /// Takes the first `steps` steps, and returns whether the file holds the same records. Opening the
    /// file checks all of it, also that no record lacks a related record.
    async fn is_at(&mut self, place: &Place, steps: usize) -> bool {
        for step in self.steps..steps {
            steps::take(&self.store, step).await.unwrap();
        }
        let new = self.steps.saturating_sub(20)..steps + 1;
        self.steps = steps;
        self.agrees(place, new).await
    }

    /// Returns whether the file and the model hold the same records of these steps.
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

/// A process that takes steps.
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

    /// Kills the process (`SIGKILL`), and returns the last step that it reported.
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
