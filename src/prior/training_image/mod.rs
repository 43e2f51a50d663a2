//! Training images: read from files, or generated as objects.
