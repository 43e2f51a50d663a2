//! Colour maps of the report's fields, as tables of 256 colours: one for a property, one for signed errors, one for
//! probabilities. All three order lightness, so that they can be read without colour vision and on a grey printer.

/// What a field is, which decides how it is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// A property: viridis (van der Walt and Smith 2015).
    Property,
    /// A signed error: blue below, white at, red above zero (ColorBrewer RdBu; Harrower and Brewer 2003).
    Error,
    /// A probability: white to dark blue (ColorBrewer Blues).
    Probability,
}

impl Palette {
    /// Every palette.
    pub const ALL: [Self; 3] = [Self::Property, Self::Error, Self::Probability];

    /// Its name in the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Property => "property",
            Self::Error => "error",
            Self::Probability => "probability",
        }
    }

    /// Evenly spaced colours `0xRRGGBB`.
    fn anchors(self) -> &'static [u32] {
        match self {
            Self::Property => {
                &[0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c, 0x28ae80, 0x5ec962, 0xaddc30, 0xfde725]
            }
            Self::Error => &[
                0x053061, 0x2166ac, 0x4393c3, 0x92c5de, 0xd1e5f0, 0xf7f7f7, 0xfddbc7, 0xf4a582, 0xd6604d, 0xb2182b,
                0x67001f,
            ],
            Self::Probability => {
                &[0xf7fbff, 0xdeebf7, 0xc6dbef, 0x9ecae1, 0x6baed6, 0x4292c6, 0x2171b5, 0x08519c, 0x08306b]
            }
        }
    }

    /// The colour `[r, g, b]` at `t` in 0 to 1, linear between the anchors.
    pub fn at(self, t: f64) -> [u8; 3] {
        let anchors = self.anchors();
        let position = t.clamp(0.0, 1.0) * (anchors.len() - 1) as f64;
        let left = (position as usize).min(anchors.len() - 2);
        let part = position - left as f64;
        std::array::from_fn(|c| {
            let channel = |i: usize| f64::from(anchors[i] >> (16 - 8 * c) & 0xff);
            (channel(left) + part * (channel(left + 1) - channel(left))).round() as u8
        })
    }

    /// 256 colours, one after the other.
    pub fn table(self) -> Vec<u8> {
        (0..256).flat_map(|i| self.at(f64::from(i) / 255.0)).collect()
    }
}

/// Index 0 to 255 of `value` on the scale `low` to `high`; beyond its ends, the end's index.
pub fn index(value: f64, [low, high]: [f64; 2]) -> u8 {
    (255.0 * (value - low) / (high - low)).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_middle_of_the_palettes() {
        assert_eq!(Palette::Property.at(0.0), [0x44, 0x01, 0x54]);
        assert_eq!(Palette::Property.at(1.0), [0xfd, 0xe7, 0x25]);
        assert_eq!(Palette::Error.at(0.5), [0xf7, 0xf7, 0xf7], "no error is white");
        assert_eq!(Palette::Probability.table().len(), 768);
        assert_eq!((index(-1.0, [0.0, 2.0]), index(1.0, [0.0, 2.0]), index(9.0, [0.0, 2.0])), (0, 128, 255));
    }
}
