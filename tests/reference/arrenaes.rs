//! Reference checks: arrenaes.
