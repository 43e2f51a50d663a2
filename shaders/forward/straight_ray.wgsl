// Travel times along straight rays, and their transpose. One invocation marches one ray, column by column along its long
// axis, as `path.rs` does in f64; distances are in cells from the point where the ray enters the grid, so that f32 keeps
// them to 2^-24 of the ray's own length.
//
// The transpose adds into cells in an order that no one knows, and yet gives the same bits every time: the terms are
// integers, 64 bits in two words, and sums of integers do not depend on their order.
//
// The prelude defines WORKGROUP, and BLOCK: columns whose terms are added up before they join the sum.

struct Minor2 {
    // Distance to the first face crossed, and between two.
    first: vec2f,
    spacing: vec2f,
    crossings: vec2u,
    step: vec2i,
    // Offset of the neighbour that shares the ray, or 0.
    twin: vec2u,
}

struct Path {
    cell: u32,
    stride: u32,
    columns: u32,
    boundary: f32,
    end: f32,
    // 1, 1/2 or 1/4: what each of the cells that share the ray gets.
    share: f32,
    minor: Minor2,
}

// Larger than any distance: WGSL promises no infinity.
const FAR: f32 = 3.0e38;
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

// Where a march stands.
struct March {
    column: u32,
    cell: u32,
    start: f32,
    crossed: vec2u,
}

// The cells of a column: up to three, and the lengths in them.
struct Column {
    cells: vec3u,
    lengths: vec3f,
}

fn crossing(minor: Minor2, crossed: vec2u) -> vec2f {
    return select(vec2f(FAR), minor.first + vec2f(crossed) * minor.spacing, crossed < minor.crossings);
}

fn advance(path: Path, march: ptr<function, March>) -> Column {
    let here = *march;
    let end = select(min(path.boundary + f32(here.column), path.end), path.end, here.column + 1u == path.columns);
    let next = crossing(path.minor, here.crossed);
    let crosses = next < vec2f(end);
    let step = select(vec2i(0), path.minor.step, crosses);
    let first = clamp(min(next.x, next.y), here.start, end);
    let second = clamp(max(next.x, next.y), here.start, end);
    let middle = i32(here.cell) + select(step.y, step.x, next.x < next.y);
    let last = i32(here.cell) + step.x + step.y;
    *march = March(here.column + 1u, u32(last) + path.stride, end, here.crossed + vec2u(crosses));
    return Column(vec3u(here.cell, u32(middle), u32(last)), vec3f(first - here.start, second - first, end - second));
}

// Number of marches: 1, 2 on a face, 4 on an edge.
fn strands(path: Path) -> u32 {
    return select(1u, 2u, path.minor.twin.x > 0u) * select(1u, 2u, path.minor.twin.y > 0u);
}

fn begin(path: Path, strand: u32) -> March {
    // Where only the second axis has a twin, strand 1 is its.
    let in_x = select(0u, strand & 1u, path.minor.twin.x > 0u);
    let in_y = select(strand & 1u, strand >> 1u, path.minor.twin.x > 0u);
    return March(0u, path.cell - in_x * path.minor.twin.x - in_y * path.minor.twin.y, 0.0, vec2u(0u));
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
