//! Orthogonal matching pursuit of many signals in one dictionary.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};
use rayon::prelude::*;

use super::codes::{SparseCodes, contiguous};
use super::lanes::{LANES, Lanes, widest};
use crate::error::{Error, Result};
use crate::linalg::dense;

/// Signals that one task codes.
const SIGNALS_PER_TASK: usize = 128;
/// The least part of an atom, squared, that the atoms chosen before must leave for it to be chosen.
const INDEPENDENT: f64 = 1e-12;

/// Correlation, relative to the norm of the signal, below which there is nothing left but rounding: an atom chosen by it
/// would be a user of no meaning in the update of atoms.
const EXHAUSTED: f64 = 1e-10;
/// Images begun before their atoms are chosen, at most.
const AHEAD: usize = 8;
/// Number of chosen atoms from which images are begun ahead.
const LEAST_AHEAD: usize = 8;

/// Which atom is chosen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Selection {
    /// The one with the largest `|d_jᵀ r|`: orthogonal matching pursuit (Pati, Rezaiifar & Krishnaprasad 1993).
    Correlation,
    /// The one that leaves the smallest residual, the largest `(d_jᵀ r)²/‖P d_j‖²` with P the projection off the atoms
    /// chosen before: order-recursive matching pursuit (Chen, Billings & Luo 1989; Rebollo-Neira & Lowe 2002). It takes
    /// a tenth longer and leaves less error.
    #[default]
    Decrease,
}

/// When a code is complete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// The most atoms S of a signal.
    pub sparsity: usize,
    /// The residual `‖x − Dᵀγ‖` that is small enough, in the unit of the signals; 0 for S atoms in any case.
    pub error: f64,
}

/// Batch orthogonal matching pursuit (Rubinstein, Zibulevsky & Elad 2008): for signals x, greedily,
/// `min ‖x − Dᵀ γ‖₂` with `‖γ‖₀ ≤ S` or until the error is small enough.
///
/// Atoms D (k × m) are the rows of a matrix, of unit norm. With the Gram matrix `G = D Dᵀ` and `α = D x` known, a signal
/// needs no product with D. Instead of growing a Cholesky factor and multiplying `G_I γ` anew in every step, the images
/// `p_n = D q_n` of the orthonormalized atoms `q_n` are kept: with `i` the atom chosen in step n,
///
/// `w_j = p_j[i]`, `ρ² = 1 − Σ w_j²`, `p_n = (G_i − Σ_{j<n} w_j p_j)/ρ`, `z_n = α_i/ρ`, `α ← α − z_n p_n`,
///
/// and w and ρ are a row of the Cholesky factor of `G_II = L Lᵀ`, so that in the end `Lᵀ γ = z`, `‖r‖² = ‖x‖² − ‖z‖²`.
/// A signal costs `k S²/2` multiplications and additions on S k numbers that stay in the second-level cache. As reading
/// them takes longest, the image of the next best atom is begun along with that of the best; it is often the next.
#[derive(Debug, Clone)]
pub struct Pursuit {
    /// G, its rows filled with zeros to whole blocks of LANES numbers.
    gram: Array2<f64>,
    selection: Selection,
}

impl Pursuit {
    /// The pursuit in the dictionary of `atoms` (k × m), one a row.
    pub fn new(atoms: &Array2<f64>, selection: Selection) -> Self {
        let gram = dense::gram(atoms.nrows(), atoms.ncols(), |range, mut tile| {
            tile.assign(&atoms.slice(s![.., range]));
        });
        Self::with_gram(gram.view(), selection)
    }

    /// The pursuit in a dictionary whose Gram matrix `D Dᵀ` (k × k) is known.
    pub fn with_gram(gram: ArrayView2<'_, f64>, selection: Selection) -> Self {
        assert_eq!(gram.nrows(), gram.ncols(), "a Gram matrix is square");
        let mut padded = Array2::zeros((gram.nrows(), gram.nrows().next_multiple_of(LANES)));
        padded.slice_mut(s![.., ..gram.ncols()]).assign(&gram);
        Self { gram: padded, selection }
    }

    /// `D Dᵀ`.
    pub fn gram(&self) -> ArrayView2<'_, f64> {
        self.gram.slice(s![.., ..self.gram.nrows()])
    }

    fn padded(&self, atom: usize) -> &[Lanes] {
        contiguous(&self.gram, atom).as_chunks().0
    }

    /// Codes of `signals` (N × m), one a row, in the dictionary `atoms` (k × m) of this pursuit.
    ///
    /// # Errors
    /// A sparsity of zero or above the number of atoms; a signal that is not finite.
    pub fn code(&self, atoms: &Array2<f64>, signals: ArrayView2<'_, f64>, stop: Stop) -> Result<SparseCodes> {
        let mut codes = SparseCodes::zeros(signals.nrows(), stop.sparsity);
        let energies = Array1::from_elem(signals.nrows(), f64::INFINITY);
        self.improve(atoms, signals, stop, &mut codes, energies.view())?;
        Ok(codes)
    }

    /// As [`Pursuit::code`], replacing those of `codes` whose squared residual norm, in `energies`, it lowers.
    pub(super) fn improve(
        &self,
        atoms: &Array2<f64>,
        signals: ArrayView2<'_, f64>,
        stop: Stop,
        codes: &mut SparseCodes,
        energies: ArrayView1<'_, f64>,
    ) -> Result<()> {
        self.check(atoms, signals, stop)?;
        assert_eq!((codes.len(), codes.sparsity()), (signals.nrows(), stop.sparsity), "room for the codes");
        let (k, s) = (atoms.nrows(), stop.sparsity);
        let counts = codes.counts.as_slice_mut().expect("contiguous").par_chunks_mut(SIGNALS_PER_TASK);
        let chosen = codes.atoms.as_slice_mut().expect("standard layout").par_chunks_mut(SIGNALS_PER_TASK * s);
        let values = codes.values.as_slice_mut().expect("standard layout").par_chunks_mut(SIGNALS_PER_TASK * s);
        let new = || (Workspace::new(k, s), Array2::zeros((SIGNALS_PER_TASK, k)));
        counts.zip(chosen).zip(values).enumerate().for_each_init(
            new,
            |(work, products), (task, ((counts, chosen), values))| {
                let first = task * SIGNALS_PER_TASK;
                let signals = signals.slice(s![first..first + counts.len(), ..]);
                let mut products = products.slice_mut(s![..counts.len(), ..]);
                dense::multiply_into(products.view_mut(), signals, atoms.t(), false);
                let slots = chosen.chunks_exact_mut(s).zip(values.chunks_exact_mut(s));
                for (i, (count, (chosen, values))) in counts.iter_mut().zip(slots).enumerate() {
                    let signal = signals.row(i);
                    work.start(products.row(i).as_slice().expect("standard layout"));
                    if self.pursue(work, signal.dot(&signal), stop) < energies[first + i] {
                        *count = work.finish(chosen, values);
                    }
                }
            },
        );
        Ok(())
    }

    fn check(&self, atoms: &Array2<f64>, signals: ArrayView2<'_, f64>, stop: Stop) -> Result<()> {
        assert_eq!(atoms.nrows(), self.gram.nrows(), "atoms of the pursuit");
        assert_eq!(atoms.ncols(), signals.ncols(), "length of the atoms and of the signals");
        check_sparsity(stop.sparsity, atoms.nrows())?;
        match signals.rows().into_iter().position(|row| row.iter().any(|x| !x.is_finite())) {
            Some(i) => Err(wrong(
                "training set",
                format!("signal {i} (from 0) has a value that is not finite"),
                "check the realizations, and that every facies code has a value",
            )),
            None => Ok(()),
        }
    }

    /// Chooses atoms for the signal in `work` of squared norm `energy`; returns that of its residual.
    fn pursue(&self, work: &mut Workspace, energy: f64, stop: Stop) -> f64 {
        let mut left = energy;
        let least = EXHAUSTED * energy.sqrt();
        while work.count < stop.sparsity && (stop.error == 0.0 || left > stop.error * stop.error) {
            let best = largest(&work.scores);
            let correlation = work.alpha[best / LANES][best % LANES];
            if correlation.abs() <= least || !work.prepare(best) {
                break;
            }
            let z = work.advance(self, best, correlation);
            left -= z * z;
        }
        left.max(0.0)
    }
}

/// Whether S atoms can be chosen of k.
pub(super) fn check_sparsity(sparsity: usize, atoms: usize) -> Result<()> {
    if (1..=atoms).contains(&sparsity) {
        return Ok(());
    }
    let problem = match sparsity {
        0 => "sparsity 0 leaves no atom to a signal".to_owned(),
        _ => format!("sparsity {sparsity} is above the number of atoms, {atoms}"),
    };
    Err(wrong("sparsity", problem, "give between one atom and as many as the dictionary has, e.g. a twentieth of them"))
}

pub(super) fn wrong(key: &str, problem: String, remedy: &str) -> Error {
    Error::input(format!("k-SVD, {key}"), problem, remedy)
}

/// What one signal needs at a time, kept from signal to signal.
struct Workspace {
    /// S.
    capacity: usize,
    /// n, atoms chosen so far.
    count: usize,
    chosen: Vec<u32>,
    /// α = D r.
    alpha: Vec<Lanes>,
    /// By which the next atom is chosen.
    scores: Vec<Lanes>,
    /// `‖P d_j‖²` of every atom; infinity for those that were chosen.
    parts: Vec<Lanes>,
    /// p_0, p_1, …: for each block of LANES atoms, S rows of LANES numbers.
    images: Vec<Lanes>,
    /// Images that were begun for atoms which may be chosen soon; the oldest gives way.
    ahead: Vec<Begun>,
    oldest: usize,
    weights_ahead: Vec<f64>,
    /// Rows w of the Cholesky factor below its diagonal, S × S.
    factor: Vec<f64>,
    /// Its diagonal ρ.
    pivots: Vec<f64>,
    /// z.
    projections: Vec<f64>,
}

/// `G_j − Σ_{i<depth} p_i[j] p_i` of an atom j.
struct Begun {
    atom: Option<usize>,
    depth: usize,
    column: Vec<Lanes>,
}

impl Workspace {
    fn new(atoms: usize, capacity: usize) -> Self {
        let blocks = atoms.div_ceil(LANES);
        Self {
            capacity,
            count: 0,
            chosen: vec![0; capacity],
            alpha: vec![[0.0; LANES]; blocks],
            scores: vec![[0.0; LANES]; blocks],
            parts: vec![[1.0; LANES]; blocks],
            images: vec![[0.0; LANES]; blocks * capacity],
            ahead: (0..AHEAD).map(|_| Begun { atom: None, depth: 0, column: vec![[0.0; LANES]; blocks] }).collect(),
            oldest: 0,
            weights_ahead: Vec::with_capacity(capacity),
            factor: vec![0.0; capacity * capacity],
            pivots: vec![0.0; capacity],
            projections: vec![0.0; capacity],
        }
    }

    fn start(&mut self, products: &[f64]) {
        self.count = 0;
        self.ahead.iter_mut().for_each(|begun| begun.atom = None);
        self.alpha.as_flattened_mut()[..products.len()].copy_from_slice(products);
        // Before the first atom both selections score by |α|, since ‖P d_j‖ = 1.
        let scores = self.scores.as_flattened_mut().iter_mut();
        scores.zip(self.alpha.as_flattened()).for_each(|(score, alpha)| *score = alpha.abs());
        self.parts.as_flattened_mut().fill(1.0);
    }

    /// The next row of the Cholesky factor, for atom `i`; false where it depends on those chosen before.
    fn prepare(&mut self, i: usize) -> bool {
        let n = self.count;
        let row = &mut self.factor[n * self.capacity..n * self.capacity + n];
        let images = &self.images[i / LANES * self.capacity..];
        let mut left = 1.0;
        for (w, image) in row.iter_mut().zip(images) {
            *w = image[i % LANES];
            left -= *w * *w;
        }
        self.chosen[n] = i as u32;
        self.pivots[n] = left.max(0.0).sqrt();
        left > INDEPENDENT
    }

    /// The step with atom `i` of that correlation, after [`Self::prepare`]; returns z. Its image is completed where it was
    /// begun ahead; else that of the next best atom, which is likely to be chosen soon, is begun along with it.
    fn advance(&mut self, pursuit: &Pursuit, i: usize, correlation: f64) -> f64 {
        let n = self.count;
        let inverse = 1.0 / self.pivots[n];
        let z = correlation * inverse;
        self.projections[n] = z;
        self.count += 1;
        let begun = self.ahead.iter().position(|begun| begun.atom == Some(i));
        let next = (begun.is_none() && n >= LEAST_AHEAD).then(|| self.next_best(i));
        let weights = &self.factor[n * self.capacity..n * self.capacity + n];
        // What is chosen is not chosen again.
        self.parts[i / LANES][i % LANES] = f64::INFINITY;
        let capacity = self.capacity;
        let (images, alpha, parts, scores) = (&mut self.images, &mut self.alpha, &mut self.parts, &mut self.scores);
        let step = Step { capacity, from: pursuit.padded(i), first: 0, weights, inverse, z };
        let by_decrease = pursuit.selection == Selection::Decrease;
        if let Some(next) = next {
            let begun = &mut self.ahead[self.oldest];
            self.oldest = (self.oldest + 1) % AHEAD;
            (begun.atom, begun.depth) = (Some(next), n);
            let next = Beginning { from: pursuit.padded(next), weights: &self.weights_ahead };
            let append = if by_decrease { append_and_begin_by_decrease } else { append_and_begin_by_correlation };
            append(step, images, alpha, parts, scores, next, &mut begun.column);
        } else {
            let append = if by_decrease { append_by_decrease } else { append_by_correlation };
            let step = match begun.map(|at| &mut self.ahead[at]) {
                Some(begun) => {
                    begun.atom = None;
                    Step { from: &begun.column, first: begun.depth, ..step }
                }
                None => step,
            };
            append(step, images, alpha, parts, scores);
        }
        z
    }

    /// The best atom after `i` whose image is not begun, with the numbers to begin it in `weights_ahead`.
    fn next_best(&mut self, i: usize) -> usize {
        // A step scores anew.
        for atom in self.ahead.iter().filter_map(|begun| begun.atom).chain([i]) {
            self.scores[atom / LANES][atom % LANES] = 0.0;
        }
        let next = largest(&self.scores);
        let images = &self.images[next / LANES * self.capacity..][..self.count - 1];
        self.weights_ahead.clear();
        self.weights_ahead.extend(images.iter().map(|image| image[next % LANES]));
        next
    }

    /// Solves `Lᵀ γ = z` and writes the code; returns the number of its atoms.
    fn finish(&self, atoms: &mut [u32], values: &mut [f64]) -> u32 {
        let n = self.count;
        atoms.fill(0);
        values.fill(0.0);
        atoms[..n].copy_from_slice(&self.chosen[..n]);
        values[..n].copy_from_slice(&self.projections[..n]);
        for i in (0..n).rev() {
            values[i] /= self.pivots[i];
            let (value, row) = (values[i], &self.factor[i * self.capacity..i * self.capacity + i]);
            for (rest, w) in values[..i].iter_mut().zip(row) {
                *rest -= w * value;
            }
        }
        n as u32
    }
}

/// The n-th step, `p_n = (c − Σ_{first≤j<n} w_j p_j)/ρ` with c the column `from` and `inverse` = 1/ρ.
#[derive(Clone, Copy)]
struct Step<'a> {
    capacity: usize,
    from: &'a [Lanes],
    first: usize,
    weights: &'a [f64],
    inverse: f64,
    z: f64,
}

/// The image of an atom that may be chosen soon, not yet divided by ρ, begun along with that of the one that is.
#[derive(Clone, Copy)]
struct Beginning<'a> {
    from: &'a [Lanes],
    weights: &'a [f64],
}

/// `α ← α − z p_n`, and the scores |α|; or `‖P d_j‖² ← ‖P d_j‖² − p_n²` too, and the scores `α²/‖P d_j‖²`.
#[inline(always)]
fn score<const DECREASE: bool>(z: f64, image: &Lanes, alpha: &mut Lanes, parts: &mut Lanes, scores: &mut Lanes) {
    if DECREASE {
        for lane in 0..LANES {
            alpha[lane] -= z * image[lane];
            parts[lane] -= image[lane] * image[lane];
            let gain = alpha[lane] * alpha[lane] / parts[lane];
            scores[lane] = if parts[lane] > INDEPENDENT { gain } else { 0.0 };
        }
    } else {
        for lane in 0..LANES {
            alpha[lane] -= z * image[lane];
        }
        for lane in 0..LANES {
            scores[lane] = alpha[lane].abs();
        }
    }
}

// What is written is given as arguments of their own, since only these are known not to overlap.
#[inline(always)]
fn append_by<const DECREASE: bool>(
    step: Step<'_>,
    images: &mut [Lanes],
    alpha: &mut [Lanes],
    parts: &mut [Lanes],
    scores: &mut [Lanes],
) {
    let (n, weights) = (step.weights.len(), &step.weights[step.first..]);
    let blocks = step.from.iter().zip(images.chunks_exact_mut(step.capacity)).zip(alpha).zip(parts).zip(scores);
    for ((((from, images), alpha), parts), scores) in blocks {
        let mut sum = *from;
        for (w, image) in weights.iter().zip(&images[step.first..n]) {
            for lane in 0..LANES {
                sum[lane] -= w * image[lane];
            }
        }
        for lane in 0..LANES {
            sum[lane] *= step.inverse;
        }
        images[n] = sum;
        score::<DECREASE>(step.z, &sum, alpha, parts, scores);
    }
}

#[inline(always)]
fn append_and_begin_by<const DECREASE: bool>(
    step: Step<'_>,
    images: &mut [Lanes],
    alpha: &mut [Lanes],
    parts: &mut [Lanes],
    scores: &mut [Lanes],
    next: Beginning<'_>,
    to: &mut [Lanes],
) {
    let n = step.weights.len();
    let blocks = step.from.iter().zip(images.chunks_exact_mut(step.capacity)).zip(alpha).zip(parts).zip(scores);
    for (((((from, images), alpha), parts), scores), (from_next, to)) in blocks.zip(next.from.iter().zip(to)) {
        let (mut sum, mut sum_next) = (*from, *from_next);
        for ((w, v), image) in step.weights.iter().zip(next.weights).zip(&images[..n]) {
            for lane in 0..LANES {
                sum[lane] -= w * image[lane];
            }
            for lane in 0..LANES {
                sum_next[lane] -= v * image[lane];
            }
        }
        for lane in 0..LANES {
            sum[lane] *= step.inverse;
        }
        images[n] = sum;
        *to = sum_next;
        score::<DECREASE>(step.z, &sum, alpha, parts, scores);
    }
}

#[inline(always)]
fn largest_portable(scores: &[Lanes]) -> usize {
    let mut most = [0.0; LANES];
    for scores in scores {
        for lane in 0..LANES {
            most[lane] = if scores[lane] > most[lane] { scores[lane] } else { most[lane] };
        }
    }
    let most = most.iter().fold(0.0, |most, &x| if x > most { x } else { most });
    let block = scores.iter().position(|scores| scores.iter().fold(false, |found, &x| found | (x == most)));
    let block = block.unwrap_or(0);
    block * LANES + scores[block].iter().position(|&x| x == most).unwrap_or(0)
}

widest! {
    /// One step of orthogonal matching pursuit: an image, and the scores after it.
    fn append_by_correlation(
        step: Step<'_>,
        images: &mut [Lanes],
        alpha: &mut [Lanes],
        parts: &mut [Lanes],
        scores: &mut [Lanes],
    ) = append_by::<false>
}

widest! {
    /// One step of order-recursive matching pursuit.
    fn append_by_decrease(
        step: Step<'_>,
        images: &mut [Lanes],
        alpha: &mut [Lanes],
        parts: &mut [Lanes],
        scores: &mut [Lanes],
    ) = append_by::<true>
}

widest! {
    /// The first, and the image of another atom begun: each earlier image is read once for both.
    fn append_and_begin_by_correlation(
        step: Step<'_>,
        images: &mut [Lanes],
        alpha: &mut [Lanes],
        parts: &mut [Lanes],
        scores: &mut [Lanes],
        next: Beginning<'_>,
        to: &mut [Lanes],
    ) = append_and_begin_by::<false>
}

widest! {
    /// The second, likewise.
    fn append_and_begin_by_decrease(
        step: Step<'_>,
        images: &mut [Lanes],
        alpha: &mut [Lanes],
        parts: &mut [Lanes],
        scores: &mut [Lanes],
        next: Beginning<'_>,
        to: &mut [Lanes],
    ) = append_and_begin_by::<true>
}

widest! {
    /// Where the first of the largest of many numbers is, none negative.
    fn largest(scores: &[Lanes]) -> usize = largest_portable
}
