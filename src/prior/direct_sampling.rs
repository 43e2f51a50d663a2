//! Direct sampling (Mariethoz et al. 2010).
