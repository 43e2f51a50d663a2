// Every line along the slowest axis of some fields times a matrix; the axis becomes the fastest one. One such product an
// axis, with the matrix of the frequencies that are kept, is the transform of `dct.rs`.
//
// The prelude defines TILE.

@group(0) @binding(0) var<uniform> shape: vec4u; // fields, lines, values of a line before, values of a line after
@group(0) @binding(1) var<storage, read> matrix: array<f32>; // [after][before]
@group(0) @binding(2) var<storage, read> fields: array<f32>; // [field][before][line]
@group(0) @binding(3) var<storage, read_write> rotated: array<f32>; // [field][line][after]

// Rows are one longer than the tile, so that columns do not meet in one memory bank.
var<workgroup> left: array<f32, TILE * (TILE + 1u)>;
var<workgroup> right: array<f32, TILE * (TILE + 1u)>;

@compute @workgroup_size(TILE, TILE)
fn rotate(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let across = (shape.y + TILE - 1u) / TILE;
    let down = (shape.w + TILE - 1u) / TILE;
    let tile = group.y * groups.x + group.x;
    let field = tile / (across * down);
    if field >= shape.x {
        return;
    }
    let first_line = tile % across * TILE;
    let first_row = tile / across % down * TILE;
    let input = field * shape.z * shape.y;
    var sum = 0.0;
    for (var first = 0u; first < shape.z; first += TILE) {
        let column = first + local.x;
        let row = first_row + local.y;
        var value = 0.0;
        if row < shape.w && column < shape.z {
            value = matrix[row * shape.z + column];
        }
        left[local.y * (TILE + 1u) + local.x] = value;
        let before = first + local.y;
        let line = first_line + local.x;
        value = 0.0;
        if before < shape.z && line < shape.y {
            value = fields[input + before * shape.y + line];
        }
        right[local.y * (TILE + 1u) + local.x] = value;
        workgroupBarrier();
        for (var q = 0u; q < TILE; q++) {
            sum += left[local.x * (TILE + 1u) + q] * right[q * (TILE + 1u) + local.y];
        }
        workgroupBarrier();
    }
    let after = first_row + local.x;
    let line = first_line + local.y;
    if after < shape.w && line < shape.y {
        rotated[(field * shape.y + line) * shape.w + after] = sum;
    }
}
