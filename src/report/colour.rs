//! Colour maps of the report's fields, as tables of 256 colours: one for a property, one for signed errors, one for
//! probabilities, one for heads. They order lightness, so that they can be read without colour vision and on a grey
//! printer. Numbers that only name something have colours of their own.

/// What a field is, which decides how it is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// A property: viridis (van der Walt and Smith 2015).
    Property,
    /// A signed error, or a column of a basis: blue below, white at, red above zero (ColorBrewer RdBu; Harrower and Brewer 2003).
    Error,
    /// A probability: white to dark blue (ColorBrewer Blues).
    Probability,
    /// A head: light yellow to dark blue (ColorBrewer YlGnBu).
    Head,
    /// A number that only names something, as a scenario: a colour each.
    Category,
}

/// Colours of the first categories; later ones are lighter, then darker.
const CATEGORIES: [u32; 10] =
    [0x4e79a7, 0xf28e2b, 0x59a14f, 0xe15759, 0xb07aa1, 0x76b7b2, 0xedc948, 0xff9da7, 0x9c755f, 0x6b6ecf];

/// Code of a cell that is in no category.
pub const NO_CATEGORY: u8 = 255;

impl Palette {
    /// Every palette.
    pub const ALL: [Self; 5] = [Self::Property, Self::Error, Self::Probability, Self::Head, Self::Category];

    /// Its name in the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Property => "property",
            Self::Error => "error",
            Self::Probability => "probability",
            Self::Head => "head",
            Self::Category => "category",
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
            Self::Head => &[0xffffd9, 0xedf8b1, 0xc7e9b4, 0x7fcdbb, 0x41b6c4, 0x1d91c0, 0x225ea8, 0x253494, 0x081d58],
            Self::Category => &CATEGORIES,
        }
    }

    /// The colour `[r, g, b]` at `t` in 0 to 1, linear between the anchors; of a category, `t` is its code / 255.
    pub fn at(self, t: f64) -> [u8; 3] {
        if self == Self::Category {
            return category((255.0 * t).round().clamp(0.0, 255.0) as u8);
        }
        let anchors = self.anchors();
        let position = t.clamp(0.0, 1.0) * (anchors.len() - 1) as f64;
        let left = (position as usize).min(anchors.len() - 2);
        let part = position - left as f64;
        std::array::from_fn(|c| {
            let (a, b) = (channel(anchors[left], c), channel(anchors[left + 1], c));
            (a + part * (b - a)).round() as u8
        })
    }

    /// 256 colours, one after the other.
    pub fn table(self) -> Vec<u8> {
        (0..256).flat_map(|i| self.at(f64::from(i) / 255.0)).collect()
    }
}

fn channel(colour: u32, c: usize) -> f64 {
    f64::from(colour >> (16 - 8 * c) & 0xff)
}

/// The colour of category `code`: 30 different ones, then again from the first; grey where there is none.
pub fn category(code: u8) -> [u8; 3] {
    if code == NO_CATEGORY {
        return [0xc4; 3];
    }
    let colour = CATEGORIES[usize::from(code) % CATEGORIES.len()];
    let (towards, part) = [(0.0, 0.0), (255.0, 0.5), (0.0, 0.4)][usize::from(code) / CATEGORIES.len() % 3];
    std::array::from_fn(|c| (channel(colour, c) * (1.0 - part) + towards * part).round() as u8)
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
        for palette in Palette::ALL {
            assert_eq!(palette.table().len(), 768);
        }
        assert_eq!((index(-1.0, [0.0, 2.0]), index(1.0, [0.0, 2.0]), index(9.0, [0.0, 2.0])), (0, 128, 255));
    }

    #[test]
    fn thirty_categories_differ_and_their_table_is_by_code() {
        let colours: std::collections::BTreeSet<_> = (0..30).map(category).collect();
        assert_eq!(colours.len(), 30);
        let table = Palette::Category.table();
        for code in [0u8, 1, 29, 30, NO_CATEGORY] {
            assert_eq!(table[3 * usize::from(code)..][..3], category(code));
        }
    }
}
