// The sum of all costs.

@group(0) @binding(0) var<storage, read> costs: array<f32>;
@group(0) @binding(1) var<storage, read_write> sum: array<f32>;

var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn total(@builtin(local_invocation_index) lane: u32) {
    var all = 0.0;
    var i = lane;
    while i < arrayLength(&costs) {
        var part = 0.0;
        for (var j = 0u; j < 64u && i < arrayLength(&costs); j++) {
            part += costs[i];
            i += LANES;
        }
        all += part;
    }
    sums[lane] = all;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            sums[lane] += sums[lane + half];
        }
    }
    if lane == 0u {
        sum[0] = sums[0];
    }
}
