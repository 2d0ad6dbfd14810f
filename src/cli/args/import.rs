//! What other loaders leave behind, made into ours.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;

use super::Manners;

#[derive(Debug, Clone, clap::Subcommand)]
pub enum Import {
    /// Turn a configuration folder of Data Loader into mapping files, commands and a report
    DataLoader(ImportDataLoader),
}

impl Import {
    pub fn manners(&self) -> &Manners {
        let Self::DataLoader(import) = self;
        &import.manners
    }
}

#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "example: longshore import data-loader conf --to jobs -o acme")]
pub struct ImportDataLoader {
    /// The folder with `process-conf.xml`, `config.properties` or both; it is only read
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Where mapping files, commands and the report go [default: `longshore` in DIR]
    #[arg(long, env = "LONGSHORE_TO", value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Only this process, by the id of its bean; may be given several times [default: all]
    #[arg(long, env = "LONGSHORE_PROCESS", value_name = "ID")]
    pub process: Vec<String>,
    /// The alias that the commands name [default: they name none]
    #[arg(short = 'o', long, env = "LONGSHORE_TARGET_ORG", value_name = "ALIAS")]
    pub target_org: Option<String>,
    /// Write over the files of an earlier import
    #[arg(long, env = "LONGSHORE_OVERWRITE", value_parser = BoolishValueParser::new())]
    pub overwrite: bool,
    #[command(flatten)]
    pub manners: Manners,
}
