// The minimiser of (theta - u)^2 + beta h (u - low)^2 (u - high)^2 in every cell, as the nearest facies and the distance
// from it: the twin of `minimize` in `regularizer/discrete`.
//
// Numbers are in units of the facies' range, from the first facies on: theta below 0 and above 1 is at the first and the
// last facies. The prelude defines WORKGROUP and STEPS.

@group(0) @binding(0) var<uniform> counts: vec4u; // cells, gaps
// Each gap between two facies: low, high, b = beta h (high - low)^2 / 2.
@group(0) @binding(1) var<storage, read> gaps: array<vec4f>;
@group(0) @binding(2) var<storage, read> theta: array<f32>;
// Code of the nearest facies, and the signed distance from it.
@group(0) @binding(3) var<storage, read_write> nearest: array<vec2f>;

// The largest root of b y^3 + (1 - b) y = tau in [0, 1], by Newton's method from above.
fn well(tau: f32, b: f32) -> f32 {
    var y = 1.0;
    for (var step = 0u; step < STEPS; step++) {
        let value = (y - tau) - b * y * (1.0 - y) * (1.0 + y);
        let slope = 1.0 - b + 3.0 * b * y * y;
        let next = max(y - value / slope, tau);
        if !(next < y) {
            break;
        }
        y = next;
    }
    return y;
}

@compute @workgroup_size(WORKGROUP)
fn minimize(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let cell = (group.y * groups.x + group.x) * WORKGROUP + lane;
    if cell >= counts.x {
        return;
    }
    let here = theta[cell];
    if here <= 0.0 {
        nearest[cell] = vec2f(0.0, 0.0);
        return;
    }
    if here >= 1.0 {
        nearest[cell] = vec2f(f32(counts.y), 0.0);
        return;
    }
    var at = 0u;
    while at + 1u < counts.y && here >= gaps[at].y {
        at++;
    }
    let gap = gaps[at];
    let below = here - gap.x;
    let above = gap.y - here;
    let width = gap.y - gap.x;
    let tau = min(abs(below - above) / width, 1.0);
    let distance = 0.5 * width * (1.0 - well(tau, gap.z));
    if below > above {
        nearest[cell] = vec2f(f32(at + 1u), -distance);
    } else {
        nearest[cell] = vec2f(f32(at), distance);
    }
}
