//! The program as a user meets it: the binary itself, run in folders of its own, and the library where a device has to
//! fail in the middle of the work.

mod bad_flow;
mod bad_input;
mod commands;
mod devices;
mod failing_device;
mod flow;
mod hard_data;
mod interrupt;
mod irregular;
mod kernels;
mod measured;
mod pumping_tests;
mod results;
mod scenarios;
mod signal;
mod stacks;
mod support;
