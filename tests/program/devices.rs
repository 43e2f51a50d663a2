//! Which backend runs, what it reports, and that both end in the same map.

use ndarray::Array3;
use serde_json::Value;

use crate::scenarios::PUMPING;
use crate::support::{Place, Ran, summary};

/// Whether this machine has an adapter, software ones included; said aloud where it has none.
fn adapter() -> bool {
    lithoscope::testing::gpu().is_some()
}

fn facies_map(place: &Place, folder: &str) -> Array3<f64> {
    ndarray_npy::read_npy(place.path(folder).join("model.npy")).expect("a map")
}

/// Runs five references on each backend, whose maps may differ in half a per cent of the cells.
fn assert_same_maps(place: &Place, case: &str) {
    for backend in ["cpu", "gpu"] {
        place.run_on_gpu(&["run", case, "--repeat", "5", "--backend", backend, "--out", backend]).ok();
    }
    for run in 1..=5 {
        let of = |backend: &str| facies_map(place, &format!("{backend}/repeat-{run:03}"));
        let (cpu, gpu) = (of("cpu"), of("gpu"));
        let differ = cpu.iter().zip(&gpu).filter(|(a, b)| a != b).count() as f64 / cpu.len() as f64;
        assert!(differ <= 0.005, "reference {run}: {differ} of the cells differ");
    }
}

#[test]
fn heads_on_both_backends_end_in_the_same_facies_map() {
    if !adapter() {
        return;
    }
    let place = Place::new();
    // More cells than the device solves by an inverse: there is a level to relax.
    place.write("pumping.toml", PUMPING.replace("[24, 20]", "[28, 20]").replace("240 m", "280 m"));
    assert_same_maps(&place, "pumping.toml");
    let on_gpu = summary(&place.path("gpu/repeat-001"));
    let dispatches = on_gpu["kernels"]["dispatches"].as_object().expect("kernels by name");
    for kernel in ["linalg/gradients:step", "linalg/multigrid:relax", "forward/groundwater:tangent"] {
        assert!(dispatches.get(kernel).and_then(Value::as_u64).is_some_and(|n| n > 0), "{kernel}: {dispatches:?}");
    }
    let solver = |backend: &str| summary(&place.path(&format!("{backend}/repeat-001")))["solver"].to_string();
    assert!(
        solver("gpu").contains("multigrid") && solver("cpu").contains("Cholesky"),
        "{} {}",
        solver("gpu"),
        solver("cpu")
    );
}

#[test]
fn both_backends_end_in_the_same_facies_map() {
    if !adapter() {
        return;
    }
    let place = Place::with_case();
    assert_same_maps(&place, "small.toml");
    let of_one = summary(&place.path("gpu/repeat-001"));
    assert_eq!(of_one["backend"], "gpu");
    assert_ne!(of_one["device"], "CPU");
    let dispatches = of_one["kernels"]["dispatches"].as_object().expect("kernels by name");
    for kernel in ["forward/straight_ray:forward", "feasible/nearest:nearest", "feasible/vote:count"] {
        assert!(dispatches[kernel].as_u64().is_some_and(|n| n > 0), "{kernel}: {dispatches:?}");
    }
    for bytes in ["bytes_up", "bytes_down"] {
        assert!(of_one["kernels"][bytes].as_u64().is_some_and(|n| n > 1000), "{bytes}");
    }
    let on_cpu = summary(&place.path("cpu/repeat-001"));
    assert_eq!((&on_cpu["backend"], &on_cpu["device"]), (&"cpu".into(), &"CPU".into()));
    assert!(on_cpu["kernels"]["dispatches"].as_object().is_some_and(serde_json::Map::is_empty));
}

#[test]
fn the_gpu_is_never_replaced_quietly() {
    let place = Place::with_case();
    let refused = |ran: Ran| ran.fails(3, &["no hardware GPU adapter", "remedy", "--backend cpu"]);
    refused(place.run_without_adapter(&["run", "small.toml", "--backend", "gpu"]));
    place.assert_no_result();
    refused(place.run_without_adapter(&["verify", "--backend", "gpu"]));
    refused(place.run_without_adapter(&["verify"]));
    refused(place.run_without_adapter(&["bench", "--backend", "gpu"]));

    let fell = place.run_without_adapter(&["run", "small.toml", "--out", "auto"]).ok();
    assert!(fell.err.contains("heavy work on the CPU"), "{}", fell.err);
    assert_eq!(summary(&place.path("auto"))["backend"], "cpu");
    let listed = place.run_without_adapter(&["devices"]).ok().out;
    assert!(listed.contains("no adapter") && listed.contains("takes the CPU"), "{listed}");
}

#[test]
fn a_software_adapter_is_used_only_when_allowed() {
    if !adapter() {
        return;
    }
    let place = Place::with_case();
    let listed = place.run(&["devices"]).ok().out;
    if !listed.contains("takes the CPU") {
        // A hardware adapter is here: it is taken without being asked for.
        return;
    }
    assert!(listed.contains("only with --allow-software"), "{listed}");
    place.run(&["run", "small.toml", "--backend", "gpu"]).fails(3, &["--allow-software"]);
    assert_eq!(summary_of(&place, &["--out", "plain"])["backend"], "cpu");
    let allowed = summary_of(&place, &["--out", "allowed", "--allow-software"]);
    assert_eq!(allowed["backend"], "gpu");
    assert!(allowed["warnings"].to_string().contains("software adapter"));
    assert!(!place.run(&["devices", "--allow-software"]).ok().out.contains("takes the CPU"));
}

fn summary_of(place: &Place, arguments: &[&str]) -> serde_json::Value {
    place.run(&[&["run", "small.toml"], arguments].concat()).ok();
    summary(&place.path(arguments[1]))
}

#[test]
fn verify_prints_a_table_and_passes() {
    let place = Place::new();
    let cpu = place.run(&["verify", "--backend", "cpu"]).ok().out;
    assert!(cpu.contains("straight_ray/dot") && !cpu.contains("OVER") && !cpu.contains("on the device"), "{cpu}");
    if adapter() {
        let table = place.run_on_gpu(&["verify", "--seed", "11"]).ok().out;
        for check in ["straight_ray/forward", "straight_ray/adjoint", "feasible/nearest", "shared/ceiling"] {
            assert!(table.contains(check), "{check}: {table}");
        }
        assert!(table.contains("checks within their bounds"), "{table}");
    }
}
