"""Group sparsity of `benches/sparse.rs` with skglm and celer: CPU seconds to an objective within 1e-10 of the least.

    python benches/peers/sparse.py DIR NAME [--gap 1e-10]

DIR holds NAME_G.npy, NAME_d.npy, NAME_groups.npy, NAME_group_alpha.npy and NAME_group_v.npy, the minimiser of
`1/2 ||G v - d||^2 + alpha sum_g ||v_g||`. Each library is asked for tolerances that fall tenfold until its objective is
within the gap; the time is that of the run which reaches it, compilation (a run before) not counted. CPU seconds are
user + system, one thread each. Needs `pip install skglm celer`.
"""

import argparse
import importlib.metadata
import os
import pathlib
import time
import warnings

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np
from celer import GroupLasso
from skglm import GeneralizedLinearEstimator
from skglm.datafits import QuadraticGroup
from skglm.penalties import WeightedGroupL2
from skglm.solvers import GroupBCD
from skglm.utils.data import grp_converter

TIMES = 3


def by_skglm(g, d, sizes, alpha, tolerance):
    indices, pointers = grp_converter(sizes, g.shape[1])
    weights = np.ones(len(sizes))
    model = GeneralizedLinearEstimator(
        QuadraticGroup(pointers, indices),
        WeightedGroupL2(alpha / len(d), weights, pointers, indices),
        GroupBCD(max_iter=1000, max_epochs=100_000, tol=tolerance, fit_intercept=False),
    )
    return model.fit(g, d).coef_.ravel()


def by_celer(g, d, sizes, alpha, tolerance):
    model = GroupLasso(groups=sizes, alpha=alpha / len(d), tol=tolerance, max_iter=1000, max_epochs=100_000, fit_intercept=False)
    return model.fit(g, d).coef_


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("name")
    parser.add_argument("--gap", type=float, default=1e-10)
    arguments = parser.parse_args()
    load = lambda part: np.load(arguments.folder / f"{arguments.name}_{part}.npy")
    g, d, labels = np.asfortranarray(load("G")), load("d"), load("groups")
    alpha, least = float(load("group_alpha")), load("group_v")
    sizes = [int(n) for n in np.bincount(labels)]

    def objective(v):
        norms = sum(np.linalg.norm(v[labels == i]) for i in range(len(sizes)))
        return 0.5 * np.sum((g @ v - d) ** 2) + alpha * norms

    best = objective(least)
    warnings.simplefilter("ignore")
    for name, fit in (("skglm", by_skglm), ("celer", by_celer)):
        fit(g, d, sizes, alpha, 1e-2)
        for power in range(3, 16):
            seconds = []
            for _ in range(TIMES):
                start = time.process_time()
                v = fit(g, d, sizes, alpha, 10.0**-power)
                seconds.append(time.process_time() - start)
            gap = objective(v) / best - 1
            shown = f"{name} {importlib.metadata.version(name)}: tolerance 1e-{power}, {min(seconds):.4f} CPU s, gap {gap:.1e}"
            print(shown, flush=True)
            if gap <= arguments.gap:
                break


if __name__ == "__main__":
    main()
