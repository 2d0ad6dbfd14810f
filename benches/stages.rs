//! How fast the stages are: bytes and rows in a second, each bench one stage further than the last.
//!
//! Times depend on the machine and on what else it does; `instructions` is the gate.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use longshore_benches::load::{Load, Shape, Stage};

const ROWS: u64 = 100_000;

fn stages(criterion: &mut Criterion) {
    let room = tempfile::tempdir().expect("a temporary folder can be made");
    for shape in Shape::ALL {
        let file = room.path().join(shape.word());
        let bytes = shape.write(&file, ROWS).expect("the input can be written");
        for (stage, word) in [
            (Stage::Read, "read"),
            (Stage::Map, "read+map"),
            (Stage::Validate, "read+map+validate"),
            (Stage::Chunk, "read+map+validate+chunk"),
        ] {
            for (unit, throughput) in
                [("bytes", Throughput::Bytes(bytes)), ("rows", Throughput::Elements(ROWS))]
            {
                let mut group = criterion.benchmark_group(format!("{}/{unit}", shape.word()));
                group.sample_size(10).throughput(throughput);
                group.bench_function(word, |bencher| {
                    bencher.iter(|| {
                        let load = Load::open(shape, &file, Some(room.path()));
                        let through = load.and_then(|load| load.run(stage));
                        assert_eq!(through.expect("all rows are good").rows, ROWS);
                    });
                });
                group.finish();
            }
        }
    }
}

criterion_group!(benches, stages);
criterion_main!(benches);
