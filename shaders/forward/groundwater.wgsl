// Derivatives of the balance of every cell by the property of all, times blocks of directions: what the faces between
// cells bring to `derivative.rs`.
//
// With w_f = C (dln C / du_c) (h_d - h_c) of face f of cell c towards d, the balance of c gains w_f for u_c and, since
// what a face brings to one cell it takes from the other, minus d's own weight of the same face for u_d.
//
// Cell (i, j, k) of direction r lies at ((k ny + j) nx + i) R + r. The prelude defines WORKGROUP.

@group(0) @binding(0) var<uniform> cells: vec4u;
// Faces towards -x, +x, -y, +y, -z, +z: one number a cell, face by face.
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> image: array<f32>;

// The neighbour of a cell beyond a face; as many cells as there are where the grid ends.
fn neighbour(cell: u32, face: u32) -> u32 {
    let count = cells.x * cells.y * cells.z;
    let axis = face / 2u;
    let stride = select(select(1u, cells.x, axis == 1u), cells.x * cells.y, axis == 2u);
    let at = cell / stride % cells[axis];
    if face % 2u == 1u {
        return select(count, cell + stride, at + 1u < cells[axis]);
    }
    return select(count, cell - stride, at > 0u);
}

// The change of the balances for a change x of the property.
@compute @workgroup_size(WORKGROUP)
fn tangent(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = (group.y * groups.x + group.x) * WORKGROUP + lane;
    let count = cells.x * cells.y * cells.z;
    let cell = thread / cells.w;
    if cell >= count {
        return;
    }
    var sum = 0.0;
    for (var face = 0u; face < 6u; face++) {
        let other = neighbour(cell, face);
        if other < count {
            let own = weights[face * count + cell] * x[thread];
            sum += own - weights[(face ^ 1u) * count + other] * x[other * cells.w + thread % cells.w];
        }
    }
    image[thread] = sum;
}

// The change of x' balances for a change of the property.
@compute @workgroup_size(WORKGROUP)
fn adjoint(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = (group.y * groups.x + group.x) * WORKGROUP + lane;
    let count = cells.x * cells.y * cells.z;
    let cell = thread / cells.w;
    if cell >= count {
        return;
    }
    var sum = 0.0;
    for (var face = 0u; face < 6u; face++) {
        let other = neighbour(cell, face);
        if other < count {
            sum += weights[face * count + cell] * (x[thread] - x[other * cells.w + thread % cells.w]);
        }
    }
    image[thread] = sum;
}
