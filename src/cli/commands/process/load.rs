//! The loads of `process`.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ending::{Ended, OPERATION, Stopped, UNCAUGHT, code_of};
use super::files::{self, Results};
use super::folder::{Folder, elsewhere};
use super::sign_in::Way;
use super::unattended::Unattended;
use crate::cli::args::{Confirm, Load, OnDuplicate, Process};
use crate::cli::commands::runs;
use crate::cli::org;
use crate::cli::resolve::{self, Extra};
use crate::cli::session::{Asking, Session};
use crate::cli::shell::Shell;
use crate::config::mapping::MappingSpec;
use crate::config::plan::{CopyStyle, DataLoaderCopies, LoadPlan, MappingManner, Nulls};
use crate::config::project::Defaults;
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::ids::RunId;
use crate::model::operation::Operation;
use crate::pipeline::event::{Event, Summary};
use crate::pipeline::run::{self, Tools};
use crate::pipeline::{manifest, resume};

/// Characters of a run id: `20261122-170949-k3f9`.
const RUN_ID_CHARS: usize = 20;

/// Carries out the load of a process, or goes on with one.
pub async fn load(
    folder: &Folder,
    operation: Operation,
    args: &Process,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Ended, Stopped> {
    let runs = Runs::of(folder, args, shell);
    let unfinished = runs.unfinished()?;
    if args.resume {
        let root = unfinished.ok_or_else(|| runs.none())?;
        return go_on(&root, folder, args, shell, session).await;
    }
    if let Some(root) = unfinished.filter(|_| !args.yes) {
        return Err(not_finished(&root).into());
    }
    let results = Results::of(folder, &shell.dir, (shell.now)());
    let mut plan = plan(folder, operation, &results, &runs, shell)?;
    let way = Way::of(folder, args, shell)?;
    plan.passing_org = way.is_passing();
    plan.state_dir = way.state_dir(shell);
    Results::make_folder(folder, &shell.dir)?;
    session.listen()?;

    let speaks = Cell::new(false);
    let work = async {
        let target = way.connect(session).await?;
        let tools = tools(folder, args, Some(operation), session)?;
        results.empty()?;
        speaks.set(true);
        Box::pin(run::load(plan, target, way.alias().to_owned(), tools)).await
    };
    let ended = session.within(work).await;
    conclude(ended, speaks.get(), folder, shell, session)
}

async fn go_on(
    root: &Path,
    folder: &Folder,
    args: &Process,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Ended, Stopped> {
    let way = Way::of(folder, args, shell)?;
    session.listen()?;
    let speaks = Cell::new(false);
    let work = async {
        let target = way.connect(session).await?;
        let tools = tools(folder, args, None, session)?;
        speaks.set(true);
        Box::pin(resume::resume(root, target, tools)).await
    };
    let ended = session.within(work).await;
    conclude(ended, speaks.get(), folder, shell, session)
}

/// The exit code, and what is noted of a run that sent something.
fn conclude(
    ended: Result<Summary, Failure>,
    speaks: bool,
    folder: &Folder,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Ended, Stopped> {
    let mut summary = match ended {
        Ok(summary) => summary,
        Err(failure) if speaks => return Err(Stopped::of_operation(failure)),
        Err(failure) => return Err(failure.into()),
    };
    let code = code_of(&summary, folder.job.failed_rows_fail);
    summary.exit_code = code;
    if !summary.jobs.is_empty() {
        let rows = folder.job.skip + summary.rows.input;
        let noted = files::write_last_run(folder, &shell.dir, (shell.now)(), Some(rows));
        if let Err(failure) = noted {
            // The rows are in the org; that nobody notes it does not take them back.
            session.see(&Event::Notice { message: failure.message });
        }
    }
    Ok(Ended { summary: Some(summary), code })
}

fn tools(
    folder: &Folder,
    args: &Process,
    begins: Option<Operation>,
    session: &Session<'_>,
) -> Result<Tools, Failure> {
    let confirm = Confirm::default();
    let mut tools = session.tools(Asking { confirm: &confirm, input_is_stdin: true })?;
    tools.guards.policy = folder.policy.clone();
    tools.assent = Arc::new(Unattended { yes: args.yes, begins, watch: session.watch() });
    Ok(tools)
}

/// The plan of a load, by the settings of its process.
fn plan(
    folder: &Folder,
    operation: Operation,
    results: &Results,
    runs: &Runs,
    shell: &Shell,
) -> Result<LoadPlan, Stopped> {
    let job = &folder.job;
    let data = shell.dir.join(&job.data);
    if !data.is_file() {
        let message = format!("there is no file `{}` (`dataAccess.name`)", job.data.display());
        let failure = Failure::new(Blame::Request, message);
        return Err(elsewhere(failure, &job.data.display().to_string()).into());
    }
    let mapping = mapping(folder, shell)?;
    let defaults = Defaults { encoding: None, column_delimiter: None, ..folder.defaults.clone() };
    // As there: all are sent, in the order of the file. New records have no key.
    let separates = operation != Operation::Insert && defaults.on_duplicate.is_none();
    let on_duplicate = separates.then_some(OnDuplicate::Separate);
    let load = Load {
        sobject: job.object.clone(),
        file: Some(data.display().to_string()),
        skip: Some(job.skip),
        encoding: job.encoding.clone(),
        on_duplicate,
        runs_dir: Some(runs.dir.clone()),
        run_name: Some(runs.next(shell)),
        success: Some(results.success.clone()),
        error: Some(results.error.clone()),
        ..Load::default()
    };
    let extra = Extra { external_id: job.external_id.as_deref(), ..Extra::default() };
    let mut plan = resolve::load_plan(operation, &load, extra, &defaults).map_err(Failure::from)?;
    plan.input.delimiter = job.delimiter;
    plan.nulls = if job.clears_nulls { Nulls::Clear } else { Nulls::Ignore };
    plan.mapping = Some(mapping);
    plan.mapping_manner = MappingManner::DataLoader;
    plan.assignment_rule.clone_from(&job.assignment_rule);
    plan.conversions = Some(job.conversions.clone());
    plan.copy_style = CopyStyle::DataLoader(DataLoaderCopies {
        text: job.text.clone(),
        codes: job.conversions.bulk,
        unsent_copy: Some(results.unsent.clone()),
    });
    Ok(plan)
}

/// The mapping file; without one Data Loader would send a blank record for each row.
fn mapping(folder: &Folder, shell: &Shell) -> Result<MappingSpec, Stopped> {
    let Some(named) = &folder.job.mapping else {
        let message = "`process.mappingFile` is not set, so no column would be sent";
        let failure = Failure::new(Blame::Request, message)
            .hint("Data Loader sends a blank record for each row then")
            .hint("name a `.sdl` file whose lines look like `Family\\ name=LastName`");
        return Err(Stopped::new(failure, OPERATION));
    };
    let path = mapping_file(named, shell)?;
    let spec = MappingSpec::read_as(&path, MappingManner::DataLoader);
    spec.map_err(|error| Stopped::new(error.into(), OPERATION))
}

/// The path of a mapping file that is there.
pub fn mapping_file(named: &Path, shell: &Shell) -> Result<PathBuf, Stopped> {
    let path = shell.dir.join(named);
    if !path.exists() {
        let message = format!("there is no mapping file `{}`", named.display());
        let failure = Failure::new(Blame::Request, message);
        let failure = elsewhere(failure, &named.display().to_string());
        return Err(Stopped::new(failure, UNCAUGHT));
    }
    Ok(path)
}

/// The runs of one process: their folder, and the begin of their names.
struct Runs {
    dir: PathBuf,
    stem: String,
}

impl Runs {
    fn of(folder: &Folder, args: &Process, shell: &Shell) -> Self {
        let given = args.runs_dir.clone().or_else(|| folder.defaults.runs_dir.clone());
        let good = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        let mut stem: String = folder.job.outputs.prefix.chars().map(good).take(60).collect();
        if !stem.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            stem.insert(0, 'p');
        }
        let Some(dir) = given else {
            return Self { dir: folder.beside(crate::config::plan::RUNS_DIR), stem };
        };
        // Several configuration folders may share it.
        let digest = Digest::of(folder.path.as_os_str().as_encoded_bytes()).to_string();
        let short: String = digest.chars().filter(char::is_ascii_alphanumeric).take(6).collect();
        Self { dir: shell.dir.join(dir), stem: format!("{stem}-{short}") }
    }

    /// The name of a new run.
    fn next(&self, shell: &Shell) -> String {
        let random = u32::try_from(org::random() & u64::from(u32::MAX)).unwrap_or_default();
        let id = serde_json::to_value(RunId::new((shell.now)(), random)).unwrap_or_default();
        format!("{}-{}", self.stem, id.as_str().unwrap_or_default())
    }

    /// The newest run of the process that has not come to its end.
    fn unfinished(&self) -> Result<Option<PathBuf>, Failure> {
        let is_meant = |name: &str| {
            let id = name.strip_prefix(&self.stem).and_then(|rest| rest.strip_prefix('-'));
            id.is_some_and(|id| id.len() == RUN_ID_CHARS)
        };
        runs::newest_unfinished_of(&self.dir, &is_meant)
    }

    fn none(&self) -> Failure {
        let message = format!(
            "the process has no unfinished run in `{}`, so there is nothing to go on with",
            self.dir.display()
        );
        Failure::new(Blame::Request, message).hint("without `--resume` a new one is begun")
    }
}

fn not_finished(root: &Path) -> Failure {
    let message =
        format!("an earlier run of this process is not finished: `{}`", manifest::shown(root));
    Failure::new(Blame::Guard, message)
        .hint("the same command with `--resume` goes on with it, and sends nothing twice")
        .hint("`--yes` begins a new one all the same")
}
