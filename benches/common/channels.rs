//! Sinuous channels of facies 1 in a square field of facies 0.

use lithoscope::random::Stream;

/// Cells along a side.
pub(crate) const SIDE: usize = 200;

/// One field, x fastest.
pub(crate) fn channels(stream: &mut Stream) -> Vec<u8> {
    let mut facies = vec![0u8; SIDE * SIDE];
    for _ in 0..3 + stream.below(4) {
        let (base, slope) = (stream.between(0.0, 200.0), stream.between(-0.3, 0.3));
        let (amplitude, wavelength) = (stream.between(6.0, 22.0), stream.between(60.0, 160.0));
        let (phase, width) = (stream.between(0.0, 6.3), stream.between(8.0, 16.0));
        for x in 0..SIDE {
            let bend = amplitude * (x as f64 / wavelength * std::f64::consts::TAU + phase).sin();
            let middle = base + slope * (x as f64 - 100.0) + bend;
            for y in 0..SIDE {
                if (y as f64 - middle).abs() < 0.5 * width {
                    facies[y * SIDE + x] = 1;
                }
            }
        }
    }
    facies
}
