"""Times faiss on the windows that `cargo bench --bench knn -- --write DIR` left, and compares what both found.

usage: knn.py DIR [threads]
"""
import os
import platform
import resource
import sys
import time

folder, threads = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
import faiss  # noqa: E402
import numpy as np  # noqa: E402

faiss.omp_set_num_threads(threads)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


references, queries = np.load(f"{folder}/refs.npy"), np.load(f"{folder}/queries.npy")
found = np.load(f"{folder}/found.npy")
index = faiss.IndexFlatL2(references.shape[1])
index.add(references)
times = []
for _ in range(3):
    start, wall = cpu(), time.perf_counter()
    distances, neighbours = index.search(queries, found.shape[1])
    times.append((cpu() - start, time.perf_counter() - wall))
print(f"faiss {faiss.__version__}, numpy {np.__version__}, {threads} threads, {platform.machine()}")
print(f"{len(queries)} x {len(references)} x {references.shape[1]}: best of 3: {min(times)[0]:.3f} CPU s, {min(times)[1]:.3f} s")
print(f"the same neighbours: {np.mean(neighbours == found):.6f} of all")

labels = np.random.default_rng(1)
for facies in (2, 4):
    codes = labels.integers(0, facies, size=references.shape, dtype=np.uint8).reshape(-1, 80, 80)
    corners = labels.integers(0, 121, size=(len(queries), 2))
    best = 1e9
    for _ in range(3):
        start, votes = cpu(), np.zeros((facies, 200, 200), dtype=np.int32)
        for (r, c), mine in zip(corners, neighbours):
            for f in range(1, facies):
                votes[f, r : r + 80, c : c + 80] += (codes[mine] == f).sum(axis=0, dtype=np.int32)
        best = min(best, cpu() - start)
    print(f"numpy votes, {facies} facies, {neighbours.size * 6400 / 1e6:.0f} M: {best:.3f} CPU s")
