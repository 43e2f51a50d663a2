// Every cell takes the code that most of its votes name (of equals the one whose value is nearest to theta, then the
// lowest), and the shares of its votes.

@group(0) @binding(0) var<storage, read> votes: array<u32>;
@group(0) @binding(1) var<storage, read> voters: array<u32>;
@group(0) @binding(2) var<storage, read> theta: array<f32>;
@group(0) @binding(3) var<storage, read> values: array<f32>;
@group(0) @binding(4) var<storage, read_write> codes: array<u32>;
@group(0) @binding(5) var<storage, read_write> probability: array<f32>;

@compute @workgroup_size(64)
fn elect(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let index = id.y * groups.x * 64u + id.x;
    let cells = arrayLength(&voters);
    if index >= cells {
        return;
    }
    let voter = voters[index];
    var best = 0u;
    var most = 0u;
    var total = 0u;
    for (var kind = 0u; kind < KINDS; kind++) {
        let count = votes[kind * cells + voter];
        let nearer = abs(values[kind] - theta[index]) < abs(values[best] - theta[index]);
        if count > most || (count == most && count > 0u && nearer) {
            best = kind;
            most = count;
        }
        total += count;
    }
    codes[index] = best;
    for (var kind = 0u; kind < KINDS; kind++) {
        probability[kind * cells + index] = f32(votes[kind * cells + voter]) / f32(total);
    }
}
