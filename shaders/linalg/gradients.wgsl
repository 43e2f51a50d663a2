// The vectors and scalars of conjugate gradients, for many right-hand sides at once: those that are not active stand
// still. Vectors lie as in `multigrid.wgsl`.
//
// The prelude defines WORKGROUP, OFFSETS, and LANES: invocations that end a sum.

struct Shape {
    // nx, ny, nz, and the right-hand sides R.
    cells: vec4u,
    coarse: vec4u,
    lines: vec4u,
    // Couplings of a cell, which of them is the one with the cell above, threads a right-hand side of a reduction, ties.
    counts: vec4u,
    offsets: array<vec4i, OFFSETS>,
}

// One right-hand side.
struct State {
    // r' M r.
    product: f32,
    // Length of the step, and share of the last direction in the new one.
    alpha: f32,
    beta: f32,
    // r' r at which to stop; before the first iteration, relative to the first r' r.
    goal: f32,
    going: u32,
    // Iterations begun, active or not, and those taken.
    begun: u32,
    taken: u32,
    // r' r.
    square: f32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
// inner
@group(0) @binding(1) var<storage, read> r: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;
// begin, step
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> states: array<State>;
// direction
@group(0) @binding(1) var<storage, read> known_states: array<State>;
@group(0) @binding(3) var<storage, read_write> direction: array<f32>;
// update
@group(0) @binding(2) var<storage, read> p: array<f32>;
@group(0) @binding(3) var<storage, read> image: array<f32>;
@group(0) @binding(4) var<storage, read_write> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> rest: array<f32>;
@group(0) @binding(6) var<storage, read_write> preconditioned: array<f32>;
// project
@group(0) @binding(1) var<storage, read> tie_starts: array<u32>;
@group(0) @binding(2) var<storage, read> tie_cells: array<u32>;
@group(0) @binding(3) var<storage, read_write> projected: array<f32>;

var<workgroup> sums: array<f32, LANES>;

// Where this invocation stands among all.
fn flat(group: vec3u, groups: vec3u, lane: u32) -> u32 {
    return (group.y * groups.x + group.x) * WORKGROUP + lane;
}

fn elements() -> u32 {
    return shape.cells.x * shape.cells.y * shape.cells.z * shape.cells.w;
}

// Parts of r' z and, behind them all, of r' r: thread t sums elements t, t + all threads, and so on.
@compute @workgroup_size(WORKGROUP)
fn inner(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = flat(group, groups, lane);
    let threads = shape.counts.z * shape.cells.w;
    if thread >= threads {
        return;
    }
    var sum = vec2f(0.0);
    for (var index = thread; index < elements(); index += threads) {
        sum += r[index] * vec2f(z[index], r[index]);
    }
    partial[thread] = sum.x;
    partial[threads + thread] = sum.y;
}

// The sum of one right-hand side's parts, from `first` on: always in the same order.
fn total(first: u32, column: u32, lane: u32) -> f32 {
    var sum = 0.0;
    for (var part = lane; part < shape.counts.z; part += LANES) {
        sum += parts[first + part * shape.cells.w + column];
    }
    workgroupBarrier();
    sums[lane] = sum;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            sums[lane] += sums[lane + half];
        }
    }
    workgroupBarrier();
    return sums[0];
}

// Ends r' z and r' r; which right-hand sides go on, and beta. A workgroup a right-hand side.
@compute @workgroup_size(LANES)
fn begin(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let column = min(group.x, shape.cells.w - 1u);
    let product = total(0u, column, lane);
    let square = total(shape.counts.z * shape.cells.w, column, lane);
    if lane == 0u {
        var state = states[column];
        let first = state.begun == 0u;
        state.goal *= select(1.0, square, first);
        state.going = select(0u, state.going, square > state.goal && product > 0.0);
        state.beta = 0.0;
        if state.going > 0u && !first {
            state.beta = product / state.product;
        }
        state.product = product;
        state.square = square;
        state.begun += 1u;
        states[column] = state;
    }
}

// Ends p' A p; alpha. A workgroup a right-hand side.
@compute @workgroup_size(LANES)
fn step(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let column = min(group.x, shape.cells.w - 1u);
    let curvature = total(0u, column, lane);
    if lane == 0u {
        var state = states[column];
        state.going = select(0u, state.going, curvature > 0.0);
        state.alpha = 0.0;
        if state.going > 0u {
            state.alpha = state.product / curvature;
        }
        state.taken += state.going;
        states[column] = state;
    }
}

// p = z + beta p.
@compute @workgroup_size(WORKGROUP)
fn advance(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = flat(group, groups, lane);
    if thread >= elements() || shape.cells.w == 0u {
        return;
    }
    let beta = known_states[thread % shape.cells.w].beta;
    direction[thread] = z[thread] + select(0.0, beta * direction[thread], beta != 0.0);
}

// x + alpha p, r - alpha A p. The solution starts from zero in the first iteration, and the next preconditioned
// residual always does.
@compute @workgroup_size(WORKGROUP)
fn update(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = flat(group, groups, lane);
    if thread >= elements() || shape.cells.w == 0u {
        return;
    }
    let column = thread % shape.cells.w;
    let alpha = known_states[column].alpha;
    let before = select(x[thread], 0.0, known_states[column].begun == 1u);
    x[thread] = before + select(0.0, alpha * p[thread], alpha != 0.0);
    rest[thread] -= select(0.0, alpha * image[thread], alpha != 0.0);
    preconditioned[thread] = 0.0;
}

// Tied cells get their mean.
@compute @workgroup_size(WORKGROUP)
fn project(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = flat(group, groups, lane);
    let columns = shape.cells.w;
    let tie = thread / columns;
    if tie >= shape.counts.w {
        return;
    }
    let end = tie_starts[tie + 1u];
    var sum = 0.0;
    for (var at = tie_starts[tie]; at < end; at++) {
        sum += projected[tie_cells[at] * columns + thread % columns];
    }
    let mean = sum / f32(end - tie_starts[tie]);
    for (var at = tie_starts[tie]; at < end; at++) {
        projected[tie_cells[at] * columns + thread % columns] = mean;
    }
}
