//! SNESIM: single normal equation simulation (Strebelle 2002).
