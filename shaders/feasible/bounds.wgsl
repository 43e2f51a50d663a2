// products[q][r] = Σ_w queries[w][q] references[w][r]: ⟨q, r⟩ − ‖r‖²/2 of all pairs of points in a block. A workgroup makes
// 64 x 64 of them, 16 coordinates at a time; buffers are padded with zeros to whole tiles.

struct Shape {
    queries4: u32,    // padded number of windows of the map / 4
    first4: u32,      // first of the block / 4
    references4: u32, // padded number of references / 4
    steps: u32,       // padded number of coordinates / 16
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> queries: array<vec4f>;
@group(0) @binding(2) var<storage, read> references: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> products: array<vec4f>;

var<workgroup> left: array<vec4f, 256>;
var<workgroup> right: array<vec4f, 256>;

@compute @workgroup_size(256)
fn bounds(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let column = lane % 16u;
    let row = lane / 16u;
    var sum0 = vec4f();
    var sum1 = vec4f();
    var sum2 = vec4f();
    var sum3 = vec4f();
    for (var step = 0u; step < shape.steps; step++) {
        let coordinate = step * 16u + row;
        left[lane] = references[coordinate * shape.references4 + group.x * 16u + column];
        right[lane] = queries[coordinate * shape.queries4 + shape.first4 + group.y * 16u + column];
        workgroupBarrier();
        for (var d = 0u; d < 16u; d++) {
            let r = left[d * 16u + column];
            let q = right[d * 16u + row];
            sum0 += q.x * r;
            sum1 += q.y * r;
            sum2 += q.z * r;
            sum3 += q.w * r;
        }
        workgroupBarrier();
    }
    let first = (group.y * 64u + row * 4u) * shape.references4 + group.x * 16u + column;
    products[first] = sum0;
    products[first + shape.references4] = sum1;
    products[first + 2u * shape.references4] = sum2;
    products[first + 3u * shape.references4] = sum3;
}
