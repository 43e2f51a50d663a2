//! The outer loops: Gauss-Newton, alternating directions, the choice of the weight.
