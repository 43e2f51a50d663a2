//! The report that a person reads, built from a result folder.
