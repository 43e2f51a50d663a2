"""Scaling filters of Daubechies' wavelets of 1 to 10 vanishing moments, by spectral factorization with 60 digits.

Prints the rows of the table in src/basis/wavelet/filters.rs. `python daubechies.py` (needs mpmath)

h(z) = sqrt(2) ((1 + z)/2)^N Q(z) with |Q|^2 = P(sin^2(w/2)), P(y) = sum_k C(N - 1 + k, k) y^k, k < N; of each pair of
roots z, 1/z with y = (2 - z - 1/z)/4 the one outside the unit circle goes into Q (extremal phase). Daubechies (1992),
Ten lectures on wavelets, section 6.1 and table 6.1.
"""

from mpmath import binomial, mp, mpc, mpf, polyroots, sqrt

mp.dps = 60


def scaling_filter(moments):
    coefficients = [mpf(1)]

    def times(a, b):
        out = [mpc(0)] * (len(a) + len(b) - 1)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                out[i + j] += x * y
        return out

    for _ in range(moments):
        coefficients = times(coefficients, [mpf(1) / 2, mpf(1) / 2])
    p = [binomial(moments - 1 + k, k) for k in reversed(range(moments))]
    for y in polyroots(p, maxsteps=500, extraprec=400) if moments > 1 else []:
        b = 2 - 4 * y
        z = (b + sqrt(b * b - 4)) / 2
        z = z if abs(z) > 1 else 1 / z
        coefficients = times(coefficients, [-z / (1 - z), 1 / (1 - z)])
    return [sqrt(2) * c.real for c in coefficients]


if __name__ == "__main__":
    for moments in range(1, 11):
        print(moments, ", ".join(repr(float(h)) for h in scaling_filter(moments)))
