//! SNESIM from Strebelle's image: the bars of its nearness to the image, and hard data.

use lithoscope::grid::Grid;
use lithoscope::prior::pattern_statistics::{PatternHistogram, connectivity, proportions};
use lithoscope::prior::snesim::{Snesim, SnesimOptions};
use lithoscope::prior::{Conditioning, Known, Prior};
use lithoscope::random::{Purpose, Stream};
use lithoscope::testing::reference;

const CELLS: [usize; 3] = [250, 250, 1];

/// Strebelle's image as codes 0 and 1, x fastest, after three lines of header.
fn strebelle() -> Option<Vec<u8>> {
    let path = reference("ti/strebelle_250x250.gslib")?;
    let text = std::fs::read_to_string(path).expect("the reference image is readable");
    Some(text.lines().skip(3).map(|line| line.trim().parse().expect("a code")).collect())
}

#[test]
fn twenty_realizations_are_as_near_to_strebelle_s_image_as_asked() {
    let Some(codes) = strebelle() else { return };
    let grid = Grid::unit([100, 100, 1]);
    let model = Snesim::new(CELLS, &codes, 2, grid, SnesimOptions::default()).expect("defaults fit the image");
    let map =
        |k| model.realization(&Conditioning::default(), 1, k).expect("no data to be wrong").facies.expect("facies");
    let maps: Vec<Vec<u8>> = (0..20).map(map).collect();
    let mean = |value: &dyn Fn(&[u8]) -> f64| maps.iter().map(|map| value(map)).sum::<f64>() / maps.len() as f64;
    let target = proportions(&codes, 2)[1];
    let proportion = mean(&|map| proportions(map, 2)[1]);
    assert!((proportion - target).abs() <= 0.02, "mean proportion {proportion}, target {target}");
    for (spacing, bar) in [(1, 0.015), (2, 0.03), (4, 0.11)] {
        let of = |cells, codes: &[u8]| PatternHistogram::new(cells, codes, 2, [4, 4, 1], spacing);
        let image = of(CELLS, &codes);
        let divergence = mean(&|map| image.jensen_shannon(&of(grid.cells, map)));
        assert!(divergence <= bar, "mean divergence {divergence} at spacing {spacing}, bar {bar}");
    }
    let connected = mean(&|map| connectivity(grid.cells, map, 1, 0, &[20])[0]);
    assert!(connected >= 0.95, "connectivity {connected} at lag 20");
}

#[test]
fn hard_data_from_the_image_and_against_it_are_honoured() {
    let Some(codes) = strebelle() else { return };
    let grid = Grid::unit([100, 100, 1]);
    let model = Snesim::new(CELLS, &codes, 2, grid, SnesimOptions::default()).expect("defaults fit the image");
    for k in 0..5 {
        let mut stream = Stream::new(9, Purpose::Check, k, 0);
        let mut facies: Vec<Known<u8>> = Vec::new();
        for _ in 0..150 {
            let cell = stream.below(10_000) as usize;
            let [i, j, _] = grid.cell(cell);
            // Every third datum contradicts the image at the place it is taken from.
            let value = codes[j * 250 + i] ^ u8::from(facies.len().is_multiple_of(3));
            if facies.iter().all(|known| known.cell != cell) {
                facies.push(Known { cell, value });
            }
        }
        let data = Conditioning { facies, values: Vec::new() };
        let map = model.realization(&data, 4, k).expect("the data do not compete").facies.expect("facies");
        let honoured = data.facies.iter().filter(|known| map[known.cell] == known.value).count();
        assert_eq!(honoured, data.facies.len(), "realization {k}");
    }
}
