//! The practice org.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;

use super::Manners;
use crate::model::limits::SEED_ROWS;

#[derive(Debug, clap::Subcommand)]
pub enum Practice {
    /// Serve the practice org to any client on this machine, until Ctrl-C
    Serve(Serve),
    /// Copy objects and some of their records from an org, so that a rehearsal meets its own
    /// fields, picklists and rules
    Seed(Seed),
    /// Take the kept practice org back to its seed
    Reset(Reset),
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
pub struct Seed {
    /// The org to copy from, which is only read
    #[arg(long, env = "LONGSHORE_FROM", value_name = "ALIAS")]
    pub from: Option<String>,
    /// Objects to copy, by their API names, separated by commas
    #[arg(long, env = "LONGSHORE_OBJECTS", value_name = "NAMES", value_delimiter = ',')]
    pub objects: Vec<String>,
    /// Records of each object at most, up to 2,000; those that others refer to come on top
    #[arg(long, env = "LONGSHORE_ROWS", value_name = "N", default_value_t = SEED_ROWS)]
    pub rows: u32,
    /// Which records of an object, such as `Account: Type = 'Customer'`; may be given again
    #[arg(long = "where", env = "LONGSHORE_WHERE", value_name = "OBJECT: CONDITION")]
    pub conditions: Vec<String>,
    /// Replace names, e-mails, phones, addresses and free texts by made-up ones of the same form
    #[arg(
        long,
        visible_alias = "anonymise",
        env = "LONGSHORE_ANONYMIZE",
        value_parser = BoolishValueParser::new()
    )]
    pub anonymize: bool,
    /// A file with describes of more objects and fields, as JSON; may be given again
    #[arg(long, env = "LONGSHORE_DESCRIBE", value_name = "FILE", value_delimiter = ',')]
    pub describe: Vec<PathBuf>,
    #[command(flatten)]
    pub kept: Kept,
    #[command(flatten)]
    pub manners: Manners,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Reset {
    #[command(flatten)]
    pub kept: Kept,
    /// Forget what was copied from another org, too
    #[arg(long, env = "LONGSHORE_FORGET_SEED", value_parser = BoolishValueParser::new())]
    pub forget_seed: bool,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Show {
    #[command(flatten)]
    pub kept: Kept,
    /// One JSON document on standard output
    #[arg(long, env = "LONGSHORE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}
