"""Sparse coding and dictionary learning by peers from PyPI, on the data that `cargo bench --bench ksvd` leaves.

    python benches/peers/ksvd.py FOLDER [--iterations 10] [--skip NAME,...]

Needs numpy, scikit-learn, spams-bin, dictlearn (with numba) and ksvd. FOLDER holds signals.npy (N x m), atoms.npy (k x m,
the dictionary to code in), initial.npy (the first dictionary of every learner) and the codes found (k x N). One thread
each; CPU seconds are the process's. Codes are compared where support and order of the arithmetic allow it: as long as two
atoms do not tie, the k-sparse code of a greedy pursuit is unique.
"""

import argparse
import importlib.metadata
import os
import pathlib
import sys
import time

sys.path.pop(0)  # the folder of this script, which bears the name of a peer
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import spams  # noqa: E402
from dictlearn import DictionaryLearning, SparseCoder  # noqa: E402
from ksvd import ApproximateKSVD  # noqa: E402
from sklearn.linear_model import orthogonal_mp_gram  # noqa: E402

SPARSITY = 60


def cpu(work, repeats=1):
    """Result of `work` and its least CPU seconds."""
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        out = work()
        best = min(best, time.process_time() - start)
    return out, best


def rmse(signals, atoms, codes):
    """Of codes k x N, dense or sparse."""
    return np.sqrt(np.mean((signals - (codes.T @ atoms)) ** 2))


def say(*words):
    print(*words, flush=True)


def by_spams(signals, atoms):
    columns, dictionary = np.asfortranarray(signals.T), np.asfortranarray(atoms.T)
    return spams.omp(columns, dictionary, L=SPARSITY, eps=0.0, lambda1=0.0, numThreads=1)


def by_sklearn(signals, atoms):
    return orthogonal_mp_gram(atoms @ atoms.T, atoms @ signals.T, n_nonzero_coefs=SPARSITY)


def by_dictlearn(signals, atoms):
    return SparseCoder(atoms, n_nonzero_coefs=SPARSITY).transform(signals).T


def compare(name, found, folder, selection):
    """Largest difference of the codes, and in how many signals the atoms differ."""
    ours = np.load(folder / f"codes-{selection}.npy")
    theirs = found.toarray() if hasattr(found, "toarray") else found
    other = np.any((ours != 0) != (theirs != 0), axis=0)
    same = np.abs(ours - theirs)[:, ~other].max() / np.abs(ours).max()
    say(f"  {name} against codes-{selection}: other atoms in {other.sum()} of {other.size} signals, "
        f"elsewhere codes within {same:.1e} of the largest")


def coding(folder, skip):
    signals, atoms = np.load(folder / "signals.npy"), np.load(folder / "atoms.npy")
    coders = [("spams", by_spams, 5, "decrease"), ("dictlearn", by_dictlearn, 2, "correlation"),
              ("scikit-learn", by_sklearn, 1, "correlation")]
    for name, coder, repeats, selection in coders:
        if name in skip:
            continue
        coder(signals[:3], atoms)
        found, seconds = cpu(lambda: coder(signals, atoms), repeats)
        say(f"coding by {name}: best of {repeats}: {seconds:.3f} CPU s; RMSE {rmse(signals, atoms, found):.6f}")
        compare(name, found, folder, selection)


def update(signals, atoms, codes):
    """One approximate sweep over the atoms, residual kept: what k-SVD around spams' pursuit takes in numpy."""
    codes = codes.tocsr()
    residual = signals - codes.T @ atoms
    for j in range(len(atoms)):
        row = slice(codes.indptr[j], codes.indptr[j + 1])
        users, before = codes.indices[row], codes.data[row]
        if not len(users):
            continue
        part = residual[users] + np.outer(before, atoms[j])
        atom = before @ part
        atom /= np.linalg.norm(atom)
        after = part @ atom
        residual[users] = part - np.outer(after, atom)
        atoms[j], codes.data[row] = atom, after
    return np.sqrt(np.mean(residual**2))


def learn_around_spams(signals, atoms, iterations):
    least, errors = np.inf, []

    def iteration():
        errors.append(update(signals, atoms, by_spams(signals, atoms)))

    for _ in range(iterations):
        least = min(least, cpu(iteration)[1])
    say(f"spams' pursuit, numpy's update: an iteration at best {least:.3f} CPU s; RMSE {' '.join(f'{e:.5f}' for e in errors)}; "
        f"coded {rmse(signals, atoms, by_spams(signals, atoms)):.6f}")


def learn_by_spams(signals, atoms, iterations):
    """Online learning with at most S atoms a signal: an iteration is a pass over all signals in batches of 500."""
    columns = np.asfortranarray(signals.T)
    passes = -(-len(signals) // 500)
    settings = dict(numThreads=1, batchsize=500, lambda1=SPARSITY, mode=3, verbose=False)
    found, seconds = cpu(lambda: spams.trainDL(columns, D=np.asfortranarray(atoms.T), iter=iterations * passes, **settings))
    found = np.ascontiguousarray(found.T)
    say(f"spams.trainDL: an iteration {seconds / iterations:.3f} CPU s; coded {rmse(signals, found, by_spams(signals, found)):.6f}")


def learn_by_dictlearn(signals, atoms, iterations):
    learner = DictionaryLearning(len(atoms), n_nonzero_coefs=SPARSITY, max_iter=iterations, dict_init=atoms)
    _, seconds = cpu(lambda: learner.fit(signals))
    errors = " ".join(f"{e:.5f}" for e in learner.error_)
    found = learner.components_
    coded = rmse(signals, found, by_dictlearn(signals, found))
    say(f"dictlearn: an iteration {seconds / (iterations + 1):.3f} CPU s at most; RMSE {errors}; coded {coded:.6f}")


def learn_by_ksvd(signals, atoms):
    learner = ApproximateKSVD(len(atoms), max_iter=1, transform_n_nonzero_coefs=SPARSITY)
    learner._initialize = lambda signals: atoms.copy()
    _, seconds = cpu(lambda: learner.fit(signals))
    say(f"ksvd: an iteration {seconds:.3f} CPU s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--skip", default="")
    options = parser.parse_args()
    skip = options.skip.split(",")
    names = ["numpy", "scikit-learn", "spams-bin", "dictlearn", "numba", "ksvd"]
    say(", ".join(f"{name} {importlib.metadata.version(name)}" for name in names))
    coding(options.folder, skip)
    signals, initial = np.load(options.folder / "signals.npy"), np.load(options.folder / "initial.npy")
    if "spams" not in skip:
        learn_around_spams(signals, initial.copy(), options.iterations)
        learn_by_spams(signals, initial, options.iterations)
    if "dictlearn" not in skip:
        learn_by_dictlearn(signals, initial, options.iterations)
    if "ksvd" not in skip:
        learn_by_ksvd(signals, initial)


if __name__ == "__main__":
    main()
