//! lithoscope
fn main() {}
