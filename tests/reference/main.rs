//! Cross-checks against results and data that no one here wrote, found at `../shared/reference`: one process, one
//! device. A missing folder is a counted skip.

mod arrenaes;
mod flow;
mod gaussian;
mod knn;
mod lauswiesen;
mod program;
mod rays;
mod snesim;
mod sparse;
mod training_images;
