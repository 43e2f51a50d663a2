// The kernels of a multigrid cycle on a structured grid, for many right-hand sides at once, and the product with the
// operator: what `multigrid/` does in f64.
//
// Cell (i, j, k) of right-hand side c lies at ((k ny + j) nx + i) R + c: neighbouring threads take neighbouring
// right-hand sides of one cell, whose coefficients they share. Each coupling is stored once, at the first of its cells.
//
// The prelude defines WORKGROUP; OFFSETS, the most couplings that are stored of a cell; LINES, the invocations of a
// workgroup of `relax_together`; PARTS and COLUMNS, those of `coarsest`.

struct Shape {
    // nx, ny, nz, and the right-hand sides R.
    cells: vec4u,
    // Cells of the coarser grid along x and y, and how many cells of this one go for one.
    coarse: vec4u,
    // Parity of i and j of the lines that are relaxed, and their number along x and y.
    lines: vec4u,
    // Couplings of a cell, which of them is the one with the cell above, threads a right-hand side of a reduction, ties.
    counts: vec4u,
    // (di, dj, dk) of each coupling.
    offsets: array<vec4i, OFFSETS>,
}

@group(0) @binding(0) var<uniform> shape: Shape;
// relax, residual, product
@group(0) @binding(1) var<storage, read> couplings: array<f32>;
@group(0) @binding(2) var<storage, read> surplus: array<f32>;
@group(0) @binding(3) var<storage, read_write> x: array<f32>;
@group(0) @binding(4) var<storage, read> known: array<f32>;
// relax
@group(0) @binding(5) var<storage, read> inverse_pivots: array<f32>;
@group(0) @binding(6) var<storage, read_write> scratch: array<f32>;
// residual
@group(0) @binding(5) var<storage, read_write> rest: array<f32>;
// product
@group(0) @binding(4) var<storage, read_write> image: array<f32>;
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;
// gather, scatter
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> fine: array<f32>;
@group(0) @binding(3) var<storage, read_write> coarse_known: array<f32>;
@group(0) @binding(4) var<storage, read_write> coarse_x: array<f32>;
@group(0) @binding(2) var<storage, read> correction: array<f32>;
// coarsest
@group(0) @binding(1) var<storage, read> inverse: array<f32>;
@group(0) @binding(2) var<storage, read> coarsest_known: array<f32>;

// Where this invocation stands among all.
fn flat(group: vec3u, groups: vec3u, lane: u32) -> u32 {
    return (group.y * groups.x + group.x) * WORKGROUP + lane;
}

fn count() -> u32 {
    return shape.cells.x * shape.cells.y * shape.cells.z;
}

fn number(at: vec3u) -> u32 {
    return (at.z * shape.cells.y + at.y) * shape.cells.x + at.x;
}

fn place(cell: u32) -> vec3u {
    let row = cell / shape.cells.x;
    return vec3u(cell % shape.cells.x, row % shape.cells.y, row / shape.cells.y);
}

// A x in a cell, from differences: it is rounded by the size of the flows, and not of x, however flat x is.
fn product_at(at: vec3u, column: u32) -> f32 {
    let columns = shape.cells.w;
    let cell = number(at);
    let own = x[cell * columns + column];
    var sum = surplus[cell] * own;
    for (var e = 0u; e < min(shape.counts.x, OFFSETS); e++) {
        let offset = shape.offsets[e].xyz;
        // A neighbour below the first cell wraps to a huge number. The cell itself, from which nothing flows, stands for
        // one outside: without branches the loads need not wait for each other.
        let next = vec3u(vec3i(at) + offset);
        let above = select(cell, number(next), all(next < shape.cells.xyz));
        let last = vec3u(vec3i(at) - offset);
        let below = select(cell, number(last), all(last < shape.cells.xyz));
        sum += couplings[e * count() + cell] * (x[above * columns + column] - own);
        sum += couplings[e * count() + below] * (x[below * columns + column] - own);
    }
    return sum;
}

// Solves the vertical lines of one colour for their neighbours as they stand: T delta = (b - A x) along the line, by
// the factors of T = L D L', and x + delta.
@compute @workgroup_size(WORKGROUP)
fn relax(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = flat(group, groups, lane);
    let columns = shape.cells.w;
    let column = thread % columns;
    let line = thread / columns;
    if line >= shape.lines.z * shape.lines.w {
        return;
    }
    let i = 2u * (line % shape.lines.z) + shape.lines.x;
    let j = 2u * (line / shape.lines.z) + shape.lines.y;
    let layers = shape.cells.z;
    let layer = shape.cells.x * shape.cells.y;
    let vertical = shape.counts.y * count();
    var carried = 0.0;
    for (var k = 0u; k < layers; k++) {
        let at = vec3u(i, j, k);
        let cell = number(at);
        var part = known[cell * columns + column] - product_at(at, column);
        if k > 0u {
            part -= couplings[vertical + cell - layer] * carried;
        }
        carried = part * inverse_pivots[cell];
        scratch[cell * columns + column] = carried;
    }
    var delta = 0.0;
    for (var back = 1u; back <= layers; back++) {
        let cell = number(vec3u(i, j, layers - back));
        var value = scratch[cell * columns + column];
        if back > 1u {
            value -= couplings[vertical + cell] * inverse_pivots[cell] * delta;
        }
        delta = value;
        x[cell * columns + column] += delta;
    }
}

var<workgroup> values: array<f32, LINES>;
var<workgroup> upward: array<f32, LINES>;
var<workgroup> pivots: array<f32, LINES>;

// As `relax`, for 2 to LINES layers: a workgroup for a few lines, an invocation for each of their cells.
@compute @workgroup_size(LINES)
fn relax_together(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let columns = shape.cells.w;
    let layers = shape.cells.z;
    let together = LINES / max(layers, 1u);
    let k = lane / together;
    let thread = (group.y * groups.x + group.x) * together + lane % together;
    let column = thread % columns;
    let line = thread / columns;
    let inside = k < layers && line < shape.lines.z * shape.lines.w;
    let at = vec3u(2u * (line % shape.lines.z) + shape.lines.x, 2u * (line / shape.lines.z) + shape.lines.y, k);
    let cell = number(at);
    if inside {
        values[lane] = known[cell * columns + column] - product_at(at, column);
        upward[lane] = couplings[shape.counts.y * count() + cell];
        pivots[lane] = inverse_pivots[cell];
    }
    workgroupBarrier();
    if inside && k == 0u {
        var carried = 0.0;
        for (var layer = 0u; layer < layers; layer++) {
            let here = layer * together + lane;
            var part = values[here];
            if layer > 0u {
                part -= upward[here - together] * carried;
            }
            carried = part * pivots[here];
            values[here] = carried;
        }
        var delta = 0.0;
        for (var back = 1u; back <= layers; back++) {
            let here = (layers - back) * together + lane;
            var value = values[here];
            if back > 1u {
                value -= upward[here] * pivots[here] * delta;
            }
            delta = value;
            values[here] = delta;
        }
    }
    workgroupBarrier();
    if inside {
        x[cell * columns + column] += values[lane];
    }
}

// b - A x.
@compute @workgroup_size(WORKGROUP)
fn residual(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = flat(group, groups, lane);
    let columns = shape.cells.w;
    if thread < count() * columns {
        rest[thread] = known[thread] - product_at(place(thread / columns), thread % columns);
    }
}

// A x, and parts of the inner products of x with it: thread t sums elements t, t + all threads, and so on, which are
// all of one right-hand side.
@compute @workgroup_size(WORKGROUP)
fn product(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = flat(group, groups, lane);
    let columns = shape.cells.w;
    let threads = shape.counts.z * columns;
    if thread >= threads {
        return;
    }
    let column = thread % columns;
    var sum = 0.0;
    for (var index = thread; index < count() * columns; index += threads) {
        let value = product_at(place(index / columns), column);
        image[index] = value;
        sum += value * x[index];
    }
    partial[thread] = sum;
}

// The weight of a cell on the coarse cell of its own row and column (a = b = 0), the next (1).
fn weight(a: bool, b: bool, cell: u32) -> f32 {
    return weights[(select(0u, 2u, b) + select(0u, 1u, a)) * count() + cell];
}

// Coarse right-hand sides P' r. Coarse solutions start from zero.
@compute @workgroup_size(WORKGROUP)
fn gather(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = flat(group, groups, lane);
    let columns = shape.cells.w;
    let column = thread % columns;
    let cell = thread / columns;
    let row = cell / shape.coarse.x;
    let k = row / shape.coarse.y;
    if k >= shape.cells.z {
        return;
    }
    let factor = shape.coarse.zw;
    let middle = vec2u(cell % shape.coarse.x, row % shape.coarse.y) * factor;
    let first = max(middle, factor - vec2u(1u)) - (factor - vec2u(1u));
    let end = min(middle + factor, shape.cells.xy);
    var sum = 0.0;
    for (var j = first.y; j < end.y; j++) {
        for (var i = first.x; i < end.x; i++) {
            let child = number(vec3u(i, j, k));
            sum += weight(i < middle.x, j < middle.y, child) * fine[child * columns + column];
        }
    }
    coarse_known[thread] = sum;
    coarse_x[thread] = 0.0;
}

// Adds P times the coarse solution.
@compute @workgroup_size(WORKGROUP)
fn scatter(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = flat(group, groups, lane);
    let columns = shape.cells.w;
    let cell = thread / columns;
    if cell >= count() {
        return;
    }
    let at = place(cell);
    let first = at.xy / shape.coarse.zw;
    // Between two kept cells there is a second parent, but for the end of the grid.
    let between = at.xy % shape.coarse.zw > vec2u(0u) & first + vec2u(1u) < shape.coarse.xy;
    var sum = 0.0;
    for (var b = 0u; b <= select(0u, 1u, between.y); b++) {
        for (var a = 0u; a <= select(0u, 1u, between.x); a++) {
            let parent = ((at.z * shape.coarse.y + first.y + b) * shape.coarse.x + first.x + a) * columns;
            sum += weight(a > 0u, b > 0u, cell) * correction[parent + thread % columns];
        }
    }
    x[thread] += sum;
}

var<workgroup> parts: array<f32, PARTS * COLUMNS>;

// The coarsest solution, by the inverse: a workgroup for one row and some right-hand sides, whose sums are cut into PARTS.
@compute @workgroup_size(PARTS * COLUMNS)
fn coarsest(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let columns = shape.cells.w;
    let block = group.y * groups.x + group.x;
    let blocks = (columns + COLUMNS - 1u) / COLUMNS;
    let row = block / blocks;
    let column = block % blocks * COLUMNS + lane % COLUMNS;
    let inside = row < count() && column < columns;
    var sum = 0.0;
    if inside {
        for (var other = lane / COLUMNS; other < count(); other += PARTS) {
            sum += inverse[row * count() + other] * coarsest_known[other * columns + column];
        }
    }
    parts[lane] = sum;
    for (var half = PARTS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half * COLUMNS {
            parts[lane] += parts[lane + half * COLUMNS];
        }
    }
    if inside && lane < COLUMNS {
        x[row * columns + column] = parts[lane];
    }
}
