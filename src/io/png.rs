//! A PNG as a training image: the top row of a picture is the largest y of a map.

use std::io::Cursor;
use std::path::Path;

use ::png::{BitDepth, ColorType, Decoder, Transformations};

use super::{Raster, Variable, cell_count};
use crate::error::{Error, Result};

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

#[cfg(test)]
mod tests {
    use ::png::Encoder;
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
