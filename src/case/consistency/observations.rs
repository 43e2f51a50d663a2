//! Observations that the physics cannot make, or that are nowhere or at no time.

use super::Check;
use crate::case::file::*;
use crate::case::flow_cells::FlowCells;
use crate::forward::groundwater::TimeSteps as Steps;

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
                    Some(Physics::Groundwater(flow)) => FlowCells::new(flow, grid).closed(&observation.layers).len(),
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
        self.require(
            has_wells,
            &from,
            &key("kind"),
            problem,
            "add [[physics.well]]: for a rate with a head, for a head with a rate",
        );
        if let Places::Wells(wells) = &observation.places {
            self.observed_wells(observation.kind, wells, flow, key);
        }
        if !observation.kind.is_of_wells() {
            self.observed_cells(observation, flow, key);
        }
        let is_drawdown = matches!(observation.kind, ObservationKind::Drawdown | ObservationKind::WellDrawdown);
        let problem = "the flow is steady, and nothing is drawn down since a time before";
        let remedy = "observe the head, or add [physics.time]";
        self.require(!is_drawdown || flow.time.is_some(), &["physics.time"], &key("kind"), problem, remedy);
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
        let problem = "a well of given head begins to flow after 0 s";
        let fits = observation.kind != ObservationKind::Rate || !observation.times.contains(&0.0);
        self.require(fits, &[], &key("times"), problem, "observe its rate later");
        let Ok(steps) = Steps::new(time.ends()) else { return };
        let late = observation.times.iter().find(|&&t| steps.inside(t).is_none()).copied();
        let problem = format!("{} s is after the end of the last step, {} s", late.unwrap_or_default(), steps.end());
        self.require(late.is_none(), &["physics.time"], &key("times"), problem, "add steps, or observe earlier");
    }

    /// Wells of which nothing is found out.
    fn observed_wells(&self, kind: ObservationKind, wells: &[usize], flow: &Groundwater, key: &dyn Fn(&str) -> String) {
        let (of_held, what, remedy) = match kind {
            ObservationKind::Rate => (true, "rate", "observe wells that are held at a head"),
            ObservationKind::WellHead | ObservationKind::WellDrawdown => (false, "head", "observe its rate"),
            ObservationKind::Head | ObservationKind::Drawdown | ObservationKind::Property => return,
        };
        let wrong = wells.iter().map(|&w| &flow.wells[w]).find(|well| well.control.is_head() != of_held);
        let name = wrong.map_or("", |well| &well.name);
        let problem = format!("the {what} of the well \"{name}\" is given, not found");
        self.require(wrong.is_none(), &["physics.well"], &key("wells"), problem, remedy);
    }

    /// Cells without flow, or whose head is given: refused wherever they come from, so that what is observed is what the
    /// case says.
    fn observed_cells(&self, observation: &Observation, flow: &Groundwater, key: &dyn Fn(&str) -> String) {
        let from = ["grid", "physics.boundary", "physics.well", "physics.inactive", &key("layers")];
        if !self.collector.sound(&from) {
            return;
        }
        let grid = &self.case.grid;
        let (key, remedy) = match &observation.places {
            Places::Columns(_) => (key("cells"), "observe other cells"),
            Places::Lattice([x, y]) if *x <= grid.cells[0] && *y <= grid.cells[1] => {
                (key("lattice"), "choose another lattice, or name the cells")
            }
            Places::Everywhere => (key("everywhere"), "name the cells, or draw them at random"),
            Places::Wells(_) => (key("wells"), "observe other wells, or layers that they are not open to"),
            Places::Lattice(_) | Places::Random { .. } => return,
        };
        let cells = FlowCells::new(flow, grid);
        let places = match &observation.places {
            Places::Everywhere => cells.exceptions(&observation.layers),
            _ => {
                let wells: Vec<_> = flow.wells.iter().map(|well| well.column).collect();
                observation.cells(grid, &wells, &[])
            }
        };
        let inactive = places.iter().find(|&&cell| !flow.is_active(cell)).copied();
        let problem = format!("{} is inactive", self.cell(inactive.unwrap_or_default()));
        self.require(inactive.is_none(), &[], &key, problem, remedy);
        let known: Vec<_> = places.iter().filter_map(|&cell| Some((cell, cells.known(observation, cell)?))).collect();
        let Some(&(cell, giver)) = known.first() else { return };
        let by = cells.name(giver);
        let of = if known.len() > 1 { format!(" (one of {} such cells)", known.len()) } else { String::new() };
        let problem = format!("the head of {} is fixed by {by}, not found{of}", self.cell(cell));
        self.require(false, &[], &key, problem, remedy);
    }
}
