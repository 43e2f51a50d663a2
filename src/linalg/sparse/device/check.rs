//! Every kernel against its equation in f64, on awkward sizes.

use ndarray::{Array1, ArrayView1};

use crate::check::Outcome;
use crate::error::Result;
use crate::gpu::{Batch, Buffer, Gpu, GpuError};
use crate::linalg::sparse::conjugate_gradients::{DIRECT_CELLS, hierarchy};
use crate::linalg::sparse::matrix::GridMatrix;
use crate::linalg::sparse::multigrid::hierarchy::{Coarsest, Dense, Direct, Level};
use crate::linalg::sparse::multigrid::stencil::Stencil;
use crate::random::{Purpose, Stream};

use super::definition::{Block, Expected, Rows, SINGLE, gathered, scattered};
use super::hierarchy::{Corrected, Last, Relaxed, Uploaded};
use super::memory::{COLOURS, Kernels, State, parts};

/// Compares results with what is expected of them, and keeps the worst case of each kernel.
struct Table {
    outcomes: Vec<Outcome>,
    case: String,
}

impl Table {
    fn new() -> Self {
        Self { outcomes: Vec::new(), case: String::new() }
    }

    fn compare(&mut self, kernel: &str, found: &[f32], expected: &Expected) {
        let found: Array1<f64> = found.iter().map(|&x| f64::from(x)).collect();
        let view = |values: &[f64]| ArrayView1::from(values).to_owned();
        let (values, bounds) = (view(&expected.values), view(&expected.bounds));
        let new = Outcome::compare(kernel, &self.case, found.view(), values.view(), bounds.view());
        match self.outcomes.iter().position(|o| o.name == new.name) {
            Some(at) => self.outcomes[at] = self.outcomes[at].clone().worse(new),
            None => self.outcomes.push(new),
        }
    }

    /// Numbers that must be 0.
    fn zeros(&mut self, kernel: &str, found: &[f32]) {
        let zeros = || vec![0.0; found.len()];
        self.compare(kernel, found, &Expected { values: zeros(), bounds: zeros() });
    }
}

/// Numbers that f32 holds.
struct Numbers(Stream);

impl Numbers {
    fn new(seed: u64) -> Self {
        Self(Stream::new(seed, Purpose::Check, 0, 5))
    }

    fn block(&mut self, count: usize) -> (Vec<f32>, Vec<f64>) {
        let single: Vec<f32> = (0..count).map(|_| self.0.between(-1.0, 1.0) as f32).collect();
        let double = single.iter().map(|&x| f64::from(x)).collect();
        (single, double)
    }
}

/// Conductances of three decades, some row sums above 0.
pub(super) fn system(cells: [usize; 3], stream: &mut Stream) -> GridMatrix {
    let n: usize = cells.iter().product();
    let mut matrix =
        GridMatrix { cells, diagonal: vec![0.0; n], conductance: [(); 3].map(|()| vec![0.0; n]), ties: Vec::new() };
    for (axis, stride) in matrix.strides().into_iter().enumerate() {
        for cell in (0..n).filter(|cell| cell / stride % cells[axis] + 1 < cells[axis]) {
            let conductance = 10f64.powf(stream.between(-5.0, -2.0));
            matrix.conductance[axis][cell] = conductance;
            matrix.diagonal[cell] += conductance;
            matrix.diagonal[cell + stride] += conductance;
        }
    }
    for cell in 0..n {
        matrix.diagonal[cell] += if cell.is_multiple_of(5) { 10f64.powf(stream.between(-6.0, -3.0)) } else { 0.0 };
    }
    matrix
}

/// Runs what `record` puts into a batch.
fn run<'g>(gpu: &'g Gpu, record: impl FnOnce(&mut Batch<'g>) -> Result<(), GpuError>) -> Result<(), GpuError> {
    let mut batch = gpu.batch();
    record(&mut batch)?;
    batch.run()
}

/// Checks the kernels of cycle and gradients.
///
/// # Errors
/// A failing device.
pub fn verify(gpu: Option<&Gpu>, seed: u64) -> Result<Vec<Outcome>> {
    let Some(gpu) = gpu else { return Ok(Vec::new()) };
    let mut outcomes = verify_multigrid(gpu, seed)?;
    outcomes.extend(verify_gradients(gpu, seed)?);
    Ok(outcomes)
}

/// Checks the kernels of the cycle on every level of some hierarchies.
///
/// # Errors
/// A failing device.
pub fn verify_multigrid(gpu: &Gpu, seed: u64) -> Result<Vec<Outcome>> {
    let mut table = Table::new();
    let mut numbers = Numbers::new(seed);
    // Few cells on the last level leave some to relax.
    let sizes = [
        ([1, 1, 1], 1, DIRECT_CELLS),
        ([1, 173, 1], 3, DIRECT_CELLS),
        ([331, 1, 2], 2, DIRECT_CELLS),
        ([3, 4, 5], 7, DIRECT_CELLS),
        ([19, 13, 1], 65, DIRECT_CELLS),
        ([23, 11, 4], 3, super::DIRECT_CELLS),
        ([131, 127, 1], 1, DIRECT_CELLS),
        ([1, 1, 163], 2, DIRECT_CELLS),
        ([2, 3, 131], 3, DIRECT_CELLS),
        ([2, 1, 257], 2, DIRECT_CELLS),
    ];
    for (cells, width, direct) in sizes {
        table.case = format!("{cells:?} cells, {width} right-hand sides");
        let matrix = system(cells, &mut numbers.0);
        let hierarchy = hierarchy(&matrix, direct)?;
        let uploaded = Uploaded::new(gpu, &matrix, &hierarchy)?;
        let mut check = Check { table: &mut table, numbers: &mut numbers, kernels: Kernels::new(gpu, width) };
        check.product(&Rows::new(&Stencil::of_matrix(&matrix), uploaded.unit), &uploaded)?;
        for (level, on_device) in hierarchy.levels.iter().zip(&uploaded.levels) {
            let rows = Rows::new(&level.stencil, uploaded.unit);
            check.relax(&rows, &on_device.level)?;
            check.residual(&rows, &on_device.level)?;
            check.transfers(level, on_device)?;
        }
        check.last(&hierarchy.coarsest, &uploaded)?;
    }
    Ok(table.outcomes)
}

/// Checks of one width.
struct Check<'a, 'g> {
    table: &'a mut Table,
    numbers: &'a mut Numbers,
    kernels: Kernels<'g>,
}

impl<'g> Check<'_, 'g> {
    /// Random vectors on `cells` cells, on the device and here.
    fn vectors(&mut self, cells: usize) -> Result<(Buffer<f32>, Vec<f64>), GpuError> {
        let (single, double) = self.numbers.block(cells * self.kernels.width);
        Ok((self.kernels.gpu.upload("vectors", &single)?, double))
    }

    fn block<'b>(&self, values: &'b [f64]) -> Block<'b> {
        Block { values, width: self.kernels.width }
    }

    fn product(&mut self, rows: &Rows, uploaded: &Uploaded) -> Result<(), GpuError> {
        let gpu = self.kernels.gpu;
        let (count, width) = (rows.count(), self.kernels.width);
        let (x, values) = self.vectors(count)?;
        let (image, _) = self.vectors(count)?;
        let partial = gpu.zeros("parts", parts(count) * width)?;
        run(gpu, |batch| self.kernels.product(batch, &uploaded.operator, [&x, &image, &partial]))?;
        let expected = rows.product(self.block(&values));
        self.table.compare("multigrid/product", &gpu.read(&image)?, &expected);
        let (found, mut sums) = (gpu.read(&partial)?, Expected { values: vec![], bounds: vec![] });
        for part in 0..parts(count) * width {
            let all = (part..count * width).step_by(parts(count) * width);
            let terms = all.map(|at| (values[at] * expected.values[at], values[at].abs() * expected.bounds[at]));
            let (mut sum, mut bound, mut size) = (0.0, 0.0, 0.0);
            for (index, (term, error)) in terms.enumerate() {
                (sum, bound, size) = (sum + term, bound + error, size + f64::abs(term));
                bound += SINGLE * (size + if index == 0 { 0.0 } else { size });
            }
            sums.values.push(sum);
            sums.bounds.push(bound * (1.0 + 4.0 * SINGLE) + SINGLE * size);
        }
        self.table.compare("multigrid/product, sums", &found, &sums);
        Ok(())
    }

    fn relax(&mut self, rows: &Rows, level: &Relaxed) -> Result<(), GpuError> {
        let gpu = self.kernels.gpu;
        let (known, b) = self.vectors(rows.count())?;
        let (scratch, _) = self.vectors(rows.count())?;
        for colour in COLOURS {
            let (x, values) = self.vectors(rows.count())?;
            run(gpu, |batch| self.kernels.relax(batch, level, colour, [&known, &x, &scratch]))?;
            let expected = rows.relaxed(self.block(&b), self.block(&values), colour);
            self.table.compare("multigrid/relax", &gpu.read(&x)?, &expected);
        }
        Ok(())
    }

    fn residual(&mut self, rows: &Rows, level: &Relaxed) -> Result<(), GpuError> {
        let gpu = self.kernels.gpu;
        let ((known, b), (x, values)) = (self.vectors(rows.count())?, self.vectors(rows.count())?);
        let (rest, _) = self.vectors(rows.count())?;
        run(gpu, |batch| self.kernels.residual(batch, &level.operator, [&known, &x, &rest]))?;
        let expected = rows.residual(self.block(&b), self.block(&values));
        self.table.compare("multigrid/residual", &gpu.read(&rest)?, &expected);
        Ok(())
    }

    fn transfers(&mut self, level: &Level, on_device: &Corrected) -> Result<(), GpuError> {
        let gpu = self.kernels.gpu;
        let interpolation = &level.interpolation;
        let ((fine, r), (x, values)) =
            (self.vectors(interpolation.fine.count())?, self.vectors(interpolation.fine.count())?);
        let ((known, _), (coarse, _)) =
            (self.vectors(interpolation.coarse.count())?, self.vectors(interpolation.coarse.count())?);
        run(gpu, |batch| self.kernels.gather(batch, on_device, [&fine, &known, &coarse]))?;
        self.table.compare("multigrid/gather", &gpu.read(&known)?, &gathered(interpolation, self.block(&r)));
        self.table.zeros("multigrid/gather, zeros", &gpu.read(&coarse)?);
        let (correction, of_correction) = self.vectors(interpolation.coarse.count())?;
        run(gpu, |batch| self.kernels.scatter(batch, on_device, [&correction, &x]))?;
        let expected = scattered(interpolation, self.block(&of_correction), self.block(&values));
        self.table.compare("multigrid/scatter", &gpu.read(&x)?, &expected);
        Ok(())
    }

    fn last(&mut self, coarsest: &Coarsest, uploaded: &Uploaded) -> Result<(), GpuError> {
        let gpu = self.kernels.gpu;
        let count = coarsest.stencil.layout.count();
        let rows = Rows::new(&coarsest.stencil, uploaded.unit);
        let (cells, inverse) = match &uploaded.last {
            Last::Line(level) => return self.relax(&rows, level),
            Last::Inverse { cells, inverse } => (*cells, inverse),
        };
        let Direct::Dense(factor) = &coarsest.solution else { unreachable!("an inverse comes from a dense factor") };
        let ((known, b), (x, _)) = (self.vectors(count)?, self.vectors(count)?);
        run(gpu, |batch| self.kernels.coarsest(batch, cells, [inverse, &known, &x]))?;
        let expected = solved(factor, cells, uploaded.unit, self.block(&b));
        self.table.compare("multigrid/coarsest", &gpu.read(&x)?, &expected);
        Ok(())
    }
}

/// The coarsest solution by its factor; as many roundings as cells, and two of the inverse.
fn solved(factor: &Dense, [nx, ny, nz]: [usize; 3], unit: f64, b: Block<'_>) -> Expected {
    let (n, width) = (nx * ny * nz, b.width);
    let row = |cell: usize| (cell / nx % ny * nz + cell / (nx * ny)) * nx + cell % nx;
    let mut expected = Expected { values: vec![0.0; n * width], bounds: vec![0.0; n * width] };
    for cell in 0..n {
        let mut column = vec![[0.0]; n];
        column[row(cell)] = [unit];
        factor.solve(&mut column);
        for at in 0..n * width {
            let term = column[row(at / width)][0] * b.values[cell * width + at % width];
            expected.values[at] += term;
            expected.bounds[at] += (n as f64 + 2.0) * SINGLE * term.abs();
        }
    }
    expected
}

/// Checks the kernels of vectors and scalars.
///
/// # Errors
/// A failing device.
pub fn verify_gradients(gpu: &Gpu, seed: u64) -> Result<Vec<Outcome>> {
    let mut table = Table::new();
    let mut numbers = Numbers::new(seed);
    for (cells, width) in [([1, 1, 1], 1), ([7, 5, 3], 6), ([131, 127, 1], 7)] {
        table.case = format!("{cells:?} cells, {width} right-hand sides");
        let mut check = Check { table: &mut table, numbers: &mut numbers, kernels: Kernels::new(gpu, width) };
        check.inner(cells)?;
        for entry in ["begin", "step"] {
            check.scalars(cells, entry)?;
        }
        check.steps(cells)?;
        check.project(cells)?;
    }
    Ok(table.outcomes)
}

/// States of every kind: not begun, going on, at the goal, given up, at a negative product.
fn states(width: usize) -> Vec<State> {
    let state = |column: usize| State {
        product: 0.75 + column as f32,
        alpha: if column % 3 == 2 { 0.0 } else { 0.5 + column as f32 },
        beta: if column % 3 == 1 { 0.0 } else { 0.25 + column as f32 },
        goal: [1e-6, 0.01, 1e9, 0.01, 0.02][column % 5],
        going: u32::from(column % 5 != 3),
        begun: (column as u32 * 3) % 5,
        taken: column as u32,
        square: 0.5,
    };
    (0..width).map(state).collect()
}

/// The numbers of the states, column by column.
fn numbers_of(states: &[State]) -> Vec<f32> {
    let numbers =
        |s: &State| [s.product, s.alpha, s.beta, s.goal, s.going as f32, s.begun as f32, s.taken as f32, s.square];
    states.iter().flat_map(numbers).collect()
}

impl Check<'_, '_> {
    fn inner(&mut self, cells: [usize; 3]) -> Result<(), GpuError> {
        let gpu = self.kernels.gpu;
        let (count, width) = (cells.iter().product::<usize>(), self.kernels.width);
        let ((r, of_r), (z, of_z)) = (self.vectors(count)?, self.vectors(count)?);
        let threads = parts(count) * width;
        let partial = gpu.zeros("parts", 2 * threads)?;
        run(gpu, |batch| self.kernels.inner(batch, cells, [&r, &z, &partial]))?;
        let mut expected = Expected { values: vec![0.0; 2 * threads], bounds: vec![0.0; 2 * threads] };
        let roundings = count.div_ceil(parts(count)) as f64 + 1.0;
        for (which, other) in [of_z, of_r.clone()].iter().enumerate() {
            for at in 0..count * width {
                let term = of_r[at] * other[at];
                expected.values[which * threads + at % threads] += term;
                expected.bounds[which * threads + at % threads] += roundings * SINGLE * term.abs();
            }
        }
        self.table.compare("gradients/inner", &gpu.read(&partial)?, &expected);
        Ok(())
    }

    /// The sums of parts `from ..`, column by column, with their bounds: a lane's own sums, and those of halves.
    fn totals(&self, parts: &[f64], count: usize) -> Vec<(f64, f64)> {
        let width = self.kernels.width;
        let roundings = count.div_ceil(super::LANES as usize) as f64 + f64::from(super::LANES).log2();
        let total = |column: usize| {
            let terms = parts.iter().skip(column).step_by(width).take(count);
            terms.fold((0.0, 0.0), |(sum, bound), x| (sum + x, bound + roundings * SINGLE * x.abs()))
        };
        (0..width).map(total).collect()
    }

    fn scalars(&mut self, cells: [usize; 3], entry: &str) -> Result<(), GpuError> {
        let gpu = self.kernels.gpu;
        let (count, width) = (parts(cells.iter().product()), self.kernels.width);
        // Sums well above 0, but for the fifth column: which right-hand sides go on is no matter of rounding.
        let (mut single, _) = self.numbers.block(2 * count * width);
        for (at, value) in single.iter_mut().enumerate() {
            *value = if at % width == 4 { -1.0 } else { 1.0 } * (1.0 + 0.5 * *value);
        }
        let double: Vec<f64> = single.iter().map(|&x| f64::from(x)).collect();
        let (first, second) = double.split_at(count * width);
        let (sums, squares) = (self.totals(first, count), self.totals(second, count));
        let before = states(width);
        let (partial, on_device) = (gpu.upload("parts", &single)?, gpu.upload("states", &before)?);
        run(gpu, |batch| self.kernels.scalars(batch, entry, cells, &partial, &on_device))?;
        let mut expected = Expected { values: Vec::new(), bounds: Vec::new() };
        for ((state, (sum, error)), (square, rounding)) in before.iter().zip(sums).zip(squares) {
            let going = state.going == 1 && sum > 0.0;
            let of = |x: f32| f64::from(x);
            let [mut values, mut bounds] = [of_state(state), [0.0; 8]];
            if entry == "begin" {
                let goal = of(state.goal) * if state.begun == 0 { square } else { 1.0 };
                let going = going && square > goal;
                let beta = if going && state.begun > 0 { sum / of(state.product) } else { 0.0 };
                values =
                    [sum, of(state.alpha), beta, goal, f64::from(u8::from(going)), values[5] + 1.0, values[6], square];
                let beta_bound = error / of(state.product) + 3.0 * SINGLE * beta.abs();
                let goal_bound = if state.begun == 0 { of(state.goal) * rounding + SINGLE * goal } else { 0.0 };
                bounds = [error, 0.0, beta_bound, goal_bound, 0.0, 0.0, 0.0, rounding];
            } else {
                let alpha = if going { of(state.product) / sum } else { 0.0 };
                (values[1], values[4]) = (alpha, f64::from(u8::from(going)));
                values[6] += values[4];
                bounds[1] = alpha * (2.0 * error / sum + 3.0 * SINGLE);
            }
            expected.values.extend(values);
            expected.bounds.extend(bounds.map(f64::abs));
        }
        self.table.compare(&format!("gradients/{entry}"), &numbers_of(&gpu.read(&on_device)?), &expected);
        Ok(())
    }

    fn steps(&mut self, cells: [usize; 3]) -> Result<(), GpuError> {
        let gpu = self.kernels.gpu;
        let (count, width) = (cells.iter().product::<usize>(), self.kernels.width);
        let states = states(width);
        let on_device = gpu.upload("states", &states)?;
        let ((z, of_z), (p, of_p)) = (self.vectors(count)?, self.vectors(count)?);
        run(gpu, |batch| self.kernels.advance(batch, cells, &on_device, [&z, &p]))?;
        let sum = |a: f64, factor: f32, b: f64| {
            let term = f64::from(factor) * b;
            (a + term, 2.0 * SINGLE * (a.abs() + term.abs()))
        };
        let advanced = |at: usize| sum(of_z[at], states[at % width].beta, of_p[at]);
        let expected = collected(count * width, advanced);
        self.table.compare("gradients/advance", &gpu.read(&p)?, &expected);
        let ((p, of_p), (image, of_image)) = (self.vectors(count)?, self.vectors(count)?);
        let ((x, of_x), (r, of_r)) = (self.vectors(count)?, self.vectors(count)?);
        run(gpu, |batch| self.kernels.update(batch, cells, &on_device, [&p, &image, &x, &r, &z]))?;
        let moved = |at: usize| {
            let state = &states[at % width];
            sum(if state.begun == 1 { 0.0 } else { of_x[at] }, state.alpha, of_p[at])
        };
        self.table.compare("gradients/update", &gpu.read(&x)?, &collected(count * width, moved));
        let rest = |at: usize| sum(of_r[at], -states[at % width].alpha, of_image[at]);
        self.table.compare("gradients/update, residual", &gpu.read(&r)?, &collected(count * width, rest));
        self.table.zeros("gradients/update, zeros", &gpu.read(&z)?);
        Ok(())
    }

    fn project(&mut self, cells: [usize; 3]) -> Result<()> {
        let gpu = self.kernels.gpu;
        let (count, width) = (cells.iter().product::<usize>(), self.kernels.width);
        let mut matrix = system(cells, &mut self.numbers.0);
        let tie = |remainder: usize| (0..count).filter(|cell| cell % 4 == remainder).collect::<Vec<_>>();
        matrix.ties = [tie(1), tie(2)].into_iter().filter(|tie| !tie.is_empty()).collect();
        let uploaded = Uploaded::new(gpu, &matrix, &hierarchy(&matrix, DIRECT_CELLS)?)?;
        let (x, values) = self.vectors(count)?;
        run(gpu, |batch| self.kernels.project(batch, cells, uploaded.ties.as_ref(), &x))?;
        let projected = |at: usize| {
            let (cell, column) = (at / width, at % width);
            let Some(tie) = uploaded.tied.iter().find(|tie| tie.contains(&cell)) else { return (values[at], 0.0) };
            let size = tie.len() as f64;
            let terms = tie.iter().map(|cell| values[cell * width + column] / size);
            terms.fold((0.0, 0.0), |(sum, bound), x| (sum + x, bound + (size + 1.0) * SINGLE * x.abs()))
        };
        self.table.compare("gradients/project", &gpu.read(&x)?, &collected(count * width, projected));
        Ok(())
    }
}

fn of_state(state: &State) -> [f64; 8] {
    let numbers = numbers_of(std::slice::from_ref(state));
    std::array::from_fn(|at| f64::from(numbers[at]))
}

fn collected(count: usize, f: impl Fn(usize) -> (f64, f64)) -> Expected {
    let (values, bounds) = (0..count).map(f).unzip();
    Expected { values, bounds }
}
