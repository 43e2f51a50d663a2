"""Assembles the straight-ray matrices of `benches/rays.rs` with astra-toolbox (2-D) and ttcrpy (2-D, 3-D).

Each peer is called in its own best way: astra as a fan of one source position with all receivers as detector pixels
(vectors given explicitly), exact line lengths, one sparse matrix; ttcrpy by `data_kernel_straight_rays` over all pairs
at once. Prints CPU seconds (user + system) of assembly and of the products G s and G'y. Needs
`pip install astra-toolbox ttcrpy scipy`; runs what is installed. ttcrpy's extension asks for libOpenCL.so.1 (Debian:
ocl-icd-libopencl1), though it computes on the CPU here.
"""

import importlib.metadata
import platform
import time

import numpy as np


def cpu(work):
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def report(name, size, matrix, seconds):
    slowness, residual = np.ones(matrix.shape[1]), np.ones(matrix.shape[0])
    matrix = matrix.tocsr()
    _, forward = cpu(lambda: matrix @ slowness)
    _, adjoint = cpu(lambda: matrix.T @ residual)
    print(
        f"{name:<10} {size:<32} assembly {seconds:7.2f} s CPU ({seconds / matrix.nnz * 1e9:6.1f} ns an entry), "
        f"G s {forward:6.3f} s, G'y {adjoint:6.3f} s, {matrix.nnz} entries, "
        f"bar (a tenth of the assembly) {seconds / 10:6.3f} s",
        flush=True,
    )


def crosshole(n, count):
    at = (np.arange(count) + 0.5) * n / count
    source, receiver = np.meshgrid(at, at, indexing="ij")
    return source.ravel(), receiver.ravel()


def astra_2d(n, count):
    import astra

    volume = astra.create_vol_geom(n, n, 0, n, 0, n)
    step = n / count
    at = (np.arange(count) + 0.5) * step
    # Source position, centre of the detector, and the vector from one pixel to the next.
    vectors = np.array([[0, y, n, n / 2, 0, step] for y in at])
    fan = astra.create_proj_geom("fanflat_vec", count, vectors)

    def assemble():
        projector = astra.create_projector("line_fanflat", fan, volume)
        return astra.matrix.get(astra.projector.matrix(projector))

    return cpu(assemble)


def ttcrpy_2d(n, count):
    from ttcrpy.rgrid import Grid2d

    source, receiver = crosshole(n, count)
    zeros = np.zeros_like(source)
    tx, rx = np.column_stack([zeros, source]), np.column_stack([zeros + n, receiver])
    nodes = np.arange(n + 1.0)
    return cpu(lambda: Grid2d.data_kernel_straight_rays(tx, rx, nodes, nodes))


def ttcrpy_3d(n, count):
    from ttcrpy.rgrid import Grid3d

    random = np.random.default_rng(1)
    tx, rx = (np.column_stack([np.full(count, x), random.uniform(0, n, (count, 2))]) for x in (0.0, float(n)))
    nodes = np.arange(n + 1.0)
    return cpu(lambda: Grid3d.data_kernel_straight_rays(tx, rx, nodes, nodes, nodes))


def main():
    print(f"python {platform.python_version()}, one process; CPU seconds count all of its threads")
    jobs = [
        ("astra-toolbox", "65,536 rays, 100 x 100", lambda: astra_2d(100, 256)),
        ("ttcrpy", "65,536 rays, 100 x 100", lambda: ttcrpy_2d(100, 256)),
        ("ttcrpy", "100,000 rays, 100 x 100 x 100", lambda: ttcrpy_3d(100, 100_000)),
    ]
    for package, size, job in jobs:
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            print(f"{package} is not installed: {size} left out")
            continue
        try:
            matrix, seconds = job()
        except ImportError as missing:
            print(f"{package} {version} does not load ({missing}): {size} left out")
            continue
        report(f"{package} {version}", size, matrix, seconds)


if __name__ == "__main__":
    main()
