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
    /// Two families, drawn in turn, whose axes lie `angle` degrees (10 to 90) apart, each half of it to one side of the
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
            Meander { wavelength: Scattered::new(100.0, 10.0), bend: Bend::Sinuosity(1.08), irregularity: 0.3 };
        Self { kind: ChannelKind::Intersecting { meander, angle: 50.0 }, ..Self::straight(cells) }
    }

    /// Straight channels, azimuth 90°.
    pub fn straight(cells: [usize; 3]) -> Self {
        Self {
            cells,
            kind: ChannelKind::Straight,
            azimuth: Scattered::new(90.0, 2.0),
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
        let shape = |number: u64, stream: &mut Stream| self.shape(number, stream);
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
    fn shape(&self, number: u64, stream: &mut Stream) -> Shape {
        let width = self.width.log_normal(stream);
        let (meander, turn) = match self.kind {
            ChannelKind::Straight => (None, 0.0),
            ChannelKind::Meandering(meander) => (Some(meander), 0.0),
            ChannelKind::Intersecting { meander, angle } => {
                (Some(meander), if number.is_multiple_of(2) { -angle / 2.0 } else { angle / 2.0 })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prior::training_image::objects::BACKGROUND;

    const MAP: [usize; 3] = [250, 250, 1];

    fn kinds() -> [(&'static str, ChannelModel); 3] {
        [
            ("meandering", ChannelModel::meandering(MAP)),
            ("intersecting", ChannelModel::intersecting(MAP)),
            ("straight", ChannelModel::straight(MAP)),
        ]
    }

    #[test]
    fn built_in_images_have_their_proportion_and_are_stationary() {
        // The seeds of the built-in images.
        for ((name, model), seed) in kinds().into_iter().zip([2, 1, 1]) {
            let ChannelImage { image, channels } = model.generate(seed).unwrap();
            let p = image.proportions()[1];
            // The last channel is taken where it brings the share nearer: at most half a channel's area is amiss.
            let half_channel = 0.5 * 1.3 * 250.0 * model.width.mean / 250f64.powi(2);
            assert!((p - model.proportion).abs() < half_channel, "{name}: proportion {p}");
            for quadrant in 0..4 {
                let (i0, j0) = (quadrant % 2 * 125, quadrant / 2 * 125);
                let cells = (0..125 * 125).map(|c| image.codes[(j0 + c / 125) * 250 + i0 + c % 125]);
                let share = cells.filter(|&code| code == BODY).count() as f64 / (125.0 * 125.0);
                assert!((share / p - 1.0).abs() < 0.15, "{name}: quadrant {quadrant} has {share}, the image {p}");
            }
            let outside = |p: &[f64; 2]| p.iter().any(|x| !(-5.0..=255.0).contains(x));
            for line in &channels {
                let ends = [line.points[0], line.points[line.points.len() - 1]];
                assert!(ends.iter().all(outside), "{name}: a channel ends inside the image, {ends:?}");
            }
            assert_eq!(model.generate(seed).unwrap().image, image, "{name}: same seed");
            assert_ne!(model.generate(seed + 7).unwrap().image, image, "{name}: other seed");
        }
    }

    #[test]
    fn channels_have_the_width_and_the_sinuosity_asked_for() {
        for (name, model) in kinds() {
            let sinuosity = match model.kind {
                ChannelKind::Straight => 1.0,
                ChannelKind::Meandering(m) | ChannelKind::Intersecting { meander: m, .. } => m.sinuosity(),
            };
            let lines: Vec<_> = (0..4).flat_map(|seed| model.generate(seed).unwrap().channels).collect();
            let n = lines.len() as f64;
            let width = lines.iter().map(CenterLine::width).sum::<f64>() / n;
            let error = 4.0 * (model.width.deviation + model.undulation * width) / n.sqrt();
            assert!((width - model.width.mean).abs() < error, "{name}: mean width {width}");
            // Amplitudes scatter by 30 %, which raises the mean of 1 / cos; the mean over lines is within a fifth of S − 1.
            let mean = lines.iter().map(CenterLine::sinuosity).sum::<f64>() / n;
            let slack = 0.2 * (sinuosity - 1.0) + 1e-9;
            assert!((mean - sinuosity).abs() < slack, "{name}: mean sinuosity {mean}, not {sinuosity}");
        }
    }

    #[test]
    fn azimuth_is_clockwise_from_north() {
        // A straight channel of azimuth 0 fills columns; of 45° it keeps x − y.
        let model =
            ChannelModel { azimuth: Scattered::new(0.0, 0.0), undulation: 0.0, ..ChannelModel::straight([60, 50, 1]) };
        let codes = model.generate(3).unwrap().image.codes;
        assert!((0..60).all(|i| (1..50).all(|j| codes[j * 60 + i] == codes[i])));
        let codes = ChannelModel { azimuth: Scattered::new(45.0, 0.0), ..model }.generate(3).unwrap().image.codes;
        assert!((0..59).all(|i| (0..49).all(|j| codes[j * 60 + i] == codes[(j + 1) * 60 + i + 1])));
    }

    #[test]
    fn a_regular_straight_channel_covers_its_width_and_depth() {
        let model = ChannelModel { cells: [60, 60, 12], ..ChannelModel::straight([60, 60, 12]) };
        let points: Vec<_> = (0..200).map(|i| [-20.0 + i as f64 * STEP, 30.0]).collect();
        let half_widths = vec![5.0; points.len()];
        let line = CenterLine { points, half_widths, azimuth: 90.0, top: 8.0, depth: 4.0 };
        let print = model.print(&line);
        let column = |j: usize| print.iter().filter(|(c, _)| c % 60 == 7 && c / 60 % 60 == j).count();
        // Cell j has distance |j + ½ − 30| = ½, 1½, …: thickness 4 (1 − (2 d / 10)²) = 3.96, 3.64, 3, 2.04, 0.76.
        assert_eq!([30, 31, 32, 33, 34, 35].map(column), [4, 4, 3, 2, 1, 0]);
        assert_eq!([29, 28, 27, 26, 25, 24].map(column), [4, 4, 3, 2, 1, 0]);
        assert!(print.iter().all(|(c, _)| (4..8).contains(&(c / 3600))));
    }

    #[test]
    fn levees_line_the_channels_and_never_cut_them() {
        let model = ChannelModel { levee: 3.0, proportion: 0.2, ..ChannelModel::meandering([150, 150, 1]) };
        let image = model.generate(5).unwrap().image;
        assert_eq!(image.categories, [0.0, 1.0, 2.0]);
        let touching = (0..150 * 149).filter(|&c| {
            let pair = [image.codes[c], image.codes[c + 150]];
            pair.contains(&BODY) && pair.contains(&BACKGROUND)
        });
        assert_eq!(touching.count(), 0, "a levee of three cells keeps channel and background apart");
        let block = ChannelModel { cells: [80, 80, 16], ..model }.generate(5).unwrap().image;
        let p = block.proportions();
        assert!((p[1] - 0.2).abs() < 0.02 && p[2] > 0.01, "{p:?}");
    }

    #[test]
    fn bad_parameters_are_clear_errors() {
        let says = |model: ChannelModel, text: &str| {
            let message = model.generate(1).unwrap_err().to_string();
            assert!(message.contains(text), "{message:?} should say {text:?}");
        };
        let good = || ChannelModel::meandering([100, 100, 1]);
        let ChannelKind::Meandering(meander) = good().kind else { panic!("the kind is meandering") };
        let with = |meander| ChannelModel { kind: ChannelKind::Meandering(meander), ..good() };
        says(ChannelModel { cells: [100, 0, 1], ..good() }, "100 x 0 x 1");
        says(ChannelModel { cells: [usize::MAX, 100, 2], ..good() }, "cells are expected");
        says(ChannelModel { width: Scattered::new(-3.0, 0.0), ..good() }, "width is -3");
        says(ChannelModel { width: Scattered::new(10.0, 6.0), ..good() }, "scatter of width is 6");
        says(ChannelModel { width: Scattered::new(60.0, 1.0), ..good() }, "from 1 to 50");
        says(ChannelModel { proportion: f64::NAN, ..good() }, "proportion is NaN");
        says(ChannelModel { proportion: 1.2, ..good() }, "proportion is 1.2");
        says(ChannelModel { azimuth: Scattered::new(f64::INFINITY, 0.0), ..good() }, "azimuth is inf");
        says(ChannelModel { undulation: 0.5, ..good() }, "undulation of the width is 0.5");
        says(ChannelModel { levee: -1.0, ..good() }, "levees is -1");
        says(with(Meander { bend: Bend::Sinuosity(0.9), ..meander }), "sinuosity is 0.9");
        says(with(Meander { bend: Bend::Amplitude(500.0), ..meander }), "amplitude at this wavelength is 500");
        says(with(Meander { irregularity: 2.0, ..meander }), "irregularity is 2");
        says(with(Meander { wavelength: Scattered::new(12.0, 1.0), ..meander }), "bends have a radius");
        let crossing = ChannelKind::Intersecting { meander, angle: 5.0 };
        says(ChannelModel { kind: crossing, ..good() }, "angle between the families is 5");
        let wide =
            ChannelModel { width: Scattered::new(20.0, 0.0), proportion: 0.01, ..ChannelModel::straight([40, 40, 1]) };
        says(wide, "not the proportion 0.01");
    }
}
