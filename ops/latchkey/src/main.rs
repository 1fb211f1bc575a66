//! The command `latchkey`.

fn main() {}
