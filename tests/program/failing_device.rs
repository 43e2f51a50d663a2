//! A device that fails in the middle of a run: lost, or out of memory. Under `--backend auto` the CPU goes on, else the
//! run stops with an error and keeps what is finished.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lithoscope::case::folder::Existing;
use lithoscope::case::{Case, run};
use lithoscope::error::{Error, Result};
use lithoscope::gpu::{Choice, Gpu, GpuError, choose};
use lithoscope::progress::Progress;

use crate::support::{SMALL, assert_same_numbers, files, numbers, summary};

/// A device of one test's own: the shared one must not be destroyed.
fn own_device() -> Option<Gpu> {
    lithoscope::testing::gpu()?;
    choose(Choice::Auto, true).expect("an adapter that opens")
}

/// Destroys the device after some iterations.
struct Saboteur {
    gpu: Arc<Gpu>,
    after: u64,
    inverting: AtomicBool,
    done: AtomicU64,
    warnings: AtomicU64,
}

impl Saboteur {
    fn new(gpu: &Arc<Gpu>, after: u64) -> Self {
        let (gpu, inverting) = (gpu.clone(), AtomicBool::new(false));
        Self { gpu, after, inverting, done: AtomicU64::new(0), warnings: AtomicU64::new(0) }
    }
}

impl Progress for Saboteur {
    fn start(&self, stage: &str, _: u64) {
        self.inverting.store(stage == "inversion", Ordering::SeqCst);
    }
    fn advance(&self, steps: u64) {
        if self.inverting.load(Ordering::SeqCst) && self.done.fetch_add(steps, Ordering::SeqCst) + steps == self.after {
            self.gpu.destroy();
        }
    }
    fn warn(&self, _: &str) {
        self.warnings.fetch_add(1, Ordering::SeqCst);
    }
}

fn small() -> Case {
    Case::parse(&SMALL.replace("iterations = 3", "iterations = 5"), "small.toml").expect("a case")
}

fn into(
    folder: &Path,
    gpu: Option<Arc<Gpu>>,
    (fall_back, resume): (bool, bool),
    progress: &dyn Progress,
) -> Result<run::Finished> {
    let options = run::Options {
        out: Some(folder.to_owned()),
        existing: Existing { force: false, resume },
        fall_back,
        ..run::Options::default()
    };
    run::run(&small(), gpu, &options, progress)
}

#[test]
fn the_cpu_goes_on_where_the_device_was_lost() {
    let Some(gpu) = own_device() else { return };
    let (gpu, root) = (Arc::new(gpu), tempfile::tempdir().expect("a folder"));
    let saboteur = Saboteur::new(&gpu, 2);
    let folder = root.path().join("run");
    into(&folder, Some(gpu.clone()), (true, false), &saboteur).expect("the CPU goes on");
    assert!(saboteur.warnings.load(Ordering::SeqCst) > 0, "it is said aloud");
    let summary = summary(&folder);
    assert_eq!((&summary["backend"], &summary["device"]), (&"cpu".into(), &"CPU".into()));
    assert!(summary["warnings"].to_string().contains("the device failed"), "{}", summary["warnings"]);
    assert!(!summary["kernels"]["dispatches"].as_object().expect("kernels").is_empty(), "what the device did counts");
    assert_eq!(summary["iterations"], 5);
    let history = String::from_utf8(files(&folder)["history.csv"].clone()).expect("text");
    assert_eq!(history.lines().count(), 6);
}

#[test]
fn a_lost_device_ends_a_run_that_asked_for_it_and_a_new_one_resumes() {
    let (Some(gpu), Some(second), Some(third)) = (own_device(), own_device(), own_device()) else { return };
    let (gpu, root) = (Arc::new(gpu), tempfile::tempdir().expect("a folder"));
    let (folder, whole) = (root.path().join("run"), root.path().join("whole"));
    let error = into(&folder, Some(gpu.clone()), (false, false), &Saboteur::new(&gpu, 2)).expect_err("it was lost");
    assert!(matches!(error, Error::Gpu(GpuError::Lost { .. })), "{error}");
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("remedy: run again (--resume"), "{error}");
    assert!(!folder.exists());
    let kept = files(&root.path().join("run.partial/checkpoint"));
    assert_eq!(kept.keys().filter(|name| name.ends_with("numbers.json")).count(), 2, "two iterations are kept");
    into(&folder, Some(Arc::new(second)), (false, true), &()).expect("goes on");
    into(&whole, Some(Arc::new(third)), (false, false), &()).expect("without a loss");
    let (mut resumed, mut undisturbed) = (numbers(&folder), numbers(&whole));
    for of in [&mut resumed, &mut undisturbed] {
        // The account of the device begins with the process.
        of.remove("summary.json");
    }
    assert_eq!(resumed.keys().collect::<Vec<_>>(), undisturbed.keys().collect::<Vec<_>>());
    assert!(resumed == undisturbed, "the same bytes");
}

#[test]
fn a_device_without_room_is_an_error_or_leaves_the_work_to_the_cpu() {
    let Some(mut gpu) = own_device() else { return };
    gpu.limit_memory(1000);
    let (gpu, root) = (Arc::new(gpu), tempfile::tempdir().expect("a folder"));
    let folder = root.path().join("run");
    let error = into(&folder, Some(gpu.clone()), (false, false), &()).expect_err("no room");
    assert!(matches!(error, Error::Gpu(GpuError::OutOfMemory { .. })), "{error}");
    assert_eq!(error.exit_code(), 3);
    let message = error.to_string();
    assert!(message.contains("bytes") && message.contains("remedy"), "{message}");
    assert!(!folder.exists(), "nothing looks complete");

    into(&folder, Some(gpu), (true, false), &()).expect("the CPU does it all");
    let on_cpu = root.path().join("cpu");
    into(&on_cpu, None, (true, false), &()).expect("on the CPU");
    let (mut fallen, mut plain) = (numbers(&folder), numbers(&on_cpu));
    for of in [&mut fallen, &mut plain] {
        of.remove("summary.json");
    }
    assert!(fallen == plain, "the same bytes as on the CPU from the start");
    assert_eq!(summary(&folder)["backend"], "cpu");
    assert_same_numbers(&on_cpu, &on_cpu);
}
