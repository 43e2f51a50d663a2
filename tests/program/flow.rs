//! A transient pumping test in a small block, from the case to the files that the report and ParaView read.

use base64::Engine;
use ndarray::{Array3, Array4, ArrayView3, Axis};

use crate::support::Place;

pub(crate) const BLOCK: &str = r#"format = 1
name = "block"
title = "Pumping in a small block"

[grid]
cells = [3, 4, 5]
size = ["30 m", "80 m", "20 m"]
origin = ["100 m", "200 m", "-20 m"]

[property]
name = "hydraulic conductivity"
unit = "m/day"
transform = "log10"
facies = [-1.0, 1.0]

[[scenario]]
name = "meandering"
azimuth = 90

[scenario.image]
kind = "meandering"
cells = [30, 30, 10]
seed = 1
proportion = 0.4
width = 5
thickness = 3
wavelength = 20

[prior]
realizations = 20

[prior.snesim]
template = [3, 3, 3]
grids = 1

[basis]
rank = 6

[physics]
kind = "groundwater"
boundary = [{ side = "left", head = "20 m" }]
specific_storage = "1e-4 1/m"
time = { ends = ["1 h", "4 h", "1 day", "4 days"] }

[[physics.well]]
name = "P"
cell = [3, 2]
rate = "10 m3/day"

[[observation]]
kind = "drawdown"
cells = [[2, 3]]
layers = [1, 4]
times = ["1 h", "1 day"]

[[observation]]
kind = "property"
cells = [[2, 3]]

[data]
noise = "2 %"

[inversion]
iterations = 2

[reference]
scenario = "meandering"
seed = 1
"#;

/// The values of a Float64 array of a `.vti`: base64 of a length in bytes and little-endian numbers.
fn values(text: &str, name: &str) -> Vec<f64> {
    let (_, rest) = text.split_once(&format!("Name=\"{name}\" format=\"binary\">")).unwrap_or_else(|| {
        panic!("no array {name} in {:?}", text.lines().filter(|l| l.contains("<DataArray")).collect::<Vec<_>>())
    });
    let encoded = rest.split_once("</DataArray>").expect("an end").0.trim();
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).expect("base64");
    let (length, numbers) = bytes.split_at(8);
    assert_eq!(u64::from_le_bytes(length.try_into().expect("8 bytes")), numbers.len() as u64);
    numbers.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("8 bytes"))).collect()
}

fn table(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect()
}

#[test]
fn a_block_with_a_well_leaves_heads_curves_and_a_file_for_paraview() {
    let place = Place::new();
    place.write("block.toml", BLOCK);
    place.run(&["run", "block.toml", "--out", "a"]).ok();
    let folder = place.path("a");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect(name);
    let model: Array3<f64> = ndarray_npy::read_npy(folder.join("model.npy")).expect("f64");
    let heads: Vec<Array4<f64>> = ["head.npy", "head_parameterized.npy", "head_reference.npy"]
        .map(|name| ndarray_npy::read_npy(folder.join(name)).expect(name))
        .into();
    for head in &heads {
        assert_eq!(head.shape(), [5, 5, 4, 3], "t = 0 and four steps");
        assert!(head.index_axis(Axis(0), 0).iter().all(|h| (h - 20.0).abs() < 1e-6), "nothing is pumped before t = 0");
        assert!(head[[4, 0, 1, 2]] < head[[1, 0, 1, 2]] && head[[1, 0, 1, 2]] < 20.0, "the well draws more and more");
    }
    let times: Vec<f64> = table(&text("head_times.csv")).iter().map(|row| row[1].parse().expect("a time")).collect();
    assert_eq!(times, [0.0, 3600.0, 14_400.0, 86_400.0, 345_600.0]);

    let wells = table(&text("wells.csv"));
    assert_eq!(wells.len(), 5, "a row a layer");
    assert_eq!(wells[4][..4], ["P", "125.0", "230.0", "-2.0"], "the centre of its highest cell");
    assert_eq!((&*wells[4][4], &*wells[4][5], &*wells[4][7]), ("5", "rate", "m3/day"));
    assert!((wells[4][6].parse::<f64>().expect("a rate") - 10.0).abs() < 1e-9, "extraction is positive");

    // Drawdown of what is observed and of the well: three curves of four times, two of them beyond the data.
    let curves = table(&text("drawdown.csv"));
    assert_eq!(curves.len(), 3 * 4);
    for row in &curves {
        let [time, reference, observed] = [5, 7, 10].map(|column: usize| row[column].parse::<f64>().ok());
        let datum = row[0] != "P" && [Some(3600.0), Some(86_400.0)].contains(&time);
        assert_eq!(observed.is_some(), datum, "{row:?}");
        if row[0] == "cell (2, 3), layer 4" {
            let frame = times.iter().position(|&t| Some(t) == time).expect("the end of a step");
            let drawdown = heads[2][[0, 3, 2, 1]] - heads[2][[frame, 3, 2, 1]];
            assert!((reference.expect("a number") - drawdown).abs() < 1e-7, "{row:?}, heads say {drawdown}");
        }
    }

    let vti = text("model.vti");
    assert!(vti.contains("WholeExtent=\"0 3 0 4 0 5\" Origin=\"100 200 -20\" Spacing=\"10 20 4\""), "{}", &vti[..400]);
    let same = |name: &str, field: ArrayView3<'_, f64>| {
        let found = values(&vti, name);
        assert_eq!(found.len(), 60);
        assert!(found.iter().zip(field).all(|(a, b)| a == b), "{name}: x is fastest, then y, then z");
    };
    same("model [log10 m/day]", model.view());
    for (name, head) in ["model", "parameterized", "reference"].into_iter().zip(&heads) {
        same(&format!("head of the {name} [m]"), head.index_axis(Axis(0), 4));
    }
    assert!(vti.contains("type=\"UInt8\" Name=\"facies\""));

    let report = text("report.html");
    for said in
        ["The heads", "Over time: fit and forecast", "P pumps 10 m3/day through 5 layers", "they are a forecast"]
    {
        assert!(report.contains(said), "the report does not say “{said}”");
    }
}
