// Travel times along straight rays, and their transpose. One invocation marches one ray, column by column along its long
// axis, as `path.rs` does in f64.
//
// Distances along the long axis are fixed-point numbers, whole columns and a fraction, so that a length is the exact
// difference of two fractions and keeps its digits however far the ray has come: fractions have 31 bits, the face of a
// column being HALF; the place where a face of another axis is crossed carries 32, and nothing accumulates but the
// rounding of one spacing.
//
// The transpose adds into cells in an order that no one knows, and yet gives the same bits every time: the terms are
// integers, 64 bits in two words, and sums of integers do not depend on their order.
//
// The prelude defines WORKGROUP, and BLOCK: columns whose terms are added up before they join the sum.

struct Path {
    cell: u32,
    stride: u32,
    columns: u32,
    // 1, 1/2 or 1/4: what each of the cells that share the ray gets.
    share: f32,
    // Where the ray enters its first column and leaves its last.
    entry: u32,
    exit: u32,
    // The other two axes. Where the first face is crossed, and the distance between two: columns and fraction.
    first_column: vec2u,
    first_fraction: vec2u,
    spacing_columns: vec2u,
    spacing_fraction: vec2u,
    crossings: vec2u,
    step: vec2i,
    // Offset of the neighbour that shares the ray, or 0.
    twin: vec2u,
}

// The far face of a column.
const HALF: u32 = 0x80000000u;
const TWO_32: f32 = 4294967296.0;

@group(0) @binding(0) var<storage, read> paths: array<Path>;
// forward
@group(0) @binding(1) var<storage, read> slowness: array<f32>;
@group(0) @binding(2) var<storage, read_write> times: array<f32>;
// adjoint
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> low: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read_write> high: array<atomic<u32>>;
// collect
@group(0) @binding(0) var<storage, read_write> image: array<f32>;
@group(0) @binding(1) var<storage, read_write> collected_low: array<u32>;
@group(0) @binding(2) var<storage, read_write> collected_high: array<u32>;

// Where a march stands: its column and cell, and for both other axes the next crossing and how many are still to come.
struct March {
    column: u32,
    cell: u32,
    next_column: vec2u,
    next_fraction: vec2u,
    left: vec2u,
}

// The cells of a column: up to three, and the lengths in them.
struct Column {
    cells: vec3u,
    lengths: vec3f,
}

fn advance(path: Path, march: ptr<function, March>) -> Column {
    let here = *march;
    let start = select(0u, path.entry, here.column == 0u);
    let end = select(HALF, path.exit, here.column + 1u == path.columns);
    // A crossing that rounding has left behind is made at once; one that is not in this column, at its end.
    let ahead = vec2u(here.column) < here.next_column | here.left == vec2u(0u);
    let place = select(here.next_fraction >> vec2u(1u), vec2u(0u), here.next_column < vec2u(here.column));
    let next = select(clamp(place, vec2u(start), vec2u(end)), vec2u(end), ahead);
    let crosses = next < vec2u(end);
    let step = select(vec2i(0), path.step, crosses);
    let middle = i32(here.cell) + select(step.y, step.x, next.x < next.y);
    let last = i32(here.cell) + step.x + step.y;
    let fraction = here.next_fraction + path.spacing_fraction;
    let carry = select(vec2u(0u), vec2u(1u), fraction < here.next_fraction);
    *march = March(
        here.column + 1u,
        u32(last) + path.stride,
        select(here.next_column, here.next_column + path.spacing_columns + carry, crosses),
        select(here.next_fraction, fraction, crosses),
        here.left - vec2u(crosses),
    );
    let first = min(next.x, next.y);
    let second = max(next.x, next.y);
    let lengths = vec3f(vec3u(first - start, second - first, end - second)) / f32(HALF);
    return Column(vec3u(here.cell, u32(middle), u32(last)), lengths);
}

// Number of marches: 1, 2 on a face, 4 on an edge.
fn strands(path: Path) -> u32 {
    return select(1u, 2u, path.twin.x > 0u) * select(1u, 2u, path.twin.y > 0u);
}

fn begin(path: Path, strand: u32) -> March {
    // Where only the second axis has a twin, strand 1 is its.
    let in_x = select(0u, strand & 1u, path.twin.x > 0u);
    let in_y = select(strand & 1u, strand >> 1u, path.twin.x > 0u);
    let cell = path.cell - in_x * path.twin.x - in_y * path.twin.y;
    return March(0u, cell, path.first_column, path.first_fraction, path.crossings);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let ray = id.y * groups.x * WORKGROUP + id.x;
    if ray >= arrayLength(&times) || ray >= arrayLength(&paths) {
        return;
    }
    let path = paths[ray];
    let most = arrayLength(&slowness) - 1u;
    var sum = 0.0;
    for (var strand = 0u; strand < strands(path); strand++) {
        var march = begin(path, strand);
        while march.column < path.columns {
            var part = 0.0;
            for (let stop = min(march.column + BLOCK, path.columns); march.column < stop;) {
                let column = advance(path, &march);
                let cells = min(column.cells, vec3u(most));
                part += dot(column.lengths, vec3f(slowness[cells.x], slowness[cells.y], slowness[cells.z]));
            }
            sum += part;
        }
    }
    times[ray] = sum * path.share;
}

// Adds `term`, below 2^62 in magnitude, to the 64-bit integer of a cell.
fn add(cell: u32, term: f32) {
    if term == 0.0 || cell >= arrayLength(&low) || cell >= arrayLength(&high) {
        return;
    }
    let size = abs(term);
    var upper = u32(size / TWO_32);
    var lower = u32(size - f32(upper) * TWO_32);
    if term < 0.0 {
        lower = ~lower + 1u;
        upper = ~upper + select(0u, 1u, lower == 0u);
    }
    let before = atomicAdd(&low[cell], lower);
    upper += select(0u, 1u, before > ~lower);
    if upper != 0u {
        atomicAdd(&high[cell], upper);
    }
}

@compute @workgroup_size(WORKGROUP)
fn adjoint(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let ray = id.y * groups.x * WORKGROUP + id.x;
    if ray >= arrayLength(&weights) || ray >= arrayLength(&paths) {
        return;
    }
    let path = paths[ray];
    let weight = weights[ray] * path.share;
    for (var strand = 0u; strand < strands(path); strand++) {
        var march = begin(path, strand);
        while march.column < path.columns {
            let column = advance(path, &march);
            let terms = column.lengths * weight;
            add(column.cells.x, terms.x);
            add(column.cells.y, terms.y);
            add(column.cells.z, terms.z);
        }
    }
}

// Integers to f32, leaving zeros for the next transpose.
@compute @workgroup_size(WORKGROUP)
fn collect(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let cell = id.y * groups.x * WORKGROUP + id.x;
    if cell >= arrayLength(&image) || cell >= arrayLength(&collected_low) || cell >= arrayLength(&collected_high) {
        return;
    }
    var lower = collected_low[cell];
    var upper = collected_high[cell];
    let negative = upper >= 0x80000000u;
    if negative {
        lower = ~lower + 1u;
        upper = ~upper + select(0u, 1u, lower == 0u);
    }
    let size = f32(upper) * TWO_32 + f32(lower);
    image[cell] = select(size, -size, negative);
    collected_low[cell] = 0u;
    collected_high[cell] = 0u;
}
