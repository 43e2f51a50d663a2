//! Cases: from a TOML file to checked SI numbers to a result folder.
