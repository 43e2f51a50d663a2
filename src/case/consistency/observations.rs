//! Observations that the physics cannot make, or that are nowhere or at no time.

use super::Check;
use super::flow::fixed_columns;
use crate::case::file::*;

impl Check<'_> {
    pub(super) fn observations(&self) {
        let Case { physics, observations, data, .. } = self.case;
        let problem = "nothing is observed";
        let observed = !observations.is_empty() || data.as_ref().is_some_and(|d| d.source != DataSource::Reference);
        let fits = observed || !matches!(physics, Some(Physics::Groundwater(_) | Physics::Map));
        let remedy = "add [[observation]] with kind = \"head\" (or another)";
        self.require(fits, &["physics"], "observation", problem, remedy);
        let problem = "the data file says all that is observed";
        let fits = observations.is_empty() || !data.as_ref().is_some_and(Data::is_one_file);
        let remedy =
            "remove [[observation]]: a file of groundwater can have rows of other kinds, rays can have [hard_data]";
        self.require(fits, &["data.file"], "observation", problem, remedy);
        let problem = "nothing is inverted";
        let fits = observations.is_empty() || physics.is_some();
        self.require(fits, &["physics"], "observation", problem, "add [physics], or remove [[observation]]");
        for (i, observation) in observations.iter().enumerate() {
            let key = |key: &str| format!("observation[{}].{key}", i + 1);
            let is_flow = matches!(physics, Some(Physics::Groundwater(_)));
            let problem = "only groundwater flow has heads and rates";
            let fits = is_flow || observation.kind == ObservationKind::Property;
            let remedy = "write \"property\", or physics.kind = \"groundwater\"";
            self.require(fits, &["physics.kind"], &key("kind"), problem, remedy);
            let inherits = observation.noise.is_none() && data.as_ref().is_some_and(|d| d.noise.is_absolute());
            let problem = "the noise of [data] has the unit of a travel time";
            let remedy = "give this observation a noise of its own";
            self.require(!inherits, &["data.noise"], &key("noise"), problem, remedy);
            let problem = "the noise of synthetic data cannot come from a file";
            let fits = observation.noise != Some(Noise::File);
            self.require(fits, &[], &key("noise"), problem, "write \"2 %\" or another");
            self.places(observation, &key);
            if let Some(Physics::Groundwater(flow)) = physics {
                self.observed_flow(observation, flow, &key);
            }
        }
    }

    fn places(&self, observation: &Observation, key: &dyn Fn(&str) -> String) {
        let grid = &self.case.grid;
        let [nx, ny, _] = grid.cells;
        match &observation.places {
            Places::Lattice([x, y]) => {
                let problem = format!("a lattice of {x} x {y} places in {nx} x {ny} cells");
                self.require(*x <= nx && *y <= ny, &["grid"], &key("lattice"), problem, "ask for fewer");
            }
            Places::Random { count, .. } => {
                let closed = match &self.case.physics {
                    Some(Physics::Groundwater(flow)) => {
                        let mut closed = fixed_columns(flow, grid);
                        closed.extend(flow.wells.iter().map(|w| w.column));
                        closed.len()
                    }
                    _ => 0,
                };
                let open = nx * ny - closed.min(nx * ny);
                let problem = format!("{count} places in {open} columns of cells without a fixed head or a well");
                self.require(*count <= open, &["grid", "physics"], &key("random"), problem, "ask for fewer");
            }
            Places::Columns(_) | Places::Everywhere | Places::Wells(_) => {}
        }
    }

    fn observed_flow(&self, observation: &Observation, flow: &Groundwater, key: &dyn Fn(&str) -> String) {
        let problem = "there is no well to observe";
        let has_wells = !matches!(&observation.places, Places::Wells(wells) if wells.is_empty());
        let from = ["physics.well"];
        self.require(has_wells, &from, &key("kind"), problem, "add [[physics.well]] (for a rate: with a head)");
        if let (ObservationKind::Rate, Places::Wells(wells)) = (observation.kind, &observation.places) {
            for &w in wells {
                let well = &flow.wells[w];
                let problem = format!("the rate of the well \"{}\" is given, not found", well.name);
                let fits = matches!(well.control, Control::Head(_));
                self.require(fits, &from, &key("wells"), problem, "observe wells that are held at a head");
            }
        }
        if let (ObservationKind::Head, Places::Columns(columns)) = (observation.kind, &observation.places) {
            let fixed = fixed_columns(flow, &self.case.grid);
            let found = columns.iter().find(|column| fixed.contains(*column));
            let [x, y] = found.copied().unwrap_or_default();
            let problem = format!("the head of cell ({}, {}) is fixed, not found", x + 1, y + 1);
            let from = ["grid", "physics.boundary"];
            self.require(found.is_none(), &from, &key("cells"), problem, "observe other cells");
        }
        let Some(time) = &flow.time else {
            let problem = "the flow is steady, and has no times";
            let fits = observation.times.is_empty();
            return self.require(
                fits,
                &["physics.time"],
                &key("times"),
                problem,
                "remove the key, or add [physics.time]",
            );
        };
        let problem = "the property does not change in time";
        let fits = observation.kind != ObservationKind::Property || observation.times.is_empty();
        self.require(fits, &[], &key("times"), problem, "give the property an [[observation]] of its own");
        let end = time.ends().last().copied().unwrap_or(0.0);
        let late = observation.times.iter().find(|&&t| t > end * (1.0 + 1e-12));
        let problem = format!("{} s is after the end of the last step, {end} s", late.copied().unwrap_or_default());
        self.require(late.is_none(), &["physics.time"], &key("times"), problem, "add steps, or observe earlier");
    }
}
