//! What verify says about closes made by hand; closes made by the engine are in tests/cli.rs.
