"""Solves the systems of `benches/flow.rs` with pyamg (Ruge-Stuben, conjugate gradients) and scipy's SuperLU.

The same bands, conductances and sources; fixed heads are taken out of the matrix. Prints CPU seconds (user + system) of
preparation and solution. Needs `pip install pyamg scipy`.
"""

import importlib.metadata
import resource
import time

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spl


def cpu(work):
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def conductivity(nx, ny, nz, contrast):
    x, y = (np.arange(nx) + 0.5) / nx, ((np.arange(ny) + 0.5) / ny)[:, None]
    field = np.ones((nz, ny, nx))
    for k in range(nz):
        for m in range(5):
            start, phase, slope = ((0.17 + step * (5 * k + m)) % 1.0 for step in (0.618034, 0.37, 0.73))
            inside = np.abs(y - start - 0.1 * np.sin(7.0 * (x + phase)) - 0.5 * (slope - 0.5) * x) < 0.03
            field[k][inside] = contrast
    return field


def system(nx, ny, nz, contrast):
    k = conductivity(nx, ny, nz, contrast)
    number = np.arange(k.size).reshape(k.shape)
    rows, cols, values = [], [], []
    for axis, factor in ((2, 1.0), (1, 1.0), (0, 10.0)):
        first = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        second = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        value = (factor * 2.0 / (1.0 / k[first] + 1.0 / k[second])).ravel()
        a, b = number[first].ravel(), number[second].ravel()
        rows += [a, b, a, b]
        cols += [b, a, a, b]
        values += [-value, -value, value, value]
    shape = (k.size, k.size)
    matrix = sp.coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(cols))), shape).tocsr()
    free = number[:, :, 1:-1].ravel()
    return matrix[free][:, free].tocsr(), free


def source(nx, ny, nz, column, free):
    i = int((0.5 + 0.754878 * column) % 1.0 * (nx - 2)) + 1
    j = int((0.5 + 0.569840 * column) % 1.0 * (ny - 2)) + 1
    b = np.zeros(nx * ny * nz)
    b[(column % nz * ny + j) * nx + i] = 1.0
    return b[free]


def report(name, size, prepare, solve, note):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{name:<7} {size:<34} prepare {prepare:7.3f} solve {solve:7.3f} CPU s, {note}, peak so far {peak:.0f} MB", flush=True)


def multigrid(size, cells, contrast, tolerance):
    import pyamg

    matrix, free = system(*cells, contrast)
    b = source(*cells, 0, free)
    levels, preparing = cpu(lambda: pyamg.ruge_stuben_solver(matrix))
    residuals = []
    x, solving = cpu(lambda: levels.solve(b, tol=tolerance, accel="cg", maxiter=200, residuals=residuals))
    ratio = np.linalg.norm(b - matrix @ x) / np.linalg.norm(b)
    report("pyamg", size, preparing, solving, f"{len(residuals) - 1} iterations, residual {ratio:.1e}")


def direct(size, cells, contrast, columns):
    matrix, free = system(*cells, contrast)
    b = np.stack([source(*cells, column, free) for column in range(columns)], axis=1)
    options = dict(permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=dict(SymmetricMode=True))
    factor, preparing = cpu(lambda: spl.splu(matrix.tocsc(), **options))
    x, solving = cpu(lambda: factor.solve(b))
    ratio = np.linalg.norm(b - matrix @ x) / np.linalg.norm(b)
    report("SuperLU", size, preparing, solving, f"{columns} right-hand sides, residual {ratio:.1e}")


if __name__ == "__main__":
    for package in ("numpy", "scipy", "pyamg"):
        print(package, importlib.metadata.version(package))
    for size, cells, contrast, tolerance in (
        ("map", (200, 200, 1), 1e3, 1e-10),
        ("map-1e6", (200, 200, 1), 1e6, 1e-10),
        ("layers", (100, 100, 9), 1e3, 1e-10),
        ("block", (200, 200, 20), 1e3, 1e-8),
    ):
        multigrid(size, cells, contrast, tolerance)
    direct("map", (200, 200, 1), 1e3, 1)
    direct("map-49", (200, 200, 1), 1e3, 49)
    direct("layers", (100, 100, 9), 1e3, 1)
