// Every cell takes the mean of its votes.

@group(0) @binding(0) var<storage, read> votes: array<u32>; // sum and weight as bits of f32
@group(0) @binding(1) var<storage, read> voters: array<u32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;

@compute @workgroup_size(64)
fn average(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let index = id.y * groups.x * 64u + id.x;
    let cells = arrayLength(&voters);
    if index < cells {
        let voter = voters[index];
        mean[index] = bitcast<f32>(votes[voter]) / bitcast<f32>(votes[cells + voter]);
    }
}
