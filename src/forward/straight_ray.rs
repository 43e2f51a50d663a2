//! Travel times along straight rays.
