//! Data Loader's own configuration: its property files, beans and cipher, read as it reads them.
//!
//! Source of all facts: the project's Data Loader reference, sections 2 and 3; what was tried
//! against the program itself says so there.

pub mod arguments;
pub mod beans;
pub mod cipher;
pub mod conversions;
pub mod properties;
pub mod sdl;
pub mod settings;
pub mod soql;
pub mod translate;
