//! The timings of this room.

use super::device::{Device, Learned, Portions};
use super::hard_data::{HardData, Penalty};
use super::learning_set::{Labels, LearningSet, Window};
use super::nearest::Index;
use super::positions::Positions;
use super::template::{Stencil, Template};
use super::vote::{Audience, Ballot};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::grid::Grid;
use crate::measure::{Measurement, timed};
use crate::random::{Purpose, Stream};

/// Windows of the map and of the learning set that [`measure`] matches.
const MEASURED: usize = 4000;

/// Times preparation, matching and voting: 4000 windows of 80 × 80 cells against 4000, in fields of 200 × 200 that are
/// sums of the same hundred waves, five neighbours.
///
/// # Errors
/// Where the device fails.
pub fn measure(gpu: Option<&Gpu>) -> Result<Vec<Measurement>> {
    let grid = Grid::unit([200, 200, 1]);
    let stencil = Stencil::new(&Template::cuboid([80, 80, 1])?, grid)?;
    let mut stream = Stream::new(1, Purpose::Check, 0, 2);
    let vectors: Vec<[f64; 2]> = (0..100).map(|_| [stream.between(-0.3, 0.3), stream.between(-0.3, 0.3)]).collect();
    let images = 40;
    let fields: Vec<f32> = (0..images).flat_map(|_| spectrum(&grid, &vectors, &mut stream)).collect();
    let theta = spectrum(&grid, &vectors, &mut stream);
    let codes: Vec<u8> = fields.iter().map(|&x| u8::from(x > 0.0)).collect();
    let places = (0..MEASURED).map(|number| Window {
        image: (number % images) as u32,
        origin: stencil.origin(stream.below(stencil.windows() as u64) as usize),
    });
    let labels = Labels::Facies { codes: codes.clone(), values: vec![0.0, 1.0] };
    let set = LearningSet::new(stencil.clone(), fields, labels, places.collect())?;
    let fraction = MEASURED as f64 / stencil.windows() as f64;
    let origins = Positions::draw(&stencil, fraction, &mut stream).origins;
    let neighbours = 5;

    let (index, prepare_wall, prepare_cpu) = timed(|| Index::prepare(stencil.clone(), &set, 64, false));
    let penalty = Penalty::new(&HardData::default(), &set, index.components.spread)?;
    let (matches, match_wall, match_cpu) = timed(|| index.nearest(&set, &theta, &origins, neighbours, &penalty));
    let audience = &Audience::All;
    let ballot = Ballot { set: &set, origins: &origins, matches: &matches, audience };
    let (_, vote_wall, vote_cpu) = timed(|| ballot.count(&codes, 2));

    let (mut match_device, mut vote_device) = ((None, None), (None, None));
    if let Some(gpu) = gpu {
        let chosen = (codes.as_slice(), [0.0, 1.0].as_slice());
        let voters = stencil.voters();
        let learned =
            Learned { set: &set, index: &index, codes: Some(chosen), penalty: &penalty, voters: &voters, neighbours };
        let mut device = Device::new(gpu, Portions::of(gpu), &learned)?;
        let match_once = |device: &Device<'_>| device.nearest(&set, &index, &theta, &origins, &penalty);
        // The first run compiles the kernels.
        let found = match_once(&device)?;
        device.elect(&stencil, &origins, &found, audience)?;
        let (matched, wall, _) = timed(|| match_once(&device).and_then(|found| device.matches(&found)));
        matched?;
        let (elected, elect_wall, _) = timed(|| device.elect(&stencil, &origins, &found, audience));
        elected?;
        device.start_clock();
        match_once(&device)?;
        let seconds = device.seconds();
        device.start_clock();
        device.elect(&stencil, &origins, &found, audience)?;
        (match_device, vote_device) = ((seconds, Some(wall)), (device.seconds(), Some(elect_wall)));
    }
    let (q, r, cells, c) =
        (origins.len() as f64, MEASURED as f64, stencil.len() as f64, index.components.width() as f64);
    let kernel =
        |kernel: &str, size: String, cpu_seconds, cpu_wall, device: (Option<f64>, Option<f64>), flops, bytes| {
            Measurement {
                kernel: kernel.into(),
                size,
                cpu_seconds,
                cpu_wall,
                gpu_seconds: device.0,
                gpu_wall: device.1,
                flops,
                bytes,
            }
        };
    let size = format!("{} x {MEASURED} windows of {} cells", origins.len(), stencil.len());
    let votes = q * neighbours as f64 * cells;
    let image_bytes = 4.0 * (set.images.len() + theta.len()) as f64;
    Ok(vec![
        kernel(
            "feasible/prepare",
            size.clone(),
            prepare_cpu,
            prepare_wall,
            (None, None),
            2.0 * r * cells * c,
            image_bytes,
        ),
        kernel(
            "feasible/nearest",
            size,
            match_cpu,
            match_wall,
            match_device,
            2.0 * q * cells * c + 2.0 * q * r * c + 3.0 * q * neighbours as f64 * cells,
            image_bytes + 4.0 * r * c,
        ),
        kernel(
            "feasible/vote",
            format!("{:.0} million votes", votes * 1e-6),
            vote_cpu,
            vote_wall,
            vote_device,
            votes,
            set.images.len() as f64 / 8.0 + 8.0 * grid.len() as f64,
        ),
    ])
}

/// A field with these wave vectors, random phases, and amplitudes that fall with the wave number.
fn spectrum(grid: &Grid, vectors: &[[f64; 2]], stream: &mut Stream) -> Vec<f32> {
    let waves: Vec<[f64; 4]> = vectors
        .iter()
        .map(|v| {
            [v[0], v[1], stream.between(0.0, std::f64::consts::TAU), 1.0 / (1.0 + 200.0 * (v[0] * v[0] + v[1] * v[1]))]
        })
        .collect();
    let value = |cell: usize| -> f64 {
        let at = grid.cell(cell);
        waves.iter().map(|w| w[3] * (w[0] * at[0] as f64 + w[1] * at[1] as f64 + w[2]).sin()).sum()
    };
    (0..grid.len()).map(|cell| value(cell) as f32).collect()
}
