//! The distinct patterns of a training image and how often each facies lies at their centre.
//!
//! A pattern is a string of bits, the nearest template node first, in `W` words, most significant bit first. Sorted, the
//! patterns that agree up to some node are neighbours, and prefix sums count them all at once. A binary radix tree
//! (Morrison 1968) over the sorted strings finds the replicates of a data event: it is Strebelle's search tree without
//! the nodes that do not branch. One descent counts, for every node of the event, the patterns whose *first* mismatch is
//! there, which answers every number of dropped nodes.

use super::image::{Image, OUTSIDE};

/// Most bits that a pattern can have.
pub(super) const MAX_BITS: usize = 1024;
const MAX_WORDS: usize = MAX_BITS / 64;

/// Bits that a facies takes in a pattern: a power of two, so that no code straddles words.
pub(super) fn bits_per_code(facies: usize) -> usize {
    match facies {
        0..=2 => 1,
        3..=4 => 2,
        5..=16 => 4,
        _ => 8,
    }
}

/// The informed nodes of a template around the cell that is being simulated.
pub(super) struct DataEvent {
    value: [u64; MAX_WORDS],
    mask: [u64; MAX_WORDS],
    positions: Vec<u16>,
    bits: usize,
}

impl DataEvent {
    pub(super) fn new(facies: usize) -> Self {
        Self { value: [0; MAX_WORDS], mask: [0; MAX_WORDS], positions: Vec::new(), bits: bits_per_code(facies) }
    }

    /// Forgets all nodes.
    pub(super) fn clear(&mut self) {
        let words = self.positions.last().map_or(0, |&p| (usize::from(p) + 1) * self.bits).div_ceil(64);
        self.value[..words].fill(0);
        self.mask[..words].fill(0);
        self.positions.clear();
    }

    /// Adds a node of the template, farther than those before.
    pub(super) fn push(&mut self, position: usize, code: u8) {
        let bit = position * self.bits;
        let shift = 64 - self.bits - bit % 64;
        self.value[bit / 64] |= u64::from(code) << shift;
        self.mask[bit / 64] |= ((1u64 << self.bits) - 1) << shift;
        self.positions.push(position as u16);
    }

    /// Number of informed nodes.
    pub(super) fn informed(&self) -> usize {
        self.positions.len()
    }
}

/// Working space of a search.
pub(super) struct Scratch {
    pending: Vec<u32>,
    /// Ranges of patterns with the template position of their first mismatch.
    blocks: Vec<(u32, u32, u16)>,
    /// Replicates by position of the first mismatch; zero between searches.
    lost: Vec<u32>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self { pending: Vec::new(), blocks: Vec::new(), lost: vec![0; MAX_BITS + 1] }
    }
}

/// What answers data events.
pub(super) trait Search: Send + Sync {
    /// Adds to `counts` how often each facies lies at the centre of the replicates of the event's nearest nodes, as many
    /// as leave at least `minimum` replicates; returns how many nodes that are.
    fn replicates(&self, event: &DataEvent, minimum: u32, scratch: &mut Scratch, counts: &mut [u32]) -> usize;
    /// Number of distinct patterns.
    fn patterns(&self) -> usize;
}

/// Collects the patterns of `image` under a template of `offsets` (nodes) times `spacing` (cells), in as few words as
/// they need. Centres whose template reaches outside of the image are left out.
pub(super) fn scan(image: &Image<'_>, facies: usize, offsets: &[[isize; 3]], spacing: [usize; 3]) -> Box<dyn Search> {
    let words = (offsets.len() * bits_per_code(facies)).div_ceil(64);
    assert!(words <= MAX_WORDS, "{} template nodes of {facies} facies exceed {MAX_BITS} bits", offsets.len());
    match words {
        0..=1 => Box::new(PatternTree::<1>::new(image, facies, offsets, spacing)),
        2 => Box::new(PatternTree::<2>::new(image, facies, offsets, spacing)),
        3 => Box::new(PatternTree::<3>::new(image, facies, offsets, spacing)),
        4 => Box::new(PatternTree::<4>::new(image, facies, offsets, spacing)),
        5..=6 => Box::new(PatternTree::<6>::new(image, facies, offsets, spacing)),
        7..=8 => Box::new(PatternTree::<8>::new(image, facies, offsets, spacing)),
        _ => Box::new(PatternTree::<MAX_WORDS>::new(image, facies, offsets, spacing)),
    }
}

/// A node of the radix tree, in preorder: the patterns `start..end` agree before `bit`; those from `split` on have it set.
/// The left child follows its parent; a subtree of L patterns has 2L − 1 nodes, which says where the right one is.
#[derive(Clone, Copy)]
struct Node {
    start: u32,
    end: u32,
    split: u32,
    bit: u32,
}

struct PatternTree<const W: usize> {
    keys: Vec<[u64; W]>,
    nodes: Vec<Node>,
    /// Replicates of all patterns before the i-th, and those of each facies.
    before: Vec<u32>,
    before_by_facies: Vec<u32>,
    facies: usize,
    bits: usize,
}

impl<const W: usize> PatternTree<W> {
    fn new(image: &Image<'_>, facies: usize, offsets: &[[isize; 3]], spacing: [usize; 3]) -> Self {
        let bits = bits_per_code(facies);
        let mut all = collect::<W>(image, offsets, spacing, bits);
        all.sort_unstable();
        let mut tree =
            Self { keys: vec![], nodes: vec![], before: vec![0], before_by_facies: vec![0; facies], facies, bits };
        for run in all.chunk_by(|a, b| a.0 == b.0) {
            tree.keys.push(run[0].0);
            tree.before.push(tree.before[tree.before.len() - 1] + run.len() as u32);
            let last = tree.before_by_facies.len() - facies;
            tree.before_by_facies.extend_from_within(last..);
            for &(_, code) in run {
                tree.before_by_facies[last + facies + usize::from(code)] += 1;
            }
        }
        if !tree.keys.is_empty() {
            tree.branch(0, tree.keys.len());
        }
        tree
    }

    /// Appends the subtree of the patterns `start..end`.
    fn branch(&mut self, start: usize, end: usize) {
        let (first, last) = (self.keys[start], self.keys[end - 1]);
        let differ = (0..W).find(|&w| first[w] != last[w]);
        let bit = differ.map_or(64 * W, |w| 64 * w + (first[w] ^ last[w]).leading_zeros() as usize);
        let unset = |key: &[u64; W]| key[bit / 64] >> (63 - bit % 64) & 1 == 0;
        let split = if end - start == 1 { end } else { start + self.keys[start..end].partition_point(unset) };
        self.nodes.push(Node { start: start as u32, end: end as u32, split: split as u32, bit: bit as u32 });
        if end - start > 1 {
            self.branch(start, split);
            self.branch(split, end);
        }
    }

    /// Fills `scratch.blocks`: every pattern, in ranges that share the position of their first mismatch (`u16::MAX`: none).
    fn descend(&self, event: &DataEvent, scratch: &mut Scratch) {
        let last = event.positions.last().map_or(0, |&p| (usize::from(p) + 1) * self.bits);
        scratch.blocks.clear();
        scratch.pending.clear();
        scratch.pending.push(0);
        while let Some(mut at) = scratch.pending.pop() {
            loop {
                let node = self.nodes[at as usize];
                let bit = node.bit as usize;
                let mismatch = first_mismatch(&self.keys[node.start as usize], event);
                if mismatch < bit {
                    scratch.blocks.push((node.start, node.end, (mismatch / self.bits) as u16));
                    break;
                }
                if bit >= last {
                    scratch.blocks.push((node.start, node.end, u16::MAX));
                    break;
                }
                let right = at + 2 * (node.split - node.start);
                let (word, shift) = (bit / 64, 63 - bit % 64);
                if event.mask[word] >> shift & 1 == 0 {
                    scratch.pending.push(right);
                    at += 1;
                } else if event.value[word] >> shift & 1 == 0 {
                    scratch.blocks.push((node.split, node.end, (bit / self.bits) as u16));
                    at += 1;
                } else {
                    scratch.blocks.push((node.start, node.split, (bit / self.bits) as u16));
                    at = right;
                }
            }
        }
    }
}

impl<const W: usize> Search for PatternTree<W> {
    fn replicates(&self, event: &DataEvent, minimum: u32, scratch: &mut Scratch, counts: &mut [u32]) -> usize {
        self.descend(event, scratch);
        let mut matching = 0;
        for &(start, end, position) in &scratch.blocks {
            let replicates = self.before[end as usize] - self.before[start as usize];
            if position == u16::MAX {
                matching += replicates;
            } else {
                scratch.lost[usize::from(position)] += replicates;
            }
        }
        let (mut kept, mut nearest_lost) = (event.informed(), u16::MAX);
        while matching < minimum && kept > 0 {
            kept -= 1;
            nearest_lost = event.positions[kept];
            matching += scratch.lost[usize::from(nearest_lost)];
        }
        for &(start, end, position) in &scratch.blocks {
            if position >= nearest_lost {
                let (start, end) = (start as usize * self.facies, end as usize * self.facies);
                for k in 0..self.facies {
                    counts[k] += self.before_by_facies[end + k] - self.before_by_facies[start + k];
                }
            }
        }
        for &position in &event.positions {
            scratch.lost[usize::from(position)] = 0;
        }
        kept
    }

    fn patterns(&self) -> usize {
        self.keys.len()
    }
}

/// Index of the first bit in which a pattern and the event's informed nodes differ; 64 W if none.
fn first_mismatch<const W: usize>(key: &[u64; W], event: &DataEvent) -> usize {
    for w in 0..W {
        let differ = (key[w] ^ event.value[w]) & event.mask[w];
        if differ != 0 {
            return 64 * w + differ.leading_zeros() as usize;
        }
    }
    64 * W
}

/// Every pattern of the image with the facies at its centre.
fn collect<const W: usize>(
    image: &Image<'_>,
    offsets: &[[isize; 3]],
    spacing: [usize; 3],
    bits: usize,
) -> Vec<([u64; W], u8)> {
    let [nx, ny, nz] = image.cells;
    let steps: Vec<[isize; 3]> = offsets.iter().map(|h| std::array::from_fn(|a| h[a] * spacing[a] as isize)).collect();
    let reach: [usize; 3] = std::array::from_fn(|a| steps.iter().map(|h| h[a].unsigned_abs()).max().unwrap_or(0));
    let strides: Vec<isize> = steps.iter().map(|[x, y, z]| (z * ny as isize + y) * nx as isize + x).collect();
    let mut all = Vec::new();
    for k in reach[2]..nz.saturating_sub(reach[2]) {
        for j in reach[1]..ny.saturating_sub(reach[1]) {
            let row = (k * ny + j) * nx;
            for centre in row + reach[0]..(row + nx).saturating_sub(reach[0]) {
                let mut key = [0u64; W];
                let mut inside = image.codes[centre] != OUTSIDE;
                for (a, &stride) in strides.iter().enumerate() {
                    let code = image.codes[centre.wrapping_add_signed(stride)];
                    inside &= code != OUTSIDE;
                    let bit = a * bits;
                    key[bit / 64] |= u64::from(code) << (64 - bits - bit % 64);
                }
                if inside {
                    all.push((key, image.codes[centre]));
                }
            }
        }
    }
    all
}
