//! Quantities with units: "250 mD" becomes SI once, where the file is read.
