//! Reading and writing many files, and what that costs.
//!
//! What it teaches: files block, so `fs` does each operation whole on a thread, and the loop goes on; many at once is faster than
//! one after the other only where the disk is what is slow.
//!
//! ```text
//! cargo run --package ferrio-examples --bin many_files
//! ```

use std::io;
use std::path::Path;
use std::time::Instant;

use ferrio::fs;

const FILES: usize = 200;

#[ferrio::main]
async fn main() -> io::Result<()> {
    let folder = std::env::temp_dir().join(format!("ferrio-many-files-{}", std::process::id()));
    fs::create_dir_all(&folder).await?;
    let result = ferrio::finally(work(&folder), remove(folder.clone())).await;
    println!("the folder is gone: {}", !folder.exists());
    result
}

async fn work(folder: &Path) -> io::Result<()> {
    let name = |number: usize| folder.join(format!("{number}.txt"));
    let begin = Instant::now();
    ferrio::try_gather((0..FILES).map(|number| fs::write(name(number), vec![b'x'; number]))).await?;
    println!("{FILES} files written at once in {:.3} s", begin.elapsed().as_secs_f64());

    let begin = Instant::now();
    let mut total = 0;
    for number in 0..FILES {
        total += fs::read(name(number)).await?.len();
    }
    println!("{total} bytes read, one file after the other, in {:.3} s", begin.elapsed().as_secs_f64());

    let begin = Instant::now();
    let files = ferrio::try_gather((0..FILES).map(|number| fs::read(name(number)))).await?;
    println!("the same at once in {:.3} s", begin.elapsed().as_secs_f64());
    println!("the same: {}", total == files.iter().map(Vec::len).sum::<usize>());
    Ok(())
}

async fn remove(folder: std::path::PathBuf) {
    if let Err(error) = fs::remove_dir_all(&folder).await {
        eprintln!("{}: {error}", folder.display());
    }
}
