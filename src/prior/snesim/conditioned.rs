//! Tests of conditioned ensembles: scenarios of several images and directions, given facies at wells.

use rayon::prelude::*;

use super::{Snesim, SnesimOptions, Transformation};
use crate::grid::Grid;
use crate::prior::pattern_statistics::PatternHistogram;
use crate::prior::training_image::{ChannelModel, Scattered, TrainingImage};
use crate::prior::{Conditioning, Known, Prior};

const SIDE: usize = 100;
const IMAGE: [usize; 3] = [250, 250, 1];
const REALIZATIONS: u64 = 4;

fn simulator(image: &TrainingImage, azimuth: f64) -> Snesim {
    let transformations = vec![Transformation { azimuth, scale: [1.0; 3] }];
    let options = SnesimOptions { transformations, ..Default::default() };
    Snesim::new(image.cells, &image.codes, 2, Grid::unit([SIDE, SIDE, 1]), options).expect("an image to simulate from")
}

fn maps(model: &Snesim, data: &Conditioning, seed: u64) -> Vec<Vec<u8>> {
    let map = |k| model.realization(data, seed, k).expect("data are fine").facies.expect("facies");
    (0..REALIZATIONS).map(map).collect()
}

/// 7 × 7 cells, none of which is a node of a coarse grid.
fn wells() -> Vec<usize> {
    (0..49).map(|w| (7 + w / 7 * 14) * SIDE + 7 + w % 7 * 14).collect()
}

fn data(map: &[u8]) -> Conditioning {
    let facies = wells().into_iter().map(|cell| Known { cell, value: map[cell] }).collect();
    Conditioning { facies, values: Vec::new() }
}

fn honoured(maps: &[Vec<u8>], data: &Conditioning) -> bool {
    maps.iter().all(|map| data.facies.iter().all(|known| map[known.cell] == known.value))
}

/// Share of the cells `at` that differ from all four neighbours.
fn isolated(maps: &[Vec<u8>], at: &[usize]) -> f64 {
    let alone = |map: &[u8], c: usize| [c - 1, c + 1, c - SIDE, c + SIDE].iter().all(|&n| map[n] != map[c]);
    let count: usize = maps.iter().map(|map| at.iter().filter(|&&c| alone(map, c)).count()).sum();
    count as f64 / (maps.len() * at.len()) as f64
}

/// How likely cells `[i, j]` apart have different facies.
fn changes(maps: &[Vec<u8>], [i, j]: [isize; 2]) -> f64 {
    let inside = 10..SIDE as isize - 10;
    let (mut pairs, mut differ) = (0, 0);
    for map in maps {
        for y in inside.clone() {
            for x in inside.clone() {
                let at = |x: isize, y: isize| map[(y * SIDE as isize + x) as usize];
                pairs += 1;
                differ += usize::from(at(x, y) != at(x + i, y + j));
            }
        }
    }
    f64::from(differ as u32) / f64::from(pairs)
}

#[test]
fn ten_scenarios_honour_wells_of_their_own_and_of_others() {
    let images = [
        (ChannelModel::meandering(IMAGE), 2, &[0.0, 90.0][..]),
        (ChannelModel::intersecting(IMAGE), 1, &[0.0, 45.0, 90.0, 135.0]),
        (ChannelModel::straight(IMAGE), 1, &[0.0, 45.0, 90.0, 135.0]),
    ];
    let scenarios = images.iter().flat_map(|(model, seed, azimuths)| azimuths.iter().map(move |&a| (model, *seed, a)));
    let scenarios: Vec<(TrainingImage, Snesim)> = scenarios
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(model, seed, azimuth)| {
            let model = ChannelModel { azimuth: Scattered::new(azimuth, 2.0), ..model.clone() };
            let image = model.generate(seed).expect("an image").image;
            let simulator = simulator(&image, 0.0);
            (image, simulator)
        })
        .collect();
    let free: Vec<Vec<Vec<u8>>> =
        scenarios.par_iter().map(|(_, model)| maps(model, &Conditioning::default(), 3)).collect();
    let results: Vec<[f64; 4]> = (0..scenarios.len())
        .into_par_iter()
        .map(|s| {
            let (image, model) = &scenarios[s];
            let (own, other) = (data(&free[s][0]), data(&free[(s + 5) % free.len()][0]));
            let (given, foreign) = (maps(model, &own, 8), maps(model, &other, 8));
            assert!(honoured(&given, &own) && honoured(&foreign, &other), "scenario {s}");
            let of = |cells, codes: &[u8]| PatternHistogram::new(cells, codes, 2, [4, 4, 1], 1);
            let ti = of(image.cells, &image.codes);
            let divergence = |maps: &[Vec<u8>]| {
                maps.iter().map(|map| ti.jensen_shannon(&of([SIDE, SIDE, 1], map))).sum::<f64>() / maps.len() as f64
            };
            [divergence(&given), divergence(&free[s]), isolated(&given, &wells()), isolated(&foreign, &wells())]
        })
        .collect();
    let mean = |i: usize| results.iter().map(|r| r[i]).sum::<f64>() / results.len() as f64;
    assert!(mean(0) < 1.25 * mean(1), "divergence {} with wells, {} without", mean(0), mean(1));
    assert!(mean(2) < 0.005, "{} of the wells' cells stand alone", mean(2));
    // Here data contradict the image now and then.
    assert!(mean(3) < 0.015, "{} of the cells of another scenario's wells stand alone", mean(3));
}

#[test]
fn one_image_in_four_directions_honours_wells_and_runs_along_its_direction() {
    let image = ChannelModel::meandering(IMAGE).generate(2).expect("an image").image;
    // The image runs along x; turned clockwise by 45° its channels run towards the south-east.
    for (azimuth, along, across) in
        [(0.0, [8, 0], [0, 8]), (45.0, [6, -6], [6, 6]), (90.0, [0, 8], [8, 0]), (135.0, [6, 6], [6, -6])]
    {
        let model = simulator(&image, azimuth);
        let truth = maps(&model, &Conditioning::default(), 21);
        let data = data(&truth[0]);
        let given = maps(&model, &data, 22);
        assert!(honoured(&given, &data), "{azimuth}°");
        let (along, across) = (changes(&given, along), changes(&given, across));
        assert!(along < 0.75 * across, "{azimuth}°: {along} along, {across} across");
        assert!(isolated(&given, &wells()) < 0.02, "{azimuth}°: {} stand alone", isolated(&given, &wells()));
    }
}
