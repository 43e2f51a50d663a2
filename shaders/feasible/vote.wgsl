// Votes as a gather: a cell looks at the windows that cover it and reads the labels of their matches. Runs once for each
// part of the labels; a match whose labels lie in another part is left to that one.

struct Ballot {
    cells: vec4u,     // nx, ny, nz, their product
    positions: vec4u, // admissible origins along x, y, z
    runs: u32,
    first: u32,       // first cell, over all images, of this part of the labels
    count: u32,       // number of cells of this part
    single: u32,      // 1 where a cell hears one window alone
    floor: f32,       // added to costs before they become weights
    weighted: u32,
}

@group(0) @binding(0) var<uniform> ballot: Ballot;
@group(0) @binding(1) var<storage, read> runs: array<vec4u>;      // first dx, dy, dz, length
@group(0) @binding(2) var<storage, read> window_at: array<u32>;   // by origin: number of the window + 1, or 0
@group(0) @binding(3) var<storage, read> matches: array<u32>;
@group(0) @binding(4) var<storage, read> starts: array<u32>;      // by reference: its first cell over all images
@group(0) @binding(5) var<storage, read> labels: array<u32>;
@group(0) @binding(6) var<storage, read> audience: array<u32>;
@group(0) @binding(7) var<storage, read_write> votes: array<u32>; // counts, or sum and weight as bits of f32
@group(0) @binding(8) var<storage, read> costs: array<f32>;

// The origins along x whose windows have this cell in a run: from x to below y.
fn reach(cell: vec3u, run: vec4u) -> vec2u {
    if cell.y < run.y || cell.z < run.z || cell.x < run.x {
        return vec2u();
    }
    if cell.y - run.y >= ballot.positions.y || cell.z - run.z >= ballot.positions.z {
        return vec2u();
    }
    let last = cell.x - run.x;
    let first = select(0u, last + 1u - run.w, last + 1u > run.w);
    return vec2u(first, min(last + 1u, ballot.positions.x));
}

fn position(index: u32) -> vec3u {
    return vec3u(index % ballot.cells.x, index / ballot.cells.x % ballot.cells.y, index / (ballot.cells.x * ballot.cells.y));
}

// Number of the window with this origin that the cell hears, plus one; 0 for none.
fn heard(index: u32, origin: u32) -> u32 {
    let window = window_at[origin];
    if ballot.single == 1u && audience[index] + 1u != window {
        return 0u;
    }
    return window;
}

// The place of a label in this part, or a place beyond its end.
fn place(window: u32, j: u32, offset: u32) -> u32 {
    return starts[matches[(window - 1u) * NEIGHBOURS + j]] + offset - ballot.first;
}

// Counts of the slices of a group's cells: kinds by slices by cells.
var<workgroup> shares: array<u32, KINDS * SLICES * CELLS>;

// A group counts for CELLS cells in a row, each of whose runs are shared out to SLICES invocations: a cell alone has too
// little work for a device and too many dependent reads. Whole numbers add to the same count in any order.
@compute @workgroup_size(CELLS, SLICES)
fn count(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_id) own: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let index = (group.y * groups.x + group.x) * CELLS + own.x;
    let inside = index < ballot.cells.w;
    let cell = position(min(index, ballot.cells.w - 1u));
    var counts = array<u32, KINDS>();
    for (var r = own.y; inside && r < ballot.runs; r += SLICES) {
        let run = runs[r];
        let range = reach(cell, run);
        let row = ((cell.z - run.z) * ballot.cells.y + cell.y - run.y) * ballot.cells.x;
        for (var x = range.x; x < range.y; x++) {
            let window = heard(index, row + x);
            if window > 0u {
                for (var j = 0u; j < NEIGHBOURS; j++) {
                    let at = place(window, j, index - row - x);
                    if at < ballot.count {
                        counts[(labels[at / PER_WORD] >> (at % PER_WORD * BITS)) & MASK] += 1u;
                    }
                }
            }
        }
    }
    for (var kind = 0u; kind < KINDS; kind++) {
        shares[(kind * SLICES + own.y) * CELLS + own.x] = counts[kind];
    }
    workgroupBarrier();
    if own.y > 0u || !inside {
        return;
    }
    for (var kind = 0u; kind < KINDS; kind++) {
        var total = 0u;
        for (var slice = 0u; slice < SLICES; slice++) {
            total += shares[(kind * SLICES + slice) * CELLS + own.x];
        }
        votes[kind * ballot.cells.w + index] += total;
    }
}

@compute @workgroup_size(64)
fn sum(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let index = id.y * groups.x * 64u + id.x;
    if index >= ballot.cells.w {
        return;
    }
    let cell = position(index);
    var total = vec2f();
    for (var r = 0u; r < ballot.runs; r++) {
        let run = runs[r];
        let range = reach(cell, run);
        let row = ((cell.z - run.z) * ballot.cells.y + cell.y - run.y) * ballot.cells.x;
        // The sum of a run is added as a whole: rounding grows with the run and with the number of runs, not with both.
        var part = vec2f();
        for (var x = range.x; x < range.y; x++) {
            let window = heard(index, row + x);
            if window > 0u {
                for (var j = 0u; j < NEIGHBOURS; j++) {
                    let at = place(window, j, index - row - x);
                    if at < ballot.count {
                        let cost = costs[(window - 1u) * NEIGHBOURS + j];
                        let weight = select(1.0, ballot.floor / (cost + ballot.floor), ballot.weighted == 1u);
                        part += weight * vec2f(bitcast<f32>(labels[at]), 1.0);
                    }
                }
            }
        }
        total += part;
    }
    let other = ballot.cells.w + index;
    votes[index] = bitcast<u32>(bitcast<f32>(votes[index]) + total.x);
    votes[other] = bitcast<u32>(bitcast<f32>(votes[other]) + total.y);
}
