//! Tests of the real binary, in one executable so that its libraries are linked once.
