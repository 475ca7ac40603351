//! What reading a file costs: blocking, by a thread, and as `ferrio::fs` reads it, which asks the page cache first.
//!
//! Prints, for files of several sizes, microseconds a file; the best of five rounds that take turns. All of them are in the
//! page cache. `cargo run --release -p ferrio --example files` is what the head of the engine's `futures/fs` quotes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const FILES: u32 = 64;
const ROUNDS: usize = 5;
const SIZES: [usize; 6] = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

fn main() -> std::io::Result<()> {
    let folder = std::env::temp_dir().join(format!("ferrio-files-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    println!(
        "{:>9} {:>10} {:>10} {:>10} {:>12}",
        "bytes", "blocking", "to_thread", "fs::read", "File::read_at"
    );
    for size in SIZES {
        let paths: Vec<_> = (0..FILES).map(|n| folder.join(n.to_string())).collect();
        paths.iter().try_for_each(|path| std::fs::write(path, vec![b'x'; size]))?;
        let mut best = [Duration::MAX; 4];
        for _ in 0..ROUNDS {
            for (best, taken) in best.iter_mut().zip(round(&paths, size)) {
                *best = taken.min(*best);
            }
        }
        let [blocking, thread, cached, at] = best.map(|taken| taken.as_secs_f64() * 1e6 / f64::from(FILES));
        println!("{size:>9} {blocking:>10.2} {thread:>10.2} {cached:>10.2} {at:>12.2}");
    }
    std::fs::remove_dir_all(&folder)
}

fn round(paths: &[PathBuf], size: usize) -> [Duration; 4] {
    ferrio::run(async {
        let begin = Instant::now();
        for path in paths {
            assert_eq!(std::fs::read(path).unwrap().len(), size);
        }
        let blocking = begin.elapsed();

        let begin = Instant::now();
        for path in paths {
            let path = path.clone();
            assert_eq!(ferrio::to_thread(move || std::fs::read(path)).await.unwrap().len(), size);
        }
        let thread = begin.elapsed();

        let begin = Instant::now();
        for path in paths {
            assert_eq!(ferrio::fs::read(path).await.unwrap().len(), size);
        }
        [blocking, thread, begin.elapsed(), read_at(&paths[0], size).await]
    })
}

/// As often as there are files, from one that is open.
async fn read_at(path: &Path, size: usize) -> Duration {
    let file = ferrio::fs::File::open(path).await.unwrap();
    let mut buffer = vec![0; size];
    let begin = Instant::now();
    for _ in 0..FILES {
        let mut count = 0;
        while count < size {
            count += file.read_at(&mut buffer[count..], count as u64).await.unwrap();
        }
    }
    begin.elapsed()
}
