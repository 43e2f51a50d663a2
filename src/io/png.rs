//! Pictures: a PNG as a training image, and maps as PNG.
//!
//! The top row of a picture is the largest y of a map, and the smallest depth of a section.

use std::io::Cursor;
use std::path::Path;

use ::png::{BitDepth, ColorType, Decoder, Encoder, Transformations};

use super::{Raster, Variable, cell_count};
use crate::error::{Error, Result};
use crate::grid::Plane;

/// The first bytes of every PNG.
pub const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// No deflate stream unfolds by more than this, so that a header can be checked against the length of the file.
const MOST_UNFOLDING: usize = 1032;

/// Reads a picture as a map, its top row as the largest y.
///
/// # Errors
/// See [`parse`], or a file that cannot be read.
pub fn read(path: &Path) -> Result<Raster> {
    parse(&path.display().to_string(), &super::bytes(path)?)
}

/// As [`read`], from bytes; `place` is what errors call the file. Values are grey levels, indices into the palette, or
/// 65536 red + 256 green + blue; transparency is left out. [`super::Categories::of`] makes facies of them.
///
/// # Errors
/// An empty file, or one that is no PNG, is cut off, or announces more pixels than it can hold.
pub fn parse(place: &str, bytes: &[u8]) -> Result<Raster> {
    if bytes.is_empty() {
        return Err(super::empty(place));
    }
    let damaged = |e: ::png::DecodingError| {
        Error::input(place, format!("the picture cannot be read: {e}"), "give a complete PNG file")
    };
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::IDENTITY);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let size = reader.output_buffer_size().filter(|s| *s / MOST_UNFOLDING <= bytes.len()).ok_or_else(|| {
        let problem =
            format!("{} x {} pixels cannot be in a file of this length", reader.info().width, reader.info().height);
        Error::input(place, problem, "give a complete PNG file")
    })?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(damaged)?;
    let (width, height) = (frame.width as usize, frame.height as usize);
    cell_count(place, [width, height, 1])?;
    let samples = frame.color_type.samples();
    let rows = pixels.chunks_exact(frame.line_size).take(height);
    let mut values = Vec::with_capacity(width * height);
    for row in rows.rev() {
        values.extend((0..width).map(|i| value(row, i, samples, frame.bit_depth, frame.color_type)));
    }
    let what = match frame.color_type {
        ColorType::Indexed => "indices into the palette",
        ColorType::Grayscale | ColorType::GrayscaleAlpha => "grey levels",
        ColorType::Rgb | ColorType::Rgba => "colours, 65536 red + 256 green + blue",
    };
    let mut notes = vec![format!("values are {what}"), "the top row of the picture is the largest y".into()];
    if matches!(frame.color_type, ColorType::GrayscaleAlpha | ColorType::Rgba) {
        notes.push("transparency is left out".into());
    }
    let variables = vec![Variable { name: String::new(), values }];
    Ok(Raster { cells: [width, height, 1], realizations: 1, spacing: None, origin: None, variables, notes })
}

/// Value of pixel `i` of a row.
fn value(row: &[u8], i: usize, samples: usize, depth: BitDepth, color: ColorType) -> f64 {
    let sample = |s: usize| match depth {
        BitDepth::Sixteen => f64::from(u16::from_be_bytes([row[2 * s], row[2 * s + 1]])),
        BitDepth::Eight => f64::from(row[s]),
        packed => {
            let bits = packed as usize;
            let shift = 8 - bits - s * bits % 8;
            f64::from(row[s * bits / 8] >> shift & ((1 << bits) - 1))
        }
    };
    let first = i * samples;
    match color {
        ColorType::Rgb | ColorType::Rgba => {
            // Sixteen bits a colour are cut to their upper eight, so that a colour stays one number.
            let scale = if depth == BitDepth::Sixteen { 256.0 } else { 1.0 };
            (0..3).fold(0.0, |sum, c| 256.0 * sum + (sample(first + c) / scale).floor())
        }
        _ => sample(first),
    }
}

/// What the numbers of a map look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colormap {
    /// Perceptually uniform, dark blue to yellow (viridis of Smith and van der Walt 2015): a continuous property.
    Viridis,
    /// From the colour of facies 0 to that of facies 1: a probability, or two facies.
    Probability,
    /// Blue, white, red: a signed difference, with a range symmetric about 0.
    Difference,
    /// A colour a facies code (Okabe and Ito 2008, told apart by everyone), again from the first after eight.
    Facies,
}

/// Colours at equal steps of `Colormap::Viridis`, between which it is linear.
const VIRIDIS: [[u8; 3]; 17] = [
    [68, 1, 84],
    [72, 24, 106],
    [71, 45, 123],
    [66, 64, 134],
    [59, 82, 139],
    [51, 99, 141],
    [44, 114, 142],
    [38, 130, 142],
    [33, 145, 140],
    [31, 160, 136],
    [40, 174, 128],
    [63, 188, 115],
    [94, 201, 98],
    [132, 212, 75],
    [173, 220, 48],
    [216, 226, 25],
    [253, 231, 37],
];

const FACIES: [[u8; 3]; 8] = [
    [0, 114, 178],
    [240, 228, 66],
    [213, 94, 0],
    [0, 158, 115],
    [86, 180, 233],
    [230, 159, 0],
    [204, 121, 167],
    [60, 60, 60],
];

/// Colour of missing values.
const MISSING: [u8; 3] = [190, 190, 190];

impl Colormap {
    /// The colour at `t` in \[0, 1\] (beyond, that of the nearer end; NaN is grey); for [`Colormap::Facies`], `t` is the
    /// code itself.
    pub fn color(self, t: f64) -> [u8; 3] {
        if t.is_nan() {
            return MISSING;
        }
        match self {
            Self::Viridis => between(&VIRIDIS, t),
            Self::Probability => between(&FACIES[..2], t),
            Self::Difference => between(&[[33, 102, 172], [247, 247, 247], [178, 24, 43]], t),
            Self::Facies => FACIES[t.max(0.0) as usize % FACIES.len()],
        }
    }
}

fn between(colors: &[[u8; 3]], t: f64) -> [u8; 3] {
    let steps = colors.len() - 1;
    let at = t.clamp(0.0, 1.0) * steps as f64;
    let low = (at as usize).min(steps - 1);
    let weight = at - low as f64;
    std::array::from_fn(|c| {
        (f64::from(colors[low][c]) * (1.0 - weight) + f64::from(colors[low + 1][c]) * weight).round() as u8
    })
}

/// How a map is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// What the axes mean: decides whether the first row is at the bottom (`Xy`) or on top (`Xz`, depth growing down).
    pub plane: Plane,
    /// The colours.
    pub colors: Colormap,
    /// Values of the first and the last colour (not used by [`Colormap::Facies`]).
    pub range: [f64; 2],
    /// Pixels along each side of a cell, at least 1.
    pub scale: usize,
}

/// A map as the bytes of a PNG: `values` of `width × height` cells, x fastest, a cell `scale × scale` pixels.
pub fn encode_map(values: &[f64], width: usize, height: usize, style: &Style) -> Vec<u8> {
    assert_eq!(values.len(), width * height, "values of a map of {width} x {height} cells");
    assert!(
        width > 0 && height > 0 && style.scale > 0,
        "a map of {width} x {height} cells, {} pixels each",
        style.scale
    );
    let (last, missing) = (254u8, 255u8);
    let [low, high] = style.range;
    let index = |value: f64| match style.colors {
        _ if value.is_nan() => missing,
        Colormap::Facies => (value.max(0.0) as usize % FACIES.len()) as u8,
        _ if high > low => (((value - low) / (high - low)).clamp(0.0, 1.0) * f64::from(last)).round() as u8,
        _ => 0,
    };
    let color = |i: u8| match style.colors {
        _ if i == missing => MISSING,
        Colormap::Facies => style.colors.color(f64::from(i)),
        _ => style.colors.color(f64::from(i) / f64::from(last)),
    };
    let mut pixels = Vec::with_capacity(values.len() * style.scale * style.scale);
    for row in 0..height {
        let j = if style.plane == Plane::Xy { height - 1 - row } else { row };
        let cells = &values[j * width..(j + 1) * width];
        let line: Vec<u8> = cells.iter().flat_map(|v| std::iter::repeat_n(index(*v), style.scale)).collect();
        (0..style.scale).for_each(|_| pixels.extend(&line));
    }
    let palette: Vec<u8> = (0..=missing).flat_map(color).collect();
    indexed(&pixels, width * style.scale, height * style.scale, palette)
}

fn indexed(pixels: &[u8], width: usize, height: usize, palette: Vec<u8>) -> Vec<u8> {
    let side = |pixels: usize| u32::try_from(pixels).expect("a picture of less than 2^32 pixels a side");
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, side(width), side(height));
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(pixels)?;
        writer.finish()
    });
    written.expect("memory takes what is written");
    file
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(color: ColorType, depth: BitDepth, [w, h]: [u32; 2], data: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, w, h);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == ColorType::Indexed {
            encoder.set_palette(vec![0; 12]);
        }
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(data).expect("pixels");
        writer.finish().expect("an end");
        file
    }

    fn values(file: &[u8]) -> Vec<f64> {
        parse("ti.png", file).expect("a picture").variables[0].values.clone()
    }

    #[test]
    fn the_top_row_is_the_largest_y() {
        let found = parse("ti.png", &encoded(ColorType::Grayscale, BitDepth::Eight, [3, 2], &[1, 2, 3, 4, 5, 6]));
        let found = found.expect("a picture");
        assert_eq!(found.cells, [3, 2, 1]);
        assert_eq!(found.variables[0].values, [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn every_kind_of_pixel_is_read() {
        let one = encoded(ColorType::Grayscale, BitDepth::One, [9, 1], &[0b1010_0000, 0b1000_0000]);
        assert_eq!(values(&one), [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        let two = encoded(ColorType::Indexed, BitDepth::Two, [3, 1], &[0b0110_1100]);
        assert_eq!(values(&two), [1.0, 2.0, 3.0]);
        let wide = encoded(ColorType::GrayscaleAlpha, BitDepth::Sixteen, [1, 1], &[1, 2, 255, 255]);
        assert_eq!(values(&wide), [258.0]);
        let colored = encoded(ColorType::Rgba, BitDepth::Eight, [2, 1], &[1, 2, 3, 0, 255, 0, 0, 9]);
        assert_eq!(values(&colored), [66051.0, 16711680.0]);
        let deep = encoded(ColorType::Rgb, BitDepth::Sixteen, [1, 1], &[1, 9, 2, 9, 3, 9]);
        assert_eq!(values(&deep), [66051.0]);
    }

    #[test]
    fn a_map_is_drawn_north_up_and_a_section_depth_down() {
        let mut style = Style { plane: Plane::Xy, colors: Colormap::Facies, range: [0.0, 1.0], scale: 2 };
        let drawn = encode_map(&[0.0, 1.0, 2.0, 3.0, 4.0, f64::NAN], 3, 2, &style);
        assert_eq!(
            values(&drawn).chunks(6).step_by(2).map(|row| [row[0], row[2], row[4]]).collect::<Vec<_>>(),
            [[0.0, 1.0, 2.0], [3.0, 4.0, 255.0]],
            "drawn and read back: codes, two pixels a cell, south first again"
        );
        style.plane = Plane::Xz;
        let section = encode_map(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 3, 2, &style);
        assert_eq!(values(&section)[0], 3.0, "the deepest row is at the bottom of the picture");
    }

    #[test]
    fn colours_run_from_end_to_end() {
        assert_eq!(Colormap::Viridis.color(-1.0), VIRIDIS[0]);
        assert_eq!(Colormap::Viridis.color(0.5), VIRIDIS[8]);
        assert_eq!(Colormap::Viridis.color(2.0), VIRIDIS[16]);
        assert_eq!(Colormap::Viridis.color(f64::NAN), MISSING);
        assert_eq!(Colormap::Difference.color(0.5), [247, 247, 247]);
        assert_eq!(Colormap::Facies.color(9.0), FACIES[1]);
        let style = Style { plane: Plane::Xz, colors: Colormap::Viridis, range: [2.0, 4.0], scale: 1 };
        assert_eq!(values(&encode_map(&[2.0, 3.0, 4.0, 9.0], 4, 1, &style)), [0.0, 127.0, 254.0, 254.0]);
    }

    #[test]
    fn damaged_files_are_refused_with_a_reason() {
        let message = |file: &[u8]| parse("ti.png", file).expect_err("a damaged file").to_string();
        let good = encoded(ColorType::Grayscale, BitDepth::Eight, [3, 2], &[1, 2, 3, 4, 5, 6]);
        assert!(message(b"").contains("empty"));
        assert!(message(b"GIF89a").contains("cannot be read"));
        assert!(message(&good[..good.len() / 2]).contains("cannot be read"));
        let mut huge = good[..33].to_vec();
        huge[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
        let mut checksum = 0xffff_ffffu32;
        for byte in &huge[12..29] {
            checksum ^= u32::from(*byte);
            (0..8).for_each(|_| checksum = checksum >> 1 ^ (0xedb8_8320 & (checksum & 1).wrapping_neg()));
        }
        huge[29..33].copy_from_slice(&(!checksum).to_be_bytes());
        huge.extend(&good[33..]);
        assert!(message(&huge).contains("65535 x 65535 pixels cannot be"), "{}", message(&huge));
    }

    proptest! {
        #[test]
        fn mutated_files_never_panic(at in 0usize..100, byte in any::<u8>(), cut in 0usize..100) {
            let mut file = encoded(ColorType::Indexed, BitDepth::Two, [3, 2], &[0b0110_1100, 0b0010_0100]);
            let at = at % file.len();
            file[at] = byte;
            file.truncate(cut);
            let _ = parse("ti.png", &file);
        }
    }
}
