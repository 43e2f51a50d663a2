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
    /// Replicates by template position of the first mismatch (the last: no mismatch) and facies; zero between searches.
    lost: Vec<u32>,
}

impl Scratch {
    pub(super) fn new(facies: usize) -> Self {
        Self { pending: Vec::new(), lost: vec![0; (MAX_BITS / bits_per_code(facies) + 1) * facies] }
    }
}

/// What answers data events.
pub(super) trait Search: Send + Sync {
    /// Sets `counts`, which is zero, to how often each facies lies at the centre of the replicates of the event's nearest nodes, as many
    /// as leave at least `minimum` replicates; returns how many nodes that are. `class` is the centre's position between
    /// the nodes of the coarser level.
    fn replicates(
        &self,
        event: &DataEvent,
        class: usize,
        minimum: u32,
        scratch: &mut Scratch,
        counts: &mut [u32],
    ) -> usize;
    /// Number of distinct patterns.
    fn patterns(&self) -> usize;
}

/// The template of a level as a training image is scanned with it.
pub(super) struct Scan<'a> {
    /// Number of facies.
    pub(super) facies: usize,
    /// Template nodes, nearest first, in nodes.
    pub(super) offsets: &'a [[isize; 3]],
    /// Cells between nodes.
    pub(super) spacing: [usize; 3],
    /// For each class of centres the template positions that lie on the coarser level: they have their facies before.
    pub(super) classes: &'a [Vec<usize>],
}

/// Collects the patterns of `image` in as few words as they need. Centres whose template reaches outside of the image are
/// left out.
pub(super) fn scan(image: &Image<'_>, scan: &Scan<'_>) -> Box<dyn Search> {
    let words = (scan.offsets.len() * bits_per_code(scan.facies)).div_ceil(64);
    assert!(words <= MAX_WORDS, "{} template nodes exceed {MAX_BITS} bits", scan.offsets.len());
    match words {
        0..=1 => Box::new(PatternTree::<1>::new(image, scan)),
        2 => Box::new(PatternTree::<2>::new(image, scan)),
        3 => Box::new(PatternTree::<3>::new(image, scan)),
        4 => Box::new(PatternTree::<4>::new(image, scan)),
        5..=6 => Box::new(PatternTree::<6>::new(image, scan)),
        7..=8 => Box::new(PatternTree::<8>::new(image, scan)),
        _ => Box::new(PatternTree::<MAX_WORDS>::new(image, scan)),
    }
}

/// Subtrees of so few patterns are not branched further but searched one by one, which costs less than mispredicted
/// branches.
const LEAF: usize = 8;

/// A node of the radix tree: the patterns `start..end` agree before `bit`; those from `split` on have it set. The left
/// child follows its parent. A leaf (`right` is 0) says nothing of its bits.
#[derive(Clone, Copy)]
struct Node {
    start: u32,
    end: u32,
    split: u32,
    bit: u32,
    right: u32,
}

struct PatternTree<const W: usize> {
    keys: Vec<[u64; W]>,
    nodes: Vec<Node>,
    /// Replicates of all patterns before the i-th, by facies: `before[i * K + facies]`.
    before: Vec<u32>,
    /// The patterns once more, by class of centres.
    indices: Vec<CoarseIndex<W>>,
    facies: usize,
    bits: usize,
}

/// The patterns in the order of what they have at a few nodes that nearly every event of a class has informed: the exact
/// replicates of most events are among the few that agree there.
struct CoarseIndex<const W: usize> {
    mask: [u64; W],
    /// Distinct values under the mask, ascending, and the start of their members; one start more at the end.
    values: Vec<[u64; W]>,
    starts: Vec<u32>,
    members: Vec<u32>,
}

impl<const W: usize> CoarseIndex<W> {
    fn new(keys: &[[u64; W]], positions: &[usize], bits: usize) -> Self {
        let mut mask = [0u64; W];
        for bit in positions.iter().map(|p| p * bits) {
            mask[bit / 64] |= ((1 << bits) - 1) << (64 - bits - bit % 64);
        }
        let masked = |i: u32| -> [u64; W] { std::array::from_fn(|w| keys[i as usize][w] & mask[w]) };
        let mut members: Vec<u32> = (0..keys.len() as u32).collect();
        members.sort_by_key(|&i| masked(i));
        let (mut values, mut starts) = (vec![], vec![0]);
        for run in members.chunk_by(|&a, &b| masked(a) == masked(b)) {
            values.push(masked(run[0]));
            starts.push(starts[starts.len() - 1] + run.len() as u32);
        }
        Self { mask, values, starts, members }
    }

    /// The patterns that agree with the event at the nodes of this index, if the event has all of them.
    fn candidates(&self, event: &DataEvent) -> Option<&[u32]> {
        if (0..W).any(|w| event.mask[w] & self.mask[w] != self.mask[w]) {
            return None;
        }
        let value: [u64; W] = std::array::from_fn(|w| event.value[w] & self.mask[w]);
        let found = self.values.binary_search(&value).map(|v| self.starts[v] as usize..self.starts[v + 1] as usize);
        Some(found.map_or(&[], |range| &self.members[range]))
    }
}

impl<const W: usize> PatternTree<W> {
    fn new(image: &Image<'_>, scan: &Scan<'_>) -> Self {
        let (facies, bits) = (scan.facies, bits_per_code(scan.facies));
        let mut all = collect::<W>(image, scan.offsets, scan.spacing, bits);
        all.sort_unstable();
        let mut tree = Self { keys: vec![], nodes: vec![], before: vec![0; facies], indices: vec![], facies, bits };
        for run in all.chunk_by(|a, b| a.0 == b.0) {
            tree.keys.push(run[0].0);
            let last = tree.before.len() - facies;
            tree.before.extend_from_within(last..);
            for &(_, code) in run {
                tree.before[last + facies + usize::from(code)] += 1;
            }
        }
        if !tree.keys.is_empty() {
            tree.branch(0, tree.keys.len());
        }
        tree.indices = scan.classes.iter().map(|positions| CoarseIndex::new(&tree.keys, positions, bits)).collect();
        tree
    }

    /// Appends the subtree of the patterns `start..end`.
    fn branch(&mut self, start: usize, end: usize) {
        let at = self.nodes.len();
        self.nodes.push(Node { start: start as u32, end: end as u32, split: 0, bit: 0, right: 0 });
        if end - start <= LEAF {
            return;
        }
        let (first, last) = (self.keys[start], self.keys[end - 1]);
        let word = (0..W).find(|&w| first[w] != last[w]).unwrap_or_else(|| unreachable!("patterns are distinct"));
        let bit = (first[word] ^ last[word]).leading_zeros() as usize;
        let split = start + self.keys[start..end].partition_point(|key| key[word] >> (63 - bit) & 1 == 0);
        self.branch(start, split);
        let right = self.nodes.len() as u32;
        self.nodes[at] = Node { split: split as u32, bit: (64 * word + bit) as u32, right, ..self.nodes[at] };
        self.branch(split, end);
    }

    /// Counts the patterns `start..end`, whose first mismatch is at bit `mismatch`.
    fn count(&self, (start, end): (u32, u32), mismatch: usize, lost: &mut [u32]) {
        let lost = &mut lost[mismatch / self.bits * self.facies..][..self.facies];
        let before = &self.before[start as usize * self.facies..][..self.facies];
        let behind = &self.before[end as usize * self.facies..][..self.facies];
        for ((lost, before), behind) in lost.iter_mut().zip(before).zip(behind) {
            *lost += behind - before;
        }
    }

    /// Adds the exact replicates of the event to `counts`, if the class has an index that serves it.
    fn exact(&self, event: &DataEvent, class: usize, counts: &mut [u32]) {
        let candidates = self.indices.get(class).and_then(|index| index.candidates(event)).unwrap_or(&[]);
        for &i in candidates {
            let key = &self.keys[i as usize];
            if (0..W).fold(0, |differ, w| differ | ((key[w] ^ event.value[w]) & event.mask[w])) == 0 {
                self.count((i, i + 1), 0, counts);
            }
        }
    }

    /// Counts every pattern in `scratch.lost` at the template position where it first differs from the event.
    fn descend(&self, event: &DataEvent, scratch: &mut Scratch) {
        let last = event.positions.last().map_or(0, |&p| (usize::from(p) + 1) * self.bits);
        let (pending, lost) = (&mut scratch.pending, &mut scratch.lost[..]);
        pending.clear();
        pending.push(0);
        while let Some(mut at) = pending.pop() {
            loop {
                let node = self.nodes[at as usize];
                if node.right == 0 {
                    for i in node.start..node.end {
                        self.count((i, i + 1), first_mismatch(&self.keys[i as usize], event), lost);
                    }
                    break;
                }
                let bit = node.bit as usize;
                let mismatch = first_mismatch(&self.keys[node.start as usize], event);
                if mismatch < bit || bit >= last {
                    self.count((node.start, node.end), mismatch, lost);
                    break;
                }
                let (word, shift) = (bit / 64, 63 - bit % 64);
                if event.mask[word] >> shift & 1 == 0 {
                    pending.push(node.right);
                    at += 1;
                } else if event.value[word] >> shift & 1 == 0 {
                    self.count((node.split, node.end), bit, lost);
                    at += 1;
                } else {
                    self.count((node.start, node.split), bit, lost);
                    at = node.right;
                }
            }
        }
    }
}

impl<const W: usize> Search for PatternTree<W> {
    fn replicates(
        &self,
        event: &DataEvent,
        class: usize,
        minimum: u32,
        scratch: &mut Scratch,
        counts: &mut [u32],
    ) -> usize {
        self.exact(event, class, counts);
        if counts.iter().sum::<u32>() >= minimum {
            return event.informed();
        }
        counts.fill(0);
        self.descend(event, scratch);
        let mut take = |position: usize, wanted: bool| {
            let lost = &mut scratch.lost[position * self.facies..][..self.facies];
            for (count, lost) in counts.iter_mut().zip(lost) {
                *count += if wanted { *lost } else { 0 };
                *lost = 0;
            }
            counts.iter().sum::<u32>()
        };
        let mut matching = take(64 * W / self.bits, true);
        let mut kept = event.informed();
        for &position in event.positions.iter().rev() {
            let wanted = matching < minimum;
            matching = take(usize::from(position), wanted);
            kept -= usize::from(wanted);
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
