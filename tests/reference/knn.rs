//! Matches and votes against those that numpy and faiss found (`knn/`).

use lithoscope::feasible::{Labels, LearningSet, Matches, Options, PatternMap, Stencil, Template, Window};
use lithoscope::gpu::Gpu;
use lithoscope::grid::Grid;
use lithoscope::testing::{gpu, reference};
use ndarray::{Array2, Array3};
use ndarray_npy::read_npy;

/// Images and windows have these sides; references come as windows, four of which are laid into each image.
const SIDE: usize = 100;
const WINDOW: usize = 40;

struct Reference {
    set: LearningSet,
    theta: Vec<f32>,
    origins: Vec<u32>,
    index: Array2<i32>,
    distance2: Array2<f64>,
    votes: Array3<i32>,
}

/// The place of reference window `number`: image, and number of its first cell there.
fn place(number: usize) -> (usize, usize) {
    (number / 4, number % 2 * WINDOW + number / 2 % 2 * WINDOW * SIDE)
}

fn read() -> Option<Reference> {
    let folder = reference("knn")?;
    let windows: Array2<f32> = read_npy(folder.join("refs.npy")).unwrap();
    let packed: Array2<u8> = read_npy(folder.join("ref_labels.npy")).unwrap();
    let corners: Array2<i32> = read_npy(folder.join("query_rc.npy")).unwrap();
    let image: Array2<f32> = read_npy(folder.join("query_image.npy")).unwrap();
    let mut images = vec![0.0f32; windows.nrows() / 4 * SIDE * SIDE];
    let mut codes = vec![0u8; images.len()];
    for number in 0..windows.nrows() {
        let (at, origin) = place(number);
        for cell in 0..WINDOW * WINDOW {
            let target = at * SIDE * SIDE + origin + cell / WINDOW * SIDE + cell % WINDOW;
            images[target] = windows[[number, cell]];
            codes[target] = packed[[number, cell / 8]] >> (7 - cell % 8) & 1;
        }
    }
    let grid = Grid::unit([SIDE, SIDE, 1]);
    let stencil = Stencil::new(&Template::cuboid([WINDOW, WINDOW, 1]).unwrap(), grid).unwrap();
    let places = (0..windows.nrows()).map(|number| {
        let (image, origin) = place(number);
        Window { image: image as u32, origin: origin as u32 }
    });
    let labels = Labels::Facies { codes, values: vec![0.0, 1.0] };
    Some(Reference {
        set: LearningSet::new(stencil, images, labels, places.collect()).unwrap(),
        theta: image.into_raw_vec_and_offset().0,
        origins: corners.rows().into_iter().map(|rc| rc[0] as u32 * SIDE as u32 + rc[1] as u32).collect(),
        index: read_npy(folder.join("nn_index.npy")).unwrap(),
        distance2: read_npy(folder.join("nn_dist2.npy")).unwrap(),
        votes: read_npy(folder.join("votes.npy")).unwrap(),
    })
}

/// Neighbour for neighbour and vote for vote; places may be swapped only between distances that differ by less than
/// `near_tie`, relatively.
fn compare(gpu: Option<&Gpu>, near_tie: f64) {
    let Some(reference) = read() else { return };
    let Reference { set, theta, origins, index, distance2, votes } = reference;
    let options = Options::new(set.stencil().template().clone(), 1);
    let map = PatternMap::with_learning_set(set, options, gpu).unwrap();
    let found = map.matches(0, &theta, &origins).unwrap();
    for query in 0..origins.len() {
        for rank in 0..5 {
            let (expected, d2) = (index[[query, rank]] as u32, distance2[[query, rank]]);
            let cost = found.costs(query)[rank];
            assert!((cost - d2).abs() <= near_tie.max(1e-12) * d2, "query {query} rank {rank}: {cost}, not {d2}");
            let neighbours = distance2.row(query);
            let tied = neighbours.iter().filter(|&&other| (other - d2).abs() < near_tie * d2).count() > 1;
            let same = found.of(query)[rank] == expected;
            assert!(
                same || (tied && near_tie > 0.0),
                "query {query} rank {rank}: {} not {expected}",
                found.of(query)[rank]
            );
        }
    }
    let known = Matches {
        neighbours: 5,
        index: index.iter().map(|&i| i as u32).collect(),
        cost: distance2.iter().copied().collect(),
    };
    let counted = map.votes(0, &origins, &known).unwrap().unwrap();
    assert!(counted.iter().zip(&votes).all(|(&a, &b)| i64::from(a) == i64::from(b)), "votes");
}

#[test]
fn matches_and_votes_are_those_of_the_reference() {
    compare(None, 0.0);
}

#[test]
fn matches_and_votes_of_the_device_are_those_of_the_reference() {
    let Some(gpu) = gpu() else { return };
    compare(Some(gpu), 1e-5);
}
