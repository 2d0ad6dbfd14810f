//! The practice org.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;

#[derive(Debug, clap::Subcommand)]
pub enum Practice {
    /// Serve the practice org to any client on this machine, until Ctrl-C
    Serve(Serve),
    /// Take the kept practice org back to its seed
    Reset(Kept),
    /// Show what is in the kept practice org, and what happened to it last
    Show(Show),
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Serve {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, env = "LONGSHORE_PORT", value_name = "N", default_value_t = 8790)]
    pub port: u16,
    /// Serve HTTPS, with a certificate made for this machine
    #[arg(long, env = "LONGSHORE_TLS", value_parser = BoolishValueParser::new())]
    pub tls: bool,
    #[command(flatten)]
    pub kept: Kept,
    /// Serve a new org from memory instead, and keep nothing
    #[arg(long, env = "LONGSHORE_FRESH", value_parser = BoolishValueParser::new())]
    pub fresh: bool,
    /// Let the org say that it is a production org, so that every guard stands
    #[arg(long, env = "LONGSHORE_PRODUCTION", value_parser = BoolishValueParser::new())]
    pub production: bool,
    /// Users of a new org [default: 3000]
    #[arg(long, env = "LONGSHORE_USERS", value_name = "N")]
    pub users: Option<u32>,
    /// Permission sets of a new org [default: 40]
    #[arg(long, env = "LONGSHORE_PERMISSION_SETS", value_name = "N")]
    pub permission_sets: Option<u32>,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Kept {
    /// Where the practice org is kept [default: ./.longshore/practice]
    #[arg(long, env = "LONGSHORE_DIR", value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Show {
    #[command(flatten)]
    pub kept: Kept,
    /// One JSON document on standard output
    #[arg(long, env = "LONGSHORE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}
