//! Matching and voting on the device: θ goes up, the map and its probabilities come down.
//!
//! The learning set lies on the device in *parts* (whole images, as many as one binding holds) and its points in
//! *blocks* of one part each, so that no buffer grows with the number of pairs of windows. Points, bounds, selection
//! with direct comparison, and votes are kernels of their own, in the order of `nearest.rs` and `vote.rs`.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytemuck::{Pod, Zeroable};
use ndarray::Array2;

use super::hard_data::Penalty;
use super::learning_set::{Labels, LearningSet};
use super::nearest::{Index, Matches};
use super::template::Stencil;
use super::vote::Audience;
use crate::error::{Error, Result};
use crate::gpu::{Batch, Buffer, Gpu, GpuError, Shader};

/// Invocations that serve one window.
const LANES: usize = 128;
/// Side of a tile of products.
const TILE: usize = 64;
/// Depth of a tile of products.
const DEPTH: usize = 16;
/// Tiles that are summed before they are added to the total.
const FLUSH: usize = 8;
/// Mean squared distance of windows below which terms of a distance would underflow.
const LEAST_SPREAD: f64 = 1e-24;
/// Cells that a group counts votes for.
const VOTED_CELLS: usize = 16;
/// Invocations that share out the votes of one cell, at most.
const MOST_SLICES: usize = 16;
/// Bytes of workgroup memory for counts: what every device has.
const VOTE_MEMORY: usize = 16 << 10;
/// Half the distance from 1 to the next f32.
const EPS32: f64 = f32::EPSILON as f64 / 2.0;

macro_rules! shader {
    ($name:literal) => {
        Shader {
            name: concat!("feasible/", $name),
            text: include_str!(concat!("../../shaders/feasible/", $name, ".wgsl")),
            trusted: true,
        }
    };
}

pub(super) const POINTS: Shader = shader!("points");
pub(super) const RESIDUAL: Shader = shader!("residual");
pub(super) const BOUNDS: Shader = shader!("bounds");
pub(super) const NEAREST: Shader = shader!("nearest");
pub(super) const VOTE: Shader = shader!("vote");
pub(super) const ELECT: Shader = shader!("elect");
pub(super) const AVERAGE: Shader = shader!("average");
pub(super) const TOTAL: Shader = shader!("total");

/// Every shader of this room, each with constants as it is compiled with them.
pub fn shaders() -> Vec<(Shader, String)> {
    let labels = Packing::codes(3).prelude();
    let prelude = format!(
        "const LANES = {LANES}u; const NEIGHBOURS = 5u; const KINDS = 3u; const FLUSH = {FLUSH}u; \
         const CELLS = {VOTED_CELLS}u; const SLICES = {MOST_SLICES}u; {labels}"
    );
    let all = [POINTS, RESIDUAL, BOUNDS, NEAREST, VOTE, ELECT, AVERAGE, TOTAL];
    all.map(|shader| (shader, prelude.clone())).to_vec()
}

/// How much is held and done at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portions {
    /// Bytes of a part of the images.
    pub(super) part: u64,
    /// References in a block.
    pub(super) block: usize,
    /// Bytes of products of points.
    pub(super) products: u64,
}

impl Portions {
    /// Parts as large as the device binds; blocks and products that bound the time of a dispatch.
    pub(super) fn of(gpu: &Gpu) -> Self {
        Self { part: gpu.max_binding(), block: 16_384, products: gpu.max_binding().min(256 << 20) }
    }
}

/// Labels of a kind that packs into words: codes of 1, 2, 4 or 8 bits, or values as bits of f32.
struct Packing {
    bits: usize,
    facies: bool,
}

impl Packing {
    fn codes(kinds: usize) -> Self {
        let bits = [1, 2, 4].into_iter().find(|&bits| kinds <= 1 << bits).unwrap_or(8);
        Self { bits, facies: true }
    }

    fn values() -> Self {
        Self { bits: 32, facies: false }
    }

    fn per_word(&self) -> usize {
        32 / self.bits
    }

    /// Constants of the shaders that read such labels.
    fn prelude(&self) -> String {
        let mask = u32::MAX >> (32 - self.bits);
        let Self { bits, facies } = self;
        format!(
            "const BITS = {bits}u; const PER_WORD = {}u; const MASK = {mask}u; const FACIES = {facies};",
            self.per_word()
        )
    }

    fn pack(&self, codes: &[u8]) -> Vec<u32> {
        let word =
            |codes: &[u8]| codes.iter().enumerate().fold(0, |word, (i, &c)| word | u32::from(c) << (i * self.bits));
        codes.chunks(self.per_word()).map(word).collect()
    }
}

fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Images and labels that fit into one binding each.
struct Part {
    /// Cells, counted over all images.
    cells: Range<usize>,
    images: Buffer<f32>,
    labels: Buffer<u32>,
    /// What hard data are compared with, where that is not `labels`.
    evidence: Option<Buffer<u32>>,
}

/// Points of some windows of one part.
struct Block {
    part: usize,
    count: usize,
    stride: usize,
    /// Start in the images (or in the points, where these alone decide), number, start in the labels.
    references: Buffer<[u32; 4]>,
    points: Buffer<f32>,
}

/// What a device is made from.
#[derive(Clone, Copy)]
pub(super) struct Learned<'a> {
    pub(super) set: &'a LearningSet,
    pub(super) index: &'a Index,
    /// What is voted on, with the value of each code; none where values are averaged.
    pub(super) codes: Option<(&'a [u8], &'a [f64])>,
    pub(super) penalty: &'a Penalty,
    pub(super) voters: &'a [u32],
    pub(super) neighbours: usize,
}

/// A learning set on the device.
pub(super) struct Device<'g> {
    gpu: &'g Gpu,
    portions: Portions,
    neighbours: usize,
    labels: Packing,
    evidence: Packing,
    kinds: usize,
    parts: Vec<Part>,
    blocks: Vec<Block>,
    offsets: Buffer<[u32; 2]>,
    basis: Buffer<f32>,
    starts: Buffer<u32>,
    runs: Buffer<[u32; 4]>,
    voters: Buffer<u32>,
    values: Buffer<f32>,
    clock: Option<Mutex<f64>>,
}

/// Matches that stay on the device.
pub(super) struct Found {
    theta: Buffer<f32>,
    numbers: Buffer<u32>,
    costs: Buffer<f32>,
}

/// What a check reads of points and bounds.
pub(super) struct Read {
    pub(super) stride: usize,
    pub(super) points: Vec<f32>,
    pub(super) norms: Vec<[f32; 2]>,
    pub(super) references: Vec<u32>,
    pub(super) product_stride: usize,
    pub(super) products: Vec<f32>,
}

/// How values are averaged: the floor of weighted votes, none of votes that count alike.
pub(super) type Weighting = Option<f64>;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct PointsShape {
    windows4: u32,
    components4: u32,
    steps: u32,
    shift: f32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ResidualShape {
    windows: u32,
    stride: u32,
    components: u32,
    cells: u32,
    shift: f32,
    error: f32,
    alone: u32,
    padding: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct BoundsShape {
    queries4: u32,
    first4: u32,
    references4: u32,
    steps: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct NearestBlock {
    queries: u32,
    first: u32,
    references: u32,
    stride: u32,
    cells: u32,
    weight: f32,
    largest_error: f32,
    largest_norm2: f32,
    rounding: f32,
    slack: f32,
    padding: [u32; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct VoteBallot {
    cells: [u32; 4],
    positions: [u32; 4],
    runs: u32,
    first: u32,
    count: u32,
    single: u32,
    floor: f32,
    weighted: u32,
    padding: [u32; 2],
}

impl<'g> Device<'g> {
    /// Sends a learning set to the device, in portions.
    ///
    /// # Errors
    /// Where the device has no room, or too little workgroup memory for so many neighbours.
    pub(super) fn new(gpu: &'g Gpu, portions: Portions, learned: &Learned<'_>) -> Result<Self> {
        let Learned { set, index, codes, penalty, voters, neighbours } = *learned;
        if set.images.len() > u32::MAX as usize {
            let (what, bytes) = ("cells of the learning set".into(), 4 * set.images.len() as u64);
            return Err(GpuError::TooLarge { what, bytes, limit: 4 * u64::from(u32::MAX) }.into());
        }
        let spread = index.components.spread;
        if spread > 0.0 && spread < LEAST_SPREAD {
            let problem = format!("windows of the realizations differ by {:e} only, too little for f32", spread.sqrt());
            return Err(Error::input("feasible.library", problem, "carry the property as its logarithm"));
        }
        let workgroup = (neighbours + LANES) * 8 + 16;
        if workgroup > gpu.workgroup_memory() as usize {
            let problem = format!(
                "{neighbours} neighbours need {workgroup} bytes of workgroup memory, the device has {}",
                gpu.workgroup_memory()
            );
            return Err(Error::input("feasible.neighbours", problem, "ask for fewer, or run with --backend cpu"));
        }
        let labels = codes.map_or_else(Packing::values, |(_, values)| Packing::codes(values.len()));
        let evidence = match &set.labels {
            Labels::Facies { values, .. } => Packing::codes(values.len()),
            Labels::Values(_) => Packing::values(),
        };
        let apart = !penalty.data.is_empty() && evidence.facies != labels.facies;
        let n = set.stencil().grid().len();
        let images = set.images.len() / n;
        let most = ((portions.part / 4) as usize / n).max(1);
        let mut parts = Vec::new();
        for first in (0..images).step_by(most) {
            let cells = first * n..(first + most).min(images) * n;
            let packed = |apart: bool| match (&set.labels, codes) {
                (Labels::Facies { codes, .. }, _) => labels.pack(&codes[cells.clone()]),
                (Labels::Values(_), Some((codes, _))) if !apart => labels.pack(&codes[cells.clone()]),
                (Labels::Values(values), _) => words(&values[cells.clone()]),
            };
            parts.push(Part {
                images: gpu.upload("feasible images", &set.images[cells.clone()])?,
                labels: gpu.upload("feasible labels", &packed(false))?,
                evidence: if apart { Some(gpu.upload("feasible evidence", &packed(true))?) } else { None },
                cells,
            });
        }
        let blocks = blocks(gpu, portions.block, set, index, &parts)?;
        let kinds = codes.map_or(1, |(_, values)| values.len());
        let values: Vec<f32> = codes.map_or(vec![0.0], |(_, values)| values.iter().map(|&v| v as f32).collect());
        let starts: Vec<u32> = (0..set.len()).map(|number| set.start(number) as u32).collect();
        Ok(Self {
            gpu,
            portions,
            neighbours,
            labels,
            evidence,
            kinds,
            parts,
            blocks,
            offsets: gpu.upload("feasible offsets", &offsets(&index.stencil))?,
            basis: gpu.upload("feasible basis", &basis(index))?,
            starts: gpu.upload("feasible starts", &starts)?,
            runs: gpu.upload("feasible runs", &runs(set.stencil()))?,
            voters: gpu.upload("feasible voters", voters)?,
            values: gpu.upload("feasible values", &values)?,
            clock: None,
        })
    }

    /// Starts the clock that adds up what the device spends on its kernels.
    pub(super) fn start_clock(&mut self) {
        self.clock = Some(Mutex::new(0.0));
    }

    /// Seconds of the device since the clock was started.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.clock.as_ref().map(|clock| *clock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn run(&self, batch: Batch<'_>) -> Result<()> {
        match &self.clock {
            None => batch.submit()?,
            Some(clock) => *clock.lock().unwrap_or_else(PoisonError::into_inner) += batch.time()?,
        }
        Ok(())
    }

    fn prelude(&self, labels: &Packing) -> String {
        let (k, kinds) = (self.neighbours, self.kinds);
        format!("const LANES = {LANES}u; const NEIGHBOURS = {k}u; const KINDS = {kinds}u; {}", labels.prelude())
    }

    /// The matches of the windows of `theta` at `origins`.
    pub(super) fn nearest(
        &self,
        set: &LearningSet,
        index: &Index,
        theta: &[f32],
        origins: &[u32],
        penalty: &Penalty,
    ) -> Result<Found> {
        let gpu = self.gpu;
        let count = origins.len();
        let found = Found {
            theta: gpu.upload("theta", theta)?,
            numbers: gpu.upload("matches", &vec![u32::MAX; count * self.neighbours])?,
            costs: gpu.upload("costs", &vec![3.0e38f32; count * self.neighbours])?,
        };
        let origins_buffer = gpu.upload("origins", &padded(origins))?;
        let padded = origins_buffer.len();
        let (points, norms) = self.points(index, &found.theta, &origins_buffer, count)?;
        let (covered_from, covered) = covered(set, origins, penalty);
        let covered_from = gpu.upload("hard data of windows", &covered_from)?;
        let covered = gpu.upload("hard data", &covered)?;
        let stride = self.blocks.iter().map(|block| block.stride).max().unwrap_or(TILE);
        let most = (self.portions.products / 4) as usize / stride / TILE * TILE;
        let most = most.clamp(TILE, padded.min(65_535 / TILE * TILE));
        let products = gpu.zeros::<f32>("products", most * stride)?;
        let identity: Vec<u32> = (0..padded as u32).collect();
        let identity = if index.points_alone { Some(gpu.upload("numbers", &identity)?) } else { None };
        let prelude = self.prelude(&self.evidence);
        for block in &self.blocks {
            let part = &self.parts[block.part];
            let in_points = identity.as_ref().map(|_| gpu.upload("offsets", &columns(index, padded, block.stride)));
            let in_points = in_points.transpose()?;
            for first in (0..count).step_by(most) {
                let queries = most.min(count - first);
                let shape = gpu.uniform("block", nearest_block(index, block, penalty, first, queries))?;
                let mut batch = gpu.batch();
                self.bound(&mut batch, index, block, &points, first..first + queries, &products)?;
                let (theta, origins, offsets, images) = match (&identity, &in_points) {
                    (Some(identity), Some(columns)) => (&points, identity, columns, &block.points),
                    _ => (&found.theta, &origins_buffer, &self.offsets, &part.images),
                };
                let bindings = [
                    shape.bind(),
                    theta.bind(),
                    origins.bind(),
                    offsets.bind(),
                    images.bind(),
                    block.references.bind(),
                    products.bind(),
                    norms.bind(),
                    covered_from.bind(),
                    covered.bind(),
                    part.evidence.as_ref().unwrap_or(&part.labels).bind(),
                    found.costs.bind(),
                    found.numbers.bind(),
                ];
                batch.dispatch(&NEAREST, "nearest", &prelude, &bindings, [queries as u64, 1, 1])?;
                self.run(batch)?;
            }
        }
        Ok(found)
    }

    /// Adds the bounds of some windows of the map against all of a block.
    fn bound(
        &self,
        batch: &mut Batch<'_>,
        index: &Index,
        block: &Block,
        points: &Buffer<f32>,
        queries: Range<usize>,
        products: &Buffer<f32>,
    ) -> Result<()> {
        let shape = BoundsShape {
            queries4: (points.len() / rows(index) / 4) as u32,
            first4: (queries.start / 4) as u32,
            references4: (block.stride / 4) as u32,
            steps: (height(index) / DEPTH) as u32,
        };
        let shape = self.gpu.uniform("bounds", shape)?;
        let tiles = [(block.stride / TILE) as u64, queries.len().div_ceil(TILE) as u64, 1];
        let bindings = [shape.bind(), points.bind(), block.points.bind(), products.bind()];
        batch.dispatch(&BOUNDS, "bounds", "", &bindings, tiles)?;
        Ok(())
    }

    /// Points of the map's windows as the device makes them, one coordinate a row of `origins` padded, and the products
    /// with the first block, one window a row, with the numbers of its references: for checks.
    pub(super) fn read_points(&self, index: &Index, theta: &[f32], origins: &[u32]) -> Result<Read> {
        let theta = self.gpu.upload("theta", theta)?;
        let padded = padded(origins);
        let count = origins.len();
        let (points, norms) = self.points(index, &theta, &self.gpu.upload("origins", &padded)?, count)?;
        let block = &self.blocks[0];
        let products = self.gpu.zeros("products", padded.len() * block.stride)?;
        let mut batch = self.gpu.batch();
        self.bound(&mut batch, index, block, &points, 0..count, &products)?;
        self.run(batch)?;
        Ok(Read {
            stride: padded.len(),
            points: self.gpu.read(&points)?,
            norms: self.gpu.read(&norms)?,
            references: self.gpu.read(&block.references)?.into_iter().map(|r| r[1]).collect(),
            product_stride: block.stride,
            products: self.gpu.read(&products)?,
        })
    }

    /// Points of the map's windows, one coordinate a row, and their norms and errors.
    fn points(
        &self,
        index: &Index,
        theta: &Buffer<f32>,
        origins: &Buffer<u32>,
        count: usize,
    ) -> Result<(Buffer<f32>, Buffer<[f32; 2]>)> {
        let gpu = self.gpu;
        let padded = origins.len();
        let components = index.components.count;
        let wide = components.next_multiple_of(TILE);
        let points = gpu.zeros::<f32>("points", rows(index) * padded)?;
        let norms = gpu.zeros::<[f32; 2]>("norms", count)?;
        let shape = PointsShape {
            windows4: (padded / 4) as u32,
            components4: (wide / 4) as u32,
            steps: (self.offsets.len() / DEPTH) as u32,
            shift: index.components.shift as f32,
        };
        let shape = gpu.uniform("points", shape)?;
        let residual = ResidualShape {
            windows: count as u32,
            stride: padded as u32,
            components: components as u32,
            cells: index.stencil.len() as u32,
            shift: index.components.shift as f32,
            error: projection_error(index) as f32,
            alone: u32::from(index.points_alone),
            padding: 0,
        };
        let residual = gpu.uniform("residual", residual)?;
        let mut batch = gpu.batch();
        let bindings =
            [shape.bind(), theta.bind(), origins.bind(), self.offsets.bind(), self.basis.bind(), points.bind()];
        let tiles = [(padded / TILE) as u64, (wide / TILE) as u64, 1];
        batch.dispatch(&POINTS, "project", &format!("const FLUSH = {FLUSH}u;"), &bindings, tiles)?;
        let bindings =
            [residual.bind(), theta.bind(), origins.bind(), self.offsets.bind(), points.bind(), norms.bind()];
        let prelude = format!("const LANES = {LANES}u;");
        batch.dispatch(&RESIDUAL, "residual", &prelude, &bindings, [count as u64, 1, 1])?;
        self.run(batch)?;
        Ok((points, norms))
    }

    /// Brings matches down: for checks, and for what is reported of approximate descriptions.
    pub(super) fn matches(&self, found: &Found) -> Result<Matches> {
        let cost = self.gpu.read(&found.costs)?.into_iter().map(f64::from).collect();
        Ok(Matches { neighbours: self.neighbours, index: self.gpu.read(&found.numbers)?, cost })
    }

    /// The sum of all costs.
    pub(super) fn total_cost(&self, found: &Found) -> Result<f64> {
        let sum = self.gpu.zeros::<f32>("sum of costs", 1)?;
        let mut batch = self.gpu.batch();
        let prelude = format!("const LANES = {LANES}u;");
        batch.dispatch(&TOTAL, "total", &prelude, &[found.costs.bind(), sum.bind()], [1, 1, 1])?;
        self.run(batch)?;
        Ok(f64::from(self.gpu.read(&sum)?[0]))
    }

    /// Sends matches up.
    pub(super) fn take(&self, theta: &[f32], matches: &Matches) -> Result<Found> {
        let costs: Vec<f32> = matches.cost.iter().map(|&cost| cost as f32).collect();
        Ok(Found {
            theta: self.gpu.upload("theta", theta)?,
            numbers: self.gpu.upload("matches", &matches.index)?,
            costs: self.gpu.upload("costs", &costs)?,
        })
    }

    /// Votes of every cell, left on the device: counts by code, or sum and weight as bits of f32.
    fn vote(
        &self,
        stencil: &Stencil,
        origins: &[u32],
        found: &Found,
        audience: &Audience,
        weighting: Weighting,
    ) -> Result<Buffer<u32>> {
        let gpu = self.gpu;
        let grid = stencil.grid();
        let mut window_at = vec![0u32; grid.len()];
        origins.iter().enumerate().for_each(|(window, &origin)| window_at[origin as usize] = window as u32 + 1);
        let window_at = gpu.upload("windows by origin", &window_at)?;
        let (single, heard) = match audience {
            Audience::All => (0, vec![0]),
            Audience::One(windows) => (1, windows.clone()),
        };
        let heard = gpu.upload("audience", &heard)?;
        let averaged = !self.labels.facies;
        let votes = gpu.zeros::<u32>("votes", grid.len() * if averaged { 2 } else { self.kinds })?;
        let [nx, ny, nz] = grid.cells.map(|c| c as u32);
        let [px, py, pz] = stencil.positions().map(|p| p as u32);
        let slices = (VOTE_MEMORY / (4 * VOTED_CELLS * self.kinds)).clamp(1, MOST_SLICES);
        let prelude =
            format!("{}const CELLS = {VOTED_CELLS}u; const SLICES = {slices}u;\n", self.prelude(&self.labels));
        for part in &self.parts {
            let ballot = VoteBallot {
                cells: [nx, ny, nz, grid.len() as u32],
                positions: [px, py, pz, 0],
                runs: self.runs.len() as u32,
                first: part.cells.start as u32,
                count: part.cells.len() as u32,
                single,
                floor: weighting.unwrap_or(0.0) as f32,
                weighted: u32::from(weighting.is_some()),
                padding: [0; 2],
            };
            let ballot = gpu.uniform("ballot", ballot)?;
            let mut bindings = vec![
                ballot.bind(),
                self.runs.bind(),
                window_at.bind(),
                found.numbers.bind(),
                self.starts.bind(),
                part.labels.bind(),
                heard.bind(),
                votes.bind(),
            ];
            let (entry, cells) = if averaged { ("sum", 64) } else { ("count", VOTED_CELLS) };
            if averaged {
                bindings.push(found.costs.bind());
            }
            let mut batch = gpu.batch();
            batch.dispatch(&VOTE, entry, &prelude, &bindings, [grid.len().div_ceil(cells) as u64, 1, 1])?;
            self.run(batch)?;
        }
        Ok(votes)
    }

    /// Votes by code, K × n.
    pub(super) fn count(
        &self,
        stencil: &Stencil,
        origins: &[u32],
        found: &Found,
        audience: &Audience,
    ) -> Result<Array2<u32>> {
        let votes = self.vote(stencil, origins, found, audience, None)?;
        let counts = self.gpu.read(&votes)?;
        let shape = (self.kinds, stencil.grid().len());
        Ok(Array2::from_shape_vec(shape, counts).expect("as many counts as the buffer was made for"))
    }

    /// The code of every cell and the shares of its votes, K × n.
    pub(super) fn elect(
        &self,
        stencil: &Stencil,
        origins: &[u32],
        found: &Found,
        audience: &Audience,
    ) -> Result<(Vec<u8>, Array2<f32>)> {
        let n = stencil.grid().len();
        let votes = self.vote(stencil, origins, found, audience, None)?;
        let codes = self.gpu.zeros::<u32>("codes", n)?;
        let shares = self.gpu.zeros::<f32>("probability", n * self.kinds)?;
        let bindings =
            [votes.bind(), self.voters.bind(), found.theta.bind(), self.values.bind(), codes.bind(), shares.bind()];
        let prelude = format!("const KINDS = {}u;", self.kinds);
        let mut batch = self.gpu.batch();
        batch.dispatch(&ELECT, "elect", &prelude, &bindings, [n.div_ceil(64) as u64, 1, 1])?;
        self.run(batch)?;
        let codes = self.gpu.read(&codes)?.into_iter().map(|code| code as u8).collect();
        let shares = Array2::from_shape_vec((self.kinds, n), self.gpu.read(&shares)?);
        Ok((codes, shares.expect("as many shares as the buffer was made for")))
    }

    /// The mean of the votes of every cell.
    pub(super) fn average(
        &self,
        stencil: &Stencil,
        origins: &[u32],
        found: &Found,
        audience: &Audience,
        weighting: Weighting,
    ) -> Result<Vec<f64>> {
        let n = stencil.grid().len();
        let votes = self.vote(stencil, origins, found, audience, weighting)?;
        let mean = self.gpu.zeros::<f32>("mean", n)?;
        let mut batch = self.gpu.batch();
        let bindings = [votes.bind(), self.voters.bind(), mean.bind()];
        batch.dispatch(&AVERAGE, "average", "", &bindings, [n.div_ceil(64) as u64, 1, 1])?;
        self.run(batch)?;
        Ok(self.gpu.read(&mean)?.into_iter().map(f64::from).collect())
    }
}

/// Numbers of a padded point: components, residual, `−‖r‖²/2` or one, zeros.
pub(super) fn height(index: &Index) -> usize {
    (index.components.count + 2).next_multiple_of(DEPTH)
}

/// Rows of the points of the map's windows: whole tiles of components, and what follows these.
fn rows(index: &Index) -> usize {
    index.components.count.next_multiple_of(TILE).max(height(index))
}

/// Origins padded to whole tiles by the last one.
fn padded(origins: &[u32]) -> Vec<u32> {
    let mut padded = origins.to_vec();
    padded.resize(origins.len().next_multiple_of(TILE), origins[origins.len() - 1]);
    padded
}

/// Points of the learning set in blocks, one coordinate a row.
fn blocks(gpu: &Gpu, most: usize, set: &LearningSet, index: &Index, parts: &[Part]) -> Result<Vec<Block>> {
    let height = height(index);
    let mut order: Vec<usize> = (0..set.len()).collect();
    order.sort_by_key(|&number| (set.windows[number].image, number));
    let mut blocks = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let from = order.partition_point(|&r| set.start(r) < part.cells.start);
        let to = order.partition_point(|&r| set.start(r) < part.cells.end);
        for members in order[from..to].chunks(most) {
            let stride = members.len().next_multiple_of(TILE);
            let mut points = vec![0.0f32; height * stride];
            let mut references = Vec::with_capacity(members.len());
            for (column, &member) in members.iter().enumerate() {
                for (row, &value) in index.row(member).iter().enumerate() {
                    points[row * stride + column] = value;
                }
                let start = (set.start(member) - part.cells.start) as u32;
                let compared = if index.points_alone { column as u32 } else { start };
                references.push([compared, member as u32, start, 0]);
            }
            blocks.push(Block {
                part: number,
                count: members.len(),
                stride,
                references: gpu.upload("references", &references)?,
                points: gpu.upload("points of references", &points)?,
            });
        }
    }
    Ok(blocks)
}

/// Offsets of the compared cells, in the map and in the images, padded to whole tiles.
fn offsets(stencil: &Stencil) -> Vec<[u32; 2]> {
    let mut offsets: Vec<_> = stencil.ranges(0).flatten().map(|cell| [cell as u32; 2]).collect();
    offsets.resize(offsets.len().next_multiple_of(DEPTH), [0; 2]);
    offsets
}

/// Offsets of a point's coordinates among points laid out by coordinate.
fn columns(index: &Index, queries: usize, references: usize) -> Vec<[u32; 2]> {
    (0..index.components.count).map(|row| [(row * queries) as u32, (row * references) as u32]).collect()
}

/// The basis, one cell a row, padded with zeros to whole tiles.
fn basis(index: &Index) -> Vec<f32> {
    let (count, cells) = (index.components.count, index.stencil.len());
    let wide = count.next_multiple_of(TILE);
    let mut basis = vec![0.0; cells.next_multiple_of(DEPTH) * wide];
    for component in 0..count {
        for cell in 0..cells {
            basis[cell * wide + component] = index.components.basis[component * cells + cell] as f32;
        }
    }
    basis
}

/// Runs by the position of their first cell: dx, dy, dz, length.
fn runs(stencil: &Stencil) -> Vec<[u32; 4]> {
    let first = |offset: usize| stencil.grid().cell(offset).map(|c| c as u32);
    let runs = stencil.runs().iter().map(|run| (first(run.offset), run.length as u32));
    runs.map(|([dx, dy, dz], length)| [dx, dy, dz, length]).collect()
}

/// Hard data under each window: where they begin, and (offset in the window, bits of the datum).
fn covered(set: &LearningSet, origins: &[u32], penalty: &Penalty) -> (Vec<u32>, Vec<[u32; 2]>) {
    let bits = |datum: f64| if penalty.facies { datum as u32 } else { (datum as f32).to_bits() };
    let (mut from, mut all) = (vec![0], Vec::new());
    for &origin in origins {
        let covered = penalty.covered(set.stencil(), origin);
        all.extend(covered.into_iter().map(|(offset, datum)| [offset as u32, bits(datum)]));
        from.push(all.len() as u32);
    }
    (from, all)
}

/// Largest error of a projection in f32, relative to the window's norm: each of the c sums has the rounding of FLUSH
/// tiles, of the sums of these, and of basis and shifted window.
pub(super) fn projection_error(index: &Index) -> f64 {
    let cells = index.stencil.len().next_multiple_of(DEPTH);
    let roundings = (FLUSH * DEPTH + cells / (FLUSH * DEPTH) + 6) as f64;
    index.components.defect + (index.components.count as f64).sqrt() * roundings * EPS32
}

/// Roundings of a cost: sixteen terms at a time in each lane, the sums of these, and the lanes' tree.
pub(super) fn cost_roundings(cells: usize) -> f64 {
    (16 + cells.div_ceil(16 * LANES) + LANES.ilog2() as usize + 4) as f64
}

fn nearest_block(index: &Index, block: &Block, penalty: &Penalty, first: usize, queries: usize) -> NearestBlock {
    let cells = if index.points_alone { index.components.count } else { index.stencil.len() };
    let alone = index.points_alone;
    NearestBlock {
        queries: queries as u32,
        first: first as u32,
        references: block.count as u32,
        stride: block.stride as u32,
        cells: cells as u32,
        weight: penalty.weight as f32,
        largest_error: if alone { 0.0 } else { (index.largest_error as f32).next_up() },
        largest_norm2: (index.largest_norm2 as f32).next_up(),
        rounding: ((height(index) + 12) as f64 * EPS32) as f32,
        slack: (1.0 + 4.0 * cost_roundings(cells) * EPS32) as f32,
        padding: [0; 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_pack_into_as_few_bits_as_hold_them() {
        for (kinds, bits) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8)] {
            assert_eq!(Packing::codes(kinds).bits, bits);
        }
        assert_eq!(Packing::codes(4).pack(&[1, 2, 3, 0, 1]), [0b01_00_11_10_01]);
        assert_eq!(Packing::codes(2).pack(&[1; 33]), [u32::MAX, 1]);
    }
}
