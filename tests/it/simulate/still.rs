//! Whether everything in this process has come to rest, so that time may go on.
//!
//! The engine works on threads beside its runtime. Were time to pass while one of them is busy, the
//! same seed would take another course on a busier machine. The kernel tells of each thread whether
//! it sleeps and how often it ran: when no thread has run between two looks and all sleep, nothing
//! happens any more before a timer fires.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

const TASKS: &str = "/proc/self/task";

/// The threads of this process but the one that made this.
pub struct Threads {
    own: u64,
    open: BTreeMap<u64, Thread>,
    /// How often each thread had run at the last look.
    ran: Vec<u64>,
    known: u64,
    /// Whether all slept at the last look.
    asleep: bool,
}

struct Thread {
    stat: File,
    schedule: File,
}

impl Threads {
    pub fn new() -> Self {
        let own = std::fs::read_link("/proc/thread-self").unwrap();
        let own = number(own.file_name().unwrap().to_str().unwrap());
        Self { own, open: BTreeMap::new(), ran: Vec::new(), known: 0, asleep: false }
    }

    /// Whether all other threads sleep and none has run since the last call.
    pub fn still(&mut self) -> bool {
        // The folder has a link for each thread, and two of its own.
        let count = std::fs::metadata(TASKS).unwrap().nlink();
        if count != self.known {
            self.list();
            self.known = count;
        }
        let mut ran = Vec::with_capacity(self.open.len());
        for thread in self.open.values() {
            let Some(schedule) = read(&thread.schedule) else {
                self.known = 0;
                self.asleep = false;
                return false;
            };
            ran.push(number(schedule.split_whitespace().nth(2).unwrap()));
        }
        if ran != self.ran {
            self.ran = ran;
            self.asleep = false;
            return false;
        }
        // One that slept at both looks did not run between them; one that was busy at the first may
        // have gone to sleep since, and has woken somebody before.
        let slept = self.asleep;
        self.asleep =
            self.open.values().all(|thread| read(&thread.stat).is_some_and(|stat| sleeps(&stat)));
        slept && self.asleep
    }

    fn list(&mut self) {
        let tasks = Path::new(TASKS);
        let entries = std::fs::read_dir(tasks).unwrap();
        let alive: Vec<u64> = entries
            .map(|entry| number(entry.unwrap().file_name().to_str().unwrap()))
            .filter(|thread| *thread != self.own)
            .collect();
        self.open.retain(|thread, _| alive.contains(thread));
        for thread in alive {
            let folder: PathBuf = tasks.join(thread.to_string());
            let files = (File::open(folder.join("stat")), File::open(folder.join("schedstat")));
            if let (Ok(stat), Ok(schedule)) = files {
                self.open.entry(thread).or_insert(Thread { stat, schedule });
            }
        }
    }
}

/// The whole of a small file, made anew by the kernel; `None` when its thread has ended.
fn read(file: &File) -> Option<String> {
    let mut bytes = [0; 512];
    let length = file.read_at(&mut bytes, 0).ok().filter(|length| *length > 0)?;
    Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

/// The fields of `stat` begin behind the name, which may hold anything but is in parentheses.
fn sleeps(stat: &str) -> bool {
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}
