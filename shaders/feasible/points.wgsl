// Projections of the map's windows on the components: points[j][q] = Σ_i basis[i][j] (theta[origin_q + offset_i] − shift).
//
// A workgroup makes 64 components of 64 windows, 16 cells at a time. Sums of FLUSH steps are added up apart, which keeps
// rounding at the size of one such sum. Buffers are padded: basis with zeros, origins and offsets with valid ones.

struct Shape {
    windows4: u32,    // padded number of windows / 4
    components4: u32, // padded number of components / 4
    steps: u32,       // padded number of cells / 16
    shift: f32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> theta: array<f32>;
@group(0) @binding(2) var<storage, read> origins: array<vec4u>;
@group(0) @binding(3) var<storage, read> offsets: array<vec2u>;
@group(0) @binding(4) var<storage, read> basis: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> points: array<vec4f>;

var<workgroup> left: array<vec4f, 256>;
var<workgroup> right: array<vec4f, 256>;

@compute @workgroup_size(256)
fn project(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let column = lane % 16u;
    let row = lane / 16u;
    let origin = origins[group.x * 16u + column];
    var total0 = vec4f();
    var total1 = vec4f();
    var total2 = vec4f();
    var total3 = vec4f();
    var part0 = vec4f();
    var part1 = vec4f();
    var part2 = vec4f();
    var part3 = vec4f();
    for (var step = 0u; step < shape.steps; step++) {
        let cell = step * 16u + row;
        left[lane] = basis[cell * shape.components4 + group.y * 16u + column];
        let at = origin + offsets[cell].x;
        right[lane] = vec4f(theta[at.x], theta[at.y], theta[at.z], theta[at.w]) - shape.shift;
        workgroupBarrier();
        for (var d = 0u; d < 16u; d++) {
            let b = left[d * 16u + column];
            let x = right[d * 16u + row];
            part0 += x.x * b;
            part1 += x.y * b;
            part2 += x.z * b;
            part3 += x.w * b;
        }
        workgroupBarrier();
        if step % FLUSH == FLUSH - 1u {
            total0 += part0;
            total1 += part1;
            total2 += part2;
            total3 += part3;
            part0 = vec4f();
            part1 = vec4f();
            part2 = vec4f();
            part3 = vec4f();
        }
    }
    let sums = transpose(mat4x4f(total0 + part0, total1 + part1, total2 + part2, total3 + part3));
    let first = (group.y * 64u + column * 4u) * shape.windows4 + group.x * 16u + row;
    points[first] = sums[0];
    points[first + shape.windows4] = sums[1];
    points[first + 2u * shape.windows4] = sums[2];
    points[first + 3u * shape.windows4] = sums[3];
}
