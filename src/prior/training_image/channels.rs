//! Channels as objects: straight, meandering, or two families that cross.

use super::TrainingImage;
use super::center_line::{Bend, CenterLine, Meander, STEP, Wander};
use super::objects::{BODY, Print, Scattered, check_cells, check_range, fill};
use crate::error::Result;
use crate::random::Stream;

/// How the channels of an image run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ChannelKind {
    /// Along the azimuth, without bends.
    Straight,
    /// Along the azimuth, in bends.
    Meandering(Meander),
    /// Two families of equal share whose axes lie `angle` degrees (10 to 90) apart, each half of it to one side of the
    /// azimuth: they cross, split and join.
    Intersecting {
        /// The bends of both families.
        meander: Meander,
        /// Angle between the families \[degrees\].
        angle: f64,
    },
}

/// An object model of channels in a background; lengths in cells.
///
/// A channel is the set of points nearer to its [`CenterLine`] than half its width; in 3-D (more than one layer) its
/// cross-section has a flat top and the thickness `t(d) = depth · (1 − (2 d / width)²)` at distance d. Facies codes:
/// 0 background, 1 channel, 2 levee (where `levee` > 0). Channels enter and leave through the image's edges.
///
/// After Deutsch and Tran (2002), *FLUVSIM*, Computers & Geosciences 28:525–535.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelModel {
    /// Number of cells of the image along x, y, z.
    pub cells: [usize; 3],
    /// How the channels run.
    pub kind: ChannelKind,
    /// Azimuth of the channels' axes \[degrees clockwise from north\], and its scatter from channel to channel.
    pub azimuth: Scattered,
    /// Width, and its scatter from channel to channel.
    pub width: Scattered,
    /// Relative standard deviation of the width along one channel, 0 to 0.3.
    pub undulation: f64,
    /// Thickness in the middle of the channel, and its scatter; without meaning in 2-D.
    pub depth: Scattered,
    /// Width of the levee on each bank; 0: no levee.
    pub levee: f64,
    /// Share of the cells that are channel.
    pub proportion: f64,
}

/// A generated image of channels, and what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelImage {
    /// The image.
    pub image: TrainingImage,
    /// The channels, oldest first.
    pub channels: Vec<CenterLine>,
}

const PLACE: &str = "training image, channels";
/// Thickness of a levee at the bank, as a share of the channel's depth.
const LEVEE_DEPTH: f64 = 0.3;
/// Widths undulate over this many widths.
const UNDULATION_LENGTH: f64 = 4.0;

impl ChannelModel {
    /// Sinuous channels in one main direction, azimuth 90° (east).
    pub fn meandering(cells: [usize; 3]) -> Self {
        let meander = Meander { wavelength: Scattered::new(80.0, 8.0), bend: Bend::Sinuosity(1.25), irregularity: 0.3 };
        Self { kind: ChannelKind::Meandering(meander), ..Self::straight(cells) }
    }

    /// Two families of gently sinuous channels that cross, split and join, azimuth 90°.
    pub fn intersecting(cells: [usize; 3]) -> Self {
        let meander =
            Meander { wavelength: Scattered::new(90.0, 9.0), bend: Bend::Sinuosity(1.08), irregularity: 0.35 };
        Self { kind: ChannelKind::Intersecting { meander, angle: 50.0 }, ..Self::straight(cells) }
    }

    /// Straight channels, azimuth 90°.
    pub fn straight(cells: [usize; 3]) -> Self {
        Self {
            cells,
            kind: ChannelKind::Straight,
            azimuth: Scattered::new(90.0, 3.0),
            width: Scattered::new(10.0, 0.8),
            undulation: 0.06,
            depth: Scattered::new(4.0, 0.6),
            levee: 0.0,
            proportion: 0.3,
        }
    }

    /// The image of seed `seed`.
    ///
    /// Errors: a parameter out of range, bends tighter than the channel is wide, a proportion that channels of this size
    /// cannot reach within a fifth of it.
    pub fn generate(&self, seed: u64) -> Result<ChannelImage> {
        self.check()?;
        let shape = |stream: &mut Stream| self.shape(stream);
        let put = |shape: &Shape, stream: &mut Stream| self.put(shape, stream);
        let (codes, channels) = fill(PLACE, self.cells, self.proportion, seed, shape, put)?;
        let categories = if self.levee > 0.0 { vec![0.0, 1.0, 2.0] } else { vec![0.0, 1.0] };
        Ok(ChannelImage { image: TrainingImage::new(self.cells, codes, categories)?, channels })
    }

    fn check(&self) -> Result<()> {
        check_cells(PLACE, self.cells)?;
        self.width.check_size(PLACE, "width", 1.0)?;
        let most = self.cells[0].min(self.cells[1]) as f64 / 2.0;
        check_range(PLACE, "width", self.width.mean, 1.0, most)?;
        check_range(PLACE, "azimuth", self.azimuth.mean, -360.0, 360.0)?;
        check_range(PLACE, "scatter of azimuth", self.azimuth.deviation, 0.0, 45.0)?;
        check_range(PLACE, "undulation of the width", self.undulation, 0.0, 0.3)?;
        check_range(PLACE, "width of levees", self.levee, 0.0, most)?;
        check_range(PLACE, "proportion", self.proportion, 0.01, 0.9)?;
        if self.cells[2] > 1 {
            self.depth.check_size(PLACE, "depth", 1.0)?;
        }
        match self.kind {
            ChannelKind::Straight => Ok(()),
            ChannelKind::Meandering(meander) => meander.check(PLACE, self.width.mean),
            ChannelKind::Intersecting { meander, angle } => {
                check_range(PLACE, "angle between the families", angle, 10.0, 90.0)?;
                meander.check(PLACE, self.width.mean)
            }
        }
    }

    /// Size of the image along x and y, in cells.
    fn extent(&self) -> [f64; 2] {
        [self.cells[0] as f64, self.cells[1] as f64]
    }

    /// Draws a channel, long enough to cross the image wherever it is put: a wavelength longer at both ends.
    fn shape(&self, stream: &mut Stream) -> Shape {
        let width = self.width.log_normal(stream);
        let (meander, turn) = match self.kind {
            ChannelKind::Straight => (None, 0.0),
            ChannelKind::Meandering(meander) => (Some(meander), 0.0),
            ChannelKind::Intersecting { meander, angle } => {
                (Some(meander), if stream.uniform() < 0.5 { -angle / 2.0 } else { angle / 2.0 })
            }
        };
        let azimuth = self.azimuth.normal(stream) + turn;
        let wavelength = meander.map_or(0.0, |m| m.wavelength.mean);
        let [nx, ny] = self.extent();
        let length = nx.hypot(ny) + 3.0 * wavelength + 2.0 * width;
        let mut path = match meander {
            Some(meander) => meander.path(length, stream),
            None => (0..=(length / STEP) as usize).map(|i| [i as f64 * STEP, 0.0]).collect(),
        };
        let middle = path.iter().map(|p| p[1]).sum::<f64>() / path.len() as f64;
        path.iter_mut().for_each(|p| *p = [p[0] - length / 2.0, p[1] - middle]);
        let wander = Wander::new(UNDULATION_LENGTH * width, stream);
        let half = |i: usize| width / 2.0 * (self.undulation * wander.at(i as f64 * STEP)).exp();
        let half_widths = (0..path.len()).map(half).collect();
        Shape { path, half_widths, azimuth, wavelength, depth: self.depth.log_normal(stream) }
    }

    /// Puts a channel somewhere in the image.
    fn put(&self, shape: &Shape, stream: &mut Stream) -> (CenterLine, Print) {
        let [nx, ny] = self.extent();
        let (sin, cos) = shape.azimuth.to_radians().sin_cos();
        let along = (stream.uniform() - 0.5) * shape.wavelength;
        let across = (stream.uniform() - 0.5) * ((nx * cos).abs() + (ny * sin).abs());
        let point = |p: &[f64; 2]| {
            let (s, t) = (p[0] + along, p[1] + across);
            [nx / 2.0 + s * sin + t * cos, ny / 2.0 + s * cos - t * sin]
        };
        let line = CenterLine {
            points: shape.path.iter().map(point).collect(),
            half_widths: shape.half_widths.clone(),
            azimuth: shape.azimuth,
            top: stream.uniform() * (self.cells[2] as f64 + shape.depth),
            depth: shape.depth,
        };
        let print = self.print(&line);
        (line, print)
    }

    /// The cells of a channel and of its levees.
    fn print(&self, line: &CenterLine) -> Print {
        let [nx, ny, nz] = self.cells;
        let footprint = line.footprint([nx, ny], self.levee);
        if nz == 1 {
            let code = |bank: f64| if bank < 0.0 { BODY } else { LEVEE };
            return footprint.into_iter().map(|(cell, bank, _)| (cell, code(bank))).collect();
        }
        let mut print = Vec::new();
        for (cell, bank, half) in footprint {
            let (code, thickness) = if bank < 0.0 {
                (BODY, line.depth * (1.0 - (1.0 + bank / half).powi(2)))
            } else {
                (LEVEE, line.depth * LEVEE_DEPTH * (1.0 - bank / self.levee))
            };
            let inside = |k: &usize| (line.top - thickness..line.top).contains(&(*k as f64 + 0.5));
            print.extend((0..nz).filter(inside).map(|k| (k * nx * ny + cell, code)));
        }
        print
    }
}

/// The code of levees.
const LEVEE: u8 = 2;

/// A channel before it has its place: points (along, across) its axis about the origin.
struct Shape {
    path: Vec<[f64; 2]>,
    half_widths: Vec<f64>,
    azimuth: f64,
    wavelength: f64,
    depth: f64,
}
