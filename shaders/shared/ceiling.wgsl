// What the device can do at best: bytes moved by a plain copy, multiply-adds in registers.

@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4f>;

@compute @workgroup_size(256)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let i = id.y * groups.x * 256u + id.x;
    if i < arrayLength(&target_) && i < arrayLength(&source) {
        target_[i] = source[i];
    }
}

// ROUNDS rounds of eight independent vec4 multiply-adds: 64 · ROUNDS flops an invocation. The chains stay bounded
// (|a| < 1), and the sum is written so that nothing can be left out.
@compute @workgroup_size(256)
fn multiply_add(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= arrayLength(&target_) || i >= arrayLength(&source) {
        return;
    }
    let a = source[i];
    let b = a * 0.5;
    var s0 = a; var s1 = a + b; var s2 = a - b; var s3 = a * 0.25;
    var s4 = b; var s5 = b * 0.5; var s6 = b - a * 0.125; var s7 = b * 0.75;
    for (var round = 0u; round < ROUNDS; round++) {
        s0 = fma(s0, a, b); s1 = fma(s1, a, b); s2 = fma(s2, a, b); s3 = fma(s3, a, b);
        s4 = fma(s4, a, b); s5 = fma(s5, a, b); s6 = fma(s6, a, b); s7 = fma(s7, a, b);
    }
    target_[i] = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
}
