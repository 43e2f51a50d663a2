//! What every key of a case file means: the comments that `case show` prints above them.

use std::borrow::Cow;

use super::file::{Case, Signal};
use super::write::{self, Line};

/// The case as TOML with a comment above every key, and after it the keys that this case does not use; reading it gives
/// an equal case. A comment is printed where its key comes first.
pub fn show(case: &Case) -> String {
    commented(write::lines(case), KEYS)
}

/// As [`show`], for the case of a signal.
pub fn show_signal(signal: &Signal) -> String {
    commented(write::signal_lines(signal), SIGNAL_KEYS)
}

fn commented(lines: Vec<Line>, keys: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut section = "";
    let mut unexplained: Vec<_> = keys.to_vec();
    let mut explain = |out: &mut String, path: &str| {
        let path = explained_as(path);
        if let Some(at) = unexplained.iter().position(|(key, _)| *key == path) {
            comment(out, unexplained.remove(at).1, "# ");
        }
    };
    for line in lines {
        match line {
            Line::Section { path, in_list } => {
                section = path;
                out.push('\n');
                explain(&mut out, path);
                header(&mut out, path, in_list);
            }
            Line::Key { key, value } => {
                let path = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
                explain(&mut out, &path);
                out += &value.map_or(format!("# {key} is not set\n"), |value| format!("{key} = {value}\n"));
            }
        }
    }
    if !unexplained.is_empty() {
        out += "\n# Not used by this case:\n";
    }
    for (path, text) in unexplained {
        out += &format!("# {path}\n");
        comment(&mut out, text, "#     ");
    }
    out
}

/// A case's lines as TOML, every key explicit.
pub(super) fn plain(lines: Vec<Line>) -> String {
    let mut out = String::new();
    for line in lines {
        match line {
            Line::Section { path, in_list } => {
                out.push('\n');
                header(&mut out, path, in_list);
            }
            Line::Key { key, value: Some(value) } => out += &format!("{key} = {value}\n"),
            Line::Key { value: None, .. } => {}
        }
    }
    out
}

/// Sections that are described like others: their keys are explained there.
const ALIKE: [(&str, &str); 2] = [("type.", "scenario."), ("reference.gaussian.", "scenario.gaussian.")];

/// The key whose explanation holds for the key `path`.
pub(super) fn explained_as(path: &str) -> Cow<'_, str> {
    let alike = |(own, other): &(&str, &str)| path.strip_prefix(own).map(|rest| format!("{other}{rest}"));
    ALIKE.iter().find_map(alike).map_or(Cow::Borrowed(path), Cow::Owned)
}

fn comment(out: &mut String, text: &str, mark: &str) {
    text.lines().for_each(|line| *out += &format!("{mark}{line}\n"));
}

fn header(out: &mut String, path: &str, in_list: bool) {
    *out += &if in_list { format!("[[{path}]]\n") } else { format!("[{path}]\n") };
}

/// The section that knows the key `name`, where exactly one does.
pub(super) fn section_of(name: &str) -> Option<&'static str> {
    let sections = KEYS.iter().filter_map(|(path, _)| path.rsplit_once('.').filter(|(_, key)| *key == name));
    let mut sections = sections.map(|(section, _)| section);
    sections.next().filter(|_| sections.next().is_none())
}

/// Every section and key, and what it means: meaning, unit, default, allowed values.
pub(super) const KEYS: &[(&str, &str)] = &[
    ("format", "Version of case files; always 1."),
    ("name", "Short name, used for result folders: letters, digits, '-', '_', '.'."),
    ("title", "One line for people. Default: empty."),
    ("seed", "The one seed of all random numbers: a whole number. Default: 1."),
    ("grid", "The grid of models, realizations and physics: x east, y north, z up; in a section x and depth."),
    ("grid.cells", "Number of cells along x, y, z: [nx, ny] or [nx, ny, nz]; in a section [nx, ndepth]."),
    (
        "grid.size",
        "Length of the whole grid along its axes [length]. Default of the third: 1 m a cell where it has one.",
    ),
    ("grid.origin", "Corner of the first cell [length]; in a section the second is a depth. Default: 0 m."),
    (
        "grid.plane",
        "What two axes mean: \"xy\", a map (y north), or \"xz\", a section (depth, growing down). Default: \"xy\".",
    ),
    ("property", "What is imaged."),
    (
        "property.name",
        "The quantity: \"slowness\", \"transmissivity\", \"hydraulic conductivity\" or \"permeability\".",
    ),
    ("property.unit", "Its unit here and in reports, e.g. \"ms/m\", \"ns/m\", \"m2/s\", \"m/day\", \"mD\"."),
    (
        "property.transform",
        "Whether the model carries the value itself, \"none\", or its \"log10\" or \"ln\". Default: \"none\".",
    ),
    (
        "property.facies",
        "Value of facies 0, 1, ... in the unit (and transform) above, all different. Only for geology made of facies;\n\
         a continuous (Gaussian) property has none.",
    ),
    ("scenario", "One idea of the geology; repeat the section for competing ones. Instead: [[unit]] and [[type]]."),
    ("scenario.name", "Name, unique in the case. Default with one scenario: \"scenario-1\"."),
    (
        "scenario.azimuth",
        "Direction of the geology, degrees clockwise from north (90: east, in a section horizontal): objects of a\n\
         generated image run along it; an image from a file and variograms are turned by it.\n\
         A list of directions, [0, 45, 90, 135], makes a scenario of each, called e.g. \"name-45\". Default: 0.",
    ),
    ("scenario.scale", "Factor by which the image's patterns grow, 0.1 to 10. Default: 1."),
    (
        "scenario.image",
        "The training image: a file, image = \"channels.gslib\" (GSLIB/SGeMS, .npy or .png; relative to the case file;\n\
         its distinct values in ascending order are facies 0, 1, ...), or this section for a file or for the generator,\n\
         in which facies 0 is the background and facies 1 the objects.",
    ),
    (
        "scenario.image.file",
        "Of a file: its name, beside variable and cells (needed where a GSLIB file does not say its size).",
    ),
    ("scenario.image.variable", "Of a file: which of its variables is the image; needed where it has several."),
    ("scenario.image.kind", "The objects: \"meandering\", \"intersecting\" or \"straight\" channels, or \"ellipses\"."),
    ("scenario.image.cells", "Cells of the image: [nx, ny] or [nx, ny, nz]. Default: [250, 250]."),
    ("scenario.image.seed", "Seed of the image alone; the run's seed leaves the image as it is. Default: 1."),
    ("scenario.image.proportion", "Fraction of cells in objects, between 0 and 1, or in \"%\". Default: 0.3."),
    (
        "scenario.image.width",
        "Mean width of a channel, or short axis of an ellipse [cells]. Default: 10 (ellipses 15).",
    ),
    (
        "scenario.image.width_scatter",
        "Its standard deviation between objects [cells]. Default: 8 % (ellipses 17 %) of it.",
    ),
    ("scenario.image.thickness", "Mean thickness of an object [cells]; only 3-D. Default: 4 (ellipses 5)."),
    ("scenario.image.thickness_scatter", "Its standard deviation [cells]. Default: 15 % (ellipses 20 %) of it."),
    (
        "scenario.image.orientation_scatter",
        "Standard deviation of the objects' directions [degrees]. Default: 2 (ellipses 10).",
    ),
    ("scenario.image.undulation", "Relative standard deviation of the width along a channel, 0 to 0.3. Default: 0.06."),
    ("scenario.image.length", "Ellipses: mean length of the long axis [cells]. Default: 30."),
    ("scenario.image.length_scatter", "Its standard deviation [cells]. Default: 17 % of it."),
    (
        "scenario.image.wavelength",
        "Mean distance along the axis from bend to next like bend [cells]. Default: 80 (intersecting 100).",
    ),
    ("scenario.image.wavelength_scatter", "Its standard deviation between channels [cells]. Default: 10 % of it."),
    (
        "scenario.image.sinuosity",
        "Length along a channel over length along its axis, 1 (straight) to 3. Default: 1.25 (intersecting 1.08).",
    ),
    ("scenario.image.amplitude", "Instead of sinuosity: half the distance between opposite bends [cells]."),
    (
        "scenario.image.irregularity",
        "How much bends of one channel differ (relative standard deviation), 0 to 0.6.\n\
         Default: 0.3.",
    ),
    (
        "scenario.image.angle",
        "Intersecting: angle between the two families of channels [degrees], 10 to 90. Default: 50.",
    ),
    ("scenario.gaussian", "Instead of an image: a Gaussian field of the property."),
    ("scenario.gaussian.mean", "Mean of the property, in its unit and transform."),
    (
        "scenario.gaussian.variance",
        "Variance of the property, in its unit squared; or give its square root as standard_deviation.",
    ),
    (
        "scenario.gaussian.distribution",
        "Instead of mean and variance: values of the property whose distribution the field has, two or more. The\n\
         variogram is then that of its normal scores. Not where a facies varies.",
    ),
    ("scenario.gaussian.nugget", "Share of the variance without correlation, 0 to 1. Default: 0."),
    ("scenario.gaussian.structure", "A nested structure of the variogram; repeat it for more."),
    (
        "scenario.gaussian.structure.model",
        "\"spherical\", \"exponential\", \"gaussian\" or \"matern\" (with the smoothness nu).",
    ),
    ("scenario.gaussian.structure.nu", "Smoothness of the Matérn model, 0.1 to 50."),
    (
        "scenario.gaussian.structure.share",
        "Share of the variance, above 0; nugget and shares sum to 1. Default: equal shares of what the nugget leaves.",
    ),
    (
        "scenario.gaussian.structure.ranges",
        "Ranges along the main axis, across it, and vertically [length]; one for all directions, or two. Practical\n\
         ranges (5 % of the covariance left) where the model only tends to its sill.",
    ),
    (
        "scenario.gaussian.structure.azimuth",
        "Direction of the main axis, degrees clockwise from north; the scenario's azimuth is added. Default: 0.",
    ),
    ("scenario.gaussian.structure.dip", "Dip of the main axis, degrees from the horizontal, positive up. Default: 0."),
    ("scenario.gaussian.structure.rake", "Turn about the main axis [degrees]. Default: 0."),
    (
        "scenario.indicator",
        "Instead of an image: facies by the variograms of their indicators, 1 in the facies, 0 elsewhere.",
    ),
    ("scenario.indicator.proportions", "Proportion of each facies 0, 1, ..., above 0; they sum to 1."),
    (
        "scenario.indicator.variogram",
        "The variogram of an indicator, whose sill p (1 - p) the proportion p gives: one section a facies, in their order,\n\
         or one for all (two facies have one).",
    ),
    ("scenario.indicator.variogram.nugget", "Share of the sill without correlation, 0 to 1. Default: 0."),
    ("scenario.indicator.variogram.structure", "A nested structure of the variogram; repeat it for more."),
    (
        "scenario.indicator.variogram.structure.model",
        "\"spherical\", \"exponential\", \"gaussian\" or \"matern\" (with the smoothness nu).",
    ),
    ("scenario.indicator.variogram.structure.nu", "Smoothness of the Matérn model, 0.1 to 50."),
    (
        "scenario.indicator.variogram.structure.share",
        "Share of the sill; nugget and shares sum to 1. Default: equal shares of what the nugget leaves.",
    ),
    (
        "scenario.indicator.variogram.structure.ranges",
        "Ranges along the main axis, across it, and vertically [length]; one for all directions, or two.",
    ),
    (
        "scenario.indicator.variogram.structure.azimuth",
        "Direction of the main axis, degrees clockwise from north; the scenario's azimuth is added. Default: 0.",
    ),
    (
        "scenario.indicator.variogram.structure.dip",
        "Dip of the main axis, degrees from the horizontal, positive up. Default: 0.",
    ),
    ("scenario.indicator.variogram.structure.rake", "Turn about the main axis [degrees]. Default: 0."),
    (
        "scenario.variability",
        "The Gaussian field inside facies 0, 1, ... in this order: one section a facies, or none for constant facies.",
    ),
    ("scenario.variability.mean", "Mean departure from the facies' value, in the property's unit. Default: 0."),
    (
        "scenario.variability.variance",
        "Variance, in the property's unit squared; or give its square root as standard_deviation.",
    ),
    ("scenario.variability.nugget", "Share of the variance without correlation, 0 to 1. Default: 0."),
    ("scenario.variability.structure", "A nested structure of the variogram; repeat it for more."),
    (
        "scenario.variability.structure.model",
        "\"spherical\", \"exponential\", \"gaussian\" or \"matern\" (with the smoothness nu).",
    ),
    ("scenario.variability.structure.nu", "Smoothness of the Matérn model, 0.1 to 50."),
    (
        "scenario.variability.structure.share",
        "Share of the variance; nugget and shares sum to 1. Default: equal shares.",
    ),
    ("scenario.variability.structure.ranges", "Ranges along the main axis, across it, and vertically [length]."),
    (
        "scenario.variability.structure.azimuth",
        "Direction of the main axis, degrees clockwise from north, whatever the scenario's azimuth. Default: 0.",
    ),
    (
        "scenario.variability.structure.dip",
        "Dip of the main axis, degrees from the horizontal, positive up. Default: 0.",
    ),
    ("scenario.variability.structure.rake", "Turn about the main axis [degrees]. Default: 0."),
    (
        "type",
        "A type of geology that fills units, described as a [[scenario]] is. Every combination of the units' types is a\n\
         scenario, called after them from the first unit on: \"intersecting/straight/meandering\".",
    ),
    ("unit", "Layers one above the other that have one type of geology; repeat the section, from the lowest unit on."),
    ("unit.name", "Name of the unit. Default: \"unit-1\", ..."),
    ("unit.layers", "Its lowest and its highest layer, counted from 1 at the bottom: [1, 3]."),
    ("unit.types", "Names of the types that may fill it. Default: all."),
    ("prior", "How realizations of the scenarios are drawn."),
    ("prior.realizations", "Realizations of each scenario, 2 or more. Default: 500."),
    (
        "prior.condition",
        "Whether realizations honour the hard data: false (hard data enter as observations and through the feasible\n\
         map alone), \"hard-data\" (the cells of [hard_data], which every reference honours), or true (these and observed\n\
         properties, so that every reference has an ensemble of its own). Default: false.",
    ),
    (
        "prior.method",
        "\"snesim\" or \"direct-sampling\" from images; where no scenario has one \"sisim\" (sequential indicator simulation)\n\
         of facies, or \"gaussian\" (circulant embedding, hard data by kriging of residuals) or \"sgsim\" (sequential\n\
         Gaussian simulation) of a continuous property. Default: \"snesim\", \"sisim\" or \"gaussian\", whichever fits.",
    ),
    ("prior.snesim", "Single normal equation simulation (Strebelle 2002)."),
    ("prior.snesim.template", "Nodes of the template along x, y, z, odd numbers. Default: [7, 7]."),
    ("prior.snesim.grids", "Number of multiple grids, 1 to 16. Default: 4."),
    (
        "prior.snesim.servo",
        "Strength of the correction towards the target proportions, 0 (off) to below 1. Default: 0.5.",
    ),
    (
        "prior.snesim.minimum_replicates",
        "Replicates of a data event in the image below which its farthest node is dropped. Default: 10.",
    ),
    ("prior.snesim.maximum_informed", "Nearest informed nodes used at most. Default: 48."),
    (
        "prior.snesim.resimulations",
        "How often nodes whose data event had lost nodes are simulated again on each grid. Default: 1.",
    ),
    ("prior.snesim.proportions", "Target proportion of each facies, summing to 1. Default: [], the image's own."),
    ("prior.direct_sampling", "Direct sampling (Mariethoz et al. 2010)."),
    ("prior.direct_sampling.neighbours", "Nearest informed cells that are compared. Default: 30."),
    ("prior.direct_sampling.threshold", "Largest distance of an accepted pattern, 0 to 1. Default: 0.05."),
    (
        "prior.direct_sampling.fraction",
        "Largest fraction of the image scanned for a cell, above 0, up to 1. Default: 0.3.",
    ),
    ("prior.sgsim", "Sequential Gaussian simulation."),
    (
        "prior.sgsim.kriging",
        "\"simple\" (the mean is known) or \"ordinary\" (found from neighbours). Default: \"simple\".",
    ),
    ("prior.sgsim.neighbours", "Nearest informed cells used at most, 1 to 64. Default: 24."),
    (
        "prior.sisim",
        "Sequential indicator simulation, by which every scenario of indicator variograms is drawn, also beside others\n\
         that have images.",
    ),
    (
        "prior.sisim.kriging",
        "\"simple\" (the proportions are known) or \"ordinary\" (found from neighbours). Default: \"simple\".",
    ),
    ("prior.sisim.neighbours", "Nearest informed cells used at most, 1 to 64. Default: 24."),
    ("hard_data", "Cells whose facies or property is measured."),
    (
        "hard_data.file",
        "CSV file with columns i, j, k (from 1; k may be missing in 2-D) or x, y, z [m] (a point in the cell; z means\n\
         nothing on a map; x, z in a section, z the depth), facies or value (in the property's unit), and id, for you\n\
         alone; relative to the case file.",
    ),
    (
        "hard_data.observed",
        "Whether hard data are observations too where a [reference] makes the data: values of the property in cells where\n\
         no [[observation]] is of it, with an error of 2 % of the spread of the facies, or of a value. Default: true.",
    ),
    ("hard_data.cells", "A measured cell; repeat the section for more."),
    ("hard_data.cells.cell", "The cell [i, j] or [i, j, k], from 1: i along x, j along y (in a section: down)."),
    ("hard_data.cells.facies", "The facies there, from 0."),
    ("hard_data.cells.value", "Instead of a facies: the property there, in its unit and transform."),
    ("basis", "The parameterization u = mean + basis times v."),
    (
        "basis.kind",
        "\"pca\": leading principal components of the realizations, of all scenarios together where there are several;\n\
         \"hybrid\": those of each scenario side by side, a group of columns a scenario; \"karhunen-loeve\": leading\n\
         eigenvectors of the covariance of one Gaussian scenario, for which no realizations are needed; \"dct\": cosines of\n\
         the lowest frequencies; \"wavelet\": Daubechies' wavelets of the coarsest scales; \"zonation\": one value in each of a\n\
         lattice of boxes; \"cells\": one value in every cell; \"k-svd\": a dictionary of\n\
         atoms, few of which at a time represent the realizations of one scenario. Default: \"pca\", with several scenarios\n\
         \"hybrid\".",
    ),
    (
        "basis.rank",
        "Number of basis images (hybrid: of each scenario), or [first, last]: growing evenly from the first iteration to\n\
         the last. At most the number of realizations (less one with center). Of \"dct\": the first frequencies in zig-zag\n\
         order.",
    ),
    ("basis.box", "Of \"dct\", instead of rank: how many frequencies are kept along x, y, z, e.g. [16, 16]."),
    ("basis.vanishing_moments", "Of \"wavelet\": 1 (Haar) to 10. Default: 10, which has 20 taps."),
    (
        "basis.window",
        "Of \"wavelet\": as many whole scales as there are coefficients in a box of this many along x, y, z, e.g. [16, 16].\n\
         Default: all scales; sides of 2^J times an odd number of cells have J of them.",
    ),
    ("basis.zones", "Of \"zonation\": boxes along x, y, z. Default: 8 along each axis that has so many cells."),
    (
        "basis.refined_zones",
        "Of \"zonation\": cut zones, each time where the gradient of the misfit changes most, until there are this many or the\n\
         data are met; their number doubles from one inversion to the next. Default: zones stay as they are.",
    ),
    ("basis.atoms", "Of \"k-svd\", which has no rank: number of atoms, at most that of realizations. Default: 1000."),
    ("basis.sparsity", "Of \"k-svd\": the most atoms that represent a realization. Default: 60."),
    (
        "basis.learned_rank",
        "Of \"k-svd\": the number of principal components in whose span the atoms are learned. Default: 500.",
    ),
    (
        "basis.iterations",
        "Of \"k-svd\": iterations of learning, each a coding and an update of all atoms. Default: 20.",
    ),
    (
        "basis.updates",
        "Of \"k-svd\": how an atom is updated, \"exact\" (by a leading singular vector) or \"approximate\" (by one step\n\
         towards it). Default: \"approximate\".",
    ),
    ("basis.energy", "Instead of rank: the fraction of the realizations' energy that is kept, above 0, up to 1."),
    (
        "basis.center",
        "Whether the mean of the realizations is removed and kept. Without, departures from the background's value\n\
         (facies) or from the mean of all scenarios (continuous) are what is decomposed. Default: true, hybrid false.",
    ),
    (
        "groups",
        "What groups the coefficients of a basis that has no block of columns for each scenario. Groups may overlap: each\n\
         then has coefficients of its own, which are summed. Used with regularizer = \"group\".",
    ),
    (
        "groups.kind",
        "\"tree\": each wavelet of the finest scale that is kept, all wavelets above it and the average; \"sparse-pca\": the\n\
         coefficients of each of the sparse principal components of the realizations.",
    ),
    ("groups.count", "Of \"sparse-pca\": number of groups."),
    ("groups.members", "Of \"sparse-pca\": members that a group has on average. Default: 20."),
    ("physics", "The forward model; without it the case only makes the maps of [mapping]."),
    (
        "physics.kind",
        "\"straight-rays\": travel times along straight rays; \"groundwater\": confined flow, steady or in time; \"map\":\n\
         none, the property itself is observed. What is observed beside travel times is told by [[observation]].",
    ),
    (
        "physics.background",
        "Slowness outside of the grid, e.g. \"0.5 ms/m\". Default: not set, parts of rays outside take no time.",
    ),
    ("physics.sources", "An array of sources; every source is seen by every receiver. Not with a data file."),
    ("physics.sources.side", "Side of the grid: \"left\", \"right\", \"top\" (largest y, least depth) or \"bottom\"."),
    ("physics.sources.count", "Number of positions, spread evenly (i + 1/2 intervals from the first end)."),
    ("physics.sources.first", "Coordinate where the array begins [length]. Default: the side's first corner."),
    ("physics.sources.last", "Coordinate where the array ends [length]. Default: the side's other corner."),
    ("physics.sources.points", "Instead of a side: positions [[\"0 m\", \"12 m\"], ...]."),
    ("physics.receivers", "An array of receivers. Not with a data file."),
    (
        "physics.receivers.side",
        "Side of the grid: \"left\", \"right\", \"top\" (largest y, least depth) or \"bottom\".",
    ),
    ("physics.receivers.count", "Number of positions, spread evenly (i + 1/2 intervals from the first end)."),
    ("physics.receivers.first", "Coordinate where the array begins [length]. Default: the side's first corner."),
    ("physics.receivers.last", "Coordinate where the array ends [length]. Default: the side's other corner."),
    ("physics.receivers.points", "Instead of a side: positions [[\"0 m\", \"12 m\"], ...]."),
    ("physics.anisotropy", "Vertical over horizontal conductivity, Kv/Kh. Default: 1."),
    ("physics.storativity", "Storativity S of a map of transmissivity; needed where flow changes in time."),
    (
        "physics.specific_storage",
        "Specific storage S_s [1/length], for a conductivity; needed where flow changes in time.",
    ),
    (
        "physics.initial_head",
        "Heads when the first step begins: \"steady\" (steady flow without wells), or one head. Default: \"steady\".",
    ),
    (
        "physics.inactive",
        "Cells without flow, [[1, 1], [2, 1, 3]], and boxes of them, [[1, 1], [5, 20]], all layers where they are left\n\
         out: [[1, 1], [[3, 1], [5, 20]]]; or a file (npy, GSLIB, PNG; relative to the case file) of a number a cell, 0\n\
         where nothing flows. MODFLOW's IDOMAIN is that upside down: npy and GSLIB begin in the south and with the lowest\n\
         layer, np.save(file, idomain[::-1, ::-1]). Their property has no effect on the flow and counts in no error, and\n\
         they have no heads. Default: none.",
    ),
    (
        "physics.uncertain",
        "What is found together with the property: prior standard deviations, 0 where something is known. Needs one\n\
         basis of a Gaussian scenario.",
    ),
    ("physics.uncertain.mean", "Of the property's mean, in its unit and transform. Default: 0."),
    (
        "physics.uncertain.storage",
        "Of the natural logarithm of storativity or specific storage, one number everywhere. Default: 0.",
    ),
    (
        "physics.uncertain.storage_variation",
        "Of that logarithm from place to place, with the property's correlation. Default: 0.",
    ),
    (
        "physics.uncertain.rate",
        "Of the natural logarithm of each pumping test's rate about the one noted; a test that is left out is predicted\n\
         with that one. Default: 0.",
    ),
    ("physics.time", "Steps in time, from 0 on; without this section the flow is steady."),
    ("physics.time.steps", "Number of steps."),
    ("physics.time.first", "Length of the first step [time]."),
    ("physics.time.growth", "Length of each step over that of the one before, 0.1 to 10. Default: 1."),
    ("physics.time.ends", "Instead of steps: the ends of the steps, [\"1 h\", \"3 h\", \"1 day\"]."),
    (
        "physics.boundary",
        "A boundary condition; repeat it for more, as a list of short sections: boundary = [{ side = \"left\", head =\n\
         \"20 m\" }, ...]. Where nothing is said, nothing flows.",
    ),
    (
        "physics.boundary.side",
        "A side of the grid: \"left\", \"right\", \"bottom\" (least y), \"top\" (largest y), \"floor\" or \"roof\" (layers).",
    ),
    (
        "physics.boundary.box",
        "Cells from the first to the last, from 1: [[1, 1], [1, 20]]; all layers where they are left out. With a side:\n\
         the part of the side in the box.",
    ),
    (
        "physics.boundary.cells",
        "Instead: a list of cells, [[1, 1], [1, 2]]. With a side: their faces on that side, at the end of the grid or\n\
         beside inactive cells.",
    ),
    ("physics.boundary.head", "A fixed head [length]."),
    (
        "physics.boundary.on",
        "Where the head is fixed: in the \"cells\" or on their outer \"faces\". Default: \"cells\".",
    ),
    ("physics.boundary.flux", "Instead: inflow per area of the side's faces, e.g. \"0.1 cm/day\"."),
    (
        "physics.boundary.inflow",
        "Instead: inflow into all these cells together, e.g. \"0.1 m3/s\", in equal parts; of a side into those whose\n\
         head is not given.",
    ),
    ("physics.boundary.no_flow", "Instead: true; nothing flows, as where nothing is said."),
    ("physics.well", "A well; repeat the section for more."),
    ("physics.well.name", "Its name, unique in the case. Default: \"well-1\", ..."),
    (
        "physics.well.cell",
        "The column of cells that it stands in, [i, j], from 1; or its place at = [\"250 m\", \"300 m\"].",
    ),
    ("physics.well.layers", "Layers that it is open to, from 1 at the bottom, or \"all\". Default: \"all\"."),
    (
        "physics.well.rate",
        "The rate that is extracted [volume/time], or times and the rates from there on: [[\"0 s\", \"5 L/s\"], ...].",
    ),
    ("physics.well.head", "Instead: the head that is held [length]; the rate can then be observed."),
    (
        "physics.well.radius",
        "Radius of the bore, for the head inside it (Peaceman). Default: not set, that of its cells.",
    ),
    (
        "physics.well.split",
        "How layers share a rate: so that all have one head, \"common-head\", or by \"transmissivity\".\n\
         Default: \"common-head\".",
    ),
    (
        "observation",
        "What is observed beside travel times, of one kind (or several, kind = [\"head\", \"property\"]) at some places;\n\
         repeat the section for more.",
    ),
    (
        "observation.kind",
        "In cells: \"head\", \"drawdown\" (head before pumping less head), or the \"property\" itself: hard data, which also\n\
         bind the feasible map. In wells: \"well-head\", \"well-drawdown\", or the \"rate\" of a well held at a head.",
    ),
    ("observation.cells", "Where: columns of cells from 1, [[10, 20], [30, 40]]."),
    (
        "observation.random",
        "Instead: { count = 30, seed = 1 } different columns of cells, drawn from those without a well, and without a cell\n\
         in the layers whose head is fixed or that is inactive; the places depend on this seed alone.",
    ),
    (
        "observation.lattice",
        "Instead: a lattice of [nx, ny] columns. Along an axis of N cells, place k of n is in cell (k - 1/2) N/n, rounded\n\
         up.",
    ),
    ("observation.everywhere", "Instead: true, every cell; for heads none may be fixed in cells, or inactive."),
    (
        "observation.wells",
        "Instead: \"all\" wells, or their names. Default for what is observed in wells: all that have it.",
    ),
    ("observation.layers", "Layers, from 1 at the bottom, or \"all\". Default: \"all\"."),
    ("observation.times", "When, [\"1 h\", \"1 day\"], or \"all\", the end of every step. Default: \"all\"."),
    (
        "observation.noise",
        "Standard deviations, written as data.noise is, with a unit of what is observed (none for the logarithm of a\n\
         property: \"0.1\"). Default: that of [data].",
    ),
    ("data", "Observed data, or the noise of synthetic ones."),
    (
        "data.file",
        "CSV file of observed data, relative to the case file, or \"--data\": the command line must name it. Travel times\n\
         have the columns that data.columns names. Measurements of groundwater have those of the data.csv of a run (which\n\
         can itself be the file): kind (\"head\", \"drawdown\", \"well_head\", \"well_drawdown\", \"rate\", \"property\"), id (of\n\
         what is measured in a well its name), x, y, z (the cell that holds the point; of a map no z), time (of flow that\n\
         changes in time), unit (of the next two: \"m\", \"m3/day\", \"log10 m/day\"), observed (rates: extraction positive),\n\
         sigma (its standard deviation; where it is empty or missing, data.noise holds). Other columns are left alone,\n\
         and there is no [[observation]]. Default: not set, data are made from [reference].",
    ),
    (
        "data.noise",
        "Standard deviation of each datum: \"2 %\" of its size (but not below 1 % of the rms), \"2 % of mean\" (one for\n\
         all), a time such as \"0.8 ns\", \"file\" (the column sigma), or \"none\" (no noise is added; 1 % of the rms\n\
         weighs the data). Default: \"2 %\".",
    ),
    (
        "data.noise_level",
        "\"given\", or the noise times one factor that is chosen from the data: by \"likelihood\" or by\n\
         \"cross-validation\" (both need the regularizer \"gaussian\"). Default: \"given\".",
    ),
    ("data.statics", "Errors shared by all data of one source, or of one receiver."),
    ("data.statics.source", "Standard deviation of a source's error [time]. Default: \"0 s\"."),
    ("data.statics.receiver", "Standard deviation of a receiver's error [time]. Default: \"0 s\"."),
    (
        "data.columns",
        "Names of the columns of a CSV file of travel times, and the units of its numbers. Of measurements of groundwater\n\
         only the two units can be set.",
    ),
    ("data.columns.id", "Name of the datum. Default: not set, data are numbered."),
    ("data.columns.source_x", "x of the source. Default: \"source_x\"."),
    ("data.columns.source_y", "y of the source. Default: \"source_y\", in a section not set."),
    ("data.columns.source_z", "z of the source, in a section its depth. Default: \"source_z\", in a map not set."),
    ("data.columns.receiver_x", "x of the receiver. Default: \"receiver_x\"."),
    ("data.columns.receiver_y", "y of the receiver. Default: \"receiver_y\", in a section not set."),
    (
        "data.columns.receiver_z",
        "z of the receiver, in a section its depth. Default: \"receiver_z\", in a map not set.",
    ),
    ("data.columns.time", "Travel time. Default: \"time\"."),
    ("data.columns.sigma", "Standard deviation of the travel time, in its unit. Default: not set."),
    ("data.columns.length_unit", "Unit of the coordinates. Default: \"m\"."),
    ("data.columns.time_unit", "Unit of the times. Default: \"s\"."),
    (
        "data.tests",
        "Drawdowns of pumping tests: data.file is then the folder of their files, or the list of tests in it. Every test\n\
         is a run of its own; heads are read between cells by bilinear weights, and a pumped well draws from the four\n\
         cells around it by the same. The pumped well's own drawdown is no datum.",
    ),
    ("data.tests.list", "File of the tests: name, pumped well, rate. Default: \"tests.csv\"."),
    ("data.tests.wells", "File of the wells: name, x, y, radius. Default: \"wells.csv\"."),
    (
        "data.tests.series",
        "File of a test's drawdowns, {test} being its name; a test without one is predicted. Default: \"test_{test}.csv\".",
    ),
    ("data.tests.test", "Column: name of a test. Default: \"test\"."),
    ("data.tests.pumped", "Column: the well it pumps. Default: \"pumped\"."),
    ("data.tests.rate", "Column: its rate, extraction positive. Default: \"rate\"."),
    ("data.tests.well", "Column: name of a well. Default: \"well\"."),
    ("data.tests.x", "Column: its x. Default: \"x\"."),
    ("data.tests.y", "Column: its y. Default: \"y\"."),
    ("data.tests.radius", "Column: radius of its bore, for the drawdown inside it (Peaceman). Default: not set."),
    ("data.tests.observed", "Column: the well a drawdown was observed in. Default: \"observed\"."),
    ("data.tests.time", "Column: time since pumping began. Default: \"time\"."),
    ("data.tests.drawdown", "Column: the drawdown, positive where the head falls. Default: \"drawdown\"."),
    ("data.tests.length_unit", "Unit of coordinates, radii and drawdowns. Default: \"m\"."),
    ("data.tests.time_unit", "Unit of times. Default: \"s\"."),
    ("data.tests.rate_unit", "Unit of rates. Default: \"m3/s\"."),
    (
        "data.tests.samples",
        "Samples of each series (a test, a well) that are data, at times of constant ratio; all are compared. Default: 16.",
    ),
    ("data.tests.from", "The first of these times [time]. Default: \"1 s\"."),
    (
        "data.tests.series_error",
        "Standard deviation of an error that all samples of a series share [length]. Default: \"0 m\".",
    ),
    ("data.tests.leave_out", "Names of tests that are no data, but predicted and compared. Default: []."),
    (
        "feasible",
        "The map onto the feasible set in every iteration: windows of the parameterized model are matched against a\n\
         learning set cut from realizations, and their matches vote. Without this section there is no such step.",
    ),
    (
        "feasible.window",
        "Cells of a window, [50, 50], or \"disk 25\" with its radius in cells. Default: half the grid.",
    ),
    ("feasible.neighbours", "Nearest neighbours k of each window. Default: 5."),
    ("feasible.library", "Windows in the learning set, at least k. Default: 2000."),
    (
        "feasible.fraction",
        "Fraction of the window positions that are matched, above 0, up to 1; more where cells would be left out.\n\
         Default: 0.2.",
    ),
    (
        "feasible.labels",
        "What is voted for: \"facies\", or the \"property\" itself. Default: \"facies\" where each facies has one value.",
    ),
    (
        "feasible.aggregation",
        "How a cell is made of the votes for it: \"vote\" (most frequent facies); for a property \"mean\",\n\
         \"weighted-mean\" (by match distance) or \"mode 64\" (fullest of 64 bins of the votes' histogram); or\n\
         \"center\" (each cell hears only the window whose centre is nearest).\n\
         Default: \"vote\" or \"mean\".",
    ),
    (
        "feasible.features",
        "What describes a window: \"all\" its cells (exact), \"subset N\" (N random cells) or \"projection N\" (on N\n\
         leading components). Default: \"all\".",
    ),
    (
        "feasible.refine",
        "Which scenarios of a hybrid basis make the learning set: those whose |v_i| is at least this share of the largest\n\
         (true: 0.1), or all of them (false). Default: 0.1.",
    ),
    (
        "feasible.respect_hard_data",
        "Whether hard data and observed properties weigh in the match and bind their cells. Default: true.",
    ),
    (
        "feasible.repair",
        "What is done where the feasible model misses the data: \"none\", or \"gradient\" (votes near a tie are\n\
         re-decided along the gradient of the misfit, spread by the prior's covariance; the cells of hard data stay).\n\
         Default: \"gradient\" where labels are facies, else \"none\".",
    ),
    (
        "discrete",
        "Instead of [feasible]: after every v-step each cell goes to the minimum of (theta - u)^2 + beta D(u), theta the\n\
         parameterized value and D a potential that is zero at the facies' values; these must ascend. The last model is\n\
         rounded to the nearest facies.",
    ),
    (
        "discrete.potential",
        "D: \"quartic\", weight (u - l)^2 (u - l')^2 between neighbouring values l and l'; \"tukey\", \"truncated-quadratic\",\n\
         \"geman-mcclure\", functions of the distance to the nearest value. Default: \"quartic\".",
    ),
    (
        "discrete.weights",
        "Of \"quartic\": a weight for each gap between facies values; only their ratios count. Default: all 1.",
    ),
    (
        "discrete.first",
        "beta in the first iteration, as a multiple of half the weight at which cells begin to part. Default: 1.",
    ),
    ("discrete.factor", "beta grows by this factor an iteration; 1: it stays. Default: 2."),
    ("discrete.last", "The largest beta, as a multiple as above, or \"none\". Default: \"none\"."),
    (
        "selection",
        "A first stage without a feasible map that selects scenarios; the second stage's basis (\"pca\") and learning set are\n\
         made of these. Without this section there is one stage.",
    ),
    (
        "selection.by",
        "\"norm\" (|v_i| of an inversion in the hybrid basis of all scenarios) or \"evidence\" (the probability of each,\n\
         as [verdict] says; the keys of the inversion are then not used). Default: \"norm\".",
    ),
    ("selection.rank", "Number of basis images of each scenario."),
    ("selection.energy", "Instead of rank: the fraction of each scenario's energy that is kept. Default: 0.8."),
    ("selection.iterations", "Iterations. Default: 20."),
    ("selection.steps", "Gauss-Newton steps in an iteration. Default: 1."),
    ("selection.regularizer", "As inversion.regularizer. Default: \"group\"."),
    ("selection.weight", "Its weight: \"auto\" or a number. Default: \"auto\"."),
    (
        "selection.threshold",
        "Scenarios whose |v_i| or probability is at least this share of the largest are\n\
     selected. Default: 0.1.",
    ),
    (
        "verdict",
        "How several scenarios are judged. Without this section: each is solved by itself, and its probability follows from\n\
         Laplace's approximation of its evidence.",
    ),
    (
        "verdict.by",
        "What probabilities follow from: \"evidence\" (raised to the power 0.4: to the letter it is too sure), or\n\
         \"synthetic-likelihood\" (the density of the data among those that the forward model makes of realizations,\n\
         calibrated on simulations that were left out: for data far from linear in the property, as heads between channels\n\
         are). Property data that realizations are conditioned on tell nothing then. Default: \"evidence\".",
    ),
    (
        "verdict.simulations",
        "Realizations of each scenario whose data are simulated: 20 at least, and several times as many as there are data. More\n\
         than prior.realizations are drawn for it, and their data alone kept: the more, the sharper the verdict. 0, where\n\
         scenarios are judged by evidence: none. Default: as many as prior.realizations, or none by evidence.",
    ),
    ("inversion", "How the coefficients v are found."),
    ("inversion.iterations", "Outer iterations (v-step, feasible map). Default: 10."),
    ("inversion.steps", "Gauss-Newton steps in a v-step. Default: 2."),
    (
        "inversion.regularizer",
        "What is added to the data misfit: \"none\" (of more coefficients than data, without a u-step, the smallest are taken);\n\
         \"gaussian\": weight^2 times the sum of v_j^2/sigma_j^2 with prior\n\
         standard deviations; \"group\": weight^2 times the sum over scenarios (or [groups]) of |K_i v_i|; \"l1\": the same\n\
         without groups, of \"dct\", \"wavelet\", \"zonation\" and \"cells\" the sum of |v_j|; \"weighted-l1\": that of |v_j| over the\n\
         root mean square of v_j in the realizations; \"tikhonov-0\", \"tikhonov-1\", \"tikhonov-2\": squares of the property's\n\
         departure from the basis' mean, of its first or of its second differences between cells; \"total-variation\".\n\
         Default: \"gaussian\", with a hybrid basis or [groups] \"group\", with \"dct\" and \"wavelet\" \"l1\", with \"k-svd\" \"l1\" of\n\
         weights 1, with \"zonation\" and \"cells\" \"tikhonov-1\".",
    ),
    (
        "inversion.weight",
        "Weight of the regularizer: \"auto\" (the largest that lets the data be met within their errors), \"l-curve\", \"gcv\",\n\
         \"cross-validation\" (these three for penalties on groups, l1 norms, Tikhonov's and total variation, without a\n\
         feasible map), or a number. Default: \"auto\".",
    ),
    ("inversion.weight_factor", "Factor on weight^2, be it chosen or given. Default: 1."),
    (
        "inversion.coupling",
        "Weight of the distance between parameterized and feasible model: \"auto\" or a number. Default: \"auto\".",
    ),
    ("inversion.coupling_factor", "Factor on coupling^2; 0: v-steps know nothing of the feasible model. Default: 1."),
    (
        "inversion.start",
        "Where v starts: the \"mean\" of all realizations, \"zero\", \"uniform 0.01\" (every coefficient at this multiple of\n\
         the largest standard deviation), or \"scenario NAME\" (the mean of that scenario, all others zero).\n\
         Default: \"mean\".",
    ),
    (
        "inversion.tolerance",
        "Relative change of both models below which the iteration stops; 0 runs all iterations. Default: 0.",
    ),
    (
        "inversion.return",
        "The iterate that is returned: the \"last\"; or the one whose model fits the data \"best\", of those whose Φv fits m\n\
         data to m + 2 sqrt(2 m), where there are such. Default: \"best\".",
    ),
    ("inversion.cross_validation", "Folds of the cross-validation that is reported, 2 or more; 0: none. Default: 0."),
    (
        "inversion.truncation_error",
        "Count what the basis cannot describe as noise of the data, as far as these are linear in the property, while v is\n\
         found: of principal components, of cosines, wavelets and zones. Default: true.",
    ),
    (
        "inversion.feasible",
        "When the feasible map is applied: in \"every\" iteration, or once, in the \"last\". Default: \"every\".",
    ),
    ("reference", "The model that synthetic data come from: a realization that is no member of the ensemble."),
    (
        "reference.scenario",
        "Name of its scenario; \"random\": drawn anew for each reference; or a list of names, whose realizations lie side\n\
         by side in strips along the first one's azimuth. Default with one scenario: that one.",
    ),
    ("reference.gaussian", "Instead: a Gaussian field, whatever the scenarios are; described as scenario.gaussian is."),
    (
        "reference.seed",
        "Which one: the reference is realization L + seed of its scenario, L the number of realizations; it honours\n\
         [hard_data] whatever prior.condition says. Default: 1.",
    ),
    (
        "mapping",
        "Variants of the feasible map side by side: of references that are truncated to the basis, instead of an\n\
         inversion; or, with [physics], of the parameterized model of one iteration.",
    ),
    ("mapping.references", "Number of references: realizations L + 1, L + 2, ... Default: 1."),
    ("mapping.iteration", "With [physics]: the iteration whose parameterized model is mapped."),
    ("mapping.variant", "A variant of the feasible map; keys left out are as in [feasible]."),
    ("mapping.variant.name", "Name, unique in the case."),
    ("mapping.variant.window", "Cells of a window, or \"disk 25\"."),
    ("mapping.variant.neighbours", "Nearest neighbours k."),
    ("mapping.variant.library", "Windows in the learning set."),
    ("mapping.variant.fraction", "Fraction of the window positions that are matched."),
    ("mapping.variant.labels", "\"facies\" or \"property\"."),
    ("mapping.variant.aggregation", "\"vote\", \"mean\", \"weighted-mean\", \"mode 64\" or \"center\"."),
    ("mapping.variant.features", "\"all\", \"subset N\" or \"projection N\"."),
    ("mapping.variant.refine", "Scenarios of the learning set: a share of the largest |v_i|, or false."),
    ("mapping.variant.respect_hard_data", "Whether hard data bind."),
    ("mapping.variant.repair", "As feasible.repair."),
    (
        "approximation",
        "Instead of an inversion: references approximated by the basis of every scenario by itself: columns against\n\
         energy, error at each energy, and the norm of K_i v_i that comes as near as the reference's own scenario does.",
    ),
    ("approximation.references", "Number of references: realizations L + 1, L + 2, ... Default: 1."),
    ("approximation.energies", "Fractions of the energy, the least first. Default: [0.8]."),
    (
        "sweep",
        "Keys that take several values. With several sweeps all combinations are tried, each as a variant; the report's\n\
         tables have the last sweep's choices as columns.",
    ),
    ("sweep.name", "Name, unique in the case. Default: the key."),
    (
        "sweep.choice",
        "Its ways, [{ name = \"smooth\", set = { ... } }, ...], set as in variant.set; names of folders are made of theirs.\n\
         Instead: key = \"data.noise\" (or a list of keys that take the same value) and values = [\"2 %\", \"5 %\", ...].",
    ),
    ("published", "Errors that others found in the same experiment: rows of the report's tables of sweeps."),
    (
        "published.what",
        "\"e1\" (mean square) or \"e2\" (mean size) of the property's errors, \"head-e1\" or \"head-e2\" of the heads' [m].",
    ),
    ("published.row", "Names of the choices of all sweeps but the last, joined by '-'."),
    ("published.values", "A number for each choice of the last sweep."),
    ("variant", "The case with some keys changed, run on the same references before the case itself, to compare."),
    ("variant.name", "Name, unique in the case."),
    (
        "variant.set",
        "The changed keys, { \"inversion.regularizer\" = \"l1\", ... }, of any section but grid, property and mapping,\n\
         numbered as for --set where there are several.",
    ),
];

/// Every section and key of the case of a signal, as [`KEYS`] has those of images.
pub(super) const SIGNAL_KEYS: &[(&str, &str)] = &[
    ("format", "Version of case files; always 1."),
    ("name", "Short name, used for result folders: letters, digits, '-', '_', '.'."),
    ("title", "One line for people. Default: empty."),
    ("seed", "The one seed of all random numbers: a whole number. Default: 1."),
    (
        "signal",
        "Instead of an image of the subsurface: a vector v, zero but for a few groups of consecutive entries drawn from\n\
         the standard normal distribution, is recovered from d = G v, the entries of G drawn from it too. The first\n\
         rows of one G serve the smaller numbers of measurements.",
    ),
    ("signal.entries", "Number of entries of v."),
    ("signal.group", "Entries of a group, a divisor of them."),
    ("signal.active", "Numbers of the groups that differ from zero, from 1."),
    ("signal.measurements", "Numbers m of measurements, the least first: each is an experiment."),
    (
        "signal.sigma",
        "Standard deviation that data are whitened with, as a share of their root mean square; they have no noise.\n\
         Weights are the largest at which the whitened misfit is no more than m. Default: 0.01.",
    ),
    ("method", "A way to recover the signal: weight^2 times the sum of |v_g| over groups; repeat it to compare."),
    ("method.name", "Name, unique in the case."),
    ("method.group", "Entries of a group of consecutive ones, a divisor of signal.entries; 1: the l1 norm."),
    ("weights", "How the result depends on the weight: tried one by one, evenly over the logarithm."),
    ("weights.method", "Name of the method. Default: the first."),
    ("weights.measurements", "Number of measurements."),
    ("weights.least", "The least weight."),
    ("weights.largest", "The largest weight."),
    ("weights.count", "How many, both ends included. Default: 50."),
    ("reference", "The signal and the measurements."),
    ("reference.seed", "Which ones: the first of repeated runs. Default: 1."),
];
