// One level of the periodic wavelet transform along one axis, of some fields: the twin of `wavelet/step.rs`.
//
// Lines lie along the slowest axis where they are read and along the fastest where they are written; on one side the
// box may be a corner of a larger one, which the strides of `pass` say. The prelude defines WORKGROUP.

struct Pass {
    fields: u32,
    lines: u32,
    // Values of a whole line, even.
    length: u32,
    // 1: averages alone; 2: details too.
    filters: u32,
    taps: u32,
    // On the side with strides: value t of a line is at t along + line / inner * outer + line % inner * between.
    along: u32,
    inner: u32,
    between: u32,
    outer: u32,
    // From field to field, of what is read and what is written.
    read: u32,
    written: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> pass_: Pass;
@group(0) @binding(1) var<storage, read> filters: array<f32>; // [filter][tap]
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read_write> image: array<f32>;

fn corner(line: u32) -> u32 {
    return line / pass_.inner * pass_.outer + line % pass_.inner * pass_.between;
}

// Averages, then details, of every line.
@compute @workgroup_size(WORKGROUP)
fn analyze(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = (group.y * groups.x + group.x) * WORKGROUP + lane;
    let half = pass_.length / 2u;
    let count = half * pass_.filters;
    let line = thread % pass_.lines;
    let t = thread / pass_.lines % count;
    let field = thread / (pass_.lines * count);
    if field >= pass_.fields {
        return;
    }
    let start = field * pass_.read + corner(line);
    let taps = t / half * pass_.taps;
    var row = (2u * (t % half) + pass_.taps * pass_.length + 1u - pass_.taps / 2u) % pass_.length;
    var sum = 0.0;
    for (var m = 0u; m < pass_.taps; m++) {
        sum += filters[taps + m] * values[start + row * pass_.along];
        row = select(row + 1u, 0u, row + 1u == pass_.length);
    }
    image[field * pass_.written + line * count + t] = sum;
}

// The transpose of `analyze`.
@compute @workgroup_size(WORKGROUP)
fn synthesize(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = (group.y * groups.x + group.x) * WORKGROUP + lane;
    let half = pass_.length / 2u;
    let line = thread % pass_.lines;
    let x = thread / pass_.lines % pass_.length;
    let field = thread / (pass_.lines * pass_.length);
    if field >= pass_.fields {
        return;
    }
    let shifted = x + pass_.taps / 2u - 1u;
    var sum = 0.0;
    for (var part = 0u; part < pass_.filters; part++) {
        let start = field * pass_.read + part * half * pass_.lines + line;
        var row = shifted / 2u % half;
        for (var m = shifted % 2u; m < pass_.taps; m += 2u) {
            sum += filters[part * pass_.taps + m] * values[start + row * pass_.lines];
            row = select(row - 1u, half - 1u, row == 0u);
        }
    }
    image[field * pass_.written + corner(line) + x * pass_.along] = sum;
}
