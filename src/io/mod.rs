//! Formats of files, and nothing else: GSLIB, npy, VTI, CSV, PNG.
