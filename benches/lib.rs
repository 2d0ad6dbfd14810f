//! The stages from reading to chunks, and what the benches load through them.
//!
//! The modules below are the package's own, file by file; a crate of them alone builds in a
//! fraction of the time that the whole takes, and what is compiled is the same.

#[path = "../src/config"]
pub mod config {
    #[path = "dataloader"]
    pub mod dataloader {
        pub mod conversions;
        pub mod properties;
        pub mod sdl;
    }
    pub mod document;
    pub mod mapping;
    pub mod plan;
    pub mod policy;
    pub mod project;
    pub mod styles;
    pub mod window;
}
#[path = "../src/faults/mod.rs"]
pub mod faults;
pub mod load;
#[path = "../src/model/mod.rs"]
pub mod model;
#[path = "../src/pipeline"]
pub mod pipeline {
    pub mod answers;
    pub mod chunk;
    pub mod map;
    pub mod read;
    pub mod source_rows;
    pub mod validate;
}
