//! What holds for every ledger that a run can leave, cut or damaged anywhere.
//!
//! The oracle is the story that the facts were made from: a play of chunks and jobs that takes only
//! legal moves and remembers where each chunk stands.

use proptest::prelude::*;

use super::*;
use crate::ledger::{Output, Phase, RawKind};
use crate::model::ids::JobId;

/// Where a chunk stands in the story; the job is the last that counted.
#[derive(Debug, Clone, PartialEq)]
enum Stand {
    Spooled,
    Reserved(JobId),
    Prepared(JobId),
    Spoiled(JobId),
    Started(JobId),
    Ended(JobId),
    Settled(Option<JobId>),
}

#[derive(Debug)]
struct ChunkStory {
    number: ChunkNumber,
    rows: u32,
    bytes: u64,
    digest: Digest,
    stand: Stand,
    unknown: u64,
}

/// A run as it is told; every move adds one legal fact.
#[derive(Debug)]
struct Story {
    facts: Vec<Fact>,
    chunks: Vec<ChunkStory>,
    rows: u64,
    accepted: u64,
    jobs: u32,
    read: bool,
    outputs: bool,
    closed: bool,
}

/// What decides a move: which of the legal ones, two numbers and a text to fill it with.
#[derive(Debug, Clone)]
struct Choice {
    which: usize,
    number: u32,
    other: u32,
    text: String,
}

type Move = fn(&mut Story, usize, &Choice);

impl Story {
    fn tell(choices: &[Choice]) -> Self {
        let mut story = Self {
            facts: vec![Fact::Opened { format: 1, run: "friday".to_owned() }],
            chunks: Vec::new(),
            rows: 0,
            accepted: 0,
            jobs: 0,
            read: false,
            outputs: false,
            closed: false,
        };
        for choice in choices {
            let moves = story.moves();
            let (index, step) = moves[choice.which % moves.len()];
            step(&mut story, index, choice);
        }
        story
    }

    /// Every legal move, with the chunk that it is about.
    fn moves(&self) -> Vec<(usize, Move)> {
        if self.closed {
            return vec![(0, Self::clean)];
        }
        let mut moves: Vec<(usize, Move)> = Vec::new();
        if !self.read {
            moves.extend([(0, Self::plan as Move), (0, Self::read_input)]);
        }
        if !self.outputs {
            moves.push((0, Self::tell_outputs));
        }
        for (index, chunk) in self.chunks.iter().enumerate() {
            let own: &[Move] = match &chunk.stand {
                Stand::Spooled => &[Self::image, Self::create, Self::create, Self::settle],
                Stand::Reserved(_) => &[Self::prepare, Self::prepare, Self::abandon],
                Stand::Prepared(_) => &[Self::start, Self::start, Self::spoil, Self::lose],
                Stand::Spoiled(_) => &[Self::abandon],
                Stand::Started(_) => &[Self::end, Self::end, Self::doubt, Self::lose],
                Stand::Ended(_) => &[Self::receive, Self::settle, Self::doubt],
                Stand::Settled(_) => &[],
            };
            moves.extend(own.iter().map(|step| (index, *step)));
        }
        if self.read && self.chunks.iter().all(|c| matches!(c.stand, Stand::Settled(_))) {
            moves.push((0, Self::close));
        }
        moves
    }

    fn plan(&mut self, _: usize, choice: &Choice) {
        let (gap, rows) = (u64::from(choice.other % 3), choice.number % 9 + 1);
        let first_row = self.rows + 1 + gap;
        let last_row = first_row + u64::from(rows) - 1 + u64::from(choice.other % 2);
        let number = ChunkNumber(u32::try_from(self.chunks.len()).unwrap() + 1);
        let (bytes, digest) = (u64::from(choice.number), Digest::of(choice.text.as_bytes()));
        self.facts.push(Fact::Planned {
            chunk: number,
            first_row,
            last_row,
            rows,
            bytes,
            digest,
            source: None,
            window: None,
        });
        (self.rows, self.accepted) = (last_row, self.accepted + u64::from(rows));
        let stand = Stand::Spooled;
        self.chunks.push(ChunkStory { number, rows, bytes, digest, stand, unknown: 0 });
    }

    fn read_input(&mut self, _: usize, choice: &Choice) {
        self.read = true;
        self.facts.push(Fact::InputRead {
            first_row: 1,
            rows: self.rows,
            accepted: self.accepted,
            rejected: self.rows - self.accepted,
            bytes: u64::from(choice.number),
            digest: Digest::of(choice.text.as_bytes()),
            whole: choice.other.is_multiple_of(2),
            unchanged: None,
        });
    }

    fn image(&mut self, index: usize, choice: &Choice) {
        let ChunkStory { number: chunk, rows, .. } = self.chunks[index];
        let (bytes, digest) = (u64::from(choice.number), Digest::of(choice.text.as_bytes()));
        self.facts.push(Fact::Imaged { chunk, rows: u64::from(rows), bytes, digest });
    }

    fn create(&mut self, index: usize, choice: &Choice) {
        self.jobs += 1;
        let long = if choice.other.is_multiple_of(2) { "AAJ" } else { "" };
        let job = JobId::parse(&format!("7508c00000{:05}{long}", self.jobs)).unwrap();
        let chunk = self.chunks[index].number;
        self.facts.push(Fact::Created { chunk, job: job.clone() });
        self.chunks[index].stand = Stand::Reserved(job);
    }

    fn prepare(&mut self, index: usize, _: &Choice) {
        let ChunkStory { number: chunk, bytes, digest, .. } = self.chunks[index];
        let job = self.job(index);
        self.facts.push(Fact::Prepared { chunk, job: job.clone(), bytes, digest });
        self.chunks[index].stand = Stand::Prepared(job);
    }

    fn start(&mut self, index: usize, _: &Choice) {
        let (chunk, job) = (self.chunks[index].number, self.job(index));
        self.facts.push(Fact::Started { chunk, job: job.clone() });
        self.chunks[index].stand = Stand::Started(job);
    }

    fn spoil(&mut self, index: usize, _: &Choice) {
        let (chunk, job) = (self.chunks[index].number, self.job(index));
        self.facts.push(Fact::Spoiled { chunk, job: job.clone() });
        self.chunks[index].stand = Stand::Spoiled(job);
    }

    fn abandon(&mut self, index: usize, choice: &Choice) {
        let (chunk, job) = (self.chunks[index].number, self.job(index));
        self.facts.push(Fact::Abandoned { chunk, job, confirmed: choice.other.is_multiple_of(2) });
        self.chunks[index].stand = Stand::Spooled;
    }

    fn end(&mut self, index: usize, choice: &Choice) {
        let (chunk, job) = (self.chunks[index].number, self.job(index));
        self.facts.push(Fact::Terminal {
            chunk,
            job: job.clone(),
            state: choice.text.clone(),
            processed: (!choice.number.is_multiple_of(3)).then_some(u64::from(choice.number)),
            failed: (!choice.other.is_multiple_of(3)).then_some(u64::from(choice.other)),
            message: (choice.other.is_multiple_of(5)).then(|| choice.text.clone()),
        });
        self.chunks[index].stand = Stand::Ended(job);
    }

    fn receive(&mut self, index: usize, choice: &Choice) {
        let kinds = [RawKind::Successful, RawKind::Failed, RawKind::Unprocessed];
        self.facts.push(Fact::Raw {
            chunk: self.chunks[index].number,
            which: kinds[choice.which % 3],
            rows: (!choice.other.is_multiple_of(4)).then_some(u64::from(choice.number)),
            bytes: u64::from(choice.other),
            digest: Digest::of(choice.text.as_bytes()),
        });
    }

    fn doubt(&mut self, index: usize, choice: &Choice) {
        let chunk = &mut self.chunks[index];
        let rows = u64::from(choice.number % (chunk.rows + 1));
        chunk.unknown = rows;
        let why = choice.text.clone();
        self.facts.push(Fact::Unknown { chunk: chunk.number, rows, why });
    }

    /// The job is out of sight for good, so no row of the chunk is known.
    fn lose(&mut self, index: usize, choice: &Choice) {
        let (rows, job) = (u64::from(self.chunks[index].rows), self.job(index));
        let chunk = &mut self.chunks[index];
        let why = choice.text.clone();
        let counts = Counts { input: rows, unknown: rows, ..Counts::default() };
        self.facts.push(Fact::Unknown { chunk: chunk.number, rows, why });
        self.facts.push(Fact::Reconciled { chunk: chunk.number, counts, deferred: 0 });
        chunk.stand = Stand::Settled(Some(job));
    }

    fn settle(&mut self, index: usize, choice: &Choice) {
        let chunk = &mut self.chunks[index];
        let (rows, unknown) = (u64::from(chunk.rows), chunk.unknown);
        let known = rows - unknown;
        let ran = matches!(chunk.stand, Stand::Ended(_));
        let success = if ran { u64::from(choice.number) % (known + 1) } else { 0 };
        let error = if ran { u64::from(choice.other) % (known - success + 1) } else { 0 };
        let unprocessed = known - success - error;
        let counts =
            Counts { input: rows, success, error, unprocessed, unknown, ..Counts::default() };
        self.facts.push(Fact::Reconciled { chunk: chunk.number, counts, deferred: 0 });
        chunk.stand = match &chunk.stand {
            Stand::Ended(job) => Stand::Settled(Some(job.clone())),
            _ => Stand::Settled(None),
        };
    }

    fn tell_outputs(&mut self, _: usize, choice: &Choice) {
        self.outputs = true;
        let (rows, bytes) = (u64::from(choice.number), u64::from(choice.other));
        let digest = Digest::of(choice.text.as_bytes());
        let one = Output { name: choice.text.clone(), rows, bytes, digest };
        self.facts.push(Fact::Outputs { files: vec![one; choice.which % 3] });
    }

    fn close(&mut self, _: usize, choice: &Choice) {
        self.closed = true;
        let counts = Counts { input: u64::from(choice.number), ..Counts::default() };
        let exit_code = u8::try_from(choice.other % 256).unwrap();
        self.facts.push(Fact::Closed { counts, exit_code });
    }

    fn clean(&mut self, _: usize, choice: &Choice) {
        self.facts.push(Fact::Cleaned { when: choice.text.clone() });
    }

    fn job(&self, index: usize) -> JobId {
        match &self.chunks[index].stand {
            Stand::Reserved(job)
            | Stand::Prepared(job)
            | Stand::Spoiled(job)
            | Stand::Started(job)
            | Stand::Ended(job) => job.clone(),
            Stand::Spooled | Stand::Settled(_) => unreachable!("no job counts here"),
        }
    }
}

/// Where a chunk stands by what was read back.
fn stand_of(phase: &Phase) -> Stand {
    match phase {
        Phase::Spooled => Stand::Spooled,
        Phase::Reserved(job) => Stand::Reserved(job.clone()),
        Phase::Prepared(job) => Stand::Prepared(job.clone()),
        Phase::Spoiled(job) => Stand::Spoiled(job.clone()),
        Phase::Started(job) => Stand::Started(job.clone()),
        Phase::Ended(ended) => Stand::Ended(ended.job.clone()),
        Phase::Settled { job, .. } => Stand::Settled(job.clone()),
    }
}

fn state_of(bytes: &[u8]) -> Result<RunState, BadLedger> {
    let source = Box::new(io::Cursor::new(bytes.to_vec()));
    RunState::fold(&mut Facts::over(Path::new("ledger.jsonl"), "friday", source))
}

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let text = prop_oneof![
        2 => "[a-zA-Z .]{0,12}",
        1 => any::<String>(),
        1 => Just("\n00000000 {\"seq\":1}\n".to_owned()),
    ];
    let choice = (any::<usize>(), any::<u32>(), any::<u32>(), text);
    let choice =
        choice.prop_map(|(which, number, other, text)| Choice { which, number, other, text });
    prop::collection::vec(choice, 0..40)
}

/// How many line ends stand in `bytes`.
fn lines_of(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

/// One fault of a disk, an editor or a copy.
#[derive(Debug, Clone)]
enum Damage {
    Change(u8),
    Insert(u8),
    Delete,
    DeleteLine,
    DoubleLine,
    SwapLines,
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = prop_oneof![2 => any::<u8>(), 1 => Just(b'\n'), 1 => Just(b' '), 1 => Just(b'0')];
    prop_oneof![
        3 => byte.clone().prop_map(Damage::Change),
        3 => byte.prop_map(Damage::Insert),
        2 => Just(Damage::Delete),
        1 => Just(Damage::DeleteLine),
        1 => Just(Damage::DoubleLine),
        1 => Just(Damage::SwapLines),
    ]
}

/// Does it at `at`; says in which line, from 0, or `None` when nothing was changed.
fn hurt(bytes: &[u8], damage: &Damage, at: usize) -> Option<(Vec<u8>, usize)> {
    let line = lines_of(&bytes[..at]);
    let mut hurt = bytes.to_vec();
    match damage {
        Damage::Change(byte) => hurt[at] = *byte,
        Damage::Insert(byte) => hurt.insert(at, *byte),
        Damage::Delete => {
            hurt.remove(at);
        }
        Damage::DeleteLine | Damage::DoubleLine | Damage::SwapLines => {
            let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            match damage {
                Damage::DeleteLine => {
                    lines.remove(line);
                }
                Damage::DoubleLine => lines.insert(line, lines[line]),
                _ if line + 1 < lines.len() => lines.swap(line, line + 1),
                _ => {}
            }
            hurt = lines.concat();
        }
    }
    (hurt != bytes).then_some((hurt, line))
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn what_is_read_back_is_the_story_that_was_told(choices in choices()) {
        let story = Story::tell(&choices);
        let bytes = ledger_of(&story.facts[1..]);
        let (facts, torn) = read(&bytes).unwrap();
        prop_assert_eq!(&facts, &story.facts);
        prop_assert_eq!(torn, None);
        let state = state_of(&bytes).unwrap();
        let stands: Vec<Stand> = state.chunks.values().map(|c| stand_of(&c.phase)).collect();
        let told: Vec<Stand> = story.chunks.iter().map(|c| c.stand.clone()).collect();
        prop_assert_eq!(stands, told);
        prop_assert_eq!(state.closed.is_some(), story.closed);
        prop_assert_eq!(state.input.is_some(), story.read);
    }

    /// A crash keeps the facts before it, and the run goes on behind them to the same bytes.
    #[test]
    fn a_cut_anywhere_leaves_the_facts_before_it(
        choices in choices(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let story = Story::tell(&choices);
        let bytes = ledger_of(&story.facts[1..]);
        for (index, cut) in cuts.iter().enumerate() {
            let cut = cut.index(bytes.len() + 1);
            let whole = lines_of(&bytes[..cut]);
            let (facts, torn) = read(&bytes[..cut]).unwrap();
            prop_assert_eq!(&facts[..], &story.facts[..whole]);
            prop_assert_eq!(torn.is_some(), cut > 0 && bytes[cut - 1] != b'\n');
            prop_assert!(state_of(&bytes[..cut]).is_ok());
            if index == 0 {
                let place = Place::of(&bytes[..cut]);
                let ledger = Ledger::reopen(&place.path, "friday").unwrap().ledger;
                for fact in &story.facts[whole.max(1)..] {
                    ledger.record(fact).unwrap();
                }
                prop_assert_eq!(&std::fs::read(&place.path).unwrap(), &bytes);
            }
        }
    }

    /// A crash can also leave pages that were never written, or old ones, behind the last fact.
    #[test]
    fn rubbish_behind_the_last_fact_is_torn_off_or_refused(
        choices in choices(),
        rubbish in prop_oneof![
            prop::collection::vec(any::<u8>(), 1..200),
            (1_usize..5000).prop_map(|zeros| vec![0; zeros]),
            prop::collection::vec(prop::sample::select(b"0 {}\n\"".to_vec()), 1..60),
        ],
        again in any::<prop::sample::Index>(),
        repeats in any::<bool>(),
    ) {
        let story = Story::tell(&choices);
        let mut bytes = ledger_of(&story.facts[1..]);
        if repeats {
            bytes.extend_from_within(again.index(bytes.len())..);
        } else {
            bytes.extend(rubbish);
        }
        match read(&bytes) {
            Ok((facts, torn)) => {
                prop_assert_eq!(&facts, &story.facts);
                prop_assert!(torn.is_some());
            }
            Err(error) => prop_assert!(repeats, "{error}"),
        }
    }

    #[test]
    fn damage_before_the_last_line_is_refused_and_in_it_costs_that_line_at_most(
        choices in choices(),
        damages in prop::collection::vec((damage(), any::<prop::sample::Index>()), 8),
    ) {
        let story = Story::tell(&choices);
        let bytes = ledger_of(&story.facts[1..]);
        let last = story.facts.len() - 1;
        for (damage, at) in damages {
            let Some((hurt, line)) = hurt(&bytes, &damage, at.index(bytes.len())) else { continue };
            match read(&hurt) {
                Ok((facts, torn)) => {
                    prop_assert_eq!(line, last, "{:?} is not seen", damage);
                    prop_assert_eq!(&facts[..], &story.facts[..facts.len()]);
                    prop_assert!(facts.len() >= last);
                    // A last line that is gone altogether cannot be missed.
                    let gone = matches!(damage, Damage::DeleteLine);
                    prop_assert_eq!(torn.is_none(), gone, "{:?}", damage);
                }
                Err(error) => {
                    prop_assert_eq!(error.blame(), Blame::Ledger);
                    let doubled = matches!(damage, Damage::DoubleLine | Damage::Insert(_));
                    prop_assert!(line < last || doubled, "{:?}: {}", damage, error);
                }
            }
        }
    }
}
