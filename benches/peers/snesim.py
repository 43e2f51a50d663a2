"""SNESIM beside MPSlib (PyPI scikit-mps) on the same images, in one run: time of a realization and nearness to the image.

    python benches/peers/snesim.py IMAGES [--realizations 20] [--images NAME,...] [--neighbours 25] [--skip-ours] [--as-peer]

IMAGES is the folder of the public training images (GSLIB). Ours come from `cargo bench --bench snesim`, so both are measured
by the same lines below. MPSlib runs its search tree on one thread with the same template and number of grids, with as many
neighbours (n_cond) as the template has unless --neighbours says fewer, and with minimum counts of 0 (its default) and of 10.
`--as-peer` has ours drawn without servo, from events of one replicate and every informed node, as MPSlib draws.
A realization takes MPSlib half a minute with the three facies of Lena and some five minutes in three dimensions.
Jensen-Shannon divergences are in nats, means over realizations with their standard errors.
"""

import argparse
import importlib.metadata
import os
import pathlib
import platform
import resource
import subprocess
import tempfile

import numpy as np

if not hasattr(np, "NaN"):
    np.NaN = np.nan  # scikit-mps 0.6 was written for numpy 1
import mpslib  # noqa: E402

# name: (grid, template, grids, cells of a pattern)
IMAGES = {
    "strebelle_250x250": ((100, 100, 1), (7, 7, 1), 4, (4, 4, 1)),
    "lena_delta_3facies_598x600": ((100, 100, 1), (7, 7, 1), 4, (3, 3, 1)),
    "ellipses_500x500": ((100, 100, 1), (7, 7, 1), 4, (4, 4, 1)),
    "fluvsim_channels3d_crop125x125x50": ((50, 50, 20), (5, 5, 3), 3, (3, 3, 2)),
}


def read(path):
    """Codes of a GSLIB image as [nz, ny, nx]."""
    lines = path.read_text().split("\n", 3)
    nx, ny, nz = map(int, lines[0].split()[:3])
    return np.array(lines[3].split(), dtype=float).astype(np.int64).reshape(nz, ny, nx)


def histogram(codes, facies, size, spacing):
    """Distinct patterns of `size` (x, y, z) cells `spacing` apart, and how often each occurs."""
    reach = [(s - 1) * spacing for s in size]
    nz, ny, nx = codes.shape
    key = 0
    for z in range(size[2]):
        for y in range(size[1]):
            for x in range(size[0]):
                i, j, k = x * spacing, y * spacing, z * spacing
                window = codes[k : nz - reach[2] + k, j : ny - reach[1] + j, i : nx - reach[0] + i]
                key = key * facies + window
    return dict(zip(*np.unique(key, return_counts=True)))


def jensen_shannon(a, b):
    """Divergence of two histograms over the union of their patterns, in nats."""
    keys = sorted(set(a) | set(b))
    p = np.array([a.get(k, 0) for k in keys]) / sum(a.values())
    q = np.array([b.get(k, 0) for k in keys]) / sum(b.values())
    half = lambda p, q: 0.5 * np.sum(p[p > 0] * np.log(2 * p[p > 0] / (p + q)[p > 0]))
    return half(p, q) + half(q, p)


def connectivity(codes, facies, lag):
    """P(same body | both of the facies) at a lag along x; bodies touch at faces, edges or corners."""
    from scipy.ndimage import label

    body, _ = label(codes == facies, structure=np.ones((3, 3, 3)))
    u, v = body[..., :-lag], body[..., lag:]
    both = (u > 0) & (v > 0)
    return (u == v)[both].mean() if both.any() else np.nan


def mean(values):
    values = np.array([v for v in values if not np.isnan(v)])
    return values.mean(), values.std(ddof=1) / len(values) ** 0.5


def measures(image, realizations, facies, size):
    out = {f"JSD {s}": mean([jensen_shannon(histogram(image, facies, size, s), histogram(r, facies, size, s))
                             for r in realizations]) for s in (1, 2, 4)}
    for k in range(1, facies):
        out[f"p{k} (image {np.mean(image == k):.4f})"] = mean([np.mean(r == k) for r in realizations])
    out["connectivity 20"] = mean([connectivity(r, 1, 20) for r in realizations])
    return out


def peer(image, grid, template, grids, minimum, neighbours, realizations):
    """MPSlib's realizations and CPU seconds each, reading its image included."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.getcwd()
        os.chdir(folder)
        nodes = neighbours or int(np.prod(template)) - 1
        model = mpslib.mpslib(method="mps_snesim_tree", n_real=realizations, rseed=1, verbose_level=-1, n_threads=1,
                              simulation_grid_size=np.array(grid), template_size=np.array(template),
                              n_multiple_grids=grids - 1, n_min_node_count=minimum, n_cond=nodes)
        model.ti = image.transpose(2, 1, 0)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        model.run()
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        os.chdir(before)
    if model.sim is None or len(model.sim) != realizations:
        raise SystemExit("MPSlib left no realizations")
    seconds = now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime
    return [np.asarray(sim).astype(np.int64).transpose(2, 1, 0) for sim in model.sim], seconds / realizations


def ours(images, name, grid, realizations, as_peer):
    """Our realizations and the line that the bench prints."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["cargo", "bench", "--bench", "snesim", "--", "--images", str(images.resolve()), "--only", name,
                   "--realizations", str(realizations), "--write", folder] + ["--as-peer"] * as_peer
        printed = subprocess.run(command, check=True, capture_output=True, text=True,
                                 cwd=pathlib.Path(__file__).parents[2]).stdout
        raw = np.fromfile(pathlib.Path(folder) / f"{name}.u8", dtype=np.uint8).astype(np.int64)
    return list(raw.reshape(realizations, grid[2], grid[1], grid[0])), printed


def show(who, values):
    print(f"  {who:22s}", "  ".join(f"{k} {m:.4f}±{s:.4f}" for k, (m, s) in values.items()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--realizations", type=int, default=20)
    parser.add_argument("--images", default=",".join(IMAGES))
    parser.add_argument("--neighbours", type=int, default=0)
    parser.add_argument("--skip-ours", action="store_true")
    parser.add_argument("--as-peer", action="store_true")
    arguments = parser.parse_args()
    print(f"scikit-mps {importlib.metadata.version('scikit-mps')}, numpy {np.__version__}, "
          f"Python {platform.python_version()}, {platform.machine()}, 1 thread")
    for name in arguments.images.split(","):
        grid, template, grids, size = IMAGES[name]
        image = read(arguments.folder / f"{name}.gslib")
        facies = int(image.max()) + 1
        print(f"{name}: grid {grid}, template {template}, {grids} grids, {arguments.realizations} realizations")
        if not arguments.skip_ours:
            realizations, printed = ours(arguments.folder, name, grid, arguments.realizations, arguments.as_peer)
            show("ours", measures(image, realizations, facies, size))
            print("    " + printed.strip().replace("\n", "\n    "))
        for minimum in (0, 10):
            settings = (grid, template, grids, minimum, arguments.neighbours, arguments.realizations)
            realizations, seconds = peer(image, *settings)
            show(f"MPSlib, minimum {minimum}", measures(image, realizations, facies, size))
            print(f"    {seconds:.3f} CPU s a realization")


if __name__ == "__main__":
    main()
