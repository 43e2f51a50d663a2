//! The coarse operator `Pᵀ A P`.

use rayon::prelude::*;

use super::interpolation::Interpolation;
use super::stencil::{Stencil, forward_offsets};

/// Where the coupling at (di, dj, dk) is kept: 0 the diagonal, 1 + n the n-th stored offset, none where its mirror is.
fn places(offsets: &[[isize; 3]]) -> [Option<usize>; 27] {
    let number = |[di, dj, dk]: [isize; 3]| ((dj + 1) * 9 + (dk + 1) * 3 + di + 1) as usize;
    let mut places = [None; 27];
    places[number([0, 0, 0])] = Some(0);
    for (index, &offset) in offsets.iter().enumerate() {
        places[number(offset)] = Some(index + 1);
    }
    places
}

/// `Pᵀ A P`, slab by slab: each entry is summed by one task in a fixed order.
pub(crate) fn coarse_operator(stencil: &Stencil, interpolation: &Interpolation) -> Stencil {
    let coarse = interpolation.coarse;
    let offsets = forward_offsets(coarse.cells);
    let places = places(&offsets);
    let slabs: Vec<Vec<f64>> = (0..coarse.cells[1])
        .into_par_iter()
        .map(|slab| coarse_slab(stencil, interpolation, slab, &places, offsets.len() + 1))
        .collect();
    let mut result = Stencil::zeros(coarse.cells, &offsets);
    let length = coarse.slab();
    for (slab, values) in slabs.iter().enumerate() {
        let range = slab * length..(slab + 1) * length;
        let mut parts = values.chunks(length);
        let targets = std::iter::once(&mut result.diagonal).chain(result.couplings.iter_mut().map(|c| &mut c.values));
        for (target, part) in targets.zip(&mut parts) {
            target[range.clone()].copy_from_slice(part);
        }
    }
    result
}

/// All stored entries of the coarse rows in one slab: the diagonal, then offset by offset, in the coarse layout.
fn coarse_slab(
    stencil: &Stencil,
    interpolation: &Interpolation,
    slab: usize,
    places: &[Option<usize>; 27],
    entries: usize,
) -> Vec<f64> {
    let (fine, coarse) = (interpolation.fine, interpolation.coarse);
    let [nx, _, nz] = fine.cells;
    let [fx, fy] = interpolation.factor;
    let length = coarse.slab();
    let mut out = vec![0.0; entries * length];
    for (j, b) in interpolation.children(slab) {
        for k in 0..nz {
            let own = fine.at(0, j, k);
            let weights = [0, 1].map(|a| &interpolation.weights[b][a][own..own + nx]);
            let mut add_products = |values: &[f64], [di, _, dk]: [isize; 3], at: usize, jn: usize| {
                for i in 0..nx {
                    let value = values[i];
                    if value == 0.0 {
                        continue;
                    }
                    let far_i = i.wrapping_add_signed(di);
                    for (a, weights) in weights.iter().enumerate() {
                        let product = weights[i] * value;
                        if product == 0.0 {
                            continue;
                        }
                        let column = i / fx + a;
                        for far_b in 0..2 {
                            let dj_coarse = (jn / fy + far_b) as isize - slab as isize;
                            for far_a in 0..2 {
                                let far = interpolation.weights[far_b][far_a][at + i];
                                if far == 0.0 {
                                    continue;
                                }
                                let di_coarse = (far_i / fx + far_a) as isize - column as isize;
                                let number = ((dj_coarse + 1) * 9 + (dk + 1) * 3 + di_coarse + 1) as usize;
                                if let Some(place) = places[number] {
                                    out[place * length + k * coarse.row() + 1 + column] += product * far;
                                }
                            }
                        }
                    }
                }
            };
            add_products(&stencil.diagonal[own..own + nx], [0, 0, 0], own, j);
            stencil.for_each_neighbour(j, k, |n| {
                add_products(n.values, n.offset, n.j * fine.slab() + n.start, n.j);
            });
        }
    }
    out
}
