//! Reference checks: training_images.
