// The NEIGHBOURS cheapest references of each window of the map, among those of one block and those kept from the blocks
// before. A workgroup serves one window: lanes look for references that the bound leaves, the most promising one of all
// lanes is compared directly by all of them together, and so on until the bound excludes the rest. No atomics: the order
// is a function of the numbers alone.

struct Block {
    queries: u32,        // windows of the map in this block
    first: u32,          // number of the first of them
    references: u32,
    stride: u32,         // padded number of references
    cells: u32,
    weight: f32,         // of a contradiction of hard data
    largest_error: f32,  // of the references' points
    largest_norm2: f32,
    rounding: f32,       // of a product, relative to the norms
    slack: f32,          // 1 + the relative rounding of two costs
}

@group(0) @binding(0) var<uniform> block: Block;
@group(0) @binding(1) var<storage, read> theta: array<f32>;
@group(0) @binding(2) var<storage, read> origins: array<u32>;
@group(0) @binding(3) var<storage, read> offsets: array<vec2u>;    // in theta, in images
@group(0) @binding(4) var<storage, read> images: array<f32>;
@group(0) @binding(5) var<storage, read> references: array<vec4u>; // start in images, number, start in labels
@group(0) @binding(6) var<storage, read> products: array<f32>;
@group(0) @binding(7) var<storage, read> norms: array<vec2f>;
@group(0) @binding(8) var<storage, read> covered_from: array<u32>; // first of a window's hard data in `covered`
@group(0) @binding(9) var<storage, read> covered: array<vec2u>;    // offset in the window, datum
@group(0) @binding(10) var<storage, read> labels: array<u32>;
@group(0) @binding(11) var<storage, read_write> kept_costs: array<f32>;
@group(0) @binding(12) var<storage, read_write> kept_numbers: array<u32>;

const NONE = 0xffffffffu;
const HUGE = 3.0e38;

var<workgroup> costs: array<f32, NEIGHBOURS>;
var<workgroup> numbers: array<u32, NEIGHBOURS>;
var<workgroup> values: array<f32, LANES>;
var<workgroup> places: array<u32, LANES>;
var<workgroup> chosen: u32;
var<workgroup> limit: f32;

// What contradictions of hard data under window `query` cost the reference with these labels.
fn penalty(query: u32, start: u32) -> f32 {
    var sum = 0.0;
    for (var i = covered_from[query]; i < covered_from[query + 1u]; i++) {
        let cell = start + covered[i].x;
        if FACIES {
            let code = (labels[cell / PER_WORD] >> (cell % PER_WORD * BITS)) & MASK;
            sum += select(0.0, 1.0, code != covered[i].y);
        } else {
            let difference = bitcast<f32>(labels[cell]) - bitcast<f32>(covered[i].y);
            sum += difference * difference;
        }
    }
    return block.weight * sum;
}

fn product(row: u32, at: u32) -> f32 {
    return products[row * block.stride + at] - 0.5 * penalty(block.first + row, references[at].z);
}

// The place of the largest value of all lanes, the lowest of equals; NONE where no lane has one.
fn choose(lane: u32, value: f32, place: u32) -> u32 {
    values[lane] = value;
    places[lane] = place;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            let other = values[lane + half];
            if other > values[lane] || (other == values[lane] && places[lane + half] < places[lane]) {
                values[lane] = other;
                places[lane] = places[lane + half];
            }
        }
    }
    workgroupBarrier();
    if lane == 0u {
        chosen = places[0];
    }
    return workgroupUniformLoad(&chosen);
}

fn is_kept(number: u32) -> bool {
    for (var j = 0u; j < NEIGHBOURS; j++) {
        if numbers[j] == number {
            return true;
        }
    }
    return false;
}

fn keep(cost: f32, number: u32) {
    var place = NEIGHBOURS;
    while place > 0u && (costs[place - 1u] > cost || (costs[place - 1u] == cost && numbers[place - 1u] > number)) {
        place--;
    }
    if place < NEIGHBOURS {
        for (var j = NEIGHBOURS - 1u; j > place; j--) {
            costs[j] = costs[j - 1u];
            numbers[j] = numbers[j - 1u];
        }
        costs[place] = cost;
        numbers[place] = number;
    }
    limit = costs[NEIGHBOURS - 1u];
}

// Compares a reference cell by cell and keeps it where it is cheap enough.
fn compare(lane: u32, query: u32, place: u32) {
    let reference = references[place];
    let origin = origins[query];
    var total = 0.0;
    var i = lane;
    while i < block.cells {
        var part = 0.0;
        for (var j = 0u; j < 16u && i < block.cells; j++) {
            let offset = offsets[i];
            let difference = theta[origin + offset.x] - images[reference.x + offset.y];
            part += difference * difference;
            i += LANES;
        }
        total += part;
    }
    values[lane] = total;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            values[lane] += values[lane + half];
        }
    }
    if lane == 0u && !is_kept(reference.y) {
        keep(values[0] + penalty(query, reference.z), reference.y);
    }
    workgroupBarrier();
}

// References with a smaller product cost more than `most`.
fn least_product(most: f32, norms: vec2f) -> f32 {
    if most >= HUGE {
        return -HUGE;
    }
    let distance = sqrt(most * block.slack) + norms.y + block.largest_error;
    let rounding = block.rounding * (norms.x + 2.0 * block.largest_norm2);
    return 0.5 * (norms.x - distance * distance * (1.0 + 1e-6) - rounding);
}

@compute @workgroup_size(LANES)
fn nearest(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.y * groups.x + group.x;
    if row >= block.queries {
        return;
    }
    let query = block.first + row;
    for (var j = lane; j < NEIGHBOURS; j += LANES) {
        costs[j] = kept_costs[query * NEIGHBOURS + j];
        numbers[j] = kept_numbers[query * NEIGHBOURS + j];
    }
    workgroupBarrier();
    if lane == 0u {
        limit = costs[NEIGHBOURS - 1u];
    }
    if workgroupUniformLoad(&limit) >= HUGE {
        // Nothing to go by yet: the best of each lane give a first limit.
        var value = -HUGE;
        var place = NONE;
        for (var at = lane; at < block.references; at += LANES) {
            let candidate = product(row, at);
            if candidate > value {
                value = candidate;
                place = at;
            }
        }
        for (var round = 0u; round < min(NEIGHBOURS, LANES); round++) {
            let winner = choose(lane, value, place);
            if winner == NONE {
                break;
            }
            compare(lane, query, winner);
            if winner == place {
                value = -HUGE;
                place = NONE;
            }
        }
    }
    var at = lane;
    loop {
        let least = least_product(workgroupUniformLoad(&limit), norms[query]);
        var value = -HUGE;
        while at < block.references {
            value = product(row, at);
            if value >= least && !is_kept(references[at].y) {
                break;
            }
            at += LANES;
        }
        let found = at < block.references;
        let winner = choose(lane, select(-HUGE, value, found), select(NONE, at, found));
        if winner == NONE {
            break;
        }
        compare(lane, query, winner);
        if winner == at {
            at += LANES;
        }
    }
    for (var j = lane; j < NEIGHBOURS; j += LANES) {
        kept_costs[query * NEIGHBOURS + j] = costs[j];
        kept_numbers[query * NEIGHBOURS + j] = numbers[j];
    }
}
