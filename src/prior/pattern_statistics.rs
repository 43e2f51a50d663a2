//! Statistics of facies maps: proportions, multiple-point histograms, connectivity, variograms.
