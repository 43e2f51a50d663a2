// What the components leave of each window: completes its point with ρ = √(‖x‖² − ‖Px‖²) and a one (for the reference's
// −‖r‖²/2), and writes the point's squared norm and the bound of its error.

struct Shape {
    windows: u32,
    stride: u32,      // padded number of windows
    components: u32,
    cells: u32,
    shift: f32,
    error: f32,       // of a projection, relative to ‖x‖
    alone: u32,       // 1 where points alone decide: no residual, no error
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> theta: array<f32>;
@group(0) @binding(2) var<storage, read> origins: array<u32>;
@group(0) @binding(3) var<storage, read> offsets: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> points: array<f32>;
@group(0) @binding(5) var<storage, read_write> norms: array<vec2f>;

var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn residual(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let query = group.y * groups.x + group.x;
    let inside = query < shape.windows;
    let origin = origins[min(query, shape.windows - 1u)];
    var total = 0.0;
    var i = lane;
    while i < shape.cells {
        var part = 0.0;
        for (var j = 0u; j < 16u && i < shape.cells; j++) {
            let x = theta[origin + offsets[i].x] - shape.shift;
            part += x * x;
            i += LANES;
        }
        total += part;
    }
    sums[lane] = total;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            sums[lane] += sums[lane + half];
        }
    }
    if lane == 0u && inside {
        var projected = 0.0;
        for (var j = 0u; j < shape.components; j++) {
            let p = points[j * shape.stride + query];
            projected += p * p;
        }
        let norm2 = sums[0];
        let residual = select(sqrt(max(norm2 - projected, 0.0)), 0.0, shape.alone == 1u);
        points[shape.components * shape.stride + query] = residual;
        points[(shape.components + 1u) * shape.stride + query] = 1.0;
        let square = 4.0 * shape.error * norm2;
        let error = shape.error * sqrt(norm2) + min(sqrt(square), square / max(residual, 1e-30));
        norms[query] = vec2f(projected + residual * residual, select(error, 0.0, shape.alone == 1u));
    }
}
