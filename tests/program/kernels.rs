//! Every kernel parses, is valid, and is seen by `verify` when it is wrong.

use std::collections::{BTreeMap, BTreeSet};

use lithoscope::check::Outcome;
use lithoscope::error::Result;
use lithoscope::gpu::{Choice, Gpu, choose};
use lithoscope::linalg::sparse;
use lithoscope::regularizer::discrete;
use lithoscope::verify::{ceilings, shaders};
use lithoscope::{basis, feasible, forward};

/// Names of the entry points of a text.
fn entry_points(name: &str, text: &str) -> Vec<String> {
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
    let (flags, capabilities) = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
    let valid = naga::valid::Validator::new(flags, capabilities).validate(&module);
    assert!(valid.is_ok(), "{name}: {valid:?}");
    module.entry_points.iter().map(|entry| entry.name.clone()).collect()
}

/// Every WGSL file of the project.
fn files() -> BTreeSet<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let rooms = std::fs::read_dir(&root).expect("shaders").map(|room| room.expect("a room").path());
    let files =
        rooms.flat_map(|room| std::fs::read_dir(room).expect("a room").map(|file| file.expect("a file").path()));
    let name = |path: std::path::PathBuf| {
        let inside = path.strip_prefix(&root).expect("below the root").with_extension("");
        inside.to_string_lossy().replace('\\', "/")
    };
    files.map(name).collect()
}

#[test]
fn every_kernel_parses_and_is_valid() {
    let shaders = shaders();
    let names: BTreeSet<String> = shaders.iter().map(|(shader, _)| shader.name.to_owned()).collect();
    assert_eq!(names, files(), "`verify` knows every shader");
    for (shader, prelude) in shaders {
        let entries = entry_points(shader.name, &format!("{prelude}\n{}", shader.text));
        assert!(!entries.is_empty(), "{}", shader.name);
    }
}

/// One wrong kernel: the shader, the entry points that it spoils, and what is written instead of what.
type Wrong = (&'static str, &'static [&'static str], &'static str, &'static str);

/// For every entry point a wrong index, a wrong sign or comparison, and a wrong constant.
const WRONG: &[Wrong] = &[
    ("shared/ceiling", &["copy"], "target_[i] = source[i]", "target_[i] = source[i / 2u]"),
    ("shared/ceiling", &["copy"], "target_[i] = source[i]", "target_[i] = -source[i]"),
    ("shared/ceiling", &["copy"], "id.y * groups.x * 256u + id.x", "id.y * groups.x * 256u + id.x + 1u"),
    ("shared/ceiling", &["multiply_add"], "let a = source[i];", "let a = source[i / 2u];"),
    ("shared/ceiling", &["multiply_add"], "s7 = fma(s7, a, b)", "s7 = fma(s7, a, -b)"),
    ("shared/ceiling", &["multiply_add"], "var s3 = a * 0.25", "var s3 = a * 0.26"),
    ("forward/straight_ray", &["forward", "adjoint"], "fraction < here.next_fraction", "fraction > here.next_fraction"),
    (
        "forward/straight_ray",
        &["forward", "adjoint"],
        "here.column + 1u == path.columns",
        "here.column == path.columns",
    ),
    (
        "forward/straight_ray",
        &["forward", "adjoint"],
        "let last = i32(here.cell) + step.x",
        "let last = i32(here.cell) - step.x",
    ),
    ("forward/straight_ray", &["forward", "adjoint"], "/ f32(HALF)", "/ 2147490000.0"),
    ("forward/straight_ray", &["forward", "adjoint"], "select(1u, 2u, path.twin.y > 0u)", "1u"),
    ("forward/straight_ray", &["forward"], "slowness[cells.z]", "slowness[cells.y]"),
    ("forward/straight_ray", &["forward"], "sum += part", "sum -= part"),
    ("forward/straight_ray", &["forward"], "sum * path.share", "sum * path.share * 1.00001"),
    ("forward/straight_ray", &["adjoint"], "add(column.cells.y, terms.y)", "add(column.cells.x, terms.y)"),
    (
        "forward/straight_ray",
        &["adjoint"],
        "upper = ~upper + select(0u, 1u, lower == 0u)",
        "upper = upper + select(0u, 1u, lower == 0u)",
    ),
    ("forward/straight_ray", &["adjoint"], "before > ~lower", "before > lower"),
    ("forward/straight_ray", &["collect"], "let size = f32(upper) * TWO_32", "let size = f32(upper) * 2.0 * TWO_32"),
    ("forward/straight_ray", &["collect"], "select(size, -size, negative)", "size"),
    ("forward/straight_ray", &["collect"], "collected_low[cell] = 0u", "collected_low[cell] = lower"),
    ("forward/straight_ray", &["collect"], "collected_high[cell];", "collected_high[cell / 2u];"),
    ("forward/groundwater", &["tangent", "adjoint"], "cell + stride, at + 1u", "cell + 1u, at + 1u"),
    ("forward/groundwater", &["tangent", "adjoint"], "cell - stride, at > 0u", "cell - stride, at > 1u"),
    ("forward/groundwater", &["tangent"], "own - weights", "own + weights"),
    ("forward/groundwater", &["tangent"], "face ^ 1u", "face"),
    ("forward/groundwater", &["adjoint"], "(x[thread] - x[", "(x[thread] - 1.001 * x["),
    (
        "linalg/multigrid",
        &["relax", "relax_together", "residual", "product"],
        "x[above * columns + column] - own",
        "x[above * columns / 2u + column] - own",
    ),
    (
        "linalg/multigrid",
        &["relax", "relax_together", "residual", "product"],
        "couplings[e * count() + below] *",
        "couplings[e * count() + cell] *",
    ),
    (
        "linalg/multigrid",
        &["relax", "relax_together", "residual", "product"],
        "surplus[cell] * own",
        "1.001 * surplus[cell] * own",
    ),
    ("linalg/multigrid", &["relax_together"], "part -= upward[", "part += upward["),
    ("linalg/multigrid", &["relax_together"], "upward[here] * pivots[here] * delta", "upward[here] * delta"),
    ("linalg/multigrid", &["relax_together"], "+= values[lane]", "+= values[lane / together * together]"),
    ("linalg/multigrid", &["relax_together"], "* together + lane % together", "* together"),
    ("linalg/multigrid", &["relax"], "part -= couplings[", "part += couplings["),
    ("linalg/multigrid", &["relax"], "inverse_pivots[cell] * delta", "delta"),
    ("linalg/multigrid", &["residual"], "known[thread] - product_at(", "known[thread] + product_at("),
    ("linalg/multigrid", &["product"], "sum += value * x[index]", "sum += value * x[thread]"),
    ("linalg/multigrid", &["gather"], "sum += weight(i < middle.x", "sum += weight(i <= middle.x"),
    ("linalg/multigrid", &["gather"], "coarse_known[thread] = sum", "coarse_known[thread] = -sum"),
    ("linalg/multigrid", &["gather"], "coarse_x[thread] = 0.0", "coarse_x[thread] *= 0.5"),
    ("linalg/multigrid", &["gather", "scatter"], "select(0u, 2u, b)", "select(0u, 1u, b)"),
    ("linalg/multigrid", &["scatter"], "shape.coarse.x + first.x + a)", "shape.coarse.x + first.x)"),
    ("linalg/multigrid", &["scatter"], "x[thread] += sum", "x[thread] -= sum"),
    ("linalg/multigrid", &["coarsest"], "inverse[row * count() + other]", "inverse[other]"),
    ("linalg/multigrid", &["coarsest"], "other < count(); other +=", "other + 1u < count(); other +="),
    ("linalg/multigrid", &["coarsest"], "parts[lane] += parts[lane + half * COLUMNS]", "parts[lane] *= 1.001"),
    ("linalg/multigrid", &["coarsest"], "block % blocks * COLUMNS", "block % blocks"),
    ("linalg/gradients", &["inner"], "sum += r[index]", "sum += r[thread]"),
    ("linalg/gradients", &["inner"], "partial[thread] = sum.x", "partial[thread] = -sum.x"),
    ("linalg/gradients", &["inner"], "partial[threads + thread] = sum.y", "partial[threads + thread] = sum.x"),
    ("linalg/gradients", &["begin", "step"], "part * shape.cells.w + column", "part * shape.cells.w"),
    ("linalg/gradients", &["begin", "step"], "sums[lane] += sums[lane + half]", "sums[lane] -= sums[lane + half]"),
    ("linalg/gradients", &["begin"], "select(1.0, square, first)", "square"),
    ("linalg/gradients", &["begin"], "product / state.product", "state.product / product"),
    ("linalg/gradients", &["step"], "state.product / curvature", "-state.product / curvature"),
    ("linalg/gradients", &["advance"], "known_states[thread % shape.cells.w].beta", "known_states[0].beta"),
    ("linalg/gradients", &["advance"], "z[thread] + select", "z[thread] - select"),
    ("linalg/gradients", &["advance"], "beta * direction[thread]", "1.001 * beta * direction[thread]"),
    ("linalg/gradients", &["update"], "before + select", "before - select"),
    ("linalg/gradients", &["update"], "alpha * image[thread]", "-alpha * image[thread]"),
    ("linalg/gradients", &["update"], "known_states[column].begun == 1u", "known_states[column].begun == 2u"),
    ("linalg/gradients", &["project"], "let mean = sum /", "let mean = 1.001 * sum /"),
    ("linalg/gradients", &["project"], "tie_starts[tie + 1u]", "tie_starts[tie + 1u] - 1u"),
    ("linalg/gradients", &["project"], "sum += projected", "sum -= projected"),
    ("feasible/points", &["project"], "right[d * 16u + row]", "right[d * 16u + row / 2u]"),
    ("feasible/points", &["project"], "- shape.shift", "+ shape.shift"),
    ("feasible/points", &["project"], "part3 += x.w * b", "part3 += 1.001 * x.w * b"),
    ("feasible/points", &["project"], "total1 += part1", "total1 -= part1"),
    ("feasible/residual", &["residual"], "points[j * shape.stride + query]", "points[j * shape.stride]"),
    ("feasible/residual", &["residual"], "norm2 - projected", "norm2 + projected"),
    ("feasible/residual", &["residual"], "let norm2 = sums[0]", "let norm2 = 0.99 * sums[0]"),
    ("feasible/bounds", &["bounds"], "right[d * 16u + row]", "right[d * 16u + row / 2u]"),
    ("feasible/bounds", &["bounds"], "sum1 += q.y * r", "sum1 -= q.y * r"),
    ("feasible/bounds", &["bounds"], "sum2 += q.z * r", "sum2 += 1.001 * q.z * r"),
    ("feasible/nearest", &["nearest"], "numbers[place] = number;", "numbers[place] = number / 2u;"),
    ("feasible/nearest", &["nearest"], "costs[place - 1u] > cost ||", "costs[place - 1u] < cost ||"),
    ("feasible/nearest", &["nearest"], "part += difference * difference", "part += abs(difference)"),
    ("feasible/nearest", &["nearest"], "return block.weight * sum", "return 0.5 * block.weight * sum"),
    ("feasible/vote", &["count"], "MASK] += 1u", "MASK] += 2u"),
    (
        "feasible/vote",
        &["count"],
        "votes[kind * ballot.cells.w + index] += total",
        "votes[kind * ballot.cells.w + index] -= total",
    ),
    ("feasible/vote", &["count"], "place(window, j, index - row - x)", "place(window, j, index - row)"),
    (
        "feasible/vote",
        &["sum"],
        "votes[other] = bitcast<u32>(bitcast<f32>(votes[other]) + total.y)",
        "votes[other] = bitcast<u32>(bitcast<f32>(votes[other]) - total.y)",
    ),
    ("feasible/vote", &["sum"], "bitcast<f32>(labels[at]), 1.0", "bitcast<f32>(labels[at]), 1.001"),
    ("feasible/vote", &["sum"], "costs[(window - 1u) * NEIGHBOURS + j]", "costs[(window - 1u) * NEIGHBOURS]"),
    ("feasible/vote", &["count", "sum"], "last + 1u - run.w", "last + 2u - run.w"),
    ("feasible/elect", &["elect"], "count > most ||", "count < most ||"),
    ("feasible/elect", &["elect"], "let voter = voters[index]", "let voter = voters[index / 2u]"),
    ("feasible/elect", &["elect"], "/ f32(total)", "/ f32(total + 1u)"),
    ("feasible/average", &["average"], "let voter = voters[index]", "let voter = voters[index / 2u]"),
    ("feasible/average", &["average"], "= bitcast<f32>(votes[voter]) /", "= -bitcast<f32>(votes[voter]) /"),
    ("feasible/average", &["average"], "bitcast<f32>(votes[voter]) /", "0.999 * bitcast<f32>(votes[voter]) /"),
    ("feasible/total", &["total"], "sum[0] = sums[0]", "sum[0] = sums[1]"),
    ("feasible/total", &["total"], "part += costs[i]", "part -= costs[i]"),
    ("feasible/total", &["total"], "sum[0] = sums[0]", "sum[0] = 1.001 * sums[0]"),
    ("basis/dct", &["rotate"], "matrix[row * shape.z + column]", "matrix[row * shape.z]"),
    ("basis/dct", &["rotate"], "sum += left", "sum -= left"),
    ("basis/dct", &["rotate"], "value = fields[input", "value = 1.001 * fields[input"),
    ("basis/dct", &["rotate"], "tile / across % down", "tile % down"),
    ("basis/wavelet", &["analyze"], "row + 1u == pass_.length", "row + 2u == pass_.length"),
    ("basis/wavelet", &["analyze"], "filters[taps + m]", "-filters[taps + m]"),
    ("basis/wavelet", &["analyze"], "+ 1u - pass_.taps / 2u", "- pass_.taps / 2u"),
    ("basis/wavelet", &["synthesize"], "shifted / 2u % half", "(shifted + 1u) / 2u % half"),
    ("basis/wavelet", &["synthesize"], "sum += filters[part", "sum -= filters[part"),
    ("basis/wavelet", &["synthesize"], "m += 2u) {\n            sum", "m += 2u) {\n            sum *= 1.001; sum"),
    ("basis/wavelet", &["synthesize"], "line % pass_.inner * pass_.between", "line % pass_.inner"),
    ("regularizer/discrete", &["minimize"], "y * (1.0 - y) * (1.0 + y)", "y * (1.0 - y)"),
    ("regularizer/discrete", &["minimize"], "below > above", "below < above"),
    ("regularizer/discrete", &["minimize"], "0.5 * width", "0.50001 * width"),
    ("regularizer/discrete", &["minimize"], "here >= gaps[at].y", "here >= gaps[at].x"),
    ("regularizer/discrete", &["minimize"], "gaps[at];", "gaps[at / 2u];"),
];

/// What the part of `verify` that is about this shader finds over its bound; the first is enough.
fn over(gpu: &Gpu, shader: &str) -> Option<Outcome> {
    let found = |outcomes: Result<Vec<Outcome>>| {
        outcomes.expect("a device that works").into_iter().find(|outcome| !outcome.passed())
    };
    match shader.split('/').next() {
        Some("shared") => found(ceilings(gpu, 1)),
        Some("forward") if shader.ends_with("groundwater") => found(forward::groundwater::verify_faces(gpu, 1)),
        Some("forward") => found(forward::straight_ray::verify(Some(gpu), 1)),
        Some("linalg") if shader.ends_with("multigrid") => found(sparse::verify_multigrid(gpu, 1)),
        Some("linalg") => found(sparse::verify_gradients(gpu, 1)),
        Some("basis") if shader.ends_with("dct") => found(basis::verify_dct(gpu, 1)),
        Some("basis") => found(basis::verify_wavelet(gpu, 1)),
        Some("regularizer") => found(discrete::verify(Some(gpu), 1)),
        _ => feasible::verify_scenes(Some(gpu), 1).find_map(found),
    }
}

#[test]
fn a_wrong_kernel_fails_verification() {
    if lithoscope::testing::gpu().is_none() {
        return;
    }
    let mut gpu = choose(Choice::Auto, true).expect("an adapter that opens").expect("there is one");
    // A wrong index must not reach beyond a buffer.
    gpu.force_checks();
    let texts: BTreeMap<&str, _> =
        shaders().into_iter().map(|(shader, prelude)| (shader.name, (shader, prelude))).collect();
    for room in [
        "shared/ceiling",
        "forward/straight_ray",
        "forward/groundwater",
        "linalg/multigrid",
        "linalg/gradients",
        "feasible/total",
        "basis/dct",
        "basis/wavelet",
        "regularizer/discrete",
    ] {
        assert_eq!(over(&gpu, room), None, "right kernels pass");
    }
    let mut seen: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut missed = Vec::new();
    for &(name, entries, right, wrong) in WRONG {
        let (shader, prelude) = &texts[name];
        assert!(shader.text.contains(right), "{name}: no `{right}`");
        let text = shader.text.replacen(right, wrong, 1);
        entry_points(name, &format!("{prelude}\n{text}"));
        gpu.replace_shader(shader.name, text);
        if over(&gpu, name).is_none() {
            missed.push(format!("{name}: `{wrong}`"));
        }
        gpu.replace_shader(shader.name, shader.text.into());
        for entry in entries {
            *seen.entry((name, (*entry).to_owned())).or_default() += 1;
        }
    }
    assert!(missed.is_empty(), "passed verification: {missed:#?}");
    for (shader, prelude) in texts.values() {
        for entry in entry_points(shader.name, &format!("{prelude}\n{}", shader.text)) {
            let count = seen.get(&(shader.name, entry.clone())).copied().unwrap_or(0);
            assert!(count >= 3, "{}:{entry} is spoilt in {count} ways, three are wanted", shader.name);
        }
    }
}
