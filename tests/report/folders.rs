//! Result folders as the program leaves them, made by hand.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use lithoscope::random::{Purpose, Stream};
use lithoscope::report;
use lithoscope::report::metrics::Repeated;
use ndarray::{Array1, Array3, Array4, Array5, Axis, s};
use ndarray_npy::write_npy;
use serde_json::{Value, json};

const ITERATIONS: usize = 3;

/// A channel of slowness 0.5 ms/m in rock of 1 ms/m, meandering along x, shifted a little from layer to layer.
fn channel([nz, ny, nx]: [usize; 3], phase: f64) -> Array3<f64> {
    Array3::from_shape_fn((nz, ny, nx), |(k, j, i)| {
        let middle = ny as f64 * (0.5 + 0.22 * (i as f64 / nx as f64 * 7.0 + phase + 0.3 * k as f64).sin());
        if (j as f64 - middle).abs() < 0.14 * ny as f64 { 0.5 } else { 1.0 }
    })
}

/// Mean over a window of 2·radius + 1 cells in each direction of a layer.
fn smoothed(field: &Array3<f64>, radius: usize) -> Array3<f64> {
    let (_, ny, nx) = field.dim();
    Array3::from_shape_fn(field.dim(), |(k, j, i)| {
        let rows = j.saturating_sub(radius)..(j + radius + 1).min(ny);
        let columns = i.saturating_sub(radius)..(i + radius + 1).min(nx);
        field.slice(s![k, rows, columns]).mean().unwrap()
    })
}

/// Mean of the property along a straight line, times its length: a travel time.
fn travel_time(field: &Array3<f64>, size: [f64; 3], a: [f64; 3], b: [f64; 3]) -> f64 {
    let (nz, ny, nx) = field.dim();
    let steps = 200;
    let length = (0..3).map(|d| (b[d] - a[d]).powi(2)).sum::<f64>().sqrt();
    let sum: f64 = (0..steps)
        .map(|s| {
            let t = (f64::from(s) + 0.5) / f64::from(steps);
            let cell = |d: usize, n: usize| (((a[d] + t * (b[d] - a[d])) / size[d] * n as f64) as usize).min(n - 1);
            field[[cell(2, nz), cell(1, ny), cell(0, nx)]]
        })
        .sum();
    length * sum / f64::from(steps)
}

/// Writes the folder of a finished run of `shape` cells as the program leaves it.
pub(crate) fn write_run(folder: &Path, shape: [usize; 3], seed: u64) {
    fs::create_dir_all(folder).unwrap();
    let [nz, ny, nx] = shape;
    let size = [400.0, 300.0, 10.0 * nz as f64];
    let reference = channel(shape, seed as f64);
    let field = |name: &str, values: &Array3<f64>| write_npy(folder.join(name), values).unwrap();
    let mut stream = Stream::new(seed, Purpose::Check, 0, 0);

    let estimate = |k: usize| {
        // Each iteration is nearer to the reference.
        let model = channel(shape, seed as f64 + 0.9 * (1.0 - k as f64 / ITERATIONS as f64));
        let smooth = smoothed(&model, 3).mapv(|v| 0.75 + 1.25 * (v - 0.75));
        (smooth, model)
    };
    let mut iterations = Array5::<f32>::zeros((ITERATIONS, 2, nz, ny, nx));
    for k in 0..ITERATIONS {
        let (smooth, model) = estimate(k + 1);
        iterations.slice_mut(s![k, 0, .., .., ..]).assign(&smooth.mapv(|v| v as f32));
        iterations.slice_mut(s![k, 1, .., .., ..]).assign(&model.mapv(|v| v as f32));
    }
    let (parameterized, model) = estimate(ITERATIONS);
    let slow = smoothed(&model, 1).mapv(|v| (2.0 * v - 1.0) as f32);
    let mut probability = Array4::<f32>::zeros((2, nz, ny, nx));
    probability.index_axis_mut(Axis(0), 0).assign(&slow.mapv(|p| 1.0 - p));
    probability.index_axis_mut(Axis(0), 1).assign(&slow);
    field("model.npy", &model);
    field("parameterized.npy", &parameterized);
    field("prior_mean.npy", &Array3::from_elem(shape, 0.83));
    field("reference.npy", &reference);
    write_npy(folder.join("probability.npy"), &probability).unwrap();
    write_npy(folder.join("iterations.npy"), &iterations).unwrap();

    let mut data =
        "kind,id,x,y,z,x2,y2,z2,time,unit,observed,sigma,predicted_parameterized,predicted_model\n".to_owned();
    let (mut smooth_misfit, mut model_misfit) = (0.0, 0.0);
    for ray in 0..36 {
        let height = |i: usize| 300.0 * (i as f64 + 0.5) / 6.0;
        let (a, b) = ([0.0, height(ray / 6), size[2] / 2.0], [400.0, height(ray % 6), size[2] / 2.0]);
        let sigma = 4.0;
        let observed = travel_time(&reference, size, a, b) + sigma * stream.normal_pair().0;
        let smooth = observed + sigma * stream.normal_pair().0;
        let predicted = travel_time(&model, size, a, b);
        smooth_misfit += ((observed - smooth) / sigma).powi(2);
        model_misfit += ((observed - predicted) / sigma).powi(2);
        let ends = [a, b].map(|p| format!("{},{},{}", p[0], p[1], p[2])).join(",");
        writeln!(data, "travel_time,r{ray},{ends},,ms,{observed},{sigma},{smooth},{predicted}").unwrap();
    }
    fs::write(folder.join("data.csv"), data).unwrap();

    let mut history =
        "iteration,rank,objective,misfit_parameterized,misfit_model,coupling,regularization,lambda_f,lambda,\
                       step_length,change_v,change_u,mismatch_parameterized,mismatch_model,seconds\n"
            .to_owned();
    let mut tradeoff = "iteration,weight,misfit,penalty,chosen\n".to_owned();
    for k in 1..=ITERATIONS {
        let left = 10f64.powi((ITERATIONS - k) as i32);
        let (a, b) = (smooth_misfit * left, model_misfit * left);
        let mismatch = 0.3 - 0.06 * k as f64;
        writeln!(
            history,
            "{k},{},{},{a},{b},{},{},{},{},1,{},{},{},{mismatch},0.8",
            15 + 5 * k,
            a + b,
            3.0 * left,
            0.5 * left,
            0.01 * k as f64,
            1e-3,
            2.0 / k as f64,
            5.0 / (k * k) as f64,
            mismatch + 0.05
        )
        .unwrap();
        for w in 0..7 {
            let (weight, chosen) = (10f64.powi(w - 3), u8::from(w == 3));
            let (misfit, penalty) = (a * (0.8 + 0.2 * weight), 40.0 / (k as f64 * (0.1 + weight)));
            writeln!(tradeoff, "{k},{weight},{misfit},{penalty},{chosen}").unwrap();
        }
    }
    fs::write(folder.join("history.csv"), history).unwrap();
    fs::write(folder.join("tradeoff.csv"), tradeoff).unwrap();
    fs::write(folder.join("scenarios.csv"), "name,norm,contribution,probability\nmeandering,3.25,1,1\n").unwrap();
    write_case(folder, shape);
    let summary = json!({
        "format": 1, "case": "sample", "title": "A channel between two wells", "seed": seed, "backend": "cpu",
        "device": "CPU, 2 threads", "version": "0.1.0", "iterations": ITERATIONS, "stopped_because": "iterations",
        "command": format!("lithoscope run sample --seed {seed}"),
        "warnings": ["the prior holds 40 realizations only: <expect> a rough mean"],
        "kernels": [{"name": "ray_forward", "dispatches": 12, "bytes_moved": 48000}],
        "property": {"name": "slowness", "unit": "ms/m", "transform": "none"},
        "misfit": {"initial": 5400.0, "parameterized": smooth_misfit, "model": model_misfit, "target": 36},
        "prior": {"cached": false, "realizations": 500, "scenario": "meandering"},
        "scenarios": [{"name": "meandering", "norm": 3.25, "contribution": 1.0, "probability": 1.0}],
        "seconds": {"prior": 6.5, "basis": 0.4, "inversion": 3.1, "total": 10.4}, "peak_memory_bytes": 141_000_000,
        "errors": {
            "model": {"e1": 0.03, "e2": 0.06, "rmse": 0.1732, "facies_mismatch": 0.12},
            "prior_mean": {"e1": 0.05, "e2": 0.2, "rmse": 0.2236, "facies_mismatch": 0.25},
        },
    });
    write_summary(folder, &summary);
}

pub(crate) fn write_summary(folder: &Path, summary: &Value) {
    fs::write(folder.join("summary.json"), serde_json::to_string_pretty(summary).unwrap()).unwrap();
}

pub(crate) fn write_case(folder: &Path, [nz, ny, nx]: [usize; 3]) {
    let case = format!(
        "format = 1\ntitle = \"A channel between two wells\"\n[grid]\ncells = [{nx}, {ny}, {nz}]\n\
         size = [\"400 m\", \"300 m\", \"{} m\"]\nplane = \"xy\"\n[property]\nname = \"slowness\"\nunit = \"ms/m\"\n\
         facies = [\"0.5 ms/m\", \"1 ms/m\"]\n[[scenario]]\nname = \"meandering\"\n[prior]\nrealizations = 500\n\
         [basis]\nkind = \"pca\"\nrank = [20, 50]\n[physics]\nkind = \"straight_ray\"\n[feasible]\nwindow = [15, 15]\n\
         neighbours = 5\n[inversion]\niterations = {ITERATIONS}\n[reference]\nscenario = \"meandering\"\nseed = 501\n",
        10 * nz
    );
    fs::write(folder.join("case.toml"), case).unwrap();
}

/// The folder of `count` repeated runs.
pub(crate) fn write_repeats(folder: &Path, count: u64) {
    let shape = [1, 30, 40];
    let runs = 1..=count;
    for seed in runs.clone() {
        let run = folder.join(format!("repeat-{seed:03}"));
        write_run(&run, shape, seed);
        report::build(&run).unwrap();
    }
    write_case(folder, shape);
    let many = |base: f64, step: f64| {
        let values = runs.clone().map(|s| base + step * (1.7 * s as f64).sin()).collect();
        serde_json::to_value(Repeated::of(values)).unwrap()
    };
    let errors = |base: f64| {
        let (e1, e2) = (many(base / 4.0, 0.01), many(base / 2.0, 0.01));
        json!({"e1": e1, "e2": e2, "rmse": many(base, 0.01), "facies_mismatch": many(base, 0.02)})
    };
    let summary = json!({
        "format": 1, "case": "sample", "title": "A channel between two wells", "backend": "cpu", "version": "0.1.0",
        "misfit": {
            "initial": many(5400.0, 300.0), "parameterized": many(36.0, 5.0), "model": many(90.0, 20.0),
            "target": many(36.0, 0.0)
        },
        "seconds": {
            "prior": many(6.5, 0.1), "basis": many(0.4, 0.01), "inversion": many(3.1, 0.2), "total": many(10.4, 0.3)
        },
        "errors": {"model": errors(0.14), "parameterized": errors(0.18), "prior_mean": errors(0.25)},
    });
    write_summary(folder, &summary);
}

/// Names of the scenarios of a flow folder, and the columns of their blocks.
const SCENARIOS: [(&str, usize); 5] =
    [("meandering 0°", 12), ("meandering 90°", 12), ("intersecting", 9), ("straight 0°", 7), ("straight 90°", 6)];

/// Head at the centre of cell (i, j) of a map of 400 × 300 m after `time` \[s\]: falling from 20 m to 10 m along x, with
/// the cone of a well in its middle.
fn head([ny, nx]: [usize; 2], [j, i]: [usize; 2], time: f64, depth: f64) -> f64 {
    let (x, y) = ((i as f64 + 0.5) / nx as f64, (j as f64 + 0.5) / ny as f64);
    let distance = (400.0 * (x - 0.5)).hypot(300.0 * (y - 0.5)).max(5.0);
    20.0 - 10.0 * x - depth * (1.0 - (-time / 3e4).exp()) * (-distance / 90.0).exp()
}

/// Turns the folder of a run of `shape` cells into one of groundwater flow with five scenarios, of which the second is
/// right; `transient`: with twelve times, of which the first seven were observed. A cell is inactive.
pub(crate) fn write_flow(folder: &Path, shape: [usize; 3], seed: u64, transient: bool) {
    write_run(folder, shape, seed);
    let [nz, ny, nx] = shape;
    let times: Vec<f64> = (0..if transient { 12 } else { 1 }).map(|k| 600.0 * 2f64.powi(k)).collect();
    let end = |k: usize| if transient { times[k] } else { f64::INFINITY };
    for (name, depth) in [("head.npy", 3.4), ("head_parameterized.npy", 2.9), ("head_reference.npy", 3.0)] {
        let mut heads = Array4::from_shape_fn((times.len(), nz, ny, nx), |(t, k, j, i)| {
            head([ny, nx], [j, i], end(t), depth) - 0.1 * k as f64
        });
        heads.slice_mut(s![.., .., 0, 0]).fill(f64::NAN);
        write_npy(folder.join(name), &heads).unwrap();
    }
    let z = |k: usize| 10.0 * (k as f64 + 0.5);
    let mut wells = "name,x,y,z,layer,control,value,unit\n".to_owned();
    for k in 0..nz {
        writeln!(wells, "P1,205,155,{},{},rate,60,m3/day", z(k), k + 1).unwrap();
    }
    writeln!(wells, "I1,105,75,{},1,rate,-20,m3/day\nH1,335,225,{},{nz},head,14,m", z(0), z(nz - 1)).unwrap();
    fs::write(folder.join("wells.csv"), wells).unwrap();

    let mut stream = Stream::new(seed, Purpose::Check, 1, 0);
    let mut data =
        "kind,id,x,y,z,x2,y2,z2,time,unit,observed,sigma,predicted_parameterized,predicted_model\n".to_owned();
    let mut curves =
        "place,kind,x,y,z,time,unit,reference,predicted_parameterized,predicted_model,observed\n".to_owned();
    for place in 0..12usize {
        let (i, j, k) = (nx * (2 * (place % 4) + 1) / 8, ny * (2 * (place / 4) + 1) / 6, place % nz);
        let at = format!("{},{},{}", 400.0 * (i as f64 + 0.5) / nx as f64, 300.0 * (j as f64 + 0.5) / ny as f64, z(k));
        for (t, time) in times.iter().enumerate() {
            let of = |depth: f64| head([ny, nx], [j, i], end(t), depth) - 0.1 * k as f64;
            let observed = of(3.0) + 0.05 * stream.normal_pair().0;
            let when = if transient { time.to_string() } else { String::new() };
            let is_datum = t < 7;
            if is_datum {
                writeln!(data, "head,M{place},{at},,,,{when},m,{observed},0.05,{},{}", of(2.9), of(3.4)).unwrap();
            }
            if transient {
                let datum = if is_datum { observed.to_string() } else { String::new() };
                writeln!(curves, "M{place},head,{at},{time},m,{},{},{},{datum}", of(3.0), of(2.9), of(3.4)).unwrap();
            }
        }
        let log = -2.0 + 0.1 * stream.normal_pair().0;
        writeln!(data, "hydraulic conductivity,M{place},{at},,,,,log10 m/s,{log},0.05,{},-2", log + 0.03).unwrap();
    }
    writeln!(data, "rate,H1,335,225,{},,,,,m3/day,31.5,0.6,31.2,33", z(nz - 1)).unwrap();
    fs::write(folder.join("data.csv"), data).unwrap();
    if transient {
        fs::write(folder.join("drawdown.csv"), curves).unwrap();
        let frames: String = times.iter().enumerate().map(|(k, t)| format!("{k},{t}\n")).collect();
        fs::write(folder.join("head_times.csv"), format!("frame,time\n{frames}")).unwrap();
    }
    write_scenarios(folder, shape, &mut stream);
    let text = fs::read_to_string(folder.join("case.toml")).unwrap();
    let scenarios: String = SCENARIOS.iter().map(|(name, _)| format!("[[scenario]]\nname = \"{name}\"\n")).collect();
    let text = text
        .replace("[[scenario]]\nname = \"meandering\"\n", &scenarios)
        .replace("straight_ray", "groundwater")
        .replace("name = \"slowness\"\nunit = \"ms/m\"", "name = \"hydraulic conductivity\"\nunit = \"m/s\"")
        .replace("facies = [\"0.5 ms/m\", \"1 ms/m\"]", "facies = [0.5, 1]")
        .replace("scenario = \"meandering\"", "scenario = \"meandering 90°\"");
    fs::write(folder.join("case.toml"), text).unwrap();
}

fn write_scenarios(folder: &Path, [nz, ny, nx]: [usize; 3], stream: &mut Stream) {
    let mut rows =
        "name,columns,rank,energy,norm,contribution,log_evidence,k_e,aic,aicc,bic,kic,probability,active\n".to_owned();
    let mut history = "iteration,scenario,norm,contribution,active\n".to_owned();
    let mut v = Vec::new();
    let last = [0.3, 4.0, 1.2, 0.1, 0.0];
    for (i, (name, columns)) in SCENARIOS.into_iter().enumerate() {
        let own: Vec<f64> = (0..columns).map(|_| stream.normal_pair().0).collect();
        let norm = own.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.extend(own.iter().map(|x| x * last[i] / norm));
        let lost = [9.0, 0.0, 2.0, 30.0, 31.0][i];
        let probability = [0.0, 0.881, 0.119, 0.0, 0.0][i];
        let aicc = if i == 3 { String::new() } else { format!("{}", 130.0 + 2.0 * lost) };
        writeln!(
            rows,
            "{name},{columns},{columns},0.8,{},{},{},{},{},{aicc},{},{},{probability},{}",
            last[i],
            last[i] * last[i] / 17.54,
            -60.0 - lost,
            8.5 + i as f64,
            120.0 + 2.0 * lost,
            // By this one the third would be it.
            if i == 2 { 90.0 } else { 140.0 + 2.0 * lost },
            125.0 + 2.0 * lost,
            u8::from(last[i] >= 0.4)
        )
        .unwrap();
        for k in 1..=ITERATIONS {
            let part = k as f64 / ITERATIONS as f64;
            let norm = 2.0 + part * (last[i] - 2.0);
            writeln!(history, "{k},{name},{norm},{},{}", norm * norm / 20.0, u8::from(norm >= 0.4)).unwrap();
        }
    }
    fs::write(folder.join("scenarios.csv"), rows).unwrap();
    fs::write(folder.join("scenario_history.csv"), history).unwrap();
    write_npy(folder.join("coefficients.npy"), &Array1::from(v)).unwrap();
    let map = Array3::from_shape_fn((nz, ny, nx), |(_, j, i)| match (i * 3 / nx, j * 3 / ny) {
        (0, 0) => 255u8,
        (1, 2) => 2,
        (2, 1) => 0,
        _ => 1,
    });
    write_npy(folder.join("scenario_map.npy"), &map).unwrap();
}
